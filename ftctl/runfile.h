/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _FTCTL_RUNFILE_H
#define _FTCTL_RUNFILE_H

#include <stddef.h>

int runfile_path(const char *vm, const char *suffix, char *path, size_t size);
int runfile_write(const char *vm, const char *peer);
char *runfile_peer(const char *vm);
void runfile_remove(const char *vm);

#endif /* _FTCTL_RUNFILE_H */
