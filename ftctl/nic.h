/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest's NICs, as JSON, since they travel to the peer. Of each:
 *
 *	name		QEMU's for the NIC: its id, or made of its model
 *	model		its type
 *	queues		how many pairs
 *	netdev		id of what it is connected to; absent: nothing
 *	backend		what that is: tap, user, ...
 *	tap		of a tap that QEMU has opened: the interface on the host
 *	fd, vhostfd	of a tap that QEMU was handed, and its vhost: QEMU's numbers
 *	mac		the guest's address on it, as the guest has set it
 */
#ifndef _FTCTL_NIC_H
#define _FTCTL_NIC_H

struct json_object;
struct qmp;

int nic_list(struct qmp *qmp, char **argv, struct json_object **nics);
struct json_object *nic_find(struct json_object *nics, const char *key, const char *value);
void nic_take_macs(struct json_object *nics, struct json_object *from);

#endif /* _FTCTL_NIC_H */
