// SPDX-License-Identifier: GPL-2.0-only
/*
 * One real end of a channel, and a peer that is silent, strange or malicious.
 */
#include <linux/sizes.h>
#include <net/sock.h>

#include "transport_test.h"

static void expect_lost(struct end *end, u32 reason, int err)
{
	wait_for(end, end->lost);
	KUNIT_EXPECT_EQ(end->test, end->reason, reason);
	KUNIT_EXPECT_EQ(end->test, end->err, err);
	/* Told once. */
	schedule_timeout_idle(HZ);
	KUNIT_EXPECT_EQ(end->test, end->lost, 1);
}

static void expect_bye(struct bed *bed, u32 reason)
{
	struct kvm_ft_frame_header h;

	KUNIT_ASSERT_EQ(bed->test, peer_recv_type(bed, KVM_FT_FRAME_BYE, &h), 0);
	KUNIT_EXPECT_EQ(bed->test, le64_to_cpu(h.offset), reason);
	/* Nothing comes behind it. */
	KUNIT_EXPECT_EQ(bed->test, peer_recv(bed, &h), -ECONNRESET);
}

static void peer_test_silent_primary(struct kunit *test)
{
	struct bed *bed = test->priv;

	open_secondary_for_peer(bed, PAGE_SIZE);
	expect_lost(&bed->secondary, KVM_FT_REASON_LOST_CONNECTION, -ETIMEDOUT);
}

static void peer_test_silent_secondary(struct kunit *test)
{
	struct kvm_ft_hello hello = hello_for(KVM_FT_ROLE_SECONDARY);
	struct bed *bed = test->priv;

	open_primary_for_peer(bed, PAGE_SIZE, &hello);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, bed->primary.ch);
	expect_lost(&bed->primary, KVM_FT_REASON_LOST_CONNECTION, -ETIMEDOUT);
}

/* Heartbeats keep it up, half of one does not. */
static void peer_test_heartbeats(struct kunit *test)
{
	struct bed *bed = test->priv;
	struct kvm_ft_frame_header h;
	int i;

	open_secondary_for_peer(bed, PAGE_SIZE);
	for (i = 1; i <= 20; i++) {
		schedule_timeout_idle(msecs_to_jiffies(100));
		peer_send(bed, KVM_FT_FRAME_HEARTBEAT, 0, 5000 + i, 0);
		wait_for(&bed->secondary, bed->secondary.peer_tsc == 5000 + i);
	}
	KUNIT_EXPECT_EQ(test, bed->secondary.lost, 0);
	ft_frame_encode(&h, KVM_FT_FRAME_HEARTBEAT, 0, 1, 0);
	KUNIT_ASSERT_EQ(test, ft_sock_send(bed->peer, &h, sizeof(h) / 2, 0), 0);
	expect_lost(&bed->secondary, KVM_FT_REASON_LOST_CONNECTION, -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, bed->secondary.peer_tsc, 5020);
}

/* So do bytes of a long frame on a slow link. */
static void peer_test_slow_frame(struct kunit *test)
{
	struct bed *bed = test->priv;
	int i;

	open_secondary_for_peer(bed, PAGE_SIZE);
	peer_send(bed, KVM_FT_FRAME_LOG, 1000, 0, 0);
	for (i = 0; i < 20; i++) {
		schedule_timeout_idle(msecs_to_jiffies(100));
		peer_send_log(bed, 10 * i, 10);
	}
	wait_for(&bed->secondary, ft_log_head(&bed->secondary.log) == 200);
	KUNIT_EXPECT_EQ(test, bed->secondary.lost, 0);
	expect_lost(&bed->secondary, KVM_FT_REASON_LOST_CONNECTION, -ETIMEDOUT);
	/* A frame cut short was still received as far as it came. */
	KUNIT_EXPECT_EQ(test, consume(&bed->secondary, SIZE_MAX), 200);
}

