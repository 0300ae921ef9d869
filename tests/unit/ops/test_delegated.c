/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a receipt is worth: confirmations as a card with the same key makes them (the bytes are put
 * together here, the MAC is OpenSSL's), verified by a key on a real SoftHSM, with the card's history
 * in a real store.
 */
#include "base/file.h"
#include "base/hex.h"
#include "ops/app.h"
#include "ops/ops.h"
#include "store/journal.h"
#include "support/expect.h"
#include "support/softhsm.h"

#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct kms_err err;

#define OK(call)   expect_ok(&err, call)
#define CARD	   "47905040000000010102"
#define DOMAIN	   "A0000001515350AA"
#define CARD_NAMES "0A47900102030405060708"

static const unsigned char key_bytes[16] = "receipts of Bank";

struct fixture {
	struct softhsm softhsm;
	char dir[160], receipt[200];
	struct op_site *site;
	struct op op;
	struct apdu_response response;
	struct op_app_where where;
	struct op_app app;
};

static enum kms_status give(void *ctx, const char *name, const char *prompt,
	struct secret *ret_value, struct kms_err *e)
{
	(void)ctx;
	(void)prompt;
	if (strcmp(name, "so-pin") == 0)
		return secret_copy(ret_value, "12345678", 8, e);
	return secret_copy(ret_value, "operator-pin", 12, e);
}

/* As `card key create` would, but of a value that is known here. */
static void add_key(struct fixture *f, const char *label, enum key_role role)
{
	char id[OP_ID_HEX], check[KEY_KCV_TEXT_SIZE], proof[2 * HSM_PROOF_MAX + 1];
	struct hsm_new spec = {.alg = HSM_AES128,
		.role = HSM_CARD_SIGN,
		.check = HSM_CHECK_AES_GP,
		.label = label};
	SECRET_AUTO struct secret value = {0};
	struct store_key row = {.cka_id = id,
		.label = label,
		.role = key_role_name(role),
		.algorithm = "aes128",
		.state = "active",
		.check_value = check,
		.check_method = "aes-gp",
		.location = "vault",
		.origin = "generated",
		.proof = proof,
		.exportable = "never",
		.hsm_serial = "1",
		.created = 1,
		.state_changed = 1};
	struct hsm_made made;
	struct key_kcv kcv;

	OK(op_new_id(id, &err));
	assert_true(hex_decode_strict(id, spec.id, HSM_ID_LEN));
	OK(secret_copy(&value, key_bytes, sizeof(key_bytes), &err));
	OK(hsm_key_import(f->site->hsm, &spec, &value, &made, &err));
	OK(key_kcv_of_made(&made, KEY_KCV_AES_GP, &kcv, &err));
	key_kcv_print(&kcv, check);
	hex_encode(made.proof, made.proof_len, proof);
	OK(store_begin(f->site->store, &err));
	OK(store_key_add(f->site->store, &row, &err));
	OK(store_commit(f->site->store, &err));
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const struct op_front front = {.secret = give, .new_secret = give};
	struct op_site_options options = {.name = "Card Maker", .role = "manufacturer"};
	char uri[400];
	json_t *report = NULL;

	OK(secret_heap_open(&err));
	softhsm_open(&f->softhsm);
	snprintf(uri, sizeof(uri), "pkcs11:token=cards?module-path=%s", SOFTHSM_MODULE);
	options.hsm_uri = uri;
	snprintf(f->dir, sizeof(f->dir), "%s/site", f->softhsm.dir);
	snprintf(f->receipt, sizeof(f->receipt), "%s/receipt", f->softhsm.dir);
	OK(op_site_init(f->dir, &options, NULL, false, &report, &err));
	json_decref(report);
	report = NULL;
	OK(op_site_open(f->dir, &front, &f->site, &err));
	OK(op_hsm_setup(f->site, &(struct op_hsm_setup){0}, &report, &err));
	json_decref(report);
	OK(op_site_login(f->site, &err));
	add_key(f, "BankReceipt", KEY_ROLE_RECEIPT);
	add_key(f, "BankToken", KEY_ROLE_TOKEN);
	OK(store_begin(f->site->store, &err));
	OK(store_card_add(f->site->store,
		&(struct store_card){.id = CARD,
			.id_source = "cplc",
			.profile = "gp23-scp03",
			.state = "active",
			.created = 1,
			.changed = 1},
		&err));
	OK(store_commit(f->site->store, &err));
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	op_site_close(f->site);
	softhsm_close(&f->softhsm);
	free(f);
	return 0;
}

/* ---- one operation ---- */

static void begin(struct fixture *f)
{
	f->op = (struct op){.site = f->site,
		.detail = json_object(),
		.report = json_object(),
		.now = 1795000000};
	strcpy(f->op.id, f->site->last_op);
	f->where.delegated =
		(struct op_app_delegated){.receipt_key = "BankReceipt", .receipt = f->receipt};
	f->app = (struct op_app){.where = &f->where};
	f->app.w.op = &f->op;
	strcpy(f->app.w.card.id, CARD);
	strcpy(f->app.w.aid, DOMAIN);
	f->app.w.card.gp.response = &f->response;
	(void)remove(f->receipt);
	OK(op_delegated_validate(&f->app, &err));
}

static void end(struct fixture *f)
{
	op_delegated_clear(&f->app.delegated);
	json_decref(f->op.detail);
	json_decref(f->op.report);
}

static size_t bytes(const char *hex, unsigned char *out)
{
	size_t len = strlen(hex) / 2;

	assert_true(hex_decode_strict(hex, out, len));
	return len;
}

static void cmac(const unsigned char *data, size_t len, unsigned char mac[16])
{
	EVP_MAC *method = EVP_MAC_fetch(NULL, "CMAC", NULL);
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(method);
	char cipher[] = "AES-128-CBC";
	const OSSL_PARAM params[] = {OSSL_PARAM_utf8_string("cipher", cipher, 0), OSSL_PARAM_END};
	size_t made = 0;

	assert_int_equal(EVP_MAC_init(ctx, key_bytes, sizeof(key_bytes), params), 1);
	assert_int_equal(EVP_MAC_update(ctx, data, len), 1);
	assert_int_equal(EVP_MAC_final(ctx, mac, &made, 16), 1);
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(method);
}

/* The card's answer: `names` as the card has them, in hex, each behind its length. */
static void answer(struct fixture *f, unsigned counter, const char *unique, const char *names)
{
	unsigned char data[200], mac[16];
	char text[400];
	size_t confirmation, all;

	snprintf(text, sizeof(text), "02%04X%s", counter, unique);
	confirmation = strlen(text) / 2;
	snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s", names);
	all = bytes(text, data);
	cmac(data, all, mac);
	f->response.data[0] = (unsigned char)(17 + confirmation);
	f->response.data[1] = 16;
	memcpy(f->response.data + 2, mac, 16);
	memcpy(f->response.data + 18, data, confirmation);
	f->response.len = 18 + confirmation;
}

static struct gp_aid aid(const char *hex)
{
	struct gp_aid ret;

	OK(gp_aid_parse(hex, "AID", &ret, &err));
	return ret;
}

static struct gp_receipt_names names(void)
{
	return (struct gp_receipt_names){.file = aid("A00000000201"),
		.application = aid("A00000000202"),
		.domain = aid(DOMAIN),
		.to = aid("A000000003")};
}

/* Takes, judges, records and delivers. words NULL: it is good. */
static void judged(struct fixture *f, enum gp_content_kind kind, const char *words)
{
	const struct gp_receipt_names n = names();
	json_t *detail = json_object();
	enum kms_status st;

	op_delegated_take(&f->app, kind, &n);
	OK(op_delegated_verify(&f->app, &err));
	assert_int_equal(f->app.delegated.verified, words == NULL);
	OK(op_delegated_commit(&f->app, detail, &err));
	OK(store_begin(f->site->store, &err));
	OK(op_card_event(&f->op, CARD, "app-test", detail, &err));
	OK(store_commit(f->site->store, &err));
	st = op_delegated_deliver(&f->app, &err);
	if (!words) {
		if (st)
			fail_msg("%s", err.msg);
		return;
	}
	assert_int_equal(st, KMS_ERR_MISMATCH);
	if (!strstr(err.msg, words) || !strstr(err.msg, "done, but the receipt of card " CARD))
		fail_msg("'%s' has no '%s'", err.msg, words);
}

static void good(struct fixture *f, enum gp_content_kind kind, unsigned counter, const char *n)
{
	begin(f);
	answer(f, counter, CARD_NAMES, n);
	judged(f, kind, NULL);
	assert_int_equal(json_integer_value(json_object_get(
				 json_object_get(f->op.report, "receipt"), "counter")),
		counter);
	end(f);
}

static void bad(struct fixture *f, unsigned counter, const char *n, const char *words)
{
	begin(f);
	answer(f, counter, CARD_NAMES, n);
	judged(f, GP_CONTENT_LOAD, words);
	end(f);
}

#define LOADED "06A0000000020108A0000001515350AA"

/* ---- tests ---- */

static void test_good(void **state)
{
	static const struct {
		enum gp_content_kind kind;
		const char *names;
	} rows[] = {
		{GP_CONTENT_LOAD, LOADED},
		{GP_CONTENT_INSTALL, "06A0000000020106A00000000202"},
		{GP_CONTENT_SELECTABLE, "06A0000000020106A00000000202"},
		{GP_CONTENT_EXTRADITE, "08A0000001515350AA06A0000000020205A000000003"},
		{GP_CONTENT_DELETE, "06A00000000202"},
	};
	struct fixture *f = *state;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		DOC_PROOF_AUTO struct doc_proof proof = {0};
		BUF_AUTO struct buf text = {0};

		good(f, rows[i].kind, 1 + i, rows[i].names);
		OK(file_read(f->receipt, DOC_MAX, &text, &err));
		OK(doc_proof_parse(DOC_CARD_RECEIPT, text.data, text.len, &proof, &err));
		assert_string_equal(proof.operation, gp_content_name(rows[i].kind));
		assert_string_equal(proof.key, "BankReceipt");
		assert_string_equal(proof.card, CARD);
		assert_string_equal(proof.domain, DOMAIN);
	}
}

