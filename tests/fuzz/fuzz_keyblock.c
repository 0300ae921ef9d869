/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text is a key block or is not. One that is, its parts are the text again; it opens under no key
 * but its own, and so never under this program's but for the blocks of the corpus that are.
 */
#include "keys/keyblock.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(enum kms_status st)
{
	if (st)
		abort();
}

static void check_parts(const struct key_block *block, const char *text, size_t size)
{
	const char *at = text + KEY_BLOCK_HEADER;

	for (size_t i = 0; i < block->option_count; i++) {
		const struct key_block_option *o = &block->options[i];

		if (o->data < at + 4 || o->data > text + size)
			abort();
		at = o->data + o->len;
		if (key_block_option(block, o->id) != o)
			abort();
	}
	if ((size_t)(at - text) != block->header_len ||
		block->header_len + 2 * (block->payload_len + block->mac_len) != size)
		abort();
}

static void check_open(const struct key_block *block, enum key_alg alg, const unsigned char *bytes)
{
	struct key_block_clear clear __attribute__((cleanup(key_block_clear_free))) = {0};
	SECRET_AUTO struct secret kbpk = {0}, key = {0};
	struct key_block_engine engine;
	struct kms_err err = {0};

	must(secret_copy(&kbpk, bytes, key_alg_info(alg)->length, &err));
	must(key_block_clear(alg, &kbpk, &clear, &engine, &err));
	if (key_block_open(block, &engine, &key, &err)) {
		if (key.data || !err.msg[0] || err.code == KMS_ERR_INTERNAL)
			abort();
	} else if (key.len == 0 || key.len > block->payload_len - 2) {
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Of v102 and v105 in tests/vectors: their blocks are in the corpus. */
	static const unsigned char tdea[] = {0xDD, 0x75, 0x15, 0xF2, 0xBF, 0xC1, 0x7F, 0x85, 0xCE,
		0x48, 0xF3, 0xCA, 0x25, 0xCB, 0x21, 0xF6};
	static const unsigned char aes[] = {0x88, 0xE1, 0xAB, 0x2A, 0x2E, 0x3D, 0xD3, 0x8C, 0x1F,
		0xA0, 0x39, 0xA5, 0x36, 0x50, 0x0C, 0xC8, 0xA8, 0x7A, 0xB9, 0xD6, 0x2D, 0xC9, 0x2C,
		0x01, 0x05, 0x8F, 0xA7, 0x9F, 0x44, 0x65, 0x7D, 0xE6};
	const char *text = (const char *)data;
	struct key_block block;
	struct kms_err err = {0};

	must(secret_heap_open(NULL));
	if (key_block_parse(text, size, &block, &err)) {
		if (err.code != KMS_ERR_INVALID || !err.msg[0])
			abort();
		return 0;
	}
	check_parts(&block, text, size);
	if (key_block_is_master(&block, KEY_AES256, KEY_AES128, 0x20, NULL, &err) &&
		err.code != KMS_ERR_DENIED)
		abort();
	check_open(&block, KEY_TDEA2, tdea);
	check_open(&block, KEY_AES256, aes);
	return 0;
}
