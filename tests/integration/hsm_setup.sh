#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# hsm setup: PINs, tokens of every state, erasing, and a token that is not the site's own.
# SoftHSM sets CKF_USER_PIN_COUNT_LOW at a wrong PIN but never locks one: lock-out is not seen here.
. "$(dirname "$0")/lib.sh"

tokens() { # SITE: how many token folders there are
	find "$HERE/$1/tokens" -mindepth 1 -maxdepth 1 | wc -l
}

objects() { # SITE: how many objects its tokens hold
	find "$HERE/$1/tokens" -name '*.object' ! -name token.object | wc -l
}

# util SITE ARGUMENT…: softhsm2-util on that site's tokens.
util() {
	SOFTHSM2_CONF=$HERE/$1/softhsm.conf softhsm2-util "${@:2}" >"$TMPDIR/util" 2>&1 ||
		sed 's/^/# /' "$TMPDIR/util"
}

fixture_officers
plan_maker >plan.ini
keep ready

# ---- PINs ----

EXTRA=$'so-pin=12345678\npin=12345678' ok 'PINs: both the same' a hsm setup --plan plan.ini
check 'PINs: both the same: a warning' has "$(said)" 'warning … PIN are the same'
a audit list
check 'PINs: both the same: the log says so' test "$(get '[.result[] | select(.operation == "hsm.setup"
	and .phase == "outcome").details.same_pins] == [true]')" = true
use ready
EXTRA='pin=123' refused 'PINs: a short operator PIN' 1 'PIN … 4' a hsm setup --plan plan.ini
use ready
EXTRA='so-pin=1' refused 'PINs: a short administrator PIN' 1 'PIN' a hsm setup --plan plan.ini
use ready
EXTRA='pin=' refused 'PINs: an empty one' 1 'PIN' a hsm setup --plan plan.ini
use ready
EXTRA="pin=$(printf '%300s' '' | tr ' ' 9)" refused 'PINs: one of 300' 1 'PIN' a hsm setup
use ready
WITHOUT=so-pin refused 'PINs: none for the administrator' 1 \
	'no terminal … administrator (SO) PIN … so-pin=' a hsm setup --plan plan.ini
WITHOUT=pin refused 'PINs: none for the operator' 1 'no terminal … operator PIN … pin=' \
	a hsm setup --plan plan.ini
NO_FD=1 refused 'PINs: no --pin-fd at all' 1 'no terminal … --pin-fd' a hsm setup --plan plan.ini
check 'PINs: no token was made so far' test "$(tokens a)" -eq 0

# ---- the whole of it ----

ok 'setup' a hsm setup --plan plan.ini
equal 'setup: its keys' 'OPMasterKeyENC1 OPMasterKeyMAC1 OPMasterKeyKEK1' \
	"$(get '[.result.keys[].label] | join(" ")')"
equal 'setup: the fields of a key' \
	'aes256 active 32 6 aes-gp vault generated' \
	"$(get '.result.keys[0] | [.algorithm, .state, .kvn, (.check_value | length), .check_method,
		.location, .origin | tostring] | join(" ")')"
equal 'setup: objects are three keys and two pairs' 7 "$(objects a)"
sound 'setup: sound' a
ok 'capabilities' a hsm capabilities
equal 'capabilities: where cards get their keys' \
	'scp02-put-key host-assisted scp02-session in-hsm scp03-put-key in-hsm scp03-session in-hsm' \
	"$(get '[.result.operations[] | select(.operation | startswith("scp"))
		| .operation, .where] | [_nwise(2)] | sort | flatten | join(" ")')"
refused 'setup: twice' 1 'set up already … hsm update --plan' a hsm setup --plan plan.ini
refused 'setup: twice, erasing' 1 'set up already' a hsm setup --plan plan.ini --erase
keep all

# ---- a wrong PIN ----

EXTRA='pin=87654320' refused 'a wrong PIN' 1 'CKR_PIN_INCORRECT … the PIN is wrong (it was tried once) … few tries are left … check the operator PIN' \
	a audit checkpoint
equal 'a wrong PIN: its code' 'auth CKR_PIN_INCORRECT' "$(get '.error | .code + " " + .native')"
sed 's/OPMasterKey1/OPMasterKey2/' plan.ini >plan2.ini
use all
sed 's/OPMasterKey1/OPMasterKey2/' plan.ini >plan2.ini
EXTRA='pin=00000000' refused 'a wrong PIN: update' 1 'PIN' a hsm update --plan plan2.ini
check 'a wrong PIN: is in the log' grep -q 'hsm.update.*failure\|failure.*hsm.update' <(log_of a)
EXTRA='pin=00000000' refused 'a wrong PIN: destroy' 1 'PIN' a --yes key destroy OPMasterKeyENC1
ok 'a wrong PIN: the right one afterwards' a hsm update --plan plan2.ini

