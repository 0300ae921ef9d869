#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2119,SC2154
# One shipment of many cards, from the maker's registry to the bank's (both SQLite).
#
#   shipment.send.CARDS, shipment.receive.CARDS, shipment.reconcile.CARDS   seconds of the whole command
#   shipment.send-list.CARDS                                                send, a table naming each card
#   shipment.….rss.CARDS                                                    MiB that it had resident at most
#   shipment.bytes_per_card                                                 of the file
#
# BENCH_CARDS: how many (20000), several numbers one after the other. The cards are rows that are copies of one
# that got its keys from the program; the table and both registries are all real.
. "${CARDKMS_SOURCE:?run by scripts/bench}/tests/integration/shipment_lib.sh"

fixture_shipment >&2

# timed SITE NAME WORD…: `SECONDS KIB`, of the process alone.
timed() {
	local site=$1 name=$2
	shift 2
	secret_lines "$HERE/$site/secrets" >"$TMPDIR/lines"
	run_in "$site" /usr/bin/time -o "$TMPDIR/time" -f '%e %M' \
		cardkms -s "$HERE/$site/site" --pin-fd 3 --json "$@" || true
	if [ "$CODE" -ne "${CODE_WANTED:-0}" ]; then
		last_run >&2
		exit 1
	fi
	tail -n 1 "$TMPDIR/time" | awk -v name="$name" -v cards="$count" '{
		printf "shipment.%s.%d %.1f s\n", name, cards, $1
		printf "shipment.%s.rss.%d %.1f MiB\n", name, cards, $2 / 1024
	}'
}

# Cards beside the three that there are.
fill() {
	sqlite3 a/site/cardkms.db "
		CREATE TEMP TABLE n AS WITH RECURSIVE c(n) AS
			(SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < $count - 3) SELECT n FROM c;
		CREATE TEMP TABLE one AS SELECT * FROM card WHERE id = '$first';
		CREATE TEMP TABLE of_one AS SELECT * FROM card_domain WHERE card_id = '$first';
		BEGIN;
		UPDATE one SET cplc = NULL;
		INSERT INTO card SELECT $(columns card id "printf('C0DE%016X', n)") FROM one, n;
		INSERT INTO card_domain SELECT $(columns card_domain card_id "printf('C0DE%016X', n)" \
			kdd "printf('%020X', n * 65536)") FROM of_one, n;
		COMMIT;"
}
# The columns of a table, some of them as something else: NAME EXPRESSION…
columns() {
	local table=$1 name out=''
	local -A as=()
	shift
	while [ $# -gt 0 ]; do
		as[$1]=$2
		shift 2
	done
	for name in $(sqlite3 a/site/cardkms.db "SELECT name FROM pragma_table_info('$table')"); do
		out+=", ${as[$name]:-$name}"
	done
	echo "${out:2}"
}

for count in ${BENCH_CARDS:-20000}; do
	use shared
	fill
	sqlite3 -csv -header -readonly a/site/cardkms.db 'SELECT id AS card FROM card' >list.csv
	cp a/site/cardkms.db before.db
	timed a send-list shipment send 'Example Bank' list.csv -o s
	[ "$(get .result.cards)" -eq "$count" ] || exit 1
	rm s a/site/cardkms.db*
	mv before.db a/site/cardkms.db
	timed a send shipment send 'Example Bank' --keyset OPMasterKey2 -o s
	[ "$(get .result.cards)" -eq "$count" ] || exit 1
	timed b receive shipment receive s
	[ "$(get .result.cards)" -eq "$count" ] || exit 1
	CODE_WANTED=3 timed b reconcile shipment reconcile 'Card Maker'
	[ "$(get .result.counts.missing)" -eq "$count" ] || exit 1
	echo "shipment.bytes_per_card.$count $(stat -c '%s' s | awk -v cards="$count" '{printf "%.0f", $1 / cards}') bytes"
done
