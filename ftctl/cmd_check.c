// SPDX-License-Identifier: GPL-2.0-only
/*
 * ftctl check: all that stands in the way of protecting a VM. enable stops at
 * the first, before it begins.
 */
#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>

#include "check.h"
#include "ftctl.h"
#include "guest.h"
#include "js.h"
#include "module.h"
#include "nic.h"
#include "obstacle.h"
#include "peer.h"
#include "proc.h"
#include "qmp.h"

static int look_at_guest(const struct qemu *qemu, struct json_object **nics,
			 struct json_object *disks, struct json_object *found)
{
	struct qmp *qmp = qmp_open(qemu);
	int err;

	if (!qmp)
		return -1;
	err = nic_list(qmp, qemu->argv, nics) ?: guest_check(qmp, qemu, *nics, disks, found);
	qmp_close(qmp);
	return err;
}

static int look_at_peer(struct mod *mod, const char *host, const struct qemu *qemu,
			struct json_object *nics, struct json_object *disks,
			struct json_object *found)
{
	struct json_object *hello;
	struct peer peer;
	int err;

	if (peer_open(&peer, host))
		return -1;
	err = check_peer(mod, &peer, found, &hello);
	if (!err) {
		json_object_put(hello);
		err = check_room(&peer, qemu, nics, disks, found, NULL);
	}
	peer_close(&peer);
	return err;
}

/* What cannot be looked at stands in the way as well, but not in that of the rest. */
static void look(const char *host, const struct qemu *qemu, struct json_object *found)
{
	struct json_object *disks = json_object_new_array();
	struct json_object *nics = NULL;
	struct mod mod = {};
	bool attached;

	if (mod_open(&mod) || check_module(&mod, qemu->name, found, &attached))
		obstacle(found, "%s", fail_why());
	if (look_at_guest(qemu, &nics, disks, found))
		obstacle(found, "%s", fail_why());
	if (host && mod.sk && look_at_peer(&mod, host, qemu, nics, disks, found))
		obstacle(found, "%s", fail_why());
	json_object_put(nics);
	json_object_put(disks);
	if (mod.sk)
		mod_close(&mod);
}

static void print(const char *vm, const char *host, struct json_object *found)
{
	size_t n = json_object_array_length(found);

	if (opt.json) {
		struct json_object *o = json_object_new_object();

		js_add_str(o, "name", vm);
		if (host)
			js_add_str(o, "peer", host);
		json_object_object_add(o, "protectable", json_object_new_boolean(!n));
		json_object_object_add(o, "obstacles", json_object_get(found));
		js_print(o);
		json_object_put(o);
		return;
	}
	if (!n)
		printf("%s can be protected%s%s\n", vm, host ? " by " : "", host ?: "");
	else
		printf("%s cannot be protected:\n", vm);
	for (size_t i = 0; i < n; i++)
		printf("  - %s\n",
		       json_object_get_string(json_object_array_get_idx(found, i)));
}

static int check(const struct command *cmd, const char *vm, const char *host)
{
	struct json_object *found;
	struct qemu qemu;
	int err;

	if (qemu_find(vm, &qemu))
		return command_failed(cmd);
	found = json_object_new_array();
	look(host, &qemu, found);
	print(vm, host, found);
	err = json_object_array_length(found) ? EXIT_FAILED : 0;
	json_object_put(found);
	qemu_free(&qemu);
	return err;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	static const struct option options[] = {
		{ "peer",	required_argument, NULL, 'p' },
		{}
	};
	const char *host = NULL;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'p')
			return command_usage(cmd, "%s is no option, or lacks its value",
					     argv[optind - 1]);
		host = optarg;
	}
	if (optind == argc)
		return command_usage(cmd, "which VM?");
	if (optind + 1 < argc)
		return command_usage(cmd, "one VM at a time, '%s' is too much",
				     argv[optind + 1]);
	if (host && !*host)
		return command_usage(cmd, "which peer? (--peer HOST)");
	return check(cmd, argv[optind], host);
}

const struct command cmd_check = {
	.name		= "check",
	.usage		= "VM [--peer HOST]",
	.summary	= "tell what stands in the way of protecting a VM",
	.help		=
"Tells why the VM cannot be protected as it runs now, and what to change; exit 0\n"
"when nothing is found. Nothing is changed. Processor features are looked at by\n"
"the module alone, when enable has it take hold of the VM.\n"
"\n"
"  --peer HOST       look at this other host as well, as ssh knows it\n",
	.run		= run,
};
