// SPDX-License-Identifier: GPL-2.0-only
/*
 * The protected VM: attach, detach, and the doing of what the state machine
 * asks for.
 *
 * Events come from anywhere. What has to happen at once (hold the guest, drop
 * the gates) happens in ft_vm_event(); what sleeps happens in the VM's work.
 *
 * Teardown, in named steps, all in the work:
 *   closed    the peer knows (when it is told), the channel is gone
 *   off       no hook does anything for the VM from here on
 *   open      inputs that waited are given to KVM
 *   released  the vCPU is out of our code and carries no trace of us
 *   unhooked  no hook finds the VM; the last one takes the hooks away
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/file.h>
#include <linux/kthread.h>
#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/netlink.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/xxhash.h>
#include "engine.h"
#include "trace.h"

static unsigned int ft_log_size = 16 << 20;
module_param_named(log_size, ft_log_size, uint, 0644);
MODULE_PARM_DESC(log_size, "bytes of log ring per VM, a power of two (default 16 MiB)");

static unsigned int ft_heartbeat_ms = 50;
module_param_named(heartbeat_ms, ft_heartbeat_ms, uint, 0644);
MODULE_PARM_DESC(heartbeat_ms, "interval of heartbeats in ms (default 50)");

static unsigned int ft_timeout_ms = 200;
module_param_named(timeout_ms, ft_timeout_ms, uint, 0644);
MODULE_PARM_DESC(timeout_ms, "silence in ms after which the peer is lost (default 200)");

unsigned int ft_position_ms = 10;
module_param_named(position_ms, ft_position_ms, uint, 0644);
MODULE_PARM_DESC(position_ms, "longest the secondary of a computing guest waits to go on, in ms (default 10)");

unsigned int ft_margin = 128;
module_param_named(margin, ft_margin, uint, 0644);
MODULE_PARM_DESC(margin, "branches before a position at which the replay goes over from the counter to a breakpoint; more than the counter's skid (default 128)");

/* Guards the list, and whether the hooks are installed. */
static DEFINE_MUTEX(ft_list_mutex);
static LIST_HEAD(ft_list);
static unsigned int ft_hooked;

static struct workqueue_struct *ft_workqueue;

static const struct ft_channel_ops ft_vm_channel_ops;

/* -- References -------------------------------------------------------------- */

static void ft_vm_free(struct kref *ref)
{
	struct ft_vm *vm = container_of(ref, struct ft_vm, ref);

	if (vm->task)
		put_task_struct(vm->task);
	ft_log_destroy(&vm->log);
	if (vm->config.vcpu_file)
		fput(vm->config.vcpu_file);
	if (vm->config.vm_file)
		fput(vm->config.vm_file);
	kvfree(vm);
	module_put(THIS_MODULE);
}

/**
 * ft_vm_put() - give a reference back
 * @vm: VM
 */
void ft_vm_put(struct ft_vm *vm)
{
	kref_put(&vm->ref, ft_vm_free);
}

static struct ft_vm *ft_vm_find(const char *name)
{
	struct ft_vm *vm;

	lockdep_assert_held(&ft_list_mutex);

	list_for_each_entry(vm, &ft_list, list)
		if (!strcmp(vm->config.name, name))
			return vm;
	return NULL;
}

/**
 * ft_vm_get() - look a VM up
 * @name: its name
 *
 * Context: may sleep.
 * Return: the VM with a reference, or NULL.
 */
struct ft_vm *ft_vm_get(const char *name)
{
	struct ft_vm *vm;

	mutex_lock(&ft_list_mutex);
	vm = ft_vm_find(name);
	if (vm)
		kref_get(&vm->ref);
	mutex_unlock(&ft_list_mutex);
	return vm;
}

/**
 * ft_vm_next() - walk over the VMs
 * @vm: where the walk is, or NULL to begin; its reference is given back
 *
 * A VM that went away meanwhile ends the walk early.
 *
 * Context: may sleep.
 * Return: the next VM with a reference, or NULL at the end.
 */
struct ft_vm *ft_vm_next(struct ft_vm *vm)
{
	struct list_head *at = vm ? &vm->list : &ft_list;
	struct ft_vm *next = NULL;

	mutex_lock(&ft_list_mutex);
	if (!list_empty(at) && at->next != &ft_list) {
		next = list_entry(at->next, struct ft_vm, list);
		kref_get(&next->ref);
	}
	mutex_unlock(&ft_list_mutex);
	if (vm)
		ft_vm_put(vm);
	return next;
}

