#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2317 # filters of jq; functions called by name
# Who may export, carry and import, what may leave under what, and what stands when a file cannot be
# written. And that what arrives is what left.
. "$(dirname "$0")/lib.sh"

# The maker has, besides OPMasterKey1, a set that never leaves; the bank has sets of its own.
fixture_exchange
cat >more.ini <<'END'
[plan]
name = more
[keyset "HomeKey1"]
customer = Example Bank
algorithm = aes128
diversification = kdf3
key-version = 0x31
export = never
[keyset "OPMasterKey3"]
customer = Example Bank
algorithm = tdea2
diversification = visa2
key-version = 0x32
export = partner
[keyset "OPMasterKey4"]
customer = Example Bank
algorithm = aes192
diversification = kdf3
key-version = 0x33
export = partner
END
need a --yes hsm update --plan more.ini
need b exchange request --from 'Card Maker' --keyset OPMasterKey1 -o req
keep asked

asked_for() { # KEYSET…
	use asked
	need b exchange request --from 'Card Maker' --keyset "$@" -o req
}

# ---- what may leave ----
asked_for HomeKey1
refused 'a set that never leaves' 1 "'HomeKey1' may never be exported … export = never" \
	a exchange export --request req --transport-key TK1 -o pkg
refused 'a set that never leaves, not even by override' 1 "'HomeKey1' may never be exported" \
	a --override please exchange export --request req --transport-key TK1 -o pkg
asked_for OPMasterKey1 HomeKey1
refused 'one that may and one that never: none' 1 "'HomeKey1' may never be exported" \
	a exchange export --request req --transport-key TK1 -o pkg
asked_for NoSuchKey1
refused 'a set that is not there' 1 NoSuchKey1 a exchange export --request req --transport-key TK1 -o pkg
use asked
need a key suspend OPMasterKeyMAC1
refused 'a set with a suspended key' 1 "'OPMasterKeyMAC1': it is suspended, not active" \
	a exchange export --request req --transport-key TK1 -o pkg
need a key resume OPMasterKeyMAC1
need a key suspend TK1
refused 'under a suspended transport key' 1 "'TK1' is suspended, not active" \
	a exchange export --request req --transport-key TK1 -o pkg
need a key resume TK1
ok 'after both were resumed' a exchange export --request req --transport-key TK1 -o pkg
need b key suspend TK1
refused 'import under a suspended transport key' 1 "'TK1' is suspended, not active" \
	b exchange import pkg --transport-key TK1 --receipt rcpt

# ---- who may ----
# People of the bank and the maker who are custodians of TK1 at one site or the other.
use asked
EXTRA='officer.A. Ortiz=a custodian too' need a officer add 'A. Ortiz'
EXTRA='officer.E. SATO=a custodian too' need b officer add 'E. SATO'
OFFICERS=ana EXTRA='' refused 'one officer' 2 'two names' \
	a exchange export --request req --transport-key TK1 -o pkg
OFFICERS=ana,ANA refused 'the same officer twice' 1 'cannot be both officers' \
	a exchange export --request req --transport-key TK1 -o pkg
OFFICERS='' refused 'no officers' 1 'two officers … --officers' \
	a exchange export --request req --transport-key TK1 -o pkg
OFFICERS='ana,nobody' refused 'an officer who is none' 1 nobody \
	a exchange export --request req --transport-key TK1 -o pkg
OFFICERS='A. Ortiz,ben' EXTRA='officer.A. Ortiz=a custodian too' \
	refused 'an exporting officer who is custodian' 1 \
	"A. Ortiz cannot export under 'TK1' … custodian of component 1" \
	a exchange export --request req --transport-key TK1 -o pkg
refused 'a carrier who is custodian' 1 "cannot carry under 'TK1' … custodian of component 2" \
	a exchange export --request req --transport-key TK1 -o pkg --carrier 'd. novak'
refused 'a carrier without a name' 1 carrier \
	a exchange export --request req --transport-key TK1 -o pkg --carrier ' '
# At the bank other people hold the components, one of them the carrier.
need a exchange export --request req --transport-key TK1 -o pkg --carrier 'Zoe Quinn'
OFFICERS='cleo,E. SATO' EXTRA='officer.E. SATO=a custodian too' \
	refused 'an importing officer who is custodian' 1 \
	"E. SATO cannot import under 'TK1' … custodian of component 3" \
	b exchange import pkg --transport-key TK1 --receipt rcpt
