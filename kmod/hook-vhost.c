// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where kvm_ft meets vhost: its handlers are diverted, and its virtqueues looked at
 * and moved. No other file knows vhost's private symbols or layouts.
 */
#include <linux/eventfd.h>
#include <linux/fs.h>
#include <linux/hashtable.h>
#include <linux/module.h>
#include <linux/netlink.h>
#include <uapi/linux/virtio_config.h>
#include <uapi/linux/virtio_ring.h>
#include "hook-priv.h"
#include "layout.h"
#include "symbol.h"

static void (*handle_rx_orig)(void *net);
static void (*handle_tx_orig)(void *net);
static int (*vhost_net_release_orig)(struct inode *inode, struct file *file);
static void (*vhost_poll_queue_addr)(void *poll);

/* Attached devices by vhost's object for them; RCU. */
static DEFINE_HASHTABLE(ft_vhosts, 6);
static DEFINE_SPINLOCK(ft_vhosts_lock);

/* Those at work in one of these hooks; they are installed and removed alone. */
static DEFINE_PER_CPU(long, ft_in_vhost);

/* The attached device, its VM pinned, or NULL. */
static struct ft_vhost *ft_vhost_find_owner(const void *owner)
{
	struct ft_vhost *device;

	rcu_read_lock();
	hash_for_each_possible_rcu(ft_vhosts, device, node, (unsigned long)owner) {
		if (READ_ONCE(device->owner) == owner) {
			atomic_inc(&device->vm->in_hook);
			break;
		}
	}
	rcu_read_unlock();
	return device;
}

/* vhost's thread wants to run a handler. True: it is not to. */
static bool ft_divert_handler(const void *owner, unsigned int handler)
{
	struct ft_vhost *device = ft_vhost_find_owner(owner);
	bool defer;

	if (!device)
		return false;
	defer = ft_vhost_defer(device, handler);
	ft_hook_unpin(device->vm);
	return defer;
}

static void ft_handle_rx(void *net)
{
	this_cpu_inc(ft_in_vhost);
	if (!ft_divert_handler(net, FT_NET_RX))
		handle_rx_orig(net);
	this_cpu_dec(ft_in_vhost);
}

static void ft_handle_tx(void *net)
{
	this_cpu_inc(ft_in_vhost);
	if (!ft_divert_handler(net, FT_NET_TX))
		handle_tx_orig(net);
	this_cpu_dec(ft_in_vhost);
}

static int ft_net_release(struct inode *inode, struct file *file)
{
	struct ft_vhost *device;
	int ret;

	this_cpu_inc(ft_in_vhost);
	device = ft_vhost_find_owner(file->private_data);
	if (device) {
		ft_vhost_gone(device);
		ft_hook_unpin(device->vm);
	}
	ret = vhost_net_release_orig(inode, file);
	this_cpu_dec(ft_in_vhost);
	return ret;
}

static struct ft_func ft_net_funcs[] = {
	{ "handle_rx", ft_handle_rx, &handle_rx_orig, "vhost_net" },
	{ "handle_tx", ft_handle_tx, &handle_tx_orig, "vhost_net" },
	{ "vhost_net_release", ft_net_release, &vhost_net_release_orig, "vhost_net" },
	{ "vhost_poll_queue", NULL, &vhost_poll_queue_addr, "vhost" },
};

/* Devices that need these hooks, under vm.c's list mutex; the first brings them. */
static unsigned int ft_net_users;
static struct module *ft_net_module;

static int ft_net_install(struct module *module, struct netlink_ext_ack *extack)
{
	unsigned int i;
	int ret;

	if (ft_net_users++)
		return 0;
	ret = ft_layout_check("vhost_net");
	if (!ret)
		ret = ft_layout_check("vhost");
	for (i = 0; !ret && i < ARRAY_SIZE(ft_net_funcs); i++)
		ret = ft_func_bind(&ft_net_funcs[i]);
	if (ret) {
		NL_SET_ERR_MSG(extack, "vhost_net is not the one that kvm_ft was built for; see the kernel log");
		ft_net_users--;
		return ret;
	}
	for (i = 0; i < ARRAY_SIZE(ft_net_funcs); i++) {
		ret = ft_func_install(&ft_net_funcs[i]);
		if (!ret)
			continue;
		NL_SET_ERR_MSG_FMT(extack, "cannot hook %s (%d): is it live-patched or traced with IPMODIFY?",
				   ft_net_funcs[i].name, ret);
		while (i--)
			ft_func_remove(&ft_net_funcs[i]);
		ft_net_users--;
		return ret;
	}
	/* Open files keep it, but not for as long as our hooks are in it. */
	__module_get(module);
	ft_net_module = module;
	return 0;
}

static void ft_net_remove(void)
{
	unsigned int i;

	if (--ft_net_users)
		return;
	for (i = 0; i < ARRAY_SIZE(ft_net_funcs); i++)
		ft_func_remove(&ft_net_funcs[i]);
	ft_hook_synchronize(&ft_in_vhost);
	module_put(ft_net_module);
}

static void *ft_net_dev(const struct ft_vhost *device)
{
	return ft_member_ptr(device->owner, vhost_net, dev);
}

