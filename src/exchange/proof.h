/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The three files about the content of cards: a DAP (a signature over a load file's hash), a token (over a
 * command) and a card's receipt (a MAC over what it did). Unlike the other documents they are not
 * signed by a site: what proves them is the value inside, to whoever has its key. The member "sha256" is
 * of the rest, so that a file that was damaged is not taken for a wrong one.
 */
#ifndef EXCHANGE_PROOF_H
#define EXCHANGE_PROOF_H

#include "exchange/doc.h"

enum {
	DOC_PROOF_DATA_MAX = 320,  /* what the value is made over */
	DOC_PROOF_VALUE_MAX = 127, /* GPCS 2.3.1 tables 11-23 and 11-42: its length in one byte */
};

struct doc_proof {
	enum doc_kind kind; /* DOC_DAP, DOC_TOKEN, DOC_CARD_RECEIPT */
	const char
		*operation; /* "load"; of a token or receipt also "install", "make-selectable", … */
	const char *key;    /* label at the site that made the file; receipt: "" if not verified */
	enum key_alg alg;   /* of that key; KEY_ALG_NONE where there is none */
	const char *file;   /* AID of the load file, in hex, or "" */
	const char *
		domain; /* dap: of the security domain that verifies; receipt: that did it; or "" */
	const char *card; /* receipt: the card's id; else "" */
	int64_t created;
	unsigned char data[DOC_PROOF_DATA_MAX];
	size_t data_len;
	unsigned char value[DOC_PROOF_VALUE_MAX];
	size_t value_len;
	json_t *owner;
};

KMS_CHECKED enum kms_status doc_proof_parse(enum doc_kind kind, const char *text, size_t len,
	struct doc_proof *ret_proof, struct kms_err *err);
KMS_CHECKED enum kms_status doc_proof_write(
	const struct doc_proof *proof, struct buf *ret_text, struct kms_err *err);
/* What is to be noted of it: operation, key, algorithm, data, value. NULL out of memory. */
json_t *doc_proof_json(const struct doc_proof *proof);
void doc_proof_free(struct doc_proof *proof);

#define DOC_PROOF_AUTO __attribute__((cleanup(doc_proof_free)))

#endif
