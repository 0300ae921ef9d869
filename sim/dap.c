/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/dap.h"

#include "sim/registry.h"
#include "sim/sign.h"

enum { TAG_BLOCK = 0xE2, TAG_AID = 0x4F, TAG_SIGNATURE = 0xC3, SHA256_LEN = 32 };

static bool parse_block(
	const struct sim_tlv *block, struct sim_aid *ret_aid, struct sim_tlv *ret_dap)
{
	struct sim_in in = sim_in_of(block->value, block->len), name;
	struct sim_tlv tlv;
	unsigned char aid[1 + SIM_AID_MAX];
	size_t at = 0;

	if (!sim_in_tlv(&in, &tlv) || tlv.tag != TAG_AID || tlv.len > SIM_AID_MAX ||
		!sim_in_tlv(&in, ret_dap) || ret_dap->tag != TAG_SIGNATURE || ret_dap->len == 0 ||
		sim_in_left(&in) > 0)
		return false;
	aid[at++] = (unsigned char)tlv.len;
	for (size_t i = 0; i < tlv.len; i++)
		aid[at++] = tlv.value[i];
	name = sim_in_of(aid, at);
	return sim_in_aid(&name, ret_aid) && sim_aid_valid(ret_aid);
}

static uint16_t verify_block(struct sim_card *card, const struct sim_channel *channel,
	const struct sim_tlv *block, struct sim_aid *ret_domain)
{
	const struct sim_part hash = {channel->load_hash, channel->load_hash_len};
	const struct sim_key *key;
	struct sim_entry *domain;
	struct sim_tlv dap;

	if (!parse_block(block, ret_domain, &dap))
		return SIM_ERR_DATA;
	if (channel->load_hash_len == 0)
		return SIM_ERR_CONDITIONS; /* 9.2.2: mandatory when a DAP block is present */
	domain = sim_entry_find(&card->nv, ret_domain);
	if (!domain || !sim_is_domain(domain) || !sim_privileged(domain, SIM_PRIV_DAP))
		return SIM_ERR_CONDITIONS;
	if (!sim_is_issuer(&card->nv, domain) && (domain->life & SIM_LOCKED))
		return SIM_ERR_CONDITIONS; /* 5.3.2.4 */
	key = sim_content_key(domain, SIM_KVN_DAP);
	if (!key)
		return SIM_ERR_CONDITIONS; /* C.1.2 */
	/* Table C-3: a hash as strong as the one that ECDSA takes. */
	if (key->type == SIM_TYPE_EC_PUBLIC && channel->load_hash_len < SHA256_LEN)
		return SIM_ERR_DATA;
	return sim_verify(key, &hash, 1, dap.value, dap.len) ? SIM_OK : SIM_ERR_SECURITY;
}

/* 9.3.5: of the domain that the load file goes to, and of all that mandate theirs and are PERSONALIZED. */
static bool demands(
	const struct sim_nv *nv, const struct sim_channel *channel, const struct sim_entry *entry)
{
	if (!sim_is_domain(entry) || !sim_privileged(entry, SIM_PRIV_DAP))
		return false;
	if (sim_aid_equal(&entry->aid, &channel->load.domain))
		return true;
	return sim_privileged(entry, SIM_PRIV_MANDATED_DAP) &&
	       (sim_is_issuer(nv, entry) || entry->life == SIM_PERSONALIZED);
}

uint16_t sim_dap_check(struct sim_card *card, const struct sim_channel *channel, struct sim_in *in)
{
	bool verified[SIM_ENTRIES_MAX] = {false};
	struct sim_nv *nv = &card->nv;
	struct sim_aid domain;
	struct sim_in next = *in;
	struct sim_tlv block;
	uint16_t sw;

	while (sim_in_tlv(&next, &block) && block.tag == TAG_BLOCK) {
		sw = verify_block(card, channel, &block, &domain);
		if (sw != SIM_OK)
			return sw;
		verified[sim_entry_find(nv, &domain) - nv->entries] = true;
		*in = next;
	}
	for (size_t i = 0; i < nv->entry_count; i++)
		if (demands(nv, channel, &nv->entries[i]) && !verified[i])
			return SIM_ERR_CONDITIONS;
	return SIM_OK;
}
