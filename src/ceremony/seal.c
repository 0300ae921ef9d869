/* SPDX-License-Identifier: Apache-2.0 */
#include "ceremony/seal.h"

#include "base/hex.h"

#include <sodium.h>
#include <string.h>

enum {
	/* As officers' passphrases are kept (ops/officer.c): RFC 9106 section 4, second recommended
	 * option but for its lanes, of which libsodium has one. */
	ARGON_PASSES = 3,
	ARGON_MEMORY = 64 * 1024 * 1024,
	SALT = crypto_pwhash_SALTBYTES,
	NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
	TAG = crypto_aead_xchacha20poly1305_ietf_ABYTES,
	CONTEXT_HASH = 32,
	SEALED_MAX = 2048,
	PIN_TRIES = 64, /* a drawn PIN lacks one of the kinds about once in 100 times */
};

_Static_assert(crypto_aead_xchacha20poly1305_ietf_KEYBYTES == CER_QUORUM_KEY, "one key for both");
_Static_assert(crypto_box_PUBLICKEYBYTES == CER_PUBLIC_KEY, "X25519");

static enum kms_status start(struct kms_err *err)
{
	if (sodium_init() < 0)
		return kms_fail(err, KMS_ERR_INTERNAL, "libsodium does not start");
	return KMS_OK;
}

static enum kms_status draw(void *ctx, size_t len, struct secret *ret_bytes, struct kms_err *err)
{
	enum kms_status st = start(err);

	(void)ctx;
	if (!st)
		st = secret_alloc(ret_bytes, len, err);
	if (!st)
		randombytes_buf(ret_bytes->data, len);
	return st;
}

const struct cer_random cer_kernel_random = {.draw = draw};

enum kms_status cer_quorum_key_draw(struct secret *ret_key, struct kms_err *err)
{
	return draw(NULL, CER_QUORUM_KEY, ret_key, err);
}

/* ---- PINs ---- */

