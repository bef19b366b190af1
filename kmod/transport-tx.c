// SPDX-License-Identifier: GPL-2.0-only
/*
 * The channel's sender: log bytes (primary), heartbeats, and the BYE.
 *
 * How soon a log byte leaves: at once when somebody waits for its
 * acknowledgment (ft_channel_flush()), unless one is on its way that was waited
 * for already: then with that, as databases commit in groups. Else when there are
 * enough for a run worth a packet. And in any case batch_us after the first. Only what
 * somebody waits for is asked about, also when it was sent before.
 */
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <net/sock.h>

#include "fault.h"
#include "transport-priv.h"

/* So many bytes are sent without waiting for more. */
#define FT_BATCH_BYTES		(16 << 10)

/* A wait may end so much later, if that saves a wake-up. */
#define FT_TX_SLACK		(NSEC_PER_MSEC / 4)

static u64 ft_tx_pending(const struct ft_channel *ch)
{
	return ft_is_primary(ch) ? ft_log_head(ch->log) - READ_ONCE(ch->sent) : 0;
}

static bool ft_tx_must_end(const struct ft_channel *ch)
{
	return READ_ONCE(ch->dead) || READ_ONCE(ch->bye);
}

/*
 * Outputs come thicker than round trips. If each was a frame and an acknowledgment of
 * its own, each would cost as much as many together do, and the guest's connections would
 * be clocked by them one segment at a time.
 */
static bool ft_tx_may_flush(const struct ft_channel *ch)
{
	return !ft_is_primary(ch) || READ_ONCE(ch->acked) >= READ_ONCE(ch->awaited);
}

/* Enough for a run, or @late. */
static bool ft_tx_due(const struct ft_channel *ch, bool late)
{
	u64 pending = ft_tx_pending(ch);

	return pending && (late || pending >= FT_BATCH_BYTES || !ch->config.batch_us);
}

static bool ft_tx_wanted(const struct ft_channel *ch)
{
	return ft_tx_must_end(ch) || (READ_ONCE(ch->flush) && ft_tx_may_flush(ch)) ||
	       ft_tx_due(ch, READ_ONCE(ch->late));
}

static enum hrtimer_restart ft_tx_batch_ends(struct hrtimer *timer)
{
	struct ft_channel *ch = container_of(timer, struct ft_channel, batch);

	WRITE_ONCE(ch->late, true);
	wake_up_process(ch->tx);
	return HRTIMER_NORESTART;
}

/* A timer, and not the sender's own sleep: most bytes are sent for another reason before. */
static void ft_tx_start_batch(struct ft_channel *ch)
{
	u64 ns = (u64)ch->config.batch_us * NSEC_PER_USEC;

	if (!test_bit(0, &ch->batch_runs) && !test_and_set_bit(0, &ch->batch_runs))
		hrtimer_start(&ch->batch, ns_to_ktime(ns), HRTIMER_MODE_REL);
}

/* Did the batch end? */
static bool ft_tx_end_batch(struct ft_channel *ch)
{
	if (!READ_ONCE(ch->late))
		return false;
	WRITE_ONCE(ch->late, false);
	clear_bit_unlock(0, &ch->batch_runs);
	/* Who still saw it run committed bytes before: the head, read behind this, shows them. */
	smp_mb__after_atomic();
	return true;
}

/*
 * The other half of this is in ft_channel_notify() and ft_channel_flush(): they
 * publish work, or the receiver an acknowledgment, and then look whether the sender
 * waits, here it says so and then looks for work. A full barrier on both sides makes sure
 * that not both look too early.
 */
static void ft_tx_wait(struct ft_channel *ch, ktime_t until)
{
	WRITE_ONCE(ch->tx_waits, true);
	set_current_state(TASK_IDLE);
	if (!ft_tx_wanted(ch)) {
		if (ft_tx_pending(ch))
			ft_tx_start_batch(ch);
		schedule_hrtimeout_range(&until, FT_TX_SLACK, HRTIMER_MODE_ABS);
	}
	__set_current_state(TASK_RUNNING);
	WRITE_ONCE(ch->tx_waits, false);
}

/**
 * ft_channel_notify() - there is something new in the ring, or new room in it
 * @ch: the channel; it must not be closed while this runs
 *
 * Primary: bytes were committed, and will be sent soon, with what follows them; or
 * acknowledged. Secondary: bytes were released. For use at each log entry: costs a
 * barrier and a few comparisons, and starts a timer or wakes a thread rarely.
 *
 * Context: Any context but NMI.
 */
