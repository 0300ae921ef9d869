#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A site whose registry is a PostgreSQL database: made, worked on from two folders, its server gone
# and back.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/pg_lib.sh"
trap pg_end EXIT
trap 'exit 130' INT TERM
pg_start || exit 1

uri="pkcs11:token=x?module-path=$softhsm_module"
store="postgresql:///reg?host=$PG&user=postgres"

init() { # DIR STORE
	# shellcheck disable=SC2317 # called through refused and ok
	plain --json site init "$1" --name Org --role issuer --hsm "$uri" --store "$2"
}

add_officer() { # DIR NAME
	# shellcheck disable=SC2317
	plain --json -s "$1" --pin-fd 7 officer add "$2" 7< <(echo "officer.$2=correct horse")
}

in_a() { # as `a`, but state_of reads SQLite files only
	# shellcheck disable=SC2317
	a "$@"
}

empty_case
refused 'init: a password in the URI' 1 'holds a password … pgpass' \
	init new "postgresql://me:sesame@/reg?host=$PG"
check 'init: the password is not repeated' bash -c '! cat "$@" | grep -q sesame' - "$OUT" "$ERR"
check 'init: nothing made' test ! -e new
refused 'init: a store that is no URI' 1 'no PostgreSQL connection URI' init new reg
refused 'init: a database that is not there' 1 'cannot be reached … does not exist' init new "$store"
check 'init: no site' test ! -e new/site.ini

pg_sql postgres 'CREATE DATABASE reg'
ok 'init' init new "$store"
check 'init: no database file' test ! -e new/cardkms.db
check 'init: the registry is there' test "$(pg_sql reg 'SELECT COUNT(*) FROM audit_entry')" = 1
refused 'init: into the database of a site' 1 'holds the registry of a site already' init two "$store"

ok 'an officer' add_officer new ann
cp -a new other # another machine, with a lock file of its own
pg_sql reg "BEGIN; SELECT number FROM schema_migration WHERE number = 2 FOR UPDATE; SELECT 'held'; SELECT pg_sleep(60)" \
	>held 2>&1 &
holder=$!
for _ in {1..100}; do
	[ "$(pg_sql reg "SELECT COUNT(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND wait_event = 'PgSleep'")" = 1 ] && break
	sleep 0.05
done
before=$(pg_sql reg 'SELECT COUNT(*) FROM audit_entry')
refused 'while another machine works' 1 'another operation on this site is running, on another machine' \
	add_officer other ben
pg_sql reg "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'" >held
wait "$holder"
equal 'while another machine works: nothing written' "$before" \
	"$(pg_sql reg 'SELECT COUNT(*) FROM audit_entry')"

pg_down
refused 'the server is gone' 1 'the database cannot be reached … cardkms doctor' add_officer other ben
pg_up
ok 'the server is back' add_officer other ben
ok 'both are listed' plain --json -s new officer list
equal 'both are listed' 'ann ben' "$(get '[.result | .. | .name? // empty] | join(" ")')"

# ---- the whole of it: token, keys, journal and audit log ----

empty_case
pg_sql postgres 'CREATE DATABASE whole'
SITE_STORE="postgresql:///whole?host=$PG&user=postgres" need site_new a 'Example Cards' manufacturer ann ben
plan_maker >plan.ini
ok 'hsm setup' a hsm setup --plan plan.ini
logged=$(pg_sql whole 'SELECT COUNT(*) FROM audit_entry')
ok 'the log verifies' a audit verify
ok 'doctor finds nothing' a doctor
ok 'keys' a key list
equal 'keys: those of the registry' "$(pg_sql whole 'SELECT COUNT(*) FROM key_object')" \
	"$(get '[.result | .. | .label? // empty] | length')"
check 'the log is without gaps' test "$(pg_sql whole \
	'SELECT COUNT(*) - MAX(seq) FROM audit_entry')" = 1
check 'the setup was logged' test "$logged" -gt 3
pg_sql whole "UPDATE audit_entry SET text = replace(text, 'ann', 'eve') WHERE seq = 1"
refused 'a changed entry is found' 3 'entry 1' in_a audit verify
finish
