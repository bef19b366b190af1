// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the channel needs of a TCP socket, and how two sides greet each other
 * on it.
 *
 * Whatever fails before the channel is up is told to the operator in one
 * sentence that names the cause, so that part of the code is about sentences.
 */
#include <linux/inet.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/jiffies.h>
#include <linux/netlink.h>
#include <linux/tcp.h>
#include <linux/uio.h>
#include <net/ipv6.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "transport-sock.h"
#include "../uapi/kvm_ft.h"

/*
 * How long setting up may take. More patient than the time-out of a channel
 * that is up: a lost SYN alone is only sent again after a second.
 */
#define FT_SETUP_TIMEOUT	(3 * HZ)
/*
 * How long a secondary waits for the HELLO of whoever connected. Less, so that
 * the primary behind a stranger who says nothing still gets its turn.
 */
#define FT_HELLO_TIMEOUT	(1 * HZ)

static int ft_addr_len(const struct sockaddr_storage *addr)
{
	switch (addr->ss_family) {
	case AF_INET:
		return sizeof(struct sockaddr_in);
	case AF_INET6:
		return sizeof(struct sockaddr_in6);
	default:
		return -EAFNOSUPPORT;
	}
}

static int ft_sock_create(struct net *net, int family, struct socket **sock,
			  struct netlink_ext_ack *extack)
{
	int err = sock_create_kern(net, family, SOCK_STREAM, IPPROTO_TCP, sock);

	if (err)
		NL_SET_ERR_MSG_FMT(extack, "cannot create a TCP socket: error %d", -err);
	return err;
}

static int ft_sock_bind(struct socket *sock, const struct sockaddr_storage *local,
			struct netlink_ext_ack *extack)
{
	struct sockaddr_storage addr = *local;
	int err;

	err = kernel_bind(sock, (struct sockaddr *)&addr, ft_addr_len(local));
	switch (err) {
	case 0:
		break;
	case -EADDRNOTAVAIL:
		NL_SET_ERR_MSG_FMT(extack, "this host has no address %pISc", local);
		break;
	case -EADDRINUSE:
		NL_SET_ERR_MSG_FMT(extack, "%pISpc is in use: choose another port", local);
		break;
	default:
		NL_SET_ERR_MSG_FMT(extack, "cannot bind to %pISpc: error %d", local, -err);
		break;
	}
	return err;
}

/**
 * ft_sock_listen() - listen for the primary
 * @net: network namespace; must outlive the socket
 * @local: where to listen; port 0 lets the kernel choose
 * @port: on success, the port
 * @extack: gets a sentence on failure
 *
 * Context: Process context. May sleep.
 * Return: the socket or an ERR_PTR().
 */
struct socket *ft_sock_listen(struct net *net, const struct sockaddr_storage *local,
			      u16 *port, struct netlink_ext_ack *extack)
{
	struct sockaddr_storage addr;
	struct socket *sock;
	int err;

	if (ft_addr_len(local) < 0) {
		NL_SET_ERR_MSG(extack, "the address to listen on is neither IPv4 nor IPv6");
		return ERR_PTR(-EAFNOSUPPORT);
	}
	err = ft_sock_create(net, local->ss_family, &sock, extack);
	if (err)
		return ERR_PTR(err);

	/* A predecessor's connections may still be in TIME_WAIT. */
	sock_set_reuseaddr(sock->sk);
	err = ft_sock_bind(sock, local, extack);
	if (err)
		goto err;
	err = kernel_listen(sock, 1);
	if (!err)
		err = kernel_getsockname(sock, (struct sockaddr *)&addr);
	if (err < 0) {
		NL_SET_ERR_MSG_FMT(extack, "cannot listen on %pISpc: error %d", local, -err);
		goto err;
	}
	/* The port is at the same place in both families' addresses. */
	*port = ntohs(((struct sockaddr_in *)&addr)->sin_port);
	return sock;

err:
	sock_release(sock);
	return ERR_PTR(err);
}

/**
 * ft_sock_accept() - wait for somebody to connect
 * @listener: from ft_sock_listen(); its shutdown ends the wait
 * @peer: on success, who it is
 *
 * Context: Process context. May sleep.
 * Return: the socket or an ERR_PTR().
 */
struct socket *ft_sock_accept(struct socket *listener, struct sockaddr_storage *peer)
{
	struct socket *sock;
	int err;

	err = kernel_accept(listener, &sock, 0);
	if (err)
		return ERR_PTR(err);
	tcp_sock_set_nodelay(sock->sk);
	if (kernel_getpeername(sock, (struct sockaddr *)peer) < 0)
		peer->ss_family = AF_UNSPEC;
	return sock;
}

/**
 * ft_sock_connect() - connect to the secondary
 * @net: network namespace; must outlive the socket
 * @local: address to come from, AF_UNSPEC for any
 * @peer: where the secondary listens
 * @extack: gets a sentence on failure
 *
 * Context: Process context. May sleep, for a few seconds at most.
 * Return: the socket or an ERR_PTR().
 */
