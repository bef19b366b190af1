// SPDX-License-Identifier: GPL-2.0-only
/*
 * What makes the tests a module. The suites find their own way to KUnit.
 */
#include <linux/module.h>

MODULE_DESCRIPTION("KUnit tests of kvm_ft");
MODULE_LICENSE("GPL");
