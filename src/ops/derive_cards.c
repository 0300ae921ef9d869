/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/derive_cards.h"

#include "base/hex.h"
#include "base/twice.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KIND_CARD, KIND_KDD, READ_AHEAD = 64 * 1024 };

/* A file that is hashed as it is read. */
struct derive_source {
	int fd;
	struct hash hash;
};

static ssize_t source_read(void *ctx, char *data, size_t len)
{
	struct derive_source *s = ctx;
	ssize_t n;

	do
		n = read(s->fd, data, len);
	while (n < 0 && errno == EINTR);
	if (n > 0 && hash_more(&s->hash, data, (size_t)n, NULL)) {
		errno = EIO;
		return -1;
	}
	return n;
}

static enum kms_status open_regular(const char *path, int *ret_fd, struct kms_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat info;

	if (fd < 0)
		return kms_fail(err, errno == ENOENT ? KMS_ERR_NOT_FOUND : KMS_ERR_IO,
			"cannot open '%s': %s", path, strerror(errno));
	if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
		close(fd);
		kms_fail(err, KMS_ERR_INVALID, "'%s' is not a regular file", path);
		return kms_hint(err, "cards are read more than once: put them into a file");
	}
	*ret_fd = fd;
	return KMS_OK;
}

static enum kms_status open_csv(
	const char *path, struct derive_source *s, struct csv **ret_csv, struct kms_err *err)
{
	const cookie_io_functions_t io = {.read = source_read};
	FILE *stream;
	enum kms_status st = open_regular(path, &s->fd, err);

	if (!st)
		st = hash_begin(&s->hash, err);
	if (st)
		return st;
	stream = fopencookie(s, "r", io);
	if (!stream)
		return kms_nomem(err);
	setvbuf(stream, NULL, _IOFBF, READ_AHEAD);
	return csv_open_stream(stream, path, ret_csv, err);
}

static void find_column(const struct csv *csv, const char *name, size_t *ret_column)
{
	*ret_column = SIZE_MAX;
	if (csv_column(csv, name, ret_column, NULL))
		*ret_column = SIZE_MAX;
}

enum kms_status derive_cards_open(const char *path, const struct derive_fit *fit,
	struct derive_cards *cards, struct kms_err *err)
{
	enum kms_status st;

	*cards = (struct derive_cards){.fit = fit, .source = calloc(1, sizeof(*cards->source))};
	if (!cards->source)
		return kms_nomem(err);
	cards->source->fd = -1;
	st = open_csv(path, cards->source, &cards->csv, err);
	if (!st)
		st = csv_column(cards->csv, "kdd", &cards->kdd, err);
	if (st)
		return st;
	find_column(cards->csv, "card", &cards->card);
	find_column(cards->csv, "keyset", &cards->keyset);
	return KMS_OK;
}

void derive_cards_close(struct derive_cards *cards)
{
	csv_close(&cards->csv);
	if (!cards->source)
		return;
	if (cards->source->fd >= 0)
		close(cards->source->fd);
	hash_free(&cards->source->hash);
	free(cards->source);
	cards->source = NULL;
}

/* What is wrong, and where. */
static enum kms_status bad_kdd(const struct derive_cards *c, struct kms_err *err)
{
	const struct kms_err why = *err;

	return csv_fail(c->csv, c->kdd, err, "%s", why.msg);
}

/* The method says which lengths it takes; asked once for each. */
static enum kms_status check_length(struct derive_cards *c, struct kms_err *err)
{
	struct key_recipe recipe;

	if (c->fits[c->row.kdd_len])
		return KMS_OK;
	if (key_div_recipe(c->fit->div, c->fit->alg, KEY_ROLE_ENC, c->row.kdd, c->row.kdd_len,
		    &recipe, err))
		return bad_kdd(c, err);
	c->fits[c->row.kdd_len] = true;
	return KMS_OK;
}

static enum kms_status take_kdd(struct derive_cards *c, struct kms_err *err)
{
	size_t len;

	if (!csv_length(c->csv, c->kdd))
		return csv_fail(c->csv, c->kdd, err, "empty");
	if (hex_decode(csv_field(c->csv, c->kdd), csv_length(c->csv, c->kdd), "KDD", c->row.kdd,
		    sizeof(c->row.kdd), &len, err))
		return bad_kdd(c, err);
	c->row.kdd_len = (unsigned char)len;
	return check_length(c, err);
}

enum kms_status derive_cards_next(struct derive_cards *c, struct kms_err *err)
{
	enum kms_status st = csv_next(c->csv, err);

