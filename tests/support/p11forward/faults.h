/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list of PKCS#11 functions around another, in which one call goes wrong.
 *
 * A plan is text, "NAME=VALUE" each (in the environment they are called KILLP11_NAME):
 *   AT      "C_GenerateKey:3:after" (the third call of that function), "17:before" (the 17th call of
 *           all), "change:2:after" (the second call that changes the token); "C_Sign:2+:before"
 *           means every one from there on
 *   RET     what happens there: CKR_DEVICE_ERROR and the like is returned (before: instead of the
 *           call; after: although the call took effect); "stop": the process is stopped (SIGSTOP)
 *           and may go on later; "hang": the call does not come back; unset: the process is killed
 *   REFUSE  mechanisms, by commas ("CKM_AES_KEY_WRAP" or numbers), that answer CKR_MECHANISM_INVALID
 *   LOG     a file that gets one line a call: "NUMBER NAME NTH change|-"
 *   TIME    a file of a struct faults_time, kept up to date, for benchmarks
 *
 * A change is a call that leaves something on the token: PINs, and objects with CKA_TOKEN.
 */
#ifndef P11FORWARD_FAULTS_H
#define P11FORWARD_FAULTS_H

#include <p11-kit/pkcs11.h>
#include <stdint.h>

struct faults_time {
	uint64_t ns; /* in the functions below */
	uint64_t calls;
};

struct faults;

/* What "hang" does, for a process that must notice when nobody waits any more. */
typedef void faults_hang_fn(void *ctx);

/*
 * A module has no context of its own, so there is one plan in a process; its list of functions is
 * called by one thread at a time, or counts may be lost. A plan that makes no sense ends the process
 * with status 99: a test whose words are not understood must not pass by doing nothing.
 */
void faults_set(const char *name, const char *value);
void faults_hang_by(faults_hang_fn *hang, void *ctx);
CK_FUNCTION_LIST *faults_around(CK_FUNCTION_LIST *real);

/* Ends the process with status 99 after saying that the setting makes no sense. */
void faults_bad_words(const char *name, const char *value) __attribute__((noreturn));

#endif
