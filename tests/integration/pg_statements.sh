#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs build/pg_statements against a PostgreSQL of its own.
set -euo pipefail
. "$(dirname "$0")/pg_lib.sh"

program=${CARDKMS_BIN:-build}/pg_statements
if [ ! -x "$program" ]; then
	echo "$program is missing: tests/CMakeLists.txt must include integration/pg.cmake" >&2
	exit 1
fi
trap pg_end EXIT
trap 'exit 130' INT TERM
pg_start
pg_sql postgres "CREATE DATABASE sorts_otherwise TEMPLATE template0 LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'"
PG_SOCKET=$PG "$program" || {
	tail -n 20 "$PG/server.log" >&2
	exit 1
}
