/* SPDX-License-Identifier: Apache-2.0 */
/* GET STATUS and SET STATUS: GPCS 11.4, 11.10; the older response format: GP211 9.4. */
#include "sim/apdu.h"
#include "sim/registry.h"
#include "sim/scp.h"

#include <string.h>

enum { P1_ISSUER = 0x80, P1_APPLICATIONS = 0x40, P1_LOAD_FILES = 0x20, P1_MODULES = 0x10 };
enum { P2_NEXT = 0x01, P2_TLV = 0x02 };

struct query {
	unsigned p1;
	bool tlv;
	struct sim_aid aid; /* the search criterion, all of it or the beginning */
	const unsigned char *tags;
	size_t tags_len; /* 0: no tag list */
};

static bool listed(const struct query *query, unsigned tag)
{
	struct sim_in in = sim_in_of(query->tags, query->tags_len);
	unsigned first, second;

	if (query->tags_len == 0)
		return false;
	while (sim_in_byte(&in, &first)) {
		if ((first & 0x1F) == 0x1F && sim_in_byte(&in, &second))
			first = first << 8 | second;
		if (first == tag)
			return true;
	}
	return false;
}

/* Without a tag list what GPCS 11.4.3.1 says shall be there; with one what it names. */
static bool wanted(const struct query *query, unsigned tag, bool by_default)
{
	return query->tags_len == 0 ? by_default : listed(query, tag);
}

static unsigned char life_of(const struct sim_card *card, const struct sim_entry *entry)
{
	return sim_is_issuer(&card->nv, entry) ? card->nv.life : entry->life;
}

static void entry_tlv(const struct sim_card *card, const struct query *query,
	const struct sim_entry *entry, struct sim_out *out)
{
	unsigned char life = life_of(card, entry);
	size_t template = sim_put_open(out, 0xE3);

	if (wanted(query, 0x4F, true))
		sim_put_tlv(out, 0x4F, entry->aid.data, entry->aid.len);
	if (wanted(query, 0x9F70, true))
		sim_put_tlv(out, 0x9F70, &life, 1);
	if (wanted(query, 0xC5, true))
		sim_put_tlv(
			out, 0xC5, entry->privileges, card->nv.config.version == SIM_GP211 ? 1 : 3);
	if (wanted(query, 0xC4, false) && entry->elf.len > 0)
		sim_put_tlv(out, 0xC4, entry->elf.data, entry->elf.len);
	if (wanted(query, 0xCC, false))
		sim_put_tlv(out, 0xCC, entry->domain.data, entry->domain.len);
	sim_put_close(out, template);
}

static void elf_tlv(const struct query *query, const struct sim_elf *elf, struct sim_out *out)
{
	static const unsigned char life = SIM_LOADED;
	size_t template = sim_put_open(out, 0xE3);

	if (wanted(query, 0x4F, true))
		sim_put_tlv(out, 0x4F, elf->aid.data, elf->aid.len);
	if (wanted(query, 0x9F70, true))
		sim_put_tlv(out, 0x9F70, &life, 1);
	if (wanted(query, 0xCE, false))
		sim_put_tlv(out, 0xCE, elf->version, sizeof(elf->version));
	if (query->p1 == P1_MODULES && wanted(query, 0x84, true))
		for (size_t i = 0; i < elf->module_count; i++)
			sim_put_tlv(out, 0x84, elf->modules[i].data, elf->modules[i].len);
	if (wanted(query, 0xCC, false))
		sim_put_tlv(out, 0xCC, elf->domain.data, elf->domain.len);
	sim_put_close(out, template);
}

static void put_lv(struct sim_out *out, const struct sim_aid *aid)
{
	sim_put_byte(out, (unsigned)aid->len);
	sim_put(out, aid->data, aid->len);
}

/* GP211 Table 9-22. */
static void entry_old(
	const struct sim_card *card, const struct sim_entry *entry, struct sim_out *out)
{
	put_lv(out, &entry->aid);
	sim_put_byte(out, life_of(card, entry));
	sim_put_byte(out, entry->privileges[0]);
}

/* GP211 Tables 9-22 and 9-24. */
static void elf_old(const struct query *query, const struct sim_elf *elf, struct sim_out *out)
{
	put_lv(out, &elf->aid);
	sim_put_byte(out, SIM_LOADED);
	sim_put_byte(out, 0);
	if (query->p1 != P1_MODULES)
		return;
	sim_put_byte(out, (unsigned)elf->module_count);
	for (size_t i = 0; i < elf->module_count; i++)
		put_lv(out, &elf->modules[i]);
}

