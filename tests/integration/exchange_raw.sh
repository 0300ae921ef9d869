#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2317 # filters of jq; functions called by name
# Transport keys bound to ECB or CBC, for sites that still run a legacy KMS: by override only; where
# the token cannot do it inside, through host memory, and only if policy lets it.
. "$(dirname "$0")/lib.sh"

fixture_pair
cat >more.ini <<'END'
[plan]
name = more
[keyset "OPMasterKey2"]
customer = Example Bank
algorithm = tdea2
diversification = visa2
key-version = 0x21
export = partner
END
need a --yes hsm update --plan more.ini
pairs_of 2 >two.ini
keep pair

forbid_host() {
	sed -i 's/^host-assisted = allow$/host-assisted = forbid/' "$1/site/site.ini"
	grep -q '^host-assisted = forbid$' "$1/site/site.ini"
}
allow_host() { sed -i 's/^host-assisted = forbid$/host-assisted = allow/' "$1/site/site.ini"; }

# raw NAME ALGORITHM WRAPPING KEYSET…: one key, made, carried and used at both sites.
raw() {
	local tk=$1 alg=$2 how=$3 sets=("${@:4}") shared sum
	use pair
	mkdir sheets
	need a --yes transport-key create "$tk" --algorithm "$alg" --components 2 \
		--partner 'Example Bank' --pairs two.ini --sheets sheets --wrapping "$how"
	shared=$(get .result.check_value)
	EXTRA=$(typed_from "$tk" 2) need b --yes transport-key import "$tk" --algorithm "$alg" \
		--components 2 --partner 'Card Maker' --pairs two.ini --check-value "$shared" \
		--wrapping "$how"
	need b exchange request --from 'Card Maker' --keyset "${sets[@]}" -o req
	refused "$tk: export without override" 1 'override' \
		a exchange export --request req --transport-key "$tk" -o pkg --listing list
	if ! token_inside wrap "$alg"; then
		check "$tk: forbidden" forbid_host a
		refused "$tk: export where host memory is forbidden" 1 "memory … policy forbids … site.ini" \
			a --override 'legacy KMS' exchange export --request req --transport-key "$tk" -o pkg
		allow_host a
	fi
	dry "$tk: dry" a --override 'legacy KMS' exchange export --request req --transport-key "$tk" -o pkg \
		--listing list
	ok "$tk: export by override" \
		a --override 'legacy KMS' exchange export --request req --transport-key "$tk" -o pkg --listing list
	equal "$tk: says where the keys were" "$(token_inside wrap "$alg" && echo in-hsm || echo host-assisted)" \
		"$(get .result.where)"
	check "$tk: the listing has each key" test "$(grep -c '^key ' list)" = "$(jq '.keys | length' pkg)"
	check "$tk: the listing is for its owner" test "$(stat -c %a list)" = 600
	check "$tk: the listing ends as it should" grep -q '^end ' list
	a audit export -o a.log
	check "$tk: the override is in the log" grep -q 'legacy KMS' a.log
	token_inside wrap "$alg" ||
		check "$tk: so is that a key was in host memory" grep -q 'host_assisted' a.log
	refused "$tk: import without override" 1 override \
		b exchange import pkg --transport-key "$tk" --receipt rcpt
	if ! token_inside unwrap "$alg"; then
		check "$tk: forbidden at the bank" forbid_host b
		refused "$tk: import where host memory is forbidden" 1 'memory … policy forbids' \
			b --override 'legacy KMS' exchange import pkg --transport-key "$tk" --receipt rcpt
		allow_host b
	fi
	# No integrity but the check value: a block changed by a dishonest sender.
	sum=$(jq -S '.keys[0].block |= (if startswith("00") then "01" else "00" end + .[2:])' \
		pkg >edited &&
		in_site a exchange_forge sign "$HERE/a/site" package edited forged 2>&1)
	equal "$tk: forged" '' "$sum"
	refused "$tk: import of a changed block" 3 'check value' \
		b --override 'legacy KMS' exchange import forged --transport-key "$tk" --receipt rcpt
	ok "$tk: import by override" \
		b --override 'legacy KMS' exchange import pkg --transport-key "$tk" --receipt rcpt
	ok "$tk: receipt" a exchange receipt rcpt
	sound "$tk: the maker" a
	sound "$tk: the bank" b
	for set in "${sets[@]}"; do
		a key list --keyset "$set"
		get '.result[] | [.label, .check_value, .check_method] | @tsv' >left
		b key list --keyset "$set"
		get '.result[] | [.label, .check_value, .check_method] | @tsv' >right
		check "$tk: check values of $set are equal" cmp left right
		check "$tk: three of them" test "$(wc -l <left)" = 3
	done
	data=$(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n' | tr a-f A-F)
	label=$(head -1 left | cut -f 1)
	equal "$tk: $label is the same key" \
		"$(in_site a exchange_forge derive "$HERE/a/site" "$label" "$data")" \
		"$(in_site b exchange_forge derive "$HERE/b/site" "$label" "$data")"
}
raw TK2D tdea2 raw-hex OPMasterKey2
raw TK3D tdea3 raw-cbc OPMasterKey2
raw TKAES aes128 raw-hex OPMasterKey1

# A key bound to aes-kw has no listing, and TDEA keys cannot be bound to it.
use pair
mkdir sheets
need a transport-key create TK1 --algorithm aes256 --components 2 --partner 'Example Bank' \
	--pairs two.ini --sheets sheets
need b exchange request --from 'Card Maker' --keyset OPMasterKey1 -o req
refused 'a listing under aes-kw' 1 'no listing' \
	a exchange export --request req --transport-key TK1 -o pkg --listing list
rm -rf sheets && mkdir sheets
refused 'aes-kw under a tdea3 key' 1 'aes-kw needs an AES transport key, not tdea3' \
	a transport-key create TK9 --algorithm tdea3 --components 2 --partner 'Example Bank' \
	--pairs two.ini --sheets sheets --wrapping aes-kw
finish
