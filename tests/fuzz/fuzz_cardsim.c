/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever a client sends, cardsim answers with a status word and stays the card it was. First byte:
 * which card. Second: in what kind of session. Then commands, a byte of length before each; in a
 * session with C-MAC they are protected on the way, so that they arrive at the handlers.
 */
#include "sim/registry.h"
#include "unit/sim/host.h"

#include <stdint.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char crowded[] =
	"[card]\nversion = 2.3.1\nscp02 = 75\nscp03 = 71\nchannels = 20\nt0 = yes\nretry-limit = "
	"3\n"
	"count-updates = yes\non-limit = lock\nkey-block = plain\ndelete-last = yes\n"
	"[isd]\ncapability = 8103000102\n"
	"[key-set 20]\ntype = aes\nenc = 404142434445464748494A4B4C4D4E4F\n"
	"mac = 404142434445464748494A4B4C4D4E4F\ndek = 404142434445464748494A4B4C4D4E4F\n"
	"[load-file A0000001515350]\nversion = 0203\nmodules = A000000151535041\n"
	"[application A0000000031010]\nlife = 07\n[application A0000000031011]\nlife = 03\n"
	"[application A000000151000099]\nlife = 07\nprivileges = 808000\n";

/* Delegated management by the ISD itself, which verifies and confirms as well (its keys: below). */
static const char delegated[] =
	"[card]\nversion = 2.3.1\nscp03 = 70\n[isd]\nprivileges = FD3E80\niin = 43415244\ncin = "
	"0102\n"
	"[key-set 20]\ntype = aes\nenc = 404142434445464748494A4B4C4D4E4F\n"
	"mac = 404142434445464748494A4B4C4D4E4F\ndek = 404142434445464748494A4B4C4D4E4F\n"
	"[load-file A0000001515350]\nversion = 0203\nmodules = A000000151535041\n"
	"[application A0000000031010]\nlife = 07\n[application A0000000031011]\nlife = 03\n";

static const unsigned levels[] = {0x00, 0x01, 0x03, 0x13, 0x33, 0x10};

/* New cards: one of each built-in profile, then the crowded one, then the delegated one. */
enum { CARDS_MAX = 32 };

struct shelf {
	struct sim_nv cards[CARDS_MAX];
	size_t count;
};

static struct shelf *shelf(void)
{
	static struct shelf all;

	return &all;
}

static struct host_keys keys_of(const struct sim_entry *domain)
{
	struct host_keys keys = {.len = domain->keys[0].len};

	memcpy(keys.enc, domain->keys[0].value, keys.len);
	memcpy(keys.mac, domain->keys[1].value, keys.len);
	memcpy(keys.dek, domain->keys[2].value, keys.len);
	return keys;
}

static void check(const struct host *h, size_t got)
{
	const struct sim_nv *nv = &h->card->nv;
	unsigned sw1;

	if (got < 2 || got > 258)
		abort();
	sw1 = h->response[got - 2];
	if (sw1 != 0x90 && (sw1 < 0x61 || sw1 > 0x6F))
		abort();
	if (nv->entry_count < 1 || nv->entry_count > SIM_ENTRIES_MAX ||
		nv->elf_count > SIM_ELFS_MAX || !sim_is_domain(&nv->entries[0]))
		abort();
}

static void command(struct host *h, const uint8_t *data, size_t len)
{
	unsigned char out[5 + 255 + 48];
	bool open = h->card->channels[0].session.phase == SIM_PHASE_OPEN;
	size_t total;

	if (!open || !(h->level & SIM_C_MAC) || len < 5 || len > 220) {
		memcpy(out, data, len);
		check(h, sim_card_command(h->card, out, len, h->response));
		return;
	}
	memcpy(out, data, len);
	out[0] &= 0x80;
	total = host_protect(h, out, out + 5, len - 5);
	out[0] |= 0x04;
	out[4] = (unsigned char)total;
	out[5 + total] = 0;
	check(h, sim_card_command(h->card, out, 5 + total + 1, h->response));
}

static struct sim_nv *put_card(struct shelf *all, const char *text)
{
	if (all->count == CARDS_MAX ||
		sim_profile_parse("profile", text, strlen(text), &all->cards[all->count], NULL))
		abort();
	return &all->cards[all->count++];
}

static void put_content_keys(struct sim_entry *issuer)
{
	static const unsigned char versions[] = {SIM_KVN_TOKEN, SIM_KVN_RECEIPT, SIM_KVN_DAP};

	for (size_t i = 0; i < sizeof(versions); i++)
		issuer->keys[issuer->key_count++] = (struct sim_key){.kid = SIM_KID_CONTENT,
			.kvn = versions[i],
			.type = SIM_TYPE_AES,
			.len = 16};
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct shelf *all = shelf();

	(void)argc;
	(void)argv;
	for (size_t i = 0; sim_profile_name(i); i++)
		put_card(all, sim_profile_text(sim_profile_name(i)));
	put_card(all, crowded);
	put_content_keys(&put_card(all, delegated)->entries[0]);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct sim_nv *nv;
	struct host h = {.size = 8};

	if (size < 2)
		return 0;
	nv = &shelf()->cards[data[0] % shelf()->count];
	if (sim_card_new(NULL, nv, false, &h.card, NULL) || sim_card_power_on(h.card, NULL))
		abort();
	if (nv->config.scp03 >= 0 && (nv->config.scp03 & 1))
		h.size = 16;
	if (data[1] & 0x80) {
		struct host_keys keys = keys_of(&h.card->nv.entries[0]);

		host_open(&h, 0, levels[data[1] % (sizeof(levels) / sizeof(levels[0]))], &keys);
	}
	for (size_t at = 2, len; at < size; at += len) {
		len = data[at++];
		if (len > size - at)
			len = size - at;
		command(&h, data + at, len);
	}
	host_close(&h);
	return 0;
}
