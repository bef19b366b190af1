/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices of a protected VM that vhost serves. On a primary their handlers run in
 * the vCPU's thread at a safe point, so that what they write to guest memory is
 * written at a known position; on a secondary they do not run.
 */
#ifndef _KVM_FT_VHOST_H
#define _KVM_FT_VHOST_H

#include <linux/bitops.h>
#include <linux/types.h>
#include "disk.h"
#include "nic.h"
#include "vm.h"
#include "wire.h"

struct ft_vhost;

#define FT_QUEUES_MAX	3	/* virtqueues of one device */

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

/* Handlers of vhost-net. */
#define FT_NET_RX	0
#define FT_NET_TX	1

/*
 * Handlers of vhost-scsi, in the order in which they run: kicks by queue, then
 * completions of requests, events, and task management.
 */
#define FT_SCSI_CONTROL		0
#define FT_SCSI_EVENT		1
#define FT_SCSI_REQUEST		2
#define FT_SCSI_COMPLETION	3
#define FT_SCSI_EVENT_WORK	4
#define FT_SCSI_TMF		5	/* and on: one each */
#define FT_SCSI_TMFS		8

#define FT_HANDLERS_MAX		(FT_SCSI_TMF + FT_SCSI_TMFS)

/**
 * struct ft_vhost_kind - a kind of device: what differs between vhost's drivers
 * @module: the driver
 * @nr_queues: virtqueues of a device
 * @nr_handlers: handlers of a device; they are numbered
 * @queue: by handler: the only virtqueue that it moves
 * @kicks: bits of those that do what the guest asks for
 * @whole: used buffers have no length, all of them may have been written
 * @get: the first device of the kind comes; errors set extack
 * @put: the last one is gone
 * @check: refuse a device that cannot be protected; sets extack
 * @dev: vhost's struct vhost_dev in its object for a device
 * @handler: which handler a work item of a virtqueue runs, or negative: vhost's thread is to
 *	find out. Called in any context but NMI, no lock of ours held
 * @run: run a handler, in the vCPU's thread
 * @busy: has something begun that vhost would wait for? Of disks only
 * @requeue: have vhost's thread run a handler
 *
 * All but @handler may sleep; @run, @busy and @requeue with struct ft_vm: devices_lock held,
 * @get, @put, @check and @dev with vm.c's list mutex.
 */
struct ft_vhost_kind {
	const char *module;
	unsigned int nr_queues;
	unsigned int nr_handlers;
	u8 queue[FT_HANDLERS_MAX];
	unsigned long kicks;
	bool whole;
	int (*get)(struct netlink_ext_ack *extack);
	void (*put)(void);
	int (*check)(const struct ft_vhost *device, struct netlink_ext_ack *extack);
	void *(*dev)(const void *owner);
	int (*handler)(const struct ft_vhost *device, void *vq, void *work);
	void (*run)(struct ft_vhost *device, unsigned int handler);
	bool (*busy)(struct ft_vhost *device);
	void (*requeue)(struct ft_vhost *device, unsigned int handler);
};

/**
 * struct ft_vhost - one device
 * @node: in hook-vhost.c's table, by @dev
 * @vm: whose device it is
 * @kind: what kind
 * @owner: vhost's private object for it
 * @dev: the struct vhost_dev in that
 * @gone: it went away, guarded by struct ft_vm: devices_lock
 * @closing: ... while the VM was protected
 * @pending: bit per handler that wants to run
 * @backed: bit per virtqueue that vhost serves, under devices_lock to write
 * @served: ... that it serves by the guest's doing; the vCPU's thread
 * @tmfs: SCSI: work items of task management that want to run, as their bits say
 * @server: SCSI: the thread that runs a handler, likewise
 * @driver: the module that serves it
 * @nic: NIC: where its packets leave
 * @disk: disk: its requests
 *
 * What has no lock does not change while the device is attached.
 */
struct ft_vhost {
	struct hlist_node node;
	struct ft_vm *vm;
	const struct ft_vhost_kind *kind;
	void *owner;
	void *dev;
	bool gone;
	bool closing;
	unsigned long pending;
	unsigned long backed;
	unsigned long served;
	void *tmfs[FT_SCSI_TMFS];
	struct task_struct *server;
	struct module *driver;
	struct ft_nic nic;
	struct ft_disk disk;
};

extern const struct ft_vhost_kind ft_vhost_net, ft_vhost_scsi;

/* vhost.c */
int ft_vhost_attach(struct ft_vm *vm, struct netlink_ext_ack *extack);
void ft_vhost_detach(struct ft_vm *vm);
bool ft_vhost_tell(struct ft_vhost *device, unsigned int handler);
bool ft_vhost_defer(struct ft_vhost *device, unsigned int handler);
void ft_vhost_gone(struct ft_vhost *device);
void ft_vhost_backed(struct ft_vhost *device);
void ft_vhost_begin(struct ft_vm *vm);
void ft_vhost_drain(struct ft_vhost *device);
bool ft_vhost_pending(const struct ft_vm *vm);
void ft_vhost_record(struct ft_vm *vm, const struct ft_position *pos);
int ft_vhost_apply_queue(struct ft_vm *vm, const struct ft_queue *queue);
void ft_vhost_resume(struct ft_vm *vm);
void ft_vhost_rewind(struct ft_vm *vm);
void ft_vhost_go_live(struct ft_vm *vm);

/* hook-vhost.c: what all vhost devices have in common. */
int ft_hook_vhost_get(struct ft_vhost *device, struct file *file,
		      struct netlink_ext_ack *extack);
void ft_hook_vhost_put(struct ft_vhost *device);
void ft_hook_vhost_hide(struct ft_vhost *device);
/* With struct ft_vm: devices_lock held. */
void ft_hook_vhost_queue(struct ft_vhost *device, unsigned int i,
			 struct ft_vhost_queue *queue);
void ft_hook_vhost_set_queue(struct ft_vhost *device, unsigned int i, u16 taken, u16 done);
void ft_hook_vhost_signal(struct ft_vhost *device, unsigned int i);

#endif /* _KVM_FT_VHOST_H */
