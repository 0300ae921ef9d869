/* SPDX-License-Identifier: Apache-2.0 */
/* PUT KEY: GPCS 11.8. */
#include "sim/keys.h"
#include "sim/registry.h"
#include "sim/sign.h"

#include "base/secret.h"

#include <string.h>

/*
 * GPCS 11.8.2.3.2: a block whose length is a multiple of the cipher's is the enciphered key
 * (Table 11-71); any other has the key's length before it (Table 11-70; AmdD111 Table 7-10).
 */
static uint16_t open_block(const struct sim_config *config, const struct sim_session *session,
	struct sim_in *in, struct sim_key *key)
{
	size_t size = sim_sensitive_block(session), len, enciphered;
	unsigned char clear[64];
	struct sim_in block;
	const unsigned char *bytes;
	uint16_t sw = SIM_OK;

	if (!sim_in_lv(in, &bytes, &len))
		return SIM_ERR_DATA;
	block = sim_in_of(bytes, len);
	if (len % size == 0) {
		if (config->key_block == SIM_BLOCK_WITH_LENGTH)
			return SIM_ERR_DATA;
	} else if (config->key_block == SIM_BLOCK_PLAIN || !sim_in_length(&block, &len)) {
		return SIM_ERR_DATA;
	}
	enciphered = sim_in_left(&block);
	if (enciphered == 0 || enciphered % size != 0 || enciphered > sizeof(clear) ||
		len > enciphered || enciphered - len >= size)
		return SIM_ERR_DATA;
	sw = sim_key_type_check(key->type, len);
	if (sw != SIM_OK)
		return sw;
	if (!sim_sensitive(session, block.at, enciphered, clear))
		sw = SIM_ERR_NO_DIAGNOSIS;
	key->len = len;
	memcpy(key->value, clear, len);
	secret_wipe(clear, sizeof(clear));
	return sw;
}

/* The rest of the extended format, GPCS Table 11-69: usage and access, which this card ignores. */
static bool skip_extension(struct sim_in *in)
{
	const unsigned char *value;
	size_t len;

	return sim_in_lv(in, &value, &len) && len <= 2 && sim_in_lv(in, &value, &len) && len <= 1;
}

/*
 * GPCS Table 11-73: a point, uncompressed (11.8.2.3.5), and which curve it is on. A curve that comes along
 * (Table 11-74) is refused: this card has P-256 and takes no other. No check value, by 11.8.2.3.5.
 */
static uint16_t public_key(struct sim_in *in, bool extended, struct sim_key *key)
{
	const unsigned char *point, *reference, *check_value;
	unsigned type = 0;
	size_t len;

	if (!sim_in_lv(in, &point, &len) || len != SIM_POINT_LEN || !sim_point_is_good(point))
		return SIM_ERR_DATA;
	key->len = len;
	memcpy(key->value, point, len);
	if ((extended && (!sim_in_byte(in, &type) || type != 0xFF)) || !sim_in_byte(in, &type) ||
		type != SIM_TYPE_EC_REFERENCE || !sim_in_lv(in, &reference, &len) || len != 1 ||
		reference[0] != SIM_CURVE_P256)
		return SIM_ERR_DATA;
	if (!sim_in_lv(in, &check_value, &len) || len != 0)
		return SIM_ERR_DATA;
	return extended && !skip_extension(in) ? SIM_ERR_DATA : SIM_OK;
}

/* GPCS Tables 11-68 and 11-69. */
static uint16_t one_key(const struct sim_config *config, const struct sim_session *session,
	struct sim_in *in, struct sim_key *key, struct sim_out *check_values)
{
	const unsigned char *check_value;
	bool extended = false;
	unsigned type;
	size_t len;
	uint16_t sw;

	if (!sim_in_byte(in, &type))
		return SIM_ERR_DATA;
	if (type == 0xFF) {
		extended = true;
		if (!sim_in_byte(in, &type))
			return SIM_ERR_DATA;
	}
	key->type = (unsigned char)type;
	if (type == SIM_TYPE_EC_PUBLIC)
		return public_key(in, extended, key);
	if (type != SIM_TYPE_DES && type != SIM_TYPE_AES)
		return SIM_ERR_DATA;
	sw = open_block(config, session, in, key);
	if (sw != SIM_OK)
		return sw;
	/* For the key types of B.6 it shall be present: 11.8.2.3.3. */
	if (!sim_in_lv(in, &check_value, &len) || len != 3)
		return SIM_ERR_DATA;
	if (extended && !skip_extension(in))
		return SIM_ERR_DATA;
	sw = sim_key_verify(key, check_value);
	if (sw == SIM_OK)
		sim_put(check_values, check_value, len);
	return sw;
}

static uint16_t all_keys(const struct sim_config *config, const struct sim_session *session,
	const struct sim_apdu *apdu, struct sim_new_keys *fresh, struct sim_out *check_values)
{
	struct sim_in in = sim_in_of(apdu->data, apdu->len);
	unsigned kvn, kid = apdu->p2 & 0x7F;
	uint16_t sw;

	if (!sim_in_byte(&in, &kvn) || kvn < 0x01 || kvn > 0x7F)
		return SIM_ERR_DATA;
	fresh->kvn = (unsigned char)kvn;
	do {
		struct sim_key *key = &fresh->keys[fresh->count];

		if (fresh->count == SIM_NEW_KEYS_MAX || kid > 0x7F)
			return SIM_ERR_DATA;
		key->kid = (unsigned char)kid++;
		key->kvn = fresh->kvn;
		sw = one_key(config, session, &in, key, check_values);
		if (sw != SIM_OK)
			return sw;
		fresh->count++;
	} while (sim_in_left(&in) > 0 && (apdu->p2 & 0x80));
	return sim_in_left(&in) == 0 ? SIM_OK : SIM_ERR_DATA;
}

uint16_t sim_put_key(struct sim_card *card, struct sim_channel *channel,
	const struct sim_apdu *apdu, struct sim_out *out)
{
	struct sim_entry *domain = sim_selected(card, channel);
	struct sim_new_keys fresh = {.count = 0};
	struct sim_out check_values = {.len = 0};
	uint16_t sw;

	sw = all_keys(&card->nv.config, &channel->session, apdu, &fresh, &check_values);
	if (sw == SIM_OK)
		sw = sim_keys_apply(card, domain, apdu->p1 & 0x7F, &fresh);
	if (sw == SIM_OK) { /* 11.8.3.1 */
		sim_put_byte(out, fresh.kvn);
		sim_put(out, check_values.data, check_values.len);
	}
	secret_wipe(&fresh, sizeof(fresh));
	return sw;
}