/* When the acknowledgment is here, the bytes are there. */
static void peer_test_ack(struct kunit *test)
{
	struct bed *bed = test->priv;
	struct end *b = &bed->secondary;
	struct kvm_ft_frame_header h;
	u64 offset = 0;
	size_t len;

	open_secondary_for_peer(bed, SZ_16K);
	for (len = 1; len < 3000; len = len * 2 + 1) {
		peer_ask(bed, len, offset);
		peer_send_log(bed, offset, len);
		offset += len;
		do {
			KUNIT_ASSERT_EQ(test, peer_recv(bed, &h), 0);
			KUNIT_ASSERT_LE(test, le64_to_cpu(h.offset), ft_log_head(&b->log));
			KUNIT_ASSERT_LE(test, le64_to_cpu(h.replayed), b->replayed);
		} while (le64_to_cpu(h.offset) < offset);
		KUNIT_ASSERT_EQ(test, le64_to_cpu(h.offset), offset);
		KUNIT_ASSERT_GT(test, b->received, 0);
		KUNIT_ASSERT_EQ(test, consume(b, SIZE_MAX), len);
	}
}

/* What comes next acknowledges so much, and is of this type. */
static void expect_ack(struct bed *bed, u8 type, u64 offset)
{
	struct kvm_ft_frame_header h;

	KUNIT_ASSERT_EQ(bed->test, peer_recv(bed, &h), 0);
	KUNIT_EXPECT_EQ(bed->test, h.type, type);
	KUNIT_EXPECT_EQ(bed->test, le64_to_cpu(h.offset), offset);
}

/* It is sent when somebody waits for it; else a heartbeat says the same in its time. */
static void peer_test_answers(struct kunit *test)
{
	struct bed *bed = test->priv;

	open_secondary_for_peer(bed, SZ_16K);
	expect_ack(bed, KVM_FT_FRAME_HEARTBEAT, 0);
	peer_send(bed, KVM_FT_FRAME_LOG, 100, 0, 0);
	peer_send_log(bed, 0, 100);
	expect_ack(bed, KVM_FT_FRAME_HEARTBEAT, 100);
	peer_ask(bed, 10, 100);
	peer_send_log(bed, 100, 10);
	expect_ack(bed, KVM_FT_FRAME_ACK, 110);
	/* Of what came before, too. */
	peer_send(bed, KVM_FT_FRAME_LOG, 20, 110, 0);
	peer_send_log(bed, 110, 20);
	peer_ask(bed, 0, 130);
	expect_ack(bed, KVM_FT_FRAME_ACK, 130);
	/* And before all of its ring is taken. */
	peer_send(bed, KVM_FT_FRAME_LOG, PAGE_SIZE / 4, 130, 0);
	peer_send_log(bed, 130, PAGE_SIZE / 4);
	expect_ack(bed, KVM_FT_FRAME_ACK, 130 + PAGE_SIZE / 4);
	expect_ack(bed, KVM_FT_FRAME_HEARTBEAT, 130 + PAGE_SIZE / 4);
	KUNIT_EXPECT_EQ(test, bed->secondary.lost, 0);
}

/* Also of what is longer than the ring: as it finds room, and then the rest. */
static void peer_test_answers_when_full(struct kunit *test)
{
	struct bed *bed = test->priv;
	struct end *b = &bed->secondary;
	struct kvm_ft_frame_header h;

	open_secondary_for_peer(bed, PAGE_SIZE);
	peer_ask(bed, 3 * PAGE_SIZE, 0);
	peer_send_log(bed, 0, 3 * PAGE_SIZE);
	while (b->replayed < 3 * PAGE_SIZE) {
		wait_for(b, ft_log_head(&b->log) > b->replayed);
		consume(b, SIZE_MAX);
	}
	do {
		KUNIT_ASSERT_EQ(test, peer_recv(bed, &h), 0);
	} while (h.type != KVM_FT_FRAME_ACK || le64_to_cpu(h.offset) < 3 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, b->lost, 0);
}

/* Write an entry whose acknowledgment somebody waits for. */
static void write_and_flush(struct end *a)
{
	produce(a, 10);
	ft_channel_flush(a->ch);
}

