/* SPDX-License-Identifier: Apache-2.0 */
#include "card/scp.h"

#include "card/crypt.h"
#include "card/scp02.h"
#include "card/scp03.h"
#include "card/scp_int.h"

#include <string.h>

enum { INS_EXTERNAL_AUTHENTICATE = 0x82, KEY_VERSION_AT = 10, SCP_AT = 11, HEAD_MIN = 12 };

/* ---- shared by both protocols ---- */

size_t scp_header(const struct apdu *apdu, unsigned char cla, size_t lc,
	unsigned char ret_header[SCP_HEADER_MAX])
{
	size_t n = 4;

	ret_header[0] = cla;
	ret_header[1] = apdu->ins;
	ret_header[2] = apdu->p1;
	ret_header[3] = apdu->p2;
	if (lc > APDU_SHORT_MAX) {
		ret_header[n++] = 0;
		ret_header[n++] = (unsigned char)(lc >> 8);
	}
	ret_header[n++] = (unsigned char)lc;
	return n;
}

enum kms_status scp_fits(const struct apdu *plain, size_t len, struct kms_err *err)
{
	size_t max = plain->extended ? APDU_DATA_MAX : APDU_SHORT_MAX;

	if (len <= max)
		return KMS_OK;
	return kms_fail(err, KMS_ERR_INVALID,
		"a command with %zu bytes of data has %zu with secure messaging: more than %zu",
		plain->len, len, max);
}

void scp_secured(const struct apdu *plain, size_t len, struct scp_wrapped *w)
{
	unsigned channel = plain->cla & 0x40 ? 4u + (plain->cla & 0x0F) : plain->cla & 0x03u;

	w->apdu = *plain;
	w->apdu.cla = apdu_class(plain->cla & 0x80, channel, true);
	w->apdu.data = w->bytes;
	w->apdu.len = len;
}

enum kms_status scp_bad_answer(const char *why, struct kms_err *err)
{
	kms_fail(err, KMS_ERR_MISMATCH, "the card's answer %s", why);
	(void)kms_hint(err, "somebody may be on the line; what the card did is not known");
	return KMS_ERR_MISMATCH;
}

/* ---- options and levels ---- */

enum kms_status scp_option_check(unsigned scp, unsigned i, struct kms_err *err)
{
	if (scp == 2)
		return scp02_option_check(i, err);
	if (scp == 3)
		return scp03_option_check(i, err);
	return kms_fail(err, KMS_ERR_UNSUPPORTED,
		"SCP%02X is a secure channel that cardkms does not speak", scp);
}

unsigned scp_level_best(unsigned scp, unsigned i)
{
	unsigned level = SCP_C_MAC | SCP_C_DEC;

	if (scp == 2 && i & SCP02_R_MAC)
		level |= SCP_R_MAC;
	if (scp == 3 && i & SCP03_R_MAC)
		level |= SCP_R_MAC;
	if (scp == 3 && i & SCP03_R_ENC)
		level |= SCP_R_ENC;
	return level;
}

/* Tables E-11 and 7-6; R-MAC without C-MAC (SCP02) is left out. */
enum kms_status scp_level_check(unsigned scp, unsigned i, unsigned level, struct kms_err *err)
{
	static const unsigned char known[] = {0x00, 0x01, 0x03, 0x11, 0x13, 0x33};

	if (!memchr(known, (int)level, sizeof(known)) || level > 0xFF)
		return kms_fail(err, KMS_ERR_INVALID, "%02X is no security level", level);
	if (level & ~scp_level_best(scp, i))
		return kms_fail(err, KMS_ERR_UNSUPPORTED,
			"SCP%02X i=%02X has no security level %02X", scp, i, level);
	return KMS_OK;
}

/* ---- INITIALIZE UPDATE ---- */

enum kms_status scp_init_parse(const unsigned char *host_challenge, size_t challenge_len,
	unsigned scp02_i, const unsigned char *data, size_t len, struct scp_init *ret_init,
	struct kms_err *err)
{
	struct scp_init init = {.challenge_len = challenge_len};
	enum kms_status st;

	if (challenge_len != 8 && challenge_len != 16)
		return kms_fail(err, KMS_ERR_INTERNAL, "no such host challenge");
	if (len < HEAD_MIN)
		return kms_fail(err, KMS_ERR_INVALID,
			"the answer to INITIALIZE UPDATE has only %zu bytes", len);
	memcpy(init.host_challenge, host_challenge, challenge_len);
	memcpy(init.kdd, data, SCP_KDD_SIZE);
	init.key_version = data[KEY_VERSION_AT];
	init.scp = data[SCP_AT];
	init.i = scp02_i;
	if (init.scp == 2)
		st = scp02_parse(data, len, &init, err);
	else if (init.scp == 3)
		st = scp03_parse(data, len, &init, err);
	else
		st = scp_option_check(init.scp, 0, err);
	if (!st)
		*ret_init = init;
	return st;
}

static bool may_be(const struct scp_init *init, const struct card_keys *keys)
{
	return keys->type == (init->scp == 2 ? CARD_KEY_DES : CARD_KEY_AES);
}

