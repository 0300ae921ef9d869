/* SPDX-License-Identifier: Apache-2.0 */
#include "ceremony/plan.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define HEAD                            \
	"[ceremony]\n"                  \
	"kind = transport-key-create\n" \
	"title = Key for the bank\n"    \
	"date = 2026-11-30\n"           \
	"place = Vault 2\n"
#define SETUP                 \
	"[ceremony]\n"        \
	"kind = hsm-setup\n"  \
	"title = A new HSM\n" \
	"date = 2026-11-30\n" \
	"[files]\n"           \
	"plan = p.ini\n"
#define KEY                    \
	"[key]\n"              \
	"label = TK-2026\n"    \
	"algorithm = aes256\n" \
	"partner = Example Bank\n"
#define PAIRS                                   \
	"[component 1]\n"                       \
	"custodians = A. Ortiz, B. Lindqvist\n" \
	"[component 2]\n"                       \
	"custodians = C. Haddad, D. Novak\n"
#define PEOPLE                              \
	"[people]\n"                        \
	"officers = M. Keller, P. Duarte\n" \
	"witnesses = W. Stone\n"            \
	"attendees = X. Young, Y. Zimmer\n"

static enum kms_status parse(const char *text, struct cer_plan *plan, struct kms_err *err)
{
	return cer_plan_parse("day.ini", text, strlen(text), plan, err);
}

static void whole(void **state)
{
	static const char text[] = HEAD KEY PAIRS PEOPLE "[preconditions]\nno-network = no\n";
	CER_PLAN_AUTO struct cer_plan plan = {0};
	unsigned char hash[HASH_SIZE];
	struct kms_err err = {0};

	(void)state;
	assert_int_equal(parse(text, &plan, &err), KMS_OK);
	assert_int_equal(plan.kind, CER_PLAN_TRANSPORT_CREATE);
	assert_string_equal(plan.fields[CER_PLAN_TITLE], "Key for the bank");
	assert_string_equal(plan.fields[CER_PLAN_LABEL], "TK-2026");
	assert_null(plan.fields[CER_PLAN_WRAPPING]);
	assert_int_equal(plan.pairs.count, 2);
	assert_string_equal(plan.pairs.pairs[1].names[0], "C. Haddad");
	assert_int_equal(plan.officers.count, 2);
	assert_string_equal(plan.officers.names[1], "P. Duarte");
	assert_int_equal(plan.witnesses.count, 1);
	assert_int_equal(plan.attendees.count, 2);
	assert_string_equal(plan.attendees.names[1], "Y. Zimmer");
	assert_int_equal(plan.conditions, CER_PLAN_NO_SWAP | CER_PLAN_NO_CORE | CER_PLAN_CLOCK);
	assert_int_equal(hash_sha256(text, strlen(text), hash, NULL), KMS_OK);
	assert_memory_equal(plan.hash, hash, sizeof(hash));
}

static void every_kind_with_what_it_needs(void **state)
{
	static const struct {
		const char *kind, *rest;
	} cases[] = {
		{"hsm-setup", "[files]\nplan = p.ini\n"},
		{"hsm-update", "[files]\nplan = p.ini\n"},
		{"site-key-create", "[key]\nlabel = SK\nalgorithm = aes256\n" PAIRS},
		{"site-key-restore",
			"[key]\nlabel = SK\nalgorithm = aes256\ncheck-value = 504A77\n" PAIRS},
		{"transport-key-create", KEY PAIRS},
		{"transport-key-import", KEY "check-value = 504A77\n" PAIRS},
		{"export", "[key]\nlabel = TK\n[files]\nrequest = r\npackage = p\n"},
		{"import", "[key]\nlabel = TK\n[files]\npackage = p\nreceipt = r\n"},
		{"backup", "[files]\nbackup = b\n"},
		{"restore", "[files]\nbackup = b\n"},
		{"replicate", "[key]\nhsm = line1\n"},
		{"destroy", "[key]\nlabel = TK\n"},
	};
	struct kms_err err = {0};

	(void)state;
	assert_int_equal(sizeof(cases) / sizeof(*cases), CER_PLAN_KINDS);
	for (unsigned i = 0; i < CER_PLAN_KINDS; i++) {
		CER_PLAN_AUTO struct cer_plan plan = {0};
		BUF_AUTO struct buf text = {0};

		assert_string_equal(cer_plan_kind_name((enum cer_plan_kind)i), cases[i].kind);
		assert_int_equal(buf_printf(&text, NULL,
					 "[ceremony]\nkind = %s\ntitle = T\ndate = 2026-01-31\n%s"
					 "[people]\nofficers = A, B\n",
					 cases[i].kind, cases[i].rest),
			KMS_OK);
		if (parse(buf_text(&text), &plan, &err))
			fail_msg("%s: %s", cases[i].kind, err.msg);
		assert_int_equal(plan.kind, i);
		assert_int_equal(
			plan.pairs.count > 0, cer_plan_has_components((enum cer_plan_kind)i));
	}
}

