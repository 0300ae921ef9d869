/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the program will not do: used by exchange_flip.sh, exchange_forged.sh, vault_forged.sh and
 * shipment_bad.sh on prepared sites.
 *
 *   exchange_forge flip SITE request|package|receipt|backup FILE [TRANSPORT-KEY]
 *       gives FILE with each byte changed, to three other values (SWEEP=full: to all), to the
 *       operation that takes it, as a dry run: everything up to the intent. All must be refused,
 *       the original accepted. Prints `flip KIND bytes N trials N accepted N control ok|FAILED`.
 *   exchange_forge sign SITE request|package|receipt|backup|shipment IN OUT
 *       IN, which may have been edited, signed anew by the site: what a dishonest partner can send. Of
 *       a shipment, the document without its table.
 *   exchange_forge sign SITE sealed IN OUT
 *       a backup, sealed anew too, with the site's site key: what only the site itself could make.
 *   exchange_forge derive SITE LABEL HEX
 *       derives from the key of that label with the data HEX, by PKCS#11 calls of its own, encrypts
 *       the data by what comes out and prints that: two keys that agree on it for random data are one key.
 *
 * The operator PIN is FORGE_PIN of the environment, or the usual one.
 */
#include "base/buf.h"
#include "base/file.h"
#include "base/hex.h"
#include "exchange/backup.h"
#include "exchange/shipment.h"
#include "hsm/crypto.h"
#include "hsm/p11.h"
#include "ops/backup.h"
#include "ops/exchange.h"
#include "ops/meta.h"
#include "ops/ops.h"
#include "store/people.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <p11-kit/uri.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char passphrase[] = "as cheap as it gets";

static const char *pin(void)
{
	const char *other = getenv("FORGE_PIN");

	return other ? other : "87654321";
}

static void must(enum kms_status st, const struct kms_err *err)
{
	if (!st)
		return;
	fprintf(stderr, "exchange_forge: %s\n", err->msg);
	exit(1);
}

static void usage(void)
{
	fprintf(stderr, "exchange_forge: usage\n");
	exit(2);
}

static enum kms_status answer(void *ctx, const char *name, const char *prompt,
	struct secret *ret_value, struct kms_err *err)
{
	const char *value = strcmp(name, "pin") == 0 ? pin() : passphrase;
	(void)ctx;
	(void)prompt;

	return secret_copy(ret_value, value, strlen(value), err);
}

static struct op_site *open_site(const char *dir)
{
	const struct op_front front = {.secret = answer};
	struct kms_err err = {0};
	struct op_site *site;

	must(secret_heap_open(&err), &err);
	must(op_site_open(dir, &front, &site, &err), &err);
	must(op_site_login(site, &err), &err);
	return site;
}

/* ---- flip ---- */

/* Thousands of trials with Argon2 as it should be would take an hour. */
static void cheapen_officers(struct op_site *site, char *ret_names, size_t size)
{
	STORE_AUTO(officer_list) struct store_officer_list list = {0};
	char hash[crypto_pwhash_STRBYTES];
	struct kms_err err = {0};

	if (sodium_init() < 0 || crypto_pwhash_str(hash, passphrase, strlen(passphrase),
					 crypto_pwhash_OPSLIMIT_MIN, crypto_pwhash_MEMLIMIT_MIN))
		abort();
	must(store_officers(site->store, &list, &err), &err);
	must(store_begin(site->store, &err), &err);
	for (size_t i = 0; i < list.count; i++) {
		struct store_officer officer = list.items[i];

		officer.passphrase_hash = hash;
		must(store_officer_update(site->store, &officer, &err), &err);
	}
	must(store_commit(site->store, &err), &err);
	if (list.count < 2)
		abort();
	snprintf(ret_names, size, "%s,%s", list.items[0].name, list.items[1].name);
}

struct target {
	struct op_site *site;
	const char *kind, *path, *transport_key;
};

static enum kms_status give(const struct target *t, struct kms_err *err)
{
	const struct op_export export = {
		.request_path = t->path, .transport_key = t->transport_key, .path = "none"};
	const struct op_import import = {
		.package_path = t->path, .transport_key = t->transport_key, .receipt_path = "none"};
	JS_AUTO json_t *report = NULL;

