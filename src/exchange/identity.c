/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/identity.h"

#include "base/hex.h"
#include "exchange/internal.h"

#include <string.h>

static const char what[] = "identity";

const char *doc_site_role_name(enum doc_site_role role)
{
	return role == DOC_MANUFACTURER ? "manufacturer" : role == DOC_ISSUER ? "issuer" : "none";
}

enum kms_status doc_site_role_parse(
	const char *text, enum doc_site_role *ret_role, struct kms_err *err)
{
	for (enum doc_site_role role = DOC_MANUFACTURER; role <= DOC_ISSUER; role++)
		if (strcmp(text, doc_site_role_name(role)) == 0) {
			*ret_role = role;
			return KMS_OK;
		}
	return kms_fail(err, KMS_ERR_INVALID, "a site's role is manufacturer or issuer");
}

enum kms_status doc_identity_fingerprint(const struct doc_identity *identity,
	char ret_fingerprint[DOC_FINGERPRINT_SIZE], struct kms_err *err)
{
	JS_AUTO json_t *object = NULL;
	unsigned char digest[HASH_SIZE];
	enum kms_status st;

	object = json_pack("{s:s, s:s, s:o, s:o}", "name", identity->name, "role",
		doc_site_role_name(identity->role), "identity_key",
		doc_hex(identity->identity_key, P256_POINT_SIZE), "audit_key",
		doc_hex(identity->audit_key, P256_POINT_SIZE));
	if (!object)
		return doc_bad_input(DOC_IDENTITY, err);
	if ((st = doc_tag(object, DOC_IDENTITY, err)) || (st = doc_digest(object, digest, err)))
		return st;
	hex_encode(digest, HASH_SIZE, ret_fingerprint);
	return KMS_OK;
}

static enum kms_status read_key(const json_t *object, const char *name,
	unsigned char point[P256_POINT_SIZE], struct kms_err *err)
{
	enum kms_status st = doc_read_hex(object, what, name, point, P256_POINT_SIZE, err);

	if (!st && !p256_point_valid(point))
		return kms_fail(err, KMS_ERR_INVALID, "%s: '%s' is no point of P-256", what, name);
	return st;
}

static enum kms_status read_hsm(
	const json_t *object, struct doc_identity *identity, struct kms_err *err)
{
	static const char *const members[] = {"manufacturer", "model", "serial", NULL};
	json_t *hsm;
	enum kms_status st;

	if ((st = js_get_object(object, what, "hsm", &hsm, err)) ||
		(st = js_only(hsm, what, members, err)) ||
		(st = doc_read_text(
			 hsm, what, "manufacturer", 0, &identity->hsm_manufacturer, err)) ||
		(st = doc_read_text(hsm, what, "model", 0, &identity->hsm_model, err)))
		return st;
	return doc_read_text(hsm, what, "serial", 0, &identity->hsm_serial, err);
}

static enum kms_status read_identity(
	const json_t *object, struct doc_identity *identity, struct kms_err *err)
{
	const char *role;
	enum kms_status st;

	if ((st = doc_read_name(object, what, "name", false, &identity->name, err)) ||
		(st = js_get_text(object, what, "role", &role, err)) ||
		(st = doc_site_role_parse(role, &identity->role, err)) ||
		(st = read_key(object, "identity_key", identity->identity_key, err)) ||
		(st = read_key(object, "audit_key", identity->audit_key, err)) ||
		(st = read_hsm(object, identity, err)) ||
		(st = doc_read_time(object, what, "created", &identity->created, err)))
		return st;
	if (memcmp(identity->identity_key, identity->audit_key, P256_POINT_SIZE) == 0)
		return kms_fail(err, KMS_ERR_INVALID,
			"%s: identity key and audit key are the same key", what);
	return doc_identity_fingerprint(identity, identity->fingerprint, err);
}

enum kms_status doc_identity_parse(
	const char *text, size_t len, struct doc_identity *ret_identity, struct kms_err *err)
{
	static const char *const members[] = {
		"audit_key", "created", "hsm", "identity_key", "name", "role", NULL};
	struct doc_identity identity = {0};
	JS_AUTO json_t *object = NULL;
	enum kms_status st;

	if ((st = doc_open(DOC_IDENTITY, text, len, members, &object, &identity.sig, err)) ||
		(st = read_identity(object, &identity, err)))
		return st;
	identity.owner = object;
	object = NULL;
	*ret_identity = identity;
	return KMS_OK;
}

enum kms_status doc_identity_write(const struct doc_identity *identity,
	const struct p256_signer *signer, struct buf *ret_text, struct kms_err *err)
{
	struct doc_identity read = {0};
	JS_AUTO json_t *object = NULL;
	enum kms_status st;

	if (memcmp(signer->point, identity->identity_key, P256_POINT_SIZE) != 0)
		return kms_fail(err, KMS_ERR_INVALID,
			"cannot write the identity: its key is not the one that signs");
	object = json_pack("{s:s, s:s, s:o, s:o, s:{s:s, s:s, s:s}, s:o}", "name", identity->name,
		"role", doc_site_role_name(identity->role), "identity_key",
		doc_hex(identity->identity_key, P256_POINT_SIZE), "audit_key",
		doc_hex(identity->audit_key, P256_POINT_SIZE), "hsm", "manufacturer",
		identity->hsm_manufacturer, "model", identity->hsm_model, "serial",
		identity->hsm_serial, "created", doc_time(identity->created));
	if (!object)
		return doc_bad_input(DOC_IDENTITY, err);
	if ((st = read_identity(object, &read, err)) || (st = doc_tag(object, DOC_IDENTITY, err)))
		return st;
	return doc_seal(object, DOC_IDENTITY, signer, ret_text, err);
}

enum kms_status doc_identity_verify(
	const struct doc_identity *identity, const char *fingerprint, struct kms_err *err)
{
	if (fingerprint && strcmp(identity->fingerprint, fingerprint) != 0) {
		kms_fail(err, KMS_ERR_MISMATCH,
			"the identity of '%s' has the fingerprint %s, not the %s that was given",
			identity->name, identity->fingerprint, fingerprint);
		return kms_hint(err, "compare the fingerprint with the partner by another channel");
	}
	enum kms_status st =
		p256_verify(identity->identity_key, identity->sig.digest, identity->sig.sig, err);

	if (st == KMS_ERR_MISMATCH)
		kms_fail(err, KMS_ERR_MISMATCH,
			"the signature of the identity of '%s' does not verify with its own key",
			identity->name);
	return st;
}

void doc_identity_free(struct doc_identity *identity)
{
	if (!identity->owner)
		return;
	json_decref(identity->owner);
	*identity = (struct doc_identity){0};
}
