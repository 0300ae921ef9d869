/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include "calls.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
	pthread_mutex_t lock; /* guards the rest, from begin() to end() */
	const char *variable;
	client_exchange_fn *exchange;
	void *ctx;
	int fd;
	bool initialised, lost;
	struct wire request, answer;
} line = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

static bool over_socket(void *ctx, const struct wire *request, struct wire *answer)
{
	(void)ctx;
	return wire_send(line.fd, request) && wire_receive(line.fd, answer);
}

static void disconnect(void)
{
	if (line.fd >= 0)
		close(line.fd);
	line.fd = -1;
}

/* ---- one call: begin, put…, ask, get…, end ---- */

static void begin(enum p11_call call)
{
	pthread_mutex_lock(&line.lock);
	wire_reset(&line.request);
	wire_put_u64(&line.request, call);
}

static CK_RV ask(void)
{
	if (!line.initialised)
		return CKR_CRYPTOKI_NOT_INITIALIZED;
	if (!wire_ok(&line.request))
		return CKR_ARGUMENTS_BAD;
	if (line.lost || !line.exchange(line.ctx, &line.request, &line.answer)) {
		disconnect();
		line.lost = true;
		return CKR_DEVICE_REMOVED;
	}
	return wire_get_u64(&line.answer);
}

/* An answer that is not as agreed is as good as none. */
static CK_RV end(CK_RV rv)
{
	if (line.initialised && !line.lost && !wire_ok(&line.answer)) {
		disconnect();
		line.lost = true;
		rv = CKR_DEVICE_REMOVED;
	}
	wire_reset(&line.answer);
	wire_reset(&line.request);
	pthread_mutex_unlock(&line.lock);
	return rv;
}

#define PUT(value)	     wire_put_u64(&line.request, (value))
#define PUT_BYTES(p, n)	     wire_put_bytes(&line.request, (p), (n))
#define PUT_ATTRIBUTES(t, n) wire_put_attributes(&line.request, (t), (n))
#define GET()		     wire_get_u64(&line.answer)

static CK_RV put_mechanism(const CK_MECHANISM *m)
{
	return wire_put_mechanism(&line.request, m) ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;
}

static CK_RV get_struct(CK_RV rv, void *out, size_t size)
{
	unsigned char *in;
	CK_ULONG len;

	if (rv != CKR_OK)
		return rv;
	in = wire_get_bytes(&line.answer, &len);
	if (in && len == size && out)
		memcpy(out, in, size);
	else
		line.answer.bad = true;
	return rv;
}

/* A buffer with its length: what may come back, and what came. */
static void put_room(const void *out, const CK_ULONG *len)
{
	PUT(out && len ? *len : WIRE_NULL);
}

static CK_RV get_room(CK_RV rv, void *out, CK_ULONG *len, size_t item)
{
	const CK_ULONG room = *len;
	unsigned char *in;
	CK_ULONG got;

	if (rv != CKR_OK && rv != CKR_BUFFER_TOO_SMALL)
		return rv;
	*len = GET();
	if (rv != CKR_OK || !out)
		return rv;
	in = wire_get_bytes(&line.answer, &got);
	if (in && *len <= room && got == *len * item)
		memcpy(out, in, got);
	else
		line.answer.bad = true;
	return rv;
}

static CK_RV get_handle(CK_RV rv, CK_ULONG *made)
{
	if (rv == CKR_OK)
		*made = GET();
	return rv;
}

/* ---- the shapes of calls.h ---- */

static CK_RV rpc_INITIALIZE(enum p11_call call, void *args)
{
	const CK_C_INITIALIZE_ARGS *given = args;
	const char *words = given ? given->pReserved : NULL;
	CK_RV rv = CKR_OK;

	begin(call);
	if (line.initialised)
		return end(CKR_CRYPTOKI_ALREADY_INITIALIZED);
	if (line.variable) {
		const char *where = getenv(line.variable);

		line.fd = where ? wire_connect(where) : -1;
		if (line.fd < 0)
			return end(CKR_DEVICE_REMOVED);
	}
	line.initialised = true;
	line.lost = false;
	PUT_BYTES(words, words ? strlen(words) : 0);
	rv = ask();
	if (rv == CKR_OK && !wire_ok(&line.answer))
		rv = CKR_DEVICE_REMOVED;
	if (rv != CKR_OK) {
		disconnect();
		line.initialised = false;
	}
	return end(rv);
}

