/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One walk through every function of store/, for a fresh store on any backend: test_rows.c runs it
 * on SQLite, integration/pg_statements.c on PostgreSQL. scenario_all ends by checking that every
 * statement of store/sql.c was run.
 */
#ifndef STORE_SCENARIO_H
#define STORE_SCENARIO_H

#include "store/auditlog.h"
#include "store/db.h"
#include "store/journal.h"
#include "store/keys.h"
#include "store/people.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEX_16 "00112233445566778899AABBCCDDEEFF"
#define HEX_32 HEX_16 HEX_16
#define OP_1   "0A000000000000000000000000000001"
#define OP_2   "0A000000000000000000000000000002"
#define OP_3   "0A000000000000000000000000000003"
#define ID_1   "1D000000000000000000000000000001"
#define ID_2   "1D000000000000000000000000000002"
#define ID_3   "1D000000000000000000000000000003"

/* The statements that a store opened through scenario_count has run. */
static bool scenario_ran[STORE_SQL_COUNT];
static const struct store_backend *scenario_inner;

static enum kms_status scenario_prepare(
	void *conn, const char *sql, void **ret_stmt, struct kms_err *err)
{
	for (int i = 0; i < STORE_SQL_COUNT; i++)
		if (store_statements[i].text == sql)
			scenario_ran[i] = true;
	return scenario_inner->prepare(conn, sql, ret_stmt, err);
}

/* A backend that notes which statements are prepared, which is when they are first run. */
static struct store_backend scenario_count(const struct store_backend *backend)
{
	struct store_backend counting = *backend;

	scenario_inner = backend;
	memset(scenario_ran, 0, sizeof(scenario_ran));
	counting.prepare = scenario_prepare;
	return counting;
}

#define OK(call) scenario_ok((call), &err, __LINE__)
static void scenario_ok(enum kms_status st, const struct kms_err *err, int line)
{
	if (st)
		fail_msg("line %d: %s: %s (%s)", line, kms_status_name(st), err->msg, err->native);
}

/* The call fails with this status, and the message has these words. */
#define FAILS(want, words, call) scenario_fails((call), (want), (words), &err, __LINE__)
static void scenario_fails(enum kms_status st, enum kms_status want, const char *words,
	const struct kms_err *err, int line)
{
	if (st != want)
		fail_msg("line %d: %s instead of %s: %s", line, kms_status_name(st),
			kms_status_name(want), st ? err->msg : "");
	if (!strstr(err->msg, words))
		fail_msg("line %d: '%s' is not in: %s", line, words, err->msg);
}

/* One failing change in a transaction of its own, which then cannot be committed. */
#define CHANGE_FAILS(want, words, call)                                       \
	do {                                                                  \
		struct kms_err later_ = {0};                                  \
		OK(store_begin(s, &err));                                     \
		FAILS(want, words, call);                                     \
		assert_int_equal(store_commit(s, &later_), KMS_ERR_INTERNAL); \
		assert_false(store_in_transaction(s));                        \
	} while (0)

/* One change in a transaction of its own. */
#define CHANGE(call)                       \
	do {                               \
		OK(store_begin(s, &err));  \
		OK(call);                  \
		OK(store_commit(s, &err)); \
	} while (0)

static void scenario_text(const char *a, const char *b, const char *what)
{
	if ((!a) != (!b) || (a && strcmp(a, b) != 0))
		fail_msg("%s: '%s' is not '%s'", what, a ? a : "NULL", b ? b : "NULL");
}

#define SAME_TEXT(a, b, member) scenario_text((a)->member, (b)->member, #member)
#define SAME_INT(a, b, member)	assert_int_equal((a)->member, (b)->member)

static void scenario_site(struct store *s)
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

static void scenario_counter(struct store *s)
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

static void same_officer(const struct store_officer *a, const struct store_officer *b)
{
	SAME_TEXT(a, b, name);
	SAME_TEXT(a, b, folded);
	SAME_TEXT(a, b, role);
	SAME_TEXT(a, b, passphrase_hash);
	SAME_TEXT(a, b, state);
	SAME_INT(a, b, added);
	SAME_INT(a, b, changed);
	SAME_INT(a, b, failures);
}

