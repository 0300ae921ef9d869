#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2317 # functions called by name
# Site key, backup, and a lost HSM rebuilt from both: into the same site and into a new one, into
# SoftHSM and into NSS softokn.
. "$(dirname "$0")/lib.sh"

plan_all() { # every algorithm
	cat <<-'END'
		[plan]
		name = all
		[keyset "Two1"]
		customer = Example Bank
		algorithm = tdea2
		diversification = visa2
		key-version = 0x20
		export = partner
		[keyset "Three1"]
		algorithm = tdea3
		diversification = none
		key-version = 0x21
		[keyset "Small1"]
		algorithm = aes128
		diversification = kdf3
		key-version = 0x22
		cryptoperiod = 36 months
		[keyset "Middle1"]
		algorithm = aes192
		diversification = kdf3
		key-version = 0x23
		[keyset "Large1"]
		algorithm = aes256
		diversification = kdf3
		key-version = 0x24
		cryptoperiod = 2 years
	END
}

values_of() { # SITE: label, algorithm, state, check value, method, of every master
	on "$1" key list
	get '.result[] | select(.keyset) | [.label, .algorithm, .state, .check_value, .check_method,
		.kvn, .exportable, .origin, .created, .expires // "-"] | map(tostring) | join(" ")'
}

sk_create() {
	a site-key create SK1 --pairs pairs.ini --sheets sheets
}
sk_restore() { # SITE CHECK-VALUE [WORD…]
	EXTRA=$(cat sk.typed) on "$1" site-key restore SK1 --pairs pairs.ini --check-value "$2" "${@:3}"
}
runs[sk_create]=a runs[sk_restore]=a

burn() { # SITE: its token is gone
	rm -rf "$HERE/$1/tokens"
	mkdir "$HERE/$1/tokens"
}

fixture_officers
plan_all >plan.ini
need a --yes hsm setup --plan plan.ini
quick_passphrases a
pairs_three >pairs.ini
mkdir sheets
need a site identity export -o a.id
get .result.fingerprint >a.fp

# ---- the site key ----

refused 'a backup without a site key' 1 "has no site key … site-key create" a backup create -o bk
refused 'site key: TDEA wraps nothing by AES key wrap' 1 "cannot be tdea3 … choose aes256" \
	a site-key create SK1 --algorithm tdea3 --pairs pairs.ini --sheets sheets
ok 'site key: created' sk_create
equal 'site key: what it is' 'site aes256 active vault components aes-kw null null' \
	"$(get '.result | [.role, .algorithm, .state, .location, .origin, .wrapping, .direction, .partner]
		| map(. // "null") | join(" ")')"
sk=$(get .result.check_value)
equal 'site key: the sheets make that key' "$sk" "$(check_value_of aes256 "$(combined SK1 3)")"
check 'site key: the sheet says what it is' grep -q 'site key  *SK1' sheets/SK1-2.txt
check 'site key: the sheet has the identity' grep -q "$(head -c 4 a.fp)" sheets/SK1-2.txt
refused 'site key: the label is taken' 1 "there is a key 'SK1' already" sk_create
sound 'site key: sound' a
typed_from SK1 3 >sk.typed
keep keyed

# ---- backup ----

values_of a >before
ok 'backup: created' a backup create -o bk
cp "$OUT" made
equal 'backup: how many' '15 SK1' "$(get '.result | [.key_count, .site_key] | join(" ")')"
equal 'backup: what is left out' 'SK1 (site), cardkms-audit (audit), cardkms-identity (identity)' \
	"$(get '.result.left_out | sort | join(", ")')"
equal 'backup: nobody else reads it' 600 "$(stat -c %a bk)"
equal 'backup: canonical' '' "$(jq -S --indent 2 . bk | cmp - bk 2>&1)"
refused 'backup: takes no other file'"'"'s place' 1 "there is a file 'bk' already" a backup create -o bk
refused 'backup: a folder that is not there' 1 'no/bk' a backup create -o no/bk
ok 'backup: listed' a backup list
equal 'backup: listed once, with its hash' "$(sha256sum <bk | cut -d' ' -f1 | tr a-f A-F)" \
	"$(get '.result[].sha256')"
dry 'backup: dry run' a backup create -o dry
ok 'backup: verified, every key unwrapped' a backup verify bk
equal 'backup: verdict' "by this site's identity good 15 0 0 0" \
	"$(get '.result | [.signature, .seal, .unwrapped, (.not_in_it, .not_in_registry, .newer_backups
		| length)] | join(" ")')"
WITHOUT=pin ok 'backup: verified without the HSM' a backup verify --offline bk
ok 'backup: verified without the site' plain --json backup verify --identity a.id bk
refused 'backup: no identity, no site' 2 'which site?' plain --json backup verify bk
objects=$(find a/tokens -name '*.object' | wc -l)
a backup verify bk
equal 'backup: verifying leaves nothing on the token' "$objects" "$(find a/tokens -name '*.object' | wc -l)"
jq -r '.keys[0].block' bk >block
check 'backup: the audit log has its hash' has "$(log_of a)" "$(get .result.sha256)"
keep backed

# A custodian may not bring it back, nor make it.
use backed
printf 'officer.A. Ortiz=correct horse battery\n' >>a/secrets
a officer add 'A. Ortiz'
OFFICERS='ana,A. Ortiz' refused 'a custodian of the site key makes no backup' 1 \
	"A. Ortiz … component 1" a backup create -o bk2

