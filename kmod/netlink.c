// SPDX-License-Identifier: GPL-2.0-only
/*
 * Generic netlink: attributes become the arguments of vm.h's functions, and
 * what these tell becomes attributes. Nothing is decided about VMs here.
 *
 * The family's operations run in parallel; vm.c locks for itself.
 */
#include <linux/cleanup.h>
#include <linux/etherdevice.h>
#include <linux/file.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/slab.h>
#include <net/genetlink.h>

#include "netlink-gen.h"
#include "vm.h"

DEFINE_FREE(ft_nlmsg, struct sk_buff *, nlmsg_free(_T))

/* The attributes that make up one end of the logging channel. */
struct ft_nl_endpoint {
	int ipv4;
	int ipv6;
	int scope_id;
	int port;
};

static const struct ft_nl_endpoint ft_nl_local = {
	.ipv4		= KVM_FT_A_VM_LOCAL_IPV4,
	.ipv6		= KVM_FT_A_VM_LOCAL_IPV6,
	.scope_id	= KVM_FT_A_VM_LOCAL_SCOPE_ID,
	.port		= KVM_FT_A_VM_LOCAL_PORT,
};

static const struct ft_nl_endpoint ft_nl_peer = {
	.ipv4		= KVM_FT_A_VM_PEER_IPV4,
	.ipv6		= KVM_FT_A_VM_PEER_IPV6,
	.scope_id	= KVM_FT_A_VM_PEER_SCOPE_ID,
	.port		= KVM_FT_A_VM_PEER_PORT,
};

static int ft_nl_get_endpoint(struct genl_info *info,
			      const struct ft_nl_endpoint *end,
			      struct sockaddr_storage *addr)
{
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)addr;
	struct sockaddr_in *sin = (struct sockaddr_in *)addr;
	struct nlattr *ipv4 = info->attrs[end->ipv4];
	struct nlattr *ipv6 = info->attrs[end->ipv6];
	struct nlattr *scope_id = info->attrs[end->scope_id];
	struct nlattr *port = info->attrs[end->port];

	if (ipv4 && ipv6) {
		NL_SET_ERR_MSG_ATTR(info->extack, ipv6,
				    "an end of the channel has an IPv4 or an IPv6 address, not both");
		return -EINVAL;
	}

	if (ipv4) {
		sin->sin_family = AF_INET;
		sin->sin_addr.s_addr = nla_get_in_addr(ipv4);
		sin->sin_port = port ? nla_get_be16(port) : 0;
	} else if (ipv6) {
		sin6->sin6_family = AF_INET6;
		sin6->sin6_addr = nla_get_in6_addr(ipv6);
		sin6->sin6_scope_id = scope_id ? nla_get_u32(scope_id) : 0;
		sin6->sin6_port = port ? nla_get_be16(port) : 0;
	} else if (port) {
		NL_SET_ERR_MSG_ATTR(info->extack, port,
				    "a port needs an address to go with it");
		return -EINVAL;
	}
	return 0;
}

static int ft_nl_put_endpoint(struct sk_buff *msg,
			      const struct ft_nl_endpoint *end,
			      const struct sockaddr_storage *addr, u16 port)
{
	const struct sockaddr_in6 *sin6 = (const struct sockaddr_in6 *)addr;
	const struct sockaddr_in *sin = (const struct sockaddr_in *)addr;

	switch (addr->ss_family) {
	case AF_INET:
		if (!port)
			port = ntohs(sin->sin_port);
		if (nla_put_in_addr(msg, end->ipv4, sin->sin_addr.s_addr))
			return -EMSGSIZE;
		break;
	case AF_INET6:
		if (!port)
			port = ntohs(sin6->sin6_port);
		if (nla_put_in6_addr(msg, end->ipv6, &sin6->sin6_addr) ||
		    (sin6->sin6_scope_id &&
		     nla_put_u32(msg, end->scope_id, sin6->sin6_scope_id)))
			return -EMSGSIZE;
		break;
	default:
		return 0;
	}
	return nla_put_be16(msg, end->port, htons(port));
}

