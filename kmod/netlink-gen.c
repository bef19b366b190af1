// SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)
/* Do not edit directly, auto-generated from: */
/*	uapi/kvm_ft.yaml */
/* YNL-GEN kernel source */

#include <net/netlink.h>
#include <net/genetlink.h>

#include "netlink-gen.h"

#include <uapi/kvm_ft.h>

/* Common nested types */
const struct nla_policy kvm_ft_device_nl_policy[KVM_FT_A_DEVICE_LUN + 1] = {
	[KVM_FT_A_DEVICE_FD] = { .type = NLA_S32, },
	[KVM_FT_A_DEVICE_IFINDEX] = { .type = NLA_U32, },
	[KVM_FT_A_DEVICE_MAC] = NLA_POLICY_EXACT_LEN(6),
	[KVM_FT_A_DEVICE_LUN] = NLA_POLICY_NESTED(kvm_ft_lun_nl_policy),
};

const struct nla_policy kvm_ft_lun_nl_policy[KVM_FT_A_LUN_FD + 1] = {
	[KVM_FT_A_LUN_NUMBER] = { .type = NLA_U32, },
	[KVM_FT_A_LUN_FD] = { .type = NLA_S32, },
};

/* KVM_FT_CMD_VM_GET - do */
static const struct nla_policy kvm_ft_vm_get_nl_policy[KVM_FT_A_VM_NAME + 1] = {
	[KVM_FT_A_VM_NAME] = { .type = NLA_NUL_STRING, .len = 255, },
};

/* KVM_FT_CMD_VM_ATTACH - do */
static const struct nla_policy kvm_ft_vm_attach_nl_policy[KVM_FT_A_VM_DEVICE + 1] = {
	[KVM_FT_A_VM_NAME] = { .type = NLA_NUL_STRING, .len = 255, },
	[KVM_FT_A_VM_ROLE] = NLA_POLICY_MAX(NLA_U32, 1),
	[KVM_FT_A_VM_ON_LOSS] = NLA_POLICY_MAX(NLA_U32, 1),
	[KVM_FT_A_VM_SESSION] = { .type = NLA_UINT, },
	[KVM_FT_A_VM_VM_FD] = { .type = NLA_S32, },
	[KVM_FT_A_VM_VCPU_FD] = { .type = NLA_S32, },
	[KVM_FT_A_VM_PID] = { .type = NLA_U32, },
	[KVM_FT_A_VM_LOCAL_IPV4] = { .type = NLA_U32, },
	[KVM_FT_A_VM_LOCAL_IPV6] = NLA_POLICY_EXACT_LEN(16),
	[KVM_FT_A_VM_LOCAL_SCOPE_ID] = { .type = NLA_U32, },
	[KVM_FT_A_VM_LOCAL_PORT] = { .type = NLA_U16, },
	[KVM_FT_A_VM_PEER_IPV4] = { .type = NLA_U32, },
	[KVM_FT_A_VM_PEER_IPV6] = NLA_POLICY_EXACT_LEN(16),
	[KVM_FT_A_VM_PEER_SCOPE_ID] = { .type = NLA_U32, },
	[KVM_FT_A_VM_PEER_PORT] = { .type = NLA_U16, },
	[KVM_FT_A_VM_HEARTBEAT_MS] = NLA_POLICY_MIN(NLA_U32, 1),
	[KVM_FT_A_VM_TIMEOUT_MS] = NLA_POLICY_MIN(NLA_U32, 1),
	[KVM_FT_A_VM_LOG_SIZE] = { .type = NLA_U32, },
	[KVM_FT_A_VM_DEVICE] = NLA_POLICY_NESTED(kvm_ft_device_nl_policy),
};

/* KVM_FT_CMD_VM_START - do */
static const struct nla_policy kvm_ft_vm_start_nl_policy[KVM_FT_A_VM_NAME + 1] = {
	[KVM_FT_A_VM_NAME] = { .type = NLA_NUL_STRING, .len = 255, },
};

/* KVM_FT_CMD_VM_DIGEST - do */
static const struct nla_policy kvm_ft_vm_digest_nl_policy[KVM_FT_A_VM_NAME + 1] = {
	[KVM_FT_A_VM_NAME] = { .type = NLA_NUL_STRING, .len = 255, },
};

/* KVM_FT_CMD_VM_PROMOTE - do */
static const struct nla_policy kvm_ft_vm_promote_nl_policy[KVM_FT_A_VM_NAME + 1] = {
	[KVM_FT_A_VM_NAME] = { .type = NLA_NUL_STRING, .len = 255, },
};

/* KVM_FT_CMD_VM_TEST_FAILOVER - do */
static const struct nla_policy kvm_ft_vm_test_failover_nl_policy[KVM_FT_A_VM_NAME + 1] = {
	[KVM_FT_A_VM_NAME] = { .type = NLA_NUL_STRING, .len = 255, },
};