static void expect_run(struct bed *bed, u64 offset, u32 len, u8 flags)
{
	struct kvm_ft_frame_header h;

	KUNIT_ASSERT_EQ(bed->test, peer_recv_type(bed, KVM_FT_FRAME_LOG, &h), 0);
	KUNIT_EXPECT_EQ(bed->test, le64_to_cpu(h.offset), offset);
	KUNIT_EXPECT_EQ(bed->test, le32_to_cpu(h.length), len);
	KUNIT_EXPECT_EQ(bed->test, h.flags, flags);
}

/* It asks only when somebody waits, then also for what it sent before. */
static void peer_test_asks(struct kunit *test)
{
	struct kvm_ft_hello hello = hello_for(KVM_FT_ROLE_SECONDARY);
	struct bed *bed = test->priv;
	struct end *a = &bed->primary;
	struct kvm_ft_frame_header h;

	open_primary_for_peer(bed, SZ_64K, &hello);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, a->ch);
	/* Late, and enough. */
	produce(a, 10);
	expect_run(bed, 0, 10, 0);
	produce(a, SZ_16K);
	expect_run(bed, 10, SZ_16K, 0);
	ft_channel_flush(a->ch);
	expect_run(bed, SZ_16K + 10, 0, KVM_FT_FRAME_ASK);
	peer_send(bed, KVM_FT_FRAME_ACK, 0, SZ_16K + 10, 0);
	wait_for(a, a->acked == SZ_16K + 10);
	write_and_flush(a);
	expect_run(bed, SZ_16K + 10, 10, KVM_FT_FRAME_ASK);
	/* By the question that is on its way. */
	ft_channel_flush(a->ch);
	KUNIT_ASSERT_EQ(test, peer_recv(bed, &h), 0);
	KUNIT_EXPECT_EQ(test, h.type, KVM_FT_FRAME_HEARTBEAT);
	peer_send(bed, KVM_FT_FRAME_ACK, 0, SZ_16K + 20, 0);
	wait_for(a, a->acked == SZ_16K + 20);
	/* Or the answer that is there. */
	ft_channel_flush(a->ch);
	KUNIT_ASSERT_EQ(test, peer_recv(bed, &h), 0);
	KUNIT_EXPECT_EQ(test, h.type, KVM_FT_FRAME_HEARTBEAT);
	KUNIT_EXPECT_EQ(test, a->lost, 0);
}

/* Who waits while another is waited for already goes with all that do, at the next chance. */
static void peer_test_group(struct kunit *test)
{
	struct kvm_ft_hello hello = hello_for(KVM_FT_ROLE_SECONDARY);
	struct bed *bed = test->priv;
	struct end *a = &bed->primary;
	struct kvm_ft_frame_header h;
	u64 acked = 0;
	int i, beats;

	/* Nothing leaves because its time has come. */
	bed->batch_us = 1000 * USEC_PER_SEC;
	open_primary_for_peer(bed, SZ_16K, &hello);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, a->ch);
	for (i = 0; i < 3; i++) {
		write_and_flush(a);
		expect_run(bed, acked, 10, KVM_FT_FRAME_ASK);
		write_and_flush(a);
		write_and_flush(a);
		/* The sender has nothing else to say; the second one is from after the writes. */
		for (beats = 0; beats < 2; beats++) {
			KUNIT_ASSERT_EQ(test, peer_recv(bed, &h), 0);
			KUNIT_EXPECT_EQ(test, h.type, KVM_FT_FRAME_HEARTBEAT);
		}
		acked += 10;
		peer_send(bed, KVM_FT_FRAME_ACK, 0, acked, acked);
		expect_run(bed, acked, 20, KVM_FT_FRAME_ASK);
		acked += 20;
		peer_send(bed, KVM_FT_FRAME_ACK, 0, acked, acked);
		wait_for(a, a->acked == acked);
	}
	KUNIT_EXPECT_EQ(test, a->lost, 0);
}

