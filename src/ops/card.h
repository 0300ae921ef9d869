/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ops/: one card in one reader, as the operations on cards meet it: the line to it, who it
 * is, which profile describes it, and what the registry knows of it.
 *
 * A card is told from others by what its chip says (CPLC: fabricator, type, serial number, batch),
 * else by IIN and CIN, else by its key diversification data. None of it is proved: who can make a
 * card can make it say anything. What is proved is that it holds keys derived from its data.
 */
#ifndef OPS_CARD_H
#define OPS_CARD_H

#include "card/profile.h"
#include "ops/op.h"
#include "ops/ops.h"
#include "store/cards.h"

enum {
	OP_CARD_ID_MAX = 2 * 2 * GP_ID_MAX + 1, /* IIN and CIN in hex, and a zero */
	OP_AID_HEX = 2 * GP_AID_MAX + 1,
	OP_KDD_HEX = 2 * CARD_KDD_MAX + 1,
};

/* States of cards and domains, as the store has them. */
#define CARD_STATE_KNOWN       "known"
#define CARD_STATE_CHANGING    "changing"
#define CARD_STATE_ACTIVE      "active"
#define CARD_STATE_QUARANTINED "quarantined"
#define CARD_STATE_REMOVED     "removed"
#define CARD_STATE_TERMINATED  "terminated"

struct op_card {
	struct card_system *system;
	struct card_link *link;
	struct gp gp;
	bool simulated; /* behind tcp: no card of a customer */
	struct gp_trace trace;
	struct file_trace *trace_file;

	struct gp_aid isd;
	bool locked; /* SELECT said '6283' */
	bool has_cplc, has_iin, has_cin, has_recognition;
	struct gp_cplc cplc;
	struct gp_id iin, cin;
	struct gp_recognition recognition;
	char id[OP_CARD_ID_MAX]; /* "" until op_card_identify knows it */
	const char *id_source;

	struct card_profile profile; /* name "" if none was found */
	unsigned scp, scp_i;
	bool known; /* the registry has a row: */
	struct store_card row;
};

#define OP_CARD_AUTO __attribute__((cleanup(op_card_close)))

/*
 * Opens the line, selects the issuer security domain, reads what identifies the card, finds the
 * profile (the one named, else the one in the registry, else by what the card says) and the
 * registry's row. Nothing of it changes the card. KMS_ERR_UNSUPPORTED: no GlobalPlatform card.
 */
KMS_CHECKED enum kms_status op_card_open(struct op_site *site, const struct op_card_where *where,
	struct op_card *card, struct kms_err *err);
/* Wipes the session and takes the power from the card. Safe on a zeroed one, and twice. */
void op_card_close(struct op_card *card);

/* KMS_ERR_NOT_FOUND, with the profiles there are, if no profile was found for the card. */
KMS_CHECKED enum kms_status op_card_need_profile(
	struct op_site *site, const struct op_card *card, struct kms_err *err);
/* KMS_ERR_STATE if the card said that it is locked. */
KMS_CHECKED enum kms_status op_card_need_unlocked(const struct op_card *card, struct kms_err *err);

/*
 * INITIALIZE UPDATE has been answered: its diversification data identifies a card that has nothing
 * else, and the registry's row is looked up if it was not before.
 */
KMS_CHECKED enum kms_status op_card_identify(struct op_site *site, struct op_card *card,
	const struct scp_init *init, struct kms_err *err);

/* The exact diversification bytes that the profile says, in hex. */
KMS_CHECKED enum kms_status op_card_kdd(const struct op_card *card, const struct scp_init *init,
	char ret_hex[OP_KDD_HEX], struct kms_err *err);

void op_aid_text(const struct gp_aid *aid, char ret_hex[OP_AID_HEX]);

/* One thing that happened to a card; `detail` (may be NULL) is taken. In a transaction. */
KMS_CHECKED enum kms_status op_card_event(
	struct op *op, const char *card_id, const char *event, json_t *detail, struct kms_err *err);

/* ---- profiles (card_profiles.c) ---- */

/* By name: in the site's own folder `profiles`, else among those shipped. */
KMS_CHECKED enum kms_status op_profile_find(struct op_site *site, const char *name,
	struct card_profile *ret_profile, struct kms_err *err);
/*
 * By what the card says: a profile whose [match] fits the CPLC, else the generic one of the
 * protocol that recognition data name. A profile without a name if there is none.
 */
KMS_CHECKED enum kms_status op_profile_recognise(struct op_site *site, const struct gp_cplc *cplc,
	const struct gp_recognition *recognition, struct card_profile *ret_profile,
	struct kms_err *err);
/* "acosj, gp211, …" */
KMS_CHECKED enum kms_status op_profile_names(
	struct op_site *site, struct buf *ret_list, struct kms_err *err);

/* ---- what the registry says, as JSON (card_show.c) ---- */

/* Key versions are written as cards count: two hex digits. NULL out of memory. */
json_t *op_version_json(int64_t version);
KMS_CHECKED enum kms_status op_card_json(struct op_site *site, const struct store_card *row,
	json_t **ret_object, struct kms_err *err);
/* The card's domains, each with the cards that share its keys ("twins"). */
KMS_CHECKED enum kms_status op_card_domains_json(
	struct op_site *site, const char *card_id, json_t **ret_array, struct kms_err *err);

#endif
