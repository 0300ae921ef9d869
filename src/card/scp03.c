/* SPDX-License-Identifier: Apache-2.0 */
#include "card/scp03.h"

#include "card/crypt.h"
#include "card/scp_int.h"

#include <string.h>

enum { HEAD_SIZE = 13, SEQUENCE_SIZE = 3 };

void scp03_fixed(enum scp03_constant constant, size_t len, unsigned char ret_fixed[CARD_KDF_FIXED])
{
	memset(ret_fixed, 0, CARD_KDF_FIXED);
	ret_fixed[11] = (unsigned char)constant;
	ret_fixed[13] = (unsigned char)(8 * len >> 8);
	ret_fixed[14] = (unsigned char)(8 * len);
}

enum kms_status scp03_option_check(unsigned i, struct kms_err *err)
{
	if (i & ~(unsigned)(SCP03_S16 | SCP03_PSEUDO_RANDOM | SCP03_R_MAC | SCP03_R_ENC) ||
		(i & SCP03_R_ENC && !(i & SCP03_R_MAC)))
		return kms_fail(err, KMS_ERR_UNSUPPORTED,
			"SCP03 i=%02X has bits that Amendment D 1.2 does not define", i);
	return KMS_OK;
}

/* Table 7-3. */
enum kms_status scp03_parse(
	const unsigned char *data, size_t len, struct scp_init *init, struct kms_err *err)
{
	size_t size, want;
	enum kms_status st;

	if (len < HEAD_SIZE)
		return kms_fail(err, KMS_ERR_INVALID,
			"the answer to INITIALIZE UPDATE has only %zu bytes", len);
	init->i = data[12];
	st = scp03_option_check(init->i, err);
	if (st)
		return st;
	size = init->i & SCP03_S16 ? 16 : 8;
	want = HEAD_SIZE + 2 * size + (init->i & SCP03_PSEUDO_RANDOM ? SEQUENCE_SIZE : 0);
	if (len != want)
		return kms_fail(err, KMS_ERR_INVALID,
			"the answer to INITIALIZE UPDATE has %zu bytes, not %zu as SCP03 i=%02X "
			"has",
			len, want, init->i);
	if (init->challenge_len != size) {
		kms_fail(err, KMS_ERR_INVALID,
			"the card is in %s mode, but the host challenge had %zu bytes",
			size == 16 ? "S16" : "S8", init->challenge_len);
		return kms_hint(err, "i in recognition data or profile must say so beforehand");
	}
	memcpy(init->card_challenge, data + HEAD_SIZE, size);
	memcpy(init->cryptogram, data + HEAD_SIZE + size, size);
	if (init->i & SCP03_PSEUDO_RANDOM) {
		memcpy(init->sequence, data + HEAD_SIZE + 2 * size, SEQUENCE_SIZE);
		init->sequence_len = SEQUENCE_SIZE;
	}
	return KMS_OK;
}

/* Host challenge ‖ card challenge. */
static size_t context_of(const struct scp_init *init, unsigned char out[2 * SCP_CHALLENGE_MAX])
{
	memcpy(out, init->host_challenge, init->challenge_len);
	memcpy(out + init->challenge_len, init->card_challenge, init->challenge_len);
	return 2 * init->challenge_len;
}

/* Table 6-2. */
static enum kms_status session_key(const struct scp_init *init, struct card_keys *keys,
	enum card_role role, enum scp03_constant constant, struct secret *ret_key,
	struct kms_err *err)
{
	unsigned char fixed[CARD_KDF_FIXED], context[2 * SCP_CHALLENGE_MAX];
	size_t len = context_of(init, context);

	scp03_fixed(constant, keys->key_len, fixed);
	return keys->ops->session_kdf(keys, role, fixed, context, len, keys->key_len, ret_key, err);
}