static void hsm_setup_with_its_site_key(void **state)
{
	CER_PLAN_AUTO struct cer_plan plan = {0};

	(void)state;
	assert_int_equal(
		parse(SETUP PEOPLE "[key]\nlabel = SK\nalgorithm = aes256\n" PAIRS, &plan, NULL),
		KMS_OK);
	assert_true(plan.pairs.count > 0);
	assert_string_equal(plan.fields[CER_PLAN_LABEL], "SK");
}

static void what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"", "has no kind"},
		{"[ceremony]\nkind = transport-key-crate\n", "no ceremony of the kind"},
		{HEAD KEY PAIRS, "two officers, not 0"},
		{HEAD KEY PAIRS "[people]\nofficers = M. Keller\n", "two officers, not 1"},
		{HEAD KEY PAIRS "[people]\nofficers = M. Keller, m keller\n",
			"m keller is named twice"},
		{HEAD KEY PAIRS "[people]\nofficers = M. Keller, a ortiz\n",
			"a ortiz is custodian of component 1"},
		{HEAD KEY PAIRS PEOPLE "wives = W. Stone\n", "unknown value 'wives' in [people]"},
		{HEAD KEY PEOPLE, "2 to 9 components, not 0"},
		{SETUP PEOPLE PAIRS, "the site key is not said in full"},
		{SETUP PEOPLE "[key]\nlabel = SK\nalgorithm = aes256\n",
			"the site key is not said in full"},
		{SETUP PEOPLE "[key]\nlabel = SK\n" PAIRS, "the site key is not said in full"},
		{HEAD KEY PAIRS PEOPLE "[component 4]\ncustodians = E, F\n",
			"component 4, but this ceremony has 3"},
		{HEAD KEY PAIRS PEOPLE "[files]\npackage = p\n", "has no use for 'package'"},
		{HEAD KEY PAIRS PEOPLE "[preconditions]\nno-swap = maybe\n",
			"line 19: a precondition"},
		{HEAD KEY PAIRS PEOPLE "[preconditions]\nno-mice = yes\n", "unknown precondition"},
		{HEAD PAIRS PEOPLE, "[key] does not say 'label'"},
		{"[ceremony]\nkind = backup\ntitle = T\ndate = 2026-13-01\n[files]\nbackup = b\n"
		 "[people]\nofficers = A, B\n",
			"'2026-13-01' is no date"},
		{"[ceremony]\nkind = backup\ntitle = T\ndate = 2026-1-1\n[files]\nbackup = b\n"
		 "[people]\nofficers = A, B\n",
			"'2026-1-1' is no date"},
		{"[ceremony]\nkind = backup\ntitle = T\ndate = 2026-01-01\n[files]\nbackup = b\n"
		 "[people]\nofficers = A, B\n[component 1]\ncustodians = C, D\n",
			"has no components"},
		{HEAD KEY PAIRS "[people]\nofficers = M. Keller, P. Du\tarte\n", "name"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		CER_PLAN_AUTO struct cer_plan plan = {0};
		struct kms_err err = {0};

		if (parse(cases[i].text, &plan, &err) != KMS_ERR_INVALID)
			fail_msg("case %zu was not refused as invalid: %s", i, err.msg);
		if (!strstr(err.msg, cases[i].message) || !strstr(err.msg, "day.ini"))
			fail_msg("case %zu: '%s' is not in '%s'", i, cases[i].message, err.msg);
		assert_int_equal(plan.officers.count, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole),
		cmocka_unit_test(every_kind_with_what_it_needs),
		cmocka_unit_test(hsm_setup_with_its_site_key),
		cmocka_unit_test(what_is_wrong_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
