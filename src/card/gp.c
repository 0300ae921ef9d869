/* SPDX-License-Identifier: Apache-2.0 */
#include "card/gp.h"

#include "card/trace.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

enum {
	TAG_IIN = 0x42,
	TAG_CIN = 0x45,
	TAG_SEQUENCE = 0xC1,
	GET_STATUS_ROUNDS_MAX = 64,
	SELECT_BY_NAME = 0x04,
};

void gp_open(struct gp *gp, struct card_link *link)
{
	memset(gp, 0, sizeof(*gp));
	gp->link = link;
}

void gp_close(struct gp *gp)
{
	scp_close(&gp->scp);
	if (gp->wrapped)
		secret_wipe(gp->wrapped, sizeof(*gp->wrapped));
	free(gp->wrapped);
	free(gp->response);
	gp->wrapped = NULL;
	gp->response = NULL;
}

static enum kms_status room(struct gp *gp, struct kms_err *err)
{
	if (!gp->wrapped)
		gp->wrapped = calloc(1, sizeof(*gp->wrapped));
	if (!gp->response)
		gp->response = calloc(1, sizeof(*gp->response));
	return gp->wrapped && gp->response ? KMS_OK : kms_nomem(err);
}

/* ---- trace ---- */

/* A line that cannot be made is left out: a trace never fails a command. */
static void trace_command(const struct gp *gp, const struct apdu *apdu)
{
	BUF_AUTO struct buf text = {0};

	if (gp->trace && card_trace_command(apdu, &text, NULL) == KMS_OK)
		gp->trace->line(gp->trace->ctx, buf_text(&text));
}

static void trace_response(const struct gp *gp)
{
	BUF_AUTO struct buf text = {0};

	if (gp->trace && card_trace_response(gp->response, &text, NULL) == KMS_OK)
		gp->trace->line(gp->trace->ctx, buf_text(&text));
}

static void trace_text(const struct gp *gp, const char *text)
{
	if (gp->trace)
		gp->trace->line(gp->trace->ctx, text);
}

/* ---- sending ---- */

/* The answer, verified and decrypted, in gp->response; any status word is KMS_OK. */
static enum kms_status send(struct gp *gp, const struct apdu *plain, struct kms_err *err)
{
	const struct apdu *out = plain;
	bool secure = gp->scp.authenticated;
	enum kms_status st;

	gp->sw = 0;
	st = room(gp, err);
	if (st)
		return st;
	trace_command(gp, plain);
	if (secure) {
		st = scp_wrap(&gp->scp, plain, gp->wrapped, err);
		if (st)
			return st;
		out = &gp->wrapped->apdu;
	}
	st = apdu_transmit(gp->link, out, gp->response, err);
	if (!st && secure)
		st = scp_unwrap(&gp->scp, gp->response, err);
	if (st) {
		scp_close(&gp->scp);
		trace_text(gp, "< no answer that counts");
		return st;
	}
	gp->sw = gp->response->sw;
	trace_response(gp);
	return KMS_OK;
}

enum kms_status gp_command(
	struct gp *gp, const struct apdu *apdu, const char *what, struct kms_err *err)
{
	enum kms_status st = send(gp, apdu, err);

	if (st) {
		(void)kms_prefix(err, "%s: ", what);
		return st;
	}
	return apdu_sw_ok(gp->sw) ? KMS_OK : apdu_refused(err, apdu->ins, what, gp->sw);
}

static struct apdu command(const struct gp *gp, enum gp_ins ins, unsigned p1, unsigned p2,
	const void *data, size_t len)
{
	return (struct apdu){
		.cla = apdu_class(true, gp->channel, false),
		.ins = (unsigned char)ins,
		.p1 = (unsigned char)p1,
		.p2 = (unsigned char)p2,
		.data = data,
		.len = len,
		.le = APDU_LE_ALL,
		.extended = gp->extended,
	};
}

/* ---- without a secure channel ---- */