/* GPCS 11.4.2.3: what lies below the domain; everything with the Global Registry privilege. */
static bool in_scope(
	struct sim_card *card, const struct sim_entry *domain, const struct sim_aid *associated)
{
	if ((domain->privileges[1] & 0x04) || sim_is_issuer(&card->nv, domain))
		return true;
	return sim_aid_equal(associated, &domain->aid) ||
	       sim_below(&card->nv, sim_entry_find(&card->nv, associated), &domain->aid);
}

/* Item number `at` of the query's kind; false: no more. It may put nothing (no match). */
static bool put_item(struct sim_card *card, const struct query *query,
	const struct sim_entry *domain, size_t at, struct sim_out *out)
{
	struct sim_nv *nv = &card->nv;

	if (query->p1 == P1_ISSUER || query->p1 == P1_APPLICATIONS) {
		size_t index = query->p1 == P1_ISSUER ? 0 : at + 1;
		const struct sim_entry *entry = &nv->entries[index];

		if (index >= nv->entry_count || (query->p1 == P1_ISSUER && at > 0))
			return false;
		if (query->p1 == P1_APPLICATIONS &&
			(!sim_aid_begins(&entry->aid, &query->aid) ||
				!in_scope(card, domain, &entry->domain)))
			return true;
		if (query->tlv)
			entry_tlv(card, query, entry, out);
		else
			entry_old(card, entry, out);
		return true;
	}
	if (at >= nv->elf_count)
		return false;
	if (!sim_aid_begins(&nv->elfs[at].aid, &query->aid) ||
		!in_scope(card, domain, &nv->elfs[at].domain))
		return true;
	if (query->tlv)
		elf_tlv(query, &nv->elfs[at], out);
	else
		elf_old(query, &nv->elfs[at], out);
	return true;
}

static uint16_t parse_query(
	const struct sim_card *card, const struct sim_apdu *apdu, struct query *query)
{
	struct sim_in in = sim_in_of(apdu->data, apdu->len);
	struct sim_tlv tlv;

	*query = (struct query){.p1 = apdu->p1, .tlv = (apdu->p2 & P2_TLV) != 0};
	if (apdu->p1 != P1_ISSUER && apdu->p1 != P1_APPLICATIONS && apdu->p1 != P1_LOAD_FILES &&
		apdu->p1 != P1_MODULES)
		return SIM_ERR_P1P2;
	if (!sim_in_tlv(&in, &tlv) || tlv.tag != 0x4F || tlv.len > SIM_AID_MAX)
		return SIM_ERR_DATA;
	query->aid.len = tlv.len;
	memcpy(query->aid.data, tlv.value, tlv.len);
	while (sim_in_tlv(&in, &tlv)) {
		if (tlv.tag == 0x5C && card->nv.config.version != SIM_GP211) {
			query->tags = tlv.value;
			query->tags_len = tlv.len;
		}
	}
	return sim_in_left(&in) == 0 ? SIM_OK : SIM_ERR_DATA;
}

uint16_t sim_get_status(struct sim_card *card, struct sim_channel *channel,
	const struct sim_apdu *apdu, struct sim_out *out)
{
	struct sim_entry *domain = sim_selected(card, channel);
	size_t max = 256 - sim_wrap_cost(&channel->session), at = 0;
	struct query query;
	uint16_t sw = parse_query(card, apdu, &query);

	if (sw != SIM_OK)
		return sw;
	if (query.p1 == P1_ISSUER && (!sim_is_issuer(&card->nv, domain) || (apdu->p2 & P2_NEXT)))
		return SIM_ERR_P1P2;
	if (apdu->p2 & P2_NEXT) {
		if (!channel->status_started || channel->status_p1 != apdu->p1)
			return SIM_ERR_CONDITIONS;
		at = channel->status_next;
	}
	channel->status_started = true;
	channel->status_p1 = apdu->p1;
	for (;; at++) {
		struct sim_out item = {.len = 0};

		if (!put_item(card, &query, domain, at, &item))
			break;
		if (out->len + item.len > max) {
			channel->status_next = at;
			return SIM_WARN_MORE;
		}
		sim_put(out, item.data, item.len);
	}
	channel->status_started = false;
	return out->len > 0 ? SIM_OK : SIM_ERR_NOT_FOUND;
}

/* ---- SET STATUS ---- */