# ---- tokens that are not empty, or not the site's ----

use ready
util a --init-token --free --label a --so-pin 12345678 --pin 87654321
ok 'a token with PINs and nothing on it is taken' a hsm setup --plan plan.ini
equal 'a token with PINs: no second one' 1 "$(tokens a)"
use ready
util a --init-token --free --label a --so-pin 12345678 --pin 87654321
snap a
EXTRA='pin=99999999' refused 'such a token: a wrong PIN' 1 'PIN' a hsm setup --plan plan.ini
EXTRA='so-pin=99999999' refused 'such a token: a wrong administrator PIN' 1 'PIN' \
	a hsm setup --plan plan.ini

# A foreign site's keys on a token of the same label: what must never be lost.
use all
mv a other
use_two() { # a is a new site, with the tokens of the site that was
	use all
	mv a/tokens kept
	rm -rf a
	cp -a "$FIXTURES/ready/a" a
	rm -rf a/tokens
	mv kept a/tokens
	softhsm_conf "$HERE/a"
	cp "$FIXTURES/ready/plan.ini" .
}
use_two
refused 'a token with keys' 1 "token 'a' (serial … holds 7 objects already … empty token … --erase" \
	a hsm setup --plan plan.ini
refused 'a token with keys: --yes is not enough' 1 'holds 7 objects already' \
	a --yes hsm setup --plan plan.ini
refused 'erase: nobody types the label' 1 "will be lost. There is no terminal … token-label=a" \
	a --yes hsm setup --plan plan.ini --erase
EXTRA='token-label=A' refused 'erase: the label in capitals' 1 "Not confirmed … nothing was changed" \
	a --yes hsm setup --plan plan.ini --erase
EXTRA='token-label=' refused 'erase: an empty label' 1 'Not confirmed' \
	a --yes hsm setup --plan plan.ini --erase
EXTRA=$'token-label=a\npin=99999999' refused 'erase: with a wrong PIN' 1 'PIN' \
	a hsm setup --plan plan.ini --erase
EXTRA=$'token-label=a\nso-pin=99999999' refused 'erase: with a wrong administrator PIN' 1 'PIN' \
	a hsm setup --plan plan.ini --erase
EXTRA='token-label=a' OFFICERS='' refused 'erase: without officers' 1 'needs two officers' \
	a hsm setup --plan plan.ini --erase
EXTRA='token-label=a' dry 'erase: dry run' a hsm setup --plan plan.ini --erase
printf '[plan]\nname = x\n[keyset "Bad1"]\nalgorithm = rot13\n' >bad.ini
EXTRA='token-label=a' refused 'erase: with a bad plan' 1 'rot13' a hsm setup --plan bad.ini --erase
EXTRA='token-label=a' ok 'erase: the label typed' a hsm setup --plan plan.ini --erase
equal 'erase: only the new objects are left' 7 "$(objects a)"
sound 'erase: sound' a

# The site's own token gone; another of the same label in its place.
use all
mv a/tokens "$TMPDIR/away"
mkdir a/tokens
refused 'no token of the label' 1 "token … 'a'" a hsm check
util a --init-token --free --label a --so-pin 12345678 --pin 87654321
refused 'another token of the same label' 3 'has serial … but this site was set up with serial … own HSM' \
	a hsm check
refused 'another token: update' 3 'has serial' a hsm update --plan plan.ini
refused 'another token: destroy' 3 'has serial' a --yes key destroy OPMasterKeyENC1
cp -a "$TMPDIR/away/." a/tokens
refused 'two tokens of the same label' 1 '2 of … match … serial' a hsm check
rm -rf a/tokens "$TMPDIR/away"

# ---- update before setup ----

use ready
refused 'update before setup' 1 'no identity yet … hsm setup' a hsm update --plan plan.ini
refused 'identity before setup' 1 'hsm setup' a site identity
refused 'check before setup' 1 "token" a hsm check
check 'nothing was made by these' test "$(tokens a)" -eq 0
ok 'setup without a plan' a hsm setup
equal 'setup without a plan: two pairs' 4 "$(objects a)"
finish
