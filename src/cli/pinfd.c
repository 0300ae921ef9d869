/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/pinfd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Reads until the end of fd; straight into locked memory. */
static enum kms_status read_all(int fd, struct secret *ret_text, struct kms_err *err)
{
	SECRET_AUTO struct secret text = {0};
	enum kms_status st;
	size_t len = 0;

	/* One more than allowed, to see whether there is more. */
	st = secret_alloc(&text, PINFD_MAX + 1, err);
	if (st)
		return st;
	while (len < text.len) {
		ssize_t got = read(fd, text.data + len, text.len - len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			kms_fail(err, KMS_ERR_IO, "cannot read the secrets from --pin-fd %d: %s",
				fd, strerror(errno));
			return kms_hint(err, "open it in the shell, as in: cardkms --pin-fd 3 ... "
					     "3< FILE");
		}
		if (got == 0)
			break;
		len += (size_t)got;
	}
	if (len > PINFD_MAX)
		return kms_fail(err, KMS_ERR_INVALID, "--pin-fd %d holds more than %d bytes", fd,
			PINFD_MAX);
	text.len = len;
	secret_take(ret_text, &text);
	return KMS_OK;
}

static bool name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

/* Whether a name may be shown: all lower case as our names are, or an officer's. */
static bool may_be_shown(const char *name)
{
	if (*name < 'a' || *name > 'z')
		return false;
	if (strncmp(name, "officer.", 8) == 0)
		return true;
	while (name_char(*name))
		name++;
	return *name == 0;
}

static struct pinfd_entry *find(const struct pinfd *secrets, const char *name)
{
	for (size_t i = 0; i < secrets->count; i++)
		if (strcmp(secrets->entries[i].name, name) == 0)
			return &secrets->entries[i];
	return NULL;
}

static enum kms_status take_line(
	struct pinfd *secrets, const char *line, size_t len, int number, struct kms_err *err)
{
	const char *equals = memchr(line, '=', len);
	struct pinfd_entry *e, *twin;
	size_t name_len = equals ? (size_t)(equals - line) : 0;

	if (name_len == 0 || name_len > PINFD_NAME_MAX || memchr(line, 0, len)) {
		kms_fail(err, KMS_ERR_INVALID, "--pin-fd, line %d: not name=value", number);
		return kms_hint(
			err, "lines are like pin=... or officer.NAME=... or component.1=...");
	}
	if (secrets->count == PINFD_LINES_MAX)
		return kms_fail(err, KMS_ERR_INVALID, "--pin-fd, line %d: more than %d secrets",
			number, PINFD_LINES_MAX);
	e = &secrets->entries[secrets->count];
	memcpy(e->name, line, name_len);
	e->name[name_len] = 0;
	e->line = number;
	twin = find(secrets, e->name);
	if (twin)
		return kms_fail(err, KMS_ERR_INVALID,
			"--pin-fd, line %d: the same name as in line %d%s%s%s", number, twin->line,
			may_be_shown(e->name) ? " ('" : "", may_be_shown(e->name) ? e->name : "",
			may_be_shown(e->name) ? "')" : "");
	secrets->count++;
	return secret_copy(&e->value, equals + 1, len - name_len - 1, err);
}

static enum kms_status take_lines(
	struct pinfd *secrets, const struct secret *text, struct kms_err *err)
{
	const char *at = (const char *)text->data;
	const char *end = at + text->len;
	enum kms_status st = KMS_OK;

	for (int number = 1; at < end && !st; number++) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const char *stop = newline ? newline : end;
		size_t len = (size_t)(stop - at);

		if (len && at[len - 1] == '\r')
			len--;
		if (len)
			st = take_line(secrets, at, len, number, err);
		at = newline ? newline + 1 : end;
	}
	return st;
}

enum kms_status pinfd_read(int fd, struct pinfd *ret_secrets, struct kms_err *err)
{
	SECRET_AUTO struct secret text = {0};
	PINFD_AUTO struct pinfd secrets = {0};
	enum kms_status st;

	st = read_all(fd, &text, err);
	if (st)
		return st;
	secrets.entries = calloc(PINFD_LINES_MAX, sizeof(*secrets.entries));
	if (!secrets.entries)
		return kms_nomem(err);
	st = take_lines(&secrets, &text, err);
	if (st)
		return st;
	pinfd_free(ret_secrets);
	*ret_secrets = secrets;
	secrets = (struct pinfd){0};
	return KMS_OK;
}

void pinfd_free(struct pinfd *secrets)
{
	for (size_t i = 0; i < secrets->count; i++)
		secret_free(&secrets->entries[i].value);
	/* A line typed the wrong way round has put a secret where the name is. */
	if (secrets->entries)
		secret_wipe(secrets->entries, PINFD_LINES_MAX * sizeof(*secrets->entries));
	free(secrets->entries);
	*secrets = (struct pinfd){0};
}

const struct secret *pinfd_get(struct pinfd *secrets, const char *name)
{
	struct pinfd_entry *e = find(secrets, name);

	if (!e)
		return NULL;
	e->used = true;
	return &e->value;
}

const struct secret *pinfd_get_numbered(struct pinfd *secrets, const char *name, unsigned number)
{
	char full[PINFD_NAME_MAX + 1];

	snprintf(full, sizeof(full), "%s.%u", name, number);
	return pinfd_get(secrets, full);
}

enum kms_status pinfd_need(struct pinfd *secrets, const char *name,
	const struct secret **ret_borrowed, struct kms_err *err)
{
	const struct secret *value = pinfd_get(secrets, name);

	if (!value) {
		kms_fail(err, KMS_ERR_INVALID, "--pin-fd has no line '%s=...'", name);
		return kms_hint(err, "add that line, or run on a terminal without --pin-fd");
	}
	*ret_borrowed = value;
	return KMS_OK;
}

const char *pinfd_unused(const struct pinfd *secrets, size_t *pos)
{
	while (*pos < secrets->count) {
		const struct pinfd_entry *e = &secrets->entries[(*pos)++];

		if (!e->used)
			return may_be_shown(e->name) ? e->name : "(a name that is none of ours)";
	}
	return NULL;
}
