// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two real ends of a channel, over the loopback device.
 */
#include <linux/irqflags.h>
#include <linux/prandom.h>
#include <linux/sizes.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "transport_test.h"

/* Let both ends' threads run. */
static void pause_jiffies(unsigned int n)
{
	schedule_timeout_idle(n);
}

static void pause_ms(unsigned int ms)
{
	pause_jiffies(msecs_to_jiffies(ms));
}

static void check_up(struct bed *bed)
{
	KUNIT_ASSERT_EQ(bed->test, bed->primary.lost, 0);
	KUNIT_ASSERT_EQ(bed->test, bed->secondary.lost, 0);
}

/* Everything produced arrives, is right, and is acknowledged. */
static void drain(struct bed *bed)
{
	struct end *a = &bed->primary, *b = &bed->secondary;
	u64 head = ft_log_head(&a->log);

	ft_channel_flush(a->ch);
	while (b->replayed < head) {
		wait_for(b, ft_log_head(&b->log) > b->replayed);
		consume(b, SIZE_MAX);
	}
	KUNIT_ASSERT_EQ(bed->test, b->replayed, head);
	wait_for(a, a->sent == head && a->acked == head && a->peer_replayed == head);
	KUNIT_ASSERT_EQ(bed->test, ft_log_tail(&a->log), head);
	check_up(bed);
}

static void stream(struct kunit *test, int family)
{
	struct bed *bed = test->priv;
	struct end *a = &bed->primary, *b = &bed->secondary;
	struct ft_channel_stats stats;
	struct rnd_state rnd;
	u64 total = 0;

	open_pair(bed, family, SZ_64K, SZ_32K);
	prandom_seed_state(&rnd, 3);
	while (total < 4 * SZ_1M) {
		u32 dice = prandom_u32_state(&rnd);

		total += produce(a, dice % 5000);
		ft_channel_notify(a->ch);
		if (!(dice >> 28))
			ft_channel_flush(a->ch);
		if (dice >> 27 & 1)
			consume(b, (dice >> 8) % 20000);
		/* Now and then, and when nothing else can be done. */
		if (!(dice >> 24 & 7) || !ft_log_room(&a->log))
			pause_jiffies(1);
	}
	drain(bed);

	ft_channel_stats(a->ch, &stats);
	KUNIT_EXPECT_EQ(test, stats.spliced_bytes, total);
	KUNIT_EXPECT_EQ(test, stats.tx_bytes,
			total + stats.tx_frames * sizeof(struct kvm_ft_frame_header));
	KUNIT_EXPECT_GT(test, stats.flushes, 0);
	ft_channel_stats(b->ch, &stats);
	KUNIT_EXPECT_GE(test, stats.rx_bytes, total);
	KUNIT_EXPECT_EQ(test, stats.spliced_bytes, 0);
}

static void transport_test_stream(struct kunit *test)
{
	stream(test, AF_INET);
}

static void transport_test_stream_ipv6(struct kunit *test)
{
	stream(test, AF_INET6);
}

/* A byte that nobody waits for still gets there, and soon. */
static void transport_test_notify(struct kunit *test)
{
	struct bed *bed = test->priv;
	struct end *a = &bed->primary, *b = &bed->secondary;
	int i;

	open_pair(bed, AF_INET, PAGE_SIZE, PAGE_SIZE);
	for (i = 1; i < 100; i++) {
		ktime_t start = ktime_get();

		produce(a, i);
		ft_channel_notify(a->ch);
		wait_for(b, ft_log_head(&b->log) == ft_log_head(&a->log));
		/* Not only when the next heartbeat was due anyway. */
		KUNIT_ASSERT_LT(test, ktime_us_delta(ktime_get(), start), 2 * BATCH_US);
		consume(b, SIZE_MAX);
	}
	check_up(bed);
}

