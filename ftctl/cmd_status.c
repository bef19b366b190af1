// SPDX-License-Identifier: GPL-2.0-only
/*
 * ftctl status: how the protected VMs are.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../uapi/kvm_ft.h"
#include "ftctl.h"
#include "js.h"
#include "module.h"
#include "simple.h"

/* Between the two looks that tell how fast the log grows. */
#define SAMPLE_NS	250000000L

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void print_end(struct json_object *vm, const char *what, const char *ipv4,
		      const char *ipv6, const char *port)
{
	const char *addr = js_str(vm, ipv4, NULL) ?: js_str(vm, ipv6, NULL);
	bool bracket = addr && strchr(addr, ':');

	if (!addr)
		return;
	printf("  %-11s %s%s%s", what, bracket ? "[" : "", addr, bracket ? "]" : "");
	if (js_int(vm, port))
		printf(":%lld", js_int(vm, port));
	printf("\n");
}

static void print_vm(struct json_object *vm)
{
	struct json_object *stats = js_get(vm, "stats");
	const char *divergence = js_str(vm, "divergence", NULL);

	status_line(vm);
	printf("  %-11s %lld\n", "process", js_int(vm, "pid"));
	printf("  %-11s %s\n", "on loss", js_str(vm, "on-loss", "?"));
	print_end(vm, "local", "local-ipv4", "local-ipv6", "local-port");
	print_end(vm, "peer", "peer-ipv4", "peer-ipv6", "peer-port");
	printf("  %-11s %lld bytes, %lld of them not acknowledged\n",
	       "lag", js_int(vm, "lag-bytes"), js_int(vm, "unacked-bytes"));
	printf("  %-11s %lld bytes", "log", js_int(vm, "log-bytes"));
	if (js_get(vm, "log-rate"))
		printf(", %.3f Mbit/s", js_int(vm, "log-rate") * 8 / 1e6);
	printf("\n");
	printf("  %-11s %lld branches, %lld exits, %lld answers, %lld inputs\n",
	       "guest", js_int(vm, "branches"), js_int(stats, "exits"),
	       js_int(stats, "entries-sync"), js_int(stats, "entries-async"));
	printf("  %-11s %lld for room in the log, %lld for the log\n",
	       "waits", js_int(stats, "full-waits"), js_int(stats, "starved-waits"));
	if (divergence)
		printf("  %-11s %s\n", "divergence", divergence);
}

static struct json_object *find(struct json_object *list, const char *name)
{
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *vm = json_object_array_get_idx(list, i);

		if (!strcmp(js_str(vm, "name", ""), name))
			return vm;
	}
	return NULL;
}

static bool any_running(struct json_object *list)
{
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		if (!strcmp(js_str(json_object_array_get_idx(list, i), "state", ""),
			    "running"))
			return true;
	}
	return false;
}

/* Look, wait, look again: what came in between tells the rate. */
static int add_rates(struct mod *mod, struct json_object **list)
{
	struct timespec pause = { .tv_nsec = SAMPLE_NS };
	struct json_object *later;
	double start = now();

	if (!any_running(*list))
		return 0;
	nanosleep(&pause, NULL);
	if (mod_vm_list(mod, &later))
		return -1;

	for (size_t i = 0; i < json_object_array_length(later); i++) {
		struct json_object *vm = json_object_array_get_idx(later, i);
		struct json_object *before = find(*list, js_str(vm, "name", ""));

		if (before && !strcmp(js_str(vm, "state", ""), "running"))
			js_add_int(vm, "log-rate",
				   (js_int(vm, "log-bytes") - js_int(before, "log-bytes")) /
				   (now() - start));
	}
	json_object_put(*list);
	*list = later;
	return 0;
}

static int print(struct json_object *list, const char *name)
{
	struct json_object *vm = name ? find(list, name) : NULL;

	if (name && !vm)
		return fail("no VM called '%s' is protected on this host", name);
	if (opt.json) {
		js_print(vm ?: list);
	} else if (vm) {
		print_vm(vm);
	} else {
		for (size_t i = 0; i < json_object_array_length(list); i++)
			print_vm(json_object_array_get_idx(list, i));
		if (!json_object_array_length(list))
			printf("no VM is protected on this host\n");
	}
	return 0;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct json_object *list = NULL;
	const char *name = NULL;
	struct mod mod;
	int err;

	if (argc > 1) {
		err = command_one_vm(cmd, argc, argv, &name);
		if (err)
			return err;
	}
	if (mod_open(&mod))
		return command_failed(cmd);
	err = mod_vm_list(&mod, &list) ?: add_rates(&mod, &list) ?: print(list, name);
	mod_close(&mod);
	json_object_put(list);
	return err ? command_failed(cmd) : 0;
}

const struct command cmd_status = {
	.name		= "status",
	.usage		= "[VM]",
	.summary	= "print how the protected VMs are",
	.help		=
"States: starting, running (protected), need-decision (the other host is lost:\n"
"promote or disable), arbitrating, going-live, need-secondary (the guest runs\n"
"unprotected: enable), dropped (a copy that must never run), disabled.\n",
	.run		= run,
};
