#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every operation of the exchange, killed at every call that changes the token and at every sync.
#
# Killed are: before and after each PKCS#11 call that changes the token; before each fsync and
# fdatasync of the case's files, once with what was written so far kept (a SIGKILL) and once with what
# was not synced taken back (a power failure), and after each (taken back); and after some writes
# (taken back). Then `doctor` settles it, or (by SEED) just the operation itself, run again. A trial is
# lost if afterwards
#   - `hsm check` or `audit verify` disagrees, or an operation, key, key set or ceremony is unfinished,
#   - the operation took effect in part,
#   - it took no effect and cannot be repeated to success,
#   - it took effect and a file of it that is missing cannot be written again.
# One run of each operation is not killed but loses at its end what it did not sync: it exited with
# 0, so all of it must be there. And memory or disk give out (`short`): lost as above, or if it exited
# with 0 and did not take effect as a whole, or with another status and did not say why.
#
# Controls, which must lose, or the judgement above proves nothing:
#   kill, short  the same sites judged before anything reconciled them. At most points nothing is
#          lost that way either (before the intent, after the commit), so the figure is below the
#          number of trials; it must not be 0.
#   power  the same end, but no sync ever reached the disk (FAULTFS_LOSE=all): of what exited with 0
#          nothing may be left.
# SWEEP=sample (make test) takes some points of each operation by SEED, SWEEP=full all of them.
. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC2034 # for sweep_one
surely=hsm_update powerless='key_suspend import'

build_fixtures
for operation in "${operations[@]}"; do
	sweep_one "$operation"
	short_one "$operation"
done
end_sweep exchange
