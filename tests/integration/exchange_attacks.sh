#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2317 # filters of jq; functions called by name
# Requests, packages and receipts that must not be believed: cut, edited, written anew, for somebody
# else, from somebody else, used twice, under another key. Nothing changes, and the message says why.
. "$(dirname "$0")/lib.sh"

d() { on d "$@"; }

# Three sites: a (maker), b (bank), d (another bank, enrolled nowhere, that has enrolled a).
fixture_exchange
need b exchange request --from 'Card Maker' --keyset OPMasterKey1 -o req
need site_new d 'Third Bank' issuer emma finn
need d hsm setup
need d site identity export -o d.id
get .result.fingerprint >d.fp
need a site identity
need d partner add a.id --fingerprint "$(get .result.fingerprint)"
need d exchange request --from 'Card Maker' --keyset OPMasterKey1 -o d.req
keep asked
need a exchange export --request req --transport-key TK1 -o pkg
keep sent
need b exchange import pkg --transport-key TK1 --receipt rcpt
keep imported

# ---- the words of this script ----

# What is attacked lies outside of the case's folder, whose files are watched.
BAD=$TMPDIR/bad
mkdir "$BAD"

# said_no NAME CODE TEXT COMMAND…: as `refused`, but the state is looked at by the caller.
said_no() {
	local name=$1 code=$2 text=$3 wrong
	shift 3
	"$@"
	wrong=$(wrong_with_run "$1")
	[ "$CODE" -eq "$code" ] || wrong+="exit status is not $code"$'\n'
	has "$(said)" "$text" || wrong+="was not said: $text"$'\n'
	if [ -z "$wrong" ]; then
		passed "$name"
	else
		{
			printf '%q ' "$@"
			printf '\n%s\n' "$wrong"
			last_run
		} | failed "$name"
	fi
}

# NAME CODE TEXT FILE [TRANSPORT-KEY]
a_request() { said_no "$1" "$2" "$3" a exchange export --request "$4" --transport-key "${5:-TK1}" -o new; }
b_package() { said_no "$1" "$2" "$3" b exchange import "$4" --transport-key "${5:-TK1}" --receipt new; }
a_receipt() { said_no "$1" "$2" "$3" a exchange receipt "$4"; }

# malformed DO FILE WHAT WAY…: cut at each quarter, and the same content in other bytes. (Every single
# byte is changed in exchange_flip.sh.)
malformed() {
	local part way size f=$BAD/file ways=("${@:4}")
	size=$(stat -c %s "$2")
	for part in 0 $((size / 4)) $((size / 2)) $((size * 3 / 4)) $((size - 1)); do
		head -c "$part" "$2" >"$f"
		"$1" "$2 cut to $part of $size bytes" 1 "$3 '$f': " "$f"
	done
	for way in "${ways[@]}"; do
		case $way in
		compact) jq -c . "$2" ;;
		tabs) jq --tab . "$2" ;;
		order) jq 'to_entries | reverse | from_entries' "$2" ;;
		crlf) sed 's/$/\r/' "$2" ;;
		blank-line) sed '2s/^/\n/' "$2" ;;
		newline) cat "$2" && echo ;;
		bom) printf '\xef\xbb\xbf' && cat "$2" ;;
		member) sed '2s/^/  "a": 1,\n/' "$2" ;;
		twice) sed '2p' "$2" ;;
		nul) cat "$2" && printf '\0' ;;
		esac >"$f"
		"$1" "$2 in other bytes: $way" 1 "$3 '$f': " "$f"
	done
	"$1" "$2 is not there" 1 "$3 'no-such-file': " no-such-file
	"$1" "$2 is a folder" 1 "$3 'sheets': " sheets
	head -c 3000000 /dev/zero | tr '\0' ' ' >"$f"
	"$1" "$2 is 3 MB of blanks" 1 "$3 '$f': " "$f"
}

