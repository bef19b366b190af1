/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The log: a ring of pages between one producer and one consumer.
 *
 * On the primary the recorder produces and the channel consumes (bytes are
 * given back when the secondary acknowledged them); on the secondary the
 * channel produces and the replay consumes. The pages are mapped twice, one
 * mapping behind the other, so that no entry is ever split at the end.
 * Offsets count bytes since attach and never wrap.
 */
#ifndef _KVM_FT_LOG_H
#define _KVM_FT_LOG_H

#include <linux/bvec.h>
#include <linux/types.h>

/**
 * struct ft_log - ring of log bytes
 * @pages: the ring's pages, @size >> PAGE_SHIFT of them
 * @base: where they are mapped, twice
 * @size: bytes, a power of two, at least one page
 * @head: bytes produced; written by the producer with release
 * @tail: bytes consumed; written by the consumer with release
 */
struct ft_log {
	struct page **pages;
	u8 *base;
	size_t size;
	u64 head;
	u64 tail;
};

int ft_log_init(struct ft_log *log, size_t size);
void ft_log_destroy(struct ft_log *log);

/* Producer. */
u8 *ft_log_reserve(struct ft_log *log, size_t len);
void ft_log_commit(struct ft_log *log, size_t len);
size_t ft_log_room(const struct ft_log *log);

/* Consumer. */
const u8 *ft_log_peek(const struct ft_log *log, u64 offset, size_t *avail);
void ft_log_release(struct ft_log *log, u64 offset);
unsigned int ft_log_bvec(const struct ft_log *log, u64 offset, size_t len,
			 struct bio_vec *bv, unsigned int max);

static inline u64 ft_log_head(const struct ft_log *log)
{
	/* Pairs with ft_log_commit(): the bytes are there before the offset is. */
	return smp_load_acquire(&log->head);
}

static inline u64 ft_log_tail(const struct ft_log *log)
{
	/* Pairs with ft_log_release(): they were read before they are written over. */
	return smp_load_acquire(&log->tail);
}

#endif /* _KVM_FT_LOG_H */
