/* SPDX-License-Identifier: Apache-2.0 */
/* INSTALL: GPCS 11.5, 9.3, 9.4.1. */
#include "sim/delegated.h"
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

enum { SHA256_LEN = 32 };

struct fields {
	struct sim_aid aids[3];
	unsigned char privileges[3];
	size_t privileges_len;
	const unsigned char *parameters;
	size_t parameters_len;
	struct sim_token token;
};

static bool end_of(const struct sim_apdu *apdu, struct sim_in *in, struct fields *fields)
{
	struct sim_token *token = &fields->token;

	if (!sim_in_lv(in, &fields->parameters, &fields->parameters_len))
		return false;
	/* GPCS C.4: the token is over all that comes before its length. */
	token->fields = apdu->data;
	token->fields_len = apdu->len - sim_in_left(in);
	return sim_in_lv(in, &token->value, &token->len) && sim_in_left(in) == 0;
}

/* There or not, as it must be; its identifier, which the receipt repeats. */
static uint16_t token_of(enum sim_right right, struct fields *fields)
{
	uint16_t sw = sim_token_expect(right, &fields->token);

	if (sw == SIM_OK && right == SIM_RIGHT_DELEGATED &&
		!sim_token_identify(fields->parameters, fields->parameters_len, &fields->token))
		sw = SIM_ERR_DATA;
	return sw;
}

/* The last before the change: the token, then the receipt. */
static uint16_t authorize(struct sim_card *card, const struct sim_entry *domain,
	enum sim_right right, const struct sim_apdu *apdu, const struct fields *fields,
	const struct sim_aid *const *names, size_t count, struct sim_out *out)
{
	uint16_t sw = sim_token_verify(card, domain, right, apdu, &fields->token);

	return sw == SIM_OK
		       ? sim_receipt_put(card, domain, right, &fields->token.id, names, count, out)
		       : sw;
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
	return end_of(apdu, &in, fields) && sim_aid_valid(&fields->aids[2]);
}

/* GPCS Table 6-1, which others each needs; 6.6.2, which exclude each other. */
static bool privileges_are_good(const struct sim_entry *entry)
{
	bool delegated = sim_privileged(entry, SIM_PRIV_DELEGATED);

	if ((sim_privileged(entry, SIM_PRIV_DAP) || delegated ||
		    sim_privileged(entry, SIM_PRIV_MANDATED_DAP) ||
		    sim_privileged(entry, SIM_PRIV_AUTHORIZED)) &&
		!sim_is_domain(entry))
		return false;
	if (sim_privileged(entry, SIM_PRIV_MANDATED_DAP) && !sim_privileged(entry, SIM_PRIV_DAP))
		return false;
	return !delegated || (!sim_privileged(entry, SIM_PRIV_AUTHORIZED) &&
				     !sim_privileged(entry, SIM_PRIV_TOKEN) &&
				     !sim_privileged(entry, SIM_PRIV_RECEIPT));
}

/* GPCS 5.3.2.4: nothing more is associated with a locked domain. */
static bool accepts(const struct sim_nv *nv, const struct sim_entry *domain)
{
	return sim_is_issuer(nv, domain) || !(domain->life & SIM_LOCKED);
}

static bool has_module(const struct sim_elf *elf, const struct sim_aid *module)
{
	for (size_t i = 0; i < elf->module_count; i++)
		if (sim_aid_equal(&elf->modules[i], module))
			return true;
	return false;
}

