// SPDX-License-Identifier: GPL-2.0-only
/*
 * The secondary: the guest is led along the log. It is entered only while the
 * next entry is at hand, since only that entry tells where to stop.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/moduleparam.h>
#include <linux/sched/signal.h>
#include "engine.h"
#include "fault.h"
#include "trace.h"

static unsigned int ft_margin = 128;
module_param_named(margin, ft_margin, uint, 0644);
MODULE_PARM_DESC(margin, "branches before a position at which the replay goes over from the counter to a breakpoint; more than the counter's skid (default 128)");

#define FT_POS_FMT	"%llu branches, %llu events, rip %llx, regs %08x"

/*
 * Have the next entry decoded in vm->next.
 * Return: 1, 0 when it is not there yet, or negative when the log is broken.
 */
static int ft_replay_fetch(struct ft_vm *vm)
{
	const u8 *p;
	size_t avail;
	int len;

	if (vm->next_len)
		return 1;
	p = ft_log_peek(&vm->log, vm->replayed, &avail);
	len = ft_entry_decode(&vm->codec, p, avail, &vm->next);
	if (len == -EAGAIN)
		return 0;
	if (len < 0)
		return len;
	vm->next_len = len;
	return 1;
}

static void ft_replay_consume(struct ft_vm *vm)
{
	trace_kvm_ft_replay(vm->config.name, &vm->next, vm->replayed);
	if (ft_entry_is_async(vm->next.type))
		vm->stats.entries_async++;
	else if (!ft_entry_is_part(vm->next.type))
		vm->stats.entries_sync++;
	vm->trail[vm->steps++ % FT_TRAIL] = (struct ft_step) {
		.type = vm->next.type,
		.branches = vm->next.pos.branches,
		.rip = vm->next.pos.rip,
	};
	WRITE_ONCE(vm->replayed, vm->replayed + vm->next_len);
	ft_log_release(&vm->log, vm->replayed);
	vm->next_len = 0;
	vm->stood.rip = 0;
	ft_vm_notify(vm);
}

/* Is there an entry, or another reason not to wait for one? */
static bool ft_replay_wake(struct ft_vm *vm)
{
	return ft_mode(vm) != FT_REPLAY ||
	       (!READ_ONCE(vm->hold) &&
		(ft_replay_fetch(vm) || READ_ONCE(vm->drain)));
}

/* What led there is not in the log any more. */
static void ft_replay_show_trail(const struct ft_vm *vm)
{
	unsigned int i, len = 0;
	char text[FT_TRAIL * 48];

	for (i = vm->steps - min(vm->steps, FT_TRAIL); i != vm->steps; i++) {
		const struct ft_step *step = &vm->trail[i % FT_TRAIL];

		len += scnprintf(text + len, sizeof(text) - len, ", %s at %llu rip %llx",
				 ft_entry_name(step->type), step->branches, step->rip);
	}
	if (len)
		pr_notice("%s: executed before%s\n", vm->config.name, text + 1);
}

static void ft_replay_diverged(struct ft_vm *vm, const char *what)
{
	const struct ft_position *log = &vm->next.pos;
	const struct ft_position *stood = &vm->stood;
	struct ft_position pos = ft_vm_position(vm);
	char before[80] = "was not at that rip";

	if (stood->rip)
		snprintf(before, sizeof(before),
			 "was there at %llu branches, %llu events, regs %08x",
			 stood->branches, stood->events, stood->regs);
	if (!ft_vm_event(vm, FT_EV_DIVERGED, KVM_FT_REASON_DIVERGENCE,
			 "%s: log offset %llu has %s at " FT_POS_FMT "; guest at " FT_POS_FMT ", %s",
			 what, vm->replayed, ft_entry_name(vm->next.type),
			 log->branches, log->events, log->rip, log->regs,
			 pos.branches, pos.events, pos.rip, pos.regs, before))
		ft_replay_show_trail(vm);
}

static void ft_replay_broken(struct ft_vm *vm, int err)
{
	ft_vm_event(vm, FT_EV_FAULT, KVM_FT_REASON_PROTOCOL,
		    "log offset %llu cannot be decoded (%d)", vm->replayed, err);
}

