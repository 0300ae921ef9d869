/* SPDX-License-Identifier: Apache-2.0 */
/* One PKCS#11 module, loaded alone and unmanaged: p11-kit's registry brings in no stranger. */
#include "hsm/internal.h"

#include <p11-kit/p11-kit.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static enum kms_status module_load(struct hsm *hsm, struct kms_err *err)
{
	const char *why;

	if (access(hsm->module_path, R_OK)) {
		kms_fail(err, KMS_ERR_NOT_FOUND, "cannot load the HSM's module %s: %m",
			hsm->module_path);
		kms_hint(
			err, "install the HSM's PKCS#11 library or correct module-path in the URI");
		return KMS_ERR_NOT_FOUND;
	}
	p11_kit_be_quiet();
	hsm->p11 = p11_kit_module_load(hsm->module_path, P11_KIT_MODULE_UNMANAGED);
	if (!hsm->p11) {
		why = p11_kit_message();
		kms_fail(err, KMS_ERR_HSM, "cannot load the HSM's module %s: %s", hsm->module_path,
			why ? why : "it is no PKCS#11 module");
		kms_hint(err,
			"module-path must name the PKCS#11 library of the HSM for this machine");
		return KMS_ERR_HSM;
	}
	hsm->loaded = true;
	return KMS_OK;
}

enum kms_status hsm_module_start(struct hsm *hsm, struct kms_err *err)
{
	CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK, .pReserved = hsm->init_args};
	CK_RV rv;

	hsm_work_begins(hsm, "connect", NULL);
	rv = hsm->p11->C_Initialize(&args);
	hsm_work_ends(hsm);
	if (rv == CKR_CRYPTOKI_ALREADY_INITIALIZED)
		return KMS_OK;
	if (rv != CKR_OK) {
		kms_fail(err, KMS_ERR_HSM, "cannot initialise the HSM's module %s: %s",
			hsm->module_path, hsm_rv_name(rv));
		kms_native(err, "%s", hsm_rv_name(rv));
		kms_hint(err, "check the module's own configuration%s",
			hsm->init_args ? " and the site's init-args" : "");
		return KMS_ERR_HSM;
	}
	hsm->initialised = true;
	return KMS_OK;
}

static enum kms_status mark_alive(struct hsm *hsm, struct kms_err *err)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return kms_nomem(err);
	hsm->alive = p;
	if (madvise(p, page, MADV_WIPEONFORK))
		return kms_fail(
			err, KMS_ERR_IO, "cannot guard the HSM connection against fork: %m");
	*hsm->alive = 1;
	return KMS_OK;
}

/* functions: NULL for those of the URI's module. */
static enum kms_status open_with(const char *uri, const char *init_args,
	const struct hsm_watch *watch, CK_FUNCTION_LIST *functions, struct hsm **ret_hsm,
	struct kms_err *err)
{
	struct hsm *hsm = calloc(1, sizeof(*hsm));
	enum kms_status st;

	if (!hsm)
		return kms_nomem(err);
	pthread_mutex_init(&hsm->lock, NULL);
	pthread_mutex_init(&hsm->probe_lock, NULL);
	hsm->generation = 1;
	st = hsm_uri_parse(uri, &hsm->uri, &hsm->module_path, err);
	if (st)
		goto out;
	hsm_text(hsm->uri_token, p11_kit_uri_get_token_info(hsm->uri)->label, 32);
	if (init_args && *init_args) {
		hsm->init_args = strdup(init_args);
		if (!hsm->init_args) {
			st = kms_nomem(err);
			goto out;
		}
	}
	st = mark_alive(hsm, err);
	if (!st && watch)
		st = hsm_watch_start(hsm, watch, err);
	hsm->p11 = functions;
	if (!st && !functions)
		st = module_load(hsm, err);
	if (!st)
		st = hsm_module_start(hsm, err);
out:
	if (st) {
		hsm_close(hsm);
		return st;
	}
	*ret_hsm = hsm;
	return KMS_OK;
}

enum kms_status hsm_open(
	const char *uri, const char *init_args, struct hsm **ret_hsm, struct kms_err *err)
{
	return open_with(uri, init_args, NULL, NULL, ret_hsm, err);
}

enum kms_status hsm_open_watched(const char *uri, const char *init_args,
	const struct hsm_watch *watch, struct hsm **ret_hsm, struct kms_err *err)
{
	return open_with(uri, init_args, watch, NULL, ret_hsm, err);
}

enum kms_status hsm_open_list(
	const char *uri, CK_FUNCTION_LIST *functions, struct hsm **ret_hsm, struct kms_err *err)
{
	return open_with(uri, NULL, NULL, functions, ret_hsm, err);
}

static bool same_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

enum kms_status hsm_beside(const struct hsm *hsm, const struct hsm *other, struct kms_err *err)
{
	if (hsm->p11 != other->p11 || same_text(hsm->init_args, other->init_args))
		return KMS_OK;
	kms_fail(err, KMS_ERR_UNSUPPORTED,
		"cannot use two tokens of %s at once: their init-args differ, and a module is "
		"started once in a process",
		hsm->module_path);
	return kms_hint(err, "give one of them a copy of the module under another path");
}

bool hsm_same_token(const struct hsm *a, const struct hsm *b)
{
	return a->found && b->found && a->p11 == b->p11 && a->slot == b->slot;
}

void hsm_close(struct hsm *hsm)
{
	if (!hsm)
		return;
	/* A forked child must not close what its parent still uses. */
	if (hsm->p11 && hsm->alive && *hsm->alive) {
		hsm_sessions_close(hsm);
		if (hsm->initialised)
			hsm->p11->C_Finalize(NULL);
		if (hsm->loaded)
			p11_kit_module_release(hsm->p11);
	}
	hsm_watch_stop(hsm);
	secret_free(&hsm->pin);
	if (hsm->uri)
		p11_kit_uri_free(hsm->uri);
	if (hsm->alive)
		munmap(hsm->alive, (size_t)sysconf(_SC_PAGESIZE));
	pthread_mutex_destroy(&hsm->probe_lock);
	pthread_mutex_destroy(&hsm->lock);
	free(hsm->init_args);
	free(hsm->module_path);
	free(hsm);
}

const char *hsm_uri_token(const struct hsm *hsm)
{
	return hsm->uri_token;
}

const char *hsm_module_path(const struct hsm *hsm)
{
	return hsm->module_path;
}
