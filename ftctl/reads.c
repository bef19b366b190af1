// SPDX-License-Identifier: GPL-2.0-only
/*
 * Have the secondary read from the disks itself. It has to find there what the
 * primary's guest has found, past the caches of either host.
 */
#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../uapi/kvm_ft.h"
#include "disk.h"
#include "ftctl.h"
#include "js.h"
#include "platform.h"
#include "reads.h"

/* The node of a block device by its number, which the kernel gives a name. */
static bool find_node(unsigned int major, unsigned int minor, char path[PATH_MAX])
{
	char line[PATH_MAX];
	bool found = false;
	FILE *f;

	snprintf(line, sizeof(line), "%s/%u:%u/uevent", platform_block(), major, minor);
	f = fopen(line, "re");
	while (f && !found && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "DEVNAME=", 8))
			continue;
		snprintf(path, PATH_MAX, "%s/%s", platform_dev(), line + 8);
		found = true;
	}
	if (f)
		fclose(f);
	return found;
}

/**
 * reads_find - where is what is on a LUN?
 * @lun: gets the answer
 * @store: its backstore
 * @info: what LIO tells of that
 */
void reads_find(struct json_object *lun, const char *store, const char *info)
{
	const char *number = strstr(info, "Major:");
	unsigned int major, minor;
	char path[PATH_MAX];

	/* Others have caches, or sizes, of their own. */
	if (strncmp(store, "iblock_", 7))
		js_add_str(lun, "no-bytes", "its backstore is not iblock");
	else if (number && sscanf(number, "Major: %u Minor: %u", &major, &minor) == 2 &&
		 find_node(major, minor, path))
		js_add_str(lun, "bytes", path);
	else
		js_add_str(lun, "no-bytes", "its block device has no name");
}

static int check_here(const char *disk, const char *where, struct json_object *luns)
{
	for (size_t i = 0; i < json_object_array_length(luns); i++) {
		struct json_object *lun = json_object_array_get_idx(luns, i);
		const char *serial = js_str(lun, "serial", "");

		if (!js_str(lun, "bytes", NULL))
			return fail("disk '%s': the secondary cannot read %s %s: %s",
				    disk, js_str(lun, "lun", "?"), where,
				    js_str(lun, "no-bytes", "ftctl there does not say where"));
		if (disk_forgets(lun))
			return fail("disk '%s': the secondary cannot read %s: what is unmapped of it need not read as zeroes, and may differ from host to host",
				    disk, js_str(lun, "lun", "?"));
		for (size_t n = 0; n < i; n++) {
			struct json_object *other = json_object_array_get_idx(luns, n);

			if (!strcmp(js_str(other, "serial", ""), serial))
				return fail("disk '%s': the secondary cannot read %s and %s: both are the storage '%s', and what is written to one changes the other",
					    disk, js_str(other, "lun", "?"),
					    js_str(lun, "lun", "?"), serial);
		}
	}
	return 0;
}

/* The module knows a LUN by its number alone. */
static int check_numbers(const char *disk, struct json_object *luns)
{
	const char *first = js_str(json_object_array_get_idx(luns, 0), "lun", "");
	size_t tpgt = strcspn(first, "/");

	for (size_t i = 1; i < json_object_array_length(luns); i++) {
		const char *id = js_str(json_object_array_get_idx(luns, i), "lun", "");

		if (strcspn(id, "/") != tpgt || strncmp(id, first, tpgt))
			return fail("disk '%s' has several portal groups: give it one, for the secondary to read its LUNs",
				    disk);
	}
	if (json_object_array_length(luns) > READS_MAX)
		return fail("disk '%s' has more than %d LUNs, which is the most that the secondary reads",
			    disk, READS_MAX);
	return 0;
}

/**
 * reads_check - can the secondary read the guest's disks itself?
 * @host: the peer
 * @disks: of disk_add(), and found to be the same there by disk_compare()
 * @theirs: what the peer has for them, of disk_luns()
 *
 * Return: 0, or -1 after fail().
 */
int reads_check(const char *host, struct json_object *disks, struct json_object *theirs)
{
	size_t n = json_object_array_length(disks);
	struct json_object *disk = n ? json_object_array_get_idx(disks, 0) : NULL;
	const char *name = js_str(disk, "name", "?");
	char where[300];

	if (!n)
		return fail("the guest has no disk that the secondary could read");
	if (n > 1)
		return fail("the guest has %zu disks of vhost-scsi: have one with all LUNs, for the secondary to read them",
			    n);
	snprintf(where, sizeof(where), "on %s", host);
	return check_numbers(name, js_get(disk, "luns")) ?:
	       check_here(name, "here", js_get(disk, "luns")) ?:
	       check_here(name, where, js_get(theirs, js_str(disk, "wwpn", "")));
}

static int open_direct(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);

	if (fd < 0)
		fail_errno("cannot read %s past the cache", path);
	return fd;
}

/**
 * reads_open - open what is on LUNs
 * @luns: the LUNs, all of which have it on this host
 * @fds: become the descriptors, in the same order; room for READS_MAX
 *
 * Return: how many there are, or -1 after fail(); then none is open.
 */
int reads_open(struct json_object *luns, int *fds)
{
	size_t n = json_object_array_length(luns);

	if (n > READS_MAX)
		return fail("more than %d LUNs", READS_MAX);
	for (size_t i = 0; i < n; i++) {
		const char *path = js_str(json_object_array_get_idx(luns, i), "bytes", NULL);

		fds[i] = path ? open_direct(path) : fail("a LUN cannot be read here any more");
		if (fds[i] >= 0)
			continue;
		while (i)
			close(fds[--i]);
		return -1;
	}
	return n;
}

/**
 * reads_put - tell the module where it finds what is on LUNs
 * @msg: in the nest of their disk
 * @luns: the LUNs
 * @fds: of reads_open()
 */
void reads_put(struct nl_msg *msg, struct json_object *luns, const int *fds)
{
	for (size_t i = 0; i < json_object_array_length(luns); i++) {
		const char *id = js_str(json_object_array_get_idx(luns, i), "lun", "");
		struct nlattr *nest = nla_nest_start(msg, NLA_F_NESTED | KVM_FT_A_DEVICE_LUN);

		nla_put_u32(msg, KVM_FT_A_LUN_NUMBER, atoi(strrchr(id, '_') + 1));
		nla_put_s32(msg, KVM_FT_A_LUN_FD, fds[i]);
		nla_nest_end(msg, nest);
	}
}
