// SPDX-License-Identifier: GPL-2.0-only
/*
 * Prepares the module's build: looks up each line of layout.list in the BTF of
 * the target kernel and prints layout-gen.h.
 *
 *	mklayout RELEASE LIST VMLINUX MODULE=FILE ...
 *
 * VMLINUX is an ELF file with a .BTF section, or BTF alone; each FILE is a
 * module, not compressed. It needs nothing but libc, and reads BTF of newer
 * kernels than the host's tools know, because all it has to know of the kinds it
 * has no use for is their length.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/elf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* One source for both: an object of its own would clash with the module's. */
#include "layout-btf.c"

#define MAX_MODULES	8
#define MAX_LINE	512

/**
 * struct btf - parsed BTF
 * @file: where it came from, for messages
 * @base: what it builds on, or NULL
 * @types: pointers into the file, by type id less @first
 * @first: id of the first type that is not the base's
 * @end: one behind the last
 * @strings: its string section
 * @strings_first: offset of its first string: behind the base's
 * @strings_end: one behind its last byte
 */
struct btf {
	const char *file;
	const struct btf *base;
	const struct btf_type **types;
	u32 first;
	u32 end;
	const char *strings;
	u32 strings_first;
	u32 strings_end;
};

/**
 * struct module - one of KVM's modules
 * @name: as in /proc/modules
 * @btf: its BTF
 */
struct module {
	const char *name;
	struct btf btf;
};

