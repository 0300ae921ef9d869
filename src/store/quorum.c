/* SPDX-License-Identifier: Apache-2.0 */
#include "store/quorum.h"

#include "store/query.h"

static const char *const quorum_states[] = {"active", "ended", NULL};
static const char *const pin_kinds[] = {"user", "so", NULL};
static const char *const pin_states[] = {"next", "current", "old", NULL};

/* ---- generations ---- */

static const struct store_field quorum_fields[] = {
	STORE_INT(struct store_quorum, generation),
	STORE_WORD(struct store_quorum, state, quorum_states),
	STORE_INT(struct store_quorum, threshold),
	STORE_TEXT(struct store_quorum, hsm_serial),
	STORE_HEX(struct store_quorum, commitment, 64),
	STORE_INT_OPT(struct store_quorum, break_glass),
	STORE_HEX(struct store_quorum, op_id, 32),
	STORE_INT(struct store_quorum, created),
	STORE_INT_OPT(struct store_quorum, ended),
};

static const struct store_row_type quorum_type =
	STORE_ROW_TYPE("quorum", "quorum", struct store_quorum, quorum_fields);

enum kms_status store_quorum_add(
	struct store *s, const struct store_quorum *quorum, struct kms_err *err)
{
	return store_row_add(s, SQL_QUORUM_ADD, &quorum_type, quorum, quorum->hsm_serial, err);
}

enum kms_status store_quorum_active(
	struct store *s, struct store_quorum *ret_quorum, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_QUORUM_ACTIVE, err);
	enum kms_status st;
	bool found;

	st = store_fetch(&q, &quorum_type, ret_quorum, &found);
	if (st || found)
		return st;
	kms_fail(err, KMS_ERR_NOT_FOUND, "this site has no quorum");
	return kms_hint(err, "'cardkms quorum set' makes one");
}

static enum kms_status last_number(struct store_query *q, int64_t *ret_number)
{
	bool found;
	int64_t number = 0;
	enum kms_status st = store_fetch_int(q, "number", &number, &found);

	if (!st)
		*ret_number = found ? number : 0;
	return st;
}

enum kms_status store_quorum_last(struct store *s, int64_t *ret_generation, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_QUORUM_LAST, err);

	return last_number(&q, ret_generation);
}

static enum kms_status forget_pins(struct store *s, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (size_t k = 0; !st && pin_kinds[k]; k++)
		for (size_t i = 0; !st && pin_states[i]; i++)
			st = store_pin_drop(s, pin_kinds[k], pin_states[i], err);
	return st;
}

static enum kms_status forget_shares(struct store *s, int64_t generation, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_MEMBER_FORGET, err);

	store_put_int(&q, generation);
	return store_run(&q, NULL);
}

enum kms_status store_quorum_end(
	struct store *s, int64_t generation, int64_t when, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_QUORUM_END, err);
	int64_t changes = 0;
	enum kms_status st;

	store_put_int(&q, generation);
	store_put_int(&q, when);
	st = store_run(&q, &changes);
	if (!st && !changes)
		st = store_doom(s, kms_fail(err, KMS_ERR_STATE, "that quorum is not active"));
	if (!st)
		st = forget_shares(s, generation, err);
	return st ? st : forget_pins(s, err);
}

enum kms_status store_quorum_glass(
	struct store *s, int64_t generation, int64_t when, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_QUORUM_GLASS, err);

	store_put_int(&q, generation);
	store_put_int(&q, when);
	return store_run(&q, NULL);
}

void store_quorum_free(struct store_quorum *quorum)
{
	store_row_free(&quorum_type, quorum);
}

/* ---- members ---- */

static const struct store_field member_fields[] = {
	STORE_INT(struct store_member, generation), STORE_INT(struct store_member, position),
	STORE_TEXT(struct store_member, folded), STORE_HEX(struct store_member, public_key, 64),
	STORE_TEXT_OPT(struct store_member, share), /* what is wrong in it, its opening says */
};

static const struct store_row_type member_type =
	STORE_ROW_TYPE("quorum_member", "member", struct store_member, member_fields);

enum kms_status store_member_add(
	struct store *s, const struct store_member *member, struct kms_err *err)
{
	return store_row_add(s, SQL_MEMBER_ADD, &member_type, member, member->folded, err);
}

enum kms_status store_members(struct store *s, int64_t generation,
	struct store_member_list *ret_list, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_MEMBER_LIST, err);
	void *items = NULL;
	size_t count = 0;
	enum kms_status st;

	store_put_int(&q, generation);
	st = store_fetch_all(&q, &member_type, &items, &count);
	if (!st)
		*ret_list = (struct store_member_list){items, count};
	return st;
}

