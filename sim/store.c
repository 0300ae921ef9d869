/* SPDX-License-Identifier: Apache-2.0 */
/* STORE DATA: GPCS 11.11, with keys by DGI (11.11.4.1). */
#include "sim/keys.h"
#include "sim/registry.h"

#include "base/secret.h"

#include <string.h>

enum { FORMAT_MASK = 0x18, FORMAT_DGI = 0x08, FORMAT_RFU = 0x18 };
enum { DGI_TEMPLATE = 0x0070, DGI_KEY_INFORMATION = 0x00B9, DGI_SECRET_KEY = 0x8113 };

/* What one personalisation leaves, before it is committed. */
struct stored {
	struct sim_entry entry; /* the domain, with its new data objects */
	struct sim_aid new_aid; /* tag 4F: the ISD's */
	struct sim_new_keys keys;
	unsigned char check_values[SIM_NEW_KEYS_MAX][3];
	size_t keys_filled;
};

/* GPCS 11.11.2.3: those that a domain keeps; what it makes itself is refused. */
static uint16_t store_object(struct sim_card *card, const struct sim_entry *domain,
	struct stored *stored, const struct sim_tlv *tlv)
{
	if (tlv->tag == 0x4F) {
		if (!sim_is_issuer(&card->nv, domain) || tlv->len < 5 || tlv->len > SIM_AID_MAX)
			return SIM_ERR_DATA;
		stored->new_aid = (struct sim_aid){.len = tlv->len};
		memcpy(stored->new_aid.data, tlv->value, tlv->len);
		return SIM_OK;
	}
	if (tlv->tag != 0x42 && tlv->tag != 0x45 && tlv->tag != 0x66 && tlv->tag != 0x67 &&
		tlv->tag != 0x5F50)
		return SIM_ERR_DATA;
	return sim_object_set(&stored->entry, tlv->tag, tlv->value, tlv->len) ? SIM_OK
									      : SIM_ERR_SPACE;
}

static uint16_t store_objects(struct sim_card *card, const struct sim_entry *domain,
	struct stored *stored, struct sim_in in)
{
	struct sim_tlv tlv;
	uint16_t sw;

	while (sim_in_tlv(&in, &tlv)) {
		sw = store_object(card, domain, stored, &tlv);
		if (sw != SIM_OK)
			return sw;
	}
	return sim_in_left(&in) == 0 ? SIM_OK : SIM_ERR_DATA;
}

static bool one_byte(struct sim_in in, unsigned tag, unsigned char *ret)
{
	struct sim_tlv tlv;

	if (!sim_in_find(in, tag, &tlv) || tlv.len != 1)
		return false;
	*ret = tlv.value[0];
	return true;
}

/* GPCS Table 11-92. */
static uint16_t key_information(struct stored *stored, struct sim_in in)
{
	struct sim_tlv crt, tlv;

	while (sim_in_tlv(&in, &crt)) {
		struct sim_in inside = sim_in_of(crt.value, crt.len);
		size_t at = stored->keys.count;
		struct sim_key *key = &stored->keys.keys[at];

		if (crt.tag != 0xB9 || at == SIM_NEW_KEYS_MAX || !sim_in_find(inside, 0x95, &tlv) ||
			!one_byte(inside, 0x80, &key->type) || !one_byte(inside, 0x82, &key->kid) ||
			!one_byte(inside, 0x83, &key->kvn) || key->kvn < 0x01 || key->kvn > 0x7F ||
			key->kid > 0x7F)
			return SIM_ERR_DATA;
		if (at > 0 && key->kvn != stored->keys.kvn)
			return SIM_ERR_DATA;
		stored->keys.kvn = key->kvn;
		if (!sim_in_find(inside, 0x81, &tlv) || tlv.len < 1 || tlv.len > 2)
			return SIM_ERR_DATA;
		key->len = tlv.len == 1 ? tlv.value[0] : (size_t)tlv.value[0] << 8 | tlv.value[1];
		if (sim_key_type_check(key->type, key->len) != SIM_OK)
			return SIM_ERR_DATA;
		if (!sim_in_find(inside, 0x84, &tlv) || tlv.len != 3)
			return SIM_ERR_DATA;
		memcpy(stored->check_values[at], tlv.value, 3);
		stored->keys.count++;
	}
	return sim_in_left(&in) == 0 ? SIM_OK : SIM_ERR_DATA;
}

/* GPCS Table 11-93: one for each key that DGI 00B9 described, in that order. */
static uint16_t secret_key(const struct sim_session *session, struct stored *stored,
	const unsigned char *data, size_t len)
{
	size_t block = sim_sensitive_block(session), at = stored->keys_filled;
	unsigned char clear[64];
	struct sim_key *key;
	uint16_t sw;

	if (at >= stored->keys.count || len > sizeof(clear) || len % block != 0)
		return SIM_ERR_DATA;
	key = &stored->keys.keys[at];
	if (len < key->len || len - key->len >= block)
		return SIM_ERR_DATA;
	if (!sim_sensitive(session, data, len, clear))
		return SIM_ERR_NO_DIAGNOSIS;
	memcpy(key->value, clear, key->len);
	secret_wipe(clear, sizeof(clear));
	sw = sim_key_verify(key, stored->check_values[at]);
	stored->keys_filled++;
	return sw;
}

/* A DGI's length: one byte, or FF and two (EMV CPS, as [Scripting Lang] has it: unverified). */
static bool next_dgi(struct sim_in *in, unsigned *ret_dgi, struct sim_in *ret_value)
{
	const unsigned char *name, *more, *value;
	size_t len;
	unsigned first;

	if (!sim_in_bytes(in, 2, &name) || !sim_in_byte(in, &first))
		return false;
	len = first;
	if (first == 0xFF) {
		if (!sim_in_bytes(in, 2, &more))
			return false;
		len = (size_t)more[0] << 8 | more[1];
	}
	if (!sim_in_bytes(in, len, &value))
		return false;
	*ret_dgi = (unsigned)name[0] << 8 | name[1];
	*ret_value = sim_in_of(value, len);
	return true;
}

