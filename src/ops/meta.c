/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/meta.h"

#include "base/clock.h"
#include "base/hex.h"
#include "hsm/crypto.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kms_status op_meta_find(
	struct op_site *site, const char *name, char **ret_value, struct kms_err *err)
{
	enum kms_status st = store_meta_get(site->store, name, ret_value, err);

	if (st != KMS_ERR_NOT_FOUND)
		return st;
	kms_err_clear(err);
	*ret_value = NULL;
	return KMS_OK;
}

enum kms_status op_ask_secret(struct op_site *site, const char *name, const char *prompt,
	struct secret *ret_value, struct kms_err *err)
{
	if (!site->front.secret)
		return kms_fail(err, KMS_ERR_IO, "there is nobody to ask for the %s", prompt);
	return site->front.secret(site->front.ctx, name, prompt, ret_value, err);
}

enum kms_status op_ask_confirm(struct op_site *site, const char *question, struct kms_err *err)
{
	if (!site->front.confirm)
		return kms_fail(err, KMS_ERR_IO, "there is nobody to ask: %s", question);
	return site->front.confirm(site->front.ctx, question, err);
}

enum kms_status op_ask_last_try(
	struct op_site *site, const struct hsm_token_info *info, struct kms_err *err)
{
	char question[160];

	if (!info->user_pin_final_try || info->user_pin_locked)
		return KMS_OK;
	snprintf(question, sizeof(question),
		"The token '%s' locks its operator PIN at one more wrong PIN. Make that last try",
		info->label);
	return op_ask_confirm(site, question, err);
}

enum kms_status op_caps_restore(struct op_site *site, struct hsm *hsm,
	const struct hsm_token_info *info, struct kms_err *err)
{
	STORE_AUTO(caps) struct store_caps caps = {0};
	struct kms_err stale = {0};
	enum kms_status st;

	st = store_caps_get(site->store, info->serial, info->firmware, &caps, err);
	if (st == KMS_ERR_NOT_FOUND) {
		kms_err_clear(err);
		return KMS_OK;
	}
	/* What an older program wrote and this one can't read is probed again. */
	if (!st && hsm_caps_load(hsm, caps.caps, &stale))
		op_say(site, "note: probing the token again: %s", stale.msg);
	return st;
}

enum kms_status op_caps_save_at(struct op_site *site, struct hsm *hsm, struct kms_err *err)
{
	BUF_AUTO struct buf text = {0};
	struct hsm_token_info info;
	enum kms_status st;

	if (site->dry_run)
		return KMS_OK;
	st = hsm_token_info(hsm, &info, err);
	if (!st)
		st = hsm_caps_save(hsm, &text, err);
	if (!st)
		st = store_begin(site->store, err);
	if (st)
		return st;
	st = store_caps_set(site->store,
		&(struct store_caps){.serial = info.serial,
			.firmware = info.firmware,
			.caps = buf_text(&text),
			.probed = site->now()},
		err);
	return store_end(site->store, st, err);
}

enum kms_status op_caps_save(struct op_site *site, struct kms_err *err)
{
	return op_caps_save_at(site, site->hsm, err);
}

enum kms_status op_wrapping_parse(
	const char *text, enum key_wrapping *ret_wrapping, struct kms_err *err)
{
	enum key_wrapping wrapping;
	enum kms_status st = KMS_OK;

	if (strcmp(text, "raw-hex") == 0)
		wrapping = KEY_WRAP_ECB;
	else
		st = key_wrapping_parse(text, &wrapping, err);
	if (!st && wrapping == KEY_WRAP_AES_KWP)
		st = kms_fail(err, KMS_ERR_INVALID,
			"a transport key is bound to aes-kw, raw-hex (ECB), raw-cbc, x9143-b or "
			"x9143-d, not to '%s'",
			text);
	if (!st)
		*ret_wrapping = wrapping;
	return st;
}

enum kms_status op_new_id(char ret_hex[OP_ID_HEX], struct kms_err *err)
{
	unsigned char id[HSM_ID_LEN];

	if (RAND_bytes(id, sizeof(id)) != 1)
		return kms_fail(err, KMS_ERR_INTERNAL, "the machine has no random numbers");
	hex_encode(id, sizeof(id), ret_hex);
	return KMS_OK;
}

