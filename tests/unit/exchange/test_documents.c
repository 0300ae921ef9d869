/* SPDX-License-Identifier: Apache-2.0 */
/* What the documents carry, who signed them, and how they are linked. */
#include "base/hex.h"
#include "unit/exchange/sample.h"

#include <stdio.h>
#include <stdlib.h>

static int group_open(void **state)
{
	struct exchange *x = calloc(1, sizeof(*x));

	assert_non_null(x);
	exchange_open(x);
	*state = x;
	return 0;
}

static int group_close(void **state)
{
	exchange_close(*state);
	free(*state);
	return 0;
}

static void identity_round_trip(void **state)
{
	struct exchange *x = *state;
	const struct doc_identity *doc = &x->maker.doc;
	char fingerprint[DOC_FINGERPRINT_SIZE];
	struct doc_identity moved = *doc;
	struct kms_err err = {0};

	assert_string_equal(doc->name, "Acme Cards");
	assert_int_equal(doc->role, DOC_MANUFACTURER);
	assert_memory_equal(doc->identity_key, x->maker.identity.signer.point, P256_POINT_SIZE);
	assert_memory_equal(doc->audit_key, x->maker.audit.signer.point, P256_POINT_SIZE);
	assert_string_equal(doc->hsm_manufacturer, "SafeNet, Inc.");
	assert_string_equal(doc->hsm_model, "Luna");
	assert_string_equal(doc->hsm_serial, "");
	assert_int_equal(doc->created, NOON);
	expect_ok(&err, doc_identity_verify(doc, NULL, &err));
	expect_ok(&err, doc_identity_verify(doc, doc->fingerprint, &err));
	expect_err(&err, doc_identity_verify(doc, x->issuer.doc.fingerprint, &err),
		KMS_ERR_MISMATCH, "compare the fingerprint");

	/* Bound: name, role, keys. Not bound: HSM, date. */
	moved.hsm_serial = "other";
	moved.created++;
	expect_ok(&err, doc_identity_fingerprint(&moved, fingerprint, &err));
	assert_string_equal(fingerprint, doc->fingerprint);
#define BOUND(change)                                                                 \
	do {                                                                          \
		moved = *doc;                                                         \
		change;                                                               \
		expect_ok(&err, doc_identity_fingerprint(&moved, fingerprint, &err)); \
		assert_string_not_equal(fingerprint, doc->fingerprint);               \
	} while (0)
	BOUND(moved.name = "Acme cards");
	BOUND(moved.role = DOC_ISSUER);
	BOUND(moved.identity_key[5] ^= 1);
	BOUND(moved.audit_key[5] ^= 1);
}

/* The fingerprint as docs/formats/identity.md defines it, from a text made by hand. */
static void fingerprint_by_hand(void **state)
{
	struct exchange *x = *state;
	const struct doc_identity *doc = &x->maker.doc;
	char identity_key[131], audit_key[131], want[DOC_FINGERPRINT_SIZE];
	unsigned char hash[HASH_SIZE];
	BUF_AUTO struct buf text = {0};
	struct kms_err err = {0};

	hex_encode(doc->identity_key, P256_POINT_SIZE, identity_key);
	hex_encode(doc->audit_key, P256_POINT_SIZE, audit_key);
	expect_ok(&err, buf_printf(&text, &err,
				"{\n  \"audit_key\": \"%s\",\n  \"cardkms\": \"identity/1\",\n"
				"  \"identity_key\": \"%s\",\n  \"name\": \"Acme Cards\",\n"
				"  \"role\": \"manufacturer\"\n}\n",
				audit_key, identity_key));
	expect_ok(&err, hash_sha256(text.data, text.len, hash, &err));
	hex_encode(hash, sizeof(hash), want);
	assert_string_equal(doc->fingerprint, want);
}

