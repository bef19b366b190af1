/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Split virtqueues, as far as it takes to know what a device has written to
 * guest memory. Pure: guest memory is read through a callback.
 * Virtio 1.2, section 2.7.
 */
#ifndef _KVM_FT_VIRTQUEUE_H
#define _KVM_FT_VIRTQUEUE_H

#include <linux/limits.h>
#include <linux/types.h>

/* As the guest has them: little endian, also where virtio is older than 1.0 (x86). */
struct ft_vring_desc {
	__le64 addr;
	__le32 len;
	__le16 flags;
	__le16 next;
};

struct ft_vring_elem {
	__le32 id;
	__le32 len;
};

/**
 * struct ft_vring - where a virtqueue lies, in guest physical addresses
 * @num: its size, a power of two
 * @desc: descriptor table
 * @avail: available ring
 * @used: used ring
 */
struct ft_vring {
	u32 num;
	u64 desc;
	u64 avail;
	u64 used;
};

#define FT_VRING_USED	U32_MAX	/* not a chain's: elements of the used ring */

/**
 * struct ft_vring_stretch - guest memory in one piece that a device wrote
 * @gpa: where
 * @len: bytes
 * @head: head descriptor of the chain it belongs to, or FT_VRING_USED
 * @at: how many bytes of this chain the device may write before it
 */
struct ft_vring_stretch {
	u64 gpa;
	u32 len;
	u32 head;
	u64 at;
};

/**
 * struct ft_vring_walk - who walks along a virtqueue
 * @read: read guest memory; 0 or a negative errno
 * @written: told of each stretch that the device wrote; an error ends the walk
 * @ctx: for both
 */
struct ft_vring_walk {
	int (*read)(void *ctx, u64 gpa, void *buf, size_t len);
	int (*written)(void *ctx, const struct ft_vring_stretch *stretch);
	void *ctx;
};

/* avail_event, behind the used ring; flags and idx are its first four bytes. */
static inline u64 ft_vring_event(const struct ft_vring *ring)
{
	return ring->used + 4 + 8ull * ring->num;
}

/* The head descriptor that the guest has made available at @at. */
static inline u64 ft_vring_avail(const struct ft_vring *ring, u16 at)
{
	return ring->avail + 4 + 2 * (at & (ring->num - 1));
}

/* The element of the used ring at @at; its first four bytes are the head descriptor. */
static inline u64 ft_vring_used(const struct ft_vring *ring, u16 at)
{
	return ring->used + 4 + 8 * (at & (ring->num - 1));
}

int ft_vring_written(const struct ft_vring *ring, u16 from, u16 to, bool whole,
		     const struct ft_vring_walk *walk);

#endif /* _KVM_FT_VIRTQUEUE_H */
