// SPDX-License-Identifier: GPL-2.0-only
/*
 * Have the module take hold of a VM.
 */
#include <arpa/inet.h>
#include <json-c/json.h>
#include <netinet/ether.h>
#include <netinet/in.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../uapi/kvm_ft.h"
#include "attach.h"
#include "ftctl.h"
#include "js.h"
#include "module.h"
#include "nic.h"
#include "platform.h"
#include "proc.h"
#include "reads.h"

/* More than any module takes: which number is too big is the module's to say. */
#define FDS_MAX		64

/* The attributes of one end of the logging link. */
struct end_attrs {
	int ipv4;
	int ipv6;
	int scope_id;
	int port;
};

static void put_end(struct nl_msg *msg, const struct end_attrs *attrs,
		    const struct sockaddr_storage *addr, u16 port)
{
	const struct sockaddr_in6 *sin6 = (const struct sockaddr_in6 *)addr;
	const struct sockaddr_in *sin = (const struct sockaddr_in *)addr;

	if (addr->ss_family == AF_INET) {
		nla_put(msg, attrs->ipv4, sizeof(sin->sin_addr), &sin->sin_addr);
	} else if (addr->ss_family == AF_INET6) {
		nla_put(msg, attrs->ipv6, sizeof(sin6->sin6_addr), &sin6->sin6_addr);
		if (sin6->sin6_scope_id)
			nla_put_u32(msg, attrs->scope_id, sin6->sin6_scope_id);
	}
	if (port)
		nla_put_u16(msg, attrs->port, htons(port));
}

/**
 * struct fds - descriptors brought over from a QEMU, to be closed in the end
 * @fd: their numbers here
 * @n: how many
 */
struct fds {
	int fd[FDS_MAX + READS_MAX];
	int n;
};

static int take_fd(struct fds *fds, pid_t pid, int fd)
{
	int mine = qemu_take_fd(pid, fd);

	if (mine >= 0)
		fds->fd[fds->n++] = mine;
	return mine;
}

static int put_nic(struct nl_msg *msg, struct json_object *nic, const char *tap)
{
	struct ether_addr *mac = ether_aton(js_str(nic, "mac", ""));
	unsigned int ifindex = platform_ifindex(tap);

	if (!ifindex)
		return fail("there is no interface '%s' in this network namespace", tap);
	if (!mac)
		return fail("QEMU does not tell the MAC address of NIC '%s'",
			    js_str(nic, "name", "?"));
	nla_put_u32(msg, KVM_FT_A_DEVICE_IFINDEX, ifindex);
	nla_put(msg, KVM_FT_A_DEVICE_MAC, sizeof(*mac), mac);
	return 0;
}

/* The NIC of a tap; the only one, when QEMU was handed its tap without a name. */
static struct json_object *nic_of(struct json_object *nics, const char *tap)
{
	struct json_object *nic = nic_find(nics, "tap", tap);

	if (!nic && nics && json_object_array_length(nics) == 1)
		nic = json_object_array_get_idx(nics, 0);
	return nic;
}

/* The NIC of a vhost that QEMU was handed. */
static struct json_object *nic_handed(struct json_object *nics, int vhost)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", vhost);
	return nic_find(nics, "vhostfd", number);
}

/*
 * QEMU opens a NIC's tap, then its vhost: in the order of numbers they are pairs. Of those
 * that it was handed its command line says so.
 */
static int put_nics(struct nl_msg *msg, const struct attach *at, struct fds *fds)
{
	int vhost[FDS_MAX], tap[FDS_MAX];
	int vhosts = qemu_fds(at->pid, platform_vhost_net_link(), vhost, FDS_MAX);
	int taps = qemu_fds(at->pid, platform_tun_link(), tap, FDS_MAX);

	if (vhosts != taps || vhosts > FDS_MAX / 2)
		return fail("process %d has %d taps, and vhost serves %d of them",
			    at->pid, taps, vhosts);
	for (int i = 0; i < vhosts; i++) {
		struct nlattr *nest = nla_nest_start(msg, NLA_F_NESTED | KVM_FT_A_VM_DEVICE);
		struct json_object *nic = nic_handed(at->nics, vhost[i]);
		int fd = take_fd(fds, at->pid, vhost[i]);
		char name[IFNAMSIZ];

		qemu_tap_name(at->pid, nic ? atoi(js_str(nic, "fd", "-1")) : tap[i], name);
		nic = nic ?: nic_of(at->nics, name);
		if (!nic)
			return fail("no NIC of process %d has the tap '%s'", at->pid, name);
		if (fd < 0 || put_nic(msg, nic, name))
			return -1;
		nla_put_s32(msg, KVM_FT_A_DEVICE_FD, fd);
		nla_nest_end(msg, nest);
	}
	return 0;
}

