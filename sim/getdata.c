/* SPDX-License-Identifier: Apache-2.0 */
/* GET DATA: GPCS 11.3, appendix H. */
#include "sim/apdu.h"
#include "sim/registry.h"
#include "sim/scp.h"

#include <string.h>

enum {
	TAG_CPLC = 0x9F7F,
	TAG_ISSUER = 0x42,
	TAG_IMAGE = 0x45,
	TAG_CARD_DATA = 0x66,
	TAG_CAPABILITY = 0x67,
	TAG_KEYS = 0xE0,
	TAG_KEY = 0xC0,
	TAG_COUNTER = 0xC1,
	TAG_CONFIRMATIONS = 0xC2,
	TAG_DIVERSIFICATION = 0xCF,
	TAG_LEVEL = 0xD3,
	TAG_APPLICATIONS = 0x2F00,
};

/* {globalPlatform}: 1.2.840.114283, GPCS H.1.1 as encoded in H.2. */
static const unsigned char gp_oid[] = {0x2A, 0x86, 0x48, 0x86, 0xFC, 0x6B};

static void put_oid(struct sim_out *out, const unsigned char *tail, size_t len)
{
	size_t oid = sim_put_open(out, 0x06);

	sim_put(out, gp_oid, sizeof(gp_oid));
	sim_put(out, tail, len);
	sim_put_close(out, oid);
}

static void put_application(
	struct sim_out *out, unsigned tag, const unsigned char *tail, size_t len)
{
	size_t open = sim_put_open(out, tag);

	put_oid(out, tail, len);
	sim_put_close(out, open);
}

/* GPCS Table H-1; note 2: the version is that of the specification, 2.3.1. */
void sim_recognition(const struct sim_config *config, struct sim_out *out)
{
	const unsigned char v211[] = {2, 2, 1, 1}, v23[] = {2, 2, 3, 1};
	const unsigned char scp02[] = {4, 2, (unsigned char)config->scp02};
	const unsigned char scp03[] = {4, 3, (unsigned char)config->scp03};
	size_t data = sim_put_open(out, 0x73);

	put_oid(out, (const unsigned char[]){1}, 1);
	if (config->version == SIM_GP211)
		put_application(out, 0x60, v211, sizeof(v211));
	else
		put_application(out, 0x60, v23, sizeof(v23));
	put_application(out, 0x63, (const unsigned char[]){3}, 1);
	if (config->scp02 >= 0)
		put_application(out, 0x64, scp02, sizeof(scp02));
	if (config->scp03 >= 0)
		put_application(out, 0x64, scp03, sizeof(scp03));
	sim_put_close(out, data);
}

/* GPCS Table 11-28. */
static void key_information(const struct sim_entry *domain, struct sim_out *out)
{
	for (size_t i = 0; i < domain->key_count; i++) {
		const struct sim_key *key = &domain->keys[i];
		/* 11.3.3.1.1: a point without its '04', then the reference of its curve. */
		bool point = key->type == SIM_TYPE_EC_PUBLIC;
		unsigned char data[6] = {key->kid, key->kvn, key->type,
			(unsigned char)(point ? key->len - 1 : key->len), SIM_TYPE_EC_REFERENCE,
			SIM_CURVE_P256};

		sim_put_tlv(out, TAG_KEY, data, point ? 6 : 4);
	}
}

/* GPCS 11.3.2.1: of the default key version. */
static bool sequence_counter(struct sim_card *card, struct sim_entry *domain, struct sim_out *out)
{
	const struct sim_config *config = &card->nv.config;
	struct sim_entry *owner = sim_key_owner(&card->nv, domain);
	const struct sim_set *set;
	int kvn, protocol;

	if (!owner)
		return false;
	kvn = sim_set_default(config, owner);
	protocol = sim_set_protocol(config, owner, (unsigned)kvn);
	set = sim_set_of(owner, (unsigned)kvn);
	if (!set || (protocol == 3 && !(config->scp03 & 0x10)))
		return false;
	if (protocol == 3)
		sim_put_byte(out, set->counter >> 16);
	sim_put_byte(out, set->counter >> 8);
	sim_put_byte(out, set->counter);
	return true;
}

