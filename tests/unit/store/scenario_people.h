/* SPDX-License-Identifier: Apache-2.0 */
/* Part of the walk of scenario.h: site, counters, officers, partners. */
#ifndef STORE_SCENARIO_PEOPLE_H
#define STORE_SCENARIO_PEOPLE_H

#include "store/approvals.h"
#include "store/people.h"
#include "unit/store/check.h"

static inline void scenario_site(struct store *s)
{
	struct store_caps caps = {"SER-1", "2.6", "probe text", 1000};
	STORE_AUTO(meta_list) struct store_meta_list metas = {0};
	STORE_AUTO(caps) struct store_caps got = {0};
	struct kms_err err = {0};
	char *value = NULL;

	FAILS(KMS_ERR_NOT_FOUND, "role", store_meta_get(s, "role", &value, &err));
	OK(store_begin(s, &err));
	OK(store_meta_set(s, "role", "issuer", &err));
	OK(store_meta_set(s, "name", "Example Bank", &err));
	OK(store_meta_set(s, "role", "manufacturer", &err));
	OK(store_caps_set(s, &caps, &err));
	caps.caps = "newer probe";
	caps.probed = 2000;
	OK(store_caps_set(s, &caps, &err));
	OK(store_commit(s, &err));
	OK(store_meta_get(s, "role", &value, &err));
	assert_string_equal(value, "manufacturer");
	free(value);
	OK(store_metas(s, &metas, &err));
	assert_int_equal(metas.count, 2);
	assert_string_equal(metas.items[0].name, "name");
	assert_string_equal(metas.items[0].value, "Example Bank");
	assert_string_equal(metas.items[1].name, "role");

	OK(store_caps_get(s, "SER-1", "2.6", &got, &err));
	SAME_TEXT(&got, &caps, serial);
	SAME_TEXT(&got, &caps, firmware);
	SAME_TEXT(&got, &caps, caps);
	SAME_INT(&got, &caps, probed);
	FAILS(KMS_ERR_NOT_FOUND, "firmware '2.7'", store_caps_get(s, "SER-1", "2.7", &got, &err));
}

static inline void scenario_counter(struct store *s)
{
	struct kms_err err = {0};
	int64_t n = -1;

	OK(store_counter_last(s, STORE_COUNTER_SHEET, &n, &err));
	assert_int_equal(n, 0);
	OK(store_counter_take(s, STORE_COUNTER_SHEET, 3, &n, &err));
	assert_int_equal(n, 1);
	OK(store_counter_take(s, STORE_COUNTER_SHEET, 1, &n, &err));
	assert_int_equal(n, 4);
	OK(store_counter_take(s, "other", 2, &n, &err));
	assert_int_equal(n, 1);
	OK(store_counter_last(s, STORE_COUNTER_SHEET, &n, &err));
	assert_int_equal(n, 4);
	FAILS(KMS_ERR_INTERNAL, "0 numbers",
		store_counter_take(s, STORE_COUNTER_SHEET, 0, &n, &err));

	/* What is rolled back afterwards does not bring numbers back; nor can they be taken in it. */
	OK(store_begin(s, &err));
	OK(store_meta_set(s, "scratch", "x", &err));
	FAILS(KMS_ERR_INTERNAL, "open already",
		store_counter_take(s, STORE_COUNTER_SHEET, 1, &n, &err));
	store_rollback(s);
	OK(store_counter_take(s, STORE_COUNTER_SHEET, 1, &n, &err));
	assert_int_equal(n, 5);
}

static inline void same_officer(const struct store_officer *a, const struct store_officer *b)
{
	SAME_TEXT(a, b, name);
	SAME_TEXT(a, b, folded);
	SAME_TEXT(a, b, role);
	SAME_TEXT(a, b, passphrase_hash);
	SAME_TEXT(a, b, state);
	SAME_INT(a, b, added);
	SAME_INT(a, b, changed);
	SAME_INT(a, b, failures);
	SAME_INT(a, b, locked);
}

