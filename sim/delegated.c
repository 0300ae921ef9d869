/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/delegated.h"

#include "sim/registry.h"
#include "sim/sign.h"

#include <string.h>

enum { TAG_IIN = 0x42, TAG_CIN = 0x45, TAG_CRT = 0xB6, TAG_TOKEN_ID = 0x93 };
enum { CONFIRMATIONS_MAX = 0xFFFF, UNIQUE_MAX = 0x7F, CONFIRMATION_MAX = 0xFF, NAMES_MAX = 3 };

enum sim_right sim_right_of(
	struct sim_card *card, const struct sim_channel *channel, const struct sim_entry *domain)
{
	if (sim_privileged(domain, SIM_PRIV_AUTHORIZED))
		return SIM_RIGHT_AUTHORIZED;
	/*
	 * The domain's own policy (GPCS 9.3.5): it must be PERSONALIZED, and whoever is there must know
	 * its own keys, not those of the domain above it.
	 */
	if (sim_privileged(domain, SIM_PRIV_DELEGATED) &&
		(sim_is_issuer(&card->nv, domain) || domain->life == SIM_PERSONALIZED) &&
		sim_aid_equal(&channel->session.owner, &domain->aid))
		return SIM_RIGHT_DELEGATED;
	return SIM_RIGHT_NONE;
}

/* GPCS 9.1.3.1, 9.1.3.6: the one that has the privilege under the next domain with Authorized Management. */
static struct sim_entry *service(
	struct sim_nv *nv, const struct sim_entry *domain, unsigned privilege)
{
	const struct sim_entry *root = domain;
	struct sim_entry *found = NULL;

	for (size_t steps = 0; steps <= nv->entry_count; steps++) {
		const struct sim_entry *above = sim_entry_find(nv, &root->domain);

		if (sim_privileged(root, SIM_PRIV_AUTHORIZED) || !above || above == root)
			break;
		root = above;
	}
	for (size_t i = 0; !found && i < nv->entry_count; i++) {
		struct sim_entry *entry = &nv->entries[i];

		if (sim_is_domain(entry) && sim_privileged(entry, privilege) &&
			(entry == root || sim_below(nv, entry, &root->aid)))
			found = entry;
	}
	/* GPCS 5.3.2.4: a locked domain gives no service. The ISD has the card's life cycle. */
	if (found && !sim_is_issuer(nv, found) && (found->life & SIM_LOCKED))
		return NULL;
	return found;
}

/* ---- tokens ---- */

uint16_t sim_token_expect(enum sim_right right, const struct sim_token *token)
{
	return (right == SIM_RIGHT_DELEGATED) == (token->len > 0) ? SIM_OK : SIM_ERR_DATA;
}

bool sim_token_identify(const unsigned char *objects, size_t len, struct sim_token *token)
{
	struct sim_in in = sim_in_of(objects, len), inside;
	struct sim_tlv tlv, object;

	while (sim_in_tlv(&in, &tlv)) {
		if (tlv.tag != TAG_CRT)
			continue;
		inside = sim_in_of(tlv.value, tlv.len);
		while (sim_in_tlv(&inside, &object)) {
			if (object.tag != TAG_TOKEN_ID)
				continue;
			if (token->id.there || object.len == 0 || object.len > SIM_TOKEN_ID_MAX)
				return false;
			token->id.there = true;
			token->id.len = object.len;
			memcpy(token->id.data, object.value, object.len);
		}
		if (sim_in_left(&inside) > 0)
			return false;
	}
	return sim_in_left(&in) == 0;
}

const struct sim_key *sim_token_key(struct sim_card *card, const struct sim_entry *domain)
{
	struct sim_entry *verifier = service(&card->nv, domain, SIM_PRIV_TOKEN);

	return verifier ? sim_content_key(verifier, SIM_KVN_TOKEN) : NULL;
}

uint16_t sim_token_verify(struct sim_card *card, const struct sim_entry *domain,
	enum sim_right right, const struct sim_apdu *apdu, const struct sim_token *token)
{
	/* GPCS C.4: P1 and P2 of the last command of a chain, the length on one byte or on three. */
	unsigned char head[5] = {apdu->p1, apdu->p2, (unsigned char)token->fields_len};
	size_t head_len = 3;
	const struct sim_key *key;

