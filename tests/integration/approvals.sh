#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2317 # functions called by name
# What officers approve: a digest that says exactly what will be done, shown before they give passphrases or
# approved beforehand, used once; whatever has changed since is refused.
. "$(dirname "$0")/lib.sh"

digest_of() { # SITE WORD…: as a dry run prints it, for nobody in particular
	OFFICERS='' on "$1" --dry-run "${@:2}" && get .result.digest
}
# approve SITE NAME DIGEST [HOURS]
approve() { on "$1" approval create "$3" --officer "$2" ${4:+--hours "$4"}; }
last_of() { # SITE OPERATION: details of its last entry
	on "$1" audit list
	get "[.result[] | select((.operation // .kind) == \"$2\")] | last | .details"
}
column() { sqlite3 -readonly a/site/cardkms.db "SELECT $1 FROM approval ORDER BY given, id"; }

fixture_exchange
need b exchange request --from 'Card Maker' --keyset OPMasterKey1 -o request
sed 's/OPMasterKey1/OPMasterKey2/; s/0x20/0x21/' plan.ini >plan2.ini
keep ready
export=(exchange export --request request --transport-key TK1 -o package)

# ---- the digest ----

use ready
ok 'a dry run says what would be approved' a --dry-run "${export[@]}"
digest=$(get .result.digest)
equal 'a digest' 64 "${#digest}"
equal 'its first bytes in words' 8 "$(get .result.digest_words | wc -w)"
equal 'it is that of what is told' "$digest" \
	"$(get -cjS .result.approves | sha256sum | tr a-f A-F | cut -c1-64)"
check 'which are the keys, by check value' has "$(get -c .result.approves.detail.keys)" 'OPMasterKeyENC1 … OPMasterKeyKEK1'
equal 'and the request, by its hash' "$(sha256sum request | tr a-f A-F | cut -c1-64)" \
	"$(get .result.approves.detail.request_sha256)"
equal 'the same on another day, whoever approves' "$digest" "$(digest_of a "${export[@]}")"
OFFICERS=ana,ben need a "${export[@]}"
check 'it is shown before the passphrases are asked for' has "$(<"$ERR")" "to be approved: exchange.export … OPMasterKeyENC1 … $digest"
equal 'and in the log, with who approved' "$digest ana passphrase ben passphrase" \
	"$(last_of a exchange.export | jq -r '"\(.digest) \(.approvals | map("\(.officer) \(.by)") | join(" "))"')"
check 'in text, too' has "$(use ready; TEXT=1 OFFICERS='' a --dry-run "${export[@]}"; cat "$ERR")" "$digest"

# ---- only that ----

use ready
ok 'done if it is what was agreed on' a --digest "$digest" "${export[@]}"
use ready
wrong=${digest/%?/0}
[ "$wrong" != "$digest" ] || wrong=${digest/%?/1}
refused 'refused if it is another' 3 "what was agreed on is $wrong, and this is $digest" a --digest "$wrong" "${export[@]}"
refused 'no digest at all' 3 'what was agreed on is abc' a --digest abc "${export[@]}"

# ---- each kind has a digest that does not change by itself ----

