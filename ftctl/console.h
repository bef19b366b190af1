/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _FTCTL_CONSOLE_H
#define _FTCTL_CONSOLE_H

#include <json-c/json_object.h>
#include <stdbool.h>

struct qmp;

bool console_show_only(struct qmp *qmp, const char *vm, char **argv,
		       struct json_object *told);
int console_put_back(struct qmp *qmp, char **argv, struct json_object *told);
void console_trim(const char *vm, char **argv);
void console_forget(const char *vm, char **argv);

#endif /* _FTCTL_CONSOLE_H */
