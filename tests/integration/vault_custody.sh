#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The end of what was imported, before a witness; compromises, with what hangs on them; cryptoperiods.
. "$(dirname "$0")/card_lib.sh"

# What the parties hold: a gives OPMasterKey1 (SCP02) and OPMasterKey2 (SCP03) to b under TK1.
fixture_pair
use pair
plan_cards | sed 's/^key-version.*/&\nexport = partner/' | sed '/BankMaster1/,$d' >two.ini
sed -i 's/OPMasterKey/CardKey/' two.ini
need a --yes hsm update --plan two.ini
plan_cards | sed -n '1,2p;/BankMaster/,/key-version/p' >bank.ini
need b --yes hsm update --plan bank.ini
mkdir sheets
need a transport-key create TK1 --algorithm aes256 --components 3 --partner 'Example Bank' \
	--pairs pairs.ini --sheets sheets
tk=$(get .result.check_value)
typed_from TK1 3 >tk.typed
EXTRA=$(cat tk.typed) need b transport-key import TK1 --algorithm aes256 --components 3 \
	--partner 'Card Maker' --pairs pairs.ini --check-value "$tk"
for set in CardKey1 CardKey2; do
	need b exchange request --from 'Card Maker' --keyset $set -o req.$set
	need a exchange export --request req.$set --transport-key TK1 -o pkg.$set
	need b exchange import pkg.$set --transport-key TK1 --receipt rcpt.$set
	need a exchange receipt rcpt.$set
done
printf 'officer.wanda=the third person\nso-pin.prod1=11111111\npin.prod1=22222222\n' >>b/secrets
OFFICERS=cleo,dan need b officer add wanda --role auditor
keep traded

b_sql() { sqlite3 -readonly "$HERE/b/site/cardkms.db" "$1"; }
states() { # of the keys of a set at b
	b_sql "SELECT DISTINCT state FROM key_object WHERE keyset = '$1'" | xargs
}
runs[b]=b

# ---- retired before a witness ----

use traded
refused 'retire: nobody of that name' 1 "no officer 'nemo'" b --yes key retire CardKey1 --witness nemo
refused 'retire: an officer is no witness' 1 "'cleo' approves" b --yes key retire CardKey1 --witness cleo
EXTRA='officer.wanda=wrong one' refused 'retire: the witness proves it' 1 "wrong passphrase for officer 'wanda'" \
	b --yes key retire CardKey1 --witness wanda
OFFICERS='' refused 'retire: two officers, too' 1 'needs two officers' b --yes key retire CardKey1 --witness wanda
refused 'retire: nobody to confirm' 1 'Destroy 3 keys of key set' b key retire CardKey1 --witness wanda
dry 'retire: dry run' b key retire CardKey1 --witness wanda
ok 'retire: the first of two' b --yes key retire CardKey1 --witness wanda
equal 'retire: what went' '3 TK1 wanda null' "$(get '.result | "\(.destroyed) \(.transport_key_stays) \(.witness) \(.transport_key)"')"
equal 'retire: destroyed' destroyed "$(states CardKey1)"
ok 'retire: the last one' b --yes key retire CardKey2 --witness wanda --reason 'all cards taken over'
equal 'retire: with the transport key' '4 TK1' "$(get '.result | "\(.destroyed) \(.transport_key)"')"
equal 'retire: all gone' 'destroyed destroyed' \
	"$(states CardKey2) $(b_sql "SELECT state FROM key_object WHERE label = 'TK1'")"
check 'retire: the log has the witness' has "$(log_of b)" '"witness":"wanda"'
sound 'retire: sound' b
refused 'retire: again' 1 'has no keys any more' b --yes key retire CardKey2 --witness wanda

# Without a witness it only ends its use; and cards hold it back.
use traded
ok 'retire: without a witness' b key retire CardKey1
equal 'retire: deactivated' 'deactivated 3' "$(states CardKey1) $(get '.result.keys | length')"
use traded
sim --profile gp23-scp03
need a card inject --reader "$R" --keyset CardKey2 --customer 'Example Bank'
need b card info --reader "$R"
need b card replace --reader "$R" --from CardKey2 --keyset BankMaster2
refused 'retire: cards depend on it' 1 '1 security domain of cards still depends' \
	b --yes key retire BankMaster2 --witness wanda
