/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token that answers wrongly. Its answers are those of a real one, kept in tests/fuzz/token.trace: to
 * each call the next answer that was given to that function. The input changes some of them, four
 * bytes each: how many calls later, how, where, and to what.
 *
 * The trace is made by the same calls on a SoftHSM with private TRUSTED keys behind p11forwardd:
 * FUZZ_RECORD=tests/fuzz/token.trace KILLP11_SOCKET=… fuzz_token.
 */
#include "hsm/attack.h"
#include "hsm/crypto.h"
#include "hsm/internal.h"
#include "support/p11forward/calls.h"
#include "support/p11forward/client.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);

static const char uri[] = "pkcs11:token=fuzz?module-path=/made/up";

enum { CALLS_MAX = 3000, CHANGE = 4, HEAD = 3 /* of a record: function, two bytes of length */ };

struct recorded {
	const uint8_t *data;
	size_t len;
};

/* By function: what there is of the trace, in order. */
static struct trace {
	uint8_t bytes[1 << 17];
	size_t len;
	struct recorded answers[P11_CALL_COUNT][512];
	size_t count[P11_CALL_COUNT];
} trace;

struct fuzz_token {
	const uint8_t *at;
	size_t left;
	size_t calls, due; /* the call whose answer is changed next */
	size_t given[P11_CALL_COUNT];
	int fd; /* recording */
	FILE *record;
};

static size_t call_of(const struct wire *request)
{
	return request->len < 8 || request->data[0] >= P11_CALL_COUNT ? 0 : request->data[0];
}

static void next_due(struct fuzz_token *f)
{
	f->due = f->left >= CHANGE ? f->calls + 1 + f->at[0] : CALLS_MAX + 1;
}

/* False: the connection is lost. */
static bool change(struct fuzz_token *f, uint8_t *answer, size_t *len)
{
	const size_t where = *len ? f->at[2] % *len : 0;
	const uint8_t what = f->at[3];
	bool goes_on = true;

	switch (f->at[1] % 6) {
	case 0:
		if (*len)
			answer[where] = what;
		break;
	case 1:
		*len = where;
		break;
	case 2: /* another CK_RV */
		if (*len >= 8)
			answer[0] = what;
		break;
	case 3: /* a length or number that is as large as can be */
		for (size_t i = where & ~(size_t)7; i < *len && i < (where & ~(size_t)7) + 8; i++)
			answer[i] = 0xff;
		break;
	case 4:
		for (size_t i = where; i < *len; i++)
			answer[i] ^= what;
		break;
	default:
		goes_on = false;
	}
	f->at += CHANGE;
	f->left -= CHANGE;
	next_due(f);
	return goes_on;
}

static bool from_trace(void *ctx, const struct wire *request, struct wire *answer)
{
	struct fuzz_token *f = ctx;
	const size_t call = call_of(request);
	const struct recorded *r;
	uint8_t copy[1 << 16];
	size_t len;

	if (++f->calls > CALLS_MAX || !trace.count[call])
		return false;
	r = &trace.answers[call][f->given[call]];
	if (f->given[call] + 1 < trace.count[call])
		f->given[call]++;
	len = r->len;
	memcpy(copy, r->data, len);
	if (f->calls == f->due && !change(f, copy, &len))
		return false;
	wire_fill(answer, copy, len);
	return true;
}

static bool recorded(void *ctx, const struct wire *request, struct wire *answer)
{
	struct fuzz_token *f = ctx;
	uint8_t head[HEAD];

	if (!wire_send(f->fd, request) || !wire_receive(f->fd, answer) || answer->len > 0xffff)
		return false;
	head[0] = (uint8_t)call_of(request);
	head[1] = (uint8_t)(answer->len >> 8);
	head[2] = (uint8_t)answer->len;
	fwrite(head, 1, sizeof(head), f->record);
	fwrite(answer->data, 1, answer->len, f->record);
	return true;
}

static void load_trace(void)
{
	FILE *in = fopen(TOKEN_TRACE, "rb");

	if (!in)
		abort();
	trace.len = fread(trace.bytes, 1, sizeof(trace.bytes), in);
	fclose(in);
	for (size_t at = 0; at + HEAD <= trace.len;) {
		const size_t call = trace.bytes[at];
		const size_t len = (size_t)trace.bytes[at + 1] << 8 | trace.bytes[at + 2];

		at += HEAD;
		if (call >= P11_CALL_COUNT || len > trace.len - at)
			abort();
		if (trace.count[call] < 512)
			trace.answers[call][trace.count[call]++] =
				(struct recorded){trace.bytes + at, len};
		at += len;
	}
}

/* Every call may fail, none may misbehave. */
static void ignore(enum kms_status st)
{
	(void)st;
}

static struct hsm_new spec_of(enum hsm_alg alg, enum hsm_role role, enum hsm_wrap wrap, char id)
{
	struct hsm_new spec = {.alg = alg,
		.role = role,
		.wrap = wrap,
		.check = alg == HSM_EC_P256 ? HSM_CHECK_NONE : HSM_CHECK_AES_GP,
		.label = "fuzz"};

	memset(spec.id, id, sizeof(spec.id));
	return spec;
}

