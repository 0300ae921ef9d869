#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2317 # functions called by name
# Ceremony files of the kinds about the HSM itself, by the plain front: a new HSM with its site key, an
# update, backup, replication, and what was lost with its HSM brought back. The others: ceremony_file.sh.
. "$(dirname "$0")/lib.sh"

# hold NAME [WORD…]: the ceremony file NAME.ini, carried out. write NAME KIND: writes it, what the kind needs
# comes from standard input.
write() {
	{
		printf '[ceremony]\nkind = %s\ntitle = The day of %s\ndate = %s\n' "$2" "$1" "$(date -u +%F)"
		printf '[people]\nofficers = ana, ben\n'
		printf '[preconditions]\nno-network = no\nno-swap = no\nno-core = no\n'
		cat
	} >"$1.ini"
}
hold() {
	a --yes ceremony run "$1.ini" --plain "${@:2}"
}
runs[hold]=a
site_key() {
	printf '[key]\nlabel = %s\nalgorithm = aes256\n' "$1"
	pairs_three
}
said_done() { # NAME KIND
	a ceremony meetings
	# shellcheck disable=SC2016 # jq's own
	check "$1: in the minutes" jq -e --arg kind "$2" \
		'any(.result[]; .kind == $kind and .state == "done")' "$OUT"
}

fixture_officers
quick_passphrases a
plan_maker >plan.ini
pairs_three >pairs.ini
mkdir sheets sheets-zone
{
	echo so-pin.prod1=11111111
	echo pin.prod1=22222222
} >>a/secrets

# ---- a new HSM, and its site key on the same day ----

printf '[files]\nplan = plan.ini\n[key]\nlabel = SK1\n' | write half hsm-setup
refused 'hsm-setup: half a site key' 1 'the site key is not said in full' hold half
{
	printf '[files]\nplan = plan.ini\n'
	site_key SK1
} | write setup hsm-setup
hold setup
equal 'hsm-setup: without a way to show the components' 1 "$CODE"
check 'hsm-setup: says so' has "$(said)" 'no terminal to show the components … --sheets DIR'
a site status
equal 'hsm-setup: before the HSM is touched' null "$(get .result.hsm_serial)"
ok 'hsm-setup with its site key' hold setup --sheets sheets
site_value=$(get .result.check_value)
equal 'hsm-setup: the key plan too' 3 "$(get '.result.setup.keys | length')"
equal 'hsm-setup: three sheets' 3 "$(find sheets -name 'SK1-*' | wc -l)"
said_done 'hsm-setup' hsm-setup
a key show SK1
equal 'hsm-setup: the site key is there' "site $site_value" "$(get '.result | "\(.role) \(.check_value)"')"

# ---- update, a further site key, backup, replication ----

sed 's/^\[keyset.*/[keyset "OPMasterKey2"]/; s/0x20/0x21/' plan.ini >plan2.ini
printf '[files]\nplan = plan2.ini\n' | write update hsm-update
ok 'hsm-update' hold update
a key list --keyset OPMasterKey2
equal 'hsm-update: three keys more' 3 "$(get '.result | length')"
site_key SK2 | sed 's/= \([A-F]\)\. /= New \1. /; s/, \([A-F]\)\. /, New \1. /' | write more site-key-create
ok 'site-key-create' hold more --sheets sheets
said_done 'site-key-create' site-key-create
printf '[files]\nbackup = bk\n' | write backup backup
hold backup
equal 'backup: of two site keys, one is to be named' 1 "$CODE"
check 'backup: says so' has "$(said)" 'there are several site keys'
printf '[key]\nlabel = SK1\n[files]\nbackup = bk\n' | write backup backup
ok 'backup' hold backup
check 'backup: a file' test -s bk
check 'backup: its hash is in the minutes' bash -c "sqlite3 -readonly a/site/cardkms.db \
	'SELECT minutes FROM meeting ' | grep -qi $(sha256sum bk | cut -c1-64)"
need a hsm add prod1 --kind production --hsm "pkcs11:token=prod1?module-path=$token_module"
printf '[key]\nhsm = prod1\n' | write replicate replicate
refused 'replicate: no key that both have' 1 'no zone key' hold replicate
need a zone-key create ZK1 --pairs pairs.ini --sheets sheets-zone
zone_value=$(get .result.check_value)
EXTRA=$(typed_from ZK1 3 sheets-zone) need a zone-key restore ZK1 --hsm prod1 --pairs pairs.ini \
	--check-value "$zone_value"
ok 'replicate' hold replicate
equal 'replicate: six masters' 'prod1 ZK1 6' "$(get '.result | "\(.hsm) \(.under) \(.copied)"')"
said_done 'replicate' replicate

# ---- lost with its HSM ----

rm -rf a/tokens
mkdir a/tokens
need a hsm setup --rebuild
{
	site_key SK1 | sed "/^algorithm/a check-value = $site_value"
} | write again site-key-restore
EXTRA=$(typed_from SK1 3) ok 'site-key-restore' hold again
said_done 'site-key-restore' site-key-restore
printf '[files]\nbackup = bk\n' | write restore restore
ok 'restore' hold restore
a key show OPMasterKeyENC1
equal 'restore: the masters are back' vault "$(get .result.location)"
check 'the log is whole' a audit verify
finish
