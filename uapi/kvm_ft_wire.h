/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The logging channel: what two kvm_ft hosts say to each other.
 *
 * The channel is one TCP connection. Both directions carry frames: a fixed
 * header, then @length bytes of payload. All integers are little endian.
 * A LOG frame's payload is a run of the log's bytes, cut anywhere; the log
 * itself is a sequence of entries (see "Log entries" below).
 */
#ifndef _UAPI_KVM_FT_WIRE_H
#define _UAPI_KVM_FT_WIRE_H

#include <linux/types.h>

#define KVM_FT_WIRE_MAGIC	0x6b76		/* "vk" */
#define KVM_FT_WIRE_VERSION_MIN	2
#define KVM_FT_WIRE_VERSION_MAX	2

/**
 * enum kvm_ft_frame - what a frame is
 * @KVM_FT_FRAME_HELLO: struct kvm_ft_hello; the first frame in each direction
 * @KVM_FT_FRAME_LOG: log bytes, primary to secondary; @offset says where in the log.
 *	With KVM_FT_FRAME_ASK there may be none: it only asks then
 * @KVM_FT_FRAME_ACK: no payload, secondary to primary; @offset: every log byte
 *	before it is in the secondary's memory; @replayed: before it has been executed
 * @KVM_FT_FRAME_HEARTBEAT: no payload; from the primary, @offset is the guest's
 *	TSC at sending (0: unknown); from the secondary, as ACK
 * @KVM_FT_FRAME_BYE: the sender ends protection; @offset is an enum kvm_ft_reason
 */
enum kvm_ft_frame {
	KVM_FT_FRAME_HELLO = 1,
	KVM_FT_FRAME_LOG,
	KVM_FT_FRAME_ACK,
	KVM_FT_FRAME_HEARTBEAT,
	KVM_FT_FRAME_BYE,
};

/* In a LOG frame: somebody waits for the acknowledgment of all up to the end of it. */
#define KVM_FT_FRAME_ASK	0x01

struct kvm_ft_frame_header {
	__le16 magic;
	__u8 type;		/* enum kvm_ft_frame */
	__u8 flags;		/* KVM_FT_FRAME_ASK; the other bits are 0 */
	__le32 length;		/* payload bytes that follow */
	__le64 offset;
	__le64 replayed;
};

/**
 * struct kvm_ft_hello - version negotiation and identity
 * @version_min: oldest version of this protocol the sender speaks
 * @version_max: newest; both sides use the newest both speak
 * @session: the random number ``ftctl enable`` gave both sides
 * @ring_size: bytes of the sender's log ring
 * @timeout_ms: silence after which the sender takes the channel for lost
 * @role: enum kvm_ft_role of the sender
 *
 * A later version may append members: what is behind the known ones, up to
 * KVM_FT_HELLO_MAX bytes in all, is ignored.
 */
struct kvm_ft_hello {
	__le16 version_min;
	__le16 version_max;
	__le32 role;
	__le64 session;
	__le32 ring_size;
	__le32 timeout_ms;
};

#define KVM_FT_HELLO_MAX	256

/* No LOG frame carries more bytes than this. */
#define KVM_FT_LOG_FRAME_MAX	(256 << 10)

/*
 * Log entries
 *
 * entry    := type:u8 dbranches:varint rip16:le16 body
 * varint   := LEB128, at most 10 bytes, shortest form only
 *
 * dbranches is the number of conditional branches the guest retired since the
 * entry before. rip16 is the low half-word of the guest's RIP. An asynchronous
 * entry has a full position before its body:
 *
 * position := devents:varint rip:le64 regs:le32
 *
 * rip: linear address, of which such an entry's rip16 is the low half-word, too;
 * devents: halts and delivered interrupts since the last asynchronous entry;
 * regs: a hash of the general purpose registers. Bodies:
 *
 * TSC, TSCP  dtsc:varint              since the last TSC answer, zig-zag
 * MSR        index:varint value:le64
 * IO_IN      addr16:le16 len:varint data[len]   PIO or MMIO read
 * IO_OUT     addr16:le16 len:varint data[len]   write that reached the device model
 * IRQ        source:u8 level:u8 gsi:varint
 * MSI        addr:le64 data:le32
 * TIMER, NMI, POSITION   (empty)
 * DIGEST     regs:le64 ram:le64 irqchip:le64
 * BATCH      (empty) a device writes guest memory; its parts follow
 * SHADOW     (empty) the guest stands in an interrupt shadow
 *
 * A part belongs to the BATCH before it and has neither position nor check:
 *
 * part := type:u8 body
 *
 * DMA        gpa:varint len:varint data[len]    bytes written to guest memory
 * QUEUE      used:varint flags:le16 idx:le16 event:le16 avail:le16
 * DISK       gpa:varint len:varint lun:varint offset:varint ahead:varint
 *
 * DISK is a DMA part without its bytes: they are on a disk that the secondary can
 * read, "offset" bytes into the LUN "lun", and stay there until it has executed the
 * batch. "ahead" more bytes of the same request follow in the parts behind.
 *
 * QUEUE ends what a batch does to one virtqueue: "used" is the guest physical
 * address of its used ring, "flags" and "idx" are what is there now, "event" is
 * the avail_event behind it, and "avail" how far the device has taken the available
 * ring. All of it takes effect at once: a batch that is cut off before has done
 * nothing that the guest can see.
 */
enum kvm_ft_entry_type {
	/* Synchronous: the guest asked, and this is the answer. */
	KVM_FT_ENTRY_TSC = 1,
	KVM_FT_ENTRY_TSCP,
	KVM_FT_ENTRY_MSR,
	KVM_FT_ENTRY_IO_IN,
	KVM_FT_ENTRY_IO_OUT,
	/* Asynchronous: an input at a position. */
	KVM_FT_ENTRY_IRQ = 16,
	KVM_FT_ENTRY_MSI,
	KVM_FT_ENTRY_TIMER,
	KVM_FT_ENTRY_NMI,
	KVM_FT_ENTRY_POSITION,
	KVM_FT_ENTRY_DIGEST,
	KVM_FT_ENTRY_BATCH,
	KVM_FT_ENTRY_SHADOW,
	/* Parts of the asynchronous entry before. */
	KVM_FT_ENTRY_DMA = 32,
	KVM_FT_ENTRY_QUEUE,
	KVM_FT_ENTRY_DISK,
};

/* Longest data[] of one entry: KVM's PIO page. */
#define KVM_FT_ENTRY_DATA_MAX	4096
/* Most bytes that a DISK part stands for, and that it may announce. */
#define KVM_FT_ENTRY_DISK_MAX	(1024 << 10)
/* No entry is longer than this. */
#define KVM_FT_ENTRY_MAX	(KVM_FT_ENTRY_DATA_MAX + 64)

#endif /* _UAPI_KVM_FT_WIRE_H */
