/* SPDX-License-Identifier: Apache-2.0 */
/* Part of the walk of scenario.h: operations, ceremonies, documents. */
#ifndef STORE_SCENARIO_JOURNAL_H
#define STORE_SCENARIO_JOURNAL_H

#include "store/journal.h"
#include "store/meetings.h"
#include "unit/store/check.h"

static inline void scenario_ops(struct store *s)
{
	struct store_op op = {
		OP_1, "hsm-setup", "principal", "A. Ortiz", 100, "intent", NULL, 0, NULL};
	STORE_AUTO(op_list) struct store_op_list all = {0};
	STORE_AUTO(op_list) struct store_op_list open = {0};
	STORE_AUTO(op) struct store_op got = {0};
	struct kms_err err = {0};

	OK(store_begin(s, &err));
	OK(store_op_add(s, &op, &err));
	op.id = OP_2;
	op.started = 90;
	OK(store_op_add(s, &op, &err));
	OK(store_op_set_detail(s, OP_1, "{\"keys\":3}", &err));
	OK(store_commit(s, &err));
	CHANGE_FAILS(KMS_ERR_EXISTS, "operation", store_op_add(s, &op, &err));
	op.id = "short";
	CHANGE_FAILS(KMS_ERR_INVALID, "hex", store_op_add(s, &op, &err));

	CHANGE_FAILS(
		KMS_ERR_INVALID, "'intent'", store_op_finish(s, OP_1, "intent", NULL, 5, &err));
	CHANGE(store_op_finish(s, OP_1, "failed", "token removed", 110, &err));
	CHANGE_FAILS(KMS_ERR_STATE, "ended already: failed",
		store_op_finish(s, OP_1, "done", NULL, 120, &err));
	CHANGE_FAILS(KMS_ERR_STATE, "ended already", store_op_set_detail(s, OP_1, "{}", &err));
	CHANGE_FAILS(KMS_ERR_NOT_FOUND, OP_3, store_op_finish(s, OP_3, "done", NULL, 1, &err));
	OK(store_op_get(s, OP_1, &got, &err));
	assert_string_equal(got.kind, "hsm-setup");
	assert_string_equal(got.subject, "principal");
	assert_string_equal(got.actor, "A. Ortiz");
	assert_string_equal(got.detail, "{\"keys\":3}");
	assert_string_equal(got.outcome, "token removed");
	assert_int_equal(got.started, 100);
	assert_int_equal(got.finished, 110);
	OK(store_ops(s, NULL, &all, &err));
	assert_int_equal(all.count, 2);
	assert_string_equal(all.items[0].id, OP_2);
	OK(store_ops(s, "intent", &open, &err));
	assert_int_equal(open.count, 1);
	assert_string_equal(open.items[0].id, OP_2);
	assert_null(open.items[0].detail);
	store_op_list_free(&open);

	/* Exchanges that are done, and nothing else. */
	op = (struct store_op){
		OP_EX, "exchange.export", "Bank", "A. Ortiz", 130, "intent", "{}", 0, NULL};
	CHANGE(store_op_add(s, &op, &err));
	OK(store_ops_exchange(s, &open, &err));
	assert_int_equal(open.count, 0);
	CHANGE(store_op_finish(s, OP_EX, "done", NULL, 140, &err));
	OK(store_ops_exchange(s, &open, &err));
	assert_int_equal(open.count, 1);
	assert_string_equal(open.items[0].id, OP_EX);
	store_op_list_free(&open);

	OK(store_ops_since(s, 131, &open, &err));
	assert_int_equal(open.count, 0);
	OK(store_ops_since(s, 130, &open, &err));
	assert_int_equal(open.count, 1);
	assert_string_equal(open.items[0].id, OP_EX);
}

