// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ring alone: sizes, the double mapping, what producer and consumer see.
 */
#include <kunit/test.h>
#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/sizes.h>

#include "../../kmod/log.h"

static int log_test_init(struct kunit *test)
{
	test->priv = kunit_kzalloc(test, sizeof(struct ft_log), GFP_KERNEL);
	return test->priv ? 0 : -ENOMEM;
}

static void log_test_exit(struct kunit *test)
{
	ft_log_destroy(test->priv);
}

static struct ft_log *make_log(struct kunit *test, size_t size)
{
	struct ft_log *log = test->priv;

	KUNIT_ASSERT_EQ(test, ft_log_init(log, size), 0);
	return log;
}

/* What belongs at an offset, so that any byte can be checked by itself. */
static u8 byte_at(u64 offset)
{
	return (offset * 2654435761u) >> 13;
}

static void produce(struct kunit *test, struct ft_log *log, size_t len)
{
	u8 *p = ft_log_reserve(log, len);
	size_t i;

	KUNIT_ASSERT_NOT_NULL(test, p);
	for (i = 0; i < len; i++)
		p[i] = byte_at(log->head + i);
	ft_log_commit(log, len);
}

static void check_bytes(struct kunit *test, const u8 *p, u64 offset, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (p[i] != byte_at(offset + i))
			KUNIT_FAIL_AND_ABORT(test, "offset %llu holds %#x, not %#x",
					     offset + i, p[i], byte_at(offset + i));
}