enum kms_status gp_select(
	struct gp *gp, const struct gp_aid *aid, struct gp_fci *ret_fci, struct kms_err *err)
{
	struct apdu apdu = command(
		gp, GP_SELECT, SELECT_BY_NAME, 0, aid ? aid->bytes : NULL, aid ? aid->len : 0);
	enum kms_status st;

	scp_close(&gp->scp);
	apdu.cla = apdu_class(false, gp->channel, false);
	st = gp_command(gp, &apdu, "SELECT", err);
	if (st)
		return st;
	*ret_fci = (struct gp_fci){.max_data = 0};
	if (gp->response->len == 0)
		return KMS_OK;
	return gp_fci_parse(gp->response->data, gp->response->len, ret_fci, err);
}

/*
 * What cards say for "there is no such object", or, to those who are nobody yet, for "not to you".
 * Within a session 6982 and 6985 mean what they say.
 */
static bool means_absent(const struct gp *gp)
{
	switch (gp->sw) {
	case 0x6A88:
	case 0x6A86:
	case 0x6A81:
	case 0x6A82:
	case 0x6B00:
	case 0x6D00:
	case 0x6E00:
		return true;
	case 0x6982:
	case 0x6985:
		return !gp->scp.authenticated;
	default:
		return false;
	}
}

enum kms_status gp_get_data(struct gp *gp, unsigned tag, struct kms_err *err)
{
	struct apdu apdu = command(gp, GP_GET_DATA, tag >> 8, tag & 0xFF, NULL, 0);
	enum kms_status st = gp_command(gp, &apdu, "GET DATA", err);

	if (st == KMS_ERR_CARD && means_absent(gp)) {
		st = kms_fail(err, KMS_ERR_NOT_FOUND, "the card has no data object %X: SW %04X",
			tag, gp->sw);
		kms_native(err, "SW %04X", gp->sw);
	}
	return st;
}

enum kms_status gp_get_cplc(struct gp *gp, struct gp_cplc *ret_cplc, struct kms_err *err)
{
	enum kms_status st = gp_get_data(gp, 0x9F7F, err);

	return st ? st : gp_cplc_parse(gp->response->data, gp->response->len, ret_cplc, err);
}

static enum kms_status get_value(
	struct gp *gp, unsigned tag, const char *what, struct tlv *ret_tlv, struct kms_err *err)
{
	enum kms_status st = gp_get_data(gp, tag, err);

	return st ? st : tlv_only(gp->response->data, gp->response->len, tag, what, ret_tlv, err);
}

static enum kms_status get_id(
	struct gp *gp, unsigned tag, const char *what, struct gp_id *ret_id, struct kms_err *err)
{
	struct tlv tlv;
	enum kms_status st = get_value(gp, tag, what, &tlv, err);

	if (st)
		return st;
	if (tlv.len == 0 || tlv.len > GP_ID_MAX)
		return kms_fail(err, KMS_ERR_INVALID, "%s: it has %zu bytes", what, tlv.len);
	memcpy(ret_id->bytes, tlv.value, tlv.len);
	ret_id->len = tlv.len;
	return KMS_OK;
}

enum kms_status gp_get_iin(struct gp *gp, struct gp_id *ret_id, struct kms_err *err)
{
	return get_id(gp, TAG_IIN, "issuer identification number", ret_id, err);
}

enum kms_status gp_get_cin(struct gp *gp, struct gp_id *ret_id, struct kms_err *err)
{
	return get_id(gp, TAG_CIN, "card image number", ret_id, err);
}

enum kms_status gp_get_recognition(
	struct gp *gp, struct gp_recognition *ret_recognition, struct kms_err *err)
{
	enum kms_status st = gp_get_data(gp, 0x66, err);

	return st ? st
		  : gp_recognition_parse(
			    gp->response->data, gp->response->len, ret_recognition, err);
}

enum kms_status gp_get_key_list(struct gp *gp, struct gp_key_list *ret_list, struct kms_err *err)
{
	enum kms_status st = gp_get_data(gp, 0xE0, err);

	return st ? st : gp_key_list_parse(gp->response->data, gp->response->len, ret_list, err);
}

