/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a host finds what is on the LUNs of a guest's disks, for the secondary to
 * read from them itself. In a LUN of disk_luns() it is
 *
 *	bytes		path of the block device, or
 *	no-bytes	why there is none that the secondary could read
 */
#ifndef _FTCTL_READS_H
#define _FTCTL_READS_H

struct json_object;
struct nl_msg;

/* Most LUNs that the module takes. */
#define READS_MAX	16

void reads_find(struct json_object *lun, const char *store, const char *info);
int reads_check(const char *host, struct json_object *disks, struct json_object *theirs);
int reads_open(struct json_object *luns, int *fds);
void reads_put(struct nl_msg *msg, struct json_object *luns, const int *fds);

#endif /* _FTCTL_READS_H */
