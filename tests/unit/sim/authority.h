/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who signs DAPs and tokens and reads receipts, for the tests of the card: by OpenSSL alone, none of the
 * card's own cryptography.
 */
#ifndef UNIT_SIM_AUTHORITY_H
#define UNIT_SIM_AUTHORITY_H

#include "unit/sim/host.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>

#define ISD	   "A000000151000000"
#define SSD	   "A000000151000099"
#define SSD_OTHER  "A000000151000098"
#define SSD_MODULE "A000000151535041"
#define SSD_FILE   "A0000001515350"

enum { AUTHORITY_MAX = 2048, SIGNATURE_MAX = 64 };

/* A key that signs; a pair or a secret. */
struct signer {
	EVP_PKEY *pair; /* NULL: secret */
	bool des;
	unsigned char secret[32];
	size_t len;
};

static inline struct signer signer_aes(size_t len, unsigned seed)
{
	struct signer s = {.len = len};

	for (size_t i = 0; i < len; i++)
		s.secret[i] = (unsigned char)(seed + 7 * i);
	return s;
}

static inline struct signer signer_des(unsigned seed)
{
	struct signer s = signer_aes(16, seed);

	s.des = true;
	return s;
}

static inline struct signer signer_ec(const char *curve)
{
	struct signer s = {.pair = EVP_PKEY_Q_keygen(NULL, NULL, "EC", curve)};

	assert_non_null(s.pair);
	return s;
}

static inline void signer_free(struct signer *s)
{
	EVP_PKEY_free(s->pair);
	s->pair = NULL;
}

static inline size_t signer_point(const struct signer *s, unsigned char *out, size_t max)
{
	size_t len = 0;

	assert_int_equal(
		EVP_PKEY_get_octet_string_param(s->pair, OSSL_PKEY_PARAM_PUB_KEY, out, max, &len),
		1);
	return len;
}

/* ISO 9797-1 algorithm 3 with its padding 2. */
static inline void retail_mac(
	const unsigned char key[16], const unsigned char *data, size_t len, unsigned char out[8])
{
	unsigned char padded[AUTHORITY_MAX + 8] = {0}, ends[3][24], last[8];
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	size_t total = len / 8 * 8 + 8;
	int got;

	for (size_t i = 0; i < 24; i++) {
		ends[0][i] = key[i % 8];
		ends[1][i] = key[8 + i % 8];
	}
	memcpy(padded, data, len);
	padded[len] = 0x80;
	assert_int_equal(
		EVP_EncryptInit_ex(ctx, EVP_des_ede3_cbc(), NULL, ends[0], (unsigned char[8]){0}),
		1);
	EVP_CIPHER_CTX_set_padding(ctx, 0);
	assert_int_equal(EVP_EncryptUpdate(ctx, padded, &got, padded, (int)total), 1);
	memcpy(last, padded + total - 8, 8);
	assert_int_equal(EVP_DecryptInit_ex(ctx, EVP_des_ede3_ecb(), NULL, ends[1], NULL), 1);
	EVP_CIPHER_CTX_set_padding(ctx, 0);
	assert_int_equal(EVP_DecryptUpdate(ctx, last, &got, last, 8), 1);
	assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_des_ede3_ecb(), NULL, ends[0], NULL), 1);
	EVP_CIPHER_CTX_set_padding(ctx, 0);
	assert_int_equal(EVP_EncryptUpdate(ctx, out, &got, last, 8), 1);
	EVP_CIPHER_CTX_free(ctx);
}

static inline size_t ecdsa_sign(
	EVP_PKEY *pair, const unsigned char *data, size_t len, unsigned char out[SIGNATURE_MAX])
{
	unsigned char der[160];
	const unsigned char *at = der;
	size_t der_len = sizeof(der);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	ECDSA_SIG *sig;

	assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, pair), 1);
	assert_int_equal(EVP_DigestSign(ctx, der, &der_len, data, len), 1);
	sig = d2i_ECDSA_SIG(NULL, &at, (long)der_len);
	assert_non_null(sig);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, 32), 32);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + 32, 32), 32);
	ECDSA_SIG_free(sig);
	EVP_MD_CTX_free(ctx);
	return 64;
}

static inline size_t sign(const struct signer *s, const unsigned char *data, size_t len,
	unsigned char out[SIGNATURE_MAX])
{
	static const char *const ciphers[] = {"AES-128-CBC", "AES-192-CBC", "AES-256-CBC"};
	size_t got = 0;

	if (s->pair)
		return ecdsa_sign(s->pair, data, len, out);
	if (s->des) {
		retail_mac(s->secret, data, len, out);
		return 8;
	}
	assert_non_null(EVP_Q_mac(NULL, "CMAC", NULL, ciphers[s->len / 8 - 2], NULL, s->secret,
		s->len, data, len, out, SIGNATURE_MAX, &got));
	return got;
}

/* PUT KEY of it, P1 = replaced; its status. */
static inline unsigned put_signer(
	struct host *h, unsigned replaced, unsigned kvn, unsigned kid, const struct signer *s)
{
	const unsigned char header[4] = {0x80, 0xD8, (unsigned char)replaced, (unsigned char)kid};
	struct host_put put = {.len = 1};

