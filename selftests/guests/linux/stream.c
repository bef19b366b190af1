// SPDX-License-Identifier: GPL-2.0-only
/*
 * A stream of pseudo random bytes over TCP. Both ends know what each byte has to be
 * from its position, so that a gap, a repeat or a byte that is another is found.
 *
 *	stream serve
 *	stream up ADDRESS [OPTION ...]		send; the server checks
 *	stream down ADDRESS [OPTION ...]	check what the server sends
 *
 *	seed=N	of the stream (1)
 *	rate=N	bytes a second, at most (0: as many as there can be)
 *	bytes=N	end after so many (0: with SIGTERM)
 *	port=N	(7001)
 *
 * The client prints every second how many bytes were found right, and for how long
 * there was no progress at most; and at last, when all was right, "done". It ends
 * with an error when anything was not, or the connection broke.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "mix.h"
#include "tcp.h"

#define CHUNK		16384
#define WORD		sizeof(u64)

/**
 * struct order - what the client asks for
 * @up: the client sends, the server checks
 * @seed: of the stream
 * @rate: bytes a second, 0 for any number
 */
struct order {
	u64 up;
	u64 seed;
	u64 rate;
};

static u64 port = 7001, limit;

static u64 last_progress, last_print, silence;

/* The client: so many bytes are right by now. */
static void progress(u64 bytes)
{
	u64 now = now_ns();

	if (now - last_progress > silence)
		silence = now - last_progress;
	last_progress = now;
	if (now - last_print < NS_PER_S)
		return;
	last_print = now;
	printf("%lu bytes, longest silence %lu ms\n", bytes, silence / 1000000);
	fflush(stdout);
}

static void fill(u64 seed, u64 word, u64 *to, size_t words)
{
	while (words--)
		*to++ = mix(seed, word++);
}

/* Bytes that are not the expected ones: are they others of the same stream? */
__attribute__((noreturn))
static void explain(u64 seed, u64 position, const char *data, size_t size)
{
	u64 word, at;

	for (size_t i = 0; i < WORD && i + 2 * WORD <= size; i++) {
		memcpy(&word, data + i, WORD);
		at = unmix(seed, word);
		memcpy(&word, data + i + WORD, WORD);
		if (unmix(seed, word) == at + 1 && at * WORD - i != position)
			fail("instead of byte %lu comes byte %lu", position, at * WORD - i);
	}
	fail("byte %lu is another", position);
}

static void check(u64 seed, u64 position, const char *data, size_t size)
{
	static u64 expected[CHUNK / WORD + 2];
	const char *right = (char *)expected + position % WORD;
	size_t i;

	fill(seed, position / WORD, expected, size / WORD + 2);
	if (!memcmp(data, right, size))
		return;
	for (i = 0; data[i] == right[i]; i++)
		;
	explain(seed, position + i, data + i, size - i);
}

/**
 * source - send the stream
 * @fd: to where
 * @order: seed and rate
 * @limit: bytes, or 0
 * @sent: called after each piece with the number of bytes so far, may be NULL
 *
 * Return: the number of bytes, after @limit of them or when the program is to stop
 */
static u64 source(int fd, const struct order *order, u64 limit, void (*sent)(int fd))
{
	u64 words[CHUNK / WORD], position = 0, start = now_ns();
	size_t size = CHUNK;

	/* Some ten pieces a second: a packet costs more than what is in it. */
	if (order->rate && order->rate / 10 < CHUNK)
		size = order->rate / 10 < WORD ? WORD : order->rate / 10 / WORD * WORD;
	while (!stopped && (!limit || position < limit)) {
		if (limit && limit - position < size)
			size = limit - position;
		fill(order->seed, position / WORD, words, (size + WORD - 1) / WORD);
		write_all(fd, words, size);
		position += size;
		if (sent)
			sent(fd);
		if (order->rate)
			sleep_until(start + position / order->rate * NS_PER_S +
				    position % order->rate * NS_PER_S / order->rate);
	}
	return position;
}

/**
 * sink - check the stream
 * @fd: from where
 * @order: seed
 * @limit: bytes, or 0
 * @right: called after each piece with the number of bytes so far
 *
 * Return: the number of bytes, after @limit of them, or at their end, or when the
 * program is to stop
 */
static u64 sink(int fd, const struct order *order, u64 limit,
		void (*right)(int fd, u64 position))
{
	static char data[CHUNK];
	u64 position = 0;
	ssize_t n;

	while (!stopped && (!limit || position < limit)) {
		n = read(fd, data, sizeof(data));
		if (!n)
			break;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			tcp_broken("read");
		check(order->seed, position, data, n);
		position += n;
		right(fd, position);
	}
	return position;
}

static void acknowledge(int fd, u64 position)
{
	write_all(fd, &position, sizeof(position));
}

static void serve(int fd)
{
	struct order order;

	if (!read_all(fd, &order, sizeof(order)))
		return;
	if (order.up)
		sink(fd, &order, 0, acknowledge);
	else
		source(fd, &order, 0, NULL);
}

static u64 acknowledged;

/* Take what acknowledgements there are. */
static void take_acknowledgements(int fd)
{
	u64 position;

	while (recv(fd, &position, sizeof(position), MSG_PEEK | MSG_DONTWAIT) == sizeof(position)) {
		read_all(fd, &position, sizeof(position));
		if (position < acknowledged)
			fail("byte %lu acknowledged after byte %lu", position, acknowledged);
		acknowledged = position;
		progress(position);
	}
}

static u64 up(int fd, const struct order *order)
{
	u64 sent = source(fd, order, limit, take_acknowledgements), position;

	shutdown(fd, SHUT_WR);
	stopped = false;
	while (read_all(fd, &position, sizeof(position))) {
		acknowledged = position;
		progress(position);
	}
	if (acknowledged != sent)
		fail("%lu bytes sent, %lu acknowledged", sent, acknowledged);
	return sent;
}

static void received(int fd __attribute__((unused)), u64 position)
{
	progress(position);
}

static u64 down(int fd, const struct order *order)
{
	u64 got = sink(fd, order, limit, received);

	if (!stopped && (!limit || got < limit))
		fail("the stream ended after %lu bytes", got);
	return got;
}

int main(int argc, char **argv)
{
	struct order order = { .seed = 1 };
	const struct option_number options[] = {
		{ "seed=", &order.seed },
		{ "rate=", &order.rate },
		{ "bytes=", &limit },
		{ "port=", &port },
	};
	u64 bytes;
	int fd;

	if (argc == 2 && !strcmp(argv[1], "serve"))
		tcp_serve(port, serve);
	if (argc < 3 || (strcmp(argv[1], "up") && strcmp(argv[1], "down")))
		fail("usage: stream serve | up ADDRESS ... | down ADDRESS ...");
	take_options(argv + 3, options, ARRAY_SIZE(options));
	order.up = !strcmp(argv[1], "up");

	fd = tcp_connect(argv[2], port);
	last_progress = now_ns();
	last_print = last_progress;
	write_all(fd, &order, sizeof(order));
	bytes = order.up ? up(fd, &order) : down(fd, &order);
	printf("done: %lu bytes, longest silence %lu ms\n", bytes, silence / 1000000);
	return 0;
}
