/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log: listed, verified, exported, proved. */
#include "ops/ops.h"

#include "audit/check.h"
#include "audit/export.h"
#include "audit/proof.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"
#include "exchange/identity.h"
#include "ops/meta.h"
#include "ops/nodes.h"
#include "ops/signers.h"
#include "ops/witness.h"
#include "store/auditlog.h"
#include "store/people.h"
#include "store/vault.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EXPORT_PIECE = 64 * 1024 };

static const char proof_start[] = "c2sp.org/tlog-proof@";

/* ---- list ---- */

static json_t *entry_json(const struct audit_entry *e)
{
	char time[CLOCK_TEXT_SIZE];

	clock_format(e->time, time);
	return json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:O?}", "entry",
		(json_int_t)e->seq, "time", time, "actor", e->actor, "operation", e->op,
		"operation_id", e->op_id, "phase", audit_phase_name(e->phase), "subject",
		e->subject, "outcome", e->outcome, "details", e->details);
}

static enum kms_status list_entry(void *context, const struct store_entry *row, struct kms_err *err)
{
	AUDIT_ENTRY_AUTO struct audit_entry entry = {0};
	enum kms_status st = audit_entry_parse(row->text, strlen(row->text), &entry, err);

	if (st) {
		kms_prefix(err, "audit entry %" PRId64 ": ", row->seq);
		kms_hint(err, "'cardkms audit verify' says more");
		return st;
	}
	return json_array_append_new(context, entry_json(&entry)) ? kms_nomem(err) : KMS_OK;
}

enum kms_status op_audit_list(struct op_site *site, json_t **ret_report, struct kms_err *err)
{
	JS_AUTO json_t *rows = json_array();
	int64_t size;
	enum kms_status st = store_audit_size(site->store, &size, err);

	if (!st)
		st = store_audit_each(site->store, 0, size, list_entry, rows, err);
	if (!st)
		*ret_report = json_incref(rows);
	return st;
}

/* ---- verify the store's own log ---- */

struct walk {
	struct op_site *site;
	struct audit_check *check;
	struct store_checkpoint_list checkpoints;
	size_t next; /* checkpoint to be fed */
};

/* Every subtree of the recomputed tree must be the one in the store. */
static enum kms_status compare_node(void *ctx, unsigned level, uint64_t index,
	const unsigned char hash[HASH_SIZE], struct kms_err *err)
{
	struct walk *walk = ctx;
	const struct audit_nodes nodes = op_log_nodes(walk->site);
	unsigned char stored[HASH_SIZE];
	enum kms_status st = nodes.get(nodes.ctx, level, index, stored, err);

	if (st)
		return st;
	if (memcmp(stored, hash, HASH_SIZE) != 0)
		return kms_fail(err, KMS_ERR_MISMATCH,
			"the stored tree differs from its entries at entry %" PRIu64,
			index << level);
	return KMS_OK;
}

static enum kms_status feed_checkpoints(struct walk *walk, int64_t size, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (; !st && walk->next < walk->checkpoints.count; walk->next++) {
		const struct store_checkpoint *c = &walk->checkpoints.items[walk->next];

		if (c->size > size)
			break;
		st = audit_check_checkpoint(walk->check, c->note, strlen(c->note), err);
	}
	return st;
}

static enum kms_status check_entry(
	void *context, const struct store_entry *row, struct kms_err *err)
{
	struct walk *walk = context;
	unsigned char leaf[HASH_SIZE];
	enum kms_status st;

	if (!hex_decode_strict(row->leaf, leaf, sizeof(leaf)))
		return kms_fail(err, KMS_ERR_MISMATCH,
			"entry %" PRId64 " has a leaf hash that is no hash", row->seq);
	st = audit_check_entry(walk->check, row->text, strlen(row->text), leaf, err);
	return st ? st : feed_checkpoints(walk, row->seq + 1, err);
}

static json_t *verdict_json(
	const struct audit_verdict *v, const struct op_signers *trust, size_t witnessed)
{
	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "log_of", trust->name,
		"fingerprint", trust->fingerprint, "entries", (json_int_t)(v->size - v->from),
		"checkpoints", (json_int_t)v->checkpoints, "signed_entries",
		(json_int_t)(v->signed_size - v->from), "not_yet_signed",
		(json_int_t)v->unsigned_count, "witnessed", (json_int_t)witnessed);
}

