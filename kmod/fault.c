// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults at chosen points, for tests.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/irqflags.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/reboot.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/wait.h>
#include "fault.h"

#define FT_FAULT_NONE	-1

/* Until what was given to a network card has left it. */
#define FT_FAULT_LAST_MS	20

static const char * const ft_fault_names[] = {
	[FT_FAULT_UNSENT]	= "unsent",
	[FT_FAULT_UNACKED]	= "unacked",
	[FT_FAULT_UNRELEASED]	= "unreleased",
	[FT_FAULT_RELEASED]	= "released",
	[FT_FAULT_HELD]		= "held",
	[FT_FAULT_SUBMITTED]	= "submitted",
	[FT_FAULT_BATCH]	= "batch",
	[FT_FAULT_DRAINED]	= "drained",
	[FT_FAULT_GO_LIVE]	= "go-live",
	[FT_FAULT_FLIP]		= "flip",
	[FT_FAULT_TSC]		= "tsc",
};

DEFINE_STATIC_KEY_FALSE(ft_fault_key);

/* What is set: written under the parameters' lock. */
static int ft_fault_point = FT_FAULT_NONE;
static atomic_t ft_fault_left;
static DECLARE_WAIT_QUEUE_HEAD(ft_fault_wq);

static int ft_fault_param_set(const char *val, const struct kernel_param *kp)
{
	unsigned int count = 1;
	char text[32], *number;
	int point = FT_FAULT_NONE;

	if (strscpy(text, val, sizeof(text)) < 0)
		return -EINVAL;
	number = strchr(text, ':');
	if (number) {
		*number++ = '\0';
		if (kstrtouint(number, 0, &count) || !count)
			return -EINVAL;
	}
	if (*strim(text)) {
		point = sysfs_match_string(ft_fault_names, text);
		if (point < 0)
			return point;
	}

	/* Nobody counts a point that is not set. */
	WRITE_ONCE(ft_fault_point, FT_FAULT_NONE);
	atomic_set(&ft_fault_left, count);
	/* Pairs with __ft_fault_due(). */
	smp_store_release(&ft_fault_point, point);
	if (point == FT_FAULT_NONE)
		static_branch_disable(&ft_fault_key);
	else
		static_branch_enable(&ft_fault_key);
	wake_up_all(&ft_fault_wq);
	return 0;
}

static int ft_fault_param_get(char *buf, const struct kernel_param *kp)
{
	if (ft_fault_point == FT_FAULT_NONE)
		return sysfs_emit(buf, "\n");
	return sysfs_emit(buf, "%s:%d\n", ft_fault_names[ft_fault_point],
			  max(atomic_read(&ft_fault_left), 0));
}

static const struct kernel_param_ops ft_fault_param_ops = {
	.set = ft_fault_param_set,
	.get = ft_fault_param_get,
};

module_param_cb_unsafe(fault, &ft_fault_param_ops, NULL, 0644);
MODULE_PARM_DESC(fault, "for tests: POINT[:COUNT], what happens when a point is passed for the COUNT-th time (1); see docs/debugging.md");

bool __ft_fault_due(enum ft_fault point)
{
	/* Pairs with ft_fault_param_set(): the count is that point's. */
	if (smp_load_acquire(&ft_fault_point) != point)
		return false;
	return atomic_dec_if_positive(&ft_fault_left) == 0;
}

/**
 * ft_fault_die() - this host loses power
 *
 * Nothing more is done by this processor, but what it has already told its network
 * cards to send leaves them.
 *
 * Context: any.
 */
void ft_fault_die(void)
{
	local_irq_disable();
	pr_warn("fault: the host dies at \"%s\"\n", ft_fault_names[ft_fault_point]);
	mdelay(FT_FAULT_LAST_MS);
	emergency_restart();
	for (;;)
		cpu_relax();
}

void __ft_fault_wait(enum ft_fault point)
{
	if (READ_ONCE(ft_fault_point) != point)
		return;
	pr_warn("fault: waiting at \"%s\"\n", ft_fault_names[point]);
	wait_event_killable(ft_fault_wq, READ_ONCE(ft_fault_point) != point);
}
