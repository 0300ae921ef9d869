/* SPDX-License-Identifier: Apache-2.0 */
/* Secure Channel Protocol '03': AmdD. */
#include "sim/crypt.h"
#include "sim/scp.h"

#include "base/secret.h"

#include <string.h>

/* Bits of i, AmdD Table 5-1. */
enum { I_S16 = 0x01, I_PSEUDO_RANDOM = 0x10 };

/* AmdD Table 4-1. */
enum {
	DERIVE_CARD_CRYPTOGRAM = 0x00,
	DERIVE_HOST_CRYPTOGRAM = 0x01,
	DERIVE_CHALLENGE = 0x02,
	DERIVE_ENC = 0x04,
	DERIVE_MAC = 0x06,
	DERIVE_RMAC = 0x07,
};

enum { COUNTER_MAX = 0xFFFFFF };

static size_t short_len(const struct sim_session *session)
{
	return session->i & I_S16 ? 16 : 8;
}

/* AmdD 6.2.2.1. */
static bool card_challenge(const struct sim_session *session, const struct sim_start *start,
	unsigned char *out, size_t len)
{
	unsigned char context[3 + SIM_AID_MAX];

	if (start->config->challenge_len == len) {
		memcpy(out, start->config->challenge, len);
		return true;
	}
	if (!(session->i & I_PSEUDO_RANDOM))
		return sim_random(out, len);
	context[0] = (unsigned char)(start->set->counter >> 16);
	context[1] = (unsigned char)(start->set->counter >> 8);
	context[2] = (unsigned char)start->set->counter;
	memcpy(context + 3, start->application->data, start->application->len);
	return sim_kdf(start->enc->value, start->enc->len, DERIVE_CHALLENGE, context,
		3 + start->application->len, out, len);
}

/* AmdD 6.2.1. */
static bool session_keys(struct sim_session *session, const struct sim_start *start,
	const unsigned char *context, size_t len)
{
	size_t bytes = start->enc->len;

	session->key_len = bytes;
	memcpy(session->dek, start->dek->value, bytes);
	return sim_kdf(start->enc->value, bytes, DERIVE_ENC, context, len, session->enc, bytes) &&
	       sim_kdf(start->mac->value, bytes, DERIVE_MAC, context, len, session->mac, bytes) &&
	       sim_kdf(start->mac->value, bytes, DERIVE_RMAC, context, len, session->rmac, bytes);
}

uint16_t sim_scp03_start(
	struct sim_session *session, const struct sim_start *start, struct sim_out *out)
{
	unsigned char context[32], cryptogram[16], counter[3], key_information[3];
	size_t size;

	session->scp = 3;
	session->i = (unsigned char)start->config->scp03;
	size = short_len(session);
	if (start->host_len != size)
		return SIM_ERR_LENGTH; /* 7.1.1.5 */
	if (session->i & I_PSEUDO_RANDOM) {
		if (start->set->counter >= COUNTER_MAX)
			return SIM_ERR_CONDITIONS;
		start->set->counter++; /* the caller commits it */
	}
	memcpy(context, start->host, size);
	if (!card_challenge(session, start, context + size, size) ||
		!session_keys(session, start, context, 2 * size) ||
		!sim_kdf(session->mac, session->key_len, DERIVE_CARD_CRYPTOGRAM, context, 2 * size,
			cryptogram, size) ||
		!sim_kdf(session->mac, session->key_len, DERIVE_HOST_CRYPTOGRAM, context, 2 * size,
			session->host_cryptogram, size))
		return SIM_ERR_NO_DIAGNOSIS;

	key_information[0] = start->set->kvn; /* Table 7-3 */
	key_information[1] = 3;
	key_information[2] = session->i;
	sim_put(out, start->config->kdd, sizeof(start->config->kdd));
	sim_put(out, key_information, sizeof(key_information));
	sim_put(out, context + size, size);
	sim_put(out, cryptogram, size);
	if (session->i & I_PSEUDO_RANDOM) {
		counter[0] = (unsigned char)(start->set->counter >> 16);
		counter[1] = (unsigned char)(start->set->counter >> 8);
		counter[2] = (unsigned char)start->set->counter;
		sim_put(out, counter, sizeof(counter));
	}
	return SIM_OK;
}

/* AmdD 6.2.6 and 6.2.7: the counter block, enciphered. */
static bool encryption_icv(
	const struct sim_session *session, uint32_t count, bool response, unsigned char out[16])
{
	unsigned char block[16] = {0};

	block[0] = response ? 0x80 : 0;
	for (int i = 0; i < 4; i++)
		block[15 - i] = (unsigned char)(count >> (8 * i));
	return sim_ecb(SIM_AES, session->enc, session->key_len, true, block, 16, out);
}

static bool decrypt(const struct sim_session *session, uint32_t count, const unsigned char *data,
	size_t len, struct sim_plain *plain)
{
	unsigned char icv[16];
	long stripped;

	if (len % 16 != 0 || !encryption_icv(session, count, false, icv) ||
		!sim_cbc(SIM_AES, session->enc, session->key_len, icv, false, data, len,
			plain->data))
		return false;
	stripped = sim_unpad(plain->data, len, 16);
	if (stripped < 0)
		return false;
	plain->len = (size_t)stripped;
	return true;
}

bool sim_scp03_check(struct sim_session *session, const unsigned char header[4],
	const unsigned char *data, size_t len, bool first, struct sim_plain *ret_plain)
{
	size_t size = short_len(session), body = len - size;
	unsigned char lc[3] = {(unsigned char)len}, mac[16];
	uint32_t count = session->encryption_counter + 1;

	if (len < size || len > SIM_DATA_MAX)
		return false;
	if (len > 0xFF) { /* a chained command, GPCS 11.1.5.1 */
		lc[0] = 0;
		lc[1] = (unsigned char)(len >> 8);
		lc[2] = (unsigned char)len;
	}
	const struct sim_part parts[] = {
		{session->chain, 16}, {header, 4}, {lc, len > 0xFF ? 3 : 1}, {data, body}};
	if (!sim_cmac(session->mac, session->key_len, parts, 4, mac) ||
		!sim_equal(mac, data + body, size))
		return false;
	ret_plain->len = body;
	if (!first && (session->level & SIM_C_DECRYPTION) && body > 0) {
		if (!decrypt(session, count, data, body, ret_plain))
			return false;
	} else {
		memcpy(ret_plain->data, data, body);
	}
	memcpy(session->chain, mac, sizeof(mac));
	if (!first)
		session->encryption_counter = count;
	return true;
}

/* AmdD 6.2.5: errors go out bare. */
bool sim_scp03_wrap(struct sim_session *session, struct sim_out *out, uint16_t sw)
{
	unsigned sw1 = sw >> 8;
	unsigned char status[2] = {(unsigned char)sw1, (unsigned char)sw}, icv[16], mac[16];

	if (sw != SIM_OK && sw1 != 0x62 && sw1 != 0x63)
		return true;
	if (out->len + 32 > sizeof(out->data))
		return false;
	if ((session->level & SIM_R_ENCRYPTION) && out->len > 0) {
		out->len = sim_pad(out->data, out->len, 16);
		if (!encryption_icv(session, session->encryption_counter, true, icv) ||
			!sim_cbc(SIM_AES, session->enc, session->key_len, icv, true, out->data,
				out->len, out->data))
			return false;
	}
	const struct sim_part parts[] = {{session->chain, 16}, {out->data, out->len}, {status, 2}};
	if (!sim_cmac(session->rmac, session->key_len, parts, 3, mac))
		return false;
	sim_put(out, mac, short_len(session));
	return true;
}
