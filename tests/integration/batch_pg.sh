#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A batch over PostgreSQL whose server goes away while it runs, and comes back; and a worker beside the leader's.
. "$(dirname "$0")/card_lib.sh"
. "$(dirname "$0")/pg_lib.sh"
trap 'sim_stop; pg_end' EXIT
trap 'exit 130' INT TERM
pg_start || exit 1
pg_sql postgres 'CREATE DATABASE reg'
SITE_STORE="postgresql:///reg?host=$PG&user=postgres"

N=16
CARD=$SIMS/box/
mkdir -p "$CARD"
empty_case
need site_new a 'Card Maker' manufacturer ana ben
plan_cards >plan.ini
need a --yes hsm setup --plan plan.ini
sim_again --profile gp23-scp03 --cards $N --fault slow:10
{
	echo reader,card,profile,kdd
	for ((i = 1; i <= N; i++)); do
		printf '%s/card-%06d,,gp23-scp03,\n' "$R" $i
	done
} >cards.csv
need a batch create B cards.csv --do inject --keyset OPMasterKey2 --customer 'Example Bank'

done_now() { pg_sql reg "SELECT count(*) FROM batch_card WHERE state = 'done'"; }
secret_lines a/secrets >"$TMPDIR/lines"
token_for a
# shellcheck disable=SC2154 # of lib.sh
env "${token_env[@]}" cardkms -s a/site --pin-fd 3 --json batch run B --workers 2 \
	3<"$TMPDIR/lines" >"$TMPDIR/run.out" 2>"$TMPDIR/run.err" &
leader=$!
for ((i = 0; i < 200; i++)); do
	[ "$(done_now)" -lt 2 ] || break
	sleep 0.05
done
equal 'it runs' yes "$([ "$(done_now)" -lt "$N" ] && echo yes)"
pg_down
sleep 2
pg_up
a worker B
check 'a worker beside the leader: ends with the batch' test "$CODE" -eq 0
CODE=0
wait $leader || CODE=$?
cp "$TMPDIR/run.out" "$OUT"
cp "$TMPDIR/run.err" "$ERR"
equal 'server away: all are done all the same' "0 $N 0 0" "$CODE $(get '.result | "\(.done) \(.failed) \(.unknown)"')"
equal 'server away: each card once' "$N|$N" \
	"$(pg_sql reg "SELECT count(*), count(DISTINCT card_id) FROM card_event WHERE event = 'inject'")"
equal 'server away: the cards say so' "$N" "$(for file in "$CARD"*.json; do versions_on "$file"; done | grep -cx 48)"
check 'server away: the log is whole' a audit verify
a doctor
equal 'server away: nothing is left' 0 "$(pg_sql reg "SELECT count(*) FROM operation WHERE state = 'intent'")"
finish