/* -- The vCPU's thread --------------------------------------------------------- */

/**
 * ft_vm_position() - where the guest stands
 * @vm: VM
 *
 * Context: the vCPU's thread, outside of the guest.
 */
struct ft_position ft_vm_position(struct ft_vm *vm)
{
	const unsigned long *regs = vm->vcpu->arch.regs;

	return (struct ft_position) {
		.branches = vm->branches,
		.events = vm->events,
		.rip = ft_kvm_rip(vm->vcpu),
		.regs = xxh32(regs, VCPU_REGS_RIP * sizeof(*regs), 0),
	};
}

/**
 * ft_vm_safe_point() - the guest stands at a position and may be worked on
 * @vm: VM
 *
 * Context: the vCPU's thread in KVM_RUN, KVM's SRCU not held; sleeps.
 * Return: 0, or -EINTR when the guest may not be entered and a signal came.
 */
int ft_vm_safe_point(struct ft_vm *vm)
{
	int ret = 0;

	if (ft_mode(vm) == FT_RECORD)
		ret = ft_record_safe_point(vm);
	if (ft_mode(vm) == FT_REPLAY)
		ret = ft_replay_safe_point(vm);
	if (ft_mode(vm) == FT_OFF)
		ft_vm_release_vcpu(vm);
	return ret;
}

/* Runs in KVM_RUN just before the guest is entered, or on the way to QEMU. */
static void ft_vm_kicked(struct callback_head *head)
{
	struct ft_vm *vm = container_of(head, struct ft_vm, kick);

	clear_bit_unlock(0, &vm->kick_queued);
	/* In QEMU: KVM_RUN begins with a safe point. */
	if (kvm_get_running_vcpu() == vm->vcpu && vm->vcpu->wants_to_run) {
		atomic_inc(&vm->in_hook);
		ft_vm_safe_point(vm);
		if (atomic_dec_and_test(&vm->in_hook))
			wake_up_var(&vm->in_hook);
	}
	ft_vm_put(vm);
}

/**
 * ft_vm_kick() - have the vCPU's thread come to a safe point
 * @vm: VM
 *
 * Context: any but NMI.
 */
void ft_vm_kick(struct ft_vm *vm)
{
	struct task_struct *task = smp_load_acquire(&vm->task);

	if (task && !test_and_set_bit_lock(0, &vm->kick_queued)) {
		kref_get(&vm->ref);
		if (task_work_add(task, &vm->kick, TWA_RESUME)) {
			/* The thread is exiting. */
			clear_bit_unlock(0, &vm->kick_queued);
			ft_vm_put(vm);
		}
	}
	kvm_make_request(KVM_REQ_UNBLOCK, vm->vcpu);
	kvm_vcpu_wake_up(vm->vcpu);
}

static enum hrtimer_restart ft_vm_nudge(struct hrtimer *timer)
{
	/* The interrupt got the guest out, that is all. */
	return HRTIMER_NORESTART;
}

/* A guest that computes for long: tell the secondary how far it may follow. */
static enum hrtimer_restart ft_vm_pulse(struct hrtimer *timer)
{
	struct ft_vm *vm = container_of(timer, struct ft_vm, pulse);
	u64 head = ft_log_head(&vm->log);

	if (ft_mode(vm) != FT_RECORD)
		return HRTIMER_NORESTART;
	if (head == vm->pulse_head && !READ_ONCE(vm->hold) &&
	    READ_ONCE(vm->vcpu->arch.mp_state) != KVM_MP_STATE_HALTED) {
		WRITE_ONCE(vm->position_due, true);
		ft_vm_kick(vm);
	}
	vm->pulse_head = head;
	hrtimer_forward_now(timer, ms_to_ktime(max(ft_position_ms, 1U)));
	return HRTIMER_RESTART;
}

/**
 * ft_vm_begin() - the vCPU's thread enters KVM_RUN
 * @vm: VM
 *
 * The first time, its branch counter starts.
 *
 * Context: the vCPU's thread, may sleep.
 */
