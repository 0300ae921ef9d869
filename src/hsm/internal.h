/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of src/hsm share; nobody else includes it. */
#ifndef HSM_INTERNAL_H
#define HSM_INTERNAL_H

#include "hsm/crypto.h"
#include "hsm/hsm.h"
#include "hsm/object.h"
#include "hsm/p11.h"
#include "hsm/probe.h"

#include <p11-kit/uri.h>
#include <pthread.h>

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

/* --- quirks.c: what is known of a token beforehand, as data --- */

struct hsm_quirks {
	const char *manufacturer;    /* prefix of CK_TOKEN_INFO's */
	bool no_so_pin;		     /* administrator PIN is empty and ends with C_InitPIN */
	bool label_fixed;	     /* C_InitToken ignores the label */
	bool initialised_by_pin;     /* a token without a user PIN is one to be set up */
	bool unwrap_needs_value_len; /* CKA_VALUE_LEN in the template of an AES unwrap */
	bool unwrap_loses_value_len; /* an unwrapped AES key says CKA_VALUE_LEN 0 */
	size_t derive_max;  /* bytes that one *_ENCRYPT_DATA derivation takes, 0: no limit known */
	CK_RV kw_broken_rv; /* what unwrapping a block that is not intact answers, besides
					the codes of the specification; CKR_OK: nothing else */
};

const struct hsm_quirks *hsm_quirks_for(const CK_TOKEN_INFO *info);

/* --- capabilities (caps.c, probe.c) --- */

enum hsm_cap {
	CAP_RNG,
	CAP_GEN_TDEA2,
	CAP_GEN_TDEA3,
	CAP_GEN_AES,
	CAP_IMPORT,
	CAP_COPY_NARROW,
	CAP_AES_ECB,
	CAP_AES_CBC,
	CAP_TDEA_ECB,
	CAP_TDEA_CBC,
	CAP_AES_CMAC,
	CAP_TDEA_CMAC,
	CAP_AES_ECB_DERIVE,
	CAP_AES_CBC_DERIVE,
	CAP_TDEA_ECB_DERIVE,
	CAP_TDEA_CBC_DERIVE,
	CAP_XOR,
	CAP_CONCATENATE,
	CAP_KDF_COUNTER,
	CAP_AES_KW_WRAP,
	CAP_AES_KW_UNWRAP,
	CAP_AES_KWP_WRAP,
	CAP_AES_KWP_UNWRAP,
	CAP_AES_ECB_WRAP,
	CAP_AES_ECB_UNWRAP,
	CAP_AES_CBC_WRAP,
	CAP_AES_CBC_UNWRAP,
	CAP_TDEA_ECB_WRAP,
	CAP_TDEA_ECB_UNWRAP,
	CAP_TDEA_CBC_WRAP,
	CAP_TDEA_CBC_UNWRAP,
	CAP_RAW_AES_KW_WRAP,
	CAP_RAW_AES_CBC_WRAP,
	CAP_RAW_TDEA_ECB_WRAP,
	CAP_ECDSA,
	CAP_MODIFIABLE,
	CAP_COPY_LOCKED,
	CAP_COPYABLE,
	CAP_ALLOWED_MECHANISMS,
	CAP_UNEXTRACTABLE,
	CAP_USAGE,
	CAP_WRAP_TRUSTED,
	CAP_TRUSTED_RESERVED,
	CAP_TRUSTED_PRIVATE,
	CAP_COUNT,
};

struct hsm_cap_state {
	_Atomic(enum hsm_answer) answer; /* written under probe_lock */
	char native[48];
};

/* Outside of every range that PKCS#11 gives out. */
#define HSM_RV_WRONG   ((CK_RV)0x7fff0001UL) /* an answer, but not the known one */
#define HSM_RV_UNTRIED ((CK_RV)0x7fff0002UL) /* cannot be tried safely */

