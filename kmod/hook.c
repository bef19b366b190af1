// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hooks into kvm.ko, and the few of its functions that we call. Two mechanisms:
 * vendor operations are replaced through KVM's static calls, which cost a VM
 * that is not protected one lookup; functions are diverted by ftrace at their
 * entry, as livepatch does it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/ftrace.h>
#include <linux/hashtable.h>
#include <linux/kvm_host.h>
#include <linux/netlink.h>
#include <linux/percpu.h>
#include <linux/static_call.h>
#include <linux/wait_bit.h>
#include <linux/xxhash.h>
#include <asm/apicdef.h>
#include <asm/ibt.h>
#include "engine.h"
#include "hook.h"
#include "layout.h"
#include "symbol.h"

const struct ft_vendor *ft_vendor;

/*
 * Protected VMs by struct kvm. A hook pins the VM it found (it may sleep for
 * long, and VMs must not wait for each other), and is counted whether it found
 * one or not, so that the hooks' text can go away.
 */
static DEFINE_HASHTABLE(ft_vms, 6);
static DEFINE_SPINLOCK(ft_vms_lock);
static DEFINE_PER_CPU(long, ft_in_hook);

static struct ft_vm *ft_hook_enter(const struct kvm *kvm)
{
	struct ft_vm *vm;

	this_cpu_inc(ft_in_hook);
	rcu_read_lock();
	hash_for_each_possible_rcu(ft_vms, vm, node, (unsigned long)kvm) {
		if (vm->kvm == kvm) {
			atomic_inc(&vm->in_hook);
			break;
		}
	}
	rcu_read_unlock();
	return vm;
}

static void ft_hook_leave(struct ft_vm *vm)
{
	if (vm && atomic_dec_and_test(&vm->in_hook) && unlikely(hlist_unhashed_lockless(&vm->node)))
		wake_up_var(&vm->in_hook);
	this_cpu_dec(ft_in_hook);
}

/**
 * ft_hook_add() - let the hooks see a VM
 * @vm: VM, ready for them
 */
void ft_hook_add(struct ft_vm *vm)
{
	spin_lock(&ft_vms_lock);
	hash_add_rcu(ft_vms, &vm->node, (unsigned long)vm->kvm);
	spin_unlock(&ft_vms_lock);
}

/**
 * ft_hook_del() - hide a VM from the hooks; none uses it on return
 * @vm: VM whose vCPU was released
 *
 * Context: may sleep.
 */
void ft_hook_del(struct ft_vm *vm)
{
	spin_lock(&ft_vms_lock);
	hlist_del_init_rcu(&vm->node);
	spin_unlock(&ft_vms_lock);
	synchronize_rcu();
	wait_var_event(&vm->in_hook, !atomic_read(&vm->in_hook));
}

/* -- Vendor operations ---------------------------------------------------- */

/* Signatures of the operations; KVM's own names are struct kvm_x86_ops members. */
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

static fastpath_t ft_vcpu_run(struct kvm_vcpu *vcpu, u64 flags)
{
	struct ft_vm *vm = ft_hook_enter(vcpu->kvm);
	fastpath_t ret;

	if (!vm || ft_mode(vm) == FT_OFF) {
		ret = static_call(ft_kvm_vcpu_run)(vcpu, flags);
		goto out;
	}
	if (unlikely(vm->deferred))
		ft_record_nudge(vm);
	ft_vendor->before_entry(vcpu, &vm->plan);
	ret = static_call(ft_kvm_vcpu_run)(vcpu, flags);
	ft_vendor->after_exit(vcpu, &vm->plan, &vm->exit);
	ft_count(vm);
	if (unlikely(vm->deferred))
		ft_vm_kick(vm);
	/* What KVM would do without a full exit is to pass handle_exit() too. */
	if (ret == EXIT_FASTPATH_REENTER_GUEST)
		ret = EXIT_FASTPATH_EXIT_HANDLED;
out:
	ft_hook_leave(vm);
	return ret;
}

static u64 ft_guest_tsc(struct ft_vm *vm)
{
	/* Never twice the same, so that the log's deltas tell them apart. */
	return max(kvm_read_l1_tsc(vm->vcpu, rdtsc()), vm->last_tsc + 1);
}

