/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands and answers as text for logs: what stood before secure messaging and after it, and in
 * place of every secret part what is known of it. The key blocks of PUT KEY, encrypted as they
 * are, are secrets: who knows the keys under which they travelled reads them.
 */
#ifndef CARD_TRACE_H
#define CARD_TRACE_H

#include "base/buf.h"
#include "card/apdu.h"

/*
 * "80D80181 4E [version 01; AES-16 check value 504A77; …] 00": PUT KEY with its check values,
 * STORE DATA with encrypted values by its length, all else in hex.
 */
KMS_CHECKED enum kms_status card_trace_command(
	const struct apdu *apdu, struct buf *ret_text, struct kms_err *err);
/* "01504A77… 9000" */
KMS_CHECKED enum kms_status card_trace_response(
	const struct apdu_response *response, struct buf *ret_text, struct kms_err *err);

#endif
