/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/exchange.h"

#include "audit/checkpoint.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/utf8.h"
#include "ops/ops.h"
#include "ops/witness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void op_file_free(struct op_file *file)
{
	buf_free(&file->text);
}

enum kms_status op_file_take(struct op_file *file, struct buf *text, struct kms_err *err)
{
	enum kms_status st = hash_sha256(text->data, text->len, file->hash, err);

	if (st)
		return st;
	hex_encode(file->hash, HASH_SIZE, file->hash_text);
	buf_free(&file->text);
	file->text = *text;
	*text = (struct buf){0};
	return KMS_OK;
}

enum kms_status op_file_read_most(
	struct op_file *file, const char *path, size_t most, struct kms_err *err)
{
	BUF_AUTO struct buf text = {0};
	enum kms_status st = file_read(path, most, &text, err);

	return st ? st : op_file_take(file, &text, err);
}

enum kms_status op_file_read(struct op_file *file, const char *path, struct kms_err *err)
{
	return op_file_read_most(file, path, DOC_MAX, err);
}

enum kms_status op_doc_id(const char *prefix, char ret_id[DOC_ID_MAX + 1], struct kms_err *err)
{
	char hex[OP_ID_HEX];
	enum kms_status st = op_new_id(hex, err);

	if (!st)
		snprintf(ret_id, DOC_ID_MAX + 1, "%s-%.10s", prefix, hex);
	return st;
}

enum kms_status op_self(struct op_site *site, struct op_self *ret_self, struct kms_err *err)
{
	enum kms_status st = op_meta_find(site, META_FINGERPRINT, &ret_self->fingerprint, err);

	if (!st)
		st = op_meta_find(site, META_HSM_SERIAL, &ret_self->serial, err);
	if (st)
		return st;
	if (!ret_self->fingerprint || !ret_self->serial)
		return kms_fail(err, KMS_ERR_STATE, "this site has no identity yet");
	ret_self->party = (struct doc_party){site->name, ret_self->fingerprint};
	return KMS_OK;
}

void op_self_free(struct op_self *self)
{
	free(self->fingerprint);
	free(self->serial);
	*self = (struct op_self){0};
}

enum kms_status op_check_recipient(const struct op_self *self, const struct doc_party *recipient,
	const char *what, struct kms_err *err)
{
	if (strcmp(recipient->name, self->party.name) == 0 &&
		strcmp(recipient->fingerprint, self->fingerprint) == 0)
		return KMS_OK;
	if (strcmp(recipient->name, self->party.name) == 0)
		kms_fail(err, KMS_ERR_DENIED,
			"the %s is for another identity of '%s' (%.16s…, this site is %.16s…)",
			what, recipient->name, recipient->fingerprint, self->fingerprint);
	else
		kms_fail(err, KMS_ERR_DENIED, "the %s is for '%s', not for this site ('%s')", what,
			recipient->name, self->party.name);
	return kms_hint(err, "ask its sender for one that is made out to this site");
}

enum kms_status op_find_sender(struct op_site *site, const struct doc_party *sender,
	const char *what, struct store_partner *ret_partner,
	unsigned char ret_point[P256_POINT_SIZE], struct kms_err *err)
{
	enum kms_status st = store_partner_get(site->store, sender->name, ret_partner, err);

	if (st == KMS_ERR_NOT_FOUND || st == KMS_ERR_STATE || st == KMS_ERR_DENIED) {
		kms_prefix(err, "the %s comes from '%s': ", what, sender->name);
		kms_hint(err, "enrol its sender first, with the fingerprint compared by voice: "
			      "'cardkms partner add F --fingerprint HEX'");
	}
	if (st)
		return st;
	if (strcmp(ret_partner->fingerprint, sender->fingerprint) != 0) {
		kms_fail(err, KMS_ERR_DENIED,
			"the %s comes from an identity of '%s' that is not enrolled (%.16s…, "
			"enrolled is "
			"%.16s…)",
			what, sender->name, sender->fingerprint, ret_partner->fingerprint);
		return kms_hint(err,
			"if the partner has a new identity, take it over with 'cardkms "
			"partner rotate'");
	}
	if (!hex_decode_strict(ret_partner->identity_key, ret_point, P256_POINT_SIZE))
		return kms_fail(
			err, KMS_ERR_STORE, "the row of partner '%s' is damaged", sender->name);
	return KMS_OK;
}

enum kms_status op_check_checkpoint(struct op_site *site, const struct store_partner *partner,
	const char *note, const char *what, struct kms_err *err)
{
	char origin[AUDIT_ORIGIN_MAX + 1];
	unsigned char point[P256_POINT_SIZE];
	struct audit_checkpoint checkpoint;
	enum kms_status st = audit_origin(partner->fingerprint, origin, err);

	if (!st && !hex_decode_strict(partner->audit_key, point, sizeof(point)))
		st = kms_fail(
			err, KMS_ERR_STORE, "the row of partner '%s' is damaged", partner->name);
	if (!st)
		st = audit_checkpoint_verify(note, strlen(note), origin, point, &checkpoint, err);
	if (st)
		kms_prefix(err, "the audit checkpoint in the %s: ", what);
	return st ? st : op_witness_arrived(site, partner, note, what, err);
}

