// SPDX-License-Identifier: GPL-2.0-only
#include "flat.h"

static const struct exercise *const tables[] = { reads, interrupts, places, states };

static bool is_name(const char *name, const char *given)
{
	for (; *name; name++, given++)
		if (*name != *given)
			return false;
	return !*given || *given == ' ';
}

static const struct exercise *find(const char *given)
{
	const struct exercise *e;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tables); i++)
		for (e = tables[i]; e->name; e++)
			if (is_name(e->name, given))
				return e;
	return 0;
}

/* Called by boot.S. */
void main(u64 start_info)
{
	const struct exercise *e;

	console_init();
	param_init(start_info);
	interrupt_init();
	irqchip_init();

	e = find(param_name());
	if (e)
		e->run();
	else
		skip("no such exercise");
}
