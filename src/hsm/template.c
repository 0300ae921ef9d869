/* SPDX-License-Identifier: Apache-2.0 */
/* What each key may do: one table. Everything that a row does not grant is set to false. */
#include "hsm/internal.h"

#include <string.h>

#define SECRET	CKO_SECRET_KEY
#define PRIVATE CKO_PRIVATE_KEY

/* clang-format off */
static const struct hsm_role_row table[HSM_INNER_ROLE_COUNT] = {
	/* name, class, token, private, extractable, usage, locked, bound, guarded */
	[HSM_MASTER_VAULT]      = {"master-vault",      SECRET,  true,  true, true,  HSM_CAN_DERIVE,  true,  false, true},
	[HSM_MASTER_PRODUCTION] = {"master-production", SECRET,  true,  true, false, HSM_CAN_DERIVE,  true,  false, false},
	[HSM_TRANSPORT_WRAP]    = {"transport-wrap",    SECRET,  true,  true, false, HSM_CAN_WRAP,    true,  true, false},
	[HSM_TRANSPORT_UNWRAP]  = {"transport-unwrap",  SECRET,  true,  true, false, HSM_CAN_UNWRAP,  true,  true, false},
	[HSM_TRANSPORT_ENCRYPT] = {"transport-encrypt", SECRET,  true,  true, false, HSM_CAN_ENCRYPT, true,  true, false},
	[HSM_TRANSPORT_DECRYPT] = {"transport-decrypt", SECRET,  true,  true, false, HSM_CAN_DECRYPT, true,  true, false},
	[HSM_TRANSPORT_DERIVE]  = {"transport-derive",  SECRET,  true,  true, false, HSM_CAN_DERIVE,  true,  true, false},
	[HSM_SITE]              = {"site",              SECRET,  true,  true, false, HSM_CAN_WRAP | HSM_CAN_UNWRAP, true, true, false},
	[HSM_ZONE]              = {"zone",              SECRET,  true,  true, false, HSM_CAN_WRAP | HSM_CAN_UNWRAP, true, true, false},
	[HSM_IDENTITY]          = {"identity",          PRIVATE, true,  true, false, HSM_CAN_SIGN,    true,  false, false},
	[HSM_AUDIT]             = {"audit",             PRIVATE, true,  true, false, HSM_CAN_SIGN,    true,  false, false},
	[HSM_CARD_SIGN]         = {"card-sign",         SECRET,  true,  true, true,  HSM_CAN_SIGN | HSM_CAN_VERIFY, true, false, false},
	[HSM_CARD_PAIR]         = {"card-pair",         PRIVATE, true,  true, false, HSM_CAN_SIGN,    true,  false, false},
	[HSM_TEMP_CARD]         = {"temp-card",         SECRET,  false, true, true,  0,               false, false, false},
	[HSM_TEMP_BULK]         = {"temp-bulk",         SECRET,  false, true, true,  0,               false, false, true},
	[HSM_TEMP_KEK]          = {"temp-kek",          SECRET,  false, true, false, HSM_CAN_WRAP,    false, false, false},
	[HSM_TEMP_CIPHER]       = {"temp-cipher",       SECRET,  false, true, false, HSM_CAN_ENCRYPT | HSM_CAN_DECRYPT, false, false, false},
	[HSM_TEMP_ENCRYPT]      = {"temp-encrypt",      SECRET,  false, true, false, HSM_CAN_ENCRYPT, false, false, false},
	[HSM_TEMP_MAC]          = {"temp-mac",          SECRET,  false, true, false, HSM_CAN_SIGN | HSM_CAN_VERIFY, false, false, false},
	[HSM_TEMP_DERIVE]       = {"temp-derive",       SECRET,  false, true, false, HSM_CAN_DERIVE,  false, false, false},
	[HSM_TEMP_STATIC]       = {"temp-static",       SECRET,  false, true, false, HSM_CAN_ENCRYPT | HSM_CAN_SIGN | HSM_CAN_DERIVE, false, false, false},
	[HSM_BLANK]             = {"blank",             SECRET,  false, true, false, 0,               false, false, false},
	[HSM_BLANK_OUT]         = {"blank-out",         SECRET,  false, true, true,  0,               false, false, false},
	[HSM_SCRATCH_TARGET]    = {"scratch-target",    SECRET,  false, true, true,  HSM_CAN_ENCRYPT, false, false, false},
	[HSM_SCRATCH_RAW]       = {"scratch-raw",       SECRET,  false, true, true,  HSM_CAN_DERIVE,  false, false, false},
	[HSM_SCRATCH_UNWRAP]    = {"scratch-unwrap",    SECRET,  false, true, false, HSM_CAN_UNWRAP,  false, false, false},
};
/* clang-format on */

static const struct {
	unsigned flag;
	CK_ATTRIBUTE_TYPE type;
} usages[] = {
	{HSM_CAN_ENCRYPT, CKA_ENCRYPT},
	{HSM_CAN_DECRYPT, CKA_DECRYPT},
	{HSM_CAN_SIGN, CKA_SIGN},
	{HSM_CAN_VERIFY, CKA_VERIFY},
	{HSM_CAN_WRAP, CKA_WRAP},
	{HSM_CAN_UNWRAP, CKA_UNWRAP},
	{HSM_CAN_DERIVE, CKA_DERIVE},
};

