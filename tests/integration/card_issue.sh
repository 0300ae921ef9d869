#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A card's life: issued, locked, unlocked, issued again, ended; one application locked; what is refused;
# a line that is lost.
. "$(dirname "$0")/card_lib.sh"

FILE=A00000000201 APPLET=A000000002010101

fixture_cards
"$CARDKMS_BIN/capmaker" "$SIMS/own.cap" "$FILE" "$APPLET" 1 0 100
use cards
sim --profile gp23-scp03
jq '.life = 1' "$CARD" >"$SIMS/new" && sim_stop && cp "$SIMS/new" "$CARD" && sim_again

# shellcheck disable=SC2317 # called by ok, refused
card() { a card "$1" --reader "$R" "${@:2}"; }
runs+=([card]=a)
life_on() { jq -r '.life' "$CARD"; }
app_on() { jq -r --arg aid "$APPLET" '.entries[] | select(.aid == $aid) | .life' "$CARD"; }
# "LIFE ISSUES" as the registry has them.
stands() { query "SELECT life, issues FROM card_issue"; }
# shellcheck disable=SC2317 # called by check
was_already() { [ "$(jq .result.already "$OUT")" = true ]; }

refused 'card issue: a card that was not taken over' 1 'take the card over first' card issue
ok 'the card is taken over' inject2
ok 'its application is loaded' a app load "$SIMS/own.cap" --reader "$R"
ok 'and installed' a app install "$SIMS/own.cap" --reader "$R"
refused 'card issue --again: it was never issued' 1 'was never issued' card issue --again 'lost'

ok 'card issue' card issue
equal 'the card is SECURED' 15 "$(life_on)"
equal 'the registry has it' 'secured|1' "$(stands)"
ok 'card issue, a second time' card issue
check 'card issue: says that it is' was_already
equal 'and counts it once' 'secured|1' "$(stands)"

ok 'card lock: one application' card lock --application "$APPLET"
equal 'the application is locked' 135 "$(app_on)"
ok 'card lock: the same again' card lock --application "$APPLET"
check 'card lock: says that it is' was_already
ok 'card unlock: the application' card unlock --application "$APPLET"
equal 'the application is as it was' 7 "$(app_on)"
failed_as 'card lock: no such application' 1 'no such application' card lock --application A0000000FF

ok 'card lock' card lock
equal 'the card is locked' 127 "$(life_on)"
equal 'the registry has that' 'card-locked|1' "$(stands)"
failed_as 'a locked card takes no application' 1 'is locked' a app load "$SIMS/own.cap" --reader "$R"
refused 'nor is one of its applications unlocked' 1 'unlock that first' card unlock --application "$APPLET"
ok 'card unlock' card unlock
equal 'the card is unlocked' 15 "$(life_on)"
ok 'card issue --again' card issue --again 'another holder'
equal 'the registry counts it' 'secured|2' "$(stands)"

# The line is lost before and after the card had it; run again, the card says how it is.
commands=$(jq .result.commands "$OUT")
for fault in before after; do
	sim_again --fault "drop-$fault:$((commands - 1))"
	a card lock --reader "$R"
	equal "drop-$fault: failed" 1 "$CODE"
	sim_again
	ok "drop-$fault: run again" card lock
	equal "drop-$fault: locked" '127 card-locked|2' "$(life_on) $(stands)"
	ok "drop-$fault: unlocked" card unlock
done

EXTRA='terminate=Yes' refused 'card terminate: without officers' 1 'needs two officers' card terminate
export OFFICERS=ana,ben
refused 'card terminate: nobody types' 1 'There is no terminal' card terminate
EXTRA='terminate=yes' refused 'card terminate: typed otherwise' 1 'Not confirmed' card terminate
EXTRA='terminate=Yes' ok 'card terminate' card terminate
unset OFFICERS
equal 'the card is at its end' 255 "$(life_on)"
equal 'the registry has that' 'terminated|2 terminated' "$(stands) $(query 'SELECT state FROM card')"
ok 'card info' a card info "$(query 'SELECT id FROM card')"
equal 'card info: how it stands' 'terminated 2' "$(jq -r '.result.registry | "\(.life) \(.issues)"' "$OUT")"
ok 'card history' a card history "$(query 'SELECT id FROM card')"
for event in issued locked unlocked reissued terminated; do
	check "card history: $event" grep -q "\"$event\"" "$OUT"
done
check 'the audit log verifies' a audit verify
finish
