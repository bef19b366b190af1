// SPDX-License-Identifier: GPL-2.0-only
/*
 * As much of QEMU as ftctl sees: its process, its descriptors of KVM, its
 * monitor, and a migration that sends nothing.
 *
 * FTCTL_TEST_DIR/qemu.json changes what the monitor says:
 *
 *	returns		{ command: value to return }
 *	errors		{ command: description }
 *	die		a command at which it exits, saying so on standard error
 *	steps		queries until the memory is sent (4)
 *
 * FTCTL_TEST_DIR/qmp.log gets the commands.
 */
#include <arpa/inet.h>
#include <json-c/json.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../ftctl.h"
#include "../js.h"

enum slot { QMP_SERVER, QMP, MIGRATION_SERVER, MIGRATION, SLOTS };

static struct pollfd fds[SLOTS];
static struct json_object *config;
static const char *run_state = "running";
static const char *migration = "none";
static const char *migration_error;
static int steps_left;
static bool pause_before_switchover;

static const char *in_dir(const char *name)
{
	static char path[300];

	snprintf(path, sizeof(path), "%s/%s", getenv("FTCTL_TEST_DIR"), name);
	return path;
}

static void reload_config(void)
{
	json_object_put(config);
	config = json_object_from_file(in_dir("qemu.json"));
}

static void log_command(const char *command)
{
	FILE *f = fopen(in_dir("qmp.log"), "a");

	fprintf(f, "%s\n", command);
	fclose(f);
}

static struct json_object *sockaddr_of(int fd)
{
	struct json_object *list = json_object_new_array();
	struct json_object *o = json_object_new_object();
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);
	char port[8];

	getsockname(fd, (struct sockaddr *)&sin, &len);
	snprintf(port, sizeof(port), "%d", ntohs(sin.sin_port));
	js_add_str(o, "type", "inet");
	js_add_str(o, "host", "127.0.0.1");
	js_add_str(o, "port", port);
	json_object_array_add(list, o);
	return list;
}

static struct sockaddr_in uri_addr(struct json_object *args)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	char host[64] = "";
	int port = 0;

	if (sscanf(js_str(args, "uri", ""), "tcp:%63[^:]:%d", host, &port) != 2)
		exit(1);
	inet_pton(AF_INET, host, &sin.sin_addr);
	sin.sin_port = htons(port);
	return sin;
}

static void listen_for_guest(struct json_object *args)
{
	struct sockaddr_in sin = uri_addr(args);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) || listen(fd, 1)) {
		perror("migrate-incoming");
		exit(1);
	}
	fds[MIGRATION_SERVER].fd = fd;
}

static void migrate(struct json_object *args)
{
	struct sockaddr_in sin = uri_addr(args);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	migration = "active";
	steps_left = js_get(config, "steps") ? js_int(config, "steps") : 4;
	if (connect(fd, (struct sockaddr *)&sin, sizeof(sin))) {
		migration = "failed";
		migration_error = "Connection refused";
		close(fd);
		return;
	}
	fds[MIGRATION].fd = fd;
}

static struct json_object *query_migrate(void)
{
	struct json_object *o = json_object_new_object();
	struct json_object *ram = json_object_new_object();

	if (fds[MIGRATION_SERVER].fd >= 0)
		json_object_object_add(o, "socket-address",
				       sockaddr_of(fds[MIGRATION_SERVER].fd));
	if (!strcmp(migration, "active") && steps_left-- <= 0) {
		/* ftctl would wait for ever if it had not asked for this. */
		migration = pause_before_switchover ? "pre-switchover" : "completed";
		run_state = "paused";
	}
	js_add_int(ram, "total", 4 << 20);
	js_add_int(ram, "remaining", steps_left > 0 ? steps_left << 20 : 0);
	js_add_int(ram, "transferred", 1 << 20);
	json_object_object_add(o, "ram", ram);
	js_add_str(o, "status", migration);
	if (migration_error)
		js_add_str(o, "error-desc", migration_error);
	return o;
}

static void set_capabilities(struct json_object *args)
{
	struct json_object *list = js_get(args, "capabilities");

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *cap = json_object_array_get_idx(list, i);

		if (!strcmp(js_str(cap, "capability", ""), "pause-before-switchover"))
			pause_before_switchover = js_bool(cap, "state");
	}
}

static void close_migration(void)
{
	if (fds[MIGRATION].fd >= 0)
		close(fds[MIGRATION].fd);
	fds[MIGRATION].fd = -1;
}

static void finish_migration(void)
{
	(void)!write(fds[MIGRATION].fd, "D", 1);
	migration = "completed";
	run_state = "postmigrate";
}

static void cancel_migration(void)
{
	close_migration();
	migration = "cancelled";
	run_state = "running";
}

static struct json_object *json(const char *text)
{
	return json_tokener_parse(text);
}

static struct json_object *query_status(void)
{
	struct json_object *o = json_object_new_object();

	js_add_str(o, "status", run_state);
	return o;
}

