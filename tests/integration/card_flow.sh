#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2119
# What the card commands do when all is well, by SCP02 and SCP03, and what of it the registry has.
. "$(dirname "$0")/card_lib.sh"

fixture_cards

# ---- under SCP03: injected, replaced, verified ----

use cards
sim --profile gp23-scp03
ok 'info of a new card' a card info --reader "$R"
equal 'info: who it is' '47905040000000010102 cplc jcop4 A000000151000000 null' \
	"$(get '.result | "\(.card) \(.id_source) \(.profile) \(.isd) \(.registry)"')"
equal 'info: protocols' 'SCP03 i=70' "$(get '.result.protocols | join(",")')"
equal 'info: what it says of its keys' 'FF FF FF' "$(get '[.result.keys_it_says[].key_version] | join(" ")')"
factory=$(keys_on)
dry 'inject, dry' a card inject --reader "$R" --keyset OPMasterKey2 --customer 'Example Bank'
equal 'a dry run changes no key' "$factory" "$(keys_on)"
ok 'inject' inject2
equal 'inject: report' 'done OPMasterKey2 30 ff-consumed false SCP03 i=70' \
	"$(get '.result | "\(.result) \(.keyset) \(.key_version) \(.rule) \(.already) \(.protocol)"')"
equal 'inject: the keys it began with are told' 'the public test keys of jcop4' "$(get .result.from)"
check 'inject: and said' grep -q 'public test keys of jcop4, which everybody knows' "$ERR"
equal 'inject: on the card' 48 "$(versions_on)"
equal 'inject: in the registry' 'active|active|OPMasterKey2|48|0' "$(registry)"
equal 'inject: diversification bytes' "$(jq -r .config.kdd "$CARD")" "$(query 'SELECT kdd FROM card_domain')"
equal 'inject: the log says how it began' 'public test keys' "$(query \
	"SELECT detail FROM operation WHERE kind = 'card.inject' AND state = 'done'" | jq -r .initial_keys)"
ours=$(keys_on)
ok 'inject, again' inject2
equal 'inject, again: taken over already' 'already true' "$(get '.result | "\(.result) \(.already)"')"
equal 'inject, again: nothing else' "$ours 0" "$(keys_on) $(failures_on)"

ok 'replace' replace2
equal 'replace in place: seven commands, with the proof' 7 "$(get .result.commands)"
equal 'replace: report' 'done OPMasterKey2 BankMaster2 30 replace' \
	"$(get '.result | "\(.result) \(.from) \(.keyset) \(.key_version) \(.rule)"')"
equal 'replace: in the registry' 'active|active|BankMaster2|48|0' "$(registry)"
check 'replace: other keys on the card' test "$(keys_on)" != "$ours"
ok 'replace, again' replace2 --from OPMasterKey2
equal 'replace, again: taken over already' already "$(get .result.result)"
ok 'replace, again, without --from' replace2
equal 'replace, again: nothing else' 'active|active|BankMaster2|48|0' "$(registry)"

ok 'verify' a card verify --reader "$R" --not OPMasterKey2 --not OtherMaster2
equal 'verify: report' 'true BankMaster2 true' "$(get '.result | "\(.verified) \(.keyset) \(.opened)"')"
equal 'verify: what does not open it' 'OPMasterKey2 false OtherMaster2 false' \
	"$(get '[.result.not[] | "\(.keyset) \(.opens)"] | join(" ")')"
equal 'verify: no try spent' 0 "$(failures_on)"
dry 'verify, dry' a card verify --reader "$R"
a card verify --reader "$R" --not BankMaster2
equal 'verify: a set that should not and does' "3 mismatch false" \
	"$CODE $(get '"\(.error.code) \(.result.verified)"')"
a card verify --reader "$R" --keyset OPMasterKey2
equal 'verify: a set that does not open it' "3 false 0" "$CODE $(get .result.opened) $(failures_on)"
equal 'verify: the registry is not taken in' 'active|active|BankMaster2|48|0' "$(registry)"
equal 'history' 'inject replace verified verify-failed verify-failed' "$(events)"
ok 'history, shown' a card history 47905040000000010102
equal 'history: events and domains' '5 BankMaster2' \
	"$(get '.result | "\(.events | length) \(.domains[0].keyset)"')"
ok 'history by id' a card history 47905040000000010102
refused 'history of nobody' 1 "no card … '00'" a card history 00
ok 'info of a known card' a card info --reader "$R"
equal 'info: what the registry has' 'active BankMaster2' \
	"$(get '.result.registry | "\(.state) \(.domains[0].keyset)"')"
