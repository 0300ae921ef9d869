/* SPDX-License-Identifier: Apache-2.0 */
#include "support/place.h"

#include <dlfcn.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODULE "/usr/lib/softhsm/libsofthsm2.so"

enum kms_status bench_place_open(struct bench_place *place, struct kms_err *err)
{
	const char *tmp = getenv("TMPDIR");
	int n = snprintf(place->dir, sizeof(place->dir), "%s/bench.XXXXXX", tmp ? tmp : "/tmp");

	if (n < 0 || (size_t)n >= sizeof(place->dir) - 64 || !mkdtemp(place->dir)) {
		kms_fail(err, KMS_ERR_IO, "cannot make '%s': %s", place->dir, strerror(errno));
		place->dir[0] = 0;
		return KMS_ERR_IO;
	}
	return KMS_OK;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void bench_place_close(struct bench_place *place)
{
	if (place->dir[0])
		nftw(place->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	place->dir[0] = 0;
}

enum kms_status bench_rv(CK_RV rv, const char *call, struct kms_err *err)
{
	return rv == CKR_OK ? KMS_OK : kms_fail(err, KMS_ERR_HSM, "%s: %s", call, hsm_rv_name(rv));
}

enum kms_status bench_softhsm_conf(const struct bench_place *place, struct kms_err *err)
{
	char conf[PATH_MAX], tokens[PATH_MAX];
	FILE *f;
	int bad;

	snprintf(tokens, sizeof(tokens), "%s/tokens", place->dir);
	snprintf(conf, sizeof(conf), "%s/softhsm2.conf", place->dir);
	bad = mkdir(tokens, 0700);
	f = bad ? NULL : fopen(conf, "w");
	if (f) {
		bad = fprintf(f,
			      "directories.tokendir = %s\nobjectstore.backend = file\n"
			      "log.level = ERROR\n",
			      tokens) < 0;
		bad |= fclose(f);
	}
	if (!f || bad || setenv("SOFTHSM2_CONF", conf, 1))
		return kms_fail(err, KMS_ERR_IO, "cannot write '%s': %s", conf, strerror(errno));
	return KMS_OK;
}

static enum kms_status bare_open(struct bench_token *token, struct kms_err *err)
{
	struct hsm_token_info info;
	CK_C_GetFunctionList get;
	enum kms_status st = hsm_token_info(token->hsm, &info, err);

	if (st)
		return st;
	token->module = dlopen(MODULE, RTLD_NOW);
	if (!token->module)
		return kms_fail(err, KMS_ERR_IO, "%s", dlerror());
	*(void **)&get = dlsym(token->module, "C_GetFunctionList");
	if (!get)
		return kms_fail(err, KMS_ERR_IO, "%s", dlerror());
	st = bench_rv(get(&token->p11), "C_GetFunctionList", err);
	if (st)
		return st;
	return bench_rv(token->p11->C_OpenSession(info.slot, CKF_SERIAL_SESSION | CKF_RW_SESSION,
				NULL, NULL, &token->session),
		"C_OpenSession", err);
}

enum kms_status bench_token_open(struct bench_token *token, struct kms_err *err)
{
	SECRET_AUTO struct secret so_pin = {0}, pin = {0};
	enum kms_status st = bench_place_open(&token->place, err);

	if (!st)
		st = bench_softhsm_conf(&token->place, err);
	if (!st)
		st = secret_copy(&so_pin, "12345678", 8, err);
	if (!st)
		st = secret_copy(&pin, "87654321", 8, err);
	if (!st)
		st = hsm_open("pkcs11:token=bench?module-path=" MODULE, NULL, &token->hsm, err);
	if (!st)
		st = hsm_init_token(token->hsm, "bench", &so_pin, false, err);
	if (!st)
		st = hsm_init_pin(token->hsm, &so_pin, &pin, err);
	if (!st)
		st = hsm_login(token->hsm, &pin, err);
	return st ? st : bare_open(token, err);
}

void bench_token_close(struct bench_token *token)
{
	hsm_close(token->hsm);
	token->hsm = NULL;
	if (token->module)
		dlclose(token->module);
	token->module = NULL;
	bench_place_close(&token->place);
}
