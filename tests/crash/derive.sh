#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2317,SC2030,SC2031,SC2034 # functions called by name, a word for tokens.sh
# `key derive` ended at every write and sync of its files and at calls of the HSM, by a kill with and
# without the loss of what was never synced, a full disk, and an HSM that goes away; then the same
# command again.
#
# A trial is lost if the file is then another than that of a run that nothing happened to, if
# derive-verify does not vouch for it, if anything is left beside it, if an operation is unfinished, or
# if the audit log does not verify. The control does not run the command again, and must lose.
#
# SWEEP=sample (make test) takes some points by SEED, SWEEP=full all of them.
TOKEN=forward
. "${CARDKMS_SOURCE:?run by ctest}/tests/integration/key_derive_lib.sh"
SEED=${SEED:-$(date +%s)}
RANDOM=$SEED
CARDS=9000 # three chunks

full() { [ "${SWEEP:-sample}" = full ]; }

FAULT=()
cardkms() {
	env "${FAULT[@]}" "$CARDKMS_BIN/cardkms" "$@"
}
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0
files=("LD_PRELOAD=$CARDKMS_BIN/libfaultfs.so" "FAULTFS_DIR=$HERE/out")
trials=0 lost=0 control_lost=0 resumed=0

run() { derive many.csv ZK1 out/keys --keyset Two1; }

wrong() {
	local left
	[ "$CODE" -eq 0 ] || echo "the command again: $(said)"
	cmp reference out/keys 2>&1
	left=$(cd out && echo *)
	[ "$left" = 'keys keys.manifest' ] || echo "in the folder: $left"
	a key derive-verify out/keys --cards many.csv || echo "derive-verify: $(said)"
	[ "$(sqlite3 a/site/cardkms.db "SELECT count(*) FROM operation WHERE state = 'intent'")" = 0 ] ||
		echo 'unfinished operation'
	a audit verify || echo "audit verify: $(said)"
}

trial() { # WORD…: for env, in the first run
	local found
	rm -rf out
	mkdir out
	FAULT=("$@")
	run
	FAULT=()
	trials=$((trials + 1))
	if [ "$CODE" -eq 0 ]; then
		failed "the fault was not met: $*" </dev/null
		return
	fi
	[ -e out/keys ] && [ ! -e out/keys.part ] || control_lost=$((control_lost + 1))
	# It was all done but for a name that was left.
	if [ -e out/keys ]; then
		rm -f out/keys.progress
		CODE=0
		: >"$OUT"
	else
		run
	fi
	[ "$(get '.result.resumed_after // 0')0" -lt 4096 ] || resumed=$((resumed + 1))
	found=$(wrong)
	[ -z "$found" ] && return
	lost=$((lost + 1))
	printf '%s\n%s\n' "$*" "$found" | failed "trial $trials, SEED=$SEED"
}

fixture_zone
derived_reader cards "$CARDS" >many.csv
mkdir out
FAULT=("${files[@]}" "FAULTFS_LOG=$TMPDIR/files.log")
need run
FAULT=()
cp out/keys reference
writes=$(grep -c '^write' "$TMPDIR/files.log") syncs=$(grep -c '^sync' "$TMPDIR/files.log")

# The calls that matter are those of the chunks: three wraps each.
points=()
for ((i = 1; i <= writes; i++)); do
	points+=("write:$i:before" "write:$i:after" "write:$i:ENOSPC")
done
for ((i = 1; i <= syncs; i++)); do
	points+=("sync:$i:before" "sync:$i:after" "sync:$i:EIO")
done
if full; then
	chosen=("${points[@]}")
else
	chosen=("${points[RANDOM % ${#points[@]}]}" "${points[RANDOM % ${#points[@]}]}")
fi
for point in "${chosen[@]}"; do
	trial "${files[@]}" "FAULTFS_AT=$point" FAULTFS_LOSE=unsynced
done
# Every derivation, and the wrappings of the last chunk: what was done before it is durable.
rm -rf out
mkdir out
FAULT=("KILLP11_LOG=$TMPDIR/calls.log")
need run
FAULT=()
last=$(grep -c ' C_WrapKey ' "$TMPDIR/calls.log")
if full; then
	for ((i = 1; i <= $(grep -c ' C_DeriveKey ' "$TMPDIR/calls.log"); i++)); do
		trial "KILLP11_AT=C_DeriveKey:$i:before"
	done
fi
before=$resumed
trial "KILLP11_AT=C_WrapKey:$last:before"
equal 'killed in the last chunk: it went on' 1 $((resumed - before))
trial "KILLP11_AT=C_WrapKey:$((last - 1)):before" KILLP11_RET=CKR_DEVICE_ERROR
equal 'the HSM failed in the last chunk: it went on' 2 $((resumed - before))

# A disk that is full at the last chunk.
place=$(sed -n 's/^write \([0-9]*\) .*keys\.part$/\1/p' "$TMPDIR/files.log" | tail -n 1)
rm -rf out
mkdir out
FAULT=("${files[@]}" "FAULTFS_AT=write:$place:ENOSPC")
run
FAULT=()
check 'a full disk: what is kept' has "$(said)" "No space left … of 9000 cards are kept in 'out/keys.part'"
check 'a full disk: nothing that looks complete' test ! -e out/keys -a ! -e out/keys.manifest
ok 'a full disk: room was made' run
check 'a full disk: the same file' cmp reference out/keys

# What it says, and what it does not go on with.
mkdir -p out && rm -f out/*
FAULT=("KILLP11_AT=C_WrapKey:$last:before" KILLP11_RET=CKR_DEVICE_ERROR)
run
FAULT=()
check 'an HSM that fails: what is kept' has "$(said)" "of 9000 cards are kept in 'out/keys.part'"
cp -a out kept
sed '$d' many.csv >other.csv
refused 'other cards are another job' 1 'was begun with other cards, keys' derive other.csv ZK1 out/keys --keyset Two1
refused 'another key set is another job' 1 'was begun with other cards, keys' derive many.csv ZK1 out/keys --keyset Large1
printf x | dd of=out/keys.part bs=1 seek=100 conv=notrunc status=none
refused 'the part is another' 3 'is not what was written there' run
rm -rf out && cp -a kept out
sed -i 's/"chunks": 1/"chunks": 2/;s/"chunks": 2/"chunks": 1/' out/keys.progress
sed -i 's/"bytes": /"bytes": 1/' out/keys.progress
refused 'the record is not ours' 3 'signature' run
rm -rf out && cp -a kept out
ok 'and then goes on' run
check 'to the same file' cmp reference out/keys

echo "sweep derive trials $trials lost $lost control_lost $control_lost"
[ "$control_lost" -gt 0 ] || failed 'the control lost nothing' </dev/null
[ "$lost" -eq 0 ] && passed 'every trial ended with the same file'
finish