static void ft_answer(struct ft_vm *vm, struct ft_entry *entry, void *data)
{
	if (ft_mode(vm) == FT_RECORD)
		ft_record_answer(vm, entry);
	else if (ft_mode(vm) == FT_REPLAY)
		ft_replay_answer(vm, entry, data);
}

static int ft_handle_tsc(struct ft_vm *vm, bool tscp)
{
	struct ft_entry entry = {
		.type = tscp ? KVM_FT_ENTRY_TSCP : KVM_FT_ENTRY_TSC,
		.tsc = ft_guest_tsc(vm),
	};

	ft_answer(vm, &entry, NULL);
	return ft_vendor->answer_tsc(vm->vcpu, entry.tsc, tscp);
}

/* -- Exits to the device model --------------------------------------------- */

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
		*data = vcpu->arch.pio_data;
		entry.io.addr = vcpu->arch.pio.port;
		entry.io.len = min_t(u32, vcpu->arch.pio.size * vcpu->arch.pio.count,
				     KVM_FT_ENTRY_DATA_MAX);
	}
	entry.io.data = *data;
	return entry;
}

static bool ft_device_write(struct kvm_vcpu *vcpu)
{
	return vcpu->mmio_needed ? vcpu->mmio_is_write : !vcpu->arch.pio.in;
}

/* QEMU is through with a read or write: stands in for KVM's completion. */
static int ft_device_done(struct kvm_vcpu *vcpu)
{
	struct ft_vm *vm = ft_hook_enter(vcpu->kvm);
	int (*complete)(struct kvm_vcpu *vcpu);
	struct ft_entry entry;
	u8 *data;
	int ret;

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
	if (!ret)
		ft_to_device(vm);
out:
	ft_hook_leave(vm);
	return ret;
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

/* The guest's exit goes on in QEMU. */
static void ft_exit_to_user(struct ft_vm *vm)
{
	struct kvm_vcpu *vcpu = vm->vcpu;
	struct ft_entry entry;
	u8 *data;

	switch (vcpu->run->exit_reason) {
	case KVM_EXIT_IO:
	case KVM_EXIT_MMIO:
		break;
	case KVM_EXIT_INTR:
		return;
	default:
		ft_vm_event(vm, FT_EV_FAULT, KVM_FT_REASON_UNSUPPORTED,
			    "the guest left KVM for QEMU with exit reason %u (a reset or an error)",
			    vcpu->run->exit_reason);
		return;
	}
	ft_to_device(vm);
	if (!ft_device_write(vcpu))
		return;

	entry = ft_device_entry(vcpu, KVM_FT_ENTRY_IO_OUT, &data);
	ft_answer(vm, &entry, data);
	vm->stats.outputs++;
	ft_output_hold(vm);
}

/**
 * ft_hook_release() - KVM completes what is with QEMU now by itself
 * @vm: VM, off
 *
 * Context: the vCPU's thread, or under vcpu->mutex.
 */
void ft_hook_release(struct ft_vm *vm)
{
	if (vm->complete)
		vm->vcpu->arch.complete_userspace_io = vm->complete;
	vm->complete = NULL;
}

static int ft_handle_exit(struct kvm_vcpu *vcpu, fastpath_t fastpath)
{
	struct ft_vm *vm = ft_hook_enter(vcpu->kvm);
	int ret;

	if (!vm || ft_mode(vm) == FT_OFF) {
		ret = static_call(ft_kvm_handle_exit)(vcpu, fastpath);
		goto out;
	}
	switch (vm->exit.kind) {
	case FT_EXIT_TSC:
	case FT_EXIT_TSCP:
		ret = ft_handle_tsc(vm, vm->exit.kind == FT_EXIT_TSCP);
		break;
	case FT_EXIT_BREAKPOINT:
		ret = 1;
		break;
	default:
		ret = static_call(ft_kvm_handle_exit)(vcpu, fastpath);
	}
	if (ret > 0)
		ft_safe_point(vm);	/* a signal makes KVM's loop return by itself */
	else if (!ret && ft_mode(vm) != FT_OFF)
		ft_exit_to_user(vm);
out:
	ft_hook_leave(vm);
	return ret;
}

/**
 * struct ft_op - a vendor operation that is replaced
 * @name: member of struct kvm_x86_ops
 * @hook: what takes its place
 * @key: KVM's static call
 * @tramp: its trampoline
 * @orig: what it called before; NULL: not replaced now
 */
struct ft_op {
	const char *name;
	void *hook;
	struct static_call_key *key;
	void *tramp;
	void *orig;
};

static struct ft_op ft_ops[] = {
	{ "vcpu_pre_run", ft_vcpu_pre_run },
	{ "vcpu_run", ft_vcpu_run },
	{ "handle_exit", ft_handle_exit },
};

static int ft_op_bind(struct ft_op *op)
{
	char symbol[64];
	void *addr;
	int ret;

	snprintf(symbol, sizeof(symbol), "__SCK__kvm_x86_%s", op->name);
	ret = ft_symbol_resolve("kvm", symbol, &addr);
	if (ret)
		return ret;
	op->key = addr;
	snprintf(symbol, sizeof(symbol), "__SCT__kvm_x86_%s", op->name);
	return ft_symbol_resolve("kvm", symbol, &op->tramp);
}

static void ft_ops_install(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ft_ops); i++)
		ft_ops[i].orig = READ_ONCE(ft_ops[i].key->func);

	static_call_update(ft_kvm_vcpu_pre_run, (typeof(&ft_absent_pre_run))ft_ops[0].orig);
	static_call_update(ft_kvm_vcpu_run, (typeof(&ft_absent_run))ft_ops[1].orig);
	static_call_update(ft_kvm_handle_exit, (typeof(&ft_absent_handle_exit))ft_ops[2].orig);

	for (i = 0; i < ARRAY_SIZE(ft_ops); i++)
		__static_call_update(ft_ops[i].key, ft_ops[i].tramp, ft_ops[i].hook);
}

