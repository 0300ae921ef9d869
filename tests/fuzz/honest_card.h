/* SPDX-License-Identifier: Apache-2.0 */
/* What fuzzed cards answer where they shall be honest, or no input would come further. */
#ifndef FUZZ_HONEST_CARD_H
#define FUZZ_HONEST_CARD_H

#include "card/scp02.h"
#include "card/scp03.h"

#include <stdlib.h>
#include <string.h>

/* Public test keys, three alike: 16 bytes from `first` on. */
static inline struct card_keys *honest_keys(bool aes, unsigned char first)
{
	struct secret keys[CARD_ROLES] = {{0}};
	struct card_keys *ret = NULL;
	unsigned char bytes[16];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(first + i);
	for (size_t i = 0; i < CARD_ROLES; i++)
		if (secret_copy(&keys[i], bytes, sizeof(bytes), NULL))
			abort();
	if (card_keys_clear("fuzz", aes ? CARD_KEY_AES : CARD_KEY_DES, keys, &ret, NULL))
		abort();
	for (size_t i = 0; i < CARD_ROLES; i++)
		secret_free(&keys[i]);
	return ret;
}

/* The answer to INITIALIZE UPDATE (SCP02 i=75, SCP03 i as given) of a card that holds these keys. */
static inline size_t honest_init(struct card_keys *keys, unsigned i, unsigned version,
	const unsigned char *command, unsigned char *out)
{
	bool scp03 = keys->type == CARD_KEY_AES;
	struct scp_init init = {.scp = scp03 ? 3 : 2, .challenge_len = command[4]};
	size_t n = 0, c = init.challenge_len;

	init.i = scp03 ? i : 0x75;
	memcpy(init.host_challenge, command + 5, c);
	memset(init.card_challenge, 0x22, c);
	memset(init.sequence, 0x22, 2);
	if (scp03 ? scp03_card_cryptogram(&init, keys, init.cryptogram, NULL)
		  : scp02_card_cryptogram(&init, keys, init.cryptogram, NULL))
		abort();
	memset(out, 0, 10);
	n = 10;
	out[n++] = (unsigned char)version;
	out[n++] = (unsigned char)init.scp;
	if (scp03)
		out[n++] = (unsigned char)i;
	memcpy(out + n, init.card_challenge, c);
	memcpy(out + n + c, init.cryptogram, c);
	n += 2 * c;
	out[n++] = 0x90;
	out[n++] = 0x00;
	return n;
}

#endif
