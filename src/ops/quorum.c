/* SPDX-License-Identifier: Apache-2.0 */
/* A quorum as the store has it, and its key out of its members' shares. */
#include "ops/quorum.h"

#include "base/hex.h"
#include "ops/meta.h"
#include "store/people.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LOCK_WAIT_SECONDS = 60 /* an opening asks people */ };

static void clear(struct op_quorum *q)
{
	store_quorum_free(&q->row);
	store_member_list_free(&q->members);
	secret_free(&q->key);
	json_decref(q->openers);
	free(q->site_name);
	q->row = (struct store_quorum){0};
	q->openers = NULL;
	q->site_name = NULL;
	q->without = NULL;
	q->loaded = false;
}

void op_quorum_free(struct op_quorum *quorum)
{
	if (!quorum)
		return;
	clear(quorum);
	store_lock_release(quorum->lock);
	free(quorum);
}

void op_quorum_forget(struct op_site *site)
{
	if (site->quorum)
		clear(site->quorum);
}

static enum kms_status have(struct op_site *site, struct kms_err *err)
{
	if (!site->quorum)
		site->quorum = calloc(1, sizeof(*site->quorum));
	return site->quorum ? KMS_OK : kms_nomem(err);
}

static enum kms_status load(struct op_site *site, struct op_quorum *q, struct kms_err *err)
{
	enum kms_status st = op_meta_find(site, META_NAME, &q->site_name, err);

	if (!st && !q->site_name)
		st = kms_fail(err, KMS_ERR_STORE, "the registry does not know the site's name");
	if (!st)
		st = store_members(site->store, q->row.generation, &q->members, err);
	if (!st &&
		(q->members.count < (size_t)q->row.threshold || q->members.count > CER_SHARES_MAX))
		st = kms_fail(err, KMS_ERR_STORE,
			"the registry is damaged: a quorum of %" PRId64 " has %zu members",
			q->row.threshold, q->members.count);
	q->openers = json_array();
	if (!st && !q->openers)
		st = kms_nomem(err);
	q->loaded = !st;
	return st;
}

enum kms_status op_quorum_find(
	struct op_site *site, struct op_quorum **ret_quorum, struct kms_err *err)
{
	enum kms_status st = have(site, err);

	if (st)
		return st;
	*ret_quorum = NULL;
	if (!site->quorum->loaded) {
		st = store_quorum_active(site->store, &site->quorum->row, err);
		if (st == KMS_ERR_NOT_FOUND) {
			kms_err_clear(err);
			return KMS_OK;
		}
		if (!st)
			st = load(site, site->quorum, err);
		if (st) {
			clear(site->quorum);
			return st;
		}
	}
	*ret_quorum = site->quorum;
	return KMS_OK;
}

enum kms_status op_quorum_need(
	struct op_site *site, struct op_quorum **ret_quorum, struct kms_err *err)
{
	enum kms_status st = op_quorum_find(site, ret_quorum, err);

	if (st || *ret_quorum)
		return st;
	kms_fail(err, KMS_ERR_NOT_FOUND, "this site has no quorum");
	return kms_hint(err, "'cardkms quorum set --threshold M --officers A,B,C' makes one");
}

enum kms_status op_quorum_hold(struct op_site *site, bool *ret_held, struct kms_err *err)
{
	FREE_AUTO char *path = NULL;
	enum kms_status st = have(site, err);

	*ret_held = false;
	if (st || site->quorum->lock)
		return st;
	st = op_site_path(site, "quorum.lock", &path, err);
	if (!st)
		st = store_lock_take(path, LOCK_WAIT_SECONDS, &site->quorum->lock, err);
	if (st)
		return st;
	*ret_held = true;
	/* Another run may have changed it before. */
	op_quorum_forget(site);
	return KMS_OK;
}

void op_quorum_release(struct op_site *site, bool held)
{
	if (!held)
		return;
	store_lock_release(site->quorum->lock);
	site->quorum->lock = NULL;
}

/* ---- what things are sealed for ---- */

