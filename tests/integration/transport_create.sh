#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# transport-key create without a terminal: every algorithm, sheets, pairs files, and what a component
# must never get into.
. "$(dirname "$0")/lib.sh"
if ! command -v openssl >/dev/null; then
	echo 'skipped: openssl is not installed'
	exit 77
fi

runs[create]=a
create() { # LABEL ALGORITHM N [WORD…]: at site a
	a transport-key create "$1" --algorithm "$2" --components "$3" --partner 'Example Bank' \
		--sheets sheets --pairs "pairs$3.ini" "${@:4}"
}

fixture_pair
use pair
for n in 2 3 4 9; do
	pairs_of $n >pairs$n.ini
done
mkdir sheets
keep pair

# ---- every algorithm, two to nine components ----

use pair
declare -A digits=([tdea2]=32 [tdea3]=48 [aes128]=32 [aes192]=48 [aes256]=64)
for algorithm in tdea2 tdea3 aes128 aes192 aes256; do
	for n in 2 3 4 9; do
		label=$algorithm-$n
		ok "$label" create $label $algorithm $n
		cp "$OUT" "$TMPDIR/json"
		equal "$label: sheets" $n "$(find sheets -name "$label-*.txt" -perm 0600 | wc -l)"
		bad=
		# All of them are in the combined key; the first and the last are looked at.
		for i in 1 $n; do
			part=$(sheet_plain sheets/$label-"$i".txt)
			[ ${#part} -eq "${digits[$algorithm]}" ] || bad+=" length of $i"
			[ "$(check_value_of $algorithm "$part")" = "$(sheet_check sheets/$label-"$i".txt)" ] ||
				bad+=" check value of $i"
			[ "$(sheet_ceremony sheets/$label-"$i".txt)" = "$(get .result.ceremony)" ] ||
				bad+=" ceremony of $i"
			grep -q "component $i of $n" sheets/$label-"$i".txt || bad+=" number of $i"
			grep -q "Left $i, Right $i" sheets/$label-"$i".txt || bad+=" custodians of $i"
		done
		equal "$label: every sheet is right" '' "$bad"
		key=$(combined $label $n)
		equal "$label: together they make the key" "$(check_value_of $algorithm "$key")" \
			"$(get .result.check_value)"
		[ $n -eq 3 ] || continue
		mapfile -t on_token < <(find a/tokens -type f)
		bad=$(leaked "$key" a/site/* "${on_token[@]}" "$OUT" "$ERR")
		for i in 1 2 3; do
			bad+=$(leaked "$(sheet_plain sheets/$label-"$i".txt)" a/site/* "${on_token[@]}" "$OUT" "$ERR")
		done
		equal "$label: no component and no key anywhere else" '' "$bad"
	done
done
part=$(sheet_plain sheets/aes256-2-1.txt)
{
	cat a/site/cardkms.db
	for ((i = 0; i < ${#part}; i += 2)); do
		printf '%b' "\\x${part:i:2}"
	done
	cat a/site/cardkms.db
} >bytes
equal 'the search for components finds their bytes in a large file' bytes "$(leaked "$part" a/site/* bytes)"
rm bytes
check 'the search for components finds one' test \
	"$(leaked "$(sheet_plain sheets/aes256-2-1.txt)" sheets/*)" = sheets/aes256-2-1.txt
equal 'sheets: their serial numbers are all different' 90 \
	"$(sed -n 's/.*serial *//p' sheets/*.txt | sort -u | wc -l)"
check 'sheets: both fingerprints' grep -q 'identity' sheets/aes256-3-1.txt
a transport-key create again --algorithm aes256 --components 2 --partner 'Example Bank' \
	--sheets sheets --pairs pairs2.ini
check 'sheets on a disk: a warning' has "$(said)" "'sheets' is not on a tmpfs"
ceremony=$(get .result.ceremony)
ok 'ceremony: recorded' a ceremony show "$ceremony"
equal 'ceremony: who held what' 'done 2 Left 1 Right 1 Left 2 Right 2' \
	"$(get '.result | [.state, .components, .custodians[].custodian | tostring] | join(" ")')"
check 'ceremony: minutes' test "$(get '.result.minutes.events | length')" -gt 2
ok 'ceremony: listed' a ceremony list
equal 'ceremony: all of them' 21 "$(get '[.result[] | select(.state == "done")] | length')"
a key show again
equal 'the key wraps, and nothing else' 'transport wrap aes-kw vault components Example Bank' \
	"$(get '.result | [.role, .direction, .wrapping, .location, .origin, .partner] | join(" ")')"
sound 'sound with 21 transport keys' a

# ---- sheets ----

# drawn: how many sheet serials were given out, which is done before a component is drawn.
drawn() {
	sqlite3 -readonly a/site/cardkms.db "SELECT COALESCE(SUM(value), 0) FROM counter"
}

use pair
before=$(drawn)
echo 'an older sheet' >sheets/TK-2.txt
refused 'sheets: one exists' 1 \
	"'sheets/TK-2.txt' exists already … another key: choose an empty folder; no component was drawn" \
	create TK aes256 3
equal 'sheets: only that one is there' sheets/TK-2.txt "$(echo sheets/*)"
equal 'sheets: it is untouched' 'an older sheet' "$(cat sheets/*)"
rm sheets/TK-2.txt
ln -s "$TMPDIR/elsewhere" sheets/TK-1.txt
refused 'sheets: a link lies there' 1 "TK-1.txt' exists already" create TK aes256 3
check 'sheets: the link was not followed' test ! -e "$TMPDIR/elsewhere"
rm sheets/TK-1.txt
rmdir sheets
refused 'sheets: no folder' 1 "sheet file 'sheets/TK-1.txt': No such file … no component was drawn" \
	create TK aes256 3
: >sheets
refused 'sheets: a file' 1 "Not a directory" create TK aes256 3
refused 'sheets: neither folder nor terminal' 1 \
	'no terminal to show the components on … --sheets DIR' a transport-key create TK \
	--algorithm aes256 --components 2 --partner 'Example Bank' --pairs pairs2.ini
equal 'sheets: nothing was drawn so far' "$before" "$(drawn)"
rm sheets
mkdir sheets
mount_limit=$(ulimit -f)
(
	ulimit -f 0
	create TK aes256 3
) 2>/dev/null
check 'sheets: none is left when they cannot be written' test -z "$(ls sheets)"
check 'the limit was for that run only' test "$(ulimit -f)" = "$mount_limit"

# ---- pairs files ----

pairs() { # NAME TEXT: the pairs file on standard input, for three components, is refused
	cat >pairs3.ini
	refused "pairs: $1" 1 "$2" create TK aes256 3
	check "pairs: $1: no sheet" test -z "$(ls sheets)"
}

pairs_of 3 | sed 's/Right 3/Left 1/' |
	pairs 'one person twice' 'pairs3.ini, line … Left 1 … [component 3] … [component 1] … two components'
pairs_of 3 | sed 's/Right 3/lEFT  1./' |
	pairs 'one person in another spelling' 'pairs3.ini, line … two components'
pairs_of 3 | sed 's/Right 3/Left 3/' |
	pairs 'one person as a pair' 'pairs3.ini, line 6: Left 3 stands twice in [component 3]'
pairs_of 3 | sed 's/, Right 2//' |
	pairs 'one custodian' 'pairs3.ini, line 4: [component 2] must have exactly 2 custodians'
pairs_of 3 | sed 's/Right 2/&, Third 2/' | pairs 'three custodians' 'exactly 2 custodians'
pairs_of 3 | sed 's/Right 2//' | pairs 'a comma and nobody' 'pairs3.ini, line 4'
pairs_of 2 | pairs 'a component missing' 'no custodians for component 3 of 3 … --components agree'
pairs_of 4 | pairs 'a component too many' 'component 4, but this ceremony has 3 … --components agree'
pairs_of 3 | sed 's/^custodians/custodian/' |
	pairs 'a word misspelt' "unknown value 'custodian' … did you mean 'custodians'"
pairs_of 3 | sed 's/component 2/componant 2/' | pairs 'a section misspelt' \
	'unknown section [componant 2] … did you mean'
pairs_of 3 | sed 's/component 3/component 2/' | pairs 'a section twice' 'pairs3.ini, line'
pairs_of 3 | sed 's/component 1/component 0/' | pairs 'component 0' 'pairs3.ini, line 2: unknown section'
pairs_of 3 | sed "s/Left 2/$(printf '%101s' '' | tr ' ' x)/" | pairs 'a name of 101' '100 bytes'
pairs 'an empty file' 'pairs3.ini' </dev/null
head -c 2000 /dev/urandom | pairs 'a binary file' 'pairs3.ini'
rm pairs3.ini
refused 'pairs: no file' 1 "'pairs3.ini'" create TK aes256 3

# ---- the rest of the call ----

use pair
refused 'components: one' 1 'a key has 2 to 9 components, not 1' \
	a transport-key create TK --algorithm aes256 --components 1 --partner 'Example Bank' \
	--sheets sheets --pairs pairs2.ini
refused 'components: ten' 1 'a key has 2 to 9 components, not 10' \
	a transport-key create TK --algorithm aes256 --components 10 --partner 'Example Bank' \
	--sheets sheets --pairs pairs2.ini
for n in 0x3 three -3 '' 99999999999999999999; do
	refused "components: '$n'" 2 "--components takes a number from 2 to 9, not '$n'" \
		a transport-key create TK --algorithm aes256 --components "$n" --partner 'Example Bank' \
		--sheets sheets --pairs pairs2.ini
done
refused 'algorithm: none that there is' 1 "'aes-256'" create TK aes-256 2
refused 'algorithm: of a signing key' 1 "p256" create TK p256 2
refused 'wrapping: none that there is' 1 "'rot13'" create TK aes256 2 --wrapping rot13
refused 'wrapping: aes-kw with TDEA' 1 'aes-kw needs an AES transport key, not tdea3 … raw-hex' \
	create TK tdea3 2 --wrapping aes-kw
refused 'wrapping: with padding' 1 'aes-kwp' create TK aes256 2 --wrapping aes-kwp
ok 'wrapping: raw-hex with AES' create raw aes256 2 --wrapping raw-hex
equal 'wrapping: raw-hex is ECB' raw-ecb "$(get .result.wrapping)"
refused 'label: there already' 1 "a key 'raw' already (active, check value … another label" \
	create raw aes256 3
refused 'label: of a master key' 1 "a key 'OPMasterKeyENC1' already" create OPMasterKeyENC1 aes256 2
for label in '../x' 'a/b' '' '.x' 'a b' "$(printf '%33s' '' | tr ' ' L)" $'x\ny'; do
	refused "label: '${label@Q}'" 1 "label" create "$label" aes256 2
done
refused 'partner: not enrolled' 1 "'Other Bank' … partner add" \
	a transport-key create TK --algorithm aes256 --components 2 --partner 'Other Bank' \
	--sheets sheets --pairs pairs2.ini
need a partner revoke 'Example Bank' --reason 'lost their HSM'
refused 'partner: revoked' 1 "'Example Bank'" create TK aes256 2
use pair
sed -i 's/^tdea2 = .*/tdea2 = forbid/' a/site/site.ini
refused 'policy: no 2TDEA' 1 "2TDEA transport key is forbidden by the site's policy" create TK tdea2 2
sed -i 's/^host-assisted = .*/host-assisted = forbid/' a/site/site.ini
if ! token_inside xor; then
	refused 'policy: no key through host memory' 1 \
		"combining the components would pass through this machine's memory … host-assisted = allow" \
		create TK aes256 2
fi
EXTRA='pin=99999999' refused 'a wrong PIN' 1 'PIN' create TK aes256 2
check 'no sheet of all these' test -z "$(ls sheets)"
if token_inside xor; then
	ok 'policy: no key passes through host memory' create TK aes256 2
fi

# ---- the same label again, years later ----

use pair
ok 're-issue: the first key' create TK aes256 2
ok 're-issue: ends' a --yes key destroy TK
rm sheets/*
sed 's/Left 1/Other 1/; s/Left 2/Left 1/' pairs2.ini >swapped.ini
refused 're-issue: a custodian of component 1 gets component 2' 1 \
	"Left 1 cannot be custodian of component 2 of 'TK': the same person has held component 1" \
	a transport-key create TK --algorithm aes256 --components 2 --partner 'Example Bank' \
	--sheets sheets --pairs swapped.ini
ok 're-issue: to the same people' create TK aes256 2
finish
