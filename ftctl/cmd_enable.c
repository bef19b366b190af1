// SPDX-License-Identifier: GPL-2.0-only
/*
 * ftctl enable: protect a running VM.
 *
 * A step that fails undoes the ones before it: the guest goes on where it was,
 * and the peer is left as it was.
 */
#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "../uapi/kvm_ft.h"
#include "addr.h"
#include "attach.h"
#include "check.h"
#include "disk.h"
#include "ftctl.h"
#include "guest.h"
#include "interrupt.h"
#include "js.h"
#include "libvirt.h"
#include "memory.h"
#include "mend.h"
#include "migrate.h"
#include "module.h"
#include "nic.h"
#include "nlattr.h"
#include "peer.h"
#include "proc.h"
#include "progress.h"
#include "qmp.h"
#include "reads.h"
#include "runfile.h"

#define PEER_POLL_NS	100000000L
#define ATTACHED_POLLS	20	/* of them, between two looks at what the module says */
#define DIFFERING_MAX	40	/* all parts that are compared, in words */

/**
 * struct enable - a protection that comes to be
 * @vm: the VM
 * @host: what the user calls the peer
 * @dev: interface of the logging link, or NULL
 * @addr: our address on it, or NULL
 * @peer_addr: the peer's, or NULL
 * @on_loss: what to do when the peer is lost
 * @secondary_reads: the secondary reads the guest's disk itself
 * @mod: the module here
 * @qemu: the VM's QEMU
 * @qmp: its monitor
 * @nics: its NICs
 * @disks: its disks
 * @peer: the peer's ftctl
 * @consoles: what the peer did with the copy's consoles
 * @link: the ends of the logging link
 * @session: random, the same on both sides
 * @port: where the module there listens
 * @migration_port: where QEMU there listens
 * @migrating: the guest is being sent: to be cancelled
 * @paused: the guest does not run: to be resumed
 * @attached: the module has the VM: to be disabled
 */
struct enable {
	const char *vm;
	const char *host;
	const char *dev;
	const char *addr;
	const char *peer_addr;
	const char *on_loss;
	bool secondary_reads;
	struct mod mod;
	struct qemu qemu;
	struct qmp *qmp;
	struct json_object *nics;
	struct json_object *disks;
	struct peer peer;
	struct json_object *consoles;
	struct link link;
	u64 session;
	unsigned int port;
	unsigned int migration_port;
	bool migrating;
	bool paused;
	bool attached;
};

static int check_place(struct enable *e)
{
	struct json_object *luns = NULL;
	int err = check_room(&e->peer, &e->qemu, e->nics, e->disks, NULL, &luns);

	if (!err && e->secondary_reads)
		err = reads_check(e->host, e->disks, luns);
	json_object_put(luns);
	return err;
}

/* The LUNs that the secondary is to read, or NULL. */
static struct json_object *luns_to_read(struct enable *e)
{
	return e->secondary_reads ? js_get(json_object_array_get_idx(e->disks, 0), "luns") :
				    NULL;
}

static int step_check(struct enable *e)
{
	struct json_object *hello;
	bool attached;
	int err;

	e->disks = json_object_new_array();
	if (mod_open(&e->mod) || qemu_find(e->vm, &e->qemu) ||
	    check_module(&e->mod, e->vm, NULL, &attached))
		return -1;
	e->qmp = qmp_open(&e->qemu);
	if (!e->qmp || nic_list(e->qmp, e->qemu.argv, &e->nics) ||
	    guest_check(e->qmp, &e->qemu, e->nics, e->disks, NULL) ||
	    peer_open(&e->peer, e->host) ||
	    check_peer(&e->mod, &e->peer, NULL, &hello))
		return -1;
	err = addr_link(&e->link, e->host, e->dev, e->addr, e->peer_addr,
			js_get(hello, "addresses"));
	json_object_put(hello);
	if (err || check_place(e))
		return -1;
	return attached ? mod_vm_call(&e->mod, KVM_FT_CMD_VM_DISABLE, e->vm, NULL) : 0;
}

