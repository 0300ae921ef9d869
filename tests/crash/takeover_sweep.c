/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Power lost at every command, and at every write of the card, of a whole change of keys; then
 * resume. crash/takeover.sh runs it.
 *
 *   takeover_sweep --full | --sample N [--seed S] [--pairs]
 *
 * A trial is one card (cardsim, over TCP), torn once; with --pairs once more while it is resumed.
 * The registry of a trial is what the journal has. It is lost if afterwards
 *   - the change is not done, or the registry's key set does not open the card, or the old one does,
 *   - or more than two failed authentications were counted, by the card or by the registry.
 * Torn twice at EXTERNAL AUTHENTICATE, a change is held: two officers must allow one more try. That
 * is no loss if the card opens to the set that was seen, and the third try ends in order.
 *
 * The control keeps no journal. Then all that is known is that the old keys are on the card, unless
 * the run said that it was done; the control must lose cards, or the judge is blind.
 */
#include "support/card_lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES_MAX = 6, FAULTS_MAX = 64, BURNT_MAX = 2 };

enum kind { DROP_BEFORE, DROP_AFTER, DROP_WRITE, KINDS };
static const char *const kinds[KINDS] = {"drop-before", "drop-after", "drop-write"};

struct tear {
	enum kind kind;
	unsigned at; /* 0: none */
};

struct sweep {
	unsigned trials, lost, control_lost, held;
	unsigned burnt; /* the most on one card */
	unsigned seed;
};

/* Every rule under both protocols, with and without R-MAC and the key template. */
static const struct lab_card cards[] = {
	{.scp = 2, .i = 0x15, .rule = CARD_FF_CONSUMED},
	{.scp = 2, .i = 0x15, .rule = CARD_REPLACE},
	{.scp = 2, .i = 0x15, .rule = CARD_REPLACE, .new_version = 2},
	{.scp = 2, .i = 0x15, .rule = CARD_ADD_DELETE},
	{.scp = 3, .i = 0x70, .rule = CARD_FF_CONSUMED},
	{.scp = 3, .i = 0x70, .rule = CARD_REPLACE},
	{.scp = 3, .i = 0x70, .rule = CARD_REPLACE, .new_version = 2, .key_len = 32},
	{.scp = 3, .i = 0x70, .rule = CARD_ADD_DELETE},
	/* Single tears only. */
	{.scp = 2, .i = 0x75, .rule = CARD_FF_CONSUMED, .card_lines = "key-template = no"},
	{.scp = 2,
		.i = 0x55,
		.rule = CARD_REPLACE,
		.new_version = 2,
		.card_lines = "key-template = no"},
	{.scp = 2, .i = 0x75, .rule = CARD_ADD_DELETE, .card_lines = "key-template = no"},
	{.scp = 3, .i = 0x11, .rule = CARD_FF_CONSUMED, .card_lines = "key-template = no"},
	{.scp = 3, .i = 0x00, .rule = CARD_REPLACE, .card_lines = "key-template = no"},
	{.scp = 3, .i = 0x60, .rule = CARD_ADD_DELETE, .card_lines = "key-template = no"},
};
enum { CARDS = sizeof(cards) / sizeof(cards[0]), PAIR_CARDS = 8 };

static unsigned total_sent(const struct lab *lab)
{
	unsigned sum = 0;

	for (size_t i = 0; i < sizeof(lab->sent) / sizeof(lab->sent[0]); i++)
		sum += lab->sent[i];
	return sum;
}

static void open_torn(struct lab *lab, size_t card, const struct tear tears[2])
{
	char words[2][32];
	const char *faults[3] = {NULL};
	size_t n = 0;

	for (size_t i = 0; i < 2; i++) {
		if (!tears[i].at)
			continue;
		snprintf(words[n], sizeof(words[n]), "%s:%u", kinds[tears[i].kind], tears[i].at);
		faults[n] = words[n];
		n++;
	}
	lab_open(lab, &cards[card], faults);
}

