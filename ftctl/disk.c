// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest's disks that vhost-scsi serves. What is behind them are LUNs of LIO's, in
 * configfs:
 *
 *	vhost/WWPN/tpgt_N/lun/lun_M/LINK -> core/KIND_n/NAME
 *
 * The guest goes on with those of the peer after a failover, without asking again
 * what they are. So they have to be the same storage, which only its unit serial
 * tells, and have to behave in the same way.
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk.h"
#include "ftctl.h"
#include "js.h"
#include "obstacle.h"
#include "platform.h"
#include "reads.h"

/* The folders a LUN is looked for in have prefixes, and attributes beside them. */
#define TPGT	"tpgt_"
#define LUN	"lun_"

/*
 * What INQUIRY, its pages, mode pages and READ CAPACITY tell of a backstore, beside
 * all that is called emulate_*. hw_* are left out: they are of the host's adapter,
 * and the block layer keeps to them, whatever the guest asks for.
 */
static const char *const seen[] = {
	"wwn/vendor_id", "wwn/product_id", "wwn/revision", "wwn/company_id",
	"attrib/block_size", "attrib/is_nonrot", "attrib/optimal_sectors",
	"attrib/max_write_same_len", "attrib/pi_prot_type", "attrib/alua_support",
	"attrib/pgr_support",
};

/* What is told of a LUN with thin provisioning only. */
static const char *const seen_thin[] = {
	"attrib/max_unmap_lba_count", "attrib/max_unmap_block_desc_count",
	"attrib/unmap_granularity", "attrib/unmap_granularity_alignment",
	"attrib/unmap_zeroes_data",
};

static bool begins(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

/* A file's text without white space at its ends, or NULL. */
static char *read_at(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	char text[4096], *start = text;
	ssize_t n;

	if (fd < 0)
		return NULL;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n < 0)
		return NULL;
	while (n > 0 && isspace((unsigned char)text[n - 1]))
		n--;
	text[n] = '\0';
	while (isspace((unsigned char)*start))
		start++;
	return strdup(start);
}

static DIR *open_dir(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d && fd >= 0)
		close(fd);
	return d;
}

static void add_seen(struct json_object *values, int store, const char *name)
{
	char *value = read_at(store, name);

	if (value)
		js_add_str(values, name, value);
	free(value);
}

static void add_emulated(struct json_object *values, int store)
{
	DIR *dir = open_dir(store, "attrib");
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		char name[sizeof("attrib/") + sizeof(e->d_name)];

		if (!begins(e->d_name, "emulate_"))
			continue;
		snprintf(name, sizeof(name), "attrib/%s", e->d_name);
		add_seen(values, store, name);
	}
	if (dir)
		closedir(dir);
}

static bool is_thin(struct json_object *values)
{
	return strcmp(js_str(values, "attrib/emulate_tpu", "0"), "0") ||
	       strcmp(js_str(values, "attrib/emulate_tpws", "0"), "0");
}

/**
 * disk_forgets - may what was unmapped read differently each time?
 * @lun: of disk_luns()
 *
 * Return: whether so
 */
bool disk_forgets(struct json_object *lun)
{
	struct json_object *values = js_get(lun, "seen");

	return is_thin(values) && strcmp(js_str(values, "attrib/unmap_zeroes_data", "0"), "1");
}

static bool find_number(const char *text, const char *label, unsigned long long *number)
{
	const char *at = strstr(text, label);

	return at && sscanf(at + strlen(label), " %llu", number) == 1;
}

/* LIO takes the write cache of a block device for that of the LUN. */
static void add_block(struct json_object *values, unsigned int major, unsigned int minor)
{
	char path[PATH_MAX], *sectors, *cache;
	int dir;

	snprintf(path, sizeof(path), "%s/%u:%u", platform_block(), major, minor);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return;
	sectors = read_at(dir, "size");
	if (sectors)
		js_add_int(values, "size", strtoll(sectors, NULL, 10) * 512);
	/* A partition has the queue of its disk. */
	cache = read_at(dir, "queue/write_cache") ?: read_at(dir, "../queue/write_cache");
	if (cache)
		js_add_str(values, "queue/write_cache", cache);
	free(sectors);
	free(cache);
	close(dir);
}

/*
 * Is it a block device behind fileio, which is read through this host's page cache? As
 * LIO tells of it: "File: PATH  Size: N  Mode: O_DSYNC Async: 0".
 */
