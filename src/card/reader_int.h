/* SPDX-License-Identifier: Apache-2.0 */
/* What the systems of readers share. */
#ifndef CARD_READER_INT_H
#define CARD_READER_INT_H

#include "card/reader.h"

/* Milliseconds of a clock that only goes forward. */
int64_t card_now_ms(void);

/* Whether what card_wait waits for is so; then in which reader. */
bool card_happened(const struct card_reader_list *list, const char *reader, enum card_event event,
	struct card_reader *ret_reader);

/* KMS_ERR_NOT_FOUND: "no card was put into READER within 5 s". */
enum kms_status card_nothing_happened(
	const char *reader, enum card_event event, int timeout_ms, struct kms_err *err);

#endif