static enum kms_status begin_text(const struct op_quorum *q, struct buf *text, struct kms_err *err)
{
	return buf_printf(text, err,
		"cardkms quorum 1\nsite %s\ntoken %s\ngeneration %" PRId64 "\n", q->site_name,
		q->row.hsm_serial, q->row.generation);
}

enum kms_status op_quorum_text(
	const struct op_quorum *quorum, struct buf *ret_text, struct kms_err *err)
{
	enum kms_status st = begin_text(quorum, ret_text, err);

	if (!st)
		st = buf_printf(ret_text, err, "threshold %" PRId64 "\n", quorum->row.threshold);
	for (size_t i = 0; !st && i < quorum->members.count; i++) {
		const struct store_member *m = &quorum->members.items[i];

		st = buf_printf(ret_text, err, "member %" PRId64 " %s %s\n", m->position,
			m->public_key, m->folded);
	}
	return st;
}

enum kms_status op_share_context(const struct op_quorum *quorum, const struct store_member *member,
	struct buf *ret_text, struct kms_err *err)
{
	enum kms_status st = begin_text(quorum, ret_text, err);

	return st ? st
		  : buf_printf(ret_text, err, "share %" PRId64 " of %s\n", member->position,
			    member->folded);
}

enum kms_status op_pin_context(const struct op_quorum *quorum, const char *kind, int64_t number,
	struct buf *ret_text, struct kms_err *err)
{
	enum kms_status st = begin_text(quorum, ret_text, err);

	return st ? st : buf_printf(ret_text, err, "pin %s %" PRId64 "\n", kind, number);
}

enum kms_status op_officer_context(const struct op_quorum *quorum, const char *folded,
	struct buf *ret_text, struct kms_err *err)
{
	return buf_printf(ret_text, err, "cardkms officer key 1\nsite %s\nofficer %s\n",
		quorum->site_name, folded);
}

/* ---- shares ---- */

struct gathering {
	struct op_site *site;
	struct op_quorum *q;
	struct secret shares[CER_SHARES_MAX];
	size_t count;
	struct kms_err damaged; /* the first share that did not open */
};

static void gathering_clear(struct gathering *g)
{
	for (size_t i = 0; i < CER_SHARES_MAX; i++)
		secret_free(&g->shares[i]);
}

/* The officer's secret key, which must be that of the list. */
static enum kms_status open_key(struct gathering *g, const struct store_member *m,
	const struct secret *passphrase, struct secret *ret_key, struct kms_err *err)
{
	STORE_AUTO(officer_key) struct store_officer_key row = {0};
	BUF_AUTO struct buf context = {0};
	unsigned char public_key[CER_PUBLIC_KEY];
	char digits[2 * CER_PUBLIC_KEY + 1];
	enum kms_status st = store_officer_key_get(g->site->store, m->folded, &row, err);

	if (!st)
		st = op_officer_context(g->q, m->folded, &context, err);
	if (!st)
		st = cer_officer_key_open(
			row.sealed, passphrase, buf_text(&context), public_key, ret_key, err);
	if (st)
		return st;
	hex_encode(public_key, sizeof(public_key), digits);
	return strcmp(digits, m->public_key) == 0
		       ? KMS_OK
		       : kms_fail(err, KMS_ERR_MISMATCH, "it is not the key on the list");
}

static enum kms_status open_share(struct gathering *g, const struct store_member *m,
	const struct secret *passphrase, struct kms_err *err)
{
	SECRET_AUTO struct secret key = {0}, share = {0};
	BUF_AUTO struct buf context = {0};
	struct cer_share_info info;
	enum kms_status st = open_key(g, m, passphrase, &key, err);

	if (!st)
		st = op_share_context(g->q, m, &context, err);
	if (!st)
		st = cer_share_open(
			m->share ? m->share : "", &key, buf_text(&context), &share, err);
	if (!st)
		st = cer_share_read(&share, &info, err);
	if (!st && (info.index != m->position || info.threshold != g->q->row.threshold ||
			   info.count != g->q->members.count))
		st = kms_fail(err, KMS_ERR_MISMATCH, "it is a share of another quorum");
	if (!st)
		secret_take(&g->shares[g->count++], &share);
	return st;
}

