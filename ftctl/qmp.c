// SPDX-License-Identifier: GPL-2.0-only
/*
 * QEMU's monitor: over its own socket, or through libvirt when it holds that.
 */
#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "ftctl.h"
#include "js.h"
#include "libvirt.h"
#include "proc.h"
#include "qemuargs.h"
#include "qmp.h"

/* An answer may wait for a busy main loop, but not for ever. */
#define QMP_TIMEOUT_MS	30000

/**
 * struct qmp - a conversation with a monitor
 * @fd: the socket; -1: through libvirt
 * @tokener: cuts what arrives into JSON
 * @argv: of libvirt's QEMU, its arguments, the user's
 * @buf: arrived, not yet given to @tokener
 * @len: bytes in @buf
 */
struct qmp {
	int fd;
	struct json_tokener *tokener;
	char **argv;
	char buf[4096];
	size_t len;
};

static struct json_object *parse_some(struct qmp *qmp)
{
	struct json_object *o = json_tokener_parse_ex(qmp->tokener, qmp->buf, qmp->len);
	size_t used = json_tokener_get_parse_end(qmp->tokener);

	memmove(qmp->buf, qmp->buf + used, qmp->len - used);
	qmp->len -= used;
	return o;
}

/* The next JSON object, whatever it is. */
static struct json_object *receive(struct qmp *qmp)
{
	struct pollfd readable = { .fd = qmp->fd, .events = POLLIN };

	for (;;) {
		struct json_object *o = qmp->len ? parse_some(qmp) : NULL;
		ssize_t n;

		if (o)
			return o;
		if (json_tokener_get_error(qmp->tokener) > json_tokener_continue) {
			fail("QEMU's monitor does not speak JSON");
			return NULL;
		}
		if (qmp->len)
			continue;

		n = poll(&readable, 1, QMP_TIMEOUT_MS);
		if (n < 0 && errno == EINTR)
			continue;
		if (!n) {
			fail("QEMU's monitor does not answer; does another program hold it?");
			return NULL;
		}
		n = recv(qmp->fd, qmp->buf, sizeof(qmp->buf), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			fail("QEMU closed its monitor%s%s", n ? ": " : "",
			     n ? strerror(errno) : "; did it end?");
			return NULL;
		}
		qmp->len = n;
	}
}

static int transmit(struct qmp *qmp, struct json_object *request)
{
	const char *text = json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN);
	size_t len = strlen(text);

	while (len) {
		ssize_t n = send(qmp->fd, text, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_errno("QEMU's monitor");
		text += n;
		len -= n;
	}
	return 0;
}

static struct json_object *call_socket(struct qmp *qmp, struct json_object *request)
{
	struct json_object *o;

	if (transmit(qmp, request))
		return NULL;
	/* Events come in between. */
	while ((o = receive(qmp)) && js_get(o, "event"))
		json_object_put(o);
	return o;
}

static struct json_object *call_libvirt(struct qmp *qmp, struct json_object *request)
{
	const char *text = json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN);
	struct json_object *o = NULL;
	char *answer;

	if (!libvirt_monitor(qmp->argv, text, &answer)) {
		o = json_tokener_parse(answer);
		if (!o)
			fail("libvirt answered something that is not JSON");
	}
	free(answer);
	return o;
}

/**
 * qmp_call - have QEMU do something
 * @qmp: from qmp_open()
 * @command: QMP's command
 * @args: its arguments, or NULL; released
 * @reply: what it returns; may be NULL
 *
 * Return: 0, or -1 after fail().
 */
int qmp_call(struct qmp *qmp, const char *command, struct json_object *args,
	     struct json_object **reply)
{
	struct json_object *request = json_object_new_object();
	struct json_object *answer, *value;
	int err = 0;

	js_add_str(request, "execute", command);
	if (args)
		json_object_object_add(request, "arguments", args);
	answer = qmp->fd < 0 ? call_libvirt(qmp, request) : call_socket(qmp, request);
	json_object_put(request);
	if (!answer)
		return fail_while("%s", command);

	value = js_get(answer, "return");
	if (!value)
		err = fail("QEMU refuses %s: %s", command,
			   js_str(js_get(answer, "error"), "desc", "no reason given"));
	else if (reply)
		*reply = json_object_get(value);
	json_object_put(answer);
	return err;
}

/**
 * qmp_status - is the guest running?
 * @qmp: from qmp_open()
 * @status: QEMU's word for it
 * @size: room in @status
 *
 * Return: 0, or -1 after fail().
 */
int qmp_status(struct qmp *qmp, char *status, size_t size)
{
	struct json_object *reply;

	if (qmp_call(qmp, "query-status", NULL, &reply))
		return -1;
	snprintf(status, size, "%s", js_str(reply, "status", ""));
	json_object_put(reply);
	return 0;
}

static int connect_socket(const struct qemu *qemu, const char *path)
{
	const struct timeval timeout = { .tv_sec = QMP_TIMEOUT_MS / 1000 };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char whole[PATH_MAX];
	int fd;

	snprintf(whole, sizeof(whole), "%s%s%s", *path == '/' ? "" : qemu->cwd ?: "",
		 *path == '/' ? "" : "/", path);
	if (strlen(whole) >= sizeof(addr.sun_path))
		return fail("%s: too long for a socket's path", whole);
	memcpy(addr.sun_path, whole, strlen(whole) + 1);

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail_errno("socket");
	/* Behind others that QEMU does not serve connect() would wait for ever. */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		fail_errno("QEMU's monitor %s", whole);
		close(fd);
		return -1;
	}
	return fd;
}

static int greet(struct qmp *qmp)
{
	struct json_object *greeting = receive(qmp);
	bool good = greeting && js_get(greeting, "QMP");

	if (greeting && !good)
		fail("QEMU's monitor does not speak QMP");
	json_object_put(greeting);
	return good ? qmp_call(qmp, "qmp_capabilities", NULL, NULL) : -1;
}

/**
 * qmp_open - begin to talk to QEMU
 * @qemu: which one; it has to stay until qmp_close()
 *
 * Return: the conversation, or NULL after fail().
 */
struct qmp *qmp_open(const struct qemu *qemu)
{
	char *path = args_qmp_path(qemu->argv);
	struct qmp *qmp = calloc(1, sizeof(*qmp));

	if (!qmp) {
		fail("out of memory");
		goto failed;
	}
	qmp->fd = -1;
	if (!path && !libvirt_runs(qemu->argv)) {
		fail("'%s' has no monitor: start QEMU with -qmp unix:PATH,server=on,wait=off",
		     qemu->name);
		goto failed;
	}
	if (!path) {
		qmp->argv = qemu->argv;
		return qmp;
	}

	qmp->tokener = json_tokener_new();
	qmp->fd = connect_socket(qemu, path);
	if (qmp->fd < 0 || greet(qmp))
		goto failed;
	free(path);
	return qmp;
failed:
	qmp_close(qmp);
	free(path);
	return NULL;
}

/**
 * qmp_close - end the conversation
 * @qmp: from qmp_open(), or NULL
 */
void qmp_close(struct qmp *qmp)
{
	if (!qmp)
		return;
	if (qmp->fd >= 0)
		close(qmp->fd);
	if (qmp->tokener)
		json_tokener_free(qmp->tokener);
	free(qmp);
}