	put.data[0] = (unsigned char)kvn;
	if (!s->pair) {
		host_put_key(
			h, &put, s->des ? SIM_TYPE_DES : SIM_TYPE_AES, s->secret, s->len, true, 0);
	} else {
		put.data[1] = 0xB0;
		put.data[2] = (unsigned char)signer_point(s, put.data + 3, 140);
		put.len = 3U + put.data[2];
		put.len += host_hex("F00100 00", put.data + put.len, 8);
	}
	return host_command(h, header, put.data, put.len);
}

static inline struct host_keys domain_keys(void)
{
	return host_keys_of("505152535455565758595A5B5C5D5E5F", "606162636465666768696A6B6C6D6E6F",
		"707172737475767778797A7B7C7D7E7F");
}

static inline void select_domain(struct host *h, const char *aid)
{
	char command[64];

	snprintf(command, sizeof(command), "00A4040008%s00", aid);
	host_expect(h, command, 0x9000);
}

static inline void open_issuer(struct host *h)
{
	struct host_keys keys = host_test_keys();

	select_domain(h, ISD);
	assert_int_equal(host_open(h, 0xFF, 0x33, &keys), 0x9000);
}

static inline void open_domain(struct host *h, const char *aid)
{
	struct host_keys keys = domain_keys();

	select_domain(h, aid);
	assert_int_equal(host_open(h, 0x20, 0x33, &keys), 0x9000);
}

/* Installs a domain below the ISD, whose session is open; three bytes of privileges. Its status. */
static inline unsigned install_domain(struct host *h, const char *aid, const char *privileges)
{
	char command[160];

	snprintf(command, sizeof(command),
		"80E60C0022 07" SSD_FILE "08" SSD_MODULE "08%s 03%s 02C900 00", aid, privileges);
	return host_do(h, command);
}

/* A domain with keys of its own; its session is open afterwards. */
static inline void make_domain(struct host *h, const char *aid, const char *privileges)
{
	struct host_keys keys = host_test_keys(), own = domain_keys();

	open_issuer(h);
	assert_int_equal(install_domain(h, aid, privileges), 0x9000);
	select_domain(h, aid);
	assert_int_equal(host_open(h, 0, 0x33, &keys), 0x9000);
	assert_int_equal(host_put_set(h, 0, 0x20, SIM_TYPE_AES, &own, true), 0x9000);
	open_domain(h, aid);
}

static inline struct sim_entry *entry_of(struct host *h, const char *aid_hex)
{
	unsigned char aid[16];
	size_t len = host_hex(aid_hex, aid, sizeof(aid));

	for (size_t i = 0; i < h->card->nv.entry_count; i++)
		if (h->card->nv.entries[i].aid.len == len &&
			memcmp(h->card->nv.entries[i].aid.data, aid, len) == 0)
			return &h->card->nv.entries[i];
	return NULL;
}

/* ---- load files ---- */

/* A CAP file's Header of package A00000000310 and Applet with module A00000000311. */
static inline size_t load_block(unsigned char *out, size_t max)
{
	return host_hex("01 0010 DECAFFED 0102 04 0000 06 A00000000310"
			"03 000A 01 06 A00000000311 0000",
		out, max);
}

static inline size_t digest(
	const char *name, const unsigned char *data, size_t len, unsigned char out[64])
{
	size_t got = 64;

	assert_int_equal(EVP_Q_digest(NULL, name, NULL, data, len, out, &got), 1);
	return got;
}

/* Tag E2 with a signature of the hash. */
static inline size_t dap_block(const char *aid, const struct signer *s, const unsigned char *hash,
	size_t hash_len, unsigned char *out)
{
	unsigned char signature[SIGNATURE_MAX];
	size_t len = sign(s, hash, hash_len, signature);

	out[0] = 0xE2;
	out[1] = (unsigned char)(10 + 2 + len);
	host_hex("4F08", out + 2, 2);
	host_hex(aid, out + 4, 8);
	out[12] = 0xC3;
	out[13] = (unsigned char)len;
	memcpy(out + 14, signature, len);
	return 14 + len;
}

/* Tag C4 around it. */
static inline size_t load_file(unsigned char *out, size_t max)
{
	size_t len = load_block(out + 2, max - 2);

	out[0] = 0xC4;
	out[1] = (unsigned char)len;
	return 2 + len;
}

/* LOAD, cut in pieces; the last status. */
static inline unsigned send_file(struct host *h, const unsigned char *file, size_t len)
{
	unsigned block = 0;

	for (size_t at = 0; at < len; block++) {
		size_t piece = len - at > 200 ? 200 : len - at;
		bool last = at + piece == len;
		const unsigned char header[4] = {
			0x80, 0xE8, last ? 0x80 : 0x00, (unsigned char)block};

		host_command(h, header, file + at, piece);
		if (last || h->sw != 0x9000)
			return h->sw;
		host_response_is(h, "00");
		at += piece;
	}
	return h->sw;
}

/* The data of INSTALL [for load] of A00000000310 up to the token. */
static inline size_t load_fields(
	const char *domain, const unsigned char *hash, size_t hash_len, unsigned char *out)
{
	size_t len = host_hex("06A00000000310", out, 16);

	out[len++] = *domain ? 8 : 0;
	if (*domain)
		len += host_hex(domain, out + len, 8);
	out[len++] = (unsigned char)hash_len;
	if (hash_len > 0)
		memcpy(out + len, hash, hash_len);
	len += hash_len;
	out[len++] = 0; /* load parameters */
	return len;
}

#endif