enum kms_status gp_get_sequence(struct gp *gp, unsigned *ret_sequence, struct kms_err *err)
{
	static const char what[] = "sequence counter";
	struct tlv tlv;
	enum kms_status st = get_value(gp, TAG_SEQUENCE, what, &tlv, err);

	if (st)
		return st;
	if (tlv.len != 2 && tlv.len != 3)
		return kms_fail(err, KMS_ERR_INVALID, "%s: it has %zu bytes", what, tlv.len);
	*ret_sequence = 0;
	for (size_t i = 0; i < tlv.len; i++)
		*ret_sequence = *ret_sequence << 8 | tlv.value[i];
	return KMS_OK;
}

/* ---- opening the secure channel ---- */

static enum kms_status host_challenge(
	struct gp *gp, unsigned char *out, size_t len, struct kms_err *err)
{
	if (gp->challenge)
		return gp->challenge(gp->challenge_ctx, out, len, err);
	if (RAND_bytes(out, (int)len) != 1)
		return kms_fail(err, KMS_ERR_INTERNAL, "OpenSSL has no random bytes");
	return KMS_OK;
}

enum kms_status gp_initialize_update(struct gp *gp, unsigned key_version, size_t challenge_len,
	unsigned scp02_i, struct scp_init *ret_init, struct kms_err *err)
{
	static const char what[] = "INITIALIZE UPDATE";
	unsigned char challenge[SCP_CHALLENGE_MAX] = {0};
	struct apdu apdu =
		command(gp, GP_INITIALIZE_UPDATE, key_version, 0, challenge, challenge_len);
	struct scp_init init;
	enum kms_status st;

	if ((challenge_len != 8 && challenge_len != 16) || key_version > 0xFF)
		return kms_fail(err, KMS_ERR_INTERNAL, "no such %s", what);
	scp_close(&gp->scp);
	st = host_challenge(gp, challenge, challenge_len, err);
	if (!st)
		st = gp_command(gp, &apdu, what, err);
	if (st == KMS_ERR_CARD && gp->sw == 0x6A88) {
		st = kms_fail(err, KMS_ERR_NOT_FOUND,
			"the card has no key set of version %02X: SW 6A88", key_version);
		kms_native(err, "SW 6A88");
	}
	if (st)
		return st;
	if (gp->sw != 0x9000)
		return apdu_refused(err, GP_INITIALIZE_UPDATE, what, gp->sw);
	st = scp_init_parse(challenge, challenge_len, scp02_i, gp->response->data,
		gp->response->len, &init, err);
	if (st)
		return st;
	*ret_init = init;
	return KMS_OK;
}

enum kms_status gp_external_authenticate(struct gp *gp, const struct scp_init *init,
	struct card_keys *keys, unsigned level, struct kms_err *err)
{
	static const char what[] = "EXTERNAL AUTHENTICATE";
	enum kms_status st;

	gp->sw = 0;
	st = room(gp, err);
	if (!st)
		st = scp_open(&gp->scp, init, keys, level, err);
	if (!st)
		st = scp_external_authenticate(&gp->scp, gp->channel, gp->wrapped, err);
	if (st)
		return st;
	trace_command(gp, &gp->wrapped->apdu);
	st = apdu_transmit(gp->link, &gp->wrapped->apdu, gp->response, err);
	if (st) {
		scp_close(&gp->scp);
		(void)kms_prefix(err, "%s: ", what);
		return st;
	}
	gp->sw = gp->response->sw;
	trace_response(gp);
	if (gp->sw != 0x9000) {
		scp_close(&gp->scp);
		(void)apdu_refused(err, GP_EXTERNAL_AUTHENTICATE, what, gp->sw);
		if (err)
			err->code = KMS_ERR_AUTH;
		return KMS_ERR_AUTH;
	}
	scp_authenticated(&gp->scp);
	return KMS_OK;
}

/* ---- under the secure channel ---- */

static enum kms_status need_session(const struct gp *gp, const char *what, struct kms_err *err)
{
	if (gp->scp.authenticated)
		return KMS_OK;
	return kms_fail(err, KMS_ERR_STATE, "%s needs a secure channel, and none is open", what);
}

