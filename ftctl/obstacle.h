/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _FTCTL_OBSTACLE_H
#define _FTCTL_OBSTACLE_H

#include "ftctl.h"

struct json_object;

int obstacle(struct json_object *found, const char *fmt, ...) __printf(2, 3);

#endif /* _FTCTL_OBSTACLE_H */
