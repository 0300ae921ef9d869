/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/twin.h"

#include "store/keys.h"

#include <string.h>

enum kms_status op_twin_override(
	struct op *op, const char *label, const char *other, struct kms_err *err)
{
	return op_override(op, err,
		"'%s' has the check value of '%s': it is that key once more, unless they agree by "
		"chance",
		label, other);
}

enum kms_status op_twin_check(struct op *op, const char *label, enum key_alg alg,
	const struct key_kcv *kcv, struct kms_err *err)
{
	const struct store_key_filter live = {.live = true};
	STORE_AUTO(key_list) struct store_key_list keys = {0};
	char value[KEY_KCV_TEXT_SIZE];
	enum kms_status st = kcv->len ? store_keys(op->site->store, &live, &keys, err) : KMS_OK;

	key_kcv_print(kcv, value);
	for (size_t i = 0; !st && i < keys.count; i++) {
		const struct store_key *row = &keys.items[i];

		if (row->check_value && strcmp(row->check_value, value) == 0 && row->check_method &&
			strcmp(row->check_method, key_kcv_method_name(kcv->method)) == 0 &&
			strcmp(row->algorithm, key_alg_name(alg)) == 0 &&
			!key_label_same(row->label, label))
			st = op_twin_override(op, label, row->label, err);
	}
	return st;
}
