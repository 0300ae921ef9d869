/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A card that answers as it likes through a whole replacement of keys: the input is its answers, one
 * after the other, a byte of length before each. INITIALIZE UPDATE may be answered honestly, or no
 * input would come further.
 */
#include "card/gp.h"
#include "card/script.h"
#include "fuzz/honest_card.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);

struct fuzz_card {
	const uint8_t *at;
	size_t left;
	unsigned mode; /* first byte: bit 0 SCP03, bit 1 S16, bit 2 honest, bit 3 session is open */
	struct card_keys *keys;
	size_t commands;
};

static size_t answer(
	void *ctx, const unsigned char *command, size_t len, unsigned char *out, size_t max)
{
	struct fuzz_card *f = ctx;
	size_t n;

	if (len < 4 || ++f->commands > 4000)
		abort();
	if (f->mode & 4 && command[1] == GP_INITIALIZE_UPDATE)
		return honest_init(f->keys, 0x60u | (f->mode >> 1 & 1), 0x30, command, out);
	if (f->mode & 4 && command[1] == GP_EXTERNAL_AUTHENTICATE) {
		memcpy(out, "\x90\x00", 2);
		return 2;
	}
	if (f->left == 0)
		return 0;
	n = *f->at++;
	f->left--;
	if (n > f->left)
		n = f->left;
	if (n > max)
		abort();
	memcpy(out, f->at, n);
	f->at += n;
	f->left -= n;
	return n;
}

/* Every call may fail, none may misbehave. */
static void ignore(enum kms_status st)
{
	(void)st;
}

static void replace_keys(struct gp *gp, struct fuzz_card *f)
{
	static struct gp_registry registry;
	const struct gp_put_keys how = {.version = 1, .replace = 1};
	bool s16 = (f->mode & 3) == 3;
	struct gp_recognition recognition;
	struct gp_key_list list;
	struct scp_init init;
	struct gp_cplc cplc;
	struct gp_fci fci;
	unsigned level, sequence;

	ignore(gp_select(gp, NULL, &fci, NULL));
	ignore(gp_get_cplc(gp, &cplc, NULL));
	ignore(gp_get_recognition(gp, &recognition, NULL));
	ignore(gp_get_key_list(gp, &list, NULL));
	ignore(gp_get_sequence(gp, &sequence, NULL));
	if (gp_initialize_update(gp, 0, s16 ? 16 : 8, 0x75, &init, NULL))
		return;
	level = scp_level_best(init.scp, init.i);
	if (f->mode & 8)
		level &= SCP_C_MAC | SCP_C_DEC; /* answers without a MAC come through */
	if (gp_external_authenticate(gp, &init, f->keys, level, NULL))
		return;
	ignore(gp_get_status(gp, GP_STATUS_APPLICATIONS, &registry, NULL));
	ignore(gp_put_keys(gp, &how, f->keys, NULL));
	ignore(gp_delete_keys(gp, 2, NULL));
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
	struct fuzz_card f = {0};
	struct card_link *link;
	struct gp gp;

	if (size == 0)
		return 0;
	f.mode = data[0];
	f.at = data + 1;
	f.left = size - 1;
	f.keys = honest_keys(f.mode & 1, 0x40);
	if (card_fake_open(answer, &f, &link, NULL))
		abort();
	gp_open(&gp, link);
	replace_keys(&gp, &f);
	if (gp.scp.authenticated && !gp.scp.protocol)
		abort();
	gp_close(&gp);
	card_link_close(link);
	card_keys_free(f.keys);
	return 0;
}
