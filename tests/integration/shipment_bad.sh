#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2119,SC2154,SC2317
# What is wrong with a shipment is told, by line and column where it is in a line; nothing of it is taken. Some of
# these the sender itself must have made: they are signed by his key.
. "$(dirname "$0")/shipment_lib.sh"

fixture_shipment
need site_new c 'Third Co' issuer eve fay
need on c hsm setup
need on c site identity export -o c.id
fingerprint=$(get .result.fingerprint)
need on c audit checkpoint
checkpoint=$(jq .result.note <"$OUT")
keep shared
ship >"$TMPDIR/ship"
need test "$failures" -eq 0
keep sent

doc=$(grep -n '^}$' s2 | cut -d: -f1)
columns=$((doc + 1)) second=$((doc + 2)) last=$((doc + 3))
sed "${doc}q" s2 >"$TMPDIR/doc"
sed "1,${doc}d" s2 >"$TMPDIR/table"

refused 'not for this site' 1 '' a shipment receive s1
refused 'a file that is none' 1 '' b shipment receive /dev/null
refused 'no file' 1 'nowhere' b shipment receive nowhere

# ---- a line of it ----

bad() { # NAME CODE TEXT FILTER: s2, edited by sed
	sed "$4" s2 >bad
	cmp -s s2 bad && failed "$1" <<<'the file is as it was'
	refused "$1" "$2" "$3" b shipment receive bad
}
bad 'a signed member changed' 3 'signature' 's/"cards": 2/"cards": 3/'
bad 'other columns' 1 "bad, line $columns: not the columns" "${columns}s/card/karte/"
bad 'a field too few' 1 "bad, line $last: not 12 fields" "${last}s/,[^,]*\$//"
bad 'a field too many' 1 "bad, line $second: not 12 fields" "${second}s/\$/,/"
bad 'an empty line' 1 "bad, line $second: not 12 fields" "${second}s/.*//"
bad 'a carriage return' 1 "bad, line $second: column 'kdd'" "${second}s/\$/\r/"
bad 'a longer line than there may be' 1 "bad, line $second: longer than" "${second}s/\$/$(printf '%01000d' 0)/"
bad 'a key set that the document does not name' 1 "bad, line $last: column 'key_set'" "${last}s/OPMasterKey2/OPMasterKey9/"
bad 'an unknown profile' 1 "bad, line $last: column 'profile'" "${last}s/,jcop4,/,nochip,/"
bad 'well-formed, other diversification bytes' 3 "lines $columns to $last: not the cards" "${last}s/.\$/F/"
bad 'lines in another order' 1 "bad, line $last: column 'card' … not in the order" "${second}{h;d};${last}G"
bad 'the same line twice' 1 "bad, line $last: column 'card' … twice" "${second}p"

# Every column, with what it cannot hold; the line is the last, the one before it is right.
at=0
while read -r name value; do
	at=$((at + 1))
	awk -F, -v OFS=, -v at=$at -v line="$last" -v value="$value" 'NR == line {$at = value} {print}' s2 >bad
	refused "column $name: '$value'" 1 "bad, line $last: column '$name'" b shipment receive bad
done <<-'END'
	card 0
	id_source serial
	profile no/name
	cplc 00
	iin 0g
	cin 0
	domain A0000001
	key_set bad_name!
	key_version 3g
	scp 04
	scp_i 1
	kdd ab
END

# ---- cut off ----

# After any line of it, and within the last: nothing of it is taken, and the last line is named where there is one.
rm bad
snap b
cut=0 wrong=''
for ((i = 0; i < last; i++)); do
	head -n "$i" s2 >bad
	b shipment receive bad
	cut=$((cut + 1))
	{ [ "$CODE" -eq 1 ] && has "$(said)" bad; } || wrong+="after line $i: exit $CODE, $(said)"$'\n'
	[ "$i" -le "$columns" ] || has "$(said)" "bad, line $((i + 1)): $((i - columns)) cards, the document says 2" ||
		wrong+="after line $i: $(said)"$'\n'
done
rm bad
wrong+=$(changed_since b)
equal 'cut off after any line' '' "$wrong"
check 'these were all its lines' test "$cut" -eq "$(wc -l <s2)"
head -c -3 s2 >bad
refused 'cut off within a line' 1 "bad, line $last: the file ends within this line" b shipment receive bad
head -c 300 s2 >bad
refused 'cut off within the document' 1 'bad' b shipment receive bad
printf '\0' >>bad
refused 'cut off, and a zero byte' 1 'bad' b shipment receive bad

