/* SPDX-License-Identifier: Apache-2.0 */
/* What the HSM is, what it can do, and whether it holds what the store says. */
#include "ops/ops.h"

#include "base/hex.h"
#include "exchange/identity.h"
#include "hsm/probe.h"
#include "ops/meta.h"
#include "ops/survey.h"
#include "ops/token.h"
#include "store/keys.h"

#include <stdio.h>
#include <string.h>

static const char *pin_state(bool low, bool final, bool locked)
{
	return locked ? "locked" : final ? "last try" : low ? "tries were used up" : "ok";
}

enum kms_status op_hsm_status(struct op_site *site, json_t **ret_report, struct kms_err *err)
{
	STORE_AUTO(key_list) struct store_key_list keys = {0};
	const struct store_key_filter live = {.live = true};
	FREE_AUTO char *identity = NULL;
	struct hsm_token_info i;
	enum kms_status st;

	st = op_site_hsm(site, err);
	if (!st)
		st = hsm_token_info(site->hsm, &i, err);
	if (!st)
		st = op_meta_find(site, META_IDENTITY, &identity, err);
	if (!st)
		st = store_keys(site->store, &live, &keys, err);
	if (st)
		return st;
	*ret_report = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:s, s:s, s:I, s:b}",
		"module", hsm_module_path(site->hsm), "token", i.label, "serial", i.serial,
		"manufacturer", i.manufacturer, "model", i.model, "firmware", i.firmware,
		"hardware", i.hardware, "initialised", i.initialised, "user_pin_set",
		i.user_pin_set, "user_pin",
		pin_state(i.user_pin_count_low, i.user_pin_final_try, i.user_pin_locked), "so_pin",
		pin_state(i.so_pin_count_low, i.so_pin_final_try, i.so_pin_locked), "keys",
		(json_int_t)keys.count, "set_up", identity != NULL);
	return *ret_report ? KMS_OK : kms_nomem(err);
}

static enum kms_status ways_json(struct op_site *site, json_t *rows, struct kms_err *err)
{
	for (int op = 0; op < HSM_OP_COUNT; op++) {
		struct hsm_way way;
		enum kms_status st = hsm_way(site->hsm, (enum hsm_op)op, &way, err);

		if (st)
			return st;
		if (json_array_append_new(rows,
			    json_pack("{s:s, s:s, s:s}", "operation", way.op, "where",
				    way.available ? hsm_where_name(way.where) : "not possible",
				    "strategy", way.strategy)))
			return kms_nomem(err);
	}
	return KMS_OK;
}

enum kms_status op_hsm_capabilities(struct op_site *site, json_t **ret_report, struct kms_err *err)
{
	JS_AUTO json_t *mechanisms = json_array(), *ways = json_array();
	struct hsm_token_info info;
	enum kms_status st;

	st = op_site_login(site, err);
	if (!st)
		st = hsm_token_info(site->hsm, &info, err);
	if (!st)
		st = hsm_probe(site->hsm, err);
	if (!st)
		st = op_caps_save(site, err);
	for (size_t i = 0; !st && i < hsm_cap_count(); i++) {
		struct hsm_cap_result cap;

		hsm_cap_get(site->hsm, i, &cap);
		if (json_array_append_new(mechanisms,
			    json_pack("{s:s, s:s, s:s, s:s}", "capability", cap.name, "answer",
				    hsm_answer_name(cap.answer), "native",
				    cap.native[0] ? cap.native : "-", "what", cap.what)))
			st = kms_nomem(err);
	}
	if (!st)
		st = ways_json(site, ways, err);
	if (st)
		return st;
	*ret_report = json_pack("{s:s, s:s, s:s, s:s, s:s, s:O, s:O}", "token", info.label,
		"manufacturer", info.manufacturer, "model", info.model, "firmware", info.firmware,
		"serial", info.serial, "mechanisms", mechanisms, "operations", ways);
	return *ret_report ? KMS_OK : kms_nomem(err);
}

/* ---- hsm check ---- */

void op_survey_free(struct op_survey *survey)
{
	json_decref(survey->rows);
	json_decref(survey->findings);
	*survey = (struct op_survey){0};
}

static enum kms_status finding(struct op_survey *survey, const char *text, struct kms_err *err)
{
	return json_array_append_new(survey->findings, json_string(text)) ? kms_nomem(err) : KMS_OK;
}

static enum kms_status check_row(struct op_site *site, const struct store_key *row,
	struct op_survey *survey, struct kms_err *err)
{
	struct kms_err why = {0};
	enum kms_status st = op_key_verify(site, row, &why);
	json_t *object;

	/* The token itself is gone: not a finding about this key. */
	if (st == KMS_ERR_HSM || st == KMS_ERR_NOMEM) {
		*err = why;
		return st;
	}
	if (json_array_append_new(survey->rows,
		    object = json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:s}", "label", row->label,
			    "role", row->role, "state", row->state, "check_value", row->check_value,
			    "check_method", row->check_method, "result", st ? why.msg : "ok")) ||
		!object)
		return kms_nomem(err);
	return st ? finding(survey, why.msg, err) : KMS_OK;
}

