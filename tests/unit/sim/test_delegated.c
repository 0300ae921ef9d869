/* SPDX-License-Identifier: Apache-2.0 */
/* Delegated management: tokens (GPCS C.4), confirmations (11.1.6) and receipts (C.5). */
#include "sim/state.h"
#include "support/folder.h"
#include "unit/sim/delegation.h"

#define FILE_AID "06A00000000310"
#define MODULE	 "06A00000000311"
#define APP	 "06A00000000377"

static void begin_load(struct delegation *d, const char *domain)
{
	unsigned char block[64], hash[64], fields[128];
	size_t len = load_block(block, sizeof(block));

	len = digest("SHA256", block, len, hash);
	len = load_fields(domain, hash, len, fields);
	delegation_of(d, 0xE6, 0x02, 0x00, fields, len);
}

static unsigned send_block(struct delegation *d)
{
	unsigned char file[128];
	size_t len = load_file(file, sizeof(file));

	return send_file(&d->h, file, len);
}

static void counter_is(struct delegation *d)
{
	char text[16];

	snprintf(text, sizeof(text), "C202%04X", d->count);
	select_domain(&d->h, ISD);
	host_expect(&d->h, "80CA00C200", 0x9000);
	host_response_is(&d->h, text);
	open_domain(&d->h, SSD);
}

/* The life of an application, from load file to nothing, by one domain. */
static void whole_life(struct delegation *d)
{
	begin_load(d, "");
	assert_int_equal(delegation_send(d), 0x9000);
	host_response_is(&d->h, "00");
	assert_int_equal(send_block(d), 0x9000);
	delegation_confirmed(d, FILE_AID "08" SSD, "");
	/* INSTALLED, then SELECTABLE. */
	delegation_text(d, "E60400" FILE_AID MODULE APP "03000000 02C900");
	assert_int_equal(delegation_send(d), 0x9000);
	delegation_confirmed(d, FILE_AID APP, "");
	assert_int_equal(entry_of(&d->h, "A00000000377")->life, SIM_INSTALLED);
	assert_true(sim_aid_equal(
		&entry_of(&d->h, "A00000000377")->domain, &entry_of(&d->h, SSD)->aid));
	delegation_text(d, "E60800 00 00" APP "0100 00");
	assert_int_equal(delegation_send(d), 0x9000);
	delegation_confirmed(d, FILE_AID APP, "");
	assert_int_equal(entry_of(&d->h, "A00000000377")->life, SIM_SELECTABLE);
	/* Both at once, with the identifier of the token: GPCS Table 11-49. */
	delegation_text(
		d, "E60C00" FILE_AID MODULE "06A00000000378 03000000 0B C900 B607 9305 0102030405");
	assert_int_equal(delegation_send(d), 0x9000);
	delegation_confirmed(d, FILE_AID "06A00000000378", "050102030405");
	assert_int_equal(entry_of(&d->h, "A00000000378")->life, SIM_SELECTABLE);
	/* Given to the ISD. */
	delegation_text(d, "E61000 08" ISD "00" APP "00 00");
	assert_int_equal(delegation_send(d), 0x9000);
	delegation_confirmed(d, "08" SSD APP "08" ISD, "");
	assert_true(sim_aid_equal(
		&entry_of(&d->h, "A00000000377")->domain, &entry_of(&d->h, ISD)->aid));
	/* It is the ISD's business now; the ISD wants no token, and gives no receipt to itself. */
	delegation_text(d, "E40000 4F" APP);
	assert_int_equal(delegation_send(d), 0x6985);
	open_issuer(&d->h);
	host_must(&d->h, "80E40000084F" APP, 0x9000);
	host_response_is(&d->h, "00");
	open_domain(&d->h, SSD);
	delegation_text(d, "E40000 4F06A00000000378 B603930155");
	assert_int_equal(delegation_send(d), 0x9000);
	delegation_confirmed(d, "06A00000000378", "0155");
	delegation_text(d, "E60C00" FILE_AID MODULE APP "0100 02C900");
	assert_int_equal(delegation_send(d), 0x9000);
	delegation_confirmed(d, FILE_AID APP, "");
	/* The load file and what was made from it: only its own name in the receipt (C.5.5). */
	delegation_text(d, "E40080 4F" FILE_AID);
	assert_int_equal(delegation_send(d), 0x9000);
	delegation_confirmed(d, FILE_AID, "");
	assert_null(entry_of(&d->h, "A00000000377"));
	counter_is(d);
	assert_int_equal(d->count, 8);
}

