/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/dispatch.h"

#include "sim/registry.h"
#include "sim/scp.h"

#include "base/secret.h"

#include <string.h>

/* GPCS Tables 11-11 and 11-12. */
static uint16_t parse_class(unsigned cla, struct sim_apdu *apdu)
{
	apdu->cla = cla & 0x80;
	if (cla == 0xFF || (cla & 0x10))
		return SIM_ERR_CLA; /* '10': ISO command chaining, which is not supported */
	if (cla & 0x40) {
		apdu->channel = 4 + (cla & 0x0F);
		apdu->sm = (cla & 0x20) != 0;
		return SIM_OK;
	}
	if (cla & 0x20)
		return SIM_ERR_CLA;
	apdu->channel = cla & 0x03;
	apdu->sm = (cla & 0x04) != 0;
	return cla & 0x08 ? SIM_ERR_NO_SM : SIM_OK; /* ISO secure messaging */
}

uint16_t sim_apdu_parse(const unsigned char *command, size_t len, struct sim_apdu *ret_apdu)
{
	struct sim_apdu apdu = {0};
	uint16_t sw;

	if (len < 4)
		return SIM_ERR_LENGTH;
	apdu.ins = command[1];
	apdu.p1 = command[2];
	apdu.p2 = command[3];
	sw = parse_class(command[0], &apdu);
	if (len == 5) {
		apdu.has_le = true;
		apdu.le = command[4] ? command[4] : 256;
	} else if (len > 5) {
		apdu.len = command[4];
		apdu.data = command + 5;
		if (apdu.len == 0 || (len != 5 + apdu.len && len != 6 + apdu.len))
			return SIM_ERR_LENGTH; /* GPCS 11.1.5: no extended lengths */
		if (len == 6 + apdu.len) {
			apdu.has_le = true;
			apdu.le = command[len - 1] ? command[len - 1] : 256;
		}
	}
	*ret_apdu = apdu;
	return sw;
}

/* ---- secure messaging and chaining ---- */

enum verdict { GO_ON, MORE_TO_COME, REFUSED };

struct step {
	enum verdict verdict;
	uint16_t sw;
	bool bare; /* the response of a piece goes out without protection */
};

static bool chainable(unsigned ins)
{
	return ins == SIM_INS_DELETE || ins == SIM_INS_INSTALL || ins == SIM_INS_PUT_KEY;
}

static void header_of(const struct sim_apdu *apdu, unsigned char header[4])
{
	/* Channel removed, b3 set: GPCS E.4.4, AmdD 6.2.4. */
	header[0] = apdu->cla | 0x04;
	header[1] = apdu->ins;
	header[2] = apdu->p1;
	header[3] = apdu->p2;
}

static struct step security_error(struct sim_channel *channel)
{
	sim_session_end(&channel->session, SIM_PHASE_ABORTED);
	channel->chain.active = false;
	return (struct step){REFUSED, SIM_ERR_SECURITY, true};
}

static bool gather_add(struct sim_gather *gather, const unsigned char *data, size_t len)
{
	if (len > sizeof(gather->data) - gather->len)
		return false;
	if (len > 0)
		memcpy(gather->data + gather->len, data, len);
	gather->len += len;
	return true;
}

/* GPCS 11.1.5.1: the same header but for Lc and b8 of P1. */
static bool same_command(const struct sim_gather *gather, const struct sim_apdu *apdu)
{
	return gather->header[0] == apdu->cla && gather->header[1] == apdu->ins &&
	       gather->header[2] == (apdu->p1 & 0x7F) && gather->header[3] == apdu->p2;
}

static void gather_start(struct sim_gather *gather, const struct sim_apdu *apdu, bool raw)
{
	gather->active = true;
	gather->raw = raw;
	gather->len = 0;
	gather->header[0] = apdu->cla;
	gather->header[1] = apdu->ins;
	gather->header[2] = apdu->p1 & 0x7F;
	gather->header[3] = apdu->p2;
}

/* Adds the (stripped) piece; with the last one *apdu becomes the whole command. */
static struct step gather_piece(struct sim_channel *channel, struct sim_apdu *apdu)
{
	struct sim_gather *gather = &channel->chain;

