/* SPDX-License-Identifier: Apache-2.0 */
/*
 * card key put: a key of the site's own into a security domain of a card (GPCS 2.3.1 clause 11.8), for
 * the card to verify DAP blocks and tokens with, or to make receipts. What was put where stands in the
 * card's history; the card says which versions it has, but not of what value.
 */
#include "ops/card_work.h"

#include "base/hex.h"
#include "ops/card_history.h"
#include "ops/content_key.h"

#include <stdlib.h>
#include <string.h>

struct put_args {
	const struct op_card_key_put *in;
	struct op_card_work w;
	struct content_key key;
	struct gp_put_key how;
	unsigned char point[GP_POINT_SIZE];
	bool listed; /* the card told which keys it has */
	bool already;
};

static void put_clear(struct put_args *a)
{
	op_card_work_close(&a->w);
	content_key_free(&a->key);
}

static enum kms_status put_check(struct op *op, struct kms_err *err)
{
	const struct put_args *a = op->args;

	return op_subject(op, err, "%s", a->in->where.reader ? a->in->where.reader : "card");
}

static unsigned usual_version(enum key_role role)
{
	return role == KEY_ROLE_DAP	? CONTENT_KEY_VERSION_DAP
	       : role == KEY_ROLE_TOKEN ? CONTENT_KEY_VERSION_TOKEN
					: CONTENT_KEY_VERSION_RECEIPT;
}

static enum kms_status find_key(struct op *op, struct put_args *a, struct kms_err *err)
{
	enum kms_status st = content_key_find(op->site, a->in->key, KEY_ROLE_NONE, &a->key, err);

	if (st)
		return st;
	a->how = (struct gp_put_key){
		.version = a->in->version ? a->in->version : usual_version(a->key.role),
		.id = a->in->id ? a->in->id : 1,
		.block = a->w.card.profile.key_block,
		.key_len = key_alg_info(a->key.alg)->length};
	if (a->w.has_domain && (int64_t)a->how.version == a->w.domain.version)
		return kms_fail(err, KMS_ERR_STATE,
			"key version %02X of domain %s is the set that opens it", a->how.version,
			a->w.aid);
	if (a->key.alg != KEY_P256)
		return KMS_OK;
	a->how.point = a->point;
	if (!a->key.row.public_key ||
		!hex_decode_strict(a->key.row.public_key, a->point, sizeof(a->point)))
		return kms_fail(
			err, KMS_ERR_STORE, "the row of '%s' has no public key", a->key.row.label);
	return KMS_OK;
}

static const struct gp_key_info *find_listed(
	const struct gp_key_list *list, const struct gp_put_key *how)
{
	for (size_t i = 0; i < list->count; i++)
		if ((list->keys[i].version & 0xFF) == how->version && list->keys[i].id == how->id)
			return &list->keys[i];
	return NULL;
}

/* A card that has no such list is asked by PUT KEY itself. */
static enum kms_status read_list(struct put_args *a, const struct gp_key_info **ret_found,
	struct gp_key_list *list, struct kms_err *err)
{
	enum kms_status st = KMS_ERR_NOT_FOUND;

	*ret_found = NULL;
	if (!(a->w.card.profile.quirks & CARD_QUIRK_NO_E0))
		st = gp_get_key_list(&a->w.card.gp, list, err);
	a->listed = st == KMS_OK;
	if (st == KMS_ERR_NOT_FOUND) {
		kms_err_clear(err);
		return KMS_OK;
	}
	if (!st)
		*ret_found = find_listed(list, &a->how);
	return st;
}

/* As the history has it: this key was put there last, or was about to be. */
struct was_put {
	const struct put_args *a;
	bool begun, done;
};