void ft_vm_begin(struct ft_vm *vm)
{
	int err;

	if (likely(vm->task) || ft_mode(vm) == FT_OFF)
		return;
	smp_store_release(&vm->task, get_task_struct(current));
	err = ft_counter_open(&vm->counter, ft_mode(vm) == FT_REPLAY);
	if (err) {
		ft_vm_event(vm, FT_EV_FAULT, KVM_FT_REASON_NO_RESOURCES,
			    "no counter of guest branches (%d): is the PMU there, and free?",
			    err);
		return;
	}
	if (ft_mode(vm) == FT_RECORD)
		hrtimer_start(&vm->pulse, ms_to_ktime(max(ft_position_ms, 1U)),
			      HRTIMER_MODE_REL_HARD);
}

/**
 * ft_vm_release_vcpu() - leave no trace of us in the vCPU
 * @vm: VM, off
 *
 * Context: the vCPU's thread, or under vcpu->mutex; may sleep.
 */
void ft_vm_release_vcpu(struct ft_vm *vm)
{
	if (vm->released)
		return;
	ft_vendor->release(vm->vcpu);
	ft_hook_release(vm);
	ft_counter_close(&vm->counter);
	smp_store_release(&vm->released, true);
	wake_up_all(&vm->wq);
}

/* -- State ------------------------------------------------------------------------ */

static void ft_vm_set_detail(struct ft_vm *vm, const char *fmt, va_list args)
{
	if (fmt)
		vsnprintf(vm->detail, sizeof(vm->detail), fmt, args);
}

/**
 * ft_vm_event() - something happened
 * @vm: VM
 * @event: what
 * @reason: enum kvm_ft_reason, where the event does not say it by itself
 * @fmt: a sentence for the operator and the kernel log, or NULL
 *
 * Context: any but NMI.
 * Return: 0, or -EINVAL when the event means nothing in the present state.
 */
int ft_vm_event(struct ft_vm *vm, enum ft_event event, u32 reason, const char *fmt, ...)
{
	unsigned long flags;
	u32 from, to, actions;
	va_list args;
	int ret;

	spin_lock_irqsave(&vm->state_lock, flags);
	from = vm->machine.state;
	ret = ft_machine_event(&vm->machine, event, reason, &actions);
	if (ret) {
		spin_unlock_irqrestore(&vm->state_lock, flags);
		return ret;
	}
	to = vm->machine.state;
	va_start(args, fmt);
	ft_vm_set_detail(vm, fmt, args);
	va_end(args);

	/* Ungated only when the peer knows: nothing may be seen before that. */
	if (actions & (FT_ACT_HOLD | FT_ACT_HALT | FT_ACT_UNGATE))
		WRITE_ONCE(vm->hold, true);
	else if (to == KVM_FT_STATE_RUNNING)
		WRITE_ONCE(vm->hold, false);
	if (actions & FT_ACT_DRAIN)
		WRITE_ONCE(vm->drain, true);
	if (actions & FT_ACT_GO_LIVE || event == FT_EV_GONE)
		WRITE_ONCE(vm->mode, FT_OFF);
	vm->actions |= actions;
	trace_kvm_ft_state(vm->config.name, vm->machine.role, from, to, vm->machine.reason);
	spin_unlock_irqrestore(&vm->state_lock, flags);

	if (vm->task)
		ft_vm_kick(vm);
	wake_up_all(&vm->wq);
	if (fmt)
		pr_notice("%s: %s\n", vm->config.name, vm->detail);
	kref_get(&vm->ref);
	if (!queue_work(ft_workqueue, &vm->work))
		ft_vm_put(vm);
	return 0;
}

/*
 * Wait until the vCPU is out of our code: its thread sees to it at its next
 * safe point; a vCPU that is not in KVM_RUN we release ourselves.
 */
static void ft_vm_wait_released(struct ft_vm *vm)
{
	while (!smp_load_acquire(&vm->released)) {
		if (mutex_trylock(&vm->vcpu->mutex)) {
			ft_vm_release_vcpu(vm);
			mutex_unlock(&vm->vcpu->mutex);
			break;
		}
		ft_vm_kick(vm);
		wait_event_timeout(vm->wq, smp_load_acquire(&vm->released), HZ / 50);
	}
}

/* Take the channel away from those who use it without a lock, then close it. */
static void ft_vm_close(struct ft_vm *vm, u32 reason)
{
	struct ft_channel *channel = vm->channel;

	if (!channel)
		return;
	rcu_assign_pointer(vm->channel, NULL);
	synchronize_rcu();
	ft_channel_close(channel, reason);
}

