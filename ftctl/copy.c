// SPDX-License-Identifier: GPL-2.0-only
/*
 * The copy of a guest on this host: its QEMU is started here, by libvirt if the guest's
 * is libvirt's, waits for the guest to be sent, and is stopped here when it must not run
 * any more.
 */
#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../uapi/kvm_ft.h"
#include "addr.h"
#include "attach.h"
#include "console.h"
#include "copy.h"
#include "disk.h"
#include "ftctl.h"
#include "js.h"
#include "libvirt.h"
#include "migrate.h"
#include "module.h"
#include "nic.h"
#include "nlattr.h"
#include "proc.h"
#include "qemuargs.h"
#include "qmp.h"
#include "room.h"
#include "runfile.h"
#include "subprocess.h"

/* How often, and in what steps, a starting QEMU is asked for its monitor. */
#define START_POLLS	600
#define START_POLL_NS	100000000L

/* What "ftctl watch-copy" said. */
#define WATCH_LOG	".watch"

/* The end of what QEMU printed, to go with the reason of a failure. */
static int fail_with_log(const char *log, const char *what)
{
	char text[1000] = "";
	FILE *f = fopen(log, "re");
	size_t n = 0;

	if (f) {
		if (!fseek(f, -(long)sizeof(text) + 1, SEEK_END) || !fseek(f, 0, SEEK_SET))
			n = fread(text, 1, sizeof(text) - 1, f);
		fclose(f);
	}
	while (n && text[n - 1] == '\n')
		n--;
	text[n] = '\0';
	return n ? fail("%s, and QEMU said:\n%s", what, text) : fail("%s", what);
}

static char **argv_from_json(struct json_object *list)
{
	size_t n = list ? json_object_array_length(list) : 0;
	char **argv = calloc(n + 1, sizeof(*argv));

	for (size_t i = 0; argv && i < n; i++)
		argv[i] = strdup(json_object_get_string(json_object_array_get_idx(list, i)));
	return argv;
}

static void remove_files(const char *name, char **argv)
{
	static const char *const own[] = { ".log", WATCH_LOG };
	char **files = args_files(argv);
	char path[PATH_MAX];

	for (char **f = files; f && *f; f++)
		unlink(*f);
	args_free(files);
	console_forget(name, argv);
	for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
		if (!runfile_path(name, own[i], path, sizeof(path)))
			unlink(path);
	}
}

/* A copy that may never run again makes room for the new one. */
static int make_room(struct mod *mod, const char *name)
{
	struct json_object *status;
	int err = 0;

	if (mod_vm_find(mod, name, &status))
		return -1;
	if (!strcmp(js_str(status, "state", ""), "dropped"))
		err = copy_stop(name, status);
	err = err ?: room_check_name(name, status, NULL);
	json_object_put(status);
	return err;
}

static int start_qemu(struct copy *copy, struct json_object *request, const char *log)
{
	char **argv = argv_from_json(js_get(request, "argv"));
	const char *exe = js_str(request, "exe", NULL);
	struct timespec pause = { .tv_nsec = START_POLL_NS };
	struct qemu qemu = {
		.name	= copy->name,
		.cwd	= (char *)js_str(request, "cwd", NULL),
	};
	pid_t pid = -1;
	int status;

	qemu.argv = argv ? args_for_peer(argv) : NULL;
	args_free(argv);
	if (!qemu.argv || !exe)
		fail("out of memory");
	else
		pid = subprocess_detached(exe, (const char *const *)qemu.argv, qemu.cwd, log);
	copy->argv = qemu.argv;
	if (pid < 0)
		return -1;

	copy->pid = pid;
	for (int i = 0; i < START_POLLS && !copy->qmp; i++) {
		if (waitpid(pid, &status, WNOHANG) == pid) {
			copy->pid = 0;
			return fail_with_log(log, "QEMU did not start");
		}
		copy->qmp = qmp_open(&qemu);
		if (!copy->qmp)
			nanosleep(&pause, NULL);
	}
	return copy->qmp ? 0 : fail_with_log(log, fail_why());
}

