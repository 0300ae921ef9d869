#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2317 # functions called by name
# Production HSMs and a second vault: added, given copies, compared, and drifting. Two tokens of one
# module, and two makes.
. "$(dirname "$0")/lib.sh"

for_two() {
	case " $* " in
	*' restore '* | *' destroy '* | *' officer '* | *' --rebuild'* | *' replicate '*) return 0 ;;
	*) return 1 ;;
	esac
}

nss=$softokn_module
softhsm() { # LABEL: the URI of a token in site a's store
	echo "pkcs11:token=$1?module-path=$token_module"
}
nss_uri="pkcs11:token=NSS%20Certificate%20DB?module-path=$nss"
nss_args() { echo "configdir='sql:$HERE/a/nss' certPrefix='' keyPrefix='' secmod='' flags="; }

restore() { # KIND LABEL CHECK-VALUE TYPED [WORD…]
	EXTRA=$(cat "$4") a "$1-key" restore "$2" --pairs pairs.ini --check-value "$3" "${@:5}"
}
runs[restore]=a

objects_on() { # LABEL: the attributes of the secret keys of that token, by OpenSC's tool
	SOFTHSM2_CONF=$HERE/a/softhsm.conf pkcs11-tool --module "$softhsm_module" --token-label "$1" \
		--login --pin "$2" -O 2>/dev/null
}

fixture_officers
plan_maker >plan.ini
need a hsm setup --plan plan.ini
quick_passphrases a
pairs_three >pairs.ini
mkdir sheets a/nss
{
	echo so-pin.prod1=11111111
	echo pin.prod1=22222222
	echo so-pin.vault2=33333333
	echo pin.vault2=44444444
	echo so-pin.prodn=55555555
	echo pin.prodn=66666666
} >>a/secrets
need a site-key create SK1 --pairs pairs.ini --sheets sheets
sk=$(get .result.check_value)
typed_from SK1 3 >sk.typed
need a zone-key create ZK1 --pairs pairs.ini --sheets sheets
zk=$(get .result.check_value)
typed_from ZK1 3 >zk.typed
keep keyed

# ---- adding ----

ok 'list: the principal one' a hsm list
equal 'list: what it is' '- principal active' "$(get '.result[0] | [.name, .kind, .state] | join(" ")')"
refused 'add: another kind' 1 "production or vault, not 'toaster'" \
	a hsm add prod1 --kind toaster --hsm "$(softhsm prod1)"
refused 'add: the principal HSM itself' 1 'principal HSM itself' \
	a hsm add prod1 --kind production --hsm "$(softhsm a)"
refused 'add: a PIN in the URI' 1 'pin' a hsm add prod1 --kind production \
	--hsm "pkcs11:token=x?module-path=$softhsm_module&pin-value=1234"
refused 'add: no module there' 1 'cannot load' a hsm add prod1 --kind production \
	--hsm 'pkcs11:token=x?module-path=/nowhere.so'
WITHOUT=so-pin.prod1 refused 'add: no PIN for the administrator' 1 'so-pin.prod1' \
	a hsm add prod1 --kind production --hsm "$(softhsm prod1)"
dry 'add: dry run' a hsm add prod1 --kind production --hsm "$(softhsm prod1)"
ok 'add: a production HSM, a token of the same module' \
	a hsm add prod1 --kind production --hsm "$(softhsm prod1)"
refused 'add: twice' 1 "there is an HSM 'prod1'" \
	a hsm add Prod1 --kind vault --hsm "$(softhsm another)"
SOFTHSM2_CONF=$HERE/a/softhsm.conf softhsm2-util --init-token --free --label full --so-pin 31313131 \
	--pin 41414141 >/dev/null
SOFTHSM2_CONF=$HERE/a/softhsm.conf pkcs11-tool --module "$softhsm_module" --token-label full --login \
	--pin 41414141 --keygen --key-type AES:16 --label theirs >/dev/null 2>&1
EXTRA=$'so-pin.full=31313131\npin.full=41414141' refused 'add: a token that holds something' 1 \
	"'full' … holds 1 object already … empty token" \
	a hsm add full --kind vault --hsm "$(softhsm full)"
