/* SPDX-License-Identifier: Apache-2.0 */
/* Wrapping and unwrapping: inside the token, or through secret memory where it cannot. */
#include "hsm/internal.h"

#include <openssl/rand.h>
#include <string.h>

static const unsigned char zero_iv[16];

static CK_MECHANISM wrap_mech(enum hsm_alg kek, enum hsm_wrap how)
{
	CK_MECHANISM mech = {hsm_wrap_mechanism(kek, how), NULL, 0};

	if (how == HSM_WRAP_CBC) {
		mech.pParameter = (void *)(uintptr_t)zero_iv;
		mech.ulParameterLen = hsm_block_len(kek);
	}
	return mech;
}

CK_RV hsm_raw_wrap(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE kek,
	enum hsm_alg kek_alg, enum hsm_wrap how, CK_OBJECT_HANDLE target, unsigned char *out,
	CK_ULONG *len)
{
	CK_MECHANISM mech = wrap_mech(kek_alg, how);

	return hsm->p11->C_WrapKey(session, &mech, kek, target, out, len);
}

CK_RV hsm_raw_unwrap(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE kek,
	enum hsm_alg kek_alg, enum hsm_wrap how, const unsigned char *wrapped, size_t len,
	struct hsm_template *t, CK_OBJECT_HANDLE *ret_object)
{
	CK_MECHANISM mech = wrap_mech(kek_alg, how);

	return hsm->p11->C_UnwrapKey(session, &mech, kek, (CK_BYTE *)(uintptr_t)wrapped, len,
		t->attr, t->count, ret_object);
}

bool hsm_rv_not_intact(const struct hsm *hsm, CK_RV rv)
{
	return rv == CKR_WRAPPED_KEY_INVALID || rv == CKR_ENCRYPTED_DATA_INVALID ||
	       (rv != CKR_OK && rv == hsm->quirks->kw_broken_rv);
}

enum kms_status hsm_deny_host(
	struct hsm *hsm, const char *doing, const char *what, struct kms_err *err)
{
	kms_fail(err, KMS_ERR_DENIED,
		"cannot %s '%s': token '%s' cannot do it inside, and keys may not pass through "
		"this host",
		doing, what, hsm->label);
	kms_hint(err,
		"'cardkms hsm capabilities' shows what the token lacks; allowing host-assisted "
		"work is a decision of the site's policy");
	return KMS_ERR_DENIED;
}

static size_t padded_len(size_t len, enum hsm_alg kek)
{
	size_t block = hsm_block_len(kek);

	return (len + block - 1) / block * block;
}

/* --- out --- */

struct wrap_ctx {
	struct hsm_key *kek;
	struct hsm_key *target;
	enum hsm_wrap how;
	unsigned char *out;
	CK_ULONG len;
	size_t size;
	const struct secret *ephemeral;
	const struct secret *value;
};

static CK_RV run_wrap(struct hsm *hsm, CK_SESSION_HANDLE session, void *arg)
{
	struct wrap_ctx *c = arg;

	c->len = c->size;
	return hsm_raw_wrap(hsm, session, c->kek->handle, c->kek->alg, c->how, c->target->handle,
		c->out, &c->len);
}

/* The target under a key that this process knows and the token forgets at once. */
static CK_RV run_take_out(struct hsm *hsm, CK_SESSION_HANDLE session, void *arg)
{
	struct wrap_ctx *c = arg;
	CK_OBJECT_HANDLE kek;
	CK_RV rv;

	rv = hsm_raw_import(hsm, session, HSM_TEMP_KEK, HSM_AES256, c->ephemeral->data,
		c->ephemeral->len, &kek);
	if (rv != CKR_OK)
		return rv;
	c->len = c->size;
	rv = hsm_raw_wrap(
		hsm, session, kek, HSM_AES256, HSM_WRAP_AES_KW, c->target->handle, c->out, &c->len);
	hsm->p11->C_DestroyObject(session, kek);
	return rv;
}

