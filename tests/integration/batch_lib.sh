# shellcheck shell=bash disable=SC2119,SC2120
# SPDX-License-Identifier: Apache-2.0
# Batches of simulated cards, run behind the test. Sourced by batch*.sh.
#
#   N=12; box                         # a box of N new cards; $R is its reader; CARD its folder
#   box_lines >cards.csv              # a batch of all of them
#   run_behind B --workers 2          # `batch run` in the background
#   run_until 2                       # … until so many cards are done
#   run_over                          # … to its end: CODE, OUT, ERR
. "$(dirname "${BASH_SOURCE[0]}")/card_lib.sh"

box() { # OPTION…: of cardsim
	CARD=$SIMS/box/
	mkdir -p "$CARD"
	sim_again --profile gp23-scp03 --cards "$N" "$@"
}
box_lines() { # [FROM TO]
	local i
	echo reader,card,profile,kdd
	for ((i = ${1:-1}; i <= ${2:-$N}; i++)); do
		printf '%s/card-%06d,,gp23-scp03,\n' "$R" $i
	done
}
# How many cards of the box have exactly this key version, by their own state.
box_with() {
	local file n=0
	for file in "$CARD"*.json; do
		[ "$(versions_on "$file")" != "$1" ] || n=$((n + 1))
	done
	echo $n
}
# How many PUT KEYs its cards took, by their own state: "1 12" if each of twelve took one.
box_puts() {
	cat "$CARD"*.json | jq -r '.entries[0]["put-keys"]' | sort -n | uniq -c | awk '{ print $2, $1 }'
}

run_behind() { # NAME WORD…
	secret_lines a/secrets >"$TMPDIR/lines"
	(
		token_for a
		# shellcheck disable=SC2154 # of lib.sh
		exec env "${token_env[@]}" cardkms -s a/site --pin-fd 3 --json batch run "$@" \
			3<"$TMPDIR/lines" >"$TMPDIR/run.out" 2>"$TMPDIR/run.err"
	) &
	leader=$!
	running=$1
}
run_workers() { pgrep -P "$leader" -f ' worker ' | sort -n; }
# How many of its cards are done. Where the registry is no file, the test has a `query` of its own.
run_done() { query "SELECT count(*) FROM batch_card WHERE batch = '$running' AND state = 'done'"; }
run_until() { # CARDS
	local i
	for ((i = 0; i < 400; i++)); do
		[ "$(run_done)" -lt "$1" ] || return 0
		sleep 0.05
	done
	run_over
	last_run | failed "the batch $running gets on"
	finish
}
run_over() {
	CODE=0
	wait "$leader" || CODE=$?
	cp "$TMPDIR/run.out" "$OUT"
	cp "$TMPDIR/run.err" "$ERR"
}
