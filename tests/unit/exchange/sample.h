/* SPDX-License-Identifier: Apache-2.0 */
/* Two sites and one exchange between them, and a backup of one: the documents as texts. */
#ifndef TEST_EXCHANGE_SAMPLE_H
#define TEST_EXCHANGE_SAMPLE_H

#include "exchange/backup.h"
#include "exchange/identity.h"
#include "exchange/package.h"
#include "exchange/receipt.h"
#include "exchange/request.h"
#include "support/expect.h"
#include "support/soft_p256.h"

enum { NOON = 1795435200, SAMPLE_KEYS = 6, SAMPLE_CONTENT = 2 };

static const char sample_note[] = "cardkms/AB\n20\nq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=\n"
				  "time 2026-11-23T12:00:00Z\n\n\xE2\x80\x94 cardkms/AB AAAA\n";

struct site {
	struct soft_p256 identity, audit;
	struct doc_identity doc; /* parsed */
	struct buf text;
};

struct exchange {
	struct site maker, issuer;
	struct buf request, package, receipt, backup; /* texts */
	unsigned char request_hash[HASH_SIZE], package_hash[HASH_SIZE];
	/* What the texts were written from, to be changed and written again. */
	struct doc_request asked;
	const char *keysets[2];
	struct doc_package sent;
	struct doc_keyset sets[2];
	struct doc_key keys[SAMPLE_KEYS];
	char labels[SAMPLE_KEYS][KEY_LABEL_MAX + 1];
	const char *overrides[1];
	struct doc_receipt received;
	struct doc_checked_key got[SAMPLE_KEYS];
	struct doc_backup saved; /* of the maker: the same key sets and keys */
	struct doc_backup_set saved_sets[2];
	struct doc_backup_key saved_keys[SAMPLE_KEYS];
	struct doc_backup_content content[SAMPLE_CONTENT]; /* not in `saved` */
	struct doc_backup_out left_out[1];
	const char *partners[1];
};

static inline void site_open(struct site *site, const char *name, enum doc_site_role role)
{
	struct doc_identity identity = {.name = name,
		.role = role,
		.hsm_manufacturer = "SafeNet, Inc.",
		.hsm_model = "Luna",
		.hsm_serial = "",
		.created = NOON};
	struct kms_err err = {0};

	memset(site, 0, sizeof(*site));
	soft_p256_open(&site->identity);
	soft_p256_open(&site->audit);
	memcpy(identity.identity_key, site->identity.signer.point, P256_POINT_SIZE);
	memcpy(identity.audit_key, site->audit.signer.point, P256_POINT_SIZE);
	expect_ok(&err, doc_identity_write(&identity, &site->identity.signer, &site->text, &err));
	expect_ok(&err, doc_identity_parse(site->text.data, site->text.len, &site->doc, &err));
}

static inline void site_close(struct site *site)
{
	doc_identity_free(&site->doc);
	buf_free(&site->text);
	soft_p256_close(&site->identity);
	soft_p256_close(&site->audit);
}

static inline struct doc_party party(const struct site *site)
{
	return (struct doc_party){site->doc.name, site->doc.fingerprint};
}

static inline void fill_request(struct exchange *x)
{
	x->keysets[0] = "OPMasterKey1";
	x->keysets[1] = "OPMasterKey2";
	x->asked = (struct doc_request){.id = "RQ-1",
		.nonce = {1, 2, 3},
		.sender = party(&x->issuer),
		.recipient = party(&x->maker),
		.hsm_serial = "B00C000000000001",
		.keysets = x->keysets,
		.keyset_count = 2,
		.created = NOON + 60};
}

