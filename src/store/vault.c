/* SPDX-License-Identifier: Apache-2.0 */
#include "store/vault.h"

#include "store/query.h"

static const char *const hsm_kinds[] = {"production", "vault", NULL};
static const char *const hsm_states[] = {"pending", "active", "removed", NULL};
static const char *const copy_states[] = {"pending", "active", "destroyed", "void", NULL};

/* ---- HSMs ---- */

static const struct store_field hsm_fields[] = {
	STORE_TEXT(struct store_hsm, name),
	STORE_TEXT(struct store_hsm, uri),
	STORE_TEXT_OPT(struct store_hsm, init_args),
	STORE_WORD(struct store_hsm, kind, hsm_kinds),
	STORE_WORD(struct store_hsm, state, hsm_states),
	STORE_TEXT_OPT(struct store_hsm, serial),
	STORE_HEX_OPT(struct store_hsm, op_id, 32),
	STORE_INT(struct store_hsm, added),
	STORE_INT(struct store_hsm, changed),
};

static const struct store_row_type hsm_type =
	STORE_ROW_TYPE("hsm", "HSM", struct store_hsm, hsm_fields);

enum kms_status store_hsm_add(struct store *s, const struct store_hsm *hsm, struct kms_err *err)
{
	return store_row_put(s, SQL_HSM_ADD, &hsm_type, hsm, hsm->name, err);
}

enum kms_status store_hsm_get(
	struct store *s, const char *name, struct store_hsm *ret_hsm, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_HSM_GET, err);
	enum kms_status st;
	bool found;

	store_put_text(&q, name);
	st = store_fetch(&q, &hsm_type, ret_hsm, &found);
	if (st || found)
		return st;
	kms_fail(err, KMS_ERR_NOT_FOUND, "no HSM '%s'", name);
	kms_hint(err, "'cardkms hsm list' shows the site's HSMs; 'cardkms hsm add' adds one");
	return KMS_ERR_NOT_FOUND;
}

enum kms_status store_hsms(struct store *s, struct store_hsm_list *ret_list, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_HSM_LIST, err);
	void *items = NULL;
	size_t count = 0;
	enum kms_status st;

	st = store_fetch_all(&q, &hsm_type, &items, &count);
	if (!st)
		*ret_list = (struct store_hsm_list){items, count};
	return st;
}

/* Why a change from a state found no row. */
static enum kms_status not_in_state(struct store *s, const struct store_row_type *type,
	const char *name, const char *from, struct kms_err *err)
{
	return store_doom(s, kms_fail(err, KMS_ERR_STATE, "%s '%s' cannot be changed: it is not %s",
				     type->noun, name, from));
}

enum kms_status store_hsm_update(
	struct store *s, const struct store_hsm *hsm, const char *from, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_HSM_UPDATE, err);
	int64_t changes = 0;
	enum kms_status st;

	store_put_text(&q, hsm->name);
	store_put_word(&q, "state of an HSM", hsm->state, hsm_states);
	store_put_text(&q, hsm->serial);
	store_put_int(&q, hsm->changed);
	store_put_word(&q, "state of an HSM", from, hsm_states);
	st = store_run(&q, &changes);
	return st || changes ? st : not_in_state(s, &hsm_type, hsm->name, from, err);
}

void store_hsm_free(struct store_hsm *hsm)
{
	store_row_free(&hsm_type, hsm);
}

void store_hsm_list_free(struct store_hsm_list *list)
{
	store_row_list_free(&hsm_type, list->items, list->count);
	*list = (struct store_hsm_list){0};
}

/* ---- copies ---- */

static const struct store_field copy_fields[] = {
	STORE_TEXT(struct store_copy, hsm),
	STORE_HEX(struct store_copy, cka_id, 32),
	STORE_WORD(struct store_copy, state, copy_states),
	STORE_TEXT(struct store_copy, via),
	STORE_HEX_OPT(struct store_copy, proof, 0),
	STORE_HEX(struct store_copy, op_id, 32),
	STORE_INT(struct store_copy, created),
	STORE_INT(struct store_copy, changed),
};

static const struct store_row_type copy_type =
	STORE_ROW_TYPE("key_copy", "copy", struct store_copy, copy_fields);

enum kms_status store_copy_add(struct store *s, const struct store_copy *copy, struct kms_err *err)
{
	return store_row_put(s, SQL_COPY_ADD, &copy_type, copy, copy->cka_id, err);
}

