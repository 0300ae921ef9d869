/* SPDX-License-Identifier: Apache-2.0 */
/* URIs, modules, tokens, PINs, and a device that goes away, on real SoftHSM. */
#include "hsm_test.h"

#include "hsm/p11.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int heap(void **state)
{
	(void)state;
	ok(secret_heap_open(E));
	return 0;
}

static void uri_refuses_secrets(void **state)
{
	static const struct {
		const char *uri;
		const char *says;
	} bad[] = {
		{"pkcs11:token=a?module-path=/x.so&pin-value=4711", "pin-value"},
		{"pkcs11:token=a?module-path=/x.so&pin-source=file:/pin",
			"pin-value or pin-source"},
		{"pkcs11:token=a", "names no module"},
		{"pkcs11:token=a?module-path=lib/x.so", "not absolute"},
		{"pkcs11:token=a?module-name=../x", "not a file name"},
		{"pkcs11:token=a;object=key?module-path=/x.so", "names an object"},
		{"pkcs11:token=a;colour=red?module-path=/x.so", "not known"},
		{"pkcs11:token=%zz?module-path=/x.so", "percent"},
		{"http://token", "start with pkcs11:"},
	};
	struct hsm *hsm = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		refused(hsm_uri_check(bad[i].uri, E), KMS_ERR_INVALID, bad[i].says);
		refused(hsm_open(bad[i].uri, NULL, &hsm, E), KMS_ERR_INVALID, bad[i].says);
		assert_null(hsm);
		assert_null(strstr(test_err.msg, "4711"));
	}
	ok(hsm_uri_check("pkcs11:token=a?module-name=softhsm2", E));
	ok(hsm_uri_check("pkcs11:token=a;serial=1?module-path=/x.so", E));
}

static void module_missing(void **state)
{
	struct hsm *hsm = NULL;

	(void)state;
	refused(hsm_open("pkcs11:token=a?module-path=/nonexistent/x.so", NULL, &hsm, E),
		KMS_ERR_NOT_FOUND, "/nonexistent/x.so");
	refused(hsm_open("pkcs11:token=a?module-path=/etc/passwd", NULL, &hsm, E), KMS_ERR_HSM,
		"cannot load");
	refused(hsm_open("pkcs11:token=a?module-path=/lib/x86_64-linux-gnu/libm.so.6", NULL, &hsm,
			E),
		KMS_ERR_HSM, "cannot load");
	assert_null(hsm);
}

static void initialize_fails(void **state)
{
	struct hsm *hsm = NULL;

	(void)state;
	setenv("SOFTHSM2_CONF", "/nonexistent/softhsm2.conf", 1);
	refused(hsm_open(URI, NULL, &hsm, E), KMS_ERR_HSM, "cannot initialise the HSM's module");
	assert_string_equal(test_err.native, "CKR_GENERAL_ERROR");
	assert_null(hsm);
}

static void setup_and_find(void **state)
{
	SECRET_AUTO struct secret so = {0};
	SECRET_AUTO struct secret wrong = {0};
	SECRET_AUTO struct secret tiny = {0};
	HSM_AUTO struct hsm *hsm = NULL;
	struct hsm_token_info info;
	struct softhsm store;

	(void)state;
	secret_of(&so, "12345678", 8);
	secret_of(&wrong, "87654321", 8);
	secret_of(&tiny, "12", 2);
	softhsm_open(&store);
	ok(hsm_open(URI, NULL, &hsm, E));
	assert_string_equal(hsm_uri_token(hsm), TOKEN);
	refused(hsm_find_token(hsm, E), KMS_ERR_NOT_FOUND, "no initialised token");
	refused(hsm_token_info(hsm, &info, E), KMS_ERR_STATE, "no token was chosen");
	refused(hsm_init_token(hsm, "other", &so, false, E), KMS_ERR_INVALID, "URI names");
	refused(hsm_init_token(hsm, TOKEN, &tiny, false, E), KMS_ERR_INVALID, "2 characters");
	ok(hsm_init_token(hsm, TOKEN, &so, false, E));
	ok(hsm_token_info(hsm, &info, E));
	assert_string_equal(info.label, TOKEN);
	assert_string_equal(info.manufacturer, "SoftHSM project");
	assert_int_equal(strlen(info.serial), 16);
	assert_true(info.initialised);
	assert_false(info.user_pin_set);
	refused(hsm_login(hsm, &so, E), KMS_ERR_STATE, "no operator PIN");
	refused(hsm_init_pin(hsm, &wrong, &so, E), KMS_ERR_AUTH,
		"PIN is wrong (it was tried once)");
	refused(hsm_init_pin(hsm, &so, &tiny, E), KMS_ERR_INVALID, "2 characters");
	refused(hsm_init_token(hsm, TOKEN, &so, false, E), KMS_ERR_EXISTS, "already");
	refused(hsm_init_token(hsm, TOKEN, &wrong, true, E), KMS_ERR_AUTH, "PIN is wrong");
	ok(hsm_init_token(hsm, TOKEN, &so, true, E));
	ok(hsm_init_pin(hsm, &so, &wrong, E));
	ok(hsm_check_so_pin(hsm, &so, E));
	refused(hsm_check_so_pin(hsm, &wrong, E), KMS_ERR_AUTH, "administrator");
	ok(hsm_login(hsm, &wrong, E));
	assert_true(hsm_logged_in(hsm));
	softhsm_close(&store);
}

