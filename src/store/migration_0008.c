/* SPDX-License-Identifier: Apache-2.0 */
/* Where issued cards stand. */
#include "store/migration.h"

/* clang-format off */
const char store_migration_0008[] =
"CREATE TABLE card_issue (\n"
"	card_id TEXT NOT NULL PRIMARY KEY REFERENCES card (id),\n"
"	life TEXT NOT NULL CHECK (life IN ('secured', 'card-locked', 'terminated')),\n"
"	issues BIGINT NOT NULL CHECK (issues >= 0),\n"
"	issued BIGINT,\n"
"	changed BIGINT NOT NULL\n"
");\n";
/* clang-format on */
