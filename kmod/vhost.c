// SPDX-License-Identifier: GPL-2.0-only
/*
 * What vhost does to guest memory, at known positions. Who would have vhost's own
 * thread run a handler has the vCPU's thread run it (ft_vhost_tell()); and that thread
 * only tells so, should it come to it (ft_vhost_defer()). The vCPU's thread runs it at a
 * safe point, where the guest stands still, and logs what it did: the buffers it
 * filled and the used rings, found from how far each virtqueue has moved. The
 * replica writes the same bytes at the same position, and moves its own vhost's
 * virtqueues along, so that they can be continued from there when it goes live.
 */
#include <linux/kvm_host.h>
#include <linux/netlink.h>
#include <linux/sched/signal.h>
#include "engine.h"
#include "virtqueue.h"

/**
 * ft_vhost_tell() - a handler wants to run
 * @device: the device
 * @handler: its number
 *
 * Two changes of threads less than if vhost's thread told so.
 *
 * Context: any but NMI.
 * Return: true when the vCPU's thread will run it, or (secondary) nobody is to; false:
 * vhost's thread is to be asked.
 */
bool ft_vhost_tell(struct ft_vhost *device, unsigned int handler)
{
	struct ft_vm *vm = device->vm;
	enum ft_mode mode = ft_mode(vm);

	if (mode == FT_OFF || READ_ONCE(device->closing))
		return false;
	if (mode == FT_RECORD)
		set_bit(handler, &device->pending);
	/* Who changes either runs all handlers once more, later than this or seen by us. */
	smp_mb();
	if (ft_mode(vm) != mode || READ_ONCE(device->closing))
		return false;
	if (mode == FT_RECORD)
		ft_vm_kick(vm);
	return true;
}

/**
 * ft_vhost_defer() - vhost's thread is about to run a handler
 * @device: the device
 * @handler: its number
 *
 * Context: vhost's thread.
 * Return: true when it must not: the vCPU's thread will, or nobody.
 */
bool ft_vhost_defer(struct ft_vhost *device, unsigned int handler)
{
	struct ft_vm *vm = device->vm;

	/* What was begun comes to its end; nothing else is. */
	if (READ_ONCE(device->closing))
		return current->mm == vm->kvm->mm && device->kind->kicks & BIT(handler);

	switch (ft_mode(vm)) {
	case FT_RECORD:
		set_bit(handler, &device->pending);
		ft_vm_kick(vm);
		return true;
	case FT_REPLAY:
		return true;
	default:
		return false;
	}
}

static void ft_vhost_requeue(struct ft_vhost *device, unsigned long handlers)
{
	unsigned int i;

	for_each_set_bit(i, &handlers, device->kind->nr_handlers)
		device->kind->requeue(device, i);
}

/* What was begun ends, and is not recorded any more. */
static void ft_vhost_close(struct ft_vhost *device)
{
	WRITE_ONCE(device->closing, true);
	ft_vhost_requeue(device, ~device->kind->kicks);
	ft_disk_fail(&device->disk);
}

/**
 * ft_vhost_gone() - QEMU closed a device
 * @device: the device
 *
 * vhost is about to wait until all that was begun has ended: nothing may stay with us.
 *
 * Context: before vhost frees it; may sleep.
 */
void ft_vhost_gone(struct ft_vhost *device)
{
	struct ft_vm *vm = device->vm;

	mutex_lock(&vm->devices_lock);
	if (ft_mode(vm) != FT_OFF)
		ft_vhost_close(device);
	else	/* ft_vhost_resume() may be yet to come, and finds it gone. */
		ft_vhost_requeue(device, ~device->kind->kicks);
	device->gone = true;
	mutex_unlock(&vm->devices_lock);
	/* QEMU's own end is told by its address space. */
	if (!(current->flags & PF_EXITING) && ft_mode(vm) != FT_OFF)
		ft_vm_event(vm, FT_EV_FAULT, KVM_FT_REASON_UNSUPPORTED,
			    "QEMU took a vhost device away");
}

