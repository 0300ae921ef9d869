/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The forwarding module (tests/support/p11forward): the same answers as the module behind it, and
 * each of its faults as src/hsm sees it.
 */
#include "hsm_test.h"

#include "hsm/internal.h"
#include "support/forward.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#define FORWARD_URI "pkcs11:token=" TOKEN "?module-path=" FORWARD_MODULE

static struct softhsm store;
static struct forward server;

static void start(void **state, const char *options)
{
	(void)state;
	ok(secret_heap_open(E));
	softhsm_open(&store);
	forward_start(&server, SOFTHSM_MODULE, options);
}

static void stop(void)
{
	forward_stop(&server);
	softhsm_close(&store);
}

static struct hsm *open_forwarded(void)
{
	struct hsm *hsm = NULL;

	ok(hsm_open(FORWARD_URI, NULL, &hsm, E));
	return hsm;
}

static struct hsm *open_ready(void)
{
	struct hsm *hsm = open_forwarded();

	setup_token(hsm);
	login(hsm);
	return hsm;
}

static void caps_of(struct hsm *hsm, struct buf *out)
{
	ok(hsm_probe(hsm, E));
	ok(hsm_caps_save(hsm, out, E));
}

/* Every probe is a known answer of OpenSSL: the two tables must be the same, line by line. */
static void same_answers_softhsm(void **state)
{
	BUF_AUTO struct buf direct = {0};
	BUF_AUTO struct buf forwarded = {0};
	struct hsm *hsm;

	start(state, "");
	hsm = open_ready();
	caps_of(hsm, &forwarded);
	hsm_close(hsm);
	ok(hsm_open(URI, NULL, &hsm, E));
	login(hsm);
	caps_of(hsm, &direct);
	hsm_close(hsm);
	assert_true(direct.len > 400);
	assert_string_equal(buf_text(&forwarded), buf_text(&direct));
	stop();
}

static void same_answers_softokn(void **state)
{
	static const char nss[] = "pkcs11:token=NSS%20Certificate%20DB?module-path=" FORWARD_MODULE;
	BUF_AUTO struct buf direct = {0};
	BUF_AUTO struct buf forwarded = {0};
	struct softokn other;
	struct hsm *hsm;

	(void)state;
	if (!softokn_installed())
		skip();
	hsm = open_softokn(&other);
	caps_of(hsm, &direct);
	hsm_close(hsm);
	forward_start(&server, SOFTOKN_MODULE, "");
	/* The site's init-args go through to the module. */
	ok(hsm_open(nss, other.init_args, &hsm, E));
	login(hsm);
	caps_of(hsm, &forwarded);
	hsm_close(hsm);
	assert_string_equal(buf_text(&forwarded), buf_text(&direct));
	forward_stop(&server);
	softokn_close(&other);
}

static void over_tcp(void **state)
{
	unsigned char bytes[16];
	struct hsm *hsm;

	(void)state;
	ok(secret_heap_open(E));
	softhsm_open(&store);
	forward_start_at(&server, "127.0.0.1:47113", SOFTHSM_MODULE, "");
	hsm = open_ready();
	ok(hsm_random_public(hsm, bytes, sizeof(bytes), E));
	hsm_close(hsm);
	stop();
}

/* ---- keys as before, and out of reach ---- */

static struct hsm_new master(const char *label)
{
	return new_key(HSM_AES256, HSM_MASTER_VAULT, HSM_WRAP_NONE, label);
}

static void key_outlives_client(void **state)
{
	struct hsm_new spec = master("M");
	unsigned char check[HSM_CHECK_MAX];
	struct hsm_made made;
	struct hsm_key key;
	struct hsm *hsm;
	size_t len;

	start(state, "");
	hsm = open_ready();
	ok(hsm_key_generate(hsm, &spec, &made, E));
	hsm_close(hsm);
	hsm = open_forwarded();
	login(hsm);
	ok(hsm_key_find(hsm, spec.id, "M", &key, E));
	ok(hsm_check_value(hsm, &key, HSM_CHECK_AES_GP, check, &len, E));
	assert_memory_equal(check, made.check, 3);
	hsm_close(hsm);
	stop();
}