/* What this host's devices had to say, and the log has not. From here on they are heard. */
static void ft_replay_local_live(struct ft_vm *vm)
{
	struct ft_msi msi;
	unsigned int gsi;
	u8 source;
	bool level;

	for (gsi = 0; gsi < FT_GSI_MAX; gsi++)
		while (ft_local_next_line(&vm->local, gsi, &source, &level))
			ft_kvm_set_irq(vm->kvm, source, gsi, level);
	while (ft_local_next_msi(&vm->local, &msi))
		ft_kvm_send_msi(vm->kvm, msi.addr, msi.data);
}

/*
 * The log is used up and this copy is to go on: make it an ordinary VM. Time
 * goes on from the last value the guest, or anybody who asked the primary, can
 * have seen; the timers it armed fire; lines that this host's devices hold or
 * have pulsed since are brought up. What is done before the event does no harm to a copy
 * that is discarded: it never runs again.
 */
static void ft_replay_go_live(struct ft_vm *vm)
{
	u64 tsc = max(vm->last_tsc, READ_ONCE(vm->peer_tsc));

	ft_fault_wait(FT_FAULT_DRAINED);
	ft_vendor->set_tsc(vm->vcpu, tsc + 1);
	ft_vhost_rewind(vm);
	ft_fault(FT_FAULT_GO_LIVE);
	/* Not if it was discarded this moment. */
	if (ft_vm_event(vm, FT_EV_DRAINED, KVM_FT_REASON_NONE, "log used up at %llu",
			vm->replayed))
		return;
	ft_kvm_rearm_timer(vm->vcpu);
	ft_replay_local_live(vm);
	ft_vhost_go_live(vm);
	ft_vm_release_vcpu(vm);
	ft_output_announce(vm);
}

/**
 * ft_replay_input() - a device of this host wants to interrupt the guest
 * @vm: VM of a secondary
 * @input: how
 *
 * Not applied: the log has the primary's. Lines and MSIs are remembered for going live,
 * and pass from then on.
 *
 * Context: any but NMI.
 * Return: whether KVM is to see it.
 */
bool ft_replay_input(struct ft_vm *vm, const struct ft_input *input)
{
	switch (input->type) {
	case KVM_FT_ENTRY_IRQ:
		return ft_local_line(&vm->local, input->gsi, input->level & 1);
	case KVM_FT_ENTRY_MSI:
		return ft_local_msi(&vm->local, input->addr, input->data);
	}
	return ft_mode(vm) == FT_OFF;
}

/* True: it is the same here. */
static bool ft_replay_digest(struct ft_vm *vm, const struct ft_digest *theirs)
{
	struct ft_digest mine;

	if (ft_digest_take(vm, &mine)) {
		ft_vm_event(vm, FT_EV_FAULT, KVM_FT_REASON_NO_RESOURCES,
			    "guest memory cannot be read for a digest");
		return false;
	}
	if (mine.regs == theirs->regs && mine.ram == theirs->ram &&
	    mine.irqchip == theirs->irqchip) {
		vm->digest = mine;
		vm->stats.digests++;
		return true;
	}
	ft_vm_event(vm, FT_EV_DIGEST_DIFFERS, KVM_FT_REASON_DIVERGENCE,
		    "digests at log offset %llu differ in%s%s%s", vm->replayed,
		    mine.regs != theirs->regs ? " registers" : "",
		    mine.ram != theirs->ram ? " memory" : "",
		    mine.irqchip != theirs->irqchip ? " interrupt controllers" : "");
	return false;
}

