#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2119 # functions that take words at other places
# Batches of simulated cards on one machine: SQLite, SoftHSM, one cardsim; keys injected.
#
#   batch.cards_per_s.N       cards a second with N workers, from `batch run` to its end
#   batch.workers.ratio       two workers against one: the median of three pairs, one after the other
#
# CARDS: of each run (200).
. "${CARDKMS_SOURCE:?run by scripts/bench}/tests/integration/batch_lib.sh"
N=${CARDS:-200}

# once WORKERS: cards a second.
once() {
	local from
	use cards
	rm -rf "$SIMS/box"
	box
	box_lines >cards.csv
	need a batch create B cards.csv --do inject --keyset OPMasterKey2 --customer 'Example Bank' >&2
	from=$(date +%s.%N)
	need a batch run B --workers "$1" >&2
	awk -v cards="$N" -v from="$from" -v to="$(date +%s.%N)" 'BEGIN { printf "%.1f\n", cards / (to - from) }'
}

fixture_cards >&2
for ((round = 0; round < 3; round++)); do
	once 1 >>"$TMPDIR/ones"
	once 2 >>"$TMPDIR/twos"
done
median() { sort -n "$1" | sed -n 2p; }
echo "batch.cards_per_s.1 $(median "$TMPDIR/ones") cards/s"
echo "batch.cards_per_s.2 $(median "$TMPDIR/twos") cards/s"
echo "batch.cards_per_s.4 $(once 4) cards/s"
paste "$TMPDIR/ones" "$TMPDIR/twos" | awk '{ printf "%.3f\n", $2 / $1 }' >"$TMPDIR/ratios"
echo "batch.workers.ratio $(median "$TMPDIR/ratios") ratio"
sim_stop
