/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	uapi/kvm_ft.yaml */
/* YNL-GEN kernel header */

#ifndef _LINUX_KVM_FT_GEN_H
#define _LINUX_KVM_FT_GEN_H

#include <net/netlink.h>
#include <net/genetlink.h>

#include <uapi/kvm_ft.h>

/* Common nested types */
extern const struct nla_policy kvm_ft_device_nl_policy[KVM_FT_A_DEVICE_LUN + 1];
extern const struct nla_policy kvm_ft_lun_nl_policy[KVM_FT_A_LUN_FD + 1];

int kvm_ft_nl_pre_doit(const struct genl_split_ops *ops, struct sk_buff *skb,
		       struct genl_info *info);
void
kvm_ft_nl_post_doit(const struct genl_split_ops *ops, struct sk_buff *skb,
		    struct genl_info *info);

int kvm_ft_nl_version_get_doit(struct sk_buff *skb, struct genl_info *info);
int kvm_ft_nl_vm_get_doit(struct sk_buff *skb, struct genl_info *info);
int kvm_ft_nl_vm_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int kvm_ft_nl_vm_attach_doit(struct sk_buff *skb, struct genl_info *info);
int kvm_ft_nl_vm_start_doit(struct sk_buff *skb, struct genl_info *info);
int kvm_ft_nl_vm_digest_doit(struct sk_buff *skb, struct genl_info *info);
int kvm_ft_nl_vm_promote_doit(struct sk_buff *skb, struct genl_info *info);
int kvm_ft_nl_vm_test_failover_doit(struct sk_buff *skb,
				    struct genl_info *info);
int kvm_ft_nl_vm_disable_doit(struct sk_buff *skb, struct genl_info *info);
int kvm_ft_nl_vm_memory_doit(struct sk_buff *skb, struct genl_info *info);

enum {
	KVM_FT_NLGRP_EVENTS,
};

extern struct genl_family kvm_ft_nl_family;

#endif /* _LINUX_KVM_FT_GEN_H */