static enum kms_status take_out(
	struct hsm *hsm, struct hsm_key *target, struct secret *ret_value, struct kms_err *err)
{
	const struct hsm_work work = {.doing = "wrap", .what = target->label, .key = {target}};
	SECRET_AUTO struct secret ephemeral = {0};
	unsigned char wrapped[HSM_WRAPPED_MAX];
	struct wrap_ctx c = {
		.target = target, .out = wrapped, .size = sizeof(wrapped), .ephemeral = &ephemeral};
	enum kms_status st;

	st = secret_alloc(&ephemeral, 32, err);
	if (st)
		return st;
	if (RAND_priv_bytes(ephemeral.data, (int)ephemeral.len) != 1)
		return kms_fail(err, KMS_ERR_INTERNAL, "OpenSSL gives no random bytes");
	st = hsm_do(hsm, &work, run_take_out, &c, NULL, err);
	if (!st)
		st = hsm_host_kw_unwrap(&ephemeral, wrapped, c.len, ret_value, err);
	/* With the ephemeral key wiped the wrapped form is worthless; it goes too. */
	secret_wipe(wrapped, sizeof(wrapped));
	return st;
}

enum kms_status hsm_key_read(struct hsm *hsm, struct hsm_key *target, bool allow_host,
	struct secret *ret_value, struct kms_err *err)
{
	if (!allow_host)
		return hsm_deny_host(hsm, "wrap", target->label, err);
	return take_out(hsm, target, ret_value, err);
}

static CK_RV run_encrypt_out(struct hsm *hsm, CK_SESSION_HANDLE session, void *arg)
{
	struct wrap_ctx *c = arg;
	bool cbc = c->how == HSM_WRAP_CBC;

	c->len = c->value->len;
	if (!(c->kek->usage & HSM_CAN_ENCRYPT))
		return hsm_raw_ecb_read(hsm, session, c->kek->handle, c->kek->alg,
			cbc ? zero_iv : NULL, c->value->data, c->value->len, c->out);
	return hsm_raw_cipher(hsm, session, c->kek->handle, hsm_cipher_mechanism(c->kek->alg, cbc),
		cbc ? zero_iv : NULL, hsm_block_len(c->kek->alg), true, c->value->data,
		c->value->len, c->out);
}

static enum kms_status wrap_by_host(struct hsm *hsm, struct wrap_ctx *c, struct kms_err *err)
{
	const struct hsm_work work = {
		.doing = "encrypt under", .what = c->kek->label, .key = {c->kek}};
	static const unsigned char zeros[16];
	SECRET_AUTO struct secret value = {0};
	enum kms_status st;
	size_t len;

	st = take_out(hsm, c->target, &value, err);
	if (st)
		return st;
	len = padded_len(value.len, c->kek->alg);
	st = secret_append(&value, zeros, len - value.len, err);
	if (st)
		return st;
	if (len > c->size)
		return kms_fail(err, KMS_ERR_INTERNAL, "no room for %zu wrapped bytes", len);
	c->value = &value;
	return hsm_do(hsm, &work, run_encrypt_out, c, NULL, err);
}

static bool raw(enum hsm_wrap how)
{
	return how == HSM_WRAP_ECB || how == HSM_WRAP_CBC;
}

static enum kms_status kek_cannot(struct hsm *hsm, const struct hsm_key *kek, enum hsm_wrap how,
	const char *doing, const char *what, struct kms_err *err)
{
	return kms_fail(err, KMS_ERR_UNSUPPORTED,
		"cannot %s '%s': '%s' on token '%s' may not %s by %s", doing, what, kek->label,
		hsm->label, doing, hsm_wrap_name(how));
}

enum kms_status hsm_wrap(struct hsm *hsm, struct hsm_key *kek, struct hsm_key *target,
	enum hsm_wrap how, bool allow_host, unsigned char *out, size_t out_size, size_t *ret_len,
	enum hsm_where *ret_where, struct kms_err *err)
{
	const struct hsm_work work = {.doing = "wrap", .what = target->label, .key = {kek, target}};
	struct wrap_ctx c = {
		.kek = kek, .target = target, .how = how, .out = out, .size = out_size};
	bool native = kek->usage & HSM_CAN_WRAP;
	enum kms_status st;

