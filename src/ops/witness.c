/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/witness.h"

#include "audit/tree.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"
#include "ops/nodes.h"
#include "ops/ops.h"
#include "store/auditlog.h"
#include "store/shipments.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WITNESSES_MAX = 200, FILE_MOST = WITNESSES_MAX * AUDIT_NOTE_MAX, NOTE_LINES = 6 };

void op_witnesses_free(struct op_witnesses *witnesses)
{
	free(witnesses->items);
	free(witnesses->from);
	*witnesses = (struct op_witnesses){0};
}

/* ---- what is known ---- */

/* Whether the note is one of the log that is known by these. */
static enum kms_status look_signed(const struct op_signers *signers, const char *note, size_t len,
	bool *ret_signed, struct audit_checkpoint *ret_checkpoint, struct kms_err *err)
{
	*ret_signed = false;
	for (size_t i = 0; !*ret_signed && i <= signers->former_count; i++) {
		const struct audit_signer *s =
			i < signers->former_count ? &signers->former[i] : &signers->now;
		enum kms_status st = audit_checkpoint_verify(
			note, len, s->origin, s->point, ret_checkpoint, err);

		if (st && !kms_is_answer(st))
			return st;
		*ret_signed = st == KMS_OK;
	}
	return KMS_OK;
}

static bool is_there(const struct op_witnesses *w, const struct audit_checkpoint *c)
{
	for (size_t i = 0; i < w->count; i++)
		if (w->items[i].size == c->size &&
			memcmp(w->items[i].root, c->root, HASH_SIZE) == 0)
			return true;
	return false;
}

/* Takes a note of which look_signed has said what it is, unless that is there. */
static enum kms_status take(struct op_witnesses *w, const struct audit_checkpoint *checkpoint,
	const char *note, size_t len, const char *document, const char *partner, const char *how,
	struct kms_err *err)
{
	struct op_witness_from *from;

	if (w->count == WITNESSES_MAX || is_there(w, checkpoint))
		return KMS_OK;
	if (!w->items) {
		w->items = calloc(WITNESSES_MAX, sizeof(*w->items));
		w->from = calloc(WITNESSES_MAX, sizeof(*w->from));
	}
	if (!w->items || !w->from)
		return kms_nomem(err);
	from = &w->from[w->count];
	snprintf(from->document, sizeof(from->document), "%s", document);
	snprintf(from->partner, sizeof(from->partner), "%s", partner);
	snprintf(from->note, sizeof(from->note), "%.*s", (int)len, note);
	from->how = how;
	w->items[w->count++] = *checkpoint;
	return KMS_OK;
}