static int ft_nl_put_stats(struct sk_buff *msg, const struct ft_stats *stats)
{
	struct nlattr *nest = nla_nest_start(msg, KVM_FT_A_VM_STATS);

	if (!nest ||
	    nla_put_uint(msg, KVM_FT_A_STATS_EXITS, stats->exits) ||
	    nla_put_uint(msg, KVM_FT_A_STATS_ENTRIES_SYNC, stats->entries_sync) ||
	    nla_put_uint(msg, KVM_FT_A_STATS_ENTRIES_ASYNC, stats->entries_async) ||
	    nla_put_uint(msg, KVM_FT_A_STATS_OUTPUTS, stats->outputs) ||
	    nla_put_uint(msg, KVM_FT_A_STATS_DEFERRALS, stats->deferrals) ||
	    nla_put_uint(msg, KVM_FT_A_STATS_FULL_WAITS, stats->full_waits) ||
	    nla_put_uint(msg, KVM_FT_A_STATS_STARVED_WAITS, stats->starved_waits) ||
	    nla_put_uint(msg, KVM_FT_A_STATS_BREAKPOINTS, stats->breakpoints) ||
	    nla_put_uint(msg, KVM_FT_A_STATS_OVERFLOWS, stats->overflows) ||
	    nla_put_uint(msg, KVM_FT_A_STATS_SKID_MAX, stats->skid_max) ||
	    nla_put_uint(msg, KVM_FT_A_STATS_DIGESTS, stats->digests) ||
	    nla_put_uint(msg, KVM_FT_A_STATS_PACKETS_HELD, stats->packets_held) ||
	    nla_put_uint(msg, KVM_FT_A_STATS_BATCHES, stats->batches) ||
	    nla_put_uint(msg, KVM_FT_A_STATS_DMA_BYTES, stats->dma_bytes) ||
	    nla_put_uint(msg, KVM_FT_A_STATS_REQUESTS, stats->requests) ||
	    nla_put_uint(msg, KVM_FT_A_STATS_DISK_BYTES, stats->disk_bytes) ||
	    nla_put_uint(msg, KVM_FT_A_STATS_INPUTS_MERGED, stats->inputs_merged) ||
	    nla_put_uint(msg, KVM_FT_A_STATS_HOLD_MAX, stats->hold_max) ||
	    nla_put_uint(msg, KVM_FT_A_STATS_HOLD_FULL, stats->hold_full) ||
	    nla_put_uint(msg, KVM_FT_A_STATS_REQUESTS_RESUBMITTED,
			 stats->requests_resubmitted))
		return -EMSGSIZE;

	nla_nest_end(msg, nest);
	return 0;
}

/* Everybody may listen to events, and knowing the session lets one say HELLO. */
static int ft_nl_put_session(struct sk_buff *msg, const struct ft_vm_status *st)
{
	return nla_put_uint(msg, KVM_FT_A_VM_SESSION, st->session);
}

