/* SPDX-License-Identifier: Apache-2.0 */
/* A card on which a domain with Delegated Management changes the content by tokens of the ISD's. */
#ifndef UNIT_SIM_DELEGATION_H
#define UNIT_SIM_DELEGATION_H

#include "sim/registry.h"
#include "unit/sim/authority.h"

struct delegation {
	struct host h;
	struct signer token, receipt;
	unsigned count; /* receipts so far */
	/* One command: P1, P2, length, fields as the token is over them; then the token. */
	unsigned char input[AUTHORITY_MAX];
	size_t head; /* of input: 3 or 5 */
	size_t fields;
	unsigned char ins;
	unsigned char value[SIGNATURE_MAX];
	size_t len;
};

/* The session of the domain is open afterwards. */
static inline void delegation_start(
	struct delegation *d, struct signer token, struct signer receipt)
{
	*d = (struct delegation){.token = token, .receipt = receipt};
	host_card(&d->h, "gp23-scp03", NULL);
	open_issuer(&d->h);
	assert_int_equal(put_signer(&d->h, 0, 0x70, 1, &d->token), 0x9000);
	assert_int_equal(put_signer(&d->h, 0, 0x71, 1, &d->receipt), 0x9000);
	make_domain(&d->h, SSD, "A08000");
}

static inline void delegation_end(struct delegation *d)
{
	signer_free(&d->token);
	signer_free(&d->receipt);
	host_close(&d->h);
}

/* GPCS C.4: what the token is over, and the token. */
static inline void delegation_sign(struct delegation *d)
{
	d->len = sign(&d->token, d->input, d->head + d->fields, d->value);
}

/* A command of those fields, signed. */
static inline void delegation_of(struct delegation *d, unsigned ins, unsigned p1, unsigned p2,
	const unsigned char *fields, size_t len)
{
	d->ins = (unsigned char)ins;
	d->input[0] = (unsigned char)p1;
	d->input[1] = (unsigned char)p2;
	d->head = len > 255 ? 5 : 3;
	d->input[2] = len > 255 ? 0 : (unsigned char)len;
	if (len > 255) {
		d->input[3] = (unsigned char)(len >> 8);
		d->input[4] = (unsigned char)len;
	}
	memcpy(d->input + d->head, fields, len);
	d->fields = len;
	delegation_sign(d);
}

/* From text: INS, P1, P2, then the fields. */
static inline void delegation_text(struct delegation *d, const char *text)
{
	unsigned char bytes[AUTHORITY_MAX];
	size_t len = host_hex(text, bytes, sizeof(bytes));

	delegation_of(d, bytes[0], bytes[1], bytes[2], bytes + 3, len - 3);
}

/* The command's data: fields and token as the command has it. */
static inline size_t delegation_data(const struct delegation *d, unsigned char *out)
{
	size_t len = d->fields;

	memcpy(out, d->input + d->head, len);
	if (d->ins == 0xE4 && d->len > 0)
		out[len++] = 0x9E;
	if (d->ins != 0xE4 || d->len > 0)
		out[len++] = (unsigned char)d->len;
	memcpy(out + len, d->value, d->len);
	return len + d->len;
}

/* Sends it, in a chain if it is long; its status. */
static inline unsigned delegation_send(struct delegation *d)
{
	unsigned char data[AUTHORITY_MAX + SIGNATURE_MAX + 3];
	size_t len = delegation_data(d, data), at = 0;

	do {
		size_t piece = len - at > 200 ? 200 : len - at;
		const unsigned char header[4] = {0x80, d->ins,
			(unsigned char)(d->input[0] | (at + piece < len ? 0x80 : 0)), d->input[1]};

		host_command(&d->h, header, data + at, piece);
		at += piece;
	} while (at < len && d->h.sw == 0x9000);
	return d->h.sw;
}

/*
 * The last response is the confirmation: receipt number d->count, over those names (LV); the token had that
 * identifier (hexadecimal with its length, or ""). GPCS Tables 11-13, 11-14; the ISD's tags 42 and 45.
 */
static inline void delegation_confirmed(struct delegation *d, const char *names, const char *id)
{
	unsigned char data[400], expected[200], receipt[SIGNATURE_MAX];
	char text[420];
	size_t len, total, mac;

	snprintf(text, sizeof(text), "02%04X 0C 43415244 0000000000000001 %s", d->count++, id);
	len = host_hex(text, data, sizeof(data));
	total = len + host_hex(names, data + len, sizeof(data) - len);
	mac = sign(&d->receipt, data, total, receipt);
	expected[1] = (unsigned char)mac;
	memcpy(expected + 2, receipt, mac);
	memcpy(expected + 2 + mac, data, len);
	expected[0] = (unsigned char)(1 + mac + len);
	assert_true(expected[0] < 0x80);
	hex_encode(expected, 2 + mac + len, text);
	host_response_is(&d->h, text);
}

#endif