refused 'a carrier who is custodian at the import' 1 "cannot carry under 'TK1'" \
	b exchange import pkg --transport-key TK1 --receipt rcpt --carrier 'F. Okafor'
mkdir sheets-2
pairs_of 2 >two.ini
sed 's/Left 1/Zoe QUINN/' two.ini >zoe.ini
need a transport-key create TK2 --algorithm aes256 --components 2 --partner 'Example Bank' \
	--pairs two.ini --sheets sheets-2
EXTRA=$(typed_from TK2 2 sheets-2) need b transport-key import TK2 --algorithm aes256 --components 2 \
	--partner 'Card Maker' --pairs zoe.ini --check-value "$(get .result.check_value)"
need b exchange request --from 'Card Maker' --keyset OPMasterKey1 -o req2
need a exchange export --request req2 --transport-key TK2 -o pkg2 --carrier 'Zoe Quinn'
refused 'the carrier that the package names is custodian here' 1 \
	"Zoe Quinn cannot carry under 'TK2' … custodian of component 1" \
	b exchange import pkg2 --transport-key TK2 --receipt rcpt

# ---- a key stronger than its wrapper ----
use asked
mkdir sheets-3
pairs_of 3 >three.ini
need a transport-key create TK128 --algorithm aes128 --components 3 --partner 'Example Bank' \
	--pairs three.ini --sheets sheets-3
EXTRA=$(typed_from TK128 3 sheets-3) need b transport-key import TK128 --algorithm aes128 \
	--components 3 --partner 'Card Maker' --pairs three.ini --check-value "$(get .result.check_value)"
refused 'aes256 keys under aes128' 1 "OPMasterKeyENC1': a aes128 key … is weaker than the aes256 key … override" \
	a exchange export --request req --transport-key TK128 -o pkg
OFFICERS='' refused 'by override without officers' 1 'two officers' \
	a --override 'old token' exchange export --request req --transport-key TK128 -o pkg
ok 'by override of two officers' \
	a --override 'old token' exchange export --request req --transport-key TK128 -o pkg
check 'the package says so' test "$(jq '.overrides | length' pkg)" -ge 1
refused 'import of it without override' 1 "OPMasterKeyENC1': a aes128 key … is weaker than the aes256 key … override" \
	b exchange import pkg --transport-key TK128 --receipt rcpt
ok 'import of it by override' \
	b --override 'old token' exchange import pkg --transport-key TK128 --receipt rcpt
b audit export -o b.log
check 'the override is in the audit log' grep -q 'old token' b.log

# ---- names ----
use asked
need a exchange export --request req --transport-key TK1 -o pkg
cat >own.ini <<'END'
[plan]
name = own
[keyset "OPMasterKey1"]
customer = Example Bank
algorithm = aes256
diversification = kdf3
key-version = 0x34
[keyset "OwnKey1"]
customer = Example Bank
algorithm = aes256
diversification = kdf3
key-version = 0x35
END
need b hsm update --plan own.ini
refused 'a key set of that name is here' 1 "'OPMasterKey1' here already … --rename OLD=NEW" \
	b exchange import pkg --transport-key TK1 --receipt rcpt
refused 'renamed to what is here' 1 "here already" \
	b exchange import pkg --transport-key TK1 --receipt rcpt --rename OPMasterKey1=OwnKey1
refused 'renamed to no name' 1 "" b exchange import pkg --transport-key TK1 --receipt rcpt \
	--rename OPMasterKey1=
refused 'a rename of what is not in it' 2 "OLD=NEW with a key set of the package" \
	b exchange import pkg --transport-key TK1 --receipt rcpt --rename OPMasterKey9=X1
refused 'a rename that is none' 2 "OLD=NEW" \
	b exchange import pkg --transport-key TK1 --receipt rcpt --rename OPMasterKey1
dry 'renamed, dry' b exchange import pkg --transport-key TK1 --receipt rcpt --rename OPMasterKey1=MakerKey7
ok 'renamed' b exchange import pkg --transport-key TK1 --receipt rcpt --rename OPMasterKey1=MakerKey7
check 'its keys have the new name' test "$(b key list --keyset MakerKey7; get '[.result[].label] | sort | join(" ")')" \
	= 'MakerKeyENC7 MakerKeyKEK7 MakerKeyMAC7'
