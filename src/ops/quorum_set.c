/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quorum set, change and open --break-glass, officer enrol and revoke: the next generation of the quorum.
 *
 * The store goes from one generation to the next in one transaction, and the PINs that the new one takes
 * over are rotated afterwards, as in any opening: a run that is cut off between leaves a quorum that
 * opens, and the next opening rotates. DIR/quorum.lock is held throughout, so that no opening beside
 * rotates what is being taken over.
 */
#include "ops/ops.h"

#include "base/hex.h"
#include "ceremony/component.h"
#include "ops/meta.h"
#include "ops/quorum.h"
#include "store/people.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GLASS_PARTS = 2 };

struct wanted {
	char name[NAME_MAX_BYTES + 1], folded[NAME_MAX_BYTES + 1];
	char public_key[2 * CER_PUBLIC_KEY + 1];
	bool approves;
	struct buf sealed; /* of a key made in this run; empty: the officer has one */
	struct buf share;  /* sealed */
};

struct set_args {
	const struct op_quorum_set *in;
	struct wanted member[CER_SHARES_MAX];
	size_t count;
	struct secret pin, so_pin;
	bool held;		/* the lock, by this operation */
	struct op_quorum fresh; /* row, members (borrowing from `member`), key */
	struct store_member rows[CER_SHARES_MAX];
	char commitment[2 * CER_COMMITMENT + 1];
	char *serial;
	char revoked[NAME_MAX_BYTES + 1]; /* folded */
};

static void set_clear(struct set_args *a)
{
	for (size_t i = 0; i < CER_SHARES_MAX; i++) {
		buf_free(&a->member[i].sealed);
		buf_free(&a->member[i].share);
	}
	secret_free(&a->pin);
	secret_free(&a->so_pin);
	secret_free(&a->fresh.key);
	free(a->fresh.site_name);
	free(a->serial);
}

/* ---- who ---- */

static enum kms_status add_wanted(
	struct set_args *a, const char *name, size_t len, struct kms_err *err)
{
	struct wanted *w = &a->member[a->count];
	enum kms_status st;

	if (a->count == CER_SHARES_MAX)
		return kms_fail(
			err, KMS_ERR_INVALID, "a quorum has at most %d officers", CER_SHARES_MAX);
	if (len == 0 || len > NAME_MAX_BYTES)
		return kms_fail(err, KMS_ERR_USAGE, "--officers takes names: A,B,C");
	memcpy(w->name, name, len);
	w->name[len] = 0;
	st = name_check(w->name, "the officer's name", err);
	if (st)
		return st;
	name_fold(w->name, w->folded);
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->member[i].folded, w->folded) == 0) {
			kms_fail(err, KMS_ERR_DENIED, "'%s' cannot hold two shares", w->name);
			return kms_hint(err, "each officer of a quorum is another person");
		}
	a->count++;
	return KMS_OK;
}

static enum kms_status read_names(struct set_args *a, const char *list, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	while (!st) {
		size_t len, rest;

		list += strspn(list, " ");
		rest = strcspn(list, ",");
		len = rest;
		while (len && list[len - 1] == ' ')
			len--;
		st = add_wanted(a, list, len, err);
		if (!list[rest])
			break;
		list += rest + 1;
	}
	return st;
}

/* Those of the quorum there is, with one more or one less. */
static enum kms_status members_but(
	struct set_args *a, const struct op_quorum *old, const char *without, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < old->members.count; i++) {
		const char *folded = old->members.items[i].folded;

		if (!without || strcmp(folded, without) != 0)
			st = add_wanted(a, folded, strlen(folded), err);
	}
	return st;
}

static enum kms_status one_more(
	struct set_args *a, const struct op_quorum *old, struct kms_err *err)
{
	enum kms_status st = members_but(a, old, NULL, err);

	return st ? st : add_wanted(a, a->in->officer, strlen(a->in->officer), err);
}

static enum kms_status one_less(struct set_args *a, struct op_quorum *old, struct kms_err *err)
{
	enum kms_status st = name_check(a->in->officer, "the officer's name", err);

	if (st)
		return st;
	name_fold(a->in->officer, a->revoked);
	old->without = a->revoked;
	st = members_but(a, old, a->revoked, err);
	if (!st && a->count == old->members.count)
		st = kms_fail(err, KMS_ERR_NOT_FOUND, "'%s' is not of the quorum", a->in->officer);
	if (st || (int64_t)a->count >= a->fresh.row.threshold)
		return st;
	kms_fail(err, KMS_ERR_DENIED,
		"without '%s' there would be %zu officers, of whom %" PRId64 " are needed",
		a->in->officer, a->count, a->fresh.row.threshold);
	return kms_hint(err, "enrol another one first, or lower it with 'cardkms quorum change'");
}

