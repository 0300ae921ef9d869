/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ops/: the file of cards that keys are derived for (docs/formats/derived-keys.md), read as often
 * as need be and never held. What it hashes to says that it was the same each time.
 */
#ifndef OPS_DERIVE_CARDS_H
#define OPS_DERIVE_CARDS_H

#include "base/csv.h"
#include "base/hash.h"
#include "keys/bulk.h"

/* What a row must be fit for. */
struct derive_fit {
	const struct key_div *div;
	enum key_alg alg;
	const char *keyset; /* what a column of that name must say, where there is one */
};

struct derive_cards {
	const struct derive_fit *fit;
	struct csv *csv;
	struct derive_source *source;
	size_t kdd, card, keyset;	/* columns; SIZE_MAX: there is none */
	bool fits[KEY_DIV_KDD_MAX + 1]; /* lengths of KDD that were looked at */
	struct key_bulk_card row;
};

#define DERIVE_CARDS_AUTO __attribute__((cleanup(derive_cards_close)))

/* KMS_ERR_INVALID names file, line and column of whatever is wrong, also below. */
KMS_CHECKED enum kms_status derive_cards_open(const char *path, const struct derive_fit *fit,
	struct derive_cards *cards, struct kms_err *err);
/* The next row into cards->row: KMS_ERR_NOT_FOUND (err untouched) after the last. */
KMS_CHECKED enum kms_status derive_cards_next(struct derive_cards *cards, struct kms_err *err);
/* After the last row: SHA-256 of the file. */
KMS_CHECKED enum kms_status derive_cards_hash(
	const struct derive_cards *cards, unsigned char ret_hash[HASH_SIZE], struct kms_err *err);
void derive_cards_close(struct derive_cards *cards);

/* Every row is fit, and no card or KDD stands twice; at least one card. */
KMS_CHECKED enum kms_status derive_cards_check(const char *path, const struct derive_fit *fit,
	int64_t *ret_count, unsigned char ret_hash[HASH_SIZE], struct kms_err *err);

/* The key set that the first row names; NULL if the file has no such column. To be freed. */
KMS_CHECKED enum kms_status derive_cards_keyset(
	const char *path, char **ret_keyset, struct kms_err *err);

#endif
