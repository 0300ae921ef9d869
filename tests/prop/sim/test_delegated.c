/* SPDX-License-Identifier: Apache-2.0 */
/* One byte of a delegated command, its token, a DAP or a load file is another: the card stays as it was. */
#include "support/forall.h"
#include "unit/sim/delegation.h"

static struct signer any_signer(struct forall *f)
{
	switch (forall_below(f, 4)) {
	case 0:
		return signer_ec("P-256");
	case 1:
		return signer_des((unsigned)forall_below(f, 256));
	default:
		return signer_aes(8 * forall_between(f, 2, 4), (unsigned)forall_below(f, 256));
	}
}

/* The text of a command that the domain may send, and what must be in its receipt. */
static const struct {
	const char *command, *names;
} rows[] = {
	{"E60C00 07" SSD_FILE "08" SSD_MODULE "06A00000000377 03000000 02C900",
		"07" SSD_FILE "06A00000000377"},
	{"E60400 07" SSD_FILE "08" SSD_MODULE "06A00000000377 0100 02C900",
		"07" SSD_FILE "06A00000000377"},
	{"E60800 00 00 06A00000000379 0100 00", "07" SSD_FILE "06A00000000379"},
	{"E61000 08" ISD "00 06A00000000379 00 00", "08" SSD "06A00000000379 08" ISD},
	{"E40000 4F06A00000000379", "06A00000000379"},
};

/* With an application of the domain, INSTALLED. */
static void start(struct delegation *d, struct forall *f)
{
	struct sim_entry *entry;

	delegation_start(d, any_signer(f), signer_aes(16, 7));
	entry = &d->h.card->nv.entries[d->h.card->nv.entry_count++];
	*entry = (struct sim_entry){.life = SIM_INSTALLED, .domain = entry_of(&d->h, SSD)->aid};
	entry->aid.len = host_hex("A00000000379", entry->aid.data, SIM_AID_MAX);
	entry->elf.len = host_hex(SSD_FILE, entry->elf.data, SIM_AID_MAX);
}

static bool changed_command(struct forall *f)
{
	size_t row = forall_below(f, sizeof(rows) / sizeof(rows[0]));
	struct sim_nv *before = malloc(sizeof(*before));
	unsigned char data[400], header[4] = {0x80};
	struct delegation d;
	size_t len, at;
	bool same;

	assert_non_null(before);
	start(&d, f);
	delegation_text(&d, rows[row].command);
	len = delegation_data(&d, data);
	header[1] = d.ins;
	memcpy(header + 2, d.input, 2);
	at = forall_below(f, len + 2);
	*(at < 2 ? header + 2 + at : data + at - 2) ^= (unsigned char)forall_between(f, 1, 255);
	*before = d.h.card->nv;
	host_command(&d.h, header, data, len);
	forall_note(f, "%s: byte %zu, status %04X", rows[row].command, at, d.h.sw);
	same = memcmp(before, &d.h.card->nv, sizeof(*before)) == 0;
	free(before);
	/* And as it was meant. */
	open_domain(&d.h, SSD);
	if (same && delegation_send(&d) != 0x9000) {
		forall_note(f, "%s: status %04X", rows[row].command, d.h.sw);
		same = false;
	}
	if (same)
		delegation_confirmed(&d, rows[row].names, "");
	delegation_end(&d);
	return same;
}

static bool changed_file(struct forall *f)
{
	struct signer key = any_signer(f);
	unsigned char block[64], hash[64], fields[128], file[300], header[4] = {0x80, 0xE6, 0x02};
	size_t block_len = load_block(block, sizeof(block)), len, fields_len, at;
	bool whole = forall_below(f, 8) == 0, kept;
	struct host h;

	host_card(&h, "gp23-scp03", NULL);
	make_domain(&h, SSD, forall_coin(f) ? "C08000" : "C18000");
	assert_int_equal(put_signer(&h, 0, 0x73, 1, &key), 0x9000);
	open_issuer(&h);
	digest("SHA256", block, block_len, hash);
	fields_len = load_fields(SSD, hash, 32, fields);
	fields[fields_len++] = 0;
	len = dap_block(SSD, &key, hash, 32, file);
	len += load_file(file + len, sizeof(file) - len);
	at = forall_below(f, 32 + len);
	if (!whole && at < 32)
		fields[7 + 9 + 1 + at] ^= (unsigned char)forall_between(f, 1, 255);
	else if (!whole)
		file[at - 32] ^= (unsigned char)forall_between(f, 1, 255);
	assert_int_equal(host_command(&h, header, fields, fields_len), 0x9000);
	send_file(&h, file, len);
	kept = h.card->nv.elf_count == 2;
	forall_note(f, "byte %zu, status %04X", at, h.sw);
	host_close(&h);
	signer_free(&key);
	return kept == whole;
}

static void test_changed(void **state)
{
	(void)state;
	forall("a changed delegated command does nothing", 400, changed_command);
	forall("a changed load file or DAP leaves nothing", 400, changed_file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_changed)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
