/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The custodian pairs file (docs/formats/pairs.md): who holds which component.
 *
 * Each component belongs to exactly two people; nobody stands twice in the file. People are
 * compared by name_same (base/utf8.h), so "A. Ortiz" and "a ortiz" are one person.
 */
#ifndef CEREMONY_PAIRS_H
#define CEREMONY_PAIRS_H

#include "base/conf.h"
#include "base/err.h"
#include "base/utf8.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	CER_COMPONENTS_MIN = 2,
	CER_COMPONENTS_MAX = 9,
	CER_PAIR_SIZE = 2, /* custodians of one component */
};

struct cer_pair {
	char names[CER_PAIR_SIZE][NAME_MAX_BYTES + 1];
};

struct cer_pairs {
	size_t count;				   /* components */
	struct cer_pair pairs[CER_COMPONENTS_MAX]; /* pairs[0] holds component 1 */
};

/*
 * `count` is the number of components the ceremony has (2 to 9); the file must name exactly those.
 * KMS_ERR_INVALID names the file and, where there is one, the line.
 */
KMS_CHECKED enum kms_status cer_pairs_parse(const char *source, const char *text, size_t len,
	size_t count, struct cer_pairs *ret_pairs, struct kms_err *err);
KMS_CHECKED enum kms_status cer_pairs_load(
	const char *path, size_t count, struct cer_pairs *ret_pairs, struct kms_err *err);
/* The same of a file that is read already and has nothing but these sections. */
KMS_CHECKED enum kms_status cer_pairs_conf(
	const struct conf *conf, size_t count, struct cer_pairs *ret_pairs, struct kms_err *err);

/* Whether one person holds a component, and which (1 to count); 0 if none. */
size_t cer_pairs_find(const struct cer_pairs *pairs, const char *person);

#endif
