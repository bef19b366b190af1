// SPDX-License-Identifier: GPL-2.0-only
/*
 * QEMU's processes: which one runs a VM, and KVM's descriptors inside it.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ftctl.h"
#include "platform.h"
#include "proc.h"
#include "qemuargs.h"

static char *read_link(const char *path)
{
	char target[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	if (n < 0)
		return NULL;
	target[n] = '\0';
	return strdup(target);
}

static char *read_all(const char *path, size_t *len)
{
	FILE *f = fopen(path, "re");
	size_t room = 0;
	char *text = NULL;

	if (!f)
		return NULL;
	*len = 0;
	do {
		char *more = realloc(text, room += 16384);

		if (!more)
			break;
		text = more;
		*len += fread(text + *len, 1, room - *len, f);
	} while (*len == room);
	fclose(f);
	return text;
}

static bool is_qemu(const char *exe)
{
	const char *base = strrchr(exe, '/');

	base = base ? base + 1 : exe;
	/* Distributions call it qemu-system-x86_64, qemu-kvm or kvm. */
	return !strncmp(base, "qemu-system-", 12) || !strcmp(base, "qemu-kvm") ||
	       !strcmp(base, "kvm");
}

/**
 * qemu_free - forget a QEMU
 * @qemu: filled by qemu_find() or qemu_read(), or zeroed
 */
void qemu_free(struct qemu *qemu)
{
	free(qemu->name);
	free(qemu->exe);
	free(qemu->cwd);
	args_free(qemu->argv);
	memset(qemu, 0, sizeof(*qemu));
}

/**
 * qemu_read - look at a process
 * @pid: the process
 * @qemu: to be filled
 *
 * Return: 0, or -1 when this is not a QEMU; no fail(), as most are not.
 */
int qemu_read(pid_t pid, struct qemu *qemu)
{
	char path[PATH_MAX];
	char *cmdline = NULL;
	size_t len = 0;

	memset(qemu, 0, sizeof(*qemu));
	snprintf(path, sizeof(path), "%s/%d/exe", platform_proc(), pid);
	qemu->exe = read_link(path);
	if (!qemu->exe || !is_qemu(qemu->exe))
		goto not;

	snprintf(path, sizeof(path), "%s/%d/cmdline", platform_proc(), pid);
	cmdline = read_all(path, &len);
	qemu->argv = cmdline ? args_split(cmdline, len) : NULL;
	free(cmdline);
	if (!qemu->argv)
		goto not;

	snprintf(path, sizeof(path), "%s/%d/cwd", platform_proc(), pid);
	qemu->cwd = read_link(path);
	qemu->name = args_name(qemu->argv);
	qemu->pid = pid;
	return 0;
not:
	qemu_free(qemu);
	return -1;
}

/**
 * qemu_find - find the QEMU that runs a VM
 * @name: what the user calls the VM: QEMU's -name, libvirt's domain
 * @qemu: to be filled; for qemu_free()
 *
 * Return: 0, or -1 after fail().
 */
int qemu_find(const char *name, struct qemu *qemu)
{
	DIR *dir = opendir(platform_proc());
	struct qemu found = {};
	struct dirent *e;
	pid_t other = 0;

	if (!dir)
		return fail_errno("%s", platform_proc());

	while ((e = readdir(dir))) {
		struct qemu one;

		if (!isdigit(e->d_name[0]) || qemu_read(atoi(e->d_name), &one))
			continue;
		if (!one.name || strcmp(one.name, name) || found.pid) {
			if (one.name && !strcmp(one.name, name))
				other = one.pid;
			qemu_free(&one);
			continue;
		}
		found = one;
	}
	closedir(dir);

	if (!found.pid)
		return fail("no QEMU on this host runs a VM called '%s', by its -name", name);
	if (other) {
		fail("two VMs on this host are called '%s': processes %d and %d",
		     name, found.pid, other);
		qemu_free(&found);
		return -1;
	}
	*qemu = found;
	return 0;
}

/* The number of the one descriptor whose link reads @link. */
static int fd_by_link(pid_t pid, const char *link, bool *several)
{
	char path[PATH_MAX];
	struct dirent *e;
	int found = -1;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/%d/fd", platform_proc(), pid);
	dir = opendir(path);
	if (!dir)
		return -1;
	while ((e = readdir(dir))) {
		char entry[PATH_MAX + 300];
		char *target;

		if (!isdigit(e->d_name[0]))
			continue;
		snprintf(entry, sizeof(entry), "%s/%s", path, e->d_name);
		target = read_link(entry);
		if (target && !strcmp(target, link)) {
			*several = found >= 0;
			found = atoi(e->d_name);
		}
		free(target);
	}
	closedir(dir);
	return found;
}

/**
 * qemu_kvm_fds - bring KVM's descriptors of a VM into this process
 * @pid: QEMU
 * @vm_fd: becomes a descriptor of the VM
 * @vcpu_fd: becomes a descriptor of its vCPU
 *
 * Return: 0, or -1 after fail().
 */
int qemu_kvm_fds(pid_t pid, int *vm_fd, int *vcpu_fd)
{
	bool several = false;
	int pidfd, vm, vcpu;

	vm = fd_by_link(pid, platform_vm_link(), &several);
	vcpu = fd_by_link(pid, platform_vcpu_link(), &several);
	if (vm < 0 || vcpu < 0)
		return fail("process %d has no VM of KVM: is it -accel kvm, are you root?", pid);
	if (several)
		return fail("process %d has more than one VM of KVM", pid);

	pidfd = syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0)
		return fail_errno("process %d", pid);

	*vm_fd = syscall(SYS_pidfd_getfd, pidfd, vm, 0);
	*vcpu_fd = *vm_fd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, vcpu, 0);
	close(pidfd);
	if (*vcpu_fd < 0) {
		fail_errno("cannot take KVM's descriptors out of process %d", pid);
		if (*vm_fd >= 0)
			close(*vm_fd);
		return -1;
	}
	return 0;
}

/**
 * qemu_stop - end a QEMU, now
 * @pid: its process
 *
 * For copies only, that must not run any more: nothing is asked of the guest.
 *
 * Return: 0, or -1 after fail().
 */
int qemu_stop(pid_t pid)
{
	int pidfd = syscall(SYS_pidfd_open, pid, 0);
	struct pollfd ended = { .fd = pidfd, .events = POLLIN };
	int err = 0;

	if (pidfd < 0)
		return errno == ESRCH ? 0 : fail_errno("process %d", pid);

	if (syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) && errno != ESRCH)
		err = fail_errno("cannot end process %d", pid);
	else if (poll(&ended, 1, 30000) != 1)
		err = fail("process %d does not end", pid);
	close(pidfd);
	return err;
}
