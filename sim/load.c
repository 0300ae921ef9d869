/* SPDX-License-Identifier: Apache-2.0 */
/* LOAD: GPCS 11.6. What is loaded is looked through and forgotten; only its names stay. */
#include "sim/crypt.h"
#include "sim/dap.h"
#include "sim/delegated.h"
#include "sim/registry.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

enum { LOAD_MAX = 65535 + 1024 };

/* Tags of the components of a Java Card CAP file, as they follow each other in a load file. */
enum { CAP_HEADER = 1, CAP_APPLET = 3 };

static bool hash_matches(const struct sim_channel *channel, const unsigned char *data, size_t len)
{
	const EVP_MD *md;
	unsigned char own[EVP_MAX_MD_SIZE];
	unsigned own_len = 0;

	switch (channel->load_hash_len) { /* GPCS C.2: detected by length */
	case 0:
		return true;
	case 20:
		md = EVP_sha1();
		break;
	case 32:
		md = EVP_sha256();
		break;
	case 48:
		md = EVP_sha384();
		break;
	case 64:
		md = EVP_sha512();
		break;
	default:
		return false;
	}
	return EVP_Digest(data, len, own, &own_len, md, NULL) == 1 &&
	       own_len == channel->load_hash_len && sim_equal(own, channel->load_hash, own_len);
}

/* Magic, minor, major, flags, then the package's minor, major and AID. */
static bool cap_header(struct sim_in component, struct sim_elf *elf)
{
	const unsigned char *head, *version;
	struct sim_aid aid;

	if (!sim_in_bytes(&component, 7, &head) || memcmp(head, "\xDE\xCA\xFF\xED", 4) != 0 ||
		!sim_in_bytes(&component, 2, &version) || !sim_in_aid(&component, &aid))
		return false;
	elf->version[0] = version[1];
	elf->version[1] = version[0];
	return sim_aid_equal(&aid, &elf->aid); /* GPCS 11.5.2.3.1: shall be consistent */
}

static bool cap_applets(struct sim_in component, struct sim_elf *elf)
{
	const unsigned char *offset;
	unsigned count;

	if (!sim_in_byte(&component, &count))
		return false;
	while (count-- > 0) {
		if (elf->module_count == SIM_MODULES_MAX ||
			!sim_in_aid(&component, &elf->modules[elf->module_count]) ||
			!sim_in_bytes(&component, 2, &offset))
			return false;
		elf->module_count++;
	}
	return true;
}

/* A CAP file, or anything else, which then has no modules. */
static bool look_through(const unsigned char *data, size_t len, struct sim_elf *elf)
{
	struct sim_in in = sim_in_of(data, len), component;
	const unsigned char *size, *bytes;
	unsigned tag;

	if (len < 7 || data[0] != CAP_HEADER || memcmp(data + 3, "\xDE\xCA\xFF\xED", 4) != 0)
		return true;
	while (sim_in_left(&in) > 0) {
		if (!sim_in_byte(&in, &tag) || !sim_in_bytes(&in, 2, &size) ||
			!sim_in_bytes(&in, (size_t)size[0] << 8 | size[1], &bytes))
			return false;
		component = (struct sim_in){bytes, in.at};
		if (tag == CAP_HEADER && !cap_header(component, elf))
			return false;
		if (tag == CAP_APPLET && !cap_applets(component, elf))
			return false;
	}
	return true;
}

static uint16_t finish(struct sim_card *card, struct sim_channel *channel, struct sim_out *out)
{
	struct sim_in in = sim_in_of(channel->load_data, channel->load_len);
	const struct sim_entry *domain = sim_selected(card, channel);
	const struct sim_aid *const names[] = {
		&channel->load.aid, &channel->load.domain}; /* Table C-11 */
	struct sim_tlv tlv;
	uint16_t sw;

	/* As INSTALL [for load] found it: the session may be another by now, and so may the card. */
	if (sim_right_of(card, channel, domain) != channel->load_right ||
		sim_elf_find(&card->nv, &channel->load.aid) ||
		sim_entry_find(&card->nv, &channel->load.aid) ||
		!sim_entry_find(&card->nv, &channel->load.domain))
		return SIM_ERR_CONDITIONS;
	sw = sim_dap_check(card, channel, &in);
	if (sw != SIM_OK)
		return sw;
	/* One block in clear: ciphered ones are not simulated. */
	if (!sim_in_tlv(&in, &tlv) || tlv.tag != 0xC4 || sim_in_left(&in) > 0 ||
		!hash_matches(channel, tlv.value, tlv.len) ||
		!look_through(tlv.value, tlv.len, &channel->load))
		return SIM_ERR_DATA;
	if (card->nv.elf_count == SIM_ELFS_MAX)
		return SIM_ERR_SPACE;
	sw = sim_receipt_put(
		card, domain, channel->load_right, &channel->load_token_id, names, 2, out);
	if (sw != SIM_OK)
		return sw;
	card->nv.elfs[card->nv.elf_count++] = channel->load;
	return sim_commit(card) ? SIM_OK : SIM_ERR_MEMORY;
}

uint16_t sim_load(struct sim_card *card, struct sim_channel *channel, const struct sim_apdu *apdu,
	struct sim_out *out)
{
	unsigned char *grown;

	if (!channel->loading)
		return SIM_ERR_CONDITIONS;
	channel->loading = false; /* any error ends it */
	if (apdu->p2 != (channel->load_next & 0xFF))
		return SIM_ERR_P1P2;
	if (apdu->len == 0)
		return SIM_ERR_DATA;
	if (channel->load_len + apdu->len > LOAD_MAX)
		return SIM_ERR_SPACE;
	grown = realloc(channel->load_data, channel->load_len + apdu->len);
	if (!grown)
		return SIM_ERR_MEMORY;
	channel->load_data = grown;
	memcpy(grown + channel->load_len, apdu->data, apdu->len);
	channel->load_len += apdu->len;
	channel->load_next++;
	if (apdu->p1 & 0x80)
		return finish(card, channel, out);
	channel->loading = true;
	sim_put_byte(out, 0x00);
	return SIM_OK;
}
