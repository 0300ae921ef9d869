/* SPDX-License-Identifier: Apache-2.0 */
/* Shares: what fewer than a quorum know (nothing, counted out), and what is refused. */
#include "ceremony/shamir.h"
#include "support/expect.h"
#include "support/forall.h"

#include <stdio.h>

static struct kms_err err;

/* ---- random bytes that the test chooses ---- */

struct script {
	const unsigned char *coefficients; /* of the secret's bytes; NULL: random */
	size_t len;
	struct forall f;
	unsigned calls, fails_at; /* 0: never */
	bool is_short;
};

static enum kms_status scripted(void *ctx, size_t len, struct secret *ret_bytes, struct kms_err *e)
{
	struct script *s = ctx;
	enum kms_status st;

	if (++s->calls == s->fails_at && !s->is_short)
		return kms_fail(e, KMS_ERR_HSM, "the token is gone");
	st = secret_alloc(ret_bytes, len - (s->calls == s->fails_at), e);
	if (st)
		return st;
	forall_bytes(&s->f, ret_bytes->data, ret_bytes->len);
	if (s->calls % 3 == 0 && s->coefficients)
		memcpy(ret_bytes->data, s->coefficients, s->len);
	return KMS_OK;
}

struct shares {
	struct secret item[CER_SHARES_MAX];
};

static void shares_free(struct shares *s)
{
	for (size_t i = 0; i < CER_SHARES_MAX; i++)
		secret_free(&s->item[i]);
}

#define SHARES_AUTO __attribute__((cleanup(shares_free)))

static void split(const void *bytes, size_t len, unsigned m, unsigned n, struct script *script,
	struct shares *ret_shares)
{
	const struct cer_random random = {script, scripted};
	SECRET_AUTO struct secret secret = {0};

	expect_ok(&err, secret_copy(&secret, bytes, len, &err));
	expect_ok(&err, cer_shares_split(&secret, m, n, &random, ret_shares->item, &err));
}

static unsigned char y(const struct shares *s, size_t share, size_t byte)
{
	return s->item[share].data[CER_SHARE_HEAD + byte];
}

/* ---- the field ---- */

/* By tables of powers of the generator 3, which the code does not have. */
static unsigned char times(unsigned char a, unsigned char b)
{
	static unsigned char power[255], logarithm[256];
	static bool filled;

	if (!filled) {
		unsigned v = 1;

		for (unsigned i = 0; i < 255; i++) {
			power[i] = (unsigned char)v;
			logarithm[v] = (unsigned char)i;
			v ^= v << 1;
			if (v & 0x100)
				v ^= 0x11B;
		}
		filled = true;
	}
	return a && b ? power[(logarithm[a] + logarithm[b]) % 255] : 0;
}

static void test_field(void **state)
{
	unsigned char zeros[256] = {0}, all[256];
	struct script script = {.coefficients = all, .len = sizeof(all)};
	SHARES_AUTO struct shares s = {0};

	(void)state;
	assert_int_equal(times(0x57, 0x83), 0xC1); /* the example that AES texts have */
	for (unsigned i = 0; i < 256; i++)
		all[i] = (unsigned char)i;
	split(zeros, sizeof(zeros), 2, 16, &script, &s);
	for (unsigned x = 1; x <= 16; x++)
		for (unsigned c = 0; c < 256; c++)
			assert_int_equal(
				y(&s, x - 1, c), times((unsigned char)c, (unsigned char)x));
}

/* ---- what fewer than the quorum know ---- */

/*
 * One share of a quorum of two: whatever it is, each secret byte gives it by exactly one coefficient, so all
 * 256 are equally likely.
 */
static void test_one_of_two(void **state)
{
	unsigned char secret[256], all[256];
	size_t counted = 0;

	(void)state;
	for (unsigned i = 0; i < 256; i++)
		all[i] = (unsigned char)i;
	for (unsigned value = 0; value < 256; value++) {
		struct script script = {.coefficients = all, .len = sizeof(all)};
		SHARES_AUTO struct shares s = {0};

		memset(secret, (int)value, sizeof(secret));
		split(secret, sizeof(secret), 2, 16, &script, &s);
		for (size_t share = 0; share < 16; share++) {
			unsigned char seen[256] = {0};

			for (size_t c = 0; c < 256; c++)
				seen[y(&s, share, c)]++;
			for (size_t c = 0; c < 256; c++)
				assert_int_equal(seen[c], 1);
			counted++;
		}
	}
	printf("1 of a 2-of-16: %zu shares and secret bytes, every value once\n", counted);
}

