// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which guests can be protected: none that reads host state without an exit,
 * and none for which KVM writes guest memory of its own accord.
 */
#include <linux/kvm_host.h>
#include <linux/netlink.h>
#include <linux/string.h>
#include <asm/cpufeature.h>
#include <asm/kvm_para.h>
#include "hook.h"

static bool ft_cpuid(const struct kvm_vcpu *vcpu, u32 leaf, u32 regs[4])
{
	u32 index = leaf == 0xd ? 1 : 0;
	int i;

	for (i = 0; i < vcpu->arch.cpuid_nent; i++) {
		const struct kvm_cpuid_entry2 *e = &vcpu->arch.cpuid_entries[i];

		if (e->function == leaf &&
		    (!(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) || e->index == index)) {
			regs[CPUID_EAX] = e->eax;
			regs[CPUID_EBX] = e->ebx;
			regs[CPUID_ECX] = e->ecx;
			regs[CPUID_EDX] = e->edx;
			return true;
		}
	}
	return false;
}

/**
 * ft_hook_guest_has() - does the guest's CPUID have a bit?
 * @vcpu: vCPU
 * @leaf: CPUID leaf; subleaf 0, of leaf 0xd subleaf 1
 * @reg: CPUID_EAX .. CPUID_EDX
 * @bit: 0..31
 *
 * Return: whether it has.
 */
bool ft_hook_guest_has(struct kvm_vcpu *vcpu, u32 leaf, int reg, int bit)
{
	u32 regs[4];

	return ft_cpuid(vcpu, leaf, regs) && regs[reg] & BIT(bit);
}

/*
 * Another hypervisor's interface than KVM's own, of Hyper-V (whatever name it goes by) or
 * Xen: with timers and pages of guest memory that KVM writes.
 */
static bool ft_foreign(const struct kvm_vcpu *vcpu)
{
	u32 regs[4];

	return ft_cpuid(vcpu, KVM_CPUID_SIGNATURE, regs) &&
	       memcmp(&regs[CPUID_EBX], KVM_SIGNATURE, 3 * sizeof(*regs));
}

/**
 * struct ft_refusal - a CPUID bit that a protected guest must not have
 * @leaf: CPUID leaf
 * @reg: register
 * @bit: bit
 * @sentence: for the operator, whole: what extack formats is cut after 79 characters
 */
struct ft_refusal {
	u32 leaf;
	int reg;
	int bit;
	const char *sentence;
};

/* By QEMU's name of it, for -cpu ...,-flag. */
#define FT_FEATURE(flag) \
	"the guest has a CPU feature that cannot be replayed; start it with -cpu ...,-" flag

static const struct ft_refusal ft_refusals[] = {
	/* Answered by the processor itself, differently each time. */
	{ 1, CPUID_ECX, 30, FT_FEATURE("rdrand") },
	{ 7, CPUID_EBX, 18, FT_FEATURE("rdseed") },
	{ 6, CPUID_ECX, 0, FT_FEATURE("aperfmperf") },
	{ 7, CPUID_ECX, 5, FT_FEATURE("waitpkg") },
	/* Show which state components are in use, which depends on exits. */
	{ 0xd, CPUID_EAX, 0, FT_FEATURE("xsaveopt") },
	{ 0xd, CPUID_EAX, 1, FT_FEATURE("xsavec") },
	{ 0xd, CPUID_EAX, 2, FT_FEATURE("xgetbv1") },
	{ 0xd, CPUID_EAX, 3, FT_FEATURE("xsaves") },
	/* Aborted by any exit. */
	{ 7, CPUID_EBX, 4, FT_FEATURE("hle") },
	{ 7, CPUID_EBX, 11, FT_FEATURE("rtm") },
	/* Counts what the replica's extra exits change. */
	{ 0x80000001, CPUID_ECX, 23, FT_FEATURE("perfctr-core") },
	/* KVM writes guest memory for these. */
	{ KVM_CPUID_FEATURES, CPUID_EAX, KVM_FEATURE_CLOCKSOURCE, FT_FEATURE("kvmclock") },
	{ KVM_CPUID_FEATURES, CPUID_EAX, KVM_FEATURE_CLOCKSOURCE2, FT_FEATURE("kvmclock") },
	{ KVM_CPUID_FEATURES, CPUID_EAX, KVM_FEATURE_ASYNC_PF, FT_FEATURE("kvm-asyncpf") },
	{ KVM_CPUID_FEATURES, CPUID_EAX, KVM_FEATURE_ASYNC_PF_INT, FT_FEATURE("kvm-asyncpf-int") },
	{ KVM_CPUID_FEATURES, CPUID_EAX, KVM_FEATURE_STEAL_TIME, FT_FEATURE("kvm-steal-time") },
	{ KVM_CPUID_FEATURES, CPUID_EAX, KVM_FEATURE_PV_EOI, FT_FEATURE("kvm-pv-eoi") },
};

/**
 * ft_kvm_check() - can this vCPU be protected?
 * @vcpu: vCPU
 * @extack: for the reason of a refusal
 *
 * Return: 0, or -EOPNOTSUPP.
 */
int ft_kvm_check(struct kvm_vcpu *vcpu, struct netlink_ext_ack *extack)
{
	unsigned int i;

	if (vcpu->kvm->arch.irqchip_mode != KVM_IRQCHIP_KERNEL) {
		NL_SET_ERR_MSG(extack,
			       "the guest's interrupt controllers are not all in the kernel; use -machine kernel-irqchip=on");
		return -EOPNOTSUPP;
	}
	if (!vcpu->arch.cpuid_nent) {
		NL_SET_ERR_MSG(extack, "QEMU has not set up the vCPU yet");
		return -EAGAIN;
	}
	/* First: it has other bits where KVM's would be. */
	if (ft_foreign(vcpu)) {
		NL_SET_ERR_MSG(extack,
			       "the guest is offered Hyper-V's or Xen's interface, whose timers and memory cannot be replayed; start it without hv-* in -cpu");
		return -EOPNOTSUPP;
	}
	for (i = 0; i < ARRAY_SIZE(ft_refusals); i++) {
		const struct ft_refusal *r = &ft_refusals[i];

		if (ft_hook_guest_has(vcpu, r->leaf, r->reg, r->bit)) {
			if (extack)
				extack->_msg = r->sentence;
			return -EOPNOTSUPP;
		}
	}
	/* RDPMC is not caught; without counters it faults on both sides. */
	if (vcpu->arch.pmu.nr_arch_gp_counters) {
		NL_SET_ERR_MSG(extack,
			       "the guest has performance counters; load kvm with enable_pmu=0");
		return -EOPNOTSUPP;
	}
	return ft_vendor->check(vcpu, extack);
}
