/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations, one function each. Each returns a report (owned by the caller) of public data:
 * what the CLI prints and the service will answer. Strings passed in are borrowed for the call.
 */
#ifndef OPS_OPS_H
#define OPS_OPS_H

#include "ops/site.h"

#include "ceremony/machine.h"
#include "keys/key.h"

#define OP_CALL KMS_CHECKED enum kms_status

/* ---- identity.c, partner.c ---- */
OP_CALL op_site_status(struct op_site *site, json_t **ret_report, struct kms_err *err);
OP_CALL op_identity_show(struct op_site *site, json_t **ret_report, struct kms_err *err);
OP_CALL op_identity_export(
	struct op_site *site, const char *path, json_t **ret_report, struct kms_err *err);
OP_CALL op_partner_add(struct op_site *site, const char *path, const char *fingerprint,
	json_t **ret_report, struct kms_err *err);
OP_CALL op_partner_rotate(struct op_site *site, const char *path, const char *fingerprint,
	json_t **ret_report, struct kms_err *err);
OP_CALL op_partner_revoke(struct op_site *site, const char *name, const char *reason,
	json_t **ret_report, struct kms_err *err);
OP_CALL op_partner_list(struct op_site *site, json_t **ret_report, struct kms_err *err);

/* ---- officer.c, officer_lock.c ---- */
OP_CALL op_officer_add(struct op_site *site, const char *name, const char *role,
	json_t **ret_report, struct kms_err *err);
OP_CALL op_officer_disable(
	struct op_site *site, const char *name, json_t **ret_report, struct kms_err *err);
OP_CALL op_officer_unlock(
	struct op_site *site, const char *name, json_t **ret_report, struct kms_err *err);
OP_CALL op_officer_list(struct op_site *site, json_t **ret_report, struct kms_err *err);
/* A new passphrase of one who proves the old one. */
OP_CALL op_officer_rekey(
	struct op_site *site, const char *name, json_t **ret_report, struct kms_err *err);

/* ---- quorum_set.c ---- */
enum op_quorum_how {
	OP_QUORUM_SET,	  /* the first one: by PINs that are given */
	OP_QUORUM_CHANGE, /* the next ones: by the quorum that there is */
	OP_QUORUM_GLASS,  /* by its key on paper */
	OP_QUORUM_ENROL,  /* as it is, and one more */
	OP_QUORUM_REVOKE, /* as it is, without one */
};
struct op_quorum_set {
	enum op_quorum_how how;
	unsigned threshold;  /* 0: as it is */
	const char *names;   /* "A,B,C"; of ENROL and REVOKE: NULL */
	const char *officer; /* of ENROL and REVOKE */
};
OP_CALL op_quorum_set(struct op_site *site, const struct op_quorum_set *in, json_t **ret_report,
	struct kms_err *err);

/* ---- quorum_show.c ---- */
OP_CALL op_quorum_show(struct op_site *site, json_t **ret_report, struct kms_err *err);
/* Opens the HSM, for no other purpose than to see that it opens. */
OP_CALL op_quorum_open(struct op_site *site, json_t **ret_report, struct kms_err *err);
/* The quorum's key in two components: prepare() has made their files before anything is drawn. */
struct op_break_glass {
	const char *pairs_path;
	void *ctx;
	enum kms_status (*prepare)(void *ctx, struct kms_err *err);
	enum kms_status (*write)(
		void *ctx, unsigned number, const struct secret *sheet, struct kms_err *err);
};
OP_CALL op_quorum_break_glass(struct op_site *site, const struct op_break_glass *in,
	json_t **ret_report, struct kms_err *err);

/* ---- approval.c ---- */
OP_CALL op_approval_create(struct op_site *site, const char *digest, const char *officer,
	unsigned hours, json_t **ret_report, struct kms_err *err);
OP_CALL op_approval_revoke(struct op_site *site, const char *id, const char *officer,
	json_t **ret_report, struct kms_err *err);
OP_CALL op_approval_list(struct op_site *site, json_t **ret_report, struct kms_err *err);

