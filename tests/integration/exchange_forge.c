/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the program will not do: used by exchange_flip.sh, exchange_forged.sh and vault_forged.sh on
 * prepared sites.
 *
 *   exchange_forge flip SITE request|package|receipt|backup FILE [TRANSPORT-KEY]
 *       gives FILE with each byte changed, to three other values (SWEEP=full: to all), to the
 *       operation that takes it, as a dry run: everything up to the intent. All must be refused,
 *       the original accepted. Prints `flip KIND bytes N trials N accepted N control ok|FAILED`.
 *   exchange_forge sign SITE request|package|receipt|backup IN OUT
 *       IN, which may have been edited, signed anew by the site: what a dishonest partner can send. A
 *       backup becomes one by that site's identity; its seal stays as it was.
 *   exchange_forge derive TOKEN LABEL HEX
 *       derives from the key of that label with the data HEX, by PKCS#11 calls of its own on SoftHSM,
 *       and prints what comes out: two keys that agree on it for random data are one key.
 */
#include "base/buf.h"
#include "base/file.h"
#include "base/hex.h"
#include "exchange/backup.h"
#include "hsm/p11.h"
#include "ops/exchange.h"
#include "ops/meta.h"
#include "ops/ops.h"
#include "store/people.h"
#include "support/softhsm.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char pin[] = "87654321", passphrase[] = "as cheap as it gets";

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
	const char *value = strcmp(name, "pin") == 0 ? pin : passphrase;
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

static void sign_backup(struct op_site *site, const struct buf *in,
	const struct p256_signer *signer, struct buf *ret_out, struct kms_err *err)
{
	DOC_BACKUP_AUTO struct doc_backup backup = {0};
	FREE_AUTO char *fingerprint = NULL, *identity = NULL;

	must(doc_backup_parse(in->data, in->len, &backup, err), err);
	must(op_meta_find(site, META_FINGERPRINT, &fingerprint, err), err);
	must(op_meta_find(site, META_IDENTITY, &identity, err), err);
	backup.site.fingerprint = fingerprint;
	backup.identity = identity;
	must(doc_backup_write(&backup, signer, ret_out, err), err);
}

static int sign(char **argv)
{
	struct op_site *site = open_site(argv[0]);
	DOC_REQUEST_AUTO struct doc_request request = {0};
	DOC_PACKAGE_AUTO struct doc_package package = {0};
	DOC_RECEIPT_AUTO struct doc_receipt receipt = {0};
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
	} else if (strcmp(argv[1], "backup") == 0) {
		sign_backup(site, &in, &signer, &out, &err);
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

static CK_SESSION_HANDLE open_token(const CK_FUNCTION_LIST *f, const char *label)
{
	CK_SLOT_ID slots[16];
	CK_ULONG count = 16;
	CK_SESSION_HANDLE session;
	CK_TOKEN_INFO info;

	p11(f->C_GetSlotList(1, slots, &count), "C_GetSlotList");
	for (CK_ULONG i = 0; i < count; i++) {
		p11(f->C_GetTokenInfo(slots[i], &info), "C_GetTokenInfo");
		if (strncmp((const char *)info.label, label, strlen(label)) != 0 ||
			info.label[strlen(label)] != ' ')
			continue;
		p11(f->C_OpenSession(slots[i], CKF_SERIAL_SESSION, NULL, NULL, &session),
			"C_OpenSession");
		p11(f->C_Login(session, CKU_USER, (unsigned char *)pin, strlen(pin)), "C_Login");
		return session;
	}
	fprintf(stderr, "exchange_forge: no token '%s'\n", label);
	exit(1);
}

static int derive(char **argv)
{
	CK_OBJECT_CLASS secret = CKO_SECRET_KEY;
	CK_KEY_TYPE type, generic = CKK_GENERIC_SECRET;
	CK_BBOOL no = CK_FALSE, yes = CK_TRUE;
	unsigned char data[64], value[64];
	CK_ULONG len = strlen(argv[2]) / 2, found = 0;
	CK_KEY_DERIVATION_STRING_DATA param = {data, len};
	CK_MECHANISM mechanism = {CKM_AES_ECB_ENCRYPT_DATA, &param, sizeof(param)};
	CK_ATTRIBUTE search[] = {
		{CKA_CLASS, &secret, sizeof(secret)}, {CKA_LABEL, argv[1], strlen(argv[1])}};
	CK_ATTRIBUTE kind = {CKA_KEY_TYPE, &type, sizeof(type)};
	CK_ATTRIBUTE make[] = {{CKA_CLASS, &secret, sizeof(secret)},
		{CKA_KEY_TYPE, &generic, sizeof(generic)}, {CKA_VALUE_LEN, &len, sizeof(len)},
		{CKA_TOKEN, &no, sizeof(no)}, {CKA_SENSITIVE, &no, sizeof(no)},
		{CKA_EXTRACTABLE, &yes, sizeof(yes)}};
	CK_ATTRIBUTE read = {CKA_VALUE, value, sizeof(value)};
	CK_OBJECT_HANDLE keys[2], key;
	CK_SESSION_HANDLE s;
	CK_FUNCTION_LIST *f;
	CK_RV (*get)(CK_FUNCTION_LIST **);
	void *module = dlopen(SOFTHSM_MODULE, RTLD_NOW | RTLD_LOCAL);

	if (!module || len > sizeof(data) || !hex_decode_strict(argv[2], data, len))
		usage();
	*(void **)&get = dlsym(module, "C_GetFunctionList");
	p11(get(&f), "C_GetFunctionList");
	p11(f->C_Initialize(NULL), "C_Initialize");
	s = open_token(f, argv[0]);
	p11(f->C_FindObjectsInit(s, search, 2), "C_FindObjectsInit");
	p11(f->C_FindObjects(s, keys, 2, &found), "C_FindObjects");
	p11(f->C_FindObjectsFinal(s), "C_FindObjectsFinal");
	if (found != 1) {
		fprintf(stderr, "exchange_forge: %lu keys '%s'\n", found, argv[1]);
		return 1;
	}
	p11(f->C_GetAttributeValue(s, keys[0], &kind, 1), "C_GetAttributeValue");
	if (type != CKK_AES)
		mechanism.mechanism = CKM_DES3_ECB_ENCRYPT_DATA;
	p11(f->C_DeriveKey(s, &mechanism, keys[0], make, sizeof(make) / sizeof(make[0]), &key),
		"C_DeriveKey");
	p11(f->C_GetAttributeValue(s, key, &read, 1), "C_GetAttributeValue");
	for (CK_ULONG i = 0; i < read.ulValueLen; i++)
		printf("%02X", value[i]);
	printf("\n");
	f->C_Finalize(NULL);
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
