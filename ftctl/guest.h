/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _FTCTL_GUEST_H
#define _FTCTL_GUEST_H

struct json_object;
struct qemu;
struct qmp;

int guest_check(struct qmp *qmp, const struct qemu *qemu, struct json_object *nics,
		struct json_object *disks, struct json_object *found);

#endif /* _FTCTL_GUEST_H */
