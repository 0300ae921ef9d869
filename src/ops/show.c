/* SPDX-License-Identifier: Apache-2.0 */
/* exchange show, list, reissue: explain a file, list what was exchanged, write a file again. */
#include "ops/ops.h"

#include "base/clock.h"
#include "exchange/identity.h"
#include "ops/exchange.h"

#include <string.h>

static json_t *party_json(const struct doc_party *party)
{
	return json_pack("{s:s, s:s}", "name", party->name, "fingerprint", party->fingerprint);
}

static json_t *time_json(int64_t t)
{
	char text[CLOCK_TEXT_SIZE];

	clock_format(t, text);
	return json_string(text);
}

static enum kms_status show_identity(const struct op_file *file, json_t **ret, struct kms_err *err)
{
	DOC_IDENTITY_AUTO struct doc_identity d = {0};
	enum kms_status st = doc_identity_parse(file->text.data, file->text.len, &d, err);

	if (!st)
		st = doc_identity_verify(&d, NULL, err);
	if (st)
		return st;
	*ret = json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:s}", "kind", "identity", "name", d.name,
		"role", doc_site_role_name(d.role), "fingerprint", d.fingerprint, "hsm_serial",
		d.hsm_serial, "created", time_json(d.created), "signature",
		"by its own key: compare the fingerprint with its owner");
	return *ret ? KMS_OK : kms_nomem(err);
}

/* "good", or why it can't be said. A bad one is an error. */
static enum kms_status judge(struct op_site *site, const struct doc_party *sender,
	enum kms_status (*verify)(const void *doc, const char *fingerprint,
		const unsigned char *point, struct kms_err *err),
	const void *doc, const char **ret_verdict, struct kms_err *err)
{
	STORE_AUTO(partner) struct store_partner partner = {0};
	struct op_self self __attribute__((cleanup(op_self_free))) = {0};
	unsigned char point[P256_POINT_SIZE];
	struct p256_signer signer;
	enum kms_status st;

	*ret_verdict = "not checked: no site given (-s DIR)";
	if (!site)
		return KMS_OK;
	st = op_self(site, &self, err);
	if (st && !kms_is_answer(st))
		return st;
	if (!st && strcmp(self.fingerprint, sender->fingerprint) == 0) {
		st = op_signer(site, KEY_ROLE_IDENTITY, &signer, err);
		*ret_verdict = "good, by this site";
		return st ? st : verify(doc, self.fingerprint, signer.point, err);
	}
	*ret_verdict = "not checked: its sender is not enrolled here";
	st = op_find_sender(site, sender, "file", &partner, point, err);
	if (st) {
		if (!kms_is_answer(st))
			return st;
		kms_err_clear(err);
		return KMS_OK;
	}
	*ret_verdict = "good, by the enrolled partner";
	return verify(doc, partner.fingerprint, point, err);
}

static enum kms_status verify_request(
	const void *doc, const char *fingerprint, const unsigned char *point, struct kms_err *err)
{
	return doc_request_verify(doc, fingerprint, point, err);
}

static enum kms_status verify_package(
	const void *doc, const char *fingerprint, const unsigned char *point, struct kms_err *err)
{
	return doc_package_verify(doc, fingerprint, point, err);
}

static enum kms_status verify_receipt(
	const void *doc, const char *fingerprint, const unsigned char *point, struct kms_err *err)
{
	return doc_receipt_verify(doc, fingerprint, point, err);
}

static enum kms_status show_request(
	struct op_site *site, const struct op_file *file, json_t **ret, struct kms_err *err)
{
	DOC_REQUEST_AUTO struct doc_request d = {0};
	JS_AUTO json_t *sets = json_array();
	const char *verdict = NULL;
	enum kms_status st = doc_request_parse(file->text.data, file->text.len, &d, err);

	if (!st)
		st = judge(site, &d.sender, verify_request, &d, &verdict, err);
	if (st)
		return st;
	for (size_t i = 0; i < d.keyset_count; i++)
		if (json_array_append_new(sets, json_string(d.keysets[i])))
			return kms_nomem(err);
	*ret = json_pack("{s:s, s:s, s:o, s:o, s:s, s:O, s:o, s:s}", "kind", "request", "id", d.id,
		"sender", party_json(&d.sender), "recipient", party_json(&d.recipient),
		"hsm_serial", d.hsm_serial, "keysets", sets, "created", time_json(d.created),
		"signature", verdict);
	return *ret ? KMS_OK : kms_nomem(err);
}

static enum kms_status package_sets(const struct doc_package *d, json_t *rows, struct kms_err *err)
{
	for (size_t i = 0; i < d->keyset_count; i++) {
		const struct doc_keyset *set = &d->keysets[i];
		char div[KEY_DIV_TEXT_SIZE], period[KEY_PERIOD_TEXT_SIZE];

		key_div_print(&set->div, div);
		key_period_print(&set->period, period);
		if (json_array_append_new(
			    rows, json_pack("{s:s, s:s, s:s, s:i, s:s}", "keyset", set->name,
					  "customer", set->customer, "diversification", div, "kvn",
					  (int)set->kvn, "cryptoperiod", period)))
			return kms_nomem(err);
	}
	return KMS_OK;
}

static enum kms_status show_package(
	struct op_site *site, const struct op_file *file, json_t **ret, struct kms_err *err)
{
	DOC_PACKAGE_AUTO struct doc_package d = {0};
	JS_AUTO json_t *sets = json_array(), *keys = json_array(), *transport = json_array();
	JS_AUTO json_t *overrides = json_array();
	const char *verdict = NULL;
	enum kms_status st = doc_package_parse(file->text.data, file->text.len, &d, err);

