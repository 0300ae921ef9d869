#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Delegated management against a simulated card that wants it: keys put on it, load files signed (DAP),
# changes permitted by tokens, receipts verified; what is refused, by this program and by the card.
. "$(dirname "$0")/card_lib.sh"

FILE=A00000000201
APPLET=A000000002010101
DOMAIN=A0000001515350AA
OTHER=A0000001515350BB
F=$SIMS/files # beside the case's folder, as the cards are
mkdir "$F"

# shellcheck disable=SC2317 # called by ok, refused
app() { a app "$1" --reader "$R" "${@:2}"; }
# shellcheck disable=SC2317 # the same
delegated() { app "$1" "${@:2}" --domain "$DOMAIN" --receipt-key BankReceipt; }
# shellcheck disable=SC2317 # the same
put() { a card key put --reader "$R" "$@"; }
runs+=([app]=a [delegated]=a [put]=a)
# shellcheck disable=SC2317 # called by check
was_already() { [ "$(jq .result.already "$OUT")" = true ]; }
content() {
	jq -r '[([."load-files"[] | .aid | select(. != "A0000001515350")] | join(" ")),
		([.entries[1:][] | .aid | select(startswith("A0000001515350") | not)] | join(" "))] | join(" | ")' "$CARD"
}
counter() { jq .result.receipt.counter "$OUT"; }
token() { # FILE WORD…: app token WORD… -o FILE
	ok "app token $2" a app token "${@:2}" --key BankToken -o "$F/$1"
}
# damage FILE: one digit of the value is another.
damage() {
	local digit
	digit=$(jq -r '.value[0:1]' "$1")
	sed "/\"value\"/s/: \"$digit/: \"$([ "$digit" = A ] && echo B || echo A)/" "$1" >"$1.bad"
}

fixture_cards
"$CARDKMS_BIN/capmaker" "$SIMS/one.cap" "$FILE" "$APPLET" 1 3 1500
"$CARDKMS_BIN/capmaker" "$SIMS/other.cap" "$FILE" "$APPLET" 1 4 1500

# ---- keys ----
use cards
refused 'a key for nothing' 2 '--use is dap, token or receipt' a card key create K --use enc
refused 'a receipt key that is a pair' 2 'would be the card' a card key create K --use receipt --algorithm p256
refused 'a DES key' 2 'aes128, aes256 or p256' a card key create K --use dap --algorithm tdea2
ok 'a DAP key' a card key create BankDap --use dap --algorithm aes128
ok 'a token key' a card key create BankToken --use token --algorithm aes128
ok 'a receipt key' a card key create BankReceipt --use receipt --algorithm aes128
ok 'a strong one' a card key create Strong --use dap
ok 'a pair' a card key create BankPair --use dap --algorithm p256
ok 'another token key' a card key create OtherToken --use token --algorithm aes128
ok 'another receipt key' a card key create OtherReceipt --use receipt --algorithm aes128
refused 'a label that is taken' 1 "there is a key 'BankDap' already" a card key create BankDap --use dap
equal 'key show' 'dap aes128 active vault never' "$(a --json key show BankDap &&
	jq -r '.result | "\(.role) \(.algorithm) \(.state) \(.location) \(if .exportable then "partner" else "never" end)"' "$OUT")"
ok 'hsm check: their attributes and values' a hsm check
keep keys

# ---- states ----
ok 'suspended' a key suspend BankDap
failed_as 'a suspended key signs nothing' 1 "'BankDap' is suspended" \
	a app dap "$SIMS/one.cap" --domain "$DOMAIN" --key BankDap -o "$F/bad"
check 'a suspended key: no file' test ! -e "$F/bad"
ok 'resumed' a key resume BankDap
ok 'a resumed key signs' a app dap "$SIMS/one.cap" --domain "$DOMAIN" --key BankDap -o "$F/resumed.dap"
ok 'key impact' a key impact BankDap
need a key retire BankPair
OFFICERS=ana,ben ok 'destroyed' a --yes key destroy BankPair
failed_as 'a destroyed key signs nothing' 1 "BankPair" \
	a app dap "$SIMS/one.cap" --domain "$DOMAIN" --key BankPair -o "$F/bad"
ok 'hsm check: nothing of it is left' a hsm check

