/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The outer end of a guest's NIC: its tap, where its packets enter the host's stack.
 */
#ifndef _KVM_FT_NIC_H
#define _KVM_FT_NIC_H

#include <linux/if_ether.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/skbuff.h>

struct ft_device_config;
struct ft_vm;
struct netlink_ext_ack;

/**
 * struct ft_nic - a tap
 * @vm: whose it is; NULL: there is none
 * @dev: the tap; NULL when it went away; written under RTNL
 * @tracker: of the reference on @dev
 * @mac: the guest's
 * @notifier: tells when the tap goes away
 * @in: on packets of the guest
 * @out: on packets to the guest
 * @held: packets of the guest that wait, guarded by its lock
 * @bytes: memory they take, likewise
 * @full: there were too many, likewise
 * @batch: vhost is sending in the vCPU's thread: the log is not yet written up
 *	to what it sends; likewise
 * @release: held while packets are let go, so that they stay in order
 */
struct ft_nic {
	struct ft_vm *vm;
	struct net_device *dev;
	netdevice_tracker tracker;
	u8 mac[ETH_ALEN];
	struct notifier_block notifier;
	struct nf_hook_ops in;
	struct nf_hook_ops out;
	struct sk_buff_head held;
	size_t bytes;
	bool full;
	bool batch;
	struct mutex release;	/* order of delivery */
};

int ft_nic_attach(struct ft_nic *nic, struct ft_vm *vm,
		  const struct ft_device_config *config, struct netlink_ext_ack *extack);
void ft_nic_detach(struct ft_nic *nic);
void ft_nic_batch(struct ft_nic *nic, bool begin);
bool ft_nic_full(const struct ft_nic *nic);
void ft_nic_release(struct ft_nic *nic);
void ft_nic_announce(struct ft_nic *nic);

#endif /* _KVM_FT_NIC_H */
