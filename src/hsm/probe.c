/* SPDX-License-Identifier: Apache-2.0 */
/* Running probes, remembering what they found, and choosing a way for each operation. */
#include "hsm/internal.h"

#include <stdio.h>
#include <string.h>

/* --- probing --- */

struct probe_ctx {
	enum hsm_cap cap;
	CK_RV rv;
	bool listed;
};

/* What says nothing about the token's abilities. */
static bool is_passing(CK_RV rv)
{
	static const CK_RV passing[] = {CKR_HOST_MEMORY, CKR_DEVICE_MEMORY, CKR_DEVICE_REMOVED,
		CKR_TOKEN_NOT_PRESENT, CKR_SESSION_COUNT, CKR_SESSION_HANDLE_INVALID,
		CKR_SESSION_CLOSED, CKR_USER_NOT_LOGGED_IN};

	for (size_t i = 0; i < COUNT_OF(passing); i++)
		if (rv == passing[i])
			return true;
	return false;
}

/* In a session of its own: closing it ends every object that the probe made. */
static CK_RV run_probe(struct hsm *hsm, CK_SESSION_HANDLE pooled, void *arg)
{
	struct probe_ctx *c = arg;
	const struct hsm_probe *p = &hsm_probes[c->cap];
	CK_MECHANISM_INFO info = {0}; /* SoftHSM ORs into it */
	CK_SESSION_HANDLE session;
	CK_RV rv;

	(void)pooled;
	rv = hsm->p11->C_OpenSession(
		hsm->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session);
	if (rv != CKR_OK)
		return rv;
	c->rv = p->try(hsm, session, p->arg);
	rv = p->mechanism ? hsm->p11->C_GetMechanismInfo(hsm->slot, p->mechanism, &info)
			  : CKR_MECHANISM_INVALID;
	c->listed = rv == CKR_OK;
	if (is_passing(rv))
		c->rv = rv;
	hsm->p11->C_CloseSession(session);
	return CKR_OK;
}

static void note_answer(struct hsm *hsm, const struct probe_ctx *c)
{
	struct hsm_cap_state *state = &hsm->caps[c->cap];
	bool has_mechanism = hsm_probes[c->cap].mechanism;

	if (c->rv == CKR_OK) {
		state->native[0] = 0;
		state->answer = HSM_WORKS;
		return;
	}
	snprintf(state->native, sizeof(state->native), "%s",
		c->rv == HSM_RV_WRONG ? "wrong-answer" : hsm_rv_name(c->rv));
	state->answer =
		has_mechanism && !c->listed && c->rv != HSM_RV_WRONG ? HSM_ABSENT : HSM_FAILS;
}

/*
 * A guard that could not be tried must not pass for one that is absent, or keys would be made without it.
 * (With a mechanism, NSS says DEVICE_ERROR for what it cannot do.)
 */
static bool is_no_answer(const struct probe_ctx *c)
{
	bool guard = !hsm_probes[c->cap].mechanism;

	return is_passing(c->rv) || (guard && c->rv == CKR_DEVICE_ERROR);
}

/* An answer that may have been a passing fault holds for this run, and is asked for again. */
static bool is_lasting(const struct hsm_cap_state *state)
{
	static const char *const doubtful[] = {
		"CKR_DEVICE_ERROR", "CKR_FUNCTION_FAILED", "CKR_GENERAL_ERROR"};

	for (size_t i = 0; i < COUNT_OF(doubtful); i++)
		if (strcmp(state->native, doubtful[i]) == 0)
			return false;
	return state->answer != HSM_UNKNOWN;
}

static enum kms_status probe_one(struct hsm *hsm, enum hsm_cap cap, struct kms_err *err)
{
	const struct hsm_work work = {.doing = "probe", .what = hsm_probes[cap].name};
	struct probe_ctx c = {.cap = cap};
	enum kms_status st;

	if (!hsm->logged_in)
		return kms_fail(err, KMS_ERR_STATE,
			"cannot find out what token '%s' can do: nobody is logged in", hsm->label);
	st = hsm_do(hsm, &work, run_probe, &c, NULL, err);
	if (!st && is_no_answer(&c))
		return hsm_fail_rv(hsm, c.rv, err, "probe", hsm_probes[cap].name);
	if (!st && c.rv != HSM_RV_UNTRIED)
		note_answer(hsm, &c);
	return st;
}

