#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The full-screen room killed at each prompt of an import: nothing of it is left, and it starts again.
. "$(dirname "$0")/../integration/screen_lib.sh"
SCREEN_FD=1

fixture_typing
use typing
prompts=('Is this room fit' 'Type Yes to go on' 'Press Enter to begin' 'fingerprints agree?' 'only the two of you' \
	'Does your sheet' 'ceremony id:' 'line 1   <- type' 'line 3   <- type' 'that the sheet gives' 'is done')
answers=('' Yes '' y '' y '' "$(line_of 1 1)" "$(line_of 1 3)" "$(sheet_check sheets/TK1-1.txt)" '')
first=$((RANDOM % 3)) step=3
[ "${SWEEP:-sample}" = sample ] || first=0 step=1
for ((stop = first; stop < ${#prompts[@]}; stop += step)); do
	snap b
	screen_start b ceremony run import.ini
	for ((i = 0; i <= stop; i++)); do
		for ((more = 0; more < 200; more++)); do
			screen >"$TMPDIR/screen"
			! grep -qF -- "${prompts[i]}" "$TMPDIR/screen" || break
			! grep -q 'There is more' "$TMPDIR/screen" || tmux_ send-keys -t room Enter
			sleep 0.05
		done
		screen_wait "${prompts[i]}"
		[ "$i" -lt "$stop" ] || break
		type_in "${answers[i]}"
		if [ "${prompts[i]}" = 'line 1   <- type' ]; then
			screen_wait 'line 2   <- type'
			type_in "$(line_of 1 2)"
		elif [ "${prompts[i]}" = 'line 3   <- type' ]; then
			screen_wait 'line 4   <- type'
			type_in "$(line_of 1 4)"
		fi
	done
	kill -9 "$(screen_pid)"
	screen_end
	equal "killed at '${prompts[stop]}'" 137 "$CODE"
	b doctor
	same_state "killed at '${prompts[stop]}': nothing is left" b
	equal "killed at '${prompts[stop]}': no component on disk" '' \
		"$(leaked "$(sheet_plain sheets/TK1-1.txt)" b/site/* b/tokens/*/*)"
done

# Whatever was killed before, it can be held.
screen_start b ceremony run import.ini
enter
for i in 1 2 3; do
	compared $i
	entered $i
	screen_wait "Component $i of 3 is done"
	press Enter
done
screen_wait 'The ceremony is over'
press Enter
screen_end
equal 'held at last' 0 "$CODE"
sound 'the site is sound' b
finish
