// SPDX-License-Identifier: GPL-2.0-only
/*
 * A table that clients write to and read from, one request and one reply at a time,
 * in lines:
 *
 *	set KEY VALUE	sets a key to a value, and makes its version one more
 *	get KEY
 *	KEY VALUE VERSION	is the reply to both
 *
 *	reqrep serve [DATABASE [OPTION ...]]	the table is in memory, or in SQLite's file
 *	reqrep load ADDRESS LOG [OPTION ...]	write, and log what was acknowledged
 *	reqrep verify ADDRESS LOG [OPTION ...]	is all of that there?
 *
 *	rate=N	requests a second, at most (0: as many as there can be)
 *	count=N	end after so many (0: with SIGTERM)
 *	first=N, keys=N	the keys to write to (0, 64): clients that write at the same
 *		time need keys of their own
 *	seed=N	of the values (1)
 *	port=N	(7002)
 *
 * The client demands that each version is one more than that before, so that a
 * write which got lost or came twice is found at once. Its log has "?" lines for what
 * it was about to write, and "!" lines for what was acknowledged. One that is
 * started again with its log goes on with it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "database.h"
#include "mix.h"
#include "tcp.h"

#define KEYS	4096

/**
 * struct entry - what a key has
 * @value: last written
 * @version: number of writes
 */
struct entry {
	u64 value;
	u64 version;
};

/* The server's, shared by its processes; or the file that has it. */
static struct entry *table;
static const char *database;

static u64 port = 7002, rate, count, first, keys = 64, seed = 1;

static void set(u64 key, u64 value)
{
	if (database) {
		database_set(key, value);
		return;
	}
	table[key].value = value;
	table[key].version++;
}

static struct entry get(u64 key)
{
	struct entry entry;

	if (!database)
		return table[key];
	database_get(key, &entry.value, &entry.version);
	return entry;
}

static void serve(int fd)
{
	FILE *in = fdopen(fd, "r"), *out = fdopen(fd, "w");
	struct entry entry;
	u64 key, value;
	char line[80];

	if (database)
		database_open(database);
	while (fgets(line, sizeof(line), in)) {
		if (sscanf(line, "set %lu %lu", &key, &value) == 2 && key < KEYS)
			set(key, value);
		else if (sscanf(line, "get %lu", &key) != 1 || key >= KEYS)
			fail("what is %s?", line);
		entry = get(key);
		fprintf(out, "%lu %lu %lu\n", key, entry.value, entry.version);
		fflush(out);
	}
}

/* The client's connection, and what it believes the table to be. */
static FILE *in, *out;
static struct entry known[KEYS];
/* A write that may have come through and was not acknowledged. */
static bool pending[KEYS];
static struct entry next[KEYS];

/* Send what was printed to @out; false when the program is to stop. */
static bool get_reply(u64 key, struct entry *entry)
{
	u64 replied;
	char line[80];

	fflush(out);
	if (!fgets(line, sizeof(line), in)) {
		if (stopped)
			return false;
		tcp_broken("no reply");
	}
	if (sscanf(line, "%lu %lu %lu", &replied, &entry->value,
		   &entry->version) != 3 || replied != key)
		fail("key %lu: the reply is %s", key, line);
	return true;
}

static bool same(const struct entry *a, const struct entry *b)
{
	return a->value == b->value && a->version == b->version;
}

/* What the client knew when its log ended. */
static void read_log(FILE *log)
{
	struct entry entry;
	u64 key;
	char kind;

	while (fscanf(log, " %c %lu %lu %lu", &kind, &key, &entry.value,
		      &entry.version) == 4 && key < KEYS) {
		pending[key] = kind == '?';
		if (kind == '?')
			next[key] = entry;
		else
			known[key] = entry;
	}
	if (!feof(log))
		fail("the log is not one of ours");
}

