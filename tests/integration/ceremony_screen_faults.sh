#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The full-screen room when it is left in the middle: Ctrl-C, a wrong passphrase, kill -9 at each
# prompt; and on other terminals.
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
screen_wait 'passphrase of officer dan'
check 'a passphrase: who types it' grep -q 'At the keyboard  dan' "$TMPDIR/screen"
type_in 'Tr0ub4dor'
screen_wait 'The ceremony has stopped'
press Enter
screen_end
equal 'a wrong passphrase: exit status' 1 "$CODE"
check 'a wrong passphrase: is not shown' bash -c "! grep -q 'Tr0ub4dor' '$TMPDIR/raw'"
same_state 'a wrong passphrase: nothing is left' b

# Killed at each prompt: it starts again, and nothing of it is left.
at=('Is this room fit' 'Type Yes to go on' 'Press Enter to begin' 'fingerprints agree?' 'only the two of you' \
	'Does your sheet' 'ceremony id:' 'line 1   <- type' 'line 3   <- type' 'that the sheet gives' 'is done')
answers=('' Yes '' y '' y '' "$(line_of 1 1)" "$(line_of 1 3)" "$(sheet_check sheets/TK1-1.txt)" '')
from=$((RANDOM % 3))
[ "${SWEEP:-sample}" = sample ] || from=0
for ((stop = from; stop < ${#at[@]}; stop += ${SWEEP_STEP:-3})); do
	snap b
	screen_start b ceremony run import.ini
	for ((i = 0; i <= stop; i++)); do
		for ((more = 0; more < 200; more++)); do
			screen >"$TMPDIR/screen"
			! grep -qF -- "${at[i]}" "$TMPDIR/screen" || break
			! grep -q 'There is more' "$TMPDIR/screen" || tmux_ send-keys -t room Enter
			sleep 0.05
		done
		screen_wait "${at[i]}"
		[ "$i" -lt "$stop" ] || break
		type_in "${answers[i]}"
		if [ "${at[i]}" = 'line 1   <- type' ]; then
			screen_wait 'line 2   <- type'
			type_in "$(line_of 1 2)"
		elif [ "${at[i]}" = 'line 3   <- type' ]; then
			screen_wait 'line 4   <- type'
			type_in "$(line_of 1 4)"
		fi
	done
	kill -9 "$(screen_pid)"
	screen_end
	equal "killed at '${at[stop]}'" 137 "$CODE"
	b doctor
	same_state "killed at '${at[stop]}': nothing is left" b
	equal "killed at '${at[stop]}': no component on disk" '' \
		"$(leaked "$(sheet_plain sheets/TK1-1.txt)" b/site/* b/tokens/*/*)"
done

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
screen_wait '[y/n]'
check 'a terminal that can do nothing: the plain front' grep -q 'Is this what was agreed' "$TMPDIR/screen"
press C-c
screen_end
SCREEN_ENV=()

finish
