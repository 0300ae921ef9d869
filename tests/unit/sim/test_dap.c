/* SPDX-License-Identifier: Apache-2.0 */
/* DAP verification: GPCS 9.3.5, C.3, by domains that ask for their own or for everyone's load files. */
#include "sim/registry.h"
#include "unit/sim/authority.h"

struct fixture {
	struct host h;
	struct signer key;
	unsigned char hash[64];
	size_t hash_len;
	unsigned char file[1024]; /* DAP blocks, then the load file data block */
	size_t len;
};

static void hash_with(struct fixture *f, const char *name)
{
	unsigned char block[64];
	size_t len = load_block(block, sizeof(block));

	f->hash_len = digest(name, block, len, f->hash);
}

/* A card with a domain of those privileges and that key; the ISD's session is open. */
static void start(struct fixture *f, const char *privileges, struct signer key)
{
	*f = (struct fixture){.key = key};
	host_card(&f->h, "gp23-scp03", NULL);
	make_domain(&f->h, SSD, privileges);
	assert_int_equal(put_signer(&f->h, 0, 0x73, 1, &key), 0x9000);
	open_issuer(&f->h);
	hash_with(f, "SHA256");
}

static void end(struct fixture *f)
{
	signer_free(&f->key);
	host_close(&f->h);
}

static void add_dap(struct fixture *f, const char *aid, const struct signer *key)
{
	f->len += dap_block(aid, key, f->hash, f->hash_len, f->file + f->len);
}

static void add_block(struct fixture *f)
{
	f->len += load_file(f->file + f->len, sizeof(f->file) - f->len);
}

/* INSTALL [for load] to the domain ("": the ISD), LOAD; the last status, then nothing if it failed. */
static unsigned load(struct fixture *f, const char *domain, bool with_hash)
{
	const unsigned char header[4] = {0x80, 0xE6, 0x02, 0x00};
	unsigned char fields[128];
	size_t files = f->h.card->nv.elf_count,
	       len = load_fields(domain, f->hash, with_hash ? f->hash_len : 0, fields);

	fields[len++] = 0; /* no token */
	assert_int_equal(host_command(&f->h, header, fields, len), 0x9000);
	host_response_is(&f->h, "00");
	send_file(&f->h, f->file, f->len);
	f->len = 0;
	assert_int_equal(f->h.card->nv.elf_count, files + (f->h.sw == 0x9000));
	return f->h.sw;
}

static void unload(struct fixture *f)
{
	host_must(&f->h, "80E40000084F06A00000000310", 0x9000);
}

/* Its own load files, with each kind of key. */
static void test_own(void **state)
{
	struct signer keys[] = {signer_aes(16, 1), signer_aes(24, 2), signer_aes(32, 3),
		signer_des(4), signer_ec("P-256")};

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		struct fixture f;

		start(&f, "C08000", keys[i]);
		add_dap(&f, SSD, &f.key);
		add_block(&f);
		assert_int_equal(load(&f, SSD, true), 0x9000);
		host_response_is(&f.h, "00"); /* no confirmation: GPCS 11.6.3.1 */
		assert_true(sim_aid_equal(&f.h.card->nv.elfs[1].domain, &entry_of(&f.h, SSD)->aid));
		unload(&f);
		/* Missing; for the ISD it is not asked for; there all the same, it is verified. */
		add_block(&f);
		assert_int_equal(load(&f, SSD, true), 0x6985);
		add_block(&f);
		assert_int_equal(load(&f, "", true), 0x9000);
		unload(&f);
		add_dap(&f, SSD, &f.key);
		add_block(&f);
		assert_int_equal(load(&f, "", true), 0x9000);
		unload(&f);
		/* Wrong, at its first and last byte, and of another length. */
		for (int spoil = 0; spoil < 2; spoil++) {
			add_dap(&f, SSD, &f.key);
			f.file[spoil ? f.len - 1 : 14] ^= 0x01;
			add_block(&f);
			assert_int_equal(load(&f, i & 1 ? SSD : "", true), 0x6982);
		}
		add_dap(&f, SSD, &f.key);
		f.file[1]--;
		f.file[13]--;
		f.len--;
		add_block(&f);
		assert_int_equal(load(&f, SSD, true), 0x6982);
		end(&f);
	}
}

