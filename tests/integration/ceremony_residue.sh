#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2317 # functions called by name
# What a day of ceremonies leaves behind, by the plain front, in a terminal: components, the joined key,
# the keys that travel under it, PINs and passphrases are searched (tests/support/leaks) while every step
# waits for somebody and at the end, in
#
#   the program's memory          command lines and environments of all processes
#   screen and scrollback         files of the sites, of TMPDIR and HOME, /tmp, /var/tmp, /dev/shm, /var/spool
#   answers, logs and minutes     a core dump that the kernel writes
#
# The HSMs are in another process (p11forwardd): what is found in the program is the program's. Allowed, in
# locked memory that is not dumped, are the PIN and the components typed so far. A control plants a component in each place.
. "$(dirname "$0")/screen_lib.sh"
if [ "$(id -u)" -ne 0 ]; then
	echo 'skipped: only root reads the memory of a process that is not dumpable'
	exit 77
fi
if ! command -v pdftotext >/dev/null; then
	echo 'skipped: pdftotext is not installed'
	exit 77
fi
# A preloaded library comes before the sanitizer's runtime, which would not let the kernel write a core.
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0:disable_coredump=0:handle_abort=0

needles=$TMPDIR/needles
look=$TMPDIR/look     # what the searches gather: of the sites
others=$TMPDIR/others # and of the machine
daemons=()
# shellcheck disable=SC2154 # pid: of the loop
trap 'screen_over; for pid in "${daemons[@]}"; do kill "$pid"; done' EXIT

# network SITE: its HSM in a process of its own from now on.
network() {
	local i
	sed -i "s|module-path=.*|module-path=$CARDKMS_BIN/libp11forward.so|" "$1/site/site.ini"
	SOFTHSM2_CONF=$HERE/$1/softhsm.conf p11forwardd -l "$TMPDIR/hsm-$1" "$softhsm_module" \
		>"$TMPDIR/daemon" 2>&1 &
	daemons+=($!)
	for ((i = 0; i < 200; i++)); do
		! grep -q ready "$TMPDIR/daemon" || return 0
		sleep 0.05
	done
	failed 'p11forwardd starts' <"$TMPDIR/daemon"
	finish
}

need_is() { # NAME HEX
	printf '%s %s\n' "$1" "$2" >>"$needles"
}
need_text() { # NAME TEXT: its first eight characters
	need_is "$1" "$(printf %.8s "$2" | od -An -tx1 | tr -d ' \n')"
}

# found [PID]: "PLACE NAME" of all that is found in the process and everywhere else, without repetition.
found() {
	local recent
	rm -rf "$look/now"
	mkdir -p "$look/now" "$others"
	screen >"$look/now/scrollback"
	cat /proc/[0-9]*/cmdline >"$others/cmdlines" 2>/dev/null
	cat /proc/[0-9]*/environ >"$others/environments" 2>/dev/null
	mapfile -t recent < <(find /tmp /var/tmp /dev/shm -xdev -newer "$TMPDIR/stamp" -type f -size -8M \
		-not -path "$TMPDIR/*" 2>/dev/null)
	# What other tests of the same PINs and passphrases do is their own business.
	grep -v '^pin\|^passphrase' "$needles" >"$TMPDIR/keys"
	{
		leakscan "$needles" "${1:-0}" "$look" a/site b/site
		leakscan "$TMPDIR/keys" 0 "$others" /var/spool "${recent[@]}"
	} >"$TMPDIR/found" 2>&1 || cat "$TMPDIR/found"
	sed -n 's/^searched //p' "$TMPDIR/found" >>"$TMPDIR/searched"
	awk '$1 == "found" { print $2, $4 }' "$TMPDIR/found" | sort -u
}

# step NAME [ALLOWED]: nothing is found now, but ALLOWED in the secure heap.
step() {
	local left
	left=$(found "$(screen_pid)" | sed 's/+locked//' | grep -vxE "secure (${2:-none})")
	if [ -z "$left" ]; then
		passed "$1"
	else
		failed "$1" <<<"$left"
	fi
}

start() { # SITE WORD…: cardkms on a terminal, which may write core dumps and has places of its own
	mkdir -p "$look/tmp" "$look/home" "$look/core"
	SCREEN_ENV=("KILLP11_SOCKET=$TMPDIR/hsm-$1" "TMPDIR=$look/tmp" "HOME=$look/home" "${PLANT[@]}")
	ulimit -c unlimited
	screen_start "$@"
}
PLANT=()

