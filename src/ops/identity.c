/* SPDX-License-Identifier: Apache-2.0 */
/* Who this site is: its status, and the identity that partners enrol. */
#include "ops/ops.h"

#include "base/file.h"
#include "base/hex.h"
#include "ceremony/words.h"
#include "exchange/identity.h"
#include "ops/meta.h"
#include "ops/period.h"
#include "store/auditlog.h"
#include "store/journal.h"
#include "store/people.h"

#include <string.h>

enum kms_status op_site_status(struct op_site *site, json_t **ret_report, struct kms_err *err)
{
	const struct store_key_filter live = {.live = true};
	STORE_AUTO(key_list) struct store_key_list keys = {0};
	STORE_AUTO(officer_list) struct store_officer_list officers = {0};
	STORE_AUTO(partner_list) struct store_partner_list partners = {0};
	STORE_AUTO(op_list) struct store_op_list unfinished = {0};
	JS_AUTO json_t *soon = json_array(), *over = json_array();
	FREE_AUTO char *fingerprint = NULL, *serial = NULL, *created = NULL;
	int64_t entries = 0;
	enum kms_status st;

	st = op_meta_find(site, META_FINGERPRINT, &fingerprint, err);
	if (!st)
		st = op_meta_find(site, META_HSM_SERIAL, &serial, err);
	if (!st)
		st = op_meta_find(site, META_CREATED, &created, err);
	if (!st)
		st = store_keys(site->store, &live, &keys, err);
	if (!st)
		st = store_officers(site->store, &officers, err);
	if (!st)
		st = store_partners(site->store, &partners, err);
	if (!st)
		st = store_ops(site->store, "intent", &unfinished, err);
	if (!st)
		st = store_audit_size(site->store, &entries, err);
	if (!st)
		st = op_period_list(site, soon, over, err);
	if (st)
		return st;
	*ret_report = json_pack(
		"{s:s, s:s, s:s, s:s, s:s?, s:s?, s:s?, s:I, s:I, s:I, s:I, s:I, s:O, s:O}", "name",
		site->name, "role", site->role, "site", site->dir, "hsm", site->hsm_uri, "created",
		created, "fingerprint", fingerprint, "hsm_serial", serial, "keys",
		(json_int_t)keys.count, "officers", (json_int_t)officers.count, "partners",
		(json_int_t)partners.count, "audit_entries", (json_int_t)entries,
		"unfinished_operations", (json_int_t)unfinished.count, "periods_end_soon", soon,
		"periods_over", over);
	return *ret_report ? KMS_OK : kms_nomem(err);
}

static enum kms_status load_identity(
	struct op_site *site, char **ret_text, struct doc_identity *ret, struct kms_err *err)
{
	enum kms_status st = op_meta_find(site, META_IDENTITY, ret_text, err);

	if (!st && !*ret_text) {
		kms_fail(err, KMS_ERR_STATE, "this site has no identity yet");
		return kms_hint(err, "'cardkms hsm setup' makes it, in the HSM");
	}
	return st ? st : doc_identity_parse(*ret_text, strlen(*ret_text), ret, err);
}

static enum kms_status identity_json(
	const struct doc_identity *identity, json_t **ret_report, struct kms_err *err)
{
	unsigned char fingerprint[HASH_SIZE];
	BUF_AUTO struct buf words = {0};
	enum kms_status st = KMS_OK;

	if (!hex_decode_strict(identity->fingerprint, fingerprint, HASH_SIZE))
		return kms_fail(err, KMS_ERR_INTERNAL, "a fingerprint is no hex");
	st = cer_words(fingerprint, HASH_SIZE, &words, err);
	if (st)
		return st;
	*ret_report = json_pack("{s:s, s:s, s:s, s:s, s:s}", "name", identity->name, "role",
		doc_site_role_name(identity->role), "fingerprint", identity->fingerprint, "words",
		buf_text(&words), "hsm_serial", identity->hsm_serial);
	return *ret_report ? KMS_OK : kms_nomem(err);
}

enum kms_status op_identity_show(struct op_site *site, json_t **ret_report, struct kms_err *err)
{
	DOC_IDENTITY_AUTO struct doc_identity identity = {0};
	FREE_AUTO char *text = NULL;
	enum kms_status st = load_identity(site, &text, &identity, err);

	return st ? st : identity_json(&identity, ret_report, err);
}

enum kms_status op_identity_export(
	struct op_site *site, const char *path, json_t **ret_report, struct kms_err *err)
{
	DOC_IDENTITY_AUTO struct doc_identity identity = {0};
	FREE_AUTO char *text = NULL;
	enum kms_status st = load_identity(site, &text, &identity, err);

	if (!st)
		st = doc_identity_verify(&identity, NULL, err);
	if (!st)
		st = file_write(path, 0644, text, strlen(text), err);
	if (!st)
		st = identity_json(&identity, ret_report, err);
	if (!st && json_object_set_new(*ret_report, "file", json_string(path)))
		st = kms_nomem(err);
	return st;
}