/* Probes if still unknown. */
KMS_CHECKED enum kms_status hsm_cap_works(
	struct hsm *hsm, enum hsm_cap cap, bool *ret_works, struct kms_err *err);

/* --- caps.c: one row each, in the order of enum hsm_cap --- */

struct hsm_probe {
	const char *name;
	const char *what;
	CK_MECHANISM_TYPE mechanism; /* whose listing tells "fails" from "absent"; 0: none */
	CK_RV (*try)(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg);
	unsigned long arg;
};

extern const struct hsm_probe hsm_probes[CAP_COUNT];

#define HSM_PROBE_ARG(how, tdea) ((unsigned long)(how) << 1 | (tdea))

/* caps_wrap.c, caps_sign.c, caps_guard.c */
CK_RV hsm_try_wrap(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg);
CK_RV hsm_try_wrap_raw(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg);
CK_RV hsm_try_unwrap(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg);
CK_RV hsm_try_ecdsa(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg);
CK_RV hsm_try_modifiable(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg);
CK_RV hsm_try_copy_locked(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg);
CK_RV hsm_try_copyable(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg);
CK_RV hsm_try_allowed(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg);
CK_RV hsm_try_unextractable(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg);
CK_RV hsm_try_usage(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg);
CK_RV hsm_try_wrap_trusted(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg);
CK_RV hsm_try_trusted_reserved(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg);
CK_RV hsm_try_trusted_private(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg);

/* A fixed key of each algorithm, DES parity set, and whether a session key has that value. */
const unsigned char *hsm_test_key(enum hsm_alg alg);
CK_RV hsm_test_value(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
	enum hsm_alg alg, const unsigned char *value);

/* --- the connection --- */

enum { HSM_POOL_MAX = 32 };

struct hsm_watcher;

struct hsm {
	CK_FUNCTION_LIST *p11;
	struct hsm_watcher *watcher; /* or NULL */
	bool loaded;		     /* the module is ours to release */
	bool initialised;	     /* C_Initialize was ours, so C_Finalize is */
	char *module_path;
	char *init_args;
	P11KitUri *uri;
	char uri_token[33];
	unsigned char *alive; /* one page that fork wipes: 0 in a child */

	bool found;
	CK_SLOT_ID slot;
	char label[33]; /* of the found token, to find it again */
	char serial[17];
	const struct hsm_quirks *quirks;
	_Atomic bool carries;	    /* takes no key in clear (bring.c) */
	_Atomic bool reads_by_copy; /* gives out nothing derived (bring.c) */

	pthread_mutex_t lock; /* guards all below */
	CK_SESSION_HANDLE idle[HSM_POOL_MAX];
	size_t idle_count;
	CK_SESSION_HANDLE opened[HSM_POOL_MAX]; /* all, for closing; they own the session objects */
	size_t opened_count;
	unsigned generation; /* counts connections: handles of an older one are void */
	bool logged_in;
	struct secret pin;

	pthread_mutex_t probe_lock;
	struct hsm_cap_state caps[CAP_COUNT];
};

/* module.c */
/* As hsm_open, on functions that need not be loaded: for a token that is made up. */
KMS_CHECKED enum kms_status hsm_open_list(
	const char *uri, CK_FUNCTION_LIST *functions, struct hsm **ret_hsm, struct kms_err *err);
KMS_CHECKED enum kms_status hsm_module_start(struct hsm *hsm, struct kms_err *err);

/* uri.c */
KMS_CHECKED enum kms_status hsm_uri_parse(
	const char *text, P11KitUri **ret_uri, char **ret_module_path, struct kms_err *err);
void hsm_text(char *out, const unsigned char *padded, size_t len);

/* watch.c: around whatever may take long; one within another is part of the outer one. */
KMS_CHECKED enum kms_status hsm_watch_start(
	struct hsm *hsm, const struct hsm_watch *watch, struct kms_err *err);
