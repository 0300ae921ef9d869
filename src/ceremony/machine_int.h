/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of struct cer, shared by machine.c and machine_text.c only. */
#ifndef CEREMONY_MACHINE_INT_H
#define CEREMONY_MACHINE_INT_H

#include "base/buf.h"
#include "ceremony/machine.h"

struct cer {
	enum cer_kind kind;
	enum cer_state state;
	enum cer_step_kind step;
	enum key_alg alg;
	enum key_kcv_method method;
	char purpose[NAME_MAX_BYTES + 1];
	char label[KEY_LABEL_MAX + 1];
	char site[NAME_MAX_BYTES + 1];
	char partner[NAME_MAX_BYTES + 1]; /* "" if there is none */
	struct cer_identity here;
	struct cer_identity partner_identity;
	struct cer_pairs pairs;
	uint32_t serials[CER_COMPONENTS_MAX]; /* create */
	bool has_expected;
	struct key_kcv expected;
	unsigned tries;
	bool printed;
	bool unattended;
	bool rehearsal;

	char ceremony[CER_ID_SIZE]; /* "" while unknown, and if the sheets bear none */
	bool id_settled;	    /* ceremony is what every further sheet must say */

	unsigned at; /* the component of this step, 0 for none */
	unsigned tries_left;
	bool had_check_digits;	 /* of the component just entered */
	unsigned check_failures; /* wrong check values since it was entered */
	struct secret components[CER_COMPONENTS_MAX];
	struct key_kcv kcvs[CER_COMPONENTS_MAX]; /* computed from the components */
	bool accepted[CER_COMPONENTS_MAX + 1];	 /* [0]: the combined one */
	struct key_kcv combined;

	struct secret sheet; /* during CER_STEP_SHOW */
	char check_text[KEY_KCV_TEXT_SIZE];
	char title[256];
	struct buf text;
	struct cer_event *events;
	size_t event_count;
};

/* Title and text of the step that c stands at; c->text is empty before. */
KMS_CHECKED enum kms_status cer_write_text(struct cer *c, struct kms_err *err);

static inline const struct cer_pair *cer_pair_at(const struct cer *c)
{
	return c->at ? &c->pairs.pairs[c->at - 1] : NULL;
}

#endif