static bool is_cached(const char *info)
{
	const char *start = strstr(info, "File: ");
	const char *end = start ? strstr(start, "  Size: ") : NULL;
	char path[PATH_MAX];
	struct stat st;

	if (!end || strstr(end, "Async: 1"))
		return false;
	start += strlen("File: ");
	snprintf(path, sizeof(path), "%.*s", (int)(end - start), start);
	return !stat(path, &st) && S_ISBLK(st.st_mode);
}

/* What LIO tells of a backstore is written for people. */
static void add_info(struct json_object *lun, struct json_object *values, int store)
{
	char *info = read_at(store, "info");
	unsigned long long major, minor, number;

	if (!info)
		return;
	if (is_cached(info))
		json_object_object_add(lun, "cached", json_object_new_boolean(true));
	if (strstr(info, "Mode: Buffered-WCE"))
		json_object_object_add(lun, "buffered", json_object_new_boolean(true));
	if (find_number(info, "readonly:", &number))
		js_add_int(values, "readonly", number);
	if (find_number(info, "  Size:", &number))
		js_add_int(values, "size", number);
	if (find_number(info, "Major:", &major) && find_number(info, "Minor:", &minor))
		add_block(values, major, minor);
	reads_find(lun, js_str(lun, "store", ""), info);
	free(info);
}

static void add_serial(struct json_object *lun, int store)
{
	char *text = read_at(store, "wwn/vpd_unit_serial");
	char *colon = text ? strchr(text, ':') : NULL;

	if (colon)
		js_add_str(lun, "serial", colon + 1 + strspn(colon + 1, " "));
	free(text);
}

static void add_store(struct json_object *lun, int store)
{
	struct json_object *values = json_object_new_object();

	for (size_t i = 0; i < ARRAY_SIZE(seen); i++)
		add_seen(values, store, seen[i]);
	add_emulated(values, store);
	for (size_t i = 0; is_thin(values) && i < ARRAY_SIZE(seen_thin); i++)
		add_seen(values, store, seen_thin[i]);
	add_info(lun, values, store);
	add_serial(lun, store);
	json_object_object_add(lun, "seen", values);
}

/* The last two parts of a path. */
static const char *kind_and_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	while (slash && slash > path && *--slash != '/')
		;
	return slash && *slash == '/' ? slash + 1 : path;
}

/* A LUN's folder: one link, to the backstore, among what LIO has made itself. */
static struct json_object *lun_read(const char *tpgt, const char *name, DIR *dir)
{
	struct json_object *lun = NULL;
	struct dirent *e;

	while (!lun && (e = readdir(dir))) {
		ssize_t n;
		char target[PATH_MAX], id[sizeof(e->d_name) * 2];
		int store;

		n = readlinkat(dirfd(dir), e->d_name, target, sizeof(target) - 1);
		if (n < 0)
			continue;
		target[n] = '\0';
		store = openat(dirfd(dir), e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (store < 0)
			continue;
		lun = json_object_new_object();
		snprintf(id, sizeof(id), "%s/%s", tpgt, name);
		js_add_str(lun, "lun", id);
		js_add_str(lun, "store", kind_and_name(target));
		add_store(lun, store);
		close(store);
	}
	return lun;
}

static void add_luns(struct json_object *luns, int target, const char *tpgt)
{
	char path[NAME_MAX + sizeof("/nexus")];
	struct dirent *e;
	char *nexus;
	DIR *dir;

	/* vhost passes by those without. */
	snprintf(path, sizeof(path), "%s/nexus", tpgt);
	nexus = read_at(target, path);
	free(nexus);
	if (!nexus)
		return;
	snprintf(path, sizeof(path), "%s/lun", tpgt);
	dir = open_dir(target, path);
	while (dir && (e = readdir(dir))) {
		DIR *one = begins(e->d_name, LUN) ? open_dir(dirfd(dir), e->d_name) : NULL;
		struct json_object *lun = one ? lun_read(tpgt, e->d_name, one) : NULL;

		if (lun)
			json_object_array_add(luns, lun);
		if (one)
			closedir(one);
	}
	if (dir)
		closedir(dir);
}

/* Folders come in any order. */
static int by_lun(const void *a, const void *b)
{
	struct json_object *const *one = a, *const *other = b;

	return strverscmp(js_str(*one, "lun", ""), js_str(*other, "lun", ""));
}

static struct json_object *target_luns(const char *wwpn)
{
	struct json_object *luns = json_object_new_array();
	char path[PATH_MAX];
	struct dirent *e;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/vhost/%s", platform_target(), wwpn);
	dir = open_dir(AT_FDCWD, path);
	while (dir && (e = readdir(dir))) {
		if (begins(e->d_name, TPGT))
			add_luns(luns, dirfd(dir), e->d_name);
	}
	if (dir)
		closedir(dir);
	json_object_array_sort(luns, by_lun);
	return luns;
}

/* What may not be behind a LUN, on either host. */
static int check_lun(const char *disk, struct json_object *lun, const char *where,
		     struct json_object *found)
{
	const char *id = js_str(lun, "lun", "?"), *store = js_str(lun, "store", "?");

