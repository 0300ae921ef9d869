/* SPDX-License-Identifier: Apache-2.0 */
/* Meetings: a ceremony file carried out in a room, with its minutes. General rules: store/store.h. */
#ifndef STORE_MEETINGS_H
#define STORE_MEETINGS_H

#include "store/store.h"

struct store_meeting {
	const char *id; /* as of a ceremony: 7F3K-22QD */
	const char *kind;
	const char *title;
	const char *file_sha256; /* hex */
	const char *file_text;	 /* the ceremony file itself */
	const char *state;	 /* started, done, failed, interrupted */
	const char *op_id;	 /* opt: the operation that was carried out; must exist */
	const char *minutes;	 /* opt: JSON, never a component */
	int64_t started;
	int64_t ended; /* opt */
};

struct store_meeting_list {
	struct store_meeting *items; /* oldest first */
	size_t count;
};

KMS_CHECKED enum kms_status store_meeting_add(
	struct store *s, const struct store_meeting *meeting, struct kms_err *err);
KMS_CHECKED enum kms_status store_meeting_get(
	struct store *s, const char *id, struct store_meeting *ret_meeting, struct kms_err *err);
/* Of one state, or of all (NULL). */
KMS_CHECKED enum kms_status store_meetings(struct store *s, const char *state,
	struct store_meeting_list *ret_list, struct kms_err *err);
/*
 * From started (or interrupted, by who thought that it had died) to done, failed or interrupted, else
 * KMS_ERR_STATE. op_id and minutes may be NULL.
 */
KMS_CHECKED enum kms_status store_meeting_finish(struct store *s, const char *id, const char *state,
	const char *op_id, const char *minutes, int64_t when, struct kms_err *err);
void store_meeting_free(struct store_meeting *meeting);
void store_meeting_list_free(struct store_meeting_list *list);

#endif
