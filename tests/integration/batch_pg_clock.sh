#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2119 # functions that take words at other places
# Workers whose machines' clocks are hours ahead and hours behind work on a batch over PostgreSQL: leases
# go by the database's clock, so none is taken early from a worker that is at it, and that of one that was
# killed ends when it should.
. "$(dirname "$0")/batch_lib.sh"
. "$(dirname "$0")/pg_lib.sh"
trap 'sim_stop; pg_end' EXIT
trap 'exit 130' INT TERM
pg_start || exit 1
pg_sql postgres 'CREATE DATABASE reg'
SITE_STORE="postgresql:///reg?host=$PG&user=postgres"
query() { pg_sql reg "$1"; }

# skewed SECONDS WORD…: cardkms on a machine whose clock is so far ahead.
skewed() {
	ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" SKEW_SECONDS=$1 \
		LD_PRELOAD="$CARDKMS_BIN/libskew.so" exec "$CARDKMS_BIN/cardkms" "${@:2}"
}
# worker_at SECONDS: such a worker, beside the leader; sets `worker`.
worker_at() {
	secret_lines a/secrets >"$TMPDIR/lines"
	in_site a skewed "$1" -s a/site --pin-fd 3 worker B 3<"$TMPDIR/lines" >"worker$1.out" 2>&1 &
	worker=$!
}
leased() { query "SELECT count(*) FROM batch_card WHERE batch = 'B' AND state = 'leased'"; }

N=36
empty_case
need site_new a 'Card Maker' manufacturer ana ben
plan_cards >plan.ini
need a --yes hsm setup --plan plan.ini
box --fault slow:40
box_lines >cards.csv
need a batch create B cards.csv --do inject --keyset OPMasterKey2 --customer 'Example Bank'

run_behind B --workers 1
run_until 1
worker_at -18000
behind=$worker
worker_at 18000
ahead=$worker
run_until 12
kill -9 "$ahead"
{ wait "$ahead"; } 2>/dev/null
killed=$SECONDS
run_over
took=$((SECONDS - killed))
wait "$behind"
equal 'the worker that is behind ends with the batch' 0 "$?"
equal 'all are done' "0 $N 0 0" "$CODE $(get '.result | "\(.done) \(.failed) \(.unknown)"')"
equal 'each card once, by its own count' "1 $N" "$(box_puts)"
equal 'each card once, by the registry' "$N|$N" \
	"$(query "SELECT count(*), count(DISTINCT card_id) FROM card_event WHERE event = 'inject'")"
# The control: a registry in a file goes by the machine's clock, so those clocks were wrong.
equal 'what was done has the time of the server' "$N" "$(query "SELECT count(*) FROM card_event
	WHERE event = 'inject' AND time BETWEEN extract(epoch FROM now()) - 600 AND extract(epoch FROM now())")"
mkdir c
token_site c
for seconds in -18000 18000; do
	rm -rf c/site
	(skewed $seconds site init c/site --name 'Card Maker' --role manufacturer "${site_options[@]}" >/dev/null)
	made=$(date -d "$(sqlite3 c/site/cardkms.db "SELECT value FROM site_meta WHERE name = 'created'")" +%s)
	check "a site in a file is made at the wrong time ($seconds s)" \
		test $(((made - $(date +%s) - seconds) / 60)) -eq 0
done
check "the killed worker's cards were taken over when its leases ended ($took s)" test "$took" -lt 90
equal 'nobody has a card' 0 "$(leased)"
check 'the log is whole' a audit verify
a doctor
equal 'nothing is left' 0 "$(query "SELECT count(*) FROM operation WHERE state = 'intent'")"
finish