use keys
sim --profile gp23-scp03
refused 'put: a card that was not taken over' 1 'take the card over first' put --key BankToken
ok 'the card is taken over' inject2
refused 'put: a key that is not there' 1 'Nothing' put --key Nothing
refused 'put: a key of a set' 1 "its role is enc" put --key OPMasterKeyENC2
failed_as 'put: stronger than the DEK' 1 'weaker than' put --key Strong
failed_as 'put: the set that opens the domain' 1 'is the set that opens it' put --key BankToken --key-version 30
ok 'put: dry run' put --key BankToken --dry-run
equal 'put: dry run puts nothing there' 48 "$(versions_on)"
ok 'put: the token key' put --key BankToken
ok 'put: the receipt key' put --key BankReceipt
equal 'put: where they are by default' '48 112 113' "$(versions_on)"
ok 'put again' put --key BankToken
check 'put again: says that it is there' was_already
failed_as 'put: another key of that version' 1 'not known to be' put --key OtherToken
was=$(keys_on)
ok 'put: --replace' put --key OtherToken --replace
check 'put: --replace: the card has another' test "$was" != "$(keys_on)"
ok 'put: and back' put --key BankToken --replace
equal 'put: the card has the first again' "$was" "$(keys_on)"

ok 'a domain of its own' a card domain create --reader "$R" --aid "$DOMAIN" --privileges E00000
ok 'with keys of its own' a card domain keys --reader "$R" --aid "$DOMAIN" --keyset BankMaster2
ok 'another domain' a card domain create --reader "$R" --aid "$OTHER"
ok 'put: the DAP key into it' put --key BankDap --domain "$DOMAIN"
equal 'put: there' '48 115' "$(versions_on "$CARD" "$DOMAIN")"
sim_stop
cp "$CARD" "$SIMS/ready.json"
keep delegated

# As it stands there; FAULT…: with faults.
again() {
	use delegated
	sim_stop
	cp "$SIMS/ready.json" "$CARD"
	sim_again "$@"
}

# ---- files ----
again
ok 'app dap' a app dap "$SIMS/one.cap" --domain "$DOMAIN" --key BankDap -o "$F/one.dap"
ok 'app dap of another file' a app dap "$SIMS/other.cap" --domain "$DOMAIN" --key BankDap -o "$F/other.dap"
refused 'app dap: with a token key' 1 'no key that signs load files' \
	a app dap "$SIMS/one.cap" --domain "$DOMAIN" --key BankToken -o "$F/bad"
refused 'app dap: no CAP file' 1 'plan.ini' a app dap plan.ini --domain "$DOMAIN" --key BankDap -o "$F/bad"
token load load "$SIMS/one.cap" --domain "$DOMAIN"
token load-other load "$SIMS/other.cap" --domain "$DOMAIN"
token load-elsewhere load "$SIMS/one.cap" --domain "$OTHER"
token install install "$SIMS/one.cap" --aid A00000000202 --privileges card-reset
token extradite extradite A00000000202 --to "$OTHER"
token delete delete A00000000202
token delete-file delete "$FILE"
token related delete "$FILE" --related
token selectable make-selectable A00000000202
a app token load "$SIMS/one.cap" --domain "$DOMAIN" --key OtherToken -o "$F/load-wrong-key"
refused 'app token: with a DAP key' 1 'no key that makes tokens' \
	a app token delete "$FILE" --key BankDap -o "$F/bad"
check 'what was refused wrote nothing' test ! -e "$F/bad"
ok 'made once more it is the same' a app dap "$SIMS/one.cap" --domain "$DOMAIN" --key BankDap -o "$F/again.dap"
equal 'the same signature' "$(jq -r .value "$F/one.dap")" "$(jq -r .value "$F/again.dap")"
refused 'exchange show' 1 'about what is on cards' a exchange show "$F/one.dap"
damage "$F/load"
damage "$F/one.dap"

