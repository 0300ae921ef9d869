/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys made of CMACs (SP 800-38B), without a MAC mechanism on the master.
 *
 * CMAC's last step is E_K of one block. A derivation by encrypted data does that step inside the
 * token; what comes before it (E_K(0), and the chain over all blocks but the last) is read out. For
 * several messages the steps of one round go into one derivation.
 */
#include "hsm/internal.h"

#include <string.h>

enum { BLOCK_MAX = 16, READ_MAX = (HSM_MESSAGES_MAX + 1) * BLOCK_MAX };

void hsm_cmac_double(unsigned char *block, size_t block_len)
{
	unsigned char carry = block[0] >> 7;

	for (size_t i = 0; i + 1 < block_len; i++)
		block[i] = (unsigned char)(block[i] << 1 | block[i + 1] >> 7);
	/* R_128 = 0^120 10000111, R_64 = 0^59 11011 (SP 800-38B section 5.3) */
	block[block_len - 1] = (unsigned char)(block[block_len - 1] << 1 ^
					       (carry ? (block_len == 16 ? 0x87 : 0x1b) : 0));
}

struct cmac_ctx {
	struct hsm_key *base;
	struct secret *zero; /* E_K(0) kept from call to call, or NULL */
	const struct hsm_message *messages;
	size_t count;
	struct hsm_template t;
	CK_OBJECT_HANDLE object;
	unsigned char *out; /* instead of an object */
};

static void xor_into(unsigned char *to, const unsigned char *from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		to[i] ^= from[i];
}

static size_t block_count(const struct hsm_message *m, size_t block)
{
	return m->len && block ? (m->len + block - 1) / block : 1;
}

/* The last block, padded if it is short, combined with its subkey. */
static void last_block(const struct hsm_message *m, size_t block, const unsigned char *k1,
	const unsigned char *k2, unsigned char *out)
{
	size_t start = (block_count(m, block) - 1) * block;
	size_t rest = m->len - start;

	memset(out, 0, block);
	if (rest)
		memcpy(out, m->data + start, rest);
	if (rest < block)
		out[rest] = 0x80;
	xor_into(out, rest < block || m->padded ? k2 : k1, block);
}

static CK_RV read_blocks(struct hsm *hsm, CK_SESSION_HANDLE session, const struct hsm_key *base,
	const unsigned char *data, size_t len, unsigned char *out)
{
	size_t step = hsm->quirks->derive_max ? hsm->quirks->derive_max : len;
	CK_RV rv = CKR_OK;

	for (size_t at = 0; rv == CKR_OK && at < len; at += step)
		rv = hsm_raw_ecb_read(hsm, session, base->handle, base->alg, NULL, data + at,
			len - at < step ? len - at : step, out + at);
	return rv;
}

/* A kept E_K(0) is as good as a new one: what cannot be kept is read again. */
static void keep_zero(const struct cmac_ctx *c, const unsigned char *l, size_t block)
{
	if (c->zero && !c->zero->len)
		(void)!secret_copy(c->zero, l, block, NULL);
}

/* Chain values of all messages up to their last blocks, and E_K(0) unless it is known. */
static CK_RV chain(struct hsm *hsm, CK_SESSION_HANDLE session, const struct cmac_ctx *c,
	unsigned char *l, unsigned char *chains)
{
	size_t block = hsm_block_len(c->base->alg);
	unsigned char in[READ_MAX];
	unsigned char out[READ_MAX];
	bool known = c->zero && c->zero->len == block;
	bool more = true;
	CK_RV rv = CKR_OK;

	memset(chains, 0, c->count * block);
	if (known)
		memcpy(l, c->zero->data, block);
	for (size_t round = 0; rv == CKR_OK && more; round++) {
		size_t who[HSM_MESSAGES_MAX];
		size_t n = 0;
		size_t used = 0;

		if (round == 0 && !known) {
			memset(in, 0, block);
			used = block;
		}
		for (size_t i = 0; i < c->count; i++) {
			if (block_count(&c->messages[i], block) <= round + 1)
				continue;
			memcpy(in + used, chains + i * block, block);
			xor_into(in + used, c->messages[i].data + round * block, block);
			used += block;
			who[n++] = i;
		}
		more = n != 0;
		if (used)
			rv = read_blocks(hsm, session, c->base, in, used, out);
		if (rv != CKR_OK)
			break;
		if (round == 0 && !known) {
			memcpy(l, out, block);
			keep_zero(c, l, block);
		}
		for (size_t i = 0; i < n; i++)
			memcpy(chains + who[i] * block, out + used - (n - i) * block, block);
	}
	secret_wipe(in, sizeof(in));
	secret_wipe(out, sizeof(out));
	return rv;
}