static int ft_nl_put_status(struct sk_buff *msg, const struct ft_vm_status *st)
{
	if (nla_put_string(msg, KVM_FT_A_VM_NAME, st->name) ||
	    nla_put_u32(msg, KVM_FT_A_VM_ROLE, st->role) ||
	    nla_put_u32(msg, KVM_FT_A_VM_STATE, st->state) ||
	    nla_put_u32(msg, KVM_FT_A_VM_REASON, st->reason) ||
	    nla_put_u32(msg, KVM_FT_A_VM_ON_LOSS, st->on_loss) ||
	    nla_put_u32(msg, KVM_FT_A_VM_PID, st->pid) ||
	    ft_nl_put_endpoint(msg, &ft_nl_local, &st->local, st->port) ||
	    ft_nl_put_endpoint(msg, &ft_nl_peer, &st->peer, 0) ||
	    nla_put_uint(msg, KVM_FT_A_VM_LAG_BYTES, st->lag_bytes) ||
	    nla_put_uint(msg, KVM_FT_A_VM_UNACKED_BYTES, st->unacked_bytes) ||
	    nla_put_uint(msg, KVM_FT_A_VM_LOG_BYTES, st->log_bytes) ||
	    nla_put_u32(msg, KVM_FT_A_VM_LOG_SIZE, st->log_size) ||
	    nla_put_uint(msg, KVM_FT_A_VM_BRANCHES, st->branches) ||
	    ft_nl_put_stats(msg, &st->stats))
		return -EMSGSIZE;

	if (st->has_divergence &&
	    nla_put_string(msg, KVM_FT_A_VM_DIVERGENCE, st->divergence))
		return -EMSGSIZE;
	return 0;
}

/**
 * kvm_ft_nl_pre_doit - find the VM an operation is about
 * @ops: the operation
 * @skb: the request
 * @info: gets the VM, with a reference, as its first user pointer
 *
 * Return: 0 or a negative errno.
 */
int kvm_ft_nl_pre_doit(const struct genl_split_ops *ops, struct sk_buff *skb,
		       struct genl_info *info)
{
	struct nlattr *name = info->attrs[KVM_FT_A_VM_NAME];
	struct ft_vm *vm;

	if (GENL_REQ_ATTR_CHECK(info, KVM_FT_A_VM_NAME)) {
		GENL_SET_ERR_MSG(info, "the request names no VM");
		return -EINVAL;
	}

	vm = ft_vm_get(nla_data(name));
	if (!vm) {
		NL_SET_ERR_MSG_ATTR(info->extack, name,
				    "no VM of this name is attached on this host");
		return -ENOENT;
	}

	info->user_ptr[0] = vm;
	return 0;
}

/**
 * kvm_ft_nl_post_doit - let go of what kvm_ft_nl_pre_doit() found
 * @ops: the operation
 * @skb: the request
 * @info: holds the VM
 */
void kvm_ft_nl_post_doit(const struct genl_split_ops *ops, struct sk_buff *skb,
			 struct genl_info *info)
{
	ft_vm_put(info->user_ptr[0]);
}

/**
 * kvm_ft_nl_version_get_doit - tell what this module is and can
 * @skb: the request
 * @info: the request, parsed
 *
 * Return: 0 or a negative errno.
 */
int kvm_ft_nl_version_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg __free(ft_nlmsg) = NULL;
	struct ft_vm_defaults defaults = {};
	void *hdr;

	msg = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg)
		return -ENOMEM;

	hdr = genlmsg_iput(msg, info);
	if (!hdr)
		return -EMSGSIZE;

	ft_vm_defaults(&defaults);
	if (nla_put_string(msg, KVM_FT_A_VERSION_MODULE,
			   THIS_MODULE->version ?: "unknown") ||
	    nla_put_u32(msg, KVM_FT_A_VERSION_WIRE_MIN, KVM_FT_WIRE_VERSION_MIN) ||
	    nla_put_u32(msg, KVM_FT_A_VERSION_WIRE_MAX, KVM_FT_WIRE_VERSION_MAX) ||
	    (defaults.vendor &&
	     nla_put_string(msg, KVM_FT_A_VERSION_VENDOR, defaults.vendor)) ||
	    nla_put_u32(msg, KVM_FT_A_VERSION_HEARTBEAT_MS, defaults.heartbeat_ms) ||
	    nla_put_u32(msg, KVM_FT_A_VERSION_TIMEOUT_MS, defaults.timeout_ms) ||
	    nla_put_u32(msg, KVM_FT_A_VERSION_LOG_SIZE, defaults.log_size))
		return -EMSGSIZE;

	genlmsg_end(msg, hdr);
	return genlmsg_reply(no_free_ptr(msg), info);
}