static CK_RV rpc_FINALIZE(enum p11_call call, void *args)
{
	CK_RV rv;

	begin(call);
	if (args || !line.initialised)
		return end(args ? CKR_ARGUMENTS_BAD : CKR_CRYPTOKI_NOT_INITIALIZED);
	rv = ask();
	rv = end(rv);
	/* Whatever the other end thinks of it, this end has finished. */
	disconnect();
	line.initialised = false;
	return rv == CKR_DEVICE_REMOVED ? CKR_OK : rv;
}

static CK_RV rpc_INFO(enum p11_call call, CK_INFO *info)
{
	begin(call);
	return end(get_struct(ask(), info, sizeof(*info)));
}

static CK_RV rpc_SLOTS(enum p11_call call, unsigned char present, CK_SLOT_ID *list, CK_ULONG *count)
{
	begin(call);
	PUT(present);
	put_room(list, count);
	return end(get_room(ask(), list, count, sizeof(*list)));
}

static CK_RV rpc_SLOT_INFO(enum p11_call call, CK_SLOT_ID slot, CK_SLOT_INFO *info)
{
	begin(call);
	PUT(slot);
	return end(get_struct(ask(), info, sizeof(*info)));
}

static CK_RV rpc_TOKEN_INFO(enum p11_call call, CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
	begin(call);
	PUT(slot);
	return end(get_struct(ask(), info, sizeof(*info)));
}

static CK_RV rpc_MECHANISMS(
	enum p11_call call, CK_SLOT_ID slot, CK_MECHANISM_TYPE *list, CK_ULONG *count)
{
	begin(call);
	PUT(slot);
	put_room(list, count);
	return end(get_room(ask(), list, count, sizeof(*list)));
}

static CK_RV rpc_MECHANISM_INFO(
	enum p11_call call, CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info)
{
	begin(call);
	PUT(slot);
	PUT(type);
	return end(get_struct(ask(), info, sizeof(*info)));
}

static CK_RV rpc_INIT_TOKEN(enum p11_call call, CK_SLOT_ID slot, unsigned char *pin,
	CK_ULONG pin_len, unsigned char *label)
{
	begin(call);
	PUT(slot);
	PUT_BYTES(pin, pin_len);
	PUT_BYTES(label, 32);
	return end(ask());
}

static CK_RV rpc_IN(enum p11_call call, CK_SESSION_HANDLE s, unsigned char *in, CK_ULONG in_len)
{
	begin(call);
	PUT(s);
	PUT_BYTES(in, in_len);
	return end(ask());
}

static CK_RV rpc_IN_IN(enum p11_call call, CK_SESSION_HANDLE s, unsigned char *in, CK_ULONG in_len,
	unsigned char *in2, CK_ULONG in2_len)
{
	begin(call);
	PUT(s);
	PUT_BYTES(in, in_len);
	PUT_BYTES(in2, in2_len);
	return end(ask());
}

static CK_RV rpc_OPEN(enum p11_call call, CK_SLOT_ID slot, CK_FLAGS flags, void *app,
	CK_NOTIFY notify, CK_SESSION_HANDLE *session)
{
	(void)app;
	(void)notify;
	begin(call);
	PUT(slot);
	PUT(flags);
	return end(get_handle(ask(), session));
}

static CK_RV rpc_ID(enum p11_call call, CK_ULONG id)
{
	begin(call);
	PUT(id);
	return end(ask());
}

static CK_RV rpc_SESSION_INFO(enum p11_call call, CK_SESSION_HANDLE s, CK_SESSION_INFO *info)
{
	begin(call);
	PUT(s);
	return end(get_struct(ask(), info, sizeof(*info)));
}

static CK_RV rpc_OUT(enum p11_call call, CK_SESSION_HANDLE s, unsigned char *out, CK_ULONG *out_len)
{
	begin(call);
	PUT(s);
	put_room(out, out_len);
	return end(get_room(ask(), out, out_len, 1));
}

static CK_RV rpc_SET_STATE(enum p11_call call, CK_SESSION_HANDLE s, unsigned char *in,
	CK_ULONG in_len, CK_OBJECT_HANDLE k, CK_OBJECT_HANDLE k2)
{
	begin(call);
	PUT(s);
	PUT_BYTES(in, in_len);
	PUT(k);
	PUT(k2);
	return end(ask());
}

