// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vCPU's thread as the engine uses it: how it begins, how it is called to a
 * safe point, what it does there, and how it is let go.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kvm_host.h>
#include <linux/moduleparam.h>
#include <linux/sched/task.h>
#include <linux/xxhash.h>
#include "engine.h"
#include "symbol.h"

/* The kernel's, not exported. */
static bool (*task_work_cancel_addr)(struct task_struct *task, struct callback_head *cb);

static unsigned int ft_position_ms = 10;
module_param_named(position_ms, ft_position_ms, uint, 0644);
MODULE_PARM_DESC(position_ms, "longest the secondary of a computing guest waits to go on, in ms (default 10)");

/**
 * ft_vm_position() - where the guest stands
 * @vm: VM
 *
 * Context: the vCPU's thread, outside of the guest.
 * Return: the position.
 */
struct ft_position ft_vm_position(struct ft_vm *vm)
{
	const unsigned long *regs = vm->vcpu->arch.regs;

	return (struct ft_position) {
		.branches = vm->branches,
		.events = vm->events,
		.rip = ft_vendor->linear_rip(vm->vcpu),
		.regs = xxh32(regs, VCPU_REGS_RIP * sizeof(*regs), 0),
	};
}

/**
 * ft_vm_safe_point() - the guest stands at a position and may be worked on
 * @vm: VM
 *
 * Context: the vCPU's thread in KVM_RUN, KVM's SRCU not held; sleeps.
 * Return: 0, or -EINTR when the guest may not be entered and a signal came.
 */
int ft_vm_safe_point(struct ft_vm *vm)
{
	int ret = 0;

	if (ft_mode(vm) == FT_RECORD)
		ret = ft_record_safe_point(vm);
	if (ft_mode(vm) == FT_REPLAY)
		ret = ft_replay_safe_point(vm);
	if (ft_mode(vm) == FT_OFF)
		ft_vm_release_vcpu(vm);
	return ret;
}

/* Runs in KVM_RUN just before the guest is entered, or on the way to QEMU. */
static void ft_vm_kicked(struct callback_head *head)
{
	struct ft_vm *vm = container_of(head, struct ft_vm, kick);

	clear_bit_unlock(0, &vm->kick_queued);
	/* In QEMU: KVM_RUN begins with a safe point. */
	if (kvm_get_running_vcpu() == vm->vcpu && vm->vcpu->wants_to_run) {
		atomic_inc(&vm->in_hook);
		ft_vm_safe_point(vm);
		if (atomic_dec_and_test(&vm->in_hook))
			wake_up_var(&vm->in_hook);
	}
	ft_vm_put(vm);
}

/**
 * ft_vm_kick() - have the vCPU's thread come to a safe point
 * @vm: VM
 *
 * Context: any but NMI.
 */
void ft_vm_kick(struct ft_vm *vm)
{
	/* With ft_vm_begin(): the reference is held before the pointer is seen. */
	struct task_struct *task = smp_load_acquire(&vm->task);

	/* By what the guest did itself: it is on its way there. */
	if (task == current && in_task() && vm->exiting)
		return;
	if (task && !test_and_set_bit_lock(0, &vm->kick_queued)) {
		kref_get(&vm->ref);
		if (task_work_add(task, &vm->kick, TWA_RESUME)) {
			/* The thread is exiting. */
			clear_bit_unlock(0, &vm->kick_queued);
			ft_vm_put(vm);
		}
	}
	kvm_make_request(KVM_REQ_UNBLOCK, vm->vcpu);
	kvm_vcpu_wake_up(vm->vcpu);
}

static enum hrtimer_restart ft_vm_nudge(struct hrtimer *timer)
{
	/* The interrupt got the guest out, that is all. */
	return HRTIMER_NORESTART;
}

/* A guest that computes for long: tell the secondary how far it may follow. */
static enum hrtimer_restart ft_vm_pulse(struct hrtimer *timer)
{
	struct ft_vm *vm = container_of(timer, struct ft_vm, pulse);
	u64 head = ft_log_head(&vm->log);