enum kms_status store_copies(struct store *s, const struct store_copy_filter *filter,
	struct store_copy_list *ret_list, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_COPY_LIST, err);
	void *items = NULL;
	size_t count = 0;
	enum kms_status st;

	store_put_text(&q, filter->hsm);
	store_put_text(&q, filter->cka_id);
	store_put_text(&q, filter->state);
	store_put_text(&q, filter->op_id);
	st = store_fetch_all(&q, &copy_type, &items, &count);
	if (!st)
		*ret_list = (struct store_copy_list){items, count};
	return st;
}

enum kms_status store_copy_update(
	struct store *s, const struct store_copy *copy, const char *from, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_COPY_UPDATE, err);
	int64_t changes = 0;
	enum kms_status st;

	store_put_text(&q, copy->hsm);
	store_put_text(&q, copy->cka_id);
	store_put_word(&q, "state of a copy", copy->state, copy_states);
	store_put_text(&q, copy->proof);
	store_put_int(&q, copy->changed);
	store_put_word(&q, "state of a copy", from, copy_states);
	st = store_run(&q, &changes);
	return st || changes ? st : not_in_state(s, &copy_type, copy->cka_id, from, err);
}

void store_copy_free(struct store_copy *copy)
{
	store_row_free(&copy_type, copy);
}

void store_copy_list_free(struct store_copy_list *list)
{
	store_row_list_free(&copy_type, list->items, list->count);
	*list = (struct store_copy_list){0};
}

/* ---- backups ---- */

static const struct store_field backup_fields[] = {
	STORE_TEXT(struct store_backup, id),
	STORE_HEX(struct store_backup, sha256, 64),
	STORE_TEXT(struct store_backup, site_key),
	STORE_INT(struct store_backup, keys),
	STORE_HEX(struct store_backup, op_id, 32),
	STORE_INT(struct store_backup, created),
};

static const struct store_row_type backup_type =
	STORE_ROW_TYPE("backup", "backup", struct store_backup, backup_fields);

enum kms_status store_backup_add(
	struct store *s, const struct store_backup *backup, struct kms_err *err)
{
	return store_row_add(s, SQL_BACKUP_ADD, &backup_type, backup, backup->id, err);
}

enum kms_status store_backup_add_key(
	struct store *s, const char *backup, const char *cka_id, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_BACKUP_KEY_ADD, err);

	store_put_text(&q, backup);
	store_put_text(&q, cka_id);
	return store_run(&q, NULL);
}

static enum kms_status backups(struct store_query *q, struct store_backup_list *ret_list)
{
	void *items = NULL;
	size_t count = 0;
	enum kms_status st = store_fetch_all(q, &backup_type, &items, &count);

	if (!st)
		*ret_list = (struct store_backup_list){items, count};
	return st;
}

enum kms_status store_backups(
	struct store *s, struct store_backup_list *ret_list, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_BACKUP_LIST, err);

	return backups(&q, ret_list);
}

enum kms_status store_backups_of(struct store *s, const char *cka_id,
	struct store_backup_list *ret_list, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_BACKUP_OF_KEY, err);

	store_put_text(&q, cka_id);
	return backups(&q, ret_list);
}

void store_backup_free(struct store_backup *backup)
{
	store_row_free(&backup_type, backup);
}

void store_backup_list_free(struct store_backup_list *list)
{
	store_row_list_free(&backup_type, list->items, list->count);
	*list = (struct store_backup_list){0};
}

/* ---- former identities ---- */

static const struct store_field former_fields[] = {
	STORE_INT(struct store_former, seq),
	STORE_HEX(struct store_former, fingerprint, 64),
	STORE_TEXT(struct store_former, document),
	STORE_TEXT(struct store_former, reason),
	STORE_INT(struct store_former, ended),
};

static const struct store_row_type former_type =
	STORE_ROW_TYPE("former_identity", "former identity", struct store_former, former_fields);

enum kms_status store_former_add(
	struct store *s, const struct store_former *former, struct kms_err *err)
{
	return store_row_add(s, SQL_FORMER_ADD, &former_type, former, former->fingerprint, err);
}

enum kms_status store_formers(
	struct store *s, struct store_former_list *ret_list, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_FORMER_LIST, err);
	void *items = NULL;
	size_t count = 0;
	enum kms_status st;

	st = store_fetch_all(&q, &former_type, &items, &count);
	if (!st)
		*ret_list = (struct store_former_list){items, count};
	return st;
}

void store_former_free(struct store_former *former)
{
	store_row_free(&former_type, former);
}

void store_former_list_free(struct store_former_list *list)
{
	store_row_list_free(&former_type, list->items, list->count);
	*list = (struct store_former_list){0};
}
