/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What keys on a token do: wrap, unwrap, derive, MAC, cipher, sign.
 *
 * References are not const because a token key is found anew after a lost connection. The calls
 * look nothing up and read nothing back: one PKCS#11 call each where the token allows it.
 */
#ifndef HSM_CRYPTO_H
#define HSM_CRYPTO_H

#include "hsm/object.h"

/*
 * target's value under kek. A kek with WRAP works inside the token. A kek with ENCRYPT
 * (HSM_TRANSPORT_ENCRYPT) or DERIVE only needs allow_host, by ECB and CBC: the value passes through
 * secret memory.
 * out: HSM_WRAPPED_MAX bytes (or 8 more than an HSM_RAW target). ret_where may be NULL.
 */
KMS_CHECKED enum kms_status hsm_wrap(struct hsm *hsm, struct hsm_key *kek, struct hsm_key *target,
	enum hsm_wrap how, bool allow_host, unsigned char *out, size_t out_size, size_t *ret_len,
	enum hsm_where *ret_where, struct kms_err *err);

/*
 * Creates spec's key from wrapped bytes; kek has UNWRAP, or DECRYPT only (needs allow_host).
 * KMS_ERR_MISMATCH if the token finds the block not intact (AES key wrap).
 */
KMS_CHECKED enum kms_status hsm_unwrap(struct hsm *hsm, struct hsm_key *kek, enum hsm_wrap how,
	bool allow_host, const unsigned char *wrapped, size_t wrapped_len,
	const struct hsm_new *spec, struct hsm_made *ret_made, struct kms_err *err);

/*
 * The value of a key that may leave, for what must be done to it in secret memory: under a key wrap
 * key that this process makes for the purpose and the token forgets at once. Needs allow_host.
 */
KMS_CHECKED enum kms_status hsm_key_read(struct hsm *hsm, struct hsm_key *target, bool allow_host,
	struct secret *ret_value, struct kms_err *err);

/*
 * The check value of what wrapped bytes hold, from a session object that is gone afterwards: whether
 * they could be unwrapped, without a new key on the token. kek has UNWRAP; `name` is for messages.
 * KMS_ERR_MISMATCH as hsm_unwrap.
 */
KMS_CHECKED enum kms_status hsm_unwrap_check(struct hsm *hsm, struct hsm_key *kek,
	enum hsm_wrap how, const unsigned char *wrapped, size_t wrapped_len, enum hsm_alg alg,
	const char *name, enum hsm_check method, unsigned char ret_check[HSM_CHECK_MAX],
	size_t *ret_len, struct kms_err *err);

enum { HSM_SEAL_LEN = 40 };

/*
 * A tag over a SHA-256 that only a holder of kek (WRAP) can make: the digest wrapped by AES key
 * wrap as if it were a key. It is deterministic, so it is verified by making it again.
 */
KMS_CHECKED enum kms_status hsm_seal(struct hsm *hsm, struct hsm_key *kek,
	const unsigned char digest[32], unsigned char ret_seal[HSM_SEAL_LEN], struct kms_err *err);

/* What a derivation shall yield: a session key of a HSM_TEMP_… role. */
struct hsm_temp {
	enum hsm_alg alg; /* TDEA results get their parity set; HSM_RAW keeps the bytes */
	size_t len;	  /* for HSM_RAW; 0 otherwise */
	enum hsm_role role;
};

/*
 * First bytes of ECB_K(data) as a session key; data: whole blocks, at least the key's length.
 * CKM_DES3_ECB_ENCRYPT_DATA or CKM_AES_ECB_ENCRYPT_DATA by the base key's algorithm.
 */
KMS_CHECKED enum kms_status hsm_derive_ecb(struct hsm *hsm, struct hsm_key *base,
	const unsigned char *data, size_t len, const struct hsm_temp *temp, struct hsm_key *ret_key,
	struct kms_err *err);
KMS_CHECKED enum kms_status hsm_derive_cbc(struct hsm *hsm, struct hsm_key *base,
	const unsigned char *iv, const unsigned char *data, size_t len, const struct hsm_temp *temp,
	struct hsm_key *ret_key, struct kms_err *err);

/*
 * ECB_K(data) into host memory, through a readable derived object. For public results only (check
 * values); a result that is a key belongs in hsm_derive_cmac_secret. E_K(0) of a key that makes
 * CMACs is not public (SP 800-38B section 5.3).
 */
