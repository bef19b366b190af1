// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the tests of the channel share; see transport_test.h.
 */
#include <linux/if.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "transport_test.h"

static void end_connected(void *owner)
{
	struct end *end = owner;

	end->connected++;
	wake_up(&end->wq);
}

static void end_received(void *owner)
{
	struct end *end = owner;

	end->received++;
	wake_up(&end->wq);
}

static void end_sent(void *owner, u64 sent)
{
	struct end *end = owner;

	end->sent = sent;
	wake_up(&end->wq);
}

static void end_acked(void *owner, u64 acked, u64 replayed)
{
	struct end *end = owner;

	end->acked = acked;
	end->peer_replayed = replayed;
	wake_up(&end->wq);
}

static u64 end_guest_tsc(void *owner)
{
	return ((struct end *)owner)->tsc;
}

static void end_heartbeat(void *owner, u64 guest_tsc)
{
	struct end *end = owner;

	end->peer_tsc = guest_tsc;
	wake_up(&end->wq);
}

static u64 end_replayed(void *owner)
{
	return READ_ONCE(((struct end *)owner)->replayed);
}

static void end_lost(void *owner, u32 reason, int err)
{
	struct end *end = owner;

	end->reason = reason;
	end->err = err;
	end->head = ft_log_head(&end->log);
	end->lost++;
	wake_up(&end->wq);
}

static const struct ft_channel_ops end_ops = {
	.connected = end_connected,
	.sent = end_sent,
	.received = end_received,
	.acked = end_acked,
	.guest_tsc = end_guest_tsc,
	.heartbeat = end_heartbeat,
	.replayed = end_replayed,
	.lost = end_lost,
};

int loopback_up(bool up)
{
	int err;

	rtnl_lock();
	err = dev_change_flags(init_net.loopback_dev, IFF_LOOPBACK | (up ? IFF_UP : 0), NULL);
	rtnl_unlock();
	return err;
}

int bed_init(struct kunit *test)
{
	struct bed *bed = kunit_kzalloc(test, sizeof(*bed), GFP_KERNEL);

	if (!bed)
		return -ENOMEM;
	/* Nobody else has brought it up, and a test may have left it down. */
	if (loopback_up(true))
		return -ENODEV;
	bed->test = test;
	bed->batch_us = BATCH_US;
	bed->primary.test = test;
	bed->secondary.test = test;
	init_waitqueue_head(&bed->primary.wq);
	init_waitqueue_head(&bed->secondary.wq);
	test->priv = bed;
	return 0;
}

void bed_exit(struct kunit *test)
{
	struct bed *bed = test->priv;

	close_end(&bed->primary, KVM_FT_REASON_LOST_CONNECTION);
	close_end(&bed->secondary, KVM_FT_REASON_LOST_CONNECTION);
	ft_log_destroy(&bed->primary.log);
	ft_log_destroy(&bed->secondary.log);
	peer_gone(bed);
	if (bed->listener)
		sock_release(bed->listener);
}

/* What belongs at an offset of the log, so that any byte can be checked by itself. */
u8 byte_at(u64 offset)
{
	return (offset * 2654435761u) >> 13;
}

/* Write as much of @len as there is room for. */
size_t produce(struct end *end, size_t len)
{
	size_t i;
	u8 *p;

	len = min(len, ft_log_room(&end->log));
	p = ft_log_reserve(&end->log, len);
	KUNIT_ASSERT_NOT_NULL(end->test, p);
	for (i = 0; i < len; i++)
		p[i] = byte_at(end->log.head + i);
	ft_log_commit(&end->log, len);
	return len;
}

/* Read, check and release as much of @max as there is. */
size_t consume(struct end *end, size_t max)
{
	size_t avail, i;
	const u8 *p = ft_log_peek(&end->log, end->replayed, &avail);

	avail = min(avail, max);
	for (i = 0; i < avail; i++)
		if (p[i] != byte_at(end->replayed + i))
			KUNIT_FAIL_AND_ABORT(end->test, "offset %llu holds %#x, not %#x",
					     end->replayed + i, p[i],
					     byte_at(end->replayed + i));
	WRITE_ONCE(end->replayed, end->replayed + avail);
	ft_log_release(&end->log, end->replayed);
	if (avail && end->ch)
		ft_channel_notify(end->ch);
	return avail;
}

struct sockaddr_storage loopback(int family, u16 port)
{
	struct sockaddr_storage addr = { .ss_family = family };

