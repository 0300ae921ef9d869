/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool of sessions, and what happens when the device is lost.
 *
 * A session that made session objects owns them, so a pooled session stays open until hsm_close.
 * All sessions and handles belong to one generation of the connection; re-opening starts the next.
 */
#include "hsm/internal.h"

#include <string.h>

static bool rv_lost(CK_RV rv)
{
	switch (rv) {
	case CKR_SESSION_HANDLE_INVALID:
	case CKR_SESSION_CLOSED:
	case CKR_DEVICE_REMOVED:
	case CKR_DEVICE_ERROR:
	case CKR_TOKEN_NOT_PRESENT:
	case CKR_TOKEN_NOT_RECOGNIZED:
	case CKR_SLOT_ID_INVALID:
	case CKR_CRYPTOKI_NOT_INITIALIZED:
		return true;
	default:
		return false;
	}
}

/* With the lock held. */
static CK_RV open_one(struct hsm *hsm, CK_SESSION_HANDLE *ret_handle)
{
	CK_RV rv;

	if (hsm->opened_count == HSM_POOL_MAX)
		return CKR_SESSION_COUNT;
	rv = hsm->p11->C_OpenSession(
		hsm->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, ret_handle);
	if (rv == CKR_OK)
		hsm->opened[hsm->opened_count++] = *ret_handle;
	return rv;
}

static void forget_sessions(struct hsm *hsm)
{
	for (size_t i = 0; i < hsm->opened_count; i++)
		hsm->p11->C_CloseSession(hsm->opened[i]);
	hsm->opened_count = 0;
	hsm->idle_count = 0;
	hsm->generation++;
	hsm->logged_in = false;
}

void hsm_sessions_close(struct hsm *hsm)
{
	pthread_mutex_lock(&hsm->lock);
	if (hsm->logged_in && hsm->opened_count)
		hsm->p11->C_Logout(hsm->opened[0]);
	forget_sessions(hsm);
	pthread_mutex_unlock(&hsm->lock);
}

enum kms_status hsm_borrow(
	struct hsm *hsm, struct hsm_session *ret_session, CK_RV *ret_rv, struct kms_err *err)
{
	CK_RV rv = CKR_OK;

	if (!*hsm->alive)
		return kms_fail(err, KMS_ERR_STATE,
			"cannot use the HSM: this process was forked after the HSM was opened");
	if (!hsm->found)
		return kms_fail(err, KMS_ERR_STATE, "cannot use the HSM: no token was chosen yet");
	pthread_mutex_lock(&hsm->lock);
	ret_session->generation = hsm->generation;
	if (hsm->idle_count)
		ret_session->handle = hsm->idle[--hsm->idle_count];
	else
		rv = open_one(hsm, &ret_session->handle);
	pthread_mutex_unlock(&hsm->lock);
	*ret_rv = rv;
	return KMS_OK;
}

void hsm_give_back(struct hsm *hsm, const struct hsm_session *session, CK_RV last)
{
	/* An operation may still be open on this session. It is kept for its objects, not used. */
	if (last == CKR_OPERATION_ACTIVE || last == CKR_BUFFER_TOO_SMALL)
		return;
	pthread_mutex_lock(&hsm->lock);
	if (session->generation == hsm->generation && hsm->idle_count < HSM_POOL_MAX)
		hsm->idle[hsm->idle_count++] = session->handle;
	pthread_mutex_unlock(&hsm->lock);
}

/* With the lock held: sessions and login anew, the module itself too if that is not enough. */
static enum kms_status reconnect(struct hsm *hsm, CK_RV lost, struct kms_err *err)
{
	CK_SESSION_HANDLE handle = 0;
	enum kms_status st;
	CK_RV rv;

	forget_sessions(hsm);
	if (lost != CKR_SESSION_HANDLE_INVALID && lost != CKR_SESSION_CLOSED) {
		if (hsm->initialised)
			hsm->p11->C_Finalize(NULL);
		hsm->initialised = false;
		st = hsm_module_start(hsm, err);
		if (st)
			return st;
	}
	st = hsm_find_again(hsm, err);
	if (st)
		return st;
	rv = open_one(hsm, &handle);
	if (rv == CKR_OK && hsm->pin.len) {
		rv = hsm->p11->C_Login(handle, CKU_USER, hsm->pin.data, hsm->pin.len);
		if (rv == CKR_USER_ALREADY_LOGGED_IN)
			rv = CKR_OK;
		/* Whatever was refused is not tried again. */
		if (rv == CKR_PIN_INCORRECT || rv == CKR_PIN_LOCKED)
			secret_free(&hsm->pin);
		hsm->logged_in = rv == CKR_OK;
	}
	if (rv != CKR_OK)
		return hsm_fail_rv(hsm, rv, err, "connect again", NULL);
	hsm->idle[hsm->idle_count++] = handle;
	return KMS_OK;
}

