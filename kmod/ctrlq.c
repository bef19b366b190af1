// SPDX-License-Identifier: GPL-2.0-only
/*
 * Control queues of virtio-net, which QEMU itself serves. With ioeventfd=on, the
 * default, it does so in its main loop while the guest runs, and would write the
 * answer at no known position. Therefore the guest stands still between its kick
 * and the answer, on both hosts.
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kvm_host.h>
#include <linux/sched/signal.h>
#include <uapi/linux/virtio_ring.h>
#include "engine.h"

/* For a QEMU that hangs. */
#define FT_CTRLQ_SECONDS	60

enum ft_ctrlq {
	FT_CTRLQ_IDLE,		/* QEMU has answered all that the guest asked */
	FT_CTRLQ_BUSY,
	FT_CTRLQ_LOST,		/* the guest has set up its NIC anew: the queue is elsewhere */
};

/* The driver sets up all queues of a NIC, or none: those of vhost tell of this one. */
static const void __user *ft_ctrlq_beside(struct ft_vhost *device)
{
	struct ft_vhost_queue queue;

	ft_hook_vhost_queue(device, FT_NET_RX, &queue);
	return queue.used;
}

static enum ft_ctrlq ft_ctrlq_look(struct ft_vm *vm, struct ft_vhost *device,
				   const struct ft_device_config *config)
{
	__le16 avail, used;

	if (device->gone)
		return FT_CTRLQ_LOST;
	/* A secondary's are set up when it first runs. */
	if (ft_mode(vm) == FT_RECORD && ft_ctrlq_beside(device) != device->nic.ctrlq_beside)
		return FT_CTRLQ_LOST;
	if (ft_guest_read(vm, config->ctrl_avail + offsetof(struct vring_avail, idx),
			  &avail, sizeof(avail)) ||
	    ft_guest_read(vm, config->ctrl_used + offsetof(struct vring_used, idx),
			  &used, sizeof(used)))
		return FT_CTRLQ_LOST;
	return avail == used ? FT_CTRLQ_IDLE : FT_CTRLQ_BUSY;
}

static enum ft_ctrlq ft_ctrlq_state(struct ft_vm *vm)
{
	enum ft_ctrlq state = FT_CTRLQ_IDLE;
	unsigned int i;

	mutex_lock(&vm->devices_lock);
	for (i = 0; i < vm->config.nr_devices && state == FT_CTRLQ_IDLE; i++)
		if (vm->config.devices[i].ctrl_used)
			state = ft_ctrlq_look(vm, &vm->devices[i], &vm->config.devices[i]);
	mutex_unlock(&vm->devices_lock);
	return state;
}

/**
 * ft_ctrlq_attach() - remember where the other queues of a NIC are
 * @device: NIC whose control queue QEMU serves
 *
 * vhost keeps that while its guest is paused.
 *
 * Context: may sleep; nobody else knows the device yet.
 */
void ft_ctrlq_attach(struct ft_vhost *device)
{
	device->nic.ctrlq_beside = ft_ctrlq_beside(device);
}

/**
 * ft_ctrlq_wait() - let QEMU answer before the guest goes on
 * @vm: VM, its guest has kicked a queue of some device
 *
 * Context: the vCPU's thread in KVM_RUN, outside of the guest, may sleep.
 * Return: 0, or -EINTR when a signal came first: QEMU may want to pause the guest
 * before it answers.
 */
int ft_ctrlq_wait(struct ft_vm *vm)
{
	unsigned long end = jiffies + FT_CTRLQ_SECONDS * HZ;
	enum ft_ctrlq state;

	while (ft_mode(vm) != FT_OFF) {
		state = ft_ctrlq_state(vm);
		if (state == FT_CTRLQ_IDLE)
			break;
		if (state == FT_CTRLQ_LOST || time_after(jiffies, end)) {
			ft_vm_event(vm, FT_EV_FAULT, KVM_FT_REASON_UNSUPPORTED,
				    state == FT_CTRLQ_LOST ?
				    "the guest has set up its NIC anew; enable it again, or start QEMU with ioeventfd=off" :
				    "QEMU does not serve the control queue of a NIC");
			break;
		}
		if (signal_pending(current))
			return -EINTR;
		/* Nobody is told when QEMU is through: not always the guest, either. */
		usleep_range_state(50, 100, TASK_INTERRUPTIBLE);
	}
	vm->kicked = false;
	return 0;
}
