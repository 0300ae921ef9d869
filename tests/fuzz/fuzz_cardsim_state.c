/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text is a state file of cardsim (if it begins with '{') or a profile, or is neither. A card
 * made from one that is answers to everything, however odd its contents.
 */
#include "sim/card.h"
#include "sim/profile.h"
#include "sim/state.h"

#include "base/hex.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const commands[] = {"00A4040000", "00A4040205A00000000300", "80CA00E000",
	"80CA006600", "80CA00C100", "80CA9F7F00", "80CA00CF00", "80CA2F00025C0000",
	"8050000008010203040506070800", "80500000100102030405060708010203040506070800",
	"8482010010000102030405060708090A0B0C0D0E0F", "0070000001", "8150000008010203040506070800"};

#define SSD_INSTALL "80E60C002007A000000151535008A00000015153504108A000000151000099018002C90000"

/* In a session that was opened by other means. */
static const char *const managed[] = {"80F28002024F00", "80F24002024F00", "80F24003024F00",
	"80F21000024F00", "80F22002064F005C024FCC",
	"80D8008117208810000102030405060708090A0B0C0D0E0F03000000", "80E4000003D20120",
	"80E4000003D00101", "80E40080094F07A0000001515350", SSD_INSTALL,
	"80F0408008A000000151000099", "80F0608008A000000151000099", "80F08007", "80E2900003420155",
	"80E29000094F07A0000001510001", "80E40000094F07A0000001515350", "80CA00C2",
	"80D800014873B04104"
	"6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296"
	"4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5F0010000",
	"80E602002D06A000000003100020"
	"000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F"
	"00020102",
	"80E8800012E20E4F07A0000001510001C3030102"
	"03C400",
	"80E608000D000006A000000003100100"
	"0000",
	"80E610001907A000000151000100"
	"06A000000003100006B60493020102"
	"00",
	"80E40000144F06A00000000310B60493020102"
	"9E0401020304",
	"80F0807F", "80CA00E0"};

static void send(struct sim_card *card, const char *text)
{
	static unsigned char response[SIM_RESPONSE_MAX];
	unsigned char bytes[300];
	size_t len = 0, got;

	if (hex_decode(text, strlen(text), "command", bytes, sizeof(bytes), &len, NULL))
		abort();
	got = sim_card_command(card, bytes, len, response);
	if (got < 2 || got > 258)
		abort();
}

static void use(const struct sim_nv *nv)
{
	struct sim_card *card = NULL;

	if (sim_card_new(NULL, nv, false, &card, NULL) || sim_card_power_on(card, NULL))
		abort();
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		send(card, commands[i]);
	for (unsigned scp = 2; scp <= 3; scp++) {
		send(card, "00A4040000");
		card->channels[0].session = (struct sim_session){.phase = SIM_PHASE_OPEN,
			.scp = (unsigned char)scp,
			.key_len = 16,
			.level = SIM_AUTHENTICATED,
			.owner = card->nv.entries[0].aid,
			.first_level = SIM_AUTHENTICATED};
		for (size_t i = 0; i < sizeof(managed) / sizeof(managed[0]); i++)
			send(card, managed[i]);
	}
	sim_card_free(card);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sim_nv *nv = calloc(1, sizeof(*nv));
	struct kms_err err = {0};
	enum kms_status st;

	if (!nv)
		abort();
	if (size > 0 && data[0] == '{')
		st = sim_state_parse("state", data, size, nv, &err);
	else
		st = sim_profile_parse("profile", (const char *)data, size, nv, &err);
	if (st && (st == KMS_ERR_INTERNAL || err.msg[0] == 0))
		abort();
	if (!st) {
		sim_profile_number(nv, 7);
		use(nv);
	}
	free(nv);
	return 0;
}
