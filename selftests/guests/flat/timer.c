// SPDX-License-Identifier: GPL-2.0-only
/* PIT, LAPIC timer and HPET. */
#include "flat.h"

#define PIT_HZ			1193182
#define PIT_COUNTER0		0x40
#define PIT_COUNTER2		0x42
#define PIT_COMMAND		0x43
#define PIT_RATE		0x34	/* counter 0, both bytes, mode 2 */
#define PIT_ONESHOT2		0xb0	/* counter 2, both bytes, mode 0 */
#define PORT_B			0x61
#define PORT_B_GATE2		0x01
#define PORT_B_OUT2		0x20

#define LAPIC_DIVIDE_1		0x0b
#define LAPIC_TICKS_PER_US	1000	/* KVM's APIC bus runs at 1 GHz */

#define HPET_CAP		0x000
#define HPET_CONFIG		0x010
#define HPET_CONFIG_ENABLE	1
#define HPET_CONFIG_LEGACY	2	/* timer 0 in the PIT's place */
#define HPET_TIMER0		0x100
#define HPET_TIMER0_COMPARE	0x108
#define HPET_TIMER0_FSB		0x110
#define HPET_T_INTERRUPT	BIT(2)
#define HPET_T_PERIODIC		BIT(3)
#define HPET_T_SET		BIT(6)
#define HPET_T_FSB		BIT(14)
#define HPET_T_FSB_CAP		BIT(15)
#define FS_PER_US		1000000000

u64 period_us(void)
{
	return param("period", 4000);
}

void pit_start(u64 us)
{
	u64 count = PIT_HZ * us / 1000000;

	out8(PIT_COMMAND, PIT_RATE);
	out8(PIT_COUNTER0, count);
	out8(PIT_COUNTER0, count >> 8);
}

/* Measured with the PIT once, for TSC deadlines: a rough figure will do. */
u64 tsc_per_ms(void)
{
	u32 count = PIT_HZ / 100;
	u64 start;

	out8(PORT_B, (in8(PORT_B) & ~2) | PORT_B_GATE2);
	out8(PIT_COMMAND, PIT_ONESHOT2);
	out8(PIT_COUNTER2, count);
	out8(PIT_COUNTER2, count >> 8);
	start = rdtsc();
	while (!(in8(PORT_B) & PORT_B_OUT2))
		;
	return (rdtsc() - start) / 10;
}

void lapic_timer_start(u32 mode, u8 vector, u64 us)
{
	lapic_write(LAPIC_TIMER_DIVIDE, LAPIC_DIVIDE_1);
	lapic_write(LAPIC_LVT_TIMER, mode | vector);
	if (mode != LVT_TSC_DEADLINE)
		lapic_timer_again(us);
}

void lapic_timer_again(u64 us)
{
	lapic_write(LAPIC_TIMER_INITIAL, us * LAPIC_TICKS_PER_US);
}

static u64 hpet_ticks(u64 us)
{
	return us * FS_PER_US / mmio_read(HPET + HPET_CAP + 4);
}

/*
 * Timer 0: by MSI with @vector, or in the PIT's place, which the caller routes.
 * Returns false when the machine has no HPET, or none that sends MSIs.
 */
bool hpet_start(u8 vector, u64 us, bool msi)
{
	u32 period = mmio_read(HPET + HPET_CAP + 4);
	u64 config = mmio_read64(HPET + HPET_TIMER0);
	u64 enable = HPET_CONFIG_ENABLE;
	u64 ticks;

	if (!period || period > 100000000 || (msi && !(config & HPET_T_FSB_CAP)))
		return false;
	ticks = hpet_ticks(us);
	mmio_write64(HPET + HPET_CONFIG, 0);
	mmio_write64(HPET + HPET_COUNTER, 0);

	config = HPET_T_INTERRUPT | HPET_T_PERIODIC | HPET_T_SET;
	if (msi) {
		config |= HPET_T_FSB;
		mmio_write64(HPET + HPET_TIMER0_FSB, (u64)LAPIC << 32 | vector);
	} else {
		enable |= HPET_CONFIG_LEGACY;
	}
	mmio_write64(HPET + HPET_TIMER0, config);
	mmio_write64(HPET + HPET_TIMER0_COMPARE, ticks);
	mmio_write64(HPET + HPET_CONFIG, enable);
	return true;
}

/* Timer 0, started, is to fire once more, and not before it is told so again. */
void hpet_again(u64 us)
{
	u64 config = mmio_read64(HPET + HPET_TIMER0);

	if (config & HPET_T_PERIODIC)
		mmio_write64(HPET + HPET_TIMER0, config & ~HPET_T_PERIODIC);
	mmio_write64(HPET + HPET_TIMER0_COMPARE,
		     mmio_read64(HPET + HPET_COUNTER) + hpet_ticks(us));
}