static enum kms_status report_verdict(const struct audit_verdict *v, const struct op_signers *trust,
	size_t witnessed, bool good, json_t **ret_report, struct kms_err *err)
{
	json_t *object = verdict_json(v, trust, witnessed);
	int bad = !object || json_object_set_new(object, "verified", json_boolean(good));

	if (v->bad && !bad) {
		bad |= json_object_set_new(
			object, "first_bad_entry", json_integer((json_int_t)v->bad_first));
		bad |= json_object_set_new(
			object, "last_bad_entry", json_integer((json_int_t)v->bad_last));
	}
	if (bad) {
		json_decref(object);
		return kms_nomem(err);
	}
	*ret_report = object;
	return KMS_OK;
}

/* What partners hold is what they can be asked for: the log must still be that one. */
static enum kms_status find_witnesses(struct op_site *site, const struct op_signers *trust,
	const char *path, struct op_witnesses *known, struct kms_err *err)
{
	enum kms_status st = site ? op_witnesses_find(site, trust, known, err) : KMS_OK;

	return st || !path ? st : op_witnesses_file(path, trust, known, err);
}

static enum kms_status check_for(const struct op_signers *trust, const struct audit_nodes *nodes,
	struct audit_check **ret_check, struct kms_err *err)
{
	AUDIT_CHECK_AUTO struct audit_check *check = NULL;
	enum kms_status st =
		audit_check_new(trust->now.origin, trust->now.point, NULL, nodes, &check, err);

	for (size_t i = 0; !st && i < trust->former_count; i++)
		st = audit_check_former(check, &trust->former[i], err);
	if (st)
		return st;
	*ret_check = check;
	check = NULL;
	return KMS_OK;
}

enum kms_status op_audit_verify(
	struct op_site *site, const char *witness, json_t **ret_report, struct kms_err *err)
{
	OP_WITNESSES_AUTO struct op_witnesses known = {0};
	AUDIT_CHECK_AUTO struct audit_check *check = NULL;
	STORE_AUTO(checkpoint_list) struct store_checkpoint_list checkpoints = {0};
	struct walk walk = {.site = site};
	const struct audit_nodes compare = {.ctx = &walk, .put = compare_node};
	struct kms_err ignored = {0};
	OP_SIGNERS_AUTO struct op_signers trust = {0};
	int64_t size = 0;
	enum kms_status st = op_signers_self(site, &trust, err);

	if (!st)
		st = check_for(&trust, &compare, &check, err);
	if (!st)
		st = find_witnesses(site, &trust, witness, &known, err);
	for (size_t i = 0; !st && i < known.count; i++)
		st = audit_check_witness(check, &known.items[i], err);
	if (!st)
		st = store_begin_read(site->store, err);
	if (st)
		return st;
	st = store_audit_size(site->store, &size, err);
	/* It begins with the site's own beginning. */
	if (!st && size == 0)
		st = kms_fail(err, KMS_ERR_MISMATCH, "the log was cut off: it has no entries");
	if (!st)
		st = store_checkpoints(site->store, &checkpoints, err);
	walk.check = check;
	walk.checkpoints = checkpoints;
	if (!st)
		st = store_audit_each(site->store, 0, size, check_entry, &walk, err);
	/* Checkpoints that cover more than there is: the log was cut off. */
	if (!st)
		st = feed_checkpoints(&walk, INT64_MAX, err);
	if (!st)
		st = audit_check_end(check, err);
	store_rollback(site->store);
	if (report_verdict(audit_check_verdict(check), &trust, known.count, st == KMS_OK,
		    ret_report, &ignored) &&
		!st)
		return kms_nomem(err);
	if (st == KMS_ERR_MISMATCH || st == KMS_ERR_INVALID)
		kms_hint(err,
			"keep the site's folder as it is and call the auditor; a backup or the "
			"partners' checkpoints show what the log was");
	/* A log that doesn't hold is an answer, however its damage shows. */
	return st == KMS_ERR_INVALID || st == KMS_ERR_NOT_FOUND ? KMS_ERR_MISMATCH : st;
}

/* ---- verify a file ---- */

struct file_reader {
	const char *path;
	int fd;
};

static enum kms_status read_file(
	void *ctx, char *out, size_t cap, size_t *ret_len, struct kms_err *err)
{
	struct file_reader *r = ctx;
	ssize_t n;

	do
		n = read(r->fd, out, cap);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return kms_fail(err, KMS_ERR_IO, "cannot read '%s': %s", r->path, strerror(errno));
	*ret_len = (size_t)n;
	return KMS_OK;
}

