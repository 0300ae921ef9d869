/* SPDX-License-Identifier: Apache-2.0 */
#include "support/card_lab.h"

#include "base/buf.h"
#include "base/hex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OLD_FLIP = 0, NEW_FLIP = 0x80, FACTORY = 0xFF };

static void check(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "card_lab: %s\n", what);
	abort();
}

static void key_bytes(unsigned char flip, size_t len, unsigned char *out)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (unsigned char)(0x40 + i) ^ flip;
}

struct card_keys *lab_keys(
	const char *name, enum card_key_type type, unsigned char flip, size_t len)
{
	struct secret keys[CARD_ROLES] = {{0}};
	struct card_keys *ret = NULL;

	for (size_t i = 0; i < CARD_ROLES; i++) {
		check(!secret_alloc(&keys[i], len, NULL), "no memory");
		key_bytes(flip, len, keys[i].data);
	}
	check(!card_keys_clear(name, type, keys, &ret, NULL), "keys");
	for (size_t i = 0; i < CARD_ROLES; i++)
		secret_free(&keys[i]);
	return ret;
}

/* ---- the card ---- */

static void set_lines(struct buf *text, const struct lab *lab)
{
	static const char *const roles[] = {"enc", "mac", "dek"};
	const struct card_keys *old = lab->old;
	unsigned char key[CARD_KEY_MAX];
	char hex[2 * CARD_KEY_MAX + 1];

	key_bytes(OLD_FLIP, old->key_len, key);
	hex_encode(key, old->key_len, hex);
	check(!buf_printf(text, NULL, "[key-set %02X]\ntype = %s\n", lab->card.old_version,
		      old->type == CARD_KEY_DES ? "des" : "aes"),
		"no memory");
	for (size_t i = 0; i < CARD_ROLES; i++)
		check(!buf_printf(text, NULL, "%s = %s\n", roles[i], hex), "no memory");
}

static void start_card(struct lab *lab, const char *const *faults)
{
	static const char *const rules[] = {"consume", "replace", "add"};
	const struct lab_card *card = &lab->card;
	/* DES keys under DES have no inner length in any block. */
	bool plain = card->block == GP_BLOCK_PLAIN || lab->fresh->type == CARD_KEY_DES;
	char scp02[16] = "none", scp03[16] = "none";
	BUF_AUTO struct buf text = {0};

	snprintf(card->scp == 2 ? scp02 : scp03, 16, "%02X", card->i);
	if (card->other_type)
		strcpy(scp02, "15");
	check(!buf_printf(&text, NULL,
		      "[card]\nscp02 = %s\nscp03 = %s\nrule = %s\nkey-block = %s\n"
		      "retry-limit = 3\nkdd = 00112233445566778899\n"
		      "cplc = 47905040479181023100834800000001010200008349000083500000000000000000"
		      "0000000000000000\n%s\n",
		      scp02, scp03, card->sim_rule ? card->sim_rule : rules[card->rule],
		      plain ? "plain" : "length", card->card_lines ? card->card_lines : ""),
		"no memory");
	set_lines(&text, lab);
	check(!buf_printf(&text, NULL, "%s", card->sections ? card->sections : ""), "no memory");
	cardsim_start(&lab->sim, buf_text(&text), faults);
}

/* ---- the journal ---- */

static enum kms_status keep(void *ctx, const struct card_counts *counts,
	const struct card_change_record *change, struct kms_err *err)
{
	struct lab *lab = ctx;

	if (++lab->writes == lab->fail_write)
		return kms_fail(err, KMS_ERR_STORE, "the journal is full");
	if (lab->journal_off)
		return KMS_OK;
	lab->counts = *counts;
	if (change)
		lab->record = *change;
	return KMS_OK;
}

/* ---- the line, tapped ---- */

struct tapped {
	struct card_link base;
	struct card_link *inner;
	struct lab *lab;
};

static enum kms_status tapped_transmit(struct card_link *base, const unsigned char *command,
	size_t len, unsigned char *answer, size_t max, size_t *ret_len, struct kms_err *err)
{
	struct tapped *t = (struct tapped *)base;
	enum kms_status st;

	t->lab->commands++;
	t->lab->sent[command[1]]++;
	st = card_transmit(t->inner, command, len, answer, max, ret_len, err);
	if (!st && t->lab->tap)
		*ret_len = t->lab->tap(t->lab, command, len, answer, *ret_len);
	return st;
}

static enum kms_status tapped_reset(struct card_link *base, struct kms_err *err)
{
	return card_reset(((struct tapped *)base)->inner, err);
}

static void tapped_close(struct card_link *base)
{
	card_link_close(((struct tapped *)base)->inner);
	free(base);
}

static struct card_link *tapped_open(struct lab *lab, struct card_link *inner)
{
	static const struct card_link_ops ops = {tapped_transmit, tapped_reset, tapped_close};
	struct tapped *t = calloc(1, sizeof(*t));

	check(t != NULL, "no memory");
	t->base = *inner;
	t->base.ops = &ops;
	t->inner = inner;
	t->lab = lab;
	return &t->base;
}

/* ---- the lab ---- */

