#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Keys of many cards in one file, read by a program that knows only the format and OpenSSL: it has the
# zone key's components, and the masters from a backup under a site key whose components it has as well.
. "$(dirname "$0")/key_derive_lib.sh"

fixture_zone

# ---- every method, many at once where the token can, read by another program ----

ok 'aes256: derived' derive cards.csv ZK1 large --keyset Large1
equal 'aes256: counted' '4500 13500 aes-kw in-hsm ZK1' \
	"$(get '.result | [.cards, .keys, .wrapping, .where, .under] | map(tostring) | join(" ")')"
at_once=$(get .result.keys_at_once)
case $TOKEN in
softhsm | forward | guarded) equal 'aes256: a chunk at once' 4096 "$at_once" ;;
nss*) equal 'aes256: 64 bytes at once' 2 "$at_once" ;;
esac
equal 'aes256: another reader' '13500 keys compared' "$(read_all large cards.csv ZK1 Large1)"
equal 'aes256: nothing else is left' 'large large.manifest' "$(echo large*)"
equal 'aes256: for its owner only' 600 "$(stat -c %a large)"
equal 'aes256: the hash of the file' "$(sha256sum <large | cut -d ' ' -f 1)" \
	"$(get '.result.sha256 | ascii_downcase')"
equal 'aes256: the hash of the cards' "$(sha256sum <cards.csv | cut -d ' ' -f 1)" \
	"$(jq -r '.cards.sha256 | ascii_downcase' large.manifest)"
for set in Two1 Middle1 Chip1; do
	ok "$set: derived" derive few.csv ZK1 "$set" --keyset "$set"
	equal "$set: another reader" '120 keys compared' "$(read_all "$set" few.csv ZK1 "$set")"
done
ok 'audit: the entry' a audit list
equal 'audit: counts and hashes' "$(sha256sum <large.manifest | cut -d ' ' -f 1) 13500" "$(get '
	[.result[] | select(.operation == "key.derive" and .phase == "outcome")][0].details
	| [(.manifest_sha256 | ascii_downcase), .keys] | map(tostring) | join(" ")')"
sound 'derived: the site is sound' a
ok 'impact: of the zone key' a key impact ZK1
check 'impact: whose keys went under it' has "$(get '.result.todo | join("; ")')" \
	"re-key the 4500 cards of 'Large1' … derived under 'ZK1'"
check 'derived: the same file again' cmp large <(a key derive --cards cards.csv --wrap-under ZK1 \
	-o again --keyset Large1 >/dev/null && cat again)
{
	sed '1s/$/,keyset/;2,$s/$/,Two1/' few.csv >named.csv
	ok 'a column names the key set' derive named.csv ZK1 by-column
	equal 'a column names the key set: this one' Two1 "$(get .result.keyset)"
}
keep derived

# ---- verified ----

ok 'verify: by this site' a key derive-verify large --cards cards.csv
equal 'verify: what it is' 'Card Maker Large1 4500 13500 2 good, by this site' \
	"$(get '.result | [.sender, .keyset, .cards, .keys, .chunks, .signature] | map(tostring) | join(" ")')"
ok 'verify: by an identity, without a site' plain --json key derive-verify large --identity a.id
refused 'verify: other cards' 3 'not the file of cards' a key derive-verify Two1 --cards cards.csv
printf x | dd of=large bs=1 seek=5000 conv=notrunc status=none
refused 'verify: one byte is another' 3 'is not the file that its manifest is of' a key derive-verify large
check 'verify: and its key does not open it' test "$(read_all large cards.csv ZK1 Large1)" = \
	'derived_reader: a block is not intact'
use derived
truncate -s -1 large
refused 'verify: too short' 3 "bytes, its manifest says" a key derive-verify large
rm large
refused 'verify: it is not there' 1 "cannot open 'large'" a key derive-verify large
mkdir large
refused 'verify: a folder' 1 "'large' is not a regular file" a key derive-verify large
rmdir large
use derived
jq -S '.cards.count = 4499' large.manifest >edited && mv edited large.manifest
refused 'verify: an edited manifest' 1 "manifest" a key derive-verify large
use derived
sed -i 's/"recipient": ""/"recipient": "Eve"/' large.manifest
refused 'verify: an edited manifest of the right form' 3 'signature' a key derive-verify large
refused 'verify: no manifest' 1 "large.manifest" a key derive-verify few.csv --manifest no/large.manifest
use derived
refused 'shown: not as an exchange' 1 'derive-verify' a exchange show large.manifest

# ---- without integrity: by override only ----

use zone
refused 'raw-cbc: not as another' 1 'raw-cbc' a zone-key create ZR --pairs pairs.ini --sheets sheets --wrapping raw-cbc
refused 'raw-ecb: never' 1 'not by raw-ecb' a zone-key create ZR --pairs pairs.ini --sheets sheets --wrapping raw-ecb
if [ "$TOKEN" != guarded ]; then
	zone_key ZR aes256 --wrapping raw-cbc --override 'bureau takes CBC only'
	refused 'raw-cbc: needs an override each time' 1 'no integrity' derive few.csv ZR out --keyset Two1
	ok 'raw-cbc: by override' derive cards.csv ZR out --keyset Two1 --override 'bureau takes CBC only'
	equal 'raw-cbc: another reader' '13500 keys compared' "$(read_all out cards.csv ZR Two1)"
	ok 'raw-cbc: verified' a key derive-verify out
fi
finish
