/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Card keys over real tokens against the same keys in clear memory: every diversification method,
 * both protocols, what the data field of PUT KEY decrypts to, and how many calls that takes.
 */
#include "cardkeys_test.h"

#include "card/crypt.h"
#include "card/gp.h"
#include "card/scp02.h"
#include "card/scp03.h"
#include "hsm/internal.h"
#include "support/vectors.h"

/* What a card that holds `keys` answers. */
static struct scp_init init_of(struct card_keys *keys, bool s16, unsigned char tell)
{
	struct scp_init init = {.scp = keys->type == CARD_KEY_DES ? 2 : 3, .key_version = 0x20};

	init.i = init.scp == 2 ? 0x55 : s16 ? 0x61 : 0x60;
	init.challenge_len = s16 ? 16 : 8;
	memset(init.host_challenge, 0x31 ^ tell, init.challenge_len);
	memset(init.card_challenge, 0x52 ^ tell, init.challenge_len);
	if (init.scp == 2) {
		init.sequence_len = 2;
		init.sequence[1] = tell;
		memcpy(init.card_challenge, init.sequence, 2);
	}
	OK(init.scp == 2 ? scp02_card_cryptogram(&init, keys, init.cryptogram, &err)
			 : scp03_card_cryptogram(&init, keys, init.cryptogram, &err));
	return init;
}

static void same_secret(const struct secret *a, const struct secret *b, bool wanted)
{
	assert_int_equal(a->len > 0, wanted);
	assert_true(secret_equal(a, b));
}

static void same_session(struct twice *t, const struct scp_init *init)
{
	unsigned level = scp_level_best(init->scp, init->i);
	struct scp mine = {0}, theirs = {0};

	OK(scp_open(&mine, init, t->hsm, level, &err));
	OK(scp_open(&theirs, init, t->clear, level, &err));
	same_secret(&mine.enc, &theirs.enc, true);
	same_secret(&mine.mac, &theirs.mac, true);
	same_secret(&mine.rmac, &theirs.rmac, (level & SCP_R_MAC) != 0);
	assert_memory_equal(
		mine.host_cryptogram, theirs.host_cryptogram, sizeof(mine.host_cryptogram));
	scp_close(&mine);
	scp_close(&theirs);
}

static void sessions_agree(struct twice *t, struct twice *other)
{
	bool aes = t->hsm->type == CARD_KEY_AES;
	struct card_keys *candidates[] = {other->hsm, t->hsm};
	size_t index = 9;

	for (unsigned s16 = 0; s16 <= (aes ? 1u : 0u); s16++) {
		struct scp_init init = init_of(t->clear, s16, 1), back = init_of(t->hsm, s16, 2);

		OK(scp_match(&init, candidates, 2, &index, &err));
		assert_int_equal(index, 1);
		same_session(t, &init);
		same_session(t, &back);
		init.cryptogram[0] ^= 1;
		expect_err(&err, scp_match(&init, candidates, 2, &index, &err), KMS_ERR_MISMATCH,
			"is of none of 2 key sets");
	}
}

static void same_kcvs(struct twice *t)
{
	for (enum card_role role = CARD_ENC; role < CARD_ROLES; role++) {
		unsigned char mine[CARD_KCV_SIZE], theirs[CARD_KCV_SIZE];

		OK(t->hsm->ops->kcv(t->hsm, role, mine, &err));
		OK(t->clear->ops->kcv(t->clear, role, theirs, &err));
		assert_memory_equal(mine, theirs, CARD_KCV_SIZE);
	}
}

