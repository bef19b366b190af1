// SPDX-License-Identifier: GPL-2.0-only
/*
 * vhost_scsi's handlers, diverted; and what they hand to the target core, held.
 *
 * Requests are made to use pages of their own instead of the guest's ("bounce"), so
 * that what is read from a disk comes to the guest in the completion handler, at
 * a known position, and what is written is what was there when it was submitted.
 */
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/netlink.h>
#include <scsi/scsi_proto.h>
#include <target/target_core_base.h>
#include <target/target_core_backend.h>
#include <target/target_core_fabric.h>
#include <uapi/linux/vhost.h>
#include <uapi/linux/virtio_scsi.h>
#include "hook-vhost-priv.h"

static void (*vhost_scsi_ctl_handle_kick_orig)(void *work);
static void (*vhost_scsi_evt_handle_kick_orig)(void *work);
static void (*vhost_scsi_handle_kick_orig)(void *work);
static void (*vhost_scsi_complete_cmd_work_orig)(void *work);
static void (*vhost_scsi_evt_work_orig)(void *work);
static void (*vhost_scsi_tmf_resp_work_orig)(void *work);
static long (*vhost_scsi_ioctl_orig)(struct file *f, unsigned int ioctl, unsigned long arg);
static int (*vhost_scsi_release_orig)(struct inode *inode, struct file *file);
static void *vhost_scsi_map_iov_to_sgl_orig;
static int (*target_submit_orig)(struct se_cmd *cmd);
static void (*transport_generic_request_failure_addr)(struct se_cmd *cmd,
						      sense_reason_t reason);

static void *ft_scsi_dev(const void *vs)
{
	return ft_member_ptr(vs, vhost_scsi, dev);
}

/* The work item of a virtqueue's kick. */
static void *ft_scsi_kick_work(void *vq)
{
	return ft_member_ptr(ft_member_ptr(vq, vhost_virtqueue, poll), vhost_poll, work);
}

/* The work item of the completions of a virtqueue's requests. */
static void *ft_scsi_completion_work(void *vq)
{
	void *svq = ft_member_owner(vq, vhost_scsi_virtqueue, vq);

	return ft_member_ptr(svq, vhost_scsi_virtqueue, completion_work);
}

/* Only the queues of ft_vhost_scsi.nr_queues can be protected; ftctl sees to it. */
static void ft_scsi_kick(void *work, unsigned int handler, void (*orig)(void *work))
{
	void *poll = ft_member_owner(work, vhost_poll, work);
	void *vq = ft_member_owner(poll, vhost_virtqueue, poll);

	ft_vhost_enter();
	if (!ft_vhost_divert(*ft_member(vq, vhost_virtqueue, dev, void *), handler))
		orig(work);
	ft_vhost_leave();
}

static void ft_scsi_control(void *work)
{
	ft_scsi_kick(work, FT_SCSI_CONTROL, vhost_scsi_ctl_handle_kick_orig);
}

static void ft_scsi_event(void *work)
{
	ft_scsi_kick(work, FT_SCSI_EVENT, vhost_scsi_evt_handle_kick_orig);
}

static void ft_scsi_request(void *work)
{
	ft_scsi_kick(work, FT_SCSI_REQUEST, vhost_scsi_handle_kick_orig);
}

static void ft_scsi_completion(void *work)
{
	void *svq = ft_member_owner(work, vhost_scsi_virtqueue, completion_work);

	ft_vhost_enter();
	if (!ft_vhost_divert(ft_scsi_dev(*ft_member(svq, vhost_scsi_virtqueue, vs, void *)),
			     FT_SCSI_COMPLETION))
		vhost_scsi_complete_cmd_work_orig(work);
	ft_vhost_leave();
}

static void ft_scsi_event_work(void *work)
{
	ft_vhost_enter();
	if (!ft_vhost_divert(ft_scsi_dev(ft_member_owner(work, vhost_scsi, vs_event_work)),
			     FT_SCSI_EVENT_WORK))
		vhost_scsi_evt_work_orig(work);
	ft_vhost_leave();
}

