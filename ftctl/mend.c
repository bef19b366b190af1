// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mending a copy: what differs in the memory of the two is found by hashes,
 * first of large pieces, then of the pages of those that differ, and sent.
 *
 * Needed since not all that is written to guest memory while a guest migrates
 * is marked as changed: Linux 6.12's vhost-scsi does not mark what it read from
 * a disk.
 */
#include <json-c/json.h>
#include <resolv.h>
#include <stdio.h>
#include <string.h>

#include "ftctl.h"
#include "interrupt.h"
#include "js.h"
#include "memory.h"
#include "mend.h"
#include "peer.h"
#include "progress.h"

#define PAGE		4096
#define CHUNK		(2 << 20)

/* In one message. */
#define PAGES_MAX	64
#define HASHES_MAX	1024
#define DATA_MAX	(HASHES_MAX * sizeof(XXH128_hash_t))

/**
 * struct mend - a copy that is being mended
 * @mem: the original
 * @peer: where the copy is
 * @pages: those that differ and have not been sent
 * @total: bytes of guest memory
 * @compared: bytes of it that were compared
 * @mended: pages that differed
 */
struct mend {
	const struct memory *mem;
	struct peer *peer;
	struct json_object *pages;
	u64 total;
	u64 compared;
	u64 mended;
};

static u64 smaller(u64 a, u64 b)
{
	return a < b ? a : b;
}

static size_t pieces(u64 len, u64 step)
{
	return (len + step - 1) / step;
}

static void add_data(struct json_object *o, const char *key, const void *data, size_t len)
{
	char text[DATA_MAX / 3 * 4 + 5];

	b64_ntop(data, len, text, sizeof(text));
	js_add_str(o, key, text);
}

/* As many bytes, and no others: 0. */
static int get_data(struct json_object *o, const char *key, void *data, size_t len)
{
	/* While it decodes it needs more room than for what comes of it. */
	u8 room[DATA_MAX + 2];

	if (b64_pton(js_str(o, key, ""), room, len + 2) != (int)len)
		return -1;
	memcpy(data, room, len);
	return 0;
}

static int ask_hashes(struct mend *m, u64 gpa, u64 len, u64 step, XXH128_hash_t *hashes)
{
	struct json_object *args = json_object_new_object();
	struct json_object *answer;
	int err;

	js_add_int(args, "gpa", gpa);
	js_add_int(args, "len", len);
	js_add_int(args, "step", step);
	if (peer_call(m->peer, "hashes", args, &answer))
		return -1;
	err = get_data(answer, "hashes", hashes, pieces(len, step) * sizeof(*hashes));
	json_object_put(answer);
	return err ? fail("%s does not answer with hashes of the copy", m->peer->host) : 0;
}

static int send_pages(struct mend *m)
{
	struct json_object *args = json_object_new_object();

	json_object_object_add(args, "pages", m->pages);
	m->pages = json_object_new_array();
	return peer_call(m->peer, "pages", args, NULL);
}

static int mend_page(struct mend *m, u64 gpa)
{
	struct json_object *page;
	u8 data[PAGE];

	if (memory_read(m->mem, gpa, data, sizeof(data)))
		return -1;
	page = json_object_new_object();
	js_add_int(page, "gpa", gpa);
	add_data(page, "data", data, sizeof(data));
	json_object_array_add(m->pages, page);
	m->mended++;
	return js_length(m->pages) < PAGES_MAX ? 0 : send_pages(m);
}

static void show(struct mend *m)
{
	char rest[40];

	snprintf(rest, sizeof(rest), "%llu pages mended", m->mended);
	progress_bar("memory", (double)m->compared / m->total, rest);
}

/* Of chunks that differ the pages are compared, and pages are mended. */
static int compare(struct mend *m, u64 gpa, u64 len, u64 step)
{
	XXH128_hash_t mine[HASHES_MAX], theirs[HASHES_MAX];
	u64 end = gpa + len;

	if (interrupt_check() || ask_hashes(m, gpa, len, step, theirs) ||
	    memory_hash(m->mem, gpa, len, step, mine))
		return -1;
	for (size_t i = 0; gpa < end; i++, gpa += step) {
		u64 n = smaller(step, end - gpa);

		if (memcmp(&mine[i], &theirs[i], sizeof(mine[i])) &&
		    (step == PAGE ? mend_page(m, gpa) : compare(m, gpa, n, PAGE)))
			return -1;
		if (step == CHUNK) {
			m->compared += n;
			show(m);
		}
	}
	return 0;
}

static int compare_slots(struct mend *m)
{
	struct json_object *slots = memory_slots(m->mem);
	const u64 most = (u64)HASHES_MAX * CHUNK;

	for (size_t i = 0; i < js_length(slots); i++)
		m->total += js_int(json_object_array_get_idx(slots, i), "size");
	for (size_t i = 0; i < js_length(slots); i++) {
		struct json_object *slot = json_object_array_get_idx(slots, i);
		u64 gpa = js_int(slot, "gpa"), size = js_int(slot, "size");

		for (u64 at = 0; at < size; at += most) {
			if (compare(m, gpa + at, smaller(most, size - at), CHUNK))
				return -1;
		}
	}
	return js_length(m->pages) ? send_pages(m) : 0;
}

/**
 * mend_copy - make the memory of a copy that of the guest
 * @mem: the guest's
 * @peer: where the copy is
 *
 * Both are held.
 *
 * Return: 0, or -1 after fail().
 */
int mend_copy(const struct memory *mem, struct peer *peer)
{
	struct mend m = { .mem = mem, .peer = peer, .pages = json_object_new_array() };
	int err = compare_slots(&m);

	json_object_put(m.pages);
	return err;
}

/**
 * mend_hashes - tell the other host hashes of the copy's memory
 * @mem: the copy's
 * @request: gpa, len: of what; step: what each is of
 * @answer: gets the hashes
 *
 * Return: 0, or -1 after fail().
 */
int mend_hashes(const struct memory *mem, struct json_object *request,
		struct json_object *answer)
{
	u64 gpa = js_int(request, "gpa"), len = js_int(request, "len");
	u64 step = js_int(request, "step");
	XXH128_hash_t hashes[HASHES_MAX];

	if ((step != PAGE && step != CHUNK) || !len || len > HASHES_MAX * step)
		return fail("no such hashes: %llu bytes by %llu", len, step);
	if (memory_hash(mem, gpa, len, step, hashes))
		return -1;
	add_data(answer, "hashes", hashes, pieces(len, step) * sizeof(*hashes));
	return 0;
}

/**
 * mend_pages - take pages that the other host sends into the copy's memory
 * @mem: the copy's
 * @request: pages, each with its gpa and data
 *
 * Return: 0, or -1 after fail().
 */
int mend_pages(const struct memory *mem, struct json_object *request)
{
	struct json_object *pages = js_get(request, "pages");
	size_t n = js_length(pages);

	if (!n || n > PAGES_MAX)
		return fail("not 1 to %d pages of guest memory", PAGES_MAX);
	for (size_t i = 0; i < n; i++) {
		struct json_object *page = json_object_array_get_idx(pages, i);
		u64 gpa = js_int(page, "gpa");
		u8 data[PAGE];

		if (!json_object_is_type(js_get(page, "gpa"), json_type_int) || gpa % PAGE ||
		    get_data(page, "data", data, sizeof(data)))
			return fail("what was sent is no page of guest memory");
		if (memory_write(mem, gpa, data, sizeof(data)))
			return -1;
	}
	return 0;
}
