/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/period.h"

#include "base/clock.h"
#include "keys/key.h"

#include <string.h>

enum { SOON = 90 * 24 * 60 * 60 /* seconds: time to make a key set and take cards over */ };

const char *op_period_word(const struct store_key *row, int64_t now)
{
	if (!row->deactivate_after)
		return "none";
	if (now >= row->deactivate_after)
		return "over";
	return row->deactivate_after - now < SOON ? "ends-soon" : "running";
}

enum kms_status op_period_check(
	struct op *op, const struct store_key *row, const char *verb, struct kms_err *err)
{
	char end[CLOCK_TEXT_SIZE];

	if (!row->deactivate_after || op->now < row->deactivate_after)
		return KMS_OK;
	clock_format(row->deactivate_after, end);
	return op_override(op, err, "cannot %s '%s': its cryptoperiod ended on %s", verb,
		row->keyset ? row->keyset : row->label, end);
}

/* The keys of a set end together: one line for all. */
static enum kms_status add(json_t *list, const struct store_key *row, struct kms_err *err)
{
	char end[CLOCK_TEXT_SIZE];
	JS_AUTO json_t *text = NULL;
	size_t i;
	const json_t *there;

	clock_format(row->deactivate_after, end);
	text = json_sprintf("%s (until %s)", row->keyset ? row->keyset : row->label, end);
	if (!text)
		return kms_nomem(err);
	json_array_foreach(list, i, there)
	{
		if (json_equal(there, text))
			return KMS_OK;
	}
	return json_array_append(list, text) ? kms_nomem(err) : KMS_OK;
}

enum kms_status op_period_list(
	struct op_site *site, json_t *soon, json_t *over, struct kms_err *err)
{
	const struct store_key_filter active = {.state = key_state_name(KEY_ACTIVE)};
	STORE_AUTO(key_list) struct store_key_list keys = {0};
	const int64_t now = site->now();
	enum kms_status st = store_keys(site->store, &active, &keys, err);

	for (size_t i = 0; !st && i < keys.count; i++) {
		const char *word = op_period_word(&keys.items[i], now);

		if (strcmp(word, "over") == 0)
			st = add(over, &keys.items[i], err);
		else if (strcmp(word, "ends-soon") == 0)
			st = add(soon, &keys.items[i], err);
	}
	return st;
}

static void warn(struct op_site *site, const json_t *list, const char *what)
{
	const size_t count = json_array_size(list);

	if (count > 0)
		op_say(site, "warning: the cryptoperiod of %zu key set%s %s; the first: %s", count,
			count == 1 ? "" : "s", what, json_string_value(json_array_get(list, 0)));
}

void op_period_warn(struct op_site *site)
{
	JS_AUTO json_t *soon = json_array(), *over = json_array();

	if (!soon || !over || op_period_list(site, soon, over, NULL))
		return;
	warn(site, over, "is over");
	warn(site, soon, "ends within 90 days");
}
