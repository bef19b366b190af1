/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KVM_FT_STATS_H
#define _KVM_FT_STATS_H

#include <linux/types.h>

/**
 * struct ft_stats - counters of one protected VM
 * @exits: VM exits while protected
 * @entries_sync: synchronous log entries recorded or replayed
 * @entries_async: asynchronous ones
 * @outputs: writes to the device model held until acknowledged
 * @deferrals: safe points at which an input had to wait for a later one
 * @full_waits: times the guest waited for room in the log
 * @starved_waits: times the secondary waited for the next entry
 * @breakpoints: breakpoint hits while closing in on a position
 * @overflows: counter overflows on the way to a position
 * @skid_max: most branches an overflow came late
 * @digests: digests compared and found equal
 * @packets_held: packets of the guest that were held until acknowledged
 * @batches: batches of a device's writes to guest memory recorded or replayed
 * @dma_bytes: bytes of such writes that are in the log
 * @disk_bytes: bytes of such writes that are not, since the secondary reads them itself
 * @requests: disk requests submitted
 * @hold_max: most bytes of memory that a NIC's held packets took
 * @hold_full: times that they came to be more than hold_size, and the guest was slowed
 * @requests_resubmitted: disk requests that were under way when this copy went live, and
 *	were begun again
 * @inputs_merged: inputs that waited and said no more than others that waited
 *
 * Written by the vCPU's thread only (plain stores), read racily; the last one is filled in
 * when it is asked for.
 */
struct ft_stats {
	u64 exits;
	u64 entries_sync;
	u64 entries_async;
	u64 outputs;
	u64 deferrals;
	u64 full_waits;
	u64 starved_waits;
	u64 breakpoints;
	u64 overflows;
	u64 skid_max;
	u64 digests;
	u64 packets_held;
	u64 batches;
	u64 dma_bytes;
	u64 disk_bytes;
	u64 requests;
	u64 hold_max;
	u64 hold_full;
	u64 requests_resubmitted;
	u64 inputs_merged;
};

#endif /* _KVM_FT_STATS_H */