static enum kms_status threshold_fits(const struct set_args *a, struct kms_err *err)
{
	const int64_t m = a->fresh.row.threshold;

	if (m >= CER_SHARES_MIN && m <= (int64_t)a->count)
		return KMS_OK;
	kms_fail(err, KMS_ERR_INVALID, "%" PRId64 " of %zu officers cannot be a quorum", m,
		a->count);
	return kms_hint(err, "two or more of all that are named: --threshold M --officers A,B,C");
}

static enum kms_status choose_members(
	struct set_args *a, struct op_quorum *old, struct kms_err *err)
{
	enum kms_status st;

	a->fresh.row.threshold = a->in->threshold ? a->in->threshold : old->row.threshold;
	switch (a->in->how) {
	case OP_QUORUM_ENROL:
		st = one_more(a, old, err);
		break;
	case OP_QUORUM_REVOKE:
		st = one_less(a, old, err);
		break;
	default:
		st = read_names(a, a->in->names, err);
	}
	return st ? st : threshold_fits(a, err);
}

/* ---- their keys ---- */

static const struct store_member *old_member(const struct op_quorum *old, const char *folded)
{
	for (size_t i = 0; old && i < old->members.count; i++)
		if (strcmp(old->members.items[i].folded, folded) == 0)
			return &old->members.items[i];
	return NULL;
}

/* Whose public key nothing proves yet, proves it by opening the secret half, or gets a pair. */
static enum kms_status prove_key(
	struct op *op, struct wanted *w, const struct secret *passphrase, struct kms_err *err)
{
	struct set_args *a = op->args;
	STORE_AUTO(officer_key) struct store_officer_key row = {0};
	SECRET_AUTO struct secret key = {0};
	BUF_AUTO struct buf context = {0};
	unsigned char public_key[CER_PUBLIC_KEY];
	enum kms_status st = op_officer_context(&a->fresh, w->folded, &context, err);

	if (st)
		return st;
	st = store_officer_key_get(op->site->store, w->folded, &row, err);
	if (!st)
		st = cer_officer_key_open(
			row.sealed, passphrase, buf_text(&context), public_key, &key, err);
	/* One that does not open (changed, of a former passphrase) seals nothing that is needed. */
	if (st == KMS_ERR_NOT_FOUND || st == KMS_ERR_AUTH || st == KMS_ERR_MISMATCH) {
		kms_err_clear(err);
		st = cer_officer_key_make(
			passphrase, buf_text(&context), public_key, &w->sealed, err);
	}
	if (!st)
		hex_encode(public_key, sizeof(public_key), w->public_key);
	return st;
}

static enum kms_status ask_member(struct op *op, struct wanted *w, struct kms_err *err)
{
	SECRET_AUTO struct secret passphrase = {0};
	FREE_AUTO char *name = NULL;
	bool here = false;
	enum kms_status st = op_officer_ask(
		op->site, w->folded, ", who joins the quorum", &passphrase, &name, &here, err);

	if (st)
		return st;
	if (!here) {
		kms_fail(err, KMS_ERR_DENIED, "officer '%s' joins the quorum and is not here",
			w->name);
		return kms_hint(err,
			"whoever joins gives a passphrase: by --pin-fd as the line officer.%s=…",
			w->name);
	}
	return prove_key(op, w, &passphrase, err);
}

static enum kms_status find_member(
	struct op *op, const struct op_quorum *old, struct wanted *w, struct kms_err *err)
{
	STORE_AUTO(officer) struct store_officer officer = {0};
	const struct store_member *before = old_member(old, w->folded);
	enum kms_status st = store_officer_get(op->site->store, w->folded, w->name, &officer, err);

	if (st)
		return st;
	snprintf(w->name, sizeof(w->name), "%s", officer.name);
	if (strcmp(officer.state, "active") != 0)
		return kms_fail(err, KMS_ERR_DENIED, "officer '%s' is disabled", w->name);
	if (strcmp(officer.role, "auditor") == 0) {
		kms_fail(err, KMS_ERR_DENIED, "'%s' is enrolled as auditor", w->name);
		return kms_hint(err, "an auditor reads everything and can change nothing");
	}
	w->approves = strcmp(officer.role, "security-officer") == 0;
	if (!before)
		return ask_member(op, w, err);
	snprintf(w->public_key, sizeof(w->public_key), "%s", before->public_key);
	return KMS_OK;
}

