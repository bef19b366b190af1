// SPDX-License-Identifier: GPL-2.0-only
/*
 * ftctl peer: what ftctl on another host starts here over ssh. See peer.h for
 * what the two say to each other.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../uapi/kvm_ft.h"
#include "addr.h"
#include "copy.h"
#include "disk.h"
#include "ftctl.h"
#include "interrupt.h"
#include "js.h"
#include "memory.h"
#include "mend.h"
#include "module.h"
#include "peer.h"
#include "qmp.h"
#include "room.h"
#include "version.h"

/**
 * struct session - one conversation
 * @mod: the module
 * @copy: what was prepared in it
 */
struct session {
	struct mod mod;
	struct copy copy;
};

static int op_hello(struct session *s, struct json_object *request,
		    struct json_object *answer)
{
	struct json_object *version;

	if (js_int(request, "protocol") != PEER_PROTOCOL)
		return fail("ftctl here is " FTCTL_VERSION ": install the same on both hosts");
	if (mod_version(&s->mod, &version))
		return -1;
	js_add_str(answer, "ftctl", FTCTL_VERSION);
	json_object_object_add(answer, "version", version);
	json_object_object_add(answer, "addresses", addr_list());
	return 0;
}

static int op_check(struct session *s, struct json_object *request,
		    struct json_object *answer)
{
	struct json_object *obstacles = json_object_new_array();
	struct json_object *status;
	int err;

	json_object_object_add(answer, "obstacles", obstacles);
	json_object_object_add(answer, "luns", disk_luns(js_get(request, "wwpns")));
	if (mod_vm_find(&s->mod, js_str(request, "name", ""), &status))
		return -1;
	err = room_check(status, request, obstacles);
	json_object_put(status);
	return err;
}

static int op_prepare(struct session *s, struct json_object *request,
		      struct json_object *answer)
{
	char why[1000];

	if (s->copy.name)
		return fail("one copy at a time");
	if (!copy_prepare(&s->mod, &s->copy, request, answer))
		return 0;
	/* That counts, whatever undoing it finds. */
	snprintf(why, sizeof(why), "%s", fail_why());
	copy_undo(&s->mod, &s->copy);
	return fail("%s", why);
}

static int op_query(struct session *s, struct json_object *request,
		    struct json_object *answer)
{
	char status[32];

	if (!s->copy.qmp)
		return fail("there is no copy");
	if (qmp_status(s->copy.qmp, status, sizeof(status)))
		return -1;
	js_add_str(answer, "status", status);
	return 0;
}

static int op_digest(struct session *s, struct json_object *request,
		     struct json_object *answer)
{
	struct json_object *reply;

	if (mod_vm_call(&s->mod, KVM_FT_CMD_VM_DIGEST, js_str(request, "name", ""), &reply))
		return -1;
	json_object_object_add(answer, "digest",
			       json_object_get(js_get(reply, "digest")));
	json_object_put(reply);
	return 0;
}

/* Of what was prepared here and nothing else; that it is held, the module knows. */
static int open_memory(struct session *s, struct memory *mem)
{
	if (!s->copy.attached)
		return fail("there is no copy");
	return memory_open(mem, &s->mod, s->copy.name, s->copy.pid);
}

static int op_hashes(struct session *s, struct json_object *request,
		     struct json_object *answer)
{
	struct memory mem;
	int err;

	if (open_memory(s, &mem))
		return -1;
	err = mend_hashes(&mem, request, answer);
	memory_close(&mem);
	return err;
}

static int op_pages(struct session *s, struct json_object *request,
		    struct json_object *answer)
{
	struct memory mem;
	int err;

	if (open_memory(s, &mem))
		return -1;
	err = mend_pages(&mem, request);
	memory_close(&mem);
	return err;
}

static int op_cont(struct session *s, struct json_object *request,
		   struct json_object *answer)
{
	if (!s->copy.qmp)
		return fail("there is no copy");
	return qmp_call(s->copy.qmp, "cont", NULL, NULL);
}

static int op_commit(struct session *s, struct json_object *request,
		     struct json_object *answer)
{
	return copy_keep(&s->copy);
}

static int op_discard(struct session *s, struct json_object *request,
		      struct json_object *answer)
{
	return copy_discard(&s->mod, js_str(request, "name", ""));
}

static const struct op {
	const char *name;
	int (*run)(struct session *s, struct json_object *request,
		   struct json_object *answer);
} ops[] = {
	{ "hello",	op_hello },
	{ "check",	op_check },
	{ "prepare",	op_prepare },
	{ "query",	op_query },
	{ "digest",	op_digest },
	{ "hashes",	op_hashes },
	{ "pages",	op_pages },
	{ "cont",	op_cont },
	{ "commit",	op_commit },
	{ "discard",	op_discard },
};

static int run_op(struct session *s, struct json_object *request,
		  struct json_object *answer)
{
	const char *name = js_str(request, "op", "");

	/* Opened late, so that its failure reaches the other host. */
	if (!s->mod.sk && mod_open(&s->mod))
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		if (!strcmp(ops[i].name, name))
			return ops[i].run(s, request, answer);
	}
	return fail("'%s' is not a request", name);
}

static void serve(struct session *s, const char *line)
{
	struct json_object *request = json_tokener_parse(line);
	struct json_object *answer = json_object_new_object();
	int err = run_op(s, request, answer);

	json_object_object_add(answer, "ok", json_object_new_boolean(!err));
	if (err)
		js_add_str(answer, "error", fail_why());
	puts(json_object_to_json_string_ext(answer, JSON_C_TO_STRING_PLAIN));
	fflush(stdout);
	json_object_put(request);
	json_object_put(answer);
}

static int run(const struct command *cmd, int argc,
	       char **argv)
{
	struct session s = {};
	char *line = NULL;
	size_t room = 0;

	if (argc > 1)
		return command_usage(cmd, "it takes no arguments");

	/*
	 * Only the end of the input ends this: a conversation that breaks has
	 * to be undone, and a signal must not come in between.
	 */
	interrupt_ignore();
	while (getline(&line, &room, stdin) > 0)
		serve(&s, line);
	free(line);

	if (s.mod.sk) {
		copy_undo(&s.mod, &s.copy);
		mod_close(&s.mod);
	}
	return 0;
}

const struct command cmd_peer = {
	.name		= "peer",
	.usage		= "",
	.summary	= "serve ftctl of another host on standard input and output",
	.help		= "",
	.hidden		= true,
	.run		= run,
};