void hsm_watch_stop(struct hsm *hsm);
void hsm_work_begins(struct hsm *hsm, const char *doing, const char *what);
void hsm_work_ends(struct hsm *hsm);

/* token.c */
KMS_CHECKED enum kms_status hsm_find_again(struct hsm *hsm, struct kms_err *err);
/* SO login in a session of its own, after every other session was closed. */
KMS_CHECKED enum kms_status hsm_so_session(struct hsm *hsm, const struct secret *so_pin,
	CK_SESSION_HANDLE *ret_session, struct kms_err *err);

/* session.c */
struct hsm_session {
	CK_SESSION_HANDLE handle;
	unsigned generation;
};

/* KMS_OK with *ret_rv other than CKR_OK: the token gives no session. */
KMS_CHECKED enum kms_status hsm_borrow(
	struct hsm *hsm, struct hsm_session *ret_session, CK_RV *ret_rv, struct kms_err *err);
void hsm_give_back(struct hsm *hsm, const struct hsm_session *session, CK_RV last);
void hsm_sessions_close(struct hsm *hsm);

/* One unit of work on one session. */
struct hsm_work {
	const char *doing;	/* "unwrap": "cannot unwrap 'LABEL' on token 'TOKEN': CKR_…" */
	const char *what;	/* the label, or NULL */
	struct hsm_key *key[2]; /* references that must be valid; NULL where unused */
	bool changes;		/* changes the token: not repeated after a lost device */
};

typedef CK_RV hsm_work_fn(struct hsm *hsm, CK_SESSION_HANDLE session, void *ctx);

/*
 * Runs fn with a borrowed session, once more after a lost device unless it changes the token.
 * *ret_rv (may be NULL) gets the last CK_RV also on failure, so that a caller can map it.
 */
KMS_CHECKED enum kms_status hsm_do(struct hsm *hsm, const struct hsm_work *work, hsm_work_fn *fn,
	void *ctx, CK_RV *ret_rv, struct kms_err *err);

/* rv.c */
enum kms_status hsm_fail_rv(
	struct hsm *hsm, CK_RV rv, struct kms_err *err, const char *doing, const char *what);

/* --- template.c --- */

enum { HSM_TEMPLATE_MAX = 24 };

/* Session objects that never leave this folder. */
enum hsm_inner_role {
	HSM_BLANK = HSM_ROLE_COUNT, /* SENSITIVE, no usage: what narrow keys are copied from */
	HSM_BLANK_OUT,		    /* the same, EXTRACTABLE: no copy can gain that */
	HSM_SCRATCH_TARGET,	    /* a test key to be wrapped */
	HSM_SCRATCH_RAW,	    /* DERIVE, for XOR of components */
	HSM_SCRATCH_UNWRAP,	    /* UNWRAP only */
	HSM_INNER_ROLE_COUNT,
};

struct hsm_template {
	CK_ATTRIBUTE attr[HSM_TEMPLATE_MAX];
	CK_ULONG count;
	CK_KEY_TYPE key_type;
	CK_ULONG value_len;
	CK_MECHANISM_TYPE mechanisms[2];
};

struct hsm_role_row {
	const char *name;
	CK_OBJECT_CLASS object_class;
	bool token;
	bool private_object;
	bool extractable;
	unsigned usage; /* HSM_CAN_… */
	bool locked;	/* MODIFIABLE = false and COPYABLE = false where the token honours it */
	bool bound;	/* CKA_ALLOWED_MECHANISMS where the token honours it */
	bool guarded;	/* WRAP_WITH_TRUSTED where the token guards exports by it */
};

/* role: enum hsm_role or enum hsm_inner_role; NULL for none. */
const struct hsm_role_row *hsm_role_row(unsigned role);

