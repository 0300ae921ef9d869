/* SPDX-License-Identifier: Apache-2.0 */
/* A backup as a document: what comes back is what went in, who vouches for it, and what it may not say. */
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

static void round_trip(void **state)
{
	const struct exchange *x = *state;
	DOC_BACKUP_AUTO struct doc_backup doc = {0};
	unsigned char digest[HASH_SIZE];
	struct kms_err err = {0};

	expect_ok(&err, doc_backup_parse(x->backup.data, x->backup.len, &doc, &err));
	assert_string_equal(doc.id, "BK-1");
	assert_string_equal(doc.site.name, "Acme Cards");
	assert_string_equal(doc.site.fingerprint, x->maker.doc.fingerprint);
	assert_string_equal(doc.identity, x->maker.text.data);
	assert_string_equal(doc.hsm_serial, "B00C000000000002");
	assert_string_equal(doc.keys.transport.label, "SK-2026");
	assert_int_equal(doc.keys.transport.alg, KEY_AES256);
	assert_true(key_kcv_same(&doc.keys.transport.kcv, &x->saved.keys.transport.kcv));
	assert_string_equal(doc.keys.ceremony, "8F3K-22QD");
	assert_int_equal(doc.keys.wrapping, KEY_WRAP_AES_KW);
	assert_int_equal(doc.keys.keyset_count, 2);
	assert_int_equal(doc.keys.key_count, SAMPLE_KEYS);
	assert_string_equal(doc.sets[0].origin, "generated");
	assert_string_equal(doc.sets[1].origin, "Other Bank");
	assert_int_equal(doc.sets[1].created, NOON - 60);
	for (size_t i = 0; i < SAMPLE_KEYS; i++) {
		const struct doc_backup_key *got = &doc.records[i], *sent = &x->saved_keys[i];

		assert_memory_equal(got->id, sent->id, sizeof(got->id));
		assert_int_equal(got->state, sent->state);
		assert_string_equal(got->reason, sent->reason);
		assert_int_equal(got->created, sent->created);
		assert_int_equal(got->changed, sent->changed);
		assert_int_equal(got->activated, sent->activated);
		assert_int_equal(got->expires, sent->expires);
		assert_string_equal(doc.keys.keys[i].label, x->labels[i]);
		assert_memory_equal(doc.keys.keys[i].block, x->keys[i].block, x->keys[i].block_len);
	}
	assert_int_equal(doc.left_out_count, 1);
	assert_string_equal(doc.left_out[0].label, "cardkms-identity");
	assert_int_equal(doc.left_out[0].role, KEY_ROLE_IDENTITY);
	assert_int_equal(doc.partner_count, 1);
	assert_string_equal(doc.partners[0], x->issuer.text.data);
	assert_int_equal(doc.created, NOON + 240);
	assert_memory_equal(doc.seal, x->saved.seal, sizeof(doc.seal));
	/* The seal is over what was there before it. */
	expect_ok(&err, doc_backup_digest(&x->saved, digest, &err));
	assert_memory_equal(digest, doc.sealed, sizeof(digest));
}

/* Keys behind content: the rest of the document is as it is without them, and says nothing of none. */
static void content_keys(void **state)
{
	struct exchange *x = *state;
	struct doc_backup saved = x->saved;
	DOC_BACKUP_AUTO struct doc_backup doc = {0}, bare = {0};
	BUF_AUTO struct buf text = {0};
	unsigned char digest[HASH_SIZE];
	struct kms_err err = {0};

	expect_ok(&err, doc_backup_parse(x->backup.data, x->backup.len, &bare, &err));
	assert_int_equal(bare.content_count, 0);
	assert_null(strstr(x->backup.data, "content_keys"));
	saved.content = x->content;
	saved.content_count = SAMPLE_CONTENT;
	expect_ok(&err, doc_backup_write(&saved, &x->maker.identity.signer, &text, &err));
	expect_ok(&err, doc_backup_parse(text.data, text.len, &doc, &err));
	expect_ok(&err, doc_backup_verify(&doc, x->maker.doc.fingerprint, &err));
	assert_int_equal(doc.keys.key_count, SAMPLE_KEYS);
	assert_int_equal(doc.content_count, SAMPLE_CONTENT);
	for (size_t i = 0; i < SAMPLE_CONTENT; i++) {
		const struct doc_backup_content *got = &doc.content[i], *sent = &x->content[i];

		assert_string_equal(got->key.label, sent->key.label);
		assert_null(got->key.keyset);
		assert_int_equal(got->key.role, sent->key.role);
		assert_int_equal(got->key.alg, sent->key.alg);
		assert_true(key_kcv_same(&got->key.kcv, &sent->key.kcv));
		assert_int_equal(got->key.block_len, sent->key.block_len);
		assert_memory_equal(got->key.block, sent->key.block, sent->key.block_len);
		assert_memory_equal(got->record.id, sent->record.id, DOC_OBJECT_ID_SIZE);
		assert_int_equal(got->record.state, sent->record.state);
		assert_string_equal(got->record.reason, sent->record.reason);
		assert_int_equal(got->record.created, sent->record.created);
		assert_int_equal(got->record.changed, sent->record.changed);
		assert_int_equal(got->record.activated, sent->record.activated);
		assert_int_equal(got->record.expires, 0);
	}
	/* They are under the seal. */
	assert_memory_not_equal(doc.sealed, bare.sealed, HASH_SIZE);
	expect_ok(&err, doc_backup_digest(&saved, digest, &err));
	assert_memory_equal(digest, doc.sealed, sizeof(digest));
}

