// SPDX-License-Identifier: GPL-2.0-only
/*
 * Functions of kvm.ko that let something into the deterministic machine: inputs
 * to the interrupt controllers are held at gates, answers given within the
 * kernel are logged or replaced. Beside them, the originals as the engine calls
 * them to apply an input.
 */
#include <linux/xxhash.h>
#include <asm/apicdef.h>
#include "hook-priv.h"
#include "layout.h"

static int (*kvm_set_irq_orig)(struct kvm *kvm, int source, u32 gsi, int level,
			       bool line_status);
static int (*kvm_arch_set_irq_inatomic_orig)(struct kvm_kernel_irq_routing_entry *e,
					     struct kvm *kvm, int source, int level,
					     bool line_status);
static int (*kvm_send_userspace_msi_orig)(struct kvm *kvm, struct kvm_msi *msi);
static void (*kvm_inject_nmi_orig)(struct kvm_vcpu *vcpu);
static long (*kvm_arch_vcpu_ioctl_orig)(struct file *file, unsigned int ioctl,
					unsigned long arg);
static bool (*kvm_can_do_async_pf_orig)(struct kvm_vcpu *vcpu);
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
static int (*kvm_irq_map_gsi_addr)(struct kvm *kvm,
				   struct kvm_kernel_irq_routing_entry *entries, int gsi);
static const struct file_operations *kvm_vm_fops_addr;
static const struct file_operations *kvm_vcpu_fops_addr;

/* True: KVM is to see the input now. */
static bool ft_gate(struct ft_vm *vm, const struct ft_input *input)
{
	if (!vm)
		return true;
	/* Also when it is off by now: what waits, or was remembered, comes first. */
	return vm->config.role == KVM_FT_ROLE_PRIMARY ?
	       !ft_record_input(vm, input) : ft_replay_input(vm, input);
}

/*
 * An irqfd's MSI comes as a line where its short cut is not taken: when it is assigned to
 * an eventfd that is signalled, or while no more inputs can wait. The number of that line
 * is this QEMU's affair, and need not be the other's.
 */
static void ft_line_to_msi(struct kvm *kvm, struct ft_input *input)
{
	struct kvm_kernel_irq_routing_entry entries[KVM_NR_IRQCHIPS];
	int idx = srcu_read_lock(&kvm->irq_srcu);

	if (kvm_irq_map_gsi_addr(kvm, entries, input->gsi) == 1 &&
	    entries[0].type == KVM_IRQ_ROUTING_MSI)
		*input = (struct ft_input) {
			.type = KVM_FT_ENTRY_MSI,
			.addr = (u64)entries[0].msi.address_hi << 32 | entries[0].msi.address_lo,
			.data = entries[0].msi.data,
		};
	srcu_read_unlock(&kvm->irq_srcu, idx);
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

	if (vm && gsi >= FT_GSI_MAX) {
		/* An MSI has no falling edge. */
		if (!level)
			goto out;
		ft_line_to_msi(kvm, &input);
	}
	/* The resampler's answer to an EOI follows from what the guest did. */
	if ((source == KVM_IRQFD_RESAMPLE_IRQ_SOURCE_ID && !level) ||
	    ft_gate(vm, &input))
		ret = kvm_set_irq_orig(kvm, source, gsi, level, line_status);
out:
	ft_hook_leave(vm);
	return ret;
}

/*
 * An irqfd's short cut. Its MSIs are logged as such: the number of their line is
 * this QEMU's affair, and need not be the other's.
 */
