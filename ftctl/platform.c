// SPDX-License-Identifier: GPL-2.0-only
/*
 * The machine as it is; tests/platform.c has the one of the tests.
 */
#include <linux/netlink.h>
#include <net/if.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <sys/socket.h>

#include "ftctl.h"
#include "platform.h"

/**
 * platform_nl_open - a socket that speaks generic netlink
 *
 * Return: the socket, or NULL after fail().
 */
struct nl_sock *platform_nl_open(void)
{
	struct nl_sock *sk = nl_socket_alloc();
	int one = 1;
	int err;

	if (!sk) {
		fail("out of memory");
		return NULL;
	}
	err = genl_connect(sk);
	if (err) {
		fail("no netlink socket: %s", nl_geterror(err));
		nl_socket_free(sk);
		return NULL;
	}
	/* The kernel's own sentence about a refusal, without our message in it. */
	setsockopt(nl_socket_get_fd(sk), SOL_NETLINK, NETLINK_EXT_ACK, &one,
		   sizeof(one));
	setsockopt(nl_socket_get_fd(sk), SOL_NETLINK, NETLINK_CAP_ACK, &one,
		   sizeof(one));
	return sk;
}

/**
 * platform_nl_join - listen to a multicast group
 * @sk: the socket
 * @group: the group's number
 *
 * Return: 0, or -1 after fail().
 */
int platform_nl_join(struct nl_sock *sk, int group)
{
	int err = nl_socket_add_membership(sk, group);

	return err ? fail("cannot listen to events: %s", nl_geterror(err)) : 0;
}

/**
 * platform_nl_fd - what is readable when something has come
 * @sk: the socket
 *
 * Return: a descriptor
 */
int platform_nl_fd(struct nl_sock *sk)
{
	return nl_socket_get_fd(sk);
}

/**
 * platform_proc - where processes are seen
 *
 * Return: a path
 */
const char *platform_proc(void)
{
	return "/proc";
}

/**
 * platform_run - where files live until the next boot
 *
 * Return: a path
 */
const char *platform_run(void)
{
	return "/run/kvm_ft";
}

/**
 * platform_vm_link - how KVM names the descriptor of a VM
 *
 * Return: what its link in /proc/PID/fd says
 */
const char *platform_vm_link(void)
{
	return "anon_inode:kvm-vm";
}

/**
 * platform_vcpu_link - how KVM names the descriptor of the first vCPU
 *
 * Return: what its link in /proc/PID/fd says
 */
const char *platform_vcpu_link(void)
{
	return "anon_inode:kvm-vcpu:0";
}

/**
 * platform_tun_link - how a tap's descriptor is named
 *
 * Return: what its link in /proc/PID/fd says
 */
const char *platform_tun_link(void)
{
	return "/dev/net/tun";
}

/**
 * platform_vhost_net_link - how the descriptor of a NIC's vhost is named
 *
 * Return: what its link in /proc/PID/fd says
 */
const char *platform_vhost_net_link(void)
{
	return "/dev/vhost-net";
}

/**
 * platform_vhost_scsi_link - how the descriptor of a disk's vhost is named
 *
 * Return: what its link in /proc/PID/fd says
 */
const char *platform_vhost_scsi_link(void)
{
	return "/dev/vhost-scsi";
}

/**
 * platform_target - where LIO, the kernel's SCSI target, is set up
 *
 * Return: a path
 */
const char *platform_target(void)
{
	return "/sys/kernel/config/target";
}

/**
 * platform_block - where block devices are seen, by major and minor number
 *
 * Return: a path
 */
const char *platform_block(void)
{
	return "/sys/dev/block";
}

/**
 * platform_dev - where devices have their nodes
 *
 * Return: a path
 */
const char *platform_dev(void)
{
	return "/dev";
}

/**
 * platform_ifindex - the number of an interface
 * @name: the interface
 *
 * Return: its number, 0 when there is none
 */
unsigned int platform_ifindex(const char *name)
{
	return if_nametoindex(name);
}
