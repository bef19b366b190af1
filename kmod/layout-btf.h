/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Looking up structures and functions in BTF. Compiled into the module and into
 * the tool that prepares its build, so that the two cannot disagree; each
 * provides ft_btf_type() and ft_btf_name().
 */
#ifndef _KVM_FT_LAYOUT_BTF_H
#define _KVM_FT_LAYOUT_BTF_H

#ifdef __KERNEL__
#include <linux/btf.h>
#include <linux/types.h>
#else
#include <linux/btf.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
typedef __u8 u8;
typedef __u32 u32;
#endif

#define FT_BTF_TEXT	160	/* room for a type as text */
#define FT_LAYOUT_REASON	(3 * FT_BTF_TEXT)	/* for what ft_layout_explain() says */

struct btf;

/**
 * enum ft_layout_kind - what one line of layout.list asks for
 * @FT_LAYOUT_MEMBER: a member of a structure or union
 * @FT_LAYOUT_STRUCT: a structure or union itself
 * @FT_LAYOUT_FUNC: a function's prototype
 */
enum ft_layout_kind {
	FT_LAYOUT_MEMBER,
	FT_LAYOUT_STRUCT,
	FT_LAYOUT_FUNC,
};

/**
 * struct ft_layout_want - one line of layout.list, with what the build found
 * @kind: enum ft_layout_kind
 * @module: KVM's module, as in /proc/modules
 * @type: structure or function
 * @member: NULL unless a member
 * @text: its type; NULL of a structure
 * @offset: bytes; 0 unless a member
 * @size: bytes; 0 of a function
 */
struct ft_layout_want {
	u8 kind;
	const char *module;
	const char *type;
	const char *member;
	const char *text;
	u32 offset;
	u32 size;
};

/**
 * struct ft_layout_found - the answer to one struct ft_layout_want
 * @offset: bytes; 0 unless a member
 * @size: bytes; 0 of a function
 * @text: the type as text; empty for a structure
 */
struct ft_layout_found {
	u32 offset;
	u32 size;
	char text[FT_BTF_TEXT];
};

const struct btf_type *ft_btf_type(const struct btf *btf, u32 id);
const char *ft_btf_name(const struct btf *btf, u32 offset);

int ft_btf_find(const struct btf *btf, u32 first, u32 end,
		const struct ft_layout_want *want, struct ft_layout_found *found);
bool ft_layout_explain(const struct ft_layout_want *want, const struct ft_layout_found *found,
		       int ret, char *buf, size_t size);

#endif /* _KVM_FT_LAYOUT_BTF_H */
