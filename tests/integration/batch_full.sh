#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2119 # functions that take words at other places
# A database that takes claims of cards, but neither the audit log nor cards that are given back, for longer than a card
# has tries, as a full disk may do it: no try is counted, and no card fails. Real disks: faults_pg.sh.
. "$(dirname "$0")/batch_lib.sh"
. "$(dirname "$0")/pg_lib.sh"
trap 'sim_stop; pg_end' EXIT
trap 'exit 130' INT TERM
pg_start || exit 1
pg_registry

N=4
fixture_cards
box --fault slow:10
box_lines >cards.csv
need a batch create B cards.csv --do inject --keyset OPMasterKey2 --customer 'Example Bank'

# shellcheck disable=SC2016 # dollar quotes of PostgreSQL
query 'CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
	$$ BEGIN RAISE EXCEPTION $t$no room$t$ USING ERRCODE = $t$53100$t$; END $$'
run_behind B --workers 1
run_until 1
query "CREATE TRIGGER full_disk BEFORE INSERT ON audit_entry FOR EACH ROW EXECUTE FUNCTION full_disk();
	CREATE TRIGGER full_disk BEFORE UPDATE ON batch_card FOR EACH ROW WHEN (NEW.state = 'queued') EXECUTE FUNCTION full_disk()"
# A leader whose workers end at once starts the sixth after 31 seconds, and gives up a card with the seventh.
for ((i = 0; i < 45; i++)); do
	sleep 1
	! grep -q 'given up' "$TMPDIR/run.err" || break
done
check 'full: nothing is given up, the leader stays' kill -0 "$leader"
equal 'full: none failed' 0 "$(query "SELECT count(*) FROM batch_card WHERE state NOT IN ('queued', 'leased', 'done')")"
check 'full: some are not done' test "$(run_done)" -lt $N
query 'DROP TRIGGER full_disk ON audit_entry; DROP TRIGGER full_disk ON batch_card'
run_over
equal 'room again: all are done' "0 $N 0" "$CODE $(get '.result | "\(.done) \(.failed)"')"
equal 'room again: each card once, by its own count' "1 $N" "$(box_puts)"
check 'it was said' grep -q "cannot write the audit log.* the database's disk is full: no room" "$ERR"
equal 'no card has more tries than one and the one that was begun' 2 "$(query 'SELECT max(tries) FROM batch_card')"
check 'the log is whole' a audit verify
finish