static void fingerprints_as_people_write_them(void **state)
{
	struct exchange *x = *state;
	const char *good = x->maker.doc.fingerprint;
	char spaced[200] = "", out[DOC_FINGERPRINT_SIZE];
	struct kms_err err = {0};

	for (size_t i = 0; i < 64; i += 4)
		snprintf(spaced + strlen(spaced), 8, "%.4s%s", good + i, i % 8 ? ":" : " ");
	for (char *c = spaced; *c; c++)
		*c = (char)(*c >= 'A' && *c <= 'F' ? *c + 32 : *c);
	expect_ok(&err, doc_fingerprint_parse(spaced, out, &err));
	assert_string_equal(out, good);
	spaced[strlen(spaced) - 5] = 0;
	expect_err(&err, doc_fingerprint_parse(spaced, out, &err), KMS_ERR_INVALID, "60");
	expect_err(&err, doc_fingerprint_parse("xyz", out, &err), KMS_ERR_INVALID, "fingerprint");
	expect_err(&err, doc_fingerprint_parse("", out, &err), KMS_ERR_INVALID, "64 hex digits");
}

static void request_round_trip(void **state)
{
	struct exchange *x = *state;
	DOC_REQUEST_AUTO struct doc_request doc = {0};
	struct kms_err err = {0};

	expect_ok(&err, doc_request_parse(x->request.data, x->request.len, &doc, &err));
	assert_string_equal(doc.id, "RQ-1");
	assert_memory_equal(doc.nonce, x->asked.nonce, DOC_NONCE_SIZE);
	assert_string_equal(doc.sender.name, "Ex\xC3\xA4mple Bank");
	assert_string_equal(doc.sender.fingerprint, x->issuer.doc.fingerprint);
	assert_string_equal(doc.recipient.name, "Acme Cards");
	assert_string_equal(doc.hsm_serial, "B00C000000000001");
	assert_int_equal(doc.keyset_count, 2);
	assert_string_equal(doc.keysets[1], "OPMasterKey2");
	assert_int_equal(doc.created, NOON + 60);
}

static void package_round_trip(void **state)
{
	struct exchange *x = *state;
	DOC_PACKAGE_AUTO struct doc_package doc = {0};
	struct kms_err err = {0};

	expect_ok(&err, doc_package_parse(x->package.data, x->package.len, &doc, &err));
	assert_string_equal(doc.id, "PK-1");
	assert_string_equal(doc.request_id, "RQ-1");
	assert_memory_equal(doc.request_hash, x->request_hash, HASH_SIZE);
	assert_memory_equal(doc.nonce, x->asked.nonce, DOC_NONCE_SIZE);
	assert_string_equal(doc.transport.label, "TK-EXAMPLE-2026");
	assert_int_equal(doc.transport.alg, KEY_AES256);
	assert_true(key_kcv_same(&doc.transport.kcv, &x->sent.transport.kcv));
	assert_string_equal(doc.ceremony, "7F3K-22QD");
	assert_int_equal(doc.wrapping, KEY_WRAP_AES_KW);
	assert_string_equal(doc.carrier, "G. Weber");
	assert_string_equal(doc.checkpoint, sample_note);
	assert_int_equal(doc.override_count, 1);
	assert_string_equal(doc.overrides[0], x->overrides[0]);
	assert_int_equal(doc.created, NOON + 120);
	assert_int_equal(doc.keyset_count, 2);
	assert_string_equal(doc.keysets[0].customer, "");
	assert_string_equal(doc.keysets[1].customer, "Example Bank");
	assert_string_equal(doc.keysets[1].order, "PO 4711");
	assert_string_equal(doc.keysets[1].div.name, "kdf3");
	assert_int_equal(doc.keysets[1].kvn, 0x21);
	assert_false(doc.keysets[0].exportable);
	assert_true(doc.keysets[1].exportable);
	assert_int_equal(doc.keysets[1].period.unit, KEY_PERIOD_MONTHS);
	assert_int_equal(doc.keysets[1].period.count, 36);
	assert_int_equal(doc.key_count, SAMPLE_KEYS);
	for (size_t i = 0; i < SAMPLE_KEYS; i++) {
		assert_string_equal(doc.keys[i].label, x->keys[i].label);
		assert_string_equal(doc.keys[i].keyset, x->keys[i].keyset);
		assert_int_equal(doc.keys[i].role, x->keys[i].role);
		assert_int_equal(doc.keys[i].alg, x->keys[i].alg);
		assert_true(key_kcv_same(&doc.keys[i].kcv, &x->keys[i].kcv));
		assert_int_equal(doc.keys[i].block_len, x->keys[i].block_len);
		assert_memory_equal(doc.keys[i].block, x->keys[i].block, doc.keys[i].block_len);
	}
}

