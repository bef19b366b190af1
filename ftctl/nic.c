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

/**
 * nic_list - a guest's NICs
 * @qmp: its QEMU
 * @nics: becomes an array
 *
 * Return: 0, or -1 after fail().
 */
int nic_list(struct qmp *qmp, struct json_object **nics)
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
	/* QEMU refuses to answer when there is no NIC. */
	if (json_object_array_length(*nics) && add_macs(qmp, *nics)) {
		json_object_put(*nics);
		return -1;
	}
	return 0;
}

static bool has_feature(struct json_object *features, const char *feature)
{
	struct json_object *list = js_get(features, "dev-features");
	size_t n = list ? json_object_array_length(list) : 0, len = strlen(feature);

	/* Each reads "NAME: what it is". */
	for (size_t i = 0; i < n; i++) {
		const char *text = json_object_get_string(json_object_array_get_idx(list, i));

		if (!strncmp(text, feature, len) && text[len] == ':')
			return true;
	}
	return false;
}

/* The control queue is behind those of the data. */
static int ctrl_queue_index(struct qmp *qmp, const char *path, int *index)
{
	struct json_object *args = json_object_new_object();
	struct json_object *status;

	*index = -1;
	js_add_str(args, "path", path);
	if (qmp_call(qmp, "x-query-virtio-status", args, &status))
		return -1;
	if (has_feature(js_get(status, "guest-features"), "VIRTIO_NET_F_CTRL_VQ"))
		*index = js_int(status, "num-vqs") - 1;
	json_object_put(status);
	return 0;
}

/**
 * nic_ctrl_queue - where the control queue of a virtio-net is
 * @qmp: its QEMU
 * @path: the device, as x-query-virtio lists it
 * @queue: to be filled
 *
 * Return: 0, or -1 after fail().
 */
int nic_ctrl_queue(struct qmp *qmp, const char *path, struct ctrl_queue *queue)
{
	struct json_object *args, *status;
	int index;

	memset(queue, 0, sizeof(*queue));
	if (ctrl_queue_index(qmp, path, &index))
		return -1;
	if (index < 0)
		return 0;

	args = json_object_new_object();
	js_add_str(args, "path", path);
	js_add_int(args, "queue", index);
	if (qmp_call(qmp, "x-query-virtio-queue-status", args, &status))
		return -1;
	/* Between two drivers, or before the first, there is a size and no ring. */
	if (js_int(status, "vring-avail") && js_int(status, "vring-used")) {
		queue->avail = js_int(status, "vring-avail");
		queue->used = js_int(status, "vring-used");
		queue->size = js_int(status, "vring-num");
	}
	json_object_put(status);
	return 0;
}

/* The virtio-net that is behind a PCI device, in a list of x-query-virtio. */
static const char *virtio_path(struct json_object *list, const char *pci)
{
	size_t len = strlen(pci);

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		const char *path = js_str(json_object_array_get_idx(list, i), "path", "");

		if (!strncmp(path, pci, len) && path[len] == '/')
			return path;
	}
	return NULL;
}

/* Those that QEMU serves in its main loop. */
static int each_ctrl_queue(struct qmp *qmp, struct json_object *nics,
			   int (*one)(struct json_object *nic, const struct ctrl_queue *queue))
{
	struct json_object *list = NULL;
	int err = 0;

	for (size_t i = 0; i < json_object_array_length(nics) && !err; i++) {
		struct json_object *nic = json_object_array_get_idx(nics, i);
		struct ctrl_queue queue;
		const char *path;

		if (!js_bool(nic, "ioeventfd"))
			continue;
		if (!list && qmp_call(qmp, "x-query-virtio", NULL, &list))
			return -1;
		path = virtio_path(list, js_str(nic, "path", "?"));
		if (path)
			err = nic_ctrl_queue(qmp, path, &queue) ?: one(nic, &queue);
		else
			err = fail("QEMU does not list NIC '%s' among its virtio devices",
				   js_str(nic, "name", "?"));
	}
	json_object_put(list);
	return err;
}

static int keep_ctrl_queue(struct json_object *nic, const struct ctrl_queue *queue)
{
	if (queue->size) {
		js_add_int(nic, "ctrl-avail", queue->avail);
		js_add_int(nic, "ctrl-used", queue->used);
		js_add_int(nic, "ctrl-size", queue->size);
	}
	return 0;
}

static int compare_ctrl_queue(struct json_object *nic, const struct ctrl_queue *queue)
{
	bool same = (u64)js_int(nic, "ctrl-avail") == queue->avail &&
		    (u64)js_int(nic, "ctrl-used") == queue->used &&
		    js_int(nic, "ctrl-size") == queue->size;

	return same ? 0 : fail("the guest has set up NIC '%s' anew meanwhile: try again",
			       js_str(nic, "name", "?"));
}

/**
 * nic_ctrl_queues - find the control queues that QEMU serves in its main loop
 * @qmp: its QEMU
 * @nics: from nic_list(), and seen by guest_check(); get what is found
 *
 * Return: 0, or -1 after fail().
 */
int nic_ctrl_queues(struct qmp *qmp, struct json_object *nics)
{
	return each_ctrl_queue(qmp, nics, keep_ctrl_queue);
}

/**
 * nic_check_ctrl_queues - are they where they were found?
 * @qmp: its QEMU
 * @nics: of nic_ctrl_queues()
 *
 * Return: 0, or -1 after fail().
 */
int nic_check_ctrl_queues(struct qmp *qmp, struct json_object *nics)
{
	return each_ctrl_queue(qmp, nics, compare_ctrl_queue);
}

/**
 * nic_take_guest - what the guest has set, and its copy does not know yet
 * @nics: the copy's, which has not got the guest's state yet
 * @from: the guest's
 */
void nic_take_guest(struct json_object *nics, struct json_object *from)
{
	static const char *const keys[] = { "mac", "ctrl-avail", "ctrl-used", "ctrl-size" };

	for (size_t i = 0; i < json_object_array_length(nics); i++) {
		struct json_object *nic = json_object_array_get_idx(nics, i);
		struct json_object *same = nic_find(from, "name", js_str(nic, "name", ""));

		for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
			struct json_object *value = js_get(same, keys[k]);

			if (value)
				json_object_object_add(nic, keys[k], json_object_get(value));
		}
	}
}
