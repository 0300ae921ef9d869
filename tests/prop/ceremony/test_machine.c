/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever people answer, and in whatever order: no import is done with a wrong component. */
#include "ceremony/component.h"
#include "ceremony/machine.h"
#include "keys/component.h"
#include "keys/des.h"
#include "support/cer_fixture.h"
#include "support/forall.h"

#include <openssl/crypto.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const enum key_alg algs[] = {KEY_TDEA2, KEY_TDEA3, KEY_AES128, KEY_AES192, KEY_AES256};

/* Random answers, most of them plausible, to one import. */
struct play {
	struct forall *f;
	struct cer *c;
	enum key_alg alg;
	size_t count;
	unsigned correct; /* of 100 answers, that many are right */
	struct secret parts[CER_COMPONENTS_MAX];
	struct key_kcv combined;
};

static bool rightly(struct play *p)
{
	return forall_below(p->f, 100) < p->correct;
}

/* The text of a component: this one, another one, or this one with a byte changed. */
static void enter(struct play *p, unsigned component)
{
	SECRET_AUTO struct secret bytes = {0};
	SECRET_AUTO struct secret text = {0};
	unsigned index = component, from = component;
	enum kms_status st;

	if (!rightly(p))
		from = (unsigned)forall_between(p->f, 1, p->count);
	cer_fixture_must(
		secret_copy(&bytes, p->parts[from - 1].data, p->parts[from - 1].len, NULL), NULL);
	if (!rightly(p))
		bytes.data[forall_below(p->f, bytes.len)] ^=
			(unsigned char)(1u << forall_below(p->f, 8));
	if (!rightly(p))
		index = (unsigned)forall_between(p->f, 1, 9);
	if (forall_coin(p->f)) {
		cer_fixture_must(cer_component_render(&bytes, index, &text, NULL), NULL);
	} else {
		char digits[2 * KEY_MAX_LEN + 1];

		hex_encode(bytes.data, bytes.len, digits);
		cer_fixture_must(secret_copy(&text, digits, 2 * bytes.len, NULL), NULL);
	}
	st = cer_answer_secret(p->c, &text, 0, NULL);
	(void)st;
}

/* A check value: of this component, of another, or nonsense. */
static void type_check(struct play *p, unsigned component)
{
	char text[KEY_KCV_TEXT_SIZE] = "not hex";
	enum kms_status st;

	if (!rightly(p))
		component = (unsigned)forall_between(p->f, 0, p->count);
	if (component)
		cer_fixture_kcv(p->alg, &p->parts[component - 1], text);
	st = cer_answer_text(p->c, text, 0, NULL);
	(void)st;
}

static void combine(struct play *p)
{
	SECRET_AUTO struct secret key = {0};
	struct secret parts[CER_COMPONENTS_MAX] = {0};
	struct key_kcv kcv;
	enum kms_status st = KMS_OK;

	for (unsigned i = 1; i <= p->count && !st; i++)
		st = secret_copy(&parts[i - 1], cer_component(p->c, i)->data,
			cer_component(p->c, i)->len, NULL);
	if (!st)
		st = key_combine(p->alg, parts, p->count, &key, NULL);
	if (!st)
		st = key_kcv_default(p->alg, &key, &kcv, NULL);
	if (!st)
		st = cer_answer_combined(p->c, &kcv, 0, NULL);
	else
		cer_abort(p->c, "cannot combine", 0);
	for (unsigned i = 0; i < p->count; i++)
		secret_free(&parts[i]);
}