static enum kms_status need(struct hsm *hsm, enum hsm_cap cap, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	if (hsm->caps[cap].answer != HSM_UNKNOWN)
		return KMS_OK;
	pthread_mutex_lock(&hsm->probe_lock);
	if (hsm->caps[cap].answer == HSM_UNKNOWN)
		st = probe_one(hsm, cap, err);
	pthread_mutex_unlock(&hsm->probe_lock);
	return st;
}

enum kms_status hsm_cap_works(
	struct hsm *hsm, enum hsm_cap cap, bool *ret_works, struct kms_err *err)
{
	enum kms_status st = need(hsm, cap, err);

	if (!st)
		*ret_works = hsm->caps[cap].answer == HSM_WORKS;
	return st;
}

size_t hsm_cap_count(void)
{
	return CAP_COUNT;
}

enum kms_status hsm_probe(struct hsm *hsm, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	pthread_mutex_lock(&hsm->probe_lock);
	for (size_t i = 0; !st && i < CAP_COUNT; i++)
		st = probe_one(hsm, (enum hsm_cap)i, err);
	pthread_mutex_unlock(&hsm->probe_lock);
	return st;
}

void hsm_cap_get(const struct hsm *hsm, size_t i, struct hsm_cap_result *ret_result)
{
	*ret_result = (struct hsm_cap_result){
		.name = hsm_probes[i].name,
		.what = hsm_probes[i].what,
		.answer = hsm->caps[i].answer,
	};
	snprintf(ret_result->native, sizeof(ret_result->native), "%s", hsm->caps[i].native);
}

enum kms_status hsm_caps_save(const struct hsm *hsm, struct buf *ret_text, struct kms_err *err)
{
	BUF_AUTO struct buf text = {0};
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < CAP_COUNT; i++) {
		enum hsm_answer answer = hsm->caps[i].answer;

		if (is_lasting(&hsm->caps[i]))
			st = buf_printf(&text, err, "%s %s%s%s\n", hsm_probes[i].name,
				hsm_answer_name(answer), hsm->caps[i].native[0] ? " " : "",
				hsm->caps[i].native);
	}
	if (st)
		return st;
	*ret_text = text;
	text = (struct buf){0};
	return KMS_OK;
}

static bool load_line(const char *line, size_t len, char name[48], char answer[16], char native[48])
{
	char copy[128];
	int end = 0;

	if (len >= sizeof(copy))
		return false;
	memcpy(copy, line, len);
	copy[len] = 0;
	native[0] = 0;
	if (sscanf(copy, "%47s %15s %n%47s%n", name, answer, &end, native, &end) < 2)
		return false;
	return (size_t)end == len || !native[0];
}

/*
 * From here on the rows of the table say what the token guards. New keys are made as narrow as it
 * can guard them, so a record that was changed would have wider ones made: these are asked anew.
 */
enum { FIRST_GUARD = CAP_MODIFIABLE };

static bool take_answer(struct hsm *hsm, const char *name, const char *answer, const char *native)
{
	enum hsm_answer value = HSM_UNKNOWN;

	for (int a = HSM_WORKS; a <= HSM_ABSENT; a++)
		if (!strcmp(answer, hsm_answer_name((enum hsm_answer)a)))
			value = (enum hsm_answer)a;
	if (value == HSM_UNKNOWN)
		return false;
	for (size_t i = 0; i < CAP_COUNT; i++) {
		/* Only setup can ask this one. */
		if (strcmp(hsm_probes[i].name, name) ||
			(i >= FIRST_GUARD && i != CAP_TRUSTED_PRIVATE))
			continue;
		snprintf(hsm->caps[i].native, sizeof(hsm->caps[i].native), "%s", native);
		hsm->caps[i].answer = value;
	}
	return true;
}

enum kms_status hsm_caps_load(struct hsm *hsm, const char *text, struct kms_err *err)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		char name[48];
		char answer[16];
		char native[48];

		if (!load_line(text, len, name, answer, native) ||
			!take_answer(hsm, name, answer, native))
			return kms_fail(err, KMS_ERR_INVALID,
				"cannot read the recorded capabilities of the token");
		text += len + (text[len] == '\n');
	}
	return KMS_OK;
}