static enum kms_status row_id(
	const struct store_key *row, unsigned char id[HSM_ID_LEN], struct kms_err *err)
{
	if (!hex_decode_strict(row->cka_id, id, HSM_ID_LEN))
		return kms_fail(
			err, KMS_ERR_STORE, "the row of '%s' has a damaged CKA_ID", row->label);
	return KMS_OK;
}

enum kms_status op_key_object_at(
	struct hsm *hsm, const struct store_key *row, struct hsm_key *ret_key, struct kms_err *err)
{
	unsigned char id[HSM_ID_LEN];
	enum key_alg alg = KEY_ALG_NONE;
	enum kms_status st = row_id(row, id, err);

	if (!st)
		st = key_alg_parse(row->algorithm, &alg, err);
	if (!st)
		st = hsm_key_find(hsm, id, row->label, ret_key, err);
	if (st)
		return st;
	if (!hsm_alg_fits(ret_key->alg, key_alg_to_hsm(alg)))
		return kms_fail(err, KMS_ERR_MISMATCH, "the HSM's '%s' is %s, the store says %s",
			row->label, hsm_alg_name(ret_key->alg), row->algorithm);
	/* The row says which object is the key: the label, which the HSM keeps, says so too. */
	if (strcmp(ret_key->label, row->label) != 0) {
		kms_fail(err, KMS_ERR_MISMATCH, "the HSM's object of '%s' is labelled '%s' there",
			row->label, ret_key->label);
		return kms_hint(
			err, "the store was changed: do not use the key; run 'cardkms doctor'");
	}
	/* Some tokens forget the length of an unwrapped AES key. */
	ret_key->alg = key_alg_to_hsm(alg);
	return KMS_OK;
}

enum kms_status op_key_is_here(const struct store_key *row, struct kms_err *err)
{
	enum key_role role;

	if (!row->location || strcmp(row->location, KEY_LOST) != 0)
		return KMS_OK;
	if (key_role_parse(row->role, &role, NULL))
		role = KEY_ROLE_NONE;
	kms_fail(err, KMS_ERR_STATE, "'%s' was lost with the HSM %s", row->label, row->hsm_serial);
	return kms_hint(err, row->keyset || key_role_is_content(role)
				     ? "bring it back from a backup: 'cardkms backup restore F'"
				     : "bring it back from its components, or make a new one");
}

enum kms_status op_key_object(struct op_site *site, const struct store_key *row,
	struct hsm_key *ret_key, struct kms_err *err)
{
	enum kms_status st = op_key_is_here(row, err);

	return st ? st : op_key_object_at(site->hsm, row, ret_key, err);
}

enum kms_status op_hsm_role(struct op_site *site, const struct store_key *row,
	enum hsm_role *ret_role, struct kms_err *err)
{
	enum key_wrapping wrapping;
	enum hsm_where where;
	enum key_role role;
	enum key_alg alg;
	enum kms_status st;

	st = key_role_parse(row->role, &role, err);
	if (!st)
		st = key_alg_parse(row->algorithm, &alg, err);
	if (st)
		return st;
	switch (role) {
	case KEY_ROLE_ENC:
	case KEY_ROLE_MAC:
	case KEY_ROLE_KEK:
		*ret_role = strcmp(row->location, "production") == 0 ? HSM_MASTER_PRODUCTION
								     : HSM_MASTER_VAULT;
		return KMS_OK;
	case KEY_ROLE_TRANSPORT:
		st = key_wrapping_parse(row->wrapping ? row->wrapping : "", &wrapping, err);
		if (!st)
			st = hsm_transport_role(site->hsm, key_alg_to_hsm(alg),
				key_wrapping_to_hsm(wrapping),
				row->direction && strcmp(row->direction, "wrap") == 0, ret_role,
				&where, err);
		return st;
	case KEY_ROLE_SITE:
		*ret_role = HSM_SITE;
		return KMS_OK;
	case KEY_ROLE_ZONE:
		*ret_role = HSM_ZONE;
		return KMS_OK;
	case KEY_ROLE_IDENTITY:
		*ret_role = HSM_IDENTITY;
		return KMS_OK;
	case KEY_ROLE_AUDIT:
		*ret_role = HSM_AUDIT;
		return KMS_OK;
	case KEY_ROLE_DAP:
	case KEY_ROLE_TOKEN:
	case KEY_ROLE_RECEIPT:
		*ret_role = alg == KEY_P256 ? HSM_CARD_PAIR : HSM_CARD_SIGN;
		return KMS_OK;
	case KEY_ROLE_NONE:
		break;
	}
	return kms_fail(
		err, KMS_ERR_STORE, "the row of '%s' has the role '%s'", row->label, row->role);
}

