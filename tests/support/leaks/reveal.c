/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leakreveal MODULE TOKEN PIN: the secret keys of a test token, as lines "LABEL HEX". It can because
 * masters of a vault may be extracted, and the holder of a PIN may make a wrapping key that he knows
 * (docs/threat-model.md). Keys that may not leave the token are left out.
 */
#include <p11-kit/pkcs11.h>

#include <dlfcn.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS_MAX = 16, KEYS_MAX = 64, WRAPPED_MAX = 72 };

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

static void print_unwrapped(const char *label, const unsigned char *wrapped, size_t len)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	unsigned char key[WRAPPED_MAX];
	int done = 0;

	EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	if (EVP_DecryptInit_ex(ctx, EVP_aes_256_wrap(), NULL, wrapping_key, NULL) != 1 ||
		EVP_DecryptUpdate(ctx, key, &done, wrapped, (int)len) != 1)
		must(CKR_WRAPPED_KEY_INVALID, label);
	EVP_CIPHER_CTX_free(ctx);
	printf("%s ", label);
	for (int i = 0; i < done; i++)
		printf("%02X", key[i]);
	putchar('\n');
}

static void reveal(CK_FUNCTION_LIST *p11, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE wrapping,
	CK_OBJECT_HANDLE key)
{
	CK_MECHANISM mechanism = {CKM_AES_KEY_WRAP, NULL, 0};
	char text[64] = "";
	CK_ATTRIBUTE label = {CKA_LABEL, text, sizeof(text) - 1};
	unsigned char wrapped[WRAPPED_MAX];
	CK_ULONG len = sizeof(wrapped);
	CK_RV rv;

	must(p11->C_GetAttributeValue(session, key, &label, 1), "C_GetAttributeValue");
	rv = p11->C_WrapKey(session, &mechanism, wrapping, key, wrapped, &len);
	if (rv == CKR_KEY_UNEXTRACTABLE)
		return;
	must(rv, "C_WrapKey");
	print_unwrapped(text, wrapped, len);
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
