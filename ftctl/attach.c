// SPDX-License-Identifier: GPL-2.0-only
/*
 * Have the module take hold of a VM.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <unistd.h>

#include "../uapi/kvm_ft.h"
#include "attach.h"
#include "ftctl.h"
#include "module.h"
#include "proc.h"

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
	int vm_fd, vcpu_fd, err = -1;
	struct nl_msg *msg;

	if (qemu_kvm_fds(at->pid, &vm_fd, &vcpu_fd))
		return -1;

	msg = mod_request(mod, KVM_FT_CMD_VM_ATTACH);
	if (msg) {
		nla_put_string(msg, KVM_FT_A_VM_NAME, at->name);
		nla_put_u32(msg, KVM_FT_A_VM_ROLE, at->role);
		nla_put_u32(msg, KVM_FT_A_VM_ON_LOSS, at->on_loss);
		nla_put_u64(msg, KVM_FT_A_VM_SESSION, at->session);
		nla_put_s32(msg, KVM_FT_A_VM_VM_FD, vm_fd);
		nla_put_s32(msg, KVM_FT_A_VM_VCPU_FD, vcpu_fd);
		nla_put_u32(msg, KVM_FT_A_VM_PID, at->pid);
		put_end(msg, &local, &at->local, 0);
		put_end(msg, &peer, &at->peer, at->peer_port);
		err = mod_call(mod, msg, NULL);
	}

	/* The module has references of its own. */
	close(vm_fd);
	close(vcpu_fd);
	return err;
}
