// SPDX-License-Identifier: GPL-2.0-only
/*
 * count [-p PID] [FILE ...]: what this host does by itself. For each line on the standard
 * input it prints one: the instructions retired so far on all processors, in kernel
 * and programs but not in guests, and the number in each of the files. One that is
 * not there counts as 0. With -p it is only the threads of that process, those of
 * vhost among them.
 *
 * It is started once: a program started for each question would count itself.
 */
#include <dirent.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_COUNTERS	64

static int counters[MAX_COUNTERS], nr_counters;

/* An event is of a task (and those that it starts) or of a processor. */
static void open_counter(int tid, int cpu)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_HW_INSTRUCTIONS,
		.exclude_guest = 1,
		.pinned = 1,
		.inherit = tid >= 0,
	};
	int fd;

	if (nr_counters == MAX_COUNTERS) {
		fprintf(stderr, "more than %d processors or threads\n", MAX_COUNTERS);
		exit(1);
	}
	fd = syscall(SYS_perf_event_open, &attr, tid, cpu, -1, 0);
	if (fd < 0) {
		perror("perf_event_open");
		exit(1);
	}
	counters[nr_counters++] = fd;
}

static void open_processors(void)
{
	int i, cpus = sysconf(_SC_NPROCESSORS_ONLN);

	for (i = 0; i < cpus; i++)
		open_counter(-1, i);
}

static void open_threads(const char *pid)
{
	char path[64];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/task", pid);
	dir = opendir(path);
	if (!dir) {
		perror(path);
		exit(1);
	}
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] != '.')
			open_counter(atoi(entry->d_name), -1);
	}
	closedir(dir);
}

static unsigned long long number_in(const char *path)
{
	unsigned long long number = 0;
	FILE *file = fopen(path, "r");

	if (!file)
		return 0;
	if (fscanf(file, "%llu", &number) != 1)
		number = 0;
	fclose(file);
	return number;
}

int main(int argc, char **argv)
{
	unsigned long long sum, count;
	int i, files = 1;
	char line[16];

	if (argc > 2 && !strcmp(argv[1], "-p")) {
		open_threads(argv[2]);
		files = 3;
	} else {
		open_processors();
	}
	while (fgets(line, sizeof(line), stdin)) {
		sum = 0;
		for (i = 0; i < nr_counters; i++) {
			if (read(counters[i], &count, sizeof(count)) != sizeof(count)) {
				fprintf(stderr, "the counter is not there\n");
				return 1;
			}
			sum += count;
		}
		printf("%llu", sum);
		for (i = files; i < argc; i++)
			printf(" %llu", number_in(argv[i]));
		putchar('\n');
		fflush(stdout);
	}
	return 0;
}