static void several_tokens(void **state)
{
	SECRET_AUTO struct secret so = {0};
	struct hsm *hsm = NULL;
	struct hsm_token_info *list = NULL;
	struct softhsm store;
	char uri[200];
	size_t count = 0;

	(void)state;
	secret_of(&so, "12345678", 8);
	softhsm_open(&store);
	ok(hsm_open("pkcs11:?module-path=" SOFTHSM_MODULE, NULL, &hsm, E));
	ok(hsm_init_token(hsm, "first", &so, false, E));
	hsm_close(hsm);
	ok(hsm_open("pkcs11:token=second?module-path=" SOFTHSM_MODULE, NULL, &hsm, E));
	refused(hsm_find_token(hsm, E), KMS_ERR_NOT_FOUND, "'first' (serial ");
	ok(hsm_init_token(hsm, "second", &so, false, E));
	ok(hsm_tokens(hsm, &list, &count, E));
	assert_int_equal(count, 3); /* and SoftHSM's free slot */
	hsm_close(hsm);
	ok(hsm_open("pkcs11:?module-path=" SOFTHSM_MODULE, NULL, &hsm, E));
	refused(hsm_find_token(hsm, E), KMS_ERR_INVALID, "2 of");
	hsm_close(hsm);
	snprintf(uri, sizeof(uri), "pkcs11:serial=%s?module-path=" SOFTHSM_MODULE, list[0].serial);
	ok(hsm_open(uri, NULL, &hsm, E));
	ok(hsm_find_token(hsm, E));
	hsm_close(hsm);
	free(list);
	softhsm_close(&store);
}

/* C_Login calls that reach the module, counted by standing in front of it. */
static CK_FUNCTION_LIST *functions(void)
{
	void *so = dlopen(SOFTHSM_MODULE, RTLD_NOW | RTLD_NOLOAD);
	CK_FUNCTION_LIST *list = NULL;
	CK_RV (*get)(CK_FUNCTION_LIST **);

	assert_non_null(so);
	*(void **)&get = dlsym(so, "C_GetFunctionList");
	assert_int_equal(get(&list), CKR_OK);
	dlclose(so);
	return list;
}

static unsigned logins;
static CK_C_Login real_login;

static CK_RV count_login(
	CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG len)
{
	logins++;
	return real_login(session, user, pin, len);
}

static void wrong_pin_is_tried_once(void **state)
{
	SECRET_AUTO struct secret wrong = {0};
	SECRET_AUTO struct secret longest = {0};
	HSM_AUTO struct hsm *hsm = NULL;
	CK_FUNCTION_LIST *list;
	struct softhsm store;

	(void)state;
	secret_of(&wrong, "not-the-pin", 11);
	ok(secret_alloc(&longest, 300, E));
	softhsm_open(&store);
	ok(hsm_open(URI, NULL, &hsm, E));
	setup_token(hsm);
	list = functions();
	real_login = list->C_Login;
	list->C_Login = count_login;
	logins = 0;
	refused(hsm_login(hsm, &longest, E), KMS_ERR_INVALID, "300 characters");
	assert_int_equal(logins, 0);
	refused(hsm_login(hsm, &wrong, E), KMS_ERR_AUTH, "the PIN is wrong (it was tried once)");
	assert_int_equal(logins, 1);
	assert_string_equal(test_err.native, "CKR_PIN_INCORRECT");
	assert_non_null(strstr(test_err.msg, "few tries are left")); /* SoftHSM sets COUNT_LOW */
	assert_null(strstr(test_err.msg, "not-the-pin"));
	assert_false(hsm_logged_in(hsm));
	list->C_Login = real_login;
	login(hsm);
	refused(hsm_login(hsm, &wrong, E), KMS_ERR_AUTH, "PIN is wrong"); /* checked although in */
	assert_false(hsm_logged_in(hsm));
	softhsm_close(&store);
}

