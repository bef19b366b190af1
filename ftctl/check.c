// SPDX-License-Identifier: GPL-2.0-only
/*
 * Do this host and the peer allow a VM to be protected? What the guest has to be
 * like is in guest.c.
 */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "disk.h"
#include "ftctl.h"
#include "js.h"
#include "libvirt.h"
#include "module.h"
#include "obstacle.h"
#include "peer.h"
#include "proc.h"
#include "qemuargs.h"

/**
 * check_module - is the module able, and does it not have the VM yet?
 * @mod: from mod_open()
 * @vm: the VM
 * @found: gets the obstacles, or NULL
 * @attached: an earlier protection left the VM with the module, which has to let
 *	go of it first
 *
 * Return: 0, or -1 after fail().
 */
int check_module(struct mod *mod, const char *vm, struct json_object *found,
		 bool *attached)
{
	struct json_object *status, *version;
	const char *state;
	int err = 0;

	/* A VM that lost its secondary, or was let go of, can be protected anew. */
	if (mod_vm_find(mod, vm, &status))
		return -1;
	state = js_str(status, "state", "disabled");
	*attached = !strcmp(state, "need-secondary");
	if (!*attached && strcmp(state, "disabled"))
		err = obstacle(found, "it is protected already: its state is %s", state);
	json_object_put(status);
	if (err || mod_version(mod, &version))
		return -1;

	if (!js_get(version, "vendor"))
		err = obstacle(found, "the module kvm_ft does not support this host's processor");
	json_object_put(version);
	return err;
}

static int check_versions(const char *host, struct json_object *mine,
			  struct json_object *theirs, struct json_object *found)
{
	const char *my_vendor = js_str(mine, "vendor", NULL);
	const char *their_vendor = js_str(theirs, "vendor", NULL);
	int err = 0;

	if (!their_vendor)
		err = obstacle(found, "the module kvm_ft does not support the processor of %s",
			       host);
	else if (my_vendor && strcmp(my_vendor, their_vendor))
		err = obstacle(found, "the processors are too different: %s here, %s on %s",
			       my_vendor, their_vendor, host);
	if (!err && (js_int(mine, "wire-max") < js_int(theirs, "wire-min") ||
		     js_int(theirs, "wire-max") < js_int(mine, "wire-min")))
		err = obstacle(found,
			       "the modules do not understand each other: version %s here, %s on %s: install the same",
			       js_str(mine, "module", "?"),
			       js_str(theirs, "module", "?"), host);
	return err;
}

/**
 * check_peer - do the two hosts fit together?
 * @mod: from mod_open()
 * @peer: from peer_open()
 * @found: gets the obstacles, or NULL
 * @hello: becomes what the peer says of itself
 *
 * Return: 0, or -1 after fail().
 */
int check_peer(struct mod *mod, struct peer *peer, struct json_object *found,
	       struct json_object **hello)
{
	struct json_object *args = json_object_new_object();
	struct json_object *mine;
	int err;

	js_add_int(args, "protocol", PEER_PROTOCOL);
	if (peer_call(peer, "hello", args, hello))
		return -1;
	err = mod_version(mod, &mine);
	if (!err) {
		err = check_versions(peer->host, mine, js_get(*hello, "version"), found);
		json_object_put(mine);
	}
	if (err)
		json_object_put(*hello);
	return err;
}

static void add_named(struct json_object *list, const char *opts, const char *key)
{
	char *name = netdev_val(opts, key);

	if (name)
		json_object_array_add(list, json_object_new_string(name));
	free(name);
}

/* What the copy would take there, by its command line. */
static struct json_object *wanted(const struct qemu *qemu, struct json_object *nics,
				  struct json_object *disks)
{
	struct json_object *args = json_object_new_object();
	struct json_object *taps = json_object_new_array();
	struct json_object *bridges = json_object_new_array();
	struct json_object *macs = json_object_new_array();

	for (size_t i = 0; nics && i < json_object_array_length(nics); i++) {
		struct json_object *nic = json_object_array_get_idx(nics, i);
		const char *opts = args_netdev(qemu->argv, js_str(nic, "netdev", ""));

		add_named(taps, opts, "ifname");
		add_named(bridges, opts, "br");
		json_object_array_add(macs, json_object_new_string(js_str(nic, "mac", "?")));
	}
	js_add_str(args, "name", qemu->name);
	js_add_str(args, "exe", qemu->exe);
	json_object_object_add(args, "libvirt",
			       json_object_new_boolean(libvirt_runs(qemu->argv)));
	json_object_object_add(args, "taps", taps);
	json_object_object_add(args, "bridges", bridges);
	json_object_object_add(args, "macs", macs);
	json_object_object_add(args, "wwpns", disk_wwpns(disks));
	return args;
}

/**
 * check_room - is there room for a copy on the peer, and what the guest needs?
 * @peer: from peer_open(), and greeted by check_peer()
 * @qemu: the guest's QEMU
 * @nics: its NICs
 * @disks: its disks
 * @found: gets the obstacles, or NULL
 * @luns: becomes what the peer has for the disks, of disk_luns(); may be NULL
 *
 * Return: 0, or -1 after fail().
 */
int check_room(struct peer *peer, const struct qemu *qemu, struct json_object *nics,
	       struct json_object *disks, struct json_object *found,
	       struct json_object **luns)
{
	struct json_object *answer, *theirs;
	int err = 0;

	if (peer_call(peer, "check", wanted(qemu, nics, disks), &answer))
		return -1;
	theirs = js_get(answer, "obstacles");
	for (size_t i = 0; theirs && i < json_object_array_length(theirs) && !err; i++)
		err = obstacle(found, "%s: %s", peer->host,
			       json_object_get_string(json_object_array_get_idx(theirs, i)));
	err = err ?: disk_compare(peer->host, disks, js_get(answer, "luns"), found);
	if (!err && luns)
		*luns = json_object_get(js_get(answer, "luns"));
	json_object_put(answer);
	return err;
}
