/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PKCS#11 module for tests: forwards every call to a real module and lets one of them go wrong.
 *
 *   KILLP11_MODULE  the real module's path
 *   KILLP11_AT      "C_GenerateKey:3:after" (the third call of that function), "17:before" (the
 *                   17th call of all), "change:2:after" (the second call that changes the token);
 *                   "C_Sign:2+:before" means every one from there on
 *   KILLP11_RET     what happens there: CKR_DEVICE_ERROR and the like is returned (before: instead
 *                   of the call; after: although the call took effect); "stop": the process is
 *                   stopped (SIGSTOP) and may go on later; unset: it is killed (SIGKILL)
 *   KILLP11_LOG     a file that gets one line a call: "NUMBER NAME NTH change|-"
 *
 * A change is a call that leaves something on the token: PINs, and objects with CKA_TOKEN.
 * A module has no context of its own, so this has globals; it is loaded once and called by one
 * thread at a time (SoftHSM's own lock does not matter here).
 */
#include <p11-kit/pkcs11.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum when { BEFORE, AFTER };

struct plan {
	char what[40]; /* a function's name, "change", or "" for all calls */
	unsigned long nth;
	bool onward;
	enum when when;
	bool set;
};

struct count {
	const char *name;
	unsigned long calls;
};

static CK_FUNCTION_LIST *real;
static struct plan plan;
static CK_RV answer; /* CKR_OK: the process gets with_signal */
static int with_signal = SIGKILL;
static int log_fd = -1;
static unsigned long all_calls, all_changes;

static const struct {
	const char *name;
	CK_RV rv;
} answers[] = {
	{"CKR_DEVICE_ERROR", CKR_DEVICE_ERROR},
	{"CKR_DEVICE_MEMORY", CKR_DEVICE_MEMORY},
	{"CKR_DEVICE_REMOVED", CKR_DEVICE_REMOVED},
	{"CKR_FUNCTION_FAILED", CKR_FUNCTION_FAILED},
	{"CKR_GENERAL_ERROR", CKR_GENERAL_ERROR},
	{"CKR_HOST_MEMORY", CKR_HOST_MEMORY},
	{"CKR_MECHANISM_INVALID", CKR_MECHANISM_INVALID},
	{"CKR_SESSION_HANDLE_INVALID", CKR_SESSION_HANDLE_INVALID},
	{"CKR_TOKEN_NOT_PRESENT", CKR_TOKEN_NOT_PRESENT},
	{"CKR_USER_NOT_LOGGED_IN", CKR_USER_NOT_LOGGED_IN},
};

/* A test whose words are not understood must not pass by doing nothing. */
static void bad_words(const char *name, const char *value)
{
	dprintf(STDERR_FILENO, "killp11: %s='%s' makes no sense\n", name, value);
	_exit(99);
}

static void read_plan(const char *text)
{
	char rest[16] = "", nth[16] = "";
	char *end;

	if (sscanf(text, "%39[A-Za-z_]:%15[0-9+]:%15s", plan.what, nth, rest) != 3) {
		plan.what[0] = 0;
		if (sscanf(text, "%15[0-9+]:%15s", nth, rest) != 2)
			bad_words("KILLP11_AT", text);
	}
	plan.nth = strtoul(nth, &end, 10);
	plan.onward = *end == '+';
	plan.when = strcmp(rest, "after") == 0 ? AFTER : BEFORE;
	if (plan.nth == 0 || (plan.when == BEFORE && strcmp(rest, "before") != 0))
		bad_words("KILLP11_AT", text);
	plan.set = true;
}

static void read_answer(const char *text)
{
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if (strcmp(answers[i].name, text) == 0)
			answer = answers[i].rv;
	if (strcmp(text, "stop") == 0)
		with_signal = SIGSTOP;
	else if (answer == CKR_OK)
		bad_words("KILLP11_RET", text);
}

static bool is_here(const struct count *count, bool change, enum when when)
{
	unsigned long n;

	if (!plan.set || plan.when != when)
		return false;
	if (!plan.what[0])
		n = all_calls;
	else if (strcmp(plan.what, "change") == 0)
		n = change ? all_changes : 0;
	else
		n = strcmp(plan.what, count->name) == 0 ? count->calls : 0;
	return n == plan.nth || (plan.onward && n > plan.nth);
}

static bool strikes(const struct count *count, bool change, enum when when, CK_RV *ret_rv)
{
	if (!is_here(count, change, when))
		return false;
	if (answer == CKR_OK) {
		kill(getpid(), with_signal);
		return false;
	}
	*ret_rv = answer;
	return true;
}

static bool before(struct count *count, bool change, CK_RV *ret_rv)
{
	all_calls++;
	count->calls++;
	all_changes += change;
	if (log_fd >= 0)
		dprintf(log_fd, "%lu %s %lu %s\n", all_calls, count->name, count->calls,
			change ? "change" : "-");
	return strikes(count, change, BEFORE, ret_rv);
}

static CK_RV after(const struct count *count, bool change, CK_RV rv)
{
	CK_RV other = CKR_OK;

	return strikes(count, change, AFTER, &other) ? other : rv;
}

/* ---- which calls change the token ---- */

static bool for_token(const CK_ATTRIBUTE *t, CK_ULONG n, bool otherwise)
{
	for (CK_ULONG i = 0; i < n; i++)
		if (t[i].type == CKA_TOKEN && t[i].pValue && t[i].ulValueLen == sizeof(CK_BBOOL))
			return *(const CK_BBOOL *)t[i].pValue == CK_TRUE;
	return otherwise;
}

static bool on_token(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o)
{
	CK_BBOOL token = CK_FALSE;
	CK_ATTRIBUTE a = {CKA_TOKEN, &token, sizeof(token)};

	return real->C_GetAttributeValue(s, o, &a, 1) == CKR_OK && token == CK_TRUE;
}

/* ---- every function of the list ---- */

#define FORWARD(NAME, CHANGE, PARAMS, ARGS)                        \
	static CK_RV kill_##NAME PARAMS                            \
	{                                                          \
		static struct count count = {"C_" #NAME, 0};       \
		bool change = (CHANGE);                            \
		CK_RV rv;                                          \
                                                                   \
		if (before(&count, change, &rv))                   \
			return rv;                                 \
		return after(&count, change, real->C_##NAME ARGS); \
	}

#define SESSION	  CK_SESSION_HANDLE s
#define OBJECT	  CK_OBJECT_HANDLE o
#define MECHANISM CK_MECHANISM *m
#define IN_DATA	  unsigned char *in, CK_ULONG in_len
#define OUT_DATA  unsigned char *out, CK_ULONG *out_len
#define TEMPLATE  CK_ATTRIBUTE *t, CK_ULONG n

FORWARD(Initialize, false, (void *args), (args))
FORWARD(Finalize, false, (void *reserved), (reserved))
FORWARD(GetInfo, false, (CK_INFO * info), (info))
FORWARD(GetSlotList, false, (unsigned char present, CK_SLOT_ID *slots, CK_ULONG *count_of),
	(present, slots, count_of))
FORWARD(GetSlotInfo, false, (CK_SLOT_ID slot, CK_SLOT_INFO *info), (slot, info))
FORWARD(GetTokenInfo, false, (CK_SLOT_ID slot, CK_TOKEN_INFO *info), (slot, info))
FORWARD(GetMechanismList, false, (CK_SLOT_ID slot, CK_MECHANISM_TYPE *list, CK_ULONG *count_of),
	(slot, list, count_of))
FORWARD(GetMechanismInfo, false, (CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info),
	(slot, type, info))
FORWARD(InitToken, true,
	(CK_SLOT_ID slot, unsigned char *pin, CK_ULONG pin_len, unsigned char *label),
	(slot, pin, pin_len, label))
FORWARD(InitPIN, true, (SESSION, IN_DATA), (s, in, in_len))
FORWARD(SetPIN, true,
	(SESSION, unsigned char *old, CK_ULONG old_len, unsigned char *new, CK_ULONG new_len),
	(s, old, old_len, new, new_len))
FORWARD(OpenSession, false,
	(CK_SLOT_ID slot, CK_FLAGS flags, void *app, CK_NOTIFY notify, CK_SESSION_HANDLE *session),
	(slot, flags, app, notify, session))
FORWARD(CloseSession, false, (SESSION), (s))
FORWARD(CloseAllSessions, false, (CK_SLOT_ID slot), (slot))
FORWARD(GetSessionInfo, false, (SESSION, CK_SESSION_INFO *info), (s, info))
FORWARD(GetOperationState, false, (SESSION, OUT_DATA), (s, out, out_len))
FORWARD(SetOperationState, false, (SESSION, IN_DATA, CK_OBJECT_HANDLE enc, CK_OBJECT_HANDLE auth),
	(s, in, in_len, enc, auth))
FORWARD(Login, false, (SESSION, CK_USER_TYPE user, IN_DATA), (s, user, in, in_len))
FORWARD(Logout, false, (SESSION), (s))
FORWARD(CreateObject, for_token(t, n, false), (SESSION, TEMPLATE, CK_OBJECT_HANDLE *object),
	(s, t, n, object))
FORWARD(CopyObject, for_token(t, n, on_token(s, o)),
	(SESSION, OBJECT, TEMPLATE, CK_OBJECT_HANDLE *object), (s, o, t, n, object))
FORWARD(DestroyObject, on_token(s, o), (SESSION, OBJECT), (s, o))
FORWARD(GetObjectSize, false, (SESSION, OBJECT, CK_ULONG *size), (s, o, size))
FORWARD(GetAttributeValue, false, (SESSION, OBJECT, TEMPLATE), (s, o, t, n))
FORWARD(SetAttributeValue, on_token(s, o), (SESSION, OBJECT, TEMPLATE), (s, o, t, n))
FORWARD(FindObjectsInit, false, (SESSION, TEMPLATE), (s, t, n))
FORWARD(FindObjects, false, (SESSION, CK_OBJECT_HANDLE *objects, CK_ULONG max, CK_ULONG *count_of),
	(s, objects, max, count_of))
FORWARD(FindObjectsFinal, false, (SESSION), (s))
FORWARD(EncryptInit, false, (SESSION, MECHANISM, OBJECT), (s, m, o))
FORWARD(Encrypt, false, (SESSION, IN_DATA, OUT_DATA), (s, in, in_len, out, out_len))
FORWARD(EncryptUpdate, false, (SESSION, IN_DATA, OUT_DATA), (s, in, in_len, out, out_len))
FORWARD(EncryptFinal, false, (SESSION, OUT_DATA), (s, out, out_len))
FORWARD(DecryptInit, false, (SESSION, MECHANISM, OBJECT), (s, m, o))
FORWARD(Decrypt, false, (SESSION, IN_DATA, OUT_DATA), (s, in, in_len, out, out_len))
FORWARD(DecryptUpdate, false, (SESSION, IN_DATA, OUT_DATA), (s, in, in_len, out, out_len))
FORWARD(DecryptFinal, false, (SESSION, OUT_DATA), (s, out, out_len))
FORWARD(DigestInit, false, (SESSION, MECHANISM), (s, m))
FORWARD(Digest, false, (SESSION, IN_DATA, OUT_DATA), (s, in, in_len, out, out_len))
FORWARD(DigestUpdate, false, (SESSION, IN_DATA), (s, in, in_len))
FORWARD(DigestKey, false, (SESSION, OBJECT), (s, o))
FORWARD(DigestFinal, false, (SESSION, OUT_DATA), (s, out, out_len))
FORWARD(SignInit, false, (SESSION, MECHANISM, OBJECT), (s, m, o))
FORWARD(Sign, false, (SESSION, IN_DATA, OUT_DATA), (s, in, in_len, out, out_len))
FORWARD(SignUpdate, false, (SESSION, IN_DATA), (s, in, in_len))
FORWARD(SignFinal, false, (SESSION, OUT_DATA), (s, out, out_len))
FORWARD(SignRecoverInit, false, (SESSION, MECHANISM, OBJECT), (s, m, o))
FORWARD(SignRecover, false, (SESSION, IN_DATA, OUT_DATA), (s, in, in_len, out, out_len))
FORWARD(VerifyInit, false, (SESSION, MECHANISM, OBJECT), (s, m, o))
FORWARD(Verify, false, (SESSION, IN_DATA, unsigned char *sig, CK_ULONG sig_len),
	(s, in, in_len, sig, sig_len))
FORWARD(VerifyUpdate, false, (SESSION, IN_DATA), (s, in, in_len))
FORWARD(VerifyFinal, false, (SESSION, IN_DATA), (s, in, in_len))
FORWARD(VerifyRecoverInit, false, (SESSION, MECHANISM, OBJECT), (s, m, o))
FORWARD(VerifyRecover, false, (SESSION, IN_DATA, OUT_DATA), (s, in, in_len, out, out_len))
FORWARD(DigestEncryptUpdate, false, (SESSION, IN_DATA, OUT_DATA), (s, in, in_len, out, out_len))
FORWARD(DecryptDigestUpdate, false, (SESSION, IN_DATA, OUT_DATA), (s, in, in_len, out, out_len))
FORWARD(SignEncryptUpdate, false, (SESSION, IN_DATA, OUT_DATA), (s, in, in_len, out, out_len))
FORWARD(DecryptVerifyUpdate, false, (SESSION, IN_DATA, OUT_DATA), (s, in, in_len, out, out_len))
FORWARD(GenerateKey, for_token(t, n, false), (SESSION, MECHANISM, TEMPLATE, CK_OBJECT_HANDLE *key),
	(s, m, t, n, key))
FORWARD(GenerateKeyPair, for_token(t, n, false) || for_token(t2, n2, false),
	(SESSION, MECHANISM, TEMPLATE, CK_ATTRIBUTE *t2, CK_ULONG n2, CK_OBJECT_HANDLE *pub,
		CK_OBJECT_HANDLE *priv),
	(s, m, t, n, t2, n2, pub, priv))
FORWARD(WrapKey, false, (SESSION, MECHANISM, CK_OBJECT_HANDLE wrapper, OBJECT, OUT_DATA),
	(s, m, wrapper, o, out, out_len))
FORWARD(UnwrapKey, for_token(t, n, false),
	(SESSION, MECHANISM, OBJECT, IN_DATA, TEMPLATE, CK_OBJECT_HANDLE *key),
	(s, m, o, in, in_len, t, n, key))
FORWARD(DeriveKey, for_token(t, n, false),
	(SESSION, MECHANISM, OBJECT, TEMPLATE, CK_OBJECT_HANDLE *key), (s, m, o, t, n, key))
FORWARD(SeedRandom, false, (SESSION, IN_DATA), (s, in, in_len))
FORWARD(GenerateRandom, false, (SESSION, IN_DATA), (s, in, in_len))
FORWARD(GetFunctionStatus, false, (SESSION), (s))
FORWARD(CancelFunction, false, (SESSION), (s))
FORWARD(WaitForSlotEvent, false, (CK_FLAGS flags, CK_SLOT_ID *slot, void *reserved),
	(flags, slot, reserved))

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **ret_list);

static void load_real(void)
{
	const char *path = getenv("KILLP11_MODULE"), *at = getenv("KILLP11_AT");
	const char *ret = getenv("KILLP11_RET"), *log = getenv("KILLP11_LOG");
	CK_RV (*get)(CK_FUNCTION_LIST **);
	void *module = NULL;

	if (!path || !(module = dlopen(path, RTLD_NOW | RTLD_LOCAL)))
		bad_words("KILLP11_MODULE", path ? path : "");
	*(void **)&get = dlsym(module, "C_GetFunctionList");
	if (!get || get(&real) != CKR_OK)
		bad_words("KILLP11_MODULE", path);
	if (at && *at)
		read_plan(at);
	if (ret && *ret)
		read_answer(ret);
	if (log && *log) {
		log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		if (log_fd < 0)
			bad_words("KILLP11_LOG", log);
	}
}

#define USE(NAME) .C_##NAME = kill_##NAME

__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST **ret_list)
{
	static CK_FUNCTION_LIST list = {
		.version = {2, 40},
		.C_GetFunctionList = C_GetFunctionList,
		USE(Initialize),
		USE(Finalize),
		USE(GetInfo),
		USE(GetSlotList),
		USE(GetSlotInfo),
		USE(GetTokenInfo),
		USE(GetMechanismList),
		USE(GetMechanismInfo),
		USE(InitToken),
		USE(InitPIN),
		USE(SetPIN),
		USE(OpenSession),
		USE(CloseSession),
		USE(CloseAllSessions),
		USE(GetSessionInfo),
		USE(GetOperationState),
		USE(SetOperationState),
		USE(Login),
		USE(Logout),
		USE(CreateObject),
		USE(CopyObject),
		USE(DestroyObject),
		USE(GetObjectSize),
		USE(GetAttributeValue),
		USE(SetAttributeValue),
		USE(FindObjectsInit),
		USE(FindObjects),
		USE(FindObjectsFinal),
		USE(EncryptInit),
		USE(Encrypt),
		USE(EncryptUpdate),
		USE(EncryptFinal),
		USE(DecryptInit),
		USE(Decrypt),
		USE(DecryptUpdate),
		USE(DecryptFinal),
		USE(DigestInit),
		USE(Digest),
		USE(DigestUpdate),
		USE(DigestKey),
		USE(DigestFinal),
		USE(SignInit),
		USE(Sign),
		USE(SignUpdate),
		USE(SignFinal),
		USE(SignRecoverInit),
		USE(SignRecover),
		USE(VerifyInit),
		USE(Verify),
		USE(VerifyUpdate),
		USE(VerifyFinal),
		USE(VerifyRecoverInit),
		USE(VerifyRecover),
		USE(DigestEncryptUpdate),
		USE(DecryptDigestUpdate),
		USE(SignEncryptUpdate),
		USE(DecryptVerifyUpdate),
		USE(GenerateKey),
		USE(GenerateKeyPair),
		USE(WrapKey),
		USE(UnwrapKey),
		USE(DeriveKey),
		USE(SeedRandom),
		USE(GenerateRandom),
		USE(GetFunctionStatus),
		USE(CancelFunction),
		USE(WaitForSlotEvent),
	};

	if (!real)
		load_real();
	*ret_list = &list;
	return CKR_OK;
}
