// SPDX-License-Identifier: GPL-2.0-only
/*
 * The state machine, three times over:
 *
 *  - a table that names every transition there is; each of all combinations of
 *    role, policy, state and event is either in it or must be refused
 *  - what must hold of every single step
 *  - two machines, a channel, an operator and an arbiter together, through every
 *    order of events: never may both copies go on
 */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/bits.h>

#include "../../kmod/state.h"

#define NR_STATES	(KVM_FT_STATE_DROPPED + 1)
#define NR_REASONS	(KVM_FT_REASON_TEST_FAILOVER + 1)

#define P	BIT(KVM_FT_ROLE_PRIMARY)
#define S	BIT(KVM_FT_ROLE_SECONDARY)
#define ASK	BIT(KVM_FT_ON_LOSS_ASK)
#define PROMOTE	BIT(KVM_FT_ON_LOSS_PROMOTE)
#define ANY	(ASK | PROMOTE)

#define ST(name)	KVM_FT_STATE_##name
#define IN(name)	BIT(KVM_FT_STATE_##name)
#define EV(name)	FT_EV_##name
#define A(name)		FT_ACT_##name

/* In place of a reason: the one that came with the event, or the one before. */
#define GIVEN	(NR_REASONS + 0)
#define KEPT	(NR_REASONS + 1)
#define R(name)	KVM_FT_REASON_##name

/* States with a channel, and a secondary's after it and before it is live. */
#define UP		(IN(STARTING) | IN(RUNNING))
#define LEFT_ALONE	(IN(NEED_DECISION) | IN(ARBITRATING) | IN(GOING_LIVE))

/* What is expected; FT_ACT_NOTIFY goes without saying. */
struct row {
	u8 roles;
	u8 policies;
	u8 from;	/* any of these states, as IN() */
	u8 event;
	u8 to;
	u8 reason;
	u32 actions;
};

