#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2317 # functions are called by lib.sh
# What one person, a forged file or a changed database must not achieve: a partner's keys for another
# spelling of its name, one person as two, two components through a ceremony that failed, a terminal
# that obeys a file, guesses that nobody sees, another key than the one that the row names, a log
# without its beginning or other than what the partner was sent.
. "$(dirname "$0")/lib.sh"

fixture_exchange
need site_new d 'EXAMPLE  BANK' issuer emma finn
need on d hsm setup
need on d site identity export -o d.id
get .result.fingerprint >d.fp
need site_new e 'Example Bank' issuer emma finn
need on e hsm setup
need on e site identity export -o e.id
get .result.fingerprint >e.fp
keep attack

last_entry() { sqlite3 -readonly "$HERE/$1/site/cardkms.db" \
	'SELECT text FROM audit_entry ORDER BY seq DESC LIMIT 1'; }
entries() { sqlite3 -readonly "$HERE/$1/site/cardkms.db" 'SELECT count(*) FROM audit_entry'; }

# ---- partners ----
OFFICERS='' refused 'another spelling of a partner is no new one' 1 \
	"'EXAMPLE  BANK' is another spelling of the partner 'Example Bank'" \
	a partner add d.id --fingerprint "$(cat d.fp)"
refused 'nor a legacy KMS' 1 'another spelling' a transport-key create TKL --algorithm tdea2 \
	--components 3 --partner 'example bank' --pairs pairs.ini --wrapping raw-hex --legacy \
	--sheets sheets
before=$(entries a)
refused 'an identity that is not the one compared' 3 'has the fingerprint' \
	a partner add d.id --fingerprint "$(cat e.fp)"
equal 'it is in the audit log' $((before + 1)) "$(entries a)"
check 'with what was tried' has "$(last_entry a)" 'partner.add'
OFFICERS='' refused 'rotating needs two officers' 1 'two officers' \
	a partner rotate e.id --fingerprint "$(cat e.fp)"
OFFICERS='' need a partner revoke 'Example Bank' --reason test
OFFICERS='' refused 'and so does enrolling after a revocation' 1 \
	"'Example Bank' was revoked … two officers" a partner add e.id --fingerprint "$(cat e.fp)"
OFFICERS=ana,ben ok 'which two can' a partner add e.id --fingerprint "$(cat e.fp)"

# A revoked partner gets nothing by the way of legacy sites either.
use pair
mkdir raw
need a --override test transport-key create TKR --algorithm aes256 --components 3 \
	--partner 'Example Bank' --pairs pairs.ini --wrapping raw-hex --sheets raw
need a partner revoke 'Example Bank' --reason test
OFFICERS=ana,ben refused 'a listing for a revoked partner' 1 "'Example Bank' is revoked" \
	a --override test exchange export-listing --transport-key TKR --keyset OPMasterKey1 -o listing

# ---- people ----
use attack
for name in $'an\u200ba' $'\u202Eana' $'ana\u00A0x' $'ana\u3000x'; do
	EXTRA="officer.$name=long enough" refused "an officer's name with an unseen character: $(printf %q "$name")" \
		1 'not seen' a officer add "$name"
done
EXTRA='officer.ben=not his at all' refused 'approved by one of two' 1 "officer 'ben'" \
	a key destroy TK1 --yes
# shellcheck disable=SC2016 # for the inner shell
check 'is not logged as approved by the other' \
	bash -c '! grep -q "actor\":\"ana\|null)" <<<"$1"' - "$(last_entry a)"
for command in 'hsm check' doctor 'audit checkpoint' 'hsm capabilities'; do
	before=$(entries a)
	# shellcheck disable=SC2086 # words of a command
	EXTRA='pin=00000000' refused "a wrong PIN by $command" 1 'PIN is wrong' a $command
	equal "a wrong PIN by $command: in the audit log" $((before + 1)) "$(entries a)"
done
check 'as what it was' has "$(last_entry a)" 'CKR_PIN_INCORRECT … hsm.login'

# ---- an import that failed ----
use pair
mkdir sheets
need a transport-key create TK1 --algorithm aes256 --components 3 --partner 'Example Bank' \
	--pairs pairs.ini --sheets sheets
value=$(get .result.check_value)
typed_from TK1 3 >components
import() { # PAIRS VALUE
	EXTRA=$(cat components) b transport-key import TK1 --algorithm aes256 --components 3 \
		--partner 'Card Maker' --pairs "$1" --check-value "$2"
}
import pairs.ini 000000
equal 'a wrong announced check value stops the import' 3 "$CODE"
sed 's/component 1/component x/; s/component 2/component 1/; s/component x/component 2/' pairs.ini \
	>exchanged.ini
import exchanged.ini "$value"
check 'then the pairs cannot change places' has "$CODE $(said)" \
	"1 … A. Ortiz cannot be custodian of component 2 … has held component 1"