/* A copy of libvirt's is made of what its libvirt here says of it. */
static int add_domain(struct enable *e, struct json_object *args)
{
	char *xml;

	if (!libvirt_runs(e->qemu.argv))
		return 0;
	if (libvirt_describe(e->qemu.argv, &xml))
		return -1;
	js_add_str(args, "domain", xml);
	free(xml);
	return 0;
}

static int step_peer(struct enable *e)
{
	struct json_object *args = json_object_new_object();
	struct json_object *argv = json_object_new_array();
	struct json_object *answer;
	char session[24];

	while (!e->session) {
		if (getrandom(&e->session, sizeof(e->session), 0) < 0)
			return fail_errno("no random numbers");
	}
	snprintf(session, sizeof(session), "0x%llx", e->session);

	for (char **a = e->qemu.argv; *a; a++)
		json_object_array_add(argv, json_object_new_string(*a));
	js_add_str(args, "name", e->vm);
	js_add_str(args, "exe", e->qemu.exe);
	js_add_str(args, "cwd", e->qemu.cwd ?: "/");
	json_object_object_add(args, "argv", argv);
	json_object_object_add(args, "nics", json_object_get(e->nics));
	js_add_str(args, "listen", e->link.peer);
	js_add_str(args, "session", session);
	js_add_str(args, "on-loss", e->on_loss);
	if (e->secondary_reads)
		json_object_object_add(args, "reads", disk_wwpns(e->disks));
	if (add_domain(e, args)) {
		json_object_put(args);
		return -1;
	}
	if (peer_call(&e->peer, "prepare", args, &answer))
		return -1;

	e->port = js_int(answer, "port");
	e->migration_port = js_int(answer, "migration-port");
	e->consoles = json_object_get(js_get(answer, "consoles"));
	json_object_put(answer);
	return 0;
}

static int step_copy(struct enable *e)
{
	/* Set first: whether a request that failed had an effect is unknown. */
	e->migrating = true;
	e->paused = true;
	return migrate_begin(e->qmp, e->link.peer, e->migration_port) ?:
	       migrate_wait_paused(e->qmp);
}

/* The module lets go of a VM that loses its peer before it runs. */
static int still_attached(struct enable *e)
{
	struct json_object *status;

	if (mod_vm_find(&e->mod, e->vm, &status))
		return -1;
	e->attached = status;
	json_object_put(status);
	return status ? 0 :
	       fail("the module let go of it, since the logging link or the copy was lost: the kernel's log tells which");
}

/* A request to the module about the VM, now that it is attached. */
static int vm_call(struct enable *e, int cmd, struct json_object **reply)
{
	char why[1000];

	if (!mod_vm_call(&e->mod, cmd, e->vm, reply))
		return 0;
	snprintf(why, sizeof(why), "%s", fail_why());
	return still_attached(e) ?: fail("%s", why);
}

/* Until QEMU there has taken in all that was sent. */
static int wait_arrived(struct enable *e)
{
	struct timespec pause = { .tv_nsec = PEER_POLL_NS };

	for (int polls = 1;; polls++) {
		struct json_object *answer;
		bool arrived;

		if (interrupt_check() || peer_call(&e->peer, "query", NULL, &answer))
			return -1;
		arrived = strcmp(js_str(answer, "status", ""), "inmigrate");
		json_object_put(answer);
		if (arrived)
			return 0;
		/* What a cut link swallowed never arrives. */
		if (polls % ATTACHED_POLLS == 0 && still_attached(e))
			return -1;
		nanosleep(&pause, NULL);
	}
}

static int step_attach(struct enable *e)
{
	struct attach at = {
		.name		= e->vm,
		.role		= KVM_FT_ROLE_PRIMARY,
		.on_loss	= nlattr_word("on-loss", e->on_loss),
		.session	= e->session,
		.pid		= e->qemu.pid,
		.peer_port	= e->port,
		.nics		= e->nics,
		.luns		= luns_to_read(e),
	};

	if (addr_parse(e->link.local, &at.local) || addr_parse(e->link.peer, &at.peer) ||
	    attach_vm(&e->mod, &at))
		return -1;
	e->attached = true;

	if (migrate_finish(e->qmp) || migrate_wait_completed(e->qmp))
		return -1;
	e->migrating = false;
	return wait_arrived(e);
}

