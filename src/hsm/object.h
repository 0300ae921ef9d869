/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys on a token: what each role may do, creation, finding, listing, proof of identity, end.
 *
 * A key is named by its 16-byte CKA_ID; labels are for people and messages. struct hsm_key is a
 * plain copyable reference, not an owner: a token key lives until hsm_key_destroy, a session key
 * until hsm_key_drop or hsm_close.
 */
#ifndef HSM_OBJECT_H
#define HSM_OBJECT_H

#include "hsm/hsm.h"

enum hsm_alg {
	HSM_ALG_NONE,
	HSM_TDEA2,  /* 16 bytes, CKK_DES2 */
	HSM_TDEA3,  /* 24 bytes, CKK_DES3 */
	HSM_AES128, /* 16 bytes */
	HSM_AES192, /* 24 bytes */
	HSM_AES256, /* 32 bytes */
	HSM_EC_P256,
	HSM_AES_ANY, /* only as found: AES of a length that the token does not tell (SoftHSM, after
			unwrapping). A caller that knows it sets it in its reference. */
	HSM_RAW, /* CKK_GENERIC_SECRET of any length: bytes on the token, no parity, no cipher */
};

const char *hsm_alg_name(enum hsm_alg alg); /* "tdea2", … "p256", "raw" */
/* Whether a key that was found as `found` can be one of `wanted`. */
bool hsm_alg_fits(enum hsm_alg found, enum hsm_alg wanted);
size_t hsm_alg_len(enum hsm_alg alg); /* 16, 24, …; 0 for HSM_RAW and HSM_EC_P256 */

/* One row each in the table of template.c. Token objects first, then session objects. */
enum hsm_role {
	HSM_ROLE_NONE,
	HSM_MASTER_VAULT,      /* SENSITIVE, EXTRACTABLE, DERIVE */
	HSM_MASTER_PRODUCTION, /* SENSITIVE, not EXTRACTABLE, DERIVE */
	HSM_TRANSPORT_WRAP,    /* creating site: WRAP only */
	HSM_TRANSPORT_UNWRAP,  /* importing site: UNWRAP only */
	HSM_TRANSPORT_ENCRYPT, /* the same where the token cannot wrap: ENCRYPT only, host-assisted */
	HSM_TRANSPORT_DECRYPT, /* DECRYPT only, host-assisted */
	HSM_TRANSPORT_DERIVE,  /* key blocks: DERIVE only; what is derived encrypts and MACs */
	HSM_SITE,	       /* WRAP and UNWRAP */
	HSM_ZONE,	       /* WRAP and UNWRAP */
	HSM_IDENTITY,	       /* SIGN, private half not EXTRACTABLE */
	HSM_AUDIT,	       /* the same */
	HSM_CARD_SIGN,	       /* SIGN and VERIFY (CMAC), EXTRACTABLE: cards get a copy, wrapped */
	HSM_CARD_PAIR,	       /* SIGN, private half not EXTRACTABLE: cards get the public one */
	HSM_TEMP_CARD,	       /* session: a derived key: SENSITIVE, EXTRACTABLE, nothing else */
	HSM_TEMP_BULK,	       /* the same, keys of many cards: where the token can say so, only
				  a TRUSTED key may wrap it */
	HSM_TEMP_KEK,	       /* session: WRAP only (a card's KEK, a bench's KEK) */
	HSM_TEMP_CIPHER,       /* session: ENCRYPT, DECRYPT (secure channel session keys) */
	HSM_TEMP_ENCRYPT, /* session: ENCRYPT only (a DEK where the token cannot wrap, check values) */
	HSM_TEMP_MAC,	  /* session: SIGN, VERIFY */
	HSM_TEMP_DERIVE, /* session: DERIVE (a base for further derivation) */
	HSM_TEMP_STATIC, /* session: ENCRYPT, SIGN, DERIVE (a card's key: what makes session keys
				  and check values, and cannot be wrapped) */
	HSM_ROLE_COUNT,
};

const char *hsm_role_name(enum hsm_role role); /* "master-vault", "transport-wrap", … */

/* How keys travel. HSM_WRAP_ECB and HSM_WRAP_CBC (IV 0) have no integrity: compare check values. */
enum hsm_wrap {
	HSM_WRAP_NONE,
	HSM_WRAP_AES_KW,  /* RFC 3394 */
	HSM_WRAP_AES_KWP, /* RFC 5649 */
	HSM_WRAP_ECB,	  /* the value, zero-padded to whole blocks (AES-192 under AES: 32 bytes) */
	HSM_WRAP_CBC,
	HSM_WRAP_BLOCK, /* under keys derived from the wrapping key by CMAC; keys/blocktoken.h does it */
};

