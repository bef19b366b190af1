// SPDX-License-Identifier: GPL-2.0-only
/*
 * What stands in the way of protecting a VM: enable stops at the first, check
 * tells all.
 */
#include <json-c/json.h>
#include <stdio.h>

#include "obstacle.h"

/**
 * obstacle - say what stands in the way, and what to change
 * @found: the sentences so far; NULL: the first is enough
 * @fmt: one sentence without a full stop at its end
 *
 * Return: 0 to go on looking, or -1 after fail() when the first is enough
 */
int obstacle(struct json_object *found, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!found)
		return fail("%s", text);
	json_object_array_add(found, json_object_new_string(text));
	return 0;
}
