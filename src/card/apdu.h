/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands and responses: coding, class byte, response chaining, and what status words mean.
 *
 * Cases 1 to 4 of ISO/IEC 7816-3, short; extended only where the caller says that the card has it
 * (GPCS 2.3.1 clause 11.1.5: all GlobalPlatform commands are short).
 */
#ifndef CARD_APDU_H
#define CARD_APDU_H

#include "card/reader.h"

enum {
	APDU_NO_LE = 0,
	APDU_LE_ALL = 256, /* Le = 00 */
	APDU_DATA_MAX = 65535,
	APDU_SHORT_MAX = 255,
	APDU_RESPONSE_MAX = 8192, /* all parts of a chain together */
	APDU_CHAIN_MAX = 64,	  /* GET RESPONSEs after one command */
	APDU_CHANNEL_MAX = 19,
};

/* Borrowed bytes: data must live as long as the command. */
struct apdu {
	unsigned char cla, ins, p1, p2;
	const unsigned char *data;
	size_t len;  /* of data: 0 is none, so case 1 or 2 */
	unsigned le; /* APDU_NO_LE, 1 … 255, APDU_LE_ALL; up to 65536 where extended */
	bool extended;
};

struct apdu_response {
	unsigned char data[APDU_RESPONSE_MAX];
	size_t len;
	uint16_t sw;
};

/*
 * The class byte (GPCS 2.3.1 clauses 11.1.4.1 and 11.1.4.2): logical channel 0 to 3 in bits 1-2 with
 * secure messaging in bit 3, or 4 to 19 (less 4) in bits 1-4 with bit 7 set and secure messaging in
 * bit 6. gp: '80', else '00' (ISO/IEC 7816 command).
 */
unsigned char apdu_class(bool gp, unsigned channel, bool secure);
bool apdu_class_secure(unsigned char cla);
/* The class byte with channel 0, first coding, same kind and same secure messaging. */
unsigned char apdu_class_base(unsigned char cla);

/* Bytes for the line; KMS_ERR_INVALID if the command does not fit what it claims to be. */
KMS_CHECKED enum kms_status apdu_encode(const struct apdu *apdu, enum card_protocol protocol,
	unsigned char *ret_bytes, size_t max, size_t *ret_len, struct kms_err *err);

/* The other way: data points into bytes. False for what is no command. */
bool apdu_decode(const unsigned char *bytes, size_t len, struct apdu *ret_apdu);

/*
 * Sends, and follows the card: '61xx' is answered by GET RESPONSE on the same channel until all is
 * here, '6Cxx' by the same command with that Le, once, and never for a command under secure
 * messaging (its MAC counts as used). Both loops are bounded. Data that a card on T=0 holds back
 * behind a warning is fetched, too. KMS_OK for any status word.
 */
KMS_CHECKED enum kms_status apdu_transmit(struct card_link *link, const struct apdu *apdu,
	struct apdu_response *ret_response, struct kms_err *err);

/* '9000', '62xx' and '63xx' (Amendment D 1.2 clause 6.2.5): not an error. '63Cx' is one here. */
bool apdu_sw_ok(uint16_t sw);

/* "security status not satisfied", for people; never NULL. */
const char *apdu_sw_text(uint16_t sw);

/*
 * KMS_ERR_CARD: `WHAT was refused: SW 6A80, wrong data`, err->native "SW 6A80", and a hint that fits
 * the command `ins` where there is something to do about it.
 */
enum kms_status apdu_refused(struct kms_err *err, unsigned char ins, const char *what, uint16_t sw);

#endif