/* ---- hsm_setup.c, hsm_status.c ---- */
struct op_hsm_setup {
	const char *plan_path; /* or NULL */
	bool erase;	       /* give up what is on the token */
	bool rebuild;	       /* the site's HSM is lost: this one takes its place */
};
OP_CALL op_hsm_setup(struct op_site *site, const struct op_hsm_setup *in, json_t **ret_report,
	struct kms_err *err);
OP_CALL op_hsm_update(
	struct op_site *site, const char *plan_path, json_t **ret_report, struct kms_err *err);
OP_CALL op_hsm_status(struct op_site *site, json_t **ret_report, struct kms_err *err);
OP_CALL op_hsm_capabilities(struct op_site *site, json_t **ret_report, struct kms_err *err);
/*
 * As op_hsm_capabilities, with attributes of keys and the published attacks; path (or NULL): the
 * report as text, and as JSON in path.json. KMS_ERR_MISMATCH, with the report set, if the HSM is not
 * fit for a site.
 */
OP_CALL op_hsm_qualify(
	struct op_site *site, const char *path, json_t **ret_report, struct kms_err *err);
/* KMS_ERR_MISMATCH, with the report set, if store and token disagree. */
OP_CALL op_hsm_check(struct op_site *site, json_t **ret_report, struct kms_err *err);

/* ---- hsm_add.c, replicate.c, compare.c: HSMs beside the principal one ---- */
struct op_hsm_add {
	const char *name;
	const char *uri;
	const char *init_args; /* or NULL */
	const char *kind;      /* "production" or "vault" */
};
OP_CALL op_hsm_add(struct op_site *site, const struct op_hsm_add *in, json_t **ret_report,
	struct kms_err *err);
/* Destroys its copies first; or, if it is lost, gives them up. */
OP_CALL op_hsm_remove(struct op_site *site, const char *name, bool lost, json_t **ret_report,
	struct kms_err *err);
OP_CALL op_hsm_list(struct op_site *site, json_t **ret_report, struct kms_err *err);

struct op_replicate {
	const char *hsm;
	const char *under; /* label of the key that both have, or NULL: the only one */
	const char *const *keysets;
	size_t keyset_count; /* 0: all */
};
OP_CALL op_hsm_replicate(struct op_site *site, const struct op_replicate *in, json_t **ret_report,
	struct kms_err *err);
/* KMS_ERR_MISMATCH, with the report set, if that HSM is not as the registry says. */
OP_CALL op_hsm_compare(
	struct op_site *site, const char *name, json_t **ret_report, struct kms_err *err);

/* ---- key.c ---- */
OP_CALL op_key_list(struct op_site *site, const char *keyset, const char *state,
	json_t **ret_report, struct kms_err *err);
OP_CALL op_key_show(
	struct op_site *site, const char *label, json_t **ret_report, struct kms_err *err);
/* ---- key_change.c, key_destroy.c ---- */
struct op_key_change {
	const char *name;	/* a key's label, or a key set: then all of its keys that can */
	const char *reason;	/* or NULL */
	const char *cards_path; /* compromise: the dependent cards, as CSV; or NULL */
};
OP_CALL op_key_change(struct op_site *site, const struct op_key_change *in, enum key_state state,
	json_t **ret_report, struct kms_err *err);
/* What hangs on a key, and what to do if somebody knows it. */
OP_CALL op_key_impact(struct op_site *site, const char *name, const char *cards_path,
	json_t **ret_report, struct kms_err *err);
OP_CALL op_key_destroy(struct op_site *site, const struct op_key_change *in, json_t **ret_report,
	struct kms_err *err);
/* Before a witness: destroyed at once; of an imported key set with its transport key. */
OP_CALL op_key_retire(struct op_site *site, const struct op_key_change *in, const char *witness,
	json_t **ret_report, struct kms_err *err);

/* ---- transport.c, sitekey.c: keys that are shown or typed as components ---- */

struct op_components {
	const char *label;
	const char *algorithm;
	const char *pairs_path;
	const struct cer_pairs *pairs; /* instead of the file, or NULL */
	size_t components;
	const char *check_value; /* import: the combined one, in hex */
	const char *ceremony;	 /* import: of the sheets, or NULL */

