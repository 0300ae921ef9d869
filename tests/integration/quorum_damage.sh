#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031 # EXTRA of one case
# A quorum whose record was changed, or whose rotation the HSM refuses or is cut short.
# (TOKEN=forward: the token counts wrong PINs and locks at the third.)
TOKEN=forward
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/quorum_lib.sh"

fixture_quorum

# ---- what was changed in the registry ----

flip() { # TABLE.COLUMN WHERE: another digit in the middle
	sql "UPDATE ${1%.*} SET ${1#*.} = substr(${1#*.}, 1, 100) ||
		CASE substr(${1#*.}, 101, 1) WHEN 'A' THEN 'B' ELSE 'A' END || substr(${1#*.}, 102) WHERE $2"
}
use set
flip quorum_member.share "folded = 'ben'"
watch
only ana ben cem -- refused 'a changed share' 3 "the share of officer 'ben' is damaged … no PIN was tried" a hsm check
untried 'a changed share'
only ana ben cem dia -- ok 'a changed share: others do' a hsm check
check 'a changed share: its officer is named' has "$(said)" "warning … officer 'ben' is damaged"
use set
flip officer_key.sealed "folded = 'cem'"
watch
only ana ben cem -- refused 'a changed officer key' 3 "the share of officer 'cem' is damaged" a hsm check
untried 'a changed officer key'
use set
sql "UPDATE quorum_member SET public_key = (SELECT public_key FROM quorum_member WHERE folded = 'eva')
	WHERE folded = 'dia'"
watch
only ana ben cem -- refused 'a public key put in place of another' 3 'prove the list of its members' a hsm check
untried 'a public key put in place of another'
use set
sql "UPDATE quorum_member SET share = (SELECT share FROM quorum_member WHERE folded = 'eva')
	WHERE folded = 'dia'"
watch
only ana ben dia -- refused "another's share" 3 "officer 'dia' is damaged" a hsm check
use set
sql 'UPDATE quorum SET threshold = 2'
watch
only ana ben -- refused 'a threshold lowered in the registry' 3 'damaged' a hsm check
untried 'a threshold lowered in the registry'
use set
flip sealed_pin.sealed "kind = 'user' AND state = 'current'"
watch
only ana ben cem -- refused 'a changed PIN' 3 'the sealed PIN is not what was sealed … no PIN was tried' a hsm check
untried 'a changed PIN'
use set
sql "UPDATE sealed_pin SET sealed = (SELECT sealed FROM sealed_pin WHERE kind = 'user' AND state = 'old')
	WHERE kind = 'user' AND state = 'current'"
watch
only ana ben cem -- refused 'an old PIN put in place of the current one' 3 'not what was sealed' a hsm check
untried 'an old PIN put in place of the current one'
unset KILLP11_LOG

# ---- rotation that the HSM refuses, or that is cut short ----

use set
watch
before=$(pins)
export KILLP11_AT=C_SetPIN:1:before KILLP11_RET=CKR_FUNCTION_FAILED
only ana ben cem -- ok 'the HSM refuses a new PIN: work goes on' a hsm check
check 'the HSM refuses a new PIN: said' has "$(said)" 'warning: the PIN was not rotated … CKR_FUNCTION_FAILED'
unset KILLP11_AT KILLP11_RET
only ana ben cem -- ok 'and the next time' a hsm check
export KILLP11_AT=C_SetPIN:1:after
only ana ben cem -- a hsm check
equal 'killed after the change: both are there' 'user current 3 user next 4' "$(sql "SELECT kind || ' ' || state
	|| ' ' || number FROM sealed_pin WHERE kind = 'user' ORDER BY state" | paste -sd ' ')"
unset KILLP11_AT
watch
only ana ben cem -- ok 'killed after the change: opens' a hsm check
check 'killed after the change: said' has "$(said)" 'cut short'
unset KILLP11_LOG

finish
