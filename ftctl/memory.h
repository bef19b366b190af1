/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _FTCTL_MEMORY_H
#define _FTCTL_MEMORY_H

#include <sys/types.h>
#include <xxhash.h>

#include "ftctl.h"

struct json_object;
struct mod;

/**
 * struct memory - the memory of a guest that is held, by guest physical address
 * @fd: QEMU's address space
 * @vm: what the module tells of its slots
 */
struct memory {
	int fd;
	struct json_object *vm;
};

int memory_open(struct memory *mem, struct mod *mod, const char *name, pid_t pid);
void memory_close(struct memory *mem);
struct json_object *memory_slots(const struct memory *mem);
int memory_read(const struct memory *mem, u64 gpa, void *buf, size_t len);
int memory_write(const struct memory *mem, u64 gpa, const void *buf, size_t len);
int memory_hash(const struct memory *mem, u64 gpa, size_t len, size_t step,
		XXH128_hash_t *hashes);

#endif /* _FTCTL_MEMORY_H */
