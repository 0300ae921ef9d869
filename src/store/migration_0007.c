/* SPDX-License-Identifier: Apache-2.0 */
/* Sheets that came to nothing, officers who are locked, approvals given beforehand. */
#include "store/migration.h"

/* clang-format off */
const char store_migration_0007[] =
"CREATE TABLE void_sheet (\n"
"	serial BIGINT NOT NULL PRIMARY KEY,\n"
"	ceremony_id TEXT NOT NULL REFERENCES ceremony (id),\n"
"	component BIGINT NOT NULL CHECK (component BETWEEN 1 AND 9),\n"
"	reason TEXT NOT NULL,\n"
"	recorded BIGINT NOT NULL\n"
");\n"
"ALTER TABLE officer ADD COLUMN locked BIGINT;\n"
"CREATE TABLE approval (\n"
"	id TEXT NOT NULL PRIMARY KEY,\n"
"	officer TEXT NOT NULL REFERENCES officer (name),\n"
"	digest TEXT NOT NULL,\n"
"	state TEXT NOT NULL CHECK (state IN ('open', 'used', 'revoked')),\n"
"	given BIGINT NOT NULL,\n"
"	expires BIGINT NOT NULL,\n"
"	ended BIGINT,\n"
"	op_id TEXT REFERENCES operation (id)\n"
");\n"
"CREATE INDEX approval_by_digest ON approval (digest);\n";
/* clang-format on */
