#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2317 # functions called by name
# An HSM in a network (p11forwardd): it hangs, the connection is lost before or after a key was made,
# it is full, it lacks a mechanism, it locks its PIN. What is said, and what is left.
TOKEN=forward
. "$(dirname "$0")/lib.sh"

fixture_officers
plan_maker >plan.ini
need a hsm setup --plan plan.ini
quick_passphrases a
sed 's/OPMasterKey1/OPMasterKey2/' plan.ini >more.ini
keep site

# goes_wrong LINE…: in the next connections to the HSM; nothing: all is well again.
goes_wrong() {
	printf '%s\n' "$@" >"$TMPDIR/a.faults"
}
update() { a hsm update --plan more.ini; }

# settled NAME: with the HSM back, doctor settles it, and it can be repeated to success.
settled() {
	goes_wrong
	ok "$1: doctor" a doctor
	equal "$1: nothing half-made" '' "$(sqlite3 a/site/cardkms.db "SELECT label FROM key_object
		WHERE state = 'pending'")"
	sound "$1: sound after doctor" a
	ok "$1: again" update
	equal "$1: three more keys" 10 "$(token_objects a)"
}

# breaks NAME TEXT LINE…: hsm update with these faults.
breaks() {
	local name=$1 text=$2
	shift 2
	use site
	goes_wrong "$@"
	update
	equal "$name: fails" 1 "$CODE"
	check "$name: is said" has "$(said)" "$text"
	settled "$name"
}

breaks 'lost before a key was made' 'connection was lost and the outcome is unknown … doctor' \
	AT=C_GenerateKey:2:before
breaks 'lost after a key was made' 'connection was lost and the outcome is unknown … doctor' \
	AT=C_GenerateKey:2:after
breaks 'removed' 'CKR_DEVICE_REMOVED … HSM' AT=C_GenerateKey:1+:before RET=CKR_DEVICE_REMOVED
breaks 'a fault' "cannot generate 'OPMasterKeyENC2' … CKR_DEVICE_ERROR" \
	AT=C_GenerateKey:1:before RET=CKR_DEVICE_ERROR
breaks 'full' 'CKR_DEVICE_MEMORY … the token is full' AT=C_GenerateKey:3:before RET=CKR_DEVICE_MEMORY
breaks 'a mechanism that is gone' 'CKR_MECHANISM_INVALID … hsm capabilities' REFUSE=CKM_AES_KEY_GEN
use site
goes_wrong REFUSE=CKM_AES_KEY_GEN
refused 'qualify: an HSM that makes no AES keys' 3 'is not fit in … point … hsm-support.md' a hsm qualify
goes_wrong
use site
goes_wrong AT=C_FindObjectsInit:2:before ONCE
ok 'lost while it reads: goes on with a new connection' a hsm check
goes_wrong

# ---- it does not answer ----

# hangs NAME CALL WORD…: what is said after some seconds; Ctrl-C ends it at once.
hangs() {
	local name=$1 call=$2 waiting n
	shift 2
	use site
	goes_wrong "AT=$call" RET=hang
	secret_lines a/secrets >"$TMPDIR/lines"
	# A background job of a script would ignore SIGINT.
	in_site a exec env --default-signal=INT cardkms -s a/site --pin-fd 3 "$@" \
		>"$OUT" 2>"$ERR" 3<"$TMPDIR/lines" &
	waiting=$!
	for ((n = 0; n < 300; n++)); do
		grep -q 'has not answered' "$ERR" && break
		sleep 0.05
	done
	# The program is the child of in_site's shell.
	kill -INT "$(tr -d ' ' <"/proc/$waiting/task/$waiting/children")"
	wait "$waiting"
	equal "$name: ends by Ctrl-C" 130 $?
	check "$name: said what it waits for" has "$(cat "$ERR")" "the HSM has not answered for 5 s: $HANGS … Ctrl-C … doctor"
}
HANGS="generate 'OPMasterKeyMAC2'" hangs 'hangs while a key is made' C_GenerateKey:2:before hsm update --plan more.ini
settled 'hangs while a key is made'
HANGS='connect' hangs 'hangs from the beginning' C_Initialize:1:before hsm check
goes_wrong
sound 'hangs from the beginning: sound' a

# ---- nobody there ----

use site
kill "${forward_pid[a]}"
wait "${forward_pid[a]}" 2>/dev/null
refused 'nobody serves' 1 'CKR_DEVICE_REMOVED' a hsm check
unset 'forward_pid[a]'
token_conf "$HERE/a"
ok 'served again' a hsm check

# ---- its PIN ----

wrong() { EXTRA='pin=00000000' a "$@" hsm check; }
refused 'PIN: the first wrong one' 1 'few tries are left' wrong
refused 'PIN: the second' 1 'one try is left before it locks' wrong
refused 'PIN: the last try is not made unasked' 1 'locks its operator PIN at one more wrong PIN … --yes' a hsm check
refused 'PIN: the third' 1 'the PIN is locked' wrong --yes
goes_wrong "LOG=$TMPDIR/calls"
refused 'PIN: locked' 1 'the PIN is locked … administrator' a --yes hsm check
equal 'PIN: no further try' 0 "$(grep -c C_Login "$TMPDIR/calls")"
a hsm status
check 'PIN: hsm status says so' has "$(cat "$OUT")" locked
finish
