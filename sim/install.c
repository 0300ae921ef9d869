/* SPDX-License-Identifier: Apache-2.0 */
/* INSTALL: GPCS 11.5, 9.3, 9.4.1. */
#include "sim/apdu.h"
#include "sim/registry.h"
#include "sim/scp.h"

#include <stdlib.h>
#include <string.h>

/* Bits of P1, GPCS Table 11-41. */
enum {
	FOR_LOAD = 0x02,
	FOR_INSTALL = 0x04,
	FOR_SELECTABLE = 0x08,
	FOR_EXTRADITION = 0x10,
	FOR_PERSONALIZATION = 0x20,
};

struct fields {
	struct sim_aid aids[3];
	unsigned char privileges[3];
	size_t privileges_len;
	const unsigned char *parameters;
	size_t parameters_len;
	size_t token_len;
};

static bool end_of(struct sim_in *in, struct fields *fields)
{
	const unsigned char *token;

	return sim_in_lv(in, &fields->parameters, &fields->parameters_len) &&
	       sim_in_lv(in, &token, &fields->token_len) && sim_in_left(in) == 0;
}

/* Two AIDs, an instance AID, privileges, parameters, token: Tables 11-43 and 11-44. */
static bool parse_instance(const struct sim_apdu *apdu, struct fields *fields)
{
	struct sim_in in = sim_in_of(apdu->data, apdu->len);
	const unsigned char *privileges;

	for (size_t i = 0; i < 3; i++)
		if (!sim_in_aid(&in, &fields->aids[i]))
			return false;
	if (!sim_in_lv(&in, &privileges, &fields->privileges_len) ||
		(fields->privileges_len != 1 && fields->privileges_len != 3))
		return false;
	memcpy(fields->privileges, privileges, fields->privileges_len);
	return end_of(&in, fields) && sim_aid_valid(&fields->aids[2]);
}

static bool manages(const struct sim_entry *domain)
{
	return (domain->privileges[1] & 0x40) != 0; /* Authorized Management */
}

static bool has_module(const struct sim_elf *elf, const struct sim_aid *module)
{
	for (size_t i = 0; i < elf->module_count; i++)
		if (sim_aid_equal(&elf->modules[i], module))
			return true;
	return false;
}

static uint16_t for_install(
	struct sim_card *card, struct sim_entry *domain, const struct sim_apdu *apdu)
{
	struct sim_nv *nv = &card->nv;
	struct fields fields = {0};
	struct sim_entry *entry;
	struct sim_elf *elf;
	struct sim_tlv specific;

	if (!parse_instance(apdu, &fields) || fields.token_len > 0 ||
		!sim_in_find(sim_in_of(fields.parameters, fields.parameters_len), 0xC9, &specific))
		return SIM_ERR_DATA;
	elf = sim_elf_find(nv, &fields.aids[0]);
	if (!elf || !has_module(elf, &fields.aids[1]))
		return SIM_ERR_NOT_FOUND;
	if (sim_entry_find(nv, &fields.aids[2]) || sim_elf_find(nv, &fields.aids[2]))
		return SIM_ERR_CONDITIONS;
	if (nv->entry_count == SIM_ENTRIES_MAX)
		return SIM_ERR_SPACE;
	entry = &nv->entries[nv->entry_count++];
	*entry = (struct sim_entry){.aid = fields.aids[2],
		.life = apdu->p1 & FOR_SELECTABLE ? SIM_SELECTABLE : SIM_INSTALLED,
		.domain = domain->aid,
		.elf = fields.aids[0],
		.module = fields.aids[1]};
	memcpy(entry->privileges, fields.privileges, fields.privileges_len);
	if (fields.privileges_len == 1 && sim_is_domain(entry) && nv->config.version != SIM_GP211)
		entry->privileges[1] = 0x80; /* Trusted Path: GPCS Table 6-2 */
	return sim_commit(card) ? SIM_OK : SIM_ERR_MEMORY;
}

static uint16_t for_selectable(
	struct sim_card *card, struct sim_entry *domain, const struct sim_apdu *apdu)
{
	struct fields fields = {0};
	struct sim_entry *entry;

	if (!parse_instance(apdu, &fields) || fields.token_len > 0)
		return SIM_ERR_DATA;
	entry = sim_entry_find(&card->nv, &fields.aids[2]);
	if (!entry || !sim_below(&card->nv, entry, &domain->aid))
		return SIM_ERR_NOT_FOUND;
	if (entry->life != SIM_INSTALLED)
		return SIM_ERR_CONDITIONS;
	entry->life = SIM_SELECTABLE;
	return sim_commit(card) ? SIM_OK : SIM_ERR_MEMORY;
}

/* GPCS Table 11-45. */
static uint16_t for_extradition(
	struct sim_card *card, struct sim_entry *domain, const struct sim_apdu *apdu)
{
	struct sim_in in = sim_in_of(apdu->data, apdu->len);
	struct fields fields = {0};
	struct sim_entry *entry, *to;
	unsigned empty = 0, also_empty = 0;
	struct sim_elf *elf;