/* ---- faults ---- */

/* A fault of the next connection, and what generating a key says then. */
static enum kms_status generate_with(const char *faults, struct hsm_new *spec)
{
	struct hsm_made made;
	enum kms_status st;
	struct hsm *hsm;

	forward_faults(&server, faults);
	hsm = open_forwarded();
	login(hsm);
	kms_err_clear(&test_err);
	st = hsm_key_generate(hsm, spec, &made, E);
	forward_faults(&server, "");
	hsm_close(hsm);
	return st;
}

static size_t left_on_token(const struct hsm_new *spec)
{
	struct hsm *hsm = open_forwarded();
	size_t count = 99;

	login(hsm);
	ok(hsm_key_count(hsm, spec->id, &count, E));
	hsm_close(hsm);
	return count;
}

static void faults_are_told(void **state)
{
	static const struct {
		const char *faults;
		enum kms_status status;
		const char *says, *native;
		size_t left;
	} cases[] = {
		{"AT=C_GenerateKey:1:before\nRET=CKR_DEVICE_ERROR\n", KMS_ERR_HSM,
			"cannot generate 'M' on token", "CKR_DEVICE_ERROR", 0},
		{"AT=C_GenerateKey:1:after\nRET=CKR_DEVICE_ERROR\n", KMS_ERR_HSM,
			"cannot generate 'M' on token", "CKR_DEVICE_ERROR", 1},
		{"AT=C_GenerateKey:1:before\nRET=CKR_DEVICE_REMOVED\n", KMS_ERR_HSM,
			"outcome is unknown", "CKR_DEVICE_REMOVED", 0},
		{"AT=C_GenerateKey:1:before\nRET=CKR_DEVICE_MEMORY\n", KMS_ERR_HSM,
			"CKR_DEVICE_MEMORY", "CKR_DEVICE_MEMORY", 0},
		{"AT=C_GenerateKey:1:before\nRET=CKR_SESSION_HANDLE_INVALID\n", KMS_ERR_HSM,
			"outcome is unknown", "CKR_SESSION_HANDLE_INVALID", 0},
		/* The connection is lost: before, and although the key was made. */
		{"AT=C_GenerateKey:1:before\n", KMS_ERR_HSM, "outcome is unknown",
			"CKR_DEVICE_REMOVED", 0},
		{"AT=C_GenerateKey:1:after\n", KMS_ERR_HSM, "outcome is unknown",
			"CKR_DEVICE_REMOVED", 1},
		{"REFUSE=CKM_AES_KEY_GEN\n", KMS_ERR_UNSUPPORTED, "CKR_MECHANISM_INVALID",
			"CKR_MECHANISM_INVALID", 0},
		/* A call that only reads is made again on a new connection. */
		{"AT=C_FindObjectsInit:1:before\nRET=CKR_SESSION_HANDLE_INVALID\n", KMS_OK, "", "",
			1},
	};
	struct hsm *hsm;

	start(state, "");
	hsm = open_ready();
	hsm_close(hsm);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct hsm_new spec = master("M");
		enum kms_status st = generate_with(cases[i].faults, &spec);

		if (st != cases[i].status || !strstr(test_err.msg, cases[i].says) ||
			strcmp(test_err.native, cases[i].native))
			fail_msg("%s: %d, %s [%s]", cases[i].faults, (int)st, test_err.msg,
				test_err.native);
		assert_int_equal(left_on_token(&spec), cases[i].left);
	}
	stop();
}

static void unknown_fault_is_no_fault(void **state)
{
	struct hsm *hsm = NULL;

	start(state, "");
	forward_faults(&server, "AT=C_GenerateKey:first:before\n");
	assert_int_equal(hsm_open(FORWARD_URI, NULL, &hsm, E), KMS_ERR_HSM);
	stop();
}

static void nobody_serves(void **state)
{
	struct hsm *hsm = NULL;

	start(state, "");
	forward_stop(&server);
	refused(hsm_open(FORWARD_URI, NULL, &hsm, E), KMS_ERR_HSM, "CKR_DEVICE_REMOVED");
	softhsm_close(&store);
}

