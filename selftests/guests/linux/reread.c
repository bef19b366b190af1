// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads a file over and over, past the page cache, and always into the same pages:
 *
 *	reread FILE
 *
 * The program ends when it has begun, and goes on in the background. The processor
 * never writes to these pages, so that only who knows what the disk wrote there
 * knows that they change.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHUNK	(64 << 10)

static void read_file(int fd, void *pages)
{
	ssize_t n;

	if (lseek(fd, 0, SEEK_SET) < 0)
		err(1, "lseek");
	while ((n = read(fd, pages, CHUNK)) > 0)
		;
	if (n < 0)
		err(1, "read");
}

int main(int argc, char **argv)
{
	void *pages;
	int fd;

	if (argc != 2)
		errx(1, "usage: reread FILE");
	fd = open(argv[1], O_RDONLY | O_DIRECT);
	if (fd < 0)
		err(1, "%s", argv[1]);
	/* Shared, or they would be copied after the fork. */
	pages = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED)
		err(1, "mmap");
	read_file(fd, pages);
	if (daemon(1, 0))
		err(1, "daemon");
	for (;;)
		read_file(fd, pages);
}