/* The parts that differ, in words. */
static int compare(struct enable *e, char differing[DIFFERING_MAX])
{
	static const char *const parts[] = { "regs", "ram", "irqchip" };
	struct json_object *args = json_object_new_object();
	struct json_object *mine, *theirs;

	*differing = '\0';
	js_add_str(args, "name", e->vm);
	if (peer_call(&e->peer, "digest", args, &theirs))
		return -1;
	if (vm_call(e, KVM_FT_CMD_VM_DIGEST, &mine)) {
		json_object_put(theirs);
		return -1;
	}

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		const char *a = js_str(js_get(mine, "digest"), parts[i], "?");
		const char *b = js_str(js_get(theirs, "digest"), parts[i], "??");

		if (!strcmp(a, b))
			continue;
		if (*differing)
			strcat(differing, ", ");
		strcat(differing, parts[i]);
	}
	json_object_put(mine);
	json_object_put(theirs);
	return 0;
}

static int mend(struct enable *e)
{
	struct memory mem;
	int err;

	if (memory_open(&mem, &e->mod, e->vm, e->qemu.pid))
		return -1;
	err = mend_copy(&mem, &e->peer);
	memory_close(&mem);
	return err;
}

static int step_compare(struct enable *e)
{
	char differing[DIFFERING_MAX];

	if (compare(e, differing))
		return -1;
	/* Expected where vhost has read from a disk meanwhile; the rest is not. */
	if (!strcmp(differing, "ram") && (mend(e) || compare(e, differing)))
		return -1;
	return *differing ? fail("the copy is not equal; what differs: %s", differing) : 0;
}

static int step_run(struct enable *e)
{
	/* The copy first: it waits for the log, and the guest not for it. */
	if (vm_call(e, KVM_FT_CMD_VM_START, NULL) ||
	    peer_call(&e->peer, "cont", NULL, NULL) ||
	    qmp_call(e->qmp, "cont", NULL, NULL))
		return -1;
	/* Past this point the peer keeps the copy, and nothing is undone. */
	return peer_call(&e->peer, "commit", NULL, NULL);
}

static const struct step {
	const char *what;
	int (*run)(struct enable *e);
} steps[] = {
	{ "checking the guest and both hosts",		step_check },
	{ "starting QEMU on the peer",			step_peer },
	{ "copying the guest",				step_copy },
	{ "joining the two copies",			step_attach },
	{ "comparing the two copies",			step_compare },
	{ "running in lockstep",			step_run },
};

static void warn(const char *what)
{
	fprintf(stderr, "ftctl: enable: %s: %s\n", what, fail_why());
}

/* Runs through, whatever fails: what is left to do is more important. */
static void undo(struct enable *e)
{
	char status[32];

	interrupt_ignore();
	if (e->attached && vm_call(e, KVM_FT_CMD_VM_DISABLE, NULL) && e->attached)
		warn("could not end protection");
	if (e->migrating && migrate_cancel(e->qmp))
		warn("could not stop copying");
	if (e->paused) {
		if (qmp_status(e->qmp, status, sizeof(status)) ||
		    (strcmp(status, "running") && qmp_call(e->qmp, "cont", NULL, NULL)))
			warn("could not resume the guest");
	}
	/* Without a commit the peer puts its side right by itself. */
	peer_close(&e->peer);
}

static void release(struct enable *e)
{
	peer_close(&e->peer);
	qmp_close(e->qmp);
	json_object_put(e->nics);
	json_object_put(e->disks);
	json_object_put(e->consoles);
	qemu_free(&e->qemu);
	if (e->mod.sk)
		mod_close(&e->mod);
}

/* Where the copy's consoles are seen, or that something must not be done there. */
static void tell_consoles(struct enable *e)
{
	for (size_t i = 0; i < js_length(e->consoles); i++) {
		struct json_object *console = json_object_array_get_idx(e->consoles, i);
		const char *id = js_str(console, "id", "?");
		const char *file = js_str(console, "file", NULL);

		if (!file)
			fprintf(stderr,
				"ftctl: enable: console %s on %s takes input, type nothing there: %s\n",
				id, e->host, js_str(console, "why", "?"));
		else if (!opt.json)
			printf("console %s on %s, until it is live: %s, no input\n",
			       id, e->host, file);
	}
}

