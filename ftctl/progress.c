// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a long command is at: on standard error, so that standard output holds
 * results only. A terminal gets a bar, anything else a line per quarter.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "progress.h"

#define BAR_WIDTH	40

static bool bar_open;
static int quarter_told = -1;

/**
 * progress_step - a new step begins
 * @n: its number
 * @of: number of all
 * @fmt: what it does
 */
void progress_step(int n, int of, const char *fmt, ...)
{
	va_list ap;

	progress_end();
	if (opt.json)
		return;
	fprintf(stderr, "[%d/%d] ", n, of);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

/**
 * progress_bar - how far a step is
 * @what: what is counted
 * @part: 0 to 1
 * @rest: more to tell, in short
 */
void progress_bar(const char *what, double part, const char *rest)
{
	int filled, quarter;

	if (opt.json)
		return;
	part = part < 0 ? 0 : part > 1 ? 1 : part;

	if (!isatty(STDERR_FILENO)) {
		quarter = part * 4;
		if (quarter != quarter_told)
			fprintf(stderr, "      %s: %3.0f %% %s\n", what, part * 100, rest);
		quarter_told = quarter;
		return;
	}

	filled = part * BAR_WIDTH;
	fprintf(stderr, "\r      %s [", what);
	for (int i = 0; i < BAR_WIDTH; i++)
		fputc(i < filled ? '#' : '.', stderr);
	fprintf(stderr, "] %3.0f %% %s\033[K", part * 100, rest);
	bar_open = true;
}

/**
 * progress_end - the bar stays as it is, and a new line begins
 */
void progress_end(void)
{
	if (bar_open)
		fputc('\n', stderr);
	bar_open = false;
	quarter_told = -1;
}
