// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vCPU's thread on its way into the guest and out of it: KVM's vendor
 * operations, replaced through its static calls. What the guest does with the
 * device model in QEMU is caught here too, when KVM leaves for QEMU and when
 * QEMU is back.
 */
#include "hook-priv.h"

/* Signatures of the operations, as struct kvm_x86_ops has them. */
typedef int ft_pre_run_t(struct kvm_vcpu *vcpu);
typedef fastpath_t ft_run_t(struct kvm_vcpu *vcpu, u64 flags);
typedef int ft_handle_exit_t(struct kvm_vcpu *vcpu, fastpath_t fastpath);

static int ft_absent_pre_run(struct kvm_vcpu *vcpu)
{
	return 1;
}

static fastpath_t ft_absent_run(struct kvm_vcpu *vcpu, u64 flags)
{
	return EXIT_FASTPATH_NONE;
}

static int ft_absent_handle_exit(struct kvm_vcpu *vcpu, fastpath_t fastpath)
{
	return -EIO;
}

DEFINE_STATIC_CALL(ft_kvm_vcpu_pre_run, ft_absent_pre_run);
DEFINE_STATIC_CALL(ft_kvm_vcpu_run, ft_absent_run);
DEFINE_STATIC_CALL(ft_kvm_handle_exit, ft_absent_handle_exit);

/*
 * The guest is about to be entered. Sleeping with KVM's SRCU held would keep
 * QEMU from changing memory slots.
 */
static int ft_safe_point(struct ft_vm *vm)
{
	int ret;

	kvm_vcpu_srcu_read_unlock(vm->vcpu);
	ret = ft_vm_safe_point(vm);
	kvm_vcpu_srcu_read_lock(vm->vcpu);
	return ret;
}

static int ft_vcpu_pre_run(struct kvm_vcpu *vcpu)
{
	struct ft_vm *vm = ft_hook_enter(vcpu->kvm);
	int ret = static_call(ft_kvm_vcpu_pre_run)(vcpu);

	if (vm && ret > 0) {
		ft_vm_begin(vm);
		if (ft_safe_point(vm)) {
			vcpu->run->exit_reason = KVM_EXIT_INTR;
			ret = -EINTR;
		}
	}
	ft_hook_leave(vm);
	return ret;
}

static void ft_count(struct ft_vm *vm)
{
	u64 branches;
	int err = ft_counter_read(&vm->counter, &branches);

	if (unlikely(err)) {
		ft_vm_event(vm, FT_EV_FAULT, KVM_FT_REASON_NO_RESOURCES,
			    "the branch counter was taken away");
		return;
	}
	vm->branches = branches;
	vm->events += vm->exit.delivered + vm->exit.halted;
	vm->stats.exits++;
	vm->stats.breakpoints += vm->exit.kind == FT_EXIT_BREAKPOINT;
}

static u64 ft_guest_tsc(struct ft_vm *vm)
{
	/* Never twice the same, so that the log's deltas tell them apart. */
	return max(kvm_read_l1_tsc(vm->vcpu, rdtsc()), vm->last_tsc + 1);
}

/**
 * ft_answer() - the guest asked something synchronously
 * @vm: VM
 * @entry: type and body with this host's answer; a secondary replaces it
 * @data: KVM_FT_ENTRY_IO_IN: the answer's bytes, to be replaced
 *
 * Context: the vCPU's thread.
 */
void ft_answer(struct ft_vm *vm, struct ft_entry *entry, void *data)
{
	if (ft_mode(vm) == FT_RECORD)
		ft_record_answer(vm, entry);
	else if (ft_mode(vm) == FT_REPLAY)
		ft_replay_answer(vm, entry, data);
}

static struct ft_entry ft_tsc_entry(struct ft_vm *vm, bool tscp)
{
	return (struct ft_entry) {
		.type = tscp ? KVM_FT_ENTRY_TSCP : KVM_FT_ENTRY_TSC,
		.tsc = ft_guest_tsc(vm),
	};
}

static int ft_handle_tsc(struct ft_vm *vm, bool tscp)
{
	struct ft_entry entry = ft_tsc_entry(vm, tscp);

	ft_answer(vm, &entry, NULL);
	return ft_vendor->answer_tsc(vm->vcpu, entry.tsc, tscp);
}

/*
 * The commonest exit of all. It is answered where it came up, if that can be done, and
 * KVM enters the guest again if it has nothing else to do.
 */
static fastpath_t ft_fast_tsc(struct ft_vm *vm, fastpath_t ret)
{
	bool tscp = vm->exit.kind == FT_EXIT_TSCP;
	struct ft_entry entry;
	bool go_on;

	if ((vm->exit.kind != FT_EXIT_TSC && !tscp) || !ft_vendor->can_skip(vm->vcpu))
		return ret;
	entry = ft_tsc_entry(vm, tscp);
	if (ft_mode(vm) == FT_RECORD) {
		ft_record_answer(vm, &entry);
		go_on = ft_record_may_go_on(vm);
	} else if (ft_mode(vm) == FT_REPLAY && ft_replay_answer_at_once(vm, &entry)) {
		go_on = ft_replay_may_go_on(vm);
	} else {
		return ret;
	}
	ft_vendor->answer_tsc(vm->vcpu, entry.tsc, tscp);
	vm->exit.kind = FT_EXIT_KVM;
	return go_on ? EXIT_FASTPATH_REENTER_GUEST : EXIT_FASTPATH_EXIT_HANDLED;
}