/* False: it could not be done, and must not pass for executed. */
static bool ft_replay_apply(struct ft_vm *vm, const struct ft_entry *e)
{
	switch (e->type) {
	case KVM_FT_ENTRY_IRQ:
		ft_local_logged_line(&vm->local, e->irq.gsi, e->irq.source, e->irq.level & 1);
		ft_kvm_set_irq(vm->kvm, e->irq.source, e->irq.gsi, e->irq.level);
		break;
	case KVM_FT_ENTRY_MSI:
		ft_local_logged_msi(&vm->local, e->msi.addr, e->msi.data);
		ft_kvm_send_msi(vm->kvm, e->msi.addr, e->msi.data);
		break;
	case KVM_FT_ENTRY_TIMER:
		ft_kvm_inject_timer(vm->vcpu);
		break;
	case KVM_FT_ENTRY_NMI:
		ft_kvm_inject_nmi(vm->vcpu);
		break;
	case KVM_FT_ENTRY_DIGEST:
		return ft_replay_digest(vm, &e->digest);
	case KVM_FT_ENTRY_BATCH:
		vm->stats.batches++;
		break;
	case KVM_FT_ENTRY_SHADOW:
		ft_vendor->set_shadow(vm->vcpu);
		break;
	case KVM_FT_ENTRY_POSITION:
		break;
	}
	return true;
}

/* Wrong data where the log's were right: only packets are so long. */
#define FT_FLIP_LEAST	1024

static int ft_replay_flip(struct ft_vm *vm, u64 gpa)
{
	u8 byte;

	if (ft_guest_read(vm, gpa, &byte, 1))
		return -EFAULT;
	byte ^= 1;
	return ft_guest_write(vm, gpa, &byte, 1);
}

/* A part of the batch at this position. False: as above. */
static bool ft_replay_part(struct ft_vm *vm, const struct ft_entry *e)
{
	int ret = 0;

	switch (e->type) {
	case KVM_FT_ENTRY_DMA:
		vm->stats.dma_bytes += e->dma.len;
		ret = ft_guest_write(vm, e->dma.gpa, e->dma.data, e->dma.len);
		if (e->dma.len >= FT_FLIP_LEAST && ft_fault_due(FT_FAULT_FLIP))
			ret = ft_replay_flip(vm, e->dma.gpa + e->dma.len / 2);
		break;
	case KVM_FT_ENTRY_QUEUE:
		ret = ft_vhost_apply_queue(vm, &e->queue);
		break;
	case KVM_FT_ENTRY_DISK:
		vm->disk_read = true;
		ret = ft_reads_apply(vm, &e->disk);
		break;
	}
	/* Ignored where this copy is dropped already, since its disk cannot be read. */
	if (ret && !fatal_signal_pending(current))
		ft_vm_event(vm, FT_EV_DIVERGED, KVM_FT_REASON_DIVERGENCE,
			    "log offset %llu: this copy has no such %s (%d)", vm->replayed,
			    e->type == KVM_FT_ENTRY_QUEUE ? "virtqueue" : "guest memory", ret);
	return !ret;
}

/* Plan the run to the next entry's position. */
static void ft_replay_plan(struct ft_vm *vm, const struct ft_position *pos)
{
	bool stopped = vm->exit.kind == FT_EXIT_BREAKPOINT || vm->exit.kind == FT_EXIT_TRAP;
	u64 distance;
	int err;

	if (vm->counter.armed && READ_ONCE(vm->counter.overflowed)) {
		vm->stats.overflows++;
		vm->stats.skid_max = max(vm->stats.skid_max,
					 ft_position_skid(pos, vm->overflow_at));
	}
	distance = ft_plan_run(&vm->plan, pos, &vm->next.pos, ft_margin, stopped);
	if (!distance) {
		ft_counter_disarm(&vm->counter);
		return;
	}
	if (vm->counter.armed && !READ_ONCE(vm->counter.overflowed))
		return;
	vm->overflow_at = pos->branches + distance;
	err = ft_counter_arm(&vm->counter, distance);
	if (err)
		ft_vm_event(vm, FT_EV_FAULT, KVM_FT_REASON_NO_RESOURCES,
			    "the branch counter cannot be armed (%d)", err);
}

static void ft_replay_run_freely(struct ft_vm *vm)
{
	ft_plan_run_freely(&vm->plan);
	ft_counter_disarm(&vm->counter);
}

