/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GlobalPlatform commands, one function each, over a link and (once open) a secure channel.
 *
 * A struct gp is one card session: a link, the secure channel and what is written of it (trace).
 * After each call gp->sw has the card's last status word (0: no answer), so that a caller can tell
 * 6A88 from 6982 whatever the error says. Clauses are those of GPCS 2.3.1 (GPC_SPE_034) and of
 * Amendment D 1.2; see docs/sources.md.
 */
#ifndef CARD_GP_H
#define CARD_GP_H

#include "card/gpdata.h"
#include "card/scp.h"

enum gp_ins {
	GP_SELECT = 0xA4,
	GP_INITIALIZE_UPDATE = 0x50,
	GP_EXTERNAL_AUTHENTICATE = 0x82,
	GP_GET_DATA = 0xCA,
	GP_PUT_KEY = 0xD8,
	GP_DELETE = 0xE4,
	GP_STORE_DATA = 0xE2,
	GP_INSTALL = 0xE6,
	GP_LOAD = 0xE8,
	GP_SET_STATUS = 0xF0,
	GP_GET_STATUS = 0xF2,
};

/* One line for each command and each answer, secrets left out (card/trace.h). */
struct gp_trace {
	void *ctx;
	void (*line)(void *ctx, const char *text);
};

struct gp {
	struct card_link *link;	      /* borrowed */
	const struct gp_trace *trace; /* borrowed, may be NULL */
	unsigned channel;	      /* 0 to 19; 0 unless set */
	bool extended;		      /* the card takes extended length */
	uint16_t sw;		      /* of the last answer; 0: there was none */
	bool kcvs_shown;	      /* the answer to the last PUT KEY had the check values */
	struct scp scp;
	struct scp_wrapped *wrapped;	/* made when needed, freed by gp_close */
	struct apdu_response *response; /* the same; the last answer, unwrapped */
	/* Host challenges; NULL is OpenSSL's RAND_bytes. For replayed sessions. */
	enum kms_status (*challenge)(
		void *ctx, unsigned char *out, size_t len, struct kms_err *err);
	void *challenge_ctx;
};

void gp_open(struct gp *gp, struct card_link *link);
/* Wipes the session keys. The link stays open. */
void gp_close(struct gp *gp);

/*
 * Any command, under secure messaging if a session is authenticated. KMS_OK for 9000 and warnings,
 * else apdu_refused. gp->response has the data.
 */
KMS_CHECKED enum kms_status gp_command(
	struct gp *gp, const struct apdu *apdu, const char *what, struct kms_err *err);

/* ---- without a secure channel ---- */

/*
 * SELECT by name (clause 11.9); aid NULL: the issuer security domain by default. Ends the secure
 * channel. '6283' (card locked) is KMS_OK: look at gp->sw. A card that answers without FCI gives an
 * empty one.
 */
KMS_CHECKED enum kms_status gp_select(
	struct gp *gp, const struct gp_aid *aid, struct gp_fci *ret_fci, struct kms_err *err);

/*
 * GET DATA (clause 11.3) of a tag; data in gp->response. KMS_ERR_NOT_FOUND if the card has no such
 * object: 6A88, and 6A86, 6A81, 6D00, 6E00, 6A82 which cards say for it too.
 */
KMS_CHECKED enum kms_status gp_get_data(struct gp *gp, unsigned tag, struct kms_err *err);
KMS_CHECKED enum kms_status gp_get_cplc(
	struct gp *gp, struct gp_cplc *ret_cplc, struct kms_err *err);
/* Tags 42 (IIN) and 45 (CIN): the value. */
struct gp_id {
	unsigned char bytes[GP_ID_MAX];
	size_t len;
};
KMS_CHECKED enum kms_status gp_get_iin(struct gp *gp, struct gp_id *ret_id, struct kms_err *err);
KMS_CHECKED enum kms_status gp_get_cin(struct gp *gp, struct gp_id *ret_id, struct kms_err *err);
KMS_CHECKED enum kms_status gp_get_recognition(
	struct gp *gp, struct gp_recognition *ret_recognition, struct kms_err *err);
KMS_CHECKED enum kms_status gp_get_key_list(
	struct gp *gp, struct gp_key_list *ret_list, struct kms_err *err);
/* Tag C1: sequence counter of the default key version, 2 or 3 bytes as a number. */
KMS_CHECKED enum kms_status gp_get_sequence(
	struct gp *gp, unsigned *ret_sequence, struct kms_err *err);

/* ---- the secure channel ---- */

