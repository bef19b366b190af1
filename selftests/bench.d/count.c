// SPDX-License-Identifier: GPL-2.0-only
/*
 * count [FILE ...]: what this host does by itself. For each line on the standard
 * input it prints one: the instructions retired so far on all processors, in kernel
 * and programs but not in guests, and the number in each of the files. One that is
 * not there counts as 0.
 *
 * It is started once: a program started for each question would count itself.
 */
#include <linux/perf_event.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_CPUS	64

/* One counter for each processor: an event is of a task or of a processor. */
static int open_counter(int cpu)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_HW_INSTRUCTIONS,
		.exclude_guest = 1,
		.pinned = 1,
	};

	return syscall(SYS_perf_event_open, &attr, -1, cpu, -1, 0);
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
	int counters[MAX_CPUS], cpus = sysconf(_SC_NPROCESSORS_ONLN), i;
	unsigned long long sum, count;
	char line[16];

	if (cpus > MAX_CPUS)
		cpus = MAX_CPUS;
	for (i = 0; i < cpus; i++) {
		counters[i] = open_counter(i);
		if (counters[i] < 0) {
			perror("perf_event_open");
			return 1;
		}
	}
	while (fgets(line, sizeof(line), stdin)) {
		sum = 0;
		for (i = 0; i < cpus; i++) {
			if (read(counters[i], &count, sizeof(count)) != sizeof(count)) {
				fprintf(stderr, "the counter is not there\n");
				return 1;
			}
			sum += count;
		}
		printf("%llu", sum);
		for (i = 1; i < argc; i++)
			printf(" %llu", number_in(argv[i]));
		putchar('\n');
		fflush(stdout);
	}
	return 0;
}