	if (native)
		st = hsm_do(hsm, &work, run_wrap, &c, NULL, err);
	else if (!(kek->usage & (HSM_CAN_ENCRYPT | HSM_CAN_DERIVE)) || !raw(how))
		return kek_cannot(hsm, kek, how, "wrap", target->label, err);
	else if (!allow_host)
		return hsm_deny_host(hsm, "wrap", target->label, err);
	else
		st = wrap_by_host(hsm, &c, err);
	if (st)
		return st;
	*ret_len = c.len;
	if (ret_where)
		*ret_where = native ? HSM_IN_HSM : HSM_HOST_ASSISTED;
	return KMS_OK;
}

/* --- in --- */

struct unwrap_ctx {
	struct hsm_key *kek;
	enum hsm_wrap how;
	const unsigned char *wrapped;
	size_t len;
	unsigned char *out;
};

static CK_RV source_unwrap(struct hsm *hsm, CK_SESSION_HANDLE session, struct hsm_template *t,
	CK_OBJECT_HANDLE *ret_object, void *arg)
{
	struct unwrap_ctx *c = arg;

	return hsm_raw_unwrap(hsm, session, c->kek->handle, c->kek->alg, c->how, c->wrapped, c->len,
		t, ret_object);
}

static CK_RV run_decrypt_in(struct hsm *hsm, CK_SESSION_HANDLE session, void *arg)
{
	struct unwrap_ctx *c = arg;
	bool cbc = c->how == HSM_WRAP_CBC;

	return hsm_raw_cipher(hsm, session, c->kek->handle, hsm_cipher_mechanism(c->kek->alg, cbc),
		cbc ? zero_iv : NULL, hsm_block_len(c->kek->alg), false, c->wrapped, c->len,
		c->out);
}

static enum kms_status unwrap_by_host(struct hsm *hsm, struct unwrap_ctx *c,
	const struct hsm_new *spec, struct hsm_made *ret_made, struct kms_err *err)
{
	const struct hsm_work work = {
		.doing = "decrypt under", .what = c->kek->label, .key = {c->kek}};
	SECRET_AUTO struct secret value = {0};
	size_t want = hsm_alg_len(spec->alg);
	unsigned char rest = 0;
	enum kms_status st;

	st = secret_alloc(&value, c->len, err);
	if (st)
		return st;
	c->out = value.data;
	st = hsm_do(hsm, &work, run_decrypt_in, c, NULL, err);
	if (st)
		return st;
	for (size_t i = want; i < value.len; i++)
		rest |= value.data[i];
	if (rest)
		return kms_fail(err, KMS_ERR_MISMATCH,
			"cannot unwrap '%s': what follows the key's %zu bytes is not zero, so it "
			"is not "
			"wrapped under '%s' by %s",
			spec->label, want, c->kek->label, hsm_wrap_name(c->how));
	value.len = want;
	return hsm_key_import(hsm, spec, &value, ret_made, err);
}

static enum kms_status not_intact(
	struct hsm *hsm, const char *name, const struct hsm_key *kek, CK_RV rv, struct kms_err *err)
{
	kms_fail(err, KMS_ERR_MISMATCH,
		"cannot unwrap '%s': the wrapped key is not intact, or was wrapped under another "
		"key than "
		"'%s' on token '%s'",
		name, kek->label, hsm->label);
	kms_native(err, "%s", hsm_rv_name(rv));
	return KMS_ERR_MISMATCH;
}

static enum kms_status unwrap_native(struct hsm *hsm, struct unwrap_ctx *c,
	const struct hsm_new *spec, struct hsm_made *ret_made, struct kms_err *err)
{
	const struct hsm_source source = {
		.doing = "unwrap",
		.purpose = HSM_FOR_UNWRAP,
		.create = source_unwrap,
		.ctx = c,
		.key = c->kek,
		.repeatable = true,
		.where = HSM_IN_HSM,
	};
	CK_RV rv = CKR_OK;
	enum kms_status st = hsm_make(hsm, spec, &source, ret_made, &rv, err);

	if (st != KMS_ERR_HSM || raw(c->how) || !hsm_rv_not_intact(hsm, rv))
		return st;
	return not_intact(hsm, spec->label, c->kek, rv, err);
}

