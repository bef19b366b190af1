/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _FTCTL_MIGRATE_H
#define _FTCTL_MIGRATE_H

struct qmp;

int migrate_begin(struct qmp *qmp, const char *address, unsigned int port);
int migrate_wait_paused(struct qmp *qmp);
int migrate_finish(struct qmp *qmp);
int migrate_wait_completed(struct qmp *qmp);
int migrate_cancel(struct qmp *qmp);
int migrate_listen(struct qmp *qmp, const char *address, unsigned int *port);

#endif /* _FTCTL_MIGRATE_H */
