/* SPDX-License-Identifier: GPL-2.0-only */
/* What the workload does in each round. */
#ifndef WORKLOAD_PARTS_H
#define WORKLOAD_PARTS_H

#include "hash.h"

/* For what a signal handler changes. */
#define READ_ONCE(x)		__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v)	__atomic_store_n(&(x), v, __ATOMIC_RELAXED)

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/**
 * struct part - one kind of work
 * @name: for complaints
 * @run: does it. It mixes all it saw into the digest, times and process ids
 *	included, and complains when a result is not what it must be.
 */
struct part {
	const char *name;
	void (*run)(void);
};

/* The last has no name. */
extern const struct part parts[];

/* Of the round at hand: what the parts saw. */
extern u64 digest;

void mix(const void *data, size_t size);
void mix_number(u64 value);

/* A result is wrong: the memory or the registers are not what they were. */
void complain(const char *fmt, ...);

/* What the workload does when it is run by itself. */
int exec_child(int argc, char **argv);

#endif /* WORKLOAD_PARTS_H */
