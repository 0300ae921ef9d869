#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2119 # functions that take words at other places
# The disk of the PostgreSQL that holds the registry is full in the middle of a batch: what is said, that no
# card is lost or done twice, and that it goes on when there is room again.
#
# The server's folder is a small file system of its own, in a mount namespace of this test's.
if [ "${1:-}" != inside ]; then
	if [ "$(id -u)" -ne 0 ] || ! unshare --mount true 2>/dev/null; then
		echo 'skipped: only root, where there are namespaces, mounts a small file system'
		exit 77
	fi
	exec unshare --mount --propagation private bash "$0" inside
fi
. "$(dirname "$0")/batch_lib.sh"
. "$(dirname "$0")/pg_lib.sh"
PG_SIZE=96m
trap 'sim_stop; pg_end' EXIT
trap 'exit 130' INT TERM
pg_start || exit 1
pg_sql postgres 'CREATE DATABASE reg'
SITE_STORE="postgresql:///reg?host=$PG&user=postgres"
query() { pg_sql reg "$1"; }

# All of the room, but so many KiB.
fill() {
	local left
	left=$(df --output=avail -k "$PG" | tail -1)
	head -c $(((left - $1) * 1024)) /dev/zero >"$PG/ballast" 2>/dev/null
}
up_again() {
	rm -f "$PG/ballast"
	as_postgres "$PG_BIN/pg_isready" -q -h "$PG" || pg_up
}

N=40
empty_case
need site_new a 'Card Maker' manufacturer ana ben
plan_cards >plan.ini
need a --yes hsm setup --plan plan.ini
box --fault slow:10
box_lines >cards.csv
need a batch create B cards.csv --do inject --keyset OPMasterKey2 --customer 'Example Bank'

run_behind B --workers 2 --patience 60
run_until 4
fill 0
# What takes no room goes on for a while; the first thing that does not is an error or the server's end.
for ((i = 0; i < 300; i++)); do
	! grep -q 'No space left' "$PG/server.log" || break
	sleep 0.1
done
check 'full: the server has no room' grep -q 'No space left on device' "$PG/server.log"
# A server that has no room for its log ends: then nothing is done, either.
at_first=$(run_done 2>/dev/null || echo down)
sleep 2
equal 'full: the batch stands still' "$at_first" "$(run_done 2>/dev/null || echo down)"
check 'full: not all are done by then' test "$at_first" != "$N"
up_again
run_over
equal 'room again: the batch ends by itself' 0 "$CODE"
check 'full: the worker says what is wrong' grep -q 'No space left on device' "$ERR"
equal 'room again: all are done' "$N" "$(run_done)"
equal 'room again: each card once, by its own count' "1 $N" "$(box_puts)"
equal 'room again: each card once, by the registry' "$N|$N" \
	"$(query "SELECT count(*), count(DISTINCT card_id) FROM card_event WHERE event = 'inject'")"
equal 'room again: the cards say so' "$N" "$(box_with 48)"
check 'room again: the log is whole' a audit verify
a doctor
equal 'room again: nothing is left' 0 "$(query "SELECT count(*) FROM operation WHERE state = 'intent'")"
finish
