/* SPDX-License-Identifier: Apache-2.0 */
/* Part of the walk of scenario.h: HSMs, copies of keys, backups, former identities. */
#ifndef STORE_SCENARIO_VAULT_H
#define STORE_SCENARIO_VAULT_H

#include "store/vault.h"
#include "unit/store/check.h"

static inline void same_hsm(const struct store_hsm *a, const struct store_hsm *b)
{
	SAME_TEXT(a, b, name);
	SAME_TEXT(a, b, uri);
	SAME_TEXT(a, b, init_args);
	SAME_TEXT(a, b, kind);
	SAME_TEXT(a, b, state);
	SAME_TEXT(a, b, serial);
	SAME_TEXT(a, b, op_id);
	SAME_INT(a, b, added);
	SAME_INT(a, b, changed);
}

static inline void scenario_hsms(struct store *s)
{
	struct store_hsm h = {
		"prod1", "pkcs11:token=x", "a=b", "production", "pending", NULL, OP_1, 500, 500};
	STORE_AUTO(hsm_list) struct store_hsm_list list = {0};
	STORE_AUTO(hsm) struct store_hsm got = {0};
	struct kms_err err = {0};

	CHANGE(store_hsm_add(s, &h, &err));
	OK(store_hsm_get(s, "prod1", &got, &err));
	same_hsm(&got, &h);
	store_hsm_free(&got);
	CHANGE_FAILS(KMS_ERR_EXISTS, "HSM 'prod1'", store_hsm_add(s, &h, &err));
	h.serial = "C0FFEE";
	h.state = "active";
	h.changed = 510;
	CHANGE_FAILS(KMS_ERR_STATE, "not active", store_hsm_update(s, &h, "active", &err));
	CHANGE(store_hsm_update(s, &h, "pending", &err));
	OK(store_hsm_get(s, "prod1", &got, &err));
	same_hsm(&got, &h);
	store_hsm_free(&got);

	/* A removed one is not there, and its name can be used again. */
	h.state = "removed";
	CHANGE(store_hsm_update(s, &h, "active", &err));
	FAILS(KMS_ERR_NOT_FOUND, "no HSM 'prod1'", store_hsm_get(s, "prod1", &got, &err));
	h.state = "active";
	h.kind = "vault";
	h.init_args = h.op_id = NULL;
	CHANGE(store_hsm_add(s, &h, &err));
	h.kind = "toaster";
	h.name = "kitchen";
	CHANGE_FAILS(KMS_ERR_INVALID, "kind", store_hsm_add(s, &h, &err));
	OK(store_hsms(s, &list, &err));
	assert_int_equal(list.count, 1);
	assert_string_equal(list.items[0].kind, "vault");
}

static inline void scenario_copy_filters(struct store *s)
{
	static const struct {
		struct store_copy_filter filter;
		size_t count;
	} rows[] = {
		{{0}, 2},
		{{.hsm = "prod1"}, 2},
		{{.hsm = "prod2"}, 0},
		{{.cka_id = ID_2}, 1},
		{{.state = "void"}, 1},
		{{.op_id = OP_1}, 2},
		{{.op_id = OP_2}, 0},
		{{.hsm = "prod1", .cka_id = ID_3, .state = "active", .op_id = OP_1}, 1},
	};
	struct kms_err err = {0};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		STORE_AUTO(copy_list) struct store_copy_list list = {0};

		OK(store_copies(s, &rows[i].filter, &list, &err));
		assert_int_equal(list.count, rows[i].count);
	}
}

