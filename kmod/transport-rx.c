// SPDX-License-Identifier: GPL-2.0-only
/*
 * The channel's receiver: lets the primary in (secondary), takes frames from
 * the socket, and is the one that finds the channel lost.
 *
 * Log bytes go from the socket straight to where the replay reads them. What the
 * primary asked for is acknowledged when the socket is empty, so one acknowledgment
 * stands for all that came together, and none waits for bytes that are yet to come.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kthread.h>
#include <linux/sched.h>
#include <net/sock.h>

#include "transport-priv.h"

/* How often to look for room in the ring if nobody tells. */
#define FT_ROOM_POLL	msecs_to_jiffies(2)

/* Something came that makes sense. */
static void ft_rx_heard(struct ft_channel *ch)
{
	ch->heard = ktime_get();
	ch->silent = 0;
}

/*
 * A slice of the time-out passed in vain. Time alone is not enough to call the
 * channel lost: if it was this host that stood still, the clock shows a long
 * silence and the peer's frames are about to be processed. So the receiver must
 * have waited, and been there to wait, in nearly all slices.
 */
static bool ft_rx_is_silent(struct ft_channel *ch)
{
	return ++ch->silent >= FT_SILENT_SLICES - 1 &&
	       ktime_ms_delta(ktime_get(), ch->heard) >= ch->config.timeout_ms;
}

/*
 * Secondary: acknowledge what is not yet acknowledged. If that fails, the
 * connection is broken; but what came before it broke is still to be received,
 * and a BYE may be at the end of it. So only receiving finds the end.
 */
static void ft_rx_ack(struct ft_channel *ch)
{
	ch->asked = false;
	if (!ft_is_primary(ch) && ft_log_head(ch->log) != READ_ONCE(ch->acked))
		ft_tx_status(ch, KVM_FT_FRAME_ACK);
}

/* Receive at least one byte, at most @len. */
static int ft_rx_some(struct ft_channel *ch, void *buf, size_t len)
{
	long slice = msecs_to_jiffies(ch->config.timeout_ms / FT_SILENT_SLICES) ?: 1;
	int n;

	n = ft_sock_recv(ch->sock, buf, len, 0);
	if (n == -EAGAIN && ch->asked)
		/* About to wait, perhaps for a peer that waits for this. */
		ft_rx_ack(ch);
	while (n == -EAGAIN) {
		n = ft_sock_recv(ch->sock, buf, len, slice);
		if (n == -EAGAIN && ft_rx_is_silent(ch))
			return -ETIMEDOUT;
	}
	if (n > 0)
		ch->rx_stats.rx_bytes += n;
	return n;
}

static int ft_rx_header(struct ft_channel *ch, struct kvm_ft_frame_header *h)
{
	size_t have = 0;
	int n;

	while (have < sizeof(*h)) {
		n = ft_rx_some(ch, (u8 *)h + have, sizeof(*h) - have);
		if (n < 0)
			return n;
		have += n;
	}
	n = ft_frame_check(h, KVM_FT_LOG_FRAME_MAX);
	if (n)
		return n;
	ch->rx_stats.rx_frames++;
	ft_rx_heard(ch);
	return 0;
}

/*
 * Wait until the replay has used something up. The primary is held back by TCP
 * meanwhile. What it says now is read later, so its silence means nothing.
 */
static void ft_rx_wait_room(struct ft_channel *ch)
{
	ft_rx_ack(ch);
	WRITE_ONCE(ch->rx_full, true);
	set_current_state(TASK_IDLE);	/* barrier: see ft_channel_notify() */
	if (!ft_log_room(ch->log) && !READ_ONCE(ch->dead) && !READ_ONCE(ch->closing))
		schedule_timeout(FT_ROOM_POLL);
	__set_current_state(TASK_RUNNING);
	WRITE_ONCE(ch->rx_full, false);
	ft_rx_heard(ch);
}

/*
 * Nobody will replay it any more. It is still taken from the socket: left there,
 * it would turn the orderly end into a reset, which could overtake our BYE.
 */
static int ft_rx_discard(struct ft_channel *ch, size_t left)
{
	u8 waste[256];
	int n;

	while (left) {
		n = ft_rx_some(ch, waste, min(left, sizeof(waste)));
		if (n < 0)
			return n;
		left -= n;
	}
	return 0;
}

/* Secondary: take a LOG frame's payload. */
static int ft_rx_log(struct ft_channel *ch, u64 offset, size_t left, bool ask)
{
	struct ft_log *log = ch->log;
	size_t room;
	int n;

	if (offset != ft_log_head(log) && !READ_ONCE(ch->closing))
		return -EBADMSG;
	while (left) {
		if (READ_ONCE(ch->closing))
			return ft_rx_discard(ch, left);
		if (READ_ONCE(ch->dead))
			return -ECONNRESET;
		room = min(ft_log_room(log), left);
		if (!room) {
			ft_rx_wait_room(ch);
			continue;
		}
		n = ft_rx_some(ch, ft_log_reserve(log, room), room);
		if (n < 0)
			return n;
		ft_log_commit(log, n);
		left -= n;
		ft_rx_heard(ch);
		ch->ops->received(ch->owner);
		if (ft_log_head(log) - READ_ONCE(ch->acked) >= ch->ack_bytes)
			ft_rx_ack(ch);
	}
	ch->asked |= ask;
	return 0;
}

