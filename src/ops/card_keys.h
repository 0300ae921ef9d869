/* SPDX-License-Identifier: Apache-2.0 */
/* Inside ops/: the keys that operations on cards work with (ops/cardkeys.h), kept from card to card. */
#ifndef OPS_CARD_KEYS_H
#define OPS_CARD_KEYS_H

#include "ops/card.h"
#include "ops/cardkeys.h"

/* The masters of a key set, opened when first asked for; they are the line's. */
KMS_CHECKED enum kms_status op_card_line_masters(struct op_card_line *line, struct op *op,
	const char *keyset, enum op_card_use use, struct op_card_masters **ret_borrowed,
	struct kms_err *err);

/* The set of one card from its diversification bytes, in hex. */
KMS_CHECKED enum kms_status op_card_line_derive(struct op_card_line *line, struct op *op,
	const char *keyset, enum op_card_use use, const char *kdd_hex, struct card_keys **ret_keys,
	struct kms_err *err);

/*
 * The keys that the card came with: given by hand (secrets initial.enc, initial.mac, initial.kek), else the
 * public test keys of its profile, which is logged, and said once in the line's life; else asked for. scp:
 * what the card speaks.
 */
KMS_CHECKED enum kms_status op_card_initial_keys(struct op_card_line *line, struct op *op,
	const struct op_card *card, const struct op_card_where *where, unsigned scp,
	struct card_keys **ret_keys, struct kms_err *err);

#endif
