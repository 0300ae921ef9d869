/* SPDX-License-Identifier: Apache-2.0 */
/* Inside ops/: what happened to a card, read back event by event. */
#ifndef OPS_CARD_HISTORY_H
#define OPS_CARD_HISTORY_H

#include "ops/card.h"

/* Each event, oldest first, until one is not KMS_OK. */
typedef enum kms_status op_card_event_fn(
	void *ctx, const struct store_card_event *event, struct kms_err *err);
KMS_CHECKED enum kms_status op_card_each_event(struct op_site *site, const char *card_id,
	op_card_event_fn *take, void *ctx, struct kms_err *err);

#endif
