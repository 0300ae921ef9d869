/* SPDX-License-Identifier: Apache-2.0 */
/* Files of DAPs, tokens and receipts: they come back as written, and damaged ones do not come at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exchange/proof.h"

#include <stdlib.h>
#include <string.h>

static struct doc_proof a_dap(void)
{
	struct doc_proof p = {.kind = DOC_DAP,
		.operation = "load",
		.key = "BankDap",
		.alg = KEY_AES128,
		.file = "A00000000201",
		.domain = "A0000001515350AA",
		.card = "",
		.created = 1795000000,
		.data = {1, 2, 3},
		.data_len = 32,
		.value = {9, 8},
		.value_len = 16};

	return p;
}

static struct doc_proof a_token(void)
{
	struct doc_proof p = a_dap();

	p.kind = DOC_TOKEN;
	p.operation = "delete";
	p.file = p.domain = "";
	p.alg = KEY_P256;
	p.data_len = 13;
	p.value_len = 64;
	return p;
}

static struct doc_proof a_receipt(void)
{
	struct doc_proof p = a_dap();

	p.kind = DOC_CARD_RECEIPT;
	p.operation = "install";
	p.card = "47905040000000010102";
	p.data_len = DOC_PROOF_DATA_MAX;
	return p;
}

static void written(const struct doc_proof *p, struct buf *ret_text)
{
	struct kms_err err = {0};

	if (doc_proof_write(p, ret_text, &err))
		fail_msg("%s", err.msg);
}

static void comes_back(struct doc_proof p)
{
	DOC_PROOF_AUTO struct doc_proof again = {0};
	BUF_AUTO struct buf text = {0};
	struct kms_err err = {0};
	enum doc_kind kind = DOC_NONE;

	written(&p, &text);
	assert_int_equal(doc_kind(text.data, text.len, &kind, &err), KMS_OK);
	assert_int_equal(kind, p.kind);
	if (doc_proof_parse(p.kind, text.data, text.len, &again, &err))
		fail_msg("%s", err.msg);
	assert_string_equal(again.operation, p.operation);
	assert_string_equal(again.key, p.key);
	assert_string_equal(again.file, p.file);
	assert_string_equal(again.domain, p.domain);
	assert_string_equal(again.card, p.card);
	assert_int_equal(again.alg, p.alg);
	assert_int_equal(again.created, p.created);
	assert_int_equal(again.data_len, p.data_len);
	assert_memory_equal(again.data, p.data, p.data_len);
	assert_int_equal(again.value_len, p.value_len);
	assert_memory_equal(again.value, p.value, p.value_len);
}

static void they_come_back(void **state)
{
	struct doc_proof unverified = a_receipt();

	(void)state;
	comes_back(a_dap());
	comes_back(a_token());
	comes_back(a_receipt());
	unverified.key = "";
	unverified.alg = KEY_ALG_NONE;
	comes_back(unverified);
}

/* Whatever one byte becomes: no file with it is the one that was written. */
static void no_byte_can_be_changed(void **state)
{
	const struct doc_proof all[] = {a_dap(), a_token(), a_receipt()};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		BUF_AUTO struct buf text = {0};

		written(&all[i], &text);
		for (size_t at = 0; at < text.len; at++) {
			const char was = text.data[at], to[] = {(char)(was ^ 1), (char)(was ^ 32)};

			for (size_t k = 0; k < sizeof(to); k++) {
				struct doc_proof again = {0};
				struct kms_err err = {0};

				text.data[at] = to[k];
				assert_int_equal(doc_proof_parse(all[i].kind, text.data, text.len,
							 &again, &err),
					KMS_ERR_INVALID);
				assert_null(again.owner);
				assert_true(err.msg[0]);
			}
			text.data[at] = was;
		}
		for (size_t len = 0; len < text.len; len++) {
			struct doc_proof again = {0};
			struct kms_err err = {0};

			assert_int_equal(doc_proof_parse(all[i].kind, text.data, len, &again, &err),
				KMS_ERR_INVALID);
		}
	}
}

static void one_is_no_other(void **state)
{
	BUF_AUTO struct buf text = {0};
	struct doc_proof again = {0};
	const struct doc_proof dap = a_dap();
	struct kms_err err = {0};

	(void)state;
	written(&dap, &text);
	assert_int_equal(
		doc_proof_parse(DOC_TOKEN, text.data, text.len, &again, &err), KMS_ERR_INVALID);
	assert_string_equal(err.msg, "not a card-token: the document is a dap");
}

static void refused(struct doc_proof p, const char *words)
{
	BUF_AUTO struct buf text = {0};
	struct kms_err err = {0};

	assert_int_equal(doc_proof_write(&p, &text, &err), KMS_ERR_INVALID);
	if (!strstr(err.msg, words))
		fail_msg("'%s' has no '%s'", err.msg, words);
}

#define REFUSED(of, member, to, words)      \
	do {                                \
		struct doc_proof bad_ = of; \
		bad_.member = to;           \
		refused(bad_, words);       \
	} while (0)

static void what_makes_no_sense_is_not_written(void **state)
{
	(void)state;
	REFUSED(a_dap(), operation, "install", "'install'");
	REFUSED(a_token(), operation, "burn", "'burn'");
	REFUSED(a_dap(), key, "", "dap: key is empty");
	REFUSED(a_token(), key, "", "card-token: key is empty");
	REFUSED(a_dap(), alg, KEY_TDEA2, "tdea2");
	REFUSED(a_dap(), alg, KEY_ALG_NONE, "algorithm");
	REFUSED(a_dap(), file, "", "'file'");
	REFUSED(a_dap(), file, "A0", "'file'");
	REFUSED(a_dap(), domain, "", "'domain'");
	REFUSED(a_receipt(), domain, "a0000001515350aa", "'domain'");
	REFUSED(a_receipt(), card, "", "'card'");
	REFUSED(a_token(), card, "4790", "'card'");
	REFUSED(a_dap(), data_len, 31, "'data'");
	REFUSED(a_token(), data_len, 0, "'data'");
	REFUSED(a_token(), value_len, 0, "'value'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_come_back),
		cmocka_unit_test(no_byte_can_be_changed),
		cmocka_unit_test(one_is_no_other),
		cmocka_unit_test(what_makes_no_sense_is_not_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