/* GPCS Table 11-30. */
static void applications(struct sim_card *card, const struct sim_entry *domain, struct sim_out *out)
{
	bool all = (domain->privileges[1] & 0x04) != 0; /* Global Registry */

	for (size_t i = 0; i < card->nv.entry_count; i++) {
		const struct sim_entry *entry = &card->nv.entries[i];
		size_t template;

		if (!all && !sim_below(&card->nv, entry, &domain->aid))
			continue;
		template = sim_put_open(out, 0x61);
		sim_put_tlv(out, 0x4F, entry->aid.data, entry->aid.len);
		sim_put_close(out, template);
	}
}

/* The value of the object; false: there is none. */
static bool value_of(struct sim_card *card, const struct sim_channel *channel,
	struct sim_entry *domain, unsigned tag, struct sim_out *out)
{
	const struct sim_config *config = &card->nv.config;
	const struct sim_object *object = sim_object_find(domain, tag);
	bool issuer = sim_is_issuer(&card->nv, domain);

	if (object) {
		sim_put(out, object->data, object->len);
		return true;
	}
	switch (tag) {
	case TAG_CARD_DATA:
		sim_recognition(config, out);
		return true;
	case TAG_KEYS:
		if (config->key_template)
			key_information(domain, out);
		return config->key_template;
	case TAG_COUNTER:
		return sequence_counter(card, domain, out);
	case TAG_CONFIRMATIONS: /* with Receipt Generation: 11.3.2.1 */
		sim_put_byte(out, domain->confirmations >> 8);
		sim_put_byte(out, domain->confirmations);
		return config->version != SIM_GP211 && sim_privileged(domain, SIM_PRIV_RECEIPT);
	case TAG_CPLC:
		if (issuer)
			sim_put(out, config->cplc, config->cplc_len);
		return issuer && config->cplc_len > 0;
	case TAG_DIVERSIFICATION:
		if (config->kdd_object)
			sim_put(out, config->kdd, sizeof(config->kdd));
		return config->kdd_object;
	case TAG_LEVEL:
		sim_put_byte(
			out, channel->session.phase == SIM_PHASE_OPEN ? channel->session.level : 0);
		return config->version != SIM_GP211;
	default:
		return false;
	}
}

uint16_t sim_get_data(struct sim_card *card, struct sim_channel *channel,
	const struct sim_apdu *apdu, struct sim_out *out)
{
	struct sim_entry *domain = sim_selected(card, channel);
	unsigned tag = (unsigned)apdu->p1 << 8 | apdu->p2;
	struct sim_out value = {.len = 0};

	if (card->nv.life == SIM_TERMINATED && !(domain->privileges[1] & 0x02))
		return SIM_ERR_CONDITIONS;
	if (apdu->ins == SIM_INS_GET_DATA_ODD && (apdu->cla != 0x00 || tag != TAG_APPLICATIONS))
		return SIM_ERR_INS;
	if (tag == TAG_APPLICATIONS) {
		if (card->nv.config.version == SIM_GP211 ||
			(apdu->ins == SIM_INS_GET_DATA && apdu->cla == 0x00))
			return SIM_ERR_NOT_FOUND;
		if (apdu->len != 2 || memcmp(apdu->data, "\x5C\x00", 2) != 0)
			return SIM_ERR_DATA;
		applications(card, domain, out);
		return SIM_OK;
	}
	if (!value_of(card, channel, domain, tag, &value))
		return SIM_ERR_NOT_FOUND;
	if (apdu->cla == 0x80)
		sim_put_tlv(out, tag, value.data, value.len);
	else
		sim_put(out, value.data, value.len);
	return SIM_OK;
}