enum hsm_template_for {
	HSM_FOR_GENERATE, /* with VALUE_LEN for AES */
	HSM_FOR_CREATE,	  /* without VALUE_LEN; the caller appends CKA_VALUE */
	HSM_FOR_UNWRAP,	  /* VALUE_LEN as the token wants it */
	HSM_FOR_DERIVE,	  /* with VALUE_LEN, not for DES */
	HSM_FOR_COPY,	  /* only what changes */
};

/* id, label: NULL for session objects. The template points into itself, id and label. */
void hsm_template_fill(struct hsm_template *t, const struct hsm *hsm, unsigned role,
	enum hsm_alg alg, size_t raw_len, enum hsm_template_for purpose,
	const struct hsm_new *spec);
void hsm_template_add(
	struct hsm_template *t, CK_ATTRIBUTE_TYPE type, const void *value, size_t len);

/* Every usage attribute of the class: true where `usage` (HSM_CAN_…) has it. */
void hsm_template_usage(struct hsm_template *t, CK_OBJECT_CLASS object_class, unsigned usage);
/* The same object, but of the session: to try out what a token object would be. */
void hsm_template_session(struct hsm_template *t);

/* Probes the capabilities that the role's template asks about. */
KMS_CHECKED enum kms_status hsm_template_prepare(
	struct hsm *hsm, unsigned role, struct kms_err *err);

CK_KEY_TYPE hsm_key_type(enum hsm_alg alg);
enum hsm_alg hsm_alg_of(CK_KEY_TYPE type, CK_ULONG value_len);
bool hsm_is_tdea(enum hsm_alg alg);
size_t hsm_block_len(enum hsm_alg alg);
CK_MECHANISM_TYPE hsm_cipher_mechanism(enum hsm_alg alg, bool cbc);
CK_MECHANISM_TYPE hsm_wrap_mechanism(enum hsm_alg kek, enum hsm_wrap how);

/* Reads HSM_CAN_… and HSM_IS_… of an object. */
CK_RV hsm_read_usage(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
	CK_OBJECT_CLASS object_class, unsigned *ret_usage);
unsigned hsm_role_usage(unsigned role);

bool hsm_guards_exports(const struct hsm *hsm); /* as far as it was probed */

/* --- make.c: the one path that ends in a new key --- */

/* Creates one object with this template; more attributes may be appended. */
typedef CK_RV hsm_source_fn(struct hsm *hsm, CK_SESSION_HANDLE session, struct hsm_template *t,
	CK_OBJECT_HANDLE *ret_object, void *ctx);

struct hsm_source {
	const char *doing; /* "generate", "import", "unwrap" */
	enum hsm_template_for purpose;
	hsm_source_fn *create;
	void *ctx;
	struct hsm_key *key; /* used by create, or NULL */
	bool repeatable;     /* creates the same key each time */
	enum hsm_where where;
};

KMS_CHECKED enum kms_status hsm_make(struct hsm *hsm, const struct hsm_new *spec,
	const struct hsm_source *source, struct hsm_made *ret_made, CK_RV *ret_rv,
	struct kms_err *err);
KMS_CHECKED enum kms_status hsm_new_check(const struct hsm_new *spec, struct kms_err *err);

/* --- cipher.c, check.c, derive.c: without the driver around them --- */

CK_RV hsm_raw_cipher(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
	CK_MECHANISM_TYPE mechanism, const unsigned char *iv, size_t iv_len, bool encrypt,
	const unsigned char *data, size_t len, unsigned char *out);
CK_RV hsm_raw_derive_data(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE base,
	enum hsm_alg base_alg, const unsigned char *iv, const unsigned char *data, size_t len,
	struct hsm_template *t, CK_OBJECT_HANDLE *ret_object);
CK_RV hsm_raw_ecb_read(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE base,
	enum hsm_alg base_alg, const unsigned char *iv, const unsigned char *data, size_t len,
	unsigned char *out);
/* The same, only by a derivation into an object that can be read. */
CK_RV hsm_raw_ecb_derived(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE base,
	enum hsm_alg base_alg, const unsigned char *iv, const unsigned char *data, size_t len,
	unsigned char *out);
