// SPDX-License-Identifier: GPL-2.0-only
/*
 * ftctl disable: end protection of a VM.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../uapi/kvm_ft.h"
#include "copy.h"
#include "ftctl.h"
#include "js.h"
#include "module.h"
#include "peer.h"
#include "runfile.h"
#include "simple.h"

/* The copy on the peer is of no use any more, and its QEMU holds memory. */
static int stop_peer(const char *vm, const char *host)
{
	struct json_object *args = json_object_new_object();
	struct peer peer;
	int err;

	js_add_str(args, "name", vm);
	if (peer_open(&peer, host)) {
		json_object_put(args);
		return -1;
	}
	err = peer_call(&peer, "discard", args, NULL);
	peer_close(&peer);
	return err;
}

static int disable_primary(const char *vm)
{
	char *host = runfile_peer(vm);
	int err = 0;

	if (!host)
		err = fail("not protected any more, but which host has the copy is not known");
	else if (stop_peer(vm, host))
		err = fail_while("not protected any more, but the copy on %s may be left", host);
	free(host);
	return err;
}

static void print(const char *vm)
{
	struct json_object *o;

	if (!opt.json) {
		printf("%s is not protected any more\n", vm);
		return;
	}
	o = json_object_new_object();
	js_add_str(o, "name", vm);
	js_add_str(o, "state", "disabled");
	js_print(o);
	json_object_put(o);
}

static int disable(struct mod *mod, const char *vm, void *arg)
{
	struct json_object *status;
	bool primary;

	if (mod_vm_call(mod, KVM_FT_CMD_VM_GET, vm, &status))
		return -1;
	/* A dropped primary has handed its guest over: the peer's copy is it. */
	primary = !strcmp(js_str(status, "role", ""), "primary") &&
		  strcmp(js_str(status, "state", ""), "dropped");
	json_object_put(status);

	if (copy_discard(mod, vm) || (primary && disable_primary(vm)))
		return -1;
	runfile_remove(vm);
	print(vm);
	return 0;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	return simple_work(cmd, argc, argv, disable, NULL);
}

const struct command cmd_disable = {
	.name		= "disable",
	.usage		= "VM",
	.summary	= "end protection of a VM",
	.help		=
"On the primary the guest goes on unprotected, and the copy on the other host\n"
"is stopped. On the secondary the copy is discarded and its QEMU stopped, unless\n"
"it has taken over: then its guest goes on.\n",
	.run		= run,
};