/**
 * ft_vhost_backed() - which virtqueues vhost serves may have changed
 * @device: the device
 *
 * QEMU does it in the vCPU's thread when the guest asks for it, on both hosts at one
 * position. In another thread it does so while the guest is paused, and undoes it before
 * that goes on, or else at no position.
 *
 * Context: may sleep.
 */
void ft_vhost_backed(struct ft_vhost *device)
{
	struct ft_vm *vm = device->vm;
	struct ft_vhost_queue queue;
	unsigned long backed = 0;
	unsigned int i;

	mutex_lock(&vm->devices_lock);
	for (i = 0; !device->gone && i < device->kind->nr_queues; i++) {
		ft_hook_vhost_queue(device, i, &queue);
		if (queue.ready)
			backed |= BIT(i);
	}
	WRITE_ONCE(device->backed, backed);
	mutex_unlock(&vm->devices_lock);
	if (current == READ_ONCE(vm->task))
		device->served = backed;
	else
		ft_vm_kick(vm);
}

/**
 * ft_vhost_begin() - the guest goes on with the devices as they are
 * @vm: VM
 *
 * Context: the vCPU's thread, may sleep; vm->task is set.
 */
void ft_vhost_begin(struct ft_vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->config.nr_devices; i++)
		ft_vhost_backed(&vm->devices[i]);
}

/* Somebody else than the guest had it turned on or off. */
static bool ft_vhost_turned(const struct ft_vhost *device)
{
	return READ_ONCE(device->backed) != device->served;
}

/* Handlers that are to run. The guest is slowed, and no packet dropped, when too many are held. */
static unsigned long ft_vhost_due(const struct ft_vhost *device)
{
	unsigned long due = READ_ONCE(device->pending);

	if (device->kind == &ft_vhost_net && ft_nic_full(&device->nic))
		due &= ~BIT(FT_NET_TX);
	return due;
}

/**
 * ft_vhost_pending() - is there something for ft_vhost_record() to do?
 * @vm: VM
 *
 * Context: the vCPU's thread.
 * Return: whether there is.
 */
bool ft_vhost_pending(const struct ft_vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->config.nr_devices; i++)
		if (ft_vhost_due(&vm->devices[i]) || ft_vhost_turned(&vm->devices[i]))
			return true;
	return false;
}

static int ft_vhost_read(void *ctx, u64 gpa, void *buf, size_t len)
{
	struct ft_vhost *device = ctx;

	return ft_guest_read(device->vm, gpa, buf, len);
}

static int ft_vhost_written(void *ctx, const struct ft_vring_stretch *stretch)
{
	struct ft_vhost *device = ctx;

	return ft_record_dma(device->vm, stretch->gpa, stretch->len);
}

/* The same for the requests of a disk. */
static int ft_vhost_ended(void *ctx, const struct ft_vring_stretch *stretch)
{
	struct ft_vhost *device = ctx;

	if (!stretch->at)
		ft_disk_ended(&device->disk, stretch->head);
	return ft_reads_record(&device->disk.reads, device->vm, stretch);
}

/* Is it the virtqueue with a disk's requests? */
static bool ft_vhost_has_requests(const struct ft_vhost *device, unsigned int i)
{
	return device->disk.vm && i == FT_SCSI_REQUEST;
}

static int ft_vhost_ring(struct ft_vm *vm, const struct ft_vhost_queue *queue,
			 struct ft_vring *ring)
{
	ring->num = queue->num;
	return ft_guest_gpa(vm, queue->desc, &ring->desc) ?:
	       ft_guest_gpa(vm, queue->avail, &ring->avail) ?:
	       ft_guest_gpa(vm, queue->used, &ring->used);
}