same_twice() { # NAME SITE WORD…
	local first
	first=$(digest_of "${@:2}")
	check "$1: a digest" test ${#first} = 64
	equal "$1: the same again" "$first" "$(digest_of "${@:2}")"
}
mkdir two
need a --officers ana,ben transport-key create TK2 --algorithm aes256 --components 3 --partner 'Example Bank' \
	--pairs pairs.ini --sheets two
export EXTRA
EXTRA=$(typed_from TK2 3 two)
same_twice 'import of a transport key' b transport-key import TK2 --algorithm aes256 --components 3 \
	--partner 'Card Maker' --pairs pairs.ini --check-value ABCDEF
one=$(digest_of b transport-key import TK2 --algorithm aes256 --components 3 --partner 'Card Maker' --pairs pairs.ini --check-value ABCDEF)
two=$(digest_of b transport-key import TK2 --algorithm aes256 --components 3 --partner 'Card Maker' --pairs pairs.ini --check-value ABCDEE)
check 'another check value is another digest' test "$one" != "$two"
sed 's/D. Novak/G. Hall/' pairs.ini >pairs2.ini
two=$(digest_of b transport-key import TK2 --algorithm aes256 --components 3 --partner 'Card Maker' --pairs pairs2.ini --check-value ABCDEF)
check 'another custodian is another digest' test "$one" != "$two"
EXTRA=confirm-destroy=TK1
same_twice 'destruction' a --yes key destroy TK1
unset EXTRA
need a "${export[@]}"
same_twice 'import' b exchange import package --transport-key TK1 --receipt receipt
sed -i 's/^tdea2 = .*/tdea2 = forbid/' a/site/site.ini
sed 's/aes256/tdea2/; s/kdf3/visa2/; s/OPMasterKey1/Small1/' plan.ini >small.ini
same_twice 'override' a --override 'a reason' hsm update --plan small.ini
one=$(digest_of a --override 'a reason' hsm update --plan small.ini)
two=$(digest_of a --override 'another' hsm update --plan small.ini)
check 'another reason is another digest' test "$one" != "$two"

# ---- approved beforehand ----

use ready
refused 'no digest' 1 'is no digest … --dry-run' approve a ana 1234
EXTRA='officer.ana=no idea' refused 'a wrong passphrase' 1 "wrong passphrase for officer 'ana'" approve a ana "$digest"
refused 'nobody of that name' 1 "no officer 'eve'" approve a eve "$digest"
refused 'for a year' 2 '--hours takes' approve a ana "$digest" 9000
dry 'dry run' a --dry-run approval create "$digest" --officer ana
ok 'ana, beforehand' approve a ana "$digest"
id=$(get .result.id)
ok 'ben, beforehand' approve a ben "$digest" 1
WITHOUT='officer.ana officer.ben' OFFICERS=ana,ben ok 'done without asking either' a "${export[@]}"
check 'says so' has "$(<"$ERR")" 'approved beforehand by ana … approved beforehand by ben'
equal 'which is in the log' "$id" "$(last_of a exchange.export | jq -r '.approvals[0].by')"
equal 'used' 'used used' "$(column state | paste -sd' ')"
a approval list
equal 'by that operation' 1 "$(get '[.result[].operation_id] | unique | length')"
need b exchange request --from 'Card Maker' --keyset OPMasterKey1 -o request2
second=(exchange export --request request2 --transport-key TK1 -o package2)
ok 'one now, the other beforehand' approve a ana "$(digest_of a "${second[@]}")"
OFFICERS=ana,eve refused 'not together with nobody' 1 "no officer 'eve'" a "${second[@]}"
WITHOUT=officer.ana OFFICERS=ana,ben ok 'together' a "${second[@]}"
need b exchange request --from 'Card Maker' --keyset OPMasterKey1 -o request2
WITHOUT=officer.ana OFFICERS=ana,ben refused 'once only' 1 'no terminal … passphrase of officer ana' \
	a exchange export --request request2 --transport-key TK1 -o package3

# ---- what has changed since ----

use ready
need approve a ana "$digest"
need approve a ben "$digest"
keep approved
a_export() { WITHOUT='officer.ana officer.ben' OFFICERS=ana,ben a "${export[@]}"; }
need b exchange request --from 'Card Maker' --keyset OPMasterKey1 -o request
runs[a_export]=a
refused 'another request' 3 "what officer 'ana' approved is not this, whose digest is … approval list" a_export
use approved
WITHOUT='officer.ana officer.ben' OFFICERS=ana,ben refused 'another carrier' 3 'is not this' a "${export[@]}" --carrier 'W. Stone'
sqlite3 a/site/cardkms.db "UPDATE key_object SET check_value = 'ABCDEF' WHERE label = 'OPMasterKeyMAC1'"
refused 'another key' 3 'is not this' a_export
use approved
sqlite3 a/site/cardkms.db "UPDATE approval SET given = given - 90000, expires = expires - 90000"
refused 'too late' 1 'passphrase of officer ana' a_export
a approval list
equal 'expired' 'expired expired' "$(get '[.result[].state] | join(" ")')"
use approved
a approval list
id=$(get '.result[] | select(.officer == "ana") | .id')
refused 'revoked by nobody' 1 "no officer 'eve'" a approval revoke "$id" --officer eve
refused 'revoked: not that' 1 'no approval' a approval revoke 00112233445566778899AABBCCDDEEFF --officer ben
refused 'revoked: no id' 1 'is no approval' a approval revoke 12 --officer ben
ok 'revoked' a approval revoke "$id" --officer ben
refused 'revoked twice' 1 'is revoked already' a approval revoke "$id" --officer ben
refused 'revoked: does not count' 1 'passphrase of officer ana' a_export
use approved
EXTRA='officer.eve=another phrase' need a officer add eve
printf 'officer.eve=another phrase\n' >>a/secrets
OFFICERS=ben,eve need a officer disable ana
refused 'an officer who was disabled since' 1 "'ana' is disabled" a_export
use approved
for i in 1 2 3 4 5; do
	EXTRA='officer.ana=no idea' approve a ana "$digest"
done
refused 'an officer who is locked since' 1 "'ana' is locked" a_export

# ---- officers who are named have proved nothing ----

use ready
EXTRA='officer.ben=no idea' OFFICERS=ana,ben a "${export[@]}"
equal 'a wrong passphrase: status' 1 "$CODE"
check 'a wrong passphrase: no package' test ! -e package
check 'a failure is nobody'"'"'s' test "$(sqlite3 a/site/cardkms.db \
	"SELECT actor FROM audit_entry ORDER BY seq DESC LIMIT 1")" != 'ana, ben'

# ---- states of keys, where the policy wants two ----

use ready
sed -i 's/^two-officers = .*/& state/' a/site/site.ini
OFFICERS='' refused 'suspend: alone' 1 'needs two officers' a key suspend TK1
OFFICERS=ana,ben ok 'suspend: two' a key suspend TK1
OFFICERS='' refused 'resume: alone' 1 'needs two officers' a key resume TK1
OFFICERS=ana,ben ok 'compromise: two' a key compromise TK1
finish
