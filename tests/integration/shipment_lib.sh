# shellcheck shell=bash disable=SC2034,SC2119
# SPDX-License-Identifier: Apache-2.0
# Two sites between which cards are shipped, and the way of a shipment from one to the other, which holds on
# either database. Sourced by shipment*.sh.
#
#   fixture_shipment              # "shared": a has put OPMasterKey2 on three cards, b has it as MakerKey2
#   ship                          # a sends s1 (one card) and s2 (the others): $one and $two are their ids
#   receive_both                  # b takes them
#   cards_arrive; take_over 2     # … and puts its own keys on two
#   reconciled 'one is missing' 3 '3 1 0 0'
. "$(dirname "${BASH_SOURCE[0]}")/card_lib.sh"

# The bank has OPMasterKey2 by an exchange, under another name, and a set of its own.
fixture_shipment() {
	fixture_exchange
	cat >cards.ini <<-'END'
		[plan]
		name = cards
		[keyset "OPMasterKey2"]
		customer = Example Bank
		algorithm = aes128
		diversification = kdf3
		key-version = 0x30
		export = partner
		[keyset "HomeKey2"]
		customer = Other Bank
		algorithm = aes128
		diversification = kdf3
		key-version = 0x30
	END
	sed -e 's/OPMasterKey2/BankMaster2/; /HomeKey2/,$d; /export/d' cards.ini >bank.ini
	need a hsm update --plan cards.ini
	need b hsm update --plan bank.ini
	CARD=$SIMS/three.json
	sim --profile gp23-scp03 --cards 3
	need inject2 --count 3
	sim_stop
	cp -r "$SIMS/three.json" "$SIMS/injected"
	keep injected
	need b exchange request --from 'Card Maker' --keyset OPMasterKey2 -o req
	need a exchange export --request req --transport-key TK1 -o pkg
	need b exchange import pkg --transport-key TK1 --receipt rc --rename OPMasterKey2=MakerKey2
	keep shared
	cards=$(query 'SELECT id FROM card ORDER BY id')
	first=$(head -n 1 <<<"$cards")
}

bank() { # SQL, on the bank's registry
	sqlite3 -readonly "$HERE/b/site/cardkms.db" "$1" 2>&1
}

ship() {
	printf 'card\n%s\n' "$first" >list.csv
	ok 'one card, by a table' a shipment send 'Example Bank' list.csv -o s1
	one=$(get .result.shipment)
	refused 'the same card again' 1 "line 2 … has left for 'Example Bank' in shipment '$one'" \
		a shipment send 'Example Bank' list.csv -o s
	a shipment send 'Example Bank' --keyset OPMasterKey2 -o /nowhere/s2
	equal 'a file that cannot be written: said, and how to write it' "1 true" \
		"$CODE $(get '.error.hint | contains("shipment reissue")')"
	two=$(query "SELECT id FROM shipment WHERE id <> '$one'")
	ok 'written then' a shipment reissue "$two" -o s2
	ok 'and again' a shipment reissue "$two" -o s2.again
	check 'the same bytes' cmp s2 s2.again
	refused 'nothing is left to be sent' 1 'no active card' a shipment send 'Example Bank' --keyset OPMasterKey2 -o s
	ok 'listed' a shipment list
	equal 'list: both' 'out 1 out 2' "$(get '[.result[] | "\(.direction) \(.cards)"] | sort | join(" ")')"
	ok 'shown' a shipment show "$one"
	equal 'show: the card' "$first OPMasterKey2 30" "$(get '.result.listed[] | "\(.card) \(.keyset) \(.key_version)"')"
	sound 'sound after sending' a
}

# EXIT and what `shipment reconcile` counts: announced, missing, different, unexpected.
reconciled() { # NAME EXIT COUNTS
	b shipment reconcile 'Card Maker'
	equal "reconcile: $1" "$2 $3" \
		"$CODE $(get '.result.counts | "\(.announced) \(.missing) \(.different) \(.unexpected)"')"
}

receive_both() {
	ok 'received' b shipment receive s1
	equal 'report' "$one Card Maker 1 0" "$(get '.result | "\(.shipment) \(.partner) \(.cards) \(.known_before)"')"
	equal 'the card is known, with the set as it is called here' \
		"$first|known|active|MakerKey2|48" "$(bank 'SELECT c.id, c.state, d.state, d.keyset, d.version
		FROM card c JOIN card_domain d ON d.card_id = c.id')"
	equal 'its diversification bytes' "$(query "SELECT kdd FROM card_domain WHERE card_id = '$first'")" \
		"$(bank 'SELECT kdd FROM card_domain')"
	refused 'twice' 1 "shipment '$one' was received already: 1 cards" b shipment receive s1
	equal 'twice: it is there once, with its card' '1|1' \
		"$(bank 'SELECT (SELECT count(*) FROM shipment), (SELECT count(*) FROM shipment_card)')"
	ok 'the other one' b shipment receive s2
	reconciled 'all are missing' 3 '3 3 0 0'
	refused 'the bank cannot write the maker its file' 1 'came in' b shipment reissue "$one" -o x
	ok 'dependants are counted' b key show MakerKeyENC2
	equal 'three' 3 "$(get .result.cards)"
	sound 'sound after receiving' b
}

# The cards as they left the maker, in the bank's reader.
cards_arrive() {
	rm -rf "$CARD"
	cp -r "$SIMS/injected" "$CARD"
	sim_again
}
take_over() { # COUNT: without being told what is on them
	ok 'replace without --from' b card replace --reader "$R" --keyset BankMaster2 --count "$1"
	equal 'it knew' "$1 MakerKey2" "$(get '.result.cards[].from' | sort | uniq -c | xargs)"
}
