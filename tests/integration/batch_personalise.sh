#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2119 # functions that take words at other places
# A batch that personalises: each card gets the fields of its own line, whatever the order in which cards
# come, and whatever is wrong with other lines.
. "$(dirname "$0")/batch_lib.sh"

N=5

fixture_piv
box
box_lines >in.csv
need a batch create IN in.csv --do inject --keyset OPMasterKey2 --customer 'Example Bank'
need a batch run IN
id_of() { query "SELECT card_id FROM batch_card WHERE batch = 'IN' AND reader LIKE '%/card-00000$1'"; }
for ((i = 1; i <= N; i++)); do
	need a app load "$SIMS/piv.cap" --reader "$R/card-00000$i"
	need a app install "$SIMS/piv.cap" --reader "$R/card-00000$i"
done

chuid() { printf '%032X' "$1"; }
line() { echo "$R/card-00000$1,$(id_of "$1"),$2,$(chuid "$1"),$1"; }
{
	echo reader,card,name,chuid,employee
	line 3 '"Number, 3"'
	echo 'too,few'
	line 1 'Number 1'
	head -c 70000 /dev/zero | tr '\0' x # longer than a line may be
	echo
	line 2 'Number 2' | sed 's/,00*2,2$/,0g,2/' # no hex, which is found when the card's turn comes
	line 5 'Number 5'
	line 4 'Number 4'
} >fields.csv
# What the application of a card has under a tag (a number), by the card's own state.
object() { # CARD TAG
	jq -r --arg aid "$APPLET" --argjson tag "$2" \
		'.entries[] | select(.aid == $aid) | .objects[] | select(.tag == $tag) | .data // .value' "${CARD}card-00000$1.json"
}
hex() { printf '%s' "$1" | od -An -tx1 | tr -d ' \n' | tr a-f A-F; }

a batch create P fields.csv --do personalise --script "$SCRIPT"
equal 'create: two lines are wrong' '5 2' "$(get '.result | "\(.cards) \(.malformed | length)"')"
equal 'create: which' 'line 3: 2 fields, the header has 5
line 5: longer than 65536 bytes' "$(get '.result.malformed[]' | sed 's/.*csv, //')"
a batch run P --workers 2
equal 'run: one card is not done, and the lines' '3 4 3' "$CODE $(get '.result | "\(.done) \(.failed)"')"
a batch report P
check 'run: why' has "$(get '.result.not_done[] | select(.line == 6) | .detail')" "line 6, column 'chuid': not pairs of hex digits"
for i in 1 4 5; do
	equal "card $i has what its line says" "5310$(chuid "$i") $(hex "Number $i")" "$(object $i 258) $(object $i 265)"
done
equal 'and so has the one in quotes' "5310$(chuid 3) $(hex 'Number, 3')" "$(object 3 258) $(object 3 265)"

# Tried again, with a file that has changed: that is no fault of a card.
ok 'retry' a batch retry P
cp fields.csv kept.csv
sed -i 's/,0g,2/,00,2/' fields.csv
a batch run P --patience 2
equal 'a changed file: nothing is done with it' '1 4' "$CODE $(query "SELECT count(*) FROM batch_card WHERE batch = 'P' AND state = 'done'")"
check 'a changed file: said' grep -q 'is not the file any more that batch' "$ERR"
cp kept.csv fields.csv
a batch run P
equal 'the file as it was: as before' '3 4 3' "$CODE $(get '.result | "\(.done) \(.failed)"')"

# ---- the file is read once for its hash and once for its cards, however many these are ----

# Bytes that the worker of a batch of all cards reads, where each line of its file is so much longer; what it reads
# besides is the same for each.
reads_with() { # NAME BYTES
	local i io=0 more pid
	{
		echo reader,card,name,chuid,employee,filler
		for ((i = 1; i <= N; i++)); do
			line $i "Number $i" | tr -d '\n'
			printf ,
			head -c "$2" /dev/zero | tr '\0' x
			echo
		done
	} >long.csv
	need a batch create "$1" long.csv --do personalise --script "$SCRIPT"
	run_behind "$1"
	while kill -0 "$leader" 2>/dev/null; do
		pid=$(run_workers | head -n 1)
		more=$(sed -n 's/^rchar: //p' "/proc/${pid:-none}/io" 2>/dev/null) || more=''
		io=${more:-$io}
		sleep 0.01
	done
	run_over
	[ "$CODE" -eq 0 ] || io=failed
	reads=$io
}
sim_again --fault slow:20 --cards "$N"
# The last look at a worker before it ends may come early on a busy machine: then it is measured again.
twice() { awk -v f="$factor" 'BEGIN { exit !(f > 1.5 && f < 3) }'; }
for try in 1 2 3 4; do
	reads_with SHORT$try 10
	short=$reads
	reads_with LONG$try 60010
	factor=$(awk -v more="$((reads - short))" -v size="$((N * 60000))" 'BEGIN { printf "%.2f", more / size }')
	! twice || break
done
equal 'all are done' 0 "$(query "SELECT count(*) FROM batch WHERE name GLOB '[SL]*[1-4]' AND state <> 'done'")"
echo "the file's bytes were read $factor times for $N cards"
check 'its bytes are read twice, not once for each card' twice
check 'the log is whole' a audit verify
finish
