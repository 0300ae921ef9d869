#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2317 # functions called by name
# The store cannot be written, is full, locked, gone or damaged: nothing is done, and it says why.
. "$(dirname "$0")/lib.sh"

FAULT=()
cardkms() {
	env "${FAULT[@]}" "$CARDKMS_BIN/cardkms" "$@"
}
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0
preload=("LD_PRELOAD=$CARDKMS_BIN/libfaultfs.so" "FAULTFS_DIR=$HERE/a/site")

fixture_site
cat >more.ini <<'END'
[plan]
name = more
[keyset "OPMasterKey2"]
customer = Example Bank
algorithm = aes256
diversification = kdf3
key-version = 0x21
END
keep site
db=$HERE/a/site/cardkms.db
update() { a hsm update --plan more.ini; }
undone() { # NAME: after a fault, doctor finds nothing that stays, and the operation can be done
	ok "$1: doctor" a doctor
	ok "$1: done again" update
	sound "$1" a
}

# ---- disk full, an error of the disk: at some writes and at every sync ----
use site
: >"$TMPDIR/files.log"
FAULT=("${preload[@]}" FAULTFS_LOG="$TMPDIR/files.log")
need update
FAULT=()
writes=$(grep -c '^write' "$TMPDIR/files.log")
syncs=$(grep -c '^sync' "$TMPDIR/files.log")
check 'there are writes and syncs to fail' test "$writes" -gt 20 -a "$syncs" -gt 3

# Fails or not: exit status and state agree, and doctor brings it to an end.
told=0
fault_at() { # AT
	local name="$1" state
	use site
	FAULT=("${preload[@]}" "FAULTFS_AT=$1")
	update
	FAULT=()
	state=$(sqlite3 "$db" "SELECT count(*) FROM key_object WHERE keyset = 'OPMasterKey2' AND state = 'active'" 2>&1)
	if [ "$CODE" -eq 0 ]; then
		equal "$name: exit 0, and the keys are there" 3 "$state"
	else
		check "$name: says so" has "$(said)" "$2"
		told=$((told + 1))
		a doctor
		check "$name: doctor" test "$CODE" -eq 0
		update
		check "$name: done again" test "$CODE" -eq 0
	fi
	sound "$name" a
}
for n in 1 9 11 $((writes / 3)) $((writes / 2)) $((writes - 4)); do
	fault_at "write:$n+:ENOSPC" ' '
done
for ((n = 1; n <= syncs; n++)); do
	fault_at "sync:$n:EIO" ' '
done
check 'most of them fail the operation' test "$told" -gt 5

# Really full: a tmpfs with little room.
if unshare -m true 2>/dev/null; then
	use site
	mv a/site a/site-kept
	mkdir a/site
	in_tmpfs() {
		# shellcheck disable=SC2016 # the inner shell expands it
		TMPFS=$1 unshare -m bash -c 'mount -t tmpfs -o "size=$TMPFS" tmpfs a/site &&
			cp -a a/site-kept/. a/site/ && shift && { eval "$FILL"; } 2>/dev/null
			"$@"; code=$?
			rm -f a/site/filler; cp -a a/site/. a/site-after/; exit $code' bash x "${@:2}"
	}
	mkdir a/site-after
	# shellcheck disable=SC2016
	export FILL='cat /dev/zero >a/site/filler || true'
	real() { env "$CARDKMS_BIN/cardkms" "$@"; }
	cardkms() { in_tmpfs 2m "$CARDKMS_BIN/cardkms" "$@"; }
	a hsm update --plan more.ini
	cardkms() { env "${FAULT[@]}" "$CARDKMS_BIN/cardkms" "$@"; }
	check 'a full disk: fails' test "$CODE" -eq 1
	check 'a full disk: says so' has "$(said)" 'disk full … make room'
	rm -rf a/site && mv a/site-after a/site
	undone 'a full disk'

	# Read-only: a bind mount.
	use site
	# shellcheck disable=SC2016
	cardkms() {
		unshare -m bash -c 'mount --bind a/site a/site && mount -o remount,ro,bind a/site && exec "$@"' \
			bash "$CARDKMS_BIN/cardkms" "$@"
	}
	refused 'read-only: hsm update' 1 'read-only' a hsm update --plan more.ini
	refused 'read-only: officer' 1 'read-only' a officer add emma
	ok 'read-only: key list' a key list
	ok 'read-only: audit verify' a audit verify
	ok 'read-only: hsm check' a hsm check
	cardkms() { env "${FAULT[@]}" "$CARDKMS_BIN/cardkms" "$@"; }
