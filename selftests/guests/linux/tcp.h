/* SPDX-License-Identifier: GPL-2.0-only */
/* What the programs that talk over TCP share. */
#ifndef TCP_H
#define TCP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

typedef unsigned long u64;

#define ARRAY_SIZE(x)	(sizeof(x) / sizeof((x)[0]))
#define NS_PER_S	1000000000ul

/* SIGTERM or SIGINT came: come to an end. */
extern atomic_bool stopped;

__attribute__((noreturn, format(printf, 1, 2)))
void fail(const char *fmt, ...);

/*
 * The program ends once it listens, and goes on in the background, with a process for
 * each connection.
 */
__attribute__((noreturn))
void tcp_serve(unsigned short port, void (*serve)(int fd));
int tcp_connect(const char *address, unsigned short port);

/* A connection that broke: an error for a client, the end of work for a server. */
__attribute__((noreturn))
void tcp_broken(const char *what);
bool read_all(int fd, void *data, size_t size);
void write_all(int fd, const void *data, size_t size);

u64 now_ns(void);
void sleep_until(u64 ns);

/**
 * struct option_number - an option NAME=NUMBER
 * @name: with its "="
 * @value: where the number goes
 */
struct option_number {
	const char *name;
	u64 *value;
};

void take_options(char **argv, const struct option_number *options, size_t n);

#endif /* TCP_H */
