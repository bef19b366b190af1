// SPDX-License-Identifier: GPL-2.0-only
/*
 * Digests: what must be the same on both sides at one position.
 */
#include <linux/kvm_host.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/xxhash.h>
#include <asm/fpu/api.h>
#include "engine.h"

/*
 * The guest sees a memory slot by its guest address; the order in which slots
 * are found differs between hosts, so each is hashed alone and they are added.
 */
static int ft_digest_slot(const struct kvm_memory_slot *slot, void *page, u64 *hash)
{
	struct xxh64_state state;
	unsigned long i;

	xxh64_reset(&state, slot->base_gfn);
	for (i = 0; i < slot->npages; i++) {
		unsigned long hva = slot->userspace_addr + i * PAGE_SIZE;

		if (copy_from_user(page, (void __user *)hva, PAGE_SIZE))
			return -EFAULT;
		xxh64_update(&state, page, PAGE_SIZE);
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	*hash = xxh64_digest(&state);
	return 0;
}

static int ft_digest_ram(struct kvm *kvm, u64 *ram)
{
	struct kvm_memory_slot *slot;
	void *page;
	int bkt, idx, ret = 0;

	page = (void *)__get_free_page(GFP_KERNEL);
	if (!page)
		return -ENOMEM;

	*ram = 0;
	idx = srcu_read_lock(&kvm->srcu);
	kvm_for_each_memslot(slot, bkt, kvm_memslots(kvm)) {
		u64 hash;

		/* KVM's own slots (TSS, APIC page) are not guest RAM. */
		if (slot->id >= KVM_USER_MEM_SLOTS)
			continue;
		ret = ft_digest_slot(slot, page, &hash);
		if (ret)
			break;
		*ram += hash;
	}
	srcu_read_unlock(&kvm->srcu, idx);
	free_page((unsigned long)page);
	return ret;
}

/*
 * The FPU as XSAVE lays it out, less what depends on when it was saved: which
 * components were in use, and the last instruction and operand (AMD saves
 * those only while an exception is pending). Offsets: SDM volume 1, 10.5.1 and
 * 13.4.2.
 */
#define FT_XSAVE_LAST		6	/* FOP, FIP, FDP */
#define FT_XSAVE_MXCSR		24
#define FT_XSAVE_MASK		28	/* MXCSR_MASK, the processor's */
#define FT_XSAVE_ST0		32
#define FT_XSAVE_FREE		416	/* reserved and software's */
#define FT_XSAVE_EXTENDED	576

static int ft_digest_fpu(struct kvm_vcpu *vcpu, u64 *hash)
{
	struct fpu_guest *fpu = &vcpu->arch.guest_fpu;
	bool loaded = kvm_get_running_vcpu() == vcpu;
	u32 size = max_t(u32, fpu->uabi_size, FT_XSAVE_EXTENDED);
	u8 *area = kvzalloc(size, GFP_KERNEL);

	if (!area)
		return -ENOMEM;
	/* In KVM_RUN the guest's registers are in the processor. */
	if (loaded)
		fpu_swap_kvm_fpstate(fpu, false);
	fpu_copy_guest_fpstate_to_uabi(fpu, area, size, fpu->fpstate->user_xfeatures,
				       vcpu->arch.pkru);
	if (loaded)
		fpu_swap_kvm_fpstate(fpu, true);

	*hash = xxh64(area, FT_XSAVE_LAST, *hash);
	*hash = xxh64(area + FT_XSAVE_MXCSR, FT_XSAVE_MASK - FT_XSAVE_MXCSR, *hash);
	*hash = xxh64(area + FT_XSAVE_ST0, FT_XSAVE_FREE - FT_XSAVE_ST0, *hash);
	*hash = xxh64(area + FT_XSAVE_EXTENDED, size - FT_XSAVE_EXTENDED, *hash);
	kvfree(area);
	return 0;
}

/**
 * ft_digest_take() - digest of the machine as it stands
 * @vm: VM whose vCPU is outside of the guest and stays there
 * @digest: result
 *
 * Context: current->mm is the guest's; the vCPU's thread, or under vcpu->mutex.
 * May sleep, for as long as it takes to read all guest memory.
 * Return: 0, -ENOMEM, -EFAULT when a page cannot be read, -EINTR when killed.
 */
int ft_digest_take(struct ft_vm *vm, struct ft_digest *digest)
{
	struct kvm_vcpu *vcpu = vm->vcpu;
	const u64 control[] = {
		ft_kvm_rip(vcpu), vcpu->arch.cr0, vcpu->arch.cr2, vcpu->arch.cr3,
		vcpu->arch.cr4, vcpu->arch.efer, vcpu->arch.apic_base,
		vcpu->arch.mp_state, vcpu->arch.dr6, vcpu->arch.dr7,
		vcpu->arch.xcr0, vcpu->arch.pat,
		vcpu->arch.db[0], vcpu->arch.db[1], vcpu->arch.db[2], vcpu->arch.db[3],
	};
	u64 hash;
	int ret;

	hash = xxh64(vcpu->arch.regs, VCPU_REGS_RIP * sizeof(unsigned long), 0);
	hash = xxh64(control, sizeof(control), hash);
	hash = ft_vendor->hash_regs(vcpu, hash);
	ret = ft_digest_fpu(vcpu, &hash);
	if (ret)
		return ret;
	digest->regs = hash;
	digest->irqchip = ft_kvm_hash_irqchip(vcpu);
	return ft_digest_ram(vm->kvm, &digest->ram);
}
