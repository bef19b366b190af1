/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _FTCTL_SUBPROCESS_H
#define _FTCTL_SUBPROCESS_H

#include <sys/types.h>

int subprocess_output(const char *const argv[], const char *input, char **output,
		      char **said);
pid_t subprocess_pipes(const char *const argv[], int *to, int *from);
pid_t subprocess_detached(const char *exe, const char *const argv[], const char *cwd,
			  const char *log);

#endif /* _FTCTL_SUBPROCESS_H */
