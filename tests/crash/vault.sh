#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2034 # read in lib.sh
# Site key, backup, rebuild, restore, further HSMs, and the end of imported keys: each operation killed
# at every call that changes a token and at every sync, as exchange.sh does it, and judged as there; the
# other HSMs of the site must agree with the registry, too.
#
# Controls: as in exchange.sh. SWEEP=sample (make test) takes some points of each by SEED.
. "$(dirname "$0")/lib.sh"

at[site_key_create]=a from[site_key_create]=set_up
op_site_key_create() {
	rm -rf sheets && mkdir sheets
	a site-key create SK1 --pairs pairs.ini --sheets sheets
}
effect_site_key_create() {
	some a 8 "SELECT (SELECT count(*) FROM key_object WHERE label = 'SK1' AND state = 'active')
		+ (SELECT count(*) FROM ceremony WHERE state = 'done')
		+ (SELECT count(*) FROM custodian JOIN ceremony ON ceremony.id = ceremony_id
			WHERE sheet_state = 'issued' AND state = 'done')"
}

at[backup_create]=a from[backup_create]=keyed
op_backup_create() {
	rm -f bk
	a backup create -o bk
}
effect_backup_create() {
	local sha256
	sha256=$(sql a 'SELECT sha256 FROM backup')
	if [ -z "$sha256" ]; then
		# A file that no row knows of is no backup that anybody was told of.
		some a 2 'SELECT count(*) FROM backup_key'
	elif [ "$(sha256sum <bk | cut -d ' ' -f 1 | tr a-f A-F)" = "$sha256" ]; then
		some a 3 'SELECT count(*) FROM backup_key'
	else
		echo 'half: the file is not the one recorded'
	fi
}

at[rebuild]=a from[rebuild]=burnt
op_rebuild() {
	a hsm setup --rebuild
}
effect_rebuild() {
	some a 7 "SELECT (SELECT count(*) FROM former_identity)
		+ (SELECT count(*) FROM key_object WHERE location = 'lost' AND state = 'active')
		+ (SELECT count(*) FROM key_object WHERE label LIKE 'cardkms-%' AND state = 'destroyed')"
}
# No token yet, not yet the site's token, or the site's token without its keys.
doctor_says[rebuild]='the site has no HSM: repeat|has no initialised token|was set up with serial|was lost with the HSM'
control[rebuild]=unfinished_at

# In the same site: each key into its own row. What is not back yet, hsm check calls lost.
at[site_key_back]=a from[site_key_back]=rebuilt
op_site_key_back() {
	EXTRA=$(cat sk.typed) a site-key restore SK1 --pairs pairs.ini --check-value "$(cat sk.kcv)"
}
effect_site_key_back() {
	some a 2 "SELECT (SELECT count(*) FROM key_object WHERE label = 'SK1' AND location = 'vault')
		+ (SELECT count(*) FROM ceremony WHERE kind = 'site-key.restore' AND state = 'done')"
}
doctor_says[site_key_back]='was lost with the HSM' control[site_key_back]=unfinished_at

at[restore_back]=a from[restore_back]=keyed_again
op_restore_back() {
	a backup restore bk
}
effect_restore_back() {
	some a 3 "SELECT count(*) FROM key_object WHERE keyset IS NOT NULL AND location = 'vault'"
}
doctor_says[restore_back]='was lost with the HSM' control[restore_back]=unfinished_at

# In a new site: new rows.
at[site_key_new]=n from[site_key_new]=new
op_site_key_new() {
	EXTRA=$(cat sk.typed) on n site-key restore SK1 --pairs pairs.ini --check-value "$(cat sk.kcv)"
}
effect_site_key_new() {
	some n 2 "SELECT (SELECT count(*) FROM key_object WHERE label = 'SK1' AND state = 'active')
		+ (SELECT count(*) FROM ceremony WHERE state = 'done')"
}

at[restore_new]=n from[restore_new]=new_keyed
op_restore_new() {
	on n backup restore bk
}
effect_restore_new() {
	some n 4 "SELECT (SELECT count(*) FROM key_object WHERE keyset IS NOT NULL AND state = 'active')
		+ (SELECT count(*) FROM keyset WHERE state = 'active')"
}

at[hsm_add]=a from[hsm_add]=keyed
op_hsm_add() {
	a hsm add prod1 --kind production --hsm "pkcs11:token=prod1?module-path=$forward_module"
}
effect_hsm_add() {
	some a 1 "SELECT count(*) FROM hsm WHERE state = 'active' AND serial IS NOT NULL"
}