static void test_counter(void **state)
{
	struct fixture *f = *state;

	good(f, GP_CONTENT_LOAD, 0x0100, LOADED);
	bad(f, 0x0100, LOADED, "counter is 256, and its last receipt had 256 already");
	bad(f, 0x00FF, LOADED, "counter is 255, and its last receipt had 256 already");
	good(f, GP_CONTENT_LOAD, 0x0102, LOADED);
	/* Another security domain of the card counts for itself. */
	begin(f);
	answer(f, 1, "0447900203", LOADED);
	judged(f, GP_CONTENT_LOAD, NULL);
	end(f);
	/* A receipt that is not the card's does not move the counter, */
	bad(f, 0x7FFF, "06A00000000299", "not made with 'BankReceipt'");
	good(f, GP_CONTENT_LOAD, 0x0103, LOADED);
}

static void test_wrong(void **state)
{
	struct fixture *f = *state;

	/* Of another load file, another domain, in another order, */
	bad(f, 0x0200, "06A0000000029908A0000001515350AA", "not made with");
	bad(f, 0x0200, "06A0000000020108A0000001515350AB", "not made with");
	bad(f, 0x0200, "08A0000001515350AA06A00000000201", "not made with");
	/* with one bit changed: of the receipt, the counter, the names, */
	for (size_t at = 2; at < 32; at++) {
		begin(f);
		answer(f, 0x0200, CARD_NAMES, LOADED);
		f->response.data[at] ^= 0x10;
		judged(f, GP_CONTENT_LOAD,
			at == 18 || at == 21 ? "confirmation is none" : "not made with");
		end(f);
	}
	/* cut off, longer, none at all. */
	begin(f);
	answer(f, 0x0200, CARD_NAMES, LOADED);
	f->response.len--;
	judged(f, GP_CONTENT_LOAD, "cut off");
	end(f);
	begin(f);
	answer(f, 0x0200, CARD_NAMES, LOADED);
	f->response.len = 300;
	judged(f, GP_CONTENT_LOAD, "cut off");
	end(f);
	begin(f);
	f->response.data[0] = 0;
	f->response.len = 1;
	judged(f, GP_CONTENT_LOAD, "the card gave none");
	end(f);
	assert_int_equal(access(f->receipt, F_OK), -1);
	begin(f);
	assert_int_equal(bytes("0F00020200" CARD_NAMES, f->response.data), 16);
	f->response.len = 16;
	judged(f, GP_CONTENT_LOAD, "the card gave none");
	end(f);
	good(f, GP_CONTENT_LOAD, 0x0200, LOADED);
}

