// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a device wrote, found from the used ring it left behind. The guest's
 * descriptors are read a second time here: the guest stands still from before the
 * device read them until after this. It may still have written nonsense.
 */
#include <linux/errno.h>
#include <linux/minmax.h>
#include <uapi/linux/virtio_ring.h>
#include <asm/byteorder.h>
#include "virtqueue.h"

/* Longest chain, indirect table included, that vhost takes (UIO_MAXIOV). */
#define FT_CHAIN_MAX	1024

struct ft_table {
	u64 gpa;
	u32 num;
};

/* The descriptors that chain @head of @table can be written through, up to @len bytes. */
static int ft_chain_written(struct ft_table table, u32 head, u32 len,
			    const struct ft_vring_walk *walk)
{
	unsigned int count;
	u32 i = head;

	for (count = 0; len && count < FT_CHAIN_MAX; count++) {
		struct vring_desc desc;
		u16 flags;
		int ret;

		if (i >= table.num)
			return -EINVAL;
		ret = walk->read(walk->ctx, table.gpa + i * sizeof(desc), &desc, sizeof(desc));
		if (ret)
			return ret;
		flags = le16_to_cpu((__force __le16)desc.flags);
		if (flags & VRING_DESC_F_INDIRECT) {
			table.gpa = le64_to_cpu((__force __le64)desc.addr);
			table.num = le32_to_cpu((__force __le32)desc.len) / sizeof(desc);
			i = 0;
			continue;
		}
		if (flags & VRING_DESC_F_WRITE) {
			u32 n = min(len, le32_to_cpu((__force __le32)desc.len));

			ret = walk->written(walk->ctx, le64_to_cpu((__force __le64)desc.addr), n);
			if (ret)
				return ret;
			len -= n;
		}
		if (!(flags & VRING_DESC_F_NEXT))
			break;
		i = le16_to_cpu((__force __le16)desc.next);
	}
	return 0;
}

/**
 * ft_vring_written() - what a device wrote for the buffers it has used
 * @ring: the virtqueue
 * @from: used->idx before
 * @to: used->idx now
 * @walk: reads guest memory, and is told of the stretches
 *
 * Buffers come first, then the used ring's elements; not used->flags, used->idx
 * and avail_event.
 *
 * Context: as @walk wants it.
 * Return: 0, -EINVAL for a descriptor that makes no sense, or what @walk returned.
 */
int ft_vring_written(const struct ft_vring *ring, u16 from, u16 to,
		     const struct ft_vring_walk *walk)
{
	const struct ft_table table = { ring->desc, ring->num };
	u16 mask = ring->num - 1;
	u16 count = to - from;
	u16 at, first;
	int ret;

	if (count > ring->num)
		return -EINVAL;
	for (at = from; at != to; at++) {
		struct vring_used_elem used;

		ret = walk->read(walk->ctx, ring->used + 4 + (at & mask) * sizeof(used),
				 &used, sizeof(used));
		if (!ret)
			ret = ft_chain_written(table, le32_to_cpu((__force __le32)used.id),
					       le32_to_cpu((__force __le32)used.len), walk);
		if (ret)
			return ret;
	}
	/* In one piece, or in two around the ring's end. */
	for (at = from; count; at += first, count -= first) {
		first = min_t(u32, count, ring->num - (at & mask));
		ret = walk->written(walk->ctx,
				    ring->used + 4 + (at & mask) * sizeof(struct vring_used_elem),
				    first * sizeof(struct vring_used_elem));
		if (ret)
			return ret;
	}
	return 0;
}
