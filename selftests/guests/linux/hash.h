/* SPDX-License-Identifier: GPL-2.0-only */
/* FNV-1a: simple enough to be computed again by whoever reads the console. */
#ifndef WORKLOAD_HASH_H
#define WORKLOAD_HASH_H

#include <stddef.h>

typedef unsigned long u64;

#define HASH_INIT	0xcbf29ce484222325

static inline u64 hash_bytes(u64 hash, const void *data, size_t size)
{
	const unsigned char *p = data;

	while (size--)
		hash = (hash ^ *p++) * 0x100000001b3;
	return hash;
}

#endif /* WORKLOAD_HASH_H */