static CK_RV rpc_LOGIN(enum p11_call call, CK_SESSION_HANDLE s, CK_USER_TYPE user,
	unsigned char *in, CK_ULONG in_len)
{
	begin(call);
	PUT(s);
	PUT(user);
	PUT_BYTES(in, in_len);
	return end(ask());
}

static CK_RV rpc_CREATE(enum p11_call call, CK_SESSION_HANDLE s, CK_ATTRIBUTE *t, CK_ULONG n,
	CK_OBJECT_HANDLE *made)
{
	begin(call);
	PUT(s);
	PUT_ATTRIBUTES(t, n);
	return end(get_handle(ask(), made));
}

static CK_RV rpc_COPY(enum p11_call call, CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *t,
	CK_ULONG n, CK_OBJECT_HANDLE *made)
{
	begin(call);
	PUT(s);
	PUT(o);
	PUT_ATTRIBUTES(t, n);
	return end(get_handle(ask(), made));
}

static CK_RV rpc_OBJECT(enum p11_call call, CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o)
{
	begin(call);
	PUT(s);
	PUT(o);
	return end(ask());
}

static CK_RV rpc_SIZE(enum p11_call call, CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ULONG *size)
{
	begin(call);
	PUT(s);
	PUT(o);
	return end(get_handle(ask(), size));
}

static void get_attribute(CK_ATTRIBUTE *a)
{
	const CK_ULONG room = a->ulValueLen;
	CK_ULONG len = GET(), got;
	unsigned char *in = wire_get_bytes(&line.answer, &got);

	a->ulValueLen = len;
	if (!in || !a->pValue)
		return;
	if (got > room || got != len)
		line.answer.bad = true;
	else
		memcpy(a->pValue, in, got);
}

/* Some of the attributes are there even where the call as a whole fails. */
static CK_RV rpc_GET_ATTRIBUTES(
	enum p11_call call, CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *t, CK_ULONG n)
{
	CK_RV rv;

	begin(call);
	PUT(s);
	PUT(o);
	PUT(n);
	for (CK_ULONG i = 0; i < n; i++) {
		PUT(t[i].type);
		put_room(t[i].pValue, &t[i].ulValueLen);
	}
	rv = ask();
	if (rv == CKR_OK || rv == CKR_ATTRIBUTE_SENSITIVE || rv == CKR_ATTRIBUTE_TYPE_INVALID ||
		rv == CKR_BUFFER_TOO_SMALL)
		for (CK_ULONG i = 0; i < n; i++)
			get_attribute(&t[i]);
	return end(rv);
}

static CK_RV rpc_SET_ATTRIBUTES(
	enum p11_call call, CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *t, CK_ULONG n)
{
	begin(call);
	PUT(s);
	PUT(o);
	PUT_ATTRIBUTES(t, n);
	return end(ask());
}

static CK_RV rpc_FIND_INIT(enum p11_call call, CK_SESSION_HANDLE s, CK_ATTRIBUTE *t, CK_ULONG n)
{
	begin(call);
	PUT(s);
	PUT_ATTRIBUTES(t, n);
	return end(ask());
}

static CK_RV rpc_FIND(enum p11_call call, CK_SESSION_HANDLE s, CK_OBJECT_HANDLE *list, CK_ULONG max,
	CK_ULONG *count)
{
	begin(call);
	PUT(s);
	put_room(list, &max);
	*count = max;
	return end(get_room(ask(), list, count, sizeof(*list)));
}

static CK_RV rpc_INIT(enum p11_call call, CK_SESSION_HANDLE s, CK_MECHANISM *m)
{
	CK_RV rv;

	begin(call);
	PUT(s);
	rv = put_mechanism(m);
	return end(rv == CKR_OK ? ask() : rv);
}

static CK_RV rpc_KEY_INIT(
	enum p11_call call, CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE o)
{
	CK_RV rv;

	begin(call);
	PUT(s);
	rv = put_mechanism(m);
	PUT(o);
	return end(rv == CKR_OK ? ask() : rv);
}

static CK_RV rpc_IN_OUT(enum p11_call call, CK_SESSION_HANDLE s, unsigned char *in, CK_ULONG in_len,
	unsigned char *out, CK_ULONG *out_len)
{
	begin(call);
	PUT(s);
	PUT_BYTES(in, in_len);
	put_room(out, out_len);
	return end(get_room(ask(), out, out_len, 1));
}

