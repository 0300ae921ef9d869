/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Migrations: each a file migration_NNNN.c holding one SQL text, or two where databases that split
 * tables need another. They are C files and not .sql ones so that the binary carries them without a
 * build step that could go stale or missing.
 *
 * A migration that has been released is never edited: stores record its SHA-256 and refuse another
 * text of the same number. A change is a new file, with its line in migrations.c.
 */
#ifndef STORE_MIGRATION_H
#define STORE_MIGRATION_H

#include <stddef.h>

struct store_migration {
	const char *name;
	const char *sql;
	const char *split; /* instead, where the database splits tables (store/db.h); NULL: sql */
};

/* Number n is at index n - 1. */
extern const struct store_migration store_migrations[];
extern const size_t store_migration_count;

/* Makes the table in which migrations are recorded; the only schema text outside of them. */
extern const char store_migration_table[];

extern const char store_migration_0001[];
extern const char store_migration_0002[];
extern const char store_migration_0003[];
extern const char store_migration_0004[];
extern const char store_migration_0005[];
extern const char store_migration_0006[];
extern const char store_migration_0007[];
extern const char store_migration_0008[];
extern const char store_migration_0009[];
extern const char store_migration_0010[];
extern const char store_migration_0011[];
extern const char store_migration_0011_split[];

#endif
