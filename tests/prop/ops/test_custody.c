/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever is issued, returned, sent, moved and issued again, in whatever order and spelling: nobody ever
 * holds two components of one key. The operation itself runs, on a site's own registry. The control is
 * the same play with the rule left out, written straight into the registry: it must be found out, by the
 * test's own memory and by custody audit.
 */
#include "base/utf8.h"
#include "ops/ceremony.h"
#include "ops/custody.h"
#include "ops/ops.h"
#include "store/people.h"
#include "support/expect.h"
#include "support/folder.h"
#include "support/forall.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PEOPLE = 9, COMPONENTS = 3, STEPS = 14, CASES = 20, CONTROL_CASES = 10 };

static const char *const pool[PEOPLE] = {"A. Ortiz", "B. Lindqvist", "C. Haddad", "D. Novak",
	"E. Sato", "F. Okafor", "G. Hall", "H. Ito", "K. Lang"};

static char folder[FOLDER_SIZE];
static struct op_site *site;
static struct kms_err err;
static unsigned keys_made, accepted, refused, violations;

#define OK(call) expect_ok(&err, call)

static enum kms_status passphrase(void *ctx, const char *name, const char *prompt,
	struct secret *ret_value, struct kms_err *e)
{
	(void)ctx;
	(void)name;
	(void)prompt;
	return secret_copy(ret_value, "correct horse", 13, e);
}

/* Of "correct horse", at the least cost that Argon2id has. */
static const char quick_hash[] = "$argon2id$v=19$m=8,t=1,p=1$UdtesQuYvujKjw/7Sg1rUA$"
				 "OAWMz57bMGB2tVw6wiLxuKxPyAgSsd/HrZMAeKvGf04";

static int open_site(void **state)
{
	const struct op_front front = {.secret = passphrase};
	const struct op_site_options options = {.name = "Card Maker",
		.role = "manufacturer",
		.hsm_uri = "pkcs11:token=none?module-path=/usr/lib/softhsm/libsofthsm2.so"};
	static const char *const officers[] = {"ana", "ben"};
	json_t *report = NULL;
	char dir[FOLDER_SIZE + 8];

	(void)state;
	OK(secret_heap_open(&err));
	folder_make(folder, "custody");
	snprintf(dir, sizeof(dir), "%s/site", folder);
	OK(op_site_init(dir, &options, NULL, false, &report, &err));
	json_decref(report);
	OK(op_site_open(dir, &front, &site, &err));
	OK(store_begin(site->store, &err));
	for (size_t i = 0; i < 2; i++)
		OK(store_officer_add(site->store,
			&(struct store_officer){.name = officers[i],
				.folded = officers[i],
				.role = "security-officer",
				.passphrase_hash = quick_hash,
				.state = "active",
				.added = 1,
				.changed = 1},
			&err));
	OK(store_commit(site->store, &err));
	site->officers = "ana,ben";
	return 0;
}

static int close_site(void **state)
{
	(void)state;
	op_site_close(site);
	folder_remove(folder);
	return 0;
}

/* ---- one play ---- */

struct play {
	struct forall *f;
	bool rule; /* false: the control */
	char label[16];
	char ceremony[16];
	bool had[PEOPLE][COMPONENTS + 1]; /* the test's own memory */
	unsigned ceremonies;
	int64_t seq;
};

static void remember(struct play *p, size_t person, int64_t component)
{
	p->had[person][component] = true;
}

static bool holds_two(const struct play *p)
{
	for (size_t i = 0; i < PEOPLE; i++) {
		unsigned count = 0;

		for (size_t c = 1; c <= COMPONENTS; c++)
			count += p->had[i][c];
		if (count > 1)
			return true;
	}
	return false;
}

/* The same name, as somebody else would write it. */
static void spell(struct forall *f, const char *name, char out[NAME_MAX_BYTES + 1])
{
	size_t len = 0;

	for (; *name; name++) {
		out[len++] = (char)(forall_coin(f) ? toupper((unsigned char)*name) : *name);
		if (*name == ' ' && forall_coin(f))
			out[len++] = ' ';
	}
	if (forall_coin(f))
		out[len++] = '.';
	out[len] = 0;
}

