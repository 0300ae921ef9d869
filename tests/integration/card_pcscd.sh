#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2119
# The card commands on readers of pcscd, with cardsim in a reader of vsmartcard's vpcd: no reader, no
# card, a mute card, a whole take-over, a card that is pulled and put back. pcscd runs in a network and
# mount namespace of its own: vpcd listens on every address, and /run/pcscd belongs to the system.
set -uo pipefail

skip() {
	echo "skipped: $*"
	exit 77
}

if [ "${1:-}" != inside ]; then
	command -v pcscd >/dev/null || skip 'pcscd is not installed'
	[ -e /etc/reader.conf.d/vpcd ] || skip 'vsmartcard-vpcd is not installed'
	unshare -mn true 2>/dev/null || skip 'no new namespaces here'
	exec unshare -mn bash "$0" inside
fi
mkdir -p /run/pcscd
mount -t tmpfs tmpfs /run/pcscd || skip 'no tmpfs on /run/pcscd'
ip link set lo up 2>/dev/null || skip 'no loopback: ip is missing'

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/card_lib.sh"
reader='Virtual PCD 00 00'
PCSCD=''

pcscd_start() { # FOLDER with reader configurations
	pcscd --foreground --config "$1" >"$TMPDIR/pcscd.log" 2>&1 &
	PCSCD=$!
	local i
	for ((i = 0; i < 100; i++)); do
		[ -S /run/pcscd/pcscd.comm ] && return
		sleep 0.05
	done
}
pcscd_stop() {
	[ -z "$PCSCD" ] || kill "$PCSCD" 2>/dev/null
	wait "$PCSCD" 2>/dev/null
	PCSCD=''
}
trap 'sim_stop; pcscd_stop' EXIT

# holds WHAT: waits until the reader holds that.
holds_now() {
	local i
	for ((i = 0; i < 150; i++)); do
		TEXT=1 a card list --reader "$reader"
		grep -q "  $1 " "$OUT" && return
		sleep 0.1
	done
	last_run | failed "the reader holds $1"
	finish
}

card_start() {
	"$CARDKMS_BIN/cardsim" --state "$CARD" "$@" --vpcd 2>"$SIMS/err" &
	SIM=$!
}

# put_in OPTION…: out with the card that is in it, in with this one.
put_in() {
	sim_stop
	holds_now 'no card'
	sleep 1 # vpcd takes no new card while it still looks for the old one
	card_start "$@"
	holds_now 'a card'
}

fixture_cards
use cards
mkdir "$TMPDIR/none" "$TMPDIR/vpcd"
cp /etc/reader.conf.d/vpcd "$TMPDIR/vpcd/"

pcscd_start "$TMPDIR/none"
refused 'no reader' 1 'there is no card reader … plug one in' a card info
ok 'a list without readers' a card list
equal 'has none' 0 "$(get '.result.readers | length')"
pcscd_stop

pcscd_start "$TMPDIR/vpcd"
refused 'no card' 1 'there is no card in any reader' a card info
refused 'no such reader' 1 'no such reader' a card info --reader 'Nobody 00 00'
refused 'no card in that reader' 1 'there is no card in it' \
	a card inject --reader "$reader" --keyset OPMasterKey2 --customer 'Example Bank'
ok 'a list of empty readers' a card list
equal 'two of them' 'no card no card' "$(get '[.result.readers[].holds] | join(" ")')"

put_in --profile gp23-scp03
ok 'a card in the reader, which need not be named' a card info
equal 'who it is' "47905040000000010102 $reader" "$(get '.result | "\(.card) \(.reader)"')"
refused 'no trace of a card in a reader' 1 'no trace is written of a card in a reader' \
	a card inject --trace trace --keyset OPMasterKey2 --customer 'Example Bank'
ok 'inject' a card inject --keyset OPMasterKey2 --customer 'Example Bank'
ok 'replace' a card replace --reader "$reader" --keyset BankMaster2
equal 'in seven commands' 7 "$(get .result.commands)"
ok 'verify' a card verify --reader "$reader" --not OPMasterKey2
equal 'in the registry' 'active|active|BankMaster2|48|0' "$(registry)"

# Pulled after PUT KEY took effect; put back; resumed.
put_in --fault drop-after:5
a card replace --reader "$reader" --keyset OPMasterKey2
check 'pulled' test "$CODE" -eq 1 -a "$(query 'SELECT state FROM card')" = changing
put_in
ok 'resume' a card resume --reader "$reader"
equal 'taken over' 'active|active|OPMasterKey2|48|0' "$(registry)"

# On T=0: responses come by GET RESPONSE, also under secure messaging.
CARD=$SIMS/t0.json
cardsim --show-profile gp211-scp02 | sed 's/^\[card\]$/&\nt0 = yes/' >"$SIMS/t0.ini"
put_in --profile "$SIMS/t0.ini" --serial 5
ok 'T=0: inject' a card inject --profile gp211 --keyset OPMasterKey1 --customer 'Example Bank'
ok 'T=0: replace' a card replace --keyset BankMaster1
ok 'T=0: verify' a card verify --not OPMasterKey1

# Several cards by hand: the next one is waited for.
CARD=$SIMS/second.json
put_in --profile gp23-scp03 --serial 2
secret_lines a/secrets >"$TMPDIR/lines"
SOFTHSM2_CONF=$HERE/a/softhsm.conf cardkms -s a/site --json --pin-fd 3 card inject --reader "$reader" \
	--keyset OPMasterKey2 --customer 'Example Bank' --count 2 >"$OUT" 2>"$ERR" 3<"$TMPDIR/lines" &
job=$!
for ((i = 0; i < 150; i++)); do
	grep -q 'take the card out' "$ERR" && break
	sleep 0.1
done
CARD=$SIMS/third.json
sim_stop
sleep 1
card_start --profile gp23-scp03 --serial 3
CODE=0
wait "$job" || CODE=$?
equal 'two cards, one after the other' '0 done done' "$CODE $(get '[.result.cards[].result] | join(" ")')"

finish
