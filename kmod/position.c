// SPDX-License-Identifier: GPL-2.0-only
#include "position.h"

/**
 * ft_position_way() - which way is it to a position?
 * @here: where the guest stands
 * @target: the position; of an answer, whose events are not in the log, only
 *	FT_WAY_LATE has a meaning
 *
 * As many branches, and as many or less events, but another instruction or other
 * registers: that may be on the way, or be a divergence. Who goes on finds out, at
 * the next branch.
 *
 * Return: the way.
 */
enum ft_way ft_position_way(const struct ft_position *here, const struct ft_position *target)
{
	if (here->branches > target->branches)
		return FT_WAY_LATE;
	if (here->branches < target->branches)
		return FT_WAY_AHEAD;
	if (here->events > target->events)
		return FT_WAY_PASSED;
	return here->events == target->events && here->rip == target->rip &&
	       here->regs == target->regs ? FT_WAY_HERE : FT_WAY_AHEAD;
}

/**
 * ft_position_skid() - how late did an overflow interrupt come?
 * @here: where the guest stands
 * @overflow_at: branches at which the counter was to overflow
 *
 * Return: branches; 0 also when the guest came out before.
 */
u64 ft_position_skid(const struct ft_position *here, u64 overflow_at)
{
	return here->branches > overflow_at ? here->branches - overflow_at : 0;
}

/**
 * ft_plan_run() - plan the run to a position
 * @plan: the last plan; the next one on return
 * @here: where the guest stands
 * @target: the position, not behind it
 * @margin: branches before it from which on a breakpoint stops the guest, and
 *	nearer to which the counter is not to overflow
 * @stopped: the guest came out since it was about to execute a breakpoint's instruction
 *
 * A breakpoint where the guest stands stops it before it has moved. So it is passed
 * once the guest was stopped by it, and not before: the first time may be the one
 * that is wanted.
 *
 * Return: branches after which the counter has to overflow; 0: it has not, the
 * breakpoint stops the guest.
 */
u64 ft_plan_run(struct ft_plan *plan, const struct ft_position *here,
		const struct ft_position *target, u32 margin, bool stopped)
{
	u64 distance = target->branches - here->branches;

	plan->resume = plan->breakpoint && plan->rip == here->rip && stopped;
	plan->rip = target->rip;
	plan->breakpoint = distance <= margin;
	return plan->breakpoint ? 0 : distance - margin;
}

/**
 * ft_plan_run_freely() - plan a run that ends by itself
 * @plan: the next plan on return
 */
void ft_plan_run_freely(struct ft_plan *plan)
{
	plan->breakpoint = false;
	plan->resume = false;
}