static enum kms_status secured(
	struct gp *gp, const struct apdu *apdu, const char *what, struct kms_err *err)
{
	enum kms_status st = need_session(gp, what, err);

	return st ? st : gp_command(gp, apdu, what, err);
}

static enum kms_status put_keys_answer(struct gp *gp, const struct gp_put_keys *how,
	unsigned char kcvs[CARD_ROLES][CARD_KCV_SIZE], struct kms_err *err)
{
	static const char *const names[CARD_ROLES] = {"ENC", "MAC", "DEK"};
	const struct apdu_response *r = gp->response;

	if (gp->sw != 0x9000)
		return apdu_refused(err, GP_PUT_KEY, "PUT KEY", gp->sw);
	if (r->len > 1 && r->len != 1 + CARD_ROLES * CARD_KCV_SIZE) {
		kms_fail(err, KMS_ERR_MISMATCH,
			"PUT KEY: the card confirms with %zu bytes, not with version and check "
			"values",
			r->len);
		return kms_hint(err, "which keys are on the card is to be found out");
	}
	if (r->len > 0 && r->data[0] != how->version)
		return kms_fail(err, KMS_ERR_MISMATCH,
			"PUT KEY: the card confirms key version %02X, not %02X", r->data[0],
			how->version);
	gp->kcvs_shown = r->len > 1;
	if (!gp->kcvs_shown)
		return KMS_OK;
	for (size_t i = 0; i < CARD_ROLES; i++) {
		const unsigned char *got = r->data + 1 + i * CARD_KCV_SIZE;

		if (memcmp(got, kcvs[i], CARD_KCV_SIZE) != 0)
			return kms_fail(err, KMS_ERR_MISMATCH,
				"PUT KEY: the card's check value of the %s key is %02X%02X%02X, "
				"it should be %02X%02X%02X",
				names[i], got[0], got[1], got[2], kcvs[i][0], kcvs[i][1],
				kcvs[i][2]);
	}
	return KMS_OK;
}

enum kms_status gp_put_keys(
	struct gp *gp, const struct gp_put_keys *how, struct card_keys *fresh, struct kms_err *err)
{
	static const char what[] = "PUT KEY";
	unsigned first = how->first_id ? how->first_id : 1;
	unsigned char kcvs[CARD_ROLES][CARD_KCV_SIZE];
	BUF_AUTO struct buf data = {0};
	struct apdu apdu;
	enum kms_status st = need_session(gp, what, err);

	gp->kcvs_shown = false;
	if (!st)
		st = gp_put_keys_data(how, &gp->scp.dek, gp->scp.keys, fresh, &data, kcvs, err);
	if (st)
		return st;
	apdu = command(gp, GP_PUT_KEY, how->replace, 0x80 | first, data.data, data.len);
	st = gp_command(gp, &apdu, what, err);
	secret_wipe(data.data, data.len);
	return st ? st : put_keys_answer(gp, how, kcvs, err);
}

enum kms_status gp_delete_keys(struct gp *gp, unsigned version, struct kms_err *err)
{
	const unsigned char data[] = {0xD2, 0x01, (unsigned char)version};
	struct apdu apdu = command(gp, GP_DELETE, 0, 0, data, sizeof(data));

	if (version < 1 || version > 0xFF)
		return kms_fail(err, KMS_ERR_INTERNAL, "no key version %u", version);
	return secured(gp, &apdu, "DELETE [key]", err);
}

/* Table 11-34: with tags, or as cards before them answer (deprecated). */
enum {
	GET_STATUS_NEXT = 0x01,
	GET_STATUS_OLD = 0x00,
	GET_STATUS_TAGS = 0x02,
	GET_STATUS_FULL = 0x100 | GET_STATUS_TAGS, /* and a list of the tags that are wanted */
};

