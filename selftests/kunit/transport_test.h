/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of the channel share: an owner at each end that notes down what
 * it is told, and a peer that says whatever a test wants it to.
 */
#ifndef _KVM_FT_TRANSPORT_TEST_H
#define _KVM_FT_TRANSPORT_TEST_H

#include <kunit/test.h>
#include <linux/netlink.h>
#include <linux/wait.h>

#include "../../kmod/transport.h"
#include "../../kmod/transport-sock.h"
#include "../../uapi/kvm_ft.h"

#define SESSION	0x1234567890abcdefULL

/* Only a bound for a test that hangs; the clock of the test kernel is virtual. */
#define PATIENCE	(60 * HZ)
#define BATCH_US	1000

/**
 * struct end - the owner of one end
 * @test: for assertions
 * @log: its ring
 * @ch: its channel, NULL when closed
 * @wq: woken at each callback
 * @connected: times it was told
 * @received: times it was told
 * @sent: as told last
 * @acked: as told last
 * @peer_replayed: as told last
 * @replayed: what it consumed, for the channel to tell
 * @tsc: primary: for heartbeats
 * @peer_tsc: secondary: from heartbeats
 * @lost: times it was told
 * @reason: why
 * @err: likewise
 * @head: of the log when the loss was told
 */
struct end {
	struct kunit *test;
	struct ft_log log;
	struct ft_channel *ch;
	wait_queue_head_t wq;
	int connected;
	int received;
	u64 sent;
	u64 acked;
	u64 peer_replayed;
	u64 replayed;
	u64 tsc;
	u64 peer_tsc;
	int lost;
	u32 reason;
	int err;
	u64 head;
};

/**
 * struct bed - what one test has
 * @test: for assertions
 * @primary: a real end
 * @secondary: another
 * @listener: of a peer that is not real
 * @peer: its connection
 * @extack: of the last open
 * @batch_us: of a primary for such a peer; BATCH_US if the test does not say
 */
struct bed {
	struct kunit *test;
	struct end primary;
	struct end secondary;
	struct socket *listener;
	struct socket *peer;
	struct netlink_ext_ack extack;
	u32 batch_us;
};

#define wait_for(who, condition) do {						\
	struct end *_end = (who);						\
										\
	KUNIT_ASSERT_GT_MSG(_end->test,						\
			    wait_event_timeout(_end->wq, (condition), PATIENCE), 0, \
			    "waited in vain for " #condition);			\
} while (0)

int loopback_up(bool up);
int bed_init(struct kunit *test);
void bed_exit(struct kunit *test);

u8 byte_at(u64 offset);
size_t produce(struct end *end, size_t len);
size_t consume(struct end *end, size_t max);

struct sockaddr_storage loopback(int family, u16 port);
struct ft_channel_config config_for(u32 role, int family, u16 port);
void open_end(struct end *end, size_t ring, const struct ft_channel_config *config,
	      struct netlink_ext_ack *extack);
void open_pair(struct bed *bed, int family, size_t ring_primary, size_t ring_secondary);
void close_end(struct end *end, u32 reason);

struct kvm_ft_hello hello_for(u32 role);
void peer_connect(struct bed *bed);
void peer_hello(struct bed *bed, const struct kvm_ft_hello *hello);
void peer_send(struct bed *bed, u8 type, u32 length, u64 offset, u64 replayed);
void peer_ask(struct bed *bed, u32 length, u64 offset);
void peer_send_log(struct bed *bed, u64 offset, size_t len);
int peer_recv(struct bed *bed, struct kvm_ft_frame_header *h);
int peer_recv_type(struct bed *bed, u8 type, struct kvm_ft_frame_header *h);
void peer_recv_hello(struct bed *bed, struct kvm_ft_hello *hello);
void peer_gone(struct bed *bed);

void open_secondary_for_peer(struct bed *bed, size_t ring);
void open_primary_for_peer(struct bed *bed, size_t ring, const struct kvm_ft_hello *answer);

#endif /* _KVM_FT_TRANSPORT_TEST_H */
