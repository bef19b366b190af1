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
#include "trace.h"

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
		vm->stats.packets_held++;
		if (nic->bytes > vm->stats.hold_max)
			vm->stats.hold_max = nic->bytes;
		if (!nic->full && nic->bytes > READ_ONCE(ft_hold_size)) {
			nic->full = true;
			vm->stats.hold_full++;
		}
	}
	spin_unlock_bh(&nic->held.lock);
	/* Not vhost's, or late (RPS): no batch ends that would do it. */
	if (hold && offset != FT_OFFSET_UNKNOWN)
		ft_vm_flush(vm);
	return hold;
}

/* A packet of the guest enters the stack. */
static unsigned int ft_nic_in(void *priv, struct sk_buff *skb,
			      const struct nf_hook_state *state)
{
	struct ft_nic *nic = priv;

	if (ft_mode(nic->vm) == FT_REPLAY || READ_ONCE(nic->vm->gone))
		return NF_DROP;
	return ft_nic_hold(nic, skb) ? NF_STOLEN : NF_ACCEPT;
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
	struct sk_buff *skb;
	bool some = false;
	u64 offset;

	if (!nic->vm)
		return;
	offset = ft_log_head(&nic->vm->log);
	spin_lock_bh(&nic->held.lock);
	nic->batch = begin;
	skb_queue_reverse_walk(&nic->held, skb) {
		if (begin || *ft_held_offset(skb) != FT_OFFSET_UNKNOWN)
			break;
		*ft_held_offset(skb) = offset;
		some = true;
	}
	spin_unlock_bh(&nic->held.lock);
	if (!some)
		return;
	ft_vm_flush(nic->vm);
	/* The acknowledgment may have come while the offset was not known. */
	if (ft_output_allowed(nic->vm, offset))
		ft_nic_release(nic);
}

/**
 * ft_nic_full() - is the guest to be slowed?
 * @nic: NIC
 *
 * Return: whether too many of its packets are held.
 */
bool ft_nic_full(const struct ft_nic *nic)
{
	return READ_ONCE(nic->full);
}

/* With @nic->release held. */
static void ft_nic_release_locked(struct ft_nic *nic)
{
	struct sk_buff_head ready;
	struct sk_buff *skb;
	bool full = false;

	__skb_queue_head_init(&ready);
	spin_lock_bh(&nic->held.lock);
	while ((skb = skb_peek(&nic->held)) &&
	       ft_output_allowed(nic->vm, *ft_held_offset(skb))) {
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
		trace_kvm_ft_released(nic->vm->config.name, "packet",
				      *ft_held_offset(skb));
		memset(skb->cb, 0, sizeof(skb->cb));
		/* It has been through the hooks of this device. As ifb does it. */
		skb->tc_skip_classify = 1;
		netif_receive_skb(skb);
		ft_fault(FT_FAULT_RELEASED);
	}
	local_bh_enable();
	if (full)
		ft_vm_kick(nic->vm);
}

/**
 * ft_nic_release() - let go of the packets that may be seen now
 * @nic: NIC
 *
 * Context: may sleep.
 */
void ft_nic_release(struct ft_nic *nic)
{
	if (!nic->vm)
		return;
	mutex_lock(&nic->release);
	ft_nic_release_locked(nic);
	mutex_unlock(&nic->release);
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
	/* Unless it goes with its QEMU, or protection has ended: nothing is to leave unheld. */
	if (ft_mode(nic->vm) != FT_OFF && !(current->flags & PF_EXITING))
		ft_vm_event(nic->vm, FT_EV_FAULT, KVM_FT_REASON_UNSUPPORTED,
			    "the tap %s was taken away", nic->dev->name);
	nf_unregister_net_hook(dev_net(nic->dev), &nic->in);
	nf_unregister_net_hook(dev_net(nic->dev), &nic->out);
	synchronize_net();
	mutex_lock(&nic->release);
	if (nic->dev->reg_state == NETREG_REGISTERED)
		ft_nic_release_locked(nic);
	spin_lock_bh(&nic->held.lock);
	__skb_queue_purge(&nic->held);
	nic->bytes = 0;
	nic->full = false;
	spin_unlock_bh(&nic->held.lock);
	netdev_put(nic->dev, &nic->tracker);
	nic->dev = NULL;
	mutex_unlock(&nic->release);
	ft_vm_kick(nic->vm);
}