static int put_luns(struct nl_msg *msg, struct json_object *luns, struct fds *fds)
{
	int mine[READS_MAX];
	int n = reads_open(luns, mine);

	if (n < 0)
		return -1;
	reads_put(msg, luns, mine);
	memcpy(fds->fd + fds->n, mine, n * sizeof(*mine));
	fds->n += n;
	return 0;
}

static int put_disks(struct nl_msg *msg, const struct attach *at, struct fds *fds)
{
	int vhost[FDS_MAX / 4];
	int n = qemu_fds(at->pid, platform_vhost_scsi_link(), vhost, ARRAY_SIZE(vhost));

	if (n > (int)ARRAY_SIZE(vhost))
		return fail("process %d has %d disks of vhost-scsi: too many", at->pid, n);
	if (at->luns && n != 1)
		return fail("process %d has %d disks of vhost-scsi, and the secondary is to read one",
			    at->pid, n);
	for (int i = 0; i < n; i++) {
		struct nlattr *nest = nla_nest_start(msg, NLA_F_NESTED | KVM_FT_A_VM_DEVICE);
		int fd = take_fd(fds, at->pid, vhost[i]);

		if (fd < 0 || (at->luns && put_luns(msg, at->luns, fds)))
			return -1;
		nla_put_s32(msg, KVM_FT_A_DEVICE_FD, fd);
		nla_nest_end(msg, nest);
	}
	return 0;
}

static int put_fds(struct nl_msg *msg, const struct attach *at, struct fds *fds)
{
	int vm_fd, vcpu_fd;

	if (qemu_kvm_fds(at->pid, &vm_fd, &vcpu_fd))
		return -1;
	fds->fd[fds->n++] = vm_fd;
	fds->fd[fds->n++] = vcpu_fd;
	nla_put_s32(msg, KVM_FT_A_VM_VM_FD, vm_fd);
	nla_put_s32(msg, KVM_FT_A_VM_VCPU_FD, vcpu_fd);
	return put_nics(msg, at, fds) ?: put_disks(msg, at, fds);
}

/**
 * attach_vm - have the module take hold of a VM
 * @mod: from mod_open()
 * @at: all about it
 *
 * Return: 0, or -1 after fail().
 */
int attach_vm(struct mod *mod, const struct attach *at)
{
	static const struct end_attrs local = {
		KVM_FT_A_VM_LOCAL_IPV4, KVM_FT_A_VM_LOCAL_IPV6,
		KVM_FT_A_VM_LOCAL_SCOPE_ID, KVM_FT_A_VM_LOCAL_PORT,
	};
	static const struct end_attrs peer = {
		KVM_FT_A_VM_PEER_IPV4, KVM_FT_A_VM_PEER_IPV6,
		KVM_FT_A_VM_PEER_SCOPE_ID, KVM_FT_A_VM_PEER_PORT,
	};
	struct nl_msg *msg = mod_request(mod, KVM_FT_CMD_VM_ATTACH);
	struct fds fds = {};
	int err;

	if (!msg)
		return -1;
	nla_put_string(msg, KVM_FT_A_VM_NAME, at->name);
	nla_put_u32(msg, KVM_FT_A_VM_ROLE, at->role);
	nla_put_u32(msg, KVM_FT_A_VM_ON_LOSS, at->on_loss);
	nla_put_u64(msg, KVM_FT_A_VM_SESSION, at->session);
	nla_put_u32(msg, KVM_FT_A_VM_PID, at->pid);
	put_end(msg, &local, &at->local, 0);
	put_end(msg, &peer, &at->peer, at->peer_port);
	err = put_fds(msg, at, &fds);
	if (err)
		nlmsg_free(msg);
	else
		err = mod_call(mod, msg, NULL);

	/* The module has references of its own. */
	while (fds.n)
		close(fds.fd[--fds.n]);
	return err;
}
