/* SPDX-License-Identifier: Apache-2.0 */
#include "store/meetings.h"

#include "store/query.h"

static const char *const states[] = {"started", "done", "failed", "interrupted", NULL};
static const char *const ends[] = {"done", "failed", "interrupted", NULL};

static const struct store_field meeting_fields[] = {
	STORE_TEXT(struct store_meeting, id),
	STORE_TEXT(struct store_meeting, kind),
	STORE_TEXT(struct store_meeting, title),
	STORE_HEX(struct store_meeting, file_sha256, 64),
	STORE_TEXT(struct store_meeting, file_text),
	STORE_WORD(struct store_meeting, state, states),
	STORE_HEX_OPT(struct store_meeting, op_id, 32),
	STORE_TEXT_OPT(struct store_meeting, minutes),
	STORE_INT(struct store_meeting, started),
	STORE_INT_OPT(struct store_meeting, ended),
};

static const struct store_row_type meeting_type =
	STORE_ROW_TYPE("meeting", "meeting", struct store_meeting, meeting_fields);

enum kms_status store_meeting_add(
	struct store *s, const struct store_meeting *meeting, struct kms_err *err)
{
	return store_row_add(s, SQL_MEETING_ADD, &meeting_type, meeting, meeting->id, err);
}

enum kms_status store_meeting_get(
	struct store *s, const char *id, struct store_meeting *ret_meeting, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_MEETING_GET, err);
	enum kms_status st;
	bool found;

	store_put_text(&q, id);
	st = store_fetch(&q, &meeting_type, ret_meeting, &found);
	return st || found ? st : kms_fail(err, KMS_ERR_NOT_FOUND, "no meeting '%s'", id);
}

enum kms_status store_meetings(struct store *s, const char *state,
	struct store_meeting_list *ret_list, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_MEETING_LIST, err);
	void *items = NULL;
	size_t count = 0;
	enum kms_status st;

	store_put_text(&q, state);
	st = store_fetch_all(&q, &meeting_type, &items, &count);
	if (!st)
		*ret_list = (struct store_meeting_list){items, count};
	return st;
}

static enum kms_status ended_already(struct store *s, const char *id, struct kms_err *err)
{
	STORE_AUTO(meeting) struct store_meeting meeting = {0};
	enum kms_status st = store_meeting_get(s, id, &meeting, err);

	if (!st)
		st = kms_fail(
			err, KMS_ERR_STATE, "meeting %s has ended already: %s", id, meeting.state);
	return store_doom(s, st);
}

enum kms_status store_meeting_finish(struct store *s, const char *id, const char *state,
	const char *op_id, const char *minutes, int64_t when, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_MEETING_FINISH, err);
	int64_t changes = 0;
	enum kms_status st;

	store_put_text(&q, id);
	store_put_word(&q, "outcome of a meeting", state, ends);
	store_put_text(&q, op_id);
	store_put_text(&q, minutes);
	store_put_int(&q, when);
	st = store_run(&q, &changes);
	return st || changes ? st : ended_already(s, id, err);
}

void store_meeting_free(struct store_meeting *meeting)
{
	store_row_free(&meeting_type, meeting);
}

void store_meeting_list_free(struct store_meeting_list *list)
{
	store_row_list_free(&meeting_type, list->items, list->count);
	*list = (struct store_meeting_list){0};
}