enum kms_status op_transport_row(struct op_site *site, const char *label, const char *direction,
	const char *partner, struct store_key *ret_row, struct kms_err *err)
{
	enum kms_status st = store_key_by_label(site->store, label, ret_row, err);

	if (st)
		return st;
	if (strcmp(ret_row->role, key_role_name(KEY_ROLE_TRANSPORT)) != 0)
		return kms_fail(err, KMS_ERR_INVALID, "'%s' is no transport key (its role is %s)",
			label, ret_row->role);
	if (strcmp(ret_row->state, key_state_name(KEY_ACTIVE)) != 0)
		return kms_fail(err, KMS_ERR_STATE, "transport key '%s' is %s, not active", label,
			ret_row->state);
	if (!ret_row->partner || !name_same(ret_row->partner, partner))
		return kms_fail(err, KMS_ERR_DENIED,
			"transport key '%s' is shared with '%s', not with '%s'", label,
			ret_row->partner ? ret_row->partner : "-", partner);
	if (!ret_row->direction || strcmp(ret_row->direction, direction) != 0) {
		kms_fail(err, KMS_ERR_DENIED, "transport key '%s' can only %s here", label,
			ret_row->direction ? ret_row->direction : "be kept");
		return kms_hint(err,
			"the site that creates a transport key exports under it, the site "
			"that imports it imports under it");
	}
	return KMS_OK;
}

/* A partner that has no identity here never had one; one that had may have lost it. */
static enum kms_status not_revoked(struct op *op, const char *partner, struct kms_err *err)
{
	STORE_AUTO(partner) struct store_partner row = {0};
	enum kms_status st = store_partner_get(op->site->store, partner, &row, err);

	if (st != KMS_ERR_NOT_FOUND)
		return st;
	kms_err_clear(err);
	return KMS_OK;
}

enum kms_status op_transport_partner(struct op *op, const char *label, char **ret_partner,
	enum key_wrapping *ret_wrapping, struct kms_err *err)
{
	STORE_AUTO(key) struct store_key row = {0};
	enum kms_status st = store_key_by_label(op->site->store, label, &row, err);

	if (!st && !row.partner)
		st = kms_fail(err, KMS_ERR_INVALID, "'%s' is no transport key", label);
	if (!st)
		st = key_wrapping_parse(row.wrapping ? row.wrapping : "", ret_wrapping, err);
	if (!st)
		st = not_revoked(op, row.partner, err);
	if (!st && !(*ret_partner = strdup(row.partner)))
		st = kms_nomem(err);
	return st;
}

enum kms_status op_wrapping_rules(struct op *op, enum key_wrapping wrapping, enum key_alg wrapper,
	enum key_alg wrapped, const char *label, struct kms_err *err)
{
	struct kms_err why = {0};
	enum kms_status st = KMS_OK;

	if (key_wrap_allowed(wrapper, wrapped, &why))
		st = op_override(op, err, "'%s': %s", label, why.msg);
	if (!st && op_wrapping_is_raw(wrapping))
		st = op_override(op, err,
			"%s wrapping has no integrity: a changed key would only show by its check "
			"value",
			key_wrapping_name(wrapping));
	return st;
}

enum kms_status op_doc_add(struct op *op, const struct op_doc_row *row, struct kms_err *err)
{
	char nonce[DOC_NONCE_TEXT];

	hex_encode(row->nonce, DOC_NONCE_SIZE, nonce);
	return store_doc_add(op->site->store,
		&(struct store_doc){.id = row->id,
			.kind = row->kind,
			.direction = row->direction,
			.partner = row->partner,
			.state = row->state,
			.nonce = nonce,
			.sha256 = row->file->hash_text,
			.text = row->file->text.data,
			.related = row->related,
			.transport_key = row->transport_key,
			.op_id = op->id,
			.created = op->now},
		err);
}

enum kms_status op_checked_json(json_t *rows, const char *label, enum key_alg alg,
	const struct key_kcv *kcv, struct kms_err *err)
{
	char check[KEY_KCV_TEXT_SIZE];

	key_kcv_print(kcv, check);
	return json_array_append_new(
		       rows, json_pack("{s:s, s:s, s:s, s:s}", "label", label, "algorithm",
				     key_alg_name(alg), "check_value", check, "check_method",
				     key_kcv_method_name(kcv->method)))
		       ? kms_nomem(err)
		       : KMS_OK;
}

enum kms_status op_deliver(
	const char *path, const struct op_file *file, const char *id, struct kms_err *err)
{
	enum kms_status st = file_write(path, 0644, file->text.data, file->text.len, err);

	if (st)
		kms_hint(err,
			"it is done and in the store: write the file again with 'cardkms exchange "
			"reissue %s -o FILE'",
			id);
	return st;
}

enum kms_status op_deliver_unkept(const char *path, const struct op_file *file, struct kms_err *err)
{
	enum kms_status st = file_write(path, 0600, file->text.data, file->text.len, err);

	return st ? kms_hint(err, "the export is in the log; run it again to another file")
		  : KMS_OK;
}
