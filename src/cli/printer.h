/* SPDX-License-Identifier: Apache-2.0 */
/* --print: the sheets of a ceremony that creates a key, on paper. */
#ifndef CLI_PRINTER_H
#define CLI_PRINTER_H

#include "base/err.h"
#include "ceremony/drive.h"
#include "keys/key.h"
#include "ops/site.h"
#include "paper/output.h"

#include <limits.h>

struct printer {
	struct op_site *site;
	const char *label;
	struct paper_output output;
	struct cer *cer; /* NULL before the room is opened */
	struct cer_printer face;
	char paths[KEY_COMPONENTS_MAX][PATH_MAX]; /* of files that are there; "": none */
};

/* Before the ceremony: whether sheets with these names can be printed there. `p` must stay in place. */
KMS_CHECKED enum kms_status printer_open(struct printer *p, struct op_site *site, const char *where,
	const char *label, const struct cer_pairs *pairs, struct kms_err *err);

/* Without people: all sheets, one after the other. What is in a folder stays there. */
KMS_CHECKED enum kms_status printer_run(struct printer *p, struct cer *c, struct kms_err *err);

/* Wipes all files that are still there. */
void printer_forget(struct printer *p);

#endif
