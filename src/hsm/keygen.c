/* SPDX-License-Identifier: Apache-2.0 */
/* Where keys come from: generated, imported, combined from components, copied. */
#include "hsm/internal.h"

#include <string.h>

/* --- generate --- */

static CK_RV source_generate(struct hsm *hsm, CK_SESSION_HANDLE session, struct hsm_template *t,
	CK_OBJECT_HANDLE *ret_object, void *arg)
{
	const struct hsm_new *spec = arg;
	CK_MECHANISM mech = {spec->alg == HSM_TDEA2   ? CKM_DES2_KEY_GEN
			     : spec->alg == HSM_TDEA3 ? CKM_DES3_KEY_GEN
						      : CKM_AES_KEY_GEN,
		NULL, 0};

	return hsm->p11->C_GenerateKey(session, &mech, t->attr, t->count, ret_object);
}

enum kms_status hsm_key_generate(
	struct hsm *hsm, const struct hsm_new *spec, struct hsm_made *ret_made, struct kms_err *err)
{
	const struct hsm_source source = {
		.doing = "generate",
		.purpose = HSM_FOR_GENERATE,
		.create = source_generate,
		.ctx = (void *)(uintptr_t)spec,
		.where = HSM_IN_HSM,
	};

	return hsm_make(hsm, spec, &source, ret_made, NULL, err);
}

/* --- import --- */

static CK_RV source_create(struct hsm *hsm, CK_SESSION_HANDLE session, struct hsm_template *t,
	CK_OBJECT_HANDLE *ret_object, void *arg)
{
	const struct secret *value = arg;

	return hsm_raw_create(hsm, session, t, value->data, value->len, ret_object);
}

static enum kms_status value_rules(
	const struct hsm_new *spec, size_t len, const char *what, struct kms_err *err)
{
	size_t want = hsm_alg_len(spec->alg);

	if (len == want)
		return KMS_OK;
	return kms_fail(err, KMS_ERR_INVALID, "cannot import '%s': %s has %zu bytes, %s takes %zu",
		spec->label, what, len, hsm_alg_name(spec->alg), want);
}

enum kms_status hsm_key_import(struct hsm *hsm, const struct hsm_new *spec,
	const struct secret *value, struct hsm_made *ret_made, struct kms_err *err)
{
	SECRET_AUTO struct secret own = {0};
	const struct hsm_source source = {
		.doing = "import",
		.purpose = HSM_FOR_CREATE,
		.create = source_create,
		.ctx = &own,
		.repeatable = true,
		.where = HSM_HOST_ASSISTED,
	};
	enum kms_status st;

	st = hsm_new_check(spec, err);
	if (!st)
		st = value_rules(spec, value->len, "the value", err);
	if (!st)
		st = secret_copy(&own, value->data, value->len, err);
	if (st)
		return st;
	if (hsm_is_tdea(spec->alg))
		hsm_host_set_parity(own.data, own.len);
	return hsm_make(hsm, spec, &source, ret_made, NULL, err);
}

/* --- components --- */

struct xor_ctx {
	const struct secret *components;
	size_t count;
};

/* Component 1 is the base key, each further one is XORed onto it; the last step gives the key. */
static CK_RV source_xor(struct hsm *hsm, CK_SESSION_HANDLE session, struct hsm_template *t,
	CK_OBJECT_HANDLE *ret_object, void *arg)
{
	const struct xor_ctx *c = arg;
	CK_OBJECT_HANDLE base;
	CK_RV rv;

	rv = hsm_raw_import(hsm, session, HSM_SCRATCH_RAW, HSM_RAW, c->components[0].data,
		c->components[0].len, &base);
	for (size_t i = 1; rv == CKR_OK && i < c->count; i++) {
		CK_KEY_DERIVATION_STRING_DATA data = {c->components[i].data, c->components[i].len};
		CK_MECHANISM mech = {CKM_XOR_BASE_AND_DATA, &data, sizeof(data)};
		struct hsm_template mid;
		CK_OBJECT_HANDLE next = CK_INVALID_HANDLE;

		hsm_template_fill(&mid, hsm, HSM_SCRATCH_RAW, HSM_RAW, c->components[i].len,
			HSM_FOR_DERIVE, NULL);
		rv = i + 1 < c->count ? hsm->p11->C_DeriveKey(
						session, &mech, base, mid.attr, mid.count, &next)
				      : hsm->p11->C_DeriveKey(
						session, &mech, base, t->attr, t->count, &next);
		hsm->p11->C_DestroyObject(session, base);
		base = next;
	}
	if (rv == CKR_OK)
		*ret_object = base;
	return rv;
}

static enum kms_status xor_by_host(struct hsm *hsm, const struct hsm_new *spec,
	const struct secret *components, size_t count, struct hsm_made *ret_made,
	struct kms_err *err)
{
	SECRET_AUTO struct secret value = {0};
	enum kms_status st;

	st = secret_copy(&value, components[0].data, components[0].len, err);
	if (st)
		return st;
	for (size_t i = 1; i < count; i++)
		for (size_t at = 0; at < value.len; at++)
			value.data[at] ^= components[i].data[at];
	return hsm_key_import(hsm, spec, &value, ret_made, err);
}

