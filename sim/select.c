/* SPDX-License-Identifier: Apache-2.0 */
/* SELECT and MANAGE CHANNEL, which OPEN processes: GPCS 6.4, 11.7, 11.9. */
#include "sim/apdu.h"
#include "sim/registry.h"
#include "sim/scp.h"

#include "base/secret.h"

#include <stdlib.h>
#include <string.h>

/* Ends the application session: GPCS 10.2.3, 11.11.1. */
static void deselect(struct sim_channel *channel)
{
	sim_session_end(&channel->session, SIM_PHASE_NONE);
	channel->chain.active = false;
	channel->store.active = false;
	channel->personalizing = false;
	channel->loading = false;
	free(channel->load_data);
	channel->load_data = NULL;
	channel->load_len = 0;
	channel->status_started = false;
}

void sim_channel_close(struct sim_channel *channel)
{
	free(channel->load_data);
	secret_wipe(channel, sizeof(*channel));
}

void sim_channel_open(struct sim_card *card, struct sim_channel *channel)
{
	sim_channel_close(channel);
	channel->open = true;
	/* The ISD is the implicitly selected application of every channel: GPCS 5.1.1.1. */
	channel->selected = card->nv.life != SIM_TERMINATED ||
			    (card->nv.entries[0].privileges[1] & 0x02); /* Final Application */
	channel->application = card->nv.entries[0].aid;
}

static bool selectable(const struct sim_nv *nv, const struct sim_entry *entry)
{
	if (sim_is_issuer(nv, entry))
		return true;
	return !(entry->life & SIM_LOCKED) && (entry->life & SIM_SELECTABLE) == SIM_SELECTABLE;
}

/* GPCS Table 11-82. */
static void file_control_information(
	const struct sim_card *card, const struct sim_entry *entry, struct sim_out *out)
{
	static const unsigned char longest_command = 0xFF;
	size_t fci = sim_put_open(out, 0x6F), inside;

	sim_put_tlv(out, 0x84, entry->aid.data, entry->aid.len);
	inside = sim_put_open(out, 0xA5);
	if (sim_is_domain(entry)) {
		if (card->nv.config.version != SIM_GP211)
			sim_recognition(&card->nv.config, out);
		sim_put_tlv(out, 0x9F65, &longest_command, 1);
	}
	sim_put_close(out, inside);
	sim_put_close(out, fci);
}

/* GPCS 6.4.2.1.2: from the start, or from the entry after the selected one. */
static struct sim_entry *search(
	struct sim_card *card, struct sim_channel *channel, const struct sim_aid *wanted, bool next)
{
	struct sim_entry *current = sim_selected(card, channel);
	size_t at = next && current ? (size_t)(current - card->nv.entries) + 1 : 0;

	for (; at < card->nv.entry_count; at++) {
		struct sim_entry *entry = &card->nv.entries[at];

		if (sim_aid_begins(&entry->aid, wanted) && selectable(&card->nv, entry))
			return entry;
	}
	return NULL;
}

static uint16_t select_locked(struct sim_card *card, struct sim_channel *channel,
	const struct sim_aid *wanted, struct sim_out *out)
{
	struct sim_entry *issuer = &card->nv.entries[0];

	if (!sim_aid_begins(&issuer->aid, wanted) || !(issuer->privileges[1] & 0x02))
		return SIM_ERR_FUNCTION;
	deselect(channel);
	channel->selected = true;
	channel->application = issuer->aid;
	file_control_information(card, issuer, out);
	return SIM_WARN_LOCKED;
}

/* Whoever selects the current application after it was locked loses it: GPCS 6.4.2.1.2. */
static void leave_locked(
	struct sim_card *card, struct sim_channel *channel, const struct sim_aid *wanted)
{
	const struct sim_entry *current = sim_selected(card, channel);

	if (!current || selectable(&card->nv, current) || !sim_aid_begins(&current->aid, wanted))
		return;
	deselect(channel);
	channel->application = card->nv.entries[0].aid;
}

uint16_t sim_select(struct sim_card *card, struct sim_channel *channel, const struct sim_apdu *apdu,
	struct sim_out *out)
{
	struct sim_aid wanted = {.len = apdu->len};
	struct sim_entry *entry;
	bool next = (apdu->p2 & 0x03) == 0x02;

	if (apdu->p1 != 0x04 || (apdu->p2 & 0xF1) != 0)
		return SIM_ERR_P1P2;
	if (apdu->len > SIM_AID_MAX)
		return SIM_ERR_LENGTH;
	if (apdu->len > 0)
		memcpy(wanted.data, apdu->data, apdu->len);
	if (card->nv.life == SIM_CARD_LOCKED || card->nv.life == SIM_TERMINATED) {
		if (apdu->channel > 0) /* GPCS 6.4.3.1.2 */
			sim_channel_close(channel);
		if (apdu->channel > 0 || card->nv.life == SIM_TERMINATED)
			return SIM_ERR_FUNCTION;
		return select_locked(card, channel, &wanted, out);
	}
	if (apdu->len == 0)
		entry = &card->nv.entries[0];
	else if (next && !channel->select_started)
		return SIM_ERR_CONDITIONS;
	else
		entry = search(card, channel, &wanted, next);
	if (!entry) {
		leave_locked(card, channel, &wanted);
		return SIM_ERR_NO_APPLICATION;
	}
	deselect(channel);
	channel->selected = true;
	channel->select_started = true;
	channel->application = entry->aid;
	if ((apdu->p2 & 0x0C) != 0x0C) /* ISO 7816-4: no response data wanted */
		file_control_information(card, entry, out);
	return SIM_OK;
}

uint16_t sim_manage_channel(struct sim_card *card, const struct sim_apdu *apdu, struct sim_out *out)
{
	unsigned number = apdu->p2;

	if (card->nv.life == SIM_CARD_LOCKED)
		return SIM_ERR_FUNCTION;
	if (apdu->p1 == 0x80) {
		if (number == 0 || number >= card->nv.config.channels)
			return number == 0 ? SIM_ERR_P1P2 : SIM_ERR_CHANNEL;
		if (!card->channels[number].open)
			return SIM_WARN_CLOSED;
		sim_channel_close(&card->channels[number]);
		return SIM_OK;
	}
	if (apdu->p1 != 0x00)
		return SIM_ERR_P1P2;
	if (number == 0) {
		for (number = 1; number < card->nv.config.channels; number++)
			if (!card->channels[number].open)
				break;
	}
	if (number >= card->nv.config.channels || card->channels[number].open)
		return apdu->p2 == 0 ? SIM_ERR_FUNCTION : SIM_ERR_CHANNEL;
	sim_channel_open(card, &card->channels[number]);
	if (apdu->p2 == 0)
		sim_put_byte(out, number);
	return SIM_OK;
}
