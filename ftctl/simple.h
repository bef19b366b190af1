/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _FTCTL_SIMPLE_H
#define _FTCTL_SIMPLE_H

struct command;
struct json_object;
struct mod;

int simple_work(const struct command *cmd, int argc, char **argv,
		int (*work)(struct mod *mod, const char *vm, void *arg), void *arg);
int simple_command(const struct command *cmd, int argc, char **argv, int nl_cmd);
void status_line(struct json_object *status);

#endif /* _FTCTL_SIMPLE_H */