/* The part of a virtqueue that is written without a descriptor that says so. */
static int ft_vhost_state(struct ft_vm *vm, const struct ft_vring *ring,
			  const struct ft_vhost_queue *queue, struct ft_queue *state)
{
	__le16 head[2], event = 0;
	int ret;

	ret = ft_guest_read(vm, ring->used, head, sizeof(head));
	if (!ret && queue->event)
		ret = ft_guest_read(vm, ft_vring_event(ring), &event, sizeof(event));
	*state = (struct ft_queue) {
		.used = ring->used,
		.flags = le16_to_cpu(head[0]),
		.idx = le16_to_cpu(head[1]),
		.event = le16_to_cpu(event),
		.avail = queue->taken,
	};
	return ret;
}

/**
 * struct ft_vhost_before - a virtqueue before a handler ran
 * @queue: as vhost saw it
 * @ring: where it is
 * @state: what it was
 */
struct ft_vhost_before {
	struct ft_vhost_queue queue;
	struct ft_vring ring;
	struct ft_queue state;
};

static int ft_vhost_look(struct ft_vhost *device, unsigned int i, struct ft_vhost_before *b)
{
	ft_hook_vhost_queue(device, i, &b->queue);
	if (!b->queue.ready)
		return 0;
	return ft_vhost_ring(device->vm, &b->queue, &b->ring) ?:
	       ft_vhost_state(device->vm, &b->ring, &b->queue, &b->state);
}

/* Log what became of one virtqueue; @pos is logged first, if nothing was yet. */
static int ft_vhost_compare(struct ft_vhost *device, unsigned int i,
			    const struct ft_vhost_before *b, const struct ft_position *pos,
			    bool *logged)
{
	const struct ft_vring_walk walk = {
		.read = ft_vhost_read,
		.written = ft_vhost_has_requests(device, i) ? ft_vhost_ended : ft_vhost_written,
		.ctx = device,
	};
	struct ft_vm *vm = device->vm;
	struct ft_entry entry = { .type = KVM_FT_ENTRY_QUEUE };
	struct ft_vhost_queue now;
	int ret;

	ft_hook_vhost_queue(device, i, &now);
	if (!b->queue.ready)
		return 0;
	ret = ft_vhost_state(vm, &b->ring, &now, &entry.queue);
	if (ret || !memcmp(&entry.queue, &b->state, sizeof(b->state)))
		return ret;
	if (device->disk.vm && i == FT_SCSI_CONTROL)
		ft_reads_stop(&device->disk.reads);
	if (!*logged)
		ft_record_batch(vm, pos);
	*logged = true;
	ret = ft_vring_written(&b->ring, b->state.idx, entry.queue.idx, device->kind->whole,
			       &walk);
	if (ret)
		return ret;
	ft_record_part(vm, &entry);
	if (ft_vhost_has_requests(device, i))
		ft_reads_logged(&device->disk.reads, ft_log_head(&vm->log));
	return 0;
}

/* A reset is an output, and finds what the guest has submitted before. */
static int ft_vhost_settle(struct ft_vhost *device)
{
	ft_record_here(device->vm);
	return ft_output_hold(device->vm) ?: ft_disk_settle(&device->disk);
}

/* Which virtqueues may these handlers move? */
static unsigned long ft_vhost_queues(const struct ft_vhost_kind *kind, unsigned long handlers)
{
	unsigned long queues = 0;
	unsigned int i;

	for_each_set_bit(i, &handlers, kind->nr_handlers)
		queues |= BIT(kind->queue[i]);
	return queues;
}

/* Run what wants to run of one device, and log what it did. */
static int ft_vhost_serve(struct ft_vhost *device, const struct ft_position *pos)
{
	struct ft_vhost_before before[FT_QUEUES_MAX];
	const struct ft_vhost_kind *kind = device->kind;
	unsigned long due = ft_vhost_due(device), queues = ft_vhost_queues(kind, due);
	bool logged = false;
	unsigned int i;
	int ret = 0;

	for_each_set_bit(i, &queues, kind->nr_queues) {
		ret = ft_vhost_look(device, i, &before[i]);
		if (ret)
			return ret;
	}
	/* In vain? It stays pending. */
	if (kind == &ft_vhost_scsi && due & BIT(FT_SCSI_CONTROL) && ft_vhost_settle(device))
		return 0;
	for_each_set_bit(i, &due, kind->nr_handlers) {
		clear_bit(i, &device->pending);
		kind->run(device, i);
	}
	for_each_set_bit(i, &queues, kind->nr_queues) {
		ret = ft_vhost_compare(device, i, &before[i], pos, &logged);
		if (ret)
			break;
	}
	return ret;
}

