/* SPDX-License-Identifier: Apache-2.0 */
/* A card in a reader: the line to it, who it is, what describes it. Nothing here changes it. */
#include "ops/card.h"

#include "base/hex.h"
#include "ops/meta.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NEXT_CARD_MS = 10 * 60 * 1000 };

/* ---- trace ---- */

struct file_trace {
	FILE *file;
};

static void trace_line(void *ctx, const char *text)
{
	struct file_trace *t = ctx;

	fprintf(t->file, "%s\n", text);
	fflush(t->file);
}

/*
 * Of simulated cards only. What a trace leaves out (key blocks, session keys) it leaves out for
 * all; but with the old set's masters and the challenges in it a later reader would need only a
 * recording of the line, and live cards owe nobody even the challenges.
 */
static enum kms_status open_trace(struct op_card *card, const char *path, struct kms_err *err)
{
	int fd;

	if (!path)
		return KMS_OK;
	if (!card->simulated) {
		kms_fail(err, KMS_ERR_DENIED,
			"no trace is written of a card in a reader: it may be a live one");
		return kms_hint(err, "traces are for cardsim over tcp:127.0.0.1:PORT");
	}
	card->trace_file = calloc(1, sizeof(*card->trace_file));
	if (!card->trace_file)
		return kms_nomem(err);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0)
		card->trace_file->file = fdopen(fd, "a");
	if (fd < 0 || !card->trace_file->file) {
		kms_fail(err, KMS_ERR_IO, "cannot write '%s': %s", path, strerror(errno));
		kms_native(err, "%s", strerrorname_np(errno));
		if (fd >= 0)
			close(fd);
		return KMS_ERR_IO;
	}
	card->trace = (struct gp_trace){card->trace_file, trace_line};
	card->gp.trace = &card->trace;
	return KMS_OK;
}

void op_card_close(struct op_card *card)
{
	gp_close(&card->gp);
	card_link_close(card->link);
	card_system_close(card->system);
	if (card->trace_file && card->trace_file->file)
		fclose(card->trace_file->file);
	free(card->trace_file);
	card_profile_free(&card->profile);
	store_card_free(&card->row);
	memset(card, 0, sizeof(*card));
}

/* ---- the line ---- */

static enum kms_status connect_reader(
	struct op_card *card, const struct op_card_where *where, struct kms_err *err)
{
	const char *reader = where->reader;
	bool tcp = reader && strncmp(reader, "tcp:", 4) == 0;
	enum kms_status st = card_system_open(tcp ? reader : NULL, &card->system, err);

	card->simulated = tcp;
	if (tcp)
		reader = strchr(reader, ',') ? NULL : reader + 4;
	else if (reader && strcmp(reader, "pcsc") == 0)
		reader = NULL;
	if (!st)
		st = card_connect(card->system, reader, &card->link, err);
	if (!st)
		gp_open(&card->gp, card->link);
	return st;
}

/* The simulator gives the next card with the next connection. */
enum kms_status op_card_next(struct op_site *site, const char *reader, struct kms_err *err)
{
	bool named = reader && strcmp(reader, "pcsc") != 0;
	CARD_SYSTEM_AUTO struct card_system *system = NULL;
	struct card_reader seen;
	enum kms_status st;

	if (reader && strncmp(reader, "tcp:", 4) == 0)
		return KMS_OK;
	st = card_system_open(NULL, &system, err);
	op_say(site, "take the card out, and put in the next one");
	if (!st)
		st = card_wait(
			system, named ? reader : NULL, CARD_REMOVED, NEXT_CARD_MS, &seen, err);
	return st ? st
		  : card_wait(
			    system, named ? reader : NULL, CARD_INSERTED, NEXT_CARD_MS, &seen, err);
}

static enum kms_status no_gp_card(const struct op_card *card, struct kms_err *err)
{
	char why[sizeof(err->msg)];