static uint16_t store_dgis(struct sim_card *card, const struct sim_channel *channel,
	const struct sim_entry *domain, struct stored *stored, struct sim_in in)
{
	struct sim_in value;
	uint16_t sw = SIM_OK;
	unsigned dgi;

	while (sw == SIM_OK && sim_in_left(&in) > 0) {
		if (!next_dgi(&in, &dgi, &value))
			return SIM_ERR_DATA;
		if (dgi == DGI_KEY_INFORMATION)
			sw = key_information(stored, value);
		else if (dgi == DGI_SECRET_KEY)
			sw = secret_key(&channel->session, stored, value.at, sim_in_left(&value));
		else if (!sim_is_domain(domain)) /* an application keeps them by their names */
			sw = sim_object_set(&stored->entry, dgi, value.at, sim_in_left(&value))
				     ? SIM_OK
				     : SIM_ERR_SPACE;
		else if (dgi == DGI_TEMPLATE)
			sw = store_objects(card, domain, stored, value);
		else
			sw = SIM_ERR_DATA;
	}
	if (sw == SIM_OK && stored->keys_filled != stored->keys.count)
		sw = SIM_ERR_DATA;
	return sw;
}

/* The ISD's new name, wherever the old one stands. */
static void rename_issuer(struct sim_card *card, const struct sim_aid *to)
{
	struct sim_nv *nv = &card->nv;
	struct sim_aid old = nv->entries[0].aid;

	for (size_t i = 0; i < nv->entry_count; i++)
		if (sim_aid_equal(&nv->entries[i].domain, &old))
			nv->entries[i].domain = *to;
	for (size_t i = 0; i < nv->elf_count; i++)
		if (sim_aid_equal(&nv->elfs[i].domain, &old))
			nv->elfs[i].domain = *to;
	for (size_t i = 0; i < SIM_CHANNELS_MAX; i++) {
		struct sim_channel *channel = &card->channels[i];

		if (sim_aid_equal(&channel->application, &old))
			channel->application = *to;
		if (sim_aid_equal(&channel->session.owner, &old))
			channel->session.owner = *to;
	}
	nv->entries[0].aid = *to;
}

static uint16_t keep(struct sim_card *card, struct sim_entry *domain, const struct stored *stored)
{
	if (stored->new_aid.len > 0) {
		if (stored->keys.count > 0)
			return SIM_ERR_DATA; /* one of the two at a time */
		struct sim_entry *other = sim_entry_find(&card->nv, &stored->new_aid);

		if ((other && other != domain) || sim_elf_find(&card->nv, &stored->new_aid))
			return SIM_ERR_DATA;
	}
	*domain = stored->entry;
	if (stored->new_aid.len > 0)
		rename_issuer(card, &stored->new_aid);
	if (stored->keys.count > 0)
		return sim_keys_apply(card, domain, -1, &stored->keys);
	return sim_commit(card) ? SIM_OK : SIM_ERR_MEMORY;
}

static uint16_t process(struct sim_card *card, struct sim_channel *channel,
	struct sim_entry *domain, unsigned format)
{
	struct stored *stored = &(struct stored){.entry = *domain};
	struct sim_in in = sim_in_of(channel->store.data, channel->store.len);
	uint16_t sw;

	if (format == FORMAT_DGI)
		sw = store_dgis(card, channel, domain, stored, in);
	else
		sw = store_objects(card, domain, stored, in);
	if (sw == SIM_OK) {
		/* Keys that are refused must leave the data objects as they were, too. */
		struct sim_entry before = *domain;

		sw = keep(card, domain, stored);
		if (sw != SIM_OK && !card->torn)
			*domain = before;
		secret_wipe(&before, sizeof(before));
	}
	secret_wipe(stored, sizeof(*stored));
	return sw;
}

/*
 * An application of the simulator keeps keys and data groups; what comes in another format it takes and
 * forgets.
 */
uint16_t sim_store_data(
	struct sim_card *card, struct sim_channel *channel, const struct sim_apdu *apdu)
{
	struct sim_entry *target = channel->personalizing
					   ? sim_entry_find(&card->nv, &channel->personalize)
					   : sim_selected(card, channel);
	struct sim_gather *store = &channel->store;
	unsigned format = apdu->p1 & FORMAT_MASK;
	uint16_t sw = SIM_OK;

	if (!target) {
		channel->personalizing = false;
		return SIM_ERR_NOT_FOUND;
	}
	if (!store->active) {
		store->active = true;
		store->len = 0;
		store->next_block = 0;
		store->header[2] = (unsigned char)format;
	}
	if (format == FORMAT_RFU || format != store->header[2] ||
		apdu->p2 != (store->next_block & 0xFF))
		sw = SIM_ERR_P1P2;
	else if (apdu->len > sizeof(store->data) - store->len)
		sw = SIM_ERR_SPACE;
	if (sw != SIM_OK) {
		store->active = false;
		return sw;
	}
	store->next_block++;
	if (sim_is_domain(target) || format == FORMAT_DGI) {
		if (apdu->len > 0)
			memcpy(store->data + store->len, apdu->data, apdu->len);
		store->len += apdu->len;
	}
	if (!(apdu->p1 & 0x80))
		return SIM_OK;
	store->active = false;
	channel->personalizing = false;
	return sim_is_domain(target) || format == FORMAT_DGI
		       ? process(card, channel, target, format)
		       : SIM_OK;
}
