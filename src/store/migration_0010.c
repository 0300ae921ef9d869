/* SPDX-License-Identifier: Apache-2.0 */
/* Shipments of cards, from a manufacturer to an issuer, as they were announced. */
#include "store/migration.h"

/* clang-format off */
const char store_migration_0010[] =
"CREATE TABLE shipment (\n"
"	id TEXT NOT NULL PRIMARY KEY,\n"
"	direction TEXT NOT NULL CHECK (direction IN ('in', 'out')),\n"
"	partner TEXT NOT NULL,\n"
"	cards BIGINT NOT NULL CHECK (cards > 0),\n"
"	sha256 TEXT NOT NULL,\n"
"	text TEXT NOT NULL,\n"
"	op_id TEXT REFERENCES operation (id),\n"
"	created BIGINT NOT NULL\n"
");\n"
"CREATE TABLE shipment_card (\n"
"	card_id TEXT NOT NULL REFERENCES card (id),\n"
"	shipment TEXT NOT NULL REFERENCES shipment (id),\n"
"	id_source TEXT NOT NULL,\n"
"	profile TEXT NOT NULL,\n"
"	cplc TEXT,\n"
"	iin TEXT,\n"
"	cin TEXT,\n"
"	aid TEXT NOT NULL,\n"
"	keyset TEXT NOT NULL REFERENCES keyset (name),\n"
"	version BIGINT NOT NULL CHECK (version BETWEEN 0 AND 255),\n"
"	scp BIGINT NOT NULL CHECK (scp IN (2, 3)),\n"
"	scp_i BIGINT NOT NULL CHECK (scp_i BETWEEN 0 AND 255),\n"
"	kdd TEXT,\n"
"	PRIMARY KEY (card_id, shipment)\n"
");\n"
"CREATE INDEX shipment_card_shipment ON shipment_card (shipment, card_id);\n";
/* clang-format on */
