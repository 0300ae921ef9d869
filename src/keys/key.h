/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a key is: algorithm, role, state, label, and the rules that need nothing but these.
 *
 * Invariants of this folder:
 * - Nothing here logs, prints, stores or asks: bytes and names in, bytes and verdicts out. Only
 *   keys/token.h touches a token.
 * - Key bytes are in struct secret, or in stack blocks that are wiped before return. No message
 *   holds any.
 * - TDEA keys are compared without their parity bits (the lowest bit of each byte); parity is set
 *   on the combined key, never on a component.
 * - 0 is "none" in each enum, so that a zeroed struct is never a valid key by accident.
 * - Lengths are bytes, strengths are bits, times are seconds.
 */
#ifndef KEYS_KEY_H
#define KEYS_KEY_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum key_family {
	KEY_FAMILY_NONE,
	KEY_FAMILY_TDES,
	KEY_FAMILY_AES,
	KEY_FAMILY_EC,
};

enum key_alg {
	KEY_ALG_NONE,
	KEY_TDEA2,
	KEY_TDEA3,
	KEY_AES128,
	KEY_AES192,
	KEY_AES256,
	KEY_P256, /* signing pairs only: no plan, component or wrapping takes it */
};

enum {
	KEY_MAX_LEN = 32,
	KEY_LABEL_MAX = 32,
	KEY_SET_NAME_MAX = KEY_LABEL_MAX - 3, /* three letters of the role are put in */
	KEY_COMPONENTS_MIN = 2,
	KEY_COMPONENTS_MAX = 9,
	KEY_VERSION_MIN = 0x01,
	KEY_VERSION_MAX = 0x7F, /* GPCS 2.3.1, 11.8.2.1 */
};

enum key_role {
	KEY_ROLE_NONE,
	KEY_ROLE_ENC, /* the three masters of a key set, */
	KEY_ROLE_MAC,
	KEY_ROLE_KEK,
	KEY_ROLE_TRANSPORT, /* wraps masters between two sites */
	KEY_ROLE_SITE,	    /* wraps this site's backup */
	KEY_ROLE_ZONE,
	KEY_ROLE_IDENTITY, /* signing pairs */
	KEY_ROLE_AUDIT,
	KEY_ROLE_DAP,	  /* content of cards: signs load files, */
	KEY_ROLE_TOKEN,	  /* permits what is done to cards, */
	KEY_ROLE_RECEIPT, /* verifies what cards confirm */
};

/* After NIST SP 800-57 part 1 (see the table in key.c), plus what a two-phase operation needs at both ends. */
enum key_state {
	KEY_STATE_NONE,
	KEY_PENDING, /* the row exists, the object in the HSM is not yet verified */
	KEY_PREACTIVE,
	KEY_ACTIVE,
	KEY_SUSPENDED,
	KEY_DEACTIVATED,
	KEY_COMPROMISED,
	KEY_DESTROYED,
	KEY_VOID, /* an operation that was rolled back: there never was a key */
};

enum key_kcv_method {
	KEY_KCV_NONE,
	KEY_KCV_TDES_ZERO, /* E(eight bytes 00), first 3 bytes: GPCS 2.3.1, B.6 */
	KEY_KCV_AES_GP,	   /* E(sixteen bytes 01), first 3 bytes: GPCS 2.3.1, B.6 */
	KEY_KCV_AES_ZERO,  /* E(sixteen bytes 00), first 3 bytes: PKCS#11 CKA_CHECK_VALUE */
	KEY_KCV_CMAC,	   /* CMAC of one block 00, first 5 bytes */
};

struct key_alg_info {
	const char *name; /* "aes256" */
	enum key_family family;
	size_t length;	   /* bytes of the secret; 0 for a pair */
	size_t block;	   /* bytes of the cipher's block */
	unsigned parts;	   /* eight-byte DES keys in it; 0 if not TDEA */
	unsigned strength; /* bits; tdea2 counts as 80, tdea3 as 112 */
	enum key_kcv_method kcv;
};

/* Never NULL; for KEY_ALG_NONE and values out of range the name is "none" and all else 0. */
const struct key_alg_info *key_alg_info(enum key_alg alg);