	/*
	 * Makes ready what the room needs (sheet files), before the first component is drawn; NULL if
	 * nothing. Then `room` drives the machine until its components are to be combined. Both get
	 * room_ctx.
	 */
	enum kms_status (*prepare)(void *ctx, struct kms_err *err);
	enum kms_status (*room)(void *ctx, struct cer *cer, struct kms_err *err);
	void *room_ctx;
	bool printed;	 /* create: the room prints the sheets */
	bool unattended; /* no people at a terminal: sheets go to files, components come from a pipe */
};

/*
 * A sheet that the room had printed came to nothing: says so in register and audit log, and which
 * serial number the component's next one has.
 */
OP_CALL op_sheet_void(struct op_site *site, const char *ceremony, unsigned component,
	uint32_t serial, const char *why, uint32_t *ret_serial, struct kms_err *err);

/* Such sheets, of one ceremony or all (NULL). */
OP_CALL op_void_sheets(
	struct op_site *site, const char *ceremony, json_t **ret_rows, struct kms_err *err);

struct op_transport {
	struct op_components key;
	const char *partner;
	const char *wrapping; /* NULL: aes-kw for AES keys, raw-ecb for TDEA keys */
	bool legacy; /* the partner runs a legacy KMS and has no identity: raw wrapping, listings */
};

OP_CALL op_transport_create(struct op_site *site, const struct op_transport *transport,
	json_t **ret_report, struct kms_err *err);
OP_CALL op_transport_import(struct op_site *site, const struct op_transport *transport,
	json_t **ret_report, struct kms_err *err);

struct op_site_key {
	struct op_components key;
	bool zone; /* a zone key, not the site key */
	const char *
		wrapping; /* of a zone key: NULL, "aes-kw"; "raw-cbc" for cards' keys, by override */
	const char *hsm;  /* restore: on this HSM of the site; NULL: the principal one */
	const char *fingerprint; /* restore: of the identity on the sheets, or NULL */
};

OP_CALL op_site_key_create(struct op_site *site, const struct op_site_key *in, json_t **ret_report,
	struct kms_err *err);
OP_CALL op_site_key_restore(struct op_site *site, const struct op_site_key *in, json_t **ret_report,
	struct kms_err *err);

OP_CALL op_ceremony_list(struct op_site *site, json_t **ret_report, struct kms_err *err);
OP_CALL op_ceremony_show(
	struct op_site *site, const char *id, json_t **ret_report, struct kms_err *err);

/* ---- unlock.c ---- */

/* hsm NULL: the principal one. for_text ("12h") NULL: twelve hours. */
OP_CALL op_unlock(struct op_site *site, const char *hsm, const char *for_text, json_t **ret_report,
	struct kms_err *err);
OP_CALL op_lock(struct op_site *site, json_t **ret_report, struct kms_err *err);
OP_CALL op_agent_status(struct op_site *site, json_t **ret_report, struct kms_err *err);

/* ---- custody.c, custody_move.c, custody_audit.c, custody_pdf.c ---- */

/* Of a key, or that a person holds or has held; NULL: all. */
OP_CALL op_custody_list(struct op_site *site, const char *key, const char *person,
	json_t **ret_report, struct kms_err *err);
OP_CALL op_custody_history(struct op_site *site, const char *key, int64_t component,
	json_t **ret_report, struct kms_err *err);

/* What has become of the sheet of a component. Texts may be NULL: as it was. */
struct op_custody_move {
	const char *key;
	int64_t component;
	const char *pair;     /* "A,B": it goes into their hands */
	const char *deputies; /* "X,Y"; "": none any more */
	const char *bag, *safe;
	int64_t serial;	     /* of the sheet; 0: as it was */
	const char *channel; /* how it was conveyed, here or (send) away */
	const char *carrier;
	const char *on;	      /* date; NULL: today */
	const char *due;      /* to be returned by then */
	const char *accepted; /* when the pair signed */
	bool issue, giveback, send, destroyed;
};
OP_CALL op_custody_move(struct op_site *site, const struct op_custody_move *in, json_t **ret_report,
	struct kms_err *err);
/* A person has left: flagged, and told what must be re-keyed. `on`: a date, NULL: today. */
OP_CALL op_custody_leave(struct op_site *site, const char *name, const char *on, const char *reason,
	json_t **ret_report, struct kms_err *err);