static void add_ceremony(struct play *p, const size_t who[COMPONENTS][CER_PAIR_SIZE])
{
	const bool first = p->ceremonies++ == 0;

	snprintf(p->ceremony, sizeof(p->ceremony), "C%04u-%03u", keys_made, p->ceremonies);
	p->seq = 0;
	OK(store_ceremony_add(site->store,
		&(struct store_ceremony){.id = p->ceremony,
			.kind = first ? "site-key.create" : OP_SITE_RESTORE,
			.key_label = p->label,
			.algorithm = "aes256",
			.components = COMPONENTS,
			.state = "started",
			.started = 1000 + p->ceremonies},
		&err));
	for (int64_t c = 1; c <= COMPONENTS; c++)
		for (int64_t k = 0; k < CER_PAIR_SIZE; k++) {
			char folded[NAME_MAX_BYTES + 1];

			name_fold(pool[who[c - 1][k]], folded);
			OK(store_custodian_add(site->store,
				&(struct store_custodian){.ceremony_id = p->ceremony,
					.component = c,
					.position = k + 1,
					.person = pool[who[c - 1][k]],
					.folded = folded,
					.sheet_state = "issued"},
				&err));
			remember(p, who[c - 1][k], c);
		}
	OK(store_ceremony_finish(
		site->store, p->ceremony, "done", NULL, 1001 + p->ceremonies, &err));
}

static void begin(struct play *p)
{
	static const size_t who[COMPONENTS][CER_PAIR_SIZE] = {{0, 1}, {2, 3}, {4, 5}};
	char id[33], check[7];

	snprintf(p->label, sizeof(p->label), "SK-%u", ++keys_made);
	snprintf(id, sizeof(id), "%032X", keys_made);
	snprintf(check, sizeof(check), "%06X", keys_made);
	OK(store_begin(site->store, &err));
	add_ceremony(p, who);
	OK(store_key_add(site->store,
		&(struct store_key){.cka_id = id,
			.label = p->label,
			.role = "site",
			.algorithm = "aes256",
			.state = "active",
			.check_value = check,
			.check_method = "aes-gp",
			.location = "vault",
			.origin = "components",
			.exportable = "never",
			.ceremony_id = p->ceremony,
			.hsm_serial = "S1",
			.created = 1000,
			.state_changed = 1000},
		&err));
	OK(store_commit(site->store, &err));
}

/* The rule left out: what the operation would have written. */
static void write_row(struct play *p, int64_t component, const size_t who[CER_PAIR_SIZE])
{
	char id[OP_ID_TEXT];

	snprintf(id, sizeof(id), "F%031X",
		keys_made * 1000 + p->ceremonies * 100 + (unsigned)p->seq);
	OK(store_begin(site->store, &err));
	OK(store_op_add(site->store,
		&(struct store_op){.id = id,
			.kind = "custody.move",
			.subject = p->label,
			.actor = "nobody",
			.started = 1,
			.state = "intent"},
		&err));
	OK(store_op_finish(site->store, id, "done", NULL, 2, &err));
	OK(store_custody_add(site->store,
		&(struct store_custody){.ceremony_id = p->ceremony,
			.component = component,
			.seq = ++p->seq,
			.event = "issued",
			.state = "held",
			.custodian_a = pool[who[0]],
			.custodian_b = pool[who[1]],
			.recorded = 1,
			.op_id = id},
		&err));
	OK(store_commit(site->store, &err));
}

static void step_move(struct play *p)
{
	const int64_t component = (int64_t)forall_between(p->f, 1, COMPONENTS);
	struct op_custody_move in = {.key = p->label, .component = component};
	char a[NAME_MAX_BYTES + 1], b[NAME_MAX_BYTES + 1], pair[2 * NAME_MAX_BYTES + 3];
	size_t who[CER_PAIR_SIZE] = {forall_below(p->f, PEOPLE), forall_below(p->f, PEOPLE)};
	bool gets_pair = false, carries = false;
	json_t *report = NULL;

	if (who[0] == who[1])
		who[1] = (who[1] + 1) % PEOPLE;
	spell(p->f, pool[who[0]], a);
	spell(p->f, pool[who[1]], b);
	snprintf(pair, sizeof(pair), "%s, %s", a, b);
	switch (p->rule ? forall_below(p->f, 7) : 0) {
	case 0:
	case 1:
		in.pair = pair;
		gets_pair = true;
		break;
	case 2:
		in.giveback = true;
		break;
	case 3:
		in.issue = true;
		break;
	case 4:
		in.bag = forall_coin(p->f) ? "bag 1" : "bag 2";
		in.channel = "courier";
		in.carrier = a;
		in.send = true;
		carries = true;
		break;
	case 5:
		in.deputies = forall_coin(p->f) ? pair : "";
		break;
	default:
		in.giveback = true;
		in.channel = "by hand";
		in.carrier = b;
		who[0] = who[1];
		carries = true;
	}
	if (!p->rule) {
		write_row(p, component, who);
	} else if (op_custody_move(site, &in, &report, &err)) {
		refused++;
		kms_err_clear(&err);
		return;
	}
	json_decref(report);
	accepted++;
	if (gets_pair || carries)
		remember(p, who[0], component);
	if (gets_pair)
		remember(p, who[1], component);
}

