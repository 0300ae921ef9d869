/* SPDX-License-Identifier: Apache-2.0 */
#include "store/people.h"

#include "store/query.h"

static const char *const officer_states[] = {"active", "disabled", NULL};

static const struct store_field officer_fields[] = {
	STORE_TEXT(struct store_officer, name),
	STORE_TEXT(struct store_officer, folded),
	STORE_TEXT(struct store_officer, role),
	STORE_TEXT(struct store_officer, passphrase_hash),
	STORE_WORD(struct store_officer, state, officer_states),
	STORE_INT(struct store_officer, added),
	STORE_INT(struct store_officer, changed),
	STORE_INT(struct store_officer, failures),
	STORE_INT_OPT(struct store_officer, locked),
};

static const struct store_row_type officer_type =
	STORE_ROW_TYPE("officer", "officer", struct store_officer, officer_fields);

enum kms_status store_officer_add(
	struct store *s, const struct store_officer *officer, struct kms_err *err)
{
	return store_row_add(s, SQL_OFFICER_ADD, &officer_type, officer, officer->name, err);
}

static enum kms_status no_officer(const char *name, struct kms_err *err)
{
	kms_fail(err, KMS_ERR_NOT_FOUND, "no officer '%s'", name);
	kms_hint(err, "'cardkms officer list' shows them");
	return KMS_ERR_NOT_FOUND;
}

enum kms_status store_officer_get(struct store *s, const char *folded, const char *name,
	struct store_officer *ret_officer, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_OFFICER_GET, err);
	enum kms_status st;
	bool found;

	store_put_text(&q, folded);
	st = store_fetch(&q, &officer_type, ret_officer, &found);
	return st || found ? st : no_officer(name, err);
}

enum kms_status store_officers(
	struct store *s, struct store_officer_list *ret_list, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_OFFICER_LIST, err);
	void *items = NULL;
	size_t count = 0;
	enum kms_status st;

	st = store_fetch_all(&q, &officer_type, &items, &count);
	if (!st)
		*ret_list = (struct store_officer_list){items, count};
	return st;
}

enum kms_status store_officer_update(
	struct store *s, const struct store_officer *officer, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_OFFICER_UPDATE, err);
	int64_t changes = 0;
	enum kms_status st;

	store_put_text(&q, officer->folded);
	store_put_text(&q, officer->role);
	store_put_text(&q, officer->passphrase_hash);
	store_put_word(&q, "state of an officer", officer->state, officer_states);
	store_put_int(&q, officer->changed);
	store_put_int(&q, officer->failures);
	if (officer->locked)
		store_put_int(&q, officer->locked);
	else
		store_put_text(&q, NULL);
	st = store_run(&q, &changes);
	return st || changes ? st : store_doom(s, no_officer(officer->name, err));
}

void store_officer_free(struct store_officer *officer)
{
	store_row_free(&officer_type, officer);
}

void store_officer_list_free(struct store_officer_list *list)
{
	store_row_list_free(&officer_type, list->items, list->count);
	*list = (struct store_officer_list){0};
}

static const char *const partner_states[] = {"active", "superseded", "revoked", NULL};

static const struct store_field partner_fields[] = {
	STORE_TEXT(struct store_partner, name),
	STORE_INT(struct store_partner, version),
	STORE_TEXT(struct store_partner, role),
	STORE_TEXT(struct store_partner, document),
	STORE_HEX(struct store_partner, fingerprint, 0),
	STORE_HEX(struct store_partner, identity_key, 0),
	STORE_HEX(struct store_partner, audit_key, 0),
	STORE_WORD(struct store_partner, state, partner_states),
	STORE_INT(struct store_partner, added),
	STORE_INT_OPT(struct store_partner, changed),
};

static const struct store_row_type partner_type =
	STORE_ROW_TYPE("partner", "partner", struct store_partner, partner_fields);

