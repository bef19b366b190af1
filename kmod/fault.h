/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Faults at chosen points, for tests: a host that dies just there, or waits, a byte that
 * is another. They cost nothing while none is set.
 */
#ifndef _KVM_FT_FAULT_H
#define _KVM_FT_FAULT_H

#include <linux/jump_label.h>
#include <linux/types.h>

/**
 * enum ft_fault - points that can be chosen
 * @FT_FAULT_UNSENT: primary: an entry is in the log, the sender does not know
 * @FT_FAULT_UNACKED: primary: log bytes were sent, no acknowledgment of them is seen
 * @FT_FAULT_UNRELEASED: primary: acknowledged is what packets waited for, all of which
 *	are still held
 * @FT_FAULT_RELEASED: primary: one of these packets has left
 * @FT_FAULT_HELD: primary: acknowledged is what a disk request waited for, and it is
 *	still held
 * @FT_FAULT_SUBMITTED: primary: such a request was let go and has ended, and its end is
 *	not in the log
 * @FT_FAULT_BATCH: primary: the secondary has a part of what a device wrote, and not the
 *	rest of it
 * @FT_FAULT_DRAINED: secondary: its log is used up, and it is about to go live
 * @FT_FAULT_GO_LIVE: secondary: it goes live, and what was under way of its disks is about
 *	to be begun again; nothing was seen of it
 * @FT_FAULT_FLIP: secondary: one bit of a packet for the guest is another
 * @FT_FAULT_TSC: secondary: one bit of what the guest reads from its TSC is another
 */
enum ft_fault {
	FT_FAULT_UNSENT,
	FT_FAULT_UNACKED,
	FT_FAULT_UNRELEASED,
	FT_FAULT_RELEASED,
	FT_FAULT_HELD,
	FT_FAULT_SUBMITTED,
	FT_FAULT_BATCH,
	FT_FAULT_DRAINED,
	FT_FAULT_GO_LIVE,
	FT_FAULT_FLIP,
	FT_FAULT_TSC,
};

DECLARE_STATIC_KEY_FALSE(ft_fault_key);

bool __ft_fault_due(enum ft_fault point);
void __ft_fault_wait(enum ft_fault point);
void ft_fault_die(void) __noreturn;

/**
 * ft_fault_due() - the point is passed: is it the time that was chosen?
 * @point: where
 *
 * Context: any.
 * Return: whether the fault is to happen now.
 */
static __always_inline bool ft_fault_due(enum ft_fault point)
{
	return static_branch_unlikely(&ft_fault_key) && __ft_fault_due(point);
}

/**
 * ft_fault() - the point is passed; the host dies when it is the time
 * @point: where
 *
 * Context: any.
 */
static __always_inline void ft_fault(enum ft_fault point)
{
	if (ft_fault_due(point))
		ft_fault_die();
}

/**
 * ft_fault_wait() - stay at the point for as long as it is chosen
 * @point: where
 *
 * Context: may sleep.
 */
static __always_inline void ft_fault_wait(enum ft_fault point)
{
	if (static_branch_unlikely(&ft_fault_key))
		__ft_fault_wait(point);
}

#endif /* _KVM_FT_FAULT_H */
