/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest's NICs, as JSON, since they travel to the peer. Of each:
 *
 *	name		QEMU's for the NIC: its id, or made of its model
 *	model		its type
 *	queues		how many pairs
 *	netdev		id of what it is connected to; absent: nothing
 *	backend		what that is: tap, user, ...
 *	tap		of a tap: the interface on the host
 *	mac		the guest's address on it, as the guest has set it
 *	path		of guest_check(): in QEMU's tree of objects; absent: not there
 *	ioeventfd	of guest_check(): QEMU serves its control queue in the main loop
 *	ctrl-avail	of nic_ctrl_queues(): guest physical addresses of the control
 *	ctrl-used	queue's rings; absent: QEMU serves none in the main loop
 *	ctrl-size	and their entries
 */
#ifndef _FTCTL_NIC_H
#define _FTCTL_NIC_H

#include "ftctl.h"

struct json_object;
struct qmp;

/**
 * struct ctrl_queue - the rings of a NIC's control queue
 * @avail: guest physical address of the available ring
 * @used: of the used ring
 * @size: entries of both; 0: the guest has set up no such queue
 */
struct ctrl_queue {
	u64 avail;
	u64 used;
	u32 size;
};

int nic_list(struct qmp *qmp, struct json_object **nics);
struct json_object *nic_find(struct json_object *nics, const char *key, const char *value);
int nic_ctrl_queue(struct qmp *qmp, const char *path, struct ctrl_queue *queue);
int nic_ctrl_queues(struct qmp *qmp, struct json_object *nics);
int nic_check_ctrl_queues(struct qmp *qmp, struct json_object *nics);
void nic_take_guest(struct json_object *nics, struct json_object *from);

#endif /* _FTCTL_NIC_H */
