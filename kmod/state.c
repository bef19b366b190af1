// SPDX-License-Identifier: GPL-2.0-only
/*
 * The state machine of one side of a protected VM.
 *
 *   primary                                secondary
 *
 *   STARTING --> RUNNING                   STARTING --> RUNNING
 *      |          |    | peer lost            |          |    | peer lost
 *      |          |    v                      |          |    v
 *      |          |  NEED_DECISION,           |          |  NEED_DECISION,
 *      |          |  ARBITRATING              |          |  ARBITRATING
 *      |          |    |        \             |          |    |        \
 *      v          v    v         v            v          |    v         |
 *   DISABLED  NEED_SECONDARY  DROPPED      DROPPED <-----+- GOING_LIVE  |
 *                                             ^          |    |         |
 *                                             |          |    v         |
 *                                             +----------+  NEED_SECONDARY
 *                                             +-------------------------+
 *
 * What must hold, whatever happens: of two copies that lost each other at most
 * one goes on, and that is decided by the arbiter or the operator, never by the
 * loss alone; and a secondary that diverged never goes on. So GOING_LIVE is
 * entered in three places only: by the operator, by the arbiter, and when the
 * primary says that it halted for the test of failover.
 *
 * What no case names is refused and changes nothing. Refusals are also what
 * makes races harmless: a loss that is reported after the guest was let go has
 * nothing left to decide.
 */
#include <linux/errno.h>

#include "state.h"

/* The channel is open, so the peer can still be told. */
static bool ft_has_peer(const struct ft_machine *m)
{
	return m->state == KVM_FT_STATE_STARTING || m->state == KVM_FT_STATE_RUNNING;
}

static int ft_go(struct ft_machine *m, u32 state, u32 reason, u32 *actions, u32 act)
{
	m->state = state;
	m->reason = reason;
	*actions = act | FT_ACT_NOTIFY;
	return 0;
}

/* This side ends protection: tell the peer, if there is one to tell. */
static int ft_end(struct ft_machine *m, u32 state, u32 reason, u32 *actions, u32 act)
{
	if (ft_has_peer(m))
		act |= FT_ACT_BYE | FT_ACT_CLOSE;
	return ft_go(m, state, reason, actions, act);
}

static int ft_primary_starting(struct ft_machine *m, enum ft_event event, u32 reason,
			       u32 *actions)
{
	/* The guest was never recorded: whatever happens, it just goes on. */
	switch (event) {
	case FT_EV_START:
		return ft_go(m, KVM_FT_STATE_RUNNING, reason, actions, 0);
	case FT_EV_LOST:
	case FT_EV_BYE:
		return ft_go(m, KVM_FT_STATE_DISABLED, reason, actions,
			     FT_ACT_CLOSE | FT_ACT_UNGATE);
	case FT_EV_FAULT:
	case FT_EV_DIGEST_DIFFERS:
	case FT_EV_DISABLE:
		return ft_end(m, KVM_FT_STATE_DISABLED, reason, actions, FT_ACT_UNGATE);
	default:
		return -EINVAL;
	}
}

static int ft_primary_running(struct ft_machine *m, enum ft_event event, u32 reason,
			      u32 *actions)
{
	switch (event) {
	case FT_EV_LOST:
		/* The secondary may be going live this moment: stand still. */
		if (m->on_loss == KVM_FT_ON_LOSS_PROMOTE)
			return ft_go(m, KVM_FT_STATE_ARBITRATING, reason, actions,
				     FT_ACT_CLOSE | FT_ACT_HOLD | FT_ACT_ARBITRATE);
		return ft_go(m, KVM_FT_STATE_NEED_DECISION, reason, actions,
			     FT_ACT_CLOSE | FT_ACT_HOLD);
	case FT_EV_BYE:
		/* It says so itself: the secondary dropped its copy. */
		return ft_go(m, KVM_FT_STATE_NEED_SECONDARY, reason, actions,
			     FT_ACT_CLOSE | FT_ACT_UNGATE);
	case FT_EV_FAULT:
	case FT_EV_DIGEST_DIFFERS:
		return ft_end(m, KVM_FT_STATE_NEED_SECONDARY, reason, actions,
			      FT_ACT_UNGATE);
	case FT_EV_DISABLE:
		return ft_end(m, KVM_FT_STATE_DISABLED, reason, actions, FT_ACT_UNGATE);
	case FT_EV_TEST_FAILOVER:
		return ft_end(m, KVM_FT_STATE_DROPPED, reason, actions, FT_ACT_HALT);
	default:
		return -EINVAL;
	}
}