/* KMS_ERR_MISMATCH, with the report set, if there are findings. */
OP_CALL op_custody_audit(struct op_site *site, json_t **ret_report, struct kms_err *err);
/* Forms to sign, as PDF; public data only. */
OP_CALL op_custody_register(
	struct op_site *site, const char *path, json_t **ret_report, struct kms_err *err);
OP_CALL op_custody_acceptance(struct op_site *site, const char *key, int64_t component,
	const char *path, json_t **ret_report, struct kms_err *err);

/* ---- request.c, export.c, import.c, receipt.c ---- */
OP_CALL op_exchange_request(struct op_site *site, const char *from, char *const *keysets,
	size_t keyset_count, const char *path, json_t **ret_report, struct kms_err *err);

struct op_export {
	const char *request_path;
	const char *transport_key;
	const char *path;
	const char *listing_path; /* raw wrappings: also a listing to type by hand, or NULL */
	const char *carrier;	  /* who carries it, or NULL */
};
OP_CALL op_exchange_export(struct op_site *site, const struct op_export *args, json_t **ret_report,
	struct kms_err *err);

struct op_import {
	const char *package_path;
	const char *transport_key;
	const char *receipt_path;
	const char *carrier;
	char *const *renames; /* "OLD=NEW" */
	size_t rename_count;
};
OP_CALL op_exchange_import(struct op_site *site, const struct op_import *args, json_t **ret_report,
	struct kms_err *err);
OP_CALL op_exchange_receipt(
	struct op_site *site, const char *path, json_t **ret_report, struct kms_err *err);
/* Explains any exchange file; a site (may be NULL) lets it check the signature. */
OP_CALL op_exchange_show(
	struct op_site *site, const char *path, json_t **ret_report, struct kms_err *err);
OP_CALL op_exchange_list(struct op_site *site, json_t **ret_report, struct kms_err *err);
OP_CALL op_exchange_reissue(struct op_site *site, const char *id, const char *path,
	json_t **ret_report, struct kms_err *err);

/* ---- shipment_send.c, shipment_receive.c, shipment_show.c ---- */
struct op_shipment_send {
	const char *partner;
	const char *cards_path; /* a table with a column "card", or NULL: */
	const char *keyset;	/* all that have its keys and have not left */
	const char *path;
};
OP_CALL op_shipment_send(struct op_site *site, const struct op_shipment_send *in,
	json_t **ret_report, struct kms_err *err);
OP_CALL op_shipment_receive(
	struct op_site *site, const char *path, json_t **ret_report, struct kms_err *err);
OP_CALL op_shipment_reissue(struct op_site *site, const char *id, const char *path,
	json_t **ret_report, struct kms_err *err);
OP_CALL op_shipment_list(struct op_site *site, json_t **ret_report, struct kms_err *err);
OP_CALL op_shipment_show(
	struct op_site *site, const char *id, json_t **ret_report, struct kms_err *err);
/* KMS_ERR_MISMATCH, with the report set, if something is missing, different or unexpected. */
OP_CALL op_shipment_reconcile(
	struct op_site *site, const char *partner, json_t **ret_report, struct kms_err *err);

/* ---- listing.c: for sites that run a legacy KMS, always by override ---- */

struct op_export_listing {
	const char *transport_key; /* bound to raw-ecb or raw-cbc */
	char *const *keysets;
	size_t keyset_count;
	const char *path;
	const char *carrier; /* or NULL */
};
OP_CALL op_exchange_export_listing(struct op_site *site, const struct op_export_listing *in,
	json_t **ret_report, struct kms_err *err);

struct op_import_listing {
	const char *listing_path;
	const char *transport_key;
	const char *plan_path; /* says what the key sets of the listing are */
	const char *carrier;
};
OP_CALL op_exchange_import_listing(struct op_site *site, const struct op_import_listing *import,
	json_t **ret_report, struct kms_err *err);

/* ---- keyblock.c: for payment HSMs and clouds, keys in X9.143 key blocks, one a line ---- */

struct op_key_export {
	const char *name;	   /* a master's label, or a key set */
	const char *transport_key; /* bound to x9143-b or x9143-d */
	const char *path;
	const char *usage;	   /* NULL: B3 */
	const char *exportability; /* NULL: N; S by override */
	const char *carrier;	   /* or NULL */
};
OP_CALL op_key_export(struct op_site *site, const struct op_key_export *in, json_t **ret_report,
	struct kms_err *err);