/* A first quorum is what its members want; a later one, what those want who opened the one before. */
static enum kms_status agreed(struct op *op, const struct op_quorum *old, struct kms_err *err)
{
	const struct set_args *a = op->args;
	size_t approvers = 0;

	if (old)
		return op_detail(op, "opened_by", json_incref(old->openers), err);
	for (size_t i = 0; i < a->count; i++)
		approvers += a->member[i].approves;
	if (approvers >= OP_OFFICERS)
		return KMS_OK;
	kms_fail(err, KMS_ERR_DENIED, "two officers of a first quorum must be able to approve it");
	return kms_hint(err, "name two security officers, or more, among --officers");
}

/* ---- the key it had, on paper ---- */

static enum kms_status read_part(
	struct op_site *site, unsigned number, struct secret *ret_part, struct kms_err *err)
{
	SECRET_AUTO struct secret text = {0};
	char id[32], prompt[80];
	bool checked = false;
	enum kms_status st;

	snprintf(id, sizeof(id), "component.%u", number);
	snprintf(prompt, sizeof(prompt), "break-glass component %u of %d", number, GLASS_PARTS);
	st = op_ask_secret(site, id, prompt, &text, err);
	if (!st)
		st = cer_component_parse((const char *)text.data, text.len, CER_QUORUM_KEY, number,
			ret_part, &checked, err);
	return st;
}

static enum kms_status break_glass(struct op *op, struct op_quorum *old, struct kms_err *err)
{
	SECRET_AUTO struct secret key = {0};
	enum kms_status st = secret_alloc(&key, CER_QUORUM_KEY, err);

	for (unsigned i = 1; !st && i <= GLASS_PARTS; i++) {
		SECRET_AUTO struct secret part = {0};

		st = read_part(op->site, i, &part, err);
		for (size_t k = 0; !st && k < key.len; k++)
			key.data[k] ^= part.data[k];
	}
	if (!st)
		st = op_quorum_take_key(old, &key, err);
	if (st == KMS_ERR_MISMATCH) {
		kms_fail(err, KMS_ERR_MISMATCH,
			"these components are not the key of the quorum's generation %" PRId64,
			old->row.generation);
		kms_hint(err, "no PIN was tried; sheets of an earlier generation are void");
	}
	if (!st) {
		op_say(op->site,
			"BREAK GLASS: the quorum is opened by its key on paper, without its "
			"officers; it is in the audit log");
		st = op_detail(op, "break_glass", json_true(), err);
	}
	if (!st && json_array_append_new(old->openers, json_string("break-glass components")))
		st = kms_nomem(err);
	return st;
}

/* ---- validate ---- */

static enum kms_status opened_pins(struct op *op, struct op_quorum *old, struct kms_err *err)
{
	struct set_args *a = op->args;
	enum kms_status st = op_site_login(op->site, err);

	if (!st)
		st = op_quorum_pin(op->site, old, PIN_USER, &a->pin, err);
	if (!st && hsm_has_so_pin(op->site->hsm))
		st = op_quorum_pin(op->site, old, PIN_SO, &a->so_pin, err);
	return st;
}

/* The PINs of whoever had them: both are proved before they are sealed. */
static enum kms_status given_pins(struct op *op, struct kms_err *err)
{
	struct set_args *a = op->args;
	struct op_site *site = op->site;
	struct hsm_token_info info;
	enum kms_status st = op_site_hsm(site, err);

	if (!st)
		st = hsm_token_info(site->hsm, &info, err);
	if (!st)
		st = op_ask_last_try(site, &info, err);
	if (!st)
		st = op_ask_secret(site, "pin", "operator PIN", &a->pin, err);
	if (!st && hsm_has_so_pin(site->hsm))
		st = op_ask_secret(site, "so-pin", "administrator (SO) PIN", &a->so_pin, err);
	if (!st && hsm_has_so_pin(site->hsm))
		st = hsm_check_so_pin(site->hsm, &a->so_pin, err);
	if (!st)
		st = hsm_login(site->hsm, &a->pin, err);
	if (!st)
		site->logged_in = true;
	return st ? st : op_caps_restore(site, site->hsm, &info, err);
}

