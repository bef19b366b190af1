/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the hooks share among themselves: hook.c installs, hook-vcpu.c and
 * hook-gates.c are installed.
 */
#ifndef _KVM_FT_HOOK_PRIV_H
#define _KVM_FT_HOOK_PRIV_H

#include <linux/ftrace.h>
#include <linux/kvm_host.h>
#include <linux/static_call.h>
#include "engine.h"

/*
 * Brackets of every hook. ft_hook_enter() returns the VM if it is attached, and
 * pins it; ft_hook_leave() takes what that returned.
 */
struct ft_vm *ft_hook_enter(const struct kvm *kvm);
void ft_hook_leave(struct ft_vm *vm);
/* For hooks that look the VM up, and count themselves, in their own way. */
void ft_hook_unpin(struct ft_vm *vm);
void ft_hook_synchronize(long __percpu *count);

/* The guest asked: log the answer in @entry, or replace it (bytes at @data). */
void ft_answer(struct ft_vm *vm, struct ft_entry *entry, void *data);

/**
 * struct ft_op - a vendor operation that is replaced
 * @name: member of struct kvm_x86_ops
 * @hook: what takes its place
 * @key: KVM's static call
 * @tramp: its trampoline
 * @orig: what it called before; NULL: not replaced now
 */
struct ft_op {
	const char *name;
	void *hook;
	struct static_call_key *key;
	void *tramp;
	void *orig;
};

extern struct ft_op ft_ops[];
extern const unsigned int ft_nr_ops;

/* Point our static calls at what KVM's called. */
void ft_ops_keep(void);

/**
 * struct ft_func - a function of a module that is replaced, or only called
 * @name: symbol
 * @hook: what takes its place; NULL: only called
 * @orig: set to where the original goes on behind its call of ftrace
 * @module: whose it is
 * @filter: whether it is replaced in this call of it; NULL: always. It lets a
 *	function be replaced whose arguments are not known
 * @clone: the compiler may have made another of it, with a suffix to its name
 * @addr: its address
 * @ops: ftrace's
 */
struct ft_func {
	const char *name;
	void *hook;
	void *orig;
	const char *module;
	bool (*filter)(void);
	bool clone;
	unsigned long addr;
	struct ftrace_ops ops;
};

int ft_func_bind(struct ft_func *f);
int ft_func_install(struct ft_func *f);
void ft_func_remove(struct ft_func *f);

extern struct ft_func ft_funcs[];
extern const unsigned int ft_nr_funcs;

#endif /* _KVM_FT_HOOK_PRIV_H */
