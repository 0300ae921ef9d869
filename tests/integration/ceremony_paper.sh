#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2317 # functions called by name
# Component sheets on paper: what is printed is typed in at the other site; printers that are missing, run
# out, or go away; pages of a rehearsal; and a pair at the full screen that cannot read its sheet.
. "$(dirname "$0")/screen_lib.sh"
for needed in pdftotext pdftoppm zbarimg; do
	if ! command -v $needed >/dev/null; then
		echo "skipped: $needed is not installed"
		exit 77
	fi
done
memory=$(mktemp -d -p /dev/shm cardkms-test-XXXXXX 2>/dev/null) || {
	echo 'skipped: there is no /dev/shm'
	exit 77
}
trap 'screen_over; rm -rf "${memory:?}"' EXIT

create=(transport-key create --algorithm aes256 --components 3 --partner 'Example Bank' --pairs pairs.ini)
make() { a "${create[@]}" "$@"; }
text_of() { pdftotext -layout "$1" - 2>/dev/null | sed 's/^ *//'; }
# read_paper LABEL: the three pages of printed/, as text sheets in sheets/.
read_paper() {
	local i
	for i in 1 2 3; do
		text_of printed/"$1-$i.pdf" >sheets/"$1-$i.txt"
	done
}
# printer FIFO COMMAND…: a print system that takes one sheet after the other; `done_printing` ends it.
printer() {
	rm -f "$1"
	mkfifo "$1"
	"${@:2}" &
	printer=$!
}
three_sheets() { # FIFO LABEL, to printed/; the second is cut off at first
	cat <"$1" >printed/"$2-1.pdf"
	head -c 3000 <"$1" >printed/"$2-torn.pdf"
	sleep 0.5 # until nobody has that end of the pipe open
	cat <"$1" >printed/"$2-2.pdf"
	cat <"$1" >printed/"$2-3.pdf"
}
done_printing() {
	kill "$printer" 2>/dev/null
	wait "$printer" 2>/dev/null
}
exceptions_of() { # ID: those of its minutes, one a line
	rm -f minutes.pdf
	a ceremony report "$1" -o minutes.pdf && get '.result.exceptions[]'
}
last_ceremony() { a ceremony list && get '.result[-1].ceremony'; }

fixture_pair
mkdir sheets printed
keep pair

# ---- where sheets cannot go: nothing is begun ----

use pair
refused 'a printer that is not there' 1 'cannot print component sheets' make TK1 --print /dev/no-such-printer
refused 'a file' 1 'neither a device nor a folder' make TK1 --print pairs.ini
if [ "$(stat -f -c %T .)" != tmpfs ]; then
	refused 'a folder on a disk' 1 'on a disk' make TK1 --print printed
fi
refused 'written and printed' 2 'not both' make TK1 --print "$memory" --sheets sheets
sed -i 's/D. Novak/D. 諾瓦克/' pairs.ini
refused 'a name that the font lacks' 1 'U+8AFE' make TK1 --print "$memory"
equal 'nothing was printed' '' "$(ls "$memory")"

# ---- to files ----

