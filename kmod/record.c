// SPDX-License-Identifier: GPL-2.0-only
/*
 * The primary: what comes in from outside of the deterministic machine is
 * written to the log, with the position at which it took effect.
 */
#include <linux/sched/signal.h>
#include "engine.h"
#include "fault.h"
#include "trace.h"

/* How long the guest may run before it is looked at again after a deferral. */
#define FT_NUDGE_NS	(50 * NSEC_PER_USEC)
#define FT_NUDGE_SHIFT	7

/*
 * Encode one entry in place. Returns where it ends; NULL: protection has ended. Behind
 * what could not be recorded the log has nothing more: it would lead the secondary astray.
 */
static u8 *ft_record_encode(struct ft_vm *vm, struct ft_entry *entry, int *len)
{
	u8 *p;

	if (unlikely(READ_ONCE(vm->ending)))
		return NULL;
	p = ft_log_reserve(&vm->log, KVM_FT_ENTRY_MAX);
	if (unlikely(!p)) {
		ft_vm_event(vm, FT_EV_FAULT, KVM_FT_REASON_NO_RESOURCES,
			    "one exit recorded more than the log has room for");
		return NULL;
	}
	*len = ft_entry_encode(&vm->codec, entry, p, KVM_FT_ENTRY_MAX);
	if (unlikely(*len < 0)) {
		ft_vm_event(vm, FT_EV_FAULT, KVM_FT_REASON_UNSUPPORTED,
			    "cannot encode a %s entry (%d)",
			    ft_entry_name(entry->type), *len);
		return NULL;
	}
	return p + *len;
}

static void ft_record_commit(struct ft_vm *vm, struct ft_entry *entry, int len)
{
	trace_kvm_ft_record(vm->config.name, entry, ft_log_head(&vm->log));
	ft_log_commit(&vm->log, len);
	ft_fault(FT_FAULT_UNSENT);
	if (ft_entry_is_async(entry->type))
		vm->stats.entries_async++;
	else if (!ft_entry_is_part(entry->type))
		vm->stats.entries_sync++;
	ft_vm_notify(vm);
}

/* Write one entry in place. False: protection has ended. */
static bool ft_record(struct ft_vm *vm, struct ft_entry *entry)
{
	int len;

	if (!ft_record_encode(vm, entry, &len))
		return false;
	ft_record_commit(vm, entry, len);
	return true;
}

/**
 * ft_record_batch() - a device has written guest memory
 * @vm: VM
 * @pos: where the guest stands
 *
 * Context: the vCPU's thread; the parts follow.
 */
void ft_record_batch(struct ft_vm *vm, const struct ft_position *pos)
{
	struct ft_entry entry = { .type = KVM_FT_ENTRY_BATCH, .pos = *pos };

	vm->stats.batches++;
	ft_record(vm, &entry);
}

/**
 * ft_record_part() - log a part of a batch
 * @vm: VM
 * @entry: the part
 *
 * Context: the vCPU's thread, behind ft_record_batch().
 */
void ft_record_part(struct ft_vm *vm, struct ft_entry *entry)
{
	ft_record(vm, entry);
}

/* Held, it is never recorded again: it is given up, or ends protection when it goes on. */
static bool ft_record_over(const struct ft_vm *vm)
{
	return ft_mode(vm) != FT_RECORD || READ_ONCE(vm->hold);
}

/*
 * A batch may be longer than the log: the secondary executes its parts as they
 * come. False: protection has ended.
 */
static bool ft_record_wait_room(struct ft_vm *vm)
{
	if (likely(ft_log_room(&vm->log) >= FT_LOG_ROOM))
		return true;
	vm->stats.full_waits++;
	ft_vm_flush(vm);
	return !wait_event_killable(vm->wq, ft_record_over(vm) ||
				    ft_log_room(&vm->log) >= FT_LOG_ROOM) &&
	       !ft_record_over(vm);
}

