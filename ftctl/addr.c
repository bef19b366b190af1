// SPDX-License-Identifier: GPL-2.0-only
/*
 * Addresses: which two ends the logging link has.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "ftctl.h"
#include "js.h"

static socklen_t addr_size(const struct sockaddr *sa)
{
	return sa->sa_family == AF_INET ? sizeof(struct sockaddr_in) :
	       sizeof(struct sockaddr_in6);
}

static const u8 *addr_bytes(const struct sockaddr *sa, int *bits)
{
	*bits = sa->sa_family == AF_INET ? 32 : 128;
	if (sa->sa_family == AF_INET)
		return (const u8 *)&((const struct sockaddr_in *)sa)->sin_addr;
	return (const u8 *)&((const struct sockaddr_in6 *)sa)->sin6_addr;
}

static bool addr_is_ip(const struct sockaddr *sa)
{
	return sa && (sa->sa_family == AF_INET || sa->sa_family == AF_INET6);
}

static void addr_text(const struct sockaddr *sa, char *text)
{
	*text = '\0';
	getnameinfo(sa, addr_size(sa), text, ADDR_MAX, NULL, 0, NI_NUMERICHOST);
}

static int resolve(const char *text, int flags, struct sockaddr_storage *addr)
{
	struct addrinfo hints = { .ai_flags = flags, .ai_socktype = SOCK_STREAM };
	struct addrinfo *list;
	int err = getaddrinfo(text, NULL, &hints, &list);

	if (err)
		return fail("%s: %s", text, gai_strerror(err));
	memset(addr, 0, sizeof(*addr));
	memcpy(addr, list->ai_addr, list->ai_addrlen);
	freeaddrinfo(list);
	return 0;
}

/**
 * addr_parse - read a numeric address
 * @text: the address, with "%dev" when it is link-local
 * @addr: to be filled, port 0
 *
 * Return: 0, or -1 after fail().
 */
int addr_parse(const char *text, struct sockaddr_storage *addr)
{
	return resolve(text, AI_NUMERICHOST, addr);
}

/**
 * addr_uri - where QEMU is to send a guest
 * @text: numeric address
 * @port: port, 0: QEMU chooses
 * @uri: to be filled
 * @size: room in @uri
 *
 * Return: 0, or -1 after fail().
 */
int addr_uri(const char *text, unsigned int port, char *uri, size_t size)
{
	bool ipv6 = strchr(text, ':');
	int n = snprintf(uri, size, "tcp:%s%s%s:%u", ipv6 ? "[" : "", text,
			 ipv6 ? "]" : "", port);

	return n < (int)size ? 0 : fail("%s: address too long", text);
}

static bool same_network(const struct sockaddr *a, const struct sockaddr *b,
			 int prefix)
{
	const u8 *x, *y;
	int bits;

	if (a->sa_family != b->sa_family)
		return false;
	x = addr_bytes(a, &bits);
	y = addr_bytes(b, &bits);
	for (int i = 0; i < bits && i < prefix; i++) {
		if ((x[i / 8] ^ y[i / 8]) & (0x80 >> i % 8))
			return false;
	}
	return true;
}

static int prefix_of(const struct sockaddr *mask)
{
	const u8 *m;
	int bits, n = 0;

	if (!addr_is_ip(mask))
		return 0;
	m = addr_bytes(mask, &bits);
	while (n < bits && m[n / 8] & (0x80 >> n % 8))
		n++;
	return n;
}

/**
 * addr_list - the addresses of this host
 *
 * Return: an array of { dev, address, prefix }
 */
struct json_object *addr_list(void)
{
	struct json_object *list = json_object_new_array();
	struct ifaddrs *all;

	if (getifaddrs(&all))
		return list;
	for (struct ifaddrs *i = all; i; i = i->ifa_next) {
		struct json_object *o;
		char text[ADDR_MAX];

		if (!addr_is_ip(i->ifa_addr) || !(i->ifa_flags & IFF_UP))
			continue;
		addr_text(i->ifa_addr, text);
		o = json_object_new_object();
		js_add_str(o, "dev", i->ifa_name);
		js_add_str(o, "address", text);
		js_add_int(o, "prefix", prefix_of(i->ifa_netmask));
		json_object_array_add(list, o);
	}
	freeifaddrs(all);
	return list;
}

/* The entry of @list with this address; the device after "%" may differ. */
static struct json_object *find_address(struct json_object *list, const char *text)
{
	size_t len = strcspn(text, "%");

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		const char *address = js_str(o, "address", "");

		if (strcspn(address, "%") == len && !strncmp(address, text, len))
			return o;
	}
	return NULL;
}