ok 'info by id' a card info 47905040000000010102
equal 'info by id: the same' active "$(get .result.registry.state)"
refused 'info of both' 2 'not both' a card info 47905040000000010102 --reader "$R"
ok 'list' a card list
equal 'list: one card' '47905040000000010102 BankMaster2 30' \
	"$(get '.result.cards[] | "\(.card) \(.keyset) \(.key_version)"')"
ok 'list by state' a card list --state quarantined
equal 'list by state: none' 0 "$(get '.result.cards | length')"
ok 'list of a reader' a card list --reader "$R"
equal 'list of a reader: a card' 'a card' "$(get '.result.readers[].holds')"
sound 'sound after all that' a

# ---- a registry that does not know the card: the issuer's, at first ----

use cards
sim_again
refused 'replace without --from' 2 'does not know which keys … --from' replace2
ok 'replace of a card taken over elsewhere' replace2 --from OPMasterKey2
equal 'it is taken over already' already "$(get .result.result)"
equal 'and in the registry now' 'active|active|BankMaster2|48|0 found' "$(registry) $(events)"
use cards
ok 'verify of an unknown card' a card verify --reader "$R" --keyset BankMaster2
equal 'which is known then' 'active|active|BankMaster2|48|0 found verified' "$(registry) $(events)"

# ---- under SCP02, other version, initial keys by hand ----

use cards
sim --profile gp211-scp02
ok 'SCP02: inject' inject1
equal 'SCP02: host-assisted where the token needs it, and said' \
	"$(token_inside put-key-scp02 && echo false || echo true)" "$(get '.result.host_assisted | contains("PUT KEY under SCP02")')"
ok 'SCP02: replace, another version' replace1 --key-version 2A
equal 'SCP02: the version asked for' '42 2A' "$(versions_on) $(get .result.key_version)"
ok 'SCP02: verify' a card verify --reader "$R" --not OPMasterKey1
equal 'SCP02: the old version is refused' true "$(get '.result.not[0].seen | contains("version 20: refused (SW 6A88)")')"
ok 'SCP02: replace, a third time' a card replace --reader "$R" --keyset OPMasterKey1 --key-version 0x2B
equal 'SCP02: in place' '43' "$(versions_on)"

use cards
cat >"$SIMS/vendor.ini" <<'END'
[card]
version = 2.3.1
scp03 = 70
rule = add
[key-set 01]
type = aes
enc = 000102030405060708090A0B0C0D0E0F
mac = 101112131415161718191A1B1C1D1E1F
dek = 202122232425262728292A2B2C2D2E2F
[load-file A0000001515350]
version = 0203
modules = A000000151535041
END
initial='initial.enc=00010203 04050607 08090A0B 0C0D0E0F
initial.mac=101112131415161718191a1b1c1d1e1f
initial.kek=202122232425262728292A2B2C2D2E2F'
sim --profile "$SIMS/vendor.ini" --serial 7
a card inject --reader "$R" --profile gp23-scp03 --keyset OPMasterKey2 --customer 'Example Bank'
equal 'test keys do not open a vendor card' '3 0' "$CODE $(failures_on)"
EXTRA=$initial ok 'initial keys by --pin-fd' inject2 --profile gp23-scp03
equal 'replaced in place' '48 replace' "$(versions_on) $(get .result.rule)"
equal 'a card without CPLC, IIN and CIN is known by its diversification data' \
	'kdd 00000000000000070000' "$(query 'SELECT id_source, id FROM card' | tr '|' ' ')"
equal 'the log says: by hand' 'given by hand' "$(query \
	"SELECT detail FROM operation WHERE kind = 'card.inject' AND state = 'done'" | jq -r .initial_keys)"
