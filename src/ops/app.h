/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ops/: work on the content of one card: load files and applications, by the keys of the
 * security domain that the registry knows.
 *
 * The card is the truth of what is on it. Each operation looks before it changes anything and after
 * it, so one that was cut off is simply run again: it finds what the card has, does the rest or
 * says that all is done. A card takes a load file, an installation or a deletion whole or not at
 * all (GPCS 2.3.1 clauses 9.3 and 9.5), so there is no half of any of them.
 */
#ifndef OPS_APP_H
#define OPS_APP_H

#include "card/content.h"
#include "ops/card_work.h"
#include "ops/delegated.h"

struct op_app {
	const struct op_app_where *where;
	struct op_card_work w;
	struct gp_registry *issuer, *files, *apps; /* as the card told last */
	bool already;				   /* nothing had to be changed */
	struct op_delegated delegated;
};

enum { OP_APP_PARAMS_MAX = 200 };

/* What a change is about, from its words. */
struct op_app_named {
	struct gp_install install; /* delete, extradite: instance is what it is about */
	struct gp_aid to;
	unsigned char params[OP_APP_PARAMS_MAX];
};
KMS_CHECKED enum kms_status op_app_name(enum gp_content_kind kind, const struct op_app_change *in,
	struct op_app_named *ret_named, struct kms_err *err);
/* The command for it; not for GP_CONTENT_LOAD. */
KMS_CHECKED enum kms_status op_app_content(enum gp_content_kind kind,
	const struct op_app_change *in, const struct op_app_named *named,
	struct gp_content *ret_content, struct kms_err *err);

void op_app_clear(struct op_app *a);

/* The card, and the recorded keys open it. With detail and report as all card work has them. */
KMS_CHECKED enum kms_status op_app_validate(
	struct op_app *a, struct op *op, const struct op_app_where *where, struct kms_err *err);
/* The secure channel. */
KMS_CHECKED enum kms_status op_app_open(struct op_app *a, struct kms_err *err);
/* The same, then op_app_look. */
KMS_CHECKED enum kms_status op_app_authenticate(struct op_app *a, struct kms_err *err);
/* What the card has: domains and applications, load files with their modules. */
KMS_CHECKED enum kms_status op_app_look(struct op_app *a, struct kms_err *err);
/* NULL if it has no such thing. */
const struct gp_entry *op_app_find(const struct gp_registry *registry, const struct gp_aid *aid);

/*
 * After a change failed: what the caller should know of the card now. Keeps the error; looks again
 * if the card still answers.
 */
void op_app_failed(struct op_app *a, struct kms_err *err);

/* The event (detail is taken) and counts; report: whether it had been done already, effort. */
KMS_CHECKED enum kms_status op_app_commit(
	struct op_app *a, const char *event, json_t *detail, struct kms_err *err);

/* Hex, as JSON; null where there is none. */
json_t *op_aid_json(const struct gp_aid *aid);

#endif
