/* SPDX-License-Identifier: Apache-2.0 */
/* Part of the walk of scenario.h: generations of the quorum, their members, sealed PINs. */
#ifndef STORE_SCENARIO_QUORUM_H
#define STORE_SCENARIO_QUORUM_H

#include "store/quorum.h"
#include "unit/store/check.h"

static inline void pin_states_are(struct store *s, const char *kind, const char *words)
{
	STORE_AUTO(pin_list) struct store_pin_list list = {0};
	struct kms_err err = {0};
	char got[100] = "";

	OK(store_pins(s, kind, &list, &err));
	for (size_t i = 0; i < list.count; i++) {
		strcat(got, i ? " " : "");
		strcat(got, list.items[i].state);
	}
	assert_string_equal(got, words);
}

static inline void scenario_sealed_pins(struct store *s)
{
	struct store_pin pin = {"user", 1, 1, "current", "AABB", 100};
	struct kms_err err = {0};
	int64_t last = 9;

	OK(store_pin_last(s, "user", &last, &err));
	assert_int_equal(last, 0);
	CHANGE(store_pin_add(s, &pin, &err));
	CHANGE_FAILS(KMS_ERR_STATE, "no next PIN", store_pin_promote(s, "user", &err));
	pin.number = 2;
	CHANGE_FAILS(KMS_ERR_EXISTS, "user", store_pin_add(s, &pin, &err));
	pin.state = "next";
	CHANGE(store_pin_add(s, &pin, &err));
	OK(store_pin_last(s, "user", &last, &err));
	assert_int_equal(last, 2);
	pin_states_are(s, "user", "current next");
	CHANGE(store_pin_promote(s, "user", &err));
	pin_states_are(s, "user", "old current");
	CHANGE(store_pin_go_back(s, "user", &err));
	pin_states_are(s, "user", "current");
	pin.kind = "so";
	CHANGE(store_pin_add(s, &pin, &err));
	CHANGE(store_pin_drop(s, "so", "next", &err));
	CHANGE(store_pin_drop(s, "so", "old", &err));
	pin_states_are(s, "so", "");
	pin.kind = "king";
	CHANGE_FAILS(KMS_ERR_INVALID, "kind", store_pin_add(s, &pin, &err));
}

static inline void scenario_quorum_members(struct store *s)
{
	STORE_AUTO(member_list) struct store_member_list list = {0};
	struct store_member member = {1, 2, "ben", HEX_32, "AA"};
	struct kms_err err = {0};

	CHANGE(store_member_add(s, &member, &err));
	CHANGE_FAILS(KMS_ERR_EXISTS, "ben", store_member_add(s, &member, &err));
	member.position = 1;
	CHANGE_FAILS(KMS_ERR_EXISTS, "ben", store_member_add(s, &member, &err));
	member.folded = "ana";
	CHANGE(store_member_add(s, &member, &err));
	OK(store_members(s, 1, &list, &err));
	assert_int_equal(list.count, 2);
	SAME_INT(&list.items[0], &member, generation);
	SAME_INT(&list.items[0], &member, position);
	SAME_TEXT(&list.items[0], &member, folded);
	SAME_TEXT(&list.items[0], &member, public_key);
	SAME_TEXT(&list.items[0], &member, share);
	assert_string_equal(list.items[1].folded, "ben");
}

static inline void scenario_officer_keys(struct store *s)
{
	STORE_AUTO(officer_key) struct store_officer_key got = {0};
	struct store_officer_key key = {"ana", "AABB", 100};
	struct kms_err err = {0};

	FAILS(KMS_ERR_NOT_FOUND, "ana", store_officer_key_get(s, "ana", &got, &err));
	CHANGE(store_officer_key_set(s, &key, &err));
	key.sealed = "CCDD";
	key.changed = 101;
	CHANGE(store_officer_key_set(s, &key, &err));
	OK(store_officer_key_get(s, "ana", &got, &err));
	SAME_TEXT(&got, &key, folded);
	SAME_TEXT(&got, &key, sealed);
	SAME_INT(&got, &key, changed);
}

static inline void scenario_quorum(struct store *s)
{
	STORE_AUTO(quorum) struct store_quorum got = {0}, none = {0};
	STORE_AUTO(member_list) struct store_member_list list = {0};
	struct store_quorum row = {1, "active", 2, "serial-1", HEX_32, 0, OP_1, 100, 0};
	struct kms_err err = {0};
	int64_t last = 9;

	FAILS(KMS_ERR_NOT_FOUND, "no quorum", store_quorum_active(s, &got, &err));
	OK(store_quorum_last(s, &last, &err));
	assert_int_equal(last, 0);
	CHANGE(store_quorum_add(s, &row, &err));
	row.generation = 2;
	CHANGE_FAILS(KMS_ERR_EXISTS, "serial-1", store_quorum_add(s, &row, &err));
	CHANGE(store_quorum_glass(s, 1, 105, &err));
	OK(store_quorum_active(s, &got, &err));
	row.generation = 1;
	row.break_glass = 105;
	SAME_INT(&got, &row, generation);
	SAME_TEXT(&got, &row, state);
	SAME_INT(&got, &row, threshold);
	SAME_TEXT(&got, &row, hsm_serial);
	SAME_TEXT(&got, &row, commitment);
	SAME_INT(&got, &row, break_glass);
	SAME_TEXT(&got, &row, op_id);
	SAME_INT(&got, &row, created);
	SAME_INT(&got, &row, ended);
	scenario_quorum_members(s);
	scenario_sealed_pins(s);
	scenario_officer_keys(s);
	CHANGE(store_quorum_end(s, 1, 110, &err));
	CHANGE_FAILS(KMS_ERR_STATE, "not active", store_quorum_end(s, 1, 110, &err));
	FAILS(KMS_ERR_NOT_FOUND, "no quorum", store_quorum_active(s, &none, &err));
	OK(store_members(s, 1, &list, &err));
	assert_null(list.items[0].share);
	pin_states_are(s, "user", "");
	OK(store_quorum_last(s, &last, &err));
	assert_int_equal(last, 1);
}

#endif
