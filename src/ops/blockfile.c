/* SPDX-License-Identifier: Apache-2.0 */
/* Files of key blocks, and `key block show`, which explains them. */
#include "ops/blockfile.h"

#include "base/file.h"
#include "ops/ops.h"

#include <string.h>

void blockfile_free(struct blockfile *file)
{
	op_file_free(&file->file);
}

static enum kms_status take_line(
	struct blockfile *file, int number, const char *text, size_t len, struct kms_err *err)
{
	struct key_block block;

	while (len && (text[len - 1] == '\r' || text[len - 1] == ' ' || text[len - 1] == '\t'))
		len--;
	if (len == 0 || *text == '#')
		return KMS_OK;
	if (file->count == BLOCKFILE_LINES)
		return kms_fail(err, KMS_ERR_INVALID, "more than %d key blocks", BLOCKFILE_LINES);
	file->lines[file->count++] = (struct blockfile_line){number, text, len};
	return key_block_parse(text, len, &block, err) ? kms_prefix(err, "line %d: ", number)
						       : KMS_OK;
}

static enum kms_status take_lines(struct blockfile *file, struct kms_err *err)
{
	const char *at = buf_text(&file->file.text), *end = at + file->file.text.len;
	enum kms_status st = KMS_OK;

	for (int number = 1; !st && at < end; number++) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((stop ? stop : end) - at);

		st = take_line(file, number, at, len, err);
		at += len + 1;
	}
	if (!st && !file->count)
		st = kms_fail(err, KMS_ERR_INVALID, "there is no key block in it");
	return st;
}

enum kms_status blockfile_read(struct blockfile *file, const char *path, struct kms_err *err)
{
	BUF_AUTO struct buf text = {0};
	enum kms_status st = file_read(path, BLOCKFILE_MAX, &text, err);

	if (st)
		return st;
	st = op_file_take(&file->file, &text, err);
	if (!st)
		st = take_lines(file, err);
	return st ? kms_prefix(err, "'%s': ", path) : KMS_OK;
}

/* ---- show ---- */

static const char *known(const char *text)
{
	return text ? text : "not known here";
}

static json_t *options_json(const struct key_block *block)
{
	json_t *list = json_array();

	for (size_t i = 0; i < block->option_count; i++) {
		const struct key_block_option *o = &block->options[i];

		if (json_array_append_new(list, json_pack("{s:s, s:s, s:s%}", "id", o->id, "what",
							known(key_block_option_text(o->id)), "data",
							o->data, o->len))) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *block_json(const struct blockfile_line *line, const struct key_block *block)
{
	const struct key_block_fields *f = &block->fields;
	const char version[] = {f->version, 0}, algorithm[] = {f->algorithm, 0};
	const char mode[] = {f->mode, 0}, exportability[] = {f->exportability, 0};
	const char context[] = {f->context, 0};
	const char *number = f->number[0] == 'c'	    ? "of a key component"
			     : strcmp(f->number, "00") == 0 ? "not used"
							    : "of the key";

	return json_pack("{s:i, s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, "
			 "s:s, s:s, s:o, s:i, s:i}",
		"line", line->number, "version", version, "version_text",
		known(key_block_version_text(f->version)), "length", (int)block->len, "usage",
		f->usage, "usage_text", known(key_block_usage_text(f->usage)), "algorithm",
		algorithm, "algorithm_text", known(key_block_algorithm_text(f->algorithm)), "mode",
		mode, "mode_text", known(key_block_mode_text(f->mode)), "key_version_number",
		f->number, "key_version_number_text", number, "exportability", exportability,
		"exportability_text", known(key_block_exportability_text(f->exportability)),
		"context", context, "context_text", known(key_block_context_text(f->context)),
		"optional_blocks", options_json(block), "encrypted_bytes", (int)block->payload_len,
		"mac_bytes", (int)block->mac_len);
}

enum kms_status op_key_block_show(const char *path, json_t **ret_report, struct kms_err *err)
{
	struct blockfile file __attribute__((cleanup(blockfile_free))) = {0};
	JS_AUTO json_t *blocks = json_array();
	enum kms_status st = blockfile_read(&file, path, err);

	for (size_t i = 0; !st && i < file.count; i++) {
		struct key_block block;

		st = key_block_parse(file.lines[i].text, file.lines[i].len, &block, err);
		if (!st && json_array_append_new(blocks, block_json(&file.lines[i], &block)))
			st = kms_nomem(err);
	}
	if (!st)
		*ret_report = json_incref(blocks);
	return st;
}
