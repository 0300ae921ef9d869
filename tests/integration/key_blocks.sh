#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2034,SC2154,SC2317 # filters of jq; functions and an array of lib.sh
# X9.143 key blocks between two sites, and with a payment HSM: a double of one, written here anew over
# OpenSSL's command, makes and opens blocks with what is on the component sheets.
. "$(dirname "$0")/lib.sh"

# ---- the other implementation ----

from_hex() { # DIGITS
	local i
	for ((i = 0; i < ${#1}; i += 2)); do
		printf '%b' "\\x${1:i:2}"
	done
}
to_hex() { od -An -v -tx1 | tr -d ' \n' | tr a-f A-F; }
ascii_hex() { printf '%s' "$1" | to_hex; }

cipher_of() { # KEY VERSION
	case $2${#1} in
	B32) echo DES-EDE-CBC ;;
	B48) echo DES-EDE3-CBC ;;
	D*) echo "AES-$((${#1} * 4))-CBC" ;;
	esac
}

cmac() { # KEY VERSION DATA
	from_hex "$3" | openssl mac -cipher "$(cipher_of "$1" "$2")" -macopt "hexkey:$1" -in - CMAC
}

# derived KBPK VERSION PURPOSE: 0000 the key that encrypts, 0001 the one for the MAC.
derived() {
	local alg i out='' bits=$((${#1} * 4))
	case $2$bits in
	B128) alg=0000 ;;
	B192) alg=0001 ;;
	D128) alg=0002 ;;
	D192) alg=0003 ;;
	D256) alg=0004 ;;
	esac
	for ((i = 1; ${#out} < ${#1}; i++)); do
		out+=$(cmac "$1" "$2" "$(printf '%02X%s00%s%04X' "$i" "$3" "$alg" "$bits")")
	done
	echo "${out:0:${#1}}"
}

cbc() { # -e|-d KEY VERSION IV DATA
	from_hex "$5" | openssl enc "$1" -"$(cipher_of "$2" "$3" | tr '[:upper:]' '[:lower:]')" -K "$2" -iv "$4" -nopad |
		to_hex
}

# made KBPK HEADER KEY [OPTIONS]: HEADER without its length and end: "D" "B3AX20N" as "D:B3AX20N".
made() {
	local version=${2%%:*} fields=${2#*:} options=${4:-} block=16 mac header count=00 payload pad
	[ "$version" = D ] || block=8
	[ -z "$options" ] || count=0$(grep -o '|' <<<"$options|" | wc -l)
	options=${options//|/}
	payload=$(printf '%04X' $((${#3} * 4)))$3
	pad=$((2 * block - ${#payload} % (2 * block)))
	payload+=$(head -c 32 /dev/urandom | to_hex | cut -c "1-$pad")
	printf -v header '%s%04d%s%s00%s' "$version" \
		$((16 + ${#options} + ${#payload} + 2 * block)) "$fields" "$count" "$options"
	mac=$(cmac "$(derived "$1" "$version" 0001)" "$version" "$(ascii_hex "$header")$payload")
	echo "$header$(cbc -e "$(derived "$1" "$version" 0000)" "$version" "$mac" "$payload")$mac"
}

# opened KBPK BLOCK: the key, if the MAC is right. Without optional blocks.
opened() {
	local version=${2:0:1} size=32 mac payload
	[ "$version" = D ] || size=16
	mac=${2: -size}
	payload=$(cbc -d "$(derived "$1" "$version" 0000)" "$version" "$mac" "${2:16:${#2}-16-size}")
	[ "$mac" = "$(cmac "$(derived "$1" "$version" 0001)" "$version" "$(ascii_hex "${2:0:16}")$payload")" ] ||
		return
	echo "${payload:4:16#${payload:0:4} / 4}"
}

# The double itself, against the standard's examples (v102, v105).
equal 'double: version B' 3F419E1CB7079442AA37474C2EFBF8B8 "$(opened DD7515F2BFC17F85CE48F3CA25CB21F6 \
	B0080P0TE00E000094B420079CC80BA3461F86FE26EFC4A3B8E4FA4C5F5341176EED7B727B8A248E)"
equal 'double: version D' 3F419E1CB7079442AA37474C2EFBF8B8 \
	"$(opened 88E1AB2A2E3DD38C1FA039A536500CC8A87AB9D62DC92C01058FA79F44657DE6 \
		D0112P0AE00E0000B82679114F470F540165EDFBF7E250FCEA43F810D215F8D207E2E417C07156A27E8E31DA05F7425509593D03A457DC34)"

# ---- the sites ----

fixture_pair
cat >more.ini <<'END'
[plan]
name = more
[keyset "OPMasterKey2"]
customer = Example Bank
algorithm = tdea3
diversification = an10922
key-version = 0x21
export = partner
[keyset "OPMasterKey3"]
customer = Example Bank
algorithm = aes128
diversification = kdf3
key-version = 0x22
export = never
END
need a hsm update --plan more.ini
pairs_of 2 >two.ini

allow() { sed -i 's/^key-blocks = forbid$/key-blocks = allow/' "$1/site/site.ini"; }
forbid() { sed -i 's/^key-blocks = allow$/key-blocks = forbid/' "$1/site/site.ini"; }
mkdir sheets
refused 'by default no transport key for key blocks' 1 'policy forbids … key-blocks = allow' \
	a transport-key create TKD --algorithm aes256 --components 2 --partner 'Example Bank' \
	--pairs two.ini --sheets sheets --wrapping x9143
allow a
allow b
refused 'version B under AES' 1 'x9143-b is not for a transport key of aes256: x9143-d is' \
	a transport-key create TKD --algorithm aes256 --components 2 --partner 'Example Bank' \
	--pairs two.ini --sheets sheets --wrapping x9143-b

# both LABEL ALGORITHM: a transport key for key blocks, made at a, imported at b.
both() {
	need a --yes transport-key create "$1" --algorithm "$2" --components 2 \
		--partner 'Example Bank' --pairs two.ini --sheets sheets --wrapping x9143
	EXTRA=$(typed_from "$1" 2) need b --yes transport-key import "$1" --algorithm "$2" \
		--components 2 --partner 'Card Maker' --pairs two.ini --wrapping x9143 \
		--check-value "$(get .result.check_value)"
}
both TKD aes256
equal 'bound to version D' x9143-d "$(a key show TKD && get .result.wrapping)"
both TKB tdea3
equal 'bound to version B' x9143-b "$(a key show TKB && get .result.wrapping)"
sound 'sites with keys for key blocks' a
sound 'and the bank' b
keep blocks

# ---- in packages ----

same_keys() { # NAME SET-AT-A SET-AT-B
	a key list --keyset "$2"
	get '.result[] | [.role, .algorithm, .check_value] | @tsv' >left
	b key list --keyset "$3"
	get '.result[] | [.role, .algorithm, .check_value] | @tsv' >right
	check "$1" cmp left right
	check "$1: three of them" test "$(wc -l <left)" = 3
}

# package TK SET HEADER
package() {
	use blocks
	need b exchange request --from 'Card Maker' --keyset "$2" -o req
	forbid a
	refused "$1: export where policy forbids" 1 'key-blocks = allow' \
		a exchange export --request req --transport-key "$1" -o pkg
	allow a
	dry "$1: dry" a exchange export --request req --transport-key "$1" -o pkg
	ok "$1: export" a exchange export --request req --transport-key "$1" -o pkg
	equal "$1: says where the keys were" host-assisted "$(get .result.where)"
	equal "$1: wrapping" "$(a key show "$1" && get .result.wrapping)" "$(jq -r .wrapping pkg)"
	equal "$1: three key blocks" 3 "$(jq -r '.keys[].block' pkg | grep -c "^$3")"
	forbid b
	refused "$1: import where policy forbids" 1 'key-blocks = allow' \
		b exchange import pkg --transport-key "$1" --receipt rcpt
	allow b
	ok "$1: import" b exchange import pkg --transport-key "$1" --receipt rcpt
	ok "$1: receipt" a exchange receipt rcpt
	sound "$1: the maker" a
	sound "$1: the bank" b
	same_keys "$1: check values are equal" "$2" "$2"
}
package TKD OPMasterKey1 D0144B3AX20N0000
package TKD OPMasterKey2 D0112B3TX21N0000
package TKB OPMasterKey2 B0096B3TX21N0000
use blocks
need b exchange request --from 'Card Maker' --keyset OPMasterKey1 -o req
refused 'AES-256 under TDEA' 1 'weaker … override' \
	a exchange export --request req --transport-key TKB -o pkg


# ---- to a payment HSM ----

use blocks
sed 's/OPMasterKey1/Loan1/' plan.ini >loan.ini
sed 's/OPMasterKey2/Loan2/; s/partner/never/; /OPMasterKey3/,$d' more.ini >loan2.ini
keep blocks

# exported TK HEADER SET KEYS…: what the double opens is what the HSM holds.
exported() {
	local kbpk lines i=0 key
	kbpk=$(combined "$1" 2)
	ok "$1: export $3" a key export "$3" --transport-key "$1" -o out
	check "$1: for its owner" test "$(stat -c %a out)" = 600
	mapfile -t lines <out
	equal "$1: $3: as many blocks as keys" $(($# - 3)) "${#lines[@]}"
	equal "$1: $3: headers" "${#lines[@]}" "$(grep -c "^$2" out)"
	equal "$1: the report has them" "$(cut -c 1-16 out)" "$(get '.result.headers[]')"
	for label in "${@:4}"; do
		key=$(opened "$kbpk" "${lines[i]}")
		i=$((i + 1))
		a key show "$label"
		equal "$1: $label opened by the double" "$(get .result.check_value)" \
			"$(check_value_of "$(get .result.algorithm)" "$key")"
		equal "$1: $label is in no file and no output" '' \
			"$(leaked "$key" out "$OUT" "$ERR" a/site/* a.log 2>/dev/null)"
	done
}
exported TKD D0144B3AX20N0000 OPMasterKey1 OPMasterKeyENC1 OPMasterKeyMAC1 OPMasterKeyKEK1
exported TKD D0112B3TX21N0000 OPMasterKeyKEK2 OPMasterKeyKEK2
exported TKB B0096B3TX21N0000 OPMasterKey2 OPMasterKeyENC2 OPMasterKeyMAC2 OPMasterKeyKEK2
ok 'usage and exportability' a key export OPMasterKeyENC1 --transport-key TKD --usage E5 \
	--exportability E -o out
equal 'in the header' D0144E5AX20E0000 "$(cut -c 1-16 out)"
a audit export -o a.log
check 'the log has the header' grep -q D0144E5AX20E0000 a.log
check 'and that keys were in host memory' grep -q host_assisted a.log
dry 'dry' a key export OPMasterKey1 --transport-key TKD -o out2
equal 'show needs no site' 0 "$(plain --json key block show out && echo "$CODE")"
equal 'show: usage' 'EMV issuer master key: card personalization' "$(get '.result[0].usage_text')"
check 'show: as text' plain key block show out
check 'show: text says mode' grep -q '^mode of use  *X  derive keys' "$OUT"

refused 'no key of that name' 1 "no key set or master key 'X9'" \
	a key export X9 --transport-key TKD -o out2
refused 'export = never' 1 'may never be exported' \
	a key export OPMasterKey3 --transport-key TKD -o out2
refused 'a usage that is no master' 1 "'K0' is no key usage of a card master" \
	a key export OPMasterKey1 --transport-key TKD --usage K0 -o out2
refused 'exportability' 2 'is N, E or S' \
	a key export OPMasterKey1 --transport-key TKD --exportability Q -o out2
refused 'exportability S without override' 1 'weaker than key blocks … override' \
	a key export OPMasterKey1 --transport-key TKD --exportability S -o out2
ok 'by override' a --override 'old HSM' key export OPMasterKeyENC1 --transport-key TKD \
	--exportability S -o out2
OFFICERS='' refused 'without officers' 1 'two' \
	a key export OPMasterKey1 --transport-key TKD -o out3
refused 'a carrier who is custodian' 1 'custodian' \
	a key export OPMasterKey1 --transport-key TKD --carrier 'Left 1' -o out3
refused 'AES-256 under TDEA, alone' 1 'weaker … override' \
	a key export OPMasterKey1 --transport-key TKB -o out3
refused 'a key that only imports here' 1 'can only unwrap here' \
	b key export OPMasterKey1 --transport-key TKD -o out3
forbid a
refused 'where policy forbids' 1 'key-blocks = allow' \
	a key export OPMasterKey1 --transport-key TKD -o out3
check 'no file of what was refused' test ! -e out3

# ---- from the maker, and from a payment HSM ----

use blocks
need a key export OPMasterKey1 --transport-key TKD -o out
refused 'what the maker lets nobody pass on' 1 "says 'N', not exportable … export = never" \
	b key import out --transport-key TKD --plan loan.ini
sed 's/partner/never/' loan.ini >kept.ini
dry 'dry import' b key import out --transport-key TKD --plan kept.ini
ok 'import' b key import out --transport-key TKD --plan kept.ini
check 'warns that places tell roles' grep -q 'only the order of the lines' "$ERR"
same_keys 'imported alone' OPMasterKey1 Loan1
sound 'the bank with blocks' b
refused 'a second time' 1 "there is a key set 'Loan1' here already" \
	b key import out --transport-key TKD --plan kept.ini
use blocks
need a key export OPMasterKey2 --transport-key TKB -o out
ok 'import under TDEA' b key import out --transport-key TKB --plan loan2.ini
same_keys 'imported under TDEA' OPMasterKey2 Loan2

use blocks
kbpk=$(combined TKD 2)
random() { head -c 32 /dev/urandom | to_hex; }
enc=$(random) mac=$(random) kek=$(random)
kcv() { check_value_of aes256 "$1"; }
sums=$(kcv "$enc"),$(kcv "$mac"),$(kcv "$kek")
keep blocks

# file ENC-BLOCK: what a payment HSM sends, its first key in this block.
file() { printf '# from HSM 7\n%s\n\n%s\r\n%s' "$1" "$(made "$kbpk" D:B3AX00E "$mac")" \
	"$(made "$kbpk" D:E5AN00E "$kek")" >in; }
import() { b key import in --transport-key TKD --plan loan.ini "$@"; }
runs[import]=b
file "$(made "$kbpk" D:B3AX20E "$enc")"
refused 'other check values' 3 "its check value is $(kcv "$enc"), the sender says 000000" \
	import --check-value "000000,${sums#*,}"
refused 'too few check values' 2 '2 are given, the file has 3' import --check-value "${sums#*,}"
ok 'from a double' import --check-value "$sums"
check 'no warning' test -z "$(grep 'order of the lines' "$ERR")"
equal 'check values' "${sums//,/$'\n'}" "$(get '.result.keys[].check_value')"
equal 'where' host-assisted "$(get .result.where)"
sound 'the bank with keys of a payment HSM' b
b key show LoanENC1
equal 'origin' 'Card Maker' "$(get .result.origin)"
equal 'exportable, as block and plan say' true "$(get .result.exportable)"

# wrong NAME CODE TEXT HEADER [OPTIONS]: the first block has this header.
wrong() {
	use blocks
	file "$(made "$kbpk" "$4" "$enc" "${5:-}")"
	refused "$1" "$2" "$3" import "${@:6}"
}
wrong 'usage' 1 "LoanENC1 (line 2) … usage is 'K0', this key needs B3 or E5 … --usage" D:K0AX00E
wrong 'usage of encryption' 1 "usage is 'D0'" D:D0AX00E
wrong 'mode' 1 "mode of use is 'E'" D:B3AE00E
wrong 'mode that wraps' 1 "mode of use is 'B'" D:B3AB00E
wrong 'algorithm' 1 "algorithm is 'T'" D:B3TX00E
wrong 'algorithm H' 1 "algorithm is 'H'" D:B3HX00E
wrong 'key version' 1 "key version number is '21', this key needs 00 or 20" D:B3AX21E
wrong 'component' 1 "one of a key's components" D:B3AXc1E
wrong 'not exportable' 1 "says 'N', not exportable … export = never" D:B3AX00N
wrong 'exportability' 1 "exportability is 'X'" D:B3AX00X
wrong 'label' 1 "line 2: the key block is labelled 'LoanMAC1'; in this place the plan has 'LoanENC1'" \
	D:B3AX00E 'LB0CLoanMAC1|PB04'
wrong 'check value inside' 3 'optional block KC' D:B3AX00E 'KC0C00000000|PB04'
wrong 'no padding' 1 'line 2: … padding block PB' D:B3AX00E 'LB0CLoanENC1'
use blocks
file "$(made "$kbpk" D:42AX00E "$enc")"
refused 'private usage unasked' 1 "usage is '42'" import
sed -i 's/export = partner/export = never/' loan.ini
file "$(made "$kbpk" D:B3AX00N "$enc" 'LB0CLoanENC1|PB04')"
ok 'not exportable stays here' import
b key show LoanENC1
equal 'and says so' false "$(get .result.exportable)"
use blocks
printf '%s\n' "$(made "$kbpk" D:42AX00E "$enc")" "$(made "$kbpk" D:42AX00E "$mac")" \
	"$(made "$kbpk" D:42AX00E "$kek")" >in
ok 'private usage as agreed' import --usage 42
use blocks
file "$(made "$kbpk" D:B3AX00E "${enc:0:32}")"
refused 'another length than the plan' 1 'holds a key of 128 bits' import
file "$(made "$kbpk" D:B3AX00E "$(printf '%064d' 0)")"
refused 'zeros' 1 'zero' import
file "$(made "$(random)" D:B3AX00E "$enc")"
refused 'under another key' 3 'its MAC is wrong … none of the keys was imported' import
block=$(made "$kbpk" D:B3AX00E "$enc")
file "${block/D0144B3AX/D0144B3AN}"
refused 'an edited header' 3 'its MAC is wrong' import
file "C${block:1}"
refused 'version C' 1 'encrypted key has' import
file "${block,,}"
refused 'lower case' 1 "line 2: key block: the version is 'd'" import
printf '%s\n' "$block" >in
refused 'one block' 1 'has 1 key blocks, the plan … 3 keys' import
: >in
refused 'nothing' 1 'no key block in it' import
file "$block"
refused 'a key that only exports here' 1 'can only wrap here' \
	a key import in --transport-key TKD --plan loan.ini
OFFICERS='' refused 'import without officers' 1 two import
forbid b
refused 'import where policy forbids' 1 'key-blocks = allow' import
allow b
sed -i 's/^host-assisted = allow$/host-assisted = forbid/' b/site/site.ini
refused 'import where the host may hold no key' 1 'host-assisted = allow' import

# A partner without identity; keys that are not for key blocks.
use blocks
mkdir hsm7
ok 'a transport key with a payment HSM' a --yes transport-key create TKH --algorithm aes128 \
	--components 2 --partner 'HSM Seven' --pairs two.ini --sheets hsm7 --wrapping x9143 --legacy
sed -i 's/customer = Example Bank/customer = HSM Seven/; s/OPMasterKey1/Pay1/; s/aes256/aes128/' plan.ini
need a hsm update --plan plan.ini
ok 'export to it' a key export Pay1 --transport-key TKH -o out
a key show PayMAC1
equal 'it opens PayMAC1' "$(get .result.check_value)" \
	"$(check_value_of aes128 "$(opened "$(combined TKH 2 hsm7)" "$(sed -n 2p out)")")"
refused 'keys of another customer' 1 'Example Bank … override' \
	a key export OPMasterKey2 --transport-key TKH -o out2
rm -rf sheets && mkdir sheets
need a transport-key create TKW --algorithm aes256 --components 2 --partner 'Example Bank' \
	--pairs two.ini --sheets sheets
refused 'under a key for AES key wrap' 1 'bound to aes-kw, not to key blocks … x9143' \
	a key export OPMasterKey1 --transport-key TKW -o out2
refused 'no listing of key blocks' 1 'no listing to type by hand' \
	a --override x exchange export-listing --transport-key TKH --keyset Pay1 -o out2
finish
