// SPDX-License-Identifier: GPL-2.0-only
/*
 * Floating point, the serial port's input, and all at once. The only file that
 * may use SSE registers.
 */
#include "flat.h"
#include "uart.h"

#define VECTOR		0x50
#define SERIAL_PIN	4
#define PIC_VECTOR0	0x20
#define FXSAVE_AREA	0x0e00000
#define FXSAVE_MXCSR	24
#define FXSAVE_ST	32
#define FXSAVE_END	416	/* ST0-7 and XMM0-15 end here */
#define PIT_COUNTER0	0x40
#define RTC_DATA	0x71
#define BUFFER		0x1000000

/* What a handler found in the registers that the kernel switches. */
static u64 fpu_seen;

static __attribute__((target("general-regs-only"))) void hash_fpu(struct frame *f)
{
	u8 *area = (u8 *)FXSAVE_AREA;
	const u64 *words = (const u64 *)area;
	unsigned int i;

	(void)f;
	asm volatile("fxsave %0" : "=m"(*(u8 (*)[512])area));
	/* Not the last instruction's and operand's address: AMD keeps none. */
	fpu_seen = (fpu_seen + *(const u32 *)(area + FXSAVE_MXCSR)) * 0x100000001b3;
	for (i = FXSAVE_ST / 8; i < FXSAVE_END / 8; i++)
		fpu_seen = (fpu_seen ^ words[i]) * 0x100000001b3;
	lapic_eoi();
}

static u64 bits(double d)
{
	u64 u;

	__builtin_memcpy(&u, &d, sizeof(u));
	return u;
}

static void run_fpu(void)
{
	long double z = 1.0L;
	double x = 0.5, y = 1.25;
	int i;

	on_interrupt(VECTOR, hash_fpu);
	lapic_timer_start(LVT_PERIODIC, VECTOR, period_us());
	sti();
	for (;;) {
		for (i = 1; i < 2000; i++) {
			x = 3.9 * x * (1.0 - x);
			y = y * 1.0000001 + x / i;
			z = z / 1.0000003L + (long double)x;
		}
		mix(bits(x));
		mix(bits(y));
		mix(bits((double)z));
		if (y > 1e9)
			y = 1.25;
		cli();
		mix(fpu_seen);
		sti();
		report_every(WORK_ROUNDS);
	}
}

/* What was typed, and whether there was any since it was looked at. */
static u64 typed;
static bool echoed;

static void echo(struct frame *f)
{
	char s[2] = "";

	(void)f;
	echoed = true;
	while (in8(UART_LSR) & UART_LSR_RX) {
		s[0] = in8(UART_RHR);
		typed = typed * 131 + (u8)s[0];
		print(s);
	}
	lapic_eoi();
}

/* What is typed comes back; where it arrived is in the hash. */
static void run_serial(void)
{
	on_interrupt(VECTOR, echo);
	ioapic_route(SERIAL_PIN, VECTOR);
	out8(UART_IER, UART_IER_RX);
	for (;;) {
		sti();
		work();
		/* Nothing typed into the midst of a line, nor before one. */
		cli();
		if (echoed)
			print("\n");
		echoed = false;
		mix(typed);
		report_every(WORK_ROUNDS);
	}
}

static void eoi_pic(struct frame *f)
{
	(void)f;
	pic_eoi();
}

static void some_reads(void)
{
	mix(rdtsc());
	mix(rdmsr(MSR_TSC));
	mix(in8(PIT_COUNTER0));
	mix(in8(RTC_DATA));
	mix(lapic_read(LAPIC_TIMER_CURRENT));
	mix(cpuid(1).ebx);
}

static void some_strings(void)
{
	u64 to = BUFFER, count = next_random() % 0x10000;

	asm volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(next_random()) : "memory");
	mix(to);
}

static void some_sleep(void)
{
	asm volatile("hlt");
}

static void some_floats(void)
{
	static double x = 0.5;
	int i;

	for (i = 0; i < 1000; i++)
		x = 3.9 * x * (1.0 - x);
	mix(bits(x));
}

/* A bit of everything, in an order of its own. */
static void run_mixed(void)
{
	static void (*const parts[])(void) = {
		work, some_reads, some_strings, some_sleep, some_floats,
	};

	on_interrupt(PIC_VECTOR0, eoi_pic);
	random_timer_start();
	pic_unmask(0);
	pit_start(period_us() * 3);
	sti();
	for (;;) {
		parts[next_random() % ARRAY_SIZE(parts)]();
		report_every(50);
	}
}

const struct exercise states[] = {
	{ "fpu", run_fpu },
	{ "serial", run_serial },
	{ "mixed", run_mixed },
	{}
};