static void receipt_round_trip(void **state)
{
	struct exchange *x = *state;
	DOC_RECEIPT_AUTO struct doc_receipt doc = {0};
	struct kms_err err = {0};

	expect_ok(&err, doc_receipt_parse(x->receipt.data, x->receipt.len, &doc, &err));
	assert_string_equal(doc.id, "RC-1");
	assert_string_equal(doc.package_id, "PK-1");
	assert_memory_equal(doc.package_hash, x->package_hash, HASH_SIZE);
	assert_memory_equal(doc.nonce, x->asked.nonce, DOC_NONCE_SIZE);
	assert_string_equal(doc.hsm_serial, "B00C000000000001");
	assert_string_equal(doc.checkpoint, sample_note);
	assert_int_equal(doc.key_count, SAMPLE_KEYS);
	for (size_t i = 0; i < SAMPLE_KEYS; i++) {
		assert_string_equal(doc.keys[i].label, x->keys[i].label);
		assert_int_equal(doc.keys[i].alg, x->keys[i].alg);
		assert_true(key_kcv_same(&doc.keys[i].kcv, &x->keys[i].kcv));
	}
}

static void signed_by_whom(void **state)
{
	struct exchange *x = *state;
	DOC_REQUEST_AUTO struct doc_request doc = {0};
	struct kms_err err = {0};

	expect_ok(&err, doc_request_parse(x->request.data, x->request.len, &doc, &err));
	expect_ok(&err, doc_request_verify(
				&doc, x->issuer.doc.fingerprint, x->issuer.doc.identity_key, &err));
	/* Another site; the right site with another key; the site's audit key. */
	expect_err(&err,
		doc_request_verify(&doc, x->maker.doc.fingerprint, x->maker.doc.identity_key, &err),
		KMS_ERR_MISMATCH, "not of the identity");
	expect_err(&err,
		doc_request_verify(
			&doc, x->issuer.doc.fingerprint, x->maker.doc.identity_key, &err),
		KMS_ERR_MISMATCH, "does not verify");
	expect_err(&err,
		doc_request_verify(&doc, x->issuer.doc.fingerprint, x->issuer.doc.audit_key, &err),
		KMS_ERR_MISMATCH, "does not verify");
}

static void package_answers_request(void **state)
{
	struct exchange *x = *state;
	DOC_PACKAGE_AUTO struct doc_package package = {0};
	DOC_REQUEST_AUTO struct doc_request request = {0};
	unsigned char hash[HASH_SIZE];
	struct kms_err err = {0};

	expect_ok(&err, doc_request_parse(x->request.data, x->request.len, &request, &err));
	expect_ok(&err, doc_package_parse(x->package.data, x->package.len, &package, &err));
	expect_ok(&err, doc_package_answers(&package, &request, x->request_hash, &err));
#define OTHER(change, text)                                                         \
	do {                                                                        \
		struct doc_request other = request;                                 \
		memcpy(hash, x->request_hash, HASH_SIZE);                           \
		change;                                                             \
		expect_err(&err, doc_package_answers(&package, &other, hash, &err), \
			KMS_ERR_MISMATCH, text);                                    \
	} while (0)
	OTHER(other.id = "RQ-2", "the request 'RQ-1', the request 'RQ-2'");
	OTHER(other.nonce[15] ^= 1, "the nonce differs");
	OTHER(hash[0] ^= 1, "SHA-256 of the file differs");
	OTHER(other.hsm_serial = "B00C000000000002", "HSM 'B00C000000000001'");
	OTHER(other.sender.fingerprint = x->maker.doc.fingerprint, "requesting site");
	OTHER(other.recipient.fingerprint = x->issuer.doc.fingerprint, "asked site");
	OTHER(other.keyset_count = 1, "'OPMasterKey2', which request RQ-1 did not ask for");
}

