#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2119,SC2154,SC2317
# The issuer's whole day: a shipment is received, a batch of its cards is made of nothing but what the shipment
# told, workers put the issuer's keys on them, and what came is reconciled with what was announced. The cards
# themselves say that they have other keys.
. "$(dirname "$0")/batch_lib.sh"
. "$(dirname "$0")/shipment_lib.sh"

fixture_shipment
ship >"$TMPDIR/ship"
need test "$failures" -eq 0
keep sent
need b shipment receive s1
need b shipment receive s2
cards_arrive
keys=$(cat "$CARD"/*.json | jq -c '[.entries[] | select(.aid == "A000000151000000") | .keys]')

# Which card is in which reader: the shipment has the cards, the readers are the bank's.
lines_of() { # READER
	local n=0 card
	echo reader,card
	for card in $cards; do
		n=$((n + 1))
		printf '%s/card-%06d,%s\n' "$1" "$n" "$card"
	done
}
lines_of "$R" >cards.csv
batch() { b batch "$@"; }
runs+=([batch]=b)

refused 'create: no such key set' 1 "no key set 'Nobody'" batch create X cards.csv --do replace --keyset Nobody
ok 'create' batch create TAKE cards.csv --do replace --keyset BankMaster2
equal 'create: all of them' 3 "$(get .result.cards)"
ok 'run' batch run TAKE --workers 2
equal 'run: all are done' '3 0 0 0' "$(get '.result | "\(.done) \(.failed) \(.quarantined) \(.unknown)"')"
equal 'run: each came with the keys that were announced' '3|MakerKey2|48' \
	"$(bank 'SELECT count(*), old_keyset, old_version FROM card_change GROUP BY 2, 3')"
equal 'run: each has the keys of the bank' '3|BankMaster2|active' \
	"$(bank 'SELECT count(*), keyset, state FROM card_domain GROUP BY 2, 3')"
reconciled 'all is well' 0 '3 0 0 0'

# Proven: the keys on the cards are none of those that they came with, and they open by the bank's.
now=$(cat "$CARD"/*.json | jq -c '[.entries[] | select(.aid == "A000000151000000") | .keys]')
equal 'no key on any card is as it was' 0 "$(comm -12 <(jq -r '.[][].value' <<<"$keys" | sort) <(jq -r '.[][].value' <<<"$now" | sort) | wc -l)"
ok 'create: verify' batch create PROVE cards.csv --do verify --keyset BankMaster2
ok 'run: verify' batch run PROVE
equal 'they open by the keys of the bank' '3 0' "$(get '.result | "\(.done) \(.failed)"')"
batch create OLD cards.csv --do verify --keyset MakerKey2 --stop-after 0
batch run OLD
equal 'and not by those of the maker' '3 0 3' "$CODE $(get '.result | "\(.done) \(.failed)"')"
sound 'sound at the end' b

# ---- cards before their shipment: they wait for it, or are taken over on the bank's word ----

use sent
need b shipment receive s1
cards_arrive
lines_of "$R" >there.csv
ok 'create: one is announced' batch create EARLY there.csv --do replace --keyset BankMaster2
batch run EARLY
equal 'run: that one is done, the others are as they were' '3 1 2' "$CODE $(get '.result | "\(.done) \(.failed)"')"
b batch report EARLY
check 'run: why' has "$(get '.result.not_done[0].detail')" "which keys"
reconciled 'nothing is missing of what was announced' 0 '1 0 0 0'
sed -n '1p;3p' there.csv >second.csv
ok 'create: one on the word of the bank' batch create TOLD second.csv --do replace --keyset BankMaster2 --from MakerKey2
ok 'run: on the word of the bank' batch run TOLD
reconciled 'it was not announced' 3 '1 0 0 1'
ok 'the shipment arrives' b shipment receive s2
equal 'the shipment arrives: one was here' '2 1' "$(get '.result | "\(.cards) \(.known_before)"')"
ok 'retry' batch retry EARLY
batch run EARLY
equal 'all are done; the one that was is found to be' '0 3 0' "$CODE $(get '.result | "\(.done) \(.failed)"')"
reconciled 'all is well' 0 '3 0 0 0'
equal 'each was changed once' '3|3' "$(bank 'SELECT count(*), count(DISTINCT card_id) FROM card_change')"
finish
