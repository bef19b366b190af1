// SPDX-License-Identifier: GPL-2.0-only
/*
 * Encoding of log entries and frames.
 *
 * Entries are encoded once per exit of the guest, so the encoder measures first
 * and then writes without a check per field. The decoder trusts nothing: what
 * it reads came over a network.
 */
#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "wire.h"

/* The longest entries of all: type, dbranches, rip16, addr16, len, data. */
static_assert(KVM_FT_ENTRY_MAX >= 1 + 10 + 2 + 2 + 2 + KVM_FT_ENTRY_DATA_MAX);
static_assert(KVM_FT_ENTRY_MAX >= 1 + 10 + 2 + KVM_FT_ENTRY_DATA_MAX);
static_assert(sizeof(struct kvm_ft_frame_header) == 24);
static_assert(sizeof(struct kvm_ft_hello) == 24);

static const char *const ft_entry_names[] = {
	[KVM_FT_ENTRY_TSC]	= "tsc",
	[KVM_FT_ENTRY_TSCP]	= "tscp",
	[KVM_FT_ENTRY_MSR]	= "msr",
	[KVM_FT_ENTRY_IO_IN]	= "io-in",
	[KVM_FT_ENTRY_IO_OUT]	= "io-out",
	[KVM_FT_ENTRY_IRQ]	= "irq",
	[KVM_FT_ENTRY_MSI]	= "msi",
	[KVM_FT_ENTRY_TIMER]	= "timer",
	[KVM_FT_ENTRY_NMI]	= "nmi",
	[KVM_FT_ENTRY_POSITION]	= "position",
	[KVM_FT_ENTRY_DIGEST]	= "digest",
	[KVM_FT_ENTRY_BATCH]	= "batch",
	[KVM_FT_ENTRY_SHADOW]	= "shadow",
	[KVM_FT_ENTRY_DMA]	= "dma",
	[KVM_FT_ENTRY_QUEUE]	= "queue",
	[KVM_FT_ENTRY_DISK]	= "disk",
};

static bool ft_entry_known(u8 type)
{
	return type < ARRAY_SIZE(ft_entry_names) && ft_entry_names[type];
}

/**
 * ft_entry_name() - an entry's type in words
 * @type: enum kvm_ft_entry_type, or anything else
 *
 * Return: its name, "unknown" for what is no type.
 */
const char *ft_entry_name(u8 type)
{
	return ft_entry_known(type) ? ft_entry_names[type] : "unknown";
}

/* Within what a part may stand for, and on a disk that can be: offsets are signed. */
static bool ft_disk_read_valid(const struct ft_disk_read *read)
{
	return read->len && read->len <= KVM_FT_ENTRY_DISK_MAX &&
	       read->ahead <= KVM_FT_ENTRY_DISK_MAX &&
	       read->offset <= S64_MAX - read->len - read->ahead;
}

/* TSC answers can go back (the guest may write the TSC), so their delta has a sign. */
static u64 zigzag(s64 v)
{
	return ((u64)v << 1) ^ (u64)(v >> 63);
}

static s64 unzigzag(u64 v)
{
	return (s64)(v >> 1) ^ -(s64)(v & 1);
}

static size_t varint_len(u64 v)
{
	return 1 + __fls(v | 1) / 7;
}

static u8 *put_varint(u8 *p, u64 v)
{
	for (; v >= 0x80; v >>= 7)
		*p++ = v | 0x80;
	*p++ = v;
	return p;
}

static u8 *put_u8(u8 *p, u8 v)
{
	*p = v;
	return p + 1;
}

static u8 *put_le16(u8 *p, u16 v)
{
	put_unaligned_le16(v, p);
	return p + 2;
}

static u8 *put_le32(u8 *p, u32 v)
{
	put_unaligned_le32(v, p);
	return p + 4;
}

static u8 *put_le64(u8 *p, u64 v)
{
	put_unaligned_le64(v, p);
	return p + 8;
}

