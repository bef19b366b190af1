/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The protected VM from the inside: shared by those that move it. The pure
 * files, the channel and netlink know less.
 */
#ifndef _KVM_FT_ENGINE_H
#define _KVM_FT_ENGINE_H

#include <linux/hrtimer.h>
#include <linux/kvm_host.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/task_work.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include "counter.h"
#include "hook.h"
#include "inputs.h"
#include "local.h"
#include "log.h"
#include "state.h"
#include "transport.h"
#include "vhost.h"
#include "vm.h"

/*
 * Room kept free before the guest is entered, so that whatever one exit
 * records finds place without a wait: two longest entries, every queued input
 * and some slack.
 */
#define FT_LOG_ROOM	(2 * KVM_FT_ENTRY_MAX + FT_INPUTS_MAX * 64)
/* Smallest ring that leaves something beside it. */
#define FT_LOG_MIN	(64 << 10)

/**
 * enum ft_mode - what the hooks do with this VM
 * @FT_OFF: nothing; KVM runs it as if we were not there
 * @FT_RECORD: primary
 * @FT_REPLAY: secondary
 */
enum ft_mode {
	FT_OFF,
	FT_RECORD,
	FT_REPLAY,
};

/* Entries that are remembered; a power of two. */
#define FT_TRAIL	8

/**
 * struct ft_step - an entry that was executed
 * @type: enum kvm_ft_entry_type
 * @branches: where
 * @rip: of answers the low 16 bits
 */
struct ft_step {
	u8 type;
	u64 branches;
	u64 rip;
};

/* No way through the state machine is longer. */
#define FT_CHANGES	8

/**
 * struct ft_change - a state that was entered
 * @state: enum kvm_ft_state
 * @reason: enum kvm_ft_reason
 */
struct ft_change {
	u32 state;
	u32 reason;
};

/**
 * struct ft_vm - a protected VM
 *
 * Lifetime and identity:
 * @ref: references; the list holds one until disable
 * @list: in vm.c's list, under its mutex
 * @node: in hook.c's table by @kvm, RCU and the hook SRCU
 * @config: as attached; the files are put at detach
 * @in_hook: hooks at work on this VM; it is not freed before
 * @kvm: the VM
 * @vcpu: its only vCPU
 * @mn: tells when the VM's process goes away
 *
 * State:
 * @state_lock: guards @machine, @actions, @changes, @nr_changes, @detail
 * @machine: the state machine
 * @actions: FT_ACT_* that @work has still to do
 * @changes: states that @work has still to tell of, in their order
 * @nr_changes: how many
 * @work: does what may not be done where an event comes up
 * @detail: a sentence on why protection ended, for status
 * @mode: enum ft_mode; written under @state_lock, read by the hooks
 * @hold: the guest must not be entered; likewise
 * @ending: primary: protection ends as soon as the peer knows; likewise
 * @gone: QEMU ended while it was protected; likewise
 * @drain: secondary: go live once the log is used up; likewise
 * @released: the vCPU carries no trace of us; set in its thread or under vcpu->mutex
 * @detached: no hook finds the VM any more; written by @work
 * @forgotten: it is off the list, and its process may go away unnoticed
 * @wq: everybody who waits for anything of this VM
 *
 * The vCPU's thread alone, in KVM_RUN; outside of it, who has vcpu->mutex:
 * @task: the vCPU's thread, once it ran
 * @exiting: KVM handles an exit, and a safe point follows, or QEMU and then one
 * @kick: queued on @task to get a safe point
 * @kick_queued: bit 0: @kick is queued
 * @counter: the branch counter
 * @branches: retired by the guest, as of the last exit
 * @events: halts and deliveries since attach
 * @exit: the last exit
 * @plan: for the next entry
 * @codec: for the log
 * @complete: KVM's complete_userspace_io that ours stands in for
 * @held_exit: exit reason of a write that QEMU was not given yet, for it left KVM_RUN
 *	while that was held; 0: there is none
 * @last_tsc: last TSC the guest was given
 * @deferred: inputs wait, safe points in a row without one applied
 * @nudge: gets the guest out again after a deferral
 * @overflow_at: replay: branches at which the armed counter overflows
 * @next: replay: the entry at hand
 * @next_len: replay: its length in the log, 0: none decoded yet
 * @stood: replay: where the guest was last at the next entry's instruction, for whoever
 *	has to find out why it missed the entry; no @stood.rip: not yet
 * @trail: replay: the entries that were executed last, likewise; a ring
 * @steps: replay: entries executed: where @trail goes on
 * @disk_read: replay: this copy read from a disk, and the primary does not know yet
 * @stats: counters
 *
 * The rest:
 * @inputs: record: inputs that wait for their position
 * @position_due: record: the pulse wants a POSITION entry
 * @digest_due: record: somebody wants a DIGEST entry
 * @digest_offset: log offset behind the last DIGEST entry
 * @digest: the last digest taken
 * @pulse: record: every so often, asks for a POSITION entry
 * @pulse_head: log head at the last pulse
 * @log: the ring
 * @channel: the logging channel; NULL once closed; written by attach and @work
 * @acked: record: log bytes the secondary holds
 * @peer_replayed: record: log bytes the secondary has executed
 * @replayed: replay: log bytes executed
 * @peer_tsc: replay: the guest's TSC in the last heartbeat
 * @devices_lock: a device is being worked on, in whatever thread
 * @devices: those that vhost serves, config.nr_devices of them
 * @local: replay: interrupts of this host's devices
 */
