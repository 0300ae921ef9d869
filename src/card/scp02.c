/* SPDX-License-Identifier: Apache-2.0 */
#include "card/scp02.h"

#include "card/crypt.h"
#include "card/scp_int.h"

#include <string.h>

enum { RESPONSE_SIZE = 28, SEQUENCE_SIZE = 2, CHALLENGE_SIZE = 8 };

/* Constants of clause E.4.1. */
enum { C_MAC_KEY = 0x01, R_MAC_KEY = 0x02, ENC_KEY = 0x82, DEK_KEY = 0x81 };

enum kms_status scp02_option_check(unsigned i, struct kms_err *err)
{
	if (i & 0x80)
		return kms_fail(err, KMS_ERR_INVALID, "i=%02X is no option of SCP02", i);
	if (!(i & SCP02_EXPLICIT) || i & SCP02_ICV_AID)
		return kms_fail(err, KMS_ERR_UNSUPPORTED,
			"SCP02 i=%02X has implicit initiation, which cardkms does not speak", i);
	if (!(i & SCP02_THREE_KEYS))
		return kms_fail(err, KMS_ERR_UNSUPPORTED,
			"SCP02 i=%02X has one base key, where cardkms takes three keys", i);
	return KMS_OK;
}

/* Table E-8. */
enum kms_status scp02_parse(
	const unsigned char *data, size_t len, struct scp_init *init, struct kms_err *err)
{
	if (len != RESPONSE_SIZE)
		return kms_fail(err, KMS_ERR_INVALID,
			"the answer to INITIALIZE UPDATE has %zu bytes, not %d as SCP02 has", len,
			RESPONSE_SIZE);
	if (init->challenge_len != CHALLENGE_SIZE)
		return kms_fail(err, KMS_ERR_INVALID,
			"SCP02 has host challenges of 8 bytes, not %zu", init->challenge_len);
	memcpy(init->card_challenge, data + 12, CHALLENGE_SIZE);
	memcpy(init->sequence, data + 12, SEQUENCE_SIZE);
	init->sequence_len = SEQUENCE_SIZE;
	memcpy(init->cryptogram, data + 20, CHALLENGE_SIZE);
	return scp02_option_check(init->i, err);
}

/* Figure E-2. */
static void derivation_data(
	const struct scp_init *init, unsigned char constant, unsigned char ret_data[CARD_CBC_DATA])
{
	memset(ret_data, 0, CARD_CBC_DATA);
	ret_data[0] = 0x01;
	ret_data[1] = constant;
	memcpy(ret_data + 2, init->sequence, SEQUENCE_SIZE);
}

static enum kms_status session_key(const struct scp_init *init, struct card_keys *keys,
	enum card_role role, unsigned char constant, struct secret *ret_key, struct kms_err *err)
{
	unsigned char data[CARD_CBC_DATA];

	derivation_data(init, constant, data);
	return keys->ops->session_cbc(keys, role, data, ret_key, err);
}

/* host: clause E.4.2.2, else E.4.2.1. */
static enum kms_status cryptogram(const struct scp_init *init, const struct secret *s_enc,
	bool host, unsigned char *ret_cryptogram, struct kms_err *err)
{
	unsigned char data[2 * CHALLENGE_SIZE];

	memcpy(data, host ? init->card_challenge : init->host_challenge, CHALLENGE_SIZE);
	memcpy(data + CHALLENGE_SIZE, host ? init->host_challenge : init->card_challenge,
		CHALLENGE_SIZE);
	return card_full_mac(s_enc, data, sizeof(data), ret_cryptogram, err);
}

enum kms_status scp02_card_cryptogram(const struct scp_init *init, struct card_keys *keys,
	unsigned char ret_cryptogram[SCP_CHALLENGE_MAX], struct kms_err *err)
{
	SECRET_AUTO struct secret s_enc = {0};
	enum kms_status st = session_key(init, keys, CARD_ENC, ENC_KEY, &s_enc, err);

	return st ? st : cryptogram(init, &s_enc, false, ret_cryptogram, err);
}

enum kms_status scp02_derive(struct scp *scp, const struct scp_init *init, struct card_keys *keys,
	unsigned char ret_cryptogram[SCP_CHALLENGE_MAX], struct kms_err *err)
{
	enum kms_status st = session_key(init, keys, CARD_ENC, ENC_KEY, &scp->enc, err);

	if (!st)
		st = cryptogram(init, &scp->enc, false, ret_cryptogram, err);
	if (!st)
		st = session_key(init, keys, CARD_MAC, C_MAC_KEY, &scp->mac, err);
	if (!st && scp->level & SCP_R_MAC)
		st = session_key(init, keys, CARD_MAC, R_MAC_KEY, &scp->rmac, err);
	if (!st)
		st = cryptogram(init, &scp->enc, true, scp->host_cryptogram, err);
	scp->mac_len = SCP02_MAC_SIZE;
	scp->dek.use = CARD_DEK_SESSION_ECB;
	derivation_data(init, DEK_KEY, scp->dek.data);
	return st;
}