static enum kms_status see_event(
	void *ctx, const struct store_card_event *event, struct kms_err *err)
{
	struct was_put *was = ctx;
	const struct put_args *a = was->a;
	const bool done = strcmp(event->event, "card-key-put") == 0;
	JS_AUTO json_t *detail = NULL;
	const char *domain, *id;
	int version, key_id;
	enum kms_status st;

	if (!done && strcmp(event->event, "card-key-putting") != 0)
		return KMS_OK;
	st = js_parse_object("card history", event->detail, strlen(event->detail), &detail, err);
	if (!st && json_unpack(detail, "{s:s, s:s, s:i, s:i}", "domain", &domain, "cka_id", &id,
			   "version", &version, "key_id", &key_id))
		st = kms_fail(err, KMS_ERR_STORE, "an event of card %s is damaged", a->w.card.id);
	if (st || strcmp(domain, a->w.aid) != 0 || (unsigned)version != a->how.version ||
		(unsigned)key_id != a->how.id)
		return st;
	was->begun = strcmp(id, a->key.row.cka_id) == 0;
	was->done = was->begun && done;
	return KMS_OK;
}

/* Before the session, so that a version that is taken changes nothing. */
static enum kms_status look(struct put_args *a, struct kms_err *err)
{
	struct gp_key_list *list = calloc(1, sizeof(*list));
	const struct gp_key_info *found = NULL;
	struct was_put was = {.a = a};
	enum kms_status st = list ? read_list(a, &found, list, err) : kms_nomem(err);

	if (!st)
		st = op_card_each_event(a->w.op->site, a->w.card.id, see_event, &was, err);
	/* An INITIALIZE UPDATE that came before this question counts as interrupted. */
	card_guard_forget(&a->w.guard);
	free(list);
	if (st || (!found && a->listed))
		return st;
	a->already = was.done && !a->in->replace;
	if (a->already || (!a->listed && !was.begun && !a->in->replace))
		return KMS_OK;
	/* What was begun and never ended may be there or not: the same key once more is right in both. */
	if (was.begun || a->in->replace) {
		a->how.replace = a->how.version;
		return KMS_OK;
	}
	kms_fail(err, KMS_ERR_STATE,
		"card %s has a key of version %02X, identifier %02X in domain %s, and it is not "
		"known to be '%s'",
		a->w.card.id, a->how.version, a->how.id, a->w.aid, a->key.row.label);
	return kms_hint(
		err, "--replace gives its place to this one, or choose another --key-version");
}

static json_t *put_json(const struct put_args *a)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:s, s:s?, s:b}", "domain", a->w.aid,
		"key", a->key.row.label, "cka_id", a->key.row.cka_id, "role", a->key.row.role,
		"version", (int)a->how.version, "key_id", (int)a->how.id, "algorithm",
		a->key.row.algorithm, "check_value", a->key.row.check_value, "replaced",
		a->how.replace != 0);
}

static enum kms_status report(struct op *op, struct put_args *a, struct kms_err *err)
{
	char text[3];
	enum kms_status st = op_detail(op, "key", put_json(a), err);

	if (!st)
		st = op_card_work_report(&a->w, err);
	if (!st)
		st = op_report(op, "key", json_string(a->key.row.label), err);
	if (!st)
		st = op_report(op, "role", json_string(a->key.row.role), err);
	hex_encode((const unsigned char[]){(unsigned char)a->how.version}, 1, text);
	if (!st)
		st = op_report(op, "key_version", json_string(text), err);
	hex_encode((const unsigned char[]){(unsigned char)a->how.id}, 1, text);
	return st ? st : op_report(op, "key_id", json_string(text), err);
}

static enum kms_status put_validate(struct op *op, struct kms_err *err)
{
	struct put_args *a = op->args;
	struct op_card_work *w = &a->w;
	enum kms_status st = op_card_work_init(w, op, &a->in->where, NULL, err);