const char *hsm_wrap_name(enum hsm_wrap wrap); /* "aes-kw", "aes-kwp", "ecb", "cbc", "key-block" */

enum hsm_where {
	HSM_IN_HSM,	   /* on handles only */
	HSM_HOST_ASSISTED, /* a key value passed through this process's secret memory */
};

const char *hsm_where_name(enum hsm_where where); /* "in-hsm", "host-assisted" */

/* Written with the method at the caller; see keys/. Lengths 3, 3, 3, 5 bytes. */
enum hsm_check {
	HSM_CHECK_NONE,
	HSM_CHECK_TDES_ZERO, /* DES3 of 8 zero bytes, first 3 */
	HSM_CHECK_AES_GP,    /* AES of 16 bytes 01, first 3 */
	HSM_CHECK_AES_ZERO,  /* AES of 16 zero bytes, first 3 */
	HSM_CHECK_CMAC,	     /* CMAC of one zero block, first 5 */
};

enum {
	HSM_ID_LEN = 16,
	HSM_LABEL_SIZE = 80,
	HSM_CHECK_MAX = 5,
	HSM_PROOF_MAX = 24,
	HSM_POINT_LEN = 65,   /* 04 ‖ X ‖ Y */
	HSM_WRAPPED_MAX = 48, /* of any algorithm here under any wrapping here */
};

/* What a key object can be used for, as read from its attributes. */
enum {
	HSM_CAN_ENCRYPT = 1 << 0,
	HSM_CAN_DECRYPT = 1 << 1,
	HSM_CAN_SIGN = 1 << 2,
	HSM_CAN_VERIFY = 1 << 3,
	HSM_CAN_WRAP = 1 << 4,
	HSM_CAN_UNWRAP = 1 << 5,
	HSM_CAN_DERIVE = 1 << 6,
	HSM_IS_SENSITIVE = 1 << 7,
	HSM_IS_EXTRACTABLE = 1 << 8,
	HSM_IS_MODIFIABLE = 1 << 9,
	HSM_IS_PRIVATE = 1 << 10,
	HSM_IS_LOCAL = 1 << 11,	  /* CKA_LOCAL: generated on this token */
	HSM_IS_TRUSTED = 1 << 12, /* may wrap keys that are … */
	HSM_IS_GUARDED = 1 << 13, /* CKA_WRAP_WITH_TRUSTED */
};

struct hsm_key {
	unsigned long handle; /* CK_OBJECT_HANDLE, valid in one generation */
	unsigned generation;  /* of the connection; a token key is found anew in a later one */
	enum hsm_alg alg;
	unsigned usage; /* HSM_CAN_… | HSM_IS_… */
	bool token;	/* false: session object */
	unsigned char id[HSM_ID_LEN];
	char label[HSM_LABEL_SIZE];
};

/* What a new key shall be. */
struct hsm_new {
	enum hsm_alg alg;
	enum hsm_role role;
	enum hsm_wrap wrap;   /* transport, site and zone keys: the one method it is bound to */
	enum hsm_check check; /* HSM_CHECK_NONE: no check value wanted */
	unsigned char id[HSM_ID_LEN];
	const char *label; /* CKA_LABEL, UTF-8, at most HSM_LABEL_SIZE - 1 bytes */
};

struct hsm_made {
	struct hsm_key key;
	enum hsm_where where;
	unsigned char check[HSM_CHECK_MAX];
	size_t check_len;
	/*
	 * Proof of the value for later (hsm_key_prove): no secret, to be stored. What it is depends on
	 * the role: a public test key wrapped under the key, a public block encrypted or MACed under it. Longer
	 * than a check value, so that it also tells keys apart. Empty for signing pairs.
	 */
	unsigned char proof[HSM_PROOF_MAX];
	size_t proof_len;
};

/* C_GenerateKey, or, for narrow roles, a session key without usage that is copied narrow. */
KMS_CHECKED enum kms_status hsm_key_generate(struct hsm *hsm, const struct hsm_new *spec,
	struct hsm_made *ret_made, struct kms_err *err);

/* Creates a key from bytes of the host. TDEA parity is set here. Always HSM_HOST_ASSISTED. */
KMS_CHECKED enum kms_status hsm_key_import(struct hsm *hsm, const struct hsm_new *spec,
	const struct secret *value, struct hsm_made *ret_made, struct kms_err *err);

