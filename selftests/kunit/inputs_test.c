// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of the queue of inputs. What is left of inputs that were merged is given to a
 * model of interrupt controllers beside all that was queued: both must end in one state.
 */
#include <kunit/test.h>
#include <linux/prandom.h>
#include <linux/string.h>

#include "../../kmod/inputs.h"
#include "../../uapi/kvm_ft_wire.h"

#define LINES	5
#define SOURCES	2
#define MSIS	4

/**
 * struct controllers - as they are before the guest takes an interrupt
 * @sources: per line, bit per source that drives it
 * @edge: lines whose edge is pending
 * @high: lines that were high at some time
 * @msis: MSIs that are pending
 * @nmis: NMIs that are pending
 */
struct controllers {
	u8 sources[LINES];
	u8 edge;
	u8 high;
	u8 msis;
	u8 nmis;
};

static void apply(struct controllers *c, const struct ft_input *input)
{
	bool was;

	switch (input->type) {
	case KVM_FT_ENTRY_IRQ:
		was = c->sources[input->gsi];
		if (input->level & 1)
			c->sources[input->gsi] |= BIT(input->source);
		else
			c->sources[input->gsi] &= ~BIT(input->source);
		if (c->sources[input->gsi]) {
			c->high |= BIT(input->gsi);
			if (!was)
				c->edge |= BIT(input->gsi);
		}
		break;
	case KVM_FT_ENTRY_MSI:
		c->msis |= BIT(input->data);
		break;
	case KVM_FT_ENTRY_NMI:
		c->nmis = min(c->nmis + 1, 2);
		break;
	}
}

static struct ft_input irq(u8 source, u32 gsi, u8 level)
{
	return (struct ft_input){
		.type = KVM_FT_ENTRY_IRQ, .source = source, .gsi = gsi, .level = level,
	};
}

static struct ft_input msi(u32 data)
{
	return (struct ft_input){
		.type = KVM_FT_ENTRY_MSI, .addr = 0xfee00000, .data = data,
	};
}

static struct ft_inputs *queue(struct kunit *test)
{
	struct ft_inputs *q = kunit_kzalloc(test, sizeof(*q), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, q);
	ft_inputs_init(q);
	return q;
}

static void inputs_test_order(struct kunit *test)
{
	struct ft_inputs *q = queue(test);
	struct ft_input input;
	unsigned int i, round;

	KUNIT_EXPECT_TRUE(test, ft_inputs_empty(q));
	KUNIT_EXPECT_FALSE(test, ft_inputs_pop(q, &input));
	for (round = 0; round < 5; round++) {
		for (i = 0; i < FT_INPUTS_MAX; i++) {
			input = msi(i << 16);
			KUNIT_ASSERT_EQ(test, ft_inputs_push(q, &input), 0);
		}
		KUNIT_EXPECT_TRUE(test, ft_inputs_full(q));
		for (i = 0; i < FT_INPUTS_MAX - round; i++) {
			KUNIT_ASSERT_TRUE(test, ft_inputs_pop(q, &input));
			KUNIT_EXPECT_EQ(test, input.data, i << 16);
		}
		while (ft_inputs_pop(q, &input))
			;
	}
	KUNIT_EXPECT_EQ(test, q->merged, 0);
}

/* Nothing is merged that differs: then it is full. */
static void inputs_test_full(struct kunit *test)
{
	struct ft_inputs *q = queue(test);
	struct ft_input input;
	unsigned int i;

	for (i = 0; i < FT_INPUTS_MAX; i++) {
		input = msi(i << 16);
		KUNIT_ASSERT_EQ(test, ft_inputs_push(q, &input), 0);
	}
	input = msi(0xffff << 16);
	KUNIT_EXPECT_EQ(test, ft_inputs_push(q, &input), -ENOSPC);
	KUNIT_ASSERT_TRUE(test, ft_inputs_pop(q, &input));
	KUNIT_EXPECT_EQ(test, input.data, 0);
	input = msi(0xffff << 16);
	KUNIT_EXPECT_EQ(test, ft_inputs_push(q, &input), 0);
}

/* Those that were found different are not compared again for each that finds no place. */
static void inputs_test_looked(struct kunit *test)
{
	struct ft_inputs *q = queue(test);
	struct ft_input input;
	unsigned int i;

	for (i = 0; i < FT_INPUTS_MAX; i++) {
		input = msi(i << 16);
		KUNIT_ASSERT_EQ(test, ft_inputs_push(q, &input), 0);
	}
	KUNIT_EXPECT_TRUE(test, ft_inputs_full(q));
	/* It would be merged now, by who looks. */
	q->ring[7] = q->ring[6];
	KUNIT_EXPECT_EQ(test, ft_inputs_push(q, &input), -ENOSPC);
	/* What comes new is looked at, and only that: it is as good as one that waits. */
	KUNIT_ASSERT_TRUE(test, ft_inputs_pop(q, &input));
	input = msi(100 << 16);
	KUNIT_EXPECT_EQ(test, ft_inputs_push(q, &input), 0);
	KUNIT_EXPECT_FALSE(test, ft_inputs_full(q));
	KUNIT_EXPECT_EQ(test, q->merged, 1);
	/* And again when the queue was empty meanwhile. */
	while (ft_inputs_pop(q, &input))
		;
	for (i = 0; i < FT_INPUTS_MAX; i++) {
		input = msi(i / 2 << 16);
		KUNIT_ASSERT_EQ(test, ft_inputs_push(q, &input), 0);
	}
	KUNIT_EXPECT_FALSE(test, ft_inputs_full(q));
	KUNIT_EXPECT_EQ(test, q->merged, 1 + FT_INPUTS_MAX / 2);
}

