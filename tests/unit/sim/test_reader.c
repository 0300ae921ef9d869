/* SPDX-License-Identifier: Apache-2.0 */
/* Faults, boxes of cards, and that the card shares nothing with cardkms but base/. */
#include "sim/reader.h"
#include "sim/settings.h"
#include "sim/state.h"
#include "unit/sim/host.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static char folder[400];
static struct kms_err err;

static int make_folder(void **state)
{
	const char *parent = getenv("TMPDIR");

	(void)state;
	snprintf(folder, sizeof(folder), "%s/sim-reader-XXXXXX", parent ? parent : "/tmp");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	struct dirent *entry;
	DIR *dir = opendir(folder);
	char path[700];

	(void)state;
	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		unlink(path);
	}
	if (dir)
		closedir(dir);
	return rmdir(folder);
}

struct stand {
	struct sim_box box;
	struct sim_faults faults;
	struct sim_reader reader;
	unsigned char reply[SIM_RESPONSE_MAX];
	size_t len;
};

static void set_up(struct stand *s, const char *fault, const char *name, uint32_t cards)
{
	char path[500];

	memset(s, 0, sizeof(*s));
	if (fault)
		expect_ok(&err, sim_fault_parse(&s->faults, fault, &err));
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	unlink(path);
	expect_ok(&err, sim_box_open(&s->box, path, "gp23-scp03", cards, 0, false, &err));
	s->reader.box = &s->box;
	s->reader.faults = &s->faults;
	s->reader.choose = cards > 1;
	expect_ok(&err, sim_reader_insert(&s->reader, sim_box_next(&s->box), &err));
}

static void take_down(struct stand *s)
{
	sim_reader_eject(&s->reader);
	sim_box_close(&s->box);
}

static enum sim_answer_kind send(struct stand *s, const char *text)
{
	unsigned char payload[300];
	size_t len = host_hex(text, payload, sizeof(payload));

	return sim_reader_payload(&s->reader, payload, len, s->reply, &s->len);
}

static void reply_is(struct stand *s, const char *text, const char *expected)
{
	unsigned char bytes[300];
	size_t len = host_hex(expected, bytes, sizeof(bytes));

	assert_int_equal(send(s, text), SIM_REPLY);
	assert_int_equal(s->len, len);
	assert_memory_equal(s->reply, bytes, len);
}

static const char cin[] = "80CA004500", cin_is[] = "450800000000000000019000";

static void test_control_codes(void **state)
{
	struct stand s;

	(void)state;
	set_up(&s, NULL, "control.json", 0);
	reply_is(&s, "04", "3B87016361726473696DE5");
	assert_int_equal(send(&s, "01"), SIM_SILENCE);
	reply_is(&s, cin, cin_is);
	assert_int_equal(send(&s, "00"), SIM_SILENCE);
	assert_int_equal(send(&s, "02"), SIM_SILENCE);
	reply_is(&s, "8050000007", "6700");
	assert_int_equal(send(&s, "07"), SIM_SILENCE);
	assert_int_equal(send(&s, "00"), SIM_SILENCE);
	reply_is(&s, cin, cin_is); /* a reader that forgot the power */
	take_down(&s);
}

static void test_atr(void **state)
{
	struct stand s;

	(void)state;
	set_up(&s, NULL, "atr.json", 0);
	reply_is(&s, "04", "3B87016361726473696DE5");
	s.reader.card->nv.config.t0 = true;
	reply_is(&s, "04", "3B076361726473696D");
	expect_ok(&err, sim_setting_set(&s.reader.card->nv.config, "atr", "3B00", &err));
	reply_is(&s, "04", "3B00");
	take_down(&s);
}

static void test_faults(void **state)
{
	struct stand s;

	(void)state;
	set_up(&s, "sw:2:6A80", "f.json", 0);
	reply_is(&s, cin, cin_is);
	reply_is(&s, cin, "6A80");
	reply_is(&s, cin, cin_is);
	take_down(&s);
	set_up(&s, "short:2", "f.json", 0);
	reply_is(&s, cin, cin_is);
	reply_is(&s, cin, "45");
	reply_is(&s, cin, cin_is);
	take_down(&s);
	set_up(&s, "short:1:4", "f.json", 0);
	reply_is(&s, cin, "45080000");
	take_down(&s);
	set_up(&s, "long:1:3", "f.json", 0);
	reply_is(&s, cin, "45080000000000000001A5A5A59000");
	take_down(&s);
	set_up(&s, "corrupt:1", "f.json", 0);
	reply_is(&s, cin, "450800000000000000009000");
	take_down(&s);
	set_up(&s, "mute:1", "f.json", 0);
	assert_int_equal(send(&s, cin), SIM_SILENCE);
	assert_int_equal(send(&s, cin), SIM_SILENCE);
	take_down(&s);
	set_up(&s, "drop-before:2", "f.json", 0);
	reply_is(&s, cin, cin_is);
	assert_int_equal(send(&s, cin), SIM_GONE);
	take_down(&s);
}

