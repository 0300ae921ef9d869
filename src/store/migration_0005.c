/* SPDX-License-Identifier: Apache-2.0 */
/* Where the sheets of components are, in whose hands they ever were, and who has left. */
#include "store/migration.h"

/* clang-format off */
const char store_migration_0005[] =
"CREATE TABLE custody (\n"
"	ceremony_id TEXT NOT NULL REFERENCES ceremony (id),\n"
"	component BIGINT NOT NULL CHECK (component BETWEEN 1 AND 9),\n"
"	seq BIGINT NOT NULL CHECK (seq >= 1),\n"
"	event TEXT NOT NULL CHECK (event IN ('moved', 'issued', 'returned', 'sent', 'destroyed')),\n"
"	state TEXT NOT NULL CHECK (state IN ('held', 'returned', 'sent', 'destroyed')),\n"
"	custodian_a TEXT NOT NULL,\n"
"	custodian_b TEXT NOT NULL,\n"
"	deputies TEXT,\n"
"	sheet_serial BIGINT,\n"
"	bag TEXT,\n"
"	safe TEXT,\n"
"	channel TEXT,\n"
"	carrier TEXT,\n"
"	conveyed BIGINT,\n"
"	issued BIGINT,\n"
"	due BIGINT,\n"
"	returned BIGINT,\n"
"	accepted BIGINT,\n"
"	recorded BIGINT NOT NULL,\n"
"	op_id TEXT NOT NULL REFERENCES operation (id),\n"
"	PRIMARY KEY (ceremony_id, component, seq)\n"
");\n"
"CREATE TABLE leaver (\n"
"	folded TEXT NOT NULL PRIMARY KEY,\n"
"	person TEXT NOT NULL,\n"
"	left_on BIGINT NOT NULL,\n"
"	reason TEXT,\n"
"	op_id TEXT NOT NULL REFERENCES operation (id)\n"
");\n";
/* clang-format on */