struct socket *ft_sock_connect(struct net *net, const struct sockaddr_storage *local,
			       const struct sockaddr_storage *peer,
			       struct netlink_ext_ack *extack)
{
	struct sockaddr_storage addr = *peer;
	struct socket *sock;
	int err;

	if (ft_addr_len(peer) < 0) {
		NL_SET_ERR_MSG(extack, "the peer's address is neither IPv4 nor IPv6");
		return ERR_PTR(-EAFNOSUPPORT);
	}
	if (local->ss_family != AF_UNSPEC && local->ss_family != peer->ss_family) {
		NL_SET_ERR_MSG(extack, "local and peer address are of different families");
		return ERR_PTR(-EAFNOSUPPORT);
	}
	err = ft_sock_create(net, peer->ss_family, &sock, extack);
	if (err)
		return ERR_PTR(err);
	tcp_sock_set_nodelay(sock->sk);
	if (local->ss_family != AF_UNSPEC) {
		err = ft_sock_bind(sock, local, extack);
		if (err)
			goto err;
	}

	WRITE_ONCE(sock->sk->sk_sndtimeo, FT_SETUP_TIMEOUT);
	err = kernel_connect(sock, (struct sockaddr *)&addr, ft_addr_len(peer), 0);
	WRITE_ONCE(sock->sk->sk_sndtimeo, MAX_SCHEDULE_TIMEOUT);
	switch (err) {
	case 0:
		return sock;
	case -ECONNREFUSED:
		NL_SET_ERR_MSG_FMT(extack, "%pISpc refused: no secondary waits there", peer);
		break;
	case -EINPROGRESS:
	case -ETIMEDOUT:
		err = -ETIMEDOUT;
		NL_SET_ERR_MSG_FMT(extack, "no answer from %pISpc", peer);
		break;
	case -ENETUNREACH:
	case -EHOSTUNREACH:
		NL_SET_ERR_MSG_FMT(extack, "%pISpc cannot be reached", peer);
		break;
	default:
		NL_SET_ERR_MSG_FMT(extack, "cannot connect to %pISpc: error %d", peer, -err);
		break;
	}
err:
	sock_release(sock);
	return ERR_PTR(err);
}

/**
 * ft_sock_send() - send all of a buffer
 * @sock: connected socket
 * @buf: what to send
 * @len: how many bytes
 * @flags: MSG_MORE when more follows at once, or 0
 *
 * Context: Process context. Sleeps until there is room; shutdown ends that.
 * Return: 0, or the negative errno that ended the connection.
 */
int ft_sock_send(struct socket *sock, const void *buf, size_t len, int flags)
{
	struct msghdr msg = { .msg_flags = flags | MSG_NOSIGNAL };
	struct kvec vec = { .iov_base = (void *)buf, .iov_len = len };
	int n;

	iov_iter_kvec(&msg.msg_iter, ITER_SOURCE, &vec, 1, len);
	while (msg_data_left(&msg)) {
		n = sock_sendmsg(sock, &msg);
		if (n <= 0)
			return n ?: -EPIPE;
	}
	return 0;
}

/**
 * ft_sock_splice() - send pages without copying them
 * @sock: connected socket
 * @bv: the pages; must not change until the peer has said that it has them
 * @n: how many vectors
 * @len: how many bytes they are
 *
 * A page may be taken back as soon as the peer has said so over this very
 * connection: that answer carries TCP's own acknowledgment, and what TCP might
 * still send again is dropped by the peer unread.
 *
 * Context: Process context. Sleeps until there is room; shutdown ends that.
 * Return: 0, or the negative errno that ended the connection.
 */
int ft_sock_splice(struct socket *sock, const struct bio_vec *bv, unsigned int n,
		   size_t len)
{
	struct msghdr msg = { .msg_flags = MSG_SPLICE_PAGES | MSG_NOSIGNAL };
	int sent;

	iov_iter_bvec(&msg.msg_iter, ITER_SOURCE, bv, n, len);
	while (msg_data_left(&msg)) {
		sent = sock_sendmsg(sock, &msg);
		if (sent <= 0)
			return sent ?: -EPIPE;
	}
	return 0;
}

/**
 * ft_sock_recv() - receive what is there
 * @sock: connected socket; no other thread may receive from it
 * @buf: where to
 * @len: how many bytes at most, more than 0
 * @timeout: jiffies to wait for the first; 0 does not wait
 *
 * Context: Process context. Shutdown ends the wait.
 * Return: number of bytes received, at least one; -EAGAIN when none came;
 * -ECONNRESET when the peer closed the connection, or any other negative errno
 * that ended it. What came before the end is always returned first.
 */
int ft_sock_recv(struct socket *sock, void *buf, size_t len, long timeout)
{
	struct msghdr msg = { .msg_flags = MSG_NOSIGNAL };
	struct kvec vec = { .iov_base = buf, .iov_len = len };
	int n;

	WRITE_ONCE(sock->sk->sk_rcvtimeo, timeout);
	n = kernel_recvmsg(sock, &msg, &vec, 1, len, timeout ? 0 : MSG_DONTWAIT);
	return n ?: -ECONNRESET;
}

