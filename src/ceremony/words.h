/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PGP word list: one word per byte, two syllables at even positions (0, 2, …) and three at odd
 * ones, so that a word left out, doubled or swapped while reading aloud is noticed.
 */
#ifndef CEREMONY_WORDS_H
#define CEREMONY_WORDS_H

#include "base/buf.h"

#include <stddef.h>

/* A constant; `position` counts from 0. */
const char *cer_word(unsigned char byte, size_t position);

/* Appends the words of data, one blank between, nothing at the end. */
KMS_CHECKED enum kms_status cer_words(
	const void *data, size_t len, struct buf *ret_text, struct kms_err *err);

#endif
