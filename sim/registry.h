/* SPDX-License-Identifier: Apache-2.0 */
/* Looking things up in the card's registry and in a security domain's key table. */
#ifndef SIM_REGISTRY_H
#define SIM_REGISTRY_H

#include "sim/types.h"

bool sim_aid_equal(const struct sim_aid *a, const struct sim_aid *b);
/* The first bytes of `whole` are all of `part` (partial selection, GPCS 6.4.2.1.2). */
bool sim_aid_begins(const struct sim_aid *whole, const struct sim_aid *part);
/* GPCS Tables 11-42 to 11-45: five to sixteen bytes. */
bool sim_aid_valid(const struct sim_aid *aid);

struct sim_entry *sim_entry_find(struct sim_nv *nv, const struct sim_aid *aid);
struct sim_elf *sim_elf_find(struct sim_nv *nv, const struct sim_aid *aid);
bool sim_is_domain(const struct sim_entry *entry);
/* Its privilege number n, GPCS Table 6-1; those that the content of the card is about. */
enum {
	SIM_PRIV_DAP = 1,
	SIM_PRIV_DELEGATED = 2,
	SIM_PRIV_MANDATED_DAP = 7,
	SIM_PRIV_AUTHORIZED = 9,
	SIM_PRIV_TOKEN = 10,
	SIM_PRIV_RECEIPT = 16,
};
bool sim_privileged(const struct sim_entry *entry, unsigned n);
bool sim_is_issuer(const struct sim_nv *nv, const struct sim_entry *entry);
/* `entry` lies below `domain`: directly or indirectly associated with it. */
bool sim_below(struct sim_nv *nv, const struct sim_entry *entry, const struct sim_aid *domain);
void sim_entry_remove(struct sim_nv *nv, struct sim_entry *entry);
void sim_elf_remove(struct sim_nv *nv, struct sim_elf *elf);

struct sim_key *sim_key_find(struct sim_entry *domain, unsigned kid, unsigned kvn);
/*
 * A version that has one key, of tokens, receipts or DAPs; not where a factory has put a whole key set of that
 * version, which a recorded card has (docs/vectors.md).
 */
bool sim_is_content_version(const struct sim_entry *domain, unsigned kvn);
/* The one key of such a version; NULL: there is none. */
const struct sim_key *sim_content_key(struct sim_entry *domain, unsigned kvn);
/* The counters of a version; made if there are none. NULL: no room. */
struct sim_set *sim_set_of(struct sim_entry *domain, unsigned kvn);
/*
 * The secure channel protocol (2 or 3) that the key set of that version opens, or 0: key
 * identifiers 1 to 3 of one type and one length, and the card speaks the protocol of that type.
 */
int sim_set_protocol(const struct sim_config *config, struct sim_entry *domain, unsigned kvn);
/* Version of the first complete set, in the order the keys came; -1: none. */
int sim_set_default(const struct sim_config *config, struct sim_entry *domain);
size_t sim_set_count(const struct sim_config *config, struct sim_entry *domain);
/* Removes the keys that match (-1: any); returns how many. Counters without keys go too. */
size_t sim_keys_remove(struct sim_entry *domain, int kid, int kvn);
/* Forgets the counters of versions without keys. */
void sim_sets_prune(struct sim_entry *domain);
/* The domain whose keys open a channel to this one: itself, or (inherit) one above. NULL: none. */
struct sim_entry *sim_key_owner(struct sim_nv *nv, struct sim_entry *domain);

struct sim_object *sim_object_find(struct sim_entry *domain, unsigned tag);
/* False: no room. */
bool sim_object_set(struct sim_entry *domain, unsigned tag, const void *data, size_t len);

#endif
