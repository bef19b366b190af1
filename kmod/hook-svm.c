// SPDX-License-Identifier: GPL-2.0-only
/*
 * AMD SVM: what to set in the VMCB, and what to read from it.
 */
#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/netlink.h>
#include <linux/xxhash.h>
#include <asm/debugreg.h>
#include <asm/hw_breakpoint.h>
#include <asm/svm.h>
#include "hook.h"
#include "layout.h"
#include "symbol.h"

/* Retired conditional branches: AMD PPR for family 17h and later, PMCx0D1. */
#define FT_AMD_COND_BRANCHES	0xd1

static const struct kvm_x86_ops *ft_svm_ops;

/* KVM's: does it go by the next_rip that a processor tells? */
static const int *ft_svm_nrips;

static struct vmcb *ft_svm_vmcb(struct kvm_vcpu *vcpu)
{
	/* struct kvm_vcpu is the first member of struct vcpu_svm. */
	return *ft_member(vcpu, vcpu_svm, vmcb, struct vmcb *);
}

static void ft_svm_dirty(struct vmcb *vmcb, int bit)
{
	vmcb->control.clean &= ~BIT(bit);
}

/* Bits of vmcb->control.clean, AMD APM volume 2, 15.15.3. */
#define FT_CLEAN_INTERCEPTS	0
#define FT_CLEAN_DR		6

static bool ft_svm_intercept(struct vmcb *vmcb, u32 bit, bool on)
{
	unsigned long *word = (unsigned long *)vmcb->control.intercepts;

	if (test_bit(bit, word) == on)
		return false;
	if (on)
		__set_bit(bit, word);
	else
		__clear_bit(bit, word);
	ft_svm_dirty(vmcb, FT_CLEAN_INTERCEPTS);
	return true;
}

/* Enable bits, type and length of breakpoint 0. */
#define FT_DR7_SLOT0	(0xfUL << DR_CONTROL_SHIFT | \
			 DR_LOCAL_ENABLE | DR_GLOBAL_ENABLE)
/* Reasons for #DB other than breakpoint 0. */
#define FT_DR6_GUEST	(DR_TRAP1 | DR_TRAP2 | DR_TRAP3 | DR_STEP | DR_SWITCH)
#define FT_INTERCEPT_DB	(INTERCEPT_EXCEPTION_OFFSET + DB_VECTOR)

/*
 * INT n, INT3 and INTO. The emulator (target/i386/tcg/excp_helper.c) takes all three
 * for the first.
 */
static const u32 ft_svm_traps[] = {
	INTERCEPT_INTn,
	INTERCEPT_EXCEPTION_OFFSET + BP_VECTOR,
	INTERCEPT_EXCEPTION_OFFSET + OF_VECTOR,
};

/**
 * struct ft_svm_saved - what one entry changed and has to put back
 * @dr7: the guest's
 * @dr0: what was in the CPU
 * @breakpoint: DR0 and DR7 are ours
 * @db: the intercept of #DB is, too
 * @rf: and RFLAGS.RF
 * @traps: ... with these intercepts
 * @trap: a trap is injected, from where @rip and @int_state tell
 * @rip: offset of the instruction that raises it
 * @int_state: the interrupt shadow that it ends
 * @injected: KVM injects an interrupt or NMI
 *
 * Per physical CPU, since entry and exit happen in one stretch with interrupts off.
 */
struct ft_svm_saved {
	u64 dr7;
	unsigned long dr0;
	bool breakpoint;
	bool db;
	bool rf;
	bool traps[ARRAY_SIZE(ft_svm_traps)];
	bool trap;
	u64 rip;
	u32 int_state;
	bool injected;
};

static DEFINE_PER_CPU(struct ft_svm_saved, ft_svm_saved);

