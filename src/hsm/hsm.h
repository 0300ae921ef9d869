/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PKCS#11 token: found by RFC 7512 URI, its module loaded alone.
 *
 * Invariants of src/hsm
 * - It knows bytes, handles and attributes, no GlobalPlatform, no policy, no store; it never prints.
 * - Key values leave the token only as `struct secret`, only where a call takes allow_host = true,
 *   and then the call reports HSM_HOST_ASSISTED.
 * - Every token object that is created has its attributes read back and compared with the role
 *   table (template.c); an object that differs is destroyed and the call fails.
 * - A wrong PIN is never tried twice. The PIN that worked is kept in secret memory until hsm_close,
 *   for one new login after a lost device.
 * - A call that only reads, or makes nothing but session objects, is repeated once after a lost
 *   device. A call that changes the token is not: it fails with KMS_ERR_HSM and says that the
 *   outcome is unknown.
 * - struct hsm may be used by several threads, but not across fork: open it after fork (tokens
 *   share state with the child silently). A call in a forked child fails with KMS_ERR_STATE.
 *   hsm_open, hsm_find_token, hsm_init_*, hsm_login* and hsm_close need the struct for themselves.
 * - One struct hsm per token and process: a second one shares the login state and its closing costs
 *   the first its session objects. Two tokens of one module are two structs (hsm_beside).
 *
 * Errors: KMS_ERR_HSM with err->native "CKR_…" for what the token answers, KMS_ERR_AUTH for PINs,
 * KMS_ERR_UNSUPPORTED where no strategy of the token can do it, KMS_ERR_STATE for a token that is
 * not ready, KMS_ERR_NOT_FOUND / KMS_ERR_EXISTS for tokens and objects.
 */
#ifndef HSM_HSM_H
#define HSM_HSM_H

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hsm;

#define HSM_AUTO __attribute__((cleanup(hsm_close_pointer)))

/*
 * Loads and initialises the one module that the URI names by module-path (absolute) or module-name
 * (in p11-kit's module folder). The token need not exist yet. A URI with pin-value or pin-source is
 * refused: a configuration holds no secret. init_args (or NULL) goes to C_Initialize as pReserved,
 * as NSS softokn wants it.
 */
KMS_CHECKED enum kms_status hsm_open(
	const char *uri, const char *init_args, struct hsm **ret_hsm, struct kms_err *err);

/*
 * The same; `tell` is called, from a thread of its own, when one unit of work has kept waiting for
 * `seconds`, and again after each such time: "the HSM has not answered for 5 s: generate 'LABEL'".
 */
struct hsm_watch {
	void (*tell)(void *ctx, const char *text);
	void *ctx;
	unsigned seconds;
};
KMS_CHECKED enum kms_status hsm_open_watched(const char *uri, const char *init_args,
	const struct hsm_watch *watch, struct hsm **ret_hsm, struct kms_err *err);

/*
 * Whether two may be open at once. PKCS#11 starts a module once in a process: two tokens of one module
 * share its start, so both must have been opened with the same init_args, else KMS_ERR_UNSUPPORTED.
 * When one of them starts the module anew after a lost device, the other loses its session objects.
 */
KMS_CHECKED enum kms_status hsm_beside(
	const struct hsm *hsm, const struct hsm *other, struct kms_err *err);

/* Whether both have found the same token: the same slot of the same module. */
bool hsm_same_token(const struct hsm *a, const struct hsm *b);

/* Closes sessions, wipes the PIN, finalises the module. NULL-safe. */
void hsm_close(struct hsm *hsm);
static inline void hsm_close_pointer(struct hsm **hsm)
{
	hsm_close(*hsm);
}

/* Whether a URI would be accepted by hsm_open, without loading anything. */
KMS_CHECKED enum kms_status hsm_uri_check(const char *uri, struct kms_err *err);

struct hsm_token_info {
	char label[33]; /* text without padding, here and below */
	char manufacturer[33];
	char model[17];
	char serial[17];
	char firmware[8]; /* "2.6" */
	char hardware[8];
	unsigned long slot;
	unsigned long pin_min;
	unsigned long pin_max;
	bool initialised;
	bool login_required;
	bool user_pin_set;
	bool write_protected;
	bool user_pin_count_low, user_pin_final_try, user_pin_locked;
	bool so_pin_count_low, so_pin_final_try, so_pin_locked;
};