static void calls_are_counted(void **state)
{
	char path[96], line[80];
	unsigned lines = 0, changes = 0;
	char text[160];
	struct hsm_new spec = master("M");
	struct hsm *hsm;
	FILE *f;

	start(state, "");
	hsm = open_ready();
	hsm_close(hsm);
	snprintf(path, sizeof(path), "%s/calls", store.dir);
	snprintf(text, sizeof(text), "LOG=%s\n", path);
	assert_int_equal(generate_with(text, &spec), KMS_OK);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		lines++;
		changes += strstr(line, " change\n") != NULL;
		if (strstr(line, "C_GenerateKey"))
			assert_non_null(strstr(line, " C_GenerateKey 1 change\n"));
	}
	fclose(f);
	assert_int_equal(changes, 1);
	assert_true(lines > 10);
	stop();
}

/* ---- PIN lock-out ---- */

static enum kms_status try_pin(const char *pin)
{
	SECRET_AUTO struct secret value = {0};
	struct hsm *hsm = open_forwarded();
	enum kms_status st;

	secret_of(&value, pin, strlen(pin));
	ok(hsm_find_token(hsm, E));
	kms_err_clear(&test_err);
	st = hsm_login(hsm, &value, E);
	hsm_close(hsm);
	return st;
}

static unsigned logins(const char *path)
{
	FILE *f = fopen(path, "r");
	unsigned count = 0;
	char line[80];

	while (f && fgets(line, sizeof(line), f))
		count += strstr(line, "C_Login") != NULL;
	if (f)
		fclose(f);
	return count;
}

static void pin_locks(void **state)
{
	SECRET_AUTO struct secret so = {0};
	SECRET_AUTO struct secret pin = {0};
	char path[96], text[160];
	struct hsm *hsm;

	start(state, "-p 3");
	hsm = open_ready();
	hsm_close(hsm);
	assert_int_equal(try_pin("wrong-pin"), KMS_ERR_AUTH);
	assert_non_null(strstr(test_err.msg, "few tries are left"));
	assert_int_equal(try_pin("operator-pin"), KMS_OK);
	/* The right one set the count back. */
	assert_int_equal(try_pin("wrong-pin"), KMS_ERR_AUTH);
	assert_int_equal(try_pin("wrong-pin"), KMS_ERR_AUTH);
	assert_non_null(strstr(test_err.msg, "one try is left before it locks"));
	assert_int_equal(try_pin("wrong-pin"), KMS_ERR_AUTH);
	assert_non_null(strstr(test_err.msg, "the PIN is locked"));
	assert_string_equal(test_err.native, "CKR_PIN_LOCKED");
	/* Locked is locked, and no further try is made. */
	snprintf(path, sizeof(path), "%s/calls", store.dir);
	snprintf(text, sizeof(text), "LOG=%s\n", path);
	forward_faults(&server, text);
	assert_int_equal(try_pin("operator-pin"), KMS_ERR_AUTH);
	assert_non_null(strstr(test_err.msg, "the PIN is locked"));
	assert_int_equal(logins(path), 0);
	forward_faults(&server, "");
	/* The administrator sets a new one. */
	hsm = open_forwarded();
	ok(hsm_find_token(hsm, E));
	secret_of(&so, "12345678", 8);
	secret_of(&pin, "operator-pin", 12);
	ok(hsm_init_pin(hsm, &so, &pin, E));
	hsm_close(hsm);
	assert_int_equal(try_pin("operator-pin"), KMS_OK);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_answers_softhsm),
		cmocka_unit_test(same_answers_softokn),
		cmocka_unit_test(over_tcp),
		cmocka_unit_test(key_outlives_client),
		cmocka_unit_test(faults_are_told),
		cmocka_unit_test(unknown_fault_is_no_fault),
		cmocka_unit_test(nobody_serves),
		cmocka_unit_test(calls_are_counted),
		cmocka_unit_test(pin_locks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
