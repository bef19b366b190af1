/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Requests that a device has begun and not ended, followed along its virtqueue; and how
 * the virtqueue is left for another device that is to begin them again. Pure: guest
 * memory is reached through callbacks.
 */
#ifndef _KVM_FT_BEGUN_H
#define _KVM_FT_BEGUN_H

#include <linux/types.h>
#include "virtqueue.h"

#define FT_REQUESTS_MAX	1024	/* a power of two; no virtqueue is longer */

/**
 * struct ft_begun - requests that have not ended
 * @nr: how many
 * @heads: their head descriptors, in the order in which they were begun
 */
struct ft_begun {
	unsigned int nr;
	u16 heads[FT_REQUESTS_MAX];
};

/**
 * struct ft_vring_at - how far a device is
 * @taken: of the available ring
 * @done: of the used ring
 */
struct ft_vring_at {
	u16 taken;
	u16 done;
};

/**
 * struct ft_begun_memory - the guest's memory
 * @read: read it; 0 or a negative errno
 * @write: write it, likewise
 * @ctx: for both
 */
struct ft_begun_memory {
	int (*read)(void *ctx, u64 gpa, void *buf, size_t len);
	int (*write)(void *ctx, u64 gpa, const void *buf, size_t len);
	void *ctx;
};

int ft_begun_follow(struct ft_begun *begun, const struct ft_vring *ring,
		    const struct ft_vring_at *from, const struct ft_vring_at *to,
		    const struct ft_begun_memory *memory);
int ft_begun_rewind(struct ft_begun *begun, const struct ft_vring *ring, u16 *taken,
		    const struct ft_begun_memory *memory);

#endif /* _KVM_FT_BEGUN_H */