static void scenario_officers(struct store *s)
{
	struct store_officer ortiz = {
		"A. Ortiz", "a ortiz", "security-officer", "$argon2id$1", "active", 11, 12, 0};
	struct store_officer novak = {
		"Zoë Novák", "zoë novák", "operator", "$argon2id$2", "active", 21, 22, 3};
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
	CHANGE(store_officer_update(s, &novak, &err));
	OK(store_officer_get(s, "zoë novák", "Zoë", &got, &err));
	same_officer(&got, &novak);
	store_officer_free(&got);
	FAILS(KMS_ERR_NOT_FOUND, "no officer 'Eve'",
		store_officer_get(s, "eve", "Eve", &got, &err));
	novak.folded = "nobody";
	CHANGE_FAILS(KMS_ERR_NOT_FOUND, "no officer", store_officer_update(s, &novak, &err));
}

static void same_partner(const struct store_partner *a, const struct store_partner *b)
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

static void scenario_partner_add(struct store *s, struct store_partner *p)
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

static void scenario_partners(struct store *s)
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

static void scenario_ops(struct store *s)
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
}

static void scenario_custodians(struct store *s)
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

static void scenario_ceremonies(struct store *s)
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

static struct store_keyset scenario_keyset(void)
{
	return (struct store_keyset){"OPMasterKey2", "Bank", "aes256", "kdf3", "template {kdd}",
		0x20, "partner", "36 months", "generated", "order 17", "pending", OP_1, 300};
}

static void same_keyset(const struct store_keyset *a, const struct store_keyset *b)
{
	SAME_TEXT(a, b, name);
	SAME_TEXT(a, b, customer);
	SAME_TEXT(a, b, algorithm);
	SAME_TEXT(a, b, diversification);
	SAME_TEXT(a, b, definition);
	SAME_INT(a, b, kvn);
	SAME_TEXT(a, b, exportable);
	SAME_TEXT(a, b, cryptoperiod);
	SAME_TEXT(a, b, origin);
	SAME_TEXT(a, b, order_ref);
	SAME_TEXT(a, b, state);
	SAME_TEXT(a, b, op_id);
	SAME_INT(a, b, created);
}

static void scenario_keysets(struct store *s)
{
	struct store_keyset k = scenario_keyset();
	STORE_AUTO(keyset_list) struct store_keyset_list list = {0};
	STORE_AUTO(keyset) struct store_keyset got = {0};
	struct kms_err err = {0};

	CHANGE(store_keyset_add(s, &k, &err));
	OK(store_keyset_get(s, k.name, &got, &err));
	same_keyset(&got, &k);
	store_keyset_free(&got);
	CHANGE_FAILS(KMS_ERR_EXISTS, "key set 'OPMasterKey2'", store_keyset_add(s, &k, &err));
	CHANGE_FAILS(KMS_ERR_STATE, "not active",
		store_keyset_set_state(s, k.name, "active", "void", &err));
	k.op_id = OP_3;
	k.name = "Other";
	CHANGE_FAILS(KMS_ERR_NOT_FOUND, "refers to", store_keyset_add(s, &k, &err));
	k = scenario_keyset();
	k.kvn = 256;
	k.name = "Other";
	CHANGE_FAILS(KMS_ERR_INVALID, "key set 'Other'", store_keyset_add(s, &k, &err));

	/* A rolled-back key set leaves its name free. */
	k = scenario_keyset();
	CHANGE(store_keyset_set_state(s, k.name, "pending", "void", &err));
	FAILS(KMS_ERR_NOT_FOUND, "no key set 'OPMasterKey2'",
		store_keyset_get(s, k.name, &got, &err));
	k.state = "active";
	k.definition = k.order_ref = k.cryptoperiod = k.op_id = NULL;
	k.kvn = 0;
	CHANGE(store_keyset_add(s, &k, &err));
	OK(store_keysets(s, &list, &err));
	assert_int_equal(list.count, 1);
	same_keyset(&list.items[0], &k);
}

static struct store_key scenario_key(void)
{
	return (struct store_key){.cka_id = ID_1,
		.label = "TK-1",
		.keyset = "OPMasterKey2",
		.role = "transport",
		.algorithm = "aes256",
		.kvn = 0x21,
		.state = "pending",
		.check_value = "8BAF47",
		.check_method = "aes-gp",
		.location = "vault",
		.origin = "components",
		.partner = "Bank",
		.wrapping = "aes-kw",
		.direction = "wrap",
		.proof = "C0FFEE",
		.public_key = "0400",
		.exportable = "never",
		.ceremony_id = "7F3K-22QD",
		.hsm_serial = "SER-1",
		.op_id = OP_1,
		.created = 400,
		.activated = 401,
		.deactivate_after = 402,
		.state_changed = 403,
		.state_reason = "made"};
}