/* A task management function has ended; there may be some at a time. */
static void ft_scsi_tmf(void *work)
{
	void *tmf = ft_member_owner(work, vhost_scsi_tmf, vwork);
	struct ft_vhost *device;
	bool defer = false;
	unsigned int i;

	ft_vhost_enter();
	device = ft_vhost_find(ft_scsi_dev(*ft_member(tmf, vhost_scsi_tmf, vhost, void *)));
	for (i = 0; device && !defer && i < FT_SCSI_TMFS; i++) {
		if (cmpxchg(&device->tmfs[i], NULL, work))
			continue;
		/* Not taken back: it was found there meanwhile, and is queued once more. */
		defer = ft_vhost_defer(device, FT_SCSI_TMF + i) ||
			cmpxchg(&device->tmfs[i], work, NULL) != work;
		break;
	}
	if (device && i == FT_SCSI_TMFS)
		ft_vm_event(device->vm, FT_EV_FAULT, KVM_FT_REASON_NO_RESOURCES,
			    "the guest resets its disk faster than is recorded");
	if (device)
		ft_hook_unpin(device->vm);
	if (!defer)
		vhost_scsi_tmf_resp_work_orig(work);
	ft_vhost_leave();
}

static long ft_scsi_ioctl(struct file *f, unsigned int ioctl, unsigned long arg)
{
	struct ft_vhost *device;
	long ret;

	ft_vhost_enter();
	device = ioctl == VHOST_SCSI_CLEAR_ENDPOINT ?
		 ft_vhost_find(ft_scsi_dev(f->private_data)) : NULL;
	if (device) {
		ft_vhost_drain(device);
		ft_hook_unpin(device->vm);
	}
	ret = vhost_scsi_ioctl_orig(f, ioctl, arg);
	ft_vhost_leave();
	return ret;
}

static int ft_scsi_release(struct inode *inode, struct file *file)
{
	return ft_vhost_release(vhost_scsi_release_orig, ft_scsi_dev(file->private_data),
				inode, file);
}

/* -- Requests, within a handler that the vCPU's thread runs -------------------------- */

/* How many such handlers run on this host; the device this thread runs one of. */
static atomic_t ft_scsi_serving = ATOMIC_INIT(0);

static struct ft_vhost *ft_scsi_served(void)
{
	return atomic_read(&ft_scsi_serving) ? ft_vhost_find_server(current) : NULL;
}

static bool ft_scsi_is_serving(void)
{
	return ft_scsi_served();
}

/* Stands in for vhost's way to use the guest's pages: bounce instead. */
static int ft_scsi_bounce(void)
{
	return -EINVAL;
}

/*
 * What a reader does leaves no trace in the world. A command with bytes for the disk is
 * none: the core goes by the direction, not by what the command is called.
 */
static bool ft_scsi_reads(const struct se_cmd *cmd)
{
	if (cmd->data_direction == DMA_TO_DEVICE)
		return false;
	switch (cmd->t_task_cdb[0]) {
	case READ_6:
	case READ_10:
	case READ_12:
	case READ_16:
		return true;
	default:
		return false;
	}
}

/* The head descriptor of the chain that a request came in. */
static unsigned int ft_scsi_head(struct se_cmd *cmd)
{
	void *own = ft_member_owner(cmd, vhost_scsi_cmd, tvc_se_cmd);

	return *ft_member(own, vhost_scsi_cmd, tvc_vq_desc, int);
}

/* A read begins, and may be logged by reference if it is known what it reads. */
static void ft_scsi_read(struct ft_disk *disk, struct se_cmd *cmd)
{
	const struct se_device *dev = cmd->se_dev;
	struct ft_disk_read read = {
		.lun = cmd->orig_fe_lun,
		.offset = cmd->t_task_lba * dev->dev_attrib.block_size,
	};

	/* Who hands commands on does not know what is in them. */
	if (!(dev->transport_flags & TRANSPORT_FLAG_PASSTHROUGH) &&
	    cmd->prot_op == TARGET_PROT_NORMAL)
		read.len = cmd->data_length;
	ft_reads_begin(&disk->reads, ft_scsi_head(cmd), &read);
}

static int ft_target_submit(struct se_cmd *cmd)
{
	struct ft_vhost *device;
	bool hold = false;
	int ret = 0;

	ft_vhost_enter();
	device = ft_scsi_served();
	/* A backstore may be a target, too, and this its own request. */
	if (device && cmd->se_tfo->module != device->driver)
		device = NULL;
	if (device && ft_scsi_reads(cmd))
		ft_scsi_read(&device->disk, cmd);
	else if (device)
		hold = ft_disk_hold(&device->disk, cmd, ft_scsi_head(cmd),
				    cmd->data_length);
	if (!hold)
		ret = target_submit_orig(cmd);
	ft_vhost_leave();
	return ret;
}

/**
 * ft_scsi_submit() - let a request go that was held
 * @cmd: request
 *
 * Context: may sleep.
 */
void ft_scsi_submit(void *cmd)
{
	target_submit_orig(cmd);
}

/**
 * ft_scsi_fail() - a request that was held will never be submitted
 * @cmd: request
 *
 * Context: may sleep.
 */
