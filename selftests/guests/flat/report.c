// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two hashes: one of what the loop read, here, and one of what the interrupts
 * found, in interrupt.c. The loop's is not touched by a handler, or an
 * interrupt in the midst of mix() could hide in it.
 */
#include "flat.h"
#include "report.h"

static u64 hash;
static u64 lines;
static u64 rounds;
static u64 seed = 0x9e3779b97f4a7c15;

void mix(u64 value)
{
	hash = mix_into(hash, value);
}

u64 next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void print_name(void)
{
	const char *name = param_name();
	char c[2] = "";

	for (; *name && *name != ' '; name++) {
		c[0] = *name;
		print(c);
	}
}

void report(void)
{
	print_name();
	print(" ");
	print_hex(lines++, 8);
	print(" ");
	print_hex(hash, 16);
	print(" ");
	print_hex(interrupt_hash(), 16);
	print(" ");
	print_hex(interrupts_seen(), 8);
	print("\n");
}

/* To be called once a round of the loop. */
void report_every(u64 n)
{
	if (++rounds % n == 0)
		report();
}

/* A requirement is missing: say so for good. */
void skip(const char *why)
{
	print_name();
	print(" SKIP ");
	print(why);
	print("\n");
}
