/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Members of KVM's private structures. To use one, name it in layout.list; the
 * build then knows its offset and size, and refuses a kernel where its type is
 * another one:
 *
 *	member kvm_amd vcpu_svm.tsc_aux		u64
 *
 *	*ft_member(svm, vcpu_svm, tsc_aux, u64) = value;
 *
 *	member kvm kvm_lapic.lapic_timer	struct kvm_timer
 *
 *	void *timer = ft_member_ptr(apic, kvm_lapic, lapic_timer);
 *	u64 deadline = *ft_member(timer, kvm_timer, tscdeadline, u64);
 *
 * Functions that are hooked or called by address have a "func" line: it says
 * what prototype the code here was written for.
 *
 * On processors with indirect branch tracking (IBT) a pointer to a function
 * that nobody in the kernel calls indirectly must not be called: its landing pad
 * may be absent or sealed. Call through a static call, which is a direct one.
 */
#ifndef _KVM_FT_LAYOUT_H
#define _KVM_FT_LAYOUT_H

#include <linux/build_bug.h>
#include <linux/types.h>
#include "layout-gen.h"

/* A pointer to @member, of type @type, of the struct @st at @base. */
#define ft_member(base, st, member, type) ({				\
	static_assert(sizeof(type) == FT_SIZE_##st##_##member);		\
	(type *)((u8 *)(base) + FT_OFF_##st##_##member); })

/* The same without a type: for a member that is a private structure itself. */
#define ft_member_ptr(base, st, member) \
	((void *)((u8 *)(base) + FT_OFF_##st##_##member))

/* The struct @st that has its @member at @ptr. */
#define ft_member_owner(ptr, st, member) \
	((void *)((u8 *)(ptr) - FT_OFF_##st##_##member))

int ft_layout_init(void);
int ft_layout_check(const char *module);

#endif /* _KVM_FT_LAYOUT_H */
