#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2317 # filters of jq; functions called by name
# Two sites as witnesses of each other's logs: one that puts its registry back and signs another history
# is caught by the other, at the next document and when its log is verified.
. "$(dirname "$0")/lib.sh"

# Checkpoints in documents: entries of the log that they are over.
entries_of() { # FILE MEMBER
	jq -r ".$2 // \"x\\n-\"" "$1" | sed -n 2p
}

asked() { # NAME: a request of b, NAME.req
	need b exchange request --from 'Card Maker' --keyset "$2" -o "$1.req"
}

fixture_exchange
for n in 2 3; do
	plan_maker | sed "s/OPMasterKey1/OPMasterKey$n/" >"more$n.ini"
	need a hsm update --plan "more$n.ini"
done

# ---- what documents carry ----

asked one OPMasterKey1
need a exchange export --request one.req --transport-key TK1 -o one.pkg
need b exchange import one.pkg --transport-key TK1 --receipt one.rcpt
ok 'the first receipt' a exchange receipt one.rcpt
equal 'at first nothing is held' 'null null null' \
	"$(jq -r .seen_checkpoint one.req) $(jq -r .seen_checkpoint one.pkg) $(jq -r .continues one.pkg)"
equal 'the receipt carries the package'"'"'s checkpoint back' "$(jq .audit_checkpoint one.pkg)" \
	"$(jq .seen_checkpoint one.rcpt)"
keep once
need a key suspend OPMasterKeyENC1
need a key resume OPMasterKeyENC1
asked two OPMasterKey2
equal 'the next request says what is held' "$(jq .audit_checkpoint one.pkg)" "$(jq .seen_checkpoint two.req)"
need a exchange export --request two.req --transport-key TK1 -o two.pkg
equal 'the package says what is held of the other log' "$(jq .audit_checkpoint one.rcpt)" \
	"$(jq .seen_checkpoint two.pkg)"
equal 'and proves that its own goes on' "$(entries_of one.pkg audit_checkpoint)" "$(jq .continues.size two.pkg)"
need b exchange import two.pkg --transport-key TK1 --receipt two.rcpt
equal 'so does the receipt' "$(entries_of one.rcpt audit_checkpoint)" "$(jq .continues.size two.rcpt)"
ok 'the second receipt' a exchange receipt two.rcpt
ok 'own log against what the partner has' a audit verify
equal 'own log against what the partner has' 2 "$(get .result.witnessed)"
ok 'witnesses' a audit witnesses
equal 'witnesses: of both logs, seen, sent and come' \
	'Card Maker seen|Card Maker seen|Example Bank came|Example Bank came' \
	"$(get '[.result[] | "\(.log_of) \(.how)"] | sort | join("|")')"
ok 'witnesses of one' b audit witnesses --of 'card maker' -o maker.held
equal 'witnesses of one' 2 "$(get '.result | length')"
refused 'witnesses of nobody' 1 "no partner 'Nobody'" b audit witnesses --of Nobody
TEXT=1 ok 'witnesses as text' b audit witnesses
need a audit export -o true.log
ok 'true log, offline, against what the bank holds' plain --json audit verify true.log --identity a.id --witness maker.held
equal 'true log, offline, against what the bank holds' 2 "$(get .result.witnessed)"
ok 'true log at the bank, by an identity file' b audit verify true.log --identity a.id
equal 'true log at the bank: compared' 2 "$(get .result.witnessed)"
ok 'own log with a file of others' a audit verify --witness maker.held
refused 'a file without checkpoints' 1 'does not end with a whole checkpoint' a audit verify --witness a.id
b audit witnesses --of 'Example Bank' -o bank.held
refused 'a file of another log' 1 "no checkpoint of the log of 'Card Maker'" a audit verify --witness bank.held
refused 'a file that is not there' 1 "'none'" a audit verify --witness none
keep met

# ---- forged words about logs ----

use met
asked three OPMasterKey3
jq -S '.seen_checkpoint = "nonsense"' three.req >malformed
refused 'seen: no checkpoint' 1 "'seen_checkpoint' is not a signed checkpoint" \
	a exchange export --request malformed --transport-key TK1 -o no
forged b request three.req ".seen_checkpoint = $(jq .audit_checkpoint two.rcpt)"
refused 'seen: of another log' 3 'which this site never signed' \
	a exchange export --request "$TMPDIR/forged" --transport-key TK1 -o no
need a exchange export --request three.req --transport-key TK1 -o three.pkg
for filter in 'del(.continues)' '.continues.size += 1' '.continues.path[0] = ("00" * 32)' '.continues.path = []' \
	".seen_checkpoint = null | del(.seen_checkpoint) | del(.continues)"; do
	forged a package three.pkg "$filter"
	refused "package: $filter" 3 'does not prove that the log of '"'Card Maker'"' goes on' \
		b exchange import "$TMPDIR/forged" --transport-key TK1 --receipt no
done
malformed() { # TEXT FILTER
	jq -S "$2" three.pkg >malformed
	refused "package: $2" 1 "$1" b exchange import malformed --transport-key TK1 --receipt no
}
malformed 'holds what is no hash' '.continues.path[0] = "xyz"'
malformed "no number 'size'" '.continues.size = -1'
malformed "unknown member 'more'" '.continues.more = 1'
malformed 'has 66 members' '.continues.path = [range(66)]'
ok 'the honest one' b exchange import three.pkg --transport-key TK1 --receipt three.rcpt
forged b receipt three.rcpt 'del(.continues)'
refused 'receipt: no proof' 3 'the receipt does not prove that the log of '"'Example Bank'"' goes on' \
	a exchange receipt "$TMPDIR/forged"
