/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that come to a security domain, by PUT KEY or STORE DATA. */
#ifndef SIM_KEYS_H
#define SIM_KEYS_H

#include "sim/apdu.h"

enum { SIM_NEW_KEYS_MAX = 16 };

struct sim_new_keys {
	unsigned char kvn; /* of all of them */
	struct sim_key keys[SIM_NEW_KEYS_MAX];
	size_t count;
};

/* '6A80' for a type, or a length for a type, that the card has no secret keys of. */
uint16_t sim_key_type_check(unsigned type, size_t len);
/* A secret key, or a public one: a point of P-256, as long as GPCS 11.8.2.3.5 has it. */
bool sim_key_form_is_good(const struct sim_key *key);

/* Decrypts sensitive data under the session's DEK: GPCS E.4.7, AmdD 6.2.8. */
bool sim_sensitive(
	const struct sim_session *session, const unsigned char *in, size_t len, unsigned char *out);
size_t sim_sensitive_block(const struct sim_session *session);

/* '6982' if the check value is not the key's (GPCS B.6). */
uint16_t sim_key_verify(const struct sim_key *key, const unsigned char *check_value);

/*
 * Puts the keys in, all or none, as one commit. replaced: the version they take the place of; 0
 * adds; -1 replaces those that are there and adds the others (STORE DATA).
 */
uint16_t sim_keys_apply(struct sim_card *card, struct sim_entry *domain, int replaced,
	const struct sim_new_keys *keys);

#endif
