/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Asynchronous inputs of a guest that is recorded, on their way from any context to the
 * vCPU's thread.
 */
#ifndef _KVM_FT_INPUTS_H
#define _KVM_FT_INPUTS_H

#include <linux/spinlock.h>
#include <linux/types.h>

#define FT_INPUTS_MAX	256	/* a power of two */

/**
 * struct ft_input - an asynchronous input waiting for its position
 * @type: KVM_FT_ENTRY_IRQ, _MSI or _NMI
 * @source: IRQ: KVM's source id
 * @level: IRQ: bit 0 the level, bit 1 KVM's line_status argument
 * @gsi: IRQ: the line
 * @data: MSI: data
 * @addr: MSI: address
 */
struct ft_input {
	u8 type;
	u8 source;
	u8 level;
	u32 gsi;
	u32 data;
	u64 addr;
};

/**
 * struct ft_inputs - queue of inputs, from any context to the vCPU's thread
 * @lock: guards the rest
 * @open: inputs go straight to KVM; nothing is queued
 * @head: count of inputs ever queued, less those that were merged
 * @tail: count of inputs ever taken
 * @looked: inputs before this one make a difference, all of them; at most @head
 * @merged: count of inputs that are as good as others that waited
 * @ring: the inputs between
 */
struct ft_inputs {
	raw_spinlock_t lock;
	bool open;
	unsigned int head;
	unsigned int tail;
	unsigned int looked;
	u64 merged;
	struct ft_input ring[FT_INPUTS_MAX];
};

void ft_inputs_init(struct ft_inputs *q);
int ft_inputs_push(struct ft_inputs *q, const struct ft_input *input);
bool ft_inputs_pop(struct ft_inputs *q, struct ft_input *input);
bool ft_inputs_open(struct ft_inputs *q);
bool ft_inputs_full(struct ft_inputs *q);

/**
 * ft_inputs_empty() - does no input wait?
 * @q: queue
 *
 * Return: whether so; the answer may be old.
 */
static inline bool ft_inputs_empty(const struct ft_inputs *q)
{
	return READ_ONCE(q->head) == READ_ONCE(q->tail);
}

#endif /* _KVM_FT_INPUTS_H */