/* GPCS 9.3.3: a security domain belongs to who installs it, another application to where its file is. */
static uint16_t for_install(struct sim_card *card, struct sim_entry *domain, enum sim_right right,
	const struct sim_apdu *apdu, struct sim_out *out)
{
	struct sim_nv *nv = &card->nv;
	struct fields fields = {0};
	struct sim_entry fresh;
	const struct sim_elf *elf;
	struct sim_tlv specific;
	uint16_t sw;

	if (!parse_instance(apdu, &fields) ||
		!sim_in_find(sim_in_of(fields.parameters, fields.parameters_len), 0xC9, &specific))
		return SIM_ERR_DATA;
	sw = token_of(right, &fields);
	if (sw != SIM_OK)
		return sw;
	fresh = (struct sim_entry){.aid = fields.aids[2],
		.life = apdu->p1 & FOR_SELECTABLE ? SIM_SELECTABLE : SIM_INSTALLED,
		.elf = fields.aids[0],
		.module = fields.aids[1]};
	memcpy(fresh.privileges, fields.privileges, fields.privileges_len);
	if (fields.privileges_len == 1 && sim_is_domain(&fresh) && nv->config.version != SIM_GP211)
		fresh.privileges[1] = 0x80; /* Trusted Path: GPCS Table 6-2 */
	if (!privileges_are_good(&fresh))
		return SIM_ERR_DATA;
	elf = sim_elf_find(nv, &fields.aids[0]);
	if (!elf || !has_module(elf, &fields.aids[1]))
		return SIM_ERR_NOT_FOUND;
	fresh.domain = sim_is_domain(&fresh) ? domain->aid : elf->domain;
	if (sim_entry_find(nv, &fresh.aid) || sim_elf_find(nv, &fresh.aid))
		return SIM_ERR_CONDITIONS;
	if (nv->entry_count == SIM_ENTRIES_MAX)
		return SIM_ERR_SPACE;
	const struct sim_aid *const names[] = {&fresh.elf, &fresh.aid}; /* Table C-12 */

	sw = authorize(card, domain, right, apdu, &fields, names, 2, out);
	if (sw != SIM_OK)
		return sw;
	nv->entries[nv->entry_count++] = fresh;
	return sim_commit(card) ? SIM_OK : SIM_ERR_MEMORY;
}

static uint16_t for_selectable(struct sim_card *card, struct sim_entry *domain,
	enum sim_right right, const struct sim_apdu *apdu, struct sim_out *out)
{
	struct fields fields = {0};
	struct sim_entry *entry;
	uint16_t sw;

	if (!parse_instance(apdu, &fields))
		return SIM_ERR_DATA;
	sw = token_of(right, &fields);
	if (sw != SIM_OK)
		return sw;
	entry = sim_entry_find(&card->nv, &fields.aids[2]);
	if (!entry || !sim_below(&card->nv, entry, &domain->aid))
		return SIM_ERR_NOT_FOUND;
	if (entry->life != SIM_INSTALLED)
		return SIM_ERR_CONDITIONS;
	const struct sim_aid *const names[] = {&entry->elf, &entry->aid}; /* Table C-12 */

	sw = authorize(card, domain, right, apdu, &fields, names, 2, out);
	if (sw != SIM_OK)
		return sw;
	entry->life = SIM_SELECTABLE;
	return sim_commit(card) ? SIM_OK : SIM_ERR_MEMORY;
}

/* Where what is extradited is associated; NULL: it cannot be, from the domain that is selected. */
static struct sim_aid *movable(struct sim_nv *nv, const struct sim_entry *domain,
	struct sim_entry *entry, struct sim_elf *elf, const struct sim_entry *to)
{
	struct sim_aid *at = entry ? &entry->domain : &elf->domain;

	/* Not the ISD; not into itself or what lies below it. */
	if (entry && (sim_is_issuer(nv, entry) || entry == to || sim_below(nv, to, &entry->aid)))
		return NULL;
	/* GPCS 9.4.1: no load file to a domain that verifies DAPs, which would not have seen its. */
	if (!entry && sim_privileged(to, SIM_PRIV_DAP))
		return NULL;
	return sim_aid_equal(at, &domain->aid) && accepts(nv, to) ? at : NULL;
}

/* GPCS Table 11-45. */
static uint16_t for_extradition(struct sim_card *card, struct sim_entry *domain,
	enum sim_right right, const struct sim_apdu *apdu, struct sim_out *out)
{
	struct sim_in in = sim_in_of(apdu->data, apdu->len);
	struct fields fields = {0};
	struct sim_entry *entry, *to;
	unsigned empty = 0, also_empty = 0;
	struct sim_aid *at;
	struct sim_elf *elf;
	uint16_t sw;

