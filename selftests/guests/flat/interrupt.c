// SPDX-License-Identifier: GPL-2.0-only
/* The IDT, and what every interrupt puts into the hash before it is handled. */
#include "flat.h"
#include "report.h"

#define STUB_SIZE	16	/* as in isr.S */
#define CODE		8	/* selector */
#define GATE		0x8e00	/* present, 64-bit interrupt gate */
#define GATE_PRESENT	0x8000

struct gate {
	u16 offset_low;
	u16 selector;
	u16 type;
	u16 offset_mid;
	u32 offset_high;
	u32 zero;
};

static struct gate idt[256];
static handler_t handlers[256];
static u64 hash;
static u64 seen;

u64 interrupt_hash(void)
{
	return hash;
}

u64 interrupts_seen(void)
{
	return seen;
}

static void unexpected(const struct frame *f)
{
	print("EXCEPTION ");
	print_hex(f->vector, 2);
	print(" error ");
	print_hex(f->error, 8);
	print(" at ");
	print_hex(f->rip, 16);
	print(" address ");
	print_hex(read_cr2(), 16);
	print("\n");
	for (;;)
		asm volatile("cli; hlt");
}

/* Called by isr.S. */
void interrupt(struct frame *f)
{
	const u64 *words = (const u64 *)f;
	unsigned int i;

	if (!handlers[f->vector])
		unexpected(f);
	for (i = 0; i < sizeof(*f) / sizeof(u64); i++)
		hash = mix_into(hash, words[i]);
	seen++;
	handlers[f->vector](f);
}

void on_interrupt(u8 vector, handler_t handler)
{
	handlers[vector] = handler;
}

static void gate_set(u8 vector, u64 entry)
{
	idt[vector] = (struct gate) {
		.offset_low = entry,
		.selector = CODE,
		.type = GATE,
		.offset_mid = entry >> 16,
		.offset_high = entry >> 32,
	};
}

void on_interrupt_raw(u8 vector, const u8 *entry)
{
	gate_set(vector, (u64)entry);
}

void no_interrupt(u8 vector)
{
	idt[vector].type &= ~GATE_PRESENT;
}

void interrupt_init(void)
{
	struct {
		u16 unused[3];
		u16 limit;
		u64 base;
	} pointer = { .limit = sizeof(idt) - 1, .base = (u64)idt };
	int i;

	for (i = 0; i < 256; i++)
		gate_set(i, (u64)isr_stubs + i * STUB_SIZE);
	asm volatile("lidt %0" :: "m"(pointer.limit), "m"(pointer.base));
}