/* Entries that come together travel together. */
static void transport_test_batch(struct kunit *test)
{
	struct bed *bed = test->priv;
	struct end *a = &bed->primary;
	struct ft_channel_stats before, after;
	int i;

	open_pair(bed, AF_INET, SZ_64K, SZ_64K);
	ft_channel_stats(a->ch, &before);
	for (i = 0; i < 1000; i++) {
		produce(a, 10);
		ft_channel_notify(a->ch);
		cond_resched();
	}
	drain(bed);
	ft_channel_stats(a->ch, &after);
	KUNIT_EXPECT_LT(test, after.tx_frames - before.tx_frames, 100);
}

static void transport_test_irqs_off(struct kunit *test)
{
	struct bed *bed = test->priv;
	struct end *a = &bed->primary;
	unsigned long flags;
	int i;

	open_pair(bed, AF_INET, PAGE_SIZE, PAGE_SIZE);
	for (i = 0; i < 20; i++) {
		produce(a, 10);
		local_irq_save(flags);
		ft_channel_notify(a->ch);
		if (i & 1)
			ft_channel_flush(a->ch);
		local_irq_restore(flags);
		wait_for(a, a->acked == ft_log_head(&a->log));
	}
	drain(bed);
}

/* A secondary that is slow holds the primary back, for however long. */
static void transport_test_back_pressure(struct kunit *test)
{
	struct bed *bed = test->priv;
	struct end *a = &bed->primary, *b = &bed->secondary;
	u64 head;
	int i;

	open_pair(bed, AF_INET, 16 * SZ_1M, SZ_16K);
	produce(a, 16 * SZ_1M);
	ft_channel_notify(a->ch);
	wait_for(b, !ft_log_room(&b->log));
	/* Twenty times the time-out. */
	pause_ms(4000);
	check_up(bed);
	KUNIT_EXPECT_EQ(test, ft_log_head(&b->log), SZ_16K);
	KUNIT_EXPECT_EQ(test, a->acked, SZ_16K);
	KUNIT_EXPECT_EQ(test, ft_log_room(&a->log), SZ_16K);
	for (i = 0; i < 5; i++) {
		head = ft_log_head(&b->log);
		consume(b, 1000);
		wait_for(b, ft_log_head(&b->log) == head + 1000);
		pause_ms(500);
	}
	drain(bed);
}

static void transport_test_idle(struct kunit *test)
{
	struct bed *bed = test->priv;
	struct end *a = &bed->primary, *b = &bed->secondary;

	open_pair(bed, AF_INET, PAGE_SIZE, PAGE_SIZE);
	a->tsc = 1000;
	wait_for(b, b->peer_tsc == 1000);
	a->tsc = 2000;
	wait_for(b, b->peer_tsc == 2000);
	pause_ms(10000);
	check_up(bed);
}

/* How far the replay is, is told with heartbeats, and at once when asked for. */
static void transport_test_replayed(struct kunit *test)
{
	struct bed *bed = test->priv;
	struct end *a = &bed->primary, *b = &bed->secondary;

	open_pair(bed, AF_INET, PAGE_SIZE, PAGE_SIZE);
	produce(a, 100);
	ft_channel_flush(a->ch);
	wait_for(a, a->acked == 100);
	KUNIT_EXPECT_EQ(test, a->peer_replayed, 0);
	consume(b, 60);
	wait_for(a, a->peer_replayed == 60);
	KUNIT_EXPECT_EQ(test, a->acked, 100);
	consume(b, 40);
	ft_channel_flush(b->ch);
	wait_for(a, a->peer_replayed == 100);
}

/* What one end says last is what the other is told; who closes is told nothing. */
static void transport_test_bye(struct kunit *test)
{
	struct bed *bed = test->priv;
	struct end *a = &bed->primary, *b = &bed->secondary;

	open_pair(bed, AF_INET, PAGE_SIZE, PAGE_SIZE);
	close_end(b, KVM_FT_REASON_DIVERGENCE);
	wait_for(a, a->lost);
	KUNIT_EXPECT_EQ(test, a->reason, KVM_FT_REASON_DIVERGENCE);
	KUNIT_EXPECT_EQ(test, a->err, 0);
	KUNIT_EXPECT_EQ(test, b->lost, 0);
	pause_ms(1000);
	KUNIT_EXPECT_EQ(test, a->lost, 1);
	close_end(a, KVM_FT_REASON_USER_ACTION);
	KUNIT_EXPECT_EQ(test, a->lost, 1);
	KUNIT_EXPECT_EQ(test, b->lost, 0);
}