struct ft_vm {
	struct kref ref;
	struct list_head list;
	struct hlist_node node;
	atomic_t in_hook;
	struct ft_vm_config config;
	struct kvm *kvm;
	struct kvm_vcpu *vcpu;
	struct mmu_notifier mn;

	spinlock_t state_lock;	/* @machine ... @detail, but for @work */
	struct ft_machine machine;
	u32 actions;
	struct ft_change changes[FT_CHANGES];
	unsigned int nr_changes;
	struct work_struct work;
	char detail[FT_DETAIL_MAX];
	enum ft_mode mode;
	bool hold;
	bool ending;
	bool gone;
	bool drain;
	bool released;
	bool detached;
	bool forgotten;
	wait_queue_head_t wq;

	struct task_struct *task;
	bool exiting;
	struct callback_head kick;
	unsigned long kick_queued;
	struct ft_counter counter;
	u64 branches;
	u64 events;
	struct ft_exit exit;
	struct ft_plan plan;
	struct ft_codec codec;
	int (*complete)(struct kvm_vcpu *vcpu);
	u32 held_exit;
	u64 last_tsc;
	unsigned int deferred;
	struct hrtimer nudge;
	u64 overflow_at;
	struct ft_entry next;
	int next_len;
	struct ft_position stood;
	struct ft_step trail[FT_TRAIL];
	unsigned int steps;
	bool disk_read;
	struct ft_stats stats;

	struct ft_inputs inputs;
	bool position_due;
	bool digest_due;
	u64 digest_offset;
	struct ft_digest digest;
	struct hrtimer pulse;
	u64 pulse_head;
	struct ft_log log;
	struct ft_channel __rcu *channel;
	u64 acked;
	u64 peer_replayed;
	u64 replayed;
	u64 peer_tsc;
	struct mutex devices_lock;	/* @devices */
	struct ft_vhost devices[FT_DEVICES_MAX];
	struct ft_local local;
};

static inline enum ft_mode ft_mode(const struct ft_vm *vm)
{
	return READ_ONCE(vm->mode);
}

/* Given up: whatever the guest still wants to do is never done. */
static inline bool ft_vm_dropped(const struct ft_vm *vm)
{
	return READ_ONCE(vm->machine.state) == KVM_FT_STATE_DROPPED;
}

