// SPDX-License-Identifier: GPL-2.0-only
/*
 * The output rule: what the guest does becomes visible outside of it only once
 * the secondary has acknowledged the log up to that act.
 */
#include "engine.h"
#include "trace.h"

/**
 * ft_output_allowed() - may be seen what the guest did up to here?
 * @vm: VM
 * @offset: the log is this long with all that led there
 *
 * Context: any.
 * Return: whether it may.
 */
bool ft_output_allowed(struct ft_vm *vm, u64 offset)
{
	if (ft_mode(vm) != FT_RECORD)
		return !READ_ONCE(vm->gone);
	/* Once protection ends, the log may lack what led here. */
	if (READ_ONCE(vm->ending))
		return false;
	/* With ft_vm_acked(). */
	return smp_load_acquire(&vm->acked) >= offset;
}

/**
 * ft_output_hold() - wait until the last recorded write may be seen
 * @vm: VM, recording; the write's entry is the last one in the log
 *
 * The entry is what makes the secondary execute the write before it goes live:
 * a log that ended before it would let another interrupt in first.
 *
 * A QEMU that wants to pause the guest is let go only when the wait may be long, or for
 * ever: with the write done it can pause at a position that is known.
 *
 * Context: the vCPU's thread, may sleep.
 * Return: 0, or -EINTR when it may not be seen yet and a signal came.
 */
int ft_output_hold(struct ft_vm *vm)
{
	u64 offset = ft_log_head(&vm->log);

	if (ft_output_allowed(vm, offset))
		return 0;
	ft_vm_flush(vm);
	if (wait_event_killable(vm->wq, ft_output_allowed(vm, offset) ||
				READ_ONCE(vm->hold)) ||
	    wait_event_interruptible(vm->wq, ft_output_allowed(vm, offset)))
		return -EINTR;
	trace_kvm_ft_released(vm->config.name, "write", offset);
	return 0;
}

/**
 * ft_output_batch() - devices begin or end to work in the vCPU's thread
 * @vm: VM
 * @begin: which of both; at the end the log is written up to what they did
 *
 * Context: the vCPU's thread.
 */
void ft_output_batch(struct ft_vm *vm, bool begin)
{
	unsigned int i;

	for (i = 0; i < vm->config.nr_devices; i++) {
		ft_nic_batch(&vm->devices[i].nic, begin);
		ft_disk_batch(&vm->devices[i].disk, begin);
	}
}

/**
 * ft_output_release() - more of the log is acknowledged: let go of what waited
 * @vm: VM
 *
 * Context: may sleep.
 */
void ft_output_release(struct ft_vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->config.nr_devices; i++) {
		ft_nic_release(&vm->devices[i].nic);
		ft_disk_release(&vm->devices[i].disk);
	}
	wake_up_all(&vm->wq);
}

/**
 * ft_output_announce() - the guest is here now
 * @vm: VM that went live
 *
 * Context: may sleep.
 */
void ft_output_announce(struct ft_vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->config.nr_devices; i++)
		ft_nic_announce(&vm->devices[i].nic);
}