ok 'the receipt has the names of the sender' a exchange receipt rcpt
need b exchange request --from 'Card Maker' --keyset OPMasterKey1 -o req2
need a exchange export --request req2 --transport-key TK1 -o pkg2
refused 'keys that are here under other names' 1 "'BankKeyENC8' has the check value of 'MakerKeyENC7' … --override" \
	b exchange import pkg2 --transport-key TK1 --receipt rcpt2 --rename OPMasterKey1=BankKey8
ok 'and by override' b --override 'both names are in use' \
	exchange import pkg2 --transport-key TK1 --receipt rcpt2 --rename OPMasterKey1=BankKey8

# ---- files that cannot be written: the operation stands, and is written again ----
asked_for OPMasterKey1 OPMasterKey4
stands() { # NAME SITE ID_FILTER FILE COMMAND…
	local name=$1 site=$2 kind=$3
	shift 3
	"$@"
	check "$name: fails" test "$CODE" -eq 1
	check "$name: says what to do" has "$(said)" 'exchange reissue … -o'
	ID=$("$site" exchange list
		get --arg kind "$kind" '[.result[] | select(.kind == $kind and .direction == "out")][0].id')
	check "$name: is listed" test "$ID" != null
}
stands 'request to nowhere' b request b exchange request --from 'Card Maker' --keyset OPMasterKey4 \
	-o nowhere/req
ok 'the request, again' b exchange reissue "$ID" -o again
stands 'package to nowhere' a package a exchange export --request req --transport-key TK1 -o nowhere/pkg
refused 'the request counts as answered' 1 'answered already … reissue' \
	a exchange export --request req --transport-key TK1 -o pkg
OFFICERS='' refused 'the package, again: needs two officers' 1 'needs two officers' \
	a exchange reissue "$ID" -o pkg
ok 'the package, again' a exchange reissue "$ID" -o pkg
a audit list
check 'and the log says so' test "$(get '[.result[] | select(.operation == "exchange.reissue"
	and .phase == "outcome")] | length')" = 1
ok 'the package is explained' b exchange show pkg
check 'with its signature judged' test "$(get .result.signature)" = 'good, by the enrolled partner'
stands 'receipt to nowhere' b receipt b exchange import pkg --transport-key TK1 --receipt nowhere/rcpt
ok 'the receipt, again' b exchange reissue "$ID" -o rcpt
refused 'what this site did not make' 1 '' b exchange reissue RQ-00000000AA -o x
ok 'the receipt, that was written again' a exchange receipt rcpt
jq '.carrier = "x"' pkg >edited
b exchange show edited
check 'an edited package is not explained as good' has "$(said)$(cat "$OUT")" signature
check 'and fails' test "$CODE" -ne 0
ok 'shown without a site' plain --json exchange show pkg

# ---- what arrives is what left ----
# Check values are equal, and they are three bytes; so both tokens derive from random data.
derived() { # SITE LABEL DATA
	in_site "$1" exchange_forge derive "$HERE/$1/site" "$2" "$3"
}
same_keys() { # SUFFIX…
	local suffix role data left right
	for suffix in "$@"; do
		for role in ENC MAC KEK; do
			data=$(head -c 48 /dev/urandom | od -An -tx1 | tr -d ' \n' | tr a-f A-F)
			left=$(derived a "OPMasterKey$role$suffix" "$data")
			right=$(derived b "OPMasterKey$role$suffix" "$data")
			check "OPMasterKey$role$suffix is 48 derived bytes" test "${#left}" -eq 96
			equal "OPMasterKey$role$suffix is the same key at both" "$left" "$right"
		done
	done
}
same_keys 1 4
check 'and not any key' test "$(derived a OPMasterKeyENC1 00112233445566778899AABBCCDDEEFF)" != \
	"$(derived a OPMasterKeyMAC1 00112233445566778899AABBCCDDEEFF)"
check_values() { on "$1" key list && get '[.result[] | select(.keyset) | [.label, .check_value, .check_method] | join(" ")] | sort[]'; }
check_values b >theirs
check_values a | grep -F -x -f theirs >common
check 'check values are equal at both' cmp theirs common
check 'six of them' test "$(wc -l <common)" -eq 6
sound 'the maker at the end' a
sound 'the bank at the end' b
asked_for OPMasterKey3
ok 'TDEA keys under an AES key' a exchange export --request req --transport-key TK1 -o pkg
ok 'arrive' b exchange import pkg --transport-key TK1 --receipt rcpt
same_keys 3
finish
