/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/card.h"

#include "sim/dispatch.h"
#include "sim/registry.h"
#include "sim/scp.h"
#include "sim/state.h"

#include "base/secret.h"

#include <stdlib.h>
#include <string.h>

enum kms_status sim_card_new(const char *path, const struct sim_nv *nv, bool sync,
	struct sim_card **ret_card, struct kms_err *err)
{
	struct sim_card *card = calloc(1, sizeof(*card));

	if (!card)
		return kms_nomem(err);
	if (nv)
		card->nv = *nv;
	card->sync = sync;
	card->path = path ? strdup(path) : NULL;
	if (path && !card->path) {
		sim_card_free(card);
		return kms_nomem(err);
	}
	*ret_card = card;
	return KMS_OK;
}

void sim_card_free(struct sim_card *card)
{
	if (!card)
		return;
	sim_card_power_off(card);
	free(card->path);
	secret_wipe(card, sizeof(*card));
	free(card);
}

enum kms_status sim_card_power_on(struct sim_card *card, struct kms_err *err)
{
	enum kms_status st;

	sim_card_power_off(card);
	if (card->path) {
		st = sim_state_load(card->path, &card->nv, err);
		if (st)
			return st;
	}
	card->commits = 0;
	card->torn = false;
	card->err = (struct kms_err){0};
	sim_channel_open(card, &card->channels[0]);
	return KMS_OK;
}

void sim_card_power_off(struct sim_card *card)
{
	for (size_t i = 0; i < SIM_CHANNELS_MAX; i++)
		sim_channel_close(&card->channels[i]);
	secret_wipe(card->pending, sizeof(card->pending));
	card->pending_len = 0;
	card->pending_at = 0;
}

bool sim_commit(struct sim_card *card)
{
	card->commits++;
	if (card->torn || card->commits == card->tear_at ||
		(card->path && sim_state_save(card->path, &card->nv, card->sync, &card->err))) {
		card->torn = true;
		return false;
	}
	return true;
}

struct sim_entry *sim_selected(struct sim_card *card, struct sim_channel *channel)
{
	return channel->selected ? sim_entry_find(&card->nv, &channel->application) : NULL;
}

struct sim_entry *sim_selected_domain(struct sim_card *card, struct sim_channel *channel)
{
	struct sim_entry *entry = sim_selected(card, channel);

	return !entry || sim_is_domain(entry) ? entry : sim_entry_find(&card->nv, &entry->domain);
}

/* ---- the transport's view ---- */

static size_t put_status(unsigned char *response, size_t len, uint16_t sw)
{
	response[len] = (unsigned char)(sw >> 8);
	response[len + 1] = (unsigned char)sw;
	return len + 2;
}

static uint16_t more_status(const struct sim_card *card)
{
	size_t left = card->pending_len - card->pending_at;

	return (uint16_t)(0x6100 | (left >= 256 ? 0 : left));
}

/* Keeps all of the response back and says how much there is. */
static void hold(struct sim_card *card, const struct sim_out *out, uint16_t sw)
{
	memcpy(card->pending, out->data, out->len);
	put_status(card->pending, out->len, sw);
	card->pending_len = out->len;
	card->pending_at = 0;
}

static size_t give(struct sim_card *card, size_t max, unsigned char *response)
{
	size_t left = card->pending_len - card->pending_at, len = left < max ? left : max;
	uint16_t sw = (uint16_t)(card->pending[card->pending_len] << 8 |
				 card->pending[card->pending_len + 1]);

	memcpy(response, card->pending + card->pending_at, len);
	card->pending_at += len;
	if (card->pending_at < card->pending_len)
		return put_status(response, len, more_status(card));
	card->pending_len = 0;
	card->pending_at = 0;
	return put_status(response, len, sw);
}

static size_t get_response(
	struct sim_card *card, const struct sim_apdu *apdu, unsigned char *response)
{
	size_t left = card->pending_len - card->pending_at, le = apdu->has_le ? apdu->le : 256;

	if (card->pending_len == 0)
		return put_status(response, 0, SIM_ERR_CONDITIONS);
	if (le > left && le != 256)
		return put_status(response, 0, (uint16_t)(0x6C00 | left));
	return give(card, le, response);
}

/* GPCS 11.1.5.2; and what a T=0 card does to responses (profile `transport = t0`). */
static size_t respond(struct sim_card *card, const struct sim_apdu *wire, const struct sim_out *out,
	uint16_t sw, unsigned char *response)
{
	bool t0 = card->nv.config.t0, with_data = wire->len > 0;
	bool wrong_le = !with_data && wire->has_le && out->len > 0 && out->len <= 256 &&
			(t0 ? wire->le != out->len : wire->le < out->len);

	if (wrong_le)
		return put_status(response, 0, (uint16_t)(0x6C00 | (out->len & 0xFF)));
	if (out->len > 0 && t0 && with_data) {
		hold(card, out, sw);
		return put_status(response, 0, more_status(card));
	}
	if (out->len > 256) {
		hold(card, out, sw);
		return give(card, 256, response);
	}
	memcpy(response, out->data, out->len);
	return put_status(response, out->len, sw);
}

size_t sim_card_command(
	struct sim_card *card, const unsigned char *command, size_t len, unsigned char *response)
{
	struct sim_out out = {.len = 0};
	struct sim_apdu apdu = {0}, wire;
	uint16_t sw;
	size_t got;

	sw = sim_apdu_parse(command, len, &apdu);
	if (sw == SIM_OK && apdu.ins == SIM_INS_GET_RESPONSE)
		return get_response(card, &apdu, response);
	card->pending_len = 0;
	wire = apdu;
	if (sw == SIM_OK)
		sw = sim_dispatch(card, &apdu, &out);
	if (card->torn)
		return 0;
	if (out.overflow) {
		out.len = 0;
		sw = SIM_ERR_NO_DIAGNOSIS;
	}
	got = respond(card, &wire, &out, sw, response);
	secret_wipe(&out, sizeof(out));
	return got;
}