static void inputs_test_open(struct kunit *test)
{
	struct ft_inputs *q = queue(test);
	struct ft_input input = msi(1);

	KUNIT_EXPECT_EQ(test, ft_inputs_push(q, &input), 0);
	KUNIT_EXPECT_FALSE(test, ft_inputs_open(q));
	KUNIT_EXPECT_TRUE(test, ft_inputs_pop(q, &input));
	KUNIT_EXPECT_TRUE(test, ft_inputs_open(q));
	KUNIT_EXPECT_EQ(test, ft_inputs_push(q, &input), -EPERM);
	KUNIT_EXPECT_TRUE(test, ft_inputs_empty(q));
}

/* What a timer does to a guest that stands still, for ever. QEMU's sets each level twice. */
static void inputs_test_pulses(struct kunit *test)
{
	struct ft_inputs *q = queue(test);
	struct ft_input input;
	unsigned int i;

	for (i = 0; i < 100 * FT_INPUTS_MAX; i++) {
		input = irq(0, 8, ~i >> 1 & 1);
		KUNIT_ASSERT_EQ(test, ft_inputs_push(q, &input), 0);
	}
	KUNIT_EXPECT_GT(test, q->merged, 98 * FT_INPUTS_MAX);
	for (i = 0; i < FT_INPUTS_MAX; i++) {
		input = irq(0, 8, ~i & 1);
		KUNIT_EXPECT_FALSE(test, ft_inputs_full(q));
		KUNIT_ASSERT_EQ(test, ft_inputs_push(q, &input), 0);
	}
	KUNIT_ASSERT_TRUE(test, ft_inputs_pop(q, &input));
	KUNIT_EXPECT_EQ(test, input.level, 1);
	while (ft_inputs_pop(q, &input))
		;
	KUNIT_EXPECT_EQ(test, input.level, 0);
}

/* A message that is more than an interrupt is none that may be left out. */
static void inputs_test_modes(struct kunit *test)
{
	struct ft_inputs *q = queue(test);
	struct ft_input input;
	unsigned int i;

	for (i = 0; i < FT_INPUTS_MAX; i++) {
		input = msi(0x400);
		KUNIT_ASSERT_EQ(test, ft_inputs_push(q, &input), 0);
	}
	KUNIT_EXPECT_EQ(test, ft_inputs_push(q, &input), -ENOSPC);
}

static void inputs_random(struct rnd_state *rnd, struct ft_input *input)
{
	u32 r = prandom_u32_state(rnd);

	switch (r % 16) {
	case 0:
		*input = (struct ft_input){ .type = KVM_FT_ENTRY_NMI };
		break;
	case 1 ... 3:
		*input = msi(r / 16 % MSIS);
		break;
	default:
		/* Few by the second source, so that pulses of the first can be merged. */
		*input = irq(r / 16 % 32 == 0, r / 512 % LINES, r >> 31);
	}
}

static void inputs_test_same(struct kunit *test)
{
	struct controllers all, left, before = { };
	struct ft_inputs *q = queue(test);
	struct ft_input input;
	struct rnd_state rnd;
	unsigned int i, round;

	prandom_seed_state(&rnd, 1);
	for (round = 0; round < 200; round++) {
		all = before;
		left = before;
		for (i = 0; i < FT_INPUTS_MAX * 4; i++) {
			inputs_random(&rnd, &input);
			if (ft_inputs_push(q, &input))
				break;
			apply(&all, &input);
		}
		while (ft_inputs_pop(q, &input))
			apply(&left, &input);
		KUNIT_ASSERT_MEMEQ(test, &all, &left, sizeof(all));
		/* The guest takes its interrupts, and the lines are as they are. */
		memcpy(before.sources, all.sources, sizeof(before.sources));
	}
	KUNIT_EXPECT_GT(test, q->merged, 20000);
}

static struct kunit_case inputs_cases[] = {
	KUNIT_CASE(inputs_test_order),
	KUNIT_CASE(inputs_test_full),
	KUNIT_CASE(inputs_test_looked),
	KUNIT_CASE(inputs_test_open),
	KUNIT_CASE(inputs_test_pulses),
	KUNIT_CASE(inputs_test_modes),
	KUNIT_CASE(inputs_test_same),
	{ }
};

static struct kunit_suite inputs_suite = {
	.name = "kvm_ft_inputs",
	.test_cases = inputs_cases,
};

kunit_test_suite(inputs_suite);

MODULE_DESCRIPTION("KUnit tests of kvm_ft's queue of inputs");
MODULE_LICENSE("GPL");
