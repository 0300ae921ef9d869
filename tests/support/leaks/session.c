/* SPDX-License-Identifier: Apache-2.0 */
#include "support/leaks/session.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	INS_INITIALIZE_UPDATE = 0x50,
	CHALLENGE = 8,
	KDD = 10,
	AT_PROTOCOL = KDD + 1,	/* after the key version */
	AT_SEQUENCE = KDD + 2,	/* SCP02: two bytes, then the challenge */
	AT_CHALLENGE = KDD + 3, /* SCP03: after i */
	RESPONSE_MIN = 28 + 2,
	BLOCK = 16,
};

static const char *const roles[] = {"enc", "mac", "rmac", "dek"};
enum { SESSION_ENC, SESSION_MAC, SESSION_RMAC, SESSION_DEK, SESSION_KEYS };

static void must(bool good)
{
	if (good)
		return;
	fputs("leakwatch: cannot compute a session key\n", stderr);
	exit(2);
}

static const struct needle *named(
	const struct needles *n, const char *set, size_t len, const char *role)
{
	for (size_t i = 0; i < n->count; i++) {
		const char *name = n->items[i].name;

		if (strncmp(name, set, len) == 0 && strcmp(name + len, role) == 0)
			return &n->items[i];
	}
	return NULL;
}

/* GPCS 2.3.1 clause E.4.1: 3DES-CBC, IV 0, of constant, sequence counter and zeros. */
static size_t scp02_key(const struct needle *key, unsigned constant, const unsigned char *sequence,
	unsigned char *ret)
{
	unsigned char data[BLOCK] = {0x01, (unsigned char)constant, sequence[0], sequence[1]};
	unsigned char iv[8] = {0}, three[24];
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int len = 0;

	memcpy(three, key->bytes, BLOCK);
	memcpy(three + BLOCK, key->bytes, 8);
	must(ctx && key->len == BLOCK &&
		EVP_EncryptInit_ex(ctx, EVP_des_ede3_cbc(), NULL, three, iv) == 1 &&
		EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
		EVP_EncryptUpdate(ctx, ret, &len, data, BLOCK) == 1 && len == BLOCK);
	EVP_CIPHER_CTX_free(ctx);
	return BLOCK;
}

static void cmac(
	const struct needle *key, const unsigned char *data, size_t len, unsigned char *ret)
{
	char cipher[] = "AES-256-CBC";
	OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, cipher, 0),
		OSSL_PARAM_construct_end()};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "CMAC", NULL);
	EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
	size_t got = 0;

	snprintf(cipher, sizeof(cipher), "AES-%zu-CBC", 8 * key->len);
	must(ctx && EVP_MAC_init(ctx, key->bytes, key->len, params) == 1 &&
		EVP_MAC_update(ctx, data, len) == 1 && EVP_MAC_final(ctx, ret, &got, BLOCK) == 1);
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
}

/* Amendment D 1.2 clause 4.1.5: SP 800-108 counter mode. */
static size_t scp03_key(const struct needle *key, unsigned constant,
	const unsigned char context[2 * CHALLENGE], unsigned char *ret)
{
	unsigned char data[2 * BLOCK] = {0};

	data[11] = (unsigned char)constant;
	data[13] = (unsigned char)(8 * key->len >> 8);
	data[14] = (unsigned char)(8 * key->len);
	memcpy(data + BLOCK, context, 2 * CHALLENGE);
	for (size_t at = 0; at < key->len; at += BLOCK) {
		data[15]++;
		cmac(key, data, sizeof(data), ret + at);
	}
	return key->len;
}

static void add_set(struct needles *n, const char *set, size_t set_len, bool scp02,
	const unsigned char *sequence, const unsigned char *context)
{
	static const unsigned constants_02[SESSION_KEYS] = {0x82, 0x01, 0x02, 0x81};
	static const unsigned constants_03[SESSION_KEYS] = {0x04, 0x06, 0x07};
	const struct needle *enc = named(n, set, set_len, "enc"),
			    *mac = named(n, set, set_len, "mac");
	const struct needle *dek = named(n, set, set_len, "dek");
	const struct needle *from[SESSION_KEYS] = {enc, mac, mac, scp02 ? dek : NULL};
	unsigned char key[NEEDLE_MAX + BLOCK];
	char name[NEEDLE_NAME_MAX];

	for (int i = 0; enc && mac && dek && i < SESSION_KEYS; i++) {
		size_t len;

		if (!from[i] || (scp02 && from[i]->len != BLOCK))
			continue;
		len = scp02 ? scp02_key(from[i], constants_02[i], sequence, key)
			    : scp03_key(from[i], constants_03[i], context, key);
		snprintf(name, sizeof(name), "session.%.*s%s", (int)set_len, set, roles[i]);
		needles_add(n, name, key, len);
	}
}

void session_needles(struct needles *n, const unsigned char *command, size_t command_len,
	const unsigned char *response, size_t response_len)
{
	unsigned char context[2 * CHALLENGE];
	const size_t known = n->count;

	if (command_len < 5 + CHALLENGE || command[1] != INS_INITIALIZE_UPDATE ||
		response_len < RESPONSE_MIN)
		return;
	memcpy(context, command + 5, CHALLENGE);
	memcpy(context + CHALLENGE, response + AT_CHALLENGE, CHALLENGE);
	for (size_t i = 0; i < known; i++) {
		const char *name = n->items[i].name, *dot = strrchr(name, '.');

		if (dot && strcmp(dot, ".enc") == 0 && strncmp(name, "session.", 8) != 0)
			add_set(n, name, (size_t)(dot + 1 - name), response[AT_PROTOCOL] == 2,
				response + AT_SEQUENCE, context);
	}
}
