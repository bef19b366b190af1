// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a guest reads from a disk, by reference. The secondary reads later than the
 * primary, and has to find the same bytes. So a read is logged by reference only if,
 * from its submission until its end is logged, nothing was held, submitted or not
 * ended that may change the disk; and what may change it is submitted only once the
 * secondary has executed the log up to the last such read before it (disk.c). Nobody
 * else may write to the disk.
 *
 * What overlaps with a write is logged with its bytes, as all reads are without this.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bvec.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/netlink.h>
#include <linux/uio.h>
#include <linux/vmalloc.h>
#include <uapi/linux/virtio_scsi.h>
#include "engine.h"

/* Most that is read at once, and what direct IO may have to be a multiple of. */
#define FT_READ_SIZE	(256 << 10)
#define FT_READ_ALIGN	4096
#define FT_READ_PAGES	(FT_READ_SIZE / PAGE_SIZE)

/*
 * Reads by reference that the secondary has still to do, at most: it does one after the
 * other what the guest may have done at once, and a takeover, or a write, waits for all.
 */
#define FT_READS_AHEAD	512

#define FT_READ_RETRY	(HZ / 10 ?: 1)

static_assert(FT_READ_SIZE >= 2 * FT_READ_ALIGN);

static const struct ft_lun *ft_reads_lun(const struct ft_reads *reads, u32 number)
{
	unsigned int i;

	for (i = 0; i < reads->nr_luns; i++)
		if (reads->luns[i].number == number)
			return &reads->luns[i];
	return NULL;
}

/* -- Primary ------------------------------------------------------------------------- */

/**
 * ft_reads_write() - a request is held that may change the disk
 * @reads: of the disk
 * @head: its head descriptor
 * @len: bytes that go with it
 *
 * Context: the vCPU's thread, in a handler.
 */
void ft_reads_write(struct ft_reads *reads, unsigned int head, u32 len)
{
	if (!reads->requests)
		return;
	/* One that is not found again never ends, and no read is clean any more. */
	reads->begun++;
	if (!WARN_ON_ONCE(head >= FT_REQUESTS_MAX))
		reads->requests[head] = (struct ft_read) { .kind = FT_READ_WRITE, .len = len };
}

/**
 * ft_reads_stop() - no read is by reference any more
 * @reads: of the disk
 *
 * For a reset: a request that it ends is told to be good, whatever was read.
 *
 * Context: the vCPU's thread.
 */
void ft_reads_stop(struct ft_reads *reads)
{
	reads->begun++;
}

/**
 * ft_reads_begin() - a read is submitted
 * @reads: of the disk
 * @head: its head descriptor
 * @read: what is read; no @read->gpa
 *
 * Context: the vCPU's thread, in a handler.
 */
void ft_reads_begin(struct ft_reads *reads, unsigned int head,
		    const struct ft_disk_read *read)
{
	if (!reads->requests || WARN_ON_ONCE(head >= FT_REQUESTS_MAX))
		return;
	reads->requests[head] = (struct ft_read) {
		.kind = reads->begun == reads->ended && ft_reads_lun(reads, read->lun) ?
			FT_READ_CLEAN : FT_READ_NONE,
		.lun = read->lun,
		.len = read->len,
		.offset = read->offset,
		.begun = reads->begun,
	};
}

/* Did it read all that was asked for? Known from the response, which comes first. */
static bool ft_reads_good(struct ft_vm *vm, const struct ft_vring_stretch *stretch)
{
	struct virtio_scsi_cmd_resp resp;

	if (stretch->len < offsetof(typeof(resp), sense) ||
	    ft_guest_read(vm, stretch->gpa, &resp, offsetof(typeof(resp), sense)))
		return false;
	return resp.response == VIRTIO_SCSI_S_OK && !resp.status && !resp.resid;
}

/* A request has ended. */
static void ft_reads_end(struct ft_reads *reads, struct ft_vm *vm,
			 const struct ft_vring_stretch *stretch)
{
	struct ft_read *request = &reads->requests[stretch->head];
	bool good = ft_reads_good(vm, stretch);

	reads->now = *request;
	request->kind = FT_READ_NONE;
	/* What a write that failed has done, or is still to do, nobody knows. */
	if (reads->now.kind == FT_READ_WRITE && (good || !reads->now.len))
		reads->ended++;
	if (READ_ONCE(vm->peer_replayed) >= reads->logged)
		reads->ahead = 0;
	if (reads->now.kind != FT_READ_CLEAN || reads->now.begun != reads->begun || !good ||
	    reads->ahead == FT_READS_AHEAD) {
		reads->now.len = 0;
	} else {
		reads->logged = FT_OFFSET_UNKNOWN;
		reads->ahead++;
	}
}

