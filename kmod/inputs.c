// SPDX-License-Identifier: GPL-2.0-only
/*
 * Asynchronous inputs that wait for their position.
 *
 * A guest that stands still for long (its output waits for the secondary, or somebody
 * has to decide) goes on being interrupted by its timers. What waits is all applied at
 * one position, so there is an end to what it can say: a second pulse of a line finds the
 * interrupt of the first still pending, as it would on a processor that is busy.
 */
#include <linux/errno.h>
#include <linux/string.h>
#include "inputs.h"
#include "../uapi/kvm_ft_wire.h"

/* An input that is as good as others. */
#define FT_INPUT_MERGED		0

/* Delivery modes of an MSI that do nothing when the interrupt is pending: fixed, lowest. */
#define FT_MSI_MODE		0x700
#define FT_MSI_MODE_LOWEST	0x100

/* More NMIs than one that is served and one that waits are lost (KVM: process_nmi()). */
#define FT_NMIS_MAX		2

static struct ft_input *ft_inputs_at(struct ft_inputs *q, unsigned int i)
{
	return &q->ring[i % FT_INPUTS_MAX];
}

/*
 * A level that is set again says nothing, nor do a fall and a rise behind a fall and a
 * rise. A rise behind anything else may be the first: the line may have been high, or kept
 * high by another source.
 */
static void ft_inputs_merge_irq(struct ft_inputs *q, unsigned int i)
{
	struct ft_input *new = ft_inputs_at(q, i), *input, *fall = NULL;
	unsigned int nr = 0;

	/* Of those looked at before, no two in a row have the same level. */
	while (i-- != q->tail) {
		input = ft_inputs_at(q, i);
		if (input->type != KVM_FT_ENTRY_IRQ || input->gsi != new->gsi)
			continue;
		if (input->source != new->source)
			return;
		if (!nr++) {
			if (!((input->level ^ new->level) & 1)) {
				new->type = FT_INPUT_MERGED;
				return;
			}
			if (!(new->level & 1))
				return;
			fall = input;
		} else if (nr == 3) {
			fall->type = FT_INPUT_MERGED;
			new->type = FT_INPUT_MERGED;
			return;
		}
	}
}

static void ft_inputs_merge_msi(struct ft_inputs *q, unsigned int i)
{
	struct ft_input *new = ft_inputs_at(q, i), *input;

	if ((new->data & FT_MSI_MODE) > FT_MSI_MODE_LOWEST)
		return;
	while (i-- != q->tail) {
		input = ft_inputs_at(q, i);
		if (input->type == KVM_FT_ENTRY_MSI && input->addr == new->addr &&
		    input->data == new->data) {
			new->type = FT_INPUT_MERGED;
			return;
		}
	}
}

static void ft_inputs_merge_nmi(struct ft_inputs *q, unsigned int i)
{
	struct ft_input *new = ft_inputs_at(q, i);
	unsigned int nr = 0;

	while (i-- != q->tail)
		nr += ft_inputs_at(q, i)->type == KVM_FT_ENTRY_NMI;
	if (nr >= FT_NMIS_MAX)
		new->type = FT_INPUT_MERGED;
}

static bool ft_inputs_no_place(const struct ft_inputs *q)
{
	return READ_ONCE(q->head) - READ_ONCE(q->tail) == FT_INPUTS_MAX;
}

/*
 * Leave of what waits only what makes a difference. What came since it was last done is
 * compared with all before it, so that interrupts stay off for the length of the queue
 * for each input that came, and not for each that finds the queue full.
 */
static void ft_inputs_merge(struct ft_inputs *q)
{
	unsigned int i, to;

	if (q->looked == q->head)
		return;
	/* Taken meanwhile. */
	if ((int)(q->looked - q->tail) < 0)
		q->looked = q->tail;
	for (i = q->looked; i != q->head; i++) {
		switch (ft_inputs_at(q, i)->type) {
		case KVM_FT_ENTRY_IRQ:
			ft_inputs_merge_irq(q, i);
			break;
		case KVM_FT_ENTRY_MSI:
			ft_inputs_merge_msi(q, i);
			break;
		case KVM_FT_ENTRY_NMI:
			ft_inputs_merge_nmi(q, i);
			break;
		}
	}
	for (i = to = q->tail; i != q->head; i++)
		if (ft_inputs_at(q, i)->type != FT_INPUT_MERGED)
			*ft_inputs_at(q, to++) = *ft_inputs_at(q, i);
	q->merged += i - to;
	q->head = to;
	q->looked = to;
}

/**
 * ft_inputs_init() - an empty queue that is not open
 * @q: queue
 */
void ft_inputs_init(struct ft_inputs *q)
{
	memset(q, 0, sizeof(*q));
	raw_spin_lock_init(&q->lock);
}

/**
 * ft_inputs_push() - queue an input
 * @q: queue
 * @input: what
 *
 * Context: any.
 * Return: 0; -EPERM when the queue is open, -ENOSPC when it is full.
 */
int ft_inputs_push(struct ft_inputs *q, const struct ft_input *input)
{
	unsigned long flags;
	int ret = 0;

	raw_spin_lock_irqsave(&q->lock, flags);
	if (!q->open && ft_inputs_no_place(q))
		ft_inputs_merge(q);
	if (q->open)
		ret = -EPERM;
	else if (ft_inputs_no_place(q))
		ret = -ENOSPC;
	else
		*ft_inputs_at(q, q->head++) = *input;
	raw_spin_unlock_irqrestore(&q->lock, flags);
	return ret;
}

/**
 * ft_inputs_full() - is there no place for one more input?
 * @q: queue
 *
 * Context: any.
 * Return: whether so, after all has been merged that can be; the answer may be old.
 */
bool ft_inputs_full(struct ft_inputs *q)
{
	unsigned long flags;
	bool full;

	if (likely(!ft_inputs_no_place(q)))
		return false;
	raw_spin_lock_irqsave(&q->lock, flags);
	if (ft_inputs_no_place(q))
		ft_inputs_merge(q);
	full = ft_inputs_no_place(q);
	raw_spin_unlock_irqrestore(&q->lock, flags);
	return full;
}

/**
 * ft_inputs_pop() - take the oldest input
 * @q: queue
 * @input: result
 *
 * Context: any.
 * Return: false when there is none.
 */
bool ft_inputs_pop(struct ft_inputs *q, struct ft_input *input)
{
	unsigned long flags;
	bool some;

	raw_spin_lock_irqsave(&q->lock, flags);
	some = !ft_inputs_empty(q);
	if (some)
		*input = *ft_inputs_at(q, q->tail++);
	raw_spin_unlock_irqrestore(&q->lock, flags);
	return some;
}

/**
 * ft_inputs_open() - queue nothing any more, if the queue is empty
 * @q: queue
 *
 * Context: any.
 * Return: false when it is not empty.
 */
bool ft_inputs_open(struct ft_inputs *q)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&q->lock, flags);
	q->open = q->open || ft_inputs_empty(q);
	raw_spin_unlock_irqrestore(&q->lock, flags);
	return q->open;
}
