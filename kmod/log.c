// SPDX-License-Identifier: GPL-2.0-only
/*
 * The log: a ring of pages between one producer and one consumer.
 *
 * Nothing here takes a lock. Two pairs of barriers carry the whole protocol:
 *
 *	producer			consumer
 *	writes the bytes		smp_load_acquire(head)
 *	smp_store_release(head)	->	reads the bytes
 *	smp_load_acquire(tail)	<-	smp_store_release(tail)
 *	writes the bytes again
 *
 * The first keeps the consumer from reading bytes that are not written yet, the
 * second keeps the producer from writing over bytes that are still being read.
 */
#include <linux/bvec.h>
#include <linux/gfp.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "log.h"

#define FT_LOG_SIZE_MAX	SZ_1G

static size_t ft_log_index(const struct ft_log *log, u64 offset)
{
	return offset & (log->size - 1);
}

static void ft_log_free_pages(struct page **pages, size_t n)
{
	while (n--)
		__free_page(pages[n]);
	kvfree(pages);
}

/**
 * ft_log_init() - allocate the ring
 * @log: what to initialise
 * @size: bytes; a power of two, at least a page and at most 1 GiB
 *
 * All memory the ring will ever need is taken here. The pages are of order 0,
 * so that a fragmented host can still protect a VM, and come from the node of
 * the caller. They are zeroed: a peer must never be sent what was in them.
 *
 * Context: Process context. May sleep.
 * Return: 0, -EINVAL for a @size that is not allowed, -ENOMEM.
 */
int ft_log_init(struct ft_log *log, size_t size)
{
	size_t n = size >> PAGE_SHIFT, i;
	struct page **pages;
	u8 *base;

	if (!is_power_of_2(size) || size < PAGE_SIZE || size > FT_LOG_SIZE_MAX)
		return -EINVAL;

	pages = kvmalloc_array(2 * n, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		pages[i] = alloc_page(GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN);
		if (!pages[i])
			goto err;
		pages[n + i] = pages[i];
		cond_resched();
	}

	base = vmap(pages, 2 * n, VM_MAP, PAGE_KERNEL);
	if (!base)
		goto err;

	*log = (struct ft_log) { .pages = pages, .base = base, .size = size };
	return 0;

err:
	ft_log_free_pages(pages, i);
	return -ENOMEM;
}

/**
 * ft_log_destroy() - free the ring
 * @log: initialised log, or one that is all zero
 *
 * Neither producer nor consumer may be at work any more. The socket may: it
 * holds a reference of its own on each page it has still to send.
 *
 * Context: Process context. May sleep.
 */
void ft_log_destroy(struct ft_log *log)
{
	if (!log->base)
		return;
	vunmap(log->base);
	ft_log_free_pages(log->pages, log->size >> PAGE_SHIFT);
	*log = (struct ft_log) {};
}

/**
 * ft_log_room() - how much the producer may write
 * @log: the log
 *
 * Context: Producer only. Any context.
 * Return: free bytes; can only grow until the producer commits.
 */
size_t ft_log_room(const struct ft_log *log)
{
	return log->size - (log->head - ft_log_tail(log));
}

/**
 * ft_log_reserve() - get a place to write the next bytes to
 * @log: the log
 * @len: how many bytes at most
 *
 * The place is contiguous, also where the ring wraps. Nothing is taken until
 * ft_log_commit(): to reserve again, or not to commit, is allowed.
 *
 * Context: Producer only. Any context.
 * Return: where to write, or NULL when there is not so much room.
 */
u8 *ft_log_reserve(struct ft_log *log, size_t len)
{
	if (len > ft_log_room(log))
		return NULL;
	return log->base + ft_log_index(log, log->head);
}

/**
 * ft_log_commit() - hand written bytes to the consumer
 * @log: the log
 * @len: bytes written at the place reserved; no more than were reserved
 *
 * Context: Producer only. Any context.
 */
void ft_log_commit(struct ft_log *log, size_t len)
{
	/* Release: the bytes are visible before the offset that covers them. */
	smp_store_release(&log->head, log->head + len);
}

/**
 * ft_log_peek() - get the bytes from an offset on
 * @log: the log
 * @offset: log offset, not before what was released
 * @avail: on return, how many bytes there are, all of them contiguous
 *
 * A consumer may peek ahead of what it releases: the sender does, which keeps
 * bytes until they are acknowledged.
 *
 * Context: Consumer only. Any context.
 * Return: the bytes, or NULL with *@avail = 0 when there are none at @offset.
 */
const u8 *ft_log_peek(const struct ft_log *log, u64 offset, size_t *avail)
{
	u64 head = ft_log_head(log);

	/* Where one thread peeks and another releases, this may be outdated. */
	if (offset < READ_ONCE(log->tail) || offset >= head) {
		*avail = 0;
		return NULL;
	}
	*avail = head - offset;
	return log->base + ft_log_index(log, offset);
}

/**
 * ft_log_release() - give bytes back to the producer
 * @log: the log
 * @offset: every byte before it is used up
 *
 * Context: Consumer only. Any context.
 */
void ft_log_release(struct ft_log *log, u64 offset)
{
	if (WARN_ON_ONCE(offset < log->tail || offset > ft_log_head(log)))
		return;
	/* Release: what was read is read before the producer may write over it. */
	smp_store_release(&log->tail, offset);
}

/**
 * ft_log_bvec() - describe a run of the log as pages
 * @log: the log
 * @offset: log offset of the first byte
 * @len: bytes, no more than ft_log_peek() says there are
 * @bv: vectors to fill
 * @max: how many there are
 *
 * Context: Consumer only. Any context.
 * Return: how many vectors were filled. They cover less than @len when @max
 * vectors are too few.
 */
unsigned int ft_log_bvec(const struct ft_log *log, u64 offset, size_t len,
			 struct bio_vec *bv, unsigned int max)
{
	unsigned int n;

	for (n = 0; n < max && len; n++) {
		size_t index = ft_log_index(log, offset);
		size_t part = min(len, PAGE_SIZE - offset_in_page(index));

		bvec_set_page(&bv[n], log->pages[index >> PAGE_SHIFT], part,
			      offset_in_page(index));
		offset += part;
		len -= part;
	}
	return n;
}
