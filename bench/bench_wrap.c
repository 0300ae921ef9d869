/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Export of keys: AES-256 masters (token objects of the vault) wrapped under an AES-256 transport
 * key (a token object with WRAP only) by AES key wrap: hsm_wrap against a bare C_WrapKey loop.
 *
 *   wrap          that
 *   wrap.control  with one needless search per key: the harness must see it
 */
#include "hsm/crypto.h"
#include "support/bare.h"
#include "support/bench.h"

#include <stdio.h>
#include <string.h>

enum { MASTERS = 30, KEYS = 3000 /* of each half: every master many times */, CONTROL_KEYS = 600 };

struct export
{
	struct hsm *hsm;
	struct hsm_key transport;
	struct hsm_key masters[MASTERS];
	bool search; /* the control */
	struct bare bare;
	unsigned char ours[MASTERS][BARE_WRAPPED_MAX], theirs[MASTERS][BARE_WRAPPED_MAX];
};

static enum kms_status ours(void *ctx, size_t first, size_t count, struct kms_err *err)
{
	struct export *e = ctx;
	enum kms_status st = KMS_OK;

	for (size_t i = first; !st && i < first + count; i++) {
		struct hsm_key *key = &e->masters[i % MASTERS];
		size_t len, n;

		if (e->search)
			st = hsm_key_count(e->hsm, key->id, &n, err);
		if (!st)
			st = hsm_wrap(e->hsm, &e->transport, key, HSM_WRAP_AES_KW, false,
				e->ours[i % MASTERS], BARE_WRAPPED_MAX, &len, NULL, err);
	}
	return st;
}

static enum kms_status bare(void *ctx, size_t first, size_t count, struct kms_err *err)
{
	struct export *e = ctx;

	for (size_t i = first; i < first + count; i++) {
		CK_ULONG len;
		CK_RV rv = bare_wrap(
			&e->bare, e->masters[i % MASTERS].handle, e->theirs[i % MASTERS], &len);

		if (rv != CKR_OK)
			return bench_rv(rv, "C_WrapKey", err);
	}
	return KMS_OK;
}

static enum kms_status new_key(struct hsm *hsm, enum hsm_role role, enum hsm_wrap wrap,
	const char *label, struct hsm_key *ret_key, struct kms_err *err)
{
	struct hsm_new spec = {.alg = HSM_AES256, .role = role, .wrap = wrap, .label = label};
	struct hsm_made made;
	enum kms_status st = hsm_random_public(hsm, spec.id, sizeof(spec.id), err);

	if (!st)
		st = hsm_key_generate(hsm, &spec, &made, err);
	if (!st)
		*ret_key = made.key;
	return st;
}

static enum kms_status export_open(struct export *e, struct bench_token *token, struct kms_err *err)
{
	enum kms_status st = new_key(token->hsm, HSM_TRANSPORT_WRAP, HSM_WRAP_AES_KW,
		"bench-transport", &e->transport, err);

	e->hsm = token->hsm;
	for (size_t i = 0; !st && i < MASTERS; i++) {
		char label[32];

		snprintf(label, sizeof(label), "bench-master-%zu", i);
		st = new_key(
			token->hsm, HSM_MASTER_VAULT, HSM_WRAP_NONE, label, &e->masters[i], err);
	}
	e->bare = (struct bare){
		.p11 = token->p11, .session = token->session, .kek = e->transport.handle};
	if (!st)
		st = ours(e, 0, MASTERS, err);
	if (!st)
		st = bare(e, 0, MASTERS, err);
	if (!st && memcmp(e->ours, e->theirs, sizeof(e->ours)) != 0)
		return kms_fail(err, KMS_ERR_MISMATCH, "the bare loop wraps something else");
	return st;
}

int main(void)
{
	BENCH_TOKEN_AUTO struct bench_token token = {0};
	static struct export e;
	struct bench_pair pair = {
		.name = "wrap",
		.ours = ours,
		.bare = bare,
		.ctx = &e,
		.units = KEYS,
		.keys = 1,
		.note = "AES-256 masters under AES-256, token objects",
	};
	struct kms_err err = {0};
	enum kms_status st = secret_heap_open(&err);

	if (!st)
		st = bench_token_open(&token, &err);
	if (!st)
		st = export_open(&e, &token, &err);
	if (!st)
		st = bench_pair_run(&pair, &err);
	if (!st) {
		e.search = true;
		pair.name = "wrap.control";
		pair.units = CONTROL_KEYS;
		pair.note = "a search too many for each key";
		st = bench_pair_run(&pair, &err);
	}
	return bench_exit(st, &err);
}