static CK_RV run_composed(struct hsm *hsm, CK_SESSION_HANDLE session, void *arg)
{
	struct cmac_ctx *c = arg;
	size_t block = hsm_block_len(c->base->alg);
	unsigned char chains[HSM_MESSAGES_MAX * BLOCK_MAX];
	unsigned char last[HSM_MESSAGES_MAX * BLOCK_MAX] = {0};
	unsigned char k1[BLOCK_MAX];
	unsigned char k2[BLOCK_MAX];
	CK_RV rv;

	rv = chain(hsm, session, c, k1, chains);
	if (rv != CKR_OK)
		goto out;
	hsm_cmac_double(k1, block);
	memcpy(k2, k1, block);
	hsm_cmac_double(k2, block);
	for (size_t i = 0; i < c->count; i++)
		last_block(&c->messages[i], block, k1, k2, last + i * block);
	xor_into(last, chains, c->count * block);
	rv = c->out ? hsm_raw_ecb_read(hsm, session, c->base->handle, c->base->alg, NULL, last,
			      c->count * block, c->out)
		    : hsm_raw_derive_data(hsm, session, c->base->handle, c->base->alg, NULL, last,
			      c->count * block, &c->t, &c->object);
out:
	/* Subkeys are no keys, but with the chains they are part of every MAC under the master. */
	secret_wipe(k1, sizeof(k1));
	secret_wipe(k2, sizeof(k2));
	secret_wipe(chains, sizeof(chains));
	secret_wipe(last, sizeof(last));
	return rv;
}

/* --- the native way --- */

/* Where the messages hold 1, 2, 3… in one byte and are equal elsewhere. */
static bool counter_position(const struct hsm_message *m, size_t count, size_t *ret_pos)
{
	for (size_t i = 0; i < count; i++)
		if (m[i].padded || m[i].len != m[0].len)
			return false;
	for (size_t pos = 0; pos < m[0].len; pos++) {
		bool good = true;

		for (size_t i = 0; good && i < count; i++)
			good = m[i].data[pos] == i + 1 && !memcmp(m[i].data, m[0].data, pos) &&
			       !memcmp(m[i].data + pos + 1, m[0].data + pos + 1,
				       m[0].len - pos - 1);
		if (good) {
			*ret_pos = pos;
			return true;
		}
	}
	return false;
}

CK_RV hsm_raw_kdf_counter(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE base,
	CK_MECHANISM_TYPE prf, const unsigned char *before, size_t before_len,
	const unsigned char *after, size_t after_len, struct hsm_template *t,
	CK_OBJECT_HANDLE *ret_object)
{
	struct p11_prf_counter counter = {CK_FALSE, 8};
	struct p11_prf_data data[3];
	struct p11_kdf_params params = {prf, 0, data, 0, NULL};
	CK_MECHANISM mech = {CKM_SP800_108_COUNTER_KDF, &params, sizeof(params)};

	if (before_len)
		data[params.data_count++] = (struct p11_prf_data){
			P11_PRF_BYTE_ARRAY, (void *)(uintptr_t)before, before_len};
	data[params.data_count++] =
		(struct p11_prf_data){P11_PRF_ITERATION_VARIABLE, &counter, sizeof(counter)};
	if (after_len)
		data[params.data_count++] = (struct p11_prf_data){
			P11_PRF_BYTE_ARRAY, (void *)(uintptr_t)after, after_len};
	return hsm->p11->C_DeriveKey(session, &mech, base, t->attr, t->count, ret_object);
}

struct native_ctx {
	struct cmac_ctx *c;
	size_t pos;
};

static CK_RV run_native(struct hsm *hsm, CK_SESSION_HANDLE session, void *arg)
{
	struct native_ctx *n = arg;
	struct cmac_ctx *c = n->c;
	const struct hsm_message *m = &c->messages[0];

	return hsm_raw_kdf_counter(hsm, session, c->base->handle, CKM_AES_CMAC, m->data, n->pos,
		m->data + n->pos + 1, m->len - n->pos - 1, &c->t, &c->object);
}

/*
 * Not if the result shall be extractable and the base key is not: PKCS#11 allows that in a template,
 * but NSS refuses it, and to try is to fail there.
 */
static enum kms_status may_be_native(struct hsm *hsm, const struct cmac_ctx *c,
	const struct hsm_temp *temp, size_t want, size_t *ret_pos, bool *ret_native,
	struct kms_err *err)
{
	*ret_native = false;
	if (hsm_is_tdea(c->base->alg) || (c->count - 1) * BLOCK_MAX >= want)
		return KMS_OK;
	if (hsm_role_row(temp->role)->extractable && !(c->base->usage & HSM_IS_EXTRACTABLE))
		return KMS_OK;
	if (!counter_position(c->messages, c->count, ret_pos))
		return KMS_OK;
	return hsm_cap_works(hsm, CAP_KDF_COUNTER, ret_native, err);
}

static enum kms_status message_rules(const struct hsm_key *base, const struct hsm_message *messages,
	size_t count, size_t want, struct kms_err *err)
{
	size_t block = hsm_block_len(base->alg);

	if (!block || !count || count > HSM_MESSAGES_MAX || !want || want > count * block)
		return kms_fail(err, KMS_ERR_INVALID,
			"cannot derive from '%s': %zu MACs do not make a key of %zu bytes",
			base->label, count, want);
	for (size_t i = 0; i < count; i++)
		if (messages[i].padded && (!messages[i].len || messages[i].len % block))
			return kms_fail(err, KMS_ERR_INVALID,
				"cannot derive from '%s': message %zu is not padded to whole "
				"blocks",
				base->label, i + 1);
	return KMS_OK;
}