/* The next entry is at hand. True: the guest may be entered. */
static bool ft_replay_step(struct ft_vm *vm)
{
	struct ft_position pos = ft_vm_position(vm);
	enum ft_way way = ft_position_way(&pos, &vm->next.pos);

	if (ft_entry_is_part(vm->next.type)) {
		if (!ft_replay_part(vm, &vm->next))
			return false;
		ft_replay_consume(vm);
		/* Its writes to the disk may wait for this. */
		if (vm->disk_read && vm->next.type == KVM_FT_ENTRY_QUEUE) {
			vm->disk_read = false;
			ft_vm_flush(vm);
		}
		return false;
	}
	if (unlikely(way == FT_WAY_LATE)) {
		ft_replay_diverged(vm, "the guest did not stop in time");
		return false;
	}
	if (!ft_entry_is_async(vm->next.type)) {
		if (unlikely(!ft_kvm_runnable(vm->vcpu))) {
			ft_replay_diverged(vm, "the guest halted");
			return false;
		}
		ft_replay_run_freely(vm);
		return true;
	}
	/* The first position is where the guest was paused, which can be anywhere. */
	if (way == FT_WAY_HERE &&
	    (vm->next.type == KVM_FT_ENTRY_POSITION ||
	     vm->next.type == KVM_FT_ENTRY_SHADOW || ft_vendor->can_interrupt(vm->vcpu))) {
		ft_replay_run_freely(vm);
		if (ft_replay_apply(vm, &vm->next))
			ft_replay_consume(vm);
		return false;
	}
	if (pos.rip == vm->next.pos.rip)
		vm->stood = pos;
	if (unlikely(way == FT_WAY_PASSED)) {
		ft_replay_diverged(vm, "the guest passed the position");
		return false;
	}
	if (unlikely(!ft_kvm_runnable(vm->vcpu))) {
		ft_replay_diverged(vm, "the guest halted");
		return false;
	}
	ft_replay_plan(vm, &pos);
	return true;
}

/**
 * ft_replay_safe_point() - apply the entries for this position, wait for the next
 * @vm: VM
 *
 * Returns once the guest may be entered: towards the next entry, or because it
 * went live.
 *
 * Context: the vCPU's thread in KVM_RUN, outside of the guest, may sleep.
 * Return: 0, or -EINTR when the guest may not run on and a signal came.
 */
int ft_replay_safe_point(struct ft_vm *vm)
{
	while (ft_mode(vm) == FT_REPLAY) {
		/* With ft_vm_event(): asked first, what is in the log then is all there is. */
		bool drain = smp_load_acquire(&vm->drain);
		int ret = READ_ONCE(vm->hold) ? 0 : ft_replay_fetch(vm);

		/* Of a QEMU that is killed not even memory may be there any more. */
		if (fatal_signal_pending(current))
			return -EINTR;
		if (ret < 0) {
			ft_replay_broken(vm, ret);
			continue;
		}
		if (ret > 0) {
			if (ft_replay_step(vm))
				break;
			continue;
		}
		if (drain && !READ_ONCE(vm->hold)) {
			ft_replay_go_live(vm);
			continue;
		}
		vm->stats.starved_waits++;
		if (wait_event_interruptible(vm->wq, ft_replay_wake(vm)))
			return -EINTR;
	}
	return 0;
}

static bool ft_replay_matches(struct ft_vm *vm, const struct ft_entry *guest)
{
	const struct ft_entry *log = &vm->next;

	if (log->type != guest->type || log->pos.branches != guest->pos.branches ||
	    (u16)log->pos.rip != (u16)guest->pos.rip)
		return false;
	switch (log->type) {
	case KVM_FT_ENTRY_MSR:
		return log->msr.index == guest->msr.index;
	case KVM_FT_ENTRY_IO_IN:
		return log->io.addr == guest->io.addr && log->io.len == guest->io.len;
	case KVM_FT_ENTRY_IO_OUT:
		return log->io.addr == guest->io.addr && log->io.len == guest->io.len &&
		       !memcmp(log->io.data, guest->io.data, log->io.len);
	}
	return true;
}

