// SPDX-License-Identifier: GPL-2.0-only
/*
 * ftctl monitor: changes of state as they happen.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <time.h>

#include "ftctl.h"
#include "js.h"
#include "module.h"
#include "simple.h"

static void timestamp(char *text, size_t size)
{
	struct timespec now;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	n = strftime(text, size, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, size - n, ".%03ldZ", now.tv_nsec / 1000000);
}

static int print(struct json_object *status, void *arg)
{
	char when[40];

	timestamp(when, sizeof(when));
	if (opt.json) {
		js_add_str(status, "time", when);
		puts(json_object_to_json_string_ext(status, JSON_C_TO_STRING_PLAIN |
						    JSON_C_TO_STRING_NOSLASHESCAPE));
	} else {
		printf("%s ", when);
		status_line(status);
	}
	/* Whoever reads this reads it now. */
	return fflush(stdout) ? fail_errno("standard output") : 0;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct mod mod;

	if (argc > 1)
		return command_usage(cmd, "it takes no arguments, not '%s'", argv[1]);
	if (mod_open(&mod))
		return command_failed(cmd);
	mod_events(&mod, print, NULL);
	mod_close(&mod);
	return command_failed(cmd);
}

const struct command cmd_monitor = {
	.name		= "monitor",
	.usage		= "",
	.summary	= "print changes of state as they happen",
	.help		=
"Runs until it is interrupted. With -j each line is one JSON object.\n",
	.run		= run,
};
