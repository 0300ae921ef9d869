#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016 # filters of jq
# Custody: where components are, who may get them, who has left, the forms on paper.
. "$(dirname "$0")/lib.sh"
if ! command -v pdftotext >/dev/null; then
	echo "skipped: pdftotext is not installed"
	exit 77
fi

# By two officers, on site a.
two() { OFFICERS=ana,ben a "$@"; }
runs[two]=a
# Fields of component N of the last list.
of_component() {
	get --argjson n "$1" ".result[] | select(.component == \$n) | $2"
}
# Findings of the last audit: "finding component" lines, sorted, on one line.
findings() {
	get '[.result.findings[] | "\(.finding) \(.component)"] | sort | join(", ")'
}

fixture_exchange
keep exchange

# ---- what ceremonies say ----

ok 'list' a custody list
equal 'list: three components, held by their pairs' \
	'1 held A. Ortiz, B. Lindqvist|2 held C. Haddad, D. Novak|3 held E. Sato, F. Okafor' \
	"$(get '[.result[] | "\(.component) \(.state) \(.custodians)"] | join("|")')"
equal 'list: the serials of the sheets' \
	"$(sed -n 's/.*serial *0*\([0-9]*\).*/\1/p' sheets/TK1-{1,2,3}.txt | xargs)" \
	"$(get '[.result[].serial] | map(tostring) | join(" ")')"
ok 'list: of a key' a custody list --key tk1
equal 'list: of a key' 3 "$(get '.result | length')"
ok 'list: of no key' a custody list --key TK9
equal 'list: of no key' 0 "$(get '.result | length')"
ok 'list: of a person, in another spelling' a custody list --person 'c haddad'
equal 'list: of a person, in another spelling' '2 true' \
	"$(get '[.result[] | "\(.component) \(.holds_now)"] | join(",")')"
TEXT=1 ok 'list as text' a custody list
refused 'audit: nothing noted yet' 3 'custody is not in order: 9 findings' a custody audit
equal 'audit: nothing noted yet' \
	'no-bag 1, no-bag 2, no-bag 3, no-place 1, no-place 2, no-place 3, not-accepted 1, not-accepted 2, not-accepted 3' \
	"$(findings)"
refused 'audit: at the site that typed them in' 3 '12 findings' b custody audit
equal 'audit: nor how they came' 3 "$(get '[.result.findings[] | select(.finding == "way-unknown")] | length')"

# ---- calls ----

refused 'move: no component' 2 '--component' a custody move TK1 --bag B1
refused 'move: component 0' 2 'from 1 to 9' a custody move TK1 --component 0 --bag B1
refused 'move: a component that it has not' 1 "'TK1' has no component 4" a custody move TK1 --component 4 --bag B1
refused 'move: a key that is not there' 1 "no component of a key 'TK9'" a custody move TK9 --component 1 --bag B1
refused 'move: a key without components' 1 'no component of a key' \
	a custody move OPMasterKeyENC1 --component 1 --bag B1
refused 'move: nothing said' 2 'nothing is said' a custody move TK1 --component 1
refused 'move: two ends' 2 'only one of' two custody move TK1 --component 1 --return --destroyed
refused 'move: sent, nobody knows how' 2 'not said how' two custody move TK1 --component 1 --sent
refused 'move: a carrier without a way' 2 'not said how' two custody move TK1 --component 1 --carrier 'G. Hall'
refused 'move: a date that is none' 2 "not '2026-13-01'" a custody move TK1 --component 1 --bag B1 --due 2026-13-01
refused 'move: another that is none' 2 "not 'soon'" a custody move TK1 --component 1 --return --on soon
refused 'move: a date of nothing' 2 '--on is the date of' a custody move TK1 --component 1 --bag B1 --on 2026-01-01
refused 'move: a day to come' 1 'has not come yet' a custody move TK1 --component 1 --return --on 2999-01-01
refused 'move: due in the past' 1 'a day that has passed' a custody move TK1 --component 1 --due 2020-01-01
refused 'move: a bag with a control character' 1 "a bag's number is one line" \
	a custody move TK1 --component 1 --bag $'B\033[2J'