enum kms_status op_master_write(
	struct op *op, const struct op_master *master, bool active, struct kms_err *err)
{
	char check[KEY_KCV_TEXT_SIZE], proof[2 * HSM_PROOF_MAX + 1];
	int64_t end = key_period_end(master->period, op->now);
	struct store_key row = {.cka_id = master->id,
		.label = master->label,
		.keyset = master->keyset,
		.role = key_role_name(master->role),
		.algorithm = key_alg_name(master->alg),
		.kvn = master->kvn,
		.state = active ? "active" : "pending",
		.location = "vault",
		.origin = master->origin,
		.exportable = master->exportable ? "partner" : "never",
		.hsm_serial = master->hsm_serial,
		.op_id = op->id,
		.created = op->now,
		.deactivate_after = end == INT64_MAX ? 0 : end,
		.state_changed = op->now};

	if (!active)
		return store_key_add(op->site->store, &row, err);
	key_kcv_print(master->kcv, check);
	hex_encode(master->made->proof, master->made->proof_len, proof);
	row.check_value = check;
	row.check_method = key_kcv_method_name(master->kcv->method);
	row.proof = proof;
	row.activated = op->now;
	return store_key_update(op->site->store, &row, "pending", err);
}

static json_t *text_or_null(const char *text)
{
	return text && *text ? json_string(text) : json_null();
}

static json_t *time_or_null(int64_t t)
{
	char text[CLOCK_TEXT_SIZE];

	if (t == 0)
		return json_null();
	clock_format(t, text);
	return json_string(text);
}

enum kms_status op_key_json(const struct store_key *row, json_t **ret_object, struct kms_err *err)
{
	json_t *o = json_pack("{s:s, s:o, s:s, s:s, s:s, s:o, s:o, s:o, s:s, s:s}", "label",
		row->label, "keyset", text_or_null(row->keyset), "role", row->role, "algorithm",
		row->algorithm, "state", row->state, "kvn",
		row->kvn ? json_integer(row->kvn) : json_null(), "check_value",
		text_or_null(row->check_value), "check_method", text_or_null(row->check_method),
		"location", row->location, "origin", row->origin);
	int bad = !o;

	if (o) {
		bad |= json_object_set_new(o, "id", json_string(row->cka_id));
		bad |= json_object_set_new(
			o, "exportable", json_boolean(strcmp(row->exportable, "partner") == 0));
		bad |= json_object_set_new(o, "partner", text_or_null(row->partner));
		bad |= json_object_set_new(o, "wrapping", text_or_null(row->wrapping));
		bad |= json_object_set_new(o, "direction", text_or_null(row->direction));
		bad |= json_object_set_new(o, "ceremony", text_or_null(row->ceremony_id));
		bad |= json_object_set_new(o, "hsm_serial", text_or_null(row->hsm_serial));
		bad |= json_object_set_new(o, "created", time_or_null(row->created));
		bad |= json_object_set_new(o, "activated", time_or_null(row->activated));
		bad |= json_object_set_new(o, "expires", time_or_null(row->deactivate_after));
		bad |= json_object_set_new(o, "state_reason", text_or_null(row->state_reason));
	}
	if (bad) {
		json_decref(o);
		return kms_nomem(err);
	}
	*ret_object = o;
	return KMS_OK;
}

static enum kms_status verify_check_value(
	struct hsm *hsm, const struct store_key *row, struct hsm_key *key, struct kms_err *err)
{
	struct key_kcv recorded, actual;
	enum key_kcv_method method;
	char what[160];
	enum kms_status st;

	st = key_kcv_method_parse(row->check_method, &method, err);
	if (!st)
		st = key_kcv_parse(method, row->check_value, &recorded, err);
	if (!st)
		st = key_kcv_hsm(hsm, key, method, &actual, err);
	if (st)
		return st;
	snprintf(what, sizeof(what), "the HSM's '%s'", row->label);
	return key_kcv_check(what, &actual, "the store", &recorded, err);
}

static enum kms_status verify_proof(
	struct hsm *hsm, const struct store_key *row, struct hsm_key *key, struct kms_err *err)
{
	unsigned char proof[HSM_PROOF_MAX];
	size_t len = strlen(row->proof) / 2;
	enum key_wrapping wrapping = KEY_WRAP_NONE;
	enum kms_status st = KMS_OK;

