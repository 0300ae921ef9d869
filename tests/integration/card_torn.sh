#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2119
# A card that is pulled, by step: what is said, what the registry has, and what `card resume` makes of it.
. "$(dirname "$0")/card_lib.sh"

fixture_cards

# ---- pulled at any step, then resumed ----

pulled() { # FAULT
	sim_again --fault "$1"
	replace2
	check "$1: not done" test "$CODE" -eq 1
	check "$1: said" has "$(said)" 'the card was pulled'
	if [ "$(change_is)" = 'intended|open' ] || [ "$(change_is)" = 'put|open' ]; then
		equal "$1: waits" changing "$(query 'SELECT state FROM card')"
		refused "$1: not replaced meanwhile" 1 'waits: its change … card resume' replace2
		refused "$1: not verified meanwhile" 1 'waits: its change … card resume' \
			a card verify --reader "$R"
		a doctor
		equal "$1: the doctor knows" '3 true' "$CODE $(get '.result.findings[0] | contains("waits")')"
		ok "$1: other work goes on" a key list
		ok "$1: resume" a card resume --reader "$R"
		equal "$1: done" "done" "$(get .result.result)"
	else
		ok "$1: again" replace2
	fi
	equal "$1: taken over" 'active|active|BankMaster2|48|0' "$(registry)"
	ok "$1: proved" a card verify --reader "$R" --not OPMasterKey2
}
for fault in drop-before:1 drop-after:3 drop-before:4 drop-after:4 drop-before:5 drop-after:5 drop-after:6 drop-after:7; do
	use cards
	sim --profile gp23-scp03
	need inject2
	pulled "$fault"
done
ok 'doctor, all settled' a doctor

# Settled, not gone on with.
use cards
sim --profile gp23-scp03
need inject2
sim_again --fault drop-before:5
failed_as 'pulled before PUT KEY' 1 'card resume' replace2
dry 'resume, dry' a card resume --reader "$R"
ok 'settled' a card resume --reader "$R" --settle
equal 'the old keys stay' 'abandoned active|active|OPMasterKey2|48' \
	"$(get .result.result) $(registry | cut -d'|' -f1-4)"
equal 'and the change is closed' 'intended|abandoned' "$(change_is)"

# Initial keys are needed again.
use cards
sim --profile gp23-scp03
sim_again --fault drop-after:5
failed_as 'pulled at the first change' 1 'card resume' inject2
ok 'resumed' a card resume --reader "$R"
equal 'with the keys it began with' 'public test keys' \
	"$(query "SELECT detail FROM operation WHERE kind = 'card.resume'" | jq -r .initial_keys)"

finish
