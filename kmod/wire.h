/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Encoding of log entries and frames. Pure: no KVM, no sockets, no locks.
 * The format is told in uapi/kvm_ft_wire.h.
 */
#ifndef _KVM_FT_WIRE_H
#define _KVM_FT_WIRE_H

#include <linux/types.h>
#include "../uapi/kvm_ft_wire.h"

/**
 * struct ft_position - a point in the guest's execution
 * @branches: conditional branches retired by the guest since attach
 * @rip: guest RIP; of an asynchronous entry its linear address
 * @events: halts and interrupt deliveries since attach; tells apart two visits
 *	of the same loop that has no conditional branch
 * @regs: hash of the general purpose registers; tells apart iterations and
 *	finds divergence
 */
struct ft_position {
	u64 branches;
	u64 rip;
	u64 events;
	u32 regs;
};

/**
 * struct ft_digest - what two replicas must have in common at one position
 * @regs: hash of the vCPU's registers
 * @ram: hash of all guest RAM
 * @irqchip: hash of LAPIC, IOAPIC and PIC
 */
struct ft_digest {
	u64 regs;
	u64 ram;
	u64 irqchip;
};

/**
 * struct ft_queue - a virtqueue as a device has left it
 * @used: guest physical address of the used ring
 * @flags: used->flags
 * @idx: used->idx
 * @event: avail_event, behind the used ring
 * @avail: how far the device has taken the available ring
 */
struct ft_queue {
	u64 used;
	u16 flags;
	u16 idx;
	u16 event;
	u16 avail;
};

/**
 * struct ft_disk_read - what was read from a disk, by reference
 * @gpa: guest physical address that the bytes came to
 * @len: how many; 1 to KVM_FT_ENTRY_DISK_MAX
 * @lun: number of the LUN
 * @offset: byte on the LUN
 * @ahead: so many of the bytes behind are wanted next; KVM_FT_ENTRY_DISK_MAX at most
 */
struct ft_disk_read {
	u64 gpa;
	u32 len;
	u32 lun;
	u64 offset;
	u32 ahead;
};

/**
 * struct ft_entry - one log entry, decoded
 * @type: enum kvm_ft_entry_type
 * @pos: where; of a synchronous entry only @pos.branches and the low 16 bits
 *	of @pos.rip are kept
 * @tsc: KVM_FT_ENTRY_TSC, _TSCP: the guest's TSC
 * @msr: KVM_FT_ENTRY_MSR
 * @io: KVM_FT_ENTRY_IO_IN, _IO_OUT; @io.data points to the caller's bytes when
 *	encoding, into the log when decoded; @io.addr is the low half-word of
 *	the port or guest physical address
 * @irq: KVM_FT_ENTRY_IRQ; @irq.source is KVM's irq source id
 * @msi: KVM_FT_ENTRY_MSI
 * @digest: KVM_FT_ENTRY_DIGEST
 * @dma: KVM_FT_ENTRY_DMA; @dma.data as @io.data, but NULL when encoding leaves
 *	room for the bytes at the entry's end
 * @queue: KVM_FT_ENTRY_QUEUE
 * @disk: KVM_FT_ENTRY_DISK
 *
 * The position of a part (see kvm_ft_wire.h) is that of the entry before it.
 */
struct ft_entry {
	u8 type;
	struct ft_position pos;
	union {
		u64 tsc;
		struct {
			u32 index;
			u64 value;
		} msr;
		struct {
			u16 addr;
			u16 len;
			const u8 *data;
		} io;
		struct {
			u8 source;
			u8 level;
			u32 gsi;
		} irq;
		struct {
			u64 addr;
			u32 data;
		} msi;
		struct ft_digest digest;
		struct {
			u64 gpa;
			u16 len;
			const u8 *data;
		} dma;
		struct ft_queue queue;
		struct ft_disk_read disk;
	};
};

/**
 * struct ft_codec - what the deltas in the log refer to
 * @branches: of the last entry
 * @events: of the last asynchronous entry
 * @tsc: of the last TSC or TSCP entry
 *
 * One per direction, zeroed at attach. Encoder and decoder must see the same
 * entries in the same order.
 */
struct ft_codec {
	u64 branches;
	u64 events;
	u64 tsc;
};

static inline bool ft_entry_is_part(u8 type)
{
	return type >= KVM_FT_ENTRY_DMA;
}

static inline bool ft_entry_is_async(u8 type)
{
	return type >= KVM_FT_ENTRY_IRQ && !ft_entry_is_part(type);
}

const char *ft_entry_name(u8 type);
int ft_entry_encode(struct ft_codec *codec, const struct ft_entry *entry,
		    u8 *buf, size_t room);
int ft_entry_decode(struct ft_codec *codec, const u8 *buf, size_t avail,
		    struct ft_entry *entry);

void ft_frame_encode(struct kvm_ft_frame_header *h, u8 type, u32 length,
		     u64 offset, u64 replayed);
int ft_frame_check(const struct kvm_ft_frame_header *h, u32 max_log);
int ft_hello_negotiate(const struct kvm_ft_hello *mine,
		       const struct kvm_ft_hello *theirs);

#endif /* _KVM_FT_WIRE_H */
