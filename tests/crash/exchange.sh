#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every operation of the exchange, killed at every call that changes the token and at every sync.
#
# Killed are: before and after each PKCS#11 call that changes the token (libp11forward.so stands in for
# the module); before each fsync and fdatasync of the case's files, once with what was written so
# far kept (a SIGKILL) and once with what was not synced taken back (a power failure), and after
# each (taken back). Then `doctor` settles it, or (by SEED) just the operation itself, run
# again. A trial is lost if afterwards
#   - `hsm check` or `audit verify` disagrees, or an operation, key, key set or ceremony is unfinished,
#   - the operation took effect in part,
#   - it took no effect and cannot be repeated to success,
#   - it took effect and a file of it that is missing cannot be written again.
# One run of each operation is not killed but loses at its end what it did not sync: it exited with
# 0, so all of it must be there.
#
# Controls, which must lose, or the judgement above proves nothing:
#   kill   the same killed sites judged before anything reconciled them. At most points nothing is
#          lost that way either (before the intent, after the commit), so the figure is below the
#          number of trials; it must not be 0.
#   power  the same end, but no sync ever reached the disk (FAULTFS_LOSE=all): of what exited with 0
#          nothing may be left.
# SWEEP=sample (make test) takes some points of each operation by SEED, SWEEP=full all of them.
. "$(dirname "$0")/lib.sh"

trials=0 lost=0 control_lost=0 ends=0 ends_lost=0 ends_control=0

# kill_at OP WORD…: one trial; the words are for env.
kill_at() {
	local op=$1 way=doctor wrong
	shift
	use "${from[$op]}"
	FAULT=("$@")
	"op_$op" 2>/dev/null
	FAULT=()
	if [ "$CODE" -ne 137 ]; then
		lose "$op $*" "was not killed: exit $CODE; $(said)"
		lost=$((lost + 1))
		return
	fi
	trials=$((trials + 1))
	wrong=$(wrong_at "${at[$op]}")
	[ -z "$wrong" ] || control_lost=$((control_lost + 1))
	[ $((RANDOM % 2)) -eq 0 ] || way=again
	wrong=$(settle "$op" "$way")
	if [ "$wrong" ]; then
		lose "$op, killed at ${*: -2}, settled by $way" "$wrong"
		lost=$((lost + 1))
	fi
}

# end_of OP LOSE: not killed; FAULTFS_LOSE at the end. Sets CODE; prints what is missing then.
end_of() {
	local op=$1
	use "${from[$op]}"
	: >"$TMPDIR/files.log"
	: >"$TMPDIR/calls.log"
	FAULT=("${preload[@]}" FAULTFS_LOSE="$2" FAULTFS_LOG="$TMPDIR/files.log"
		KILLP11_LOG="$TMPDIR/calls.log")
	"op_$op"
	FAULT=()
	if [ "$CODE" -ne 0 ]; then
		echo "exit $CODE: $(said)"
		return
	fi
	local effect
	effect=$("effect_$op")
	[ "$effect" = whole ] || echo "it exited with 0, and its effect is: $effect"
	wrong_at "${at[$op]}"
}

# The points of an operation, one a line, from the logs of the run before.
points() {
	local n changes syncs
	changes=$(grep -c ' change$' "$TMPDIR/calls.log")
	syncs=$(grep -c '^sync ' "$TMPDIR/files.log")
	for ((n = 1; n <= changes; n++)); do
		echo "KILLP11_AT=change:$n:before"
		echo "KILLP11_AT=change:$n:after"
	done
	for ((n = 1; n <= syncs; n++)); do
		echo "${preload[*]} FAULTFS_AT=sync:$n:before"
		echo "${preload[*]} FAULTFS_AT=sync:$n:before FAULTFS_LOSE=unsynced"
		echo "${preload[*]} FAULTFS_AT=sync:$n:after FAULTFS_LOSE=unsynced"
	done
}

# Of the lines of standard input, all or as many as the sample takes.
chosen() { # HOW_MANY
	local lines=() n
	mapfile -t lines
	if full; then
		printf '%s\n' "${lines[@]}"
		return
	fi
	for ((n = 0; n < $1; n++)); do
		echo "${lines[RANDOM % ${#lines[@]}]}"
	done
}

sweep_one() {
	local op=$1 wrong words list
	wrong=$(end_of "$op" unsynced)
	ends=$((ends + 1))
	if [ "$wrong" ]; then
		lose "$op, at its end" "$wrong"
		ends_lost=$((ends_lost + 1))
	fi
	points >"$TMPDIR/points"
	# RANDOM moves on only in this shell.
	chosen 1 <"$TMPDIR/points" >"$TMPDIR/chosen"
	# A sample of this size may happen to hold no point where the control loses: this is one.
	if ! full && [ "$op" = hsm_update ]; then
		echo KILLP11_AT=change:2:after >>"$TMPDIR/chosen"
	fi
	list=$(cat "$TMPDIR/chosen")
	while read -r -a words; do
		kill_at "$op" "${words[@]}"
	done <<<"$list"
	if full || [ "$op" = key_suspend ] || [ "$op" = import ]; then
		wrong=$(end_of "$op" all)
		[ -z "$wrong" ] || ends_control=$((ends_control + 1))
	fi
	! full || echo "$op: $(wc -l <"$TMPDIR/points") points, $(grep -c change "$TMPDIR/points") at the token"
}

build_fixtures
for operation in "${operations[@]}"; do
	sweep_one "$operation"
done
echo "seed $SEED"
echo "sweep exchange.kill trials $trials lost $lost control_lost $control_lost"
echo "sweep exchange.power trials $ends lost $ends_lost control_lost $ends_control"
[ "$lost" -eq 0 ] && [ "$ends_lost" -eq 0 ] && [ "$control_lost" -gt 0 ] && [ "$ends_control" -gt 0 ]