/* The counter of SCP03 is written with INITIALIZE UPDATE: it tells whether that had effect. */
static uint32_t counter_of(const char *fault)
{
	struct sim_nv *nv = calloc(1, sizeof(*nv));
	uint32_t counter;
	char path[500];
	struct stand s;

	assert_non_null(nv);
	set_up(&s, fault, "counter.json", 0);
	if (fault)
		assert_int_equal(send(&s, "8050000008010203040506070800"), SIM_GONE);
	else
		assert_int_equal(send(&s, "8050000008010203040506070800"), SIM_REPLY);
	take_down(&s);
	snprintf(path, sizeof(path), "%s/counter.json", folder);
	expect_ok(&err, sim_state_load(path, nv, &err));
	counter = nv->entries[0].set_count > 0 ? nv->entries[0].sets[0].counter : 0;
	free(nv);
	return counter;
}

static void test_drops(void **state)
{
	(void)state;
	assert_int_equal(counter_of(NULL), 1);
	assert_int_equal(counter_of("drop-before:1"), 0);
	assert_int_equal(counter_of("drop-after:1"), 1);
	assert_int_equal(counter_of("drop-write:1"), 0);
}

/* No room for the state: the card is as torn, its file whole, and nothing lies beside it. */
static void test_no_room(void **state)
{
	struct rlimit before, small = {.rlim_cur = 100};
	char path[500];
	struct stand s;

	(void)state;
	set_up(&s, NULL, "room.json", 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small.rlim_max = before.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(send(&s, "8050000008010203040506070800"), SIM_GONE);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_non_null(strstr(s.reader.card->err.msg, "room.json"));
	take_down(&s);
	snprintf(path, sizeof(path), "%s/room.json.new", folder);
	assert_int_equal(access(path, F_OK), -1);
	snprintf(path, sizeof(path), "%s/room.json", folder);
	expect_ok(&err, sim_box_open(&s.box, path, "gp23-scp03", 0, 0, false, &err));
	s.reader.box = &s.box;
	expect_ok(&err, sim_reader_insert(&s.reader, sim_box_next(&s.box), &err));
	reply_is(&s, cin, cin_is);
	assert_int_equal(s.reader.card->nv.entries[0].sets[0].counter, 0);
	take_down(&s);
}

static void test_fault_words(void **state)
{
	static const char *const bad[] = {"", "drop", "drop-before",
		"drop-before:", "drop-before:0", "drop-before:x", "drop-before:1:2", "sw:1",
		"sw:1:", "sw:1:12345", "short:1:", "swap:-1", "slow:1 ", "Slow:1"};
	struct sim_faults faults = {.count = 0};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_err(&err, sim_fault_parse(&faults, bad[i], &err), KMS_ERR_USAGE, "no fault");
	assert_int_equal(faults.count, 0);
	for (int i = 0; i < SIM_FAULTS_MAX; i++)
		expect_ok(&err, sim_fault_parse(&faults, "slow:1", &err));
	expect_err(&err, sim_fault_parse(&faults, "slow:1", &err), KMS_ERR_USAGE, "more than");
}

static void test_swap(void **state)
{
	struct stand s;

	(void)state;
	set_up(&s, "swap:3", "swap.json", 0);
	reply_is(&s, cin, cin_is);
	assert_int_equal(send(&s, "8050000008010203040506070800"), SIM_REPLY);
	reply_is(&s, cin, "450800000000000000029000");
	/* The other card knows of no session. */
	reply_is(&s, "848201001001020304050607080102030405060708", "6985");
	take_down(&s);
}

static void test_box(void **state)
{
	struct sim_slot *first, *second;
	struct sim_box box;
	struct stand s;

	(void)state;
	set_up(&s, NULL, "many", 3);
	reply_is(&s, "FF530200", "636172642D3030303030319000"); /* card-000001 */
	reply_is(&s, cin, cin_is);
	reply_is(&s, "FF530100", "9000");
	reply_is(&s, cin, "450800000000000000029000");
	reply_is(&s, "FF5300000B636172642D303030303033", "9000");
	reply_is(&s, cin, "450800000000000000039000");
	reply_is(&s, "FF5300000B636172642D303030303034", "6A82");
	reply_is(&s, cin, "450800000000000000039000");
	first = sim_box_next(&s.box);
	assert_string_equal(first->name, "card-000001");
	first->busy = true;
	second = sim_box_next(&s.box);
	assert_string_equal(second->name, "card-000002");
	second->busy = true;
	assert_null(sim_box_next(&s.box));
	reply_is(&s, "FF5300000B636172642D303030303031", "6A82"); /* in another reader */

	char path[500];
	snprintf(path, sizeof(path), "%s/many", folder);
	expect_err(&err, sim_box_open(&box, path, "gp23-scp03", 0, 0, false, &err), KMS_ERR_BUSY,
		"another cardsim has it");
	sim_box_close(&box);
	/* Nor one of its cards alone. */
	snprintf(path, sizeof(path), "%s/many/card-000002.json", folder);
	expect_err(&err, sim_box_open(&box, path, "gp23-scp03", 0, 0, false, &err), KMS_ERR_BUSY,
		"card-000002.json: another cardsim has it");
	sim_box_close(&box);
	take_down(&s);
	expect_ok(&err, sim_box_open(&box, path, "gp23-scp03", 0, 0, false, &err));
	snprintf(path, sizeof(path), "%s/many", folder);
	struct sim_box all;
	expect_err(&err, sim_box_open(&all, path, "gp23-scp03", 0, 0, false, &err), KMS_ERR_BUSY,
		"another cardsim has it");
	sim_box_close(&all);
	sim_box_close(&box);
	snprintf(path, sizeof(path), "%s/many/card-000002.json.lock", folder);
	unlink(path);
	snprintf(path, sizeof(path), "%s/many", folder);
	/* The cards that are there, by their files. */
	expect_ok(&err, sim_box_open(&box, path, "gp23-scp03", 0, 0, false, &err));
	assert_int_equal(box.count, 3);
	sim_box_close(&box);
	snprintf(path, sizeof(path), "%s/many/card-000001.json", folder);
	unlink(path);
	snprintf(path, sizeof(path), "%s/many/card-000002.json", folder);
	unlink(path);
	snprintf(path, sizeof(path), "%s/many/card-000003.json", folder);
	unlink(path);
	snprintf(path, sizeof(path), "%s/many", folder);
	rmdir(path);
}

static void test_profiles(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{"[card]\nscp02 = 1A\n", "line 2: 'scp02' cannot be '1A': it is one of 05"},
		{"[card]\nscp04 = 1\n", "line 2: there is no setting 'scp04'"},
		{"[card]\nretry-limit = 256\n", "goes from 0 to 255"},
		{"[card]\nblocked-sw = 9000\n", "goes from 6000 to 6FFF"},
		{"[card]\nkdd = 00\n", "has 10 to 10 bytes"},
		{"[card]\nt0 = maybe\n", "it is yes or no"},
		{"[isd]\naid = A000\n", "an AID has 5 to 16 bytes"},
		{"[isd]\nname = x\n", "there is no 'name' in [isd]"},
		{"[key-set 00]\ntype = aes\n", "a key version is two"},
		{"[key-set 01]\ntype = rsa\n", "a type is des or aes"},
		{"[card]\nscp03 = 70\n[key-set 01]\ntype = aes\nenc = 00\n",
			"opens no secure channel"},
		{"[answer 1]\ncommand = 80CA0000\n", "has no response"},
		{"[chip]\nx = y\n", "there is no section [chip]"},
	};
	struct sim_nv *nv = calloc(1, sizeof(*nv));

	(void)state;
	assert_non_null(nv);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect_err(&err,
			sim_profile_parse("p.ini", rows[i].text, strlen(rows[i].text), nv, &err),
			KMS_ERR_INVALID, rows[i].says);
	for (size_t i = 0; sim_profile_name(i); i++)
		expect_ok(&err, sim_profile_load(sim_profile_name(i), nv, &err));
	expect_err(&err, sim_profile_load("/nonexistent", nv, &err), KMS_ERR_NOT_FOUND,
		"/nonexistent");
	free(nv);
}

/* Every #include of sim/ is of sim/, of base/ or of the system. */
static void test_apart(void **state)
{
	DIR *dir = opendir(TESTS_DIR "/../sim");
	struct dirent *entry;
	size_t includes = 0;

	(void)state;
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		char path[700], line[400];
		FILE *file;

		if (!strstr(entry->d_name, ".c") && !strstr(entry->d_name, ".h"))
			continue;
		snprintf(path, sizeof(path), TESTS_DIR "/../sim/%s", entry->d_name);
		file = fopen(path, "r");
		assert_non_null(file);
		while (fgets(line, sizeof(line), file)) {
			if (strncmp(line, "#include \"", 10) != 0)
				continue;
			includes++;
			if (strncmp(line + 10, "sim/", 4) != 0 &&
				strncmp(line + 10, "base/", 5) != 0)
				fail_msg("%s: %s", entry->d_name, line);
		}
		fclose(file);
	}
	closedir(dir);
	assert_true(includes > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_control_codes),
		cmocka_unit_test(test_atr),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_drops),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_fault_words),
		cmocka_unit_test(test_swap),
		cmocka_unit_test(test_box),
		cmocka_unit_test(test_profiles),
		cmocka_unit_test(test_apart),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
