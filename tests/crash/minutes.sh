#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2034 # read in lib.sh
# A ceremony by its file, whatever stops it: killed, power lost, no memory, a disk that is full or fails, also
# while its minutes are written. Every meeting that has ended has minutes, and they tell how its operation
# ended; the ceremony can be held again.
#
# Controls: as in exchange.sh, and of memory and disk: what there is before anything settled it.
. "$(dirname "$0")/lib.sh"

at[update]=a from[update]=room
op_update() {
	a --yes ceremony run update.ini --plain
}
effect_update() {
	local bad
	bad=$(sql a "SELECT id || ' ' || state FROM meeting WHERE state != 'started' AND minutes IS NULL")
	[ -z "$bad" ] || echo "half: no minutes: $bad"
	bad=$(sql a "SELECT meeting.id FROM meeting LEFT JOIN operation ON operation.id = op_id
		WHERE minutes LIKE '%\"state\":\"intent\"%' OR
			(meeting.state = 'done' AND coalesce(operation.state, '-') != 'done')")
	[ -z "$bad" ] || echo "half: the minutes are not what was: $bad"
	bad=$(sql a "SELECT id FROM operation WHERE kind = 'hsm.update' AND state = 'done' AND id NOT IN
		(SELECT op_id FROM meeting WHERE op_id IS NOT NULL AND minutes IS NOT NULL)")
	[ -z "$bad" ] || [ -n "$(sql a "SELECT id FROM meeting WHERE state = 'started'")" ] ||
		echo "half: done, and in no minutes: $bad"
	some a 3 "SELECT count(*) FROM key_object JOIN keyset ON keyset.name = keyset
		WHERE keyset = 'OPMasterKey2' AND key_object.state = 'active'"
}
# Nothing is settled yet: a meeting that is open, or what the operation left.
open_or_wrong() {
	sql a "SELECT 'open: ' || id FROM meeting WHERE state = 'started'"
	wrong_at a
}
control[update]=open_or_wrong

fixture_site
use site
{
	printf '[ceremony]\nkind = hsm-update\ntitle = More keys\ndate = %s\n' "$(date -u +%F)"
	printf '[people]\nofficers = ana, ben\n'
	printf '[preconditions]\nno-network = no\nno-swap = no\nno-core = no\n[files]\nplan = more.ini\n'
} >update.ini
plan_maker | sed 's/OPMasterKey1/OPMasterKey2/; s/0x20/0x21/' >more.ini
keep room
surely=update surely_at=change:1:before powerless=update
sweep_one update
short_one update
end_sweep minutes
