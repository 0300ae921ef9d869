/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/keys.h"

#include "sim/crypt.h"
#include "sim/registry.h"

#include "base/secret.h"

#include <string.h>

enum { FACTORY_KVN = 0xFF };

uint16_t sim_key_type_check(unsigned type, size_t len)
{
	bool des = type == SIM_TYPE_DES && (len == 16 || len == 24);
	bool aes = type == SIM_TYPE_AES && (len == 16 || len == 24 || len == 32);

	return des || aes ? SIM_OK : SIM_ERR_DATA;
}

bool sim_key_form_is_good(const struct sim_key *key)
{
	if (key->type == SIM_TYPE_EC_PUBLIC)
		return key->len == SIM_POINT_LEN;
	return sim_key_type_check(key->type, key->len) == SIM_OK;
}

size_t sim_sensitive_block(const struct sim_session *session)
{
	return session->scp == 3 ? 16 : 8;
}

bool sim_sensitive(
	const struct sim_session *session, const unsigned char *in, size_t len, unsigned char *out)
{
	if (session->scp == 3)
		return sim_cbc(SIM_AES, session->dek, session->key_len, NULL, false, in, len, out);
	return sim_ecb(SIM_TDES, session->dek, 16, false, in, len, out);
}

uint16_t sim_key_verify(const struct sim_key *key, const unsigned char *check_value)
{
	unsigned char own[3];

	if (!sim_check_value(
		    key->type == SIM_TYPE_AES ? SIM_AES : SIM_TDES, key->value, key->len, own))
		return SIM_ERR_NO_DIAGNOSIS;
	return sim_equal(own, check_value, sizeof(own)) ? SIM_OK : SIM_ERR_SECURITY;
}

/* GPCS 11.8.2.3.3: size and algorithm cannot change. */
static uint16_t replace_one(struct sim_entry *domain, unsigned old_kvn, const struct sim_key *fresh)
{
	struct sim_key *old = sim_key_find(domain, fresh->kid, old_kvn);

	if (!old)
		return SIM_ERR_NOT_FOUND;
	if (old->type != fresh->type || old->len != fresh->len)
		return SIM_ERR_DATA;
	if (fresh->kvn != old_kvn && sim_key_find(domain, fresh->kid, fresh->kvn))
		return SIM_ERR_DATA;
	*old = *fresh;
	return SIM_OK;
}

/*
 * GPCS Table C-1: which keys verify tokens and DAPs, which generate receipts. One of each, so that it is
 * identified unambiguously (C.1.1.1, C.1.1.2, C.1.2); no other key takes its version, nor it another's.
 */
static uint16_t content_key_check(
	const struct sim_entry *domain, const struct sim_key *fresh, int replaced)
{
	bool content = sim_is_content_version(domain, fresh->kvn);
	bool mac = fresh->type == SIM_TYPE_AES || (fresh->type == SIM_TYPE_DES && fresh->len == 16);
	bool point = fresh->type == SIM_TYPE_EC_PUBLIC && fresh->kvn != SIM_KVN_RECEIPT;

	if (replaced > 0 && replaced != fresh->kvn &&
		(content || sim_is_content_version(domain, (unsigned)replaced)))
		return SIM_ERR_DATA;
	if (!content)
		return fresh->type == SIM_TYPE_EC_PUBLIC ? SIM_ERR_DATA : SIM_OK;
	return fresh->kid == SIM_KID_CONTENT && (mac || point) ? SIM_OK : SIM_ERR_DATA;
}

static uint16_t add_one(struct sim_entry *domain, const struct sim_key *fresh)
{
	if (sim_key_find(domain, fresh->kid, fresh->kvn))
		return SIM_ERR_DATA;
	if (domain->key_count == SIM_KEYS_MAX)
		return SIM_ERR_SPACE;
	domain->keys[domain->key_count++] = *fresh;
	return SIM_OK;
}

/*
 * GPCS E.1.2: the update of any key of the set resets the counter. AmdD 6.2.2.1: the creation of a
 * set does, or the replacement of the whole set by one command.
 */
static bool resets_counter(const struct sim_new_keys *keys)
{
	bool found[4] = {false};

	for (size_t i = 0; i < keys->count; i++) {
		if (keys->keys[i].kid >= 1 && keys->keys[i].kid <= 3)
			found[keys->keys[i].kid] = true;
		if (keys->keys[i].type == SIM_TYPE_DES && keys->keys[i].kid <= 3)
			return true;
	}
	return found[1] && found[2] && found[3];
}

static uint16_t change(struct sim_entry *domain, const struct sim_config *config, int replaced,
	const struct sim_new_keys *keys)
{
	bool added = false;
	struct sim_set *set;
	uint16_t sw;

	for (size_t i = 0; i < keys->count; i++) {
		const struct sim_key *fresh = &keys->keys[i];
		bool there = sim_key_find(domain, fresh->kid, fresh->kvn) != NULL;

		sw = content_key_check(domain, fresh, replaced);
		if (sw != SIM_OK)
			return sw;
		if (replaced > 0)
			sw = replace_one(domain, (unsigned)replaced, fresh);
		else if (replaced < 0 && there)
			sw = replace_one(domain, fresh->kvn, fresh);
		else
			sw = add_one(domain, fresh);
		if (sw != SIM_OK)
			return sw;
		added = added || (replaced <= 0 && !there);
	}
	/* A factory set goes with the first set that is added: the same commit. */
	if (added && config->rule == SIM_RULE_CONSUME && keys->kvn != FACTORY_KVN &&
		sim_set_protocol(config, domain, keys->kvn))
		sim_keys_remove(domain, -1, FACTORY_KVN);
	sim_sets_prune(domain);
	if (sim_is_content_version(domain, keys->kvn))
		return SIM_OK; /* no session counts on it */
	set = sim_set_of(domain, keys->kvn);
	if (!set)
		return SIM_ERR_SPACE;
	if (resets_counter(keys))
		*set = (struct sim_set){.kvn = keys->kvn};
	if (sim_set_count(config, domain) > config->sets_max)
		return SIM_ERR_SPACE;
	return SIM_OK;
}

uint16_t sim_keys_apply(struct sim_card *card, struct sim_entry *domain, int replaced,
	const struct sim_new_keys *keys)
{
	struct sim_entry after = *domain;
	uint16_t sw = change(&after, &card->nv.config, replaced, keys);

	if (sw == SIM_OK) {
		after.put_keys++;
		/*
		 * GPCS 5.3.2.2, 5.3.2.3: what it takes to be PERSONALIZED is the domain's own matter; this
		 * one has it when it has keys of its own for a secure channel.
		 */
		if (!sim_is_issuer(&card->nv, domain) && sim_is_domain(domain) &&
			after.life == SIM_SELECTABLE &&
			sim_set_default(&card->nv.config, &after) >= 0)
			after.life = SIM_PERSONALIZED;
		*domain = after;
		sw = sim_commit(card) ? SIM_OK : SIM_ERR_MEMORY;
	}
	secret_wipe(&after, sizeof(after));
	return sw;
}