enum { CHUNK = 1024, PAIRS = 10, CHUNKS = 65536 / CHUNK };

/* Which pairs of share bytes occurred with one secret byte, for each two of five shares. */
struct seen {
	unsigned char bit[PAIRS][65536 / 8];
	size_t twice;
};

static void count_pairs(struct seen *seen, const struct shares *s)
{
	for (size_t i = 0, pair = 0; i < 5; i++) {
		for (size_t j = i + 1; j < 5; j++, pair++) {
			const unsigned char *a = s->item[i].data + CER_SHARE_HEAD;
			const unsigned char *b = s->item[j].data + CER_SHARE_HEAD;

			for (size_t k = 0; k < CHUNK; k++) {
				unsigned char *byte = &seen->bit[pair][(a[k] << 8 | b[k]) >> 3];
				unsigned char mask = (unsigned char)(1u << (b[k] & 7));

				seen->twice += *byte & mask ? 1 : 0;
				*byte |= mask;
			}
		}
	}
}

/*
 * Any two shares of a 3-of-5: each secret byte gives each of the 65536 pairs by exactly one of the 65536
 * polynomials. All 256 secret bytes, all polynomials, all ten pairs of shares.
 */
static void test_two_of_three(void **state)
{
	static unsigned char coefficients[2 * CHUNK], secret[CHUNK];
	static struct seen seen;
	size_t counted = 0;

	(void)state;
	for (unsigned value = 0; value < 256; value++) {
		memset(&seen, 0, sizeof(seen));
		memset(secret, (int)value, sizeof(secret));
		for (unsigned chunk = 0; chunk < CHUNKS; chunk++) {
			struct script script = {
				.coefficients = coefficients, .len = sizeof(coefficients)};
			SHARES_AUTO struct shares s = {0};

			for (unsigned k = 0; k < CHUNK; k++) {
				coefficients[2 * k] = (unsigned char)((chunk * CHUNK + k) >> 8);
				coefficients[2 * k + 1] = (unsigned char)k;
			}
			split(secret, sizeof(secret), 3, 5, &script, &s);
			count_pairs(&seen, &s);
		}
		/* 65536 polynomials, none of them with a pair that another had: each pair once. */
		assert_int_equal(seen.twice, 0);
		counted += PAIRS;
	}
	printf("2 of a 3-of-5: %zu pairs of shares and secret bytes, every pair of values once\n",
		counted);
}

/* ---- subsets ---- */

static const unsigned char pin[] = "4711-0815";
enum { PIN_LEN = sizeof(pin) - 1 };

static size_t choose(const struct shares *s, unsigned subset, struct secret *ret)
{
	size_t count = 0;

	/* The other way round than they were made. */
	for (unsigned i = 5; i-- > 0;)
		if (subset & 1u << i)
			expect_ok(&err,
				secret_copy(&ret[count++], s->item[i].data, s->item[i].len, &err));
	return count;
}

/* Fewer shares that say a smaller quorum were enough. */
static void forge_threshold(struct shares *chosen, size_t count)
{
	SECRET_AUTO struct secret out = {0};

	for (size_t i = 0; i < count; i++)
		chosen->item[i].data[4] = 2;
	if (count == 2)
		expect_err(&err, cer_shares_combine(chosen->item, count, &out, &err),
			KMS_ERR_MISMATCH, "at least one of the 2 shares");
	else
		expect_err(&err, cer_shares_combine(chosen->item, count, &out, &err),
			KMS_ERR_DENIED, "2 are needed");
	assert_null(out.data);
}

