/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A card in a reader: what comes over one connection, and what goes wrong there.
 *
 * The framing is that of vsmartcard's vpcd: two bytes of length, big-endian, then the payload; from
 * the reader a payload of one byte is a control code, any other a command.
 */
#ifndef SIM_READER_H
#define SIM_READER_H

#include "sim/box.h"

enum { SIM_CTRL_OFF = 0, SIM_CTRL_ON = 1, SIM_CTRL_RESET = 2, SIM_CTRL_ATR = 4 };

struct sim_reader {
	struct sim_box *box;
	const struct sim_faults *faults;
	bool choose; /* FF 53: the client may choose the card */
	bool trace;  /* commands and responses to standard error */
	struct sim_slot *slot;
	struct sim_card *card; /* NULL: the reader is empty */
	bool powered;
	bool mute;
};

enum sim_answer_kind { SIM_REPLY, SIM_SILENCE, SIM_GONE };

/* Puts the card of the slot in. */
KMS_CHECKED enum kms_status sim_reader_insert(
	struct sim_reader *reader, struct sim_slot *slot, struct kms_err *err);
void sim_reader_eject(struct sim_reader *reader);

/* By how many milliseconds the card's responses come later: the fault `slow`. */
uint32_t sim_reader_delay(const struct sim_reader *reader);

/*
 * One payload from the reader. SIM_REPLY: *ret_len bytes of `reply` (SIM_RESPONSE_MAX) go back;
 * SIM_SILENCE: nothing does; SIM_GONE: power is lost, the connection must end.
 */
enum sim_answer_kind sim_reader_payload(struct sim_reader *reader, const unsigned char *payload,
	size_t len, unsigned char *reply, size_t *ret_len);

#endif