/* Primary: the secondary says what it holds and what it executed. */
static int ft_rx_status(struct ft_channel *ch, u64 acked, u64 replayed)
{
	/* Acquire: pairs with the release before the bytes are sent. */
	if (acked > smp_load_acquire(&ch->sent) || acked < ch->acked ||
	    replayed > acked || replayed < ch->replayed)
		return -EBADMSG;
	if (acked == ch->acked && replayed == ch->replayed)
		return 0;
	WRITE_ONCE(ch->acked, acked);
	WRITE_ONCE(ch->replayed, replayed);
	ft_log_release(ch->log, acked);
	ch->ops->acked(ch->owner, acked, replayed);
	ft_channel_notify(ch);
	return 0;
}

/*
 * What the peer says it ends for. What a peer cannot mean is not passed on:
 * taken for a loss, or from the secondary for a test of failover, it could make
 * both copies go on.
 */
static u32 ft_rx_bye(const struct ft_channel *ch, u64 reason)
{
	if (reason == KVM_FT_REASON_NONE || reason == KVM_FT_REASON_LOST_CONNECTION ||
	    reason > KVM_FT_REASON_TEST_FAILOVER)
		return KVM_FT_REASON_PEER_ENDED;
	if (reason == KVM_FT_REASON_TEST_FAILOVER && ft_is_primary(ch))
		return KVM_FT_REASON_PEER_ENDED;
	return reason;
}

/*
 * Runs until the channel is lost. Returns 0 after a BYE, -EBADMSG when the peer
 * cannot be believed, any other errno when the connection is gone.
 */
static int ft_rx_loop(struct ft_channel *ch, u32 *reason)
{
	struct kvm_ft_frame_header h;
	u64 offset, replayed;
	int err;

	*reason = KVM_FT_REASON_LOST_CONNECTION;
	for (;;) {
		err = ft_rx_header(ch, &h);
		if (err)
			break;
		offset = le64_to_cpu(h.offset);
		replayed = le64_to_cpu(h.replayed);
		if (h.type == KVM_FT_FRAME_BYE) {
			*reason = ft_rx_bye(ch, offset);
			return 0;
		}

		err = -EBADMSG;
		if (ft_is_primary(ch)) {
			if (h.type == KVM_FT_FRAME_ACK || h.type == KVM_FT_FRAME_HEARTBEAT)
				err = ft_rx_status(ch, offset, replayed);
		} else if (h.type == KVM_FT_FRAME_LOG) {
			err = ft_rx_log(ch, offset, le32_to_cpu(h.length),
					h.flags & KVM_FT_FRAME_ASK);
		} else if (h.type == KVM_FT_FRAME_HEARTBEAT) {
			ch->ops->heartbeat(ch->owner, offset);
			err = 0;
		}
		if (err)
			break;
	}
	if (err == -EBADMSG)
		*reason = KVM_FT_REASON_PROTOCOL;
	return err;
}

/* Make @sock the connection, unless the channel is being closed. */
static bool ft_rx_set_sock(struct ft_channel *ch, struct socket *sock)
{
	guard(mutex)(&ch->sock_lock);
	if (ch->dead)
		return false;
	ch->sock = sock;
	return true;
}

/*
 * Secondary: wait for the primary. Anybody else is refused, and the wait goes
 * on; once the primary is there, nobody else can connect.
 */
static bool ft_rx_accept(struct ft_channel *ch)
{
	struct kvm_ft_hello mine, theirs;
	struct sockaddr_storage peer;
	struct socket *sock;
	int version;

	ft_channel_hello(ch, &mine);
	for (;;) {
		sock = ft_sock_accept(ch->listener, &peer);
		if (READ_ONCE(ch->dead)) {
			if (!IS_ERR(sock))
				sock_release(sock);
			return false;
		}
		if (IS_ERR(sock)) {
			/* A want of memory or files may pass. */
			pr_warn_ratelimited("%s: accept: error %ld\n", ch->config.name,
					    -PTR_ERR(sock));
			schedule_timeout_idle(HZ / 10);
			continue;
		}
		if (!ft_rx_set_sock(ch, sock)) {
			sock_release(sock);
			return false;
		}
		version = ft_sock_answer(sock, &mine, &theirs);
		if (version > 0)
			break;

		pr_notice_ratelimited("%s: refused %pISpc: error %d\n", ch->config.name,
				      &peer, -version);
		if (!ft_rx_set_sock(ch, NULL))
			return false;
		sock_release(sock);
	}
	pr_info("%s: primary is %pISpc, protocol %d\n", ch->config.name, &peer, version);

	scoped_guard(mutex, &ch->sock_lock) {
		sock = ch->listener;
		ch->listener = NULL;
	}
	sock_release(sock);
	ch->config.peer = peer;
	ft_channel_set_up(ch, &theirs);
	return true;
}

/**
 * ft_rx_thread() - the receiver's thread
 * @data: struct ft_channel
 *
 * Return: 0.
 */
int ft_rx_thread(void *data)
{
	struct ft_channel *ch = data;
	u32 reason;
	int err;

	if (!ft_is_primary(ch) && !ft_rx_accept(ch))
		goto out;

	ft_rx_heard(ch);
	ch->ops->connected(ch->owner);
	err = ft_rx_loop(ch, &reason);
	if (err == -EBADMSG)
		ft_tx_bye(ch, reason);
	ft_channel_kill(ch);
	if (!READ_ONCE(ch->closing)) {
		pr_notice("%s: channel lost: reason %u, error %d\n", ch->config.name,
			  reason, -err);
		ch->ops->lost(ch->owner, reason, err);
	}
out:
	complete_all(&ch->rx_done);
	return 0;
}