# ---- load ----
before=$(content)
load=(load "$SIMS/one.cap" --domain "$DOMAIN" --dap "$F/one.dap")
failed_as 'load: a DAP of another file' 3 'signs another load file' app "${load[@]}" --dap "$F/other.dap" --token "$F/load"
failed_as 'load: a damaged DAP' 1 'was damaged' app "${load[@]}" --dap "$F/one.dap.bad" --token "$F/load"
failed_as 'load: a token of another file' 3 'another hash of the load file' app "${load[@]}" --token "$F/load-other"
failed_as 'load: a token for another domain' 3 'another security domain' app "${load[@]}" --token "$F/load-elsewhere"
failed_as 'load: a token for something else' 3 "for 'install', not for 'load'" app "${load[@]}" --token "$F/install"
failed_as 'load: a damaged token' 1 'was damaged' app "${load[@]}" --token "$F/load.bad"
failed_as 'load: no token' 1 'SW 6A80' app "${load[@]}"
failed_as 'load: a token of another key' 1 'SW 6982' app "${load[@]}" --token "$F/load-wrong-key"
failed_as 'load: no DAP' 1 'SW 6985' app load "$SIMS/one.cap" --domain "$DOMAIN" --token "$F/load"
failed_as 'load: a receipt key that is none' 1 'no key that verifies receipts' \
	app "${load[@]}" --token "$F/load" --receipt-key BankDap
equal 'nothing of it is on the card' "$before" "$(content)"
ok 'load' delegated load "$SIMS/one.cap" --dap "$F/one.dap" --token "$F/load" --receipt "$F/load.receipt"
equal 'the card has the load file' "$FILE | " "$(content)"
equal 'its receipt' 'true 0' "$(jq -r '.result.receipt | "\(.verified) \(.counter)"' "$OUT")"
equal 'in a file' 'card-receipt/1 load BankReceipt' "$(jq -r '"\(.cardkms) \(.operation) \(.key)"' "$F/load.receipt")"
ok 'load again' delegated load "$SIMS/one.cap" --dap "$F/one.dap" --token "$F/load" --receipt "$F/again.receipt"
check 'load again: says that it is there' was_already
check 'load again: no receipt' test ! -e "$F/again.receipt"

# ---- install, extradite, delete ----
failed_as 'install: another privilege than the token' 3 'another privileges' \
	delegated install "$SIMS/one.cap" --aid A00000000202 --privileges card-lock --token "$F/install"
failed_as 'install: no token' 1 'SW 6A80' delegated install "$SIMS/one.cap" --aid A00000000202
ok 'install' delegated install "$SIMS/one.cap" --aid A00000000202 --privileges card-reset --token "$F/install"
equal 'install: the receipt is the next' 1 "$(counter)"
equal 'install: the card has it' "$FILE | A00000000202" "$(content)"
failed_as 'delete: a token for the application alone' 3 'another application or load file' \
	delegated delete "$FILE" --token "$F/delete"
failed_as 'delete: a token without its applications' 3 'rule for related' \
	delegated delete "$FILE" --related --token "$F/delete-file"
ok 'delete with its applications' delegated delete "$FILE" --related --token "$F/related"
equal 'delete: the receipt is the next' 2 "$(counter)"
equal 'delete: the card has neither' " | " "$(content)"
ok 'load once more: the token is good again' delegated load "$SIMS/one.cap" --dap "$F/one.dap" --token "$F/load"
ok 'install once more' delegated install "$SIMS/one.cap" --aid A00000000202 --privileges card-reset --token "$F/install"
ok 'extradite' delegated extradite A00000000202 --to "$OTHER" --token "$F/extradite"
equal 'extradite: the receipt' 5 "$(counter)"
equal 'extradite: the card has given it away' "$OTHER" \
	"$(jq -r '.entries[] | select(.aid == "A00000000202") | .domain' "$CARD")"
ok 'card history' a card history "$(query 'SELECT id FROM card')"
equal 'card history: the counters' '0 1 2 3 4 5' \
	"$(jq -r '[.result.events[].detail.receipt? | select(.) | .counter] | join(" ")' "$OUT")"
check 'card history: the keys' grep -q '"card-key-put"' "$OUT"
check 'the issuer needs none' test -z "$(wrong_with_run a)"
ok 'the issuer takes the load file off without' app delete "$FILE" --related

# ---- wrong receipts ----
again
failed_as 'load: a receipt of another key' 3 'does not prove it: it was not made with' \
	app "${load[@]}" --token "$F/load" --receipt-key OtherReceipt --receipt "$F/wrong.receipt"