/* Run what wants to run of all devices. */
static void ft_vhost_serve_all(struct ft_vm *vm, const struct ft_position *pos)
{
	unsigned int i;
	int ret = 0;

	mutex_lock(&vm->devices_lock);
	ft_output_batch(vm, true);
	for (i = 0; i < vm->config.nr_devices && !ret; i++) {
		struct ft_vhost *device = &vm->devices[i];

		if (!device->gone && ft_vhost_due(device))
			ret = ft_vhost_serve(device, pos);
	}
	/* First, so that nothing is seen of what is not logged. */
	if (ret)
		ft_vm_event(vm, FT_EV_FAULT, KVM_FT_REASON_UNSUPPORTED,
			    "what %s wrote cannot be found (%d)",
			    vm->devices[i - 1].kind->module, ret);
	ft_output_batch(vm, false);
	mutex_unlock(&vm->devices_lock);
}

/**
 * ft_vhost_record() - run the handlers that want to, and log what they do
 * @vm: VM, recording
 * @pos: where the guest stands
 *
 * Context: the vCPU's thread at a safe point where inputs may be applied.
 */
void ft_vhost_record(struct ft_vm *vm, const struct ft_position *pos)
{
	struct ft_vhost *device;

	for (device = vm->devices; device < vm->devices + vm->config.nr_devices; device++) {
		if (!ft_vhost_turned(device))
			continue;
		ft_vm_event(vm, FT_EV_FAULT, KVM_FT_REASON_UNSUPPORTED,
			    "QEMU turned %s on or off: was the link of a NIC set?",
			    device->kind->module);
		return;
	}
	ft_vhost_serve_all(vm, pos);
}

static bool ft_vhost_busy(struct ft_vhost *device)
{
	struct ft_vm *vm = device->vm;
	bool busy;

	mutex_lock(&vm->devices_lock);
	busy = !device->gone && device->kind->busy(device);
	mutex_unlock(&vm->devices_lock);
	return busy;
}

/* As at a safe point, for a vCPU that does not come to one. */
static void ft_vhost_record_paused(struct ft_vhost *device)
{
	struct ft_vm *vm = device->vm;
	struct ft_position pos;

	if (READ_ONCE(vm->hold) || !ft_vhost_due(device))
		return;
	if (current == READ_ONCE(vm->task) || vm->vcpu->arch.complete_userspace_io ||
	    !ft_vendor->can_interrupt(vm->vcpu)) {
		ft_vm_event(vm, FT_EV_FAULT, KVM_FT_REASON_UNSUPPORTED,
			    "a disk with requests under way was stopped where nothing can be recorded");
		return;
	}
	pos = ft_vm_position(vm);
	ft_vhost_serve_all(vm, &pos);
}

/**
 * ft_vhost_drain() - vhost is about to wait until a disk's requests have ended
 * @device: the disk
 *
 * They end in the vCPU's thread, and that may be what QEMU has paused, or is here. A guest
 * that stands still does so at a position, which is known while nobody runs it. One that
 * never runs again, or whose QEMU is killed, needs no answers.
 *
 * Context: may sleep.
 */
void ft_vhost_drain(struct ft_vhost *device)
{
	struct ft_vm *vm = device->vm;

	while (ft_mode(vm) == FT_RECORD && ft_vhost_busy(device)) {
		/* In KVM_RUN it does this itself. */
		if (mutex_trylock(&vm->vcpu->mutex)) {
			ft_vhost_record_paused(device);
			mutex_unlock(&vm->vcpu->mutex);
		}
		if (fatal_signal_pending(current) || ft_vm_dropped(vm)) {
			mutex_lock(&vm->devices_lock);
			ft_vhost_close(device);
			mutex_unlock(&vm->devices_lock);
			return;
		}
		schedule_timeout_killable(1);
	}
}

