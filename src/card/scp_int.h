/* SPDX-License-Identifier: Apache-2.0 */
/* What SCP02 and SCP03 share. */
#ifndef CARD_SCP_INT_H
#define CARD_SCP_INT_H

#include "card/scp.h"

enum { SCP_HEADER_MAX = 7 };

/*
 * Header of a command as it enters a MAC: CLA INS P1 P2 and Lc, one byte or (above 255, clause
 * 11.1.5.1 of GPCS 2.3.1) 00 and two. Returns its length.
 */
size_t scp_header(const struct apdu *apdu, unsigned char cla, size_t lc,
	unsigned char ret_header[SCP_HEADER_MAX]);

/* KMS_ERR_INVALID unless `len` bytes of data can go with this command. */
KMS_CHECKED enum kms_status scp_fits(const struct apdu *plain, size_t len, struct kms_err *err);

/* Copies the command with secure messaging shown in its class, and data in w->bytes. */
void scp_secured(const struct apdu *plain, size_t len, struct scp_wrapped *w);

/* KMS_ERR_MISMATCH: "the card's answer has no R-MAC" and the like. */
enum kms_status scp_bad_answer(const char *why, struct kms_err *err);

#endif