/* Takes the data field apart by hand and decrypts with OpenSSL. */
static void check_put_key(
	const struct buf *data, const struct card_dek *dek, struct twice *old, struct twice *fresh)
{
	bool des = old->clear->type == CARD_KEY_DES;
	bool inner = !(des && fresh->clear->type == CARD_KEY_DES);
	const unsigned char *p = (const unsigned char *)data->data;
	const unsigned char *end = p + data->len;
	SECRET_AUTO struct secret key = {0};

	OK(card_keys_clear_dek(old->clear, dek, &key, &err));
	assert_int_equal(*p++, 0x21);
	for (enum card_role role = CARD_ENC; role < CARD_ROLES; role++) {
		unsigned char plain[CARD_BLOCK_MAX], kcv[CARD_KCV_SIZE];
		size_t len;

		assert_int_equal(*p++, fresh->clear->type);
		len = *p++;
		if (inner) {
			assert_int_equal(*p++, fresh->clear->key_len);
			len--;
		}
		assert_true(len >= fresh->clear->key_len && len <= sizeof(plain));
		OK(card_cipher(old->clear->type, des ? CARD_ECB : CARD_CBC, false, &key, NULL, p,
			len, plain, &err));
		/* Raw bytes, with whatever parity they have. */
		assert_memory_equal(plain, fresh->keys[role].data, fresh->clear->key_len);
		p += len;
		assert_int_equal(*p++, CARD_KCV_SIZE);
		OK(fresh->clear->ops->kcv(fresh->clear, role, kcv, &err));
		assert_memory_equal(p, kcv, CARD_KCV_SIZE);
		p += CARD_KCV_SIZE;
	}
	assert_ptr_equal(p, end);
}

static void put_under(struct card_keys *holder, struct twice *old, struct twice *fresh)
{
	const struct gp_put_keys how = {.version = 0x21, .replace = 0x20};
	struct scp_init init = init_of(old->clear, false, 3);
	unsigned char kcvs[CARD_ROLES][CARD_KCV_SIZE];
	BUF_AUTO struct buf data = {0};
	struct scp scp = {0};

	OK(scp_open(&scp, &init, holder, SCP_C_MAC, &err));
	OK(gp_put_keys_data(&how, &scp.dek, holder, fresh->hsm, &data, kcvs, &err));
	check_put_key(&data, &scp.dek, old, fresh);
	scp_close(&scp);
}

/* ---- where it happens ---- */

static bool is_none(size_t s)
{
	return strcmp(sets[s].div, "none") == 0;
}

/* AN10922 joins two halves for AES-192; a DES key version is put into clear bytes. */
static bool divided_by_host(size_t s)
{
	return (strcmp(sets[s].div, "an10922") == 0 && sets[s].alg == KEY_AES192) ||
	       strstr(sets[s].div, "version=");
}

static bool put_by_host(const struct fixture *f, size_t old, size_t fresh, bool initial)
{
	if (sets[old].alg == KEY_TDEA2)
		return !f->nss;
	/* A master that is the card's key cannot wrap; SoftHSM does not fill up typed keys. */
	return (!initial && is_none(old)) ||
	       (!f->nss && is_none(fresh) && sets[fresh].alg == KEY_AES192);
}

static void check_where(const struct fixture *f, size_t old, size_t fresh, bool initial,
	const struct card_keys *keys)
{
	const char *text = op_card_keys_host_assisted(keys);

	if (put_by_host(f, old, fresh, initial)) {
		assert_non_null(text);
		assert_non_null(strstr(text, sets[old].alg == KEY_TDEA2 ? "PUT KEY under SCP02"
									: "PUT KEY under SCP03"));
	} else if (divided_by_host(fresh)) {
		assert_string_equal(text, "diversification");
	} else if (text) {
		fail_msg("%s under %s: %s", sets[fresh].name, sets[old].name, text);
	}
}

static bool said_host(struct fixture *f, struct twice *old, struct twice *fresh)
{
	char officer[] = "ana";
	struct op op = {.site = f->site, .officers = {officer}, .overrides = json_array()};
	bool weak =
		op_card_masters_info(old->masters)->alg < op_card_masters_info(fresh->masters)->alg;

	f->site->override_reason = "the card had shorter keys";
	OK(op_card_keys_may_wrap(&op, old->hsm, fresh->hsm, &err));
	f->site->override_reason = NULL;
	assert_int_equal(json_array_size(op.overrides), weak ? 1 : 0);
	json_decref(op.overrides);
	return op.host_assisted;
}