static void test_life(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct signer tokens[] = {
			signer_aes(16, 1), signer_aes(32, 2), signer_ec("P-256"), signer_des(3)};
		struct signer receipts[] = {
			signer_aes(16, 4), signer_aes(24, 5), signer_aes(32, 6), signer_des(7)};
		struct delegation d;

		delegation_start(&d, tokens[i], receipts[i]);
		for (size_t k = 0; k < 4; k++)
			if (k != i)
				signer_free(&tokens[k]);
		whole_life(&d);
		delegation_end(&d);
	}
}

/* One of each command that the domain can do next, as text. */
static const char *const commands[] = {
	"E60C00" FILE_AID MODULE APP "03000000 02C900",
	"E60400" FILE_AID MODULE APP "03000000 02C900",
	"E60800 00 00 06A00000000379 03000000 00",
	"E61000 08" ISD "00 06A00000000379 00 00",
	"E61000 08" ISD "00" FILE_AID "00 00",
	"E40000 4F06A00000000379",
	("E40080 4F" FILE_AID),
};
enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

/* With a load file, and an application that is INSTALLED. */
static void ready(struct delegation *d, struct signer token)
{
	delegation_start(d, token, signer_aes(16, 40));
	begin_load(d, SSD);
	assert_int_equal(delegation_send(d), 0x9000);
	assert_int_equal(send_block(d), 0x9000);
	delegation_confirmed(d, FILE_AID "08" SSD, "");
	delegation_text(d, "E60400" FILE_AID MODULE "06A00000000379 03000000 02C900");
	assert_int_equal(delegation_send(d), 0x9000);
	delegation_confirmed(d, FILE_AID "06A00000000379", "");
}

/* Sends what is refused: the card is what it was. */
static void refused(struct delegation *d, unsigned sw)
{
	struct sim_nv *before = malloc(sizeof(*before));

	assert_non_null(before);
	*before = d->h.card->nv;
	if (delegation_send(d) != sw)
		fail_msg("INS %02X P1 %02X: %04X, expected %04X", d->ins, d->input[0], d->h.sw, sw);
	assert_int_equal(d->h.len, 0);
	assert_memory_equal(before, &d->h.card->nv, sizeof(*before));
	free(before);
}

static void test_wrong_tokens(void **state)
{
	(void)state;
	for (size_t i = 0; i <= COMMANDS; i++) {
		struct delegation d;

		ready(&d, i & 1 ? signer_ec("P-256") : signer_aes(16, 41));
		if (i == COMMANDS) {
			delegation_text(&d, "E40080 4F" FILE_AID);
			assert_int_equal(delegation_send(&d), 0x9000);
			delegation_confirmed(&d, FILE_AID, "");
			begin_load(&d, SSD);
		} else {
			delegation_text(&d, commands[i]);
		}
		/* None; a bit of it; cut; one of another key; one over another P1, P2 or length. */
		d.len = 0;
		refused(&d, 0x6A80);
		delegation_sign(&d);
		d.value[0] ^= 0x80;
		refused(&d, 0x6982);
		delegation_sign(&d);
		d.value[d.len - 1] ^= 0x01;
		refused(&d, 0x6982);
		delegation_sign(&d);
		d.len--;
		refused(&d, 0x6982);
		struct signer key = d.token, other = signer_aes(16, 99);

		d.token = other;
		delegation_sign(&d);
		d.token = key;
		refused(&d, 0x6982);
		for (size_t at = 0; at < 3; at++) {
			d.input[at] ^= 0x01;
			delegation_sign(&d);
			d.input[at] ^= 0x01;
			refused(&d, 0x6982);
		}
		/* Over the fields and the length of the token, which is not part of them. */
		d.input[d.head + d.fields] = i & 1 ? 64 : 16;
		d.input[2]++;
		d.fields++;
		delegation_sign(&d);
		d.fields--;
		d.input[2]--;
		refused(&d, 0x6982);
		/* And the right one. */
		delegation_sign(&d);
		assert_int_equal(delegation_send(&d), 0x9000);
		if (i != COMMANDS)
			d.count++;
		counter_is(&d);
		delegation_end(&d);
	}
}

