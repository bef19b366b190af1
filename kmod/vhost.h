/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices of a protected VM that vhost serves. On a primary their handlers run in
 * the vCPU's thread at a safe point, so that what they write to guest memory is
 * written at a known position; on a secondary they do not run.
 */
#ifndef _KVM_FT_VHOST_H
#define _KVM_FT_VHOST_H

#include <linux/types.h>
#include "nic.h"
#include "vm.h"
#include "wire.h"

#define FT_QUEUES_MAX	2	/* virtqueues of one device */

/*
 * Log room for what one device writes in one go: vhost-net ends a batch behind
 * the packet that passes 512 KiB (VHOST_NET_WEIGHT), and after 256 packets.
 */
#define FT_BATCH_ROOM	(1u << 20)

/**
 * struct ft_vhost_queue - a virtqueue as vhost sees it, in QEMU's addresses
 * @ready: vhost has a backend for it
 * @event: VIRTIO_RING_F_EVENT_IDX was negotiated
 * @num: its size
 * @desc: descriptor table
 * @avail: available ring
 * @used: used ring
 * @taken: how far the device has taken the available ring
 * @done: how far the device has written the used ring
 */
struct ft_vhost_queue {
	bool ready;
	bool event;
	u32 num;
	const void __user *desc;
	const void __user *avail;
	const void __user *used;
	u16 taken;
	u16 done;
};

/**
 * struct ft_vhost - one device
 * @node: in hook-vhost.c's table, by @owner
 * @vm: whose device it is
 * @owner: vhost's private object for it; NULL when it went away; guarded by
 *	struct ft_vm: devices_lock
 * @pending: bit per handler that wants to run
 * @nr_queues: how many virtqueues it has
 * @nic: where its packets leave
 *
 * What has no lock does not change while the device is attached.
 */
struct ft_vhost {
	struct hlist_node node;
	struct ft_vm *vm;
	void *owner;
	unsigned long pending;
	unsigned int nr_queues;
	struct ft_nic nic;
};

/* Handlers of vhost-net; also the numbers of the queues that they serve. */
#define FT_NET_RX	0
#define FT_NET_TX	1

/* vhost.c */
int ft_vhost_attach(struct ft_vm *vm, struct netlink_ext_ack *extack);
void ft_vhost_detach(struct ft_vm *vm);
bool ft_vhost_defer(struct ft_vhost *device, unsigned int handler);
void ft_vhost_gone(struct ft_vhost *device);
bool ft_vhost_pending(const struct ft_vm *vm);
void ft_vhost_record(struct ft_vm *vm, const struct ft_position *pos);
int ft_vhost_apply_queue(struct ft_vm *vm, const struct ft_queue *queue);
void ft_vhost_resume(struct ft_vm *vm, bool signal);

/* hook-vhost.c: the only one that knows vhost's private symbols and layouts. */
int ft_hook_vhost_get(struct ft_vhost *device, struct file *file,
		      struct netlink_ext_ack *extack);
void ft_hook_vhost_put(struct ft_vhost *device);
/* With struct ft_vm: devices_lock held. */
void ft_hook_vhost_run(struct ft_vhost *device, unsigned int handler);
void ft_hook_vhost_queue(struct ft_vhost *device, unsigned int i,
			 struct ft_vhost_queue *queue);
void ft_hook_vhost_set_queue(struct ft_vhost *device, unsigned int i, u16 taken, u16 done);
void ft_hook_vhost_resume(struct ft_vhost *device, unsigned int i, bool signal);

#endif /* _KVM_FT_VHOST_H */
