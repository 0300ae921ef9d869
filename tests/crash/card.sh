#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2119
# `card inject` and `card replace`, killed at every durable write and at every PKCS#11 call; then
# `card resume` (or, where nothing had begun, the command again).
#
# Killed are: before each fsync and fdatasync of the site's files, once with what was written so far
# kept (a SIGKILL) and once with what was not synced taken back (a power failure), and after each
# (taken back); and before each PKCS#11 call. The card goes on: its line is simply lost. Or memory or
# disk give out, as in lib.sh (`short`); a run that then still exits with 0 must have done all of it.
# A trial is lost if afterwards the card is not in the registry as taken over, its recorded keys do not
# open it, more than two tries were spent on it, an operation or change is unfinished, or the audit
# log does not verify.
#
# Control, which must lose: the same killed runs with the journal off, that is with a registry that
# only learns of the end of an operation. It is lost where the keys that such a registry has for
# the card are no longer on it. At most points they still are, so the figure is below the trials.
#
# SWEEP=sample (make test) takes some points of each operation by SEED, SWEEP=full all of them.
. "${CARDKMS_SOURCE:?run by ctest}/tests/integration/card_lib.sh"
. "$CARDKMS_SOURCE/tests/crash/lib.sh"

trials=0 lost=0 control_lost=0 most_burnt=0 shorts=0 shorts_lost=0 shorts_done=0

# ---- the operations: NAME_card makes the card as it is before, NAME_run runs it ----

cat >"$SIMS/vendor.ini" <<'END'
[card]
version = 2.3.1
scp03 = 70
rule = add
delete-last = no
[key-set 01]
type = aes
enc = 404142434445464748494A4B4C4D4E4F
mac = 404142434445464748494A4B4C4D4E4F
dek = 404142434445464748494A4B4C4D4E4F
END

# The factory's set is consumed by the first one (SCP03).
inject_card() { sim --profile gp23-scp03; }
inject_run() { inject2; }
# Replaced in place, the version stays (SCP03).
replace_card() { sim --profile gp23-scp03; }
replace_run() { replace2; }
# Replaced in place, under another version (SCP02).
version_card() { sim --profile gp211-scp02; }
version_run() { replace1; }
# Added, authenticated with, the old one deleted (SCP03).
delete_card() { sim --profile "$SIMS/vendor.ini"; }
delete_run() { inject2 --profile adds; }

operations=(inject replace version delete)
declare -A wanted=([inject]=OPMasterKey2 [replace]=BankMaster2 [version]=BankMaster1 [delete]=OPMasterKey2)

build_cards() {
	local op
	fixture_cards
	mkdir a/site/profiles
	sed 's/^name = .*/name = adds/; s/^initial-set = .*/initial-set = add-delete/
		s/^default-key-version = unknown/default-key-version = 01/' \
		"$CARDKMS_SOURCE/share/cardkms/profiles/gp23-scp03.ini" >a/site/profiles/adds.ini
	keep cards
	for op in "${operations[@]}"; do
		use cards
		"${op}_card"
		[ "$op" != replace ] || need inject2
		[ "$op" != version ] || need inject1
		sim_stop
		cp "$CARD" "$SIMS/$op.before"
		keep "$op"
	done
}

# begin OP: site and card as before the operation.
begin() {
	use "$1"
	sim_stop
	cp "$SIMS/$1.before" "$CARD"
	sim_again
}

burnt() {
	local n
	n=$(failures_on)
	[ "$n" -le "$most_burnt" ] || most_burnt=$n
}

