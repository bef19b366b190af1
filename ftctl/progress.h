/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _FTCTL_PROGRESS_H
#define _FTCTL_PROGRESS_H

#include "ftctl.h"

void progress_step(int n, int of, const char *fmt, ...) __printf(3, 4);
void progress_bar(const char *what, double part, const char *rest);
void progress_end(void);

#endif /* _FTCTL_PROGRESS_H */
