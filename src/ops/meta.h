/* SPDX-License-Identifier: Apache-2.0 */
/* Inside ops/: facts of the site in the store, names of one layer in terms of another, small helps. */
#ifndef OPS_META_H
#define OPS_META_H

#include "audit/entry.h"
#include "base/js.h"
#include "base/p256.h"
#include "hsm/object.h"
#include "hsm/probe.h"
#include "keys/div.h"
#include "keys/kcv.h"
#include "keys/key.h"
#include "keys/plan.h"
#include "keys/token.h"
#include "keys/wrap.h"
#include "ops/op.h"
#include "store/keys.h"

/* Names in the store's meta table. */
#define META_NAME	 "name"
#define META_ROLE	 "role"
#define META_CREATED	 "created"
#define META_HSM_SERIAL	 "hsm-serial"
#define META_HSM_LABEL	 "hsm-label"
#define META_IDENTITY	 "identity" /* the identity document, as text */
#define META_FINGERPRINT "fingerprint"

/*
 * Where a key is, in its row: in the vault (the principal HSM); lost with it; or coming back, by the
 * operation op_id, which is taken back to "lost" if it does not end.
 */
#define KEY_IN_VAULT  "vault"
#define KEY_LOST      "lost"
#define KEY_RESTORING "restoring"

#define LABEL_IDENTITY "cardkms-identity"
#define LABEL_AUDIT    "cardkms-audit"

/* The fact, or NULL in *ret_value if it is not set. */
KMS_CHECKED enum kms_status op_meta_find(
	struct op_site *site, const char *name, char **ret_value, struct kms_err *err);

KMS_CHECKED enum kms_status op_site_path(
	const struct op_site *site, const char *file, char **ret_path, struct kms_err *err);
void op_site_clear(struct op_site *site);
static inline void op_site_close_pointer(struct op_site **site)
{
	op_site_close(*site);
}

/* What the front offers, as an error where there is no front. */
KMS_CHECKED enum kms_status op_ask_secret(struct op_site *site, const char *name,
	const char *prompt, struct secret *ret_value, struct kms_err *err);
/* Before a login as operator: asks whether to, where a wrong PIN would be the one that locks. */
KMS_CHECKED enum kms_status op_ask_last_try(
	struct op_site *site, const struct hsm_token_info *info, struct kms_err *err);
KMS_CHECKED enum kms_status op_ask_confirm(
	struct op_site *site, const char *question, struct kms_err *err);

/*
 * Logs in to that token, with the PIN that the agent holds, else one that is asked for. `whose`: for the
 * prompt, "" or with a blank behind.
 */
KMS_CHECKED enum kms_status op_token_login(struct op_site *site, struct hsm *hsm,
	const char *pin_name, const char *whose, struct kms_err *err);

/* The same with a PIN that is asked for in any case. */
KMS_CHECKED enum kms_status op_token_login_asked(struct op_site *site, struct hsm *hsm,
	const char *pin_name, const char *whose, struct secret *ret_pin, struct kms_err *err);

/* Puts back what an earlier login found out about this token's capabilities. */
KMS_CHECKED enum kms_status op_caps_restore(struct op_site *site, struct hsm *hsm,
	const struct hsm_token_info *info, struct kms_err *err);
KMS_CHECKED enum kms_status op_caps_save_at(
	struct op_site *site, struct hsm *hsm, struct kms_err *err);
/* Of the principal HSM. */
KMS_CHECKED enum kms_status op_caps_save(struct op_site *site, struct kms_err *err);

/* Refuses a name that is another spelling (name_same) of a partner's, past or present. */
KMS_CHECKED enum kms_status op_partner_spelling(
	struct op_site *site, const char *name, struct kms_err *err);

/* ---- one layer's words in another's ---- */

/* key_wrapping_parse and the alias "raw-hex" for raw-ecb; what a transport key can be bound to. */
KMS_CHECKED enum kms_status op_wrapping_parse(
	const char *text, enum key_wrapping *ret_wrapping, struct kms_err *err);
static inline bool op_wrapping_is_raw(enum key_wrapping wrapping)
{
	return wrapping == KEY_WRAP_ECB || wrapping == KEY_WRAP_CBC;
}

/* The role of an object in the HSM that a key row stands for. */
KMS_CHECKED enum kms_status op_hsm_role(struct op_site *site, const struct store_key *row,
	enum hsm_role *ret_role, struct kms_err *err);

/* ---- keys ---- */

/* A fresh CKA_ID as hex. */
enum { OP_ID_HEX = 2 * HSM_ID_LEN + 1 };
KMS_CHECKED enum kms_status op_new_id(char ret_hex[OP_ID_HEX], struct kms_err *err);

/* KMS_ERR_STATE, with what to do, if the key was lost with its HSM. */
KMS_CHECKED enum kms_status op_key_is_here(const struct store_key *row, struct kms_err *err);

/* The object of a key row on some token of the site; on the principal HSM. */
KMS_CHECKED enum kms_status op_key_object_at(
	struct hsm *hsm, const struct store_key *row, struct hsm_key *ret_key, struct kms_err *err);
KMS_CHECKED enum kms_status op_key_object(struct op_site *site, const struct store_key *row,
	struct hsm_key *ret_key, struct kms_err *err);

/* A master key on its way into the registry: generated here, or imported. */
struct op_master {
	const char *id, *label, *keyset;
	enum key_role role;
	enum key_alg alg;
	unsigned kvn;
	bool exportable;
	const struct key_period *period;
	const char *origin; /* "generated", or the partner whose key it is */
	const char *hsm_serial;
	const struct hsm_made *made; /* read when active */
	const struct key_kcv *kcv;   /* read when active */
};

/* Adds its row as PENDING, or makes the PENDING row active; inside a transaction. */
KMS_CHECKED enum kms_status op_master_write(
	struct op *op, const struct op_master *master, bool active, struct kms_err *err);

/* The fields of cli.md, and more where they are set. */
KMS_CHECKED enum kms_status op_key_json(
	const struct store_key *row, json_t **ret_object, struct kms_err *err);

/* Who acts: the two officers, else the login of the process. For free(); NULL out of memory. */
char *op_actor(const struct op_site *site, const struct op *op);

/*
 * Compares the object on a token with its row: attributes of the role, check value or proof; on the
 * principal HSM, as what the row says it is.
 */
KMS_CHECKED enum kms_status op_key_verify_at(
	struct hsm *hsm, const struct store_key *row, enum hsm_role role, struct kms_err *err);
KMS_CHECKED enum kms_status op_key_verify(
	struct op_site *site, const struct store_key *row, struct kms_err *err);

/* Signs with the site's identity key, and its audit key. `signer` keeps a pointer to *site. */
KMS_CHECKED enum kms_status op_signer(struct op_site *site, enum key_role role,
	struct p256_signer *ret_signer, struct kms_err *err);

#endif