static inline void scenario_meetings(struct store *s)
{
	struct store_meeting meeting = {"7F3K-22QD", "backup", "Backup",
		"00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF", "[ceremony]\n",
		"started", NULL, NULL, 100, 0};
	STORE_AUTO(meeting_list) struct store_meeting_list open = {0};
	STORE_AUTO(meeting_list) struct store_meeting_list all = {0};
	STORE_AUTO(meeting) struct store_meeting got = {0};
	struct kms_err err = {0};

	CHANGE(store_meeting_add(s, &meeting, &err));
	CHANGE_FAILS(KMS_ERR_EXISTS, "7F3K", store_meeting_add(s, &meeting, &err));
	meeting.id = "7F3K-22QE";
	CHANGE(store_meeting_add(s, &meeting, &err));
	CHANGE_FAILS(KMS_ERR_INVALID, "'started'",
		store_meeting_finish(s, "7F3K-22QE", "started", NULL, NULL, 5, &err));
	CHANGE(store_meeting_finish(s, "7F3K-22QD", "interrupted", NULL, NULL, 110, &err));
	CHANGE(store_meeting_finish(s, "7F3K-22QD", "done", OP_1, "{}", 120, &err));
	CHANGE_FAILS(KMS_ERR_STATE, "ended already: done",
		store_meeting_finish(s, "7F3K-22QD", "failed", NULL, NULL, 130, &err));
	CHANGE_FAILS(KMS_ERR_NOT_FOUND, "no meeting",
		store_meeting_finish(s, "XXXX-XXXX", "failed", NULL, NULL, 130, &err));
	OK(store_meeting_get(s, "7F3K-22QD", &got, &err));
	assert_string_equal(got.op_id, OP_1);
	assert_string_equal(got.minutes, "{}");
	assert_string_equal(got.file_text, "[ceremony]\n");
	assert_int_equal(got.ended, 120);
	OK(store_meetings(s, "started", &open, &err));
	assert_int_equal(open.count, 1);
	assert_string_equal(open.items[0].id, "7F3K-22QE");
	OK(store_meetings(s, NULL, &all, &err));
	assert_int_equal(all.count, 2);
}

static inline void scenario_custodians(struct store *s)
{
	struct store_custodian pair[] = {
		{"7F3K-22QD", 1, 1, "A. Ortiz", "a ortiz", 0, NULL, "planned"},
		{"7F3K-22QD", 1, 2, "B. Lindqvist", "b lindqvist", 0, NULL, "planned"},
		{"7F3K-22QD", 2, 1, "C. Haddad", "c haddad", 18, "3FA2B1", "confirmed"},
	};
	STORE_AUTO(custodian_list) struct store_custodian_list list = {0};
	struct store_custodian again = pair[0];
	struct kms_err err = {0};

	OK(store_begin(s, &err));
	for (int i = 2; i >= 0; i--)
		OK(store_custodian_add(s, &pair[i], &err));
	OK(store_component_set(s, "7F3K-22QD", 1, 17, "504A77", "confirmed", &err));
	OK(store_commit(s, &err));
	OK(store_custodians(s, "7F3K-22QD", &list, &err));
	assert_int_equal(list.count, 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(list.items[i].component, pair[i].component);
		assert_int_equal(list.items[i].position, pair[i].position);
		assert_int_equal(list.items[i].sheet_serial, i < 2 ? 17 : 18);
		assert_string_equal(list.items[i].check_value, i < 2 ? "504A77" : "3FA2B1");
		assert_string_equal(list.items[i].sheet_state, "confirmed");
		SAME_TEXT(&list.items[i], &pair[i], person);
		SAME_TEXT(&list.items[i], &pair[i], folded);
		SAME_TEXT(&list.items[i], &pair[i], ceremony_id);
	}
	again.component = 3;
	CHANGE_FAILS(KMS_ERR_EXISTS, "custodian 'A. Ortiz'", store_custodian_add(s, &again, &err));
	again.ceremony_id = "NONE";
	CHANGE_FAILS(KMS_ERR_NOT_FOUND, "refers to", store_custodian_add(s, &again, &err));
	CHANGE_FAILS(KMS_ERR_NOT_FOUND, "component 9",
		store_component_set(s, "7F3K-22QD", 9, 0, NULL, "void", &err));
}

