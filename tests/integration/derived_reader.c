/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a personalisation bureau would write after docs/formats/derived-keys.md: a reader of key files,
 * over OpenSSL and jansson alone, and the derivations of kdf3, visa2, emv and an10922 (AES-128), anew.
 *
 *   derived_reader unwrap HEX             the key in an AES-KW block, under the line "under=HEX" of stdin
 *   derived_reader compare F MANIFEST CARDS   every key of F with what its master gives; stdin has the
 *                                         lines under=HEX, enc=HEX, mac=HEX, kek=HEX
 *   derived_reader cards N                a file of N cards
 */
#include <jansson.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 4096, ROLES = 3, KEY_MAX = 32, LINE = 512 };

static _Noreturn void die(const char *why)
{
	fprintf(stderr, "derived_reader: %s\n", why);
	exit(1);
}

static size_t from_hex(const char *text, unsigned char *out, size_t max)
{
	size_t n = 0;
	unsigned byte;

	for (; n < max && sscanf(text + 2 * n, "%2x", &byte) == 1; n++)
		out[n] = (unsigned char)byte;
	return n;
}

struct key {
	unsigned char data[KEY_MAX];
	size_t len;
};

static void read_keys(struct key *under, struct key masters[ROLES])
{
	static const char *const names[] = {"under=", "enc=", "mac=", "kek="};
	char line[LINE];

	while (fgets(line, sizeof(line), stdin))
		for (size_t i = 0; i < 4; i++)
			if (strncmp(line, names[i], strlen(names[i])) == 0) {
				struct key *k = i ? &masters[i - 1] : under;

				k->len = from_hex(line + strlen(names[i]), k->data, KEY_MAX);
			}
}

/* ---- ciphers ---- */

static void cipher(const EVP_CIPHER *how, bool encrypt, const unsigned char *key,
	const unsigned char *iv, const unsigned char *in, size_t len, unsigned char *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0, rest = 0;

	EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	if (EVP_CipherInit_ex(ctx, how, NULL, key, iv, encrypt) != 1 ||
		EVP_CIPHER_CTX_set_padding(ctx, 0) != 1 ||
		EVP_CipherUpdate(ctx, out, &n, in, (int)len) != 1 ||
		EVP_CipherFinal_ex(ctx, out + n, &rest) != 1)
		die("a block is not intact");
	EVP_CIPHER_CTX_free(ctx);
}

static const EVP_CIPHER *wrap_of(size_t len)
{
	return len == 16 ? EVP_aes_128_wrap() : len == 24 ? EVP_aes_192_wrap() : EVP_aes_256_wrap();
}

static const EVP_CIPHER *aes_ecb(size_t len)
{
	return len == 16 ? EVP_aes_128_ecb() : len == 24 ? EVP_aes_192_ecb() : EVP_aes_256_ecb();
}

/* CMAC of AES (SP 800-38B), padding by hand: AN10922 has its own. */
static void cmac(const struct key *k, const unsigned char *data, size_t len, bool padded,
	unsigned char mac[16])
{
	unsigned char sub[2][16], last[16] = {0};
	const size_t whole = len ? (len - 1) / 16 : 0, rest = len - 16 * whole;
	unsigned char zero[16] = {0};

	for (int s = 0; s < 2; s++) {
		const unsigned char *from = s ? sub[0] : zero;

		if (!s)
			cipher(aes_ecb(k->len), true, k->data, NULL, zero, 16, zero);
		for (int i = 0; i < 16; i++)
			sub[s][i] = (unsigned char)(from[i] << 1 | (i < 15 ? from[i + 1] >> 7 : 0));
		if (from[0] & 0x80)
			sub[s][15] ^= 0x87;
	}
	memset(mac, 0, 16);
	for (size_t b = 0; b < whole; b++) {
		for (int i = 0; i < 16; i++)
			mac[i] ^= data[16 * b + (size_t)i];
		cipher(aes_ecb(k->len), true, k->data, NULL, mac, 16, mac);
	}
	memcpy(last, data + 16 * whole, rest);
	if (rest < 16)
		last[rest] = 0x80;
	for (int i = 0; i < 16; i++)
		mac[i] ^= last[i] ^ sub[rest < 16 || padded][i];
	cipher(aes_ecb(k->len), true, k->data, NULL, mac, 16, mac);
}