	if (!gather_add(gather, apdu->data, apdu->len)) {
		gather->active = false;
		return (struct step){REFUSED, SIM_ERR_P1P2, false};
	}
	if (apdu->p1 & 0x80)
		return (struct step){MORE_TO_COME, SIM_OK, gather->raw};
	gather->active = false;
	apdu->data = gather->data;
	apdu->len = gather->len;
	return (struct step){GO_ON, SIM_OK, false};
}

/* A piece of a command that was protected as a whole: checked when the last has come. */
static struct step raw_piece(
	struct sim_channel *channel, struct sim_apdu *apdu, struct sim_plain *plain)
{
	struct step step = gather_piece(channel, apdu);
	unsigned char header[4];

	if (step.verdict != GO_ON)
		return step;
	header_of(apdu, header);
	if (!sim_unwrap(&channel->session, header, apdu->data, apdu->len, plain))
		return security_error(channel);
	apdu->data = plain->data;
	apdu->len = plain->len;
	return step;
}

/*
 * Checks and strips. Two kinds of chains are met in the field: each command protected by itself
 * (GP211 and most clients), and one protected command cut up (GPCS 11.1.5.1). The first piece
 * tells: its own C-MAC is right or not.
 */
static struct step secure(
	struct sim_channel *channel, struct sim_apdu *apdu, struct sim_plain *plain)
{
	struct sim_session *session = &channel->session;
	bool needed =
		session->phase == SIM_PHASE_OPEN && ((session->level & SIM_C_MAC) || apdu->sm);
	bool more = chainable(apdu->ins) && (apdu->p1 & 0x80);
	unsigned char header[4];

	if (session->phase == SIM_PHASE_ABORTED)
		return (struct step){REFUSED, SIM_ERR_SECURITY, true};
	/* EXTERNAL AUTHENTICATE without an INITIALIZE UPDATE is told so by its handler: E.5.2.1. */
	if (session->phase != SIM_PHASE_OPEN && apdu->sm &&
		apdu->ins != SIM_INS_EXTERNAL_AUTHENTICATE)
		return (struct step){REFUSED, SIM_ERR_SECURITY, true};
	if (channel->chain.active && channel->chain.raw && needed) {
		if (!same_command(&channel->chain, apdu)) {
			channel->chain.active = false;
			return (struct step){REFUSED, SIM_ERR_CONDITIONS, true};
		}
		return raw_piece(channel, apdu, plain);
	}
	if (needed) {
		header_of(apdu, header);
		if (sim_unwrap(session, header, apdu->data, apdu->len, plain)) {
			apdu->data = plain->data;
			apdu->len = plain->len;
		} else if (more && !channel->chain.active) {
			gather_start(&channel->chain, apdu, true);
			return raw_piece(channel, apdu, plain);
		} else {
			return security_error(channel);
		}
	}
	if (channel->chain.active && !same_command(&channel->chain, apdu)) {
		channel->chain.active = false;
		return (struct step){REFUSED, SIM_ERR_CONDITIONS, false};
	}
	if (more && !channel->chain.active)
		gather_start(&channel->chain, apdu, false);
	return channel->chain.active ? gather_piece(channel, apdu)
				     : (struct step){GO_ON, SIM_OK, false};
}

/* ---- which command ---- */

/* GPCS Table 11-2 and 5.1.1.4, 5.1.1.5. */
struct rule {
	unsigned char ins;
	bool authenticated;
	bool sensitive; /* profile `min-level` */
	bool when_locked;
};

static const struct rule rules[] = {
	{SIM_INS_GET_DATA, false, false, true},
	{SIM_INS_GET_DATA_ODD, false, false, true},
	{SIM_INS_GET_STATUS, true, false, true},
	{SIM_INS_SET_STATUS, true, false, true},
	{SIM_INS_EXTERNAL_AUTHENTICATE, false, false, true},
	{SIM_INS_BEGIN_R_MAC, false, false, true},
	{SIM_INS_END_R_MAC, false, false, true},
	{SIM_INS_PUT_KEY, true, true, false},
	{SIM_INS_STORE_DATA, true, true, false},
	{SIM_INS_DELETE, true, false, false},
	{SIM_INS_INSTALL, true, false, false},
	{SIM_INS_LOAD, true, false, false},
};