static size_t pair(struct fixture *f, size_t o, size_t n)
{
	struct twice old = both(f, o), fresh = both(f, n);
	struct card_keys *initial = NULL, *taken = NULL;

	assert_int_equal(said_host(f, &old, &fresh),
		put_by_host(f, o, n, false) || divided_by_host(o) || divided_by_host(n));
	put_under(old.hsm, &old, &fresh);
	check_where(f, o, n, false, fresh.hsm);
	/* The same old keys as a vendor would hand them over. */
	card_keys_free(fresh.hsm);
	OK(op_card_keys_derive(fresh.masters, kdd, sets[n].kdd_len, &fresh.hsm, &err));
	OK(card_keys_clear("vendor's", old.clear->type, old.keys, &taken, &err));
	OK(op_card_keys_initial(f->site, taken, &initial, &err));
	put_under(initial, &old, &fresh);
	check_where(f, o, n, true, fresh.hsm);
	card_keys_free(initial);
	free_twice(&old);
	free_twice(&fresh);
	return 1;
}

static void every_method_as_in_clear(void **state)
{
	struct fixture *f = *state;

	for (size_t s = 0; s < SETS; s++) {
		struct twice t = both(f, s);
		size_t o = (s + 1) % SETS;
		struct twice other = both(f, o);

		same_kcvs(&t);
		sessions_agree(&t, &other);
		free_twice(&t);
		free_twice(&other);
	}
}

static void every_put_key_decrypts(void **state)
{
	struct fixture *f = *state;
	size_t des = at("DesVisa2"), aes = at("A128Kdf1"), pairs = 0;

	/* Every set as the new one, every set as the old one, and AES keys under SCP02. */
	for (size_t s = 0; s < SETS; s++) {
		bool is_des = sets[s].alg == KEY_TDEA2;

		pairs += pair(f, is_des ? des : aes, s);
		pairs += pair(f, s, is_des ? at("DesEmv1") : at("A256Kdf2"));
	}
	pairs += pair(f, at("A256Kdf1"), at("A192Kdf1"));
	pairs += pair(f, at("A192Kdf1"), at("A192None1"));
	pairs += pair(f, des, at("A192Kdf1"));
	pairs += pair(f, des, at("A256An1"));
	print_message("%zu pairs of sets\n", pairs);
}

/* ---- recorded sessions, their keys as undiversified masters ---- */

static void as_recorded(const struct vec *v, const char *path, const struct secret *key)
{
	struct vec_bytes want;

	if (!key->len || !vec_has(v, path))
		return;
	want = vec_hex(v, path);
	vec_equal(v, path, key->data, key->len, &want);
}

static enum key_alg alg_of(unsigned protocol, size_t key_len)
{
	if (protocol == 2)
		return KEY_TDEA2;
	return key_len == 16 ? KEY_AES128 : key_len == 24 ? KEY_AES192 : KEY_AES256;
}