/* KVM_FT_CMD_VM_DISABLE - do */
static const struct nla_policy kvm_ft_vm_disable_nl_policy[KVM_FT_A_VM_NAME + 1] = {
	[KVM_FT_A_VM_NAME] = { .type = NLA_NUL_STRING, .len = 255, },
};

/* KVM_FT_CMD_VM_MEMORY - do */
static const struct nla_policy kvm_ft_vm_memory_nl_policy[KVM_FT_A_VM_NAME + 1] = {
	[KVM_FT_A_VM_NAME] = { .type = NLA_NUL_STRING, .len = 255, },
};

/* Ops table for kvm_ft */
static const struct genl_split_ops kvm_ft_nl_ops[] = {
	{
		.cmd	= KVM_FT_CMD_VERSION_GET,
		.doit	= kvm_ft_nl_version_get_doit,
		.flags	= GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= KVM_FT_CMD_VM_GET,
		.pre_doit	= kvm_ft_nl_pre_doit,
		.doit		= kvm_ft_nl_vm_get_doit,
		.post_doit	= kvm_ft_nl_post_doit,
		.policy		= kvm_ft_vm_get_nl_policy,
		.maxattr	= KVM_FT_A_VM_NAME,
		.flags		= GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd	= KVM_FT_CMD_VM_GET,
		.dumpit	= kvm_ft_nl_vm_get_dumpit,
		.flags	= GENL_ADMIN_PERM | GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= KVM_FT_CMD_VM_ATTACH,
		.doit		= kvm_ft_nl_vm_attach_doit,
		.policy		= kvm_ft_vm_attach_nl_policy,
		.maxattr	= KVM_FT_A_VM_DEVICE,
		.flags		= GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= KVM_FT_CMD_VM_START,
		.pre_doit	= kvm_ft_nl_pre_doit,
		.doit		= kvm_ft_nl_vm_start_doit,
		.post_doit	= kvm_ft_nl_post_doit,
		.policy		= kvm_ft_vm_start_nl_policy,
		.maxattr	= KVM_FT_A_VM_NAME,
		.flags		= GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= KVM_FT_CMD_VM_DIGEST,
		.pre_doit	= kvm_ft_nl_pre_doit,
		.doit		= kvm_ft_nl_vm_digest_doit,
		.post_doit	= kvm_ft_nl_post_doit,
		.policy		= kvm_ft_vm_digest_nl_policy,
		.maxattr	= KVM_FT_A_VM_NAME,
		.flags		= GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= KVM_FT_CMD_VM_PROMOTE,
		.pre_doit	= kvm_ft_nl_pre_doit,
		.doit		= kvm_ft_nl_vm_promote_doit,
		.post_doit	= kvm_ft_nl_post_doit,
		.policy		= kvm_ft_vm_promote_nl_policy,
		.maxattr	= KVM_FT_A_VM_NAME,
		.flags		= GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= KVM_FT_CMD_VM_TEST_FAILOVER,
		.pre_doit	= kvm_ft_nl_pre_doit,
		.doit		= kvm_ft_nl_vm_test_failover_doit,
		.post_doit	= kvm_ft_nl_post_doit,
		.policy		= kvm_ft_vm_test_failover_nl_policy,
		.maxattr	= KVM_FT_A_VM_NAME,
		.flags		= GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= KVM_FT_CMD_VM_DISABLE,
		.pre_doit	= kvm_ft_nl_pre_doit,
		.doit		= kvm_ft_nl_vm_disable_doit,
		.post_doit	= kvm_ft_nl_post_doit,
		.policy		= kvm_ft_vm_disable_nl_policy,
		.maxattr	= KVM_FT_A_VM_NAME,
		.flags		= GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= KVM_FT_CMD_VM_MEMORY,
		.pre_doit	= kvm_ft_nl_pre_doit,
		.doit		= kvm_ft_nl_vm_memory_doit,
		.post_doit	= kvm_ft_nl_post_doit,
		.policy		= kvm_ft_vm_memory_nl_policy,
		.maxattr	= KVM_FT_A_VM_NAME,
		.flags		= GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
};

static const struct genl_multicast_group kvm_ft_nl_mcgrps[] = {
	[KVM_FT_NLGRP_EVENTS] = { "events", },
};

struct genl_family kvm_ft_nl_family __ro_after_init = {
	.name		= KVM_FT_FAMILY_NAME,
	.version	= KVM_FT_FAMILY_VERSION,
	.netnsok	= true,
	.parallel_ops	= true,
	.module		= THIS_MODULE,
	.split_ops	= kvm_ft_nl_ops,
	.n_split_ops	= ARRAY_SIZE(kvm_ft_nl_ops),
	.mcgrps		= kvm_ft_nl_mcgrps,
	.n_mcgrps	= ARRAY_SIZE(kvm_ft_nl_mcgrps),
};
