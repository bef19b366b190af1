// SPDX-License-Identifier: GPL-2.0-only
/* What the processor does while interrupts come in, and a timer to bring them. */
#include "flat.h"

#define STEPS	20000

/*
 * Branches that depend on data, calls and a loop: much to be at, and each step
 * leaves its trace in registers that a handler hashes.
 */
static u64 step(u64 x)
{
	if (x & 1)
		return x * 3 + 1;
	if (x & 4)
		return (x >> 1) ^ 0x5bd1e995;
	return (x >> 1) + 0x1b873593;
}

void work(void)
{
	static u64 x = 27;
	int i;

	for (i = 0; i < STEPS; i++)
		x = step(x);
	mix(x);
}

/* A sequence of the handler's own: the loop's would be disturbed half-way. */
static u64 next_delay(void)
{
	static u64 seed = 88172645463325252;

	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return period_us() / 2 + seed % period_us();
}

static void random_timer(struct frame *f)
{
	(void)f;
	lapic_eoi();
	lapic_timer_again(next_delay());
}

/* One-shot after one-shot, each of another length. */
void random_timer_start(void)
{
	on_interrupt(TIMER_VECTOR, random_timer);
	lapic_timer_start(0, TIMER_VECTOR, next_delay());
}