# What is wrong with site and card, on standard output.
wrong_with_card() { # OP
	local n
	n=$(query "SELECT (SELECT count(*) FROM operation WHERE state = 'intent')
		+ (SELECT count(*) FROM card_change WHERE outcome IS NULL)")
	[ "$n" = 0 ] || echo "unfinished: $n"
	[ "$(registry | cut -d'|' -f1-3)" = "active|active|${wanted[$1]}" ] || echo "registry: $(registry)"
	[ "$(failures_on)" -le 2 ] || echo "tries spent: $(failures_on)"
	a card verify --reader "$R" || echo "verify: $(said)"
	a audit verify || echo "audit verify: $(said)"
}

# settle_card OP: as a person would. Prints what is wrong.
settle_card() {
	if [ "$(query 'SELECT count(*) FROM card_change WHERE outcome IS NULL')" != 0 ]; then
		a card resume --reader "$R" || echo "resume: $(said)"
	else
		"$1_run" || echo "again: $(said)"
	fi
	burnt
	wrong_with_card "$1"
}

# run_card OP WORD…: once; the words are for env.
run_card() {
	local op=$1
	shift
	begin "$op"
	before=$(keys_on)
	FAULT=("$@")
	"${op}_run" 2>/dev/null
	FAULT=()
	burnt
	[[ "$(keys_on)" == *"$before"* ]] || control_lost=$((control_lost + 1))
}

kill_card() { # OP WORD…: one trial
	local wrong before
	run_card "$@"
	if [ "$CODE" -ne 137 ]; then
		lose "$*" "was not killed: exit $CODE; $(said)"
		lost=$((lost + 1))
		return
	fi
	trials=$((trials + 1))
	# The card lost its line, and its power with that: a new session.
	sim_again
	wrong=$(settle_card "$1")
	if [ "$wrong" ]; then
		lose "$1, killed at ${*: -2}" "$wrong"
		lost=$((lost + 1))
	fi
}

short_card() { # OP WORD…: one trial
	local wrong='' before
	run_card "$@"
	shorts=$((shorts + 1))
	case $CODE in
	0)
		shorts_done=$((shorts_done + 1))
		wrong=$(wrong_with_card "$1")
		;;
	1 | 3) [ -n "$(said)" ] || wrong='it did not say what is wrong'$'\n' ;;
	*) has "$(said)" "p11-kit: 'new_memory" || wrong="it ended with $CODE: $(said)"$'\n' ;;
	esac
	sim_again
	[ "$CODE" -eq 0 ] || wrong+=$(settle_card "$1")
	if [ "$wrong" ]; then
		lose "$1, ${*: -1}" "$wrong"
		shorts_lost=$((shorts_lost + 1))
	fi
}

# The points of an operation, one a line.
card_points() { # OP
	local n calls syncs
	begin "$1"
	: >"$TMPDIR/files.log"
	: >"$TMPDIR/calls.log"
	FAULT=("${preload[@]}" FAULTFS_LOG="$TMPDIR/files.log" KILLP11_LOG="$TMPDIR/calls.log")
	"$1_run" >&2
	FAULT=()
	calls=$(wc -l <"$TMPDIR/calls.log")
	syncs=$(grep -c '^sync ' "$TMPDIR/files.log")
	for ((n = 1; n <= syncs; n++)); do
		echo "${preload[*]} FAULTFS_AT=sync:$n:before"
		echo "${preload[*]} FAULTFS_AT=sync:$n:before FAULTFS_LOSE=unsynced"
		echo "${preload[*]} FAULTFS_AT=sync:$n:after FAULTFS_LOSE=unsynced"
	done
	for ((n = 1; n <= calls; n++)); do
		echo "KILLP11_AT=$n:before"
	done
	if full; then
		begin "$1"
		FAULT=("${memory[@]}" FAULTMEM_LOG="$TMPDIR/memory.log")
		"$1_run" >&2
		FAULT=()
	fi
	short_lines
}

# Of the lines of standard input: all, or of each kind as many as the sample takes.
card_chosen() {
	local files=() calls=() short=() line
	while IFS= read -r line; do
		case $line in
		KILLP11*) calls+=("$line") ;;
		*FAULTMEM* | *ENOSPC | *EIO) short+=("$line") ;;
		*) files+=("$line") ;;
		esac
	done
	if full; then
		printf '%s\n' "${files[@]}" "${calls[@]}" "${short[@]}"
		return
	fi
	# The journal's own write after PUT KEY is the last sync but two or so: there the control loses.
	printf '%s\n' "${files[RANDOM % ${#files[@]}]}" "${files[${#files[@]} - 4]}" \
		"${calls[RANDOM % ${#calls[@]}]}" "${short[RANDOM % ${#short[@]}]}"
}

build_cards
for operation in "${operations[@]}"; do
	card_points "$operation" >"$TMPDIR/points"
	card_chosen <"$TMPDIR/points" >"$TMPDIR/chosen"
	mapfile -t list <"$TMPDIR/chosen"
	for line in "${list[@]}"; do
		read -r -a words <<<"$line"
		case $line in
		*FAULTMEM* | *ENOSPC | *EIO) short_card "$operation" "${words[@]}" ;;
		*) kill_card "$operation" "${words[@]}" ;;
		esac
	done
	! full || echo "$operation: $(wc -l <"$TMPDIR/points") points, $(grep -c KILLP11 "$TMPDIR/points") PKCS#11 calls"
done
sim_stop
echo "seed $SEED"
echo "sweep card.kill trials $trials lost $lost control_lost $control_lost"
echo "sweep card.short trials $shorts lost $shorts_lost"
echo "card.short: $shorts_done went on to their end"
echo "card: most tries spent on one card: $most_burnt"
[ "$lost" -eq 0 ] && [ "$shorts_lost" -eq 0 ] && [ "$control_lost" -gt 0 ]