static size_t body_len(const struct ft_codec *codec, const struct ft_entry *e)
{
	switch (e->type) {
	case KVM_FT_ENTRY_TSC:
	case KVM_FT_ENTRY_TSCP:
		return varint_len(zigzag(e->tsc - codec->tsc));
	case KVM_FT_ENTRY_MSR:
		return varint_len(e->msr.index) + 8;
	case KVM_FT_ENTRY_IO_IN:
	case KVM_FT_ENTRY_IO_OUT:
		return 2 + varint_len(e->io.len) + e->io.len;
	case KVM_FT_ENTRY_IRQ:
		return 2 + varint_len(e->irq.gsi);
	case KVM_FT_ENTRY_MSI:
		return 8 + 4;
	case KVM_FT_ENTRY_DIGEST:
		return 3 * 8;
	case KVM_FT_ENTRY_DMA:
		return varint_len(e->dma.gpa) + varint_len(e->dma.len) + e->dma.len;
	case KVM_FT_ENTRY_QUEUE:
		return varint_len(e->queue.used) + 4 * 2;
	case KVM_FT_ENTRY_DISK:
		return varint_len(e->disk.gpa) + varint_len(e->disk.len) +
		       varint_len(e->disk.lun) + varint_len(e->disk.offset) +
		       varint_len(e->disk.ahead);
	default:
		return 0;
	}
}

static u8 *put_body(u8 *p, const struct ft_codec *codec, const struct ft_entry *e)
{
	switch (e->type) {
	case KVM_FT_ENTRY_TSC:
	case KVM_FT_ENTRY_TSCP:
		return put_varint(p, zigzag(e->tsc - codec->tsc));
	case KVM_FT_ENTRY_MSR:
		p = put_varint(p, e->msr.index);
		return put_le64(p, e->msr.value);
	case KVM_FT_ENTRY_IO_IN:
	case KVM_FT_ENTRY_IO_OUT:
		p = put_le16(p, e->io.addr);
		p = put_varint(p, e->io.len);
		memcpy(p, e->io.data, e->io.len);
		return p + e->io.len;
	case KVM_FT_ENTRY_IRQ:
		p = put_u8(p, e->irq.source);
		p = put_u8(p, e->irq.level);
		return put_varint(p, e->irq.gsi);
	case KVM_FT_ENTRY_MSI:
		p = put_le64(p, e->msi.addr);
		return put_le32(p, e->msi.data);
	case KVM_FT_ENTRY_DIGEST:
		p = put_le64(p, e->digest.regs);
		p = put_le64(p, e->digest.ram);
		return put_le64(p, e->digest.irqchip);
	case KVM_FT_ENTRY_DMA:
		p = put_varint(p, e->dma.gpa);
		p = put_varint(p, e->dma.len);
		if (e->dma.data)
			memcpy(p, e->dma.data, e->dma.len);
		return p + e->dma.len;
	case KVM_FT_ENTRY_QUEUE:
		p = put_varint(p, e->queue.used);
		p = put_le16(p, e->queue.flags);
		p = put_le16(p, e->queue.idx);
		p = put_le16(p, e->queue.event);
		return put_le16(p, e->queue.avail);
	case KVM_FT_ENTRY_DISK:
		p = put_varint(p, e->disk.gpa);
		p = put_varint(p, e->disk.len);
		p = put_varint(p, e->disk.lun);
		p = put_varint(p, e->disk.offset);
		return put_varint(p, e->disk.ahead);
	default:
		return p;
	}
}

static void codec_advance(struct ft_codec *codec, const struct ft_entry *e)
{
	if (ft_entry_is_part(e->type))
		return;
	codec->branches = e->pos.branches;
	if (ft_entry_is_async(e->type))
		codec->events = e->pos.events;
	else if (e->type == KVM_FT_ENTRY_TSC || e->type == KVM_FT_ENTRY_TSCP)
		codec->tsc = e->tsc;
}