	if (!sim_in_aid(&in, &fields.aids[0]) || !sim_in_byte(&in, &empty) ||
		!sim_in_aid(&in, &fields.aids[1]) || !sim_in_byte(&in, &also_empty) || empty != 0 ||
		also_empty != 0 || !end_of(apdu, &in, &fields))
		return SIM_ERR_DATA;
	sw = token_of(right, &fields);
	if (sw != SIM_OK)
		return sw;
	to = sim_entry_find(&card->nv, &fields.aids[0]);
	entry = sim_entry_find(&card->nv, &fields.aids[1]);
	elf = sim_elf_find(&card->nv, &fields.aids[1]);
	if (!to || !sim_is_domain(to) || (!entry && !elf))
		return SIM_ERR_NOT_FOUND;
	at = movable(&card->nv, domain, entry, elf, to);
	if (!at)
		return SIM_ERR_CONDITIONS;
	const struct sim_aid *const names[] = {at, &fields.aids[1], &to->aid}; /* Table C-13 */

	sw = authorize(card, domain, right, apdu, &fields, names, 3, out);
	if (sw != SIM_OK)
		return sw;
	*at = to->aid;
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
	struct sim_entry *domain, enum sim_right right, const struct sim_apdu *apdu)
{
	struct sim_in in = sim_in_of(apdu->data, apdu->len);
	struct sim_aid aid, associated;
	struct fields fields = {0};
	struct sim_entry *to = domain;
	const unsigned char *hash;
	const struct sim_key *key;
	size_t hash_len;
	uint16_t sw;

	if (!sim_in_aid(&in, &aid) || !sim_aid_valid(&aid) || !sim_in_aid(&in, &associated) ||
		!sim_in_lv(&in, &hash, &hash_len) || hash_len > sizeof(channel->load_hash) ||
		!end_of(apdu, &in, &fields))
		return SIM_ERR_DATA;
	sw = token_of(right, &fields);
	if (sw == SIM_OK && right == SIM_RIGHT_DELEGATED && hash_len == 0)
		sw = SIM_ERR_DATA; /* 11.5.2.3.1: mandatory if there is a token */
	if (sw != SIM_OK)
		return sw;
	if (associated.len > 0)
		to = sim_entry_find(&card->nv, &associated);
	if (!to || !sim_is_domain(to))
		return SIM_ERR_NOT_FOUND;
	if (sim_elf_find(&card->nv, &aid) || sim_entry_find(&card->nv, &aid) ||
		!accepts(&card->nv, to))
		return SIM_ERR_CONDITIONS;
	if (card->nv.elf_count == SIM_ELFS_MAX)
		return SIM_ERR_SPACE;
	key = right == SIM_RIGHT_DELEGATED ? sim_token_key(card, domain) : NULL;
	if (key && key->type == SIM_TYPE_EC_PUBLIC && hash_len < SHA256_LEN)
		return SIM_ERR_DATA; /* Table C-3 */
	sw = sim_token_verify(card, domain, right, apdu, &fields.token);
	if (sw == SIM_OK)
		sw = sim_receipt_possible(card, domain, right); /* the last LOAD's */
	if (sw != SIM_OK)
		return sw;
	free(channel->load_data);
	channel->load_data = NULL;
	channel->load_len = 0;
	channel->load = (struct sim_elf){.aid = aid, .domain = to->aid};
	channel->load_right = right;
	channel->load_token_id = fields.token.id;
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
	enum sim_right right = sim_right_of(card, channel, domain);
	unsigned role = apdu->p1 & 0x7F;
	uint16_t sw;

	channel->loading = false;
	channel->personalizing = false;
	if (apdu->p2 != 0)
		return SIM_ERR_P1P2;
	if (role != FOR_PERSONALIZATION && right == SIM_RIGHT_NONE)
		return SIM_ERR_CONDITIONS;
	switch (role) {
	case FOR_LOAD:
		sw = for_load(card, channel, domain, right, apdu);
		if (sw == SIM_OK)
			sim_put_byte(out, 0x00); /* 11.5.3.1 */
		break;
	case FOR_INSTALL:
	case FOR_INSTALL | FOR_SELECTABLE:
		sw = for_install(card, domain, right, apdu, out);
		break;
	case FOR_SELECTABLE:
		sw = for_selectable(card, domain, right, apdu, out);
		break;
	case FOR_EXTRADITION:
		sw = for_extradition(card, domain, right, apdu, out);
		break;
	case FOR_PERSONALIZATION:
		sw = for_personalization(card, channel, domain, apdu);
		if (sw == SIM_OK)
			sim_put_byte(out, 0x00);
		break;
	default:
		return SIM_ERR_P1P2;
	}
	return sw;
}
