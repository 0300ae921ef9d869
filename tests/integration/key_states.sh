#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the state of a key set lets it do with cards: a suspended set is not put on any, cards are got
# off it, and a change that it was suspended in is settled, not gone on with. And host-assisted =
# forbid, before the card is authenticated to.
. "$(dirname "$0")/lib.sh"

card=$TMPDIR/card.json
simulator=''
trap '[ -z "$simulator" ] || kill "$simulator"' EXIT

# insert PROFILE|- OPTION…: a new card, or (-) the one that there was. Sets reader.
insert() {
	local profile=(--profile "$1") port=''
	[ -z "$simulator" ] || { kill "$simulator" && wait "$simulator"; } 2>/dev/null
	if [ "$1" = - ]; then
		profile=()
	else
		rm -f "$card"
	fi
	mkfifo "$TMPDIR/said.$$"
	cardsim --state "$card" "${profile[@]}" "${@:2}" --listen 127.0.0.1:0 >"$TMPDIR/said.$$" &
	simulator=$!
	read -r _ _ port <"$TMPDIR/said.$$"
	rm "$TMPDIR/said.$$"
	reader=tcp:127.0.0.1:$port
}

# For SCP03 and for SCP02, two each.
sets() {
	local name
	printf '[plan]\nname = states\n'
	for name in Maker1 Maker2 Bank1 Bank2; do
		printf '[keyset "%s"]\ncustomer = Example Bank\nkey-version = 0x30\n' "$name"
		case $name in
		*1) printf 'algorithm = aes128\ndiversification = kdf3\n' ;;
		*) printf 'algorithm = tdea2\ndiversification = visa2\n' ;;
		esac
	done
}

inject() { a card inject --reader "$reader" --keyset "$1" --customer 'Example Bank' "${@:2}"; }
replace() { a card replace --reader "$reader" --keyset "$1" "${@:2}"; }
on_card() {
	sqlite3 -readonly "$HERE/a/site/cardkms.db" \
		'SELECT c.state, d.keyset, d.auth_failures FROM card c JOIN card_domain d ON d.card_id = c.id'
}

empty_case
need site_new a 'Card Maker' manufacturer ana ben
quick_passphrases a
sets >plan.ini
need a --yes hsm setup --plan plan.ini

# ---- new sets ----

insert gp23-scp03
need a key suspend MakerMAC1 --reason 'sheet lost'
inject Maker1
equal 'a suspended set is not put on cards' '1 state' "$CODE $(get .error.code)"
check 'a suspended set: why' has "$(said)" \
	"cannot put keys of 'Maker1' on cards … 'MakerMAC1' is suspended (sheet lost) … only good for getting cards off it"
need a key resume MakerMAC1
ok 'active again' inject Maker1

# ---- sets on cards ----

need a key compromise MakerENC1 --reason 'sheet sold'
ok 'cards are got off a compromised set' replace Bank1
equal 'and carry the other' 'active|Bank1|0' "$(on_card)"
replace Maker1
check 'but it is not put back' has "$(said)" "'MakerENC1' is compromised (sheet sold)"

# ---- a change between two states ----

insert gp211-scp02 --serial 2
need inject Maker2 --profile gp211
insert - --fault drop-before:5
replace Bank2
equal 'torn before PUT KEY' 'changing|Maker2|1' "$(on_card | grep Maker2)"
need a key suspend BankKEK2 --reason 'sheet lost'
insert -
a card resume --reader "$reader"
check 'it does not go on with a suspended set' has "$(said)" \
	"'BankKEK2' is suspended … card resume --settle"
ok 'it is settled' a card resume --reader "$reader" --settle
equal 'with the old keys' 'abandoned' "$(get .result.result)"
need a key resume BankKEK2

# ---- host-assisted = forbid ----

sed -i 's/^host-assisted = .*/host-assisted = forbid/' a/site/site.ini
grep -q '^host-assisted = forbid' a/site/site.ini || printf '[policy]\nhost-assisted = forbid\n' >>a/site/site.ini
before=$(on_card)
replace Bank2
if token_inside put-key-scp02; then
	equal 'SCP02 needs no host on this token' 0 "$CODE"
else
	equal 'SCP02 is host-assisted on SoftHSM: forbidden' '1 denied' "$CODE $(get .error.code)"
	check 'forbidden: why' has "$(said)" "the new keys 'Bank2 for … (PUT KEY under SCP02) would pass through"
	equal 'forbidden: nothing was spent' "$before" "$(on_card)"
fi
insert gp23-scp03 --serial 7
ok 'SCP03 is not host-assisted' inject Bank1
finish