	if (ft_mode(vm) != FT_RECORD)
		return HRTIMER_NORESTART;
	if (head == vm->pulse_head && !READ_ONCE(vm->hold) &&
	    READ_ONCE(vm->vcpu->arch.mp_state) != KVM_MP_STATE_HALTED) {
		WRITE_ONCE(vm->position_due, true);
		ft_vm_kick(vm);
	}
	vm->pulse_head = head;
	hrtimer_forward_now(timer, ms_to_ktime(max(ft_position_ms, 1U)));
	return HRTIMER_RESTART;
}

/**
 * ft_vm_begin() - the vCPU's thread enters KVM_RUN
 * @vm: VM
 *
 * The first time, its branch counter starts.
 *
 * Context: the vCPU's thread, may sleep.
 */
void ft_vm_begin(struct ft_vm *vm)
{
	int err;

	if (likely(vm->task) || ft_mode(vm) == FT_OFF)
		return;
	/* With ft_vm_kick(). */
	smp_store_release(&vm->task, get_task_struct(current));
	ft_vhost_begin(vm);
	err = ft_counter_open(&vm->counter, ft_vendor->branches,
			      ft_mode(vm) == FT_REPLAY);
	if (err) {
		ft_vm_event(vm, FT_EV_FAULT, KVM_FT_REASON_NO_RESOURCES,
			    "no counter of guest branches (%d): is the PMU there, and free?",
			    err);
		return;
	}
	if (ft_mode(vm) == FT_RECORD)
		hrtimer_start(&vm->pulse, ms_to_ktime(max(ft_position_ms, 1U)),
			      HRTIMER_MODE_REL_HARD);
}

/**
 * ft_vm_release_vcpu() - leave no trace of us in the vCPU
 * @vm: VM, off
 *
 * Context: the vCPU's thread, or under vcpu->mutex; may sleep.
 */
void ft_vm_release_vcpu(struct ft_vm *vm)
{
	if (vm->released)
		return;
	ft_vendor->release(vm->vcpu);
	ft_hook_release(vm);
	ft_counter_close(&vm->counter);
	/* With ft_vm_wait_released(), which may not have waited. */
	smp_store_release(&vm->released, true);
	wake_up_all(&vm->wq);
	ft_vm_queue_work(vm);
}

/**
 * ft_vcpu_unkick() - take back what ft_vm_kick() left with the vCPU's thread
 * @vm: VM that nobody kicks any more
 *
 * A thread that sleeps in QEMU would hold on to it, and to this module, until it
 * wakes up.
 *
 * Context: may sleep.
 */
void ft_vcpu_unkick(struct ft_vm *vm)
{
	if (vm->task && test_bit(0, &vm->kick_queued) &&
	    task_work_cancel_addr(vm->task, &vm->kick)) {
		clear_bit_unlock(0, &vm->kick_queued);
		ft_vm_put(vm);
	}
}

/**
 * ft_vcpu_bind() - find what the kernel does not export
 *
 * Return: 0 or -ENOENT.
 */
int ft_vcpu_bind(void)
{
	void *addr;
	int ret = ft_symbol_resolve(NULL, "task_work_cancel", &addr);

	if (!ret)
		task_work_cancel_addr = addr;
	return ret;
}

/**
 * ft_vcpu_init() - what a new VM needs to call its vCPU's thread
 * @vm: VM, not known to anybody yet
 */
void ft_vcpu_init(struct ft_vm *vm)
{
	init_task_work(&vm->kick, ft_vm_kicked);
	hrtimer_init(&vm->nudge, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED_HARD);
	vm->nudge.function = ft_vm_nudge;
	hrtimer_init(&vm->pulse, CLOCK_MONOTONIC, HRTIMER_MODE_REL_HARD);
	vm->pulse.function = ft_vm_pulse;
}