/**
 * addr_is_here - check that an address is one of this host's
 * @text: numeric address; a link-local one may come with another host's device
 * @addr: becomes the address with this host's device
 *
 * Return: 0, or -1 after fail().
 */
int addr_is_here(const char *text, struct sockaddr_storage *addr)
{
	struct json_object *list = addr_list();
	struct json_object *found = find_address(list, text);
	int err;

	if (found)
		err = addr_parse(js_str(found, "address", ""), addr);
	else
		err = fail("this host has no address %s", text);
	json_object_put(list);
	return err;
}

static int dev_address(const char *dev, char *text)
{
	struct json_object *list = addr_list();
	const char *found = NULL;

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		const char *address = js_str(o, "address", "");

		if (strcmp(js_str(o, "dev", ""), dev))
			continue;
		/* IPv4 if there is one, else a global address, else any. */
		if (!found || !strchr(address, ':') ||
		    (strchr(found, '%') && !strchr(address, '%')))
			found = address;
		if (!strchr(found, ':'))
			break;
	}
	if (found)
		snprintf(text, ADDR_MAX, "%s", found);
	else
		fail("interface '%s' does not exist, is down or has no address", dev);
	json_object_put(list);
	return found ? 0 : -1;
}

/* The peer's address in the network of ours. */
static int peer_in_network(struct link *link, const char *host,
			   struct json_object *peers)
{
	struct sockaddr_storage mine, theirs;
	struct json_object *own = addr_list();
	struct json_object *here = find_address(own, link->local);
	int prefix = here ? js_int(here, "prefix") : -1;

	json_object_put(own);
	if (prefix < 0)
		return fail("this host has no address %s", link->local);
	if (addr_parse(link->local, &mine))
		return -1;

	for (size_t i = 0; i < json_object_array_length(peers); i++) {
		struct json_object *o = json_object_array_get_idx(peers, i);
		char text[ADDR_MAX];

		/* Their device's name means nothing here. */
		snprintf(text, sizeof(text), "%s", js_str(o, "address", ""));
		text[strcspn(text, "%")] = '\0';
		if (strchr(link->local, '%'))
			strncat(text, strchr(link->local, '%'),
				sizeof(text) - strlen(text) - 1);
		if (addr_parse(text, &theirs) || !strcmp(text, link->local))
			continue;
		if (same_network((struct sockaddr *)&mine, (struct sockaddr *)&theirs,
				 prefix)) {
			memcpy(link->peer, text, sizeof(text));
			return 0;
		}
	}
	return fail("%s has no address in the network of %s/%d: say --peer-addr",
		    host, link->local, prefix);
}

/* Which of our addresses leads there. */
static int route_to(const char *peer, char *local)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	int fd, err = -1;

	if (addr_parse(peer, &addr))
		return -1;
	/* A datagram socket connects without sending anything. */
	((struct sockaddr_in *)&addr)->sin_port = htons(9);
	fd = socket(addr.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
	    connect(fd, (struct sockaddr *)&addr, addr_size((struct sockaddr *)&addr)) ||
	    getsockname(fd, (struct sockaddr *)&addr, &len)) {
		fail_errno("no route to %s", peer);
	} else {
		addr_text((struct sockaddr *)&addr, local);
		err = 0;
	}
	if (fd >= 0)
		close(fd);
	return err;
}

/**
 * addr_link - choose the two ends of the logging link
 * @link: to be filled
 * @host: what the user calls the peer, maybe with "user@"
 * @dev: the user's interface for it, or NULL
 * @local: the user's address on this host, or NULL
 * @peer: the user's address on the peer, or NULL
 * @peers: the peer's own addr_list()
 *
 * Return: 0, or -1 after fail().
 */
int addr_link(struct link *link, const char *host, const char *dev,
	      const char *local, const char *peer, struct json_object *peers)
{
	const char *at = strrchr(host, '@');
	struct sockaddr_storage addr;

	if (local) {
		if (addr_is_here(local, &addr))
			return -1;
		addr_text((struct sockaddr *)&addr, link->local);
	} else if (dev && dev_address(dev, link->local)) {
		return -1;
	}

	if (!peer && (local || dev))
		return peer_in_network(link, host, peers);

	if (!peer)
		peer = at ? at + 1 : host;
	if (resolve(peer, 0, &addr))
		return fail("%s; say --peer-addr, the peer's address on the logging link",
			    fail_why());
	addr_text((struct sockaddr *)&addr, link->peer);
	return local || dev ? 0 : route_to(link->peer, link->local);
}