static const struct row rows[] = {
	/* Primary, starting: it goes on as it was. */
	{ P, ANY, IN(STARTING), EV(START), ST(RUNNING), R(NONE), 0 },
	{ P, ANY, IN(STARTING), EV(LOST), ST(DISABLED), R(LOST_CONNECTION),
	  A(CLOSE) | A(UNGATE) },
	{ P, ANY, IN(STARTING), EV(BYE), ST(DISABLED), GIVEN, A(CLOSE) | A(UNGATE) },
	{ P, ANY, IN(STARTING), EV(FAULT), ST(DISABLED), GIVEN,
	  A(BYE) | A(CLOSE) | A(UNGATE) },
	{ P, ANY, IN(STARTING), EV(DIGEST_DIFFERS), ST(DISABLED), R(DIVERGENCE),
	  A(BYE) | A(CLOSE) | A(UNGATE) },
	{ P, ANY, IN(STARTING), EV(DISABLE), ST(DISABLED), R(USER_ACTION),
	  A(BYE) | A(CLOSE) | A(UNGATE) },

	/* Primary, protected. */
	{ P, ASK, IN(RUNNING), EV(LOST), ST(NEED_DECISION), R(LOST_CONNECTION),
	  A(CLOSE) | A(HOLD) },
	{ P, PROMOTE, IN(RUNNING), EV(LOST), ST(ARBITRATING), R(LOST_CONNECTION),
	  A(CLOSE) | A(HOLD) | A(ARBITRATE) },
	{ P, ANY, IN(RUNNING), EV(BYE), ST(NEED_SECONDARY), GIVEN, A(CLOSE) | A(UNGATE) },
	{ P, ANY, IN(RUNNING), EV(FAULT), ST(NEED_SECONDARY), GIVEN,
	  A(BYE) | A(CLOSE) | A(UNGATE) },
	{ P, ANY, IN(RUNNING), EV(DIGEST_DIFFERS), ST(NEED_SECONDARY), R(DIVERGENCE),
	  A(BYE) | A(CLOSE) | A(UNGATE) },
	{ P, ANY, IN(RUNNING), EV(DISABLE), ST(DISABLED), R(USER_ACTION),
	  A(BYE) | A(CLOSE) | A(UNGATE) },
	{ P, ANY, IN(RUNNING), EV(TEST_FAILOVER), ST(DROPPED), R(TEST_FAILOVER),
	  A(BYE) | A(CLOSE) | A(HALT) },

	/* Primary, alone. */
	{ P, ANY, IN(NEED_DECISION), EV(PROMOTE), ST(NEED_SECONDARY), KEPT, A(UNGATE) },
	{ P, ANY, IN(NEED_DECISION), EV(DISABLE), ST(DISABLED), R(USER_ACTION), A(UNGATE) },
	{ P, ANY, IN(ARBITRATING), EV(ARBITER_WON), ST(NEED_SECONDARY), KEPT, A(UNGATE) },
	{ P, ANY, IN(ARBITRATING), EV(ARBITER_LOST), ST(DROPPED), KEPT, A(HALT) },

	/* Secondary, starting. */
	{ S, ANY, IN(STARTING), EV(START), ST(RUNNING), R(NONE), 0 },
	{ S, ANY, IN(STARTING), EV(LOST), ST(DROPPED), R(LOST_CONNECTION),
	  A(CLOSE) | A(HALT) },
	{ S, ANY, IN(STARTING), EV(BYE), ST(DROPPED), GIVEN, A(CLOSE) | A(HALT) },

	/* Secondary, protecting. A BYE of test-failover is a case of its own below. */
	{ S, ASK, IN(RUNNING), EV(LOST), ST(NEED_DECISION), R(LOST_CONNECTION), A(CLOSE) },
	{ S, PROMOTE, IN(RUNNING), EV(LOST), ST(ARBITRATING), R(LOST_CONNECTION),
	  A(CLOSE) | A(ARBITRATE) },
	{ S, ANY, IN(RUNNING), EV(BYE), ST(DROPPED), GIVEN, A(CLOSE) | A(HALT) },

	/* Secondary, alone. */
	{ S, ANY, IN(NEED_DECISION), EV(PROMOTE), ST(GOING_LIVE), KEPT, A(DRAIN) },
	{ S, ANY, IN(ARBITRATING), EV(ARBITER_WON), ST(GOING_LIVE), KEPT, A(DRAIN) },
	{ S, ANY, IN(ARBITRATING), EV(ARBITER_LOST), ST(DROPPED), KEPT, A(HALT) },
	{ S, ANY, IN(GOING_LIVE), EV(DRAINED), ST(NEED_SECONDARY), KEPT, A(GO_LIVE) },

	/* Secondary: what makes the copy worthless, while the channel is up ... */
	{ S, ANY, UP, EV(DIVERGED), ST(DROPPED), R(DIVERGENCE), A(BYE) | A(CLOSE) | A(HALT) },
	{ S, ANY, UP, EV(DIGEST_DIFFERS), ST(DROPPED), R(DIVERGENCE),
	  A(BYE) | A(CLOSE) | A(HALT) },
	{ S, ANY, UP, EV(FAULT), ST(DROPPED), GIVEN, A(BYE) | A(CLOSE) | A(HALT) },
	{ S, ANY, UP, EV(DISABLE), ST(DROPPED), R(USER_ACTION), A(BYE) | A(CLOSE) | A(HALT) },
	/* ... and when it is closed. */
	{ S, ANY, LEFT_ALONE, EV(DIVERGED), ST(DROPPED), R(DIVERGENCE), A(HALT) },
	{ S, ANY, LEFT_ALONE, EV(DIGEST_DIFFERS), ST(DROPPED), R(DIVERGENCE), A(HALT) },
	{ S, ANY, LEFT_ALONE, EV(FAULT), ST(DROPPED), GIVEN, A(HALT) },
	{ S, ANY, LEFT_ALONE, EV(DISABLE), ST(DROPPED), R(USER_ACTION), A(HALT) },

	/* Either. */
	{ P | S, ANY, IN(NEED_SECONDARY), EV(DISABLE), ST(DISABLED), R(USER_ACTION), 0 },
	{ P | S, ANY, UP, EV(GONE), ST(DISABLED), R(GUEST_GONE), A(BYE) | A(CLOSE) },
	{ P | S, ANY, (u8)~UP, EV(GONE), ST(DISABLED), R(GUEST_GONE), A(CLOSE) },
};

static const struct row test_failover_row = {
	S, ANY, IN(RUNNING), EV(BYE), ST(GOING_LIVE), GIVEN, A(CLOSE) | A(DRAIN)
};

static const struct row *find_row(const struct ft_machine *m, u32 event, u32 reason)
{
	size_t i;

	if (m->role == KVM_FT_ROLE_SECONDARY && m->state == ST(RUNNING) &&
	    event == EV(BYE) && reason == R(TEST_FAILOVER))
		return &test_failover_row;
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].roles & BIT(m->role) && rows[i].policies & BIT(m->on_loss) &&
		    rows[i].from & BIT(m->state) && rows[i].event == event)
			return &rows[i];
	return NULL;
}

