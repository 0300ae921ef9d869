/* SPDX-License-Identifier: Apache-2.0 */
#include "ceremony/shamir.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

static const unsigned char magic[4] = {'C', 'K', 'S', '1'};

/* ---- GF(2^8) modulo x^8 + x^4 + x^3 + x + 1: no table, no branch on a value ---- */

static unsigned char gf_mul(unsigned char a, unsigned char b)
{
	unsigned product = 0, x = a;

	for (unsigned bit = 0; bit < 8; bit++) {
		product ^= x & (0u - (b >> bit & 1u));
		x = (x << 1) ^ (0x11Bu & (0u - (x >> 7 & 1u)));
	}
	return (unsigned char)product;
}

/* a^254, which is 1 / a; 0 for 0. */
static unsigned char gf_inverse(unsigned char a)
{
	unsigned char power = a, out = 1;

	for (unsigned bit = 1; bit < 8; bit++) {
		power = gf_mul(power, power);
		out = gf_mul(out, power);
	}
	return out;
}

/*
 * What the share at `index` weighs in the value at 0: the product of x_j / (x_j - x_index) over the
 * others. Indices are no secret.
 */
static unsigned char weight(const unsigned char *index, size_t count, size_t i)
{
	unsigned char out = 1;

	for (size_t j = 0; j < count; j++)
		if (j != i)
			out = gf_mul(out, gf_mul(index[j], gf_inverse(index[j] ^ index[i])));
	return out;
}

/* ---- shares ---- */

static size_t data_len(size_t secret_len)
{
	return secret_len + CER_SHARE_KEY;
}

static size_t share_len(size_t secret_len)
{
	return CER_SHARE_HEAD + data_len(secret_len) + CER_SHARE_TAG;
}

static enum kms_status tag_of(const struct secret *share, const unsigned char *key,
	unsigned char tag[CER_SHARE_TAG], struct kms_err *err)
{
	unsigned len = 0;

	if (!HMAC(EVP_sha256(), key, CER_SHARE_KEY, share->data, share->len - CER_SHARE_TAG, tag,
		    &len) ||
		len != CER_SHARE_TAG)
		return kms_fail(err, KMS_ERR_INTERNAL, "OpenSSL failed in HMAC");
	return KMS_OK;
}

enum kms_status cer_share_read(
	const struct secret *share, struct cer_share_info *ret_info, struct kms_err *err)
{
	const unsigned char *p = share->data;
	struct cer_share_info info = {0};

	if (share->len < share_len(1) || share->len > share_len(CER_SHARED_MAX) ||
		memcmp(p, magic, sizeof(magic)) != 0)
		return kms_fail(err, KMS_ERR_INVALID, "%zu bytes are no share", share->len);
	info.threshold = p[4];
	info.count = p[5];
	info.index = p[6];
	memcpy(info.set, p + 8, CER_SHARE_SET);
	info.secret_len = share->len - share_len(0);
	if (info.threshold < CER_SHARES_MIN || info.count > CER_SHARES_MAX ||
		info.threshold > info.count || info.index < 1 || info.index > info.count ||
		p[7] != 0)
		return kms_fail(err, KMS_ERR_INVALID,
			"a share says that it is number %u of %u, of which %u are needed: there "
			"is no such",
			info.index, info.count, info.threshold);
	*ret_info = info;
	return KMS_OK;
}

/* ---- out ---- */

/* The polynomial of each byte: the byte itself, then its coefficients, `threshold - 1` of them. */
static void evaluate(const struct secret *plain, const struct secret *coefficients,
	unsigned threshold, unsigned char x, unsigned char *out)
{
	const size_t degree = threshold - 1;

	for (size_t i = 0; i < plain->len; i++) {
		const unsigned char *c = coefficients->data + i * degree;
		unsigned char y = 0;

		for (size_t k = degree; k-- > 0;)
			y = gf_mul(y ^ c[k], x);
		out[i] = y ^ plain->data[i];
	}
}

static enum kms_status make_share(const struct secret *plain, const struct secret *coefficients,
	const struct cer_share_info *info, struct secret *ret_share, struct kms_err *err)
{
	const unsigned char numbers[4] = {(unsigned char)info->threshold,
		(unsigned char)info->count, (unsigned char)info->index, 0};
	SECRET_AUTO struct secret share = {0};
	enum kms_status st = secret_alloc(&share, share_len(info->secret_len), err);

	if (st)
		return st;
	memcpy(share.data, magic, sizeof(magic));
	memcpy(share.data + 4, numbers, sizeof(numbers));
	memcpy(share.data + 8, info->set, CER_SHARE_SET);
	evaluate(plain, coefficients, info->threshold, (unsigned char)info->index,
		share.data + CER_SHARE_HEAD);
	st = tag_of(&share, plain->data + info->secret_len, share.data + share.len - CER_SHARE_TAG,
		err);
	if (!st)
		secret_take(ret_share, &share);
	return st;
}

static enum kms_status draw(
	const struct cer_random *random, size_t len, struct secret *ret_bytes, struct kms_err *err)
{
	enum kms_status st = random->draw(random->ctx, len, ret_bytes, err);

	if (!st && ret_bytes->len != len)
		st = kms_fail(err, KMS_ERR_INTERNAL, "%zu random bytes instead of %zu",
			ret_bytes->len, len);
	return st;
}

