#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2119 # functions that take words at other places
# A batch over PostgreSQL whose server goes away while it runs, and comes back; and a worker beside the leader's.
. "$(dirname "$0")/batch_lib.sh"
. "$(dirname "$0")/pg_lib.sh"
trap 'sim_stop; pg_end' EXIT
trap 'exit 130' INT TERM
pg_start || exit 1
pg_registry

N=16
fixture_cards
box --fault slow:10
box_lines >cards.csv
need a batch create B cards.csv --do inject --keyset OPMasterKey2 --customer 'Example Bank'

run_behind B --workers 2
run_until 2
equal 'it runs' yes "$([ "$(run_done)" -lt "$N" ] && echo yes)"
pg_down
sleep 2
pg_up
a worker B
check 'a worker beside the leader: ends with the batch' test "$CODE" -eq 0
run_over
equal 'server away: all are done all the same' "0 $N 0 0" "$CODE $(get '.result | "\(.done) \(.failed) \(.unknown)"')"
equal 'server away: each card once' "$N|$N" \
	"$(query "SELECT count(*), count(DISTINCT card_id) FROM card_event WHERE event = 'inject'")"
equal 'server away: the cards say so' "$N" "$(box_with 48)"
equal 'server away: each card once, by its own count' "1 $N" "$(box_puts)"
check 'server away: the log is whole' a audit verify
a doctor
equal 'server away: nothing is left' 0 "$(query "SELECT count(*) FROM operation WHERE state = 'intent'")"
finish