static inline void scenario_copies(struct store *s)
{
	struct store_copy c = {"prod1", ID_2, "pending", "ZK-1", NULL, OP_1, 600, 600};
	STORE_AUTO(copy_list) struct store_copy_list list = {0};
	const struct store_copy_filter all = {0};
	struct kms_err err = {0};

	CHANGE(store_copy_add(s, &c, &err));
	CHANGE_FAILS(KMS_ERR_EXISTS, ID_2, store_copy_add(s, &c, &err));
	c.state = "active";
	c.proof = "ABCD";
	c.changed = 610;
	CHANGE_FAILS(KMS_ERR_STATE, "not active", store_copy_update(s, &c, "active", &err));
	CHANGE(store_copy_update(s, &c, "pending", &err));
	OK(store_copies(s, &all, &list, &err));
	assert_int_equal(list.count, 1);
	SAME_TEXT(&list.items[0], &c, hsm);
	SAME_TEXT(&list.items[0], &c, cka_id);
	SAME_TEXT(&list.items[0], &c, state);
	SAME_TEXT(&list.items[0], &c, via);
	SAME_TEXT(&list.items[0], &c, proof);
	SAME_TEXT(&list.items[0], &c, op_id);
	SAME_INT(&list.items[0], &c, created);
	SAME_INT(&list.items[0], &c, changed);
	CHANGE_FAILS(KMS_ERR_EXISTS, ID_2, store_copy_add(s, &c, &err));

	/* What has ended can be made again. */
	c.state = "destroyed";
	CHANGE(store_copy_update(s, &c, "active", &err));
	c.state = "pending";
	CHANGE(store_copy_add(s, &c, &err));
	c.state = "void";
	CHANGE(store_copy_update(s, &c, "pending", &err));
	c.cka_id = ID_3;
	c.state = "active";
	CHANGE(store_copy_add(s, &c, &err));
	c.hsm = "nowhere";
	CHANGE_FAILS(KMS_ERR_NOT_FOUND, "refers to", store_copy_add(s, &c, &err));
	scenario_copy_filters(s);
}

static inline void scenario_backups(struct store *s)
{
	struct store_backup b = {"BK-2", HEX_32, "SK-1", 2, OP_1, 700};
	STORE_AUTO(backup_list) struct store_backup_list list = {0};
	struct kms_err err = {0};

	CHANGE(store_backup_add(s, &b, &err));
	CHANGE_FAILS(KMS_ERR_EXISTS, "backup 'BK-2'", store_backup_add(s, &b, &err));
	CHANGE(store_backup_add_key(s, "BK-2", ID_2, &err));
	CHANGE_FAILS(KMS_ERR_NOT_FOUND, "refers to", store_backup_add_key(s, "BK-3", ID_2, &err));
	b.id = "BK-1";
	b.created = 690;
	CHANGE(store_backup_add(s, &b, &err));
	OK(store_backups(s, &list, &err));
	assert_int_equal(list.count, 2);
	assert_string_equal(list.items[0].id, "BK-1");
	SAME_TEXT(&list.items[0], &b, sha256);
	SAME_TEXT(&list.items[0], &b, site_key);
	SAME_TEXT(&list.items[0], &b, op_id);
	SAME_INT(&list.items[0], &b, keys);
	SAME_INT(&list.items[0], &b, created);
	store_backup_list_free(&list);
	OK(store_backups_of(s, ID_2, &list, &err));
	assert_int_equal(list.count, 1);
	assert_string_equal(list.items[0].id, "BK-2");
	store_backup_list_free(&list);
	OK(store_backups_of(s, ID_3, &list, &err));
	assert_int_equal(list.count, 0);
}

static inline void scenario_formers(struct store *s)
{
	struct store_former f = {1, HEX_32, "{}\n", "burnt", 800};
	STORE_AUTO(former_list) struct store_former_list list = {0};
	struct kms_err err = {0};

	CHANGE(store_former_add(s, &f, &err));
	f.seq = 2;
	CHANGE_FAILS(KMS_ERR_EXISTS, HEX_32, store_former_add(s, &f, &err));
	f.seq = 0;
	CHANGE_FAILS(KMS_ERR_INVALID, "former identity", store_former_add(s, &f, &err));
	OK(store_formers(s, &list, &err));
	assert_int_equal(list.count, 1);
	SAME_TEXT(&list.items[0], &f, fingerprint);
	SAME_TEXT(&list.items[0], &f, document);
	SAME_TEXT(&list.items[0], &f, reason);
	assert_int_equal(list.items[0].seq, 1);
	assert_int_equal(list.items[0].ended, 800);
}

#endif
