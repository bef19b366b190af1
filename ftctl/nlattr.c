// SPDX-License-Identifier: GPL-2.0-only
/*
 * The attributes of the netlink family in words: a reply becomes a JSON object
 * whose keys are the names in uapi/kvm_ft.yaml. The rest of ftctl works on
 * that, and -j prints it as it is.
 */
#include <arpa/inet.h>
#include <netlink/attr.h>
#include <stdio.h>
#include <string.h>

#include "../uapi/kvm_ft.h"
#include "ftctl.h"
#include "js.h"
#include "nlattr.h"

static const char *const roles[] = {
	[KVM_FT_ROLE_PRIMARY]		= "primary",
	[KVM_FT_ROLE_SECONDARY]		= "secondary",
};

static const char *const states[] = {
	[KVM_FT_STATE_DISABLED]		= "disabled",
	[KVM_FT_STATE_STARTING]		= "starting",
	[KVM_FT_STATE_RUNNING]		= "running",
	[KVM_FT_STATE_NEED_DECISION]	= "need-decision",
	[KVM_FT_STATE_ARBITRATING]	= "arbitrating",
	[KVM_FT_STATE_GOING_LIVE]	= "going-live",
	[KVM_FT_STATE_NEED_SECONDARY]	= "need-secondary",
	[KVM_FT_STATE_DROPPED]		= "dropped",
};

static const char *const reasons[] = {
	[KVM_FT_REASON_NONE]		= "none",
	[KVM_FT_REASON_USER_ACTION]	= "user-action",
	[KVM_FT_REASON_LOST_CONNECTION]	= "lost-connection",
	[KVM_FT_REASON_DIVERGENCE]	= "divergence",
	[KVM_FT_REASON_PEER_ENDED]	= "peer-ended",
	[KVM_FT_REASON_GUEST_GONE]	= "guest-gone",
	[KVM_FT_REASON_UNSUPPORTED]	= "unsupported",
	[KVM_FT_REASON_NO_RESOURCES]	= "no-resources",
	[KVM_FT_REASON_PROTOCOL]	= "protocol",
	[KVM_FT_REASON_TEST_FAILOVER]	= "test-failover",
};

static const char *const on_losses[] = {
	[KVM_FT_ON_LOSS_ASK]		= "ask",
	[KVM_FT_ON_LOSS_PROMOTE]	= "promote",
};

/**
 * struct words - the words of an enumeration
 * @what: its name in the spec
 * @word: one per value
 * @count: how many
 */
struct words {
	const char *what;
	const char *const *word;
	size_t count;
};

static const struct words role_words = { "role", roles, ARRAY_SIZE(roles) };
static const struct words state_words = { "state", states, ARRAY_SIZE(states) };
static const struct words reason_words = { "reason", reasons, ARRAY_SIZE(reasons) };
static const struct words on_loss_words = { "on-loss", on_losses, ARRAY_SIZE(on_losses) };

enum kind {
	STRING,
	NUMBER,		/* u16 (big endian), u32 or uint, by its length */
	HASH,		/* uint; JSON's readers lose bits of such numbers: hex */
	WORD,
	ADDRESS,	/* IPv4 or IPv6, by its length */
	FLAG,
	NEST,
};

/**
 * struct key - one attribute
 * @name: its name in the spec
 * @kind: how to read it
 * @words: of WORD
 * @nest: of NEST
 * @many: there may be several: an array
 */
struct key {
	const char *name;
	enum kind kind;
	const struct words *words;
	const struct key_set *nest;
	bool many;
};

/**
 * struct key_set - one attribute set
 * @keys: indexed by the attribute's number
 * @count: how many
 */
struct key_set {
	const struct key *keys;
	int count;
};

static const struct key stats_keys[] = {
	[KVM_FT_A_STATS_EXITS]		= { "exits", NUMBER },
	[KVM_FT_A_STATS_ENTRIES_SYNC]	= { "entries-sync", NUMBER },
	[KVM_FT_A_STATS_ENTRIES_ASYNC]	= { "entries-async", NUMBER },
	[KVM_FT_A_STATS_OUTPUTS]	= { "outputs", NUMBER },
	[KVM_FT_A_STATS_DEFERRALS]	= { "deferrals", NUMBER },
	[KVM_FT_A_STATS_FULL_WAITS]	= { "full-waits", NUMBER },
	[KVM_FT_A_STATS_STARVED_WAITS]	= { "starved-waits", NUMBER },
	[KVM_FT_A_STATS_BREAKPOINTS]	= { "breakpoints", NUMBER },
	[KVM_FT_A_STATS_OVERFLOWS]	= { "overflows", NUMBER },
	[KVM_FT_A_STATS_SKID_MAX]	= { "skid-max", NUMBER },
	[KVM_FT_A_STATS_DIGESTS]	= { "digests", NUMBER },
	[KVM_FT_A_STATS_PACKETS_HELD]	= { "packets-held", NUMBER },
	[KVM_FT_A_STATS_BATCHES]	= { "batches", NUMBER },
	[KVM_FT_A_STATS_DMA_BYTES]	= { "dma-bytes", NUMBER },
	[KVM_FT_A_STATS_REQUESTS]	= { "requests", NUMBER },
	[KVM_FT_A_STATS_DISK_BYTES]	= { "disk-bytes", NUMBER },
	[KVM_FT_A_STATS_INPUTS_MERGED]	= { "inputs-merged", NUMBER },
	[KVM_FT_A_STATS_HOLD_MAX]	= { "hold-max", NUMBER },
	[KVM_FT_A_STATS_HOLD_FULL]	= { "hold-full", NUMBER },
	[KVM_FT_A_STATS_REQUESTS_RESUBMITTED] = { "requests-resubmitted", NUMBER },
};

