/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/scp.h"

#include "sim/crypt.h"
#include "sim/registry.h"

#include "base/secret.h"

#include <string.h>

enum { SCP02_I_R_MAC = 0x20, SCP03_I_S16 = 0x01, SCP03_I_R_MAC = 0x20, SCP03_I_R_ENC = 0x40 };

void sim_session_end(struct sim_session *session, enum sim_phase phase)
{
	secret_wipe(session, sizeof(*session));
	session->phase = phase;
}

size_t sim_mac_len(const struct sim_session *session)
{
	return session->scp == 3 && (session->i & SCP03_I_S16) ? 16 : 8;
}

size_t sim_wrap_cost(const struct sim_session *session)
{
	size_t cost = 0;

	if (session->phase != SIM_PHASE_OPEN)
		return 0;
	if (session->level & SIM_R_MAC)
		cost += sim_mac_len(session);
	if (session->level & SIM_R_ENCRYPTION)
		cost += 16;
	return cost;
}

bool sim_unwrap(struct sim_session *session, const unsigned char header[4],
	const unsigned char *data, size_t len, struct sim_plain *ret_plain)
{
	if (session->scp == 2)
		return sim_scp02_check(session, header, data, len, false, ret_plain);
	return sim_scp03_check(session, header, data, len, false, ret_plain);
}

bool sim_wrap(
	struct sim_session *session, const struct sim_apdu *plain, struct sim_out *out, uint16_t sw)
{
	if (session->scp == 2)
		return sim_scp02_wrap(session, plain, out, sw);
	return sim_scp03_wrap(session, out, sw);
}

/* ---- INITIALIZE UPDATE ---- */

static bool blocked(const struct sim_config *config, const struct sim_set *set)
{
	return config->retry_limit > 0 && set->fails >= config->retry_limit;
}

static void limit_reached(struct sim_card *card)
{
	if (card->nv.config.on_limit == SIM_LIMIT_TERMINATE)
		card->nv.life = SIM_TERMINATED;
	else if (card->nv.config.on_limit == SIM_LIMIT_LOCK)
		card->nv.life = SIM_CARD_LOCKED;
}

static uint16_t start_session(struct sim_card *card, struct sim_session *session,
	struct sim_entry *owner, struct sim_start *start, struct sim_out *out)
{
	const struct sim_config *config = &card->nv.config;
	uint32_t before = start->set->counter;
	uint16_t sw;

	if (blocked(config, start->set)) {
		/* `count-updates` can get here without an EXTERNAL AUTHENTICATE that failed. */
		unsigned life = card->nv.life;

		limit_reached(card);
		if (card->nv.life != life && !sim_commit(card))
			return SIM_ERR_MEMORY;
		return (uint16_t)config->blocked_sw;
	}
	if (start->enc->type == SIM_TYPE_DES)
		sw = sim_scp02_start(session, start, out);
	else
		sw = sim_scp03_start(session, start, out);
	if (sw != SIM_OK)
		return sw;
	if (config->count_updates)
		start->set->fails++;
	/* The counter must not be seen by anyone before it cannot come again. */
	if ((config->count_updates || start->set->counter != before) && !sim_commit(card))
		return SIM_ERR_MEMORY;
	session->kvn = start->set->kvn;
	session->owner = owner->aid;
	session->phase = SIM_PHASE_STARTED;
	return SIM_OK;
}