/* The ICV of the next C-MAC (clause E.3.4): the first of a session is zero and not encrypted. */
static enum kms_status next_icv(
	const struct scp *scp, unsigned char ret_icv[CARD_DES_BLOCK], struct kms_err *err)
{
	if (scp->authenticated && scp->i & SCP02_ICV_ENCRYPTED)
		return card_des_block(&scp->mac, scp->chain, ret_icv, err);
	memcpy(ret_icv, scp->chain, CARD_DES_BLOCK);
	return KMS_OK;
}

static enum kms_status c_mac(struct scp *scp, const struct apdu *plain,
	unsigned char ret_mac[SCP02_MAC_SIZE], struct kms_err *err)
{
	bool modified = !(scp->i & SCP02_UNMODIFIED);
	unsigned char cla =
		modified ? apdu_class(plain->cla & 0x80, 0, true) : apdu_class_base(plain->cla);
	unsigned char header[SCP_HEADER_MAX], icv[CARD_DES_BLOCK];
	size_t head_len =
		scp_header(plain, cla, plain->len + (modified ? SCP02_MAC_SIZE : 0), header);
	SECRET_AUTO struct secret message = {0};
	enum kms_status st = next_icv(scp, icv, err);

	if (!st)
		st = secret_copy(&message, header, head_len, err);
	if (!st && plain->len)
		st = secret_append(&message, plain->data, plain->len, err);
	if (!st)
		st = card_retail_mac(&scp->mac, icv, message.data, message.len, ret_mac, err);
	if (!st)
		memcpy(scp->chain, ret_mac, SCP02_MAC_SIZE);
	return st;
}

/* What the R-MAC covers of the command: stripped of its MAC, logical channel and changes. */
static enum kms_status remember(struct scp *scp, const struct apdu *plain, struct kms_err *err)
{
	unsigned char header[SCP_HEADER_MAX];
	unsigned char cla = apdu_class(plain->cla & 0x80, 0, false);
	size_t len = scp_header(plain, cla, plain->len, header);
	enum kms_status st = secret_copy(&scp->last, header, len, err);

	if (!st && plain->len)
		st = secret_append(&scp->last, plain->data, plain->len, err);
	return st;
}

enum kms_status scp02_wrap(struct scp *scp, const struct apdu *plain, bool encrypt,
	struct scp_wrapped *w, struct kms_err *err)
{
	unsigned char mac[SCP02_MAC_SIZE];
	size_t len = plain->len;
	enum kms_status st;

	encrypt = encrypt && len > 0;
	st = scp_fits(plain, (encrypt ? len / 8 * 8 + 8 : len) + SCP02_MAC_SIZE, err);
	if (!st)
		st = c_mac(scp, plain, mac, err);
	if (!st && scp->level & SCP_R_MAC)
		st = remember(scp, plain, err);
	if (st)
		return st;
	if (len)
		memcpy(w->bytes, plain->data, len);
	if (encrypt) {
		len = card_pad(w->bytes, len, CARD_DES_BLOCK);
		st = card_cipher(CARD_KEY_DES, CARD_CBC, true, &scp->enc, NULL, w->bytes, len,
			w->bytes, err);
		if (st)
			return st;
	}
	memcpy(w->bytes + len, mac, SCP02_MAC_SIZE);
	scp_secured(plain, len + SCP02_MAC_SIZE, w);
	return KMS_OK;
}

/* Over the command, Li, data, status word; and on to the next one whatever the status word is. */
static enum kms_status r_mac(struct scp *scp, const struct apdu_response *r, size_t data_len,
	unsigned char ret_mac[SCP02_MAC_SIZE], struct kms_err *err)
{
	const unsigned char li = (unsigned char)data_len;
	const unsigned char sw[2] = {(unsigned char)(r->sw >> 8), (unsigned char)r->sw};
	enum kms_status st = secret_append(&scp->last, &li, 1, err);

	if (!st && data_len)
		st = secret_append(&scp->last, r->data, data_len, err);
	if (!st)
		st = secret_append(&scp->last, sw, 2, err);
	if (!st)
		st = card_retail_mac(
			&scp->rmac, scp->rchain, scp->last.data, scp->last.len, ret_mac, err);
	if (!st)
		memcpy(scp->rchain, ret_mac, SCP02_MAC_SIZE);
	secret_free(&scp->last);
	return st;
}

enum kms_status scp02_unwrap(struct scp *scp, struct apdu_response *r, struct kms_err *err)
{
	unsigned char mac[SCP02_MAC_SIZE];
	size_t data_len;
	bool bare;
	enum kms_status st;

	if (!(scp->level & SCP_R_MAC))
		return KMS_OK;
	/* Cards may leave the R-MAC out of an error: then only the status word, unproved, is left. */
	bare = r->len == 0 && r->sw != 0x9000 && r->sw >> 8 != 0x62 && r->sw >> 8 != 0x63;
	if (!bare && r->len < SCP02_MAC_SIZE)
		return scp_bad_answer("has no R-MAC", err);
	data_len = bare ? 0 : r->len - SCP02_MAC_SIZE;
	st = r_mac(scp, r, data_len, mac, err);
	if (st || bare)
		return st;
	if (!card_same(mac, r->data + data_len, SCP02_MAC_SIZE))
		return scp_bad_answer("has a wrong R-MAC", err);
	r->len = data_len;
	return KMS_OK;
}
