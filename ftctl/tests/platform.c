// SPDX-License-Identifier: GPL-2.0-only
/*
 * A machine for the tests: everything lies in the folder FTCTL_TEST_DIR. What
 * would be sent to the kernel goes to the socket "kernel" in it, where
 * kernel.py answers; fake QEMUs show up in "proc".
 */
#include <netlink/netlink.h>
#include <netlink/msg.h>
#include <netlink/socket.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../ftctl.h"
#include "../platform.h"

/* Our own message to kernel.py: tell me events. */
#define TEST_JOIN	0xff00

static int kernel = -1;

static const char *in_dir(const char *name)
{
	static char path[4][200];
	static int n;

	n = (n + 1) % ARRAY_SIZE(path);
	snprintf(path[n], sizeof(path[n]), "%s/%s", getenv("FTCTL_TEST_DIR") ?: "/nowhere",
		 name);
	return path[n];
}

/* With this set, a program that ftctl starts has ended before ftctl goes on. */
#define FORK_WAITS	"FTCTL_TEST_FORK_WAITS"

static void wait_for_child(void)
{
	siginfo_t info;

	waitid(P_ALL, 0, &info, WEXITED | WNOWAIT);
}

static void __attribute__((constructor)) at_start(void)
{
	if (getenv(FORK_WAITS))
		pthread_atfork(NULL, wait_for_child, NULL);
}

static int fake_send(struct nl_sock *sk, struct nl_msg *msg)
{
	struct nlmsghdr *nlh = nlmsg_hdr(msg);

	return send(kernel, nlh, nlh->nlmsg_len, MSG_NOSIGNAL);
}

static int fake_recv(struct nl_sock *sk, struct sockaddr_nl *from,
		     unsigned char **buf, struct ucred **creds)
{
	ssize_t n;

	memset(from, 0, sizeof(*from));
	from->nl_family = AF_NETLINK;
	*buf = malloc(65536);
	n = recv(kernel, *buf, 65536, 0);
	if (n > 0)
		return n;
	free(*buf);
	return n ? -NLE_FAILURE : -NLE_NODEV;
}

struct nl_sock *platform_nl_open(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct nl_sock *sk = nl_socket_alloc();
	struct nl_cb *cb = nl_socket_get_cb(sk);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", in_dir("kernel"));
	if (kernel >= 0)
		close(kernel);
	kernel = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (connect(kernel, (struct sockaddr *)&addr, sizeof(addr))) {
		perror(addr.sun_path);
		abort();
	}
	nl_cb_overwrite_send(cb, fake_send);
	nl_cb_overwrite_recv(cb, fake_recv);
	nl_cb_put(cb);
	return sk;
}

int platform_nl_join(struct nl_sock *sk, int group)
{
	struct nlmsghdr nlh = {
		.nlmsg_len = sizeof(nlh), .nlmsg_type = TEST_JOIN, .nlmsg_pid = group,
	};

	(void)sk;
	return send(kernel, &nlh, sizeof(nlh), MSG_NOSIGNAL) < 0 ? fail("join") : 0;
}

int platform_nl_fd(struct nl_sock *sk)
{
	(void)sk;
	return kernel;
}

const char *platform_proc(void)
{
	return in_dir("proc");
}

const char *platform_run(void)
{
	return in_dir("run");
}

const char *platform_target(void)
{
	return in_dir("target");
}

const char *platform_block(void)
{
	return in_dir("block");
}

const char *platform_dev(void)
{
	return in_dir("dev");
}

/* What fake_qemu.c opens. */
const char *platform_vm_link(void)
{
	return "/memfd:kvm-vm (deleted)";
}

const char *platform_vcpu_link(void)
{
	return "/memfd:kvm-vcpu:0 (deleted)";
}

const char *platform_tun_link(void)
{
	return "/memfd:tun (deleted)";
}

const char *platform_vhost_net_link(void)
{
	return "/memfd:vhost-net (deleted)";
}

const char *platform_vhost_scsi_link(void)
{
	return "/memfd:vhost-scsi (deleted)";
}

/* Every name that ends in a number is an interface, of number 100 and on. */
unsigned int platform_ifindex(const char *name)
{
	const char *digits = name + strcspn(name, "0123456789");

	return *digits ? 100 + atoi(digits) : 0;
}
