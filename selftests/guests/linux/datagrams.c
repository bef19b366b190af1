// SPDX-License-Identifier: GPL-2.0-only
/*
 * Numbered datagrams over UDP, as many as the network takes. Nothing sends one again,
 * so that each that is lost on the way, or overtaken, is found:
 *
 *	datagrams serve
 *	datagrams take ADDRESS [OPTION ...]	have the server send, and check
 *
 *	count=N	so many (100)
 *	port=N	where the server waits for TCP connections to be asked (7005)
 *
 * The client prints "done" when all have come, once each and in their order.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "mix.h"
#include "tcp.h"

/* With its headers it fits into a frame. */
#define WORDS		175
/* What the kernel takes from the sender before it makes it wait; some dozen of them. */
#define SEND_BUFFER	16384
#define RECEIVE_BUFFER	(4 << 20)

/**
 * struct order - what the client asks for
 * @count: datagrams
 * @port: to which
 */
struct order {
	u64 count;
	u64 port;
};

/**
 * struct datagram - one
 * @number: from 0
 * @words: made of it
 */
struct datagram {
	u64 number;
	u64 words[WORDS - 1];
};

static void fill(struct datagram *datagram, u64 number)
{
	datagram->number = number;
	for (int i = 0; i < WORDS - 1; i++)
		datagram->words[i] = mix(number, i);
}

static int udp_socket(int option, int buffer)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, option, &buffer, sizeof(buffer)))
		fail("UDP: %m");
	return fd;
}

static void serve(int fd)
{
	struct datagram datagram;
	struct sockaddr_in to;
	socklen_t size = sizeof(to);
	struct order order;
	int out;

	if (!read_all(fd, &order, sizeof(order)) || getpeername(fd, (struct sockaddr *)&to, &size))
		return;
	to.sin_port = htons(order.port);
	out = udp_socket(SO_SNDBUF, SEND_BUFFER);
	for (u64 i = 0; i < order.count; i++) {
		fill(&datagram, i);
		if (sendto(out, &datagram, sizeof(datagram), 0, (struct sockaddr *)&to,
			   sizeof(to)) != sizeof(datagram))
			fail("datagram %lu: %m", i);
	}
}

static void take_one(int in, u64 number)
{
	struct datagram expected, datagram;
	ssize_t n = recv(in, &datagram, sizeof(datagram), MSG_DONTWAIT);

	if (n < 0)
		fail("datagram %lu has not come", number);
	fill(&expected, number);
	if (n == sizeof(datagram) && datagram.number != number)
		fail("instead of datagram %lu comes %lu", number, datagram.number);
	if (n != sizeof(datagram) || memcmp(&datagram, &expected, sizeof(datagram)))
		fail("datagram %lu is another", number);
}

/* The server's end of the connection comes behind its last datagram. */
static void take(int fd, int in, u64 count)
{
	struct pollfd fds[] = { { .fd = in, .events = POLLIN }, { .fd = fd, .events = POLLIN } };

	for (u64 i = 0; i < count; i++) {
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
			fail("poll: %m");
		take_one(in, i);
	}
	printf("done: %lu datagrams\n", count);
}

int main(int argc, char **argv)
{
	u64 count = 100, port = 7005;
	const struct option_number options[] = {
		{ "count=", &count },
		{ "port=", &port },
	};
	struct sockaddr_in here = { .sin_family = AF_INET };
	socklen_t size = sizeof(here);
	struct order order;
	int fd, in;

	if (argc == 2 && !strcmp(argv[1], "serve"))
		tcp_serve(port, serve);
	if (argc < 3 || strcmp(argv[1], "take"))
		fail("usage: datagrams serve | take ADDRESS ...");
	take_options(argv + 3, options, ARRAY_SIZE(options));

	in = udp_socket(SO_RCVBUFFORCE, RECEIVE_BUFFER);
	if (bind(in, (struct sockaddr *)&here, sizeof(here)) ||
	    getsockname(in, (struct sockaddr *)&here, &size))
		fail("UDP: %m");
	fd = tcp_connect(argv[2], port);
	order = (struct order) { count, ntohs(here.sin_port) };
	write_all(fd, &order, sizeof(order));
	take(fd, in, count);
	return 0;
}
