// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of what is found in a virtqueue. The guest's memory is an array; a device
 * that marks each byte it writes is compared with what ft_vring_written() tells.
 */
#include <kunit/test.h>
#include <linux/prandom.h>
#include <linux/slab.h>
#include <uapi/linux/virtio_ring.h>

#include "../../kmod/virtqueue.h"

#define NUM	16
#define RAM	(64 << 10)
#define DESC	0x0
#define AVAIL	0x400
#define USED	0x800
#define TABLES	0x1000	/* indirect ones */
#define BUFFERS	0x8000

/**
 * struct vq_test - a guest with one virtqueue
 * @rnd: fixed seed
 * @ring: the queue
 * @ram: the guest's memory
 * @wrote: per byte, what the device wrote
 * @told: per byte, what ft_vring_written() told of
 * @place: per byte, where in which chain it is: the head descriptor in the upper half
 * @misplaced: bytes that ft_vring_written() told of as of another place
 * @fail_at: reads at this address fail; 0: none does
 * @whole: the device tells no lengths
 */
struct vq_test {
	struct rnd_state rnd;
	struct ft_vring ring;
	u8 *ram;
	u8 *wrote;
	u8 *told;
	u32 *place;
	unsigned int misplaced;
	u64 fail_at;
	bool whole;
};

static int vq_read(void *ctx, u64 gpa, void *buf, size_t len)
{
	struct vq_test *t = ctx;

	if (gpa >= RAM || len > RAM - gpa || (t->fail_at && gpa == t->fail_at))
		return -EFAULT;
	memcpy(buf, t->ram + gpa, len);
	return 0;
}

#define NO_CHAIN	U32_MAX

static u32 vq_place(u32 head, u64 at)
{
	return head == FT_VRING_USED ? NO_CHAIN : head << 16 | (u16)at;
}

static int vq_written(void *ctx, const struct ft_vring_stretch *s)
{
	struct vq_test *t = ctx;
	u32 i;

	if (s->gpa >= RAM || s->len > RAM - s->gpa)
		return -EFAULT;
	for (i = 0; i < s->len; i++) {
		t->told[s->gpa + i]++;
		t->misplaced += t->place[s->gpa + i] != vq_place(s->head, s->at + i);
	}
	return 0;
}

static int vq_run(struct vq_test *t, u16 from, u16 to)
{
	const struct ft_vring_walk walk = { vq_read, vq_written, t };

	memset(t->told, 0, RAM);
	return ft_vring_written(&t->ring, from, to, t->whole, &walk);
}

static struct ft_vring_desc desc(u64 addr, u32 len, u16 flags, u16 next)
{
	return (struct ft_vring_desc) {
		.addr = cpu_to_le64(addr),
		.len = cpu_to_le32(len),
		.flags = cpu_to_le16(flags),
		.next = cpu_to_le16(next),
	};
}

static struct ft_vring_desc *vq_desc(struct vq_test *t, u64 table, unsigned int i)
{
	return (struct ft_vring_desc *)(t->ram + table) + i;
}

static void vq_use(struct vq_test *t, u16 at, u32 id, u32 len)
{
	struct ft_vring_elem *used = (void *)(t->ram + USED + 4);
	u64 gpa = USED + 4 + (at % NUM) * sizeof(*used);

	used[at % NUM] = (struct ft_vring_elem) { cpu_to_le32(id), cpu_to_le32(len) };
	memset(t->wrote + gpa, 1, sizeof(*used));
	memset32(t->place + gpa, NO_CHAIN, sizeof(*used));
}

static int vq_test_init(struct kunit *test)
{
	struct vq_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	t->ram = kunit_kzalloc(test, RAM, GFP_KERNEL);
	t->wrote = kunit_kzalloc(test, RAM, GFP_KERNEL);
	t->told = kunit_kzalloc(test, RAM, GFP_KERNEL);
	t->place = kunit_kzalloc(test, RAM * sizeof(*t->place), GFP_KERNEL);
	if (!t->ram || !t->wrote || !t->told || !t->place)
		return -ENOMEM;
	t->ring = (struct ft_vring) { NUM, DESC, AVAIL, USED };
	prandom_seed_state(&t->rnd, 3);
	test->priv = t;
	return 0;
}

/*
 * A chain of buffers, of the head descriptor @head, from table entry @first on: some
 * that the device reads, then some that it writes, @len bytes of them.
 */
static void vq_chain(struct vq_test *t, unsigned int head, u64 table, unsigned int first,
		     unsigned int entries, u64 buffer, u32 *len)
{
	unsigned int out = prandom_u32_state(&t->rnd) % entries, i;
	u32 room = 0, left, byte;

	for (i = 0; i < entries; i++) {
		u32 size = 1 + prandom_u32_state(&t->rnd) % 100;

		*vq_desc(t, table, first + i) =
			desc(buffer + i * 128, size,
			     (i < out ? 0 : VRING_DESC_F_WRITE) |
			     (i + 1 < entries ? VRING_DESC_F_NEXT : 0), first + i + 1);
		for (byte = 0; i >= out && byte < size; byte++)
			t->place[buffer + i * 128 + byte] = vq_place(head, room++);
	}
	*len = t->whole ? room : prandom_u32_state(&t->rnd) % (room + 1);
	for (left = *len, i = out; i < entries; i++) {
		u32 n = min(left, le32_to_cpu(vq_desc(t, table, first + i)->len));

		memset(t->wrote + buffer + i * 128, 1, n);
		left -= n;
	}
}

