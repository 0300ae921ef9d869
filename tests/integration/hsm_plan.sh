#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Key plans, by way of hsm setup and hsm update: a bad one is refused whole, and what it was is said.
. "$(dirname "$0")/lib.sh"

set_of() { # NAME [LINE…]: a key set that is right, but for the lines that follow
	local name=$1 line
	shift
	echo "[keyset \"$name\"]"
	for line in 'algorithm = aes256' 'diversification = kdf3' 'key-version = 0x30'; do
		[[ " $* " == *" ${line%% *} "* ]] || echo "$line"
	done
	[ $# -eq 0 ] || printf '%s\n' "$@"
}

# bad NAME TEXT: the plan on standard input is refused by setup and by update, with nothing made.
bad() {
	cat >bad.ini
	refused "update: $1" "${3:-1}" "$2" a hsm update --plan bad.ini
}

fixture_site
use site
head='[plan]
name = test'

{
	echo "$head"
	set_of New1 'customers = Example Bank'
} | bad 'an unknown entry' "bad.ini, line … 'customers'"
check 'an unknown entry: what was meant' has "$(said)" 'customer'
{
	echo "$head"
	set_of New1
	printf '[keysets "X"]\nalgorithm = aes128\n'
} | bad 'an unknown section' 'bad.ini, line … keysets'
{
	echo "$head"
	set_of New1
	set_of New1
} | bad 'a section twice' 'bad.ini, line … New1'
{
	echo "$head"
	set_of New1
	set_of NEW1
} | bad 'two sets that differ in case only' 'bad.ini, line … NEW1'
{
	echo "$head"
	set_of New1 'algorithm = aes256' 'algorithm = aes128'
} | bad 'an entry twice' 'bad.ini, line … algorithm'
{
	echo "$head"
	set_of New1 'algorithm = aes512'
} | bad 'an algorithm that there is not' "bad.ini, line … 'aes512'"
{
	echo "$head"
	set_of New1 'algorithm = des'
} | bad 'single DES' "bad.ini, line … 'des'"
{
	echo "$head"
	set_of New1 'diversification = kdf4'
} | bad 'a method that there is not' "bad.ini, line … 'kdf4'"
{
	echo "$head"
	set_of New1 'diversification = visa2'
} | bad 'visa2 with AES' "bad.ini, line … aes256 masters … by 'visa2' … it goes with tdea2"
{
	echo "$head"
	set_of New1 'algorithm = tdea2'
} | bad 'kdf3 with TDEA' "bad.ini, line … tdea2 masters … by 'kdf3' … it goes with aes128"
for version in 0 0x80 256 -1 0x 0x1G '' '32 33'; do
	{
		echo "$head"
		set_of New1 "key-version = $version"
	} | bad "key version '$version'" "bad.ini, line … '$version' is no key version … 0x01 to 0x7F"
done
for missing in algorithm diversification key-version; do
	{
		echo "$head"
		set_of New1 | grep -v "^$missing"
	} | bad "no $missing" "bad.ini, line … $missing"
done
{
	echo "$head"
	set_of New1 'export = everyone'
} | bad 'export to everyone' "bad.ini, line … everyone"
{
	echo "$head"
	set_of New1 'cryptoperiod = 36 fortnights'
} | bad 'a cryptoperiod in fortnights' 'bad.ini, line … cryptoperiod'
{
	echo "$head"
	set_of New1 'cryptoperiod = 0 months'
} | bad 'no cryptoperiod at all' 'bad.ini, line … cryptoperiod'
{
	echo "$head"
	set_of '../../evil'
} | bad 'a set that is a path' 'bad.ini, line'
{
	echo "$head"
	set_of "$(printf '%30s' '' | tr ' ' K)"
} | bad 'a name of 30' 'bad.ini, line … 29'
set_of New1 | bad 'no [plan]' 'bad.ini: no [plan]'
echo "$head" | bad 'no key set' 'bad.ini: no [keyset'
{
	echo '[plan]'
	set_of New1
} | bad 'a plan without a name' 'bad.ini, line 1: a section without'
bad 'an empty file' 'bad.ini' </dev/null
head -c 4096 /dev/urandom | bad 'a binary file' 'bad.ini'
head -c 300000 /dev/zero | tr '\0' ';' | bad 'a file too large' 'bad.ini'
printf '%s\n[keyset "New1"\n' "$head" | bad 'a bracket missing' 'bad.ini, line 3'
printf '%s\r\n' "$head" '[keyset "New1"]' 'algorithm = aes256' 'diversification = kdf3' \
	'key-version = 0x100' | bad 'lines of another system' 'bad.ini, line'
printf '%s\n\xff\xfe = 1\n' "$head" | bad 'text that is no UTF-8' 'bad.ini'
refused 'a plan that is not there' 1 "'no.ini' … No such file" a hsm update --plan no.ini
refused 'a plan that is a folder' 1 "/" a hsm update --plan /
refused 'no plan' 2 '--plan' a hsm update
{
	echo "$head"
	for ((i = 1; i <= 257; i++)); do
		set_of "Set$i"
	done
} | bad '257 key sets' '256'

# ---- updates ----

ok 'update: what is there already' a hsm update --plan plan.ini
equal 'update: nothing new' '0 1' \
	"$(get '.result | [(.new_keys // .keys // [] | length), .sets_already_there] | map(tostring) | join(" ")')"
for change in 's/aes256/aes128/ algorithm' 's/kdf3/none/ diversification' 's/0x20/0x21/ key-version' \
	's/Example/Other/ customer' 's/= partner/= never/ export' 's/36/35/ cryptoperiod'; do
	sed "${change% *}" plan.ini >changed.ini
	refused "update: another ${change##* }" 1 \
		"changed.ini, line … 'OPMasterKey1' already, with another ${change##* } … another name" \
		a hsm update --plan changed.ini
	rm changed.ini
done
{
	cat plan.ini
	set_of OPMasterKey2 'algorithm = tdea3' 'diversification = none'
	set_of Lonely 'algorithm = aes192' 'key-version = 0x7F'
} >more.ini
before=$(state_of a | grep '^key' | sort)
ok 'update: two sets more' a hsm update --plan more.ini
equal 'update: only these were made' \
	'OPMasterKeyENC2 OPMasterKeyMAC2 OPMasterKeyKEK2 LonelyENC LonelyMAC LonelyKEK' \
	"$(get '[.result.keys[].label] | join(" ")')"
equal 'update: check values by the algorithm' 'aes-gp tdes-zero' \
	"$(get '[.result.keys[].check_method] | unique | join(" ")')"
check 'update: the old ones are as they were' test \
	-z "$(comm -23 <(echo "$before") <(state_of a | grep '^key' | sort))"
sound 'update: sound' a

# ---- 2TDEA ----

{
	echo "$head"
	set_of Old1 'algorithm = tdea2' 'diversification = visa2'
} >old.ini
refused '2TDEA, ask: nobody there to ask' 1 \
	'uses 2TDEA, which is deprecated (80 bits) … no terminal … --yes; nothing was changed' \
	a hsm update --plan old.ini
ok '2TDEA, ask: a dry run says that it would ask' a --dry-run hsm update --plan old.ini
check '2TDEA, ask: says' has "$(said)" 'would ask … 2TDEA'
ok '2TDEA, ask: yes' a --yes hsm update --plan old.ini
sed 's/Old1/Old2/' old.ini >old2.ini
sed -i 's/^tdea2 = .*/tdea2 = allow/' a/site/site.ini
ok '2TDEA, allow: no question' a hsm update --plan old2.ini
sed 's/Old1/Old3/' old.ini >old3.ini
sed -i 's/^tdea2 = .*/tdea2 = forbid/' a/site/site.ini
refused '2TDEA, forbid: --yes does not help' 1 \
	"use 2TDEA, which the site's policy forbids … two officers can override" \
	a --yes hsm update --plan old3.ini
OFFICERS='' refused '2TDEA, forbid: an override without officers' 1 'an override needs two officers' \
	a --override 'old cards' hsm update --plan old3.ini
refused '2TDEA, forbid: an override without a reason' 2 'reason' a --override '' hsm update --plan old3.ini
ok '2TDEA, forbid: overridden by two' a --override 'old cards' hsm update --plan old3.ini
check '2TDEA, forbid: the override is in the log' grep -q 'old cards' <(log_of a)
ok 'what is there already needs no question' a hsm update --plan old3.ini

# ---- many at once ----

{
	echo "$head"
	for ((i = 1; i <= 40; i++)); do
		set_of "Many$i"
	done
} >many.ini
ok '40 key sets' a hsm update --plan many.ini
equal '40 key sets: 120 keys' 120 "$(get '.result.keys | length')"
equal '40 key sets: 120 ids' 120 "$(get '[.result.keys[].id] | unique | length')"
sound '40 key sets: sound' a
finish
