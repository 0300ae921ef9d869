#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# cardsim over TCP: framing, a recorded session replayed, cards in turn, faults, what survives.
set -uo pipefail
: "${TMPDIR:?run by ctest}" "${CARDKMS_SOURCE:?run by ctest}"
cd "$TMPDIR" || exit 1
cases=0 failures=0 server='' port=''

check() { # NAME COMMAND…
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

start() { # OPTIONS…: a cardsim that listens; $port is where
	local i
	stop
	: >listening
	cardsim "$@" --listen 127.0.0.1:0 >listening 2>err &
	server=$!
	for ((i = 0; i < 100; i++)); do
		read -r _ _ port <listening && [ -n "$port" ] && return
		sleep 0.05
	done
	echo "cardsim did not start" >&2
	cat err >&2
	exit 1
}

stop() {
	[ -z "$server" ] && return
	kill "$server" 2>/dev/null
	wait "$server"
	server=''
}
trap stop EXIT

insert() {
	exec {card}<>"/dev/tcp/127.0.0.1/$port"
}

remove() {
	exec {card}>&-
}

# send HEX: one payload.
send() {
	local hex=${1// /} bytes='' i
	hex=$(printf '%04X' $((${#hex} / 2)))$hex
	for ((i = 0; i < ${#hex}; i += 2)); do
		bytes+="\\x${hex:i:2}"
	done
	# shellcheck disable=SC2059
	printf "$bytes" >&"$card"
}

# receive N: N bytes in hexadecimal; nothing when the card is gone.
receive() {
	timeout 5 head -c "$1" <&"$card" | od -An -v -tx1 | tr -d ' \n' | tr a-f A-F
}

# says COMMAND RESPONSE: the card answers exactly so.
says() {
	local len got
	send "$1"
	len=$(receive 2)
	got=$([ -n "$len" ] && receive $((16#$len)))
	echo "$1: $got, expected $2" >out
	[ "$got" = "$2" ]
}

gone() { # COMMAND: the connection ends instead of an answer
	send "$1" 2>/dev/null
	echo "$1" >out
	[ -z "$(receive 2)" ]
}

cin=80CA004500

# ---- one card ----

start --state one.json --profile gp23-scp03
insert
check 'power on, ATR' says 04 3B87016361726473696DE5
check 'SELECT' says 00A4040000 \
	6F418408A000000151000000A535732F06072A864886FC6B01600C060A2A864886FC6B02020301630906072A864886FC6B03640B06092A864886FC6B0403709F6501FF9000
check 'GET DATA' says $cin 450800000000000000019000
send 02
check 'and after a reset' says $cin 450800000000000000019000
remove
insert
check 'in another reader' says $cin 450800000000000000019000
remove
start --state one.json
check 'one process at a time' test "$(cardsim --state one.json --init 2>&1)" = \
	'cardsim: cannot use one.json: another cardsim has it'
stop
check 'state is for its owner only' test "$(stat -c %a one.json)" = 600

if [ -e /proc/net/if_inet6 ] && [ -s /proc/net/if_inet6 ]; then
	cardsim --state six.json --listen '[::1]:0' >listening 2>err &
	server=$!
	port=''
	for ((i = 0; i < 100 && ${#port} == 0; i++)); do
		sleep 0.05
		read -r _ host port <listening
	done
	cat err listening >out
	check 'IPv6' test "$host" = ::1
	stop
fi

# ---- a recorded session, byte for byte ----

vectors=$CARDKMS_SOURCE/tests/vectors/globalplatform.json
if command -v jq >/dev/null; then
	entry=$(jq -c 'first(.[] | select(.source | test("Aes256S8ModeEmulation")))' "$vectors")
	v() { jq -r "$1" <<<"$entry"; }
	{
		echo '[card]'
		echo "scp03 = $(v .inputs.i)"
		echo "kdd = $(v .inputs.key_diversification_data)"
		echo "challenge = $(v .inputs.card_challenge)"
		echo '[key-set 30]'
		echo "enc = $(v .inputs.key_enc)"
		echo "mac = $(v .inputs.key_mac)"
		echo "dek = $(v .inputs.key_dek)"
		echo "counter = $((0x$(v .inputs.sequence_counter) - 1))"
		v '.expected.commands | to_entries[] | "[answer \(.key)]\ncommand = \(.value.plain[0:14])\n" +
			"response = \(.value.response_plain[0:120])" +
			(if (.value.response_plain | length) > 120 then "\n  \(.value.response_plain[120:])" else "" end)'
	} >trace.ini
	start --state trace.json --profile trace.ini
	insert
	check 'trace: INITIALIZE UPDATE' says "$(v .inputs.initialize_update)" \
		"$(v .inputs.initialize_update_response)"
	check 'trace: EXTERNAL AUTHENTICATE' says "$(v .expected.external_authenticate)" 9000
	for i in 0 1 2; do
		check "trace: command $i" says "$(v ".expected.commands[$i].wrapped")" \
			"$(v ".expected.commands[$i].response")"
	done
	check 'trace: not twice' says "$(v .expected.external_authenticate)" 6982
	remove
fi

# ---- many cards ----

start --state many --cards 3
insert
first=$card
check 'first card' says $cin 450800000000000000019000
insert
check 'second card beside it' says $cin 450800000000000000029000
check 'a card by name' says FF5300000B636172642D303030303033 9000
check 'is the third' says $cin 450800000000000000039000
remove
card=$first
check 'the first is still there' says $cin 450800000000000000019000
remove

# ---- faults ----

update=8050000008010203040506070800
start --state fault.json --fault drop-after:2
insert
check 'before the fault' says $cin 450800000000000000019000
check 'power lost after the command took effect' gone $update
insert
send $update
len=$(receive 2)
answer=$(receive $((16#$len)))
echo "$answer" >out
check 'the counter had counted' test "${answer: -10}" = 0000029000
remove
start --state fault.json --fault drop-before:1
insert
check 'power lost before' gone $update
insert
send $update
len=$(receive 2)
answer=$(receive $((16#$len)))
echo "$answer" >out
check 'the counter had not' test "${answer: -10}" = 0000039000
remove
start --state fault.json --fault short:1 --fault sw:2:6A80 --fault slow:100
insert
check 'short' says $cin 45
check 'another status' says $cin 6A80
check 'and on' says $cin 450800000000000000019000
remove

# An answer that waits, or that nobody reads, holds up neither another card nor SIGTERM.
start --state waiting --cards 2
insert
deaf=$card
flood=''
for ((i = 0; i < 200; i++)); do
	flood+='\x00\x05\x80\xCA\x9F\x7F\x00'
done
# shellcheck disable=SC2059
(
	while printf "$flood"; do :; done >&"$deaf"
) 2>/dev/null &
writer=$!
for ((i = 0, last = -1; i < 40; i++)); do
	sleep 0.25
	now=$(awk '/^wchar/ { print $2 }' "/proc/$writer/io")
	[ "$now" = "$last" ] && break
	last=$now
done
insert
check 'a client that does not read does not hold up others' \
	says $cin 450800000000000000029000
remove
kill -9 "$writer"
wait "$writer" 2>/dev/null
ended() { # MS: how long SIGTERM may take
	local from=$EPOCHREALTIME
	stop
	local ms=$(((${EPOCHREALTIME/./} - ${from/./}) / 1000))
	echo "ended after $ms ms" >out
	[ "$ms" -lt "$1" ]
}
check 'nor the end of cardsim' ended 2000
exec {deaf}>&-
start --state waiting.json --fault slow:60000
insert
send $cin
sleep 0.2
check 'nor does a slow card' ended 2000
remove
start --state waiting.json --fault slow:300
insert
from=$EPOCHREALTIME
check 'slow' says $cin 450800000000000000019000
ms=$(((${EPOCHREALTIME/./} - ${from/./}) / 1000))
echo "after $ms ms" >out
check '… by as much as asked' test "$ms" -ge 300 -a "$ms" -lt 2000
remove
stop

# killed with a session open: the counter on disk is that of the last answer
start --state fault.json
insert
send $update
len=$(receive 2)
answer=$(receive $((16#$len)))
kill -9 "$server"
wait "$server" 2>/dev/null
server=''
remove
grep -o '"counter": [0-9]*' fault.json >out
check 'killed: nothing lost' test "$(cat out)" = "\"counter\": $((16#${answer: -10:6}))"

# ---- the command line ----

cardsim --help >out
check '--help' grep -q -- '--vpcd' out
cardsim --profiles >out
check '--profiles' grep -q gp211-scp02 out
for profile in $(cardsim --profiles); do
	cardsim --state "of-$profile.json" --profile "$profile" --init 2>out
	check "--profile $profile" test -s "of-$profile.json"
done
cardsim --show-profile gp211-scp02 >p.ini
check 'a shown profile is one' cardsim --state shown.json --profile p.ini --init
cardsim --state x.json --listen 127.0.0.1:0 --fault nonsense:1 2>out
check 'bad fault is a usage error' test $? -eq 2
cardsim --state x.json --profile missing.ini --init 2>out
check 'missing profile' test $? -eq 1
cardsim --state x.json 2>out
check 'nothing to do' test $? -eq 2
echo '{' >bad.json
cardsim --state bad.json --listen 127.0.0.1:0 2>out
check 'a broken state file is told at once' test $? -eq 1
check '… by name' grep -q bad.json out

echo "$((cases - failures)) passed, $failures failed"
[ "$failures" -eq 0 ]
