// SPDX-License-Identifier: GPL-2.0-only
/*
 * The consoles of a copy: until it is live they show what the guest prints and
 * take no input, since what is typed there would wait in the copy's serial port
 * and come up when it goes live.
 *
 * QEMU is told to put nothing behind the port but a log file: the one that its
 * command line names for the chardev, or else one of ours.
 */
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chardev.h"
#include "console.h"
#include "ftctl.h"
#include "js.h"
#include "qmp.h"
#include "runfile.h"

/* Our files are in memory, and nobody else looks after them. */
#define FILE_MAX	(4 << 20)

static struct json_object *data_of(struct json_object *console)
{
	return js_get(js_get(console, "backend"), "data");
}

/* Our file for a console; false: it has one of its user's. */
static bool own_file(const char *vm, struct json_object *console, char path[PATH_MAX])
{
	char suffix[PATH_MAX];

	if (!js_get(console, "backend") || js_get(data_of(console), "logfile"))
		return false;
	/* A dot is in no encoded name: this is no other VM's. */
	snprintf(suffix, sizeof(suffix), ".%s.log", js_str(console, "id", ""));
	return !runfile_path(vm, suffix, path, PATH_MAX);
}

static int set_chardev(struct qmp *qmp, struct json_object *console,
		       struct json_object *backend, struct json_object **reply)
{
	struct json_object *args = json_object_new_object();

	js_add_str(args, "id", js_str(console, "id", ""));
	json_object_object_add(args, "backend", backend);
	return qmp_call(qmp, "chardev-change", args, reply);
}

static struct json_object *file_only(const char *path)
{
	struct json_object *backend = json_object_new_object();
	struct json_object *data = json_object_new_object();

	js_add_str(data, "logfile", path);
	json_object_object_add(data, "logappend", json_object_new_boolean(true));
	js_add_str(backend, "type", "null");
	json_object_object_add(backend, "data", data);
	return backend;
}

/* Where it is shown, or why it still takes input. */
static bool show_only(struct qmp *qmp, const char *vm, struct json_object *console,
		      struct json_object *told)
{
	const char *file = js_str(data_of(console), "logfile", NULL);
	char path[PATH_MAX], why[200];

	if (!js_get(console, "backend")) {
		snprintf(why, sizeof(why), "a chardev like this (%s) is left as it is",
			 js_str(console, "type", "?"));
		js_add_str(told, "why", why);
		return false;
	}
	if (own_file(vm, console, path)) {
		unlink(path);
		file = path;
	}
	if (!file || set_chardev(qmp, console, file_only(file), NULL)) {
		js_add_str(told, "why", fail_why());
		return false;
	}
	js_add_str(told, "file", file);
	return true;
}

/**
 * console_show_only - have a copy take no input
 * @qmp: its QEMU
 * @vm: the VM
 * @argv: QEMU's arguments
 * @told: an array; gets for each console id, and file or why
 *
 * One that cannot be put back, or that QEMU does not give up, stays as it is.
 *
 * Return: true when something has to be put back
 */
bool console_show_only(struct qmp *qmp, const char *vm, char **argv,
		       struct json_object *told)
{
	struct json_object *list = chardev_inputs(argv);
	bool changed = false;

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *console = json_object_array_get_idx(list, i);
		struct json_object *o = json_object_new_object();

		js_add_str(o, "id", js_str(console, "id", ""));
		changed |= show_only(qmp, vm, console, o);
		json_object_array_add(told, o);
	}
	json_object_put(list);
	return changed;
}

/* QEMU knows itself what we have changed. */
static bool shows_only(struct json_object *chardevs, const char *id)
{
	for (size_t i = 0; i < js_length(chardevs); i++) {
		struct json_object *o = json_object_array_get_idx(chardevs, i);

		if (!strcmp(js_str(o, "label", ""), id))
			return !strcmp(js_str(o, "filename", ""), "null");
	}
	return false;
}

static int put_back(struct qmp *qmp, struct json_object *console, struct json_object *told)
{
	const char *id = js_str(console, "id", "");
	struct json_object *reply;
	const char *pty;
	char text[300];

	if (js_get(data_of(console), "logfile"))
		json_object_object_add(data_of(console), "logappend",
				       json_object_new_boolean(true));
	if (set_chardev(qmp, console, json_object_get(js_get(console, "backend")), &reply))
		return fail_while("console %s", id);
	/* Another one than when QEMU was started. */
	pty = js_str(reply, "pty", NULL);
	snprintf(text, sizeof(text), "console %s takes input now%s%s", id,
		 pty ? ", at " : "", pty ?: "");
	json_object_array_add(told, json_object_new_string(text));
	json_object_put(reply);
	return 0;
}

/**
 * console_put_back - have a copy that went live take input
 * @qmp: its QEMU
 * @argv: QEMU's arguments
 * @told: an array; gets a sentence for each console
 *
 * Return: 0, or -1 after fail() when some are still to be put back
 */
int console_put_back(struct qmp *qmp, char **argv, struct json_object *told)
{
	struct json_object *list, *chardevs;
	int err = 0;

	if (qmp_call(qmp, "query-chardev", NULL, &chardevs))
		return -1;
	list = chardev_inputs(argv);
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *console = json_object_array_get_idx(list, i);

		if (js_get(console, "backend") &&
		    shows_only(chardevs, js_str(console, "id", "")) &&
		    put_back(qmp, console, told))
			err = -1;
	}
	json_object_put(list);
	json_object_put(chardevs);
	return err;
}

static void each_file(const char *vm, char **argv, void (*what)(const char *path))
{
	struct json_object *list = chardev_inputs(argv);
	char path[PATH_MAX];

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		if (own_file(vm, json_object_array_get_idx(list, i), path))
			what(path);
	}
	json_object_put(list);
}

static void trim(const char *path)
{
	struct stat st;

	/* QEMU appends: it goes on at the new end. */
	if (!stat(path, &st) && st.st_size > FILE_MAX)
		(void)!truncate(path, 0);
}

static void forget(const char *path)
{
	unlink(path);
}

/**
 * console_trim - empty our files of a copy's consoles that have become large
 * @vm: the VM
 * @argv: QEMU's arguments
 */
void console_trim(const char *vm, char **argv)
{
	each_file(vm, argv, trim);
}

/**
 * console_forget - remove our files of a copy's consoles
 * @vm: the VM
 * @argv: QEMU's arguments
 */
void console_forget(const char *vm, char **argv)
{
	each_file(vm, argv, forget);
}