static int start_domain(struct copy *copy, struct json_object *request, const char *xml)
{
	struct qemu qemu;

	if (libvirt_create(xml))
		return -1;
	/* Those of the primary's will do to undo it: it has the same UUID. */
	copy->domain = true;
	copy->argv = argv_from_json(js_get(request, "argv"));
	if (qemu_find(copy->name, &qemu))
		return -1;
	args_free(copy->argv);
	copy->pid = qemu.pid;
	copy->argv = qemu.argv;
	copy->qmp = qmp_open(&qemu);
	qemu.argv = NULL;
	qemu_free(&qemu);
	return copy->qmp ? 0 : -1;
}

static int start(struct copy *copy, struct json_object *request, const char *log)
{
	const char *xml = js_str(request, "domain", NULL);

	return xml ? start_domain(copy, request, xml) : start_qemu(copy, request, log);
}

static int attach(struct mod *mod, struct copy *copy, struct json_object *request,
		  struct json_object *answer)
{
	int on_loss = nlattr_word("on-loss", js_str(request, "on-loss", ""));
	struct attach at = {
		.name		= copy->name,
		.role		= KVM_FT_ROLE_SECONDARY,
		.on_loss	= on_loss,
		.session	= strtoull(js_str(request, "session", "0"), NULL, 0),
		.pid		= copy->pid,
	};
	struct json_object *status, *luns;
	int port, err;

	if (on_loss < 0)
		return fail("no policy '%s'", js_str(request, "on-loss", ""));
	if (addr_is_here(js_str(request, "listen", ""), &at.local) ||
	    nic_list(copy->qmp, copy->argv, &at.nics))
		return -1;
	/* The guest may have chosen others than it was started with. */
	nic_take_macs(at.nics, js_get(request, "nics"));
	luns = disk_luns(js_get(request, "reads"));
	/* One disk at most: what the other host asked for is what it has checked. */
	json_object_object_foreach(luns, wwpn, of_disk) {
		if (wwpn)
			at.luns = of_disk;
	}
	err = attach_vm(mod, &at);
	json_object_put(luns);
	json_object_put(at.nics);
	if (err)
		return -1;
	copy->attached = 1;

	if (mod_vm_call(mod, KVM_FT_CMD_VM_GET, copy->name, &status))
		return -1;
	port = js_int(status, "local-port");
	json_object_put(status);
	js_add_int(answer, "port", port);
	return port ? 0 : fail("the module does not say where it listens");
}

static int listen_for_guest(struct copy *copy, struct json_object *request,
			    struct json_object *answer)
{
	struct sockaddr_storage addr;
	unsigned int port;
	char text[ADDR_MAX];

	if (addr_is_here(js_str(request, "listen", ""), &addr) ||
	    getnameinfo((struct sockaddr *)&addr, sizeof(addr), text, sizeof(text),
			NULL, 0, NI_NUMERICHOST) ||
	    migrate_listen(copy->qmp, text, &port))
		return -1;
	js_add_int(answer, "migration-port", port);
	return 0;
}

/**
 * copy_prepare - start a copy's QEMU and attach it
 * @mod: from mod_open()
 * @copy: zeroed; to be filled. On failure copy_undo() is still due.
 * @request: name, argv, exe, cwd, domain (of libvirt_describe(), if it is one), nics,
 *	listen, session, on-loss, reads
 * @answer: gets pid, port, migration-port and consoles, see console.h
 *
 * It is attached before the guest's state arrives: from then on its interrupt
 * controllers take no input but the log's.
 *
 * Return: 0, or -1 after fail().
 */
int copy_prepare(struct mod *mod, struct copy *copy, struct json_object *request,
		 struct json_object *answer)
{
	struct json_object *consoles = json_object_new_array();
	char log[PATH_MAX];