static enum kms_status read_export(const char *path, const struct op_signers *trust,
	const struct op_witnesses *known, struct audit_verdict *ret_verdict, struct kms_err *err)
{
	const struct audit_trust t = {.name = trust->name,
		.origin = trust->now.origin,
		.audit_key = trust->now.point,
		.former = trust->former,
		.former_count = trust->former_count,
		.witness = known->items,
		.witness_count = known->count};
	struct file_reader source = {path, open(path, O_RDONLY | O_CLOEXEC)};
	const struct audit_reader reader = {&source, read_file};
	struct audit_export_header header = {0};
	enum kms_status st;

	if (source.fd < 0)
		return kms_fail(err, KMS_ERR_IO, "cannot read '%s': %s", path, strerror(errno));
	st = audit_export_verify(&reader, &t, &header, ret_verdict, err);
	close(source.fd);
	return st;
}

/* Those that the log reaches come first; returns how many. */
static size_t within(struct op_witnesses *known, uint64_t size)
{
	size_t count = 0;

	for (size_t i = 0; i < known->count; i++)
		if (known->items[i].size <= size) {
			const struct audit_checkpoint moved = known->items[count];

			known->items[count++] = known->items[i];
			known->items[i] = moved;
		}
	return count;
}

/* One beyond its end is no contradiction of an old export, but of one that was signed later. */
static enum kms_status check_beyond(const struct op_witnesses *known, size_t first,
	const struct audit_verdict *v, struct kms_err *err)
{
	for (size_t i = first; i < known->count && v->checkpoints > 0; i++)
		if (known->items[i].time < v->latest.time)
			return kms_fail(err, KMS_ERR_MISMATCH,
				"the log was cut back: it has %" PRIu64 " entries, and had %" PRIu64
				" before it was signed last, by a checkpoint known from elsewhere",
				v->size, known->items[i].size);
	return KMS_OK;
}

/*
 * Good by itself is not enough where a partner has sent checkpoints of that log: its site could have
 * written another one since.
 */
static enum kms_status verify_export(struct op_site *site, const char *path,
	const struct op_signers *trust, const char *witness, json_t **ret_report,
	struct kms_err *err)
{
	OP_WITNESSES_AUTO struct op_witnesses known = {0};
	struct op_witnesses none = {0}, reached;
	struct audit_verdict verdict = {0};
	struct kms_err ignored = {0};
	enum kms_status st = read_export(path, trust, &none, &verdict, err);

	if (!st)
		st = find_witnesses(site, trust, witness, &known, err);
	reached = known;
	reached.count = within(&known, verdict.size);
	if (!st)
		st = check_beyond(&known, reached.count, &verdict, err);
	if (!st && reached.count > 0)
		st = read_export(path, trust, &reached, &verdict, err);
	if (report_verdict(&verdict, trust, reached.count, st == KMS_OK, ret_report, &ignored) &&
		!st)
		return kms_nomem(err);
	return st;
}

static enum kms_status verify_proof(const struct buf *text, const struct op_signers *trust,
	json_t **ret_report, struct kms_err *err)
{
	AUDIT_ENTRY_AUTO struct audit_entry entry = {0};
	struct audit_checkpoint checkpoint;
	enum kms_status st = audit_proof_verify(text->data, text->len, trust->now.origin,
		trust->now.point, &entry, &checkpoint, err);

	if (st)
		return st;
	*ret_report = entry_json(&entry);
	if (!*ret_report || json_object_set_new(*ret_report, "verified", json_true()) ||
		json_object_set_new(*ret_report, "log_of", json_string(trust->name)) ||
		json_object_set_new(
			*ret_report, "log_size", json_integer((json_int_t)checkpoint.size)))
		return kms_nomem(err);
	return KMS_OK;
}

/* A proof is small; the start of an export tells that it is none. */
static enum kms_status looks_like_proof(
	const char *path, bool *ret_proof, struct buf *ret_text, struct kms_err *err)
{
	char start[sizeof(proof_start)] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat info;
	ssize_t n;

	if (fd < 0)
		return kms_fail(err, errno == ENOENT ? KMS_ERR_NOT_FOUND : KMS_ERR_IO,
			"cannot read '%s': %s", path, strerror(errno));
	if (fstat(fd, &info) == 0 && !S_ISREG(info.st_mode)) {
		close(fd);
		kms_fail(err, KMS_ERR_INVALID, "'%s' is no regular file", path);
		return kms_hint(err, "it is read twice: save it to a file first");
	}
	n = read(fd, start, sizeof(start) - 1);
	close(fd);
	*ret_proof = n == (ssize_t)sizeof(start) - 1 && strcmp(start, proof_start) == 0;
	return *ret_proof ? file_read(path, 2 * AUDIT_LINE_MAX, ret_text, err) : KMS_OK;
}

