// SPDX-License-Identifier: GPL-2.0-only
/*
 * The format of the log and of frames: what is written is what is specified,
 * what is read is only that, and every byte of it is checked.
 */
#include <kunit/test.h>
#include <linux/prandom.h>
#include <linux/slab.h>

#include "../../kmod/wire.h"
#include "../../uapi/kvm_ft.h"

static const u8 types[] = {
	KVM_FT_ENTRY_TSC, KVM_FT_ENTRY_TSCP, KVM_FT_ENTRY_MSR, KVM_FT_ENTRY_IO_IN,
	KVM_FT_ENTRY_IO_OUT, KVM_FT_ENTRY_IRQ, KVM_FT_ENTRY_MSI, KVM_FT_ENTRY_TIMER,
	KVM_FT_ENTRY_NMI, KVM_FT_ENTRY_POSITION, KVM_FT_ENTRY_DIGEST,
	KVM_FT_ENTRY_BATCH, KVM_FT_ENTRY_SHADOW, KVM_FT_ENTRY_DMA, KVM_FT_ENTRY_QUEUE,
	KVM_FT_ENTRY_DISK,
};

static bool is_type(unsigned int type)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(types); i++)
		if (types[i] == type)
			return true;
	return false;
}

/* Let an entry with data have little of it. */
static void shorten(struct ft_entry *e, u16 most)
{
	if (e->type == KVM_FT_ENTRY_IO_IN || e->type == KVM_FT_ENTRY_IO_OUT)
		e->io.len %= most;
	else if (e->type == KVM_FT_ENTRY_DMA)
		e->dma.len %= most;
}

static void check_equal(struct kunit *test, const struct ft_entry *a,
			const struct ft_entry *b)
{
	KUNIT_ASSERT_EQ(test, a->type, b->type);
	if (!ft_entry_is_part(a->type))
		KUNIT_ASSERT_EQ(test, a->pos.branches, b->pos.branches);
	if (ft_entry_is_async(a->type)) {
		KUNIT_ASSERT_EQ(test, a->pos.rip, b->pos.rip);
		KUNIT_ASSERT_EQ(test, a->pos.events, b->pos.events);
		KUNIT_ASSERT_EQ(test, a->pos.regs, b->pos.regs);
	} else if (!ft_entry_is_part(a->type)) {
		KUNIT_ASSERT_EQ(test, (u16)a->pos.rip, (u16)b->pos.rip);
	}

	switch (a->type) {
	case KVM_FT_ENTRY_TSC:
	case KVM_FT_ENTRY_TSCP:
		KUNIT_ASSERT_EQ(test, a->tsc, b->tsc);
		break;
	case KVM_FT_ENTRY_MSR:
		KUNIT_ASSERT_EQ(test, a->msr.index, b->msr.index);
		KUNIT_ASSERT_EQ(test, a->msr.value, b->msr.value);
		break;
	case KVM_FT_ENTRY_IO_IN:
	case KVM_FT_ENTRY_IO_OUT:
		KUNIT_ASSERT_EQ(test, a->io.addr, b->io.addr);
		KUNIT_ASSERT_EQ(test, a->io.len, b->io.len);
		KUNIT_ASSERT_MEMEQ(test, a->io.data, b->io.data, a->io.len);
		break;
	case KVM_FT_ENTRY_IRQ:
		KUNIT_ASSERT_EQ(test, a->irq.source, b->irq.source);
		KUNIT_ASSERT_EQ(test, a->irq.level, b->irq.level);
		KUNIT_ASSERT_EQ(test, a->irq.gsi, b->irq.gsi);
		break;
	case KVM_FT_ENTRY_MSI:
		KUNIT_ASSERT_EQ(test, a->msi.addr, b->msi.addr);
		KUNIT_ASSERT_EQ(test, a->msi.data, b->msi.data);
		break;
	case KVM_FT_ENTRY_DIGEST:
		KUNIT_ASSERT_MEMEQ(test, &a->digest, &b->digest, sizeof(a->digest));
		break;
	case KVM_FT_ENTRY_DMA:
		KUNIT_ASSERT_EQ(test, a->dma.gpa, b->dma.gpa);
		KUNIT_ASSERT_EQ(test, a->dma.len, b->dma.len);
		KUNIT_ASSERT_MEMEQ(test, a->dma.data, b->dma.data, a->dma.len);
		break;
	case KVM_FT_ENTRY_QUEUE:
		KUNIT_ASSERT_MEMEQ(test, &a->queue, &b->queue, sizeof(a->queue));
		break;
	case KVM_FT_ENTRY_DISK:
		KUNIT_ASSERT_EQ(test, a->disk.gpa, b->disk.gpa);
		KUNIT_ASSERT_EQ(test, a->disk.len, b->disk.len);
		KUNIT_ASSERT_EQ(test, a->disk.lun, b->disk.lun);
		KUNIT_ASSERT_EQ(test, a->disk.offset, b->disk.offset);
		KUNIT_ASSERT_EQ(test, a->disk.ahead, b->disk.ahead);
		break;
	}
}

/* Numbers of all lengths are equally likely: the edges are where bugs are. */
static u64 random_number(struct rnd_state *rnd)
{
	u64 v = (u64)prandom_u32_state(rnd) << 32 | prandom_u32_state(rnd);

	return v >> (prandom_u32_state(rnd) & 63);
}