/**
 * ft_entry_encode() - write an entry
 * @codec: what deltas refer to; advanced on success only
 * @e: the entry, with absolute values
 * @buf: where to write
 * @room: how many bytes there are; KVM_FT_ENTRY_MAX is always enough
 *
 * On failure nothing is changed, neither @codec nor @buf.
 *
 * Context: Any context. Whoever owns @codec.
 * Return: bytes written; -ENOSPC when @room is too small, -ERANGE when the
 * entry's position is behind that of the last one, -EINVAL for an unknown type,
 * for more than KVM_FT_ENTRY_DATA_MAX bytes of data, or for a DISK part that
 * cannot be. DMA bytes that are not given (@e->dma.data is NULL) have their room
 * at the entry's end.
 */
int ft_entry_encode(struct ft_codec *codec, const struct ft_entry *e,
		    u8 *buf, size_t room)
{
	bool async = ft_entry_is_async(e->type);
	bool part = ft_entry_is_part(e->type);
	u64 dbranches = e->pos.branches - codec->branches;
	u64 devents = e->pos.events - codec->events;
	size_t len;
	u8 *p = buf;

	if (!ft_entry_known(e->type))
		return -EINVAL;
	if ((e->type == KVM_FT_ENTRY_IO_IN || e->type == KVM_FT_ENTRY_IO_OUT) &&
	    e->io.len > KVM_FT_ENTRY_DATA_MAX)
		return -EINVAL;
	if (e->type == KVM_FT_ENTRY_DMA && e->dma.len > KVM_FT_ENTRY_DATA_MAX)
		return -EINVAL;
	if (e->type == KVM_FT_ENTRY_DISK && !ft_disk_read_valid(&e->disk))
		return -EINVAL;
	if (!part && e->pos.branches < codec->branches)
		return -ERANGE;
	if (async && e->pos.events < codec->events)
		return -ERANGE;

	len = 1 + body_len(codec, e);
	if (!part)
		len += varint_len(dbranches) + 2;
	if (async)
		len += varint_len(devents) + 8 + 4;
	if (len > room)
		return -ENOSPC;

	p = put_u8(p, e->type);
	if (!part) {
		p = put_varint(p, dbranches);
		p = put_le16(p, e->pos.rip);
	}
	if (async) {
		p = put_varint(p, devents);
		p = put_le64(p, e->pos.rip);
		p = put_le32(p, e->pos.regs);
	}
	put_body(p, codec, e);
	codec_advance(codec, e);
	return len;
}

/**
 * struct ft_cursor - what is left to decode
 * @p: next byte
 * @end: behind the last
 * @err: 0, or the first error; from then on every read gives 0
 */
struct ft_cursor {
	const u8 *p;
	const u8 *end;
	int err;
};

static const u8 *get_bytes(struct ft_cursor *c, size_t n)
{
	const u8 *p = c->p;

	if (c->err)
		return NULL;
	if (n > c->end - c->p) {
		c->err = -EAGAIN;
		return NULL;
	}
	c->p += n;
	return p;
}

static u8 get_u8(struct ft_cursor *c)
{
	const u8 *p = get_bytes(c, 1);

	return p ? *p : 0;
}

static u16 get_le16(struct ft_cursor *c)
{
	const u8 *p = get_bytes(c, 2);

	return p ? get_unaligned_le16(p) : 0;
}

static u32 get_le32(struct ft_cursor *c)
{
	const u8 *p = get_bytes(c, 4);

	return p ? get_unaligned_le32(p) : 0;
}

static u64 get_le64(struct ft_cursor *c)
{
	const u8 *p = get_bytes(c, 8);

	return p ? get_unaligned_le64(p) : 0;
}

static u64 get_bad(struct ft_cursor *c)
{
	if (!c->err)
		c->err = -EBADMSG;
	return 0;
}

/* A varint of at most @max. Only its shortest form is right. */
static u64 get_varint(struct ft_cursor *c, u64 max)
{
	unsigned int shift;
	u64 v = 0;
	u8 byte;

	for (shift = 0; shift < 64; shift += 7) {
		byte = get_u8(c);
		if (c->err)
			return 0;
		if (shift == 63 && byte > 1)
			break;
		v |= (u64)(byte & 0x7f) << shift;
		if (v > max)
			break;
		if (byte & 0x80)
			continue;
		if (!byte && shift)
			break;
		return v;
	}
	return get_bad(c);
}

