#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2317 # filters of jq; functions called by name
# Custody where components are typed again: a restore opens bags and may change hands; the label of a
# destroyed key is free for another one, whose sheets are others.
. "$(dirname "$0")/lib.sh"

two() { OFFICERS=ana,ben a "$@"; }
runs[two]=a
of_component() {
	get --argjson n "$1" "[.result[] | select(.component == \$n)][-1] | $2"
}

fixture_site
mkdir sheets
{
	echo so-pin.spare=11111111
	echo pin.spare=22222222
} >>a/secrets
need a site-key create SK1 --components 3 --pairs pairs.ini --sheets sheets
check_value=$(get .result.check_value)
typed_from SK1 3 >typed
need a hsm add spare --kind vault --hsm "pkcs11:token=spare?module-path=$token_module"
for n in 1 2 3; do
	need a custody move SK1 --component $n --bag "B-$n" --safe "safe $n" --accepted 2026-01-05
done
need two custody move SK1 --component 2 --deputies 'G. Hall, H. Ito'
ok 'in order' a custody audit
keep sealed

# restored NAME PAIRS: on the other HSM.
restored() {
	EXTRA=$(cat typed) two site-key restore SK1 --hsm spare --pairs "$1" --check-value "$check_value"
}
runs[restored]=a

sed 's/A. Ortiz/G. Hall/' pairs.ini >deputy.ini
refused 'a deputy of one does not type another' 1 \
	"G. Hall cannot have component 1 of 'SK1' … stands by for, component 2" restored deputy.ini
sed 's/D. Novak/H. Ito/' pairs.ini >other.ini
ok 'the deputy of this one does' restored other.ini
a custody list --key SK1
equal 'its pair is who typed it; the serial stays' 'C. Haddad, H. Ito 2' "$(of_component 2 '"\(.custodians) \(.serial)"')"
equal 'the bag is open, and nobody has said where it lies' 'null null null' \
	"$(of_component 2 '"\(.bag) \(.safe) \(.accepted)"')"
equal 'three sheets, not six' 3 "$(get '.result | length')"
refused 'and the audit says so' 3 'custody is not in order: 9 findings' a custody audit
need a custody history SK1 --component 2
equal 'history' 'site-key.create moved moved site-key.restore' "$(get '[.result[].event] | join(" ")')"
refused 'a bag that was opened is used up' 1 'bag B-2 has been used' a custody move SK1 --component 2 --bag B-2
ok 'sealed again' a custody move SK1 --component 2 --bag B-20 --safe 'safe 2' --accepted 2026-02-01
refused 'who typed it, and left it, gets no other' 1 'D. Novak cannot have component 1' \
	two custody move SK1 --component 1 --pair 'D. Novak,B. Lindqvist'

# Who looks at the room is told as well.
use sealed
need a custody leave 'F. Okafor'
{
	printf '[ceremony]\nkind = site-key-create\ntitle = A new one\ndate = 2026-12-01\n'
	printf '[key]\nlabel = SK2\nalgorithm = aes256\n[people]\nofficers = ana, ben\n'
	printf '[preconditions]\nno-network = no\nno-swap = no\nno-core = no\nclock = no\n'
	cat pairs.ini
} >day.ini
a ceremony check day.ini
equal 'ceremony check: somebody has left' 'failed 1' \
	"$(get '.result.conditions[] | select(.condition == "separation") | "\(.state) \(.detail | contains("F. Okafor has left") | if . then 1 else 0 end)"')"

# Destroyed, and the label taken again.
use sealed
need a --yes key destroy SK1
refused 'the sheets are there still' 3 '3 findings' a custody audit
pairs_of 3 >new.ini
rm -rf sheets && mkdir sheets
need a site-key create SK1 --components 3 --pairs new.ini --sheets sheets
a custody list --key SK1
equal 'two sets of sheets under one label' 6 "$(get '.result | length')"
need two custody move SK1 --component 1 --bag N-1
equal 'the newest is meant' 'Left 1, Right 1' "$(get .result.custodians)"

finish
