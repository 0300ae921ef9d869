/* SPDX-License-Identifier: Apache-2.0 */
/* Which profile describes a card: the site's own, those shipped, and recognition. */
#include "ops/card.h"

#include "ops/meta.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FOLDERS = 3 /* the site's, those shipped, NULL */ };

/*
 * Installed, cardkms is PREFIX/bin/cardkms and its data PREFIX/share/cardkms; a build folder lies
 * beside the tree's share/ in the same way.
 */
static enum kms_status shipped_folder(char **ret_path, struct kms_err *err)
{
	char exe[4096];
	ssize_t len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *slash;

	exe[len > 0 ? len : 0] = 0;
	slash = strrchr(exe, '/');
	if (!slash)
		return kms_fail(err, KMS_ERR_IO, "cannot tell where this program lies");
	*slash = 0;
	if (asprintf(ret_path, "%s/../share/cardkms/profiles", exe) < 0) {
		*ret_path = NULL;
		return kms_nomem(err);
	}
	return KMS_OK;
}

struct folders {
	char *paths[FOLDERS];
};

static void folders_free(struct folders *folders)
{
	for (size_t i = 0; i < FOLDERS; i++)
		free(folders->paths[i]);
}

static enum kms_status folders_find(
	struct op_site *site, struct folders *folders, struct kms_err *err)
{
	char *real;
	enum kms_status st = op_site_path(site, "profiles", &folders->paths[0], err);

	if (!st && site->profiles) {
		folders->paths[1] = strdup(site->profiles);
		return folders->paths[1] ? KMS_OK : kms_nomem(err);
	}
	if (!st)
		st = shipped_folder(&folders->paths[1], err);
	if (st)
		return st;
	/* For messages: without the "..". */
	real = realpath(folders->paths[1], NULL);
	if (real) {
		free(folders->paths[1]);
		folders->paths[1] = real;
	}
	return KMS_OK;
}

enum kms_status op_profile_find(struct op_site *site, const char *name,
	struct card_profile *ret_profile, struct kms_err *err)
{
	struct folders folders __attribute__((cleanup(folders_free))) = {0};
	enum kms_status st = folders_find(site, &folders, err);

	return st ? st
		  : card_profile_find((const char *const *)folders.paths, name, ret_profile, err);
}

enum kms_status op_profile_names(struct op_site *site, struct buf *ret_list, struct kms_err *err)
{
	struct folders folders __attribute__((cleanup(folders_free))) = {0};
	struct card_profile_names names;
	enum kms_status st = folders_find(site, &folders, err);

	if (st)
		return st;
	card_profile_names((const char *const *)folders.paths, &names);
	for (size_t i = 0; !st && i < names.count; i++)
		st = buf_printf(ret_list, err, "%s%s", i ? ", " : "", names.list[i]);
	card_profile_names_free(&names);
	return st;
}

/* The profile whose [match] fits, if it is the only one. */
static enum kms_status by_match(const struct folders *folders, const struct gp_cplc *cplc,
	struct card_profile *ret_profile, struct kms_err *err)
{
	struct card_profile_names names;
	size_t found = 0;
	enum kms_status st = KMS_OK;

	card_profile_names((const char *const *)folders->paths, &names);
	for (size_t i = 0; !st && i < names.count; i++) {
		struct card_profile profile = {0};

		st = card_profile_find(
			(const char *const *)folders->paths, names.list[i], &profile, err);
		if (st)
			break;
		if (card_profile_matches(&profile, cplc) && ++found == 1)
			*ret_profile = profile;
		else
			card_profile_free(&profile);
	}
	card_profile_names_free(&names);
	if (st || found > 1)
		card_profile_free(ret_profile);
	return st;
}

/* Of cards of which no more is known than the protocol that they speak. */
static const char *generic(const struct gp_recognition *recognition)
{
	bool scp02 = false;

	for (size_t i = 0; recognition && i < recognition->count; i++) {
		const struct gp_scp_option *option = &recognition->scps[i];

		if (scp_option_check(option->scp, option->i, NULL))
			continue;
		if (option->scp == 3)
			return "gp23-scp03";
		scp02 = true;
	}
	return scp02 ? "gp211" : NULL;
}

enum kms_status op_profile_recognise(struct op_site *site, const struct gp_cplc *cplc,
	const struct gp_recognition *recognition, struct card_profile *ret_profile,
	struct kms_err *err)
{
	struct folders folders __attribute__((cleanup(folders_free))) = {0};
	struct card_profile profile = {0};
	const char *name = generic(recognition);
	enum kms_status st = folders_find(site, &folders, err);

	if (!st && cplc)
		st = by_match(&folders, cplc, &profile, err);
	if (!st && !profile.name[0] && name)
		st = card_profile_find((const char *const *)folders.paths, name, &profile, err);
	if (!st)
		*ret_profile = profile;
	return st;
}
