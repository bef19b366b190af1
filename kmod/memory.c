// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest memory by guest physical address. All of this may sleep; what reads and
 * writes runs where current->mm is the guest's.
 */
#include <linux/interval_tree.h>
#include <linux/kvm_host.h>
#include <linux/uaccess.h>
#include "engine.h"

/* Where @gpa is in user space, and in @len how much is there in one piece. */
static void __user *ft_guest_addr(struct kvm *kvm, u64 gpa, size_t *len)
{
	struct kvm_memory_slot *slot = __gfn_to_memslot(kvm_memslots(kvm), gpa_to_gfn(gpa));
	u64 end;

	if (!slot || slot->id >= KVM_USER_MEM_SLOTS || slot->flags & KVM_MEMSLOT_INVALID)
		return NULL;
	end = gfn_to_gpa(slot->base_gfn + slot->npages);
	*len = min_t(u64, *len, end - gpa);
	return (void __user *)(slot->userspace_addr + (gpa - gfn_to_gpa(slot->base_gfn)));
}

/**
 * ft_guest_read() - copy from guest memory
 * @vm: VM
 * @gpa: guest physical address
 * @buf: where to
 * @len: bytes
 *
 * Return: 0 or -EFAULT.
 */
int ft_guest_read(struct ft_vm *vm, u64 gpa, void *buf, size_t len)
{
	int idx = srcu_read_lock(&vm->kvm->srcu), ret = 0;

	while (len && !ret) {
		size_t n = len;
		void __user *from = ft_guest_addr(vm->kvm, gpa, &n);

		if (!from || copy_from_user(buf, from, n))
			ret = -EFAULT;
		buf += n;
		gpa += n;
		len -= n;
	}
	srcu_read_unlock(&vm->kvm->srcu, idx);
	return ret;
}

/**
 * ft_guest_write() - copy to guest memory
 * @vm: VM, replaying: no migration of it is going on that would have to know
 * @gpa: guest physical address
 * @buf: where from
 * @len: bytes
 *
 * Return: 0 or -EFAULT.
 */
int ft_guest_write(struct ft_vm *vm, u64 gpa, const void *buf, size_t len)
{
	int idx = srcu_read_lock(&vm->kvm->srcu), ret = 0;

	while (len && !ret) {
		size_t n = len;
		void __user *to = ft_guest_addr(vm->kvm, gpa, &n);

		if (!to || copy_to_user(to, buf, n))
			ret = -EFAULT;
		buf += n;
		gpa += n;
		len -= n;
	}
	srcu_read_unlock(&vm->kvm->srcu, idx);
	return ret;
}

/**
 * ft_guest_gpa() - the guest physical address of what a device knows by QEMU's
 * @vm: VM
 * @addr: address in QEMU
 * @gpa: result
 *
 * Return: 0, or -EFAULT when it is no guest memory.
 */
int ft_guest_gpa(struct ft_vm *vm, const void __user *addr, u64 *gpa)
{
	unsigned long hva = (unsigned long)addr;
	struct kvm_memory_slot *slot;
	struct interval_tree_node *node;
	struct kvm_memslots *slots;
	int idx, ret = -EFAULT;

	idx = srcu_read_lock(&vm->kvm->srcu);
	slots = kvm_memslots(vm->kvm);
	for (node = interval_tree_iter_first(&slots->hva_tree, hva, hva); node;
	     node = interval_tree_iter_next(node, hva, hva)) {
		slot = container_of(node, struct kvm_memory_slot, hva_node[slots->node_idx]);
		/* KVM's own slots are not guest RAM. */
		if (slot->id >= KVM_USER_MEM_SLOTS)
			continue;
		*gpa = gfn_to_gpa(slot->base_gfn) + (hva - slot->userspace_addr);
		ret = 0;
		break;
	}
	srcu_read_unlock(&vm->kvm->srcu, idx);
	return ret;
}

/**
 * ft_guest_slots() - all guest memory
 * @vm: VM
 * @slots: result, in no order
 * @max: room in @slots
 *
 * Return: how many there are, or -E2BIG.
 */
int ft_guest_slots(struct ft_vm *vm, struct ft_slot *slots, int max)
{
	int idx = srcu_read_lock(&vm->kvm->srcu), n = 0;
	struct kvm_memory_slot *slot;
	int bkt;

	kvm_for_each_memslot(slot, bkt, kvm_memslots(vm->kvm)) {
		/* As above, and as for digests. */
		if (slot->id >= KVM_USER_MEM_SLOTS)
			continue;
		if (n == max) {
			n = -E2BIG;
			break;
		}
		slots[n++] = (struct ft_slot) {
			.gpa = gfn_to_gpa(slot->base_gfn),
			.size = (u64)slot->npages << PAGE_SHIFT,
			.address = slot->userspace_addr,
		};
	}
	srcu_read_unlock(&vm->kvm->srcu, idx);
	return n;
}
