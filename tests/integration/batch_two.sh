#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2119 # functions that take words at other places
# shellcheck disable=SC2317 # functions called by name
# Two operators start the same batch at the same moment, on SQLite and on PostgreSQL: one leads it, the other is told
# who does, and each card is done once, as the cards themselves count it. They may sit at two machines that were
# made from one image, so that host and process have the same names.
. "$(dirname "$0")/batch_lib.sh"
. "$(dirname "$0")/pg_lib.sh"
trap 'sim_stop; pg_end' EXIT
trap 'exit 130' INT TERM

N=6

# Waits for the file `go`, so that both begin when it comes; $ALIKE: in a machine of its own, as it were.
operator() { # WHO FOLDER BATCH
	(
		token_for a
		until [ -e go ]; do :; done
		# shellcheck disable=SC2154 # of lib.sh
		exec "${ALIKE[@]}" env "${token_env[@]}" cardkms -s "$2" --pin-fd 3 --json batch run "$3" \
			--workers 2 3<"$TMPDIR/lines" >"$1.out" 2>"$1.err"
	) &
}
ALIKE=()

both_run() { # NAME BATCH FOLDER FOLDER
	local one two first second leads=one other=two
	rm -f go
	secret_lines a/secrets >"$TMPDIR/lines"
	operator one "$3" "$2"
	one=$!
	operator two "$4" "$2"
	two=$!
	sleep 0.3
	: >go
	first=0
	wait "$one" || first=$?
	second=0
	wait "$two" || second=$?
	[ "$second" -ne 0 ] || leads=two other=one
	cp "$leads.out" "$OUT"
	cat one.err two.err >"$ERR"
	equal "$1: one of them leads, the other does not" '0 1' \
		"$(printf '%s\n' "$first" "$second" | sort | xargs)"
	equal "$1: all are done" "$N of $N" "$(get '.result | "\(.done) of \(.cards)"')"
	check "$1: the other is told who leads" has "$(jq -r '.error.code, .error.message, .error.hint' "$other.out")" \
		"busy … batch '$2' is led by $(hostname): … 'cardkms worker $2' works on it beside them"
}
once() { # NAME BATCH PUTS: that each card has by then, over all batches
	equal "$1: each card once, by its own count" "$3 $N" "$(box_puts)"
	equal "$1: each card once, by the registry" "$N $N|$N" \
		"$(query "SELECT count(*) FROM batch_card WHERE batch = '$2' AND state = 'done' AND tries = 1") $(query \
			"SELECT count(*), count(DISTINCT card_id) FROM card_event WHERE event IN ('inject', 'replace')
			AND op_id IN (SELECT op_id FROM batch_card WHERE batch = '$2')")"
	a batch run "$2"
	check "$1: a third is told that it is over" has "$CODE $(said)" "1 … batch '$2' is done"
}
rounds() { # NAME OTHER-FOLDER
	local i how
	rm -rf "$CARD"
	box --fault slow:5
	box_lines >cards.csv
	for ((i = 1; i <= 3; i++)); do
		case $i in
		1) how=(inject --keyset OPMasterKey2 --customer 'Example Bank') ;;
		2) how=(replace --keyset BankMaster2 --from OPMasterKey2) ;;
		3) how=(replace --keyset OPMasterKey2 --from BankMaster2) ;;
		esac
		need a batch create "B$i" cards.csv --do "${how[@]}"
		both_run "$1, $i" "B$i" a/site "$2"
		once "$1, $i" "B$i" $i
	done
	equal "$1: nothing is left" 0 "$(query "SELECT count(*) FROM operation WHERE state = 'intent'")"
	check "$1: the log is whole" a audit verify
}

fixture_cards
use cards
rounds SQLite a/site

pg_start || exit 1
pg_registry
fixture_cards
# A second machine: its own folder of the site, with its own lock, and the registry they share.
cp -a a/site a/site-two
rounds PostgreSQL a/site-two

# ---- machines that are alike to the number of the process ----

if unshare -pfm --mount-proc true 2>/dev/null; then
	need a batch create LIKE cards.csv --do replace --keyset BankMaster2 --from OPMasterKey2
	ALIKE=(unshare -pfm --mount-proc)
	both_run 'alike' LIKE a/site a/site-two
	equal 'alike: the leader was process 1, as the other was' "$(hostname) 1" \
		"$(query "SELECT split_part(runner, ':', 1), split_part(runner, ':', 2) FROM batch WHERE name = 'LIKE'" | tr '|' ' ')"
	once 'alike' LIKE 4
else
	echo 'note: no namespaces here: machines with the same names were not tried'
fi
finish