# New keys since: told.
use backed
plan_maker | sed 's/aes256/aes128/' >more.ini
need a hsm update --plan more.ini
ok 'keys made since' a backup verify bk
equal 'keys made since are named' 'OPMasterKeyENC1 OPMasterKeyKEK1 OPMasterKeyMAC1' \
	"$(get '.result.not_in_it | sort | join(" ")')"
need a card key create BankPair --use dap --algorithm p256
need a backup create -o bk2
equal 'a pair behind content is left out, and named' 'BankPair (dap)' \
	"$(get '.result.left_out[] | select(startswith("Bank"))')"
ok 'an older backup' a backup verify bk
equal 'an older backup is told' 1 "$(get '.result.newer_backups | length')"

# ---- rebuilt in the same site ----

use backed
need a key suspend SmallENC1
need a --yes key destroy LargeMAC1
need a key compromise MiddleENC1
values_of a >before
refused 'rebuild: the HSM is there' 1 'holds … objects already' a hsm setup --rebuild
OFFICERS='' refused 'rebuild: two officers' 1 'needs two officers' a hsm setup --rebuild
burn a
# NSS makes a new one, without a PIN, when it is opened.
[[ $TOKEN == nss* ]] || refused 'burnt: nothing works' 1 'cannot find the token' a hsm check
ok 'rebuild' a hsm setup --rebuild
equal 'rebuild: what is lost' '14 SK1' \
	"$(get '.result.lost | [(map(select(. != "SK1")) | length), (.[] | select(. == "SK1"))] | join(" ")')"
check 'rebuild: another identity' test "$(get .result.fingerprint)" != "$(cat a.fp)"
need a site identity export -o a2.id
ok 'rebuild: the log goes on' a audit verify
refused 'rebuild: hsm check says what is lost' 3 'was lost with the HSM' a hsm check
refused 'rebuild: no backup of what is lost' 1 "'LargeENC1' was lost" a backup create -o bk2
refused 'restore: without the site key' 1 "'SK1' was lost … components" a --yes backup restore bk
sed 's/component.2=\(.\)/component.2=\1/' sk.typed >sk.right
EXTRA=$(cat sk.right) refused 'site key: another check value' 3 "'SK1' of this site had the check value" \
	a site-key restore SK1 --pairs pairs.ini --check-value 000000
OFFICERS='' refused 'site key: restored by two officers' 1 'needs two officers' sk_restore a "$sk"
ok 'site key: restored' sk_restore a "$sk"
equal 'site key: in its own row' "1 $sk active vault" "$(sqlite3 a/site/cardkms.db \
	"SELECT count(*), check_value, state, location FROM key_object WHERE label = 'SK1'" | tr '|' ' ')"
ok 'a lost HSM: the backup can be restored' a backup verify bk
equal 'a lost HSM: signed by a former identity' 'by an identity that this site had' "$(get .result.signature)"
dry 'restore: dry run' a backup restore bk
ok 'restore' a backup restore bk
equal 'restore: what came back' '14 LargeMAC1' \
	"$(get '.result | [.restored, (.destroyed_since | join(","))] | map(tostring) | join(" ")')"
values_of a >after
equal 'restore: every key as it was, states of now' '' "$(diff before after)"
sound 'restore: sound' a
refused 'restore: twice' 1 'nothing to restore … 14 are there already and 1' a backup restore bk
ok 'both identities: the export verifies' a audit export -o log
ok 'both identities: offline' plain --json audit verify log --identity a.id --identity a2.id
refused 'the present identity alone' 3 'nothing vouches' plain --json audit verify log --identity a2.id
refused 'in the wrong order' 3 'is of the log' plain --json audit verify log --identity a2.id --identity a.id
ok 'a backup of what came back' a backup create -o bk2
keep restored

# ---- rebuilt as a new site, on another make ----

if [ -e /usr/lib/x86_64-linux-gnu/libsoftokn3.so ] || [ -e /usr/lib/x86_64-linux-gnu/nss/libsoftokn3.so ]; then
	nss=$softokn_module
	use backed
	values_of a >before
	cp -r a/secrets "$TMPDIR/secrets"
	mkdir -p n/db
	cp a/secrets a/officers n/
	softhsm_conf "$HERE/n"
	run_in n cardkms --json site init "$HERE/n/site" --name 'Card Maker' --role manufacturer \
		--hsm "pkcs11:token=NSS%20Certificate%20DB?module-path=$nss" \
		--init-args "configdir='sql:$HERE/n/db' certPrefix='' keyPrefix='' secmod='' flags="
	OFFICERS='' on n officer add ana
	OFFICERS='' on n officer add ben
	quick_passphrases n
	need on n hsm setup
	ok 'NSS: site key restored' sk_restore n "$sk" --fingerprint "$(cat a.fp)"
	ok 'NSS: the backup can be restored' on n backup verify bk
	ok 'NSS: restored' on n backup restore bk
	equal 'NSS: signed by' 'by an identity that is not known here 15' \
		"$(get '.result | [.signature, .restored] | map(tostring) | join(" ")')"
	values_of n >after
	equal 'NSS: every key as it was' '' "$(diff before after)"
	sound 'NSS: sound' n
	ok 'NSS: backed up there' on n backup create -o back
	equal 'NSS: fifteen keys' 15 "$(get .result.key_count)"
	# … and back.
	burn a
	need a hsm setup --rebuild
	need sk_restore a "$sk"
	ok 'NSS: and back' a backup restore back
	values_of a >after
	equal 'NSS: and back, every key as it was' '' "$(diff before after)"
	sound 'NSS: and back, sound' a
else
	echo 'NSS softokn is not installed' | failed 'another make'
fi
finish
