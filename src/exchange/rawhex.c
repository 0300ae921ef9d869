/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/rawhex.h"

#include "base/hex.h"
#include "exchange/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_LINE "cardkms raw hex"

enum { LISTING_MAX = 1 << 18, WORDS_MAX = 8, BYTES_A_LINE = 8, BYTES_A_GROUP = 2 };

static const char *mode_name(enum key_wrapping wrapping)
{
	return wrapping == KEY_WRAP_ECB ? "ecb" : "cbc";
}

/* ---- writing ---- */

static enum kms_status append_checked(struct buf *text, const char *name, const char *label,
	enum key_alg alg, const struct key_kcv *kcv, struct kms_err *err)
{
	char value[KEY_KCV_TEXT_SIZE];

	key_kcv_print(kcv, value);
	return buf_printf(text, err, "%s  %s  %s  %s  %s\n", name, label, key_alg_name(alg), value,
		key_kcv_method_name(kcv->method));
}

static enum kms_status append_block(
	struct buf *text, const unsigned char *block, size_t len, struct kms_err *err)
{
	char hex[2 * BYTES_A_GROUP + 1];
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < len; i += BYTES_A_GROUP) {
		bool last = i + BYTES_A_GROUP >= len || (i + BYTES_A_GROUP) % BYTES_A_LINE == 0;

		hex_encode(block + i, BYTES_A_GROUP, hex);
		st = buf_printf(
			text, err, "%s%s%s", i % BYTES_A_LINE ? " " : "  ", hex, last ? "\n" : "");
	}
	return st;
}

enum kms_status doc_rawhex_write(
	const struct doc_package *package, struct buf *ret_text, struct kms_err *err)
{
	BUF_AUTO struct buf text = {0};
	enum kms_status st;

	if (package->wrapping != KEY_WRAP_ECB && package->wrapping != KEY_WRAP_CBC)
		return kms_fail(err, KMS_ERR_INVALID,
			"keys wrapped by %s cannot be listed as raw hex: only ECB and CBC can",
			key_wrapping_name(package->wrapping));
	if ((st = buf_printf(&text, err, FIRST_LINE "\npackage  %s\n", package->id)) ||
		(st = append_checked(&text, "transport", package->transport.label,
			 package->transport.alg, &package->transport.kcv, err)) ||
		(st = buf_printf(&text, err, "mode  %s\n", mode_name(package->wrapping))))
		return st;
	for (size_t i = 0; i < package->key_count; i++) {
		const struct doc_key *key = &package->keys[i];

		if ((st = append_checked(&text, "key", key->label, key->alg, &key->kcv, err)) ||
			(st = append_block(&text, key->block, key->block_len, err)))
			return st;
	}
	st = buf_printf(&text, err, "end  %zu\n", package->key_count);
	if (st)
		return st;
	buf_free(ret_text);
	*ret_text = text;
	text = (struct buf){0};
	return KMS_OK;
}

/* ---- reading: a line at a time, split at blanks in a copy of the text ---- */

struct typed {
	char *rest;
	int line; /* of the words, from 1 */
	char *words[WORDS_MAX];
	size_t count; /* 0 at the end of the text */
};

static enum kms_status wrong(const struct typed *typed, const char *should_be, struct kms_err *err)
{
	return kms_fail(
		err, KMS_ERR_INVALID, "raw hex listing, line %d: not %s", typed->line, should_be);
}

/* The next line that is not blank. */
static enum kms_status next_line(struct typed *typed, struct kms_err *err)
{
	typed->count = 0;
	while (typed->count == 0 && typed->rest) {
		char *line = strsep(&typed->rest, "\n"), *word;

		typed->line++;
		while ((word = strsep(&line, " \t\r")) != NULL) {
			if (!*word)
				continue;
			if (typed->count == WORDS_MAX)
				return wrong(typed, "so many words", err);
			typed->words[typed->count++] = word;
		}
	}
	return KMS_OK;
}

static bool starts_with(const struct typed *typed, const char *word, size_t count)
{
	return typed->count == count && strcmp(typed->words[0], word) == 0;
}

static enum kms_status expect(
	struct typed *typed, const char *word, size_t count, struct kms_err *err)
{
	enum kms_status st = next_line(typed, err);

	if (!st && !starts_with(typed, word, count))
		return kms_fail(err, KMS_ERR_INVALID,
			"raw hex listing, line %d: '%s' with %zu words after it belongs there",
			typed->line, word, count - 1);
	return st;
}

static enum kms_status read_checked(const struct typed *typed, char label[KEY_LABEL_MAX + 1],
	enum key_alg *ret_alg, struct key_kcv *ret_kcv, struct kms_err *err)
{
	enum key_kcv_method method;
	enum kms_status st;

	if ((st = key_label_check(typed->words[1], "label", err)) ||
		(st = key_alg_parse(typed->words[2], ret_alg, err)) ||
		(st = key_kcv_method_parse(typed->words[4], &method, err)) ||
		(st = key_kcv_parse(method, typed->words[3], ret_kcv, err))) {
		kms_prefix(err, "raw hex listing, line %d: ", typed->line);
		return st;
	}
	if (!key_kcv_method_fits(method, *ret_alg))
		return wrong(typed, "a check value that such a key has", err);
	strcpy(label, typed->words[1]);
	return KMS_OK;
}

static enum kms_status read_head(
	struct typed *typed, struct doc_rawhex *listing, struct kms_err *err)
{
	enum kms_status st = next_line(typed, err);

