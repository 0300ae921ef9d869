/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/reader.h"

#include "base/hex.h"

#include <stdio.h>
#include <string.h>

/* Commands to the simulator, not to the card: CLA FF, INS 53 ('S'). */
enum { CHOOSE_NAMED = 0x00, CHOOSE_NEXT = 0x01, TELL_NAME = 0x02 };

enum kms_status sim_reader_insert(
	struct sim_reader *reader, struct sim_slot *slot, struct kms_err *err)
{
	enum kms_status st;

	sim_reader_eject(reader);
	st = sim_box_take(reader->box, slot, &reader->card, err);
	if (st)
		return st;
	reader->slot = slot;
	reader->powered = true;
	return KMS_OK;
}

void sim_reader_eject(struct sim_reader *reader)
{
	sim_card_free(reader->card);
	reader->card = NULL;
	if (reader->slot)
		reader->slot->busy = false;
	reader->slot = NULL;
	reader->powered = false;
	reader->mute = false;
}

static void complain(const struct kms_err *err)
{
	fprintf(stderr, "cardsim: %s\n", err->msg);
}

uint32_t sim_reader_delay(const struct sim_reader *reader)
{
	const struct sim_fault *slow = sim_fault_any(reader->faults, SIM_SLOW);

	return slow ? slow->at : 0;
}

static void show(const struct sim_reader *reader, char mark, const unsigned char *data, size_t len)
{
	char text[2 * 300 + 1];

	if (!reader->trace)
		return;
	hex_encode(data, len < 300 ? len : 300, text);
	fprintf(stderr, "%s %c %s%s\n", reader->slot->name, mark, text, len > 300 ? "…" : "");
}

static bool power_on(struct sim_reader *reader)
{
	struct kms_err err = {0};

	if (sim_card_power_on(reader->card, &err)) {
		complain(&err);
		return false;
	}
	reader->powered = true;
	return true;
}

/* "cardsim" as historical bytes; T=1 with its check byte, or T=0, which has none. */
static size_t put_atr(const struct sim_config *config, unsigned char *reply)
{
	static const unsigned char t1[] = {
		0x3B, 0x87, 0x01, 0x63, 0x61, 0x72, 0x64, 0x73, 0x69, 0x6D, 0xE5};
	static const unsigned char t0[] = {0x3B, 0x07, 0x63, 0x61, 0x72, 0x64, 0x73, 0x69, 0x6D};
	const unsigned char *atr = config->t0 ? t0 : t1;
	size_t len = config->t0 ? sizeof(t0) : sizeof(t1);

	if (config->atr_len > 0) {
		atr = config->atr;
		len = config->atr_len;
	}
	memcpy(reply, atr, len);
	return len;
}

static enum sim_answer_kind control(
	struct sim_reader *reader, unsigned code, unsigned char *reply, size_t *ret_len)
{
	const struct sim_config *config = &reader->card->nv.config;

	switch (code) {
	case SIM_CTRL_OFF:
		sim_card_power_off(reader->card);
		reader->powered = false;
		return SIM_SILENCE;
	case SIM_CTRL_ON:
		if (reader->powered)
			return SIM_SILENCE;
		return power_on(reader) ? SIM_SILENCE : SIM_GONE;
	case SIM_CTRL_RESET:
		return power_on(reader) ? SIM_SILENCE : SIM_GONE;
	case SIM_CTRL_ATR:
		*ret_len = put_atr(config, reply);
		return SIM_REPLY;
	default:
		return SIM_SILENCE;
	}
}

static enum sim_answer_kind status(unsigned sw, unsigned char *reply, size_t *ret_len)
{
	reply[0] = (unsigned char)(sw >> 8);
	reply[1] = (unsigned char)sw;
	*ret_len = 2;
	return SIM_REPLY;
}

static bool change_card(struct sim_reader *reader, struct sim_slot *slot)
{
	struct kms_err err = {0};

	if (sim_reader_insert(reader, slot, &err)) {
		complain(&err);
		return false;
	}
	return true;
}

