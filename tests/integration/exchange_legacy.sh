#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Key sets to and from a site that runs a legacy KMS: raw transport keys, listings typed by hand.
# shellcheck disable=SC2317 # functions are called by lib.sh
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

# Both sites know the other by name only; the keys belong to the site that gets them.
empty_case
need site_new a 'Card Maker' manufacturer ana ben
need site_new b 'Example Bank' issuer cleo dan
cat >plan.ini <<'END'
[plan]
name = legacy
[keyset "OldKey1"]
customer = Example Bank
algorithm = tdea2
diversification = visa2
key-version = 0x20
export = partner
END
need a --yes hsm setup --plan plan.ini
need b hsm setup
keep legacy

# join ALGORITHM COMPONENTS WRAPPING: the transport key LK at both.
join() {
	local components=$2
	mkdir sheets
	pairs_of "$components" >pairs.ini
	a transport-key create LK --algorithm "$1" --components "$components" --wrapping "$3" \
		--partner 'Example Bank' --legacy --pairs pairs.ini --sheets sheets || return
	EXTRA=$(typed_from LK "$components") b transport-key import LK --algorithm "$1" \
		--components "$components" --wrapping "$3" --partner 'Card Maker' --legacy \
		--pairs pairs.ini --check-value "$(get .result.check_value)"
}

values() { # SITE
	on "$1" key list --keyset OldKey1 && get '.result[] | "\(.label) \(.check_value)"'
}

for how in 'tdea2 2 raw-hex' 'tdea3 3 raw-cbc' 'aes128 9 raw-hex'; do
	use legacy
	# shellcheck disable=SC2086 # three words
	need join $how
	refused "$how: no export without an override" 1 'no integrity … --override' \
		a exchange export-listing --transport-key LK --keyset OldKey1 -o listing
	ok "$how: exported by two officers" a --override 'old site' exchange export-listing \
		--transport-key LK --keyset OldKey1 -o listing
	refused "$how: no import without an override" 1 'no integrity … --override' \
		b exchange import-listing listing --transport-key LK --plan plan.ini
	ok "$how: imported by two officers" b --override 'old site' exchange import-listing listing \
		--transport-key LK --plan plan.ini
	check "$how: the same three keys at both" test "$(values a)" = "$(values b)"
	check "$how: three of them" test "$(values b | wc -l)" = 3
	ok "$how: store and HSM agree" b hsm check
	b audit list
	# Keys that this token cannot unwrap so.
	host=true
	! token_inside unwrap "${how%% *}" || host=null
	check "$how: the log names the rule and the reason" test "$(get '[.result[]
		| select(.operation == "exchange.import-listing" and .phase == "outcome").details
		| .override_reason == "old site" and .host_assisted == '"$host"' and (.overrides | length == 1)]
		| . == [true]')" = true
done

use legacy
need join tdea2 2 raw-hex
need a --override 'old site' exchange export-listing --transport-key LK --keyset OldKey1 -o listing
cp listing good
refused 'a key set that must not leave' 1 'no key set' \
	a --override x exchange export-listing --transport-key LK --keyset Nothing -o out
refused 'a key set named twice' 1 'named twice' \
	a --override x exchange export-listing --transport-key LK --keyset OldKey1,oldkey1 -o out
refused 'a custodian who carries' 1 'custodian of component' a --override x \
	exchange export-listing --transport-key LK --keyset OldKey1 -o out --carrier 'left 1'
import() { b --override 'old site' exchange import-listing listing --transport-key LK --plan plan.ini; }
sed '/^key  OldKeyENC1/{n;s/\([0-9A-F]\)\([0-9A-F]*\)$/\2\1/}' good >listing
refused 'a digit mistyped shows by the check value' 3 'check value' import
head -n 7 good >listing
refused 'a listing cut short' 1 'cannot import' import
sed 's/OldKeyMAC1/OldKeyXYZ1/' good >listing
refused 'a key that the plan does not know' 1 "no key 'OldKeyMAC1'" import
sed 's/^transport  LK  tdea2  ....../transport  LK  tdea2  AAAAAA/' good >listing
refused 'another transport key' 3 'check value' import
cp good listing
sed -i 's/tdea2/tdea3/;s/visa2/an10922/' plan.ini
refused 'a plan that says otherwise' 1 'is tdea3 in the plan, tdea2 in the listing' import
sed -i 's/tdea3/tdea2/;s/an10922/visa2/' plan.ini
ok 'and after all that the right one' import
refused 'a second time' 1 'already' import

refused 'a legacy transport key with AES key wrap' 1 'raw wrapping or key blocks only' \
	a transport-key create LK2 --algorithm aes128 --components 2 --partner 'Old' --legacy \
	--pairs pairs.ini --sheets sheets
refused 'an export by request needs an enrolled partner' 1 'no partner' \
	b exchange request --from 'Card Maker' --keyset OldKey1 -o request
finish
