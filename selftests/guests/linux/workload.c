// SPDX-License-Identifier: GPL-2.0-only
/*
 * The workload of a Linux guest. Each round does all parts once and prints
 *
 *	chain NUMBER HASH MONOTONIC REALTIME TSC DIGEST
 *
 * HASH is FNV-1a over "PREVIOUS NUMBER MONOTONIC REALTIME TSC DIGEST", with the
 * hash of the line before it (16 zeroes before the first): whoever has the lines
 * can compute it again (verify-chain does), and a guest that went on from
 * another state than the one that was seen cannot go on with the chain.
 *
 * Options, from the arguments or as kvm_ft.NAME on the kernel's command line:
 *
 *	rate=N	lines a second, at most (3)
 *	every=N	seconds for a line (1); the rate is N times less then
 *	busy=N	per cent of the rest of a round's time spent computing (50);
 *		the guest sleeps through what is left
 *	count=N	end after so many lines (0: never)
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>
#include "parts.h"

#define NS_PER_S	1000000000ul

/**
 * struct times - the clocks a line tells
 * @monotonic: CLOCK_MONOTONIC, ns
 * @realtime: CLOCK_REALTIME, ns
 * @tsc: the processor's
 */
struct times {
	u64 monotonic;
	u64 realtime;
	u64 tsc;
};

static unsigned long rate = 3;
static unsigned long every = 1;
static unsigned long busy = 50;
static unsigned long count;

/* One write for one line, or other messages could come between. */
static void say(const char *fmt, va_list args)
{
	char line[256];
	int n = vsnprintf(line, sizeof(line) - 1, fmt, args);

	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n] = '\n';
	if (write(STDOUT_FILENO, line, n + 1) != n + 1)
		_exit(1);
}

static void print(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(fmt, args);
	va_end(args);
}

void complain(const char *fmt, ...)
{
	char text[200];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	print("chain BROKEN %s", text);
}

static u64 now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static struct times read_clocks(void)
{
	return (struct times) {
		.monotonic = now(CLOCK_MONOTONIC),
		.realtime = now(CLOCK_REALTIME),
		.tsc = __rdtsc(),
	};
}

static void compare(const char *clock, u64 before, u64 after)
{
	if (after < before)
		complain("%s went back from %lu to %lu", clock,
			 before, after);
}

static void check_clocks(const struct times *before, const struct times *after)
{
	compare("CLOCK_MONOTONIC", before->monotonic, after->monotonic);
	compare("CLOCK_REALTIME", before->realtime, after->realtime);
	compare("TSC", before->tsc, after->tsc);
}

/* Fill the round's time, part of it computing. */
static void pass_time(u64 until)
{
	u64 start = now(CLOCK_MONOTONIC), compute_until;
	struct timespec ts;
	int i;

	if (start >= until)
		return;
	compute_until = start + (until - start) * busy / 100;
	while (now(CLOCK_MONOTONIC) < compute_until)
		for (i = 0; i < 20000; i++)
			digest = digest & 1 ? digest * 3 + 1 : digest >> 1 ^ 0x9e3779b97f4a7c15;
	ts.tv_sec = until / NS_PER_S;
	ts.tv_nsec = until % NS_PER_S;
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

static void take_option(const char *option)
{
	static const struct {
		const char *name;
		unsigned long *value;
	} options[] = {
		{ "rate=", &rate },
		{ "every=", &every },
		{ "busy=", &busy },
		{ "count=", &count },
	};
	unsigned int i;
	size_t n;

	for (i = 0; i < ARRAY_SIZE(options); i++) {
		n = strlen(options[i].name);
		if (!strncmp(option, options[i].name, n))
			*options[i].value = strtoul(option + n, NULL, 10);
	}
}

static void take_kernel_options(void)
{
	FILE *file = fopen("/proc/cmdline", "r");
	char line[2048], *word, *rest = line;

	if (!file)
		return;
	if (fgets(line, sizeof(line), file))
		while ((word = strsep(&rest, "\n ")))
			if (!strncmp(word, "kvm_ft.", 7))
				take_option(word + 7);
	fclose(file);
}

int main(int argc, char **argv)
{
	char previous[17] = "0000000000000000", line[128];
	struct times last = {}, times;
	const struct part *part;
	u64 start, hash;
	unsigned long number;
	int i;

	if (!strcmp(argv[0], "workload-child"))
		return exec_child(argc, argv);
	take_kernel_options();
	for (i = 1; i < argc; i++)
		take_option(argv[i]);
	if (!rate || !every || busy > 100) {
		print("workload: rate and every have to be 1 or more, busy at most 100");
		return 2;
	}

	for (number = 0; !count || number < count; number++) {
		start = now(CLOCK_MONOTONIC);
		digest = HASH_INIT;
		for (part = parts; part->name; part++)
			part->run();
		pass_time(start + every * NS_PER_S / rate);

		times = read_clocks();
		check_clocks(&last, &times);
		last = times;
		snprintf(line, sizeof(line), "%s %lu %lu %lu %lu %016lx", previous, number,
			 times.monotonic,
			 times.realtime,
			 times.tsc, digest);
		hash = hash_bytes(HASH_INIT, line, strlen(line));
		snprintf(previous, sizeof(previous), "%016lx", hash);
		print("chain %lu %s %lu %lu %lu %016lx", number, previous,
		      times.monotonic,
		      times.realtime,
		      times.tsc, digest);
	}
	return 0;
}