/* What the monitor returns; NULL: it does not know the command. */
static struct json_object *execute(const char *command, struct json_object *args)
{
	if (!strcmp(command, "query-status"))
		return query_status();
	if (!strcmp(command, "query-kvm"))
		return json("{\"enabled\": true, \"present\": true}");
	if (!strcmp(command, "query-cpus-fast"))
		return json("[{\"cpu-index\": 0}]");
	if (!strcmp(command, "query-block") || !strcmp(command, "qom-list"))
		return json("[]");
	if (!strcmp(command, "query-pci"))
		return json("[{\"devices\": [{\"slot\": 0, \"class_info\": {\"class\": 1536}}]}]");
	if (!strcmp(command, "qom-get"))
		return json("\"off\"");
	if (!strcmp(command, "query-migrate"))
		return query_migrate();
	if (!strcmp(command, "migrate"))
		migrate(args);
	else if (!strcmp(command, "migrate-incoming"))
		listen_for_guest(args);
	else if (!strcmp(command, "migrate-set-capabilities"))
		set_capabilities(args);
	else if (!strcmp(command, "cont"))
		run_state = "running";
	else if (!strcmp(command, "migrate-continue"))
		finish_migration();
	else if (!strcmp(command, "migrate_cancel"))
		cancel_migration();
	else if (strcmp(command, "qmp_capabilities"))
		return NULL;
	return json_object_new_object();
}

static void answer(struct json_object *o)
{
	dprintf(fds[QMP].fd, "%s\r\n", json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
}

static void serve(struct json_object *request)
{
	const char *command = js_str(request, "execute", "");
	struct json_object *reply = json_object_new_object();
	struct json_object *value;
	const char *error;

	reload_config();
	log_command(command);
	if (!strcmp(js_str(config, "die", ""), command)) {
		fprintf(stderr, "qemu: told to die at %s\n", command);
		exit(1);
	}
	error = js_str(js_get(config, "errors"), command, NULL);
	value = json_object_get(js_get(js_get(config, "returns"), command));
	if (!error && !value) {
		value = execute(command, js_get(request, "arguments"));
		if (!value)
			error = "The command has not been found";
	}
	if (error) {
		struct json_object *e = json_object_new_object();

		js_add_str(e, "class", "GenericError");
		js_add_str(e, "desc", error);
		json_object_object_add(reply, "error", e);
	} else {
		json_object_object_add(reply, "return", value);
	}
	/* Events come when they like; ftctl must not take them for answers. */
	answer(json("{\"event\": \"NOISE\", \"data\": {}}"));
	answer(reply);
	json_object_put(request);
}

static void from_client(struct json_tokener *tokener)
{
	char buf[4096];
	ssize_t n = read(fds[QMP].fd, buf, sizeof(buf));
	ssize_t at = 0;

	if (n <= 0) {
		close(fds[QMP].fd);
		fds[QMP].fd = -1;
		return;
	}
	while (at < n && fds[QMP].fd >= 0) {
		struct json_object *o = json_tokener_parse_ex(tokener, buf + at, n - at);

		at += json_tokener_get_parse_end(tokener);
		if (o)
			serve(o);
	}
}

static void from_migration(void)
{
	char c = 0;

	/* QEMU exits when the guest it waits for does not come. */
	if (fds[MIGRATION_SERVER].fd >= 0 && read(fds[MIGRATION].fd, &c, 1) != 1) {
		fprintf(stderr, "qemu: the migration broke\n");
		exit(1);
	}
	if (c == 'D')
		run_state = "paused";
	if (fds[MIGRATION_SERVER].fd < 0) {
		if (strcmp(migration, "completed")) {
			migration = "failed";
			migration_error = "the peer hung up";
		}
		close_migration();
	}
	if (c == 'D')
		close_migration();
}

static int qmp_listen(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%.*s",
		 (int)strcspn(path, ","), path);
	unlink(addr.sun_path);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 1)) {
		perror(addr.sun_path);
		exit(1);
	}
	return fd;
}

static void show_process(void)
{
	char link[400], target[40];

	memfd_create("kvm-vm", 0);
	memfd_create("kvm-vcpu:0", 0);
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	snprintf(target, sizeof(target), "/proc/%d", getpid());
	snprintf(link, sizeof(link), "%s/%d", in_dir("proc"), getpid());
	(void)!symlink(target, link);
}

int main(int argc, char **argv)
{
	struct json_tokener *tokener = json_tokener_new();

	/* Two hosts have two file systems: "/proc/self/cwd/..." is such a path. */
	(void)!chdir(in_dir("."));
	for (int i = 0; i < SLOTS; i++)
		fds[i] = (struct pollfd){ .fd = -1, .events = POLLIN };

	for (int i = 1; i < argc; i++) {
		const char *path = strstr(argv[i], "path=");

		if (!strcmp(argv[i], "-incoming"))
			run_state = "inmigrate";
		else if (!strncmp(argv[i], "unix:", 5))
			fds[QMP_SERVER].fd = qmp_listen(argv[i] + 5);
		else if (path)
			fds[QMP_SERVER].fd = qmp_listen(path + 5);
		else if (!strcmp(argv[i], "-nonsense"))
			return fprintf(stderr, "qemu: -nonsense: invalid option\n"), 1;
	}
	signal(SIGPIPE, SIG_IGN);
	show_process();

	while (poll(fds, SLOTS, -1) > 0) {
		if (fds[QMP_SERVER].revents && fds[QMP].fd < 0) {
			fds[QMP].fd = accept(fds[QMP_SERVER].fd, NULL, NULL);
			answer(json("{\"QMP\": {\"capabilities\": []}}"));
		} else if (fds[QMP].fd >= 0 && fds[QMP].revents) {
			from_client(tokener);
		}
		if (fds[MIGRATION_SERVER].fd >= 0 && fds[MIGRATION_SERVER].revents)
			fds[MIGRATION].fd = accept(fds[MIGRATION_SERVER].fd, NULL, NULL);
		if (fds[MIGRATION].fd >= 0 && fds[MIGRATION].revents)
			from_migration();
	}
	return 0;
}
