/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/trust.h"

#include "base/hex.h"
#include "hsm/probe.h"
#include "ops/meta.h"

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

enum kms_status op_trust_begin(
	struct op *op, enum hsm_role role, struct op_trust *trust, struct kms_err *err)
{
	struct hsm *hsm = op->site->hsm;
	enum kms_status st = hsm_exports_guarded(hsm, &trust->guarded, err);

	if (st || !trust->guarded)
		return st;
	if (role == HSM_TRANSPORT_ENCRYPT)
		return cannot_be_trusted(err);
	trust->guarded = wraps_masters(role);
	if (!trust->guarded)
		return KMS_OK;
	op_say(op->site, "the HSM guards its masters: its administrator marks this key as trusted");
	st = op_ask_secret(op->site, "so-pin", "administrator (SO) PIN", &trust->so_pin, err);
	if (!st)
		st = hsm_check_so_pin(hsm, &trust->so_pin, err);
	return st ? st : hsm_login_again(hsm, err);
}

enum kms_status op_trust_key(struct op *op, const struct op_trust *trust, const char *id,
	const char *label, struct kms_err *err)
{
	unsigned char raw[HSM_ID_LEN];

	if (!trust->guarded)
		return KMS_OK;
	if (!hex_decode_strict(id, raw, sizeof(raw)))
		return kms_fail(err, KMS_ERR_INTERNAL, "a CKA_ID is no hex");
	return hsm_key_trust(op->site->hsm, raw, label, &trust->so_pin, err);
}
