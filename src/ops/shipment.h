/* SPDX-License-Identifier: Apache-2.0 */
/* Inside ops/: the table of a shipment, as it is written and as it is kept. */
#ifndef OPS_SHIPMENT_H
#define OPS_SHIPMENT_H

#include "exchange/shipment.h"
#include "ops/exchange.h"
#include "store/shipments.h"

/* A kept card as the file says it, and back; texts are the other's. */
void op_shipment_to_doc(const struct store_shipment_card *row, struct doc_shipment_card *ret_card);
void op_shipment_from_doc(const struct doc_shipment_card *card, const char *shipment,
	const char *keyset, struct store_shipment_card *ret_row);

/* Writes a shipment that left this site, from what the registry has kept of it. */
KMS_CHECKED enum kms_status op_shipment_deliver(
	struct op_site *site, const char *id, const char *path, struct kms_err *err);

#endif
