#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The HSM fails at a call: hsm update, transport-key import, exchange export and import.
#
# The error comes instead of the call, or (where the call changes the token) although it took effect,
# or from that call on without end, as of a device that is gone. An operation that still exits with 0
# must have taken effect as a whole, and otherwise must say what is wrong. Then, with the HSM back,
# `doctor` settles it; a trial is lost by the rules of exchange.sh, or if a passing fault of the
# device is remembered as something that it cannot do.
#
# Control: the sites whose device stayed away, judged before `doctor`; it must lose somewhere.
# SWEEP=full: each call with two of the five errors in turn; SWEEP=sample: a few by SEED.
. "$(dirname "$0")/lib.sh"

errors=(CKR_DEVICE_ERROR CKR_DEVICE_REMOVED CKR_SESSION_HANDLE_INVALID CKR_MECHANISM_INVALID
	CKR_DEVICE_MEMORY)
faulted=(hsm_update transport_import export import)
trials=0 lost=0 control_lost=0 went_on=0

# What the store remembers of the token's abilities: NAME ANSWER.
abilities() { # SITE
	sql "$1" 'SELECT caps FROM token_caps' | cut -d ' ' -f 1,2
}

# Of the abilities that were found without faults, those that are remembered otherwise.
misjudged() { # SITE
	abilities "$1" | awk -v usual="$usual" '
		BEGIN { n = split(usual, line, "\n"); for (i = 1; i <= n; i++) { split(line[i], w, " "); was[w[1]] = w[2] } }
		$1 in was && was[$1] != $2 { print $1 " " $2 ", not " was[$1] }'
}

# fail_at OP AT ERROR
fail_at() {
	local op=$1 at_call=$2 error=$3 site=${at[$1]} wrong='' more
	use "${from[$op]}"
	FAULT=("KILLP11_AT=$at_call" "KILLP11_RET=$error")
	"op_$op"
	FAULT=()
	trials=$((trials + 1))
	if [ "$CODE" -eq 0 ]; then
		went_on=$((went_on + 1))
		[ "$("effect_$op")" = whole ] || wrong+="it exited with 0, its effect: $("effect_$op")"$'\n'
	else
		[ "$CODE" -eq 1 ] || [ "$CODE" -eq 3 ] || wrong+="exit status $CODE"$'\n'
		[ "$(get '.error.message | length')" -gt 0 ] || wrong+="no message: $(said)"$'\n'
		case $(said) in
		*CKR_* | *'device'* | *'token'* | *'HSM'*) ;;
		*) wrong+="does not name the HSM: $(said)"$'\n' ;;
		esac
	fi
	if [[ $at_call == *+* ]]; then
		more=$(wrong_at "$site")
		[ -z "$more" ] || control_lost=$((control_lost + 1))
	fi
	wrong+=$(settle "$op" doctor)
	# A mechanism that is refused may be missing; a device that fails has not said so.
	more=$(misjudged "$site")
	if [ "$error" != CKR_MECHANISM_INVALID ] && [ "$more" ]; then
		wrong+="remembers: $more"$'\n'
	fi
	if [ "$wrong" ]; then
		lose "$op, $error at $at_call" "$wrong"
		lost=$((lost + 1))
	fi
}

# The points of an operation, one a line, from the log of a run without faults.
points() {
	local call name n=0
	while read -r call name _ change; do
		for n in 0 1; do
			error=${errors[(call + n) % ${#errors[@]}]}
			# A call without a mechanism cannot say that it knows none.
			case $error,$name in
			CKR_MECHANISM_INVALID,*Init | CKR_MECHANISM_INVALID,C_GetMechanismInfo) ;;
			CKR_MECHANISM_INVALID,C_*Key | CKR_MECHANISM_INVALID,C_*KeyPair) ;;
			CKR_MECHANISM_INVALID,*) error=CKR_DEVICE_ERROR ;;
			esac
			echo "$call:before $error"
			[ "$change" != change ] || echo "$call:after $error"
		done
		echo "$call+:before $error"
	done <"$TMPDIR/calls.log"
}

sweep_one() {
	local op=$1 lines=() picked=() n words
	use "${from[$op]}"
	: >"$TMPDIR/calls.log"
	FAULT=(KILLP11_LOG="$TMPDIR/calls.log")
	need "op_$op"
	FAULT=()
	usual=$(abilities "${at[$op]}")
	mapfile -t lines < <(points)
	if full; then
		picked=("${lines[@]}")
	else
		for n in 1 2 3; do
			picked+=("${lines[RANDOM % ${#lines[@]}]}")
		done
		# Among them for certain: one that must lose in the control, where there is a change.
		mapfile -t -O "${#picked[@]}" picked < <(awk '$4 == "change" { print $1 "+:after CKR_DEVICE_REMOVED" }' \
			"$TMPDIR/calls.log" | tail -n 1)
	fi
	for words in "${picked[@]}"; do
		# shellcheck disable=SC2086 # two words
		fail_at "$op" $words
	done
	! full || echo "$op: $(wc -l <"$TMPDIR/calls.log") calls, ${#picked[@]} points"
}

build_fixtures
for operation in "${faulted[@]}"; do
	sweep_one "$operation"
done
echo "seed $SEED, $went_on went on to success"
echo "sweep hsm_faults trials $trials lost $lost control_lost $control_lost"
[ "$lost" -eq 0 ] && [ "$control_lost" -gt 0 ]