static enum kms_status is_allowed(
	const struct set_args *a, const struct op_quorum *old, struct kms_err *err)
{
	if (a->in->how != OP_QUORUM_SET || !old)
		return KMS_OK;
	kms_fail(err, KMS_ERR_EXISTS, "this site has a quorum already: %" PRId64 " of %zu officers",
		old->row.threshold, old->members.count);
	return kms_hint(err, "'cardkms quorum change' makes another of it");
}

static enum kms_status begin_fresh(struct op *op, struct kms_err *err)
{
	struct set_args *a = op->args;
	struct store_quorum *row = &a->fresh.row;
	enum kms_status st = store_quorum_last(op->site->store, &row->generation, err);

	if (!st)
		st = op_meta_find(op->site, META_HSM_SERIAL, &a->serial, err);
	if (!st)
		st = op_meta_find(op->site, META_NAME, &a->fresh.site_name, err);
	if (!st && (!a->serial || !a->fresh.site_name))
		st = kms_fail(err, KMS_ERR_STATE, "this site has no HSM yet");
	row->generation++;
	row->state = "active";
	row->hsm_serial = a->serial;
	row->op_id = op->id;
	return st;
}

static enum kms_status seal_shares(struct set_args *a, struct kms_err *err)
{
	struct secret shares[CER_SHARES_MAX] = {0};
	enum kms_status st = cer_shares_split(&a->fresh.key, (unsigned)a->fresh.row.threshold,
		(unsigned)a->count, &cer_kernel_random, shares, err);

	for (size_t i = 0; !st && i < a->count; i++) {
		unsigned char public_key[CER_PUBLIC_KEY];
		BUF_AUTO struct buf context = {0};

		if (!hex_decode_strict(a->member[i].public_key, public_key, sizeof(public_key)))
			st = kms_fail(err, KMS_ERR_STORE, "a public key of '%s' is damaged",
				a->member[i].name);
		if (!st)
			st = op_share_context(&a->fresh, &a->rows[i], &context, err);
		if (!st)
			st = cer_share_seal(&shares[i], public_key, buf_text(&context),
				&a->member[i].share, err);
		if (!st)
			a->rows[i].share = buf_text(&a->member[i].share);
	}
	for (size_t i = 0; i < a->count; i++)
		secret_free(&shares[i]);
	return st;
}

static enum kms_status make_fresh(struct set_args *a, struct kms_err *err)
{
	unsigned char mac[CER_COMMITMENT];
	BUF_AUTO struct buf text = {0};
	enum kms_status st = cer_quorum_key_draw(&a->fresh.key, err);

	for (size_t i = 0; i < a->count; i++)
		a->rows[i] = (struct store_member){.generation = a->fresh.row.generation,
			.position = (int64_t)i + 1,
			.folded = a->member[i].folded,
			.public_key = a->member[i].public_key};
	a->fresh.members = (struct store_member_list){a->rows, a->count};
	if (!st)
		st = seal_shares(a, err);
	if (!st)
		st = op_quorum_text(&a->fresh, &text, err);
	if (!st)
		st = cer_quorum_commit(&a->fresh.key, buf_text(&text), mac, err);
	if (st)
		return st;
	hex_encode(mac, sizeof(mac), a->commitment);
	a->fresh.row.commitment = a->commitment;
	return KMS_OK;
}

static enum kms_status tell(struct op *op, struct kms_err *err)
{
	struct set_args *a = op->args;
	JS_AUTO json_t *names = json_array();
	enum kms_status st = KMS_OK;

	for (size_t i = 0; i < a->count; i++)
		if (json_array_append_new(names, json_string(a->member[i].name)))
			return kms_nomem(err);
	st = op_detail(op, "generation", json_integer(a->fresh.row.generation), err);
	if (!st)
		st = op_detail(op, "threshold", json_integer(a->fresh.row.threshold), err);
	if (!st)
		st = op_detail(op, "officers", json_incref(names), err);
	if (!st)
		st = op_report(op, "generation", json_integer(a->fresh.row.generation), err);
	if (!st)
		st = op_report(op, "threshold", json_integer(a->fresh.row.threshold), err);
	return st ? st : op_report(op, "officers", json_incref(names), err);
}

static enum kms_status set_validate(struct op *op, struct kms_err *err)
{
	struct set_args *a = op->args;
	struct op_quorum *old = NULL;
	enum kms_status st = op_quorum_hold(op->site, &a->held, err);