refused 'move: an empty safe' 1 'the name of a safe' a custody move TK1 --component 1 --safe ''
refused 'move: one name' 2 '--pair takes two names' two custody move TK1 --component 1 --pair 'G. Hall'
refused 'move: three names' 2 '--pair takes two names' two custody move TK1 --component 1 --pair 'G. Hall,H. Ito,I. Jung'
refused 'move: one person twice' 1 'cannot be both' two custody move TK1 --component 1 --pair 'G. Hall,g hall'
refused 'move: a pair without officers' 1 'before two officers' a custody move TK1 --component 1 --pair 'G. Hall,H. Ito'
refused 'leave: nobody has that name' 1 "nobody called 'X. Nobody'" a custody leave 'X. Nobody'
refused 'history: of no component' 1 'has no component 9' a custody history TK1 --component 9
two --dry-run custody move TK1 --component 1 --pair 'G. Hall,H. Ito'
equal 'dry run: as it would be' 'G. Hall, H. Ito' "$(get .result.custodians)"
a custody list --key TK1
equal 'dry run: nothing is so' 'A. Ortiz, B. Lindqvist' "$(of_component 1 .custodians)"

# ---- a life in order ----

for n in 1 2 3; do
	ok "bag, safe and acceptance of $n" a custody move TK1 --component $n --bag "TE-000$n" \
		--safe "safe $n" --accepted 2026-01-05
done
ok 'audit: in order' a custody audit
equal 'audit: no finding' '' "$(findings)"
keep order
refused 'a bag is used once' 1 'bag te-0002 has been used: for component 2' \
	a custody move TK1 --component 1 --bag te-0002
ok 'the same bag, another safe' a custody move TK1 --component 1 --bag TE-0001 --safe 'safe 9'
need a custody move TK1 --component 1 --bag TE-0011
refused 'nor by its own component again' 1 'bag TE-0001 has been used' \
	a custody move TK1 --component 1 --bag TE-0001
ok 'warned: two in one safe' a custody move TK1 --component 1 --safe 'SAFE 2'
check 'warned: two in one safe' grep -q "component 2 of 'TK1' is in the same place" "$ERR"
a custody audit
equal 'audit: two in one safe' 'one-reach 1' "$(findings)"

use order
ok 'deputies' two custody move TK1 --component 2 --deputies 'G. Hall, H. Ito'
refused 'a deputy is of one component only' 1 \
	'g. hall cannot have component 3 … stands by for, component 2' \
	two custody move TK1 --component 3 --deputies 'g. hall'
refused 'a deputy of one gets no other' 1 'H. Ito cannot have component 1' \
	two custody move TK1 --component 1 --pair 'H. Ito,K. Lang'
ok 'a deputy takes over' two custody move TK1 --component 2 --pair 'G. Hall,D. Novak'
a custody audit
equal 'a new pair has to accept' 'not-accepted 2' "$(findings)"
refused 'who has held one gets no other, though it was given away' 1 \
	'C. HADDAD cannot have component 3 of '"'TK1'"': the same person has held' \
	two custody move TK1 --component 3 --pair 'E. Sato,C. HADDAD'
refused 'nor as carrier' 1 'C. Haddad cannot have component 3' \
	two custody move TK1 --component 3 --sent --by courier --carrier 'C. Haddad'
refused 'not by override either' 1 'C. Haddad cannot have component 3' \
	two --override 'we are few' custody move TK1 --component 3 --pair 'E. Sato,C. Haddad'
ok 'but its own again' two custody move TK1 --component 2 --pair 'C. Haddad,D. Novak'
a custody list --person 'G. Hall'
equal 'a former holder is found' '2 true' "$(get '.result[] | "\(.component) \(.holds_now)"')"
two custody move TK1 --component 2 --deputies ''
a custody list --person 'G. Hall'
equal 'and told to hold nothing now' '2 false' "$(get '.result[] | "\(.component) \(.holds_now)"')"
for near in 'Ortiz A' 'Anna Ortiz' 'B. Lindquist'; do
	refused "two spellings: $near" 1 'may be one person under two spellings … --override' \
		two custody move TK1 --component 3 --pair "$near,F. Okafor"
done
ok 'two people of nearly one name, said by two officers' \
	two --override 'two people, passports seen' custody move TK1 --component 3 --pair 'Anna Ortiz,F. Okafor'
a audit list
equal 'and it is in the log' 'two people, passports seen' \
	"$(get '[.result[] | select(.operation == "custody.move")][-1].details.override_reason')"
equal 'the log says all of it' "Anna Ortiz, F. Okafor" \
	"$(get '[.result[] | select(.operation == "custody.move")][-1].details.custodians')"
a custody audit
equal 'audit: near names stay a finding' 'near-names 1' \
	"$(get '[.result.findings[] | select(.finding == "near-names") | "\(.finding) \(.component)"] | join(", ")')"

