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
 *	no_vhost	vhost is asked for, but not to be had
 *	macs		{ name of a NIC: address the guest has given it }
 *	ram		"read-only": guest memory is
 *
 * FTCTL_TEST_DIR/ram, if it is there, is guest memory.
 * The monitor that libvirt would hold is FTCTL_TEST_DIR/libvirt.qmp.
 * FTCTL_TEST_DIR/qmp.log gets the commands, FTCTL_TEST_DIR/chardevs what was to
 * be changed of these.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../ftctl.h"
#include "../js.h"
#include "../qemuargs.h"

/* Where guest memory is: what else is there leaves this to us. */
#define RAM_ADDRESS	((void *)(1UL << 40))

enum slot { QMP_SERVER, QMP, MIGRATION_SERVER, MIGRATION, SLOTS };

static struct pollfd fds[SLOTS];
static struct json_object *config;
static const char *run_state = "running";
static const char *migration = "none";
static const char *migration_error;
static int steps_left;
static bool pause_before_switchover;
static char **args;
static struct json_object *chardevs;	/* what is behind those that were changed */

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

/* A value in the options of the device at @path. */
static char *device_val(const char *path, const char *key)
{
	const char *name = strrchr(path, '/') + 1;
	int nr = 0;

	for (char **a = args; a[0] && a[1]; a++) {
		char *id, anon[32];
		bool found;

		if (strcmp(a[0], "-device"))
			continue;
		id = optval(a[1], "id");
		if (!id)
			snprintf(anon, sizeof(anon), "device[%d]", nr++);
		found = !strcmp(id ?: anon, name);
		free(id);
		if (found)
			return key ? optval(a[1], key) : strdup(a[1]);
	}
	return NULL;
}

static struct json_object *qom_get(struct json_object *request)
{
	const char *path = js_str(request, "path", "");
	const char *property = js_str(request, "property", "");
	char *value;

	if (!strcmp(path, "/machine"))
		return json("\"off\"");
	value = device_val(path, property);
	if (!value || !strcmp(value, "on") || !strcmp(value, "off"))
		return json_object_new_boolean(value && !strcmp(value, "on"));
	return json_object_new_string(value);
}

static struct json_object *qom_list(struct json_object *request)
{
	bool anonymous = strstr(js_str(request, "path", ""), "-anon");
	struct json_object *list = json("[{\"name\": \"type\", \"type\": \"string\"}]");
	int nr = 0;

	for (char **a = args; a[0] && a[1]; a++) {
		struct json_object *o;
		char *id, *type, text[100];

		if (strcmp(a[0], "-device"))
			continue;
		id = optval(a[1], "id");
		if (!id == anonymous) {
			o = json_object_new_object();
			type = either_optval(a[1], "driver") ?: optval(a[1], NULL);
			snprintf(text, sizeof(text), "child<%s>", type);
			js_add_str(o, "type", text);
			snprintf(text, sizeof(text), "device[%d]", nr++);
			js_add_str(o, "name", id ?: text);
			json_object_array_add(list, o);
			free(type);
		}
		free(id);
	}
	return list;
}

static char *netdev_type(const char *opts)
{
	return *opts == '{' ? netdev_val(opts, "type") : optval(opts, NULL);
}

static struct json_object *info_network(void)
{
	char text[4096] = "hub 0\r\n \\ hub0port0\r\nunused: index=0,type=user,net=10.0.2.0\r\n";
	size_t n = strlen(text);
	int nr = 0;

	for (char **a = args; a[0] && a[1]; a++) {
		char *id = optval(a[1], "id"), *type = optval(a[1], NULL);
		char *mac = optval(a[1], "mac"), *netdev = optval(a[1], "netdev");
		const char *opts = netdev ? args_netdev(args, netdev) : NULL;
		char *backend = opts ? netdev_type(opts) : NULL;
		char *tap = netdev_val(opts, "ifname"), *queues = netdev_val(opts, "queues");
		char name[40];
		bool is_nic = !strcmp(a[0], "-device") && (mac || netdev);

		snprintf(name, sizeof(name), "%s.%d", type ?: "", nr);
		nr += is_nic && !id;
		for (int i = 0; is_nic && i < (queues ? atoi(queues) : 1); i++) {
			n += snprintf(text + n, sizeof(text) - n,
				      "%s: index=%d,type=nic,model=%s,macaddr=%s\r\n",
				      id ?: name, i, type, mac ?: "52:54:00:12:34:56");
			if (backend)
				n += snprintf(text + n, sizeof(text) - n,
					      " \\ %s: index=%d,type=%s,%s%s,script=no\r\n",
					      netdev, i, backend, tap ? "ifname=" : "fd=9",
					      tap ?: "");
		}
		free(id);
		free(type);
		free(mac);
		free(netdev);
		free(backend);
		free(tap);
		free(queues);
	}
	return json_object_new_string(text);
}

