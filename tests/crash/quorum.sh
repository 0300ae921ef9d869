#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2034 # read in lib.sh
# The quorum: sealed, opened with its rotation, sealed anew under another key, and an officer's passphrase
# changed; each killed at every call that changes the token, at every sync and at some writes, as exchange.sh
# does it. Then doctor, or the operation itself, must open the HSM by the quorum.
#
# A trial is lost if the HSM does not open afterwards, if what is sealed is not one current PIN of each
# kind and at most one before it, or if a PIN that the HSM knows is near its lock.
# Control of the kills: what a program had that kept no PIN but the newest. That must lose. Of memory and disk, as in
# exchange.sh: the site before anything settled it.
. "$(dirname "$0")/lib.sh"

# One try less than locks: a run that is cut off and an opening may burn one each.
unharmed() {
	local n
	n=$(cat "$HERE"/a/tokens/hsm/pin-* 2>/dev/null | sort -n | tail -1)
	[ "${n:-0}" -le 1 ] || echo "wrong PINs in a row: $n"
}

sealed() { # WORDS: whole if the quorum's generation is that one, with PINs that make sense
	local odd
	odd=$(sql a "SELECT count(*) FROM (SELECT kind FROM sealed_pin GROUP BY kind
		HAVING sum(state = 'current') != 1 OR count(*) > 2)")
	if [ "$odd" != 0 ]; then
		echo "half: $(sql a 'SELECT kind, state, number FROM sealed_pin')"
	elif [ "$(sql a "SELECT coalesce(max(generation), 0) FROM quorum WHERE state = 'active'")" -ge "$1" ]; then
		echo whole
	else
		echo none
	fi
}

at[set]=a from[set]=set_up
op_set() {
	OFFICERS=ana,ben a quorum set --threshold 2
}
effect_set() {
	sealed 1
}

at[open]=a from[open]=quorum
op_open() {
	OFFICERS='' a quorum open
}
effect_open() {
	[ "$(sealed 1)" = whole ] || { sealed 1 && return; }
	some a 1 "SELECT count(*) > 0 FROM operation WHERE kind = 'quorum.drill' AND state = 'done'"
}

at[change]=a from[change]=quorum
op_change() {
	OFFICERS=ana,ben,cem a quorum change --threshold 2
}
effect_change() {
	sealed 2
}

# Whether it took effect or not, from then on the officer gives the passphrase that holds.
hash_of_ben() { sql a "SELECT passphrase_hash FROM officer WHERE name = 'ben'"; }
at[rekey]=a from[rekey]=quorum
op_rekey() {
	EXTRA='new-passphrase.ben=staple battery' OFFICERS='' a officer rekey ben
	[ "$(hash_of_ben)" = "$(cat ben.hash)" ] || sed -i 's/^officer.ben=.*/officer.ben=staple battery/' a/secrets
}
effect_rekey() {
	WITHOUT=officer.cem OFFICERS='' a quorum open
	if [ "$CODE" -ne 0 ]; then
		echo "half: the passphrase is right, and the share does not open: $(said)"
	elif [ "$(hash_of_ben)" = "$(cat ben.hash)" ]; then
		echo none
	else
		echo whole
	fi
}

# What is wrong for a program that forgot the PIN before; the case is as it was afterwards.
only_newest() {
	local wrong=''
	rm -rf "$TMPDIR/kept"
	cp -a "$HERE/a" "$TMPDIR/kept"
	sql a 'DELETE FROM sealed_pin WHERE number < (SELECT max(number) FROM sealed_pin p WHERE p.kind = sealed_pin.kind)'
	sql a "UPDATE sealed_pin SET state = 'current'"
	a hsm check || wrong="lost: $(said)"
	rm -rf "$HERE/a"
	cp -a "$TMPDIR/kept" "$HERE/a"
	echo "$wrong"
}
control[set]=only_newest control[open]=only_newest control[change]=only_newest
control[rekey]=only_newest

eval "$(declare -f wrong_at | sed '1s/wrong_at/wrong_with_site/')"
wrong_at() {
	wrong_with_site "$1"
	unharmed
}

operations=(set open change rekey)

build_quorum() {
	fixture_site
	use site
	printf 'officer.cem=correct horse\n' >>a/secrets
	need a officer add cem
	sqlite3 a/site/cardkms.db "UPDATE officer SET passphrase_hash = (SELECT passphrase_hash FROM officer
		WHERE name = 'ana') WHERE name = 'cem'"
	keep set_up
	need op_set
	hash_of_ben >ben.hash
	keep quorum
}

surely=open surely_at=change:1:before powerless=open

build_quorum
for operation in "${operations[@]}"; do
	sweep_one "$operation"
done
unset 'control[open]'
full || short_one open
! full || SHORT=${SHORT:-8} short_one open
end_sweep quorum
