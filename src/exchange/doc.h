/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange/: the four signed documents of two sites (identity, request, package, receipt), the
 * backup that a site writes for itself, and the listing for sites that type wrapped keys by hand.
 *
 * Invariants of the folder:
 * - Pure: text in, structs out, and back. No files, no clock, no token; a signature comes from a
 *   struct p256_signer.
 * - A document is one object in canonical JSON (base/js.h) of at most DOC_MAX bytes (a backup:
 *   DOC_BACKUP_MAX). Every member
 *   is always there, none other is accepted, and each value has one spelling, so that one meaning
 *   has one text. Its "cardkms" member names kind and version: "package/1".
 * - "signature" is ECDSA over SHA-256 of the canonical text of the object without that member.
 * - doc_X_parse checks the form and that the document does not contradict itself;
 *   doc_X_verify checks who signed. Nothing may be done with a document that was only parsed.
 * - doc_X_write refuses whatever doc_X_parse would refuse.
 * - No document holds a key in clear. Wrapped keys are no secret here (they are in a package's
 *   text), yet no message repeats them.
 *
 * Ownership: the texts of a struct belong to the caller who filled it in; after doc_X_parse to the
 * struct's `owner`, until doc_X_free, which does nothing to a struct that a caller filled in.
 *
 * Errors: KMS_ERR_INVALID for the form, KMS_ERR_MISMATCH for a check that came out negative.
 */
#ifndef EXCHANGE_DOC_H
#define EXCHANGE_DOC_H

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/js.h"
#include "base/p256.h"
#include "keys/kcv.h"
#include "keys/key.h"

#include <stddef.h>
#include <stdint.h>

enum {
	DOC_MAX = 1 << 20,	   /* bytes of a document that sites exchange, */
	DOC_BACKUP_MAX = 16 << 20, /* of a backup */
	DOC_KEYS_MAX = 1024,
	DOC_KEYSETS_MAX = 256,
	DOC_ID_MAX = 40,
	DOC_NONCE_SIZE = 16,
	DOC_FINGERPRINT_SIZE = 65, /* 64 upper-case hex digits and a zero byte */
	DOC_NOTE_MAX = 1024,	   /* bytes of an audit checkpoint */
};

enum doc_kind {
	DOC_NONE,
	DOC_IDENTITY,
	DOC_REQUEST,
	DOC_PACKAGE,
	DOC_RECEIPT,
	DOC_BACKUP,
	DOC_DERIVED,  /* manifest of a file of cards' keys */
	DOC_PROGRESS, /* how far an unfinished one has got */
	DOC_SHIPMENT,
	DOC_DAP,	  /* of a load file */
	DOC_TOKEN,	  /* for a command to a card */
	DOC_CARD_RECEIPT, /* of a card */
};

const char *doc_kind_name(enum doc_kind kind); /* "package" */

/* What kind of document a text says it is, without believing anything else of it. */
KMS_CHECKED enum kms_status doc_kind(
	const char *text, size_t len, enum doc_kind *ret_kind, struct kms_err *err);

/* A site as another one knows it. */
struct doc_party {
	const char *name;	 /* name_check */
	const char *fingerprint; /* of its identity: 64 upper-case hex digits */
};

/* A key and the value that shows that two sites hold the same one. */
struct doc_checked_key {
	const char *label;
	enum key_alg alg;
	struct key_kcv kcv;
};

/* What a signature covers, kept by doc_X_parse for doc_X_verify. */
struct doc_sig {
	unsigned char digest[HASH_SIZE];
	unsigned char sig[P256_SIG_SIZE];
};

/*
 * Identifiers of requests, packages and receipts: 1 to DOC_ID_MAX of A-Z a-z 0-9 and '-', the
 * first no '-'.
 */
KMS_CHECKED enum kms_status doc_id_check(const char *id, const char *what, struct kms_err *err);

/* A fingerprint as a person may give it: either case, blanks and colons between digits. */
KMS_CHECKED enum kms_status doc_fingerprint_parse(
	const char *text, char ret_fingerprint[DOC_FINGERPRINT_SIZE], struct kms_err *err);

#endif