static void receipt_closes_package(void **state)
{
	struct exchange *x = *state;
	DOC_PACKAGE_AUTO struct doc_package package = {0};
	struct doc_checked_key keys[SAMPLE_KEYS];
	unsigned char hash[HASH_SIZE];
	struct kms_err err = {0};

	expect_ok(&err, doc_package_parse(x->package.data, x->package.len, &package, &err));
	expect_ok(&err, doc_receipt_closes(&x->received, &package, x->package_hash, &err));
#define OTHER_RECEIPT(change, text)                                                \
	do {                                                                       \
		struct doc_receipt other = x->received;                            \
		memcpy(hash, x->package_hash, HASH_SIZE);                          \
		memcpy(keys, x->got, sizeof(keys));                                \
		other.keys = keys;                                                 \
		change;                                                            \
		expect_err(&err, doc_receipt_closes(&other, &package, hash, &err), \
			KMS_ERR_MISMATCH, text);                                   \
	} while (0)
	OTHER_RECEIPT(other.package_id = "PK-2", "PK-2");
	OTHER_RECEIPT(other.nonce[0] ^= 1, "nonce");
	OTHER_RECEIPT(hash[31] ^= 1, "SHA-256");
	OTHER_RECEIPT(other.hsm_serial = "X", "HSM 'X'");
	OTHER_RECEIPT(other.sender.fingerprint = x->maker.doc.fingerprint, "importing site");
	OTHER_RECEIPT(other.recipient.fingerprint = x->issuer.doc.fingerprint, "exporting site");
	OTHER_RECEIPT(other.key_count--, "lists 5 keys, package PK-1 holds 6");
	OTHER_RECEIPT(
		keys[3].label = "Other", "'Other' (aes256), which package PK-1 does not hold");
	OTHER_RECEIPT(keys[3].alg = KEY_AES128, "does not hold");
	OTHER_RECEIPT(keys[3].kcv.bytes[0] ^= 1, "'OPMasterKeyENC2' at the recipient");
}

/* 1024 keys, with the longest texts, are within the limit of a file. */
static void largest_package(void **state)
{
	enum { SETS = DOC_KEYSETS_MAX, KEYS = 3 * SETS };
	static char names[SETS][KEY_SET_NAME_MAX + 1], labels[KEYS][KEY_LABEL_MAX + 1];
	struct exchange *x = *state;
	struct doc_package sent = x->sent;
	struct doc_keyset *sets = calloc(SETS, sizeof(*sets));
	struct doc_key *keys = calloc(KEYS, sizeof(*keys));
	DOC_PACKAGE_AUTO struct doc_package doc = {0};
	BUF_AUTO struct buf text = {0};
	struct kms_err err = {0};

	assert_true(sets && keys);
	for (size_t i = 0; i < SETS; i++) {
		snprintf(names[i], sizeof(names[i]), "MasterKeyOfALongNameIndeed%03zu", i);
		sets[i] = x->sets[1];
		sets[i].name = names[i];
		for (size_t j = 0; j < 3; j++) {
			struct doc_key *key = &keys[3 * i + j];

			*key = x->keys[3 + j];
			key->keyset = names[i];
			expect_ok(&err, key_label(names[i], key->role, labels[3 * i + j], &err));
			key->label = labels[3 * i + j];
		}
	}
	sent.keysets = sets;
	sent.keyset_count = SETS;
	sent.keys = keys;
	sent.key_count = KEYS;
	expect_ok(&err, doc_package_write(&sent, &x->maker.identity.signer, &text, &err));
	expect_ok(&err, doc_package_parse(text.data, text.len, &doc, &err));
	assert_int_equal(doc.key_count, KEYS);
	expect_ok(&err, doc_package_verify(
				&doc, x->maker.doc.fingerprint, x->maker.doc.identity_key, &err));
	free(sets);
	free(keys);
}

