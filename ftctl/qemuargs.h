/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A QEMU command line, read and rewritten. Pure: no processes here.
 */
#ifndef _FTCTL_QEMUARGS_H
#define _FTCTL_QEMUARGS_H

#include <stdbool.h>

char **args_split(const char *cmdline, unsigned long len);
void args_free(char **argv);
int args_count(char **argv);

char *args_name(char **argv);
char *args_qmp_path(char **argv);
bool args_qmp_inherited(char **argv);
const char *args_inherited(char **argv);
char **args_for_peer(char **argv);
char **args_files(char **argv);

bool is_option(const char *arg, const char *option);

const char *args_chardev(char **argv, const char *id);
const char *args_netdev(char **argv, const char *id);
char *netdev_val(const char *opts, const char *key);
bool netdev_on(const char *opts, const char *key);

char *optval(const char *opts, const char *key);
bool optval_on(const char *value);
char *either_optval(const char *opts, const char *key);
const char *optpart(const char *opts, char *part);

#endif /* _FTCTL_QEMUARGS_H */