	if (st)
		return st;
	if (c->card != SIZE_MAX && csv_length(c->csv, c->card) > TWICE_ITEM_MAX)
		return csv_fail(c->csv, c->card, err, "longer than %d bytes", TWICE_ITEM_MAX);
	if (c->keyset != SIZE_MAX && strcmp(csv_field(c->csv, c->keyset), c->fit->keyset) != 0)
		return csv_fail(c->csv, c->keyset, err,
			"keys of '%s' are derived, not of '%s': a file of keys is of one key set",
			c->fit->keyset, csv_field(c->csv, c->keyset));
	return take_kdd(c, err);
}

enum kms_status derive_cards_hash(
	const struct derive_cards *c, unsigned char ret_hash[HASH_SIZE], struct kms_err *err)
{
	return hash_now(&c->source->hash, ret_hash, err);
}

enum kms_status derive_cards_keyset(const char *path, char **ret_keyset, struct kms_err *err)
{
	CSV_AUTO struct csv *csv = NULL;
	size_t column;
	enum kms_status st = csv_open(path, &csv, err);

	*ret_keyset = NULL;
	if (st)
		return st;
	find_column(csv, "keyset", &column);
	if (column == SIZE_MAX)
		return KMS_OK;
	st = csv_next(csv, err);
	if (st == KMS_ERR_NOT_FOUND)
		return KMS_OK;
	if (!st && !(*ret_keyset = strdup(csv_field(csv, column))))
		st = kms_nomem(err);
	return st;
}

/* ---- all of it, beforehand ---- */

struct item {
	int kind;
	size_t column;
	const void *data;
	size_t len;
};

/* What of a row must stand once only. A card without a name is known by its KDD. */
static size_t row_items(const struct derive_cards *c, struct item items[2])
{
	size_t n = 0;

	items[n++] = (struct item){KIND_KDD, c->kdd, c->row.kdd, c->row.kdd_len};
	if (c->card != SIZE_MAX && csv_length(c->csv, c->card))
		items[n++] = (struct item){KIND_CARD, c->card, csv_field(c->csv, c->card),
			csv_length(c->csv, c->card)};
	return n;
}

/* Which of the suspects really stand twice: a reading of its own. */
static enum kms_status confirm(
	const char *path, const struct derive_fit *fit, struct twice *t, struct kms_err *err)
{
	DERIVE_CARDS_AUTO struct derive_cards c = {0};
	enum kms_status st = KMS_OK;

	if (!twice_suspects(t))
		return KMS_OK;
	st = derive_cards_open(path, fit, &c, err);
	if (st)
		return st;
	while ((st = derive_cards_next(&c, err)) == KMS_OK) {
		struct item items[2];
		const size_t count = row_items(&c, items);

		for (size_t i = 0; i < count; i++) {
			const int64_t before = twice_again(
				t, items[i].kind, items[i].data, items[i].len, csv_line(c.csv));

			if (before)
				return csv_fail(c.csv, items[i].column, err,
					"the same as in line %lld", (long long)before);
		}
	}
	if (st != KMS_ERR_NOT_FOUND)
		return st;
	twice_clear(t);
	return KMS_OK;
}

/* Rows from `first` on: those of the window are remembered, those behind it compared with them. */
static enum kms_status read_window(const char *path, const struct derive_fit *fit, int64_t first,
	struct twice *t, int64_t *ret_count, unsigned char hash[HASH_SIZE], struct kms_err *err)
{
	DERIVE_CARDS_AUTO struct derive_cards c = {0};
	int64_t count = 0;
	enum kms_status st = derive_cards_open(path, fit, &c, err);

	if (st)
		return st;
	while (!st && (st = derive_cards_next(&c, err)) == KMS_OK) {
		const bool add = count < first + TWICE_WINDOW / 2;
		struct item items[2];
		const size_t n = row_items(&c, items);
		bool full = false;

		if (count++ < first)
			continue;
		for (size_t i = 0; !st && i < n; i++)
			st = twice_seen(
				t, items[i].kind, items[i].data, items[i].len, add, &full, err);
		if (!st && full)
			st = confirm(path, fit, t, err);
	}
	if (st != KMS_ERR_NOT_FOUND)
		return st;
	twice_settle(t);
	*ret_count = count;
	return derive_cards_hash(&c, hash, err);
}

enum kms_status derive_cards_check(const char *path, const struct derive_fit *fit,
	int64_t *ret_count, unsigned char ret_hash[HASH_SIZE], struct kms_err *err)
{
	TWICE_AUTO struct twice *t = NULL;
	int64_t count = 0, first = 0;
	enum kms_status st = twice_new(&t, err);

	do {
		if (!st && first)
			twice_forget(t);
		if (!st)
			st = read_window(path, fit, first, t, &count, ret_hash, err);
		first += TWICE_WINDOW / 2;
	} while (!st && first < count);
	if (!st)
		st = confirm(path, fit, t, err);
	if (!st && !count)
		st = kms_fail(err, KMS_ERR_INVALID, "%s: no card in it", path);
	if (!st)
		*ret_count = count;
	return st;
}