EXTRA=${initial//0[0-9A-F]/} refused 'too short an initial key' 1 "lengths" inject2 --profile gp23-scp03
EXTRA='initial.enc=xy' refused 'no hex' 1 "initial.enc" inject2 --profile gp23-scp03

# ---- security domains ----

sd=A0000001515350AA
ok 'a security domain' a card domain create --reader "$R" --aid $sd
ok 'once more' a card domain create --reader "$R" --aid $sd
equal 'is there already' true "$(get .result.already)"
equal 'in the registry, without keys' "$sd A000000151000000 -" \
	"$(query "SELECT aid, parent, coalesce(keyset, '-') FROM card_domain WHERE parent IS NOT NULL" | tr '|' ' ')"
refused 'the keys that the issuer domain has' 1 'gives security domain … --override' \
	a card domain keys --reader "$R" --aid $sd --keyset OPMasterKey2
ok 'keys of its own' a card domain keys --reader "$R" --aid $sd --keyset BankMaster2
equal 'on the card' 48 "$(versions_on "$CARD" $sd)"
ok 'its keys open it, those of the issuer domain do not' \
	a card verify --reader "$R" --aid $sd --not OPMasterKey2
ok 'the issuer domain has the old ones' a card verify --reader "$R" --not BankMaster2
ok 'replaced by others' a card domain keys --reader "$R" --aid $sd --keyset OPMasterKey2 --key-version 31 \
	--override 'the issuer wants it' --officers ana,ben
equal 'in the registry' 'OPMasterKey2 49' "$(query \
	"SELECT keyset, version FROM card_domain WHERE aid = '$sd'" | tr '|' ' ')"
ok 'list of domains' a card domain list 00000000000000070000
equal 'two' 2 "$(get '.result | length')"
refused 'of the issuer domain by that' 2 'card inject' \
	a card domain keys --reader "$R" --aid A000000151000000 --keyset BankMaster2
refused 'an AID that is none' 1 'AID' a card domain create --reader "$R" --aid A0
a card domain create --reader "$R" --aid A0000001515350AB --module A000000151535099
equal 'no module of that name' '1 SW 6A88 0' \
	"$CODE $(get .error.native) $(query 'SELECT max(auth_failures) FROM card_domain')"

# ---- many cards, cards that share their keys, a profile of the site ----

use cards
sim --profile gp23-scp03 --cards 3
ok 'three cards' inject2 --count 3
equal 'three reports' 'done done done' "$(get '[.result.cards[].result] | join(" ")')"
ok 'three cards, replaced' replace2 --count 3
equal 'seven commands each' '7 7 7' "$(get '[.result.cards[].commands] | join(" ")')"
ok 'three cards, verified' a card verify --reader "$R" --not OPMasterKey2 --count 3
refused 'no number of cards' 2 '--count' inject2 --count x

first=$(query 'SELECT id FROM card ORDER BY id LIMIT 1')
CARD=$SIMS/twin.json
sim --profile gp23-scp03 --serial 9
# The same diversification data as the first card of the box, on another chip.
sim_stop
jq --arg kdd "$(query "SELECT kdd FROM card_domain WHERE card_id = '$first'")" '.config.kdd = $kdd' \
	"$CARD" >"$SIMS/edited" && mv "$SIMS/edited" "$CARD"
sim_again
ok 'a card with the diversification data of another one' inject2
equal 'which is no matter under another key set' null "$(get .result.same_keys_as)"
ok 'and replaced' replace2
second=$(get .result.card)
equal 'but is told under the same' "$first" "$(get '.result.same_keys_as[]')"
check 'and said' grep -q "warning: card $second has the same diversification data" "$ERR"
equal 'and in both histories' "$first $second" "$(query \
	"SELECT DISTINCT card_id FROM card_event WHERE event = 'same-diversification' ORDER BY 1" | paste -sd' ')"
ok 'and in the list' a card list
equal 'at both' 2 "$(get '[.result.cards[] | select(.same_keys_as)] | length')"
ok 'and in info' a card info "$first"
equal 'of the other' "$second" "$(get '.result.registry.domains[0].same_keys_as[]')"

mkdir a/site/profiles
sed 's/^name = .*/name = ours/; s/^initial-set = .*/initial-set = ff-consumed/
	s/^default-key-version = unknown/default-key-version = FF/' \
	"$CARDKMS_SOURCE/share/cardkms/profiles/gp23-scp03.ini" >a/site/profiles/ours.ini
CARD=$SIMS/ours.json
sim --profile gp23-scp03 --serial 10
ok 'a profile of the site' inject2 --profile ours
ok 'which is recorded, and found again' replace2
equal 'its name' ours "$(get .result.profile)"

# ---- key sets that cards depend on ----

ok 'how many cards' a key show BankMasterENC2
equal 'five' 5 "$(get .result.cards)"
refused 'retired with cards' 1 '5 security domains of cards still depend … --override' a key retire BankMasterENC2
refused 'destroyed with cards' 1 '5 security domains of cards still depend … --override' \
	a --yes key destroy BankMasterENC2
OFFICERS=ana,ben ok 'retired by two officers' a --override 'cards are scrapped' key retire BankMasterENC2
equal 'and counted in the log' 5 "$(query "SELECT detail FROM operation WHERE kind = 'key.state'
	AND state = 'done'" | jq .cards)"
ok 'compromised: told how many' a key compromise BankMasterENC2
equal 'five again' 5 "$(get .result.cards)"

# ---- traces ----

CARD=$SIMS/traced.json
sim --profile gp23-scp03 --serial 11
ok 'a trace' inject2 --profile ours --trace trace
check 'has PUT KEY with check values' grep -q '^> 80D80081 .*\[version 30; type 88' trace
equal 'is for its owner only' 600 "$(stat -c %a trace)"
for key in $(jq -r '.entries[].keys[].value' "$CARD"); do
	equal 'holds no key' '' "$(leaked "$key" trace)"
done

finish
