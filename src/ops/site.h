/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A site: the folder of one organisation (site.ini, cardkms.db, cardkms.lock) and its HSM.
 *
 * site.ini is public configuration: who the site is, where its token is, what its policy allows.
 * Everything else is in the store. The HSM is opened when an operation needs it, and must then be
 * the token that the site was set up with.
 */
#ifndef OPS_SITE_H
#define OPS_SITE_H

#include "base/err.h"
#include "base/js.h"
#include "base/secret.h"
#include "hsm/hsm.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

/* How operations reach people. The CLI implements it; later the terminal UI and the service do. */
struct op_front {
	void *ctx;

	/* Asks for a secret by its --pin-fd name ("pin", "officer.NAME"), or at a prompt. */
	enum kms_status (*secret)(void *ctx, const char *name, const char *prompt,
		struct secret *ret_value, struct kms_err *err);
	/* As secret(), for a value to be chosen: a prompt asks twice. */
	enum kms_status (*new_secret)(void *ctx, const char *name, const char *prompt,
		struct secret *ret_value, struct kms_err *err);
	/* Whether to go on: KMS_ERR_CANCELLED for no. */
	enum kms_status (*confirm)(void *ctx, const char *question, struct kms_err *err);
	/* For what cannot be undone: `expected` must be typed (or given as `name` by --pin-fd). */
	enum kms_status (*type_to_confirm)(void *ctx, const char *question, const char *name,
		const char *expected, struct kms_err *err);
	/* Tells what is going on; may be called at any time. */
	void (*say)(void *ctx, const char *text);
};

enum op_tdea2 { TDEA2_ALLOW, TDEA2_ASK, TDEA2_FORBID };

/* [policy] of site.ini: docs/formats/site.md. */
struct op_policy {
	unsigned two_officers; /* enum op_dual, or-ed */
	bool host_assisted; /* may a key pass through locked host memory where the token lacks it */
	bool key_blocks;    /* may keys travel as X9.143 key blocks, which no token makes inside */
	enum op_tdea2 tdea2;
	unsigned passphrase_tries; /* wrong ones in a row, until an officer is locked */
	bool vault_offline;	   /* the principal HSM does no card work: production HSMs do */
};

/* What needs two different officers. */
enum op_dual {
	DUAL_IMPORT = 1,
	DUAL_EXPORT = 2,
	DUAL_DESTROY = 4,
	DUAL_OVERRIDE = 8,
	DUAL_GENERATE = 16,
	DUAL_ENROL = 32,
	DUAL_BACKUP = 64,
	DUAL_STATE = 128,
	DUAL_UNLOCK = 256,
};

struct op_job;

struct op_site {
	char *dir;
	char *name;
	char *role; /* "manufacturer" or "issuer" */
	char *hsm_uri;
	char *init_args; /* or NULL */
	char *store_url; /* PostgreSQL; or NULL: cardkms.db */
	struct op_policy policy;

	struct store *store;
	struct hsm *hsm; /* NULL until op_site_hsm */
	bool token_found;
	bool token_blank; /* known to hold nothing: nothing there to undo, no login to undo it with */
	bool logged_in;
	struct op_hsm *others;	/* opened, beside the principal one: ops/hsms.h */
	const char *cards_name; /* the HSM that card work is done on; NULL: the first there is */
	struct hsm *cards; /* hsm, or that of one of the others; NULL until op_site_cards_hsm */
	const char *gone;  /* another HSM that is being given up: nothing is looked for there */
	struct op_quorum *quorum; /* what is known of it, NULL at first: ops/quorum.h */
	bool other_masters;	  /* the HSM was seen to have another key than the registry means */
	bool clock_behind;	  /* as was seen last: before the last entry of the audit log */
	bool in_operation;	  /* op_run writes its own failure into the audit log */

	char last_op[33];   /* id of the operation that was run last, "" if none was */
	struct op_job *job; /* the card of a batch that is worked on (ops/job.h), or NULL */
	char meeting[10];   /* id of the meeting that is on (ops/meeting.h), or "" */

	/* Of this call. */
	struct op_front front;
	const char *officers; /* "A,B" as given, or NULL */
	const char *override_reason;
	const char *digest; /* what is done must have it: ops/approval.h; or NULL */
	bool dry_run;
	bool rehearsal; /* a throw-away site: components are test components, ceremony/rehearsal.h */
	const char *profiles; /* borrowed: folder of card profiles; NULL: where the program lies */
	int64_t (*now)(void); /* clock_now; tests put another */
};

struct op_site_options {
	const char *name;
	const char *role;
	const char *hsm_uri;
	const char *init_args; /* or NULL */
	const char *store_url; /* or NULL */
};

/* Makes the folder (which may exist, if it holds no site), site.ini and the store. */
KMS_CHECKED enum kms_status op_site_init(const char *dir, const struct op_site_options *options,
	const struct op_front *front, bool dry_run, json_t **ret_report, struct kms_err *err);

/* A line of site.ini, in several where it is long; anywhere: it may be cut inside words. */
KMS_CHECKED enum kms_status op_site_put_setting(
	struct buf *out, const char *name, const char *value, bool anywhere, struct kms_err *err);

/* Opens site.ini and the store; the HSM is left alone. front may be NULL: nobody to ask. */
KMS_CHECKED enum kms_status op_site_open(const char *dir, const struct op_front *front,
	struct op_site **ret_site, struct kms_err *err);
void op_site_close(struct op_site *site); /* NULL-safe */

/*
 * Loads the module and finds the site's token. If the site has been set up, the token's serial must
 * be the recorded one. Idempotent.
 */
KMS_CHECKED enum kms_status op_site_hsm(struct op_site *site, struct kms_err *err);

/* op_site_hsm and a login as operator (by the quorum, else the PIN from the front). Idempotent. */
KMS_CHECKED enum kms_status op_site_login(struct op_site *site, struct kms_err *err);

/*
 * Sets site->cards: the token for work on cards, logged in. A production HSM of the site (hsm add
 * --kind production) if there is one, whose PIN is asked for as "pin.NAME"; else the principal HSM,
 * unless policy says vault = offline: then KMS_ERR_DENIED. Idempotent.
 *
 * Copies have the CKA_ID and the label of the key that they were made from. site->logged_in is about
 * the principal HSM alone: where it is false, nothing can be signed, and op_run leaves the audit
 * checkpoint to the next operation that logs in there.
 */
KMS_CHECKED enum kms_status op_site_cards_hsm(struct op_site *site, struct kms_err *err);

/* A key of the registry on site->cards, verified as op_key_verify does. */
struct store_key;
struct hsm_key;
KMS_CHECKED enum kms_status op_site_cards_key(struct op_site *site, const struct store_key *row,
	struct hsm_key *ret_key, struct kms_err *err);

/* Parses the text of site.ini into site (name, role, hsm, policy): apart for the fuzzer. */
KMS_CHECKED enum kms_status op_site_parse(const char *source, const char *text, size_t len,
	struct op_site *site, struct kms_err *err);

#endif