struct op_key_import {
	const char *path;
	const char *transport_key;
	const char *plan_path; /* says what the key sets are: enc, mac, kek of each in its order */
	const char *usage;     /* NULL: B3 or E5 */
	char *const *check_values; /* of each block in the file's order, or none */
	size_t check_value_count;
	const char *carrier; /* or NULL */
};
OP_CALL op_key_import(struct op_site *site, const struct op_key_import *in, json_t **ret_report,
	struct kms_err *err);
/* What the headers of a file of key blocks say; believes nothing, needs no site. */
OP_CALL op_key_block_show(const char *path, json_t **ret_report, struct kms_err *err);

/* ---- derive.c, derive_verify.c: keys of many cards for who personalises them ---- */

struct op_key_derive {
	const char *cards;  /* the file of cards: a column kdd, others where they are there */
	const char *keyset; /* NULL: a column of the file, or the only one that there is */
	const char *under;  /* a zone key, or a transport key that wraps here */
	const char
		*path; /* of the key file; beside it come .manifest, and .part, .progress before */
};
OP_CALL op_key_derive(struct op_site *site, const struct op_key_derive *in, json_t **ret_report,
	struct kms_err *err);

struct op_derive_verify {
	const char *path;     /* of the key file */
	const char *manifest; /* NULL: path.manifest */
	const char *identity; /* the sender's identity file; NULL: this site's, or a partner's */
	const char *cards;    /* the file of cards to compare with; or NULL */
};
/* Believes the manifest only once its signature is verified; site may be NULL with an identity. */
OP_CALL op_derive_verify(struct op_site *site, const struct op_derive_verify *in,
	json_t **ret_report, struct kms_err *err);

/* ---- backup.c, backup_check.c, backup_restore.c ---- */
/* site_key: its label, or NULL for the only one. */
OP_CALL op_backup_create(struct op_site *site, const char *path, const char *site_key,
	json_t **ret_report, struct kms_err *err);
OP_CALL op_backup_list(struct op_site *site, json_t **ret_report, struct kms_err *err);
/*
 * Signature, what is in it and what is not, and (unless offline) the seal and every check value, by
 * unwrapping to session objects. site may be NULL, with the identity in a file.
 */
OP_CALL op_backup_verify(struct op_site *site, const char *path, const char *identity_path,
	bool offline, json_t **ret_report, struct kms_err *err);
/* fingerprint: of the identity that signed it, as the sheets have it; or NULL: the seal decides. */
OP_CALL op_backup_restore(struct op_site *site, const char *path, const char *fingerprint,
	json_t **ret_report, struct kms_err *err);

/* ---- audit.c ---- */
OP_CALL op_audit_list(struct op_site *site, json_t **ret_report, struct kms_err *err);
/*
 * Of the store's own log; of an export or proof by the identity in a file; or by an identity that
 * the site knows. Compared with the checkpoints that documents brought, and with those of the file
 * `witness` (or NULL). KMS_ERR_MISMATCH, with the report set, names the first bad entry.
 */
OP_CALL op_audit_verify(
	struct op_site *site, const char *witness, json_t **ret_report, struct kms_err *err);
/* site may be NULL; identity_paths: of that site, oldest first, if its HSM was once lost. */
OP_CALL op_audit_verify_file(struct op_site *site, const char *path,
	const char *const *identity_paths, size_t count, const char *witness, json_t **ret_report,
	struct kms_err *err);
OP_CALL op_audit_verify_known(struct op_site *site, const char *path, const char *witness,
	json_t **ret_report, struct kms_err *err);
/* Checkpoints that are held of logs: of that site's, or (NULL) of all. path: their notes, or NULL. */
OP_CALL op_audit_witnesses(struct op_site *site, const char *of, const char *path,
	json_t **ret_report, struct kms_err *err);
OP_CALL op_audit_checkpoint(struct op_site *site, json_t **ret_report, struct kms_err *err);
/* `sign`: logs in and signs a checkpoint first, so that all of it is covered. */
OP_CALL op_audit_export(struct op_site *site, const char *path, bool sign, json_t **ret_report,
	struct kms_err *err);
