#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2119
# Cards of the maker's registry become known to the bank by a signed shipment; what the bank takes over
# is reconciled with it; what is wrong with the file is told by line and column, and changes nothing.
. "$(dirname "$0")/card_lib.sh"

# The bank has OPMasterKey2 by an exchange, under another name, and a set of its own.
fixture_exchange
cat >cards.ini <<'END'
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

bank() { # SQL
	sqlite3 -readonly "$HERE/b/site/cardkms.db" "$1" 2>&1
}
cards=$(query 'SELECT id FROM card ORDER BY id')
first=$(head -n 1 <<<"$cards")

# ---- sent ----
refused 'neither cards nor a key set' 2 'which cards' a shipment send 'Example Bank' -o s
refused 'to nobody' 1 "Nobody" a shipment send Nobody --keyset OPMasterKey2 -o s
refused 'a key set that is not there' 1 NoSuch2 a shipment send 'Example Bank' --keyset NoSuch2 -o s
refused 'a key set without cards' 1 "no active card with keys of 'OPMasterKey1'" \
	a shipment send 'Example Bank' --keyset OPMasterKey1 -o s
printf 'card,box\n%s,1\n00,1\n' "$first" >list.csv
refused 'a card that is not there' 1 "list.csv, line 3, column 'card': no card '00'" \
	a shipment send 'Example Bank' list.csv -o s
printf 'card\n%s\n%s\n' "$first" "$first" >list.csv
refused 'a card twice' 1 "list.csv, line 3, column 'card' … in line 2 already" \
	a shipment send 'Example Bank' list.csv -o s
printf 'box\n1\n' >list.csv
refused 'a table without the column' 1 "'card'" a shipment send 'Example Bank' list.csv -o s
dry 'send, dry' a shipment send 'Example Bank' --keyset OPMasterKey2 -o s
check 'a dry run writes nothing' test ! -e s

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
refused 'a shipment that is not there' 1 "no shipment 'X'" a shipment show X
sound 'sound after sending' a
keep sent

# ---- what is not taken ----
refused 'not for this site' 1 '' a shipment receive s1
bad() { # NAME CODE TEXT FILTER: s2, edited by sed
	sed "$4" s2 >bad
	refused "$1" "$2" "$3" b shipment receive bad
}
table=$(($(grep -n '^}$' s2 | cut -d: -f1) + 1))
last=$((table + 2))
bad 'a signed member changed' 3 'signature' 's/"cards": 2/"cards": 3/'
bad 'other columns' 1 "bad, line $table: not the columns" "${table}s/card/karte/"
bad 'a field that is no hex' 1 "bad, line $last: column 'key_version'" "${last}s/,30,/,3g,/"
bad 'a key set that the document does not name' 1 "bad, line $last: column 'key_set'" "${last}s/OPMasterKey2/OPMasterKey9/"
bad 'a field too few' 1 "bad, line $last: not 12 fields" "${last}s/,[^,]*\$//"
bad 'an unknown profile' 1 "bad, line $last: column 'profile'" "${last}s/,jcop4,/,nochip,/"
bad 'well-formed, other diversification bytes' 3 "lines $table to $last: not the cards" "${last}s/.\$/F/"
bad 'cut off after a line' 1 "line $last: 1 cards, the document says 2" "${last}d"
head -c -3 s2 >bad
refused 'cut off within a line' 1 "bad, line $last: the file ends within this line" b shipment receive bad
head -c 300 s2 >bad
refused 'cut off within the document' 1 'bad' b shipment receive bad
printf '\0' >>bad
refused 'a file that is none' 1 '' b shipment receive /dev/null
refused 'no file' 1 'nowhere' b shipment receive nowhere
use injected
cp "$FIXTURES/sent/s1" .
refused 'its key set was never imported' 1 "no key set imported from 'Card Maker' has its check values" \
	b shipment receive s1
use sent
sqlite3 b/site/cardkms.db "INSERT INTO card (id, id_source, profile, state, created, changed)
	VALUES ('$first', 'kdd', 'jcop4', 'known', 1, 1)"
refused 'a card that is here with other data' 3 \
	"s1, line $((table + 1)): column 'id_source' … card '$first' already" b shipment receive s1
use sent
a partner revoke 'Example Bank' --yes
refused 'sent to a revoked partner' 1 '' a shipment send 'Example Bank' list.csv -o s

# ---- taken ----
use sent
dry 'receive, dry' b shipment receive s1
ok 'received' b shipment receive s1
equal 'report' "$one Card Maker 1 0" "$(get '.result | "\(.shipment) \(.partner) \(.cards) \(.known_before)"')"
equal 'the card is known, with the set as it is called here' \
	"$first|known|active|MakerKey2|48" "$(bank 'SELECT c.id, c.state, d.state, d.keyset, d.version
	FROM card c JOIN card_domain d ON d.card_id = c.id')"
