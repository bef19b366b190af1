/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the interrupt lines and messages of a secondary's own devices say, beside what the
 * log says of the primary's: going live, the guest is not to miss what the log has not.
 * Pure: no KVM, only a lock.
 */
#ifndef _KVM_FT_LOCAL_H
#define _KVM_FT_LOCAL_H

#include <linux/spinlock.h>
#include <linux/types.h>

#define FT_GSI_MAX		24	/* lines of the interrupt controllers */
#define FT_LOCAL_SOURCE		0	/* of what is set going live: KVM_USERSPACE_IRQ_SOURCE_ID */
#define FT_LOCAL_MSIS_MAX	32	/* kinds of messages that are remembered */

/**
 * struct ft_line - an interrupt line, as both device models drive it
 * @local: level last set by this host's devices
 * @applied: level that the interrupt controllers were given last
 * @source: by whom: KVM knows several, each with a level of its own
 * @rose: it rose here, and since then not by the log
 * @live: this host's devices have it
 */
struct ft_line {
	bool local;
	bool applied;
	u8 source;
	bool rose;
	bool live;
};

/**
 * struct ft_msi - a message-signalled interrupt
 * @addr: address
 * @data: data
 */
struct ft_msi {
	u64 addr;
	u32 data;
};

/**
 * struct ft_local - lines and messages of one VM
 * @lock: guards the rest
 * @lines: interrupt lines
 * @msis: messages that were sent here, and since then not by the log; the oldest first
 * @nr_msis: so many
 * @live: messages go to the interrupt controllers
 */
struct ft_local {
	spinlock_t lock;	/* all below */
	struct ft_line lines[FT_GSI_MAX];
	struct ft_msi msis[FT_LOCAL_MSIS_MAX];
	unsigned int nr_msis;
	bool live;
};

void ft_local_init(struct ft_local *l);
bool ft_local_line(struct ft_local *l, u32 gsi, bool level);
bool ft_local_msi(struct ft_local *l, u64 addr, u32 data);
void ft_local_logged_line(struct ft_local *l, u32 gsi, u8 source, bool level);
void ft_local_logged_msi(struct ft_local *l, u64 addr, u32 data);
bool ft_local_next_line(struct ft_local *l, u32 gsi, u8 *source, bool *level);
bool ft_local_next_msi(struct ft_local *l, struct ft_msi *msi);

#endif /* _KVM_FT_LOCAL_H */