static const struct {
	unsigned flag;
	CK_ATTRIBUTE_TYPE type;
} states[] = {
	{HSM_IS_SENSITIVE, CKA_SENSITIVE},
	{HSM_IS_EXTRACTABLE, CKA_EXTRACTABLE},
	{HSM_IS_MODIFIABLE, CKA_MODIFIABLE},
	{HSM_IS_PRIVATE, CKA_PRIVATE},
	{HSM_IS_LOCAL, CKA_LOCAL},
	{HSM_IS_TRUSTED, CKA_TRUSTED},
	{HSM_IS_GUARDED, CKA_WRAP_WITH_TRUSTED},
};

/* PKCS#11 gives these to secret keys and to private keys; VERIFY and ENCRYPT belong to the public
 * half of a pair. */
static bool usage_applies(unsigned flag, CK_OBJECT_CLASS object_class)
{
	if (object_class == CKO_PRIVATE_KEY)
		return flag & (HSM_CAN_DECRYPT | HSM_CAN_SIGN | HSM_CAN_UNWRAP | HSM_CAN_DERIVE);
	if (object_class == CKO_PUBLIC_KEY)
		return flag & (HSM_CAN_ENCRYPT | HSM_CAN_VERIFY | HSM_CAN_WRAP | HSM_CAN_DERIVE);
	return true;
}

const struct hsm_role_row *hsm_role_row(unsigned role)
{
	return role < HSM_INNER_ROLE_COUNT && table[role].name ? &table[role] : NULL;
}

const char *hsm_role_name(enum hsm_role role)
{
	const struct hsm_role_row *row = hsm_role_row(role);

	return row ? row->name : "none";
}

unsigned hsm_role_usage(unsigned role)
{
	const struct hsm_role_row *row = &table[role];

	return row->usage | HSM_IS_SENSITIVE | (row->extractable ? HSM_IS_EXTRACTABLE : 0) |
	       (row->private_object ? HSM_IS_PRIVATE : 0) | (row->guarded ? HSM_IS_GUARDED : 0);
}

void hsm_template_add(struct hsm_template *t, CK_ATTRIBUTE_TYPE type, const void *value, size_t len)
{
	/* pValue is not const in PKCS#11, but templates are only read. */
	t->attr[t->count++] = (CK_ATTRIBUTE){type, (void *)(uintptr_t)value, len};
}

static const CK_BBOOL yes = CK_TRUE;
static const CK_BBOOL no = CK_FALSE;

static void add_bool(struct hsm_template *t, CK_ATTRIBUTE_TYPE type, bool value)
{
	hsm_template_add(t, type, value ? &yes : &no, sizeof(CK_BBOOL));
}

void hsm_template_usage(struct hsm_template *t, CK_OBJECT_CLASS object_class, unsigned usage)
{
	for (size_t i = 0; i < COUNT_OF(usages); i++)
		if (usage_applies(usages[i].flag, object_class))
			add_bool(t, usages[i].type, usage & usages[i].flag);
}

void hsm_template_session(struct hsm_template *t)
{
	for (CK_ULONG i = 0; i < t->count; i++)
		if (t->attr[i].type == CKA_TOKEN)
			t->attr[i].pValue = (void *)(uintptr_t)&no;
}

static bool wants_value_len(const struct hsm *hsm, enum hsm_alg alg, enum hsm_template_for purpose)
{
	if (hsm_is_tdea(alg) || alg == HSM_EC_P256)
		return false;
	return purpose == HSM_FOR_GENERATE || purpose == HSM_FOR_DERIVE ||
	       (purpose == HSM_FOR_UNWRAP && hsm->quirks->unwrap_needs_value_len);
}

/* What a bound key may be used by, and nothing else. */
static CK_ULONG allowed_mechanisms(
	const struct hsm *hsm, enum hsm_alg alg, enum hsm_wrap wrap, CK_MECHANISM_TYPE *ret)
{
	CK_ULONG count = 0;

	ret[count++] = hsm_wrap_mechanism(alg, wrap);
	/* Where the token has it, hsm_derive_cmac takes it. */
	if (wrap == HSM_WRAP_BLOCK && !hsm_is_tdea(alg) &&
		hsm->caps[CAP_KDF_COUNTER].answer == HSM_WORKS)
		ret[count++] = CKM_SP800_108_COUNTER_KDF;
	return count;
}

static void add_locks(struct hsm_template *t, const struct hsm *hsm, const struct hsm_role_row *row,
	enum hsm_alg alg, enum hsm_template_for purpose, const struct hsm_new *spec)
{
	bool copied = purpose == HSM_FOR_COPY; /* SoftHSM lets no copy gain these two */

