/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store migrate: the site's registry moves from its file to PostgreSQL.
 *
 *   recorded    in the log of the file, before anything is copied, so that the copy has it
 *   copied      all rows in one transaction there, read back and compared (store/copy.h)
 *   switched    by one rename of site.ini
 *
 * Cut off anywhere, the file is still the site's, or the database is, whole.
 */
#include "ops/ops.h"

#include "base/file.h"
#include "ops/meta.h"
#include "store/copy.h"

#include <string.h>

enum { SITE_INI_MAX = 64 * 1024 };

struct migrate_args {
	const char *url;
};

static enum kms_status migrate_check(struct op *op, struct kms_err *err)
{
	const struct migrate_args *a = op->args;
	enum kms_status st;

	if (op->site->store_url)
		return kms_fail(err, KMS_ERR_STATE, "the registry is in PostgreSQL already");
	st = store_url_check(a->url, err);
	return st ? st : op_subject(op, err, "%s", a->url);
}

/* It gets its tables here. */
static enum kms_status open_there(
	const struct migrate_args *a, struct store **ret_store, struct kms_err *err)
{
	return store_open(&(struct store_options){.path = a->url, .create = true}, ret_store, err);
}

/* The text with the line `store = URL` as the first of [site]. */
static enum kms_status with_store(
	const struct buf *ini, const char *url, struct buf *ret_text, struct kms_err *err)
{
	static const char heading[] = "[site]\n";
	const char *at = strstr(buf_text(ini), heading);
	size_t before = at ? (size_t)(at - buf_text(ini)) + strlen(heading) : 0;
	enum kms_status st;

	if (!at) {
		kms_fail(err, KMS_ERR_INVALID,
			"site.ini has no line [site] to name the store under");
		return kms_hint(err, "write that heading on a line of its own, without blanks");
	}
	st = buf_append(ret_text, buf_text(ini), before, err);
	if (!st)
		st = op_site_put_setting(ret_text, "store", url, true, err);
	return st ? st : buf_puts(ret_text, buf_text(ini) + before, err);
}

/* site.ini as it is to be. */
static enum kms_status fresh_ini(const struct op_site *site, const char *url, char **ret_path,
	struct buf *ret_text, struct kms_err *err)
{
	BUF_AUTO struct buf old = {0};
	enum kms_status st = op_site_path(site, "site.ini", ret_path, err);

	if (!st)
		st = file_read(*ret_path, SITE_INI_MAX, &old, err);
	return st ? st : with_store(&old, url, ret_text, err);
}

/* That it can be switched, and the database be reached, is known before anything is recorded. */
static enum kms_status migrate_validate(struct op *op, struct kms_err *err)
{
	const struct migrate_args *a = op->args;
	STORE_CLOSE_AUTO struct store *there = NULL;
	BUF_AUTO struct buf text = {0};
	FREE_AUTO char *path = NULL;
	enum kms_status st = fresh_ini(op->site, a->url, &path, &text, err);

	return st || op->site->dry_run ? st : open_there(a, &there, err);
}

static enum kms_status switch_over(const struct op_site *site, const char *url, struct kms_err *err)
{
	BUF_AUTO struct buf text = {0};
	FREE_AUTO char *path = NULL;
	enum kms_status st = fresh_ini(site, url, &path, &text, err);

	return st ? st : file_write(path, 0600, text.data, text.len, err);
}

static enum kms_status migrate_deliver(struct op *op, struct kms_err *err)
{
	const struct migrate_args *a = op->args;
	STORE_CLOSE_AUTO struct store *there = NULL;
	struct store_copied copied = {0};
	enum kms_status st = open_there(a, &there, err);

	if (!st)
		st = store_copy(op->site->store, there, &copied, err);
	if (!st)
		st = switch_over(op->site, a->url, err);
	if (st) {
		kms_prefix(err, "the registry was not moved: ");
		return st;
	}
	st = op_report(op, "store", json_string(a->url), err);
	if (!st)
		st = op_report(op, "tables", json_integer(copied.tables), err);
	return st ? st : op_report(op, "rows", json_integer(copied.rows), err);
}

enum kms_status op_store_migrate(
	struct op_site *site, const char *url, json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "store.migrate",
		.check = migrate_check,
		.validate = migrate_validate,
		.deliver = migrate_deliver,
	};
	struct migrate_args args = {.url = url};

	return op_run(site, &kind, &args, ret_report, err);
}
