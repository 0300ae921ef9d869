/* SPDX-License-Identifier: Apache-2.0 */
#include "serve.h"

#include "calls.h"

#include <string.h>

struct serving {
	CK_FUNCTION_LIST *list;
	const char *init_args;
	struct wire in, out;
};

/* ---- reading the request, writing the answer ---- */

struct bytes {
	unsigned char *data;
	CK_ULONG len;
};

struct attributes {
	CK_ATTRIBUTE *t;
	CK_ULONG n;
};

/* What the client has room for; data is NULL if it asks for the length only. */
struct room {
	unsigned char *data;
	CK_ULONG len;
};

static CK_ULONG number(struct serving *v)
{
	return wire_get_u64(&v->in);
}

static struct bytes bytes(struct serving *v)
{
	struct bytes b = {0};

	b.data = wire_get_bytes(&v->in, &b.len);
	return b;
}

static struct attributes attributes(struct serving *v)
{
	struct attributes a = {0};

	a.t = wire_get_attributes(&v->in, &a.n);
	return a;
}

static struct room room(struct serving *v, size_t item)
{
	uint64_t len = wire_get_u64(&v->in);
	struct room r = {0};

	if (len == WIRE_NULL)
		return r;
	if (len > (item > 1 ? WIRE_LIST_MAX : WIRE_MAX / 2))
		len = item > 1 ? WIRE_LIST_MAX : WIRE_MAX / 2;
	r.data = wire_alloc(&v->in, len * item);
	r.len = len;
	return r;
}

static void answer(struct serving *v, CK_RV rv)
{
	wire_put_u64(&v->out, rv);
}

static void answer_struct(struct serving *v, CK_RV rv, const void *out, size_t size)
{
	answer(v, rv);
	if (rv == CKR_OK)
		wire_put_bytes(&v->out, out, size);
}

static void answer_room(struct serving *v, CK_RV rv, const struct room *r, size_t item)
{
	answer(v, rv);
	if (rv != CKR_OK && rv != CKR_BUFFER_TOO_SMALL)
		return;
	wire_put_u64(&v->out, r->len);
	if (rv == CKR_OK && r->data)
		wire_put_bytes(&v->out, r->data, r->len * item);
}

static void answer_handle(struct serving *v, CK_RV rv, CK_ULONG made)
{
	answer(v, rv);
	if (rv == CKR_OK)
		wire_put_u64(&v->out, made);
}

/* A request is carried out only if all of it was read. */
static bool whole(struct serving *v)
{
	if (wire_ok(&v->in) && v->in.at == v->in.len)
		return true;
	answer(v, CKR_ARGUMENTS_BAD);
	return false;
}

/* ---- the shapes of calls.h, in its order of parameters ---- */

static void serve_INITIALIZE(struct serving *v, CK_C_Initialize call)
{
	struct bytes words = bytes(v);
	CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK,
		.pReserved = v->init_args ? (void *)(uintptr_t)v->init_args : words.data};

	if (whole(v))
		answer(v, call(&args));
}

static void serve_FINALIZE(struct serving *v, CK_C_Finalize call)
{
	if (whole(v))
		answer(v, call(NULL));
}

static void serve_INFO(struct serving *v, CK_C_GetInfo call)
{
	CK_INFO info = {0};

	if (whole(v)) {
		CK_RV rv = call(&info);

		answer_struct(v, rv, &info, sizeof(info));
	}
}

static void serve_SLOTS(struct serving *v, CK_C_GetSlotList call)
{
	unsigned char present = number(v) != 0;
	struct room r = room(v, sizeof(CK_SLOT_ID));

	if (whole(v)) {
		CK_RV rv = call(present, (CK_SLOT_ID *)r.data, &r.len);

		answer_room(v, rv, &r, sizeof(CK_SLOT_ID));
	}
}

static void serve_SLOT_INFO(struct serving *v, CK_C_GetSlotInfo call)
{
	CK_SLOT_ID slot = number(v);
	CK_SLOT_INFO info = {0};

	if (whole(v)) {
		CK_RV rv = call(slot, &info);

		answer_struct(v, rv, &info, sizeof(info));
	}
}