OP_CALL op_audit_prove(struct op_site *site, int64_t entry, const char *path, json_t **ret_report,
	struct kms_err *err);

/* ---- cards: card_show.c, card_change.c, card_resume.c, card_verify.c, card_domain.c ---- */

/* Which card, and how it is talked to. */
struct op_card_where {
	/* NULL, "pcsc": the only reader with a card in it; "tcp:HOST:PORT": cardsim; else a name. */
	const char *reader;
	const char *profile; /* NULL: the recorded one, else by what the card says */
	const char *aid;     /* of a security domain, in hex; NULL: the issuer's */
	const char
		*trace_path; /* what is said to and by a simulated card, without secrets; or NULL */
	bool may_be_locked;  /* CARD_LOCKED is no reason to refuse */
	bool initial_given;  /* the front has the secrets initial.enc, initial.mac, initial.kek */
};

/* What serves one card after the other in one login: masters, opened once. NULL-safe to free. */
struct op_card_line;
OP_CALL op_card_line_open(struct op_card_line **ret_line, struct kms_err *err);
void op_card_line_close(struct op_card_line *line);

/* Waits until the card in that reader (as in op_card_where) has been taken out and another put in. */
OP_CALL op_card_next(struct op_site *site, const char *reader, struct kms_err *err);

struct op_card_list {
	const char *state, *profile, *after; /* or NULL */
	int64_t limit;			     /* 0: as the store likes */
};
/* Cards in the registry, as an array. */
OP_CALL op_card_list(struct op_site *site, const struct op_card_list *filter, json_t **ret_report,
	struct kms_err *err);
/* Readers, and which card of the registry is in them: opens no secure channel. */
OP_CALL op_card_readers(
	struct op_site *site, const char *reader, json_t **ret_report, struct kms_err *err);
/* Of the card in a reader, or (where NULL) of a card of the registry by its id. */
OP_CALL op_card_info(struct op_site *site, const struct op_card_where *where, const char *id,
	json_t **ret_report, struct kms_err *err);
OP_CALL op_card_history(
	struct op_site *site, const char *id, json_t **ret_report, struct kms_err *err);

struct op_card_change {
	struct op_card_where where;
	const char *keyset;   /* to be put on the card */
	const char *from;     /* replace: what is on it; NULL: what the registry says */
	const char *customer; /* whose card it is; NULL (replace): whose it was */
	unsigned
		old_version; /* 0: of the registry, the plan, the profile, else the card's choice */
	unsigned version;    /* 0: of the key plan */
	struct op_card_line *line; /* or NULL */
};
/* From initial keys; from a key set; keys of its own for a supplementary security domain. */
OP_CALL op_card_inject(struct op_site *site, const struct op_card_change *in, json_t **ret_report,
	struct kms_err *err);
OP_CALL op_card_replace(struct op_site *site, const struct op_card_change *in, json_t **ret_report,
	struct kms_err *err);
OP_CALL op_card_domain_keys(struct op_site *site, const struct op_card_change *in,
	json_t **ret_report, struct kms_err *err);
/* Settles what a tear left; `settle`: without going on with the change. */
OP_CALL op_card_resume(struct op_site *site, const struct op_card_where *where, bool settle,
	struct op_card_line *line, json_t **ret_report, struct kms_err *err);

struct op_card_verify {
	struct op_card_where where;
	const char *keyset;    /* NULL: the recorded one */
	unsigned version;      /* 0: the recorded one, the plan's */
	char *const *not_sets; /* key sets that must not open it: judged offline */
	size_t not_count;
	struct op_card_line *line; /* or NULL */
};
/* KMS_ERR_MISMATCH, with the report set, if a set does not open the card, or one does that must not. */
OP_CALL op_card_verify(struct op_site *site, const struct op_card_verify *in, json_t **ret_report,
	struct kms_err *err);

struct op_card_domain_create {
	struct op_card_where where; /* its aid: of the new domain */
	const char *file, *module;  /* hex; NULL: GlobalPlatform's */
	unsigned privileges;	    /* 0: security domain */
	struct op_card_line *line;  /* or NULL */
};
OP_CALL op_card_domain_create(struct op_site *site, const struct op_card_domain_create *in,
	json_t **ret_report, struct kms_err *err);
