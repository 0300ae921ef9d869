/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte-flip sweep: every byte of a signed document changed, removed, doubled; the text cut at every
 * length; re-serialised. All refused, and the original accepted.
 */
#include "unit/exchange/sample.h"

#include "base/hex.h"

#include <stdio.h>
#include <stdlib.h>

static struct exchange *open_once(void **state)
{
	return *state;
}

static int group_open(void **state)
{
	struct exchange *x = calloc(1, sizeof(*x));

	assert_non_null(x);
	exchange_open(x);
	*state = x;
	return 0;
}

static int group_close(void **state)
{
	exchange_close(*state);
	free(*state);
	return 0;
}

struct sweep {
	const struct exchange *x;
	enum doc_kind kind;
	unsigned long trials, lost;
	unsigned long control_lost; /* would be accepted if nobody verified the signature */
};

static void try(struct sweep *sweep, const char *text, size_t len, const char *what, size_t at)
{
	struct kms_err err = {0};
	enum kms_status st = accept_doc(sweep->x, sweep->kind, text, len, &err);

	sweep->trials++;
	sweep->control_lost += st == KMS_ERR_MISMATCH;
	if (st == KMS_OK) {
		sweep->lost++;
		print_error("%s accepted: %s at %zu\n", doc_kind_name(sweep->kind), what, at);
	} else if ((st != KMS_ERR_INVALID && st != KMS_ERR_MISMATCH) || !err.msg[0]) {
		fail_msg("%s: %s at %zu: status %s", doc_kind_name(sweep->kind), what, at,
			kms_status_name(st));
	}
}

/* As for the sweeps of tests/crash: SWEEP=full. */
static bool in_full(void)
{
	const char *sweep = getenv("SWEEP");

	return sweep && strcmp(sweep, "full") == 0;
}

static void changed(struct sweep *sweep, struct buf *text)
{
	static const unsigned char masks[] = {0x01, 0x20, 0x02, 0x80, 0xFF};

	/* All of them in a full sweep, else the first two. */
	size_t count = in_full() ? sizeof(masks) : 2;

	for (size_t i = 0; i < text->len; i++) {
		char was = text->data[i];

		for (size_t m = 0; m < count; m++) {
			text->data[i] = (char)(was ^ masks[m]);
			try(sweep, text->data, text->len, "change", i);
		}
		text->data[i] = was;
	}
}

static void removed_and_doubled(struct sweep *sweep, const struct buf *text)
{
	BUF_AUTO struct buf other = {0};
	struct kms_err err = {0};

	size_t step = in_full() ? 1 : 3;

	for (size_t i = 0; i < text->len; i += step) {
		other.len = 0;
		expect_ok(&err, buf_append(&other, text->data, i, &err));
		expect_ok(&err, buf_append(&other, text->data + i + 1, text->len - i - 1, &err));
		try(sweep, other.data, other.len, "byte removed", i);
		other.len = 0;
		expect_ok(&err, buf_append(&other, text->data, i + 1, &err));
		expect_ok(&err, buf_append(&other, text->data + i, text->len - i, &err));
		try(sweep, other.data, other.len, "byte doubled", i);
		try(sweep, text->data, i, "cut", i);
	}
	for (const char *c = " \n\t}"; *c; c++) {
		other.len = 0;
		expect_ok(&err, buf_append(&other, text->data, text->len, &err));
		expect_ok(&err, buf_append(&other, c, 1, &err));
		try(sweep, other.data, other.len, "byte added at the end", text->len);
	}
}

static void respelt(struct sweep *sweep, const struct buf *text)
{
	static const size_t flags[] = {JSON_COMPACT | JSON_SORT_KEYS,
		JSON_INDENT(4) | JSON_SORT_KEYS,
		JSON_INDENT(2) | JSON_SORT_KEYS | JSON_ENSURE_ASCII, JSON_SORT_KEYS,
		JSON_INDENT(2) | JSON_SORT_KEYS | JSON_ESCAPE_SLASH};
	JS_AUTO json_t *object = json_loadb(text->data, text->len, 0, NULL);

	assert_non_null(object);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		FREE_AUTO char *other = json_dumps(object, flags[i]);
		BUF_AUTO struct buf line = {0};

		assert_non_null(other);
		try(sweep, other, strlen(other), "re-serialised", i);
		assert_int_equal(buf_puts(&line, other, NULL), KMS_OK);
		assert_int_equal(buf_puts(&line, "\n", NULL), KMS_OK);
		/* With the newline the ASCII form of a text that has only ASCII is the text itself. */
		if (line.len != text->len || memcmp(line.data, text->data, line.len) != 0)
			try(sweep, line.data, line.len, "re-serialised with newline", i);
	}
}

/* Every member of every object: gone, twice, or with one unknown beside it. */
static void members(struct sweep *sweep, const struct buf *text)
{
	JS_AUTO json_t *object = json_loadb(text->data, text->len, 0, NULL);
	BUF_AUTO struct buf other = {0};
	const char *name;
	json_t *member;
	void *tmp;

	json_object_foreach_safe(object, tmp, name, member)
	{
		JS_AUTO json_t *less = json_deep_copy(object);
		JS_AUTO json_t *more = json_deep_copy(object);
		json_t *inner = json_object_get(more, name);

		json_object_del(less, name);
		assert_int_equal(js_canonical(less, &other, NULL), KMS_OK);
		try(sweep, other.data, other.len, name, 0);
		if (json_is_array(inner))
			inner = json_array_get(inner, 0);
		json_object_set_new(json_is_object(inner) ? inner : more, "zz", json_string(""));
		assert_int_equal(js_canonical(more, &other, NULL), KMS_OK);
		try(sweep, other.data, other.len, name, 1);
	}
}