equal 'its diversification bytes' "$(query "SELECT kdd FROM card_domain WHERE card_id = '$first'")" \
	"$(bank 'SELECT kdd FROM card_domain')"
refused 'twice' 1 "shipment '$one' was received already: 1 cards" b shipment receive s1
ok 'the other one' b shipment receive s2
b shipment reconcile 'Card Maker'
equal 'reconcile: all are missing' '3 3 3 0 0' \
	"$CODE $(get '.result.counts | "\(.announced) \(.missing) \(.different) \(.unexpected)"')"
refused 'the bank cannot write the maker its file' 1 'came in' b shipment reissue "$one" -o x
ok 'dependants are counted' b key show MakerKeyENC2
equal 'three' 3 "$(get .result.cards)"
sound 'sound after receiving' b

# The bank takes them over without being told what is on them.
rm -rf "$CARD"
cp -r "$SIMS/injected" "$CARD"
sim_again
ok 'replace without --from' b card replace --reader "$R" --keyset BankMaster2 --count 2
equal 'it knew' 'MakerKey2 MakerKey2' "$(get '[.result.cards[].from] | join(" ")')"
b shipment reconcile 'Card Maker'
equal 'reconcile: one is missing' '3 3 1 0 0' \
	"$CODE $(get '.result.counts | "\(.announced) \(.missing) \(.different) \(.unexpected)"')"
keep two
sim_stop
cp -r "$CARD" "$SIMS/two"
sqlite3 b/site/cardkms.db "UPDATE card_change SET old_version = 49 WHERE card_id = '$first'"
b shipment reconcile 'Card Maker'
equal 'reconcile: other keys than announced' "$first 30 31" \
	"$(get '.result.different[] | "\(.card) \(.key_version) \(.has_key_version)"')"
use two
sqlite3 b/site/cardkms.db "DELETE FROM shipment_card WHERE card_id = '$first'"
b shipment reconcile 'Card Maker'
equal 'reconcile: one that was not announced' "$first MakerKey2" \
	"$(get '.result.unexpected[] | "\(.card) \(.has_keyset)"')"
TEXT=1 b shipment reconcile 'Card Maker'
check 'as text' grep -q "^$first" "$OUT"
rm -rf "$CARD"
cp -r "$SIMS/two" "$CARD"
sim_again
use two
ok 'the third' b card replace --reader "$R" --keyset BankMaster2 --count 3
ok 'reconcile: all is well' b shipment reconcile 'Card Maker'
refused 'of nobody' 1 Nobody b shipment reconcile Nobody

# ---- killed ----
# At a write to disk: the shipment is there with all its cards, or not at all, and is made or taken again.
killed=0
cut() { # SITE WRITE-TO-DISK WORD…: killed at that one
	local site=$1 at=$2
	shift 2
	secret_lines "$site/secrets" >"$TMPDIR/lines"
	CODE=0
	in_site "$site" env LD_PRELOAD="$CARDKMS_BIN/libfaultfs.so" FAULTFS_DIR="$HERE" FAULTFS_AT="sync:$at:before" \
		ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" cardkms -s "$HERE/$site/site" --pin-fd 3 "$@" \
		3<"$TMPDIR/lines" >"$OUT" 2>"$ERR" || CODE=$?
	[ "$CODE" -ne 137 ] || killed=$((killed + 1))
}
kept() { # SITE
	sqlite3 -readonly "$HERE/$1/site/cardkms.db" 'SELECT (SELECT count(*) FROM shipment),
		(SELECT count(*) FROM shipment_card)'
}
for at in 2 3 4; do
	use shared
	cut a "$at" shipment send 'Example Bank' --keyset OPMasterKey2 -o s3
	case $(kept a) in
	'0|0') ok "send, killed at $at: again" a shipment send 'Example Bank' --keyset OPMasterKey2 -o s3 ;;
	'1|3') ok "send, killed at $at: it stands" a shipment reissue "$(query 'SELECT id FROM shipment')" -o s3 ;;
	*) kept a | failed "send, killed at $at" ;;
	esac
	cut b "$at" shipment receive s3
	case $(kept b) in
	'0|0') ok "receive, killed at $at: again" b shipment receive s3 ;;
	'1|3') ok "receive, killed at $at: it stands" b doctor ;;
	*) kept b | failed "receive, killed at $at" ;;
	esac
	sound "sound after $at" b
done
check 'some were killed' test "$killed" -ge 3

finish
