// SPDX-License-Identifier: GPL-2.0-only
#include "layout-btf.h"

#ifdef __KERNEL__
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>
#else
#include <errno.h>
#include <stdio.h>
#include <string.h>
#endif

/*
 * Deeper than any type of KVM's; BTF that is damaged, or is read with a base
 * that is not its own, may have loops.
 */
#define MAX_DEPTH	16

/**
 * struct text - a bounded string being written
 * @buf: where
 * @len: characters so far
 * @size: room, the final NUL included
 */
struct text {
	char *buf;
	size_t len;
	size_t size;
};

static void put(struct text *t, const char *s)
{
	size_t n = strlen(s);

	if (n >= t->size - t->len)
		n = t->size - t->len - 1;
	memcpy(t->buf + t->len, s, n);
	t->len += n;
	t->buf[t->len] = '\0';
}

static void put_type(struct text *t, const struct btf *btf, u32 id, int depth);

static void put_named(struct text *t, const char *keyword, const char *name)
{
	put(t, keyword);
	put(t, name && *name ? name : "{}");
}

static void put_array(struct text *t, const struct btf *btf, const struct btf_array *array,
		      int depth)
{
	char count[16];

	put_type(t, btf, array->type, depth);
	snprintf(count, sizeof(count), " [%u]", array->nelems);
	put(t, count);
}

static void put_proto(struct text *t, const struct btf *btf, const struct btf_type *proto,
		      int depth)
{
	const struct btf_param *params = (const void *)(proto + 1);
	u32 i, n = BTF_INFO_VLEN(proto->info);

	put_type(t, btf, proto->type, depth);
	put(t, " (");
	for (i = 0; i < n; i++) {
		if (i)
			put(t, ", ");
		/* The type 0 is void, which as a parameter stands for "...". */
		if (params[i].type)
			put_type(t, btf, params[i].type, depth);
		else
			put(t, "...");
	}
	put(t, n ? ")" : "void)");
}

static void put_type(struct text *t, const struct btf *btf, u32 id, int depth)
{
	const struct btf_type *type;
	const char *name;

	if (!id) {
		put(t, "void");
		return;
	}
	type = depth < MAX_DEPTH ? ft_btf_type(btf, id) : NULL;
	if (!type) {
		put(t, "?");
		return;
	}
	name = ft_btf_name(btf, type->name_off);

	switch (BTF_INFO_KIND(type->info)) {
	case BTF_KIND_INT:
	case BTF_KIND_FLOAT:
	case BTF_KIND_TYPEDEF:
		put_named(t, "", name);
		break;
	case BTF_KIND_STRUCT:
		put_named(t, "struct ", name);
		break;
	case BTF_KIND_UNION:
		put_named(t, "union ", name);
		break;
	case BTF_KIND_FWD:
		put_named(t, BTF_INFO_KFLAG(type->info) ? "union " : "struct ", name);
		break;
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		put_named(t, "enum ", name);
		break;
	case BTF_KIND_PTR:
		put_type(t, btf, type->type, depth + 1);
		put(t, t->len && t->buf[t->len - 1] == '*' ? "*" : " *");
		break;
	case BTF_KIND_CONST:
		put(t, "const ");
		put_type(t, btf, type->type, depth + 1);
		break;
	case BTF_KIND_VOLATILE:
		put(t, "volatile ");
		put_type(t, btf, type->type, depth + 1);
		break;
	case BTF_KIND_RESTRICT:
	case BTF_KIND_TYPE_TAG:
		put_type(t, btf, type->type, depth + 1);
		break;
	case BTF_KIND_ARRAY:
		put_array(t, btf, (const void *)(type + 1), depth + 1);
		break;
	case BTF_KIND_FUNC_PROTO:
		put_proto(t, btf, type, depth + 1);
		break;
	default:
		put(t, "?");
	}
}

/* The size of a type in bytes, 0 if it has none. */
static u32 type_size(const struct btf *btf, u32 id)
{
	const struct btf_array *array;
	const struct btf_type *type;
	u32 count = 1;
	int depth;

	for (depth = 0; depth < MAX_DEPTH; depth++) {
		type = id ? ft_btf_type(btf, id) : NULL;
		if (!type)
			return 0;
		switch (BTF_INFO_KIND(type->info)) {
		case BTF_KIND_INT:
		case BTF_KIND_FLOAT:
		case BTF_KIND_STRUCT:
		case BTF_KIND_UNION:
		case BTF_KIND_ENUM:
		case BTF_KIND_ENUM64:
			return count * type->size;
		case BTF_KIND_PTR:
			return count * sizeof(void *);
		case BTF_KIND_ARRAY:
			array = (const void *)(type + 1);
			count *= array->nelems;
			id = array->type;
			break;
		case BTF_KIND_TYPEDEF:
		case BTF_KIND_CONST:
		case BTF_KIND_VOLATILE:
		case BTF_KIND_RESTRICT:
		case BTF_KIND_TYPE_TAG:
			id = type->type;
			break;
		default:
			return 0;
		}
	}
	return 0;
}

static bool is_composite(const struct btf_type *type)
{
	return BTF_INFO_KIND(type->info) == BTF_KIND_STRUCT ||
	       BTF_INFO_KIND(type->info) == BTF_KIND_UNION;
}

