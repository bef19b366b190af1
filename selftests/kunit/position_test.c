// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of positions. The last one leads the copy of a small guest along the positions
 * that the guest was interrupted at: by a counter that is late, and by breakpoints.
 */
#include <kunit/test.h>
#include <linux/prandom.h>

#include "../../kmod/position.h"

#define MARGIN	128

static const struct ft_position there = {
	.branches = 1000, .rip = 0x4000, .events = 10, .regs = 0x1234,
};

/* @there, but for what is said. */
#define LIKE_THERE(...)	({ struct ft_position p = there; __VA_ARGS__; p; })

static void position_test_equal(struct kunit *test)
{
	struct ft_position here = there;

	KUNIT_EXPECT_EQ(test, ft_position_way(&here, &there), FT_WAY_HERE);
}

/* Each part of it counts, and what is less than the position is on the way there. */
static void position_test_parts(struct kunit *test)
{
	struct ft_position here;

	here = LIKE_THERE(p.branches--);
	KUNIT_EXPECT_EQ(test, ft_position_way(&here, &there), FT_WAY_AHEAD);
	here = LIKE_THERE(p.events--);
	KUNIT_EXPECT_EQ(test, ft_position_way(&here, &there), FT_WAY_AHEAD);
	here = LIKE_THERE(p.rip--);
	KUNIT_EXPECT_EQ(test, ft_position_way(&here, &there), FT_WAY_AHEAD);
	here = LIKE_THERE(p.rip++);
	KUNIT_EXPECT_EQ(test, ft_position_way(&here, &there), FT_WAY_AHEAD);
	here = LIKE_THERE(p.regs ^= BIT(31));
	KUNIT_EXPECT_EQ(test, ft_position_way(&here, &there), FT_WAY_AHEAD);
}

/* The upper half of a part is not lost. */
static void position_test_wide(struct kunit *test)
{
	struct ft_position here;

	here = LIKE_THERE(p.branches += BIT_ULL(32));
	KUNIT_EXPECT_EQ(test, ft_position_way(&here, &there), FT_WAY_LATE);
	KUNIT_EXPECT_EQ(test, ft_position_way(&there, &here), FT_WAY_AHEAD);
	here = LIKE_THERE(p.events += BIT_ULL(32));
	KUNIT_EXPECT_EQ(test, ft_position_way(&here, &there), FT_WAY_PASSED);
	KUNIT_EXPECT_EQ(test, ft_position_way(&there, &here), FT_WAY_AHEAD);
	here = LIKE_THERE(p.rip += BIT_ULL(32));
	KUNIT_EXPECT_EQ(test, ft_position_way(&here, &there), FT_WAY_AHEAD);
}

/* Branches say most: fewer and all else may differ, more and nothing can mend it. */
static void position_test_order(struct kunit *test)
{
	struct ft_position here;

	here = LIKE_THERE(p.branches--, p.events++, p.rip++, p.regs++);
	KUNIT_EXPECT_EQ(test, ft_position_way(&here, &there), FT_WAY_AHEAD);
	here = LIKE_THERE(p.branches++);
	KUNIT_EXPECT_EQ(test, ft_position_way(&here, &there), FT_WAY_LATE);
	here = LIKE_THERE(p.branches++, p.events++);
	KUNIT_EXPECT_EQ(test, ft_position_way(&here, &there), FT_WAY_LATE);
	here = LIKE_THERE(p.branches++, p.events--);
	KUNIT_EXPECT_EQ(test, ft_position_way(&here, &there), FT_WAY_LATE);
	here = LIKE_THERE(p.events++);
	KUNIT_EXPECT_EQ(test, ft_position_way(&here, &there), FT_WAY_PASSED);
	here = LIKE_THERE(p.events++, p.rip++, p.regs++);
	KUNIT_EXPECT_EQ(test, ft_position_way(&here, &there), FT_WAY_PASSED);
}

static void position_test_skid(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, ft_position_skid(&there, 900), 100);
	KUNIT_EXPECT_EQ(test, ft_position_skid(&there, 1000), 0);
	KUNIT_EXPECT_EQ(test, ft_position_skid(&there, 1001), 0);
}

