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

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/**
 * qemu_fds - the descriptors of a QEMU that are of one kind
 * @pid: QEMU
 * @link: what their links in /proc/PID/fd say
 * @fds: becomes their numbers, in rising order
 * @max: room in @fds
 *
 * Return: how many there are; @fds has @max of them at most
 */
int qemu_fds(pid_t pid, const char *link, int *fds, int max)
{
	char path[PATH_MAX];
	struct dirent *e;
	int n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/%d/fd", platform_proc(), pid);
	dir = opendir(path);
	if (!dir)
		return 0;
	while ((e = readdir(dir))) {
		char entry[PATH_MAX + 300];
		char *target;

		if (!isdigit(e->d_name[0]))
			continue;
		snprintf(entry, sizeof(entry), "%s/%s", path, e->d_name);
		target = read_link(entry);
		if (target && !strcmp(target, link) && n++ < max)
			fds[n - 1] = atoi(e->d_name);
		free(target);
	}
	closedir(dir);
	qsort(fds, n < max ? n : max, sizeof(*fds), by_number);
	return n;
}

/**
 * qemu_tap_name - the interface of a tap's descriptor
 * @pid: QEMU, or whoever has it
 * @fd: its number there
 * @name: to be filled; empty when it is connected to none
 */
void qemu_tap_name(pid_t pid, int fd, char name[IFNAMSIZ])
{
	char path[PATH_MAX], line[80];
	FILE *f;

	*name = '\0';
	snprintf(path, sizeof(path), "%s/%d/fdinfo/%d", platform_proc(), pid, fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "iff: %15s", name) == 1)
			break;
	}
	if (f)
		fclose(f);
}

/**
 * qemu_take_fd - bring a descriptor of a QEMU into this process
 * @pid: QEMU
 * @fd: its number there
 *
 * Return: its number here, or -1 after fail().
 */
int qemu_take_fd(pid_t pid, int fd)
{
	int pidfd = syscall(SYS_pidfd_open, pid, 0);
	int mine;

	if (pidfd < 0)
		return fail_errno("process %d", pid);
	mine = syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	if (mine < 0)
		fail_errno("cannot take a descriptor out of process %d", pid);
	close(pidfd);
	return mine;
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
	int vm, vcpu, vms, vcpus;

	vms = qemu_fds(pid, platform_vm_link(), &vm, 1);
	vcpus = qemu_fds(pid, platform_vcpu_link(), &vcpu, 1);
	if (!vms || !vcpus)
		return fail("process %d has no VM of KVM: is it -accel kvm, are you root?", pid);
	if (vms > 1 || vcpus > 1)
		return fail("process %d has more than one VM of KVM", pid);

	*vm_fd = qemu_take_fd(pid, vm);
	if (*vm_fd < 0)
		return -1;
	*vcpu_fd = qemu_take_fd(pid, vcpu);
	if (*vcpu_fd < 0) {
		close(*vm_fd);
		return -1;
	}
	return 0;
}

/**
 * qemu_memory - open the address space of a QEMU
 * @pid: its process
 *
 * Return: a descriptor that is read and written at QEMU's addresses, or -1 after
 * fail().
 */
int qemu_memory(pid_t pid)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%d/mem", platform_proc(), pid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? fail_errno("the memory of process %d", pid) : fd;
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