/* A token is for one command: no other takes it. */
static void test_other_command(void **state)
{
	struct delegation d;

	(void)state;
	ready(&d, signer_aes(24, 42));
	delegation_text(&d, "E40000 4F06A00000000379");
	d.input[d.head + 1 + 1 + 5] = 0x10; /* DELETE of the load file by the token for the other */
	refused(&d, 0x6985);		    /* it has an application */
	d.input[1] = 0x80;
	refused(&d, 0x6982);
	delegation_text(&d, "E60C00" FILE_AID MODULE APP "03000000 02C900");
	d.input[0] = 0x04; /* INSTALL [for install] by the token for both */
	refused(&d, 0x6982);
	d.input[0] = 0x0C;
	d.input[d.head + 22] = 0x10; /* with one privilege more */
	refused(&d, 0x6982);
	d.input[d.head + 22] = 0x00;
	assert_int_equal(delegation_send(&d), 0x9000);
	delegation_end(&d);
}

/* From 256 bytes on the length has three: GPCS C.4. The command comes in a chain. */
static void test_long(void **state)
{
	for (size_t parameters = 224; parameters < 228; parameters++) {
		unsigned char fields[600];
		struct delegation d;
		size_t len;

		(void)state;
		ready(&d, signer_ec("P-256"));
		len = host_hex(FILE_AID MODULE APP "03000000", fields, 64);
		fields[len++] = 0x81;
		fields[len++] = (unsigned char)(parameters + 3);
		fields[len++] = 0xC9;
		fields[len++] = 0x81;
		fields[len++] = (unsigned char)parameters;
		memset(fields + len, 0x5A, parameters);
		len += parameters;
		delegation_of(&d, 0xE6, 0x0C, 0x00, fields, len);
		assert_int_equal(d.head, parameters < 226 ? 3 : 5); /* 255 bytes, 256 */
		/* The other form of the length. */
		memmove(d.input + (len > 255 ? 3 : 5), fields, len);
		d.input[2] = len > 255 ? (unsigned char)len : 0;
		if (len <= 255) {
			d.input[3] = 0;
			d.input[4] = (unsigned char)len;
		}
		d.head = len > 255 ? 3 : 5;
		delegation_sign(&d);
		refused(&d, 0x6982);
		delegation_of(&d, 0xE6, 0x0C, 0x00, fields, len);
		assert_int_equal(delegation_send(&d), 0x9000);
		delegation_confirmed(&d, FILE_AID APP, "");
		delegation_end(&d);
	}
}

/* GPCS 9.2.3: with Authorized Management a token is not allowed; without either privilege nothing is. */
static void test_rights(void **state)
{
	struct host_keys keys = host_test_keys();
	struct delegation d;
	const char *none[] = {"808000", "C08000"};

	(void)state;
	for (size_t i = 0; i < COMMANDS; i++) {
		ready(&d, signer_aes(16, 43));
		open_issuer(&d.h);
		delegation_text(&d, commands[i]);
		if (strncmp(commands[i], "E610", 4) == 0) { /* only what it has: 11.5.2.3.4 */
			refused(&d, 0x6A80);
			delegation_end(&d);
			continue;
		}
		refused(&d, 0x6A80);
		d.len = 0;
		assert_int_equal(delegation_send(&d), 0x9000);
		host_response_is(&d.h, "00");
		counter_is(&d);
		delegation_end(&d);
	}
	for (size_t i = 0; i < 2 * COMMANDS; i++) {
		ready(&d, signer_aes(16, 43));
		make_domain(&d.h, SSD_OTHER, none[i & 1]);
		delegation_text(&d, commands[i / 2]);
		refused(&d, 0x6985);
		d.len = 0;
		refused(&d, 0x6985);
		delegation_end(&d);
	}
	/* Nor by the keys of the domain above it, nor before it is PERSONALIZED. */
	delegation_start(&d, signer_aes(16, 44), signer_aes(16, 45));
	open_issuer(&d.h);
	assert_int_equal(install_domain(&d.h, SSD_OTHER, "A08000"), 0x9000);
	select_domain(&d.h, SSD_OTHER);
	assert_int_equal(host_open(&d.h, 0, 0x33, &keys), 0x9000);
	begin_load(&d, "");
	refused(&d, 0x6985);
	host_must(&d.h, "80F0400F08" SSD_OTHER, 0x9000);
	refused(&d, 0x6985);
	open_domain(&d.h, SSD);
	assert_int_equal(delegation_send(&d), 0x9000);
	entry_of(&d.h, SSD)->life = SIM_SELECTABLE;
	assert_int_equal(send_block(&d), 0x6985); /* it is looked at again when the file is there */
	refused(&d, 0x6985);
	delegation_end(&d);
}

