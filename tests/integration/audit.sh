#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The audit log: read, verified in place and offline, proved; and tampered with in every way.
. "$(dirname "$0")/lib.sh"

sql() {
	sqlite3 a/site/cardkms.db "$1"
}

fixture_site
use site
need a site identity export -o a.id
need a key suspend OPMasterKeyENC1 --reason 'a test'
need a key resume OPMasterKeyENC1
need a audit checkpoint
need a key suspend OPMasterKeyMAC1
need a audit checkpoint
need a audit export -o log
need a audit prove 8 -o proof
keep log

# ---- what is right ----

use log
ok 'list' a audit list
entries=$(get '.result | length')
equal 'list: the fields of an entry' \
	'actor details entry operation operation_id outcome phase subject time' \
	"$(get '.result[0] | keys_unsorted | sort | join(" ")')"
equal 'list: numbered without gaps' "$(seq -s ' ' 0 $((entries - 1)))" \
	"$(get '[.result[].entry | tostring] | join(" ")')"
equal 'list: an intent and an outcome of each' 'intent outcome' \
	"$(get '[.result[] | select(.operation == "hsm.setup") | .phase] | join(" ")')"
ok 'verify' a audit verify
equal 'verify: all signed' "true $entries $entries 0" \
	"$(get '.result | [.verified, .entries, .signed_entries, .not_yet_signed | tostring] | join(" ")')"
ok 'verify an export offline, without site' plain --json audit verify log --identity a.id
equal 'the export: all of it' "true $entries" \
	"$(get '.result | [.verified, .entries | tostring] | join(" ")')"
ok 'verify an export as text' plain audit verify log --identity a.id
ok 'verify the export of the own site' a audit verify log
ok 'verify a proof offline' plain --json audit verify proof --identity a.id
equal 'the proof: of that entry' '8 OPMasterKeyENC1' \
	"$(get '.result | [.entry, .subject | tostring] | join(" ")')"
refused 'verify from a pipe' 1 'is no regular file … save it' plain --json audit verify <(cat log) --identity a.id
WITHOUT='pin so-pin' ok 'export without a PIN' a audit export -o again
check 'export without a PIN: the same' cmp log again
NO_FD=1 refused 'checkpoint without a PIN' 1 'no terminal … operator PIN' a audit checkpoint
need a key resume OPMasterKeyMAC1
WITHOUT=pin need a audit verify
equal 'an entry more' $((entries + 2)) "$(get .result.entries)"
WITHOUT=pin need a key suspend OPMasterKeyMAC1
WITHOUT=pin a audit verify
check 'what is not signed yet is told' test "$(get .result.not_yet_signed)" -ge 2
ok 'checkpoint' a audit checkpoint
a audit verify
equal 'checkpoint: all is signed' 0 "$(get .result.not_yet_signed)"

# ---- calls ----

use log
refused 'prove: an entry that there is not' 1 'entry 99999' a audit prove 99999
refused 'prove: a number below zero' 2 '' a audit prove -1
refused 'prove: no number' 2 "'x'" a audit prove x
refused 'verify: no such file' 1 "'none'" a audit verify none
refused 'verify: no such identity' 1 "'none'" plain audit verify log --identity none
refused 'verify: an identity without a file' 2 'audit verify F --identity F' a audit verify --identity a.id
refused 'verify: the log as identity' 1 'log' plain --json audit verify log --identity log
refused 'verify: the identity as log' 1 'a.id' plain --json audit verify a.id --identity a.id
refused 'verify: an empty file' 1 '/dev/null' plain --json audit verify /dev/null --identity a.id
refused 'export: into a folder that is not there' 1 "'no/log'" a audit export -o no/log
refused 'export: no -o' 2 '-o' a audit export

# ---- the store's own log, tampered with ----

# tampered NAME FIRST SQL: verify ends with 3 and names entry FIRST as the first bad one.
tampered() {
	use log
	sql "$3"
	refused "store: $1" 3 "$4" a audit verify
	[ -z "$2" ] || equal "store: $1: the first bad entry" "$2" "$(get .result.first_bad_entry)"
	equal "store: $1: not verified" false "$(get .result.verified)"
}

edited="replace(text, '\"seq\":5', '\"seq\" :5')"
tampered 'an entry edited' 1 "UPDATE audit_entry SET text = replace(text, 'ana', 'eve') WHERE seq = 1" \
	'entry 1 was changed'
tampered 'an outcome edited' 6 \
	"UPDATE audit_entry SET text = replace(text, '\"outcome\":\"done\"', '\"outcome\":\"fail\"') WHERE seq = 6" \
	'entry 6 was changed'
tampered 'an entry respelt' 5 "UPDATE audit_entry SET text = $edited WHERE seq = 5" 'entry 5 was changed'
tampered 'an entry removed' 4 'DELETE FROM audit_entry WHERE seq = 4' 'entry 4 is missing'
tampered 'the first entry removed' 0 'DELETE FROM audit_entry WHERE seq = 0' 'entry 0 is missing'
tampered 'an entry removed, the rest moved up' '' "
	DELETE FROM audit_entry WHERE seq = 4;
	UPDATE audit_entry SET seq = seq - 1 WHERE seq > 4" 'entry'
tampered 'two entries swapped' 3 "
	UPDATE audit_entry SET seq = 1000 WHERE seq = 3;
	UPDATE audit_entry SET seq = 3 WHERE seq = 4;
	UPDATE audit_entry SET seq = 4 WHERE seq = 1000" 'entry'
tampered 'the log truncated' $((entries - 1)) \
	"DELETE FROM audit_entry WHERE seq = $((entries - 1))" "entry $((entries - 1)) is missing"