/* Where the counter gives way to the breakpoint. */
static void position_test_margin(struct kunit *test)
{
	struct ft_plan plan = { };
	struct ft_position here;

	here = LIKE_THERE(p.branches -= MARGIN + 1, p.rip++);
	KUNIT_EXPECT_EQ(test, ft_plan_run(&plan, &here, &there, MARGIN, false), 1);
	KUNIT_EXPECT_FALSE(test, plan.breakpoint);

	here = LIKE_THERE(p.branches = 0, p.rip++);
	KUNIT_EXPECT_EQ(test, ft_plan_run(&plan, &here, &there, MARGIN, false),
			there.branches - MARGIN);
	KUNIT_EXPECT_FALSE(test, plan.breakpoint);

	here = LIKE_THERE(p.branches -= MARGIN, p.rip++);
	KUNIT_EXPECT_EQ(test, ft_plan_run(&plan, &here, &there, MARGIN, false), 0);
	KUNIT_EXPECT_TRUE(test, plan.breakpoint);
	KUNIT_EXPECT_EQ(test, plan.rip, there.rip);

	here = LIKE_THERE(p.rip++);
	KUNIT_EXPECT_EQ(test, ft_plan_run(&plan, &here, &there, MARGIN, false), 0);
	KUNIT_EXPECT_TRUE(test, plan.breakpoint);
	KUNIT_EXPECT_FALSE(test, plan.resume);

	here = LIKE_THERE(p.branches--, p.rip++);
	KUNIT_EXPECT_EQ(test, ft_plan_run(&plan, &here, &there, 0, false), 1);
	KUNIT_EXPECT_FALSE(test, plan.breakpoint);
}

/* It stands at the instruction, with other branches: the first visit is not passed. */
static void position_test_resume(struct kunit *test)
{
	struct ft_position here = LIKE_THERE(p.branches -= 5);
	struct ft_plan plan = { };

	ft_plan_run(&plan, &here, &there, MARGIN, false);
	KUNIT_EXPECT_FALSE(test, plan.resume);
	/* Stopped, so the breakpoint is in its way. */
	ft_plan_run(&plan, &here, &there, MARGIN, true);
	KUNIT_EXPECT_TRUE(test, plan.breakpoint);
	KUNIT_EXPECT_TRUE(test, plan.resume);
	/* Something else got it out before it could move. */
	ft_plan_run(&plan, &here, &there, MARGIN, false);
	KUNIT_EXPECT_FALSE(test, plan.resume);
	/* It came out elsewhere. */
	ft_plan_run(&plan, &here, &there, MARGIN, true);
	here.rip++;
	ft_plan_run(&plan, &here, &there, MARGIN, true);
	KUNIT_EXPECT_FALSE(test, plan.resume);
}

/* Stopped for one position, and the next is at another instruction, or far away. */
static void position_test_next(struct kunit *test)
{
	struct ft_position here = there, next = LIKE_THERE(p.rip++);
	struct ft_plan plan = { };

	here.branches--;
	ft_plan_run(&plan, &here, &there, MARGIN, false);
	ft_plan_run(&plan, &there, &next, MARGIN, true);
	KUNIT_EXPECT_TRUE(test, plan.resume);
	KUNIT_EXPECT_EQ(test, plan.rip, next.rip);

	next = LIKE_THERE(p.branches += 2 * MARGIN);
	KUNIT_EXPECT_EQ(test, ft_plan_run(&plan, &there, &next, MARGIN, true), MARGIN);
	KUNIT_EXPECT_FALSE(test, plan.breakpoint);
	/* Without a breakpoint there is none to be passed. */
	next.branches = there.branches;
	ft_plan_run(&plan, &there, &next, MARGIN, true);
	KUNIT_EXPECT_FALSE(test, plan.resume);
}

static void position_test_freely(struct kunit *test)
{
	struct ft_plan plan = { .breakpoint = true, .resume = true, .trap = true };

	ft_plan_run_freely(&plan);
	KUNIT_EXPECT_FALSE(test, plan.breakpoint);
	KUNIT_EXPECT_FALSE(test, plan.resume);
	/* Is not its affair. */
	KUNIT_EXPECT_TRUE(test, plan.trap);
}

/* -- A guest, and its copy ------------------------------------------------------------ */