/**
 * struct wire_test - what the tests of one case share
 * @rnd: fixed seed
 * @data: for IO entries
 * @buf: of exactly one entry's greatest length, so that KASAN sees who leaves it
 */
struct wire_test {
	struct rnd_state rnd;
	u8 data[KVM_FT_ENTRY_DATA_MAX + 1];
	u8 *buf;
};

static void random_entry(struct wire_test *w, const struct ft_codec *codec,
			 struct ft_entry *e)
{
	struct rnd_state *rnd = &w->rnd;

	*e = (struct ft_entry) { .type = types[prandom_u32_state(rnd) % ARRAY_SIZE(types)] };
	/* Small enough that many of them do not overflow. */
	e->pos.branches = codec->branches + (random_number(rnd) >> 14);
	e->pos.events = codec->events + (random_number(rnd) >> 14);
	e->pos.rip = random_number(rnd);
	e->pos.regs = random_number(rnd);
	switch (e->type) {
	case KVM_FT_ENTRY_TSC:
	case KVM_FT_ENTRY_TSCP:
		e->tsc = random_number(rnd);
		break;
	case KVM_FT_ENTRY_MSR:
		e->msr.index = random_number(rnd);
		e->msr.value = random_number(rnd);
		break;
	case KVM_FT_ENTRY_IO_IN:
	case KVM_FT_ENTRY_IO_OUT:
		e->io.addr = random_number(rnd);
		e->io.len = random_number(rnd) % (KVM_FT_ENTRY_DATA_MAX + 1);
		e->io.data = w->data;
		break;
	case KVM_FT_ENTRY_IRQ:
		e->irq.source = random_number(rnd);
		e->irq.level = random_number(rnd);
		e->irq.gsi = random_number(rnd);
		break;
	case KVM_FT_ENTRY_MSI:
		e->msi.addr = random_number(rnd);
		e->msi.data = random_number(rnd);
		break;
	case KVM_FT_ENTRY_DIGEST:
		e->digest.regs = random_number(rnd);
		e->digest.ram = random_number(rnd);
		e->digest.irqchip = random_number(rnd);
		break;
	case KVM_FT_ENTRY_DMA:
		e->dma.gpa = random_number(rnd);
		e->dma.len = random_number(rnd) % (KVM_FT_ENTRY_DATA_MAX + 1);
		e->dma.data = w->data;
		break;
	case KVM_FT_ENTRY_QUEUE:
		e->queue.used = random_number(rnd);
		e->queue.flags = random_number(rnd);
		e->queue.idx = random_number(rnd);
		e->queue.event = random_number(rnd);
		e->queue.avail = random_number(rnd);
		break;
	case KVM_FT_ENTRY_DISK:
		e->disk.gpa = random_number(rnd);
		e->disk.len = 1 + random_number(rnd) % KVM_FT_ENTRY_DISK_MAX;
		e->disk.lun = random_number(rnd);
		e->disk.offset = random_number(rnd) >> 2;
		e->disk.ahead = random_number(rnd) % (KVM_FT_ENTRY_DISK_MAX + 1);
		break;
	}
}

static int wire_test_init(struct kunit *test)
{
	struct wire_test *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);

	if (!w)
		return -ENOMEM;
	w->buf = kunit_kmalloc(test, KVM_FT_ENTRY_MAX, GFP_KERNEL);
	if (!w->buf)
		return -ENOMEM;
	prandom_seed_state(&w->rnd, 2);
	prandom_bytes_state(&w->rnd, w->data, sizeof(w->data));
	test->priv = w;
	return 0;
}

/* Decode from the very end of a buffer: to read on is to be caught. */
static int decode_at_end(struct wire_test *w, struct ft_codec *codec, const u8 *bytes,
			 size_t len, struct ft_entry *e)
{
	u8 *p = w->buf + KVM_FT_ENTRY_MAX - len;

	memmove(p, bytes, len);
	return ft_entry_decode(codec, p, len, e);
}