static void transport_test_bye_from_primary(struct kunit *test)
{
	struct bed *bed = test->priv;
	struct end *a = &bed->primary, *b = &bed->secondary;

	open_pair(bed, AF_INET, PAGE_SIZE, PAGE_SIZE);
	close_end(a, KVM_FT_REASON_NONE);
	wait_for(b, b->lost);
	KUNIT_EXPECT_EQ(test, b->reason, KVM_FT_REASON_PEER_ENDED);
	KUNIT_EXPECT_EQ(test, b->err, 0);
	KUNIT_EXPECT_EQ(test, a->lost, 0);
}

/* An end that vanishes without a word. */
static void transport_test_no_bye(struct kunit *test)
{
	struct bed *bed = test->priv;
	struct end *a = &bed->primary, *b = &bed->secondary;

	open_pair(bed, AF_INET, PAGE_SIZE, PAGE_SIZE);
	produce(a, 1000);
	ft_channel_flush(a->ch);
	wait_for(a, a->acked == 1000);
	close_end(a, KVM_FT_REASON_LOST_CONNECTION);
	wait_for(b, b->lost);
	KUNIT_EXPECT_EQ(test, b->reason, KVM_FT_REASON_LOST_CONNECTION);
	KUNIT_EXPECT_EQ(test, b->err, -ECONNRESET);
	/* What was acknowledged is there to go on from. */
	KUNIT_EXPECT_EQ(test, consume(b, SIZE_MAX), 1000);
}

static void both_lost_by_time(struct bed *bed)
{
	struct end *a = &bed->primary, *b = &bed->secondary;

	wait_for(a, a->lost);
	wait_for(b, b->lost);
	KUNIT_EXPECT_EQ(bed->test, a->reason, KVM_FT_REASON_LOST_CONNECTION);
	KUNIT_EXPECT_EQ(bed->test, b->reason, KVM_FT_REASON_LOST_CONNECTION);
	/* Whoever notices first closes its socket, which resets the other. */
	KUNIT_EXPECT_TRUE(bed->test, a->err == -ETIMEDOUT || b->err == -ETIMEDOUT);
}

/* The link itself is gone: no packet gets through, and no reset either. */
static void transport_test_link_down(struct kunit *test)
{
	struct bed *bed = test->priv;
	struct end *a = &bed->primary;

	open_pair(bed, AF_INET, SZ_64K, SZ_64K);
	produce(a, SZ_16K);
	drain(bed);
	KUNIT_ASSERT_EQ(test, loopback_up(false), 0);
	both_lost_by_time(bed);
	KUNIT_ASSERT_EQ(test, loopback_up(true), 0);
}

/**
 * struct close_work - ft_channel_close(), for another thread
 * @work: the work
 * @end: what to close
 * @reason: what to say
 */
struct close_work {
	struct work_struct work;
	struct end *end;
	u32 reason;
};

static void do_close(struct work_struct *work)
{
	struct close_work *c = container_of(work, struct close_work, work);

	close_end(c->end, c->reason);
}

/* The secondary is to go on, so it needs every byte, however slow it takes them. */
static void transport_test_failover_bye_is_last(struct kunit *test)
{
	struct bed *bed = test->priv;
	struct end *a = &bed->primary, *b = &bed->secondary;
	struct close_work c = { .end = a, .reason = KVM_FT_REASON_TEST_FAILOVER };
	u64 total = 12 * SZ_1M;

	open_pair(bed, AF_INET, 16 * SZ_1M, SZ_64K);
	KUNIT_ASSERT_EQ(test, produce(a, total), total);
	INIT_WORK_ONSTACK(&c.work, do_close);
	schedule_work(&c.work);
	while (b->replayed < total) {
		wait_for(b, ft_log_head(&b->log) > b->replayed);
		consume(b, SIZE_MAX);
		pause_ms(20);
	}
	wait_for(b, b->lost);
	flush_work(&c.work);
	destroy_work_on_stack(&c.work);
	KUNIT_EXPECT_EQ(test, b->reason, KVM_FT_REASON_TEST_FAILOVER);
	KUNIT_EXPECT_EQ(test, b->err, 0);
	KUNIT_EXPECT_EQ(test, b->head, total);
}

