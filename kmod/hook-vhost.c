// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where kvm_ft meets vhost: its devices, and their virtqueues looked at and moved.
 * Only the hook-vhost files know vhost's private symbols and layouts.
 */
#include <linux/eventfd.h>
#include <linux/fs.h>
#include <linux/hashtable.h>
#include <linux/module.h>
#include <linux/netlink.h>
#include <linux/poll.h>
#include <uapi/linux/virtio_config.h>
#include <uapi/linux/virtio_ring.h>
#include "hook-vhost-priv.h"
#include "symbol.h"

static bool (*vhost_vq_work_queue_orig)(void *vq, void *work);
static int (*vhost_poll_wakeup_orig)(wait_queue_entry_t *wait, unsigned int mode, int sync,
				     void *key);

/* Attached devices by their struct vhost_dev; RCU. */
static DEFINE_HASHTABLE(ft_vhosts, 6);
static DEFINE_SPINLOCK(ft_vhosts_lock);

/* Those at work in one of these hooks, which are installed and removed alone. */
static DEFINE_PER_CPU(long, ft_in_vhost);

/**
 * ft_vhost_enter() - a hook into vhost begins
 */
void ft_vhost_enter(void)
{
	this_cpu_inc(ft_in_vhost);
}

/**
 * ft_vhost_leave() - a hook into vhost ends
 */
void ft_vhost_leave(void)
{
	this_cpu_dec(ft_in_vhost);
}

/**
 * ft_vhost_find() - which device is it?
 * @dev: its struct vhost_dev
 *
 * Return: the attached device, its VM pinned until ft_hook_unpin(), or NULL.
 */
struct ft_vhost *ft_vhost_find(const void *dev)
{
	struct ft_vhost *device;

	rcu_read_lock();
	hash_for_each_possible_rcu(ft_vhosts, device, node, (unsigned long)dev) {
		if (READ_ONCE(device->dev) == dev) {
			atomic_inc(&device->vm->in_hook);
			break;
		}
	}
	rcu_read_unlock();
	return device;
}

/**
 * ft_vhost_find_server() - of which device does a thread run a handler?
 * @task: the thread
 *
 * Return: the device, which that thread keeps, or NULL.
 */
struct ft_vhost *ft_vhost_find_server(const struct task_struct *task)
{
	struct ft_vhost *device;
	int bucket;

	rcu_read_lock();
	hash_for_each_rcu(ft_vhosts, bucket, device, node)
		if (READ_ONCE(device->server) == task)
			break;
	rcu_read_unlock();
	return device;
}

/**
 * ft_hook_vhost_hide() - hooks do not find a device any more
 * @device: the device
 *
 * Context: may sleep.
 */
void ft_hook_vhost_hide(struct ft_vhost *device)
{
	spin_lock(&ft_vhosts_lock);
	hlist_del_init_rcu(&device->node);
	spin_unlock(&ft_vhosts_lock);
	synchronize_rcu();
}

/**
 * ft_vhost_divert() - vhost's thread wants to run a handler
 * @dev: of this device
 * @handler: its number
 *
 * Return: true when it is not to.
 */
bool ft_vhost_divert(const void *dev, unsigned int handler)
{
	struct ft_vhost *device = ft_vhost_find(dev);
	bool defer;

	if (!device)
		return false;
	defer = ft_vhost_defer(device, handler);
	ft_hook_unpin(device->vm);
	return defer;
}

/**
 * ft_vhost_release() - QEMU closes a device
 * @release: vhost's own function
 * @dev: the device
 * @inode: for it
 * @file: for it
 *
 * Context: may sleep.
 * Return: what @release returns.
 */
int ft_vhost_release(int (*release)(struct inode *inode, struct file *file),
		     const void *dev, struct inode *inode, struct file *file)
{
	struct ft_vhost *device;
	int ret;

	ft_vhost_enter();
	device = ft_vhost_find(dev);
	if (device)
		ft_vhost_gone(device);
	ret = release(inode, file);
	if (device) {
		ft_hook_vhost_hide(device);
		ft_hook_unpin(device->vm);
	}
	ft_vhost_leave();
	return ret;
}

static int ft_vhost_install_all(struct ft_func *funcs, unsigned int nr,
				struct netlink_ext_ack *extack)
{
	unsigned int i;
	int ret;