/* An interrupt or NMI, not an exception: those follow from the guest's acts. */
static bool ft_svm_is_event(u32 info)
{
	u32 type = info & SVM_EVTINJ_TYPE_MASK;

	return (info & SVM_EVTINJ_VALID) &&
	       (type == SVM_EVTINJ_TYPE_INTR || type == SVM_EVTINJ_TYPE_NMI);
}

/* Until the guest stands at a position it may change its segments: see kvm_get_linear_rip(). */
static u64 ft_svm_linear(const struct vmcb *vmcb, u64 rip)
{
	if (vmcb->save.efer & EFER_LMA && vmcb->save.cs.attrib & SVM_SELECTOR_L_MASK)
		return rip;
	return (u32)(vmcb->save.cs.base + rip);
}

static u64 ft_svm_linear_rip(struct kvm_vcpu *vcpu)
{
	return ft_svm_linear(ft_svm_vmcb(vcpu), ft_kvm_rip(vcpu));
}

static void ft_svm_intercept_traps(struct vmcb *vmcb, struct ft_svm_saved *saved, bool on)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ft_svm_traps); i++)
		if (on)
			saved->traps[i] = ft_svm_intercept(vmcb, ft_svm_traps[i], true);
		else if (saved->traps[i])
			ft_svm_intercept(vmcb, ft_svm_traps[i], false);
}

/*
 * Inject what the instruction raises, and let it return behind the instruction.
 * A fault while it is delivered is to find RIP where it is: a processor that has
 * no next_rip can't have both. KVM could do it, but 6.12's takes the vector for
 * signed, and skips no INT n from 0x80 on.
 */
static void ft_svm_inject_trap(struct kvm_vcpu *vcpu, const struct ft_plan *plan,
			       struct ft_svm_saved *saved)
{
	struct vmcb_control_area *control = &ft_svm_vmcb(vcpu)->control;

	saved->trap = true;
	saved->rip = ft_kvm_rip(vcpu);
	saved->int_state = control->int_state;
	if (!boot_cpu_has(X86_FEATURE_NRIPS))
		vcpu->arch.regs[VCPU_REGS_RIP] = plan->next_rip;
	control->next_rip = plan->next_rip;
	control->int_state &= ~SVM_INTERRUPT_SHADOW_MASK;
	control->event_inj = plan->vector | SVM_EVTINJ_VALID | SVM_EVTINJ_TYPE_SOFT;
}

/*
 * The exit came before the handler's first instruction: back to before the trap.
 * Since the entry with it is left at once, nothing else can be half delivered.
 */
static void ft_svm_retract_trap(struct kvm_vcpu *vcpu, const struct ft_svm_saved *saved)
{
	struct vmcb *vmcb = ft_svm_vmcb(vcpu);

	vcpu->arch.regs[VCPU_REGS_RIP] = saved->rip;
	vmcb->save.rip = saved->rip;
	vmcb->control.int_state = saved->int_state;
	vcpu->arch.interrupt.injected = false;
}

static void ft_svm_before_entry(struct kvm_vcpu *vcpu, const struct ft_plan *plan)
{
	struct ft_svm_saved *saved = this_cpu_ptr(&ft_svm_saved);
	struct vmcb *vmcb = ft_svm_vmcb(vcpu);

	/* KVM takes the second back whenever it recalculates intercepts. */
	ft_svm_intercept(vmcb, INTERCEPT_RDTSC, true);
	ft_svm_intercept(vmcb, INTERCEPT_RDTSCP, true);

	saved->injected = ft_svm_is_event(vmcb->control.event_inj);
	saved->breakpoint = plan->breakpoint;
	saved->rf = false;
	saved->trap = false;
	if (!plan->breakpoint)
		return;

	/*
	 * DR0 is not in the VMCB: the guest runs with what is in the CPU. KVM
	 * has loaded the guest's by now if the guest uses any, and the host's
	 * come back by hw_breakpoint_restore() after the exit.
	 */
	get_debugreg(saved->dr0, 0);
	set_debugreg(plan->rip, 0);
	saved->dr7 = vmcb->save.dr7;
	vmcb->save.dr7 = (saved->dr7 & ~FT_DR7_SLOT0) | DR7_FIXED_1 |
			  DR_GLOBAL_ENABLE;
	ft_svm_dirty(vmcb, FT_CLEAN_DR);
	saved->db = ft_svm_intercept(vmcb, FT_INTERCEPT_DB, true);

	/*
	 * Standing on the breakpoint: let one instruction pass. Not while an
	 * event is injected, which would push RFLAGS with the flag in it; then
	 * the breakpoint is hit again after the handler, which does no harm.
	 */
	if (!plan->resume || vmcb->control.event_inj & SVM_EVTINJ_VALID)
		return;
	if (plan->trap) {
		ft_svm_inject_trap(vcpu, plan, saved);
	} else if (!(vmcb->save.rflags & X86_EFLAGS_RF)) {
		vmcb->save.rflags |= X86_EFLAGS_RF;
		saved->rf = true;
		/* So would these. */
		ft_svm_intercept_traps(vmcb, saved, true);
	}
}

