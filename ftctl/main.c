// SPDX-License-Identifier: GPL-2.0-only
/*
 * ftctl: fault tolerance for KVM guests, the operator's end.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "ftctl.h"

struct options opt;

static const struct command *const commands[] = {
	&cmd_check,
	&cmd_enable,
	&cmd_disable,
	&cmd_status,
	&cmd_promote,
	&cmd_test_failover,
	&cmd_digest,
	&cmd_monitor,
	&cmd_version,
	&cmd_peer,
	&cmd_watch_copy,
};

static void print_usage(FILE *to)
{
	fputs("usage: ftctl [-j] COMMAND [ARGUMENTS]\n"
	      "\n"
	      "Keeps a KVM guest running when its host dies.\n"
	      "\n"
	      "Commands:\n", to);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!commands[i]->hidden)
			fprintf(to, "  %-14s %s\n", commands[i]->name,
				commands[i]->summary);
	}
	fputs("\n"
	      "Options:\n"
	      "  -j, --json     print JSON\n"
	      "  -h, --help     print help; after a command, its own\n", to);
}

/**
 * command_help - print the help of a command
 * @cmd: the command
 */
void command_help(const struct command *cmd)
{
	printf("usage: ftctl [-j] %s%s%s\n\n%s.\n%s%s\n"
	       "Options:\n"
	       "  -j, --json     print JSON\n"
	       "  -h, --help     print this help\n",
	       cmd->name, *cmd->usage ? " " : "", cmd->usage, cmd->summary,
	       *cmd->help ? "\n" : "", cmd->help);
}

/**
 * command_usage - complain about a command's arguments
 * @cmd: the command
 * @fmt: what is wrong with them
 *
 * Return: the exit code for it
 */
int command_usage(const struct command *cmd, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "ftctl: %s: ", cmd->name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nusage: ftctl [-j] %s%s%s\n", cmd->name,
		*cmd->usage ? " " : "", cmd->usage);
	return EXIT_USAGE;
}

/**
 * command_failed - print why a command failed
 * @cmd: the command
 *
 * Return: the exit code for it
 */
int command_failed(const struct command *cmd)
{
	fprintf(stderr, "ftctl: %s: %s\n", cmd->name, fail_why());
	return EXIT_FAILED;
}

/**
 * command_one_vm - take the arguments of a command that has one: a VM
 * @cmd: the command
 * @argc: number of @argv
 * @argv: the arguments
 * @name: the VM's name
 *
 * Return: 0 or an exit code
 */
int command_one_vm(const struct command *cmd, int argc, char **argv,
		   const char **name)
{
	if (argc < 2)
		return command_usage(cmd, "which VM?");
	if (argv[1][0] == '-' && argv[1][1])
		return command_usage(cmd, "no such option: %s", argv[1]);
	if (argc > 2)
		return command_usage(cmd, "one VM at a time, '%s' is too much",
				     argv[2]);
	*name = argv[1];
	return 0;
}

/*
 * The options that all commands have may stand anywhere: take them out here,
 * so that the commands see only their own. Returns what is left, or -1 when
 * help is asked for.
 */
static int take_options(int argc, char **argv)
{
	bool help = false;
	int left = 0;

	for (int i = 0; i < argc; i++) {
		if (!strcmp(argv[i], "-j") || !strcmp(argv[i], "--json"))
			opt.json = true;
		else if (!strcmp(argv[i], "-h") || !strcmp(argv[i], "--help"))
			help = true;
		else
			argv[left++] = argv[i];
	}
	argv[left] = NULL;
	return help ? -1 : left;
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	}
	return NULL;
}

int main(int argc, char **argv)
{
	const struct command *cmd;
	int left = take_options(argc - 1, argv + 1);
	int err;

	/* Who hung up is told by the write that fails; what follows it has to be done. */
	signal(SIGPIPE, SIG_IGN);

	if (!argv[1]) {
		print_usage(left < 0 ? stdout : stderr);
		return left < 0 ? 0 : EXIT_USAGE;
	}

	cmd = find_command(argv[1]);
	if (!cmd) {
		fprintf(stderr, "ftctl: no such command: %s (ftctl -h lists them)\n",
			argv[1]);
		return EXIT_USAGE;
	}
	if (left < 0) {
		command_help(cmd);
		return 0;
	}

	err = cmd->run(cmd, left, argv + 1);
	/* A full disk or a closed pipe must not pass for success. */
	if (fflush(stdout) || ferror(stdout)) {
		perror("ftctl: standard output");
		return err ?: EXIT_FAILED;
	}
	return err;
}