/* The format as bytes: neither side may change it without the other's knowledge. */
static const struct golden {
	struct ft_codec codec;
	struct ft_entry entry;
	u8 len;
	u8 bytes[48];
} golden[] = {
	{
		.entry = { .type = KVM_FT_ENTRY_TSC, .pos = { 5, 0xffff0123 }, .tsc = 1 },
		.len = 5, .bytes = { 1, 5, 0x23, 0x01, 2 },
	}, {
		.codec = { .branches = 1000, .tsc = 500 },
		.entry = { .type = KVM_FT_ENTRY_TSCP, .pos = { 1128, 0x8001 }, .tsc = 437 },
		.len = 6, .bytes = { 2, 0x80, 0x01, 0x01, 0x80, 125 },
	}, {
		.entry = { .type = KVM_FT_ENTRY_MSR, .pos = { 0, 2 },
			   .msr = { 0x1b, 0xfee00d00 } },
		.len = 13, .bytes = { 3, 0, 2, 0, 0x1b, 0x00, 0x0d, 0xe0, 0xfe },
	}, {
		.entry = { .type = KVM_FT_ENTRY_IO_IN, .pos = { 127, 3 },
			   .io = { 0x3fd, 2, "\x60\x61" } },
		.len = 9, .bytes = { 4, 127, 3, 0, 0xfd, 0x03, 2, 0x60, 0x61 },
	}, {
		.entry = { .type = KVM_FT_ENTRY_IO_OUT, .pos = { 128, 3 },
			   .io = { 0x3f8, 1, "A" } },
		.len = 9, .bytes = { 5, 0x80, 1, 3, 0, 0xf8, 0x03, 1, 'A' },
	}, {
		.codec = { .branches = 1, .events = 7 },
		.entry = { .type = KVM_FT_ENTRY_IRQ,
			   .pos = { 2, 0x1122334455667788, 9, 0xaabbccdd },
			   .irq = { 1, 1, 300 } },
		.len = 21, .bytes = { 16, 1, 0x88, 0x77, 2, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33,
				      0x22, 0x11, 0xdd, 0xcc, 0xbb, 0xaa, 1, 1, 0xac, 0x02 },
	}, {
		.entry = { .type = KVM_FT_ENTRY_MSI, .pos = { 0, 1, 0, 2 },
			   .msi = { 0xfee00000, 0x4031 } },
		.len = 29, .bytes = { 17, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0,
				      0, 0, 0xe0, 0xfe, 0, 0, 0, 0, 0x31, 0x40, 0, 0 },
	}, {
		.entry = { .type = KVM_FT_ENTRY_TIMER, .pos = { 0, 1, 0, 2 } },
		.len = 17, .bytes = { 18, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0 },
	}, {
		.entry = { .type = KVM_FT_ENTRY_NMI, .pos = { 0, 1, 0, 2 } },
		.len = 17, .bytes = { 19, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0 },
	}, {
		.entry = { .type = KVM_FT_ENTRY_POSITION, .pos = { 0, 1, 0, 2 } },
		.len = 17, .bytes = { 20, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0 },
	}, {
		.entry = { .type = KVM_FT_ENTRY_DIGEST, .pos = { 0, 1, 0, 2 },
			   .digest = { 3, 4, 5 } },
		.len = 41, .bytes = { 21, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0,
				      3, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0,
				      5, 0, 0, 0, 0, 0, 0, 0 },
	}, {
		.entry = { .type = KVM_FT_ENTRY_BATCH, .pos = { 0, 1, 0, 2 } },
		.len = 17, .bytes = { 22, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0 },
	}, {
		.codec = { .branches = 9, .events = 7 },
		.entry = { .type = KVM_FT_ENTRY_DMA, .dma = { 0x1000, 3, "abc" } },
		.len = 7, .bytes = { 32, 0x80, 0x20, 3, 'a', 'b', 'c' },
	}, {
		.codec = { .branches = 9, .events = 7 },
		.entry = { .type = KVM_FT_ENTRY_QUEUE, .queue = { 0x80, 1, 2, 3, 0x405 } },
		.len = 11, .bytes = { 33, 0x80, 1, 1, 0, 2, 0, 3, 0, 5, 4 },
	}, {
		.codec = { .branches = 9, .events = 7 },
		.entry = { .type = KVM_FT_ENTRY_DISK, .disk = { 0x1000, 0x200, 1, 0x80, 3 } },
		.len = 9, .bytes = { 34, 0x80, 0x20, 0x80, 4, 1, 0x80, 1, 3 },
	},
};

static void wire_test_golden(struct kunit *test)
{
	struct wire_test *w = test->priv;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(golden); i++) {
		const struct golden *g = &golden[i];
		struct ft_codec enc = g->codec, dec = g->codec;
		struct ft_entry e;

		KUNIT_ASSERT_EQ(test, ft_entry_encode(&enc, &g->entry, w->buf,
						      KVM_FT_ENTRY_MAX), g->len);
		KUNIT_ASSERT_MEMEQ(test, w->buf, g->bytes, g->len);
		KUNIT_ASSERT_EQ(test, decode_at_end(w, &dec, g->bytes, g->len, &e), g->len);
		check_equal(test, &g->entry, &e);
		KUNIT_ASSERT_MEMEQ(test, &enc, &dec, sizeof(enc));
	}
}

/* The bytes of a DMA entry may be put in later, at its end. */
static void wire_test_dma_in_place(struct kunit *test)
{
	struct ft_entry e = { .type = KVM_FT_ENTRY_DMA, .dma = { 0x123456, 100, NULL } };
	struct wire_test *w = test->priv;
	struct ft_codec codec = {};
	struct ft_entry got;
	int len;

	len = ft_entry_encode(&codec, &e, w->buf, KVM_FT_ENTRY_MAX);
	KUNIT_ASSERT_GT(test, len, 100);
	memcpy(w->buf + len - 100, w->data, 100);
	KUNIT_ASSERT_EQ(test, ft_entry_decode(&codec, w->buf, len, &got), len);
	e.dma.data = w->data;
	check_equal(test, &e, &got);
	e.dma.len = KVM_FT_ENTRY_DATA_MAX + 1;
	KUNIT_EXPECT_EQ(test, ft_entry_encode(&codec, &e, w->buf, KVM_FT_ENTRY_MAX), -EINVAL);
}

