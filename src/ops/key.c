/* SPDX-License-Identifier: Apache-2.0 */
/* The keys, listed and shown. */
#include "ops/ops.h"

#include "ops/meta.h"
#include "ops/period.h"
#include "store/cards.h"
#include "store/keys.h"

#include <string.h>

enum kms_status op_key_list(struct op_site *site, const char *keyset, const char *state,
	json_t **ret_report, struct kms_err *err)
{
	/* Without a filter: the keys there are. Void and destroyed ones are shown on request. */
	const struct store_key_filter filter = {
		.keyset = keyset, .state = state, .live = state == NULL};
	STORE_AUTO(key_list) struct store_key_list keys = {0};
	JS_AUTO json_t *rows = json_array();
	const int64_t now = site->now();
	enum key_state known;
	enum kms_status st = state ? key_state_parse(state, &known, err) : KMS_OK;

	if (!st && keyset) {
		STORE_AUTO(keyset) struct store_keyset set = {0};

		st = store_keyset_get(site->store, keyset, &set, err);
	}
	if (!st)
		st = store_keys(site->store, &filter, &keys, err);
	for (size_t i = 0; !st && i < keys.count; i++) {
		json_t *object;

		st = op_key_json(&keys.items[i], &object, err);
		if (!st && (json_array_append_new(rows, object) ||
				   json_object_set_new(object, "period",
					   json_string(op_period_word(&keys.items[i], now)))))
			st = kms_nomem(err);
	}
	if (!st)
		*ret_report = json_incref(rows);
	return st;
}

static enum kms_status add_keyset_facts(
	struct op_site *site, const char *name, json_t *object, struct kms_err *err)
{
	STORE_AUTO(keyset) struct store_keyset set = {0};
	enum kms_status st = store_keyset_get(site->store, name, &set, err);
	int bad;

	if (st)
		return st;
	bad = json_object_set_new(object, "customer", json_string(set.customer));
	bad |= json_object_set_new(object, "diversification", json_string(set.diversification));
	if (set.definition && strcmp(set.definition, set.diversification) != 0)
		bad |= json_object_set_new(object, "definition", json_string(set.definition));
	if (set.cryptoperiod)
		bad |= json_object_set_new(object, "cryptoperiod", json_string(set.cryptoperiod));
	return bad ? kms_nomem(err) : KMS_OK;
}

enum kms_status op_key_show(
	struct op_site *site, const char *label, json_t **ret_report, struct kms_err *err)
{
	STORE_AUTO(key) struct store_key row = {0};
	JS_AUTO json_t *object = NULL;
	int64_t cards = 0;
	enum kms_status st = store_key_by_label(site->store, label, &row, err);

	if (!st)
		st = op_key_json(&row, &object, err);
	if (!st && row.keyset)
		st = add_keyset_facts(site, row.keyset, object, err);
	if (!st && row.keyset)
		st = store_dependants_count(site->store, row.keyset, &cards, err);
	if (!st && row.keyset && json_object_set_new(object, "cards", json_integer(cards)))
		st = kms_nomem(err);
	if (!st)
		*ret_report = json_incref(object);
	return st;
}