static inline void fill_keys(struct exchange *x)
{
	static const enum key_role roles[] = {KEY_ROLE_ENC, KEY_ROLE_MAC, KEY_ROLE_KEK};
	struct kms_err err = {0};

	for (size_t i = 0; i < 2; i++) {
		x->sets[i] = (struct doc_keyset){.name = x->keysets[i],
			.customer = i ? "Example Bank" : "",
			.order = i ? "PO 4711" : "",
			.div = *key_div_find(i ? "kdf3" : "visa2"),
			.kvn = 0x20 + (unsigned)i,
			.exportable = i,
			.period = {i ? KEY_PERIOD_MONTHS : KEY_PERIOD_NONE, i ? 36 : 0}};
	}
	for (size_t i = 0; i < SAMPLE_KEYS; i++) {
		struct doc_key *key = &x->keys[i];
		size_t set = i / 3;

		*key = (struct doc_key){.keyset = x->keysets[set],
			.label = x->labels[i],
			.role = roles[i % 3],
			.alg = set ? KEY_AES256 : KEY_TDEA2};
		expect_ok(&err, key_label(key->keyset, key->role, x->labels[i], &err));
		key->kcv.method = key_alg_info(key->alg)->kcv;
		key->kcv.len = key_kcv_len(key->kcv.method);
		memset(key->kcv.bytes, 0x51 + (int)i, key->kcv.len);
		key->block_len = key_wrapped_len(
			KEY_WRAP_AES_KW, KEY_AES256, key_alg_info(key->alg)->length);
		memset(key->block, 0xA0 + (int)i, key->block_len);
	}
}

static inline void fill_package(struct exchange *x)
{
	fill_keys(x);
	x->overrides[0] = "OPMasterKey1: 2TDEA, allowed by A. Ortiz and B. Lindqvist";
	x->sent = (struct doc_package){.id = "PK-1",
		.request_id = "RQ-1",
		.nonce = {1, 2, 3},
		.sender = party(&x->maker),
		.recipient = party(&x->issuer),
		.hsm_serial = "B00C000000000001",
		.transport = {"TK-EXAMPLE-2026", KEY_AES256,
			{KEY_KCV_AES_GP, {0x8B, 0xAF, 0x47}, 3}},
		.ceremony = "7F3K-22QD",
		.wrapping = KEY_WRAP_AES_KW,
		.keysets = x->sets,
		.keyset_count = 2,
		.keys = x->keys,
		.key_count = SAMPLE_KEYS,
		.carrier = "G. Weber",
		.overrides = x->overrides,
		.override_count = 1,
		.checkpoint = sample_note,
		.created = NOON + 120};
	memcpy(x->sent.request_hash, x->request_hash, HASH_SIZE);
}

static inline void fill_receipt(struct exchange *x)
{
	for (size_t i = 0; i < SAMPLE_KEYS; i++)
		x->got[i] =
			(struct doc_checked_key){x->keys[i].label, x->keys[i].alg, x->keys[i].kcv};
	x->received = (struct doc_receipt){.id = "RC-1",
		.package_id = "PK-1",
		.nonce = {1, 2, 3},
		.sender = party(&x->issuer),
		.recipient = party(&x->maker),
		.hsm_serial = "B00C000000000001",
		.keys = x->got,
		.key_count = SAMPLE_KEYS,
		.checkpoint = sample_note,
		.created = NOON + 180};
	memcpy(x->received.package_hash, x->package_hash, HASH_SIZE);
}

static inline void fill_backup(struct exchange *x)
{
	for (size_t i = 0; i < 2; i++)
		x->saved_sets[i] =
			(struct doc_backup_set){i ? "Other Bank" : "generated", NOON - 60};
	for (size_t i = 0; i < SAMPLE_KEYS; i++)
		x->saved_keys[i] = (struct doc_backup_key){.id = {0x1D, (unsigned char)i},
			.state = i ? KEY_ACTIVE : KEY_SUSPENDED,
			.reason = i ? "" : "being looked into",
			.created = NOON - 60,
			.changed = NOON - 30,
			.activated = NOON - 60,
			.expires = i < 3 ? 0 : NOON + 1000};
	for (size_t i = 0; i < SAMPLE_CONTENT; i++) {
		x->content[i] = (struct doc_backup_content){
			.key = {.label = i ? "BankToken" : "BankDap",
				.role = i ? KEY_ROLE_TOKEN : KEY_ROLE_DAP,
				.alg = i ? KEY_AES256 : KEY_AES128,
				.kcv = {KEY_KCV_AES_GP, {0x43, 0x21, (unsigned char)i}, 3},
				.block_len = i ? 40 : 24},
			.record = {.id = {0xC0, (unsigned char)i},
				.state = i ? KEY_DEACTIVATED : KEY_ACTIVE,
				.reason = i ? "replaced" : "",
				.created = NOON - 50,
				.changed = NOON - 20,
				.activated = NOON - 50}};
		memset(x->content[i].key.block, 0xC0 + (int)i, x->content[i].key.block_len);
	}
	x->left_out[0] = (struct doc_backup_out){"cardkms-identity", KEY_ROLE_IDENTITY};
	x->partners[0] = x->issuer.text.data;
	x->saved = (struct doc_backup){.id = "BK-1",
		.site = party(&x->maker),
		.identity = x->maker.text.data,
		.hsm_serial = "B00C000000000002",
		.keys = {.transport = {"SK-2026", KEY_AES256,
				 {KEY_KCV_AES_GP, {0x12, 0x34, 0x56}, 3}},
			.ceremony = "8F3K-22QD",
			.wrapping = KEY_WRAP_AES_KW,
			.keysets = x->sets,
			.keyset_count = 2,
			.keys = x->keys,
			.key_count = SAMPLE_KEYS},
		.sets = x->saved_sets,
		.records = x->saved_keys,
		.left_out = x->left_out,
		.left_out_count = 1,
		.partners = x->partners,
		.partner_count = 1,
		.checkpoint = sample_note,
		.created = NOON + 240,
		.seal = {0x5E, 0xA1}};
}

