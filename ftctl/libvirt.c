// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guests that libvirt runs. It opens files for QEMU and hands it the descriptors, so
 * that QEMU's command line is of no use on another host. The copy is made by the libvirt
 * there, from the description that it would get with a migration, and is one of its
 * domains, also after the guest has gone live.
 *
 * virsh is all that is used of libvirt: ftctl does without it where there is none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ftctl.h"
#include "libvirt.h"
#include "qemuargs.h"
#include "subprocess.h"

#define END		"</domain>"
#define INCOMING	"<qemu:arg value='-incoming'/>"

/* Has the new QEMU wait for the guest, as a migration of libvirt's own would. */
#define WAIT_FOR_GUEST \
"  <qemu:commandline xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>\n" \
"    " INCOMING "\n" \
"    <qemu:arg value='defer'/>\n" \
"  </qemu:commandline>\n"

#define ARGS_MAX	6

/* "error: what\nerror: why" in one line. */
static void join_lines(char *said)
{
	char *to = said, *rest = said, *line;

	while ((line = strsep(&rest, "\n"))) {
		bool error = !strncmp(line, "error: ", 7);

		if (error)
			line += 7;
		if (*line && to != said) {
			if (error)
				*to++ = ':';
			*to++ = ' ';
		}
		memmove(to, line, strlen(line) + 1);
		to += strlen(to);
	}
}

/* @args is what virsh is to do; its output is for free(). */
static int virsh(const char *const args[], const char *input, char **output)
{
	/* root's own, whatever the environment says. */
	const char *argv[4 + ARGS_MAX + 1] = { "virsh", "-q", "-c", "qemu:///system" };
	char *said;
	int err;

	for (int i = 0; args[i]; i++)
		argv[4 + i] = args[i];
	err = subprocess_output(argv, input, output, &said);
	if (err && said) {
		join_lines(said);
		fail("libvirt: %s", said);
	}
	free(said);
	return err;
}

/* The same on all hosts; a name could also be taken for a number of a domain. */
static const char *uuid_of(char **argv)
{
	for (char **a = argv; a[0] && a[1]; a++) {
		if (is_option(a[0], "uuid"))
			return a[1];
	}
	return NULL;
}

/**
 * libvirt_runs - is a QEMU one of libvirt's?
 * @argv: its arguments
 *
 * Only of such a one the other functions may be asked.
 *
 * Return: true when it is
 */
bool libvirt_runs(char **argv)
{
	return args_qmp_inherited(argv) && uuid_of(argv);
}

/**
 * libvirt_reach - is there a libvirt on this host?
 *
 * Return: 0, or -1 after fail().
 */
int libvirt_reach(void)
{
	const char *const args[] = { "uri", NULL };
	char *output;
	int err = virsh(args, NULL, &output);

	free(output);
	return err;
}

/* A domain that came here as a copy has it already. */
static void drop_incoming(char *xml)
{
	char *incoming = strstr(xml, INCOMING), *value, *end;

	value = incoming ? strstr(incoming + strlen(INCOMING), "<qemu:arg ") : NULL;
	end = value ? strstr(value, "/>") : NULL;
	if (end)
		memmove(incoming, end + 2, strlen(end + 2) + 1);
}

/**
 * libvirt_describe - what a copy of a domain is to be made of
 * @argv: the domain's QEMU's arguments
 * @xml: becomes its description, for free()
 *
 * With all that the guest can see: machine, processor, and where its devices are.
 *
 * Return: 0, or -1 after fail().
 */
int libvirt_describe(char **argv, char **xml)
{
	const char *const args[] = {
		"dumpxml", "--migratable", "--security-info", uuid_of(argv), NULL
	};
	char *output, *end = NULL;
	int n = -1;

	if (virsh(args, NULL, &output))
		return -1;
	drop_incoming(output);
	/* The last one: what users have put into the metadata is theirs. */
	for (char *at = output; (at = strstr(at, END)); at++)
		end = at;
	if (end)
		n = asprintf(xml, "%.*s" WAIT_FOR_GUEST END "\n", (int)(end - output), output);
	free(output);
	return n < 0 ? fail("libvirt does not describe the domain") : 0;
}

/**
 * libvirt_create - have libvirt here start a QEMU for a copy
 * @xml: of libvirt_describe(), on another host
 *
 * Return: 0, or -1 after fail(): then there is none.
 */
int libvirt_create(const char *xml)
{
	const char *const args[] = { "create", "--paused", "/proc/self/fd/0", NULL };
	char *output;
	int err = virsh(args, xml, &output);

	free(output);
	return err;
}

/**
 * libvirt_destroy - end the QEMU of a domain, now
 * @argv: its arguments
 *
 * Return: 0, or -1 after fail().
 */
int libvirt_destroy(char **argv)
{
	const char *const args[] = { "destroy", uuid_of(argv), NULL };
	char *output;
	int err = virsh(args, NULL, &output);

	free(output);
	return err;
}

/**
 * libvirt_monitor - ask the monitor of a domain's QEMU, which libvirt holds
 * @argv: QEMU's arguments
 * @request: in QMP
 * @answer: becomes QEMU's, for free()
 *
 * Return: 0, or -1 after fail().
 */
int libvirt_monitor(char **argv, const char *request, char **answer)
{
	const char *const args[] = { "qemu-monitor-command", uuid_of(argv), request, NULL };

	return virsh(args, NULL, answer);
}