enum kms_status hsm_key_from_components(struct hsm *hsm, const struct hsm_new *spec,
	const struct secret *components, size_t count, bool allow_host, struct hsm_made *ret_made,
	struct kms_err *err)
{
	struct xor_ctx c = {components, count};
	const struct hsm_source source = {
		.doing = "combine the components of",
		.purpose = HSM_FOR_DERIVE,
		.create = source_xor,
		.ctx = &c,
		.repeatable = true,
		.where = HSM_IN_HSM,
	};
	enum kms_status st;
	bool inside = false;

	st = hsm_new_check(spec, err);
	if (!st && (count < 2 || count > 9))
		return kms_fail(err, KMS_ERR_INVALID,
			"cannot combine the components of '%s': there are %zu, not 2 to 9",
			spec->label, count);
	for (size_t i = 0; !st && i < count; i++)
		st = value_rules(spec, components[i].len, "a component", err);
	if (!st)
		st = hsm_cap_works(hsm, CAP_XOR, &inside, err);
	if (st)
		return st;
	if (inside)
		return hsm_make(hsm, spec, &source, ret_made, NULL, err);
	if (!allow_host)
		return hsm_deny_host(hsm, source.doing, spec->label, err);
	return xor_by_host(hsm, spec, components, count, ret_made, err);
}

/* --- session objects --- */

CK_RV hsm_raw_import(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned role, enum hsm_alg alg,
	const void *value, size_t len, CK_OBJECT_HANDLE *ret_object)
{
	struct hsm_template t;

	hsm_template_fill(&t, hsm, role, alg, len, HSM_FOR_CREATE, NULL);
	return hsm_raw_create(hsm, session, &t, value, len, ret_object);
}

struct temp_ctx {
	const struct hsm_temp *temp;
	const struct secret *value;
	struct hsm_key *from;
	CK_OBJECT_HANDLE object;
};

static CK_RV run_temp_import(struct hsm *hsm, CK_SESSION_HANDLE session, void *arg)
{
	struct temp_ctx *c = arg;

	return hsm_raw_import(hsm, session, c->temp->role, c->temp->alg, c->value->data,
		c->value->len, &c->object);
}

enum kms_status hsm_temp_import(struct hsm *hsm, const struct hsm_temp *temp,
	const struct secret *value, struct hsm_key *ret_key, struct kms_err *err)
{
	const struct hsm_work work = {.doing = "create a session key"};
	SECRET_AUTO struct secret own = {0};
	struct temp_ctx c = {.temp = temp, .value = &own};
	size_t want = temp->alg == HSM_RAW ? temp->len : hsm_alg_len(temp->alg);
	enum kms_status st;

	if (!want || value->len != want)
		return kms_fail(err, KMS_ERR_INVALID,
			"cannot create a session key: %zu bytes are no %s key", value->len,
			hsm_alg_name(temp->alg));
	st = secret_copy(&own, value->data, value->len, err);
	if (st)
		return st;
	if (hsm_is_tdea(temp->alg))
		hsm_host_set_parity(own.data, own.len);
	st = hsm_do(hsm, &work, run_temp_import, &c, NULL, err);
	if (st)
		return st;
	*ret_key = (struct hsm_key){
		.handle = c.object,
		.generation = hsm->generation,
		.alg = temp->alg,
		.usage = hsm_role_usage(temp->role),
	};
	return KMS_OK;
}

static CK_RV run_copy(struct hsm *hsm, CK_SESSION_HANDLE session, void *arg)
{
	static const CK_BBOOL no = CK_FALSE;
	struct temp_ctx *c = arg;
	struct hsm_template t = {.count = 0};

	hsm_template_add(&t, CKA_TOKEN, &no, sizeof(no));
	return hsm->p11->C_CopyObject(session, c->from->handle, t.attr, t.count, &c->object);
}

enum kms_status hsm_key_session_copy(
	struct hsm *hsm, struct hsm_key *key, struct hsm_key *ret_copy, struct kms_err *err)
{
	const struct hsm_work work = {
		.doing = "make a session copy of", .what = key->label, .key = {key}};
	struct temp_ctx c = {.from = key};
	enum kms_status st;
	CK_RV rv = CKR_OK;

	st = hsm_do(hsm, &work, run_copy, &c, &rv, err);
	if (rv == CKR_ATTRIBUTE_READ_ONLY || rv == CKR_ACTION_PROHIBITED) {
		kms_err_clear(err);
		*ret_copy = *key;
		return KMS_OK;
	}
	if (st)
		return st;
	*ret_copy = *key;
	ret_copy->handle = c.object;
	ret_copy->token = false;
	return KMS_OK;
}

static CK_RV run_drop(struct hsm *hsm, CK_SESSION_HANDLE session, void *arg)
{
	hsm->p11->C_DestroyObject(session, *(CK_OBJECT_HANDLE *)arg);
	return CKR_OK;
}

