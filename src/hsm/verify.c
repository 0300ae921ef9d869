/* SPDX-License-Identifier: Apache-2.0 */
/* Whether an object is what its role's row says: what the token answered is not believed. */
#include "hsm/internal.h"

#include <stdio.h>
#include <string.h>

static const struct {
	unsigned flag;
	const char *name;
} names[] = {
	{HSM_CAN_ENCRYPT, "ENCRYPT"},
	{HSM_CAN_DECRYPT, "DECRYPT"},
	{HSM_CAN_SIGN, "SIGN"},
	{HSM_CAN_VERIFY, "VERIFY"},
	{HSM_CAN_WRAP, "WRAP"},
	{HSM_CAN_UNWRAP, "UNWRAP"},
	{HSM_CAN_DERIVE, "DERIVE"},
	{HSM_IS_SENSITIVE, "SENSITIVE"},
	{HSM_IS_EXTRACTABLE, "EXTRACTABLE"},
	{HSM_IS_PRIVATE, "PRIVATE"},
	{HSM_IS_MODIFIABLE, "MODIFIABLE"},
	{HSM_IS_GUARDED, "WRAP_WITH_TRUSTED"},
};

struct diff {
	char *text;
	size_t size;
	size_t len;
};

static void say(struct diff *d, const char *name, const char *value)
{
	int n = snprintf(
		d->text + d->len, d->size - d->len, "%s%s is %s", d->len ? ", " : "", name, value);

	if (n > 0)
		d->len = d->len + (size_t)n < d->size ? d->len + (size_t)n : d->size - 1;
}

static void compare_usage(const struct hsm *hsm, const struct hsm_role_row *row, unsigned expected,
	unsigned got, struct diff *d)
{
	/* Without this the token widens usage at will; then there is nothing to compare. */
	bool locks = row->locked && hsm->caps[CAP_MODIFIABLE].answer == HSM_WORKS;

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		unsigned flag = names[i].flag;

		if ((flag == HSM_IS_MODIFIABLE && !locks) ||
			(flag == HSM_IS_GUARDED && !hsm_guards_exports(hsm)))
			continue;
		if ((expected & flag) != (got & flag))
			say(d, names[i].name, got & flag ? "true" : "false");
	}
}

static bool attr_is(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
	CK_ATTRIBUTE_TYPE type, const void *expected, size_t len)
{
	unsigned char got[HSM_LABEL_SIZE];
	/* Exactly the expected size: NSS answers numbers of its database otherwise encoded. */
	CK_ATTRIBUTE a = {type, got, len};

	return len <= sizeof(got) &&
	       hsm->p11->C_GetAttributeValue(session, object, &a, 1) == CKR_OK &&
	       a.ulValueLen == len && !memcmp(got, expected, len);
}

static void compare_spec(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
	const struct hsm_new *spec, struct diff *d)
{
	CK_KEY_TYPE type = hsm_key_type(spec->alg);
	CK_ULONG len = hsm_alg_len(spec->alg);
	static const CK_ULONG untold = 0;

	if (!attr_is(hsm, session, object, CKA_KEY_TYPE, &type, sizeof(type)))
		say(d, "KEY_TYPE", "another");
	if (type == CKK_AES && !attr_is(hsm, session, object, CKA_VALUE_LEN, &len, sizeof(len)) &&
		!(hsm->quirks->unwrap_loses_value_len &&
			attr_is(hsm, session, object, CKA_VALUE_LEN, &untold, sizeof(untold))))
		say(d, "VALUE_LEN", "another");
	if (!attr_is(hsm, session, object, CKA_ID, spec->id, HSM_ID_LEN))
		say(d, "ID", "another");
	if (!attr_is(hsm, session, object, CKA_LABEL, spec->label, strlen(spec->label)))
		say(d, "LABEL", "another");
}

static CK_RV verify(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
	unsigned role, CK_BBOOL token, const struct hsm_new *spec, struct diff *d)
{
	const struct hsm_role_row *row = hsm_role_row(role);
	unsigned got = 0;
	CK_RV rv;

	*d->text = 0;
	rv = hsm_read_usage(hsm, session, object, row->object_class, &got);
	if (rv != CKR_OK)
		return rv;
	compare_usage(hsm, row, hsm_role_usage(role), got, d);
	if (!attr_is(hsm, session, object, CKA_TOKEN, &token, sizeof(token)))
		say(d, "TOKEN", token ? "false" : "true");
	if (spec)
		compare_spec(hsm, session, object, spec, d);
	return d->len ? HSM_RV_WRONG : CKR_OK;
}

CK_RV hsm_raw_verify(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
	unsigned role, const struct hsm_new *spec, char *diff, size_t diff_size)
{
	struct diff d = {diff, diff_size, 0};

	return verify(hsm, session, object, role, hsm_role_row(role)->token, spec, &d);
}

CK_RV hsm_raw_verify_session(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
	unsigned role, char *diff, size_t diff_size)
{
	struct diff d = {diff, diff_size, 0};

	return verify(hsm, session, object, role, CK_FALSE, NULL, &d);
}

struct role_ctx {
	struct hsm_key *key;
	enum hsm_role role;
	char diff[256];
};

static bool wraps_masters(enum hsm_role role)
{
	return role == HSM_TRANSPORT_WRAP || role == HSM_SITE || role == HSM_ZONE;
}

static CK_RV run_role(struct hsm *hsm, CK_SESSION_HANDLE session, void *arg)
{
	struct role_ctx *c = arg;
	CK_RV rv = hsm_raw_verify(
		hsm, session, c->key->handle, c->role, NULL, c->diff, sizeof(c->diff));

	/* Marked after it was made (hsm_key_trust), so not in the row. */
	if (rv == CKR_OK && wraps_masters(c->role) && hsm_guards_exports(hsm) &&
		!(c->key->usage & HSM_IS_TRUSTED))
		snprintf(c->diff, sizeof(c->diff), "TRUSTED is false");

	return rv == HSM_RV_WRONG ? CKR_OK : rv;
}

enum kms_status hsm_key_check_role(
	struct hsm *hsm, struct hsm_key *key, enum hsm_role role, struct kms_err *err)
{
	const struct hsm_work work = {
		.doing = "read the attributes of", .what = key->label, .key = {key}};
	struct role_ctx c = {.key = key, .role = role};
	enum kms_status st;

	if (!hsm_role_row(role))
		return kms_fail(err, KMS_ERR_INTERNAL, "no such role: %d", (int)role);
	st = hsm_template_prepare(hsm, role, err);
	if (!st)
		st = hsm_do(hsm, &work, run_role, &c, NULL, err);
	if (st)
		return st;
	if (c.diff[0])
		return kms_fail(err, KMS_ERR_MISMATCH,
			"'%s' on token '%s' may not be used as %s: %s", key->label, hsm->label,
			hsm_role_name(role), c.diff);
	return KMS_OK;
}
