/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _FTCTL_ATTACH_H
#define _FTCTL_ATTACH_H

#include <sys/socket.h>
#include <sys/types.h>

#include "ftctl.h"

struct json_object;
struct mod;

/**
 * struct attach - what the module has to know to take hold of a VM
 * @name: the VM
 * @role: enum kvm_ft_role
 * @on_loss: enum kvm_ft_on_loss
 * @session: random, the same on both sides
 * @pid: QEMU
 * @local: this end of the logging link
 * @peer: the other end; all zero on a secondary
 * @peer_port: where the secondary listens
 * @nics: the VM's NICs, see nic.h
 * @luns: those of its only disk, if the secondary shall read from it; see reads.h
 */
struct attach {
	const char *name;
	u32 role;
	u32 on_loss;
	u64 session;
	pid_t pid;
	struct sockaddr_storage local;
	struct sockaddr_storage peer;
	u16 peer_port;
	struct json_object *nics;
	struct json_object *luns;
};

int attach_vm(struct mod *mod, const struct attach *at);

#endif /* _FTCTL_ATTACH_H */
