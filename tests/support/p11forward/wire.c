/* SPDX-License-Identifier: Apache-2.0 */
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CKM_SP800_108_COUNTER_KDF 0x3acUL

enum { DEPTH_MAX = 2, KDF_PIECES_MAX = 16 };

struct wire_piece {
	struct wire_piece *next;
	size_t len;
	max_align_t bytes[];
};

static void free_pieces(struct wire *w)
{
	while (w->pieces) {
		struct wire_piece *piece = w->pieces;

		w->pieces = piece->next;
		explicit_bzero(piece->bytes, piece->len);
		free(piece);
	}
}

void wire_reset(struct wire *w)
{
	free_pieces(w);
	if (w->data)
		explicit_bzero(w->data, w->len);
	w->len = 0;
	w->at = 0;
	w->bad = false;
}

void wire_free(struct wire *w)
{
	wire_reset(w);
	free(w->data);
	*w = (struct wire){0};
}

bool wire_ok(const struct wire *w)
{
	return !w->bad;
}

void *wire_alloc(struct wire *w, size_t len)
{
	struct wire_piece *piece = len <= WIRE_MAX ? calloc(1, sizeof(*piece) + len + 1) : NULL;

	if (!piece) {
		w->bad = true;
		return NULL;
	}
	piece->len = len;
	piece->next = w->pieces;
	w->pieces = piece;
	return piece->bytes;
}

/* ---- writing ---- */

static void put(struct wire *w, const void *data, size_t len)
{
	if (len > WIRE_MAX - w->len)
		w->bad = true;
	if (w->bad)
		return;
	if (w->len + len > w->size) {
		size_t size = w->size ? w->size : 512;
		unsigned char *more;

		while (size < w->len + len)
			size *= 2;
		/* Not realloc: what is left behind may be a PIN. */
		more = malloc(size);
		if (!more) {
			w->bad = true;
			return;
		}
		if (w->data) {
			memcpy(more, w->data, w->len);
			explicit_bzero(w->data, w->len);
			free(w->data);
		}
		w->data = more;
		w->size = size;
	}
	if (len)
		memcpy(w->data + w->len, data, len);
	w->len += len;
}

void wire_put_u64(struct wire *w, uint64_t value)
{
	unsigned char out[8];

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (unsigned char)(value >> 8 * i);
	put(w, out, sizeof(out));
}

void wire_put_bytes(struct wire *w, const void *data, size_t len)
{
	wire_put_u64(w, data ? len : WIRE_NULL);
	if (data)
		put(w, data, len);
}

static void put_attributes(struct wire *w, const CK_ATTRIBUTE *t, CK_ULONG n, int depth)
{
	if (n > WIRE_ATTRIBUTES_MAX || depth > DEPTH_MAX) {
		w->bad = true;
		return;
	}
	wire_put_u64(w, t ? n : 0);
	for (CK_ULONG i = 0; t && i < n; i++) {
		wire_put_u64(w, t[i].type);
		if (t[i].type & CKF_ARRAY_ATTRIBUTE && t[i].type != CKA_ALLOWED_MECHANISMS)
			put_attributes(w, t[i].pValue, t[i].ulValueLen / sizeof(*t), depth + 1);
		else
			wire_put_bytes(w, t[i].pValue, t[i].ulValueLen);
	}
}

void wire_put_attributes(struct wire *w, const CK_ATTRIBUTE *t, CK_ULONG n)
{
	put_attributes(w, t, n, 0);
}

/* ---- mechanism parameters ---- */

struct prf_counter { /* PKCS#11 3.0, as src/hsm/p11.h */
	CK_BBOOL little_endian;
	CK_ULONG width_in_bits;
};

struct prf_data {
	CK_ULONG type;
	void *value;
	CK_ULONG value_len;
};

struct kdf_params {
	CK_MECHANISM_TYPE prf;
	CK_ULONG data_count;
	struct prf_data *data;
	CK_ULONG more_keys_count;
	void *more_keys;
};

enum shape { FLAT, STRING, CBC_DATA_8, CBC_DATA_16, OAEP, KDF };

