// SPDX-License-Identifier: GPL-2.0-only
/*
 * QEMU's own live migration: it makes the copy. The guest stays where it is;
 * both sides stand paused in one state in the end.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "addr.h"
#include "ftctl.h"
#include "interrupt.h"
#include "js.h"
#include "migrate.h"
#include "progress.h"
#include "qmp.h"

#define POLL_MS		100
#define MIB		(1024.0 * 1024.0)

/* Times POLL_MS: how long a cancelled migration may take to end. */
#define CANCEL_POLLS	300

static void pause_ms(long ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&ts, NULL);
}

static int set_pause_before_switchover(struct qmp *qmp, bool on)
{
	struct json_object *cap = json_object_new_object();
	struct json_object *caps = json_object_new_array();
	struct json_object *args = json_object_new_object();

	js_add_str(cap, "capability", "pause-before-switchover");
	json_object_object_add(cap, "state", json_object_new_boolean(on));
	json_object_array_add(caps, cap);
	json_object_object_add(args, "capabilities", caps);
	return qmp_call(qmp, "migrate-set-capabilities", args, NULL);
}

/**
 * migrate_begin - begin to send the guest
 * @qmp: QEMU that has it
 * @address: where the other QEMU listens
 * @port: and its port
 *
 * Return: 0, or -1 after fail().
 */
int migrate_begin(struct qmp *qmp, const char *address, unsigned int port)
{
	struct json_object *args;
	char uri[ADDR_MAX + 20];

	if (addr_uri(address, port, uri, sizeof(uri)) ||
	    set_pause_before_switchover(qmp, true))
		return -1;

	args = json_object_new_object();
	js_add_str(args, "uri", uri);
	return qmp_call(qmp, "migrate", args, NULL);
}

static void show(struct json_object *info, bool paused)
{
	struct json_object *ram = js_get(info, "ram");
	double total = js_int(ram, "total");
	double remaining = js_int(ram, "remaining");
	char rest[80];

	if (total <= 0)
		return;
	snprintf(rest, sizeof(rest), "of %.0f MiB, %.0f MiB sent", total / MIB,
		 js_int(ram, "transferred") / MIB);
	/* Once paused, what remains is sent without looking at it again. */
	progress_bar("memory", paused ? 1 : 1 - remaining / total, rest);
}

/* Wait until the migration is in state @until. */
static int wait_for(struct qmp *qmp, const char *until, bool showing)
{
	for (;;) {
		struct json_object *info;
		char status[32];
		int err = 0;

		if (interrupt_check() || qmp_call(qmp, "query-migrate", NULL, &info))
			return -1;
		snprintf(status, sizeof(status), "%s", js_str(info, "status", "none"));
		if (showing)
			show(info, !strcmp(status, until));
		if (!strcmp(status, "failed") || !strcmp(status, "cancelled") ||
		    !strcmp(status, "none"))
			err = fail("QEMU could not send the guest: %s",
				   js_str(info, "error-desc", status));
		json_object_put(info);
		if (err || !strcmp(status, until)) {
			progress_end();
			return err;
		}
		pause_ms(POLL_MS);
	}
}

/**
 * migrate_wait_paused - wait until memory is sent and the guest paused for the rest
 * @qmp: QEMU that has the guest
 *
 * Return: 0, or -1 after fail().
 */
int migrate_wait_paused(struct qmp *qmp)
{
	return wait_for(qmp, "pre-switchover", true);
}

/**
 * migrate_finish - send the rest
 * @qmp: QEMU that has the guest, paused by migrate_wait_paused()
 *
 * Return: 0, or -1 after fail().
 */
int migrate_finish(struct qmp *qmp)
{
	struct json_object *args = json_object_new_object();

	js_add_str(args, "state", "pre-switchover");
	return qmp_call(qmp, "migrate-continue", args, NULL);
}

/**
 * migrate_wait_completed - wait until all is sent
 * @qmp: QEMU that has the guest
 *
 * Return: 0, or -1 after fail().
 */
int migrate_wait_completed(struct qmp *qmp)
{
	if (wait_for(qmp, "completed", false))
		return -1;
	/* The user's own migrations are to be as they were. */
	return set_pause_before_switchover(qmp, false);
}

/**
 * migrate_cancel - stop sending the guest
 * @qmp: QEMU that has it
 *
 * Return: 0, or -1 after fail().
 */
int migrate_cancel(struct qmp *qmp)
{
	struct json_object *info;
	bool over = false;

	if (qmp_call(qmp, "migrate_cancel", NULL, NULL))
		return -1;
	for (int i = 0; i < CANCEL_POLLS && !over; i++) {
		const char *status;

		if (qmp_call(qmp, "query-migrate", NULL, &info))
			return -1;
		status = js_str(info, "status", "none");
		over = !strcmp(status, "none") || !strcmp(status, "failed") ||
		       !strcmp(status, "cancelled") || !strcmp(status, "completed");
		json_object_put(info);
		if (!over)
			pause_ms(POLL_MS);
	}
	if (!over)
		return fail("QEMU does not stop sending the guest");
	return set_pause_before_switchover(qmp, false);
}

/**
 * migrate_listen - begin to receive a guest
 * @qmp: QEMU started with -incoming defer
 * @address: where to listen
 * @port: becomes the port
 *
 * Return: 0, or -1 after fail().
 */
int migrate_listen(struct qmp *qmp, const char *address, unsigned int *port)
{
	struct json_object *args, *info, *first;
	char uri[ADDR_MAX + 20];

	if (addr_uri(address, 0, uri, sizeof(uri)))
		return -1;
	args = json_object_new_object();
	js_add_str(args, "uri", uri);
	if (qmp_call(qmp, "migrate-incoming", args, NULL) ||
	    qmp_call(qmp, "query-migrate", NULL, &info))
		return -1;

	first = js_get(info, "socket-address");
	first = first ? json_object_array_get_idx(first, 0) : NULL;
	*port = json_object_get_int(js_get(first, "port"));
	json_object_put(info);
	return *port ? 0 : fail("QEMU does not say where it listens for the guest");
}