use pair
ok 'dry run' a --dry-run "${create[@]}" TK1 --print "$memory"
equal 'dry run: nothing was printed' '' "$(ls "$memory")"
ok 'to a folder' make TK1 --print "$memory"
check_value=$(get .result.check_value)
equal 'the files are said' 3 "$(get '.result.sheets | length')"
equal 'for nobody else' 600 "$(stat -c %a "$memory"/TK1-1.pdf)"
cp "$memory"/*.pdf printed
read_paper TK1
printf 'x' >"$memory/TK2-2.pdf"
failed_make() { make TK2 --print "$memory"; }
failed_make
equal 'never over a file that is there' 1 "$CODE"
equal 'and what had been printed is gone' 'TK1-1.pdf TK1-2.pdf TK1-3.pdf TK2-2.pdf' "$(cd "$memory" && echo ./* | sed 's|\./||g')"
rm -f "${memory:?}"/*
EXTRA=$(typed_from TK1 3) ok 'typed in from paper' b transport-key import TK1 --algorithm aes256 --components 3 \
	--partner 'Card Maker' --pairs pairs.ini --check-value "$check_value"
for part in 'Component sheet' "$(sheet_ceremony sheets/TK1-1.txt)" '2 of 3' 'C. Haddad' 'D. Novak' 'aes256' \
	'tamper-evident bag number' issued returned 'identity of this site' 'identity of the partner'; do
	check "on paper: $part" grep -qF "$part" sheets/TK1-2.txt
done
a site identity show 2>/dev/null || a site status
fingerprint=$(get .result.fingerprint)
check 'on paper: the fingerprint of this site' grep -qF "${fingerprint:0:4} ${fingerprint:4:4} ${fingerprint:8:4}" sheets/TK1-2.txt
check 'on paper: no word of a test' bash -c '! grep -q TEST sheets/TK1-1.txt'
bad=
for i in 1 2 3; do
	bad+=$(leaked "$(sheet_plain sheets/TK1-$i.txt)" a/site/* "$OUT" "$ERR")
done
equal 'no component anywhere else' '' "$bad"

# ---- a printer that fails ----

use pair
make TK1 --print /dev/full
equal 'out of paper: status' 1 "$CODE"
check 'out of paper: says so' has "$(get .error.message)" 'component 1 could not be printed'
ceremony=$(last_ceremony)
a ceremony show "$ceremony"
equal 'out of paper: three serial numbers are void' '1 2 3' "$(get '[.result.void_sheets[].component] | length | [range(.) + 1] | join(" ")')"
equal 'out of paper: the ceremony has failed' failed "$(get .result.state)"
check 'out of paper: the minutes say it' has "$(exceptions_of "$ceremony")" 'is void, sheet … No space left … could not be printed'
sound 'out of paper: the site is sound' a

use pair
printer pipe three_sheets pipe TK1
ok 'torn: the ceremony goes on' make TK1 --print pipe
check_value=$(get .result.check_value)
done_printing
read_paper TK1
EXTRA=$(typed_from TK1 3) ok 'torn: what was printed again is the key' b transport-key import TK1 --algorithm aes256 \
	--components 3 --partner 'Card Maker' --pairs pairs.ini --check-value "$check_value"
ceremony=$(last_ceremony)
a ceremony show "$ceremony"
void=$(get '.result.void_sheets[0].serial')
equal 'torn: one sheet is void, of component 2' '1 2' "$(get '.result.void_sheets | "\(length) \(.[0].component)"')"
serials=$(get '[.result.custodians[].serial] | unique | join(" ")')
equal 'torn: its component has another serial number' "$((void - 1)) $((void + 1)) $((void + 2))" "$serials"
check 'torn: which is on the paper' grep -qF "$(printf %06d $((void + 2)))" sheets/TK1-2.txt
check 'torn: the void one is in the minutes' has "$(exceptions_of "$ceremony")" "sheet $(printf %06d "$void") is void, sheet $(printf %06d $((void + 2)))"
check 'torn: and on their paper' grep -qF "sheet $(printf %06d "$void") is void" <(text_of minutes.pdf)
a custody register -o register.pdf
check 'torn: the register has it' grep -qE "^$void .*$ceremony" <(text_of register.pdf)
a audit list
equal 'torn: and the audit log' 1 "$(get '[.result[] | select((.operation // .kind) == "sheet.void")] | length')"
check 'torn: the log is whole' a audit verify

# ---- a rehearsal, whose paper says that it is one ----

use pair
{
	printf '[ceremony]\nkind = transport-key-create\ntitle = The day\ndate = 2031-01-31\n'
	printf '[people]\nofficers = ana, ben\n[key]\nlabel = TK1\nalgorithm = aes256\npartner = Example Bank\n'
	printf '[files]\nprint = %s\n' "$memory"
	pairs_three
} >day.ini
printf '%s=rehearsal-only\n' pin officer.ana officer.ben >"$TMPDIR/lines"
CODE=0
XDG_RUNTIME_DIR=$memory cardkms --json --yes --pin-fd 3 ceremony rehearse day.ini 3<"$TMPDIR/lines" >"$OUT" 2>"$ERR" || CODE=$?
equal 'rehearsal' 0 "$CODE"
cp "$memory"/TK1-*.pdf printed
read_paper TK1
check 'rehearsal: says so on paper' grep -q 'TEST: of a rehearsal' sheets/TK1-3.txt
rm -f "${memory:?}"/*
ok 'check: the printer' a ceremony check <(sed "s/2031-01-31/$(date -u +%F)/; \$a [preconditions]\nno-network = no\nno-swap = no\nno-core = no" day.ini)
equal 'check: is there' ok "$(get '.result.conditions[] | select(.condition == "printer") | .state')"
refused 'check: a printer that is not there' 3 'not met' a ceremony check <(sed 's|^print = .*|print = /dev/no-such|' day.ini)
refused 'a kind without sheets' 2 'has no sheets to print' \
	a ceremony run <(printf '[ceremony]\nkind = destroy\ntitle = T\ndate = 2031-01-31\n[people]\nofficers = ana, ben\n[key]\nlabel = TK1\n') --print /dev/full

# ---- people: a pair that cannot read its sheet ----

use pair
day transport-key-create 'ana, ben' 'partner = Example Bank' >day.ini
: >"$TMPDIR/raw"
SCREEN_FD=1 screen_start a ceremony run day.ini --print "$memory"
enter
for i in 1 2 3; do
	called $i
	screen_wait 'complete and easy to read?'
	if [ $i = 2 ]; then
		equal 'people: one file at a time' TK1-2.pdf "$(ls "$memory")"
		type_in n
		answer 'say n once more' n
		screen_wait 'Is the printer ready for another?'
		equal 'people: the void one is wiped' '' "$(ls "$memory")"
		press y
		press Enter
		screen_wait 'Sheet 000004 is printed'
		screen_wait 'complete and easy to read?'
	fi
	cp "$memory/TK1-$i.pdf" printed
	text_of printed/TK1-$i.pdf >sheets/TK1-$i.txt
	press y
	press Enter
	answer 'that is on your sheet' "$(sheet_check sheets/TK1-$i.txt)"
	screen_wait "Component $i of 3 is done"
	equal "people: the file of component $i is wiped" '' "$(ls "$memory")"
	press Enter
done
screen_wait 'The ceremony is over'
press Enter
screen_end
equal 'people: exit status' 0 "$CODE"
for i in 1 2 3; do
	part=$(sheet_plain sheets/TK1-$i.txt)
	equal "people: component $i was never on the screen" '' "$(leaked "$part" <(tr -d ' \r' <"$TMPDIR/raw") "$OUT" "$ERR")"
	equal "people: component $i is a whole one" 64 "${#part}"
done
equal 'people: the key is that of the paper' "$(check_value_of aes256 "$(combined TK1 3)")" \
	"$(a key show TK1 && get .result.check_value)"

sed s/TK1/TK7/ day.ini >day7.ini
SCREEN_FD=1 screen_start a ceremony run day7.ini --plain --print /dev/full
screen_wait 'Is this what was'
type_in y
screen_wait 'Press Enter to begin'
press Enter
answer 'fingerprints agree?' y
screen_wait 'only the two of you see the screen'
press Enter
screen_wait 'No space left'
answer 'Is the printer ready for another?' n
screen_end
equal 'people: a printer given up' 1 "$CODE"
check 'people: says what was wrong' has "$(<"$ERR")" 'component 1 could not be printed … No space left'
finish
