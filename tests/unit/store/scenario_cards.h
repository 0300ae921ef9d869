/* SPDX-License-Identifier: Apache-2.0 */
/* Part of the walk of scenario.h: cards, security domains, replacement journal, card history. */
#ifndef STORE_SCENARIO_CARDS_H
#define STORE_SCENARIO_CARDS_H

#include "store/cards.h"
#include "store/issue.h"
#include "store/journal.h"
#include "store/keys.h"
#include "store/shipments.h"
#include "unit/store/check.h"

#define CARD_1 "47906C01000000000001"
#define CARD_2 "47906C01000000000002"
#define CARD_3 "47906C01000000000003"
#define CARD_4 "47906C01000000000004"
#define ISD    "A000000151000000"
#define SSD    "A00000015153504101"
#define KDD_1  "0000000000000000000A"
#define KDD_2  "0000000000000000000B"
#define CPLC   HEX_32 "00112233445566778899"
#define MAKER  "MakerSet1"
#define ISSUER "IssuerSet1"
#define OP_C1  "0C000000000000000000000000000001"
#define OP_C2  "0C000000000000000000000000000002"
#define OP_C3  "0C000000000000000000000000000003"
#define OP_C4  "0C000000000000000000000000000004"

static inline struct store_card scenario_card(const char *id)
{
	return (struct store_card){
		id, "cplc", "jcop4", CPLC, "42", "4501", "known", "seen", 1000, 1001};
}

static inline struct store_domain scenario_domain(const char *card_id)
{
	return (struct store_domain){
		card_id, ISD, "A0000001510000", MAKER, 0x20, 3, 0x70, KDD_1, "active", 1, 2, 1002};
}

static inline struct store_change scenario_change(const char *op_id, const char *card_id)
{
	return (struct store_change){op_id, card_id, ISD, "replace", "add-delete", "intended",
		MAKER, 0x20, KDD_1, ISSUER, 0x30, KDD_2, 1100, 1101, 0, NULL, NULL};
}

static inline void same_card(const struct store_card *a, const struct store_card *b)
{
	SAME_TEXT(a, b, id);
	SAME_TEXT(a, b, id_source);
	SAME_TEXT(a, b, profile);
	SAME_TEXT(a, b, cplc);
	SAME_TEXT(a, b, iin);
	SAME_TEXT(a, b, cin);
	SAME_TEXT(a, b, state);
	SAME_TEXT(a, b, state_reason);
	SAME_INT(a, b, created);
	SAME_INT(a, b, changed);
}

static inline void same_domain(const struct store_domain *a, const struct store_domain *b)
{
	SAME_TEXT(a, b, card_id);
	SAME_TEXT(a, b, aid);
	SAME_TEXT(a, b, parent);
	SAME_TEXT(a, b, keyset);
	SAME_INT(a, b, version);
	SAME_INT(a, b, scp);
	SAME_INT(a, b, scp_i);
	SAME_TEXT(a, b, kdd);
	SAME_TEXT(a, b, state);
	SAME_INT(a, b, auth_failures);
	SAME_INT(a, b, inits);
	SAME_INT(a, b, changed);
}

static inline void same_change(const struct store_change *a, const struct store_change *b)
{
	SAME_TEXT(a, b, op_id);
	SAME_TEXT(a, b, card_id);
	SAME_TEXT(a, b, aid);
	SAME_TEXT(a, b, kind);
	SAME_TEXT(a, b, rule);
	SAME_TEXT(a, b, step);
	SAME_TEXT(a, b, old_keyset);
	SAME_INT(a, b, old_version);
	SAME_TEXT(a, b, old_kdd);
	SAME_TEXT(a, b, new_keyset);
	SAME_INT(a, b, new_version);
	SAME_TEXT(a, b, new_kdd);
	SAME_INT(a, b, started);
	SAME_INT(a, b, changed);
	SAME_INT(a, b, finished);
	SAME_TEXT(a, b, outcome);
	SAME_TEXT(a, b, reason);
}

