#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A registry moves from its file to PostgreSQL: without loss, refused where something is already, cut off and run
# again.
. "$(dirname "$0")/card_lib.sh"
. "$(dirname "$0")/pg_lib.sh"
trap 'sim_stop; pg_end' EXIT
trap 'exit 130' INT TERM
pg_start || exit 1
for name in reg other cut; do
	pg_sql postgres "CREATE DATABASE $name"
done
url() { echo "postgresql:///$1?host=$PG&user=postgres"; }
rows() { # DATABASE: of tables that people look at
	pg_sql "$1" "SELECT (SELECT count(*) FROM audit_entry) || ' ' || (SELECT count(*) FROM key_object) || ' ' ||
		(SELECT count(*) FROM card_event) || ' ' || (SELECT count(*) FROM officer)"
}
rows_here() {
	query "SELECT (SELECT count(*) FROM audit_entry) || ' ' || (SELECT count(*) FROM key_object) || ' ' ||
		(SELECT count(*) FROM card_event) || ' ' || (SELECT count(*) FROM officer)"
}

fixture_cards
use cards
sim --profile gp23-scp03
need inject2
need replace2
card=$(query 'SELECT id FROM card')
keep cards

equal 'every table is copied' "$(sqlite3 -readonly a/site/cardkms.db "SELECT name FROM sqlite_master
	WHERE type = 'table' AND name <> 'schema_migration' ORDER BY name")" \
	"$(sed -n '/^const char \*const store_tables/,/NULL};/p' "$CARDKMS_SOURCE/src/store/copy.c" |
		grep -o '"[a-z_]*"' | tr -d '"' | sort)"

refused 'no such database' 1 'does not exist' a store migrate "$(url nowhere)"
refused 'no URI' 1 'no PostgreSQL connection URI' a store migrate nowhere
refused 'a password in it' 1 'holds a password' a store migrate "postgresql://me:sesame@/reg?host=$PG"
dry 'store migrate' a store migrate "$(url reg)"

a store migrate "$(url reg)"
equal 'moved: exit status' 0 "$CODE"
check 'moved: all tables' test "$(get .result.tables)" -eq 37
equal 'moved: the same rows' "$(rows_here)" "$(rows reg)"
check 'moved: site.ini says so' grep -q "^store = postgresql" a/site/site.ini
before=$(rows_here)
ok 'moved: the log is whole' a audit verify
ok 'moved: the card is known' a card history "$card"
ok 'moved: and worked on' a card verify --reader "$R"
equal 'moved: the file is not used any more' "$before" "$(rows_here)"
check 'moved: the database is' test "$(rows reg)" != "$before"
a doctor
check 'moved: nothing is left to settle' test "$(pg_sql reg "SELECT count(*) FROM operation WHERE state = 'intent'")" = 0
a store migrate "$(url other)"
check 'moved: not again' has "$(said)" 'is in PostgreSQL already'

# ---- something is there already ----

use cards
SITE_STORE=$(url other) need site_new b 'Other Bank' issuer cleo dan
a store migrate "$(url other)"
equal 'another registry is there: exit status' 1 "$CODE"
check 'another registry is there: said' has "$(said)" 'was not moved: the database holds a registry already'
check 'another registry is there: the file is still the site'"'"'s' bash -c '! grep -q "^store" a/site/site.ini'
ok 'another registry is there: the log is whole' a audit verify

# ---- a row that the database does not take, among those that were sent with it ----

use cards
pg_sql postgres 'CREATE DATABASE odd'
sqlite3 a/site/cardkms.db "PRAGMA ignore_check_constraints = ON; UPDATE card SET state = 'odd'"
a store migrate "$(url odd)"
equal 'an odd row: exit status' 1 "$CODE"
check 'an odd row: said' has "$(said)" 'violates check constraint … card_state_check'
equal 'an odd row: nothing is kept' '0 0 0 0' "$(rows odd)"
check 'an odd row: the file is still the site'"'"'s' bash -c '! grep -q "^store" a/site/site.ini'
use cards
ok 'into the same database afterwards' a store migrate "$(url odd)"
equal 'the same rows' "$(rows_here)" "$(rows odd)"

# ---- cut off when the database has it all, and site.ini does not say so yet ----

use cards
# A preloaded library comes before the sanitizer's runtime.
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0
log=$TMPDIR/files.log
: >"$log"
# shellcheck disable=SC2317 # called by a
cardkms() { env "${FAULT[@]}" "$CARDKMS_BIN/cardkms" "$@"; }
fault=("LD_PRELOAD=$CARDKMS_BIN/libfaultfs.so" "FAULTFS_DIR=$HERE/a/site")
FAULT=("${fault[@]}" "FAULTFS_LOG=$log")
a store migrate "$(url cut)"
at=$(awk '$1 == "sync" && /site.ini/ { print $2; exit }' "$log")
use cards
pg_sql postgres 'DROP DATABASE cut'
pg_sql postgres 'CREATE DATABASE cut'
FAULT=("${fault[@]}" "FAULTFS_AT=sync:$at:before")
a store migrate "$(url cut)"
FAULT=()
equal 'cut off: killed' 137 "$CODE"
check 'cut off: the database has it' test "$(rows cut)" = "$(rows_here)"
check 'cut off: the file is still the site'"'"'s' bash -c '! grep -q "^store" a/site/site.ini'
ok 'cut off: the log is whole' a audit verify
a store migrate "$(url cut)"
check 'cut off: what is there is not written over' has "$(said)" 'holds a registry already'
pg_sql postgres 'DROP DATABASE cut'
pg_sql postgres 'CREATE DATABASE cut'
ok 'cut off: into a database that is empty' a store migrate "$(url cut)"
ok 'cut off: the log is whole then' a audit verify
finish
