/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What enable looks at before it begins, and check tells about. With NULL for
 * @found, the first obstacle is a failure: see obstacle.h.
 */
#ifndef _FTCTL_CHECK_H
#define _FTCTL_CHECK_H

#include <stdbool.h>

struct json_object;
struct mod;
struct peer;
struct qemu;

int check_module(struct mod *mod, const char *vm, struct json_object *found,
		 bool *attached);
int check_peer(struct mod *mod, struct peer *peer, struct json_object *found,
	       struct json_object **hello);
int check_room(struct peer *peer, const struct qemu *qemu, struct json_object *nics,
	       struct json_object *disks, struct json_object *found,
	       struct json_object **luns);

#endif /* _FTCTL_CHECK_H */
