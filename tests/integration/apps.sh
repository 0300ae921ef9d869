#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Load files and applications on a card: loaded, installed, given away, deleted; what is there
# already; what is refused; a line that is lost at a block.
. "$(dirname "$0")/card_lib.sh"

FILE=A00000000201
APPLET=A000000002010101
DOMAIN=A0000001515350AA

cap() { "$CARDKMS_BIN/capmaker" "$SIMS/$1.cap" "$FILE" "$APPLET" 1 "$2" "$3"; }
# shellcheck disable=SC2317 # called by ok, refused
app() { a app "$1" --reader "$R" "${@:2}"; }
runs+=([app]=a)
# "FILES | APPLICATIONS" as the card has them.
content() {
	jq -r '[([."load-files"[] | .aid | select(. != "A0000001515350")] | join(" ")),
		([.entries[1:][] | .aid] | join(" "))] | join(" | ")' "$CARD"
}

# shellcheck disable=SC2317 # called by check
was_already() { [ "$(jq .result.already "$OUT")" = true ]; }

fixture_cards
cap one 3 1500
cap other 4 1500
cap big 3 62000
use cards
sim --profile gp23-scp03

refused 'app load: a card that was not taken over' 1 "take the card over first" app load "$SIMS/one.cap"
ok 'the card is taken over' inject2
before=$(content)

refused 'app load: another key set is named' 3 "has the keys of 'OPMasterKey2', not of 'BankMaster2'" \
	app load "$SIMS/one.cap" --keyset BankMaster2
failed_as 'app load: more than 256 blocks' 1 'LOAD numbers 256 blocks' app load "$SIMS/big.cap"
equal 'nothing of it is on the card' "$before" "$(content)"
ok 'app load --dry-run' app load "$SIMS/one.cap" --dry-run
equal 'app load --dry-run loads nothing' "$before" "$(content)"

ok 'app load' app load "$SIMS/one.cap" --hash
equal 'the card has the load file' "$FILE | " "$(content)"
ok 'app load again' app load "$SIMS/one.cap"
check 'app load again: says that it is there' was_already
failed_as 'app load: another version' 1 'another load file of that name' app load "$SIMS/other.cap"
failed_as 'app install: no such load file' 1 'has no such load file' \
	app install --file A0000000FF --module A0000000FF01
failed_as 'app install: no such module' 1 'has no such module' \
	app install --file "$FILE" --module A0000000FF01
refused 'app install: no such privilege' 2 "there is no privilege 'card-look'" \
	app install "$SIMS/one.cap" --privileges card-look

ok 'app install' app install "$SIMS/one.cap" --aid A00000000202 --privileges card-lock,global-delete
equal 'the card has the application' "$FILE | A00000000202" "$(content)"
ok 'app install again' app install "$SIMS/one.cap" --aid A00000000202
check 'app install again: says that it is there' was_already
ok 'card contents' a --json card contents --reader "$R"
equal 'card contents: its load file' 'loaded 1.3' \
	"$(jq -r '.result.contents[] | select(.aid == "'$FILE'") | "\(.state) \(.version)"' "$OUT")"
equal 'card contents: its application' "selectable card-lock,global-delete $FILE" \
	"$(jq -r '.result.contents[] | select(.aid == "A00000000202") | "\(.state) \(.privileges) \(.file)"' "$OUT")"
equal 'card contents: the module' module \
	"$(jq -r '.result.contents[] | select(.aid == "'$APPLET'") | .kind' "$OUT")"

ok 'a security domain' a card domain create --reader "$R" --aid "$DOMAIN"
ok 'app extradite' app extradite A00000000202 --to "$DOMAIN"
equal 'the card has given it away' "$DOMAIN" \
	"$(jq -r '.entries[] | select(.aid == "A00000000202") | .domain' "$CARD")"
failed_as 'app extradite: to nobody' 1 'SW 6A88' app extradite "$FILE" --to A0000000FF
failed_as 'app extradite: what is not there' 1 'no such application' app extradite A0000000FF --to "$DOMAIN"

failed_as 'app delete: a load file in use' 1 '1 application of that load file' app delete "$FILE"
ok 'app delete: with its applications' app delete "$FILE" --related
equal 'the card has neither' " | $DOMAIN" "$(content)"
ok 'app delete again' app delete "$FILE"
check 'app delete again: says that it is gone' was_already
ok 'card history' a card history "$(query 'SELECT id FROM card')"
for event in app-loading app-loaded app-installed app-extradited app-deleted; do
	check "card history: $event" grep -q "$event" "$OUT"
done

# A card with no room: it says so at a block, and the session lives.
sim_again --fault sw:13:6A84
failed_as 'app load: no room on the card' 1 'not enough memory' app load "$SIMS/one.cap"
equal 'no room: nothing is on the card' " | $DOMAIN" "$(content)"
check 'no room: says so' has "$(said)" 'nothing of it is on the card'

# The line is lost at a block, before and after the card had it.
for fault in drop-before:12 drop-after:12; do
	sim_again --fault "$fault"
	failed_as "app load: $fault" 1 'block' app load "$SIMS/one.cap"
	check "$fault: says what to do" has "$(said)" 'run the command again'
	equal "$fault: nothing of it is on the card" " | $DOMAIN" "$(content)"
	sim_again
	ok "$fault: run again" app load "$SIMS/one.cap"
	equal "$fault: the card has it" "$FILE | $DOMAIN" "$(content)"
	ok "$fault: deleted" app delete "$FILE"
done
check 'the audit log verifies' a audit verify
finish