static void sweep_kind(struct exchange *x, enum doc_kind kind)
{
	BUF_AUTO struct buf text = {0};
	struct sweep sweep = {x, kind, 0, 0, 0};
	struct kms_err err = {0};

	expect_ok(&err, buf_append(&text, text_of(x, kind)->data, text_of(x, kind)->len, &err));
	expect_ok(&err, accept_doc(x, kind, text.data, text.len, &err));
	changed(&sweep, &text);
	removed_and_doubled(&sweep, &text);
	respelt(&sweep, &text);
	members(&sweep, &text);
	expect_ok(&err, accept_doc(x, kind, text.data, text.len, &err));
	print_message("sweep %s-bytes trials %lu lost %lu control_lost %lu\n", doc_kind_name(kind),
		sweep.trials, sweep.lost, sweep.control_lost);
	assert_int_equal(sweep.lost, 0);
	assert_true(sweep.control_lost > 0);
	assert_true(sweep.trials > 3 * text.len);
}

static void identity(void **state)
{
	sweep_kind(open_once(state), DOC_IDENTITY);
}

static void request(void **state)
{
	sweep_kind(open_once(state), DOC_REQUEST);
}

static void package(void **state)
{
	sweep_kind(open_once(state), DOC_PACKAGE);
}

static void receipt(void **state)
{
	sweep_kind(open_once(state), DOC_RECEIPT);
}

static void backup(void **state)
{
	sweep_kind(open_once(state), DOC_BACKUP);
}

/* The signature's second spelling (r, n - s), which plain ECDSA accepts. */
static void high_s(void **state)
{
	struct exchange *x = *state;

	for (enum doc_kind kind = DOC_IDENTITY; kind <= DOC_BACKUP; kind++) {
		const struct buf *text = text_of(x, kind);
		JS_AUTO json_t *object = json_loadb(text->data, text->len, 0, NULL);
		unsigned char sig[P256_SIG_SIZE];
		char hex[2 * P256_SIG_SIZE + 1];
		BUF_AUTO struct buf other = {0};
		struct kms_err err = {0};

		assert_true(hex_decode_strict(
			json_string_value(json_object_get(object, "signature")), sig, sizeof(sig)));
		soft_p256_other_s(sig);
		hex_encode(sig, sizeof(sig), hex);
		json_object_set_new(object, "signature", json_string(hex));
		expect_ok(&err, js_canonical(object, &other, &err));
		expect_err(&err, accept_doc(x, kind, other.data, other.len, &err), KMS_ERR_MISMATCH,
			"does not verify");
	}
}

static void duplicate_member(void **state)
{
	struct exchange *x = *state;
	BUF_AUTO struct buf other = {0};
	struct kms_err err = {0};

	expect_ok(&err, buf_puts(&other, "{\n  \"cardkms\": \"request/1\",", &err));
	expect_ok(&err, buf_append(&other, x->request.data + 1, x->request.len - 1, &err));
	expect_err(&err, accept_doc(x, DOC_REQUEST, other.data, other.len, &err), KMS_ERR_INVALID,
		"duplicate");
}

static void wrong_kind(void **state)
{
	struct exchange *x = *state;
	struct kms_err err = {0};

	for (enum doc_kind as = DOC_IDENTITY; as <= DOC_BACKUP; as++)
		for (enum doc_kind kind = DOC_IDENTITY; kind <= DOC_BACKUP; kind++) {
			enum doc_kind found;

			expect_ok(&err, doc_kind(text_of(x, kind)->data, text_of(x, kind)->len,
						&found, &err));
			assert_int_equal(found, kind);
			if (as != kind)
				expect_err(&err,
					accept_doc(x, as, text_of(x, kind)->data,
						text_of(x, kind)->len, &err),
					KMS_ERR_INVALID, "the document is a");
		}
}

static void too_long(void **state)
{
	struct exchange *x = *state;
	struct kms_err err = {0};
	enum doc_kind found;
	char *text = malloc(DOC_BACKUP_MAX + 1);

	assert_non_null(text);
	memset(text, ' ', DOC_BACKUP_MAX + 1);
	for (enum doc_kind kind = DOC_IDENTITY; kind <= DOC_BACKUP; kind++)
		expect_err(&err,
			accept_doc(x, kind, text,
				(kind == DOC_BACKUP ? DOC_BACKUP_MAX : DOC_MAX) + 1, &err),
			KMS_ERR_INVALID, "longer than");
	expect_err(&err, doc_kind(text, DOC_MAX + 1, &found, &err), KMS_ERR_INVALID, "longer than");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(identity),
		cmocka_unit_test(request),
		cmocka_unit_test(package),
		cmocka_unit_test(receipt),
		cmocka_unit_test(backup),
		cmocka_unit_test(high_s),
		cmocka_unit_test(duplicate_member),
		cmocka_unit_test(wrong_kind),
		cmocka_unit_test(too_long),
	};

	return cmocka_run_group_tests(tests, group_open, group_close);
}
