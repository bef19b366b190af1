// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of what is known of requests under way. A guest and a device work on a virtqueue,
 * whose requests end in any order; what the log tells of it is followed. Then the device
 * is lost at some moment, and the next one has to find what was under way, and what was
 * not taken yet, each once.
 */
#include <kunit/test.h>
#include <linux/prandom.h>
#include <linux/slab.h>

#include "../../kmod/begun.h"

#define NUM	16
#define RAM	4096
#define AVAIL	0x400
#define USED	0x800

/**
 * struct begun_test - a guest, and its device
 * @rnd: fixed seed
 * @ring: the virtqueue
 * @memory: the guest's
 * @begun: what is tested
 * @ram: the guest's memory
 * @free: a bit per head descriptor that the guest may use
 * @avail: how many requests the guest has made
 * @at: how far the device is
 * @known: ... when that was followed last
 * @running: what the device has begun and not ended
 * @nr: how many of these
 * @fail_at: this address cannot be accessed; 0: all can
 */
struct begun_test {
	struct rnd_state rnd;
	struct ft_vring ring;
	struct ft_begun_memory memory;
	struct ft_begun begun;
	u8 ram[RAM];
	unsigned long free;
	u16 avail;
	struct ft_vring_at at;
	struct ft_vring_at known;
	u16 running[NUM];
	unsigned int nr;
	u64 fail_at;
};

static int begun_read(void *ctx, u64 gpa, void *buf, size_t len)
{
	struct begun_test *t = ctx;

	if (gpa >= RAM || len > RAM - gpa || (t->fail_at && gpa == t->fail_at))
		return -EFAULT;
	memcpy(buf, t->ram + gpa, len);
	return 0;
}

static int begun_write(void *ctx, u64 gpa, const void *buf, size_t len)
{
	struct begun_test *t = ctx;

	if (gpa >= RAM || len > RAM - gpa || (t->fail_at && gpa == t->fail_at))
		return -EFAULT;
	memcpy(t->ram + gpa, buf, len);
	return 0;
}

static int begun_test_init(struct kunit *test)
{
	struct begun_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	t->ring = (struct ft_vring) { .num = NUM, .avail = AVAIL, .used = USED };
	t->memory = (struct ft_begun_memory) { begun_read, begun_write, t };
	t->free = BIT(NUM) - 1;
	/* The indices wrap around soon. */
	t->avail = 0xfff0;
	t->at = (struct ft_vring_at) { 0xfff0, 0xffe3 };
	t->known = t->at;
	prandom_seed_state(&t->rnd, 4);
	test->priv = t;
	return 0;
}

static u32 begun_random(struct begun_test *t, u32 below)
{
	return prandom_u32_state(&t->rnd) % below;
}

static __le16 *begun_slot(struct begun_test *t, u64 gpa)
{
	return (__le16 *)(t->ram + gpa);
}

/* The guest makes a request, with any descriptor that it has. */
static bool begun_make(struct begun_test *t)
{
	unsigned int head = begun_random(t, NUM);

	if (!t->free)
		return false;
	while (!(t->free & BIT(head)))
		head = (head + 1) % NUM;
	t->free &= ~BIT(head);
	*begun_slot(t, ft_vring_avail(&t->ring, t->avail++)) = cpu_to_le16(head);
	return true;
}

/* The device takes one. */
static bool begun_take(struct begun_test *t)
{
	if (t->at.taken == t->avail)
		return false;
	t->running[t->nr++] =
		le16_to_cpu(*begun_slot(t, ft_vring_avail(&t->ring, t->at.taken++)));
	return true;
}

/* The device ends one, any of them. */
static bool begun_end(struct begun_test *t)
{
	unsigned int i;
	u16 head;

	if (!t->nr)
		return false;
	i = begun_random(t, t->nr--);
	head = t->running[i];
	memmove(&t->running[i], &t->running[i + 1], (t->nr - i) * sizeof(*t->running));
	*begun_slot(t, ft_vring_used(&t->ring, t->at.done++)) = cpu_to_le16(head);
	return true;
}

static int begun_follow(struct begun_test *t)
{
	int ret = ft_begun_follow(&t->begun, &t->ring, &t->known, &t->at, &t->memory);

	t->known = t->at;
	return ret;
}

/* What the device did in one go is followed; the guest sees it only then. */
static void begun_batch(struct kunit *test)
{
	struct begun_test *t = test->priv;
	unsigned int steps = begun_random(t, 12);
	u16 at, done = t->at.done;

	while (steps--)
		begun_random(t, 2) ? begun_take(t) : begun_end(t);
	KUNIT_ASSERT_EQ(test, begun_follow(t), 0);
	KUNIT_ASSERT_EQ(test, t->begun.nr, t->nr);
	KUNIT_ASSERT_MEMEQ(test, t->begun.heads, t->running, t->nr * sizeof(u16));
	for (at = done; at != t->at.done; at++)
		t->free |= BIT(le16_to_cpu(*begun_slot(t, ft_vring_used(&t->ring, at))));
}