/* --- strategies: the first row of an operation whose needs all work is taken --- */

#define NEED(cap) (1ULL << (cap))

static const char *const op_names[HSM_OP_COUNT] = {
	[HSM_OP_GENERATE_TDEA2] = "generate-tdea2",
	[HSM_OP_GENERATE_TDEA3] = "generate-tdea3",
	[HSM_OP_GENERATE_AES] = "generate-aes",
	[HSM_OP_CHECK_VALUE_AES] = "check-value-aes",
	[HSM_OP_CHECK_VALUE_TDEA] = "check-value-tdea",
	[HSM_OP_COMPONENTS_XOR] = "components-xor",
	[HSM_OP_WRAP_AES_KW] = "wrap-aes-kw",
	[HSM_OP_UNWRAP_AES_KW] = "unwrap-aes-kw",
	[HSM_OP_WRAP_RAW_AES] = "wrap-raw-aes",
	[HSM_OP_UNWRAP_RAW_AES] = "unwrap-raw-aes",
	[HSM_OP_WRAP_RAW_TDEA] = "wrap-raw-tdea",
	[HSM_OP_UNWRAP_RAW_TDEA] = "unwrap-raw-tdea",
	[HSM_OP_WRAP_BLOCK_AES] = "wrap-block-aes",
	[HSM_OP_UNWRAP_BLOCK_AES] = "unwrap-block-aes",
	[HSM_OP_WRAP_BLOCK_TDEA] = "wrap-block-tdea",
	[HSM_OP_UNWRAP_BLOCK_TDEA] = "unwrap-block-tdea",
	[HSM_OP_DERIVE_ECB_AES] = "derive-ecb-aes",
	[HSM_OP_DERIVE_ECB_TDEA] = "derive-ecb-tdea",
	[HSM_OP_DERIVE_CMAC_AES] = "derive-cmac-aes",
	[HSM_OP_DERIVE_CMAC_TDEA] = "derive-cmac-tdea",
	[HSM_OP_DERIVE_CMAC_SPLICED] = "derive-cmac-spliced",
	[HSM_OP_SCP02_SESSION] = "scp02-session",
	[HSM_OP_SCP02_PUT_KEY] = "scp02-put-key",
	[HSM_OP_SCP03_SESSION] = "scp03-session",
	[HSM_OP_SCP03_PUT_KEY] = "scp03-put-key",
	[HSM_OP_SIGN_P256] = "sign-p256",
	[HSM_OP_EXPORT_CONTROL] = "export-control",
};