static inline void scenario_officers(struct store *s)
{
	struct store_officer ortiz = {
		"A. Ortiz", "a ortiz", "security-officer", "$argon2id$1", "active", 11, 12, 0, 0};
	struct store_officer novak = {
		"Zoë Novák", "zoë novák", "operator", "$argon2id$2", "active", 21, 22, 3, 24};
	STORE_AUTO(officer_list) struct store_officer_list list = {0};
	STORE_AUTO(officer) struct store_officer got = {0};
	struct kms_err err = {0};

	OK(store_begin(s, &err));
	OK(store_officer_add(s, &novak, &err));
	OK(store_officer_add(s, &ortiz, &err));
	OK(store_commit(s, &err));
	OK(store_officers(s, &list, &err));
	assert_int_equal(list.count, 2);
	same_officer(&list.items[0], &ortiz);
	same_officer(&list.items[1], &novak);

	CHANGE_FAILS(KMS_ERR_EXISTS, "cannot add officer 'A. Ortiz'",
		store_officer_add(s, &ortiz, &err));
	ortiz.name = "A Ortiz";
	CHANGE_FAILS(KMS_ERR_EXISTS, "folded", store_officer_add(s, &ortiz, &err));
	ortiz.folded = "other";
	ortiz.state = "asleep";
	CHANGE_FAILS(KMS_ERR_INVALID, "state", store_officer_add(s, &ortiz, &err));
	ortiz.state = "active";
	ortiz.role = NULL;
	CHANGE_FAILS(KMS_ERR_INVALID, "role", store_officer_add(s, &ortiz, &err));

	novak.role = "auditor";
	novak.passphrase_hash = "$argon2id$3";
	novak.state = "disabled";
	novak.changed = 99;
	novak.failures = 0;
	novak.locked = 0;
	CHANGE(store_officer_update(s, &novak, &err));
	OK(store_officer_get(s, "zoë novák", "Zoë", &got, &err));
	same_officer(&got, &novak);
	store_officer_free(&got);
	FAILS(KMS_ERR_NOT_FOUND, "no officer 'Eve'",
		store_officer_get(s, "eve", "Eve", &got, &err));
	novak.folded = "nobody";
	CHANGE_FAILS(KMS_ERR_NOT_FOUND, "no officer", store_officer_update(s, &novak, &err));
}

static inline void same_approval(const struct store_approval *a, const struct store_approval *b)
{
	SAME_TEXT(a, b, id);
	SAME_TEXT(a, b, officer);
	SAME_TEXT(a, b, digest);
	SAME_TEXT(a, b, state);
	SAME_INT(a, b, given);
	SAME_INT(a, b, expires);
	SAME_INT(a, b, ended);
	SAME_TEXT(a, b, op_id);
}

/* After officers and operations. */
static inline void scenario_approvals(struct store *s)
{
	struct store_approval one = {ID_1, "A. Ortiz", HEX_32, "open", 10, 20, 0, NULL};
	struct store_approval two = {ID_2, "A. Ortiz", OP_1 OP_2, "open", 9, 20, 0, NULL};
	STORE_AUTO(approval_list) struct store_approval_list list = {0};
	struct kms_err err = {0};

	CHANGE(store_approval_add(s, &one, &err));
	CHANGE(store_approval_add(s, &two, &err));
	CHANGE_FAILS(KMS_ERR_EXISTS, ID_1, store_approval_add(s, &one, &err));
	OK(store_approvals(s, NULL, &list, &err));
	assert_int_equal(list.count, 2);
	same_approval(&list.items[0], &two);
	same_approval(&list.items[1], &one);
	store_approval_list_free(&list);

	one.state = "used";
	one.ended = 15;
	one.op_id = OP_1;
	CHANGE(store_approval_end(s, &one, &err));
	CHANGE_FAILS(KMS_ERR_STATE, "not open", store_approval_end(s, &one, &err));
	two.state = "eaten";
	CHANGE_FAILS(KMS_ERR_INVALID, "state", store_approval_end(s, &two, &err));
	OK(store_approvals(s, HEX_32, &list, &err));
	assert_int_equal(list.count, 1);
	same_approval(&list.items[0], &one);
	one.id = ID_3;
	one.officer = "Eve";
	CHANGE_FAILS(KMS_ERR_NOT_FOUND, ID_3, store_approval_add(s, &one, &err));
}

