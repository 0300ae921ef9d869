/* SPDX-License-Identifier: Apache-2.0 */
/* Secure Channel Protocol '02', explicit initiation, C-MAC on modified APDU: GPCS appendix E. */
#include "sim/crypt.h"
#include "sim/scp.h"

#include "base/secret.h"

#include <string.h>

/* Bits of i, GPCS Table E-1. */
enum { I_ICV_ENCRYPTION = 0x10, I_R_MAC = 0x20, I_PSEUDO_RANDOM = 0x40 };

/* GPCS E.1.2: cards need not count further. */
enum { COUNTER_MAX = 0x7FFF };

/* GPCS E.4.1. */
static bool session_key(
	const struct sim_key *key, unsigned constant, uint32_t counter, unsigned char out[16])
{
	unsigned char derivation[16] = {(unsigned char)(constant >> 8), (unsigned char)constant,
		(unsigned char)(counter >> 8), (unsigned char)counter};

	return sim_cbc(SIM_TDES, key->value, 16, NULL, true, derivation, 16, out);
}

static bool session_keys(struct sim_session *session, const struct sim_start *start)
{
	uint32_t counter = start->set->counter;

	session->key_len = 16;
	return session_key(start->mac, 0x0101, counter, session->mac) &&
	       session_key(start->mac, 0x0102, counter, session->rmac) &&
	       session_key(start->enc, 0x0182, counter, session->enc) &&
	       session_key(start->dek, 0x0181, counter, session->dek);
}

/* GPCS E.4.2.3. */
static bool card_challenge(
	const struct sim_session *session, const struct sim_start *start, unsigned char out[6])
{
	const struct sim_part aid = {start->application->data, start->application->len};
	unsigned char mac[8];

	if (start->config->challenge_len == 6) {
		memcpy(out, start->config->challenge, 6);
		return true;
	}
	if (!(session->i & I_PSEUDO_RANDOM))
		return sim_random(out, 6);
	if (!sim_retail_mac(session->mac, NULL, &aid, 1, mac))
		return false;
	memcpy(out, mac, 6);
	return true;
}

uint16_t sim_scp02_start(
	struct sim_session *session, const struct sim_start *start, struct sim_out *out)
{
	unsigned char key_information[2] = {start->set->kvn, 2};
	unsigned char card[8], text[16], cryptogram[8];

	if (start->host_len != 8)
		return SIM_ERR_LENGTH;
	if (start->set->counter >= COUNTER_MAX)
		return SIM_ERR_CONDITIONS;
	session->scp = 2;
	session->i = (unsigned char)start->config->scp02;
	/* Sequence counter and card challenge, as both cryptograms and the response have them. */
	card[0] = (unsigned char)(start->set->counter >> 8);
	card[1] = (unsigned char)start->set->counter;
	if (!session_keys(session, start) || !card_challenge(session, start, card + 2))
		return SIM_ERR_NO_DIAGNOSIS;

	memcpy(text, start->host, 8); /* E.4.2.1 */
	memcpy(text + 8, card, 8);
	if (!sim_full_mac(session->enc, text, 16, cryptogram))
		return SIM_ERR_NO_DIAGNOSIS;
	memcpy(text, card, 8); /* E.4.2.2 */
	memcpy(text + 8, start->host, 8);
	if (!sim_full_mac(session->enc, text, 16, session->host_cryptogram))
		return SIM_ERR_NO_DIAGNOSIS;

	sim_put(out, start->config->kdd, sizeof(start->config->kdd)); /* Table E-8 */
	sim_put(out, key_information, sizeof(key_information));
	sim_put(out, card, sizeof(card));
	sim_put(out, cryptogram, sizeof(cryptogram));
	return SIM_OK;
}

/* GPCS E.4.6: decrypt and take the padding off before the C-MAC is checked. */
static bool decrypt(const struct sim_session *session, const unsigned char *data, size_t len,
	struct sim_plain *plain)
{
	long stripped;

	if (len % 8 != 0 ||
		!sim_cbc(SIM_TDES, session->enc, 16, NULL, false, data, len, plain->data))
		return false;
	stripped = sim_unpad(plain->data, len, 8);
	if (stripped < 0)
		return false;
	plain->len = (size_t)stripped;
	return true;
}

bool sim_scp02_check(struct sim_session *session, const unsigned char header[4],
	const unsigned char *data, size_t len, bool first, struct sim_plain *ret_plain)
{
	unsigned char lc[3], icv[8], mac[8];
	size_t body = len - 8, total;

	if (len < 8 || len > SIM_DATA_MAX)
		return false;
	ret_plain->len = body;
	if (!first && (session->level & SIM_C_DECRYPTION) && body > 0) {
		if (!decrypt(session, data, body, ret_plain))
			return false;
	} else {
		memcpy(ret_plain->data, data, body);
	}

	/* E.4.4: the header with the Lc that includes the C-MAC but no padding of encryption. */
	total = ret_plain->len + 8;
	if (total <= 0xFF) {
		lc[0] = (unsigned char)total;
	} else { /* a chained command, GPCS 11.1.5.1 */
		lc[0] = 0;
		lc[1] = (unsigned char)(total >> 8);
		lc[2] = (unsigned char)total;
	}
	/* E.3.4: the first ICV of a session is not encrypted. */
	memcpy(icv, session->chain, 8);
	if (!first && (session->i & I_ICV_ENCRYPTION) &&
		!sim_ecb(SIM_TDES, session->mac, 8, true, session->chain, 8, icv))
		return false;
	const struct sim_part parts[] = {
		{header, 4}, {lc, total <= 0xFF ? 1 : 3}, {ret_plain->data, ret_plain->len}};
	if (!sim_retail_mac(session->mac, icv, parts, 3, mac) ||
		!sim_equal(mac, data + body, sizeof(mac)))
		return false;
	memcpy(session->chain, mac, sizeof(mac));
	if (first) {
		memcpy(session->r_chain, mac, sizeof(mac));
		memcpy(session->r_seed, mac, sizeof(mac));
	}
	return true;
}

/*
 * GPCS E.4.5. With an error the R-MAC is computed, for the chain, but only the status goes out:
 * a response with an error status has no data field.
 */
bool sim_scp02_wrap(
	struct sim_session *session, const struct sim_apdu *plain, struct sim_out *out, uint16_t sw)
{
	unsigned sw1 = sw >> 8;
	bool good = sw == SIM_OK || sw1 == 0x62 || sw1 == 0x63;
	unsigned char head[5] = {
		plain->cla, plain->ins, plain->p1, plain->p2, (unsigned char)plain->len};
	unsigned char li = (unsigned char)(good ? out->len : 0);
	unsigned char status[2] = {(unsigned char)sw1, (unsigned char)sw};
	const struct sim_part parts[] = {{head, 5}, {plain->data, plain->len}, {&li, 1},
		{out->data, good ? out->len : 0}, {status, 2}};

	if (!sim_retail_mac(session->rmac, session->r_chain, parts, 5, session->r_chain))
		return false;
	if (good && !session->silent_r_mac)
		sim_put(out, session->r_chain, 8);
	return true;
}
