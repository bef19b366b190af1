// SPDX-License-Identifier: GPL-2.0-only
/*
 * ftctl digest: hashes of a VM's state, compared when there is something to
 * compare with.
 */
#include <json-c/json.h>
#include <stdio.h>

#include "../uapi/kvm_ft.h"
#include "ftctl.h"
#include "js.h"
#include "module.h"

static void print(struct json_object *reply)
{
	struct json_object *digest = js_get(reply, "digest");

	printf("%s: registers %s, RAM %s, interrupt controllers %s: %s\n",
	       js_str(reply, "name", "?"), js_str(digest, "regs", "?"),
	       js_str(digest, "ram", "?"), js_str(digest, "irqchip", "?"),
	       js_bool(digest, "compared") ? "equal on both hosts" :
	       "of this host alone");
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct json_object *reply;
	const char *vm;
	struct mod mod;
	int err;

	err = command_one_vm(cmd, argc, argv, &vm);
	if (err)
		return err;
	if (mod_open(&mod))
		return command_failed(cmd);
	err = mod_vm_call(&mod, KVM_FT_CMD_VM_DIGEST, vm, &reply);
	mod_close(&mod);
	if (err) {
		fail_while("%s", vm);
		return command_failed(cmd);
	}

	/* So that its reader need not know what absence means. */
	json_object_object_add(js_get(reply, "digest"), "compared",
			       json_object_new_boolean(js_bool(js_get(reply, "digest"),
							       "compared")));
	if (opt.json)
		js_print(reply);
	else
		print(reply);
	json_object_put(reply);
	return 0;
}

const struct command cmd_digest = {
	.name		= "digest",
	.usage		= "VM",
	.summary	= "hash a VM's registers and memory",
	.help		=
"While the VM is protected, on its primary, both hosts hash at the same point of\n"
"the guest's execution and compare. A difference is a divergence: the secondary\n"
"is dropped, and this command fails.\n",
	.run		= run,
};
