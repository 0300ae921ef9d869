#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Officers: who may add whom, who approves, and what a wrong passphrase leaves behind.
. "$(dirname "$0")/lib.sh"

column() { # SITE COLUMN NAME: of the officer's row
	sqlite3 -readonly "$HERE/$1/site/cardkms.db" "SELECT $2 FROM officer WHERE name = '$3'"
}

failures_logged() { # SITE: how many entries of failed operations the log has
	sqlite3 -readonly "$HERE/$1/site/cardkms.db" \
		"SELECT COUNT(*) FROM audit_entry WHERE text LIKE '%\"phase\":\"failure\"%'"
}

fixture_officers

# ---- the first two, and the third ----

use officers
ok 'the first two are there' a officer list
equal 'the first two: active security officers without failures' \
	'ana security-officer active 0 ben security-officer active 0' \
	"$(get '[.result[] | .name, .role, .state, .failures | tostring] | join(" ")')"
check 'their passphrases are kept as Argon2id' grep -q '^.argon2id.' <<<"$(column a passphrase_hash ana)"
export EXTRA='officer.eve=another phrase'
OFFICERS='' refused 'the third: without approval' 1 'needs two officers … --officers A,B' \
	a officer add eve
OFFICERS=ana refused 'the third: one approves' 2 'takes two names' a officer add eve
OFFICERS=ana, refused 'the third: one and nobody' 2 'takes two names' a officer add eve
OFFICERS=ana,ben,eve refused 'the third: three' 2 'two names, not more' a officer add eve
OFFICERS=ana,ana refused 'the same twice' 1 "'ana' cannot be both … two different people" \
	a officer add eve
OFFICERS='ana, ANA.' refused 'the same in two spellings' 1 'cannot be both' a officer add eve
OFFICERS=ana,nobody refused 'an officer that there is not' 1 "'nobody' … officer list" \
	a officer add eve
OFFICERS=ana,eve refused 'who is to be added cannot approve that' 1 "'eve'" a officer add eve
ok 'the third: two approve' a officer add eve
check 'the third: the log says who approved' test \
	"$(sqlite3 a/site/cardkms.db "SELECT actor FROM audit_entry ORDER BY seq DESC LIMIT 1")" = 'ana, ben'
refused 'again' 1 "there is an officer 'eve' already" a officer add eve
EXTRA='officer.EVE=another phrase' refused 'again in capitals' 1 "there is an officer 'eve' already" \
	a officer add EVE
EXTRA=$'officer.eve=another phrase\nofficer.fay=third phrase'
OFFICERS=ben,eve ok 'the third approves a fourth' a officer add fay --role auditor
OFFICERS='  ben ,  Eve ' EXTRA=$'officer.Eve=another phrase\nofficer.gus=fourth phrase' \
	ok 'blanks and spelling of --officers do not matter' a officer add gus --role operator
unset EXTRA

# ---- names and passphrases that will not do ----

EXTRA='officer.x=short' refused 'a passphrase of five' 1 "passphrase of 'x' must have 6 to 256" \
	a officer add x
EXTRA='officer.x=' refused 'an empty passphrase' 1 "must have 6 to 256" a officer add x
EXTRA="officer.x=$(printf '%257s' '' | tr ' ' y)" refused 'a passphrase of 257' 1 "6 to 256" \
	a officer add x
refused 'a passphrase that was not given' 1 'no terminal … new passphrase of officer x … --pin-fd' \
	a officer add x
refused 'a name with a comma' 1 'name' a officer add 'x,y'
refused 'a name with =' 1 'name' a officer add 'x=y'
refused 'a name of full stops' 1 "has no letters" a officer add '...'
refused 'an empty name' 1 'name' a officer add ''
refused 'a name with an escape sequence' 1 'name' a officer add $'\e[2Jx'
refused 'a name that is no UTF-8' 1 'name' a officer add $'\xff\xfe'
refused 'a role that there is not' 1 "security-officer, operator, custodian or auditor … 'boss'" \
	a officer add x --role boss

# ---- who cannot approve ----

use officers
EXTRA='officer.eve=another phrase' need a officer add eve
EXTRA='officer.aud=audit phrase' need a officer add aud --role auditor
before=$(failures_logged a)
EXTRA=$'officer.ben=battery stapler\nofficer.x=some phrase' refused 'a wrong passphrase' 1 \
	"wrong passphrase for officer 'ben' … the failure is in the audit log" a officer add x
equal 'a wrong passphrase: counted' 1 "$(column a failures ben)"
equal 'a wrong passphrase: logged' $((before + 1)) "$(failures_logged a)"
EXTRA=$'officer.ben=BATTERY STAPLE\nofficer.x=some phrase' refused 'a wrong passphrase again' 1 \
	"wrong passphrase for officer 'ben'" a officer add x
EXTRA=$'officer.ben=battery staple \nofficer.x=some phrase' refused 'one with a blank behind' 1 \
	"wrong passphrase for officer 'ben'" a officer add x
equal 'three wrong: counted' 3 "$(column a failures ben)"
EXTRA=$'officer.ben=guess guess\nofficer.x=some phrase' refused 'guessing in a dry run' 1 \
	"wrong passphrase" a --dry-run officer add x
equal 'guessing in a dry run: counted' 4 "$(column a failures ben)"
equal 'guessing in a dry run: logged' $((before + 4)) "$(failures_logged a)"
check 'no passphrase in the store' bash -c '! grep -q -a "battery\|some phrase\|guess guess" a/site/*'
EXTRA='officer.x=some phrase' WITHOUT=officer.ben refused 'a passphrase that was not given' 1 \
	'no terminal … passphrase of officer ben … officer.ben=' a officer add x
EXTRA=$'officer.aud=audit phrase\nofficer.x=some phrase' OFFICERS=ana,aud refused \
	'an auditor cannot approve' 1 "'aud' is enrolled as auditor and cannot approve … security-officer" \
	a officer add x
EXTRA='officer.x=some phrase' ok 'the right one' a officer add x --role custodian
equal 'the right one: the count starts anew' 0 "$(column a failures ben)"

# ---- disabled ----

refused 'disable: nobody' 1 "'zoe'" a officer disable zoe
OFFICERS='' refused 'disable: without approval' 1 'needs two officers' a officer disable eve
ok 'disable' a officer disable ana
equal 'disable: the row stays' disabled "$(column a state ana)"
export EXTRA='officer.eve=another phrase'
refused 'a disabled officer cannot approve' 1 "officer 'ana' is disabled" a officer disable aud
OFFICERS=ben,eve refused 'disable: again' 1 "'ana' is disabled already" a officer disable ana
OFFICERS=ben,eve refused 'disable: one of the last two' 1 \
	"'ben' is one of the last two … add another security officer" a officer disable ben
OFFICERS=ben,eve ok 'disable: an auditor any time' a officer disable aud
OFFICERS=ben,eve refused 'a disabled name is not free' 1 "there is an officer 'ana' already" \
	a officer add ana

# ---- policy ----

use officers
sed -i 's/^two-officers = .*/& enrol generate/' a/site/site.ini
plan_maker >plan.ini
OFFICERS='' refused 'policy: setup by one' 1 'needs two officers' a hsm setup --plan plan.ini
check 'policy: no token was made' test -z "$(ls a/tokens)"
OFFICERS=ana,ben ok 'policy: setup by two' a hsm setup --plan plan.ini
ok 'policy: the log verifies' a audit verify
a site identity export -o id
OFFICERS='' refused 'policy: enrolment by one' 1 'needs two officers' a partner add id \
	--fingerprint "$(get .result.fingerprint)"
finish