static void ft_svm_after_exit(struct kvm_vcpu *vcpu, const struct ft_plan *plan,
			      struct ft_exit *exit)
{
	struct ft_svm_saved *saved = this_cpu_ptr(&ft_svm_saved);
	struct vmcb *vmcb = ft_svm_vmcb(vcpu);
	u32 code = vmcb->control.exit_code;
	bool hit = false, trap = false, there;

	if (saved->trap && vmcb->control.exit_int_info & SVM_EXITINTINFO_VALID)
		ft_svm_retract_trap(vcpu, saved);
	if (saved->breakpoint) {
		there = ft_svm_linear(vmcb, vmcb->save.rip) == plan->rip;
		if (code == SVM_EXIT_EXCP_BASE + DB_VECTOR &&
		    (vmcb->save.dr6 & DR_TRAP0) && there) {
			/*
			 * With a trap of the guest's own (it steps through its
			 * code) that one comes first; ours will be back.
			 */
			hit = !(vmcb->save.dr6 & FT_DR6_GUEST);
			vmcb->save.dr6 &= ~DR_TRAP0;
		}
		set_debugreg(saved->dr0, 0);
		vmcb->save.dr7 = saved->dr7;
		ft_svm_dirty(vmcb, FT_CLEAN_DR);
		if (saved->db)
			ft_svm_intercept(vmcb, FT_INTERCEPT_DB, false);
		/*
		 * The instruction did not complete: the flag is still ours, and
		 * KVM may emulate or inject from here on.
		 */
		if (saved->rf && there)
			vmcb->save.rflags &= ~X86_EFLAGS_RF;
		if (saved->rf) {
			trap = code == SVM_EXIT_SWINT ||
			       code == SVM_EXIT_EXCP_BASE + BP_VECTOR ||
			       code == SVM_EXIT_EXCP_BASE + OF_VECTOR;
			ft_svm_intercept_traps(vmcb, saved, false);
		}
	}

	/*
	 * As svm_handle_exit() does, which does not see the exits that are
	 * ours. With nested paging the guest changes both without an exit.
	 */
	vcpu->arch.cr3 = vmcb->save.cr3;
	if (!test_bit(INTERCEPT_CR0_WRITE, (unsigned long *)vmcb->control.intercepts))
		vcpu->arch.cr0 = vmcb->save.cr0;

	/* An exception that is half delivered came after it. */
	exit->delivered = saved->injected &&
			  !ft_svm_is_event(vmcb->control.exit_int_info);
	exit->halted = code == SVM_EXIT_HLT;
	if (hit)
		exit->kind = FT_EXIT_BREAKPOINT;
	else if (trap)
		exit->kind = FT_EXIT_TRAP;
	else if (code == SVM_EXIT_RDTSC)
		exit->kind = FT_EXIT_TSC;
	else if (code == SVM_EXIT_RDTSCP)
		exit->kind = FT_EXIT_TSCP;
	else
		exit->kind = FT_EXIT_KVM;
}