officers() { # PIN OFFICER OFFICER
	answer 'operator PIN' "$1"
	answer "passphrase of officer $2" 'correct horse'
	answer "passphrase of officer $3" 'battery staple'
}
people() {
	screen_wait 'Press Enter to begin'
	press Enter
	answer 'fingerprints agree? [y/n]' y
}
# typed N: the component's check, as a pair types it in.
typed() {
	local line
	called "$1"
	answer 'Does your sheet say the same? [y/n]' y
	answer 'ceremony id:' "$(sheet_ceremony sheets/TK1-1.txt)"
	for line in 1 2 3 4; do
		answer "line $line:" "$(line_of "$1" $line)"
	done
}

touch "$TMPDIR/stamp"
: >"$needles"
fixture_pair
mkdir sheets
need_text pin 87654321
need_text passphrase.1 'correct horse'
need_text passphrase.2 'battery staple'
SOFTHSM2_CONF=$HERE/a/softhsm.conf leakreveal "$softhsm_module" a 87654321 |
	awk 'length($2) >= 32' >"$TMPDIR/masters"
check 'the masters are known to the search' test -s "$TMPDIR/masters"
cat "$TMPDIR/masters" >>"$needles"
network a
network b

# ---- the transport key is made; its components are shown ----

start a transport-key create TK1 --algorithm aes256 --components 3 --partner 'Example Bank' \
	--pairs pairs.ini --officers ana,ben
officers 87654321 ana ben
people
for i in 1 2 3; do
	called $i
	screen_wait 'Press Enter when it is copied'
	copy_screen sheets/TK1-$i.txt
	need_is component-$i "$(sheet_plain sheets/TK1-$i.txt)"
	press Enter
	screen_wait 'Press Enter when this is on the sheet too'
	step "create, component $i: copied" 'pin|component-.'
	press Enter
	screen_wait 'check value:'
	type_in "$(sheet_check sheets/TK1-$i.txt)"
	screen_wait 'Press Enter when it is done'
	step "create, component $i: sealed" 'pin|component-.'
	press Enter
done
need_is joined "$(combined TK1 3)"
screen_end
equal 'create: status' 0 "$CODE"
step_end() { # NAME: after the program's end
	local left
	cp "$OUT" "$look/out"
	cp "$ERR" "$look/err"
	left=$(found)
	if [ -z "$left" ]; then
		passed "$1"
	else
		failed "$1" <<<"$left"
	fi
}
step_end 'create: at its end'
check_value=$(sqlite3 -readonly a/site/cardkms.db "SELECT check_value FROM key_object WHERE label = 'TK1'")

# ---- typed in at the other site ----

import=(transport-key import TK1 --algorithm aes256 --components 3 --partner 'Card Maker' --pairs pairs.ini
	--check-value "$check_value" --officers 'cleo,dan')
start b "${import[@]}"
screen_wait 'operator PIN'
step 'import: asked for the PIN'
officers 87654321 cleo dan
screen_wait 'Press Enter to begin'
step 'import: PIN and passphrases were given' pin
people
for i in 1 2 3; do
	typed $i
	screen_wait 'check value:'
	step "import, component $i: typed" 'pin|component-.'
	type_in "$(sheet_check sheets/TK1-$i.txt)"
	screen_wait 'Press Enter when it is done'
	step "import, component $i: sealed" 'pin|component-.'
	press Enter
done
screen_end
equal 'import: status' 0 "$CODE"
step_end 'import: at its end'

# ---- the keys travel; minutes ----

