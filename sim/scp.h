/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secure channels as the card sees them: SCP02 (GPCS appendix E, explicit initiation) and SCP03
 * (AmdD). scp.c has what both share; scp02.c and scp03.c know nothing of each other.
 */
#ifndef SIM_SCP_H
#define SIM_SCP_H

#include "sim/apdu.h"

struct sim_plain {
	unsigned char data[SIM_DATA_MAX];
	size_t len;
};

/* The messages of one session start. */
struct sim_start {
	const struct sim_config *config;
	const struct sim_key *enc, *mac, *dek;
	struct sim_set *set;
	const struct sim_aid *application; /* the one that the channel is opened to */
	const unsigned char *host;	   /* 8 bytes; 16 in S16 mode */
	size_t host_len;
};

uint16_t sim_initialize_update(struct sim_card *card, struct sim_channel *channel,
	const struct sim_apdu *apdu, struct sim_out *out);
uint16_t sim_external_authenticate(
	struct sim_card *card, struct sim_channel *channel, const struct sim_apdu *apdu);
uint16_t sim_begin_r_mac(
	struct sim_card *card, struct sim_channel *channel, const struct sim_apdu *apdu);
uint16_t sim_end_r_mac(struct sim_card *card, struct sim_channel *channel,
	const struct sim_apdu *apdu, struct sim_out *out);

/*
 * Checks and strips the protection of one whole command: header[0] is CLA without channel and with
 * the secure messaging bit. False: a security error; the session is as it was.
 */
bool sim_unwrap(struct sim_session *session, const unsigned char header[4],
	const unsigned char *data, size_t len, struct sim_plain *ret_plain);
/* Protects the response in place. `plain` is the stripped command. */
bool sim_wrap(struct sim_session *session, const struct sim_apdu *plain, struct sim_out *out,
	uint16_t sw);
/* Bytes of response data that protection adds at most. */
size_t sim_wrap_cost(const struct sim_session *session);
size_t sim_mac_len(const struct sim_session *session);
void sim_session_end(struct sim_session *session, enum sim_phase phase);

/* Either returns a status word for INITIALIZE UPDATE and fills the session and the response. */
uint16_t sim_scp02_start(
	struct sim_session *session, const struct sim_start *start, struct sim_out *out);
uint16_t sim_scp03_start(
	struct sim_session *session, const struct sim_start *start, struct sim_out *out);
/* MAC of a command; true if it is right (*ret_mac: what the chain becomes). */
bool sim_scp02_check(struct sim_session *session, const unsigned char header[4],
	const unsigned char *data, size_t len, bool first, struct sim_plain *ret_plain);
bool sim_scp03_check(struct sim_session *session, const unsigned char header[4],
	const unsigned char *data, size_t len, bool first, struct sim_plain *ret_plain);
bool sim_scp02_wrap(struct sim_session *session, const struct sim_apdu *plain, struct sim_out *out,
	uint16_t sw);
bool sim_scp03_wrap(struct sim_session *session, struct sim_out *out, uint16_t sw);

#endif