static void ft_vm_detach(struct ft_vm *vm)
{
	if (vm->detached)
		return;
	ft_record_open(vm);
	ft_vm_wait_released(vm);
	hrtimer_cancel(&vm->pulse);
	hrtimer_cancel(&vm->nudge);
	ft_hook_del(vm);
	mutex_lock(&ft_list_mutex);
	if (!--ft_hooked)
		ft_hook_uninstall();
	mutex_unlock(&ft_list_mutex);
	vm->detached = true;
	wake_up_all(&vm->wq);
}

/* The last of it: nobody looks it up any more. */
static void ft_vm_forget(struct ft_vm *vm)
{
	bool listed;

	mutex_lock(&ft_list_mutex);
	listed = !list_empty(&vm->list);
	list_del_init(&vm->list);
	mutex_unlock(&ft_list_mutex);
	if (!listed)
		return;
	WRITE_ONCE(vm->forgotten, true);
	mmu_notifier_unregister(&vm->mn, vm->kvm->mm);
	ft_vm_put(vm);
}

static void ft_vm_work(struct work_struct *work)
{
	struct ft_vm *vm = container_of(work, struct ft_vm, work);
	struct ft_vm_status *status;
	u32 actions, state, reason;

	spin_lock_irq(&vm->state_lock);
	actions = vm->actions;
	vm->actions = 0;
	state = vm->machine.state;
	reason = vm->machine.reason;
	spin_unlock_irq(&vm->state_lock);

	if (actions & FT_ACT_NOTIFY) {
		status = kvmalloc(sizeof(*status), GFP_KERNEL);
		if (status) {
			ft_vm_status(vm, status);
			ft_netlink_notify(status);
			kvfree(status);
		}
	}
	if (actions & (FT_ACT_BYE | FT_ACT_CLOSE))
		ft_vm_close(vm, actions & FT_ACT_BYE ? reason : KVM_FT_REASON_LOST_CONNECTION);
	if (actions & FT_ACT_UNGATE) {
		WRITE_ONCE(vm->mode, FT_OFF);
		wake_up_all(&vm->wq);
	}
	if (ft_mode(vm) == FT_OFF) {
		ft_vm_detach(vm);
		ft_vm_close(vm, KVM_FT_REASON_LOST_CONNECTION);
	}
	/* The operator chose promotion beforehand: there is nobody else to ask. */
	if (actions & FT_ACT_ARBITRATE)
		ft_vm_event(vm, FT_EV_ARBITER_WON, 0, NULL);
	if (state == KVM_FT_STATE_DISABLED)
		ft_vm_forget(vm);
	ft_vm_put(vm);
}

/* -- The channel ------------------------------------------------------------------- */

void ft_vm_flush(struct ft_vm *vm)
{
	struct ft_channel *channel;

	rcu_read_lock();
	channel = rcu_dereference(vm->channel);
	if (channel)
		ft_channel_flush(channel);
	rcu_read_unlock();
}

void ft_vm_notify(struct ft_vm *vm)
{
	struct ft_channel *channel;

	rcu_read_lock();
	channel = rcu_dereference(vm->channel);
	if (channel)
		ft_channel_notify(channel);
	rcu_read_unlock();
}

static void ft_vm_connected(void *owner)
{
	struct ft_vm *vm = owner;

	pr_info("%s: the logging channel is up\n", vm->config.name);
}

static void ft_vm_received(void *owner)
{
	struct ft_vm *vm = owner;

	trace_kvm_ft_received(vm->config.name, ft_log_head(&vm->log),
			      READ_ONCE(vm->replayed));
	/* The first entry says that the primary runs, protected. */
	if (READ_ONCE(vm->machine.state) == KVM_FT_STATE_STARTING)
		ft_vm_event(vm, FT_EV_START, 0, NULL);
	wake_up_all(&vm->wq);
}

static void ft_vm_acked(void *owner, u64 acked, u64 replayed)
{
	struct ft_vm *vm = owner;

	trace_kvm_ft_acked(vm->config.name, acked, replayed);
	WRITE_ONCE(vm->peer_replayed, replayed);
	smp_store_release(&vm->acked, acked);
	wake_up_all(&vm->wq);
}

static u64 ft_vm_guest_tsc(void *owner)
{
	struct ft_vm *vm = owner;

	return READ_ONCE(vm->task) ? kvm_read_l1_tsc(vm->vcpu, rdtsc()) : 0;
}

