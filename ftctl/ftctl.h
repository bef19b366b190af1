/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every part of ftctl shares: the table of commands and how failures are
 * told.
 *
 * A function that can fail returns 0 or a negative number and leaves one
 * sentence for fail_why(). Only the commands print it: the same function may
 * run on the peer, where the sentence travels back over ssh.
 */
#ifndef _FTCTL_H
#define _FTCTL_H

#include <linux/types.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define __printf(f, a)	__attribute__((format(printf, f, a)))

/* The kernel's short names; u64 is "long long" everywhere, for printf(). */
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s64 s64;

/* Exit codes. */
#define EXIT_FAILED	1
#define EXIT_USAGE	2

/**
 * struct options - what the user asked for, besides the command
 * @json: print JSON (-j)
 */
struct options {
	bool json;
};

extern struct options opt;

/**
 * struct command - one word of ftctl's command line
 * @name: the word
 * @usage: its arguments, as help shows them
 * @summary: one line
 * @help: the rest of what -h prints, whole lines
 * @hidden: plumbing that ftctl itself calls; not for users
 * @run: does it; @argv[0] is the command's name. Returns the exit code.
 */
struct command {
	const char *name;
	const char *usage;
	const char *summary;
	const char *help;
	bool hidden;
	int (*run)(const struct command *cmd, int argc, char **argv);
};

extern const struct command cmd_check;
extern const struct command cmd_digest;
extern const struct command cmd_disable;
extern const struct command cmd_enable;
extern const struct command cmd_monitor;
extern const struct command cmd_peer;
extern const struct command cmd_promote;
extern const struct command cmd_status;
extern const struct command cmd_test_failover;
extern const struct command cmd_version;
extern const struct command cmd_watch_copy;

int command_usage(const struct command *cmd, const char *fmt, ...) __printf(2, 3);
void command_help(const struct command *cmd);
int command_failed(const struct command *cmd);
int command_one_vm(const struct command *cmd, int argc, char **argv,
		   const char **name);

int fail(const char *fmt, ...) __printf(1, 2);
int fail_errno(const char *fmt, ...) __printf(1, 2);
int fail_while(const char *fmt, ...) __printf(1, 2);
const char *fail_why(void);

#endif /* _FTCTL_H */