/* But not longer than anything may wait. */
static void peer_test_group_due(struct kunit *test)
{
	struct kvm_ft_hello hello = hello_for(KVM_FT_ROLE_SECONDARY);
	struct bed *bed = test->priv;
	struct end *a = &bed->primary;

	open_primary_for_peer(bed, SZ_16K, &hello);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, a->ch);
	write_and_flush(a);
	expect_run(bed, 0, 10, KVM_FT_FRAME_ASK);
	write_and_flush(a);
	expect_run(bed, 10, 10, KVM_FT_FRAME_ASK);
}

/* The end of the connection loses nothing of what came before it. */
static void peer_test_reset(struct kunit *test)
{
	struct bed *bed = test->priv;

	open_secondary_for_peer(bed, SZ_16K);
	peer_send(bed, KVM_FT_FRAME_LOG, 500, 0, 0);
	peer_send_log(bed, 0, 500);
	peer_send(bed, KVM_FT_FRAME_LOG, 5000, 500, 0);
	peer_send_log(bed, 500, 1234);
	peer_gone(bed);
	expect_lost(&bed->secondary, KVM_FT_REASON_LOST_CONNECTION, -ECONNRESET);
	KUNIT_EXPECT_EQ(test, bed->secondary.head, 1734);
	KUNIT_EXPECT_EQ(test, consume(&bed->secondary, SIZE_MAX), 1734);
}

/* Nor if the ring was full just then: the replay gets it all, and then the loss. */
static void peer_test_reset_when_full(struct kunit *test)
{
	struct bed *bed = test->priv;
	struct end *b = &bed->secondary;

	open_secondary_for_peer(bed, PAGE_SIZE);
	peer_send(bed, KVM_FT_FRAME_LOG, 3 * PAGE_SIZE, 0, 0);
	peer_send_log(bed, 0, 3 * PAGE_SIZE);
	wait_for(b, !ft_log_room(&b->log));
	peer_gone(bed);
	schedule_timeout_idle(HZ);
	KUNIT_EXPECT_EQ(test, b->lost, 0);
	while (b->replayed < 3 * PAGE_SIZE) {
		wait_for(b, ft_log_head(&b->log) > b->replayed);
		consume(b, SIZE_MAX);
	}
	expect_lost(b, KVM_FT_REASON_LOST_CONNECTION, -ECONNRESET);
}

struct bad_frame {
	const char *what;
	u8 type;
	u32 length;
	u64 offset;
	u64 replayed;
	u16 magic;	/* flipped bits */
	u8 flags;
};

static void send_bad(struct bed *bed, const struct bad_frame *bad)
{
	struct kvm_ft_frame_header h;

	ft_frame_encode(&h, bad->type, bad->length, bad->offset, bad->replayed);
	h.magic ^= cpu_to_le16(bad->magic);
	h.flags = bad->flags;
	KUNIT_ASSERT_EQ_MSG(bed->test, ft_sock_send(bed->peer, &h, sizeof(h), 0), 0,
			    "%s", bad->what);
}

static const struct bad_frame bad_for_secondary[] = {
	{ "magic", KVM_FT_FRAME_HEARTBEAT, .magic = 1 },
	{ "flags", KVM_FT_FRAME_HEARTBEAT, .flags = 0x80 },
	{ "unknown type", KVM_FT_FRAME_BYE + 1 },
	{ "type 0", 0 },
	{ "second HELLO", KVM_FT_FRAME_HELLO, sizeof(struct kvm_ft_hello) },
	{ "ACK to a secondary", KVM_FT_FRAME_ACK, 0, 100, 100 },
	{ "empty LOG", KVM_FT_FRAME_LOG, 0, 100 },
	{ "question about what was not sent", KVM_FT_FRAME_LOG, 0, 101, .flags = 1 },
	{ "LOG with a gap before it", KVM_FT_FRAME_LOG, 10, 101 },
	{ "LOG again", KVM_FT_FRAME_LOG, 10, 99 },
	{ "LOG too long", KVM_FT_FRAME_LOG, KVM_FT_LOG_FRAME_MAX + 1, 100 },
	{ "LOG beyond all", KVM_FT_FRAME_LOG, U32_MAX, 100 },
	{ "heartbeat with a payload", KVM_FT_FRAME_HEARTBEAT, 1 },
	{ "BYE with a payload", KVM_FT_FRAME_BYE, 1 },
};

