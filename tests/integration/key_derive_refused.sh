#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2317 # words for sed; functions called by name
# What key derive refuses: before a key is made, and with nothing written.
. "$(dirname "$0")/key_derive_lib.sh"

fixture_zone


# Transport keys that cannot be used: one that came from a partner, one that is bound to key blocks.
use zone
need site_new b 'Example Bank' issuer cleo dan
need b hsm setup
quick_passphrases b
need a site identity export -o a.id
need b partner add a.id --fingerprint "$(get .result.fingerprint)"
need b site identity export -o b.id
need a partner add b.id --fingerprint "$(get .result.fingerprint)"
OFFICERS='' need b transport-key create TU1 --algorithm aes256 --components 3 --partner 'Card Maker' \
	--pairs pairs.ini --sheets sheets
check=$(get .result.check_value)
EXTRA=$(typed_from TU1 3) OFFICERS=$(<a/officers) need a transport-key import TU1 --algorithm aes256 --components 3 \
	--partner 'Example Bank' --pairs pairs.ini --check-value "$check"
# An HSM that guards its masters takes no transport key for key blocks at all.
blocks() { [ "$TOKEN" != guarded ]; }
if blocks; then
	sed -i 's/^key-blocks = forbid$/key-blocks = allow/' a/site/site.ini
	OFFICERS='' need a transport-key create TB1 --algorithm aes256 --components 3 --partner 'Example Bank' \
		--pairs pairs.ini --sheets sheets --wrapping x9143
fi
keep zone

use zone
dry 'dry run' a key derive --cards few.csv --wrap-under ZK1 -o out --keyset Two1
OFFICERS='' refused 'two officers' 1 'two officers' derive few.csv ZK1 out --keyset Two1
refused 'which key set' 2 'of which one' derive few.csv ZK1 out
refused 'no such key set' 1 'Nothing' derive few.csv ZK1 out --keyset Nothing
refused 'not diversified: masters stay' 1 'the masters themselves' derive few.csv ZK1 out --keyset Same1
refused 'no such zone key' 1 "ZK9" derive few.csv ZK9 out --keyset Two1
refused 'no zone key' 1 "is no zone key … site" derive few.csv SK1 out --keyset Two1
refused 'a transport key that opens only' 1 "'TU1' can only unwrap here" derive few.csv TU1 out --keyset Two1
! blocks || refused 'a transport key for key blocks' 1 "'TB1' (aes256) is bound to x9143" derive few.csv TB1 out --keyset Two1
refused 'a weak zone key' 1 'is weaker than' derive few.csv ZK2 out --keyset Large1
ok 'a weak zone key: by override' derive few.csv ZK2 out --keyset Large1 --override 'old bureau'
equal 'a weak zone key: in the manifest' 1 "$(jq '.overrides | length' out.manifest)"
equal 'a weak zone key: another reader' '120 keys compared' "$(read_all out few.csv ZK2 Large1)"
use zone
need a key suspend ZK1
refused 'a suspended zone key' 1 'ZK1 … suspended' derive few.csv ZK1 out --keyset Two1
use zone
echo mine >out
refused 'it exists' 1 "'out' exists" derive few.csv ZK1 out --keyset Two1
rm out
echo mine >out.part
refused 'something of that name is there' 1 "out.part' exists" derive few.csv ZK1 out --keyset Two1
equal 'and stays' mine "$(<out.part)"
rm out.part
refused 'no folder' 1 "cannot" derive few.csv ZK1 nowhere/out --keyset Two1

bad() { # NAME "message" LINE COLUMN-SED
	sed "$3" few.csv >bad.csv
	refused "cards: $1" 1 "$2" derive bad.csv ZK1 out --keyset Two1
	equal "cards: $1: nothing written" '' "$(ls out* 2>/dev/null)"
}
bad 'no hex' "bad.csv, line 7, column 'kdd': … hexadecimal" '7s/..$/XY/'
bad 'too short' "bad.csv, line 8, column 'kdd': … has 9 bytes, 'visa2' takes exactly 10" '8s/..$//'
bad 'too long' "bad.csv, line 8, column 'kdd': … 11 bytes" '8s/$/00/'
bad 'empty' "bad.csv, line 9, column 'kdd': empty" '9s/[^,]*$//'
bad 'too many fields' 'bad.csv, line 10: 5 fields, the header has 4' '10s/$/,x/'
bad 'no column kdd' "line 1: no column 'kdd'" '1s/kdd/kd/'
bad 'twice a card' "line 12, column 'card': the same as in line 11" '12s/C00000010/C00000009/'
bad 'twice a KDD' "line 30, column 'kdd': the same as in line 12" "30s/[^,]*\$/$(sed -n '12s/.*,//p' few.csv)/"
bad 'none' 'no card in it' '2,$d'
bad 'no text' "line 5" '5s/C/\x01/'
refused 'cards: not there' 1 'nothing.csv' derive nothing.csv ZK1 out --keyset Two1
refused 'cards: a folder' 1 'regular file' derive sheets ZK1 out --keyset Two1
sed '1s/$/,keyset/;2,$s/$/,Two1/;9s/Two1/Large1/' few.csv >bad.csv
refused 'cards: of two key sets' 1 "line 9, column 'keyset': keys of 'Two1'" derive bad.csv ZK1 out
finish
