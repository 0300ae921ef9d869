#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The full-screen room when it is left in the middle: Ctrl-C, a wrong passphrase; and on
# other terminals. Killed: tests/crash/ceremony_screen.sh.
. "$(dirname "$0")/screen_lib.sh"
SCREEN_FD=1

fixture_typing

# ---- stopped, killed, refused ----

# stopped NAME CODE TEXT: after the program has ended.
stopped() {
	screen_end
	equal "$1: exit status" "$2" "$CODE"
	check "$1: says why" has "$(<"$ERR")" "$3"
	b doctor
	same_state "$1: nothing is left" b
}

use typing
snap b
screen_start b ceremony run import.ini
enter
compared 1
type_text '12345'
press C-c
stopped 'Ctrl-C' 1 'stopped at the keyboard'

snap b
screen_start b ceremony run import.ini
screen_wait 'Is this room fit'
press Enter
answer 'Type Yes to go on' yes
stopped 'yes is not Yes' 1 'not confirmed'

snap b
WITHOUT='officer.dan' screen_start b ceremony run import.ini
screen_wait 'Is this room fit'
press Enter
answer 'Type Yes to go on' Yes
THROUGH=yes screen_wait 'passphrase of officer dan'
check 'a passphrase: who types it' grep -q 'At the keyboard  dan' "$TMPDIR/screen"
type_in 'Tr0ub4dor'
screen_wait 'The ceremony has stopped'
press Enter
screen_end
equal 'a wrong passphrase: exit status' 1 "$CODE"
check 'a wrong passphrase: is not shown' bash -c "! grep -q 'Tr0ub4dor' '$TMPDIR/raw'"
same_state 'a wrong passphrase: nothing is left' b

# ---- other terminals ----

for type in vt100 linux xterm; do
	SCREEN_ENV=("TERM=$type")
	screen_start b ceremony run import.ini
	enter
	compared 1
	type_text '0123'
	screen_wait 'line 1:  ****'
	press C-c
	screen_end
	check "$type: stopped, and said so" has "$(<"$ERR")" 'stopped at the keyboard'
done
SCREEN_ENV=(TERM=dumb)
screen_start b ceremony run import.ini
screen_wait 'Is this what was agreed on'
check 'a terminal that can do nothing: the plain front' bash -c "! grep -q 'At the keyboard' '$TMPDIR/screen'"
press C-c
screen_end
SCREEN_ENV=()

finish