/*
 * Find member @name of @type, which starts @base_bits into the outermost
 * structure, also inside anonymous structures and unions.
 */
static int find_member(const struct btf *btf, const struct btf_type *type, const char *name,
		       u32 base_bits, struct ft_layout_found *found, int depth)
{
	const struct btf_member *m = (const void *)(type + 1);
	u32 i, bits, width, n = BTF_INFO_VLEN(type->info);
	bool kflag = BTF_INFO_KFLAG(type->info);
	struct text text = { .buf = found->text, .size = sizeof(found->text) };
	const struct btf_type *inner;
	const char *member;
	int ret;

	for (i = 0; i < n; i++, m++) {
		member = ft_btf_name(btf, m->name_off);
		bits = base_bits + (kflag ? BTF_MEMBER_BIT_OFFSET(m->offset) : m->offset);
		width = kflag ? BTF_MEMBER_BITFIELD_SIZE(m->offset) : 0;

		if (member && *member) {
			if (strcmp(member, name))
				continue;
			if (width || bits % 8)
				return -EDOM;
			found->offset = bits / 8;
			found->size = type_size(btf, m->type);
			put_type(&text, btf, m->type, 0);
			return 0;
		}

		inner = ft_btf_type(btf, m->type);
		if (!inner || !is_composite(inner) || depth == MAX_DEPTH)
			continue;
		ret = find_member(btf, inner, name, bits, found, depth + 1);
		if (ret != -ESRCH)
			return ret;
	}
	return -ESRCH;
}

static int look_at(const struct btf *btf, const struct btf_type *type,
		   const struct ft_layout_want *want, struct ft_layout_found *found)
{
	struct text text = { .buf = found->text, .size = sizeof(found->text) };

	memset(found, 0, sizeof(*found));
	switch (want->kind) {
	case FT_LAYOUT_MEMBER:
		return find_member(btf, type, want->member, 0, found, 0);
	case FT_LAYOUT_STRUCT:
		found->size = type->size;
		return 0;
	default:
		put_type(&text, btf, type->type, 0);
		return 0;
	}
}

/**
 * ft_btf_find - find what one line of layout.list asks for
 * @btf: where to look
 * @first: first type id to look at
 * @end: one behind the last
 * @want: the line
 * @found: the answer
 *
 * Return: 0; -ENOENT when there is no such structure or function; -ESRCH when
 * it has no such member; -EDOM when the member is a bit field; -ENOTUNIQ when
 * there are several of that name, and they differ.
 */
int ft_btf_find(const struct btf *btf, u32 first, u32 end,
		const struct ft_layout_want *want, struct ft_layout_found *found)
{
	struct ft_layout_found other;
	const struct btf_type *type;
	int ret, result = -ENOENT;
	const char *name;
	u32 id;

	for (id = first; id < end; id++) {
		type = ft_btf_type(btf, id);
		if (!type)
			continue;
		if (want->kind == FT_LAYOUT_FUNC ?
		    BTF_INFO_KIND(type->info) != BTF_KIND_FUNC : !is_composite(type))
			continue;
		name = ft_btf_name(btf, type->name_off);
		if (!name || strcmp(name, want->type))
			continue;

		if (result) {
			result = look_at(btf, type, want, found);
			continue;
		}
		ret = look_at(btf, type, want, &other);
		if (want->kind == FT_LAYOUT_FUNC ||
		    (!ret && memcmp(found, &other, sizeof(other))))
			return -ENOTUNIQ;
	}
	return result;
}

/**
 * ft_layout_explain - say what is wrong with an answer
 * @want: a line of layout.list
 * @found: what was found for it
 * @ret: what ft_btf_find() returned
 * @buf: room for the explanation, which is no more than a clause
 * @size: bytes in @buf
 *
 * Return: true when there is something to explain; false when all is as wanted.
 */
bool ft_layout_explain(const struct ft_layout_want *want, const struct ft_layout_found *found,
		       int ret, char *buf, size_t size)
{
	const char *what = want->kind == FT_LAYOUT_FUNC ? "function" : "struct";
	const char *of = want->member ? ": member " : "";
	const char *member = want->member ? want->member : "";
	const char *text = want->text ? want->text : "";

	switch (ret) {
	case 0:
		break;
	case -ENOENT:
		snprintf(buf, size, "%s %s is not in %s", what, want->type, want->module);
		return true;
	case -ESRCH:
		snprintf(buf, size, "struct %s has no member %s", want->type, member);
		return true;
	case -EDOM:
		snprintf(buf, size, "struct %s%s%s is a bit field", want->type, of, member);
		return true;
	case -ENOTUNIQ:
		snprintf(buf, size, "%s %s exists more than once", what, want->type);
		return true;
	default:
		snprintf(buf, size, "%s %s: error %d", what, want->type, ret);
		return true;
	}

	if (strcmp(text, found->text))
		snprintf(buf, size, "%s %s%s%s is \"%s\" instead of \"%s\"", what, want->type, of,
			 member, found->text, text);
	else if (want->offset != found->offset)
		snprintf(buf, size, "struct %s%s%s is at %u instead of %u", want->type, of, member,
			 found->offset, want->offset);
	else if (want->size != found->size)
		snprintf(buf, size, "struct %s%s%s has %u bytes instead of %u", want->type, of,
			 member, found->size, want->size);
	else
		return false;
	return true;
}