void store_member_free(struct store_member *member)
{
	store_row_free(&member_type, member);
}

void store_member_list_free(struct store_member_list *list)
{
	store_row_list_free(&member_type, list->items, list->count);
	*list = (struct store_member_list){0};
}

/* ---- officers' keys ---- */

static const struct store_field key_fields[] = {
	STORE_TEXT(struct store_officer_key, folded),
	STORE_TEXT(struct store_officer_key, sealed),
	STORE_INT(struct store_officer_key, changed),
};

static const struct store_row_type key_type =
	STORE_ROW_TYPE("officer_key", "officer's key", struct store_officer_key, key_fields);

enum kms_status store_officer_key_set(
	struct store *s, const struct store_officer_key *key, struct kms_err *err)
{
	return store_row_add(s, SQL_OFFICER_KEY_SET, &key_type, key, key->folded, err);
}

enum kms_status store_officer_key_get(
	struct store *s, const char *folded, struct store_officer_key *ret_key, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_OFFICER_KEY_GET, err);
	enum kms_status st;
	bool found;

	store_put_text(&q, folded);
	st = store_fetch(&q, &key_type, ret_key, &found);
	return st || found ? st : kms_fail(err, KMS_ERR_NOT_FOUND, "'%s' has no key", folded);
}

void store_officer_key_free(struct store_officer_key *key)
{
	store_row_free(&key_type, key);
}

/* ---- PINs ---- */

static const struct store_field pin_fields[] = {
	STORE_WORD(struct store_pin, kind, pin_kinds),
	STORE_INT(struct store_pin, number),
	STORE_INT(struct store_pin, generation),
	STORE_WORD(struct store_pin, state, pin_states),
	STORE_TEXT(struct store_pin, sealed),
	STORE_INT(struct store_pin, created),
};

static const struct store_row_type pin_type =
	STORE_ROW_TYPE("sealed_pin", "sealed PIN", struct store_pin, pin_fields);

enum kms_status store_pin_last(
	struct store *s, const char *kind, int64_t *ret_number, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_PIN_LAST, err);

	store_put_word(&q, "kind of a PIN", kind, pin_kinds);
	return last_number(&q, ret_number);
}

enum kms_status store_pin_add(struct store *s, const struct store_pin *pin, struct kms_err *err)
{
	return store_row_add(s, SQL_PIN_ADD, &pin_type, pin, pin->kind, err);
}

enum kms_status store_pins(
	struct store *s, const char *kind, struct store_pin_list *ret_list, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_PIN_LIST, err);
	void *items = NULL;
	size_t count = 0;
	enum kms_status st;

	store_put_word(&q, "kind of a PIN", kind, pin_kinds);
	st = store_fetch_all(&q, &pin_type, &items, &count);
	if (!st)
		*ret_list = (struct store_pin_list){items, count};
	return st;
}

static enum kms_status change_state(struct store *s, const char *kind, const char *from,
	const char *to, int64_t *ret_changes, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_PIN_STATE, err);

	store_put_word(&q, "kind of a PIN", kind, pin_kinds);
	store_put_word(&q, "state of a PIN", from, pin_states);
	store_put_word(&q, "state of a PIN", to, pin_states);
	return store_run(&q, ret_changes);
}

enum kms_status store_pin_go_back(struct store *s, const char *kind, struct kms_err *err)
{
	int64_t changes = 0;
	enum kms_status st = store_pin_drop(s, kind, "current", err);

	return st ? st : change_state(s, kind, "old", "current", &changes, err);
}

enum kms_status store_pin_promote(struct store *s, const char *kind, struct kms_err *err)
{
	int64_t changes = 0;
	enum kms_status st = store_pin_drop(s, kind, "old", err);

	if (!st)
		st = change_state(s, kind, "current", "old", &changes, err);
	if (!st)
		st = change_state(s, kind, "next", "current", &changes, err);
	if (!st && !changes)
		st = store_doom(s, kms_fail(err, KMS_ERR_STATE, "no next PIN was sealed"));
	return st;
}

enum kms_status store_pin_drop(
	struct store *s, const char *kind, const char *state, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_PIN_DROP, err);

	store_put_word(&q, "kind of a PIN", kind, pin_kinds);
	store_put_word(&q, "state of a PIN", state, pin_states);
	return store_run(&q, NULL);
}

void store_pin_free(struct store_pin *pin)
{
	store_row_free(&pin_type, pin);
}

void store_pin_list_free(struct store_pin_list *list)
{
	store_row_list_free(&pin_type, list->items, list->count);
	*list = (struct store_pin_list){0};
}
