#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The restore drill: a vault with more than a hundred keys of all algorithms, restored into an empty token of
# another make as a new site would, and from there back. All check values equal; seconds told.
. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC2012 # two names, of ours to choose from
nss=$(ls /usr/lib/x86_64-linux-gnu/libsoftokn3.so /usr/lib/x86_64-linux-gnu/nss/libsoftokn3.so 2>/dev/null | head -1)
if [ -z "$nss" ]; then
	echo 'skipped: NSS softokn (libnss3) is not installed'
	exit 77
fi

plan_many() {
	local i algorithm div
	printf '[plan]\nname = many\n'
	for ((i = 1; i <= 35; i++)); do
		case $((i % 5)) in
		0) algorithm=tdea2 div=visa2 ;;
		1) algorithm=tdea3 div=none ;;
		2) algorithm=aes128 div=kdf3 ;;
		3) algorithm=aes192 div=kdf3 ;;
		4) algorithm=aes256 div=kdf3 ;;
		esac
		printf '[keyset "Set%d"]\nalgorithm = %s\ndiversification = %s\nkey-version = %d\n' \
			"$i" "$algorithm" "$div" $((i + 1))
	done
}

values_of() {
	on "$1" key list
	get '.result[] | select(.keyset) | [.label, .algorithm, .state, .check_value, .check_method]
		| join(" ")' | sort
}
timed() { # NAME COMMAND…: sets TOOK
	local start
	start=$(date +%s%N)
	ok "$@"
	TOOK=$(awk -v t=$(($(date +%s%N) - start)) 'BEGIN { printf "%.2f", t / 1e9 }')
}

fixture_officers
plan_many >many.ini
need a --yes hsm setup --plan many.ini
quick_passphrases a
pairs_three >pairs.ini
mkdir sheets
need a site-key create SK1 --pairs pairs.ini --sheets sheets
sk=$(get .result.check_value)
typed_from SK1 3 >sk.typed
values_of a >there
count=$(wc -l <there)
timed 'backed up' a backup create -o bk
created=$TOOK
timed 'verified: every key unwrapped' a backup verify bk
verified=$TOOK

mkdir -p n/db
cp a/secrets a/officers n/
softhsm_conf "$HERE/n"
run_in n cardkms --json site init "$HERE/n/site" --name 'Card Maker' --role manufacturer \
	--hsm "pkcs11:token=NSS%20Certificate%20DB?module-path=$nss" \
	--init-args "configdir='sql:$HERE/n/db' certPrefix='' keyPrefix='' secmod='' flags="
OFFICERS='' on n officer add ana
OFFICERS='' on n officer add ben
quick_passphrases n
need on n hsm setup
EXTRA=$(cat sk.typed) need on n site-key restore SK1 --pairs pairs.ini --check-value "$sk"
timed 'another make: restored' on n backup restore bk
to_nss=$TOOK
values_of n >another
equal 'another make: all check values equal' '' "$(diff there another)"
sound 'another make: sound' n
need on n backup create -o back

rm -rf a/tokens && softhsm_conf "$HERE/a"
need a hsm setup --rebuild
EXTRA=$(cat sk.typed) need a site-key restore SK1 --pairs pairs.ini --check-value "$sk"
timed 'and back: restored' a backup restore back
returned=$TOOK
values_of a >again
equal 'and back: all check values equal' '' "$(diff there again)"
sound 'and back: sound' a
check 'more than a hundred keys' test "$count" -gt 100
echo "drill keys $count create ${created} s verify ${verified} s restore-to-nss ${to_nss} s restore-to-softhsm ${returned} s"
finish
