#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Keys: listed, shown, moved from state to state, destroyed.
. "$(dirname "$0")/lib.sh"

state() { # LABEL
	sqlite3 -readonly a/site/cardkms.db "SELECT state FROM key_object WHERE label = '$1'"
}

no_escape() {
	# shellcheck disable=SC2317 # called through check
	! grep -q $'\e' "$OUT" "$ERR"
}

fixture_site
use site

# ---- list and show ----

ok 'list' a key list
equal 'list: keys and identity pairs' 'OPMasterKeyENC1 OPMasterKeyKEK1 OPMasterKeyMAC1' \
	"$(get '[.result[] | select(.keyset) | .label] | sort | join(" ")')"
for field in label keyset role algorithm state kvn check_value check_method location origin; do
	check "list: every key has $field" \
		jq -e "[.result[] | has(\"$field\")] | all" "$OUT"
done
equal 'list: the roles of a set' 'enc kek mac' \
	"$(get '[.result[] | select(.keyset == "OPMasterKey1") | .role] | sort | join(" ")')"
equal 'list: numbers are numbers' 'number' "$(get '.result[] | select(.role == "enc") | .kvn | type')"
ok 'list: of a set' a key list --keyset OPMasterKey1
equal 'list: of a set: three' 3 "$(get '.result | length')"
ok 'list: in a state' a key list --state suspended
equal 'list: in a state: none' '[]' "$(get -c .result)"
refused 'list: a set that there is not' 1 "'Nothing'" a key list --keyset Nothing
refused 'list: a state that there is not' 1 "'lost'" a key list --state lost
ok 'show' a key show OPMasterKeyENC1
equal 'show: what it is for' 'Example Bank kdf3 36 months true enc' \
	"$(get '.result | [.customer, .diversification, .cryptoperiod, .exportable, .role | tostring] | join(" ")')"
check 'show: it ends in 36 months' test "$(get .result.expires | cut -c1-4)" -ge 2029
refused 'show: a key that there is not' 1 "'Nothing'" a key show Nothing
refused 'show: in other case' 1 "'opmasterkeyenc1'" a key show opmasterkeyenc1
refused 'show: an empty label' 1 'key' a key show ''
refused 'show: no UTF-8' 1 '' a key show $'\xff'
refused 'show: a label that is SQL' 1 "key" a key show "x' OR '1'='1"
refused 'show: an escape sequence' 1 '' a key show $'\e[31mred'
check 'show: it is not sent to the terminal' no_escape
TEXT=1 a key show $'\e[31mred'
check 'show: nor as text' no_escape

# ---- states ----

# The path through the states, with what may not be done in each.
may_not() { # FROM VERB…: of OPMasterKeyENC1
	local from=$1 verb
	shift
	for verb; do
		refused "$from: $verb" 1 "key 'OPMasterKeyENC1' is $from and cannot become" \
			a --yes key "$verb" OPMasterKeyENC1 --reason 'a test'
	done
}

move() { # VERB STATE
	ok "$1" a --yes key "$1" OPMasterKeyENC1 --reason 'a test'
	equal "$1: its state" "$2" "$(state OPMasterKeyENC1)"
}

may_not active resume
move suspend suspended
may_not suspended suspend
move resume active
move suspend suspended
move retire deactivated
may_not deactivated suspend resume retire
move compromise compromised
may_not compromised suspend resume retire compromise
move destroy destroyed
equal 'destroy: the object is gone' 6 "$(token_objects a)"
ok 'destroy: the row stays' a key list --state destroyed
equal 'destroy: with its check value' '1 6' \
	"$(get '.result | [length, (.[0].check_value | length) | tostring] | join(" ")')"
equal 'destroy: with the reason' 'a test' "$(get '.result[0].state_reason')"
ok 'destroy: not among those there are' a key list
equal 'destroy: two are left' 2 "$(get '[.result[] | select(.keyset)] | length')"
for verb in suspend resume retire destroy; do
	refused "destroyed: $verb" 1 "OPMasterKeyENC1" a --yes key $verb OPMasterKeyENC1
