/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of key blocks. */
#ifndef KEYS_KEYBLOCK_INT_H
#define KEYS_KEYBLOCK_INT_H

#include <stddef.h>

enum key_block_form {
	KEY_BLOCK_PRINTABLE,
	KEY_BLOCK_HEX,
	KEY_BLOCK_ALNUM,
	KEY_BLOCK_TIME,
};

/* An optional block that the standard defines. */
struct key_block_option_row {
	const char *id;
	const char *what;
	const char *holds; /* for messages */
	enum key_block_form form;
	unsigned short min, max; /* characters */
};

/* NULL for what is not known here: it is kept and MACed all the same. */
const struct key_block_option_row *key_block_option_row(const char *id);

#endif