static void set_up(struct hsm *hsm, struct kms_err *err)
{
	SECRET_AUTO struct secret so = {0}, pin = {0};
	struct hsm_token_info info;

	ignore(secret_copy(&so, "12345678", 8, err));
	ignore(secret_copy(&pin, "operator-pin", 12, err));
	ignore(hsm_init_token(hsm, "fuzz", &so, false, err));
	ignore(hsm_init_pin(hsm, &so, &pin, err));
	ignore(hsm_find_token(hsm, err));
	ignore(hsm_login(hsm, &pin, err));
	ignore(hsm_token_info(hsm, &info, err));
	ignore(hsm_probe_trusted(hsm, &so, err));
}

static void look(struct hsm *hsm, struct kms_err *err)
{
	FREE_AUTO struct hsm_token_info *tokens = NULL;
	FREE_AUTO struct hsm_object *objects = NULL;
	SECRET_AUTO struct secret random = {0};
	size_t count;

	ignore(hsm_tokens(hsm, &tokens, &count, err));
	ignore(hsm_objects(hsm, &objects, &count, err));
	ignore(hsm_random(hsm, 32, &random, err));
}

static void use_keys(struct hsm *hsm, struct kms_err *err)
{
	struct hsm_new master = spec_of(HSM_AES256, HSM_MASTER_VAULT, HSM_WRAP_NONE, 1);
	struct hsm_new transport = spec_of(HSM_AES256, HSM_TRANSPORT_WRAP, HSM_WRAP_AES_KW, 2);
	struct hsm_new pair = spec_of(HSM_EC_P256, HSM_IDENTITY, HSM_WRAP_NONE, 3);
	const struct hsm_message message = {
		(const unsigned char *)"a message of 32 bytes, or so it is", 32, false};
	const struct hsm_temp temp = {HSM_AES128, 0, HSM_TEMP_CARD};
	unsigned char wrapped[HSM_WRAPPED_MAX], point[HSM_POINT_LEN], sig[64], check[HSM_CHECK_MAX];
	struct hsm_made made = {0}, kek = {0}, back = {0};
	struct hsm_key key = {0}, derived = {0}, signer = {0};
	size_t len = 0;

	ignore(hsm_key_generate(hsm, &master, &made, err));
	ignore(hsm_key_generate(hsm, &transport, &kek, err));
	ignore(hsm_key_find(hsm, master.id, "fuzz", &key, err));
	ignore(hsm_check_value(hsm, &key, HSM_CHECK_AES_GP, check, &len, err));
	ignore(hsm_key_check_role(hsm, &key, HSM_MASTER_VAULT, err));
	ignore(hsm_key_prove(hsm, &key, HSM_WRAP_NONE, made.proof, made.proof_len, err));
	len = 0;
	ignore(hsm_wrap(hsm, &kek.key, &key, HSM_WRAP_AES_KW, true, wrapped, sizeof(wrapped), &len,
		NULL, err));
	master.id[0] = 9;
	ignore(hsm_unwrap(hsm, &kek.key, HSM_WRAP_AES_KW, true, wrapped, len, &master, &back, err));
	ignore(hsm_derive_cmac(hsm, &key, NULL, &message, 1, &temp, &derived, err));
	hsm_key_drop(hsm, &derived);
	ignore(hsm_pair_generate(hsm, &pair, &signer, point, err));
	ignore(hsm_pair_point(hsm, pair.id, "fuzz", point, err));
	ignore(hsm_sign(hsm, &signer, point, sig, err));
	ignore(hsm_key_destroy(hsm, transport.id, "fuzz", err));
}

static void try_out(struct hsm *hsm, struct kms_err *err)
{
	struct hsm_attack_result attack;
	struct hsm_role_result role;
	BUF_AUTO struct buf caps = {0};
	struct hsm_way way;

	ignore(hsm_way(hsm, HSM_OP_COMPONENTS_XOR, &way, err));
	ignore(hsm_way(hsm, HSM_OP_UNWRAP_AES_KW, &way, err));
	for (size_t i = 0; i < hsm_attack_count(); i += 4)
		ignore(hsm_attack_run(hsm, i, &attack, err));
	ignore(hsm_role_try(hsm, HSM_SITE, &role, err));
	ignore(hsm_caps_save(hsm, &caps, err));
}

static void run(client_exchange_fn *exchange, struct fuzz_token *f)
{
	struct kms_err err = {0};
	struct hsm *hsm = NULL;

	if (hsm_open_list(uri, client_by(exchange, f), &hsm, &err))
		return;
	set_up(hsm, &err);
	look(hsm, &err);
	use_keys(hsm, &err);
	try_out(hsm, &err);
	hsm_close(hsm);
}

static void record(const char *path)
{
	struct fuzz_token f = {
		.fd = wire_connect(getenv("KILLP11_SOCKET")), .record = fopen(path, "wb")};

	if (f.fd < 0 || !f.record)
		abort();
	run(recorded, &f);
	fclose(f.record);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *path = getenv("FUZZ_RECORD");
	struct kms_err err = {0};

	(void)argc;
	(void)argv;
	if (secret_heap_open(&err))
		abort();
	if (path) {
		record(path);
		exit(0);
	}
	load_trace();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_token f = {.at = data, .left = size};

	next_due(&f);
	run(from_trace, &f);
	return 0;
}
