/* SPDX-License-Identifier: Apache-2.0 */
/* DELETE: GPCS 11.2, 9.5. */
#include "sim/apdu.h"
#include "sim/registry.h"

#include "base/secret.h"

#include <string.h>

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

static bool may_delete(
	struct sim_card *card, const struct sim_entry *domain, const struct sim_aid *associated)
{
	bool manages = (domain->privileges[1] & 0x40) || (domain->privileges[0] & 0x20);

	return manages &&
	       (sim_aid_equal(associated, &domain->aid) ||
		       sim_below(&card->nv, sim_entry_find(&card->nv, associated), &domain->aid) ||
		       (domain->privileges[1] & 0x10)); /* Global Delete */
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

static uint16_t delete_elf(
	struct sim_card *card, struct sim_entry *domain, struct sim_elf *elf, bool related)
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
	for (size_t i = nv->entry_count; i-- > 0;)
		if (sim_aid_equal(&nv->entries[i].elf, &elf->aid))
			sim_entry_remove(nv, &nv->entries[i]);
	sim_elf_remove(nv, elf);
	return SIM_OK;
}

static uint16_t delete_content(struct sim_card *card, struct sim_entry *domain,
	const struct sim_tlv *name, bool related, struct sim_out *out)
{
	struct sim_aid aid = {.len = name->len};
	struct sim_entry *entry;
	struct sim_elf *elf;
	uint16_t sw;

	if (name->len < 5 || name->len > SIM_AID_MAX)
		return SIM_ERR_DATA;
	memcpy(aid.data, name->value, name->len);
	entry = sim_entry_find(&card->nv, &aid);
	elf = sim_elf_find(&card->nv, &aid);
	if (entry) {
		sw = entry_deletable(card, domain, entry);
		if (sw == SIM_OK)
			sim_entry_remove(&card->nv, entry);
	} else if (elf) {
		sw = delete_elf(card, domain, elf, related);
	} else {
		return SIM_ERR_NOT_FOUND;
	}
	if (sw != SIM_OK)
		return sw;
	if (!sim_commit(card))
		return SIM_ERR_MEMORY;
	sim_put_byte(out, 0x00);
	return SIM_OK;
}

uint16_t sim_delete(struct sim_card *card, struct sim_channel *channel, const struct sim_apdu *apdu,
	struct sim_out *out)
{
	struct sim_entry *domain = sim_selected(card, channel);
	struct sim_in in = sim_in_of(apdu->data, apdu->len), rest = in;
	struct sim_tlv first, other;

	if (!sim_in_tlv(&rest, &first))
		return SIM_ERR_DATA;
	if (first.tag == 0xD0 || first.tag == 0xD2)
		return delete_keys(card, domain, &in, out);
	if (first.tag != 0x4F)
		return SIM_ERR_DATA;
	/* A token is for delegated management, which this card has not: GPCS 11.2.2.3.1. */
	if (sim_in_find(rest, 0x9E, &other) && other.len > 0)
		return SIM_ERR_DATA;
	return delete_content(card, domain, &first, (apdu->p2 & 0x80) != 0, out);
}
