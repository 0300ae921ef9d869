/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other end of the channel, for the tests of the card: opens SCP02 and SCP03 sessions, wraps
 * commands, checks and unwraps responses. Every call fails the cmocka test if the card errs.
 */
#ifndef UNIT_SIM_HOST_H
#define UNIT_SIM_HOST_H

#include "sim/card.h"
#include "sim/crypt.h"
#include "sim/profile.h"
#include "support/expect.h"

#include "base/hex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct host_keys {
	unsigned char enc[32], mac[32], dek[32];
	size_t len;
};

struct host {
	struct sim_card *card;
	unsigned channel;
	unsigned scp, i, level;
	size_t size; /* of cryptograms and MACs */
	size_t key_len;
	unsigned char enc[32], mac[32], rmac[32], dek[32];
	unsigned char chain[16], r_chain[8];
	uint32_t count;
	unsigned char response[SIM_RESPONSE_MAX];
	size_t len; /* without the status word */
	unsigned sw;
};

static struct kms_err host_err;

static inline size_t host_hex(const char *text, unsigned char *out, size_t max)
{
	size_t len = 0;

	expect_ok(&host_err, hex_decode(text, strlen(text), "hex", out, max, &len, &host_err));
	return len;
}

/* Sends bytes as they are. */
static inline unsigned host_raw(struct host *h, const unsigned char *command, size_t len)
{
	size_t got = sim_card_command(h->card, command, len, h->response);

	h->sw = 0;
	h->len = 0;
	if (got == 0)
		return 0;
	assert_true(got >= 2);
	h->len = got - 2;
	h->sw = (unsigned)h->response[got - 2] << 8 | h->response[got - 1];
	return h->sw;
}

static inline unsigned host_send(struct host *h, const char *text)
{
	unsigned char command[600];
	size_t len = host_hex(text, command, sizeof(command));

	return host_raw(h, command, len);
}

/* Sends, and fails unless that status comes. */
static inline void host_expect(struct host *h, const char *text, unsigned sw)
{
	host_send(h, text);
	if (h->sw != sw)
		fail_msg("%s: %04X, expected %04X", text, h->sw, sw);
}

static inline void host_response_is(const struct host *h, const char *text)
{
	unsigned char expected[1024];
	size_t len = host_hex(text, expected, sizeof(expected));
	char got[2 * 1024 + 1];

	hex_encode(h->response, h->len, got);
	if (h->len != len || memcmp(h->response, expected, len) != 0)
		fail_msg("response %s, expected %s", got, text);
}

static inline struct host_keys host_keys_of(const char *enc, const char *mac, const char *dek)
{
	struct host_keys keys = {.len = 0};

	keys.len = host_hex(enc, keys.enc, sizeof(keys.enc));
	assert_int_equal(host_hex(mac, keys.mac, sizeof(keys.mac)), keys.len);
	assert_int_equal(host_hex(dek, keys.dek, sizeof(keys.dek)), keys.len);
	return keys;
}

static inline struct host_keys host_test_keys(void)
{
	const char *key = "404142434445464748494A4B4C4D4E4F";

	return host_keys_of(key, key, key);
}

static inline void host_session_scp02(
	struct host *h, const struct host_keys *keys, const unsigned char counter[2])
{
	static const unsigned char constants[4][2] = {{1, 0x01}, {1, 0x02}, {1, 0x82}, {1, 0x81}};
	const unsigned char *from[4] = {keys->mac, keys->mac, keys->enc, keys->dek};
	unsigned char *to[4] = {h->mac, h->rmac, h->enc, h->dek};

	for (size_t i = 0; i < 4; i++) {
		unsigned char data[16] = {constants[i][0], constants[i][1], counter[0], counter[1]};

		assert_true(sim_cbc(SIM_TDES, from[i], 16, NULL, true, data, 16, to[i]));
	}
}

