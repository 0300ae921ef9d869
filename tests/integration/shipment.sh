#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2119,SC2154
# Cards of the maker's registry become known to the bank by a signed shipment; what the bank takes over
# is reconciled with it. Killed at any write to disk it is there whole or not at all. What is wrong with a
# file: shipment_bad.sh.
. "$(dirname "$0")/shipment_lib.sh"

fixture_shipment

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
last=$(tail -n 1 <<<"$cards")
printf 'card\n%s\n%s\n%s\n' "$last" "$first" "$last" >list.csv
refused 'a card twice, in no order' 1 "list.csv, line 4, column 'card' … in line 2 already" \
	a shipment send 'Example Bank' list.csv -o s
printf 'card\n%s\n\n' "$first" >list.csv
refused 'an empty line' 1 'list.csv, line 3: empty' a shipment send 'Example Bank' list.csv -o s
printf 'card,box\n%s,1\n,2\n' "$first" >list.csv
refused 'a line without a card' 1 "list.csv, line 3, column 'card': no card is named" a shipment send 'Example Bank' list.csv -o s
echo card >list.csv
refused 'no card at all' 1 'names no card' a shipment send 'Example Bank' list.csv -o s
hash_of() { # CARD…: of the table of a shipment of these
	printf 'card\n' >list.csv
	printf '%s\n' "$@" >>list.csv
	a --dry-run shipment send 'Example Bank' list.csv -o s
	get '.result | "\(.cards) \(.cards_sha256)"'
}
# shellcheck disable=SC2046,SC2086 # words
equal 'in any order it is the same table' "$(hash_of $cards)" "$(hash_of $(sort -r <<<"$cards"))"
equal 'which has three cards' 3 "$(get .result.cards)"
printf 'box\n1\n' >list.csv
refused 'a table without the column' 1 "'card'" a shipment send 'Example Bank' list.csv -o s
dry 'send, dry' a shipment send 'Example Bank' --keyset OPMasterKey2 -o s
check 'a dry run writes nothing' test ! -e s

ship
refused 'a shipment that is not there' 1 "no shipment 'X'" a shipment show X
keep sent

# ---- taken ----
use sent
dry 'receive, dry' b shipment receive s1
receive_both
cards_arrive
take_over 2
reconciled 'one is missing' 3 '3 1 0 0'
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
reconciled 'all is well' 0 '3 0 0 0'
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