/* Without a key a receipt is taken down as it is; without both it is not looked at. */
static void test_unverified(void **state)
{
	struct fixture *f = *state;
	DOC_PROOF_AUTO struct doc_proof proof = {0};
	BUF_AUTO struct buf text = {0};
	const struct gp_receipt_names n = names();
	json_t *detail = json_object();

	begin(f);
	content_key_free(&f->app.delegated.key);
	f->where.delegated.receipt_key = NULL;
	answer(f, 1, CARD_NAMES, "06A00000000299");
	op_delegated_take(&f->app, GP_CONTENT_LOAD, &n);
	OK(op_delegated_verify(&f->app, &err));
	assert_false(f->app.delegated.verified);
	OK(op_delegated_commit(&f->app, detail, &err));
	OK(op_delegated_deliver(&f->app, &err));
	OK(file_read(f->receipt, DOC_MAX, &text, &err));
	OK(doc_proof_parse(DOC_CARD_RECEIPT, text.data, text.len, &proof, &err));
	assert_string_equal(proof.key, "");
	json_decref(detail);
	end(f);

	begin(f);
	content_key_free(&f->app.delegated.key);
	f->where.delegated = (struct op_app_delegated){.token = NULL};
	detail = json_object();
	f->response.data[0] = 0xFF;
	op_delegated_take(&f->app, GP_CONTENT_LOAD, &n);
	OK(op_delegated_verify(&f->app, &err));
	OK(op_delegated_commit(&f->app, detail, &err));
	assert_int_equal(json_object_size(detail), 0);
	OK(op_delegated_deliver(&f->app, &err));
	json_decref(detail);
	end(f);
}