static void count_burnt(struct sweep *sweep, const struct lab *lab)
{
	unsigned card = cardsim_fails(&lab->sim);

	if (card > sweep->burnt)
		sweep->burnt = card;
	if (lab->counts.auths > sweep->burnt)
		sweep->burnt = lab->counts.auths;
}

/* ---- judging ---- */

/* NULL if all is well. */
static const char *wrong(struct lab *lab)
{
	if (lab->record.step != CHANGE_DONE)
		return "the change is not done";
	if (!lab_opens(lab, &lab->config.fresh))
		return "the new keys do not open the card";
	if (lab_opens(lab, &lab->config.old))
		return "the old keys open the card";
	return NULL;
}

/* Held at the limit: what was seen is there, and one more try, allowed by two officers, ends it. */
static const char *release(struct lab *lab, struct kms_err *err)
{
	bool fresh = lab->change.record.seen_new == CARD_SEEN_MATCH;

	if (lab->counts.auths != CARD_AUTH_LIMIT)
		return "held below the limit";
	if (!lab_opens(lab, fresh ? &lab->config.fresh : &lab->config.old))
		return "the set that was seen does not open the card";
	lab->guard_config.auth_limit = CARD_AUTH_LIMIT + 1;
	return lab_resume(lab, CARD_ROLL_FORWARD, err) ? "the allowed try did not end it" : NULL;
}

/* Runs, and resumes until the line holds. *ret_torn: how often it did not. */
static enum kms_status run_to_end(
	struct sweep *sweep, struct lab *lab, unsigned *ret_torn, struct kms_err *err)
{
	enum kms_status st = KMS_ERR_IO;

	*ret_torn = 0;
	for (unsigned i = 0; i < TRIES_MAX && st == KMS_ERR_IO; i++) {
		st = card_change_is_open(lab->record.step) ? lab_resume(lab, CARD_ROLL_FORWARD, err)
							   : lab_take_over(lab, err);
		count_burnt(sweep, lab);
		*ret_torn += st == KMS_ERR_IO;
	}
	return st;
}

static void lose(struct sweep *sweep, size_t card, const struct tear tears[2], const char *why,
	const struct kms_err *err)
{
	sweep->lost++;
	printf("lost: card %zu (SCP%02u i=%02X %s), %s:%u, %s:%u: %s (%s)\n", card, cards[card].scp,
		cards[card].i, card_initial_set_name(cards[card].rule), kinds[tears[0].kind],
		tears[0].at, kinds[tears[1].kind], tears[1].at, why, err->msg);
}

/* Returns how often the card was torn. */
static unsigned trial(struct sweep *sweep, size_t card, const struct tear tears[2])
{
	struct kms_err err = {0};
	const char *why = NULL;
	struct lab lab;
	unsigned torn;
	enum kms_status st;

	open_torn(&lab, card, tears);
	st = run_to_end(sweep, &lab, &torn, &err);
	cardsim_restart(&lab.sim, NULL); /* what was not torn by now shall not be */
	if (st == KMS_ERR_STATE && tears[1].at) {
		sweep->held++;
		why = release(&lab, &err);
	} else if (st) {
		why = kms_status_name(st);
	}
	if (!why)
		why = wrong(&lab);
	count_burnt(sweep, &lab);
	if (why)
		lose(sweep, card, tears, why, &err);
	sweep->trials++;
	lab_close(&lab);
	return torn;
}

static void control(struct sweep *sweep, size_t card, const struct tear tears[2])
{
	struct kms_err err;
	struct lab lab;
	bool done;

	open_torn(&lab, card, tears);
	lab.journal_off = true;
	done = lab_take_over(&lab, &err) == KMS_OK;
	cardsim_restart(&lab.sim, NULL);
	if (!lab_opens(&lab, done ? &lab.config.fresh : &lab.config.old))
		sweep->control_lost++;
	lab_close(&lab);
}

