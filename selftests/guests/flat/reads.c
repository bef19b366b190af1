// SPDX-License-Identifier: GPL-2.0-only
/* Exercises that only ask: each answer is an input at a known place. */
#include "flat.h"

#define PIT_COUNTER0	0x40
#define PIT_COMMAND	0x43
#define PIT_LATCH0	0x00
#define PORT_B		0x61
#define PIC1_COMMAND	0x20
#define PIC1_DATA	0x21
#define PIC_READ_IRR	0x0a
#define RTC_INDEX	0x70
#define RTC_DATA	0x71
#define RTC_SECONDS	0x00
#define RTC_STATUS_A	0x0a
#define PM_TIMER	0x608	/* where the firmware puts it on "pc" */
#define PCI_ADDRESS	0xcf8
#define PCI_DATA	0xcfc
#define TSC_AUX		0x5eed	/* any value */

static bool has_rdtscp(void)
{
	return cpuid(0x80000001).edx & BIT(27);
}

/* Time must not go back, whatever happens to the host. */
static void mix_time(u64 now)
{
	static u64 last;

	if (now < last) {
		print("TIME WENT BACK from ");
		print_hex(last, 16);
		print(" to ");
		print_hex(now, 16);
		print("\n");
	}
	last = now;
	mix(now);
}

static void run_tsc(void)
{
	u64 every = param("every", 64);
	bool rdtscp_too = has_rdtscp();
	u32 aux;
	int i;

	if (rdtscp_too)
		wrmsr(MSR_TSC_AUX, TSC_AUX);
	for (;;) {
		for (i = 0; i < 16; i++) {
			mix_time(rdtsc());
			if (rdtscp_too) {
				mix_time(rdtscp(&aux));
				if (aux != TSC_AUX)
					print("BROKEN: RDTSCP\n");
			}
		}
		report_every(every);
	}
}

static void run_msr(void)
{
	bool deadline = cpuid(1).ecx & BIT(24);
	int i;

	for (;;) {
		for (i = 0; i < 8; i++) {
			mix_time(rdmsr(MSR_TSC));
			mix(rdmsr(MSR_APIC_BASE));
			mix(rdmsr(MSR_EFER));
			mix(rdmsr(MSR_PAT));
			mix(rdmsr(MSR_MTRR_CAP));
			if (deadline)
				mix(rdmsr(MSR_TSC_DEADLINE));
		}
		report_every(16);
	}
}

/* Ports that the kernel answers. */
static void run_pio(void)
{
	int i;

	pit_start(period_us());
	for (;;) {
		for (i = 0; i < 4; i++) {
			out8(PIT_COMMAND, PIT_LATCH0);
			mix(in8(PIT_COUNTER0));
			mix(in8(PIT_COUNTER0));
			mix(in8(PORT_B));
			out8(PIC1_COMMAND, PIC_READ_IRR);
			mix(in8(PIC1_COMMAND));
			mix(in8(PIC1_DATA));
		}
		report_every(16);
	}
}

/* Ports that QEMU answers. */
static void run_device(void)
{
	int i;

	for (;;) {
		for (i = 0; i < 4; i++) {
			out8(RTC_INDEX, RTC_SECONDS);
			mix(in8(RTC_DATA));
			out8(RTC_INDEX, RTC_STATUS_A);
			mix(in8(RTC_DATA));
			mix(in32(PM_TIMER));
			mix(in32(PCI_DATA));
		}
		report_every(16);
	}
}

/* Several bytes with one instruction, from either. */
static void run_string(void)
{
	u8 buf[32];
	unsigned int i;

	pit_start(period_us());
	out8(RTC_INDEX, RTC_SECONDS);
	for (;;) {
		in_string(PIT_COUNTER0, buf, 16);
		in_string(RTC_DATA, buf + 16, 16);
		for (i = 0; i < sizeof(buf); i++)
			mix(buf[i]);
		report_every(32);
	}
}

/* Device memory: LAPIC and IOAPIC in the kernel, HPET in QEMU. */
static void run_mmio(void)
{
	bool hpet = (mmio_read(HPET) & 0xff) != 0xff;
	int i;

	lapic_timer_start(LVT_MASKED | LVT_PERIODIC, TIMER_VECTOR, 100000);
	if (hpet)
		hpet_start(0, 1000000, false);
	for (;;) {
		for (i = 0; i < 4; i++) {
			mix(lapic_read(LAPIC_TIMER_CURRENT));
			mix(lapic_read(LAPIC_ID));
			mix(lapic_read(LAPIC_VERSION));
			mix(ioapic_read(0));
			mix(ioapic_read(0x10));
			if (hpet) {
				mix(mmio_read(HPET + HPET_COUNTER));
				mix(mmio_read64(HPET + HPET_COUNTER));
			}
		}
		report_every(16);
	}
}

/* Nothing at all comes in, for as long as this takes. */
static void run_compute(void)
{
	for (;;) {
		work();
		report_every(WORK_ROUNDS);
	}
}

/* Each answer is told at once: a wrong one is found there. */
static void run_tell(void)
{
	int i;

	for (;;) {
		for (i = 0; i < 32; i++) {
			const char bit[] = { '0' + (rdtsc() & 1), '\0' };

			print(bit);
		}
		print("\n");
	}
}

const struct exercise reads[] = {
	{ "tsc", run_tsc },
	{ "msr", run_msr },
	{ "pio", run_pio },
	{ "device", run_device },
	{ "string", run_string },
	{ "mmio", run_mmio },
	{ "compute", run_compute },
	{ "tell", run_tell, "divergence" },
	{}
};