/* Which queue of which device has its used ring at @used? */
static struct ft_vhost *ft_vhost_find_queue(struct ft_vm *vm, u64 used, unsigned int *i,
					    struct ft_vhost_queue *queue)
{
	struct ft_vhost *device;
	u64 gpa;

	for (device = vm->devices; device < vm->devices + vm->config.nr_devices; device++) {
		for (*i = 0; !device->gone && *i < device->kind->nr_queues; ++*i) {
			ft_hook_vhost_queue(device, *i, queue);
			if (queue->ready && !ft_guest_gpa(vm, queue->used, &gpa) && gpa == used)
				return device;
		}
	}
	return NULL;
}

static int ft_vhost_write(void *ctx, u64 gpa, const void *buf, size_t len)
{
	struct ft_vhost *device = ctx;

	return ft_guest_write(device->vm, gpa, buf, len);
}

static struct ft_begun_memory ft_vhost_memory(struct ft_vhost *device)
{
	return (struct ft_begun_memory) {
		.read = ft_vhost_read,
		.write = ft_vhost_write,
		.ctx = device,
	};
}

/* Which requests of a disk began and ended, as its virtqueue moved on. */
static int ft_vhost_follow(struct ft_vhost *device, const struct ft_vhost_queue *queue,
			   const struct ft_queue *state)
{
	const struct ft_begun_memory memory = ft_vhost_memory(device);
	const struct ft_vring_at from = { queue->taken, queue->done };
	const struct ft_vring_at to = { state->avail, state->idx };
	struct ft_vring ring;

	return ft_vhost_ring(device->vm, queue, &ring) ?:
	       ft_begun_follow(device->disk.begun, &ring, &from, &to, &memory);
}

/**
 * ft_vhost_apply_queue() - leave a virtqueue as the primary's device left it
 * @vm: VM, replaying
 * @state: from the log
 *
 * Context: the vCPU's thread at the batch's position.
 * Return: 0; -ENOENT when this copy has no such virtqueue, -EFAULT when it is
 * not in guest memory, -EINVAL when it cannot be in this state.
 */
int ft_vhost_apply_queue(struct ft_vm *vm, const struct ft_queue *state)
{
	struct ft_vhost_queue queue;
	struct ft_vhost *device;
	__le16 word;
	unsigned int i;
	int ret = 0;

	mutex_lock(&vm->devices_lock);
	device = ft_vhost_find_queue(vm, state->used, &i, &queue);
	if (!device) {
		ret = -ENOENT;
		goto unlock;
	}
	if (ft_vhost_has_requests(device, i)) {
		ret = ft_vhost_follow(device, &queue, state);
		ft_reads_applied(&device->disk.reads);
	}
	if (!ret && queue.event) {
		const struct ft_vring ring = { .num = queue.num, .used = state->used };

		word = cpu_to_le16(state->event);
		ret = ft_guest_write(vm, ft_vring_event(&ring), &word, sizeof(word));
	}
	word = cpu_to_le16(state->flags);
	ret = ret ?: ft_guest_write(vm, state->used, &word, sizeof(word));
	word = cpu_to_le16(state->idx);
	ret = ret ?: ft_guest_write(vm, state->used + 2, &word, sizeof(word));
	if (!ret)
		ft_hook_vhost_set_queue(device, i, state->avail, state->idx);
unlock:
	mutex_unlock(&vm->devices_lock);
	return ret;
}

/**
 * ft_vhost_resume() - vhost's own thread goes on, from where the virtqueues are
 * @vm: VM, off
 *
 * Every handler runs once: it may have been called while it was not to run.
 *
 * Context: may sleep.
 */
void ft_vhost_resume(struct ft_vm *vm)
{
	struct ft_vhost *device;

	mutex_lock(&vm->devices_lock);
	for (device = vm->devices; device < vm->devices + vm->config.nr_devices; device++)
		if (!device->gone)
			ft_vhost_requeue(device, ~0ul);
	mutex_unlock(&vm->devices_lock);
}