enum kms_status store_partner_add(struct store *s, const struct store_partner *partner,
	int64_t *ret_version, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_PARTNER_LAST_VERSION, err);
	struct store_partner row = *partner;
	enum kms_status st;
	bool found;

	store_put_text(&q, partner->name);
	row.version = 0;
	st = store_fetch_int(&q, "partner", &row.version, &found);
	if (st)
		return st;
	row.version++;
	row.state = "active";
	row.changed = 0;
	st = store_row_add(s, SQL_PARTNER_ADD, &partner_type, &row, row.name, err);
	if (!st)
		*ret_version = row.version;
	return st;
}

/* The newest row of a name that has no active one says which it is: revoked, or never enrolled. */
static enum kms_status no_partner(struct store *s, const char *name, struct kms_err *err)
{
	STORE_AUTO(partner) struct store_partner newest = {0};
	struct store_query q = store_query(s, SQL_PARTNER_NEWEST, err);
	enum kms_status st;
	bool found;

	store_put_text(&q, name);
	st = store_fetch(&q, &partner_type, &newest, &found);
	if (st)
		return st;
	if (found) {
		kms_fail(err, KMS_ERR_STATE, "partner '%s' is %s", name, newest.state);
		kms_hint(err, "enrol its new identity with 'cardkms partner add', after "
			      "comparing the fingerprint by voice");
		return KMS_ERR_STATE;
	}
	kms_fail(err, KMS_ERR_NOT_FOUND, "no partner '%s' is enrolled", name);
	kms_hint(err, "'cardkms partner list' shows the enrolled ones, 'cardkms partner add' "
		      "enrols one");
	return KMS_ERR_NOT_FOUND;
}

/* Takes the active row of the name out of use. */
static enum kms_status end_active(
	struct store *s, const char *name, const char *state, int64_t when, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_PARTNER_END, err);
	int64_t changes = 0;
	enum kms_status st;

	store_put_text(&q, name);
	store_put_word(&q, "state of a partner", state, partner_states);
	store_put_int(&q, when);
	st = store_run(&q, &changes);
	return st || changes ? st : store_doom(s, no_partner(s, name, err));
}

enum kms_status store_partner_rotate(struct store *s, const struct store_partner *partner,
	int64_t *ret_version, struct kms_err *err)
{
	enum kms_status st;

	st = end_active(s, partner->name, "superseded", partner->added, err);
	return st ? st : store_partner_add(s, partner, ret_version, err);
}

enum kms_status store_partner_revoke(
	struct store *s, const char *name, int64_t when, struct kms_err *err)
{
	return end_active(s, name, "revoked", when, err);
}

enum kms_status store_partner_get(
	struct store *s, const char *name, struct store_partner *ret_partner, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_PARTNER_GET, err);
	enum kms_status st;
	bool found;

	store_put_text(&q, name);
	st = store_fetch(&q, &partner_type, ret_partner, &found);
	return st || found ? st : no_partner(s, name, err);
}

enum kms_status store_partner_by_fingerprint(struct store *s, const char *fingerprint,
	struct store_partner *ret_partner, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_PARTNER_BY_FINGERPRINT, err);
	enum kms_status st;
	bool found;

	store_put_text(&q, fingerprint);
	st = store_fetch(&q, &partner_type, ret_partner, &found);
	if (st || found)
		return st;
	kms_fail(err, KMS_ERR_NOT_FOUND, "no partner with fingerprint %s is enrolled", fingerprint);
	kms_hint(err, "'cardkms partner list' shows the enrolled ones");
	return KMS_ERR_NOT_FOUND;
}

enum kms_status store_partners(
	struct store *s, struct store_partner_list *ret_list, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_PARTNER_LIST, err);
	void *items = NULL;
	size_t count = 0;
	enum kms_status st;

	st = store_fetch_all(&q, &partner_type, &items, &count);
	if (!st)
		*ret_list = (struct store_partner_list){items, count};
	return st;
}

void store_partner_free(struct store_partner *partner)
{
	store_row_free(&partner_type, partner);
}

void store_partner_list_free(struct store_partner_list *list)
{
	store_row_list_free(&partner_type, list->items, list->count);
	*list = (struct store_partner_list){0};
}
