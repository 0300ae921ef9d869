#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs build/pg_statements and build/pg_cards against a PostgreSQL of their own.
set -euo pipefail
. "$(dirname "$0")/pg_lib.sh"

programs=("${CARDKMS_BIN:-build}"/{pg_statements,pg_cards})
for program in "${programs[@]}"; do
	if [ ! -x "$program" ]; then
		echo "$program is missing: tests/CMakeLists.txt must include integration/pg.cmake" >&2
		exit 1
	fi
done
trap pg_end EXIT
trap 'exit 130' INT TERM
pg_start
pg_sql postgres "CREATE DATABASE sorts_otherwise TEMPLATE template0 LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'"
for program in "${programs[@]}"; do
	PG_SOCKET=$PG "$program" || {
		tail -n 20 "$PG/server.log" >&2
		exit 1
	}
done