/* Stable lower-case names, as in plans, JSON and the store. "none" when out of range. */
const char *key_alg_name(enum key_alg alg);
const char *key_role_name(enum key_role role);
const char *key_state_name(enum key_state state);
const char *key_kcv_method_name(enum key_kcv_method method);

/* Exactly a name as printed above; otherwise KMS_ERR_INVALID that lists what there is. */
KMS_CHECKED enum kms_status key_alg_parse(
	const char *text, enum key_alg *ret_alg, struct kms_err *err);
KMS_CHECKED enum kms_status key_role_parse(
	const char *text, enum key_role *ret_role, struct kms_err *err);
KMS_CHECKED enum kms_status key_state_parse(
	const char *text, enum key_state *ret_state, struct kms_err *err);
KMS_CHECKED enum kms_status key_kcv_method_parse(
	const char *text, enum key_kcv_method *ret_method, struct kms_err *err);

static inline bool key_alg_is_tdes(enum key_alg alg)
{
	return key_alg_info(alg)->family == KEY_FAMILY_TDES;
}
static inline bool key_alg_is_aes(enum key_alg alg)
{
	return key_alg_info(alg)->family == KEY_FAMILY_AES;
}

/* Whether the method can be computed with a key of that algorithm. */
bool key_kcv_method_fits(enum key_kcv_method method, enum key_alg alg);

/* dap, token, receipt: keys that a card's security domain and this site share, or halves of a pair. */
bool key_role_is_content(enum key_role role);

/* enc, mac, kek: the roles of which a key set has one each. */
bool key_role_is_master(enum key_role role);

/* The number that diversification uses, as GlobalPlatformPro counts: enc 1, mac 2, kek 3; 0 for
 * others. */
unsigned key_role_number(enum key_role role);

/* Whether a key may go from one state to the other (key.c has the table with its source). */
bool key_state_may_become(enum key_state from, enum key_state to);
/* The same as an error that names the key, where it stands and where it could go. */
KMS_CHECKED enum kms_status key_state_check(
	const char *label, enum key_state from, enum key_state to, struct kms_err *err);

/*
 * Labels and key set names: 1 to KEY_LABEL_MAX (KEY_SET_NAME_MAX) of A-Z a-z 0-9 . _ -, the first
 * one a letter or digit, the last one not a full stop. This is what PKCS#11 labels, JSON, URIs,
 * shells and file names all carry unescaped. Two labels that differ only in case are the same one
 * (key_label_same): people read them aloud.
 */
KMS_CHECKED enum kms_status key_label_check(
	const char *label, const char *what, struct kms_err *err);
KMS_CHECKED enum kms_status key_set_name_check(const char *name, struct kms_err *err);
bool key_label_same(const char *a, const char *b);

/*
 * The label of a master: the role goes before the trailing digits: "OPMasterKey2" + enc gives
 * "OPMasterKeyENC2". Only for enc, mac, kek and a valid key set name. No two (name, role) pairs
 * give one label.
 */
KMS_CHECKED enum kms_status key_label(const char *keyset, enum key_role role,
	char ret_label[KEY_LABEL_MAX + 1], struct kms_err *err);

/* The way back. False if no key set and role give this label. */
bool key_label_split(
	const char *label, char ret_keyset[KEY_SET_NAME_MAX + 1], enum key_role *ret_role);

/*
 * A wrapping key must be at least as strong as what it wraps. KMS_ERR_DENIED otherwise; two
 * officers may override.
 */
KMS_CHECKED enum kms_status key_wrap_allowed(
	enum key_alg wrapping, enum key_alg wrapped, struct kms_err *err);

/*
 * A key set belongs to one customer, or (NULL) to this site itself. Injecting or exporting it for
 * anyone else is KMS_ERR_DENIED: a master shared by two issuers lets each open the other's cards.
 * Names are compared by name_same().
 */
KMS_CHECKED enum kms_status key_scope_check(const char *keyset, const char *owner,
	const char *customer, const char *verb, struct kms_err *err);

#endif
