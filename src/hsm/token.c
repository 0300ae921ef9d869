/* SPDX-License-Identifier: Apache-2.0 */
/* Slots and tokens: finding the one that the URI means, and setting one up. */
#include "hsm/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS_MAX = 4096 };

static enum kms_status slot_list(
	struct hsm *hsm, CK_SLOT_ID **ret_slots, CK_ULONG *ret_count, struct kms_err *err)
{
	FREE_AUTO CK_SLOT_ID *slots = NULL;
	CK_ULONG count = 0;
	CK_ULONG room;
	CK_RV rv;

	/* The size query makes SoftHSM rebuild its list: it must come first. */
	rv = hsm->p11->C_GetSlotList(CK_TRUE, NULL, &count);
	/* What the module says of itself is not believed. */
	if (rv == CKR_OK && count > SLOTS_MAX)
		rv = CKR_GENERAL_ERROR;
	room = count;
	if (rv == CKR_OK) {
		slots = calloc(count + 1, sizeof(*slots));
		if (!slots)
			return kms_nomem(err);
		rv = hsm->p11->C_GetSlotList(CK_TRUE, slots, &count);
	}
	if (rv == CKR_OK && count > room)
		rv = CKR_GENERAL_ERROR;
	if (rv != CKR_OK) {
		kms_fail(err, KMS_ERR_HSM, "cannot list the slots of %s: %s", hsm->module_path,
			hsm_rv_name(rv));
		kms_native(err, "%s", hsm_rv_name(rv));
		return KMS_ERR_HSM;
	}
	*ret_slots = slots;
	*ret_count = count;
	slots = NULL;
	return KMS_OK;
}

static void version_text(char out[8], const CK_VERSION *v)
{
	snprintf(out, 8, "%u.%u", v->major, v->minor);
}

static void info_fill(struct hsm_token_info *out, CK_SLOT_ID slot, const CK_TOKEN_INFO *t)
{
	const struct hsm_quirks *q = hsm_quirks_for(t);

	*out = (struct hsm_token_info){.slot = slot};
	hsm_text(out->label, t->label, sizeof(t->label));
	hsm_text(out->manufacturer, t->manufacturerID, sizeof(t->manufacturerID));
	hsm_text(out->model, t->model, sizeof(t->model));
	hsm_text(out->serial, t->serialNumber, sizeof(t->serialNumber));
	version_text(out->firmware, &t->firmwareVersion);
	version_text(out->hardware, &t->hardwareVersion);
	out->pin_min = t->ulMinPinLen;
	out->pin_max = t->ulMaxPinLen;
	out->user_pin_set = t->flags & CKF_USER_PIN_INITIALIZED;
	out->initialised =
		q->initialised_by_pin ? out->user_pin_set : (t->flags & CKF_TOKEN_INITIALIZED) != 0;
	out->login_required = t->flags & CKF_LOGIN_REQUIRED;
	out->write_protected = t->flags & CKF_WRITE_PROTECTED;
	out->user_pin_count_low = t->flags & CKF_USER_PIN_COUNT_LOW;
	out->user_pin_final_try = t->flags & CKF_USER_PIN_FINAL_TRY;
	out->user_pin_locked = t->flags & CKF_USER_PIN_LOCKED;
	out->so_pin_count_low = t->flags & CKF_SO_PIN_COUNT_LOW;
	out->so_pin_final_try = t->flags & CKF_SO_PIN_FINAL_TRY;
	out->so_pin_locked = t->flags & CKF_SO_PIN_LOCKED;
}

static bool slot_match(struct hsm *hsm, CK_SLOT_ID slot, const CK_TOKEN_INFO *t)
{
	CK_SLOT_ID wanted = p11_kit_uri_get_slot_id(hsm->uri);

	return p11_kit_uri_match_token_info(hsm->uri, t) &&
	       (wanted == (CK_SLOT_ID)-1 || wanted == slot);
}

