/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	uapi/kvm_ft.yaml */
/* YNL-GEN uapi header */

#ifndef _UAPI_LINUX_KVM_FT_H
#define _UAPI_LINUX_KVM_FT_H

#define KVM_FT_FAMILY_NAME	"kvm-ft"
#define KVM_FT_FAMILY_VERSION	1

/**
 * enum kvm_ft_role - Which of the two copies of a protected VM this host has.
 * @KVM_FT_ROLE_PRIMARY: Runs the guest and records it.
 * @KVM_FT_ROLE_SECONDARY: Replays what the primary recorded; keeps this role
 *   after it went live.
 */
enum kvm_ft_role {
	KVM_FT_ROLE_PRIMARY,
	KVM_FT_ROLE_SECONDARY,
};

/**
 * enum kvm_ft_state - Where one side of a protected VM stands.
 * @KVM_FT_STATE_DISABLED: Protection ended; the guest runs alone (primary) or
 *   never again (secondary).
 * @KVM_FT_STATE_STARTING: Attached and held; both copies are to be equal
 *   before vm-start.
 * @KVM_FT_STATE_RUNNING: Protected.
 * @KVM_FT_STATE_NEED_DECISION: The peer is lost; the guest is held until
 *   vm-promote or vm-disable.
 * @KVM_FT_STATE_ARBITRATING: The peer is lost; the storage arbiter is asked
 *   who goes on.
 * @KVM_FT_STATE_GOING_LIVE: A secondary uses up its log and takes over.
 * @KVM_FT_STATE_NEED_SECONDARY: The guest runs, unprotected.
 * @KVM_FT_STATE_DROPPED: A copy that must never run again: a secondary that
 *   diverged or was discarded, a primary that gave its guest up to the
 *   secondary.
 */
enum kvm_ft_state {
	KVM_FT_STATE_DISABLED,
	KVM_FT_STATE_STARTING,
	KVM_FT_STATE_RUNNING,
	KVM_FT_STATE_NEED_DECISION,
	KVM_FT_STATE_ARBITRATING,
	KVM_FT_STATE_GOING_LIVE,
	KVM_FT_STATE_NEED_SECONDARY,
	KVM_FT_STATE_DROPPED,
};

/**
 * enum kvm_ft_reason - Why a VM came to be in its state.
 * @KVM_FT_REASON_NONE: Nothing went wrong.
 * @KVM_FT_REASON_USER_ACTION: An operator asked for it.
 * @KVM_FT_REASON_LOST_CONNECTION: The logging channel was silent for too long,
 *   or reset.
 * @KVM_FT_REASON_DIVERGENCE: The secondary did something else than the
 *   primary.
 * @KVM_FT_REASON_PEER_ENDED: The peer ended protection without a reason of its
 *   own.
 * @KVM_FT_REASON_GUEST_GONE: QEMU exits or the guest shut down.
 * @KVM_FT_REASON_UNSUPPORTED: The guest did something that cannot be replayed.
 * @KVM_FT_REASON_NO_RESOURCES: The branch counter or memory was not to be had.
 * @KVM_FT_REASON_PROTOCOL: The peer sent something this host does not
 *   understand.
 * @KVM_FT_REASON_TEST_FAILOVER: A test of failover was asked for.
 */
enum kvm_ft_reason {
	KVM_FT_REASON_NONE,
	KVM_FT_REASON_USER_ACTION,
	KVM_FT_REASON_LOST_CONNECTION,
	KVM_FT_REASON_DIVERGENCE,
	KVM_FT_REASON_PEER_ENDED,
	KVM_FT_REASON_GUEST_GONE,
	KVM_FT_REASON_UNSUPPORTED,
	KVM_FT_REASON_NO_RESOURCES,
	KVM_FT_REASON_PROTOCOL,
	KVM_FT_REASON_TEST_FAILOVER,
};

/**
 * enum kvm_ft_on_loss - What to do when the peer is lost.
 * @KVM_FT_ON_LOSS_ASK: Hold the guest in need-decision.
 * @KVM_FT_ON_LOSS_PROMOTE: Go on without asking. Unsafe when only the link may
 *   fail.
 */
enum kvm_ft_on_loss {
	KVM_FT_ON_LOSS_ASK,
	KVM_FT_ON_LOSS_PROMOTE,
};

enum {
	KVM_FT_A_VERSION_MODULE = 1,
	KVM_FT_A_VERSION_WIRE_MIN,
	KVM_FT_A_VERSION_WIRE_MAX,
	KVM_FT_A_VERSION_VENDOR,
	KVM_FT_A_VERSION_HEARTBEAT_MS,
	KVM_FT_A_VERSION_TIMEOUT_MS,
	KVM_FT_A_VERSION_LOG_SIZE,

	__KVM_FT_A_VERSION_MAX,
	KVM_FT_A_VERSION_MAX = (__KVM_FT_A_VERSION_MAX - 1)
};