# Custodians may not open the safe of their own key.
use order
EXTRA='officer.A. Ortiz=a custodian too' OFFICERS=ana,ben need a officer add 'A. Ortiz'
OFFICERS='A. Ortiz,ben' EXTRA='officer.A. Ortiz=a custodian too' refused 'an officer who is custodian' 1 \
	'A. Ortiz cannot change the custody of a component' a custody move TK1 --component 2 --pair 'G. Hall,H. Ito'

# ---- returned, re-issued, sent, destroyed ----

use order
ok 'due' a custody move TK1 --component 1 --due 2999-01-01
sqlite3 a/site/cardkms.db "UPDATE custody SET due = 86400 WHERE due IS NOT NULL"
a custody audit
equal 'overdue' 'overdue 1' "$(findings)"
ok 'returned' a custody move TK1 --component 1 --return
a custody audit
equal 'returned: no longer due' '' "$(findings)"
a custody list
equal 'returned' 'returned safe 1' "$(of_component 1 '"\(.state) \(.safe)"')"
refused 'returned twice' 1 'is returned already' a custody move TK1 --component 1 --return
ok 're-issued' a custody move TK1 --component 1 --issue --bag TE-0100
refused 'issued twice' 1 'is with its pair already' a custody move TK1 --component 1 --issue
use exchange
refused 'sent without a bag' 1 'is in no bag' two custody move TK1 --component 1 --sent --by courier
use order
ok 'sent' two custody move TK1 --component 1 --sent --by 'courier 17' --carrier 'G. Hall' --on 2026-02-01
a custody list
equal 'sent: how, by whom, when' 'sent courier 17 G. Hall 2026-02-01 null' \
	"$(of_component 1 '"\(.state) \(.channel) \(.carrier) \(.conveyed) \(.safe)"')"
refused 'two on one way on one day' 1 'components 2 and 1 … the same way on the same day … --override' \
	two custody move TK1 --component 2 --sent --by 'Courier 17' --on 2026-02-01
ok 'the same way on another day' two custody move TK1 --component 2 --sent --by 'courier 17' --on 2026-02-02
refused 'a carrier of one carries no other' 1 'G. Hall cannot have component 3' \
	two custody move TK1 --component 3 --sent --by train --carrier 'G. Hall' --on 2026-02-03
refused 'what is away changes no hands' 1 'was sent away (courier 17)' \
	two custody move TK1 --component 1 --pair 'K. Lang,L. Mann'
ok 'it came back' a custody move TK1 --component 1 --return --safe 'safe 1' --bag TE-0200
refused 'destroyed without officers' 1 'before two officers' a custody move TK1 --component 3 --destroyed
ok 'destroyed' two custody move TK1 --component 3 --destroyed
refused 'after that nothing' 1 'has been destroyed' a custody move TK1 --component 3 --bag TE-0300
ok 'history' a custody history TK1 --component 1
equal 'history: all of it' 'transport-key.create moved sent returned' \
	"$(get '[.result[].event] | join(" ")')"
need a --yes key destroy TK1
a custody audit
equal 'the key was destroyed, sheets were not' 'sheet-left 1' \
	"$(get '[.result.findings[] | select(.finding == "sheet-left") | "\(.finding) \(.component)"] | join(", ")')"

# ---- ceremonies keep to it ----

use order
need two custody move TK1 --component 2 --pair 'G. Hall,H. Ito'
need b custody move TK1 --component 3 --by 'in person' --on 2026-01-09 --sheet 3
sed 's/A. Ortiz/G. Hall/' pairs.ini >swapped.ini
sed 's/D. Novak/B. Lindquist/' pairs.ini >near.ini
mkdir new
refused 'create: two spellings in one file' 1 "'B. Lindqvist' (component 1 of 'TK7') and 'B. Lindquist' (component 2" \
	a transport-key create TK7 --algorithm aes256 --components 3 --partner 'Example Bank' --pairs near.ini --sheets new
check 'create: nothing was drawn' test -z "$(ls new)"
need two --override 'two people' transport-key create TK7 --algorithm aes256 --components 3 \
	--partner 'Example Bank' --pairs near.ini --sheets new
# The same key under another label, after somebody got component 2 by a move.
need b custody move TK1 --component 2 --bag X1
OFFICERS=cleo,dan need b custody move TK1 --component 2 --pair 'G. Hall,H. Ito'
need a key show TK1
check_value=$(get .result.check_value)
EXTRA=$(cat components) refused 'import under another label: moves count' 1 \
	"G. Hall cannot be custodian of component 1 of 'TK1': the same person has held component 2" \
	b transport-key import TK8 --algorithm aes256 --components 3 --partner 'Card Maker' \
	--pairs swapped.ini --check-value "$check_value"

