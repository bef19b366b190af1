/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _FTCTL_NLATTR_H
#define _FTCTL_NLATTR_H

#include <json-c/json_object.h>
#include <linux/netlink.h>

struct json_object *nlattr_json(int cmd, struct nlattr *head, int len);
const char *nlattr_vm_name(int type);
int nlattr_word(const char *what, const char *word);

#endif /* _FTCTL_NLATTR_H */
