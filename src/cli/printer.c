/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/printer.h"
#include "cli/cli.h"

#include "base/clock.h"
#include "ops/ops.h"
#include "paper/sheet.h"

#include <stdio.h>

enum { SHEET_TRIES = 3 }; /* without people: then the ceremony stops */

static enum kms_status print(void *ctx, const struct cer_step *step, struct kms_err *err)
{
	struct printer *p = ctx;
	char name[KEY_LABEL_MAX + 16];

	snprintf(name, sizeof(name), "%s-%u", p->label, step->component);
	return paper_output_sheet(
		&p->output, name, step->sheet, p->paths[step->component - 1], err);
}

static void forget(void *ctx, const struct cer_step *step)
{
	struct printer *p = ctx;

	paper_output_forget(p->paths[step->component - 1]);
	p->paths[step->component - 1][0] = 0;
}

static enum kms_status replace(void *ctx, const struct cer_step *step, const char *why,
	uint32_t *ret_serial, struct kms_err *err)
{
	struct printer *p = ctx;

	return op_sheet_void(p->site, cer_ceremony_id(p->cer), step->component, step->serial, why,
		ret_serial, err);
}

enum kms_status printer_open(struct printer *p, struct op_site *site, const char *where,
	const char *label, const struct cer_pairs *pairs, struct kms_err *err)
{
	*p = (struct printer){.site = site, .label = label};
	p->face = (struct cer_printer){p, print, forget, replace};
	enum kms_status st = paper_output_open(where, &p->output, err);

	return st ? st : paper_sheet_check(label, pairs, err);
}

void printer_forget(struct printer *p)
{
	for (size_t i = 0; i < KEY_COMPONENTS_MAX; i++) {
		paper_output_forget(p->paths[i]);
		p->paths[i][0] = 0;
	}
}

/* A sheet that failed is void; the next one has another serial number. */
static enum kms_status print_one(struct printer *p, struct cer *c, struct kms_err *err)
{
	struct cer_step step;
	uint32_t serial;
	enum kms_status st;

	for (int tries = 1;; tries++) {
		struct kms_err why = {0};

		cer_next(c, &step);
		if (!print(p, &step, &why))
			return cer_answer_ok(c, clock_now(), err);
		cli_say("sheet %06u is void: %s", step.serial, why.msg);
		st = replace(p, &step, why.msg, &serial, err);
		if (!st)
			st = cer_answer_void(c, serial, why.msg, clock_now(), err);
		if (!st && tries == SHEET_TRIES) {
			*err = why;
			st = kms_prefix(err, "component %u could not be printed: ", step.component);
		}
		if (st)
			return st;
	}
}

enum kms_status printer_run(struct printer *p, struct cer *c, struct kms_err *err)
{
	struct cer_step step;
	enum kms_status st = KMS_OK;

	p->cer = c;
	while (!st && cer_has_steps(c, &step))
		st = print_one(p, c, err);
	return st;
}