static void serve_TOKEN_INFO(struct serving *v, CK_C_GetTokenInfo call)
{
	CK_SLOT_ID slot = number(v);
	CK_TOKEN_INFO info = {0};

	if (whole(v)) {
		CK_RV rv = call(slot, &info);

		answer_struct(v, rv, &info, sizeof(info));
	}
}

static void serve_MECHANISMS(struct serving *v, CK_C_GetMechanismList call)
{
	CK_SLOT_ID slot = number(v);
	struct room r = room(v, sizeof(CK_MECHANISM_TYPE));

	if (whole(v)) {
		CK_RV rv = call(slot, (CK_MECHANISM_TYPE *)r.data, &r.len);

		answer_room(v, rv, &r, sizeof(CK_MECHANISM_TYPE));
	}
}

static void serve_MECHANISM_INFO(struct serving *v, CK_C_GetMechanismInfo call)
{
	CK_SLOT_ID slot = number(v);
	CK_MECHANISM_TYPE type = number(v);
	CK_MECHANISM_INFO info = {0};

	if (whole(v)) {
		CK_RV rv = call(slot, type, &info);

		answer_struct(v, rv, &info, sizeof(info));
	}
}

static void serve_INIT_TOKEN(struct serving *v, CK_C_InitToken call)
{
	CK_SLOT_ID slot = number(v);
	struct bytes pin = bytes(v);
	struct bytes label = bytes(v);

	if (label.len != 32)
		v->in.bad = true;
	if (whole(v))
		answer(v, call(slot, pin.data, pin.len, label.data));
}

static void serve_IN(struct serving *v, CK_C_InitPIN call)
{
	CK_SESSION_HANDLE s = number(v);
	struct bytes in = bytes(v);

	if (whole(v))
		answer(v, call(s, in.data, in.len));
}

static void serve_IN_IN(struct serving *v, CK_C_SetPIN call)
{
	CK_SESSION_HANDLE s = number(v);
	struct bytes in = bytes(v);
	struct bytes in2 = bytes(v);

	if (whole(v))
		answer(v, call(s, in.data, in.len, in2.data, in2.len));
}

static void serve_OPEN(struct serving *v, CK_C_OpenSession call)
{
	CK_SLOT_ID slot = number(v);
	CK_FLAGS flags = number(v);
	CK_SESSION_HANDLE session = 0;

	if (whole(v)) {
		CK_RV rv = call(slot, flags, NULL, NULL, &session);

		answer_handle(v, rv, session);
	}
}

static void serve_ID(struct serving *v, CK_C_CloseSession call)
{
	CK_ULONG id = number(v);

	if (whole(v))
		answer(v, call(id));
}

static void serve_SESSION_INFO(struct serving *v, CK_C_GetSessionInfo call)
{
	CK_SESSION_HANDLE s = number(v);
	CK_SESSION_INFO info = {0};

	if (whole(v)) {
		CK_RV rv = call(s, &info);

		answer_struct(v, rv, &info, sizeof(info));
	}
}

static void serve_OUT(struct serving *v, CK_C_GetOperationState call)
{
	CK_SESSION_HANDLE s = number(v);
	struct room r = room(v, 1);

	if (whole(v)) {
		CK_RV rv = call(s, r.data, &r.len);

		answer_room(v, rv, &r, 1);
	}
}

static void serve_SET_STATE(struct serving *v, CK_C_SetOperationState call)
{
	CK_SESSION_HANDLE s = number(v);
	struct bytes in = bytes(v);
	CK_OBJECT_HANDLE k = number(v), k2 = number(v);

	if (whole(v))
		answer(v, call(s, in.data, in.len, k, k2));
}

static void serve_LOGIN(struct serving *v, CK_C_Login call)
{
	CK_SESSION_HANDLE s = number(v);
	CK_USER_TYPE user = number(v);
	struct bytes in = bytes(v);

	if (whole(v))
		answer(v, call(s, user, in.data, in.len));
}

static void serve_CREATE(struct serving *v, CK_C_CreateObject call)
{
	CK_SESSION_HANDLE s = number(v);
	struct attributes a = attributes(v);
	CK_OBJECT_HANDLE made = 0;

	if (whole(v)) {
		CK_RV rv = call(s, a.t, a.n, &made);

		answer_handle(v, rv, made);
	}
}