typedef void (*step_fn)(struct kunit *test, const struct ft_machine *before, u32 event,
			u32 reason);

/* The next digit of a number whose digits are all that can vary. */
static u32 digit(u32 *number, u32 base)
{
	u32 d = *number % base;

	*number /= base;
	return d;
}

static void for_all(struct kunit *test, step_fn fn)
{
	u32 combinations = 2 * 2 * NR_STATES * NR_REASONS * FT_EV_NR * NR_REASONS;
	struct ft_machine m;
	u32 i, left, event;

	for (i = 0; i < combinations; i++) {
		left = i;
		m.role = digit(&left, 2);
		m.on_loss = digit(&left, 2);
		m.state = digit(&left, NR_STATES);
		m.reason = digit(&left, NR_REASONS);
		event = digit(&left, FT_EV_NR);
		fn(test, &m, event, left);
	}
}

static void check_step(struct kunit *test, const struct ft_machine *before, u32 event,
		       u32 reason)
{
	const struct row *row = find_row(before, event, reason);
	struct ft_machine m = *before;
	u32 actions = ~0, want;
	int ret = ft_machine_event(&m, event, reason, &actions);

#define WHERE "role %u policy %u state %u event %u reason %u", \
	before->role, before->on_loss, before->state, event, reason

	if (!row) {
		KUNIT_ASSERT_EQ_MSG(test, ret, -EINVAL, WHERE);
		KUNIT_ASSERT_MEMEQ_MSG(test, &m, before, sizeof(m), WHERE);
		KUNIT_ASSERT_EQ_MSG(test, actions, 0, WHERE);
		return;
	}
	want = row->reason == KEPT ? before->reason : row->reason;
	if (row->reason == GIVEN) {
		want = reason;
		if (event == EV(BYE) && !reason)
			want = R(PEER_ENDED);
	}
	KUNIT_ASSERT_EQ_MSG(test, ret, 0, WHERE);
	KUNIT_ASSERT_EQ_MSG(test, m.state, row->to, WHERE);
	KUNIT_ASSERT_EQ_MSG(test, m.reason, want, WHERE);
	KUNIT_ASSERT_EQ_MSG(test, actions, row->actions | A(NOTIFY), WHERE);
	KUNIT_ASSERT_EQ_MSG(test, m.role, before->role, WHERE);
	KUNIT_ASSERT_EQ_MSG(test, m.on_loss, before->on_loss, WHERE);
}

static void state_test_table(struct kunit *test)
{
	for_all(test, check_step);
}

static bool is_up(u32 state)
{
	return state == ST(STARTING) || state == ST(RUNNING);
}

static void check_rules(struct kunit *test, const struct ft_machine *before, u32 event,
			u32 reason)
{
	bool primary = before->role == KVM_FT_ROLE_PRIMARY;
	struct ft_machine m = *before;
	u32 act;

	if (ft_machine_event(&m, event, reason, &act))
		return;

	/* The channel is closed exactly when it stops being up. */
	if (is_up(before->state) && !is_up(m.state))
		KUNIT_ASSERT_TRUE_MSG(test, act & A(CLOSE), WHERE);
	if (act & A(BYE))
		KUNIT_ASSERT_TRUE_MSG(test, is_up(before->state) && act & A(CLOSE), WHERE);
	/* Only its own side's way of going on, and never along with a halt. */
	if (act & (A(UNGATE) | A(HOLD)))
		KUNIT_ASSERT_TRUE_MSG(test, primary, WHERE);
	if (act & (A(DRAIN) | A(GO_LIVE)))
		KUNIT_ASSERT_FALSE_MSG(test, primary, WHERE);
	if (act & A(HALT))
		KUNIT_ASSERT_FALSE_MSG(test, act & (A(UNGATE) | A(GO_LIVE) | A(DRAIN)), WHERE);
	KUNIT_ASSERT_EQ_MSG(test, !!(act & A(HALT)),
			    m.state == ST(DROPPED) && before->state != ST(DROPPED), WHERE);
	/* A loss alone never lets a protected copy go on. */
	if (event == EV(LOST) && before->state == ST(RUNNING)) {
		KUNIT_ASSERT_FALSE_MSG(test, act & (A(UNGATE) | A(GO_LIVE) | A(DRAIN)), WHERE);
		KUNIT_ASSERT_TRUE_MSG(test, m.state == ST(NEED_DECISION) ||
				      m.state == ST(ARBITRATING), WHERE);
		KUNIT_ASSERT_EQ_MSG(test, !!(act & A(HOLD)), primary, WHERE);
	}
	/* Going live has its own state before it, and only one way out of that. */
	if (act & A(GO_LIVE))
		KUNIT_ASSERT_TRUE_MSG(test, before->state == ST(GOING_LIVE) &&
				      event == EV(DRAINED), WHERE);
	/* What has ended does not come back to life. */
	if (before->state == ST(DISABLED) || before->state == ST(DROPPED))
		KUNIT_ASSERT_TRUE_MSG(test, m.state == ST(DISABLED) &&
				      !(act & (A(UNGATE) | A(GO_LIVE))), WHERE);
}

