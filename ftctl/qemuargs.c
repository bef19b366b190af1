// SPDX-License-Identifier: GPL-2.0-only
/*
 * A QEMU command line: what the VM is called, where its monitor is, and the
 * command line of its copy on the peer.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "js.h"
#include "qemuargs.h"

/**
 * args_split - the arguments out of /proc/PID/cmdline
 * @cmdline: strings, each ended by a NUL
 * @len: bytes of all
 *
 * Return: a vector that ends in NULL, for args_free()
 */
char **args_split(const char *cmdline, unsigned long len)
{
	unsigned long start = 0;
	char **argv;
	int n = 0;

	for (unsigned long i = 0; i < len; i++)
		n += !cmdline[i];
	argv = calloc(n + 2, sizeof(*argv));
	if (!argv)
		return NULL;

	for (n = 0; start < len; n++) {
		unsigned long room = len - start;

		argv[n] = strndup(cmdline + start, room);
		if (!argv[n]) {
			args_free(argv);
			return NULL;
		}
		start += strlen(argv[n]) + 1;
	}
	return argv;
}

/**
 * args_free - free a vector of arguments
 * @argv: the vector, or NULL
 */
void args_free(char **argv)
{
	if (!argv)
		return;
	for (char **a = argv; *a; a++)
		free(*a);
	free(argv);
}

/**
 * args_count - how many arguments there are
 * @argv: the vector
 *
 * Return: their number
 */
int args_count(char **argv)
{
	int n = 0;

	while (argv[n])
		n++;
	return n;
}

/**
 * is_option - is an argument this option?
 * @arg: the argument
 * @option: the option, without its hyphen: QEMU takes one or two for the same
 *
 * Return: true when it is
 */
bool is_option(const char *arg, const char *option)
{
	if (*arg != '-')
		return false;
	arg++;
	if (*arg == '-')
		arg++;
	return !strcmp(arg, option);
}

/**
 * optpart - one part of a list of options
 * @opts: the list; a doubled comma stands for a comma
 * @part: becomes "key=value" or "value"; has room for all of @opts
 *
 * Return: the rest of @opts
 */
const char *optpart(const char *opts, char *part)
{
	for (; *opts; opts++) {
		if (*opts == ',') {
			if (opts[1] != ',') {
				opts++;
				break;
			}
			opts++;
		}
		*part++ = *opts;
	}
	*part = '\0';
	return opts;
}

/**
 * optval - a value in a list of options
 * @opts: "first,key=value,..."
 * @key: the key; NULL: the first part, when it has no key of its own
 *
 * Return: the value for free(), or NULL
 */
char *optval(const char *opts, const char *key)
{
	char *part = malloc(strlen(opts) + 1);
	const char *rest = opts;
	char *found = NULL;

	if (!part)
		return NULL;
	do {
		bool first = rest == opts;
		char *eq;

		rest = optpart(rest, part);
		eq = strchr(part, '=');
		if (!key && first && !eq)
			found = strdup(part);
		if (key && eq && !strncmp(part, key, eq - part) &&
		    strlen(key) == (size_t)(eq - part))
			found = strdup(eq + 1);
	} while (*rest && !found);

	free(part);
	return found;
}

/**
 * args_name - what the user calls the VM
 * @argv: QEMU's arguments
 *
 * Return: the name for free(), or NULL when it has none
 */
char *args_name(char **argv)
{
	for (char **a = argv; a[0] && a[1]; a++) {
		char *name;

		if (!is_option(a[0], "name"))
			continue;
		name = optval(a[1], "guest");
		return name ?: optval(a[1], NULL);
	}
	return NULL;
}

/**
 * args_chardev - the options of a -chardev
 * @argv: QEMU's arguments
 * @id: its id
 *
 * Return: its options, in @argv; NULL when there is none
 */
const char *args_chardev(char **argv, const char *id)
{
	const char *opts = NULL;

	for (char **a = argv; a[0] && a[1] && !opts; a++) {
		char *its_id;

		if (!is_option(a[0], "chardev"))
			continue;
		its_id = optval(a[1], "id");
		if (its_id && !strcmp(its_id, id))
			opts = a[1];
		free(its_id);
	}
	return opts;
}

/* The options of the chardev that a control monitor uses. */
static const char *qmp_chardev(char **argv)
{
	const char *opts;
	char *chardev = NULL;

	for (char **a = argv; a[0] && a[1] && !chardev; a++) {
		char *mode;

		if (!is_option(a[0], "mon"))
			continue;
		mode = optval(a[1], "mode");
		if (mode && !strcmp(mode, "control"))
			chardev = optval(a[1], "chardev") ?: optval(a[1], NULL);
		free(mode);
	}
	if (!chardev)
		return NULL;

	opts = args_chardev(argv, chardev);
	free(chardev);
	return opts;
}

/**
 * args_qmp_path - where the QMP socket is
 * @argv: QEMU's arguments
 *
 * Return: its path for free(), or NULL when there is none in the file system
 */
char *args_qmp_path(char **argv)
{
	const char *opts;

	for (char **a = argv; a[0] && a[1]; a++) {
		if ((is_option(a[0], "qmp") || is_option(a[0], "qmp-pretty")) &&
		    !strncmp(a[1], "unix:", 5)) {
			char *path = optval(a[1] + 5, NULL);

			return path ?: optval(a[1] + 5, "path");
		}
	}
	opts = qmp_chardev(argv);
	return opts ? optval(opts, "path") : NULL;
}

/**
 * args_qmp_inherited - is the QMP socket in the hands of QEMU's parent?
 * @argv: QEMU's arguments
 *
 * libvirt opens the socket itself and hands it down.
 *
 * Return: true when it is
 */