static void opens_as_recorded(struct fixture *f, const struct vec *v, size_t number)
{
	static const char *const names[CARD_ROLES] = {
		"inputs.key_enc", "inputs.key_mac", "inputs.key_dek"};
	struct vec_bytes answer = vec_hex(v, "inputs.initialize_update_response");
	struct vec_bytes challenge = vec_hex(v, "inputs.host_challenge");
	struct vec_bytes level = vec_hex(v, "inputs.security_level");
	struct vec_bytes cryptogram = vec_hex(v, "expected.host_cryptogram");
	OP_CARD_MASTERS_AUTO struct op_card_masters *masters = NULL;
	CARD_KEYS_AUTO struct card_keys *keys = NULL;
	struct secret values[CARD_ROLES] = {{0}};
	struct scp_init init;
	struct scp scp = {0};
	char name[32];

	/* Some entries have the status word in it. */
	if (answer.data[answer.len - 2] == 0x90 && (answer.len == 30 || answer.len == 34))
		answer.len -= 2;
	OK(scp_init_parse(
		challenge.data, challenge.len, 0x55, answer.data, answer.len, &init, &err));
	for (size_t i = 0; i < CARD_ROLES; i++)
		vec_secret(v, names[i], &values[i]);
	snprintf(name, sizeof(name), "Vector%zu", number);
	add_set(f, name, "none", alg_of(init.scp, values[0].len), values, false);
	OK(op_card_masters_open(f->site, NULL, name, OP_CARD_OLD, &masters, &err));
	OK(op_card_keys_derive(masters, init.kdd, SCP_KDD_SIZE, &keys, &err));
	OK(scp_open(&scp, &init, keys, level.data[0], &err));
	as_recorded(v, "expected.s_enc", &scp.enc);
	as_recorded(v, "expected.s_mac", &scp.mac);
	as_recorded(v, "expected.s_rmac", &scp.rmac);
	vec_equal(v, "host cryptogram", scp.host_cryptogram, init.challenge_len, &cryptogram);
	scp_close(&scp);
	for (size_t i = 0; i < CARD_ROLES; i++)
		secret_free(&values[i]);
}

static void recorded_sessions_open(void **state)
{
	json_t *file = vec_load(VECTORS_DIR "/globalplatform.json");
	struct fixture *f = *state;
	size_t count = 0;

	for (size_t i = 0; i < json_array_size(file); i++) {
		struct vec v = vec_at(file, i);

		if (!vec_has(&v, "inputs.key_enc") || !vec_has(&v, "expected.host_cryptogram"))
			continue;
		opens_as_recorded(f, &v, i);
		count++;
	}
	print_message("%zu recorded sessions\n", count);
	assert_true(count >= 20);
	json_decref(file);
}

/* ---- the connection, and what is left behind ---- */

static void survives_a_lost_connection(void **state)
{
	struct fixture *f = *state;
	struct twice t = both(f, at("A128Kdf1"));
	unsigned char kcv[CARD_KCV_SIZE], again[CARD_KCV_SIZE];
	struct scp_init init = init_of(t.clear, false, 5);
	size_t index;

	OK(t.hsm->ops->kcv(t.hsm, CARD_MAC, kcv, &err));
	f->site->hsm->p11->C_CloseAllSessions(f->site->hsm->slot);
	expect_err(&err, scp_match(&init, &t.hsm, 1, &index, &err), KMS_ERR_STATE,
		"was lost with the connection");
	card_keys_free(t.hsm);
	OK(op_card_keys_derive(t.masters, kdd, 10, &t.hsm, &err));
	OK(t.hsm->ops->kcv(t.hsm, CARD_MAC, again, &err));
	assert_memory_equal(kcv, again, CARD_KCV_SIZE);
	same_session(&t, &init);
	free_twice(&t);
}

static size_t session_objects(struct fixture *f)
{
	static const CK_BBOOL no = CK_FALSE;
	CK_OBJECT_CLASS secret = CKO_SECRET_KEY;
	CK_ATTRIBUTE match[] = {{CKA_TOKEN, (void *)(uintptr_t)&no, sizeof(no)},
		{CKA_CLASS, &secret, sizeof(secret)}};
	CK_OBJECT_HANDLE list[64];
	struct hsm_session s;
	size_t count = 0;
	CK_RV rv;

	OK(hsm_borrow(f->site->hsm, &s, &rv, &err));
	assert_int_equal(rv, CKR_OK);
	assert_int_equal(hsm_raw_find(f->site->hsm, s.handle, match, 2, list, 64, &count), CKR_OK);
	hsm_give_back(f->site->hsm, &s, CKR_OK);
	return count;
}

