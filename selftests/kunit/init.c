// SPDX-License-Identifier: GPL-2.0-only
/*
 * The only process of the test kernel: loads the tests, which run while they are
 * loaded, and halts.
 */
#include <fcntl.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <string.h>
#include <errno.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
	int fd = open("/kvm_ft_kunit.ko", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || syscall(SYS_finit_module, fd, "", 0))
		printf("init: the tests cannot be loaded: %s\n", strerror(errno));
	reboot(LINUX_REBOOT_CMD_HALT);
	return 1;
}
