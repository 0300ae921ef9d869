/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands that change what is on a card, as delegated management has them: the bytes that a token is
 * made over, the token in the command, and what the card confirms. Pure but for gp_content_send.
 *
 * A token and a receipt are somebody's signature or MAC over bytes; who makes and verifies them is the
 * caller's business (ops/ over the HSM). Clauses are those of GPCS 2.3.1.
 */
#ifndef CARD_CONTENT_H
#define CARD_CONTENT_H

#include "card/gp.h"

enum gp_content_kind {
	GP_CONTENT_NONE,
	GP_CONTENT_LOAD,
	GP_CONTENT_INSTALL, /* and make selectable */
	GP_CONTENT_SELECTABLE,
	GP_CONTENT_EXTRADITE,
	GP_CONTENT_DELETE,
};

/* "load", "install", "make-selectable", "extradite", "delete" */
const char *gp_content_name(enum gp_content_kind kind);
KMS_CHECKED enum kms_status gp_content_kind_parse(
	const char *name, enum gp_content_kind *ret_kind, struct kms_err *err);

enum {
	GP_CONTENT_MAX = 255,		    /* one command: chains of them are not made here */
	GP_SIGNED_MAX = 3 + GP_CONTENT_MAX, /* P1, P2, length, data */
	GP_TOKEN_MAX = 127,		    /* its length is one byte */
	GP_CONFIRMATION_MAX = 255,	    /* clause 11.1.6 */
	GP_RECEIPT_DATA_MAX = 255 + 3 * (1 + GP_AID_MAX), /* tables C-11 to C-15 */
};

/* A command but for its token. */
struct gp_content {
	enum gp_content_kind kind;
	unsigned char ins, p1, p2;
	unsigned char data[GP_CONTENT_MAX];
	size_t len;
};

/* KMS_ERR_INVALID if it does not fit in one command. */
KMS_CHECKED enum kms_status gp_content_for_load(
	const struct gp_load *load, struct gp_content *ret_content, struct kms_err *err);
KMS_CHECKED enum kms_status gp_content_for_install(
	const struct gp_install *install, struct gp_content *ret_content, struct kms_err *err);
KMS_CHECKED enum kms_status gp_content_for_selectable(
	const struct gp_install *install, struct gp_content *ret_content, struct kms_err *err);
KMS_CHECKED enum kms_status gp_content_for_extradition(const struct gp_aid *domain,
	const struct gp_aid *application, struct gp_content *ret_content, struct kms_err *err);
KMS_CHECKED enum kms_status gp_content_for_delete(const struct gp_aid *aid, bool related,
	struct gp_content *ret_content, struct kms_err *err);

/* What a token is made over: P1, P2, length, data (tables C-4 to C-7 and C-9). */
size_t gp_content_signed(const struct gp_content *content, unsigned char ret_bytes[GP_SIGNED_MAX]);

/* The way back, of bytes that somebody says a token is made over: their form, field by field. */
KMS_CHECKED enum kms_status gp_content_parse(enum gp_content_kind kind, const unsigned char *bytes,
	size_t len, struct gp_content *ret_content, struct kms_err *err);

/* Where two commands of one kind differ first, in words: "load file", "security domain"; NULL: nowhere. */
const char *gp_content_differs(const struct gp_content *a, const struct gp_content *b);

/*
 * Sends it under the secure channel, with the token if token_len is not 0. The answer is in gp->response.
 */
KMS_CHECKED enum kms_status gp_content_send(struct gp *gp, const struct gp_content *content,
	const unsigned char *token, size_t token_len, struct kms_err *err);

/* ---- what the card confirms (clause 11.1.6) ---- */

/* Borrowed: points into the answer. */
struct gp_bytes {
	const unsigned char *at;
	size_t len;
};
struct gp_confirmation {
	bool there;		 /* false: the card gave none */
	struct gp_bytes receipt; /* may be empty */
	struct gp_bytes data;	 /* confirmation data, as the receipt is made over it */
	unsigned counter;
	struct gp_bytes unique; /* of the security domain that made it: its tags 42 and 45 */
	struct gp_bytes token_id, token_digest; /* may be empty */
};

/* The data field of the answer to the last LOAD, INSTALL or DELETE. */
KMS_CHECKED enum kms_status gp_confirmation_parse(const unsigned char *data, size_t len,
	struct gp_confirmation *ret_confirmation, struct kms_err *err);

/* Whose names a receipt is over; each kind reads those that are its own. */
struct gp_receipt_names {
	struct gp_aid file;	   /* load, install, make-selectable */
	struct gp_aid application; /* install, make-selectable; extradite, delete: or load file */
	struct gp_aid domain;	   /* load: where the file is; extradite: where it was */
	struct gp_aid to;	   /* extradite */
};
size_t gp_receipt_data(enum gp_content_kind kind, const struct gp_confirmation *confirmation,
	const struct gp_receipt_names *names, unsigned char ret_bytes[GP_RECEIPT_DATA_MAX]);

#endif
