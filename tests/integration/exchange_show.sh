#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# exchange show: each kind of file explained, and its signature judged by what the site knows.
. "$(dirname "$0")/lib.sh"

fixture_exchange
need b exchange request --from 'Card Maker' --keyset OPMasterKey1 -o req
request=$(get .result.request)
need a exchange export --request req --transport-key TK1 -o pkg
package=$(get .result.package)
need b exchange import pkg --transport-key TK1 --receipt rcpt
need site_new c 'Another Bank' issuer cem dora
need on c hsm setup
need a site-key create SK1 --pairs pairs.ini --sheets sheets
need a backup create -o bk

# shown NAME SITE FILE FILTER WANTED: by a site ("" for none), read through a filter of jq.
shown() {
	if [ "$2" ]; then
		ok "$1" on "$2" exchange show "$3"
	else
		ok "$1" plain --json exchange show "$3"
	fi
	equal "$1" "$5" "$(get ".result | $4")"
}

who='"\(.kind) \(.id) of \(.sender.name) for \(.recipient.name): \(.signature)"'
shown 'request: by who made it' b req "$who" "request $request of Example Bank for Card Maker: good, by this site"
shown 'request: by who gets it' a req .signature 'good, by the enrolled partner'
shown 'request: by a stranger' c req .signature 'not checked: its sender is not enrolled here'
shown 'request: by nobody' '' req .signature 'not checked: no site given (-s DIR)'
shown 'request: what for' a req '.keysets | join(",")' OPMasterKey1
shown 'package: by who made it' a pkg "$who" "package $package of Card Maker for Example Bank: good, by this site"
shown 'package: by who gets it' b pkg .signature 'good, by the enrolled partner'
shown 'package: by a stranger' c pkg .signature 'not checked: its sender is not enrolled here'
shown 'package: its keys' b pkg '[.keys[].label] | join(",")' 'OPMasterKeyENC1,OPMasterKeyMAC1,OPMasterKeyKEK1'
shown 'package: under which key' b pkg '"\(.transport_key.label) \(.wrapping)"' 'TK1 aes-kw'
shown 'receipt: by who made it' b rcpt '"\(.kind) of \(.package): \(.signature)"' "receipt of $package: good, by this site"
shown 'receipt: by who gets it' a rcpt .signature 'good, by the enrolled partner'
shown 'receipt: its check values are those of the package' a rcpt '[.keys[].check_value] | join(",")' \
	"$(a exchange show pkg && get '[.result.keys[].check_value] | join(",")')"
shown 'identity' c a.id '"\(.kind) of \(.name), \(.role): \(.signature)"' \
	'identity of Card Maker, manufacturer: by its own key: compare the fingerprint with its owner'
shown 'the hash is that of the file' '' pkg .sha256 "$(sha256sum pkg | cut -c1-64 | tr a-f A-F)"
TEXT=1 ok 'as text' a exchange show pkg

# ---- what is no such file, or not as it was signed ----

refused 'a backup' 1 'is a backup … backup verify' a exchange show bk
refused 'another file' 1 "'pairs.ini'" a exchange show pairs.ini
refused 'no file' 1 nowhere a exchange show nowhere
: >empty
refused 'an empty file' 1 "'empty'" a exchange show empty
for file in req pkg rcpt a.id; do
	sed '0,/"20[0-9][0-9]-/s//"2001-/' "$file" >edited
	check "$file, edited: was edited" bash -c "! cmp -s '$file' edited"
	refused "$file, edited" 3 'does not verify' b exchange show edited
	{ cat "$file" && echo; } >edited
	refused "$file, with an empty line" 1 'not in the form' b exchange show edited
	head -c -40 "$file" >edited
	refused "$file, cut short" 1 "'edited'" b exchange show edited
done
finish
