// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest's NICs: what QEMU's monitor tells of them, put together.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ftctl.h"
#include "js.h"
#include "nic.h"
#include "qemuargs.h"
#include "qmp.h"

/**
 * nic_find - a NIC
 * @nics: from nic_list()
 * @key: what is known of it
 * @value: its value
 *
 * Return: the NIC, in @nics, or NULL
 */
struct json_object *nic_find(struct json_object *nics, const char *key, const char *value)
{
	size_t n = nics ? json_object_array_length(nics) : 0;

	for (size_t i = 0; i < n; i++) {
		struct json_object *nic = json_object_array_get_idx(nics, i);

		if (!strcmp(js_str(nic, key, ""), value))
			return nic;
	}
	return NULL;
}

static void add_option(struct json_object *o, const char *key, const char *opts,
		       const char *option)
{
	char *value = optval(opts, option);

	if (value)
		js_add_str(o, key, value);
	free(value);
}

/* A NIC with several queues is told once for each. */
static struct json_object *add_nic(struct json_object *nics, const char *name,
				   const char *opts)
{
	struct json_object *nic = nic_find(nics, "name", name);

	if (!nic) {
		nic = json_object_new_object();
		js_add_str(nic, "name", name);
		add_option(nic, "model", opts, "model");
		json_object_array_add(nics, nic);
	}
	js_add_int(nic, "queues", js_int(nic, "queues") + 1);
	return nic;
}

/*
 * "NAME: index=0,type=nic,model=...,macaddr=...", and indented below it what it
 * is connected to. What is connected to no NIC stands by itself, hubs before.
 */
static void parse_network(char *text, struct json_object *nics)
{
	struct json_object *nic = NULL;
	char *rest = text, *line;

	while ((line = strsep(&rest, "\r\n"))) {
		bool below = !strncmp(line, " \\ ", 3);
		char *name = below ? line + 3 : line;
		char *opts = strstr(name, ": ");
		char *type;

		if (!opts)
			continue;
		*opts = '\0';
		opts += 2;
		type = optval(opts, "type");
		if (!below) {
			nic = type && !strcmp(type, "nic") ? add_nic(nics, name, opts) : NULL;
		} else if (nic && type && !js_get(nic, "netdev")) {
			js_add_str(nic, "netdev", name);
			js_add_str(nic, "backend", type);
			add_option(nic, "tap", opts, "ifname");
		}
		free(type);
	}
}

static int add_macs(struct qmp *qmp, struct json_object *nics)
{
	struct json_object *filters;

	if (qmp_call(qmp, "query-rx-filter", NULL, &filters))
		return -1;
	for (size_t i = 0; i < json_object_array_length(filters); i++) {
		struct json_object *filter = json_object_array_get_idx(filters, i);
		struct json_object *nic = nic_find(nics, "name", js_str(filter, "name", ""));
		const char *mac = js_str(filter, "main-mac", NULL);

		if (nic && mac)
			js_add_str(nic, "mac", mac);
	}
	json_object_put(filters);
	return 0;
}

static void add_handed(struct json_object *nics, char **argv)
{
	static const char *const keys[] = { "fd", "vhostfd" };

	for (size_t i = 0; i < json_object_array_length(nics); i++) {
		struct json_object *nic = json_object_array_get_idx(nics, i);
		const char *opts = args_netdev(argv, js_str(nic, "netdev", ""));

		for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
			char *value = netdev_val(opts, keys[k]);

			if (value)
				js_add_str(nic, keys[k], value);
			free(value);
		}
	}
}

/**
 * nic_list - a guest's NICs
 * @qmp: its QEMU
 * @argv: the same one's arguments
 * @nics: becomes an array
 *
 * Return: 0, or -1 after fail().
 */
int nic_list(struct qmp *qmp, char **argv, struct json_object **nics)
{
	struct json_object *args = json_object_new_object();
	struct json_object *network;
	char *text;

	/* QMP has no command for who is connected to whom. */
	js_add_str(args, "command-line", "info network");
	if (qmp_call(qmp, "human-monitor-command", args, &network))
		return -1;
	text = strdup(json_object_get_string(network));
	json_object_put(network);
	if (!text)
		return fail("out of memory");

	*nics = json_object_new_array();
	parse_network(text, *nics);
	free(text);
	add_handed(*nics, argv);
	/* QEMU refuses to answer when there is no NIC. */
	if (json_object_array_length(*nics) && add_macs(qmp, *nics)) {
		json_object_put(*nics);
		return -1;
	}
	return 0;
}

/**
 * nic_take_macs - a copy's NICs have the addresses of the guest's
 * @nics: the copy's, which has not got the guest's state yet
 * @from: the guest's
 */
void nic_take_macs(struct json_object *nics, struct json_object *from)
{
	for (size_t i = 0; i < json_object_array_length(nics); i++) {
		struct json_object *nic = json_object_array_get_idx(nics, i);
		struct json_object *same = nic_find(from, "name", js_str(nic, "name", ""));
		const char *mac = js_str(same, "mac", NULL);

		if (mac)
			js_add_str(nic, "mac", mac);
	}
}