KMS_CHECKED enum kms_status hsm_ecb_read(struct hsm *hsm, struct hsm_key *base,
	const unsigned char *data, size_t len, unsigned char *out, struct kms_err *err);

/*
 * A message to be CMACed (SP 800-38B). padded: the bytes are whole blocks that the caller has
 * padded already, the last one is combined with K2 (AN10922 pads short inputs to two blocks).
 */
struct hsm_message {
	const unsigned char *data;
	size_t len;
	bool padded;
};

enum { HSM_MESSAGES_MAX = 4 };

/*
 * Key bytes = CMAC_K(M1) ‖ CMAC_K(M2) ‖ …, first bytes taken; K is AES or TDEA with DERIVE. By
 * CKM_SP800_108_COUNTER_KDF where the probe proved it and the messages are a counter's, else
 * composed from ECB_ENCRYPT_DATA derivations: then E_K(0) and inner chain values reach the host,
 * never the result. At most HSM_MESSAGES_MAX messages.
 *
 * zero (or NULL) keeps E_K(0) for the next derivation under the same key, which saves three calls:
 * empty at first, then one block. It makes no key known, but forges MACs for whoever can also
 * encrypt under K: keep it as long as a series of derivations lasts.
 */
KMS_CHECKED enum kms_status hsm_derive_cmac(struct hsm *hsm, struct hsm_key *base,
	struct secret *zero, const struct hsm_message *messages, size_t count,
	const struct hsm_temp *temp, struct hsm_key *ret_key, struct kms_err *err);

/* The same bytes (count blocks) into secret memory: host-assisted, for AN10922 with AES-192. */
KMS_CHECKED enum kms_status hsm_derive_cmac_secret(struct hsm *hsm, struct hsm_key *base,
	struct secret *zero, const struct hsm_message *messages, size_t count, bool allow_host,
	struct secret *ret_bytes, struct kms_err *err);

/*
 * Session keys of a secure channel, which are computed with here: not host-assisted, as the key that
 * makes them stays. CBC with IV 0 of data, by a key with ENCRYPT or DERIVE; AES-CMAC of messages
 * (not padded), by one with SIGN or DERIVE, one block of bytes each. What the token can do decides
 * between the two; the key's own use counts, not that of a master above it.
 */
KMS_CHECKED enum kms_status hsm_session_cbc(struct hsm *hsm, struct hsm_key *key,
	const unsigned char *data, size_t len, struct secret *ret_bytes, struct kms_err *err);
KMS_CHECKED enum kms_status hsm_session_cmac(struct hsm *hsm, struct hsm_key *key,
	const struct hsm_message *messages, size_t count, struct secret *ret_bytes,
	struct kms_err *err);

/* A session key from bytes of the host (host-assisted results, test keys). */
KMS_CHECKED enum kms_status hsm_temp_import(struct hsm *hsm, const struct hsm_temp *temp,
	const struct secret *value, struct hsm_key *ret_key, struct kms_err *err);

/* CMAC of data by a key with SIGN (HSM_TEMP_MAC); mac: 16 bytes for AES, 8 for TDEA. */
KMS_CHECKED enum kms_status hsm_cmac(struct hsm *hsm, struct hsm_key *key,
	const unsigned char *data, size_t len, unsigned char *mac, size_t *ret_len,
	struct kms_err *err);

/*
 * ECB (iv NULL) or CBC without padding by a key with ENCRYPT / DECRYPT. Plaintext is the caller's
 * to keep in secret memory. out: len bytes.
 */
KMS_CHECKED enum kms_status hsm_encrypt(struct hsm *hsm, struct hsm_key *key,
	const unsigned char *iv, const unsigned char *data, size_t len, unsigned char *out,
	struct kms_err *err);
KMS_CHECKED enum kms_status hsm_decrypt(struct hsm *hsm, struct hsm_key *key,
	const unsigned char *iv, const unsigned char *data, size_t len, unsigned char *out,
	struct kms_err *err);

/* CKM_ECDSA over a SHA-256 computed by the caller; sig = r ‖ s. */
KMS_CHECKED enum kms_status hsm_sign(struct hsm *hsm, struct hsm_key *key,
	const unsigned char digest[32], unsigned char ret_sig[64], struct kms_err *err);

#endif
