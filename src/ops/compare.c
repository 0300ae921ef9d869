/* SPDX-License-Identifier: Apache-2.0 */
/* hsm compare: another HSM of the site against the registry. What is where, and what has drifted. */
#include "ops/ops.h"

#include "base/hex.h"
#include "ops/replicate.h"

#include <stdio.h>
#include <string.h>

struct comparison {
	struct op_site *site;
	struct op_hsm *h;
	struct store_key_list keys;    /* all of the registry */
	struct store_copy_list copies; /* all rows of that HSM */
	json_t *rows, *drift;
};

static void comparison_clear(struct comparison *c)
{
	store_key_list_free(&c->keys);
	store_copy_list_free(&c->copies);
	json_decref(c->rows);
	json_decref(c->drift);
}

static const struct store_copy *copy_of(const struct comparison *c, const char *cka_id)
{
	for (size_t i = 0; i < c->copies.count; i++)
		if (strcmp(c->copies.items[i].cka_id, cka_id) == 0 &&
			strcmp(c->copies.items[i].state, "active") == 0)
			return &c->copies.items[i];
	return NULL;
}

static enum kms_status drift(struct comparison *c, struct kms_err *err, const char *text)
{
	return json_array_append_new(c->drift, json_string(text)) ? kms_nomem(err) : KMS_OK;
}

static enum kms_status row(struct comparison *c, const struct store_key *key,
	const struct store_copy *copy, const char *result, struct kms_err *err)
{
	return json_array_append_new(c->rows,
		       json_pack("{s:s, s:s?, s:s, s:s, s:s, s:s?, s:s?, s:s, s:s?, s:s}", "label",
			       key->label, "keyset", key->keyset, "role", key->role, "algorithm",
			       key->algorithm, "state", key->state, "check_value", key->check_value,
			       "check_method", key->check_method, "principal", key->location, "via",
			       copy ? copy->via : NULL, "result", result))
		       ? kms_nomem(err)
		       : KMS_OK;
}

static bool ended(const struct store_key *key)
{
	return strcmp(key->state, key_state_name(KEY_DESTROYED)) == 0 ||
	       strcmp(key->state, key_state_name(KEY_VOID)) == 0;
}

static bool may_be_used(const struct store_key *key)
{
	return strcmp(key->state, key_state_name(KEY_ACTIVE)) == 0;
}

static enum kms_status compare_key(
	struct comparison *c, const struct store_key *key, struct kms_err *err)
{
	const struct store_copy *copy = copy_of(c, key->cka_id);
	struct kms_err why = {0};
	char text[sizeof(why.msg)] = "";
	enum kms_status st;

	if (!copy && (ended(key) || !key->keyset))
		return KMS_OK;
	if (!copy) {
		/* Whether it should be there is its owner's choice: told, no drift. */
		return row(c, key, NULL, "not there", err);
	}
	st = op_copy_verify(c->h, key, &why);
	if (st == KMS_ERR_HSM || st == KMS_ERR_NOMEM) {
		*err = why;
		return st;
	}
	if (st)
		snprintf(text, sizeof(text), "%s", why.msg);
	else if (ended(key))
		snprintf(text, sizeof(text), "'%s' is %s here, and still on '%s'", key->label,
			key->state, c->h->row.name);
	else if (!may_be_used(key))
		snprintf(text, sizeof(text), "'%s' is %s here, and can be used on '%s'", key->label,
			key->state, c->h->row.name);
	st = row(c, key, copy, *text ? text : "same", err);
	return st || !*text ? st : drift(c, err, text);
}

/* Objects that nobody knows, on an HSM that holds only copies. */
static enum kms_status compare_objects(struct comparison *c, struct kms_err *err)
{
	FREE_AUTO struct hsm_object *objects = NULL;
	size_t count = 0;
	enum kms_status st = hsm_objects(c->h->hsm, &objects, &count, err);

	for (size_t i = 0; !st && i < count; i++) {
		char id[OP_ID_HEX] = "", text[300];

		if (objects[i].has_id)
			hex_encode(objects[i].id, HSM_ID_LEN, id);
		if (copy_of(c, id))
			continue;
		snprintf(text, sizeof(text),
			"'%s' holds a %s '%s' that is no copy of this site: left alone, to be "
			"looked "
			"into",
			c->h->row.name, objects[i].class_name, objects[i].label);
		st = drift(c, err, text);
	}
	return st;
}

static enum kms_status compare(struct comparison *c, const char *name, struct kms_err *err)
{
	const struct store_copy_filter there = {.hsm = name};
	enum kms_status st = op_hsm_login(c->site, name, &c->h, err);

	c->rows = json_array();
	c->drift = json_array();
	if (!st)
		st = store_keys(c->site->store, NULL, &c->keys, err);
	if (!st)
		st = store_copies(c->site->store, &there, &c->copies, err);
	for (size_t i = 0; !st && i < c->keys.count; i++)
		st = compare_key(c, &c->keys.items[i], err);
	return st ? st : compare_objects(c, err);
}

enum kms_status op_hsm_compare(
	struct op_site *site, const char *name, json_t **ret_report, struct kms_err *err)
{
	struct comparison c __attribute__((cleanup(comparison_clear))) = {.site = site};
	enum kms_status st = compare(&c, name, err);
	size_t found;

	if (st)
		return st;
	found = json_array_size(c.drift);
	*ret_report = json_pack("{s:s, s:s, s:s, s:I, s:O, s:O}", "hsm", name, "kind",
		c.h->row.kind, "serial", c.h->row.serial ? c.h->row.serial : "", "drift_count",
		(json_int_t)found, "keys", c.rows, "drift", c.drift);
	if (!*ret_report)
		return kms_nomem(err);
	if (found == 0)
		return KMS_OK;
	kms_fail(err, KMS_ERR_MISMATCH,
		"'%s' has drifted from this site in %zu point%s; the first: %s", name, found,
		found == 1 ? "" : "s", json_string_value(json_array_get(c.drift, 0)));
	return kms_hint(err, "nothing was changed");
}