/**
 * kvm_ft_nl_vm_get_doit - tell how one VM is
 * @skb: the request
 * @info: the request, parsed
 *
 * Return: 0 or a negative errno.
 */
int kvm_ft_nl_vm_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ft_vm_status *status __free(kfree) = NULL;
	struct sk_buff *msg __free(ft_nlmsg) = NULL;
	void *hdr;

	status = kzalloc(sizeof(*status), GFP_KERNEL);
	msg = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!status || !msg)
		return -ENOMEM;

	hdr = genlmsg_iput(msg, info);
	if (!hdr)
		return -EMSGSIZE;

	ft_vm_status(info->user_ptr[0], status);
	if (ft_nl_put_status(msg, status) || ft_nl_put_session(msg, status))
		return -EMSGSIZE;

	genlmsg_end(msg, hdr);
	return genlmsg_reply(no_free_ptr(msg), info);
}

static int ft_nl_dump_one(struct sk_buff *skb, struct netlink_callback *cb,
			  struct ft_vm *vm, struct ft_vm_status *status)
{
	void *hdr = genlmsg_iput(skb, genl_info_dump(cb));

	if (!hdr)
		return -EMSGSIZE;

	ft_vm_status(vm, status);
	if (ft_nl_put_status(skb, status) || ft_nl_put_session(skb, status)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}

	genlmsg_end(skb, hdr);
	return 0;
}

/**
 * kvm_ft_nl_vm_get_dumpit - tell how all VMs are
 * @skb: to be filled
 * @cb: @cb->args[0] counts the VMs told in earlier parts
 *
 * Counting keeps no reference while a slow reader makes up its mind; a VM
 * attached or released between two parts may be told twice or not at all.
 *
 * Return: bytes in @skb, 0 when all is told, or a negative errno.
 */
int kvm_ft_nl_vm_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct ft_vm_status *status __free(kfree) = NULL;
	struct ft_vm *vm;
	long n = 0;

	status = kzalloc(sizeof(*status), GFP_KERNEL);
	if (!status)
		return -ENOMEM;

	for (vm = ft_vm_next(NULL); vm; vm = ft_vm_next(vm)) {
		if (n++ < cb->args[0])
			continue;
		if (ft_nl_dump_one(skb, cb, vm, status)) {
			ft_vm_put(vm);
			/* Not even one fits: no later part would do better. */
			return skb->len ?: -EMSGSIZE;
		}
		cb->args[0] = n;
	}
	return skb->len;
}

static int ft_nl_get_fd(struct genl_info *info, const struct nlattr *attr,
			struct file **file)
{
	*file = fget(nla_get_s32(attr));
	if (!*file) {
		NL_SET_ERR_MSG_ATTR(info->extack, attr,
				    "not an open file descriptor of the calling process");
		return -EBADF;
	}
	return 0;
}

static int ft_nl_get_file(struct genl_info *info, int attr, struct file **file)
{
	if (GENL_REQ_ATTR_CHECK(info, attr)) {
		GENL_SET_ERR_MSG(info, "attaching takes the descriptors of the VM and of its vCPU");
		return -EINVAL;
	}
	return ft_nl_get_fd(info, info->attrs[attr], file);
}

/* The tap of a NIC, and the address that the guest has on it. */
static int ft_nl_get_tap(struct genl_info *info, struct nlattr *ifindex,
			 struct nlattr *mac, struct ft_device_config *device)
{
	struct net_device *dev;

	if (!mac) {
		NL_SET_ERR_MSG_ATTR(info->extack, ifindex,
				    "a NIC has a MAC address as well as a tap");
		return -EINVAL;
	}
	if (!is_valid_ether_addr(nla_data(mac))) {
		NL_SET_ERR_MSG_ATTR(info->extack, mac, "not the MAC address of a NIC");
		return -EADDRNOTAVAIL;
	}