static int ft_svm_answer_tsc(struct kvm_vcpu *vcpu, u64 tsc, bool tscp)
{
	vcpu->arch.regs[VCPU_REGS_RAX] = (u32)tsc;
	vcpu->arch.regs[VCPU_REGS_RDX] = tsc >> 32;
	if (tscp)
		vcpu->arch.regs[VCPU_REGS_RCX] =
			(u32)*ft_member(vcpu, vcpu_svm, tsc_aux, u64);
	/*
	 * Behind it the flag is clear. KVM clears it where it decodes the instruction, but
	 * not by next_rip, and the other host may not do as this one.
	 */
	ft_svm_vmcb(vcpu)->save.rflags &= ~X86_EFLAGS_RF;
	return kvm_skip_emulated_instruction(vcpu);
}

/* Else KVM would have to decode it, or to raise the trap of a guest that steps. */
static bool ft_svm_can_skip(struct kvm_vcpu *vcpu)
{
	const struct vmcb *vmcb = ft_svm_vmcb(vcpu);

	return *ft_svm_nrips && vmcb->control.next_rip && !(vmcb->save.rflags & X86_EFLAGS_TF);
}

/* An event was taken from its source and the guest has not seen it yet. */
static bool ft_svm_delivering(const struct kvm_vcpu *vcpu)
{
	return vcpu->arch.exception.pending || vcpu->arch.exception.injected ||
	       vcpu->arch.interrupt.injected || vcpu->arch.nmi_injected;
}

static bool ft_svm_in_shadow(struct kvm_vcpu *vcpu)
{
	return ft_svm_vmcb(vcpu)->control.int_state & SVM_INTERRUPT_SHADOW_MASK;
}

/* No clean bit covers it. */
static void ft_svm_set_shadow(struct kvm_vcpu *vcpu)
{
	ft_svm_vmcb(vcpu)->control.int_state |= SVM_INTERRUPT_SHADOW_MASK;
}

static bool ft_svm_can_interrupt(struct kvm_vcpu *vcpu)
{
	if (ft_svm_delivering(vcpu))
		return false;
	/*
	 * With RF set the secondary's breakpoint would be ignored. RF is set
	 * between a fault's IRET and the instruction that faulted, and between
	 * the iterations of a repeated string instruction. Behind MOV SS
	 * breakpoints are held back, too.
	 */
	return !(ft_svm_vmcb(vcpu)->save.rflags & X86_EFLAGS_RF) &&
	       !ft_svm_in_shadow(vcpu);
}

/* KVM's emulator knows where the next instruction is: let it skip, then go back. */
static bool ft_svm_behind(struct kvm_vcpu *vcpu, u64 *rip)
{
	struct vmcb *vmcb = ft_svm_vmcb(vcpu);
	u64 rflags = vmcb->save.rflags;
	u32 int_state = vmcb->control.int_state;
	u64 here = ft_kvm_rip(vcpu);
	bool found;
	int idx;

	/* It would raise the trap of a guest that steps through its code. */
	vmcb->save.rflags &= ~X86_EFLAGS_TF;
	idx = srcu_read_lock(&vcpu->kvm->srcu);
	found = kvm_skip_emulated_instruction(vcpu) && ft_kvm_rip(vcpu) != here;
	srcu_read_unlock(&vcpu->kvm->srcu, idx);
	*rip = ft_kvm_rip(vcpu);
	vcpu->arch.regs[VCPU_REGS_RIP] = here;
	vmcb->save.rflags = rflags;
	vmcb->control.int_state = int_state;
	return found;
}

/*
 * Behind the instruction RF is clear again; behind a repeated one that may be
 * many iterations away. KVM's emulator would forget an exception that is to be
 * injected.
 */
