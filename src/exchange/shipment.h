/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shipment: which cards a manufacturer sends to an issuer, and which keys are on them. A signed
 * document, and after it, in the same file, a table of one line for each card, whose SHA-256 the
 * document has. So a million cards are read a line at a time (docs/formats/shipment.md).
 */
#ifndef EXCHANGE_SHIPMENT_H
#define EXCHANGE_SHIPMENT_H

#include "exchange/doc.h"
#include "exchange/witness.h"

enum {
	DOC_SHIPMENT_LINE = 1024, /* bytes of a line of the table, with its end */
	DOC_SHIPMENT_CARDS_MAX = 100 * 1000 * 1000,
};

struct doc_shipment {
	const char *id;
	struct doc_party sender;
	struct doc_party recipient;
	const char *const *keysets; /* 1 … DOC_KEYSETS_MAX, as the sender names them */
	size_t keyset_count;
	const struct doc_checked_key *keys; /* of these sets */
	size_t key_count;
	int64_t cards;
	unsigned char cards_hash[HASH_SIZE]; /* SHA-256 of the table, its first line included */
	const char *checkpoint;		     /* the sender's signed audit checkpoint */
	struct doc_witness witness;
	int64_t created;

	struct doc_sig sig;
	json_t *owner;
};

#define DOC_SHIPMENT_AUTO __attribute__((cleanup(doc_shipment_free)))

KMS_CHECKED enum kms_status doc_shipment_write(const struct doc_shipment *shipment,
	const struct p256_signer *signer, struct buf *ret_text, struct kms_err *err);
/* The document alone, without the table. */
KMS_CHECKED enum kms_status doc_shipment_parse(
	const char *text, size_t len, struct doc_shipment *ret_shipment, struct kms_err *err);
KMS_CHECKED enum kms_status doc_shipment_verify(const struct doc_shipment *shipment,
	const char *fingerprint, const unsigned char point[P256_POINT_SIZE], struct kms_err *err);
void doc_shipment_free(struct doc_shipment *shipment);

/* ---- the table ---- */

/* Its first line, with its end. */
extern const char doc_shipment_columns[];

/* A card and the keys of its issuer security domain. Texts are "" where there is nothing. */
struct doc_shipment_card {
	const char *card, *id_source, *profile;
	const char *cplc, *iin, *cin;
	const char *domain; /* AID */
	const char *keyset;
	unsigned version, scp, scp_i;
	const char *kdd;
};

/*
 * A line without its end; it is cut into pieces, and ret_card's texts are these. Each card has one
 * spelling. KMS_ERR_INVALID names the column.
 */
KMS_CHECKED enum kms_status doc_shipment_card_parse(
	char *line, struct doc_shipment_card *ret_card, struct kms_err *err);
/* The line with its end; refuses whatever doc_shipment_card_parse would refuse. */
KMS_CHECKED enum kms_status doc_shipment_card_print(const struct doc_shipment_card *card,
	char ret_line[DOC_SHIPMENT_LINE], size_t *ret_len, struct kms_err *err);

#endif