void ft_scsi_fail(void *cmd)
{
	transport_generic_request_failure_addr(cmd, TCM_LOGICAL_UNIT_COMMUNICATION_FAILURE);
}

/* -- The kind ------------------------------------------------------------------------ */

#define FT_FUNC(func, with) \
	{ .module = "vhost_scsi", .name = #func, .hook = with, .orig = &func##_orig }

static struct ft_func ft_scsi_funcs[] = {
	FT_FUNC(vhost_scsi_ctl_handle_kick, ft_scsi_control),
	FT_FUNC(vhost_scsi_evt_handle_kick, ft_scsi_event),
	FT_FUNC(vhost_scsi_handle_kick, ft_scsi_request),
	FT_FUNC(vhost_scsi_complete_cmd_work, ft_scsi_completion),
	FT_FUNC(vhost_scsi_evt_work, ft_scsi_event_work),
	FT_FUNC(vhost_scsi_tmf_resp_work, ft_scsi_tmf),
	FT_FUNC(vhost_scsi_ioctl, ft_scsi_ioctl),
	FT_FUNC(vhost_scsi_release, ft_scsi_release),
	{
		.module = "vhost_scsi",
		.name = "vhost_scsi_map_iov_to_sgl",
		.hook = ft_scsi_bounce,
		.orig = &vhost_scsi_map_iov_to_sgl_orig,
		.filter = ft_scsi_is_serving,
		.clone = true,
	}, {
		.module = "target_core_mod",
		.name = "target_submit",
		.hook = ft_target_submit,
		.orig = &target_submit_orig,
		.filter = ft_scsi_is_serving,
	}, {
		.module = "target_core_mod",
		.name = "transport_generic_request_failure",
		.orig = &transport_generic_request_failure_addr,
	},
};

/* Devices, under vm.c's list mutex. */
static unsigned int ft_scsi_users;

static int ft_scsi_get(struct netlink_ext_ack *extack)
{
	int ret = 0;

	if (!ft_scsi_users)
		ret = ft_layout_check("target_core_mod") ?:
		      ft_vhost_install(ft_scsi_funcs, ARRAY_SIZE(ft_scsi_funcs), extack);
	if (!ret)
		ft_scsi_users++;
	return ret;
}

static void ft_scsi_put(void)
{
	if (!--ft_scsi_users)
		ft_vhost_remove(ft_scsi_funcs, ARRAY_SIZE(ft_scsi_funcs));
}

static int ft_scsi_check(const struct ft_vhost *device, struct netlink_ext_ack *extack)
{
	if (ft_vhost_vq_has(ft_vhost_vq(device, FT_SCSI_REQUEST), VIRTIO_SCSI_F_T10_PI)) {
		NL_SET_ERR_MSG(extack, "T10 protection information cannot be protected; start the device with t10_pi=off");
		return -EOPNOTSUPP;
	}
	return 0;
}

/* Kicks and completions. The rest is rare, and goes the long way. */
static int ft_scsi_handler(const struct ft_vhost *device, void *vq, void *work)
{
	int i = ft_vhost_vq_number(device, vq);

	if (i >= 0 && work == ft_scsi_kick_work(vq))
		return i;
	return i == FT_SCSI_REQUEST && work == ft_scsi_completion_work(vq) ?
	       FT_SCSI_COMPLETION : -ENOENT;
}

/* The work item of a handler, and the virtqueue it is queued for. */
static void *ft_scsi_work(struct ft_vhost *device, unsigned int handler, void **vq)
{
	*vq = ft_vhost_vq(device, device->kind->queue[handler]);
	switch (handler) {
	case FT_SCSI_CONTROL:
	case FT_SCSI_EVENT:
	case FT_SCSI_REQUEST:
		return ft_scsi_kick_work(*vq);
	case FT_SCSI_COMPLETION:
		return ft_scsi_completion_work(*vq);
	case FT_SCSI_EVENT_WORK:
		return ft_member_ptr(device->owner, vhost_scsi, vs_event_work);
	default:
		return xchg(&device->tmfs[handler - FT_SCSI_TMF], NULL);
	}
}

/* What flush waits for: a count that begins with one, of what was begun since the last. */
static bool ft_scsi_busy(struct ft_vhost *device)
{
	bool busy = false;
	unsigned int i;

	for (i = 0; i < device->kind->nr_queues; i++) {
		void *vq = ft_vhost_vq(device, i);
		void *svq = ft_member_owner(vq, vhost_scsi_virtqueue, vq);
		u8 *inflights = ft_member_ptr(svq, vhost_scsi_virtqueue, inflights);
		struct mutex *mutex = ft_member(vq, vhost_virtqueue, mutex, struct mutex);
		int now;

		mutex_lock(mutex);
		now = *ft_member(svq, vhost_scsi_virtqueue, inflight_idx, int);
		busy |= kref_read(ft_member(inflights + now * FT_SIZEOF_vhost_scsi_inflight,
					    vhost_scsi_inflight, kref, struct kref)) > 1;
		mutex_unlock(mutex);
	}
	return busy;
}

static void ft_scsi_handle(struct ft_vhost *device, unsigned int handler, void *work)
{
	/* They write to guest memory. */
	WARN_ON_ONCE(current->mm != device->vm->kvm->mm);
	WRITE_ONCE(device->server, current);
	atomic_inc(&ft_scsi_serving);
	switch (handler) {
	case FT_SCSI_CONTROL:
		vhost_scsi_ctl_handle_kick_orig(work);
		break;
	case FT_SCSI_EVENT:
		vhost_scsi_evt_handle_kick_orig(work);
		break;
	case FT_SCSI_REQUEST:
		vhost_scsi_handle_kick_orig(work);
		break;
	case FT_SCSI_COMPLETION:
		vhost_scsi_complete_cmd_work_orig(work);
		break;
	case FT_SCSI_EVENT_WORK:
		vhost_scsi_evt_work_orig(work);
		break;
	default:
		if (work)
			vhost_scsi_tmf_resp_work_orig(work);
	}
	atomic_dec(&ft_scsi_serving);
	WRITE_ONCE(device->server, NULL);
}

static void ft_scsi_run(struct ft_vhost *device, unsigned int handler)
{
	void *vq, *work = ft_scsi_work(device, handler, &vq);

	ft_scsi_handle(device, handler, work);
}

/**
 * struct ft_scsi_orphan - a handler whose thread is gone, killed with its process
 * @work: runs where a foreign address space may be used
 * @device: the device
 * @handler: its number
 * @what: vhost's work item
 */
struct ft_scsi_orphan {
	struct work_struct work;
	struct ft_vhost *device;
	unsigned int handler;
	void *what;
};

static void ft_scsi_adopt(struct work_struct *work)
{
	struct ft_scsi_orphan *orphan = container_of(work, struct ft_scsi_orphan, work);
	/* Until it is closed, vhost keeps it. */
	struct mm_struct *mm = orphan->device->vm->kvm->mm;

	kthread_use_mm(mm);
	ft_scsi_handle(orphan->device, orphan->handler, orphan->what);
	kthread_unuse_mm(mm);
}

/*
 * What has begun must end, also when nobody else can end it any more. Those who find that
 * out may have no address space, and would write to that of whoever ran before: a process
 * on its way out, the VM's work.
 */
static void ft_scsi_requeue(struct ft_vhost *device, unsigned int handler)
{
	struct ft_scsi_orphan orphan = { .device = device, .handler = handler };
	void *vq;

	orphan.what = ft_scsi_work(device, handler, &vq);
	if (!orphan.what || ft_vhost_queue_work(vq, orphan.what) ||
	    device->kind->kicks & BIT(handler))
		return;
	INIT_WORK_ONSTACK(&orphan.work, ft_scsi_adopt);
	queue_work(system_unbound_wq, &orphan.work);
	flush_work(&orphan.work);
	destroy_work_on_stack(&orphan.work);
}

const struct ft_vhost_kind ft_vhost_scsi = {
	.module		= "vhost_scsi",
	.nr_queues	= 3,
	.nr_handlers	= FT_HANDLERS_MAX,
	.queue		= {
		[FT_SCSI_CONTROL] = FT_SCSI_CONTROL,
		[FT_SCSI_EVENT] = FT_SCSI_EVENT,
		[FT_SCSI_REQUEST] = FT_SCSI_REQUEST,
		[FT_SCSI_COMPLETION] = FT_SCSI_REQUEST,
		[FT_SCSI_EVENT_WORK] = FT_SCSI_EVENT,
		[FT_SCSI_TMF ... FT_HANDLERS_MAX - 1] = FT_SCSI_CONTROL,
	},
	.kicks		= BIT(FT_SCSI_CONTROL) | BIT(FT_SCSI_EVENT) | BIT(FT_SCSI_REQUEST),
	.whole		= true,
	.get		= ft_scsi_get,
	.put		= ft_scsi_put,
	.check		= ft_scsi_check,
	.dev		= ft_scsi_dev,
	.handler	= ft_scsi_handler,
	.run		= ft_scsi_run,
	.busy		= ft_scsi_busy,
	.requeue	= ft_scsi_requeue,
};