uint16_t sim_initialize_update(struct sim_card *card, struct sim_channel *channel,
	const struct sim_apdu *apdu, struct sim_out *out)
{
	struct sim_entry *domain = sim_selected_domain(card, channel), *owner;
	struct sim_start start = {.config = &card->nv.config,
		.application = &channel->application,
		.host = apdu->data,
		.host_len = apdu->len};
	int kvn = apdu->p1;
	uint16_t sw;

	/* An attempt at a new session ends the old one: AmdD 5.6, GPCS E.1.6. */
	sim_session_end(&channel->session, SIM_PHASE_NONE);
	if (apdu->p2 != 0)
		return SIM_ERR_P1P2;
	owner = domain ? sim_key_owner(&card->nv, domain) : NULL;
	if (!owner)
		return SIM_ERR_NOT_FOUND;
	if (kvn == 0)
		kvn = sim_set_default(&card->nv.config, owner);
	if (!sim_set_protocol(&card->nv.config, owner, (unsigned)kvn))
		return SIM_ERR_NOT_FOUND;
	start.enc = sim_key_find(owner, 1, (unsigned)kvn);
	start.mac = sim_key_find(owner, 2, (unsigned)kvn);
	start.dek = sim_key_find(owner, 3, (unsigned)kvn);
	start.set = sim_set_of(owner, (unsigned)kvn);
	if (!start.set)
		return SIM_ERR_NO_DIAGNOSIS;
	sw = start_session(card, &channel->session, owner, &start, out);
	if (sw != SIM_OK)
		sim_session_end(&channel->session, SIM_PHASE_NONE);
	return sw;
}

/* ---- EXTERNAL AUTHENTICATE ---- */

/* GPCS Table E-11, AmdD Table 7-6, as far as i goes. */
static bool level_allowed(const struct sim_session *session, unsigned p1)
{
	if (session->scp == 2) {
		if ((p1 & SIM_R_MAC) && !(session->i & SCP02_I_R_MAC))
			return false;
		return p1 == 0x00 || p1 == 0x01 || p1 == 0x03 || p1 == 0x10 || p1 == 0x11 ||
		       p1 == 0x13;
	}
	if ((p1 & SIM_R_MAC) && !(session->i & SCP03_I_R_MAC))
		return false;
	if ((p1 & SIM_R_ENCRYPTION) && !(session->i & SCP03_I_R_ENC))
		return false;
	return p1 == 0x00 || p1 == 0x01 || p1 == 0x03 || p1 == 0x11 || p1 == 0x13 || p1 == 0x33;
}

/* The cryptogram first: what wrong keys are told is '6300'. */
static uint16_t authenticate(struct sim_session *session, const struct sim_apdu *apdu)
{
	unsigned char header[4] = {0x84, apdu->ins, apdu->p1, apdu->p2};
	size_t size = sim_mac_len(session);
	struct sim_plain plain;
	bool ok;

	if (!sim_equal(apdu->data, session->host_cryptogram, size))
		return SIM_WARN_HOST;
	if (session->scp == 2)
		ok = sim_scp02_check(session, header, apdu->data, apdu->len, true, &plain);
	else
		ok = sim_scp03_check(session, header, apdu->data, apdu->len, true, &plain);
	return ok ? SIM_OK : SIM_ERR_SECURITY;
}

/* The try is counted before it is looked at, so that cutting the power does not save it. */
static uint16_t count_and_authenticate(
	struct sim_card *card, struct sim_session *session, const struct sim_apdu *apdu)
{
	const struct sim_config *config = &card->nv.config;
	struct sim_entry *owner = sim_entry_find(&card->nv, &session->owner);
	struct sim_set *set = owner ? sim_set_of(owner, session->kvn) : NULL;
	uint16_t sw;

	if (!set)
		return SIM_ERR_NOT_FOUND;
	if (!config->count_updates) {
		if (blocked(config, set))
			return (uint16_t)config->blocked_sw;
		set->fails++;
	}
	if (config->retry_limit > 0 && !sim_commit(card))
		return SIM_ERR_MEMORY;
	sw = authenticate(session, apdu);
	if (sw == SIM_OK) {
		set->fails = 0;
		if (session->scp == 2)
			set->counter++; /* GPCS E.1.2 */
	} else if (blocked(config, set)) {
		limit_reached(card);
	} else {
		return sw; /* counted already */
	}
	return sim_commit(card) ? sw : SIM_ERR_MEMORY;
}