static void ft_ops_remove(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ft_ops); i++) {
		if (ft_ops[i].orig)
			__static_call_update(ft_ops[i].key, ft_ops[i].tramp, ft_ops[i].orig);
		ft_ops[i].orig = NULL;
	}
}

/* -- Functions --------------------------------------------------------------- */

static int (*kvm_set_irq_orig)(struct kvm *kvm, int source, u32 gsi, int level,
			       bool line_status);
static int (*kvm_arch_set_irq_inatomic_orig)(struct kvm_kernel_irq_routing_entry *e,
					     struct kvm *kvm, int source, int level,
					     bool line_status);
static int (*kvm_send_userspace_msi_orig)(struct kvm *kvm, struct kvm_msi *msi);
static void (*kvm_inject_nmi_orig)(struct kvm_vcpu *vcpu);
static void (*apic_timer_expired_orig)(struct kvm_lapic *apic, bool from_timer_fn);
static void (*kvm_inject_pending_timer_irqs_orig)(struct kvm_vcpu *vcpu);
static int (*kvm_lapic_reg_read_orig)(struct kvm_lapic *apic, u32 offset, int len,
				      void *data);
static int (*kvm_get_msr_ignored_check_orig)(struct kvm_vcpu *vcpu, u32 index,
					     u64 *data, bool host_initiated);
static int (*kvm_io_bus_read_orig)(struct kvm_vcpu *vcpu, enum kvm_bus bus,
				   gpa_t addr, int len, void *val);

/* Called, not replaced. */
static void (*kvm_set_lapic_tscdeadline_msr_addr)(struct kvm_vcpu *vcpu, u64 data);
static int (*kvm_arch_vcpu_runnable_addr)(struct kvm_vcpu *vcpu);
static const struct file_operations *kvm_vm_fops_addr;
static const struct file_operations *kvm_vcpu_fops_addr;

/* True: KVM is to see the input now. */
static bool ft_gate(struct ft_vm *vm, const struct ft_input *input)
{
	if (!vm)
		return true;
	switch (ft_mode(vm)) {
	case FT_RECORD:
		return !ft_record_input(vm, input);
	case FT_REPLAY:
		if (input->type == KVM_FT_ENTRY_IRQ)
			ft_replay_local_line(vm, input->gsi, input->level & 1);
		return false;
	default:
		return true;
	}
}

