/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cards, their security domains, the journal of key replacements, and what happened to each card:
 * what is on a card, never a key. General rules: store/store.h.
 *
 * A billion cards are one table: every function here reads by an index, and what can be long comes
 * in pages. A page holds up to `limit` rows (0 is STORE_PAGE); the next one starts after the last
 * row of the one before.
 */
#ifndef STORE_CARDS_H
#define STORE_CARDS_H

#include "store/store.h"

struct store_card {
	const char *id;	       /* hex: see id_source */
	const char *id_source; /* cplc (what tells the chip), iin-cin, kdd */
	const char *profile;
	const char *cplc;	  /* opt: hex, 42 bytes */
	const char *iin;	  /* opt: hex */
	const char *cin;	  /* opt: hex */
	const char *state;	  /* known, changing, active, quarantined, terminated */
	const char *state_reason; /* opt: of quarantined, what was seen */
	int64_t created;
	int64_t changed;
};

struct store_card_list {
	struct store_card *items; /* by id */
	size_t count;
};

/* Members that are NULL do not filter. */
struct store_card_filter {
	const char *state;
	const char *profile;
	const char *after; /* the id that the page before ended with */
	int64_t limit;
};

KMS_CHECKED enum kms_status store_card_add(
	struct store *s, const struct store_card *card, struct kms_err *err);
KMS_CHECKED enum kms_status store_card_get(
	struct store *s, const char *id, struct store_card *ret_card, struct kms_err *err);
/* A NULL filter is the first page of all. */
KMS_CHECKED enum kms_status store_cards(struct store *s, const struct store_card_filter *filter,
	struct store_card_list *ret_list, struct kms_err *err);
/* Writes every column of the row card->id. KMS_ERR_STATE unless the row is in state `from`. */
KMS_CHECKED enum kms_status store_card_update(
	struct store *s, const struct store_card *card, const char *from, struct kms_err *err);
/* The short form: state, state_reason (opt) and changed only. */
KMS_CHECKED enum kms_status store_card_set_state(struct store *s, const char *id, const char *from,
	const char *to, const char *reason, int64_t when, struct kms_err *err);
void store_card_free(struct store_card *card);
void store_card_list_free(struct store_card_list *list);

/*
 * A security domain of a card with the keys that the registry knows to be on it. While a change is
 * open, and on a quarantined card, it may be those or the new ones of the change.
 */
struct store_domain {
	const char *card_id; /* must exist */
	const char *aid;     /* hex */
	const char *parent;  /* opt: hex, AID of the domain above */
	const char *keyset;  /* opt: must exist; NULL: initial keys, or those of a stranger */
	int64_t version;     /* of the key set on the card: 0 to 255 */
	int64_t scp;	     /* 2, 3 */
	int64_t scp_i;
	const char *kdd;       /* opt: hex, the exact diversification bytes of these keys */
	const char *state;     /* active, changing, quarantined, removed */
	int64_t auth_failures; /* failed or unanswered EXTERNAL AUTHENTICATEs since a success */
	int64_t inits;	       /* unanswered INITIALIZE UPDATEs since then */
	int64_t changed;
};

struct store_domain_list {
	struct store_domain *items; /* by card_id, aid */
	size_t count;
};

/*
 * Adds or replaces, but leaves the counters of a row that is there: they count for the card,
 * whichever keys are on it, and only store_domain_set_counters sets them.
 */
KMS_CHECKED enum kms_status store_domain_put(
	struct store *s, const struct store_domain *domain, struct kms_err *err);
KMS_CHECKED enum kms_status store_domain_get(struct store *s, const char *card_id, const char *aid,
	struct store_domain *ret_domain, struct kms_err *err);
/* All of one card, with the removed ones. */
KMS_CHECKED enum kms_status store_domains(struct store *s, const char *card_id,
	struct store_domain_list *ret_list, struct kms_err *err);
KMS_CHECKED enum kms_status store_domain_set_counters(struct store *s, const char *card_id,
	const char *aid, int64_t auth_failures, int64_t inits, int64_t when, struct kms_err *err);

/*
 * The domains that depend on a key set: it is on them, or an open or quarantined change may have
 * put it there. after_card and after_aid: where the page before ended, or NULL.
 */
KMS_CHECKED enum kms_status store_dependants(struct store *s, const char *keyset,
	const char *after_card, const char *after_aid, int64_t limit,
	struct store_domain_list *ret_list, struct kms_err *err);