static int ft_sock_recv_all(struct socket *sock, void *buf, size_t len,
			    unsigned long deadline)
{
	while (len) {
		long left = deadline - jiffies;
		int n = ft_sock_recv(sock, buf, len, max(left, 0));

		if (n < 0)
			return n;
		buf += n;
		len -= n;
	}
	return 0;
}

static int ft_hello_send(struct socket *sock, const struct kvm_ft_hello *hello, int flags)
{
	struct {
		struct kvm_ft_frame_header header;
		struct kvm_ft_hello hello;
	} frame = { .hello = *hello };

	ft_frame_encode(&frame.header, KVM_FT_FRAME_HELLO, sizeof(*hello), 0, 0);
	return ft_sock_send(sock, &frame, sizeof(frame), flags);
}

static int ft_hello_recv(struct socket *sock, struct kvm_ft_hello *hello, long timeout)
{
	unsigned long deadline = jiffies + timeout;
	struct kvm_ft_frame_header header;
	u8 payload[KVM_FT_HELLO_MAX];
	int err;

	err = ft_sock_recv_all(sock, &header, sizeof(header), deadline);
	if (err)
		return err;
	if (header.type != KVM_FT_FRAME_HELLO || ft_frame_check(&header, 0))
		return -EBADMSG;
	err = ft_sock_recv_all(sock, payload, le32_to_cpu(header.length), deadline);
	if (!err)
		memcpy(hello, payload, sizeof(*hello));
	return err;
}

/**
 * ft_sock_greet() - primary: say and hear HELLO
 * @sock: connected socket
 * @mine: what to say
 * @theirs: on success, what the secondary said
 * @peer: its address, for sentences
 * @extack: gets a sentence on failure
 *
 * Context: Process context. May sleep, for a few seconds at most.
 * Return: the version to speak, or a negative errno.
 */
int ft_sock_greet(struct socket *sock, const struct kvm_ft_hello *mine,
		  struct kvm_ft_hello *theirs, const struct sockaddr_storage *peer,
		  struct netlink_ext_ack *extack)
{
	int ret;

	ret = ft_hello_send(sock, mine, 0);
	if (!ret)
		ret = ft_hello_recv(sock, theirs, FT_SETUP_TIMEOUT);
	if (!ret)
		ret = ft_hello_negotiate(mine, theirs);
	switch (ret) {
	case -EAGAIN:
		ret = -ETIMEDOUT;
		NL_SET_ERR_MSG_FMT(extack, "%pISpc accepted and then said nothing", peer);
		break;
	case -EBADMSG:
		NL_SET_ERR_MSG_FMT(extack, "what answers at %pISpc is not kvm_ft", peer);
		break;
	case -EPROTONOSUPPORT:
		NL_SET_ERR_MSG_FMT(extack, "protocol: this host speaks %u to %u, the peer %u to %u",
				   le16_to_cpu(mine->version_min),
				   le16_to_cpu(mine->version_max),
				   le16_to_cpu(theirs->version_min),
				   le16_to_cpu(theirs->version_max));
		break;
	case -EBADSLT:
		NL_SET_ERR_MSG_FMT(extack, "%pISpc waits for another session", peer);
		break;
	case -EISCONN:
		NL_SET_ERR_MSG_FMT(extack, "%pISpc has the same role", peer);
		break;
	default:
		if (ret < 0)
			NL_SET_ERR_MSG_FMT(extack, "%pISpc ended the greeting: error %d",
					   peer, -ret);
		break;
	}
	return ret;
}

/**
 * ft_sock_answer() - secondary: hear HELLO and answer it
 * @sock: accepted socket
 * @mine: what to say
 * @theirs: on success, what the primary said
 *
 * Who is refused is told why: HELLO has the versions, and a BYE follows. The
 * session is not given away to somebody who did not know it.
 *
 * Context: Process context. May sleep, for a few seconds at most.
 * Return: the version to speak, or a negative errno as of ft_hello_negotiate(),
 * or of the socket.
 */
int ft_sock_answer(struct socket *sock, const struct kvm_ft_hello *mine,
		   struct kvm_ft_hello *theirs)
{
	struct kvm_ft_hello reply = *mine;
	struct kvm_ft_frame_header bye;
	int version, err;

	err = ft_hello_recv(sock, theirs, FT_HELLO_TIMEOUT);
	if (err)
		return err;
	version = ft_hello_negotiate(mine, theirs);
	if (version > 0)
		return ft_hello_send(sock, &reply, 0) ?: version;

	if (theirs->session != mine->session)
		reply.session = 0;
	ft_frame_encode(&bye, KVM_FT_FRAME_BYE, 0, KVM_FT_REASON_PROTOCOL, 0);
	if (!ft_hello_send(sock, &reply, MSG_MORE))
		ft_sock_send(sock, &bye, sizeof(bye), 0);
	return version;
}