	ret = ft_layout_check(funcs->module);
	for (i = 0; !ret && i < nr; i++)
		ret = ft_func_bind(&funcs[i]);
	if (ret) {
		NL_SET_ERR_MSG_FMT(extack, "%s is not the one that kvm_ft was built for; see the kernel log",
				   funcs->module);
		return ret;
	}
	for (i = 0; i < nr; i++) {
		ret = ft_func_install(&funcs[i]);
		if (!ret)
			continue;
		NL_SET_ERR_MSG_FMT(extack, "cannot hook %s (%d): live-patched, or diverted?",
				   funcs[i].name, ret);
		while (i--)
			ft_func_remove(&funcs[i]);
		break;
	}
	return ret;
}

static void ft_vhost_remove_all(struct ft_func *funcs, unsigned int nr)
{
	while (nr--)
		ft_func_remove(&funcs[nr]);
}

/* Work is to be done by vhost's thread; often that is to run a handler. */
static bool ft_vhost_take(void *vq, void *work)
{
	struct ft_vhost *device = ft_vhost_find(*ft_member(vq, vhost_virtqueue, dev, void *));
	bool taken;
	int handler;

	if (!device)
		return false;
	handler = device->kind->handler(device, vq, work);
	taken = handler >= 0 && ft_vhost_tell(device, handler);
	ft_hook_unpin(device->vm);
	return taken;
}

/* The drivers' way to that, for requests that have ended. */
static bool ft_vq_work_queue(void *vq, void *work)
{
	bool queued;

	ft_vhost_enter();
	queued = ft_vhost_take(vq, work) || vhost_vq_work_queue_orig(vq, work);
	ft_vhost_leave();
	return queued;
}

/* vhost's own: the guest kicked a virtqueue, or the tap is ready. */
static int ft_poll_wakeup(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	void *poll = ft_member_owner(wait, vhost_poll, wait);
	void *vq = *ft_member(poll, vhost_poll, vq, void *);
	int ret = 0;

	ft_vhost_enter();
	if (!(key_to_poll(key) & *ft_member(poll, vhost_poll, mask, __poll_t)) ||
	    !ft_vhost_take(vq, ft_member_ptr(poll, vhost_poll, work)))
		ret = vhost_poll_wakeup_orig(wait, mode, sync, key);
	ft_vhost_leave();
	return ret;
}

/* What all drivers have in common. */
static struct ft_func ft_vhost_funcs[] = {
	{
		.module = "vhost",
		.name = "vhost_vq_work_queue",
		.hook = ft_vq_work_queue,
		.orig = &vhost_vq_work_queue_orig,
	}, {
		.module = "vhost",
		.name = "vhost_poll_wakeup",
		.hook = ft_poll_wakeup,
		.orig = &vhost_poll_wakeup_orig,
	},
};

/* Drivers with hooks, under vm.c's list mutex. */
static unsigned int ft_vhost_drivers;

/**
 * ft_vhost_install() - install hooks into a driver
 * @funcs: functions
 * @nr: how many
 * @extack: for the reason of a failure
 *
 * Context: may sleep; vm.c's list mutex held; the driver is loaded.
 * Return: 0 or a negative errno.
 */
int ft_vhost_install(struct ft_func *funcs, unsigned int nr, struct netlink_ext_ack *extack)
{
	int ret = 0;

	if (!ft_vhost_drivers)
		ret = ft_vhost_install_all(ft_vhost_funcs, ARRAY_SIZE(ft_vhost_funcs), extack);
	if (ret)
		return ret;
	ft_vhost_drivers++;
	ret = ft_vhost_install_all(funcs, nr, extack);
	if (ret)
		ft_vhost_remove(NULL, 0);
	return ret;
}

/**
 * ft_vhost_remove() - undo ft_vhost_install()
 * @funcs: functions
 * @nr: how many
 *
 * Context: may sleep; vm.c's list mutex held. Nobody is in the hooks on return.
 */
void ft_vhost_remove(struct ft_func *funcs, unsigned int nr)
{
	ft_vhost_remove_all(funcs, nr);
	if (!--ft_vhost_drivers)
		ft_vhost_remove_all(ft_vhost_funcs, ARRAY_SIZE(ft_vhost_funcs));
	ft_hook_synchronize(&ft_in_vhost);
}

/**
 * ft_vhost_vq() - a virtqueue
 * @device: the device, not gone
 * @i: which
 *
 * Return: vhost's object for it.
 */