static void same_key(const struct store_key *a, const struct store_key *b)
{
	SAME_TEXT(a, b, cka_id);
	SAME_TEXT(a, b, label);
	SAME_TEXT(a, b, keyset);
	SAME_TEXT(a, b, role);
	SAME_TEXT(a, b, algorithm);
	SAME_INT(a, b, kvn);
	SAME_TEXT(a, b, state);
	SAME_TEXT(a, b, check_value);
	SAME_TEXT(a, b, check_method);
	SAME_TEXT(a, b, location);
	SAME_TEXT(a, b, origin);
	SAME_TEXT(a, b, partner);
	SAME_TEXT(a, b, wrapping);
	SAME_TEXT(a, b, direction);
	SAME_TEXT(a, b, proof);
	SAME_TEXT(a, b, public_key);
	SAME_TEXT(a, b, exportable);
	SAME_TEXT(a, b, ceremony_id);
	SAME_TEXT(a, b, hsm_serial);
	SAME_TEXT(a, b, op_id);
	SAME_INT(a, b, created);
	SAME_INT(a, b, activated);
	SAME_INT(a, b, deactivate_after);
	SAME_INT(a, b, state_changed);
	SAME_TEXT(a, b, state_reason);
}

static size_t scenario_count_keys(struct store *s, struct store_key_filter filter)
{
	STORE_AUTO(key_list) struct store_key_list list = {0};
	struct kms_err err = {0};

	OK(store_keys(s, &filter, &list, &err));
	return list.count;
}

static void scenario_key_filters(struct store *s)
{
	assert_int_equal(scenario_count_keys(s, (struct store_key_filter){0}), 3);
	assert_int_equal(scenario_count_keys(s, (struct store_key_filter){.live = true}), 2);
	assert_int_equal(scenario_count_keys(s, (struct store_key_filter){.role = "enc"}), 1);
	assert_int_equal(scenario_count_keys(s, (struct store_key_filter){.state = "void"}), 1);
	assert_int_equal(
		scenario_count_keys(s, (struct store_key_filter){.keyset = "OPMasterKey2"}), 2);
	assert_int_equal(scenario_count_keys(s, (struct store_key_filter){.op_id = OP_1}), 2);
	assert_int_equal(
		scenario_count_keys(s, (struct store_key_filter){.op_id = OP_1, .live = true}), 1);
	assert_int_equal(scenario_count_keys(s, (struct store_key_filter){.role = "zone"}), 0);
}

static void scenario_key_changes(struct store *s)
{
	struct store_key k = scenario_key();
	STORE_AUTO(key) struct store_key got = {0};
	struct kms_err err = {0};

	k.state = "active";
	k.label = "TK-1b";
	k.keyset = k.check_value = k.check_method = k.partner = k.wrapping = k.direction = NULL;
	k.proof = k.public_key = k.ceremony_id = k.state_reason = NULL;
	k.role = "site";
	k.algorithm = "aes128";
	k.kvn = k.deactivate_after = 0;
	k.location = "production";
	k.origin = "generated";
	k.exportable = "partner";
	k.hsm_serial = "SER-2";
	k.op_id = OP_2;
	k.created = 500;
	k.activated = 501;
	k.state_changed = 503;
	CHANGE(store_key_update(s, &k, "pending", &err));
	OK(store_key_get(s, ID_1, &got, &err));
	same_key(&got, &k);
	CHANGE_FAILS(KMS_ERR_STATE, "it is active, not pending",
		store_key_update(s, &k, "pending", &err));
	k.cka_id = ID_3;
	CHANGE_FAILS(KMS_ERR_NOT_FOUND, ID_3, store_key_update(s, &k, "pending", &err));
	k = scenario_key();
	CHANGE(store_key_update(s, &k, "active", &err));
}

