/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _FTCTL_MODULE_H
#define _FTCTL_MODULE_H

#include <json-c/json_object.h>
#include <stdbool.h>

struct nl_msg;
struct nl_sock;

/**
 * struct mod - a conversation with the module
 * @sk: the socket
 * @family: number of the family kvm-ft on this host
 * @event: an event came during a call
 */
struct mod {
	struct nl_sock *sk;
	int family;
	bool event;
};

int mod_open(struct mod *mod);
void mod_close(struct mod *mod);

/* A request; calls send and free it. */
struct nl_msg *mod_request(struct mod *mod, int cmd);
int mod_call(struct mod *mod, struct nl_msg *msg, struct json_object **reply);

int mod_vm_call(struct mod *mod, int cmd, const char *name,
		struct json_object **reply);
int mod_vm_list(struct mod *mod, struct json_object **list);
int mod_vm_find(struct mod *mod, const char *name, struct json_object **status);
int mod_version(struct mod *mod, struct json_object **version);
int mod_listen(struct mod *mod);
int mod_wait(struct mod *mod, int fd, int timeout_ms);
int mod_events(struct mod *mod, int (*event)(struct json_object *status, void *arg),
	       void *arg);

#endif /* _FTCTL_MODULE_H */
