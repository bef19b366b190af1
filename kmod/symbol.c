// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) "kvm_ft: " fmt

#include <linux/errno.h>
#include <linux/kallsyms.h>
#include <linux/kernel.h>
#include <linux/kprobes.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/static_call.h>
#include <linux/string.h>
#include "symbol.h"

/*
 * A static call and not a pointer: nobody in the kernel takes the address of
 * kallsyms_lookup_name(), so its IBT landing pad may have been sealed.
 */
DEFINE_STATIC_CALL_RET0(ft_kallsyms_lookup_name, kallsyms_lookup_name);

/*
 * How far @addr lies behind the start of the symbol around it: kprobes skip the
 * landing pad of a function, and that is the address they tell.
 */
static unsigned long offset_in_symbol(unsigned long addr)
{
	char buf[KSYM_SYMBOL_LEN];
	unsigned long offset;
	const char *plus;

	sprint_symbol(buf, addr);
	plus = strrchr(buf, '+');
	if (!plus || sscanf(plus, "+0x%lx/", &offset) != 1)
		return 0;
	return offset;
}

/**
 * ft_symbol_init - find the kernel's own symbol lookup
 *
 * kprobes resolve names of functions, not of data, and only of those that may
 * be probed. But they resolve kallsyms_lookup_name(), which knows all.
 *
 * Return: 0, or a negative errno with the reason in the kernel's log.
 */
int ft_symbol_init(void)
{
	struct kprobe probe = {
		.symbol_name = "kallsyms_lookup_name",
		.flags = KPROBE_FLAG_DISABLED,
	};
	unsigned long addr;
	int ret;

	ret = register_kprobe(&probe);
	if (ret) {
		pr_err("kallsyms_lookup_name cannot be resolved (error %d); are kprobes enabled?\n",
		       ret);
		return ret;
	}
	addr = (unsigned long)probe.addr;
	unregister_kprobe(&probe);

	addr -= offset_in_symbol(addr);
	static_call_update(ft_kallsyms_lookup_name, (typeof(kallsyms_lookup_name) *)addr);
	return 0;
}

/* Names that the kernel does not have are looked for in all modules: not meant here. */
static bool in_module(unsigned long addr)
{
	char buf[KSYM_SYMBOL_LEN];

	sprint_symbol(buf, addr);
	return strchr(buf, '[');
}

static unsigned long lookup(const char *module, const char *name, const char *suffix)
{
	char full[MODULE_NAME_LEN + KSYM_NAME_LEN];
	unsigned long found;

	snprintf(full, sizeof(full), "%s%s%s%s", module ?: "", module ? ":" : "", name, suffix);
	found = static_call(ft_kallsyms_lookup_name)(full);
	return !module && in_module(found) ? 0 : found;
}

/**
 * ft_symbol_resolve - find a function or variable
 * @module: the module that has it, as in /proc/modules; NULL: the kernel itself
 * @name: its name; static ones are found, too
 * @addr: its address
 *
 * A module's address is good for as long as the module stays loaded, which is
 * the caller's business.
 *
 * Return: 0, or -ENOENT with the reason in the kernel's log.
 */
int ft_symbol_resolve(const char *module, const char *name, void **addr)
{
	unsigned long found = lookup(module, name, "");

	if (!found) {
		pr_err("symbol %s of %s not found\n", name, module ?: "the kernel");
		return -ENOENT;
	}
	*addr = (void *)found;
	return 0;
}

/**
 * ft_symbol_resolve_clone - find a function, or what the compiler made of it
 * @module: the module that has it
 * @name: its name in the source
 * @addr: its address; it may take other arguments than in the source
 *
 * Return: 0, or -ENOENT with the reason in the kernel's log.
 */
int ft_symbol_resolve_clone(const char *module, const char *name, void **addr)
{
	static const char *const suffixes[] = { ".isra.0", ".constprop.0", ".constprop.0.isra.0" };
	unsigned long found;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(suffixes); i++) {
		found = lookup(module, name, suffixes[i]);
		if (found) {
			*addr = (void *)found;
			return 0;
		}
	}
	return ft_symbol_resolve(module, name, addr);
}
