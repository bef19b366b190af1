// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands about one VM, most of them one call to the module.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "../uapi/kvm_ft.h"
#include "ftctl.h"
#include "js.h"
#include "module.h"
#include "simple.h"

/**
 * status_line - print a VM's state in one line
 * @status: as the module tells it
 */
void status_line(struct json_object *status)
{
	const char *state = js_str(status, "state", "?");
	const char *reason = js_str(status, "reason", "none");
	bool told = *reason && strcmp(reason, "none");

	printf("%s: %s, %s%s%s%s%s\n", js_str(status, "name", "?"),
	       js_str(status, "role", "?"), state,
	       !strcmp(state, "running") ? " (protected)" : "",
	       told ? " (" : "", told ? reason : "", told ? ")" : "");
}

/**
 * simple_work - a command that takes a VM and does something with the module
 * @cmd: the command
 * @argc: number of @argv
 * @argv: the arguments
 * @work: does it and prints what came of it; 0, or -1 after fail()
 * @arg: for @work
 *
 * Return: exit code
 */
int simple_work(const struct command *cmd, int argc, char **argv,
		int (*work)(struct mod *mod, const char *vm, void *arg), void *arg)
{
	const char *vm;
	struct mod mod;
	int err;

	err = command_one_vm(cmd, argc, argv, &vm);
	if (err)
		return err;
	if (mod_open(&mod))
		return command_failed(cmd);
	err = work(&mod, vm, arg);
	mod_close(&mod);
	if (err) {
		fail_while("%s", vm);
		return command_failed(cmd);
	}
	return 0;
}

static int call(struct mod *mod, const char *vm, void *arg)
{
	struct json_object *status;
	int *nl_cmd = arg;

	if (mod_vm_call(mod, *nl_cmd, vm, NULL) ||
	    mod_vm_call(mod, KVM_FT_CMD_VM_GET, vm, &status))
		return -1;
	if (opt.json)
		js_print(status);
	else
		status_line(status);
	json_object_put(status);
	return 0;
}

/**
 * simple_command - one call to the module, then how the VM is
 * @cmd: the command
 * @argc: number of @argv
 * @argv: the arguments
 * @nl_cmd: the call
 *
 * Return: exit code
 */
int simple_command(const struct command *cmd, int argc, char **argv, int nl_cmd)
{
	return simple_work(cmd, argc, argv, call, &nl_cmd);
}
