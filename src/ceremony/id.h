/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ceremony ids like 7F3K-22QD: 40 random bits in Crockford's base 32, which has no I, L, O, U. The
 * id ties the sheets of one ceremony together; it is no secret.
 */
#ifndef CEREMONY_ID_H
#define CEREMONY_ID_H

#include "base/err.h"

enum {
	CER_ID_RANDOM = 5, /* bytes the caller draws */
	CER_ID_SIZE = 10,  /* text with its zero byte */
};

void cer_id_make(const unsigned char random[CER_ID_RANDOM], char out[CER_ID_SIZE]);

/* Either case, with or without the dash or blanks, O read as 0, I and L as 1. */
KMS_CHECKED enum kms_status cer_id_parse(
	const char *text, char ret_id[CER_ID_SIZE], struct kms_err *err);

#endif