static void test_every_subset(void **state)
{
	struct script script = {.f = forall_from(7)};
	SHARES_AUTO struct shares s = {0};
	unsigned refused = 0, opened = 0;

	(void)state;
	split(pin, PIN_LEN, 3, 5, &script, &s);
	for (unsigned subset = 0; subset < 32; subset++) {
		SHARES_AUTO struct shares chosen = {0};
		SECRET_AUTO struct secret out = {0};
		size_t count = choose(&s, subset, chosen.item);

		if (count >= 3) {
			expect_ok(&err, cer_shares_combine(chosen.item, count, &out, &err));
			assert_int_equal(out.len, PIN_LEN);
			assert_memory_equal(out.data, pin, PIN_LEN);
			opened++;
			continue;
		}
		if (count)
			expect_err(&err, cer_shares_combine(chosen.item, count, &out, &err),
				KMS_ERR_DENIED, "3 are needed");
		else
			expect_err(&err, cer_shares_combine(chosen.item, 0, &out, &err),
				KMS_ERR_INVALID, "0 shares");
		assert_null(out.data);
		refused++;
		if (count)
			forge_threshold(&chosen, count);
	}
	printf("3-of-5: %u subsets refused, %u opened\n", refused, opened);
	assert_int_equal(refused, 16);
	assert_int_equal(opened, 16);
}

/* ---- what was changed, mixed, cut ---- */

static void test_every_byte(void **state)
{
	struct script script = {.f = forall_from(8)};
	SHARES_AUTO struct shares s = {0};

	(void)state;
	split(pin, PIN_LEN, 2, 3, &script, &s);
	for (size_t extra = 2; extra <= 3; extra++) {
		for (size_t at = 0; at < s.item[1].len; at++) {
			for (unsigned bit = 0; bit < 8; bit++) {
				SECRET_AUTO struct secret out = {0};
				enum kms_status st;

				s.item[1].data[at] ^= (unsigned char)(1u << bit);
				st = cer_shares_combine(s.item, extra, &out, &err);
				if (st != KMS_ERR_MISMATCH && st != KMS_ERR_INVALID &&
					st != KMS_ERR_DENIED)
					fail_msg("byte %zu: %s", at, kms_status_name(st));
				assert_null(out.data);
				s.item[1].data[at] ^= (unsigned char)(1u << bit);
			}
		}
	}
	/* Its tag alone: the others show which one it is. */
	s.item[2].data[s.item[2].len - 1] ^= 1;
	{
		SECRET_AUTO struct secret out = {0};

		expect_err(&err, cer_shares_combine(s.item, 3, &out, &err), KMS_ERR_MISMATCH,
			"share 3 is not what was handed out");
		expect_ok(&err, cer_shares_combine(s.item, 2, &out, &err));
	}
}

static void test_mixed(void **state)
{
	struct script script = {.f = forall_from(9)};
	SHARES_AUTO struct shares one = {0}, two = {0};
	SECRET_AUTO struct secret out = {0};

	(void)state;
	split(pin, PIN_LEN, 2, 3, &script, &one);
	split(pin, PIN_LEN, 2, 3, &script, &two);
	secret_take(&one.item[1], &two.item[1]);
	expect_err(&err, cer_shares_combine(one.item, 2, &out, &err), KMS_ERR_INVALID,
		"share 2 is of another set than share 1");
	/* With the name of this set on it. */
	memcpy(one.item[1].data + 8, one.item[0].data + 8, CER_SHARE_SET);
	expect_err(&err, cer_shares_combine(one.item, 2, &out, &err), KMS_ERR_MISMATCH,
		"at least one of the 2 shares");
	expect_ok(&err, secret_copy(&one.item[1], one.item[0].data, one.item[0].len, &err));
	expect_err(&err, cer_shares_combine(one.item, 2, &out, &err), KMS_ERR_INVALID,
		"share 1 is there twice");
	one.item[1].len--;
	expect_err(
		&err, cer_shares_combine(one.item, 2, &out, &err), KMS_ERR_INVALID, "another set");
	one.item[1].len = 3;
	expect_err(&err, cer_shares_combine(one.item, 2, &out, &err), KMS_ERR_INVALID,
		"3 bytes are no share");
	secret_free(&one.item[1]);
	expect_err(&err, cer_shares_combine(one.item, 2, &out, &err), KMS_ERR_INVALID,
		"0 bytes are no share");
	expect_err(
		&err, cer_shares_combine(one.item, 17, &out, &err), KMS_ERR_INVALID, "17 shares");
	assert_null(out.data);
}

static void test_read(void **state)
{
	struct script script = {.f = forall_from(10)};
	SHARES_AUTO struct shares s = {0};
	struct cer_share_info info;

	(void)state;
	split(pin, PIN_LEN, 2, 3, &script, &s);
	expect_ok(&err, cer_share_read(&s.item[2], &info, &err));
	assert_int_equal(info.threshold, 2);
	assert_int_equal(info.count, 3);
	assert_int_equal(info.index, 3);
	assert_int_equal(info.secret_len, PIN_LEN);
	assert_memory_equal(info.set, s.item[0].data + 8, CER_SHARE_SET);
	s.item[2].data[6] = 4;
	expect_err(&err, cer_share_read(&s.item[2], &info, &err), KMS_ERR_INVALID,
		"number 4 of 3, of which 2 are needed");
}