static int ft_set_irq(struct kvm *kvm, int source, u32 gsi, int level, bool line_status)
{
	struct ft_input input = {
		.type = KVM_FT_ENTRY_IRQ,
		.source = source,
		.level = (level ? 1 : 0) | (line_status ? 2 : 0),
		.gsi = gsi,
	};
	struct ft_vm *vm = ft_hook_enter(kvm);
	int ret = 1;

	/* The resampler's answer to an EOI follows from what the guest did. */
	if ((source == KVM_IRQFD_RESAMPLE_IRQ_SOURCE_ID && !level) ||
	    ft_gate(vm, &input))
		ret = kvm_set_irq_orig(kvm, source, gsi, level, line_status);
	ft_hook_leave(vm);
	return ret;
}

static int ft_set_irq_inatomic(struct kvm_kernel_irq_routing_entry *e, struct kvm *kvm,
			       int source, int level, bool line_status)
{
	struct ft_vm *vm = ft_hook_enter(kvm);
	int ret = -EWOULDBLOCK;	/* irqfd takes its slow path, kvm_set_irq() */

	if (!vm || ft_mode(vm) == FT_OFF)
		ret = kvm_arch_set_irq_inatomic_orig(e, kvm, source, level, line_status);
	ft_hook_leave(vm);
	return ret;
}

static int ft_send_userspace_msi(struct kvm *kvm, struct kvm_msi *msi)
{
	struct ft_input input = {
		.type = KVM_FT_ENTRY_MSI,
		.addr = (u64)msi->address_hi << 32 | msi->address_lo,
		.data = msi->data,
	};
	struct ft_vm *vm = ft_hook_enter(kvm);
	int ret = 1;

	if (ft_gate(vm, &input))
		ret = kvm_send_userspace_msi_orig(kvm, msi);
	ft_hook_leave(vm);
	return ret;
}

static void ft_inject_nmi(struct kvm_vcpu *vcpu)
{
	struct ft_input input = { .type = KVM_FT_ENTRY_NMI };
	struct ft_vm *vm = ft_hook_enter(vcpu->kvm);

	/*
	 * An NMI that the guest sends to itself comes up in its own thread
	 * within KVM_RUN; QEMU's comes up there too, but in another ioctl.
	 */
	if ((vm && current == vm->task && vcpu->wants_to_run) || ft_gate(vm, &input))
		kvm_inject_nmi_orig(vcpu);
	ft_hook_leave(vm);
}

static void ft_timer_expired(struct kvm_lapic *apic, bool from_timer_fn)
{
	struct kvm_vcpu *vcpu = *ft_member(apic, kvm_lapic, vcpu, struct kvm_vcpu *);
	struct ft_vm *vm = ft_hook_enter(vcpu->kvm);

	/* On a primary it becomes an input when the vCPU's thread takes it up. */
	if (!vm || ft_mode(vm) != FT_REPLAY)
		apic_timer_expired_orig(apic, from_timer_fn);
	ft_hook_leave(vm);
}

static void ft_inject_pending_timer_irqs(struct kvm_vcpu *vcpu)
{
	struct ft_vm *vm = ft_hook_enter(vcpu->kvm);

	if (!vm || ft_mode(vm) == FT_OFF) {
		kvm_inject_pending_timer_irqs_orig(vcpu);
	} else if (ft_mode(vm) == FT_RECORD) {
		kvm_vcpu_srcu_read_unlock(vcpu);
		ft_record_safe_point(vm);
		kvm_vcpu_srcu_read_lock(vcpu);
	}
	ft_hook_leave(vm);
}

static int ft_lapic_reg_read(struct kvm_lapic *apic, u32 offset, int len, void *data)
{
	struct kvm_vcpu *vcpu = *ft_member(apic, kvm_lapic, vcpu, struct kvm_vcpu *);
	struct ft_vm *vm = ft_hook_enter(vcpu->kvm);
	int ret = kvm_lapic_reg_read_orig(apic, offset, len, data);
	struct ft_entry entry = {
		.type = KVM_FT_ENTRY_IO_IN,
		.io = { .addr = offset, .len = len, .data = data },
	};

	/* The timer's current count is the only register made of host time. */
	if (vm && !ret && (offset & ~0xf) == APIC_TMCCT)
		ft_answer(vm, &entry, data);
	ft_hook_leave(vm);
	return ret;
}

