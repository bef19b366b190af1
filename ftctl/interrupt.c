// SPDX-License-Identifier: GPL-2.0-only
/*
 * ^C and its like: they end a long command at its next step, with everything
 * put back, and not in the midst of one.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

#include "ftctl.h"
#include "interrupt.h"

static atomic_int interrupted;

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

static void on_signal(int sig)
{
	interrupted = sig;
}

static void set_handlers(void (*handler)(int))
{
	struct sigaction sa = { .sa_handler = handler };

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &sa, NULL);
}

/**
 * interrupt_catch - from here on, signals wait for interrupt_check()
 */
void interrupt_catch(void)
{
	set_handlers(on_signal);
}

/**
 * interrupt_check - is it time to stop?
 *
 * Return: 0, or -1 after fail().
 */
int interrupt_check(void)
{
	return interrupted ? fail("interrupted") : 0;
}

/**
 * interrupt_ignore - what follows has to be done in any case
 */
void interrupt_ignore(void)
{
	set_handlers(SIG_IGN);
	interrupted = 0;
}