/* What a DAP is over, and what must be there with it. */
static void test_hash(void **state)
{
	static const char *const names[] = {"SHA1", "SHA256", "SHA384", "SHA512"};
	struct fixture f;

	(void)state;
	start(&f, "C08000", signer_ec("P-256"));
	for (size_t i = 0; i < 4; i++) {
		hash_with(&f, names[i]);
		add_dap(&f, SSD, &f.key);
		add_block(&f);
		/* GPCS Table C-3: SHA-1 is too weak for a DAP that hashes with SHA-256. */
		assert_int_equal(load(&f, SSD, true), i == 0 ? 0x6A80 : 0x9000);
		if (i > 0)
			unload(&f);
	}
	/* A DAP block without the hash: GPCS 9.2.2. */
	add_dap(&f, SSD, &f.key);
	add_block(&f);
	assert_int_equal(load(&f, SSD, false), 0x6985);
	/* A DAP that is right for a hash that is not the file's. */
	f.hash[0] ^= 1;
	add_dap(&f, SSD, &f.key);
	add_block(&f);
	assert_int_equal(load(&f, SSD, true), 0x6A80);
	f.hash[0] ^= 1;
	end(&f);

	start(&f, "C08000", signer_aes(16, 5));
	hash_with(&f, "SHA1"); /* CMAC hashes nothing */
	add_dap(&f, SSD, &f.key);
	add_block(&f);
	assert_int_equal(load(&f, SSD, true), 0x9000);
	end(&f);
}

/* Blocks for whom nothing can be verified. */
static void test_whose(void **state)
{
	struct signer other = signer_aes(16, 77);
	struct fixture f;

	(void)state;
	start(&f, "C08000", signer_aes(16, 6));
	/* By another key; under the name of a domain that is not there, or has no such privilege. */
	add_dap(&f, SSD, &other);
	add_block(&f);
	assert_int_equal(load(&f, SSD, true), 0x6982);
	add_dap(&f, SSD_OTHER, &f.key);
	add_block(&f);
	assert_int_equal(load(&f, "", true), 0x6985);
	add_dap(&f, ISD, &f.key);
	add_block(&f);
	assert_int_equal(load(&f, "", true), 0x6985);
	/* Another domain's is right, but the one that asks has none. */
	make_domain(&f.h, SSD_OTHER, "C08000");
	open_issuer(&f.h);
	add_dap(&f, SSD_OTHER, &other);
	add_block(&f);
	assert_int_equal(load(&f, "", true), 0x6985); /* it has no key yet: C.1.2 */
	open_domain(&f.h, SSD_OTHER);
	assert_int_equal(put_signer(&f.h, 0, 0x73, 1, &other), 0x9000);
	open_issuer(&f.h);
	add_dap(&f, SSD_OTHER, &other);
	add_block(&f);
	assert_int_equal(load(&f, SSD, true), 0x6985);
	/* Both, in either order; one of the two wrong. */
	for (int order = 0; order < 2; order++) {
		add_dap(&f, order ? SSD : SSD_OTHER, order ? &f.key : &other);
		add_dap(&f, order ? SSD_OTHER : SSD, order ? &other : &f.key);
		add_block(&f);
		assert_int_equal(load(&f, SSD, true), 0x9000);
		unload(&f);
		add_dap(&f, SSD, &f.key);
		add_dap(&f, SSD_OTHER, &other);
		f.file[f.len - 1] ^= 1;
		add_block(&f);
		assert_int_equal(load(&f, SSD, true), 0x6982);
	}
	/* A locked domain verifies nothing and gets nothing: GPCS 5.3.2.4. */
	host_must(&f.h, "80F0408008" SSD, 0x9000);
	add_dap(&f, SSD, &f.key);
	add_block(&f);
	assert_int_equal(load(&f, "", true), 0x6985);
	host_must(&f.h, "80E6020013 06A00000000310 08" SSD "00 00 00", 0x6985);
	end(&f);
}

static void test_malformed(void **state)
{
	unsigned char good[200];
	struct fixture f;
	size_t len;

	(void)state;
	start(&f, "C08000", signer_aes(16, 7));
	add_dap(&f, SSD, &f.key);
	len = f.len;
	memcpy(good, f.file, len);
	static const struct {
		size_t at;
		unsigned char is;
	} rows[] = {
		{1, 0x1B},  /* the block a byte shorter than what is in it */
		{1, 0x1D},  /* … longer */
		{2, 0x4E},  /* no AID */
		{3, 0x04},  /* an AID of four bytes, and then nonsense */
		{12, 0xC2}, /* no signature */
		{13, 0x0F}, /* and a byte behind it */
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memcpy(f.file, good, len);
		f.file[rows[i].at] = rows[i].is;
		f.len = len;
		add_block(&f);
		assert_int_equal(load(&f, "", true), 0x6A80);
	}
	/* No load file data block, a DAP behind it, one ciphered. */
	memcpy(f.file, good, len);
	f.len = len;
	assert_int_equal(load(&f, "", true), 0x6A80);
	add_block(&f);
	add_dap(&f, SSD, &f.key);
	assert_int_equal(load(&f, "", true), 0x6A80);
	add_dap(&f, SSD, &f.key);
	add_block(&f);
	f.file[len] = 0xD4;
	assert_int_equal(load(&f, SSD, true), 0x6A80);
	end(&f);
}