static int ft_get_msr(struct kvm_vcpu *vcpu, u32 index, u64 *data, bool host_initiated)
{
	struct ft_vm *vm = ft_hook_enter(vcpu->kvm);
	int ret = kvm_get_msr_ignored_check_orig(vcpu, index, data, host_initiated);
	struct ft_entry entry = { .type = KVM_FT_ENTRY_MSR };

	if (vm && !ret && !host_initiated) {
		entry.msr.index = index;
		entry.msr.value = *data;
		ft_answer(vm, &entry, NULL);
		*data = entry.msr.value;
	}
	ft_hook_leave(vm);
	return ret;
}

static int ft_io_bus_read(struct kvm_vcpu *vcpu, enum kvm_bus bus, gpa_t addr, int len,
			  void *val)
{
	struct ft_vm *vm = ft_hook_enter(vcpu->kvm);
	int ret = kvm_io_bus_read_orig(vcpu, bus, addr, len, val);
	struct ft_entry entry = {
		.type = KVM_FT_ENTRY_IO_IN,
		.io = { .addr = addr, .len = len, .data = val },
	};

	if (vm && !ret)
		ft_answer(vm, &entry, val);
	ft_hook_leave(vm);
	return ret;
}

/**
 * struct ft_func - a function of kvm.ko that is replaced, or only called
 * @name: symbol
 * @hook: what takes its place; NULL: only called
 * @orig: set to where the original goes on behind its call of ftrace
 * @addr: its address
 * @ops: ftrace's
 */
struct ft_func {
	const char *name;
	void *hook;
	void *orig;
	unsigned long addr;
	struct ftrace_ops ops;
};

#define FT_FUNC(func, with)	{ .name = #func, .hook = with, .orig = &func##_orig }
#define FT_ADDR(func)		{ .name = #func, .orig = &func##_addr }

static struct ft_func ft_funcs[] = {
	FT_FUNC(kvm_set_irq, ft_set_irq),
	FT_FUNC(kvm_arch_set_irq_inatomic, ft_set_irq_inatomic),
	FT_FUNC(kvm_send_userspace_msi, ft_send_userspace_msi),
	FT_FUNC(kvm_inject_nmi, ft_inject_nmi),
	FT_FUNC(apic_timer_expired, ft_timer_expired),
	FT_FUNC(kvm_inject_pending_timer_irqs, ft_inject_pending_timer_irqs),
	FT_FUNC(kvm_lapic_reg_read, ft_lapic_reg_read),
	FT_FUNC(kvm_get_msr_ignored_check, ft_get_msr),
	FT_FUNC(kvm_io_bus_read, ft_io_bus_read),
	FT_ADDR(kvm_set_lapic_tscdeadline_msr),
	FT_ADDR(kvm_arch_vcpu_runnable),
	FT_ADDR(kvm_vm_fops),
	FT_ADDR(kvm_vcpu_fops),
};

static void notrace ft_divert(unsigned long ip, unsigned long parent_ip,
			      struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	struct ft_func *f = container_of(ops, struct ft_func, ops);

	ftrace_regs_set_instruction_pointer(fregs, (unsigned long)f->hook);
}

static int ft_func_bind(struct ft_func *f)
{
	unsigned long entry;
	void *addr;
	int ret;

	ret = ft_symbol_resolve("kvm", f->name, &addr);
	if (ret)
		return ret;
	f->addr = entry = (unsigned long)addr;
	if (!f->hook) {
		*(void **)f->orig = addr;
		return 0;
	}
	/*
	 * The original is entered behind its call of ftrace, or it would be
	 * diverted again.
	 */
	if (is_endbr(*(u32 *)entry))
		entry += ENDBR_INSN_SIZE;
	*(void **)f->orig = (void *)(entry + MCOUNT_INSN_SIZE);
	return 0;
}

static int ft_func_install(struct ft_func *f)
{
	int ret;

	if (!f->hook)
		return 0;
	f->ops.func = ft_divert;
	f->ops.flags = FTRACE_OPS_FL_DYNAMIC | FTRACE_OPS_FL_IPMODIFY |
		       FTRACE_OPS_FL_PERMANENT;
	ret = ftrace_set_filter_ip(&f->ops, f->addr, 0, 0);
	if (!ret) {
		ret = register_ftrace_function(&f->ops);
		if (ret)
			ftrace_set_filter_ip(&f->ops, f->addr, 1, 0);
	}
	return ret;
}