/* A restore in which people type their components, if the checks of every ceremony let them. */
static void step_ceremony(struct play *p)
{
	struct op op = {.site = site, .overrides = json_array()};
	struct cer_pairs pairs = {.count = COMPONENTS};
	size_t who[COMPONENTS][CER_PAIR_SIZE], order[PEOPLE];
	enum kms_status st;

	for (size_t i = 0; i < PEOPLE; i++)
		order[i] = i;
	/* Mostly who was there before, some changed about. */
	for (size_t n = forall_below(p->f, 3); n > 0; n--) {
		const size_t i = forall_below(p->f, PEOPLE), k = forall_below(p->f, PEOPLE);
		const size_t kept = order[i];

		order[i] = order[k];
		order[k] = kept;
	}
	for (size_t i = 0; i < (size_t)COMPONENTS * CER_PAIR_SIZE; i++) {
		who[i / 2][i % 2] = order[i];
		spell(p->f, pool[order[i]], pairs.pairs[i / 2].names[i % 2]);
	}
	st = custody_rule_pairs(&op, p->label, &pairs, NULL);
	json_decref(op.overrides);
	if (st && p->rule) {
		refused++;
		return;
	}
	accepted++;
	OK(store_begin(site->store, &err));
	add_ceremony(p, (const size_t(*)[CER_PAIR_SIZE])who);
	OK(store_commit(site->store, &err));
}

/* Whether the site itself says that somebody has two components of this key. */
static bool audit_finds_two(const struct play *p)
{
	json_t *report = NULL;
	const json_t *row;
	bool found = false;
	size_t i;
	enum kms_status st = op_custody_audit(site, &report, &err);

	assert_true(st == KMS_OK || st == KMS_ERR_MISMATCH);
	json_array_foreach(json_object_get(report, "findings"), i, row)
	{
		found |= strcmp(json_string_value(json_object_get(row, "finding")),
				 "two-components") == 0 &&
			 strcmp(json_string_value(json_object_get(row, "key")), p->label) == 0;
	}
	json_decref(report);
	return found;
}

static void play(struct play *p)
{
	begin(p);
	for (unsigned i = 0; i < STEPS; i++) {
		if (forall_below(p->f, 6) == 0)
			step_ceremony(p);
		else
			step_move(p);
	}
}

static bool nobody_holds_two(struct forall *f)
{
	struct play p = {.f = f, .rule = true};

	play(&p);
	forall_note(f, "key %s", p.label);
	return !holds_two(&p) && !audit_finds_two(&p);
}

static bool control(struct forall *f)
{
	struct play p = {.f = f};

	play(&p);
	violations += holds_two(&p);
	/* What the test remembers the audit sees too. */
	return holds_two(&p) == audit_finds_two(&p);
}

static void test_nobody_holds_two(void **state)
{
	(void)state;
	accepted = refused = 0;
	forall("nobody holds two components", CASES, nobody_holds_two);
	print_message("%u steps accepted, %u refused\n", accepted, refused);
	assert_true(accepted > 0 && (refused > 0 || getenv("SEED")));
}

static void test_control_without_the_rule(void **state)
{
	(void)state;
	violations = 0;
	forall("control: the rule left out", CONTROL_CASES, control);
	print_message("%u of %d plays without the rule let somebody hold two\n", violations,
		CONTROL_CASES);
	assert_true(violations > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nobody_holds_two),
		cmocka_unit_test(test_control_without_the_rule),
	};

	return cmocka_run_group_tests(tests, open_site, close_site);
}