static const struct bad_frame bad_for_primary[] = {
	{ "magic", KVM_FT_FRAME_HEARTBEAT, 0, 100, 50, .magic = 0x8000 },
	{ "flags", KVM_FT_FRAME_ACK, 0, 100, 50, .flags = 1 },
	{ "unknown type", 77 },
	{ "second HELLO", KVM_FT_FRAME_HELLO, sizeof(struct kvm_ft_hello) },
	{ "LOG to a primary", KVM_FT_FRAME_LOG, 10, 0 },
	{ "ACK of what was not sent", KVM_FT_FRAME_ACK, 0, 101, 50 },
	{ "ACK of everything", KVM_FT_FRAME_ACK, 0, U64_MAX, U64_MAX },
	{ "ACK that goes back", KVM_FT_FRAME_ACK, 0, 99, 50 },
	{ "replay that goes back", KVM_FT_FRAME_ACK, 0, 100, 49 },
	{ "replay of what is not there", KVM_FT_FRAME_HEARTBEAT, 0, 100, 101 },
	{ "heartbeat that goes back", KVM_FT_FRAME_HEARTBEAT, 0, 0, 0 },
	{ "ACK with a payload", KVM_FT_FRAME_ACK, 4, 100, 50 },
};

static void bad_frame_desc(const struct bad_frame *bad, char *desc)
{
	strscpy(desc, bad->what, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(bad_for_secondary, bad_for_secondary, bad_frame_desc);
KUNIT_ARRAY_PARAM(bad_for_primary, bad_for_primary, bad_frame_desc);

static void peer_test_bad_primary(struct kunit *test)
{
	struct bed *bed = test->priv;

	open_secondary_for_peer(bed, PAGE_SIZE);
	peer_send(bed, KVM_FT_FRAME_LOG, 100, 0, 0);
	peer_send_log(bed, 0, 100);
	send_bad(bed, test->param_value);
	expect_bye(bed, KVM_FT_REASON_PROTOCOL);
	expect_lost(&bed->secondary, KVM_FT_REASON_PROTOCOL, -EBADMSG);
	KUNIT_EXPECT_EQ(test, consume(&bed->secondary, SIZE_MAX), 100);
}

static void peer_test_bad_secondary(struct kunit *test)
{
	struct kvm_ft_hello hello = hello_for(KVM_FT_ROLE_SECONDARY);
	struct bed *bed = test->priv;
	struct end *a = &bed->primary;
	struct kvm_ft_frame_header h;

	open_primary_for_peer(bed, PAGE_SIZE, &hello);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, a->ch);
	produce(a, 100);
	ft_channel_flush(a->ch);
	KUNIT_ASSERT_EQ(test, peer_recv_type(bed, KVM_FT_FRAME_LOG, &h), 0);
	peer_send(bed, KVM_FT_FRAME_ACK, 0, 100, 50);
	wait_for(a, a->acked == 100);
	send_bad(bed, test->param_value);
	expect_bye(bed, KVM_FT_REASON_PROTOCOL);
	expect_lost(a, KVM_FT_REASON_PROTOCOL, -EBADMSG);
	KUNIT_EXPECT_EQ(test, a->acked, 100);
	KUNIT_EXPECT_EQ(test, a->peer_replayed, 50);
	KUNIT_EXPECT_EQ(test, ft_log_tail(&a->log), 100);
}

/* A reason that could make both copies go on is not taken from a peer. */
struct bye {
	u32 role;	/* of the real end */
	u64 said;
	u32 told;
};

static const struct bye byes[] = {
	{ KVM_FT_ROLE_SECONDARY, KVM_FT_REASON_USER_ACTION, KVM_FT_REASON_USER_ACTION },
	{ KVM_FT_ROLE_SECONDARY, KVM_FT_REASON_TEST_FAILOVER, KVM_FT_REASON_TEST_FAILOVER },
	{ KVM_FT_ROLE_SECONDARY, KVM_FT_REASON_NONE, KVM_FT_REASON_PEER_ENDED },
	{ KVM_FT_ROLE_SECONDARY, KVM_FT_REASON_LOST_CONNECTION, KVM_FT_REASON_PEER_ENDED },
	{ KVM_FT_ROLE_SECONDARY, 1000, KVM_FT_REASON_PEER_ENDED },
	{ KVM_FT_ROLE_SECONDARY, 1ULL << 32 | KVM_FT_REASON_TEST_FAILOVER,
	  KVM_FT_REASON_PEER_ENDED },
	{ KVM_FT_ROLE_PRIMARY, KVM_FT_REASON_DIVERGENCE, KVM_FT_REASON_DIVERGENCE },
	{ KVM_FT_ROLE_PRIMARY, KVM_FT_REASON_TEST_FAILOVER, KVM_FT_REASON_PEER_ENDED },
	{ KVM_FT_ROLE_PRIMARY, KVM_FT_REASON_LOST_CONNECTION, KVM_FT_REASON_PEER_ENDED },
};

static void bye_desc(const struct bye *bye, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "role %u hears %#llx", bye->role, bye->said);
}

