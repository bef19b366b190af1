// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an operator asks of a protected VM.
 */
#include <linux/kthread.h>
#include <linux/kvm_host.h>
#include <linux/netlink.h>
#include <linux/sched/mm.h>
#include "engine.h"

/**
 * ft_vm_start() - both copies are equal: let the guest run, protected
 * @vm: primary
 * @extack: for the reason of a refusal
 *
 * Context: may sleep, until the secondary has the first entry.
 * Return: 0 or a negative errno.
 */
int ft_vm_start(struct ft_vm *vm, struct netlink_ext_ack *extack)
{
	int ret = -EINVAL;

	if (!mutex_trylock(&vm->vcpu->mutex)) {
		NL_SET_ERR_MSG(extack, "the guest is not paused");
		return -EBUSY;
	}
	if (vm->config.role == KVM_FT_ROLE_PRIMARY)
		ret = ft_vm_event(vm, FT_EV_START, 0, NULL);
	if (!ret)
		ft_record_start(vm);
	mutex_unlock(&vm->vcpu->mutex);
	if (ret) {
		NL_SET_ERR_MSG(extack, "only a primary that is starting can be started");
		return ret;
	}
	/* The first entry makes the secondary one that can take over. */
	ft_vm_flush(vm);
	if (wait_event_interruptible(vm->wq, READ_ONCE(vm->acked) || READ_ONCE(vm->hold) ||
				     ft_mode(vm) != FT_RECORD))
		return -EINTR;
	if (!READ_ONCE(vm->acked)) {
		NL_SET_ERR_MSG(extack, "the peer went away at the start");
		return -ECONNRESET;
	}
	return 0;
}

/**
 * ft_vm_promote() - the operator decides: this copy goes on
 * @vm: VM in need-decision
 * @extack: for the reason of a refusal
 *
 * Return: 0 or -EINVAL.
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
 *
 * Return: 0 or -EINVAL.
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
 * Return: 0 or -EINVAL.
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
	/* With ft_record_digest(): the digest is there. */
	u64 offset = smp_load_acquire(&vm->digest_offset);

	return ft_mode(vm) != FT_RECORD || READ_ONCE(vm->hold) ||
	       (offset != before && READ_ONCE(vm->peer_replayed) >= offset);
}

/* Looks at a guest that nobody runs, a second apart, before it is waited for no longer. */
#define FT_DIGEST_LOOKS	5

/*
 * All requests of generic netlink, of whatever family, wait for us once a family comes or
 * goes. So no guest is waited for that goes on when its operator likes.
 */
static int ft_vm_digest_wait(struct ft_vm *vm, u64 before)
{
	unsigned int paused = 0;
	long ret;

	while (paused < FT_DIGEST_LOOKS) {
		ret = wait_event_interruptible_timeout(vm->wq, ft_vm_digest_done(vm, before), HZ);
		if (ret)
			return ret < 0 ? -EINTR : 0;
		if (READ_ONCE(vm->digest_due) && mutex_trylock(&vm->vcpu->mutex)) {
			mutex_unlock(&vm->vcpu->mutex);
			paused++;
		} else {
			paused = 0;
		}
	}
	WRITE_ONCE(vm->digest_due, false);
	return -EBUSY;
}

/**
 * ft_vm_digest() - see vm.h
 * @vm: VM
 * @digest: result
 * @compared: set to whether the secondary found the same
 * @extack: for the reason of a refusal
 *
 * Return: 0 or a negative errno.
 */
int ft_vm_digest(struct ft_vm *vm, struct ft_digest *digest, bool *compared,
		 struct netlink_ext_ack *extack)
{
	u64 before = READ_ONCE(vm->digest_offset);
	int ret;

	*compared = false;
	if (READ_ONCE(vm->hold) || ft_mode(vm) != FT_RECORD || !vm->task) {
		struct ft_rest_digest rest = { .vm = vm, .digest = digest };

		if (!mutex_trylock(&vm->vcpu->mutex)) {
			NL_SET_ERR_MSG(extack,
				       "this copy runs; ask its protected primary for a digest, or pause it");
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
	ret = ft_vm_digest_wait(vm, before);
	if (ret == -EBUSY)
		NL_SET_ERR_MSG(extack, "the guest is paused; its protected copies are compared while it runs");
	if (ret)
		return ret;
	if (ft_mode(vm) != FT_RECORD || READ_ONCE(vm->hold)) {
		NL_SET_ERR_MSG_FMT(extack, "protection ended: %s", vm->detail);
		return -EIO;
	}
	*digest = vm->digest;
	*compared = true;
	return 0;
}

/**
 * ft_vm_memory() - where guest memory is in QEMU's address space
 * @vm: VM that is starting: held, so that its memory does not change by itself
 * @slots: result, FT_SLOTS_MAX of them at most
 * @extack: for the reason of a refusal
 *
 * Return: how many there are, or a negative errno.
 */
int ft_vm_memory(struct ft_vm *vm, struct ft_slot *slots, struct netlink_ext_ack *extack)
{
	u32 state;
	int ret;

	spin_lock_irq(&vm->state_lock);
	state = vm->machine.state;
	spin_unlock_irq(&vm->state_lock);
	if (state != KVM_FT_STATE_STARTING) {
		NL_SET_ERR_MSG(extack, "the VM is not starting: its memory may change");
		return -EBUSY;
	}
	ret = ft_guest_slots(vm, slots, FT_SLOTS_MAX);
	if (ret < 0)
		NL_SET_ERR_MSG_FMT(extack, "the VM has more than %d memory slots", FT_SLOTS_MAX);
	return ret;
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
	status->stats.inputs_merged = READ_ONCE(vm->inputs.merged);
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
