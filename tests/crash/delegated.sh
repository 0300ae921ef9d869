#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `card key put`, then `app load` and `app install` by delegated management, with the card pulled before and
# after every command of the three, and with the card's own writes torn; then all again, as a person would.
#
# A trial is lost if the card then has anything but the token key beside its sets, the one whole load
# file and its one application; if a receipt in its history is wrong or its counter is not above the one before; if
# an operation is unfinished; or if the audit log does not verify. The control does not run the commands again,
# and must lose.
#
# SWEEP=sample (make test) takes some points by SEED, SWEEP=full all of them.
. "${CARDKMS_SOURCE:?run by ctest}/tests/integration/card_lib.sh"
SEED=${SEED:-$(date +%s)}
RANDOM=$SEED

FILE=A00000000201 APPLET=A000000002010101 DOMAIN=A0000001515350AA
trials=0 lost=0 control_lost=0

step() { # adds to $commands
	a "$@" --reader "$R"
	[ "$CODE" -eq 0 ] && commands=$((commands + $(jq -r .result.commands "$OUT")))
}
all() {
	commands=0
	step card key put --key BankToken &&
		step app load "$SIMS/own.cap" --domain "$DOMAIN" --dap "$SIMS/dap" --token "$SIMS/load" \
			--receipt-key BankReceipt &&
		step app install "$SIMS/own.cap" --domain "$DOMAIN" --token "$SIMS/install" \
			--receipt-key BankReceipt
}

# "VERSIONS FILE:MODULES APPLICATION:FILE" of what was not there before.
content() {
	echo "$(versions_on) $(jq -r '[(."load-files"[] | select(.aid != "A0000001515350")
		| "\(.aid):\(.modules | join(","))"), (.entries[2:][] | "\(.aid):\(.elf)")] | join(" ")' "$CARD")"
}
whole="48 112 113 $FILE:$APPLET $APPLET:$FILE"

# The counters of the receipts in the history; "wrong" for one that is.
counters() {
	query "SELECT detail FROM card_event WHERE detail LIKE '%\"verified\"%' ORDER BY seq" |
		jq -r '.receipt | if .verified then .counter else "wrong: \(.wrong)" end'
}

wrong() {
	[ "$(content)" = "$whole" ] || echo "the card has: $(content)"
	counters | sort -c -n -u 2>/dev/null && ! counters | grep -q wrong || echo "receipts: $(counters | xargs)"
	[ "$(failures_on)" -le 2 ] || echo "tries spent: $(failures_on)"
	[ "$(query "SELECT count(*) FROM operation WHERE state = 'intent'")" = 0 ] || echo 'unfinished operation'
	a audit verify || echo "audit verify: $(said)"
}

trial() { # FAULT
	local found
	use ready
	sim_stop
	cp "$SIMS/before" "$CARD"
	sim_again --fault "$1"
	all
	sim_stop
	[ "$(content)" = "$whole" ] || control_lost=$((control_lost + 1))
	sim_again
	all || true
	trials=$((trials + 1))
	found=$(wrong)
	[ -z "$found" ] || {
		lost=$((lost + 1))
		echo "LOST at $1: $found"
	}
}

fixture_cards
"$CARDKMS_BIN/capmaker" "$SIMS/own.cap" "$FILE" "$APPLET" 1 0 700
use cards
for key in Dap Token Receipt; do
	need a card key create "Bank$key" --use "${key,}" --algorithm aes128
done
need a app dap "$SIMS/own.cap" --domain "$DOMAIN" --key BankDap -o "$SIMS/dap"
need a app token load "$SIMS/own.cap" --domain "$DOMAIN" --key BankToken -o "$SIMS/load"
need a app token install "$SIMS/own.cap" --key BankToken -o "$SIMS/install"
sim --profile gp23-scp03
need inject2
need a card key put --key BankReceipt --reader "$R"
need a card domain create --aid "$DOMAIN" --privileges E00000 --reader "$R"
need a card domain keys --aid "$DOMAIN" --keyset BankMaster2 --reader "$R"
need a card key put --key BankDap --domain "$DOMAIN" --reader "$R"
sim_stop
cp "$CARD" "$SIMS/before"
keep ready

# How many commands a run has.
sim_again
all || need false

points=()
for ((n = 1; n <= commands; n++)); do
	points+=("drop-before:$n" "drop-after:$n" "drop-write:$n")
done
if [ "${SWEEP:-sample}" = full ]; then
	for point in "${points[@]}"; do trial "$point"; done
else
	for ((n = 0; n < 5; n++)); do trial "${points[RANDOM % ${#points[@]}]}"; done
	# PUT KEY is done, and nobody was told.
	trial drop-after:6
fi
sim_stop
echo "seed $SEED, ${#points[@]} points"
echo "sweep delegated trials $trials lost $lost control_lost $control_lost"
[ "$lost" -eq 0 ] && [ "$control_lost" -gt 0 ]