# edited DO FILE CODE TEXT FILTER: changed in the very form that cardkms writes.
edited() {
	jq -S "$5" "$2" >"$BAD/edited"
	if cmp -s "$2" "$BAD/edited"; then
		failed "$2 edited: $5" <<<"the filter changed nothing"
		return
	fi
	"$1" "$2 edited: $5" "$3" "$4" "$BAD/edited"
}

# ---- requests, at the maker ----
use asked
snap a
malformed a_request req 'cannot answer' compact tabs order crlf blank-line newline bom member twice nul
for change in '.nonce = "00" * 16' '.hsm_serial = "0000"' '.keysets = ["OPMasterKey2"]' \
	'.signature = "00" * 64'; do
	edited a_request req 3 signature "$change"
done
edited a_request req 1 'cannot answer' '.keysets = []'
edited a_request req 1 'cannot answer' '.keysets = ["OPMasterKey1", "OPMasterKey1"]'
edited a_request req 1 'cannot answer' '.cardkms = "request/2"'
edited a_request req 1 "comes from 'Third Bank'" '.sender.name = "Third Bank"'
edited a_request req 1 'not enrolled … partner rotate' '.sender.fingerprint = "11" * 32'
edited a_request req 1 "is for 'Another Maker', not for this site ('Card Maker')" \
	'.recipient.name = "Another Maker"'
edited a_request req 1 "another identity of 'Card Maker'" '.recipient.fingerprint = "00" * 32'
a_request 'request of a partner that is not enrolled' 1 "comes from 'Third Bank' … partner add" d.req
a_request 'an identity instead of a request' 1 "cannot answer 'b.id'" b.id
a_request 'request under a key that is not there' 1 TK9 req TK9
a_request 'request under a key that is no transport key' 1 'no transport key' req OPMasterKeyENC1
same_state 'the maker after all these requests' a
refused 'request that is given to another site' 1 "is for 'Card Maker', not for this site" \
	b exchange export --request d.req --transport-key TK1 -o new
need a exchange export --request req --transport-key TK1 -o pkg
refused 'replayed request' 1 'has been answered already … reissue' \
	a exchange export --request req --transport-key TK1 -o new
use asked
need a partner revoke 'Example Bank' --reason test
refused 'request of a revoked partner' 1 'Example Bank … revoked' \
	a exchange export --request req --transport-key TK1 -o new

# ---- packages, at the bank ----
use sent
snap b
malformed b_package pkg 'cannot import' compact order newline member
for change in '.keys[0].block |= (if startswith("00") then "01" else "00" end + .[2:])' '.keys[0].check_value = "000000"' \
	'.keysets[0].export = "partner"' '.request.nonce = "00" * 16' '.transport_key.label = "TK2"' \
	'.keys |= .[0:2]' '.carrier = "Somebody"' '.recipient.name = "Third Bank"'; do
	edited b_package pkg 3 signature "$change"
done
for change in '.keys[0].label = "OPMasterKeyENC9"' '.keys[0].role = "mac"' '.keys[0].length = 16' \
	'.wrapping = "raw-ecb"' '.cardkms = "package/9"' '.keys[0].block |= sub("..$"; "")'; do
	edited b_package pkg 1 'cannot import' "$change"
done
edited b_package pkg 1 "comes from 'Another Maker'" '.sender.name = "Another Maker"'
b_package 'a request instead of a package' 1 "cannot import 'req'" req
same_state 'the bank after all these packages' b
refused 'package at its own sender' 1 "comes from 'Card Maker'" \
	a exchange import pkg --transport-key TK1 --receipt new
need b partner revoke 'Card Maker' --reason test
refused 'package of a revoked partner' 1 'Card Maker … revoked' \
	b exchange import pkg --transport-key TK1 --receipt new

# For another recipient: a enrols d and exports to it; b gets that package.
use sent
need a partner add d.id --fingerprint "$(cat d.fp)"
mkdir sheets-d
pairs_of 2 >two.ini
need a transport-key create TKD --algorithm aes256 --components 2 --partner 'Third Bank' \
	--pairs two.ini --sheets sheets-d
snap a
a_request 'request of one partner under the key of another' 1 \
	"'TK1' is shared with 'Example Bank', not with 'Third Bank'" d.req