/* A stretch of a disk that cannot be: neither written nor believed. */
static void wire_test_disk_bounds(struct kunit *test)
{
	static const struct {
		struct ft_disk_read read;
		bool good;
	} cases[] = {
		{ { 0, 1, 0, 0, 0 }, true },
		{ { 0, 0, 0, 0, 0 } },
		{ { 0, KVM_FT_ENTRY_DISK_MAX, U32_MAX, 0, KVM_FT_ENTRY_DISK_MAX }, true },
		{ { 0, KVM_FT_ENTRY_DISK_MAX + 1, 0, 0, 0 } },
		{ { 0, 1, 0, 0, KVM_FT_ENTRY_DISK_MAX + 1 } },
		{ { U64_MAX, 1, 0, S64_MAX - 3, 2 }, true },
		{ { 0, 1, 0, S64_MAX - 2, 2 } },
		{ { 0, 1, 0, (u64)S64_MAX + 1, 0 } },
		{ { 0, 1, 0, U64_MAX, 0 } },
	};
	struct wire_test *w = test->priv;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct ft_disk_read *read = &cases[i].read;
		struct ft_entry e = { .type = KVM_FT_ENTRY_DISK, .disk = *read }, got;
		const u64 body[] = { read->gpa, read->len, read->lun, read->offset, read->ahead };
		struct ft_codec codec = {};
		size_t n, len = 0;
		u8 bytes[64];
		int good = 0;
		u64 v;

		bytes[len++] = KVM_FT_ENTRY_DISK;
		for (n = 0; n < ARRAY_SIZE(body); n++) {
			for (v = body[n]; v >= 0x80; v >>= 7)
				bytes[len++] = v | 0x80;
			bytes[len++] = v;
		}
		if (cases[i].good)
			good = len;
		KUNIT_EXPECT_EQ_MSG(test, ft_entry_encode(&codec, &e, w->buf, KVM_FT_ENTRY_MAX),
				    good ?: -EINVAL, "case %zu", i);
		KUNIT_EXPECT_EQ_MSG(test, decode_at_end(w, &codec, bytes, len, &got),
				    good ?: -EBADMSG, "case %zu", i);
	}
}

/* A log of random entries, written in one go and read back in one go. */
static void wire_test_round_trip(struct kunit *test)
{
	struct wire_test *w = test->priv;
	struct ft_codec enc = {}, dec = {};
	struct ft_entry e, got;
	int i, len;

	for (i = 0; i < 50000; i++) {
		if (enc.branches >> 62 || enc.events >> 62) {
			enc = (struct ft_codec) {};
			dec = enc;
		}
		random_entry(w, &enc, &e);
		len = ft_entry_encode(&enc, &e, w->buf, KVM_FT_ENTRY_MAX);
		KUNIT_ASSERT_GT(test, len, 0);
		KUNIT_ASSERT_EQ(test, ft_entry_decode(&dec, w->buf, KVM_FT_ENTRY_MAX, &got), len);
		check_equal(test, &e, &got);
		KUNIT_ASSERT_MEMEQ(test, &enc, &dec, sizeof(enc));
		/* In place: the data was not copied anywhere. */
		if (e.type == KVM_FT_ENTRY_IO_IN || e.type == KVM_FT_ENTRY_IO_OUT)
			KUNIT_ASSERT_PTR_EQ(test, got.io.data, w->buf + len - e.io.len);
		else if (e.type == KVM_FT_ENTRY_DMA)
			KUNIT_ASSERT_PTR_EQ(test, got.dma.data, w->buf + len - e.dma.len);
	}
}

static void wire_test_truncated(struct kunit *test)
{
	struct wire_test *w = test->priv;
	static u8 bytes[KVM_FT_ENTRY_MAX];
	struct ft_entry e, got;
	int i, len, cut;

	for (i = 0; i < 2000; i++) {
		struct ft_codec codec = { .branches = 1000, .events = 50, .tsc = i }, saved;

		random_entry(w, &codec, &e);
		saved = codec;
		len = ft_entry_encode(&codec, &e, bytes, sizeof(bytes));
		KUNIT_ASSERT_GT(test, len, 0);
		codec = saved;
		for (cut = 0; cut < len; cut++)
			KUNIT_ASSERT_EQ(test, decode_at_end(w, &codec, bytes, cut, &got), -EAGAIN);
		KUNIT_ASSERT_MEMEQ(test, &codec, &saved, sizeof(codec));
		KUNIT_ASSERT_EQ(test, decode_at_end(w, &codec, bytes, len, &got), len);
		check_equal(test, &e, &got);
	}
}

static void wire_test_no_room(struct kunit *test)
{
	struct wire_test *w = test->priv;
	struct ft_entry e;
	int i, len, room;

	for (i = 0; i < 500; i++) {
		struct ft_codec codec = { .branches = 1000, .events = 50, .tsc = i }, saved;

		random_entry(w, &codec, &e);
		shorten(&e, 300);
		saved = codec;
		len = ft_entry_encode(&codec, &e, w->buf, KVM_FT_ENTRY_MAX);
		KUNIT_ASSERT_GT(test, len, 0);
		codec = saved;
		memset(w->buf, 0x5a, KVM_FT_ENTRY_MAX);
		for (room = 0; room < len; room++)
			KUNIT_ASSERT_EQ(test, ft_entry_encode(&codec, &e, w->buf, room), -ENOSPC);
		KUNIT_ASSERT_PTR_EQ(test, memchr_inv(w->buf, 0x5a, KVM_FT_ENTRY_MAX), NULL);
		KUNIT_ASSERT_MEMEQ(test, &codec, &saved, sizeof(codec));
		KUNIT_ASSERT_EQ(test, ft_entry_encode(&codec, &e, w->buf, len), len);
		KUNIT_ASSERT_PTR_EQ(test, memchr_inv(w->buf + len, 0x5a, KVM_FT_ENTRY_MAX - len),
				    NULL);
	}
}