static void scenario_keys(struct store *s)
{
	struct store_key k = scenario_key();
	STORE_AUTO(key) struct store_key got = {0};
	struct kms_err err = {0};

	CHANGE(store_key_add(s, &k, &err));
	OK(store_key_get(s, ID_1, &got, &err));
	same_key(&got, &k);
	store_key_free(&got);
	scenario_key_changes(s);

	CHANGE_FAILS(KMS_ERR_EXISTS, "cannot add key 'TK-1'", store_key_add(s, &k, &err));
	k.cka_id = ID_2;
	CHANGE_FAILS(KMS_ERR_EXISTS, "label", store_key_add(s, &k, &err));
	k.label = "TK-2";
	k.keyset = "Unknown";
	CHANGE_FAILS(KMS_ERR_NOT_FOUND, "refers to", store_key_add(s, &k, &err));
	k.keyset = NULL;
	k.check_value = "8baf47";
	CHANGE_FAILS(KMS_ERR_INVALID, "check_value", store_key_add(s, &k, &err));

	/* A void key leaves its label free; a destroyed one too. */
	CHANGE(store_key_set_state(s, ID_1, "pending", "void", "rolled back", 410, &err));
	FAILS(KMS_ERR_NOT_FOUND, "no key 'TK-1'", store_key_by_label(s, "TK-1", &got, &err));
	k = scenario_key();
	k.cka_id = ID_2;
	CHANGE(store_key_add(s, &k, &err));
	OK(store_key_by_label(s, "TK-1", &got, &err));
	same_key(&got, &k);
	store_key_free(&got);
	CHANGE_FAILS(KMS_ERR_STATE, "is pending, not active",
		store_key_set_state(s, ID_2, "active", "suspended", NULL, 1, &err));
	CHANGE_FAILS(KMS_ERR_NOT_FOUND, ID_3,
		store_key_set_state(s, ID_3, "active", "suspended", NULL, 1, &err));
	CHANGE_FAILS(KMS_ERR_INVALID, "'asleep'",
		store_key_set_state(s, ID_2, "pending", "asleep", NULL, 1, &err));
	CHANGE_FAILS(KMS_ERR_EXISTS, "label",
		store_key_set_state(s, ID_1, "void", "pending", NULL, 1, &err));

	k.cka_id = ID_3;
	k.label = "A-first";
	k.role = "enc";
	k.keyset = k.op_id = NULL;
	CHANGE(store_key_add(s, &k, &err));
	scenario_key_filters(s);
}

static void same_doc(const struct store_doc *a, const struct store_doc *b)
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

static void scenario_docs(struct store *s)
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

struct scenario_walk {
	int64_t next;
	int64_t stop; /* the callback fails there */
};

static enum kms_status scenario_visit(
	void *context, const struct store_entry *entry, struct kms_err *err)
{
	struct scenario_walk *walk = context;
	char text[32];

	snprintf(text, sizeof(text), "entry %lld", (long long)walk->next);
	assert_int_equal(entry->seq, walk->next);
	assert_string_equal(entry->text, text);
	assert_int_equal(entry->time, 1000 + walk->next);
	if (walk->next++ == walk->stop)
		return kms_fail(err, KMS_ERR_MISMATCH, "stopped at %lld", (long long)entry->seq);
	return KMS_OK;
}

static void scenario_audit_walk(struct store *s)
{
	struct scenario_walk walk = {.stop = -1};
	struct kms_err err = {0};

	OK(store_audit_each(s, 0, 600, scenario_visit, &walk, &err));
	assert_int_equal(walk.next, 600);
	walk.next = 250;
	OK(store_audit_each(s, 250, 300, scenario_visit, &walk, &err));
	assert_int_equal(walk.next, 300);
	walk.next = 0;
	walk.stop = 270;
	FAILS(KMS_ERR_MISMATCH, "stopped at 270",
		store_audit_each(s, 0, 600, scenario_visit, &walk, &err));
	walk.next = 512;
	walk.stop = -1;
	OK(store_audit_each(s, 512, 9999, scenario_visit, &walk, &err));
	assert_int_equal(walk.next, 600);
	OK(store_audit_each(s, 600, 9999, scenario_visit, &walk, &err));
	assert_int_equal(walk.next, 600);
}