enum {
	KVM_FT_A_STATS_EXITS = 1,
	KVM_FT_A_STATS_ENTRIES_SYNC,
	KVM_FT_A_STATS_ENTRIES_ASYNC,
	KVM_FT_A_STATS_OUTPUTS,
	KVM_FT_A_STATS_DEFERRALS,
	KVM_FT_A_STATS_FULL_WAITS,
	KVM_FT_A_STATS_STARVED_WAITS,
	KVM_FT_A_STATS_BREAKPOINTS,
	KVM_FT_A_STATS_OVERFLOWS,
	KVM_FT_A_STATS_SKID_MAX,
	KVM_FT_A_STATS_DIGESTS,
	KVM_FT_A_STATS_PACKETS_HELD,
	KVM_FT_A_STATS_BATCHES,
	KVM_FT_A_STATS_DMA_BYTES,
	KVM_FT_A_STATS_REQUESTS,
	KVM_FT_A_STATS_DISK_BYTES,
	KVM_FT_A_STATS_INPUTS_MERGED,
	KVM_FT_A_STATS_HOLD_MAX,
	KVM_FT_A_STATS_HOLD_FULL,
	KVM_FT_A_STATS_REQUESTS_RESUBMITTED,

	__KVM_FT_A_STATS_MAX,
	KVM_FT_A_STATS_MAX = (__KVM_FT_A_STATS_MAX - 1)
};

enum {
	KVM_FT_A_DIGEST_REGS = 1,
	KVM_FT_A_DIGEST_RAM,
	KVM_FT_A_DIGEST_IRQCHIP,
	KVM_FT_A_DIGEST_COMPARED,

	__KVM_FT_A_DIGEST_MAX,
	KVM_FT_A_DIGEST_MAX = (__KVM_FT_A_DIGEST_MAX - 1)
};

enum {
	KVM_FT_A_LUN_NUMBER = 1,
	KVM_FT_A_LUN_FD,

	__KVM_FT_A_LUN_MAX,
	KVM_FT_A_LUN_MAX = (__KVM_FT_A_LUN_MAX - 1)
};

enum {
	KVM_FT_A_DEVICE_FD = 1,
	KVM_FT_A_DEVICE_IFINDEX,
	KVM_FT_A_DEVICE_MAC,
	KVM_FT_A_DEVICE_LUN,

	__KVM_FT_A_DEVICE_MAX,
	KVM_FT_A_DEVICE_MAX = (__KVM_FT_A_DEVICE_MAX - 1)
};

enum {
	KVM_FT_A_SLOT_GPA = 1,
	KVM_FT_A_SLOT_SIZE,
	KVM_FT_A_SLOT_ADDRESS,

	__KVM_FT_A_SLOT_MAX,
	KVM_FT_A_SLOT_MAX = (__KVM_FT_A_SLOT_MAX - 1)
};

enum {
	KVM_FT_A_VM_NAME = 1,
	KVM_FT_A_VM_ROLE,
	KVM_FT_A_VM_ON_LOSS,
	KVM_FT_A_VM_SESSION,
	KVM_FT_A_VM_VM_FD,
	KVM_FT_A_VM_VCPU_FD,
	KVM_FT_A_VM_PID,
	KVM_FT_A_VM_LOCAL_IPV4,
	KVM_FT_A_VM_LOCAL_IPV6,
	KVM_FT_A_VM_LOCAL_SCOPE_ID,
	KVM_FT_A_VM_LOCAL_PORT,
	KVM_FT_A_VM_PEER_IPV4,
	KVM_FT_A_VM_PEER_IPV6,
	KVM_FT_A_VM_PEER_SCOPE_ID,
	KVM_FT_A_VM_PEER_PORT,
	KVM_FT_A_VM_HEARTBEAT_MS,
	KVM_FT_A_VM_TIMEOUT_MS,
	KVM_FT_A_VM_LOG_SIZE,
	KVM_FT_A_VM_STATE,
	KVM_FT_A_VM_REASON,
	KVM_FT_A_VM_LAG_BYTES,
	KVM_FT_A_VM_UNACKED_BYTES,
	KVM_FT_A_VM_LOG_BYTES,
	KVM_FT_A_VM_BRANCHES,
	KVM_FT_A_VM_STATS,
	KVM_FT_A_VM_DIVERGENCE,
	KVM_FT_A_VM_DIGEST,
	KVM_FT_A_VM_DEVICE,
	KVM_FT_A_VM_SLOT,

	__KVM_FT_A_VM_MAX,
	KVM_FT_A_VM_MAX = (__KVM_FT_A_VM_MAX - 1)
};

enum {
	KVM_FT_CMD_VERSION_GET = 1,
	KVM_FT_CMD_VM_GET,
	KVM_FT_CMD_VM_ATTACH,
	KVM_FT_CMD_VM_START,
	KVM_FT_CMD_VM_DIGEST,
	KVM_FT_CMD_VM_PROMOTE,
	KVM_FT_CMD_VM_TEST_FAILOVER,
	KVM_FT_CMD_VM_DISABLE,
	KVM_FT_CMD_VM_EVENT,
	KVM_FT_CMD_VM_MEMORY,

	__KVM_FT_CMD_MAX,
	KVM_FT_CMD_MAX = (__KVM_FT_CMD_MAX - 1)
};

#define KVM_FT_MCGRP_EVENTS	"events"

#endif /* _UAPI_LINUX_KVM_FT_H */