/* An entry whose first varint, the branches, is @varint. */
static int decode_branches(struct wire_test *w, const u8 *varint, size_t len,
			   struct ft_entry *e)
{
	struct ft_codec codec = {};
	u8 bytes[32] = { KVM_FT_ENTRY_TSC };

	memcpy(bytes + 1, varint, len);
	/* rip16 and dtsc are zero. */
	return decode_at_end(w, &codec, bytes, 1 + len + 3, e);
}

static void wire_test_varint_edges(struct kunit *test)
{
	struct wire_test *w = test->priv;
	struct ft_entry e = { .type = KVM_FT_ENTRY_TSC }, got;
	unsigned int bits, want;
	int around, len;

	for (bits = 0; bits <= 63; bits++) {
		for (around = -1; around <= 1; around++) {
			struct ft_codec codec = {};

			e.pos.branches = BIT_ULL(bits) + around;
			for (want = 1; want < 10 && e.pos.branches >> (7 * want); want++)
				;
			len = ft_entry_encode(&codec, &e, w->buf, KVM_FT_ENTRY_MAX);
			KUNIT_ASSERT_EQ(test, len, 1 + want + 2 + 1);
			KUNIT_ASSERT_EQ(test, decode_branches(w, w->buf + 1, want, &got), len);
			KUNIT_ASSERT_EQ(test, got.pos.branches, e.pos.branches);
		}
	}
	e.pos.branches = U64_MAX;
	KUNIT_EXPECT_EQ(test, ft_entry_encode(&(struct ft_codec) {}, &e, w->buf,
					      KVM_FT_ENTRY_MAX), 1 + 10 + 2 + 1);
	KUNIT_EXPECT_GT(test, decode_branches(w, w->buf + 1, 10, &got), 0);
	KUNIT_EXPECT_EQ(test, got.pos.branches, U64_MAX);
}

static void wire_test_varint_malformed(struct kunit *test)
{
	struct wire_test *w = test->priv;
	struct ft_entry e;
	u8 v[16];
	int len, last;

	/* Longer than need be: the last byte is zero. */
	for (len = 2; len <= 10; len++) {
		memset(v, 0x80, sizeof(v));
		v[len - 1] = 0;
		KUNIT_EXPECT_EQ_MSG(test, decode_branches(w, v, len, &e), -EBADMSG, "len %d", len);
		memset(v, 0xff, sizeof(v));
		v[len - 1] = 0;
		KUNIT_EXPECT_EQ_MSG(test, decode_branches(w, v, len, &e), -EBADMSG, "len %d", len);
	}
	/* More than 64 bits: the tenth byte holds but one of them. */
	for (last = 0; last < 256; last++) {
		memset(v, 0x80, sizeof(v));
		v[9] = last;
		if (last == 1)
			KUNIT_EXPECT_GT(test, decode_branches(w, v, 10, &e), 0);
		else
			KUNIT_EXPECT_EQ_MSG(test, decode_branches(w, v, 10, &e), -EBADMSG,
					    "last %d", last);
	}
	/* Without an end. That is known as soon as the tenth byte is there. */
	memset(v, 0xff, sizeof(v));
	KUNIT_EXPECT_EQ(test, decode_branches(w, v, 11, &e), -EBADMSG);
}

static void wire_test_unknown_types(struct kunit *test)
{
	struct wire_test *w = test->priv;
	unsigned int type;

	for (type = 0; type < 256; type++) {
		struct ft_codec codec = {};
		struct ft_entry e = { .type = type };
		u8 byte = type;
		int ret;

		ret = decode_at_end(w, &codec, &byte, 1, &e);
		KUNIT_EXPECT_EQ_MSG(test, ret, is_type(type) ? -EAGAIN : -EBADMSG,
				    "type %u", type);
		e = (struct ft_entry) { .type = type };
		if (type == KVM_FT_ENTRY_DISK)
			e.disk.len = 1;
		ret = ft_entry_encode(&codec, &e, w->buf, KVM_FT_ENTRY_MAX);
		if (is_type(type))
			KUNIT_EXPECT_GT_MSG(test, ret, 0, "type %u", type);
		else
			KUNIT_EXPECT_EQ_MSG(test, ret, -EINVAL, "type %u", type);
		KUNIT_EXPECT_EQ(test, !strcmp(ft_entry_name(type), "unknown"), !is_type(type));
	}
}

