#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Personalisation by a script: data groups with fields of the card, keys made in the HSM that the card
# checks; what is malformed or missing is refused before the card is authenticated.
. "$(dirname "$0")/card_lib.sh"

fixture_piv
sim --profile gp23-scp03
need inject2
need a app load "$SIMS/piv.cap" --reader "$R"
card=$(query 'SELECT id FROM card')

# shellcheck disable=SC2317 # called by need, ok, refused
perso() { a app personalise "$1" --reader "$R" "${@:2}"; }
runs+=([perso]=a)
object() { # TAG as a number: what the application has under that name
	jq -r --arg aid "$APPLET" --argjson tag "$1" \
		'.entries[] | select(.aid == $aid) | .objects[] | select(.tag == $tag) | .data // .value' "$CARD"
}
fields() { # LINE…
	printf '%s\n' 'card,name,chuid,employee' "$@" >"$SIMS/fields.csv"
}
chuid=00112233445566778899AABBCCDDEEFF
long=$(printf 'A%.0s' {1..250})

fields 'other,not,enough' "$card,Zoë Ångström,$chuid,$long" 'third,"q",zz,'
failed_as 'no such application yet' 1 'has no application of that name' perso "$SCRIPT" --fields "$SIMS/fields.csv"
need a app install "$SIMS/piv.cap" --reader "$R"
before=$(jq -c '.entries[1:]' "$CARD")
ok 'personalise --dry-run' perso "$SCRIPT" --fields "$SIMS/fields.csv" --dry-run
equal 'personalise --dry-run sends nothing' "$before" "$(jq -c '.entries[1:]' "$CARD")"
ok 'personalise' perso "$SCRIPT" --fields "$SIMS/fields.csv"
equal 'the identifier is on the card' "5310$chuid" "$(object 258)"
equal 'the name is on the card' "$(printf 'Zoë Ångström' | od -An -tx1 | tr -d ' \n' | tr a-f A-F)" "$(object 265)"
equal 'a group of two commands is on the card' 500 "$(object 266 | tr -d '\n' | wc -c)"
equal 'the application has three keys' '1:1 1:2 1:3' \
	"$(jq -r --arg aid "$APPLET" '[.entries[] | select(.aid == $aid) | .keys[] | "\(.kvn):\(.kid)"] | join(" ")' "$CARD")"
check 'which are not those of the security domain' test \
	"$(keys_on "$CARD" "$APPLET" | cut -d: -f3)" != "$(keys_on | cut -d: -f3)"
ok 'card history' a card history "$card"
check 'card history: app-personalised' grep -q app-personalised "$OUT"
# shellcheck disable=SC2016 # the inner shell expands it
check 'card history: no field of the card' bash -c '! grep -q Zoë "$1"' _ "$OUT"
fields "${card,,},\"Ångström, \"\"Zoë\"\"\",$chuid,$long"
ok 'a field in quotes; the card in small letters' perso "$SCRIPT" --fields "$SIMS/fields.csv"
equal 'the other name is on the card' "$(printf 'Ångström, "Zoë"' | od -An -tx1 | tr -d ' \n' | tr a-f A-F)" "$(object 265)"
ok 'personalise again' perso "$SCRIPT" --fields "$SIMS/fields.csv"

refused 'no fields' 2 'needs fields' perso "$SCRIPT"
: >"$SIMS/fields.csv"
refused 'an empty file of fields' 1 'not even a header line' perso "$SCRIPT" --fields "$SIMS/fields.csv"
fields "other,a,$chuid,1"
refused 'no line for the card' 1 "has no line for card $card" perso "$SCRIPT" --fields "$SIMS/fields.csv"
fields "$card,a,$chuid,1" "$card,b,$chuid,2"
refused 'two lines for the card' 1 "line 3, column 'card': line 2 is for the same card" perso "$SCRIPT" --fields "$SIMS/fields.csv"
fields "$card,a,$chuid"
refused 'too few columns' 1 "line 2: 3 fields, the header has 4; card $card is named in it" perso "$SCRIPT" --fields "$SIMS/fields.csv"
fields "$card,a,$chuid,1" "${card,,},b,$chuid"
refused 'a second line for the card, with too few columns' 1 "line 3: 3 fields, the header has 4; card $card is named in it" \
	perso "$SCRIPT" --fields "$SIMS/fields.csv"
fields "other,a,$chuid"
refused 'a wrong line of another card, and none for this one' 1 "line 2: 3 fields … no other line is for card $card" \
	perso "$SCRIPT" --fields "$SIMS/fields.csv"
fields "other,a,$chuid" "$card,a,$chuid,1"
ok 'a wrong line of another card' perso "$SCRIPT" --fields "$SIMS/fields.csv"
fields "$card,a\"b\",$chuid,1"
refused 'a quotation mark within a field' 1 'line 2, character … a quote inside a field' perso "$SCRIPT" --fields "$SIMS/fields.csv"
fields "$card,a,0g,1"
refused 'no hex' 1 "line 2, column 'chuid'" perso "$SCRIPT" --fields "$SIMS/fields.csv"
printf 'card,name\n%s,a\n' "$card" >"$SIMS/fields.csv"
refused 'a column is missing' 1 "no column 'chuid', which data group 0102 needs" perso "$SCRIPT" --fields "$SIMS/fields.csv"
printf 'name\na\n' >"$SIMS/fields.csv"
refused 'no column card' 1 "no column 'card'" perso "$SCRIPT" --fields "$SIMS/fields.csv"
fields "$card,a,$chuid,1"
sed 's/PivMaster1/NoMaster1/' "$SCRIPT" >"$SIMS/keys.ini"
refused 'no such key set' 1 'NoMaster1' perso "$SIMS/keys.ini" --fields "$SIMS/fields.csv"

# A script is accepted whole or not at all.
bad() { # NAME TEXT SED
	sed "$3" "$SCRIPT" >"$SIMS/bad.ini"
	refused "script: $1" 1 "$2" perso "$SIMS/bad.ini" --fields "$SIMS/fields.csv"
}
bad 'a group without four digits' "four hex digits, not '102'" 's/dgi 0102/dgi 102/'
bad 'half a byte' 'line 10: the value of data group 0102 is malformed' 's/5310 /531 /'
bad 'a field of no kind' 'neither {hex:COLUMN}' 's/{hex:chuid}/{dec:chuid}/'
bad 'an unknown section' 'unknown section' 's/\[keys\]/[key]/'
bad 'an unknown value' "unknown value 'kset'" 's/^keyset/kset/'
bad 'a version of no key' '01 to 7F' 's/^version = 01/version = 80/'
bad 'keys without version' 'needs keyset and version' '/^version/d'
bad 'no application' 'names no application' '/^application/d'

# The line is lost within the keys: run again, the card has them all.
sim_again --fault drop-after:10
failed_as 'the line is lost' 1 'run the command again' perso "$SCRIPT" --fields "$SIMS/fields.csv"
sim_again
ok 'run again' perso "$SCRIPT" --fields "$SIMS/fields.csv"
check 'the audit log verifies' a audit verify
finish
