/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * JSON without the ceremony. A NULL object is an object without members.
 */
#ifndef _FTCTL_JS_H
#define _FTCTL_JS_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>

#include "ftctl.h"

static inline struct json_object *js_get(struct json_object *o, const char *key)
{
	struct json_object *value = NULL;

	if (!json_object_is_type(o, json_type_object))
		return NULL;
	json_object_object_get_ex(o, key, &value);
	return value;
}

/* What is no array has no elements. */
static inline size_t js_length(struct json_object *array)
{
	return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

static inline const char *js_str(struct json_object *o, const char *key,
				 const char *without)
{
	struct json_object *value = js_get(o, key);

	return json_object_is_type(value, json_type_string) ?
	       json_object_get_string(value) : without;
}

static inline s64 js_int(struct json_object *o, const char *key)
{
	return json_object_get_int64(js_get(o, key));
}

static inline bool js_bool(struct json_object *o, const char *key)
{
	return json_object_get_boolean(js_get(o, key));
}

static inline void js_add_str(struct json_object *o, const char *key, const char *value)
{
	json_object_object_add(o, key, json_object_new_string(value));
}

static inline void js_add_int(struct json_object *o, const char *key, s64 value)
{
	json_object_object_add(o, key, json_object_new_int64(value));
}

static inline void js_print(struct json_object *o)
{
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
					    JSON_C_TO_STRING_NOSLASHESCAPE));
}

#endif /* _FTCTL_JS_H */
