/* SPDX-License-Identifier: Apache-2.0 */
/* A folder per test, with a store in it, and SQL run on the file behind the store's back. */
#ifndef STORE_TEST_FOLDER_H
#define STORE_TEST_FOLDER_H

#include "unit/store/check.h"

#include <ftw.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

struct folder {
	char path[64];
	char db[96];
};

static inline int folder_remove_one(
	const char *path, const struct stat *info, int type, struct FTW *ftw)
{
	(void)info, (void)type, (void)ftw;
	return remove(path);
}

static inline void folder_remove(struct folder *f)
{
	nftw(f->path, folder_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

#define FOLDER_AUTO __attribute__((cleanup(folder_remove)))

static inline struct folder folder_make(void)
{
	struct folder f = {.path = "/var/tmp/cardkms-store-XXXXXX"};

	assert_non_null(mkdtemp(f.path));
	snprintf(f.db, sizeof(f.db), "%s/cardkms.db", f.path);
	return f;
}

static inline struct store *folder_open(const struct folder *f)
{
	const struct store_options options = {.path = f->db, .create = true};
	struct store *s = NULL;
	struct kms_err err = {0};

	OK(store_open(&options, &s, &err));
	return s;
}

static inline void folder_sql(const struct folder *f, const char *sql)
{
	sqlite3 *db = NULL;
	char *message = NULL;

	assert_int_equal(sqlite3_open(f->db, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", sql, message);
	sqlite3_close(db);
}

#endif
