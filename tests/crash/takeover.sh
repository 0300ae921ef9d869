#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The change engine (src/card/change.c) on cardsim, with power lost before and after every command
# and at every write of the card: SCP02 and SCP03, each initial-set rule; then resumed. In full also
# every pair of tears, the second one while it is resumed. The judge and the control, which keeps no
# journal, are in takeover_sweep.c.
set -eu
: "${TMPDIR:?run by ctest or scripts/sweep}" "${CARDKMS_BIN:?run by ctest or scripts/sweep}"
SEED=${SEED:-$(date +%s)}

if [ "${SWEEP:-sample}" = full ]; then
	"$CARDKMS_BIN/takeover_sweep" --full
	"$CARDKMS_BIN/takeover_sweep" --full --pairs
else
	echo "SEED=$SEED"
	"$CARDKMS_BIN/takeover_sweep" --sample 28 --seed "$SEED"
	"$CARDKMS_BIN/takeover_sweep" --sample 16 --seed "$SEED" --pairs
fi
