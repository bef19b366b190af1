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
#include "simple.h"

static void print(struct json_object *reply)
{
	struct json_object *digest = js_get(reply, "digest");

	printf("%s: registers %s, RAM %s, interrupt controllers %s: %s\n",
	       js_str(reply, "name", "?"), js_str(digest, "regs", "?"),
	       js_str(digest, "ram", "?"), js_str(digest, "irqchip", "?"),
	       js_bool(digest, "compared") ? "equal on both hosts" :
	       "of this host alone");
}

static int digest(struct mod *mod, const char *vm, void *arg)
{
	struct json_object *reply, *digest;

	if (mod_vm_call(mod, KVM_FT_CMD_VM_DIGEST, vm, &reply))
		return -1;

	/* So that its reader need not know what absence means. */
	digest = js_get(reply, "digest");
	json_object_object_add(digest, "compared",
			       json_object_new_boolean(js_bool(digest, "compared")));
	if (opt.json)
		js_print(reply);
	else
		print(reply);
	json_object_put(reply);
	return 0;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	return simple_work(cmd, argc, argv, digest, NULL);
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
