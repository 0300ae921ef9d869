/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors: a status that code branches on, and one record that people read.
 *
 * A function that can fail returns enum kms_status, takes `struct kms_err *err` as its last
 * argument and is KMS_CHECKED. Outputs are named ret_x and written only on KMS_OK. A message says
 * what cannot be done, to what, and why; the hint says what to do about it. Neither ever holds key
 * bytes, a PIN, a passphrase or a component.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>
#include <stddef.h>

#define KMS_CHECKED	      __attribute__((warn_unused_result))
#define KMS_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

enum kms_status {
	KMS_OK = 0,
	KMS_ERR_USAGE,	     /* the words of the call are wrong: exit 2 */
	KMS_ERR_INVALID,     /* an input is malformed or breaks a rule */
	KMS_ERR_MISMATCH,    /* well-formed, but a check came out negative: exit 3 */
	KMS_ERR_NOT_FOUND,   /* what was named does not exist */
	KMS_ERR_EXISTS,	     /* what was to be made exists already */
	KMS_ERR_DENIED,	     /* policy, scope or a missing approval forbids it */
	KMS_ERR_AUTH,	     /* wrong PIN or passphrase */
	KMS_ERR_STATE,	     /* not possible in the state it is in */
	KMS_ERR_UNSUPPORTED, /* the token lacks what it takes */
	KMS_ERR_HSM,	     /* PKCS#11 failed: native has the CKR_ name */
	KMS_ERR_CARD,	     /* a card refused: native has the status word */
	KMS_ERR_STORE,	     /* the database failed */
	KMS_ERR_BUSY,	     /* another process holds it; trying again later may work */
	KMS_ERR_IO,	     /* a file or terminal failed */
	KMS_ERR_CANCELLED,   /* a person said no */
	KMS_ERR_NOMEM,
	KMS_ERR_INTERNAL, /* a bug in cardkms */
};

/*
 * Whether a failure says something of its subject (absent, malformed, refused), and not only that it
 * could not be looked at: no memory, a file, the database, the HSM, a line that broke. Only the former may be
 * passed over.
 */
bool kms_is_answer(enum kms_status status);

struct kms_err {
	enum kms_status code;
	char native[48];   /* "CKR_PIN_INCORRECT", "SW 6982" or "" */
	const char *where; /* source file and line, for bug reports */
	char msg[1024];
	char hint[512];
};

/* Fills err (which may be NULL) and returns code, so that a failure is one return statement. */
#define kms_fail(err, code, ...) kms_fail_at((err), (code), KMS_HERE, __VA_ARGS__)
#define KMS_HERE_STR2(x)	 #x
#define KMS_HERE_STR(x)		 KMS_HERE_STR2(x)
#define KMS_HERE		 __FILE__ ":" KMS_HERE_STR(__LINE__)

enum kms_status kms_fail_at(struct kms_err *err, enum kms_status code, const char *where,
	const char *fmt, ...) KMS_PRINTF(4, 5);

/* What to do about the failure just recorded. Returns err->code, so that it can end a chain. */
enum kms_status kms_hint(struct kms_err *err, const char *fmt, ...) KMS_PRINTF(2, 3);

/* The name that the other side gave the failure: a CKR_ name, a status word. */
void kms_native(struct kms_err *err, const char *fmt, ...) KMS_PRINTF(2, 3);

/* Puts context before the message: "cannot import 'X': " + what the lower layer said. */
enum kms_status kms_prefix(struct kms_err *err, const char *fmt, ...) KMS_PRINTF(2, 3);

enum kms_status kms_nomem_at(struct kms_err *err, const char *where);
#define kms_nomem(err) kms_nomem_at((err), KMS_HERE)

void kms_err_clear(struct kms_err *err);

/* Stable lower-case name of a status, as in the JSON output: "mismatch". */
const char *kms_status_name(enum kms_status code);

#endif
