#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2119
# What only reads, while memory or disk give out: an allocation from each place of the program fails, or
# a read of the site's files.
#
# A command that still exits with 0 must have printed what it prints otherwise (if it prints the same
# twice at all), or say in that what "cannot be" looked at; one that does not must say what is wrong; and
# afterwards the registry is as it was. libharu does not look at all its allocations: where it dies, no
# report may be there but an empty one.
#
# Control: the same runs, had each been believed. What some printed is then not what there is.
#
# SWEEP=sample (make test) takes one point of every third command by SEED, SWEEP=full all of them. ONLY=REGEX
# chooses commands.
. "${CARDKMS_SOURCE:?run by ctest}/tests/integration/card_lib.sh"
. "$CARDKMS_SOURCE/tests/crash/lib.sh"

# At site a; FILE is where a report goes.
reads=('site status' 'site identity export -o FILE' 'partner list' 'officer list' 'key list'
	'key list --keyset OPMasterKey1 --state active' 'key show TK1' 'key show OPMasterKeyENC1'
	'key impact OPMasterKeyENC1' 'key impact BankMasterENC2' 'hsm status' 'hsm list'
	'hsm capabilities' 'hsm qualify -o FILE' 'hsm check' 'hsm compare prod1' 'backup list' 'exchange list' 'exchange show pkg'
	'ceremony list' 'ceremony show CEREMONY' 'ceremony check day.ini' 'ceremony report MEETING -o FILE'
	'custody list' 'custody list --key TK1' 'custody history TK1 --component 2' 'custody audit'
	'custody register -o FILE' 'custody acceptance --key TK1 --component 1 -o FILE' 'audit list'
	'audit verify' 'audit prove 3' 'audit witnesses' 'audit verify log --identity a.id' 'card list'
	'card list --state active --limit 1' 'card history CARD' 'card info CARD' 'card info --reader READER'
	'card domain list --reader READER')

trials=0 lost=0 control_lost=0 went_on=0 died=0

