#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031 # EXTRA of one case
# A quorum opens the HSM: any M of N officers and no fewer, without a login that could fail; it rotates what it opened.
# (TOKEN=forward: the token counts wrong PINs and locks at the third.)
TOKEN=forward
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/quorum_lib.sh"

# ---- what cannot be a quorum ----

refused 'none yet: show' 1 'has no quorum … quorum set' a quorum show
refused 'none yet: open' 1 'has no quorum' a quorum open
refused 'none yet: change' 1 'has no quorum' members_are ana,ben quorum change --threshold 2
refused 'one of two' 1 '1 of 2 officers cannot be a quorum' members_are ana,ben quorum set --threshold 1
refused 'three of two' 1 '3 of 2 officers cannot' members_are ana,ben quorum set --threshold 3
refused 'no threshold' 2 'needs --threshold' members_are ana,ben quorum set
refused 'a threshold that is no number' 2 'takes a number' members_are ana,ben quorum set --threshold 2x
refused 'nobody named' 2 '--officers A,B,C' members_are '' quorum set --threshold 2
refused 'one person under two spellings' 1 "'ANA.' cannot hold two shares" \
	members_are 'ana,ben, ANA.' quorum set --threshold 2
refused 'an auditor' 1 "'aud' is enrolled as auditor" members_are ana,ben,aud quorum set --threshold 2
refused 'somebody unknown' 1 "'zoe'" members_are ana,ben,zoe quorum set --threshold 2
refused 'not two who approve' 1 'two officers of a first quorum must be able to approve' \
	members_are ana,eva quorum set --threshold 2
WITHOUT=officer.ben refused 'a member who is not here' 1 "'ben' joins the quorum and is not here … officer.ben=" \
	members_are ana,ben,cem quorum set --threshold 2
EXTRA='officer.cem=correct house' refused 'a wrong passphrase' 1 "wrong passphrase for officer 'cem'" \
	members_are ana,ben,cem quorum set --threshold 2
EXTRA='so-pin=11112222' refused 'a wrong administrator PIN' 1 'administrator' \
	members_are ana,ben,cem quorum set --threshold 2
dry 'a dry run' a --officers ana,ben,cem quorum set --threshold 2
ok 'still by the PIN' a hsm check

# ---- set ----

ok 'set' members_are ana,ben,cem,dia,eva quorum set --threshold 3
equal 'set: both PINs were replaced' 'so current 2 so old 1 user current 2 user old 1' "$(numbers)"
WITHOUT='officer.ana officer.ben officer.cem' refused 'the PIN that was is of no use' 1 \
	'opens with 3 of 5 officers: 2 gave a passphrase' a hsm check
refused 'set again' 1 'has a quorum already: 3 of 5 … quorum change' members_are ana,ben quorum set --threshold 2
check 'no PIN and no passphrase in the store' bash -c \
	'! grep -q -a "87654321\|12345678\|correct horse\|staple correct" a/site/*'
ok 'show' a quorum show
equal 'show: who' '3 5 ana ben cem dia eva' \
	"$(get '.result | [.threshold, .officers, (.members[] | .name)] | join(" ")')"
keep set

# ---- who opens it: each three, none of the twos and ones ----

opened=0 closed=0 wrong=0
watch
for here in 'ana ben cem' 'ana dia eva' 'ben cem eva' 'ana cem' 'dia eva' 'ben' ''; do
	# shellcheck disable=SC2086 # names
	if [ "$(wc -w <<<"$here")" -eq 3 ]; then
		only $here -- a quorum open && opened=$((opened + 1))
		watch
	else
		only $here -- a quorum open || closed=$((closed + 1))
		[ "$(grep -c C_Login "$TMPDIR/calls.log")" = 0 ] && [ "$(pins)" = "$before" ] || wrong=$((wrong + 1))
	fi
done
unset KILLP11_LOG
equal 'three of five open, fewer do not and try nothing' '3 4 0' "$opened $closed $wrong"
equal 'each opening replaced the PIN' 'user current 5' "$(sql "SELECT kind || ' ' || state || ' ' || number
	FROM sealed_pin WHERE kind = 'user' AND state = 'current'")"
equal 'the log names who opened' '["ben","cem","eva"]' "$(sql "SELECT text FROM audit_entry
	WHERE text LIKE '%quorum.open%' AND text LIKE '%done%' ORDER BY seq DESC LIMIT 1" |
	jq -c '.. | .officers? // empty')"

# ---- as any command that needs the HSM ----

use set
sed 's/OPMasterKey1/OPMasterKey2/' plan.ini >more.ini
only ana ben cem -- ok 'hsm update' a hsm update --plan more.ini
only ana ben cem -- ok 'hsm check' a hsm check
only ana ben eva -- ok 'two approve, a third is asked for besides' a --yes key destroy OPMasterKeyMAC2
before=$(pins)
only ana ben cem -- ok 'a dry run opens' a --dry-run hsm update --plan more.ini
equal 'a dry run does not rotate' "$before" "$(pins)"
only ana ben cem -- ok 'doctor' a doctor
only ana ben cem -- sound 'all is well' a
watch
EXTRA='officer.ana=wrong horse' refused 'a wrong passphrase' 1 "wrong passphrase for officer 'ana'" a hsm check
untried 'a wrong passphrase'
check 'a wrong passphrase: in the log' grep -q 'wrong passphrase' <<<"$(sql "SELECT text FROM audit_entry
	WHERE text LIKE '%quorum.open%' ORDER BY seq DESC LIMIT 1")"

finish