/* What documents say of logs: nothing at first, then a checkpoint and a proof of any length. */
static void witnesses_round_trip(void **state)
{
	struct exchange *x = *state;
	const size_t lengths[] = {0, 1, DOC_PATH_MAX};
	struct kms_err err = {0};

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct doc_receipt sent = x->received;
		DOC_RECEIPT_AUTO struct doc_receipt doc = {0};
		BUF_AUTO struct buf text = {0};

		assert_null(sent.witness.seen);
		assert_false(sent.witness.continues);
		sent.witness = (struct doc_witness){.seen = sample_note,
			.continues = true,
			.size = INT64_MAX / 2,
			.count = lengths[i]};
		memset(sent.witness.path, 0xA5, sizeof(sent.witness.path));
		expect_ok(&err, doc_receipt_write(&sent, &x->issuer.identity.signer, &text, &err));
		expect_ok(&err, doc_receipt_parse(text.data, text.len, &doc, &err));
		assert_string_equal(doc.witness.seen, sample_note);
		assert_true(doc.witness.continues);
		assert_int_equal(doc.witness.size, INT64_MAX / 2);
		assert_int_equal(doc.witness.count, lengths[i]);
		assert_memory_equal(doc.witness.path, sent.witness.path, lengths[i] * HASH_SIZE);
	}
}

static enum kms_status no_hsm(void *ctx, const unsigned char digest[HASH_SIZE],
	unsigned char ret_sig[P256_SIG_SIZE], struct kms_err *err)
{
	(void)ctx, (void)digest, (void)ret_sig;
	return kms_fail(err, KMS_ERR_HSM, "the HSM is gone");
}

static void hsm_that_fails(void **state)
{
	struct exchange *x = *state;
	struct p256_signer signer = x->issuer.identity.signer;
	BUF_AUTO struct buf text = {0};
	struct kms_err err = {0};

	signer.sign = no_hsm;
	expect_err(&err, doc_request_write(&x->asked, &signer, &text, &err), KMS_ERR_HSM,
		"the HSM is gone");
	assert_null(text.data);
}

static void kinds_and_roles(void **state)
{
	enum doc_site_role role;
	enum doc_kind kind;
	struct kms_err err = {0};
	static const char next[] = "{\"cardkms\": \"package/2\"}";

	(void)state;
	assert_string_equal(doc_kind_name((enum doc_kind)99), "none");
	expect_err(&err, doc_kind(next, strlen(next), &kind, &err), KMS_ERR_INVALID,
		"a newer cardkms");
	expect_err(&err, doc_kind("{}", 2, &kind, &err), KMS_ERR_INVALID, "'cardkms'");
	expect_ok(&err, doc_site_role_parse("issuer", &role, &err));
	assert_int_equal(role, DOC_ISSUER);
	expect_err(&err, doc_site_role_parse("none", &role, &err), KMS_ERR_INVALID, "manufacturer");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(identity_round_trip),
		cmocka_unit_test(fingerprint_by_hand),
		cmocka_unit_test(fingerprints_as_people_write_them),
		cmocka_unit_test(request_round_trip),
		cmocka_unit_test(package_round_trip),
		cmocka_unit_test(receipt_round_trip),
		cmocka_unit_test(witnesses_round_trip),
		cmocka_unit_test(signed_by_whom),
		cmocka_unit_test(package_answers_request),
		cmocka_unit_test(receipt_closes_package),
		cmocka_unit_test(largest_package),
		cmocka_unit_test(hsm_that_fails),
		cmocka_unit_test(kinds_and_roles),
	};

	return cmocka_run_group_tests(tests, group_open, group_close);
}
