/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FLAT_REPORT_H
#define FLAT_REPORT_H

#include "cpu.h"

static inline u64 mix_into(u64 hash, u64 value)
{
	hash = (hash ^ value) * 0x9fb21c651e98df25;
	return hash ^ hash >> 29;
}

void report(void);
u64 interrupt_hash(void);

#endif /* FLAT_REPORT_H */
