/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _FTCTL_ROOM_H
#define _FTCTL_ROOM_H

struct json_object;

int room_check(struct json_object *status, struct json_object *request,
	       struct json_object *found);
int room_check_name(const char *name, struct json_object *status,
		    struct json_object *found);

#endif /* _FTCTL_ROOM_H */
