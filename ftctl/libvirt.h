/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _FTCTL_LIBVIRT_H
#define _FTCTL_LIBVIRT_H

#include <stdbool.h>

bool libvirt_runs(char **argv);
int libvirt_reach(void);
int libvirt_describe(char **argv, char **xml);
int libvirt_create(const char *xml);
int libvirt_destroy(char **argv);
int libvirt_monitor(char **argv, const char *request, char **answer);

#endif /* _FTCTL_LIBVIRT_H */
