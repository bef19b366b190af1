// SPDX-License-Identifier: GPL-2.0-only
/*
 * vhost_net's handlers, diverted.
 */
#include <linux/fs.h>
#include <linux/netlink.h>
#include <uapi/linux/vhost.h>
#include "hook-vhost-priv.h"
#include "symbol.h"

static void (*handle_rx_orig)(void *net);
static void (*handle_tx_orig)(void *net);
static long (*vhost_net_ioctl_orig)(struct file *f, unsigned int ioctl, unsigned long arg);
static int (*vhost_net_release_orig)(struct inode *inode, struct file *file);

static void *ft_net_dev(const void *net)
{
	return ft_member_ptr(net, vhost_net, dev);
}

static void ft_handle_rx(void *net)
{
	ft_vhost_enter();
	if (!ft_vhost_divert(ft_net_dev(net), FT_NET_RX))
		handle_rx_orig(net);
	ft_vhost_leave();
}

static void ft_handle_tx(void *net)
{
	ft_vhost_enter();
	if (!ft_vhost_divert(ft_net_dev(net), FT_NET_TX))
		handle_tx_orig(net);
	ft_vhost_leave();
}

static long ft_net_ioctl(struct file *f, unsigned int ioctl, unsigned long arg)
{
	struct ft_vhost *device;
	long ret;

	ft_vhost_enter();
	ret = vhost_net_ioctl_orig(f, ioctl, arg);
	device = ioctl == VHOST_NET_SET_BACKEND ? ft_vhost_find(ft_net_dev(f->private_data)) : NULL;
	if (device) {
		ft_vhost_backed(device);
		ft_hook_unpin(device->vm);
	}
	ft_vhost_leave();
	return ret;
}

static int ft_net_release(struct inode *inode, struct file *file)
{
	return ft_vhost_release(vhost_net_release_orig, ft_net_dev(file->private_data),
				inode, file);
}

#define FT_FUNC(func, with) \
	{ .module = "vhost_net", .name = #func, .hook = with, .orig = &func##_orig }

static struct ft_func ft_net_funcs[] = {
	FT_FUNC(handle_rx, ft_handle_rx),
	FT_FUNC(handle_tx, ft_handle_tx),
	FT_FUNC(vhost_net_ioctl, ft_net_ioctl),
	FT_FUNC(vhost_net_release, ft_net_release),
};

/* Devices, under vm.c's list mutex. */
static unsigned int ft_net_users;

static int ft_net_get(struct netlink_ext_ack *extack)
{
	int ret = 0;

	if (!ft_net_users)
		ret = ft_vhost_install(ft_net_funcs, ARRAY_SIZE(ft_net_funcs), extack);
	if (!ret)
		ft_net_users++;
	return ret;
}

static void ft_net_put(void)
{
	if (!--ft_net_users)
		ft_vhost_remove(ft_net_funcs, ARRAY_SIZE(ft_net_funcs));
}

static int ft_net_check(const struct ft_vhost *device, struct netlink_ext_ack *extack)
{
	int *zerocopy;

	if (ft_symbol_resolve("vhost_net", "experimental_zcopytx", (void **)&zerocopy))
		return -ENODEV;
	if (*zerocopy) {
		NL_SET_ERR_MSG(extack, "vhost_net sends without copying; load it with experimental_zcopytx=0");
		return -EOPNOTSUPP;
	}
	return 0;
}

static void ft_net_run(struct ft_vhost *device, unsigned int handler)
{
	if (handler == FT_NET_RX)
		handle_rx_orig(device->owner);
	else
		handle_tx_orig(device->owner);
}

/*
 * Nothing else is queued for a virtqueue of vhost_net, be it kicked or the tap ready. The
 * handlers have the queues' numbers.
 */
static int ft_net_handler(const struct ft_vhost *device, void *vq, void *work)
{
	return ft_vhost_vq_number(device, vq);
}

static void ft_net_requeue(struct ft_vhost *device, unsigned int handler)
{
	void *vq = ft_vhost_vq(device, device->kind->queue[handler]);
	void *poll = ft_member_ptr(vq, vhost_virtqueue, poll);

	ft_vhost_queue_work(vq, ft_member_ptr(poll, vhost_poll, work));
}

const struct ft_vhost_kind ft_vhost_net = {
	.module		= "vhost_net",
	.nr_queues	= 2,
	.nr_handlers	= 2,
	.queue		= { [FT_NET_RX] = 0, [FT_NET_TX] = 1 },
	.kicks		= BIT(FT_NET_RX) | BIT(FT_NET_TX),
	.get		= ft_net_get,
	.put		= ft_net_put,
	.check		= ft_net_check,
	.dev		= ft_net_dev,
	.handler	= ft_net_handler,
	.run		= ft_net_run,
	.requeue	= ft_net_requeue,
};
