/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _FTCTL_CHARDEV_H
#define _FTCTL_CHARDEV_H

#include <json-c/json_object.h>

struct json_object *chardev_inputs(char **argv);

#endif /* _FTCTL_CHARDEV_H */