	if (family == AF_INET) {
		struct sockaddr_in *in = (struct sockaddr_in *)&addr;

		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		in->sin_port = htons(port);
	} else if (family == AF_INET6) {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&addr;

		in6->sin6_addr = in6addr_loopback;
		in6->sin6_port = htons(port);
	}
	return addr;
}

/* @port: primary: the secondary's; secondary: to listen on */
struct ft_channel_config config_for(u32 role, int family, u16 port)
{
	bool primary = role == KVM_FT_ROLE_PRIMARY;

	return (struct ft_channel_config) {
		.name = primary ? "one" : "two",
		.role = role,
		.session = SESSION,
		.local = loopback(family, primary ? 0 : port),
		.peer = loopback(primary ? family : AF_UNSPEC, port),
		.heartbeat_ms = 50,
		.timeout_ms = 200,
		.batch_us = BATCH_US,
	};
}

/* Leaves an ERR_PTR() in @end->ch no longer than for the caller to look at it. */
void open_end(struct end *end, size_t ring, const struct ft_channel_config *config,
	      struct netlink_ext_ack *extack)
{
	if (!end->log.base)
		KUNIT_ASSERT_EQ(end->test, ft_log_init(&end->log, ring), 0);
	end->ch = ft_channel_open(config, &end_ops, end, &end->log, extack);
}

void close_end(struct end *end, u32 reason)
{
	struct ft_channel *ch = end->ch;

	end->ch = NULL;
	if (!IS_ERR_OR_NULL(ch))
		ft_channel_close(ch, reason);
}

void open_pair(struct bed *bed, int family, size_t ring_primary, size_t ring_secondary)
{
	struct ft_channel_config config = config_for(KVM_FT_ROLE_SECONDARY, family, 0);

	open_end(&bed->secondary, ring_secondary, &config, &bed->extack);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(bed->test, bed->secondary.ch);
	config = config_for(KVM_FT_ROLE_PRIMARY, family, ft_channel_port(bed->secondary.ch));
	open_end(&bed->primary, ring_primary, &config, &bed->extack);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(bed->test, bed->primary.ch);
	wait_for(&bed->primary, bed->primary.connected);
	wait_for(&bed->secondary, bed->secondary.connected);
}

struct kvm_ft_hello hello_for(u32 role)
{
	return (struct kvm_ft_hello) {
		.version_min = cpu_to_le16(KVM_FT_WIRE_VERSION_MIN),
		.version_max = cpu_to_le16(KVM_FT_WIRE_VERSION_MAX),
		.role = cpu_to_le32(role),
		.session = cpu_to_le64(SESSION),
		.ring_size = cpu_to_le32(PAGE_SIZE),
		.timeout_ms = cpu_to_le32(200),
	};
}

/* Connect to the secondary, and say nothing yet. */
void peer_connect(struct bed *bed)
{
	struct sockaddr_storage local = loopback(AF_UNSPEC, 0);
	struct sockaddr_storage addr = loopback(AF_INET, ft_channel_port(bed->secondary.ch));

	peer_gone(bed);
	bed->peer = ft_sock_connect(&init_net, &local, &addr, &bed->extack);
	KUNIT_ASSERT_FALSE(bed->test, IS_ERR(bed->peer));
}

static int peer_write(struct bed *bed, const void *buf, size_t len)
{
	return ft_sock_send(bed->peer, buf, len, 0);
}

void peer_hello(struct bed *bed, const struct kvm_ft_hello *hello)
{
	peer_send(bed, KVM_FT_FRAME_HELLO, sizeof(*hello), 0, 0);
	KUNIT_ASSERT_EQ(bed->test, peer_write(bed, hello, sizeof(*hello)), 0);
}

void peer_send(struct bed *bed, u8 type, u32 length, u64 offset, u64 replayed)
{
	struct kvm_ft_frame_header h;

	ft_frame_encode(&h, type, length, offset, replayed);
	KUNIT_ASSERT_EQ(bed->test, peer_write(bed, &h, sizeof(h)), 0);
}

/* A LOG frame's header: the peer waits for the acknowledgment of all up to its end. */
void peer_ask(struct bed *bed, u32 length, u64 offset)
{
	struct kvm_ft_frame_header h;

	ft_frame_encode(&h, KVM_FT_FRAME_LOG, length, offset, 0);
	h.flags = KVM_FT_FRAME_ASK;
	KUNIT_ASSERT_EQ(bed->test, peer_write(bed, &h, sizeof(h)), 0);
}