else
	echo 'note: no mount namespaces here: full and read-only file systems were not tried'
fi

# ---- locked ----
use site
# Another program holds the database.
mkfifo go
sqlite3 "$db" >"$TMPDIR/holder" 2>&1 <<<"$(printf 'BEGIN EXCLUSIVE;\n.print held\n.shell cat go >/dev/null\nROLLBACK;\n')" &
holder=$!
for ((n = 0; n < 100; n++)); do
	grep -q held "$TMPDIR/holder" && break
	sleep 0.05
done
a hsm update --plan more.ini
check 'database held: fails' test "$CODE" -eq 1
check 'database held: says so' has "$(said)" 'another'
: >go
wait "$holder"
rm go
undone 'database held'

# Another cardkms works on the site: stopped in the middle of it, with the lock.
use site
sed -i "s|$token_module|$forward_module|" a/site/site.ini
[ "$token_module" = "$forward_module" ] || export KILLP11_MODULE=$token_module
token_for a
secret_lines a/secrets >lines
env "${token_env[@]}" KILLP11_AT=change:2:before KILLP11_RET=stop \
	"$CARDKMS_BIN/cardkms" -s a/site --pin-fd 3 --officers ana,ben hsm update --plan more.ini \
	3<lines >first 2>&1 &
holder=$!
for ((n = 0; n < 200; n++)); do
	[[ $(sed 's/.*) //' "/proc/$holder/stat" 2>/dev/null) == T* ]] && break
	sleep 0.05
done
refuse_while_held() { # WORD…
	a "$@"
	check "site in use: $1 fails" test "$CODE" -eq 1
	check "site in use: $1 names the process" \
		has "$(said)" "another operation on this site is running: process $holder holds … cardkms.lock"
}
refuse_while_held hsm update --plan more.ini
ok 'site in use: reading goes on' a key list
kill -CONT "$holder"
wait "$holder"
equal 'the first one ends well' 0 $?
check 'with its keys' test "$(sqlite3 "$db" "SELECT count(*) FROM key_object WHERE state = 'active'")" = 8
ok 'the second has nothing left to do' update
sound 'site in use' a

# ---- gone, emptied, damaged, of somebody else ----
no_store() { # NAME TEXT
	local name=$1 text=$2
	shift 2
	a key list
	check "$name: key list fails" test "$CODE" -eq 1
	check "$name: says so" has "$(said)" "$text"
	update
	check "$name: hsm update fails" test "$CODE" -eq 1
}
use site
rm "$db"
no_store 'gone' 'no store'
check 'gone: nothing was made in its place' test ! -e "$db"
use site
: >"$db"
no_store 'emptied' "cardkms.db'"
use site
printf 'this is no database, but a text of more than sixteen characters' >"$db"
no_store 'another file' "cardkms.db'"
use site
size=$(stat -c %s "$db")
head -c $((size / 2)) "$db" >half && cat half >"$db"
no_store 'cut in half' "cardkms.db'"
use site
dd if=/dev/urandom of="$db" bs=4096 seek=2 count=20 conv=notrunc status=none
no_store 'overwritten in the middle' "cardkms.db'"
use site
rm "$db"
sqlite3 "$db" 'CREATE TABLE t (x); INSERT INTO t VALUES (1)'
no_store 'a database of somebody else' 'no cardkms store'
equal 'which is left alone' 1 "$(sqlite3 "$db" 'SELECT x FROM t')"
use site
sqlite3 "$db" "UPDATE key_object SET check_value = 'ABCDEF' WHERE label = 'OPMasterKeyENC1'"
refused 'a check value was changed in the store' 3 "OPMasterKeyENC1 … ABCDEF" a hsm check
refused 'so doctor says' 3 "OPMasterKeyENC1" a doctor
use site
sqlite3 "$db" "DELETE FROM key_object WHERE label = 'OPMasterKeyENC1'"
refused 'a row was removed' 3 "'OPMasterKeyENC1' that no row knows" a doctor
finish
