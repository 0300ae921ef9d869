/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/box.h"

#include "sim/profile.h"
#include "sim/state.h"

#include "base/buf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CARDS_MAX = 1000000 };

static const char suffix[] = ".json";

static enum kms_status add_slot(struct sim_box *box, const char *folder, const char *name,
	const char *path, uint32_t serial, struct kms_err *err)
{
	struct sim_slot **slots = realloc(box->slots, (box->count + 1) * sizeof(struct sim_slot *));
	struct sim_slot *slot = calloc(1, sizeof(*slot));

	if (slots)
		box->slots = slots;
	if (!slots || !slot) {
		free(slot);
		return kms_nomem(err);
	}
	slots[box->count] = slot;
	slot->serial = serial;
	slot->name = strdup(name);
	if (path)
		slot->path = strdup(path);
	else if (asprintf(&slot->path, "%s/%s%s", folder, name, suffix) < 0)
		slot->path = NULL;
	box->count++;
	return slot->name && slot->path ? KMS_OK : kms_nomem(err);
}

/*
 * One process at a time writes a card. Of a folder it locks the folder; of one file, which is
 * replaced at every write, a file beside it, and the folder against those who want all of it.
 */
static enum kms_status take_lock(
	int *ret_fd, const char *path, int flags, int how, const char *what, struct kms_err *err)
{
	*ret_fd = open(path, flags | O_CLOEXEC, 0600);
	if (*ret_fd < 0)
		return kms_fail(err, KMS_ERR_IO, "cannot open %s: %s", path, strerror(errno));
	if (flock(*ret_fd, how | LOCK_NB) < 0)
		return kms_fail(err, KMS_ERR_BUSY, "cannot use %s: another cardsim has it", what);
	return KMS_OK;
}

static enum kms_status lock_folder(struct sim_box *box, const char *path, struct kms_err *err)
{
	return take_lock(&box->folder_lock, path, O_RDONLY | O_DIRECTORY, LOCK_EX, path, err);
}

static enum kms_status lock_file(struct sim_box *box, const char *path, struct kms_err *err)
{
	const char *slash = strrchr(path, '/');
	FREE_AUTO char *folder = slash == path ? strdup("/")
				 : slash       ? strndup(path, (size_t)(slash - path))
					       : strdup(".");
	FREE_AUTO char *name = NULL;
	enum kms_status st;

	if (!folder || asprintf(&name, "%s.lock", path) < 0) {
		name = NULL;
		return kms_nomem(err);
	}
	st = take_lock(&box->folder_lock, folder, O_RDONLY | O_DIRECTORY, LOCK_SH, path, err);
	return st ? st
		  : take_lock(&box->lock, name, O_RDWR | O_CREAT | O_NOFOLLOW, LOCK_EX, path, err);
}

static int is_state(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name), end = sizeof(suffix) - 1;

	return len > end && entry->d_name[0] != '.' &&
	       strcmp(entry->d_name + len - end, suffix) == 0;
}

static enum kms_status find_cards(struct sim_box *box, const char *folder, struct kms_err *err)
{
	struct dirent **names = NULL;
	int count = scandir(folder, &names, is_state, alphasort);
	enum kms_status st = KMS_OK;

	if (count < 0)
		return kms_fail(err, KMS_ERR_IO, "cannot read %s: %s", folder, strerror(errno));
	for (int i = 0; i < count; i++) {
		size_t len = strlen(names[i]->d_name);

		names[i]->d_name[len - (sizeof(suffix) - 1)] = 0;
		if (!st)
			st = add_slot(box, folder, names[i]->d_name, NULL, (uint32_t)i, err);
		free(names[i]);
	}
	free(names);
	if (!st && count == 0) {
		kms_fail(err, KMS_ERR_NOT_FOUND, "there is no card in %s", folder);
		return kms_hint(err, "--cards N makes some");
	}
	return st;
}

static enum kms_status open_folder(struct sim_box *box, const char *folder, uint32_t cards,
	uint32_t serial, struct kms_err *err)
{
	enum kms_status st = KMS_OK;
	char name[32];

	if (mkdir(folder, 0700) < 0 && errno != EEXIST)
		return kms_fail(err, KMS_ERR_IO, "cannot make %s: %s", folder, strerror(errno));
	if (cards == 0)
		return find_cards(box, folder, err);
	for (uint32_t i = 0; !st && i < cards; i++) {
		snprintf(name, sizeof(name), "card-%06u", i + 1);
		st = add_slot(box, folder, name, NULL, serial + i, err);
	}
	return st;
}

static bool names_folder(const char *path)
{
	size_t len = strlen(path);
	struct stat info;

	return (len > 0 && path[len - 1] == '/') ||
	       (stat(path, &info) == 0 && S_ISDIR(info.st_mode));
}