	device->net = genl_info_net(info);
	device->ifindex = nla_get_u32(ifindex);
	ether_addr_copy(device->mac, nla_data(mac));

	dev = dev_get_by_index(device->net, device->ifindex);
	if (!dev) {
		NL_SET_ERR_MSG_ATTR(info->extack, ifindex,
				    "no interface of this index is in the caller's network namespace");
		return -ENODEV;
	}
	dev_put(dev);
	return 0;
}

static bool ft_nl_has_lun(const struct ft_vm_config *config, u32 number)
{
	unsigned int i, n;

	for (i = 0; i < config->nr_devices; i++)
		for (n = 0; n < config->devices[i].nr_luns; n++)
			if (config->devices[i].luns[n].number == number)
				return true;
	return false;
}

static int ft_nl_get_lun(struct genl_info *info, struct nlattr *nest,
			 const struct ft_vm_config *config, struct ft_device_config *device)
{
	struct nlattr *tb[KVM_FT_A_LUN_MAX + 1];
	struct ft_lun lun;
	int err;

	err = nla_parse_nested(tb, KVM_FT_A_LUN_MAX, nest, kvm_ft_lun_nl_policy, info->extack);
	if (err)
		return err;
	if (NL_REQ_ATTR_CHECK(info->extack, nest, tb, KVM_FT_A_LUN_NUMBER) ||
	    NL_REQ_ATTR_CHECK(info->extack, nest, tb, KVM_FT_A_LUN_FD)) {
		NL_SET_ERR_MSG_ATTR(info->extack, nest,
				    "a LUN has a number, and a descriptor of what is on it");
		return -EINVAL;
	}
	lun.number = nla_get_u32(tb[KVM_FT_A_LUN_NUMBER]);
	if (ft_nl_has_lun(config, lun.number)) {
		NL_SET_ERR_MSG_ATTR_FMT(info->extack, nest, "there are two LUNs %u", lun.number);
		return -EEXIST;
	}
	if (device->nr_luns == FT_LUNS_MAX) {
		NL_SET_ERR_MSG_ATTR_FMT(info->extack, nest,
					"of a disk with more than %d LUNs the secondary cannot read",
					FT_LUNS_MAX);
		return -E2BIG;
	}
	err = ft_nl_get_fd(info, tb[KVM_FT_A_LUN_FD], &lun.file);
	if (!err)
		device->luns[device->nr_luns++] = lun;
	return err;
}

static int ft_nl_get_luns(struct genl_info *info, struct nlattr *nest,
			  const struct ft_vm_config *config, struct ft_device_config *device)
{
	struct nlattr *attr;
	int err = 0, rem;

	nla_for_each_nested(attr, nest, rem) {
		if (nla_type(attr) != KVM_FT_A_DEVICE_LUN)
			continue;
		if (device->ifindex) {
			NL_SET_ERR_MSG_ATTR(info->extack, attr, "a NIC has no LUNs");
			return -EINVAL;
		}
		err = ft_nl_get_lun(info, attr, config, device);
		if (err)
			break;
	}
	return err;
}

static int ft_nl_get_device(struct genl_info *info, struct nlattr *nest,
			    struct ft_device_config *device)
{
	struct nlattr *tb[KVM_FT_A_DEVICE_MAX + 1];
	struct nlattr *ifindex, *mac;
	int err;

	err = nla_parse_nested(tb, KVM_FT_A_DEVICE_MAX, nest,
			       kvm_ft_device_nl_policy, info->extack);
	if (err)
		return err;

	ifindex = tb[KVM_FT_A_DEVICE_IFINDEX];
	mac = tb[KVM_FT_A_DEVICE_MAC];
	if (NL_REQ_ATTR_CHECK(info->extack, nest, tb, KVM_FT_A_DEVICE_FD)) {
		NL_SET_ERR_MSG_ATTR(info->extack, nest,
				    "a device takes the descriptor of its vhost");
		return -EINVAL;
	}
	if (mac && !ifindex) {
		NL_SET_ERR_MSG_ATTR(info->extack, mac,
				    "a MAC address needs a tap to go with it");
		return -EINVAL;
	}

