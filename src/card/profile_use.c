/* SPDX-License-Identifier: Apache-2.0 */
/* Finding profiles, and what they are asked. */
#include "card/profile.h"

#include "base/file.h"
#include "base/hex.h"
#include "base/near.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 64 * 1024 };

enum kms_status card_profile_load(
	const char *path, struct card_profile *ret_profile, struct kms_err *err)
{
	BUF_AUTO struct buf text = {0};
	enum kms_status st = file_read(path, FILE_MAX, &text, err);

	return st ? st : card_profile_parse(path, buf_text(&text), text.len, ret_profile, err);
}

void card_profile_names_free(struct card_profile_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->list[i]);
	memset(names, 0, sizeof(*names));
}

static int is_profile(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 4 && entry->d_name[0] != '.' && strcmp(entry->d_name + len - 4, ".ini") == 0;
}

static bool is_listed(const struct card_profile_names *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->list[i], name) == 0)
			return true;
	return false;
}

static void names_of(const char *folder, struct card_profile_names *names)
{
	struct dirent **entries;
	int count = scandir(folder, &entries, is_profile, alphasort);

	for (int i = 0; i < count; i++) {
		entries[i]->d_name[strlen(entries[i]->d_name) - 4] = 0;
		if (names->count < CARD_PROFILES_MAX && !is_listed(names, entries[i]->d_name)) {
			char *name = strdup(entries[i]->d_name);

			if (name)
				names->list[names->count++] = name;
		}
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

void card_profile_names(const char *const *folders, struct card_profile_names *ret_names)
{
	memset(ret_names, 0, sizeof(*ret_names));
	for (; *folders; folders++)
		names_of(*folders, ret_names);
}

static enum kms_status not_found(const char *const *folders, const char *name, struct kms_err *err)
{
	struct card_profile_names names;
	char list[400] = "";
	const char *near;

	card_profile_names(folders, &names);
	near = near_name(name, (const char *const *)names.list);
	for (size_t i = 0; i < names.count; i++)
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s", i ? ", " : "",
			names.list[i]);
	kms_fail(err, KMS_ERR_NOT_FOUND, "there is no card profile '%.40s' in %s%s%s", name,
		folders[0] ? folders[0] : "no folder", folders[0] && folders[1] ? " or " : "",
		folders[0] && folders[1] ? folders[1] : "");
	if (near)
		(void)kms_hint(err, "did you mean '%s'? There are: %s", near, list);
	else
		(void)kms_hint(err, "there are: %s", *list ? list : "none");
	card_profile_names_free(&names);
	return KMS_ERR_NOT_FOUND;
}

static enum kms_status find_in(
	const char *folder, const char *name, struct card_profile *ret_profile, struct kms_err *err)
{
	FREE_AUTO char *path = NULL;
	struct card_profile profile = {0};
	enum kms_status st;

	if (asprintf(&path, "%s/%s.ini", folder, name) < 0)
		return kms_nomem(err);
	st = card_profile_load(path, &profile, err);
	if (st)
		return st;
	if (strcmp(profile.name, name) != 0) {
		st = kms_fail(err, KMS_ERR_INVALID, "%s: its name is '%s'", path, profile.name);
		card_profile_free(&profile);
		return st;
	}
	*ret_profile = profile;
	return KMS_OK;
}

enum kms_status card_profile_find(const char *const *folders, const char *name,
	struct card_profile *ret_profile, struct kms_err *err)
{
	/* A name is no path: no slash, no dots that lead elsewhere. */
	if (!*name || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") != strlen(name) ||
		name[0] == '.')
		return not_found(folders, name, err);
	for (const char *const *folder = folders; *folder; folder++) {
		enum kms_status st = find_in(*folder, name, ret_profile, err);

		if (st != KMS_ERR_NOT_FOUND)
			return st;
	}
	return not_found(folders, name, err);
}

enum kms_status card_profile_test_keys(
	const struct card_profile *profile, struct card_keys **ret_keys, struct kms_err *err)
{
	struct secret keys[CARD_ROLES] = {{0}};
	char name[64];
	enum kms_status st = KMS_OK;

	if (!profile->has_test_keys)
		return kms_fail(err, KMS_ERR_NOT_FOUND, "profile '%s' has no public test keys",
			profile->name);
	for (size_t i = 0; !st && i < CARD_ROLES; i++) {
		size_t len = strlen(profile->test_keys[i]) / 2;

		st = secret_alloc(&keys[i], len, err);
		if (!st)
			st = hex_decode(profile->test_keys[i], 2 * len, "test key", keys[i].data,
				len, &len, err);
	}
	snprintf(name, sizeof(name), "public test keys of %s", profile->name);
	if (!st)
		st = card_keys_clear(name, profile->test_type, keys, ret_keys, err);
	for (size_t i = 0; i < CARD_ROLES; i++)
		secret_free(&keys[i]);
	return st;
}

bool card_profile_matches(const struct card_profile *profile, const struct gp_cplc *cplc)
{
	if (!profile->has_match || !cplc)
		return false;
	if (profile->match_fabricator &&
		(unsigned)(cplc->bytes[0] << 8 | cplc->bytes[1]) != profile->match_fabricator)
		return false;
	return !profile->match_os ||
	       (unsigned)(cplc->bytes[4] << 8 | cplc->bytes[5]) == profile->match_os;
}

/*
 * The card's own option for a protocol. Several for one protocol are alternatives between which the
 * profile decides, if it names one of them; else the first counts.
 */
static bool option_of(
	const struct gp_recognition *rec, unsigned scp, unsigned wanted_i, unsigned *ret_i)
{
	bool found = false;

	for (size_t k = 0; k < rec->count; k++) {
		if (rec->scps[k].scp != scp || scp_option_check(scp, rec->scps[k].i, NULL))
			continue;
		if (!found || rec->scps[k].i == wanted_i)
			*ret_i = rec->scps[k].i;
		found = true;
	}
	return found;
}

void card_profile_option(const struct card_profile *profile,
	const struct gp_recognition *recognition, unsigned *ret_scp, unsigned *ret_i)
{
	unsigned i2 = 0, i3 = 0;
	bool has2, has3;

	*ret_scp = profile->scp;
	*ret_i = profile->i;
	if (!recognition || profile->quirks & CARD_QUIRK_NO_RECOGNITION)
		return;
	if (option_of(recognition, profile->scp, profile->i, ret_i))
		return;
	has2 = option_of(recognition, 2, profile->i, &i2);
	has3 = option_of(recognition, 3, profile->i, &i3);
	if (has2 == has3)
		return;
	*ret_scp = has2 ? 2 : 3;
	*ret_i = has2 ? i2 : i3;
}

enum kms_status card_profile_kdd(const struct card_profile *profile, const struct scp_init *init,
	const struct gp_cplc *cplc, const struct gp_id *iin, const struct gp_id *cin,
	unsigned char ret_kdd[CARD_KDD_MAX], size_t *ret_len, struct kms_err *err)
{
	unsigned char both[2 * GP_ID_MAX];
	const unsigned char *from = NULL;
	size_t len = 0;

	if (profile->kdd_source == CARD_KDD_INITIALIZE_UPDATE && init) {
		from = init->kdd;
		len = SCP_KDD_SIZE;
	} else if (profile->kdd_source == CARD_KDD_CPLC && cplc) {
		from = cplc->bytes;
		len = GP_CPLC_SIZE;
	} else if (profile->kdd_source == CARD_KDD_IIN_CIN && iin && cin) {
		memcpy(both, iin->bytes, iin->len);
		memcpy(both + iin->len, cin->bytes, cin->len);
		from = both;
		len = iin->len + cin->len;
	}
	if (!from)
		return kms_fail(err, KMS_ERR_NOT_FOUND,
			"the card does not give the diversification data that profile '%s' names",
			profile->name);
	if (profile->kdd_offset + profile->kdd_len > len)
		return kms_fail(err, KMS_ERR_INVALID,
			"the card gives %zu bytes of diversification data, profile '%s' wants "
			"bytes %u to %u",
			len, profile->name, profile->kdd_offset,
			profile->kdd_offset + profile->kdd_len - 1);
	memcpy(ret_kdd, from + profile->kdd_offset, profile->kdd_len);
	*ret_len = profile->kdd_len;
	return KMS_OK;
}
