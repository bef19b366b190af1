/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest's disks that vhost-scsi serves, as JSON. Of each:
 *
 *	name		QEMU's for it
 *	wwpn		the target of LIO's that it is
 *	luns		what the guest finds there, on this host; see disk_luns()
 */
#ifndef _FTCTL_DISK_H
#define _FTCTL_DISK_H

#include <stdbool.h>

struct json_object;

bool disk_forgets(struct json_object *lun);
int disk_add(struct json_object *disks, const char *name, const char *wwpn,
	     struct json_object *found);
struct json_object *disk_wwpns(struct json_object *disks);
struct json_object *disk_luns(struct json_object *wwpns);
int disk_compare(const char *host, struct json_object *disks, struct json_object *luns,
		 struct json_object *found);

#endif /* _FTCTL_DISK_H */