enum kms_status hsm_derive_cmac(struct hsm *hsm, struct hsm_key *base, struct secret *zero,
	const struct hsm_message *messages, size_t count, const struct hsm_temp *temp,
	struct hsm_key *ret_key, struct kms_err *err)
{
	const struct hsm_work work = {.doing = "derive from", .what = base->label, .key = {base}};
	struct cmac_ctx c = {.base = base, .zero = zero, .messages = messages, .count = count};
	size_t want = temp->alg == HSM_RAW ? temp->len : hsm_alg_len(temp->alg);
	struct native_ctx native = {.c = &c};
	enum kms_status st;
	bool is_native = false;

	st = message_rules(base, messages, count, want, err);
	if (!st)
		st = may_be_native(hsm, &c, temp, want, &native.pos, &is_native, err);
	if (st)
		return st;
	hsm_template_fill(&c.t, hsm, temp->role, temp->alg, want, HSM_FOR_DERIVE, NULL);
	st = is_native ? hsm_do(hsm, &work, run_native, &native, NULL, err)
		       : hsm_do(hsm, &work, run_composed, &c, NULL, err);
	if (st)
		return st;
	*ret_key = (struct hsm_key){
		.handle = c.object,
		.generation = base->generation,
		.alg = temp->alg,
		.usage = hsm_role_usage(temp->role),
	};
	return KMS_OK;
}

/* --- into the host --- */

/* The MACs by the token's own mechanism: no subkey reaches the host. */
static CK_RV run_signed(struct hsm *hsm, CK_SESSION_HANDLE session, void *arg)
{
	CK_MECHANISM mech = {CKM_AES_CMAC, NULL, 0};
	struct cmac_ctx *c = arg;
	CK_RV rv = CKR_OK;

	for (size_t i = 0; rv == CKR_OK && i < c->count; i++) {
		const struct hsm_message *m = &c->messages[i];
		CK_ULONG len = BLOCK_MAX;

		rv = hsm->p11->C_SignInit(session, &mech, c->base->handle);
		if (rv == CKR_OK)
			rv = hsm->p11->C_Sign(session, (CK_BYTE *)(uintptr_t)m->data, m->len,
				c->out + i * BLOCK_MAX, &len);
		if (rv == CKR_OK && len != BLOCK_MAX)
			rv = CKR_DATA_LEN_RANGE;
	}
	return rv;
}

static enum kms_status into_host(struct hsm *hsm, struct cmac_ctx *c, hsm_work_fn *how,
	struct secret *ret_bytes, struct kms_err *err)
{
	const struct hsm_work work = {
		.doing = "derive from", .what = c->base->label, .key = {c->base}};
	SECRET_AUTO struct secret bytes = {0};
	size_t want = c->count * hsm_block_len(c->base->alg);
	enum kms_status st;

	st = message_rules(c->base, c->messages, c->count, want, err);
	if (!st)
		st = secret_alloc(&bytes, want, err);
	if (st)
		return st;
	c->out = bytes.data;
	st = hsm_do(hsm, &work, how, c, NULL, err);
	if (!st)
		secret_take(ret_bytes, &bytes);
	return st;
}

enum kms_status hsm_derive_cmac_secret(struct hsm *hsm, struct hsm_key *base, struct secret *zero,
	const struct hsm_message *messages, size_t count, bool allow_host, struct secret *ret_bytes,
	struct kms_err *err)
{
	struct cmac_ctx c = {.base = base, .zero = zero, .messages = messages, .count = count};

	if (!allow_host)
		return hsm_deny_host(hsm, "derive from", base->label, err);
	return into_host(hsm, &c, run_composed, ret_bytes, err);
}

enum kms_status hsm_session_cmac(struct hsm *hsm, struct hsm_key *key,
	const struct hsm_message *messages, size_t count, struct secret *ret_bytes,
	struct kms_err *err)
{
	struct cmac_ctx c = {.base = key, .messages = messages, .count = count};
	bool aes = hsm_block_len(key->alg) == BLOCK_MAX;
	bool sign = false, derive = false;
	enum kms_status st = KMS_OK;

	if (aes && key->usage & HSM_CAN_SIGN)
		st = hsm_cap_works(hsm, CAP_AES_CMAC, &sign, err);
	if (!st && aes && !sign && key->usage & HSM_CAN_DERIVE)
		st = hsm_cap_works(hsm, CAP_AES_ECB_DERIVE, &derive, err);
	if (st)
		return st;
	if (!sign && !derive)
		return kms_fail(err, KMS_ERR_UNSUPPORTED,
			"cannot make session keys from '%s': token '%s' can compute no CMAC under "
			"it",
			key->label, hsm->label);
	return into_host(hsm, &c, sign ? run_signed : run_composed, ret_bytes, err);
}