static const char pin_letters[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-";

/* Some tokens count neither a capital at the beginning nor a digit at the end. */
static bool has_all_kinds(const struct secret *pin)
{
	bool upper = false, lower = false, digit = false;

	for (size_t i = 1; i + 1 < pin->len; i++) {
		upper |= pin->data[i] >= 'A' && pin->data[i] <= 'Z';
		lower |= pin->data[i] >= 'a' && pin->data[i] <= 'z';
		digit |= pin->data[i] >= '0' && pin->data[i] <= '9';
	}
	return upper && lower && digit;
}

enum kms_status cer_pin_draw(
	unsigned long min, unsigned long max, struct secret *ret_pin, struct kms_err *err)
{
	unsigned long len = max && max < CER_PIN_LENGTH ? max : CER_PIN_LENGTH;

	if (len < min && (!max || min <= max) && min <= 4 * CER_PIN_LENGTH)
		len = min;
	if (len < min || len < CER_PIN_SHORTEST)
		return kms_fail(err, KMS_ERR_UNSUPPORTED,
			"the token takes PINs of %lu to %lu characters, a drawn one has %d or more",
			min, max, CER_PIN_SHORTEST);
	for (int tries = 0; tries < PIN_TRIES; tries++) {
		SECRET_AUTO struct secret pin = {0};
		enum kms_status st = draw(NULL, len, &pin, err);

		if (st)
			return st;
		for (size_t i = 0; i < pin.len; i++)
			pin.data[i] = (unsigned char)pin_letters[pin.data[i] & 63];
		if (has_all_kinds(&pin)) {
			secret_take(ret_pin, &pin);
			return KMS_OK;
		}
	}
	return kms_fail(err, KMS_ERR_INTERNAL, "the random generator draws no usable PIN");
}

/* ---- texts ---- */

static enum kms_status put_hex(
	const unsigned char *data, size_t len, struct buf *text, struct kms_err *err)
{
	char digits[2 * 64 + 1];
	enum kms_status st = KMS_OK;

	while (!st && len > 0) {
		const size_t piece = len < 64 ? len : 64;

		hex_encode(data, piece, digits);
		st = buf_puts(text, digits, err);
		data += piece;
		len -= piece;
	}
	return st;
}

static enum kms_status not_sealed(const char *what, struct kms_err *err)
{
	return kms_fail(
		err, KMS_ERR_MISMATCH, "%s is not what was sealed: it was changed since", what);
}

static enum kms_status get_hex(const char *text, const char *what, size_t shortest,
	unsigned char out[SEALED_MAX], size_t *ret_len, struct kms_err *err)
{
	const size_t digits = strlen(text);

	if (digits % 2 || digits / 2 < shortest || digits / 2 > SEALED_MAX ||
		!hex_decode_strict(text, out, digits / 2))
		return not_sealed(what, err);
	*ret_len = digits / 2;
	return KMS_OK;
}

/* ---- AEAD: nonce │ ciphertext │ tag ---- */

static enum kms_status aead_seal(const struct secret *plain, const struct secret *key,
	const char *context, struct buf *text, struct kms_err *err)
{
	unsigned char out[SEALED_MAX];
	unsigned long long len = 0;

	if (plain->len == 0 || plain->len > SEALED_MAX - NONCE - TAG || key->len != CER_QUORUM_KEY)
		return kms_fail(err, KMS_ERR_INTERNAL, "%zu bytes cannot be sealed", plain->len);
	randombytes_buf(out, NONCE);
	crypto_aead_xchacha20poly1305_ietf_encrypt(out + NONCE, &len, plain->data, plain->len,
		(const unsigned char *)context, strlen(context), NULL, out, key->data);
	return put_hex(out, NONCE + (size_t)len, text, err);
}

static enum kms_status aead_open(const unsigned char *sealed, size_t len, const struct secret *key,
	const char *context, struct secret *ret_plain, bool *ret_good, struct kms_err *err)
{
	SECRET_AUTO struct secret plain = {0};
	unsigned long long got = 0;
	enum kms_status st;

	*ret_good = false;
	if (len <= NONCE + TAG || key->len != CER_QUORUM_KEY)
		return KMS_OK;
	st = secret_alloc(&plain, len - NONCE - TAG, err);
	if (st)
		return st;
	*ret_good = crypto_aead_xchacha20poly1305_ietf_decrypt(plain.data, &got, NULL,
			    sealed + NONCE, len - NONCE, (const unsigned char *)context,
			    strlen(context), sealed, key->data) == 0;
	if (*ret_good)
		secret_take(ret_plain, &plain);
	return KMS_OK;
}

enum kms_status cer_pin_seal(const struct secret *pin, const struct secret *quorum_key,
	const char *context, struct buf *ret_text, struct kms_err *err)
{
	enum kms_status st = start(err);

	return st ? st : aead_seal(pin, quorum_key, context, ret_text, err);
}

enum kms_status cer_pin_open(const char *text, const struct secret *quorum_key, const char *context,
	struct secret *ret_pin, struct kms_err *err)
{
	unsigned char sealed[SEALED_MAX];
	bool good = false;
	size_t len = 0;
	enum kms_status st = start(err);

	if (!st)
		st = get_hex(text, "the sealed PIN", NONCE + TAG + 1, sealed, &len, err);
	if (!st)
		st = aead_open(sealed, len, quorum_key, context, ret_pin, &good, err);
	return st || good ? st : not_sealed("the sealed PIN", err);
}

/* ---- officers' key pairs: salt │ AEAD ---- */

static enum kms_status passphrase_key(const struct secret *passphrase,
	const unsigned char salt[SALT], struct secret *ret_key, struct kms_err *err)
{
	SECRET_AUTO struct secret key = {0};
	enum kms_status st = secret_alloc(&key, CER_QUORUM_KEY, err);

	if (st)
		return st;
	if (crypto_pwhash(key.data, key.len, (const char *)passphrase->data, passphrase->len, salt,
		    ARGON_PASSES, ARGON_MEMORY, crypto_pwhash_ALG_ARGON2ID13) != 0)
		return kms_nomem(err);
	secret_take(ret_key, &key);
	return KMS_OK;
}

enum kms_status cer_officer_key_seal(const struct secret *key, const struct secret *passphrase,
	const char *context, struct buf *ret_text, struct kms_err *err)
{
	SECRET_AUTO struct secret under = {0};
	unsigned char salt[SALT];
	enum kms_status st = start(err);

	if (st)
		return st;
	if (passphrase->len == 0)
		return kms_fail(err, KMS_ERR_INVALID, "an empty passphrase seals nothing");
	randombytes_buf(salt, sizeof(salt));
	st = passphrase_key(passphrase, salt, &under, err);
	if (!st)
		st = put_hex(salt, sizeof(salt), ret_text, err);
	return st ? st : aead_seal(key, &under, context, ret_text, err);
}

enum kms_status cer_officer_key_make(const struct secret *passphrase, const char *context,
	unsigned char ret_public[CER_PUBLIC_KEY], struct buf *ret_text, struct kms_err *err)
{
	SECRET_AUTO struct secret key = {0};
	unsigned char public_key[CER_PUBLIC_KEY];
	enum kms_status st = draw(NULL, crypto_box_SECRETKEYBYTES, &key, err);

	if (!st && crypto_scalarmult_base(public_key, key.data) != 0)
		st = kms_fail(err, KMS_ERR_INTERNAL, "libsodium failed in X25519");
	if (!st)
		st = cer_officer_key_seal(&key, passphrase, context, ret_text, err);
	if (!st)
		memcpy(ret_public, public_key, CER_PUBLIC_KEY);
	return st;
}

enum kms_status cer_officer_key_open(const char *text, const struct secret *passphrase,
	const char *context, unsigned char ret_public[CER_PUBLIC_KEY], struct secret *ret_key,
	struct kms_err *err)
{
	SECRET_AUTO struct secret under = {0}, key = {0};
	unsigned char sealed[SEALED_MAX];
	bool good = false;
	size_t len = 0;
	enum kms_status st = start(err);

	if (!st)
		st = get_hex(text, "the officer's key", SALT + NONCE + TAG + 1, sealed, &len, err);
	if (!st)
		st = passphrase_key(passphrase, sealed, &under, err);
	if (!st)
		st = aead_open(sealed + SALT, len - SALT, &under, context, &key, &good, err);
	if (!st && (!good || key.len != crypto_box_SECRETKEYBYTES ||
			   crypto_scalarmult_base(ret_public, key.data) != 0))
		st = kms_fail(err, KMS_ERR_AUTH,
			"the passphrase does not open the officer's key, or that was changed");
	if (!st)
		secret_take(ret_key, &key);
	return st;
}

/* ---- shares: box of (hash of the context │ share) ---- */

static void hash_context(const char *context, unsigned char out[CONTEXT_HASH])
{
	crypto_generichash(
		out, CONTEXT_HASH, (const unsigned char *)context, strlen(context), NULL, 0);
}

enum kms_status cer_share_seal(const struct secret *share,
	const unsigned char public_key[CER_PUBLIC_KEY], const char *context, struct buf *ret_text,
	struct kms_err *err)
{
	SECRET_AUTO struct secret plain = {0};
	unsigned char hash[CONTEXT_HASH], box[SEALED_MAX];
	enum kms_status st = start(err);

	if (st)
		return st;
	hash_context(context, hash);
	st = secret_copy(&plain, hash, sizeof(hash), err);
	if (!st)
		st = secret_append(&plain, share->data, share->len, err);
	if (st)
		return st;
	if (plain.len > sizeof(box) - crypto_box_SEALBYTES ||
		crypto_box_seal(box, plain.data, plain.len, public_key) != 0)
		return kms_fail(err, KMS_ERR_INVALID, "a share cannot be sealed to that key");
	return put_hex(box, plain.len + crypto_box_SEALBYTES, ret_text, err);
}

enum kms_status cer_share_open(const char *text, const struct secret *key, const char *context,
	struct secret *ret_share, struct kms_err *err)
{
	SECRET_AUTO struct secret plain = {0};
	unsigned char box[SEALED_MAX], hash[CONTEXT_HASH], public_key[CER_PUBLIC_KEY];
	const size_t around = crypto_box_SEALBYTES + CONTEXT_HASH;
	size_t len = 0;
	enum kms_status st = start(err);

	if (!st)
		st = get_hex(text, "the share", around + 1, box, &len, err);
	if (!st)
		st = secret_alloc(&plain, len - crypto_box_SEALBYTES, err);
	if (st)
		return st;
	hash_context(context, hash);
	if (key->len != crypto_box_SECRETKEYBYTES ||
		crypto_scalarmult_base(public_key, key->data) != 0 ||
		crypto_box_seal_open(plain.data, box, len, public_key, key->data) != 0 ||
		sodium_memcmp(plain.data, hash, sizeof(hash)) != 0)
		return not_sealed("the share", err);
	return secret_copy(ret_share, plain.data + CONTEXT_HASH, len - around, err);
}

enum kms_status cer_quorum_commit(const struct secret *quorum_key, const char *members,
	unsigned char ret_mac[CER_COMMITMENT], struct kms_err *err)
{
	enum kms_status st = start(err);

	if (st)
		return st;
	if (quorum_key->len != CER_QUORUM_KEY ||
		crypto_generichash(ret_mac, CER_COMMITMENT, (const unsigned char *)members,
			strlen(members), quorum_key->data, quorum_key->len) != 0)
		return kms_fail(err, KMS_ERR_INTERNAL, "libsodium failed in BLAKE2b");
	return KMS_OK;
}