static const struct {
	enum hsm_op op;
	const char *name;
	enum hsm_where where;
	unsigned long long needs;
} strategies[] = {
	{HSM_OP_GENERATE_TDEA2, "C_GenerateKey DES2", HSM_IN_HSM, NEED(CAP_GEN_TDEA2)},
	{HSM_OP_GENERATE_TDEA3, "C_GenerateKey DES3", HSM_IN_HSM, NEED(CAP_GEN_TDEA3)},
	{HSM_OP_GENERATE_AES, "C_GenerateKey AES", HSM_IN_HSM, NEED(CAP_GEN_AES)},
	{HSM_OP_CHECK_VALUE_AES, "AES_ECB_ENCRYPT_DATA of the known block", HSM_IN_HSM,
		NEED(CAP_AES_ECB_DERIVE)},
	{HSM_OP_CHECK_VALUE_TDEA, "DES3_ECB_ENCRYPT_DATA of the known block", HSM_IN_HSM,
		NEED(CAP_TDEA_ECB_DERIVE)},
	{HSM_OP_COMPONENTS_XOR, "XOR_BASE_AND_DATA", HSM_IN_HSM,
		NEED(CAP_XOR) | NEED(CAP_IMPORT) | NEED(CAP_COPY_NARROW)},
	{HSM_OP_COMPONENTS_XOR, "XOR in secret memory, then C_CreateObject", HSM_HOST_ASSISTED,
		NEED(CAP_IMPORT) | NEED(CAP_COPY_NARROW)},
	{HSM_OP_WRAP_AES_KW, "C_WrapKey AES_KEY_WRAP", HSM_IN_HSM, NEED(CAP_AES_KW_WRAP)},
	{HSM_OP_UNWRAP_AES_KW, "C_UnwrapKey AES_KEY_WRAP", HSM_IN_HSM, NEED(CAP_AES_KW_UNWRAP)},
	{HSM_OP_WRAP_RAW_AES, "C_WrapKey AES_ECB, AES_CBC", HSM_IN_HSM,
		NEED(CAP_AES_ECB_WRAP) | NEED(CAP_AES_CBC_WRAP)},
	{HSM_OP_WRAP_RAW_AES, "AES_KEY_WRAP to the host, then C_Encrypt", HSM_HOST_ASSISTED,
		NEED(CAP_AES_KW_WRAP) | NEED(CAP_IMPORT) | NEED(CAP_AES_ECB) | NEED(CAP_AES_CBC)},
	{HSM_OP_UNWRAP_RAW_AES, "C_UnwrapKey AES_ECB, AES_CBC", HSM_IN_HSM,
		NEED(CAP_AES_ECB_UNWRAP) | NEED(CAP_AES_CBC_UNWRAP)},
	{HSM_OP_UNWRAP_RAW_AES, "C_Decrypt, then C_CreateObject", HSM_HOST_ASSISTED,
		NEED(CAP_IMPORT) | NEED(CAP_AES_ECB) | NEED(CAP_AES_CBC)},
	{HSM_OP_WRAP_RAW_TDEA, "C_WrapKey DES3_ECB, DES3_CBC", HSM_IN_HSM,
		NEED(CAP_TDEA_ECB_WRAP) | NEED(CAP_TDEA_CBC_WRAP)},
	{HSM_OP_WRAP_RAW_TDEA, "AES_KEY_WRAP to the host, then C_Encrypt", HSM_HOST_ASSISTED,
		NEED(CAP_AES_KW_WRAP) | NEED(CAP_IMPORT) | NEED(CAP_TDEA_ECB) | NEED(CAP_TDEA_CBC)},
	{HSM_OP_UNWRAP_RAW_TDEA, "C_UnwrapKey DES3_ECB, DES3_CBC", HSM_IN_HSM,
		NEED(CAP_TDEA_ECB_UNWRAP) | NEED(CAP_TDEA_CBC_UNWRAP)},
	{HSM_OP_UNWRAP_RAW_TDEA, "C_Decrypt, then C_CreateObject", HSM_HOST_ASSISTED,
		NEED(CAP_IMPORT) | NEED(CAP_TDEA_ECB) | NEED(CAP_TDEA_CBC)},
	{HSM_OP_WRAP_BLOCK_AES, "derived keys inside; AES_KEY_WRAP to the host, then C_Encrypt",
		HSM_HOST_ASSISTED,
		NEED(CAP_AES_ECB_DERIVE) | NEED(CAP_AES_CBC) | NEED(CAP_AES_KW_WRAP) |
			NEED(CAP_IMPORT)},
	{HSM_OP_UNWRAP_BLOCK_AES, "derived keys inside; C_Decrypt, then C_CreateObject",
		HSM_HOST_ASSISTED, NEED(CAP_AES_ECB_DERIVE) | NEED(CAP_AES_CBC) | NEED(CAP_IMPORT)},
	{HSM_OP_WRAP_BLOCK_TDEA, "derived keys inside; AES_KEY_WRAP to the host, then C_Encrypt",
		HSM_HOST_ASSISTED,
		NEED(CAP_TDEA_ECB_DERIVE) | NEED(CAP_TDEA_CBC) | NEED(CAP_AES_KW_WRAP) |
			NEED(CAP_IMPORT)},
	{HSM_OP_UNWRAP_BLOCK_TDEA, "derived keys inside; C_Decrypt, then C_CreateObject",
		HSM_HOST_ASSISTED,
		NEED(CAP_TDEA_ECB_DERIVE) | NEED(CAP_TDEA_CBC) | NEED(CAP_IMPORT)},
	{HSM_OP_DERIVE_ECB_AES, "AES_ECB_ENCRYPT_DATA", HSM_IN_HSM, NEED(CAP_AES_ECB_DERIVE)},
	{HSM_OP_DERIVE_ECB_TDEA, "DES3_ECB_ENCRYPT_DATA", HSM_IN_HSM, NEED(CAP_TDEA_ECB_DERIVE)},
	{HSM_OP_DERIVE_CMAC_AES, "SP800_108_COUNTER_KDF, else composed of AES_ECB_ENCRYPT_DATA",
		HSM_IN_HSM, NEED(CAP_KDF_COUNTER) | NEED(CAP_AES_ECB_DERIVE)},
	{HSM_OP_DERIVE_CMAC_AES, "CMAC composed of AES_ECB_ENCRYPT_DATA", HSM_IN_HSM,
		NEED(CAP_AES_ECB_DERIVE)},
	{HSM_OP_DERIVE_CMAC_AES, "SP800_108_COUNTER_KDF", HSM_IN_HSM, NEED(CAP_KDF_COUNTER)},
	{HSM_OP_DERIVE_CMAC_TDEA, "CMAC composed of DES3_ECB_ENCRYPT_DATA", HSM_IN_HSM,
		NEED(CAP_TDEA_ECB_DERIVE)},
	{HSM_OP_DERIVE_CMAC_SPLICED, "composed CMACs, XOR in secret memory", HSM_HOST_ASSISTED,
		NEED(CAP_AES_ECB_DERIVE) | NEED(CAP_IMPORT)},
	{HSM_OP_SCP02_SESSION, "C_Encrypt DES3_CBC under the card's key", HSM_IN_HSM,
		NEED(CAP_TDEA_CBC)},
	{HSM_OP_SCP02_SESSION, "DES3_CBC_ENCRYPT_DATA under the card's key", HSM_IN_HSM,
		NEED(CAP_TDEA_CBC_DERIVE)},
	{HSM_OP_SCP02_PUT_KEY, "DES3_CBC_ENCRYPT_DATA, C_WrapKey DES3_ECB", HSM_IN_HSM,
		NEED(CAP_TDEA_CBC_DERIVE) | NEED(CAP_RAW_TDEA_ECB_WRAP)},
	{HSM_OP_SCP02_PUT_KEY, "AES_KEY_WRAP to the host, then C_Encrypt DES3_ECB",
		HSM_HOST_ASSISTED,
		NEED(CAP_TDEA_CBC_DERIVE) | NEED(CAP_RAW_AES_KW_WRAP) | NEED(CAP_IMPORT) |
			NEED(CAP_TDEA_ECB)},
	{HSM_OP_SCP03_SESSION, "C_Sign AES_CMAC under the card's key", HSM_IN_HSM,
		NEED(CAP_AES_CMAC)},
	{HSM_OP_SCP03_SESSION, "CMAC composed of AES_ECB_ENCRYPT_DATA", HSM_IN_HSM,
		NEED(CAP_AES_ECB_DERIVE)},
	{HSM_OP_SCP03_PUT_KEY, "C_WrapKey AES_CBC", HSM_IN_HSM, NEED(CAP_RAW_AES_CBC_WRAP)},
	{HSM_OP_SCP03_PUT_KEY, "AES_KEY_WRAP to the host, then C_Encrypt AES_CBC",
		HSM_HOST_ASSISTED,
		NEED(CAP_RAW_AES_KW_WRAP) | NEED(CAP_IMPORT) | NEED(CAP_AES_CBC)},
	{HSM_OP_SIGN_P256, "C_Sign ECDSA", HSM_IN_HSM, NEED(CAP_ECDSA)},
	{HSM_OP_EXPORT_CONTROL, "WRAP_WITH_TRUSTED", HSM_IN_HSM,
		NEED(CAP_WRAP_TRUSTED) | NEED(CAP_TRUSTED_RESERVED) | NEED(CAP_TRUSTED_PRIVATE)},
	{HSM_OP_EXPORT_CONTROL,
		"this program and two officers; the PIN alone wraps an extractable master",
		HSM_HOST_ASSISTED, 0},
};