/* A value that can only grow: the last one plus a delta. */
static u64 get_delta(struct ft_cursor *c, u64 last)
{
	return last + get_varint(c, U64_MAX - last);
}

static void get_body(struct ft_cursor *c, const struct ft_codec *codec,
		     struct ft_entry *e)
{
	switch (e->type) {
	case KVM_FT_ENTRY_TSC:
	case KVM_FT_ENTRY_TSCP:
		e->tsc = codec->tsc + unzigzag(get_varint(c, U64_MAX));
		break;
	case KVM_FT_ENTRY_MSR:
		e->msr.index = get_varint(c, U32_MAX);
		e->msr.value = get_le64(c);
		break;
	case KVM_FT_ENTRY_IO_IN:
	case KVM_FT_ENTRY_IO_OUT:
		e->io.addr = get_le16(c);
		e->io.len = get_varint(c, KVM_FT_ENTRY_DATA_MAX);
		e->io.data = get_bytes(c, e->io.len);
		break;
	case KVM_FT_ENTRY_IRQ:
		e->irq.source = get_u8(c);
		e->irq.level = get_u8(c);
		e->irq.gsi = get_varint(c, U32_MAX);
		break;
	case KVM_FT_ENTRY_MSI:
		e->msi.addr = get_le64(c);
		e->msi.data = get_le32(c);
		break;
	case KVM_FT_ENTRY_DIGEST:
		e->digest.regs = get_le64(c);
		e->digest.ram = get_le64(c);
		e->digest.irqchip = get_le64(c);
		break;
	case KVM_FT_ENTRY_DMA:
		e->dma.gpa = get_varint(c, U64_MAX);
		e->dma.len = get_varint(c, KVM_FT_ENTRY_DATA_MAX);
		e->dma.data = get_bytes(c, e->dma.len);
		break;
	case KVM_FT_ENTRY_QUEUE:
		e->queue.used = get_varint(c, U64_MAX);
		e->queue.flags = get_le16(c);
		e->queue.idx = get_le16(c);
		e->queue.event = get_le16(c);
		e->queue.avail = get_le16(c);
		break;
	case KVM_FT_ENTRY_DISK:
		e->disk.gpa = get_varint(c, U64_MAX);
		e->disk.len = get_varint(c, KVM_FT_ENTRY_DISK_MAX);
		e->disk.lun = get_varint(c, U32_MAX);
		e->disk.offset = get_varint(c, S64_MAX);
		e->disk.ahead = get_varint(c, KVM_FT_ENTRY_DISK_MAX);
		if (!c->err && !ft_disk_read_valid(&e->disk))
			get_bad(c);
		break;
	}
}

/**
 * ft_entry_decode() - read an entry
 * @codec: what deltas refer to; advanced on success only
 * @buf: the log from this entry on
 * @avail: how many bytes of it there are
 * @e: the entry, valid on success only; data of IO_IN, IO_OUT and DMA is not
 *	copied but pointed to in @buf
 *
 * Context: Any context. Whoever owns @codec.
 * Return: the entry's length in bytes; -EAGAIN when the bytes are the beginning
 * of an entry, -EBADMSG when nothing that may follow can make one of them.
 */
int ft_entry_decode(struct ft_codec *codec, const u8 *buf, size_t avail,
		    struct ft_entry *e)
{
	struct ft_cursor c = { .p = buf, .end = buf + avail };
	u16 rip16 = 0;

	memset(e, 0, sizeof(*e));
	e->type = get_u8(&c);
	if (c.err)
		return c.err;
	if (!ft_entry_known(e->type))
		return -EBADMSG;

