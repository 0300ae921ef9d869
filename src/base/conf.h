/* SPDX-License-Identifier: Apache-2.0 */
/*
 * INI files, strictly: every problem is an error that names the file and the line.
 *
 * libinih reads; this adds line numbers and refuses lines too long for it (198 characters), values
 * before a section, sections without a value, repeated names and sections, and text that is not
 * UTF-8. A line that starts with a blank goes on with the value above it, joined by one blank; it
 * can hold no comment.
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include "base/err.h"

#include <stddef.h>

struct conf_entry {
	int line;      /* 1 is the first */
	char *section; /* as in [section], inner blanks folded to one */
	char *name;
	char *value;
};

struct conf {
	char *source;		    /* the file's name, for messages */
	struct conf_entry *entries; /* in the order of the file */
	size_t count;
};

#define CONF_AUTO __attribute__((cleanup(conf_free)))

KMS_CHECKED enum kms_status conf_parse(const char *source, const char *text, size_t len,
	struct conf *ret_conf, struct kms_err *err);
KMS_CHECKED enum kms_status conf_load(const char *path, struct conf *ret_conf, struct kms_err *err);
void conf_free(struct conf *conf);

/* The value, or NULL. */
const char *conf_get(const struct conf *conf, const char *section, const char *name);

#endif
