#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031 # EXTRA of one case
# A quorum goes on with others, without one, after break-glass, and ends with its HSM.
# (TOKEN=forward: the token counts wrong PINs and locks at the third.)
TOKEN=forward
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/quorum_lib.sh"

fixture_quorum

# ---- others ----

use set
before=$(pins)
only ana ben -- refused 'change by two of three' 1 '2 gave a passphrase' members_are ana,ben quorum change --threshold 2
only ana ben cem -- ok 'change: who stays need not be there' members_are ben,cem,dia,eva quorum change --threshold 2
only ana dia -- refused 'who left opens no more' 1 '1 gave a passphrase' a hsm check
only dia eva -- ok 'who stayed opens' a hsm check
OFFICERS='' only ben dia -- refused 'who joins must be there' 1 "'ana' joins the quorum and is not here" a officer enrol ana
OFFICERS='' only ana ben dia -- ok 'enrol' a officer enrol ana
OFFICERS='' only ben dia -- refused 'enrol again' 1 "'ana' cannot hold two shares" a officer enrol ana
only ana eva -- ok 'enrol: opens' a hsm check
OFFICERS=ana,ben refused 'disable: not while a share is held' 1 "'dia' holds a share … officer revoke dia" \
	a officer disable dia
OFFICERS='' only dia ana -- refused 'revoke: not by the one' 1 '1 gave a passphrase' a officer revoke dia
OFFICERS='' only ben ana -- ok 'revoke' a officer revoke dia
OFFICERS='' only dia ana -- refused 'revoked: opens no more' 1 '1 gave a passphrase' a hsm check
OFFICERS='' only eva ana -- ok 'revoked: others do' a hsm check
OFFICERS='' only ben ana -- refused 'revoke: nobody' 1 "'zoe' is not of the quorum" a officer revoke zoe
OFFICERS='' only ben ana -- ok 'revoke: down to what is needed' a officer revoke eva
OFFICERS='' only ben ana cem -- ok 'revoke: to two' a officer revoke cem
OFFICERS='' only ben ana -- refused 'revoke: fewer than are needed' 1 'there would be 1 officers' a officer revoke ben
OFFICERS=ana,ben only ana ben -- ok 'disable: afterwards' a officer disable dia
OFFICERS='' only ana ben dia -- refused 'enrol: a disabled officer' 1 "'dia' is disabled" a officer enrol dia
only ana ben -- sound 'others: all is well' a

# ---- another passphrase ----

use set
EXTRA=$'new-passphrase.ana=hollow moon tide' OFFICERS='' ok 'rekey' a officer rekey ana
only ana ben cem -- refused 'rekey: the old passphrase' 1 "wrong passphrase for officer 'ana'" a hsm check
EXTRA='officer.ana=hollow moon tide' only ana ben cem -- ok 'rekey: the new one' a hsm check
EXTRA='new-passphrase.ben=short' OFFICERS='' refused 'rekey: too short' 1 'must have 6 to 256' a officer rekey ben
EXTRA='new-passphrase.ben=battery staple' OFFICERS='' refused 'rekey: the same' 1 'is the old one' a officer rekey ben
OFFICERS='' refused 'rekey: not given' 1 'new-passphrase.ben' a officer rekey ben
EXTRA=$'officer.ben=nonsense\nnew-passphrase.ben=something else' OFFICERS='' refused \
	'rekey: not by the wrong one' 1 "wrong passphrase for officer 'ben'" a officer rekey ben

# ---- break glass ----

use set
pairs_three | head -4 >glass.ini
mkdir paper
only ana ben -- refused 'sheets: too few' 1 '2 gave a passphrase' a quorum break-glass --pairs glass.ini --sheets paper
only ana ben cem -- ok 'sheets' a quorum break-glass --pairs glass.ini --sheets paper
check 'sheets: two, for nobody else' test "$(stat -c %a paper/break-glass-1.txt paper/break-glass-2.txt | paste -sd ' ')" = '600 600'
check 'sheets: in the form of the house' grep -q 'quorum key  quorum-1   aes256   component 2 of 2' paper/break-glass-2.txt
only ana ben cem -- refused 'sheets: not over others' 1 'exists already' a quorum break-glass --pairs glass.ini --sheets paper
typed=$(for i in 1 2; do echo "component.$i=$(sheet_lines paper/break-glass-$i.txt)"; done)
swapped=$(for i in 1 2; do echo "component.$i=$(sheet_plain paper/break-glass-1.txt)"; done)
watch
export EXTRA=$swapped
only ana ben -- refused 'not its key' 3 "are not the key of the quorum's generation 1 … no PIN was tried" \
	members_are ana,ben quorum open --break-glass --threshold 2
untried 'not its key'
EXTRA=$(head -1 <<<"$typed")
only ana ben -- refused 'one of two components' 1 'component 2 of 2' \
	members_are ana,ben quorum open --break-glass --threshold 2
EXTRA=$typed
refused 'without a new quorum' 2 '--officers A,B,C' a quorum open --break-glass
only ana ben -- ok 'break glass' members_are ana,ben quorum open --break-glass --threshold 2
check 'break glass: said loudly' has "$(said)" 'BREAK GLASS'
check 'break glass: in the log' grep -q 'break_glass' <<<"$(sql "SELECT text FROM audit_entry
	WHERE text LIKE '%quorum.break-glass\"%' ORDER BY seq DESC LIMIT 1")"
only ana ben -- refused 'the sheets are void then' 3 "not the key of the quorum's generation 2" \
	members_are ana,ben quorum open --break-glass --threshold 2
unset EXTRA KILLP11_LOG
only ana ben -- ok 'the new quorum opens' a quorum open
only ana ben -- sound 'break glass: all is well' a

# ---- an HSM that is lost takes its quorum with it ----

use set
rm -rf a/tokens/*-*
OFFICERS=ana,ben ok 'rebuild' a hsm setup --rebuild
refused 'rebuild: the quorum has ended' 1 'has no quorum' a quorum show
ok 'rebuild: by the PIN' a audit checkpoint
finish
