/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The state machine of one side of a protected VM. Pure: it maps (state,
 * event) to (state, actions) and does nothing itself. enum kvm_ft_role,
 * kvm_ft_state, kvm_ft_reason and kvm_ft_on_loss come from the netlink spec.
 */
#ifndef _KVM_FT_STATE_H
#define _KVM_FT_STATE_H

#include <linux/bits.h>
#include <linux/types.h>
#include "../uapi/kvm_ft.h"

/**
 * enum ft_event - what can happen to a protected VM
 * @FT_EV_START: user: both sides are attached and equal; run
 * @FT_EV_LOST: the channel is silent or reset
 * @FT_EV_BYE: the peer ended protection on purpose (reason says why)
 * @FT_EV_DIVERGED: secondary: the guest asked something else than the log says
 * @FT_EV_DIGEST_DIFFERS: the digests at one position differ
 * @FT_EV_FAULT: this side cannot go on recording or replaying
 * @FT_EV_PROMOTE: user decides: this copy goes on
 * @FT_EV_DISABLE: user decides: protection ends; a secondary is discarded
 * @FT_EV_TEST_FAILOVER: user: primary: die on purpose, the secondary goes live
 * @FT_EV_ARBITER_WON: the arbiter lets this copy go on
 * @FT_EV_ARBITER_LOST: the other copy goes on
 * @FT_EV_DRAINED: secondary: the log is used up
 * @FT_EV_GONE: the VM's process is exiting
 * @FT_EV_NR: how many there are
 */
enum ft_event {
	FT_EV_START,
	FT_EV_LOST,
	FT_EV_BYE,
	FT_EV_DIVERGED,
	FT_EV_DIGEST_DIFFERS,
	FT_EV_FAULT,
	FT_EV_PROMOTE,
	FT_EV_DISABLE,
	FT_EV_TEST_FAILOVER,
	FT_EV_ARBITER_WON,
	FT_EV_ARBITER_LOST,
	FT_EV_DRAINED,
	FT_EV_GONE,
	FT_EV_NR,
};

/* Actions a transition asks for; the caller does them in this order. */
#define FT_ACT_BYE		BIT(0)	/* tell the peer why */
#define FT_ACT_CLOSE		BIT(1)	/* close the channel */
#define FT_ACT_HOLD		BIT(2)	/* the vCPU must not run */
#define FT_ACT_ARBITRATE	BIT(3)	/* ask the arbiter; answers ARBITER_* */
#define FT_ACT_DRAIN		BIT(4)	/* use up the log, then DRAINED */
#define FT_ACT_GO_LIVE		BIT(5)	/* rebase time, re-arm timers, drop gates */
#define FT_ACT_UNGATE		BIT(6)	/* primary: apply what is pending, drop gates */
#define FT_ACT_HALT		BIT(7)	/* this copy never runs again */
#define FT_ACT_NOTIFY		BIT(8)	/* multicast the new state */

/**
 * struct ft_machine - one side's state
 * @role: enum kvm_ft_role; a secondary that went live stays "secondary" until
 *	it is protected anew
 * @state: enum kvm_ft_state
 * @reason: enum kvm_ft_reason, why it came to be in @state
 * @on_loss: enum kvm_ft_on_loss, what to do when the peer is lost
 *
 * Guarded by the owner's lock (struct ft_vm: state_lock).
 */
struct ft_machine {
	u32 role;
	u32 state;
	u32 reason;
	u32 on_loss;
};

int ft_machine_event(struct ft_machine *m, enum ft_event event, u32 reason,
		     u32 *actions);

#endif /* _KVM_FT_STATE_H */
