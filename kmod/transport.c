// SPDX-License-Identifier: GPL-2.0-only
/*
 * The logging channel: how it comes to be and how it ends.
 *
 * A channel has two threads and ends in steps, whoever begins:
 *
 *   say	the sender finishes its frame, sends BYE and no more
 *   hear	the peer closes its side, so the BYE is known to be there
 *   dead	sockets are shut down; both threads come back from wherever
 *		they wait in one
 *   stop	the threads end
 *   free
 *
 * A loss begins at "dead", found by the receiver; "stop" and "free" are always
 * the owner's, in ft_channel_close().
 */
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/netlink.h>
#include <linux/nsproxy.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "transport-priv.h"

/* At most so much is received without an acknowledgment, and a part of the sender's ring. */
#define FT_ACK_BYTES		KVM_FT_LOG_FRAME_MAX
#define FT_ACK_PARTS		4

/* A peer that takes nothing for so many time-outs will not take the BYE either. */
#define FT_STUCK_TIMEOUTS	3

/**
 * ft_channel_hello() - what this side says of itself
 * @ch: the channel
 * @hello: filled in
 */
void ft_channel_hello(const struct ft_channel *ch, struct kvm_ft_hello *hello)
{
	*hello = (struct kvm_ft_hello) {
		.version_min = cpu_to_le16(KVM_FT_WIRE_VERSION_MIN),
		.version_max = cpu_to_le16(KVM_FT_WIRE_VERSION_MAX),
		.role = cpu_to_le32(ch->config.role),
		.session = cpu_to_le64(ch->config.session),
		.ring_size = cpu_to_le32(ch->log->size),
		.timeout_ms = cpu_to_le32(ch->config.timeout_ms),
	};
}

/**
 * ft_channel_set_up() - HELLO was agreed on: let the sender begin
 * @ch: the channel
 * @theirs: what the peer said
 */
void ft_channel_set_up(struct ft_channel *ch, const struct kvm_ft_hello *theirs)
{
	/* A peer with less patience is sent heartbeats more often. */
	ch->beat_ms = clamp(le32_to_cpu(theirs->timeout_ms) / FT_SILENT_SLICES,
			    1U, ch->config.heartbeat_ms);
	/* Or a primary's guest would wait for it each time the ring is full. */
	ch->ack_bytes = min(FT_ACK_BYTES, le32_to_cpu(theirs->ring_size) / FT_ACK_PARTS);
	/* Release: the sender finds socket and interval set. */
	smp_store_release(&ch->up, true);
	if (ch->tx)
		wake_up_process(ch->tx);
}

/**
 * ft_channel_kill() - nothing is sent or received any more
 * @ch: the channel
 *
 * Both threads return from whatever they wait for. May be called again.
 *
 * Context: Process context. May sleep.
 */
void ft_channel_kill(struct ft_channel *ch)
{
	scoped_guard(mutex, &ch->sock_lock) {
		WRITE_ONCE(ch->dead, true);
		if (ch->listener)
			kernel_sock_shutdown(ch->listener, SHUT_RDWR);
		if (ch->sock)
			kernel_sock_shutdown(ch->sock, SHUT_RDWR);
	}
	wake_up_process(ch->tx);
	wake_up_process(ch->rx);
}

/**
 * ft_channel_wait() - wait for a thread to be done with what takes the peer
 * @ch: the channel
 * @done: the thread's completion
 *
 * A peer that is slow has megabytes to read before it gets to the BYE, and a
 * BYE that is not read is taken for a loss. So it is waited for as long as it
 * gets on. A dead peer ends the wait by itself, for the receiver notices; what is
 * left is one that lives and takes nothing, which is given up.
 *
 * Context: Process context. May sleep.
 * Return: true when done, false when given up.
 */
bool ft_channel_wait(struct ft_channel *ch, struct completion *done)
{
	unsigned long timeout = msecs_to_jiffies(ch->config.timeout_ms);
	unsigned int stuck = 0;
	u64 progress, last = 0;

	while (stuck < FT_STUCK_TIMEOUTS) {
		if (wait_for_completion_timeout(done, timeout))
			return true;
		progress = READ_ONCE(ch->acked) + READ_ONCE(ch->replayed);
		stuck = progress == last ? stuck + 1 : 0;
		last = progress;
	}
	return false;
}

/* Primary: connect and agree, so that a failure is the user's to see. */
static int ft_channel_connect(struct ft_channel *ch, struct netlink_ext_ack *extack)
{
	struct kvm_ft_hello mine, theirs;
	struct socket *sock;
	int ret;

	sock = ft_sock_connect(ch->net, &ch->config.local, &ch->config.peer, extack);
	if (IS_ERR(sock))
		return PTR_ERR(sock);
	ft_channel_hello(ch, &mine);
	ret = ft_sock_greet(sock, &mine, &theirs, &ch->config.peer, extack);
	if (ret < 0) {
		sock_release(sock);
		return ret;
	}
	ch->sock = sock;
	ft_channel_set_up(ch, &theirs);
	return 0;
}

static int ft_channel_listen(struct ft_channel *ch, struct netlink_ext_ack *extack)
{
	ch->listener = ft_sock_listen(ch->net, &ch->config.local, &ch->port, extack);
	if (IS_ERR(ch->listener)) {
		int err = PTR_ERR(ch->listener);

		ch->listener = NULL;
		return err;
	}
	return 0;
}

static struct task_struct *ft_channel_thread(struct ft_channel *ch, int (*fn)(void *),
					     const char *what)
{
	struct task_struct *task = kthread_create(fn, ch, "kvm_ft-%s/%s", what,
						  ch->config.name);

	/* It ends by itself when the channel is lost, so it is kept hold of. */
	return IS_ERR(task) ? task : get_task_struct(task);
}

