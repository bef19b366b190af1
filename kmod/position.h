/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Positions: where the guest of a secondary stands on its way to the next input,
 * and how it is to be entered so that it stops there. Pure: no KVM, no counters,
 * no locks. struct ft_position itself is the log's: see wire.h.
 */
#ifndef _KVM_FT_POSITION_H
#define _KVM_FT_POSITION_H

#include <linux/types.h>
#include "wire.h"

/**
 * enum ft_way - from where the guest stands to a position
 * @FT_WAY_AHEAD: it is still to come
 * @FT_WAY_HERE: the guest stands there
 * @FT_WAY_LATE: the guest has more branches
 * @FT_WAY_PASSED: it has as many, and more events
 */
enum ft_way {
	FT_WAY_AHEAD,
	FT_WAY_HERE,
	FT_WAY_LATE,
	FT_WAY_PASSED,
};

/**
 * struct ft_plan - how the guest is to be entered
 * @breakpoint: stop before the instruction at @rip
 * @resume: ... but not this time, it stands there already
 * @trap: ... by injecting the trap that the instruction raises
 * @vector: that trap
 * @rip: linear address
 * @next_rip: offset of the instruction behind the trap
 */
struct ft_plan {
	bool breakpoint;
	bool resume;
	bool trap;
	u8 vector;
	u64 rip;
	u64 next_rip;
};

enum ft_way ft_position_way(const struct ft_position *here,
			    const struct ft_position *target);
u64 ft_position_skid(const struct ft_position *here, u64 overflow_at);
u64 ft_plan_run(struct ft_plan *plan, const struct ft_position *here,
		const struct ft_position *target, u32 margin, bool stopped);
void ft_plan_run_freely(struct ft_plan *plan);

#endif /* _KVM_FT_POSITION_H */