static int ft_reads_refer(const struct ft_read *read, struct ft_vm *vm, u64 gpa, u32 at,
			  u32 len)
{
	struct ft_entry entry = { .type = KVM_FT_ENTRY_DISK };
	int ret = 0;

	while (len && !ret) {
		entry.disk.gpa = gpa;
		entry.disk.len = min_t(u32, len, KVM_FT_ENTRY_DISK_MAX);
		entry.disk.lun = read->lun;
		entry.disk.offset = read->offset + at;
		entry.disk.ahead = min_t(u32, read->len - at - entry.disk.len,
					 KVM_FT_ENTRY_DISK_MAX);
		ret = ft_record_disk(vm, &entry);
		gpa += entry.disk.len;
		at += entry.disk.len;
		len -= entry.disk.len;
	}
	return ret;
}

/**
 * ft_reads_record() - log what was written to guest memory for a disk's request
 * @reads: of the disk
 * @vm: VM
 * @stretch: a stretch of it; those of one request come one behind the other
 *
 * The response is behind what a chain's first stretches are, then come the bytes
 * that were read.
 *
 * Context: the vCPU's thread, behind ft_record_batch(); may sleep.
 * Return: 0, -EFAULT when it is no guest memory, -ENOSPC when protection has ended.
 */
int ft_reads_record(struct ft_reads *reads, struct ft_vm *vm,
		    const struct ft_vring_stretch *stretch)
{
	const u64 resp = sizeof(struct virtio_scsi_cmd_resp);
	u64 at = stretch->at, gpa = stretch->gpa;
	u32 len = stretch->len, n;
	int ret = 0;

	if (!reads->requests || stretch->head >= FT_REQUESTS_MAX)
		return ft_record_dma(vm, gpa, len);
	if (!at)
		ft_reads_end(reads, vm, stretch);
	if (!reads->now.len)
		return ft_record_dma(vm, gpa, len);

	n = at < resp ? min_t(u64, len, resp - at) : 0;
	if (n)
		ret = ft_record_dma(vm, gpa, n);
	at += n;
	gpa += n;
	len -= n;
	n = at < resp + reads->now.len ? min_t(u64, len, resp + reads->now.len - at) : 0;
	if (!ret && n)
		ret = ft_reads_refer(&reads->now, vm, gpa, at - resp, n);
	if (!ret && len > n)
		ret = ft_record_dma(vm, gpa + n, len - n);
	return ret;
}

/**
 * ft_reads_logged() - a batch with requests of the disk is logged
 * @reads: of the disk
 * @offset: log offset behind it
 *
 * Context: the vCPU's thread.
 */
void ft_reads_logged(struct ft_reads *reads, u64 offset)
{
	if (reads->logged == FT_OFFSET_UNKNOWN)
		reads->logged = offset;
}

/* -- Secondary ----------------------------------------------------------------------- */

/**
 * ft_reads_applied() - a batch with requests of the disk is executed
 * @reads: of the disk
 *
 * Only while a request's parts are executed does the disk stay as it is.
 *
 * Context: the vCPU's thread.
 */
void ft_reads_applied(struct ft_reads *reads)
{
	reads->lun = NULL;
}

/* Have in @reads->buf what is @offset bytes into the LUN, and if possible @len of it. */
static int ft_reads_fill(struct ft_reads *reads, const struct ft_lun *lun, u64 offset, u64 len)
{
	u64 start = round_down(offset, FT_READ_ALIGN);
	u64 end = min(round_up(offset + len, FT_READ_ALIGN), start + FT_READ_SIZE);
	struct iov_iter iter;
	loff_t pos = start;
	ssize_t n;

	reads->lun = NULL;
	do {
		iov_iter_bvec(&iter, ITER_DEST, reads->pages, FT_READ_PAGES, end - start);
		iov_iter_advance(&iter, pos - start);
		n = vfs_iter_read(lun->file, &iter, &pos, 0);
	} while (n > 0 && pos < end);
	/* It may end within what alignment has added. */
	if (pos < min(offset + len, end))
		return n < 0 ? n : -ENODATA;
	reads->lun = lun;
	reads->start = start;
	reads->end = pos;
	return 0;
}

/*
 * The same, and try again for a while: what keeps us from reading may have ended the
 * primary, too. Without it this copy is the last, and waits for as long as it takes.
 */
static int ft_reads_try(struct ft_reads *reads, const struct ft_lun *lun, struct ft_vm *vm,
			u64 offset, u64 len)
{
	unsigned long until = jiffies + 2 * msecs_to_jiffies(vm->config.timeout_ms);
	int ret = ft_reads_fill(reads, lun, offset, len);
	bool told = false;

	while (ret && ft_mode(vm) == FT_REPLAY && !READ_ONCE(vm->hold) &&
	       !fatal_signal_pending(current)) {
		if (!told)
			pr_warn("%s: LUN %u cannot be read here at byte %llu (%d)\n",
				vm->config.name, lun->number, offset, ret);
		told = true;
		if (READ_ONCE(vm->machine.state) == KVM_FT_STATE_RUNNING &&
		    time_after(jiffies, until))
			break;
		schedule_timeout_killable(FT_READ_RETRY);
		ret = ft_reads_fill(reads, lun, offset, len);
	}
	return ret;
}