enum kms_status hsm_tokens(
	struct hsm *hsm, struct hsm_token_info **ret_list, size_t *ret_count, struct kms_err *err)
{
	FREE_AUTO CK_SLOT_ID *slots = NULL;
	FREE_AUTO struct hsm_token_info *list = NULL;
	enum kms_status st;
	CK_ULONG count = 0;
	size_t n = 0;

	st = slot_list(hsm, &slots, &count, err);
	if (st)
		return st;
	list = calloc(count + 1, sizeof(*list));
	if (!list)
		return kms_nomem(err);
	for (CK_ULONG i = 0; i < count; i++) {
		CK_TOKEN_INFO t = {0};

		/* A token may vanish between the two calls, or not be recognised: no token then. */
		if (hsm->p11->C_GetTokenInfo(slots[i], &t) == CKR_OK)
			info_fill(&list[n++], slots[i], &t);
	}
	*ret_list = list;
	*ret_count = n;
	list = NULL;
	return KMS_OK;
}

static enum kms_status no_token(struct hsm *hsm, struct kms_err *err)
{
	FREE_AUTO struct hsm_token_info *list = NULL;
	BUF_AUTO struct buf names = {0};
	enum kms_status st;
	size_t count = 0;

	st = hsm_tokens(hsm, &list, &count, err);
	for (size_t i = 0; !st && i < count; i++)
		if (list[i].initialised)
			st = buf_printf(&names, err, "%s'%s' (serial %s)", names.len ? ", " : "",
				list[i].label, list[i].serial);
	if (st)
		return st;
	kms_fail(err, KMS_ERR_NOT_FOUND, "cannot find the token '%s' of the HSM's URI: %s has %s",
		hsm->uri_token, hsm->module_path,
		names.len ? buf_text(&names) : "no initialised token");
	kms_hint(err, names.len ? "correct the URI, or set the token up with 'cardkms hsm setup'"
				: "set the token up with 'cardkms hsm setup'");
	return KMS_ERR_NOT_FOUND;
}

/* The slots whose token matches the URI. With hsm->found, only those with the same identity. */
static enum kms_status match(struct hsm *hsm, bool same, CK_SLOT_ID *ret_slot,
	CK_TOKEN_INFO *ret_info, size_t *ret_count, struct kms_err *err)
{
	FREE_AUTO CK_SLOT_ID *slots = NULL;
	enum kms_status st;
	CK_ULONG count = 0;
	size_t found = 0;

	st = slot_list(hsm, &slots, &count, err);
	if (st)
		return st;
	for (CK_ULONG i = 0; i < count; i++) {
		char label[33];
		char serial[17];
		CK_TOKEN_INFO t = {0};

		if (hsm->p11->C_GetTokenInfo(slots[i], &t) != CKR_OK ||
			!slot_match(hsm, slots[i], &t))
			continue;
		if (!(t.flags & CKF_TOKEN_INITIALIZED) && !hsm_quirks_for(&t)->initialised_by_pin)
			continue;
		hsm_text(label, t.label, sizeof(t.label));
		hsm_text(serial, t.serialNumber, sizeof(t.serialNumber));
		if (same && (strcmp(label, hsm->label) || strcmp(serial, hsm->serial)))
			continue;
		*ret_slot = slots[i];
		*ret_info = t;
		found++;
	}
	*ret_count = found;
	return KMS_OK;
}

static enum kms_status find(struct hsm *hsm, bool same, struct kms_err *err)
{
	enum kms_status st;
	CK_TOKEN_INFO t = {0};
	CK_SLOT_ID slot = 0;
	size_t count = 0;

	hsm_work_begins(hsm, "look for the token", NULL);
	st = match(hsm, same, &slot, &t, &count, err);
	hsm_work_ends(hsm);
	if (st)
		return st;
	if (count == 0)
		return no_token(hsm, err);
	if (count > 1) {
		kms_fail(err, KMS_ERR_INVALID,
			"cannot choose a token: %zu of %s match the HSM's URI", count,
			hsm->module_path);
		kms_hint(err, "add the token's serial to the URI: pkcs11:token=LABEL;serial=…");
		return KMS_ERR_INVALID;
	}
	hsm->slot = slot;
	hsm_text(hsm->label, t.label, sizeof(t.label));
	hsm_text(hsm->serial, t.serialNumber, sizeof(t.serialNumber));
	hsm->quirks = hsm_quirks_for(&t);
	hsm->found = true;
	return KMS_OK;
}

