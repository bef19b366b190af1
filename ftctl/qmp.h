/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _FTCTL_QMP_H
#define _FTCTL_QMP_H

#include <json-c/json_object.h>

struct qemu;
struct qmp;

struct qmp *qmp_open(const struct qemu *qemu);
void qmp_close(struct qmp *qmp);
int qmp_call(struct qmp *qmp, const char *command, struct json_object *args,
	     struct json_object **reply);
int qmp_status(struct qmp *qmp, char *status, size_t size);

#endif /* _FTCTL_QMP_H */
