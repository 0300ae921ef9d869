/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a reader sends, the card answers with a status word and stays the card it was. */
#include "sim/registry.h"
#include "support/forall.h"
#include "unit/sim/host.h"

static const char *const seeds[] = {"00A4040008A000000151000000", "80CA00E000", "80CA2F00025C0000",
	"80F24002024F00", "80F28002064F005C024FCC", "80F21000024F00",
	"80D8008117208811100011223344556677889900112233445566 03504A77", "80E4000003D20120",
	"80E400000A4F08A000000151000099", "80E2900006450401020304",
	"80E288000B00B908B906950118800188",
	"80E60C0020 07A0000001515350 08A000000151535041 08A000000151000099 0180 02C900 00",
	"80E602000B06A0000000039900000000", "80E8000004C4020102",
	"80E620000D0000 08A000000151000099000000", "80F0400F08A000000151000099", "807A10010201AB",
	"8078000300", "0070000001", "8050000008010203040506070800", "00C0000000"};

static size_t make_command(struct forall *f, unsigned char *command)
{
	const char *seed = seeds[forall_below(f, sizeof(seeds) / sizeof(seeds[0]))];
	char text[256];
	size_t at = 0, len = 0;

	if (forall_below(f, 8) == 0) {
		len = forall_below(f, 300);
		forall_bytes(f, command, len);
		return len;
	}
	for (size_t i = 0; seed[i]; i++)
		if (seed[i] != ' ')
			text[at++] = seed[i];
	text[at] = 0;
	len = host_hex(text, command, 280);
	for (size_t changes = forall_below(f, 4); changes > 0; changes--)
		command[forall_below(f, len)] = (unsigned char)forall_u64(f);
	if (forall_below(f, 6) == 0)
		len = forall_below(f, len + 1);
	if (len > 5 && forall_coin(f))
		command[4] = (unsigned char)(len - 5);
	return len;
}

static bool sane(const struct sim_nv *nv)
{
	if (nv->entry_count < 1 || nv->entry_count > SIM_ENTRIES_MAX ||
		nv->elf_count > SIM_ELFS_MAX)
		return false;
	for (size_t i = 0; i < nv->entry_count; i++)
		if (nv->entries[i].key_count > SIM_KEYS_MAX ||
			nv->entries[i].set_count > SIM_KEYS_MAX ||
			nv->entries[i].object_count > SIM_OBJECTS_MAX)
			return false;
	return true;
}

static bool answers(struct forall *f)
{
	static const unsigned levels[] = {0x00, 0x01, 0x03, 0x13, 0x33};
	struct host_keys keys = host_test_keys();
	unsigned level = levels[forall_below(f, 5)];
	bool secured = forall_coin(f);
	struct host h;

	host_card(&h, forall_coin(f) ? "gp23-scp03" : "gp211-scp02", NULL);
	if (level & 0x10 && h.card->nv.config.scp03 < 0)
		level = 0x03;
	for (unsigned n = 0; n < 40; n++) {
		unsigned char command[320];
		size_t len;

		if (n % 10 == 0)
			host_open(&h, 0, level, &keys);
		len = make_command(f, command);
		if (secured && len > 5 && len - 5 < 200 && (command[0] & 0xFC) == 0x80) {
			/* A command that arrives whole at the handlers. */
			struct sim_session *session = &h.card->channels[0].session;

			if (session->phase == SIM_PHASE_OPEN) {
				command[0] = 0x80;
				len = 5 + host_protect(&h, command, command + 5, len - 5);
				command[0] = 0x84;
				command[4] = (unsigned char)(len - 5);
				h.channel = 0;
			}
		}
		size_t got = sim_card_command(h.card, command, len, h.response);

		if (got < 2 || got > 258) {
			forall_note(f, "command %u: %zu bytes", n, got);
			return false;
		}
		unsigned sw1 = h.response[got - 2];

		if (sw1 != 0x90 && (sw1 < 0x61 || sw1 > 0x6F)) {
			forall_note(f, "command %u: status %02X", n, sw1);
			return false;
		}
		if (!sane(&h.card->nv))
			return false;
	}
	host_close(&h);
	return true;
}

static void test_answers(void **state)
{
	(void)state;
	forall("a card answers", 1500, answers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_answers)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