	json_object_object_add(answer, "consoles", consoles);
	copy->name = strdup(js_str(request, "name", ""));
	if (!copy->name || !*copy->name)
		return fail("which VM?");
	if (make_room(mod, copy->name) ||
	    runfile_path(copy->name, ".log", log, sizeof(log)) ||
	    start(copy, request, log))
		return -1;
	/* What is typed before is gone with the guest's state, which comes later. */
	copy->watch = console_show_only(copy->qmp, copy->name, copy->argv, consoles);
	if (attach(mod, copy, request, answer) ||
	    listen_for_guest(copy, request, answer)) {
		char why[1000];

		snprintf(why, sizeof(why), "%s", fail_why());
		return fail_with_log(log, why);
	}
	js_add_int(answer, "pid", copy->pid);
	return 0;
}

static void forget(struct copy *copy)
{
	qmp_close(copy->qmp);
	args_free(copy->argv);
	free(copy->name);
	memset(copy, 0, sizeof(*copy));
}

/**
 * copy_undo - leave nothing of a copy
 * @mod: from mod_open()
 * @copy: from copy_prepare(), whether or not it succeeded, or zeroed
 */
void copy_undo(struct mod *mod, struct copy *copy)
{
	if (copy->attached)
		mod_vm_call(mod, KVM_FT_CMD_VM_DISABLE, copy->name, NULL);
	if (copy->domain) {
		libvirt_destroy(copy->argv);
	} else if (copy->pid) {
		qemu_stop(copy->pid);
		waitpid(copy->pid, NULL, 0);
	}
	/* Not before QEMU was started: the files may be those of another VM. */
	if (copy->argv)
		remove_files(copy->name, copy->argv);
	forget(copy);
}

static int start_watch(struct copy *copy)
{
	char pid[16], log[PATH_MAX];
	const char *const argv[] = { "ftctl", "watch-copy", copy->name, pid, NULL };

	snprintf(pid, sizeof(pid), "%d", copy->pid);
	if (runfile_path(copy->name, WATCH_LOG, log, sizeof(log)))
		return -1;
	return subprocess_detached("/proc/self/exe", argv, NULL, log) < 0 ? -1 : 0;
}

/**
 * copy_keep - the copy stays when we go
 * @copy: from copy_prepare()
 *
 * Return: 0, or -1 after fail(): then it is still to be undone.
 */
int copy_keep(struct copy *copy)
{
	if (copy->watch && start_watch(copy))
		return -1;
	forget(copy);
	return 0;
}

/**
 * copy_stop - stop the QEMU of a copy that must not run any more
 * @name: the VM
 * @status: as the module tells it; names the process
 *
 * Return: 0, or -1 after fail().
 */
int copy_stop(const char *name, struct json_object *status)
{
	struct qemu qemu;
	int err;

	/* Numbers of processes are used again: be sure that it is the one. */
	if (qemu_read(js_int(status, "pid"), &qemu))
		return 0;
	if (!qemu.name || strcmp(qemu.name, name)) {
		qemu_free(&qemu);
		return 0;
	}

	err = libvirt_runs(qemu.argv) ? libvirt_destroy(qemu.argv) : qemu_stop(qemu.pid);
	if (!err)
		remove_files(name, qemu.argv);
	qemu_free(&qemu);
	return err;
}

/**
 * copy_discard - end protection of a VM here, and its copy
 * @mod: from mod_open()
 * @name: the VM
 *
 * The guest goes on where it is live. Where it is a copy, held or dropped, its
 * QEMU is of no use any more and is stopped.
 *
 * Return: 0, or -1 after fail().
 */
int copy_discard(struct mod *mod, const char *name)
{
	struct json_object *status;
	int err = 0;

	if (mod_vm_call(mod, KVM_FT_CMD_VM_GET, name, &status))
		return -1;
	if (strcmp(js_str(status, "state", ""), "dropped")) {
		json_object_put(status);
		if (mod_vm_call(mod, KVM_FT_CMD_VM_DISABLE, name, NULL))
			return -1;
		/*
		 * Ask again: it may have gone live the moment before, and then
		 * it must not be stopped.
		 */
		if (mod_vm_find(mod, name, &status))
			return -1;
	}
	if (!strcmp(js_str(status, "state", ""), "dropped"))
		err = copy_stop(name, status);
	json_object_put(status);
	return err;
}