static void ft_vm_heartbeat(void *owner, u64 guest_tsc)
{
	struct ft_vm *vm = owner;

	WRITE_ONCE(vm->peer_tsc, guest_tsc);
}

static u64 ft_vm_replayed(void *owner)
{
	struct ft_vm *vm = owner;

	return READ_ONCE(vm->replayed);
}

static void ft_vm_lost(void *owner, u32 reason, int err)
{
	struct ft_vm *vm = owner;

	if (reason == KVM_FT_REASON_LOST_CONNECTION)
		ft_vm_event(vm, FT_EV_LOST, reason, "the logging channel is lost (%d)", err);
	else if (err)
		ft_vm_event(vm, FT_EV_FAULT, reason, "the peer broke the protocol (%d)", err);
	else
		ft_vm_event(vm, FT_EV_BYE, reason, "the peer ended protection (reason %u)", reason);
}

static const struct ft_channel_ops ft_vm_channel_ops = {
	.connected	= ft_vm_connected,
	.received	= ft_vm_received,
	.acked		= ft_vm_acked,
	.guest_tsc	= ft_vm_guest_tsc,
	.heartbeat	= ft_vm_heartbeat,
	.replayed	= ft_vm_replayed,
	.lost		= ft_vm_lost,
};

/* -- Attach --------------------------------------------------------------------------- */

static void ft_vm_mm_release(struct mmu_notifier *mn, struct mm_struct *mm)
{
	struct ft_vm *vm = container_of(mn, struct ft_vm, mn);

	/* Called by mmu_notifier_unregister(), too. */
	if (READ_ONCE(vm->forgotten))
		return;
	ft_vm_event(vm, FT_EV_GONE, KVM_FT_REASON_GUEST_GONE, "QEMU exited");
}

static const struct mmu_notifier_ops ft_vm_mn_ops = {
	.release = ft_vm_mm_release,
};

static int ft_vm_check(const struct ft_vm_config *config, struct netlink_ext_ack *extack)
{
	struct kvm_vcpu *vcpu;
	struct kvm *kvm;

	if (!ft_file_is_vm(config->vm_file)) {
		NL_SET_ERR_MSG(extack, "vm-fd is not a KVM VM");
		return -EINVAL;
	}
	if (!ft_file_is_vcpu(config->vcpu_file)) {
		NL_SET_ERR_MSG(extack, "vcpu-fd is not a KVM vCPU");
		return -EINVAL;
	}
	kvm = config->vm_file->private_data;
	vcpu = config->vcpu_file->private_data;
	if (vcpu->kvm != kvm) {
		NL_SET_ERR_MSG(extack, "the vCPU belongs to another VM");
		return -EINVAL;
	}
	if (atomic_read(&kvm->online_vcpus) != 1) {
		NL_SET_ERR_MSG(extack, "the guest has more than one vCPU; start it with -smp 1");
		return -EOPNOTSUPP;
	}
	return 0;
}

static struct ft_vm *ft_vm_alloc(const struct ft_vm_config *config,
				 struct netlink_ext_ack *extack)
{
	struct ft_vm *vm;
	int ret;

	vm = kvzalloc(sizeof(*vm), GFP_KERNEL_ACCOUNT);
	if (!vm)
		return ERR_PTR(-ENOMEM);
	kref_init(&vm->ref);
	INIT_LIST_HEAD(&vm->list);
	INIT_HLIST_NODE(&vm->node);
	spin_lock_init(&vm->state_lock);
	spin_lock_init(&vm->lines_lock);
	raw_spin_lock_init(&vm->inputs.lock);
	init_waitqueue_head(&vm->wq);
	INIT_WORK(&vm->work, ft_vm_work);
	init_task_work(&vm->kick, ft_vm_kicked);
	hrtimer_init(&vm->nudge, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED_HARD);
	vm->nudge.function = ft_vm_nudge;
	hrtimer_init(&vm->pulse, CLOCK_MONOTONIC, HRTIMER_MODE_REL_HARD);
	vm->pulse.function = ft_vm_pulse;
	vm->mn.ops = &ft_vm_mn_ops;