/* What the rows of cards refer to. */
static inline void scenario_card_base(struct store *s)
{
	static const char *const ops[] = {OP_C1, OP_C2, OP_C3, OP_C4};
	struct store_keyset k = {.name = MAKER,
		.customer = "Bank",
		.algorithm = "aes128",
		.diversification = "kdf3",
		.exportable = "partner",
		.origin = "Maker",
		.state = "active",
		.created = 900};
	struct store_op op = {
		NULL, "card-replace", "card", "A. Ortiz", 900, "intent", NULL, 0, NULL};
	struct kms_err err = {0};

	OK(store_begin(s, &err));
	OK(store_keyset_add(s, &k, &err));
	k.name = ISSUER;
	OK(store_keyset_add(s, &k, &err));
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		op.id = ops[i];
		OK(store_op_add(s, &op, &err));
	}
	OK(store_commit(s, &err));
}

/* The ids of a page, by their last digits: "1,2". */
static inline void scenario_page(struct store *s, struct store_card_filter filter, const char *want)
{
	STORE_AUTO(card_list) struct store_card_list list = {0};
	struct kms_err err = {0};
	char got[64] = "";

	OK(store_cards(s, &filter, &list, &err));
	for (size_t i = 0; i < list.count; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%c", i ? "," : "",
			list.items[i].id[strlen(list.items[i].id) - 1]);
	assert_string_equal(got, want);
}

static inline void scenario_card_pages(struct store *s)
{
	STORE_AUTO(card_list) struct store_card_list list = {0};
	struct store_card_filter all = {.limit = 2};
	struct store_card_filter known = {.state = "known", .limit = 1};
	struct kms_err err = {0};

	/* 1: quarantined jcop4; 2 and 3: known secora; 4: active secora */
	scenario_page(s, all, "1,2");
	all.after = CARD_2;
	scenario_page(s, all, "3,4");
	all.after = CARD_4;
	scenario_page(s, all, "");
	scenario_page(s, known, "2");
	known.after = CARD_2;
	scenario_page(s, known, "3");
	scenario_page(s, (struct store_card_filter){.state = "known"}, "2,3");
	scenario_page(s, (struct store_card_filter){.state = "known", .profile = "jcop4"}, "");
	scenario_page(
		s, (struct store_card_filter){.state = "quarantined", .profile = "jcop4"}, "1");
	scenario_page(s, (struct store_card_filter){.profile = "secora"}, "2,3,4");
	scenario_page(s, (struct store_card_filter){.profile = "secora", .after = CARD_3}, "4");
	scenario_page(s, (struct store_card_filter){.profile = "secora", .limit = 1}, "2");
	scenario_page(s, (struct store_card_filter){.state = "active", .profile = "secora"}, "4");
	scenario_page(s, (struct store_card_filter){.state = "active", .profile = "jcop4"}, "");
	OK(store_cards(s, NULL, &list, &err));
	assert_int_equal(list.count, 4);
	FAILS(KMS_ERR_INVALID, "'asleep'",
		store_cards(s, &(struct store_card_filter){.state = "asleep"}, &list, &err));
}

static inline void scenario_cards(struct store *s)
{
	struct store_card c = scenario_card(CARD_1);
	STORE_AUTO(card) struct store_card got = {0};
	struct kms_err err = {0};

	CHANGE(store_card_add(s, &c, &err));
	OK(store_card_get(s, CARD_1, &got, &err));
	same_card(&got, &c);
	store_card_free(&got);
	CHANGE_FAILS(KMS_ERR_EXISTS, "cannot add card '" CARD_1 "'", store_card_add(s, &c, &err));
	c.id = "47906c";
	CHANGE_FAILS(KMS_ERR_INVALID, "id of the card", store_card_add(s, &c, &err));
	c = scenario_card(CARD_2);
	c.id_source = "uid";
	CHANGE_FAILS(KMS_ERR_INVALID, "id_source", store_card_add(s, &c, &err));
	c = scenario_card(CARD_2);
	c.cplc = "0011";
	CHANGE_FAILS(KMS_ERR_INVALID, "cplc", store_card_add(s, &c, &err));
	FAILS(KMS_ERR_NOT_FOUND, "no card '" CARD_2 "'", store_card_get(s, CARD_2, &got, &err));

	c = (struct store_card){CARD_2, "kdd", "secora", NULL, NULL, NULL, "known", NULL, 5, 6};
	CHANGE(store_card_add(s, &c, &err));
	OK(store_card_get(s, CARD_2, &got, &err));
	same_card(&got, &c);
	c.id_source = "iin-cin";
	c.id = CARD_3;
	CHANGE(store_card_add(s, &c, &err));
	c.id = CARD_4;
	CHANGE(store_card_add(s, &c, &err));
	c = scenario_card(CARD_4);
	c.profile = "secora";
	c.created = 77;
	CHANGE(store_card_update(s, &c, "known", &err));
	store_card_free(&got);
	OK(store_card_get(s, CARD_4, &got, &err));
	same_card(&got, &c);
	CHANGE_FAILS(KMS_ERR_STATE, "it is known, not changing",
		store_card_update(s, &c, "changing", &err));

	CHANGE(store_card_set_state(s, CARD_4, "known", "active", NULL, 1200, &err));
	CHANGE(store_card_set_state(
		s, CARD_1, "known", "quarantined", "answers to neither set", 1201, &err));
	store_card_free(&got);
	OK(store_card_get(s, CARD_1, &got, &err));
	assert_string_equal(got.state, "quarantined");
	assert_string_equal(got.state_reason, "answers to neither set");
	assert_int_equal(got.changed, 1201);
	CHANGE_FAILS(KMS_ERR_STATE, "it is quarantined, not active",
		store_card_set_state(s, CARD_1, "active", "changing", NULL, 1, &err));
	CHANGE_FAILS(KMS_ERR_NOT_FOUND, "no card '00'",
		store_card_set_state(s, "00", "active", "changing", NULL, 1, &err));
	CHANGE_FAILS(KMS_ERR_INVALID, "'asleep'",
		store_card_set_state(s, CARD_1, "quarantined", "asleep", NULL, 1, &err));
	scenario_card_pages(s);
}