import pairs.ini "$value"
equal 'but the same can try again' 0 "$CODE"
again() { # LABEL PAIRS
	EXTRA=$(cat components) b transport-key import "$1" --algorithm aes256 --components 3 \
		--partner 'Card Maker' --pairs "$2" --check-value "$value" "${@:3}"
}
OFFICERS=cleo,dan refused 'the same key under another label, to other hands' 1 \
	"A. Ortiz cannot be custodian of component 2 of 'TK1'" again TK2 exchanged.ini
OFFICERS=cleo,dan ok 'but to the same, by override' again TK2 pairs.ini --override 'the old label stays'

# ---- terminals ----
use attack
printf '{\n  "\\u001B]0;gone\\u0007": 1,\n  "cardkms": "package/1"\n}\n' >evil
TEXT=1 refused 'a file cannot talk to the terminal' 1 "unknown member '?]0;gone?'" a exchange show evil
sqlite3 "$HERE/a/site/cardkms.db" \
	"UPDATE key_object SET state_reason = 'x' || char(27) || '[2Jy' WHERE label = 'TK1'"
TEXT=1 ok 'nor can a row of the store' a key show TK1
check 'nor can a row of the store: shown without' grep -q 'x?\[2Jy' "$OUT"

# ---- a database that was changed ----
use attack
db=$HERE/a/site/cardkms.db
plan_maker | sed 's/OPMasterKey1/Other1/; s/Example Bank/Second Bank/' >other.ini
need a hsm update --plan other.ini
for role in ENC MAC KEK; do
	sqlite3 "$db" "
		CREATE TEMP TABLE t AS SELECT label, cka_id, check_value, proof FROM key_object
			WHERE label IN ('OPMasterKey${role}1', 'Other${role}1');
		UPDATE key_object SET cka_id = '000000000000000000000000000000' || substr(cka_id, 1, 2)
			WHERE label IN (SELECT label FROM t);
		UPDATE key_object SET (cka_id, check_value, proof) = (SELECT cka_id, check_value, proof
			FROM t WHERE t.label != key_object.label) WHERE label IN (SELECT label FROM t);"
done
need b exchange request --from 'Card Maker' --keyset OPMasterKey1 -o req
refused "another customer's keys in the place of a partner's" 3 \
	"object of 'OPMasterKeyENC1' is labelled 'OtherENC1'" \
	a exchange export --request req --transport-key TK1 -o pkg
use attack
sqlite3 "$HERE/a/site/cardkms.db" 'DELETE FROM audit_checkpoint; DELETE FROM audit_node; DELETE FROM audit_entry'
a audit verify
check 'a log without entries is no log' has "$CODE $(said)" '3 … was cut off'
a audit checkpoint
check 'and is not signed' has "$CODE $(said)" '3 … nothing more is signed'
use attack
sqlite3 "$HERE/a/site/cardkms.db" "
	UPDATE audit_node SET hash = (SELECT hash FROM audit_node WHERE level = 0 AND idx = 1)
		WHERE level = (SELECT max(level) FROM audit_node)"
OFFICERS='' need a key suspend TK1
a audit checkpoint
check 'nor is one that does not go on from what was signed' has "$CODE $(said)" \
	'3 … nothing more is signed'

# Whose log it is says the identity on record: that must be the HSM's.
use attack
sqlite3 "$HERE/a/site/cardkms.db" "
	UPDATE site_meta SET value = CAST(readfile('e.id') AS TEXT) WHERE name = 'identity';
	UPDATE site_meta SET value = '$(cat e.fp)' WHERE name = 'fingerprint'"
a hsm check
check "another site's identity in the place of this one's" has "$CODE $(said)" \
	'3 … identity on record is not that of the keys in the HSM'

# What the token can guard is not taken from the record.
use attack
plan_maker | sed 's/OPMasterKey1/Other1/' >other.ini
sqlite3 "$HERE/a/site/cardkms.db" "UPDATE token_caps SET caps = caps ||
	'modifiable-false fails' || char(10) || 'copyable-false fails' || char(10)"
need a hsm update --plan other.ini
sqlite3 "$HERE/a/site/cardkms.db" 'DELETE FROM token_caps'
ok 'keys are as narrow as ever' a hsm check

# ---- a log that was written anew, and signed by its own site ----
use attack
need b exchange request --from 'Card Maker' --keyset OPMasterKey1 -o req
cp -a a a-before
need a exchange export --request req --transport-key TK1 -o pkg
need b exchange import pkg --transport-key TK1 --receipt rcpt
need a audit export -o true.log
ok 'the true log, at the partner' b audit verify true.log
rm -rf a && mv a-before a
for reason in 1 2 3; do
	need a key suspend OPMasterKeyENC1 --reason "$reason"
	need a key resume OPMasterKeyENC1
done
need a audit export -o false.log
ok 'the other one is good by itself' plain audit verify false.log --identity a.id
b audit verify false.log
check 'but not what the package said' has "$CODE $(said)" '3 … the log was rewritten … known from elsewhere'
finish