/*
 * INITIALIZE UPDATE (clause E.5.1, Amendment D clause 7.1.1) with a fresh host challenge of 8 (S8)
 * or 16 (S16) bytes; key_version 0: the card's choice. Ends a session that is open. scp02_i: what
 * recognition data or the profile say. An absent key version is KMS_ERR_NOT_FOUND (gp->sw 6A88).
 * ret_init->key_version is the one that the card says it took; a recorded trace (pysim) asks for 20
 * and gets 70, so that is no error here. The cryptogram, not the version, tells whose keys they are.
 */
KMS_CHECKED enum kms_status gp_initialize_update(struct gp *gp, unsigned key_version,
	size_t challenge_len, unsigned scp02_i, struct scp_init *ret_init, struct kms_err *err);

/*
 * EXTERNAL AUTHENTICATE (clause E.5.2, Amendment D clause 7.1.2). First the card cryptogram is
 * verified under `keys`: if it is wrong, KMS_ERR_MISMATCH and *nothing is sent* (gp->sw is 0). A
 * status word that says no is KMS_ERR_AUTH: the card has counted a failure. `keys` must outlive the
 * session.
 */
KMS_CHECKED enum kms_status gp_external_authenticate(struct gp *gp, const struct scp_init *init,
	struct card_keys *keys, unsigned level, struct kms_err *err);

/* ---- under the secure channel ---- */

/* How AES keys stand in PUT KEY. */
enum gp_key_block {
	GP_BLOCK_INNER_LENGTH, /* 88 11 10 …: Amendment D 1.1.1 table 7-10, GPCS table 11-70 */
	GP_BLOCK_PLAIN,	       /* 88 10 …: GPCS table 11-71; not for AES-192 */
};

struct gp_put_keys {
	unsigned replace;  /* version that is replaced; 0: a set is added */
	unsigned version;  /* of the new set, 01 to 7F */
	unsigned first_id; /* key identifier of ENC; 0 is taken for 1 */
	enum gp_key_block block;
	bool extended_format; /* clause 11.8.2.3.1 format 2, with usage and access: */
	unsigned char usage[CARD_ROLES], access;
};

/* The data field (table 11-67), pure. ret_kcvs: the three check values in it. */
KMS_CHECKED enum kms_status gp_put_keys_data(const struct gp_put_keys *how,
	const struct card_dek *dek, struct card_keys *current, struct card_keys *fresh,
	struct buf *ret_data, unsigned char ret_kcvs[CARD_ROLES][CARD_KCV_SIZE],
	struct kms_err *err);

/*
 * PUT KEY (clause 11.8) of a whole set, in one command: the card takes all three or none. The new
 * keys are encrypted under the DEK of the set that the session was opened with. The answer repeats
 * the new version and the three check values (clause 11.8.3.1): others are KMS_ERR_MISMATCH, and
 * what is on the card is to be found out. Cards are known to leave out the check values, or the
 * whole answer: that is KMS_OK with gp->kcvs_shown false, as the card shall have verified those in
 * the command (clause 11.8.2.3.3), and only the next authentication shows what it has. Success is
 * 9000; a warning is none.
 */
KMS_CHECKED enum kms_status gp_put_keys(
	struct gp *gp, const struct gp_put_keys *how, struct card_keys *fresh, struct kms_err *err);

/* One key beside the sets: of a DAP, token or receipt (clause 11.8 with table 11-66: single key). */
struct gp_put_key {
	unsigned replace; /* version that is replaced; 0: a key is added */
	unsigned version, id;
	enum gp_key_block block;
	size_t key_len;			     /* of an AES key: */
	const struct card_key_block *secret; /* encrypted; or NULL: */
	const unsigned char *point;	     /* public key on P-256: 04 ‖ X ‖ Y */
};
enum { GP_POINT_SIZE = 65 };
/* The data field, pure. */
KMS_CHECKED enum kms_status gp_put_key_data(
	const struct gp_put_key *how, struct buf *ret_data, struct kms_err *err);
/*
 * PUT KEY. As with gp_put_keys, an answer that has another version or check value is
 * KMS_ERR_MISMATCH, and one that has none is KMS_OK.
 */
KMS_CHECKED enum kms_status gp_put_key(
	struct gp *gp, const struct gp_put_key *how, struct kms_err *err);

/* DELETE [key] (clause 11.2.2.3.2): all keys of a version. */
KMS_CHECKED enum kms_status gp_delete_keys(struct gp *gp, unsigned version, struct kms_err *err);
/* DELETE [card content]. */
KMS_CHECKED enum kms_status gp_delete(
	struct gp *gp, const struct gp_aid *aid, bool related, struct kms_err *err);

/*
 * GET STATUS (clause 11.4) with tags, and where a card does not know these (6A86) as older cards
 * answer; follows '6310', bounded. Nothing found is an empty list.
 */
