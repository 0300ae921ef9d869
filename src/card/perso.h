/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Personalisation scripts (docs/formats/personalisation.md): which data groups an application gets,
 * with fields that differ from card to card, and a file of such fields. Pure: text in, bytes out.
 *
 * A data group (DGI) is its name of two bytes, its length (one byte, or FF and two), and its value.
 */
#ifndef CARD_PERSO_H
#define CARD_PERSO_H

#include "base/conf.h"
#include "base/csv.h"
#include "card/gpdata.h"

enum {
	PERSO_SCRIPT_MAX = 256 * 1024,
	PERSO_GROUPS_MAX = 256,
	PERSO_VALUE_MAX = 0xFFFF,
};

struct perso_group {
	unsigned name;
	const char *value; /* of the file */
	int line;
};

struct perso_script {
	struct conf conf;
	const char *name; /* "" if it has none */
	struct gp_aid application;
	const char *keyset;   /* whose keys, diversified, the application gets; or NULL */
	unsigned key_version; /* of them, in the application */
	struct perso_group groups[PERSO_GROUPS_MAX];
	size_t count;
};

#define PERSO_AUTO __attribute__((cleanup(perso_free)))

/* Accepted whole or not at all; an error names file and line. */
KMS_CHECKED enum kms_status perso_parse(const char *source, const char *text, size_t len,
	struct perso_script *ret_script, struct kms_err *err);
void perso_free(struct perso_script *script);
bool perso_needs_fields(const struct perso_script *script);

/*
 * Fields are a table with a row for each card, which its column `card` names. perso_fields_find makes the
 * card's row the current one; wrong lines of other cards do not matter. KMS_ERR_NOT_FOUND: no such line;
 * KMS_ERR_INVALID: two lines for the card, or none but there are lines that cannot be read.
 */
#define PERSO_CARD_COLUMN "card"
KMS_CHECKED enum kms_status perso_fields_find(
	struct csv *fields, const char *card, struct kms_err *err);
/* That the current row is this card's, else KMS_ERR_INVALID. */
KMS_CHECKED enum kms_status perso_fields_are_of(
	const struct csv *fields, const char *card, struct kms_err *err);

/* The value of a group with fields of the current row, if there are any (or NULL), in it. KMS_ERR_INVALID
 * names line and column. */
KMS_CHECKED enum kms_status perso_value(const struct perso_script *script, size_t group,
	const struct csv *fields, struct buf *ret_value, struct kms_err *err);

/* Appends a data group. */
KMS_CHECKED enum kms_status perso_put(
	struct buf *out, unsigned name, const void *value, size_t len, struct kms_err *err);

#endif
