/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole change of keys, and its resumption, on a card that the fuzzer drives.
 *
 * Input: byte 0 the card and the plan (MODE_…), byte 1 which write of the journal fails, then for
 * each command a byte of conduct (enum conduct) and what that takes. At its end the card is honest.
 * Aborts where the engine breaks one of its promises, whatever the card says:
 *   - EXTERNAL AUTHENTICATE only with the set that made the cryptogram last given, counted durably
 *     before; not more than two since the last that was answered with success
 *   - PUT KEY only with the intent durable
 *   - DELETE only when it is durable that the new set has authenticated
 *   - nothing at all after the journal failed
 *   - done only if the new set has authenticated
 */
#include "card/change.h"
#include "card/script.h"
#include "fuzz/honest_card.h"

#include <stdint.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);

enum {
	MODE_RULE = 0x03, /* 3 counts as 1 */
	MODE_AES = 0x04,
	MODE_S16 = 0x08,
	MODE_COUNTS = 0x10, /* the card counts INITIALIZE UPDATEs */
	MODE_OTHER_VERSION = 0x20,
	MODE_CHIP = 0x40,
	MODE_SETTLE = 0x80,
	COMMANDS_MAX = 60, /* of one call of the engine */
	RESUMES = 4,
	OLD_VERSION = 1,
	OLD_KEYS = 0x40,
	NEW_KEYS = 0x90,
};

enum conduct {
	HONEST,
	GONE_BEFORE, /* no effect, no answer */
	GONE_AFTER,
	SAYS_BEFORE, /* the next two bytes of the input instead */
	SAYS_AFTER,
	RAW,	     /* a byte of length, and that many bytes */
	SWAPPED_SET, /* INITIALIZE UPDATE is answered with the other set */
	FLIPPED,     /* the byte at the next one's place has its lowest bit changed */
	CONDUCTS,
};

struct fuzz {
	const uint8_t *at;
	size_t left;
	unsigned mode;
	enum card_initial_set rule;
	struct card_keys *old, *fresh;
	unsigned new_version;
	/* The card. */
	bool has_old, has_new;
	/* What it last gave as an answer to INITIALIZE UPDATE, if it came from a known set. */
	struct scp_init init;
	struct card_keys *by;
	bool new_took; /* EXTERNAL AUTHENTICATE of the new set was answered with success */
	unsigned open_tries;
	unsigned commands;
	/* The journal. */
	unsigned writes, fail_write;
	bool failed;
	struct card_counts counts;
	struct card_change_record record;
};

static unsigned take(struct fuzz *f)
{
	if (f->left == 0)
		return 0;
	f->left--;
	return *f->at++;
}

static void promise(bool kept)
{
	if (!kept)
		abort();
}

/* ---- the card ---- */

static size_t say(unsigned sw, unsigned char *out)
{
	out[0] = (unsigned char)(sw >> 8);
	out[1] = (unsigned char)sw;
	return 2;
}

static size_t say_data(const void *data, size_t len, unsigned char *out)
{
	memcpy(out, data, len);
	return len + say(0x9000, out + len);
}

static size_t initialize(
	struct fuzz *f, bool swapped, const unsigned char *command, unsigned char *out)
{
	bool in_place = f->new_version == OLD_VERSION, is_new;
	unsigned version = command[2];

	if (version == 0xFF && f->rule == CARD_FF_CONSUMED)
		version = OLD_VERSION;
	if (version == OLD_VERSION && f->has_old)
		is_new = false;
	else if (f->has_new && (version == f->new_version || (in_place && version == OLD_VERSION)))
		is_new = true;
	else
		return say(0x6A88, out);
	return honest_init(is_new != swapped ? f->fresh : f->old,
		0x60u | (f->mode & MODE_S16 ? 1 : 0), command[2], command, out);
}

static size_t put_key(struct fuzz *f, unsigned char *out)
{
	unsigned char answer[1 + CARD_ROLES * CARD_KCV_SIZE] = {(unsigned char)f->new_version};

	f->has_new = true;
	f->has_old = f->rule == CARD_ADD_DELETE;
	for (enum card_role role = CARD_ENC; role < CARD_ROLES; role++)
		if (f->fresh->ops->kcv(f->fresh, role, answer + 1 + role * CARD_KCV_SIZE, NULL))
			abort();
	return say_data(answer, sizeof(answer), out);
}

