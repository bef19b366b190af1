// SPDX-License-Identifier: GPL-2.0-only
/*
 * The output rule for packets: they are held where they enter the host's stack,
 * at the tap's ingress hook of netfilter, behind all other hooks there, until
 * the secondary has the log up to what made the guest send them. The guest does
 * not wait for it.
 *
 * The tap of a secondary is dead: what comes from its guest, or is sent to it,
 * is dropped.
 */
#include <linux/etherdevice.h>
#include <linux/if_arp.h>
#include <linux/moduleparam.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/arp.h>
#include "engine.h"
#include "fault.h"

static unsigned int ft_hold_size = 4 << 20;
module_param_named(hold_size, ft_hold_size, uint, 0644);
MODULE_PARM_DESC(hold_size, "bytes of held packets per NIC at which the guest is slowed (default 4 MiB)");

/* In an skb that is ours, being stolen. */
struct ft_held {
	u64 offset;	/* log offset that has to be acknowledged */
};

#define FT_OFFSET_UNKNOWN	U64_MAX	/* the batch is not logged yet */

static u64 *ft_held_offset(struct sk_buff *skb)
{
	BUILD_BUG_ON(sizeof(struct ft_held) > sizeof(skb->cb));
	return &((struct ft_held *)skb->cb)->offset;
}

/* True: it is ours now. */
static bool ft_nic_hold(struct ft_nic *nic, struct sk_buff *skb)
{
	struct ft_vm *vm = nic->vm;
	bool hold;
	u64 offset;

	spin_lock_bh(&nic->held.lock);
	offset = nic->batch ? FT_OFFSET_UNKNOWN : ft_log_head(&vm->log);
	hold = !skb_queue_empty(&nic->held) || !ft_output_allowed(vm, offset);
	if (hold) {
		*ft_held_offset(skb) = offset;
		__skb_queue_tail(&nic->held, skb);
		nic->bytes += skb->truesize;
		if (nic->bytes > READ_ONCE(ft_hold_size))
			nic->full = true;
		vm->stats.packets_held++;
	}
	spin_unlock_bh(&nic->held.lock);
	return hold;
}

/* A packet of the guest enters the stack. */
static unsigned int ft_nic_in(void *priv, struct sk_buff *skb,
			      const struct nf_hook_state *state)
{
	struct ft_nic *nic = priv;

	switch (ft_mode(nic->vm)) {
	case FT_REPLAY:
		return NF_DROP;
	case FT_RECORD:
		return ft_nic_hold(nic, skb) ? NF_STOLEN : NF_ACCEPT;
	default:
		return NF_ACCEPT;
	}
}

/* A packet is on its way to the guest. */
static unsigned int ft_nic_out(void *priv, struct sk_buff *skb,
			       const struct nf_hook_state *state)
{
	struct ft_nic *nic = priv;

	return ft_mode(nic->vm) == FT_REPLAY ? NF_DROP : NF_ACCEPT;
}

/**
 * ft_nic_batch() - vhost begins or ends to send in the vCPU's thread
 * @nic: NIC
 * @begin: which of both; at the end the log is written up to what it sent
 *
 * Context: the vCPU's thread.
 */
void ft_nic_batch(struct ft_nic *nic, bool begin)
{
	u64 offset = begin ? 0 : ft_log_head(&nic->vm->log);
	bool some = false;
	struct sk_buff *skb;

	if (!nic->vm)
		return;
	spin_lock_bh(&nic->held.lock);
	nic->batch = begin;
	skb_queue_reverse_walk(&nic->held, skb) {
		if (begin || *ft_held_offset(skb) != FT_OFFSET_UNKNOWN)
			break;
		*ft_held_offset(skb) = offset;
		some = true;
	}
	spin_unlock_bh(&nic->held.lock);
	if (some)
		ft_vm_flush(nic->vm);
}

/**
 * ft_nic_full() - is the guest to be slowed?
 * @nic: NIC
 *
 * Return: whether too many of its packets are held.
 */
bool ft_nic_full(struct ft_nic *nic)
{
	return READ_ONCE(nic->full);
}

/*
 * A guest whose QEMU exited is not on its own from now on: it is no more. What it
 * sent unacknowledged is lost with it, since another copy may go on from before.
 */
static bool ft_nic_may_leave(const struct ft_nic *nic, struct sk_buff *skb)
{
	const struct ft_machine *m = &nic->vm->machine;

	return ft_output_allowed(nic->vm, *ft_held_offset(skb)) &&
	       !(READ_ONCE(m->state) == KVM_FT_STATE_DISABLED &&
		 READ_ONCE(m->reason) == KVM_FT_REASON_GUEST_GONE);
}

/**
 * ft_nic_release() - let go of the packets that may be seen now
 * @nic: NIC
 *
 * Context: may sleep.
 */
