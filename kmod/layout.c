// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) "kvm_ft: " fmt

#include <linux/btf.h>
#include <linux/errno.h>
#include <linux/idr.h>
#include <linux/kernel.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/static_call.h>
#include <linux/string.h>
#include "layout.h"
#include "layout-btf.h"
#include "symbol.h"

/**
 * struct ft_layout_answer - too much for the stack
 * @found: the answer to one line
 * @reason: what is wrong with it
 */
struct ft_layout_answer {
	struct ft_layout_found found;
	char reason[FT_LAYOUT_REASON];
};

static const struct ft_layout_want layout[] = { FT_LAYOUT_TABLE };

/* Functions of the kernel's that are not exported; see layout.h on IBT. */
DEFINE_STATIC_CALL_RET0(ft_btf_name_by_offset, btf_name_by_offset);
DEFINE_STATIC_CALL_RET0(ft_btf_get_name, btf_get_name);
DEFINE_STATIC_CALL_RET0(ft_btf_is_module, btf_is_module);
DEFINE_STATIC_CALL_RET0(ft_btf_base_btf, btf_base_btf);
DEFINE_STATIC_CALL_RET0(ft_btf_nr_types, btf_nr_types);
DEFINE_STATIC_CALL_NULL(ft_btf_get, btf_get);
DEFINE_STATIC_CALL_NULL(ft_btf_put, btf_put);

/* All BTF the kernel holds, and its lock. */
static struct idr *btf_idr;
static spinlock_t *btf_idr_lock;

const struct btf_type *ft_btf_type(const struct btf *btf, u32 id)
{
	return btf_type_by_id(btf, id);
}

const char *ft_btf_name(const struct btf *btf, u32 offset)
{
	return static_call(ft_btf_name_by_offset)(btf, offset);
}

#define resolve(func) ({							\
	void *addr;								\
	int err = ft_symbol_resolve(NULL, #func, &addr);			\
	if (!err)								\
		static_call_update(ft_##func, (typeof(func) *)addr);		\
	err; })

static int resolve_all(void)
{
	void *idr, *lock;
	int ret;

	ret = resolve(btf_name_by_offset) ?: resolve(btf_get_name) ?:
	      resolve(btf_is_module) ?: resolve(btf_base_btf) ?:
	      resolve(btf_nr_types) ?: resolve(btf_get) ?: resolve(btf_put) ?:
	      ft_symbol_resolve(NULL, "btf_idr", &idr) ?:
	      ft_symbol_resolve(NULL, "btf_idr_lock", &lock);
	if (ret)
		return ret;
	btf_idr = idr;
	btf_idr_lock = lock;
	return 0;
}

/*
 * The BTF of a module, with a reference; NULL when the module is not there.
 * As bpf_find_btf_id() does it, which looks for a type and not for a module.
 */
static struct btf *module_btf(const char *module)
{
	struct btf *btf;
	int id;

	spin_lock_bh(btf_idr_lock);
	idr_for_each_entry(btf_idr, btf, id) {
		if (static_call(ft_btf_is_module)(btf) &&
		    !strcmp(static_call(ft_btf_get_name)(btf), module)) {
			static_call(ft_btf_get)(btf);
			break;
		}
	}
	spin_unlock_bh(btf_idr_lock);
	return btf;
}

static int find(const struct btf *btf, const struct ft_layout_want *want,
		struct ft_layout_found *found)
{
	const struct btf *base = static_call(ft_btf_base_btf)(btf);
	u32 first = static_call(ft_btf_nr_types)(base);
	u32 end = static_call(ft_btf_nr_types)(btf);
	int ret;

	ret = ft_btf_find(btf, first, end, want, found);
	if (ret == -ENOENT)
		ret = ft_btf_find(base, 1, first, want, found);
	return ret;
}

/**
 * ft_layout_init - find what reads the kernel's BTF
 *
 * Return: 0 or a negative errno, with the reason in the kernel's log.
 */
int ft_layout_init(void)
{
	return resolve_all();
}

/**
 * ft_layout_check - compare what the module was built for with what runs
 * @module: the module to look at, which must be loaded
 *
 * The version magic of modules says the same for most kernels, but not for one
 * that was rebuilt under its old name.
 *
 * Return: 0; -ENODEV when something differs, and what is told in the kernel's
 * log; another negative errno when it cannot be found out.
 */
int ft_layout_check(const char *module)
{
	struct ft_layout_answer *answer = kmalloc(sizeof(*answer), GFP_KERNEL);
	const struct ft_layout_want *want;
	struct ft_layout_found *found;
	struct btf *btf;
	int ret = 0;

	if (!answer)
		return -ENOMEM;
	found = &answer->found;
	btf = module_btf(module);
	if (!btf) {
		pr_err("module %s is not loaded, or the kernel keeps no BTF of it\n", module);
		kfree(answer);
		return -ENODEV;
	}
	for (want = layout; want < layout + ARRAY_SIZE(layout) && !ret; want++) {
		if (strcmp(want->module, module))
			continue;
		if (ft_layout_explain(want, found, find(btf, want, found), answer->reason,
				      sizeof(answer->reason))) {
			pr_err("%s; rebuild the module\n", answer->reason);
			ret = -ENODEV;
		}
	}
	static_call(ft_btf_put)(btf);
	kfree(answer);
	return ret;
}
