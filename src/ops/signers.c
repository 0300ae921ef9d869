/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/signers.h"

#include "base/file.h"
#include "exchange/identity.h"
#include "ops/meta.h"
#include "store/vault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void op_signers_free(struct op_signers *trust)
{
	free(trust->former);
	*trust = (struct op_signers){0};
}

/* An identity later than those taken so far: what was the present one has become a former one. */
static enum kms_status trust_identity(
	const struct doc_identity *identity, struct op_signers *trust, struct kms_err *err)
{
	struct audit_signer *former;

	if (*trust->now.origin) {
		former = reallocarray(
			trust->former, trust->former_count + 1, sizeof(*trust->former));
		if (!former)
			return kms_nomem(err);
		former[trust->former_count++] = trust->now;
		trust->former = former;
	}
	memcpy(trust->now.point, identity->audit_key, P256_POINT_SIZE);
	snprintf(trust->name, sizeof(trust->name), "%s", identity->name);
	snprintf(trust->fingerprint, sizeof(trust->fingerprint), "%s", identity->fingerprint);
	return audit_origin(identity->fingerprint, trust->now.origin, err);
}

static enum kms_status trust_text(
	const char *text, size_t len, struct op_signers *ret, struct kms_err *err)
{
	DOC_IDENTITY_AUTO struct doc_identity identity = {0};
	enum kms_status st = doc_identity_parse(text, len, &identity, err);

	if (!st)
		st = doc_identity_verify(&identity, NULL, err);
	return st ? st : trust_identity(&identity, ret, err);
}

enum kms_status op_signers_file(const char *path, struct op_signers *ret, struct kms_err *err)
{
	BUF_AUTO struct buf text = {0};
	enum kms_status st = file_read(path, DOC_MAX, &text, err);

	if (!st)
		st = trust_text(text.data, text.len, ret, err);
	if (st)
		kms_prefix(err, "cannot use the identity '%s': ", path);
	return st;
}

enum kms_status op_signers_self(struct op_site *site, struct op_signers *ret, struct kms_err *err)
{
	STORE_AUTO(former_list) struct store_former_list formers = {0};
	FREE_AUTO char *text = NULL;
	enum kms_status st = op_meta_find(site, META_IDENTITY, &text, err);

	if (!st && !text) {
		kms_fail(err, KMS_ERR_STATE,
			"this site has no identity yet, so nothing signs its log");
		st = kms_hint(err, "run 'cardkms hsm setup' first");
	}
	if (!st)
		st = store_formers(site->store, &formers, err);
	for (size_t i = 0; !st && i < formers.count; i++)
		st = trust_text(
			formers.items[i].document, strlen(formers.items[i].document), ret, err);
	return st ? st : trust_text(text, strlen(text), ret, err);
}

/* A partner's identity, with those that it superseded: its log goes on from theirs. */
enum kms_status op_signers_partner(const struct store_partner_list *partners, size_t place,
	struct op_signers *ret, struct kms_err *err)
{
	const struct store_partner *newest = &partners->items[place];
	enum kms_status st = KMS_OK;

	/* Ordered by name, then version. */
	for (size_t i = 0; !st && i <= place; i++)
		if (strcmp(partners->items[i].name, newest->name) == 0)
			st = trust_text(partners->items[i].document,
				strlen(partners->items[i].document), ret, err);
	return st;
}