run_read() { # COMMAND
	local line=${1//READER/$R}
	line=${line//CARD/$card}
	line=${line//CEREMONY/$ceremony}
	line=${line//MEETING/$meeting}
	rm -f "$TMPDIR/report"
	# shellcheck disable=SC2086 # words
	a ${line//FILE/$TMPDIR/report} 2>/dev/null
}

# What the site is in the registry; which tokens were probed is not of it.
registry_now() {
	sql a .dump | grep -v 'INSERT INTO token_caps' | sha256sum
}

build_readers() {
	fixture_exchange
	plan_cards | sed '/OPMasterKey1/,/key-version/d' >more.ini
	need a --yes hsm update --plan more.ini
	need b exchange request --from 'Card Maker' --keyset OPMasterKey1 -o req
	need a exchange export --request req --transport-key TK1 -o pkg
	need a site-key create SK1 --pairs pairs.ini --sheets sheets
	need a backup create -o bk
	printf 'so-pin.prod1=11111111\npin.prod1=22222222\n' >>a/secrets
	need a zone-key create ZK1 --pairs pairs.ini --sheets sheets
	typed_from ZK1 3 >zk.typed
	local check
	check=$(get .result.check_value)
	need a hsm add prod1 --kind production --hsm "pkcs11:token=prod1?module-path=$forward_module"
	EXTRA=$(cat zk.typed) need a zone-key restore ZK1 --hsm prod1 --pairs pairs.ini --check-value "$check"
	need a hsm replicate prod1
	need a audit export -o log
	sim --profile gp23-scp03
	need inject2
	card=$(sql a 'SELECT id FROM card')
	{
		printf '[ceremony]\nkind = transport-key-create\ntitle = A day\ndate = %s\nplace = Room 2\n' \
			"$(date -u +%F)"
		printf '[key]\nlabel = TK2\nalgorithm = aes256\npartner = Example Bank\n'
		pairs_three
		printf '[people]\nofficers = ana, ben\nwitnesses = W. Stone\nattendees = X. Young\n'
		printf '[preconditions]\nno-network = no\nno-swap = no\nno-core = no\n'
	} >day.ini
	need a --yes ceremony run day.ini --sheets sheets
	meeting=$(get .result.meeting)
	ceremony=$(sql a 'SELECT id FROM ceremony ORDER BY started LIMIT 1')
}

draws() { [[ $1 =~ ^(ceremony report|custody register|custody acceptance) ]]; }

# What was printed, without the time of day.
plainly() { sed 's/[0-9-]*T[0-9:]*Z/TIME/' "$1"; }

differs() {
	[ "$steady" ] && ! cmp -s <(plainly "$OUT") "$TMPDIR/usual" && ! grep -q 'cannot be' "$OUT"
}

# read_at COMMAND WORD…: one trial; the words are for env.
read_at() {
	local command=$1 wrong=''
	shift
	FAULT=("$@")
	run_read "$command"
	FAULT=()
	trials=$((trials + 1))
	! differs || control_lost=$((control_lost + 1))
	case $CODE in
	"$usual")
		went_on=$((went_on + 1))
		! differs || wrong="it printed something else: $(diff <(jq . "$TMPDIR/usual") <(jq . "$OUT") | head -12)"
		;;
	1 | 3) [ -n "$(said)" ] || wrong='it did not say what is wrong' ;;
	139)
		died=$((died + 1))
		has "$(said)" "p11-kit: 'new_memory" || { draws "$command" && [ ! -s "$TMPDIR/report" ]; } ||
			wrong="it crashed: $(said)"
		;;
	*) wrong="it ended with $CODE: $(said)" ;;
	esac
	if [ "$wrong" ]; then
		lose "$command, ${*: -1}" "$wrong"
		lost=$((lost + 1))
	fi
}

read_points() {
	local n
	if full; then
		FAULT=("${memory[@]}" FAULTMEM_LOG="$TMPDIR/memory.log")
		run_read "$1" >&2
	fi
	: >"$TMPDIR/files.log"
	FAULT=("${preload[@]}" FAULTFS_LOG="$TMPDIR/files.log")
	run_read "$1" >&2
	FAULT=()
	! full || new_places | sed "s|^|${memory[*]} FAULTMEM_AT=|"
	for n in $(some_of "$(grep -c '^read ' "$TMPDIR/files.log")"); do
		echo "${preload[*]} FAULTFS_AT=read:$n:EIO"
	done
}

read_one() {
	local list words steady='' usual
	run_read "$1"
	usual=$CODE
	plainly "$OUT" >"$TMPDIR/usual"
	run_read "$1"
	! cmp -s <(plainly "$OUT") "$TMPDIR/usual" || steady=yes
	if [ "$usual" != 0 ] && [ "$usual" != 3 ]; then
		lose "$1" "ends with $usual without faults: $(said)"
		lost=$((lost + 1))
		return
	fi
	read_points "$1" >"$TMPDIR/points"
	chosen 1 <"$TMPDIR/points" >"$TMPDIR/chosen"
	list=$(cat "$TMPDIR/chosen")
	while read -r -a words; do
		read_at "$1" "${words[@]}"
	done <<<"$list"
	! full || echo "$1: $(wc -l <"$TMPDIR/points") points$([ "$steady" ] || echo " (never prints the same)")"
}

build_readers
before=$(registry_now)
turn=0
for command in "${reads[@]}"; do
	turn=$((turn + 1))
	[[ $command =~ ${ONLY:-.} ]] || continue
	if full || [ $(((turn + SEED) % 3)) -eq 0 ]; then
		read_one "$command"
	fi
done
sim_stop
if [ "$(registry_now)" != "$before" ]; then
	lose 'all of them' 'the registry is not as it was'
	lost=$((lost + 1))
fi
echo "seed $SEED, $went_on went on to their end, $died died in p11-kit or libharu"
echo "sweep readers.short trials $trials lost $lost control_lost $control_lost"
[ "$lost" -eq 0 ] && [ "$control_lost" -gt 0 ]
