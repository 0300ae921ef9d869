#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2119 # functions that take words at other places
# shellcheck disable=SC2317 # functions called by name
# The disk of the PostgreSQL server fills while a batch runs: first that of the tables, then that of the write-ahead log,
# which ends the server. It says so, no card fails for it, and when there is room again it goes on; the
# cards count that each got its keys once.
. "$(dirname "$0")/batch_lib.sh"
. "$(dirname "$0")/pg_lib.sh"
if [ "$(id -u)" -ne 0 ] || ! unshare -m true 2>/dev/null; then
	echo 'skipped: a small disk is a tmpfs, which needs root and mount namespaces'
	exit 77
fi
over() {
	sim_stop
	pg_end
	[ -z "$pg_space" ] || kill "$pg_space"
}
trap over EXIT
trap 'exit 130' INT TERM

# ---- a server with two small disks, seen by it and by what `inside` runs ----

pg_initdb=(--wal-segsize=1)
pg_start || exit 1
pg_down
mkdir "$PG/tables" "$PG/log"
# shellcheck disable=SC2016 # the inner shell expands it
PG=$PG unshare -m bash -c 'mount -t tmpfs -o size=40m tmpfs "$PG/tables" && mount -t tmpfs -o size=40m tmpfs "$PG/log" &&
	cp -a "$PG/data/pg_wal/." "$PG/log" && mkdir "$PG/tables/reg" && chown postgres: "$PG"/tables "$PG"/tables/reg "$PG/log" &&
	: >"$PG/mounted" && exec sleep 600' &
pg_space=$!
for ((i = 0; i < 200; i++)); do
	[ ! -e "$PG/mounted" ] || break
	sleep 0.05
done
inside() { nsenter -t "$pg_space" -m "$@"; }
rm -rf "$PG/data/pg_wal"
ln -s "$PG/log" "$PG/data/pg_wal"
pg_up || exit 1
pg_sql postgres "CREATE TABLESPACE small LOCATION '$PG/tables/reg'"
pg_registry TABLESPACE small

fill() { inside bash -c "cat /dev/zero >$PG/$1/filler" 2>/dev/null; }
make_room() { inside rm "$PG/$1/filler"; }
# A megabyte more: the control of whether there is room.
grows() { query "INSERT INTO big SELECT repeat(md5(i::text), 60) FROM generate_series(1, 500) i" 2>&1; }
query 'CREATE TABLE big (x text)'
pg_sql postgres 'ALTER SYSTEM SET wal_recycle = off'
pg_sql postgres 'SELECT pg_reload_conf()' >"$PG/reloaded"

N=16
fixture_cards
box --fault slow:10
box_lines >cards.csv

said_by_run() { # PATTERN: in what the leader and its workers say, within half a minute
	local i
	for ((i = 0; i < 600; i++)); do
		! grep -q "$1" "$TMPDIR/run.err" || return 0
		sleep 0.05
	done
	return 1
}
ended_well() { # NAME PUTS EVENT
	run_over
	equal "$1: all are done all the same" "0 $N 0 0 0" \
		"$CODE $(get '.result | "\(.done) \(.failed) \(.quarantined) \(.unknown)"')"
	equal "$1: each card once, by its own count" "$2 $N" "$(box_puts)"
	equal "$1: each card once, by the registry" "$N|$N" \
		"$(query "SELECT count(*), count(DISTINCT card_id) FROM card_event WHERE event = '$3'")"
	a doctor
	equal "$1: nothing is left" 0 "$(query "SELECT count(*) FROM operation WHERE state = 'intent'")"
	check "$1: the log is whole" a audit verify
}

batch() { a batch "$@"; }
runs+=([batch]=a)

# ---- the tables ----

equal 'control: there is room' '' "$(grows)"
need a batch create B cards.csv --do inject --keyset OPMasterKey2 --customer 'Example Bank'
run_behind B --workers 2
run_until 2
fill tables
check 'control: there is none' has "$(grows)" 'No space left on device'
check 'tables: said' said_by_run "the database's disk is full: "
sleep 8
check 'tables: the leader stays' kill -0 "$leader"
make_room tables
ended_well 'tables' 1 inject

# ---- the write-ahead log, up to whose next file there is little left ----

need a batch create W cards.csv --do replace --keyset BankMaster2 --from OPMasterKey2
run_behind W --workers 2
run_until 2
query "SELECT pg_logical_emit_message(true, 'pad', repeat('x',
	(1000000 - (pg_current_wal_insert_lsn() - '0/0') % 1048576)::int))" >"$PG/padded"
fill log
for ((i = 0; i < 600; i++)); do
	! grep -q 'PANIC' "$PG/server.log" || break
	sleep 0.05
done
check 'log: the server says so, and is gone' grep -q 'PANIC: .*No space left on device' "$PG/server.log"
check 'log: said' said_by_run 'the database cannot be reached'
sleep 5
check 'log: the leader stays' kill -0 "$leader"
make_room log
pg_down 2>"$PG/down" || true
pg_up || exit 1
ended_well 'log' 2 replace
finish