static bool ft_svm_next_rip(struct kvm_vcpu *vcpu, u64 *rip)
{
	const struct vmcb *vmcb = ft_svm_vmcb(vcpu);
	u64 next;

	if (!(vmcb->save.rflags & X86_EFLAGS_RF) || vmcb->save.rflags & X86_EFLAGS_TF ||
	    ft_svm_delivering(vcpu) || !ft_svm_behind(vcpu, &next))
		return false;
	*rip = ft_svm_linear(vmcb, next);
	return true;
}

static bool ft_svm_read_byte(struct kvm_vcpu *vcpu, u64 linear, u8 *byte)
{
	gpa_t gpa = kvm_mmu_gva_to_gpa_read(vcpu, linear, NULL);

	return gpa != INVALID_GPA && !kvm_read_guest(vcpu->kvm, gpa, byte, 1);
}

#define FT_OPCODE_INT3	0xcc
#define FT_OPCODE_INT	0xcd
#define FT_OPCODE_INTO	0xce

/* From the end of the instruction: prefixes may come before it. */
static bool ft_svm_decode_trap(struct kvm_vcpu *vcpu, struct ft_plan *plan)
{
	u64 end = ft_svm_linear(ft_svm_vmcb(vcpu), plan->next_rip);
	u8 opcode = 0, last;

	if (!ft_svm_read_byte(vcpu, end - 1, &last))
		return false;
	if (plan->next_rip - ft_kvm_rip(vcpu) > 1 &&
	    !ft_svm_read_byte(vcpu, end - 2, &opcode))
		return false;
	if (opcode == FT_OPCODE_INT)
		plan->vector = last;
	else if (last == FT_OPCODE_INT3)
		plan->vector = BP_VECTOR;
	else if (last == FT_OPCODE_INTO)
		plan->vector = OF_VECTOR;
	else
		return false;
	return true;
}

/* Most of it processors tell; what the emulator does not is found in guest memory. */
static bool ft_svm_find_trap(struct kvm_vcpu *vcpu, struct ft_plan *plan)
{
	const struct vmcb_control_area *control = &ft_svm_vmcb(vcpu)->control;

	plan->next_rip = boot_cpu_has(X86_FEATURE_NRIPS) ? control->next_rip : 0;
	if (!plan->next_rip && !ft_svm_behind(vcpu, &plan->next_rip))
		return false;
	if (control->exit_code == SVM_EXIT_EXCP_BASE + BP_VECTOR)
		plan->vector = BP_VECTOR;
	else if (control->exit_code == SVM_EXIT_EXCP_BASE + OF_VECTOR)
		plan->vector = OF_VECTOR;
	else if (boot_cpu_has(X86_FEATURE_DECODEASSISTS))
		plan->vector = control->exit_info_1;
	else
		return ft_svm_decode_trap(vcpu, plan);
	return true;
}

static void ft_svm_set_tsc(struct kvm_vcpu *vcpu, u64 tsc)
{
	struct vmcb *vmcb = ft_svm_vmcb(vcpu);
	u64 offset = tsc - (kvm_read_l1_tsc(vcpu, rdtsc()) - vcpu->arch.l1_tsc_offset);

	/* As svm_write_tsc_offset() does; no nested guest, so one VMCB. */
	vcpu->arch.l1_tsc_offset = offset;
	vcpu->arch.tsc_offset = offset;
	vmcb->control.tsc_offset = offset;
	ft_svm_dirty(vmcb, FT_CLEAN_INTERCEPTS);
}

static void ft_svm_release(struct kvm_vcpu *vcpu)
{
	struct vmcb *vmcb = ft_svm_vmcb(vcpu);

	/* KVM wants an RDTSCP exit only when the guest has no RDTSCP. */
	ft_svm_intercept(vmcb, INTERCEPT_RDTSC, false);
	kvm_make_request(KVM_REQ_EVENT, vcpu);
	ft_svm_intercept(vmcb, INTERCEPT_RDTSCP,
			 !ft_hook_guest_has(vcpu, 0x80000001, CPUID_EDX, 27));
}