static const char *member(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

struct kept_doc {
	const char *id, *partner, *direction, *text;
};

static enum kms_status find_in(const struct kept_doc *doc, const struct op_signers *signers,
	struct op_witnesses *witnesses, struct kms_err *err)
{
	const bool came = strcmp(doc->direction, "in") == 0;
	JS_AUTO json_t *object = NULL;
	struct audit_checkpoint checkpoint;
	const char *notes[2];
	enum kms_status st =
		js_parse_object("document", doc->text, strlen(doc->text), &object, err);

	if (st)
		return kms_is_answer(st) ? KMS_OK : st;
	/* What this site says that it has seen came in another document. */
	notes[0] = came ? member(object, "seen_checkpoint") : NULL;
	notes[1] = member(object, "audit_checkpoint");
	for (int k = 0; !st && k < 2; k++) {
		bool is_signed = false;

		if (notes[k])
			st = look_signed(
				signers, notes[k], strlen(notes[k]), &is_signed, &checkpoint, err);
		if (!st && is_signed)
			st = take(witnesses, &checkpoint, notes[k], strlen(notes[k]), doc->id,
				doc->partner,
				k == 0 ? "seen"
				: came ? "came"
				       : "sent",
				err);
	}
	return st;
}

/* Documents and shipments, the newest first. */
enum kms_status op_witnesses_find(struct op_site *site, const struct op_signers *signers,
	struct op_witnesses *witnesses, struct kms_err *err)
{
	STORE_AUTO(doc_list) struct store_doc_list docs = {0};
	STORE_AUTO(shipment_list) struct store_shipment_list shipments = {0};
	enum kms_status st = store_docs(site->store, NULL, &docs, err);
	size_t i, k;

	if (!st)
		st = store_shipments(site->store, &shipments, err);
	/* Both lists are oldest first. */
	for (i = docs.count, k = shipments.count; !st && i + k > 0;) {
		struct kept_doc next;

		if (i && (!k || docs.items[i - 1].created >= shipments.items[k - 1].created)) {
			const struct store_doc *doc = &docs.items[--i];

			next = (struct kept_doc){doc->id, doc->partner, doc->direction, doc->text};
		} else {
			const struct store_shipment *s = &shipments.items[--k];

			next = (struct kept_doc){s->id, s->partner, s->direction, s->text};
		}
		st = find_in(&next, signers, witnesses, err);
	}
	return st;
}

/* The end of the note at text, which has six lines; NULL if there are no six. */
static const char *note_end(const char *text)
{
	for (int i = 0; text && i < NOTE_LINES; i++) {
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return text;
}

enum kms_status op_witnesses_file(const char *path, const struct op_signers *signers,
	struct op_witnesses *witnesses, struct kms_err *err)
{
	BUF_AUTO struct buf text = {0};
	struct audit_checkpoint checkpoint;
	const char *note, *end;
	bool any = false, is_signed;
	enum kms_status st = file_read(path, FILE_MOST, &text, err);

	for (note = buf_text(&text); !st && *note; note = end) {
		end = note_end(note);
		if (!end)
			return kms_fail(err, KMS_ERR_INVALID,
				"'%s' does not end with a whole checkpoint", path);
		st = look_signed(signers, note, (size_t)(end - note), &is_signed, &checkpoint, err);
		if (st || !is_signed)
			continue;
		any = true;
		st = take(
			witnesses, &checkpoint, note, (size_t)(end - note), path, "-", "file", err);
	}
	if (st || any)
		return st;
	kms_fail(err, KMS_ERR_INVALID, "'%s' holds no checkpoint of the log of '%s'", path,
		signers->name);
	return kms_hint(err, "'cardkms audit witnesses -o F' writes those that a site holds");
}

/* ---- what comes ---- */

/* That partner's signers, as it stands now and before. */
static enum kms_status signers_of(struct op_site *site, const struct store_partner *partner,
	struct op_signers *signers, struct kms_err *err)
{
	STORE_AUTO(partner_list) struct store_partner_list partners = {0};
	enum kms_status st = store_partners(site->store, &partners, err);

	for (size_t i = 0; !st && i < partners.count; i++)
		if (strcmp(partners.items[i].fingerprint, partner->fingerprint) == 0)
			return op_signers_partner(&partners, i, signers, err);
	return st ? st
		  : kms_fail(err, KMS_ERR_NOT_FOUND, "no partner '%s' is enrolled", partner->name);
}

static enum kms_status keep_the_proof(struct kms_err *err)
{
	return kms_hint(err, "keep this file and the site's folder as they are, and call the "
			     "auditor: 'cardkms audit witnesses' lists what is held");
}

enum kms_status op_witness_arrived(struct op_site *site, const struct store_partner *partner,
	const char *note, const char *what, struct kms_err *err)
{
	OP_WITNESSES_AUTO struct op_witnesses kept = {0};
	OP_SIGNERS_AUTO struct op_signers signers = {0};
	struct audit_checkpoint now;
	enum kms_status st = audit_checkpoint_parse(note, strlen(note), &now, err);

	if (!st)
		st = signers_of(site, partner, &signers, err);
	if (!st)
		st = op_witnesses_find(site, &signers, &kept, err);
	for (size_t i = 0; !st && i < kept.count; i++) {
		const struct audit_checkpoint *k = &kept.items[i];

		if (k->size == now.size && memcmp(k->root, now.root, HASH_SIZE) != 0) {
			kms_fail(err, KMS_ERR_MISMATCH,
				"'%s' has two different logs of %" PRIu64 " entries: one in %s, "
				"another one in this %s",
				partner->name, now.size, kept.from[i].document, what);
			return keep_the_proof(err);
		}
		if ((k->size > now.size && k->time < now.time) ||
			(k->size < now.size && k->time > now.time)) {
			kms_fail(err, KMS_ERR_MISMATCH,
				"the log of '%s' has lost entries: %" PRIu64 " in this %s, %" PRIu64
				" in %s, which is %s",
				partner->name, now.size, what, k->size, kept.from[i].document,
				k->time < now.time ? "older" : "newer");
			return keep_the_proof(err);
		}
	}
	return st;
}

/* Whether this site's log had that root at that size, and still has. */
static enum kms_status log_has(
	struct op_site *site, const struct audit_checkpoint *c, bool *ret_has, struct kms_err *err)
{
	const struct audit_nodes nodes = op_log_nodes(site);
	unsigned char root[HASH_SIZE];
	int64_t size;
	enum kms_status st = store_audit_size(site->store, &size, err);

	*ret_has = false;
	if (st || c->size > (uint64_t)size)
		return st;
	st = audit_tree_root(&nodes, c->size, root, err);
	*ret_has = !st && memcmp(root, c->root, HASH_SIZE) == 0;
	return st;
}

enum kms_status op_witness_own(struct op_site *site, const char *partner, const char *seen,
	const char *what, struct kms_err *err)
{
	OP_SIGNERS_AUTO struct op_signers self = {0};
	struct audit_checkpoint checkpoint;
	char time[CLOCK_TEXT_SIZE];
	bool has = false, is_signed = false;
	enum kms_status st;

	if (!seen)
		return KMS_OK;
	st = op_signers_self(site, &self, err);
	if (!st)
		st = look_signed(&self, seen, strlen(seen), &is_signed, &checkpoint, err);
	if (!st && !is_signed) {
		kms_fail(err, KMS_ERR_MISMATCH,
			"the %s of '%s' says that it holds a checkpoint which this site never "
			"signed",
			what, partner);
		return kms_hint(err,
			"if this site has a new identity, let the partner make the %s "
			"again after it has enrolled that",
			what);
	}
	if (!st)
		st = log_has(site, &checkpoint, &has, err);
	if (st || has)
		return st;
	clock_format(checkpoint.time, time);
	kms_fail(err, KMS_ERR_MISMATCH,
		"this site's log is not the one that '%s' has seen: that had %" PRIu64
		" entries on %s, signed here",
		partner, checkpoint.size, time);
	return kms_hint(err, "the registry was put back or written anew: keep the site's folder as "
			     "it is, and call the auditor");
}

/* Both have good signatures already. */
static enum kms_status parse_two(const char *held, const char *note,
	struct audit_checkpoint *ret_before, struct audit_checkpoint *ret_now, struct kms_err *err)
{
	enum kms_status st = audit_checkpoint_parse(held, strlen(held), ret_before, err);

	return st ? st : audit_checkpoint_parse(note, strlen(note), ret_now, err);
}

enum kms_status op_witness_follows(const char *partner, const char *held, const char *note,
	const struct doc_witness *w, const char *what, struct kms_err *err)
{
	struct audit_checkpoint before, now;
	struct audit_path path = {.count = w->count};
	enum kms_status st;

	if (!held)
		return KMS_OK;
	st = parse_two(held, note, &before, &now, err);
	if (st)
		return st;
	memcpy(path.hash, w->path, sizeof(w->path));
	st = w->continues && w->size == before.size
		     ? audit_check_consistency(
			       before.size, before.root, now.size, now.root, &path, err)
		     : kms_fail(err, KMS_ERR_MISMATCH, "no such proof is in it");
	if (!st)
		return KMS_OK;
	kms_prefix(err,
		"the %s does not prove that the log of '%s' goes on from the %" PRIu64
		" entries that this site has seen: ",
		what, partner, before.size);
	return keep_the_proof(err);
}

/* ---- what goes ---- */

enum kms_status op_witness_newest(struct op_site *site, const struct store_partner *partner,
	char **ret_note, struct kms_err *err)
{
	OP_WITNESSES_AUTO struct op_witnesses kept = {0};
	OP_SIGNERS_AUTO struct op_signers signers = {0};
	size_t newest = 0;
	enum kms_status st = signers_of(site, partner, &signers, err);

	if (!st)
		st = op_witnesses_find(site, &signers, &kept, err);
	*ret_note = NULL;
	if (st || kept.count == 0)
		return st;
	for (size_t i = 1; i < kept.count; i++)
		if (kept.items[i].size > kept.items[newest].size)
			newest = i;
	*ret_note = strdup(kept.from[newest].note);
	return *ret_note ? KMS_OK : kms_nomem(err);
}

enum kms_status op_witness_extend(struct op_site *site, const char *held, const char *note,
	struct doc_witness *witness, struct kms_err *err)
{
	const struct audit_nodes nodes = op_log_nodes(site);
	struct audit_checkpoint before, now;
	struct audit_path path;
	enum kms_status st;

	if (!held)
		return KMS_OK;
	st = parse_two(held, note, &before, &now, err);
	if (!st)
		st = audit_tree_consistency(&nodes, before.size, now.size, &path, err);
	if (st)
		return st;
	witness->continues = true;
	witness->size = before.size;
	witness->count = path.count;
	memcpy(witness->path, path.hash, path.count * HASH_SIZE);
	return KMS_OK;
}

/* ---- audit witnesses ---- */

static enum kms_status list_log(struct op_site *site, const struct op_signers *signers,
	json_t *rows, struct buf *notes, struct kms_err *err)
{
	OP_WITNESSES_AUTO struct op_witnesses kept = {0};
	enum kms_status st = op_witnesses_find(site, signers, &kept, err);

	for (size_t i = 0; !st && i < kept.count; i++) {
		const struct audit_checkpoint *c = &kept.items[i];
		char root[2 * HASH_SIZE + 1], time[CLOCK_TEXT_SIZE];

		hex_encode(c->root, HASH_SIZE, root);
		clock_format(c->time, time);
		if (json_array_append_new(
			    rows, json_pack("{s:s, s:I, s:s, s:s, s:s, s:s, s:s}", "log_of",
					  signers->name, "entries", (json_int_t)c->size, "time",
					  time, "root", root, "how", kept.from[i].how, "partner",
					  kept.from[i].partner, "document", kept.from[i].document)))
			return kms_nomem(err);
		st = buf_printf(notes, err, "%s", kept.from[i].note);
	}
	return st;
}

enum kms_status op_audit_witnesses(struct op_site *site, const char *of, const char *path,
	json_t **ret_report, struct kms_err *err)
{
	STORE_AUTO(partner_list) struct store_partner_list partners = {0};
	JS_AUTO json_t *rows = json_array();
	BUF_AUTO struct buf notes = {0};
	enum kms_status st = store_partners(site->store, &partners, err);
	bool found = false;

	if (!st && (!of || name_same(of, site->name))) {
		OP_SIGNERS_AUTO struct op_signers self = {0};

		found = true;
		st = op_signers_self(site, &self, err);
		if (!st)
			st = list_log(site, &self, rows, &notes, err);
	}
	/* Ordered by name, then version: the last of a name has all before it. */
	for (size_t i = 0; !st && i < partners.count; i++) {
		OP_SIGNERS_AUTO struct op_signers signers = {0};
		const char *name = partners.items[i].name;

		if ((of && !name_same(of, name)) ||
			(i + 1 < partners.count && strcmp(partners.items[i + 1].name, name) == 0))
			continue;
		found = true;
		st = op_signers_partner(&partners, i, &signers, err);
		if (!st)
			st = list_log(site, &signers, rows, &notes, err);
	}
	if (!st && !found) {
		kms_fail(err, KMS_ERR_NOT_FOUND, "no partner '%s' is enrolled", of);
		return kms_hint(err, "'cardkms partner list' shows them");
	}
	if (!st && path)
		st = file_write(path, 0644, notes.data, notes.len, err);
	if (!st)
		*ret_report = json_incref(rows);
	return st;
}
