/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/hex.h"
#include "keys/plan.h"
#include "support/expect.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct kms_err err;

#define HEAD "[plan]\nname = principal-2026\n"
#define SET                                                                        \
	"[keyset \"OPMasterKey2\"]\ncustomer = Example Bank\nalgorithm = aes256\n" \
	"diversification = kdf3\nkey-version = 0x20\n"

static const char contract[] = HEAD SET "export = partner            ; never | partner\n"
					"cryptoperiod = 36 months\n";

static enum kms_status parse(const char *text, struct key_plan *plan)
{
	return key_plan_parse("principal.ini", text, strlen(text), plan, &err);
}

static void test_contract(void **state)
{
	KEY_PLAN_AUTO struct key_plan plan = {0};
	char digest[65], text[KEY_PERIOD_TEXT_SIZE];

	(void)state;
	expect_ok(&err, parse(contract, &plan));
	assert_string_equal(plan.source, "principal.ini");
	assert_string_equal(plan.name, "principal-2026");
	assert_int_equal(plan.count, 1);
	assert_string_equal(plan.sets[0].name, "OPMasterKey2");
	assert_string_equal(plan.sets[0].customer, "Example Bank");
	assert_int_equal(plan.sets[0].alg, KEY_AES256);
	assert_string_equal(plan.sets[0].div.name, "kdf3");
	assert_int_equal(plan.sets[0].key_version, 0x20);
	assert_true(plan.sets[0].exportable);
	assert_int_equal(plan.sets[0].line, 4);
	key_period_print(&plan.sets[0].period, text);
	assert_string_equal(text, "36 months");
	hex_encode(plan.digest, 32, digest);
	/* sha256sum of the same text */
	assert_string_equal(
		digest, "232F794DB742C95052FF0231B42AE36B176996E2D115E4639C9C2A263004F40B");
	assert_ptr_equal(key_plan_find(&plan, "opmasterkey2"), &plan.sets[0]);
	assert_null(key_plan_find(&plan, "OPMasterKey3"));
}

static void test_defaults_and_templates(void **state)
{
	static const char text[] = HEAD
		"[keyset \"A1\"]\nalgorithm = tdea2\ndiversification = acme\nkey-version = 127\n"
		"[diversification \"acme\"]\nprimitive = tdes-ecb\n"
		"data = $0 $1 $2 $3 $8 $9 F0 $k $0 $1 $2 $3 $8 $9 0F $k\n"
		"[diversification \"sam\"]\nprimitive = an10922\nkdd-length = 7\n"
		"des-key-version = 0x55\n"
		"[keyset \"B1\"]\nalgorithm = tdea3\ndiversification = sam\nkey-version = 1\n"
		"export = never\n"
		"[keyset \"C\"]\nalgorithm = aes128\ndiversification = none\nkey-version = 0x7f\n";
	KEY_PLAN_AUTO struct key_plan plan = {0};
	char form[KEY_DIV_TEXT_SIZE];

	(void)state;
	expect_ok(&err, parse(text, &plan));
	assert_int_equal(plan.count, 3);
	assert_null(plan.sets[0].customer);
	assert_false(plan.sets[0].exportable);
	assert_int_equal(plan.sets[0].period.unit, KEY_PERIOD_NONE);
	assert_int_equal(plan.sets[0].key_version, 0x7F);
	assert_int_equal(plan.sets[1].key_version, 1);
	assert_false(plan.sets[1].exportable);
	assert_int_equal(key_plan_count_alg(&plan, KEY_TDEA2), 1);
	assert_int_equal(key_plan_count_alg(&plan, KEY_AES256), 0);
	key_div_print(&plan.sets[0].div, form);
	assert_string_equal(
		form, "acme(tdes-ecb kdd=10 $0 $1 $2 $3 $8 $9 F0 $k $0 $1 $2 $3 $8 $9 0F $k)");
	key_div_print(&plan.sets[1].div, form);
	assert_string_equal(form, "sam(an10922 kdd=7 version=55)");
}

/* The examples of docs/formats/key-plan.md, comments and a continued line included. */
static void test_documented_methods(void **state)
{
	static const char text[] = HEAD
		"[diversification \"gp-visa\"]               ; what the built-in visa does\n"
		"primitive = tdes-ecb\n"
		"data = $0 $1 $2 $3 $8 $9 F0 $k\n       $0 $1 $2 $3 $8 $9 0F $k\n"
		"[diversification \"dogtag\"]                ; Dogtag's AES KMC\n"
		"primitive = aes-cmac\ndata = $i 000000 $k 00 0000 $6 $7 $8 $9 $4 $5 $L\n"
		"[diversification \"v1\"]    ; SCP03's KDF with the constants 10, 11, 12\n"
		"primitive = aes-cmac\nkdd-length = 8\n"
		"data = 0000000000000000000000 $k+0F 00 $L $i $kdd\n"
		"[keyset \"A\"]\nalgorithm = tdea2\ndiversification = gp-visa\nkey-version = 1\n"
		"[keyset \"B\"]\nalgorithm = aes256\ndiversification = dogtag\nkey-version = 2\n"
		"[keyset \"C\"]\nalgorithm = aes128\ndiversification = v1\nkey-version = 3\n";
	const struct key_div *visa = key_div_find("visa");
	KEY_PLAN_AUTO struct key_plan plan = {0};

	(void)state;
	expect_ok(&err, parse(text, &plan));
	assert_int_equal(plan.count, 3);
	assert_int_equal(plan.sets[0].div.item_count, visa->item_count);
	assert_memory_equal(plan.sets[0].div.items, visa->items, sizeof(visa->items));
	assert_int_equal(plan.sets[1].div.item_count, 15);
	assert_int_equal(plan.sets[2].div.kdd_max, 8);
}

