/* SPDX-License-Identifier: Apache-2.0 */
/* Keys behind the content of cards: made, found, used. Which value they have only the HSM knows. */
#include "ops/content_key.h"

#include "base/hash.h"
#include "base/hex.h"
#include "ops/ops.h"

#include <openssl/crypto.h>
#include <string.h>

const char *content_key_does(enum key_role role)
{
	switch (role) {
	case KEY_ROLE_DAP:
		return "signs load files (dap)";
	case KEY_ROLE_TOKEN:
		return "makes tokens (token)";
	case KEY_ROLE_RECEIPT:
		return "verifies receipts (receipt)";
	default:
		return NULL;
	}
}

void content_key_free(struct content_key *key)
{
	store_key_free(&key->row);
	*key = (struct content_key){.hsm = NULL};
}

static enum kms_status check_use(
	const struct content_key *key, enum key_role role, struct kms_err *err)
{
	const char *does = content_key_does(key->role);

	if (!does || (role && role != key->role)) {
		kms_fail(err, KMS_ERR_STATE, "'%s' is no key that %s: its role is %s",
			key->row.label, role ? content_key_does(role) : "stands behind content",
			key->row.role);
		return kms_hint(
			err, "'cardkms card key create' makes keys for dap, token, receipt");
	}
	if (strcmp(key->row.state, key_state_name(KEY_ACTIVE)) == 0)
		return KMS_OK;
	return kms_fail(err, KMS_ERR_STATE, "'%s' is %s", key->row.label, key->row.state);
}

enum kms_status content_key_find(struct op_site *site, const char *label, enum key_role role,
	struct content_key *ret_key, struct kms_err *err)
{
	struct content_key key __attribute__((cleanup(content_key_free))) = {.hsm = NULL};
	enum kms_status st = store_key_by_label(site->store, label, &key.row, err);

	if (!st)
		st = key_role_parse(key.row.role, &key.role, err);
	if (!st)
		st = key_alg_parse(key.row.algorithm, &key.alg, err);
	if (!st)
		st = check_use(&key, role, err);
	if (st)
		return st;
	*ret_key = key;
	key = (struct content_key){.hsm = NULL};
	return KMS_OK;
}

enum kms_status content_key_open(struct op_site *site, struct content_key *key, struct kms_err *err)
{
	enum kms_status st = op_site_login(site, err);

	if (!st)
		st = op_key_verify(site, &key->row, err);
	if (!st)
		st = op_key_object(site, &key->row, &key->key, err);
	if (!st)
		key->hsm = site->hsm;
	return st;
}

enum kms_status content_key_open_for_cards(
	struct op_site *site, struct content_key *key, struct kms_err *err)
{
	enum kms_status st = op_site_cards_hsm(site, err);

	if (!st)
		st = op_site_cards_key(site, &key->row, &key->key, err);
	if (!st)
		key->hsm = site->cards;
	return st;
}

static enum kms_status sign_digest(void *ctx, const unsigned char digest[HASH_SIZE],
	unsigned char ret_sig[P256_SIG_SIZE], struct kms_err *err)
{
	struct content_key *key = ctx;

	return hsm_sign(key->hsm, &key->key, digest, ret_sig, err);
}

/* Verified with the public key before anybody gets it. */
static enum kms_status sign_pair(struct content_key *key, const void *data, size_t len,
	unsigned char ret_signature[CONTENT_SIGNATURE_MAX], struct kms_err *err)
{
	struct p256_signer signer = {.ctx = key, .sign = sign_digest};
	unsigned char digest[HASH_SIZE];
	enum kms_status st = hash_sha256(data, len, digest, err);

	if (!st && (!key->row.public_key || !hex_decode_strict(key->row.public_key, signer.point,
						    sizeof(signer.point))))
		st = kms_fail(err, KMS_ERR_STORE, "the row of '%s' has no public key",
			key->row.label ? key->row.label : "?");
	return st ? st : p256_sign(&signer, digest, ret_signature, err);
}

enum kms_status content_key_sign(struct content_key *key, const void *data, size_t len,
	unsigned char ret_signature[CONTENT_SIGNATURE_MAX], size_t *ret_len, struct kms_err *err)
{
	size_t made = CONTENT_SIGNATURE_MAX;
	enum kms_status st = key->alg == KEY_P256 ? sign_pair(key, data, len, ret_signature, err)
						  : hsm_cmac(key->hsm, &key->key, data, len,
							    ret_signature, &made, err);

	if (!st)
		*ret_len = made;
	return st;
}