static enum kms_status all_work(
	struct hsm *hsm, unsigned long long needs, bool *ret_work, struct kms_err *err)
{
	enum kms_status st = KMS_OK;
	bool work = true;

	for (size_t cap = 0; !st && work && cap < CAP_COUNT; cap++)
		if (needs & NEED(cap))
			st = hsm_cap_works(hsm, (enum hsm_cap)cap, &work, err);
	if (!st)
		*ret_work = work;
	return st;
}

enum kms_status hsm_way(
	struct hsm *hsm, enum hsm_op op, struct hsm_way *ret_way, struct kms_err *err)
{
	enum kms_status st;
	bool work = false;

	for (size_t i = 0; i < COUNT_OF(strategies); i++) {
		if (strategies[i].op != op)
			continue;
		st = all_work(hsm, strategies[i].needs, &work, err);
		if (st)
			return st;
		if (!work)
			continue;
		*ret_way = (struct hsm_way){
			op_names[op], strategies[i].name, true, strategies[i].where};
		return KMS_OK;
	}
	*ret_way = (struct hsm_way){op_names[op], "none", false, HSM_IN_HSM};
	return KMS_OK;
}

static enum hsm_op transport_op(enum hsm_alg alg, enum hsm_wrap wrap, bool out)
{
	const bool tdea = hsm_is_tdea(alg);