static enum kms_status cryptogram_matches(
	const struct scp_init *init, struct card_keys *keys, bool *ret_matches, struct kms_err *err)
{
	unsigned char mine[SCP_CHALLENGE_MAX];
	enum kms_status st = init->scp == 2 ? scp02_card_cryptogram(init, keys, mine, err)
					    : scp03_card_cryptogram(init, keys, mine, err);

	if (!st)
		*ret_matches = card_same(mine, init->cryptogram, init->challenge_len);
	return st;
}

enum kms_status scp_match(const struct scp_init *init, struct card_keys *const *candidates,
	size_t count, size_t *ret_index, struct kms_err *err)
{
	for (size_t i = 0; i < count; i++) {
		bool matches = false;
		enum kms_status st;

		if (!may_be(init, candidates[i]))
			continue;
		st = cryptogram_matches(init, candidates[i], &matches, err);
		if (st)
			return st;
		if (matches) {
			*ret_index = i;
			return KMS_OK;
		}
	}
	kms_fail(err, KMS_ERR_MISMATCH,
		"the card cryptogram for key version %02X is of none of %zu key sets",
		init->key_version, count);
	(void)kms_hint(err, "nothing was sent to the card but INITIALIZE UPDATE");
	return KMS_ERR_MISMATCH;
}

/* ---- the session ---- */

static enum kms_status other_keys(
	const struct scp_init *init, const struct card_keys *keys, struct kms_err *err)
{
	kms_fail(err, KMS_ERR_MISMATCH,
		"the card cryptogram for key version %02X is not that of '%s'", init->key_version,
		keys->name);
	(void)kms_hint(err, "these are other keys than the card's; nothing was spent");
	return KMS_ERR_MISMATCH;
}

enum kms_status scp_open(struct scp *scp, const struct scp_init *init, struct card_keys *keys,
	unsigned level, struct kms_err *err)
{
	unsigned char expected[SCP_CHALLENGE_MAX];
	enum kms_status st = scp_level_check(init->scp, init->i, level, err);

	scp_close(scp);
	if (st)
		return st;
	if (!may_be(init, keys))
		return other_keys(init, keys, err);
	scp->protocol = init->scp;
	scp->i = init->i;
	scp->level = level;
	scp->key_version = init->key_version;
	scp->keys = keys;
	st = init->scp == 2 ? scp02_derive(scp, init, keys, expected, err)
			    : scp03_derive(scp, init, keys, expected, err);
	if (!st && !card_same(expected, init->cryptogram, init->challenge_len))
		st = other_keys(init, keys, err);
	if (st)
		scp_close(scp);
	return st;
}

static enum kms_status wrap(struct scp *scp, const struct apdu *plain, bool encrypt,
	struct scp_wrapped *w, struct kms_err *err)
{
	enum kms_status st = scp->protocol == 2 ? scp02_wrap(scp, plain, encrypt, w, err)
						: scp03_wrap(scp, plain, encrypt, w, err);

	if (st)
		scp_close(scp);
	return st;
}

enum kms_status scp_external_authenticate(
	struct scp *scp, unsigned channel, struct scp_wrapped *ret_wrapped, struct kms_err *err)
{
	/* As long as the challenges, and so as the MAC (Amendment D 1.2 clause 6.2.2). */
	const struct apdu plain = {
		.cla = apdu_class(true, channel, true),
		.ins = INS_EXTERNAL_AUTHENTICATE,
		.p1 = (unsigned char)scp->level,
		.data = scp->host_cryptogram,
		.len = scp->mac_len,
	};
	enum kms_status st;

	if (!scp->protocol || scp->authenticated)
		return kms_fail(err, KMS_ERR_INTERNAL, "no secure channel to be authenticated");
	st = wrap(scp, &plain, false, ret_wrapped, err);
	/* Clause E.3.2: the first ICV of C-MAC and R-MAC alike. */
	if (!st)
		memcpy(scp->rchain, scp->chain, sizeof(scp->rchain));
	return st;
}

void scp_authenticated(struct scp *scp)
{
	scp->authenticated = true;
}

enum kms_status scp_wrap(struct scp *scp, const struct apdu *plain, struct scp_wrapped *ret_wrapped,
	struct kms_err *err)
{
	if (!scp->authenticated)
		return kms_fail(err, KMS_ERR_INTERNAL, "the secure channel is not open");
	if (!(scp->level & SCP_C_MAC)) {
		ret_wrapped->apdu = *plain;
		return KMS_OK;
	}
	return wrap(scp, plain, (scp->level & SCP_C_DEC) != 0, ret_wrapped, err);
}

enum kms_status scp_unwrap(struct scp *scp, struct apdu_response *response, struct kms_err *err)
{
	enum kms_status st;

	if (!scp->authenticated)
		return kms_fail(err, KMS_ERR_INTERNAL, "the secure channel is not open");
	st = scp->protocol == 2 ? scp02_unwrap(scp, response, err)
				: scp03_unwrap(scp, response, err);
	if (st)
		scp_close(scp);
	return st;
}

void scp_close(struct scp *scp)
{
	secret_free(&scp->enc);
	secret_free(&scp->mac);
	secret_free(&scp->rmac);
	secret_free(&scp->last);
	secret_wipe(scp, sizeof(*scp));
}
