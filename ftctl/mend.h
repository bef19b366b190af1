/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _FTCTL_MEND_H
#define _FTCTL_MEND_H

struct json_object;
struct memory;
struct peer;

int mend_copy(const struct memory *mem, struct peer *peer);
int mend_hashes(const struct memory *mem, struct json_object *request,
		struct json_object *answer);
int mend_pages(const struct memory *mem, struct json_object *request);

#endif /* _FTCTL_MEND_H */
