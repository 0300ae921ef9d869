/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leakreveal MODULE TOKEN PIN: the secret keys of a test token, as needles "master.LABEL HEX", and what
 * CMAC under the AES keys begins with, as "cmac.LABEL HEX" (L and the subkeys K1, K2). It can
 * because masters of a vault may be extracted, and the holder of a PIN may make a wrapping key that he
 * knows (docs/threat-model.md). Keys that may not leave the token are left out.
 */
#include <p11-kit/pkcs11.h>

#include <dlfcn.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS_MAX = 16, KEYS_MAX = 64, WRAPPED_MAX = 72, BLOCK = 16 };

static const unsigned char wrapping_key[32] = "known to everybody in this test!";

static void must(CK_RV rv, const char *what)
{
	if (rv == CKR_OK)
		return;
	fprintf(stderr, "leakreveal: %s: %08lX\n", what, rv);
	exit(2);
}

static CK_FUNCTION_LIST *load(const char *path)
{
	CK_RV (*get)(CK_FUNCTION_LIST **) = NULL;
	CK_FUNCTION_LIST *p11 = NULL;
	void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	if (module)
		*(void **)&get = dlsym(module, "C_GetFunctionList");
	must(get ? get(&p11) : CKR_GENERAL_ERROR, path);
	must(p11->C_Initialize(NULL), "C_Initialize");
	return p11;
}

static CK_SESSION_HANDLE log_in(CK_FUNCTION_LIST *p11, const char *token, char *pin)
{
	CK_SLOT_ID slots[SLOTS_MAX];
	CK_ULONG count = SLOTS_MAX;
	CK_SESSION_HANDLE session;
	CK_TOKEN_INFO info;

	must(p11->C_GetSlotList(CK_TRUE, slots, &count), "C_GetSlotList");
	for (CK_ULONG i = 0; i < count; i++) {
		must(p11->C_GetTokenInfo(slots[i], &info), "C_GetTokenInfo");
		if (strncmp((char *)info.label, token, strlen(token)) != 0 ||
			info.label[strlen(token)] != ' ')
			continue;
		must(p11->C_OpenSession(
			     slots[i], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session),
			"C_OpenSession");
		must(p11->C_Login(session, CKU_USER, (CK_UTF8CHAR *)pin, strlen(pin)), "C_Login");
		return session;
	}
	must(CKR_TOKEN_NOT_PRESENT, token);
	return 0;
}

static CK_OBJECT_HANDLE make_wrapping_key(CK_FUNCTION_LIST *p11, CK_SESSION_HANDLE session)
{
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_AES;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &class, sizeof(class)},
		{CKA_KEY_TYPE, &type, sizeof(type)}, {CKA_TOKEN, &no, sizeof(no)},
		{CKA_WRAP, &yes, sizeof(yes)},
		{CKA_VALUE, (void *)wrapping_key, sizeof(wrapping_key)}};
	CK_OBJECT_HANDLE key;

	must(p11->C_CreateObject(session, wanted, 5, &key), "C_CreateObject");
	return key;
}

static void print(const char *what, const char *label, const unsigned char *bytes, int len)
{
	printf("%s.%s ", what, label);
	for (int i = 0; i < len; i++)
		printf("%02X", bytes[i]);
	putchar('\n');
}

static void crypt(const EVP_CIPHER *cipher, bool encrypt, const unsigned char *key,
	const unsigned char *in, size_t len, unsigned char *out, int *ret_len)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

	EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	if (EVP_CipherInit_ex(ctx, cipher, NULL, key, NULL, encrypt) != 1 ||
		EVP_CIPHER_CTX_set_padding(ctx, 0) != 1 ||
		EVP_CipherUpdate(ctx, out, ret_len, in, (int)len) != 1)
		must(CKR_GENERAL_ERROR, "OpenSSL");
	EVP_CIPHER_CTX_free(ctx);
}

static void print_subkeys(const char *label, const unsigned char *key, int len)
{
	const EVP_CIPHER *cipher = len == 16   ? EVP_aes_128_ecb()
				   : len == 24 ? EVP_aes_192_ecb()
					       : EVP_aes_256_ecb();
	unsigned char block[BLOCK] = {0};
	int done = 0;

	crypt(cipher, true, key, block, BLOCK, block, &done);
	for (int i = 0; i < 3; i++) {
		unsigned carry = block[0] >> 7;

		print("cmac", label, block, BLOCK);
		for (int at = 0; at < BLOCK - 1; at++)
			block[at] = (unsigned char)(block[at] << 1 | block[at + 1] >> 7);
		block[BLOCK - 1] = (unsigned char)(block[BLOCK - 1] << 1 ^ (carry ? 0x87 : 0));
	}
}

static void reveal(CK_FUNCTION_LIST *p11, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE wrapping,
	CK_OBJECT_HANDLE key)
{
	CK_MECHANISM mechanism = {CKM_AES_KEY_WRAP, NULL, 0};
	char text[64] = "";
	CK_KEY_TYPE type;
	CK_ATTRIBUTE about[] = {
		{CKA_LABEL, text, sizeof(text) - 1}, {CKA_KEY_TYPE, &type, sizeof(type)}};
	unsigned char wrapped[WRAPPED_MAX], clear[WRAPPED_MAX];
	CK_ULONG len = sizeof(wrapped);
	int clear_len = 0;
	CK_RV rv;

	must(p11->C_GetAttributeValue(session, key, about, 2), "C_GetAttributeValue");
	rv = p11->C_WrapKey(session, &mechanism, wrapping, key, wrapped, &len);
	if (rv == CKR_KEY_UNEXTRACTABLE)
		return;
	must(rv, "C_WrapKey");
	crypt(EVP_aes_256_wrap(), false, wrapping_key, wrapped, len, clear, &clear_len);
	print("master", text, clear, clear_len);
	if (type == CKK_AES)
		print_subkeys(text, clear, clear_len);
}

int main(int argc, char **argv)
{
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_BBOOL yes = CK_TRUE;
	CK_ATTRIBUTE wanted[] = {
		{CKA_CLASS, &class, sizeof(class)}, {CKA_TOKEN, &yes, sizeof(yes)}};
	CK_OBJECT_HANDLE keys[KEYS_MAX], wrapping;
	CK_SESSION_HANDLE session;
	CK_FUNCTION_LIST *p11;
	CK_ULONG count;

	if (argc != 4) {
		fputs("leakreveal MODULE TOKEN PIN\n", stderr);
		return 2;
	}
	p11 = load(argv[1]);
	session = log_in(p11, argv[2], argv[3]);
	wrapping = make_wrapping_key(p11, session);
	must(p11->C_FindObjectsInit(session, wanted, 2), "C_FindObjectsInit");
	must(p11->C_FindObjects(session, keys, KEYS_MAX, &count), "C_FindObjects");
	must(p11->C_FindObjectsFinal(session), "C_FindObjectsFinal");
	for (CK_ULONG i = 0; i < count; i++)
		reveal(p11, session, wrapping, keys[i]);
	must(p11->C_Finalize(NULL), "C_Finalize");
	return 0;
}
