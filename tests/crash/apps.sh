#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `app load` and `app install` with the card pulled before and after every command of both, and with
# the card's own writes torn; then both again, as a person would.
#
# A trial is lost if the card then has anything but the one whole load file and its one application, if
# a card that was not gone on with has a part of either (a load file without its module, an
# application without its load file), if more than two tries were spent, if an operation is unfinished,
# or if the audit log does not verify. The control does not run the commands again, and must lose.
#
# SWEEP=sample (make test) takes some points by SEED, SWEEP=full all of them.
. "${CARDKMS_SOURCE:?run by ctest}/tests/integration/card_lib.sh"
SEED=${SEED:-$(date +%s)}
RANDOM=$SEED

FILE=A00000000201 APPLET=A000000002010101
trials=0 lost=0 control_lost=0

both() {
	a app load "$SIMS/own.cap" --reader "$R"
	[ "$CODE" -eq 0 ] || return 1
	a app install "$SIMS/own.cap" --reader "$R"
	[ "$CODE" -eq 0 ]
}

# "FILE:MODULES APPLICATION:FILE" of what was not there before.
content() {
	jq -r '[(."load-files"[] | select(.aid != "A0000001515350") | "\(.aid):\(.modules | join(","))"),
		(.entries[1:][] | "\(.aid):\(.elf)")] | join(" ")' "$CARD"
}
whole="$FILE:$APPLET $APPLET:$FILE"

wrong() {
	case $torn in
	'' | "$FILE:$APPLET" | "$whole") ;;
	*) echo "torn: $torn" ;;
	esac
	[ "$(content)" = "$whole" ] || echo "the card has: $(content)"
	[ "$(failures_on)" -le 2 ] || echo "tries spent: $(failures_on)"
	[ "$(registry | cut -d'|' -f1-3)" = 'active|active|OPMasterKey2' ] || echo "registry: $(registry)"
	[ "$(query "SELECT count(*) FROM operation WHERE state = 'intent'")" = 0 ] || echo 'unfinished operation'
	a audit verify || echo "audit verify: $(said)"
}

trial() { # FAULT
	local found
	use loaded
	sim_stop
	cp "$SIMS/before" "$CARD"
	sim_again --fault "$1"
	both
	sim_stop
	torn=$(content)
	[ "$torn" = "$whole" ] || control_lost=$((control_lost + 1))
	sim_again
	both || true
	trials=$((trials + 1))
	found=$(wrong)
	[ -z "$found" ] || {
		lost=$((lost + 1))
		echo "LOST at $1: $found"
	}
}

fixture_cards
"$CARDKMS_BIN/capmaker" "$SIMS/own.cap" "$FILE" "$APPLET" 1 0 700
use cards
sim --profile gp23-scp03
need inject2
sim_stop
cp "$CARD" "$SIMS/before"
keep loaded

# How many commands a run has, and how many writes of the card.
sim_again
both || need false
commands=$(jq -r .result.commands "$OUT")
a app load "$SIMS/own.cap" --reader "$R"
use loaded
cp "$SIMS/before" "$CARD"
sim_again
a app load "$SIMS/own.cap" --reader "$R"
commands=$((commands + $(jq -r .result.commands "$OUT")))

points=()
for ((n = 1; n <= commands; n++)); do
	points+=("drop-before:$n" "drop-after:$n" "drop-write:$n")
done
if [ "${SWEEP:-sample}" = full ]; then
	for point in "${points[@]}"; do trial "$point"; done
else
	for ((n = 0; n < 5; n++)); do trial "${points[RANDOM % ${#points[@]}]}"; done
	# In the middle of the load file, where the control loses.
	trial drop-after:11
fi
sim_stop
echo "seed $SEED, $commands commands"
echo "sweep apps trials $trials lost $lost control_lost $control_lost"
[ "$lost" -eq 0 ] && [ "$control_lost" -gt 0 ]