/* GPCS Figure 5-1; states may be skipped on the way up. */
static bool card_may_become(const struct sim_card *card, unsigned to)
{
	unsigned from = card->nv.life;

	switch (to) {
	case SIM_INITIALIZED:
		return from == SIM_OP_READY;
	case SIM_SECURED:
		return from == SIM_OP_READY || from == SIM_INITIALIZED || from == SIM_CARD_LOCKED;
	case SIM_CARD_LOCKED:
		return from == SIM_SECURED;
	case SIM_TERMINATED:
		return from != SIM_TERMINATED;
	default:
		return false;
	}
}

static uint16_t set_card(struct sim_card *card, const struct sim_entry *domain, unsigned to)
{
	bool lock = to == SIM_CARD_LOCKED || card->nv.life == SIM_CARD_LOCKED;

	if (to != SIM_INITIALIZED && to != SIM_SECURED && to != SIM_CARD_LOCKED &&
		to != SIM_TERMINATED)
		return SIM_ERR_P1P2;
	if (!sim_is_issuer(&card->nv, domain) &&
		!(to == SIM_TERMINATED && (domain->privileges[0] & 0x08)) &&
		!(lock && (domain->privileges[0] & 0x10)))
		return SIM_ERR_CONDITIONS;
	if (!card_may_become(card, to))
		return SIM_ERR_CONDITIONS;
	card->nv.life = (unsigned char)to;
	return sim_commit(card) ? SIM_OK : SIM_ERR_MEMORY;
}

/* False: it is in that state already. */
static bool set_lock(struct sim_entry *entry, bool lock)
{
	bool is = (entry->life & SIM_LOCKED) != 0;

	if (is == lock)
		return false;
	/* The other bits keep the previous state: GPCS 5.3.1.3. */
	entry->life ^= SIM_LOCKED;
	return true;
}

static uint16_t set_entry(
	struct sim_card *card, struct sim_entry *domain, struct sim_entry *entry, unsigned to)
{
	bool own = entry == domain;

	if (own && to == SIM_PERSONALIZED && sim_is_domain(entry)) {
		if (entry->life != SIM_SELECTABLE)
			return SIM_ERR_CONDITIONS;
		entry->life = SIM_PERSONALIZED;
		return SIM_OK;
	}
	if (own && !(to & SIM_LOCKED))
		return SIM_ERR_CONDITIONS; /* nobody unlocks himself */
	if (!own && !sim_below(&card->nv, entry, &domain->aid) &&
		!(domain->privileges[1] & 0x08)) /* Global Lock */
		return SIM_ERR_CONDITIONS;
	return set_lock(entry, (to & SIM_LOCKED) != 0) ? SIM_OK : SIM_ERR_CONDITIONS;
}

uint16_t sim_set_status(
	struct sim_card *card, struct sim_channel *channel, const struct sim_apdu *apdu)
{
	struct sim_entry *domain = sim_selected(card, channel), *entry;
	struct sim_aid aid = {.len = apdu->len};
	uint16_t sw;

	if ((apdu->p1 & 0xE0) == 0x80)
		return set_card(card, domain, apdu->p2);
	if ((apdu->p1 & 0xE0) != 0x40 && (apdu->p1 & 0xE0) != 0x60)
		return SIM_ERR_P1P2;
	if (card->nv.life == SIM_CARD_LOCKED)
		return SIM_ERR_CONDITIONS;
	if (apdu->len < 5 || apdu->len > SIM_AID_MAX)
		return SIM_ERR_DATA;
	memcpy(aid.data, apdu->data, apdu->len);
	entry = sim_entry_find(&card->nv, &aid);
	if (!entry || sim_is_issuer(&card->nv, entry))
		return SIM_ERR_NOT_FOUND;
	if ((apdu->p1 & 0xE0) == 0x40) {
		sw = set_entry(card, domain, entry, apdu->p2);
		if (sw != SIM_OK)
			return sw;
		return sim_commit(card) ? SIM_OK : SIM_ERR_MEMORY;
	}
	/* A domain and all below it; what is in that state already is no error. */
	if (!sim_is_domain(entry) ||
		(entry != domain && !sim_below(&card->nv, entry, &domain->aid) &&
			!(domain->privileges[1] & 0x08)))
		return SIM_ERR_CONDITIONS;
	(void)set_lock(entry, (apdu->p2 & SIM_LOCKED) != 0);
	for (size_t i = 1; i < card->nv.entry_count; i++)
		if (sim_below(&card->nv, &card->nv.entries[i], &entry->aid))
			(void)set_lock(&card->nv.entries[i], (apdu->p2 & SIM_LOCKED) != 0);
	return sim_commit(card) ? SIM_OK : SIM_ERR_MEMORY;
}