static int ft_primary(struct ft_machine *m, enum ft_event event, u32 reason, u32 *actions)
{
	switch (m->state) {
	case KVM_FT_STATE_STARTING:
		return ft_primary_starting(m, event, reason, actions);
	case KVM_FT_STATE_RUNNING:
		return ft_primary_running(m, event, reason, actions);
	case KVM_FT_STATE_NEED_DECISION:
		if (event == FT_EV_PROMOTE)
			return ft_go(m, KVM_FT_STATE_NEED_SECONDARY, reason, actions,
				     FT_ACT_UNGATE);
		if (event == FT_EV_DISABLE)
			return ft_go(m, KVM_FT_STATE_DISABLED, reason, actions,
				     FT_ACT_UNGATE);
		return -EINVAL;
	case KVM_FT_STATE_ARBITRATING:
		/* The operator cannot overrule: the other copy may have won. */
		if (event == FT_EV_ARBITER_WON)
			return ft_go(m, KVM_FT_STATE_NEED_SECONDARY, reason, actions,
				     FT_ACT_UNGATE);
		if (event == FT_EV_ARBITER_LOST)
			return ft_go(m, KVM_FT_STATE_DROPPED, reason, actions, FT_ACT_HALT);
		return -EINVAL;
	default:
		return -EINVAL;
	}
}

static int ft_secondary_running(struct ft_machine *m, enum ft_event event, u32 reason,
				u32 *actions)
{
	switch (event) {
	case FT_EV_LOST:
		/* No hold: it may use up its log, and cannot run past it. */
		if (m->on_loss == KVM_FT_ON_LOSS_PROMOTE)
			return ft_go(m, KVM_FT_STATE_ARBITRATING, reason, actions,
				     FT_ACT_CLOSE | FT_ACT_ARBITRATE);
		return ft_go(m, KVM_FT_STATE_NEED_DECISION, reason, actions, FT_ACT_CLOSE);
	case FT_EV_BYE:
		/* Only here has the primary halted; else it goes on by itself. */
		if (reason == KVM_FT_REASON_TEST_FAILOVER)
			return ft_go(m, KVM_FT_STATE_GOING_LIVE, reason, actions,
				     FT_ACT_CLOSE | FT_ACT_DRAIN);
		return ft_go(m, KVM_FT_STATE_DROPPED, reason, actions,
			     FT_ACT_CLOSE | FT_ACT_HALT);
	default:
		return -EINVAL;
	}
}

