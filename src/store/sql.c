/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sql.h"

/*
 * Column lists are in the order of the fields in the row types of people.c, approvals.c, keys.c,
 * journal.c, ceremony.c, custody.c, docs.c, cards.c, domains.c, changes.c, quorum.c and
 * auditlog.c.
 */
#define OFFICER	 "name, folded, role, passphrase_hash, state, added, changed, failures, locked"
#define APPROVAL "id, officer, digest, state, given, expires, ended, op_id"
#define PARTNER                                                                               \
	"name, version, role, document, fingerprint, identity_key, audit_key, state, added, " \
	"changed"
#define KEYSET                                                                                    \
	"name, customer, algorithm, diversification, definition, kvn, exportable, cryptoperiod, " \
	"origin, order_ref, state, op_id, created"
#define KEY                                                                                     \
	"cka_id, label, keyset, role, algorithm, kvn, state, check_value, check_method, "       \
	"location, origin, partner, wrapping, direction, proof, public_key, exportable, "       \
	"ceremony_id, hsm_serial, op_id, created, activated, deactivate_after, state_changed, " \
	"state_reason"
#define OPERATION "id, kind, subject, actor, started, state, detail, finished, outcome"
#define CEREMONY                                                                              \
	"id, kind, key_label, algorithm, components, partner, op_id, state, started, ended, " \
	"minutes"
#define MEETING "id, kind, title, file_sha256, file_text, state, op_id, minutes, started, ended"
#define CUSTODIAN \
	"ceremony_id, component, position, person, folded, sheet_serial, check_value, sheet_state"
#define VOID_SHEET "serial, ceremony_id, component, reason, recorded"
#define CUSTODY                                                                                  \
	"ceremony_id, component, seq, event, state, custodian_a, custodian_b, deputies, "        \
	"sheet_serial, bag, safe, channel, carrier, conveyed, issued, due, returned, accepted, " \
	"recorded, op_id"
#define LEAVER "folded, person, left_on, reason, op_id"
#define DOC                                                                                  \
	"id, kind, direction, partner, state, nonce, sha256, text, related, transport_key, " \
	"op_id, created, changed"
#define CARD "id, id_source, profile, cplc, iin, cin, state, state_reason, created, changed"
#define DOMAIN                                                                                  \
	"card_id, aid, parent, keyset, version, scp, scp_i, kdd, state, auth_failures, inits, " \
	"changed"
#define CHANGE                                                                      \
	"op_id, card_id, aid, kind, rule, step, old_keyset, old_version, old_kdd, " \
	"new_keyset, new_version, new_kdd, started, changed, finished, outcome, reason"
#define EVENT  "card_id, seq, time, op_id, actor, event, detail"
#define HSM    "name, uri, init_args, kind, state, serial, op_id, added, changed"
#define COPY   "hsm, cka_id, state, via, proof, op_id, created, changed"
#define BACKUP "id, sha256, site_key, keys, op_id, created"
#define FORMER "seq, fingerprint, document, reason, ended"
#define QUORUM                                                                                \
	"generation, state, threshold, hsm_serial, commitment, break_glass, op_id, created, " \
	"ended"
#define MEMBER	   "generation, position, folded, public_key, share"
#define SEALED_PIN "kind, number, generation, state, sealed, created"
#define ENTRY	   "seq, time, actor, operation, text, leaf"
#define CHECKPOINT "size, root, note, time"

#define BATCH                                                                               \
	"name, action, options, file_sha256, state, reason, stop_after, failures, runner, " \
	"runner_until, created, changed"
#define JOB                                                                                  \
	"batch, line, turn, reader, card, profile, kdd, state, tries, worker, lease_until, " \
	"card_id, op_id, detail, changed"
/*
 * One of a reader's cards at a time, in the order of the file. Writers take turns on any database, since
 * the audit log has one end: so no two claim at once.
 */
#define CLAIM(which)                                                                         \
	"UPDATE batch_card SET state = 'leased', worker = $2, lease_until = $4, "            \
	"tries = tries + 1, changed = $3 WHERE batch = $1 AND line IN "                      \
	"(SELECT j.line FROM batch_card j WHERE j.batch = $1 AND " which                     \
	" AND (j.turn = 0 OR NOT EXISTS (SELECT 1 FROM batch_card p WHERE p.batch = $1 "     \
	"AND p.reader = j.reader AND p.turn < j.turn AND p.state IN ('queued', 'leased'))) " \
	"ORDER BY j.line LIMIT $5) RETURNING " JOB
/* clang-format off */
#define SHIPMENT "id, direction, partner, cards, sha256, text, op_id, created"
#define SHIPMENT_CARD \
	"card_id, shipment, id_source, profile, cplc, iin, cin, aid, keyset, version, scp, " \
	"scp_i, kdd"
#define SHIPMENT_OF_CARD \
	"SELECT " SHIPMENT " FROM shipment WHERE id = (SELECT MAX(s.shipment) FROM " \
	"shipment_card s JOIN shipment h ON h.id = s.shipment AND h.direction = 'out' " \
	"WHERE s.card_id = $1)"