bool args_qmp_inherited(char **argv)
{
	const char *opts = qmp_chardev(argv);
	char *fd = opts ? optval(opts, "fd") : NULL;

	free(fd);
	return fd;
}

/**
 * args_inherited - an argument that names a descriptor of QEMU's parent
 * @argv: QEMU's arguments
 *
 * Such an argument means nothing to a QEMU that someone else starts.
 *
 * Return: the argument, or NULL when there is none
 */
const char *args_inherited(char **argv)
{
	for (char **a = argv; *a; a++) {
		char *fd = optval(*a, "fd") ?: optval(*a, "fds");

		free(fd);
		if (fd || is_option(*a, "add-fd") || strstr(*a, "/dev/fdset/"))
			return *a;
	}
	return NULL;
}

/**
 * either_optval - an option, of both ways to write them
 * @opts: key=value,... or JSON
 * @key: the option
 *
 * Return: the value for free(), or NULL
 */
char *either_optval(const char *opts, const char *key)
{
	struct json_object *o, *value;
	char *text;

	if (*opts != '{')
		return optval(opts, key);
	o = json_tokener_parse(opts);
	value = js_get(o, key);
	if (json_object_is_type(value, json_type_boolean))
		text = strdup(json_object_get_boolean(value) ? "on" : "off");
	else
		text = value ? strdup(json_object_get_string(value)) : NULL;
	json_object_put(o);
	return text;
}

/**
 * args_netdev - the options of a -netdev
 * @argv: QEMU's arguments
 * @id: its id
 *
 * Return: its options, in @argv, for netdev_val(); NULL when there is none
 */
const char *args_netdev(char **argv, const char *id)
{
	for (char **a = argv; a[0] && a[1]; a++) {
		char *its_id;
		bool found;

		if (!is_option(a[0], "netdev"))
			continue;
		its_id = either_optval(a[1], "id");
		found = its_id && !strcmp(its_id, id);
		free(its_id);
		if (found)
			return a[1];
	}
	return NULL;
}

/**
 * netdev_val - an option of a -netdev
 * @opts: from args_netdev(), or NULL
 * @key: the option
 *
 * Return: the value for free(), or NULL
 */
char *netdev_val(const char *opts, const char *key)
{
	return opts ? either_optval(opts, key) : NULL;
}

/**
 * optval_on - does a switch's value say that it is on?
 * @value: the value
 *
 * Return: true when it does
 */
bool optval_on(const char *value)
{
	static const char *const words[] = { "on", "yes", "true", "y" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (!strcmp(value, words[i]))
			return true;
	}
	return false;
}

/**
 * netdev_on - is a switch of a -netdev on?
 * @opts: from args_netdev(), or NULL
 * @key: the switch
 *
 * Return: true when it is; false when it is off or not there
 */
bool netdev_on(const char *opts, const char *key)
{
	char *value = netdev_val(opts, key);
	bool on = value && optval_on(value);

	free(value);
	return on;
}

static bool dropped_alone(const char *arg)
{
	return is_option(arg, "daemonize") || is_option(arg, "S");
}

/**
 * args_for_peer - the command line of the copy
 * @argv: QEMU's arguments on the primary
 *
 * The copy waits for the guest to be sent (-incoming) and does not run it by
 * itself (-S). It stays a child of the tool until it is ready (no -daemonize),
 * which has to see whether it ends early. All else is the same: paths are the
 * peer's own.
 *
 * Return: a new vector for args_free(), or NULL
 */
char **args_for_peer(char **argv)
{
	char **copy = calloc(args_count(argv) + 4, sizeof(*copy));
	int n = 0;

	if (!copy)
		return NULL;
	for (char **a = argv; *a; a++) {
		/* A guest that came here from another host has these already. */
		if (is_option(*a, "incoming") && a[1]) {
			a++;
			continue;
		}
		if (!dropped_alone(*a))
			copy[n++] = strdup(*a);
	}
	copy[n++] = strdup("-S");
	copy[n++] = strdup("-incoming");
	copy[n++] = strdup("defer");

	for (int i = 0; i < n; i++) {
		if (!copy[i]) {
			/* args_free() stops at the first hole. */
			for (i = 0; i < n; i++)
				free(copy[i]);
			free(copy);
			return NULL;
		}
	}
	return copy;
}

/**
 * args_files - the files a QEMU leaves behind when it is killed
 * @argv: its arguments
 *
 * Return: paths, in a vector for args_free(), or NULL
 */
char **args_files(char **argv)
{
	char **files = calloc(args_count(argv) + 1, sizeof(*files));
	int n = 0;

	for (char **a = argv; files && a[0] && a[1]; a++) {
		const char *unix_socket = strstr(a[1], "unix:");

		if (is_option(a[0], "pidfile")) {
			files[n] = strdup(a[1]);
		} else if (is_option(a[0], "chardev") && !strncmp(a[1], "socket,", 7)) {
			char *server = optval(a[1], "server");

			/* "server" alone is the old way to say server=on. */
			if (server ? !strcmp(server, "on") : !!strstr(a[1], ",server"))
				files[n] = optval(a[1], "path");
			free(server);
		} else if (unix_socket && strstr(unix_socket, ",server") &&
			   (is_option(a[0], "qmp") || is_option(a[0], "qmp-pretty") ||
			    is_option(a[0], "serial") || is_option(a[0], "monitor"))) {
			files[n] = optval(unix_socket + 5, NULL);
		}
		n += !!files[n];
	}
	return files;
}