forged b receipt three.rcpt ".seen_checkpoint = $(jq .audit_checkpoint one.rcpt)"
refused 'receipt: a checkpoint of its own as seen' 3 'which this site never signed' a exchange receipt "$TMPDIR/forged"
ok 'the honest receipt' a exchange receipt three.rcpt

# ---- the maker writes its history anew ----

# The maker's registry as it was before the second exchange; then as many other entries as make the next
# checkpoint one over WANTED entries.
history_of() { # WANTED
	local there verb=suspend
	rm -rf a
	cp -a "$FIXTURES/once/a" a
	token_conf "$HERE/a"
	need a audit list
	there=$(get '.result | length')
	if [ $((($1 - 1 - there) % 2)) -ne 0 ]; then
		a key suspend NoSuchKey # one entry, of a failure
		there=$((there + 1))
	fi
	for ((; there < $1 - 1; there += 2)); do
		need a key "$verb" OPMasterKeyENC1 --reason 'what was never so'
		[ "$verb" = resume ] && verb=suspend || verb=resume
	done
}

use met
asked three OPMasterKey3
keep open
seen=$(entries_of two.pkg audit_checkpoint)

rewritten() { # NAME WANTED
	use open
	sleep 1
	history_of "$2"
	# A dishonest program would not look: a request without the words, its answer made one to the true request.
	check "$1: a request without the words" forged b request three.req 'del(.seen_checkpoint)'
	cp "$TMPDIR/forged" blind.req
	need a exchange export --request blind.req --transport-key TK1 -o blind.pkg
	refused "$1: an honest one is caught by itself, by the request" 3 \
		'is not the one that '"'Example Bank'"' has seen … put back' \
		a exchange export --request three.req --transport-key TK1 -o no
	check "$1: its answer made one to the true request" forged a package blind.pkg \
		".request.sha256 = \"$(sha256sum <three.req | cut -d' ' -f1 | tr a-f A-F)\""
	echo "# over $(entries_of blind.pkg audit_checkpoint) entries, held is one over $seen"
}

rewritten 'a shorter log' $((seen - 2))
check 'a shorter log: it is' test "$(entries_of blind.pkg audit_checkpoint)" -lt "$seen"
refused 'a shorter log: caught by the bank' 3 "the log of 'Card Maker' has lost entries" \
	b exchange import "$TMPDIR/forged" --transport-key TK1 --receipt no
rewritten 'a fork of the same size' "$seen"
equal 'a fork of the same size: it is' "$seen" "$(entries_of blind.pkg audit_checkpoint)"
refused 'a fork of the same size: caught by the bank' 3 "has two different logs of $seen entries: one in PK-" \
	b exchange import "$TMPDIR/forged" --transport-key TK1 --receipt no
rewritten 'a longer log' $((seen + 8))
check 'a longer log: it is' test "$(entries_of blind.pkg audit_checkpoint)" -gt "$seen"
refused 'a longer log: caught by the bank' 3 "does not prove that the log of 'Card Maker' goes on from the $seen entries" \
	b exchange import "$TMPDIR/forged" --transport-key TK1 --receipt no
ok 'the maker alone sees nothing' a audit verify
refused 'the maker, with what the bank holds' 3 'the log was rewritten … known from elsewhere' \
	a audit verify --witness maker.held
need a audit export -o false.log
ok 'control: the false log is good by itself' plain --json audit verify false.log --identity a.id
refused 'the false log, offline, with what the bank holds' 3 'the log was rewritten' \
	plain --json audit verify false.log --identity a.id --witness maker.held
refused 'the false log at the bank' 3 'the log was rewritten' b audit verify false.log
refused 'the false log at the bank, by an identity file' 3 'the log was rewritten' \
	b audit verify false.log --identity a.id
use open
sleep 1
history_of $((seen - 2))
need a audit export --sign -o short.log
ok 'control: a log cut back is good by itself' plain --json audit verify short.log --identity a.id
refused 'a log cut back, at the bank' 3 'the log was cut back' b audit verify short.log
ok 'an old export is no log cut back' b audit verify true.log

# ---- the bank does ----

use met
need b audit export -o bank.log
ok "the bank's log at the maker" a audit verify bank.log
equal "the bank's log at the maker: compared" 2 "$(get .result.witnessed)"
rm -rf b
cp -a "$FIXTURES/once/b" b
token_conf "$HERE/b"
asked again OPMasterKey3
need a exchange export --request again.req --transport-key TK1 -o again.pkg
refused 'the bank is caught by itself, by the package' 3 "is not the one that 'Card Maker' has seen" \
	b exchange import again.pkg --transport-key TK1 --receipt no
for reason in 1 2 3; do
	need b key suspend TK1 --reason "$reason"
	need b key resume TK1
done
need b audit export -o false.log
ok 'control: alone it is good' plain --json audit verify false.log --identity b.id
refused "the bank's false log at the maker" 3 'the log was' a audit verify false.log

finish
