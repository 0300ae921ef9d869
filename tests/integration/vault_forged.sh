#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Backup files that were changed, made up, are of another site, or under another key: every byte of one
# changed; blocks swapped and signed anew by somebody else. Nothing is restored.
# shellcheck disable=SC2317 # functions are called by name
. "$(dirname "$0")/lib.sh"

fixture_site
use site
mkdir sheets
need a site-key create SK1 --pairs pairs.ini --sheets sheets
sk=$(get .result.check_value)
typed_from SK1 3 >sk.typed
need a backup create -o bk
need a site identity export -o a.id
a_print=$(get .result.fingerprint)
# A second site of the same organisation, as an intruder might make one, without the site key.
need site_new m 'Card Maker' manufacturer mal ory
need on m hsm setup
quick_passphrases m
# And a new one that rebuilt the site key: it knows nobody's identity.
need site_new n 'Card Maker' manufacturer nia ned
need on n hsm setup
quick_passphrases n
EXTRA=$(cat sk.typed) need on n site-key restore SK1 --pairs pairs.ini --check-value "$sk" \
	--fingerprint "$a_print"
keep ready
runs[on]=n

# ---- every byte ----

use ready
rm -rf a/tokens && softhsm_conf "$HERE/a"
need a hsm setup --rebuild
EXTRA=$(cat sk.typed) need a site-key restore SK1 --pairs pairs.ini --check-value "$sk"
check 'every byte of a backup' sh -c "SOFTHSM2_CONF='$HERE/a/softhsm.conf' exchange_forge flip '$HERE/a/site' backup bk >'$TMPDIR/flip' &&
	grep -q '^flip backup bytes [1-9][0-9]* trials [1-9][0-9]* accepted 0 control ok\$' '$TMPDIR/flip'"
cat "$TMPDIR/flip"

# ---- signed by somebody else, for a site that knows no identity: the seal decides ----

forge() { # FILE: signed by site m
	SOFTHSM2_CONF=$HERE/m/softhsm.conf exchange_forge sign "$HERE/m/site" backup "$1" forged
}
as_n() { on n "$@"; }
runs[as_n]=n
use ready
check 'the forger can sign' forge bk
refused 'another identity in it, nothing else' 3 'the seal of the backup is not by the site key' \
	as_n backup restore forged
refused 'another identity: not verified' 3 'the seal of the backup is not by' as_n backup verify forged
jq --indent 2 -S '.keys |= (.[0].block as $a | .[1].block as $b | .[0].block = $b | .[1].block = $a)' bk >edited
check 'blocks swapped: signed' forge edited
refused 'blocks swapped' 3 'the seal of the backup is not by the site key' as_n backup restore forged
jq --indent 2 -S '.keys[0].state = "suspended"' bk >edited
check 'a state changed: signed' forge edited
refused 'a state changed' 3 'the seal of the backup is not by the site key' as_n backup restore forged
jq --indent 2 -S '.keys[0].block = .seal' bk >edited
check 'the seal as a key: signed' forge edited
refused 'the seal as a key' 3 'the seal of the backup is not by the site key' as_n backup restore forged
refused 'edited, not signed' 3 'does not verify' as_n backup restore edited
refused 'the fingerprint on the sheets tells, too' 3 'not of the identity' \
	as_n backup restore forged --fingerprint "$a_print"
refused 'offline, nothing vouches' 3 'which is not known here' as_n backup verify --offline bk
ok 'offline, by the identity' as_n backup verify --offline --identity a.id bk
ok 'control: the backup itself' as_n backup verify bk
ok 'control: the backup itself is restored' as_n backup restore bk --fingerprint "$a_print"
sound 'control: sound' n

# ---- another key, another site, another file ----

use ready
as_m() { on m "$@"; }
runs[as_m]=m
need as_m site-key create SK1 --pairs pairs.ini --sheets m
other=$(get .result.check_value)
refused 'another site key of that name: by check value, before anything is unwrapped' 3 \
	"the site key 'SK1' has the check value $other … the backup is under 'SK1' with $sk" \
	as_m backup restore bk
refused 'another site key: not verified' 3 'has the check value' as_m backup verify bk
need site_new o 'Example Bank' issuer cleo dan
need on o hsm setup
quick_passphrases o
EXTRA=$(cat sk.typed) need on o site-key restore SK1 --pairs pairs.ini --check-value "$sk"
as_o() { on o "$@"; }
runs[as_o]=o
refused 'of another organisation' 1 "the backup is of 'Card Maker', this site is 'Example Bank'" \
	as_o backup restore bk
refused 'an identity file is no backup' 1 'the document is a identity' as_n backup restore a.id
head -c 1000 bk >short
refused 'cut off' 1 'backup' as_n backup restore short
: >empty
refused 'empty' 1 "'empty'" as_n backup restore empty
refused 'not there' 1 "'nowhere'" as_n backup restore nowhere
refused 'a folder' 1 "'sheets'" as_n backup restore sheets

# A key set of that name that is another one here.
use ready
plan_maker | sed 's/aes256/aes128/' >other.ini
need as_n hsm update --plan other.ini
refused 'a key set of that name is here' 1 "key set 'OPMasterKey1' of this site is not that of the backup" \
	as_n backup restore bk
use ready
plan_maker >same.ini
need as_n hsm update --plan same.ini
refused 'keys of those labels are here' 3 "is not 'OPMasterKey" as_n backup restore bk
finish
