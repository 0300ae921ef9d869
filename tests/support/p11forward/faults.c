/* SPDX-License-Identifier: Apache-2.0 */
#include "faults.h"

#include "calls.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum when { BEFORE, AFTER };
enum { REFUSED_MAX = 32 };

static struct {
	CK_FUNCTION_LIST *real;
	char what[40]; /* a function's name, "change", or "" for all calls */
	unsigned long nth;
	bool onward;
	enum when when;
	bool set;
	CK_RV answer;	 /* CKR_OK: the process gets with_signal, or hangs */
	int with_signal; /* 0: hangs */
	faults_hang_fn *hang;
	void *hang_ctx;
	CK_MECHANISM_TYPE refused[REFUSED_MAX];
	size_t refused_count;
	int log_fd;
	struct faults_time *time; /* NULL: not wanted */
	uint64_t started;
	unsigned long all_calls, all_changes, calls[P11_CALL_COUNT];
} plan = {.with_signal = SIGKILL, .log_fd = -1};

struct word {
	const char *text;
	unsigned long value;
};

#define WORD(name)          \
	{                   \
#name, name \
	}
#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

static const struct word answers[] = {
	WORD(CKR_DEVICE_ERROR),
	WORD(CKR_DEVICE_MEMORY),
	WORD(CKR_DEVICE_REMOVED),
	WORD(CKR_FUNCTION_FAILED),
	WORD(CKR_GENERAL_ERROR),
	WORD(CKR_HOST_MEMORY),
	WORD(CKR_MECHANISM_INVALID),
	WORD(CKR_PIN_LOCKED),
	WORD(CKR_SESSION_HANDLE_INVALID),
	WORD(CKR_TOKEN_NOT_PRESENT),
	WORD(CKR_USER_NOT_LOGGED_IN),
};

static const struct word mechanisms[] = {
	WORD(CKM_AES_CBC),
	WORD(CKM_AES_CMAC),
	WORD(CKM_AES_ECB),
	WORD(CKM_AES_ECB_ENCRYPT_DATA),
	WORD(CKM_AES_KEY_GEN),
	WORD(CKM_AES_KEY_WRAP),
	WORD(CKM_DES2_KEY_GEN),
	WORD(CKM_DES3_CBC),
	WORD(CKM_DES3_ECB),
	WORD(CKM_DES3_ECB_ENCRYPT_DATA),
	WORD(CKM_DES3_KEY_GEN),
	WORD(CKM_EC_KEY_PAIR_GEN),
	WORD(CKM_ECDSA),
	WORD(CKM_XOR_BASE_AND_DATA),
};

void faults_bad_words(const char *name, const char *value)
{
	dprintf(STDERR_FILENO, "p11forward: %s='%s' makes no sense\n", name, value);
	_exit(99);
}

static bool find_word(
	const struct word *words, size_t count, const char *text, unsigned long *ret_value)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(words[i].text, text) == 0) {
			*ret_value = words[i].value;
			return true;
		}
	}
	return false;
}

static void read_at(const char *text)
{
	char rest[16] = "", nth[16] = "";
	char *end;

	if (sscanf(text, "%39[A-Za-z_]:%15[0-9+]:%15s", plan.what, nth, rest) != 3) {
		plan.what[0] = 0;
		if (sscanf(text, "%15[0-9+]:%15s", nth, rest) != 2)
			faults_bad_words("AT", text);
	}
	plan.nth = strtoul(nth, &end, 10);
	plan.onward = *end == '+';
	plan.when = strcmp(rest, "after") == 0 ? AFTER : BEFORE;
	if (plan.nth == 0 || (plan.when == BEFORE && strcmp(rest, "before") != 0))
		faults_bad_words("AT", text);
	plan.set = true;
}

static void read_answer(const char *text)
{
	if (strcmp(text, "stop") == 0)
		plan.with_signal = SIGSTOP;
	else if (strcmp(text, "hang") == 0)
		plan.with_signal = 0;
	else if (!find_word(answers, COUNT_OF(answers), text, &plan.answer))
		faults_bad_words("RET", text);
}

static void read_refused(const char *text)
{
	while (*text) {
		size_t len = strcspn(text, ",");
		char word[64];
		char *end;

		if (len == 0 || len >= sizeof(word) || plan.refused_count == REFUSED_MAX)
			faults_bad_words("REFUSE", text);
		memcpy(word, text, len);
		word[len] = 0;
		if (!find_word(mechanisms, COUNT_OF(mechanisms), word,
			    &plan.refused[plan.refused_count])) {
			plan.refused[plan.refused_count] = strtoul(word, &end, 0);
			if (*end)
				faults_bad_words("REFUSE", word);
		}
		plan.refused_count++;
		text += len + (text[len] == ',');
	}
}

