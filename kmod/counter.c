// SPDX-License-Identifier: GPL-2.0-only
#include <linux/perf_event.h>
#include "counter.h"

/* Further than any guest gets: x86 counters have 48 bits. */
#define FT_NEVER		BIT_ULL(46)

static void ft_counter_overflow(struct perf_event *event,
				struct perf_sample_data *data,
				struct pt_regs *regs)
{
	struct ft_counter *c = event->overflow_handler_context;

	/* The interrupt itself made the guest exit; the vCPU's thread looks. */
	WRITE_ONCE(c->overflowed, true);
}

static struct perf_event *ft_counter_event(struct ft_counter *c, u64 raw, u64 period)
{
	struct perf_event_attr attr = {
		.type		= PERF_TYPE_RAW,
		.size		= sizeof(attr),
		.config		= raw,
		.sample_period	= period,
		.pinned		= 1,
		.exclude_host	= 1,
	};

	return perf_event_create_kernel_counter(&attr, -1, current,
						period ? ft_counter_overflow : NULL, c);
}

/**
 * ft_counter_open() - start counting the branches of the current vCPU thread
 * @c: counter, zeroed
 * @raw: perf's number of the processor's event
 * @with_overflow: whether ft_counter_arm() will be used
 *
 * Context: the vCPU's thread, may sleep.
 * Return: 0, or what perf says: -ENOENT when the CPU has no such event, for
 * one without a performance counter.
 */
int ft_counter_open(struct ft_counter *c, u64 raw, bool with_overflow)
{
	c->count = ft_counter_event(c, raw, 0);
	if (IS_ERR(c->count)) {
		int ret = PTR_ERR(c->count);

		c->count = NULL;
		return ret;
	}
	if (!with_overflow)
		return 0;

	c->overflow = ft_counter_event(c, raw, FT_NEVER);
	if (IS_ERR(c->overflow)) {
		int ret = PTR_ERR(c->overflow);

		c->overflow = NULL;
		ft_counter_close(c);
		return ret;
	}
	return 0;
}

/**
 * ft_counter_close() - give the counter back
 * @c: counter, opened or zeroed
 *
 * Context: any that may sleep, while the vCPU is not in the guest.
 */
void ft_counter_close(struct ft_counter *c)
{
	if (c->overflow)
		perf_event_release_kernel(c->overflow);
	if (c->count)
		perf_event_release_kernel(c->count);
	c->overflow = NULL;
	c->count = NULL;
}

/**
 * ft_counter_read() - branches retired by the guest so far
 * @c: opened counter
 * @branches: set to the count since ft_counter_open()
 *
 * What perf_event_read_local() does, which is not exported.
 *
 * Context: the vCPU's thread, interrupts off, outside of the guest.
 * Return: 0, or -EBUSY when perf does not have the event on this CPU's
 * counters (another pinned event took them): counts are missing then.
 */
int ft_counter_read(struct ft_counter *c, u64 *branches)
{
	struct perf_event *event = c->count;

	lockdep_assert_irqs_disabled();

	if (event->state != PERF_EVENT_STATE_ACTIVE ||
	    event->oncpu != smp_processor_id())
		return -EBUSY;
	event->pmu->read(event);
	*branches = local64_read(&event->count);
	return 0;
}

/**
 * ft_counter_arm() - make the guest exit after some more branches
 * @c: counter opened with overflow
 * @distance: branches; the exit comes then or (skid) a little later
 *
 * perf_event_period() restarts an event that perf had throttled.
 *
 * Context: the vCPU's thread, may sleep.
 * Return: 0 or perf's error.
 */
int ft_counter_arm(struct ft_counter *c, u64 distance)
{
	int ret = perf_event_period(c->overflow, distance);

	if (!ret) {
		WRITE_ONCE(c->overflowed, false);
		c->armed = true;
	}
	return ret;
}

/**
 * ft_counter_disarm() - no more exits by the counter
 * @c: counter opened with overflow
 *
 * Context: the vCPU's thread, may sleep.
 */
void ft_counter_disarm(struct ft_counter *c)
{
	if (!c->armed)
		return;
	perf_event_period(c->overflow, FT_NEVER);
	WRITE_ONCE(c->overflowed, false);
	c->armed = false;
}