static void ft_vhost_rewind_disk(struct ft_vhost *device)
{
	const struct ft_begun_memory memory = ft_vhost_memory(device);
	struct ft_vm *vm = device->vm;
	struct ft_vhost_queue queue;
	struct ft_vring ring;
	int ret;

	if (!device->disk.begun->nr)
		return;
	ft_hook_vhost_queue(device, FT_SCSI_REQUEST, &queue);
	if (!queue.ready)
		return;
	ret = ft_vhost_ring(vm, &queue, &ring) ?:
	      ft_begun_rewind(device->disk.begun, &ring, &queue.taken, &memory);
	if (WARN_ON_ONCE(ret < 0))
		return;
	vm->stats.requests_resubmitted += ret;
	ft_hook_vhost_set_queue(device, FT_SCSI_REQUEST, queue.taken, queue.done);
}

/**
 * ft_vhost_rewind() - requests that the primary has begun and not ended are begun again
 * @vm: VM that is about to go live; vhost's own threads are still kept off its virtqueues
 *
 * Context: the vCPU's thread, may sleep.
 */
void ft_vhost_rewind(struct ft_vm *vm)
{
	struct ft_vhost *device;

	mutex_lock(&vm->devices_lock);
	for (device = vm->devices; device < vm->devices + vm->config.nr_devices; device++)
		if (!device->gone && device->disk.vm)
			ft_vhost_rewind_disk(device);
	mutex_unlock(&vm->devices_lock);
}

/**
 * ft_vhost_go_live() - the devices of a secondary begin to work
 * @vm: VM that goes live
 *
 * The guest may have missed interrupts of its devices.
 *
 * Context: the vCPU's thread, may sleep.
 */
void ft_vhost_go_live(struct ft_vm *vm)
{
	struct ft_vhost *device;
	unsigned int i;

	mutex_lock(&vm->devices_lock);
	for (device = vm->devices; device < vm->devices + vm->config.nr_devices; device++) {
		if (device->gone)
			continue;
		ft_vhost_requeue(device, ~0ul);
		for (i = 0; i < device->kind->nr_queues; i++)
			ft_hook_vhost_signal(device, i);
	}
	mutex_unlock(&vm->devices_lock);
}

/**
 * ft_vhost_attach() - take over a VM's devices
 * @vm: VM, paused; not known to anybody yet
 * @extack: for the reason of a refusal
 *
 * Context: may sleep; vm.c's list mutex held.
 * Return: 0 or a negative errno; then none is taken over.
 */
int ft_vhost_attach(struct ft_vm *vm, struct netlink_ext_ack *extack)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < vm->config.nr_devices; i++) {
		struct ft_device_config *config = &vm->config.devices[i];
		struct ft_vhost *device = &vm->devices[i];

		device->vm = vm;
		ret = ft_hook_vhost_get(device, config->file, extack);
		if (ret)
			break;
		ret = device->kind == &ft_vhost_scsi ?
		      ft_disk_attach(&device->disk, vm, config, extack) :
		      ft_nic_attach(&device->nic, vm, config, extack);
		/* Not ours: an open vhost keeps its owner's address space, whose end we await. */
		config->file = NULL;
		config->net = NULL;
		config->nr_luns = 0;
		if (ret) {
			ft_hook_vhost_put(device);
			break;
		}
	}
	if (ret)
		while (i--) {
			ft_disk_detach(&vm->devices[i].disk);
			ft_nic_detach(&vm->devices[i].nic);
			ft_hook_vhost_put(&vm->devices[i]);
		}
	return ret;
}

/**
 * ft_vhost_detach() - let go of a VM's devices
 * @vm: VM, off
 *
 * Context: may sleep; vm.c's list mutex held.
 */
void ft_vhost_detach(struct ft_vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->config.nr_devices; i++) {
		ft_disk_detach(&vm->devices[i].disk);
		ft_nic_detach(&vm->devices[i].nic);
		ft_hook_vhost_put(&vm->devices[i]);
	}
}
