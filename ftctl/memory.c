// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest's memory, seen through its QEMU.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <unistd.h>

#include "../uapi/kvm_ft.h"
#include "ftctl.h"
#include "js.h"
#include "memory.h"
#include "module.h"
#include "proc.h"

/**
 * memory_open - look at the memory of a guest
 * @mem: to be filled
 * @mod: from mod_open()
 * @name: the VM, attached and starting: its memory stays as it is
 * @pid: its QEMU
 *
 * Return: 0, or -1 after fail().
 */
int memory_open(struct memory *mem, struct mod *mod, const char *name, pid_t pid)
{
	/* In this order: a VM that is still starting has not lost its QEMU. */
	mem->fd = qemu_memory(pid);
	if (mem->fd < 0)
		return -1;
	if (mod_vm_call(mod, KVM_FT_CMD_VM_MEMORY, name, &mem->vm)) {
		close(mem->fd);
		return -1;
	}
	return 0;
}

/**
 * memory_close - that was all
 * @mem: from memory_open()
 */
void memory_close(struct memory *mem)
{
	json_object_put(mem->vm);
	close(mem->fd);
}

/**
 * memory_slots - the pieces of a guest's memory
 * @mem: from memory_open()
 *
 * Return: an array of objects that have gpa and size; it lives as long as @mem
 */
struct json_object *memory_slots(const struct memory *mem)
{
	return js_get(mem->vm, "slot");
}

/* Where it is in QEMU. What is not within one slot is not the guest's. */
static bool locate(const struct memory *mem, u64 gpa, u64 len, off_t *at)
{
	struct json_object *slots = memory_slots(mem);

	for (size_t i = 0; i < js_length(slots); i++) {
		struct json_object *slot = json_object_array_get_idx(slots, i);
		u64 offset = gpa - js_int(slot, "gpa");
		u64 size = js_int(slot, "size");

		if (len <= size && offset <= size - len) {
			*at = js_int(slot, "address") + offset;
			return true;
		}
	}
	return false;
}

static int transfer(const struct memory *mem, u64 gpa, void *buf, size_t len, bool write)
{
	size_t done = 0;
	off_t at;

	if (!locate(mem, gpa, len, &at))
		return fail("the guest has no %zu bytes of memory at 0x%llx", len, gpa);
	while (done < len) {
		ssize_t n = write ? pwrite(mem->fd, buf + done, len - done, at + done) :
				    pread(mem->fd, buf + done, len - done, at + done);

		/* As of a file that ends: the process does not exist any more. */
		if (!n)
			errno = ESRCH;
		if (n <= 0)
			return fail_errno("the guest's memory at 0x%llx", gpa + done);
		done += n;
	}
	return 0;
}

/**
 * memory_read - copy from guest memory
 * @mem: from memory_open()
 * @gpa: guest physical address
 * @buf: where to
 * @len: bytes, all of one slot
 *
 * Return: 0, or -1 after fail().
 */
int memory_read(const struct memory *mem, u64 gpa, void *buf, size_t len)
{
	return transfer(mem, gpa, buf, len, false);
}

/**
 * memory_write - copy to guest memory
 * @mem: from memory_open()
 * @gpa: guest physical address
 * @buf: where from
 * @len: bytes, all of one slot
 *
 * What QEMU itself may not write (a ROM) is written, too, as long as it is
 * private to QEMU; a file that it shares and may only read is refused.
 *
 * Return: 0, or -1 after fail().
 */
int memory_write(const struct memory *mem, u64 gpa, const void *buf, size_t len)
{
	return transfer(mem, gpa, (void *)buf, len, true);
}

/**
 * memory_hash - hashes of guest memory, piece by piece
 * @mem: from memory_open()
 * @gpa: guest physical address
 * @len: bytes, all of one slot
 * @step: bytes of a piece; the last one may have less
 * @hashes: to be filled, one per piece
 *
 * Return: 0, or -1 after fail().
 */
int memory_hash(const struct memory *mem, u64 gpa, size_t len, size_t step,
		XXH128_hash_t *hashes)
{
	void *buf = malloc(step);
	int err = buf ? 0 : fail("out of memory");

	for (size_t done = 0; done < len && !err; done += step) {
		size_t n = len - done < step ? len - done : step;

		err = memory_read(mem, gpa + done, buf, n);
		if (!err)
			*hashes++ = XXH3_128bits(buf, n);
	}
	free(buf);
	return err;
}