static int ft_secondary(struct ft_machine *m, enum ft_event event, u32 reason,
			u32 *actions)
{
	if (m->state == KVM_FT_STATE_NEED_SECONDARY)
		return -EINVAL;

	/* Until it is live, what makes a copy worthless drops it in any state. */
	switch (event) {
	case FT_EV_DIVERGED:
	case FT_EV_DIGEST_DIFFERS:
	case FT_EV_FAULT:
	case FT_EV_DISABLE:
		return ft_end(m, KVM_FT_STATE_DROPPED, reason, actions, FT_ACT_HALT);
	default:
		break;
	}

	switch (m->state) {
	case KVM_FT_STATE_STARTING:
		if (event == FT_EV_START)
			return ft_go(m, KVM_FT_STATE_RUNNING, reason, actions, 0);
		/* Not yet protected: the primary goes on without it. */
		if (event == FT_EV_LOST || event == FT_EV_BYE)
			return ft_go(m, KVM_FT_STATE_DROPPED, reason, actions,
				     FT_ACT_CLOSE | FT_ACT_HALT);
		return -EINVAL;
	case KVM_FT_STATE_RUNNING:
		return ft_secondary_running(m, event, reason, actions);
	case KVM_FT_STATE_NEED_DECISION:
		if (event == FT_EV_PROMOTE)
			return ft_go(m, KVM_FT_STATE_GOING_LIVE, reason, actions,
				     FT_ACT_DRAIN);
		return -EINVAL;
	case KVM_FT_STATE_ARBITRATING:
		if (event == FT_EV_ARBITER_WON)
			return ft_go(m, KVM_FT_STATE_GOING_LIVE, reason, actions,
				     FT_ACT_DRAIN);
		if (event == FT_EV_ARBITER_LOST)
			return ft_go(m, KVM_FT_STATE_DROPPED, reason, actions, FT_ACT_HALT);
		return -EINVAL;
	case KVM_FT_STATE_GOING_LIVE:
		if (event == FT_EV_DRAINED)
			return ft_go(m, KVM_FT_STATE_NEED_SECONDARY, reason, actions,
				     FT_ACT_GO_LIVE);
		return -EINVAL;
	default:
		return -EINVAL;
	}
}

/*
 * Why the state changes: most events say it by themselves, a few bring it
 * along, and what only carries an earlier change on leaves it as it was.
 */
static u32 ft_event_reason(const struct ft_machine *m, enum ft_event event, u32 reason)
{
	switch (event) {
	case FT_EV_START:
		return KVM_FT_REASON_NONE;
	case FT_EV_LOST:
		return KVM_FT_REASON_LOST_CONNECTION;
	case FT_EV_BYE:
		return reason ?: KVM_FT_REASON_PEER_ENDED;
	case FT_EV_FAULT:
		return reason;
	case FT_EV_DIVERGED:
	case FT_EV_DIGEST_DIFFERS:
		return KVM_FT_REASON_DIVERGENCE;
	case FT_EV_DISABLE:
		return KVM_FT_REASON_USER_ACTION;
	case FT_EV_TEST_FAILOVER:
		return KVM_FT_REASON_TEST_FAILOVER;
	case FT_EV_GONE:
		return KVM_FT_REASON_GUEST_GONE;
	default:
		return m->reason;
	}
}

/**
 * ft_machine_event() - something happened to a protected VM
 * @m: the machine; changed on success only
 * @event: what happened
 * @reason: enum kvm_ft_reason, for FT_EV_BYE what the peer said, for
 *	FT_EV_FAULT why; ignored for all other events
 * @actions: FT_ACT_* the caller has to do now, from the lowest bit to the
 *	highest; 0 on failure
 *
 * Context: The owner's lock is held.
 * Return: 0, or -EINVAL when @event has no meaning in this role and state.
 */
int ft_machine_event(struct ft_machine *m, enum ft_event event, u32 reason,
		     u32 *actions)
{
	*actions = 0;
	reason = ft_event_reason(m, event, reason);

	if (event == FT_EV_GONE)
		return ft_end(m, KVM_FT_STATE_DISABLED, reason, actions, FT_ACT_CLOSE);

	switch (m->state) {
	case KVM_FT_STATE_DISABLED:
	case KVM_FT_STATE_DROPPED:
		/* These two are left by QEMU's exit only. */
		return -EINVAL;
	case KVM_FT_STATE_NEED_SECONDARY:
		if (event == FT_EV_DISABLE)
			return ft_go(m, KVM_FT_STATE_DISABLED, reason, actions, 0);
		return -EINVAL;
	default:
		break;
	}

	switch (m->role) {
	case KVM_FT_ROLE_PRIMARY:
		return ft_primary(m, event, reason, actions);
	case KVM_FT_ROLE_SECONDARY:
		return ft_secondary(m, event, reason, actions);
	default:
		return -EINVAL;
	}
}