ok 'list: both' a hsm list
equal 'list: prod1' 'prod1 production active 0' \
	"$(get '.result[1] | [.name, .kind, .state, .copies] | join(" ")')"
sound 'added: the principal one is sound' a

# ---- production: a zone key in both, then copies ----

refused 'replicate: no common key' 1 "no zone key … zone-key restore LABEL --hsm prod1" a hsm replicate prod1
refused 'a production HSM gets no site key' 1 'production HSM: it gets no site key' \
	restore site SK1 "$sk" sk.typed --hsm prod1
refused 'zone key: not the one of here' 3 "the check value of 'ZK1' is $zk on the principal HSM" \
	restore zone ZK1 000000 zk.typed --hsm prod1
ok 'zone key: restored at the production HSM' restore zone ZK1 "$zk" zk.typed --hsm prod1
refused 'zone key: there already' 1 "has 'ZK1' already" restore zone ZK1 "$zk" zk.typed --hsm prod1
dry 'replicate: dry run' a hsm replicate prod1
OFFICERS='' refused 'replicate: two officers' 1 'needs two officers' a hsm replicate prod1
EXTRA='pin.prod1=99999999' refused 'replicate: wrong PIN' 1 'the PIN is wrong' a hsm replicate prod1
ok 'replicate: to production' a hsm replicate prod1
equal 'replicate: what' 'production ZK1 3 0 in-hsm' \
	"$(get '.result | [.kind, .under, .copied, .there_already, .where] | map(tostring) | join(" ")')"
ok 'replicate: again, nothing to do' a hsm replicate prod1
equal 'replicate: nothing copied' '0 3' "$(get '.result | [.copied, .there_already] | map(tostring) | join(" ")')"
ok 'compare: the same' a hsm compare prod1
equal 'compare: each' 'OPMasterKeyENC1 same ZK1
OPMasterKeyKEK1 same ZK1
OPMasterKeyMAC1 same ZK1
ZK1 same components' "$(get '.result.keys[] | select(.result == "same") | [.label, .result, .via] | join(" ")')"
if command -v pkcs11-tool >/dev/null; then
	objects_on prod1 22222222 >seen
	check 'production: not extractable, by another program' \
		test "$(grep -c 'never extractable\|sensitive' seen)" -ge 3
	equal 'production: none may be extracted' '' "$(grep -A3 'OPMasterKey' seen | grep 'Access:' | grep -w 'extractable' | grep -v never)"
fi
sound 'replicate: the principal one is sound' a
keep replicated

# ---- drift ----

use replicated
need a key suspend OPMasterKeyENC1
refused 'drift: suspended here, usable there' 3 "is suspended here, and can be used on 'prod1'" a hsm compare prod1
use replicated
need a hsm compare prod1
id=$(sqlite3 a/site/cardkms.db "SELECT cka_id FROM key_object WHERE label = 'OPMasterKeyMAC1'")
SOFTHSM2_CONF=$HERE/a/softhsm.conf pkcs11-tool --module "$softhsm_module" --token-label prod1 --login \
	--pin 22222222 --delete-object --type secrkey --id "$id" >"$OUT" 2>&1
refused 'drift: a copy is gone' 3 "cannot find 'OPMasterKeyMAC1'" a hsm compare prod1
use replicated
SOFTHSM2_CONF=$HERE/a/softhsm.conf pkcs11-tool --module "$softhsm_module" --token-label prod1 --login \
	--pin 22222222 --keygen --key-type aes:16 --label stranger >"$OUT" 2>&1
refused 'drift: a stranger' 3 "'stranger' that is no copy" a hsm compare prod1
use replicated
sqlite3 a/site/cardkms.db "UPDATE key_object SET check_value = '000000' WHERE label = 'OPMasterKeyMAC1'"
refused 'drift: another check value' 3 'check value' a hsm compare prod1
use replicated
sqlite3 a/site/cardkms.db "UPDATE hsm SET serial = '0000'"
refused 'another token in its place' 3 "was added with serial 0000" a hsm compare prod1