done
check 'every step is in the log' test \
	"$(log_of a | grep -c '"op":"key.state".*"phase":"outcome"')" -eq 5
sound 'sound after all that' a

# ---- destroying ----

use site
OFFICERS='' refused 'destroy: without officers' 1 'needs two officers … --officers A,B' \
	a --yes key destroy OPMasterKeyENC1
OFFICERS=ana refused 'destroy: one officer' 2 'two names' a --yes key destroy OPMasterKeyENC1
OFFICERS=ana,ana refused 'destroy: the same one twice' 1 'cannot be both' \
	a --yes key destroy OPMasterKeyENC1
refused 'destroy: nobody to confirm it' 1 \
	"Destroy 'OPMasterKeyENC1' (aes256, check value … for good? … no terminal … --yes; nothing was changed" \
	a key destroy OPMasterKeyENC1
EXTRA='officer.ben=wrong one' refused 'destroy: a wrong passphrase' 1 "wrong passphrase for officer 'ben'" \
	a --yes key destroy OPMasterKeyENC1
EXTRA='pin=00000000' refused 'destroy: a wrong PIN' 1 'PIN' a --yes key destroy OPMasterKeyENC1
for label in $(sqlite3 a/site/cardkms.db "SELECT label FROM key_object WHERE role IN ('identity', 'audit')"); do
	refused "destroy: $label" 1 "'$label' is what this site signs with … ends with the site" \
		a --yes key destroy "$label"
	refused "retire: $label" 1 "is what this site signs with" a key retire "$label"
done
refused 'destroy: nothing' 1 "'Nothing'" a --yes key destroy Nothing
refused 'suspend: nothing' 1 "'Nothing'" a key suspend Nothing
refused 'suspend: no UTF-8' 1 '' a key suspend $'\xff\xfe'
check 'what cannot be logged as it is, is logged all the same' has "$(log_of a | tail -n 1)" failure
refused 'suspend: a label of 5000' 1 '' a key suspend "$(printf '%5000s' '' | tr ' ' ä)"
check 'a long label is logged all the same' has "$(log_of a | tail -n 1)" failure
refused 'suspend: a reason with an escape sequence' 1 'cannot note that reason … one line' a key suspend OPMasterKeyMAC1 --reason $'\e[2J'
refused 'suspend: a reason that is no UTF-8' 1 'cannot note that reason' a key suspend OPMasterKeyMAC1 --reason $'\xff'
refused 'suspend: a reason without end' 1 'cannot note that reason' a key suspend OPMasterKeyMAC1 \
	--reason "$(printf '%70000s' '' | tr ' ' x)"

# ---- store and token differ ----

use site
sed 's/OPMasterKey1/OPMasterKey2/' plan.ini >plan2.ini
need a hsm update --plan plan2.ini
token_lose a
equal 'an object was removed' 9 "$(token_objects a)"
a hsm check
equal 'check: an object that is gone: exit status' 3 "$CODE"
key=$(get '.result.keys[] | select(.result != "ok") | .label')
check 'check: names the key' has "$key" OPMasterKey
check 'check: and the set' has "$key" 2
a doctor
equal 'doctor: reports it' 3 "$CODE"
equal 'doctor: the row is as it was' active "$(state "$key")"
ok 'destroy: what is gone already' a --yes key destroy "$key"
equal 'destroy: the row says so' destroyed "$(state "$key")"
ok 'check: all is well then' a hsm check
use site
sqlite3 a/site/cardkms.db "UPDATE key_object SET check_value = 'ABCDEF' WHERE label = 'OPMasterKeyMAC1'"
a hsm check
equal 'check: a check value that is another: exit status' 3 "$CODE"
check 'check: both are told' has "$(cat "$OUT")" 'ABCDEF'
use site
sqlite3 a/site/cardkms.db "UPDATE key_object SET cka_id = '00000000000000000000000000000000'
	WHERE label = 'OPMasterKeyMAC1'"
a hsm check
equal 'check: an object that nobody knows: exit status' 3 "$CODE"
a doctor
equal 'doctor: leaves it alone' 7 "$(token_objects a)"
equal 'doctor: exit status' 3 "$CODE"
finish