/* Payload only. */
void peer_send_log(struct bed *bed, u64 offset, size_t len)
{
	u8 buf[256];
	size_t i, part;

	for (; len; len -= part, offset += part) {
		part = min(len, sizeof(buf));
		for (i = 0; i < part; i++)
			buf[i] = byte_at(offset + i);
		KUNIT_ASSERT_EQ(bed->test, peer_write(bed, buf, part), 0);
	}
}

static int peer_read(struct bed *bed, void *buf, size_t len)
{
	while (len) {
		int n = ft_sock_recv(bed->peer, buf, len, PATIENCE);

		if (n < 0)
			return n;
		buf += n;
		len -= n;
	}
	return 0;
}

/* Receive a header; payload of LOG frames is skipped. */
int peer_recv(struct bed *bed, struct kvm_ft_frame_header *h)
{
	u32 left;
	u8 byte;
	int err;

	err = peer_read(bed, h, sizeof(*h));
	if (err)
		return err;
	KUNIT_ASSERT_EQ(bed->test, ft_frame_check(h, KVM_FT_LOG_FRAME_MAX), 0);
	if (h->type != KVM_FT_FRAME_LOG)
		return 0;
	for (left = le32_to_cpu(h->length); left && !err; left--)
		err = peer_read(bed, &byte, 1);
	return err;
}

/* Receive until a frame of this type comes. */
int peer_recv_type(struct bed *bed, u8 type, struct kvm_ft_frame_header *h)
{
	int err;

	do {
		err = peer_recv(bed, h);
	} while (!err && h->type != type);
	return err;
}

void peer_recv_hello(struct bed *bed, struct kvm_ft_hello *hello)
{
	struct kvm_ft_frame_header h;

	KUNIT_ASSERT_EQ(bed->test, peer_recv(bed, &h), 0);
	KUNIT_ASSERT_EQ(bed->test, h.type, KVM_FT_FRAME_HELLO);
	KUNIT_ASSERT_EQ(bed->test, le32_to_cpu(h.length), sizeof(*hello));
	KUNIT_ASSERT_EQ(bed->test, peer_read(bed, hello, sizeof(*hello)), 0);
}

void peer_gone(struct bed *bed)
{
	if (!IS_ERR_OR_NULL(bed->peer))
		sock_release(bed->peer);
	bed->peer = NULL;
}

/* A real secondary, and a primary that is not. */
void open_secondary_for_peer(struct bed *bed, size_t ring)
{
	struct ft_channel_config config = config_for(KVM_FT_ROLE_SECONDARY, AF_INET, 0);
	struct kvm_ft_hello hello = hello_for(KVM_FT_ROLE_PRIMARY);

	open_end(&bed->secondary, ring, &config, &bed->extack);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(bed->test, bed->secondary.ch);
	peer_connect(bed);
	peer_hello(bed, &hello);
	peer_recv_hello(bed, &hello);
	wait_for(&bed->secondary, bed->secondary.connected);
}

/**
 * struct open_work - ft_channel_open() of a primary, for another thread
 * @work: the work
 * @bed: opens its primary
 * @config: with this
 */
struct open_work {
	struct work_struct work;
	struct bed *bed;
	struct ft_channel_config config;
};

static void open_primary(struct work_struct *work)
{
	struct open_work *o = container_of(work, struct open_work, work);

	open_end(&o->bed->primary, 0, &o->config, &o->bed->extack);
}

/*
 * A real primary, and a secondary that is not and gives this answer, or none
 * and hangs up if it is NULL. Leaves what opening returned in bed->primary.ch.
 */
void open_primary_for_peer(struct bed *bed, size_t ring, const struct kvm_ft_hello *answer)
{
	struct sockaddr_storage local = loopback(AF_INET, 0), from;
	struct open_work o = { .bed = bed };
	struct kvm_ft_hello hello;
	u16 port;

	bed->listener = ft_sock_listen(&init_net, &local, &port, &bed->extack);
	KUNIT_ASSERT_FALSE(bed->test, IS_ERR(bed->listener));
	KUNIT_ASSERT_EQ(bed->test, ft_log_init(&bed->primary.log, ring), 0);
	o.config = config_for(KVM_FT_ROLE_PRIMARY, AF_INET, port);
	o.config.batch_us = bed->batch_us;
	INIT_WORK_ONSTACK(&o.work, open_primary);
	schedule_work(&o.work);

	bed->peer = ft_sock_accept(bed->listener, &from);
	if (!IS_ERR(bed->peer)) {
		peer_recv_hello(bed, &hello);
		if (answer)
			peer_hello(bed, answer);
		else
			peer_gone(bed);
	}
	flush_work(&o.work);
	destroy_work_on_stack(&o.work);
}