uint16_t sim_external_authenticate(
	struct sim_card *card, struct sim_channel *channel, const struct sim_apdu *apdu)
{
	struct sim_session *session = &channel->session;
	uint16_t sw;

	if (session->phase != SIM_PHASE_STARTED)
		return SIM_ERR_CONDITIONS;
	if (apdu->p2 != 0 || !level_allowed(session, apdu->p1))
		sw = SIM_ERR_P1P2;
	else if (apdu->len != 2 * sim_mac_len(session))
		sw = SIM_ERR_LENGTH;
	else
		sw = count_and_authenticate(card, session, apdu);
	if (sw != SIM_OK) {
		sim_session_end(session, SIM_PHASE_NONE);
		return sw;
	}
	session->phase = SIM_PHASE_OPEN;
	session->level = SIM_AUTHENTICATED | apdu->p1;
	session->first_level = session->level;
	return SIM_OK;
}

/* ---- R-MAC sessions: GPCS E.5.3, E.5.4; AmdD 7.1.3, 7.1.4 ---- */

static uint16_t begin_scp03(struct sim_session *session, unsigned p1)
{
	if (p1 != 0x10 && p1 != 0x30)
		return SIM_ERR_P1P2;
	if (!(session->i & SCP03_I_R_MAC) || (p1 == 0x30 && !(session->i & SCP03_I_R_ENC)))
		return SIM_ERR_CONDITIONS;
	/* AmdD 7.1.3.7 */
	if ((session->first_level & SIM_R_ENCRYPTION) || !(session->first_level & SIM_C_MAC) ||
		(p1 == 0x10 && (session->first_level & SIM_R_MAC)) ||
		(p1 == 0x30 && !(session->first_level & SIM_C_DECRYPTION)))
		return SIM_ERR_CONDITIONS;
	session->level |= p1;
	return SIM_OK;
}

uint16_t sim_begin_r_mac(
	struct sim_card *card, struct sim_channel *channel, const struct sim_apdu *apdu)
{
	struct sim_session *session = &channel->session;

	(void)card;
	if (session->phase != SIM_PHASE_OPEN)
		return SIM_ERR_CONDITIONS;
	if (apdu->p2 != 0x01)
		return SIM_ERR_P1P2;
	if (apdu->len == 0 || apdu->data[0] != apdu->len - 1 || apdu->data[0] > 24)
		return SIM_ERR_DATA;
	if (session->level != session->first_level)
		return SIM_ERR_CONDITIONS; /* one has begun already */
	if (session->scp == 3)
		return begin_scp03(session, apdu->p1);
	if (apdu->p1 != 0x10 && apdu->p1 != 0x00)
		return SIM_ERR_P1P2;
	if (!(session->i & SCP02_I_R_MAC) || (session->first_level & SIM_R_MAC))
		return SIM_ERR_CONDITIONS;
	memcpy(session->r_chain, session->r_seed, sizeof(session->r_chain));
	session->level |= SIM_R_MAC;
	session->silent_r_mac = apdu->p1 == 0x00;
	return SIM_OK;
}

uint16_t sim_end_r_mac(struct sim_card *card, struct sim_channel *channel,
	const struct sim_apdu *apdu, struct sim_out *out)
{
	struct sim_session *session = &channel->session;

	(void)card;
	if (session->phase != SIM_PHASE_OPEN || session->level == session->first_level)
		return SIM_ERR_CONDITIONS;
	if (apdu->p1 != 0 || (apdu->p2 != 0x03 && !(apdu->p2 == 0x01 && session->scp == 2)))
		return SIM_ERR_P1P2;
	if (session->scp == 2)
		sim_put(out, session->r_chain, sizeof(session->r_chain));
	if (apdu->p2 == 0x03) {
		session->level = session->first_level;
		session->silent_r_mac = false;
	}
	return SIM_OK;
}