static void test_refuses(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{"", "no [plan] section"},
		{HEAD, "no [keyset \"NAME\"]"},
		{SET, "no [plan] section with a name"},
		{"[plan]\nnam = x\n" SET, "principal.ini, line 2: unknown entry 'nam' in plan"},
		{"[plan]\nname = a=b\n" SET, "principal.ini, line 2: "},
		{"[plans]\nname = x\n" SET, "line 2: unknown section 'plans'"},
		{"[plan \"x\"]\nname = x\n" SET, "the section [plan] has no name"},
		{HEAD SET "algorithn = aes128\n", "did you mean 'algorithm'?"},
		{HEAD SET "colour = red\n",
			"known here: algorithm, customer, cryptoperiod, diversification, export, "
			"key-version"},
		{HEAD SET "algorithm = aes128\n", "'algorithm' stands twice"},
		{HEAD SET SET, "stands twice"},
		{HEAD SET "[keyset \"OPMASTERKEY2\"]\nalgorithm = aes128\ndiversification = "
			  "kdf3\nkey-version = 1\n",
			"line 9: key set 'OPMASTERKEY2' would get the labels of 'OPMasterKey2' in "
			"line 4"},
		{HEAD "[keyset]\nalgorithm = aes128\n", "lacks its name in double quotes"},
		{HEAD "[keyset A]\nalgorithm = aes128\n", "lacks its name in double quotes"},
		{HEAD "[keyset \"\"]\nalgorithm = aes128\n", "lacks its name in double quotes"},
		{HEAD "[keyset \"A\" b]\nalgorithm = aes128\n", "lacks its name in double quotes"},
		{HEAD "[keyset \"A b\"]\nalgorithm = aes128\n", "line 4: key set name 'A b'"},
		{HEAD "[keyset \"ABCDEFGHIJKLMNOPQRSTUVWXYZABCD\"]\nalgorithm = aes128\n",
			"30 characters, at most 29 fit"},
		{HEAD "[keyset \"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZ\"]\nx = 1\n",
			"line 4: [keyset \"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNO…]: that "
			"section's "
			"name is too long"},
		{HEAD "[keyset \"A\"]\ndiversification = kdf3\nkey-version = 1\n",
			"line 4: [keyset \"A\"] lacks 'algorithm'"},
		{HEAD "[keyset \"A\"]\nalgorithm = aes128\nkey-version = 1\n",
			"lacks 'diversification'"},
		{HEAD "[keyset \"A\"]\nalgorithm = aes128\ndiversification = kdf3\n",
			"lacks 'key-version'"},
		{HEAD "[keyset \"A\"]\nalgorithm = aes\ndiversification = kdf3\nkey-version = 1\n",
			"line 4: 'aes' is no key algorithm"},
		{HEAD "[keyset \"A\"]\nalgorithm = p256\ndiversification = none\nkey-version = 1\n",
			"line 4: [keyset \"A\"]: masters cannot be p256 keys"},
		{HEAD "[keyset \"A\"]\nalgorithm = aes128\ndiversification = kdf4\nkey-version = "
		      "1\n",
			"did you mean 'kdf3'?"},
		{HEAD "[keyset \"A\"]\nalgorithm = aes128\ndiversification = visa2\nkey-version = "
		      "1\n",
			"line 5: aes128 masters cannot be diversified by 'visa2'"},
		{HEAD "[keyset \"A\"]\nalgorithm = aes128\ndiversification = kdf3\nkey-version = "
		      "0\n",
			"line 6: [keyset \"A\"]: '0' is no key version"},
		{HEAD "[keyset \"A\"]\nalgorithm = aes128\ndiversification = kdf3\nkey-version = "
		      "0x80\n",
			"GlobalPlatform key versions are 0x01 to 0x7F"},
		{HEAD "[keyset \"A\"]\nalgorithm = aes128\ndiversification = kdf3\nkey-version = "
		      "20h\n",
			"'20h' is no key version"},
		{HEAD SET "export = yes\n", "export = 'yes'"},
		{HEAD SET "cryptoperiod = 36\n", "line 8: '36' is no cryptoperiod"},
		{HEAD SET "cryptoperiod = 31 years\n", "at most 30 can be"},
		{HEAD SET "[diversification \"kdf3\"]\nprimitive = aes-cmac\ndata = $i $kdd\n",
			"line 10: diversification method 'kdf3' is built in"},
		{HEAD SET "[diversification \"a\"]\nprimitive = aes-cmac\n", "lacks 'data'"},
		{HEAD SET "[diversification \"a\"]\ndata = $i $kdd\n", "lacks 'primitive'"},
		{HEAD SET "[diversification \"a\"]\nprimitive = aes-cmac\ndata = $i $kdd $x\n",
			"line 10: diversification 'a': '$x' means nothing here"},
		{HEAD SET
			"[diversification \"a\"]\nprimitive = aes-cmac\nkdd-length = 0\ndata = $i "
			"$kdd\n",
			"line 10: '0' is no kdd-length"},
		{HEAD SET "[diversification \"a\"]\nprimitive = an10922\ndes-key-version = 256\n",
			"'256' is no DES key version"},
		{HEAD SET "[diversification \"a\"]\nprimitive = an10922\n[diversification \"A\"]\n"
			  "primitive = an10922\n",
			"is declared twice"},
		{HEAD "[keyset \"A\"]\nalgorithm = aes128\ndiversification = kdf3\nkey-version = "
		      "1\n"
		      "customer = A, B\n",
			"line 7: "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct key_plan plan = {0};
		enum kms_status st = parse(rows[i].text, &plan);

		if (st != KMS_ERR_INVALID && st != KMS_ERR_EXISTS)
			fail_msg("row %zu (%s) gives %s", i, rows[i].says, kms_status_name(st));
		if (!strstr(err.msg, rows[i].says) && !strstr(err.hint, rows[i].says))
			fail_msg(
				"row %zu: no '%s' in: %s | %s", i, rows[i].says, err.msg, err.hint);
		assert_null(plan.sets);
	}
}

