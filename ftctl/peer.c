// SPDX-License-Identifier: GPL-2.0-only
/*
 * This end of a conversation with the other host's ftctl; cmd_peer.c is the
 * other one.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ftctl.h"
#include "interrupt.h"
#include "js.h"
#include "peer.h"
#include "subprocess.h"

/**
 * peer_open - begin to talk to the other host
 * @peer: to be filled
 * @host: what the user calls it, for ssh
 *
 * Return: 0, or -1 after fail().
 */
int peer_open(struct peer *peer, const char *host)
{
	const char *const argv[] = {
		"ssh", "-T", "-o", "ConnectTimeout=10",
		"-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3",
		"--", host, "ftctl", "peer", NULL
	};
	int from;

	memset(peer, 0, sizeof(*peer));
	peer->host = host;
	peer->ssh = subprocess_pipes(argv, &peer->to, &from);
	if (peer->ssh < 0)
		return -1;
	peer->from = fdopen(from, "r");
	if (!peer->from) {
		close(from);
		peer_close(peer);
		return fail("out of memory");
	}
	return 0;
}

/**
 * peer_close - end the conversation; the other host undoes what was not committed
 * @peer: from peer_open()
 *
 * Returns when the other host is done with it, or ssh gave it up.
 */
void peer_close(struct peer *peer)
{
	int status;

	if (peer->ssh <= 0)
		return;
	close(peer->to);
	while (waitpid(peer->ssh, &status, 0) < 0 && errno == EINTR)
		;
	if (peer->from)
		fclose(peer->from);
	memset(peer, 0, sizeof(*peer));
}

static int no_answer(const struct peer *peer)
{
	return fail("no answer from %s: is ssh possible, and ftctl installed there?",
		    peer->host);
}

static int transmit(struct peer *peer, struct json_object *request)
{
	const char *text = json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN);
	size_t len = strlen(text);
	char *line = malloc(len + 2);
	size_t sent = 0;

	if (!line)
		return fail("out of memory");
	memcpy(line, text, len);
	memcpy(line + len++, "\n", 2);
	while (sent < len) {
		ssize_t n = write(peer->to, line + sent, len - sent);

		if (n < 0 && errno != EINTR)
			break;
		sent += n > 0 ? n : 0;
	}
	free(line);
	return sent == len ? 0 : no_answer(peer);
}

/* A line, or NULL at the end, on an error, or when the user wants to stop. */
static char *receive(struct peer *peer)
{
	char *line = NULL;
	size_t room = 0;

	for (;;) {
		errno = 0;
		if (getline(&line, &room, peer->from) > 0)
			return line;
		if (interrupt_check())
			break;
		if (errno != EINTR) {
			no_answer(peer);
			break;
		}
		clearerr(peer->from);
	}
	free(line);
	return NULL;
}

/**
 * peer_call - have the other host do something
 * @peer: from peer_open()
 * @op: what
 * @args: its arguments, or NULL; released
 * @reply: what it answered; may be NULL
 *
 * Return: 0, or -1 after fail().
 */
int peer_call(struct peer *peer, const char *op, struct json_object *args,
	      struct json_object **reply)
{
	struct json_object *request = args ?: json_object_new_object();
	struct json_object *answer;
	char *line;
	int err;

	js_add_str(request, "op", op);
	err = transmit(peer, request);
	json_object_put(request);
	if (err)
		return -1;

	line = receive(peer);
	if (!line)
		return -1;
	answer = json_tokener_parse(line);
	free(line);
	if (!js_bool(answer, "ok"))
		err = fail("%s: %s", peer->host,
			   js_str(answer, "error", "ftctl there answers nonsense"));
	else if (reply)
		*reply = json_object_get(answer);
	json_object_put(answer);
	return err;
}