void *ft_vhost_vq(const struct ft_vhost *device, unsigned int i)
{
	return (*ft_member(device->dev, vhost_dev, vqs, void **))[i];
}

/**
 * ft_vhost_vq_number() - which virtqueue is it?
 * @device: its device
 * @vq: vhost's object
 *
 * Context: any.
 * Return: its number, or -ENOENT when it is none of those that can be protected.
 */
int ft_vhost_vq_number(const struct ft_vhost *device, const void *vq)
{
	unsigned int i;

	for (i = 0; i < device->kind->nr_queues; i++)
		if (ft_vhost_vq(device, i) == vq)
			return i;
	return -ENOENT;
}

/**
 * ft_vhost_vq_has() - was a feature negotiated?
 * @vq: vhost's object
 * @feature: its number
 *
 * Return: whether it was.
 */
bool ft_vhost_vq_has(const void *vq, unsigned int feature)
{
	return *ft_member(vq, vhost_virtqueue, acked_features, u64) & BIT_ULL(feature);
}

/**
 * ft_vhost_queue_work() - have vhost's thread do something
 * @vq: for this virtqueue
 * @work: vhost's work item
 *
 * Return: false when the thread is gone, killed with its process.
 */
bool ft_vhost_queue_work(void *vq, void *work)
{
	return vhost_vq_work_queue_orig(vq, work);
}

static const struct ft_vhost_kind *ft_vhost_kind(const struct file *file)
{
	static const struct ft_vhost_kind *const kinds[] = { &ft_vhost_net, &ft_vhost_scsi };
	const struct module *module = file->f_op->owner;
	unsigned int i;

	for (i = 0; module && i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(module->name, kinds[i]->module))
			return kinds[i];
	return NULL;
}

static int ft_vhost_check(const struct ft_vhost *device, struct netlink_ext_ack *extack)
{
	struct ft_vhost *other;
	unsigned int i;

	if (*ft_member(device->dev, vhost_dev, mm, struct mm_struct *) !=
	    device->vm->kvm->mm) {
		NL_SET_ERR_MSG(extack, "the vhost device belongs to another process");
		return -EINVAL;
	}
	other = ft_vhost_find(device->dev);
	if (other) {
		ft_hook_unpin(other->vm);
		NL_SET_ERR_MSG(extack, "the vhost device is given twice");
		return -EBUSY;
	}
	for (i = 0; i < device->kind->nr_queues; i++) {
		void *vq = ft_vhost_vq(device, i);

		if (ft_vhost_vq_has(vq, VIRTIO_F_ACCESS_PLATFORM) ||
		    ft_vhost_vq_has(vq, VIRTIO_F_RING_PACKED)) {
			NL_SET_ERR_MSG(extack, "packed rings and an IOMMU cannot be protected; start the device without packed=on and iommu_platform=on");
			return -EOPNOTSUPP;
		}
		if (*ft_member(vq, vhost_virtqueue, busyloop_timeout, u32)) {
			NL_SET_ERR_MSG(extack, "busy polling cannot be protected; start the tap without poll-us");
			return -EOPNOTSUPP;
		}
	}
	return device->kind->check(device, extack);
}

/*
 * When its backend is set again, vhost writes used->flags as it last had them. Here
 * they depend on what it did before; on the other host it did nothing.
 */
static void ft_vhost_equal(struct ft_vhost *device)
{
	unsigned int i;

	for (i = 0; i < device->kind->nr_queues; i++) {
		void *vq = ft_vhost_vq(device, i);
		struct mutex *mutex = ft_member(vq, vhost_virtqueue, mutex, struct mutex);

		mutex_lock(mutex);
		*ft_member(vq, vhost_virtqueue, used_flags, u16) = 0;
		mutex_unlock(mutex);
	}
}

/**
 * ft_hook_vhost_get() - divert a device to us
 * @device: its VM is set; to be filled
 * @file: the vhost device as QEMU has it open
 * @extack: for the reason of a refusal
 *
 * Context: may sleep; vm.c's list mutex held.
 * Return: 0 or a negative errno.
 */
int ft_hook_vhost_get(struct ft_vhost *device, struct file *file,
		      struct netlink_ext_ack *extack)
{
	int ret;