	if (strcmp(t->kind, "request") == 0)
		return op_exchange_export(t->site, &export, &report, err);
	if (strcmp(t->kind, "package") == 0)
		return op_exchange_import(t->site, &import, &report, err);
	if (strcmp(t->kind, "backup") == 0)
		return op_backup_restore(t->site, t->path, NULL, &report, err);
	return op_exchange_receipt(t->site, t->path, &report, err);
}

static void put_byte(int fd, size_t at, unsigned char byte)
{
	if (pwrite(fd, &byte, 1, (off_t)at) != 1)
		abort();
}

static bool try_byte(const struct target *t, int fd, size_t at, unsigned char byte)
{
	struct kms_err err = {0};
	bool accepted;

	put_byte(fd, at, byte);
	accepted = give(t, &err) == KMS_OK;
	if (accepted)
		fprintf(stderr, "accepted with byte %zu as %02X\n", at, byte);
	else if (!err.msg[0])
		fprintf(stderr, "byte %zu as %02X: refused without a word\n", at, byte);
	return accepted || !err.msg[0];
}

static size_t try_byte_values(
	const struct target *t, int fd, size_t at, unsigned char was, size_t *trials)
{
	const char *sweep = getenv("SWEEP");
	/* A bit of a hex digit or letter, the top bit, and another printable character. */
	const unsigned char some[] = {was ^ 1, was ^ 0x80, was == 'A' ? 'B' : 'A'};
	bool full = sweep && strcmp(sweep, "full") == 0;
	size_t bad = 0;

	for (size_t i = 0; i < sizeof(some) && !full; i++, (*trials)++)
		bad += try_byte(t, fd, at, some[i]);
	for (unsigned v = 1; v < 256 && full; v++, (*trials)++)
		bad += try_byte(t, fd, at, was ^ (unsigned char)v);
	put_byte(fd, at, was);
	return bad;
}

static int flip(char **argv)
{
	char path[] = "flipped", names[200];
	BUF_AUTO struct buf text = {0};
	struct kms_err err = {0};
	struct target t = {.site = open_site(argv[0]),
		.kind = argv[1],
		.path = path,
		.transport_key = argv[3] ? argv[3] : ""};
	size_t trials = 0, accepted = 0;
	bool control;
	int fd;

	cheapen_officers(t.site, names, sizeof(names));
	t.site->officers = names;
	t.site->dry_run = true;
	must(file_read(argv[2], DOC_MAX, &text, &err), &err);
	must(file_write(path, 0600, text.data, text.len, &err), &err);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		abort();
	control = give(&t, &err) == KMS_OK;
	for (size_t i = 0; i < text.len; i++)
		accepted += try_byte_values(&t, fd, i, (unsigned char)text.data[i], &trials);
	control = control && give(&t, &err) == KMS_OK;
	close(fd);
	op_site_close(t.site);
	if (!control)
		fprintf(stderr, "the original: %s\n", err.msg);
	printf("flip %s bytes %zu trials %zu accepted %zu control %s\n", argv[1], text.len, trials,
		accepted, control ? "ok" : "FAILED");
	return accepted || !control;
}

/* ---- sign ---- */

static void seal_anew(struct op_site *site, struct doc_backup *backup, struct kms_err *err)
{
	STORE_AUTO(key) struct store_key row = {0};
	unsigned char digest[HASH_SIZE];
	struct hsm_key site_key;

	must(op_backup_site_key(site, NULL, &row, err), err);
	must(op_key_object(site, &row, &site_key, err), err);
	must(doc_backup_digest(backup, digest, err), err);
	must(hsm_seal(site->hsm, &site_key, digest, backup->seal, err), err);
}

static void sign_backup(struct op_site *site, bool sealed, const struct buf *in,
	const struct p256_signer *signer, struct buf *ret_out, struct kms_err *err)
{
	DOC_BACKUP_AUTO struct doc_backup backup = {0};
	FREE_AUTO char *fingerprint = NULL, *identity = NULL;

	must(doc_backup_parse(in->data, in->len, &backup, err), err);
	must(op_meta_find(site, META_FINGERPRINT, &fingerprint, err), err);
	must(op_meta_find(site, META_IDENTITY, &identity, err), err);
	backup.site.fingerprint = fingerprint;
	backup.identity = identity;
	if (sealed)
		seal_anew(site, &backup, err);
	must(doc_backup_write(&backup, signer, ret_out, err), err);
}

