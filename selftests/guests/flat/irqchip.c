// SPDX-License-Identifier: GPL-2.0-only
/* LAPIC, IOAPIC and PIC, all masked until an exercise wants them. */
#include "flat.h"

#define PIC1_COMMAND	0x20
#define PIC1_DATA	0x21
#define PIC2_COMMAND	0xa0
#define PIC2_DATA	0xa1
#define PIC_VECTOR	0x20
#define PIC_EOI		0x20

#define IOAPIC		0xfec00000
#define IOAPIC_DATA	0x10
#define IOAPIC_PINS	24
#define IOAPIC_REDIR	0x10

#define SVR_ENABLE	0x100
#define SPURIOUS	0xff

static void spurious(struct frame *f)
{
	(void)f;
}

u32 lapic_read(u32 reg)
{
	return mmio_read(LAPIC + reg);
}

void lapic_write(u32 reg, u32 value)
{
	mmio_write(LAPIC + reg, value);
}

void lapic_eoi(void)
{
	lapic_write(LAPIC_EOI, 0);
}

static void ioapic_write(u8 reg, u32 value)
{
	mmio_write(IOAPIC, reg);
	mmio_write(IOAPIC + IOAPIC_DATA, value);
}

u32 ioapic_read(u8 reg)
{
	mmio_write(IOAPIC, reg);
	return mmio_read(IOAPIC + IOAPIC_DATA);
}

void ioapic_route(u8 pin, u32 low)
{
	ioapic_write(IOAPIC_REDIR + 2 * pin + 1, lapic_read(LAPIC_ID));
	ioapic_write(IOAPIC_REDIR + 2 * pin, low);
}

/* The PIC's lines come in through LINT0. */
void pic_unmask(u8 irq)
{
	lapic_write(LAPIC_LVT_LINT0, DELIVER_EXTINT);
	out8(PIC1_DATA, ~(1 << irq));
}

void pic_eoi(void)
{
	out8(PIC1_COMMAND, PIC_EOI);
}

static void pic_init(void)
{
	out8(PIC1_COMMAND, 0x11);
	out8(PIC2_COMMAND, 0x11);
	out8(PIC1_DATA, PIC_VECTOR);
	out8(PIC2_DATA, PIC_VECTOR + 8);
	out8(PIC1_DATA, 4);
	out8(PIC2_DATA, 2);
	out8(PIC1_DATA, 1);
	out8(PIC2_DATA, 1);
	out8(PIC1_DATA, 0xff);
	out8(PIC2_DATA, 0xff);
}

void irqchip_init(void)
{
	int pin;

	pic_init();
	for (pin = 0; pin < IOAPIC_PINS; pin++)
		ioapic_route(pin, LVT_MASKED);
	lapic_write(LAPIC_LVT_LINT0, LVT_MASKED);
	lapic_write(LAPIC_LVT_LINT1, LVT_MASKED);
	lapic_write(LAPIC_LVT_TIMER, LVT_MASKED);
	lapic_write(LAPIC_SVR, SVR_ENABLE | SPURIOUS);
	on_interrupt(SPURIOUS, spurious);
	on_interrupt(PIC_VECTOR + 7, spurious);
}
