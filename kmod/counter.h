/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The branch counter: how far the guest has come, and how to be stopped near a
 * point it has not reached yet. Two pinned, guest-only perf events on the
 * vCPU's thread: an exact one that never overflows, and one that only
 * overflows (perf may throttle or delay a sampling event, so its count is not
 * to be trusted).
 */
#ifndef _KVM_FT_COUNTER_H
#define _KVM_FT_COUNTER_H

#include <linux/types.h>

struct perf_event;

/**
 * struct ft_counter - the branch counter of one vCPU
 * @count: counts, never overflows
 * @overflow: overflows a set distance ahead; NULL on a primary
 * @overflowed: an overflow interrupt came since ft_counter_arm()
 * @armed: @overflow was given a distance that has not been taken back
 *
 * Used by the vCPU's thread only; @overflowed is also set from NMI context.
 */
struct ft_counter {
	struct perf_event *count;
	struct perf_event *overflow;
	bool overflowed;
	bool armed;
};

int ft_counter_open(struct ft_counter *c, u64 raw, bool with_overflow);
void ft_counter_close(struct ft_counter *c);
int ft_counter_read(struct ft_counter *c, u64 *branches);
int ft_counter_arm(struct ft_counter *c, u64 distance);
void ft_counter_disarm(struct ft_counter *c);

#endif /* _KVM_FT_COUNTER_H */