/* The secondary is to have all up to here, and no more. */
static void ft_record_fault(struct ft_vm *vm)
{
	ft_vm_flush(vm);
	if (!wait_event_killable(vm->wq, ft_output_allowed(vm, ft_log_head(&vm->log))))
		ft_fault_die();
}

/**
 * ft_record_dma() - log what a device wrote to a stretch of guest memory
 * @vm: VM
 * @gpa: where
 * @len: bytes
 *
 * They are copied once, from the guest into the log.
 *
 * Context: the vCPU's thread, behind ft_record_batch(); may sleep.
 * Return: 0, -EFAULT when it is no guest memory, -ENOSPC when protection has ended.
 */
int ft_record_dma(struct ft_vm *vm, u64 gpa, u32 len)
{
	struct ft_entry entry = { .type = KVM_FT_ENTRY_DMA };
	u8 *end;
	int size;

	vm->stats.dma_bytes += len;
	while (len) {
		if (!ft_record_wait_room(vm))
			return -ENOSPC;
		entry.dma.gpa = gpa;
		entry.dma.len = min_t(u32, len, KVM_FT_ENTRY_DATA_MAX);
		end = ft_record_encode(vm, &entry, &size);
		if (!end)
			return -ENOSPC;
		if (ft_guest_read(vm, gpa, end - entry.dma.len, entry.dma.len))
			return -EFAULT;
		ft_record_commit(vm, &entry, size);
		if (ft_fault_due(FT_FAULT_BATCH))
			ft_record_fault(vm);
		gpa += entry.dma.len;
		len -= entry.dma.len;
	}
	return 0;
}

/**
 * ft_record_disk() - log where on a disk there is what a device wrote to guest memory
 * @vm: VM
 * @entry: a DISK part
 *
 * Context: the vCPU's thread, behind ft_record_batch(); may sleep.
 * Return: 0, or -ENOSPC when protection has ended.
 */
int ft_record_disk(struct ft_vm *vm, struct ft_entry *entry)
{
	vm->stats.disk_bytes += entry->disk.len;
	return ft_record_wait_room(vm) && ft_record(vm, entry) ? 0 : -ENOSPC;
}

/**
 * ft_record_answer() - log the answer to what the guest just asked
 * @vm: VM
 * @entry: type and body; the position is filled in
 *
 * Context: the vCPU's thread.
 */
void ft_record_answer(struct ft_vm *vm, struct ft_entry *entry)
{
	entry->pos.branches = vm->branches;
	entry->pos.rip = ft_kvm_rip(vm->vcpu);
	if (entry->type == KVM_FT_ENTRY_TSC || entry->type == KVM_FT_ENTRY_TSCP)
		vm->last_tsc = entry->tsc;
	ft_record(vm, entry);
}

static void ft_record_apply(struct ft_vm *vm, const struct ft_input *input)
{
	switch (input->type) {
	case KVM_FT_ENTRY_IRQ:
		ft_kvm_set_irq(vm->kvm, input->source, input->gsi, input->level);
		break;
	case KVM_FT_ENTRY_MSI:
		ft_kvm_send_msi(vm->kvm, input->addr, input->data);
		break;
	case KVM_FT_ENTRY_NMI:
		ft_kvm_inject_nmi(vm->vcpu);
		break;
	}
}

/**
 * ft_record_input() - an input wants to enter the machine
 * @vm: VM
 * @input: what
 *
 * Context: any, also with interrupts off.
 * Return: true when it was queued; false: inputs are not held, give it to KVM.
 */
bool ft_record_input(struct ft_vm *vm, const struct ft_input *input)
{
	int ret = ft_inputs_push(&vm->inputs, input);

	if (unlikely(ret == -ENOSPC)) {
		ft_vm_event(vm, FT_EV_FAULT, KVM_FT_REASON_NO_RESOURCES,
			    "%u inputs wait and the guest takes none", FT_INPUTS_MAX);
		/* Unlogged, but in their order. Nothing of it is seen outside. */
		ft_record_open(vm);
	}
	if (!ret)
		ft_vm_kick(vm);
	return !ret;
}