static enum kms_status cryptogram(const struct scp_init *init, const struct secret *s_mac,
	enum scp03_constant constant, unsigned char *ret_cryptogram, struct kms_err *err)
{
	unsigned char fixed[CARD_KDF_FIXED], context[2 * SCP_CHALLENGE_MAX];
	size_t len = context_of(init, context);
	SECRET_AUTO struct secret out = {0};
	enum kms_status st;

	scp03_fixed(constant, init->challenge_len, fixed);
	st = card_kdf(s_mac, fixed, context, len, init->challenge_len, &out, err);
	if (!st)
		memcpy(ret_cryptogram, out.data, out.len);
	return st;
}

enum kms_status scp03_card_cryptogram(const struct scp_init *init, struct card_keys *keys,
	unsigned char ret_cryptogram[SCP_CHALLENGE_MAX], struct kms_err *err)
{
	SECRET_AUTO struct secret s_mac = {0};
	enum kms_status st = session_key(init, keys, CARD_MAC, SCP03_S_MAC, &s_mac, err);

	return st ? st : cryptogram(init, &s_mac, SCP03_CARD_CRYPTOGRAM, ret_cryptogram, err);
}

enum kms_status scp03_card_challenge(struct card_keys *keys, const unsigned char sequence[3],
	const unsigned char *aid, size_t aid_len, size_t len,
	unsigned char ret_challenge[SCP_CHALLENGE_MAX], struct kms_err *err)
{
	unsigned char fixed[CARD_KDF_FIXED], context[SEQUENCE_SIZE + 16];
	SECRET_AUTO struct secret out = {0};
	enum kms_status st;

	if (aid_len > 16 || (len != 8 && len != 16))
		return kms_fail(err, KMS_ERR_INTERNAL, "no such challenge");
	memcpy(context, sequence, SEQUENCE_SIZE);
	memcpy(context + SEQUENCE_SIZE, aid, aid_len);
	scp03_fixed(SCP03_CARD_CHALLENGE, len, fixed);
	st = keys->ops->session_kdf(
		keys, CARD_ENC, fixed, context, SEQUENCE_SIZE + aid_len, len, &out, err);
	if (!st)
		memcpy(ret_challenge, out.data, len);
	return st;
}

enum kms_status scp03_derive(struct scp *scp, const struct scp_init *init, struct card_keys *keys,
	unsigned char ret_cryptogram[SCP_CHALLENGE_MAX], struct kms_err *err)
{
	enum kms_status st = session_key(init, keys, CARD_MAC, SCP03_S_MAC, &scp->mac, err);

	if (!st)
		st = cryptogram(init, &scp->mac, SCP03_CARD_CRYPTOGRAM, ret_cryptogram, err);
	if (!st && scp->level & SCP_C_DEC)
		st = session_key(init, keys, CARD_ENC, SCP03_S_ENC, &scp->enc, err);
	if (!st && scp->level & SCP_R_MAC)
		st = session_key(init, keys, CARD_MAC, SCP03_S_RMAC, &scp->rmac, err);
	if (!st)
		st = cryptogram(init, &scp->mac, SCP03_HOST_CRYPTOGRAM, scp->host_cryptogram, err);
	scp->mac_len = init->challenge_len;
	scp->dek.use = CARD_DEK_STATIC_CBC;
	return st;
}

/* ---- commands ---- */

static void counter_next(unsigned char counter[CARD_AES_BLOCK])
{
	for (size_t i = CARD_AES_BLOCK; i-- > 0;)
		if (++counter[i] != 0)
			return;
}

/* Clause 6.2.6; for responses (6.2.7) the highest byte of the block is '80'. */
static enum kms_status icv(const struct scp *scp, bool response, unsigned char out[CARD_AES_BLOCK],
	struct kms_err *err)
{
	memcpy(out, scp->counter, CARD_AES_BLOCK);
	if (response)
		out[0] = 0x80;
	return card_cipher(
		CARD_KEY_AES, CARD_ECB, true, &scp->enc, NULL, out, CARD_AES_BLOCK, out, err);
}