	vm->config = *config;
	vm->config.heartbeat_ms = config->heartbeat_ms ?: ft_heartbeat_ms;
	vm->config.timeout_ms = config->timeout_ms ?: ft_timeout_ms;
	vm->config.log_size = config->log_size ?: ft_log_size;
	get_file(config->vm_file);
	get_file(config->vcpu_file);
	__module_get(THIS_MODULE);
	vm->kvm = config->vm_file->private_data;
	vm->vcpu = config->vcpu_file->private_data;
	vm->machine.role = config->role;
	vm->machine.state = KVM_FT_STATE_STARTING;
	vm->machine.on_loss = config->on_loss;
	vm->mode = config->role == KVM_FT_ROLE_PRIMARY ? FT_RECORD : FT_REPLAY;
	vm->hold = true;

	if (vm->config.log_size < FT_LOG_MIN) {
		NL_SET_ERR_MSG_FMT(extack, "the log ring must have at least %u bytes", FT_LOG_MIN);
		ft_vm_put(vm);
		return ERR_PTR(-EINVAL);
	}
	ret = ft_log_init(&vm->log, vm->config.log_size);
	if (ret) {
		NL_SET_ERR_MSG_FMT(extack, "no log ring of %u bytes (%d): not a power of two, or no memory",
				   vm->config.log_size, ret);
		ft_vm_put(vm);
		return ERR_PTR(ret);
	}
	return vm;
}

/* Put the VM on the list and let the hooks see it. */
static int ft_vm_hook(struct ft_vm *vm, struct netlink_ext_ack *extack)
{
	struct ft_vm *old;
	int ret = 0;

	lockdep_assert_held(&ft_list_mutex);

	list_for_each_entry(old, &ft_list, list) {
		if (old->kvm == vm->kvm || !strcmp(old->config.name, vm->config.name)) {
			NL_SET_ERR_MSG_FMT(extack, "%s is attached already; ftctl disable it first",
					   old->config.name);
			return -EEXIST;
		}
	}
	/* It must not run on while the first hooks take effect. */
	if (!mutex_trylock(&vm->vcpu->mutex)) {
		NL_SET_ERR_MSG(extack, "the guest is running; pause it before attach");
		return -EBUSY;
	}
	ret = ft_kvm_check(vm->vcpu, extack);
	if (!ret && !ft_hooked)
		ret = ft_hook_install(extack);
	if (!ret) {
		ft_hooked++;
		ft_hook_add(vm);
		kref_get(&vm->ref);
		list_add_tail(&vm->list, &ft_list);
	}
	mutex_unlock(&vm->vcpu->mutex);
	return ret;
}

static int ft_vm_open_channel(struct ft_vm *vm, struct netlink_ext_ack *extack)
{
	const struct ft_channel_config config = {
		.name = vm->config.name,
		.role = vm->config.role,
		.session = vm->config.session,
		.local = vm->config.local,
		.peer = vm->config.peer,
		.heartbeat_ms = vm->config.heartbeat_ms,
		.timeout_ms = vm->config.timeout_ms,
	};
	struct ft_channel *channel;
	bool ended;

	channel = ft_channel_open(&config, &ft_vm_channel_ops, vm, &vm->log, extack);
	if (IS_ERR(channel))
		return PTR_ERR(channel);

	/* Its callbacks, or QEMU's end, can have ended it all by now. */
	spin_lock_irq(&vm->state_lock);
	ended = vm->machine.state != KVM_FT_STATE_STARTING;
	if (!ended)
		rcu_assign_pointer(vm->channel, channel);
	spin_unlock_irq(&vm->state_lock);
	if (ended) {
		ft_channel_close(channel, KVM_FT_REASON_LOST_CONNECTION);
		NL_SET_ERR_MSG(extack, "the VM or its peer went away during attach");
		return -ECONNABORTED;
	}
	return 0;
}

/**
 * ft_vm_attach() - protect a VM that is paused
 * @config: what and how
 * @extack: for the reason of a refusal
 *
 * From its return on the guest does not run, and nothing enters its interrupt
 * controllers, until ft_vm_start() (primary) or the log (secondary) says so.
 *
 * Context: may sleep, connects to the peer.
 * Return: 0 or a negative errno; then the VM is as before.
 */