static enum kms_status reopen(struct hsm *hsm, unsigned generation, CK_RV lost, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	pthread_mutex_lock(&hsm->lock);
	if (generation == hsm->generation) /* else another thread was first */
		st = reconnect(hsm, lost, err);
	pthread_mutex_unlock(&hsm->lock);
	return st;
}

static enum kms_status refresh(struct hsm *hsm, struct hsm_key *key, struct kms_err *err)
{
	struct hsm_key fresh;
	enum kms_status st;

	if (!key || key->generation == hsm->generation)
		return KMS_OK;
	if (!key->token)
		return kms_fail(err, KMS_ERR_STATE,
			"cannot use %s%s%s: it was lost with the connection to token '%s'",
			*key->label ? "'" : "a session key", key->label, *key->label ? "'" : "",
			hsm->label);
	st = hsm_key_find(hsm, key->id, key->label, &fresh, err);
	if (st)
		return st;
	/* Lengths were checked for what it was. */
	if (!hsm_alg_fits(fresh.alg, key->alg))
		return kms_fail(err, KMS_ERR_MISMATCH,
			"cannot use '%s' on token '%s': after the connection was lost it is %s, "
			"and was %s",
			key->label, hsm->label, hsm_alg_name(fresh.alg), hsm_alg_name(key->alg));
	if (fresh.alg == HSM_AES_ANY)
		fresh.alg = key->alg;
	*key = fresh;
	return KMS_OK;
}

static enum kms_status unknown_outcome(
	struct hsm *hsm, const struct hsm_work *work, CK_RV rv, struct kms_err *err)
{
	enum kms_status st = hsm_fail_rv(hsm, rv, err, work->doing, work->what);

	kms_prefix(err, "the connection was lost and the outcome is unknown: ");
	kms_hint(err, "when the HSM is back, run 'cardkms doctor': it finds out what was done");
	return st;
}

struct outcome {
	CK_RV rv;
	unsigned generation;
	bool started; /* fn ran */
	bool lost;
};

/* NSS answers CKR_DEVICE_ERROR to operations that merely failed. */
static bool really_lost(struct hsm *hsm, CK_SESSION_HANDLE session, CK_RV rv)
{
	CK_SESSION_INFO info = {0};

	if (!rv_lost(rv))
		return false;
	return rv != CKR_DEVICE_ERROR || hsm->p11->C_GetSessionInfo(session, &info) != CKR_OK;
}

static enum kms_status attempt(struct hsm *hsm, const struct hsm_work *work, hsm_work_fn *fn,
	void *ctx, struct outcome *out, struct kms_err *err)
{
	struct hsm_session s;
	enum kms_status st;

	for (size_t i = 0; i < COUNT_OF(work->key); i++) {
		st = refresh(hsm, work->key[i], err);
		if (st)
			return st;
	}
	st = hsm_borrow(hsm, &s, &out->rv, err);
	if (st)
		return st;
	out->generation = s.generation;
	out->started = out->rv == CKR_OK;
	if (!out->started) {
		out->lost = rv_lost(out->rv);
		return KMS_OK;
	}
	out->rv = fn(hsm, s.handle, ctx);
	out->lost = out->rv != CKR_OK && really_lost(hsm, s.handle, out->rv);
	hsm_give_back(hsm, &s, out->rv);
	return KMS_OK;
}

static enum kms_status run_work(struct hsm *hsm, const struct hsm_work *work, hsm_work_fn *fn,
	void *ctx, CK_RV *ret_rv, struct kms_err *err)
{
	struct outcome out = {.rv = CKR_OK};
	enum kms_status st;

	st = attempt(hsm, work, fn, ctx, &out, err);
	if (!st && out.lost) {
		if (work->changes && out.started) {
			/* This call is not repeated; the next one finds a new connection. */
			(void)!reopen(hsm, out.generation, out.rv, NULL);
			if (ret_rv)
				*ret_rv = out.rv;
			return unknown_outcome(hsm, work, out.rv, err);
		}
		st = reopen(hsm, out.generation, out.rv, err);
		if (!st)
			st = attempt(hsm, work, fn, ctx, &out, err);
	}
	if (ret_rv)
		*ret_rv = out.rv;
	if (st)
		return st;
	return out.rv == CKR_OK ? KMS_OK : hsm_fail_rv(hsm, out.rv, err, work->doing, work->what);
}

enum kms_status hsm_do(struct hsm *hsm, const struct hsm_work *work, hsm_work_fn *fn, void *ctx,
	CK_RV *ret_rv, struct kms_err *err)
{
	enum kms_status st;

	hsm_work_begins(hsm, work->doing, work->what);
	st = run_work(hsm, work, fn, ctx, ret_rv, err);
	hsm_work_ends(hsm);
	return st;
}