	if (len > sizeof(proof) || !hex_decode_strict(row->proof, proof, len))
		return kms_fail(
			err, KMS_ERR_STORE, "the row of '%s' has a damaged proof", row->label);
	if (row->wrapping)
		st = key_wrapping_parse(row->wrapping, &wrapping, err);
	return st ? st : hsm_key_prove(hsm, key, key_wrapping_to_hsm(wrapping), proof, len, err);
}

static enum kms_status verify_pair(
	struct hsm *hsm, const struct store_key *row, struct kms_err *err)
{
	unsigned char point[HSM_POINT_LEN], id[HSM_ID_LEN];
	char text[2 * HSM_POINT_LEN + 1];
	enum kms_status st = row_id(row, id, err);

	if (!st)
		st = hsm_pair_point(hsm, id, row->label, point, err);
	if (st)
		return st;
	hex_encode(point, sizeof(point), text);
	if (!row->public_key || strcmp(row->public_key, text) != 0)
		return kms_fail(err, KMS_ERR_MISMATCH,
			"the public key of '%s' in the HSM is not the one in the store",
			row->label);
	return KMS_OK;
}

enum kms_status op_key_verify_at(
	struct hsm *hsm, const struct store_key *row, enum hsm_role role, struct kms_err *err)
{
	struct hsm_key key;
	enum kms_status st = op_key_object_at(hsm, row, &key, err);

	if (!st)
		st = hsm_key_check_role(hsm, &key, role, err);
	if (st)
		return st;
	if (row->public_key)
		return verify_pair(hsm, row, err);
	if (row->proof && *row->proof)
		st = verify_proof(hsm, row, &key, err);
	/* A transport key, once narrowed, can show its proof only. */
	if (!st && row->check_value && (key.usage & (HSM_CAN_DERIVE | HSM_CAN_ENCRYPT)))
		st = verify_check_value(hsm, row, &key, err);
	return st;
}

enum kms_status op_key_verify(
	struct op_site *site, const struct store_key *row, struct kms_err *err)
{
	enum hsm_role role;
	enum kms_status st = op_key_is_here(row, err);

	if (!st)
		st = op_hsm_role(site, row, &role, err);
	return st ? st : op_key_verify_at(site->hsm, row, role, err);
}

/* ---- signing ---- */

static enum kms_status sign_with(struct op_site *site, const char *label,
	const unsigned char digest[HASH_SIZE], unsigned char ret_sig[P256_SIG_SIZE],
	struct kms_err *err)
{
	STORE_AUTO(key) struct store_key row = {0};
	struct hsm_key key;
	enum kms_status st;

	st = op_site_login(site, err);
	if (!st)
		st = store_key_by_label(site->store, label, &row, err);
	if (!st)
		st = op_key_object(site, &row, &key, err);
	return st ? st : hsm_sign(site->hsm, &key, digest, ret_sig, err);
}

static enum kms_status sign_identity(void *ctx, const unsigned char digest[HASH_SIZE],
	unsigned char ret_sig[P256_SIG_SIZE], struct kms_err *err)
{
	return sign_with(ctx, LABEL_IDENTITY, digest, ret_sig, err);
}

static enum kms_status sign_audit(void *ctx, const unsigned char digest[HASH_SIZE],
	unsigned char ret_sig[P256_SIG_SIZE], struct kms_err *err)
{
	return sign_with(ctx, LABEL_AUDIT, digest, ret_sig, err);
}

enum kms_status op_signer(struct op_site *site, enum key_role role, struct p256_signer *ret_signer,
	struct kms_err *err)
{
	const bool audit = role == KEY_ROLE_AUDIT;
	STORE_AUTO(key) struct store_key row = {0};
	enum kms_status st;

	st = store_key_by_label(site->store, audit ? LABEL_AUDIT : LABEL_IDENTITY, &row, err);
	if (st)
		return st;
	if (!row.public_key ||
		!hex_decode_strict(row.public_key, ret_signer->point, P256_POINT_SIZE))
		return kms_fail(err, KMS_ERR_STORE, "the row of '%s' has no public key", row.label);
	ret_signer->ctx = site;
	ret_signer->sign = audit ? sign_audit : sign_identity;
	return KMS_OK;
}