void ft_channel_notify(struct ft_channel *ch)
{
	smp_mb();	/* see ft_tx_wait(), ft_rx_wait_room() */
	if (!ft_is_primary(ch)) {
		if (READ_ONCE(ch->rx_full))
			wake_up_process(ch->rx);
		return;
	}
	if (!READ_ONCE(ch->tx_waits))
		return;
	if (ft_tx_wanted(ch))
		wake_up_process(ch->tx);
	else if (ft_tx_pending(ch))
		ft_tx_start_batch(ch);
}

/**
 * ft_channel_flush() - somebody waits for the peer's answer
 * @ch: the channel; it must not be closed while this runs
 *
 * Primary: everything committed so far is sent now, or as soon as what was flushed
 * before is acknowledged; and the secondary is asked whether it has it. Secondary: the
 * primary is told now how far the replay is.
 *
 * Context: Any context but NMI.
 */
void ft_channel_flush(struct ft_channel *ch)
{
	smp_store_mb(ch->flush, true);	/* see ft_tx_wait() */
	if (!READ_ONCE(ch->tx_waits) || !ft_tx_wanted(ch))
		return;
	atomic64_inc(&ch->flushes);
	wake_up_process(ch->tx);
}

static int ft_tx_frame(struct ft_channel *ch, u8 type, u64 offset, u64 replayed)
{
	struct kvm_ft_frame_header h;

	lockdep_assert_held(&ch->tx_lock);
	ft_frame_encode(&h, type, 0, offset, replayed);
	ch->tx_stats.tx_frames++;
	ch->tx_stats.tx_bytes += sizeof(h);
	return ft_sock_send(ch->sock, &h, sizeof(h), 0);
}

/**
 * ft_tx_status() - secondary: say what was received and what was executed
 * @ch: the channel
 * @type: KVM_FT_FRAME_ACK or KVM_FT_FRAME_HEARTBEAT
 *
 * Context: Either thread. May sleep.
 * Return: 0 or the negative errno that ended the connection.
 */
int ft_tx_status(struct ft_channel *ch, u8 type)
{
	guard(mutex)(&ch->tx_lock);

	/* Two threads come here: under the lock, neither value goes back. */
	WRITE_ONCE(ch->replayed, ch->ops->replayed(ch->owner));
	WRITE_ONCE(ch->acked, ft_log_head(ch->log));
	return ft_tx_frame(ch, type, ch->acked, ch->replayed);
}

static int ft_tx_heartbeat(struct ft_channel *ch)
{
	u64 tsc;

	if (!ft_is_primary(ch))
		return ft_tx_status(ch, KVM_FT_FRAME_HEARTBEAT);

	tsc = ch->ops->guest_tsc(ch->owner);
	guard(mutex)(&ch->tx_lock);
	return ft_tx_frame(ch, KVM_FT_FRAME_HEARTBEAT, tsc, 0);
}

/*
 * Send one LOG frame: what there is, up to the longest run allowed. Nothing is there when
 * somebody waits for what was sent without a question.
 */
static int ft_tx_run(struct ft_channel *ch, bool ask)
{
	u64 offset = ch->sent;
	size_t len = min_t(u64, ft_tx_pending(ch), KVM_FT_LOG_FRAME_MAX);
	unsigned int n = ft_log_bvec(ch->log, offset, len, ch->bv, FT_RUN_PAGES);
	struct kvm_ft_frame_header h;
	int err;

	guard(mutex)(&ch->tx_lock);
	ft_frame_encode(&h, KVM_FT_FRAME_LOG, len, offset, 0);
	if (ask) {
		h.flags = KVM_FT_FRAME_ASK;
		WRITE_ONCE(ch->awaited, offset + len);
	}
	/* The acknowledgment may be here before the socket call returns. */
	smp_store_release(&ch->sent, offset + len);
	err = ft_sock_send(ch->sock, &h, sizeof(h), len ? MSG_MORE : 0);
	if (!err && len)
		err = ft_sock_splice(ch->sock, ch->bv, n, len);
	ft_fault(FT_FAULT_UNACKED);
	if (!err)
		ch->ops->sent(ch->owner, offset + len);
	ch->tx_stats.tx_frames++;
	ch->tx_stats.tx_bytes += sizeof(h) + len;
	ch->tx_stats.spliced_bytes += len;
	return err;
}