static int sign(char **argv)
{
	struct op_site *site = open_site(argv[0]);
	DOC_REQUEST_AUTO struct doc_request request = {0};
	DOC_PACKAGE_AUTO struct doc_package package = {0};
	DOC_RECEIPT_AUTO struct doc_receipt receipt = {0};
	DOC_SHIPMENT_AUTO struct doc_shipment shipment = {0};
	BUF_AUTO struct buf in = {0}, out = {0};
	struct kms_err err = {0};
	struct p256_signer signer;

	must(file_read(argv[2], DOC_MAX, &in, &err), &err);
	must(op_signer(site, KEY_ROLE_IDENTITY, &signer, &err), &err);
	if (strcmp(argv[1], "request") == 0) {
		must(doc_request_parse(in.data, in.len, &request, &err), &err);
		must(doc_request_write(&request, &signer, &out, &err), &err);
	} else if (strcmp(argv[1], "package") == 0) {
		must(doc_package_parse(in.data, in.len, &package, &err), &err);
		must(doc_package_write(&package, &signer, &out, &err), &err);
	} else if (strcmp(argv[1], "shipment") == 0) {
		must(doc_shipment_parse(in.data, in.len, &shipment, &err), &err);
		must(doc_shipment_write(&shipment, &signer, &out, &err), &err);
	} else if (strcmp(argv[1], "backup") == 0 || strcmp(argv[1], "sealed") == 0) {
		sign_backup(site, strcmp(argv[1], "sealed") == 0, &in, &signer, &out, &err);
	} else {
		must(doc_receipt_parse(in.data, in.len, &receipt, &err), &err);
		must(doc_receipt_write(&receipt, &signer, &out, &err), &err);
	}
	must(file_write(argv[3], 0600, out.data, out.len, &err), &err);
	op_site_close(site);
	return 0;
}

/* ---- derive ---- */

static void p11(CK_RV rv, const char *what)
{
	if (rv == CKR_OK)
		return;
	fprintf(stderr, "exchange_forge: %s: 0x%lX\n", what, rv);
	exit(1);
}

/* The token of a site's URI, opened without a line of src/hsm. */
struct token {
	CK_FUNCTION_LIST *f;
	CK_SESSION_HANDLE session;
};

static void open_slot(struct token *t, P11KitUri *uri)
{
	CK_SLOT_ID slots[16];
	CK_ULONG count = 16;
	CK_TOKEN_INFO info;

	p11(t->f->C_GetSlotList(1, slots, &count), "C_GetSlotList");
	for (CK_ULONG i = 0; i < count; i++) {
		p11(t->f->C_GetTokenInfo(slots[i], &info), "C_GetTokenInfo");
		if (!p11_kit_uri_match_token_info(uri, &info))
			continue;
		p11(t->f->C_OpenSession(
			    slots[i], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &t->session),
			"C_OpenSession");
		p11(t->f->C_Login(t->session, CKU_USER, (unsigned char *)pin(), strlen(pin())),
			"C_Login");
		return;
	}
	fprintf(stderr, "exchange_forge: no such token\n");
	exit(1);
}

static void open_token(struct token *t, const char *dir)
{
	CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};
	P11KitUri *uri = p11_kit_uri_new();
	CK_RV (*get)(CK_FUNCTION_LIST **);
	struct kms_err err = {0};
	struct op_site *site;
	void *module;

	must(op_site_open(dir, NULL, &site, &err), &err);
	if (!uri || p11_kit_uri_parse(site->hsm_uri, P11_KIT_URI_FOR_ANY, uri))
		usage();
	module = dlopen(p11_kit_uri_get_module_path(uri), RTLD_NOW | RTLD_LOCAL);
	if (!module)
		usage();
	*(void **)&get = dlsym(module, "C_GetFunctionList");
	p11(get(&t->f), "C_GetFunctionList");
	args.pReserved = site->init_args;
	p11(t->f->C_Initialize(&args), "C_Initialize");
	open_slot(t, uri);
	p11_kit_uri_free(uri);
	op_site_close(site);
}