void ft_nic_release(struct ft_nic *nic)
{
	struct sk_buff_head ready;
	struct sk_buff *skb;
	bool full = false;

	if (!nic->vm || skb_queue_empty_lockless(&nic->held))
		return;
	__skb_queue_head_init(&ready);
	mutex_lock(&nic->release);
	spin_lock_bh(&nic->held.lock);
	while ((skb = skb_peek(&nic->held)) && ft_nic_may_leave(nic, skb)) {
		__skb_unlink(skb, &nic->held);
		nic->bytes -= skb->truesize;
		__skb_queue_tail(&ready, skb);
	}
	if (nic->bytes <= READ_ONCE(ft_hold_size) / 2)
		swap(full, nic->full);
	spin_unlock_bh(&nic->held.lock);

	if (!skb_queue_empty(&ready))
		ft_fault(FT_FAULT_UNRELEASED);
	local_bh_disable();
	while ((skb = __skb_dequeue(&ready))) {
		memset(skb->cb, 0, sizeof(skb->cb));
		/* It has been through the hooks of this device. As ifb does it. */
		skb->tc_skip_classify = 1;
		netif_receive_skb(skb);
		ft_fault(FT_FAULT_RELEASED);
	}
	local_bh_enable();
	mutex_unlock(&nic->release);
	if (full)
		ft_vm_kick(nic->vm);
}

/**
 * ft_nic_announce() - tell the network where the guest is now
 * @nic: NIC of a VM that went live
 *
 * A RARP request in its name, as QEMU sends after a migration: switches learn
 * from the source address, and nobody answers.
 *
 * Context: may sleep.
 */
void ft_nic_announce(struct ft_nic *nic)
{
	struct sk_buff *skb = NULL;

	if (!nic->vm)
		return;
	rtnl_lock();
	if (nic->dev)
		skb = arp_create(ARPOP_RREQUEST, ETH_P_RARP, 0, nic->dev, 0, NULL,
				 nic->mac, nic->mac);
	if (skb) {
		skb->protocol = eth_type_trans(skb, nic->dev);
		netif_rx(skb);
	}
	rtnl_unlock();
}

static void ft_nic_unhook(struct ft_nic *nic)
{
	nf_unregister_net_hook(dev_net(nic->dev), &nic->in);
	nf_unregister_net_hook(dev_net(nic->dev), &nic->out);
	synchronize_net();
	/* Ours is the end of protection, or the tap is going away. */
	if (nic->dev->reg_state == NETREG_REGISTERED)
		ft_nic_release(nic);
	skb_queue_purge(&nic->held);
	netdev_put(nic->dev, &nic->tracker);
	nic->dev = NULL;
}

/* Under RTNL. A notifier that is taken back is told that all devices are gone. */
static int ft_nic_notified(struct notifier_block *nb, unsigned long event, void *ptr)
{
	struct ft_nic *nic = container_of(nb, struct ft_nic, notifier);

	if (event == NETDEV_UNREGISTER && netdev_notifier_info_to_dev(ptr) == nic->dev)
		ft_nic_unhook(nic);
	return NOTIFY_DONE;
}

static int ft_nic_hook(struct ft_nic *nic)
{
	struct net *net = dev_net(nic->dev);
	int ret;

	nic->in = (struct nf_hook_ops) {
		.hook = ft_nic_in,
		.priv = nic,
		.dev = nic->dev,
		.pf = NFPROTO_NETDEV,
		.hooknum = NF_NETDEV_INGRESS,
		.priority = INT_MAX,
	};
	nic->out = nic->in;
	nic->out.hook = ft_nic_out;
	nic->out.hooknum = NF_NETDEV_EGRESS;
	nic->out.priority = INT_MIN;

	ret = nf_register_net_hook(net, &nic->in);
	if (ret)
		return ret;
	ret = nf_register_net_hook(net, &nic->out);
	if (ret)
		nf_unregister_net_hook(net, &nic->in);
	return ret;
}

/**
 * ft_nic_attach() - take hold of a tap
 * @nic: to be filled
 * @vm: VM
 * @config: names the tap; none, for a device that is no NIC
 * @extack: for the reason of a refusal
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int ft_nic_attach(struct ft_nic *nic, struct ft_vm *vm,
		  const struct ft_device_config *config, struct netlink_ext_ack *extack)
{
	int ret = -ENODEV;

	if (!config->ifindex)
		return 0;
	skb_queue_head_init(&nic->held);
	mutex_init(&nic->release);
	ether_addr_copy(nic->mac, config->mac);
	nic->vm = vm;
	rtnl_lock();
	nic->dev = netdev_get_by_index(config->net, config->ifindex, &nic->tracker, GFP_KERNEL);
	if (nic->dev) {
		ret = ft_nic_hook(nic);
		if (ret)
			netdev_put(nic->dev, &nic->tracker);
	}
	rtnl_unlock();
	if (ret) {
		nic->dev = NULL;
		nic->vm = NULL;
		NL_SET_ERR_MSG_FMT(extack, "the tap with ifindex %d cannot be hooked (%d)",
				   config->ifindex, ret);
		return ret;
	}
	nic->notifier.notifier_call = ft_nic_notified;
	register_netdevice_notifier(&nic->notifier);
	return 0;
}

/**
 * ft_nic_detach() - let go of a tap, and of the packets that are held
 * @nic: NIC of a VM that is off
 *
 * Context: may sleep.
 */
void ft_nic_detach(struct ft_nic *nic)
{
	if (!nic->vm)
		return;
	unregister_netdevice_notifier(&nic->notifier);
	nic->vm = NULL;
}
