// SPDX-License-Identifier: GPL-2.0-only
/*
 * Other programs: run for their output, talked to through pipes, or started to
 * outlive us.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ftctl.h"
#include "subprocess.h"

#define EXIT_NO_EXEC	127

static void write_all(int fd, const char *text)
{
	size_t len = strlen(text);

	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			return;
		text += n > 0 ? n : 0;
		len -= n > 0 ? n : 0;
	}
}

/* All that comes, as a string for free(); NULL: no memory. */
static char *read_all(int fd)
{
	size_t len = 0, room = 0;
	char *text = NULL;

	for (;;) {
		ssize_t n;

		if (room - len < 2) {
			char *more = realloc(text, room += 16384);

			if (!more)
				break;
			text = more;
		}
		n = read(fd, text + len, room - len - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += n;
	}
	if (text)
		text[len] = '\0';
	return text;
}

static pid_t start(const char *const argv[], int *to, int *from, int error)
{
	int in[2], out[2];
	pid_t pid;

	if (pipe2(in, O_CLOEXEC))
		return fail_errno("pipe");
	if (pipe2(out, O_CLOEXEC)) {
		close(in[0]);
		close(in[1]);
		return fail_errno("pipe");
	}

	pid = fork();
	if (!pid) {
		/*
		 * ^C at the keyboard is for us: we still need this program to
		 * put things right. Not by a process group of its own, as then
		 * ssh could not ask for a password.
		 */
		signal(SIGINT, SIG_IGN);
		signal(SIGHUP, SIG_IGN);
		signal(SIGPIPE, SIG_DFL);
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		dup2(error, STDERR_FILENO);
		execvp(argv[0], (char *const *)argv);
		_exit(EXIT_NO_EXEC);
	}
	close(in[0]);
	close(out[1]);
	if (pid < 0) {
		close(in[1]);
		close(out[0]);
		return fail_errno("fork");
	}
	*to = in[1];
	*from = out[0];
	return pid;
}

/**
 * subprocess_output - run a program and take what it prints
 * @argv: the program, looked for in PATH, and its arguments
 * @input: what it reads, before it prints anything; NULL: nothing
 * @output: what it printed, for free()
 * @said: what it said on standard error, for free(), or NULL
 *
 * Return: 0, or -1 after fail() when it could not be run or failed.
 */
int subprocess_output(const char *const argv[], const char *input, char **output,
		      char **said)
{
	int to, from, status, error;
	pid_t pid;

	*output = NULL;
	*said = NULL;
	error = memfd_create("stderr", MFD_CLOEXEC);
	if (error < 0)
		return fail_errno("memfd_create");
	pid = start(argv, &to, &from, error);
	if (pid < 0) {
		close(error);
		return -1;
	}
	if (input)
		write_all(to, input);
	close(to);
	*output = read_all(from);
	close(from);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	lseek(error, 0, SEEK_SET);
	*said = read_all(error);
	close(error);

	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return *output ? 0 : fail("out of memory");
	if (*said && !**said) {
		free(*said);
		*said = NULL;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NO_EXEC)
		return fail("cannot run %s", argv[0]);
	return fail("%s failed", argv[0]);
}

/**
 * subprocess_pipes - start a program to talk to
 * @argv: the program, looked for in PATH, and its arguments
 * @to: becomes its standard input
 * @from: becomes its standard output
 *
 * Return: its process, or -1 after fail().
 */
pid_t subprocess_pipes(const char *const argv[], int *to, int *from)
{
	return start(argv, to, from, STDERR_FILENO);
}

static void become_detached(const char *exe, const char *const argv[], const char *cwd,
			    int log)
{
	int null = open("/dev/null", O_RDWR);

	setsid();
	signal(SIGPIPE, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	dup2(null, STDIN_FILENO);
	dup2(log, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	if (close_range(3, ~0U, 0))
		_exit(EXIT_NO_EXEC);
	/* Relative paths in the arguments, if the folder is here as well. */
	if (cwd && chdir(cwd))
		(void)!chdir("/");
	execv(exe, (char *const *)argv);
	dprintf(STDERR_FILENO, "%s: %s\n", exe, strerror(errno));
	_exit(EXIT_NO_EXEC);
}

/**
 * subprocess_detached - start a program that outlives us
 * @exe: the program
 * @argv: its arguments
 * @cwd: its working directory, where possible
 * @log: file for what it prints, emptied first
 *
 * Nothing of ours is left open in it: an ssh that waits for our output to be
 * closed must not wait for it.
 *
 * Return: its process, our child, or -1 after fail().
 */
pid_t subprocess_detached(const char *exe, const char *const argv[], const char *cwd,
			  const char *log)
{
	int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	pid_t pid;

	if (fd < 0)
		return fail_errno("%s", log);
	pid = fork();
	if (!pid)
		become_detached(exe, argv, cwd, fd);
	close(fd);
	return pid < 0 ? fail_errno("fork") : pid;
}