static inline void exchange_open(struct exchange *x)
{
	struct kms_err err = {0};

	memset(x, 0, sizeof(*x));
	site_open(&x->maker, "Acme Cards", DOC_MANUFACTURER);
	site_open(&x->issuer, "Ex\xC3\xA4mple Bank", DOC_ISSUER);
	fill_request(x);
	expect_ok(
		&err, doc_request_write(&x->asked, &x->issuer.identity.signer, &x->request, &err));
	expect_ok(&err, hash_sha256(x->request.data, x->request.len, x->request_hash, &err));
	fill_package(x);
	expect_ok(&err, doc_package_write(&x->sent, &x->maker.identity.signer, &x->package, &err));
	expect_ok(&err, hash_sha256(x->package.data, x->package.len, x->package_hash, &err));
	fill_receipt(x);
	expect_ok(&err,
		doc_receipt_write(&x->received, &x->issuer.identity.signer, &x->receipt, &err));
	fill_backup(x);
	expect_ok(&err, doc_backup_write(&x->saved, &x->maker.identity.signer, &x->backup, &err));
}

static inline void exchange_close(struct exchange *x)
{
	site_close(&x->maker);
	site_close(&x->issuer);
	buf_free(&x->request);
	buf_free(&x->package);
	buf_free(&x->receipt);
	buf_free(&x->backup);
}

/* Parses and verifies a text of that kind, as the site would that receives it. */
static inline enum kms_status accept_doc(const struct exchange *x, enum doc_kind kind,
	const char *text, size_t len, struct kms_err *err)
{
	const struct site *signer = kind == DOC_PACKAGE ? &x->maker : &x->issuer;
	const unsigned char *point = signer->identity.signer.point;
	const char *fingerprint = signer->doc.fingerprint;
	enum kms_status st;

	if (kind == DOC_IDENTITY) {
		DOC_IDENTITY_AUTO struct doc_identity doc = {0};

		st = doc_identity_parse(text, len, &doc, err);
		return st ? st : doc_identity_verify(&doc, fingerprint, err);
	}
	if (kind == DOC_REQUEST) {
		DOC_REQUEST_AUTO struct doc_request doc = {0};

		st = doc_request_parse(text, len, &doc, err);
		return st ? st : doc_request_verify(&doc, fingerprint, point, err);
	}
	if (kind == DOC_PACKAGE) {
		DOC_PACKAGE_AUTO struct doc_package doc = {0};

		st = doc_package_parse(text, len, &doc, err);
		return st ? st : doc_package_verify(&doc, fingerprint, point, err);
	}
	if (kind == DOC_BACKUP) {
		DOC_BACKUP_AUTO struct doc_backup doc = {0};

		st = doc_backup_parse(text, len, &doc, err);
		return st ? st : doc_backup_verify(&doc, x->maker.doc.fingerprint, err);
	}
	{
		DOC_RECEIPT_AUTO struct doc_receipt doc = {0};

		st = doc_receipt_parse(text, len, &doc, err);
		return st ? st : doc_receipt_verify(&doc, fingerprint, point, err);
	}
}

static inline const struct buf *text_of(const struct exchange *x, enum doc_kind kind)
{
	return kind == DOC_IDENTITY  ? &x->issuer.text
	       : kind == DOC_REQUEST ? &x->request
	       : kind == DOC_PACKAGE ? &x->package
	       : kind == DOC_BACKUP  ? &x->backup
				     : &x->receipt;
}

#endif
