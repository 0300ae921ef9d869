/* SPDX-License-Identifier: Apache-2.0 */
/* BER-TLV with definite lengths (GPCS 11.1.5, 11.1.11): bounded reading, bounded writing. */
#ifndef SIM_TLV_H
#define SIM_TLV_H

#include "sim/types.h"

struct sim_in {
	const unsigned char *at;
	const unsigned char *end;
};

struct sim_tlv {
	unsigned tag; /* as written: 0x4F, 0x9F70 */
	const unsigned char *value;
	size_t len;
};

/* What grows past SIM_DATA_MAX is cut and marked. */
struct sim_out {
	unsigned char data[SIM_DATA_MAX];
	size_t len;
	bool overflow;
};

struct sim_in sim_in_of(const void *data, size_t len);
size_t sim_in_left(const struct sim_in *in);
bool sim_in_byte(struct sim_in *in, unsigned *ret_byte);
bool sim_in_bytes(struct sim_in *in, size_t len, const unsigned char **ret_bytes);
/* One, two or three bytes; one byte '80' is 128 too (GPCS 11.8.2.3.1). */
bool sim_in_length(struct sim_in *in, size_t *ret_len);
/* Length in BER, then so many bytes. */
bool sim_in_lv(struct sim_in *in, const unsigned char **ret_value, size_t *ret_len);
/* The next data object; false at the end and for anything malformed (then in->at < in->end). */
bool sim_in_tlv(struct sim_in *in, struct sim_tlv *ret_tlv);
/* The first object with that tag. */
bool sim_in_find(struct sim_in in, unsigned tag, struct sim_tlv *ret_tlv);
bool sim_in_aid(struct sim_in *in, struct sim_aid *ret_aid);

void sim_put(struct sim_out *out, const void *data, size_t len);
void sim_put_byte(struct sim_out *out, unsigned byte);
void sim_put_tlv(struct sim_out *out, unsigned tag, const void *value, size_t len);
/* A constructed object: put its tag, write the inside, close it. */
size_t sim_put_open(struct sim_out *out, unsigned tag);
void sim_put_close(struct sim_out *out, size_t start);

#endif
