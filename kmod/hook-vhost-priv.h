/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the hooks into vhost share: hook-vhost.c finds devices and their virtqueues,
 * hook-vhost-net.c and hook-vhost-scsi.c divert handlers.
 */
#ifndef _KVM_FT_HOOK_VHOST_PRIV_H
#define _KVM_FT_HOOK_VHOST_PRIV_H

#include "hook-priv.h"
#include "layout.h"
#include "vhost.h"

/* Brackets of every hook into vhost. */
void ft_vhost_enter(void);
void ft_vhost_leave(void);

/* Between these: the attached device by vhost's struct vhost_dev, its VM pinned, or NULL. */
struct ft_vhost *ft_vhost_find(const void *dev);

/* The device of which a thread runs a handler; it does not go away meanwhile. */
struct ft_vhost *ft_vhost_find_server(const struct task_struct *task);

/* vhost's thread wants to run a handler. True: it is not to. */
bool ft_vhost_divert(const void *dev, unsigned int handler);
/* QEMU closes a device: stands in for vhost's function, which it calls. */
int ft_vhost_release(int (*release)(struct inode *inode, struct file *file),
		     const void *dev, struct inode *inode, struct file *file);

int ft_vhost_install(struct ft_func *funcs, unsigned int nr, struct netlink_ext_ack *extack);
void ft_vhost_remove(struct ft_func *funcs, unsigned int nr);

void *ft_vhost_vq(const struct ft_vhost *device, unsigned int i);
int ft_vhost_vq_number(const struct ft_vhost *device, const void *vq);
bool ft_vhost_vq_has(const void *vq, unsigned int feature);
/* vhost's own: queue a work item of a virtqueue. */
bool ft_vhost_queue_work(void *vq, void *work);

#endif /* _KVM_FT_HOOK_VHOST_PRIV_H */