over() { # SITE WORD…: with its HSM in the other process, secrets from a descriptor
	run=$1
	shift
	EXTRA='' in_network "$run" "$@"
}
in_network() {
	export KILLP11_SOCKET=$TMPDIR/hsm-$1
	on "$@"
	cp "$OUT" "$look/out.$((++outs))"
	cp "$ERR" "$look/err.$outs"
	[ "$CODE" -eq 0 ] || last_run | failed "${*:2:2}"
}
outs=0
over b exchange request --from 'Card Maker' --keyset OPMasterKey1 -o "$look/request"
over a exchange export --request "$look/request" --transport-key TK1 -o "$look/package"
step_end 'export: package, answers and registry'
over b exchange import "$look/package" --transport-key TK1 --receipt "$look/receipt"
step_end 'import of the package: receipt, answers and registry'
for site in a b; do
	over $site ceremony list
	id=$(get '.result[-1].ceremony')
	over $site ceremony report "$id" -o "$look/minutes-$site.pdf"
	pdftotext -layout "$look/minutes-$site.pdf" "$look/minutes-$site.txt" 2>/dev/null
	check "minutes of $site can be read" grep -q TK1 "$look/minutes-$site.txt" 2>/dev/null
	over $site audit export -o "$look/log-$site"
done
step_end 'minutes, and the exported logs'

# ---- killed with a component in it: the core ----

# core: a signal that asks the kernel for a core, when component 1 has been typed.
core() {
	rm -f core core.* b/site/cardkms.lock
	start b "${import[@]/TK1/TK2}" --override 'its core is looked at'
	officers 87654321 cleo dan
	people
	typed 1
	screen_wait 'check value:'
	kill -ABRT "$(screen_pid)"
	screen_end
	mv core* "$look/core/" 2>/dev/null
}
core
equal 'a core dump: there is none' '' "$(ls "$look/core")"
if [ "$(cat /proc/sys/kernel/core_pattern)" = core ]; then
	PLANT=("LD_PRELOAD=$CARDKMS_BIN/libleakplant.so" PLANT_DUMPABLE=1)
	core
	check 'a core dump: were the program dumpable, there would be one' test -n "$(ls "$look/core")"
	step_end 'a core dump: no component even then'
	rm -f "$look"/core/*
	sed -n 's/^component-1 //p' "$needles" >"$TMPDIR/planted"
	PLANT=("LD_PRELOAD=$CARDKMS_BIN/libleakplant.so" PLANT_DUMPABLE=1 PLANT_PLACE=heap
		"PLANT_KEY=$TMPDIR/planted")
	core
	check 'a core dump: a component in the heap is found' grep -q 'core.* component-1' <<<"$(found)"
	rm -f "$look"/core/*
else
	echo "not looked at: the kernel of this machine gives core dumps to $(cat /proc/sys/kernel/core_pattern)"
fi

# ---- controls: a component planted in each place ----

digits=$(sed -n 's/^component-1 //p' "$needles")
printf '%s' "$digits" >"$TMPDIR/planted"
planted() { # PLACE
	check "planted in $1, it is found" grep -q "$1.* component-1" <<<"$(found "${2:-0}")"
}
for place in a/site/left b/site/left "$look/tmp/left" "$look/home/left" "$look/minutes-a.txt" "$look/out.1"; do
	cp "$place" "$TMPDIR/was" 2>/dev/null
	printf 'was %s\n' "$(fold -w 4 <<<"$digits" | tr '\n' ' ')" >>"$place"
	planted "$place"
	rm -f "$place"
done
for folder in /tmp /var/tmp /dev/shm /var/spool; do
	[ -d $folder ] || continue
	left=$(mktemp -p $folder cardkms-test-XXXXXX)
	printf '%s' "$digits" >"$left"
	planted "$left"
	rm -f "$left"
done
mkfifo "$TMPDIR/never"
bash -c 'read -r' - "$digits" <>"$TMPDIR/never" &
planted cmdlines
kill $!
env "COMPONENT=$digits" sleep 20 &
planted environments
kill $!
for form in grouped HEX; do
	PLANT=("LD_PRELOAD=$CARDKMS_BIN/libleakplant.so" PLANT_PLACE=stdout "PLANT_FORM=$form" "PLANT_KEY=$TMPDIR/planted")
	start b "${import[@]/TK1/TK3}"
	screen_wait 'of the token'
	planted scrollback
	press C-c
	screen_end
done
PLANT=("LD_PRELOAD=$CARDKMS_BIN/libleakplant.so" PLANT_PLACE=heap "PLANT_KEY=$TMPDIR/planted")
start b "${import[@]/TK1/TK4}"
screen_wait 'operator PIN'
planted "\(heap\|anon\)" "$(screen_pid)"
press C-c
screen_end
awk '{ bytes += $1 } END { print "residue searches", NR, "bytes", bytes }' "$TMPDIR/searched"
finish
