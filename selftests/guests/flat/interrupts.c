// SPDX-License-Identifier: GPL-2.0-only
/* Exercises by where interrupts come from. All do the same work meanwhile. */
#include "flat.h"

#define VECTOR		0x50
#define PIC_VECTOR0	0x20
#define NMI_VECTOR	2
#define PIT_PIN		2
#define HPET_ISR	0x20
#define ICR_SELF	BIT(18)
#define REDIR_LEVEL	BIT(15)
#define HPET_T_LEVEL	BIT(1)
#define HPET_TIMER0	0x100

static u64 deadline_step;

static void eoi(struct frame *f)
{
	(void)f;
	lapic_eoi();
}

static void eoi_pic(struct frame *f)
{
	(void)f;
	pic_eoi();
}

static void nothing(struct frame *f)
{
	(void)f;
}

static void next_deadline(struct frame *f)
{
	(void)f;
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + deadline_step);
	lapic_eoi();
}

static void next_once(struct frame *f)
{
	(void)f;
	lapic_eoi();
	hpet_again(period_us());
}

static void eoi_level(struct frame *f)
{
	(void)f;
	mmio_or64(HPET + HPET_ISR, 1);
	lapic_eoi();
}

static void work_for_ever(void)
{
	sti();
	for (;;) {
		work();
		report_every(WORK_ROUNDS);
	}
}

static void run_oneshot(void)
{
	random_timer_start();
	work_for_ever();
}

static void run_periodic(void)
{
	on_interrupt(VECTOR, eoi);
	lapic_timer_start(LVT_PERIODIC, VECTOR, period_us());
	work_for_ever();
}

static void run_deadline(void)
{
	if (!(cpuid(1).ecx & BIT(24))) {
		skip("the processor has no TSC deadline");
		return;
	}
	deadline_step = tsc_per_ms() * period_us() / 1000;
	on_interrupt(VECTOR, next_deadline);
	lapic_timer_start(LVT_TSC_DEADLINE, VECTOR, 0);
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + deadline_step);
	work_for_ever();
}

static void run_pit_pic(void)
{
	on_interrupt(PIC_VECTOR0, eoi_pic);
	pic_unmask(0);
	pit_start(period_us());
	work_for_ever();
}

static void run_pit_ioapic(void)
{
	on_interrupt(VECTOR, eoi);
	ioapic_route(PIT_PIN, VECTOR);
	pit_start(period_us());
	work_for_ever();
}

/*
 * No way to mask these: they come inside of report() as well. Not from the PIT,
 * where KVM waits for an EOI that NMIs do not have. QEMU's monitor can send some, too.
 */
static void run_nmi(void)
{
	on_interrupt(NMI_VECTOR, nothing);
	if (!hpet_start(0, period_us(), false)) {
		skip("the machine has no HPET");
		return;
	}
	lapic_write(LAPIC_LVT_LINT1, DELIVER_NMI);
	ioapic_route(PIT_PIN, DELIVER_NMI);
	work_for_ever();
}

static void run_hpet(void)
{
	on_interrupt(VECTOR, eoi);
	if (!hpet_start(0, period_us(), false)) {
		skip("the machine has no HPET");
		return;
	}
	ioapic_route(PIT_PIN, VECTOR);
	work_for_ever();
}

static void run_level(void)
{
	u64 config;

	on_interrupt(VECTOR, eoi_level);
	if (!hpet_start(0, period_us(), false)) {
		skip("the machine has no HPET");
		return;
	}
	ioapic_route(PIT_PIN, REDIR_LEVEL | VECTOR);
	config = mmio_read64(HPET + HPET_TIMER0);
	mmio_write64(HPET + HPET_TIMER0, config | HPET_T_LEVEL);
	work_for_ever();
}

static void run_msi(void)
{
	on_interrupt(VECTOR, eoi);
	if (!hpet_start(VECTOR, period_us(), true)) {
		skip("the HPET sends no MSIs; it wants -global hpet.msi=on");
		return;
	}
	work_for_ever();
}

/* Each sets the next: one that is lost is the last. */
static void run_msi_once(void)
{
	on_interrupt(VECTOR, next_once);
	if (!hpet_start(VECTOR, period_us(), true)) {
		skip("the HPET sends no MSIs; it wants -global hpet.msi=on");
		return;
	}
	hpet_again(period_us());
	work_for_ever();
}

/* The guest's own doing, and no input: but it is delivered like one. */
static void run_ipi(void)
{
	on_interrupt(VECTOR, eoi);
	random_timer_start();
	sti();
	for (;;) {
		work();
		lapic_write(LAPIC_ICR, ICR_SELF | VECTOR);
		report_every(WORK_ROUNDS);
	}
}

/* Three sources that know nothing of each other. */
static void run_storm(void)
{
	on_interrupt(VECTOR, eoi);
	on_interrupt(PIC_VECTOR0, eoi_pic);
	random_timer_start();
	pic_unmask(0);
	pit_start(period_us() * 3 / 2);
	hpet_start(VECTOR, period_us() * 5 / 4, true);
	work_for_ever();
}

const struct exercise interrupts[] = {
	{ "oneshot", run_oneshot },
	{ "periodic", run_periodic },
	{ "deadline", run_deadline },
	{ "pit-pic", run_pit_pic },
	{ "pit-ioapic", run_pit_ioapic },
	{ "nmi", run_nmi, "hpet" },
	{ "hpet", run_hpet, "hpet" },
	{ "level", run_level, "hpet" },
	{ "msi", run_msi, "hpet" },
	{ "msi-once", run_msi_once, "hpet" },
	{ "ipi", run_ipi },
	{ "storm", run_storm },
	{}
};