enum kms_status hsm_find_token(struct hsm *hsm, struct kms_err *err)
{
	return find(hsm, false, err);
}

enum kms_status hsm_find_again(struct hsm *hsm, struct kms_err *err)
{
	return find(hsm, true, err);
}

static enum kms_status need_found(const struct hsm *hsm, struct kms_err *err)
{
	return hsm->found ? KMS_OK
			  : kms_fail(err, KMS_ERR_STATE,
				    "cannot use the HSM: no token was chosen yet");
}

enum kms_status hsm_token_info(
	struct hsm *hsm, struct hsm_token_info *ret_info, struct kms_err *err)
{
	CK_TOKEN_INFO t = {0};
	enum kms_status st;
	CK_RV rv;

	st = need_found(hsm, err);
	if (st)
		return st;
	rv = hsm->p11->C_GetTokenInfo(hsm->slot, &t);
	if (rv != CKR_OK)
		return hsm_fail_rv(hsm, rv, err, "read the state", NULL);
	info_fill(ret_info, hsm->slot, &t);
	return KMS_OK;
}

/* --- setting up --- */

static enum kms_status uninitialised_slot(
	struct hsm *hsm, CK_SLOT_ID *ret_slot, struct kms_err *err)
{
	FREE_AUTO struct hsm_token_info *list = NULL;
	enum kms_status st;
	size_t count = 0;

	st = hsm_tokens(hsm, &list, &count, err);
	if (st)
		return st;
	for (size_t i = 0; i < count; i++) {
		if (!list[i].initialised && !list[i].write_protected) {
			*ret_slot = list[i].slot;
			return KMS_OK;
		}
	}
	kms_fail(err, KMS_ERR_NOT_FOUND, "cannot initialise a token: %s has no uninitialised slot",
		hsm->module_path);
	kms_hint(err, "make a slot with the HSM's own tool, or correct the URI");
	return KMS_ERR_NOT_FOUND;
}

static enum kms_status pin_length(const struct hsm *hsm, const struct hsm_token_info *info,
	const struct secret *pin, const char *whose, struct kms_err *err)
{
	if (pin->len >= info->pin_min && (!info->pin_max || pin->len <= info->pin_max))
		return KMS_OK;
	kms_fail(err, KMS_ERR_INVALID,
		"cannot use the %s PIN on token '%s': it has %zu characters, the token takes %lu "
		"to %lu",
		whose, hsm->found ? hsm->label : info->label, pin->len, info->pin_min,
		info->pin_max);
	return KMS_ERR_INVALID;
}

static enum kms_status init_token_at(struct hsm *hsm, CK_SLOT_ID slot, const char *label,
	const struct secret *so_pin, struct kms_err *err)
{
	struct hsm_token_info info;
	CK_TOKEN_INFO t = {0};
	CK_UTF8CHAR padded[32];
	enum kms_status st;
	CK_RV rv;

	rv = hsm->p11->C_GetTokenInfo(slot, &t);
	if (rv != CKR_OK)
		return hsm_fail_rv(hsm, rv, err, "initialise", label);
	info_fill(&info, slot, &t);
	st = pin_length(hsm, &info, so_pin, "administrator", err);
	if (st)
		return st;
	/* As PKCS#11 wants it: padded with blanks, no zero byte at the end. */
	memset(padded, ' ', sizeof(padded));
	for (size_t i = 0; i < sizeof(padded) && label[i]; i++)
		padded[i] = (CK_UTF8CHAR)label[i];
	hsm_sessions_close(hsm); /* C_InitToken refuses while there is a session */
	hsm_work_begins(hsm, "initialise the token", label);
	rv = hsm->p11->C_InitToken(slot, so_pin->data, so_pin->len, padded);
	hsm_work_ends(hsm);
	if (rv == CKR_PIN_INCORRECT) {
		kms_fail(err, KMS_ERR_AUTH,
			"cannot initialise token '%s': the administrator PIN is wrong (it was "
			"tried once)",
			label);
		kms_native(err, "CKR_PIN_INCORRECT");
		return KMS_ERR_AUTH;
	}
	if (rv != CKR_OK)
		return hsm_fail_rv(hsm, rv, err, "initialise", label);
	return KMS_OK;
}

