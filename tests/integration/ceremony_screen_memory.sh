#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What is left of components in the memory of the program after the full-screen room, in every form
# (tests/support/leaks). Controls: a component planted, and what the program wipes kept.
. "$(dirname "$0")/screen_lib.sh"
SCREEN_FD=1

if [ "$(id -u)" -ne 0 ]; then
	echo 'skipped: only root reads the memory of a process that is not dumpable'
	exit 77
fi
fixture_typing
for i in 1 2 3; do
	echo "component-$i $(sheet_plain sheets/TK1-$i.txt)"
done >"$TMPDIR/needles"
# found WHERE…: where component 1 is in the process, without repetition.
found() {
	leakscan "$TMPDIR/needles" "$(screen_pid)" >"$TMPDIR/found" 2>&1 || cat "$TMPDIR/found"
	awk '$1 == "found" { print $2, $3 }' "$TMPDIR/found" | sort -u
}
# Through component 1, with the memory searched while it is being typed, when it is done, at the end.
search() { # NAME
	screen_start b ceremony run import.ini
	enter
	compared 1
	entered 1
	screen_wait 'Component 1 of 3 is done'
	done_1=$(found)
	press Enter
	for i in 2 3; do
		compared $i
		entered $i
		screen_wait "Component $i of 3 is done"
		press Enter
	done
	screen_wait 'The ceremony is over'
	at_end=$(found)
	bytes=$(sed -n 's/^searched //p' "$TMPDIR/found")
	press Enter
	screen_end
}
use typing
# A preloaded library comes before the sanitizer's runtime.
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0
search
equal 'memory: a component that is done is where the machine keeps it, and nowhere else' 'secure raw' "${done_1//+locked/}"
equal 'memory: after the ceremony it is nowhere' '' "$at_end"
echo "memory searched at the end: $bytes bytes"
use typing
SCREEN_ENV=("LD_PRELOAD=$CARDKMS_BIN/libleakplant.so" PLANT_PLACE=unwiped "PLANT_KEY=$TMPDIR/planted")
sed -n 's/^component-1 //p' "$TMPDIR/needles" >"$TMPDIR/planted"
search
check 'memory: were nothing wiped, it would be found, as bytes' grep -q 'raw' <<<"$at_end"
check 'memory: and as digits' grep -q 'hex' <<<"$at_end"
for form in raw hex grouped utf32 cells; do
	SCREEN_ENV=("LD_PRELOAD=$CARDKMS_BIN/libleakplant.so" PLANT_PLACE=heap "PLANT_FORM=$form"
		"PLANT_KEY=$TMPDIR/planted")
	screen_start b ceremony run import.ini
	screen_wait 'Is this room fit'
	check "memory: planted as $form, it is found" grep -q "${form/grouped/hex}" <<<"$(found)"
	press C-c
	screen_end
done
finish