tampered 'all entries gone' '' 'DELETE FROM audit_entry' 'the log was cut off: it has no entries'
tampered 'a copy of entry 2 in place of entry 6' 2 "
	UPDATE audit_entry SET (text, leaf) = (SELECT text, leaf FROM audit_entry WHERE seq = 2) WHERE seq = 6" \
	'entry 2 stands a second time … after entry 5'
tampered 'a hash noted beside it' 7 \
	"UPDATE audit_entry SET leaf = (SELECT leaf FROM audit_entry WHERE seq = 2) WHERE seq = 7" 'entry 7'
tampered 'a signature' '' "UPDATE audit_checkpoint SET note = (
	SELECT note FROM audit_checkpoint ORDER BY size LIMIT 1)
	WHERE size = (SELECT MAX(size) FROM audit_checkpoint)" 'checkpoint'
tampered 'a node of the tree' '' "UPDATE audit_node SET hash = (
	SELECT hash FROM audit_node WHERE level = 0 AND idx = 0) WHERE level = 1 AND idx = 1" ''
use log
sql 'DELETE FROM audit_checkpoint'
a audit verify
check 'store: without checkpoints nothing is signed' test "$(get .result.signed_entries)" = 0
use log
sql 'DELETE FROM audit_node'
refused 'store: without its tree nothing is done' 1 'audit log, so nothing is done' \
	a key retire OPMasterKeyENC1
use log
sql "UPDATE audit_entry SET time = time + 86400 WHERE seq = $((entries - 1));
	UPDATE audit_entry SET text = 'no entry at all' WHERE seq = 2"
refused 'store: an entry that is none' 3 'entry 2' a audit verify

# ---- the export, tampered with ----

# mangled NAME FIRST TEXT SED…: of the export. FIRST may be empty, CODE another than 3.
mangled() {
	use log
	sed -i "${@:4}" log
	refused "export: $1" "${CODE_WANTED:-3}" "$3" plain --json audit verify log --identity a.id
	[ -z "$2" ] || equal "export: $1: the first bad entry" "$2" "$(get .result.first_bad_entry)"
}

line=$(grep -n '^entry' log | sed -n '4{s/:.*//;p}') # of entry 3
mangled 'an entry edited' 3 'entry 3' "${line}s/ben/eve/"
mangled 'a hash edited' 3 'entry 3' "${line}{s/^entry 0/entry 1/;t;s/^entry ./entry 0/}"
mangled 'an entry removed' 3 'entry 3' "${line}d"
mangled 'an entry twice' '' 'entry' "${line}p"
mangled 'two entries swapped' 3 'entry 3' "${line}{h;d};$((line + 1)){G}"
mangled 'the tail cut off' '' 'is cut off' '/^end/d'
mangled 'the last entries cut off' '' 'entry' "$((line + 2)),\$d"
mangled 'another end' '' 'entry' "s/^end .*/end 4/"
mangled 'a shorter log, said to be so' '' 'entry' "s/^end .*/end 4/;s/^size .*/size 4/;$((line + 1)),/^>—/{/^end/!d}"
mangled 'another organisation' '' 'Card Baker' 's/^name .*/name Card Baker/'
mangled 'another log' '' 'log' 's/^origin .*/origin cardkms\/00/'
mangled 'an empty line' '' '' "${line}s/^/\n/"
mangled 'a signature edited' '' 'checkpoint' '/^>— /s/A/B/2'
mangled 'an entry put in' '' 'entry' "${line}{p;s/\"seq\":3/\"seq\":4/}"
CODE_WANTED=1 mangled 'a version to come' '' 'cardkms' '1s/1$/2/'
use log
tr '[:lower:]' '[:upper:]' <log >upper
refused 'export: in capitals' 1 'upper' plain --json audit verify upper --identity a.id
head -c 200000 /dev/urandom >noise
refused 'export: noise' 1 'noise' plain --json audit verify noise --identity a.id
(head -c 40 log && head -c 300000 /dev/zero | tr '\0' x) >long
CODE_WANTED=1 refused 'export: a line without end' 1 'long' plain --json audit verify long --identity a.id

# ---- proofs, tampered with ----

while read -r number what; do
	use log
	# One character of the line becomes another that may stand there.
	line=$(sed -n "${number}p" proof)
	middle=$((${#line} * 2 / 3))
	char=${line:$middle:1}
	[ "$char" = A ] && char=B || char=A
	sed -i "${number}s/.*/${line:0:$middle}$char${line:$((middle + 1))}/" proof 2>/dev/null ||
		awk -v n="$number" -v s="${line:0:$middle}$char${line:$((middle + 1))}" \
			'NR == n { print s; next } { print }' "$FIXTURES/log/proof" >proof
	plain --json audit verify proof --identity a.id
	check "proof: $what changed: refused" test "$CODE" -eq 3 -o "$CODE" -eq 1
	check "proof: $what changed: says so" json_sound
done <<END
2 the entry
3 the index
4 the path
END
use log
sed -i '3s/.*/index 7/' proof
refused 'proof: of another entry' 3 'entry 7' plain --json audit verify proof --identity a.id
use log
sed -i '4d' proof
refused 'proof: a step less' 3 'entry 8' plain --json audit verify proof --identity a.id
token_conf "$HERE/b"
need site_new b 'Card Maker' manufacturer ana ben
need b hsm setup
need b site identity export -o b.id
refused 'proof: of another site of that name' 3 'proof' plain --json audit verify proof --identity b.id
refused 'export: of another site of that name' 3 'log' plain --json audit verify log --identity b.id
refused 'export: at a site that does not know that one' 3 'log' b audit verify log
finish
