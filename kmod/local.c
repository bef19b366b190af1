// SPDX-License-Identifier: GPL-2.0-only
/*
 * The devices of both hosts are told the same by the guest, and interrupt it for the same
 * reasons, but each in its own time: the log's interrupt comes before or after the local
 * one. What is still to come when the log ends is therefore not a matter of counting (a
 * timer that the guest sets anew may have expired on one host only, and counts differ
 * from then on) but of order: an interrupt that was last seen here, and not in the log,
 * is one that the guest may be waiting for. It may also be the log's last one, late: then
 * the guest finds no reason for it, which drivers are used to. The other error, to leave
 * out the one that a timer waits for before it goes on, stops that timer for good.
 */
#include <linux/string.h>
#include "local.h"

/**
 * ft_local_init() - no line is high, no message was sent
 * @l: to be initialised
 */
void ft_local_init(struct ft_local *l)
{
	memset(l, 0, sizeof(*l));
	spin_lock_init(&l->lock);
}

/**
 * ft_local_line() - a device of this host drives a line
 * @l: of a VM that follows the log, or did
 * @gsi: line
 * @level: level
 *
 * Context: any but NMI.
 * Return: whether the interrupt controllers are to see it; else it is remembered.
 */
bool ft_local_line(struct ft_local *l, u32 gsi, bool level)
{
	struct ft_line *line;
	unsigned long flags;
	bool live;

	if (gsi >= FT_GSI_MAX)
		return READ_ONCE(l->live);
	line = &l->lines[gsi];
	spin_lock_irqsave(&l->lock, flags);
	if (level && !line->local)
		line->rose = true;
	line->local = level;
	live = line->live;
	spin_unlock_irqrestore(&l->lock, flags);
	return live;
}

static int ft_local_find(const struct ft_local *l, u64 addr, u32 data)
{
	unsigned int i;

	for (i = 0; i < l->nr_msis; i++)
		if (l->msis[i].addr == addr && l->msis[i].data == data)
			return i;
	return -1;
}

static void ft_local_forget(struct ft_local *l, unsigned int i)
{
	l->nr_msis--;
	memmove(&l->msis[i], &l->msis[i + 1], (l->nr_msis - i) * sizeof(*l->msis));
}

/**
 * ft_local_msi() - a device of this host sends a message
 * @l: of a VM that follows the log, or did
 * @addr: address
 * @data: data
 *
 * With too many kinds of them the oldest is forgotten.
 *
 * Context: any but NMI.
 * Return: as ft_local_line().
 */
bool ft_local_msi(struct ft_local *l, u64 addr, u32 data)
{
	unsigned long flags;
	bool live;

	spin_lock_irqsave(&l->lock, flags);
	live = l->live;
	if (!live && ft_local_find(l, addr, data) < 0) {
		if (l->nr_msis == FT_LOCAL_MSIS_MAX)
			ft_local_forget(l, 0);
		l->msis[l->nr_msis++] = (struct ft_msi) { addr, data };
	}
	spin_unlock_irqrestore(&l->lock, flags);
	return live;
}

/**
 * ft_local_logged_line() - a line changes as the log says
 * @l: of a VM that follows the log
 * @gsi: line
 * @source: by whom, KVM_*_IRQ_SOURCE_ID
 * @level: level
 *
 * Context: any but NMI.
 */
void ft_local_logged_line(struct ft_local *l, u32 gsi, u8 source, bool level)
{
	struct ft_line *line;
	unsigned long flags;

	if (gsi >= FT_GSI_MAX)
		return;
	line = &l->lines[gsi];
	spin_lock_irqsave(&l->lock, flags);
	if (level && !line->applied)
		line->rose = false;
	line->applied = level;
	line->source = source;
	spin_unlock_irqrestore(&l->lock, flags);
}

/**
 * ft_local_logged_msi() - a message comes as the log says
 * @l: of a VM that follows the log
 * @addr: address
 * @data: data
 *
 * Context: any but NMI.
 */
void ft_local_logged_msi(struct ft_local *l, u64 addr, u32 data)
{
	unsigned long flags;
	int i;

	spin_lock_irqsave(&l->lock, flags);
	i = ft_local_find(l, addr, data);
	if (i >= 0)
		ft_local_forget(l, i);
	spin_unlock_irqrestore(&l->lock, flags);
}

/**
 * ft_local_next_line() - going live: what does a line lack?
 * @l: of a VM that goes live
 * @gsi: line
 * @source: by whom a level is to be set
 * @level: that level
 *
 * To be asked until it says no: its devices may change the line meanwhile.
 *
 * Context: any but NMI.
 * Return: whether a level is to be set; false: this host's devices have the line now.
 */
bool ft_local_next_line(struct ft_local *l, u32 gsi, u8 *source, bool *level)
{
	struct ft_line *line = &l->lines[gsi];
	unsigned long flags;

	spin_lock_irqsave(&l->lock, flags);
	*source = FT_LOCAL_SOURCE;
	if (line->applied && line->source != FT_LOCAL_SOURCE) {
		/* Nobody else would ever lower it. */
		*source = line->source;
		*level = false;
	} else if (line->rose) {
		/* An edge, whatever the level was, and is to be. */
		*level = !line->applied;
		line->rose = !*level;
	} else {
		*level = line->local;
		line->live = line->applied == *level;
	}
	line->applied = *level;
	/* What is high from now on is QEMU's. */
	line->source = FT_LOCAL_SOURCE;
	spin_unlock_irqrestore(&l->lock, flags);
	return !line->live;
}

/**
 * ft_local_next_msi() - going live: which message is to be sent?
 * @l: of a VM that goes live
 * @msi: the message
 *
 * Context: any but NMI.
 * Return: whether there is one; false: those of this host's devices pass now.
 */
bool ft_local_next_msi(struct ft_local *l, struct ft_msi *msi)
{
	unsigned long flags;
	bool some;

	spin_lock_irqsave(&l->lock, flags);
	some = l->nr_msis;
	if (some) {
		*msi = l->msis[0];
		ft_local_forget(l, 0);
	}
	l->live = !some;
	spin_unlock_irqrestore(&l->lock, flags);
	return some;
}