KUNIT_ARRAY_PARAM(byes, byes, bye_desc);

static void peer_test_bye(struct kunit *test)
{
	struct kvm_ft_hello hello = hello_for(KVM_FT_ROLE_SECONDARY);
	const struct bye *bye = test->param_value;
	struct bed *bed = test->priv;
	struct end *end = &bed->secondary;

	if (bye->role == KVM_FT_ROLE_PRIMARY) {
		open_primary_for_peer(bed, PAGE_SIZE, &hello);
		end = &bed->primary;
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, end->ch);
	} else {
		open_secondary_for_peer(bed, PAGE_SIZE);
	}
	peer_send(bed, KVM_FT_FRAME_BYE, 0, bye->said, 0);
	expect_lost(end, bye->told, 0);
}

/* Closing does not wait for a peer that takes nothing any more. */
static void peer_test_close_on_deaf_peer(struct kunit *test)
{
	struct kvm_ft_hello hello = hello_for(KVM_FT_ROLE_SECONDARY);
	struct bed *bed = test->priv;
	struct end *a = &bed->primary;
	int i;

	hello.timeout_ms = cpu_to_le32(1000);
	open_primary_for_peer(bed, 16 * SZ_1M, &hello);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, a->ch);
	produce(a, 16 * SZ_1M);
	ft_channel_flush(a->ch);
	/* It says that it is alive, but never reads, until the sender is stuck. */
	for (i = 0; i < 20; i++) {
		peer_send(bed, KVM_FT_FRAME_HEARTBEAT, 0, 0, 0);
		schedule_timeout_idle(msecs_to_jiffies(100));
	}
	KUNIT_EXPECT_EQ(test, a->lost, 0);
	close_end(a, KVM_FT_REASON_TEST_FAILOVER);
	KUNIT_EXPECT_EQ(test, a->lost, 0);
}