	err = ft_nl_get_fd(info, tb[KVM_FT_A_DEVICE_FD], &device->file);
	return err || !ifindex ? err : ft_nl_get_tap(info, ifindex, mac, device);
}

static int ft_nl_get_devices(struct genl_info *info, struct ft_vm_config *config)
{
	struct ft_device_config *device;
	struct nlattr *nest;
	int err, rem;

	nla_for_each_attr_type(nest, KVM_FT_A_VM_DEVICE,
			       genlmsg_data(info->genlhdr),
			       genlmsg_len(info->genlhdr), rem) {
		if (config->nr_devices == FT_DEVICES_MAX) {
			NL_SET_ERR_MSG_ATTR_FMT(info->extack, nest,
						"more than %d devices cannot be protected",
						FT_DEVICES_MAX);
			return -E2BIG;
		}
		/* Counted first: what a failure leaves in it is released too. */
		device = &config->devices[config->nr_devices++];
		err = ft_nl_get_device(info, nest, device) ?:
		      ft_nl_get_luns(info, nest, config, device);
		if (err)
			return err;
	}
	return 0;
}

static void ft_nl_config_free(struct ft_vm_config *config)
{
	if (!config)
		return;
	for (unsigned int i = 0; i < config->nr_devices; i++) {
		struct ft_device_config *device = &config->devices[i];

		if (device->file)
			fput(device->file);
		while (device->nr_luns)
			fput(device->luns[--device->nr_luns].file);
	}
	if (config->vcpu_file)
		fput(config->vcpu_file);
	if (config->vm_file)
		fput(config->vm_file);
	kfree(config);
}

DEFINE_FREE(ft_nl_config, struct ft_vm_config *, ft_nl_config_free(_T))

static u32 ft_nl_get_u32(struct genl_info *info, int attr)
{
	return info->attrs[attr] ? nla_get_u32(info->attrs[attr]) : 0;
}

/**
 * kvm_ft_nl_vm_attach_doit - take hold of a VM
 * @skb: the request
 * @info: the request, parsed
 *
 * The file descriptors are the caller's, in whose context this runs.
 *
 * Return: 0 or a negative errno.
 */
int kvm_ft_nl_vm_attach_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ft_vm_config *config __free(ft_nl_config) = NULL;

	if (GENL_REQ_ATTR_CHECK(info, KVM_FT_A_VM_NAME) ||
	    GENL_REQ_ATTR_CHECK(info, KVM_FT_A_VM_ROLE) ||
	    GENL_REQ_ATTR_CHECK(info, KVM_FT_A_VM_SESSION)) {
		GENL_SET_ERR_MSG(info, "attaching takes a name, a role and a session number");
		return -EINVAL;
	}

	config = kzalloc(sizeof(*config), GFP_KERNEL);
	if (!config)
		return -ENOMEM;

	if (!nla_len(info->attrs[KVM_FT_A_VM_NAME]) ||
	    !*(char *)nla_data(info->attrs[KVM_FT_A_VM_NAME])) {
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[KVM_FT_A_VM_NAME],
				    "a VM's name is not empty");
		return -EINVAL;
	}
	nla_strscpy(config->name, info->attrs[KVM_FT_A_VM_NAME], sizeof(config->name));
	config->role = nla_get_u32(info->attrs[KVM_FT_A_VM_ROLE]);
	config->session = nla_get_uint(info->attrs[KVM_FT_A_VM_SESSION]);
	config->on_loss = ft_nl_get_u32(info, KVM_FT_A_VM_ON_LOSS);
	config->pid = ft_nl_get_u32(info, KVM_FT_A_VM_PID);
	config->heartbeat_ms = ft_nl_get_u32(info, KVM_FT_A_VM_HEARTBEAT_MS);
	config->timeout_ms = ft_nl_get_u32(info, KVM_FT_A_VM_TIMEOUT_MS);
	config->log_size = ft_nl_get_u32(info, KVM_FT_A_VM_LOG_SIZE);

	/* attach takes its own references; these here end with @config. */
	return ft_nl_get_endpoint(info, &ft_nl_local, &config->local) ?:
	       ft_nl_get_endpoint(info, &ft_nl_peer, &config->peer) ?:
	       ft_nl_get_file(info, KVM_FT_A_VM_VM_FD, &config->vm_file) ?:
	       ft_nl_get_file(info, KVM_FT_A_VM_VCPU_FD, &config->vcpu_file) ?:
	       ft_nl_get_devices(info, config) ?:
	       ft_vm_attach(config, info->extack);
}