static const struct rule *rule_of(unsigned ins)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].ins == ins)
			return &rules[i];
	return NULL;
}

static uint16_t permitted(
	struct sim_card *card, const struct sim_channel *channel, const struct sim_apdu *apdu)
{
	const struct rule *rule = rule_of(apdu->ins);
	const struct sim_session *session = &channel->session;
	bool open = session->phase == SIM_PHASE_OPEN;
	bool iso = apdu->ins == SIM_INS_GET_DATA || apdu->ins == SIM_INS_GET_DATA_ODD;

	if (!rule)
		return SIM_ERR_INS;
	if (apdu->cla != 0x80 && !iso)
		return SIM_ERR_CLA;
	if (card->nv.life == SIM_CARD_LOCKED && !rule->when_locked)
		return SIM_ERR_CONDITIONS;
	if (rule->authenticated && !open)
		return SIM_ERR_SECURITY;
	if (rule->sensitive &&
		(session->level & card->nv.config.min_level) != card->nv.config.min_level)
		return SIM_ERR_SECURITY;
	return SIM_OK;
}

static uint16_t call(struct sim_card *card, struct sim_channel *channel,
	const struct sim_apdu *apdu, struct sim_out *out)
{
	switch (apdu->ins) {
	case SIM_INS_EXTERNAL_AUTHENTICATE:
		return sim_external_authenticate(card, channel, apdu);
	case SIM_INS_BEGIN_R_MAC:
		return sim_begin_r_mac(card, channel, apdu);
	case SIM_INS_END_R_MAC:
		return sim_end_r_mac(card, channel, apdu, out);
	case SIM_INS_GET_DATA:
	case SIM_INS_GET_DATA_ODD:
		return sim_get_data(card, channel, apdu, out);
	case SIM_INS_GET_STATUS:
		return sim_get_status(card, channel, apdu, out);
	case SIM_INS_SET_STATUS:
		return sim_set_status(card, channel, apdu);
	case SIM_INS_PUT_KEY:
		return sim_put_key(card, channel, apdu, out);
	case SIM_INS_STORE_DATA:
		return sim_store_data(card, channel, apdu);
	case SIM_INS_DELETE:
		return sim_delete(card, channel, apdu, out);
	case SIM_INS_INSTALL:
		return sim_install(card, channel, apdu, out);
	case SIM_INS_LOAD:
		return sim_load(card, channel, apdu, out);
	default:
		return SIM_ERR_INS;
	}
}

/* Test only: a recorded answer. */
static bool canned(const struct sim_config *config, const struct sim_apdu *apdu,
	struct sim_out *out, uint16_t *ret_sw)
{
	const unsigned char header[4] = {apdu->cla, apdu->ins, apdu->p1, apdu->p2};

	for (size_t i = 0; i < config->answer_count; i++) {
		const struct sim_answer *answer = &config->answers[i];
		size_t head = apdu->len > 0 ? 5 : 4;

		if (answer->command_len != head + apdu->len ||
			memcmp(answer->command, header, 4) != 0 ||
			(apdu->len > 0 && memcmp(answer->command + 5, apdu->data, apdu->len) != 0))
			continue;
		sim_put(out, answer->response, answer->response_len - 2);
		*ret_sw = (uint16_t)(answer->response[answer->response_len - 2] << 8 |
				     answer->response[answer->response_len - 1]);
		return true;
	}
	return false;
}

static uint16_t run(struct sim_card *card, struct sim_channel *channel, const struct sim_apdu *apdu,
	struct sim_out *out)
{
	const struct sim_entry *selected = sim_selected(card, channel);
	uint16_t sw;

	if (canned(&card->nv.config, apdu, out, &sw))
		return sw;
	if (!selected)
		return SIM_ERR_CONDITIONS;
	/* An application of the simulator does nothing but open channels by its domain. */
	if (!sim_is_domain(selected) && apdu->ins != SIM_INS_EXTERNAL_AUTHENTICATE)
		return SIM_ERR_INS;
	sw = permitted(card, channel, apdu);
	return sw == SIM_OK ? call(card, channel, apdu, out) : sw;
}

