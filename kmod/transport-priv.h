/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The channel from the inside: shared by transport.c (life and death),
 * transport-tx.c and transport-rx.c (one thread each).
 */
#ifndef _KVM_FT_TRANSPORT_PRIV_H
#define _KVM_FT_TRANSPORT_PRIV_H

#include <linux/atomic.h>
#include <linux/bvec.h>
#include <linux/completion.h>
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/mutex.h>
#include <net/net_namespace.h>
#include "transport.h"
#include "transport-sock.h"
#include "../uapi/kvm_ft.h"

/* Pages that one LOG frame can touch. */
#define FT_RUN_PAGES	(KVM_FT_LOG_FRAME_MAX / PAGE_SIZE + 1)

/* Missing heartbeats, four of them, are silence; one may be late. */
#define FT_SILENT_SLICES	4

/**
 * struct ft_channel - one end of a logging channel
 *
 * Set when opened, constant from then on:
 * @config: as given; @config.name is not kept
 * @ops: the owner's callbacks
 * @owner: their first argument
 * @log: the ring; primary: consumed here, secondary: produced here
 * @net: network namespace of the sockets, referenced
 * @port: secondary: where it listens
 * @tx: the sender's thread, referenced
 * @rx: the receiver's thread, referenced
 *
 * Life and death:
 * @sock_lock: guards the pointers @listener and @sock against whoever shuts
 *	them down from outside the receiver's thread, and @dead
 * @listener: secondary: until the peer is there
 * @sock: the connection; from @up on it stays until the end
 * @up: HELLO was agreed on; set once, by the receiver (primary: by open)
 * @dead: no more socket calls, threads end; set once under @sock_lock
 * @closing: the owner closes; the loss that follows is not told
 * @bye: enum kvm_ft_reason to end with, 0: none; set once, by cmpxchg()
 * @tx_done: the sender sent its BYE or will never send again
 * @rx_done: the receiver will never receive again
 *
 * Sending:
 * @tx_lock: frames are whole; guards @tx_stats
 * @beat_ms: interval of heartbeats; set before @up
 * @ack_bytes: secondary: so much is acknowledged even if nobody asks; set before @up
 * @tx_waits: the sender sleeps until it is woken; else it looks for work by itself before
 *	it does. Written by the sender
 * @batch: primary: wakes the sender, config.batch_us after the first byte
 * @batch_runs: bit 0: @batch was started and the sender has not seen its end yet; set by
 *	who starts it, cleared by the sender
 * @late: @batch ended; set by it, taken by the sender
 * @flush: send at once, and ask; set by anybody, taken by the sender
 * @sent: primary: log offset behind what was given to the socket, or is about
 *	to be; written by the sender
 * @awaited: primary: log offset behind the last question; written by the sender
 * @bv: pages of the LOG frame being sent; the sender's
 * @tx_stats: tx_* and spliced_bytes
 * @flushes: for statistics
 *
 * Receiving; the receiver's:
 * @acked: primary: what the secondary said it holds; secondary: what was
 *	acknowledged (there under @tx_lock)
 * @replayed: primary: what the secondary said it executed; secondary: what it
 *	said itself (there under @tx_lock)
 * @heard: when something valid came last
 * @silent: slices of the time-out waited since, all of them in vain
 * @rx_full: secondary: the receiver waits for room in the ring
 * @asked: secondary: the primary waits for the acknowledgment of what was received
 * @rx_stats: rx_*
 */
struct ft_channel {
	struct ft_channel_config config;
	const struct ft_channel_ops *ops;
	void *owner;
	struct ft_log *log;
	struct net *net;
	u16 port;
	struct task_struct *tx;
	struct task_struct *rx;

	struct mutex sock_lock;	/* @listener, @sock, @dead */
	struct socket *listener;
	struct socket *sock;
	bool up;
	bool dead;
	bool closing;
	u32 bye;
	struct completion tx_done;
	struct completion rx_done;

	struct mutex tx_lock;	/* whole frames; @tx_stats */
	u32 beat_ms;
	u32 ack_bytes;
	bool tx_waits;
	struct hrtimer batch;
	unsigned long batch_runs;
	bool late;
	bool flush;
	u64 sent;
	u64 awaited;
	struct bio_vec bv[FT_RUN_PAGES];
	struct ft_channel_stats tx_stats;
	atomic64_t flushes;

	u64 acked;
	u64 replayed;
	ktime_t heard;
	unsigned int silent;
	bool rx_full;
	bool asked;
	struct ft_channel_stats rx_stats;
};

static inline bool ft_is_primary(const struct ft_channel *ch)
{
	return ch->config.role == KVM_FT_ROLE_PRIMARY;
}

/* transport.c */
void ft_channel_hello(const struct ft_channel *ch, struct kvm_ft_hello *hello);
void ft_channel_set_up(struct ft_channel *ch, const struct kvm_ft_hello *theirs);
void ft_channel_kill(struct ft_channel *ch);
bool ft_channel_wait(struct ft_channel *ch, struct completion *done);

/* transport-tx.c */
void ft_tx_init(struct ft_channel *ch);
int ft_tx_thread(void *data);
int ft_tx_status(struct ft_channel *ch, u8 type);
bool ft_tx_bye(struct ft_channel *ch, u32 reason);

/* transport-rx.c */
int ft_rx_thread(void *data);

#endif /* _KVM_FT_TRANSPORT_PRIV_H */