/**
 * kvm_ft_nl_vm_start_doit - record and replay from here on
 * @skb: the request
 * @info: the request, parsed
 *
 * Return: 0 or a negative errno.
 */
int kvm_ft_nl_vm_start_doit(struct sk_buff *skb, struct genl_info *info)
{
	return ft_vm_start(info->user_ptr[0], info->extack);
}

/**
 * kvm_ft_nl_vm_digest_doit - hash a VM's state
 * @skb: the request
 * @info: the request, parsed
 *
 * Return: 0 or a negative errno.
 */
int kvm_ft_nl_vm_digest_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg __free(ft_nlmsg) = NULL;
	struct ft_digest digest = {};
	bool compared = false;
	struct nlattr *nest;
	void *hdr;
	int err;

	err = ft_vm_digest(info->user_ptr[0], &digest, &compared, info->extack);
	if (err)
		return err;

	msg = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg)
		return -ENOMEM;

	hdr = genlmsg_iput(msg, info);
	if (!hdr ||
	    nla_put_string(msg, KVM_FT_A_VM_NAME,
			   nla_data(info->attrs[KVM_FT_A_VM_NAME])))
		return -EMSGSIZE;

	nest = nla_nest_start(msg, KVM_FT_A_VM_DIGEST);
	if (!nest ||
	    nla_put_uint(msg, KVM_FT_A_DIGEST_REGS, digest.regs) ||
	    nla_put_uint(msg, KVM_FT_A_DIGEST_RAM, digest.ram) ||
	    nla_put_uint(msg, KVM_FT_A_DIGEST_IRQCHIP, digest.irqchip) ||
	    (compared && nla_put_flag(msg, KVM_FT_A_DIGEST_COMPARED)))
		return -EMSGSIZE;
	nla_nest_end(msg, nest);

	genlmsg_end(msg, hdr);
	return genlmsg_reply(no_free_ptr(msg), info);
}

/**
 * kvm_ft_nl_vm_promote_doit - the copy of this host goes on alone
 * @skb: the request
 * @info: the request, parsed
 *
 * Return: 0 or a negative errno.
 */
int kvm_ft_nl_vm_promote_doit(struct sk_buff *skb, struct genl_info *info)
{
	return ft_vm_promote(info->user_ptr[0], info->extack);
}

/**
 * kvm_ft_nl_vm_test_failover_doit - act as if the primary had died
 * @skb: the request
 * @info: the request, parsed
 *
 * Return: 0 or a negative errno.
 */
int kvm_ft_nl_vm_test_failover_doit(struct sk_buff *skb, struct genl_info *info)
{
	return ft_vm_test_failover(info->user_ptr[0], info->extack);
}

/**
 * kvm_ft_nl_vm_disable_doit - end protection of a VM
 * @skb: the request
 * @info: the request, parsed
 *
 * Return: 0 or a negative errno.
 */