static enum kms_status open_file(
	struct sim_box *box, const char *path, uint32_t serial, struct kms_err *err)
{
	const char *slash = strrchr(path, '/');
	FREE_AUTO char *name = strdup(slash ? slash + 1 : path);
	size_t len = name ? strlen(name) : 0, end = sizeof(suffix) - 1;

	if (!name)
		return kms_nomem(err);
	if (len > end && strcmp(name + len - end, suffix) == 0)
		name[len - end] = 0;
	return add_slot(box, NULL, name, path, serial, err);
}

enum kms_status sim_box_open(struct sim_box *box, const char *path, const char *profile,
	uint32_t cards, uint32_t serial, bool sync, struct kms_err *err)
{
	FREE_AUTO char *folder = strdup(path);
	enum kms_status st;
	size_t len;

	*box = (struct sim_box){
		.lock = -1, .folder_lock = -1, .sync = sync, .profile = strdup(profile)};
	if (!folder || !box->profile)
		return kms_nomem(err);
	if (cards > CARDS_MAX)
		return kms_fail(err, KMS_ERR_USAGE, "--cards %u: at most %d", cards, CARDS_MAX);
	for (len = strlen(folder); len > 1 && folder[len - 1] == '/'; len--)
		folder[len - 1] = 0;
	if (cards > 0 || names_folder(path)) {
		st = open_folder(box, folder, cards, serial, err);
		return st ? st : lock_folder(box, folder, err);
	}
	st = open_file(box, path, serial, err);
	return st ? st : lock_file(box, path, err);
}

void sim_box_close(struct sim_box *box)
{
	for (size_t i = 0; i < box->count; i++) {
		free(box->slots[i]->name);
		free(box->slots[i]->path);
		free(box->slots[i]);
	}
	free(box->slots);
	free(box->profile);
	if (box->lock >= 0)
		close(box->lock);
	if (box->folder_lock >= 0)
		close(box->folder_lock);
	*box = (struct sim_box){.lock = -1, .folder_lock = -1};
}

static enum kms_status make_card(struct sim_box *box, struct sim_slot *slot, struct kms_err *err)
{
	struct sim_nv *nv;
	enum kms_status st;

	if (access(slot->path, F_OK) == 0)
		return KMS_OK;
	nv = calloc(1, sizeof(*nv));
	if (!nv)
		return kms_nomem(err);
	st = sim_profile_load(box->profile, nv, err);
	if (!st) {
		sim_profile_number(nv, slot->serial);
		st = sim_state_save(slot->path, nv, box->sync, err);
	}
	free(nv);
	return st;
}

enum kms_status sim_box_make(struct sim_box *box, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < box->count; i++)
		st = make_card(box, box->slots[i], err);
	return st;
}

struct sim_slot *sim_box_next(struct sim_box *box)
{
	for (size_t i = 0; i < box->count; i++) {
		struct sim_slot *slot = box->slots[(box->next + i) % box->count];

		if (!slot->busy) {
			box->next = (box->next + i + 1) % box->count;
			return slot;
		}
	}
	return NULL;
}

struct sim_slot *sim_box_find(struct sim_box *box, const char *name)
{
	for (size_t i = 0; i < box->count; i++)
		if (strcmp(box->slots[i]->name, name) == 0)
			return box->slots[i];
	return NULL;
}

enum kms_status sim_box_other(struct sim_box *box, struct sim_slot *slot,
	struct sim_slot **ret_other, struct kms_err *err)
{
	size_t at = 0;
	FREE_AUTO char *path = NULL;
	enum kms_status st;

	while (box->slots[at] != slot)
		at++;
	for (size_t i = 1; i < box->count; i++) {
		struct sim_slot *other = box->slots[(at + i) % box->count];

		if (!other->busy) {
			*ret_other = other;
			return KMS_OK;
		}
	}
	if (asprintf(&path, "%s.swap", slot->path) < 0) {
		path = NULL;
		return kms_nomem(err);
	}
	st = add_slot(box, NULL, "swap", path, slot->serial + 1, err);
	if (!st)
		*ret_other = box->slots[box->count - 1];
	return st;
}

enum kms_status sim_box_take(
	struct sim_box *box, struct sim_slot *slot, struct sim_card **ret_card, struct kms_err *err)
{
	struct sim_card *card = NULL;
	enum kms_status st = make_card(box, slot, err);

	if (!st)
		st = sim_card_new(slot->path, NULL, box->sync, &card, err);
	if (!st)
		st = sim_card_power_on(card, err);
	if (st) {
		sim_card_free(card);
		return st;
	}
	slot->busy = true;
	*ret_card = card;
	return KMS_OK;
}
