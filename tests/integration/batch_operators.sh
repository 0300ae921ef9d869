#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2119 # functions that take words at other places
# Two operators make the same file of cards into a batch at the same moment, on SQLite and on PostgreSQL: no
# card is in both. (Two who start one batch: batch_two.sh.)
. "$(dirname "$0")/batch_lib.sh"
. "$(dirname "$0")/pg_lib.sh"
trap 'sim_stop; pg_end' EXIT
trap 'exit 130' INT TERM

# at_once NAME… -- WORD…: cardkms with the words, once for each NAME (@ in a word) at the same moment;
# leaves NAME.out and NAME.code.
at_once() {
	local names=() name pids=()
	while [ "$1" != -- ]; do
		names+=("$1")
		shift
	done
	shift
	secret_lines a/secrets >"$TMPDIR/lines"
	rm -f "$TMPDIR/go"
	for name in "${names[@]}"; do
		(
			token_for a
			while [ ! -e "$TMPDIR/go" ]; do :; done
			# shellcheck disable=SC2154 # of lib.sh
			env "${token_env[@]}" cardkms -s a/site --pin-fd 3 --json "${@//@/$name}" \
				3<"$TMPDIR/lines" >"$name.out" 2>"$name.err"
			echo $? >"$name.code"
		) &
		pids+=($!)
	done
	: >"$TMPDIR/go"
	wait "${pids[@]}"
}

# on_store NAME: the case; `query` and the case's site are made.
on_store() {
	local ids accepted
	sim_stop
	box
	box_lines >cards.csv
	need a batch create IN cards.csv --do inject --keyset OPMasterKey2 --customer 'Example Bank'
	need a batch run IN --workers 2
	ids=$(query "SELECT card_id FROM batch_card WHERE batch = 'IN' ORDER BY line")
	{
		echo reader,card
		paste -d , <(box_lines | sed '1d; s/,.*//') - <<<"$ids"
	} >again.csv
	at_once V1 V2 -- batch create @ again.csv --do verify --keyset OPMasterKey2
	accepted=$(query "SELECT count(*) FROM batch_card WHERE batch IN ('V1', 'V2') AND state = 'queued'")
	equal "$1: two make a batch of the same cards: each card is in one" "$N" "$accepted"
	equal "$1: and in one only" "$N" "$(query "SELECT count(DISTINCT card) FROM batch_card
		WHERE batch IN ('V1', 'V2') AND state = 'queued'")"
	check "$1: the log is whole" a audit verify
	a doctor
	equal "$1: nothing is left" 0 "$(query "SELECT count(*) FROM operation WHERE state = 'intent'")"
}

N=12
fixture_cards
on_store SQLite

pg_start || exit 1
pg_registry
rm -rf "$SIMS/box"
fixture_cards
on_store PostgreSQL
finish
