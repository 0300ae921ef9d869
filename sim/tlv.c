/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/tlv.h"

#include <string.h>

struct sim_in sim_in_of(const void *data, size_t len)
{
	static const unsigned char nothing[1];
	const unsigned char *start = data ? data : nothing;

	return (struct sim_in){start, start + len};
}

size_t sim_in_left(const struct sim_in *in)
{
	return (size_t)(in->end - in->at);
}

bool sim_in_byte(struct sim_in *in, unsigned *ret_byte)
{
	if (in->at == in->end)
		return false;
	*ret_byte = *in->at++;
	return true;
}

bool sim_in_bytes(struct sim_in *in, size_t len, const unsigned char **ret_bytes)
{
	if (len > sim_in_left(in))
		return false;
	*ret_bytes = in->at;
	in->at += len;
	return true;
}

bool sim_in_length(struct sim_in *in, size_t *ret_len)
{
	struct sim_in at = *in;
	unsigned first, high = 0, low;

	if (!sim_in_byte(&at, &first))
		return false;
	if (first <= 0x80) {
		*ret_len = first;
	} else if (first == 0x81 && sim_in_byte(&at, &low)) {
		*ret_len = low;
	} else if (first == 0x82 && sim_in_byte(&at, &high) && sim_in_byte(&at, &low)) {
		*ret_len = high << 8 | low;
	} else {
		return false;
	}
	*in = at;
	return true;
}

bool sim_in_lv(struct sim_in *in, const unsigned char **ret_value, size_t *ret_len)
{
	struct sim_in at = *in;
	const unsigned char *value;
	size_t len;

	if (!sim_in_length(&at, &len) || !sim_in_bytes(&at, len, &value))
		return false;
	*ret_value = value;
	*ret_len = len;
	*in = at;
	return true;
}

bool sim_in_tlv(struct sim_in *in, struct sim_tlv *ret_tlv)
{
	struct sim_in at = *in;
	struct sim_tlv tlv;
	unsigned second;

	if (!sim_in_byte(&at, &tlv.tag))
		return false;
	if ((tlv.tag & 0x1F) == 0x1F) {
		if (!sim_in_byte(&at, &second) || (second & 0x80))
			return false;
		tlv.tag = tlv.tag << 8 | second;
	}
	if (!sim_in_lv(&at, &tlv.value, &tlv.len))
		return false;
	*ret_tlv = tlv;
	*in = at;
	return true;
}

bool sim_in_find(struct sim_in in, unsigned tag, struct sim_tlv *ret_tlv)
{
	struct sim_tlv tlv;

	while (sim_in_tlv(&in, &tlv)) {
		if (tlv.tag == tag) {
			*ret_tlv = tlv;
			return true;
		}
	}
	return false;
}

bool sim_in_aid(struct sim_in *in, struct sim_aid *ret_aid)
{
	struct sim_in at = *in;
	const unsigned char *value;
	unsigned len;

	if (!sim_in_byte(&at, &len) || len > SIM_AID_MAX || !sim_in_bytes(&at, len, &value))
		return false;
	*ret_aid = (struct sim_aid){.len = len};
	memcpy(ret_aid->data, value, len);
	*in = at;
	return true;
}

void sim_put(struct sim_out *out, const void *data, size_t len)
{
	if (len > sizeof(out->data) - out->len) {
		out->overflow = true;
		return;
	}
	if (len > 0)
		memcpy(out->data + out->len, data, len);
	out->len += len;
}

void sim_put_byte(struct sim_out *out, unsigned byte)
{
	unsigned char one = (unsigned char)byte;

	sim_put(out, &one, 1);
}

static void put_tag(struct sim_out *out, unsigned tag)
{
	if (tag > 0xFF)
		sim_put_byte(out, tag >> 8);
	sim_put_byte(out, tag & 0xFF);
}

static size_t length_of(size_t len, unsigned char out[3])
{
	if (len < 0x80) {
		out[0] = (unsigned char)len;
		return 1;
	}
	if (len <= 0xFF) {
		out[0] = 0x81;
		out[1] = (unsigned char)len;
		return 2;
	}
	out[0] = 0x82;
	out[1] = (unsigned char)(len >> 8);
	out[2] = (unsigned char)len;
	return 3;
}

void sim_put_tlv(struct sim_out *out, unsigned tag, const void *value, size_t len)
{
	unsigned char length[3];

	put_tag(out, tag);
	sim_put(out, length, length_of(len, length));
	sim_put(out, value, len);
}

size_t sim_put_open(struct sim_out *out, unsigned tag)
{
	put_tag(out, tag);
	return out->len;
}

void sim_put_close(struct sim_out *out, size_t start)
{
	size_t len = out->len - start, size;
	unsigned char length[3];

	size = length_of(len, length);
	if (size > sizeof(out->data) - out->len) {
		out->overflow = true;
		return;
	}
	memmove(out->data + start + size, out->data + start, len);
	memcpy(out->data + start, length, size);
	out->len += size;
}