	if (right != SIM_RIGHT_DELEGATED)
		return SIM_OK;
	if (token->fields_len > 0xFF) {
		head[2] = 0;
		head[3] = (unsigned char)(token->fields_len >> 8);
		head[4] = (unsigned char)token->fields_len;
		head_len = 5;
	}
	const struct sim_part parts[] = {{head, head_len}, {token->fields, token->fields_len}};

	key = sim_token_key(card, domain);
	if (!key)
		return SIM_ERR_CONDITIONS; /* C.1.1.1 */
	return sim_verify(key, parts, 2, token->value, token->len) ? SIM_OK : SIM_ERR_SECURITY;
}

/* ---- receipts ---- */

/* GPCS C.1.1.2: without the key, no receipt and no delegated management; C.5: the counter never starts anew. */
static struct sim_entry *giver_of(struct sim_card *card, const struct sim_entry *domain)
{
	struct sim_entry *giver = service(&card->nv, domain, SIM_PRIV_RECEIPT);

	if (!giver || !sim_content_key(giver, SIM_KVN_RECEIPT) ||
		giver->confirmations >= CONFIRMATIONS_MAX)
		return NULL;
	return giver;
}

uint16_t sim_receipt_possible(
	struct sim_card *card, const struct sim_entry *domain, enum sim_right right)
{
	return right != SIM_RIGHT_DELEGATED || giver_of(card, domain) ? SIM_OK : SIM_ERR_CONDITIONS;
}

static void put_lv(struct sim_out *out, const void *value, size_t len)
{
	sim_put_byte(out, (unsigned)len);
	sim_put(out, value, len);
}

/* GPCS Table 11-14; no digest of the token's data, which is optional. False: it has no name of its own. */
static bool confirmation_data(
	struct sim_entry *giver, const struct sim_token_id *id, struct sim_out *out)
{
	const struct sim_object *iin = sim_object_find(giver, TAG_IIN);
	const struct sim_object *cin = sim_object_find(giver, TAG_CIN);
	size_t unique = (iin ? iin->len : 0) + (cin ? cin->len : 0);

	if (unique == 0 || unique > UNIQUE_MAX)
		return false;
	sim_put_byte(out, 2);
	sim_put_byte(out, giver->confirmations >> 8);
	sim_put_byte(out, giver->confirmations);
	sim_put_byte(out, (unsigned)unique);
	if (iin)
		sim_put(out, iin->data, iin->len);
	if (cin)
		sim_put(out, cin->data, cin->len);
	if (id->there)
		put_lv(out, id->data, id->len);
	return true;
}

/* GPCS Tables C-11 to C-13 and C-15: the confirmation data, then each name behind its length. */
static bool make_receipt(struct sim_entry *giver, const struct sim_out *data,
	const struct sim_aid *const *names, size_t count, unsigned char mac[SIM_MAC_MAX],
	size_t *ret_len)
{
	struct sim_part parts[1 + 2 * NAMES_MAX] = {{data->data, data->len}};
	unsigned char lengths[NAMES_MAX];
	size_t used = 1;

	for (size_t i = 0; i < count; i++) {
		lengths[i] = (unsigned char)names[i]->len;
		parts[used++] = (struct sim_part){&lengths[i], 1};
		parts[used++] = (struct sim_part){names[i]->data, names[i]->len};
	}
	return sim_sign(sim_content_key(giver, SIM_KVN_RECEIPT), parts, used, mac, ret_len);
}

uint16_t sim_receipt_put(struct sim_card *card, const struct sim_entry *domain,
	enum sim_right right, const struct sim_token_id *id, const struct sim_aid *const *names,
	size_t count, struct sim_out *out)
{
	struct sim_entry *giver;
	struct sim_out data = {.len = 0};
	unsigned char mac[SIM_MAC_MAX];
	size_t mac_len = 0, start;

	if (right != SIM_RIGHT_DELEGATED) {
		sim_put_byte(out, 0x00);
		return SIM_OK;
	}
	giver = giver_of(card, domain);
	if (!giver || !confirmation_data(giver, id, &data) ||
		1 + sizeof(mac) + data.len > CONFIRMATION_MAX)
		return SIM_ERR_CONDITIONS;
	if (!make_receipt(giver, &data, names, count, mac, &mac_len))
		return SIM_ERR_NO_DIAGNOSIS;
	/* Tables 11-25, 11-54 and 11-59 about Table 11-13. */
	start = out->len;
	put_lv(out, mac, mac_len);
	sim_put(out, data.data, data.len);
	sim_put_close(out, start);
	giver->confirmations++;
	return SIM_OK;
}
