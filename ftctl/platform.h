/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What ftctl takes from the machine it runs on. The tests link another
 * implementation, so that everything above is tested without module and KVM.
 */
#ifndef _FTCTL_PLATFORM_H
#define _FTCTL_PLATFORM_H

struct nl_sock;

/* Generic netlink, connected, with extended acknowledgements. */
struct nl_sock *platform_nl_open(void);
int platform_nl_join(struct nl_sock *sk, int group);
int platform_nl_fd(struct nl_sock *sk);

const char *platform_proc(void);	/* "/proc" */
const char *platform_run(void);		/* where files live until reboot */

/* What the links in /proc/PID/fd of KVM's descriptors say. */
const char *platform_vm_link(void);
const char *platform_vcpu_link(void);

/* And of the devices in /dev. */
const char *platform_tun_link(void);
const char *platform_vhost_net_link(void);
const char *platform_vhost_scsi_link(void);

const char *platform_target(void);	/* configfs of LIO */
const char *platform_block(void);	/* block devices, by number */
const char *platform_dev(void);		/* "/dev" */

unsigned int platform_ifindex(const char *name);	/* 0: no such interface */

#endif /* _FTCTL_PLATFORM_H */
