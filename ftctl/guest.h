/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _FTCTL_GUEST_H
#define _FTCTL_GUEST_H

struct qemu;
struct qmp;

int guest_check(struct qmp *qmp, const struct qemu *qemu);

#endif /* _FTCTL_GUEST_H */
