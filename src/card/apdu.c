/* SPDX-License-Identifier: Apache-2.0 */
#include "card/apdu.h"

#include <stdlib.h>
#include <string.h>

enum {
	INS_GET_RESPONSE = 0xC0,
	EXTENDED_LE_ALL = 65536,
	CLA_FURTHER = 0x40, /* channels 4 to 19 */
	CLA_FURTHER_SECURE = 0x20,
	CLA_FIRST_SECURE = 0x04,
};

unsigned char apdu_class(bool gp, unsigned channel, bool secure)
{
	unsigned cla = gp ? 0x80 : 0x00;

	if (channel < 4)
		return (unsigned char)(cla | channel | (secure ? CLA_FIRST_SECURE : 0));
	return (unsigned char)(cla | CLA_FURTHER | ((channel - 4) & 0x0F) |
			       (secure ? CLA_FURTHER_SECURE : 0));
}

bool apdu_class_secure(unsigned char cla)
{
	return cla & CLA_FURTHER ? (cla & CLA_FURTHER_SECURE) != 0 : (cla & 0x0C) != 0;
}

unsigned char apdu_class_base(unsigned char cla)
{
	return apdu_class(cla & 0x80, 0, apdu_class_secure(cla));
}

static unsigned channel_of(unsigned char cla)
{
	return cla & CLA_FURTHER ? 4u + (cla & 0x0F) : cla & 0x03u;
}

/* ---- coding ---- */

static enum kms_status fits(const struct apdu *apdu, struct kms_err *err)
{
	if (apdu->len > (apdu->extended ? APDU_DATA_MAX : APDU_SHORT_MAX))
		return kms_fail(err, KMS_ERR_INVALID,
			"a command with %zu bytes of data does not fit one APDU", apdu->len);
	if (apdu->le > (apdu->extended ? EXTENDED_LE_ALL : APDU_LE_ALL))
		return kms_fail(err, KMS_ERR_INVALID, "Le %u does not fit one APDU", apdu->le);
	return KMS_OK;
}

static size_t put_short(const struct apdu *apdu, enum card_protocol protocol, unsigned char *out)
{
	size_t n = 0;

	if (apdu->len) {
		out[n++] = (unsigned char)apdu->len;
		memcpy(out + n, apdu->data, apdu->len);
		n += apdu->len;
	}
	/* ISO/IEC 7816-3: over T=0 a case 4 command has no Le (the card says 61xx), case 1 P3 = 00. */
	if (apdu->le && (protocol == CARD_T1 || !apdu->len))
		out[n++] = (unsigned char)apdu->le;
	if (n == 0 && protocol == CARD_T0)
		out[n++] = 0;
	return n;
}

static size_t put_extended(const struct apdu *apdu, unsigned char *out)
{
	size_t n = 0;

	out[n++] = 0;
	if (apdu->len) {
		out[n++] = (unsigned char)(apdu->len >> 8);
		out[n++] = (unsigned char)apdu->len;
		memcpy(out + n, apdu->data, apdu->len);
		n += apdu->len;
	}
	if (apdu->le) {
		out[n++] = (unsigned char)(apdu->le >> 8);
		out[n++] = (unsigned char)apdu->le;
	}
	return n;
}

enum kms_status apdu_encode(const struct apdu *apdu, enum card_protocol protocol,
	unsigned char *ret_bytes, size_t max, size_t *ret_len, struct kms_err *err)
{
	/* Extended only where it is needed: a short command stays one. */
	bool extended = apdu->extended && (apdu->len > APDU_SHORT_MAX || apdu->le > APDU_LE_ALL);
	enum kms_status st = fits(apdu, err);

	if (st)
		return st;
	if (max < 4 + 3 + apdu->len + 2)
		return kms_fail(err, KMS_ERR_INTERNAL, "no room for a command");
	ret_bytes[0] = apdu->cla;
	ret_bytes[1] = apdu->ins;
	ret_bytes[2] = apdu->p1;
	ret_bytes[3] = apdu->p2;
	*ret_len = 4 + (extended ? put_extended(apdu, ret_bytes + 4)
				 : put_short(apdu, protocol, ret_bytes + 4));
	return KMS_OK;
}

/* What follows an extended head 00: Lc, data, Le; or Le alone. */
static bool decode_extended(const unsigned char *at, size_t left, struct apdu *apdu)
{
	size_t n = (size_t)at[0] << 8 | at[1];

	apdu->extended = true;
	if (left == 2) {
		apdu->le = n ? (unsigned)n : EXTENDED_LE_ALL;
		return true;
	}
	if (n == 0 || (left != 2 + n && left != 2 + n + 2))
		return false;
	apdu->data = at + 2;
	apdu->len = n;
	if (left > 2 + n) {
		apdu->le = (unsigned)at[2 + n] << 8 | at[2 + n + 1];
		if (apdu->le == 0)
			apdu->le = EXTENDED_LE_ALL;
	}
	return true;
}

