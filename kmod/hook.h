/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where kvm_ft meets KVM. hook.c holds what both vendors share, hook-svm.c the
 * rest; no other file knows KVM's private symbols or layouts.
 */
#ifndef _KVM_FT_HOOK_H
#define _KVM_FT_HOOK_H

#include <linux/kvm_host.h>
#include "position.h"
#include "wire.h"

struct ft_vm;
struct netlink_ext_ack;

/**
 * enum ft_exit_kind - why the guest came out, as far as it concerns us
 * @FT_EXIT_KVM: KVM's own affair
 * @FT_EXIT_TSC: the guest executed RDTSC
 * @FT_EXIT_TSCP: the guest executed RDTSCP
 * @FT_EXIT_BREAKPOINT: it is about to execute the instruction ft_plan.rip
 * @FT_EXIT_TRAP: it is about to execute an INT n, INT3 or INTO, which is not to see our
 *	RFLAGS.RF
 */
enum ft_exit_kind {
	FT_EXIT_KVM,
	FT_EXIT_TSC,
	FT_EXIT_TSCP,
	FT_EXIT_BREAKPOINT,
	FT_EXIT_TRAP,
};

/**
 * struct ft_exit - the last VM exit
 * @kind: why
 * @halted: by HLT
 * @delivered: the interrupt or NMI injected at the entry before was delivered
 */
struct ft_exit {
	enum ft_exit_kind kind;
	bool halted;
	bool delivered;
};

/**
 * struct ft_vendor - what differs between SVM and VMX
 * @name: for users
 * @module: KVM's module for it
 * @feature: X86_FEATURE_* of processors that have it
 * @branches: perf's number of the event "retired conditional branches"
 * @bind: resolve symbols; returns -ENODEV with a sentence in the kernel log
 * @check: can this vCPU be protected, as far as it is the vendor's affair? Sets extack;
 *	called by ft_kvm_check()
 * @before_entry: interrupts off, before KVM enters the guest
 * @after_exit: interrupts off, right after KVM came out of it
 * @answer_tsc: complete the RDTSC or RDTSCP that caused FT_EXIT_TSC, _TSCP; may sleep,
 *	but not where @can_skip says yes
 * @can_skip: interrupts off: is it known where the instruction that caused the exit
 *	ends, and comes no trap of the guest's own behind it?
 * @find_trap: of the instruction that caused FT_EXIT_TRAP, set ft_plan.vector and
 *	ft_plan.next_rip; false if it can't be read; may sleep
 * @can_interrupt: may an input be applied here? Not while an event is half
 *	delivered, nor where the replica could not stop (RFLAGS.RF)
 * @next_rip: find the instruction behind the one at which @can_interrupt said no,
 *	if RFLAGS.RF was why; may sleep
 * @linear_rip: where the guest stands, as breakpoints have it
 * @in_shadow: does an STI or MOV SS still hold interrupts back?
 * @set_shadow: let it
 * @set_tsc: let the guest's TSC go on from a value
 * @release: leave no trace in the vCPU
 * @hash_regs: hash of what vendor code keeps of the vCPU's registers
 *
 * Those without another context run in the vCPU's thread, or under vcpu->mutex.
 */
struct ft_vendor {
	const char *name;
	const char *module;
	unsigned int feature;
	u64 branches;
	int (*bind)(void);
	int (*check)(struct kvm_vcpu *vcpu, struct netlink_ext_ack *extack);
	void (*before_entry)(struct kvm_vcpu *vcpu, const struct ft_plan *plan);
	void (*after_exit)(struct kvm_vcpu *vcpu, const struct ft_plan *plan,
			   struct ft_exit *exit);
	int (*answer_tsc)(struct kvm_vcpu *vcpu, u64 tsc, bool tscp);
	bool (*can_skip)(struct kvm_vcpu *vcpu);
	bool (*find_trap)(struct kvm_vcpu *vcpu, struct ft_plan *plan);
	bool (*can_interrupt)(struct kvm_vcpu *vcpu);
	bool (*next_rip)(struct kvm_vcpu *vcpu, u64 *rip);
	bool (*in_shadow)(struct kvm_vcpu *vcpu);
	u64 (*linear_rip)(struct kvm_vcpu *vcpu);
	void (*set_shadow)(struct kvm_vcpu *vcpu);
	void (*set_tsc)(struct kvm_vcpu *vcpu, u64 tsc);
	void (*release)(struct kvm_vcpu *vcpu);
	u64 (*hash_regs)(struct kvm_vcpu *vcpu, u64 seed);
};

extern const struct ft_vendor ft_svm;

/* Chosen at module load; NULL never. */
extern const struct ft_vendor *ft_vendor;

int ft_hook_init(void);
int ft_hook_install(struct netlink_ext_ack *extack);
void ft_hook_uninstall(void);

/*
 * KVM's own accessor is not packaged. SVM keeps RIP here after every exit; VMX
 * fetches it lazily, and has to do so in after_exit().
 */
static inline u64 ft_kvm_rip(const struct kvm_vcpu *vcpu)
{
	return vcpu->arch.regs[VCPU_REGS_RIP];
}

/* KVM's originals, for applying an input. Any context unless said otherwise. */
void ft_kvm_set_irq(struct kvm *kvm, u8 source, u32 gsi, u8 level);
void ft_kvm_send_msi(struct kvm *kvm, u64 addr, u32 data);
void ft_kvm_inject_nmi(struct kvm_vcpu *vcpu);
/* The vCPU's thread. */
bool ft_kvm_timer_pending(struct kvm_vcpu *vcpu);
void ft_kvm_inject_timer(struct kvm_vcpu *vcpu);
void ft_kvm_rearm_timer(struct kvm_vcpu *vcpu);
bool ft_kvm_runnable(struct kvm_vcpu *vcpu);
u64 ft_kvm_hash_irqchip(struct kvm_vcpu *vcpu);
bool ft_kvm_apicv(struct kvm_vcpu *vcpu);
void ft_kvm_forget_eois(struct kvm_vcpu *vcpu);
bool ft_file_is_vm(struct file *file);
bool ft_file_is_vcpu(struct file *file);
bool ft_hook_guest_has(struct kvm_vcpu *vcpu, u32 leaf, int reg, int bit);
int ft_kvm_check(struct kvm_vcpu *vcpu, struct netlink_ext_ack *extack);

#endif /* _KVM_FT_HOOK_H */
