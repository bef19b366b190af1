/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest's disk: requests that wait for the secondary before they are submitted,
 * and (secondary) requests that were begun and have not ended.
 */
#ifndef _KVM_FT_DISK_H
#define _KVM_FT_DISK_H

#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include "begun.h"
#include "reads.h"

struct ft_vhost_queue;
struct ft_vm;

#define FT_OFFSET_UNKNOWN	U64_MAX	/* the batch is not logged yet */

/**
 * struct ft_request - a request that is held
 * @cmd: the target core's
 * @head: its head descriptor
 * @offset: log offset that has to be acknowledged
 * @replayed: log offset up to which the secondary has to have executed the log
 */
struct ft_request {
	void *cmd;
	unsigned int head;
	u64 offset;
	u64 replayed;
};

/**
 * struct ft_disk - a disk
 * @vm: whose it is; NULL: there is none
 * @lock: guards @head, @tail, @held, @batch
 * @head: requests ever held
 * @tail: requests ever let go
 * @held: those between, FT_REQUESTS_MAX of them
 * @batch: a handler runs in the vCPU's thread: the log is not yet written up to
 *	the requests it makes
 * @release: held while requests are let go, so that they stay in order
 * @begun: secondary: requests that have not ended; the vCPU's thread alone
 * @watched: for the fault "submitted": one more than the head descriptor of the request
 *	whose end is not to be logged; 0: there is none
 * @reads: what is read from it by reference
 */
struct ft_disk {
	struct ft_vm *vm;
	spinlock_t lock;	/* @head, @tail, @held, @batch */
	unsigned int head;
	unsigned int tail;
	struct ft_request *held;
	bool batch;
	struct mutex release;	/* order of submission */
	struct ft_begun *begun;
	unsigned int watched;
	struct ft_reads reads;
};

int ft_disk_attach(struct ft_disk *disk, struct ft_vm *vm,
		   const struct ft_device_config *config, struct netlink_ext_ack *extack);
void ft_disk_detach(struct ft_disk *disk);
bool ft_disk_hold(struct ft_disk *disk, void *cmd, unsigned int head, u32 len);
void ft_disk_batch(struct ft_disk *disk, bool begin);
void ft_disk_release(struct ft_disk *disk);
int ft_disk_settle(struct ft_disk *disk);
void ft_disk_fail(struct ft_disk *disk);
void ft_disk_ended(const struct ft_disk *disk, unsigned int head);

/* hook-vhost-scsi.c */
void ft_scsi_submit(void *cmd);
void ft_scsi_fail(void *cmd);

#endif /* _KVM_FT_DISK_H */
