/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents that contradict themselves or break a rule: neither written nor, when someone signs such
 * a text nevertheless, read.
 */
#include "base/hex.h"
#include "unit/exchange/sample.h"

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

#define NOT_WRITTEN(call, text_)                                \
	do {                                                    \
		BUF_AUTO struct buf out = {0};                  \
		struct kms_err err = {0};                       \
		expect_err(&err, call, KMS_ERR_INVALID, text_); \
		assert_null(out.data);                          \
	} while (0)

static void requests_not_written(void **state)
{
	struct exchange *x = *state;
	const struct p256_signer *signer = &x->issuer.identity.signer;
	static const char *const twice[] = {"Set1", "sEt1"}, *const bad[] = {"a b"},
				 *const none[] = {NULL};
	struct doc_request doc;

#define REQUEST(change, text)                                                   \
	do {                                                                    \
		doc = x->asked;                                                 \
		change;                                                         \
		NOT_WRITTEN(doc_request_write(&doc, signer, &out, &err), text); \
	} while (0)
	REQUEST(doc.id = NULL, "missing");
	REQUEST(doc.id = "", "id is not");
	REQUEST(doc.id = "-x", "id is not");
	REQUEST(doc.id = "01234567890123456789012345678901234567890", "id is not");
	REQUEST(doc.hsm_serial = "", "'hsm_serial'");
	REQUEST(doc.hsm_serial = "a\nb", "'hsm_serial'");
	REQUEST(doc.sender.name = "a,b", "name");
	REQUEST(doc.sender.name = "\xFF", "UTF-8");
	REQUEST(doc.sender.fingerprint = "AB", "'fingerprint'");
	REQUEST(doc.recipient = doc.sender, "one site");
	REQUEST(doc.created = INT64_MAX / 4, "'created'");
	REQUEST(doc.keyset_count = 0, "0 members");
	REQUEST((doc.keysets = twice, doc.keyset_count = 2), "named twice");
	REQUEST((doc.keysets = bad, doc.keyset_count = 1), "request");
	REQUEST((doc.keysets = none, doc.keyset_count = 1), "missing");
}

static void identities_not_written(void **state)
{
	struct exchange *x = *state;
	const struct p256_signer *signer = &x->maker.identity.signer;
	struct doc_identity doc;

#define IDENTITY(change, text)                                                   \
	do {                                                                     \
		doc = x->maker.doc;                                              \
		change;                                                          \
		NOT_WRITTEN(doc_identity_write(&doc, signer, &out, &err), text); \
	} while (0)
	IDENTITY(doc.identity_key[9] ^= 1, "not the one that signs");
	IDENTITY(memcpy(doc.audit_key, doc.identity_key, P256_POINT_SIZE), "the same key");
	IDENTITY(doc.audit_key[64] ^= 1, "no point");
	IDENTITY(doc.role = DOC_SITE_NONE, "role");
	IDENTITY(doc.name = "", "name");
	IDENTITY(doc.hsm_model = NULL, "missing");
	IDENTITY(doc.hsm_model = "\x1B[2J", "'model'");
}

