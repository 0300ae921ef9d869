#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The container of every test, contained: each promise of contain.c is broken once.
set -euo pipefail

contain=$CARDKMS_BIN/contain
failed=0

# expect NAME STATUS TEXT COMMAND…: contain must exit with STATUS and say TEXT on stderr.
expect() {
	local name=$1 want=$2 text=$3 got=0
	shift 3
	"$contain" -t 2 "$@" </dev/null >out 2>err || got=$?
	if [ "$got" -ne "$want" ] || { [ "$text" ] && ! grep -q "$text" err; }; then
		echo "FAILED $name: exit $got, wanted $want and '$text'; stderr was:"
		cat err
		failed=1
	fi
}

cd "$TMPDIR"
expect passes 0 '' true
expect 'passes a status on' 5 '' sh -c 'exit 5'
expect 'passes a skip on' 77 '' sh -c 'exit 77'
expect 'tells a signal' 134 'signal 6' sh -c 'kill -ABRT $$'
expect 'tells a missing program' 84 'no-such-program' no-such-program
expect 'stops an endless test' 82 'still running after 2 s' sleep 1000
expect 'finds a daemon' 80 'running: sleep 1001' sh -c 'setsid sleep 1001 & exit 0'
expect 'waits for those that are leaving' 0 '' sh -c 'setsid sleep 0.3 & exit 0'
expect 'has no terminal' 0 '' sh -c '! (: </dev/tty)'
# shellcheck disable=SC2016 # the inner shell expands it
expect 'finds a report of a process whose status was ignored' 81 'HEAP-USE' \
	sh -c 'echo HEAP-USE >"${ASAN_OPTIONS##*log_path=}.1"; exit 0'
# shellcheck disable=SC2016
expect 'removes what a test wrote' 0 '' sh -c 'mkdir "$TMPDIR/d" && : >"$TMPDIR/d/f" &&
	chmod 500 "$TMPDIR/d" && echo "$TMPDIR" >'"$PWD/where"
if [ -e "$(cat where)" ]; then
	echo "FAILED removes what a test wrote: $(cat where) is still there"
	failed=1
fi
if grep -l -a 'sleep.100[01]' /proc/[0-9]*/cmdline 2>/dev/null; then
	echo "FAILED kills what was left: the processes above still run"
	failed=1
fi
exit $failed