static inline void same_partner(const struct store_partner *a, const struct store_partner *b)
{
	SAME_TEXT(a, b, name);
	SAME_INT(a, b, version);
	SAME_TEXT(a, b, role);
	SAME_TEXT(a, b, document);
	SAME_TEXT(a, b, fingerprint);
	SAME_TEXT(a, b, identity_key);
	SAME_TEXT(a, b, audit_key);
	SAME_TEXT(a, b, state);
	SAME_INT(a, b, added);
	SAME_INT(a, b, changed);
}

static inline void scenario_partner_add(struct store *s, struct store_partner *p)
{
	STORE_AUTO(partner) struct store_partner got = {0};
	struct kms_err err = {0};

	CHANGE(store_partner_add(s, p, &p->version, &err));
	assert_int_equal(p->version, 1);
	OK(store_partner_get(s, p->name, &got, &err));
	same_partner(&got, p);
	p->fingerprint = "AB02";
	CHANGE_FAILS(KMS_ERR_EXISTS, "cannot add partner 'Bank'",
		store_partner_add(s, p, &p->version, &err));
}

static inline void scenario_partners(struct store *s)
{
	struct store_partner p = {
		"Bank", 7, "issuer", "{\n}\n", "AB01", "0411", "0422", "active", 5, 0};
	STORE_AUTO(partner_list) struct store_partner_list list = {0};
	STORE_AUTO(partner) struct store_partner got = {0};
	STORE_AUTO(partner) struct store_partner old = {0};
	struct kms_err err = {0};

	FAILS(KMS_ERR_NOT_FOUND, "no partner 'Bank'", store_partner_get(s, "Bank", &got, &err));
	CHANGE_FAILS(KMS_ERR_NOT_FOUND, "no partner", store_partner_revoke(s, "Bank", 6, &err));
	scenario_partner_add(s, &p);

	p.added = 50;
	CHANGE(store_partner_rotate(s, &p, &p.version, &err));
	assert_int_equal(p.version, 2);
	OK(store_partner_get(s, "Bank", &got, &err));
	same_partner(&got, &p);
	store_partner_free(&got);
	OK(store_partner_by_fingerprint(s, "AB01", &old, &err));
	assert_string_equal(old.state, "superseded");
	assert_int_equal(old.changed, 50);
	FAILS(KMS_ERR_NOT_FOUND, "AB09", store_partner_by_fingerprint(s, "AB09", &got, &err));

	/* A fingerprint that ever was enrolled is not enrolled again. */
	p.fingerprint = "AB01";
	CHANGE_FAILS(KMS_ERR_EXISTS, "fingerprint", store_partner_rotate(s, &p, &p.version, &err));
	OK(store_partner_get(s, "Bank", &got, &err));
	assert_int_equal(got.version, 2);
	store_partner_free(&got);

	CHANGE(store_partner_revoke(s, "Bank", 60, &err));
	FAILS(KMS_ERR_STATE, "partner 'Bank' is revoked", store_partner_get(s, "Bank", &got, &err));
	p.fingerprint = "AB03";
	CHANGE(store_partner_add(s, &p, &p.version, &err));
	assert_int_equal(p.version, 3);
	OK(store_partners(s, &list, &err));
	assert_int_equal(list.count, 3);
	assert_string_equal(list.items[1].state, "revoked");
	same_partner(&list.items[2], &p);
}

#endif