static void wire_test_values_too_large(struct kunit *test)
{
	static const struct {
		u8 len;
		u8 bytes[32];
	} bad[] = {
		/* MSR index 2^32 */
		{ 17, { 3, 0, 0, 0, 0x80, 0x80, 0x80, 0x80, 0x10 } },
		/* IO_IN and IO_OUT of 4097 bytes */
		{ 8, { 4, 0, 0, 0, 0, 0, 0x81, 0x20 } },
		{ 8, { 5, 0, 0, 0, 0, 0, 0x81, 0x20 } },
		/* IRQ of gsi 2^32 */
		{ 24, { 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
			0x80, 0x80, 0x80, 0x80, 0x10 } },
		/* The position's RIP is not what rip16 says */
		{ 17, { 18, 0, 1, 0, 0, 2 } },
		{ 17, { 18, 0, 1, 0, 0, 1, 1 } },
	};
	struct wire_test *w = test->priv;
	struct ft_codec codec = {};
	struct ft_entry e = { .type = KVM_FT_ENTRY_IO_IN };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_EQ_MSG(test, decode_at_end(w, &codec, bad[i].bytes, bad[i].len, &e),
				    -EBADMSG, "case %zu", i);

	e = (struct ft_entry) { .type = KVM_FT_ENTRY_IO_IN };
	e.io.len = KVM_FT_ENTRY_DATA_MAX;
	e.io.data = w->data;
	KUNIT_EXPECT_GT(test, ft_entry_encode(&codec, &e, w->buf, KVM_FT_ENTRY_MAX),
			KVM_FT_ENTRY_DATA_MAX);
	e.io.len++;
	KUNIT_EXPECT_EQ(test, ft_entry_encode(&codec, &e, w->buf, KVM_FT_ENTRY_MAX), -EINVAL);
}

/* Positions only go forward. */
static void wire_test_deltas(struct kunit *test)
{
	struct wire_test *w = test->priv;
	struct ft_codec codec = { .branches = 100, .events = 10, .tsc = 5 };
	const struct ft_codec saved = codec;
	struct ft_entry e = { .type = KVM_FT_ENTRY_NMI, .pos = { 99, 0, 10 } };
	u8 bytes[] = { KVM_FT_ENTRY_TSC, 2, 0, 0, 0 };

	KUNIT_EXPECT_EQ(test, ft_entry_encode(&codec, &e, w->buf, KVM_FT_ENTRY_MAX), -ERANGE);
	e.pos.branches = 100;
	e.pos.events = 9;
	KUNIT_EXPECT_EQ(test, ft_entry_encode(&codec, &e, w->buf, KVM_FT_ENTRY_MAX), -ERANGE);
	KUNIT_EXPECT_MEMEQ(test, &codec, &saved, sizeof(codec));
	/* A synchronous entry has no events, and leaves them as they are. */
	e.type = KVM_FT_ENTRY_MSR;
	KUNIT_EXPECT_GT(test, ft_entry_encode(&codec, &e, w->buf, KVM_FT_ENTRY_MAX), 0);
	KUNIT_EXPECT_EQ(test, codec.events, 10);
	/* Only TSC entries move the TSC. */
	KUNIT_EXPECT_EQ(test, codec.tsc, 5);

	codec.branches = U64_MAX - 1;
	KUNIT_EXPECT_EQ(test, decode_at_end(w, &codec, bytes, sizeof(bytes), &e), -EBADMSG);
	KUNIT_EXPECT_EQ(test, codec.branches, U64_MAX - 1);
	codec.branches = U64_MAX - 2;
	KUNIT_EXPECT_EQ(test, decode_at_end(w, &codec, bytes, sizeof(bytes), &e),
			sizeof(bytes));
	KUNIT_EXPECT_EQ(test, codec.branches, U64_MAX);
}

static void wire_test_tsc_both_ways(struct kunit *test)
{
	static const u64 tsc[] = {
		0, 1, 0, 1000, 999, U64_MAX, 0, S64_MAX, (u64)S64_MIN, 0, (u64)S64_MIN, 63, 0,
		64, 0, U64_MAX, U64_MAX - 1,
	};
	struct wire_test *w = test->priv;
	struct ft_codec enc = {}, dec = {};
	struct ft_entry e, got;
	size_t i;
	int len;

	for (i = 0; i < ARRAY_SIZE(tsc); i++) {
		e = (struct ft_entry) { .type = KVM_FT_ENTRY_TSC, .tsc = tsc[i] };
		len = ft_entry_encode(&enc, &e, w->buf, KVM_FT_ENTRY_MAX);
		KUNIT_ASSERT_GT(test, len, 0);
		KUNIT_ASSERT_EQ(test, ft_entry_decode(&dec, w->buf, len, &got), len);
		KUNIT_ASSERT_EQ(test, got.tsc, tsc[i]);
	}
}

/* Whatever is taken for an entry is what that entry is written as: one form only. */
static void check_canonical(struct kunit *test, const u8 *bytes, size_t len,
			    unsigned int *good)
{
	const struct ft_codec start = { .branches = 77, .events = 7, .tsc = 777 };
	struct ft_codec enc = start, dec = start;
	static u8 again[KVM_FT_ENTRY_MAX];
	struct wire_test *w = test->priv;
	struct ft_entry e;
	int ret;

	ret = decode_at_end(w, &dec, bytes, len, &e);
	if (ret < 0) {
		KUNIT_ASSERT_TRUE(test, ret == -EAGAIN || ret == -EBADMSG);
		KUNIT_ASSERT_MEMEQ(test, &dec, &start, sizeof(dec));
		return;
	}
	KUNIT_ASSERT_LE(test, ret, len);
	KUNIT_ASSERT_EQ(test, ft_entry_encode(&enc, &e, again, sizeof(again)), ret);
	KUNIT_ASSERT_MEMEQ(test, again, w->buf + KVM_FT_ENTRY_MAX - len, ret);
	KUNIT_ASSERT_MEMEQ(test, &enc, &dec, sizeof(enc));
	++*good;
}

