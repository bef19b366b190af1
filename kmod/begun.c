// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which requests are under way is known from how far the device moved: it has begun what
 * it took from the available ring, and ended what it put into the used ring, in whatever
 * order. The guest may have written nonsense into both.
 */
#include <linux/errno.h>
#include <linux/string.h>
#include <asm/byteorder.h>
#include "begun.h"

static int ft_begun_add(struct ft_begun *begun, u16 head)
{
	if (begun->nr == FT_REQUESTS_MAX)
		return -EINVAL;
	begun->heads[begun->nr++] = head;
	return 0;
}

static void ft_begun_end(struct ft_begun *begun, u16 head)
{
	unsigned int i;

	for (i = 0; i < begun->nr; i++) {
		if (begun->heads[i] != head)
			continue;
		begun->nr--;
		memmove(&begun->heads[i], &begun->heads[i + 1],
			(begun->nr - i) * sizeof(*begun->heads));
		return;
	}
}

/**
 * ft_begun_follow() - the device has moved on
 * @begun: what was under way before; on failure it is of no use any more
 * @ring: the virtqueue
 * @from: how far the device was
 * @to: how far it is
 * @memory: the guest's, where both rings are as the device found and left them
 *
 * Context: as @memory wants it.
 * Return: 0, -EINVAL when more is under way than a virtqueue can have, or what @memory
 * returned.
 */
int ft_begun_follow(struct ft_begun *begun, const struct ft_vring *ring,
		    const struct ft_vring_at *from, const struct ft_vring_at *to,
		    const struct ft_begun_memory *memory)
{
	int ret = 0;
	__le16 head;
	u16 at;

	for (at = from->taken; !ret && at != to->taken; at++) {
		ret = memory->read(memory->ctx, ft_vring_avail(ring, at), &head, sizeof(head));
		if (!ret)
			ret = ft_begun_add(begun, le16_to_cpu(head));
	}
	for (at = from->done; !ret && at != to->done; at++) {
		ret = memory->read(memory->ctx, ft_vring_used(ring, at), &head, sizeof(head));
		if (!ret)
			ft_begun_end(begun, le16_to_cpu(head));
	}
	return ret;
}

/**
 * ft_begun_rewind() - have what is under way begun again
 * @begun: what is under way; nothing, afterwards
 * @ring: the virtqueue
 * @taken: how far the device has taken the available ring; moved back
 * @memory: the guest's
 *
 * The requests are put in front of what is taken next. There the ring has been used up,
 * and is not written by the guest before they have ended: they and what waits behind them
 * are no more than the virtqueue has.
 *
 * Context: as @memory wants it.
 * Return: how many requests there were, or what @memory returned; then @taken is as it was.
 */
int ft_begun_rewind(struct ft_begun *begun, const struct ft_vring *ring, u16 *taken,
		    const struct ft_begun_memory *memory)
{
	u16 first = *taken - begun->nr;
	int ret = begun->nr;
	unsigned int i;

	for (i = 0; i < begun->nr; i++) {
		__le16 head = cpu_to_le16(begun->heads[i]);
		int err = memory->write(memory->ctx, ft_vring_avail(ring, first + i),
					&head, sizeof(head));

		if (err)
			ret = err;
	}
	begun->nr = 0;
	if (ret >= 0)
		*taken = first;
	return ret;
}