/* Exits between two of ft_kvm_forget_eois(); each ends one interrupt at most. */
#define FT_EOIS		4096

static fastpath_t ft_vcpu_run(struct kvm_vcpu *vcpu, u64 flags)
{
	struct ft_vm *vm = ft_hook_enter(vcpu->kvm);
	fastpath_t ret;

	/* Off but not released: our intercepts are still there. */
	if (!vm || vm->released) {
		ret = static_call(ft_kvm_vcpu_run)(vcpu, flags);
		goto out;
	}
	if (unlikely(vm->deferred))
		ft_record_nudge(vm);
	ft_vendor->before_entry(vcpu, &vm->plan);
	/* Left when the trap is delivered: what comes then is not to be taken for a part of it. */
	if (unlikely(vm->plan.trap))
		flags |= KVM_RUN_FORCE_IMMEDIATE_EXIT;
	ret = static_call(ft_kvm_vcpu_run)(vcpu, flags);
	ft_vendor->after_exit(vcpu, &vm->plan, &vm->exit);
	vm->plan.trap = false;
	ft_count(vm);
	if (unlikely(vm->stats.exits % FT_EOIS == 1))
		ft_kvm_forget_eois(vcpu);
	/* What KVM would do without a full exit is to pass handle_exit() too. */
	if (ret == EXIT_FASTPATH_REENTER_GUEST)
		ret = EXIT_FASTPATH_EXIT_HANDLED;
	ret = ft_fast_tsc(vm, ret);
out:
	ft_hook_leave(vm);
	return ret;
}

/* Of the secondary, which is to inject the trap at its next entry. */
static int ft_handle_trap(struct ft_vm *vm)
{
	/* One behind the breakpoint may execute: RF is clear again. */
	if (ft_vendor->linear_rip(vm->vcpu) != vm->plan.rip)
		return 1;
	vm->plan.trap = ft_vendor->find_trap(vm->vcpu, &vm->plan);
	if (!vm->plan.trap)
		ft_vm_event(vm, FT_EV_FAULT, KVM_FT_REASON_UNSUPPORTED,
			    "the instruction at rip %llx cannot be read",
			    ft_vendor->linear_rip(vm->vcpu));
	return 1;
}

static void ft_to_device(struct ft_vm *vm);

/* The bytes of the access that QEMU is to do, or did. */
static struct ft_entry ft_device_entry(struct kvm_vcpu *vcpu, u8 type, u8 **data)
{
	struct kvm_run *run = vcpu->run;
	struct ft_entry entry = { .type = type };

	if (vcpu->mmio_needed) {
		*data = run->mmio.data;
		entry.io.addr = run->mmio.phys_addr;
		entry.io.len = min_t(u32, run->mmio.len, sizeof(run->mmio.data));
	} else {
		/* Of a write, KVM's emulator has cleared pio.count by now. */
		*data = vcpu->arch.pio_data;
		entry.io.addr = run->io.port;
		entry.io.len = min_t(u32, run->io.size * run->io.count,
				     KVM_FT_ENTRY_DATA_MAX);
	}
	entry.io.data = *data;
	return entry;
}

static bool ft_device_write(struct kvm_vcpu *vcpu)
{
	return vcpu->mmio_needed ? vcpu->mmio_is_write :
				   vcpu->run->io.direction == KVM_EXIT_IO_OUT;
}

static int ft_device_done(struct kvm_vcpu *vcpu);

/*
 * QEMU is to do a write. Interrupted while that is held, it gets nothing to do, and is
 * back here when the guest is to run again.
 */
static int ft_hold_write(struct ft_vm *vm)
{
	struct kvm_vcpu *vcpu = vm->vcpu;
	int ret;

	/* QEMU may want to change memory slots meanwhile. */
	kvm_vcpu_srcu_read_unlock(vcpu);
	ret = ft_output_hold(vm);
	kvm_vcpu_srcu_read_lock(vcpu);
	if (ret) {
		vm->held_exit = vcpu->run->exit_reason;
		vcpu->run->exit_reason = KVM_EXIT_INTR;
		vcpu->arch.complete_userspace_io = ft_device_done;
	}
	return ret;
}

/* Once more. Not all writes are completed by KVM when QEMU is through with them. */
static int ft_hold_on(struct ft_vm *vm)
{
	struct kvm_vcpu *vcpu = vm->vcpu;

	if (!vcpu->wants_to_run && READ_ONCE(vm->hold) && ft_mode(vm) != FT_OFF) {
		vcpu->arch.complete_userspace_io = ft_device_done;
		return -EINTR;
	}
	vcpu->run->exit_reason = vm->held_exit;
	vm->held_exit = 0;
	vcpu->arch.complete_userspace_io = vm->complete ? ft_device_done : NULL;
	return ft_hold_write(vm);
}

