// SPDX-License-Identifier: GPL-2.0-only
/*
 * The output rule for disks: a request that leaves a trace in the world is handed
 * to the target core only once the secondary has the log up to the kick that began
 * it, and has itself read what was read by reference before. Neither the guest nor
 * reads wait for it.
 *
 * The secondary submits nothing. It knows from the log which requests were begun
 * and which have ended; the others are begun again when it goes live.
 */
#include <linux/mm.h>
#include "engine.h"
#include "fault.h"
#include "trace.h"

/**
 * ft_disk_hold() - a request wants to be submitted
 * @disk: disk
 * @cmd: the request
 * @head: its head descriptor
 * @len: bytes that go with it
 *
 * Context: the vCPU's thread, in a handler.
 * Return: true when it is held; false: submit it.
 */
bool ft_disk_hold(struct ft_disk *disk, void *cmd, unsigned int head, u32 len)
{
	bool hold = false;

	ft_reads_write(&disk->reads, head, len);
	spin_lock(&disk->lock);
	if (ft_mode(disk->vm) == FT_RECORD && disk->batch) {
		/* As many as the virtqueue has, at most. */
		hold = !WARN_ON_ONCE(disk->head - disk->tail == FT_REQUESTS_MAX);
		if (hold)
			disk->held[disk->head++ % FT_REQUESTS_MAX] =
				(struct ft_request) { cmd, head, FT_OFFSET_UNKNOWN,
						      disk->reads.logged };
		disk->vm->stats.requests++;
	}
	spin_unlock(&disk->lock);
	return hold;
}

/**
 * ft_disk_batch() - handlers begin or end to run in the vCPU's thread
 * @disk: disk
 * @begin: which of both; at the end the log is written up to what they made
 *
 * Context: the vCPU's thread.
 */
void ft_disk_batch(struct ft_disk *disk, bool begin)
{
	bool some = false;
	unsigned int i;
	u64 offset;

	if (!disk->vm)
		return;
	offset = ft_log_head(&disk->vm->log);
	spin_lock(&disk->lock);
	disk->batch = begin;
	for (i = disk->head; !begin && i != disk->tail; i--) {
		struct ft_request *request = &disk->held[(i - 1) % FT_REQUESTS_MAX];

		if (request->offset != FT_OFFSET_UNKNOWN)
			break;
		request->offset = offset;
		some = true;
	}
	spin_unlock(&disk->lock);
	if (!some)
		return;
	ft_vm_flush(disk->vm);
	/* The acknowledgment may have come while the offset was not known. */
	if (ft_output_allowed(disk->vm, offset))
		ft_disk_release(disk);
}

static bool ft_disk_allowed(const struct ft_disk *disk, const struct ft_request *request)
{
	struct ft_vm *vm = disk->vm;

	return ft_output_allowed(vm, request->offset) &&
	       (ft_mode(vm) != FT_RECORD || READ_ONCE(vm->peer_replayed) >= request->replayed);
}

/* The next one that is let go; false: there is none. */
static bool ft_disk_pop(struct ft_disk *disk, bool all, struct ft_request *next)
{
	struct ft_request *request;
	bool found = false;

	spin_lock(&disk->lock);
	request = &disk->held[disk->tail % FT_REQUESTS_MAX];
	if (disk->tail != disk->head &&
	    (all || ft_disk_allowed(disk, request))) {
		*next = *request;
		disk->tail++;
		if (!all)
			trace_kvm_ft_released(disk->vm->config.name, "request",
					      request->offset);
		found = true;
	}
	spin_unlock(&disk->lock);
	return found;
}

/**
 * ft_disk_release() - submit the requests that may be seen now
 * @disk: disk
 *
 * Context: may sleep.
 */
void ft_disk_release(struct ft_disk *disk)
{
	struct ft_request request;

	if (!disk->vm)
		return;
	mutex_lock(&disk->release);
	while (ft_disk_pop(disk, false, &request)) {
		ft_fault(FT_FAULT_HELD);
		if (ft_fault_due(FT_FAULT_SUBMITTED))
			WRITE_ONCE(disk->watched, request.head + 1);
		ft_scsi_submit(request.cmd);
	}
	mutex_unlock(&disk->release);
}

/* May the last request that is held be submitted, and so all of them? */
static bool ft_disk_settled(struct ft_disk *disk)
{
	bool settled;

	spin_lock(&disk->lock);
	settled = disk->head == disk->tail ||
		  ft_disk_allowed(disk, &disk->held[(disk->head - 1) % FT_REQUESTS_MAX]);
	spin_unlock(&disk->lock);
	return settled;
}

/**
 * ft_disk_settle() - submit all requests that are held, as soon as that may be seen
 * @disk: disk
 *
 * Context: the vCPU's thread, no handler runs; may sleep.
 * Return: 0, or -EINTR when that may last and a signal came.
 */
int ft_disk_settle(struct ft_disk *disk)
{
	struct ft_vm *vm = disk->vm;

	/* Like ft_output_hold(). */
	if (wait_event_killable(vm->wq, ft_disk_settled(disk) || READ_ONCE(vm->hold)) ||
	    wait_event_interruptible(vm->wq, ft_disk_settled(disk)))
		return -EINTR;
	ft_disk_release(disk);
	return 0;
}

/**
 * ft_disk_fail() - QEMU closes the disk: what is held will never be submitted
 * @disk: disk
 *
 * vhost waits for all requests to end before it goes.
 *
 * Context: may sleep.
 */
void ft_disk_fail(struct ft_disk *disk)
{
	struct ft_request request;

	if (!disk->vm)
		return;
	mutex_lock(&disk->release);
	while (ft_disk_pop(disk, true, &request))
		ft_scsi_fail(request.cmd);
	mutex_unlock(&disk->release);
}

/**
 * ft_disk_ended() - a request has ended, and nobody knows it yet
 * @disk: disk
 * @head: its head descriptor
 *
 * Context: the vCPU's thread.
 */
void ft_disk_ended(const struct ft_disk *disk, unsigned int head)
{
	unsigned int watched = READ_ONCE(disk->watched);

	if (unlikely(watched) && watched == head + 1)
		ft_fault_die();
}

/**
 * ft_disk_attach() - make ready for a disk's requests
 * @disk: to be filled
 * @vm: VM
 * @config: as attached
 * @extack: for the reason of a refusal
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int ft_disk_attach(struct ft_disk *disk, struct ft_vm *vm,
		   const struct ft_device_config *config, struct netlink_ext_ack *extack)
{
	int ret = ft_reads_attach(&disk->reads, vm, config, extack);

	if (ret)
		return ret;
	spin_lock_init(&disk->lock);
	mutex_init(&disk->release);
	disk->held = kvcalloc(FT_REQUESTS_MAX, sizeof(*disk->held), GFP_KERNEL_ACCOUNT);
	disk->begun = kvzalloc(sizeof(*disk->begun), GFP_KERNEL_ACCOUNT);
	if (!disk->held || !disk->begun) {
		kvfree(disk->held);
		kvfree(disk->begun);
		ft_reads_detach(&disk->reads);
		return -ENOMEM;
	}
	disk->vm = vm;
	return 0;
}

/**
 * ft_disk_detach() - let go of a disk, and of what is held
 * @disk: disk of a VM that is off
 *
 * Context: may sleep.
 */
void ft_disk_detach(struct ft_disk *disk)
{
	if (!disk->vm)
		return;
	ft_disk_release(disk);
	disk->vm = NULL;
	kvfree(disk->held);
	kvfree(disk->begun);
	ft_reads_detach(&disk->reads);
}