static size_t get_data(const unsigned char *command, unsigned char *out)
{
	static const unsigned char cplc[3 + GP_CPLC_SIZE] = {
		0x9F, 0x7F, 0x2A, 0x47, 0x90, 0x50, 0x40, [3 + 15] = 1};
	static const unsigned char keys[] = {0xE0, 0x12, 0xC0, 4, 1, OLD_VERSION, 0x88, 16, 0xC0, 4,
		2, OLD_VERSION, 0x88, 16, 0xC0, 4, 3, OLD_VERSION, 0x88, 16};

	if (command[2] == 0x9F)
		return say_data(cplc, sizeof(cplc), out);
	return command[3] == 0xE0 ? say_data(keys, sizeof(keys), out) : say(0x6A88, out);
}

static size_t carry_out(
	struct fuzz *f, enum conduct conduct, const unsigned char *command, unsigned char *out)
{
	static const unsigned char fci[] = {0x6F, 0x10, 0x84, 0x08, 0xA0, 0, 0, 1, 0x51, 0, 0, 0,
		0xA5, 0x04, 0x9F, 0x65, 0x01, 0xFF};

	switch (command[1]) {
	case GP_SELECT:
		return say_data(fci, sizeof(fci), out);
	case GP_GET_DATA:
		return get_data(command, out);
	case GP_INITIALIZE_UPDATE:
		return initialize(f, conduct == SWAPPED_SET, command, out);
	case GP_EXTERNAL_AUTHENTICATE:
		return say(f->by ? 0x9000 : 0x6985, out);
	case GP_PUT_KEY:
		return put_key(f, out);
	case GP_DELETE:
		f->has_old = false;
		return say(0x9000, out);
	default:
		return say(0x6D00, out);
	}
}

static size_t raw(struct fuzz *f, unsigned char *out)
{
	size_t n = take(f);

	for (size_t i = 0; i < n; i++)
		out[i] = (unsigned char)take(f);
	return n;
}

static size_t behave(struct fuzz *f, const unsigned char *command, unsigned char *out)
{
	enum conduct conduct = take(f) % CONDUCTS;
	unsigned sw;
	size_t n, flip;

	switch (conduct) {
	case GONE_BEFORE:
		return 0;
	case RAW:
		return raw(f, out);
	case SAYS_BEFORE:
		sw = take(f) << 8;
		return say(sw | take(f), out);
	default:
		break;
	}
	n = carry_out(f, conduct, command, out);
	switch (conduct) {
	case GONE_AFTER:
		return 0;
	case SAYS_AFTER:
		sw = take(f) << 8;
		return say(sw | take(f), out);
	case FLIPPED:
		flip = take(f);
		out[flip % n] ^= 1;
		return n;
	default:
		return n;
	}
}

/* ---- the promises ---- */

/* Before the command: may it be sent? */
static void check_sent(struct fuzz *f, const unsigned char *command)
{
	struct scp scp = {0};
	struct kms_err err;
	struct scp_wrapped *w;

	promise(!f->failed);
	switch (command[1]) {
	case GP_EXTERNAL_AUTHENTICATE:
		promise(f->by != NULL);
		w = calloc(1, sizeof(*w));
		promise(w && !scp_open(&scp, &f->init, f->by, command[2], &err) &&
			!scp_external_authenticate(&scp, 0, w, &err) &&
			memcmp(w->apdu.data, command + 5, f->init.challenge_len) == 0);
		scp_close(&scp);
		free(w);
		promise(f->counts.auths > 0 && ++f->open_tries <= CARD_AUTH_LIMIT);
		promise(f->record.step != CHANGE_NEW);
		break;
	case GP_PUT_KEY:
		promise(f->record.step == CHANGE_INTENDED);
		break;
	case GP_DELETE:
		promise(f->record.step == CHANGE_PROVEN && f->new_took);
		break;
	default:
		break;
	}
}

/* Which set made the cryptogram of this answer, as anyone can tell who has both. */
static void note_answer(
	struct fuzz *f, const unsigned char *command, const unsigned char *answer, size_t len)
{
	bool done = len >= 2 && answer[len - 2] == 0x90 && answer[len - 1] == 0x00;
	struct card_keys *const sets[] = {f->old, f->fresh};
	size_t which;

	if (command[1] == GP_EXTERNAL_AUTHENTICATE) {
		if (done && len == 2) {
			f->new_took = f->new_took || f->by == f->fresh;
			f->open_tries = 0;
		}
		f->by = NULL;
	}
	if (command[1] != GP_INITIALIZE_UPDATE)
		return;
	f->by = NULL;
	if (done &&
		!scp_init_parse(command + 5, command[4], 0x75, answer, len - 2, &f->init, NULL) &&
		!scp_match(&f->init, sets, 2, &which, NULL))
		f->by = sets[which];
}

