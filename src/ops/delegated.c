/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/delegated.h"

#include "base/file.h"
#include "base/hex.h"
#include "ops/app.h"
#include "ops/card_history.h"

#include <string.h>

void op_delegated_clear(struct op_delegated *d)
{
	doc_proof_free(&d->token);
	content_key_free(&d->key);
}

/* ---- the token ---- */

static enum kms_status read_token(struct op_delegated *d, const char *path,
	enum gp_content_kind *ret_kind, struct kms_err *err)
{
	BUF_AUTO struct buf text = {0};
	enum kms_status st = file_read(path, DOC_MAX, &text, err);

	if (!st)
		st = doc_proof_parse(DOC_TOKEN, buf_text(&text), text.len, &d->token, err);
	if (!st)
		st = gp_content_kind_parse(d->token.operation, ret_kind, err);
	if (!st)
		st = gp_content_parse(
			*ret_kind, d->token.data, d->token.data_len, &d->permitted, err);
	return st ? kms_prefix(err, "%s: ", path) : KMS_OK;
}

enum kms_status op_delegated_check(struct op_delegated *d, const struct op_app_delegated *in,
	enum gp_content_kind kind, enum gp_content_kind other, struct kms_err *err)
{
	enum gp_content_kind found = GP_CONTENT_NONE;
	enum kms_status st = in->token ? read_token(d, in->token, &found, err) : KMS_OK;

	if (st || !in->token || found == kind || found == other)
		return st;
	return kms_fail(err, KMS_ERR_MISMATCH, "%s: it is a token for '%s', not for '%s'",
		in->token, gp_content_name(found), gp_content_name(kind));
}

enum kms_status op_delegated_permits(
	const struct op_app *app, const struct gp_content *content, struct kms_err *err)
{
	const struct op_delegated *d = &app->delegated;
	const char *differs;

	if (d->token.kind == DOC_NONE)
		return KMS_OK;
	differs = gp_content_differs(content, &d->permitted);
	if (!differs)
		return KMS_OK;
	if (content->kind != d->permitted.kind)
		kms_fail(err, KMS_ERR_MISMATCH,
			"the token in %s is for '%s', and what the card needs now is '%s'",
			app->where->delegated.token, gp_content_name(d->permitted.kind),
			gp_content_name(content->kind));
	else
		kms_fail(err, KMS_ERR_MISMATCH,
			"the token in %s is for something else: it has another %s",
			app->where->delegated.token, differs);
	return kms_hint(err, "'cardkms app token %s' makes one for this: nothing was changed",
		gp_content_name(content->kind));
}

enum kms_status op_delegated_validate(struct op_app *app, struct kms_err *err)
{
	const struct op_app_delegated *in = &app->where->delegated;
	struct op_delegated *d = &app->delegated;
	struct op *op = app->w.op;
	enum kms_status st = KMS_OK;

	if (in->receipt_key)
		st = content_key_find(op->site, in->receipt_key, KEY_ROLE_RECEIPT, &d->key, err);
	if (!st && in->receipt_key)
		st = content_key_open_for_cards(op->site, &d->key, err);
	if (!st && in->receipt_key)
		st = op_detail(op, "receipt_key", json_string(d->key.row.label), err);
	if (!st && d->token.kind)
		st = op_detail(op, "token", doc_proof_json(&d->token), err);
	return st;
}

/* ---- the command ---- */

enum kms_status op_delegated_send(struct op_app *app, const struct gp_content *content,
	const struct gp_receipt_names *names, struct kms_err *err)
{
	struct op_delegated *d = &app->delegated;
	enum kms_status st = op_delegated_permits(app, content, err);

	if (!st)
		st = gp_content_send(
			&app->w.card.gp, content, d->token.value, d->token.value_len, err);
	if (!st)
		op_delegated_take(app, content->kind, names);
	return st;
}

void op_delegated_take(
	struct op_app *app, enum gp_content_kind kind, const struct gp_receipt_names *names)
{
	const struct apdu_response *r = app->w.card.gp.response;
	struct op_delegated *d = &app->delegated;