at[zone_restore]=a from[zone_restore]=zoned
op_zone_restore() {
	EXTRA=$(cat zk.typed) a zone-key restore ZK1 --hsm prod1 --pairs pairs.ini --check-value "$(cat zk.kcv)"
}
effect_zone_restore() {
	some a 2 "SELECT (SELECT count(*) FROM key_copy WHERE state = 'active')
		+ (SELECT count(*) FROM ceremony WHERE kind = 'zone-key.restore' AND state = 'done')"
}

at[replicate]=a from[replicate]=joined
op_replicate() {
	a hsm replicate prod1
}
effect_replicate() {
	some a 3 "SELECT count(*) FROM key_copy WHERE state = 'active' AND via = 'ZK1'"
}

# Three masters with their copies, and nothing of them left anywhere.
at[retire]=a from[retire]=copied
op_retire() {
	a --yes key retire OPMasterKey1 --witness wanda
}
effect_retire() {
	some a 6 "SELECT (SELECT count(*) FROM key_object WHERE keyset = 'OPMasterKey1' AND state = 'destroyed')
		+ (SELECT count(*) FROM key_copy WHERE state = 'destroyed')"
}

at[hsm_remove]=a from[hsm_remove]=copied
op_hsm_remove() {
	a --yes hsm remove prod1
}
effect_hsm_remove() {
	some a 5 "SELECT (SELECT count(*) FROM hsm WHERE state = 'removed')
		+ (SELECT count(*) FROM key_copy WHERE state = 'destroyed')"
}

# Of an imported key set: its transport key goes with it.
at[retire_imported]=b from[retire_imported]=traded
op_retire_imported() {
	b --yes key retire OPMasterKey1 --witness wanda
}
effect_retire_imported() {
	some b 4 "SELECT count(*) FROM key_object WHERE state = 'destroyed'
		AND (keyset = 'OPMasterKey1' OR label = 'TK1')"
}

# A key behind content: without its set, an AES key or a pair.
at[content_key]=a from[content_key]=set_up
op_content_key() {
	a card key create BankToken --use token
}
effect_content_key() {
	some a 1 "SELECT count(*) FROM key_object WHERE label = 'BankToken' AND state = 'active'
		AND proof IS NOT NULL"
}
at[content_pair]=a from[content_pair]=set_up
op_content_pair() {
	a card key create BankPair --use dap --algorithm p256
}
effect_content_pair() {
	some a 1 "SELECT count(*) FROM key_object WHERE label = 'BankPair' AND state = 'active'
		AND public_key IS NOT NULL"
}

operations=(content_key content_pair site_key_create backup_create rebuild site_key_back restore_back site_key_new restore_new
	hsm_add zone_restore replicate retire hsm_remove retire_imported)

build_vault() {
	fixture_site
	use site
	printf 'officer.wanda=the third person\nso-pin.prod1=11111111\npin.prod1=22222222\n' >>a/secrets
	need a officer add wanda --role auditor
	keep set_up
	need op_site_key_create
	get .result.check_value >sk.kcv
	typed_from SK1 3 >sk.typed
	keep keyed
	need op_backup_create
	need site_new n 'Card Maker' manufacturer nia ned
	need on n hsm setup
	quick_passphrases n
	keep new
	need op_site_key_new
	keep new_keyed
	rm -rf a/tokens && token_conf "$HERE/a"
	keep burnt
	need op_rebuild
	keep rebuilt
	need op_site_key_back
	keep keyed_again
	use keyed
	need a zone-key create ZK1 --pairs pairs.ini --sheets sheets
	get .result.check_value >zk.kcv
	typed_from ZK1 3 >zk.typed
	need op_hsm_add
	keep zoned
	need op_zone_restore
	keep joined
	need op_replicate
	keep copied
	fixture_exchange
	use exchange
	printf 'officer.wanda=the third person\n' >>b/secrets
	need b officer add wanda --role auditor
	need b exchange request --from 'Card Maker' --keyset OPMasterKey1 -o req
	need a exchange export --request req --transport-key TK1 -o pkg
	need b exchange import pkg --transport-key TK1 --receipt rcpt
	keep traded
}

surely=replicate powerless='backup_create restore_new'

build_vault
for operation in "${operations[@]}"; do
	sweep_one "$operation"
	short_one "$operation"
done
end_sweep vault
