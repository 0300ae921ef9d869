#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2317 # functions called by name
# A bank in the middle of its business loses its HSM: what of a partner, a transport key, an open request
# and keys made after the last backup comes back, by an older backup than the newest, and in a new site.
. "$(dirname "$0")/lib.sh"

plan_of() { # KEY SET, at the bank
	plan_maker | sed "s/OPMasterKey1/$1/; s/Example Bank/Card Holders/"
}
sk_restore() { # SITE
	EXTRA=$(cat sk.typed) on "$1" site-key restore SK1 --pairs pairs.ini --check-value "$sk" "${@:2}"
}
tk_import() { # CHECK-VALUE
	EXTRA=$(cat components) b transport-key import TK1 --algorithm aes256 --components 3 \
		--partner 'Card Maker' --pairs pairs.ini --check-value "$1"
}
runs[sk_restore]=b runs[tk_import]=b
masters() { # SITE: the key sets that can be used
	on "$1" key list
	get '[.result[] | select(.keyset and .location == "vault" and .state == "active") | .keyset]
		| unique | join(" ")'
}

fixture_exchange
plan_of BankMaster1 >first.ini
plan_of BankMaster2 >second.ini
need b hsm update --plan first.ini
mkdir bank
need b site-key create SK1 --pairs pairs.ini --sheets bank
sk=$(get .result.check_value)
typed_from SK1 3 bank >sk.typed
need b backup create -o older
older=$(get .result.backup)
sleep 1 # backups have their place in time by seconds
need b hsm update --plan second.ini
need b backup create -o newer
newer=$(get .result.backup)
need b exchange request --from 'Card Maker' --keyset OPMasterKey1 -o req
need b site identity export -o b-then.id
get .result.fingerprint >b-then.fp
tk=$(sqlite3 b/site/cardkms.db "SELECT check_value FROM key_object WHERE label = 'TK1'")
keep business

# ---- the HSM is lost ----

rm -rf b/tokens
mkdir b/tokens
need b hsm setup --rebuild
equal 'lost: masters, site key and the transport key that was typed in' \
	'BankMasterENC1 BankMasterENC2 BankMasterKEK1 BankMasterKEK2 BankMasterMAC1 BankMasterMAC2 SK1 TK1' \
	"$(get '.result.lost | sort | join(" ")')"
equal 'lost: the request that was open is answered to nobody' cancelled \
	"$(sqlite3 b/site/cardkms.db "SELECT state FROM exchange_doc WHERE kind = 'request'")"
need sk_restore b
keep rebuilt

# ---- an older backup than the newest ----

refused 'an older backup: only if somebody says so' 1 "The backup $older is of … $newer is newer" \
	b backup restore older
dry 'an older backup: what it would bring' b --yes backup restore older
ok 'an older backup' b --yes backup restore older
equal 'an older backup: what it does not bring' 'BankMasterENC2 BankMasterKEK2 BankMasterMAC2' \
	"$(get '.result.still_lost | sort | join(" ")')"
equal 'an older backup: what can be used' BankMaster1 "$(masters b)"
ok 'the newest brings the rest' b backup restore newer
equal 'the newest: nothing twice' '3 3 0' \
	"$(get '.result | [.restored, (.there_already | length), (.still_lost | length)] | join(" ")')"
equal 'both can be used' 'BankMaster1 BankMaster2' "$(masters b)"

# ---- the transport key, by its sheets ----

refused 'transport key: with another check value' 1 "'TK1' that was lost … is another: aes256 … $tk" \
	tk_import 000000
ok 'transport key: typed in again' tk_import "$tk"
equal 'transport key: in its own row' "1 active vault" "$(sqlite3 b/site/cardkms.db \
	"SELECT count(*), state, location FROM key_object WHERE label = 'TK1'" | tr '|' ' ')"
sound 'all is back' b

# The maker has the bank's old identity: it answers requests of that one until it is told of the new.
need b exchange request --from 'Card Maker' --keyset OPMasterKey1 -o req2
refused 'the maker does not know the new identity' 1 'not enrolled … partner rotate' \
	a exchange export --request req2 --transport-key TK1 -o pkg
need b site identity export -o b-now.id
need a partner rotate b-now.id --fingerprint "$(get .result.fingerprint)"
ok 'the maker knows it' a exchange export --request req2 --transport-key TK1 -o pkg
ok 'and its masters come' b exchange import pkg --transport-key TK1 --receipt rcpt

# ---- a new site, which knows nobody ----

use business
mkdir -p n
token_conf "$HERE/n"
token_site n
{
	token_pins
	printf 'officer.ana=correct horse\nofficer.ben=battery staple\n'
} >n/secrets
echo ana,ben >n/officers
run_in n cardkms --json site init "$HERE/n/site" --name 'Example Bank' --role issuer "${site_options[@]}"
OFFICERS='' need on n officer add ana
OFFICERS='' need on n officer add ben
quick_passphrases n
need on n hsm setup
need sk_restore n --fingerprint "$(cat b-then.fp)"
runs[n]=n
n() { on n "$@"; }
ok 'a new site: restored' n backup restore newer
equal 'a new site: the partners, too' 'Card Maker' "$(get '.result.partners | join(",")')"
need n partner list
equal 'a new site: a partner as it was enrolled' \
	"$(sqlite3 b/site/cardkms.db 'SELECT fingerprint FROM partner')" "$(get '.result[].fingerprint')"
equal 'a new site: what can be used' 'BankMaster1 BankMaster2' "$(masters n)"
refused 'a new site: twice' 1 'nothing to restore' n backup restore newer
sound 'a new site: sound' n
finish
