/* SPDX-License-Identifier: Apache-2.0 */
/* Inside ops/: store and HSM compared, for hsm check and doctor. */
#ifndef OPS_SURVEY_H
#define OPS_SURVEY_H

#include "base/js.h"
#include "ops/site.h"

struct op_survey {
	json_t *rows;	  /* one object a live key row, with its result */
	json_t *findings; /* texts: what does not agree */
	size_t strangers; /* objects without a row, among the findings */
};

/* Needs a login, which it makes. Reads only. */
KMS_CHECKED enum kms_status op_survey(
	struct op_site *site, struct op_survey *ret_survey, struct kms_err *err);
void op_survey_free(struct op_survey *survey);

#endif