/* INITIALIZE UPDATE; *ret_host_cryptogram for EXTERNAL AUTHENTICATE. False: h->sw tells. */
static inline bool host_initialize(struct host *h, unsigned kvn, const struct host_keys *keys,
	unsigned char ret_host_cryptogram[16])
{
	unsigned char command[5 + 16 + 1] = {0x80, 0x50, (unsigned char)kvn, 0, 8};
	unsigned char context[32], expected[16];
	size_t host_len = h->size == 16 ? 16 : 8;

	command[0] |= (unsigned char)h->channel;
	command[4] = (unsigned char)host_len;
	assert_true(sim_random(command + 5, host_len));
	if (host_raw(h, command, 5 + host_len + 1) != 0x9000)
		return false;
	h->scp = h->response[11];
	h->key_len = keys->len;
	memset(h->chain, 0, sizeof(h->chain));
	h->count = 0;
	if (h->scp == 2) {
		h->i = (unsigned)h->card->nv.config.scp02;
		h->size = 8;
		assert_int_equal(h->len, 28);
		host_session_scp02(h, keys, h->response + 12);
		memcpy(context, command + 5, 8);
		memcpy(context + 8, h->response + 12, 8);
		assert_true(sim_full_mac(h->enc, context, 16, expected));
		assert_memory_equal(expected, h->response + 20, 8);
		memcpy(context, h->response + 12, 8);
		memcpy(context + 8, command + 5, 8);
		assert_true(sim_full_mac(h->enc, context, 16, ret_host_cryptogram));
		return true;
	}
	assert_int_equal(h->scp, 3);
	h->i = h->response[12];
	h->size = h->i & 1 ? 16 : 8;
	assert_int_equal(h->size, host_len);
	assert_int_equal(h->len, 13 + 2 * h->size + (h->i & 0x10 ? 3 : 0));
	memcpy(context, command + 5, host_len);
	memcpy(context + host_len, h->response + 13, host_len);
	assert_true(sim_kdf(keys->enc, keys->len, 4, context, 2 * host_len, h->enc, keys->len));
	assert_true(sim_kdf(keys->mac, keys->len, 6, context, 2 * host_len, h->mac, keys->len));
	assert_true(sim_kdf(keys->mac, keys->len, 7, context, 2 * host_len, h->rmac, keys->len));
	memcpy(h->dek, keys->dek, keys->len);
	assert_true(sim_kdf(h->mac, keys->len, 0, context, 2 * host_len, expected, h->size));
	assert_memory_equal(expected, h->response + 13 + h->size, h->size);
	assert_true(
		sim_kdf(h->mac, keys->len, 1, context, 2 * host_len, ret_host_cryptogram, h->size));
	return true;
}

/* C-MAC over header (CLA with the bit), the Lc that includes it, data. */
static inline void host_mac(struct host *h, const unsigned char header[4],
	const unsigned char *data, size_t len, bool first, unsigned char out[16])
{
	size_t total = len + h->size;
	unsigned char lc[3] = {(unsigned char)total}, icv[8];
	size_t lc_len = 1;

	if (total > 255) {
		lc[0] = 0;
		lc[1] = (unsigned char)(total >> 8);
		lc[2] = (unsigned char)total;
		lc_len = 3;
	}
	if (h->scp == 3) {
		const struct sim_part parts[] = {
			{h->chain, 16}, {header, 4}, {lc, lc_len}, {data, len}};

		assert_true(sim_cmac(h->mac, h->key_len, parts, 4, out));
		memcpy(h->chain, out, 16);
		return;
	}
	const struct sim_part parts[] = {{header, 4}, {lc, lc_len}, {data, len}};

	memcpy(icv, h->chain, 8);
	if (!first && (h->i & 0x10))
		assert_true(sim_ecb(SIM_TDES, h->mac, 8, true, h->chain, 8, icv));
	assert_true(sim_retail_mac(h->mac, icv, parts, 3, out));
	memcpy(h->chain, out, 8);
	if (first)
		memcpy(h->r_chain, out, 8);
}

static inline unsigned host_authenticate(
	struct host *h, unsigned level, const unsigned char host_cryptogram[16])
{
	unsigned char command[5 + 32] = {0x84, 0x82, (unsigned char)level, 0};
	unsigned char mac[16];

