#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2119 # functions that take words at other places
# A batch whose HSM goes away while it runs, and comes back: no card is failed for it, and each is done once.
. "$(dirname "$0")/batch_lib.sh"
daemon=''
trap 'sim_stop; [ -z "$daemon" ] || kill "$daemon"' EXIT

N=16
fixture_cards
use cards
sed -i "s|module-path=.*|module-path=$CARDKMS_BIN/libp11forward.so|" a/site/site.ini
export KILLP11_SOCKET=$TMPDIR/hsm
hsm_up() {
	local i
	rm -f "$KILLP11_SOCKET"
	: >"$TMPDIR/daemon"
	SOFTHSM2_CONF=$HERE/a/softhsm.conf p11forwardd -l "$KILLP11_SOCKET" "$softhsm_module" >"$TMPDIR/daemon" 2>&1 &
	daemon=$!
	for ((i = 0; i < 200; i++)); do
		! grep -q ready "$TMPDIR/daemon" || return 0
		sleep 0.05
	done
	failed 'p11forwardd starts' <"$TMPDIR/daemon"
	finish
}
hsm_up
box --fault slow:10
box_lines >cards.csv
need a batch create B cards.csv --do inject --keyset OPMasterKey2 --customer 'Example Bank'

run_behind B --workers 2
run_until 2
kill -9 "$daemon"
wait "$daemon" 2>/dev/null
sleep 0.5
before=$(run_done)
check 'the HSM is gone while cards wait' test "$before" -lt "$N"
sleep 2
equal 'without it no card is done' "$before" "$(run_done)"
equal 'and none is failed' 0 "$(query "SELECT count(*) FROM batch_card WHERE state NOT IN ('queued', 'leased', 'done', 'unknown')")"
hsm_up
run_over
equal 'all are done when it is back' "0 $N 0 0" "$CODE $(get '.result | "\(.done) \(.failed) \(.unknown)"')"
equal 'each card once' "$N|$N" "$(query "SELECT count(*), count(DISTINCT card_id) FROM card_event WHERE event = 'inject'")"
equal 'the cards say so' "$N" "$(box_with 48)"
sound 'the site is sound' a
finish
