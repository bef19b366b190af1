// SPDX-License-Identifier: GPL-2.0-only
/*
 * ftctl promote: this host's copy goes on alone.
 */

#include "../uapi/kvm_ft.h"
#include "ftctl.h"
#include "simple.h"

static int run(const struct command *cmd, int argc, char **argv)
{
	return simple_command(cmd, argc, argv, KVM_FT_CMD_VM_PROMOTE);
}

const struct command cmd_promote = {
	.name		= "promote",
	.usage		= "VM",
	.summary	= "let this host's copy of a VM go on alone",
	.help		=
"The answer to the state need-decision. Be sure that the other copy does not\n"
"run: its host is off, or 'ftctl disable' was said there. Two copies that both\n"
"run write to the same disks under the same addresses.\n",
	.run		= run,
};