/* One answer; now and then of a kind that was not asked for. */
static void answer(struct play *p)
{
	static const char *const ids[] = {"7F3K-22QD", "", "0000-0000", "?"};
	struct cer_step step;
	enum kms_status st = KMS_OK;

	cer_next(p->c, &step);
	if (!rightly(p))
		step.kind = (enum cer_step_kind)forall_between(
			p->f, CER_STEP_INTRODUCE, CER_STEP_CLEAR);
	switch (step.kind) {
	case CER_STEP_ASK_ID:
		st = cer_answer_text(p->c, ids[rightly(p) ? 0 : forall_below(p->f, 4)], 0, NULL);
		break;
	case CER_STEP_ASK_COMPONENT:
		enter(p, step.component ? step.component : 1);
		break;
	case CER_STEP_RETYPE:
	case CER_STEP_ASK_CHECK:
		type_check(p, step.component);
		break;
	case CER_STEP_COMBINE:
		combine(p);
		break;
	default:
		st = cer_answer_ok(p->c, 0, NULL);
		break;
	}
	(void)st;
}

/*
 * At the COMBINE step: what the machine holds is what the sheets say, each once. (TDEA: but for
 * parity, which no check value can see. Without line check digits two sheets may be typed in each
 * other's place: the key is the same.)
 */
static bool all_right(const struct play *p)
{
	unsigned seen = 0;

	for (unsigned i = 1; i <= p->count; i++)
		for (unsigned j = 0; j < p->count; j++)
			if (key_same(p->alg, cer_component(p->c, i), &p->parts[j]))
				seen |= 1u << j;
	return seen == (1u << p->count) - 1;
}

static void play_open(struct play *p, unsigned seed)
{
	SECRET_AUTO struct secret whole = {0};
	struct cer_pairs pairs;
	struct cer_setup setup;
	struct kms_err err = {0};

	p->alg = algs[forall_below(p->f, 5)];
	p->count = forall_between(p->f, 2, 9);
	pairs = cer_fixture_pairs(p->count);
	for (unsigned i = 0; i < p->count; i++)
		cer_fixture_component(p->alg, seed, i + 1, &p->parts[i]);
	cer_fixture_must(key_combine(p->alg, p->parts, p->count, &whole, &err), &err);
	cer_fixture_must(key_kcv_default(p->alg, &whole, &p->combined, &err), &err);
	setup = cer_fixture_setup(CER_IMPORT, p->alg, &pairs);
	setup.expected = &p->combined;
	setup.tries = (unsigned)forall_between(p->f, 1, 9);
	setup.unattended = forall_coin(p->f);
	cer_fixture_must(cer_new(&setup, NULL, &p->c, &err), &err);
}

static bool prop_done_means_right(struct forall *f)
{
	struct play p = {.f = f};
	size_t before = CRYPTO_secure_used();
	bool good = true, right = false;
	size_t empty;

	p.correct = forall_coin(f) ? 100 : (unsigned)forall_between(f, 60, 99);
	play_open(&p, (unsigned)forall_u64(f));
	for (int i = 0; i < 400 && cer_state(p.c) == CER_RUNNING && good; i++) {
		struct cer_step step;

		cer_next(p.c, &step);
		if (step.kind == CER_STEP_COMBINE)
			right = all_right(&p);
		answer(&p);
	}
	if (cer_state(p.c) == CER_DONE)
		good = right && key_kcv_same(cer_check_value(p.c, 0), &p.combined);
	if (p.correct == 100)
		good = good && cer_state(p.c) == CER_DONE;
	cer_abort(p.c, "end of test", 0);
	/* Done or failed, the machine holds no secret. */
	for (unsigned i = 0; i < p.count; i++)
		secret_free(&p.parts[i]);
	empty = CRYPTO_secure_used();
	good = good && empty == before;
	forall_note(f, "alg %s, %zu components, state %d, right %d, %zu secret bytes left",
		key_alg_name(p.alg), p.count, (int)cer_state(p.c), right, empty - before);
	cer_free(p.c);
	return good;
}

static void run(void **state)
{
	(void)state;
	forall("import is done only with the right components", 1500, prop_done_means_right);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(run)};
	struct kms_err err = {0};

	cer_fixture_must(secret_heap_open(&err), &err);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