/* vm.c */
int ft_vm_event(struct ft_vm *vm, enum ft_event event, u32 reason,
		const char *fmt, ...) __printf(4, 5);
void ft_vm_queue_work(struct ft_vm *vm);

/* vcpu.c */
int ft_vcpu_bind(void);
void ft_vcpu_init(struct ft_vm *vm);
void ft_vcpu_unkick(struct ft_vm *vm);
void ft_vm_begin(struct ft_vm *vm);
struct ft_position ft_vm_position(struct ft_vm *vm);
int ft_vm_safe_point(struct ft_vm *vm);
void ft_vm_kick(struct ft_vm *vm);
void ft_vm_release_vcpu(struct ft_vm *vm);

/* peer.c */
int ft_vm_open(struct ft_vm *vm, struct netlink_ext_ack *extack);
void ft_vm_flush(struct ft_vm *vm);
void ft_vm_notify(struct ft_vm *vm);
void ft_vm_close(struct ft_vm *vm, u32 reason);

/* hook.c: the table the hooks look VMs up in. */
void ft_hook_add(struct ft_vm *vm);
void ft_hook_del(struct ft_vm *vm);
void ft_hook_release(struct ft_vm *vm);

/*
 * The engine proper, called by the hooks in the vCPU's thread. While that is not in
 * KVM_RUN, who has vcpu->mutex may stand in for it, as ft_vhost_drain() does.
 *
 * ft_*_answer(): the guest asked synchronously; a primary writes @entry to the
 * log, a secondary replaces the answer in it by the log's.
 * ft_*_safe_point(): the guest stands at a position, and inputs may be applied.
 * Sleeps; returns -EINTR when a signal came while the guest may not run on.
 */
void ft_record_answer(struct ft_vm *vm, struct ft_entry *entry);
void ft_record_batch(struct ft_vm *vm, const struct ft_position *pos);
int ft_record_dma(struct ft_vm *vm, u64 gpa, u32 len);
int ft_record_disk(struct ft_vm *vm, struct ft_entry *entry);
void ft_record_part(struct ft_vm *vm, struct ft_entry *entry);
bool ft_record_may_go_on(struct ft_vm *vm);
int ft_record_safe_point(struct ft_vm *vm);
void ft_record_nudge(struct ft_vm *vm);
bool ft_record_input(struct ft_vm *vm, const struct ft_input *input);
void ft_record_open(struct ft_vm *vm);
void ft_record_here(struct ft_vm *vm);
void ft_record_start(struct ft_vm *vm);
void ft_replay_answer(struct ft_vm *vm, struct ft_entry *entry, u8 *data);
bool ft_replay_answer_at_once(struct ft_vm *vm, struct ft_entry *entry);
bool ft_replay_may_go_on(struct ft_vm *vm);
int ft_replay_safe_point(struct ft_vm *vm);
bool ft_replay_input(struct ft_vm *vm, const struct ft_input *input);

/* memory.c: may sleep; to read and write, current->mm must be the guest's. */
int ft_guest_read(struct ft_vm *vm, u64 gpa, void *buf, size_t len);
int ft_guest_write(struct ft_vm *vm, u64 gpa, const void *buf, size_t len);
int ft_guest_gpa(struct ft_vm *vm, const void __user *addr, u64 *gpa);
int ft_guest_slots(struct ft_vm *vm, struct ft_slot *slots, int max);

/* output.c */
bool ft_output_allowed(struct ft_vm *vm, u64 offset);
void ft_output_batch(struct ft_vm *vm, bool begin);
void ft_output_release(struct ft_vm *vm);
void ft_output_announce(struct ft_vm *vm);
int ft_output_hold(struct ft_vm *vm);

/* digest.c: may sleep; current->mm must be the guest's. */
int ft_digest_take(struct ft_vm *vm, struct ft_digest *digest);

#endif /* _KVM_FT_ENGINE_H */
