/* SPDX-License-Identifier: GPL-2.0-only */
/* A table that survives its server: in SQLite's file, by way of its shell. */
#ifndef DATABASE_H
#define DATABASE_H

#include "mix.h"

void database_open(const char *path);
void database_set(u64 key, u64 value);
void database_get(u64 key, u64 *value, u64 *version);

#endif /* DATABASE_H */
