#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The full-screen room, in a terminal of 80 by 24 (tmux): a transport key is made at one site and typed
# in at the other, by people who mistype, resize and paste.
. "$(dirname "$0")/screen_lib.sh"

# What is on the screen, as sheets/TK1-N.txt; its component must be there then, and never again.
copy_sheet() { # N
	screen_wait 'Space shows the component'
	check "create: component $1 is hidden at first" bash -c "! grep -q '[0-9A-F]\{4\} [0-9A-F]\{4\} ' '$TMPDIR/screen'"
	press Space
	screen_wait 'hidden in'
	screen_wait '4:  '
	copy_screen sheets/TK1-"$1".txt
}
nothing_shown() { # NAME N
	screen >"$TMPDIR/screen"
	equal "$1" '' "$(leaked "$(sheet_plain sheets/TK1-"$2".txt)" "$TMPDIR/screen")"
}

SCREEN_FD=1

fixture_pair
mkdir sheets
day transport-key-create 'ana, ben' 'partner = Example Bank' >day.ini
keep pair

# ---- create ----

use pair
: >"$TMPDIR/raw"
screen_start a ceremony run day.ini
enter
for i in 1 2 3; do
	called $i
	KEYS=0
	copy_sheet $i
	if [ $i = 2 ]; then
		press Space
		screen_wait 'Space: show'
		nothing_shown 'create: hidden again' 2
		press Space
		screen_wait 'hidden in'
		screen_size 100 30
		screen_wait 'Space: show'
		nothing_shown 'create: hidden by a resize' 2
		screen_size 79 24
		screen_wait 'Too small: 79x24.'
		press Space
		screen_size 80 24
		screen_wait 'Space: show'
		nothing_shown 'create: what was typed on too small a terminal does not count' 2
	fi
	press Enter
	screen_wait 'identity: partner'
	nothing_shown "create: component $i is off the screen when it is copied" $i
	press Enter
	screen_wait 'not from the screen'
	if [ $i = 1 ]; then
		type_in ''
		screen_wait 'what was typed is no check value'
		type_in "$(sheet_plain sheets/TK1-1.txt)"
		screen_wait 'That was too long'
		nothing_shown 'create: a component typed where the check value belongs is not kept' 1
		type_in 'Größe'
		screen_wait '1 try left'
	fi
	type_in "$(sheet_check sheets/TK1-$i.txt)"
	screen_wait "Component $i of 3 is done"
	create_keys=$KEYS
	nothing_shown "create: component $i is off the screen at the end" $i
	press Enter
done
screen_wait 'The ceremony is over'
check_value=$(sed -n 's/^ TK1  *\([0-9A-F]*\)  (.*/\1/p' "$TMPDIR/screen")
equal 'create: the check value is that of the sheets' "$(check_value_of aes256 "$(combined TK1 3)")" "$check_value"
equal 'create: and is there in words' 3 "$(sed -n '/^ TK1  .*(/{n;p}' "$TMPDIR/screen" | wc -w)"
press Enter
screen_end
equal 'create: exit status' 0 "$CODE"
check 'create: what is left on the terminal' has "$(<"$OUT")" "label … TK1 … check value … $check_value … meeting"
for i in 1 2 3; do
	part=$(sheet_plain sheets/TK1-$i.txt)
	equal "create: component $i is nowhere" '' "$(leaked "$part" "$OUT" "$ERR" a/site/* a/tokens/*/*)"
	check "create: component $i was on the terminal, so that the search means something" \
		bash -c "tr -d ' \r' <'$TMPDIR/raw' | grep -q '${part:0:16}'"
done
sound 'create: the site is sound' a
echo "keystrokes per component: $create_keys to copy aes256 and confirm it"
day transport-key-import 'cleo, dan' 'partner = Card Maker' "check-value = $check_value" >import.ini
keep created

# ---- import ----

use created
: >"$TMPDIR/raw"
screen_start b ceremony run import.ini
enter
compared 1
type_in ''
screen_wait 'line 1 has 0 digits'
type_in "$(sheet_plain sheets/TK1-1.txt)"
screen_wait 'more than one line'
type_text 'äöü€'
press Enter
screen_wait 'no hexadecimal digit'
press C-a C-k Escape Up F3 Enter
screen_wait 'line 1 has 0 digits'
type_in "$(line_of 1 1 | tr -d ' ')" # a pause, and line 1 again
screen_wait 'line 2   <- type this line'
press BSpace
screen_wait 'line 1   <- type this line'
type_text '1234 5678'
screen_wait 'line 1:  **** ****'
press C-w
screen_wait 'line 1:  ****'
screen_size 90 30
screen_wait 'line 1:  ****'
screen_size 80 24
press C-u
type_in "$(line_of 1 1 | tr -d ' ')"
screen_wait 'line 2   <- type this line'
type_in "$(line_of 1 2 | tr -d ' ' | tr 0-9A-F 1-9A-F0)"
screen_wait 'does not agree with its check digits'
for i in 2 3 4; do
	screen_wait "line $i   <- type this line"
	type_in "$(line_of 1 $i)"
done
answer 'that the sheet gives' 'ABCDEF'
screen_wait 'the digits entered do not give the check value typed'
type_in "$(sheet_check sheets/TK1-1.txt)"
screen_wait 'Component 1 of 3 is done'
press Enter
compared 2
KEYS=0
entered 2
screen_wait 'Component 2 of 3 is done'
import_keys=$KEYS
press Enter
compared 3
entered 3
screen_wait 'Component 3 of 3 is done'
press Enter
screen_wait 'The ceremony is over'
check 'import: the same check value' grep -q "TK1  *$check_value" "$TMPDIR/screen"
press Enter
screen_end
equal 'import: exit status' 0 "$CODE"
bad=
for i in 1 2 3; do
	bad+=$(leaked "$(sheet_plain sheets/TK1-$i.txt)" "$TMPDIR/raw" "$OUT" "$ERR" b/site/* b/tokens/*/*)
done
equal 'import: nothing of a component was ever on the terminal or is kept' '' "$bad"
sound 'import: the site is sound' b
echo "keystrokes per component: $import_keys to type aes256 with its check value"

finish
