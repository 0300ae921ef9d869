/* SPDX-License-Identifier: Apache-2.0 */
#include "ceremony/separation.h"

#include "support/cer_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct cer_custodian holders[] = {
	{"A. Ortiz", 1}, {"B. Lindqvist", 1}, {"C. Haddad", 2}, {"D. Novak", 2}};

static void test_officers_without_components_pass(void **state)
{
	static const struct cer_person people[] = {{"S. Keller", "export"}, {"T. Ito", "export"}};

	(void)state;
	assert_int_equal(cer_separation_check("TK-1", holders, 4, people, 2, NULL), KMS_OK);
	assert_int_equal(cer_separation_check("TK-1", NULL, 0, people, 2, NULL), KMS_OK);
}

static void test_custodian_may_not_export(void **state)
{
	static const struct cer_person people[] = {{"S. Keller", "export"}, {"c haddad", "export"}};
	struct kms_err err = {0};

	(void)state;
	assert_int_equal(cer_separation_check("TK-1", holders, 4, people, 2, &err), KMS_ERR_DENIED);
	assert_string_equal(err.msg, "c haddad cannot export under 'TK-1': C. Haddad is custodian "
				     "of component 2 of that key");
}

static void test_reissue_to_another_component(void **state)
{
	struct cer_pairs pairs = cer_fixture_pairs(3);
	struct kms_err err = {0};

	(void)state;
	assert_int_equal(cer_separation_pairs("TK-1", holders, 4, &pairs, &err), KMS_OK);
	/* D. Novak held component 2 and is now to hold component 3. */
	strcpy(pairs.pairs[1].names[1], "X. New");
	strcpy(pairs.pairs[2].names[0], "D. NOVAK");
	assert_int_equal(cer_separation_pairs("TK-1", holders, 4, &pairs, &err), KMS_ERR_DENIED);
	assert_string_equal(err.msg, "D. Novak cannot be custodian of component 3 of 'TK-1': the "
				     "same person has held component 2 of that key");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_officers_without_components_pass),
		cmocka_unit_test(test_custodian_may_not_export),
		cmocka_unit_test(test_reissue_to_another_component),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