static struct faults_time *map_time(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	void *at = MAP_FAILED;

	if (fd >= 0 && ftruncate(fd, sizeof(struct faults_time)) == 0)
		at = mmap(NULL, sizeof(struct faults_time), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			0);
	if (fd >= 0)
		close(fd);
	if (at == MAP_FAILED)
		faults_bad_words("TIME", path);
	return at;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

void faults_set(const char *name, const char *value)
{
	if (!*value)
		return;
	if (strcmp(name, "AT") == 0) {
		read_at(value);
	} else if (strcmp(name, "RET") == 0) {
		read_answer(value);
	} else if (strcmp(name, "REFUSE") == 0) {
		read_refused(value);
	} else if (strcmp(name, "LOG") == 0) {
		plan.log_fd = open(value, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		if (plan.log_fd < 0)
			faults_bad_words(name, value);
	} else if (strcmp(name, "TIME") == 0) {
		plan.time = map_time(value);
	} else {
		faults_bad_words(name, value);
	}
}

void faults_hang_by(faults_hang_fn *hang, void *ctx)
{
	plan.hang = hang;
	plan.hang_ctx = ctx;
}

static void hang(void)
{
	if (plan.hang)
		plan.hang(plan.hang_ctx);
	for (;;)
		pause();
}

static bool is_here(enum p11_call call, const char *name, bool change, enum when when)
{
	unsigned long n;

	if (!plan.set || plan.when != when)
		return false;
	if (!plan.what[0])
		n = plan.all_calls;
	else if (strcmp(plan.what, "change") == 0)
		n = change ? plan.all_changes : 0;
	else
		n = strcmp(plan.what, name) == 0 ? plan.calls[call] : 0;
	return n == plan.nth || (plan.onward && n > plan.nth);
}

static bool strikes(
	enum p11_call call, const char *name, bool change, enum when when, CK_RV *ret_rv)
{
	if (!is_here(call, name, change, when))
		return false;
	if (plan.answer != CKR_OK) {
		*ret_rv = plan.answer;
		return true;
	}
	if (!plan.with_signal)
		hang();
	kill(getpid(), plan.with_signal);
	return false;
}

static bool is_refused(const CK_MECHANISM *m)
{
	for (size_t i = 0; m && i < plan.refused_count; i++)
		if (m->mechanism == plan.refused[i])
			return true;
	return false;
}

static bool before(
	enum p11_call call, const char *name, bool change, const CK_MECHANISM *m, CK_RV *ret_rv)
{
	plan.all_calls++;
	plan.calls[call]++;
	plan.all_changes += change;
	if (plan.log_fd >= 0)
		dprintf(plan.log_fd, "%lu %s %lu %s\n", plan.all_calls, name, plan.calls[call],
			change ? "change" : "-");
	if (is_refused(m)) {
		*ret_rv = CKR_MECHANISM_INVALID;
		return true;
	}
	if (plan.time)
		plan.started = now_ns();
	return strikes(call, name, change, BEFORE, ret_rv);
}

static CK_RV after(enum p11_call call, const char *name, bool change, CK_RV rv)
{
	CK_RV other = CKR_OK;

	if (plan.time) {
		plan.time->ns += now_ns() - plan.started;
		plan.time->calls++;
	}
	return strikes(call, name, change, AFTER, &other) ? other : rv;
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

	return plan.real->C_GetAttributeValue(s, o, &a, 1) == CKR_OK && token == CK_TRUE;
}

#define P11_FOR_TOKEN for_token
#define P11_ON_TOKEN  on_token

/* ---- every function of the list: m is the call's mechanism, or this ---- */

static CK_MECHANISM *const m = NULL;

#define FAULTY(NAME, SHAPE, CHANGE)                                      \
	static CK_RV faulty_##NAME P11_##SHAPE##_PARAMS                  \
	{                                                                \
		const bool change = (CHANGE);                            \
		CK_RV rv;                                                \
                                                                         \
		if (before(P11_CALL_##NAME, "C_" #NAME, change, m, &rv)) \
			return rv;                                       \
		rv = plan.real->C_##NAME(P11_##SHAPE##_ARGS);            \
		return after(P11_CALL_##NAME, "C_" #NAME, change, rv);   \
	}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
P11_CALLS(FAULTY)
#pragma GCC diagnostic pop

static CK_RV faulty_GetFunctionList(CK_FUNCTION_LIST **ret_list);

#define USE(NAME, SHAPE, CHANGE) .C_##NAME = faulty_##NAME,

static CK_FUNCTION_LIST faulty = {
	.version = {2, 40}, .C_GetFunctionList = faulty_GetFunctionList, P11_CALLS(USE)};

static CK_RV faulty_GetFunctionList(CK_FUNCTION_LIST **ret_list)
{
	*ret_list = &faulty;
	return CKR_OK;
}

CK_FUNCTION_LIST *faults_around(CK_FUNCTION_LIST *real)
{
	plan.real = real;
	return &faulty;
}