	if (row->guarded && hsm_guards_exports(hsm))
		add_bool(t, CKA_WRAP_WITH_TRUSTED, true);
	if (row->bound && !copied && spec && spec->wrap &&
		hsm->caps[CAP_ALLOWED_MECHANISMS].answer == HSM_WORKS) {
		CK_ULONG count = allowed_mechanisms(hsm, alg, spec->wrap, t->mechanisms);

		hsm_template_add(
			t, CKA_ALLOWED_MECHANISMS, t->mechanisms, count * sizeof(t->mechanisms[0]));
	}
	if (row->locked && row->bound && !copied && hsm->caps[CAP_COPYABLE].answer == HSM_WORKS)
		add_bool(t, CKA_COPYABLE, false);
	/* The last one: SoftHSM applies a template in order and obeys this at once. */
	if (row->locked && hsm->caps[CAP_MODIFIABLE].answer == HSM_WORKS)
		add_bool(t, CKA_MODIFIABLE, false);
}

void hsm_template_fill(struct hsm_template *t, const struct hsm *hsm, unsigned role,
	enum hsm_alg alg, size_t raw_len, enum hsm_template_for purpose, const struct hsm_new *spec)
{
	const struct hsm_role_row *row = &table[role];

	t->count = 0;
	if (purpose != HSM_FOR_COPY) {
		hsm_template_add(t, CKA_CLASS, &row->object_class, sizeof(row->object_class));
		t->key_type = hsm_key_type(alg);
		hsm_template_add(t, CKA_KEY_TYPE, &t->key_type, sizeof(t->key_type));
	}
	if (wants_value_len(hsm, alg, purpose)) {
		t->value_len = alg == HSM_RAW ? raw_len : hsm_alg_len(alg);
		hsm_template_add(t, CKA_VALUE_LEN, &t->value_len, sizeof(t->value_len));
	}
	add_bool(t, CKA_TOKEN, row->token);
	if (purpose != HSM_FOR_COPY) {
		add_bool(t, CKA_PRIVATE, row->private_object);
		add_bool(t, CKA_SENSITIVE, true);
		add_bool(t, CKA_EXTRACTABLE, row->extractable);
	}
	hsm_template_usage(t, row->object_class, row->usage);
	if (spec && row->token) {
		hsm_template_add(t, CKA_ID, spec->id, HSM_ID_LEN);
		hsm_template_add(t, CKA_LABEL, spec->label, strlen(spec->label));
	}
	add_locks(t, hsm, row, alg, purpose, spec);
}

bool hsm_guards_exports(const struct hsm *hsm)
{
	return hsm->caps[CAP_WRAP_TRUSTED].answer == HSM_WORKS &&
	       hsm->caps[CAP_TRUSTED_RESERVED].answer == HSM_WORKS &&
	       hsm->caps[CAP_TRUSTED_PRIVATE].answer == HSM_WORKS;
}

enum kms_status hsm_template_prepare(struct hsm *hsm, unsigned role, struct kms_err *err)
{
	const struct hsm_role_row *row = &table[role];
	enum kms_status st = KMS_OK;
	bool works;

	if (row->guarded)
		st = hsm_exports_guarded(hsm, &works, err);

	if (!st && row->locked)
		st = hsm_cap_works(hsm, CAP_MODIFIABLE, &works, err);
	if (!st && row->bound)
		st = hsm_cap_works(hsm, CAP_COPYABLE, &works, err);
	if (!st && row->bound)
		st = hsm_cap_works(hsm, CAP_ALLOWED_MECHANISMS, &works, err);
	if (!st && role == HSM_TRANSPORT_DERIVE)
		st = hsm_cap_works(hsm, CAP_KDF_COUNTER, &works, err);
	return st;
}

CK_RV hsm_read_usage(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
	CK_OBJECT_CLASS object_class, unsigned *ret_usage)
{
	CK_ATTRIBUTE attr[COUNT_OF(usages) + COUNT_OF(states)];
	CK_BBOOL value[COUNT_OF(attr)];
	unsigned flag[COUNT_OF(attr)];
	unsigned usage = 0;
	CK_ULONG n = 0;
	CK_RV rv;

	memset(value, 0, sizeof(value));
	for (size_t i = 0; i < COUNT_OF(usages); i++) {
		if (!usage_applies(usages[i].flag, object_class))
			continue;
		flag[n] = usages[i].flag;
		attr[n] = (CK_ATTRIBUTE){usages[i].type, &value[n], sizeof(value[n])};
		n++;
	}
	for (size_t i = 0; i < COUNT_OF(states); i++) {
		flag[n] = states[i].flag;
		attr[n] = (CK_ATTRIBUTE){states[i].type, &value[n], sizeof(value[n])};
		n++;
	}
	rv = hsm->p11->C_GetAttributeValue(session, object, attr, n);
	/* An attribute that the object does not have grants nothing. */
	if (rv != CKR_OK && rv != CKR_ATTRIBUTE_TYPE_INVALID && rv != CKR_ATTRIBUTE_SENSITIVE)
		return rv;
	for (CK_ULONG i = 0; i < n; i++)
		if (attr[i].ulValueLen == sizeof(CK_BBOOL) && value[i])
			usage |= flag[i];
	*ret_usage = usage;
	return CKR_OK;
}