/* Any other BYE does not wait for bytes that nobody will need. */
static void transport_test_disable_bye_is_soon(struct kunit *test)
{
	struct bed *bed = test->priv;
	struct end *a = &bed->primary, *b = &bed->secondary;

	open_pair(bed, AF_INET, 16 * SZ_1M, 16 * SZ_1M);
	produce(a, 16 * SZ_1M);
	close_end(a, KVM_FT_REASON_USER_ACTION);
	wait_for(b, b->lost);
	KUNIT_EXPECT_EQ(test, b->reason, KVM_FT_REASON_USER_ACTION);
	KUNIT_EXPECT_LT(test, b->head, 16 * SZ_1M);
}

/* Nobody listens there any more once the primary is in, or the channel closed. */
static void transport_test_listener_gone(struct kunit *test)
{
	struct bed *bed = test->priv;
	struct ft_channel_config config;
	u16 port;

	config = config_for(KVM_FT_ROLE_SECONDARY, AF_INET, 0);
	open_end(&bed->secondary, PAGE_SIZE, &config, &bed->extack);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, bed->secondary.ch);
	port = ft_channel_port(bed->secondary.ch);
	KUNIT_EXPECT_NE(test, port, 0);
	close_end(&bed->secondary, KVM_FT_REASON_USER_ACTION);
	KUNIT_EXPECT_EQ(test, bed->secondary.connected, 0);
	KUNIT_EXPECT_EQ(test, bed->secondary.lost, 0);
	config = config_for(KVM_FT_ROLE_PRIMARY, AF_INET, port);
	open_end(&bed->primary, PAGE_SIZE, &config, &bed->extack);
	KUNIT_ASSERT_EQ(test, PTR_ERR_OR_ZERO(bed->primary.ch), -ECONNREFUSED);

	open_pair(bed, AF_INET, PAGE_SIZE, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, ft_channel_port(bed->primary.ch), 0);
	config = config_for(KVM_FT_ROLE_PRIMARY, AF_INET, ft_channel_port(bed->secondary.ch));
	close_end(&bed->primary, KVM_FT_REASON_LOST_CONNECTION);
	open_end(&bed->primary, PAGE_SIZE, &config, &bed->extack);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(bed->primary.ch), -ECONNREFUSED);
}

/* Each refusal has its own sentence. */
static void expect_refusal(struct bed *bed, const struct ft_channel_config *config, int err,
			   const char *sentence)
{
	struct end *end = &bed->primary;

	memset(&bed->extack, 0, sizeof(bed->extack));
	open_end(end, PAGE_SIZE, config, &bed->extack);
	KUNIT_ASSERT_EQ_MSG(bed->test, PTR_ERR_OR_ZERO(end->ch), err, "\"%s\"", sentence);
	KUNIT_ASSERT_STREQ(bed->test, bed->extack._msg, sentence);
	end->ch = NULL;
	/* A caller that wants no sentence is not one that gets an oops. */
	open_end(end, PAGE_SIZE, config, NULL);
	KUNIT_ASSERT_EQ(bed->test, PTR_ERR_OR_ZERO(end->ch), err);
	end->ch = NULL;
}