ok 'retire: no card depends on what was taken over' b --yes key retire CardKey2 --witness wanda
ok 'retire: an override' b --yes --override 'the cards were shredded' key retire BankMaster2 --witness wanda
sim_stop

# ---- compromise ----

use traded
sim --profile gp23-scp03
need a card inject --reader "$R" --keyset CardKey2 --customer 'Example Bank'
sim_stop
ok 'impact: nothing has happened yet' a key impact CardKey2
equal 'impact: the set' '{"keyset":"CardKey2","customer":"Example Bank","origin":"generated","cards":1,"partners":["Example Bank"],"hsms":[]}' \
	"$(get -c '.result.keysets[] | {keyset, customer, origin, cards, partners, hsms}')"
check 'impact: to do' has "$(get '.result.todo | join("; ")')" "tell Example Bank"
check 'impact: cards' has "$(get '.result.todo | join("; ")')" "re-key 1 security domain"
ok 'compromise: a transport key' a key compromise TK1 --cards cards.csv
equal 'compromise: what travelled under it' 'CardKey1 CardKey2' "$(get '[.result.keysets[].keyset] | sort | join(" ")')"
equal 'compromise: how many cards' 1 "$(get .result.cards)"
equal 'compromise: which' 'card,domain,keyset,key_version,state 47905040000000010102,A000000151000000,CardKey2,48,active' \
	"$(xargs <cards.csv)"
check 'compromise: to do' has "$(get '.result.todo | sort | join("; ")')" \
	"another transport key with Example Bank in place of 'TK1'"
equal 'compromise: the key is marked, the others are not' 'compromised active' \
	"$(sqlite3 a/site/cardkms.db "SELECT state FROM key_object WHERE label = 'TK1'") $(sqlite3 a/site/cardkms.db \
	"SELECT DISTINCT state FROM key_object WHERE keyset = 'CardKey2'")"
ok 'compromise: at the other site' b key compromise CardKey1
equal 'compromise: a whole set' 'compromised Card Maker' "$(states CardKey1) $(get '.result.keysets[0].origin')"
check 'compromise: its owner is told' has "$(get '.result.todo | join("; ")')" "tell Card Maker, whose key set 'CardKey1' is"

use traded
pairs_of 2 >two.pairs
need a site-key create SK1 --components 2 --pairs two.pairs --sheets sheets
need a backup create -o bk
ok 'compromise: the site key' a key compromise SK1
equal 'compromise: all that is in its backups' 'CardKey1 CardKey2 OPMasterKey1 1' \
	"$(get '[(.result.keysets | map(.keyset) | sort[]), (.result.backups | length)] | map(tostring) | join(" ")')"
check 'compromise: the backups are to go' has "$(get '.result.todo | join("; ")')" \
	"destroy every copy of the 1 backup under 'SK1'"
refused 'compromised: it makes no more backups' 1 'has no site key' a backup create -o bk2
refused 'compromise: nothing of that name' 1 "no key 'Nothing'" a key compromise Nothing
refused 'compromise: the identity' 1 'is what this site signs with' a key compromise cardkms-identity
a key compromise CardKey1 --cards no/such.csv
equal 'compromise: it stands, and the hint says so' "1 compromised" \
	"$CODE $(sqlite3 a/site/cardkms.db "SELECT DISTINCT state FROM key_object WHERE keyset = 'CardKey1'")"
check 'compromise: how to get the list' has "$(said)" 'key impact CardKey1'

# ---- copies on another HSM end with the key ----

use traded
need b zone-key create ZK1 --pairs pairs.ini --sheets sheets
zk=$(get .result.check_value)
typed_from ZK1 3 >zk.typed
need b hsm add prod1 --kind production --hsm "pkcs11:token=prod1?module-path=$softhsm_module"
EXTRA=$(cat zk.typed) OFFICERS=cleo,dan need b zone-key restore ZK1 --hsm prod1 --pairs pairs.ini --check-value "$zk"
OFFICERS=cleo,dan need b hsm replicate prod1
keep copied
WITHOUT=pin.prod1 refused 'retire: the other HSM must be there' 1 'pin.prod1' \
	b --yes key retire CardKey1 --witness wanda
