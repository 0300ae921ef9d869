#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2317 # functions called by name
# Passphrases that are tried too often: the lock, who takes it off, and what a kill does not save.
. "$(dirname "$0")/lib.sh"

column() { # COLUMN NAME: of the officer's row
	sqlite3 -readonly a/site/cardkms.db "SELECT coalesce($1, '-') FROM officer WHERE name = '$2'"
}
guess() { # N: wrong passphrases for ben
	local i
	for ((i = 0; i < $1; i++)); do
		EXTRA=$'officer.ben=no idea\nofficer.guest=some phrase' OFFICERS=ana,ben a officer add guest
	done
}

fixture_officers
for name in eve fay; do
	EXTRA="officer.$name=another phrase" need a officer add $name
done
printf 'officer.eve=another phrase\nofficer.fay=another phrase\n' >>a/secrets
quick_passphrases a
keep four

# ---- locked ----

use four
guess 4
equal 'four wrong ones: not locked' '4 -' "$(column failures ben) $(column locked ben)"
check 'four wrong ones: says how many are left' has "$(get .error.hint)" 'after 1 more the officer is locked'
EXTRA='officer.x=some phrase' OFFICERS=ana,ben ok 'then the right one' a officer add x
equal 'which begins from nothing' 0 "$(column failures ben)"
guess 5
check 'five: locked' has "$(get .error.message)" "wrong passphrase for officer 'ben', who is locked now"
equal 'five: exit status' 1 "$CODE"
a audit list
equal 'five: in the log' ben "$(get '[.result[] | select((.operation // .kind) == "officer.lock")] | .[0].subject')"
EXTRA='officer.y=some phrase' OFFICERS=ana,ben refused 'the right one, now' 1 \
	"officer 'ben' is locked since … 5 wrong passphrases in a row … officer unlock" a officer add y
equal 'no try is counted while locked' 5 "$(column failures ben)"
WITHOUT=officer.ben EXTRA='officer.y=some phrase' OFFICERS=ana,ben refused 'and nobody is asked' 1 'is locked since' a officer add y
a officer list
equal 'the list says so' "true null" "$(get '.result | map({(.name): .locked}) | add | "\(.ben != null) \(.ana)"')"
EXTRA='officer.y=some phrase' OFFICERS=ana,eve ok 'the others approve as before' a officer add y

# ---- unlocked ----

OFFICERS='' refused 'unlock: nobody approves' 1 'needs two' a officer unlock ben
OFFICERS=ana,ben refused 'unlock: not by oneself' 1 'is locked since' a officer unlock ben
OFFICERS=ana,eve refused 'unlock: nobody of that name' 1 "no officer 'bob'" a officer unlock bob
OFFICERS=ana,eve refused 'unlock: not locked' 1 'is not locked' a officer unlock fay
OFFICERS=ana,eve dry 'unlock: dry run' a officer unlock ben
OFFICERS=ana,eve ok 'unlock' a officer unlock ben
equal 'unlock: counted from nothing' '0 -' "$(column failures ben) $(column locked ben)"
EXTRA='officer.z=some phrase' OFFICERS=ana,ben ok 'unlock: approves again' a officer add z
check 'unlock: who did is in the log' test "$(sqlite3 a/site/cardkms.db \
	"SELECT actor FROM audit_entry WHERE operation = 'officer.unlock' ORDER BY seq DESC LIMIT 1")" = 'ana, eve'

# ---- a dry run is no way to guess, and takes no lock off ----

use four
for i in 1 2 3 4; do
	EXTRA=$'officer.ben=no idea\nofficer.x=some phrase' OFFICERS=ana,ben a --dry-run officer add x
done
EXTRA='officer.x=some phrase' OFFICERS=ana,ben ok 'dry run: the right one' a --dry-run officer add x
equal 'dry run: resets nothing' 4 "$(column failures ben)"
EXTRA=$'officer.ben=no idea\nofficer.x=some phrase' OFFICERS=ana,ben a --dry-run officer add x
check 'dry run: locks' has "$(get .error.message)" 'who is locked now'

# ---- how often: site.ini ----

use four
sed -i '/^\[policy\]/a passphrase-tries = 2' a/site/site.ini
guess 2
check 'two, where site.ini says two' has "$(get .error.message)" 'who is locked now'
for bad in 0 101 two -1 ''; do
	sed -i "s/^passphrase-tries = .*/passphrase-tries = $bad/" a/site/site.ini
	a officer list
	check "passphrase-tries = '$bad'" has "$(get .error.message)" 'site.ini, line'
done

# ---- the last two: an hour ----

use officers
quick_passphrases a
guess 5
check 'of two officers one: locked' has "$(get .error.message)" 'who is locked now'
EXTRA='officer.x=some phrase' OFFICERS=ana,ben refused 'for an hour' 1 'no two others could unlock, so it ends at' a officer add x
EXTRA='officer.x=some phrase' OFFICERS=ana,ana refused 'nobody can unlock' 1 'cannot be both' a officer unlock ben
an_hour_ago() { sqlite3 a/site/cardkms.db "UPDATE officer SET locked = locked - 3600 WHERE locked IS NOT NULL"; }
an_hour_ago
guess 1
check 'then one try, and wrong: another hour' has "$(get .error.message)" 'who is locked now'
EXTRA='officer.x=some phrase' OFFICERS=ana,ben refused 'another hour' 1 'is locked since … 6 wrong' a officer add x
an_hour_ago
EXTRA='officer.x=some phrase' OFFICERS=ana,ben ok 'the right one' a officer add x
equal 'takes the lock off' '0 -' "$(column failures ben) $(column locked ben)"

# ---- killed after the count, before the answer: the try is used up (the passphrase is right) ----

use officers # with passphrases that take a while to prove
{
	secret_lines a/secrets
	printf 'officer.guest%s=some phrase\n' {0..40}
} >"$TMPDIR/lines"
token_for a
kills=0 late=0
while [ "$(column locked ana)" = - ] && [ $((kills + late)) -lt 40 ]; do
	before=$(column failures ana)
	env "${token_env[@]}" cardkms -s a/site --pin-fd 3 --officers ana,ben \
		officer add "guest$((kills + late))" 3<"$TMPDIR/lines" >"$OUT" 2>&1 &
	pid=$!
	until [ "$(column failures ana)" != "$before" ] || ! kill -0 $pid 2>/dev/null; do :; done
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
	if [ "$(column failures ana)" -gt "$before" ]; then
		kills=$((kills + 1))
	else
		late=$((late + 1))
	fi
done
echo "killed in time: $kills, too late: $late"
check 'killed: tries add up' test "$kills" -ge 5
check 'killed: and lock' test "$(column locked ana)" != -
finish