/**
 * ft_record_open() - stop holding inputs back
 * @vm: VM
 *
 * What waits is given to KVM in its order, and only then do new inputs pass.
 *
 * Context: any but hard interrupts.
 */
void ft_record_open(struct ft_vm *vm)
{
	struct ft_input input;

	do {
		while (ft_inputs_pop(&vm->inputs, &input))
			ft_record_apply(vm, &input);
	} while (!ft_inputs_open(&vm->inputs));
}

/**
 * ft_record_start() - log where the guest stands, and what its copy cannot know
 * @vm: VM, all else of whose state the secondary has
 *
 * QEMU does not restore an interrupt shadow: kvm_put_vcpu_events() leaves it out.
 *
 * Context: under vcpu->mutex.
 */
void ft_record_start(struct ft_vm *vm)
{
	struct ft_entry entry = {
		.type = KVM_FT_ENTRY_SHADOW,
		.pos = ft_vm_position(vm),
	};

	if (ft_vendor->in_shadow(vm->vcpu))
		ft_record(vm, &entry);
	ft_record_here(vm);
}

/**
 * ft_record_here() - log where the guest stands
 * @vm: VM
 *
 * Context: the vCPU's thread outside of the guest, or under vcpu->mutex.
 */
void ft_record_here(struct ft_vm *vm)
{
	struct ft_entry entry = {
		.type = KVM_FT_ENTRY_POSITION,
		.pos = ft_vm_position(vm),
	};

	ft_record(vm, &entry);
}

static bool ft_record_pending(struct ft_vm *vm)
{
	return !ft_inputs_empty(&vm->inputs) ||
	       ft_kvm_timer_pending(vm->vcpu) || ft_vhost_pending(vm) ||
	       READ_ONCE(vm->position_due) || READ_ONCE(vm->digest_due);
}

static void ft_record_digest(struct ft_vm *vm, struct ft_entry *entry)
{
	WRITE_ONCE(vm->digest_due, false);
	entry->type = KVM_FT_ENTRY_DIGEST;
	if (ft_digest_take(vm, &entry->digest)) {
		ft_vm_event(vm, FT_EV_FAULT, KVM_FT_REASON_NO_RESOURCES,
			    "guest memory cannot be read for a digest");
		return;
	}
	if (!ft_record(vm, entry))
		return;
	vm->digest = entry->digest;
	/* With ft_vm_digest_done(): @digest is there before the offset moves. */
	smp_store_release(&vm->digest_offset, ft_log_head(&vm->log));
	ft_vm_flush(vm);
}

/* Log and apply everything that waits, here. */
static void ft_record_inputs(struct ft_vm *vm)
{
	struct ft_entry entry = { .pos = ft_vm_position(vm) };
	struct ft_input input;
	u64 before = ft_log_head(&vm->log);

	/* First, since it ends in interrupts that can be taken along. */
	if (ft_vhost_pending(vm))
		ft_vhost_record(vm, &entry.pos);
	while (ft_inputs_pop(&vm->inputs, &input)) {
		entry.type = input.type;
		if (input.type == KVM_FT_ENTRY_IRQ) {
			entry.irq.source = input.source;
			entry.irq.level = input.level;
			entry.irq.gsi = input.gsi;
		} else if (input.type == KVM_FT_ENTRY_MSI) {
			entry.msi.addr = input.addr;
			entry.msi.data = input.data;
		}
		/* Applied even when it cannot be logged: the guest comes first. */
		ft_record(vm, &entry);
		ft_record_apply(vm, &input);
	}
	if (ft_kvm_timer_pending(vm->vcpu)) {
		entry.type = KVM_FT_ENTRY_TIMER;
		ft_record(vm, &entry);
		ft_kvm_inject_timer(vm->vcpu);
	}
	if (READ_ONCE(vm->digest_due))
		ft_record_digest(vm, &entry);
	if (READ_ONCE(vm->position_due)) {
		WRITE_ONCE(vm->position_due, false);
		if (ft_log_head(&vm->log) == before) {
			entry.type = KVM_FT_ENTRY_POSITION;
			ft_record(vm, &entry);
		}
	}
}

