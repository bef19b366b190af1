// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls to the module. libnl's stock callbacks would turn a refusal into a
 * number or into nothing; these keep the sentence the kernel gives.
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "../uapi/kvm_ft.h"
#include "ftctl.h"
#include "module.h"
#include "nlattr.h"
#include "platform.h"

/**
 * struct call - a request under way
 * @mod: on whose socket
 * @request: what was sent; an error's offset points into it
 * @list: replies go here, one by one
 * @done: the kernel said its last word
 * @failed: and fail() was called for it
 */
struct call {
	struct mod *mod;
	struct nlmsghdr *request;
	struct json_object *list;
	bool done;
	bool failed;
};

/**
 * mod_open - begin to talk to the module
 * @mod: to be filled
 *
 * Return: 0, or -1 after fail().
 */
int mod_open(struct mod *mod)
{
	mod->sk = platform_nl_open();
	if (!mod->sk)
		return -1;

	mod->family = genl_ctrl_resolve(mod->sk, KVM_FT_FAMILY_NAME);
	if (mod->family < 0) {
		mod_close(mod);
		return fail("the module kvm_ft is not loaded: %s; %s, %s",
			    "run 'modprobe kvm_ft'",
			    "should that say \"Key was rejected\", Secure Boot is on",
			    "and the key it was signed with has to be enrolled: 'mokutil --import'");
	}
	/* Replies are matched by the order in which they come. */
	nl_socket_disable_seq_check(mod->sk);
	return 0;
}

/**
 * mod_close - end it
 * @mod: from mod_open()
 */
void mod_close(struct mod *mod)
{
	nl_socket_free(mod->sk);
	mod->sk = NULL;
}

/* What is wrong inside of a nest is told of the nest. */
static const char *attr_at(struct nlmsghdr *request, long offset)
{
	struct nlattr *nla;
	int rem;

	nlmsg_for_each_attr(nla, request, GENL_HDRLEN, rem) {
		long start = (char *)nla - (char *)request;

		if (start <= offset && offset < start + nla_total_size(nla_len(nla)))
			return nlattr_vm_name(nla_type(nla));
	}
	return NULL;
}

/* The kernel's answer is an error number, and mostly a sentence with it. */
static void refused(struct call *call, int err, struct nlattr *tlv, int len)
{
	const char *sentence = NULL, *attr = NULL;
	struct nlattr *nla;
	int rem;

	nla_for_each_attr(nla, tlv, len, rem) {
		switch (nla_type(nla)) {
		case NLMSGERR_ATTR_MSG:
			sentence = nla_data(nla);
			break;
		case NLMSGERR_ATTR_OFFS:
			attr = attr_at(call->request, nla_get_u32(nla));
			break;
		case NLMSGERR_ATTR_MISS_TYPE:
			attr = nlattr_vm_name(nla_get_u32(nla));
			break;
		}
	}

	call->done = true;
	call->failed = true;
	if (sentence && attr)
		fail("%s (%s: %s)", sentence, attr, strerror(-err));
	else if (sentence)
		fail("%s (%s)", sentence, strerror(-err));
	else if (err == -EPERM)
		fail("the kernel refuses: this takes CAP_NET_ADMIN (be root)");
	else if (attr)
		fail("the kernel refuses %s: %s", attr, strerror(-err));
	else
		fail("the kernel refuses: %s", strerror(-err));
}

static int on_error(struct sockaddr_nl *from,
		    struct nlmsgerr *nlerr, void *arg)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)((char *)nlerr - NLMSG_HDRLEN);
	int skip = sizeof(*nlerr);
	struct nlattr *tlv;

	/* Without NETLINK_CAP_ACK our own request comes back before the TLVs. */
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		skip += nlerr->msg.nlmsg_len - NLMSG_HDRLEN;
	skip = NLMSG_ALIGN(skip);

	tlv = (struct nlattr *)((char *)nlerr + skip);
	refused(arg, nlerr->error, tlv,
		nlh->nlmsg_flags & NLM_F_ACK_TLVS ? nlmsg_datalen(nlh) - skip : 0);
	return NL_STOP;
}

static int on_ack(struct nl_msg *msg, void *arg)
{
	struct call *call = arg;

	call->done = true;
	return NL_STOP;
}