	if (!st)
		st = op_card_work_open(w, err);
	if (!st)
		st = op_card_work_no_change_open(w, err);
	if (!st)
		st = find_key(op, a, err);
	if (!st)
		st = look(a, err);
	if (!st)
		st = op_card_work_match_recorded(w, err);
	/* Of a pair the HSM that has it says that the registry's public key is the right one. */
	if (!st && a->how.point)
		st = content_key_open(op->site, &a->key, err);
	else if (!st)
		st = content_key_open_for_cards(op->site, &a->key, err);
	if (!st && !a->how.point)
		st = op_card_keys_may_wrap_one(op, w->old_keys, a->key.row.label, a->key.alg, err);
	if (!st)
		st = op_card_work_detail(w, err);
	return st ? st : report(op, a, err);
}

static enum kms_status put_intend(struct op *op, struct kms_err *err)
{
	struct put_args *a = op->args;

	return a->already ? KMS_OK
			  : op_card_work_event(&a->w, "card-key-putting", put_json(a), err);
}

static enum kms_status send_key(struct op *op, struct put_args *a, struct kms_err *err)
{
	struct gp *gp = &a->w.card.gp;
	struct card_key_block block = {.len = 0};
	enum kms_status st = KMS_OK;

	if (!a->how.point) {
		a->how.secret = &block;
		st = op_card_wrap_one(
			op->site, gp->scp.keys, &gp->scp.dek, &a->key.key, &block, err);
	}
	if (!st && !a->how.point &&
		!hex_decode_strict(a->key.row.check_value, block.kcv, sizeof(block.kcv)))
		st = kms_fail(
			err, KMS_ERR_STORE, "the row of '%s' has no check value", a->key.row.label);
	if (!st)
		st = gp_put_key(gp, &a->how, err);
	a->how.secret = NULL;
	secret_wipe(&block, sizeof(block));
	return st;
}

static enum kms_status put_act(struct op *op, struct kms_err *err)
{
	struct put_args *a = op->args;
	struct op_card_work *w = &a->w;
	const struct card_set set = {w->old_keys, (unsigned)w->domain.version, w->challenge_len};
	struct kms_err ignored = {0};
	enum kms_status st = card_guard_authenticate(&w->guard, &set, err);

	if (!st && !a->already)
		st = send_key(op, a, err);
	if (!st)
		return KMS_OK;
	/* Nothing more will be written, so that the success is: a count too high locks nothing. */
	(void)!card_guard_save(&w->guard, &ignored);
	if (!w->card.gp.scp.authenticated)
		(void)kms_hint(err, "whether the card has the key is not known: run the command "
				    "again, which sends it once more");
	return st;
}

/* That the card lists it, where it lists keys at all. */
static enum kms_status put_verify(struct op *op, struct kms_err *err)
{
	struct put_args *a = op->args;
	const struct gp_key_info *found = NULL;
	struct gp_key_list *list;
	enum kms_status st;

	if (!a->listed)
		return KMS_OK;
	list = calloc(1, sizeof(*list));
	st = list ? read_list(a, &found, list, err) : kms_nomem(err);
	free(list);
	if (!st && a->listed && !found)
		st = kms_fail(err, KMS_ERR_CARD,
			"card %s says that it took the key, but does not list version %02X",
			a->w.card.id, a->how.version);
	return st;
}

static enum kms_status put_commit(struct op *op, struct kms_err *err)
{
	struct put_args *a = op->args;
	enum kms_status st =
		a->already ? KMS_OK : op_card_work_event(&a->w, "card-key-put", put_json(a), err);

	if (!st)
		st = op_card_work_counts(&a->w, err);
	if (!st)
		st = op_report(op, "already", json_boolean(a->already), err);
	return st ? st : op_card_work_effort(&a->w, err);
}

enum kms_status op_card_key_put(struct op_site *site, const struct op_card_key_put *in,
	json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "card.key-put",
		.needs = OP_NEED_IDENTITY | OP_NEED_CARDS | OP_SHARES_SITE,
		.check = put_check,
		.validate = put_validate,
		.intend = put_intend,
		.act = put_act,
		.verify = put_verify,
		.commit = put_commit,
	};
	struct put_args args __attribute__((cleanup(put_clear))) = {.in = in};

	return op_run(site, &kind, &args, ret_report, err);
}
