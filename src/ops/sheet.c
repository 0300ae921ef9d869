/* SPDX-License-Identifier: Apache-2.0 */
/* Component sheets that came to nothing on the printer. */
#include "ops/op.h"
#include "ops/ops.h"
#include "store/custody.h"

static enum kms_status record(struct op_site *site, const struct store_void_sheet *row,
	json_t *details, struct kms_err *err)
{
	enum kms_status st = store_begin(site->store, err);

	if (st)
		return st;
	st = store_void_sheet_add(site->store, row, err);
	if (!st)
		st = op_log(site, NULL, "sheet.void", AUDIT_NOTE, row->ceremony_id, row->reason,
			details, err);
	return store_end(site->store, st, err);
}

enum kms_status op_sheet_void(struct op_site *site, const char *ceremony, unsigned component,
	uint32_t serial, const char *why, uint32_t *ret_serial, struct kms_err *err)
{
	const struct store_void_sheet row = {.serial = serial,
		.ceremony_id = ceremony,
		.component = component,
		.reason = why,
		.recorded = site->now()};
	JS_AUTO json_t *details = NULL;
	int64_t next = 0;
	enum kms_status st = store_counter_take(site->store, STORE_COUNTER_SHEET, 1, &next, err);

	if (!st && next > CER_SERIAL_MAX)
		st = kms_fail(
			err, KMS_ERR_STATE, "the serial numbers of component sheets are used up");
	if (st)
		return st;
	details = json_pack("{s:i, s:I, s:I}", "component", (int)component, "serial",
		(json_int_t)serial, "replaced_by", (json_int_t)next);
	st = details ? record(site, &row, details, err) : kms_nomem(err);
	if (!st)
		*ret_serial = (uint32_t)next;
	return st;
}