static void packages_not_written(void **state)
{
	struct exchange *x = *state;
	const struct p256_signer *signer = &x->maker.identity.signer;
	static char long_note[DOC_NOTE_MAX + 2];
	struct doc_keyset sets[2];
	struct doc_key keys[SAMPLE_KEYS];
	const char *overrides[1];
	struct doc_package doc;

	memset(long_note, 'x', sizeof(long_note) - 2);
	long_note[sizeof(long_note) - 2] = '\n';
#define PACKAGE(change, text)                                                   \
	do {                                                                    \
		doc = x->sent;                                                  \
		memcpy(sets, x->sets, sizeof(sets));                            \
		memcpy(keys, x->keys, sizeof(keys));                            \
		memcpy(overrides, x->overrides, sizeof(overrides));             \
		doc.keysets = sets;                                             \
		doc.keys = keys;                                                \
		doc.overrides = overrides;                                      \
		change;                                                         \
		NOT_WRITTEN(doc_package_write(&doc, signer, &out, &err), text); \
	} while (0)
	PACKAGE(doc.transport.label = "a b", "transport key");
	PACKAGE(doc.transport.alg = KEY_P256, "symmetric");
	PACKAGE(doc.transport.alg = KEY_ALG_NONE, "transport key");
	PACKAGE(doc.transport.alg = KEY_TDEA3, "check value by aes-gp");
	PACKAGE(doc.transport.kcv.len = 2, "'check_value'");
	PACKAGE(doc.ceremony = "", "ceremony");
	PACKAGE(doc.wrapping = KEY_WRAP_NONE, "wrapping");
	PACKAGE(doc.wrapping = KEY_WRAP_AES_KWP, "'wrapping' is none of");
	PACKAGE(doc.wrapping = KEY_WRAP_ECB, "'block'");
	PACKAGE(doc.checkpoint = "", "checkpoint");
	PACKAGE(doc.checkpoint = "no newline", "checkpoint");
	PACKAGE(doc.checkpoint = "\x1B\n", "checkpoint");
	PACKAGE(doc.checkpoint = long_note, "checkpoint");
	PACKAGE(overrides[0] = "", "'overrides'");
	PACKAGE(overrides[0] = "a\tb", "'overrides'");
	PACKAGE(doc.carrier = NULL, "missing");
	PACKAGE(doc.carrier = " x", "carrier");
	PACKAGE(doc.keyset_count = 0, "'keysets'");
	PACKAGE(doc.key_count = 0, "'keys'");
	PACKAGE(doc.key_count = 3, "'OPMasterKey2' has no key");
	PACKAGE(doc.key_count = DOC_KEYS_MAX + 1, "at most 1024");
	PACKAGE(doc.keyset_count = 1, "'key_version'");
	PACKAGE(sets[1].name = "OPMASTERKEY1", "named twice");
	PACKAGE(sets[1].name = "a/b", "key set");
	PACKAGE(sets[1].kvn = 0, "'key_version'");
	PACKAGE(sets[1].kvn = 0x80, "'key_version'");
	PACKAGE(sets[1].customer = "a=b", "customer");
	PACKAGE(sets[1].div = *key_div_find("visa2"), "visa2");
	PACKAGE(keys[4].role = KEY_ROLE_TRANSPORT, "enc, mac and kek");
	PACKAGE(keys[4].role = KEY_ROLE_ENC, "is labelled");
	PACKAGE(keys[4] = keys[3], "twice");
	PACKAGE(keys[4].label = "Other", "is labelled 'Other', not 'OPMasterKeyMAC2'");
	PACKAGE(keys[4].alg = KEY_AES128, "'block'");
	PACKAGE(keys[4].block_len--, "'block'");
	PACKAGE(keys[4].block_len = 1000, "'block'");
	PACKAGE(keys[4].kcv.len = 99, "'check_value'");
	PACKAGE(keys[4].kcv.method = KEY_KCV_TDES_ZERO, "no check value by tdes-zero");
	PACKAGE((keys[4].alg = KEY_AES128, keys[4].block_len = 24), "not all of one algorithm");
}

static void receipts_not_written(void **state)
{
	struct exchange *x = *state;
	const struct p256_signer *signer = &x->issuer.identity.signer;
	struct doc_checked_key keys[SAMPLE_KEYS];
	struct doc_receipt doc;

#define RECEIPT(change, text)                                                   \
	do {                                                                    \
		doc = x->received;                                              \
		memcpy(keys, x->got, sizeof(keys));                             \
		doc.keys = keys;                                                \
		change;                                                         \
		NOT_WRITTEN(doc_receipt_write(&doc, signer, &out, &err), text); \
	} while (0)
	RECEIPT(doc.package_id = "a/b", "id");
	RECEIPT(doc.key_count = 0, "'keys'");
	RECEIPT(doc.key_count = DOC_KEYS_MAX + 1, "at most 1024");
	RECEIPT(keys[1].label = "opmasterkeyenc1", "named twice");
	RECEIPT(keys[1].alg = KEY_ALG_NONE, "receipt's key");
	RECEIPT(doc.checkpoint = NULL, "missing");
}

/* A text changed as said, then signed properly by the sender: only the rules refuse it. */
static enum kms_status resigned(const struct exchange *x, enum doc_kind kind,
	void (*change)(json_t *object), struct kms_err *err)
{
	const struct buf *text = text_of(x, kind);
	const struct site *signer = kind == DOC_PACKAGE ? &x->maker : &x->issuer;
	JS_AUTO json_t *object = json_loadb(text->data, text->len, 0, NULL);
	unsigned char digest[HASH_SIZE], sig[P256_SIG_SIZE];
	char hex[2 * P256_SIG_SIZE + 1];
	BUF_AUTO struct buf out = {0};

	assert_non_null(object);
	json_object_del(object, "signature");
	change(object);
	assert_int_equal(js_canonical(object, &out, NULL), KMS_OK);
	assert_int_equal(hash_sha256(out.data, out.len, digest, NULL), KMS_OK);
	assert_int_equal(p256_sign(&signer->identity.signer, digest, sig, NULL), KMS_OK);
	hex_encode(sig, sizeof(sig), hex);
	json_object_set_new(object, "signature", json_string(hex));
	assert_int_equal(js_canonical(object, &out, NULL), KMS_OK);
	return accept_doc(x, kind, out.data, out.len, err);
}

