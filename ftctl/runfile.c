// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the tool has to remember until the next boot: the name by which the
 * user knows a VM's peer. The module knows addresses only.
 */
#include <ctype.h>
#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ftctl.h"
#include "js.h"
#include "platform.h"
#include "runfile.h"

/**
 * runfile_path - a VM's file, in a folder that is there
 * @vm: the VM
 * @suffix: of the file
 * @path: to be filled
 * @size: room in @path
 *
 * Return: 0, or -1 after fail().
 */
int runfile_path(const char *vm, const char *suffix, char *path, size_t size)
{
	int n = snprintf(path, size, "%s", platform_run());

	if (mkdir(path, 0700) && errno != EEXIST)
		return fail_errno("%s", path);
	n += snprintf(path + n, size - n, "/");

	/* A name may hold anything, a file's name may not. */
	for (; *vm && n + 4 < (int)size; vm++) {
		if (isalnum((unsigned char)*vm) || strchr("-_", *vm))
			n += snprintf(path + n, size - n, "%c", *vm);
		else
			n += snprintf(path + n, size - n, "%%%02x", (unsigned char)*vm);
	}
	n += snprintf(path + n, size - n, "%s", suffix);
	return *vm || n >= (int)size ? fail("VM's name too long") : 0;
}

/**
 * runfile_write - remember a VM's peer
 * @vm: the VM
 * @peer: the peer
 *
 * Return: 0, or -1 after fail().
 */
int runfile_write(const char *vm, const char *peer)
{
	struct json_object *o;
	char path[PATH_MAX];
	int err = 0;

	if (runfile_path(vm, ".json", path, sizeof(path)))
		return -1;
	o = json_object_new_object();
	js_add_str(o, "name", vm);
	js_add_str(o, "peer", peer);
	if (json_object_to_file_ext(path, o, JSON_C_TO_STRING_PRETTY))
		err = fail_errno("%s", path);
	json_object_put(o);
	return err;
}

/**
 * runfile_peer - a VM's peer, if it is remembered
 * @vm: the VM
 *
 * Return: the peer for free(), or NULL
 */
char *runfile_peer(const char *vm)
{
	struct json_object *o;
	char path[PATH_MAX];
	const char *peer;
	char *copy;

	if (runfile_path(vm, ".json", path, sizeof(path)))
		return NULL;
	o = json_object_from_file(path);
	peer = js_str(o, "peer", NULL);
	copy = peer ? strdup(peer) : NULL;
	json_object_put(o);
	return copy;
}

/**
 * runfile_remove - forget a VM's peer
 * @vm: the VM
 */
void runfile_remove(const char *vm)
{
	char path[PATH_MAX];

	if (!runfile_path(vm, ".json", path, sizeof(path)))
		unlink(path);
}
