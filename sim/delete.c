/* SPDX-License-Identifier: Apache-2.0 */
/* DELETE: GPCS 11.2, 9.5. */
#include "sim/delegated.h"
#include "sim/registry.h"

#include "base/secret.h"

#include <string.h>

enum { TAG_TOKEN = 0x9E, TAG_CRT = 0xB6 };

static uint16_t delete_keys(struct sim_card *card, struct sim_entry *domain,
	const struct sim_in *in, struct sim_out *out)
{
	const struct sim_config *config = &card->nv.config;
	int kid = -1, kvn = -1;
	struct sim_in at = *in;
	struct sim_entry after = *domain;
	struct sim_tlv tlv;
	uint16_t sw = SIM_OK;

	while (sim_in_tlv(&at, &tlv)) {
		if (tlv.len != 1 || (tlv.tag != 0xD0 && tlv.tag != 0xD2))
			return SIM_ERR_DATA;
		if (tlv.tag == 0xD0)
			kid = tlv.value[0];
		else
			kvn = tlv.value[0];
	}
	if (sim_in_left(&at) > 0)
		return SIM_ERR_DATA;
	if (sim_keys_remove(&after, kid, kvn) == 0)
		sw = SIM_ERR_NOT_FOUND;
	else if (!config->delete_last && sim_set_default(config, domain) >= 0 &&
		 sim_set_default(config, &after) < 0)
		sw = SIM_ERR_CONDITIONS; /* the last set that opens a secure channel */
	if (sw == SIM_OK) {
		*domain = after;
		sw = sim_commit(card) ? SIM_OK : SIM_ERR_MEMORY;
	}
	if (sw == SIM_OK)
		sim_put_byte(out, 0x00);
	secret_wipe(&after, sizeof(after));
	return sw;
}

/* By a domain with the right to. */
static bool may_delete(
	struct sim_card *card, const struct sim_entry *domain, const struct sim_aid *associated)
{
	return sim_aid_equal(associated, &domain->aid) ||
	       sim_below(&card->nv, sim_entry_find(&card->nv, associated), &domain->aid) ||
	       (domain->privileges[1] & 0x10); /* Global Delete */
}

static bool in_use(struct sim_card *card, const struct sim_entry *entry)
{
	for (size_t i = 0; i < SIM_CHANNELS_MAX; i++) {
		const struct sim_channel *channel = &card->channels[i];

		if (channel->open && channel->selected &&
			sim_aid_equal(&channel->application, &entry->aid))
			return true;
	}
	/* Of a security domain: something is associated with it. */
	for (size_t i = 0; i < card->nv.entry_count; i++)
		if (&card->nv.entries[i] != entry &&
			sim_aid_equal(&card->nv.entries[i].domain, &entry->aid))
			return true;
	for (size_t i = 0; i < card->nv.elf_count; i++)
		if (sim_aid_equal(&card->nv.elfs[i].domain, &entry->aid))
			return true;
	return false;
}

static uint16_t entry_deletable(
	struct sim_card *card, const struct sim_entry *domain, const struct sim_entry *entry)
{
	if (sim_is_issuer(&card->nv, entry) || in_use(card, entry) ||
		!may_delete(card, domain, &entry->domain))
		return SIM_ERR_CONDITIONS;
	return SIM_OK;
}

static uint16_t elf_deletable(struct sim_card *card, const struct sim_entry *domain,
	const struct sim_elf *elf, bool related)
{
	struct sim_nv *nv = &card->nv;

	if (!may_delete(card, domain, &elf->domain))
		return SIM_ERR_CONDITIONS;
	for (size_t i = 0; i < nv->entry_count; i++) {
		if (!sim_aid_equal(&nv->entries[i].elf, &elf->aid))
			continue;
		if (!related || entry_deletable(card, domain, &nv->entries[i]) != SIM_OK)
			return SIM_ERR_CONDITIONS;
	}
	return SIM_OK;
}