/* ---- calls of PKCS#11 ---- */

static size_t calls(const struct fixture *f)
{
	FILE *log = fopen(f->log, "r");
	size_t lines = 0;

	assert_non_null(log);
	for (int c = getc(log); c != EOF; c = getc(log))
		lines += c == '\n';
	fclose(log);
	return lines;
}

/* One card: what the change engine asks of the keys of a replacement with its proof. */
static void replace(struct twice *old, struct twice *fresh)
{
	const struct gp_put_keys how = {.version = 0x20, .replace = 0x20};
	struct scp_init before = init_of(old->clear, false, 6),
			after = init_of(fresh->clear, false, 7);
	unsigned char kcvs[CARD_ROLES][CARD_KCV_SIZE];
	struct card_keys *candidates[] = {old->hsm, fresh->hsm}, *turned[] = {fresh->hsm, old->hsm};
	BUF_AUTO struct buf data = {0};
	struct scp scp = {0};
	size_t index;

	OK(scp_match(&before, candidates, 2, &index, &err));
	OK(scp_open(&scp, &before, old->hsm, scp_level_best(before.scp, before.i), &err));
	OK(gp_put_keys_data(&how, &scp.dek, old->hsm, fresh->hsm, &data, kcvs, &err));
	scp_close(&scp);
	OK(scp_match(&after, turned, 2, &index, &err));
	assert_int_equal(index, 0);
	expect_err(
		&err, scp_match(&after, &old->hsm, 1, &index, &err), KMS_ERR_MISMATCH, "none of 1");
	OK(scp_open(&scp, &after, fresh->hsm, scp_level_best(after.scp, after.i), &err));
	scp_close(&scp);
}

static size_t calls_per_card(struct fixture *f, const char *from, const char *to)
{
	struct twice old = both(f, at(from)), fresh = both(f, at(to));
	size_t before = 0, objects = session_objects(f), count = 0;

	/* The first card also reads what the series keeps. */
	for (unsigned card = 0; card < 3; card++) {
		before = calls(f);
		card_keys_free(old.hsm);
		card_keys_free(fresh.hsm);
		OK(op_card_keys_derive(old.masters, kdd, sets[at(from)].kdd_len, &old.hsm, &err));
		OK(op_card_keys_derive(fresh.masters, kdd, sets[at(to)].kdd_len, &fresh.hsm, &err));
		replace(&old, &fresh);
		count = calls(f) - before;
	}
	card_keys_free(old.hsm);
	card_keys_free(fresh.hsm);
	old.hsm = fresh.hsm = NULL;
	/* Whatever was made for a card is gone with its sets. */
	assert_int_equal(session_objects(f), objects);
	free_twice(&old);
	free_twice(&fresh);
	return count;
}

static void few_calls_per_card(void **state)
{
	static const struct {
		const char *from, *to, *what;
		size_t softhsm, softokn;
	} rows[] = {
		{"A128Kdf1", "A128Kdf2", "SCP03 AES-128 kdf3", 45, 45},
		{"A256Kdf1", "A256Kdf2", "SCP03 AES-256 kdf3", 63, 63},
		{"DesVisa2", "DesEmv1", "SCP02 2TDEA visa2", 55, 43},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t count = calls_per_card(f, rows[i].from, rows[i].to);

		print_message("%s replace on %s: %zu calls of PKCS#11 a card\n", rows[i].what,
			f->nss ? "NSS" : "SoftHSM", count);
		assert_true(count <= (f->nss ? rows[i].softokn : rows[i].softhsm));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_method_as_in_clear),
		cmocka_unit_test(every_put_key_decrypts),
		cmocka_unit_test(recorded_sessions_open),
		cmocka_unit_test(few_calls_per_card),
		cmocka_unit_test(survives_a_lost_connection),
	};

	return on_both(tests, sizeof(tests) / sizeof(tests[0]));
}