static const struct {
	CK_MECHANISM_TYPE type;
	enum shape shape;
} shapes[] = {
	{CKM_AES_CBC, FLAT},
	{CKM_AES_CBC_PAD, FLAT},
	{CKM_AES_KEY_WRAP, FLAT},
	{CKM_AES_KEY_WRAP_PAD, FLAT},
	{CKM_DES3_CBC, FLAT},
	{CKM_DES3_CBC_PAD, FLAT},
	{CKM_CONCATENATE_BASE_AND_KEY, FLAT},
	{CKM_EXTRACT_KEY_FROM_KEY, FLAT},
	{0x210bUL, FLAT}, /* CKM_AES_KEY_WRAP_KWP */
	{CKM_CONCATENATE_BASE_AND_DATA, STRING},
	{CKM_CONCATENATE_DATA_AND_BASE, STRING},
	{CKM_XOR_BASE_AND_DATA, STRING},
	{CKM_AES_ECB_ENCRYPT_DATA, STRING},
	{CKM_DES3_ECB_ENCRYPT_DATA, STRING},
	{CKM_DES3_CBC_ENCRYPT_DATA, CBC_DATA_8},
	{CKM_AES_CBC_ENCRYPT_DATA, CBC_DATA_16},
	{CKM_RSA_PKCS_OAEP, OAEP},
	{CKM_SP800_108_COUNTER_KDF, KDF},
};

static bool shape_of(CK_MECHANISM_TYPE type, enum shape *ret_shape)
{
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		if (shapes[i].type == type) {
			*ret_shape = shapes[i].shape;
			return true;
		}
	}
	return false;
}

static bool put_kdf(struct wire *w, const struct kdf_params *p)
{
	if (p->more_keys_count || p->data_count > KDF_PIECES_MAX)
		return false;
	wire_put_u64(w, p->prf);
	wire_put_u64(w, p->data_count);
	for (CK_ULONG i = 0; i < p->data_count; i++) {
		wire_put_u64(w, p->data[i].type);
		wire_put_bytes(w, p->data[i].value, p->data[i].value_len);
	}
	return true;
}

bool wire_put_mechanism(struct wire *w, const CK_MECHANISM *m)
{
	const void *p = m ? m->pParameter : NULL;
	enum shape shape = FLAT;
	size_t iv;

	wire_put_u64(w, m ? m->mechanism : WIRE_NULL);
	if (!m)
		return true;
	if (!shape_of(m->mechanism, &shape) && p && m->ulParameterLen)
		return false;
	wire_put_u64(w, shape);
	if (!p || shape == FLAT) {
		wire_put_bytes(w, p, m->ulParameterLen);
		return true;
	}
	wire_put_bytes(w, "", 0);
	switch (shape) {
	case STRING:
		wire_put_bytes(w, ((const CK_KEY_DERIVATION_STRING_DATA *)p)->pData,
			((const CK_KEY_DERIVATION_STRING_DATA *)p)->ulLen);
		return m->ulParameterLen == sizeof(CK_KEY_DERIVATION_STRING_DATA);
	case CBC_DATA_8:
	case CBC_DATA_16:
		iv = shape == CBC_DATA_8 ? 8 : 16;
		wire_put_bytes(w, p, iv);
		if (shape == CBC_DATA_8)
			wire_put_bytes(w, ((const CK_DES_CBC_ENCRYPT_DATA_PARAMS *)p)->pData,
				((const CK_DES_CBC_ENCRYPT_DATA_PARAMS *)p)->length);
		else
			wire_put_bytes(w, ((const CK_AES_CBC_ENCRYPT_DATA_PARAMS *)p)->pData,
				((const CK_AES_CBC_ENCRYPT_DATA_PARAMS *)p)->length);
		return true;
	case OAEP:
		wire_put_u64(w, ((const CK_RSA_PKCS_OAEP_PARAMS *)p)->hashAlg);
		wire_put_u64(w, ((const CK_RSA_PKCS_OAEP_PARAMS *)p)->mgf);
		return ((const CK_RSA_PKCS_OAEP_PARAMS *)p)->ulSourceDataLen == 0;
	case KDF:
		return put_kdf(w, p);
	case FLAT:
		break;
	}
	return false;
}

/* ---- reading ---- */

