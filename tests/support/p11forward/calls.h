/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every function of PKCS#11 2.40 by its shape: its parameters, and how they are passed on. Three
 * lists of functions are generated from P11_CALLS: the faults (faults.c), the client that sends a
 * call (client.c) and the server that carries it out (serve.c).
 *
 * X(NAME, SHAPE, CHANGE): CHANGE is an expression over the parameters that tells whether the call
 * leaves something on the token; it may use P11_ON_TOKEN and P11_FOR_TOKEN.
 */
#ifndef P11FORWARD_CALLS_H
#define P11FORWARD_CALLS_H

#include <p11-kit/pkcs11.h>

#include <stdbool.h>

/* clang-format off */
#define P11_CALLS(X) \
	X(Initialize, INITIALIZE, false) \
	X(Finalize, FINALIZE, false) \
	X(GetInfo, INFO, false) \
	X(GetSlotList, SLOTS, false) \
	X(GetSlotInfo, SLOT_INFO, false) \
	X(GetTokenInfo, TOKEN_INFO, false) \
	X(GetMechanismList, MECHANISMS, false) \
	X(GetMechanismInfo, MECHANISM_INFO, false) \
	X(InitToken, INIT_TOKEN, true) \
	X(InitPIN, IN, true) \
	X(SetPIN, IN_IN, true) \
	X(OpenSession, OPEN, false) \
	X(CloseSession, ID, false) \
	X(CloseAllSessions, ID, false) \
	X(GetSessionInfo, SESSION_INFO, false) \
	X(GetOperationState, OUT, false) \
	X(SetOperationState, SET_STATE, false) \
	X(Login, LOGIN, false) \
	X(Logout, ID, false) \
	X(CreateObject, CREATE, P11_FOR_TOKEN(t, n, false)) \
	X(CopyObject, COPY, P11_FOR_TOKEN(t, n, P11_ON_TOKEN(s, o))) \
	X(DestroyObject, OBJECT, P11_ON_TOKEN(s, o)) \
	X(GetObjectSize, SIZE, false) \
	X(GetAttributeValue, GET_ATTRIBUTES, false) \
	X(SetAttributeValue, SET_ATTRIBUTES, P11_ON_TOKEN(s, o)) \
	X(FindObjectsInit, FIND_INIT, false) \
	X(FindObjects, FIND, false) \
	X(FindObjectsFinal, ID, false) \
	X(EncryptInit, KEY_INIT, false) \
	X(Encrypt, IN_OUT, false) \
	X(EncryptUpdate, IN_OUT, false) \
	X(EncryptFinal, OUT, false) \
	X(DecryptInit, KEY_INIT, false) \
	X(Decrypt, IN_OUT, false) \
	X(DecryptUpdate, IN_OUT, false) \
	X(DecryptFinal, OUT, false) \
	X(DigestInit, INIT, false) \
	X(Digest, IN_OUT, false) \
	X(DigestUpdate, IN, false) \
	X(DigestKey, OBJECT, false) \
	X(DigestFinal, OUT, false) \
	X(SignInit, KEY_INIT, false) \
	X(Sign, IN_OUT, false) \
	X(SignUpdate, IN, false) \
	X(SignFinal, OUT, false) \
	X(SignRecoverInit, KEY_INIT, false) \
	X(SignRecover, IN_OUT, false) \
	X(VerifyInit, KEY_INIT, false) \
	X(Verify, IN_IN, false) \
	X(VerifyUpdate, IN, false) \
	X(VerifyFinal, IN, false) \
	X(VerifyRecoverInit, KEY_INIT, false) \
	X(VerifyRecover, IN_OUT, false) \
	X(DigestEncryptUpdate, IN_OUT, false) \
	X(DecryptDigestUpdate, IN_OUT, false) \
	X(SignEncryptUpdate, IN_OUT, false) \
	X(DecryptVerifyUpdate, IN_OUT, false) \
	X(GenerateKey, GENERATE, P11_FOR_TOKEN(t, n, false)) \
	X(GenerateKeyPair, PAIR, P11_FOR_TOKEN(t, n, false) || P11_FOR_TOKEN(t2, n2, false)) \
	X(WrapKey, WRAP, false) \
	X(UnwrapKey, UNWRAP, P11_FOR_TOKEN(t, n, false)) \
	X(DeriveKey, DERIVE, P11_FOR_TOKEN(t, n, false)) \
	X(SeedRandom, IN, false) \
	X(GenerateRandom, RANDOM, false) \
	X(GetFunctionStatus, ID, false) \
	X(CancelFunction, ID, false) \
	X(WaitForSlotEvent, WAIT, false)