	if (!sim_in_aid(&in, &fields.aids[0]) || !sim_in_byte(&in, &empty) ||
		!sim_in_aid(&in, &fields.aids[1]) || !sim_in_byte(&in, &also_empty) || empty != 0 ||
		also_empty != 0 || !end_of(&in, &fields) || fields.token_len > 0)
		return SIM_ERR_DATA;
	to = sim_entry_find(&card->nv, &fields.aids[0]);
	entry = sim_entry_find(&card->nv, &fields.aids[1]);
	elf = sim_elf_find(&card->nv, &fields.aids[1]);
	if (!to || !sim_is_domain(to) || (!entry && !elf))
		return SIM_ERR_NOT_FOUND;
	if (entry) {
		/* Not the ISD; not into itself or what lies below it. */
		if (sim_is_issuer(&card->nv, entry) || entry == to ||
			!sim_aid_equal(&entry->domain, &domain->aid) ||
			sim_below(&card->nv, to, &entry->aid))
			return SIM_ERR_CONDITIONS;
		entry->domain = to->aid;
	} else {
		if (!sim_aid_equal(&elf->domain, &domain->aid))
			return SIM_ERR_CONDITIONS;
		elf->domain = to->aid;
	}
	return sim_commit(card) ? SIM_OK : SIM_ERR_MEMORY;
}

/* GPCS Table 11-47. */
static uint16_t for_personalization(struct sim_card *card, struct sim_channel *channel,
	struct sim_entry *domain, const struct sim_apdu *apdu)
{
	struct sim_in in = sim_in_of(apdu->data, apdu->len);
	struct sim_aid none, target;
	const unsigned char *zeros;
	struct sim_entry *entry;

	if (!sim_in_aid(&in, &none) || none.len != 0 || !sim_in_aid(&in, &none) || none.len != 0 ||
		!sim_in_aid(&in, &target) || !sim_in_bytes(&in, 3, &zeros) ||
		memcmp(zeros, "\0\0\0", 3) != 0 || sim_in_left(&in) > 0)
		return SIM_ERR_DATA;
	entry = sim_entry_find(&card->nv, &target);
	if (!entry)
		return SIM_ERR_NOT_FOUND;
	if (entry != domain && !sim_aid_equal(&entry->domain, &domain->aid))
		return SIM_ERR_CONDITIONS;
	channel->personalizing = true;
	channel->personalize = target;
	channel->store.active = false;
	return SIM_OK;
}

/* GPCS Table 11-42. */
static uint16_t for_load(struct sim_card *card, struct sim_channel *channel,
	struct sim_entry *domain, const struct sim_apdu *apdu)
{
	struct sim_in in = sim_in_of(apdu->data, apdu->len);
	struct sim_aid aid, associated;
	struct fields fields = {0};
	struct sim_entry *to = domain;
	const unsigned char *hash;
	size_t hash_len;

	if (!sim_in_aid(&in, &aid) || !sim_aid_valid(&aid) || !sim_in_aid(&in, &associated) ||
		!sim_in_lv(&in, &hash, &hash_len) || hash_len > sizeof(channel->load_hash) ||
		!end_of(&in, &fields) || fields.token_len > 0)
		return SIM_ERR_DATA;
	if (associated.len > 0)
		to = sim_entry_find(&card->nv, &associated);
	if (!to || !sim_is_domain(to))
		return SIM_ERR_NOT_FOUND;
	if (sim_elf_find(&card->nv, &aid) || sim_entry_find(&card->nv, &aid))
		return SIM_ERR_CONDITIONS;
	if (card->nv.elf_count == SIM_ELFS_MAX)
		return SIM_ERR_SPACE;
	free(channel->load_data);
	channel->load_data = NULL;
	channel->load_len = 0;
	channel->load = (struct sim_elf){.aid = aid, .domain = to->aid};
	channel->load_hash_len = hash_len;
	if (hash_len > 0)
		memcpy(channel->load_hash, hash, hash_len);
	channel->load_next = 0;
	channel->loading = true;
	return SIM_OK;
}

uint16_t sim_install(struct sim_card *card, struct sim_channel *channel,
	const struct sim_apdu *apdu, struct sim_out *out)
{
	struct sim_entry *domain = sim_selected(card, channel);
	unsigned role = apdu->p1 & 0x7F;
	uint16_t sw;

	channel->loading = false;
	channel->personalizing = false;
	if (apdu->p2 != 0)
		return SIM_ERR_P1P2;
	if (role != FOR_PERSONALIZATION && !manages(domain))
		return SIM_ERR_CONDITIONS;
	switch (role) {
	case FOR_LOAD:
		sw = for_load(card, channel, domain, apdu);
		break;
	case FOR_INSTALL:
	case FOR_INSTALL | FOR_SELECTABLE:
		sw = for_install(card, domain, apdu);
		break;
	case FOR_SELECTABLE:
		sw = for_selectable(card, domain, apdu);
		break;
	case FOR_EXTRADITION:
		sw = for_extradition(card, domain, apdu);
		break;
	case FOR_PERSONALIZATION:
		sw = for_personalization(card, channel, domain, apdu);
		break;
	default:
		return SIM_ERR_P1P2;
	}
	if (sw == SIM_OK)
		sim_put_byte(out, 0x00);
	return sw;
}
