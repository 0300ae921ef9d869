#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A quorum on an HSM whose administrator marks keys as trusted: the officers give that PIN, too, and it is
# rotated when it was used.
TOKEN=guarded
. "$(dirname "$0")/lib.sh"

number() { # KIND
	sqlite3 a/site/cardkms.db "SELECT number FROM sealed_pin WHERE kind = '$1' AND state = 'current'"
}

fixture_site
use site
OFFICERS=ana,ben ok 'set' a quorum set --threshold 2
equal 'set: the administrator PIN was replaced' 2 "$(number so)"
mkdir sheets
WITHOUT='pin so-pin' ok 'a key that the administrator marks' a site-key create SK1 --pairs pairs.ini --sheets sheets
equal 'that PIN was rotated' 3 "$(number so)"
equal 'and the operator PIN' 3 "$(number user)"
WITHOUT='pin so-pin officer.ben' refused 'not by one officer' 1 '1 gave a passphrase' \
	a site-key create SK2 --pairs pairs.ini --sheets sheets
check 'no sheet of it' test ! -e sheets/SK2-1.txt
WITHOUT='pin so-pin' dry 'a dry run rotates neither' a site-key create SK3 --pairs pairs.ini --sheets sheets
WITHOUT='pin so-pin' ok 'the marked key wraps' a backup create -o bk
WITHOUT='pin so-pin' sound 'all is well' a

# Killed when the administrator PIN has been changed: the next use finds out which holds.
export KILLP11_AT=C_SetPIN:2:after
WITHOUT='pin so-pin' a site-key create SK4 --pairs pairs.ini --sheets sheets
unset KILLP11_AT
equal 'killed: both are there' 'current next' "$(sqlite3 a/site/cardkms.db "SELECT state FROM sealed_pin
	WHERE kind = 'so' ORDER BY state" | paste -sd ' ')"
rm -f sheets/SK4-*
WITHOUT='pin so-pin' ok 'killed: goes on' a site-key create SK4 --pairs pairs.ini --sheets sheets
check 'killed: said' has "$(said)" 'rotation was cut short'
finish
