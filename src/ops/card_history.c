/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/card_history.h"

enum { EVENTS_PAGE = 500 };

enum kms_status op_card_each_event(struct op_site *site, const char *card_id,
	op_card_event_fn *take, void *ctx, struct kms_err *err)
{
	enum kms_status st = KMS_OK;
	int64_t after = 0;

	for (bool more = true; !st && more;) {
		STORE_AUTO(card_event_list) struct store_card_event_list list = {0};

		st = store_card_events(site->store, card_id, after, EVENTS_PAGE, &list, err);
		for (size_t i = 0; !st && i < list.count; i++) {
			st = take(ctx, &list.items[i], err);
			after = list.items[i].seq;
		}
		more = list.count == EVENTS_PAGE;
	}
	return st;
}