static enum kms_status label_rules(struct hsm *hsm, const char *label, struct kms_err *err)
{
	if (!*label || strlen(label) > 32)
		return kms_fail(err, KMS_ERR_INVALID,
			"cannot initialise a token as '%s': a label has 1 to 32 bytes", label);
	if (*hsm->uri_token && strcmp(hsm->uri_token, label))
		return kms_fail(err, KMS_ERR_INVALID,
			"cannot initialise token '%s': the HSM's URI names '%s'", label,
			hsm->uri_token);
	return KMS_OK;
}

enum kms_status hsm_init_token(struct hsm *hsm, const char *label, const struct secret *so_pin,
	bool reinit, struct kms_err *err)
{
	enum kms_status st;
	CK_TOKEN_INFO t = {0};
	CK_SLOT_ID slot = 0;
	size_t count = 0;

	st = label_rules(hsm, label, err);
	if (!st)
		st = match(hsm, false, &slot, &t, &count, err);
	if (st)
		return st;
	if (count > 1)
		return find(hsm, false, err);
	/* Such a token is set up by C_InitPIN alone. */
	if (count == 1 && hsm_quirks_for(&t)->initialised_by_pin &&
		!(t.flags & CKF_USER_PIN_INITIALIZED))
		return find(hsm, false, err);
	if (count == 1 && !reinit) {
		kms_fail(err, KMS_ERR_EXISTS,
			"cannot initialise token '%s': it is initialised already", label);
		kms_hint(err, "initialising it again destroys every key on it");
		return KMS_ERR_EXISTS;
	}
	if (count == 0)
		st = uninitialised_slot(hsm, &slot, err);
	if (!st)
		st = init_token_at(hsm, slot, label, so_pin, err);
	if (st)
		return st;
	/* SoftHSM gives the slot another number now. */
	return find(hsm, false, err);
}

static enum kms_status pin_failed(
	struct hsm *hsm, CK_RV rv, bool so, const char *doing, struct kms_err *err)
{
	const char *whose = so ? "administrator" : "operator";
	struct hsm_token_info info;
	bool low, final, locked;

	if (rv == CKR_USER_PIN_NOT_INITIALIZED) {
		kms_fail(err, KMS_ERR_STATE, "cannot %s token '%s': it has no operator PIN yet",
			doing, hsm->label);
		kms_native(err, "%s", hsm_rv_name(rv));
		kms_hint(err, "finish its setup with 'cardkms hsm setup'");
		return KMS_ERR_STATE;
	}
	if (rv != CKR_PIN_INCORRECT && rv != CKR_PIN_LOCKED && rv != CKR_PIN_LEN_RANGE &&
		rv != CKR_PIN_INVALID && rv != CKR_PIN_EXPIRED)
		return hsm_fail_rv(hsm, rv, err, doing, NULL);
	if (hsm_token_info(hsm, &info, NULL))
		info = (struct hsm_token_info){0};
	low = so ? info.so_pin_count_low : info.user_pin_count_low;
	final = so ? info.so_pin_final_try : info.user_pin_final_try;
	locked = rv == CKR_PIN_LOCKED || (so ? info.so_pin_locked : info.user_pin_locked);
	kms_fail(err, KMS_ERR_AUTH, "cannot %s token '%s': %s%s", doing, hsm->label,
		locked			? "the PIN is locked"
		: rv == CKR_PIN_EXPIRED ? "the PIN has expired"
					: "the PIN is wrong (it was tried once)",
		locked	? ""
		: final ? "; the token reports that one try is left before it locks"
		: low	? "; the token reports that wrong PINs were entered and few tries are left"
			: "");
	kms_native(err, "%s", hsm_rv_name(rv));
	if (locked)
		kms_hint(err, so ? "the token must be initialised again; see the HSM's manual"
				 : "the administrator must set a new operator PIN");
	else
		kms_hint(err, "check the %s PIN before the next try", whose);
	return KMS_ERR_AUTH;
}