# ---- who leaves ----

use order
ok 'leave' a custody leave 'd novak' --reason 'retired' --on 2026-03-01
equal 'leave: exactly that key, one component of three' 'TK1 2 of 3: TK1' \
	"$(get '.result.rekey[] | "\(.key) \(.components | join(",")) of \(.of): \(.rekey | join(","))"')"
check 'leave: what it protected stays' test "$(get '.result.rekey[0].todo[0] | contains("stays secret")')" = true
refused 'leave: twice' 1 'D. Novak has left, on 2026-03-01' a custody leave 'D. Novak'
refused 'audit: a pair with a leaver' 3 '1 finding, 1 key to be replaced' a custody audit
equal 'audit: a pair with a leaver' 'leaver 2' "$(findings)"
refused 'a leaver gets nothing' 1 'D. Novak has left, on 2026-03-01' \
	two custody move TK1 --component 2 --pair 'C. Haddad,D. Novak'
mkdir gone
refused 'a leaver is in no ceremony' 1 'D. Novak has left, on 2026-03-01' a transport-key create TK9 \
	--algorithm aes256 --components 3 --partner 'Example Bank' --pairs pairs.ini --sheets gone
need two custody move TK1 --component 2 --pair 'C. Haddad,K. Lang' --accepted 2026-03-02
refused 'audit: the leaver knows it still' 3 '0 findings, 1 key to be replaced' a custody audit
keep left
# With somebody gone of each component nobody can say that the key is not known.
need b exchange request --from 'Card Maker' --keyset OPMasterKey1 -o req
need a exchange export --request req --transport-key TK1 -o pkg
need a custody leave 'A. Ortiz'
need a custody leave 'F. Okafor'
equal 'leave: of all three' 'TK1 1,2,3 of 3: TK1,OPMasterKey1' \
	"$(get '.result.rekey[] | "\(.key) \(.components | join(",")) of \(.of): \(.rekey | join(","))"')"
TEXT=1 refused 'audit as text' 3 '' a custody audit
check 'audit as text: what to do' grep -q "make another transport key with Example Bank in place of 'TK1'" "$OUT"
use left
need a key retire TK1
ok 'a retired key with one component known: nothing to replace' a custody audit
use order
EXTRA='officer.C. Haddad=a custodian too' OFFICERS=ana,ben need a officer add 'C. Haddad' --role custodian
OFFICERS=ana,ben need a officer disable 'C. Haddad'
refused 'audit: a disabled person' 3 '1 finding, 1 key' a custody audit
equal 'audit: a disabled person' 'leaver 2' "$(findings)"

# ---- on paper ----

use order
need two custody move TK1 --component 2 --deputies 'G. Hall, H. Ito'
ok 'register' a custody register -o register.pdf
pdftotext -layout register.pdf register.txt 2>/dev/null
for word in 'Custodian register' 'Card Maker' 'TK1' 'A. Ortiz' 'D. Novak' 'G. Hall' 'TE-0002' 'safe 3' '2026-01-05'; do
	check "register: $word" grep -q "$word" register.txt
done
ok 'acceptance' a custody acceptance --key TK1 --component 2 -o accept.pdf
pdftotext -layout accept.pdf accept.txt 2>/dev/null
for word in 'Acceptance of a key component' '2 of 3' 'C. Haddad' 'D. Novak' 'TE-0002' "$(sheet_check sheets/TK1-2.txt)" \
	"$(sheet_ceremony sheets/TK1-2.txt)"; do
	check "acceptance: $word" grep -q -- "$word" accept.txt
done
check 'acceptance: not of others' test "$(grep -c 'A. Ortiz' accept.txt)" = 0
# On neither a component: no group of four of its digits beside the next.
for n in 1 2 3; do
	first=$(sheet_plain "sheets/TK1-$n.txt")
	check "no component $n on paper" test \
		"$(tr -d ' \n' <register.txt | cat - accept.txt | tr -d ' \n' | grep -c "${first:0:16}")" = 0
done
refused 'register: into a folder that is not there' 1 "'no/register.pdf'" a custody register -o no/register.pdf
refused 'acceptance: of no component' 1 'has no component 7' \
	a custody acceptance --key TK1 --component 7 -o none.pdf
check 'acceptance: and no file' test ! -e none.pdf

finish