static void test_bounds(void **state)
{
	static const struct {
		unsigned m, n;
		bool good;
	} rows[] = {{2, 2, true}, {2, 16, true}, {16, 16, true}, {1, 1, false}, {1, 2, false},
		{0, 5, false}, {3, 2, false}, {2, 17, false}, {17, 17, false}, {0, 0, false}};
	struct script script = {.f = forall_from(11)};
	const struct cer_random random = {&script, scripted};
	SECRET_AUTO struct secret secret = {0}, none = {0}, large = {0};
	SHARES_AUTO struct shares s = {0};

	(void)state;
	expect_ok(&err, secret_copy(&secret, pin, PIN_LEN, &err));
	expect_ok(&err, secret_alloc(&large, CER_SHARED_MAX + 1, &err));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].good)
			expect_ok(&err, cer_shares_split(&secret, rows[i].m, rows[i].n, &random,
						s.item, &err));
		else
			expect_err(&err,
				cer_shares_split(
					&secret, rows[i].m, rows[i].n, &random, s.item, &err),
				KMS_ERR_INVALID, "a quorum of");
		shares_free(&s);
	}
	expect_err(&err, cer_shares_split(&none, 2, 3, &random, s.item, &err), KMS_ERR_INVALID,
		"0 bytes cannot be shared");
	expect_err(&err, cer_shares_split(&large, 2, 3, &random, s.item, &err), KMS_ERR_INVALID,
		"1025 bytes cannot be shared");
	large.len--;
	expect_ok(&err, cer_shares_split(&large, 2, 3, &random, s.item, &err));
}

static void test_no_random(void **state)
{
	SECRET_AUTO struct secret secret = {0};

	(void)state;
	expect_ok(&err, secret_copy(&secret, pin, PIN_LEN, &err));
	for (unsigned at = 1; at <= 3; at++) {
		for (unsigned is_short = 0; is_short < 2; is_short++) {
			struct script script = {
				.f = forall_from(12), .fails_at = at, .is_short = is_short};
			const struct cer_random random = {&script, scripted};
			SHARES_AUTO struct shares s = {0};

			expect_err(&err, cer_shares_split(&secret, 2, 3, &random, s.item, &err),
				is_short ? KMS_ERR_INTERNAL : KMS_ERR_HSM,
				is_short ? "random bytes instead of" : "the token is gone");
			for (size_t i = 0; i < CER_SHARES_MAX; i++)
				assert_null(s.item[i].data);
		}
	}
}

static bool any_quorum(struct forall *f)
{
	struct script script = {.f = forall_from(forall_u64(f))};
	unsigned n = (unsigned)forall_between(f, 2, 16), m = (unsigned)forall_between(f, 2, n);
	SHARES_AUTO struct shares s = {0}, chosen = {0};
	SECRET_AUTO struct secret out = {0};
	unsigned char bytes[64];
	size_t len = forall_between(f, 1, sizeof(bytes));
	size_t count = forall_between(f, m, n), left = n;

	forall_note(f, "%u of %u, %zu bytes, %zu shares", m, n, len, count);
	forall_bytes(f, bytes, len);
	split(bytes, len, m, n, &script, &s);
	for (size_t i = 0; i < count; i++) {
		size_t pick = forall_below(f, left--);

		secret_take(&chosen.item[i], &s.item[pick]);
		secret_take(&s.item[pick], &s.item[left]);
	}
	return cer_shares_combine(chosen.item, count, &out, &err) == KMS_OK && out.len == len &&
	       memcmp(out.data, bytes, len) == 0;
}

static void test_any_quorum(void **state)
{
	(void)state;
	forall("any quorum", 1000, any_quorum);
}

static int setup(void **state)
{
	(void)state;
	return secret_heap_open(&err) == KMS_OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_field),
		cmocka_unit_test(test_one_of_two),
		cmocka_unit_test(test_two_of_three),
		cmocka_unit_test(test_every_subset),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_mixed),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_no_random),
		cmocka_unit_test(test_any_quorum),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
