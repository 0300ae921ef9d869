#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2317 # functions called by name
# Ceremony files: checked, carried out, interrupted, and their minutes on paper.
. "$(dirname "$0")/lib.sh"
for needed in pdftotext pdftoppm zbarimg; do
	if ! command -v $needed >/dev/null; then
		echo "skipped: $needed is not installed"
		exit 77
	fi
done

today=$(date -u +%F)

# file KIND NAME: [ceremony] to [preconditions]; what the kind needs comes from standard input.
file() {
	printf '[ceremony]\nkind = %s\ntitle = A day in the vault\ndate = %s\nplace = Room 2\n' \
		"$1" "$today"
	cat
	printf '[people]\nofficers = ana, ben\nwitnesses = W. Stone\nattendees = X. Young\n'
	printf '[preconditions]\nno-network = no\nno-swap = no\nno-core = no\n'
}
create_file() {
	{
		printf '[key]\nlabel = %s\nalgorithm = aes256\npartner = Example Bank\n' "$1"
		pairs_three
	} | file transport-key-create
}
minutes_of() { # ID: their text, in minutes.txt
	rm -f minutes.pdf
	a ceremony report "$1" -o minutes.pdf && pdftotext -layout minutes.pdf minutes.txt 2>/dev/null
}
says() { grep -qF -- "$1" minutes.txt; }

fixture_pair
use pair
mkdir sheets
keep pair

# ---- check ----

use pair
create_file TK1 >day.ini
ok 'check' a ceremony check day.ini
equal 'check: the hash of the file' "$(sha256sum day.ini | tr a-f A-F | cut -c1-64)" "$(get .result.sha256)"
equal 'check: eight words' 8 "$(get .result.words | wc -w)"
equal 'check: nothing failed' 0 "$(get '[.result.conditions[] | select(.state == "failed")] | length')"
sed "s/^date = .*/date = 2020-01-01/" day.ini >other.ini
refused 'check: another day' 3 "1 of the ceremony's conditions is not met" a ceremony check other.ini
equal 'check: says which' clock \
	"$(get '[.result.conditions[] | select(.state == "failed") | .condition] | join(" ")')"
sed 's/^officers = .*/officers = ana, eve/' day.ini >other.ini
refused 'check: nobody knows the officer' 3 'not met' a ceremony check other.ini
sed 's/^partner = .*/partner = Another Bank/' day.ini >other.ini
refused 'check: the partner is not enrolled' 3 'not met' a ceremony check other.ini
sed 's/A. Ortiz, B/ana, B/' day.ini >other.ini
refused 'check: an officer is custodian' 1 'ana is custodian of component 1 as well' a ceremony check other.ini
refused 'check: no such file' 1 nowhere.ini a ceremony check nowhere.ini

# ---- run ----

refused 'run: nobody to agree' 1 'no terminal' a ceremony run day.ini --sheets sheets
refused 'run: other officers than the file names' 2 'names other officers' \
	a --yes --officers ben,ana ceremony run day.ini --sheets sheets
sed "s/^date = .*/date = 2020-01-01/" day.ini >other.ini
refused 'run: not in a room that is not fit' 3 'not met' a --yes ceremony run other.ini --sheets sheets
dry 'run: dry' a --yes ceremony run day.ini --sheets sheets
ok 'run' a --yes ceremony run day.ini --sheets sheets
meeting=$(get .result.meeting)
check_value=$(get .result.check_value)
equal 'run: sheets' 3 "$(find sheets -name 'TK1-*.txt' | wc -l)"
ok 'run: the meeting is listed' a ceremony meetings
equal 'run: as done' "$meeting done" "$(get '.result[0] | "\(.meeting) \(.state)"')"
a audit list
equal 'run: the log has its beginning and its end' 'ceremony.begin transport-key.create transport-key.create ceremony.end' \
	"$(get '[.result[-4:][] | .operation // .kind] | join(" ")')"
check 'run: verified' a audit verify

# ---- minutes ----

check 'minutes' minutes_of "$meeting"
for part in 'A day in the vault' "$meeting" 'Room 2' 'W. Stone' 'X. Young' 'custodian of component 3' \
	'F. Okafor' TK1 "$check_value" 'SoftHSM' 'locked memory' 'page 1 of' 'Signatures' 'ana, ben'; do
	check "minutes: $part" says "$part"
done
squeezed=$(tr -d ' \n\f' <minutes.txt)
check 'minutes: hash of the file' grep -qF "$(sha256sum day.ini | tr a-f A-F | cut -c1-60)" <<<"$squeezed"
check 'minutes: hash of the program' \
	grep -qF "$(sha256sum "$CARDKMS_BIN/cardkms" | tr a-f A-F | cut -c1-60)" <<<"$squeezed"
