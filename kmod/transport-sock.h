/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the channel needs of a TCP socket, and how two sides greet each other
 * on it. Knows no channel, no threads and no ring.
 */
#ifndef _KVM_FT_TRANSPORT_SOCK_H
#define _KVM_FT_TRANSPORT_SOCK_H

#include <linux/bvec.h>
#include <linux/net.h>
#include <linux/socket.h>
#include "wire.h"

struct net;
struct netlink_ext_ack;

struct socket *ft_sock_listen(struct net *net, const struct sockaddr_storage *local,
			      u16 *port, struct netlink_ext_ack *extack);
struct socket *ft_sock_accept(struct socket *listener, struct sockaddr_storage *peer);
struct socket *ft_sock_connect(struct net *net, const struct sockaddr_storage *local,
			       const struct sockaddr_storage *peer,
			       struct netlink_ext_ack *extack);
int ft_sock_send(struct socket *sock, const void *buf, size_t len, int flags);
int ft_sock_splice(struct socket *sock, const struct bio_vec *bv, unsigned int n,
		   size_t len);
int ft_sock_recv(struct socket *sock, void *buf, size_t len, long timeout);

int ft_sock_greet(struct socket *sock, const struct kvm_ft_hello *mine,
		  struct kvm_ft_hello *theirs, const struct sockaddr_storage *peer,
		  struct netlink_ext_ack *extack);
int ft_sock_answer(struct socket *sock, const struct kvm_ft_hello *mine,
		   struct kvm_ft_hello *theirs);

#endif /* _KVM_FT_TRANSPORT_SOCK_H */
