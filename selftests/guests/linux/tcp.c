// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "tcp.h"

atomic_bool stopped;

static bool serving;

static void stop(int signal __attribute__((unused)))
{
	stopped = true;
}

void fail(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fprintf(stderr, "%s: BROKEN ", program_invocation_short_name);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

/* What is written goes out, or a rate would be that of the other's acknowledgements. */
static void send_at_once(int fd)
{
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

void tcp_serve(unsigned short port, void (*serve)(int fd))
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
	};
	int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1, fd;

	serving = true;
	signal(SIGPIPE, SIG_IGN);
	/* Nobody waits for the children. */
	signal(SIGCHLD, SIG_IGN);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 16))
		fail("port %u: %m", port);
	/* Whoever started this one may count on it now. */
	if (daemon(0, 1))
		fail("daemon: %m");
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		send_at_once(fd);
		if (!fork()) {
			close(listener);
			serve(fd);
			exit(0);
		}
		close(fd);
	}
	fail("accept: %m");
}

int tcp_connect(const char *to, unsigned short port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
	};
	/* A call that is waiting is to end with the signal. */
	struct sigaction action = { .sa_handler = stop };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (inet_pton(AF_INET, to, &address.sin_addr) != 1)
		fail("%s is no address", to);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		fail("%s port %u: %m", to, port);
	send_at_once(fd);
	return fd;
}

void tcp_broken(const char *what)
{
	if (serving)
		exit(0);
	fail("%s: %m", what);
}

/* False when there is nothing more to read, or the program is to stop. */
bool read_all(int fd, void *data, size_t size)
{
	char *to = data;
	ssize_t n;

	while (size) {
		n = read(fd, to, size);
		if (!n || (n < 0 && errno == EINTR && stopped))
			return false;
		if (n < 0 && errno != EINTR)
			tcp_broken("read");
		if (n > 0) {
			to += n;
			size -= n;
		}
	}
	return true;
}

void write_all(int fd, const void *data, size_t size)
{
	const char *from = data;
	ssize_t n;

	while (size) {
		n = write(fd, from, size);
		if (n < 0 && errno != EINTR)
			tcp_broken("write");
		if (n > 0) {
			from += n;
			size -= n;
		}
	}
}

u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

void sleep_until(u64 ns)
{
	struct timespec ts = { .tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

void take_options(char **argv, const struct option_number *options, size_t n)
{
	for (; *argv; argv++) {
		bool known = false;

		for (size_t i = 0; i < n; i++) {
			size_t length = strlen(options[i].name);

			if (strncmp(*argv, options[i].name, length))
				continue;
			*options[i].value = strtoull(*argv + length, NULL, 0);
			known = true;
		}
		if (!known)
			fail("what is %s?", *argv);
	}
}