	snprintf(why, sizeof(why), "%s", err->msg);
	kms_fail(err, KMS_ERR_UNSUPPORTED,
		"the card in '%s' is not a GlobalPlatform card that cardkms can talk to: %s",
		card->link->name, why);
	if (card->gp.sw)
		kms_native(err, "SW %04X", card->gp.sw);
	return kms_hint(err,
		"it answered neither for the issuer security domain by default nor by its AID; a "
		"terminated card does that, too");
}

static enum kms_status select_isd(struct op_card *card, struct kms_err *err)
{
	static const struct gp_aid usual = {{0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00}, 8};
	const struct gp_aid *by_name = card->profile.name[0] ? &card->profile.isd : &usual;
	struct gp_fci fci = {0};
	enum kms_status st = gp_select(&card->gp, NULL, &fci, err);

	if (st == KMS_ERR_CARD || st == KMS_ERR_INVALID)
		st = gp_select(&card->gp, by_name, &fci, err);
	if (st == KMS_ERR_CARD || st == KMS_ERR_INVALID)
		return no_gp_card(card, err);
	if (st)
		return st;
	card->locked = card->gp.sw == 0x6283;
	card->isd = fci.aid.len ? fci.aid : *by_name;
	return KMS_OK;
}

/* What a card does not give, it does not give; a broken line is an error. */
static enum kms_status unless_absent(enum kms_status st, bool *ret_has, struct kms_err *err)
{
	*ret_has = st == KMS_OK;
	if (st && !kms_is_answer(st))
		return st;
	kms_err_clear(err);
	return KMS_OK;
}

/* Recognition data stand in the answer to SELECT of most cards: no further command for them. */
static enum kms_status recognise_from_select(struct op_card *card, struct kms_err *err)
{
	const struct apdu_response *r = card->gp.response;
	BUF_AUTO struct buf alone = {0};
	struct tlv fci, inner, found;

	enum kms_status st = tlv_only(r->data, r->len, 0x6F, "FCI", &fci, err);

	if (!st)
		st = tlv_find(tlv_inside(&fci), 0xA5, "FCI", &inner, err);
	if (!st)
		st = tlv_find(tlv_inside(&inner), 0x73, "FCI", &found, err);
	if (!st)
		st = tlv_append(&alone, 0x73, found.value, found.len, err);
	if (!st)
		st = gp_recognition_parse(
			(const unsigned char *)alone.data, alone.len, &card->recognition, err);
	return unless_absent(st, &card->has_recognition, err);
}

static enum kms_status read_identity(struct op_card *card, struct kms_err *err)
{
	unsigned char chip[GP_CHIP_ID_SIZE];
	struct gp *gp = &card->gp;
	enum kms_status st = unless_absent(gp_get_cplc(gp, &card->cplc, err), &card->has_cplc, err);

	if (st)
		return st;
	if (card->has_cplc && gp_cplc_chip_id(&card->cplc, chip)) {
		hex_encode(chip, sizeof(chip), card->id);
		card->id_source = "cplc";
	}
	if (card->id[0] && card->profile.kdd_source != CARD_KDD_IIN_CIN)
		return KMS_OK;
	st = unless_absent(gp_get_iin(gp, &card->iin, err), &card->has_iin, err);
	if (!st)
		st = unless_absent(gp_get_cin(gp, &card->cin, err), &card->has_cin, err);
	if (!st && !card->id[0] && card->has_iin && card->has_cin) {
		hex_encode(card->iin.bytes, card->iin.len, card->id);
		hex_encode(card->cin.bytes, card->cin.len, card->id + 2 * card->iin.len);
		card->id_source = "iin-cin";
	}
	return st;
}

/* ---- the registry ---- */

static enum kms_status look_up(struct op_site *site, struct op_card *card, struct kms_err *err)
{
	enum kms_status st;

	if (card->known || !card->id[0])
		return KMS_OK;
	st = store_card_get(site->store, card->id, &card->row, err);
	card->known = st == KMS_OK;
	if (st != KMS_ERR_NOT_FOUND)
		return st;
	kms_err_clear(err);
	return KMS_OK;
}