/* id: a session or a slot, which are both CK_ULONG. */
#define P11_INITIALIZE_PARAMS     (void *args)
#define P11_INITIALIZE_ARGS       args
#define P11_FINALIZE_PARAMS       (void *args)
#define P11_FINALIZE_ARGS         args
#define P11_INFO_PARAMS           (CK_INFO *info)
#define P11_INFO_ARGS             info
#define P11_SLOTS_PARAMS          (unsigned char present, CK_SLOT_ID *list, CK_ULONG *count)
#define P11_SLOTS_ARGS            present, list, count
#define P11_SLOT_INFO_PARAMS      (CK_SLOT_ID slot, CK_SLOT_INFO *info)
#define P11_SLOT_INFO_ARGS        slot, info
#define P11_TOKEN_INFO_PARAMS     (CK_SLOT_ID slot, CK_TOKEN_INFO *info)
#define P11_TOKEN_INFO_ARGS       slot, info
#define P11_MECHANISMS_PARAMS     (CK_SLOT_ID slot, CK_MECHANISM_TYPE *list, CK_ULONG *count)
#define P11_MECHANISMS_ARGS       slot, list, count
#define P11_MECHANISM_INFO_PARAMS (CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info)
#define P11_MECHANISM_INFO_ARGS   slot, type, info
#define P11_INIT_TOKEN_PARAMS     (CK_SLOT_ID slot, unsigned char *pin, CK_ULONG pin_len, unsigned char *label)
#define P11_INIT_TOKEN_ARGS       slot, pin, pin_len, label
#define P11_IN_PARAMS             (CK_SESSION_HANDLE s, unsigned char *in, CK_ULONG in_len)
#define P11_IN_ARGS               s, in, in_len
#define P11_IN_IN_PARAMS          (CK_SESSION_HANDLE s, unsigned char *in, CK_ULONG in_len, unsigned char *in2, CK_ULONG in2_len)
#define P11_IN_IN_ARGS            s, in, in_len, in2, in2_len
#define P11_OPEN_PARAMS           (CK_SLOT_ID slot, CK_FLAGS flags, void *app, CK_NOTIFY notify, CK_SESSION_HANDLE *session)
#define P11_OPEN_ARGS             slot, flags, app, notify, session
#define P11_ID_PARAMS             (CK_ULONG id)
#define P11_ID_ARGS               id
#define P11_SESSION_INFO_PARAMS   (CK_SESSION_HANDLE s, CK_SESSION_INFO *info)
#define P11_SESSION_INFO_ARGS     s, info
#define P11_OUT_PARAMS            (CK_SESSION_HANDLE s, unsigned char *out, CK_ULONG *out_len)
#define P11_OUT_ARGS              s, out, out_len
#define P11_SET_STATE_PARAMS      (CK_SESSION_HANDLE s, unsigned char *in, CK_ULONG in_len, CK_OBJECT_HANDLE k, CK_OBJECT_HANDLE k2)
#define P11_SET_STATE_ARGS        s, in, in_len, k, k2
#define P11_LOGIN_PARAMS          (CK_SESSION_HANDLE s, CK_USER_TYPE user, unsigned char *in, CK_ULONG in_len)
#define P11_LOGIN_ARGS            s, user, in, in_len
#define P11_CREATE_PARAMS         (CK_SESSION_HANDLE s, CK_ATTRIBUTE *t, CK_ULONG n, CK_OBJECT_HANDLE *made)
#define P11_CREATE_ARGS           s, t, n, made
#define P11_COPY_PARAMS           (CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *t, CK_ULONG n, CK_OBJECT_HANDLE *made)
#define P11_COPY_ARGS             s, o, t, n, made
#define P11_OBJECT_PARAMS         (CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o)
#define P11_OBJECT_ARGS           s, o
#define P11_SIZE_PARAMS           (CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ULONG *size)
#define P11_SIZE_ARGS             s, o, size
#define P11_GET_ATTRIBUTES_PARAMS (CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *t, CK_ULONG n)
#define P11_GET_ATTRIBUTES_ARGS   s, o, t, n
#define P11_SET_ATTRIBUTES_PARAMS (CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *t, CK_ULONG n)
#define P11_SET_ATTRIBUTES_ARGS   s, o, t, n
#define P11_FIND_INIT_PARAMS      (CK_SESSION_HANDLE s, CK_ATTRIBUTE *t, CK_ULONG n)
#define P11_FIND_INIT_ARGS        s, t, n
#define P11_FIND_PARAMS           (CK_SESSION_HANDLE s, CK_OBJECT_HANDLE *list, CK_ULONG max, CK_ULONG *count)
#define P11_FIND_ARGS             s, list, max, count
#define P11_INIT_PARAMS           (CK_SESSION_HANDLE s, CK_MECHANISM *m)
#define P11_INIT_ARGS             s, m
#define P11_KEY_INIT_PARAMS       (CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE o)
#define P11_KEY_INIT_ARGS         s, m, o
#define P11_IN_OUT_PARAMS         (CK_SESSION_HANDLE s, unsigned char *in, CK_ULONG in_len, unsigned char *out, CK_ULONG *out_len)
#define P11_IN_OUT_ARGS           s, in, in_len, out, out_len
#define P11_GENERATE_PARAMS       (CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_ATTRIBUTE *t, CK_ULONG n, CK_OBJECT_HANDLE *made)
#define P11_GENERATE_ARGS         s, m, t, n, made
#define P11_PAIR_PARAMS           (CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_ATTRIBUTE *t, CK_ULONG n, CK_ATTRIBUTE *t2, CK_ULONG n2, CK_OBJECT_HANDLE *made, CK_OBJECT_HANDLE *made2)
#define P11_PAIR_ARGS             s, m, t, n, t2, n2, made, made2
#define P11_WRAP_PARAMS           (CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE k, CK_OBJECT_HANDLE o, unsigned char *out, CK_ULONG *out_len)
#define P11_WRAP_ARGS             s, m, k, o, out, out_len
#define P11_UNWRAP_PARAMS         (CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE k, unsigned char *in, CK_ULONG in_len, CK_ATTRIBUTE *t, CK_ULONG n, CK_OBJECT_HANDLE *made)
#define P11_UNWRAP_ARGS           s, m, k, in, in_len, t, n, made
#define P11_DERIVE_PARAMS         (CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE k, CK_ATTRIBUTE *t, CK_ULONG n, CK_OBJECT_HANDLE *made)
#define P11_DERIVE_ARGS           s, m, k, t, n, made
#define P11_RANDOM_PARAMS         (CK_SESSION_HANDLE s, unsigned char *out, CK_ULONG len)
#define P11_RANDOM_ARGS           s, out, len
#define P11_WAIT_PARAMS           (CK_FLAGS flags, CK_SLOT_ID *slot, void *args)
#define P11_WAIT_ARGS             flags, slot, args
/* clang-format on */

#define P11_NUMBER(NAME, SHAPE, CHANGE) P11_CALL_##NAME,
enum p11_call { P11_CALLS(P11_NUMBER) P11_CALL_COUNT };

#endif