enum gp_status_of {
	GP_STATUS_ISD = 0x80,
	GP_STATUS_APPLICATIONS = 0x40,
	GP_STATUS_FILES = 0x20,
	GP_STATUS_MODULES = 0x10,
};
KMS_CHECKED enum kms_status gp_get_status(
	struct gp *gp, enum gp_status_of of, struct gp_registry *ret_registry, struct kms_err *err);

/*
 * The same with a list of tags (clause 11.4.2.3), so that cards that know it also tell an application's
 * load file and security domain, and a load file's version.
 */
KMS_CHECKED enum kms_status gp_get_status_full(
	struct gp *gp, enum gp_status_of of, struct gp_registry *ret_registry, struct kms_err *err);

/* SET STATUS (clause 11.10). */
enum gp_status_type { GP_SET_ISD = 0x80, GP_SET_APPLICATION = 0x40, GP_SET_DOMAIN_AND_APPS = 0x60 };
enum gp_state {
	GP_CARD_OP_READY = 0x01,
	GP_CARD_INITIALIZED = 0x07,
	GP_CARD_SECURED = 0x0F,
	GP_CARD_LOCKED = 0x7F,
	GP_CARD_TERMINATED = 0xFF,
	GP_DOMAIN_PERSONALIZED = 0x0F,
	GP_APPLICATION_LOCKED = 0x83,
};
KMS_CHECKED enum kms_status gp_set_status(struct gp *gp, enum gp_status_type type, unsigned state,
	const struct gp_aid *aid, struct kms_err *err);

/* STORE DATA (clause 11.11): cut into blocks at any byte; format as in table 11-89. */
enum gp_store_format {
	GP_STORE_PLAIN = 0x00,
	GP_STORE_DGI = 0x08,
	GP_STORE_TLV = 0x10,
	GP_STORE_ENCRYPTED = 0x60, /* or-ed to one of these: values are under the DEK */
};
KMS_CHECKED enum kms_status gp_store_data(
	struct gp *gp, unsigned format, const void *data, size_t len, struct kms_err *err);

/* Bytes of data that one command has room for under the secure channel as it is. */
size_t gp_block_room(const struct gp *gp);

/* A signature over the load file data block by whom a security domain with DAP verification trusts. */
struct gp_dap {
	struct gp_aid domain;
	const unsigned char *signature;
	size_t len;
};
struct gp_load {
	struct gp_aid file, domain; /* domain len 0: the one that is selected */
	const unsigned char *code;  /* the load file data block */
	size_t len;
	const unsigned char *hash; /* of the data block, for the card to compare; may be NULL */
	size_t hash_len;
	const struct gp_dap *daps;
	size_t dap_count;
	const unsigned char *token; /* card/content.h; token_len 0: none */
	size_t token_len;
};
/* INSTALL [for load] (clause 11.5.2.3.1) alone. */
KMS_CHECKED enum kms_status gp_install_for_load(
	struct gp *gp, const struct gp_load *load, struct kms_err *err);
/* The load file (table 11-58), pure: DAP blocks, then the data block. */
KMS_CHECKED enum kms_status gp_load_file(
	const struct gp_load *load, struct buf *ret_file, struct kms_err *err);
/*
 * INSTALL [for load], then LOAD (clause 11.6) block by block. The card takes a load file whole or not
 * at all; what it has after an error that came from the line must be asked (gp_get_status).
 */
KMS_CHECKED enum kms_status gp_load(struct gp *gp, const struct gp_load *load, struct kms_err *err);

/* INSTALL [for install and make selectable] (clause 11.5.2.3.2); of a security domain too. */
struct gp_install {
	struct gp_aid file, module, instance;
	unsigned privileges;	     /* three bytes; GP_PRIVILEGE_… */
	const unsigned char *params; /* value of tag C9; may be NULL */
	size_t params_len;
	const unsigned char *system_params; /* value of tag EF; NULL: no tag EF */
	size_t system_params_len;
};
KMS_CHECKED enum kms_status gp_install(
	struct gp *gp, const struct gp_install *install, struct kms_err *err);
/* INSTALL [for make selectable] (clause 11.5.2.3.3) of what is installed only. */
KMS_CHECKED enum kms_status gp_make_selectable(
	struct gp *gp, const struct gp_install *install, struct kms_err *err);
enum {
	GP_PRIVILEGE_DOMAIN = 0x800000,
	GP_PRIVILEGE_DELEGATED = 0xA00000,
	GP_PRIVILEGE_AUTHORIZED = 0x804000,
};
/* INSTALL [for extradition] (clause 11.5.2.3.4), [for personalization] (clause 11.5.2.3.6). */
KMS_CHECKED enum kms_status gp_extradite(struct gp *gp, const struct gp_aid *domain,
	const struct gp_aid *application, struct kms_err *err);
KMS_CHECKED enum kms_status gp_personalise(
	struct gp *gp, const struct gp_aid *application, struct kms_err *err);

#endif
