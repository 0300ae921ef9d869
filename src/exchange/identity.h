/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A site's identity: its name, role and two public keys, signed with the identity key itself.
 *
 * The signature shows only that the signer holds the key. What makes it someone's identity is the
 * fingerprint, compared by people over another channel when the partner is enrolled: SHA-256 of
 * the canonical object of "cardkms", name, role, identity_key and audit_key. HSM and date are not
 * in it: they describe, and can be corrected in a new identity file without a new enrolment.
 */
#ifndef EXCHANGE_IDENTITY_H
#define EXCHANGE_IDENTITY_H

#include "exchange/doc.h"

enum doc_site_role {
	DOC_SITE_NONE,
	DOC_MANUFACTURER,
	DOC_ISSUER,
};

struct doc_identity {
	const char *name;
	enum doc_site_role role;
	unsigned char identity_key[P256_POINT_SIZE];
	unsigned char audit_key[P256_POINT_SIZE]; /* another one */
	/* As the token says of itself; each may be "". */
	const char *hsm_manufacturer;
	const char *hsm_model;
	const char *hsm_serial;
	int64_t created;

	/* Written by doc_identity_parse only. */
	char fingerprint[DOC_FINGERPRINT_SIZE];
	struct doc_sig sig;
	json_t *owner;
};

#define DOC_IDENTITY_AUTO __attribute__((cleanup(doc_identity_free)))

const char *doc_site_role_name(enum doc_site_role role); /* "manufacturer" */
KMS_CHECKED enum kms_status doc_site_role_parse(
	const char *text, enum doc_site_role *ret_role, struct kms_err *err);

/* Needs name, role and keys only. */
KMS_CHECKED enum kms_status doc_identity_fingerprint(const struct doc_identity *identity,
	char ret_fingerprint[DOC_FINGERPRINT_SIZE], struct kms_err *err);

/* signer->point must be identity_key. */
KMS_CHECKED enum kms_status doc_identity_write(const struct doc_identity *identity,
	const struct p256_signer *signer, struct buf *ret_text, struct kms_err *err);
KMS_CHECKED enum kms_status doc_identity_parse(
	const char *text, size_t len, struct doc_identity *ret_identity, struct kms_err *err);

/* Its own signature, and (unless NULL) that it is the identity with this fingerprint. */
KMS_CHECKED enum kms_status doc_identity_verify(
	const struct doc_identity *identity, const char *fingerprint, struct kms_err *err);
void doc_identity_free(struct doc_identity *identity);

#endif
