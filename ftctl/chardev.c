// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is behind a guest's serial ports, out of QEMU's command line, in the
 * words of QMP's chardev-change. Pure.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chardev.h"
#include "ftctl.h"
#include "js.h"
#include "libvirt.h"
#include "qemuargs.h"

/* How often a socket that is a client tries to connect, when nothing is said. */
#define RECONNECT_MS	1000

/* Those that nothing can be typed into: ftctl starts a copy without a terminal. */
static const char *const silent[] = { "none", "null", "file", "stdio" };

/*
 * What can be told QEMU again: options of -chardev, by type (NULL: all), and the
 * members they become, in the address of a socket or beside it. LEFT_OUT is what
 * is known of otherwise, or must not be: to wait would stop QEMU, and the guest.
 */
static const struct option {
	const char *type;
	const char *name;
	enum { LEFT_OUT, TEXT, SWITCH, NUMBER, SECONDS } kind;
	const char *member;
	bool of_address;
} options[] = {
	{ NULL,		"id",		.kind = LEFT_OUT },
	{ NULL,		"backend",	.kind = LEFT_OUT },
	{ NULL,		"logappend",	.kind = LEFT_OUT },
	{ NULL,		"logfile",	.kind = TEXT },
	{ "pty",	"path",		.kind = TEXT },
	{ "pipe",	"path",		.kind = TEXT, .member = "device" },
	{ "serial",	"path",		.kind = TEXT, .member = "device" },
	{ "socket",	"path",		.kind = TEXT, .of_address = true },
	{ "socket",	"abstract",	.kind = SWITCH, .of_address = true },
	{ "socket",	"tight",	.kind = SWITCH, .of_address = true },
	{ "socket",	"host",		.kind = TEXT, .of_address = true },
	{ "socket",	"port",		.kind = TEXT, .of_address = true },
	{ "socket",	"to",		.kind = NUMBER, .of_address = true },
	{ "socket",	"ipv4",		.kind = SWITCH, .of_address = true },
	{ "socket",	"ipv6",		.kind = SWITCH, .of_address = true },
	{ "socket",	"server",	.kind = SWITCH },
	{ "socket",	"wait",		.kind = LEFT_OUT },
	{ "socket",	"nowait",	.kind = LEFT_OUT },
	{ "socket",	"nodelay",	.kind = SWITCH },
	{ "socket",	"telnet",	.kind = SWITCH },
	{ "socket",	"tn3270",	.kind = SWITCH },
	{ "socket",	"websocket",	.kind = SWITCH },
	{ "socket",	"tls-creds",	.kind = TEXT },
	{ "socket",	"tls-authz",	.kind = TEXT },
	{ "socket",	"reconnect-ms",	.kind = NUMBER },
	{ "socket",	"reconnect",	.kind = SECONDS, .member = "reconnect-ms" },
};

static const struct option *find_option(const char *type, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		const struct option *o = &options[i];

		if (!strcmp(o->name, name) && (!o->type || !strcmp(o->type, type)))
			return o;
	}
	return NULL;
}

/* "key=value", or "key" alone for a switch that is on. False: not known. */
static bool add_option(const char *type, char *part, struct json_object *data,
		       struct json_object *address)
{
	char *value = strchr(part, '=');
	const struct option *o;
	struct json_object *to;
	const char *member;

	if (value)
		*value++ = '\0';
	o = find_option(type, part);
	if (!o)
		return false;
	to = o->of_address ? address : data;
	member = o->member ?: o->name;
	switch (o->kind) {
	case LEFT_OUT:
		break;
	case TEXT:
		js_add_str(to, member, value ?: "");
		break;
	case SWITCH:
		json_object_object_add(to, member,
				       json_object_new_boolean(!value || optval_on(value)));
		break;
	case NUMBER:
		js_add_int(to, member, strtoll(value ?: "0", NULL, 10));
		break;
	case SECONDS:
		js_add_int(to, member, 1000 * strtoll(value ?: "0", NULL, 10));
		break;
	}
	return true;
}

/* The address, and what QMP takes for granted in another way than -chardev. */
static void complete_socket(struct json_object *data, struct json_object *address)
{
	bool server = js_bool(data, "server");
	bool local = js_get(address, "path");
	struct json_object *addr = json_object_new_object();

	if (!local && !js_get(address, "host"))
		js_add_str(address, "host", "");
	js_add_str(addr, "type", local ? "unix" : "inet");
	json_object_object_add(addr, "data", json_object_get(address));
	json_object_object_add(data, "addr", addr);
	json_object_object_add(data, "server", json_object_new_boolean(server));
	if (server)
		json_object_object_add(data, "wait", json_object_new_boolean(false));
	else if (!js_int(data, "reconnect-ms"))
		/* Or QEMU, and the guest, would stand still while it connects. */
		js_add_int(data, "reconnect-ms", RECONNECT_MS);
}

