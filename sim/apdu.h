/* SPDX-License-Identifier: Apache-2.0 */
/* One command as the handlers see it, and the handlers. */
#ifndef SIM_APDU_H
#define SIM_APDU_H

#include "sim/tlv.h"
#include "sim/types.h"

/* Status words: GPCS Table 11-10 and those of each command. */
enum {
	SIM_OK = 0x9000,
	SIM_WARN_CLOSED = 0x6200, /* Table 11-62 */
	SIM_WARN_LOCKED = 0x6283, /* Table 11-83 */
	SIM_WARN_HOST = 0x6300,	  /* AmdD Table 7-7: host cryptogram */
	SIM_WARN_MORE = 0x6310,	  /* Table 11-38 */
	SIM_ERR_NO_DIAGNOSIS = 0x6400,
	SIM_ERR_MEMORY = 0x6581,
	SIM_ERR_LENGTH = 0x6700,
	SIM_ERR_CHANNEL = 0x6881,
	SIM_ERR_NO_SM = 0x6882, /* Table 11-84 */
	SIM_ERR_SECURITY = 0x6982,
	SIM_ERR_CONDITIONS = 0x6985,
	SIM_ERR_DATA = 0x6A80,
	SIM_ERR_FUNCTION = 0x6A81,
	SIM_ERR_NO_APPLICATION = 0x6A82,
	SIM_ERR_SPACE = 0x6A84,
	SIM_ERR_P1P2 = 0x6A86,
	SIM_ERR_NOT_FOUND = 0x6A88,
	SIM_ERR_INS = 0x6D00,
	SIM_ERR_CLA = 0x6E00,
};

enum {
	SIM_INS_MANAGE_CHANNEL = 0x70,
	SIM_INS_END_R_MAC = 0x78,
	SIM_INS_BEGIN_R_MAC = 0x7A,
	SIM_INS_INITIALIZE_UPDATE = 0x50,
	SIM_INS_EXTERNAL_AUTHENTICATE = 0x82,
	SIM_INS_SELECT = 0xA4,
	SIM_INS_GET_RESPONSE = 0xC0,
	SIM_INS_GET_DATA = 0xCA,
	SIM_INS_GET_DATA_ODD = 0xCB,
	SIM_INS_PUT_KEY = 0xD8,
	SIM_INS_STORE_DATA = 0xE2,
	SIM_INS_DELETE = 0xE4,
	SIM_INS_INSTALL = 0xE6,
	SIM_INS_LOAD = 0xE8,
	SIM_INS_SET_STATUS = 0xF0,
	SIM_INS_GET_STATUS = 0xF2,
};

struct sim_apdu {
	unsigned char cla; /* without channel and secure messaging: '00' or '80' */
	unsigned char ins, p1, p2;
	unsigned channel;
	bool sm; /* secure messaging indicated */
	const unsigned char *data;
	size_t len;
	bool has_le;
	unsigned le; /* 256 for '00' */
};

struct sim_card;

/* The current application on the channel, and the security domain that serves it. */
struct sim_entry *sim_selected(struct sim_card *card, struct sim_channel *channel);
struct sim_entry *sim_selected_domain(struct sim_card *card, struct sim_channel *channel);

uint16_t sim_select(struct sim_card *card, struct sim_channel *channel, const struct sim_apdu *apdu,
	struct sim_out *out);
uint16_t sim_manage_channel(
	struct sim_card *card, const struct sim_apdu *apdu, struct sim_out *out);
/* Makes the ISD the selected application of a channel that is opened. */
void sim_channel_open(struct sim_card *card, struct sim_channel *channel);
void sim_channel_close(struct sim_channel *channel);

uint16_t sim_get_data(struct sim_card *card, struct sim_channel *channel,
	const struct sim_apdu *apdu, struct sim_out *out);
/* The inside of tag 66: template 73 (GPCS H.2, H.3). */
void sim_recognition(const struct sim_config *config, struct sim_out *out);
uint16_t sim_get_status(struct sim_card *card, struct sim_channel *channel,
	const struct sim_apdu *apdu, struct sim_out *out);
uint16_t sim_set_status(
	struct sim_card *card, struct sim_channel *channel, const struct sim_apdu *apdu);
uint16_t sim_put_key(struct sim_card *card, struct sim_channel *channel,
	const struct sim_apdu *apdu, struct sim_out *out);
uint16_t sim_delete(struct sim_card *card, struct sim_channel *channel, const struct sim_apdu *apdu,
	struct sim_out *out);
uint16_t sim_store_data(
	struct sim_card *card, struct sim_channel *channel, const struct sim_apdu *apdu);
uint16_t sim_install(struct sim_card *card, struct sim_channel *channel,
	const struct sim_apdu *apdu, struct sim_out *out);
uint16_t sim_load(struct sim_card *card, struct sim_channel *channel, const struct sim_apdu *apdu,
	struct sim_out *out);

/* Writes nv to the state file. False: not written; the card behaves as if power were lost. */
bool sim_commit(struct sim_card *card);

#endif