static void transport_test_refusals(struct kunit *test)
{
	struct bed *bed = test->priv;
	struct ft_channel_config config;
	struct sockaddr_in *in;
	char sentence[80];

	config = config_for(KVM_FT_ROLE_PRIMARY, AF_INET, 1);
	expect_refusal(bed, &config, -ECONNREFUSED,
		       "127.0.0.1:1 refused: no secondary waits there");
	config = config_for(KVM_FT_ROLE_PRIMARY, AF_INET6, 1);
	expect_refusal(bed, &config, -ECONNREFUSED,
		       "[::1]:1 refused: no secondary waits there");
	config.local = loopback(AF_INET, 0);
	expect_refusal(bed, &config, -EAFNOSUPPORT,
		       "local and peer address are of different families");
	config.peer = loopback(AF_UNSPEC, 0);
	expect_refusal(bed, &config, -EAFNOSUPPORT,
		       "the peer's address is neither IPv4 nor IPv6");

	config = config_for(KVM_FT_ROLE_PRIMARY, AF_INET, 1);
	in = (struct sockaddr_in *)&config.local;
	in->sin_addr.s_addr = htonl(0x0a000001);
	expect_refusal(bed, &config, -EADDRNOTAVAIL, "this host has no address 10.0.0.1");
	config.local = loopback(AF_UNSPEC, 0);
	in = (struct sockaddr_in *)&config.peer;
	in->sin_addr.s_addr = htonl(0x0a000001);
	expect_refusal(bed, &config, -ENETUNREACH, "10.0.0.1:1 cannot be reached");

	config = config_for(KVM_FT_ROLE_SECONDARY, AF_UNSPEC, 0);
	expect_refusal(bed, &config, -EAFNOSUPPORT,
		       "the address to listen on is neither IPv4 nor IPv6");
	config = config_for(KVM_FT_ROLE_SECONDARY, AF_INET, 0);
	open_end(&bed->secondary, PAGE_SIZE, &config, &bed->extack);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, bed->secondary.ch);
	config = config_for(KVM_FT_ROLE_SECONDARY, AF_INET, ft_channel_port(bed->secondary.ch));
	snprintf(sentence, sizeof(sentence), "127.0.0.1:%u is in use: choose another port",
		 ft_channel_port(bed->secondary.ch));
	expect_refusal(bed, &config, -EADDRINUSE, sentence);

	config = config_for(KVM_FT_ROLE_SECONDARY, AF_INET, 0);
	config.heartbeat_ms = 101;
	expect_refusal(bed, &config, -EINVAL, "the time-out must be at least two heartbeats");
	config.heartbeat_ms = 0;
	expect_refusal(bed, &config, -EINVAL, "the time-out must be at least two heartbeats");

	/* A stranger's session is refused, and the right one is still let in. */
	config = config_for(KVM_FT_ROLE_PRIMARY, AF_INET, ft_channel_port(bed->secondary.ch));
	config.session++;
	snprintf(sentence, sizeof(sentence), "127.0.0.1:%u waits for another session",
		 ft_channel_port(bed->secondary.ch));
	expect_refusal(bed, &config, -EBADSLT, sentence);
	KUNIT_EXPECT_EQ(test, bed->secondary.connected, 0);
	config.session--;
	open_end(&bed->primary, PAGE_SIZE, &config, &bed->extack);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, bed->primary.ch);
	wait_for(&bed->secondary, bed->secondary.connected);
	check_up(bed);
}

static struct kunit_case transport_test_cases[] = {
	KUNIT_CASE(transport_test_stream),
	KUNIT_CASE(transport_test_stream_ipv6),
	KUNIT_CASE(transport_test_notify),
	KUNIT_CASE(transport_test_batch),
	KUNIT_CASE(transport_test_irqs_off),
	KUNIT_CASE(transport_test_back_pressure),
	KUNIT_CASE(transport_test_idle),
	KUNIT_CASE(transport_test_replayed),
	KUNIT_CASE(transport_test_bye),
	KUNIT_CASE(transport_test_bye_from_primary),
	KUNIT_CASE(transport_test_no_bye),
	KUNIT_CASE(transport_test_link_down),
	KUNIT_CASE(transport_test_failover_bye_is_last),
	KUNIT_CASE(transport_test_disable_bye_is_soon),
	KUNIT_CASE(transport_test_listener_gone),
	KUNIT_CASE(transport_test_refusals),
	{}
};

static struct kunit_suite transport_test_suite = {
	.name = "kvm_ft_transport",
	.init = bed_init,
	.exit = bed_exit,
	.test_cases = transport_test_cases,
};

kunit_test_suite(transport_test_suite);