	if (!st)
		st = judge(site, &d.sender, verify_package, &d, &verdict, err);
	if (!st)
		st = package_sets(&d, sets, err);
	for (size_t i = 0; !st && i < d.key_count; i++)
		st = op_checked_json(keys, d.keys[i].label, d.keys[i].alg, &d.keys[i].kcv, err);
	if (!st)
		st = op_checked_json(
			transport, d.transport.label, d.transport.alg, &d.transport.kcv, err);
	for (size_t i = 0; !st && i < d.override_count; i++)
		if (json_array_append_new(overrides, json_string(d.overrides[i])))
			st = kms_nomem(err);
	if (st)
		return st;
	*ret = json_pack(
		"{s:s, s:s, s:s, s:o, s:o, s:s, s:O, s:s, s:s, s:O, s:O, s:O, s:s, s:o, s:s}",
		"kind", "package", "id", d.id, "request", d.request_id, "sender",
		party_json(&d.sender), "recipient", party_json(&d.recipient), "hsm_serial",
		d.hsm_serial, "transport_key", json_array_get(transport, 0), "ceremony", d.ceremony,
		"wrapping", key_wrapping_name(d.wrapping), "keysets", sets, "keys", keys,
		"overrides", overrides, "carrier", d.carrier, "created", time_json(d.created),
		"signature", verdict);
	return *ret ? KMS_OK : kms_nomem(err);
}

static enum kms_status show_receipt(
	struct op_site *site, const struct op_file *file, json_t **ret, struct kms_err *err)
{
	DOC_RECEIPT_AUTO struct doc_receipt d = {0};
	JS_AUTO json_t *keys = json_array();
	const char *verdict = NULL;
	enum kms_status st = doc_receipt_parse(file->text.data, file->text.len, &d, err);

	if (!st)
		st = judge(site, &d.sender, verify_receipt, &d, &verdict, err);
	for (size_t i = 0; !st && i < d.key_count; i++)
		st = op_checked_json(keys, d.keys[i].label, d.keys[i].alg, &d.keys[i].kcv, err);
	if (st)
		return st;
	*ret = json_pack("{s:s, s:s, s:s, s:o, s:o, s:s, s:O, s:o, s:s}", "kind", "receipt", "id",
		d.id, "package", d.package_id, "sender", party_json(&d.sender), "recipient",
		party_json(&d.recipient), "hsm_serial", d.hsm_serial, "keys", keys, "created",
		time_json(d.created), "signature", verdict);
	return *ret ? KMS_OK : kms_nomem(err);
}

enum kms_status op_exchange_show(
	struct op_site *site, const char *path, json_t **ret_report, struct kms_err *err)
{
	struct op_file file __attribute__((cleanup(op_file_free))) = {0};
	enum doc_kind kind;
	enum kms_status st = op_file_read(&file, path, err);

	if (!st)
		st = doc_kind(file.text.data, file.text.len, &kind, err);
	if (st) {
		kms_prefix(err, "'%s': ", path);
		return st;
	}
	switch (kind) {
	case DOC_IDENTITY:
		st = show_identity(&file, ret_report, err);
		break;
	case DOC_REQUEST:
		st = show_request(site, &file, ret_report, err);
		break;
	case DOC_PACKAGE:
		st = show_package(site, &file, ret_report, err);
		break;
	case DOC_RECEIPT:
		st = show_receipt(site, &file, ret_report, err);
		break;
	case DOC_BACKUP:
		kms_fail(err, KMS_ERR_INVALID, "it is a backup, no file of an exchange");
		st = kms_hint(err, "'cardkms backup verify F' explains it");
		break;
	case DOC_DERIVED:
		kms_fail(err, KMS_ERR_INVALID, "it is the manifest of a file of cards' keys");
		st = kms_hint(err, "'cardkms key derive-verify F' explains the two");
		break;
	case DOC_SHIPMENT:
		kms_fail(err, KMS_ERR_INVALID, "it is a shipment of cards");
		st = kms_hint(err, "'cardkms shipment receive F --dry-run' says what is in it");
		break;
	case DOC_DAP:
	case DOC_TOKEN:
	case DOC_CARD_RECEIPT:
		st = kms_fail(err, KMS_ERR_INVALID,
			"it is a %s, about what is on cards: no file of an exchange",
			doc_kind_name(kind));
		break;
	case DOC_PROGRESS:
	case DOC_NONE:
		st = kms_fail(err, KMS_ERR_INVALID, "it is no file of an exchange");
	}
	if (st) {
		kms_prefix(err, "'%s': ", path);
		return st;
	}
	return json_object_set_new(*ret_report, "sha256", json_string(file.hash_text))
		       ? kms_nomem(err)
		       : KMS_OK;
}

enum kms_status op_exchange_list(struct op_site *site, json_t **ret_report, struct kms_err *err)
{
	STORE_AUTO(doc_list) struct store_doc_list list = {0};
	JS_AUTO json_t *rows = json_array();
	enum kms_status st = store_docs(site->store, NULL, &list, err);

	for (size_t i = 0; !st && i < list.count; i++) {
		const struct store_doc *d = &list.items[i];

		if (json_array_append_new(
			    rows, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s?, s:s?, s:o}", "id",
					  d->id, "kind", d->kind, "direction", d->direction,
					  "partner", d->partner, "state", d->state, "answers",
					  d->related, "transport_key", d->transport_key, "created",
					  time_json(d->created))))
			st = kms_nomem(err);
	}
	if (!st)
		*ret_report = json_incref(rows);
	return st;
}