/* Commands sent until the tear: the next one is the first of the resume. */
static unsigned commands_until(size_t card, const struct tear tears[2])
{
	struct kms_err err;
	struct lab lab;
	unsigned n;

	open_torn(&lab, card, tears);
	(void)!lab_take_over(&lab, &err);
	n = total_sent(&lab);
	lab_close(&lab);
	return n;
}

/* ---- which trials ---- */

static void sweep_pairs(struct sweep *sweep, size_t card, struct tear first)
{
	struct tear tears[2] = {first, {0}};
	unsigned from = commands_until(card, tears) + 1;

	for (enum kind kind = DROP_BEFORE; kind <= DROP_AFTER; kind++) {
		for (unsigned n = 0; n < FAULTS_MAX; n++) {
			tears[1] = (struct tear){kind, from + n};
			if (trial(sweep, card, tears) < 2)
				break;
		}
	}
}

static void sweep_all(struct sweep *sweep, bool pairs)
{
	for (size_t card = 0; card < (pairs ? PAIR_CARDS : CARDS); card++) {
		for (enum kind kind = DROP_BEFORE; kind < KINDS; kind++) {
			for (unsigned n = 1; n < FAULTS_MAX; n++) {
				const struct tear tears[2] = {{kind, n}, {0}};

				if (trial(sweep, card, tears) == 0)
					break;
				if (pairs)
					sweep_pairs(sweep, card, tears[0]);
				else
					control(sweep, card, tears);
			}
		}
	}
}

static unsigned draw(struct sweep *sweep, unsigned below)
{
	sweep->seed = sweep->seed * 1103515245u + 12345u;
	return (sweep->seed >> 16) % below;
}

/* Some, all cards in turn. */
static void sweep_sample(struct sweep *sweep, unsigned count, bool pairs)
{
	static const struct tear none[2] = {{0}};

	for (unsigned i = 0; i < count; i++) {
		size_t card = i % (pairs ? PAIR_CARDS : CARDS);
		unsigned commands = commands_until(card, none);
		struct tear tears[2] = {{0}};

		tears[0].kind = draw(sweep, KINDS);
		tears[0].at = 1 + draw(sweep, tears[0].kind == DROP_WRITE ? 5 : commands);
		if (pairs) {
			tears[1].kind = draw(sweep, DROP_WRITE);
			tears[1].at = commands_until(card, tears) + 1 + draw(sweep, commands);
		}
		trial(sweep, card, tears);
		if (!pairs)
			control(sweep, card, tears);
	}
}

static int report(const struct sweep *sweep, bool pairs)
{
	if (pairs)
		printf("sweep takeover.tear_twice trials %u lost %u held %u\n", sweep->trials,
			sweep->lost, sweep->held);
	else
		printf("sweep takeover.tear trials %u lost %u control_lost %u\n", sweep->trials,
			sweep->lost, sweep->control_lost);
	printf("most authentications burnt on one card %u\n", sweep->burnt);
	if (!pairs && sweep->control_lost == 0)
		printf("the control lost nothing, so this proves nothing\n");
	return sweep->lost || sweep->burnt > BURNT_MAX || (!pairs && !sweep->control_lost);
}

int main(int argc, char **argv)
{
	struct sweep sweep = {.seed = 1};
	bool full = false, pairs = false;
	unsigned sample = 0;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--full") == 0)
			full = true;
		else if (strcmp(argv[i], "--pairs") == 0)
			pairs = true;
		else if (strcmp(argv[i], "--sample") == 0 && i + 1 < argc)
			sample = (unsigned)strtoul(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
			sweep.seed = (unsigned)strtoul(argv[++i], NULL, 10);
		else
			return 2;
	}
	if (secret_heap_open(NULL))
		return 1;
	setlinebuf(stdout);
	if (full)
		sweep_all(&sweep, pairs);
	else
		sweep_sample(&sweep, sample, pairs);
	return report(&sweep, pairs);
}
