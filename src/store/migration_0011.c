/* SPDX-License-Identifier: Apache-2.0 */
/*
 * On PostgreSQL, what is kept for each card is split by a hash of the card's id, so that no table and no
 * index grows with all cards, and each part can be vacuumed, or lie, apart. On SQLite nothing changes.
 *
 * card_change stays whole: it is keyed by its operation, and has a second unique index by card, while a
 * split table has unique indexes only over its hash key.
 *
 * A split table takes its columns and checks from the old one; indexes and foreign keys come after the
 * rows, which is faster, and when their names are free.
 */
#include "store/migration.h"

/* clang-format off */
#define PART(table, n) \
"CREATE TABLE " table "_" n " PARTITION OF " table "_new\n" \
"	FOR VALUES WITH (MODULUS 16, REMAINDER " n ");\n"
#define SPLIT(table, key) \
"CREATE TABLE " table "_new (LIKE " table " INCLUDING CONSTRAINTS) PARTITION BY HASH (" key ");\n" \
PART(table, "0") PART(table, "1") PART(table, "2") PART(table, "3") \
PART(table, "4") PART(table, "5") PART(table, "6") PART(table, "7") \
PART(table, "8") PART(table, "9") PART(table, "10") PART(table, "11") \
PART(table, "12") PART(table, "13") PART(table, "14") PART(table, "15") \
"INSERT INTO " table "_new SELECT * FROM " table ";\n"
#define RENAME(table) "ALTER TABLE " table "_new RENAME TO " table ";\n"

const char store_migration_0011[] = "";

const char store_migration_0011_split[] =
"LOCK TABLE card, card_domain, card_change, card_event, card_issue, shipment_card\n"
"	IN ACCESS EXCLUSIVE MODE;\n"
SPLIT("card", "id")
SPLIT("card_domain", "card_id")
SPLIT("card_event", "card_id")
SPLIT("card_issue", "card_id")
SPLIT("shipment_card", "card_id")
"ALTER TABLE card_change DROP CONSTRAINT card_change_card_id_aid_fkey;\n"
"DROP TABLE shipment_card, card_issue, card_event, card_domain, card;\n"
RENAME("card")
RENAME("card_domain")
RENAME("card_event")
RENAME("card_issue")
RENAME("shipment_card")
"ALTER TABLE card ADD PRIMARY KEY (id);\n"
"CREATE INDEX card_state ON card (state, id);\n"
"CREATE INDEX card_profile ON card (profile, id);\n"
"ALTER TABLE card_domain ADD PRIMARY KEY (card_id, aid),\n"
"	ADD FOREIGN KEY (card_id) REFERENCES card (id),\n"
"	ADD FOREIGN KEY (keyset) REFERENCES keyset (name);\n"
"CREATE INDEX card_domain_keyset ON card_domain (keyset, card_id, aid)\n"
"	WHERE keyset IS NOT NULL;\n"
"CREATE INDEX card_domain_kdd ON card_domain (keyset, kdd, card_id, aid)\n"
"	WHERE kdd IS NOT NULL;\n"
"ALTER TABLE card_change\n"
"	ADD FOREIGN KEY (card_id, aid) REFERENCES card_domain (card_id, aid);\n"
"ALTER TABLE card_event ADD PRIMARY KEY (card_id, seq),\n"
"	ADD FOREIGN KEY (card_id) REFERENCES card (id),\n"
"	ADD FOREIGN KEY (op_id) REFERENCES operation (id);\n"
"ALTER TABLE card_issue ADD PRIMARY KEY (card_id),\n"
"	ADD FOREIGN KEY (card_id) REFERENCES card (id);\n"
"ALTER TABLE shipment_card ADD PRIMARY KEY (card_id, shipment),\n"
"	ADD FOREIGN KEY (card_id) REFERENCES card (id),\n"
"	ADD FOREIGN KEY (shipment) REFERENCES shipment (id),\n"
"	ADD FOREIGN KEY (keyset) REFERENCES keyset (name);\n"
"CREATE INDEX shipment_card_shipment ON shipment_card (shipment, card_id);\n";
/* clang-format on */