static void test_limit(void **state)
{
	char *text = calloc(257, 100);
	size_t used = 0;

	(void)state;
	assert_non_null(text);
	used = (size_t)sprintf(text, HEAD);
	for (unsigned i = 1; i <= 257; i++) {
		used += (size_t)sprintf(text + used,
			"[keyset \"S%u\"]\nalgorithm = aes128\ndiversification = kdf3\n"
			"key-version = 1\n",
			i);
		if (i == 256) {
			KEY_PLAN_AUTO struct key_plan plan = {0};

			expect_ok(&err, parse(text, &plan));
			assert_int_equal(plan.count, 256);
			assert_string_equal(plan.sets[255].name, "S256");
		} else if (i == 257) {
			KEY_PLAN_AUTO struct key_plan plan = {0};

			expect_err(&err, parse(text, &plan), KMS_ERR_INVALID,
				"more than 256 key sets");
		}
	}
	free(text);
}

static void test_load(void **state)
{
	char path[] = "/tmp/cardkms-plan-XXXXXX";
	KEY_PLAN_AUTO struct key_plan plan = {0};
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, contract, sizeof(contract) - 1), sizeof(contract) - 1);
	close(fd);
	expect_ok(&err, key_plan_load(path, &plan, &err));
	assert_string_equal(plan.source, path);
	assert_int_equal(plan.count, 1);
	unlink(path);
	assert_int_not_equal(key_plan_load(path, &plan, &err), KMS_OK);
	assert_non_null(strstr(err.msg, path));
	assert_int_equal(plan.count, 1);
}

static void test_periods(void **state)
{
	static const struct {
		const char *text, *printed, *end; /* from 2024-01-31 */
	} rows[] = {
		{"none", "none", NULL},
		{"1 day", "1 day", "2024-02-01T00:00:00Z"},
		{"30 days", "30 days", "2024-03-01T00:00:00Z"},
		{"1 months", "1 month", "2024-02-29T00:00:00Z"},
		{"36 months", "36 months", "2027-01-31T00:00:00Z"},
		{"2  years", "2 years", "2026-01-31T00:00:00Z"},
	};
	static const char *const bad[] = {"", "36", "months", "36months", "0 days", "-1 days",
		"1 week", "1 day ", "99999999999 days", "none ", "31 years", "1.5 years"};
	struct key_period period;
	int64_t from, want;

	(void)state;
	assert_true(clock_parse("2024-01-31T00:00:00Z", &from));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[KEY_PERIOD_TEXT_SIZE];

		expect_ok(&err, key_period_parse(rows[i].text, &period, &err));
		key_period_print(&period, text);
		assert_string_equal(text, rows[i].printed);
		want = INT64_MAX;
		if (rows[i].end)
			assert_true(clock_parse(rows[i].end, &want));
		assert_int_equal(key_period_end(&period, from), want);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (key_period_parse(bad[i], &period, &err) != KMS_ERR_INVALID)
			fail_msg("'%s' is taken for a cryptoperiod", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_contract),
		cmocka_unit_test(test_defaults_and_templates),
		cmocka_unit_test(test_documented_methods),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_periods),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
