#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# cardsim in a reader of pcscd, by vsmartcard's vpcd, as independent programs see it: opensc-tool
# where it is installed, else scriptor of pcsc-tools.
#
# pcscd runs in its own network and mount namespace: vpcd listens on every address, and
# /run/pcscd belongs to the system.
set -uo pipefail
: "${TMPDIR:?run by ctest}"
cd "$TMPDIR" || exit 1

skip() {
	echo "skipped: $*"
	exit 77
}

if [ "${1:-}" != inside ]; then
	command -v pcscd >/dev/null || skip 'pcscd is not installed'
	[ -e /etc/reader.conf.d/vpcd ] || skip 'vsmartcard-vpcd is not installed'
	command -v opensc-tool >/dev/null || command -v scriptor >/dev/null ||
		skip 'neither opensc-tool nor scriptor is installed'
	unshare -mn true 2>/dev/null || skip 'no new namespaces here'
	exec unshare -mn bash "$0" inside
fi

mkdir -p /run/pcscd
mount -t tmpfs tmpfs /run/pcscd || skip 'no tmpfs on /run/pcscd'
ip link set lo up 2>/dev/null || skip 'no loopback: ip is missing'
cases=0 failures=0
# Only the virtual reader: real ones of this machine are none of the test's business.
mkdir -p conf
cp /etc/reader.conf.d/vpcd conf/
pcscd --foreground --config "$TMPDIR/conf" >pcscd.log 2>&1 &
pcscd=$!
card=''
trap 'kill $pcscd $card 2>/dev/null; wait' EXIT

check() {
	local name=$1
	shift
	cases=$((cases + 1))
	if "$@"; then
		echo "ok      $name"
	else
		failures=$((failures + 1))
		echo "not ok  $name"
		sed 's/^/        | /' out
	fi
}

# The responses of the card to the commands, in hexadecimal, one a line.
ask() { # COMMAND…
	local args=() command
	if command -v opensc-tool >/dev/null; then
		for command; do
			args+=(-s "$command")
		done
		# Lines: "Received (SW1=0x90, SW2=0x00):" and a hex dump with text at the right.
		timeout 20 opensc-tool --card-driver default -r 0 "${args[@]}" 2>&1 |
			sed -n 's/^Received (SW1=0x\(..\), SW2=0x\(..\)).*/S \1\2/p; s/^\(\([0-9A-F][0-9A-F] \)\{1,16\}\).*/D \1/p'
	else
		printf '%s\n' "$@" | timeout 20 scriptor -r 'Virtual PCD 00 00' 2>&1 |
			sed -n 's/^< \(.*\) :.*/\1/p'
	fi
}

# Until pcscd has seen the card: its answer to the command, also a T=0 card's, is in `out`.
card_answers() { # COMMAND
	local i
	for ((i = 0; i < 100; i++)); do
		ask "$1" >out
		grep -q 'S 9000\|90 00\|S 6C12' out && return
		sleep 0.1
	done
}

cardsim --state card.json --profile gp23-scp03 --vpcd 2>card.err &
card=$!
card_answers 00A4040000
check 'SELECT through pcscd' grep -q 'S 9000\|90 00' out
ask 00A4040000 80CA004500 80CA9F7F00 80CA00E000 8050000008010203040506070800 >out
if command -v opensc-tool >/dev/null; then
	check 'five commands, five times 9000' test "$(grep -c 'S 9000' out)" = 5
	check 'CIN' grep -q 'D 45 08 00 00 00 00 00 00 00 01' out
	opensc-tool -r 0 --atr >out 2>&1
	check 'ATR' grep -qi '3b:87:01:63:61:72:64:73:69:6d:e5' out
fi

# Power lost: the reader is empty for a moment, then has the card again.
kill $card
wait $card
cardsim --state card.json --vpcd --fault drop-after:3 2>card.err &
card=$!
card_answers 80CA004500
ask 80CA004500 80CA004500 80CA004500 >out
cp out first
for ((i = 0; i < 100; i++)); do
	ask 80CA004500 80CA004500 >out
	[ "$(grep -c 'S 9000\|90 00' out)" = 2 ] && break
	sleep 0.1
done
check 'a card that lost power comes back' test "$(grep -c 'S 9000\|90 00' out)" = 2

# A mute card leaves the reader in the end: vpcd would wait for ever.
kill $card
wait $card
cardsim --state card.json --vpcd --fault mute:2 2>card.err &
card=$!
card_answers 80CA004500
ask 80CA004500 >out
check 'a mute card is told' test "$(grep -c 'S 9000\|90 00' out)" = 0
card_answers 80CA004500
check 'and comes back' grep -q 'S 9000\|90 00' out

# A card on T=0: its ATR says so, and responses come by GET RESPONSE. pcscd looks for cards every
# 0.4 s, so that cardsim waits a little at its start: a quicker exchange would go unnoticed.
kill $card
wait $card
{
	cardsim --show-profile gp211-scp02 | sed 's/^\[card\]$/&\nt0 = yes/'
} >t0.ini
cardsim --state t0.json --profile t0.ini --vpcd 2>card.err &
card=$!
card_answers 00A4040000
if command -v opensc-tool >/dev/null; then
	opensc-tool -r 0 --atr >out 2>&1
	check 'ATR of T=0' grep -qi '3b:07:63:61:72:64:73:69:6d' out
	ask 00A4040005A00000015100 80CA004500 8050000008010203040506070800 >out
	check 'three commands over T=0' test "$(grep -c 'S 9000' out)" = 3
	check 'with their data' grep -q 'D 45 08 00 00 00 00 00 00 00 01' out
fi
kill $card
wait $card
cardsim --state card.json --vpcd 2>card.err &
card=$!
card_answers 80CA004500

start=$EPOCHREALTIME
commands=()
for ((i = 0; i < 200; i++)); do
	commands+=(80CA004500)
done
ask "${commands[@]}" >out
end=$EPOCHREALTIME
ms=$(((${end/./} - ${start/./}) / 1000))
echo "200 commands in $ms ms"
check '200 commands, no delayed acknowledgements' test "$ms" -lt 5000
check 'and all answered' test "$(grep -c 'S 9000\|90 00' out)" = 200

echo "$((cases - failures)) passed, $failures failed"
[ "$failures" -eq 0 ]