static void scenario_append(struct store *s, int64_t from, int64_t to)
{
	static char texts[600][32];
	static struct store_entry entries[600];
	struct kms_err err = {0};

	for (int64_t i = from; i < to; i++) {
		snprintf(texts[i], sizeof(texts[i]), "entry %lld", (long long)i);
		entries[i] = (struct store_entry){
			i, 1000 + i, "A. Ortiz", "key-create", texts[i], HEX_32};
	}
	CHANGE(store_audit_append(s, entries + from, (size_t)(to - from), &err));
}

static void scenario_audit_entries(struct store *s)
{
	struct store_entry gap = {601, 1, "x", "y", "z", HEX_32};
	STORE_AUTO(entry) struct store_entry got = {0};
	struct kms_err err = {0};
	int64_t size = -1;

	OK(store_audit_size(s, &size, &err));
	assert_int_equal(size, 0);
	scenario_append(s, 0, 1);
	scenario_append(s, 1, 600);
	OK(store_audit_size(s, &size, &err));
	assert_int_equal(size, 600);
	OK(store_audit_get(s, 599, &got, &err));
	assert_string_equal(got.actor, "A. Ortiz");
	assert_string_equal(got.operation, "key-create");
	assert_string_equal(got.leaf, HEX_32);
	store_entry_free(&got);
	FAILS(KMS_ERR_NOT_FOUND, "no audit entry 600", store_audit_get(s, 600, &got, &err));
	CHANGE_FAILS(KMS_ERR_STATE, "the next one is 600", store_audit_append(s, &gap, 1, &err));
	gap.seq = 599;
	CHANGE_FAILS(KMS_ERR_STATE, "the next one is 600", store_audit_append(s, &gap, 1, &err));
	gap.seq = 600;
	gap.leaf = "00";
	CHANGE_FAILS(KMS_ERR_INVALID, "audit entry 600", store_audit_append(s, &gap, 1, &err));
	scenario_audit_walk(s);
}

static void scenario_audit_tree(struct store *s)
{
	struct store_node nodes[] = {{0, 0, HEX_32}, {0, 1, HEX_32}, {1, 0, HEX_32}};
	struct store_checkpoint point = {600, HEX_32, "site\n600\n\n— sig\n", 700};
	STORE_AUTO(checkpoint_list) struct store_checkpoint_list points = {0};
	STORE_AUTO(checkpoint) struct store_checkpoint last = {0};
	STORE_AUTO(node) struct store_node got = {0};
	struct kms_err err = {0};

	CHANGE(store_audit_node_add(s, nodes, 3, &err));
	CHANGE_FAILS(KMS_ERR_EXISTS, "audit node 1/0", store_audit_node_add(s, nodes + 2, 1, &err));
	OK(store_audit_node_get(s, 0, 1, &got, &err));
	assert_string_equal(got.hash, HEX_32);
	assert_int_equal(got.idx, 1);
	store_node_free(&got);
	FAILS(KMS_ERR_NOT_FOUND, "audit node 1/1", store_audit_node_get(s, 1, 1, &got, &err));

	FAILS(KMS_ERR_NOT_FOUND, "no checkpoint", store_checkpoint_last(s, &last, &err));
	CHANGE(store_checkpoint_add(s, &point, &err));
	CHANGE_FAILS(KMS_ERR_EXISTS, "600 audit entries", store_checkpoint_add(s, &point, &err));
	point.size = 1000;
	CHANGE(store_checkpoint_add(s, &point, &err));
	OK(store_checkpoint_last(s, &last, &err));
	assert_int_equal(last.size, 1000);
	assert_string_equal(last.root, HEX_32);
	assert_string_equal(last.note, point.note);
	assert_int_equal(last.time, 700);
	OK(store_checkpoints(s, &points, &err));
	assert_int_equal(points.count, 2);
	assert_int_equal(points.items[0].size, 600);
}

/* The store must be fresh, and opened through a backend from scenario_count. */
static int scenario_all(struct store *s)
{
	scenario_site(s);
	scenario_counter(s);
	scenario_officers(s);
	scenario_partners(s);
	scenario_ops(s);
	scenario_ceremonies(s);
	scenario_keysets(s);
	scenario_keys(s);
	scenario_docs(s);
	scenario_audit_entries(s);
	scenario_audit_tree(s);
	for (int i = 0; i < STORE_SQL_COUNT; i++)
		if (!scenario_ran[i])
			fail_msg("statement %d was never run: %s", i, store_statements[i].text);
	return STORE_SQL_COUNT;
}

#endif