/* Is there somebody whose question has not been asked yet, nor answered? */
static bool ft_tx_must_ask(const struct ft_channel *ch, u64 urgent)
{
	return urgent > ch->awaited && urgent > READ_ONCE(ch->acked);
}

/* Runs until the channel is dead or to be ended, or returns why it broke. */
static int ft_tx_loop(struct ft_channel *ch)
{
	ktime_t beat = ktime_get(), now;
	u64 urgent = 0;
	bool due, ask;
	int err;

	while (!ft_tx_must_end(ch)) {
		now = ktime_get();
		if (!ktime_before(now, beat)) {
			beat = ktime_add_ms(now, ch->beat_ms);
			err = ft_tx_heartbeat(ch);
			if (err)
				return err;
		}

		due = ft_tx_due(ch, ft_tx_end_batch(ch));
		/* Full barrier: whoever set it committed what the head shows. */
		if ((due || ft_tx_may_flush(ch)) && xchg(&ch->flush, false)) {
			urgent = ft_log_head(ch->log);
			if (!ft_is_primary(ch)) {
				err = ft_tx_status(ch, KVM_FT_FRAME_ACK);
				if (err)
					return err;
			}
		}

		ask = ft_is_primary(ch) && ft_tx_must_ask(ch, urgent);
		if (!due && !ask) {
			ft_tx_wait(ch, beat);
			continue;
		}
		err = ft_tx_run(ch, ask);
		if (err)
			return err;
	}
	return 0;
}

/* The last frame. Best effort: the peer notices the end also without it. */
static void ft_tx_last(struct ft_channel *ch)
{
	u64 end = ft_log_head(ch->log);

	/* The secondary is to go on from here, so it needs all of the log. */
	if (ch->bye == KVM_FT_REASON_TEST_FAILOVER && ft_is_primary(ch)) {
		while (ch->sent < end && !READ_ONCE(ch->dead)) {
			if (ft_tx_run(ch, false))
				return;
		}
	}
	scoped_guard(mutex, &ch->tx_lock) {
		if (!ft_tx_frame(ch, KVM_FT_FRAME_BYE, ch->bye, 0))
			kernel_sock_shutdown(ch->sock, SHUT_WR);
	}
}

/**
 * ft_tx_init() - prepare the sender
 * @ch: the channel, its threads not made yet
 */
void ft_tx_init(struct ft_channel *ch)
{
	hrtimer_init(&ch->batch, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	ch->batch.function = ft_tx_batch_ends;
}

/**
 * ft_tx_thread() - the sender's thread
 * @data: struct ft_channel
 *
 * Return: 0.
 */
int ft_tx_thread(void *data)
{
	struct ft_channel *ch = data;

	/* Acquire: pairs with ft_channel_set_up(), which also wakes. */
	while (!smp_load_acquire(&ch->up) && !READ_ONCE(ch->dead)) {
		set_current_state(TASK_IDLE);
		if (!READ_ONCE(ch->up) && !READ_ONCE(ch->dead))
			schedule();
		__set_current_state(TASK_RUNNING);
	}

	if (!READ_ONCE(ch->dead)) {
		if (ft_tx_loop(ch))
			/*
			 * Broken, or as good as. The peer's end and ours are
			 * found by the receivers, behind what is on its way.
			 */
			kernel_sock_shutdown(ch->sock, SHUT_WR);
		else if (!READ_ONCE(ch->dead))
			ft_tx_last(ch);
	}
	complete_all(&ch->tx_done);
	return 0;
}

/**
 * ft_tx_bye() - end the channel with a BYE
 * @ch: the channel
 * @reason: enum kvm_ft_reason
 *
 * Waits until the BYE is on its way, behind all log bytes when @reason says
 * that the peer shall go on from them.
 *
 * Context: Process context, not the sender's thread. May sleep.
 * Return: true when the sender is through, false when nobody can be told.
 */
bool ft_tx_bye(struct ft_channel *ch, u32 reason)
{
	/* Acquire: pairs with ft_channel_set_up(). */
	if (!smp_load_acquire(&ch->up) || READ_ONCE(ch->dead))
		return false;
	cmpxchg(&ch->bye, 0, reason ?: KVM_FT_REASON_PEER_ENDED);
	wake_up_process(ch->tx);
	return ft_channel_wait(ch, &ch->tx_done);
}