static inline void scenario_domain_counters(struct store *s)
{
	struct store_domain d = scenario_domain(CARD_1);
	STORE_AUTO(domain) struct store_domain got = {0};
	struct kms_err err = {0};

	CHANGE(store_domain_set_counters(s, CARD_1, ISD, 2, 7, 1300, &err));
	/* Other keys, same card: its counters stay. */
	d = (struct store_domain){
		CARD_1, ISD, NULL, NULL, 0xFF, 2, 0x15, NULL, "changing", 0, 0, 1301};
	CHANGE(store_domain_put(s, &d, &err));
	OK(store_domain_get(s, CARD_1, ISD, &got, &err));
	d.auth_failures = 2;
	d.inits = 7;
	same_domain(&got, &d);
	CHANGE_FAILS(KMS_ERR_NOT_FOUND, "no security domain " SSD,
		store_domain_set_counters(s, CARD_4, SSD, 0, 0, 1, &err));
	CHANGE_FAILS(KMS_ERR_INVALID, "cannot count",
		store_domain_set_counters(s, CARD_1, ISD, -1, 0, 1, &err));
}

static inline void scenario_domains(struct store *s)
{
	struct store_domain d = scenario_domain(CARD_1);
	STORE_AUTO(domain) struct store_domain got = {0};
	STORE_AUTO(domain_list) struct store_domain_list list = {0};
	struct kms_err err = {0};

	CHANGE(store_domain_put(s, &d, &err));
	OK(store_domain_get(s, CARD_1, ISD, &got, &err));
	same_domain(&got, &d);
	scenario_domain_counters(s);
	CHANGE(store_domain_put(s, &d, &err));
	d.aid = SSD;
	CHANGE(store_domain_put(s, &d, &err));
	OK(store_domains(s, CARD_1, &list, &err));
	assert_int_equal(list.count, 2);
	assert_string_equal(list.items[0].aid, ISD);
	assert_string_equal(list.items[1].aid, SSD);
	FAILS(KMS_ERR_NOT_FOUND, "no security domain " ISD,
		store_domain_get(s, CARD_2, ISD, &got, &err));

	d.keyset = "Unknown";
	CHANGE_FAILS(KMS_ERR_NOT_FOUND, "refers to", store_domain_put(s, &d, &err));
	d = scenario_domain("00");
	CHANGE_FAILS(KMS_ERR_NOT_FOUND, "refers to", store_domain_put(s, &d, &err));
	d = scenario_domain(CARD_2);
	d.version = 256;
	CHANGE_FAILS(KMS_ERR_INVALID, "security domain '" ISD "'", store_domain_put(s, &d, &err));
	d = scenario_domain(CARD_2);
	d.scp = 80;
	CHANGE_FAILS(KMS_ERR_INVALID, "security domain", store_domain_put(s, &d, &err));
	d = scenario_domain(CARD_2);
	d.state = "terminated";
	CHANGE_FAILS(KMS_ERR_INVALID, "state", store_domain_put(s, &d, &err));
	d = scenario_domain(CARD_2);
	d.kdd = "0";
	CHANGE_FAILS(KMS_ERR_INVALID, "kdd", store_domain_put(s, &d, &err));
}