	d->kind = kind;
	d->names = *names;
	/* What is longer is no confirmation: cut off, it is not taken for one. */
	d->answer_len = r->len <= sizeof(d->answer) ? r->len : sizeof(d->answer);
	memcpy(d->answer, r->data, d->answer_len);
}

/* ---- the receipt ---- */

static void find_wrong(struct op_delegated *d, enum kms_status st, const struct kms_err *why)
{
	d->wrong = *why;
	d->wrong.code = st;
}

/* The highest counter of a receipt from the same security domain that was verified before. */
struct last {
	const struct op_delegated *d;
	bool found;
	json_int_t counter;
};

static enum kms_status see_event(
	void *ctx, const struct store_card_event *event, struct kms_err *err)
{
	struct last *last = ctx;
	const struct gp_bytes *unique = &last->d->confirmation.unique;
	char hex[2 * GP_CONFIRMATION_MAX + 1];
	JS_AUTO json_t *detail = NULL;
	const char *whose;
	json_int_t counter;
	int verified;
	enum kms_status st;

	if (!event->detail || !strstr(event->detail, "\"receipt\""))
		return KMS_OK;
	st = js_parse_object("card history", event->detail, strlen(event->detail), &detail, err);
	hex_encode(unique->at, unique->len, hex);
	if (st ||
		json_unpack(detail, "{s:{s:s, s:I, s:b}}", "receipt", "unique", &whose, "counter",
			&counter, "verified", &verified) ||
		!verified || strcmp(whose, hex) != 0)
		return st;
	if (!last->found || counter > last->counter)
		last->counter = counter;
	last->found = true;
	return KMS_OK;
}

/* Appendix C.5: one more with each receipt, and never back. */
static enum kms_status check_counter(struct op_app *app, struct kms_err *err)
{
	struct op_delegated *d = &app->delegated;
	struct last last = {.d = d};
	struct kms_err why = {0};
	enum kms_status st =
		op_card_each_event(app->w.op->site, app->w.card.id, see_event, &last, err);

	if (st || !last.found || (json_int_t)d->confirmation.counter > last.counter)
		return st;
	kms_fail(&why, KMS_ERR_MISMATCH,
		"the card's confirmation counter is %u, and its last receipt had %lld already",
		d->confirmation.counter, (long long)last.counter);
	find_wrong(d, KMS_ERR_MISMATCH, &why);
	return KMS_OK;
}

static enum kms_status check_mac(struct op_app *app, struct kms_err *err)
{
	struct op_delegated *d = &app->delegated;
	const struct gp_bytes *receipt = &d->confirmation.receipt;
	unsigned char data[GP_RECEIPT_DATA_MAX];
	struct kms_err why = {0};
	size_t len = gp_receipt_data(d->kind, &d->confirmation, &d->names, data);
	enum kms_status st =
		content_key_verify(&d->key, data, len, receipt->at, receipt->len, &why);

	if (st == KMS_ERR_MISMATCH) {
		find_wrong(d, st, &why);
		return KMS_OK;
	}
	if (st && err)
		*err = why;
	return st;
}

enum kms_status op_delegated_verify(struct op_app *app, struct kms_err *err)
{
	struct op_delegated *d = &app->delegated;
	struct kms_err why = {0};
	enum kms_status st;

	if (d->kind == GP_CONTENT_NONE || (!d->key.row.label && !app->where->delegated.receipt))
		return KMS_OK;
	st = gp_confirmation_parse(d->answer, d->answer_len, &d->confirmation, &why);
	if (!st && (!d->confirmation.there || d->confirmation.receipt.len == 0))
		st = kms_fail(&why, KMS_ERR_MISMATCH, "the card gave none");
	if (st) {
		d->confirmation.there = false;
		find_wrong(d, KMS_ERR_MISMATCH, &why);
		return KMS_OK;
	}
	if (!d->key.row.label)
		return KMS_OK;
	st = check_mac(app, err);
	if (!st && !d->wrong.code)
		st = check_counter(app, err);
	d->verified = !st && !d->wrong.code;
	return st;
}