static size_t answer(
	void *ctx, const unsigned char *command, size_t len, unsigned char *out, size_t max)
{
	struct fuzz *f = ctx;
	size_t n;

	promise(len >= 4 && max > 512 && ++f->commands <= COMMANDS_MAX);
	check_sent(f, command);
	n = behave(f, command, out);
	note_answer(f, command, out, n);
	return n;
}

static enum kms_status keep(void *ctx, const struct card_counts *counts,
	const struct card_change_record *change, struct kms_err *err)
{
	struct fuzz *f = ctx;

	if (++f->writes == f->fail_write) {
		f->failed = true;
		return kms_fail(err, KMS_ERR_STORE, "full");
	}
	f->counts = *counts;
	if (change)
		f->record = *change;
	return KMS_OK;
}

/* ---- one call of the engine ---- */

static void plan(const struct fuzz *f, const struct card_journal *journal,
	struct card_guard_config *guard, struct card_change_config *config)
{
	static const unsigned char chip[] = {0x47, 0x90, 0x50, 0x40, 0, 0, 0, 1};
	size_t challenge = (f->mode & (MODE_S16 | MODE_AES)) == (MODE_S16 | MODE_AES) ? 16 : 8;

	*guard = (struct card_guard_config){.scp02_i = 0x75,
		.level = SCP_C_MAC | SCP_C_DEC, /* answers without a MAC come through */
		.counts_inits = f->mode & MODE_COUNTS,
		.init_limit = 6,
		.has_chip = f->mode & MODE_CHIP,
		.journal = journal};
	memcpy(guard->chip, chip, sizeof(chip));
	*config = (struct card_change_config){
		.old = {f->old, f->rule == CARD_FF_CONSUMED ? 0xFF : OLD_VERSION, challenge},
		.fresh = {f->fresh, f->new_version, challenge},
		.rule = f->rule};
}

static enum kms_status first_run(struct card_change *change)
{
	enum kms_status st = card_change_check(change, NULL);

	if (st || change->record.seen_new == CARD_SEEN_MATCH)
		return st;
	return card_change_run(change, NULL);
}

static void engine(struct fuzz *f)
{
	const struct card_journal journal = {f, keep};
	const struct card_change_record before = f->record;
	struct card_guard_config guard_config;
	struct card_change_config config;
	struct card_change change;
	struct card_guard guard;
	struct card_link *link;
	struct gp gp;
	enum kms_status st;

	plan(f, &journal, &guard_config, &config);
	f->commands = 0;
	f->failed = false;
	f->by = NULL;
	promise(card_fake_open(answer, f, &link, NULL) == KMS_OK);
	gp_open(&gp, link);
	card_guard_open(&guard, &gp, &guard_config, &f->counts);
	st = card_change_open(
		&change, &guard, &config, before.step == CHANGE_NEW ? NULL : &before, NULL);
	promise(st == KMS_OK);
	if (before.step == CHANGE_NEW)
		st = first_run(&change);
	else
		st = card_change_resume(
			&change, f->mode & MODE_SETTLE ? CARD_SETTLE : CARD_ROLL_FORWARD, NULL);
	/* What it says is what is durable; what is done was proved. */
	promise(change.record.step == f->record.step);
	promise(f->record.step != CHANGE_DONE || f->new_took);
	promise(st || !card_change_is_open(f->record.step));
	gp_close(&gp);
	card_link_close(link);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	if (secret_heap_open(NULL))
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum card_initial_set rules[] = {
		CARD_FF_CONSUMED, CARD_REPLACE, CARD_ADD_DELETE, CARD_REPLACE};
	struct fuzz f = {.at = data, .left = size, .has_old = true};

	f.mode = take(&f);
	f.fail_write = take(&f);
	f.rule = rules[f.mode & MODE_RULE];
	f.new_version = f.rule == CARD_ADD_DELETE || f.mode & MODE_OTHER_VERSION ? 2 : 1;
	f.old = honest_keys(f.mode & MODE_AES, OLD_KEYS);
	f.fresh = honest_keys(f.mode & MODE_AES, NEW_KEYS);
	engine(&f);
	for (unsigned i = 0; i < RESUMES && card_change_is_open(f.record.step); i++)
		engine(&f);
	card_keys_free(f.old);
	card_keys_free(f.fresh);
	return 0;
}
