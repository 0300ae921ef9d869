#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# transport-key import without a terminal: what custodians may type, and all that they may get wrong.
. "$(dirname "$0")/lib.sh"

# import LABEL ALGORITHM N CHECK-VALUE [WORD…]: at site b; the components are in EXTRA.
runs[import]=b
import() {
	# shellcheck disable=SC2317 # called through ok and refused
	b transport-key import "$1" --algorithm "$2" --components "$3" --partner 'Card Maker' \
		--pairs "pairs$3.ini" --check-value "$4" "${@:5}"
}

typed_plain() { # LABEL N: as typed_from, without line check digits
	local i
	for ((i = 1; i <= $2; i++)); do
		printf 'component.%d=%s\ncheck-value.%d=%s\n' "$i" "$(sheet_plain sheets/"$1"-"$i".txt)" \
			"$i" "$(sheet_check sheets/"$1"-"$i".txt)"
	done
}

# change NAME VALUE <LINES: the same lines with one value replaced.
change() {
	local line
	while IFS= read -r line; do
		[[ $line != "$1="* ]] || line="$1=$2"
		printf '%s\n' "$line"
	done
}

fixture_pair
use pair
mkdir sheets
declare -A check
for key in 'tdea2 2' 'tdea3 3' 'aes128 2' 'aes192 4' 'aes256 3' 'aes256 9'; do
	algorithm=${key% *} n=${key#* }
	pairs_of "$n" >"pairs$n.ini"
	need a transport-key create "$algorithm-$n" --algorithm "$algorithm" --components "$n" \
		--partner 'Example Bank' --pairs "pairs$n.ini" --sheets sheets
	check[$algorithm-$n]=$(get .result.check_value)
done
need a transport-key create other --algorithm aes256 --components 3 \
	--partner 'Example Bank' --pairs pairs3.ini --sheets sheets
check[other]=$(get .result.check_value)
keep keys

# ---- what is right ----

use keys
for key in tdea2-2 tdea3-3 aes128-2 aes192-4 aes256-9; do
	n=${key#*-}
	EXTRA=$(typed_from $key "$n") ok "import $key" import $key ${key%-*} "$n" "${check[$key]}"
	equal "import $key: the check value" "${check[$key]} unwrap active" \
		"$(get '.result | [.check_value, .direction, .state] | join(" ")')"
done
id=$(sheet_ceremony sheets/aes256-3-1.txt)
sound 'sound with all of them' b
EXTRA=$(typed_plain aes256-3 3) ok 'without line check digits' import plain aes256 3 "${check[aes256-3]}"
EXTRA=$(typed_from aes256-3 3) refused 'the same key under another label' 1 \
	"'again' has the check value of 'plain' … --override" import again aes256 3 "${check[aes256-3]}"
twice=(--override 'two labels are in use')
EXTRA=$(typed_from aes256-3 3) ok 'the same key under another label, by override' import again aes256 3 \
	"${check[aes256-3]}" "${twice[@]}"
sed 's/Right 1/Somebody/; s/Left 3/Right 1/' pairs3.ini >swapped.ini
EXTRA=$(typed_from aes256-3 3) refused 'the same key under another label, in other hands' 1 \
	'Right 1 cannot be custodian of component 3' b transport-key import swapped --algorithm aes256 \
	--components 3 --partner 'Card Maker' --pairs swapped.ini --check-value "${check[aes256-3]}"
EXTRA=$(typed_plain aes256-3 3 | sed '/^component/{s/=\(.*\)/=\L\1/;s/\(....\)/\1/g}') \
	ok 'in lower case' import lower aes256 3 "${check[aes256-3],,}" "${twice[@]}"
EXTRA=$(typed_from aes256-3 3 | sed '/^component/s/ //g') \
	ok 'with line check digits and no blanks' import squeezed aes256 3 "${check[aes256-3]}" "${twice[@]}"
EXTRA=$(
	typed_from aes256-3 3
	printf 'ceremony.%d=%s\n' 1 "$id" 2 "$id" 3 "$id"
) ok 'with the ceremony id of each sheet' import named aes256 3 "${check[aes256-3]}" --ceremony "$id" "${twice[@]}"
check 'both ceremonies are told' test \
	"$(get '.result | [.sheets_ceremony == .ceremony, .sheets_ceremony] | join(" ")')" = "false $id"
ok 'ceremonies are listed' b ceremony list
equal 'ceremonies: all done' 'done' "$(get '[.result[].state] | unique | join(" ")')"

# ---- what is wrong with a component ----

use keys
good=$(typed_from aes256-3 3)
plain=$(typed_plain aes256-3 3)
cv=${check[aes256-3]}
one=$(sheet_plain sheets/aes256-3-1.txt)
two=$(sheet_lines sheets/aes256-3-2.txt)
three=$(sheet_plain sheets/aes256-3-3.txt)
ceremonies=0

# wrong NAME TEXT LINES [CODE [WORD…]]: refused; no object, no row; the ceremony is listed as failed.
wrong() {
	local minutes
	EXTRA=$3 refused "$1" "${4:-1}" "$2" import TK aes256 3 "$cv" "${@:5}"
	ceremonies=$((ceremonies + 1))
	minutes=$(sqlite3 -readonly b/site/cardkms.db "SELECT state || ' ' || LENGTH(minutes) FROM ceremony
		WHERE key_label = 'TK' ORDER BY rowid DESC LIMIT 1")
	check "$1: a failed ceremony with minutes" test "${minutes% *}" = failed -a "${minutes#* }" -gt 100
}

flip() { # HEX POSITION: the digit there is another
	local digit=${1:$2:1}
	[ "$digit" = 0 ] && digit=1 || digit=0
	echo "${1:0:$2}$digit${1:$(($2 + 1))}"
}

wrong 'an odd number of digits' 'component 1: 63 digits (an odd number), expected 64' \
	"$(change component.1 "${one:0:63}" <<<"$plain")"
wrong 'too short' 'component 1: 32 digits, expected 64' \
	"$(change component.1 "${one:0:32}" <<<"$plain")"
wrong 'too long' 'component 1: 66 digits, expected 64' "$(change component.1 "${one}00" <<<"$plain")"
wrong 'nothing' 'component 1' "$(change component.1 '' <<<"$plain")"
wrong 'a letter O for a zero' \
	'component 2: character 1 (after 0 digits, in line 1) is not a hexadecimal digit' \
	"$(change component.2 "O${two:1}" <<<"$good")"
wrong 'a digit in line 3 of component 2' \
	'component 2: line 3 (groups 9 to 12) does not agree with its check digits … compare line 3' \
	"$(change component.2 "$(flip "${two// /}" 40)" <<<"$good")" 3
wrong 'two digits swapped over lines' 'component 2: line 1' \
	"$(change component.2 "$(flip "$(flip "$two" 0)" 30)" <<<"$good")" 3
wrong 'a digit, and no line check digits to tell' \
	'component 1: the digits entered do not give the check value' \
	"$(change component.1 "$(flip "$one" 20)" <<<"$plain")" 3
wrong 'a wrong check value of component 3' \
	'component 3: the digits entered do not give the check value' \
	"$(change check-value.3 ABCDEF <<<"$good")" 3
wrong 'a check value of four digits' 'check value' "$(change check-value.3 ABCD <<<"$good")"
wrong "the sheet of component 2 as component 1" \
	'component 1: these are the lines of component 2 … is this the right sheet?' \
	"$(change component.1 "$two" <<<"$good")" 3
wrong 'line check digits on some lines only' 'component 1: 66 digits, expected 64, or 72' \
	"$(change component.1 "$one 00" <<<"$good")"
wrong 'two components equal' 'component 3 is refused: it is the same as component 1' \
	"$(change component.3 "$one" <<<"$plain" | change check-value.3 "$(sheet_check sheets/aes256-3-1.txt)")"
zero=$(printf '%064d' 0)
wrong 'a component of zero' 'component 2' \
	"$(change component.2 "$zero" <<<"$plain" | change check-value.2 "$(check_value_of aes256 "$zero")")"
wrong 'together they make zero' 'together they give zero' \
	"$(change component.3 "$(xor_hex "$one" "$(sheet_plain sheets/aes256-3-2.txt)")" <<<"$plain" |
		change check-value.3 "$(check_value_of aes256 \
			"$(xor_hex "$one" "$(sheet_plain sheets/aes256-3-2.txt)")")")"
wrong 'a component is missing' 'component.3' "$(grep -v '^component.3' <<<"$good")"
wrong 'a check value is missing' 'check-value.2' "$(grep -v '^check-value.2' <<<"$good")"
foreign=$(change component.2 "$(sheet_lines sheets/other-2.txt)" <<<"$good" |
	change check-value.2 "$(sheet_check sheets/other-2.txt)")
wrong 'a sheet of another ceremony, unnamed' \
	"the combined key's … the other site … each component was right by itself … nothing was created" \
	"$foreign" 3
id=$(sheet_ceremony sheets/aes256-3-1.txt)
foreign_id=$(sheet_ceremony sheets/other-2.txt)
wrong 'a sheet of another ceremony, named' \
	"component 2 is from another ceremony: its sheet says $foreign_id, expected $id" \
	"$foreign"$'\n'"$(printf 'ceremony.%d=%s\n' 1 "$id" 2 "$foreign_id" 3 "$id")" 3
wrong 'the wrong ceremony announced' "component 1 is from another ceremony: its sheet says $id" \
	"$good"$'\n'"$(printf 'ceremony.%d=%s\n' 1 "$id" 2 "$id" 3 "$id")" 3 --ceremony "$foreign_id"
wrong 'a sheet without its ceremony id' 'component 2: no ceremony id, but the ceremony is' \
	"$good"$'\n'"$(printf 'ceremony.%d=%s\n' 1 "$id" 3 "$id")"  3 --ceremony "$id"
cv_right=$cv
cv=${check[other]}
wrong 'the combined check value of another key' \
	"the combined key's … is $cv_right … the other site says $cv … nothing was created" "$good" 3
cv=$cv_right
ok 'ceremonies: listed' b ceremony list
equal 'no component got into the store by all these' '' \
	"$(leaked "$one" b/site/*)$(leaked "$(sheet_plain sheets/aes256-3-2.txt)" b/site/*)$(leaked "$three" b/site/*)"
equal 'ceremonies: each failure is there' "$ceremonies" \
	"$(get '[.result[] | select(.state == "failed")] | length')"
EXTRA=$good ok 'and then all is right' import TK aes256 3 "$cv"
equal 'one key came of it' 1 "$(b key list && get '[.result[] | select(.role == "transport")] | length')"
sound 'sound after all that' b

# ---- who, and what for ----

use keys
export EXTRA=$good
OFFICERS='' refused 'no officers' 1 'needs two officers' import TK aes256 3 "$cv"
OFFICERS=cleo,cleo refused 'one officer twice' 1 "cannot be both" import TK aes256 3 "$cv"
EXTRA+=$'\nofficer.dan=not this' refused 'an officer with another passphrase' 1 \
	"wrong passphrase for officer 'dan'" import TK aes256 3 "$cv"
pairs_of 3 | sed 's/Right 3/Left 1/' >twice.ini
refused 'one person for two components' 1 'twice.ini, line … Left 1 … two components' \
	b transport-key import TK --algorithm aes256 --components 3 --partner 'Card Maker' \
	--pairs twice.ini --check-value "$cv"
refused 'another algorithm: its check value fits, its components do not' 1 'component 1: 72 digits' \
	import TK aes192 3 "$cv"
refused 'fewer components than there are' 3 "the combined key's" import TK aes256 2 "$cv"
refused 'more components than there are' 1 'component.4' import TK aes256 4 "$cv"
refused 'a check value that is none' 1 'check value' import TK aes256 3 XYZ
refused 'a check value of two bytes' 1 'check value' import TK aes256 3 ABCD
refused 'an empty check value' 1 'check value' import TK aes256 3 ''
refused 'a ceremony id that is none' 1 'ceremony' import TK aes256 3 "$cv" --ceremony XXXX
need b partner revoke 'Card Maker'
refused 'from a partner that was revoked' 1 "'Card Maker'" import TK aes256 3 "$cv"
use keys
EXTRA='' refused 'no components and no terminal' 1 \
	'no terminal to type the components on … component.1=… check-value.1=' import TK aes256 3 "$cv"
EXTRA+=$'\npin=99999999' refused 'a wrong PIN' 1 'PIN' import TK aes256 3 "$cv"
dry 'a dry run does not touch the components' b transport-key import TK --algorithm aes256 \
	--components 3 --partner 'Card Maker' --pairs pairs3.ini --check-value "$cv"

# ---- the same key again, years later ----

ok 're-issue: the first time' import TK aes256 3 "$cv"
refused 're-issue: while it is there' 1 "a key 'TK' already" import TK aes256 3 "$cv"
ok 're-issue: it ends' b --yes key destroy TK
sed 's/Right 1/Somebody/; s/Left 3/Right 1/' pairs3.ini >swapped.ini
refused 're-issue: who held component 1 is to hold component 3' 1 \
	"Right 1 cannot be custodian of component 3 of 'TK': the same person has held component 1" \
	b transport-key import TK --algorithm aes256 --components 3 --partner 'Card Maker' \
	--pairs swapped.ini --check-value "$cv"
sed 's/Left 3/somebody new/' pairs3.ini >pairs3.new
mv pairs3.new pairs3.ini
ok 're-issue: a new person for component 3' import TK aes256 3 "$cv"
finish
