/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/witness.h"

#include "store/journal.h"

#include <stdlib.h>
#include <string.h>

enum { WITNESSES_MAX = 200 };

void op_witnesses_free(struct op_witnesses *witnesses)
{
	free(witnesses->items);
	*witnesses = (struct op_witnesses){0};
}

static bool checkpoint_in(const struct store_doc *doc, const char *origin,
	const unsigned char point[P256_POINT_SIZE], struct audit_checkpoint *ret)
{
	JS_AUTO json_t *object = NULL;
	const char *note;

	return js_parse_object("document", doc->text, strlen(doc->text), &object, NULL) == KMS_OK &&
	       js_get_text(object, "document", "audit_checkpoint", &note, NULL) == KMS_OK &&
	       audit_checkpoint_verify(note, strlen(note), origin, point, ret, NULL) == KMS_OK;
}

enum kms_status op_witnesses_find(struct op_site *site, const char *origin,
	const unsigned char point[P256_POINT_SIZE], uint64_t max_size,
	struct op_witnesses *ret_witnesses, struct kms_err *err)
{
	STORE_AUTO(doc_list) struct store_doc_list docs = {0};
	struct audit_checkpoint *items;
	size_t count = 0;
	enum kms_status st = store_docs(site->store, NULL, &docs, err);

	if (st)
		return st;
	items = calloc(WITNESSES_MAX, sizeof(*items));
	if (!items)
		return kms_nomem(err);
	/* The list is oldest first. */
	for (size_t i = docs.count; i-- > 0 && count < WITNESSES_MAX;)
		if (checkpoint_in(&docs.items[i], origin, point, &items[count]) &&
			items[count].size <= max_size)
			count++;
	*ret_witnesses = (struct op_witnesses){items, count};
	return KMS_OK;
}
