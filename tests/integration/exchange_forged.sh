#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2317 # filters of jq; functions called by name
# A dishonest partner: documents with good signatures that say something wrong.
. "$(dirname "$0")/lib.sh"

package_says() { # CODE TEXT FILTER
	check "forged: $3" forged a package pkg "$3"
	refused "package that says $3" "$1" "$2" \
		b exchange import "$TMPDIR/forged" --transport-key TK1 --receipt new
}

receipt_says() {
	check "forged: $3" forged b receipt rcpt "$3"
	refused "receipt that says $3" "$1" "$2" a exchange receipt "$TMPDIR/forged"
}

fixture_exchange
need b exchange request --from 'Card Maker' --keyset OPMasterKey1 -o req
need a exchange export --request req --transport-key TK1 -o pkg
cp pkg good

other='00000000000000000000000000000000'
package_says 1 'HSM with serial 0123' '.hsm_serial = "0123"'
package_says 1 'knows nothing of' ".request.nonce = \"$other\""
package_says 3 'request' '.request.sha256 = "00" * 32'
package_says 3 'request' '.request.id = "RQ-00000000AA"'
package_says 3 "'TK1' check value is … 0123AB" '.transport_key.check_value = "0123AB"'
package_says 3 'aes128' '.transport_key.algorithm = "aes128"'
package_says 1 'bound to aes-kw' '.wrapping = "raw-ecb" | .keys[].block |= .[0:64]'
# A key block that is another key's, or another key than its check value says: all keys or none.
package_says 3 "cannot unwrap 'OPMasterKeyENC1' … not intact … none of the keys" '.keys[0].block |= (if startswith("00") then "01" else "00" end + .[2:])'
package_says 3 "OPMasterKeyENC1 … check value" '.keys |= (.[0].block as $x | .[0].block = .[1].block | .[1].block = $x)'
package_says 3 "OPMasterKeyKEK1 … 012345 … none of the keys" '.keys[2].check_value = "012345"'
# Not what was asked for.
package_says 3 "holds the key set 'OPMasterKey7' … did not ask for" '(.. | strings | select(test("^OPMasterKey"))) |= sub("1$"; "7")'
package_says 3 "cannot unwrap 'OPMasterKeyENC1'" '.keys[].algorithm = "aes128" | .keys[].length = 16 | .keys[].block |= .[0:48]'
sound 'the bank, which has none of it' b
check 'no object was left' test "$(b hsm status; get .result.keys)" = 3
check 'forged: by the bank, in the name of the maker' forged b package pkg '.carrier = "x"'
refused 'package by another key in its name' 3 'signature' \
	b exchange import "$TMPDIR/forged" --transport-key TK1 --receipt new

need b exchange import good --transport-key TK1 --receipt rcpt
receipt_says 3 'OPMasterKeyENC1 … 012345' '.keys[0].check_value = "012345"'
receipt_says 3 'lists 2 keys … holds 3' '.keys |= .[0:2]'
receipt_says 3 "names the HSM '0123'" '.hsm_serial = "0123"'
receipt_says 3 'package' '.package.sha256 = "00" * 32'
receipt_says 1 'not exported here' '.package.id = "PK-00000000AA"'
receipt_says 3 'nonce' ".nonce = \"$other\""
receipt_says 3 'OPMasterKeyENC1' '.keys[0].algorithm = "aes128"'
ok 'the receipt itself' a exchange receipt rcpt

# A request for an HSM that is not the enrolled partner's is answered, and can be imported nowhere.
use exchange
need b exchange request --from 'Card Maker' --keyset OPMasterKey1 -o req
check 'forged: request with another serial' forged b request req '.hsm_serial = "0123"'
ok 'it is answered' a exchange export --request "$TMPDIR/forged" --transport-key TK1 -o pkg
refused 'package for the serial of a forged request' 1 'HSM with serial 0123' \
	b exchange import pkg --transport-key TK1 --receipt new
finish