/* Mandated: everyone's load files, from when the domain is PERSONALIZED. */
static void test_mandated(void **state)
{
	struct host_keys keys = host_test_keys();
	struct signer key = signer_ec("P-256");
	struct fixture f = {.key = key};

	(void)state;
	host_card(&f.h, "gp23-scp03", NULL);
	hash_with(&f, "SHA256");
	open_issuer(&f.h);
	assert_int_equal(install_domain(&f.h, SSD, "C18000"), 0x9000);
	add_block(&f);
	assert_int_equal(load(&f, "", false), 0x9000);
	unload(&f);
	select_domain(&f.h, SSD);
	assert_int_equal(host_open(&f.h, 0, 0x33, &keys), 0x9000);
	assert_int_equal(put_signer(&f.h, 0, 0x73, 1, &f.key), 0x9000);
	assert_int_equal(entry_of(&f.h, SSD)->life, SIM_SELECTABLE); /* no channel of its own yet */
	open_issuer(&f.h);
	add_block(&f);
	assert_int_equal(load(&f, "", false), 0x9000);
	unload(&f);
	select_domain(&f.h, SSD);
	assert_int_equal(host_open(&f.h, 0, 0x33, &keys), 0x9000);
	host_must(&f.h, "80F0400F08" SSD, 0x9000);
	open_issuer(&f.h);
	add_block(&f);
	assert_int_equal(load(&f, "", true), 0x6985);
	add_block(&f);
	assert_int_equal(load(&f, "", false), 0x6985);
	add_dap(&f, SSD, &f.key);
	add_block(&f);
	assert_int_equal(load(&f, "", true), 0x9000);
	unload(&f);
	/* To a domain that asks for its own: both. */
	make_domain(&f.h, SSD_OTHER, "C08000");
	struct signer other = signer_aes(16, 8);

	assert_int_equal(put_signer(&f.h, 0, 0x73, 1, &other), 0x9000);
	open_issuer(&f.h);
	add_dap(&f, SSD_OTHER, &other);
	add_block(&f);
	assert_int_equal(load(&f, SSD_OTHER, true), 0x6985);
	add_dap(&f, SSD, &f.key);
	add_block(&f);
	assert_int_equal(load(&f, SSD_OTHER, true), 0x6985);
	add_dap(&f, SSD_OTHER, &other);
	add_dap(&f, SSD, &f.key);
	add_block(&f);
	assert_int_equal(load(&f, SSD_OTHER, true), 0x9000);
	/* No load file gets to such a domain past its DAP: GPCS 9.4.1. */
	unload(&f);
	add_dap(&f, SSD, &f.key);
	add_block(&f);
	assert_int_equal(load(&f, "", true), 0x9000);
	host_must(&f.h, "80E6100014 08" SSD_OTHER "00 06A00000000310 00 00 00", 0x6985);
	/* Without its key nothing can be loaded any more. */
	unload(&f);
	select_domain(&f.h, SSD);
	assert_int_equal(host_open(&f.h, 0, 0x33, &keys), 0x9000);
	host_must(&f.h, "80E4000003D20173", 0x9000);
	open_issuer(&f.h);
	add_dap(&f, SSD, &f.key);
	add_block(&f);
	assert_int_equal(load(&f, "", true), 0x6985);
	end(&f);
}

/* GPCS Tables 6-1 and 11-7 to 11-9; 6.6.2. */
static void test_privileges(void **state)
{
	static const struct {
		const char *privileges;
		unsigned sw;
	} rows[] = {
		{"400000", 0x6A80}, /* DAP Verification of no security domain */
		{"200000", 0x6A80}, /* Delegated Management */
		{"010000", 0x6A80}, /* Mandated DAP Verification */
		{"410000", 0x6A80},
		{"004000", 0x6A80}, /* Authorized Management */
		{"810000", 0x6A80}, /* Mandated DAP Verification without DAP Verification */
		{"A04000", 0x6A80}, /* Delegated and Authorized Management */
		{"A02000", 0x6A80}, /* … and Token Verification */
		{"A00080", 0x6A80}, /* … and Receipt Generation */
		{"A08000", 0x9000},
		{"C08000", 0x9000},
		{"C18000", 0x9000},
		{"E18000", 0x9000},
		{"80E080", 0x9000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct host h;

		host_card(&h, "gp23-scp03", NULL);
		open_issuer(&h);
		if (install_domain(&h, SSD, rows[i].privileges) != rows[i].sw)
			fail_msg("%s: %04X", rows[i].privileges, h.sw);
		assert_int_equal(h.card->nv.entry_count, rows[i].sw == 0x9000 ? 2 : 1);
		host_close(&h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own),
		cmocka_unit_test(test_hash),
		cmocka_unit_test(test_whose),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_mandated),
		cmocka_unit_test(test_privileges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