int ft_vm_attach(const struct ft_vm_config *config, struct netlink_ext_ack *extack)
{
	struct ft_vm *vm;
	int ret;

	ret = ft_vm_check(config, extack);
	if (ret)
		return ret;
	/* One that lives on unprotected after a failover is protected anew. */
	vm = ft_vm_get(config->name);
	if (vm) {
		if (vm->detached)
			ft_vm_disable(vm, extack);
		ft_vm_put(vm);
	}
	vm = ft_vm_alloc(config, extack);
	if (IS_ERR(vm))
		return PTR_ERR(vm);

	/* The descriptors may outlive the process. */
	if (!mmget_not_zero(vm->kvm->mm)) {
		NL_SET_ERR_MSG(extack, "the VM's process is gone");
		ret = -ESRCH;
		goto put;
	}
	ret = mmu_notifier_register(&vm->mn, vm->kvm->mm);
	mmput(vm->kvm->mm);
	if (ret)
		goto put;
	mutex_lock(&ft_list_mutex);
	ret = ft_vm_hook(vm, extack);
	mutex_unlock(&ft_list_mutex);
	if (ret) {
		WRITE_ONCE(vm->forgotten, true);
		mmu_notifier_unregister(&vm->mn, vm->kvm->mm);
		goto put;
	}
	ret = ft_vm_open_channel(vm, extack);
	if (ret) {
		/* As if its QEMU had exited: the VM is forgotten. */
		ft_vm_event(vm, FT_EV_GONE, 0, NULL);
		flush_work(&vm->work);
	}
put:
	ft_vm_put(vm);
	return ret;
}

/**
 * ft_vm_start() - both copies are equal: let the guest run, protected
 * @vm: primary
 * @extack: for the reason of a refusal
 */
int ft_vm_start(struct ft_vm *vm, struct netlink_ext_ack *extack)
{
	int ret = -EINVAL;

	if (vm->config.role == KVM_FT_ROLE_PRIMARY)
		ret = ft_vm_event(vm, FT_EV_START, 0, NULL);
	if (ret)
		NL_SET_ERR_MSG(extack, "only a primary that is starting can be started");
	return ret;
}

/**
 * ft_vm_promote() - the operator decides: this copy goes on
 * @vm: VM in need-decision
 * @extack: for the reason of a refusal
 */
int ft_vm_promote(struct ft_vm *vm, struct netlink_ext_ack *extack)
{
	int ret = ft_vm_event(vm, FT_EV_PROMOTE, 0, NULL);

	if (ret)
		NL_SET_ERR_MSG(extack, "the VM does not wait for a decision");
	return ret;
}

/**
 * ft_vm_test_failover() - give this copy up in favour of the secondary
 * @vm: primary, protected
 * @extack: for the reason of a refusal
 */
int ft_vm_test_failover(struct ft_vm *vm, struct netlink_ext_ack *extack)
{
	int ret = ft_vm_event(vm, FT_EV_TEST_FAILOVER, 0, NULL);

	if (ret)
		NL_SET_ERR_MSG(extack, "only a protected primary can fail over");
	return ret;
}

/**
 * ft_vm_disable() - end protection
 * @vm: VM
 * @extack: for the reason of a refusal
 *
 * A primary goes on unprotected; a secondary never runs, and stays known as
 * dropped until its QEMU exits.
 *
 * Context: may sleep, for as long as the vCPU needs to leave our code.
 */
int ft_vm_disable(struct ft_vm *vm, struct netlink_ext_ack *extack)
{
	int ret = ft_vm_event(vm, FT_EV_DISABLE, 0, NULL);

	if (ret) {
		NL_SET_ERR_MSG(extack, "this copy was given up; end its QEMU process");
		return ret;
	}
	flush_work(&vm->work);
	return 0;
}

/**
 * struct ft_rest_digest - a digest taken while the vCPU does not run
 * @work: runs where a foreign address space may be used
 * @vm: VM, its vcpu->mutex held
 * @digest: result
 * @ret: 0 or a negative errno
 */
struct ft_rest_digest {
	struct work_struct work;
	struct ft_vm *vm;
	struct ft_digest *digest;
	int ret;
};

static void ft_vm_rest_digest(struct work_struct *work)
{
	struct ft_rest_digest *rest = container_of(work, struct ft_rest_digest, work);
	struct mm_struct *mm = rest->vm->kvm->mm;

	if (!mmget_not_zero(mm)) {
		rest->ret = -ESRCH;
		return;
	}
	kthread_use_mm(mm);
	rest->ret = ft_digest_take(rest->vm, rest->digest);
	kthread_unuse_mm(mm);
	mmput(mm);
}

