// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hooks into kvm.ko, and the few of its functions that we call. Two mechanisms:
 * vendor operations are replaced through KVM's static calls, which cost a VM
 * that is not protected one lookup; functions are diverted by ftrace at their
 * entry, as livepatch does it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/hashtable.h>
#include <linux/netlink.h>
#include <linux/percpu.h>
#include <linux/wait_bit.h>
#include <asm/ibt.h>
#include "hook-priv.h"
#include "layout.h"
#include "symbol.h"

/* All that there are. */
static const struct ft_vendor *const ft_vendors[] = { &ft_svm };

const struct ft_vendor *ft_vendor;

/*
 * Protected VMs by struct kvm. A hook pins the VM it found (it may sleep for
 * long, and VMs must not wait for each other), and is counted whether it found
 * one or not, so that the hooks' text can go away.
 */
static DEFINE_HASHTABLE(ft_vms, 6);
static DEFINE_SPINLOCK(ft_vms_lock);
static DEFINE_PER_CPU(long, ft_in_hook);

/**
 * ft_hook_enter() - a hook begins
 * @kvm: VM it is called for
 *
 * Context: any but NMI.
 * Return: the attached VM, pinned, or NULL.
 */
struct ft_vm *ft_hook_enter(const struct kvm *kvm)
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

/**
 * ft_hook_unpin() - a hook is through with a VM
 * @vm: VM that it has pinned by its in_hook, or NULL
 */
void ft_hook_unpin(struct ft_vm *vm)
{
	/* It may be gone after the decrement; the wake-up only hashes its address. */
	if (vm && atomic_dec_and_test(&vm->in_hook))
		wake_up_var(&vm->in_hook);
}

/**
 * ft_hook_leave() - a hook ends
 * @vm: what ft_hook_enter() returned
 */
void ft_hook_leave(struct ft_vm *vm)
{
	ft_hook_unpin(vm);
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

	for (i = 0; i < ft_nr_ops; i++)
		ft_ops[i].orig = READ_ONCE(ft_ops[i].key->func);

	ft_ops_keep();
	for (i = 0; i < ft_nr_ops; i++)
		__static_call_update(ft_ops[i].key, ft_ops[i].tramp, ft_ops[i].hook);
}

static void ft_ops_remove(void)
{
	unsigned int i;

	for (i = 0; i < ft_nr_ops; i++) {
		if (ft_ops[i].orig)
			__static_call_update(ft_ops[i].key, ft_ops[i].tramp, ft_ops[i].orig);
		ft_ops[i].orig = NULL;
	}
}

static void notrace ft_divert(unsigned long ip, unsigned long parent_ip,
			      struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	struct ft_func *f = container_of(ops, struct ft_func, ops);

	if (f->filter && !f->filter())
		return;
	ftrace_regs_set_instruction_pointer(fregs, (unsigned long)f->hook);
}

/**
 * ft_func_bind() - find a function
 * @f: its name and module; the rest is filled in
 *
 * Return: 0 or -ENOENT.
 */
int ft_func_bind(struct ft_func *f)
{
	unsigned long entry;
	void *addr;
	int ret;

	ret = f->clone ? ft_symbol_resolve_clone(f->module, f->name, &addr) :
			 ft_symbol_resolve(f->module, f->name, &addr);
	if (ret)
		return ret;
	entry = (unsigned long)addr;
	f->addr = entry;
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

/**
 * ft_func_install() - divert a function, if it has a hook
 * @f: bound
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int ft_func_install(struct ft_func *f)
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

/**
 * ft_func_remove() - undo ft_func_install()
 * @f: installed
 *
 * Context: may sleep; somebody may still be in the hook on return.
 */
void ft_func_remove(struct ft_func *f)
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

	for (i = 0; i < ft_nr_funcs; i++) {
		ret = ft_func_install(&ft_funcs[i]);
		if (ret) {
			NL_SET_ERR_MSG_FMT(extack,
					   "cannot hook %s (%d): live-patched, or diverted?",
					   ft_funcs[i].name, ret);
			while (i--)
				ft_func_remove(&ft_funcs[i]);
			return ret;
		}
	}
	ft_ops_install();
	return 0;
}

/**
 * ft_hook_synchronize() - wait until nobody executes hooks that were removed
 * @count: of those who do
 *
 * Tasks that were preempted outside of the counted stretch are caught by RCU
 * tasks, the others by the count: no new ones come, so a sum of zero is final.
 *
 * Context: may sleep.
 */
void ft_hook_synchronize(long __percpu *count)
{
	long sum;
	int cpu;

	synchronize_rcu_tasks();
	do {
		sum = 0;
		for_each_possible_cpu(cpu)
			sum += READ_ONCE(*per_cpu_ptr(count, cpu));
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
	for (i = 0; i < ft_nr_funcs; i++)
		ft_func_remove(&ft_funcs[i]);
	ft_hook_synchronize(&ft_in_hook);
}

static const struct ft_vendor *ft_vendor_here(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ft_vendors); i++)
		if (boot_cpu_has(ft_vendors[i]->feature))
			return ft_vendors[i];
	return NULL;
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

	ft_vendor = ft_vendor_here();
	if (!ft_vendor) {
		pr_err("this processor has no AMD SVM; Intel VMX is not supported yet\n");
		return -EOPNOTSUPP;
	}
	ret = ft_symbol_init();
	if (ret)
		return ret;
	ret = ft_layout_init() ?: ft_layout_check("kvm") ?: ft_layout_check(ft_vendor->module);
	if (ret)
		return ret;
	for (i = 0; i < ft_nr_ops; i++) {
		ret = ft_op_bind(&ft_ops[i]);
		if (ret)
			return ret;
	}
	for (i = 0; i < ft_nr_funcs; i++) {
		ret = ft_func_bind(&ft_funcs[i]);
		if (ret)
			return ret;
	}
	return ft_vendor->bind();
}