enum kms_status scp03_wrap(struct scp *scp, const struct apdu *plain, bool encrypt,
	struct scp_wrapped *w, struct kms_err *err)
{
	unsigned char header[SCP_HEADER_MAX], iv[CARD_AES_BLOCK];
	struct card_part parts[3] = {{scp->chain, CARD_AES_BLOCK}, {header, 0}, {w->bytes, 0}};
	size_t len = plain->len;
	enum kms_status st;

	encrypt = encrypt && len > 0;
	st = scp_fits(plain, (encrypt ? len / 16 * 16 + 16 : len) + scp->mac_len, err);
	if (st)
		return st;
	if (scp->authenticated) /* every command counts, encrypted or not */
		counter_next(scp->counter);
	if (len)
		memcpy(w->bytes, plain->data, len);
	if (encrypt) {
		len = card_pad(w->bytes, len, CARD_AES_BLOCK);
		st = icv(scp, false, iv, err);
		if (!st)
			st = card_cipher(CARD_KEY_AES, CARD_CBC, true, &scp->enc, iv, w->bytes, len,
				w->bytes, err);
		if (st)
			return st;
	}
	parts[1].len = scp_header(
		plain, apdu_class(plain->cla & 0x80, 0, true), len + scp->mac_len, header);
	parts[2].len = len;
	st = card_cmac(&scp->mac, parts, 3, scp->chain, err);
	if (st)
		return st;
	memcpy(w->bytes + len, scp->chain, scp->mac_len);
	scp_secured(plain, len + scp->mac_len, w);
	return KMS_OK;
}

/* ---- responses ---- */

static enum kms_status verify(
	struct scp *scp, const struct apdu_response *r, size_t data_len, struct kms_err *err)
{
	const unsigned char sw[2] = {(unsigned char)(r->sw >> 8), (unsigned char)r->sw};
	const struct card_part parts[] = {
		{scp->chain, CARD_AES_BLOCK}, {r->data, data_len}, {sw, 2}};
	unsigned char mac[CARD_AES_BLOCK];
	enum kms_status st = card_cmac(&scp->rmac, parts, 3, mac, err);

	if (st)
		return st;
	if (!card_same(mac, r->data + data_len, scp->mac_len))
		return scp_bad_answer("has a wrong R-MAC", err);
	return KMS_OK;
}

static enum kms_status decrypt(struct scp *scp, struct apdu_response *r, struct kms_err *err)
{
	unsigned char iv[CARD_AES_BLOCK];
	enum kms_status st;

	if (r->len % CARD_AES_BLOCK)
		return kms_fail(err, KMS_ERR_INVALID,
			"the card's answer has %zu encrypted bytes, no whole blocks", r->len);
	st = icv(scp, true, iv, err);
	if (!st)
		st = card_cipher(CARD_KEY_AES, CARD_CBC, false, &scp->enc, iv, r->data, r->len,
			r->data, err);
	if (st)
		return st;
	if (!card_unpad(r->data, r->len, &r->len))
		return kms_fail(err, KMS_ERR_INVALID, "the card's answer has no padding in it");
	return KMS_OK;
}

enum kms_status scp03_unwrap(struct scp *scp, struct apdu_response *r, struct kms_err *err)
{
	size_t data_len;
	enum kms_status st;

	if (!(scp->level & SCP_R_MAC))
		return KMS_OK;
	if (r->sw != 0x9000 && r->sw >> 8 != 0x62 && r->sw >> 8 != 0x63) {
		r->len = 0; /* an error has no R-MAC: data beside it is nobody's */
		return KMS_OK;
	}
	if (r->len < scp->mac_len)
		return scp_bad_answer("has no R-MAC", err);
	data_len = r->len - scp->mac_len;
	st = verify(scp, r, data_len, err);
	if (st)
		return st;
	r->len = data_len;
	return scp->level & SCP_R_ENC && data_len ? decrypt(scp, r, err) : KMS_OK;
}