static CK_RV rpc_GENERATE(enum p11_call call, CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_ATTRIBUTE *t,
	CK_ULONG n, CK_OBJECT_HANDLE *made)
{
	CK_RV rv;

	begin(call);
	PUT(s);
	rv = put_mechanism(m);
	PUT_ATTRIBUTES(t, n);
	return end(rv == CKR_OK ? get_handle(ask(), made) : rv);
}

static CK_RV rpc_PAIR(enum p11_call call, CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_ATTRIBUTE *t,
	CK_ULONG n, CK_ATTRIBUTE *t2, CK_ULONG n2, CK_OBJECT_HANDLE *made, CK_OBJECT_HANDLE *made2)
{
	CK_RV rv;

	begin(call);
	PUT(s);
	rv = put_mechanism(m);
	PUT_ATTRIBUTES(t, n);
	PUT_ATTRIBUTES(t2, n2);
	return end(rv == CKR_OK ? get_handle(get_handle(ask(), made), made2) : rv);
}

static CK_RV rpc_WRAP(enum p11_call call, CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE k,
	CK_OBJECT_HANDLE o, unsigned char *out, CK_ULONG *out_len)
{
	CK_RV rv;

	begin(call);
	PUT(s);
	rv = put_mechanism(m);
	PUT(k);
	PUT(o);
	put_room(out, out_len);
	return end(rv == CKR_OK ? get_room(ask(), out, out_len, 1) : rv);
}

static CK_RV rpc_UNWRAP(enum p11_call call, CK_SESSION_HANDLE s, CK_MECHANISM *m,
	CK_OBJECT_HANDLE k, unsigned char *in, CK_ULONG in_len, CK_ATTRIBUTE *t, CK_ULONG n,
	CK_OBJECT_HANDLE *made)
{
	CK_RV rv;

	begin(call);
	PUT(s);
	rv = put_mechanism(m);
	PUT(k);
	PUT_BYTES(in, in_len);
	PUT_ATTRIBUTES(t, n);
	return end(rv == CKR_OK ? get_handle(ask(), made) : rv);
}

static CK_RV rpc_DERIVE(enum p11_call call, CK_SESSION_HANDLE s, CK_MECHANISM *m,
	CK_OBJECT_HANDLE k, CK_ATTRIBUTE *t, CK_ULONG n, CK_OBJECT_HANDLE *made)
{
	CK_RV rv;

	begin(call);
	PUT(s);
	rv = put_mechanism(m);
	PUT(k);
	PUT_ATTRIBUTES(t, n);
	return end(rv == CKR_OK ? get_handle(ask(), made) : rv);
}

static CK_RV rpc_RANDOM(enum p11_call call, CK_SESSION_HANDLE s, unsigned char *out, CK_ULONG len)
{
	begin(call);
	PUT(s);
	put_room(out, &len);
	return end(get_room(ask(), out, &len, 1));
}

/* Blocks until something happens to a slot: nothing here waits for that. */
static CK_RV rpc_WAIT(enum p11_call call, CK_FLAGS flags, CK_SLOT_ID *slot, void *args)
{
	(void)call;
	(void)flags;
	(void)slot;
	(void)args;
	return CKR_FUNCTION_NOT_SUPPORTED;
}

#define REMOTE(NAME, SHAPE, CHANGE)                                      \
	static CK_RV remote_##NAME P11_##SHAPE##_PARAMS                  \
	{                                                                \
		return rpc_##SHAPE(P11_CALL_##NAME, P11_##SHAPE##_ARGS); \
	}

P11_CALLS(REMOTE)

static CK_RV remote_GetFunctionList(CK_FUNCTION_LIST **ret_list);

#define USE(NAME, SHAPE, CHANGE) .C_##NAME = remote_##NAME,

static CK_FUNCTION_LIST remote = {
	.version = {2, 40}, .C_GetFunctionList = remote_GetFunctionList, P11_CALLS(USE)};

static CK_RV remote_GetFunctionList(CK_FUNCTION_LIST **ret_list)
{
	*ret_list = &remote;
	return CKR_OK;
}

CK_FUNCTION_LIST *client_of(const char *variable)
{
	line.variable = variable;
	line.exchange = over_socket;
	return &remote;
}

CK_FUNCTION_LIST *client_by(client_exchange_fn *exchange, void *ctx)
{
	line.variable = NULL;
	line.exchange = exchange;
	line.ctx = ctx;
	return &remote;
}
