// SPDX-License-Identifier: GPL-2.0-only
/*
 * ftctl watch-copy: what stays on the secondary as long as its copy of a guest
 * is one, and gives it its consoles back when it goes live, whoever decided that.
 * It ends with the copy.
 */
#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <syslog.h>
#include <unistd.h>

#include "console.h"
#include "ftctl.h"
#include "js.h"
#include "module.h"
#include "proc.h"
#include "qmp.h"

/* How long to sleep when nothing happens: files have to be looked at. */
#define WATCH_MS	60000

/* The monitor may be somebody else's for a while, a port in use. */
#define TRIES		60
#define RETRY_MS	1000

/**
 * struct watch - a copy that is watched
 * @vm: the VM
 * @qemu: its QEMU
 * @pidfd: the same; readable when it has ended
 * @mod: the module; its socket has the events, too
 */
struct watch {
	const char *vm;
	struct qemu qemu;
	int pidfd;
	struct mod mod;
};

enum fate { WAITS, LIVE, OVER };

static bool ended(struct watch *w, int timeout_ms)
{
	struct pollfd end = { .fd = w->pidfd, .events = POLLIN };

	return poll(&end, 1, timeout_ms) > 0;
}

/* What its state is counts, not how it came there: events may get lost. */
static enum fate fate_of(struct watch *w, struct json_object *status)
{
	const char *state = js_str(status, "state", "");

	if (!strcmp(state, "dropped"))
		return OVER;
	/* Nobody holds a guest that the module does not know (any more). */
	if (js_int(status, "pid") != w->qemu.pid || !strcmp(state, "need-secondary") ||
	    !strcmp(state, "disabled"))
		return LIVE;
	/* Protected anew before we looked. */
	return strcmp(js_str(status, "role", ""), "primary") ? WAITS : LIVE;
}

static int put_back(struct watch *w)
{
	struct json_object *told = json_object_new_array();
	struct qmp *qmp = qmp_open(&w->qemu);
	int err = qmp ? console_put_back(qmp, w->qemu.argv, told) : -1;

	qmp_close(qmp);
	for (size_t i = 0; i < json_object_array_length(told); i++)
		syslog(LOG_NOTICE, "%s: %s", w->vm,
		       json_object_get_string(json_object_array_get_idx(told, i)));
	json_object_put(told);
	return err;
}

/* 0: there is nothing to do any more; -1 after fail(). @tries is 0 after what went well. */
static int watch(struct watch *w, int *tries)
{
	struct json_object *status;
	enum fate fate = WAITS;

	if (!w->mod.sk && (mod_open(&w->mod) || mod_listen(&w->mod)))
		return -1;
	while (!ended(w, 0)) {
		if (mod_vm_find(&w->mod, w->vm, &status))
			return -1;
		fate = fate_of(w, status);
		json_object_put(status);
		if (fate == OVER)
			return 0;
		if (fate == LIVE)
			return put_back(w);
		console_trim(w->vm, w->qemu.argv);
		if (mod_wait(&w->mod, w->pidfd, WATCH_MS))
			return -1;
		*tries = 0;
	}
	return 0;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct watch w = {};

	if (argc != 3)
		return command_usage(cmd, "it is for ftctl itself");
	openlog("ftctl", LOG_PID | LOG_PERROR, LOG_DAEMON);
	w.vm = argv[1];
	w.pidfd = syscall(SYS_pidfd_open, atoi(argv[2]), 0);
	/* Numbers of processes are used again: be sure that it is the one. */
	if (w.pidfd < 0 || qemu_read(atoi(argv[2]), &w.qemu) || !w.qemu.name ||
	    strcmp(w.qemu.name, w.vm))
		return 0;

	for (int tries = 0; tries < TRIES; tries++) {
		if (!watch(&w, &tries) || ended(&w, RETRY_MS))
			return 0;
		/* From the start: whatever it was that failed. */
		if (w.mod.sk)
			mod_close(&w.mod);
	}
	syslog(LOG_ERR, "%s: its consoles do not take input, and this is given up: %s", w.vm,
	       fail_why());
	return EXIT_FAILED;
}

const struct command cmd_watch_copy = {
	.name		= "watch-copy",
	.usage		= "VM PID",
	.summary	= "give a copy its consoles back when it goes live",
	.help		= "",
	.hidden		= true,
	.run		= run,
};
