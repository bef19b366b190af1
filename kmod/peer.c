// SPDX-License-Identifier: GPL-2.0-only
/*
 * The peer of a VM: its logging channel, and what comes from there.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kvm_host.h>
#include <linux/moduleparam.h>
#include <linux/netlink.h>
#include "engine.h"
#include "trace.h"

static unsigned int ft_batch_us = 1000;
module_param_named(batch_us, ft_batch_us, uint, 0644);
MODULE_PARM_DESC(batch_us, "longest that log bytes are kept back to be sent with others, in us (default 1000)");

/**
 * ft_vm_flush() - somebody waits until the peer has the whole log
 * @vm: VM
 *
 * Context: any but NMI.
 */
void ft_vm_flush(struct ft_vm *vm)
{
	struct ft_channel *channel;

	rcu_read_lock();
	channel = rcu_dereference(vm->channel);
	if (channel)
		ft_channel_flush(channel);
	rcu_read_unlock();
}

/**
 * ft_vm_notify() - the log got longer, or (secondary) shorter
 * @vm: VM
 *
 * Context: any but NMI.
 */
void ft_vm_notify(struct ft_vm *vm)
{
	struct ft_channel *channel;

	rcu_read_lock();
	channel = rcu_dereference(vm->channel);
	if (channel)
		ft_channel_notify(channel);
	rcu_read_unlock();
}

static void ft_vm_connected(void *owner)
{
	struct ft_vm *vm = owner;

	pr_info("%s: the logging channel is up\n", vm->config.name);
}

static void ft_vm_sent(void *owner, u64 sent)
{
	struct ft_vm *vm = owner;

	trace_kvm_ft_sent(vm->config.name, sent, READ_ONCE(vm->peer_replayed));
}

static void ft_vm_received(void *owner)
{
	struct ft_vm *vm = owner;

	trace_kvm_ft_received(vm->config.name, ft_log_head(&vm->log),
			      READ_ONCE(vm->replayed));
	/* The first entry says that the primary runs, protected. */
	if (READ_ONCE(vm->machine.state) == KVM_FT_STATE_STARTING)
		ft_vm_event(vm, FT_EV_START, 0, NULL);
	wake_up_all(&vm->wq);
}

static void ft_vm_acked(void *owner, u64 acked, u64 replayed)
{
	struct ft_vm *vm = owner;

	trace_kvm_ft_acked(vm->config.name, acked, replayed);
	WRITE_ONCE(vm->peer_replayed, replayed);
	/* With ft_output_allowed(): what is told beside it is there. */
	smp_store_release(&vm->acked, acked);
	ft_output_release(vm);
}

static u64 ft_vm_guest_tsc(void *owner)
{
	struct ft_vm *vm = owner;

	return READ_ONCE(vm->task) ? kvm_read_l1_tsc(vm->vcpu, rdtsc()) : 0;
}

static void ft_vm_heartbeat(void *owner, u64 guest_tsc)
{
	struct ft_vm *vm = owner;

	WRITE_ONCE(vm->peer_tsc, guest_tsc);
}

static u64 ft_vm_replayed(void *owner)
{
	struct ft_vm *vm = owner;

	return READ_ONCE(vm->replayed);
}

static void ft_vm_lost(void *owner, u32 reason, int err)
{
	struct ft_vm *vm = owner;

	if (reason == KVM_FT_REASON_LOST_CONNECTION)
		ft_vm_event(vm, FT_EV_LOST, reason, "the logging channel is lost (%d)", err);
	else if (err)
		ft_vm_event(vm, FT_EV_FAULT, reason, "the peer broke the protocol (%d)", err);
	else
		ft_vm_event(vm, FT_EV_BYE, reason, "the peer ended protection (reason %u)", reason);
}

static const struct ft_channel_ops ft_vm_channel_ops = {
	.connected	= ft_vm_connected,
	.sent		= ft_vm_sent,
	.received	= ft_vm_received,
	.acked		= ft_vm_acked,
	.guest_tsc	= ft_vm_guest_tsc,
	.heartbeat	= ft_vm_heartbeat,
	.replayed	= ft_vm_replayed,
	.lost		= ft_vm_lost,
};

/**
 * ft_vm_open() - open the logging channel
 * @vm: VM that the hooks hold already
 * @extack: for the reason of a failure
 *
 * Context: may sleep; a primary connects.
 * Return: 0 or a negative errno.
 */
int ft_vm_open(struct ft_vm *vm, struct netlink_ext_ack *extack)
{
	const struct ft_channel_config config = {
		.name = vm->config.name,
		.role = vm->config.role,
		.session = vm->config.session,
		.local = vm->config.local,
		.peer = vm->config.peer,
		.heartbeat_ms = vm->config.heartbeat_ms,
		.timeout_ms = vm->config.timeout_ms,
		.batch_us = READ_ONCE(ft_batch_us),
	};
	struct ft_channel *channel;
	bool ended;

	channel = ft_channel_open(&config, &ft_vm_channel_ops, vm, &vm->log, extack);
	if (IS_ERR(channel))
		return PTR_ERR(channel);

	/* Its callbacks, or QEMU's end, can have ended it all by now. */
	spin_lock_irq(&vm->state_lock);
	ended = vm->machine.state != KVM_FT_STATE_STARTING;
	if (!ended)
		rcu_assign_pointer(vm->channel, channel);
	spin_unlock_irq(&vm->state_lock);
	if (ended) {
		ft_channel_close(channel, KVM_FT_REASON_LOST_CONNECTION);
		NL_SET_ERR_MSG(extack, "the VM or its peer went away during attach");
		return -ECONNABORTED;
	}
	return 0;
}

/**
 * ft_vm_close() - take the channel away from those who use it, then close it
 * @vm: VM
 * @reason: enum kvm_ft_reason for the peer; lost-connection says nothing to it
 *
 * Context: may sleep until the peer has read why; not the channel's threads.
 */
void ft_vm_close(struct ft_vm *vm, u32 reason)
{
	/* Written by attach, which is over, and here: in the VM's work only. */
	struct ft_channel *channel = rcu_dereference_protected(vm->channel, true);

	if (!channel)
		return;
	rcu_assign_pointer(vm->channel, NULL);
	synchronize_rcu();
	ft_channel_close(channel, reason);
}