/*
 * Picks the one initialised token that matches the URI. KMS_ERR_NOT_FOUND lists the tokens that
 * there are; several matches are KMS_ERR_INVALID.
 */
KMS_CHECKED enum kms_status hsm_find_token(struct hsm *hsm, struct kms_err *err);

/* Of the found token, read anew (the PIN flags change). */
KMS_CHECKED enum kms_status hsm_token_info(
	struct hsm *hsm, struct hsm_token_info *ret_info, struct kms_err *err);

/* All tokens of the module; *ret_list is freed by the caller (FREE_AUTO). */
KMS_CHECKED enum kms_status hsm_tokens(
	struct hsm *hsm, struct hsm_token_info **ret_list, size_t *ret_count, struct kms_err *err);

/* The label that the URI names ("" if none), and the module's path: for messages and setup. */
const char *hsm_uri_token(const struct hsm *hsm);
const char *hsm_module_path(const struct hsm *hsm);

/*
 * C_InitToken. Where no token matches the URI, on the first uninitialised slot; where one does,
 * only with reinit = true (everything on it is lost), else KMS_ERR_EXISTS. label: 1 to 32 bytes; it
 * must be the URI's, if that names one. On success the token is found (hsm_find_token).
 */
KMS_CHECKED enum kms_status hsm_init_token(struct hsm *hsm, const char *label,
	const struct secret *so_pin, bool reinit, struct kms_err *err);

/*
 * Sets the user PIN of the found token: SO login, C_InitPIN, logout. This and hsm_check_so_pin end
 * a user's login and every session object: log in again afterwards.
 */
KMS_CHECKED enum kms_status hsm_init_pin(struct hsm *hsm, const struct secret *so_pin,
	const struct secret *pin, struct kms_err *err);

/* One SO login and logout: whether the administrator PIN is right. One try, as hsm_login. */
KMS_CHECKED enum kms_status hsm_check_so_pin(
	struct hsm *hsm, const struct secret *so_pin, struct kms_err *err);

/*
 * C_SetPIN of the operator, who is logged in; of the administrator, by a login of its own, which ends the
 * operator's. Tried once, and not repeated after a lost connection: then one of the two PINs holds. The
 * operator has to log in again, with hsm_login, before a lost connection can come back by itself.
 */
KMS_CHECKED enum kms_status hsm_change_pin(
	struct hsm *hsm, const struct secret *old, const struct secret *fresh, struct kms_err *err);
KMS_CHECKED enum kms_status hsm_change_so_pin(
	struct hsm *hsm, const struct secret *old, const struct secret *fresh, struct kms_err *err);
/* False for a token whose administrator has none (NSS softokn). It must have been found. */
bool hsm_has_so_pin(const struct hsm *hsm);

/*
 * User login on the found token, tried once. KMS_ERR_AUTH with the state of the token's counter in
 * the message (few tries left, last try, locked). KMS_ERR_STATE: the token has no user PIN. A
 * second login ends the first and its session objects.
 */
KMS_CHECKED enum kms_status hsm_login(
	struct hsm *hsm, const struct secret *pin, struct kms_err *err);
/* The operator again after an administrator's login, with the PIN that worked: it is not asked for. */
KMS_CHECKED enum kms_status hsm_login_again(struct hsm *hsm, struct kms_err *err);
bool hsm_logged_in(const struct hsm *hsm);

/* Random bytes from the token, straight into secret memory. */
KMS_CHECKED enum kms_status hsm_random(
	struct hsm *hsm, size_t len, struct secret *ret_bytes, struct kms_err *err);

/* The same for what is no secret: identifiers, nonces. */
KMS_CHECKED enum kms_status hsm_random_public(
	struct hsm *hsm, void *out, size_t len, struct kms_err *err);

/* "CKR_PIN_INCORRECT"; a code without a name: "CKR_unknown". */
const char *hsm_rv_name(unsigned long rv);

#endif