# Keys made later are copied later.
use replicated
plan_maker | sed 's/OPMasterKey1/OPMasterKey2/;s/aes256/tdea2/;s/kdf3/visa2/' >more.ini
need a --yes hsm update --plan more.ini
a hsm compare prod1
equal 'made since: told, no drift' 'not there 0' "$(get '[(.result.keys[] | select(.label == "OPMasterKeyENC2")
	.result), (.result.drift_count | tostring)] | join(" ")')"
ok 'made since: only that key set' a hsm replicate prod1 --keyset OPMasterKey2
equal 'made since: three more' 3 "$(get .result.copied)"
ok 'made since: the same' a hsm compare prod1
refused 'a key set that is not there' 1 "no key set 'Nothing'" a hsm replicate prod1 --keyset Nothing

# Two zone keys on both: which of them wraps is to be said.
use replicated
need a zone-key create ZK2 --pairs pairs.ini --sheets sheets
typed_from ZK2 3 >zk2.typed
ok 'a second zone key over there' restore zone ZK2 "$(get .result.check_value)" zk2.typed --hsm prod1
plan_maker | sed 's/OPMasterKey1/OPMasterKey7/' >seven.ini
need a hsm update --plan seven.ini
refused 'two zone keys: which one' 1 "'ZK1' and 'ZK2' are both on … --under LABEL" a hsm replicate prod1
ok 'two zone keys: this one' a hsm replicate prod1 --under ZK2
equal 'two zone keys: it was this one' 'ZK2 3' "$(get '.result | [.under, .copied] | map(tostring) | join(" ")')"

# ---- a second vault ----

use replicated
need a hsm add vault2 --kind vault --hsm "$(softhsm vault2)"
refused 'a vault gets no zone key' 1 'vault HSM: it gets no zone key' restore zone ZK1 "$zk" zk.typed --hsm vault2
ok 'second vault: the site key' restore site SK1 "$sk" sk.typed --hsm vault2
ok 'second vault: copies' a hsm replicate vault2
equal 'second vault: under the site key' 'vault SK1 3' \
	"$(get '.result | [.kind, .under, .copied] | map(tostring) | join(" ")')"
ok 'second vault: the same' a hsm compare vault2
ok 'the first one, too' a hsm compare prod1
ok 'list: three' a hsm list
equal 'list: how many copies' '4 4' "$(get '[.result[] | .copies | select(.)] | map(tostring) | join(" ")')"

# ---- another make ----

if [ -n "$nss" ]; then
	use replicated
	ok 'another make: added' a hsm add prodn --kind production --hsm "$nss_uri" --init-args "$(nss_args)"
	ok 'another make: the zone key' restore zone ZK1 "$zk" zk.typed --hsm prodn
	ok 'another make: copies' a hsm replicate prodn
	equal 'another make: inside both tokens' 'in-hsm 3' \
		"$(get '.result | [.where, .copied] | map(tostring) | join(" ")')"
	ok 'another make: the same' a hsm compare prodn
else
	echo 'NSS softokn is not installed' | failed 'another make'
fi

# ---- the vault is lost: production goes on, and takes what comes back for the same ----

use replicated
need a backup create -o bk
SOFTHSM2_CONF=$HERE/a/softhsm.conf softhsm2-util --delete-token --token a >/dev/null
refused 'lost: the principal HSM' 1 'cannot find the token' a hsm check
ok 'lost: production is as it was' a hsm compare prod1
need a hsm setup --rebuild
ok 'rebuilt: production is as it was' a hsm compare prod1
ok 'rebuilt: the zone key comes back' restore zone ZK1 "$zk" zk.typed
ok 'rebuilt: the site key comes back' restore site SK1 "$sk" sk.typed
ok 'rebuilt: the masters come back' a backup restore bk
ok 'rebuilt: nothing to copy' a hsm replicate prod1
equal 'rebuilt: all there' '0 3' "$(get '.result | [.copied, .there_already] | map(tostring) | join(" ")')"
ok 'rebuilt: the same' a hsm compare prod1
sound 'rebuilt: sound' a
finish