/* KVM wants QEMU to do a read or write: be there when it is done. */
static void ft_to_device(struct ft_vm *vm)
{
	struct kvm_vcpu *vcpu = vm->vcpu;

	if (!vcpu->arch.complete_userspace_io ||
	    vcpu->arch.complete_userspace_io == ft_device_done)
		return;
	vm->complete = vcpu->arch.complete_userspace_io;
	vcpu->arch.complete_userspace_io = ft_device_done;
}

/* The guest's exit goes on in QEMU. Returns what KVM_RUN does. */
static int ft_exit_to_user(struct ft_vm *vm)
{
	struct kvm_vcpu *vcpu = vm->vcpu;
	struct ft_entry entry;
	u8 *data;

	switch (vcpu->run->exit_reason) {
	case KVM_EXIT_IO:
	case KVM_EXIT_MMIO:
		break;
	case KVM_EXIT_INTR:
		return 0;
	default:
		ft_vm_event(vm, FT_EV_FAULT, KVM_FT_REASON_UNSUPPORTED,
			    "the guest left KVM for QEMU with exit reason %u (a reset or an error)",
			    vcpu->run->exit_reason);
		return 0;
	}
	ft_to_device(vm);
	if (!ft_device_write(vcpu))
		return 0;

	entry = ft_device_entry(vcpu, KVM_FT_ENTRY_IO_OUT, &data);
	ft_answer(vm, &entry, data);
	vm->stats.outputs++;
	return ft_hold_write(vm);
}

/* QEMU is through with a read or write: stands in for KVM's completion. */
static int ft_device_done(struct kvm_vcpu *vcpu)
{
	struct ft_vm *vm = ft_hook_enter(vcpu->kvm);
	int (*complete)(struct kvm_vcpu *vcpu);
	struct ft_entry entry;
	u8 *data;
	int ret;

	if (vm && vm->held_exit) {
		ret = ft_hold_on(vm);
		goto out;
	}
	if (WARN_ON_ONCE(!vm || !vm->complete)) {
		ret = -EIO;
		goto out;
	}
	complete = vm->complete;
	vm->complete = NULL;
	if (!ft_device_write(vcpu)) {
		entry = ft_device_entry(vcpu, KVM_FT_ENTRY_IO_IN, &data);
		ft_answer(vm, &entry, data);
	}
	ret = complete(vcpu);
	/* An instruction may read and then write, or access a device piece by piece. */
	if (!ret && ft_mode(vm) != FT_OFF)
		ret = ft_exit_to_user(vm);
out:
	ft_hook_leave(vm);
	return ret;
}

/**
 * ft_hook_release() - KVM completes what is with QEMU now by itself
 * @vm: VM, off
 *
 * Context: the vCPU's thread, or under vcpu->mutex.
 */
void ft_hook_release(struct ft_vm *vm)
{
	if (vm->vcpu->arch.complete_userspace_io == ft_device_done)
		vm->vcpu->arch.complete_userspace_io = vm->complete;
	vm->complete = NULL;
}

static int ft_handle_exit(struct kvm_vcpu *vcpu, fastpath_t fastpath)
{
	struct ft_vm *vm = ft_hook_enter(vcpu->kvm);
	int ret;

	if (!vm || vm->released) {
		ret = static_call(ft_kvm_handle_exit)(vcpu, fastpath);
		goto out;
	}
	vm->exiting = true;
	switch (vm->exit.kind) {
	case FT_EXIT_TSC:
	case FT_EXIT_TSCP:
		ret = ft_handle_tsc(vm, vm->exit.kind == FT_EXIT_TSCP);
		break;
	case FT_EXIT_BREAKPOINT:
		ret = 1;
		break;
	case FT_EXIT_TRAP:
		ret = ft_handle_trap(vm);
		break;
	default:
		ret = static_call(ft_kvm_handle_exit)(vcpu, fastpath);
	}
	vm->exiting = false;
	if (ret > 0)
		ft_safe_point(vm);	/* a signal makes KVM's loop return by itself */
	else if (!ret && ft_mode(vm) != FT_OFF)
		ret = ft_exit_to_user(vm);
out:
	ft_hook_leave(vm);
	return ret;
}

struct ft_op ft_ops[] = {
	{ "vcpu_pre_run", ft_vcpu_pre_run },
	{ "vcpu_run", ft_vcpu_run },
	{ "handle_exit", ft_handle_exit },
};

const unsigned int ft_nr_ops = ARRAY_SIZE(ft_ops);

/**
 * ft_ops_keep() - have our hooks call what KVM called before
 *
 * Context: ft_ops[].orig is set, the hooks are not installed yet.
 */
void ft_ops_keep(void)
{
	static_call_update(ft_kvm_vcpu_pre_run, (ft_pre_run_t *)ft_ops[0].orig);
	static_call_update(ft_kvm_vcpu_run, (ft_run_t *)ft_ops[1].orig);
	static_call_update(ft_kvm_handle_exit, (ft_handle_exit_t *)ft_ops[2].orig);
}