/* What a shipment would say of a card c and its issuer security domain d. */
#define READY \
	"SELECT c.id, '', c.id_source, c.profile, c.cplc, c.iin, c.cin, d.aid, d.keyset, " \
	"d.version, d.scp, d.scp_i, d.kdd FROM card_domain d JOIN card c ON c.id = d.card_id " \
	"WHERE c.state = 'active' AND d.state = 'active' AND d.parent IS NULL "
#define SHIPMENT_READY \
	READY "AND d.keyset = $1 AND d.card_id > $2 AND NOT EXISTS (SELECT 1 FROM " \
	"shipment_card s JOIN shipment h ON h.id = s.shipment AND h.direction = 'out' " \
	"WHERE s.card_id = d.card_id) ORDER BY d.card_id LIMIT $3"
#define SHIPMENT_READY_CARD READY "AND d.keyset IS NOT NULL AND d.card_id = $1"
/* A card s that partner $1 announced, and that it did not. */
#define ANNOUNCED \
	"FROM shipment_card s JOIN shipment h ON h.id = s.shipment " \
	"AND h.direction = 'in' AND h.partner = $1 "
#define NOT_ANNOUNCED(card) "NOT EXISTS (SELECT 1 " ANNOUNCED "WHERE s.card_id = " card ") "
#define NO_TEXT "CAST(NULL AS TEXT)"
#define NO_NUMBER "CAST(0 AS BIGINT)"
#define SHIPMENT_MISSING \
	"SELECT s.card_id, s.shipment, s.keyset, s.version, s.kdd, " NO_TEXT ", " NO_NUMBER \
	", " NO_TEXT " " ANNOUNCED "WHERE s.card_id > $2 AND NOT EXISTS (SELECT 1 FROM card_event e " \
	"WHERE e.card_id = s.card_id) ORDER BY s.card_id LIMIT $3"
/* What a card had when it came: before its first change c, or now where there is none. */
#define CAME_WITH(column) "CASE WHEN c.op_id IS NULL THEN d." column " ELSE c.old_" column " END"
#define CAME_WITH_OTHER(column) CAME_WITH(column) " IS DISTINCT FROM s." column
#define SHIPMENT_DIFFERENT \
	"SELECT s.card_id, s.shipment, s.keyset, s.version, s.kdd, " CAME_WITH("keyset") ", " \
	CAME_WITH("version") ", " CAME_WITH("kdd") " " ANNOUNCED \
	"JOIN card_domain d ON d.card_id = s.card_id AND d.aid = s.aid " \
	"LEFT JOIN card_change c ON c.card_id = s.card_id AND c.aid = s.aid " \
	"AND c.outcome = 'done' AND NOT EXISTS (SELECT 1 FROM card_change e " \
	"WHERE e.card_id = c.card_id AND e.aid = c.aid AND e.outcome = 'done' " \
	"AND (e.started, e.op_id) < (c.started, c.op_id)) WHERE s.card_id > $2 AND (" \
	CAME_WITH_OTHER("keyset") " OR " CAME_WITH_OTHER("version") " OR " \
	CAME_WITH_OTHER("kdd") ") ORDER BY s.card_id LIMIT $3"
#define SHIPMENT_UNEXPECTED \
	"SELECT * FROM (SELECT d.card_id, " NO_TEXT " AS shipment, " NO_TEXT " AS said_keyset, " \
	NO_NUMBER " AS said_version, " NO_TEXT " AS said_kdd, d.keyset, d.version, d.kdd " \
	"FROM card_domain d JOIN keyset k ON k.name = d.keyset WHERE k.origin = $1 " \
	"AND d.parent IS NULL AND d.state <> 'removed' AND d.card_id > $2 AND " \
	NOT_ANNOUNCED("d.card_id") "UNION SELECT c.card_id, " NO_TEXT ", " NO_TEXT ", " NO_NUMBER ", " \
	NO_TEXT ", c.old_keyset, c.old_version, c.old_kdd FROM card_change c " \
	"JOIN keyset k ON k.name = c.old_keyset WHERE k.origin = $1 AND c.outcome = 'done' " \
	"AND c.card_id > $2 AND " NOT_ANNOUNCED("c.card_id") ") AS found " \
	"ORDER BY card_id LIMIT $3"
/* clang-format on */
#define VALUES_4  "VALUES ($1, $2, $3, $4)"
#define ISSUE	  "card_id, life, issues, issued, changed"
#define VALUES_5  "VALUES ($1, $2, $3, $4, $5)"
#define VALUES_6  "VALUES ($1, $2, $3, $4, $5, $6)"
#define VALUES_8  "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
#define VALUES_9  "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
#define VALUES_10 "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
#define VALUES_11 "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
#define VALUES_12 "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
#define VALUES_13 "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
#define VALUES_15 "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
#define VALUES_17 \
	"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"
#define VALUES_20                                                                              \
	"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, " \
	"$18, $19, $20)"
#define VALUES_25                                                                              \
	"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, " \
	"$18, $19, $20, $21, $22, $23, $24, $25)"

#define LIVE "state NOT IN ('void', 'destroyed')"

