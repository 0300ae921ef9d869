/* SPDX-License-Identifier: Apache-2.0 */
/* Load files byte by byte, blocks as a card gets them, privileges by name, registries as cards tell. */
#include "card/gp.h"
#include "card/script.h"
#include "support/expect.h"

#include <string.h>

static struct kms_err err;

static struct gp_aid aid(const char *hex)
{
	struct gp_aid ret;

	expect_ok(&err, gp_aid_parse(hex, "AID", &ret, &err));
	return ret;
}

/* GPCS 2.3.1 table 11-58: a DAP block, then the data block. */
static void test_file(void **state)
{
	static const unsigned char want[] = {0xE2, 0x0B, 0x4F, 0x05, 0xA0, 0, 0, 0, 3, 0xC3, 0x02,
		0xAA, 0xBB, 0xC4, 0x03, 1, 2, 3};
	const struct gp_dap dap = {aid("A000000003"), (const unsigned char *)"\xAA\xBB", 2};
	const struct gp_load load = {
		.code = (const unsigned char *)"\1\2\3", .len = 3, .daps = &dap, .dap_count = 1};
	BUF_AUTO struct buf file = {0};

	(void)state;
	expect_ok(&err, gp_load_file(&load, &file, &err));
	assert_int_equal(file.len, sizeof(want));
	assert_memory_equal(file.data, want, sizeof(want));
}

/* Without a session nothing is sent. */
static void test_no_session(void **state)
{
	const struct gp_load load = {.code = (const unsigned char *)"\1", .len = 1};
	struct card_link *link;
	size_t used = 0;
	struct gp gp;

	(void)state;
	expect_ok(&err, card_script_open(NULL, 0, &used, &link, &err));
	gp_open(&gp, link);
	expect_err(&err, gp_load(&gp, &load, &err), KMS_ERR_STATE, "secure channel");
	gp_close(&gp);
	card_link_close(link);
}

/* What is left of 255 bytes: clause 11.1.5. */
static void test_room(void **state)
{
	struct gp gp = {.extended = false};

	(void)state;
	assert_int_equal(gp_block_room(&gp), 255);
	gp.scp = (struct scp){.protocol = 3, .mac_len = 8, .level = SCP_C_MAC};
	assert_int_equal(gp_block_room(&gp), 247);
	gp.scp.level |= SCP_C_DEC;
	assert_int_equal(gp_block_room(&gp), 239);
	gp.scp.mac_len = 16;
	assert_int_equal(gp_block_room(&gp), 223);
	gp.scp.protocol = 2;
	gp.scp.mac_len = 8;
	assert_int_equal(gp_block_room(&gp), 239);
}

static void privileges(unsigned bits, const char *words)
{
	BUF_AUTO struct buf text = {0};
	unsigned back = 0;

	expect_ok(&err, gp_privileges_text(bits, &text, &err));
	assert_string_equal(buf_text(&text), words);
	if (!*words)
		return;
	expect_ok(&err, gp_privileges_parse(words, &back, &err));
	assert_int_equal(back, bits);
}

/* Tables 11-7 to 11-9. */
static void test_privileges(void **state)
{
	unsigned bits = 0;

	(void)state;
	privileges(0x000000, "");
	privileges(0x800000, "security-domain");
	privileges(0xC00000, "security-domain,dap-verification");
	privileges(0xC10000, "security-domain,mandated-dap-verification");
	privileges(0xA04000, "security-domain,delegated-management,authorized-management");
	privileges(0x1E0000, "card-lock,card-terminate,card-reset,cvm-management");
	privileges(0x00BF00, "trusted-path,token-management,global-delete,global-lock,"
			     "global-registry,final-application,global-service");
	privileges(0x0000F0, "receipt-generation,ciphered-load-file,contactless-activation,"
			     "contactless-self-activation");
	expect_ok(&err, gp_privileges_parse("9E", &bits, &err));
	assert_int_equal(bits, 0x9E0000);
	expect_ok(&err, gp_privileges_parse("80C020", &bits, &err));
	assert_int_equal(bits, 0x80C020);
	expect_err(&err, gp_privileges_parse("card-lock,", &bits, &err), KMS_ERR_USAGE, "''");
	expect_err(&err, gp_privileges_parse("card", &bits, &err), KMS_ERR_USAGE, "card-terminate");
	expect_err(&err, gp_privileges_parse("80C0", &bits, &err), KMS_ERR_USAGE, "80C0");
}

static void parse(const char *name, const unsigned char *data, size_t len, bool good)
{
	static struct gp_registry registry;
	enum kms_status st;

	registry.count = 0;
	st = gp_registry_parse(data, len, &registry, &err);
	if (good != (st == KMS_OK))
		fail_msg("%s: %d", name, (int)st);
}

/* Table 11-36, with what is told only when it is asked for; and entries that lie about their size. */
static void test_registry(void **state)
{
	static const unsigned char good[] = {0xE3, 0x2A, 0x4F, 5, 0xA0, 0, 0, 0, 1, 0x9F, 0x70, 1,
		1, 0xC5, 0, 0xCE, 2, 3, 4, 0xC4, 5, 0xA0, 0, 0, 0, 2, 0x84, 5, 0xA0, 0, 0, 0, 3,
		0x84, 5, 0xA0, 0, 0, 0, 4, 0xCC, 0, 0xC6, 0};
	static struct gp_registry registry;
	unsigned char many[3 + 7 + (size_t)(GP_MODULES_MAX + 1) * 7] = {0xE3, 0x81,
		(unsigned char)(7 + (GP_MODULES_MAX + 1) * 7), 0x4F, 5, 0xA0, 0, 0, 0, 1};
	const struct gp_entry *entry = &registry.entries[0];

	(void)state;
	for (size_t i = 0; i < GP_MODULES_MAX + 1; i++)
		memcpy(many + 10 + i * 7, "\x84\x05\xA0\0\0\0\x05", 7);
	expect_ok(&err, gp_registry_parse(good, sizeof(good), &registry, &err));
	assert_int_equal(registry.count, 1);
	assert_int_equal(entry->module_count, 2);
	assert_int_equal(entry->modules[1].bytes[4], 4);
	assert_int_equal(entry->file.bytes[4], 2);
	assert_true(entry->has_version);
	assert_int_equal(entry->version[0], 3);
	for (size_t len = 1; len < sizeof(good); len++)
		parse("cut short", good, len, false);
	parse("as it is", good, sizeof(good), true);
	parse("too many modules", many, sizeof(many), false);
	parse("as many as there may be", many, sizeof(many) - 7, false); /* its length says more */
	many[2] -= 7;
	parse("as many as there may be", many, sizeof(many) - 7, true);
}

static void test_states(void **state)
{
	(void)state;
	assert_string_equal(gp_application_state_name(0x03), "installed");
	assert_string_equal(gp_application_state_name(0x07), "selectable");
	assert_string_equal(gp_application_state_name(0x0F), "application-specific");
	assert_string_equal(gp_application_state_name(0x83), "locked");
	assert_string_equal(gp_application_state_name(0x8F), "locked");
	assert_string_equal(gp_application_state_name(0x01), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_no_session),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_privileges),
		cmocka_unit_test(test_registry),
		cmocka_unit_test(test_states),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