static void log_test_bad_size(struct kunit *test)
{
	static const size_t sizes[] = {
		0, 1, PAGE_SIZE / 2, PAGE_SIZE - 1, PAGE_SIZE + 1, 3 * PAGE_SIZE,
		SZ_1G + PAGE_SIZE, 2UL * SZ_1G, ~0UL,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		KUNIT_EXPECT_EQ_MSG(test, ft_log_init(test->priv, sizes[i]), -EINVAL,
				    "size %zu", sizes[i]);
}

static void log_test_destroy_twice(struct kunit *test)
{
	struct ft_log *log = make_log(test, PAGE_SIZE);

	ft_log_destroy(log);
	KUNIT_EXPECT_NULL(test, log->base);
	ft_log_destroy(log);
}

static void log_test_mapped_twice(struct kunit *test)
{
	size_t size = 4 * PAGE_SIZE, i;
	struct ft_log *log = make_log(test, size);

	KUNIT_EXPECT_EQ(test, log->size, size);
	for (i = 0; i < 2 * size; i++)
		KUNIT_ASSERT_EQ(test, log->base[i], 0);
	for (i = 0; i < size; i++)
		log->base[i] = byte_at(i);
	check_bytes(test, log->base + size, 0, size);
	log->base[2 * size - 1] ^= 0xff;
	KUNIT_EXPECT_EQ(test, log->base[size - 1], byte_at(size - 1) ^ 0xff);
}

static void log_test_full(struct kunit *test)
{
	size_t size = 2 * PAGE_SIZE;
	struct ft_log *log = make_log(test, size);

	KUNIT_EXPECT_EQ(test, ft_log_room(log), size);
	KUNIT_EXPECT_NULL(test, ft_log_reserve(log, size + 1));
	KUNIT_EXPECT_NULL(test, ft_log_reserve(log, ~0UL));
	produce(test, log, size - 10);
	KUNIT_EXPECT_EQ(test, ft_log_room(log), 10);
	KUNIT_EXPECT_NULL(test, ft_log_reserve(log, 11));
	produce(test, log, 10);
	KUNIT_EXPECT_EQ(test, ft_log_room(log), 0);
	KUNIT_EXPECT_NULL(test, ft_log_reserve(log, 1));

	ft_log_release(log, 7);
	KUNIT_EXPECT_EQ(test, ft_log_tail(log), 7);
	KUNIT_EXPECT_EQ(test, ft_log_room(log), 7);
	KUNIT_EXPECT_NULL(test, ft_log_reserve(log, 8));
	KUNIT_EXPECT_NOT_NULL(test, ft_log_reserve(log, 7));
}

static void log_test_reserve_takes_nothing(struct kunit *test)
{
	struct ft_log *log = make_log(test, PAGE_SIZE);
	u8 *p = ft_log_reserve(log, 100);

	KUNIT_EXPECT_PTR_EQ(test, ft_log_reserve(log, 200), p);
	KUNIT_EXPECT_EQ(test, ft_log_head(log), 0);
	ft_log_commit(log, 3);
	KUNIT_EXPECT_EQ(test, ft_log_head(log), 3);
	KUNIT_EXPECT_PTR_EQ(test, ft_log_reserve(log, 100), p + 3);
}

static void log_test_peek(struct kunit *test)
{
	struct ft_log *log = make_log(test, PAGE_SIZE);
	size_t avail = 1;
	const u8 *p;

	KUNIT_EXPECT_NULL(test, ft_log_peek(log, 0, &avail));
	KUNIT_EXPECT_EQ(test, avail, 0);

	/* Leave 100 bytes to the end, then let a run go over it. */
	produce(test, log, PAGE_SIZE - 100);
	ft_log_release(log, PAGE_SIZE - 100);
	produce(test, log, 300);

	p = ft_log_peek(log, PAGE_SIZE - 100, &avail);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_EQ(test, avail, 300);
	check_bytes(test, p, PAGE_SIZE - 100, 300);

	p = ft_log_peek(log, PAGE_SIZE + 50, &avail);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_EQ(test, avail, 150);
	check_bytes(test, p, PAGE_SIZE + 50, 150);

	avail = 1;
	KUNIT_EXPECT_NULL(test, ft_log_peek(log, PAGE_SIZE + 200, &avail));
	KUNIT_EXPECT_EQ(test, avail, 0);
	avail = 1;
	KUNIT_EXPECT_NULL(test, ft_log_peek(log, PAGE_SIZE + 201, &avail));
	KUNIT_EXPECT_EQ(test, avail, 0);
	avail = 1;
	KUNIT_EXPECT_NULL(test, ft_log_peek(log, PAGE_SIZE - 101, &avail));
	KUNIT_EXPECT_EQ(test, avail, 0);
}

/* The vectors must be the same bytes as the mapping shows, in order. */
static size_t check_bvec(struct kunit *test, struct ft_log *log, u64 offset,
			 const struct bio_vec *bv, unsigned int n)
{
	size_t len = 0;
	unsigned int i;

	for (i = 0; i < n; i++) {
		KUNIT_ASSERT_LE(test, bv[i].bv_offset + bv[i].bv_len, PAGE_SIZE);
		KUNIT_ASSERT_GT(test, bv[i].bv_len, 0);
		check_bytes(test, (u8 *)page_address(bv[i].bv_page) + bv[i].bv_offset,
			    offset + len, bv[i].bv_len);
		len += bv[i].bv_len;
	}
	return len;
}

static void log_test_bvec(struct kunit *test)
{
	size_t size = 4 * PAGE_SIZE;
	struct ft_log *log = make_log(test, size);
	u64 start = 3 * PAGE_SIZE + 123;
	struct bio_vec bv[8];
	unsigned int n;

	produce(test, log, start);
	ft_log_release(log, start);
	produce(test, log, size);

	KUNIT_EXPECT_EQ(test, ft_log_bvec(log, start, 0, bv, 8), 0);
	n = ft_log_bvec(log, start, 1, bv, 8);
	KUNIT_EXPECT_EQ(test, n, 1);
	KUNIT_EXPECT_EQ(test, check_bvec(test, log, start, bv, n), 1);

	/* All of the ring, around its end: the first page comes twice, in parts. */
	n = ft_log_bvec(log, start, size, bv, 8);
	KUNIT_EXPECT_EQ(test, n, 5);
	KUNIT_EXPECT_EQ(test, check_bvec(test, log, start, bv, n), size);

	/* Exactly to the end of a page, and one byte more. */
	n = ft_log_bvec(log, start, PAGE_SIZE - 123, bv, 8);
	KUNIT_EXPECT_EQ(test, n, 1);
	n = ft_log_bvec(log, start, PAGE_SIZE - 122, bv, 8);
	KUNIT_EXPECT_EQ(test, n, 2);

	n = ft_log_bvec(log, start, size, bv, 2);
	KUNIT_EXPECT_EQ(test, n, 2);
	KUNIT_EXPECT_EQ(test, check_bvec(test, log, start, bv, n), 2 * PAGE_SIZE - 123);
}

/* Against a model that is two numbers. */
static void log_test_random(struct kunit *test)
{
	size_t size = 4 * PAGE_SIZE, avail, len;
	struct ft_log *log = make_log(test, size);
	u64 head = 0, tail = 0, offset;
	struct rnd_state rnd;
	const u8 *p;
	int i;

	prandom_seed_state(&rnd, 1);
	for (i = 0; i < 20000; i++) {
		len = prandom_u32_state(&rnd) % (size / 2);
		if (prandom_u32_state(&rnd) & 1) {
			if (len > size - (head - tail)) {
				KUNIT_ASSERT_NULL(test, ft_log_reserve(log, len));
				continue;
			}
			produce(test, log, len);
			head += len;
		} else {
			len = min_t(u64, len, head - tail);
			offset = tail + len / 2;
			p = ft_log_peek(log, offset, &avail);
			KUNIT_ASSERT_EQ(test, avail, head - offset);
			KUNIT_ASSERT_EQ(test, !p, !avail);
			if (p)
				check_bytes(test, p, offset, avail);
			tail += len;
			ft_log_release(log, tail);
		}
		KUNIT_ASSERT_EQ(test, ft_log_head(log), head);
		KUNIT_ASSERT_EQ(test, ft_log_tail(log), tail);
		KUNIT_ASSERT_EQ(test, ft_log_room(log), size - (head - tail));
	}
	/* The test means nothing if it did not go round many times. */
	KUNIT_EXPECT_GT(test, head, 100 * size);
}

static struct kunit_case log_test_cases[] = {
	KUNIT_CASE(log_test_bad_size),
	KUNIT_CASE(log_test_destroy_twice),
	KUNIT_CASE(log_test_mapped_twice),
	KUNIT_CASE(log_test_full),
	KUNIT_CASE(log_test_reserve_takes_nothing),
	KUNIT_CASE(log_test_peek),
	KUNIT_CASE(log_test_bvec),
	KUNIT_CASE(log_test_random),
	{}
};

static struct kunit_suite log_test_suite = {
	.name = "kvm_ft_log",
	.init = log_test_init,
	.exit = log_test_exit,
	.test_cases = log_test_cases,
};

kunit_test_suite(log_test_suite);