/* GPCS C.1.1: without the keys no delegated management at all. */
static void test_services(void **state)
{
	struct signer receipt;
	struct delegation d;

	(void)state;
	for (size_t i = 0; i < COMMANDS; i++) {
		ready(&d, signer_aes(16, 46));
		receipt = d.receipt;
		open_issuer(&d.h);
		host_must(&d.h, "80E4000003D20171", 0x9000);
		open_domain(&d.h, SSD);
		delegation_text(&d, commands[i]);
		refused(&d, 0x6985);
		open_issuer(&d.h);
		assert_int_equal(put_signer(&d.h, 0, 0x71, 1, &receipt), 0x9000);
		host_must(&d.h, "80E4000003D20170", 0x9000);
		open_domain(&d.h, SSD);
		refused(&d, 0x6985);
		delegation_end(&d);
	}
	/* Between INSTALL [for load] and the last LOAD. */
	delegation_start(&d, signer_aes(16, 47), signer_aes(16, 48));
	begin_load(&d, "");
	assert_int_equal(delegation_send(&d), 0x9000);
	sim_keys_remove(&d.h.card->nv.entries[0], -1, 0x71);
	assert_int_equal(send_block(&d), 0x6985);
	refused(&d, 0x6985); /* and from the start */
	assert_int_equal(d.h.card->nv.elf_count, 1);
	delegation_end(&d);
	/* The counter never starts anew: C.5. */
	ready(&d, signer_aes(16, 49));
	d.h.card->nv.entries[0].confirmations = d.count = 0xFFFE;
	delegation_text(&d, commands[2]);
	assert_int_equal(delegation_send(&d), 0x9000);
	delegation_confirmed(&d, FILE_AID "06A00000000379", "");
	counter_is(&d);
	delegation_text(&d, commands[5]);
	refused(&d, 0x6985);
	/* Who gives it must have a name: Table 11-14. */
	d.h.card->nv.entries[0].confirmations = 2;
	d.h.card->nv.entries[0].object_count = 0;
	refused(&d, 0x6985);
	assert_true(sim_object_set(&d.h.card->nv.entries[0], 0x42, d.input, 127));
	assert_int_equal(delegation_send(&d), 0x9000);
	assert_int_equal(d.h.response[0], 0x81); /* 148 bytes */
	assert_int_equal(d.h.response[1], 1 + 16 + 3 + 1 + 127);
	assert_int_equal(d.h.len, 2 + 148);
	delegation_end(&d);
	ready(&d, signer_aes(16, 50));
	d.h.card->nv.entries[0].object_count = 0;
	assert_true(sim_object_set(&d.h.card->nv.entries[0], 0x45, d.input, 128));
	delegation_text(&d, commands[5]);
	refused(&d, 0x6985);
	delegation_end(&d);
}

/* GPCS 9.1.3.1, 9.1.3.6: another domain of the hierarchy verifies and confirms. */
static void test_other_service(void **state)
{
	struct delegation d;
	struct sim_entry *other;

	(void)state;
	ready(&d, signer_aes(16, 51));
	make_domain(&d.h, SSD_OTHER, "802080"); /* Token Verification, Receipt Generation */
	other = entry_of(&d.h, SSD_OTHER);
	d.h.card->nv.entries[0].privileges[1] &= 0xDF;
	d.h.card->nv.entries[0].privileges[2] = 0;
	open_domain(&d.h, SSD);
	delegation_text(&d, commands[2]);
	refused(&d, 0x6985); /* it has no keys for it yet */
	open_domain(&d.h, SSD_OTHER);
	struct signer token = signer_ec("P-256"), receipt = signer_aes(32, 52);

	assert_int_equal(put_signer(&d.h, 0, 0x70, 1, &token), 0x9000);
	assert_int_equal(put_signer(&d.h, 0, 0x71, 1, &receipt), 0x9000);
	host_must(&d.h, "80E29000 06 45040A0B0C0D", 0x9000);
	open_domain(&d.h, SSD);
	refused(&d, 0x6982); /* the ISD's key is of no use any more */
	d.token = token;
	d.receipt = receipt;
	delegation_sign(&d);
	other->life |= SIM_LOCKED; /* GPCS 5.3.2.4 */
	refused(&d, 0x6985);
	other->life ^= SIM_LOCKED;
	assert_int_equal(delegation_send(&d), 0x9000);
	assert_memory_equal(d.h.response + d.h.len - 8, "\x02\x00\x00\x04\x0A\x0B\x0C\x0D", 8);
	assert_int_equal(other->confirmations, 1);
	assert_int_equal(d.h.card->nv.entries[0].confirmations, 2);
	delegation_end(&d);
	/* Not one beside the hierarchy: a domain with Authorized Management begins its own (9.1.3.1). */
	delegation_start(&d, signer_aes(16, 53), signer_aes(16, 54));
	make_domain(&d.h, SSD_OTHER, "80C000");
	entry_of(&d.h, SSD)->domain = entry_of(&d.h, SSD_OTHER)->aid;
	open_domain(&d.h, SSD);
	begin_load(&d, "");
	refused(&d, 0x6985);
	entry_of(&d.h, SSD_OTHER)->privileges[1] |= 0x20; /* Token Verification, no key */
	refused(&d, 0x6985);
	delegation_end(&d);
}