/*
 * Of a card that the registry knows nothing is left to be told; nor where a profile for SCP02 is named.
 * One for SCP03 leaves open which "i" has the SCP02 that the card may speak instead.
 */
static bool needs_recognition(const struct op_card *card)
{
	if (card->has_recognition || card->known)
		return false;
	return !card->profile.name[0] ||
	       (card->profile.scp == 3 && !(card->profile.quirks & CARD_QUIRK_NO_RECOGNITION));
}

static enum kms_status find_profile(struct op_site *site, struct op_card *card, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	if (!card->profile.name[0] && card->known)
		return op_profile_find(site, card->row.profile, &card->profile, err);
	if (needs_recognition(card))
		st = unless_absent(gp_get_recognition(&card->gp, &card->recognition, err),
			&card->has_recognition, err);
	if (!st && !card->profile.name[0])
		st = op_profile_recognise(site, card->has_cplc ? &card->cplc : NULL,
			card->has_recognition ? &card->recognition : NULL, &card->profile, err);
	/* The recognised one may name another source of diversification data. */
	if (!st && card->profile.kdd_source == CARD_KDD_IIN_CIN && !card->has_iin)
		st = read_identity(card, err);
	return st;
}

enum kms_status op_card_open(struct op_site *site, const struct op_card_where *where,
	struct op_card *card, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	if (where->profile)
		st = op_profile_find(site, where->profile, &card->profile, err);
	if (!st)
		st = connect_reader(card, where, err);
	if (!st)
		st = open_trace(card, where->trace_path, err);
	if (!st)
		st = select_isd(card, err);
	if (st)
		return st;
	st = recognise_from_select(card, err);
	if (!st)
		st = read_identity(card, err);
	if (!st)
		st = look_up(site, card, err);
	if (!st)
		st = find_profile(site, card, err);
	if (!st && card->profile.name[0])
		card_profile_option(&card->profile,
			card->has_recognition ? &card->recognition : NULL, &card->scp,
			&card->scp_i);
	return st;
}

enum kms_status op_card_need_profile(
	struct op_site *site, const struct op_card *card, struct kms_err *err)
{
	BUF_AUTO struct buf names = {0};
	enum kms_status st;

	if (card->profile.name[0])
		return KMS_OK;
	st = op_profile_names(site, &names, err);
	if (st)
		return st;
	kms_fail(err, KMS_ERR_NOT_FOUND,
		"no profile fits the card in '%s': it is not recognised by its CPLC or recognition "
		"data",
		card->link->name);
	return kms_hint(err, "name one by --profile; there are: %s", buf_text(&names));
}

enum kms_status op_card_need_unlocked(const struct op_card *card, struct kms_err *err)
{
	if (!card->locked)
		return KMS_OK;
	kms_fail(err, KMS_ERR_STATE,
		"the card in '%s' is locked (CARD_LOCKED): nothing on it can be changed",
		card->link->name);
	kms_native(err, "SW 6283");
	return kms_hint(err, "whoever locked it must unlock it first");
}

enum kms_status op_card_identify(struct op_site *site, struct op_card *card,
	const struct scp_init *init, struct kms_err *err)
{
	if (!card->id[0]) {
		hex_encode(init->kdd, sizeof(init->kdd), card->id);
		card->id_source = "kdd";
	}
	return look_up(site, card, err);
}

enum kms_status op_card_kdd(const struct op_card *card, const struct scp_init *init,
	char ret_hex[OP_KDD_HEX], struct kms_err *err)
{
	unsigned char kdd[CARD_KDD_MAX];
	size_t len;
	enum kms_status st = card_profile_kdd(&card->profile, init,
		card->has_cplc ? &card->cplc : NULL, card->has_iin ? &card->iin : NULL,
		card->has_cin ? &card->cin : NULL, kdd, &len, err);

	if (!st)
		hex_encode(kdd, len, ret_hex);
	return st;
}

void op_aid_text(const struct gp_aid *aid, char ret_hex[OP_AID_HEX])
{
	hex_encode(aid->bytes, aid->len, ret_hex);
}