static void *ft_vq(const struct ft_vhost *device, unsigned int i)
{
	return (*ft_member(ft_net_dev(device), vhost_dev, vqs, void **))[i];
}

static bool ft_vq_has(const void *vq, unsigned int feature)
{
	return *ft_member(vq, vhost_virtqueue, acked_features, u64) & BIT_ULL(feature);
}

/* What makes vhost write guest memory elsewhere, or where we do not look. */
static int ft_net_check(const struct ft_vhost *device, struct netlink_ext_ack *extack)
{
	unsigned int i;
	int *zerocopy;

	if (*ft_member(ft_net_dev(device), vhost_dev, mm, struct mm_struct *) !=
	    device->vm->kvm->mm) {
		NL_SET_ERR_MSG(extack, "the vhost device belongs to another process");
		return -EINVAL;
	}
	if (ft_symbol_resolve("vhost_net", "experimental_zcopytx", (void **)&zerocopy))
		return -ENODEV;
	if (*zerocopy) {
		NL_SET_ERR_MSG(extack, "vhost_net sends without copying; load it with experimental_zcopytx=0");
		return -EOPNOTSUPP;
	}
	for (i = 0; i < device->nr_queues; i++) {
		void *vq = ft_vq(device, i);

		if (ft_vq_has(vq, VIRTIO_F_ACCESS_PLATFORM) ||
		    ft_vq_has(vq, VIRTIO_F_RING_PACKED)) {
			NL_SET_ERR_MSG(extack, "packed rings and an IOMMU cannot be protected; start the device without packed=on and iommu_platform=on");
			return -EOPNOTSUPP;
		}
		if (*ft_member(vq, vhost_virtqueue, busyloop_timeout, u32)) {
			NL_SET_ERR_MSG(extack, "busy polling cannot be protected; start the tap without poll-us");
			return -EOPNOTSUPP;
		}
	}
	return 0;
}

/**
 * ft_hook_vhost_get() - divert a device to us
 * @device: to be filled
 * @file: /dev/vhost-net as QEMU has it open
 * @extack: for the reason of a refusal
 *
 * Context: may sleep; vm.c's list mutex held.
 * Return: 0 or a negative errno.
 */
int ft_hook_vhost_get(struct ft_vhost *device, struct file *file,
		      struct netlink_ext_ack *extack)
{
	struct module *module = file->f_op->owner;
	int ret;

	if (!module || strcmp(module->name, "vhost_net")) {
		NL_SET_ERR_MSG(extack, "the device is not /dev/vhost-net");
		return -EINVAL;
	}
	ret = ft_net_install(module, extack);
	if (ret)
		return ret;
	device->owner = file->private_data;
	device->nr_queues = 2;
	ret = ft_net_check(device, extack);
	if (ret) {
		ft_net_remove();
		return ret;
	}
	spin_lock(&ft_vhosts_lock);
	hash_add_rcu(ft_vhosts, &device->node, (unsigned long)device->owner);
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
	spin_lock(&ft_vhosts_lock);
	hlist_del_init_rcu(&device->node);
	spin_unlock(&ft_vhosts_lock);
	synchronize_rcu();
	wait_var_event(&device->vm->in_hook, !atomic_read(&device->vm->in_hook));
	ft_net_remove();
}

/**
 * ft_hook_vhost_run() - run a handler
 * @device: the device, not gone
 * @handler: FT_NET_RX, _TX
 *
 * Context: current->mm is QEMU's; sleeps; devices_lock held.
 */
void ft_hook_vhost_run(struct ft_vhost *device, unsigned int handler)
{
	if (handler == FT_NET_RX)
		handle_rx_orig(device->owner);
	else
		handle_tx_orig(device->owner);
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
	void *vq = ft_vq(device, i);
	struct mutex *mutex = ft_member(vq, vhost_virtqueue, mutex, struct mutex);

	mutex_lock(mutex);
	*queue = (struct ft_vhost_queue) {
		.ready = *ft_member(vq, vhost_virtqueue, private_data, void *),
		.event = ft_vq_has(vq, VIRTIO_RING_F_EVENT_IDX),
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
	void *vq = ft_vq(device, i);
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
 * ft_hook_vhost_resume() - let vhost's thread look after a virtqueue
 * @device: the device, not gone
 * @i: which
 * @signal: interrupt the guest, too
 *
 * Context: may sleep; devices_lock held.
 */
void ft_hook_vhost_resume(struct ft_vhost *device, unsigned int i, bool signal)
{
	void *vq = ft_vq(device, i);
	struct mutex *mutex = ft_member(vq, vhost_virtqueue, mutex, struct mutex);
	void *call = ft_member_ptr(vq, vhost_virtqueue, call_ctx);
	struct eventfd_ctx *ctx;

	mutex_lock(mutex);
	ctx = *ft_member(call, vhost_vring_call, ctx, struct eventfd_ctx *);
	if (signal && ctx)
		eventfd_signal(ctx);
	mutex_unlock(mutex);
	vhost_poll_queue_addr(ft_member_ptr(vq, vhost_virtqueue, poll));
}