static void test_for_load(void **state)
{
	unsigned char hash[64] = {1, 2, 3}, fields[128];
	struct delegation d;
	size_t len;

	(void)state;
	delegation_start(&d, signer_ec("P-256"), signer_aes(16, 55));
	/* GPCS 11.5.2.3.1: the hash must be there; Table C-3: and be strong enough. */
	len = load_fields("", hash, 0, fields);
	delegation_of(&d, 0xE6, 0x02, 0x00, fields, len);
	refused(&d, 0x6A80);
	len = load_fields("", hash, 20, fields);
	delegation_of(&d, 0xE6, 0x02, 0x00, fields, len);
	refused(&d, 0x6A80);
	/* The token links to the file by the hash: another file is refused. */
	len = load_fields("", hash, 32, fields);
	delegation_of(&d, 0xE6, 0x02, 0x00, fields, len);
	assert_int_equal(delegation_send(&d), 0x9000);
	assert_int_equal(send_block(&d), 0x6A80);
	assert_int_equal(d.h.card->nv.elf_count, 1);
	assert_int_equal(send_block(&d), 0x6985); /* it is over */
	/* To the ISD, whose name is in the receipt; with an identifier in the load parameters. */
	begin_load(&d, ISD);
	memcpy(fields, d.input + d.head, d.fields);
	len = d.fields - 1 + host_hex("0A EF00 B606 9301AA 420142", fields + d.fields - 1, 16);
	delegation_of(&d, 0xE6, 0x02, 0x00, fields, len);
	assert_int_equal(delegation_send(&d), 0x9000);
	host_response_is(&d.h, "00");
	assert_int_equal(send_block(&d), 0x9000);
	delegation_confirmed(&d, FILE_AID "08" ISD, "01AA");
	/* GPCS 9.3.3: an application of it is the ISD's, not that of who installs it. */
	delegation_text(&d, "E60C00" FILE_AID MODULE APP "0100 02C900");
	assert_int_equal(delegation_send(&d), 0x9000);
	delegation_confirmed(&d, FILE_AID APP, "");
	assert_true(
		sim_aid_equal(&entry_of(&d.h, "A00000000377")->domain, &entry_of(&d.h, ISD)->aid));
	delegation_end(&d);
	/* Under a MAC, too, the hash must be there; it may be SHA-1. */
	delegation_start(&d, signer_aes(16, 57), signer_aes(16, 58));
	len = load_fields("", hash, 0, fields);
	delegation_of(&d, 0xE6, 0x02, 0x00, fields, len);
	refused(&d, 0x6A80);
	len = load_fields("", hash, 20, fields);
	delegation_of(&d, 0xE6, 0x02, 0x00, fields, len);
	assert_int_equal(delegation_send(&d), 0x9000);
	delegation_end(&d);
}

