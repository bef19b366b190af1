/* SPDX-License-Identifier: GPL-2.0-only */
/* Instructions that C has no words for. */
#ifndef FLAT_CPU_H
#define FLAT_CPU_H

#include <stdbool.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define BIT(n)		(1u << (n))
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;

#define MSR_TSC			0x10
#define MSR_APIC_BASE		0x1b
#define MSR_MTRR_CAP		0xfe
#define MSR_PAT			0x277
#define MSR_TSC_DEADLINE	0x6e0
#define MSR_EFER		0xc0000080
#define MSR_TSC_AUX		0xc0000103

static inline void out8(u16 port, u8 value)
{
	asm volatile("outb %0, %1" :: "a"(value), "Nd"(port));
}

static inline u8 in8(u16 port)
{
	u8 value;

	asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline u32 in32(u16 port)
{
	u32 value;

	asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline void in_string(u16 port, void *to, u64 count)
{
	asm volatile("rep insb" : "+D"(to), "+c"(count) : "d"(port) : "memory");
}

static inline u64 rdtsc(void)
{
	u32 low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high));
	return (u64)high << 32 | low;
}

static inline u64 rdtscp(u32 *aux)
{
	u32 low, high;

	asm volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(*aux));
	return (u64)high << 32 | low;
}

static inline u64 rdmsr(u32 msr)
{
	u32 low, high;

	asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (u64)high << 32 | low;
}

static inline void wrmsr(u32 msr, u64 value)
{
	asm volatile("wrmsr" :: "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

struct cpuid {
	u32 eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid(u32 leaf)
{
	struct cpuid c;

	asm volatile("cpuid" : "=a"(c.eax), "=b"(c.ebx), "=c"(c.ecx), "=d"(c.edx)
		     : "a"(leaf), "c"(0));
	return c;
}

static inline u32 mmio_read(u64 address)
{
	u32 value;

	asm volatile("movl (%1), %0" : "=r"(value) : "r"(address) : "memory");
	return value;
}

static inline u64 mmio_read64(u64 address)
{
	u64 value;

	asm volatile("movq (%1), %0" : "=r"(value) : "r"(address) : "memory");
	return value;
}

static inline void mmio_write(u64 address, u32 value)
{
	asm volatile("movl %0, (%1)" :: "r"(value), "r"(address) : "memory");
}

static inline void mmio_write64(u64 address, u64 value)
{
	asm volatile("movq %0, (%1)" :: "r"(value), "r"(address) : "memory");
}

/* Reads and writes in one instruction. */
static inline void mmio_or64(u64 address, u64 value)
{
	asm volatile("orq %0, (%1)" :: "r"(value), "r"(address) : "memory", "cc");
}

static inline u64 read_cr2(void)
{
	u64 value;

	asm volatile("mov %%cr2, %0" : "=r"(value));
	return value;
}

static inline void flush_page(u64 address)
{
	asm volatile("invlpg (%0)" :: "r"(address) : "memory");
}

static inline void sti(void)
{
	asm volatile("sti" ::: "memory");
}

static inline void cli(void)
{
	asm volatile("cli" ::: "memory");
}

#endif /* FLAT_CPU_H */