/* Under RTNL. A notifier that is taken back is told that all devices are gone. */
static int ft_nic_notified(struct notifier_block *nb, unsigned long event, void *ptr)
{
	struct ft_nic *nic = container_of(nb, struct ft_nic, notifier);

	if (event == NETDEV_UNREGISTER && netdev_notifier_info_to_dev(ptr) == nic->dev)
		ft_nic_unhook(nic);
	return NOTIFY_DONE;
}

/* What takes packets away before they come to our hook. */
static int ft_nic_check(struct net_device *dev, struct netlink_ext_ack *extack)
{
	if (dev_xdp_prog_count(dev) || rcu_access_pointer(dev->tcx_ingress) ||
	    rcu_access_pointer(dev->nf_hooks_ingress)) {
		NL_SET_ERR_MSG_FMT(extack, "%s has XDP, or tc or nft rules at ingress: take them away",
				   dev->name);
		return -EBUSY;
	}
	return 0;
}

static int ft_nic_hook(struct ft_nic *nic, struct net_device *dev,
		       struct netlink_ext_ack *extack)
{
	struct net *net = dev_net(dev);
	int ret;

	nic->in = (struct nf_hook_ops) {
		.hook = ft_nic_in,
		.priv = nic,
		.dev = dev,
		.pf = NFPROTO_NETDEV,
		.hooknum = NF_NETDEV_INGRESS,
		.priority = INT_MAX,
	};
	nic->out = nic->in;
	nic->out.hook = ft_nic_out;
	nic->out.hooknum = NF_NETDEV_EGRESS;
	nic->out.priority = INT_MIN;

	ret = nf_register_net_hook(net, &nic->in);
	if (!ret) {
		ret = nf_register_net_hook(net, &nic->out);
		if (ret)
			nf_unregister_net_hook(net, &nic->in);
	}
	if (ret)
		NL_SET_ERR_MSG_FMT(extack, "%s cannot be hooked (%d)", dev->name, ret);
	return ret;
}

/**
 * ft_nic_attach() - take hold of a tap
 * @nic: to be filled
 * @vm: VM
 * @config: names the tap
 * @extack: for the reason of a refusal
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int ft_nic_attach(struct ft_nic *nic, struct ft_vm *vm,
		  const struct ft_device_config *config, struct netlink_ext_ack *extack)
{
	struct net_device *dev;
	int ret = -ENODEV;

	if (!config->ifindex) {
		NL_SET_ERR_MSG(extack, "a vhost-net device comes without its tap");
		return -EINVAL;
	}
	skb_queue_head_init(&nic->held);
	mutex_init(&nic->release);
	ether_addr_copy(nic->mac, config->mac);
	nic->vm = vm;
	nic->notifier.notifier_call = ft_nic_notified;
	register_netdevice_notifier(&nic->notifier);
	rtnl_lock();
	dev = netdev_get_by_index(config->net, config->ifindex, &nic->tracker, GFP_KERNEL);
	if (dev) {
		ret = ft_nic_check(dev, extack) ?: ft_nic_hook(nic, dev, extack);
		if (ret)
			netdev_put(dev, &nic->tracker);
		else
			nic->dev = dev;
	} else {
		NL_SET_ERR_MSG_FMT(extack, "there is no tap with ifindex %d any more",
				   config->ifindex);
	}
	rtnl_unlock();
	if (ret)
		ft_nic_detach(nic);
	return ret;
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