/* By the label as it is read: a token need not search by it. */
static CK_OBJECT_HANDLE key_named(const struct token *t, const char *label)
{
	CK_OBJECT_CLASS secret = CKO_SECRET_KEY;
	CK_ATTRIBUTE search = {CKA_CLASS, &secret, sizeof(secret)};
	CK_OBJECT_HANDLE keys[256], found = 0;
	CK_ULONG count = 0, named = 0;

	p11(t->f->C_FindObjectsInit(t->session, &search, 1), "C_FindObjectsInit");
	p11(t->f->C_FindObjects(t->session, keys, 256, &count), "C_FindObjects");
	p11(t->f->C_FindObjectsFinal(t->session), "C_FindObjectsFinal");
	for (CK_ULONG i = 0; i < count; i++) {
		char text[80];
		CK_ATTRIBUTE name = {CKA_LABEL, text, sizeof(text)};

		p11(t->f->C_GetAttributeValue(t->session, keys[i], &name, 1), "CKA_LABEL");
		if (name.ulValueLen != strlen(label) || memcmp(text, label, name.ulValueLen))
			continue;
		found = keys[i];
		named++;
	}
	if (named == 1)
		return found;
	fprintf(stderr, "exchange_forge: %lu keys '%s'\n", named, label);
	exit(1);
}

/* Tokens in FIPS mode give out nothing that was derived: the derived key encrypts the data once more. */
static int derive(char **argv)
{
	CK_OBJECT_CLASS secret = CKO_SECRET_KEY;
	CK_KEY_TYPE type, aes = CKK_AES;
	CK_BBOOL no = CK_FALSE, yes = CK_TRUE;
	unsigned char data[64], out[64];
	CK_ULONG len = strlen(argv[2]) / 2, key_len = len < 32 ? 16 : 32, out_len = sizeof(out);
	CK_KEY_DERIVATION_STRING_DATA param = {data, len};
	CK_MECHANISM mechanism = {CKM_AES_ECB_ENCRYPT_DATA, &param, sizeof(param)};
	CK_MECHANISM ecb = {CKM_AES_ECB, NULL, 0};
	CK_ATTRIBUTE kind = {CKA_KEY_TYPE, &type, sizeof(type)};
	CK_ATTRIBUTE make[] = {{CKA_CLASS, &secret, sizeof(secret)},
		{CKA_KEY_TYPE, &aes, sizeof(aes)}, {CKA_VALUE_LEN, &key_len, sizeof(key_len)},
		{CKA_TOKEN, &no, sizeof(no)}, {CKA_SENSITIVE, &yes, sizeof(yes)},
		{CKA_ENCRYPT, &yes, sizeof(yes)}};
	CK_OBJECT_HANDLE base, key;
	struct token t;

	if (len > sizeof(data) || !hex_decode_strict(argv[2], data, len))
		usage();
	open_token(&t, argv[0]);
	base = key_named(&t, argv[1]);
	p11(t.f->C_GetAttributeValue(t.session, base, &kind, 1), "C_GetAttributeValue");
	if (type != CKK_AES)
		mechanism.mechanism = CKM_DES3_ECB_ENCRYPT_DATA;
	p11(t.f->C_DeriveKey(
		    t.session, &mechanism, base, make, sizeof(make) / sizeof(make[0]), &key),
		"C_DeriveKey");
	p11(t.f->C_EncryptInit(t.session, &ecb, key), "C_EncryptInit");
	p11(t.f->C_Encrypt(t.session, data, len, out, &out_len), "C_Encrypt");
	for (CK_ULONG i = 0; i < out_len; i++)
		printf("%02X", out[i]);
	printf("\n");
	t.f->C_Finalize(NULL);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc >= 5 && strcmp(argv[1], "flip") == 0)
		return flip(argv + 2);
	if (argc == 6 && strcmp(argv[1], "sign") == 0)
		return sign(argv + 2);
	if (argc == 5 && strcmp(argv[1], "derive") == 0)
		return derive(argv + 2);
	usage();
}