/* No user may be logged in then. */
enum kms_status hsm_so_session(struct hsm *hsm, const struct secret *so_pin,
	CK_SESSION_HANDLE *ret_session, struct kms_err *err)
{
	CK_SESSION_HANDLE session;
	enum kms_status st;
	CK_RV rv;

	st = need_found(hsm, err);
	if (st)
		return st;
	hsm_sessions_close(hsm);
	rv = hsm->p11->C_OpenSession(
		hsm->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session);
	if (rv != CKR_OK)
		return hsm_fail_rv(hsm, rv, err, "open a session", NULL);
	hsm_work_begins(hsm, "log in as administrator", NULL);
	rv = hsm->quirks->no_so_pin ? hsm->p11->C_Login(session, CKU_SO, (CK_UTF8CHAR *)"", 0)
				    : hsm->p11->C_Login(session, CKU_SO, so_pin->data, so_pin->len);
	hsm_work_ends(hsm);
	if (rv != CKR_OK) {
		st = pin_failed(hsm, rv, true, "log in as administrator to", err);
		hsm->p11->C_CloseSession(session);
		return st;
	}
	*ret_session = session;
	return KMS_OK;
}

enum kms_status hsm_init_pin(
	struct hsm *hsm, const struct secret *so_pin, const struct secret *pin, struct kms_err *err)
{
	CK_SESSION_HANDLE session = 0;
	struct hsm_token_info info;
	enum kms_status st;
	CK_RV rv;

	st = hsm_token_info(hsm, &info, err);
	if (!st)
		st = pin_length(hsm, &info, pin, "operator", err);
	if (!st)
		st = hsm_so_session(hsm, so_pin, &session, err);
	if (st)
		return st;
	rv = hsm->p11->C_InitPIN(session, pin->data, pin->len);
	hsm->p11->C_Logout(session);
	hsm->p11->C_CloseSession(session);
	if (rv != CKR_OK)
		return hsm_fail_rv(hsm, rv, err, "set the operator PIN", NULL);
	return KMS_OK;
}

enum kms_status hsm_check_so_pin(struct hsm *hsm, const struct secret *so_pin, struct kms_err *err)
{
	CK_SESSION_HANDLE session = 0;
	enum kms_status st;

	st = hsm_so_session(hsm, so_pin, &session, err);
	if (st)
		return st;
	hsm->p11->C_Logout(session);
	hsm->p11->C_CloseSession(session);
	return KMS_OK;
}

/* Of whoever is logged in on that session. Not repeated: what became of it is found out by a login. */
static enum kms_status change_pin(struct hsm *hsm, CK_SESSION_HANDLE session, bool so,
	const struct secret *old, const struct secret *fresh, struct kms_err *err)
{
	CK_RV rv;

	hsm_work_begins(hsm, "change the PIN", NULL);
	rv = hsm->p11->C_SetPIN(session, old->data, old->len, fresh->data, fresh->len);
	hsm_work_ends(hsm);
	return rv == CKR_OK ? KMS_OK : pin_failed(hsm, rv, so, "change the PIN of", err);
}

enum kms_status hsm_change_pin(
	struct hsm *hsm, const struct secret *old, const struct secret *fresh, struct kms_err *err)
{
	struct hsm_token_info info;
	struct hsm_session s;
	enum kms_status st = hsm_token_info(hsm, &info, err);
	CK_RV rv;