equal 'all the same the card has it' "$FILE | " "$(content)"
check 'and the registry' test "$(query "SELECT count(*) FROM card_event WHERE event = 'app-loaded'")" = 1
check 'with what is wrong' has "$(query "SELECT detail FROM card_event WHERE event = 'app-loaded'")" 'not made with'
check 'the receipt is written, as not verified' test "$(jq -r .key "$F/wrong.receipt")" = ''
sim_stop
cp "$CARD" "$SIMS/later.json"
again
ok 'a card that gives receipts' delegated load "$SIMS/one.cap" --dap "$F/one.dap" --token "$F/load"
ok 'one more' delegated delete "$FILE" --token "$F/delete-file"
sim_stop
cp "$SIMS/ready.json" "$CARD"
sim_again
failed_as 'a card whose counter went back' 3 'its last receipt had 1 already' \
	delegated load "$SIMS/one.cap" --dap "$F/one.dap" --token "$F/load"
ok 'the issuer alone gives none' app load "$SIMS/one.cap" --dap "$F/one.dap"
failed_as 'a receipt is wanted where there is none' 3 'the card gave none' \
	app delete "$FILE" --receipt-key BankReceipt
ok 'what was done already wants none' app delete "$FILE" --receipt-key BankReceipt

# ---- pairs: the card has public keys ----
use keys
ok 'a pair for tokens' a card key create PairToken --use token --algorithm p256
sim --profile gp23-scp03
need inject2
ok 'put: a pair for tokens' put --key PairToken
ok 'put: it is there already' put --key PairToken
check 'put: says so' was_already
ok 'put: a receipt key beside it' put --key BankReceipt
need a card domain create --reader "$R" --aid "$DOMAIN" --privileges E00000
need a card domain keys --reader "$R" --aid "$DOMAIN" --keyset BankMaster2
ok 'put: a pair for DAPs' put --key BankPair --domain "$DOMAIN"
equal 'the card has the public half that the registry has' "$(query "SELECT public_key FROM key_object
	WHERE label = 'BankPair'")" "$(keys_on "$CARD" "$DOMAIN" | tr ' ' '\n' | sed -n 's/^115:1://p')"
ok 'app dap by the pair' a app dap "$SIMS/one.cap" --domain "$DOMAIN" --key BankPair -o "$F/pair.dap"
ok 'app token by the pair' a app token load "$SIMS/one.cap" --domain "$DOMAIN" --key PairToken -o "$F/pair.token"
ok 'load by both' delegated load "$SIMS/one.cap" --dap "$F/pair.dap" --token "$F/pair.token"
equal 'the card has it' "$FILE | " "$(content)"
ok 'app token install by the pair' a app token install "$SIMS/one.cap" --key PairToken -o "$F/pair.install"
ok 'install' delegated install "$SIMS/one.cap" --token "$F/pair.install"

# What a card has installed and not made selectable takes the token for that.
sim_stop
jq '(.entries[] | select(.aid == "'$APPLET'") | .life) = 3' "$CARD" >"$CARD.new" && mv "$CARD.new" "$CARD"
sim_again
failed_as 'make selectable: not by the token for install' 3 "what the card needs now is 'make-selectable'" \
	delegated install "$SIMS/one.cap" --token "$F/pair.install"
ok 'app token make-selectable' a app token make-selectable "$APPLET" --key PairToken -o "$F/pair.selectable"
ok 'make selectable' delegated install "$SIMS/one.cap" --token "$F/pair.selectable"
equal 'make selectable: it is' 7 "$(jq '.entries[] | select(.aid == "'$APPLET'") | .life' "$CARD")"

# ---- SCP02 ----
use keys
sim --profile gp211-scp02
need inject1
ok 'SCP02: an AES key under a DES key, by override' put --key BankToken --override 'the card has no other' --officers ana,ben
equal 'SCP02: there' '32 112' "$(versions_on)"

# ---- lost lines ----
for fault in drop-before:13 drop-after:13; do
	again --fault "$fault"
	failed_as "load: $fault" 1 'block' delegated load "$SIMS/one.cap" --dap "$F/one.dap" --token "$F/load"
	sim_again
	ok "$fault: run again" delegated load "$SIMS/one.cap" --dap "$F/one.dap" --token "$F/load"
	equal "$fault: the card has it" "$FILE | " "$(content)"
done
for fault in drop-before:6 drop-after:6; do
	use keys
	sim --profile gp23-scp03
	need inject2
	sim_again --fault "$fault"
	failed_as "put: $fault" 1 'run the command again' put --key BankToken
	sim_again
	ok "$fault: run again" put --key BankToken
	equal "$fault: the card has it" '48 112' "$(versions_on)"
	ok "$fault: and again" put --key BankToken
	check "$fault: says that it is there" was_already
done
check 'the audit log verifies' a audit verify
finish
