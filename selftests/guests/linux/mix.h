/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbers that look random, made of a seed and a position (splitmix64), and the
 * way back: from a number to its position.
 */
#ifndef MIX_H
#define MIX_H

typedef unsigned long u64;

#define MIX_A	0xbf58476d1ce4e5b9
#define MIX_B	0x94d049bb133111eb
/* Their inverses modulo 2^64. */
#define UNMIX_A	0x96de1b173f119089
#define UNMIX_B	0x319642b2d24d8ec3

static inline u64 mix(u64 seed, u64 position)
{
	u64 x = seed + position;

	x = (x ^ x >> 30) * MIX_A;
	x = (x ^ x >> 27) * MIX_B;
	return x ^ x >> 31;
}

static inline u64 unmix(u64 seed, u64 x)
{
	x = (x ^ x >> 31 ^ x >> 62) * UNMIX_B;
	x = (x ^ x >> 27 ^ x >> 54) * UNMIX_A;
	return (x ^ x >> 30 ^ x >> 60) - seed;
}

#endif /* MIX_H */
