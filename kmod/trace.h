/* SPDX-License-Identifier: GPL-2.0-only */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kvm_ft

#if !defined(_KVM_FT_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _KVM_FT_TRACE_H

#include <linux/tracepoint.h>
#include "wire.h"

#define ft_show_entry(type)						\
	__print_symbolic(type,						\
		{ KVM_FT_ENTRY_TSC,	 "tsc" },			\
		{ KVM_FT_ENTRY_TSCP,	 "tscp" },			\
		{ KVM_FT_ENTRY_MSR,	 "msr" },			\
		{ KVM_FT_ENTRY_IO_IN,	 "io-in" },			\
		{ KVM_FT_ENTRY_IO_OUT,	 "io-out" },			\
		{ KVM_FT_ENTRY_IRQ,	 "irq" },			\
		{ KVM_FT_ENTRY_MSI,	 "msi" },			\
		{ KVM_FT_ENTRY_TIMER,	 "timer" },			\
		{ KVM_FT_ENTRY_NMI,	 "nmi" },			\
		{ KVM_FT_ENTRY_POSITION, "position" },			\
		{ KVM_FT_ENTRY_DIGEST,	 "digest" },			\
		{ KVM_FT_ENTRY_BATCH,	 "batch" },			\
		{ KVM_FT_ENTRY_SHADOW,	 "shadow" },			\
		{ KVM_FT_ENTRY_DMA,	 "dma" },			\
		{ KVM_FT_ENTRY_QUEUE,	 "queue" },			\
		{ KVM_FT_ENTRY_DISK,	 "disk" })

DECLARE_EVENT_CLASS(kvm_ft_entry,
	TP_PROTO(const char *vm, const struct ft_entry *e, u64 offset),
	TP_ARGS(vm, e, offset),
	TP_STRUCT__entry(
		__string(vm, vm)
		__field(u8, type)
		__field(u64, offset)
		__field(u64, branches)
		__field(u64, rip)
		__field(u64, events)
		__field(u32, regs)
	),
	TP_fast_assign(
		__assign_str(vm);
		__entry->type = e->type;
		__entry->offset = offset;
		__entry->branches = e->pos.branches;
		__entry->rip = e->pos.rip;
		__entry->events = ft_entry_is_async(e->type) ? e->pos.events : 0;
		__entry->regs = ft_entry_is_async(e->type) ? e->pos.regs : 0;
	),
	TP_printk("%s %s offset=%llu branches=%llu rip=%llx events=%llu regs=%08x",
		  __get_str(vm), ft_show_entry(__entry->type), __entry->offset,
		  __entry->branches, __entry->rip, __entry->events, __entry->regs)
);

/* An entry was written to the log at @offset. */
DEFINE_EVENT(kvm_ft_entry, kvm_ft_record,
	TP_PROTO(const char *vm, const struct ft_entry *e, u64 offset),
	TP_ARGS(vm, e, offset)
);

/* The entry at @offset was executed. */
DEFINE_EVENT(kvm_ft_entry, kvm_ft_replay,
	TP_PROTO(const char *vm, const struct ft_entry *e, u64 offset),
	TP_ARGS(vm, e, offset)
);

/* The log moved on: sent, received or acknowledged up to @offset. */
DECLARE_EVENT_CLASS(kvm_ft_offset,
	TP_PROTO(const char *vm, u64 offset, u64 replayed),
	TP_ARGS(vm, offset, replayed),
	TP_STRUCT__entry(
		__string(vm, vm)
		__field(u64, offset)
		__field(u64, replayed)
	),
	TP_fast_assign(
		__assign_str(vm);
		__entry->offset = offset;
		__entry->replayed = replayed;
	),
	TP_printk("%s offset=%llu replayed=%llu",
		  __get_str(vm), __entry->offset, __entry->replayed)
);

DEFINE_EVENT(kvm_ft_offset, kvm_ft_sent,
	TP_PROTO(const char *vm, u64 offset, u64 replayed),
	TP_ARGS(vm, offset, replayed)
);

DEFINE_EVENT(kvm_ft_offset, kvm_ft_received,
	TP_PROTO(const char *vm, u64 offset, u64 replayed),
	TP_ARGS(vm, offset, replayed)
);

DEFINE_EVENT(kvm_ft_offset, kvm_ft_acked,
	TP_PROTO(const char *vm, u64 offset, u64 replayed),
	TP_ARGS(vm, offset, replayed)
);

/* An output that waited for the log up to @offset is let go. */
TRACE_EVENT(kvm_ft_released,
	TP_PROTO(const char *vm, const char *kind, u64 offset),
	TP_ARGS(vm, kind, offset),
	TP_STRUCT__entry(
		__string(vm, vm)
		__string(kind, kind)
		__field(u64, offset)
	),
	TP_fast_assign(
		__assign_str(vm);
		__assign_str(kind);
		__entry->offset = offset;
	),
	TP_printk("%s %s offset=%llu",
		  __get_str(vm), __get_str(kind), __entry->offset)
);

TRACE_EVENT(kvm_ft_state,
	TP_PROTO(const char *vm, u32 role, u32 from, u32 to, u32 reason),
	TP_ARGS(vm, role, from, to, reason),
	TP_STRUCT__entry(
		__string(vm, vm)
		__field(u32, role)
		__field(u32, from)
		__field(u32, to)
		__field(u32, reason)
	),
	TP_fast_assign(
		__assign_str(vm);
		__entry->role = role;
		__entry->from = from;
		__entry->to = to;
		__entry->reason = reason;
	),
	TP_printk("%s role=%u state=%u->%u reason=%u",
		  __get_str(vm), __entry->role, __entry->from, __entry->to,
		  __entry->reason)
);

#endif /* _KVM_FT_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