bool apdu_decode(const unsigned char *bytes, size_t len, struct apdu *ret_apdu)
{
	const unsigned char *at = bytes + 4;
	struct apdu apdu = {0};
	size_t left = len - 4;

	if (len < 4)
		return false;
	apdu.cla = bytes[0];
	apdu.ins = bytes[1];
	apdu.p1 = bytes[2];
	apdu.p2 = bytes[3];
	if (left == 1) {
		apdu.le = at[0] ? at[0] : APDU_LE_ALL;
	} else if (left > 1 && at[0] == 0) {
		if (left < 3 || !decode_extended(at + 1, left - 1, &apdu))
			return false;
	} else if (left > 1) {
		apdu.len = at[0];
		apdu.data = at + 1;
		if (left != 1 + apdu.len && left != 2 + apdu.len)
			return false;
		if (left == 2 + apdu.len)
			apdu.le = at[1 + apdu.len] ? at[1 + apdu.len] : APDU_LE_ALL;
	}
	*ret_apdu = apdu;
	return true;
}

/* ---- transmitting ---- */

struct wire {
	unsigned char out[CARD_WIRE_COMMAND_MAX];
	unsigned char in[CARD_WIRE_RESPONSE_MAX];
};

/* One exchange; what came is appended to the response. */
static enum kms_status exchange(struct card_link *link, struct wire *wire, const struct apdu *apdu,
	struct apdu_response *r, struct kms_err *err)
{
	size_t len = 0;
	enum kms_status st =
		apdu_encode(apdu, link->protocol, wire->out, sizeof(wire->out), &len, err);

	if (!st)
		st = card_transmit(link, wire->out, len, wire->in, sizeof(wire->in), &len, err);
	if (st)
		return st;
	len -= 2;
	if (len > APDU_RESPONSE_MAX - r->len) {
		kms_fail(err, KMS_ERR_IO, "the card in '%s' sent more than %d bytes in one answer",
			link->name, APDU_RESPONSE_MAX);
		return kms_hint(err, "what it did is not known");
	}
	memcpy(r->data + r->len, wire->in, len);
	r->len += len;
	r->sw = (uint16_t)(wire->in[len] << 8 | wire->in[len + 1]);
	return KMS_OK;
}

/* Ne that SW2 of '61xx' or '6Cxx' tells. */
static unsigned sw2_le(uint16_t sw)
{
	return sw & 0xFF ? sw & 0xFF : APDU_LE_ALL;
}

static enum kms_status fetch_rest(struct card_link *link, struct wire *wire,
	const struct apdu *apdu, struct apdu_response *r, struct kms_err *err)
{
	struct apdu more = {
		.cla = apdu_class(false, channel_of(apdu->cla), false), .ins = INS_GET_RESPONSE};

	for (int i = 0; r->sw >> 8 == 0x61; i++) {
		size_t before = r->len;
		enum kms_status st;

		if (i == APDU_CHAIN_MAX) {
			kms_fail(err, KMS_ERR_IO,
				"the card in '%s' has more to say after %d GET RESPONSEs",
				link->name, APDU_CHAIN_MAX);
			return kms_hint(err, "what it did is not known");
		}
		more.le = sw2_le(r->sw);
		st = exchange(link, wire, &more, r, err);
		if (!st && r->sw >> 8 == 0x6C && r->len == before) {
			more.le = sw2_le(r->sw);
			st = exchange(link, wire, &more, r, err);
		}
		if (st)
			return st;
		if (r->sw >> 8 == 0x61 && r->len == before)
			return kms_fail(err, KMS_ERR_IO,
				"the card in '%s' announces data and sends none", link->name);
	}
	return KMS_OK;
}

/*
 * Over T=0 a card may answer a command of case 4 with a warning alone and keep the data for a GET
 * RESPONSE, as cards were seen to do with '6310'. The warning stays the status of the command; that
 * a card has nothing to give is no error.
 */
static enum kms_status fetch_warned(struct card_link *link, struct wire *wire,
	const struct apdu *apdu, struct apdu_response *r, struct kms_err *err)
{
	uint16_t warning = r->sw;
	unsigned sw1 = warning >> 8;
	struct apdu more = {.cla = apdu_class(false, channel_of(apdu->cla), false),
		.ins = INS_GET_RESPONSE,
		.le = APDU_LE_ALL};
	enum kms_status st;

	if (link->protocol != CARD_T0 || (sw1 != 0x62 && sw1 != 0x63) || r->len > 0 ||
		apdu->len == 0 || apdu->le == APDU_NO_LE)
		return KMS_OK;
	st = exchange(link, wire, &more, r, err);
	if (!st && r->sw >> 8 == 0x6C && r->len == 0) {
		more.le = sw2_le(r->sw);
		st = exchange(link, wire, &more, r, err);
	}
	if (!st)
		st = fetch_rest(link, wire, apdu, r, err);
	if (!st && r->sw != 0x9000)
		r->len = 0;
	r->sw = warning;
	return st;
}

enum kms_status apdu_transmit(struct card_link *link, const struct apdu *apdu,
	struct apdu_response *ret_response, struct kms_err *err)
{
	struct wire *wire = malloc(sizeof(*wire));
	struct apdu again = *apdu;
	enum kms_status st;

	if (!wire)
		return kms_nomem(err);
	ret_response->len = 0;
	ret_response->sw = 0;
	st = exchange(link, wire, apdu, ret_response, err);
	if (!st && ret_response->sw >> 8 == 0x6C && ret_response->len == 0 &&
		!apdu_class_secure(apdu->cla)) {
		again.le = sw2_le(ret_response->sw);
		st = exchange(link, wire, &again, ret_response, err);
	}
	if (!st)
		st = fetch_rest(link, wire, apdu, ret_response, err);
	if (!st)
		st = fetch_warned(link, wire, apdu, ret_response, err);
	free(wire);
	return st;
}
