/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The logging channel: one TCP connection in the kernel, a thread that sends
 * and a thread that receives. Knows frames and the ring, not what entries mean.
 */
#ifndef _KVM_FT_TRANSPORT_H
#define _KVM_FT_TRANSPORT_H

#include <linux/socket.h>
#include "log.h"
#include "wire.h"

struct ft_channel;

/**
 * struct ft_channel_ops - what the channel tells its owner
 * @connected: HELLO was exchanged and agreed on; the channel is up
 * @sent: primary: the socket has every log byte before @sent; for who watches, and behind
 *	what it watches: @acked may be called before
 * @received: secondary: log bytes arrived, ft_log_head() of the ring moved
 * @acked: primary: the secondary holds every byte before @acked and has
 *	executed those before @replayed. The channel has released the ring up to
 *	@acked already.
 * @guest_tsc: primary: the guest's TSC now, for heartbeats; 0 when unknown
 * @heartbeat: secondary: a heartbeat arrived that carries the guest's TSC
 * @replayed: secondary: log offset executed so far
 * @lost: the channel is down, told once. @reason is an enum kvm_ft_reason:
 *	what the peer said in its BYE, or lost-connection; @err a negative errno
 *	or 0. Not called when the owner closes the channel itself.
 *
 * All run in the channel's own threads and may sleep; none may close the
 * channel (that waits for these threads).
 */
struct ft_channel_ops {
	void (*connected)(void *owner);
	void (*sent)(void *owner, u64 sent);
	void (*received)(void *owner);
	void (*acked)(void *owner, u64 acked, u64 replayed);
	u64 (*guest_tsc)(void *owner);
	void (*heartbeat)(void *owner, u64 guest_tsc);
	u64 (*replayed)(void *owner);
	void (*lost)(void *owner, u32 reason, int err);
};

/**
 * struct ft_channel_config - how to open a channel
 * @name: the VM's name, for the names of threads and for messages
 * @role: enum kvm_ft_role
 * @session: must be equal on both sides
 * @local: address to bind (secondary: to listen on); port 0 lets the kernel choose
 * @peer: primary: where the secondary listens
 * @heartbeat_ms: interval of heartbeats
 * @timeout_ms: silence that means the channel is lost
 * @batch_us: longest that log bytes wait for others
 */
struct ft_channel_config {
	const char *name;
	u32 role;
	u64 session;
	struct sockaddr_storage local;
	struct sockaddr_storage peer;
	u32 heartbeat_ms;
	u32 timeout_ms;
	u32 batch_us;
};

/**
 * struct ft_channel_stats - counters of one channel
 * @tx_bytes: bytes given to the socket, headers included
 * @rx_bytes: bytes taken from it
 * @tx_frames: frames sent
 * @rx_frames: frames received
 * @spliced_bytes: log bytes handed over as pages, without a copy
 * @flushes: times ft_channel_flush() woke the sender
 */
struct ft_channel_stats {
	u64 tx_bytes;
	u64 rx_bytes;
	u64 tx_frames;
	u64 rx_frames;
	u64 spliced_bytes;
	u64 flushes;
};

struct netlink_ext_ack;

struct ft_channel *ft_channel_open(const struct ft_channel_config *config,
				   const struct ft_channel_ops *ops, void *owner,
				   struct ft_log *log,
				   struct netlink_ext_ack *extack);
u16 ft_channel_port(const struct ft_channel *ch);
void ft_channel_flush(struct ft_channel *ch);
void ft_channel_notify(struct ft_channel *ch);
void ft_channel_close(struct ft_channel *ch, u32 reason);
void ft_channel_stats(const struct ft_channel *ch, struct ft_channel_stats *stats);

#endif /* _KVM_FT_TRANSPORT_H */