static void peer_test_version_of_primary(struct kunit *test)
{
	struct ft_channel_config config = config_for(KVM_FT_ROLE_SECONDARY, AF_INET, 0);
	struct kvm_ft_hello hello = hello_for(KVM_FT_ROLE_PRIMARY);
	struct bed *bed = test->priv;
	struct end *b = &bed->secondary;

	open_end(b, PAGE_SIZE, &config, &bed->extack);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, b->ch);

	/* Too new: refused, and told what would have been right. */
	peer_connect(bed);
	hello.version_min = cpu_to_le16(KVM_FT_WIRE_VERSION_MAX + 1);
	hello.version_max = cpu_to_le16(KVM_FT_WIRE_VERSION_MAX + 5);
	peer_hello(bed, &hello);
	peer_recv_hello(bed, &hello);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(hello.version_min), KVM_FT_WIRE_VERSION_MIN);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(hello.version_max), KVM_FT_WIRE_VERSION_MAX);
	expect_bye(bed, KVM_FT_REASON_PROTOCOL);

	/* Another session: refused, and not told which one would have been right. */
	hello = hello_for(KVM_FT_ROLE_PRIMARY);
	hello.session ^= cpu_to_le64(1);
	peer_connect(bed);
	peer_hello(bed, &hello);
	peer_recv_hello(bed, &hello);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(hello.session), 0);
	expect_bye(bed, KVM_FT_REASON_PROTOCOL);

	/* A HELLO of the wrong role, or that makes no sense. */
	hello = hello_for(KVM_FT_ROLE_SECONDARY);
	peer_connect(bed);
	peer_hello(bed, &hello);
	peer_recv_hello(bed, &hello);
	expect_bye(bed, KVM_FT_REASON_PROTOCOL);

	/* Somebody else altogether, then somebody who hangs up, then a mute. */
	peer_connect(bed);
	KUNIT_ASSERT_EQ(test, ft_sock_send(bed->peer, "GET /index.html HTTP/1.1\r\n\r\n", 28, 0),
			0);
	peer_connect(bed);
	peer_connect(bed);

	KUNIT_EXPECT_EQ(test, b->connected, 0);
	KUNIT_EXPECT_EQ(test, b->lost, 0);
	config = config_for(KVM_FT_ROLE_PRIMARY, AF_INET, ft_channel_port(b->ch));
	open_end(&bed->primary, PAGE_SIZE, &config, &bed->extack);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, bed->primary.ch);
	wait_for(b, b->connected);
	KUNIT_EXPECT_EQ(test, b->connected, 1);
}

/* A HELLO of a later version may be longer, and still be one for this version. */
static void peer_test_longer_hello(struct kunit *test)
{
	struct ft_channel_config config = config_for(KVM_FT_ROLE_SECONDARY, AF_INET, 0);
	struct kvm_ft_hello hello = hello_for(KVM_FT_ROLE_PRIMARY);
	struct bed *bed = test->priv;

	open_end(&bed->secondary, PAGE_SIZE, &config, &bed->extack);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, bed->secondary.ch);
	peer_connect(bed);
	hello.version_max = cpu_to_le16(KVM_FT_WIRE_VERSION_MAX + 5);
	peer_send(bed, KVM_FT_FRAME_HELLO, sizeof(hello) + 40, 0, 0);
	KUNIT_ASSERT_EQ(test, ft_sock_send(bed->peer, &hello, sizeof(hello), 0), 0);
	peer_send_log(bed, 0, 40);
	peer_recv_hello(bed, &hello);
	wait_for(&bed->secondary, bed->secondary.connected);
	peer_send(bed, KVM_FT_FRAME_HEARTBEAT, 0, 77, 0);
	wait_for(&bed->secondary, bed->secondary.peer_tsc == 77);
}

static void expect_refused(struct bed *bed, int err, const char *sentence)
{
	KUNIT_ASSERT_EQ(bed->test, PTR_ERR_OR_ZERO(bed->primary.ch), err);
	KUNIT_ASSERT_NOT_NULL(bed->test, bed->extack._msg);
	KUNIT_EXPECT_NOT_NULL_MSG(bed->test, strstr(bed->extack._msg, sentence),
				  "\"%s\" is not in \"%s\"", sentence, bed->extack._msg);
}

static void peer_test_version_of_secondary(struct kunit *test)
{
	struct kvm_ft_hello hello = hello_for(KVM_FT_ROLE_SECONDARY);
	struct bed *bed = test->priv;

	hello.version_min = cpu_to_le16(7);
	hello.version_max = cpu_to_le16(9);
	open_primary_for_peer(bed, PAGE_SIZE, &hello);
	expect_refused(bed, -EPROTONOSUPPORT,
		       "protocol: this host speaks 2 to 2, the peer 7 to 9");
}