#define LOOP		0	/* ten instructions, of which two may branch */
#define LOOP_END	9
#define STILL		10	/* a loop without a branch, for some iterations */
#define STILL_END	12
#define HANDLER		100	/* of interrupts */
#define HANDLER_END	103

#define NEVER		U64_MAX

/**
 * struct guest - a machine with one program
 * @pos: where it stands
 * @back: where the handler returns to
 */
struct guest {
	struct ft_position pos;
	u64 back;
};

static void guest_step(struct guest *g)
{
	struct ft_position *pos = &g->pos;

	switch (pos->rip) {
	case LOOP + 4:
		pos->branches++;
		break;
	case LOOP_END:
		pos->branches++;
		pos->regs++;
		pos->rip = pos->regs % 8 ? LOOP : STILL;
		return;
	case STILL_END:
		pos->regs++;
		pos->rip = pos->regs % 8 ? STILL : LOOP;
		return;
	case HANDLER + 1:
		pos->branches++;
		break;
	case HANDLER_END:
		pos->rip = g->back;
		return;
	}
	pos->rip++;
}

static void guest_interrupt(struct guest *g)
{
	if (g->pos.rip < HANDLER)
		g->back = g->pos.rip;
	g->pos.rip = HANDLER;
	g->pos.events++;
}

/* Return: whether the plan's breakpoint ended it. */
static bool guest_run(struct guest *g, const struct ft_plan *plan, u64 overflow_at,
		      struct rnd_state *rnd)
{
	bool first = true;

	for (;;) {
		if (plan->breakpoint && g->pos.rip == plan->rip && !(first && plan->resume))
			return true;
		/* Interrupts of the host. */
		if (prandom_u32_state(rnd) % 64 == 0)
			return false;
		guest_step(g);
		first = false;
		if (g->pos.branches >= overflow_at &&
		    prandom_u32_state(rnd) % 16 == 0)
			return false;
		if (g->pos.branches >= overflow_at + MARGIN - 1)
			return false;
	}
}

static void position_lead(struct kunit *test, struct guest *copy,
			  const struct ft_position *target, struct rnd_state *rnd)
{
	struct ft_plan plan = { };
	unsigned int runs = 0;
	bool stopped = false;
	enum ft_way way;
	u64 distance;

	while ((way = ft_position_way(&copy->pos, target)) != FT_WAY_HERE) {
		KUNIT_ASSERT_EQ(test, way, FT_WAY_AHEAD);
		KUNIT_ASSERT_LT(test, runs++, 10000);
		distance = ft_plan_run(&plan, &copy->pos, target, MARGIN, stopped);
		KUNIT_ASSERT_NE(test, plan.breakpoint, !!distance);
		stopped = guest_run(copy, &plan,
				    distance ? copy->pos.branches + distance : NEVER - MARGIN,
				    rnd);
	}
}

static void position_test_lead(struct kunit *test)
{
	struct guest guest = { }, copy = { };
	struct rnd_state rnd;
	u32 n, round;

	prandom_seed_state(&rnd, 1);
	for (round = 0; round < 2000; round++) {
		n = prandom_u32_state(&rnd) % (round % 4 ? 30 : 3000);
		while (n--)
			guest_step(&guest);
		position_lead(test, &copy, &guest.pos, &rnd);
		guest_interrupt(&guest);
		guest_interrupt(&copy);
	}
	KUNIT_EXPECT_GT(test, guest.pos.branches, 10000);
}

static struct kunit_case position_cases[] = {
	KUNIT_CASE(position_test_equal),
	KUNIT_CASE(position_test_parts),
	KUNIT_CASE(position_test_wide),
	KUNIT_CASE(position_test_order),
	KUNIT_CASE(position_test_skid),
	KUNIT_CASE(position_test_margin),
	KUNIT_CASE(position_test_resume),
	KUNIT_CASE(position_test_next),
	KUNIT_CASE(position_test_freely),
	KUNIT_CASE(position_test_lead),
	{ }
};

static struct kunit_suite position_suite = {
	.name = "kvm_ft_position",
	.test_cases = position_cases,
};

kunit_test_suite(position_suite);

MODULE_DESCRIPTION("KUnit tests of kvm_ft's positions");
MODULE_LICENSE("GPL");