static enum kms_status verify_file(struct op_site *site, const char *path,
	const struct op_signers *trust, const char *witness, json_t **ret_report,
	struct kms_err *err)
{
	BUF_AUTO struct buf text = {0};
	bool proof = false;
	enum kms_status st = looks_like_proof(path, &proof, &text, err);

	if (st)
		return st;
	st = proof ? verify_proof(&text, trust, ret_report, err)
		   : verify_export(site, path, trust, witness, ret_report, err);
	if (st)
		kms_prefix(err, "'%s': ", path);
	return st;
}

enum kms_status op_audit_verify_file(struct op_site *site, const char *path,
	const char *const *identity_paths, size_t count, const char *witness, json_t **ret_report,
	struct kms_err *err)
{
	OP_SIGNERS_AUTO struct op_signers trust = {0};
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < count; i++)
		st = op_signers_file(identity_paths[i], &trust, err);

	return st ? st : verify_file(site, path, &trust, witness, ret_report, err);
}

/* Whether the reading got so far that it is that log, good or not. */
static bool is_that_log(const json_t *report)
{
	return json_integer_value(json_object_get(report, "entries")) > 0;
}

/* By this site's identity or that of whichever partner signed it. */
enum kms_status op_audit_verify_known(struct op_site *site, const char *path, const char *witness,
	json_t **ret_report, struct kms_err *err)
{
	STORE_AUTO(partner_list) struct store_partner_list partners = {0};
	struct kms_err other = {0};
	OP_SIGNERS_AUTO struct op_signers trust = {0};
	enum kms_status st = op_signers_self(site, &trust, err);

	if (!st)
		st = verify_file(site, path, &trust, witness, ret_report, err);
	if ((st != KMS_ERR_MISMATCH && st != KMS_ERR_INVALID) || is_that_log(*ret_report))
		return st;
	if (store_partners(site->store, &partners, &other))
		return st;
	for (size_t i = 0; i < partners.count; i++) {
		json_t *report = NULL;
		enum kms_status found;

		op_signers_free(&trust);
		found = op_signers_partner(&partners, i, &trust, &other);

		if (!found)
			found = verify_file(site, path, &trust, witness, &report, &other);
		if (!found || is_that_log(report)) {
			json_decref(*ret_report);
			*ret_report = report;
			kms_err_clear(err);
			if (found && err)
				*err = other;
			return found;
		}
		json_decref(report);
	}
	return st;
}

/* ---- checkpoint ---- */

enum kms_status op_audit_checkpoint(struct op_site *site, json_t **ret_report, struct kms_err *err)
{
	struct audit_checkpoint checkpoint;
	FREE_AUTO char *note = NULL;
	char root[2 * HASH_SIZE + 1];
	OP_SIGNERS_AUTO struct op_signers trust = {0};
	enum kms_status st = op_signers_self(site, &trust, err);

	if (!st)
		st = op_site_login(site, err);
	if (!st)
		st = op_log_checkpoint(site, &note, err);
	if (!st)
		st = audit_checkpoint_verify(
			note, strlen(note), trust.now.origin, trust.now.point, &checkpoint, err);
	if (st)
		return st;
	hex_encode(checkpoint.root, HASH_SIZE, root);
	*ret_report = json_pack(
		"{s:I, s:s, s:s}", "size", (json_int_t)checkpoint.size, "root", root, "note", note);
	return *ret_report ? KMS_OK : kms_nomem(err);
}

/* ---- export ---- */

struct export
{
	struct file_out out;
	struct buf piece;
	struct store_checkpoint_list checkpoints;
	size_t next;
};

static void export_clear(struct export *e)
{
	file_out_abandon(&e->out);
	buf_free(&e->piece);
	store_checkpoint_list_free(&e->checkpoints);
}

static enum kms_status flush_piece(struct export *e, struct kms_err *err)
{
	enum kms_status st = file_out_put(&e->out, e->piece.data, e->piece.len, err);

	buf_free(&e->piece);
	return st;
}

