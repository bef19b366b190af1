// SPDX-License-Identifier: GPL-2.0
/*
 * count-branches PID: wait until the guest of that QEMU has retired a
 * conditional branch, by a counter that sees nothing but guests; fail if that
 * counter has seen a branch of this program.
 */
#include <dirent.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_counter(int tid)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_RAW,
		.size = sizeof(attr),
		.config = 0xd1,
		.exclude_host = 1,
		.pinned = 1,
	};

	return syscall(SYS_perf_event_open, &attr, tid, -1, -1, 0);
}

static long long read_counter(int fd)
{
	long long count;

	if (read(fd, &count, sizeof(count)) != sizeof(count)) {
		fprintf(stderr, "the counter is not there\n");
		exit(1);
	}
	return count;
}

int main(int argc, char **argv)
{
	long long sum = 0;
	int fd[64], n = 0, self = open_counter(0);
	struct dirent *d;
	char path[64];
	DIR *dir;

	if (argc != 2 || self < 0)
		return 2;
	snprintf(path, sizeof(path), "/proc/%s/task", argv[1]);
	dir = opendir(path);
	while (dir && (d = readdir(dir)) && n < 64) {
		if (d->d_name[0] == '.')
			continue;
		fd[n] = open_counter(atoi(d->d_name));
		if (fd[n] < 0) {
			perror("perf_event_open");
			return 1;
		}
		n++;
	}
	while (n && !sum) {
		usleep(100000);
		for (int i = 0; i < n; i++)
			sum += read_counter(fd[i]);
	}
	printf("guest %lld, host %lld\n", sum, read_counter(self));
	return !sum || read_counter(self);
}