/* ---- derivation ---- */

static void tdes_key(const struct key *master, const unsigned char *kdd, const char *picked,
	unsigned char number, struct key *out)
{
	unsigned char key24[24], data[16];

	for (size_t i = 0; i < 6; i++)
		data[i] = data[8 + i] = kdd[picked[i] - '0'];
	data[6] = 0xF0;
	data[14] = 0x0F;
	data[7] = data[15] = number;
	memcpy(key24, master->data, 16);
	memcpy(key24 + 16, master->data, 8);
	cipher(EVP_des_ede3_ecb(), true, key24, NULL, data, 16, out->data);
	out->len = 16;
}

static void kdf3_key(const struct key *master, const unsigned char *kdd, size_t kdd_len,
	unsigned char number, struct key *out)
{
	unsigned char message[32], mac[16];

	for (unsigned char block = 1; (size_t)(block - 1) * 16 < master->len; block++) {
		const size_t at = (size_t)(block - 1) * 16, left = master->len - at;
		size_t n = 0;

		message[n++] = block;
		message[n++] = 0;
		message[n++] = 0;
		message[n++] = 0;
		message[n++] = number;
		message[n++] = 0;
		memcpy(message + n, kdd, kdd_len);
		cmac(master, message, n + kdd_len, false, mac);
		memcpy(out->data + at, mac, left < 16 ? left : 16);
	}
	out->len = master->len;
}

/* AN10922, AES-128: CMAC of 01 and the input, padded to two blocks if it is short. */
static void an10922_key(
	const struct key *master, const unsigned char *kdd, size_t kdd_len, struct key *out)
{
	unsigned char message[32] = {1};

	memcpy(message + 1, kdd, kdd_len);
	if (kdd_len < 31)
		message[1 + kdd_len] = 0x80;
	cmac(master, message, 32, kdd_len < 31, out->data);
	out->len = 16;
}

static void derive(const char *method, const struct key *master, const unsigned char *kdd,
	size_t kdd_len, unsigned char number, struct key *out)
{
	if (strcmp(method, "kdf3") == 0)
		kdf3_key(master, kdd, kdd_len, number, out);
	else if (strcmp(method, "visa2") == 0)
		tdes_key(master, kdd, "014567", number, out);
	else if (strcmp(method, "emv") == 0)
		tdes_key(master, kdd, "456789", number, out);
	else if (strcmp(method, "an10922") == 0 && master->len == 16)
		an10922_key(master, kdd, kdd_len, out);
	else
		die("a method that is not tried here");
}

/* ---- the file ---- */

struct layout {
	const char *method, *wrapping;
	size_t cards, at_once, stride;
};

static void read_manifest(json_t *manifest, struct layout *l)
{
	json_int_t cards, chunk, at_once, stride;

	if (!manifest ||
		json_unpack(manifest, "{s:{s:s}, s:s, s:{s:I}, s:{s:I, s:I, s:I}}", "keyset",
			"diversification", &l->method, "wrapping", &l->wrapping, "cards", "count",
			&cards, "layout", "chunk", &chunk, "keys_at_once", &at_once, "stride",
			&stride) ||
		chunk != CHUNK)
		die("no manifest");
	l->cards = (size_t)cards;
	l->at_once = (size_t)at_once;
	l->stride = (size_t)stride;
}

/* The keys of one role in a chunk, unwrapped. */
static void read_role(
	FILE *f, const struct layout *l, const struct key *under, size_t count, unsigned char *out)
{
	static const unsigned char zero[16];
	static unsigned char wrapped[CHUNK * KEY_MAX + 16];
	const bool kw = strcmp(l->wrapping, "aes-kw") == 0;

	for (size_t i = 0; i < count; i += l->at_once) {
		const size_t n = count - i < l->at_once ? count - i : l->at_once;
		const size_t len = n * l->stride;
		const size_t got = kw ? len + 8 : (len + 15) / 16 * 16;
		unsigned char *plain = malloc(got + 16);

		if (!plain || fread(wrapped, 1, got, f) != got)
			die("the file ends too early");
		cipher(kw		   ? wrap_of(under->len)
			: under->len == 16 ? EVP_aes_128_cbc()
			: under->len == 24 ? EVP_aes_192_cbc()
					   : EVP_aes_256_cbc(),
			false, under->data, kw ? NULL : zero, wrapped, got, plain);
		memcpy(out + i * l->stride, plain, len);
		free(plain);
	}
}