static void begun_test_out_of_order(struct kunit *test)
{
	struct begun_test *t = test->priv;
	int round, i;

	for (round = 0; round < 5000; round++) {
		for (i = begun_random(t, 6); i; i--)
			begun_make(t);
		begun_batch(test);
	}
}

/* The next device finds first what was under way, in its order, and then what follows. */
static void begun_test_rewind(struct kunit *test)
{
	struct begun_test *t = test->priv;
	u16 wanted[NUM], waiting, taken, at;
	unsigned int i, most = 0;
	int round;

	for (round = 0; round < 5000; round++) {
		for (i = begun_random(t, 6); i; i--)
			begun_make(t);
		begun_batch(test);
		if (begun_random(t, 4))
			continue;

		most = max(most, t->nr);
		waiting = t->avail - t->at.taken;
		KUNIT_ASSERT_LE(test, t->nr + waiting, NUM);
		memcpy(wanted, t->running, t->nr * sizeof(u16));
		for (i = 0, at = t->at.taken; at != t->avail; i++, at++)
			wanted[t->nr + i] =
				le16_to_cpu(*begun_slot(t, ft_vring_avail(&t->ring, at)));

		taken = t->at.taken;
		KUNIT_ASSERT_EQ(test, ft_begun_rewind(&t->begun, &t->ring, &taken, &t->memory),
				t->nr);
		KUNIT_ASSERT_EQ(test, t->begun.nr, 0);
		KUNIT_ASSERT_EQ(test, (u16)(t->avail - taken), t->nr + waiting);
		for (at = taken, i = 0; at != t->avail; at++, i++)
			KUNIT_ASSERT_EQ(test, wanted[i],
					le16_to_cpu(*begun_slot(t, ft_vring_avail(&t->ring, at))));
		/* Which goes on from there. */
		t->at.taken = taken;
		t->known = t->at;
		t->nr = 0;
	}
	KUNIT_EXPECT_GT(test, most, NUM / 2);
}

/* A virtqueue all of whose requests are under way, and one with none. */
static void begun_test_ends(struct kunit *test)
{
	struct begun_test *t = test->priv;
	u16 taken = t->at.taken;

	KUNIT_EXPECT_EQ(test, ft_begun_rewind(&t->begun, &t->ring, &taken, &t->memory), 0);
	KUNIT_EXPECT_EQ(test, taken, t->at.taken);
	while (begun_make(t))
		;
	while (begun_take(t))
		;
	KUNIT_EXPECT_EQ(test, begun_follow(t), 0);
	KUNIT_EXPECT_EQ(test, t->begun.nr, NUM);
	taken = t->at.taken;
	KUNIT_EXPECT_EQ(test, ft_begun_rewind(&t->begun, &t->ring, &taken, &t->memory), NUM);
	KUNIT_EXPECT_EQ(test, (u16)(t->at.taken - taken), NUM);
}

static void begun_test_nonsense(struct kunit *test)
{
	struct begun_test *t = test->priv;
	u16 taken;

	/* What ends was never begun. */
	*begun_slot(t, ft_vring_used(&t->ring, t->at.done++)) = cpu_to_le16(7);
	KUNIT_EXPECT_EQ(test, begun_follow(t), 0);
	KUNIT_EXPECT_EQ(test, t->begun.nr, 0);
	/* Memory that is not there. */
	begun_make(t);
	begun_take(t);
	t->fail_at = ft_vring_avail(&t->ring, t->known.taken);
	KUNIT_EXPECT_EQ(test, begun_follow(t), -EFAULT);
	t->fail_at = 0;
	begun_make(t);
	begun_take(t);
	KUNIT_EXPECT_EQ(test, begun_follow(t), 0);
	taken = t->at.taken;
	t->fail_at = ft_vring_avail(&t->ring, t->at.taken - 1);
	KUNIT_EXPECT_EQ(test, ft_begun_rewind(&t->begun, &t->ring, &taken, &t->memory), -EFAULT);
	KUNIT_EXPECT_EQ(test, taken, t->at.taken);
	t->fail_at = 0;
	/* More than any virtqueue has. */
	t->at.taken += FT_REQUESTS_MAX;
	KUNIT_EXPECT_EQ(test, begun_follow(t), 0);
	t->at.taken++;
	KUNIT_EXPECT_EQ(test, begun_follow(t), -EINVAL);
}

static struct kunit_case begun_test_cases[] = {
	KUNIT_CASE(begun_test_out_of_order),
	KUNIT_CASE(begun_test_rewind),
	KUNIT_CASE(begun_test_ends),
	KUNIT_CASE(begun_test_nonsense),
	{}
};

static struct kunit_suite begun_test_suite = {
	.name = "kvm_ft_begun",
	.init = begun_test_init,
	.test_cases = begun_test_cases,
};

kunit_test_suite(begun_test_suite);
