/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The protected VM: lifetime, lookup, and what netlink asks of it.
 */
#ifndef _KVM_FT_VM_H
#define _KVM_FT_VM_H

#include <linux/if_ether.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/socket.h>
#include "stats.h"
#include "wire.h"

struct file;
struct ft_vm;
struct net;
struct netlink_ext_ack;

#define FT_NAME_MAX	256	/* with the final NUL */
#define FT_DETAIL_MAX	384	/* with the final NUL */
#define FT_DEVICES_MAX	8
#define FT_SLOTS_MAX	512
#define FT_LUNS_MAX	16	/* of one disk, whose reads are logged by reference */

/**
 * struct ft_lun - what is on a LUN of a disk
 * @number: number of the LUN
 * @file: where this host finds its bytes
 */
struct ft_lun {
	u32 number;
	struct file *file;
};

/**
 * struct ft_device_config - a device of the VM that vhost serves
 * @file: /dev/vhost-net or /dev/vhost-scsi as QEMU opened it; attach takes its own reference
 * @net: NIC: where @ifindex counts; attach takes its own reference. NULL for a disk
 * @ifindex: NIC: its tap, which existed a moment ago. 0 for a disk
 * @mac: NIC: the guest's address, announced when the VM goes live
 * @luns: disk: its LUNs; attach takes references of its own on their files
 * @nr_luns: how many of @luns are filled; 0: the secondary reads no disk
 */
struct ft_device_config {
	struct file *file;
	struct net *net;
	int ifindex;
	u8 mac[ETH_ALEN];
	struct ft_lun luns[FT_LUNS_MAX];
	unsigned int nr_luns;
};

/**
 * struct ft_vm_config - what attach needs to know
 * @name: the VM's name, unique among attached VMs of this host
 * @role: enum kvm_ft_role
 * @on_loss: enum kvm_ft_on_loss
 * @session: random number, the same on both sides
 * @vm_file: KVM VM file descriptor of the QEMU process; attach takes its own reference
 * @vcpu_file: KVM vCPU file descriptor of the same VM; likewise
 * @pid: QEMU's process id, for status only
 * @local: address of the logging link on this host
 * @peer: primary: the secondary's address and port
 * @heartbeat_ms: 0: the module's default
 * @timeout_ms: 0: the module's default
 * @log_size: bytes of the ring, 0: the module's default
 * @devices: those that vhost serves, in no order
 * @nr_devices: how many of @devices are filled
 */
struct ft_vm_config {
	char name[FT_NAME_MAX];
	u32 role;
	u32 on_loss;
	u64 session;
	struct file *vm_file;
	struct file *vcpu_file;
	pid_t pid;
	struct sockaddr_storage local;
	struct sockaddr_storage peer;
	u32 heartbeat_ms;
	u32 timeout_ms;
	u32 log_size;
	struct ft_device_config devices[FT_DEVICES_MAX];
	unsigned int nr_devices;
};

/**
 * struct ft_vm_status - a snapshot for status and events
 * @name: the VM's name
 * @role: enum kvm_ft_role
 * @state: enum kvm_ft_state
 * @reason: enum kvm_ft_reason, why it is in @state
 * @on_loss: enum kvm_ft_on_loss
 * @pid: QEMU's process id
 * @session: as attached
 * @port: secondary: where it listens; 0 once the channel is closed
 * @local: address of the logging link on this host
 * @peer: primary: the secondary's address and port
 * @lag_bytes: log bytes recorded (secondary: received) and not yet executed by
 *	the secondary, as it last told
 * @unacked_bytes: recorded and not yet acknowledged
 * @log_bytes: recorded or received since attach
 * @log_size: bytes of the ring
 * @branches: conditional branches the guest retired since attach
 * @stats: counters
 * @has_divergence: @divergence says what the log and the guest said
 * @divergence: why protection ended, a sentence
 */
struct ft_vm_status {
	char name[FT_NAME_MAX];
	u32 role;
	u32 state;
	u32 reason;
	u32 on_loss;
	pid_t pid;
	u64 session;
	u16 port;
	struct sockaddr_storage local;
	struct sockaddr_storage peer;
	u64 lag_bytes;
	u64 unacked_bytes;
	u64 log_bytes;
	u32 log_size;
	u64 branches;
	struct ft_stats stats;
	bool has_divergence;
	char divergence[FT_DETAIL_MAX];
};

/**
 * struct ft_slot - a piece of guest memory, as KVM was told of it
 * @gpa: guest physical address
 * @size: bytes
 * @address: in QEMU's address space
 */
struct ft_slot {
	u64 gpa;
	u64 size;
	u64 address;
};

/**
 * struct ft_vm_defaults - what version-get tells about this host
 * @vendor: the vendor hooks in use here, "svm"; NULL: none fits this processor
 * @heartbeat_ms: the module's parameter
 * @timeout_ms: the module's parameter
 * @log_size: the module's parameter, bytes
 */
struct ft_vm_defaults {
	const char *vendor;
	u32 heartbeat_ms;
	u32 timeout_ms;
	u32 log_size;
};

void ft_vm_defaults(struct ft_vm_defaults *defaults);

/*
 * All of these may sleep. Those that fail set extack to one clear sentence.
 * attach: hooks KVM when it is the first VM. A primary connects to the
 * secondary and returns once both agreed; its guest may go on running
 * unrecorded only until attach returns: from then on its inputs are held and
 * KVM_RUN waits until ft_vm_start().
 */
int ft_vm_attach(const struct ft_vm_config *config, struct netlink_ext_ack *extack);
struct ft_vm *ft_vm_get(const char *name);
void ft_vm_put(struct ft_vm *vm);
int ft_vm_start(struct ft_vm *vm, struct netlink_ext_ack *extack);
int ft_vm_promote(struct ft_vm *vm, struct netlink_ext_ack *extack);
int ft_vm_test_failover(struct ft_vm *vm, struct netlink_ext_ack *extack);
int ft_vm_disable(struct ft_vm *vm, struct netlink_ext_ack *extack);
/*
 * At rest (KVM_RUN is not entered) the digest is of this side alone and is
 * returned in @digest. While the guest is protected and runs, a primary logs a
 * digest entry, the secondary compares at the same position, and this returns
 * once it did; *@compared says which of the two it was.
 */
int ft_vm_digest(struct ft_vm *vm, struct ft_digest *digest, bool *compared,
		 struct netlink_ext_ack *extack);
/* Fills @slots, FT_SLOTS_MAX of them at most, and returns how many there are. */
int ft_vm_memory(struct ft_vm *vm, struct ft_slot *slots, struct netlink_ext_ack *extack);
void ft_vm_status(struct ft_vm *vm, struct ft_vm_status *status);
/* Iterates; @vm is put and the next one returned with a reference. NULL starts and ends. */
struct ft_vm *ft_vm_next(struct ft_vm *vm);
int ft_vm_init(void);
void ft_vm_exit(void);

/* netlink.c: called by vm.c at every change of state; may sleep. */
void ft_netlink_notify(const struct ft_vm_status *status);
int ft_netlink_init(void);
void ft_netlink_exit(void);

#endif /* _KVM_FT_VM_H */