/*
 * Domains d of cards on which an unsettled change c may have put its new key set. The second
 * condition is that of partial indexes, word for word; the third leaves out quarantines that a later
 * change has ended.
 */
#define UNSETTLED                                                 \
	"FROM card_change c JOIN card_domain d "                  \
	"ON d.card_id = c.card_id AND d.aid = c.aid "             \
	"WHERE (c.outcome IS NULL OR c.outcome = 'quarantined') " \
	"AND d.state IN ('changing', 'quarantined') "
#define D_DOMAIN                                                                            \
	"c.card_id, c.aid, d.parent, d.keyset, d.version, d.scp, d.scp_i, d.kdd, d.state, " \
	"d.auth_failures, d.inits, d.changed"

const struct store_statement store_statements[STORE_SQL_COUNT] = {
	[SQL_MIGRATION_LIST] = {"SELECT number, sha256 FROM schema_migration ORDER BY number",
		false},
	[SQL_MIGRATION_ADD] = {"INSERT INTO schema_migration (number, name, size, sha256, applied) "
			       "VALUES ($1, $2, $3, $4, $5)",
		true},

	[SQL_META_SET] = {"INSERT INTO site_meta (name, value) VALUES ($1, $2) "
			  "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
		true},
	[SQL_META_GET] = {"SELECT name, value FROM site_meta WHERE name = $1", false},
	[SQL_META_LIST] = {"SELECT name, value FROM site_meta ORDER BY name", false},
	[SQL_CAPS_SET] = {"INSERT INTO token_caps (serial, firmware, caps, probed) " VALUES_4
			  " ON CONFLICT (serial, firmware) DO UPDATE "
			  "SET caps = excluded.caps, probed = excluded.probed",
		true},
	[SQL_CAPS_GET] = {"SELECT serial, firmware, caps, probed FROM token_caps "
			  "WHERE serial = $1 AND firmware = $2",
		false},
	[SQL_COUNTER_TAKE] =
		{"INSERT INTO counter (name, value) VALUES ($1, $2) ON CONFLICT (name) "
		 "DO UPDATE SET value = counter.value + excluded.value RETURNING value",
			true},
	[SQL_COUNTER_GET] = {"SELECT value FROM counter WHERE name = $1", false},

	[SQL_OFFICER_ADD] = {"INSERT INTO officer (" OFFICER ") " VALUES_9, true},
	[SQL_OFFICER_GET] = {"SELECT " OFFICER " FROM officer WHERE folded = $1", false},
	[SQL_OFFICER_LIST] = {"SELECT " OFFICER " FROM officer ORDER BY folded", false},
	[SQL_OFFICER_UPDATE] = {"UPDATE officer SET role = $2, passphrase_hash = $3, state = $4, "
				"changed = $5, failures = $6, locked = $7 WHERE folded = $1",
		true},
	[SQL_APPROVAL_ADD] = {"INSERT INTO approval (" APPROVAL ") " VALUES_8, true},
	[SQL_APPROVAL_LIST] = {"SELECT " APPROVAL " FROM approval ORDER BY given, id", false},
	[SQL_APPROVAL_OF_DIGEST] = {"SELECT " APPROVAL " FROM approval WHERE digest = $1 "
				    "ORDER BY given, id",
		false},
	[SQL_APPROVAL_END] = {"UPDATE approval SET state = $2, ended = $3, op_id = $4 "
			      "WHERE id = $1 AND state = 'open'",
		true},

	[SQL_PARTNER_ADD] = {"INSERT INTO partner (" PARTNER ") " VALUES_10, true},
	[SQL_PARTNER_LAST_VERSION] =
		{"SELECT COALESCE(MAX(version), 0) FROM partner WHERE name = $1", false},
	[SQL_PARTNER_END] = {"UPDATE partner SET state = $2, changed = $3 "
			     "WHERE name = $1 AND state = 'active'",
		true},
	[SQL_PARTNER_GET] = {"SELECT " PARTNER " FROM partner WHERE name = $1 AND state = 'active'",
		false},
	[SQL_PARTNER_NEWEST] = {"SELECT " PARTNER " FROM partner WHERE name = $1 "
				"ORDER BY version DESC LIMIT 1",
		false},
	[SQL_PARTNER_BY_FINGERPRINT] = {"SELECT " PARTNER " FROM partner WHERE fingerprint = $1",
		false},
	[SQL_PARTNER_LIST] = {"SELECT " PARTNER " FROM partner ORDER BY name, version", false},

	[SQL_KEYSET_ADD] =
		{"INSERT INTO keyset (" KEYSET ") " VALUES_13 " ON CONFLICT (name) DO UPDATE SET "
		 "customer = excluded.customer, algorithm = excluded.algorithm, "
		 "diversification = excluded.diversification, definition = excluded.definition, "
		 "kvn = excluded.kvn, exportable = excluded.exportable, "
		 "cryptoperiod = excluded.cryptoperiod, origin = excluded.origin, "
		 "order_ref = excluded.order_ref, state = excluded.state, "
		 "op_id = excluded.op_id, created = excluded.created "
		 "WHERE keyset.state = 'void'",
			true},
	[SQL_KEYSET_GET] = {"SELECT " KEYSET " FROM keyset WHERE name = $1 AND state <> 'void'",
		false},
	[SQL_KEYSET_LIST] = {"SELECT " KEYSET " FROM keyset ORDER BY name", false},
	[SQL_KEYSET_SET_STATE] = {"UPDATE keyset SET state = $3 WHERE name = $1 AND state = $2",
		true},

	[SQL_KEY_ADD] = {"INSERT INTO key_object (" KEY ") " VALUES_25, true},
	[SQL_KEY_GET] = {"SELECT " KEY " FROM key_object WHERE cka_id = $1", false},
	[SQL_KEY_BY_LABEL] = {"SELECT " KEY " FROM key_object WHERE label = $1 AND " LIVE, false},
	[SQL_KEY_LIST] = {"SELECT " KEY " FROM key_object "
			  "WHERE (CAST($1 AS TEXT) IS NULL OR keyset = $1) "
			  "AND (CAST($2 AS TEXT) IS NULL OR state = $2) "
			  "AND (CAST($3 AS TEXT) IS NULL OR role = $3) "
			  "AND (CAST($4 AS TEXT) IS NULL OR op_id = $4) "
			  "AND (CAST($5 AS BIGINT) = 0 OR " LIVE ") "
			  "ORDER BY label, created, cka_id",
		false},
	[SQL_KEY_UPDATE] =
		{"UPDATE key_object SET label = $2, keyset = $3, role = $4, algorithm = $5, "
		 "kvn = $6, state = $7, check_value = $8, check_method = $9, location = $10, "
		 "origin = $11, partner = $12, wrapping = $13, direction = $14, proof = $15, "
		 "public_key = $16, exportable = $17, ceremony_id = $18, hsm_serial = $19, "
		 "op_id = $20, created = $21, activated = $22, deactivate_after = $23, "
		 "state_changed = $24, state_reason = $25 WHERE cka_id = $1 AND state = $26",
			true},
	[SQL_KEY_SET_STATE] = {"UPDATE key_object SET state = $3, state_reason = $4, "
			       "state_changed = $5 WHERE cka_id = $1 AND state = $2",
		true},

	[SQL_OP_ADD] = {"INSERT INTO operation (" OPERATION ") " VALUES_9, true},
	[SQL_OP_GET] = {"SELECT " OPERATION " FROM operation WHERE id = $1", false},
	[SQL_OP_LIST] = {"SELECT " OPERATION " FROM operation "
			 "WHERE CAST($1 AS TEXT) IS NULL OR state = $1 ORDER BY started, id",
		false},
	/* The conditions of the index operation_exchange, word for word. */
	[SQL_OP_LIST_EXCHANGE] = {"SELECT " OPERATION " FROM operation "
				  "WHERE (kind >= 'exchange.' AND kind < 'exchange/' "
				  "OR kind = 'key.derive') "
				  "AND state = 'done' ORDER BY started, id",
		false},
	[SQL_OP_LIST_SINCE] = {"SELECT " OPERATION " FROM operation "
			       "WHERE started >= $1 ORDER BY started, id",
		false},
	[SQL_OP_SET_DETAIL] =
		{"UPDATE operation SET detail = $2 WHERE id = $1 AND state = 'intent'", true},
	[SQL_OP_FINISH] = {"UPDATE operation SET state = $2, outcome = $3, finished = $4 "
			   "WHERE id = $1 AND state = 'intent'",
		true},

	[SQL_CEREMONY_ADD] = {"INSERT INTO ceremony (" CEREMONY ") " VALUES_11, true},
	[SQL_CEREMONY_GET] = {"SELECT " CEREMONY " FROM ceremony WHERE id = $1", false},
	[SQL_CEREMONY_LIST] = {"SELECT " CEREMONY " FROM ceremony "
			       "WHERE CAST($1 AS TEXT) IS NULL OR state = $1 ORDER BY started, id",
		false},
	[SQL_CEREMONY_FINISH] = {"UPDATE ceremony SET state = $2, minutes = $3, ended = $4 "
				 "WHERE id = $1 AND state = 'started'",
		true},
	[SQL_MEETING_ADD] = {"INSERT INTO meeting (" MEETING ") " VALUES_10, true},
	[SQL_MEETING_GET] = {"SELECT " MEETING " FROM meeting WHERE id = $1", false},
	[SQL_MEETING_LIST] = {"SELECT " MEETING " FROM meeting "
			      "WHERE (CAST($1 AS TEXT) IS NULL OR state = $1) ORDER BY started, id",
		false},
	[SQL_MEETING_FINISH] = {"UPDATE meeting SET state = $2, op_id = $3, minutes = $4, "
				"ended = $5 WHERE id = $1 AND state IN ('started', 'interrupted')",
		true},
	[SQL_CUSTODIAN_ADD] = {"INSERT INTO custodian (" CUSTODIAN ") " VALUES_8, true},
	[SQL_CUSTODIAN_SET] = {"UPDATE custodian SET sheet_serial = $3, check_value = $4, "
			       "sheet_state = $5 WHERE ceremony_id = $1 AND component = $2",
		true},
	[SQL_CUSTODIAN_LIST] = {"SELECT " CUSTODIAN " FROM custodian WHERE ceremony_id = $1 "
				"ORDER BY component, position",
		false},
	[SQL_VOID_SHEET_ADD] = {"INSERT INTO void_sheet (" VOID_SHEET ") " VALUES_5, true},
	[SQL_VOID_SHEET_LIST] = {"SELECT " VOID_SHEET " FROM void_sheet ORDER BY serial", false},
	[SQL_CUSTODY_ADD] = {"INSERT INTO custody (" CUSTODY ") " VALUES_20, true},
	[SQL_CUSTODY_LIST] = {"SELECT " CUSTODY
			      " FROM custody ORDER BY ceremony_id, component, seq",
		false},
	[SQL_LEAVER_ADD] = {"INSERT INTO leaver (" LEAVER ") " VALUES_5, true},
	[SQL_LEAVER_LIST] = {"SELECT " LEAVER " FROM leaver ORDER BY folded", false},

	[SQL_DOC_ADD] = {"INSERT INTO exchange_doc (" DOC ") " VALUES_13, true},
	[SQL_DOC_GET] = {"SELECT " DOC " FROM exchange_doc WHERE id = $1", false},
	[SQL_DOC_BY_NONCE] = {"SELECT " DOC " FROM exchange_doc "
			      "WHERE kind = $1 AND direction = $2 AND nonce = $3",
		false},
	[SQL_DOC_BY_SHA256] = {"SELECT " DOC " FROM exchange_doc "
			       "WHERE kind = $1 AND direction = $2 AND sha256 = $3 "
			       "ORDER BY created, id LIMIT 1",
		false},
	[SQL_DOC_LIST] = {"SELECT " DOC " FROM exchange_doc "
			  "WHERE CAST($1 AS TEXT) IS NULL OR kind = $1 ORDER BY created, id",
		false},
	[SQL_DOC_SET_STATE] = {"UPDATE exchange_doc SET state = $3, changed = $4 "
			       "WHERE id = $1 AND state = $2",
		true},

	[SQL_CARD_ADD] = {"INSERT INTO card (" CARD ") " VALUES_10, true},
	[SQL_CARD_GET] = {"SELECT " CARD " FROM card WHERE id = $1", false},
	[SQL_CARD_LIST] = {"SELECT " CARD " FROM card WHERE id > $1 ORDER BY id LIMIT $2", false},
	/* Not state = $1: PostgreSQL would take the order by id for a reason to walk all cards. */
	[SQL_CARD_LIST_STATE] = {"SELECT " CARD " FROM card "
				 "WHERE (state, id) > ($1, $3) AND state <= $1 "
				 "AND (CAST($2 AS TEXT) IS NULL OR profile = $2) "
				 "ORDER BY state, id LIMIT $4",
		false},
	[SQL_CARD_LIST_PROFILE] = {"SELECT " CARD " FROM card "
				   "WHERE (profile, id) > ($1, $3) AND profile <= $1 "
				   "AND (CAST($2 AS TEXT) IS NULL OR state = $2) "
				   "ORDER BY profile, id LIMIT $4",
		false},
	[SQL_CARD_UPDATE] = {"UPDATE card SET id_source = $2, profile = $3, cplc = $4, iin = $5, "
			     "cin = $6, state = $7, state_reason = $8, created = $9, "
			     "changed = $10 WHERE id = $1 AND state = $11",
		true},
	[SQL_CARD_SET_STATE] = {"UPDATE card SET state = $3, state_reason = $4, changed = $5 "
				"WHERE id = $1 AND state = $2",
		true},
	[SQL_CARD_EVENT_ADD] =
		{"INSERT INTO card_event (" EVENT ") VALUES ($1, (SELECT "
		 "COALESCE(MAX(seq), CAST($2 AS BIGINT)) + 1 FROM card_event WHERE card_id = $1), "
		 "$3, $4, $5, $6, $7)",
			true},
	[SQL_CARD_EVENT_LIST] = {"SELECT " EVENT " FROM card_event "
				 "WHERE card_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
		false},

	[SQL_ISSUE_PUT] = {"INSERT INTO card_issue (" ISSUE ") " VALUES_5
			   " ON CONFLICT (card_id) DO UPDATE SET life = excluded.life, "
			   "issues = excluded.issues, issued = excluded.issued, "
			   "changed = excluded.changed",
		true},
	[SQL_ISSUE_GET] = {"SELECT " ISSUE " FROM card_issue WHERE card_id = $1", false},

	[SQL_SHIPMENT_ADD] = {"INSERT INTO shipment (" SHIPMENT ") " VALUES_8, true},
	[SQL_SHIPMENT_GET] = {"SELECT " SHIPMENT " FROM shipment WHERE id = $1", false},
	[SQL_SHIPMENT_LIST] = {"SELECT " SHIPMENT " FROM shipment ORDER BY created, id", false},
	[SQL_SHIPMENT_OF_CARD] = {SHIPMENT_OF_CARD, false},
	[SQL_SHIPMENT_CARD_ADD] = {"INSERT INTO shipment_card (" SHIPMENT_CARD ") " VALUES_13,
		true},
	[SQL_SHIPMENT_CARD_LIST] = {"SELECT " SHIPMENT_CARD " FROM shipment_card "
				    "WHERE shipment = $1 AND card_id > $2 "
				    "ORDER BY card_id LIMIT $3",
		false},
	[SQL_SHIPMENT_READY] = {SHIPMENT_READY, false},
	[SQL_SHIPMENT_READY_CARD] = {SHIPMENT_READY_CARD, false},
	[SQL_SHIPMENT_ANNOUNCED] = {"SELECT COUNT(*) " ANNOUNCED, false},
	[SQL_SHIPMENT_MISSING] = {SHIPMENT_MISSING, false},
	[SQL_SHIPMENT_DIFFERENT] = {SHIPMENT_DIFFERENT, false},
	[SQL_SHIPMENT_UNEXPECTED] = {SHIPMENT_UNEXPECTED, false},

	[SQL_DOMAIN_PUT] =
		{"INSERT INTO card_domain (" DOMAIN ") " VALUES_12
		 " ON CONFLICT (card_id, aid) DO UPDATE SET "
		 "parent = excluded.parent, keyset = excluded.keyset, version = excluded.version, "
		 "scp = excluded.scp, scp_i = excluded.scp_i, kdd = excluded.kdd, "
		 "state = excluded.state, changed = excluded.changed",
			true},
	[SQL_DOMAIN_GET] = {"SELECT " DOMAIN " FROM card_domain WHERE card_id = $1 AND aid = $2",
		false},
	[SQL_DOMAIN_LIST] = {"SELECT " DOMAIN " FROM card_domain WHERE card_id = $1 ORDER BY aid",
		false},
	[SQL_DOMAIN_SET_COUNTERS] = {"UPDATE card_domain SET auth_failures = $3, inits = $4, "
				     "changed = $5 WHERE card_id = $1 AND aid = $2",
		true},
	[SQL_DOMAIN_TWINS] = {"SELECT * FROM (SELECT " DOMAIN " FROM card_domain WHERE keyset = $2 "
			      "AND kdd = $3 AND card_id <> $1 AND state <> 'removed' "
			      "ORDER BY card_id, aid LIMIT $4) AS known UNION "
			      "SELECT * FROM (SELECT DISTINCT " D_DOMAIN " " UNSETTLED
			      "AND c.new_keyset = $2 AND c.new_kdd = $3 AND c.card_id <> $1 "
			      "ORDER BY c.card_id, c.aid LIMIT $4) AS possible "
			      "ORDER BY card_id, aid LIMIT $4",
		false},
	[SQL_DEPENDANT_LIST] = {"SELECT * FROM (SELECT " DOMAIN
				" FROM card_domain WHERE keyset = $1 "
				"AND state <> 'removed' AND (card_id, aid) > ($2, $3) "
				"ORDER BY card_id, aid LIMIT $4) AS known UNION "
				"SELECT * FROM (SELECT DISTINCT " D_DOMAIN " " UNSETTLED
				"AND c.new_keyset = $1 AND (c.card_id, c.aid) > ($2, $3) "
				"ORDER BY c.card_id, c.aid LIMIT $4) AS possible "
				"ORDER BY card_id, aid LIMIT $4",
		false},
	[SQL_DEPENDANT_COUNT] = {"SELECT (SELECT COUNT(*) FROM card_domain WHERE keyset = $1 "
				 "AND state <> 'removed') + (SELECT COUNT(*) FROM ("
				 "SELECT DISTINCT c.card_id, c.aid " UNSETTLED
				 "AND c.new_keyset = $1 "
				 "AND (d.keyset IS NULL OR d.keyset <> $1)) AS possible)",
		false},

	[SQL_CHANGE_ADD] = {"INSERT INTO card_change (" CHANGE ") " VALUES_17, true},
	[SQL_CHANGE_GET] = {"SELECT " CHANGE " FROM card_change WHERE op_id = $1", false},
	[SQL_CHANGE_OPEN] = {"SELECT " CHANGE " FROM card_change "
			     "WHERE card_id = $1 AND aid = $2 AND outcome IS NULL",
		false},
	[SQL_CHANGE_OPEN_LIST] = {"SELECT " CHANGE " FROM card_change WHERE outcome IS NULL "
				  "ORDER BY started, op_id LIMIT $1",
		false},
	[SQL_CHANGE_LIST] = {"SELECT " CHANGE " FROM card_change WHERE card_id = $1 "
			     "ORDER BY started, op_id",
		false},
	[SQL_CHANGE_SET_STEP] = {"UPDATE card_change SET step = $2, changed = $3 "
				 "WHERE op_id = $1 AND outcome IS NULL",
		true},
	[SQL_CHANGE_FINISH] = {"UPDATE card_change SET outcome = $2, reason = $3, changed = $4, "
			       "finished = $4 WHERE op_id = $1 AND outcome IS NULL",
		true},
	[SQL_HSM_ADD] =
		{"INSERT INTO hsm (" HSM ") " VALUES_9 " ON CONFLICT (name) DO UPDATE SET "
		 "uri = excluded.uri, init_args = excluded.init_args, kind = excluded.kind, "
		 "state = excluded.state, serial = excluded.serial, op_id = excluded.op_id, "
		 "added = excluded.added, changed = excluded.changed "
		 "WHERE hsm.state = 'removed'",
			true},
	[SQL_HSM_GET] = {"SELECT " HSM " FROM hsm WHERE name = $1 AND state <> 'removed'", false},
	[SQL_HSM_LIST] = {"SELECT " HSM " FROM hsm ORDER BY name", false},
	[SQL_HSM_UPDATE] = {"UPDATE hsm SET state = $2, serial = $3, changed = $4 "
			    "WHERE name = $1 AND state = $5",
		true},
	[SQL_COPY_ADD] =
		{"INSERT INTO key_copy (" COPY ") " VALUES_8
		 " ON CONFLICT (hsm, cka_id) DO UPDATE SET "
		 "state = excluded.state, via = excluded.via, proof = excluded.proof, "
		 "op_id = excluded.op_id, created = excluded.created, changed = excluded.changed "
		 "WHERE key_copy.state IN ('destroyed', 'void')",
			true},
	[SQL_COPY_LIST] = {"SELECT " COPY " FROM key_copy "
			   "WHERE (CAST($1 AS TEXT) IS NULL OR hsm = $1) "
			   "AND (CAST($2 AS TEXT) IS NULL OR cka_id = $2) "
			   "AND (CAST($3 AS TEXT) IS NULL OR state = $3) "
			   "AND (CAST($4 AS TEXT) IS NULL OR op_id = $4) "
			   "ORDER BY hsm, cka_id",
		false},
	[SQL_COPY_UPDATE] = {"UPDATE key_copy SET state = $3, proof = $4, changed = $5 "
			     "WHERE hsm = $1 AND cka_id = $2 AND state = $6",
		true},
	[SQL_BACKUP_ADD] = {"INSERT INTO backup (" BACKUP ") " VALUES_6, true},
	[SQL_BACKUP_KEY_ADD] = {"INSERT INTO backup_key (backup, cka_id) VALUES ($1, $2)", true},
	[SQL_BACKUP_LIST] = {"SELECT " BACKUP " FROM backup ORDER BY created, id", false},
	[SQL_BACKUP_OF_KEY] = {"SELECT " BACKUP " FROM backup WHERE id IN "
			       "(SELECT backup FROM backup_key WHERE cka_id = $1) "
			       "ORDER BY created, id",
		false},
	[SQL_FORMER_ADD] = {"INSERT INTO former_identity (" FORMER ") " VALUES_5, true},
	[SQL_FORMER_LIST] = {"SELECT " FORMER " FROM former_identity ORDER BY seq", false},
	[SQL_QUORUM_ADD] = {"INSERT INTO quorum (" QUORUM ") " VALUES_9, true},
	[SQL_QUORUM_ACTIVE] = {"SELECT " QUORUM " FROM quorum WHERE state = 'active'", false},
	[SQL_QUORUM_LAST] = {"SELECT COALESCE(MAX(generation), 0) FROM quorum", false},
	[SQL_QUORUM_END] = {"UPDATE quorum SET state = 'ended', ended = $2 "
			    "WHERE generation = $1 AND state = 'active'",
		true},
	[SQL_QUORUM_GLASS] = {"UPDATE quorum SET break_glass = $2 WHERE generation = $1", true},
	[SQL_MEMBER_ADD] = {"INSERT INTO quorum_member (" MEMBER ") " VALUES_5, true},
	[SQL_MEMBER_LIST] = {"SELECT " MEMBER " FROM quorum_member WHERE generation = $1 "
			     "ORDER BY position",
		false},
	[SQL_MEMBER_FORGET] = {"UPDATE quorum_member SET share = NULL WHERE generation = $1", true},
	[SQL_OFFICER_KEY_SET] = {"INSERT INTO officer_key (folded, sealed, changed) "
				 "VALUES ($1, $2, $3) ON CONFLICT (folded) DO UPDATE SET "
				 "sealed = excluded.sealed, changed = excluded.changed",
		true},
	[SQL_OFFICER_KEY_GET] = {"SELECT folded, sealed, changed FROM officer_key "
				 "WHERE folded = $1",
		false},
	[SQL_PIN_ADD] = {"INSERT INTO sealed_pin (" SEALED_PIN ") " VALUES_6, true},
	[SQL_PIN_LIST] = {"SELECT " SEALED_PIN " FROM sealed_pin WHERE kind = $1 ORDER BY number",
		false},
	[SQL_PIN_LAST] = {"SELECT COALESCE(MAX(number), 0) FROM sealed_pin WHERE kind = $1", false},
	[SQL_PIN_STATE] = {"UPDATE sealed_pin SET state = $3 WHERE kind = $1 AND state = $2", true},
	[SQL_PIN_DROP] = {"DELETE FROM sealed_pin WHERE kind = $1 AND state = $2", true},

	[SQL_BATCH_ADD] = {"INSERT INTO batch (" BATCH ") " VALUES_12, true},
	[SQL_BATCH_GET] = {"SELECT " BATCH " FROM batch WHERE name = $1", false},
	[SQL_BATCH_LIST] = {"SELECT " BATCH " FROM batch ORDER BY created, name", false},
	[SQL_BATCH_STATE] = {"UPDATE batch SET state = $3, reason = $4, failures = 0, changed = $5 "
			     "WHERE name = $1 AND state = $2",
		true},
	[SQL_BATCH_END] = {"UPDATE batch SET state = 'done', changed = $2 WHERE name = $1 "
			   "AND state = 'running' AND NOT EXISTS (SELECT 1 FROM batch_card "
			   "WHERE batch = $1 AND state IN ('queued', 'leased'))",
		true},
	[SQL_BATCH_HOLD] = {"UPDATE batch SET runner = $2, runner_until = $4 WHERE name = $1 "
			    "AND (runner IS NULL OR runner = $2 OR runner_until < $3 "
			    "OR runner_until > $5)",
		true},
	[SQL_BATCH_FAILED] = {"UPDATE batch SET failures = failures + 1 WHERE name = $1 "
			      "RETURNING failures",
		true},
	[SQL_BATCH_NO_FAILURE] = {"UPDATE batch SET failures = 0 WHERE name = $1 AND failures > 0",
		true},
	[SQL_JOB_ADD] = {"INSERT INTO batch_card (" JOB ") " VALUES_15, true},
	[SQL_JOB_LIST] = {"SELECT " JOB " FROM batch_card WHERE batch = $1 AND line > $2 "
			  "AND (CAST($3 AS TEXT) IS NULL OR state = $3) ORDER BY line LIMIT $4",
		false},
	[SQL_JOB_COUNTS] = {"SELECT state, COUNT(*) FROM batch_card WHERE batch = $1 "
			    "GROUP BY state ORDER BY state",
		false},
	[SQL_JOB_CLAIM] = {CLAIM("j.state = 'queued'"), true},
	[SQL_JOB_CLAIM_EXPIRED] = {CLAIM("j.state = 'leased' AND (j.lease_until < $6 "
					 "OR j.lease_until > $7)"),
		true},
	[SQL_JOB_RENEW] = {"UPDATE batch_card SET lease_until = $3 WHERE batch = $1 "
			   "AND worker = $2 AND state = 'leased'",
		true},
	[SQL_JOB_FREE] = {"UPDATE batch_card SET lease_until = 0 WHERE batch = $1 "
			  "AND worker = $2 AND state = 'leased'",
		true},
	[SQL_JOB_FINISH] = {"UPDATE batch_card SET state = $4, card_id = $5, op_id = $6, "
			    "detail = $7, changed = $8, lease_until = NULL WHERE batch = $1 "
			    "AND line = $2 AND worker = $3 AND state = 'leased'",
		true},
	[SQL_JOB_GIVE_BACK] = {"UPDATE batch_card SET state = 'queued', worker = NULL, "
			       "lease_until = NULL, tries = tries - $4 WHERE batch = $1 "
			       "AND line = $2 AND worker = $3 AND state = 'leased'",
		true},
	/* One try: that it was tried has to be known, how often counts anew. */
	[SQL_JOB_RETRY] =
		{"UPDATE batch_card SET state = 'queued', worker = NULL, detail = NULL, "
		 "tries = 1, changed = $3 WHERE batch = $1 AND state = $2 AND reader <> ''",
			true},
	[SQL_JOB_ELSEWHERE] = {"SELECT " JOB " FROM batch_card WHERE card = $1 "
			       "AND state IN ('queued', 'leased') ORDER BY batch LIMIT 1",
		false},

	[SQL_AUDIT_SIZE] = {"SELECT COALESCE(MAX(seq) + 1, 0) FROM audit_entry", false},
	[SQL_AUDIT_ADD] = {"INSERT INTO audit_entry (" ENTRY ") " VALUES_6, true},
	[SQL_AUDIT_GET] = {"SELECT " ENTRY " FROM audit_entry WHERE seq = $1", false},
	[SQL_AUDIT_RANGE] = {"SELECT " ENTRY " FROM audit_entry WHERE seq >= $1 AND seq < $2 "
			     "ORDER BY seq LIMIT $3",
		false},
	[SQL_NODE_ADD] = {"INSERT INTO audit_node (level, idx, hash) VALUES ($1, $2, $3)", true},
	[SQL_NODE_GET] = {"SELECT level, idx, hash FROM audit_node WHERE level = $1 AND idx = $2",
		false},
	[SQL_CHECKPOINT_ADD] = {"INSERT INTO audit_checkpoint (" CHECKPOINT ") " VALUES_4, true},
	[SQL_CHECKPOINT_LAST] = {"SELECT " CHECKPOINT
				 " FROM audit_checkpoint ORDER BY size DESC LIMIT 1",
		false},
	[SQL_CHECKPOINT_LIST] = {"SELECT " CHECKPOINT " FROM audit_checkpoint ORDER BY size",
		false},
};