/* Where it was is told, to be compared with where it is found. */
static void ft_replay_wrong_tsc(struct ft_vm *vm, struct ft_entry *entry)
{
	entry->tsc ^= 1;
	pr_warn("%s: fault: another answer than at log offset %llu, %s at %llu branches\n",
		vm->config.name, vm->replayed, ft_entry_name(entry->type),
		entry->pos.branches);
}

/* The entry at hand is the answer, or the guest has diverged. */
static void ft_replay_take(struct ft_vm *vm, struct ft_entry *entry, u8 *data)
{
	entry->pos.branches = vm->branches;
	entry->pos.rip = ft_kvm_rip(vm->vcpu);

	if (!ft_replay_matches(vm, entry)) {
		if (!ft_vm_event(vm, FT_EV_DIVERGED, KVM_FT_REASON_DIVERGENCE,
				 "log offset %llu has %s at %llu branches, rip16 %04x; guest did %s at %llu branches, rip %llx",
				 vm->replayed, ft_entry_name(vm->next.type),
				 vm->next.pos.branches, (u16)vm->next.pos.rip,
				 ft_entry_name(entry->type), entry->pos.branches,
				 entry->pos.rip))
			ft_replay_show_trail(vm);
		return;
	}
	switch (entry->type) {
	case KVM_FT_ENTRY_TSC:
	case KVM_FT_ENTRY_TSCP:
		entry->tsc = vm->next.tsc;
		vm->last_tsc = entry->tsc;
		if (ft_fault_due(FT_FAULT_TSC))
			ft_replay_wrong_tsc(vm, entry);
		break;
	case KVM_FT_ENTRY_MSR:
		entry->msr.value = vm->next.msr.value;
		break;
	case KVM_FT_ENTRY_IO_IN:
		memcpy(data, vm->next.io.data, vm->next.io.len);
		break;
	}
	ft_replay_consume(vm);
}

/**
 * ft_replay_answer() - answer from the log what the guest just asked
 * @vm: VM
 * @entry: type and what the guest asked; the body's answer is replaced
 * @data: KVM_FT_ENTRY_IO_IN: where the bytes go
 *
 * The answer of this host stands when the log is used up and the guest is
 * going live. A guest that asked something else than the log says has
 * diverged; it is never entered again.
 *
 * Context: the vCPU's thread. Sleeps only when one instruction asks several
 * times; the first question's entry is at hand before the guest is entered.
 */
void ft_replay_answer(struct ft_vm *vm, struct ft_entry *entry, u8 *data)
{
	int ret;

	/* Dropped: it never runs again, whatever it is answered. */
	if (wait_event_killable(vm->wq, ft_replay_wake(vm) || READ_ONCE(vm->hold)) ||
	    ft_mode(vm) != FT_REPLAY || READ_ONCE(vm->hold))
		return;
	ret = ft_replay_fetch(vm);
	if (ret < 0)
		ft_replay_broken(vm, ret);
	if (ret > 0)
		ft_replay_take(vm, entry, data);
}

/**
 * ft_replay_answer_at_once() - likewise, if that can be done without a wait
 * @vm: VM, replaying
 * @entry: type and what the guest asked; the body's answer is replaced
 *
 * Context: the vCPU's thread, interrupts off.
 * Return: whether it is done.
 */
bool ft_replay_answer_at_once(struct ft_vm *vm, struct ft_entry *entry)
{
	if (READ_ONCE(vm->hold) || ft_replay_fetch(vm) <= 0)
		return false;
	ft_replay_take(vm, entry, NULL);
	return true;
}

/**
 * ft_replay_may_go_on() - may the guest be entered again without a safe point?
 * @vm: VM, replaying; what the guest asked is answered
 *
 * It may, in the way in which it came, if what comes next is a question, too.
 *
 * Context: the vCPU's thread, interrupts off.
 * Return: whether it may.
 */
bool ft_replay_may_go_on(struct ft_vm *vm)
{
	return ft_mode(vm) == FT_REPLAY && !READ_ONCE(vm->hold) && ft_replay_fetch(vm) > 0 &&
	       !ft_entry_is_async(vm->next.type) && !ft_entry_is_part(vm->next.type);
}
