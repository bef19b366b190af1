// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a device wrote, found from the used ring it left behind. The guest's
 * descriptors are read a second time here: the guest stands still from before the
 * device read them until after this. It may still have written nonsense.
 */
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <uapi/linux/virtio_ring.h>
#include <asm/byteorder.h>
#include "virtqueue.h"

/* Longest chain, indirect table included, that vhost takes (UIO_MAXIOV). */
#define FT_CHAIN_MAX	1024

/**
 * struct ft_chain - a walk along descriptors
 * @walk: who walks
 * @head: its head descriptor
 * @at: bytes found
 * @len: bytes written that are still to be found
 * @count: descriptors seen
 */
struct ft_chain {
	const struct ft_vring_walk *walk;
	u32 head;
	u64 at;
	u32 len;
	unsigned int count;
};

static int ft_chain_desc(struct ft_chain *chain, u64 table, u32 i, u32 num,
			 struct ft_vring_desc *desc)
{
	const struct ft_vring_walk *walk = chain->walk;

	if (i >= num || ++chain->count > FT_CHAIN_MAX)
		return -EINVAL;
	return walk->read(walk->ctx, table + i * sizeof(*desc), desc, sizeof(*desc));
}

static int ft_chain_buffer(struct ft_chain *chain, const struct ft_vring_desc *desc)
{
	const struct ft_vring_walk *walk = chain->walk;
	const struct ft_vring_stretch stretch = {
		.gpa = le64_to_cpu(desc->addr),
		.len = min(chain->len, le32_to_cpu(desc->len)),
		.head = chain->head,
		.at = chain->at,
	};

	if (!stretch.len || !(le16_to_cpu(desc->flags) & VRING_DESC_F_WRITE))
		return 0;
	chain->at += stretch.len;
	chain->len -= stretch.len;
	return walk->written(walk->ctx, &stretch);
}

static bool ft_chain_next(const struct ft_vring_desc *desc)
{
	return le16_to_cpu(desc->flags) & VRING_DESC_F_NEXT;
}

/* As vhost reads it: one entry behind the other, whatever "next" says. */
static int ft_chain_indirect(struct ft_chain *chain, const struct ft_vring_desc *outer)
{
	u64 table = le64_to_cpu(outer->addr);
	u32 num = le32_to_cpu(outer->len) / sizeof(*outer), i = 0;
	struct ft_vring_desc desc;
	int ret;

	do {
		ret = ft_chain_desc(chain, table, i++, num, &desc);
		if (!ret && le16_to_cpu(desc.flags) & VRING_DESC_F_INDIRECT)
			ret = -EINVAL;
		if (!ret)
			ret = ft_chain_buffer(chain, &desc);
	} while (!ret && ft_chain_next(&desc));
	return ret;
}

/* The buffers of a chain that begins in the descriptor table. */
static int ft_chain_written(struct ft_chain *chain, const struct ft_vring *ring)
{
	struct ft_vring_desc desc;
	u32 i = chain->head;
	int ret;

	do {
		ret = ft_chain_desc(chain, ring->desc, i, ring->num, &desc);
		if (ret)
			break;
		if (le16_to_cpu(desc.flags) & VRING_DESC_F_INDIRECT)
			ret = ft_chain_indirect(chain, &desc);
		else
			ret = ft_chain_buffer(chain, &desc);
		i = le16_to_cpu(desc.next);
	} while (!ret && ft_chain_next(&desc));
	return ret;
}

/**
 * ft_vring_written() - what a device wrote for the buffers it has used
 * @ring: the virtqueue
 * @from: used->idx before
 * @to: used->idx now
 * @whole: the device tells no lengths; any writable buffer may have been written
 * @walk: reads guest memory, and is told of the stretches
 *
 * Buffers come first, then the used ring's elements; not used->flags, used->idx
 * and avail_event.
 *
 * Context: as @walk wants it.
 * Return: 0, -EINVAL for a descriptor that makes no sense, or what @walk returned.
 */
int ft_vring_written(const struct ft_vring *ring, u16 from, u16 to, bool whole,
		     const struct ft_vring_walk *walk)
{
	u16 count = to - from;
	u16 at, first;
	int ret;

	if (count > ring->num)
		return -EINVAL;
	for (at = from; at != to; at++) {
		struct ft_chain chain = { .walk = walk };
		struct ft_vring_elem used;

		ret = walk->read(walk->ctx, ft_vring_used(ring, at), &used, sizeof(used));
		if (ret)
			return ret;
		chain.len = whole ? U32_MAX : le32_to_cpu(used.len);
		if (!chain.len)
			continue;
		chain.head = le32_to_cpu(used.id);
		ret = ft_chain_written(&chain, ring);
		if (ret)
			return ret;
		/* It cannot have written what is not there. */
		if (chain.len && !whole)
			return -EINVAL;
	}
	/* In one piece, or in two around the ring's end. */
	for (at = from; count; at += first, count -= first) {
		struct ft_vring_stretch stretch = {
			.gpa = ft_vring_used(ring, at),
			.head = FT_VRING_USED,
		};

		first = min_t(u32, count, ring->num - (at & (ring->num - 1)));
		stretch.len = first * sizeof(struct ft_vring_elem);
		ret = walk->written(walk->ctx, &stretch);
		if (ret)
			return ret;
	}
	return 0;
}