	e->pos.branches = codec->branches;
	e->pos.events = codec->events;
	if (!ft_entry_is_part(e->type)) {
		e->pos.branches = get_delta(&c, codec->branches);
		rip16 = get_le16(&c);
		e->pos.rip = rip16;
	}
	if (ft_entry_is_async(e->type)) {
		e->pos.events = get_delta(&c, codec->events);
		e->pos.rip = get_le64(&c);
		if ((u16)e->pos.rip != rip16)
			get_bad(&c);
		e->pos.regs = get_le32(&c);
	}
	get_body(&c, codec, e);
	if (c.err)
		return c.err;

	codec_advance(codec, e);
	return c.p - buf;
}

/**
 * ft_frame_encode() - fill in a frame's header
 * @h: the header
 * @type: enum kvm_ft_frame
 * @length: bytes of payload that will follow
 * @offset: as @type wants it
 * @replayed: log offset executed so far, in an ACK or a secondary's HEARTBEAT
 */
void ft_frame_encode(struct kvm_ft_frame_header *h, u8 type, u32 length,
		     u64 offset, u64 replayed)
{
	*h = (struct kvm_ft_frame_header) {
		.magic = cpu_to_le16(KVM_FT_WIRE_MAGIC),
		.type = type,
		.length = cpu_to_le32(length),
		.offset = cpu_to_le64(offset),
		.replayed = cpu_to_le64(replayed),
	};
}

/**
 * ft_frame_check() - is this a header this protocol knows?
 * @h: header as received
 * @max_log: most bytes a LOG frame may carry
 *
 * Says nothing about whether the frame makes sense now and from this peer.
 *
 * Return: 0, or -EBADMSG when the channel cannot be believed any more.
 */
int ft_frame_check(const struct kvm_ft_frame_header *h, u32 max_log)
{
	u32 length = le32_to_cpu(h->length), least = 0, most = 0;
	u8 flags = 0;
	u64 end;

	if (le16_to_cpu(h->magic) != KVM_FT_WIRE_MAGIC)
		return -EBADMSG;

	switch (h->type) {
	case KVM_FT_FRAME_HELLO:
		least = sizeof(struct kvm_ft_hello);
		most = KVM_FT_HELLO_MAX;
		break;
	case KVM_FT_FRAME_LOG:
		flags = KVM_FT_FRAME_ASK;
		least = !h->flags;
		most = max_log;
		if (check_add_overflow(le64_to_cpu(h->offset), length, &end))
			return -EBADMSG;
		break;
	case KVM_FT_FRAME_ACK:
		/* What is not here cannot have been executed. */
		if (le64_to_cpu(h->replayed) > le64_to_cpu(h->offset))
			return -EBADMSG;
		break;
	case KVM_FT_FRAME_HEARTBEAT:
	case KVM_FT_FRAME_BYE:
		break;
	default:
		return -EBADMSG;
	}
	return h->flags & ~flags || length < least || length > most ? -EBADMSG : 0;
}

/**
 * ft_hello_negotiate() - do two sides fit together?
 * @mine: what this side says of itself
 * @theirs: what the peer said
 *
 * Return: the version both will speak; -EBADMSG when @theirs makes no sense,
 * -EPROTONOSUPPORT when there is no version both speak, -EBADSLT when it is
 * another session, -EISCONN when both sides have the same role.
 */
int ft_hello_negotiate(const struct kvm_ft_hello *mine,
		       const struct kvm_ft_hello *theirs)
{
	u16 oldest = le16_to_cpu(theirs->version_min);
	u16 newest = le16_to_cpu(theirs->version_max);

	if (!oldest || oldest > newest)
		return -EBADMSG;
	oldest = max(oldest, le16_to_cpu(mine->version_min));
	newest = min(newest, le16_to_cpu(mine->version_max));
	if (oldest > newest)
		return -EPROTONOSUPPORT;

	/* Only now is it known that the rest means what it means here. */
	if (!is_power_of_2(le32_to_cpu(theirs->ring_size)) || !theirs->timeout_ms)
		return -EBADMSG;
	if (theirs->session != mine->session)
		return -EBADSLT;
	if (theirs->role == mine->role)
		return -EISCONN;
	return newest;
}