static int ft_reads_copy(struct ft_reads *reads, const struct ft_lun *lun, struct ft_vm *vm,
			 const struct ft_disk_read *read)
{
	u64 offset = read->offset, gpa = read->gpa;
	u32 len = read->len, n;
	int ret = 0;

	while (len && !ret) {
		if (reads->lun != lun || offset < reads->start || offset >= reads->end) {
			ret = ft_reads_try(reads, lun, vm, offset, (u64)len + read->ahead);
			if (ret) {
				ft_vm_event(vm, FT_EV_FAULT, KVM_FT_REASON_NO_RESOURCES,
					    "LUN %u cannot be read here at byte %llu (%d)",
					    lun->number, offset, ret);
				return ret;
			}
		}
		n = min_t(u64, len, reads->end - offset);
		ret = ft_guest_write(vm, gpa, reads->buf + (offset - reads->start), n);
		offset += n;
		gpa += n;
		len -= n;
	}
	/* Only while this request's parts are executed does the disk stay as it is. */
	if (!read->ahead)
		reads->lun = NULL;
	return ret;
}

/**
 * ft_reads_apply() - read from the disk what the primary's guest has read
 * @vm: VM, replaying
 * @read: from the log
 *
 * Context: the vCPU's thread at the batch's position; may sleep.
 * Return: 0, or -EFAULT when it is no guest memory. When there is nothing to read from,
 * or it cannot be read, another error; this copy is dropped then.
 */
int ft_reads_apply(struct ft_vm *vm, const struct ft_disk_read *read)
{
	unsigned int i;

	vm->stats.disk_bytes += read->len;
	for (i = 0; i < vm->config.nr_devices; i++) {
		struct ft_reads *reads = &vm->devices[i].disk.reads;
		const struct ft_lun *lun = ft_reads_lun(reads, read->lun);

		if (lun)
			return ft_reads_copy(reads, lun, vm, read);
	}
	ft_vm_event(vm, FT_EV_FAULT, KVM_FT_REASON_PROTOCOL,
		    "the primary has this copy read LUN %u, and nothing was attached to read it from",
		    read->lun);
	return -ENODEV;
}

/* -- Both ---------------------------------------------------------------------------- */

static int ft_reads_buffer(struct ft_reads *reads)
{
	unsigned int i;

	reads->buf = __vmalloc(FT_READ_SIZE, GFP_KERNEL_ACCOUNT);
	reads->pages = kcalloc(FT_READ_PAGES, sizeof(*reads->pages), GFP_KERNEL_ACCOUNT);
	if (!reads->buf || !reads->pages)
		return -ENOMEM;
	for (i = 0; i < FT_READ_PAGES; i++)
		bvec_set_page(&reads->pages[i], vmalloc_to_page(reads->buf + i * PAGE_SIZE),
			      PAGE_SIZE, 0);
	return 0;
}

/* Direct: what the page cache has may be from before the primary wrote. */
static bool ft_reads_usable(const struct file *file)
{
	return S_ISBLK(file_inode(file)->i_mode) && file->f_mode & FMODE_READ &&
	       file->f_flags & O_DIRECT;
}

/**
 * ft_reads_attach() - make ready for reads by reference, if they are wanted
 * @reads: of a disk, zeroed
 * @vm: VM
 * @config: where this host has the disk's LUNs; none: they are not wanted
 * @extack: for the reason of a refusal
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int ft_reads_attach(struct ft_reads *reads, const struct ft_vm *vm,
		    const struct ft_device_config *config, struct netlink_ext_ack *extack)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < config->nr_luns; i++) {
		if (ft_reads_usable(config->luns[i].file))
			continue;
		NL_SET_ERR_MSG(extack, "a LUN's bytes are on a block device, opened with O_RDONLY and O_DIRECT");
		return -EINVAL;
	}
	if (!config->nr_luns)
		return 0;
	if (vm->config.role == KVM_FT_ROLE_SECONDARY) {
		ret = ft_reads_buffer(reads);
	} else {
		reads->requests = kvcalloc(FT_REQUESTS_MAX, sizeof(*reads->requests),
					   GFP_KERNEL_ACCOUNT);
		if (!reads->requests)
			ret = -ENOMEM;
	}
	for (i = 0; i < config->nr_luns && !ret; i++) {
		reads->luns[i] = config->luns[i];
		get_file(reads->luns[i].file);
		reads->nr_luns++;
	}
	if (ret)
		ft_reads_detach(reads);
	return ret;
}

/**
 * ft_reads_detach() - let go of it
 * @reads: of a disk of a VM that is off
 *
 * Context: may sleep.
 */
void ft_reads_detach(struct ft_reads *reads)
{
	while (reads->nr_luns)
		fput(reads->luns[--reads->nr_luns].file);
	kvfree(reads->requests);
	kfree(reads->pages);
	vfree(reads->buf);
	*reads = (struct ft_reads) {};
}