	if (!st)
		st = a->in->how == OP_QUORUM_SET ? op_quorum_find(op->site, &old, err)
						 : op_quorum_need(op->site, &old, err);
	if (!st)
		st = is_allowed(a, old, err);
	if (!st)
		st = begin_fresh(op, err);
	if (!st)
		st = choose_members(a, old, err);
	if (!st && a->in->how == OP_QUORUM_GLASS)
		st = break_glass(op, old, err);
	if (!st && old)
		st = opened_pins(op, old, err);
	for (size_t i = 0; !st && i < a->count; i++)
		st = find_member(op, old, &a->member[i], err);
	if (!st)
		st = agreed(op, old, err);
	if (!st && !old)
		st = given_pins(op, err);
	if (!st)
		st = make_fresh(a, err);
	if (!st)
		st = op_subject(op, err, "%s", a->serial);
	return st ? st : tell(op, err);
}

/* ---- commit ---- */

static enum kms_status add_members(struct op *op, struct kms_err *err)
{
	struct set_args *a = op->args;
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < a->count; i++) {
		const struct wanted *w = &a->member[i];

		st = store_member_add(op->site->store, &a->rows[i], err);
		if (!st && w->sealed.len)
			st = store_officer_key_set(op->site->store,
				&(struct store_officer_key){.folded = w->folded,
					.sealed = buf_text(&w->sealed),
					.changed = op->now},
				err);
	}
	return st;
}

static enum kms_status add_pin(
	struct op *op, const char *kind, const struct secret *pin, struct kms_err *err)
{
	struct set_args *a = op->args;
	BUF_AUTO struct buf context = {0}, sealed = {0};
	enum kms_status st;

	if (!pin->len)
		return KMS_OK;
	st = op_pin_context(&a->fresh, kind, 1, &context, err);
	if (!st)
		st = cer_pin_seal(pin, &a->fresh.key, buf_text(&context), &sealed, err);
	return st ? st
		  : store_pin_add(op->site->store,
			    &(struct store_pin){.kind = kind,
				    .number = 1,
				    .generation = a->fresh.row.generation,
				    .state = "current",
				    .sealed = buf_text(&sealed),
				    .created = op->now},
			    err);
}

static enum kms_status set_commit(struct op *op, struct kms_err *err)
{
	struct set_args *a = op->args;
	struct store *store = op->site->store;
	enum kms_status st = KMS_OK;

	a->fresh.row.created = op->now;
	if (op->site->quorum->loaded)
		st = store_quorum_end(store, op->site->quorum->row.generation, op->now, err);
	if (!st)
		st = store_quorum_add(store, &a->fresh.row, err);
	if (!st)
		st = add_members(op, err);
	if (!st)
		st = add_pin(op, PIN_USER, &a->pin, err);
	return st ? st : add_pin(op, PIN_SO, &a->so_pin, err);
}

/* What was taken over is known to whoever had it before. */
static enum kms_status set_deliver(struct op *op, struct kms_err *err)
{
	struct set_args *a = op->args;
	struct op_quorum *q = NULL;
	enum kms_status st;

	op_quorum_forget(op->site);
	st = op_quorum_need(op->site, &q, err);
	if (!st)
		st = op_quorum_take_key(q, &a->fresh.key, err);
	if (!st)
		st = op_quorum_renew(op->site, err);
	if (st)
		kms_prefix(err, "the quorum is set, but the PINs are not rotated yet: ");
	return st;
}

enum kms_status op_quorum_set(struct op_site *site, const struct op_quorum_set *in,
	json_t **ret_report, struct kms_err *err)
{
	static const char *const names[] = {
		[OP_QUORUM_SET] = "quorum.set",
		[OP_QUORUM_CHANGE] = "quorum.change",
		[OP_QUORUM_GLASS] = "quorum.break-glass",
		[OP_QUORUM_ENROL] = "officer.enrol",
		[OP_QUORUM_REVOKE] = "officer.revoke",
	};
	const struct op_kind kind = {
		.name = names[in->how],
		.needs = OP_NEED_IDENTITY,
		.validate = set_validate,
		.commit = set_commit,
		.deliver = set_deliver,
	};
	struct set_args args __attribute__((cleanup(set_clear))) = {.in = in};
	enum kms_status st = op_run(site, &kind, &args, ret_report, err);

	if (site->quorum)
		op_quorum_release(site, args.held);
	return st;
}