static enum kms_status wrapped_len_rules(const struct hsm_key *kek, enum hsm_wrap how, size_t len,
	enum hsm_alg alg, const char *name, struct kms_err *err)
{
	size_t key_len = hsm_alg_len(alg);
	size_t want = raw(how) ? padded_len(key_len, kek->alg) : (key_len + 7) / 8 * 8 + 8;

	if (len == want)
		return KMS_OK;
	return kms_fail(err, KMS_ERR_INVALID,
		"cannot unwrap '%s': %zu wrapped bytes, but %s by %s under %s has %zu", name, len,
		hsm_alg_name(alg), hsm_wrap_name(how), hsm_alg_name(kek->alg), want);
}

enum kms_status hsm_unwrap(struct hsm *hsm, struct hsm_key *kek, enum hsm_wrap how, bool allow_host,
	const unsigned char *wrapped, size_t wrapped_len, const struct hsm_new *spec,
	struct hsm_made *ret_made, struct kms_err *err)
{
	struct unwrap_ctx c = {.kek = kek, .how = how, .wrapped = wrapped, .len = wrapped_len};
	enum kms_status st;

	st = hsm_new_check(spec, err);
	if (!st && !hsm_block_len(kek->alg))
		st = kek_cannot(hsm, kek, how, "unwrap", spec->label, err);
	if (!st)
		st = wrapped_len_rules(kek, how, wrapped_len, spec->alg, spec->label, err);
	if (st)
		return st;
	if (kek->usage & HSM_CAN_UNWRAP)
		return unwrap_native(hsm, &c, spec, ret_made, err);
	if (!(kek->usage & HSM_CAN_DECRYPT) || !raw(how))
		return kek_cannot(hsm, kek, how, "unwrap", spec->label, err);
	if (!allow_host)
		return hsm_deny_host(hsm, "unwrap", spec->label, err);
	return unwrap_by_host(hsm, &c, spec, ret_made, err);
}

/* --- without a trace on the token --- */

struct try_ctx {
	struct unwrap_ctx in;
	enum hsm_alg alg;
	enum hsm_check method;
	unsigned char check[HSM_CHECK_MAX];
	size_t check_len;
	bool unwrapped;
};

static CK_RV run_try(struct hsm *hsm, CK_SESSION_HANDLE session, void *arg)
{
	struct try_ctx *c = arg;
	struct hsm_template t;
	CK_OBJECT_HANDLE object;
	CK_RV rv;

	hsm_template_fill(&t, hsm, HSM_SCRATCH_TARGET, c->alg, 0, HSM_FOR_UNWRAP, NULL);
	rv = source_unwrap(hsm, session, &t, &object, &c->in);
	c->unwrapped = rv == CKR_OK;
	if (rv != CKR_OK)
		return rv;
	rv = hsm_raw_check(
		hsm, session, object, c->alg, HSM_CAN_ENCRYPT, c->method, c->check, &c->check_len);
	hsm->p11->C_DestroyObject(session, object);
	return rv;
}

enum kms_status hsm_unwrap_check(struct hsm *hsm, struct hsm_key *kek, enum hsm_wrap how,
	const unsigned char *wrapped, size_t wrapped_len, enum hsm_alg alg, const char *name,
	enum hsm_check method, unsigned char ret_check[HSM_CHECK_MAX], size_t *ret_len,
	struct kms_err *err)
{
	const struct hsm_work work = {.doing = "unwrap", .what = name, .key = {kek}};
	struct try_ctx c = {.in = {.kek = kek, .how = how, .wrapped = wrapped, .len = wrapped_len},
		.alg = alg,
		.method = method};
	enum kms_status st = wrapped_len_rules(kek, how, wrapped_len, alg, name, err);
	CK_RV rv = CKR_OK;

	if (!st && !(kek->usage & HSM_CAN_UNWRAP))
		st = kek_cannot(hsm, kek, how, "unwrap", name, err);
	if (!st)
		st = hsm_do(hsm, &work, run_try, &c, &rv, err);
	if (st == KMS_ERR_HSM && !c.unwrapped && !raw(how) && hsm_rv_not_intact(hsm, rv))
		return not_intact(hsm, name, kek, rv, err);
	if (st)
		return st;
	memcpy(ret_check, c.check, c.check_len);
	*ret_len = c.check_len;
	return KMS_OK;
}