static void nothing(json_t *object)
{
	(void)object;
}

static json_t *first(json_t *object, const char *list)
{
	return json_array_get(json_object_get(object, list), 0);
}

static void unknown(json_t *object)
{
	json_object_set_new(object, "more", json_true());
}

static void unknown_in_key(json_t *object)
{
	json_object_set_new(first(object, "keys"), "more", json_true());
}

static void lower_hex(json_t *object)
{
	json_object_set_new(object, "nonce", json_string("0102030000000000000000000000000a"));
}

static void other_version(json_t *object)
{
	json_object_set_new(first(object, "keys"), "key_version", json_integer(0x2F));
}

static void other_length(json_t *object)
{
	json_object_set_new(first(object, "keys"), "length", json_integer(32));
}

static void odd_period(json_t *object)
{
	json_object_set_new(first(object, "keysets"), "cryptoperiod", json_string("036 months"));
}

static void odd_div(json_t *object)
{
	json_object_set_new(first(object, "keysets"), "diversification", json_string("kdf3 "));
}

static void odd_export(json_t *object)
{
	json_object_set_new(first(object, "keysets"), "export", json_string("Partner"));
}

static void key_is_text(json_t *object)
{
	json_array_set_new(json_object_get(object, "keys"), 0, json_string("x"));
}

static void override_is_number(json_t *object)
{
	json_array_set_new(json_object_get(object, "overrides"), 0, json_integer(1));
}

static void kvn_is_text(json_t *object)
{
	json_object_set_new(first(object, "keysets"), "key_version", json_string("32"));
}

static void keyset_is_number(json_t *object)
{
	json_array_set_new(json_object_get(object, "keysets"), 0, json_integer(1));
}

static void keyset_not_there(json_t *object)
{
	json_object_set_new(first(object, "keys"), "keyset", json_string("Nowhere1"));
}

static void newer(json_t *object)
{
	json_object_set_new(object, "cardkms", json_string("request/2"));
}

static void signed_but_wrong(void **state)
{
	static const struct {
		enum doc_kind kind;
		void (*change)(json_t *object);
		const char *text;
	} cases[] = {
		{DOC_IDENTITY, unknown, "unknown member 'more'"},
		{DOC_REQUEST, unknown, "unknown member 'more'"},
		{DOC_PACKAGE, unknown, "unknown member 'more'"},
		{DOC_RECEIPT, unknown, "unknown member 'more'"},
		{DOC_PACKAGE, unknown_in_key, "unknown member 'more'"},
		{DOC_RECEIPT, unknown_in_key, "unknown member 'more'"},
		{DOC_REQUEST, lower_hex, "'nonce'"},
		{DOC_PACKAGE, other_version, "different key versions"},
		{DOC_PACKAGE, other_length, "'length'"},
		{DOC_PACKAGE, odd_period, "cryptoperiod"},
		{DOC_PACKAGE, odd_div, "package's key set"},
		{DOC_PACKAGE, odd_export, "'export'"},
		{DOC_PACKAGE, key_is_text, "'label'"},
		{DOC_PACKAGE, override_is_number, "'overrides'"},
		{DOC_PACKAGE, kvn_is_text, "'key_version'"},
		{DOC_REQUEST, keyset_is_number, "no text"},
		{DOC_PACKAGE, keyset_not_there, "'Nowhere1', which is not in it"},
		{DOC_REQUEST, newer, "a newer cardkms"},
	};
	struct exchange *x = *state;
	struct kms_err err = {0};

	for (enum doc_kind kind = DOC_IDENTITY; kind <= DOC_RECEIPT; kind++)
		expect_ok(&err, resigned(x, kind, nothing, &err));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_err(&err, resigned(x, cases[i].kind, cases[i].change, &err), KMS_ERR_INVALID,
			cases[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_not_written),
		cmocka_unit_test(identities_not_written),
		cmocka_unit_test(packages_not_written),
		cmocka_unit_test(receipts_not_written),
		cmocka_unit_test(signed_but_wrong),
	};

	return cmocka_run_group_tests(tests, group_open, group_close);
}