static enum kms_status export_entry(
	void *context, const struct store_entry *row, struct kms_err *err)
{
	struct export *e = context;
	enum kms_status st = audit_export_entry(&e->piece, row->text, strlen(row->text), err);

	while (!st && e->next < e->checkpoints.count &&
		e->checkpoints.items[e->next].size <= row->seq + 1) {
		const char *note = e->checkpoints.items[e->next++].note;

		st = audit_export_checkpoint(&e->piece, note, strlen(note), err);
	}
	return !st && e->piece.len > EXPORT_PIECE ? flush_piece(e, err) : st;
}

static enum kms_status export_log(
	struct op_site *site, struct export *e, int64_t *ret_size, struct kms_err *err)
{
	struct audit_export_header header = {0};
	OP_SIGNERS_AUTO struct op_signers trust = {0};
	int64_t size;
	enum kms_status st = op_signers_self(site, &trust, err);

	if (!st)
		st = store_audit_size(site->store, &size, err);
	if (!st)
		st = store_checkpoints(site->store, &e->checkpoints, err);
	if (st)
		return st;
	snprintf(header.name, sizeof(header.name), "%s", site->name);
	memcpy(header.origin, trust.now.origin, sizeof(header.origin));
	header.size = (uint64_t)size;
	st = audit_export_begin(&e->piece, &header, NULL, err);
	if (!st)
		st = store_audit_each(site->store, 0, size, export_entry, e, err);
	if (!st)
		st = audit_export_end(&e->piece, (uint64_t)size, err);
	if (!st)
		st = flush_piece(e, err);
	*ret_size = size;
	return st;
}

enum kms_status op_audit_export(
	struct op_site *site, const char *path, bool sign, json_t **ret_report, struct kms_err *err)
{
	struct export e __attribute__((cleanup(export_clear))) = {.out = FILE_OUT_NONE};
	STORE_AUTO(checkpoint) struct store_checkpoint last = {0};
	int64_t size = 0, signed_size = 0;
	enum kms_status st;

	if (sign) {
		st = op_site_login(site, err);
		if (!st)
			st = op_log_checkpoint(site, NULL, err);
		if (st)
			return st;
	}
	st = file_out_begin(&e.out, path, 0644, err);
	if (!st)
		st = store_begin_read(site->store, err);
	if (st)
		return st;
	st = export_log(site, &e, &size, err);
	store_rollback(site->store);
	if (!st)
		st = file_out_commit(&e.out, err);
	if (st)
		return st;
	st = store_checkpoint_last(site->store, &last, err);
	if (!st)
		signed_size = last.size;
	else if (st == KMS_ERR_NOT_FOUND)
		kms_err_clear(err);
	else
		return st;
	*ret_report = json_pack("{s:s, s:I, s:I}", "file", path, "entries", (json_int_t)size,
		"not_yet_signed", (json_int_t)(size - signed_size));
	return *ret_report ? KMS_OK : kms_nomem(err);
}

/* ---- prove ---- */

enum kms_status op_audit_prove(struct op_site *site, int64_t entry, const char *path,
	json_t **ret_report, struct kms_err *err)
{
	const struct audit_nodes nodes = op_log_nodes(site);
	STORE_AUTO(checkpoint) struct store_checkpoint last = {0};
	STORE_AUTO(entry) struct store_entry row = {0};
	BUF_AUTO struct buf text = {0};
	struct audit_path proof;
	enum kms_status st = store_audit_get(site->store, entry, &row, err);

	if (!st)
		st = store_checkpoint_last(site->store, &last, err);
	if (!st && entry >= last.size)
		st = kms_fail(err, KMS_ERR_STATE, "entry %" PRId64 " is not yet under a checkpoint",
			entry);
	if (st == KMS_ERR_NOT_FOUND || st == KMS_ERR_STATE)
		kms_hint(err,
			"'cardkms audit checkpoint' signs what there is; 'cardkms audit list' "
			"numbers the entries");
	if (!st)
		st = audit_tree_inclusion(
			&nodes, (uint64_t)entry, (uint64_t)last.size, &proof, err);
	if (!st)
		st = audit_proof_write(row.text, strlen(row.text), (uint64_t)entry, &proof,
			last.note, strlen(last.note), &text, err);
	if (!st && path)
		st = file_write(path, 0644, text.data, text.len, err);
	if (st)
		return st;
	*ret_report = json_pack("{s:I, s:I, s:s?, s:s}", "entry", (json_int_t)entry, "log_size",
		(json_int_t)last.size, "file", path, "proof", buf_text(&text));
	return *ret_report ? KMS_OK : kms_nomem(err);
}
