// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of what a secondary remembers of its own devices' interrupts. What it gives to the
 * interrupt controllers going live is counted in edges and in messages.
 */
#include <kunit/test.h>

#include "../../kmod/local.h"

#define GSI	8
#define PIT	2	/* an interrupt source of KVM's */
#define ADDR	0xfee00000ULL

static struct ft_local *local(struct kunit *test)
{
	struct ft_local *l = kunit_kzalloc(test, sizeof(*l), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, l);
	ft_local_init(l);
	return l;
}

static void pulse(struct kunit *test, struct ft_local *l)
{
	KUNIT_EXPECT_FALSE(test, ft_local_line(l, GSI, true));
	KUNIT_EXPECT_FALSE(test, ft_local_line(l, GSI, false));
}

static void logged_pulse(struct ft_local *l)
{
	ft_local_logged_line(l, GSI, FT_LOCAL_SOURCE, true);
	ft_local_logged_line(l, GSI, FT_LOCAL_SOURCE, false);
}

/* The edges that a line gets that was at @level; it ends at @end. */
static unsigned int edges(struct kunit *test, struct ft_local *l, bool level, bool end)
{
	unsigned int edges = 0, n = 0;
	bool next;
	u8 source;

	while (ft_local_next_line(l, GSI, &source, &next)) {
		KUNIT_ASSERT_NE(test, next, level);
		KUNIT_ASSERT_LT(test, n++, 3);
		edges += next;
		level = next;
	}
	KUNIT_EXPECT_EQ(test, level, end);
	return edges;
}

static void local_test_quiet(struct kunit *test)
{
	struct ft_local *l = local(test);
	struct ft_msi msi;

	KUNIT_EXPECT_EQ(test, edges(test, l, false, false), 0);
	KUNIT_EXPECT_FALSE(test, ft_local_next_msi(l, &msi));
}

/* Both pulsed: the log's came first, or last. */
static void local_test_order(struct kunit *test)
{
	struct ft_local *l = local(test);

	pulse(test, l);
	logged_pulse(l);
	KUNIT_EXPECT_EQ(test, edges(test, l, false, false), 0);

	l = local(test);
	logged_pulse(l);
	pulse(test, l);
	KUNIT_EXPECT_EQ(test, edges(test, l, false, false), 1);
}

/* The primary's timer fired more often at first, and the last time did not. */
static void local_test_fewer(struct kunit *test)
{
	struct ft_local *l = local(test);

	logged_pulse(l);
	logged_pulse(l);
	logged_pulse(l);
	pulse(test, l);
	KUNIT_EXPECT_EQ(test, edges(test, l, false, false), 1);
	/* Once is enough. */
	l = local(test);
	pulse(test, l);
	pulse(test, l);
	KUNIT_EXPECT_EQ(test, edges(test, l, false, false), 1);
}

static void local_test_levels(struct kunit *test)
{
	struct ft_local *l = local(test);

	/* High here only. */
	ft_local_line(l, GSI, true);
	KUNIT_EXPECT_EQ(test, edges(test, l, false, true), 1);

	/* High by the log only. */
	l = local(test);
	ft_local_logged_line(l, GSI, FT_LOCAL_SOURCE, true);
	KUNIT_EXPECT_EQ(test, edges(test, l, true, false), 0);

	/* High by both. */
	l = local(test);
	ft_local_line(l, GSI, true);
	ft_local_logged_line(l, GSI, FT_LOCAL_SOURCE, true);
	KUNIT_EXPECT_EQ(test, edges(test, l, true, true), 0);

	/* High by both, and what rose last is not in the log. */
	l = local(test);
	ft_local_logged_line(l, GSI, FT_LOCAL_SOURCE, true);
	ft_local_line(l, GSI, true);
	KUNIT_EXPECT_EQ(test, edges(test, l, true, true), 1);

	/* High by the log, and a pulse since. */
	l = local(test);
	ft_local_logged_line(l, GSI, FT_LOCAL_SOURCE, true);
	pulse(test, l);
	KUNIT_EXPECT_EQ(test, edges(test, l, true, false), 1);

	/* A level that is set again is no edge. */
	l = local(test);
	ft_local_line(l, GSI, true);
	ft_local_logged_line(l, GSI, FT_LOCAL_SOURCE, true);
	ft_local_line(l, GSI, true);
	KUNIT_EXPECT_EQ(test, edges(test, l, true, true), 0);
}

/* A device changes its line while that is brought up; later it passes. */
static void local_test_meanwhile(struct kunit *test)
{
	struct ft_local *l = local(test);
	bool level;
	u8 source;

	ft_local_logged_line(l, GSI, FT_LOCAL_SOURCE, true);
	KUNIT_EXPECT_TRUE(test, ft_local_next_line(l, GSI, &source, &level));
	KUNIT_EXPECT_FALSE(test, level);
	KUNIT_EXPECT_FALSE(test, ft_local_line(l, GSI, true));
	KUNIT_EXPECT_TRUE(test, ft_local_next_line(l, GSI, &source, &level));
	KUNIT_EXPECT_TRUE(test, level);
	KUNIT_EXPECT_FALSE(test, ft_local_next_line(l, GSI, &source, &level));
	KUNIT_EXPECT_TRUE(test, ft_local_line(l, GSI, false));
	KUNIT_EXPECT_FALSE(test, ft_local_line(l, GSI + 1, false));
}

