#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2119 # functions that take words at other places
# shellcheck disable=SC2317 # functions called by name
# Clocks that are wrong. On SQLite all workers are on one machine, whose clock is set while they work; on PostgreSQL each
# has a machine's of its own, hours off. No lease ends early or lasts for hours, no card fails, each is done once.
. "$(dirname "$0")/batch_lib.sh"
. "$(dirname "$0")/pg_lib.sh"
late=''
trap 'sim_stop; [ -z "$late" ] || kill "$late"; pg_end' EXIT
trap 'exit 130' INT TERM

HOURS=10800
mkdir "$TMPDIR/clock"
set_clock() { # SECONDS [NAME]: at once, for who runs by it
	echo "$1" >"$TMPDIR/clock/new" && mv "$TMPDIR/clock/new" "$TMPDIR/clock/${2:-all}"
}
by_clock() { # NAME COMMAND…
	ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0 SKEW_FILE="$TMPDIR/clock/$1" \
		LD_PRELOAD="$CARDKMS_BIN/libskew.so" "${@:2}"
}
is_off_by() { # TIME SECONDS: of now, give or take a minute
	local d=$(($1 - $(date +%s) - $2))
	[ "${d#-}" -lt 60 ]
}
set_clock 0
set_clock $HOURS ahead
set_clock -$HOURS behind
check 'control: the clock is shifted' is_off_by "$(by_clock ahead date +%s)" $HOURS
check 'control: backwards, too' is_off_by "$(by_clock behind date +%s)" -$HOURS

# As lib.sh and batch_lib.sh start it, by the clock that can be set.
cardkms() { by_clock all "$CARDKMS_BIN/cardkms" "$@"; }
run_by_clock() { # NAME WORD…
	secret_lines a/secrets >"$TMPDIR/lines"
	(
		token_for a
		# shellcheck disable=SC2154 # of lib.sh
		export "${token_env[@]}"
		by_clock all exec "$CARDKMS_BIN/cardkms" -s a/site --pin-fd 3 --json batch run "$@" \
			3<"$TMPDIR/lines" >"$TMPDIR/run.out" 2>"$TMPDIR/run.err"
	) &
	leader=$!
	running=$1
}
well() { # NAME PUTS
	equal "$1: all are done" "0 $N 0 0 0" \
		"$CODE $(get '.result | "\(.done) \(.failed) \(.quarantined) \(.unknown)"')"
	equal "$1: each card once, by its own count" "$2 $N" "$(box_puts)"
}
tries() { query "SELECT max(tries) FROM batch_card WHERE batch = '$1'"; }

# ---- SQLite ----

N=8
fixture_cards
use cards
box --fault slow:50 # longer than a worker that has nothing to do waits
box_lines >cards.csv

need a batch create F cards.csv --do inject --keyset OPMasterKey2 --customer 'Example Bank'
run_by_clock F --workers 2
run_until 2
set_clock $HOURS
run_over
well 'set forward' 1
equal 'set forward: no lease was taken over' 1 "$(tries F)"
check 'set forward: control: the log has the new time' is_off_by "$(query 'SELECT max(time) FROM audit_entry')" $HOURS

need a batch create B cards.csv --do replace --keyset BankMaster2 --from OPMasterKey2
run_by_clock B --workers 2
run_until 2
set_clock 0
for ((i = 0; i < 200; i++)); do
	[ "$(grep -c '^cardkms: the clock says' "$TMPDIR/run.err")" -lt 3 ] || break
	sleep 0.1
done
check 'set back: said' has "$(<"$TMPDIR/run.err")" "the clock says … but the last audit entry was made at … set the machine's clock right"
equal 'set back: none failed' 0 "$(query "SELECT count(*) FROM batch_card WHERE batch = 'B' AND state NOT IN ('queued', 'leased', 'done')")"
check 'set back: the leader stays' kill -0 "$leader"
set_clock $HOURS
run_over
well 'set right' 2
check 'set right: the log is whole' a audit verify

# A lease of before the last start of the machine, on whose clock it would last for hours, is over.
need a batch create S cards.csv --do verify --keyset BankMaster2
sqlite3 a/site/cardkms.db "UPDATE batch SET runner = 'dead', runner_until = 999999999 WHERE name = 'S';
	UPDATE batch_card SET state = 'leased', worker = 'dead', tries = 1, lease_until = 999999999 WHERE batch = 'S'"
a batch run S
well 'of another start' 2

# ---- PostgreSQL ----

set_clock 0
pg_start || exit 1
pg_registry
N=36
fixture_cards
rm -rf "$CARD"
box --fault slow:10
box_lines >cards.csv
need a batch create P cards.csv --do inject --keyset OPMasterKey2 --customer 'Example Bank'

worker_by() { # CLOCK: in the background, as $!
	(
		token_for a
		export "${token_env[@]}"
		by_clock "$1" exec "$CARDKMS_BIN/cardkms" -s a/site --pin-fd 3 --json worker P \
			3<"$TMPDIR/lines" >"$1.out" 2>"$1.err"
	) &
}
by_worker() { query "SELECT count(*) FROM batch_card WHERE worker LIKE '%:$1:%' AND state $2"; }
run_by_clock P --workers 1
run_until 1
worker_by ahead
late=$!
worker_by behind
behind=$!
for ((i = 0; i < 400; i++)); do
	[ "$(by_worker $late "= 'done'")" -lt 2 ] || break
	sleep 0.05
done
kill -9 $late
equal 'off: leases are of the database, for ten minutes at most' "t|t" "$(query "SELECT
	bool_and(lease_until - EXTRACT(EPOCH FROM now()) BETWEEN 400 AND 601), count(*) > 0 FROM batch_card WHERE state = 'leased'")"
wait $late
equal 'off: the one ahead had cards when it was killed' t "$(query "SELECT $(by_worker $late "= 'leased'") > 0")"
# Ten minutes later, for its leases.
query "UPDATE batch_card SET lease_until = lease_until - 601 WHERE worker LIKE '%:$late:%' AND state = 'leased'"
late=''
run_over
CODE_RUN=$CODE
wait $behind
equal 'off: the one behind ends well' 0 $?
CODE=$CODE_RUN
well 'off' 1
check 'off: the one behind has done cards' test "$(by_worker $behind "= 'done'")" -gt 1
equal 'off: nothing but what the dead one had was taken twice' t "$(query 'SELECT sum(tries - 1) BETWEEN 1 AND 10 FROM batch_card')"
check 'off: the log has the time of the database' is_off_by "$(query 'SELECT max(time) FROM audit_entry')" 0
check 'off: and so has its first entry of a card' is_off_by "$(query "SELECT min(time) FROM audit_entry WHERE operation = 'card.inject'")" 0
check 'off: the log is whole' a audit verify
finish
