/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shipments of cards between sites, as they were announced: what a card has now is in store/cards.h.
 * Pages as there. General rules: store/store.h.
 */
#ifndef STORE_SHIPMENTS_H
#define STORE_SHIPMENTS_H

#include "store/store.h"

struct store_shipment {
	const char *id;
	const char *direction; /* in, out */
	const char *partner;
	int64_t cards;
	const char *sha256; /* of the table of cards */
	const char *text;   /* the document, without the table */
	const char *op_id;  /* opt: must exist */
	int64_t created;
};

struct store_shipment_list {
	struct store_shipment *items; /* oldest first */
	size_t count;
};

struct store_shipment_card {
	const char *card_id;  /* must exist */
	const char *shipment; /* must exist; "" of a card that may yet be shipped */
	const char *id_source;
	const char *profile;
	const char *cplc; /* opt: hex */
	const char *iin;  /* opt: hex */
	const char *cin;  /* opt: hex */
	const char *aid;  /* hex, of the issuer security domain */
	const char *keyset;
	int64_t version;
	int64_t scp;
	int64_t scp_i;
	const char *kdd; /* opt: hex */
};

struct store_shipment_card_list {
	struct store_shipment_card *items; /* by card_id */
	size_t count;
};

KMS_CHECKED enum kms_status store_shipment_add(
	struct store *s, const struct store_shipment *shipment, struct kms_err *err);
KMS_CHECKED enum kms_status store_shipment_get(struct store *s, const char *id,
	struct store_shipment *ret_shipment, bool *ret_found, struct kms_err *err);
KMS_CHECKED enum kms_status store_shipments(
	struct store *s, struct store_shipment_list *ret_list, struct kms_err *err);
/* The shipment in which a card has left. */
KMS_CHECKED enum kms_status store_shipment_of_card(struct store *s, const char *card_id,
	struct store_shipment *ret_shipment, bool *ret_found, struct kms_err *err);
void store_shipment_free(struct store_shipment *shipment);
void store_shipment_list_free(struct store_shipment_list *list);

KMS_CHECKED enum kms_status store_shipment_card_add(
	struct store *s, const struct store_shipment_card *card, struct kms_err *err);
KMS_CHECKED enum kms_status store_shipment_cards(struct store *s, const char *shipment,
	const char *after, int64_t limit, struct store_shipment_card_list *ret_list,
	struct kms_err *err);
/* Active cards with that key set that have not left yet. */
KMS_CHECKED enum kms_status store_shipment_ready(struct store *s, const char *keyset,
	const char *after, int64_t limit, struct store_shipment_card_list *ret_list,
	struct kms_err *err);
/* An active card with a key set, whether it has left or not. */
KMS_CHECKED enum kms_status store_shipment_ready_card(struct store *s, const char *card_id,
	struct store_shipment_card *ret_card, bool *ret_found, struct kms_err *err);
void store_shipment_card_free(struct store_shipment_card *card);
void store_shipment_card_list_free(struct store_shipment_card_list *list);

/* ---- what was announced by a partner against what the registry has seen ---- */

struct store_shipment_gap {
	const char *card_id;
	const char *shipment; /* opt: what was announced, with the next three */
	const char *keyset;   /* opt */
	int64_t version;
	const char *kdd;	/* opt */
	const char *has_keyset; /* opt: with what the card came, with the next two */
	int64_t has_version;
	const char *has_kdd; /* opt */
};

struct store_shipment_gap_list {
	struct store_shipment_gap *items; /* by card_id, which may be there several times */
	size_t count;
};

enum store_shipment_gaps {
	STORE_MISSING,	  /* announced, and nothing has happened to it here */
	STORE_DIFFERENT,  /* came with other keys than announced */
	STORE_UNEXPECTED, /* has or had keys of the partner, and was not announced */
};

KMS_CHECKED enum kms_status store_shipment_announced(
	struct store *s, const char *partner, int64_t *ret_count, struct kms_err *err);
KMS_CHECKED enum kms_status store_shipment_gaps(struct store *s, enum store_shipment_gaps which,
	const char *partner, const char *after, int64_t limit,
	struct store_shipment_gap_list *ret_list, struct kms_err *err);
void store_shipment_gap_list_free(struct store_shipment_gap_list *list);

#endif
