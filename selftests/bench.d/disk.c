// SPDX-License-Identifier: GPL-2.0-only
/*
 * disk PORT: reads and writes of the guest's disk, past its caches, for who asks in a
 * line over TCP:
 *
 *	read SIZE COUNT DEPTH	so many requests of so many bytes, from the disk's beginning
 *	write SIZE COUNT DEPTH	on, by so many processes at a time
 *	NANOSECONDS		is the reply
 *
 * It is a service, since the start of a program in a guest is itself much work.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../guests/linux/mix.h"
#include "../guests/linux/tcp.h"

#define DISK	"/dev/sda"
/* What direct I/O wants buffers aligned to. */
#define ALIGN	4096

static void transfer(int disk, bool writing, void *buffer, u64 size, u64 at)
{
	ssize_t n = writing ? pwrite(disk, buffer, size, at) : pread(disk, buffer, size, at);

	if (n != (ssize_t)size)
		fail("%s: %m", DISK);
}

/* Every @depth-th request, from the @first on. */
static void work(bool writing, u64 size, u64 count, u64 depth, u64 first)
{
	int disk = open(DISK, O_RDWR | O_DIRECT);
	u64 *buffer, i, places;

	if (disk < 0)
		fail("%s: %m", DISK);
	if (posix_memalign((void **)&buffer, ALIGN, size))
		fail("no memory");
	for (i = 0; i < size / sizeof(*buffer); i++)
		buffer[i] = mix(count, i);
	places = lseek(disk, 0, SEEK_END) / size;
	for (i = first; i < count; i += depth)
		transfer(disk, writing, buffer, size, i % places * size);
	free(buffer);
	close(disk);
}

/* Return: how long it took, in ns */
static u64 work_in_parallel(bool writing, u64 size, u64 count, u64 depth)
{
	u64 start = now_ns(), i;

	for (i = 1; i < depth; i++) {
		if (!fork()) {
			work(writing, size, count, depth, i);
			_exit(0);
		}
	}
	work(writing, size, count, depth, 0);
	/* Their status is not kept (tcp_serve()), but this returns when there are no more. */
	while (wait(NULL) > 0)
		;
	return now_ns() - start;
}

static void serve(int fd)
{
	FILE *in = fdopen(fd, "r"), *out = fdopen(fd, "w");
	char line[80], what[8];
	u64 size, count, depth;

	while (fgets(line, sizeof(line), in)) {
		if (sscanf(line, "%7s %lu %lu %lu", what, &size, &count, &depth) != 4 ||
		    !size || size % 512)
			fail("what is %s?", line);
		fprintf(out, "%lu\n",
			work_in_parallel(!strcmp(what, "write"), size, count, depth));
		fflush(out);
	}
}

int main(int argc, char **argv)
{
	if (argc != 2)
		fail("usage: disk PORT");
	tcp_serve(atoi(argv[1]), serve);
}
