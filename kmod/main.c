// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm_ft - fault tolerance for KVM guests by record and replay.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/rcupdate.h>
#include "hook.h"
#include "vm.h"

static int __init ft_init(void)
{
	int ret;

	ret = ft_hook_init();
	if (ret)
		return ret;
	ret = ft_vm_init();
	if (ret)
		return ret;
	ret = ft_netlink_init();
	if (ret)
		ft_vm_exit();
	return ret;
}

static void __exit ft_exit(void)
{
	ft_netlink_exit();
	ft_vm_exit();
	/* The last reference may have been given back by a task still in our text. */
	synchronize_rcu_tasks();
	rcu_barrier();
}

module_init(ft_init);
module_exit(ft_exit);

MODULE_DESCRIPTION("Fault tolerance for KVM guests by record and replay");
MODULE_LICENSE("GPL");
MODULE_VERSION(KVM_FT_VERSION);
