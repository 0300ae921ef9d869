/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/rebuild.h"

#include "ops/backup.h"
#include "ops/meta.h"
#include "ops/quorum.h"
#include "store/journal.h"
#include "store/vault.h"

#include <stdio.h>
#include <string.h>

static bool can_come_back(const struct store_key *row)
{
	enum key_role role;

	if (key_role_parse(row->role, &role, NULL))
		return false;
	/* A transport key that was drawn here cannot be typed in again: its sheets are elsewhere. */
	if (role == KEY_ROLE_TRANSPORT)
		return row->direction && strcmp(row->direction, "unwrap") == 0;
	return op_backup_takes(row) || role == KEY_ROLE_SITE || role == KEY_ROLE_ZONE;
}

static enum kms_status give_up_keys(struct op *op, const char *reason, struct kms_err *err)
{
	const struct store_key_filter live = {.live = true};
	STORE_AUTO(key_list) struct store_key_list keys = {0};
	JS_AUTO json_t *lost = json_array(), *ended = json_array();
	enum kms_status st = store_keys(op->site->store, &live, &keys, err);

	for (size_t i = 0; !st && i < keys.count; i++) {
		struct store_key *row = &keys.items[i];
		const bool back = can_come_back(row);

		/* Those of this operation. */
		if (strcmp(row->state, key_state_name(KEY_PENDING)) == 0)
			continue;
		if (back) {
			struct store_key moved = *row;

			moved.location = KEY_LOST;
			st = store_key_update(op->site->store, &moved, row->state, err);
		} else {
			st = store_key_set_state(op->site->store, row->cka_id, row->state,
				key_state_name(KEY_DESTROYED), reason, op->now, err);
		}
		if (!st && json_array_append_new(back ? lost : ended, json_string(row->label)))
			st = kms_nomem(err);
	}
	if (!st)
		st = op_detail(op, "lost", json_incref(lost), err);
	if (!st)
		st = op_detail(op, "ended", json_incref(ended), err);
	if (!st)
		st = op_report(op, "lost", json_incref(lost), err);
	return st ? st : op_report(op, "ended", json_incref(ended), err);
}

static enum kms_status keep_identity(struct op *op, const char *reason, struct kms_err *err)
{
	STORE_AUTO(former_list) struct store_former_list formers = {0};
	FREE_AUTO char *document = NULL, *fingerprint = NULL;
	enum kms_status st = op_meta_find(op->site, META_IDENTITY, &document, err);

	if (!st)
		st = op_meta_find(op->site, META_FINGERPRINT, &fingerprint, err);
	if (!st)
		st = store_formers(op->site->store, &formers, err);
	if (!st)
		st = store_former_add(op->site->store,
			&(struct store_former){.seq = (int64_t)formers.count + 1,
				.fingerprint = fingerprint,
				.document = document,
				.reason = reason,
				.ended = op->now},
			err);
	return st ? st : op_detail(op, "former_fingerprint", json_string(fingerprint), err);
}

static enum kms_status cancel_requests(struct op *op, struct kms_err *err)
{
	STORE_AUTO(doc_list) struct store_doc_list docs = {0};
	enum kms_status st = store_docs(op->site->store, "request", &docs, err);

	for (size_t i = 0; !st && i < docs.count; i++)
		if (strcmp(docs.items[i].direction, "out") == 0 &&
			strcmp(docs.items[i].state, "open") == 0)
			st = store_doc_set_state(op->site->store, docs.items[i].id, "open",
				"cancelled", op->now, err);
	return st;
}

/* Its PINs were those of the lost HSM. */
static enum kms_status end_quorum(struct op *op, struct kms_err *err)
{
	struct op_quorum *q = NULL;
	enum kms_status st = op_quorum_find(op->site, &q, err);

	if (st || !q)
		return st;
	op_say(op->site, "note: the quorum ends with the HSM: 'cardkms quorum set' makes another");
	st = op_detail(op, "quorum_ended", json_integer(q->row.generation), err);
	return st ? st : store_quorum_end(op->site->store, q->row.generation, op->now, err);
}

enum kms_status op_give_up_hsm(struct op *op, struct kms_err *err)
{
	FREE_AUTO char *serial = NULL;
	char reason[80];
	enum kms_status st = op_meta_find(op->site, META_HSM_SERIAL, &serial, err);

	snprintf(reason, sizeof(reason), "lost with the HSM %.40s", serial ? serial : "-");
	if (!st)
		st = op_detail(op, "lost_hsm_serial", json_string(serial ? serial : "-"), err);
	if (!st)
		st = keep_identity(op, reason, err);
	if (!st)
		st = give_up_keys(op, reason, err);
	if (!st)
		st = end_quorum(op, err);
	return st ? st : cancel_requests(op, err);
}