a_request "another customer's key set" 1 \
	'OPMasterKey1 … Third Bank … belongs to Example Bank … override' d.req TKD
said_no 'an override without a reason' 2 reason \
	a --override '' exchange export --request d.req --transport-key TKD -o new
OFFICERS='' said_no 'an override by nobody' 1 'two officers' \
	a --override 'they merged' exchange export --request d.req --transport-key TKD -o new
OFFICERS=ana,ana said_no 'an override by one officer twice' 1 'cannot be both officers' \
	a --override 'they merged' exchange export --request d.req --transport-key TKD -o new
EXTRA='officer.ben=not his words' said_no 'an override with a wrong passphrase' 1 ben \
	a --override 'they merged' exchange export --request d.req --transport-key TKD -o new
same_state 'the maker after these' a
ok "another customer's key set, by override" \
	a --override 'they merged' exchange export --request d.req --transport-key TKD -o d.pkg
check 'the override is in the package' grep -q 'belongs to Example Bank' d.pkg
a audit export -o a.log
check 'the override and its reason are in the audit log' grep -q 'they merged' a.log
refused 'package for another recipient' 1 "is for 'Third Bank', not for this site" \
	b exchange import d.pkg --transport-key TK1 --receipt new

# Used twice; and after a restore of the site to before its request.
use imported
refused 'replayed package' 1 'has been used … imported already' \
	b exchange import pkg --transport-key TK1 --receipt new
rm -rf b
cp -a "$FIXTURES/exchange/b" b
token_conf "$HERE/b"
refused 'package after a restore to before its request' 1 'knows nothing of' \
	b exchange import pkg --transport-key TK1 --receipt new

# Under another transport key, shared with the same partner: told by the check value.
use sent
mkdir sheets-2
pairs_of 2 >two.ini
need a transport-key create TK2 --algorithm aes256 --components 2 --partner 'Example Bank' \
	--pairs two.ini --sheets sheets-2
there=$(get .result.check_value)
EXTRA=$(typed_from TK2 2 sheets-2) need b transport-key import TK2 --algorithm aes256 --components 2 \
	--partner 'Card Maker' --pairs two.ini --check-value "$there"
refused 'package under another transport key' 3 \
	"'TK2' check value is $there … 'TK1' … $(jq -r .transport_key.check_value pkg) (aes-gp) … wrapped under" \
	b exchange import pkg --transport-key TK2 --receipt new
refused 'request under the key that can only unwrap' 1 'not for this site' \
	b exchange export --request req --transport-key TK2 -o new

# A new identity of the partner: what the old one signed is refused from then on.
use sent
need site_new e 'Card Maker' manufacturer ana ben
need on e hsm setup
need on e site identity export -o e.id
need b partner rotate e.id --fingerprint "$(get .result.fingerprint)"
refused 'package of a former identity' 1 'not enrolled … partner rotate' \
	b exchange import pkg --transport-key TK1 --receipt new

# ---- receipts, at the maker ----
use imported
snap a
malformed a_receipt rcpt 'cannot take the receipt' compact order newline member
for change in '.keys[0].check_value = "000000"' '.hsm_serial = "0000"' '.signature = "00" * 64'; do
	edited a_receipt rcpt 3 signature "$change"
done
edited a_receipt rcpt 1 "comes from 'Third Bank'" '.sender.name = "Third Bank"'
edited a_receipt rcpt 1 'cannot take the receipt' '.keys = []'
same_state 'the maker after all these receipts' a
refused 'receipt at the site that made it' 1 "is for 'Card Maker', not for this site" \
	b exchange receipt rcpt
ok 'the receipt itself' a exchange receipt rcpt
refused 'replayed receipt' 1 'has its receipt already' a exchange receipt rcpt
sound 'the maker at the end' a
sound 'the bank at the end' b
rm -rf a
cp -a "$FIXTURES/asked/a" a
token_conf "$HERE/a"
refused 'receipt for a package that was never exported' 1 'was not exported here … is not the one that … has seen' \
	a exchange receipt rcpt
finish
