// SPDX-License-Identifier: GPL-2.0-only
/*
 * Why something failed: one sentence, kept until a command prints it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ftctl.h"

static char sentence[2048];

/**
 * fail - say why something failed
 * @fmt: one sentence without a full stop at its end
 *
 * Return: -1, so that a function can end with "return fail(...)".
 */
int fail(const char *fmt, ...)
{
	/* The arguments may point into the sentence so far. */
	char text[sizeof(sentence)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	memcpy(sentence, text, sizeof(sentence));
	return -1;
}

/**
 * fail_errno - say why something failed, with what errno tells
 * @fmt: what was tried
 *
 * Return: -1
 */
int fail_errno(const char *fmt, ...)
{
	char text[sizeof(sentence)];
	int err = errno;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return fail("%s: %s", text, strerror(err));
}

/**
 * fail_while - put what was being done before the sentence
 * @fmt: what was being done
 *
 * Return: -1
 */
int fail_while(const char *fmt, ...)
{
	char text[sizeof(sentence)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return fail("%s: %s", text, fail_why());
}

/**
 * fail_why - the sentence of the last failure
 *
 * Return: the sentence; it lives until the next failure.
 */
const char *fail_why(void)
{
	return sentence;
}