	switch (wrap) {
	case HSM_WRAP_ECB:
	case HSM_WRAP_CBC:
		if (tdea)
			return out ? HSM_OP_WRAP_RAW_TDEA : HSM_OP_UNWRAP_RAW_TDEA;
		return out ? HSM_OP_WRAP_RAW_AES : HSM_OP_UNWRAP_RAW_AES;
	case HSM_WRAP_BLOCK:
		if (tdea)
			return out ? HSM_OP_WRAP_BLOCK_TDEA : HSM_OP_UNWRAP_BLOCK_TDEA;
		return out ? HSM_OP_WRAP_BLOCK_AES : HSM_OP_UNWRAP_BLOCK_AES;
	default:
		return out ? HSM_OP_WRAP_AES_KW : HSM_OP_UNWRAP_AES_KW;
	}
}

enum kms_status hsm_transport_role(struct hsm *hsm, enum hsm_alg alg, enum hsm_wrap wrap,
	bool exporting, enum hsm_role *ret_role, enum hsm_where *ret_where, struct kms_err *err)
{
	bool kw = wrap == HSM_WRAP_AES_KW || wrap == HSM_WRAP_AES_KWP;
	struct hsm_way way;
	enum kms_status st;
	bool host;

	if (!hsm_block_len(alg) || wrap == HSM_WRAP_NONE || (kw && hsm_is_tdea(alg)))
		return kms_fail(err, KMS_ERR_INVALID, "cannot wrap by %s under a %s transport key",
			hsm_wrap_name(wrap), hsm_alg_name(alg));
	st = hsm_way(hsm, transport_op(alg, wrap, exporting), &way, err);
	if (st)
		return st;
	if (wrap == HSM_WRAP_AES_KWP) {
		st = hsm_cap_works(hsm, exporting ? CAP_AES_KWP_WRAP : CAP_AES_KWP_UNWRAP,
			&way.available, err);
		way.where = HSM_IN_HSM;
		if (st)
			return st;
	}
	if (!way.available) {
		kms_fail(err, KMS_ERR_UNSUPPORTED, "cannot %s by %s under a %s key on token '%s'",
			exporting ? "wrap" : "unwrap", hsm_wrap_name(wrap), hsm_alg_name(alg),
			hsm->label);
		kms_hint(err, "'cardkms hsm capabilities' shows what this token can do");
		return KMS_ERR_UNSUPPORTED;
	}
	host = way.where == HSM_HOST_ASSISTED;
	*ret_role = wrap == HSM_WRAP_BLOCK ? HSM_TRANSPORT_DERIVE
		    : exporting		   ? host ? HSM_TRANSPORT_ENCRYPT : HSM_TRANSPORT_WRAP
		    : host		   ? HSM_TRANSPORT_DECRYPT
					   : HSM_TRANSPORT_UNWRAP;
	*ret_where = way.where;
	return KMS_OK;
}
