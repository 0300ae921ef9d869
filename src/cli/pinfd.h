/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The secrets of a run without a terminal: `--pin-fd N`, lines of name=value, read whole before
 * anything else happens.
 *
 * A value is everything after the first '=' up to the end of the line (a closing CR is dropped); it
 * may hold '=' and blanks. Empty lines are skipped. A name twice is an error. No message holds a
 * value, nor a name that does not look like one: a line typed the wrong way round must not be
 * printed.
 */
#ifndef CLI_PINFD_H
#define CLI_PINFD_H

#include "base/err.h"
#include "base/secret.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	PINFD_MAX = 16000, /* bytes in all: they must fit the secure heap, with others */
	PINFD_NAME_MAX = 120,
	PINFD_LINES_MAX = 256,
};

struct pinfd_entry {
	char name[PINFD_NAME_MAX + 1];
	int line;
	bool used;
	struct secret value;
};

/* Zeroed is empty: every look-up says NULL. */
struct pinfd {
	struct pinfd_entry *entries;
	size_t count;
};

#define PINFD_AUTO __attribute__((cleanup(pinfd_free)))

/* Reads fd to its end; does not close it. */
KMS_CHECKED enum kms_status pinfd_read(int fd, struct pinfd *ret_secrets, struct kms_err *err);
void pinfd_free(struct pinfd *secrets);

/* The value (borrowed, until pinfd_free) and marks it used; NULL if there is no such name. */
const struct secret *pinfd_get(struct pinfd *secrets, const char *name);

/* The same for a numbered name: pinfd_get_numbered(s, "component", 2) is "component.2". */
const struct secret *pinfd_get_numbered(struct pinfd *secrets, const char *name, unsigned number);

/* As pinfd_get, but a missing name is KMS_ERR_INVALID that says which line to add. */
KMS_CHECKED enum kms_status pinfd_need(struct pinfd *secrets, const char *name,
	const struct secret **ret_borrowed, struct kms_err *err);

/*
 * Names that nothing asked for, for a warning: call with *pos = 0 at first, NULL ends. A name that
 * does not look like one comes as a fixed text instead.
 */
const char *pinfd_unused(const struct pinfd *secrets, size_t *pos);

#endif