static void fill_config(struct lab *lab)
{
	static const unsigned char chip[] = {
		0x47, 0x90, 0x50, 0x40, 0x00, 0x00, 0x00, 0x01, 0x01, 0x02};
	const struct lab_card *card = &lab->card;
	struct card_change_config *config = &lab->config;
	size_t challenge_len = card->scp == 3 && card->i & 1 ? 16 : 8;

	*config = (struct card_change_config){
		.old = {lab->old, card->old_version, card->other_type ? 8 : challenge_len},
		.fresh = {lab->fresh, card->new_version, challenge_len},
		.rule = card->rule,
		.key_block = card->block,
		.takes_other_type = card->other_type,
	};
	lab->guard_config.scp02_i = card->scp == 2 ? card->i : 0x15;
	if (card->aid)
		check(!gp_aid_parse(card->aid, "AID", &lab->guard_config.aid, NULL), "aid");
	lab->guard_config.has_chip = true;
	memcpy(lab->guard_config.chip, chip, sizeof(chip));
	lab->guard_config.journal = &lab->journal;
}

void lab_open(struct lab *lab, const struct lab_card *card, const char *const *faults)
{
	enum card_key_type type = card->scp == 2 ? CARD_KEY_DES : CARD_KEY_AES;
	size_t len = card->key_len ? card->key_len : 16;

	memset(lab, 0, sizeof(*lab));
	lab->card = *card;
	if (!card->old_version)
		lab->card.old_version = card->rule == CARD_FF_CONSUMED ? FACTORY : 1;
	if (!card->new_version)
		lab->card.new_version = card->rule == CARD_ADD_DELETE ? 2 : 1;
	lab->old = lab_keys("the maker's keys", card->other_type ? CARD_KEY_DES : type, OLD_FLIP,
		card->other_type ? 16 : len);
	lab->fresh = lab_keys("the bank's keys", type, NEW_FLIP, len);
	lab->journal = (struct card_journal){lab, keep};
	fill_config(lab);
	start_card(lab, faults);
}

void lab_with(struct lab *lab, const struct lab_card *card, const char *fault)
{
	const char *const faults[] = {fault, NULL};

	lab_open(lab, card, faults);
}

const struct lab_card *lab_card_of(enum card_initial_set rule)
{
	static const struct lab_card cards[] = {
		[CARD_FF_CONSUMED] = {.scp = 3, .i = 0x60, .rule = CARD_FF_CONSUMED},
		[CARD_REPLACE] = {.scp = 3, .i = 0x70, .rule = CARD_REPLACE},
		[CARD_ADD_DELETE] = {.scp = 2, .i = 0x15, .rule = CARD_ADD_DELETE},
	};

	return &cards[rule];
}

void lab_close(struct lab *lab)
{
	lab_remove(lab);
	cardsim_stop(&lab->sim);
	card_keys_free(lab->old);
	card_keys_free(lab->fresh);
}

void lab_remove(struct lab *lab)
{
	if (lab->link)
		gp_close(&lab->gp);
	card_link_close(lab->link);
	card_system_close(lab->system);
	lab->link = NULL;
	lab->system = NULL;
}

enum kms_status lab_insert(struct lab *lab, struct kms_err *err)
{
	const struct gp_aid *aid = &lab->guard_config.aid;
	struct gp_cplc cplc;
	struct gp_fci fci;
	enum kms_status st;

	lab_remove(lab);
	st = card_tcp_open(lab->sim.address, 0, &lab->system, err);
	if (!st)
		st = card_connect(lab->system, NULL, &lab->link, err);
	check(!st, "cannot reach cardsim");
	lab->link = tapped_open(lab, lab->link);
	lab->commands = 0;
	gp_open(&lab->gp, lab->link);
	st = gp_select(&lab->gp, aid->len ? aid : NULL, &fci, err);
	return st || aid->len ? st : gp_get_cplc(&lab->gp, &cplc, err);
}

static enum kms_status open_change(
	struct lab *lab, const struct card_change_record *record, struct kms_err *err)
{
	card_guard_open(&lab->guard, &lab->gp, &lab->guard_config, &lab->counts);
	return card_change_open(&lab->change, &lab->guard, &lab->config, record, err);
}

static enum kms_status take_over(struct lab *lab, struct kms_err *err)
{
	struct card_change *change = &lab->change;
	enum kms_status st = lab_insert(lab, err);

	if (!st)
		st = open_change(lab, NULL, err);
	if (!st)
		st = card_change_check(change, err);
	if (st || change->record.seen_new == CARD_SEEN_MATCH)
		return st;
	st = card_change_intend(change, err);
	return st ? st : card_change_run(change, err);
}

enum kms_status lab_take_over(struct lab *lab, struct kms_err *err)
{
	enum kms_status st = take_over(lab, err);

	lab_remove(lab);
	return st;
}

enum kms_status lab_resume(struct lab *lab, enum card_resume how, struct kms_err *err)
{
	enum kms_status st;

	if (!card_change_is_open(lab->record.step))
		return KMS_OK;
	st = lab_insert(lab, err);
	if (!st)
		st = open_change(lab, &lab->record, err);
	if (!st)
		st = card_change_resume(&lab->change, how, err);
	lab_remove(lab);
	return st;
}

bool lab_opens(struct lab *lab, const struct card_set *set)
{
	struct scp_init init;
	enum kms_status st;

	if (lab_insert(lab, NULL))
		return false;
	st = gp_initialize_update(&lab->gp, set->version == FACTORY ? 0 : set->version,
		set->challenge_len, lab->guard_config.scp02_i, &init, NULL);
	if (!st)
		st = gp_external_authenticate(&lab->gp, &init, set->keys, SCP_C_MAC, NULL);
	lab_remove(lab);
	return !st;
}