enum kms_status content_key_verify(struct content_key *key, const void *data, size_t len,
	const unsigned char *mac, size_t mac_len, struct kms_err *err)
{
	unsigned char again[CONTENT_SIGNATURE_MAX];
	size_t again_len = 0;
	enum kms_status st = content_key_sign(key, data, len, again, &again_len, err);

	if (!st && (again_len != mac_len || CRYPTO_memcmp(again, mac, mac_len) != 0))
		st = kms_fail(err, KMS_ERR_MISMATCH, "it was not made with '%s' over what was done",
			key->row.label);
	return st;
}

/* ---- card key create ---- */

struct create_args {
	const struct op_card_key_create *in;
	enum key_role role;
	enum key_alg alg;
	char id[OP_ID_HEX];
	char *serial;
	struct hsm_made made;
	struct key_kcv kcv;
	unsigned char point[HSM_POINT_LEN];
};

static void create_clear(struct create_args *a)
{
	free(a->serial);
}

static enum kms_status create_check(struct op *op, struct kms_err *err)
{
	struct create_args *a = op->args;
	const char *alg = a->in->algorithm ? a->in->algorithm : key_alg_name(KEY_AES256);
	enum kms_status st = key_label_check(a->in->label, "the key's label", err);

	if (!st)
		st = key_role_parse(a->in->use, &a->role, err);
	if (!st && !key_role_is_content(a->role))
		st = kms_fail(
			err, KMS_ERR_USAGE, "--use is dap, token or receipt, not '%s'", a->in->use);
	if (!st)
		st = key_alg_parse(alg, &a->alg, err);
	if (!st && a->alg != KEY_AES128 && a->alg != KEY_AES256 && a->alg != KEY_P256)
		st = kms_fail(
			err, KMS_ERR_USAGE, "such a key is aes128, aes256 or p256, not %s", alg);
	if (!st && a->alg == KEY_P256 && a->role == KEY_ROLE_RECEIPT)
		st = kms_fail(err, KMS_ERR_USAGE,
			"receipts are verified with an AES key: the private half of a pair would "
			"be the card's");
	if (!st)
		st = op_new_id(a->id, err);
	return st ? st : op_subject(op, err, "%s", a->in->label);
}

static enum kms_status token_can(struct op *op, const struct create_args *a, struct kms_err *err)
{
	const enum hsm_op pair[] = {HSM_OP_SIGN_P256},
			  aes[] = {HSM_OP_GENERATE_AES, HSM_OP_CHECK_VALUE_AES};
	const enum hsm_op *needed = a->alg == KEY_P256 ? pair : aes;
	const size_t count = a->alg == KEY_P256 ? 1 : 2;

	for (size_t i = 0; i < count; i++) {
		struct hsm_way way;
		enum kms_status st = hsm_way(op->site->hsm, needed[i], &way, err);

		if (st)
			return st;
		if (way.available)
			continue;
		kms_fail(err, KMS_ERR_UNSUPPORTED, "the token cannot do it (%s): %s keys", way.op,
			key_alg_name(a->alg));
		return kms_hint(err, "'cardkms hsm capabilities' shows what it can do");
	}
	return op_caps_save(op->site, err);
}

static enum kms_status create_validate(struct op *op, struct kms_err *err)
{
	struct create_args *a = op->args;
	STORE_AUTO(key) struct store_key there = {0};
	enum kms_status st = store_key_by_label(op->site->store, a->in->label, &there, err);

	if (!st)
		return kms_fail(err, KMS_ERR_EXISTS, "there is a key '%s' already", there.label);
	if (st != KMS_ERR_NOT_FOUND)
		return st;
	kms_err_clear(err);
	st = op_meta_find(op->site, META_HSM_SERIAL, &a->serial, err);
	if (!st)
		st = token_can(op, a, err);
	if (!st)
		st = op_detail(op, "role", json_string(key_role_name(a->role)), err);
	if (!st)
		st = op_detail(op, "algorithm", json_string(key_alg_name(a->alg)), err);
	return st ? st : op_report(op, "label", json_string(a->in->label), err);
}