	if (!st)
		st = pin_length(hsm, &info, fresh, "operator", err);
	if (!st)
		st = hsm_borrow(hsm, &s, &rv, err);
	if (st)
		return st;
	if (rv != CKR_OK)
		return hsm_fail_rv(hsm, rv, err, "open a session", NULL);
	st = change_pin(hsm, s.handle, false, old, fresh, err);
	hsm_give_back(hsm, &s, CKR_OK);
	/* The one that is kept for a lost connection may be the wrong one now. */
	secret_free(&hsm->pin);
	return st;
}

enum kms_status hsm_change_so_pin(
	struct hsm *hsm, const struct secret *old, const struct secret *fresh, struct kms_err *err)
{
	CK_SESSION_HANDLE session = 0;
	struct hsm_token_info info;
	enum kms_status st = hsm_token_info(hsm, &info, err);

	if (!st)
		st = pin_length(hsm, &info, fresh, "administrator", err);
	if (!st)
		st = hsm_so_session(hsm, old, &session, err);
	if (st)
		return st;
	st = change_pin(hsm, session, true, old, fresh, err);
	hsm->p11->C_Logout(session);
	hsm->p11->C_CloseSession(session);
	return st;
}

bool hsm_has_so_pin(const struct hsm *hsm)
{
	return !hsm->quirks->no_so_pin;
}

static enum kms_status login_once(
	struct hsm *hsm, const struct secret *pin, bool *ret_proved, struct kms_err *err)
{
	struct hsm_session s;
	enum kms_status st;
	CK_RV rv;

	st = hsm_borrow(hsm, &s, &rv, err);
	if (st)
		return st;
	if (rv != CKR_OK)
		return hsm_fail_rv(hsm, rv, err, "open a session", NULL);
	hsm_work_begins(hsm, "log in", NULL);
	rv = hsm->p11->C_Login(s.handle, CKU_USER, pin->data, pin->len);
	hsm_work_ends(hsm);
	hsm_give_back(hsm, &s, rv);
	if (rv != CKR_OK && rv != CKR_USER_ALREADY_LOGGED_IN)
		return pin_failed(hsm, rv, false, "log in to", err);
	*ret_proved = rv == CKR_OK;
	return KMS_OK;
}

enum kms_status hsm_login(struct hsm *hsm, const struct secret *pin, struct kms_err *err)
{
	struct hsm_token_info info;
	bool proved = false;
	enum kms_status st;

	st = hsm_token_info(hsm, &info, err);
	if (st)
		return st;
	if (!info.user_pin_set) {
		kms_fail(err, KMS_ERR_STATE,
			"cannot log in to token '%s': it has no operator PIN yet", hsm->label);
		kms_hint(err, "finish its setup with 'cardkms hsm setup'");
		return KMS_ERR_STATE;
	}
	/* A try would be refused, or on some tokens count on. */
	if (info.user_pin_locked)
		return pin_failed(hsm, CKR_PIN_LOCKED, false, "log in to", err);
	st = pin_length(hsm, &info, pin, "operator", err);
	if (st)
		return st;
	/* The token checks no PIN of whoever is logged in already. */
	if (hsm->logged_in)
		hsm_sessions_close(hsm);
	secret_free(&hsm->pin);
	st = login_once(hsm, pin, &proved, err);
	/* Logged in by another struct hsm of this process: an unproved PIN is not kept. */
	if (!st && proved)
		st = secret_copy(&hsm->pin, pin->data, pin->len, err);
	if (!st)
		hsm->logged_in = true;
	return st;
}

enum kms_status hsm_login_again(struct hsm *hsm, struct kms_err *err)
{
	bool proved = false;
	enum kms_status st;

	if (!hsm->pin.len)
		return kms_fail(err, KMS_ERR_STATE,
			"cannot log in to token '%s' again: its PIN is "
			"not known any more",
			hsm->label);
	st = login_once(hsm, &hsm->pin, &proved, err);
	/* What was refused is not tried again. */
	if (st == KMS_ERR_AUTH)
		secret_free(&hsm->pin);
	hsm->logged_in = !st;
	return st;
}

bool hsm_logged_in(const struct hsm *hsm)
{
	return hsm->logged_in;
}
