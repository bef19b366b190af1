/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _FTCTL_INTERRUPT_H
#define _FTCTL_INTERRUPT_H

#include <stdbool.h>

void interrupt_catch(void);
int interrupt_check(void);
void interrupt_ignore(void);

#endif /* _FTCTL_INTERRUPT_H */
