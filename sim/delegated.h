/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may change the content of the card, by which token, and what the card confirms: GPCS 9.1.3, C.4, C.5,
 * 11.1.6. A command checks all of its own first, then the token, then takes its receipt, then changes.
 */
#ifndef SIM_DELEGATED_H
#define SIM_DELEGATED_H

#include "sim/apdu.h"

/* The end of a command: what the token is over, and the token. */
struct sim_token {
	const unsigned char *fields; /* the command's data up to the token */
	size_t fields_len;
	const unsigned char *value;
	size_t len; /* 0: there is none */
	struct sim_token_id id;
};

/* Of the selected domain, in this session. */
enum sim_right sim_right_of(
	struct sim_card *card, const struct sim_channel *channel, const struct sim_entry *domain);

/* '6A80': a token that is missing, or one that nobody wants (GPCS 9.2.3). */
uint16_t sim_token_expect(enum sim_right right, const struct sim_token *token);
/*
 * Reads the identifier of the token from the objects (INSTALL's parameters, what follows tag 4F in DELETE).
 * False: malformed.
 */
bool sim_token_identify(const unsigned char *objects, size_t len, struct sim_token *token);
/* The key that tokens of this domain are verified with; NULL: none. */
const struct sim_key *sim_token_key(struct sim_card *card, const struct sim_entry *domain);
/* '6985': nobody can verify it; '6982': it is wrong. Where no token is wanted: SIM_OK. */
uint16_t sim_token_verify(struct sim_card *card, const struct sim_entry *domain,
	enum sim_right right, const struct sim_apdu *apdu, const struct sim_token *token);

/* '6985': what this domain does cannot be confirmed. */
uint16_t sim_receipt_possible(
	struct sim_card *card, const struct sim_entry *domain, enum sim_right right);
/*
 * The response of a command that changed the content: '00', or the confirmation with a receipt over it and
 * the names. Counts the receipt; the caller commits that with the change.
 */
uint16_t sim_receipt_put(struct sim_card *card, const struct sim_entry *domain,
	enum sim_right right, const struct sim_token_id *id, const struct sim_aid *const *names,
	size_t count, struct sim_out *out);

#endif