static void serve_COPY(struct serving *v, CK_C_CopyObject call)
{
	CK_SESSION_HANDLE s = number(v);
	CK_OBJECT_HANDLE o = number(v);
	struct attributes a = attributes(v);
	CK_OBJECT_HANDLE made = 0;

	if (whole(v)) {
		CK_RV rv = call(s, o, a.t, a.n, &made);

		answer_handle(v, rv, made);
	}
}

static void serve_OBJECT(struct serving *v, CK_C_DestroyObject call)
{
	CK_SESSION_HANDLE s = number(v);
	CK_OBJECT_HANDLE o = number(v);

	if (whole(v))
		answer(v, call(s, o));
}

static void serve_SIZE(struct serving *v, CK_C_GetObjectSize call)
{
	CK_SESSION_HANDLE s = number(v);
	CK_OBJECT_HANDLE o = number(v);
	CK_ULONG size = 0;

	if (whole(v)) {
		CK_RV rv = call(s, o, &size);

		answer_handle(v, rv, size);
	}
}

static void serve_GET_ATTRIBUTES(struct serving *v, CK_C_GetAttributeValue call)
{
	CK_SESSION_HANDLE s = number(v);
	CK_OBJECT_HANDLE o = number(v);
	CK_ULONG n = number(v);
	CK_ATTRIBUTE t[WIRE_ATTRIBUTES_MAX] = {{0}};
	CK_RV rv;

	if (n > WIRE_ATTRIBUTES_MAX)
		v->in.bad = true;
	for (CK_ULONG i = 0; !v->in.bad && i < n; i++) {
		struct room r;

		t[i].type = number(v);
		r = room(v, 1);
		if (r.len > WIRE_VALUE_MAX)
			r.len = WIRE_VALUE_MAX;
		t[i].pValue = r.data;
		t[i].ulValueLen = r.len;
	}
	if (!whole(v))
		return;
	rv = call(s, o, t, n);
	answer(v, rv);
	for (CK_ULONG i = 0; i < n; i++) {
		bool there = t[i].ulValueLen != CK_UNAVAILABLE_INFORMATION;

		wire_put_u64(&v->out, t[i].ulValueLen);
		wire_put_bytes(&v->out, there ? t[i].pValue : NULL, t[i].ulValueLen);
	}
}

static void serve_SET_ATTRIBUTES(struct serving *v, CK_C_SetAttributeValue call)
{
	CK_SESSION_HANDLE s = number(v);
	CK_OBJECT_HANDLE o = number(v);
	struct attributes a = attributes(v);

	if (whole(v))
		answer(v, call(s, o, a.t, a.n));
}

static void serve_FIND_INIT(struct serving *v, CK_C_FindObjectsInit call)
{
	CK_SESSION_HANDLE s = number(v);
	struct attributes a = attributes(v);

	if (whole(v))
		answer(v, call(s, a.t, a.n));
}

static void serve_FIND(struct serving *v, CK_C_FindObjects call)
{
	CK_SESSION_HANDLE s = number(v);
	struct room r = room(v, sizeof(CK_OBJECT_HANDLE));
	CK_ULONG count = 0;

	if (whole(v)) {
		CK_RV rv = call(s, (CK_OBJECT_HANDLE *)r.data, r.len, &count);

		r.len = count;
		answer_room(v, rv, &r, sizeof(CK_OBJECT_HANDLE));
	}
}

static void serve_INIT(struct serving *v, CK_C_DigestInit call)
{
	CK_SESSION_HANDLE s = number(v);
	CK_MECHANISM *m = wire_get_mechanism(&v->in);

	if (whole(v))
		answer(v, call(s, m));
}

static void serve_KEY_INIT(struct serving *v, CK_C_EncryptInit call)
{
	CK_SESSION_HANDLE s = number(v);
	CK_MECHANISM *m = wire_get_mechanism(&v->in);
	CK_OBJECT_HANDLE o = number(v);

	if (whole(v))
		answer(v, call(s, m, o));
}