/* Of the card in a reader, or (where NULL) of a card of the registry. */
OP_CALL op_card_domain_list(struct op_site *site, const struct op_card_where *where, const char *id,
	json_t **ret_report, struct kms_err *err);

/* ---- keys behind the content of cards: content_key.c, card_key.c ---- */

struct op_card_key_create {
	const char *label;
	const char *use;       /* "dap", "token", "receipt" */
	const char *algorithm; /* "aes128", "aes256", "p256"; NULL: aes256 */
};
OP_CALL op_card_key_create(struct op_site *site, const struct op_card_key_create *in,
	json_t **ret_report, struct kms_err *err);

struct op_card_key_put {
	struct op_card_where where; /* its aid: of the security domain that gets it */
	const char *key;	    /* label */
	unsigned version;	    /* on the card; 0: the usual one for its use */
	unsigned id;		    /* key identifier; 0 is taken for 1 */
	bool replace;		    /* another key of that version goes */
};
OP_CALL op_card_key_put(struct op_site *site, const struct op_card_key_put *in, json_t **ret_report,
	struct kms_err *err);

/* ---- doctor.c ---- */
/* KMS_ERR_MISMATCH, with the report set, if something is left that needs a person. */
OP_CALL op_doctor(struct op_site *site, json_t **ret_report, struct kms_err *err);

/* ---- what is on a card: app_load.c, app_install.c, card_contents.c ---- */

/* Delegated management: what load, install, extradite, delete do with it; all may be NULL. */
struct op_app_delegated {
	const char *token;	 /* file (op_app_sign) */
	const char *receipt_key; /* label: the card's receipt must be there, and right */
	const char *receipt;	 /* file to write it to */
};
struct op_app_where {
	struct op_card_where card; /* its aid: of the security domain that does it */
	const char *keyset;	   /* that it must have; NULL: as recorded */
	struct op_card_line *line; /* or NULL */
	struct op_app_delegated delegated;
};
/* Load files, modules, applications and domains, as a tree in rows. */
OP_CALL op_card_contents(struct op_site *site, const struct op_app_where *in, json_t **ret_report,
	struct kms_err *err);

struct op_app_load {
	struct op_app_where where;
	const char *path;	 /* of the CAP file */
	bool with_hash;		 /* the card shall compare its SHA-256 */
	const char *const *daps; /* files (op_app_sign) */
	size_t dap_count;
};
/* What is on the card already is no error. */
OP_CALL op_app_load(struct op_site *site, const struct op_app_load *in, json_t **ret_report,
	struct kms_err *err);

/* AIDs in hex; each operation needs those that it has a use for. */
struct op_app_change {
	struct op_app_where where;
	const char *path;	   /* install: of the CAP file, for file and module; or NULL */
	const char *file, *module; /* install; NULL: of the CAP file */
	const char *aid;	   /* install: the application's name, NULL: the module's */
	const char *privileges;	   /* install: words or hex; NULL: none */
	const char *params;	   /* install: hex; or NULL */
	bool related;		   /* delete: with the applications of a load file */
	const char *to;		   /* extradite: to which security domain */
};
OP_CALL op_app_install(struct op_site *site, const struct op_app_change *in, json_t **ret_report,
	struct kms_err *err);
OP_CALL op_app_delete(struct op_site *site, const struct op_app_change *in, json_t **ret_report,
	struct kms_err *err);
OP_CALL op_app_extradite(struct op_site *site, const struct op_app_change *in, json_t **ret_report,
	struct kms_err *err);

/* A DAP of a load file, or a token for a command: made in the HSM, written to a file. No card is asked. */
struct op_app_sign {
	const char *
		operation; /* "load", "install", "make-selectable", "extradite", "delete"; NULL: DAP */
	const char *key; /* label */
	const char *output;
	const char *domain;	   /* DAP: that verifies; load: that gets the file */
	struct op_app_change what; /* load and DAP: its path */
};
OP_CALL op_app_sign(struct op_site *site, const struct op_app_sign *in, json_t **ret_report,
	struct kms_err *err);

struct op_app_personalise {
	struct op_app_where where;
	const char *script; /* docs/formats/personalisation.md */
	const char *fields; /* file with those of each card; or NULL */
	struct csv *table;  /* that file as it is read, the card's row being on `line`; or NULL */
	int64_t line;
};
OP_CALL op_app_personalise(struct op_site *site, const struct op_app_personalise *in,
	json_t **ret_report, struct kms_err *err);

