/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What client and server say to each other: frames of a 4-byte length and at most WIRE_MAX bytes.
 *
 * A request is the number of the call (enum p11_call) and its arguments in order; an answer is the
 * CK_RV and, in order, what the call gives out. Numbers are 8 bytes, little-endian; bytes are a
 * length and themselves, or WIRE_NULL for a NULL pointer. Attributes and mechanism parameters that
 * hold pointers go as what they point to. Both ends are on one machine.
 *
 * Nothing that arrives is believed: every length is checked against the frame, and the first thing
 * that does not fit makes the rest read as zeros and wire_ok false.
 */
#ifndef P11FORWARD_WIRE_H
#define P11FORWARD_WIRE_H

#include <p11-kit/pkcs11.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	WIRE_MAX = 8 << 20,
	WIRE_ATTRIBUTES_MAX = 64,
	WIRE_VALUE_MAX = 1 << 16, /* of an attribute that is read */
	WIRE_LIST_MAX = 1 << 16,
};

#define WIRE_NULL UINT64_MAX

struct wire_piece;

struct wire {
	unsigned char *data;
	size_t len, size;
	size_t at; /* of the reader */
	bool bad;
	struct wire_piece *pieces; /* what wire_alloc gave out */
};

void wire_reset(struct wire *w);
void wire_free(struct wire *w); /* wipes: PINs went through */
bool wire_ok(const struct wire *w);

/* Memory that lives until wire_reset; zeroed, aligned. NULL (and bad) if there is none. */
void *wire_alloc(struct wire *w, size_t len);

void wire_put_u64(struct wire *w, uint64_t value);
void wire_put_bytes(struct wire *w, const void *data, size_t len); /* data NULL: WIRE_NULL */
void wire_put_attributes(struct wire *w, const CK_ATTRIBUTE *t, CK_ULONG n);
/* False: the mechanism's parameter is of a kind that this does not know. */
bool wire_put_mechanism(struct wire *w, const CK_MECHANISM *m);

uint64_t wire_get_u64(struct wire *w);
/* A copy in wire_alloc memory, or NULL for WIRE_NULL. */
unsigned char *wire_get_bytes(struct wire *w, CK_ULONG *ret_len);
CK_ATTRIBUTE *wire_get_attributes(struct wire *w, CK_ULONG *ret_n);
CK_MECHANISM *wire_get_mechanism(struct wire *w);

/* What a frame held that did not come by a socket. */
void wire_fill(struct wire *w, const void *data, size_t len);

/* One frame; false: the other end is gone, or sent no frame. */
bool wire_send(int fd, const struct wire *w);
bool wire_receive(int fd, struct wire *w);

/* "/path" or "127.0.0.1:PORT", to listen at or to connect to; -1 and errno. */
int wire_listen(const char *where);
int wire_connect(const char *where);

#endif