static int ft_set_irq_inatomic(struct kvm_kernel_irq_routing_entry *e, struct kvm *kvm,
			       int source, int level, bool line_status)
{
	struct ft_input input = {
		.type = KVM_FT_ENTRY_MSI,
		.addr = (u64)e->msi.address_hi << 32 | e->msi.address_lo,
		.data = e->msi.data,
	};
	struct ft_vm *vm = ft_hook_enter(kvm);
	int ret = 1;

	/* vhost's: going live, each of its queues interrupts anyway. */
	if (vm && ft_mode(vm) == FT_REPLAY && e->type == KVM_IRQ_ROUTING_MSI)
		goto out;
	/* It comes back through kvm_set_irq(), from where it may sleep. */
	if (vm && (e->type != KVM_IRQ_ROUTING_MSI ||
		   (ft_mode(vm) != FT_OFF && ft_inputs_full(&vm->inputs))))
		ret = -EWOULDBLOCK;
	else if (ft_gate(vm, &input))
		ret = kvm_arch_set_irq_inatomic_orig(e, kvm, source, level, line_status);
out:
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

	/* An NMI that the guest sends to itself comes up in its own thread within KVM_RUN. */
	if ((vm && current == vm->task && vcpu->wants_to_run) || ft_gate(vm, &input))
		kvm_inject_nmi_orig(vcpu);
	ft_hook_leave(vm);
}

/* QEMU's NMI: the compiler may have put kvm_inject_nmi() into this. */
static long ft_vcpu_ioctl(struct file *file, unsigned int ioctl, unsigned long arg)
{
	const struct ft_input input = { .type = KVM_FT_ENTRY_NMI };
	struct kvm_vcpu *vcpu = file->private_data;
	struct ft_vm *vm = ft_hook_enter(vcpu->kvm);
	long ret = 0;

	if (ioctl != KVM_NMI || ft_gate(vm, &input))
		ret = kvm_arch_vcpu_ioctl_orig(file, ioctl, arg);
	ft_hook_leave(vm);
	return ret;
}

/*
 * A page of the guest's that the host has to fetch first: waiting for it, KVM would halt the
 * guest, or end its HLT when the page is there, neither of which the secondary sees.
 */
static bool ft_can_do_async_pf(struct kvm_vcpu *vcpu)
{
	struct ft_vm *vm = ft_hook_enter(vcpu->kvm);
	bool ret = (!vm || ft_mode(vm) == FT_OFF) && kvm_can_do_async_pf_orig(vcpu);

	ft_hook_leave(vm);
	return ret;
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

#define FT_FUNC(func, with) \
	{ .module = "kvm", .name = #func, .hook = with, .orig = &func##_orig }
#define FT_ADDR(func) \
	{ .module = "kvm", .name = #func, .orig = &func##_addr }

struct ft_func ft_funcs[] = {
	FT_FUNC(kvm_set_irq, ft_set_irq),
	FT_FUNC(kvm_arch_set_irq_inatomic, ft_set_irq_inatomic),
	FT_FUNC(kvm_send_userspace_msi, ft_send_userspace_msi),
	FT_FUNC(kvm_inject_nmi, ft_inject_nmi),
	FT_FUNC(kvm_arch_vcpu_ioctl, ft_vcpu_ioctl),
	FT_FUNC(kvm_can_do_async_pf, ft_can_do_async_pf),
	FT_FUNC(apic_timer_expired, ft_timer_expired),
	FT_FUNC(kvm_inject_pending_timer_irqs, ft_inject_pending_timer_irqs),
	FT_FUNC(kvm_lapic_reg_read, ft_lapic_reg_read),
	FT_FUNC(kvm_get_msr_ignored_check, ft_get_msr),
	FT_FUNC(kvm_io_bus_read, ft_io_bus_read),
	FT_ADDR(kvm_set_lapic_tscdeadline_msr),
	FT_ADDR(kvm_arch_vcpu_runnable),
	FT_ADDR(kvm_irq_map_gsi),
	FT_ADDR(kvm_vm_fops),
	FT_ADDR(kvm_vcpu_fops),
};

const unsigned int ft_nr_funcs = ARRAY_SIZE(ft_funcs);

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
 *
 * Return: the hash.
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

/**
 * ft_kvm_forget_eois() - keep KVM from finding an interrupt storm
 * @vcpu: vCPU outside of the guest
 *
 * When the guest ends 10000 interrupts of a line in a row that stays high, KVM lets the
 * next one wait for 10 ms of the host's time: an input that no gate sees. To be called
 * more often than that.
 */
void ft_kvm_forget_eois(struct kvm_vcpu *vcpu)
{
	void *ioapic = vcpu->kvm->arch.vioapic;

	memset(ft_member_ptr(ioapic, kvm_ioapic, irq_eoi), 0, FT_SIZE_kvm_ioapic_irq_eoi);
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