/* The end of a dump; libnl does not look at the error it may carry. */
static int on_finish(struct nl_msg *msg, void *arg)
{
	struct nlmsghdr *nlh = nlmsg_hdr(msg);
	struct call *call = arg;
	int err = 0;

	call->done = true;
	if (nlmsg_datalen(nlh) >= (int)sizeof(err))
		memcpy(&err, nlmsg_data(nlh), sizeof(err));
	if (err < 0)
		refused(call, err, (struct nlattr *)((char *)nlmsg_data(nlh) + sizeof(err)),
			nlh->nlmsg_flags & NLM_F_ACK_TLVS ?
			nlmsg_datalen(nlh) - (int)sizeof(err) : 0);
	return NL_STOP;
}

static struct json_object *msg_json(struct nl_msg *msg)
{
	struct genlmsghdr *hdr = genlmsg_hdr(nlmsg_hdr(msg));

	return nlattr_json(hdr->cmd, genlmsg_attrdata(hdr, 0),
			   genlmsg_attrlen(hdr, 0));
}

static int on_valid(struct nl_msg *msg, void *arg)
{
	struct call *call = arg;

	/* An event: it may be about what came after the answer was made. */
	if (!nlmsg_hdr(msg)->nlmsg_seq) {
		call->mod->event = true;
		return NL_SKIP;
	}
	json_object_array_add(call->list, msg_json(msg));
	return NL_OK;
}

static int call_list(struct mod *mod, struct nl_msg *msg, struct json_object **list)
{
	struct call call = { .mod = mod, .request = nlmsg_hdr(msg) };
	struct nl_cb *cb = nl_socket_get_cb(mod->sk);
	struct nl_cb *own = nl_cb_clone(cb);
	int err;

	nl_cb_put(cb);
	call.list = json_object_new_array();
	nl_cb_err(own, NL_CB_CUSTOM, on_error, &call);
	nl_cb_set(own, NL_CB_VALID, NL_CB_CUSTOM, on_valid, &call);
	nl_cb_set(own, NL_CB_FINISH, NL_CB_CUSTOM, on_finish, &call);
	nl_cb_set(own, NL_CB_ACK, NL_CB_CUSTOM, on_ack, &call);

	err = nl_send_auto(mod->sk, msg);
	while (err >= 0 && !call.done)
		err = nl_recvmsgs(mod->sk, own);
	if (err < 0 && !call.failed) {
		fail("no answer from the module: %s", nl_geterror(err));
		call.failed = true;
	}

	nl_cb_put(own);
	nlmsg_free(msg);
	if (call.failed) {
		json_object_put(call.list);
		return -1;
	}
	*list = call.list;
	return 0;
}

/**
 * mod_request - begin a request
 * @mod: from mod_open()
 * @cmd: enum of the netlink family
 *
 * Return: a message for mod_call(), or NULL after fail().
 */
struct nl_msg *mod_request(struct mod *mod, int cmd)
{
	struct nl_msg *msg = nlmsg_alloc();

	if (!msg || !genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, mod->family, 0,
				 NLM_F_REQUEST | NLM_F_ACK, cmd,
				 KVM_FT_FAMILY_VERSION)) {
		nlmsg_free(msg);
		fail("out of memory");
		return NULL;
	}
	return msg;
}

/**
 * mod_call - send a request and wait for what comes of it
 * @mod: from mod_open()
 * @msg: the request; freed
 * @reply: the reply, if any; may be NULL
 *
 * Return: 0, or -1 after fail().
 */
int mod_call(struct mod *mod, struct nl_msg *msg, struct json_object **reply)
{
	struct json_object *list;

	if (call_list(mod, msg, &list))
		return -1;

	if (reply) {
		*reply = json_object_get(json_object_array_get_idx(list, 0));
		if (!*reply) {
			json_object_put(list);
			return fail("the module answered nothing");
		}
	}
	json_object_put(list);
	return 0;
}

/**
 * mod_vm_call - a request that needs nothing but the VM's name
 * @mod: from mod_open()
 * @cmd: the command
 * @name: the VM
 * @reply: the reply, if there is to be one
 *
 * Return: 0, or -1 after fail().
 */
int mod_vm_call(struct mod *mod, int cmd, const char *name,
		struct json_object **reply)
{
	struct nl_msg *msg = mod_request(mod, cmd);

	if (!msg)
		return -1;
	nla_put_string(msg, KVM_FT_A_VM_NAME, name);
	return mod_call(mod, msg, reply);
}

