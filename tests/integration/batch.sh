#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2119 # functions that take words at other places
# shellcheck disable=SC2317 # functions called by name
# Batches: from a file with lines that are wrong, by workers that are killed, paused, stopped by wrong keys,
# taken up again; each card is done once, and the cards themselves say so.
. "$(dirname "$0")/batch_lib.sh"

N=12
fixture_cards
use cards
box

batch() { a batch "$@"; }
runs+=([batch]=a)
counts() { get '.result | "\(.done) \(.failed) \(.quarantined) \(.unknown) of \(.cards)"'; }
state_of_batch() { query "SELECT state FROM batch WHERE name = '$1'"; }
# ---- what a batch is made from ----

box_lines >good.csv
refused 'create: no action of that name' 2 '--do is inject' batch create B1 good.csv --do melt
refused 'create: nothing to put on' 2 'needs --keyset' batch create B1 good.csv --do inject
refused 'create: no such key set' 1 "no key set 'Nobody'" batch create B1 good.csv --do inject --keyset Nobody
refused 'create: an option that is for others' 2 '--script is nothing for' batch create B1 good.csv --do verify --script x
refused 'create: no file' 1 'cannot find' batch create B1 nothing.csv --do verify
echo 'card,profile' >no-reader.csv
refused 'create: no column' 1 "no column 'reader'" batch create B1 no-reader.csv --do verify
echo 'reader,card' >none.csv
refused 'create: no cards' 1 'names no card' batch create B1 none.csv --do verify
dry 'create' a batch create B1 good.csv --do inject --keyset OPMasterKey2 --customer 'Example Bank'

{
	box_lines 1 2
	echo "$R/card-000003,4,gp23-scp03,"
	echo "$R/card-000003,XYZ1,gp23-scp03,"
	echo ",,gp23-scp03,"
	echo "$R/card-000003,,no-such-profile,"
	echo "$R/card-000004,AABB,gp23-scp03,"
	echo "$R/card-000004,AABB,gp23-scp03,"
	echo "$R/card-000005,,gp23-scp03,"
	echo 'too,many,fields,in,this line'
	echo 'tcp:nowhere,,gp23-scp03,'
	echo "\"$R/card-000001,$R/card-000002\",,gp23-scp03,"
} >bad.csv
a --dry-run batch create BAD bad.csv --do verify --keyset OPMasterKey2
equal 'create: a dry run reads the file, too' '4 8' "$(get '.result | "\(.cards) \(.malformed | length)"')"
ok 'create: with lines that are wrong' batch create BAD bad.csv --do verify --keyset OPMasterKey2
equal 'create: those that are right count' 4 "$(get .result.cards)"
equal 'create: the others are told, by line and column' "bad.csv, line 4, column 'card'
bad.csv, line 5, column 'card'
bad.csv, line 6, column 'reader'
bad.csv, line 7, column 'profile'
bad.csv, line 9, column 'card'
bad.csv, line 11
bad.csv, line 12, column 'reader'
bad.csv, line 13, column 'reader'" "$(get '.result.malformed[]' | sed 's/: .*//')"

{
	echo reader,card
	echo "$R/card-000004,AABB"
	echo "$R/card-000009,"
} >again.csv
ok 'create: a card that waits in another batch' batch create AGAIN again.csv --do verify --keyset OPMasterKey2
check 'create: that is said' has "$(get '.result.malformed[]')" "card AABB waits in batch 'BAD' already"
refused 'create: twice' 1 'there is one already' batch create AGAIN again.csv --do verify

# ---- done, by two workers ----

ok 'create' batch create IN good.csv --do inject --keyset OPMasterKey2 --customer 'Example Bank'
equal 'create: they wait' ready "$(state_of_batch IN)"
refused 'a worker of a batch that nobody runs' 1 'is ready' a worker IN
ok 'run' batch run IN --workers 2
equal 'run: all are done' "$N 0 0 0 of $N" "$(counts)"
check 'run: that the keys were public is said once a worker' test \
	"$(grep -c 'which everybody knows' "$ERR")" -le 2 -a "$(grep -c 'which everybody knows' "$ERR")" -ge 1
equal 'run: its state' 'done' "$(state_of_batch IN)"
equal 'run: the cards say so' "$N" "$(box_with 48)"
equal 'run: each card once, by its own count' "1 $N" "$(box_puts)"
equal 'run: each card once' "$N|$N" "$(query "SELECT count(*), count(DISTINCT card_id) FROM card_event WHERE event = 'inject'")"
equal 'run: each outcome names its operation' "$N" \
	"$(query "SELECT count(*) FROM batch_card JOIN operation ON operation.id = op_id WHERE batch = 'IN' AND operation.state = 'done'")"
refused 'run: it is over' 1 'is done' batch run IN
a batch report IN -o report.csv
equal 'report: a line for each card' $((N + 1)) "$(wc -l <report.csv)"
equal 'report: nothing that is not done' 0 "$(get '.result.not_done | length')"
refused 'report: not over a file that is there' 1 'exists' batch report IN -o report.csv
ok 'status of all' batch status
equal 'status of all: three' 3 "$(get '.result | length')"

# ---- a worker is killed, and the leader, and it goes on ----

