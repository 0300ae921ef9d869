/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/profile.h"
#include "sim/serve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"cardsim, a GlobalPlatform card for tests and training\n"
	"\n"
	"  cardsim --state F [--profile P] --vpcd [HOST:PORT]       a card in a vpcd reader\n"
	"  cardsim --state F [--profile P] --listen HOST:PORT       a reader for each TCP "
	"connection\n"
	"  cardsim --state F [--profile P] --init                   only make the card\n"
	"  cardsim --profiles | --show-profile P\n"
	"\n"
	"  --state F           what the card remembers; made from the profile if it is not there.\n"
	"                      A folder (F/) holds many cards, one file each\n"
	"  --cards N           the folder has cards card-000001 to N; without it those that are "
	"there\n"
	"  --profile P         a built-in profile or an INI file (default gp23-scp03)\n"
	"  --serial N          number of the (first) card made: added to CIN, CPLC, "
	"diversification\n"
	"  --vpcd [HOST:PORT]  connect to vsmartcard's vpcd (default localhost:35963)\n"
	"  --listen HOST:PORT  speak the same framing to whoever connects; port 0: any, which is\n"
	"                      printed as `listening HOST PORT`\n"
	"  --fault F           may be repeated; N counts the commands of a card, from 1:\n"
	"                        drop-before:N drop-after:N   power lost before, after its effect\n"
	"                        drop-write:N                 … instead of the card's N-th write\n"
	"                        sw:N:6A80 sw-after:N:6A80    status instead of, after its effect\n"
	"                        short:N[:BYTES] long:N[:BYTES] corrupt:N mute:N   the response\n"
	"                        swap:N                       another card from here on\n"
	"                        slow:MS                      every response\n"
	"  --sync              fsync at each of the card's writes\n"
	"  --trace             commands and responses to standard error\n"
	"  --help --version\n"
	"\n"
	"The keys of its profiles are public test keys. See docs/cardsim.md.\n";

struct options {
	const char *state;
	const char *profile;
	const char *vpcd;
	const char *listen;
	const char *show;
	bool has_vpcd;
	bool init;
	bool sync;
	bool trace;
	bool list;
	bool help;
	bool version;
	uint32_t cards;
	uint32_t serial;
	struct sim_faults faults;
};

static enum kms_status number(
	const char *option, const char *text, uint32_t *ret, struct kms_err *err)
{
	char *end = NULL;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 0);
	if (errno || end == text || *end || text[0] == '-' || value > UINT32_MAX)
		return kms_fail(err, KMS_ERR_USAGE, "%s: '%s' is no number", option, text);
	*ret = (uint32_t)value;
	return KMS_OK;
}

/* Options without a value. */
static bool flag(struct options *o, const char *word)
{
	const struct {
		const char *name;
		bool *flag;
	} flags[] = {{"--init", &o->init}, {"--sync", &o->sync}, {"--trace", &o->trace},
		{"--profiles", &o->list}, {"--help", &o->help}, {"-h", &o->help},
		{"--version", &o->version}};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (strcmp(flags[i].name, word) == 0) {
			*flags[i].flag = true;
			return true;
		}
	}
	return false;
}

static enum kms_status with_value(
	struct options *o, const char *word, const char *value, struct kms_err *err)
{
	const struct {
		const char *name;
		const char **text;
	} texts[] = {{"--state", &o->state}, {"--profile", &o->profile}, {"--listen", &o->listen},
		{"--show-profile", &o->show}};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (strcmp(texts[i].name, word) == 0) {
			*texts[i].text = value;
			return KMS_OK;
		}
	}
	if (strcmp(word, "--cards") == 0)
		return number(word, value, &o->cards, err);
	if (strcmp(word, "--serial") == 0)
		return number(word, value, &o->serial, err);
	if (strcmp(word, "--fault") == 0)
		return sim_fault_parse(&o->faults, value, err);
	return kms_fail(err, KMS_ERR_USAGE, "there is no option '%s'", word);
}

