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
#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/netlink.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
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

/* Guards the list, and whether the hooks are installed. */
static DEFINE_MUTEX(ft_list_mutex);
static LIST_HEAD(ft_list);
static unsigned int ft_hooked;

/* All there are, on the list or not. */
static atomic_t ft_nr_vms = ATOMIC_INIT(0);

static struct workqueue_struct *ft_workqueue;

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
	if (atomic_dec_and_test(&ft_nr_vms))
		wake_up_var(&ft_nr_vms);
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

/**
 * ft_vm_queue_work() - have the VM's work run, once more
 * @vm: VM
 *
 * Context: any but NMI.
 */
void ft_vm_queue_work(struct ft_vm *vm)
{
	kref_get(&vm->ref);
	if (!queue_work(ft_workqueue, &vm->work))
		ft_vm_put(vm);
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
	if (actions & FT_ACT_UNGATE)
		WRITE_ONCE(vm->ending, true);
	if (actions & (FT_ACT_HOLD | FT_ACT_HALT | FT_ACT_UNGATE))
		WRITE_ONCE(vm->hold, true);
	else if (to == KVM_FT_STATE_RUNNING)
		WRITE_ONCE(vm->hold, false);
	if (actions & FT_ACT_DRAIN) {
		/* With ft_replay_safe_point(): behind the last of the log. */
		smp_store_release(&vm->drain, true);
	}
	/* What a QEMU that ended had still to say is never seen. */
	if (event == FT_EV_GONE && vm->mode != FT_OFF)
		WRITE_ONCE(vm->gone, true);
	if (actions & FT_ACT_GO_LIVE || event == FT_EV_GONE)
		WRITE_ONCE(vm->mode, FT_OFF);
	vm->actions |= actions;
	if (vm->nr_changes < FT_CHANGES)
		vm->changes[vm->nr_changes++] = (struct ft_change) {
			.state = to, .reason = vm->machine.reason,
		};
	trace_kvm_ft_state(vm->config.name, vm->machine.role, from, to, vm->machine.reason);
	spin_unlock_irqrestore(&vm->state_lock, flags);

	if (vm->task && !READ_ONCE(vm->detached))
		ft_vm_kick(vm);
	wake_up_all(&vm->wq);
	if (fmt)
		pr_notice("%s: %s\n", vm->config.name, vm->detail);
	ft_vm_queue_work(vm);
	return 0;
}

/*
 * Wait until the vCPU is out of our code: its thread sees to it at its next
 * safe point; a vCPU that is not in KVM_RUN we release ourselves. False: it has a write
 * left that only we know of, and is paused.
 */
static bool ft_vm_wait_released(struct ft_vm *vm)
{
	/* With ft_vm_release_vcpu(): all of it is done when the flag is seen. */
	while (!smp_load_acquire(&vm->released)) {
		if (mutex_trylock(&vm->vcpu->mutex)) {
			bool held = vm->held_exit;

			if (!held)
				ft_vm_release_vcpu(vm);
			mutex_unlock(&vm->vcpu->mutex);
			return !held;
		}
		ft_vm_kick(vm);
		wait_event_timeout(vm->wq, READ_ONCE(vm->released), HZ / 50);
	}
	return true;
}