static void who_vouches(void **state)
{
	const struct exchange *x = *state;
	DOC_BACKUP_AUTO struct doc_backup doc = {0};
	struct kms_err err = {0};

	expect_ok(&err, doc_backup_parse(x->backup.data, x->backup.len, &doc, &err));
	expect_ok(&err, doc_backup_verify(&doc, NULL, &err));
	expect_ok(&err, doc_backup_verify(&doc, x->maker.doc.fingerprint, &err));
	expect_err(&err, doc_backup_verify(&doc, x->issuer.doc.fingerprint, &err), KMS_ERR_MISMATCH,
		"not of the identity");
	doc.sig.sig[5] ^= 1;
	expect_err(&err, doc_backup_verify(&doc, NULL, &err), KMS_ERR_MISMATCH, "does not verify");
}

/* Its own identity, in order, but of another site than it says. */
static void another_identity(void **state)
{
	const struct exchange *x = *state;
	struct doc_backup saved = x->saved;
	DOC_BACKUP_AUTO struct doc_backup doc = {0};
	BUF_AUTO struct buf text = {0};
	struct kms_err err = {0};

	saved.identity = x->issuer.text.data;
	expect_ok(&err, doc_backup_write(&saved, &x->maker.identity.signer, &text, &err));
	expect_ok(&err, doc_backup_parse(text.data, text.len, &doc, &err));
	expect_err(&err, doc_backup_verify(&doc, NULL, &err), KMS_ERR_MISMATCH, "identity");
	doc_backup_free(&doc);
	saved.site = party(&x->issuer);
	saved.site.name = "Somebody Else";
	expect_ok(&err, doc_backup_write(&saved, &x->issuer.identity.signer, &text, &err));
	expect_ok(&err, doc_backup_parse(text.data, text.len, &doc, &err));
	expect_err(&err, doc_backup_verify(&doc, NULL, &err), KMS_ERR_MISMATCH, "Somebody Else");
}