/* What stands around the token. */
static void test_malformed(void **state)
{
	static const char *const install[] = {
		"E60C00" FILE_AID MODULE APP "0100 04 C900 B601",      /* a template cut off */
		"E60C00" FILE_AID MODULE APP "0100 06 C900 B602 9301", /* its inside is */
		"E60C00" FILE_AID MODULE APP "0100 06 C900 B602 9300", /* an empty identifier */
		"E60C00" FILE_AID MODULE APP "0100 0A C900 B606 930101 930102",
		"E60C00" FILE_AID MODULE APP "0100 0C C900 B603 930101 B603 930102",
		"E60C00" FILE_AID MODULE APP "0100 00",
		"E40000 4F06A00000000379 C90100",
		"E40000 4F06A00000000379 B603930101 B603930102",
		"E40000 4F06A00000000379 B6029300",
		"E40000 4F06A00000000379 B602930155",
		"E40000 4F06A00000000379 9E0155",
		"E40000 4F04A0000000",
	};
	unsigned char data[200];
	struct delegation d;
	size_t len;

	(void)state;
	ready(&d, signer_aes(16, 56));
	for (size_t i = 0; i < sizeof(install) / sizeof(install[0]); i++) {
		delegation_text(&d, install[i]);
		refused(&d, 0x6A80);
	}
	/* A byte behind the token. */
	for (int removal = 0; removal < 2; removal++) {
		const unsigned char header[4] = {
			0x80, removal ? 0xE4 : 0xE6, removal ? 0x00 : 0x0C, 0x00};

		delegation_text(&d, commands[removal ? 5 : 0]);
		len = delegation_data(&d, data);
		data[len] = 0;
		assert_int_equal(host_command(&d.h, header, data, len + 1), 0x6A80);
		assert_int_equal(host_command(&d.h, header, data, len - 1), 0x6A80);
		assert_int_equal(host_command(&d.h, header, data, len), 0x9000);
	}
	delegation_end(&d);
}

/* What is done and the receipt for it are one change of the card's memory: no tear comes between. */
static void test_one_commit(void **state)
{
	char folder[FOLDER_SIZE], path[100];

	(void)state;
	folder_make(folder, "sim-delegated");
	snprintf(path, sizeof(path), "%s/card.json", folder);
	for (size_t i = 0; i < COMMANDS; i++) {
		struct delegation d;
		unsigned before;

		ready(&d, signer_aes(16, 59));
		d.h.card->path = strdup(path);
		expect_ok(&host_err, sim_state_save(path, &d.h.card->nv, false, &host_err));
		/* Power is lost instead of it: nothing was done. */
		open_domain(&d.h, SSD);
		before = d.h.card->commits;
		d.h.card->tear_at = before + 1;
		delegation_text(&d, commands[i]);
		assert_int_equal(delegation_send(&d), 0);
		d.h.card->tear_at = 0;
		host_reset(&d.h);
		counter_is(&d);
		/* And with it. */
		before = d.h.card->commits;
		assert_int_equal(delegation_send(&d), 0x9000);
		d.count++;
		assert_int_equal(d.h.card->commits, before + 1);
		host_reset(&d.h);
		counter_is(&d);
		refused(&d, i == 5 || i == 6 ? 0x6A88 : 0x6985); /* it was done */
		delegation_end(&d);
	}
	folder_remove(folder);
}

/* The same on a 2.1.1 card, whose keys come under SCP02. */
static void test_scp02(void **state)
{
	struct host_keys keys = host_test_keys(), own = domain_keys();
	struct delegation d = {.token = signer_ec("P-256"), .receipt = signer_aes(16, 60)};

	(void)state;
	host_card(&d.h, "gp211-scp02", NULL);
	select_domain(&d.h, ISD);
	assert_int_equal(host_open(&d.h, 0xFF, 0x03, &keys), 0x9000);
	assert_int_equal(put_signer(&d.h, 0, 0x70, 1, &d.token), 0x9000);
	assert_int_equal(put_signer(&d.h, 0, 0x71, 1, &d.receipt), 0x9000);
	host_must(&d.h, "80E60C0020 07" SSD_FILE "08" SSD_MODULE "08" SSD "01A0 02C900 00", 0x9000);
	select_domain(&d.h, SSD);
	assert_int_equal(host_open(&d.h, 0, 0x03, &keys), 0x9000);
	assert_int_equal(host_put_set(&d.h, 0, 0x20, SIM_TYPE_DES, &own, false), 0x9000);
	assert_int_equal(host_open(&d.h, 0x20, 0x03, &own), 0x9000);
	begin_load(&d, "");
	d.len--;
	refused(&d, 0x6982);
	d.len++;
	assert_int_equal(delegation_send(&d), 0x9000);
	assert_int_equal(send_block(&d), 0x9000);
	delegation_confirmed(&d, FILE_AID "08" SSD, "");
	delegation_end(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_wrong_tokens),
		cmocka_unit_test(test_other_command),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_rights),
		cmocka_unit_test(test_services),
		cmocka_unit_test(test_other_service),
		cmocka_unit_test(test_for_load),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_one_commit),
		cmocka_unit_test(test_scp02),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