/* QEMU does not tell them in the order of the command line. */
static struct json_object *query_rx_filter(void)
{
	struct json_object *reversed = json_object_new_array();
	struct json_object *list = json_object_new_array();
	int nr = 0;

	for (char **a = args; a[0] && a[1]; a++) {
		char *id = optval(a[1], "id"), *type = optval(a[1], NULL);
		char *mac = optval(a[1], "mac"), *netdev = optval(a[1], "netdev");
		char name[40];

		snprintf(name, sizeof(name), "%s.%d", type ?: "", nr);
		if (!strcmp(a[0], "-device") && (mac || netdev)) {
			struct json_object *o = json_object_new_object();

			nr += !id;
			js_add_str(o, "name", id ?: name);
			js_add_str(o, "main-mac",
				   js_str(js_get(config, "macs"), id ?: name,
					  mac ?: "52:54:00:12:34:56"));
			json_object_array_add(list, o);
		}
		free(id);
		free(type);
		free(mac);
		free(netdev);
	}
	for (int i = json_object_array_length(list); i--;)
		json_object_array_add(reversed,
				      json_object_get(json_object_array_get_idx(list, i)));
	json_object_put(list);
	return reversed;
}

static struct json_object *change_chardev(struct json_object *request)
{
	const char *type = js_str(js_get(request, "backend"), "type", "?");
	FILE *f = fopen(in_dir("chardevs"), "a");

	fprintf(f, "%s\n", json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN |
							  JSON_C_TO_STRING_NOSLASHESCAPE));
	fclose(f);
	chardevs = chardevs ?: json_object_new_object();
	js_add_str(chardevs, js_str(request, "id", "?"), type);
	return json(strcmp(type, "pty") ? "{}" : "{\"pty\": \"/dev/pts/77\"}");
}

static struct json_object *query_chardev(void)
{
	struct json_object *list = json_object_new_array();

	if (!chardevs)
		return list;
	json_object_object_foreach(chardevs, id, type) {
		struct json_object *o = json_object_new_object();

		js_add_str(o, "label", id);
		js_add_str(o, "filename", json_object_get_string(type));
		json_object_array_add(list, o);
	}
	return list;
}

/* What the monitor returns; NULL: it does not know the command. */
static struct json_object *execute(const char *command, struct json_object *arguments)
{
	if (!strcmp(command, "query-status"))
		return query_status();
	if (!strcmp(command, "query-kvm"))
		return json("{\"enabled\": true, \"present\": true}");
	if (!strcmp(command, "query-cpus-fast"))
		return json("[{\"cpu-index\": 0}]");
	if (!strcmp(command, "query-block"))
		return json("[]");
	if (!strcmp(command, "qom-list"))
		return qom_list(arguments);
	if (!strcmp(command, "qom-get"))
		return qom_get(arguments);
	if (!strcmp(command, "human-monitor-command"))
		return info_network();
	if (!strcmp(command, "query-rx-filter"))
		return query_rx_filter();
	if (!strcmp(command, "query-pci"))
		return json("[{\"devices\": [{\"slot\": 0, \"class_info\": {\"class\": 1536}}]}]");
	if (!strcmp(command, "chardev-change"))
		return change_chardev(arguments);
	if (!strcmp(command, "query-chardev"))
		return query_chardev();
	if (!strcmp(command, "query-migrate"))
		return query_migrate();
	if (!strcmp(command, "migrate"))
		migrate(arguments);
	else if (!strcmp(command, "migrate-incoming"))
		listen_for_guest(arguments);
	else if (!strcmp(command, "migrate-set-capabilities"))
		set_capabilities(arguments);
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

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	unlink(addr.sun_path);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 1)) {
		perror(addr.sun_path);
		exit(1);
	}
	return fd;
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	fprintf(f, "%s", text);
	fclose(f);
}

