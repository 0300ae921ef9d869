#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2317 # functions called by name
# Keys behind the content of cards in a backup: what they make before the HSM is lost they make again
# afterwards, in the same site rebuilt, in a new one, and on another make. Pairs end with their HSM.
. "$(dirname "$0")/lib.sh"

FILE=A00000000201 DOMAIN=A0000001515350AA

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

values_of() { # SITE: of every AES key behind content, what the registry says
	on "$1" key list
	get '.result[] | select(.role == ("dap", "token", "receipt") and .algorithm != "p256")
		| [.label, .role, .algorithm, .state, .check_value, .method, .kvn, .keyset, .exportable,
		.origin, .created, .expires] | map(. // "-" | tostring) | join(" ")' | sort
}

signed_by() { # SITE LABEL: a token over the same request, by that key
	rm -f "$HERE/token"
	on "$1" app token delete "$FILE" --key "$2" -o "$HERE/token" || return
	jq -r .value "$HERE/token"
}
dapped_by() { # SITE LABEL
	rm -f "$HERE/dap"
	on "$1" app dap one.cap --domain "$DOMAIN" --key "$2" -o "$HERE/dap" || return
	jq -r .value "$HERE/dap"
}
made_by() { # SITE: what its keys make
	signed_by "$1" BankToken
	signed_by "$1" StrongToken
	dapped_by "$1" BankDap
}

fixture_officers
plan_maker >plan.ini
need a --yes hsm setup --plan plan.ini
quick_passphrases a
pairs_three >pairs.ini
mkdir sheets
need a site identity export -o a.id
get .result.fingerprint >a.fp
need sk_create
sk=$(get .result.check_value)
typed_from SK1 3 >sk.typed
"$CARDKMS_BIN/capmaker" one.cap "$FILE" A000000002010101 1 3 1500

# ---- backup ----

need a backup create -o bare
equal 'no such key: the document says nothing of them' false "$(jq 'has("content_keys")' bare)"
need a card key create BankDap --use dap --algorithm aes128
need a card key create BankToken --use token --algorithm aes128
need a card key create StrongToken --use token
need a card key create BankReceipt --use receipt
need a card key create OldToken --use token
need a card key create BankPair --use dap --algorithm p256
ok 'a backup without them' a backup verify bare
equal 'a backup without them: named' 'BankDap BankReceipt BankToken OldToken StrongToken' \
	"$(get '.result.not_in_it | sort | join(" ")')"
need a key suspend BankReceipt
made_by a >made
equal 'they make something' '3 3' "$(wc -l <made) $(sort -u made | wc -l)"
ok 'backup: created' a backup create -o bk
equal 'backup: how many' 8 "$(get .result.key_count)"
equal 'backup: what is left out' 'BankPair (dap), SK1 (site), cardkms-audit (audit), cardkms-identity (identity)' \
	"$(get '.result.left_out | sort | join(", ")')"
equal 'backup: canonical' '' "$(jq -S --indent 2 . bk | cmp - bk 2>&1)"
equal 'backup: what it says of one' 'receipt aes256 32 suspended 80' \
	"$(jq -r '.content_keys[] | select(.label == "BankReceipt")
		| [.role, .algorithm, .length, .state, (.block | length)] | map(tostring) | join(" ")' bk)"
ok 'backup: listed' a backup list
equal 'backup: listed with its keys' '3 8' "$(get '[.result[].keys] | sort | map(tostring) | join(" ")')"
objects=$(find a/tokens -name '*.object' | wc -l)
ok 'backup: verified, every key unwrapped' a backup verify bk
equal 'backup: verdict' 'good 8 8 5 0 0' \
	"$(get '.result | [.seal, .unwrapped, .key_count, .content_key_count,
		(.not_in_it, .not_in_registry | length)] | map(tostring) | join(" ")')"
equal 'backup: verifying leaves nothing on the token' "$objects" "$(find a/tokens -name '*.object' | wc -l)"
WITHOUT=pin ok 'backup: verified without the HSM' a backup verify --offline bk
keep backed

# ---- documents that lie ----

use backed
edit() { # JQ
	jq -S --indent 2 "$1" bk >edited
}
wrong_form() { # NAME JQ WHAT-IS-SAID
	edit "$2"
	refused "refused for its form: $1" 1 "$3" a backup verify --offline edited
	refused "refused for its form, not restored: $1" 1 "$3" a backup restore edited
}
wrong_form 'role' '.content_keys[0].role = "enc"' 'holds dap, token and receipt'
wrong_form 'a pair' '.content_keys[0].algorithm = "p256"' 'not a symmetric one'
wrong_form 'TDEA' '.content_keys[0].algorithm = "tdea2"' 'holds aes128 and aes256'
wrong_form 'a key twice' '.content_keys += [.content_keys[0]]' 'two keys have one CKA_ID'
wrong_form 'a label twice' '.content_keys[1].label = (.content_keys[0].label | ascii_upcase)' 'is named twice'
wrong_form 'the label of a master' '.content_keys[0].label = .keys[0].label' 'is named twice'
wrong_form 'a label that is left out' '.content_keys[0].label = "SK1"' 'is named twice'
wrong_form 'an empty list' '.content_keys = []' '0 members'
wrong_form 'a member more' '.content_keys[0].keyset = "OPMasterKey1"' "'keyset'"
wrong_form 'a member less' 'del(.content_keys[0].state)' "'state'"
wrong_form 'destroyed' '.content_keys[0].state = "destroyed"' 'nothing that is destroyed is in a backup'
wrong_form 'length' '.content_keys[0].length = 24' "'length'"
wrong_form 'a short block' '.content_keys[0].block |= .[2:]' "'block'"
flip='.content_keys[0].block |= (if startswith("A") then "B" else "A" end) + .[1:]'
# shellcheck disable=SC2016 # variables of jq
swap='(.content_keys | map(.label)) as $l | ($l | index("BankReceipt")) as $r | ($l | index("StrongToken")) as $t
	| .content_keys[$r].block as $b | .content_keys[$r].block = .content_keys[$t].block | .content_keys[$t].block = $b'
