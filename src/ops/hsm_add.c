/* SPDX-License-Identifier: Apache-2.0 */
/* hsm add, list and remove: the site's HSMs beside the principal one. */
#include "ops/ops.h"

#include "base/clock.h"
#include "base/text.h"
#include "hsm/probe.h"
#include "ops/hsms.h"
#include "ops/meta.h"
#include "ops/token.h"

#include <stdio.h>
#include <string.h>

struct add_args {
	const struct op_hsm_add *in;
	struct store_hsm row;
	struct op_hsm *h;
	enum op_token token;
	struct secret so_pin, pin;
	struct hsm_token_info info;
};

static void add_clear(struct add_args *a)
{
	secret_free(&a->so_pin);
	secret_free(&a->pin);
}

static enum kms_status add_check(struct op *op, struct kms_err *err)
{
	struct add_args *a = op->args;
	enum kms_status st = key_label_check(a->in->name, "the HSM's name", err);

	if (!st && strcmp(a->in->kind, "production") != 0 && strcmp(a->in->kind, "vault") != 0)
		st = kms_fail(err, KMS_ERR_INVALID, "--kind is production or vault, not '%s'",
			a->in->kind);
	if (!st)
		st = hsm_uri_check(a->in->uri, err);
	a->row = (struct store_hsm){.name = a->in->name,
		.uri = a->in->uri,
		.init_args = a->in->init_args,
		.kind = a->in->kind,
		.state = "pending",
		.op_id = op->id};
	return st ? st : op_subject(op, err, "%s", a->in->name);
}

static enum kms_status name_is_free(struct op *op, struct kms_err *err)
{
	struct add_args *a = op->args;
	STORE_AUTO(hsm_list) struct store_hsm_list list = {0};
	enum kms_status st = store_hsms(op->site->store, &list, err);

	for (size_t i = 0; !st && i < list.count; i++)
		if (key_label_same(list.items[i].name, a->in->name) &&
			strcmp(list.items[i].state, "removed") != 0)
			st = kms_fail(err, KMS_ERR_EXISTS, "there is an HSM '%s' already (%s)",
				list.items[i].name, list.items[i].kind);
	return st;
}

static enum kms_status ask(struct op *op, const char *what, const char *prompt, bool fresh,
	struct secret *ret, struct kms_err *err)
{
	const struct add_args *a = op->args;
	struct op_front *front = &op->site->front;
	char name[64], text[120];

	snprintf(name, sizeof(name), "%s.%s", what, a->in->name);
	snprintf(text, sizeof(text), "%s of the HSM '%s'", prompt, a->in->name);
	if (!fresh)
		return op_ask_secret(op->site, name, text, ret, err);
	if (!front->new_secret)
		return kms_fail(err, KMS_ERR_IO, "there is nobody to ask for the %s", text);
	return front->new_secret(front->ctx, name, text, ret, err);
}

/* One that is in use already must be empty: what is on it is somebody's. */
static enum kms_status is_empty(struct op *op, struct kms_err *err)
{
	struct add_args *a = op->args;
	FREE_AUTO struct hsm_object *objects = NULL;
	size_t count;
	enum kms_status st = hsm_login(a->h->hsm, &a->pin, err);

	if (!st)
		st = hsm_objects(a->h->hsm, &objects, &count, err);
	if (st)
		return st;
	a->h->logged_in = true;
	if (count == 0)
		return KMS_OK;
	kms_fail(err, KMS_ERR_EXISTS, "the token '%s' (serial %s) holds %zu object%s already",
		a->info.label, a->info.serial, count, count == 1 ? "" : "s");
	return kms_hint(err, "add an empty token; nothing was changed");
}

static enum kms_status add_validate(struct op *op, struct kms_err *err)
{
	struct add_args *a = op->args;
	enum kms_status st = name_is_free(op, err);

	if (!st)
		st = op_hsm_open_row(op->site, &a->row, &a->h, err);
	if (!st)
		st = op_token_state_at(a->h->hsm, &a->token, err);
	if (!st && a->token == OP_TOKEN_ABSENT && !*hsm_uri_token(a->h->hsm)) {
		kms_fail(err, KMS_ERR_INVALID, "the HSM's URI names no token to initialise");
		st = kms_hint(err, "add token=LABEL to it");
	}
	if (!st && a->token != OP_TOKEN_ABSENT)
		st = op_hsm_is_another(op->site, a->h, err);
	if (!st && a->token == OP_TOKEN_READY)
		st = hsm_token_info(a->h->hsm, &a->info, err);
	if (!st && a->token == OP_TOKEN_READY)
		st = op_ask_last_try(op->site, &a->info, err);
	if (!st && a->token != OP_TOKEN_READY)
		st = ask(op, "so-pin", "administrator (SO) PIN", true, &a->so_pin, err);
	if (!st)
		st = ask(op, "pin", "operator PIN", a->token != OP_TOKEN_READY, &a->pin, err);
	if (!st && a->token == OP_TOKEN_READY)
		st = is_empty(op, err);
	if (!st)
		st = op_detail(op, "kind", json_string(a->in->kind), err);
	if (!st)
		st = op_detail(op, "uri", json_string(a->in->uri), err);
	if (!st)
		st = op_report(op, "name", json_string(a->in->name), err);
	return st ? st : op_report(op, "kind", json_string(a->in->kind), err);
}