static inline void scenario_change_ends(struct store *s)
{
	struct store_change c = scenario_change(OP_C1, CARD_1);
	STORE_AUTO(change) struct store_change got = {0};
	struct kms_err err = {0};

	CHANGE(store_change_set_step(s, OP_C1, "doubted", 1109, &err));
	CHANGE(store_change_set_step(s, OP_C1, "put", 1110, &err));
	CHANGE_FAILS(KMS_ERR_INVALID, "'done' is no step",
		store_change_set_step(s, OP_C1, "done", 1111, &err));
	CHANGE_FAILS(
		KMS_ERR_INVALID, "'open'", store_change_finish(s, OP_C1, "open", NULL, 1111, &err));
	CHANGE_FAILS(KMS_ERR_NOT_FOUND, OP_1, store_change_set_step(s, OP_1, "put", 1111, &err));
	CHANGE(store_change_finish(s, OP_C1, "refused", "6985", 1120, &err));
	CHANGE_FAILS(KMS_ERR_STATE, "has ended already: refused",
		store_change_set_step(s, OP_C1, "proven", 1121, &err));
	CHANGE_FAILS(KMS_ERR_STATE, "has ended already: refused",
		store_change_finish(s, OP_C1, "done", NULL, 1121, &err));
	OK(store_change_get(s, OP_C1, &got, &err));
	c.step = "put";
	c.changed = c.finished = 1120;
	c.outcome = "refused";
	c.reason = "6985";
	same_change(&got, &c);
}

static inline void scenario_changes(struct store *s)
{
	struct store_change c = scenario_change(OP_C1, CARD_1);
	STORE_AUTO(change) struct store_change got = {0};
	STORE_AUTO(change_list) struct store_change_list open = {0};
	STORE_AUTO(change_list) struct store_change_list all = {0};
	struct kms_err err = {0};
	bool found = false;

	CHANGE(store_change_add(s, &c, &err));
	OK(store_change_open(s, CARD_1, ISD, &got, &found, &err));
	assert_true(found);
	same_change(&got, &c);
	store_change_free(&got);
	OK(store_change_open(s, CARD_1, SSD, &got, &found, &err));
	assert_false(found);
	FAILS(KMS_ERR_NOT_FOUND, OP_C2, store_change_get(s, OP_C2, &got, &err));

	c.op_id = OP_C2;
	CHANGE_FAILS(KMS_ERR_EXISTS, "change of card '" CARD_1 "'", store_change_add(s, &c, &err));
	c = scenario_change(OP_3, CARD_1);
	c.aid = SSD;
	CHANGE_FAILS(KMS_ERR_NOT_FOUND, "refers to", store_change_add(s, &c, &err));
	c = scenario_change(OP_C2, CARD_2);
	CHANGE_FAILS(KMS_ERR_NOT_FOUND, "refers to", store_change_add(s, &c, &err));
	c = scenario_change(OP_C2, CARD_1);
	c.aid = SSD;
	c.outcome = "done"; /* without a time */
	CHANGE_FAILS(KMS_ERR_INVALID, "change of card", store_change_add(s, &c, &err));
	c.outcome = NULL;
	c.new_version = 0x80;
	CHANGE_FAILS(KMS_ERR_INVALID, "change of card", store_change_add(s, &c, &err));
	c.new_version = 0x30;
	c.kind = "copy";
	CHANGE_FAILS(KMS_ERR_INVALID, "kind", store_change_add(s, &c, &err));
	c.kind = "domain-keys";
	c.rule = "overwrite";
	CHANGE_FAILS(KMS_ERR_INVALID, "rule", store_change_add(s, &c, &err));
	c.rule = "ff-consumed";
	c.old_keyset = c.old_kdd = c.new_kdd = NULL;
	c.old_version = 0xFF;
	c.started = 1050;
	CHANGE(store_change_add(s, &c, &err));
	OK(store_changes_open(s, 0, &open, &err));
	assert_int_equal(open.count, 2);
	same_change(&open.items[0], &c);
	store_change_list_free(&open);

	scenario_change_ends(s);
	OK(store_changes_open(s, 5, &open, &err));
	assert_int_equal(open.count, 1);
	assert_string_equal(open.items[0].op_id, OP_C2);
	OK(store_changes(s, CARD_1, &all, &err));
	assert_int_equal(all.count, 2);
	assert_string_equal(all.items[1].op_id, OP_C1);
	CHANGE(store_change_finish(
		s, OP_C2, "old-stays", "the card keeps its last set", 1130, &err));
}