/* How many. Counts each: for a decision on a key set, not for work on a card. */
KMS_CHECKED enum kms_status store_dependants_count(
	struct store *s, const char *keyset, int64_t *ret_count, struct kms_err *err);

/*
 * Domains of *other* cards whose keys are derived from the same key set and the same bytes, or that
 * an open or quarantined change may have given such keys: they would share their keys.
 */
KMS_CHECKED enum kms_status store_domain_twins(struct store *s, const char *card_id,
	const char *keyset, const char *kdd, int64_t limit, struct store_domain_list *ret_list,
	struct kms_err *err);
void store_domain_free(struct store_domain *domain);
void store_domain_list_free(struct store_domain_list *list);

/*
 * The replacement of the three keys of one domain. A row without an outcome is open: nobody may
 * assume which keys are on the card until it is settled. There is at most one open for a domain.
 * The words of card/change.h: its open steps are here `step`, its closed ones `outcome`.
 */
struct store_change {
	const char *op_id;   /* must exist; the primary key */
	const char *card_id; /* with aid a domain that must exist */
	const char *aid;
	const char *kind;	/* inject, replace, domain-keys */
	const char *rule;	/* ff-consumed, replace, add-delete (card/profile.h) */
	const char *step;	/* intended, doubted, put, proven: the last before the outcome */
	const char *old_keyset; /* opt: must exist; NULL: initial keys */
	int64_t old_version;
	const char *old_kdd;	/* opt: hex */
	const char *new_keyset; /* must exist */
	int64_t new_version;
	const char *new_kdd; /* opt: hex; NULL: keys without diversification */
	int64_t started;
	int64_t changed;
	int64_t finished;    /* opt: with outcome */
	const char *outcome; /* opt: done, old-stays, refused, abandoned, quarantined */
	const char *reason;  /* opt: what was seen, of an outcome other than done */
};

struct store_change_list {
	struct store_change *items; /* oldest first */
	size_t count;
};

/* KMS_ERR_EXISTS if the domain has an open change. */
KMS_CHECKED enum kms_status store_change_add(
	struct store *s, const struct store_change *change, struct kms_err *err);
KMS_CHECKED enum kms_status store_change_get(
	struct store *s, const char *op_id, struct store_change *ret_change, struct kms_err *err);
/* The open change of a domain; *ret_found says whether there is one. */
KMS_CHECKED enum kms_status store_change_open(struct store *s, const char *card_id, const char *aid,
	struct store_change *ret_change, bool *ret_found, struct kms_err *err);
/* Open changes of all cards: the oldest `limit` of them. */
KMS_CHECKED enum kms_status store_changes_open(
	struct store *s, int64_t limit, struct store_change_list *ret_list, struct kms_err *err);
/* All changes of one card. */
KMS_CHECKED enum kms_status store_changes(struct store *s, const char *card_id,
	struct store_change_list *ret_list, struct kms_err *err);
/* Only while it is open, else KMS_ERR_STATE. */
KMS_CHECKED enum kms_status store_change_set_step(
	struct store *s, const char *op_id, const char *step, int64_t when, struct kms_err *err);
/* Only while it is open, else KMS_ERR_STATE. The step stays the last one reached. */
KMS_CHECKED enum kms_status store_change_finish(struct store *s, const char *op_id,
	const char *outcome, const char *reason, int64_t when, struct kms_err *err);
void store_change_free(struct store_change *change);
void store_change_list_free(struct store_change_list *list);

/* One thing that happened to a card. Rows are only ever added. */
struct store_card_event {
	const char *card_id; /* must exist */
	int64_t seq;	     /* 1, 2, … of each card */
	int64_t time;
	const char *op_id; /* opt: must exist */
	const char *actor;
	const char *event;  /* the caller's word */
	const char *detail; /* opt: JSON */
};

struct store_card_event_list {
	struct store_card_event *items; /* oldest first */
	size_t count;
};

/* Gives it the card's next seq; event->seq is not read. */
KMS_CHECKED enum kms_status store_card_event_add(
	struct store *s, const struct store_card_event *event, struct kms_err *err);
/* A page after seq `after` (0: from the first). */
KMS_CHECKED enum kms_status store_card_events(struct store *s, const char *card_id, int64_t after,
	int64_t limit, struct store_card_event_list *ret_list, struct kms_err *err);
void store_card_event_free(struct store_card_event *event);
void store_card_event_list_free(struct store_card_event_list *list);

#endif
