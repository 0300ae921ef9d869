#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A batch whose HSM goes away while it runs, and comes back: no card is failed for it, and each is done once.
. "$(dirname "$0")/card_lib.sh"
daemon=''
trap 'sim_stop; [ -z "$daemon" ] || kill "$daemon"' EXIT

N=16
CARD=$SIMS/box/
mkdir -p "$CARD"
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
sim_again --profile gp23-scp03 --cards $N --fault slow:10
{
	echo reader,card,profile,kdd
	for ((i = 1; i <= N; i++)); do
		printf '%s/card-%06d,,gp23-scp03,\n' "$R" $i
	done
} >cards.csv
need a batch create B cards.csv --do inject --keyset OPMasterKey2 --customer 'Example Bank'

done_now() { query "SELECT count(*) FROM batch_card WHERE state = 'done'"; }
secret_lines a/secrets >"$TMPDIR/lines"
token_for a
# shellcheck disable=SC2154 # of lib.sh
env "${token_env[@]}" cardkms -s a/site --pin-fd 3 --json batch run B --workers 2 \
	3<"$TMPDIR/lines" >"$TMPDIR/run.out" 2>"$TMPDIR/run.err" &
leader=$!
for ((i = 0; i < 200; i++)); do
	[ "$(done_now)" -lt 2 ] || break
	sleep 0.05
done
kill -9 "$daemon"
wait "$daemon" 2>/dev/null
sleep 0.5
before=$(done_now)
check 'the HSM is gone while cards wait' test "$before" -lt "$N"
sleep 2
equal 'without it no card is done' "$before" "$(done_now)"
equal 'and none is failed' 0 "$(query "SELECT count(*) FROM batch_card WHERE state NOT IN ('queued', 'leased', 'done', 'unknown')")"
hsm_up
CODE=0
wait $leader || CODE=$?
cp "$TMPDIR/run.out" "$OUT"
cp "$TMPDIR/run.err" "$ERR"
equal 'all are done when it is back' "0 $N 0 0" "$CODE $(get '.result | "\(.done) \(.failed) \(.unknown)"')"
equal 'each card once' "$N|$N" "$(query "SELECT count(*), count(DISTINCT card_id) FROM card_event WHERE event = 'inject'")"
equal 'the cards say so' "$N" "$(for file in "$CARD"*.json; do versions_on "$file"; done | grep -cx 48)"
sound 'the site is sound' a
finish
