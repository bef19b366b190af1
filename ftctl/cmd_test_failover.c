// SPDX-License-Identifier: GPL-2.0-only
/*
 * ftctl test-failover: hand the guest over to the secondary, as if the primary
 * had died.
 */

#include "../uapi/kvm_ft.h"
#include "ftctl.h"
#include "simple.h"

static int run(const struct command *cmd, int argc, char **argv)
{
	return simple_command(cmd, argc, argv, KVM_FT_CMD_VM_TEST_FAILOVER);
}

const struct command cmd_test_failover = {
	.name		= "test-failover",
	.usage		= "VM",
	.summary	= "act as if the primary had died",
	.help		=
"Asked of the primary. It halts for good and the secondary takes over; 'ftctl\n"
"disable' then stops what is left here, and 'ftctl enable' on the other host\n"
"protects the guest again.\n",
	.run		= run,
};