void hsm_key_drop(struct hsm *hsm, struct hsm_key *key)
{
	const struct hsm_work work = {.doing = "drop a session key"};
	CK_OBJECT_HANDLE handle = key->handle;

	if (key->token || !handle)
		return;
	/* What was lost with the connection is gone already. */
	if (key->generation == hsm->generation)
		(void)!hsm_do(hsm, &work, run_drop, &handle, NULL, NULL);
	*key = (struct hsm_key){.handle = 0};
}

/* --- signing pairs --- */

struct pair_ctx {
	const struct hsm_new *spec;
	CK_OBJECT_HANDLE private_key;
	CK_OBJECT_HANDLE public_key;
	unsigned usage;
	char diff[256];
};

static CK_RV run_pair(struct hsm *hsm, CK_SESSION_HANDLE session, void *arg)
{
	/* DER of the object identifier 1.2.840.10045.3.1.7, secp256r1 in RFC 5480 section 2.1.1.1 */
	static const CK_BYTE p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
	static const CK_OBJECT_CLASS public_class = CKO_PUBLIC_KEY;
	static const CK_KEY_TYPE ec = CKK_EC;
	static const CK_BBOOL yes = CK_TRUE;
	static const CK_BBOOL no = CK_FALSE;
	CK_MECHANISM mech = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
	struct pair_ctx *c = arg;
	struct hsm_template priv;
	struct hsm_template pub = {.count = 0};
	CK_RV rv;

	hsm_template_fill(&priv, hsm, c->spec->role, HSM_EC_P256, 0, HSM_FOR_GENERATE, c->spec);
	hsm_template_add(&pub, CKA_CLASS, &public_class, sizeof(public_class));
	hsm_template_add(&pub, CKA_KEY_TYPE, &ec, sizeof(ec));
	hsm_template_add(&pub, CKA_TOKEN, &yes, sizeof(yes));
	hsm_template_add(&pub, CKA_PRIVATE, &no, sizeof(no));
	hsm_template_add(&pub, CKA_VERIFY, &yes, sizeof(yes));
	hsm_template_add(&pub, CKA_ENCRYPT, &no, sizeof(no));
	hsm_template_add(&pub, CKA_WRAP, &no, sizeof(no));
	hsm_template_add(&pub, CKA_EC_PARAMS, p256, sizeof(p256));
	hsm_template_add(&pub, CKA_ID, c->spec->id, HSM_ID_LEN);
	hsm_template_add(&pub, CKA_LABEL, c->spec->label, strlen(c->spec->label));
	rv = hsm->p11->C_GenerateKeyPair(session, &mech, pub.attr, pub.count, priv.attr, priv.count,
		&c->public_key, &c->private_key);
	if (rv != CKR_OK)
		return rv;
	rv = hsm_raw_verify(
		hsm, session, c->private_key, c->spec->role, c->spec, c->diff, sizeof(c->diff));
	if (rv == CKR_OK)
		rv = hsm_read_usage(hsm, session, c->private_key, CKO_PRIVATE_KEY, &c->usage);
	if (rv != CKR_OK) {
		hsm->p11->C_DestroyObject(session, c->private_key);
		hsm->p11->C_DestroyObject(session, c->public_key);
	}
	return rv;
}

enum kms_status hsm_pair_generate(struct hsm *hsm, const struct hsm_new *spec,
	struct hsm_key *ret_private, unsigned char ret_point[HSM_POINT_LEN], struct kms_err *err)
{
	const struct hsm_work work = {
		.doing = "generate the pair", .what = spec->label, .changes = true};
	struct pair_ctx c = {.spec = spec};
	enum kms_status st;
	size_t count = 0;
	CK_RV rv = CKR_OK;

	st = hsm_new_check(spec, err);
	if (!st && spec->alg != HSM_EC_P256)
		st = kms_fail(err, KMS_ERR_INVALID, "cannot generate a pair of %s",
			hsm_alg_name(spec->alg));
	if (!st)
		st = hsm_template_prepare(hsm, spec->role, err);
	if (!st)
		st = hsm_key_count(hsm, spec->id, &count, err);
	if (st)
		return st;
	if (count)
		return kms_fail(err, KMS_ERR_EXISTS,
			"cannot generate the pair '%s' on token '%s': an object with its CKA_ID is "
			"there",
			spec->label, hsm->label);
	st = hsm_do(hsm, &work, run_pair, &c, &rv, err);
	if (rv == HSM_RV_WRONG)
		return kms_fail(err, KMS_ERR_HSM,
			"cannot generate the pair '%s': token '%s' made it other than asked (%s); "
			"it was "
			"destroyed",
			spec->label, hsm->label, c.diff);
	if (!st)
		st = hsm_pair_point(hsm, spec->id, spec->label, ret_point, err);
	if (st)
		return st;
	*ret_private = (struct hsm_key){
		.handle = c.private_key,
		.generation = hsm->generation,
		.alg = HSM_EC_P256,
		.usage = c.usage,
		.token = true,
	};
	memcpy(ret_private->id, spec->id, HSM_ID_LEN);
	strcpy(ret_private->label, spec->label);
	return KMS_OK;
}