	if (begins(store, "rd_mcp"))
		return obstacle(found,
				"disk '%s': %s is in memory %s: use storage that both hosts reach",
				disk, id, where);
	if (js_bool(lun, "buffered"))
		return obstacle(found,
				"disk '%s': writes to %s wait in memory %s, and would be lost with the host: make core/%s anew without fd_buffered_io",
				disk, id, where, store);
	if (js_bool(lun, "cached"))
		return obstacle(found,
				"disk '%s': %s is a block device behind fileio, whose cache %s does not know what the other host writes: use iblock, or fd_async_io=1",
				disk, id, where);
	if (!*js_str(lun, "serial", ""))
		return obstacle(found,
				"disk '%s': %s has no unit serial %s, which tells that both hosts have the same storage: write one to wwn/vpd_unit_serial of core/%s, the same on both hosts, before it is made a LUN",
				disk, id, where, store);
	return 0;
}

static int check_luns(const char *disk, struct json_object *luns, const char *where,
		      struct json_object *found)
{
	int err = 0;

	for (size_t i = 0; i < json_object_array_length(luns) && !err; i++)
		err = check_lun(disk, json_object_array_get_idx(luns, i), where, found);
	return err;
}

/**
 * disk_add - look at a disk of a guest on this host
 * @disks: an array; gets the disk
 * @name: QEMU's for it
 * @wwpn: its target
 * @found: gets the obstacles, or NULL
 *
 * Return: 0, or -1 after fail().
 */
int disk_add(struct json_object *disks, const char *name, const char *wwpn,
	     struct json_object *found)
{
	struct json_object *disk = json_object_new_object();
	struct json_object *luns = target_luns(wwpn);

	js_add_str(disk, "name", name);
	js_add_str(disk, "wwpn", wwpn);
	json_object_object_add(disk, "luns", luns);
	json_object_array_add(disks, disk);
	if (!json_object_array_length(luns))
		return obstacle(found,
				"disk '%s': the target %s is not to be found here in %s: mount configfs, and do not change it while the VM runs",
				name, wwpn, platform_target());
	return check_luns(name, luns, "here", found);
}

/**
 * disk_wwpns - what to ask the peer for
 * @disks: of disk_add()
 *
 * Return: an array, for disk_luns() there
 */
struct json_object *disk_wwpns(struct json_object *disks)
{
	struct json_object *wwpns = json_object_new_array();

	for (size_t i = 0; i < json_object_array_length(disks); i++) {
		struct json_object *disk = json_object_array_get_idx(disks, i);

		json_object_array_add(wwpns, json_object_get(js_get(disk, "wwpn")));
	}
	return wwpns;
}

/**
 * disk_luns - what this host has for disks of another one's guest
 * @wwpns: of disk_wwpns(); anything else is nothing
 *
 * Return: an object, of each WWPN an array: a LUN's name in the target (lun), its
 *	backstore (store), the storage's serial, what a guest sees of it (seen), and
 *	where this host finds its bytes, see reads.h
 */
struct json_object *disk_luns(struct json_object *wwpns)
{
	struct json_object *luns = json_object_new_object();