# ---- who signed it ----

# "bad": that document of s2, changed, with the hash of this table, signed by that site.
signed_by() { # SITE TABLE FILTER
	local hash
	hash=$(sha256sum <"$2" | cut -d' ' -f1 | tr a-f A-F)
	jq -S "$3 | .cards_sha256 = \"$hash\"" "$TMPDIR/doc" >"$TMPDIR/edited"
	in_site "$1" exchange_forge sign "$HERE/$1/site" shipment "$TMPDIR/edited" "$TMPDIR/forged" || return
	cat "$TMPDIR/forged" "$2" >bad
}
as_third=".sender = {fingerprint: \"$fingerprint\", name: \"Third Co\"} | .audit_checkpoint = $checkpoint"

check 'signed by a stranger' signed_by c "$TMPDIR/table" "$as_third"
refused 'signed by a stranger: refused' 1 "no partner 'Third Co' is enrolled" b shipment receive bad
check "signed by a stranger in the maker's name" signed_by c "$TMPDIR/table" .
refused "signed by a stranger in the maker's name: refused" 3 'signature' b shipment receive bad
need b partner add c.id --fingerprint "$fingerprint"
refused "signed by a partner in the maker's name" 3 'signature' b shipment receive bad
check 'by a partner, in his own name' signed_by c "$TMPDIR/table" "$as_third"
refused 'by a partner, in his own name: the keys are another partner'\''s' 1 \
	"no key set imported from 'Third Co' has its check values" b shipment receive bad
use sent

# ---- what its sender signed, and should not have ----

# A control: the same way, with nothing wrong, is taken.
check 'signed once more by its sender' signed_by a "$TMPDIR/table" '.id = "SH-CONTROL"'
ok 'signed once more by its sender: taken' b shipment receive bad
use sent
{
	sed -n 1,2p "$TMPDIR/table"
	sed -n 2,3p "$TMPDIR/table"
} >"$TMPDIR/twice"
check 'a card twice, signed' signed_by a "$TMPDIR/twice" '.cards = 3'
refused 'a card twice: refused' 1 "bad, line $last: column 'card' … is there twice" b shipment receive bad
check 'more cards than it says' signed_by a "$TMPDIR/table" '.cards = 1'
refused 'more cards than it says: refused' 1 "bad, line $((last + 1)): 2 cards, the document says 1" b shipment receive bad
check 'another shipment of the same name' signed_by a "$TMPDIR/table" ".id = \"$one\""
need b shipment receive s1
refused 'another shipment of the same name: refused' 3 "another shipment '$one' is here already, from 'Card Maker'" \
	b shipment receive bad
use shared
cp "$FIXTURES/sent/s1" .
rm -rf b && cp -a "$FIXTURES/injected/b" b && token_conf "$HERE/b"
refused 'its key set was never imported' 1 "no key set imported from 'Card Maker' has its check values" \
	b shipment receive s1

# ---- a card that is here already ----

here() { # SQL…: b knows the card of s1 as a has it, with the key set's name of here; then this
	use sent
	sqlite3 b/site/cardkms.db "ATTACH '$HERE/a/site/cardkms.db' AS a" \
		"INSERT INTO card SELECT * FROM a.card WHERE id = '$first'" \
		"INSERT INTO card_domain SELECT * FROM a.card_domain WHERE card_id = '$first'" \
		"UPDATE card_domain SET keyset = 'MakerKey2'" "$@"
}
here
ok 'here with the same data' b shipment receive s1
equal 'here with the same data: told' '1 1' "$(get '.result | "\(.cards) \(.known_before)"')"
equal 'here with the same data: one card' 1 "$(bank 'SELECT count(*) FROM card')"
while IFS='|' read -r name change; do
	here "$change"
	refused "here with another $name" 3 "s1, line $second: column '$name' … card '$first' already, with other data" \
		b shipment receive s1
done <<-'END'
	id_source|UPDATE card SET id_source = 'kdd'
	cplc|UPDATE card SET cplc = '00' || substr(cplc, 3)
	domain|UPDATE card_domain SET aid = 'A000000003000000'
	key_set|UPDATE card_domain SET keyset = 'BankMaster2'
	key_version|UPDATE card_domain SET version = 49
	kdd|UPDATE card_domain SET kdd = 'FF' || substr(kdd, 3)
END

use sent
a partner revoke 'Example Bank' --yes
refused 'sent to a revoked partner' 1 '' a shipment send 'Example Bank' list.csv -o s
finish