	device->kind = ft_vhost_kind(file);
	if (!device->kind) {
		NL_SET_ERR_MSG(extack, "the device is neither /dev/vhost-net nor /dev/vhost-scsi");
		return -EINVAL;
	}
	ret = device->kind->get(extack);
	if (ret)
		return ret;
	/* Open files keep the driver, but not for as long as our hooks are in it. */
	__module_get(file->f_op->owner);
	device->driver = file->f_op->owner;
	device->owner = file->private_data;
	device->dev = device->kind->dev(device->owner);
	ret = ft_vhost_check(device, extack);
	if (ret) {
		device->kind->put();
		module_put(device->driver);
		return ret;
	}
	ft_vhost_equal(device);
	spin_lock(&ft_vhosts_lock);
	hash_add_rcu(ft_vhosts, &device->node, (unsigned long)device->dev);
	spin_unlock(&ft_vhosts_lock);
	return 0;
}

/**
 * ft_hook_vhost_put() - give a device back
 * @device: device of a VM that is off
 *
 * Nobody is in a hook for it on return.
 *
 * Context: may sleep; vm.c's list mutex held.
 */
void ft_hook_vhost_put(struct ft_vhost *device)
{
	ft_hook_vhost_hide(device);
	wait_var_event(&device->vm->in_hook, !atomic_read(&device->vm->in_hook));
	device->kind->put();
	module_put(device->driver);
}

/**
 * ft_hook_vhost_queue() - look at a virtqueue
 * @device: the device, not gone
 * @i: which
 * @queue: result
 *
 * Context: may sleep; devices_lock held.
 */
void ft_hook_vhost_queue(struct ft_vhost *device, unsigned int i,
			 struct ft_vhost_queue *queue)
{
	void *vq = ft_vhost_vq(device, i);
	struct mutex *mutex = ft_member(vq, vhost_virtqueue, mutex, struct mutex);

	mutex_lock(mutex);
	*queue = (struct ft_vhost_queue) {
		.ready = *ft_member(vq, vhost_virtqueue, private_data, void *),
		.event = ft_vhost_vq_has(vq, VIRTIO_RING_F_EVENT_IDX),
		.num = *ft_member(vq, vhost_virtqueue, num, u32),
		.desc = *ft_member(vq, vhost_virtqueue, desc, void __user *),
		.avail = *ft_member(vq, vhost_virtqueue, avail, void __user *),
		.used = *ft_member(vq, vhost_virtqueue, used, void __user *),
		.taken = *ft_member(vq, vhost_virtqueue, last_avail_idx, u16),
		.done = *ft_member(vq, vhost_virtqueue, last_used_idx, u16),
	};
	mutex_unlock(mutex);
}

/**
 * ft_hook_vhost_set_queue() - have a virtqueue continued from elsewhere
 * @device: the device, not gone
 * @i: which
 * @taken: how far the available ring was taken
 * @done: how far the used ring was written
 *
 * Context: may sleep; devices_lock held.
 */
void ft_hook_vhost_set_queue(struct ft_vhost *device, unsigned int i, u16 taken, u16 done)
{
	void *vq = ft_vhost_vq(device, i);
	struct mutex *mutex = ft_member(vq, vhost_virtqueue, mutex, struct mutex);

	mutex_lock(mutex);
	*ft_member(vq, vhost_virtqueue, last_avail_idx, u16) = taken;
	/* Nothing more is known to be available: vhost looks again. */
	*ft_member(vq, vhost_virtqueue, avail_idx, u16) = taken;
	*ft_member(vq, vhost_virtqueue, last_used_idx, u16) = done;
	*ft_member(vq, vhost_virtqueue, signalled_used_valid, bool) = false;
	mutex_unlock(mutex);
}

/**
 * ft_hook_vhost_signal() - interrupt the guest for a virtqueue
 * @device: the device, not gone
 * @i: which
 *
 * Context: may sleep; devices_lock held.
 */
void ft_hook_vhost_signal(struct ft_vhost *device, unsigned int i)
{
	void *vq = ft_vhost_vq(device, i);
	struct mutex *mutex = ft_member(vq, vhost_virtqueue, mutex, struct mutex);
	void *call = ft_member_ptr(vq, vhost_virtqueue, call_ctx);
	struct eventfd_ctx *ctx;

	mutex_lock(mutex);
	ctx = *ft_member(call, vhost_vring_call, ctx, struct eventfd_ctx *);
	if (ctx)
		eventfd_signal(ctx);
	mutex_unlock(mutex);
}