static size_t next_kdd(FILE *cards, size_t column, unsigned char *kdd)
{
	char line[LINE], *at = line;

	if (!fgets(line, sizeof(line), cards))
		die("too few cards");
	for (size_t i = 0; i < column; i++)
		at = strchr(at, ',') + 1;
	return from_hex(at, kdd, KEY_MAX);
}

static int compare(const char *path, const char *manifest_path, const char *cards_path)
{
	static unsigned char keys[ROLES][CHUNK * KEY_MAX];
	FILE *f = fopen(path, "rb"), *cards = fopen(cards_path, "r");
	json_t *manifest = json_load_file(manifest_path, 0, NULL);
	struct key under = {0}, masters[ROLES] = {0};
	struct layout l;
	unsigned char head[8], kdd[KEY_MAX];
	char line[LINE];
	size_t compared = 0;

	read_keys(&under, masters);
	read_manifest(manifest, &l);
	if (!f || !cards || !fgets(line, sizeof(line), cards) || fread(head, 1, 8, f) != 8 ||
		memcmp(head, "CKDKEYS1", 8) != 0)
		die("no key file, or no cards");
	for (size_t done = 0, chunk = 0; done < l.cards; chunk++) {
		const size_t count = l.cards - done < CHUNK ? l.cards - done : CHUNK;

		if (fread(head, 1, 8, f) != 8 || (head[2] << 8 | head[3]) != (int)chunk ||
			(size_t)(head[6] << 8 | head[7]) != count)
			die("a chunk is not where it belongs");
		for (size_t r = 0; r < ROLES; r++)
			read_role(f, &l, &under, count, keys[r]);
		for (size_t i = 0; i < count; i++) {
			const size_t len = next_kdd(cards, 3, kdd);

			for (size_t r = 0; r < ROLES; r++, compared++) {
				struct key want = {0};

				derive(l.method, &masters[r], kdd, len, (unsigned char)(r + 1),
					&want);
				if (memcmp(keys[r] + i * l.stride, want.data, want.len) != 0)
					die("another key");
			}
		}
		done += count;
	}
	if (fgetc(f) != EOF)
		die("more in the file than there should be");
	printf("%zu keys compared\n", compared);
	json_decref(manifest);
	fclose(f);
	fclose(cards);
	return 0;
}

static int unwrap(const char *hex)
{
	unsigned char wrapped[64], plain[64];
	struct key under = {0}, none[ROLES];
	size_t len = from_hex(hex, wrapped, sizeof(wrapped));

	read_keys(&under, none);
	cipher(wrap_of(under.len), false, under.data, NULL, wrapped, len, plain);
	for (size_t i = 0; i + 8 < len; i++)
		printf("%02X", plain[i]);
	puts("");
	return 0;
}

static int write_cards(unsigned long count)
{
	puts("reader,card,profile,kdd");
	for (unsigned long i = 0; i < count; i++)
		printf("tcp:127.0.0.1:1,C%08lu,test,%08lX%08lX%04lX\n", i,
			i * 2654435761u & 0xFFFFFFFF, i, i * 40503 & 0xFFFF);
	return fflush(stdout) ? 1 : 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "unwrap") == 0)
		return unwrap(argv[2]);
	if (argc == 5 && strcmp(argv[1], "compare") == 0)
		return compare(argv[2], argv[3], argv[4]);
	if (argc == 3 && strcmp(argv[1], "cards") == 0)
		return write_cards(strtoul(argv[2], NULL, 10));
	die("unwrap HEX | compare F MANIFEST CARDS | cards N");
}