	if (st || typed->count != 3 || strcmp(typed->words[0], "cardkms") != 0 ||
		strcmp(typed->words[1], "raw") != 0 || strcmp(typed->words[2], "hex") != 0)
		return st ? st : wrong(typed, "'" FIRST_LINE "'", err);
	if ((st = expect(typed, "package", 2, err)) ||
		(st = doc_id_check(typed->words[1], "raw hex listing: package", err)))
		return st;
	strcpy(listing->package_id, typed->words[1]);
	if ((st = expect(typed, "transport", 5, err)) ||
		(st = read_checked(typed, listing->transport_label, &listing->transport_alg,
			 &listing->transport_kcv, err)) ||
		(st = expect(typed, "mode", 2, err)))
		return st;
	if (strcmp(typed->words[1], "ecb") == 0)
		listing->wrapping = KEY_WRAP_ECB;
	else if (strcmp(typed->words[1], "cbc") == 0)
		listing->wrapping = KEY_WRAP_CBC;
	else
		return wrong(typed, "mode ecb or cbc", err);
	return KMS_OK;
}

/* The lines of hex after a "key" line; leaves the line after them in `typed`. */
static enum kms_status read_block(
	struct typed *typed, struct doc_rawhex_key *key, struct kms_err *err)
{
	enum kms_status st;

	for (;;) {
		st = next_line(typed, err);
		if (st || typed->count == 0 || starts_with(typed, "key", 5) ||
			starts_with(typed, "end", 2))
			return st;
		for (size_t i = 0; i < typed->count; i++) {
			char what[64];
			size_t got;

			snprintf(what, sizeof(what), "raw hex listing, line %d", typed->line);
			st = hex_decode(typed->words[i], strlen(typed->words[i]), what,
				key->block + key->block_len, DOC_BLOCK_MAX - key->block_len, &got,
				err);
			if (st)
				return st;
			key->block_len += got;
		}
	}
}

static enum kms_status add_key(
	struct doc_rawhex *listing, struct doc_rawhex_key **ret_key, struct kms_err *err)
{
	struct doc_rawhex_key *keys;

	if (listing->key_count == DOC_KEYS_MAX)
		return kms_fail(
			err, KMS_ERR_INVALID, "raw hex listing: more than %d keys", DOC_KEYS_MAX);
	keys = reallocarray(listing->keys, listing->key_count + 1, sizeof(*keys));
	if (!keys)
		return kms_nomem(err);
	listing->keys = keys;
	*ret_key = &keys[listing->key_count++];
	**ret_key = (struct doc_rawhex_key){0};
	return KMS_OK;
}

static enum kms_status read_key(
	struct typed *typed, struct doc_rawhex *listing, struct kms_err *err)
{
	struct doc_rawhex_key *key = NULL;
	size_t want;
	enum kms_status st;

	if ((st = add_key(listing, &key, err)) ||
		(st = read_checked(typed, key->label, &key->alg, &key->kcv, err)) ||
		(st = read_block(typed, key, err)))
		return st;
	want = key_wrapped_len(
		listing->wrapping, listing->transport_alg, key_alg_info(key->alg)->length);
	if (want == 0 || key->block_len != want)
		return kms_fail(err, KMS_ERR_INVALID,
			"raw hex listing: '%s' has %zu bytes of hex, a wrapped %s key has %zu",
			key->label, key->block_len, key_alg_name(key->alg), want);
	return KMS_OK;
}

static enum kms_status check_labels(const struct doc_rawhex *listing, struct kms_err *err)
{
	FREE_AUTO const char **labels = calloc(listing->key_count + 1, sizeof(*labels));

	if (!labels)
		return kms_nomem(err);
	for (size_t i = 0; i < listing->key_count; i++)
		labels[i] = listing->keys[i].label;
	return doc_check_distinct("raw hex listing", labels, listing->key_count, err);
}

static bool count_is(const char *text, size_t count)
{
	char *end = NULL;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	return text[0] >= '0' && text[0] <= '9' && !*end && !errno && value == count;
}

static enum kms_status read_listing(
	struct typed *typed, struct doc_rawhex *listing, struct kms_err *err)
{
	enum kms_status st = read_head(typed, listing, err);

	if (!st)
		st = next_line(typed, err);
	while (!st && starts_with(typed, "key", 5))
		st = read_key(typed, listing, err);
	if (st)
		return st;
	if (!starts_with(typed, "end", 2))
		return wrong(typed, "'key' or 'end'; it may be cut off", err);
	if (listing->key_count == 0 || !count_is(typed->words[1], listing->key_count))
		return wrong(typed, "the number of keys in the listing", err);
	st = next_line(typed, err);
	if (st)
		return st;
	if (typed->count != 0)
		return wrong(typed, "the end of the text", err);
	return check_labels(listing, err);
}

enum kms_status doc_rawhex_parse(
	const char *text, size_t len, struct doc_rawhex *ret_listing, struct kms_err *err)
{
	DOC_RAWHEX_AUTO struct doc_rawhex listing = {0};
	FREE_AUTO char *copy = NULL;
	struct typed typed = {0};
	enum kms_status st;

	if (len > LISTING_MAX || (len && memchr(text, 0, len)))
		return kms_fail(err, KMS_ERR_INVALID,
			"raw hex listing: longer than %d bytes, or not text", LISTING_MAX);
	copy = strndup(text ? text : "", len);
	if (!copy)
		return kms_nomem(err);
	typed.rest = copy;
	st = read_listing(&typed, &listing, err);
	if (st)
		return st;
	*ret_listing = listing;
	listing = (struct doc_rawhex){0};
	return KMS_OK;
}

void doc_rawhex_free(struct doc_rawhex *listing)
{
	free(listing->keys);
	*listing = (struct doc_rawhex){0};
}
