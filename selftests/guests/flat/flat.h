/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Small guests that run on the bare virtual machine, each with one kind of
 * input in an endless loop. All that a guest reads goes into a hash, and so do
 * the registers and the place that each interrupt found: a replica that got an
 * input that differs, or the same one an instruction off, prints other lines.
 */
#ifndef FLAT_H
#define FLAT_H

#include "cpu.h"

/**
 * struct frame - what an interrupt found
 * @regs: R15 ... R8, RBP, RDI, RSI, RDX, RCX, RBX, RAX
 */
struct frame {
	u64 regs[15];
	u64 vector;
	u64 error;
	u64 rip;
	u64 cs;
	u64 rflags;
	u64 rsp;
	u64 ss;
};

/**
 * struct exercise - one guest
 * @name: what to say on the command line
 * @run: does not return, unless what it needs is missing
 * @needs: what the ordinary virtual machine does not have; it is in the list of
 *	that name then, see the Makefile. Or the one test that uses it
 */
struct exercise {
	const char *name;
	void (*run)(void);
	const char *needs;
};

/* The exercises of each file end with one without a name. */
extern const struct exercise reads[];
extern const struct exercise interrupts[];
extern const struct exercise places[];
extern const struct exercise states[];

/* boot.S, isr.S */
extern u64 page_dirs[];
extern const char isr_stubs[];

/* console.c */
void console_init(void);
void print(const char *s);
void print_hex(u64 value, int digits);

/* report.c: what was seen so far */
void mix(u64 value);
void report_every(u64 rounds);
void skip(const char *why);
u64 next_random(void);

/* param.c */
const char *param_name(void);
u64 param(const char *name, u64 otherwise);
void param_init(u64 start_info);

/* interrupt.c */
typedef void (*handler_t)(struct frame *frame);
void interrupt_init(void);
void on_interrupt(u8 vector, handler_t handler);
void on_interrupt_raw(u8 vector, const u8 *entry);
void no_interrupt(u8 vector);
u64 interrupts_seen(void);

/* irqchip.c */
#define LAPIC			0xfee00000
#define LAPIC_ID		0x20
#define LAPIC_VERSION		0x30
#define LAPIC_EOI		0xb0
#define LAPIC_SVR		0xf0
#define LAPIC_ICR		0x300
#define LAPIC_ICR_HIGH		0x310
#define LAPIC_LVT_TIMER		0x320
#define LAPIC_LVT_LINT0		0x350
#define LAPIC_LVT_LINT1		0x360
#define LAPIC_TIMER_INITIAL	0x380
#define LAPIC_TIMER_CURRENT	0x390
#define LAPIC_TIMER_DIVIDE	0x3e0

#define LVT_MASKED		BIT(16)
#define LVT_PERIODIC		BIT(17)
#define LVT_TSC_DEADLINE	(2 << 17)
#define DELIVER_NMI		(4 << 8)
#define DELIVER_EXTINT		(7 << 8)

void irqchip_init(void);
void lapic_eoi(void);
void lapic_write(u32 reg, u32 value);
u32 lapic_read(u32 reg);
void pic_unmask(u8 irq);
void pic_eoi(void);
void ioapic_route(u8 pin, u32 low);
u32 ioapic_read(u8 reg);

/* timer.c */
#define HPET			0xfed00000
#define HPET_COUNTER		0x0f0

u64 period_us(void);
void pit_start(u64 us);
void lapic_timer_start(u32 mode, u8 vector, u64 us);
void lapic_timer_again(u64 us);
bool hpet_start(u8 vector, u64 us, bool msi);
void hpet_again(u64 us);
u64 tsc_per_ms(void);

/* work.c */
#define TIMER_VECTOR	0x40
#define WORK_ROUNDS	50	/* of work() between two lines */

void work(void);
void random_timer_start(void);

#endif /* FLAT_H */