static void state_test_rules(struct kunit *test)
{
	for_all(test, check_rules);
}

static void state_test_nonsense(struct kunit *test)
{
	struct ft_machine m = { .role = 2, .state = ST(RUNNING) };
	u32 act = ~0;

	KUNIT_EXPECT_EQ(test, ft_machine_event(&m, EV(LOST), 0, &act), -EINVAL);
	KUNIT_EXPECT_EQ(test, act, 0);
	m = (struct ft_machine) { .state = NR_STATES };
	KUNIT_EXPECT_EQ(test, ft_machine_event(&m, EV(START), 0, &act), -EINVAL);
	m = (struct ft_machine) { .state = ST(RUNNING) };
	KUNIT_EXPECT_EQ(test, ft_machine_event(&m, FT_EV_NR, 0, &act), -EINVAL);
	KUNIT_EXPECT_EQ(test, m.state, ST(RUNNING));
}

/*
 * Two hosts together. A BYE that was sent arrives before the end of the
 * connection, as TCP has it; and a primary does not end protection of its own
 * accord in the moment between the secondary's loss of the channel and its own:
 * nothing but an arbiter that it asks then too can make that safe. The operator
 * decides for one copy, starts the primary first, and gave both the same policy.
 */

/* Who was let go on, by operator or arbiter. */
enum { NOBODY, PRIMARY, SECONDARY };

struct world {
	u8 state[2];	/* of the machines, by role */
	u8 bye[2];	/* on its way to this role, 0: none */
	u8 started;	/* the primary was */
	u8 decided;	/* by the operator */
	u8 arbiter;
	u8 alone;	/* the primary goes on by itself */
	u8 live;	/* the secondary went live */
	u8 diverged;
	u8 halted[2];
	u8 nr_steps;
	u8 steps[31];	/* how it came to this: event, top bit: secondary's */
};

static u32 pack(const struct world *w)
{
	/* Of the reasons in a BYE only test-failover makes a difference. */
	u32 key = w->state[0] | w->state[1] << 3;
	int i;

	for (i = 0; i < 2; i++)
		key |= (!w->bye[i] ? 0 : w->bye[i] == R(TEST_FAILOVER) ? 2 : 1) << (6 + 2 * i);
	key |= w->decided << 10 | w->arbiter << 12;
	return key | w->alone << 14 | w->live << 15 | w->diverged << 16 |
	       w->halted[0] << 17 | w->halted[1] << 18 | w->started << 19;
}

#define NR_WORLDS	BIT(20)
#define NR_TODO		BIT(14)

/**
 * struct search - all worlds that can be reached
 * @test: for assertions
 * @on_loss: policy of both machines
 * @seen: by pack()
 * @todo: all worlds, in the order in which they were found
 * @nr_done: how many of them were gone on from
 * @nr_seen: how many there are
 * @nr_live: in how many the secondary is live
 */
struct search {
	struct kunit *test;
	u32 on_loss;
	unsigned long *seen;
	struct world *todo;
	size_t nr_done;
	size_t nr_seen;
	size_t nr_live;
};

static void check_world(struct search *s, const struct world *w)
{
	const char *wrong = NULL;
	char path[128] = "";
	int i, n = 0;

	if (w->alone && w->live)
		wrong = "both copies go on";
	else if (w->diverged && w->live)
		wrong = "a diverged copy is live";
	else if ((w->alone && w->halted[0]) || (w->live && w->halted[1]))
		wrong = "a halted copy goes on";
	if (!wrong)
		return;
	for (i = 0; i < w->nr_steps; i++)
		n += scnprintf(path + n, sizeof(path) - n, " %c%u",
			       w->steps[i] & 0x80 ? 'S' : 'P', w->steps[i] & 0x7f);
	KUNIT_FAIL_AND_ABORT(s->test, "policy %u: %s after%s", s->on_loss, wrong, path);
}