/* A descriptor of this kind, with the number that the -netdev has for it, if any. */
static int open_as(const char *kind, const char *opts, const char *key)
{
	char *number = netdev_val(opts, key);
	int fd = memfd_create(kind, 0);

	if (number) {
		dup2(fd, atoi(number));
		close(fd);
		fd = atoi(number);
	}
	free(number);
	return fd;
}

/*
 * The descriptors of a -netdev, in QEMU's order; fdinfo of those of a tap. One that was
 * handed down is called by its number.
 */
static void open_netdev(const char *opts, const char *fdinfo)
{
	char *type = netdev_type(opts), *tap = netdev_val(opts, "ifname");
	char *queues = netdev_val(opts, "queues"), *handed = netdev_val(opts, "fd");
	char path[512], text[60];

	for (int i = 0; !strcmp(type ?: "", "tap") && i < (queues ? atoi(queues) : 1); i++) {
		int fd = open_as("tun", opts, "fd");
		char name[20];

		snprintf(name, sizeof(name), "vnet%d", fd);
		snprintf(path, sizeof(path), "%.400s/%d", fdinfo, fd);
		snprintf(text, sizeof(text), "pos:\t0\nflags:\t02\niff:\t%s\n",
			 tap ?: handed ? name : "tap7");
		write_file(path, text);
		if (netdev_on(opts, "vhost") && !js_bool(config, "no_vhost"))
			open_as("vhost-net", opts, "vhostfd");
	}
	free(type);
	free(tap);
	free(handed);
	free(queues);
}

/* What ftctl looks at of a process. */
static void show_process(void)
{
	static const char *const files[] = { "cmdline", "fd", "mem" };
	static const char *const links[] = { "exe", "cwd" };
	char dir[400], path[512], target[PATH_MAX];

	snprintf(dir, sizeof(dir), "%s.%d", in_dir("proc"), getpid());
	mkdir(dir, 0700);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		snprintf(target, sizeof(target), "/proc/%d/%s", getpid(), files[i]);
		(void)!symlink(target, path);
	}
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/self/%s", links[i]);
		n = readlink(path, target, sizeof(target) - 1);
		target[n < 0 ? 0 : n] = '\0';
		snprintf(path, sizeof(path), "%s/%s", dir, links[i]);
		(void)!symlink(target, path);
	}
	snprintf(path, sizeof(path), "%s/fdinfo", dir);
	mkdir(path, 0700);

	memfd_create("kvm-vm", 0);
	memfd_create("kvm-vcpu:0", 0);
	for (char **a = args; a[0] && a[1]; a++) {
		if (!strcmp(a[0], "-netdev"))
			open_netdev(a[1], path);
		else if (!strcmp(a[0], "-device") && !strncmp(a[1], "vhost-scsi", 10))
			memfd_create("vhost-scsi", 0);
	}
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	/* Whole from the moment it is seen. */
	snprintf(path, sizeof(path), "%s/%d", in_dir("proc"), getpid());
	rename(dir, path);
}

static void open_ram(void)
{
	bool read_only = !strcmp(js_str(config, "ram", ""), "read-only");
	int prot = read_only ? PROT_READ : PROT_READ | PROT_WRITE;
	int fd = open(in_dir("ram"), O_RDWR);
	struct stat st;

	if (fd >= 0 && !fstat(fd, &st) &&
	    mmap(RAM_ADDRESS, st.st_size, prot, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0) !=
	    RAM_ADDRESS) {
		perror("ram");
		exit(1);
	}
	close(fd);
}

int main(int argc, char **argv)
{
	struct json_tokener *tokener = json_tokener_new();
	char *path;

	/* Two hosts have two file systems: "/proc/self/cwd/..." is such a path. */
	(void)!chdir(in_dir("."));
	args = argv;
	for (int i = 0; i < SLOTS; i++)
		fds[i] = (struct pollfd){ .fd = -1, .events = POLLIN };

	path = args_qmp_path(argv);
	if (!path && args_qmp_inherited(argv))
		path = "libvirt.qmp";
	if (path)
		fds[QMP_SERVER].fd = qmp_listen(path);
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "-incoming"))
			run_state = "inmigrate";
		else if (!strcmp(argv[i], "-nonsense"))
			return fprintf(stderr, "qemu: -nonsense: invalid option\n"), 1;
	}
	signal(SIGPIPE, SIG_IGN);
	reload_config();
	open_ram();
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