static void ft_vm_detach(struct ft_vm *vm)
{
	if (vm->detached) {
		/* By an event that did not know it yet. */
		ft_vcpu_unkick(vm);
		return;
	}
	ft_record_open(vm);
	ft_vhost_resume(vm);
	/* If not now, then once the guest goes on. */
	if (!ft_vm_wait_released(vm))
		return;
	hrtimer_cancel(&vm->pulse);
	hrtimer_cancel(&vm->nudge);
	ft_hook_del(vm);
	mutex_lock(&ft_list_mutex);
	ft_vhost_detach(vm);
	if (!--ft_hooked)
		ft_hook_uninstall();
	mutex_unlock(&ft_list_mutex);
	vm->detached = true;
	wake_up_all(&vm->wq);
	ft_vcpu_unkick(vm);
	module_put(THIS_MODULE);
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

/* Each of them, though some may be over by now. */
static void ft_vm_tell(struct ft_vm *vm, const struct ft_change *changes, unsigned int nr)
{
	struct ft_vm_status *status = kvmalloc(sizeof(*status), GFP_KERNEL);
	unsigned int i;

	if (!status)
		return;
	for (i = 0; i < nr; i++) {
		ft_vm_status(vm, status);
		status->state = changes[i].state;
		status->reason = changes[i].reason;
		status->has_divergence = changes[i].reason == KVM_FT_REASON_DIVERGENCE;
		ft_netlink_notify(status);
	}
	kvfree(status);
}

static void ft_vm_work(struct work_struct *work)
{
	struct ft_vm *vm = container_of(work, struct ft_vm, work);
	struct ft_change changes[FT_CHANGES];
	u32 actions, state, reason;
	unsigned int nr;

	spin_lock_irq(&vm->state_lock);
	actions = vm->actions;
	vm->actions = 0;
	nr = vm->nr_changes;
	memcpy(changes, vm->changes, nr * sizeof(*changes));
	vm->nr_changes = 0;
	state = vm->machine.state;
	reason = vm->machine.reason;
	spin_unlock_irq(&vm->state_lock);

	if (actions & FT_ACT_NOTIFY)
		ft_vm_tell(vm, changes, nr);
	if (actions & (FT_ACT_BYE | FT_ACT_CLOSE))
		ft_vm_close(vm, actions & FT_ACT_BYE ? reason : KVM_FT_REASON_LOST_CONNECTION);
	if (actions & FT_ACT_UNGATE) {
		WRITE_ONCE(vm->mode, FT_OFF);
		ft_output_release(vm);
	}
	if (ft_mode(vm) == FT_OFF) {
		ft_vm_close(vm, KVM_FT_REASON_LOST_CONNECTION);
		ft_vm_detach(vm);
	}
	/* The operator chose promotion beforehand: there is nobody else to ask. */
	if (actions & FT_ACT_ARBITRATE)
		ft_vm_event(vm, FT_EV_ARBITER_WON, 0, NULL);
	if (state == KVM_FT_STATE_DISABLED && vm->detached)
		ft_vm_forget(vm);
	ft_vm_put(vm);
}

/* -- Attach --------------------------------------------------------------------------- */

static void ft_vm_mm_release(struct mmu_notifier *mn, struct mm_struct *mm)
{
	struct ft_vm *vm = container_of(mn, struct ft_vm, mn);

	/* Called by mmu_notifier_unregister(), too. */
	if (READ_ONCE(vm->forgotten))
		return;
	/* There is nobody to do it any more. */
	vm->held_exit = 0;
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
	mutex_init(&vm->devices_lock);
	ft_inputs_init(&vm->inputs);
	ft_local_init(&vm->local);
	init_waitqueue_head(&vm->wq);
	INIT_WORK(&vm->work, ft_vm_work);
	ft_vcpu_init(vm);
	vm->mn.ops = &ft_vm_mn_ops;

	vm->config = *config;
	vm->config.heartbeat_ms = config->heartbeat_ms ?: ft_heartbeat_ms;
	vm->config.timeout_ms = config->timeout_ms ?: ft_timeout_ms;
	vm->config.log_size = config->log_size ?: ft_log_size;
	get_file(config->vm_file);
	get_file(config->vcpu_file);
	atomic_inc(&ft_nr_vms);
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
		NL_SET_ERR_MSG_FMT(extack,
				   "no log ring of %u bytes (%d): not a power of two, or no memory",
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
	if (!ret)
		ret = ft_vhost_attach(vm, extack);
	if (!ret && !ft_hooked) {
		ret = ft_hook_install(extack);
		if (ret)
			ft_vhost_detach(vm);
	}
	if (!ret) {
		/* While the hooks see a VM, the module stays. */
		__module_get(THIS_MODULE);
		ft_hooked++;
		ft_hook_add(vm);
		kref_get(&vm->ref);
		list_add_tail(&vm->list, &ft_list);
	}
	mutex_unlock(&vm->vcpu->mutex);
	return ret;
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
	ret = ft_vm_open(vm, extack);
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
	int ret = ft_vcpu_bind();

	if (ret)
		return ret;
	ft_workqueue = alloc_workqueue("kvm_ft", WQ_UNBOUND, 0);
	return ft_workqueue ? 0 : -ENOMEM;
}

/**
 * ft_vm_exit() - forget the VMs that are still known, none of them hooked
 *
 * Context: module unload; no request comes in any more.
 */
void ft_vm_exit(void)
{
	struct ft_vm *vm;

	while ((vm = ft_vm_next(NULL))) {
		ft_vm_event(vm, FT_EV_DISABLE, 0, NULL);
		flush_work(&vm->work);
		ft_vm_put(vm);
	}
	wait_var_event(&ft_nr_vms, !atomic_read(&ft_nr_vms));
	destroy_workqueue(ft_workqueue);
}