static inline void scenario_ceremonies(struct store *s)
{
	struct store_ceremony c = {"7F3K-22QD", "transport-key-create", "TK-1", "aes256", 3, "Bank",
		OP_1, "started", 200, 0, NULL};
	STORE_AUTO(ceremony_list) struct store_ceremony_list all = {0};
	STORE_AUTO(ceremony_list) struct store_ceremony_list started = {0};
	STORE_AUTO(ceremony) struct store_ceremony got = {0};
	struct kms_err err = {0};

	CHANGE(store_ceremony_add(s, &c, &err));
	scenario_custodians(s);
	c.components = 10;
	c.id = "AAAA-2222";
	CHANGE_FAILS(KMS_ERR_INVALID, "ceremony", store_ceremony_add(s, &c, &err));
	c.components = 2;
	c.partner = c.op_id = NULL;
	c.started = 190;
	CHANGE(store_ceremony_add(s, &c, &err));
	CHANGE(store_ceremony_finish(s, "7F3K-22QD", "done", "{\"minutes\":1}", 210, &err));
	CHANGE_FAILS(KMS_ERR_STATE, "ended already: done",
		store_ceremony_finish(s, "7F3K-22QD", "failed", NULL, 220, &err));
	CHANGE_FAILS(KMS_ERR_NOT_FOUND, "no ceremony 'X'",
		store_ceremony_finish(s, "X", "failed", NULL, 220, &err));
	OK(store_ceremony_get(s, "7F3K-22QD", &got, &err));
	assert_string_equal(got.kind, "transport-key-create");
	assert_string_equal(got.key_label, "TK-1");
	assert_string_equal(got.algorithm, "aes256");
	assert_string_equal(got.partner, "Bank");
	assert_string_equal(got.op_id, OP_1);
	assert_string_equal(got.state, "done");
	assert_string_equal(got.minutes, "{\"minutes\":1}");
	assert_int_equal(got.components, 3);
	assert_int_equal(got.started, 200);
	assert_int_equal(got.ended, 210);
	OK(store_ceremonies(s, NULL, &all, &err));
	assert_int_equal(all.count, 2);
	assert_string_equal(all.items[0].id, "AAAA-2222");
	OK(store_ceremonies(s, "started", &started, &err));
	assert_int_equal(started.count, 1);
	assert_null(started.items[0].partner);
}

static inline void same_doc(const struct store_doc *a, const struct store_doc *b)
{
	SAME_TEXT(a, b, id);
	SAME_TEXT(a, b, kind);
	SAME_TEXT(a, b, direction);
	SAME_TEXT(a, b, partner);
	SAME_TEXT(a, b, state);
	SAME_TEXT(a, b, nonce);
	SAME_TEXT(a, b, sha256);
	SAME_TEXT(a, b, text);
	SAME_TEXT(a, b, related);
	SAME_TEXT(a, b, transport_key);
	SAME_TEXT(a, b, op_id);
	SAME_INT(a, b, created);
	SAME_INT(a, b, changed);
}

static inline void scenario_docs(struct store *s)
{
	struct store_doc d = {"REQ-1", "request", "out", "Maker", "open", "A1B2", HEX_32,
		"{\n  \"a\": 1\n}\n", "REQ-0", "TK-1", OP_1, 600, 0};
	STORE_AUTO(doc_list) struct store_doc_list requests = {0};
	STORE_AUTO(doc_list) struct store_doc_list all = {0};
	STORE_AUTO(doc) struct store_doc got = {0};
	struct kms_err err = {0};

	CHANGE(store_doc_add(s, &d, &err));
	OK(store_doc_get(s, "REQ-1", &got, &err));
	same_doc(&got, &d);
	store_doc_free(&got);
	d.id = "REQ-2";
	CHANGE_FAILS(KMS_ERR_EXISTS, "nonce", store_doc_add(s, &d, &err));
	d.kind = "package";
	d.direction = "in";
	d.related = d.transport_key = d.op_id = NULL;
	d.created = 590;
	CHANGE(store_doc_add(s, &d, &err));
	d.direction = "sideways";
	CHANGE_FAILS(KMS_ERR_INVALID, "direction", store_doc_add(s, &d, &err));
	OK(store_doc_by_nonce(s, "request", "out", "A1B2", &got, &err));
	assert_string_equal(got.id, "REQ-1");
	store_doc_free(&got);
	FAILS(KMS_ERR_NOT_FOUND, "no request that came in has nonce A1B2",
		store_doc_by_nonce(s, "request", "in", "A1B2", &got, &err));
	OK(store_doc_by_sha256(s, "package", "in", HEX_32, &got, &err));
	assert_string_equal(got.id, "REQ-2");
	store_doc_free(&got);
	FAILS(KMS_ERR_NOT_FOUND, "'X'", store_doc_get(s, "X", &got, &err));

	CHANGE(store_doc_set_state(s, "REQ-1", "open", "consumed", 610, &err));
	CHANGE_FAILS(KMS_ERR_STATE, "it is consumed, not open",
		store_doc_set_state(s, "REQ-1", "open", "consumed", 620, &err));
	CHANGE_FAILS(
		KMS_ERR_NOT_FOUND, "'X'", store_doc_set_state(s, "X", "open", "closed", 620, &err));
	OK(store_docs(s, NULL, &all, &err));
	assert_int_equal(all.count, 2);
	assert_string_equal(all.items[0].id, "REQ-2");
	assert_int_equal(all.items[1].changed, 610);
	OK(store_docs(s, "request", &requests, &err));
	assert_int_equal(requests.count, 1);
}

#endif