static enum kms_status write_row(struct op *op, bool active, struct kms_err *err)
{
	struct create_args *a = op->args;
	char check[KEY_KCV_TEXT_SIZE], proof[2 * HSM_PROOF_MAX + 1], point[2 * HSM_POINT_LEN + 1];
	struct store_key row = {.cka_id = a->id,
		.label = a->in->label,
		.role = key_role_name(a->role),
		.algorithm = key_alg_name(a->alg),
		.state = active ? "active" : "pending",
		.location = KEY_IN_VAULT,
		.origin = "generated",
		.exportable = "never",
		.hsm_serial = a->serial,
		.op_id = op->id,
		.created = op->now,
		.state_changed = op->now};

	if (!active)
		return store_key_add(op->site->store, &row, err);
	row.activated = op->now;
	if (a->alg == KEY_P256) {
		hex_encode(a->point, sizeof(a->point), point);
		row.public_key = point;
	} else {
		key_kcv_print(&a->kcv, check);
		hex_encode(a->made.proof, a->made.proof_len, proof);
		row.check_value = check;
		row.check_method = key_kcv_method_name(a->kcv.method);
		row.proof = proof;
	}
	return store_key_update(op->site->store, &row, "pending", err);
}

static enum kms_status create_intend(struct op *op, struct kms_err *err)
{
	return write_row(op, false, err);
}

static enum kms_status create_act(struct op *op, struct kms_err *err)
{
	struct create_args *a = op->args;
	struct hsm_new spec = {.alg = key_alg_to_hsm(a->alg),
		.role = a->alg == KEY_P256 ? HSM_CARD_PAIR : HSM_CARD_SIGN,
		.check = key_kcv_to_hsm(key_alg_info(a->alg)->kcv),
		.label = a->in->label};
	enum kms_status st;

	if (!hex_decode_strict(a->id, spec.id, sizeof(spec.id)))
		return kms_fail(err, KMS_ERR_INTERNAL, "a CKA_ID is no hex");
	if (a->alg == KEY_P256)
		return hsm_pair_generate(op->site->hsm, &spec, &a->made.key, a->point, err);
	st = hsm_key_generate(op->site->hsm, &spec, &a->made, err);
	return st ? st : key_kcv_of_made(&a->made, key_alg_info(a->alg)->kcv, &a->kcv, err);
}

/* That it does what it is made for: its first MAC or signature. */
static enum kms_status create_verify(struct op *op, struct kms_err *err)
{
	struct create_args *a = op->args;
	struct content_key key = {.row = {.label = a->in->label},
		.alg = a->alg,
		.hsm = op->site->hsm,
		.key = a->made.key};
	unsigned char signature[CONTENT_SIGNATURE_MAX];
	char point[2 * HSM_POINT_LEN + 1];
	size_t len = 0;

	hex_encode(a->point, sizeof(a->point), point);
	key.row.public_key = point;
	return content_key_sign(&key, a->id, strlen(a->id), signature, &len, err);
}

static enum kms_status create_commit(struct op *op, struct kms_err *err)
{
	struct create_args *a = op->args;
	STORE_AUTO(key) struct store_key row = {0};
	json_t *object = NULL;
	enum kms_status st = write_row(op, true, err);

	if (!st)
		st = store_key_get(op->site->store, a->id, &row, err);
	if (!st)
		st = op_key_json(&row, &object, err);
	if (st)
		return st;
	if (row.check_value)
		st = op_detail(op, "check_value", json_string(row.check_value), err);
	if (json_object_update(op->report, object))
		st = kms_nomem(err);
	json_decref(object);
	return st;
}

enum kms_status op_card_key_create(struct op_site *site, const struct op_card_key_create *in,
	json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "key.create",
		.needs = OP_NEED_LOGIN | OP_NEED_IDENTITY,
		.dual = DUAL_GENERATE,
		.check = create_check,
		.validate = create_validate,
		.intend = create_intend,
		.act = create_act,
		.verify = create_verify,
		.commit = create_commit,
	};
	struct create_args args __attribute__((cleanup(create_clear))) = {.in = in};

	return op_run(site, &kind, &args, ret_report, err);
}
