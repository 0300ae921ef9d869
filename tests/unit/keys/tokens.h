/* SPDX-License-Identifier: Apache-2.0 */
/* A fresh token, logged in, for the tests of keys on handles. */
#ifndef UNIT_KEYS_TOKENS_H
#define UNIT_KEYS_TOKENS_H

#include "hsm/hsm.h"
#include "support/expect.h"
#include "support/softhsm.h"

#define SOFT_URI "pkcs11:token=keys-test?module-path=" SOFTHSM_MODULE
#define NSS_URI	 "pkcs11:token=NSS%20Certificate%20DB?module-path=" SOFTOKN_MODULE

static struct kms_err err;

static void put_secret(struct secret *s, const void *data, size_t len)
{
	expect_ok(&err, secret_copy(s, data, len, &err));
}

static void open_token(struct hsm **ret_hsm, const char *uri, const char *init_args,
	const char *label, const char *so_pin)
{
	SECRET_AUTO struct secret so = {0}, pin = {0};

	put_secret(&so, so_pin, strlen(so_pin));
	put_secret(&pin, "operator-pin", 12);
	expect_ok(&err, hsm_open(uri, init_args, ret_hsm, &err));
	expect_ok(&err, hsm_init_token(*ret_hsm, label, &so, false, &err));
	expect_ok(&err, hsm_init_pin(*ret_hsm, &so, &pin, &err));
	expect_ok(&err, hsm_find_token(*ret_hsm, &err));
	expect_ok(&err, hsm_login(*ret_hsm, &pin, &err));
}

#endif