box --fault slow:15
box_lines >good.csv
ok 'create' batch create RE good.csv --do replace --keyset BankMaster2 --from OPMasterKey2
run_behind RE --workers 2
run_until 2
batch run RE
check 'run: somebody leads it' has "$(said)" "is led by … 'cardkms worker RE' works on it beside them"
victim=$(run_workers | head -1)
kill -9 "$victim"
run_over
equal 'killed: all are done all the same' "$N 0 0 0 of $N" "$(counts)"
equal 'killed: exit status' 0 "$CODE"
equal 'killed: one worker' 1 "$(get .result.workers_killed)"
equal 'killed: each card once more, by its own count' "2 $N" "$(box_puts)"
equal 'killed: each card once' "$N|$N" "$(query "SELECT count(*), count(DISTINCT card_id) FROM card_event WHERE event = 'replace'")"
equal 'killed: no card is between' "$N" "$(query "SELECT count(*) FROM card_domain WHERE state = 'active' AND keyset = 'BankMaster2'")"
sound 'killed: the site is sound' a

# ---- who leads it dies ----

box --fault slow:15
box_lines >good.csv
ok 'create' batch create DIES good.csv --do verify --keyset BankMaster2
run_behind DIES --workers 1
run_until 2
a batch status DIES
equal 'status: somebody leads it' 'running null' "$(get '.result | "\(.state) \(.reason)"')"
check 'status: who' test "$(get .result.led_by)" != null
kill -9 "$leader"
{ wait "$leader"; } 2>/dev/null
# Its workers may be writing still.
sqlite3 -cmd '.timeout 20000' a/site/cardkms.db "UPDATE batch SET runner_until = runner_until - 60 WHERE name = 'DIES'"
a batch status DIES
equal 'status: nobody leads it' 'running null' "$(get '.result | "\(.state) \(.led_by)"')"
check 'status: and says so' has "$(get .result.reason)" "nobody leads it … batch run"
ok 'run by another' batch run DIES --workers 2
equal 'another leads it to its end' "$N 0 0 0 of $N" "$(counts)"

# ---- paused, and taken up again ----

ok 'create' batch create VE good.csv --do verify --keyset BankMaster2
run_behind VE --workers 2
run_until 1
ok 'pause' batch pause VE
run_over
equal 'pause: the leader ends' 1 "$CODE"
check 'pause: and says why' has "$(get .error.message)" 'was paused'
equal 'pause: nobody has a card' 0 "$(query "SELECT count(*) FROM batch_card WHERE batch = 'VE' AND state = 'leased'")"
refused 'pause: not again' 1 'is paused, not running' batch pause VE
refused 'run: it is paused' 1 'is paused' batch run VE
ok 'resume' batch resume VE
ok 'run to its end' batch run VE
equal 'all are done' "$N 0 0 0 of $N" "$(counts)"

# ---- wrong keys: it stops before it costs every card a try ----

box
box_lines >good.csv
ok 'create' batch create WRONG good.csv --do verify --keyset WrongMaster2 --stop-after 3
batch run WRONG
equal 'wrong keys: exit status' 1 "$CODE"
check 'wrong keys: says so' has "$(get .error.message)" 'was stopped: 3 authentications in a row failed'
equal 'wrong keys: three cards were asked' 3 "$(query "SELECT count(*) FROM batch_card WHERE batch = 'WRONG' AND state = 'failed'")"
equal 'wrong keys: the others wait' $((N - 3)) "$(query "SELECT count(*) FROM batch_card WHERE batch = 'WRONG' AND state = 'queued'")"
refused 'run: it was stopped' 1 'is stopped: 3 auth' batch run WRONG

# ---- another card than the file says; one that is not there ----

first=$(query "SELECT card_id FROM batch_card WHERE batch = 'IN' ORDER BY line LIMIT 1")
{
	echo reader,card,profile,kdd
	echo "$R/card-000002,$first,,"
	echo "$R/card-000003,,,00112233445566778899"
	echo "$R/card-000099,,,"
	echo "$R/card-000001,$first,,"
} >other.csv
sed -i '4s/$//; /card-000001/d' other.csv
batch create OTHER other.csv --do verify --keyset BankMaster2
batch run OTHER
equal 'another card: a negative answer' 3 "$CODE"
a batch report OTHER
check 'another card: said' has "$(get '.result.not_done[0].detail')" 'the reader holds card … the batch says'
check 'other data: said' has "$(get '.result.not_done[1].detail')" 'not the card that the batch means'
check 'no card: said' has "$(get '.result.not_done[2].detail')" "there is no card 'card-000099'"
a batch report OTHER -o other-report.csv
check 'report: a reason with commas stands in quotes' grep -qE ',"[^"]*, [^"]*"' other-report.csv
equal 'another card: that is no wrong key' 0 "$(query "SELECT failures FROM batch WHERE name = 'OTHER'")"
ok 'retry' batch retry OTHER
equal 'retry: they wait again' 'ready 3' "$(state_of_batch OTHER) $(get .result.cards)"
ok 'retry: none that failed for good' batch retry OTHER
equal 'retry: nothing is moved' 'ready 0' "$(state_of_batch OTHER) $(get .result.cards)"
refused 'retry: no such state' 2 '--state is' batch retry OTHER --state 'done'
check 'the log is whole' a audit verify
finish
