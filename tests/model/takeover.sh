#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# spin checks tests/model/takeover.pml: the claims of its head for each initial-set rule, and that it
# ends. Then the controls, each a way to do it wrong, in which it must find the claim that breaks.
set -eu
: "${TMPDIR:?run by ctest}" "${CARDKMS_SOURCE:?run by ctest}"
if ! command -v spin >/dev/null || ! command -v gcc >/dev/null; then
	echo 'spin or gcc is not installed (scripts/bootstrap test): nothing was checked' >&2
	exit 77
fi
cd "$TMPDIR"
cases=0 failures=0

# search [-a] DEFINE…: with -a also that it ends. All errors of a variant are in the file `found`, its figures in `states`.
search() {
	local option model=() ends=(-DNOCLAIM)
	for option; do
		case $option in
		-a) ends=() ;;
		*) model+=("-D$option") ;;
		esac
	done
	spin "${model[@]}" -a "$CARDKMS_SOURCE/tests/model/takeover.pml" >spin.out
	gcc -w -O0 "${ends[@]}" -o pan pan.c
	if [ ${#ends[@]} -eq 0 ]; then
		./pan -a -m100000 -c0 >pan.out
	else
		./pan -m100000 -c0 >pan.out
	fi
	grep -q 'error: max search depth too small' pan.out && return 1
	sed -n 's/^pan:[0-9]*: \(.*\) (at depth.*/\1/p' pan.out | sort -u >found
	sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' pan.out >states
}

result() { # NAME GOOD
	cases=$((cases + 1))
	if [ "$2" = yes ]; then
		echo "ok      $1"
	else
		failures=$((failures + 1))
		echo "not ok  $1"
		sed 's/^/        | /' found
		tail -n 30 pan.out
	fi
}

sound() { # RULE
	local good=no
	search "RULE=$1" -a && [ ! -s found ] && grep -q 'errors: 0' pan.out && good=yes
	result "$1: all claims hold in $(cat states) states" $good
}

broken() { # RULE VARIANT CLAIM: the assertion that must be violated
	local good=no
	search "RULE=$1" "$2" && grep -qF "assertion violated $3" found && good=yes
	result "$1, $2: $3 is violated" $good
}

for rule in FF_CONSUMED REPLACE ADD_DELETE; do
	sound $rule
	broken $rule NO_JOURNAL has_old
done
broken FF_CONSUMED NO_COUNT '(burnt<=2)'
broken REPLACE AUTH_BLIND '( (1) ? (has_new) : (has_old) )'
broken ADD_DELETE DELETE_EARLY '((j_step==4)&&new_took)'

echo "$((cases - failures)) passed, $failures failed"
[ "$failures" -eq 0 ]