bad=
for i in 1 2 3; do
	part=$(sheet_plain sheets/TK1-$i.txt)
	bad+=$(leaked "$part" a/site/* "$OUT" "$ERR" minutes.txt minutes.pdf)
done
equal 'minutes: no component, nowhere' '' "$bad"
pdftoppm -r 150 -png minutes.pdf page 2>/dev/null
codes=$(for page in page-*.png; do zbarimg -q --raw -Sdisable -Sqrcode.enable "$page" 2>/dev/null; done)
check 'minutes: the code is read back' grep -qxF "id $meeting" <<<"$codes"
check 'minutes: with the check value' grep -qF "check $check_value" <<<"$codes"
refused 'minutes: never over a file that is there' 1 'not there yet' a ceremony report "$meeting" -o minutes.pdf
refused 'minutes: of nothing' 1 'no ceremony' a ceremony report 7F3K-22QD -o none.pdf
a ceremony list
ceremony=$(get '.result[0].ceremony')
check 'minutes of the key ceremony alone' minutes_of "$ceremony"
check 'minutes of the key ceremony alone: its check value' says "$check_value"

# ---- import: a wrong component stands in the minutes ----

{
	printf '[key]\nlabel = TK1\nalgorithm = aes256\npartner = Card Maker\ncheck-value = %s\n' "$check_value"
	pairs_three
} | file transport-key-import | sed 's/ana, ben/cleo, dan/' >import.ini
typed=$(typed_from TK1 3)
EXTRA=${typed/check-value.2=??/check-value.2=00} b --yes ceremony run import.ini
equal 'import: a wrong check value' 3 "$CODE"
b ceremony meetings
failed_meeting=$(get '.result[0].meeting')
equal 'import: failed' failed "$(get '.result[0].state')"
rm -f minutes.pdf
b ceremony report "$failed_meeting" -o minutes.pdf && pdftotext -layout minutes.pdf minutes.txt 2>/dev/null
check 'import: the minutes say what went wrong' says 'it failed:'
EXTRA=$typed ok 'import' b --yes ceremony run import.ini
equal 'import: the same key' "$check_value" "$(get .result.check_value)"

# ---- other kinds ----

b exchange request --from 'Card Maker' --keyset OPMasterKey1 -o request
printf '[key]\nlabel = TK1\n[files]\nrequest = request\npackage = package\n' | file export >export.ini
ok 'export' a --yes ceremony run export.ini
minutes_of "$(get .result.meeting)"
squeezed=$(tr -d ' \n\f' <minutes.txt)
check 'export: hash of the package' grep -qF "$(sha256sum package | tr a-f A-F | cut -c1-60)" <<<"$squeezed"
printf '[key]\nlabel = TK1\n[files]\npackage = package\nreceipt = receipt\n' | file import |
	sed 's/ana, ben/cleo, dan/' >import.ini
ok 'import of the masters' b --yes ceremony run import.ini
printf '[key]\nlabel = TK1\n' | file destroy >destroy.ini
EXTRA='confirm-destroy=TK1' ok 'destroy' a --yes ceremony run destroy.ini
sed 's/^\[keyset.*/[keyset "OPMasterKey2"]/; s/0x20/0x21/' <(plan_maker) >plan2.ini
printf '[files]\nplan = plan2.ini\n' | file hsm-update >update.ini
ok 'hsm update' a --yes ceremony run update.ini

# ---- interrupted: the program is killed when the key has just been made ----

create_file TK9 | sed 's/^title = .*/title = The killed one/' >day.ini
of_the_killed() { get ".result[] | select(.title == \"The killed one\") | .$1"; }
# shellcheck disable=SC2154 # of lib.sh
sed -i "s|$softhsm_module|$CARDKMS_BIN/libp11forward.so|" a/site/site.ini
export KILLP11_MODULE=$softhsm_module
KILLP11_AT=change:1:after a --yes ceremony run day.ini --sheets sheets
equal 'interrupted: killed' 137 "$CODE"
a ceremony meetings
killed=$(of_the_killed meeting)
equal 'interrupted: it had begun' started "$(of_the_killed state)"
a ceremony report "$killed" -o none.pdf
check 'interrupted: it has no minutes yet' has "$(said)" 'has no minutes: it is started'
ok 'interrupted: settled by the next operation' a doctor
a ceremony meetings
equal 'interrupted: said so' interrupted "$(of_the_killed state)"
ok 'interrupted: its minutes were made then' a ceremony report "$killed" -o killed.pdf
equal 'interrupted: they say so' 'interrupted rolled-back' "$(get '.result | "\(.outcome) \(.operation.state)"')"
check 'interrupted: and why' has "$(get '.result.exceptions[]')" 'it was cut off; these minutes were made afterwards'
rm -f sheets/TK9-*
ok 'interrupted: held again' a --yes ceremony run day.ini --sheets sheets
check 'interrupted: the log is whole' a audit verify
finish