/* Does not return. */
static void die(const char *fmt, ...)
{
	va_list ap;

	fputs("kvm_ft: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

const struct btf_type *ft_btf_type(const struct btf *btf, u32 id)
{
	while (btf && id < btf->first)
		btf = btf->base;
	return btf && id < btf->end ? btf->types[id - btf->first] : NULL;
}

const char *ft_btf_name(const struct btf *btf, u32 offset)
{
	while (btf && offset < btf->strings_first)
		btf = btf->base;
	return btf && offset < btf->strings_end ?
		btf->strings + (offset - btf->strings_first) : NULL;
}

/* Bytes behind the struct btf_type of a type. */
static size_t type_tail(const struct btf *btf, const struct btf_type *type)
{
	size_t n = BTF_INFO_VLEN(type->info);

	switch (BTF_INFO_KIND(type->info)) {
	case BTF_KIND_PTR:
	case BTF_KIND_FWD:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_FUNC:
	case BTF_KIND_FLOAT:
	case BTF_KIND_TYPE_TAG:
		return 0;
	case BTF_KIND_INT:
		return sizeof(u32);
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return n * sizeof(struct btf_member);
	case BTF_KIND_ENUM:
		return n * sizeof(struct btf_enum);
	case BTF_KIND_ENUM64:
		return n * sizeof(struct btf_enum64);
	case BTF_KIND_FUNC_PROTO:
		return n * sizeof(struct btf_param);
	case BTF_KIND_VAR:
		return sizeof(struct btf_var);
	case BTF_KIND_DATASEC:
		return n * sizeof(struct btf_var_secinfo);
	case BTF_KIND_DECL_TAG:
		return sizeof(struct btf_decl_tag);
	default:
		die("%s: BTF of kind %u, which this version of kvm_ft does not know",
		    btf->file, BTF_INFO_KIND(type->info));
		return 0;
	}
}

static void *map(const char *file, size_t *size)
{
	struct stat st;
	void *data;
	int fd;

	fd = open(file, O_RDONLY);
	if (fd < 0 || fstat(fd, &st))
		die("%s: %s", file, strerror(errno));
	*size = st.st_size;
	if (!*size)
		die("%s: empty", file);
	data = mmap(NULL, *size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		die("%s: %s", file, strerror(errno));
	close(fd);
	return data;
}

/* Narrow @data and @size, an ELF file, to its .BTF section. */
static const void *btf_section(const char *file, const void *data, size_t *size)
{
	const struct elf64_hdr *elf = data;
	const struct elf64_shdr *sections, *names, *s;
	int i;

	if (*size < sizeof(*elf) || elf->e_ident[EI_CLASS] != ELFCLASS64 ||
	    elf->e_shentsize != sizeof(*s) || elf->e_shoff > *size ||
	    elf->e_shnum > (*size - elf->e_shoff) / sizeof(*s) ||
	    elf->e_shstrndx >= elf->e_shnum)
		die("%s: not a 64-bit ELF file with section headers", file);

	sections = data + elf->e_shoff;
	names = &sections[elf->e_shstrndx];
	for (i = 0; i < elf->e_shnum; i++) {
		s = &sections[i];
		if (s->sh_name > names->sh_size || names->sh_size - s->sh_name < sizeof(".BTF") ||
		    names->sh_offset > *size || names->sh_size > *size - names->sh_offset ||
		    strcmp(data + names->sh_offset + s->sh_name, ".BTF"))
			continue;
		if (s->sh_offset > *size || s->sh_size > *size - s->sh_offset)
			die("%s: truncated", file);
		*size = s->sh_size;
		return data + s->sh_offset;
	}
	die("%s: has no BTF (the kernel needs CONFIG_DEBUG_INFO_BTF_MODULES)", file);
	return NULL;
}

static void btf_read(struct btf *btf, const char *file, const struct btf *base)
{
	const struct btf_header *header;
	const struct btf_type *type;
	const void *data, *pos, *end;
	size_t size, room = 0;
	u32 n = 0;

	data = map(file, &size);
	if (size > SELFMAG && !memcmp(data, ELFMAG, SELFMAG))
		data = btf_section(file, data, &size);

	header = data;
	if (size < sizeof(*header) || header->magic != BTF_MAGIC || header->hdr_len > size)
		die("%s: not BTF", file);
	size -= header->hdr_len;
	if (header->type_off > size || header->type_len > size - header->type_off ||
	    header->str_off > size || header->str_len > size - header->str_off ||
	    !header->str_len)
		die("%s: truncated BTF", file);

	/* Of a base, the type 0 is void, which the file does not hold. */
	btf->file = file;
	btf->base = base;
	btf->first = base ? base->end : 1;
	btf->strings_first = base ? base->strings_end : 0;
	btf->strings = data + header->hdr_len + header->str_off;
	btf->strings_end = btf->strings_first + header->str_len;
	if (btf->strings[header->str_len - 1])
		die("%s: damaged BTF: the strings do not end", file);

	pos = data + header->hdr_len + header->type_off;
	end = pos + header->type_len;
	while (pos < end) {
		type = pos;
		if ((size_t)(end - pos) < sizeof(*type) ||
		    (size_t)(end - pos) - sizeof(*type) < type_tail(btf, type))
			die("%s: truncated BTF", file);
		if (n == room) {
			room = room ? 2 * room : 4096;
			btf->types = realloc(btf->types, room * sizeof(*btf->types));
			if (!btf->types)
				die("out of memory");
		}
		btf->types[n++] = type;
		pos += sizeof(*type) + type_tail(btf, type);
	}
	btf->end = btf->first + n;
}

/* Cut the first word off *@line; "" when there is none. */
static char *word(char **line)
{
	char *s = *line + strspn(*line, " \t");

	*line = s + strcspn(s, " \t");
	if (**line)
		*(*line)++ = '\0';
	return s;
}

/* Read one line of layout.list. Returns false for one that asks for nothing. */
static bool parse(char *line, struct ft_layout_want *want, const char *where)
{
	char *kind, *dot;
	bool typed;

	line[strcspn(line, "#\n")] = '\0';
	kind = word(&line);
	if (!*kind)
		return false;

	memset(want, 0, sizeof(*want));
	want->module = word(&line);
	want->type = word(&line);
	want->text = line + strspn(line, " \t");
	for (size_t n = strlen(line); n && strchr(" \t", line[n - 1]); )
		line[--n] = '\0';

	if (!strcmp(kind, "member")) {
		want->kind = FT_LAYOUT_MEMBER;
		dot = strchr(want->type, '.');
		if (!dot)
			die("%s: \"member\" wants STRUCT.MEMBER", where);
		*dot = '\0';
		want->member = dot + 1;
	} else if (!strcmp(kind, "struct")) {
		want->kind = FT_LAYOUT_STRUCT;
	} else if (!strcmp(kind, "func")) {
		want->kind = FT_LAYOUT_FUNC;
	} else {
		die("%s: \"%s\" is none of member, struct, func", where, kind);
	}
	typed = want->kind != FT_LAYOUT_STRUCT;
	if (!*want->type || !*want->text == typed)
		die("%s: incomplete, or more than belongs here", where);
	return true;
}

static const char *const kind_names[] = {
	[FT_LAYOUT_MEMBER] = "FT_LAYOUT_MEMBER",
	[FT_LAYOUT_STRUCT] = "FT_LAYOUT_STRUCT",
	[FT_LAYOUT_FUNC] = "FT_LAYOUT_FUNC",
};

/* A C string literal, or NULL. */
static const char *quoted(const char *s, char *buf, size_t size)
{
	if (s)
		snprintf(buf, size, "\"%s\"", s);
	return s ? buf : "NULL";
}

/* The constants go out at once; the table, a macro, is collected in @table. */
static void emit(FILE *table, const struct ft_layout_want *want,
		 const struct ft_layout_found *found)
{
	char member[MAX_LINE], text[MAX_LINE];

	if (want->kind == FT_LAYOUT_MEMBER) {
		printf("#define FT_OFF_%s_%s\t%u\n", want->type, want->member, found->offset);
		printf("#define FT_SIZE_%s_%s\t%u\n", want->type, want->member, found->size);
	} else if (want->kind == FT_LAYOUT_STRUCT) {
		printf("#define FT_SIZEOF_%s\t%u\n", want->type, found->size);
	}
	fprintf(table, " \\\n\t{ %s, \"%s\", \"%s\", %s, %s, %u, %u },",
		kind_names[want->kind], want->module, want->type,
		quoted(want->member, member, sizeof(member)),
		quoted(found->text[0] ? found->text : NULL, text, sizeof(text)),
		found->offset, found->size);
}

int main(int argc, char **argv)
{
	struct module modules[MAX_MODULES], *module;
	char line[MAX_LINE], where[64], reason[FT_LAYOUT_REASON], *table_text, *equals;
	int ret, i, number = 0, wrong = 0, n = argc - 4;
	struct ft_layout_found found = {};
	struct ft_layout_want want;
	FILE *list, *table;
	struct btf base = {};
	size_t table_size;

	if (n < 1 || n > MAX_MODULES)
		die("usage: mklayout RELEASE LIST VMLINUX MODULE=FILE ...");

	btf_read(&base, argv[3], NULL);
	memset(modules, 0, sizeof(modules));
	for (i = 0; i < n; i++) {
		equals = strchr(argv[4 + i], '=');
		if (!equals)
			die("%s: not MODULE=FILE", argv[4 + i]);
		*equals = '\0';
		modules[i].name = argv[4 + i];
		btf_read(&modules[i].btf, equals + 1, &base);
	}

	list = fopen(argv[2], "r");
	table = open_memstream(&table_text, &table_size);
	if (!list || !table)
		die("%s: %s", argv[2], strerror(errno));

	printf("/* Generated from layout.list for %s. */\n", argv[1]);
	while (fgets(line, sizeof(line), list)) {
		snprintf(where, sizeof(where), "layout.list:%d", ++number);
		if (!parse(line, &want, where))
			continue;
		for (module = modules; module < modules + n; module++)
			if (!strcmp(module->name, want.module))
				break;
		if (module == modules + n)
			die("%s: there is no module %s", where, want.module);

		/* What the kernel itself uses, too, is in its own BTF. */
		ret = ft_btf_find(&module->btf, module->btf.first, module->btf.end, &want, &found);
		if (ret == -ENOENT)
			ret = ft_btf_find(&base, base.first, base.end, &want, &found);
		/* Where it lies is what is to be found out. */
		want.offset = found.offset;
		want.size = found.size;
		if (ft_layout_explain(&want, &found, ret, reason, sizeof(reason))) {
			fprintf(stderr, "kvm_ft: %s: %s\n", where, reason);
			wrong++;
		} else {
			emit(table, &want, &found);
		}
	}
	fclose(table);
	if (wrong)
		die("KVM of %s is not one that this version of kvm_ft was written for", argv[1]);

	printf("\n#define FT_LAYOUT_RELEASE \"%s\"\n", argv[1]);
	printf("#define FT_LAYOUT_TABLE%s\n", table_text);
	return fflush(stdout) || ferror(stdout);
}