ok 'retire: with its copies' b --yes key retire CardKey1 --witness wanda
equal 'retire: three keys, three copies' 6 "$(get .result.destroyed)"
ok 'retire: no drift' b hsm compare prod1
equal 'impact: the copies of another' prod1 "$(b key impact CardKey2 && get '.result.keysets[0].hsms | join(" ")')"
ok 'impact: the zone key' b key impact ZK1
equal 'impact: all that travelled under it' 'BankMaster1 BankMaster2 CardKey2' \
	"$(get '[.result.keysets[].keyset] | sort | join(" ")')"
ok 'destroy: with its copies' b --yes key destroy BankMaster1
equal 'destroy: six' 6 "$(get .result.destroyed)"
sound 'destroy: sound' b
OFFICERS='' refused 'remove: two officers' 1 'needs two officers' b --yes hsm remove prod1
ok 'remove: an HSM with its copies' b --yes hsm remove prod1
equal 'remove: six keys and the zone key' 7 "$(get .result.destroyed)"
refused 'remove: it is not there any more' 1 "no HSM 'prod1'" b hsm compare prod1
equal 'remove: its token is empty' 0 "$(SOFTHSM2_CONF=$HERE/b/softhsm.conf pkcs11-tool --module "$softhsm_module" \
	--token-label prod1 --login --pin 22222222 -O 2>/dev/null | grep -c 'Secret Key')"
use copied
SOFTHSM2_CONF=$HERE/b/softhsm.conf softhsm2-util --delete-token --token prod1 >/dev/null
refused 'remove: one that is gone' 1 'cannot find the token' b --yes hsm remove prod1
ok 'remove: given up' b --yes hsm remove prod1 --lost
equal 'remove: how many' 13 "$(get .result.given_up)"
ok 'destroy: then without it' b --yes key destroy CardKey1

# It went while something was being done there: nothing could settle that, until it is given up.
use copied
sqlite3 b/site/cardkms.db "UPDATE operation SET state = 'intent', finished = NULL WHERE kind = 'hsm.replicate';
	UPDATE key_copy SET state = 'pending' WHERE via = 'ZK1'"
SOFTHSM2_CONF=$HERE/b/softhsm.conf softhsm2-util --delete-token --token prod1 >/dev/null
b doctor
equal 'gone in the middle: doctor cannot' 1 "$CODE"
check 'gone in the middle: it says what to do' has "$(said)" 'hsm remove prod1 --lost'
ok 'gone in the middle: other work goes on' b key suspend BankMaster1
ok 'gone in the middle: given up' b --yes hsm remove prod1 --lost
ok 'gone in the middle: settled' b doctor

# ---- cryptoperiods ----

use traded
at() { # SECONDS from now: when OPMasterKey1 ends
	sqlite3 a/site/cardkms.db "UPDATE key_object SET deactivate_after = $(($(date +%s) + $1))
		WHERE keyset = 'OPMasterKey1'"
}
a hsm check
check 'period: far away, nothing is said' sh -c "! grep -q cryptoperiod '$ERR'"
at $((30 * 86400))
a hsm check
check 'period: ends soon, said at login' grep -q 'cryptoperiod of 1 key set ends within 90 days; the first: OPMasterKey1' "$ERR"
a site status
equal 'period: in the status' '1 0' "$(get '.result | [.periods_end_soon, .periods_over | length] | join(" ")')"
a key list --keyset OPMasterKey1
equal 'period: in the list' ends-soon "$(get '.result[0].period')"
at -10
a hsm check
check 'period: over, said at login' grep -q 'cryptoperiod of 1 key set is over' "$ERR"
need b exchange request --from 'Card Maker' --keyset OPMasterKey1 -o req
refused 'period: over: no export' 1 "cannot export 'OPMasterKey1': its cryptoperiod ended … --override" \
	a exchange export --request req --transport-key TK1 -o pkg
need a zone-key create ZK1 --pairs pairs.ini --sheets sheets
ok 'period: over: two officers override it' a --override 'the new set is late' exchange export \
	--request req --transport-key TK1 -o pkg
check 'period: over: in the package' grep -q 'its cryptoperiod ended' pkg
sim --profile gp23-scp03
refused 'period: over: no card gets it' 1 'cryptoperiod ended' \
	a card inject --reader "$R" --keyset OPMasterKey1 --customer 'Example Bank'
sim_stop
finish