static enum kms_status add_intend(struct op *op, struct kms_err *err)
{
	struct add_args *a = op->args;

	a->row.added = op->now;
	a->row.changed = op->now;
	return store_hsm_add(op->site->store, &a->row, err);
}

static enum kms_status add_act(struct op *op, struct kms_err *err)
{
	struct add_args *a = op->args;
	const struct op_token_setup setup = {.state = a->token,
		.label = a->token == OP_TOKEN_ABSENT ? hsm_uri_token(a->h->hsm) : NULL,
		.logged_in = a->h->logged_in,
		.so_pin = &a->so_pin,
		.pin = &a->pin};
	enum kms_status st = op_token_set_up(a->h->hsm, &setup, &a->info, err);

	if (!st)
		a->h->logged_in = true;
	/* It decides how the copies of masters are made, as on the principal HSM. */
	if (!st && !op_hsm_is_production(a->h) && a->token != OP_TOKEN_READY)
		st = hsm_probe_trusted(a->h->hsm, &a->so_pin, err);
	return st ? st : op_caps_save_at(op->site, a->h->hsm, err);
}

static enum kms_status add_commit(struct op *op, struct kms_err *err)
{
	struct add_args *a = op->args;
	enum kms_status st;

	a->row.state = "active";
	a->row.serial = a->info.serial;
	st = store_hsm_update(op->site->store, &a->row, "pending", err);
	if (!st)
		st = op_detail(op, "serial", json_string(a->info.serial), err);
	if (!st)
		st = op_report(op, "token", json_string(a->info.label), err);
	return st ? st : op_report(op, "serial", json_string(a->info.serial), err);
}

enum kms_status op_hsm_add(
	struct op_site *site, const struct op_hsm_add *in, json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "hsm.add",
		.needs = OP_NEED_IDENTITY,
		.dual = DUAL_GENERATE,
		.check = add_check,
		.validate = add_validate,
		.intend = add_intend,
		.act = add_act,
		.commit = add_commit,
	};
	struct add_args args __attribute__((cleanup(add_clear))) = {.in = in};

	return op_run(site, &kind, &args, ret_report, err);
}

enum kms_status op_hsm_list(struct op_site *site, json_t **ret_report, struct kms_err *err)
{
	STORE_AUTO(hsm_list) struct store_hsm_list list = {0};
	FREE_AUTO char *serial = NULL;
	JS_AUTO json_t *rows = json_array();
	enum kms_status st = store_hsms(site->store, &list, err);

	if (!st)
		st = op_meta_find(site, META_HSM_SERIAL, &serial, err);
	if (!st && json_array_append_new(rows,
			   json_pack("{s:s, s:s, s:s, s:s?, s:s, s:n, s:n}", "name", "-", "kind",
				   "principal", "state",
				   site->policy.vault_offline ? "offline"
				   : serial		      ? "active"
							      : "not set up",
				   "serial", serial, "uri", site->hsm_uri, "copies", "added")))
		st = kms_nomem(err);
	for (size_t i = 0; !st && i < list.count; i++) {
		const struct store_hsm *h = &list.items[i];
		const struct store_copy_filter there = {.hsm = h->name, .state = "active"};
		STORE_AUTO(copy_list) struct store_copy_list copies = {0};
		char added[CLOCK_TEXT_SIZE];

		clock_format(h->added, added);
		st = store_copies(site->store, &there, &copies, err);
		if (!st && json_array_append_new(
				   rows, json_pack("{s:s, s:s, s:s, s:s?, s:s, s:I, s:s}", "name",
						 h->name, "kind", h->kind, "state", h->state,
						 "serial", h->serial, "uri", h->uri, "copies",
						 (json_int_t)copies.count, "added", added)))
			st = kms_nomem(err);
	}
	if (!st)
		*ret_report = json_incref(rows);
	return st;
}
