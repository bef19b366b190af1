// SPDX-License-Identifier: GPL-2.0-only
/* The command line: the exercise's name, then name=number ... */
#include "flat.h"

#define START_INFO_CMDLINE	24	/* struct hvm_start_info: cmdline_paddr */
#define LINE_MAX		256

static char line[LINE_MAX];

void param_init(u64 start_info)
{
	const char *from = (const char *)mmio_read64(start_info + START_INFO_CMDLINE);
	int i;

	for (i = 0; from && from[i] && i < LINE_MAX - 1; i++)
		line[i] = from[i];
}

/* Not terminated: compare up to a space. */
const char *param_name(void)
{
	return line;
}

u64 param(const char *name, u64 otherwise)
{
	const char *word, *s, *n;
	u64 value = 0;

	for (word = line; *word; word++) {
		if (word != line && word[-1] != ' ')
			continue;
		for (s = word, n = name; *n && *s == *n; n++)
			s++;
		if (*n || *s != '=')
			continue;
		for (s++; *s >= '0' && *s <= '9'; s++)
			value = value * 10 + (*s - '0');
		return value;
	}
	return otherwise;
}