static bool is_error(uint16_t sw)
{
	return sw != SIM_OK && sw >> 8 != 0x62 && sw >> 8 != 0x63;
}

/* Everything that the selected application gets, within its secure channel. */
static uint16_t application_command(struct sim_card *card, struct sim_channel *channel,
	struct sim_apdu *apdu, struct sim_plain *plain, struct sim_out *out)
{
	struct sim_session *session = &channel->session;
	bool authenticating = apdu->ins == SIM_INS_EXTERNAL_AUTHENTICATE && apdu->sm &&
			      session->phase == SIM_PHASE_STARTED;
	unsigned level = session->phase == SIM_PHASE_OPEN ? session->level : 0;
	struct step step = {GO_ON, SIM_OK, false};
	uint16_t sw;

	if (apdu->ins == SIM_INS_EXTERNAL_AUTHENTICATE && !apdu->sm &&
		session->phase == SIM_PHASE_STARTED)
		return SIM_ERR_CLA; /* AmdD Table 7-5: '84' to '87', 'E0' to 'EF' */
	if (!authenticating) {
		step = secure(channel, apdu, plain);
		apdu->sm = false;
	}
	sw = step.verdict == GO_ON ? run(card, channel, apdu, out) : step.sw;
	if (is_error(sw))
		out->len = 0;
	if (step.bare || session->phase != SIM_PHASE_OPEN)
		return sw;
	if (!(level & SIM_R_MAC) && apdu->ins == SIM_INS_BEGIN_R_MAC && sw == SIM_OK &&
		session->scp == 2) {
		/* GPCS E.4.5: its R-MAC is computed but, by E.5.3.3, not returned. */
		struct sim_out scratch = {.len = 0};

		if (!sim_wrap(session, apdu, &scratch, sw))
			return SIM_ERR_NO_DIAGNOSIS;
	}
	if (!(level & SIM_R_MAC) || (session->scp == 2 && apdu->ins == SIM_INS_END_R_MAC))
		return sw;
	unsigned now = session->level;
	session->level = level; /* of BEGIN and END R-MAC SESSION: as it was before them */
	if (!sim_wrap(session, apdu, out, sw)) {
		out->len = 0;
		sw = SIM_ERR_NO_DIAGNOSIS;
	}
	session->level = now;
	return sw;
}

uint16_t sim_dispatch(struct sim_card *card, struct sim_apdu *apdu, struct sim_out *out)
{
	struct sim_plain plain = {.len = 0};
	struct sim_channel *channel;
	uint16_t sw;

	if (apdu->channel >= card->nv.config.channels || !card->channels[apdu->channel].open)
		return SIM_ERR_CHANNEL;
	channel = &card->channels[apdu->channel];
	if (card->nv.life == SIM_TERMINATED && apdu->ins != SIM_INS_GET_DATA &&
		apdu->ins != SIM_INS_SELECT)
		return SIM_ERR_CONDITIONS; /* GPCS 5.1.1.5 */
	/* What OPEN and the start of a session take is no piece of a chain: GPCS 11.1.5.1. */
	switch (apdu->ins) {
	case SIM_INS_SELECT:
		channel->chain.active = false;
		if (apdu->cla != 0x00)
			return SIM_ERR_CLA;
		return apdu->sm ? SIM_ERR_NO_SM : sim_select(card, channel, apdu, out);
	case SIM_INS_MANAGE_CHANNEL:
		channel->chain.active = false;
		if (apdu->cla != 0x00)
			return SIM_ERR_CLA;
		return apdu->sm ? SIM_ERR_NO_SM : sim_manage_channel(card, apdu, out);
	case SIM_INS_INITIALIZE_UPDATE:
		channel->chain.active = false;
		if (apdu->cla != 0x80 || apdu->sm)
			return SIM_ERR_CLA;
		return channel->selected ? sim_initialize_update(card, channel, apdu, out)
					 : SIM_ERR_CONDITIONS;
	default:
		sw = application_command(card, channel, apdu, &plain, out);
		/* The caller looks at length and case only. */
		apdu->data = NULL;
		secret_wipe(&plain, sizeof(plain));
		return sw;
	}
}