static bool ft_vm_digest_done(struct ft_vm *vm, u64 before)
{
	u64 offset = smp_load_acquire(&vm->digest_offset);

	return ft_mode(vm) != FT_RECORD || READ_ONCE(vm->hold) ||
	       (offset != before && READ_ONCE(vm->peer_replayed) >= offset);
}

/**
 * ft_vm_digest() - see vm.h
 * @vm: VM
 * @digest: result
 * @compared: set to whether the secondary found the same
 * @extack: for the reason of a refusal
 */
int ft_vm_digest(struct ft_vm *vm, struct ft_digest *digest, bool *compared,
		 struct netlink_ext_ack *extack)
{
	u64 before = READ_ONCE(vm->digest_offset);

	*compared = false;
	if (READ_ONCE(vm->hold) || ft_mode(vm) != FT_RECORD || !vm->task) {
		struct ft_rest_digest rest = { .vm = vm, .digest = digest };

		if (!mutex_trylock(&vm->vcpu->mutex)) {
			NL_SET_ERR_MSG(extack, "this copy runs; ask its protected primary for a digest, or pause it");
			return -EBUSY;
		}
		INIT_WORK_ONSTACK(&rest.work, ft_vm_rest_digest);
		queue_work(system_unbound_wq, &rest.work);
		flush_work(&rest.work);
		destroy_work_on_stack(&rest.work);
		mutex_unlock(&vm->vcpu->mutex);
		if (rest.ret)
			NL_SET_ERR_MSG_FMT(extack, "guest memory cannot be read (%d)", rest.ret);
		return rest.ret;
	}
	WRITE_ONCE(vm->digest_due, true);
	ft_vm_kick(vm);
	if (wait_event_interruptible(vm->wq, ft_vm_digest_done(vm, before)))
		return -EINTR;
	if (ft_mode(vm) != FT_RECORD || READ_ONCE(vm->hold)) {
		NL_SET_ERR_MSG_FMT(extack, "protection ended: %s", vm->detail);
		return -EIO;
	}
	*digest = vm->digest;
	*compared = true;
	return 0;
}

/**
 * ft_vm_status() - a snapshot
 * @vm: VM
 * @status: result
 */
void ft_vm_status(struct ft_vm *vm, struct ft_vm_status *status)
{
	u64 head = ft_log_head(&vm->log);
	struct ft_channel *channel;

	memset(status, 0, sizeof(*status));
	spin_lock_irq(&vm->state_lock);
	status->role = vm->machine.role;
	status->state = vm->machine.state;
	status->reason = vm->machine.reason;
	status->on_loss = vm->machine.on_loss;
	status->has_divergence = vm->machine.reason == KVM_FT_REASON_DIVERGENCE;
	strscpy(status->divergence, vm->detail, sizeof(status->divergence));
	spin_unlock_irq(&vm->state_lock);

	strscpy(status->name, vm->config.name, sizeof(status->name));
	status->pid = vm->config.pid;
	status->session = vm->config.session;
	status->local = vm->config.local;
	status->peer = vm->config.peer;
	status->log_size = vm->config.log_size;
	status->log_bytes = head;
	status->branches = READ_ONCE(vm->branches);
	status->stats = vm->stats;
	if (vm->config.role == KVM_FT_ROLE_PRIMARY) {
		status->lag_bytes = head - READ_ONCE(vm->peer_replayed);
		status->unacked_bytes = head - READ_ONCE(vm->acked);
	} else {
		status->lag_bytes = head - READ_ONCE(vm->replayed);
	}
	rcu_read_lock();
	channel = rcu_dereference(vm->channel);
	if (channel)
		status->port = ft_channel_port(channel);
	rcu_read_unlock();
}

/**
 * ft_vm_defaults() - what attach takes where nothing is given
 * @defaults: result
 */
void ft_vm_defaults(struct ft_vm_defaults *defaults)
{
	*defaults = (struct ft_vm_defaults) {
		.vendor = ft_vendor->name,
		.heartbeat_ms = ft_heartbeat_ms,
		.timeout_ms = ft_timeout_ms,
		.log_size = ft_log_size,
	};
}

int ft_vm_init(void)
{
	ft_workqueue = alloc_workqueue("kvm_ft", WQ_UNBOUND, 0);
	return ft_workqueue ? 0 : -ENOMEM;
}

void ft_vm_exit(void)
{
	/* No VM is left: each holds a reference on the module. */
	destroy_workqueue(ft_workqueue);
}
