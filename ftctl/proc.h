/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _FTCTL_PROC_H
#define _FTCTL_PROC_H

#include <net/if.h>
#include <sys/types.h>

/**
 * struct qemu - a running QEMU
 * @pid: its process
 * @name: what the user calls the VM
 * @argv: its arguments
 * @exe: the program
 * @cwd: its working directory
 */
struct qemu {
	pid_t pid;
	char *name;
	char **argv;
	char *exe;
	char *cwd;
};

int qemu_find(const char *name, struct qemu *qemu);
int qemu_read(pid_t pid, struct qemu *qemu);
void qemu_free(struct qemu *qemu);
int qemu_fds(pid_t pid, const char *link, int *fds, int max);
void qemu_tap_name(pid_t pid, int fd, char name[IFNAMSIZ]);
int qemu_take_fd(pid_t pid, int fd);
int qemu_kvm_fds(pid_t pid, int *vm_fd, int *vcpu_fd);
int qemu_memory(pid_t pid);
int qemu_stop(pid_t pid);

#endif /* _FTCTL_PROC_H */