static void test_keys(void **state)
{
	struct fixture *f = *state;
	struct content_key key __attribute__((cleanup(content_key_free))) = {.hsm = NULL};
	unsigned char signature[CONTENT_SIGNATURE_MAX], want[16];
	size_t len = 0;

	expect_err(&err, content_key_find(f->site, "BankToken", KEY_ROLE_RECEIPT, &key, &err),
		KMS_ERR_STATE, "'BankToken' is no key that verifies receipts");
	expect_err(&err, content_key_find(f->site, "cardkms-identity", KEY_ROLE_NONE, &key, &err),
		KMS_ERR_STATE, "its role is identity");
	expect_err(&err, content_key_find(f->site, "Nothing", KEY_ROLE_DAP, &key, &err),
		KMS_ERR_NOT_FOUND, "Nothing");
	OK(content_key_find(f->site, "BankToken", KEY_ROLE_TOKEN, &key, &err));
	OK(content_key_open(f->site, &key, &err));
	OK(content_key_sign(&key, "0123456789", 10, signature, &len, &err));
	cmac((const unsigned char *)"0123456789", 10, want);
	assert_int_equal(len, 16);
	assert_memory_equal(signature, want, 16);
	OK(content_key_verify(&key, "0123456789", 10, want, 16, &err));
	expect_err(&err, content_key_verify(&key, "0123456789", 10, want, 15, &err),
		KMS_ERR_MISMATCH, "BankToken");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_counter),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_unverified),
		cmocka_unit_test(test_keys),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
