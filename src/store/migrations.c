/* SPDX-License-Identifier: Apache-2.0 */
#include "store/migration.h"

const char store_migration_table[] = "CREATE TABLE schema_migration ("
				     "number BIGINT NOT NULL PRIMARY KEY, "
				     "name TEXT NOT NULL, "
				     "size BIGINT NOT NULL, "
				     "sha256 TEXT NOT NULL, "
				     "applied BIGINT NOT NULL)";

const struct store_migration store_migrations[] = {
	{"registry", store_migration_0001},
	{"cards", store_migration_0002},
	{"vault", store_migration_0003},
	{"meetings", store_migration_0004},
	{"custody", store_migration_0005},
	{"quorum", store_migration_0006},
	{"approvals", store_migration_0007},
	{"issuing", store_migration_0008},
	{"batches", store_migration_0009},
	{"shipments", store_migration_0010},
};

const size_t store_migration_count = sizeof(store_migrations) / sizeof(store_migrations[0]);
