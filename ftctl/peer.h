/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ftctl of the other host, over ssh: one JSON object per line each way.
 * It answers { "ok": true, ... } or { "ok": false, "error": "..." }.
 *
 *	hello		its version and addresses
 *	check		is there room for a copy, and what is behind the guest's disks?
 *	prepare		start a copy's QEMU and attach it
 *	query		QEMU's word for the copy's state
 *	digest		of the copy, at rest
 *	hashes		of pieces of the copy's memory
 *	pages		to be written to the copy's memory
 *	cont		let the copy run
 *	commit		the copy is there to stay
 *	discard		stop a copy that an earlier conversation left
 *
 * Whatever a conversation prepared is undone when it ends without a commit,
 * for whatever reason it ends.
 */
#ifndef _FTCTL_PEER_H
#define _FTCTL_PEER_H

#include <json-c/json_object.h>
#include <stdio.h>
#include <sys/types.h>

/* Both ends have to speak the same. */
#define PEER_PROTOCOL	6

/**
 * struct peer - a conversation
 * @host: what the user calls the other host
 * @ssh: the process in between
 * @to: requests
 * @from: answers
 */
struct peer {
	const char *host;
	pid_t ssh;
	int to;
	FILE *from;
};

int peer_open(struct peer *peer, const char *host);
void peer_close(struct peer *peer);
int peer_call(struct peer *peer, const char *op, struct json_object *args,
	      struct json_object **reply);

#endif /* _FTCTL_PEER_H */