/*
 * As KVM tells it to userspace: what the hardware keeps of an unusable segment
 * is not the guest's to see, and differs after a migration.
 */
static u64 ft_svm_hash_segment(struct kvm_vcpu *vcpu, int which, u64 seed)
{
	struct kvm_segment s = {};
	u64 v[4];

	ft_svm_ops->get_segment(vcpu, &s, which);
	v[0] = s.selector;
	v[1] = s.base;
	v[2] = s.unusable ? 0 : s.limit;
	v[3] = s.unusable ? 0 : s.type | s.present << 4 | s.dpl << 5 | s.db << 7 |
				s.s << 8 | s.l << 9 | s.g << 10 | s.avl << 11;
	return xxh64(v, sizeof(v), seed);
}

static u64 ft_svm_hash_regs(struct kvm_vcpu *vcpu, u64 seed)
{
	const struct vmcb_save_area *save = &ft_svm_vmcb(vcpu)->save;
	const u64 v[] = {
		save->rflags & ~X86_EFLAGS_RF, save->star, save->lstar, save->cstar,
		save->sfmask, save->kernel_gs_base, save->sysenter_cs,
		save->sysenter_esp, save->sysenter_eip,
		save->gdtr.base, save->gdtr.limit, save->idtr.base, save->idtr.limit,
		(u32)*ft_member(vcpu, vcpu_svm, tsc_aux, u64),
	};
	int which;

	for (which = VCPU_SREG_ES; which <= VCPU_SREG_LDTR; which++)
		seed = ft_svm_hash_segment(vcpu, which, seed);
	return xxh64(v, sizeof(v), seed);
}

static int ft_svm_check(struct kvm_vcpu *vcpu, struct netlink_ext_ack *extack)
{
	if (!(ft_svm_vmcb(vcpu)->control.nested_ctl & SVM_NESTED_CTL_NP_ENABLE)) {
		NL_SET_ERR_MSG(extack, "nested paging is off; load kvm_amd with npt=1");
		return -EOPNOTSUPP;
	}
	if (ft_kvm_apicv(vcpu)) {
		NL_SET_ERR_MSG(extack, "APIC virtualization is on; load kvm_amd with avic=0");
		return -EOPNOTSUPP;
	}
	if (ft_hook_guest_has(vcpu, 0x80000001, CPUID_ECX, 2)) {
		NL_SET_ERR_MSG(extack,
			       "the guest has nested virtualization; remove it with -cpu ...,-svm");
		return -EOPNOTSUPP;
	}
	return 0;
}

static int ft_svm_bind(void)
{
	void *ops, *nrips;
	int ret = ft_symbol_resolve("kvm", "kvm_x86_ops", &ops) ?:
		  ft_symbol_resolve("kvm_amd", "nrips", &nrips);

	if (ret)
		return ret;
	ft_svm_ops = ops;
	ft_svm_nrips = nrips;
	return 0;
}

const struct ft_vendor ft_svm = {
	.name		= "svm",
	.module		= "kvm_amd",
	.feature	= X86_FEATURE_SVM,
	.branches	= FT_AMD_COND_BRANCHES,
	.bind		= ft_svm_bind,
	.check		= ft_svm_check,
	.before_entry	= ft_svm_before_entry,
	.after_exit	= ft_svm_after_exit,
	.answer_tsc	= ft_svm_answer_tsc,
	.can_skip	= ft_svm_can_skip,
	.find_trap	= ft_svm_find_trap,
	.can_interrupt	= ft_svm_can_interrupt,
	.next_rip	= ft_svm_next_rip,
	.linear_rip	= ft_svm_linear_rip,
	.in_shadow	= ft_svm_in_shadow,
	.set_shadow	= ft_svm_set_shadow,
	.set_tsc	= ft_svm_set_tsc,
	.release	= ft_svm_release,
	.hash_regs	= ft_svm_hash_regs,
};

MODULE_SOFTDEP("pre: kvm_amd");
