/* SPDX-License-Identifier: Apache-2.0 */
/* Meetings: ceremony files carried out in a room. */
#include "store/migration.h"

/* clang-format off */
const char store_migration_0004[] =
"CREATE TABLE meeting (\n"
"	id TEXT NOT NULL PRIMARY KEY,\n"
"	kind TEXT NOT NULL,\n"
"	title TEXT NOT NULL,\n"
"	file_sha256 TEXT NOT NULL,\n"
"	file_text TEXT NOT NULL,\n"
"	state TEXT NOT NULL CHECK (state IN ('started', 'done', 'failed', 'interrupted')),\n"
"	op_id TEXT REFERENCES operation (id),\n"
"	minutes TEXT,\n"
"	started BIGINT NOT NULL,\n"
"	ended BIGINT\n"
");\n"
"CREATE INDEX meeting_open ON meeting (started) WHERE state = 'started';\n";
/* clang-format on */