static void not_written(void **state)
{
	struct exchange *x = *state;
	const struct p256_signer *signer = &x->maker.identity.signer;
	struct doc_backup doc;
	struct doc_backup_key records[SAMPLE_KEYS];
	struct doc_backup_set sets[2];
	struct doc_backup_content content[SAMPLE_CONTENT];
	struct doc_backup_out out_list[1];
	struct doc_key keys[SAMPLE_KEYS];
	const char *partners[1];

#define REFUSED(change, text)                                                                     \
	do {                                                                                      \
		BUF_AUTO struct buf out = {0};                                                    \
		struct kms_err err = {0};                                                         \
		unsigned char digest[HASH_SIZE];                                                  \
		doc = x->saved;                                                                   \
		memcpy(records, x->saved_keys, sizeof(records));                                  \
		memcpy(sets, x->saved_sets, sizeof(sets));                                        \
		memcpy(out_list, x->left_out, sizeof(out_list));                                  \
		memcpy(keys, x->keys, sizeof(keys));                                              \
		partners[0] = x->partners[0];                                                     \
		memcpy(content, x->content, sizeof(content));                                     \
		doc.content = content;                                                            \
		doc.content_count = SAMPLE_CONTENT;                                               \
		doc.records = records;                                                            \
		doc.sets = sets;                                                                  \
		doc.left_out = out_list;                                                          \
		doc.keys.keys = keys;                                                             \
		doc.partners = partners;                                                          \
		change;                                                                           \
		expect_err(                                                                       \
			&err, doc_backup_write(&doc, signer, &out, &err), KMS_ERR_INVALID, text); \
		expect_err(&err, doc_backup_digest(&doc, digest, &err), KMS_ERR_INVALID, text);   \
		assert_null(out.data);                                                            \
	} while (0)
	REFUSED(doc.id = "a b", "id is not");
	REFUSED(doc.identity = NULL, "missing");
	REFUSED(doc.hsm_serial = "", "'hsm_serial'");
	REFUSED(doc.checkpoint = "x", "audit_checkpoint");
	REFUSED(doc.keys.transport.alg = KEY_TDEA3, "no check value by aes-gp");
	REFUSED(doc.keys.key_count = 0, "0 members");
	REFUSED(keys[1].keyset = "Nowhere", "key_version");
	REFUSED(records[2].state = KEY_DESTROYED, "nothing that is destroyed is in a backup");
	REFUSED(records[2].state = KEY_PENDING, "nothing that is pending is in a backup");
	REFUSED(records[2].reason = "two\nlines", "'state_reason'");
	REFUSED(records[2].created = INT64_MAX / 4, "'created'");
	REFUSED(records[2].id[1] = records[3].id[1], "two keys have one CKA_ID");
	REFUSED(sets[1].origin = "", "origin is empty");
	REFUSED(out_list[0].label = "a b", "label");
	REFUSED(out_list[0].role = KEY_ROLE_NONE, "role");
	REFUSED(keys[1].role = KEY_ROLE_ENC, "labelled");
	REFUSED(keys[1].block_len--, "'block'");
	REFUSED(partners[0] = "{}\n", "partner 1");
	REFUSED(content[0].key.label = NULL, "missing");
	REFUSED(content[0].key.label = "a b", "label");
	REFUSED(content[1].key.label = "BANKDAP", "is named twice");
	REFUSED(content[1].key.label = x->labels[2], "is named twice");
	REFUSED(content[1].key.label = "cardkms-identity", "is named twice");
	REFUSED(content[1].key.role = KEY_ROLE_ENC, "holds dap, token and receipt");
	REFUSED(content[1].key.role = KEY_ROLE_SITE, "holds dap, token and receipt");
	REFUSED(content[1].key.role = KEY_ROLE_NONE, "role");
	REFUSED(content[1].key.alg = KEY_AES192, "holds aes128 and aes256");
	REFUSED(content[1].key.alg = KEY_TDEA2, "holds aes128 and aes256");
	REFUSED(content[1].key.alg = KEY_P256, "not a symmetric one");
	REFUSED(content[1].key.alg = KEY_AES128, "'block'");
	REFUSED(content[1].key.kcv.method = KEY_KCV_TDES_ZERO, "no check value by");
	REFUSED(content[1].key.block_len--, "'block'");
	REFUSED(content[1].key.block_len = DOC_BLOCK_MAX + 1, "'block'");
	REFUSED(content[1].record.id[1] = 0, "two keys have one CKA_ID");
	REFUSED(memcpy(content[1].record.id, records[1].id, sizeof(records[1].id)),
		"two keys have one CKA_ID");
	REFUSED(content[1].record.state = KEY_DESTROYED,
		"nothing that is destroyed is in a backup");
	REFUSED(content[1].record.reason = "two\nlines", "'state_reason'");
	REFUSED(content[1].record.reason = NULL, "missing");
	REFUSED(doc.content_count = 0; partners[0] = "{}\n", "partner 1");
#undef REFUSED
}

/* Room for what the document says it has. */
static void largest(void **state)
{
	struct exchange *x = *state;
	enum { SETS = 2000, KEYS = 3 * SETS };
	struct doc_keyset *sets = calloc(SETS, sizeof(*sets));
	struct doc_backup_set *facts = calloc(SETS, sizeof(*facts));
	struct doc_key *keys = calloc(KEYS, sizeof(*keys));
	struct doc_backup_key *records = calloc(KEYS, sizeof(*records));
	char(*names)[KEY_LABEL_MAX + 1] = calloc(SETS + KEYS, sizeof(*names));
	struct doc_backup saved = x->saved;
	DOC_BACKUP_AUTO struct doc_backup doc = {0};
	BUF_AUTO struct buf text = {0};
	struct kms_err err = {0};

	assert_true(sets && facts && keys && records && names);
	for (size_t i = 0; i < SETS; i++) {
		snprintf(names[i], sizeof(names[i]), "Set%zu", i);
		sets[i] = x->sets[1];
		sets[i].name = names[i];
		facts[i] = x->saved_sets[1];
	}
	for (size_t i = 0; i < KEYS; i++) {
		keys[i] = x->keys[3 + i % 3];
		keys[i].keyset = names[i / 3];
		expect_ok(&err, key_label(names[i / 3], keys[i].role, names[SETS + i], &err));
		keys[i].label = names[SETS + i];
		records[i] = x->saved_keys[1];
		records[i].id[1] = (unsigned char)(i >> 8);
		records[i].id[2] = (unsigned char)i;
	}
	saved.keys.keysets = sets;
	saved.keys.keyset_count = SETS;
	saved.keys.keys = keys;
	saved.keys.key_count = KEYS;
	saved.sets = facts;
	saved.records = records;
	expect_ok(&err, doc_backup_write(&saved, &x->maker.identity.signer, &text, &err));
	assert_true(text.len > DOC_MAX);
	expect_ok(&err, doc_backup_parse(text.data, text.len, &doc, &err));
	assert_int_equal(doc.keys.key_count, KEYS);
	expect_ok(&err, doc_backup_verify(&doc, x->maker.doc.fingerprint, &err));
	free(sets);
	free(facts);
	free(keys);
	free(records);
	free(names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(content_keys),
		cmocka_unit_test(who_vouches),
		cmocka_unit_test(another_identity),
		cmocka_unit_test(not_written),
		cmocka_unit_test(largest),
	};

	return cmocka_run_group_tests(tests, group_open, group_close);
}