static enum kms_status split(const struct secret *secret, struct cer_share_info *info,
	const struct cer_random *random, struct secret *ret_shares, struct kms_err *err)
{
	SECRET_AUTO struct secret set = {0}, key = {0}, plain = {0}, coefficients = {0};
	enum kms_status st = draw(random, CER_SHARE_SET, &set, err);

	if (!st)
		st = draw(random, CER_SHARE_KEY, &key, err);
	if (!st)
		st = secret_copy(&plain, secret->data, secret->len, err);
	if (!st)
		st = secret_append(&plain, key.data, key.len, err);
	if (!st)
		st = draw(random, (info->threshold - 1) * plain.len, &coefficients, err);
	if (st)
		return st;
	memcpy(info->set, set.data, CER_SHARE_SET);
	for (info->index = 1; !st && info->index <= info->count; info->index++)
		st = make_share(&plain, &coefficients, info, &ret_shares[info->index - 1], err);
	return st;
}

enum kms_status cer_shares_split(const struct secret *secret, unsigned threshold, unsigned count,
	const struct cer_random *random, struct secret *ret_shares, struct kms_err *err)
{
	struct cer_share_info info = {
		.threshold = threshold, .count = count, .secret_len = secret->len};
	enum kms_status st;

	if (threshold < CER_SHARES_MIN || count > CER_SHARES_MAX || threshold > count)
		return kms_fail(err, KMS_ERR_INVALID,
			"a quorum of %u of %u cannot be: %d or more of at most %d", threshold,
			count, CER_SHARES_MIN, CER_SHARES_MAX);
	if (secret->len == 0 || secret->len > CER_SHARED_MAX)
		return kms_fail(err, KMS_ERR_INVALID, "%zu bytes cannot be shared, 1 to %d can",
			secret->len, CER_SHARED_MAX);
	st = split(secret, &info, random, ret_shares, err);
	for (unsigned i = 0; st && i < count; i++)
		secret_free(&ret_shares[i]);
	return st;
}

/* ---- in ---- */

static enum kms_status fits(const struct cer_share_info *first, const struct cer_share_info *info,
	unsigned seen, struct kms_err *err)
{
	if (memcmp(first->set, info->set, CER_SHARE_SET) != 0 ||
		first->threshold != info->threshold || first->count != info->count ||
		first->secret_len != info->secret_len)
		return kms_fail(err, KMS_ERR_INVALID, "share %u is of another set than share %u",
			info->index, first->index);
	if (seen & 1u << info->index)
		return kms_fail(err, KMS_ERR_INVALID, "share %u is there twice", info->index);
	return KMS_OK;
}

static enum kms_status read_all(const struct secret *shares, size_t count,
	struct cer_share_info *ret_first, unsigned char *ret_index, struct kms_err *err)
{
	unsigned seen = 0;
	enum kms_status st = KMS_OK;

	if (count == 0 || count > CER_SHARES_MAX)
		return kms_fail(err, KMS_ERR_INVALID, "%zu shares: there are 1 to %d", count,
			CER_SHARES_MAX);
	for (size_t i = 0; !st && i < count; i++) {
		struct cer_share_info info;

		st = cer_share_read(&shares[i], &info, err);
		if (!st && i == 0)
			*ret_first = info;
		if (!st)
			st = fits(ret_first, &info, seen, err);
		if (st)
			break;
		seen |= 1u << info.index;
		ret_index[i] = (unsigned char)info.index;
	}
	if (!st && count < ret_first->threshold)
		st = kms_fail(err, KMS_ERR_DENIED, "%zu of the shares are here, %u are needed",
			count, ret_first->threshold);
	return st;
}

static enum kms_status check_tags(const struct secret *shares, size_t count,
	const unsigned char *index, const unsigned char *key, struct kms_err *err)
{
	size_t wrong = 0, last = 0;

	for (size_t i = 0; i < count; i++) {
		const unsigned char *said = shares[i].data + shares[i].len - CER_SHARE_TAG;
		unsigned char tag[CER_SHARE_TAG];
		enum kms_status st = tag_of(&shares[i], key, tag, err);

		if (st)
			return st;
		if (CRYPTO_memcmp(tag, said, sizeof(tag)) != 0) {
			wrong++;
			last = i;
		}
	}
	if (wrong == 0)
		return KMS_OK;
	/* A wrong share among those that made the key makes every tag wrong. */
	return wrong == 1 ? kms_fail(err, KMS_ERR_MISMATCH, "share %u is not what was handed out",
				    index[last])
			  : kms_fail(err, KMS_ERR_MISMATCH,
				    "at least one of the %zu shares is not what was handed out",
				    count);
}

enum kms_status cer_shares_combine(
	const struct secret *shares, size_t count, struct secret *ret_secret, struct kms_err *err)
{
	unsigned char index[CER_SHARES_MAX];
	SECRET_AUTO struct secret plain = {0};
	struct cer_share_info first = {0};
	enum kms_status st = read_all(shares, count, &first, index, err);

	if (!st)
		st = secret_alloc(&plain, data_len(first.secret_len), err);
	if (st)
		return st;
	for (size_t i = 0; i < first.threshold; i++) {
		const unsigned char *y = shares[i].data + CER_SHARE_HEAD;
		const unsigned char w = weight(index, first.threshold, i);

		for (size_t k = 0; k < plain.len; k++)
			plain.data[k] ^= gf_mul(y[k], w);
	}
	st = check_tags(shares, count, index, plain.data + first.secret_len, err);
	if (!st)
		st = secret_copy(ret_secret, plain.data, first.secret_len, err);
	return st;
}
