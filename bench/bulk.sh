#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `key derive` end to end, on SoftHSM, files included.
#
#   derive.bulk.cbc.limit     keys/s under a raw-cbc zone key (VISA2, a million cards) over half the TDEA
#                             blocks that OpenSSL encrypts on one core, measured before and after each
#                             run: median of five
#   derive.bulk.cbc.file_keys_per_s, derive.bulk.aeskw.file_keys_per_s    the rates
#   derive.bulk.rss.CARDS     MiB that the process had resident at most, for that many cards
#
# CARDS="100000 1000000 10000000" measures memory for those; the last takes some minutes.
. "${CARDKMS_SOURCE:?run by scripts/bench}/tests/integration/key_derive_lib.sh"
[ -x "$CARDKMS_BIN/derived_reader" ] || exit 77
CARDS=${CARDS:-100000 1000000}
ROUNDS=5

cardkms() {
	/usr/bin/time -o "$TMPDIR/time" -f '%e %M' "$CARDKMS_BIN/cardkms" "$@"
}
rate() { # KEYS: keys/s of the last run
	awk -v keys="$1" '{ printf "%.0f", keys / $1 }' "$TMPDIR/time"
}
tdea() { "$CARDKMS_BIN/bench/bench_bulk" tdea; }
median() { sort -n | sed -n "$(((ROUNDS + 1) / 2))p"; }

fixture_zone >&2
zone_key ZR aes256 --wrapping raw-cbc --override 'benchmark' >&2
derived_reader cards 1000000 >many.csv
for ((i = 0; i < ROUNDS; i++)); do
	before=$(tdea)
	need derive many.csv ZR "cbc$i" --keyset Two1 --override benchmark
	keys=$(rate 3000000)
	echo "$keys" "$before" "$(tdea)"
	rm "cbc$i"
done >limits
echo "derive.bulk.cbc.limit $(awk '{ printf "%.3f\n", $1 / (($2 + $3) / 4) }' limits | median) ratio"
echo "derive.bulk.cbc.file_keys_per_s $(cut -d ' ' -f 1 limits | median) keys/s"
need derive many.csv ZK1 kw --keyset Two1
echo "derive.bulk.aeskw.file_keys_per_s $(rate 3000000) keys/s"
rm many.csv kw
for count in $CARDS; do
	derived_reader cards "$count" >many.csv
	need derive many.csv ZK1 "kw$count" --keyset Two1
	echo "derive.bulk.rss.$count $(awk '{ printf "%.1f", $2 / 1024 }' "$TMPDIR/time") MiB"
	rm -f many.csv "kw$count"
done