static enum kms_status parse(int argc, char **argv, struct options *o, struct kms_err *err)
{
	enum kms_status st;

	o->profile = "gp23-scp03";
	for (int i = 1; i < argc; i++) {
		char *word = argv[i], *equals = strchr(word, '=');

		if (flag(o, word))
			continue;
		if (strcmp(word, "--vpcd") == 0) {
			o->has_vpcd = true;
			if (i + 1 < argc && argv[i + 1][0] != '-')
				o->vpcd = argv[++i];
			continue;
		}
		if (strncmp(word, "--", 2) != 0)
			return kms_fail(err, KMS_ERR_USAGE, "'%s' is no option", word);
		if (equals) {
			*equals = 0;
		} else if (i + 1 == argc) {
			return kms_fail(
				err, KMS_ERR_USAGE, "'%s' is no option, or lacks a value", word);
		}
		st = with_value(o, word, equals ? equals + 1 : argv[++i], err);
		if (st)
			return st;
	}
	return KMS_OK;
}

/* A bad profile or state file is told at once, not when the first reader comes. */
static enum kms_status try_only_card(struct sim_box *box, struct kms_err *err)
{
	struct sim_slot *slot = box->slots[0];
	struct sim_card *card = NULL;
	enum kms_status st = sim_box_take(box, slot, &card, err);

	sim_card_free(card);
	slot->busy = false;
	return st;
}

static enum kms_status run(const struct options *o, struct kms_err *err)
{
	struct sim_box box = {.lock = -1, .folder_lock = -1};
	struct sim_serve serve = {.box = &box,
		.faults = &o->faults,
		.address = o->has_vpcd ? o->vpcd : o->listen,
		.trace = o->trace};
	enum kms_status st;

	st = sim_box_open(&box, o->state, o->profile, o->cards, o->serial, o->sync, err);
	if (!st && o->init)
		st = sim_box_make(&box, err);
	if (!st && box.count == 1)
		st = try_only_card(&box, err);
	if (!st && o->has_vpcd)
		st = sim_serve_vpcd(&serve, err);
	else if (!st && o->listen)
		st = sim_serve_listen(&serve, err);
	sim_box_close(&box);
	return st;
}

static enum kms_status start(const struct options *o, struct kms_err *err)
{
	if (o->help) {
		fputs(usage, stdout);
		return KMS_OK;
	}
	if (o->version) {
		puts("cardsim " CARDKMS_VERSION);
		return KMS_OK;
	}
	if (o->list) {
		for (size_t i = 0; sim_profile_name(i); i++)
			puts(sim_profile_name(i));
		return KMS_OK;
	}
	if (o->show) {
		if (!sim_profile_text(o->show))
			return kms_fail(err, KMS_ERR_NOT_FOUND, "there is no built-in profile '%s'",
				o->show);
		fputs(sim_profile_text(o->show), stdout);
		return KMS_OK;
	}
	if (!o->state)
		return kms_fail(err, KMS_ERR_USAGE, "--state F is missing");
	if (o->has_vpcd + (o->listen != NULL) + o->init != 1)
		return kms_fail(err, KMS_ERR_USAGE, "one of --vpcd, --listen and --init is needed");
	return run(o, err);
}

int main(int argc, char **argv)
{
	struct options options = {.state = NULL};
	struct kms_err err = {0};
	enum kms_status st = parse(argc, argv, &options, &err);

	if (!st)
		st = start(&options, &err);
	if (st) {
		fprintf(stderr, "cardsim: %s\n", err.msg);
		if (err.hint[0])
			fprintf(stderr, "  %s\n", err.hint);
		if (st == KMS_ERR_USAGE)
			fputs("  cardsim --help lists the options\n", stderr);
	}
	return st == KMS_OK ? 0 : st == KMS_ERR_USAGE ? 2 : 1;
}