static void wire_test_fuzz_noise(struct kunit *test)
{
	struct wire_test *w = test->priv;
	unsigned int good = 0;
	u8 bytes[64];
	int i;

	for (i = 0; i < 200000; i++) {
		size_t len = prandom_u32_state(&w->rnd) % (sizeof(bytes) + 1);

		prandom_bytes_state(&w->rnd, bytes, len);
		/* Let most of it get past the first byte. */
		if (len && prandom_u32_state(&w->rnd) & 7)
			bytes[0] = types[prandom_u32_state(&w->rnd) % ARRAY_SIZE(types)];
		check_canonical(test, bytes, len, &good);
	}
	KUNIT_EXPECT_GT(test, good, 10000);
}

static void wire_test_fuzz_mutants(struct kunit *test)
{
	struct wire_test *w = test->priv;
	static u8 bytes[KVM_FT_ENTRY_MAX];
	unsigned int good = 0;
	struct ft_entry e;
	int i, len, flips;

	for (i = 0; i < 100000; i++) {
		struct ft_codec codec = { .branches = 77, .events = 7, .tsc = 777 };

		random_entry(w, &codec, &e);
		shorten(&e, 100);
		len = ft_entry_encode(&codec, &e, bytes, sizeof(bytes));
		KUNIT_ASSERT_GT(test, len, 0);
		for (flips = prandom_u32_state(&w->rnd) % 3; flips >= 0; flips--)
			bytes[prandom_u32_state(&w->rnd) % len] ^=
				BIT(prandom_u32_state(&w->rnd) & 7);
		check_canonical(test, bytes, len, &good);
	}
	KUNIT_EXPECT_GT(test, good, 10000);
}

static void wire_test_frames(struct kunit *test)
{
	static const struct {
		u8 type;
		u32 length;
		u64 offset;
		u64 replayed;
		int want;
		u8 flags;
	} cases[] = {
		{ 0, 0, 0, 0, -EBADMSG },
		{ KVM_FT_FRAME_HELLO, sizeof(struct kvm_ft_hello), 0, 0, 0 },
		{ KVM_FT_FRAME_HELLO, sizeof(struct kvm_ft_hello) - 1, 0, 0, -EBADMSG },
		{ KVM_FT_FRAME_HELLO, KVM_FT_HELLO_MAX, 0, 0, 0 },
		{ KVM_FT_FRAME_HELLO, KVM_FT_HELLO_MAX + 1, 0, 0, -EBADMSG },
		{ KVM_FT_FRAME_LOG, 0, 0, 0, -EBADMSG },
		{ KVM_FT_FRAME_LOG, 1, 0, 0, 0 },
		{ KVM_FT_FRAME_LOG, 1000, 5, 0, 0 },
		{ KVM_FT_FRAME_LOG, 1001, 5, 0, -EBADMSG },
		{ KVM_FT_FRAME_LOG, U32_MAX, 5, 0, -EBADMSG },
		{ KVM_FT_FRAME_LOG, 1000, U64_MAX - 1000, 0, 0 },
		{ KVM_FT_FRAME_LOG, 1000, U64_MAX - 999, 0, -EBADMSG },
		{ KVM_FT_FRAME_LOG, 0, 5, 0, 0, KVM_FT_FRAME_ASK },
		{ KVM_FT_FRAME_LOG, 1000, 5, 0, 0, KVM_FT_FRAME_ASK },
		{ KVM_FT_FRAME_LOG, 1001, 5, 0, -EBADMSG, KVM_FT_FRAME_ASK },
		{ KVM_FT_FRAME_LOG, 1000, 5, 0, -EBADMSG, KVM_FT_FRAME_ASK << 1 },
		{ KVM_FT_FRAME_ACK, 0, 10, 10, -EBADMSG, KVM_FT_FRAME_ASK },
		{ KVM_FT_FRAME_ACK, 0, 10, 10, 0 },
		{ KVM_FT_FRAME_ACK, 0, 10, 11, -EBADMSG },
		{ KVM_FT_FRAME_ACK, 1, 10, 10, -EBADMSG },
		{ KVM_FT_FRAME_HEARTBEAT, 0, 3, 4, 0 },
		{ KVM_FT_FRAME_HEARTBEAT, 1, 3, 4, -EBADMSG },
		{ KVM_FT_FRAME_BYE, 0, 2, 0, 0 },
		{ KVM_FT_FRAME_BYE, 8, 2, 0, -EBADMSG },
		{ KVM_FT_FRAME_BYE + 1, 0, 0, 0, -EBADMSG },
		{ 255, 0, 0, 0, -EBADMSG },
	};
	struct kvm_ft_frame_header h;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		ft_frame_encode(&h, cases[i].type, cases[i].length, cases[i].offset,
				cases[i].replayed);
		h.flags = cases[i].flags;
		KUNIT_EXPECT_EQ_MSG(test, ft_frame_check(&h, 1000), cases[i].want, "case %zu", i);
	}

	ft_frame_encode(&h, KVM_FT_FRAME_BYE, 0, 2, 0);
	h.magic ^= cpu_to_le16(0x100);
	KUNIT_EXPECT_EQ(test, ft_frame_check(&h, 1000), -EBADMSG);
}