static const struct key_set stats_set = { stats_keys, ARRAY_SIZE(stats_keys) };

static const struct key digest_keys[] = {
	[KVM_FT_A_DIGEST_REGS]		= { "regs", HASH },
	[KVM_FT_A_DIGEST_RAM]		= { "ram", HASH },
	[KVM_FT_A_DIGEST_IRQCHIP]	= { "irqchip", HASH },
	[KVM_FT_A_DIGEST_COMPARED]	= { "compared", FLAG },
};

static const struct key_set digest_set = { digest_keys, ARRAY_SIZE(digest_keys) };

static const struct key_set device_set = {};

static const struct key slot_keys[] = {
	[KVM_FT_A_SLOT_GPA]		= { "gpa", NUMBER },
	[KVM_FT_A_SLOT_SIZE]		= { "size", NUMBER },
	[KVM_FT_A_SLOT_ADDRESS]		= { "address", NUMBER },
};

static const struct key_set slot_set = { slot_keys, ARRAY_SIZE(slot_keys) };

static const struct key vm_keys[] = {
	[KVM_FT_A_VM_NAME]		= { "name", STRING },
	[KVM_FT_A_VM_ROLE]		= { "role", WORD, &role_words },
	[KVM_FT_A_VM_ON_LOSS]		= { "on-loss", WORD, &on_loss_words },
	[KVM_FT_A_VM_SESSION]		= { "session", HASH },
	[KVM_FT_A_VM_VM_FD]		= { "vm-fd", NUMBER },
	[KVM_FT_A_VM_VCPU_FD]		= { "vcpu-fd", NUMBER },
	[KVM_FT_A_VM_PID]		= { "pid", NUMBER },
	[KVM_FT_A_VM_LOCAL_IPV4]	= { "local-ipv4", ADDRESS },
	[KVM_FT_A_VM_LOCAL_IPV6]	= { "local-ipv6", ADDRESS },
	[KVM_FT_A_VM_LOCAL_SCOPE_ID]	= { "local-scope-id", NUMBER },
	[KVM_FT_A_VM_LOCAL_PORT]	= { "local-port", NUMBER },
	[KVM_FT_A_VM_PEER_IPV4]		= { "peer-ipv4", ADDRESS },
	[KVM_FT_A_VM_PEER_IPV6]		= { "peer-ipv6", ADDRESS },
	[KVM_FT_A_VM_PEER_SCOPE_ID]	= { "peer-scope-id", NUMBER },
	[KVM_FT_A_VM_PEER_PORT]		= { "peer-port", NUMBER },
	[KVM_FT_A_VM_HEARTBEAT_MS]	= { "heartbeat-ms", NUMBER },
	[KVM_FT_A_VM_TIMEOUT_MS]	= { "timeout-ms", NUMBER },
	[KVM_FT_A_VM_LOG_SIZE]		= { "log-size", NUMBER },
	[KVM_FT_A_VM_STATE]		= { "state", WORD, &state_words },
	[KVM_FT_A_VM_REASON]		= { "reason", WORD, &reason_words },
	[KVM_FT_A_VM_LAG_BYTES]		= { "lag-bytes", NUMBER },
	[KVM_FT_A_VM_UNACKED_BYTES]	= { "unacked-bytes", NUMBER },
	[KVM_FT_A_VM_LOG_BYTES]		= { "log-bytes", NUMBER },
	[KVM_FT_A_VM_BRANCHES]		= { "branches", NUMBER },
	[KVM_FT_A_VM_STATS]		= { "stats", NEST, .nest = &stats_set },
	[KVM_FT_A_VM_DIVERGENCE]	= { "divergence", STRING },
	[KVM_FT_A_VM_DIGEST]		= { "digest", NEST, .nest = &digest_set },
	[KVM_FT_A_VM_SLOT]		= { "slot", NEST, .nest = &slot_set, .many = true },
	/* Asked, never answered. */
	[KVM_FT_A_VM_DEVICE]		= { "device", NEST, .nest = &device_set },
};

