/* SPDX-License-Identifier: Apache-2.0 */
#include "support/site.h"

#include "base/file.h"

#include <stdio.h>
#include <string.h>

static enum kms_status give(void *ctx, const char *name, const char *prompt,
	struct secret *ret_value, struct kms_err *err)
{
	(void)ctx;
	(void)prompt;
	return secret_copy(ret_value, strcmp(name, "so-pin") ? "87654321" : "12345678", 8, err);
}

static enum kms_status agree(void *ctx, const char *question, struct kms_err *err)
{
	(void)ctx;
	(void)question;
	(void)err;
	return KMS_OK;
}

struct op_front bench_front(void)
{
	return (struct op_front){.secret = give, .new_secret = give, .confirm = agree};
}

enum kms_status bench_site_open(
	const struct bench_place *place, struct op_site **ret_site, struct kms_err *err)
{
	const struct op_front front = bench_front();
	char dir[PATH_MAX];

	snprintf(dir, sizeof(dir), "%s/site", place->dir);
	return op_site_open(dir, &front, ret_site, err);
}

enum kms_status bench_site_make(
	const struct bench_place *place, const char *module, const char *plan, struct kms_err *err)
{
	const struct op_front front = bench_front();
	char uri[PATH_MAX + 64], dir[PATH_MAX], path[PATH_MAX];
	const struct op_site_options options = {
		.name = "Bench", .role = "manufacturer", .hsm_uri = uri};
	const struct op_hsm_setup setup = {.plan_path = path};
	struct op_site *site = NULL;
	json_t *report = NULL;
	enum kms_status st;

	snprintf(uri, sizeof(uri), "pkcs11:token=bench?module-path=%s", module);
	snprintf(dir, sizeof(dir), "%s/site", place->dir);
	snprintf(path, sizeof(path), "%s/plan.ini", place->dir);
	st = file_write(path, 0600, plan, strlen(plan), err);
	if (!st)
		st = bench_softhsm_conf(place, err);
	if (!st)
		st = op_site_init(dir, &options, &front, false, &report, err);
	json_decref(report);
	report = NULL;
	if (!st)
		st = op_site_open(dir, &front, &site, err);
	if (!st)
		st = op_hsm_setup(site, &setup, &report, err);
	json_decref(report);
	op_site_close(site);
	return st;
}

enum kms_status bench_site_bare(
	const struct bench_place *place, struct op_site **ret_site, struct kms_err *err)
{
	const struct op_site_options options = {.name = "Bench",
		.role = "manufacturer",
		.hsm_uri = "pkcs11:token=bench?module-path=/usr/lib/softhsm/libsofthsm2.so"};
	JS_AUTO json_t *report = NULL;
	char dir[PATH_MAX];
	enum kms_status st;

	snprintf(dir, sizeof(dir), "%s/site", place->dir);
	st = op_site_init(dir, &options, NULL, false, &report, err);
	return st ? st : op_site_open(dir, NULL, ret_site, err);
}