	for (size_t i = 0; i < js_length(wwpns); i++) {
		const char *wwpn = json_object_get_string(json_object_array_get_idx(wwpns, i));

		if (wwpn && !strchr(wwpn, '/'))
			json_object_object_add(luns, wwpn, target_luns(wwpn));
	}
	return luns;
}

/**
 * struct comparison - a LUN of this host, and that of the peer
 * @host: the peer
 * @disk: name of the disk
 * @mine: here
 * @theirs: there
 * @found: gets the obstacles, or NULL
 */
struct comparison {
	const char *host;
	const char *disk;
	struct json_object *mine;
	struct json_object *theirs;
	struct json_object *found;
};

/* One thing that a guest sees, which may be missing on either host. */
static int compare_seen(const struct comparison *c, const char *name)
{
	struct json_object *a = js_get(js_get(c->mine, "seen"), name);
	struct json_object *b = js_get(js_get(c->theirs, "seen"), name);
	const char *here = a ? json_object_get_string(a) : "absent";
	const char *there = b ? json_object_get_string(b) : "absent";
	char of[300];

	if (!strcmp(here, there))
		return 0;
	if (!strcmp(name, "size"))
		snprintf(of, sizeof(of), "the size of its storage");
	else if (begins(name, "queue/"))
		snprintf(of, sizeof(of), "%s of its block device", name);
	else
		snprintf(of, sizeof(of), "%s of core/%s", name, js_str(c->theirs, "store", "?"));
	return obstacle(c->found,
			"disk '%s': %s is not on %s as the guest knows it, %s is '%s' there and '%s' here: make them the same",
			c->disk, js_str(c->mine, "lun", "?"), c->host, of, there, here);
}

static int compare_lun(const struct comparison *c)
{
	const char *here = js_str(c->mine, "serial", "");
	const char *there = js_str(c->theirs, "serial", "");
	struct json_object *mine = js_get(c->mine, "seen");
	struct json_object *theirs = js_get(c->theirs, "seen");
	int err = 0;

	/* Of another storage nothing more is of interest; of no serial is told already. */
	if (*here && *there && strcmp(here, there))
		return obstacle(c->found,
				"disk '%s': %s is another storage on %s, its unit serial is '%s' there and '%s' here: export the same one there, and give both the same (wwn/vpd_unit_serial of core/%s)",
				c->disk, js_str(c->mine, "lun", "?"), c->host, there, here,
				js_str(c->theirs, "store", "?"));
	json_object_object_foreach(mine, name, value) {
		if (value && !err)
			err = compare_seen(c, name);
	}
	if (!json_object_is_type(theirs, json_type_object))
		return err;
	json_object_object_foreach(theirs, other, its_value) {
		if (its_value && !err && !js_get(mine, other))
			err = compare_seen(c, other);
	}
	return err;
}

static struct json_object *find_lun(struct json_object *luns, const char *id)
{
	for (size_t i = 0; i < json_object_array_length(luns); i++) {
		struct json_object *lun = json_object_array_get_idx(luns, i);

		if (!strcmp(js_str(lun, "lun", ""), id))
			return lun;
	}
	return NULL;
}

/* The LUNs of @luns that are not among the @others. */
static int missing(const char *whose, struct json_object *disk, struct json_object *luns,
		   struct json_object *others, struct json_object *found)
{
	int err = 0;

	for (size_t i = 0; i < json_object_array_length(luns) && !err; i++) {
		const char *id = js_str(json_object_array_get_idx(luns, i), "lun", "?");

		if (!find_lun(others, id))
			err = obstacle(found,
				       "disk '%s': %s has no %s: give the target %s the same LUNs on both hosts",
				       js_str(disk, "name", "?"), whose, id,
				       js_str(disk, "wwpn", "?"));
	}
	return err;
}

static int compare_disk(const char *host, struct json_object *disk,
			struct json_object *theirs, struct json_object *found)
{
	const char *name = js_str(disk, "name", "?");
	struct json_object *mine = js_get(disk, "luns");
	char where[300];
	int err;

	/* That there is nothing to compare with is told already. */
	if (!json_object_array_length(mine))
		return 0;
	if (!js_length(theirs))
		return obstacle(found,
				"disk '%s' is not to be reached on %s: make a target %s there, with a nexus and the same LUNs as here",
				name, host, js_str(disk, "wwpn", "?"));
	snprintf(where, sizeof(where), "on %s", host);
	err = missing(host, disk, mine, theirs, found) ?:
	      missing("this host", disk, theirs, mine, found) ?:
	      check_luns(name, theirs, where, found);
	for (size_t i = 0; i < json_object_array_length(mine) && !err; i++) {
		struct comparison c = { .host = host, .disk = name, .found = found };

		c.mine = json_object_array_get_idx(mine, i);
		c.theirs = find_lun(theirs, js_str(c.mine, "lun", "?"));
		if (c.theirs)
			err = compare_lun(&c);
	}
	return err;
}

/**
 * disk_compare - would the guest find its disks on the peer?
 * @host: the peer
 * @disks: of disk_add()
 * @luns: what the peer has for them, of disk_luns()
 * @found: gets the obstacles, or NULL
 *
 * Return: 0, or -1 after fail().
 */
int disk_compare(const char *host, struct json_object *disks, struct json_object *luns,
		 struct json_object *found)
{
	int err = 0;

	for (size_t i = 0; i < json_object_array_length(disks) && !err; i++) {
		struct json_object *disk = json_object_array_get_idx(disks, i);

		err = compare_disk(host, disk, js_get(luns, js_str(disk, "wwpn", "")), found);
	}
	return err;
}
