/* SPDX-License-Identifier: Apache-2.0 */
/* Part of the walk of scenario.h: key sets and keys. */
#ifndef STORE_SCENARIO_KEYS_H
#define STORE_SCENARIO_KEYS_H

#include "store/keys.h"
#include "unit/store/check.h"

static inline struct store_keyset scenario_keyset(void)
{
	return (struct store_keyset){"OPMasterKey2", "Bank", "aes256", "kdf3", "template {kdd}",
		0x20, "partner", "36 months", "generated", "order 17", "pending", OP_1, 300};
}

static inline void same_keyset(const struct store_keyset *a, const struct store_keyset *b)
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

static inline void scenario_keysets(struct store *s)
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

static inline struct store_key scenario_key(void)
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

static inline void same_key(const struct store_key *a, const struct store_key *b)
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

static inline size_t scenario_count_keys(struct store *s, struct store_key_filter filter)
{
	STORE_AUTO(key_list) struct store_key_list list = {0};
	struct kms_err err = {0};

	OK(store_keys(s, &filter, &list, &err));
	return list.count;
}

static inline void scenario_key_filters(struct store *s)
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

static inline void scenario_key_changes(struct store *s)
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
	store_key_free(&got);
	OK(store_key_get(s, ID_1, &got, &err));
	same_key(&got, &k);
}

static inline void scenario_keys(struct store *s)
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

#endif
