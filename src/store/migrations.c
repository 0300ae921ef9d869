/* SPDX-License-Identifier: Apache-2.0 */
#include "store/migration.h"

const char store_migration_table[] = "CREATE TABLE schema_migration ("
				     "number BIGINT NOT NULL PRIMARY KEY, "
				     "name TEXT NOT NULL, "
				     "size BIGINT NOT NULL, "
				     "sha256 TEXT NOT NULL, "
				     "applied BIGINT NOT NULL)";

const struct store_migration store_migrations[] = {
	{"registry", store_migration_0001, NULL},
	{"cards", store_migration_0002, NULL},
	{"vault", store_migration_0003, NULL},
	{"meetings", store_migration_0004, NULL},
	{"custody", store_migration_0005, NULL},
	{"quorum", store_migration_0006, NULL},
	{"approvals", store_migration_0007, NULL},
	{"issuing", store_migration_0008, NULL},
	{"batches", store_migration_0009, NULL},
	{"shipments", store_migration_0010, NULL},
	{"split-cards", store_migration_0011, store_migration_0011_split},
};

const size_t store_migration_count = sizeof(store_migrations) / sizeof(store_migrations[0]);