/* bring.c: an object of this template (which has no CKA_VALUE yet) with this value. */
CK_RV hsm_raw_create(struct hsm *hsm, CK_SESSION_HANDLE session, struct hsm_template *t,
	const void *value, size_t len, CK_OBJECT_HANDLE *ret_object);
CK_RV hsm_raw_import(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned role, enum hsm_alg alg,
	const void *value, size_t len, CK_OBJECT_HANDLE *ret_object);
CK_RV hsm_raw_kdf_counter(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE base,
	CK_MECHANISM_TYPE prf, const unsigned char *before, size_t before_len,
	const unsigned char *after, size_t after_len, struct hsm_template *t,
	CK_OBJECT_HANDLE *ret_object);

/* K1 from L, K2 from K1 (SP 800-38B section 6.1): doubling in GF(2^64) or GF(2^128). */
void hsm_cmac_double(unsigned char *block, size_t block_len);

/* Makes or compares the proof of a key that has just one usage. */
CK_RV hsm_raw_proof(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
	enum hsm_alg alg, unsigned usage, enum hsm_wrap wrap, unsigned char *proof,
	size_t *proof_len);
CK_RV hsm_raw_unproof(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
	enum hsm_alg alg, unsigned usage, enum hsm_wrap wrap, const unsigned char *proof,
	size_t proof_len);
CK_RV hsm_raw_check(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
	enum hsm_alg alg, unsigned usage, enum hsm_check method, unsigned char *check,
	size_t *check_len);

/*
 * verify.c: HSM_RV_WRONG if the object differs from its role's row; diff then names each attribute.
 * spec (or NULL) adds algorithm, id and label.
 */
CK_RV hsm_raw_verify(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
	unsigned role, const struct hsm_new *spec, char *diff, size_t diff_size);

/* The same of a session object that was made to be one of the role. */
CK_RV hsm_raw_verify_session(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
	unsigned role, char *diff, size_t diff_size);

/* wrap.c */
CK_RV hsm_raw_wrap(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE kek,
	enum hsm_alg kek_alg, enum hsm_wrap how, CK_OBJECT_HANDLE target, unsigned char *out,
	CK_ULONG *len);
CK_RV hsm_raw_unwrap(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE kek,
	enum hsm_alg kek_alg, enum hsm_wrap how, const unsigned char *wrapped, size_t len,
	struct hsm_template *t, CK_OBJECT_HANDLE *ret_object);
/* The token found that the wrapped bytes are not what the key once wrapped. */
bool hsm_rv_not_intact(const struct hsm *hsm, CK_RV rv);

/* Policy forbids what only the host could do: KMS_ERR_DENIED. */
enum kms_status hsm_deny_host(
	struct hsm *hsm, const char *doing, const char *what, struct kms_err *err);

/* host.c: OpenSSL on secret memory */
KMS_CHECKED enum kms_status hsm_host_kw_unwrap(const struct secret *kek,
	const unsigned char *wrapped, size_t len, struct secret *ret_value, struct kms_err *err);
bool hsm_host_ecb(enum hsm_alg alg, const unsigned char *key, const unsigned char *data, size_t len,
	unsigned char *out);
bool hsm_host_cmac(enum hsm_alg alg, const unsigned char *key, const unsigned char *data,
	size_t len, unsigned char *mac);
bool hsm_host_wrap(enum hsm_alg kek_alg, const unsigned char *kek, enum hsm_wrap how,
	const unsigned char *value, size_t len, unsigned char *out, size_t *out_len);
void hsm_host_set_parity(unsigned char *key, size_t len);

/* find.c */
CK_RV hsm_raw_find(struct hsm *hsm, CK_SESSION_HANDLE session, CK_ATTRIBUTE *match,
	CK_ULONG match_count, CK_OBJECT_HANDLE *out, size_t max, size_t *ret_count);

#endif