static enum kms_status get_status(struct gp *gp, enum gp_status_of of, unsigned format,
	struct gp_registry *found, struct kms_err *err)
{
	/* All entries, with what is not told unless it is asked for (tables 11-35 and 11-36). */
	static const unsigned char all[] = {
		0x4F, 0x00, 0x5C, 0x08, 0x4F, 0x9F, 0x70, 0xC5, 0xC4, 0xCC, 0xCE, 0x84};
	const size_t len = format == GET_STATUS_FULL ? sizeof(all) : 2;

	for (unsigned round = 0; round <= GET_STATUS_ROUNDS_MAX; round++) {
		unsigned p2 = (format & 0xFF) | (round ? GET_STATUS_NEXT : 0);
		struct apdu apdu = command(gp, GP_GET_STATUS, of, p2, all, len);
		enum kms_status st = secured(gp, &apdu, "GET STATUS", err);

		if (st == KMS_ERR_CARD && gp->sw == 0x6A88 && round == 0)
			return KMS_OK;
		if (!st && format != GET_STATUS_OLD)
			st = gp_registry_parse(gp->response->data, gp->response->len, found, err);
		else if (!st)
			st = gp_registry_parse_old(gp->response->data, gp->response->len,
				of == GP_STATUS_MODULES, found, err);
		if (st || gp->sw != 0x6310)
			return st;
	}
	return kms_fail(err, KMS_ERR_INVALID, "GET STATUS: the card never ends");
}

/* What cards say to a query that they do not know. */
static bool is_unknown(const struct gp *gp, enum kms_status st)
{
	return st == KMS_ERR_CARD && gp->scp.authenticated &&
	       (gp->sw == 0x6A80 || gp->sw == 0x6A86);
}

static enum kms_status query(struct gp *gp, enum gp_status_of of, bool full,
	struct gp_registry *ret_registry, struct kms_err *err)
{
	struct gp_registry *found = calloc(1, sizeof(*found));
	enum kms_status st;

	if (!found)
		return kms_nomem(err);
	st = get_status(gp, of, full ? GET_STATUS_FULL : GET_STATUS_TAGS, found, err);
	for (unsigned older = full ? 0 : 1; older < 2 && is_unknown(gp, st); older++) {
		kms_err_clear(err);
		found->count = 0;
		st = get_status(gp, of, older ? GET_STATUS_OLD : GET_STATUS_TAGS, found, err);
	}
	if (!st)
		*ret_registry = *found;
	free(found);
	return st;
}

enum kms_status gp_get_status(
	struct gp *gp, enum gp_status_of of, struct gp_registry *ret_registry, struct kms_err *err)
{
	return query(gp, of, false, ret_registry, err);
}

enum kms_status gp_get_status_full(
	struct gp *gp, enum gp_status_of of, struct gp_registry *ret_registry, struct kms_err *err)
{
	return query(gp, of, true, ret_registry, err);
}

enum kms_status gp_set_status(struct gp *gp, enum gp_status_type type, unsigned state,
	const struct gp_aid *aid, struct kms_err *err)
{
	struct apdu apdu = command(
		gp, GP_SET_STATUS, type, state, aid ? aid->bytes : NULL, aid ? aid->len : 0);

	apdu.le = APDU_NO_LE;
	return secured(gp, &apdu, "SET STATUS", err);
}

/* ---- STORE DATA ---- */

enum kms_status gp_store_data(
	struct gp *gp, unsigned format, const void *data, size_t len, struct kms_err *err)
{
	static const char what[] = "STORE DATA";
	const unsigned char *at = data;
	size_t block;
	enum kms_status st = need_session(gp, what, err);

	if (st)
		return st;
	block = gp_block_room(gp);
	if (len > 256 * block)
		return kms_fail(
			err, KMS_ERR_INVALID, "%s: %zu bytes are more than 256 blocks", what, len);
	for (unsigned number = 0;; number++) {
		size_t n = len < block ? len : block;
		struct apdu apdu =
			command(gp, GP_STORE_DATA, format | (n == len ? 0x80 : 0), number, at, n);

		apdu.le = APDU_NO_LE;
		st = secured(gp, &apdu, what, err);
		if (st || n == len)
			return st;
		at += n;
		len -= n;
	}
}