/* Neither thread runs before both exist: each may have to wake the other. */
static int ft_channel_threads(struct ft_channel *ch, struct netlink_ext_ack *extack)
{
	struct task_struct *tx, *rx;

	tx = ft_channel_thread(ch, ft_tx_thread, "tx");
	if (IS_ERR(tx))
		goto err;
	rx = ft_channel_thread(ch, ft_rx_thread, "rx");
	if (IS_ERR(rx)) {
		kthread_stop_put(tx);
		tx = rx;
		goto err;
	}
	ch->tx = tx;
	ch->rx = rx;
	wake_up_process(tx);
	wake_up_process(rx);
	return 0;
err:
	NL_SET_ERR_MSG_FMT(extack, "cannot create the channel's threads: error %ld",
			   -PTR_ERR(tx));
	return PTR_ERR(tx);
}

static void ft_channel_free(struct ft_channel *ch)
{
	if (ch->listener)
		sock_release(ch->listener);
	if (ch->sock)
		sock_release(ch->sock);
	put_net(ch->net);
	kfree(ch->config.name);
	kfree(ch);
}

/**
 * ft_channel_open() - open one end of a logging channel
 * @config: how; copied
 * @ops: what to tell the owner; all members that @config's role uses are set
 * @owner: handed to @ops
 * @log: the ring, empty; outlives the channel
 * @extack: gets one sentence when this fails
 *
 * A primary connects to the secondary and returns when both agreed. A secondary
 * returns when it listens, in the network namespace of the caller, and tells its
 * owner when the primary is there. Callbacks can come before this returns.
 *
 * Context: Process context. May sleep, a primary for a few seconds at most.
 * Return: the channel or an ERR_PTR().
 */
struct ft_channel *ft_channel_open(const struct ft_channel_config *config,
				   const struct ft_channel_ops *ops, void *owner,
				   struct ft_log *log,
				   struct netlink_ext_ack *extack)
{
	struct ft_channel *ch;
	int err;

	if (!config->heartbeat_ms || config->heartbeat_ms > config->timeout_ms / 2) {
		NL_SET_ERR_MSG(extack, "the time-out must be at least two heartbeats");
		return ERR_PTR(-EINVAL);
	}

	ch = kzalloc(sizeof(*ch), GFP_KERNEL);
	if (!ch)
		return ERR_PTR(-ENOMEM);
	ch->config = *config;
	ch->config.name = kstrdup(config->name, GFP_KERNEL);
	if (!ch->config.name) {
		kfree(ch);
		return ERR_PTR(-ENOMEM);
	}
	ch->ops = ops;
	ch->owner = owner;
	ch->log = log;
	ch->net = get_net(current->nsproxy->net_ns);
	mutex_init(&ch->sock_lock);
	mutex_init(&ch->tx_lock);
	init_completion(&ch->tx_done);
	init_completion(&ch->rx_done);
	ft_tx_init(ch);

	err = ft_is_primary(ch) ? ft_channel_connect(ch, extack) :
				  ft_channel_listen(ch, extack);
	if (!err)
		err = ft_channel_threads(ch, extack);
	if (err) {
		ft_channel_free(ch);
		return ERR_PTR(err);
	}
	return ch;
}

/**
 * ft_channel_port() - where the secondary listens
 * @ch: the channel
 *
 * Return: the port; 0 for a primary.
 */
u16 ft_channel_port(const struct ft_channel *ch)
{
	return ch->port;
}

/**
 * ft_channel_close() - close the channel and free it
 * @ch: the channel
 * @reason: enum kvm_ft_reason to tell the peer, if the channel is up; for
 *	lost-connection nothing is said
 *
 * The peer is waited for until it has read the BYE, or is lost, or lives but takes
 * nothing for some time-outs. Only with test-failover are log bytes sent that were
 * not sent before, and the BYE behind them.
 *
 * No callback runs once this returned, and the loss is not told. But one that is
 * running is waited for: the caller holds no lock that a callback takes.
 *
 * Context: Process context, not a callback of this channel. May sleep.
 */
void ft_channel_close(struct ft_channel *ch, u32 reason)
{
	WRITE_ONCE(ch->closing, true);

	/* Say, and hear. */
	if (reason != KVM_FT_REASON_LOST_CONNECTION && ft_tx_bye(ch, reason))
		ft_channel_wait(ch, &ch->rx_done);

	ft_channel_kill(ch);
	kthread_stop(ch->tx);
	kthread_stop(ch->rx);
	/* Nobody can start it any more; it wakes the sender, which is put only now. */
	hrtimer_cancel(&ch->batch);
	put_task_struct(ch->tx);
	put_task_struct(ch->rx);
	ft_channel_free(ch);
}

/**
 * ft_channel_stats() - read the counters
 * @ch: the channel
 * @stats: filled in; not a snapshot, each counter is right by itself
 *
 * The greeting is not counted.
 *
 * Context: Any context.
 */
void ft_channel_stats(const struct ft_channel *ch, struct ft_channel_stats *stats)
{
	*stats = (struct ft_channel_stats) {
		.tx_bytes = READ_ONCE(ch->tx_stats.tx_bytes),
		.rx_bytes = READ_ONCE(ch->rx_stats.rx_bytes),
		.tx_frames = READ_ONCE(ch->tx_stats.tx_frames),
		.rx_frames = READ_ONCE(ch->rx_stats.rx_frames),
		.spliced_bytes = READ_ONCE(ch->tx_stats.spliced_bytes),
		.flushes = atomic64_read(&ch->flushes),
	};
}
