// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <unistd.h>
#include "database.h"
#include "tcp.h"

/* SQLite's shell: statements in, rows out. */
static FILE *statements, *rows;

/*
 * Opens the database, with a shell for this process alone.
 *
 * Values are text, since SQLite's integers have a sign. A statement ends when its
 * transaction is on the disk: nothing is said of it before.
 */
void database_open(const char *path)
{
	int to[2], from[2];

	if (pipe(to) || pipe(from))
		fail("pipe: %m");
	if (!fork()) {
		dup2(to[0], STDIN_FILENO);
		dup2(from[1], STDOUT_FILENO);
		close(to[1]);
		close(from[0]);
		execlp("sqlite3", "sqlite3", "-batch", "-bail", "-separator", " ", path, NULL);
		fail("sqlite3: %m");
	}
	close(to[0]);
	close(from[1]);
	statements = fdopen(to[1], "w");
	rows = fdopen(from[0], "r");
	fputs("PRAGMA synchronous=EXTRA; PRAGMA busy_timeout=60000;\n", statements);
	fputs("CREATE TABLE IF NOT EXISTS entries(key INTEGER PRIMARY KEY, value, version);\n",
	      statements);
}

void database_set(u64 key, u64 value)
{
	fprintf(statements, "INSERT INTO entries VALUES(%lu, '%lu', 1)\n", key, value);
	fputs("ON CONFLICT(key) DO UPDATE SET value=excluded.value, version=version+1;\n",
	      statements);
}

void database_get(u64 key, u64 *value, u64 *version)
{
	char line[80];

	/* One row in any case. */
	fputs("SELECT 'row', ifnull(max(value), 0), ifnull(max(version), 0)\n", statements);
	fprintf(statements, "FROM entries WHERE key=%lu;\n", key);
	fflush(statements);
	/* The pragmas have rows, too. */
	do {
		if (!fgets(line, sizeof(line), rows))
			fail("the database does not answer");
	} while (sscanf(line, "row %lu %lu", value, version) != 2);
}