static void remove_elf(struct sim_nv *nv, struct sim_elf *elf)
{
	for (size_t i = nv->entry_count; i-- > 0;)
		if (sim_aid_equal(&nv->entries[i].elf, &elf->aid))
			sim_entry_remove(nv, &nv->entries[i]);
	sim_elf_remove(nv, elf);
}

static bool aid_of(const struct sim_tlv *name, struct sim_aid *ret_aid)
{
	if (name->len < 5 || name->len > SIM_AID_MAX)
		return false;
	*ret_aid = (struct sim_aid){.len = name->len};
	memcpy(ret_aid->data, name->value, name->len);
	return true;
}

/*
 * GPCS Table 11-23: behind the name perhaps a template, then the token, which is over all before it (Table
 * C-9).
 */
static bool parse_token(const struct sim_apdu *apdu, struct sim_in in, struct sim_token *token)
{
	const unsigned char *template = in.at;
	struct sim_tlv tlv;

	token->fields = apdu->data;
	token->fields_len = apdu->len - sim_in_left(&in);
	if (!sim_in_tlv(&in, &tlv))
		return sim_in_left(&in) == 0;
	if (tlv.tag == TAG_CRT) {
		token->fields_len = apdu->len - sim_in_left(&in);
		if (!sim_token_identify(template, (size_t)(in.at - template), token))
			return false;
		if (!sim_in_tlv(&in, &tlv))
			return sim_in_left(&in) == 0;
	}
	token->value = tlv.value;
	token->len = tlv.len;
	return tlv.tag == TAG_TOKEN && sim_in_left(&in) == 0;
}

static uint16_t delete_content(struct sim_card *card, struct sim_entry *domain,
	enum sim_right right, const struct sim_apdu *apdu, const struct sim_aid *aid,
	const struct sim_token *token, struct sim_out *out)
{
	struct sim_entry *entry = sim_entry_find(&card->nv, aid);
	struct sim_elf *elf = sim_elf_find(&card->nv, aid);
	uint16_t sw;

	if (!entry && !elf)
		return SIM_ERR_NOT_FOUND;
	if (right == SIM_RIGHT_NONE)
		return SIM_ERR_CONDITIONS;
	sw = entry ? entry_deletable(card, domain, entry)
		   : elf_deletable(card, domain, elf, (apdu->p2 & 0x80) != 0);
	if (sw == SIM_OK)
		sw = sim_token_verify(card, domain, right, apdu, token);
	if (sw == SIM_OK) /* Table C-15 */
		sw = sim_receipt_put(card, domain, right, &token->id, &aid, 1, out);
	if (sw != SIM_OK)
		return sw;
	if (entry)
		sim_entry_remove(&card->nv, entry);
	else
		remove_elf(&card->nv, elf);
	return sim_commit(card) ? SIM_OK : SIM_ERR_MEMORY;
}

uint16_t sim_delete(struct sim_card *card, struct sim_channel *channel, const struct sim_apdu *apdu,
	struct sim_out *out)
{
	struct sim_entry *domain = sim_selected(card, channel);
	enum sim_right right = sim_right_of(card, channel, domain);
	struct sim_in in = sim_in_of(apdu->data, apdu->len), rest = in;
	struct sim_token token = {.len = 0};
	struct sim_tlv first, other;
	struct sim_aid aid;

	if (!sim_in_tlv(&rest, &first))
		return SIM_ERR_DATA;
	if (first.tag == 0xD0 || first.tag == 0xD2)
		return delete_keys(card, domain, &in, out);
	if (first.tag != 0x4F || !aid_of(&first, &aid))
		return SIM_ERR_DATA;
	if (right == SIM_RIGHT_DELEGATED) {
		if (!parse_token(apdu, rest, &token) || sim_token_expect(right, &token) != SIM_OK)
			return SIM_ERR_DATA;
	} else if (right == SIM_RIGHT_AUTHORIZED && sim_in_find(rest, TAG_TOKEN, &other) &&
		   other.len > 0) {
		return SIM_ERR_DATA; /* GPCS 9.2.3: not allowed in other cases */
	}
	return delete_content(card, domain, right, apdu, &aid, &token, out);
}