static const unsigned char *get(struct wire *w, size_t len)
{
	const unsigned char *here = w->data + w->at;

	if (w->bad || len > w->len - w->at) {
		w->bad = true;
		return NULL;
	}
	w->at += len;
	return here;
}

uint64_t wire_get_u64(struct wire *w)
{
	const unsigned char *in = get(w, 8);
	uint64_t value = 0;

	for (size_t i = 0; in && i < 8; i++)
		value |= (uint64_t)in[i] << 8 * i;
	return value;
}

unsigned char *wire_get_bytes(struct wire *w, CK_ULONG *ret_len)
{
	uint64_t len = wire_get_u64(w);
	const unsigned char *in;
	unsigned char *copy;

	*ret_len = 0;
	if (w->bad || len == WIRE_NULL)
		return NULL;
	in = get(w, len);
	copy = in ? wire_alloc(w, len) : NULL;
	if (!copy)
		return NULL;
	memcpy(copy, in, len);
	*ret_len = len;
	return copy;
}

static CK_ATTRIBUTE *get_attributes(struct wire *w, CK_ULONG *ret_n, int depth)
{
	uint64_t n = wire_get_u64(w);
	CK_ATTRIBUTE *t;

	*ret_n = 0;
	if (n > WIRE_ATTRIBUTES_MAX || depth > DEPTH_MAX)
		w->bad = true;
	t = w->bad ? NULL : wire_alloc(w, (n + 1) * sizeof(*t));
	for (uint64_t i = 0; t && i < n; i++) {
		CK_ULONG len = 0;

		t[i].type = wire_get_u64(w);
		if (t[i].type & CKF_ARRAY_ATTRIBUTE && t[i].type != CKA_ALLOWED_MECHANISMS) {
			t[i].pValue = get_attributes(w, &len, depth + 1);
			len *= sizeof(*t);
		} else {
			t[i].pValue = wire_get_bytes(w, &len);
		}
		t[i].ulValueLen = len;
	}
	if (!t || w->bad)
		return NULL;
	*ret_n = n;
	return t;
}

CK_ATTRIBUTE *wire_get_attributes(struct wire *w, CK_ULONG *ret_n)
{
	return get_attributes(w, ret_n, 0);
}

static void get_string(struct wire *w, CK_MECHANISM *m)
{
	CK_KEY_DERIVATION_STRING_DATA *p = wire_alloc(w, sizeof(*p));

	if (!p)
		return;
	p->pData = wire_get_bytes(w, &p->ulLen);
	m->pParameter = p;
	m->ulParameterLen = sizeof(*p);
}

static void get_cbc_data(struct wire *w, CK_MECHANISM *m, size_t iv_len)
{
	CK_DES_CBC_ENCRYPT_DATA_PARAMS *des = wire_alloc(w, sizeof(*des));
	CK_AES_CBC_ENCRYPT_DATA_PARAMS *aes = wire_alloc(w, sizeof(*aes));
	CK_ULONG got = 0;
	unsigned char *iv = wire_get_bytes(w, &got);

	if (!des || !aes || !iv || got != iv_len) {
		w->bad = true;
		return;
	}
	if (iv_len == sizeof(des->iv)) {
		memcpy(des->iv, iv, iv_len);
		des->pData = wire_get_bytes(w, &des->length);
		m->pParameter = des;
		m->ulParameterLen = sizeof(*des);
	} else {
		memcpy(aes->iv, iv, iv_len);
		aes->pData = wire_get_bytes(w, &aes->length);
		m->pParameter = aes;
		m->ulParameterLen = sizeof(*aes);
	}
}

static void get_oaep(struct wire *w, CK_MECHANISM *m)
{
	CK_RSA_PKCS_OAEP_PARAMS *p = wire_alloc(w, sizeof(*p));

	if (!p)
		return;
	p->hashAlg = wire_get_u64(w);
	p->mgf = wire_get_u64(w);
	p->source = CKZ_DATA_SPECIFIED;
	m->pParameter = p;
	m->ulParameterLen = sizeof(*p);
}

