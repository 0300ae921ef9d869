/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/entry.h"
#include "audit/tree.h"
#include "support/expect.h"

#include <stdlib.h>

static struct audit_entry sample(void)
{
	return (struct audit_entry){.seq = 17,
		.time = 1795435200,
		.actor = "A. Ortiz, B. Lindqvist",
		.op = "exchange.export",
		.op_id = "OP-7",
		.phase = AUDIT_INTENT,
		.subject = "Example Bank"};
}

static const char sample_line[] =
	"{\"actor\":\"A. Ortiz, B. Lindqvist\",\"details\":{},\"op\":\"exchange.export\","
	"\"op_id\":\"OP-7\",\"outcome\":\"\",\"phase\":\"intent\",\"seq\":17,"
	"\"subject\":\"Example Bank\",\"time\":\"2026-11-23T12:00:00Z\"}";

static void has_one_spelling(void **state)
{
	AUDIT_ENTRY_AUTO struct audit_entry back = {0};
	struct audit_entry entry = sample();
	BUF_AUTO struct buf line = {0};
	struct kms_err err = {0};

	(void)state;
	expect_ok(&err, audit_entry_encode(&entry, &line, &err));
	assert_string_equal(line.data, sample_line);
	expect_ok(&err, audit_entry_parse(line.data, line.len, &back, &err));
	assert_int_equal(back.seq, 17);
	assert_int_equal(back.time, entry.time);
	assert_int_equal(back.phase, AUDIT_INTENT);
	assert_string_equal(back.actor, entry.actor);
	assert_string_equal(back.op, entry.op);
	assert_string_equal(back.op_id, entry.op_id);
	assert_string_equal(back.subject, entry.subject);
	assert_string_equal(back.outcome, "");
	assert_int_equal(json_object_size(back.details), 0);
}

static void details_are_kept(void **state)
{
	AUDIT_ENTRY_AUTO struct audit_entry back = {0};
	JS_AUTO json_t *details = json_pack("{s:s, s:[{s:s, s:s, s:b}]}", "file", "AB12", "keys",
		"label", "K1", "check", "8BAF47", "host_assisted", 1);
	struct audit_entry entry = sample();
	BUF_AUTO struct buf line = {0};
	struct kms_err err = {0};

	(void)state;
	entry.details = details;
	expect_ok(&err, audit_entry_encode(&entry, &line, &err));
	expect_ok(&err, audit_entry_parse(line.data, line.len, &back, &err));
	assert_true(json_equal(back.details, details));
}

static void text_from_anywhere_is_cleaned(void **state)
{
	char dirty[3000];
	AUDIT_ENTRY_AUTO struct audit_entry back = {0};
	struct audit_entry entry = sample();
	BUF_AUTO struct buf line = {0};
	struct kms_err err = {0};

	(void)state;
	entry.outcome = "cut \xE2\x80 in \x1B[2J two\n \xC2\x9B caf\xC3\xA9 \xFF";
	memset(dirty, 'x', sizeof(dirty));
	memcpy(dirty + AUDIT_TEXT_MAX - 1, "\xC3\xA9", 2);
	dirty[sizeof(dirty) - 1] = 0;
	entry.subject = dirty;
	expect_ok(&err, audit_entry_encode(&entry, &line, &err));
	expect_ok(&err, audit_entry_parse(line.data, line.len, &back, &err));
	assert_string_equal(back.outcome, "cut ?? in ?[2J two? ?? caf\xC3\xA9 ?");
	assert_int_equal(strlen(back.subject), AUDIT_TEXT_MAX - 1);
}

static void refuses_to_encode(void **state)
{
	static const char long_text[] =
		"0123456789012345678901234567890123456789012345678901234567890123456";
	JS_AUTO json_t *real = json_pack("{s:f}", "x", 1.5);
	JS_AUTO json_t *list = json_array();
	struct audit_entry entry;
	BUF_AUTO struct buf line = {0};
	struct kms_err err = {0};

	(void)state;
#define REFUSED(change, text)                                                                     \
	do {                                                                                      \
		entry = sample();                                                                 \
		change;                                                                           \
		expect_err(&err, audit_entry_encode(&entry, &line, &err), KMS_ERR_INVALID, text); \
		assert_null(line.data);                                                           \
	} while (0)
	REFUSED(entry.actor = NULL, "actor");
	REFUSED(entry.actor = "", "actor");
	REFUSED(entry.actor = "a\tb", "actor");
	REFUSED(entry.actor = "\xFF", "UTF-8");
	REFUSED(entry.op = NULL, "op");
	REFUSED(entry.op = "Exchange", "'op'");
	REFUSED(entry.op = long_text, "'op'");
	REFUSED(entry.op_id = "", "'op_id'");
	REFUSED(entry.op_id = "a b", "'op_id'");
	REFUSED(entry.phase = (enum audit_phase)4, "phase");
	REFUSED(entry.seq = AUDIT_SIZE_MAX, "seq");
	REFUSED(entry.time = INT64_MAX / 4, "time");
	REFUSED(entry.details = real, "not whole");
	REFUSED(entry.details = list, "details");
}