static enum sim_answer_kind choose(struct sim_reader *reader, const unsigned char *command,
	size_t len, unsigned char *reply, size_t *ret_len)
{
	struct sim_slot *slot = NULL;
	char name[256];

	if (command[2] == TELL_NAME) {
		size_t size = strlen(reader->slot->name);

		memcpy(reply, reader->slot->name, size);
		status(0x9000, reply + size, ret_len);
		*ret_len += size;
		return SIM_REPLY;
	}
	if (command[2] == CHOOSE_NEXT) {
		slot = sim_box_next(reader->box);
	} else if (command[2] == CHOOSE_NAMED && len > 5 && command[4] == len - 5) {
		memcpy(name, command + 5, len - 5);
		name[len - 5] = 0;
		slot = sim_box_find(reader->box, name);
	}
	if (!slot || (slot->busy && slot != reader->slot))
		return status(0x6A82, reply, ret_len);
	return change_card(reader, slot) ? status(0x9000, reply, ret_len) : SIM_GONE;
}

/* The commit of this command at which power is lost; 0: at none. */
static unsigned tear_at(const struct sim_reader *reader)
{
	for (size_t i = 0; i < reader->faults->count; i++) {
		const struct sim_fault *fault = &reader->faults->list[i];

		if (fault->kind == SIM_DROP_WRITE && fault->at > reader->slot->writes)
			return reader->card->commits + (fault->at - reader->slot->writes);
	}
	return 0;
}

static enum sim_answer_kind command(struct sim_reader *reader, const unsigned char *payload,
	size_t len, unsigned char *reply, size_t *ret_len)
{
	const struct sim_faults *faults = reader->faults;
	uint32_t n = ++reader->slot->commands;
	const struct sim_fault *fault;
	struct kms_err err = {0};
	unsigned commits;

	show(reader, '>', payload, len);
	if (sim_fault_at(faults, SIM_DROP_BEFORE, n))
		return SIM_GONE;
	if (sim_fault_at(faults, SIM_MUTE, n)) {
		reader->mute = true;
		return SIM_SILENCE;
	}
	if (sim_fault_at(faults, SIM_SWAP, n)) {
		struct sim_slot *other = NULL;

		if (sim_box_other(reader->box, reader->slot, &other, &err)) {
			complain(&err);
			return SIM_GONE;
		}
		if (!change_card(reader, other))
			return SIM_GONE;
		/* The same faults do not meet the other card with the same command. */
		other->commands = n;
	}
	fault = sim_fault_at(faults, SIM_SW, n);
	if (fault)
		return status(fault->value, reply, ret_len);
	if (!reader->powered && !power_on(reader))
		return SIM_GONE;
	commits = reader->card->commits;
	reader->card->tear_at = tear_at(reader);
	*ret_len = sim_card_command(reader->card, payload, len, reply);
	reader->slot->writes += reader->card->commits - commits;
	if (reader->card->err.code)
		complain(&reader->card->err);
	if (*ret_len == 0 || sim_fault_at(faults, SIM_DROP_AFTER, n))
		return SIM_GONE;
	*ret_len = sim_fault_response(faults, n, reply, *ret_len, SIM_RESPONSE_MAX);
	show(reader, '<', reply, *ret_len);
	return SIM_REPLY;
}

enum sim_answer_kind sim_reader_payload(struct sim_reader *reader, const unsigned char *payload,
	size_t len, unsigned char *reply, size_t *ret_len)
{
	*ret_len = 0;
	if (len == 0 || reader->mute)
		return SIM_SILENCE;
	if (len == 1)
		return control(reader, payload[0], reply, ret_len);
	if (reader->choose && len >= 4 && payload[0] == 0xFF && payload[1] == 0x53)
		return choose(reader, payload, len, reply, ret_len);
	return command(reader, payload, len, reply, ret_len);
}
