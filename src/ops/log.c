/* SPDX-License-Identifier: Apache-2.0 */
/* The site's audit log: audit/ does the tree, store/ keeps it, the HSM signs its checkpoints. */
#include "ops/op.h"

#include "audit/checkpoint.h"
#include "audit/tree.h"
#include "base/clock.h"
#include "base/hex.h"
#include "ops/meta.h"
#include "ops/nodes.h"
#include "store/auditlog.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { CLOCK_SLACK = 5 /* seconds that a clock may be stepped back by its own correction */ };

static enum kms_status node_get(void *ctx, unsigned level, uint64_t index,
	unsigned char ret_hash[HASH_SIZE], struct kms_err *err)
{
	struct op_site *site = ctx;
	STORE_AUTO(node) struct store_node node = {0};
	enum kms_status st;

	st = store_audit_node_get(site->store, level, (int64_t)index, &node, err);
	if (st)
		return st;
	if (!hex_decode_strict(node.hash, ret_hash, HASH_SIZE))
		return kms_fail(err, KMS_ERR_STORE,
			"the audit log's node %u/%" PRIu64 " is damaged", level, index);
	return KMS_OK;
}

static enum kms_status node_put(void *ctx, unsigned level, uint64_t index,
	const unsigned char hash[HASH_SIZE], struct kms_err *err)
{
	struct op_site *site = ctx;
	char text[2 * HASH_SIZE + 1];

	hex_encode(hash, HASH_SIZE, text);
	return store_audit_node_add(site->store,
		&(struct store_node){.level = level, .idx = (int64_t)index, .hash = text}, 1, err);
}

struct audit_nodes op_log_nodes(struct op_site *site)
{
	return (struct audit_nodes){.ctx = site, .get = node_get, .put = node_put};
}

enum kms_status op_log_last_time(struct op_site *site, int64_t *ret_time, struct kms_err *err)
{
	STORE_AUTO(checkpoint) struct store_checkpoint checkpoint = {0};
	STORE_AUTO(entry) struct store_entry last = {0};
	int64_t size, time = 0;
	enum kms_status st;

	st = store_audit_size(site->store, &size, err);
	if (!st && size > 0) {
		st = store_audit_get(site->store, size - 1, &last, err);
		time = last.time;
	}
	if (st)
		return st;
	st = store_checkpoint_last(site->store, &checkpoint, err);
	if (st == KMS_ERR_NOT_FOUND) {
		kms_err_clear(err);
		st = KMS_OK;
	}
	if (!st)
		*ret_time = checkpoint.time > time ? checkpoint.time : time;
	return st;
}

/* Machines that share a registry share its server's clock: an entry of one must not wait for that of another. */
static enum kms_status clock_of(struct op_site *site, int64_t *ret_now, struct kms_err *err)
{
	if (store_has_clock(site->store))
		return store_clock(site->store, ret_now, err);
	*ret_now = site->now();
	return KMS_OK;
}

enum kms_status op_log_clock(struct op_site *site, int64_t *ret_now, struct kms_err *err)
{
	char now_text[CLOCK_TEXT_SIZE], last_text[CLOCK_TEXT_SIZE];
	int64_t now = 0, last = 0;
	enum kms_status st = clock_of(site, &now, err);

	if (!st)
		st = op_log_last_time(site, &last, err);
	if (st)
		return st;
	site->clock_behind = now < last - CLOCK_SLACK;
	if (site->clock_behind) {
		clock_format(now, now_text);
		clock_format(last, last_text);
		kms_fail(err, KMS_ERR_STATE,
			"the clock says %s, but the last audit entry was made at %s", now_text,
			last_text);
		return kms_hint(err,
			store_has_clock(site->store)
				? "set the clock of the database's server right, then try again"
				: "set the machine's clock right, then try again");
	}
	*ret_now = now > last ? now : last;
	return KMS_OK;
}

enum kms_status op_log(struct op_site *site, const struct op *op, const char *kind,
	enum audit_phase phase, const char *subject, const char *outcome, const json_t *details,
	struct kms_err *err)
{
	const struct audit_nodes nodes = op_log_nodes(site);
	FREE_AUTO char *actor = op_actor(site, op);
	unsigned char leaf[HASH_SIZE];
	char leaf_text[2 * HASH_SIZE + 1];
	char id[OP_ID_HEX];
	BUF_AUTO struct buf line = {0};
	struct audit_entry entry = {0};
	int64_t size, now;
	enum kms_status st = KMS_OK;