static void serve_IN_OUT(struct serving *v, CK_C_Encrypt call)
{
	CK_SESSION_HANDLE s = number(v);
	struct bytes in = bytes(v);
	struct room r = room(v, 1);

	if (whole(v)) {
		CK_RV rv = call(s, in.data, in.len, r.data, &r.len);

		answer_room(v, rv, &r, 1);
	}
}

static void serve_GENERATE(struct serving *v, CK_C_GenerateKey call)
{
	CK_SESSION_HANDLE s = number(v);
	CK_MECHANISM *m = wire_get_mechanism(&v->in);
	struct attributes a = attributes(v);
	CK_OBJECT_HANDLE made = 0;

	if (whole(v)) {
		CK_RV rv = call(s, m, a.t, a.n, &made);

		answer_handle(v, rv, made);
	}
}

static void serve_PAIR(struct serving *v, CK_C_GenerateKeyPair call)
{
	CK_SESSION_HANDLE s = number(v);
	CK_MECHANISM *m = wire_get_mechanism(&v->in);
	struct attributes a = attributes(v);
	struct attributes a2 = attributes(v);
	CK_OBJECT_HANDLE made = 0, made2 = 0;

	if (whole(v)) {
		CK_RV rv = call(s, m, a.t, a.n, a2.t, a2.n, &made, &made2);

		answer_handle(v, rv, made);
		if (rv == CKR_OK)
			wire_put_u64(&v->out, made2);
	}
}

static void serve_WRAP(struct serving *v, CK_C_WrapKey call)
{
	CK_SESSION_HANDLE s = number(v);
	CK_MECHANISM *m = wire_get_mechanism(&v->in);
	CK_OBJECT_HANDLE k = number(v), o = number(v);
	struct room r = room(v, 1);

	if (whole(v)) {
		CK_RV rv = call(s, m, k, o, r.data, &r.len);

		answer_room(v, rv, &r, 1);
	}
}

static void serve_UNWRAP(struct serving *v, CK_C_UnwrapKey call)
{
	CK_SESSION_HANDLE s = number(v);
	CK_MECHANISM *m = wire_get_mechanism(&v->in);
	CK_OBJECT_HANDLE k = number(v);
	struct bytes in = bytes(v);
	struct attributes a = attributes(v);
	CK_OBJECT_HANDLE made = 0;

	if (whole(v)) {
		CK_RV rv = call(s, m, k, in.data, in.len, a.t, a.n, &made);

		answer_handle(v, rv, made);
	}
}

static void serve_DERIVE(struct serving *v, CK_C_DeriveKey call)
{
	CK_SESSION_HANDLE s = number(v);
	CK_MECHANISM *m = wire_get_mechanism(&v->in);
	CK_OBJECT_HANDLE k = number(v);
	struct attributes a = attributes(v);
	CK_OBJECT_HANDLE made = 0;

	if (whole(v)) {
		CK_RV rv = call(s, m, k, a.t, a.n, &made);

		answer_handle(v, rv, made);
	}
}

static void serve_RANDOM(struct serving *v, CK_C_GenerateRandom call)
{
	CK_SESSION_HANDLE s = number(v);
	struct room r = room(v, 1);

	if (whole(v)) {
		CK_RV rv = call(s, r.data, r.len);

		answer_room(v, rv, &r, 1);
	}
}

static void serve_WAIT(struct serving *v, CK_C_WaitForSlotEvent call)
{
	(void)call;
	answer(v, CKR_FUNCTION_NOT_SUPPORTED);
}

static void carry_out(struct serving *v)
{
	uint64_t call = wire_get_u64(&v->in);

#define SERVE(NAME, SHAPE, CHANGE)                   \
	case P11_CALL_##NAME:                        \
		serve_##SHAPE(v, v->list->C_##NAME); \
		break;

	switch (call) {
		P11_CALLS(SERVE)
	default:
		answer(v, CKR_FUNCTION_NOT_SUPPORTED);
	}
}

void serve(int fd, CK_FUNCTION_LIST *list, const char *init_args)
{
	struct serving v = {.list = list, .init_args = init_args};

	while (wire_receive(fd, &v.in)) {
		wire_reset(&v.out);
		carry_out(&v);
		if (!wire_send(fd, &v.out))
			break;
	}
	wire_free(&v.in);
	wire_free(&v.out);
}