/* Rounds of a device that uses a few random chains at once. */
static void vq_rounds(struct kunit *test)
{
	struct vq_test *t = test->priv;
	u16 at = 0xfff0, from;
	int round;

	for (round = 0; round < 2000; round++) {
		unsigned int head = 0, n = 0;

		memset(t->wrote, 0, RAM);
		from = at;
		while (head < NUM - 4) {
			unsigned int entries = 1 + prandom_u32_state(&t->rnd) % 4;
			u64 buffer = BUFFERS + n * 1024;
			u32 len;

			if (prandom_u32_state(&t->rnd) & 1) {
				u64 table = TABLES + n * 256;

				*vq_desc(t, DESC, head) =
					desc(table, entries * sizeof(struct ft_vring_desc),
					     VRING_DESC_F_INDIRECT, 0);
				vq_chain(t, head, table, 0, entries, buffer, &len);
				vq_use(t, at++, head++, t->whole ? 0 : len);
			} else {
				vq_chain(t, head, DESC, head, entries, buffer, &len);
				vq_use(t, at++, head, t->whole ? 0 : len);
				head += entries;
			}
			n++;
		}
		KUNIT_ASSERT_EQ(test, vq_run(t, from, at), 0);
		KUNIT_ASSERT_MEMEQ(test, t->told, t->wrote, RAM);
		KUNIT_ASSERT_EQ(test, t->misplaced, 0);
	}
}

static void vq_test_lengths(struct kunit *test)
{
	vq_rounds(test);
}

static void vq_test_no_lengths(struct kunit *test)
{
	struct vq_test *t = test->priv;

	t->whole = true;
	vq_rounds(test);
}

static void vq_test_nothing(struct kunit *test)
{
	struct vq_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, vq_run(t, 7, 7), 0);
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(t->told, 0, RAM), NULL);
}

static void vq_test_whole_ring(struct kunit *test)
{
	struct vq_test *t = test->priv;
	u16 at;

	for (at = 5; at != 5 + NUM; at++)
		vq_use(t, at, 0, 0);
	KUNIT_EXPECT_EQ(test, vq_run(t, 5, 5 + NUM), 0);
	KUNIT_EXPECT_MEMEQ(test, t->told, t->wrote, RAM);
	/* No device can have used more than there are. */
	KUNIT_EXPECT_EQ(test, vq_run(t, 5, 6 + NUM), -EINVAL);
}

static void vq_test_nonsense(struct kunit *test)
{
	struct vq_test *t = test->priv;
	struct ft_vring_desc *d = vq_desc(t, DESC, 0);

	/* A head, and a next, that are not in the table. */
	vq_use(t, 0, NUM, 1);
	KUNIT_EXPECT_EQ(test, vq_run(t, 0, 1), -EINVAL);
	*d = desc(0, 0, VRING_DESC_F_NEXT, NUM);
	vq_use(t, 0, 0, 1);
	KUNIT_EXPECT_EQ(test, vq_run(t, 0, 1), -EINVAL);
	/* Loops, and tables within tables. */
	*d = desc(0, 0, VRING_DESC_F_NEXT, 0);
	KUNIT_EXPECT_EQ(test, vq_run(t, 0, 1), -EINVAL);
	*d = desc(DESC, 16, VRING_DESC_F_INDIRECT, 0);
	KUNIT_EXPECT_EQ(test, vq_run(t, 0, 1), -EINVAL);
	/* More written than there is room. */
	*d = desc(BUFFERS, 5, VRING_DESC_F_WRITE, 0);
	vq_use(t, 0, 0, 6);
	KUNIT_EXPECT_EQ(test, vq_run(t, 0, 1), -EINVAL);
	*d = desc(DESC, 16, VRING_DESC_F_INDIRECT, 0);
	/* An empty indirect table. */
	vq_use(t, 0, 0, 1);
	d->len = cpu_to_le32(15);
	KUNIT_EXPECT_EQ(test, vq_run(t, 0, 1), -EINVAL);
	/* Memory that is not there: of the table, of a buffer. */
	t->fail_at = DESC + sizeof(*d);
	vq_use(t, 0, 1, 1);
	KUNIT_EXPECT_EQ(test, vq_run(t, 0, 1), -EFAULT);
	t->fail_at = 0;
	*vq_desc(t, DESC, 1) = desc(RAM, 1, VRING_DESC_F_WRITE, 0);
	KUNIT_EXPECT_EQ(test, vq_run(t, 0, 1), -EFAULT);
	t->fail_at = USED + 4;
	KUNIT_EXPECT_EQ(test, vq_run(t, 0, 1), -EFAULT);
}

static struct kunit_case vq_test_cases[] = {
	KUNIT_CASE(vq_test_lengths),
	KUNIT_CASE(vq_test_no_lengths),
	KUNIT_CASE(vq_test_nothing),
	KUNIT_CASE(vq_test_whole_ring),
	KUNIT_CASE(vq_test_nonsense),
	{}
};

static struct kunit_suite vq_test_suite = {
	.name = "kvm_ft_virtqueue",
	.init = vq_test_init,
	.test_cases = vq_test_cases,
};

kunit_test_suite(vq_test_suite);
