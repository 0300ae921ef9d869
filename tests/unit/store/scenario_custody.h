/* SPDX-License-Identifier: Apache-2.0 */
/* Part of the walk of scenario.h: custody of sheets, people who have left. After the ceremonies. */
#ifndef STORE_SCENARIO_CUSTODY_H
#define STORE_SCENARIO_CUSTODY_H

#include "store/custody.h"
#include "unit/store/check.h"

static inline void same_custody(const struct store_custody *a, const struct store_custody *b)
{
	SAME_TEXT(a, b, ceremony_id);
	SAME_INT(a, b, component);
	SAME_INT(a, b, seq);
	SAME_TEXT(a, b, event);
	SAME_TEXT(a, b, state);
	SAME_TEXT(a, b, custodian_a);
	SAME_TEXT(a, b, custodian_b);
	SAME_TEXT(a, b, deputies);
	SAME_INT(a, b, sheet_serial);
	SAME_TEXT(a, b, bag);
	SAME_TEXT(a, b, safe);
	SAME_TEXT(a, b, channel);
	SAME_TEXT(a, b, carrier);
	SAME_INT(a, b, conveyed);
	SAME_INT(a, b, issued);
	SAME_INT(a, b, due);
	SAME_INT(a, b, returned);
	SAME_INT(a, b, accepted);
	SAME_INT(a, b, recorded);
	SAME_TEXT(a, b, op_id);
}

static inline void scenario_custody(struct store *s)
{
	struct store_custody row = {"7F3K-22QD", 2, 2, "sent", "sent", "A. Ortiz", "B. Lindqvist",
		"X. Young", 17, "TE-1", "safe 1", "courier", "G. Hall", 100, 90, 200, 110, 95, 120,
		OP_1};
	const struct store_custody least = {.ceremony_id = "7F3K-22QD",
		.component = 2,
		.seq = 1,
		.event = "moved",
		.state = "held",
		.custodian_a = "A. Ortiz",
		.custodian_b = "B. Lindqvist",
		.recorded = 110,
		.op_id = OP_1};
	STORE_AUTO(custody_list) struct store_custody_list list = {0};
	struct kms_err err = {0};

	CHANGE(store_custody_add(s, &row, &err));
	CHANGE(store_custody_add(s, &least, &err));
	CHANGE_FAILS(KMS_ERR_EXISTS, "7F3K-22QD", store_custody_add(s, &row, &err));
	OK(store_custodies(s, &list, &err));
	assert_int_equal(list.count, 2);
	same_custody(&list.items[0], &least);
	same_custody(&list.items[1], &row);
	row.seq = 3;
	row.event = "eaten";
	CHANGE_FAILS(KMS_ERR_INVALID, "event", store_custody_add(s, &row, &err));
	row.event = "moved";
	row.state = "gone";
	CHANGE_FAILS(KMS_ERR_INVALID, "state", store_custody_add(s, &row, &err));
	row.state = "held";
	row.ceremony_id = "0000-0000";
	CHANGE_FAILS(KMS_ERR_NOT_FOUND, "0000-0000", store_custody_add(s, &row, &err));
}

static inline void scenario_leavers(struct store *s)
{
	const struct store_leaver l = {"a ortiz", "A. Ortiz", 300, NULL, OP_1};
	STORE_AUTO(leaver_list) struct store_leaver_list list = {0};
	struct kms_err err = {0};

	CHANGE(store_leaver_add(s, &l, &err));
	CHANGE_FAILS(KMS_ERR_EXISTS, "A. Ortiz", store_leaver_add(s, &l, &err));
	OK(store_leavers(s, &list, &err));
	assert_int_equal(list.count, 1);
	SAME_TEXT(&list.items[0], &l, folded);
	SAME_TEXT(&list.items[0], &l, person);
	SAME_INT(&list.items[0], &l, left_on);
	assert_null(list.items[0].reason);
	SAME_TEXT(&list.items[0], &l, op_id);
}

static inline void scenario_void_sheets(struct store *s)
{
	struct store_void_sheet row = {7, "7F3K-22QD", 2, "out of paper", 300};
	STORE_AUTO(void_sheet_list) struct store_void_sheet_list list = {0};
	struct kms_err err = {0};

	CHANGE(store_void_sheet_add(s, &row, &err));
	CHANGE_FAILS(KMS_ERR_EXISTS, "7F3K-22QD", store_void_sheet_add(s, &row, &err));
	OK(store_void_sheets(s, &list, &err));
	assert_int_equal(list.count, 1);
	SAME_INT(&list.items[0], &row, serial);
	SAME_TEXT(&list.items[0], &row, ceremony_id);
	SAME_INT(&list.items[0], &row, component);
	SAME_TEXT(&list.items[0], &row, reason);
	SAME_INT(&list.items[0], &row, recorded);
	row.serial = 8;
	row.ceremony_id = "0000-0000";
	CHANGE_FAILS(KMS_ERR_NOT_FOUND, "0000-0000", store_void_sheet_add(s, &row, &err));
}

#endif
