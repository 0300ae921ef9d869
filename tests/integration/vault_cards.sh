#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Card work with the principal HSM offline: at a production HSM, with copies, and nowhere else.
. "$(dirname "$0")/card_lib.sh"

fixture_cards
pairs_three >pairs.ini
mkdir sheets
printf 'so-pin.prod1=11111111\npin.prod1=22222222\nso-pin.prod2=33333333\npin.prod2=44444444\n' >>a/secrets
need a zone-key create ZK1 --pairs pairs.ini --sheets sheets
zk=$(get .result.check_value)
typed_from ZK1 3 >zk.typed
keep keyed

use keyed
sed -i 's/^tdea2 = .*/&\nvault = offline/' a/site/site.ini
sim --profile gp23-scp03
refused 'the vault is offline, and there is no other HSM' 1 'is offline … hsm add NAME --kind production' \
	inject2
equal 'list: the principal one is offline' offline "$(a hsm list && get '.result[0].state')"
ok 'added: setting it up is no card work' a hsm add prod1 --kind production \
	--hsm "pkcs11:token=prod1?module-path=$softhsm_module"
refused 'a production HSM without the keys' 1 "OPMasterKeyENC2" inject2
EXTRA=$(cat zk.typed) OFFICERS=ana,ben need a zone-key restore ZK1 --hsm prod1 --pairs pairs.ini \
	--check-value "$zk"
need a card key create BankToken --use token --algorithm aes128
OFFICERS=ana,ben need a hsm replicate prod1
keep offline

use offline
sim --profile gp23-scp03
WITHOUT='pin so-pin' ok 'SCP03: injected with the production PIN alone' inject2
WITHOUT='pin so-pin' ok 'SCP03: replaced' replace2
equal 'SCP03: in the registry' 'active|active|BankMaster2|48|0' "$(registry)"
WITHOUT='pin so-pin' ok 'SCP03: verified' a card verify --reader "$R" --not OPMasterKey2
sim --profile gp211-scp02 --serial 7
WITHOUT='pin so-pin' ok 'SCP02: injected' inject1
WITHOUT='pin so-pin' ok 'SCP02: replaced' replace1 --key-version 2A
sim --profile gp23-scp03 --serial 9
WITHOUT='pin so-pin' ok 'SCP03: one more' inject2
WITHOUT='pin so-pin' ok 'a key behind content is put on it' a card key put --reader "$R" --key BankToken
check 'and is there' has "$(versions_on)" 112
ok 'the copies are the same' a hsm compare prod1
equal 'the log waits for its checkpoint' true "$(a audit verify && get '.result.not_yet_signed > 0')"
ok 'and gets it with the next work at the vault' a audit checkpoint
ok 'the log is whole' a audit verify
WITHOUT=pin.prod1 refused 'without the production PIN' 1 'pin.prod1' replace2
EXTRA=pin.prod1=99999999 refused 'with a wrong one' 1 'PIN is wrong' replace2

# A copy that is not the key of the registry puts nothing on a card.
use offline
sim --profile gp23-scp03
before=$(keys_on)
sqlite3 a/site/cardkms.db "UPDATE key_object SET check_value = '000000' WHERE label = 'OPMasterKeyMAC2'"
refused 'a copy that has drifted' 3 'check value' inject2
equal 'a copy that has drifted: the card is as it was' "$before" "$(keys_on)"

# Nor is another key under the same label and identifier, with the same attributes.
use offline
sim --profile gp23-scp03
before=$(keys_on)
SOFTHSM2_CONF=$HERE/a/softhsm.conf "$CARDKMS_BIN/other_key" "pkcs11:token=prod1?module-path=$softhsm_module" \
	OPMasterKeyENC2 <<<22222222 2>other_key.err || failed 'another key is put in its place' <other_key.err
refused 'another key under the same name' 3 "'OPMasterKeyENC2' on token 'prod1' does not have the value" inject2
equal 'another key under the same name: the card is as it was' "$before" "$(keys_on)"
printf 'reader,card,profile,kdd\n%s,,gp23-scp03,\n' "$R" >one.csv
need a batch create B one.csv --do inject --keyset OPMasterKey2 --customer 'Example Bank'
failed_as 'another key under the same name: a batch' 1 'no card was ended for 3 seconds' \
	a --json batch run B --hsm prod1 --patience 3
equal 'another key under the same name: no fault of the card' 'queued|1' \
	"$(query "SELECT state, count(*) FROM batch_card")"
equal 'another key under the same name: the card is as it was still' "$before" "$(keys_on)"

# The same where the batch names no key set, but each card its own: the HSM is found out at the first card.
use offline
sim --profile gp23-scp03
printf 'reader,card,profile,kdd\n%s,,gp23-scp03,\n' "$R" >one.csv
need inject2
SOFTHSM2_CONF=$HERE/a/softhsm.conf "$CARDKMS_BIN/other_key" "pkcs11:token=prod1?module-path=$softhsm_module" \
	OPMasterKeyENC2 <<<22222222 2>other_key.err || failed 'another key is put in its place' <other_key.err
need a batch create I one.csv --do issue
failed_as 'another key, and a batch without key set' 1 'no card was ended for 3 seconds' \
	a --json batch run I --hsm prod1 --patience 3
check 'another key, and a batch without key set: said' grep -q "'OPMasterKeyENC2' on token 'prod1' does not have the value" "$ERR"
equal 'another key, and a batch without key set: no fault of the card' 'queued|1' \
	"$(query "SELECT state, count(*) FROM batch_card")"
equal 'another key, and a batch without key set: no try of the card' 0 "$(failures_on)"
a batch status I
check 'given up: nobody leads it, and that is said' has "$(get '.result | "\(.state) \(.led_by) \(.reason)"')" \
	"running null nobody leads it: 'cardkms batch run' goes on with it"

# Two of them: one that is away is passed over.
use offline
need a hsm add prod2 --kind production --hsm "pkcs11:token=prod2?module-path=$softhsm_module"
EXTRA=$(cat zk.typed) OFFICERS=ana,ben need a zone-key restore ZK1 --hsm prod2 --pairs pairs.ini \
	--check-value "$zk"
OFFICERS=ana,ben need a hsm replicate prod2
SOFTHSM2_CONF=$HERE/a/softhsm.conf softhsm2-util --delete-token --token prod1 >/dev/null
sim --profile gp23-scp03
ok 'one production HSM is away' inject2
check 'one production HSM is away: told' grep -q 'another HSM is taken' "$ERR"
SOFTHSM2_CONF=$HERE/a/softhsm.conf softhsm2-util --delete-token --token prod2 >/dev/null
refused 'both are away' 1 'cannot find the token' replace2

# Online again, without any production HSM: the vault serves.
use keyed
sim --profile gp23-scp03
ok 'vault online: the principal HSM serves' inject2
sim_stop
finish