static bool ft_record_may_run(struct ft_vm *vm)
{
	return ft_mode(vm) != FT_RECORD ||
	       (!READ_ONCE(vm->hold) && ft_log_room(&vm->log) >= FT_LOG_ROOM);
}

/**
 * ft_record_may_go_on() - may the guest be entered again without a safe point?
 * @vm: VM, recording
 *
 * What comes in from now on asks for one.
 *
 * Context: the vCPU's thread, interrupts off.
 * Return: whether it may.
 */
bool ft_record_may_go_on(struct ft_vm *vm)
{
	return !vm->deferred && ft_record_may_run(vm);
}

/* Where a processor begins, in a segment of its own (APM volume 2, 14.1.5). */
#define FT_RESET_RIP	0xfff0

/* Reset since it is protected? Each QEMU does that when and how it likes. */
static bool ft_record_was_reset(const struct ft_vm *vm)
{
	return unlikely(ft_kvm_rip(vm->vcpu) == FT_RESET_RIP) &&
	       !(vm->vcpu->arch.cr0 & X86_CR0_PE) && vm->stats.exits;
}

/**
 * ft_record_safe_point() - apply the inputs that wait, and wait for room
 * @vm: VM
 *
 * Context: the vCPU's thread in KVM_RUN, outside of the guest, may sleep.
 * Return: 0, or -EINTR when the guest may not run on and a signal came.
 */
int ft_record_safe_point(struct ft_vm *vm)
{
again:
	if (unlikely(!ft_record_may_run(vm))) {
		vm->stats.full_waits++;
		ft_vm_flush(vm);
		if (wait_event_interruptible(vm->wq, ft_record_may_run(vm)))
			return -EINTR;
	}
	vm->plan.breakpoint = false;
	if (ft_mode(vm) == FT_RECORD && ft_record_was_reset(vm)) {
		ft_vm_event(vm, FT_EV_FAULT, KVM_FT_REASON_UNSUPPORTED, "the VM was reset");
		/* Not one instruction of what the secondary may not see as it is. */
		if (wait_event_interruptible(vm->wq, ft_mode(vm) != FT_RECORD))
			return -EINTR;
	}
	if (ft_mode(vm) != FT_RECORD || !ft_record_pending(vm)) {
		vm->deferred = 0;
		return 0;
	}
	if (!ft_vendor->can_interrupt(vm->vcpu)) {
		vm->stats.deferrals++;
		vm->deferred++;
		vm->plan.breakpoint = ft_vendor->next_rip(vm->vcpu, &vm->plan.rip);
		return 0;
	}
	vm->deferred = 0;
	ft_record_inputs(vm);
	/* That may have taken the room, or ended protection. */
	if (unlikely(!ft_record_may_run(vm)))
		goto again;
	return 0;
}

/**
 * ft_record_nudge() - see to it that a deferred input finds a safe point soon
 * @vm: VM, @vm->deferred not zero
 *
 * Later each time: on a slow host the interrupt could otherwise always come
 * before the guest's first instruction.
 *
 * Context: the vCPU's thread, interrupts off, before the guest is entered.
 */
void ft_record_nudge(struct ft_vm *vm)
{
	unsigned int shift = min_t(unsigned int, vm->deferred - 1, FT_NUDGE_SHIFT);

	hrtimer_start(&vm->nudge, ns_to_ktime(FT_NUDGE_NS << shift),
		      HRTIMER_MODE_REL_PINNED_HARD);
}
