/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the programs of this folder: a SoftHSM token that is set up and logged in. */
#ifndef HSM_TEST_H
#define HSM_TEST_H

#include "hsm/crypto.h"
#include "hsm/probe.h"
#include "support/softhsm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TOKEN	"kms-test"
#define URI	"pkcs11:token=" TOKEN "?module-path=" SOFTHSM_MODULE
#define NSS_URI "pkcs11:token=NSS%20Certificate%20DB?module-path=" SOFTOKN_MODULE

/* Fails the test with the message of the library. */
#define ok(call)                                                                           \
	do {                                                                               \
		struct kms_err *e_ = &test_err;                                            \
		kms_err_clear(e_);                                                         \
		if ((call) != KMS_OK)                                                      \
			fail_msg("%s: %s [%s] %s", #call, e_->msg, e_->native, e_->where); \
	} while (0)

/* Expects this status and this text in the message. */
#define refused(call, status, text)                                                              \
	do {                                                                                     \
		kms_err_clear(&test_err);                                                        \
		assert_int_equal((call), (status));                                              \
		if (!strstr(test_err.msg, (text)))                                               \
			fail_msg("'%s' not in: %s [%s]", (text), test_err.msg, test_err.native); \
	} while (0)

static struct kms_err test_err;
#define E (&test_err)

static inline void secret_of(struct secret *s, const void *data, size_t len)
{
	ok(secret_copy(s, data, len, E));
}

static inline void setup_token(struct hsm *hsm)
{
	SECRET_AUTO struct secret so = {0};
	SECRET_AUTO struct secret pin = {0};

	secret_of(&so, "12345678", 8);
	secret_of(&pin, "operator-pin", 12);
	ok(hsm_init_token(hsm, TOKEN, &so, false, E));
	ok(hsm_init_pin(hsm, &so, &pin, E));
}

static inline void login(struct hsm *hsm)
{
	SECRET_AUTO struct secret pin = {0};

	secret_of(&pin, "operator-pin", 12);
	ok(hsm_find_token(hsm, E));
	ok(hsm_login(hsm, &pin, E));
}

static inline struct hsm *open_softhsm(struct softhsm *s)
{
	struct hsm *hsm = NULL;

	ok(secret_heap_open(E));
	softhsm_open(s);
	ok(hsm_open(URI, NULL, &hsm, E));
	setup_token(hsm);
	login(hsm);
	return hsm;
}

/* NSS needs no administrator PIN and takes the operator's from C_InitPIN alone. */
static inline struct hsm *open_softokn(struct softokn *s)
{
	SECRET_AUTO struct secret none = {0};
	SECRET_AUTO struct secret pin = {0};
	struct hsm *hsm = NULL;

	ok(secret_heap_open(E));
	softokn_open(s);
	ok(hsm_open(NSS_URI, s->init_args, &hsm, E));
	secret_of(&none, "", 0);
	secret_of(&pin, "operator-pin", 12);
	ok(hsm_init_token(hsm, "NSS Certificate DB", &none, false, E));
	ok(hsm_init_pin(hsm, &none, &pin, E));
	login(hsm);
	return hsm;
}

static inline struct hsm_new new_key(
	enum hsm_alg alg, enum hsm_role role, enum hsm_wrap wrap, const char *label)
{
	static unsigned char next;
	struct hsm_new spec = {.alg = alg, .role = role, .wrap = wrap, .label = label};

	spec.check = alg == HSM_TDEA2 || alg == HSM_TDEA3 ? HSM_CHECK_TDES_ZERO : HSM_CHECK_AES_GP;
	memset(spec.id, 0xa0, sizeof(spec.id));
	spec.id[15] = ++next;
	return spec;
}

/* Distinct bytes with odd parity. */
static inline void key_bytes(unsigned char *out, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++) {
		unsigned v = (seed * 37 + (unsigned)i * 11 + (unsigned)(i / 8) * 5) & 0xfe;

		out[i] = (unsigned char)(v | !(__builtin_popcount(v) & 1));
	}
}

#endif