	if (!actor)
		return kms_nomem(err);
	/* An entry of no operation (a note) has an id of its own. */
	if (op)
		memcpy(id, op->id, sizeof(id));
	else
		st = op_new_id(id, err);
	if (!st)
		st = store_audit_size(site->store, &size, err);
	if (!st)
		st = op_log_clock(site, &now, err);
	if (st)
		return st;
	entry = (struct audit_entry){.seq = (uint64_t)size,
		.time = now,
		.actor = actor,
		.op = kind,
		.op_id = id,
		.phase = phase,
		.subject = subject,
		.outcome = outcome,
		.details = details};
	st = audit_entry_encode(&entry, &line, err);
	if (!st)
		st = audit_leaf_hash(line.data, line.len, leaf, err);
	if (st)
		return st;
	hex_encode(leaf, sizeof(leaf), leaf_text);
	st = store_audit_append(site->store,
		&(struct store_entry){.seq = size,
			.time = now,
			.actor = actor,
			.operation = kind,
			.text = line.data,
			.leaf = leaf_text},
		1, err);
	if (!st)
		st = audit_tree_append(&nodes, (uint64_t)size, leaf, err);
	if (st)
		kms_prefix(err, "cannot write the audit log, so nothing is done: ");
	return st;
}

void op_log_failure(struct op_site *site, const struct op *op, const struct kms_err *why)
{
	JS_AUTO json_t *details = json_pack("{s:s, s:s?}", "code", kms_status_name(why->code),
		"native", why->native[0] ? why->native : NULL);
	struct kms_err err = {0};
	char outcome[AUDIT_TEXT_MAX + 1];
	enum kms_status st;

	snprintf(outcome, sizeof(outcome), "%s", why->msg);
	st = store_in_transaction(site->store) ? KMS_ERR_STATE : store_begin(site->store, &err);
	if (!st) {
		st = op_log(site, op, op->kind->name, AUDIT_FAILURE, op->subject, outcome, details,
			&err);
		st = store_end(site->store, st, &err);
	}
	if (st)
		op_say(site, "warning: this failure could not be written to the audit log: %s",
			err.msg);
}

/* The HSM signs only what continues what it signed last. */
static enum kms_status continues_last(struct op_site *site, int64_t size, struct kms_err *err)
{
	const struct audit_nodes nodes = op_log_nodes(site);
	STORE_AUTO(checkpoint) struct store_checkpoint last = {0};
	unsigned char root[HASH_SIZE];
	char text[2 * HASH_SIZE + 1] = "";
	enum kms_status st = store_checkpoint_last(site->store, &last, err);

	if (st == KMS_ERR_NOT_FOUND) {
		kms_err_clear(err);
		st = KMS_OK;
	}
	if (!st && last.size > 0 && last.size <= size) {
		st = audit_tree_root(&nodes, (uint64_t)last.size, root, err);
		hex_encode(root, sizeof(root), text);
	}
	if (st || (size > 0 && (last.size == 0 || strcmp(text, last.root) == 0)))
		return st;
	kms_fail(err, KMS_ERR_MISMATCH,
		"the audit log does not continue what was signed last (%" PRId64
		" entries): nothing more is signed",
		last.size);
	return kms_hint(err, "'cardkms audit verify' says more; keep the site's folder as it is");
}

enum kms_status op_log_checkpoint(struct op_site *site, char **ret_note, struct kms_err *err)
{
	const struct audit_nodes nodes = op_log_nodes(site);
	FREE_AUTO char *fingerprint = NULL;
	struct audit_checkpoint checkpoint = {0};
	struct p256_signer signer;
	BUF_AUTO struct buf note = {0};
	char root[2 * HASH_SIZE + 1];
	int64_t size;
	enum kms_status st;

	st = op_meta_find(site, META_FINGERPRINT, &fingerprint, err);
	if (!st && !fingerprint)
		return KMS_OK; /* before hsm setup has made the audit key there is nothing to sign with */
	if (!st)
		st = op_signer(site, KEY_ROLE_AUDIT, &signer, err);
	if (!st)
		st = store_begin(site->store, err);
	if (st)
		return st;
	st = store_audit_size(site->store, &size, err);
	if (!st)
		st = continues_last(site, size, err);
	if (!st)
		st = audit_origin(fingerprint, checkpoint.origin, err);
	if (!st)
		st = audit_tree_root(&nodes, (uint64_t)size, checkpoint.root, err);
	if (!st)
		st = op_log_clock(site, &checkpoint.time, err);
	if (!st) {
		checkpoint.size = (uint64_t)size;
		st = audit_checkpoint_sign(&checkpoint, &signer, &note, err);
	}
	if (!st) {
		hex_encode(checkpoint.root, HASH_SIZE, root);
		st = store_checkpoint_add(site->store,
			&(struct store_checkpoint){.size = size,
				.root = root,
				.note = note.data,
				.time = checkpoint.time},
			err);
		if (st == KMS_ERR_EXISTS) {
			/* Nothing has happened since the last one: that one serves. */
			STORE_AUTO(checkpoint) struct store_checkpoint last = {0};

			store_rollback(site->store);
			kms_err_clear(err);
			st = store_checkpoint_last(site->store, &last, err);
			if (!st && ret_note && !(*ret_note = strdup(last.note)))
				st = kms_nomem(err);
			return st;
		}
	}
	st = store_end(site->store, st, err);
	if (!st && ret_note && !(*ret_note = strdup(note.data)))
		st = kms_nomem(err);
	return st;
}