static int finish(const struct command *cmd, struct enable *e)
{
	struct json_object *status;
	int err = 0;

	/* Protected all the same: disable will want to be told the peer. */
	if (runfile_write(e->vm, e->host))
		warn("the name of the peer could not be kept");
	if (opt.json) {
		if (mod_vm_call(&e->mod, KVM_FT_CMD_VM_GET, e->vm, &status)) {
			err = command_failed(cmd);
		} else {
			js_print(status);
			json_object_put(status);
		}
	} else {
		printf("%s is protected: primary here, secondary on %s\n", e->vm, e->host);
	}
	tell_consoles(e);
	return err;
}

static int protect(const struct command *cmd, struct enable *e)
{
	int err = 0;

	interrupt_catch();
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		progress_step(i + 1, ARRAY_SIZE(steps), "%s", steps[i].what);
		if (interrupt_check() || steps[i].run(e)) {
			progress_end();
			fail("%s is not protected: %s: %s", e->vm, steps[i].what, fail_why());
			err = command_failed(cmd);
			undo(e);
			break;
		}
	}
	if (!err)
		err = finish(cmd, e);
	release(e);
	return err;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	static const struct option options[] = {
		{ "peer",	required_argument, NULL, 'p' },
		{ "dev",	required_argument, NULL, 'd' },
		{ "addr",	required_argument, NULL, 'a' },
		{ "peer-addr",	required_argument, NULL, 'A' },
		{ "on-loss",	required_argument, NULL, 'l' },
		{ "secondary-reads", no_argument, NULL, 'r' },
		{}
	};
	struct enable e = { .on_loss = "ask" };
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'p':
			e.host = optarg;
			break;
		case 'd':
			e.dev = optarg;
			break;
		case 'a':
			e.addr = optarg;
			break;
		case 'A':
			e.peer_addr = optarg;
			break;
		case 'l':
			e.on_loss = optarg;
			break;
		case 'r':
			e.secondary_reads = true;
			break;
		default:
			return command_usage(cmd, "%s is no option, or lacks its value",
					     argv[optind - 1]);
		}
	}
	if (optind == argc)
		return command_usage(cmd, "which VM?");
	if (optind + 1 < argc)
		return command_usage(cmd, "one VM at a time, '%s' is too much",
				     argv[optind + 1]);
	if (!e.host || !*e.host)
		return command_usage(cmd, "which peer? (--peer HOST)");
	if (e.dev && e.addr)
		return command_usage(cmd, "either --dev or --addr");
	if (nlattr_word("on-loss", e.on_loss) < 0)
		return command_usage(cmd, "--on-loss is ask or promote, not '%s'", e.on_loss);
	e.vm = argv[optind];
	return protect(cmd, &e);
}

const struct command cmd_enable = {
	.name		= "enable",
	.usage		=
"VM --peer HOST [--dev DEV|--addr ADDR] [--peer-addr ADDR] [--on-loss ask|promote] [--secondary-reads]",
	.summary	= "protect a running VM by a secondary on another host",
	.help		=
"The other host is reached by ssh, and needs QEMU, ftctl and the module kvm_ft.\n"
"When a step fails, the guest goes on unprotected where it was.\n"
"\n"
"  --peer HOST       the other host, as ssh knows it\n"
"  --dev DEV         interface of the logging link on this host\n"
"  --addr ADDR       or its address on this host\n"
"  --peer-addr ADDR  address of the logging link on the other host\n"
"  --on-loss ask     when a host loses the other, hold the guest and ask (default)\n"
"  --on-loss promote when a host loses the other, go on without asking; safe only\n"
"                    when a lost link always means a lost host\n"
"  --secondary-reads the other host reads the guest's disk itself, so that what the\n"
"                    guest reads does not go over the logging link\n",
	.run		= run,
};
