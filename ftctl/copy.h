/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _FTCTL_COPY_H
#define _FTCTL_COPY_H

#include <json-c/json_object.h>
#include <stdbool.h>
#include <sys/types.h>

struct mod;
struct qmp;

/**
 * struct copy - a copy of a guest, on this host
 * @name: the VM
 * @argv: QEMU's arguments
 * @pid: its QEMU, 0: none
 * @domain: libvirt has made it
 * @attached: the module has it
 * @watch: it has consoles to put back when it goes live
 * @qmp: QEMU's monitor
 */
struct copy {
	char *name;
	char **argv;
	pid_t pid;
	bool domain;
	int attached;
	bool watch;
	struct qmp *qmp;
};

int copy_prepare(struct mod *mod, struct copy *copy, struct json_object *request,
		 struct json_object *answer);
void copy_undo(struct mod *mod, struct copy *copy);
int copy_keep(struct copy *copy);
int copy_discard(struct mod *mod, const char *name);
int copy_stop(const char *name, struct json_object *status);

#endif /* _FTCTL_COPY_H */
