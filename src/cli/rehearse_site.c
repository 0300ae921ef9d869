/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/rehearse.h"

#include "base/clock.h"
#include "base/file.h"
#include "ceremony/component.h"

#include <errno.h>
#include <ftw.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* ---- the folder ---- */

static bool on_memory_disk(const char *dir)
{
	struct statfs fs;

	return dir && *dir && statfs(dir, &fs) == 0 &&
	       (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

static enum kms_status make_folder(struct rehearsal *r, struct kms_err *err)
{
	const char *const places[] = {getenv("TMPDIR"), getenv("XDG_RUNTIME_DIR"), "/dev/shm"};

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		if (!on_memory_disk(places[i]))
			continue;
		if (snprintf(r->dir, sizeof(r->dir), "%s/cardkms-rehearsal-XXXXXX", places[i]) <
				(int)sizeof(r->dir) &&
			mkdtemp(r->dir))
			return KMS_OK;
	}
	r->dir[0] = 0;
	kms_fail(err, KMS_ERR_IO, "there is no memory disk to rehearse on");
	return kms_hint(err, "set TMPDIR to a folder on a tmpfs");
}

bool rehearsal_path(const struct rehearsal *r, const char *name, char path[PATH_MAX])
{
	return snprintf(path, PATH_MAX, "%s/%s", r->dir, name) < PATH_MAX;
}

static enum kms_status make_tokens(struct rehearsal *r, struct kms_err *err)
{
	char path[PATH_MAX];

	if (!rehearsal_path(r, "tokens", path) || mkdir(path, 0700))
		return kms_fail(
			err, KMS_ERR_IO, "cannot make '%s/tokens': %s", r->dir, strerror(errno));
	return KMS_OK;
}

static enum kms_status find_module(const char *module, struct rehearsal *r, struct kms_err *err)
{
	static const char *const places[] = {"/usr/lib/softhsm/libsofthsm2.so",
		"/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
		"/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
		"/usr/lib64/pkcs11/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so"};

	r->module = module;
	for (size_t i = 0; !r->module && i < sizeof(places) / sizeof(*places); i++)
		if (access(places[i], R_OK) == 0)
			r->module = places[i];
	if (r->module)
		return KMS_OK;
	kms_fail(err, KMS_ERR_NOT_FOUND, "SoftHSM 2 is not installed: a rehearsal has no HSM");
	return kms_hint(err, "install softhsm2, or say where its module is: --module FILE");
}

enum kms_status rehearsal_open(const char *module, struct rehearsal *r, struct kms_err *err)
{
	BUF_AUTO struct buf conf = {0};
	char path[PATH_MAX];
	enum kms_status st = find_module(module, r, err);

	if (!st)
		st = make_folder(r, err);
	if (!st)
		st = make_tokens(r, err);
	if (!st)
		st = buf_printf(&conf, err,
			"directories.tokendir = %s/tokens\nobjectstore.backend = file\n"
			"log.level = ERROR\nslots.removable = false\n",
			r->dir);
	if (!st && !rehearsal_path(r, "softhsm.conf", path))
		st = kms_fail(err, KMS_ERR_IO, "the path of '%s' is too long", r->dir);
	if (!st)
		st = file_create(path, 0600, conf.data, conf.len, err);
	if (!st && setenv("SOFTHSM2_CONF", path, 1))
		st = kms_nomem(err);
	return st;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
	(void)info;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void remove_tree(const char *path)
{
	(void)!nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void rehearsal_close(struct rehearsal *r)
{
	op_site_close(r->here);
	op_site_close(r->there);
	for (size_t i = 0; i < CER_COMPONENTS_MAX; i++)
		secret_free(&r->sheets.text[i]);
	free(r->here_officers);
	if (r->dir[0])
		remove_tree(r->dir);
	*r = (struct rehearsal){0};
}

enum kms_status rehearsal_lose_tokens(struct rehearsal *r, struct kms_err *err)
{
	char path[PATH_MAX];

	if (rehearsal_path(r, "tokens", path))
		remove_tree(path);
	return make_tokens(r, err);
}

char *rehearsal_uri(const struct rehearsal *r, const char *token, struct kms_err *err)
{
	char *uri;

	if (asprintf(&uri, "pkcs11:token=%s?module-path=%s", token, r->module) >= 0)
		return uri;
	(void)kms_nomem(err);
	return NULL;
}

/* ---- a front that knows every answer, for what is made before the people come ---- */

static enum kms_status know_secret(void *ctx, const char *name, const char *prompt,
	struct secret *ret_value, struct kms_err *err)
{
	static const char so[] = REHEARSAL_WORD "-so";
	bool is_so = strncmp(name, "so-pin", 6) == 0;

	(void)ctx;
	(void)prompt;
	return secret_copy(ret_value, so, is_so ? strlen(so) : strlen(REHEARSAL_WORD), err);
}

static enum kms_status know_yes(void *ctx, const char *question, struct kms_err *err)
{
	(void)ctx;
	(void)question;
	(void)err;
	return KMS_OK;
}

static enum kms_status know_word(void *ctx, const char *question, const char *name,
	const char *expected, struct kms_err *err)
{
	(void)name;
	(void)expected;
	return know_yes(ctx, question, err);
}

static void say_nothing(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
}

static const struct op_front knowing = {.secret = know_secret,
	.new_secret = know_secret,
	.confirm = know_yes,
	.type_to_confirm = know_word,
	.say = say_nothing};

/* ---- sites ---- */

enum kms_status rehearsal_reopen(struct rehearsal *r, const char *folder, const char *officers,
	struct op_site **ret_site, struct kms_err *err)
{
	char path[PATH_MAX];
	enum kms_status st;

	if (!rehearsal_path(r, folder, path))
		return kms_fail(err, KMS_ERR_IO, "the path of '%s' is too long", r->dir);
	st = op_site_open(path, &knowing, ret_site, err);
	if (st)
		return st;
	(*ret_site)->rehearsal = true;
	(*ret_site)->officers = officers;
	return KMS_OK;
}

enum kms_status rehearsal_site(struct rehearsal *r, const char *folder, const char *name,
	const char *role, const char *const officers[2], struct op_site **ret_site,
	struct kms_err *err)
{
	FREE_AUTO char *uri = rehearsal_uri(r, folder, err);
	const struct op_site_options options = {.name = name, .role = role, .hsm_uri = uri};
	JS_AUTO json_t *report = NULL;
	char path[PATH_MAX];
	enum kms_status st;

	if (!uri)
		return err->code;
	if (!rehearsal_path(r, folder, path))
		return kms_fail(err, KMS_ERR_IO, "the path of '%s' is too long", r->dir);
	st = op_site_init(path, &options, &knowing, false, &report, err);
	if (!st)
		st = rehearsal_reopen(r, folder, NULL, ret_site, err);
	for (int i = 0; i < 2 && !st; i++)
		st = op_officer_add(*ret_site, officers[i], "security-officer", NULL, err);
	return st;
}

/* ---- components without people ---- */

static enum kms_status keep_sheets(void *ctx, struct cer *cer, struct kms_err *err)
{
	struct rehearsal_sheets *s = ctx;
	struct cer_step step;
	enum kms_status st = KMS_OK;

	for (cer_next(cer, &step); !st && step.kind == CER_STEP_SHOW; cer_next(cer, &step)) {
		s->count = step.components;
		st = secret_copy(
			&s->text[step.component - 1], step.sheet->data, step.sheet->len, err);
		if (!st)
			st = cer_answer_ok(cer, clock_now(), err);
	}
	return st;
}

static enum kms_status answer(
	struct cer *cer, const struct cer_step *step, struct cer_sheet *sheet, struct kms_err *err)
{
	SECRET_AUTO struct secret lines = {0};
	char check[KEY_KCV_TEXT_SIZE];
	enum kms_status st;

	switch (step->kind) {
	case CER_STEP_ASK_ID:
		return cer_answer_text(cer, sheet->ceremony, clock_now(), err);
	case CER_STEP_ASK_COMPONENT:
		st = cer_component_render(&sheet->bytes, sheet->component, &lines, err);
		return st ? st : cer_answer_secret(cer, &lines, clock_now(), err);
	default:
		key_kcv_print(&sheet->kcv, check);
		return cer_answer_text(cer, check, clock_now(), err);
	}
}

static enum kms_status type_sheets(void *ctx, struct cer *cer, struct kms_err *err)
{
	const struct rehearsal_sheets *s = ctx;
	struct cer_step step;
	enum kms_status st = KMS_OK;

	for (cer_next(cer, &step); !st && step.kind != CER_STEP_COMBINE; cer_next(cer, &step)) {
		CER_SHEET_AUTO struct cer_sheet sheet = {0};
		const struct secret *text = &s->text[step.component - 1];

		st = cer_sheet_parse((const char *)text->data, text->len, &sheet, err);
		if (!st)
			st = answer(cer, &step, &sheet, err);
	}
	return st;
}

void rehearsal_make(struct rehearsal *r, struct op_components *key)
{
	key->room = keep_sheets;
	key->room_ctx = &r->sheets;
	key->unattended = true;
}

void rehearsal_type(struct rehearsal *r, struct op_components *key)
{
	key->room = type_sheets;
	key->room_ctx = &r->sheets;
	key->unattended = true;
	key->check_value = r->sheets.check_value;
}

enum kms_status rehearsal_made(struct rehearsal *r, const json_t *report, struct kms_err *err)
{
	const char *value = json_string_value(json_object_get(report, "check_value"));

	if (!value)
		return kms_fail(err, KMS_ERR_INTERNAL, "a key was made without a check value");
	snprintf(r->sheets.check_value, sizeof(r->sheets.check_value), "%s", value);
	return KMS_OK;
}
