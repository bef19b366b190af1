// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is there room for a copy on this host? Seen before it is tried, so that all
 * that is in its way can be told at once.
 */
#include <ctype.h>
#include <dirent.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ftctl.h"
#include "js.h"
#include "libvirt.h"
#include "obstacle.h"
#include "platform.h"
#include "proc.h"
#include "room.h"

#define TAPS_MAX	64

static bool has_tap(pid_t pid, const char *tap)
{
	int fds[TAPS_MAX];
	int n = qemu_fds(pid, platform_tun_link(), fds, TAPS_MAX);

	for (int i = 0; i < n && i < TAPS_MAX; i++) {
		char name[IFNAMSIZ];

		qemu_tap_name(pid, fds[i], name);
		if (!strcmp(name, tap))
			return true;
	}
	return false;
}

static bool has_mac(const struct qemu *qemu, const char *mac)
{
	for (char **a = qemu->argv; *a; a++) {
		if (strcasestr(*a, mac))
			return true;
	}
	return false;
}

/* Goes through a list of the request; each of its strings may be one obstacle. */
static int each(struct json_object *request, const char *list, struct json_object *found,
		int (*check)(const char *text, void *arg, struct json_object *found),
		void *arg)
{
	struct json_object *texts = js_get(request, list);
	int err = 0;

	for (size_t i = 0; texts && i < json_object_array_length(texts) && !err; i++)
		err = check(json_object_get_string(json_object_array_get_idx(texts, i)),
			    arg, found);
	return err;
}

static int check_tap(const char *tap, void *arg, struct json_object *found)
{
	pid_t pid = *(pid_t *)arg;

	return has_tap(pid, tap) ?
	       obstacle(found, "tap '%s' is in use there, by process %d", tap, pid) : 0;
}

static int check_bridge(const char *bridge, void *arg, struct json_object *found)
{
	return platform_ifindex(bridge) ? 0 :
	       obstacle(found, "there is no bridge '%s': make it", bridge);
}

static int check_mac(const char *mac, void *arg, struct json_object *found)
{
	const struct qemu *qemu = arg;

	return has_mac(qemu, mac) ?
	       obstacle(found, "VM '%s' there has a NIC of the same address, %s: give it another",
			qemu->name ?: "?", mac) : 0;
}

/* Other processes, and other VMs, that hold what the copy needs. */
static int check_others(struct json_object *request, struct json_object *found)
{
	const char *own = js_str(request, "name", "");
	DIR *dir = opendir(platform_proc());
	struct dirent *e;
	int err = 0;

	if (!dir)
		return fail_errno("%s", platform_proc());
	while (!err && (e = readdir(dir))) {
		pid_t pid = atoi(e->d_name);
		struct qemu qemu = {};
		bool is_qemu;

		if (!isdigit(e->d_name[0]))
			continue;
		is_qemu = !qemu_read(pid, &qemu);
		/* Of the VM's own name room_check_name() tells. */
		if (!is_qemu || !qemu.name || strcmp(qemu.name, own)) {
			err = each(request, "taps", found, check_tap, &pid);
			if (!err && is_qemu)
				err = each(request, "macs", found, check_mac, &qemu);
		}
		qemu_free(&qemu);
	}
	closedir(dir);
	return err;
}

/**
 * room_check_name - is the name of a VM free on this host?
 * @name: the VM
 * @status: what the module says of a VM of this name, or NULL
 * @found: gets the obstacles, or NULL
 *
 * A copy that may never run again makes room for a new one.
 *
 * Return: 0, or -1 after fail().
 */
int room_check_name(const char *name, struct json_object *status,
		    struct json_object *found)
{
	const char *state = js_str(status, "state", "disabled");
	bool dropped = !strcmp(state, "dropped");
	struct qemu qemu;
	int err = 0;

	if (!dropped && strcmp(state, "disabled"))
		return obstacle(found, "a VM called '%s' is protected here already", name);
	if (qemu_find(name, &qemu))
		return 0;
	if (!dropped || qemu.pid != js_int(status, "pid"))
		err = obstacle(found, "a VM called '%s' runs here already, as process %d",
			       name, qemu.pid);
	qemu_free(&qemu);
	return err;
}

/**
 * room_check - is there room for a copy on this host?
 * @status: what the module says of a VM of its name, or NULL
 * @request: name, exe, and what it takes: libvirt, taps, bridges, macs
 * @found: gets the obstacles, or NULL
 *
 * Return: 0, or -1 after fail().
 */
int room_check(struct json_object *status, struct json_object *request,
	       struct json_object *found)
{
	const char *exe = js_str(request, "exe", "");
	int err = room_check_name(js_str(request, "name", ""), status, found);

	if (!err && access(exe, X_OK))
		err = obstacle(found, "there is no QEMU '%s': install the same version", exe);
	if (!err && js_bool(request, "libvirt") && libvirt_reach())
		err = obstacle(found, "%s", fail_why());
	return err ?:
	       each(request, "bridges", found, check_bridge, NULL) ?:
	       check_others(request, found);
}