static void ft_func_remove(struct ft_func *f)
{
	if (!f->hook)
		return;
	unregister_ftrace_function(&f->ops);
	ftrace_set_filter_ip(&f->ops, f->addr, 1, 0);
}

/**
 * ft_hook_install() - divert KVM to us
 * @extack: for the reason of a failure
 *
 * Context: may sleep; vm.c's list mutex held.
 * Return: 0 or a negative errno; then nothing is diverted.
 */
int ft_hook_install(struct netlink_ext_ack *extack)
{
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(ft_funcs); i++) {
		ret = ft_func_install(&ft_funcs[i]);
		if (ret) {
			NL_SET_ERR_MSG_FMT(extack, "cannot hook %s (%d): is it live-patched or traced with IPMODIFY?",
					   ft_funcs[i].name, ret);
			while (i--)
				ft_func_remove(&ft_funcs[i]);
			return ret;
		}
	}
	ft_ops_install();
	return 0;
}

/*
 * Wait until nobody executes a hook that was removed. Tasks that were preempted
 * outside of the counted stretch are caught by RCU tasks, the others by the
 * count: no new ones come, so a sum of zero is final.
 */
static void ft_hook_synchronize(void)
{
	long sum;
	int cpu;

	synchronize_rcu_tasks();
	do {
		sum = 0;
		for_each_possible_cpu(cpu)
			sum += READ_ONCE(*per_cpu_ptr(&ft_in_hook, cpu));
	} while (sum && (msleep(1), true));
	synchronize_rcu_tasks();
}

/**
 * ft_hook_uninstall() - KVM runs without us again
 *
 * Nobody is in any of our hooks on return.
 *
 * Context: may sleep; vm.c's list mutex held, no VM is in the table.
 */
void ft_hook_uninstall(void)
{
	unsigned int i;

	ft_ops_remove();
	for (i = 0; i < ARRAY_SIZE(ft_funcs); i++)
		ft_func_remove(&ft_funcs[i]);
	ft_hook_synchronize();
}

/* -- KVM's originals, for the engine ---------------------------------------- */

void ft_kvm_set_irq(struct kvm *kvm, u8 source, u32 gsi, u8 level)
{
	kvm_set_irq_orig(kvm, source, gsi, level & 1, level & 2);
}

void ft_kvm_send_msi(struct kvm *kvm, u64 addr, u32 data)
{
	struct kvm_msi msi = {
		.address_lo = addr,
		.address_hi = addr >> 32,
		.data = data,
	};

	kvm_send_userspace_msi_orig(kvm, &msi);
}

void ft_kvm_inject_nmi(struct kvm_vcpu *vcpu)
{
	kvm_inject_nmi_orig(vcpu);
}

static void *ft_timer(struct kvm_vcpu *vcpu)
{
	return ft_member_ptr(vcpu->arch.apic, kvm_lapic, lapic_timer);
}

static atomic_t *ft_timer_pending(struct kvm_vcpu *vcpu)
{
	return ft_member(ft_timer(vcpu), kvm_timer, pending, atomic_t);
}

bool ft_kvm_timer_pending(struct kvm_vcpu *vcpu)
{
	return atomic_read(ft_timer_pending(vcpu));
}

void ft_kvm_inject_timer(struct kvm_vcpu *vcpu)
{
	atomic_set(ft_timer_pending(vcpu), 1);
	kvm_inject_pending_timer_irqs_orig(vcpu);
}

/**
 * ft_kvm_rearm_timer() - see to it that the guest's LAPIC timer fires
 * @vcpu: vCPU that goes live, its TSC just rebased
 *
 * A deadline is in the guest's TSC and must be converted anew. A one-shot that
 * expired while expiries were not taken is due now. A periodic one goes on.
 */
void ft_kvm_rearm_timer(struct kvm_vcpu *vcpu)
{
	void *timer = ft_timer(vcpu);
	u64 deadline = *ft_member(timer, kvm_timer, tscdeadline, u64);
	ktime_t target = *ft_member(timer, kvm_timer, target_expiration, ktime_t);
	u32 mode = *ft_member(timer, kvm_timer, timer_mode, u32);

	if (mode == APIC_LVT_TIMER_TSCDEADLINE) {
		if (deadline)
			kvm_set_lapic_tscdeadline_msr_addr(vcpu, deadline);
	} else if (mode == APIC_LVT_TIMER_ONESHOT && target &&
		   ktime_after(ktime_get(), target)) {
		atomic_set(ft_timer_pending(vcpu), 1);
		kvm_make_request(KVM_REQ_UNBLOCK, vcpu);
	}
}