static json_t *hex_json(const struct gp_bytes *bytes)
{
	char hex[2 * GP_CONFIRMATION_MAX + 1];

	hex_encode(bytes->at, bytes->len, hex);
	return json_string(hex);
}

static json_t *receipt_json(const struct op_delegated *d)
{
	const struct gp_confirmation *c = &d->confirmation;

	if (!c->there)
		return json_pack("{s:b, s:s}", "verified", false, "wrong", d->wrong.msg);
	return json_pack("{s:b, s:s?, s:s?, s:i, s:o, s:o, s:o}", "verified", d->verified, "wrong",
		d->wrong.code ? d->wrong.msg : NULL, "key", d->key.row.label, "counter",
		(int)c->counter, "unique", hex_json(&c->unique), "confirmation", hex_json(&c->data),
		"receipt", hex_json(&c->receipt));
}

enum kms_status op_delegated_commit(struct op_app *app, json_t *detail, struct kms_err *err)
{
	struct op_delegated *d = &app->delegated;
	struct op *op = app->w.op;
	json_t *receipt = NULL;
	bool bad = !detail;
	enum kms_status st = KMS_OK;

	if (d->kind && d->token.kind)
		bad |= json_object_set_new(detail, "token", doc_proof_json(&d->token)) != 0;
	if (bad)
		return kms_nomem(err);
	if (!d->confirmation.there && !d->wrong.code)
		return KMS_OK;
	receipt = receipt_json(d);
	if (!receipt || json_object_set_new(detail, "receipt", receipt))
		return kms_nomem(err);
	st = op_detail(op, "receipt", json_incref(receipt), err);
	return st ? st : op_report(op, "receipt", json_incref(receipt), err);
}

static enum kms_status write_receipt(struct op_app *app, struct kms_err *err)
{
	const struct op_delegated *d = &app->delegated;
	const struct content_key *key = &d->key;
	char file[OP_AID_HEX] = "";
	struct doc_proof proof = {.kind = DOC_CARD_RECEIPT,
		.operation = gp_content_name(d->kind),
		.key = d->verified ? key->row.label : "",
		.alg = d->verified ? key->alg : KEY_ALG_NONE,
		.file = file,
		.domain = app->w.aid,
		.card = app->w.card.id,
		.created = app->w.op->now,
		.value_len = d->confirmation.receipt.len};
	BUF_AUTO struct buf text = {0};
	enum kms_status st;

	if (d->names.file.len)
		op_aid_text(&d->names.file, file);
	if (proof.value_len > sizeof(proof.value))
		return kms_fail(err, KMS_ERR_MISMATCH, "a receipt of %zu bytes", proof.value_len);
	memcpy(proof.value, d->confirmation.receipt.at, proof.value_len);
	proof.data_len = gp_receipt_data(d->kind, &d->confirmation, &d->names, proof.data);
	st = doc_proof_write(&proof, &text, err);
	return st ? st : file_write(app->where->delegated.receipt, 0644, text.data, text.len, err);
}

enum kms_status op_delegated_deliver(struct op_app *app, struct kms_err *err)
{
	const char *path = app->where->delegated.receipt;
	const struct op_delegated *d = &app->delegated;
	enum kms_status st = KMS_OK;

	if (app->already && (path || d->key.row.label))
		op_say(app->w.op->site, "it was done already: there is no new receipt");
	if (path && d->confirmation.there)
		st = write_receipt(app, err);
	if (st || !d->wrong.code)
		return st;
	kms_fail(err, KMS_ERR_MISMATCH, "done, but the receipt of card %s does not prove it: %s",
		app->w.card.id, d->wrong.msg);
	return kms_hint(err, "'cardkms card history' has the receipt as it came; 'cardkms card "
			     "contents' shows what the card has");
}