static int compare_times(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/* Of sorted times, the one within which so many per cent of all are. */
static u64 percentile(const u64 *times, u64 n, u64 percent)
{
	return n ? times[(n - 1) * percent / 100] : 0;
}

static void load(FILE *log)
{
	u64 start = now_ns(), last_print = start, longest = 0, done, sent, key, now;
	u64 *times = NULL, room = 0;
	struct entry reply;

	for (done = 0; !stopped && (!count || done < count); done++) {
		key = first + done % keys;
		next[key].value = mix(seed, done);
		next[key].version = known[key].version + 1;
		fprintf(log, "? %lu %lu %lu\n", key, next[key].value, next[key].version);
		fflush(log);

		sent = now_ns();
		fprintf(out, "set %lu %lu\n", key, next[key].value);
		if (!get_reply(key, &reply))
			break;
		now = now_ns();
		if (!same(&reply, &next[key]))
			fail("key %lu is %lu in version %lu, not %lu in version %lu", key,
			     reply.value, reply.version, next[key].value, next[key].version);
		known[key] = reply;
		fprintf(log, "! %lu %lu %lu\n", key, reply.value, reply.version);
		fflush(log);

		if (now - sent > longest)
			longest = now - sent;
		if (done == room) {
			room = room ? 2 * room : 1024;
			times = realloc(times, room * sizeof(*times));
			if (!times)
				fail("no memory for %lu times", room);
		}
		times[done] = now - sent;
		if (now - last_print >= NS_PER_S) {
			last_print = now;
			printf("%lu requests, longest %lu us\n", done + 1, longest / 1000);
			fflush(stdout);
		}
		if (rate)
			sleep_until(start + (done + 1) * NS_PER_S / rate);
	}
	now = now_ns();
	qsort(times, done, sizeof(*times), compare_times);
	printf("done: %lu requests in %lu ms, longest %lu us, median %lu us, 99%% within %lu us\n",
	       done, (now - start) / 1000000, longest / 1000, percentile(times, done, 50) / 1000,
	       percentile(times, done, 99) / 1000);
	free(times);
}

static void verify(void)
{
	struct entry reply;
	u64 key, right = 0;

	for (key = 0; key < KEYS; key++) {
		if (!known[key].version && !pending[key])
			continue;
		fprintf(out, "get %lu\n", key);
		if (!get_reply(key, &reply))
			fail("stopped before all was read");
		if (!same(&reply, &known[key]) && !(pending[key] && same(&reply, &next[key])))
			fail("key %lu is %lu in version %lu, acknowledged was %lu in version %lu",
			     key, reply.value, reply.version, known[key].value,
			     known[key].version);
		right++;
	}
	if (!right)
		fail("the log has no key");
	printf("done: %lu keys are right\n", right);
}

int main(int argc, char **argv)
{
	const struct option_number options[] = {
		{ "rate=", &rate },
		{ "count=", &count },
		{ "first=", &first },
		{ "keys=", &keys },
		{ "seed=", &seed },
		{ "port=", &port },
	};
	FILE *log;
	int fd;

	if (argc >= 2 && !strcmp(argv[1], "serve")) {
		if (argc > 2) {
			database = argv[2];
			take_options(argv + 3, options, ARRAY_SIZE(options));
		}
		table = mmap(NULL, KEYS * sizeof(*table), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (table == MAP_FAILED)
			fail("no memory for the table");
		tcp_serve(port, serve);
	}
	if (argc < 4 || (strcmp(argv[1], "load") && strcmp(argv[1], "verify")))
		fail("usage: reqrep serve | load ADDRESS LOG ... | verify ADDRESS LOG ...");
	take_options(argv + 4, options, ARRAY_SIZE(options));
	if (!keys || first + keys > KEYS)
		fail("there are only %d keys", KEYS);

	log = fopen(argv[3], strcmp(argv[1], "load") ? "r" : "a+");
	if (!log)
		fail("%s: %m", argv[3]);
	read_log(log);
	fd = tcp_connect(argv[2], port);
	in = fdopen(fd, "r");
	out = fdopen(dup(fd), "w");
	if (strcmp(argv[1], "load"))
		verify();
	else
		load(log);
	return 0;
}
