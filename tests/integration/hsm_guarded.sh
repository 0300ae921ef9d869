#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2317 # functions called by name
# An HSM with private TRUSTED keys: masters leave it only under a key that its administrator marked.
TOKEN=guarded
. "$(dirname "$0")/lib.sh"

fixture_pair
mkdir sheets
keep guarded

create() { # WORD…
	a --yes transport-key create TK1 --algorithm aes256 --components 3 --partner 'Example Bank' \
		--pairs pairs.ini --sheets sheets "$@"
}
runs[create]=a

a hsm capabilities
equal 'capabilities: what guards the masters' WRAP_WITH_TRUSTED \
	"$(get '.result.operations[] | select(.operation == "export-control").strategy')"
WITHOUT=so-pin refused 'a transport key without the administrator' 1 \
	'no terminal … administrator (SO) PIN … so-pin=' create
EXTRA='so-pin=00000000' refused 'with a wrong administrator PIN' 1 'PIN is wrong (it was tried once)' create
refused 'raw wrapping' 1 'pass through this machine … under a key that it trusts … aes-kw' create --wrapping raw-hex
sed -i 's/^key-blocks = .*/key-blocks = allow/' a/site/site.ini
refused 'key blocks' 1 'pass through this machine … under a key that it trusts' create --wrapping x9143
check 'no component was shown' test -z "$(ls sheets)"
ok 'with the administrator' create
shared=$(get .result.check_value)
typed_from TK1 3 >components
sound 'sound' a
EXTRA=$(cat components) ok 'the importing site needs no administrator' b transport-key import TK1 --algorithm aes256 \
	--components 3 --partner 'Card Maker' --pairs pairs.ini --check-value "$shared"
need b exchange request --from 'Card Maker' --keyset OPMasterKey1 -o req
keep shared
ok 'export under it' a exchange export --request req --transport-key TK1 -o pkg
ok 'import' b exchange import pkg --transport-key TK1 --receipt rcpt
sound 'and sound there' b

# The mark is gone: found, and nothing leaves.
use shared
sed -i 's/^\([a-z2-7]* \)1 /\10 /' a/tokens/hsm/trusted
a hsm check
equal 'the mark is gone: hsm check' 3 "$CODE"
check 'the mark is gone: what' has "$(cat "$OUT")" "'TK1' … TRUSTED is false"
refused 'the mark is gone: the token lets nothing out' 1 \
	'CKR_KEY_NOT_WRAPPABLE … only be wrapped under a key that the token trusts' \
	a exchange export --request req --transport-key TK1 -o pkg
finish