static const struct key_set vm_set = { vm_keys, ARRAY_SIZE(vm_keys) };

static const struct key version_keys[] = {
	[KVM_FT_A_VERSION_MODULE]	= { "module", STRING },
	[KVM_FT_A_VERSION_WIRE_MIN]	= { "wire-min", NUMBER },
	[KVM_FT_A_VERSION_WIRE_MAX]	= { "wire-max", NUMBER },
	[KVM_FT_A_VERSION_VENDOR]	= { "vendor", STRING },
	[KVM_FT_A_VERSION_HEARTBEAT_MS]	= { "heartbeat-ms", NUMBER },
	[KVM_FT_A_VERSION_TIMEOUT_MS]	= { "timeout-ms", NUMBER },
	[KVM_FT_A_VERSION_LOG_SIZE]	= { "log-size", NUMBER },
};

static const struct key_set version_set = { version_keys, ARRAY_SIZE(version_keys) };

static struct json_object *set_json(const struct key_set *set,
				    struct nlattr *head, int len);

static u64 get_number(struct nlattr *nla)
{
	switch (nla_len(nla)) {
	case 1:
		return nla_get_u8(nla);
	case 2:
		return ntohs(nla_get_u16(nla));
	case 4:
		return nla_get_u32(nla);
	case 8:
		return nla_get_u64(nla);
	default:
		return 0;
	}
}

static struct json_object *word_json(const struct words *words, u64 value)
{
	char text[40];

	if (value < words->count)
		return json_object_new_string(words->word[value]);
	/* A newer module knows more words than this tool. */
	snprintf(text, sizeof(text), "%s-%llu", words->what, value);
	return json_object_new_string(text);
}

static struct json_object *address_json(struct nlattr *nla)
{
	char text[INET6_ADDRSTRLEN] = "";

	inet_ntop(nla_len(nla) == 4 ? AF_INET : AF_INET6, nla_data(nla), text,
		  sizeof(text));
	return json_object_new_string(text);
}

static struct json_object *key_json(const struct key *key, struct nlattr *nla)
{
	char text[24];

	switch (key->kind) {
	case STRING:
		return json_object_new_string_len(nla_data(nla),
						  strnlen(nla_data(nla), nla_len(nla)));
	case NUMBER:
		return json_object_new_uint64(get_number(nla));
	case HASH:
		snprintf(text, sizeof(text), "0x%016llx", get_number(nla));
		return json_object_new_string(text);
	case WORD:
		return word_json(key->words, get_number(nla));
	case ADDRESS:
		return address_json(nla);
	case FLAG:
		return json_object_new_boolean(true);
	case NEST:
		return set_json(key->nest, nla_data(nla), nla_len(nla));
	}
	return NULL;
}

static void add_key(struct json_object *object, const struct key *key,
		    struct json_object *value)
{
	struct json_object *list = js_get(object, key->name);

	if (key->many && !list) {
		list = json_object_new_array();
		json_object_object_add(object, key->name, list);
	}
	if (key->many)
		json_object_array_add(list, value);
	else
		json_object_object_add(object, key->name, value);
}

static struct json_object *set_json(const struct key_set *set,
				    struct nlattr *head, int len)
{
	struct json_object *object = json_object_new_object();
	struct nlattr *nla;
	int rem;

	nla_for_each_attr(nla, head, len, rem) {
		int type = nla_type(nla);

		if (type < set->count && set->keys[type].name)
			add_key(object, &set->keys[type], key_json(&set->keys[type], nla));
	}
	return object;
}

/**
 * nlattr_json - attributes of a message in words
 * @cmd: the command of the message
 * @head: the first attribute
 * @len: bytes of all
 *
 * Return: a new JSON object
 */
struct json_object *nlattr_json(int cmd, struct nlattr *head, int len)
{
	const struct key_set *set = &vm_set;

	if (cmd == KVM_FT_CMD_VERSION_GET)
		set = &version_set;
	return set_json(set, head, len);
}

/**
 * nlattr_vm_name - the name of an attribute of a VM
 * @type: its number
 *
 * Return: the name, or NULL when there is none
 */
const char *nlattr_vm_name(int type)
{
	return type < vm_set.count ? vm_keys[type].name : NULL;
}

/**
 * nlattr_word - the value of a word
 * @what: "role" or "on-loss"
 * @word: the word
 *
 * Return: the value of the enumeration, or -1 when it has no such word
 */
int nlattr_word(const char *what, const char *word)
{
	const struct words *const all[] = { &role_words, &on_loss_words };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (strcmp(all[i]->what, what))
			continue;
		for (size_t n = 0; n < all[i]->count; n++) {
			if (!strcmp(all[i]->word[n], word))
				return n;
		}
	}
	return -1;
}