static void visit(struct search *s, const struct world *w)
{
	check_world(s, w);
	if (__test_and_set_bit(pack(w), s->seen))
		return;
	KUNIT_ASSERT_LT(s->test, s->nr_seen, NR_TODO);
	s->todo[s->nr_seen++] = *w;
	s->nr_live += w->live;
}

/* May this happen now, in a world where everybody keeps to the rules? */
static bool possible(const struct world *w, u32 role, u32 event)
{
	bool deciding = w->state[role] == ST(NEED_DECISION);
	bool told = !is_up(w->state[role]) || is_up(w->state[!role]);
	u8 me = role ? SECONDARY : PRIMARY;

	switch (event) {
	case EV(START):
		return !role || w->started;
	case EV(LOST):
		return is_up(w->state[role]) && !w->bye[role];
	case EV(BYE):
		return w->bye[role];
	case EV(PROMOTE):
		return !w->decided || w->decided == me;
	case EV(FAULT):
	case EV(DIGEST_DIFFERS):
		return role || told;
	case EV(DISABLE):
		/* Of a held primary this lets it go on, so it is a decision too. */
		return role || (deciding ? !w->decided || w->decided == me : told);
	case EV(ARBITER_WON):
		return !w->arbiter || w->arbiter == me;
	case EV(ARBITER_LOST):
		return w->arbiter && w->arbiter != me;
	default:
		return true;
	}
}

static void step(struct search *s, struct world w, u32 role, u32 event)
{
	bool deciding = w.state[role] == ST(NEED_DECISION);
	struct ft_machine m = { .role = role, .state = w.state[role], .on_loss = s->on_loss };
	u32 act;

	if (!possible(&w, role, event))
		return;
	if (ft_machine_event(&m, event, event == EV(BYE) ? w.bye[role] : R(UNSUPPORTED), &act))
		return;

	w.state[role] = m.state;
	if (event == EV(START) && !role)
		w.started = true;
	if (event == EV(PROMOTE) || (event == EV(DISABLE) && !role && deciding))
		w.decided = role ? SECONDARY : PRIMARY;
	if (event == EV(ARBITER_WON))
		w.arbiter = role ? SECONDARY : PRIMARY;
	if (event == EV(DIVERGED) || (event == EV(DIGEST_DIFFERS) && role))
		w.diverged = true;
	if (act & A(CLOSE))
		w.bye[role] = 0;
	if (act & A(BYE) && is_up(w.state[!role]))
		w.bye[!role] = m.reason;
	if (act & A(UNGATE))
		w.alone = true;
	if (act & A(GO_LIVE))
		w.live = true;
	if (act & A(HALT))
		w.halted[role] = true;
	if (w.nr_steps < ARRAY_SIZE(w.steps))
		w.steps[w.nr_steps++] = event | role << 7;
	visit(s, &w);
}

static void state_test_two_hosts(struct kunit *test)
{
	struct world first = { .state = { ST(STARTING), ST(STARTING) } }, w;
	struct search s = { .test = test };
	u32 role, event;

	s.seen = kunit_kzalloc(test, NR_WORLDS / BITS_PER_BYTE, GFP_KERNEL);
	s.todo = kunit_kcalloc(test, NR_TODO, sizeof(*s.todo), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, s.seen);
	KUNIT_ASSERT_NOT_NULL(test, s.todo);

	for (s.on_loss = 0; s.on_loss <= KVM_FT_ON_LOSS_PROMOTE; s.on_loss++) {
		bitmap_zero(s.seen, NR_WORLDS);
		s.nr_done = 0;
		s.nr_seen = 0;
		s.nr_live = 0;
		visit(&s, &first);
		while (s.nr_done < s.nr_seen) {
			w = s.todo[s.nr_done++];
			for (role = 0; role < 2; role++)
				for (event = 0; event < FT_EV_NR; event++)
					step(&s, w, role, event);
		}
		kunit_info(test, "policy %u: %zu worlds, the secondary live in %zu",
			   s.on_loss, s.nr_seen, s.nr_live);
		/* It means nothing if nothing could happen. */
		KUNIT_EXPECT_GT(test, s.nr_seen, 100);
		KUNIT_EXPECT_GT(test, s.nr_live, 3);
	}
}

static struct kunit_case state_test_cases[] = {
	KUNIT_CASE(state_test_table),
	KUNIT_CASE(state_test_rules),
	KUNIT_CASE(state_test_nonsense),
	KUNIT_CASE(state_test_two_hosts),
	{}
};

static struct kunit_suite state_test_suite = {
	.name = "kvm_ft_state",
	.test_cases = state_test_cases,
};

kunit_test_suite(state_test_suite);
