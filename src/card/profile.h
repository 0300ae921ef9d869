/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Card profiles: what differs from card to card, as INI files (share/cardkms/profiles).
 *
 *   [profile]      name, title
 *   [match]        optional: ic-fabricator, os-id (both CPLC): which cards it may be for
 *   [card]         the fields of struct card_profile
 *   [test-keys]    optional, public: version, type, enc, mac, dek
 *   [sources]      for each name in [card] and [test-keys] where its value was read, or
 *                  "not tried on hardware"
 *
 * Strict: an unknown or missing name, a value out of range and a field without a source are errors
 * that name file and line. What the card itself says (recognition data) goes before the profile.
 */
#ifndef CARD_PROFILE_H
#define CARD_PROFILE_H

#include "card/gp.h"

enum {
	CARD_PROFILE_NAME_MAX = 32,
	CARD_PROFILES_MAX = 64,
	CARD_KDD_MAX = 32,
};

/* What becomes of the set that the factory put on the card (design of the journal: docs). */
enum card_initial_set {
	CARD_FF_CONSUMED, /* the first add (P1 = 00) takes its place: nothing to fall back to */
	CARD_REPLACE,	  /* replaced in place, under its version or another one */
	CARD_ADD_DELETE,  /* add under a new version, authenticate with it, delete the old set */
};

enum card_kdd_source {
	CARD_KDD_INITIALIZE_UPDATE, /* the ten bytes of key diversification data */
	CARD_KDD_CPLC,		    /* the 42 bytes of tag 9F7F */
	CARD_KDD_IIN_CIN,	    /* values of tags 42 and 45 */
};

enum {
	CARD_QUIRK_NO_E0 = 1 << 0,	    /* no key information template */
	CARD_QUIRK_NO_RECOGNITION = 1 << 1, /* no tag 66: scp and i come from the profile */
	CARD_QUIRK_COUNTS_INIT = 1 << 2,    /* counts unanswered INITIALIZE UPDATEs as failures */
	CARD_QUIRK_KEEPS_LAST_SET = 1 << 3, /* refuses to delete the last set */
	CARD_QUIRK_EXTENDED = 1 << 4,	    /* takes extended length */
	CARD_QUIRK_NO_DELETE_KEY = 1 << 5,  /* has no DELETE [key] */
};

struct card_profile {
	char name[CARD_PROFILE_NAME_MAX + 1];
	char *title;
	struct gp_aid isd;
	unsigned scp, i; /* to take when the card does not say */
	size_t key_len;	 /* of its secure channel keys; with scp their type */
	enum card_kdd_source kdd_source;
	unsigned kdd_offset, kdd_len; /* bytes of the source that diversify */
	unsigned default_version;     /* of the factory set; 0: none is known */
	enum card_initial_set initial_set;
	enum gp_key_block key_block;
	unsigned retry_limit; /* failed authentications until it locks; 0: not known */
	unsigned init_budget; /* unanswered INITIALIZE UPDATEs that this program allows itself */
	unsigned quirks;
	unsigned versions_min, versions_max; /* key versions that it takes, within 01 to 7F */
	bool has_match;
	unsigned match_fabricator, match_os; /* CPLC; 0: any */
	bool has_test_keys;
	unsigned test_version;
	enum card_key_type test_type;
	char *test_keys[CARD_ROLES]; /* hex: public values from a vendor's manual */
};

#define CARD_PROFILE_AUTO __attribute__((cleanup(card_profile_free)))

KMS_CHECKED enum kms_status card_profile_parse(const char *source, const char *text, size_t len,
	struct card_profile *ret_profile, struct kms_err *err);
KMS_CHECKED enum kms_status card_profile_load(
	const char *path, struct card_profile *ret_profile, struct kms_err *err);
/* NAME.ini in the first of the folders (a list ending with NULL) that has it; KMS_ERR_NOT_FOUND lists
 * what there is. */
KMS_CHECKED enum kms_status card_profile_find(const char *const *folders, const char *name,
	struct card_profile *ret_profile, struct kms_err *err);
/* The names there are; those of one folder in order. To be freed. */
struct card_profile_names {
	char *list[CARD_PROFILES_MAX + 1]; /* ends with NULL */
	size_t count;
};
void card_profile_names(const char *const *folders, struct card_profile_names *ret_names);
void card_profile_names_free(struct card_profile_names *names);
void card_profile_free(struct card_profile *profile);

/* The public test keys as a clear holder; KMS_ERR_NOT_FOUND if the profile has none. */
KMS_CHECKED enum kms_status card_profile_test_keys(
	const struct card_profile *profile, struct card_keys **ret_keys, struct kms_err *err);

/* Whether [match] fits what the card says; false without [match]. cplc may be NULL. */
bool card_profile_matches(const struct card_profile *profile, const struct gp_cplc *cplc);

/*
 * SCP and i to take: the card's own (recognition data) if it names the profile's protocol or just
 * one that this program speaks, else the profile's. recognition may be NULL.
 */
void card_profile_option(const struct card_profile *profile,
	const struct gp_recognition *recognition, unsigned *ret_scp, unsigned *ret_i);

/*
 * The exact diversification bytes, from whichever source the profile names. cplc, iin, cin may be
 * NULL if the profile does not ask for them.
 */
KMS_CHECKED enum kms_status card_profile_kdd(const struct card_profile *profile,
	const struct scp_init *init, const struct gp_cplc *cplc, const struct gp_id *iin,
	const struct gp_id *cin, unsigned char ret_kdd[CARD_KDD_MAX], size_t *ret_len,
	struct kms_err *err);

const char *card_initial_set_name(enum card_initial_set rule);

#endif
