/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/registry.h"

#include "base/secret.h"

#include <string.h>

bool sim_aid_equal(const struct sim_aid *a, const struct sim_aid *b)
{
	return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

bool sim_aid_begins(const struct sim_aid *whole, const struct sim_aid *part)
{
	return part->len <= whole->len && memcmp(whole->data, part->data, part->len) == 0;
}

bool sim_aid_valid(const struct sim_aid *aid)
{
	return aid->len >= 5 && aid->len <= SIM_AID_MAX;
}

struct sim_entry *sim_entry_find(struct sim_nv *nv, const struct sim_aid *aid)
{
	for (size_t i = 0; i < nv->entry_count; i++)
		if (sim_aid_equal(&nv->entries[i].aid, aid))
			return &nv->entries[i];
	return NULL;
}

struct sim_elf *sim_elf_find(struct sim_nv *nv, const struct sim_aid *aid)
{
	for (size_t i = 0; i < nv->elf_count; i++)
		if (sim_aid_equal(&nv->elfs[i].aid, aid))
			return &nv->elfs[i];
	return NULL;
}

bool sim_is_domain(const struct sim_entry *entry)
{
	return (entry->privileges[0] & 0x80) != 0;
}

bool sim_privileged(const struct sim_entry *entry, unsigned n)
{
	return (entry->privileges[n / 8] & 0x80 >> n % 8) != 0;
}

bool sim_is_issuer(const struct sim_nv *nv, const struct sim_entry *entry)
{
	return entry == &nv->entries[0];
}

bool sim_below(struct sim_nv *nv, const struct sim_entry *entry, const struct sim_aid *domain)
{
	/* A chain of associations longer than the registry would be a circle. */
	for (size_t steps = 0; entry && steps <= nv->entry_count; steps++) {
		if (sim_aid_equal(&entry->domain, domain))
			return true;
		if (sim_aid_equal(&entry->domain, &entry->aid))
			return false;
		entry = sim_entry_find(nv, &entry->domain);
	}
	return false;
}

void sim_entry_remove(struct sim_nv *nv, struct sim_entry *entry)
{
	size_t at = (size_t)(entry - nv->entries);

	nv->entry_count--;
	memmove(entry, entry + 1, (nv->entry_count - at) * sizeof(*entry));
	secret_wipe(&nv->entries[nv->entry_count], sizeof(*entry));
}

void sim_elf_remove(struct sim_nv *nv, struct sim_elf *elf)
{
	size_t at = (size_t)(elf - nv->elfs);

	nv->elf_count--;
	memmove(elf, elf + 1, (nv->elf_count - at) * sizeof(*elf));
	memset(&nv->elfs[nv->elf_count], 0, sizeof(*elf));
}

struct sim_key *sim_key_find(struct sim_entry *domain, unsigned kid, unsigned kvn)
{
	for (size_t i = 0; i < domain->key_count; i++)
		if (domain->keys[i].kid == kid && domain->keys[i].kvn == kvn)
			return &domain->keys[i];
	return NULL;
}

bool sim_is_content_version(const struct sim_entry *domain, unsigned kvn)
{
	if (kvn != SIM_KVN_TOKEN && kvn != SIM_KVN_RECEIPT && kvn != SIM_KVN_DAP)
		return false;
	for (size_t i = 0; i < domain->key_count; i++)
		if (domain->keys[i].kvn == kvn && domain->keys[i].kid != SIM_KID_CONTENT)
			return false;
	return true;
}

const struct sim_key *sim_content_key(struct sim_entry *domain, unsigned kvn)
{
	return sim_is_content_version(domain, kvn) ? sim_key_find(domain, SIM_KID_CONTENT, kvn)
						   : NULL;
}

struct sim_set *sim_set_of(struct sim_entry *domain, unsigned kvn)
{
	for (size_t i = 0; i < domain->set_count; i++)
		if (domain->sets[i].kvn == kvn)
			return &domain->sets[i];
	if (domain->set_count == SIM_KEYS_MAX)
		return NULL;
	domain->sets[domain->set_count] = (struct sim_set){.kvn = (unsigned char)kvn};
	return &domain->sets[domain->set_count++];
}

int sim_set_protocol(const struct sim_config *config, struct sim_entry *domain, unsigned kvn)
{
	const struct sim_key *first = sim_key_find(domain, 1, kvn), *key;

	if (!first)
		return 0;
	for (unsigned kid = 2; kid <= 3; kid++) {
		key = sim_key_find(domain, kid, kvn);
		if (!key || key->type != first->type || key->len != first->len)
			return 0;
	}
	/* GPCS Table E-3: 16 bytes. */
	if (first->type == SIM_TYPE_DES && first->len == 16 && config->scp02 >= 0)
		return 2;
	if (first->type == SIM_TYPE_AES && config->scp03 >= 0)
		return 3;
	return 0;
}

int sim_set_default(const struct sim_config *config, struct sim_entry *domain)
{
	for (size_t i = 0; i < domain->key_count; i++)
		if (sim_set_protocol(config, domain, domain->keys[i].kvn))
			return domain->keys[i].kvn;
	return -1;
}

size_t sim_set_count(const struct sim_config *config, struct sim_entry *domain)
{
	size_t count = 0;

	for (size_t i = 0; i < domain->key_count; i++)
		if (domain->keys[i].kid == 1 &&
			sim_set_protocol(config, domain, domain->keys[i].kvn))
			count++;
	return count;
}

static bool version_in_use(const struct sim_entry *domain, unsigned kvn)
{
	for (size_t i = 0; i < domain->key_count; i++)
		if (domain->keys[i].kvn == kvn)
			return true;
	return false;
}

size_t sim_keys_remove(struct sim_entry *domain, int kid, int kvn)
{
	size_t kept = 0, before = domain->key_count;

	for (size_t i = 0; i < domain->key_count; i++) {
		const struct sim_key *key = &domain->keys[i];

		if ((kid < 0 || key->kid == kid) && (kvn < 0 || key->kvn == kvn))
			continue;
		if (kept != i)
			domain->keys[kept] = *key;
		kept++;
	}
	secret_wipe(&domain->keys[kept], (before - kept) * sizeof(domain->keys[0]));
	domain->key_count = kept;
	sim_sets_prune(domain);
	return before - kept;
}

void sim_sets_prune(struct sim_entry *domain)
{
	size_t kept = 0;

	for (size_t i = 0; i < domain->set_count; i++)
		if (version_in_use(domain, domain->sets[i].kvn))
			domain->sets[kept++] = domain->sets[i];
	domain->set_count = kept;
}

struct sim_entry *sim_key_owner(struct sim_nv *nv, struct sim_entry *domain)
{
	for (size_t steps = 0; domain && steps <= nv->entry_count; steps++) {
		if (sim_set_default(&nv->config, domain) >= 0)
			return domain;
		if (!nv->config.inherit || sim_aid_equal(&domain->domain, &domain->aid))
			return NULL;
		domain = sim_entry_find(nv, &domain->domain);
	}
	return NULL;
}

struct sim_object *sim_object_find(struct sim_entry *domain, unsigned tag)
{
	for (size_t i = 0; i < domain->object_count; i++)
		if (domain->objects[i].tag == tag)
			return &domain->objects[i];
	return NULL;
}

bool sim_object_set(struct sim_entry *domain, unsigned tag, const void *data, size_t len)
{
	struct sim_object *object = sim_object_find(domain, tag);

	if (len > SIM_OBJECT_MAX)
		return false;
	if (!object) {
		if (domain->object_count == SIM_OBJECTS_MAX)
			return false;
		object = &domain->objects[domain->object_count++];
	}
	*object = (struct sim_object){.tag = tag, .len = len};
	if (len > 0)
		memcpy(object->data, data, len);
	return true;
}