static void device_comes_back(void **state)
{
	struct hsm_new spec = new_key(HSM_AES128, HSM_MASTER_VAULT, HSM_WRAP_NONE, "M");
	const struct hsm_temp temp = {HSM_AES128, 0, HSM_TEMP_CARD};
	unsigned char check[HSM_CHECK_MAX];
	unsigned char zeros[16] = {0};
	CK_FUNCTION_LIST *list;
	struct hsm_made made;
	struct hsm_key card;
	struct hsm_key copy;
	struct softhsm store;
	size_t len = 0;
	HSM_AUTO struct hsm *hsm = open_softhsm(&store);

	(void)state;
	ok(hsm_key_generate(hsm, &spec, &made, E));
	ok(hsm_derive_ecb(hsm, &made.key, zeros, 16, &temp, &card, E));

	/* All sessions die; the next read logs in again and finds the key anew. */
	list = functions();
	real_login = list->C_Login;
	list->C_Login = count_login;
	logins = 0;
	assert_int_equal(list->C_Finalize(NULL), CKR_OK);
	ok(hsm_check_value(hsm, &made.key, HSM_CHECK_AES_GP, check, &len, E));
	assert_memory_equal(check, made.check, made.check_len);
	assert_int_equal(logins, 1);

	/* A session key died with its session and is not silently replaced. */
	refused(hsm_key_session_copy(hsm, &card, &copy, E), KMS_ERR_STATE,
		"lost with the connection");
	hsm_key_drop(hsm, &card);

	/* A change finds the loss in its look-up, before anything was changed. */
	assert_int_equal(list->C_Finalize(NULL), CKR_OK);
	logins = 0;
	spec = new_key(HSM_AES128, HSM_MASTER_VAULT, HSM_WRAP_NONE, "N");
	ok(hsm_key_generate(hsm, &spec, &made, E));
	assert_int_equal(logins, 1);
	list->C_Login = real_login;
	softhsm_close(&store);
}

static CK_C_GenerateKey real_generate;

static CK_RV lose_generate(CK_SESSION_HANDLE session, CK_MECHANISM *mech, CK_ATTRIBUTE *t,
	CK_ULONG count, CK_OBJECT_HANDLE *key)
{
	assert_int_equal(real_generate(session, mech, t, count, key), CKR_OK);
	return CKR_DEVICE_REMOVED; /* done, but the answer was lost */
}

static void change_is_not_repeated(void **state)
{
	struct hsm_new spec = new_key(HSM_AES128, HSM_MASTER_VAULT, HSM_WRAP_NONE, "M");
	CK_FUNCTION_LIST *list;
	struct hsm_made made = {0};
	struct softhsm store;
	size_t count = 0;
	HSM_AUTO struct hsm *hsm = open_softhsm(&store);

	(void)state;
	ok(hsm_probe(hsm, E));
	list = functions();
	real_generate = list->C_GenerateKey;
	list->C_GenerateKey = lose_generate;
	refused(hsm_key_generate(hsm, &spec, &made, E), KMS_ERR_HSM, "outcome is unknown");
	assert_string_equal(test_err.native, "CKR_DEVICE_REMOVED");
	assert_non_null(strstr(test_err.hint, "cardkms doctor"));
	list->C_GenerateKey = real_generate;
	ok(hsm_key_count(hsm, spec.id, &count, E)); /* connected again, and doctor can find it */
	assert_int_equal(count, 1);
	ok(hsm_key_destroy(hsm, spec.id, "M", E));
	softhsm_close(&store);
}

static void device_stays_away(void **state)
{
	unsigned char id[HSM_ID_LEN] = {1};
	CK_FUNCTION_LIST *list;
	struct softhsm store;
	size_t count = 0;
	HSM_AUTO struct hsm *hsm = open_softhsm(&store);

	(void)state;
	list = functions();
	softhsm_lose_tokens(&store);
	assert_int_equal(list->C_Finalize(NULL), CKR_OK);
	refused(hsm_key_count(hsm, id, &count, E), KMS_ERR_NOT_FOUND, "no initialised token");
	softhsm_close(&store);
}

static void child_is_refused(void **state)
{
	unsigned char id[HSM_ID_LEN] = {1};
	struct softhsm store;
	HSM_AUTO struct hsm *hsm = open_softhsm(&store);
	int status = 0;
	pid_t pid;

	(void)state;
	pid = fork();
	if (pid == 0) {
		size_t count = 0;
		enum kms_status st = hsm_key_count(hsm, id, &count, E);

		_exit(st == KMS_ERR_STATE && strstr(test_err.msg, "forked") ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	softhsm_close(&store);
}

static void random_bytes(void **state)
{
	SECRET_AUTO struct secret a = {0};
	SECRET_AUTO struct secret b = {0};
	unsigned char c[16] = {0};
	unsigned char zeros[16] = {0};
	struct softhsm store;
	HSM_AUTO struct hsm *hsm = open_softhsm(&store);

	(void)state;
	ok(hsm_random(hsm, 32, &a, E));
	ok(hsm_random(hsm, 32, &b, E));
	assert_int_equal(a.len, 32);
	assert_false(secret_equal(&a, &b));
	ok(hsm_random_public(hsm, c, sizeof(c), E));
	assert_memory_not_equal(c, zeros, sizeof(c));
	softhsm_close(&store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(uri_refuses_secrets),
		cmocka_unit_test(module_missing),
		cmocka_unit_test(initialize_fails),
		cmocka_unit_test(setup_and_find),
		cmocka_unit_test(several_tokens),
		cmocka_unit_test(wrong_pin_is_tried_once),
		cmocka_unit_test(device_comes_back),
		cmocka_unit_test(change_is_not_repeated),
		cmocka_unit_test(device_stays_away),
		cmocka_unit_test(child_is_refused),
		cmocka_unit_test(random_bytes),
	};

	return cmocka_run_group_tests(tests, heap, NULL);
}
