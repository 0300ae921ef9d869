/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/trust.h"

#include "base/hex.h"
#include "hsm/probe.h"
#include "ops/meta.h"
#include "ops/quorum.h"

#include <stdio.h>

void op_trust_clear(struct op_trust *trust)
{
	secret_free(&trust->so_pin);
}

static bool wraps_masters(enum hsm_role role)
{
	return role == HSM_TRANSPORT_WRAP || role == HSM_SITE || role == HSM_ZONE;
}

static enum kms_status cannot_be_trusted(struct kms_err *err)
{
	kms_fail(err, KMS_ERR_UNSUPPORTED,
		"this wrapping would pass through this machine, but the masters of this HSM leave "
		"it "
		"only under a key that it trusts");
	return kms_hint(err, "choose a wrapping that the HSM does inside: --wrapping aes-kw");
}

static enum kms_status read_so_pin(
	struct op *op, const char *hsm_name, struct op_trust *trust, struct kms_err *err)
{
	char name[64], prompt[120];
	bool by_quorum = false;
	enum kms_status st = KMS_OK;

	if (!hsm_name)
		st = op_quorum_so_pin(op->site, &trust->so_pin, &by_quorum, err);
	if (st || by_quorum)
		return st;
	snprintf(name, sizeof(name), "so-pin%s%s", hsm_name ? "." : "", hsm_name ? hsm_name : "");
	snprintf(prompt, sizeof(prompt), "administrator (SO) PIN%s%s%s",
		hsm_name ? " of the HSM '" : "", hsm_name ? hsm_name : "", hsm_name ? "'" : "");
	return op_ask_secret(op->site, name, prompt, &trust->so_pin, err);
}

enum kms_status op_trust_begin(struct op *op, struct hsm *hsm, const char *hsm_name,
	enum hsm_role role, struct op_trust *trust, struct kms_err *err)
{
	bool guarded = false;
	enum kms_status st = hsm_exports_guarded(hsm, &guarded, err);

	if (st || !guarded)
		return st;
	if (role == HSM_TRANSPORT_ENCRYPT || role == HSM_TRANSPORT_DERIVE)
		return cannot_be_trusted(err);
	if (!wraps_masters(role))
		return KMS_OK;
	op_say(op->site, "the HSM guards its masters: its administrator marks this key as trusted");
	trust->hsm = hsm;
	trust->guarded = true;
	st = read_so_pin(op, hsm_name, trust, err);
	/* A dry run makes no key, and tries no PIN for it. */
	if (!st && !op->site->dry_run)
		st = hsm_check_so_pin(hsm, &trust->so_pin, err);
	return st || op->site->dry_run ? st : hsm_login_again(hsm, err);
}

enum kms_status op_trust_key(
	const struct op_trust *trust, const char *id, const char *label, struct kms_err *err)
{
	unsigned char raw[HSM_ID_LEN];

	if (!trust->guarded)
		return KMS_OK;
	if (!hex_decode_strict(id, raw, sizeof(raw)))
		return kms_fail(err, KMS_ERR_INTERNAL, "a CKA_ID is no hex");
	return hsm_key_trust(trust->hsm, raw, label, &trust->so_pin, err);
}
