/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a shipment's table: one spelling each, and what is wrong is told by its column. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exchange/shipment.h"

#include <stdio.h>
#include <string.h>

#define GOOD "4790,cplc,jcop4,,42,4501,A000000151000000,OPMasterKey2,30,03,70,0001"

static void refused(const char *text, const char *words)
{
	struct doc_shipment_card card = {.card = "untouched"};
	struct kms_err err = {0};
	char line[DOC_SHIPMENT_LINE];

	snprintf(line, sizeof(line), "%s", text);
	assert_int_equal(doc_shipment_card_parse(line, &card, &err), KMS_ERR_INVALID);
	assert_non_null(strstr(err.msg, words));
	assert_string_equal(card.card, "untouched");
}

static void a_line_comes_back_as_it_was(void **state)
{
	char line[DOC_SHIPMENT_LINE] = GOOD, again[DOC_SHIPMENT_LINE];
	struct doc_shipment_card card;
	struct kms_err err = {0};
	size_t len;

	(void)state;
	assert_int_equal(doc_shipment_card_parse(line, &card, &err), KMS_OK);
	assert_string_equal(card.cplc, "");
	assert_int_equal(card.version, 0x30);
	assert_int_equal(card.scp_i, 0x70);
	assert_int_equal(doc_shipment_card_print(&card, again, &len, &err), KMS_OK);
	assert_string_equal(again, GOOD "\n");
	card.profile = "two words";
	assert_int_equal(doc_shipment_card_print(&card, again, &len, &err), KMS_ERR_INVALID);
}

static void what_is_wrong_is_told_by_column(void **state)
{
	(void)state;
	refused("", "not 12 fields");
	refused(GOOD ",", "not 12 fields");
	refused("479,cplc,jcop4,,42,4501,A000000151000000,K2,30,03,70,0001", "'card'");
	refused("4790,said,jcop4,,42,4501,A000000151000000,K2,30,03,70,0001", "'id_source'");
	refused("4790,cplc,,,42,4501,A000000151000000,K2,30,03,70,0001", "'profile'");
	refused("4790,cplc,jcop4,00,42,4501,A000000151000000,K2,30,03,70,0001", "'cplc'");
	refused("4790,cplc,jcop4,,4,4501,A000000151000000,K2,30,03,70,0001", "'iin'");
	refused("4790,cplc,jcop4,,42,45x1,A000000151000000,K2,30,03,70,0001", "'cin'");
	refused("4790,cplc,jcop4,,42,4501,A0,K2,30,03,70,0001", "'domain'");
	refused("4790,cplc,jcop4,,42,4501,A000000151000000,,30,03,70,0001", "'key_set'");
	refused("4790,cplc,jcop4,,42,4501,A000000151000000,K2,3a,03,70,0001", "'key_version'");
	refused("4790,cplc,jcop4,,42,4501,A000000151000000,K2,30,04,70,0001", "'scp'");
	refused("4790,cplc,jcop4,,42,4501,A000000151000000,K2,30,03,7,0001", "'scp_i'");
	refused("4790,cplc,jcop4,,42,4501,A000000151000000,K2,30,03,70,001", "'kdd'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_comes_back_as_it_was),
		cmocka_unit_test(what_is_wrong_is_told_by_column),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