/*
 * XOR of count (2 to 9) components of the key's length, with TDEA parity set on the result: inside
 * the token where it can XOR, else in secret memory if allow_host, else KMS_ERR_UNSUPPORTED.
 */
KMS_CHECKED enum kms_status hsm_key_from_components(struct hsm *hsm, const struct hsm_new *spec,
	const struct secret *components, size_t count, bool allow_host, struct hsm_made *ret_made,
	struct kms_err *err);

/* EC P-256 signing pair (roles identity, audit); both halves carry the id and the label. */
KMS_CHECKED enum kms_status hsm_pair_generate(struct hsm *hsm, const struct hsm_new *spec,
	struct hsm_key *ret_private, unsigned char ret_point[HSM_POINT_LEN], struct kms_err *err);

/*
 * The secret or private key with this id: KMS_ERR_NOT_FOUND, or KMS_ERR_STATE if there are two or
 * more. Fills alg, usage and label from the token. `name` is for the messages (may be NULL).
 */
KMS_CHECKED enum kms_status hsm_key_find(struct hsm *hsm, const unsigned char id[HSM_ID_LEN],
	const char *name, struct hsm_key *ret_key, struct kms_err *err);

/* The number of objects of any class with this id (a pair counts 2). */
KMS_CHECKED enum kms_status hsm_key_count(struct hsm *hsm, const unsigned char id[HSM_ID_LEN],
	size_t *ret_count, struct kms_err *err);

/* The public half of a pair, read from the token. */
KMS_CHECKED enum kms_status hsm_pair_point(struct hsm *hsm, const unsigned char id[HSM_ID_LEN],
	const char *name, unsigned char ret_point[HSM_POINT_LEN], struct kms_err *err);

/*
 * Destroys every token object with this id (both halves of a pair) and checks that none is left.
 * None there at all: KMS_ERR_NOT_FOUND. A half-done destroy can be repeated.
 */
KMS_CHECKED enum kms_status hsm_key_destroy(
	struct hsm *hsm, const unsigned char id[HSM_ID_LEN], const char *name, struct kms_err *err);

/* Compares the object with its role's row; KMS_ERR_MISMATCH names every attribute that differs. */
KMS_CHECKED enum kms_status hsm_key_check_role(
	struct hsm *hsm, struct hsm_key *key, enum hsm_role role, struct kms_err *err);

struct hsm_object {
	unsigned long object_class; /* CKO_… */
	const char *class_name;	    /* "secret-key", "private-key", "public-key", "data", "other" */
	enum hsm_alg alg;	    /* HSM_ALG_NONE: of no kind that is used here */
	unsigned long key_type;	    /* CKK_… */
	size_t len;		    /* of the value, 0 if unknown */
	unsigned usage;
	bool has_id; /* the CKA_ID has exactly HSM_ID_LEN bytes */
	unsigned char id[HSM_ID_LEN];
	char label[HSM_LABEL_SIZE];
};

/* All token objects; freed by the caller (FREE_AUTO). */
KMS_CHECKED enum kms_status hsm_objects(
	struct hsm *hsm, struct hsm_object **ret_list, size_t *ret_count, struct kms_err *err);

/*
 * Check value of a key with DERIVE or ENCRYPT, computed by the token from the known block, never
 * from CKA_CHECK_VALUE. A WRAP- or UNWRAP-only key has none any more: KMS_ERR_UNSUPPORTED, use
 * hsm_key_prove.
 */
KMS_CHECKED enum kms_status hsm_check_value(struct hsm *hsm, struct hsm_key *key,
	enum hsm_check method, unsigned char ret_check[HSM_CHECK_MAX], size_t *ret_len,
	struct kms_err *err);

/* Whether the key still has the value that it had at its creation; KMS_ERR_MISMATCH if not. */
KMS_CHECKED enum kms_status hsm_key_prove(struct hsm *hsm, struct hsm_key *key, enum hsm_wrap wrap,
	const unsigned char *proof, size_t proof_len, struct kms_err *err);

/*
 * A session copy of a token key (3 to 190 times faster); same usage. Where the token lets no locked
 * key be copied (SoftHSM), the copy is the key itself; hsm_key_drop then does nothing.
 */
KMS_CHECKED enum kms_status hsm_key_session_copy(
	struct hsm *hsm, struct hsm_key *key, struct hsm_key *ret_copy, struct kms_err *err);

/* Ends a session key and empties the reference. Token keys and empty references are left alone. */
void hsm_key_drop(struct hsm *hsm, struct hsm_key *key);

#endif