/**
 * mod_vm_list - the status of all VMs
 * @mod: from mod_open()
 * @list: becomes an array
 *
 * Return: 0, or -1 after fail().
 */
int mod_vm_list(struct mod *mod, struct json_object **list)
{
	struct nl_msg *msg = mod_request(mod, KVM_FT_CMD_VM_GET);

	if (!msg)
		return -1;
	nlmsg_hdr(msg)->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	return call_list(mod, msg, list);
}

/**
 * mod_vm_find - the status of a VM that may not be there
 * @mod: from mod_open()
 * @name: the VM
 * @status: its status, or NULL when no such VM is attached
 *
 * Return: 0, or -1 after fail().
 */
int mod_vm_find(struct mod *mod, const char *name, struct json_object **status)
{
	struct json_object *list, *vm, *vm_name;

	*status = NULL;
	if (mod_vm_list(mod, &list))
		return -1;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		vm = json_object_array_get_idx(list, i);
		if (json_object_object_get_ex(vm, "name", &vm_name) &&
		    !strcmp(json_object_get_string(vm_name), name))
			*status = json_object_get(vm);
	}
	json_object_put(list);
	return 0;
}

/**
 * mod_version - what the module is
 * @mod: from mod_open()
 * @version: becomes the reply
 *
 * Return: 0, or -1 after fail().
 */
int mod_version(struct mod *mod, struct json_object **version)
{
	struct nl_msg *msg = mod_request(mod, KVM_FT_CMD_VERSION_GET);

	return msg ? mod_call(mod, msg, version) : -1;
}

/**
 * mod_listen - have changes of state tell @mod of them
 * @mod: from mod_open(); for mod_wait() or mod_events()
 *
 * Return: 0, or -1 after fail().
 */
int mod_listen(struct mod *mod)
{
	int group = genl_ctrl_resolve_grp(mod->sk, KVM_FT_FAMILY_NAME, KVM_FT_MCGRP_EVENTS);

	if (group < 0)
		return fail("the module has no events: %s", nl_geterror(group));
	return platform_nl_join(mod->sk, group);
}

/**
 * mod_wait - wait until a VM's state may have changed since the last call
 * @mod: after mod_listen()
 * @fd: what ends the wait, too, when it is readable
 * @timeout_ms: when to come back in any case
 *
 * Which VM it was, and what happened, is for the caller to ask: events may get
 * lost. One that came during a call ends the wait at once.
 *
 * Return: 0, or -1 after fail().
 */
int mod_wait(struct mod *mod, int fd, int timeout_ms)
{
	int sk = platform_nl_fd(mod->sk);
	struct pollfd fds[] = {
		{ .fd = sk, .events = POLLIN }, { .fd = fd, .events = POLLIN },
	};
	char event[64];
	ssize_t n;

	if (mod->event) {
		mod->event = false;
		return 0;
	}
	if (poll(fds, ARRAY_SIZE(fds), timeout_ms) < 0)
		return errno == EINTR ? 0 : fail_errno("poll");
	do {
		n = recv(sk, event, sizeof(event), MSG_DONTWAIT);
	} while (n > 0 || (n < 0 && errno == ENOBUFS));
	return n < 0 && errno == EAGAIN ? 0 : fail("no more events from the module");
}

struct listener {
	int (*event)(struct json_object *status, void *arg);
	void *arg;
	int err;
};

static int on_event(struct nl_msg *msg, void *arg)
{
	struct listener *l = arg;
	struct json_object *status = msg_json(msg);

	if (!l->err)
		l->err = l->event(status, l->arg);
	json_object_put(status);
	return NL_OK;
}

/**
 * mod_events - listen to changes of state
 * @mod: from mod_open()
 * @event: called for each; anything but 0 ends the listening
 * @arg: for @event
 *
 * Return: what @event returned, or -1 after fail().
 */
int mod_events(struct mod *mod, int (*event)(struct json_object *status, void *arg),
	       void *arg)
{
	struct listener l = { .event = event, .arg = arg };
	int err;

	if (mod_listen(mod))
		return -1;

	nl_socket_modify_cb(mod->sk, NL_CB_VALID, NL_CB_CUSTOM, on_event, &l);
	while (!l.err) {
		err = nl_recvmsgs_default(mod->sk);
		if (err == -NLE_NOMEM)
			return fail("events came faster than they were read, and some are lost");
		if (err < 0)
			return fail("no more events: %s", nl_geterror(err));
	}
	return l.err;
}
