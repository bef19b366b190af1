/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _FTCTL_ADDR_H
#define _FTCTL_ADDR_H

#include <json-c/json_object.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* A numeric address as text, with "%dev" when it is link-local. */
#define ADDR_MAX	NI_MAXHOST

/**
 * struct link - the two ends of the logging link
 * @local: here
 * @peer: there
 */
struct link {
	char local[ADDR_MAX];
	char peer[ADDR_MAX];
};

int addr_parse(const char *text, struct sockaddr_storage *addr);
int addr_is_here(const char *text, struct sockaddr_storage *addr);
int addr_uri(const char *text, unsigned int port, char *uri, size_t size);
struct json_object *addr_list(void);
int addr_link(struct link *link, const char *host, const char *dev,
	      const char *local, const char *peer, struct json_object *peers);

#endif /* _FTCTL_ADDR_H */