static void wire_test_frame_bytes(struct kunit *test)
{
	static const u8 want[] = {
		0x76, 0x6b, 3, 0, 0, 0, 0, 0,
		0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,
		0x01, 0x02, 0x03, 0, 0, 0, 0, 0,
	};
	struct kvm_ft_frame_header h;

	memset(&h, 0xff, sizeof(h));
	ft_frame_encode(&h, KVM_FT_FRAME_ACK, 0, 0x1122334455667788, 0x030201);
	KUNIT_EXPECT_MEMEQ(test, &h, want, sizeof(want));
	ft_frame_encode(&h, KVM_FT_FRAME_LOG, 0x04030201, 0, 0);
	KUNIT_EXPECT_MEMEQ(test, (u8 *)&h + 4, "\1\2\3\4", 4);
}

static struct kvm_ft_hello make_hello(u16 min, u16 max, u32 role)
{
	return (struct kvm_ft_hello) {
		.version_min = cpu_to_le16(min),
		.version_max = cpu_to_le16(max),
		.role = cpu_to_le32(role),
		.session = cpu_to_le64(0x123456789abcdef),
		.ring_size = cpu_to_le32(1 << 24),
		.timeout_ms = cpu_to_le32(200),
	};
}

static void wire_test_negotiate(struct kunit *test)
{
	static const struct {
		u16 mine_min, mine_max, theirs_min, theirs_max;
		int want;
	} cases[] = {
		{ 1, 1, 1, 1, 1 },
		{ 1, 1, 1, 5, 1 },
		{ 1, 4, 1, 5, 4 },
		{ 3, 9, 1, 5, 5 },
		{ 3, 9, 9, 12, 9 },
		{ 1, 1, 2, 5, -EPROTONOSUPPORT },
		{ 6, 9, 1, 5, -EPROTONOSUPPORT },
		{ 1, 1, 0, 1, -EBADMSG },
		{ 1, 1, 0, 0, -EBADMSG },
		{ 1, 9, 5, 4, -EBADMSG },
		{ 1, 65535, 65535, 65535, 65535 },
	};
	struct kvm_ft_hello mine, theirs;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		mine = make_hello(cases[i].mine_min, cases[i].mine_max, 0);
		theirs = make_hello(cases[i].theirs_min, cases[i].theirs_max, 1);
		KUNIT_EXPECT_EQ_MSG(test, ft_hello_negotiate(&mine, &theirs), cases[i].want,
				    "case %zu", i);
	}

	mine = make_hello(1, 1, 0);
	theirs = make_hello(1, 1, 0);
	KUNIT_EXPECT_EQ(test, ft_hello_negotiate(&mine, &theirs), -EISCONN);
	theirs = make_hello(1, 1, 1);
	theirs.session ^= cpu_to_le64(1);
	KUNIT_EXPECT_EQ(test, ft_hello_negotiate(&mine, &theirs), -EBADSLT);
	theirs = make_hello(1, 1, 1);
	theirs.ring_size = cpu_to_le32(3);
	KUNIT_EXPECT_EQ(test, ft_hello_negotiate(&mine, &theirs), -EBADMSG);
	theirs.ring_size = 0;
	KUNIT_EXPECT_EQ(test, ft_hello_negotiate(&mine, &theirs), -EBADMSG);
	theirs = make_hello(1, 1, 1);
	theirs.timeout_ms = 0;
	KUNIT_EXPECT_EQ(test, ft_hello_negotiate(&mine, &theirs), -EBADMSG);
	/* Of a version that is not spoken here nothing but the version is known. */
	theirs = make_hello(7, 8, 0);
	theirs.ring_size = 0;
	KUNIT_EXPECT_EQ(test, ft_hello_negotiate(&mine, &theirs), -EPROTONOSUPPORT);
}

static struct kunit_case wire_test_cases[] = {
	KUNIT_CASE(wire_test_golden),
	KUNIT_CASE(wire_test_dma_in_place),
	KUNIT_CASE(wire_test_disk_bounds),
	KUNIT_CASE(wire_test_round_trip),
	KUNIT_CASE(wire_test_truncated),
	KUNIT_CASE(wire_test_no_room),
	KUNIT_CASE(wire_test_varint_edges),
	KUNIT_CASE(wire_test_varint_malformed),
	KUNIT_CASE(wire_test_unknown_types),
	KUNIT_CASE(wire_test_values_too_large),
	KUNIT_CASE(wire_test_deltas),
	KUNIT_CASE(wire_test_tsc_both_ways),
	KUNIT_CASE(wire_test_fuzz_noise),
	KUNIT_CASE(wire_test_fuzz_mutants),
	KUNIT_CASE(wire_test_frames),
	KUNIT_CASE(wire_test_frame_bytes),
	KUNIT_CASE(wire_test_negotiate),
	{}
};

static struct kunit_suite wire_test_suite = {
	.name = "kvm_ft_wire",
	.init = wire_test_init,
	.test_cases = wire_test_cases,
};

kunit_test_suite(wire_test_suite);