edit "$flip"
refused 'a damaged block' 3 'does not verify' a backup verify edited

# Sealed and signed by the site itself: what the HSM and the registry say.
forge() { # JQ
	edit "$1"
	run_in a exchange_forge sign "$HERE/a/site" sealed edited forged
}
check 'control: sealed anew' forge .
ok 'control: verified' a backup verify forged
check 'a damaged block: sealed' forge "$flip"
refused 'a damaged block, sealed: not verified' 3 'BankDap' a backup verify forged
check 'two blocks swapped: sealed' forge "$swap"
refused 'two blocks swapped, sealed: not verified' 3 'check value' a backup verify forged
check 'another role: sealed' forge '(.content_keys[] | select(.label == "BankToken") | .role) = "dap"'
cp forged forged.role
forge "$flip"
cp forged forged.block
forge "$swap"
cp forged forged.swap
keep lied

# ---- rebuilt in the same site ----

use lied
need a key retire OldToken
OFFICERS=ana,ben need a --yes key destroy OldToken
values_of a >before
burn a
ok 'rebuild' a hsm setup --rebuild
equal 'rebuild: lost, to come back' 'BankDap BankReceipt BankToken StrongToken' \
	"$(get '.result.lost | map(select(startswith("Bank") or startswith("Strong"))) | sort | join(" ")')"
check 'rebuild: the pair has ended' jq -e '.result.ended | index("BankPair")' "$OUT"
equal 'rebuild: the pair is destroyed' destroyed "$(sqlite3 a/site/cardkms.db \
	"SELECT state FROM key_object WHERE label = 'BankPair'")"
refused 'lost: it makes no token' 1 "'BankToken' was lost with the HSM … backup restore" \
	a app token delete "$FILE" --key BankToken -o none
need sk_restore a "$sk"
refused 'restore: one that does not have them asks first' 1 'lost keys are not in it' \
	a backup restore bare
# Begun, and taken back: what it changes is who last tried.
taken_back() { # NAME STATUS TEXT COMMAND…
	"${@:4}"
	if [ "$CODE" -eq "$2" ] && has "$(said)" "$3"; then
		passed "$1"
	else
		last_run | failed "$1"
	fi
}
was=$(values_of a)
taken_back 'restore: a damaged block, sealed' 3 'BankDap … none of the keys was restored' a backup restore forged.block
taken_back 'restore: two blocks swapped, sealed' 3 'none of the keys was restored' a backup restore forged.swap
refused 'restore: another role, sealed' 3 "'BankToken' of this site (aes128 token … (aes128 dap … nothing was restored" \
	a backup restore forged.role
equal 'restore: after those nothing is there' 'lost' "$(sqlite3 a/site/cardkms.db "SELECT DISTINCT location FROM key_object
	WHERE label IN ('BankDap', 'BankToken', 'BankReceipt', 'StrongToken')")"
equal 'restore: after those nothing is said otherwise' "$was" "$(values_of a)"
dry 'restore: dry run' a backup restore bk
ok 'restore' a --yes backup restore bk
equal 'restore: what came back' '7 OldToken ' "$(get '.result | [.restored, (.destroyed_since | join(",")),
	(.still_lost | join(","))] | map(tostring) | join(" ")')"
values_of a >after
equal 'restore: every key as it was' '' "$(diff before after)"
made_by a >again
equal 'restore: they make what they made' '' "$(diff made again)"
sound 'restore: sound' a
ok 'restore: a pair of that name can be made again' a card key create BankPair2 --use dap --algorithm p256
refused 'restore: twice' 1 'nothing to restore … 7 are there already and 1' a backup restore bk
ok 'restore: backed up again' a backup create -o bk2
equal 'restore: backed up again, all' 7 "$(get .result.key_count)"

# ---- a new site, and another make ----

new_site() { # NAME: from the backup and the components alone
	ok "$1: site key restored" sk_restore "$1" "$sk" --fingerprint "$(cat a.fp)"
	ok "$1: the backup can be restored" on "$1" backup verify bk
	ok "$1: restored" on "$1" backup restore bk --fingerprint "$(cat a.fp)"
	equal "$1: all of it" '8 5' "$(get '.result | [.restored, .content_key_count] | map(tostring) | join(" ")')"
	values_of "$1" >after
	equal "$1: every key as it was" '' "$(diff before after)"
	made_by "$1" >again
	equal "$1: they make what they made" '' "$(diff made again)"
	sound "$1: sound" "$1"
	ok "$1: backed up there" on "$1" backup create -o "back.$1"
	equal "$1: eight keys" 8 "$(get .result.key_count)"
}

use lied
values_of a >before
need site_new n 'Card Maker' manufacturer nia ned
quick_passphrases n
need on n hsm setup
new_site n
if [ -e "$softokn_module" ]; then
	mkdir -p s/db
	cp a/secrets a/officers s/
	softhsm_conf "$HERE/s"
	run_in s cardkms --json site init "$HERE/s/site" --name 'Card Maker' --role manufacturer \
		--hsm "pkcs11:token=NSS%20Certificate%20DB?module-path=$softokn_module" \
		--init-args "configdir='sql:$HERE/s/db' certPrefix='' keyPrefix='' secmod='' flags="
	OFFICERS='' on s officer add ana
	OFFICERS='' on s officer add ben
	quick_passphrases s
	need on s hsm setup
	new_site s
else
	echo 'NSS softokn is not installed' | failed 'another make'
fi
finish