	command[4] = (unsigned char)(2 * h->size);
	memcpy(command + 5, host_cryptogram, h->size);
	host_mac(h, command, command + 5, h->size, true, mac);
	memcpy(command + 5 + h->size, mac, h->size);
	command[0] |= (unsigned char)h->channel;
	h->level = level;
	return host_raw(h, command, 5 + 2 * h->size);
}

static inline unsigned host_open(
	struct host *h, unsigned kvn, unsigned level, const struct host_keys *keys)
{
	unsigned char host_cryptogram[16];

	if (!host_initialize(h, kvn, keys, host_cryptogram))
		return h->sw;
	return host_authenticate(h, level, host_cryptogram);
}

/* The counter block of SCP03, enciphered. */
static inline void host_icv(const struct host *h, bool response, unsigned char out[16])
{
	unsigned char block[16] = {response ? 0x80 : 0};

	block[14] = (unsigned char)(h->count >> 8);
	block[15] = (unsigned char)h->count;
	assert_true(sim_ecb(SIM_AES, h->enc, h->key_len, true, block, 16, out));
}

/* Protects header and data (changed in place, room for 32 more); returns the new length. */
static inline size_t host_protect(
	struct host *h, const unsigned char header[4], unsigned char *data, size_t len)
{
	unsigned char secure[4] = {header[0] | 0x04, header[1], header[2], header[3]};
	unsigned char icv[16], mac[16];

	h->count++;
	if (h->scp == 2)
		host_mac(h, secure, data, len, false, mac);
	if ((h->level & 0x02) && len > 0) {
		len = sim_pad(data, len, h->scp == 2 ? 8 : 16);
		if (h->scp == 2) {
			assert_true(sim_cbc(SIM_TDES, h->enc, 16, NULL, true, data, len, data));
		} else {
			host_icv(h, false, icv);
			assert_true(
				sim_cbc(SIM_AES, h->enc, h->key_len, icv, true, data, len, data));
		}
	}
	if (h->scp == 3)
		host_mac(h, secure, data, len, false, mac);
	memcpy(data + len, mac, h->size);
	return len + h->size;
}

/* Checks the R-MAC of the last response and takes its protection off. */
static inline void host_unprotect(
	struct host *h, const unsigned char header[4], const unsigned char *plain, size_t plain_len)
{
	unsigned char status[2] = {(unsigned char)(h->sw >> 8), (unsigned char)h->sw};
	bool good = h->sw == 0x9000 || h->sw >> 8 == 0x62 || h->sw >> 8 == 0x63;
	unsigned char icv[16], mac[16];
	long stripped;

	if (!good) {
		assert_int_equal(h->len, 0);
		if (h->scp == 3)
			return;
	}
	if (good) {
		assert_true(h->len >= h->size);
		h->len -= h->size;
	}
	if (h->scp == 2) {
		unsigned char head[5] = {
			header[0], header[1], header[2], header[3], (unsigned char)plain_len};
		unsigned char li = (unsigned char)h->len;
		const struct sim_part parts[] = {{head, 5}, {plain, plain_len}, {&li, 1},
			{h->response, h->len}, {status, 2}};

		assert_true(sim_retail_mac(h->rmac, h->r_chain, parts, 5, h->r_chain));
		if (good)
			assert_memory_equal(h->r_chain, h->response + h->len, 8);
		return;
	}
	const struct sim_part parts[] = {{h->chain, 16}, {h->response, h->len}, {status, 2}};

	assert_true(sim_cmac(h->rmac, h->key_len, parts, 3, mac));
	assert_memory_equal(mac, h->response + h->len, h->size);
	if ((h->level & 0x20) && h->len > 0) {
		host_icv(h, true, icv);
		assert_true(sim_cbc(
			SIM_AES, h->enc, h->key_len, icv, false, h->response, h->len, h->response));
		stripped = sim_unpad(h->response, h->len, 16);
		assert_true(stripped >= 0);
		h->len = (size_t)stripped;
	}
}

/* A plain command within the session, with Le. */
static inline unsigned host_command(
	struct host *h, const unsigned char header[4], const unsigned char *plain, size_t len)
{
	unsigned char command[5 + 255 + 33];
	size_t total = len;

