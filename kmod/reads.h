/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a guest reads from a disk, by reference: the log does not have the bytes but
 * says where on the disk they are, and the secondary reads them there itself.
 */
#ifndef _KVM_FT_READS_H
#define _KVM_FT_READS_H

#include <linux/types.h>
#include "virtqueue.h"
#include "vm.h"

struct bio_vec;

/**
 * struct ft_read - what became of a head descriptor
 * @kind: what kind of request was submitted with it, and has not ended
 * @lun: read: number of its LUN
 * @len: bytes
 * @offset: read: byte on the LUN
 * @begun: read: struct ft_reads: begun when it was submitted
 */
struct ft_read {
	enum {
		FT_READ_NONE,	/* none, or nothing that matters here */
		FT_READ_WRITE,	/* whatever may change the disk */
		FT_READ_CLEAN,	/* a read, and nothing that may change the disk was begun */
	} kind;
	u32 lun;
	u32 len;
	u64 offset;
	u64 begun;
};

/**
 * struct ft_reads - a disk whose reads may be logged by reference
 * @nr_luns: how many of @luns there are; 0: the bytes are always logged
 * @luns: where this host has what is on them
 * @requests: primary: by head descriptor
 * @now: primary: the one whose buffers are being logged
 * @begun: primary: requests ever held that may change the disk
 * @ended: primary: those of them that the guest was told the end of
 * @logged: primary: log offset behind the last batch with a read by reference,
 *	FT_OFFSET_UNKNOWN until this batch is logged
 * @ahead: primary: reads by reference since the secondary was last through with all
 * @buf: secondary: what was read last
 * @pages: secondary: the pages of @buf
 * @lun: secondary: LUN that it is from; NULL: what is in @buf may be old
 * @start: secondary: byte on the LUN where @buf begins
 * @end: secondary: byte behind it
 *
 * The vCPU's thread alone.
 */
struct ft_reads {
	unsigned int nr_luns;
	struct ft_lun luns[FT_LUNS_MAX];
	struct ft_read *requests;
	struct ft_read now;
	u64 begun;
	u64 ended;
	u64 logged;
	unsigned int ahead;
	void *buf;
	struct bio_vec *pages;
	const struct ft_lun *lun;
	u64 start;
	u64 end;
};

int ft_reads_attach(struct ft_reads *reads, const struct ft_vm *vm,
		    const struct ft_device_config *config, struct netlink_ext_ack *extack);
void ft_reads_detach(struct ft_reads *reads);
void ft_reads_write(struct ft_reads *reads, unsigned int head, u32 len);
void ft_reads_stop(struct ft_reads *reads);
void ft_reads_begin(struct ft_reads *reads, unsigned int head,
		    const struct ft_disk_read *read);
int ft_reads_record(struct ft_reads *reads, struct ft_vm *vm,
		    const struct ft_vring_stretch *stretch);
void ft_reads_logged(struct ft_reads *reads, u64 offset);
int ft_reads_apply(struct ft_vm *vm, const struct ft_disk_read *read);
void ft_reads_applied(struct ft_reads *reads);

#endif /* _KVM_FT_READS_H */