bool ft_kvm_runnable(struct kvm_vcpu *vcpu)
{
	return vcpu->arch.mp_state != KVM_MP_STATE_HALTED ||
	       kvm_arch_vcpu_runnable_addr(vcpu);
}

/**
 * ft_kvm_hash_irqchip() - hash of LAPIC, IOAPIC and PIC
 * @vcpu: vCPU outside of the guest
 *
 * Without what follows from the rest and is brought up to date lazily (the
 * processor priority), and what is made of host time (the timer's count).
 */
u64 ft_kvm_hash_irqchip(struct kvm_vcpu *vcpu)
{
	static const u16 lapic[] = {
		APIC_ID, APIC_TASKPRI, APIC_LDR, APIC_DFR, APIC_SPIV, APIC_ESR,
		APIC_ICR, APIC_ICR2, APIC_LVTT, APIC_LVTTHMR, APIC_LVTPC, APIC_LVT0,
		APIC_LVT1, APIC_LVTERR, APIC_TMICT, APIC_TDCR,
	};
	u8 *regs = *ft_member(vcpu->arch.apic, kvm_lapic, regs, void *);
	void *ioapic = vcpu->kvm->arch.vioapic;
	struct kvm_pic *pic = vcpu->kvm->arch.vpic;
	u64 hash = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lapic); i++)
		hash = xxh64(regs + lapic[i], 4, hash);
	for (i = 0; i < 8; i++) {
		hash = xxh64(regs + APIC_ISR + i * 0x10, 4, hash);
		hash = xxh64(regs + APIC_TMR + i * 0x10, 4, hash);
		hash = xxh64(regs + APIC_IRR + i * 0x10, 4, hash);
	}
	hash = xxh64(ft_member_ptr(ioapic, kvm_ioapic, id), FT_SIZE_kvm_ioapic_id, hash);
	hash = xxh64(ft_member_ptr(ioapic, kvm_ioapic, ioregsel),
		     FT_SIZE_kvm_ioapic_ioregsel, hash);
	hash = xxh64(ft_member_ptr(ioapic, kvm_ioapic, irr), FT_SIZE_kvm_ioapic_irr, hash);
	hash = xxh64(ft_member_ptr(ioapic, kvm_ioapic, redirtbl),
		     FT_SIZE_kvm_ioapic_redirtbl, hash);
	/* Each half up to its pointer to the whole. */
	for (i = 0; i < 2; i++)
		hash = xxh64(ft_member_ptr(pic, kvm_pic, pics) +
			     i * FT_SIZEOF_kvm_kpic_state,
			     FT_OFF_kvm_kpic_state_pics_state, hash);
	return hash;
}

bool ft_kvm_apicv(struct kvm_vcpu *vcpu)
{
	return *ft_member(vcpu->arch.apic, kvm_lapic, apicv_active, bool);
}

bool ft_file_is_vm(struct file *file)
{
	return file->f_op == kvm_vm_fops_addr;
}

bool ft_file_is_vcpu(struct file *file)
{
	return file->f_op == kvm_vcpu_fops_addr;
}

/**
 * ft_hook_init() - find out whether this kernel is one we know
 *
 * Context: module load.
 * Return: 0 or a negative errno, with the reason in the kernel log.
 */
int ft_hook_init(void)
{
	unsigned int i;
	int ret;

	if (!boot_cpu_has(X86_FEATURE_SVM)) {
		pr_err("this processor has no AMD SVM; Intel VMX is not supported yet\n");
		return -EOPNOTSUPP;
	}
	ft_vendor = &ft_svm;
	ret = ft_symbol_init();
	if (ret)
		return ret;
	ret = ft_layout_check();
	if (ret)
		return ret;
	for (i = 0; i < ARRAY_SIZE(ft_ops); i++) {
		ret = ft_op_bind(&ft_ops[i]);
		if (ret)
			return ret;
	}
	for (i = 0; i < ARRAY_SIZE(ft_funcs); i++) {
		ret = ft_func_bind(&ft_funcs[i]);
		if (ret)
			return ret;
	}
	return ft_vendor->bind();
}
