#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A rehearsal on the full screen: test sheets are typed in, a real component is refused.
. "$(dirname "$0")/screen_lib.sh"
[ "$TOKEN" = softhsm ] || exit 77

file() { # KIND, the rest from standard input: neither of today nor for this room
	printf '[ceremony]\nkind = %s\ntitle = The day\ndate = 2031-01-31\n[people]\nofficers = ana, ben\n' "$1"
	cat
}
key() { printf '[key]\nlabel = %s\nalgorithm = aes256\n' "$1"; }
# A memory disk of this test's own.
XDG_RUNTIME_DIR=$(mktemp -d -p /dev/shm cardkms-test-XXXXXX 2>/dev/null) || {
	echo 'skipped: there is no /dev/shm'
	exit 77
}
export XDG_RUNTIME_DIR
trap 'screen_over; rm -rf "$XDG_RUNTIME_DIR"' EXIT
folders() { ls "$XDG_RUNTIME_DIR"; }

fixture_typing
use typing
key TK1 | sed '$a partner = Card Maker\ncheck-value = 123456' | { cat; pairs_three; } |
	file transport-key-import >typed.ini
mv sheets real
mkdir sheets
screen_start b ceremony rehearse typed.ini --test-sheets sheets
screen_wait 'This is a rehearsal'
check 'the screen: says that nothing is real' grep -q 'REHEARSAL' "$TMPDIR/screen"
press Enter
screen_wait 'Is this room fit'
press Enter
answer 'Type Yes to go on' Yes
answer 'operator PIN' rehearsal-only
approve 'passphrase of officer ana' rehearsal-only
approve 'passphrase of officer ben' rehearsal-only
screen_wait 'Press Enter to begin'
press Enter
screen_wait 'There is more'
press Enter
answer 'fingerprints agree? [y/n]' y
compared 1
for i in 1 2 3 4; do
	screen_wait "line $i   <- type this line"
	type_in "$(sed -n "s/^$i: *//p" real/TK1-1.txt)"
done
screen_wait 'component 1 is refused: it is none of a rehearsal'
check 'the screen: still says what it is' grep -q 'REHEARSAL' "$TMPDIR/screen"
for i in 1 2 3; do
	[ $i = 1 ] || compared $i
	entered $i
	screen_wait "Component $i of 3 is done"
	press Enter
done
screen_wait 'The ceremony is over'
press Enter
screen_end
equal 'typed in: exit status' 0 "$CODE"
equal 'typed in: no folder is left' '' "$(folders)"
printf '[key]\nlabel = TK1\n' | file destroy >destroy.ini
screen_start b ceremony rehearse destroy.ini
screen_wait 'This is a rehearsal'
press C-c
screen_end
equal 'Ctrl-C: no folder is left' '' "$(folders)"
finish