/* The log ends while a source of KVM's own has the line high: it is lowered by that one. */
static void local_test_source(struct kunit *test)
{
	struct ft_local *l = local(test);
	bool level;
	u8 source;

	ft_local_logged_line(l, GSI, PIT, true);
	pulse(test, l);
	KUNIT_EXPECT_TRUE(test, ft_local_next_line(l, GSI, &source, &level));
	KUNIT_EXPECT_EQ(test, source, PIT);
	KUNIT_EXPECT_FALSE(test, level);
	KUNIT_EXPECT_TRUE(test, ft_local_next_line(l, GSI, &source, &level));
	KUNIT_EXPECT_EQ(test, source, FT_LOCAL_SOURCE);
	KUNIT_EXPECT_TRUE(test, level);
	KUNIT_EXPECT_TRUE(test, ft_local_next_line(l, GSI, &source, &level));
	KUNIT_EXPECT_EQ(test, source, FT_LOCAL_SOURCE);
	KUNIT_EXPECT_FALSE(test, level);
	KUNIT_EXPECT_FALSE(test, ft_local_next_line(l, GSI, &source, &level));
}

/* Lines that are none of the controllers' pass as messages do. */
static void local_test_beyond(struct kunit *test)
{
	struct ft_local *l = local(test);
	struct ft_msi msi;

	KUNIT_EXPECT_FALSE(test, ft_local_line(l, FT_GSI_MAX, true));
	ft_local_logged_line(l, FT_GSI_MAX, FT_LOCAL_SOURCE, true);
	KUNIT_EXPECT_FALSE(test, ft_local_next_msi(l, &msi));
	KUNIT_EXPECT_TRUE(test, ft_local_line(l, FT_GSI_MAX, true));
}

static void local_test_msis(struct kunit *test)
{
	struct ft_local *l = local(test);
	struct ft_msi msi;

	/* In the log before it comes, in it afterwards, and not in it but for another. */
	ft_local_logged_msi(l, ADDR, 1);
	KUNIT_EXPECT_FALSE(test, ft_local_msi(l, ADDR, 1));
	ft_local_msi(l, ADDR, 2);
	ft_local_logged_msi(l, ADDR, 2);
	ft_local_msi(l, ADDR, 3);
	ft_local_msi(l, ADDR, 3);
	ft_local_logged_msi(l, ADDR + 0x1000, 3);

	KUNIT_ASSERT_TRUE(test, ft_local_next_msi(l, &msi));
	KUNIT_EXPECT_EQ(test, msi.addr, ADDR);
	KUNIT_EXPECT_EQ(test, msi.data, 1);
	/* Not live yet: behind those that wait. */
	KUNIT_EXPECT_FALSE(test, ft_local_msi(l, ADDR, 4));
	KUNIT_ASSERT_TRUE(test, ft_local_next_msi(l, &msi));
	KUNIT_EXPECT_EQ(test, msi.data, 3);
	KUNIT_ASSERT_TRUE(test, ft_local_next_msi(l, &msi));
	KUNIT_EXPECT_EQ(test, msi.data, 4);
	KUNIT_EXPECT_FALSE(test, ft_local_next_msi(l, &msi));
	KUNIT_EXPECT_TRUE(test, ft_local_msi(l, ADDR, 5));
	KUNIT_EXPECT_FALSE(test, ft_local_next_msi(l, &msi));
}

static void local_test_many(struct kunit *test)
{
	struct ft_local *l = local(test);
	struct ft_msi msi;
	unsigned int i;

	for (i = 0; i < 3 * FT_LOCAL_MSIS_MAX; i++)
		ft_local_msi(l, ADDR, i);
	for (i = 2 * FT_LOCAL_MSIS_MAX; i < 3 * FT_LOCAL_MSIS_MAX; i++) {
		KUNIT_ASSERT_TRUE(test, ft_local_next_msi(l, &msi));
		KUNIT_EXPECT_EQ(test, msi.data, i);
	}
	KUNIT_EXPECT_FALSE(test, ft_local_next_msi(l, &msi));
}

static struct kunit_case local_cases[] = {
	KUNIT_CASE(local_test_quiet),
	KUNIT_CASE(local_test_order),
	KUNIT_CASE(local_test_fewer),
	KUNIT_CASE(local_test_levels),
	KUNIT_CASE(local_test_meanwhile),
	KUNIT_CASE(local_test_source),
	KUNIT_CASE(local_test_beyond),
	KUNIT_CASE(local_test_msis),
	KUNIT_CASE(local_test_many),
	{ }
};

static struct kunit_suite local_suite = {
	.name = "kvm_ft_local",
	.test_cases = local_cases,
};

kunit_test_suite(local_suite);

MODULE_DESCRIPTION("KUnit tests of what kvm_ft remembers of local interrupts");
MODULE_LICENSE("GPL");