static inline void scenario_dependants_are(
	struct store *s, const char *keyset, const char *const *cards, size_t count)
{
	STORE_AUTO(domain_list) struct store_domain_list list = {0};
	struct kms_err err = {0};
	int64_t counted = -1;

	OK(store_dependants_count(s, keyset, &counted, &err));
	assert_int_equal(counted, count);
	OK(store_dependants(s, keyset, NULL, NULL, 0, &list, &err));
	assert_int_equal(list.count, count);
	for (size_t i = 0; i < count; i++)
		assert_string_equal(list.items[i].card_id, cards[i]);
}

#define DEPEND(keyset, ...)                                                              \
	scenario_dependants_are(s, keyset, (const char *const[]){"", ##__VA_ARGS__} + 1, \
		sizeof((const char *const[]){"", ##__VA_ARGS__}) / sizeof(char *) - 1)

static inline void scenario_twins_are(struct store *s, const char *card_id, const char *keyset,
	const char *kdd, size_t count, const char *first)
{
	STORE_AUTO(domain_list) struct store_domain_list list = {0};
	struct kms_err err = {0};

	OK(store_domain_twins(s, card_id, keyset, kdd, 0, &list, &err));
	assert_int_equal(list.count, count);
	if (count)
		assert_string_equal(list.items[0].card_id, first);
}

/* Cards 1 (ISD and SSD), 2 and 3 hold the maker's set, 1 and 2 diversified by the same bytes. */
static inline void scenario_dependants(struct store *s)
{
	STORE_AUTO(domain_list) struct store_domain_list page = {0};
	struct store_domain d = scenario_domain(CARD_2);
	struct store_change c = scenario_change(OP_C3, CARD_2);
	struct kms_err err = {0};

	CHANGE(store_domain_put(s, &d, &err));
	d = scenario_domain(CARD_3);
	d.kdd = KDD_2;
	CHANGE(store_domain_put(s, &d, &err));
	DEPEND(MAKER, CARD_1, CARD_1, CARD_2, CARD_3);
	DEPEND(ISSUER);
	OK(store_dependants(s, MAKER, CARD_1, ISD, 2, &page, &err));
	assert_int_equal(page.count, 2);
	assert_string_equal(page.items[0].card_id, CARD_1);
	assert_string_equal(page.items[0].aid, SSD);
	assert_string_equal(page.items[1].card_id, CARD_2);
	scenario_twins_are(s, CARD_1, MAKER, KDD_1, 1, CARD_2);
	scenario_twins_are(s, CARD_2, MAKER, KDD_1, 2, CARD_1); /* both its domains */
	scenario_twins_are(s, CARD_3, MAKER, KDD_2, 0, NULL);
	scenario_twins_are(s, CARD_4, ISSUER, KDD_1, 0, NULL);

	/* While a change is open, the card may hold either set. */
	CHANGE(store_change_add(s, &c, &err));
	d = scenario_domain(CARD_2);
	d.state = "changing";
	CHANGE(store_domain_put(s, &d, &err));
	DEPEND(MAKER, CARD_1, CARD_1, CARD_2, CARD_3);
	DEPEND(ISSUER, CARD_2);
	scenario_twins_are(s, CARD_3, ISSUER, KDD_2, 1, CARD_2);
	scenario_twins_are(s, CARD_2, ISSUER, KDD_2, 0, NULL);

	/* So it may in quarantine, until a later change ends that. */
	CHANGE(store_change_finish(s, OP_C3, "quarantined", "answers to neither", 1140, &err));
	d.state = "quarantined";
	CHANGE(store_domain_put(s, &d, &err));
	DEPEND(ISSUER, CARD_2);
	scenario_twins_are(s, CARD_3, ISSUER, KDD_2, 1, CARD_2);
	c.op_id = OP_C4;
	CHANGE(store_change_add(s, &c, &err));
	DEPEND(MAKER, CARD_1, CARD_1, CARD_2, CARD_3);
	DEPEND(ISSUER, CARD_2);
	scenario_twins_are(s, CARD_3, ISSUER, KDD_2, 1, CARD_2);
	CHANGE(store_change_finish(s, OP_C4, "done", NULL, 1150, &err));
	d.state = "active";
	CHANGE(store_domain_put(s, &d, &err));
	DEPEND(ISSUER);
	scenario_twins_are(s, CARD_3, ISSUER, KDD_2, 0, NULL);

	d.keyset = ISSUER;
	CHANGE(store_domain_put(s, &d, &err));
	DEPEND(ISSUER, CARD_2);
	d = scenario_domain(CARD_3);
	d.state = "removed";
	CHANGE(store_domain_put(s, &d, &err));
	DEPEND(MAKER, CARD_1, CARD_1);
	scenario_twins_are(s, CARD_1, MAKER, KDD_1, 0, NULL);
}

static inline void scenario_card_events(struct store *s)
{
	struct store_card_event e = {CARD_1, 99, 1400, OP_C1, "A. Ortiz", "replaced", "{}"};
	STORE_AUTO(card_event_list) struct store_card_event_list list = {0};
	struct kms_err err = {0};

	CHANGE(store_card_event_add(s, &e, &err));
	e.op_id = e.detail = NULL;
	e.event = "verified";
	OK(store_begin(s, &err));
	OK(store_card_event_add(s, &e, &err));
	OK(store_card_event_add(s, &e, &err));
	e.card_id = CARD_2;
	OK(store_card_event_add(s, &e, &err));
	OK(store_commit(s, &err));
	e.card_id = "00";
	CHANGE_FAILS(KMS_ERR_NOT_FOUND, "event of card '00'", store_card_event_add(s, &e, &err));

	OK(store_card_events(s, CARD_1, 0, 0, &list, &err));
	assert_int_equal(list.count, 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(list.items[i].seq, i + 1);
	assert_string_equal(list.items[0].card_id, CARD_1);
	assert_string_equal(list.items[0].op_id, OP_C1);
	assert_string_equal(list.items[0].actor, "A. Ortiz");
	assert_string_equal(list.items[0].event, "replaced");
	assert_string_equal(list.items[0].detail, "{}");
	assert_int_equal(list.items[0].time, 1400);
	assert_null(list.items[1].op_id);
	assert_null(list.items[1].detail);
	store_card_event_list_free(&list);
	OK(store_card_events(s, CARD_1, 1, 1, &list, &err));
	assert_int_equal(list.count, 1);
	assert_int_equal(list.items[0].seq, 2);
	store_card_event_list_free(&list);
	OK(store_card_events(s, CARD_2, 0, 0, &list, &err));
	assert_int_equal(list.count, 1);
	assert_int_equal(list.items[0].seq, 1);
}

static inline void scenario_issues(struct store *s)
{
	struct store_issue issue = {CARD_1, "secured", 1, 2000, 2001};
	STORE_AUTO(issue) struct store_issue got = {0};
	struct kms_err err = {0};
	bool found = true;

	OK(store_issue_get(s, CARD_1, &got, &found, &err));
	assert_false(found);
	CHANGE(store_issue_put(s, &issue, &err));
	issue.life = "card-locked";
	issue.issues = 2;
	issue.issued = 0;
	CHANGE(store_issue_put(s, &issue, &err));
	OK(store_issue_get(s, CARD_1, &got, &found, &err));
	assert_true(found);
	SAME_TEXT(&got, &issue, card_id);
	SAME_TEXT(&got, &issue, life);
	SAME_INT(&got, &issue, issues);
	SAME_INT(&got, &issue, issued);
	SAME_INT(&got, &issue, changed);
	issue.life = "lost";
	CHANGE_FAILS(KMS_ERR_INVALID, "life", store_issue_put(s, &issue, &err));
}

#define SHIPPED_1 "47906C02000000000001"
#define SHIPPED_2 "47906C02000000000002"
#define SHIPPED_3 "47906C02000000000003"

static inline struct store_shipment scenario_shipment(const char *id, const char *direction)
{
	return (struct store_shipment){id, direction, "Maker", 1, HEX_32, "{}", OP_C1, 3000};
}

/* The cards of a gap, by their last digits. */
static inline void scenario_gaps(struct store *s, enum store_shipment_gaps which, const char *want)
{
	struct store_shipment_gap_list list = {0};
	struct kms_err err = {0};
	char got[64] = "";

	OK(store_shipment_gaps(s, which, "Maker", SHIPPED_1, 0, &list, &err));
	for (size_t i = 0; i < list.count; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%c",
			list.items[i].card_id[strlen(list.items[i].card_id) - 1]);
	assert_string_equal(got, want);
	store_shipment_gap_list_free(&list);
}

static inline void scenario_shipped_card(struct store *s, const char *id)
{
	struct store_card card = scenario_card(id);
	struct store_domain domain = scenario_domain(id);
	struct kms_err err = {0};

	card.state = "active";
	domain.parent = NULL;
	CHANGE(store_card_add(s, &card, &err));
	CHANGE(store_domain_put(s, &domain, &err));
}

static inline void scenario_shipments(struct store *s)
{
	STORE_AUTO(shipment) struct store_shipment got = {0};
	STORE_AUTO(shipment_card) struct store_shipment_card row = {0};
	STORE_AUTO(shipment_list) struct store_shipment_list all = {0};
	STORE_AUTO(shipment_card_list) struct store_shipment_card_list cards = {0};
	struct store_shipment shipment = scenario_shipment("SH-1", "out");
	struct kms_err err = {0};
	int64_t announced = 0;
	bool found = true;

	scenario_shipped_card(s, SHIPPED_1);
	scenario_shipped_card(s, SHIPPED_2);
	scenario_shipped_card(s, SHIPPED_3);
	OK(store_shipment_get(s, "SH-1", &got, &found, &err));
	assert_false(found);
	OK(store_shipment_ready(s, MAKER, "47906C02", 2, &cards, &err));
	assert_int_equal(cards.count, 2);
	assert_string_equal(cards.items[0].card_id, SHIPPED_1);
	store_shipment_card_list_free(&cards);
	OK(store_shipment_ready_card(s, SHIPPED_2, &row, &found, &err));
	assert_true(found);
	assert_string_equal(row.keyset, MAKER);
	assert_int_equal(row.version, 0x20);

	CHANGE(store_shipment_add(s, &shipment, &err));
	CHANGE_FAILS(KMS_ERR_EXISTS, "SH-1", store_shipment_add(s, &shipment, &err));
	shipment = scenario_shipment("SH-2", "in");
	CHANGE(store_shipment_add(s, &shipment, &err));
	shipment.direction = "about";
	CHANGE_FAILS(KMS_ERR_INVALID, "direction", store_shipment_add(s, &shipment, &err));
	row.shipment = (free((void *)row.shipment), strdup("SH-1"));
	CHANGE(store_shipment_card_add(s, &row, &err));
	row.shipment = (free((void *)row.shipment), strdup("SH-2"));
	row.version = 0x21;
	CHANGE(store_shipment_card_add(s, &row, &err));
	CHANGE_FAILS(KMS_ERR_EXISTS, SHIPPED_2, store_shipment_card_add(s, &row, &err));

	OK(store_shipment_of_card(s, SHIPPED_2, &got, &found, &err));
	assert_true(found);
	assert_string_equal(got.id, "SH-1");
	OK(store_shipments(s, &all, &err));
	assert_int_equal(all.count, 2);
	OK(store_shipment_cards(s, "SH-1", NULL, 0, &cards, &err));
	assert_int_equal(cards.count, 1);
	assert_string_equal(cards.items[0].card_id, SHIPPED_2);
	OK(store_shipment_announced(s, "Maker", &announced, &err));
	assert_int_equal(announced, 1);
	scenario_gaps(s, STORE_MISSING, "2");
	scenario_gaps(s, STORE_DIFFERENT, "2");
	scenario_gaps(s, STORE_UNEXPECTED, "3");
}

static inline void scenario_all_of_cards(struct store *s)
{
	scenario_card_base(s);
	scenario_cards(s);
	scenario_domains(s);
	scenario_changes(s);
	scenario_dependants(s);
	scenario_card_events(s);
	scenario_issues(s);
	scenario_shipments(s);
}

#endif