static bool has_row(const struct store_key_list *keys, const struct hsm_object *object)
{
	char id[OP_ID_HEX];

	if (!object->has_id)
		return false;
	hex_encode(object->id, HSM_ID_LEN, id);
	for (size_t i = 0; i < keys->count; i++)
		if (strcmp(keys->items[i].cka_id, id) == 0)
			return true;
	return false;
}

/* An object that no live row knows: reported, never deleted. */
static enum kms_status check_strangers(struct op_site *site, const struct store_key_list *keys,
	struct op_survey *survey, struct kms_err *err)
{
	FREE_AUTO struct hsm_object *objects = NULL;
	char text[300];
	size_t count;
	enum kms_status st = hsm_objects(site->hsm, &objects, &count, err);

	for (size_t i = 0; !st && i < count; i++) {
		if (has_row(keys, &objects[i]))
			continue;
		survey->strangers++;
		snprintf(text, sizeof(text),
			"the HSM holds a %s '%s' that no row knows: left alone, to be looked into",
			objects[i].class_name, objects[i].label);
		st = finding(survey, text, err);
	}
	return st;
}

static bool pair_is(const struct store_key_list *keys, enum key_role role,
	const unsigned char point[P256_POINT_SIZE])
{
	char text[2 * P256_POINT_SIZE + 1];

	hex_encode(point, P256_POINT_SIZE, text);
	for (size_t i = 0; i < keys->count; i++)
		if (strcmp(keys->items[i].role, key_role_name(role)) == 0)
			return keys->items[i].public_key &&
			       strcmp(keys->items[i].public_key, text) == 0;
	return false;
}

/* By the identity on record the log is verified: it must be of the pairs, which check_row has
 * compared with the HSM. */
static enum kms_status check_identity(struct op_site *site, const struct store_key_list *keys,
	struct op_survey *survey, struct kms_err *err)
{
	DOC_IDENTITY_AUTO struct doc_identity identity = {0};
	FREE_AUTO char *text = NULL, *fingerprint = NULL;
	enum kms_status st = op_meta_find(site, META_IDENTITY, &text, err);

	if (!st)
		st = op_meta_find(site, META_FINGERPRINT, &fingerprint, err);
	if (st || !text)
		return st;
	st = doc_identity_parse(text, strlen(text), &identity, err);
	if (!st)
		st = doc_identity_verify(&identity, fingerprint, err);
	if (st && !kms_is_answer(st))
		return st;
	if (!st && pair_is(keys, KEY_ROLE_IDENTITY, identity.identity_key) &&
		pair_is(keys, KEY_ROLE_AUDIT, identity.audit_key))
		return KMS_OK;
	return finding(survey,
		"the identity on record is not that of the keys in the HSM: the store was changed",
		err);
}

enum kms_status op_survey(struct op_site *site, struct op_survey *ret_survey, struct kms_err *err)
{
	const struct store_key_filter live = {.live = true};
	STORE_AUTO(key_list) struct store_key_list keys = {0};
	struct op_survey survey __attribute__((cleanup(op_survey_free))) = {
		.rows = json_array(), .findings = json_array()};
	enum kms_status st;

	st = op_site_login(site, err);
	if (!st)
		st = store_keys(site->store, &live, &keys, err);
	for (size_t i = 0; !st && i < keys.count; i++)
		st = check_row(site, &keys.items[i], &survey, err);
	if (!st)
		st = check_identity(site, &keys, &survey, err);
	if (!st)
		st = check_strangers(site, &keys, &survey, err);
	if (st)
		return st;
	*ret_survey = survey;
	survey = (struct op_survey){0};
	return KMS_OK;
}

enum kms_status op_hsm_check(struct op_site *site, json_t **ret_report, struct kms_err *err)
{
	struct op_survey survey __attribute__((cleanup(op_survey_free))) = {0};
	enum kms_status st = op_survey(site, &survey, err);
	size_t findings;

	if (st)
		return st;
	findings = json_array_size(survey.findings);
	*ret_report = json_pack("{s:I, s:I, s:O, s:O}", "checked",
		(json_int_t)json_array_size(survey.rows), "findings_count", (json_int_t)findings,
		"keys", survey.rows, "findings", survey.findings);
	if (!*ret_report)
		return kms_nomem(err);
	if (findings == 0)
		return KMS_OK;
	kms_fail(err, KMS_ERR_MISMATCH, "store and HSM disagree in %zu point%s; the first: %s",
		findings, findings == 1 ? "" : "s",
		json_string_value(json_array_get(survey.findings, 0)));
	return kms_hint(err,
		"'cardkms doctor' settles what an interrupted operation left; the rest "
		"needs a person");
}