/* A share that was changed is left aside: others may do. */
static enum kms_status use_share(struct gathering *g, const struct store_member *m,
	const char *name, const struct secret *passphrase, struct kms_err *err)
{
	enum kms_status st = open_share(g, m, passphrase, err);

	if (!st)
		return json_array_append_new(g->q->openers, json_string(name)) ? kms_nomem(err)
									       : KMS_OK;
	if (st != KMS_ERR_MISMATCH && st != KMS_ERR_AUTH && st != KMS_ERR_NOT_FOUND &&
		st != KMS_ERR_INVALID)
		return st;
	kms_prefix(err, "the share of officer '%s' is damaged: ", name);
	op_say(g->site, "warning: %s", err->msg);
	if (!g->damaged.msg[0])
		g->damaged = *err;
	kms_err_clear(err);
	return KMS_OK;
}

/* One after the other, until there are enough. */
static enum kms_status ask(struct gathering *g, struct kms_err *err)
{
	const size_t needed = (size_t)g->q->row.threshold;
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && g->count < needed && i < g->q->members.count; i++) {
		const struct store_member *m = &g->q->members.items[i];
		SECRET_AUTO struct secret passphrase = {0};
		FREE_AUTO char *name = NULL;
		char what_for[80];
		bool here = false;

		if (g->q->without && strcmp(g->q->without, m->folded) == 0)
			continue;
		snprintf(what_for, sizeof(what_for), ", %zu of %zu who open the HSM", g->count + 1,
			needed);
		st = op_officer_ask(g->site, m->folded, what_for, &passphrase, &name, &here, err);
		if (!st && here)
			st = use_share(g, m, name, &passphrase, err);
	}
	return st;
}

static enum kms_status too_few(const struct gathering *g, struct kms_err *err)
{
	if (g->damaged.msg[0]) {
		*err = g->damaged;
		err->code = KMS_ERR_MISMATCH;
		return kms_hint(err,
			"no PIN was tried; other officers of the quorum can open it: their lines "
			"officer.NAME=…");
	}
	kms_fail(err, KMS_ERR_DENIED,
		"the HSM opens with %" PRId64 " of %zu officers: %zu gave a passphrase",
		g->q->row.threshold, g->q->members.count, g->count);
	return kms_hint(
		err, "'cardkms quorum show' lists them; by --pin-fd each is a line officer.NAME=…");
}

enum kms_status op_quorum_take_key(
	struct op_quorum *quorum, struct secret *key, struct kms_err *err)
{
	unsigned char mac[CER_COMMITMENT];
	char digits[2 * CER_COMMITMENT + 1];
	BUF_AUTO struct buf text = {0};
	enum kms_status st = op_quorum_text(quorum, &text, err);

	if (!st)
		st = cer_quorum_commit(key, buf_text(&text), mac, err);
	if (st)
		return st;
	hex_encode(mac, sizeof(mac), digits);
	if (strcmp(digits, quorum->row.commitment) != 0) {
		kms_fail(err, KMS_ERR_MISMATCH,
			"the quorum's key does not prove the list of its members: one of them was "
			"changed");
		return kms_hint(err, "no PIN was tried; restore the registry from a copy");
	}
	secret_take(&quorum->key, key);
	return KMS_OK;
}

enum kms_status op_quorum_gather(
	struct op_site *site, struct op_quorum *quorum, struct kms_err *err)
{
	struct gathering g __attribute__((cleanup(gathering_clear))) = {.site = site, .q = quorum};
	SECRET_AUTO struct secret key = {0};
	enum kms_status st;

	if (quorum->key.len)
		return KMS_OK;
	st = ask(&g, err);
	if (!st && g.count < (size_t)quorum->row.threshold)
		st = too_few(&g, err);
	if (!st)
		st = cer_shares_combine(g.shares, g.count, &key, err);
	if (st == KMS_ERR_MISMATCH && !g.damaged.msg[0])
		kms_hint(err, "no PIN was tried");
	return st ? st : op_quorum_take_key(quorum, &key, err);
}