static void refuses_to_parse(void **state)
{
	static const char *const bad[] = {
		"",
		"{}",
		"[]",
		"{",
		"null",
		/* a blank more, members out of order, one too many, one missing */
		"{\"actor\": "
		"\"a\",\"details\":{},\"op\":\"x\",\"op_id\":\"1\",\"outcome\":\"\",\"phase\":"
		"\"note\",\"seq\":1,\"subject\":\"\",\"time\":\"2026-11-23T12:00:00Z\"}",
		"{\"details\":{},\"actor\":\"a\",\"op\":\"x\",\"op_id\":\"1\",\"outcome\":\"\","
		"\"phase\":\"note\",\"seq\":1,\"subject\":\"\",\"time\":\"2026-11-23T12:00:00Z\"}",
		"{\"actor\":\"a\",\"details\":{},\"more\":1,\"op\":\"x\",\"op_id\":\"1\","
		"\"outcome\":\"\",\"phase\":\"note\",\"seq\":1,\"subject\":\"\",\"time\":\"2026-11-"
		"23T12:00:00Z\"}",
		"{\"actor\":\"a\",\"details\":{},\"op\":\"x\",\"op_id\":\"1\",\"outcome\":\"\","
		"\"phase\":\"note\",\"seq\":1,\"time\":\"2026-11-23T12:00:00Z\"}",
		/* other spellings of the same */
		"{\"actor\":\"\\u0061\",\"details\":{},\"op\":\"x\",\"op_id\":\"1\",\"outcome\":"
		"\"\",\"phase\":\"note\",\"seq\":1,\"subject\":\"\",\"time\":\"2026-11-23T12:00:"
		"00Z\"}",
		"{\"actor\":\"a\",\"details\":{},\"op\":\"x\",\"op_id\":\"1\",\"outcome\":\"\","
		"\"phase\":\"note\",\"seq\":-0,\"subject\":\"\",\"time\":\"2026-11-23T12:00:00Z\"}",
		"{\"actor\":\"a\",\"details\":{},\"op\":\"x\",\"op_id\":\"1\",\"outcome\":\"\","
		"\"phase\":\"note\",\"seq\":1,\"subject\":\"\",\"time\":\"2026-11-23t12:00:00Z\"}",
		"{\"actor\":\"a\",\"details\":{},\"op\":\"x\",\"op_id\":\"1\",\"outcome\":\"\","
		"\"phase\":\"Note\",\"seq\":1,\"subject\":\"\",\"time\":\"2026-11-23T12:00:00Z\"}",
		/* a name twice, a control character, numbers out of range or not whole */
		"{\"actor\":\"a\",\"actor\":\"a\",\"details\":{},\"op\":\"x\",\"op_id\":\"1\","
		"\"outcome\":\"\",\"phase\":\"note\",\"seq\":1,\"subject\":\"\",\"time\":\"2026-11-"
		"23T12:00:00Z\"}",
		"{\"actor\":\"a\",\"details\":{},\"op\":\"x\",\"op_id\":\"1\",\"outcome\":"
		"\"\\u001B\",\"phase\":\"note\",\"seq\":1,\"subject\":\"\",\"time\":\"2026-11-"
		"23T12:00:00Z\"}",
		"{\"actor\":\"a\",\"details\":{},\"op\":\"x\",\"op_id\":\"1\",\"outcome\":\"\","
		"\"phase\":\"note\",\"seq\":-1,\"subject\":\"\",\"time\":\"2026-11-23T12:00:00Z\"}",
		"{\"actor\":\"a\",\"details\":{\"x\":0.5},\"op\":\"x\",\"op_id\":\"1\",\"outcome\":"
		"\"\",\"phase\":\"note\",\"seq\":1,\"subject\":\"\",\"time\":\"2026-11-23T12:00:"
		"00Z\"}",
	};
	static const char good[] =
		"{\"actor\":\"a\",\"details\":{},\"op\":\"x\",\"op_id\":\"1\",\"outcome\":\"\","
		"\"phase\":\"note\",\"seq\":1,\"subject\":\"\",\"time\":\"2026-11-23T12:00:00Z\"}";
	struct audit_entry entry = {0};
	struct kms_err err = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (audit_entry_parse(bad[i], strlen(bad[i]), &entry, &err) != KMS_ERR_INVALID)
			fail_msg("accepted %s", bad[i]);
	expect_ok(&err, audit_entry_parse(good, strlen(good), &entry, &err));
	audit_entry_free(&entry);
	for (size_t len = 0; len < strlen(good); len++)
		assert_int_equal(audit_entry_parse(good, len, &entry, &err), KMS_ERR_INVALID);
	assert_null(entry.owner);
}

static void lines_are_bounded(void **state)
{
	JS_AUTO json_t *details = json_object();
	struct audit_entry entry = sample();
	BUF_AUTO struct buf line = {0};
	struct kms_err err = {0};
	char *big = calloc(1, AUDIT_LINE_MAX + 1);

	(void)state;
	assert_non_null(big);
	memset(big, 'x', AUDIT_LINE_MAX);
	json_object_set_new(details, "big", json_string(big));
	free(big);
	entry.details = details;
	expect_err(&err, audit_entry_encode(&entry, &line, &err), KMS_ERR_INVALID, "longer than");
}

static void phases_have_names(void **state)
{
	(void)state;
	assert_string_equal(audit_phase_name(AUDIT_INTENT), "intent");
	assert_string_equal(audit_phase_name(AUDIT_OUTCOME), "outcome");
	assert_string_equal(audit_phase_name(AUDIT_FAILURE), "failure");
	assert_string_equal(audit_phase_name(AUDIT_NOTE), "note");
	assert_string_equal(audit_phase_name((enum audit_phase)9), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_one_spelling),
		cmocka_unit_test(details_are_kept),
		cmocka_unit_test(text_from_anywhere_is_cleaned),
		cmocka_unit_test(refuses_to_encode),
		cmocka_unit_test(refuses_to_parse),
		cmocka_unit_test(lines_are_bounded),
		cmocka_unit_test(phases_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