/* The options of a -chardev as QMP's ChardevBackend; NULL: some are not known. */
static struct json_object *backend_of(const char *type, const char *opts)
{
	struct json_object *backend = json_object_new_object();
	struct json_object *address = json_object_new_object();
	struct json_object *data = json_object_new_object();
	char *part = malloc(strlen(opts) + 1);
	bool known = part && find_option(type, "path");
	const char *rest = opts;

	while (known && *rest) {
		bool first = rest == opts;

		rest = optpart(rest, part);
		if (!first || strcmp(part, type))
			known = add_option(type, part, data, address);
	}
	free(part);
	if (!strcmp(type, "socket"))
		complete_socket(data, address);
	json_object_put(address);

	js_add_str(backend, "type", type);
	json_object_object_add(backend, "data", data);
	if (known)
		return backend;
	json_object_put(backend);
	return NULL;
}

/* What -serial takes for a chardev, as -chardev takes it; for free(). */
static char *serial_opts(const char *arg)
{
	static const char *const inet[] = { "tcp", "telnet", "tn3270", "websocket" };
	const char *rest = strchr(arg, ':');
	size_t len = rest ? (size_t)(rest++ - arg) : strcspn(arg, ",");
	char *text = NULL;
	int n = -1;

	if (!strncmp(arg, "/dev/", 5)) {
		n = asprintf(&text, "serial,path=%s", arg);
	} else if (!strncmp(arg, "unix:", 5)) {
		n = asprintf(&text, "socket,%s%s", strncmp(rest, "path=", 5) ? "path=" : "", rest);
	} else if (!strncmp(arg, "pty:", 4) || !strncmp(arg, "pipe:", 5)) {
		n = asprintf(&text, "%.*s,path=%s", (int)len, arg, rest);
	} else if (!strncmp(arg, "mon:stdio", 9)) {
		n = asprintf(&text, "stdio");
	} else {
		for (size_t i = 0; i < ARRAY_SIZE(inet) && rest; i++) {
			size_t host = strcspn(rest, ":,");

			if (strlen(inet[i]) == len && !strncmp(arg, inet[i], len) &&
			    rest[host] == ':')
				n = asprintf(&text, "socket,host=%.*s,port=%s%s%s", (int)host, rest,
					     rest + host + 1, i ? "," : "", i ? inet[i] : "");
		}
		/* Of others the type is enough. */
		if (n < 0)
			n = asprintf(&text, "%.*s", (int)len, arg);
	}
	return n < 0 ? NULL : text;
}

static bool takes_input(const char *type, const char *opts)
{
	char *input = optval(opts, "input-path");
	bool found = input;

	free(input);
	for (size_t i = 0; i < ARRAY_SIZE(silent) && !found; i++) {
		if (!strcmp(type, silent[i]))
			return false;
	}
	return true;
}

/* Of a pty libvirt remembers the path, and would not hear of another one. */
static bool can_change(char **argv, const char *type)
{
	return strcmp(type, "pty") || !libvirt_runs(argv);
}

static void add_chardev(struct json_object *list, char **argv, const char *id,
			const char *opts)
{
	char *type = opts ? optval(opts, NULL) ?: optval(opts, "backend") : NULL;
	struct json_object *backend, *o;

	if (type && takes_input(type, opts)) {
		o = json_object_new_object();
		js_add_str(o, "id", id);
		js_add_str(o, "type", type);
		backend = can_change(argv, type) ? backend_of(type, opts) : NULL;
		if (backend)
			json_object_object_add(o, "backend", backend);
		json_object_array_add(list, o);
	}
	free(type);
}

/* The @n-th -serial. */
static void add_serial(struct json_object *list, char **argv, const char *arg, int n)
{
	char id[20], *opts;

	if (!strncmp(arg, "chardev:", 8)) {
		add_chardev(list, argv, arg + 8, args_chardev(argv, arg + 8));
		return;
	}
	snprintf(id, sizeof(id), "serial%d", n);
	opts = serial_opts(arg);
	add_chardev(list, argv, id, opts);
	free(opts);
}

/* A -device, if it is a serial port. */
static void add_device(struct json_object *list, char **argv, const char *opts)
{
	char *driver = either_optval(opts, "driver") ?: optval(opts, NULL);
	char *id = either_optval(opts, "chardev");

	if (driver && id && (!strcmp(driver, "isa-serial") || !strcmp(driver, "pci-serial")))
		add_chardev(list, argv, id, args_chardev(argv, id));
	free(driver);
	free(id);
}

/**
 * chardev_inputs - what the guest's serial ports take input from
 * @argv: QEMU's arguments
 *
 * Return: an array of objects: id (the chardev's), type, and backend, as
 * chardev-change takes it. Without the latter its options are not all known here.
 */
struct json_object *chardev_inputs(char **argv)
{
	struct json_object *list = json_object_new_array();
	int serials = 0;

	for (char **a = argv; a[0] && a[1]; a++) {
		if (is_option(a[0], "serial"))
			add_serial(list, argv, a[1], serials++);
		else if (is_option(a[0], "device"))
			add_device(list, argv, a[1]);
	}
	return list;
}
