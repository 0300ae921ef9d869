/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A card made of a list: each command must be the one expected next, byte for byte, and gets the
 * answer beside it. What the list does not hold is KMS_ERR_INTERNAL naming the step: a test fails.
 */
#ifndef CARD_SCRIPT_H
#define CARD_SCRIPT_H

#include "card/reader.h"

enum card_fault {
	CARD_FAULT_NONE,
	CARD_FAULT_PULLED,  /* SCARD_W_REMOVED_CARD, now and for all that follows */
	CARD_FAULT_MUTE,    /* SCARD_E_NOT_TRANSACTED, once */
	CARD_FAULT_NOTHING, /* an answer of no bytes at all */
};

/* Hex, upper or lower case, no blanks. */
struct card_step {
	const char *command; /* NULL: any command will do */
	const char *answer;  /* with SW1 SW2 at its end */
	enum card_fault fault;
};

/* The steps are not copied. ret_used, unless NULL, counts the steps played. */
KMS_CHECKED enum kms_status card_script_open(const struct card_step *steps, size_t count,
	size_t *ret_used, struct card_link **ret_link, struct kms_err *err);

/*
 * A card whose answers are made by a function (the fuzzer's card): out gets at most max bytes.
 * Called once per command; 0 bytes are a mute card.
 */
KMS_CHECKED enum kms_status card_fake_open(size_t (*answer)(void *ctx, const unsigned char *command,
						   size_t len, unsigned char *out, size_t max),
	void *ctx, struct card_link **ret_link, struct kms_err *err);

#endif