	memcpy(command, header, 4);
	memcpy(command + 5, plain, len);
	if (h->level & 0x01) {
		total = host_protect(h, header, command + 5, len);
		assert_true(total <= 255);
		command[0] |= 0x04;
	}
	command[0] |= (unsigned char)h->channel;
	command[4] = (unsigned char)total;
	command[5 + total] = 0;
	if (total == 0)
		host_raw(h, command, 5);
	else
		host_raw(h, command, 5 + total + 1);
	if ((h->level & 0x10) && h->sw != 0)
		host_unprotect(h, header, plain, len);
	return h->sw;
}

/* The same from text: header, Lc and data, without Le. */
static inline unsigned host_do(struct host *h, const char *text)
{
	unsigned char command[600];
	size_t len = host_hex(text, command, sizeof(command));

	assert_true(len == 4 || (len > 5 && len == 5U + command[4]));
	return host_command(h, command, command + 5, len == 4 ? 0 : len - 5);
}

static inline void host_must(struct host *h, const char *text, unsigned sw)
{
	host_do(h, text);
	if (h->sw != sw)
		fail_msg("%s: %04X, expected %04X", text, h->sw, sw);
}

/* ---- cards ---- */

static inline void host_card(struct host *h, const char *profile, const char *path)
{
	struct sim_nv *nv = calloc(1, sizeof(*nv));
	const char *text = sim_profile_text(profile) ? sim_profile_text(profile) : profile;

	assert_non_null(nv);
	*h = (struct host){.size = 8};
	expect_ok(&host_err, sim_profile_parse("profile", text, strlen(text), nv, &host_err));
	expect_ok(&host_err, sim_card_new(path, nv, false, &h->card, &host_err));
	free(nv);
	if (h->card->nv.config.scp03 >= 0 && (h->card->nv.config.scp03 & 1))
		h->size = 16;
	if (!path)
		expect_ok(&host_err, sim_card_power_on(h->card, &host_err));
}

static inline void host_close(struct host *h)
{
	sim_card_free(h->card);
	h->card = NULL;
}

static inline void host_reset(struct host *h)
{
	expect_ok(&host_err, sim_card_power_on(h->card, &host_err));
}

/* ---- PUT KEY ---- */

struct host_put {
	unsigned char data[600];
	size_t len;
};

/* One key data field; prefix: the inner length byte. Spoils the check value by `spoil`. */
static inline void host_put_key(const struct host *h, struct host_put *put, unsigned type,
	const unsigned char *key, size_t len, bool prefix, unsigned spoil)
{
	size_t block = h->scp == 3 ? 16 : 8, padded = (len + block - 1) / block * block;
	unsigned char clear[48] = {0}, *at = put->data + put->len;

	memcpy(clear, key, len);
	*at++ = (unsigned char)type;
	*at++ = (unsigned char)(padded + prefix);
	if (prefix)
		*at++ = (unsigned char)len;
	if (h->scp == 3)
		assert_true(sim_cbc(SIM_AES, h->dek, h->key_len, NULL, true, clear, padded, at));
	else
		assert_true(sim_ecb(SIM_TDES, h->dek, 16, true, clear, padded, at));
	at += padded;
	*at++ = 3;
	assert_true(sim_check_value(type == SIM_TYPE_AES ? SIM_AES : SIM_TDES, key, len, at));
	at[0] ^= (unsigned char)spoil;
	put->len = (size_t)(at + 3 - put->data);
}

/* All three keys of a set, P1 = replaced, version kvn. */
static inline unsigned host_put_set(struct host *h, unsigned replaced, unsigned kvn, unsigned type,
	const struct host_keys *keys, bool prefix)
{
	const unsigned char header[4] = {0x80, 0xD8, (unsigned char)replaced, 0x81};
	struct host_put put = {.len = 1};

	put.data[0] = (unsigned char)kvn;
	host_put_key(h, &put, type, keys->enc, keys->len, prefix, 0);
	host_put_key(h, &put, type, keys->mac, keys->len, prefix, 0);
	host_put_key(h, &put, type, keys->dek, keys->len, prefix, 0);
	return host_command(h, header, put.data, put.len);
}

#endif
