#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Memory gives out in every command that an integration test has a case for, at each place of the program
# where it can (shadow_lib.sh): so the tests' cases are the list, and a new command needs no entry here.
#
# A command whose memory gives out may go on only where it would have gone through without; else it says
# what is wrong, shows no secret, leaves a database that is whole, a log that verifies, and nothing
# unfinished that doctor does not settle. The cases of the test must then still pass.
#
# Control: operations that were left unfinished, before doctor came.
#
# SWEEP=sample (make test) runs one script by SEED, and there one command in SHADOW_EVERY with one read of
# a file that fails: what third-party code does without memory ends a run under sanitizers. SWEEP=full
# runs all of them. ONLY=REGEX chooses scripts.
: "${CARDKMS_SOURCE:?run by ctest}" "${CARDKMS_BIN:?run by ctest}" "${TMPDIR:?run by ctest}"
export TOKEN=forward SEED=${SEED:-$(date +%s)} SHADOW=$TMPDIR/shadow SHADOW_EVERY=12
mkdir -p "$SHADOW"
: >"$SHADOW/places"
: >"$SHADOW/figures"
: >"$SHADOW/lost"
: >"$SHADOW/control"

# Those that run on SQLite, and on a token that is in another process; the first are short enough for a
# sample.
short_scripts=(keys hsm_plan exchange_show exchange_raw)
scripts=("${short_scripts[@]}" custody custody_restore key_blocks site officers exchange_rules
	exchange_legacy exchange_attacks vault_backup vault_lost_site vault_replicate witness hsm_setup
	transport_create transport_import audit approvals ceremony_file ceremony_kinds ceremony_paper quorum
	quorum_change key_derive key_derive_refused officer_lock shipment shipment_bad
	key_states card_flow card_issue card_faults security_approvals faults_store)
[ "${SWEEP:-sample}" = full ] || scripts=("${short_scripts[SEED % ${#short_scripts[@]}]}")

failed=0
for script in "${scripts[@]}"; do
	[[ $script =~ ${ONLY:-.} ]] || continue
	before=$(wc -l <"$SHADOW/figures")
	mkdir "$TMPDIR/$script"
	chmod 0711 "$TMPDIR/$script"
	if ! TMPDIR=$TMPDIR/$script bash "$CARDKMS_SOURCE/tests/integration/$script.sh" >"$SHADOW/said" 2>&1; then
		failed=$((failed + 1))
		echo "$script no longer passes:"
		grep -A 12 '^not ok\|^skipped' "$SHADOW/said" | head -60
	fi
	rm -rf "${TMPDIR:?}/$script"
	echo "$script: $(($(wc -l <"$SHADOW/figures") - before)) trials"
done

lost=$(grep -c '^[^ ]' "$SHADOW/lost")
head -c 20000 "$SHADOW/lost"
echo "seed $SEED, $(grep -cx 0 "$SHADOW/figures") went on to their end," \
	"$(grep -cx '139\|134' "$SHADOW/figures") died in p11-kit, libharu or OpenSSL"
echo "sweep commands.short trials $(wc -l <"$SHADOW/figures") lost $lost control_lost $(wc -l <"$SHADOW/control")"
[ "$failed" -eq 0 ] && [ "$lost" -eq 0 ] && [ -s "$SHADOW/figures" ] &&
	{ [ "${SWEEP:-sample}" = sample ] || [ -s "$SHADOW/control" ]; }