static void get_kdf(struct wire *w, CK_MECHANISM *m)
{
	struct kdf_params *p = wire_alloc(w, sizeof(*p));
	struct prf_data *data = wire_alloc(w, KDF_PIECES_MAX * sizeof(*data));

	if (!p || !data)
		return;
	p->prf = wire_get_u64(w);
	p->data_count = wire_get_u64(w);
	p->data = data;
	if (p->data_count > KDF_PIECES_MAX) {
		w->bad = true;
		return;
	}
	for (CK_ULONG i = 0; i < p->data_count; i++) {
		data[i].type = wire_get_u64(w);
		data[i].value = wire_get_bytes(w, &data[i].value_len);
	}
	m->pParameter = p;
	m->ulParameterLen = sizeof(*p);
}

CK_MECHANISM *wire_get_mechanism(struct wire *w)
{
	uint64_t type = wire_get_u64(w);
	CK_MECHANISM *m = wire_alloc(w, sizeof(*m));
	CK_ULONG len = 0;
	uint64_t shape;

	if (!m || w->bad || type == WIRE_NULL)
		return NULL;
	m->mechanism = type;
	shape = wire_get_u64(w);
	m->pParameter = wire_get_bytes(w, &len);
	m->ulParameterLen = len;
	if (!m->pParameter || shape == FLAT)
		return m;
	if (shape == STRING)
		get_string(w, m);
	else if (shape == CBC_DATA_8 || shape == CBC_DATA_16)
		get_cbc_data(w, m, shape == CBC_DATA_8 ? 8 : 16);
	else if (shape == OAEP)
		get_oaep(w, m);
	else if (shape == KDF)
		get_kdf(w, m);
	else
		w->bad = true;
	return w->bad ? NULL : m;
}

/* ---- frames ---- */

static bool all(int fd, void *data, size_t len, bool out)
{
	unsigned char *at = data;

	while (len) {
		ssize_t n = out ? send(fd, at, len, MSG_NOSIGNAL) : recv(fd, at, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

void wire_fill(struct wire *w, const void *data, size_t len)
{
	wire_reset(w);
	put(w, data, len);
}

bool wire_send(int fd, const struct wire *w)
{
	uint32_t len = htonl((uint32_t)w->len);

	return !w->bad && all(fd, &len, sizeof(len), true) && all(fd, w->data, w->len, true);
}

bool wire_receive(int fd, struct wire *w)
{
	uint32_t len;

	wire_reset(w);
	if (!all(fd, &len, sizeof(len), false))
		return false;
	len = ntohl(len);
	if (len > WIRE_MAX)
		return false;
	if (len > w->size) {
		free(w->data);
		w->size = 0;
		w->data = malloc(len);
		if (!w->data)
			return false;
		w->size = len;
	}
	w->len = len;
	return all(fd, w->data, len, false);
}

/* ---- addresses ---- */

union address {
	struct sockaddr any;
	struct sockaddr_un un;
	struct sockaddr_in in;
};

static socklen_t read_address(const char *where, union address *ret)
{
	char host[16];
	unsigned port;

	memset(ret, 0, sizeof(*ret));
	if (where[0] == '/') {
		ret->un.sun_family = AF_UNIX;
		if (strlen(where) >= sizeof(ret->un.sun_path))
			return 0;
		strcpy(ret->un.sun_path, where);
		return sizeof(ret->un);
	}
	ret->in.sin_family = AF_INET;
	if (sscanf(where, "%15[0-9.]:%5u", host, &port) != 2 || port > 65535 ||
		inet_pton(AF_INET, host, &ret->in.sin_addr) != 1 ||
		ret->in.sin_addr.s_addr != htonl(INADDR_LOOPBACK))
		return 0;
	ret->in.sin_port = htons((uint16_t)port);
	return sizeof(ret->in);
}

static int open_socket(const char *where, bool listening)
{
	union address address;
	socklen_t len = read_address(where, &address);
	int fd, one = 1;

	if (!len) {
		errno = EINVAL;
		return -1;
	}
	fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (address.any.sa_family == AF_INET) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	}
	if (listening && where[0] == '/')
		unlink(where);
	if (listening ? bind(fd, &address.any, len) || listen(fd, 64)
		      : connect(fd, &address.any, len)) {
		int why = errno;

		close(fd);
		errno = why;
		return -1;
	}
	return fd;
}

int wire_listen(const char *where)
{
	return open_socket(where, true);
}

int wire_connect(const char *where)
{
	return open_socket(where, false);
}