/* ---- card_issue.c ---- */

enum op_card_life_change { OP_CARD_ISSUE, OP_CARD_LOCK, OP_CARD_UNLOCK, OP_CARD_TERMINATE };
struct op_card_life {
	struct op_app_where where;
	enum op_card_life_change what;
	const char *application; /* lock, unlock: only this one, in hex; or NULL */
	const char *reissue;	 /* issue: why it is issued again; or NULL */
};
/* A card that is so already is no error. To terminate takes two officers, and Yes typed. */
OP_CALL op_card_life(struct op_site *site, const struct op_card_life *in, json_t **ret_report,
	struct kms_err *err);

/* ---- store_migrate.c ---- */
/* The registry, from its file into an empty PostgreSQL database, which is the site's from then on. */
OP_CALL op_store_migrate(
	struct op_site *site, const char *url, json_t **ret_report, struct kms_err *err);

/* ---- batches of cards: batch.c, batch_file.c, batch_work.c; docs/batches.md ---- */

enum { OP_BATCH_STOP_AFTER = 3, OP_BATCH_BLOCK = 10, OP_BATCH_LEASE_SECONDS = 600 };

struct op_batch {
	const char *name;
	const char *path;   /* of the file of cards */
	const char *action; /* inject, replace, verify, issue, personalise */
	const char *keyset, *from, *customer, *script; /* as the action takes them; or NULL */
	unsigned version, old_version;		       /* 0: as the action finds them */
	bool initial_given;
	int64_t stop_after; /* authentication failures in a row; 0: never */
};
/* A malformed line is a card that has failed; the others stand. */
OP_CALL op_batch_create(
	struct op_site *site, const struct op_batch *in, json_t **ret_report, struct kms_err *err);
/* One batch with its counts; name NULL: an array of all. */
OP_CALL op_batch_status(
	struct op_site *site, const char *name, json_t **ret_report, struct kms_err *err);

/* running -> paused: workers end after the card that they have. */
OP_CALL op_batch_pause(
	struct op_site *site, const char *name, json_t **ret_report, struct kms_err *err);
/* paused, stopped -> ready. */
OP_CALL op_batch_resume(
	struct op_site *site, const char *name, json_t **ret_report, struct kms_err *err);
/* Cards that failed, or (unknown, quarantined) ended so, wait again; a batch that was done is ready. */
OP_CALL op_batch_retry(struct op_site *site, const char *name, const char *state,
	json_t **ret_report, struct kms_err *err);
/* Counts, and every card that is not done; path: every card, as a CSV file. */
OP_CALL op_batch_report(struct op_site *site, const char *name, const char *path,
	json_t **ret_report, struct kms_err *err);

/* For who leads the workers (`batch run`). KMS_ERR_BUSY: somebody else does. */
OP_CALL op_batch_lead(
	struct op_site *site, const char *name, const char *runner, struct kms_err *err);
/* It is still led; *ret_status: as of op_batch_status. */
OP_CALL op_batch_led(struct op_site *site, const char *name, const char *runner,
	json_t **ret_status, struct kms_err *err);
/* Somebody else may lead it now. */
OP_CALL op_batch_leave(
	struct op_site *site, const char *name, const char *runner, struct kms_err *err);
/* The worker has died: whoever comes next takes its cards. */
OP_CALL op_batch_bury(
	struct op_site *site, const char *name, const char *worker, struct kms_err *err);

struct op_batch_work {
	const char *name;
	const char *worker;	 /* unique among all that live */
	const volatile int *end; /* not 0: ends after the card at hand; or NULL */
};
/* Works on cards of a running batch until none is left. An error of the HSM or the store ends it; the
 * card at hand waits again. *ret_report: how many it ended. */
OP_CALL op_batch_work(struct op_site *site, const struct op_batch_work *in, json_t **ret_report,
	struct kms_err *err);

/* What a CAP file holds (card/cap.h), refused if any of it is wrong. */
KMS_CHECKED enum kms_status op_app_show(const char *path, json_t **ret_result, struct kms_err *err);

#endif
