#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2317 # functions called by name
# Every byte of a request, a package and a receipt changed: every one refused.
. "$(dirname "$0")/lib.sh"

flip() { # SITE KIND FILE [TRANSPORT-KEY]
	in_site "$1" exchange_forge flip "$HERE/$1/site" "${@:2}" >"$TMPDIR/flip" ||
		return
	cat "$TMPDIR/flip"
	grep -q "^flip $2 bytes [1-9][0-9]* trials [1-9][0-9]* accepted 0 control ok\$" "$TMPDIR/flip"
}

fixture_exchange
need b exchange request --from 'Card Maker' --keyset OPMasterKey1 -o req
check 'every byte of a request' flip a request req TK1
cat "$TMPDIR/flip"
use exchange
need b exchange request --from 'Card Maker' --keyset OPMasterKey1 -o req
need a exchange export --request req --transport-key TK1 -o pkg --carrier 'Zoe Quinn'
keep sent
check 'every byte of a package' flip b package pkg TK1
cat "$TMPDIR/flip"
use sent
need b exchange import pkg --transport-key TK1 --receipt rcpt
check 'every byte of a receipt' flip a receipt rcpt
cat "$TMPDIR/flip"
finish
