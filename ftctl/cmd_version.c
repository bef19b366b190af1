// SPDX-License-Identifier: GPL-2.0-only
/*
 * ftctl version: of the tool and of the module.
 */
#include <json-c/json.h>
#include <stdio.h>

#include "ftctl.h"
#include "js.h"
#include "module.h"
#include "version.h"

static void print(struct json_object *version)
{
	printf("ftctl %s\n", FTCTL_VERSION);
	if (!js_get(version, "module"))
		return;
	printf("kvm_ft %s\n", js_str(version, "module", "?"));
	printf("  logging channel: version %lld to %lld\n",
	       js_int(version, "wire-min"), js_int(version, "wire-max"));
	printf("  processor:       %s\n", js_str(version, "vendor", "not supported"));
	printf("  heartbeat:       %lld ms, lost after %lld ms\n",
	       js_int(version, "heartbeat-ms"), js_int(version, "timeout-ms"));
	printf("  log:             %lld KiB per VM\n",
	       js_int(version, "log-size") / 1024);
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct json_object *version = NULL;
	struct mod mod;
	int err;

	if (argc > 1)
		return command_usage(cmd, "it takes no arguments, not '%s'", argv[1]);

	err = mod_open(&mod);
	if (!err) {
		err = mod_version(&mod, &version);
		mod_close(&mod);
	}
	/* Our own version is known in any case. */
	if (!version)
		version = json_object_new_object();
	js_add_str(version, "ftctl", FTCTL_VERSION);
	if (opt.json)
		js_print(version);
	else
		print(version);
	json_object_put(version);
	return err ? command_failed(cmd) : 0;
}

const struct command cmd_version = {
	.name		= "version",
	.usage		= "",
	.summary	= "print the versions of tool and module",
	.help		=
"Fails when the module is not loaded, after printing the tool's own version.\n",
	.run		= run,
};