static void peer_test_session_of_secondary(struct kunit *test)
{
	struct kvm_ft_hello hello = hello_for(KVM_FT_ROLE_SECONDARY);
	struct bed *bed = test->priv;

	hello.session = 0;
	open_primary_for_peer(bed, PAGE_SIZE, &hello);
	expect_refused(bed, -EBADSLT, "waits for another session");
}

static void peer_test_role_of_secondary(struct kunit *test)
{
	struct kvm_ft_hello hello = hello_for(KVM_FT_ROLE_PRIMARY);
	struct bed *bed = test->priv;

	open_primary_for_peer(bed, PAGE_SIZE, &hello);
	expect_refused(bed, -EISCONN, "has the same role");
}

static void peer_test_nonsense_from_secondary(struct kunit *test)
{
	struct kvm_ft_hello hello = hello_for(KVM_FT_ROLE_SECONDARY);
	struct bed *bed = test->priv;

	hello.ring_size = cpu_to_le32(5);
	open_primary_for_peer(bed, PAGE_SIZE, &hello);
	expect_refused(bed, -EBADMSG, "is not kvm_ft");
}

static void peer_test_secondary_hangs_up(struct kunit *test)
{
	struct bed *bed = test->priv;

	open_primary_for_peer(bed, PAGE_SIZE, NULL);
	expect_refused(bed, -ECONNRESET, "ended the greeting");
}

/* A peer with less patience hears more often from this end. */
static void peer_test_impatient_peer(struct kunit *test)
{
	struct kvm_ft_hello hello = hello_for(KVM_FT_ROLE_SECONDARY);
	struct bed *bed = test->priv;
	struct ft_channel_stats stats;
	int i;

	hello.timeout_ms = cpu_to_le32(80);
	open_primary_for_peer(bed, PAGE_SIZE, &hello);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, bed->primary.ch);
	for (i = 0; i < 10; i++) {
		peer_send(bed, KVM_FT_FRAME_HEARTBEAT, 0, 0, 0);
		schedule_timeout_idle(msecs_to_jiffies(100));
	}
	ft_channel_stats(bed->primary.ch, &stats);
	/* One in 20 ms and a tick, not in 50. */
	KUNIT_EXPECT_GT(test, stats.tx_frames, 25);
}

static struct kunit_case peer_test_cases[] = {
	KUNIT_CASE(peer_test_silent_primary),
	KUNIT_CASE(peer_test_silent_secondary),
	KUNIT_CASE(peer_test_heartbeats),
	KUNIT_CASE(peer_test_slow_frame),
	KUNIT_CASE(peer_test_ack),
	KUNIT_CASE(peer_test_answers),
	KUNIT_CASE(peer_test_answers_when_full),
	KUNIT_CASE(peer_test_asks),
	KUNIT_CASE(peer_test_group),
	KUNIT_CASE(peer_test_group_due),
	KUNIT_CASE(peer_test_reset),
	KUNIT_CASE(peer_test_reset_when_full),
	KUNIT_CASE_PARAM(peer_test_bad_primary, bad_for_secondary_gen_params),
	KUNIT_CASE_PARAM(peer_test_bad_secondary, bad_for_primary_gen_params),
	KUNIT_CASE_PARAM(peer_test_bye, byes_gen_params),
	KUNIT_CASE(peer_test_close_on_deaf_peer),
	KUNIT_CASE(peer_test_version_of_primary),
	KUNIT_CASE(peer_test_longer_hello),
	KUNIT_CASE(peer_test_version_of_secondary),
	KUNIT_CASE(peer_test_session_of_secondary),
	KUNIT_CASE(peer_test_role_of_secondary),
	KUNIT_CASE(peer_test_nonsense_from_secondary),
	KUNIT_CASE(peer_test_secondary_hangs_up),
	KUNIT_CASE(peer_test_impatient_peer),
	{}
};

static struct kunit_suite peer_test_suite = {
	.name = "kvm_ft_transport_peer",
	.init = bed_init,
	.exit = bed_exit,
	.test_cases = peer_test_cases,
};

kunit_test_suite(peer_test_suite);