int kvm_ft_nl_vm_disable_doit(struct sk_buff *skb, struct genl_info *info)
{
	return ft_vm_disable(info->user_ptr[0], info->extack);
}

static int ft_nl_put_slot(struct sk_buff *msg, const struct ft_slot *slot)
{
	struct nlattr *nest = nla_nest_start(msg, KVM_FT_A_VM_SLOT);

	if (!nest ||
	    nla_put_uint(msg, KVM_FT_A_SLOT_GPA, slot->gpa) ||
	    nla_put_uint(msg, KVM_FT_A_SLOT_SIZE, slot->size) ||
	    nla_put_uint(msg, KVM_FT_A_SLOT_ADDRESS, slot->address))
		return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}

/**
 * kvm_ft_nl_vm_memory_doit - tell where a VM's memory is
 * @skb: the request
 * @info: the request, parsed
 *
 * Return: 0 or a negative errno.
 */
int kvm_ft_nl_vm_memory_doit(struct sk_buff *skb, struct genl_info *info)
{
	const size_t slot_size = nla_total_size(3 * nla_total_size(sizeof(u64)));
	struct ft_slot *slots __free(kfree) = NULL;
	struct sk_buff *msg __free(ft_nlmsg) = NULL;
	void *hdr;
	int n;

	slots = kmalloc_array(FT_SLOTS_MAX, sizeof(*slots), GFP_KERNEL);
	if (!slots)
		return -ENOMEM;
	n = ft_vm_memory(info->user_ptr[0], slots, info->extack);
	if (n < 0)
		return n;

	msg = genlmsg_new(GENLMSG_DEFAULT_SIZE + n * slot_size, GFP_KERNEL);
	if (!msg)
		return -ENOMEM;

	hdr = genlmsg_iput(msg, info);
	if (!hdr ||
	    nla_put_string(msg, KVM_FT_A_VM_NAME,
			   nla_data(info->attrs[KVM_FT_A_VM_NAME])))
		return -EMSGSIZE;
	for (int i = 0; i < n; i++) {
		if (ft_nl_put_slot(msg, &slots[i]))
			return -EMSGSIZE;
	}

	genlmsg_end(msg, hdr);
	return genlmsg_reply(no_free_ptr(msg), info);
}

/* Between ft_netlink_init() and ft_netlink_exit(). */
static bool ft_netlink_open;

/**
 * ft_netlink_notify - tell the listeners that a VM's state changed
 * @status: the VM as it is now
 *
 * An event is a hint to look; when memory is short it is dropped, and a
 * listener that must know asks with vm-get. May sleep.
 */
void ft_netlink_notify(const struct ft_vm_status *status)
{
	struct sk_buff *msg __free(ft_nlmsg) = NULL;
	void *hdr;

	if (!READ_ONCE(ft_netlink_open))
		return;
	msg = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg)
		return;

	hdr = genlmsg_put(msg, 0, 0, &kvm_ft_nl_family, 0, KVM_FT_CMD_VM_EVENT);
	if (!hdr || ft_nl_put_status(msg, status))
		return;

	genlmsg_end(msg, hdr);
	/* VMs belong to the host, not to a network namespace. */
	genlmsg_multicast_netns(&kvm_ft_nl_family, &init_net, no_free_ptr(msg),
				0, KVM_FT_NLGRP_EVENTS, GFP_KERNEL);
}

/**
 * ft_netlink_init - open for requests
 *
 * To be called when everything that requests lead to is ready.
 *
 * Return: 0 or a negative errno.
 */
int ft_netlink_init(void)
{
	int ret = genl_register_family(&kvm_ft_nl_family);

	WRITE_ONCE(ft_netlink_open, !ret);
	return ret;
}

/**
 * ft_netlink_exit - take no more requests
 *
 * No handler runs when this returns.
 */
void ft_netlink_exit(void)
{
	WRITE_ONCE(ft_netlink_open, false);
	genl_unregister_family(&kvm_ft_nl_family);
}
