#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs build/pg_statements against a PostgreSQL of its own: data in a temporary folder, Unix socket
# only, stopped at the end whatever happens.
set -euo pipefail

bin=
for folder in /usr/lib/postgresql/*/bin; do
	[ -x "$folder/initdb" ] && bin=$folder # the newest one comes last
done
if [ -z "$bin" ]; then
	echo "PostgreSQL is not installed" >&2
	[ -n "${CI:-}" ] && exit 1
	exit 77
fi

program=${CARDKMS_BIN:-build}/pg_statements
if [ ! -x "$program" ]; then
	echo "$program is missing: tests/CMakeLists.txt must include integration/pg.cmake" >&2
	exit 1
fi

work=$(mktemp -d /var/tmp/cardkms-pg-XXXXXX)
as_postgres() {
	if [ "$(id -u)" -eq 0 ]; then
		(cd "$work" && runuser -u postgres -- "$@")
	else
		"$@"
	fi
}
finish() {
	if [ -e "$work/data/postmaster.pid" ]; then
		as_postgres "$bin/pg_ctl" -D "$work/data" -m immediate -w stop >/dev/null || true
	fi
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

if [ "$(id -u)" -eq 0 ]; then
	chown postgres: "$work"
fi
as_postgres "$bin/initdb" -D "$work/data" -U postgres -A trust -E UTF8 --locale=C --no-sync \
	>"$work/initdb.log" 2>&1 || {
	cat "$work/initdb.log" >&2
	exit 1
}
as_postgres "$bin/pg_ctl" -D "$work/data" -l "$work/server.log" -w -t 60 \
	-o "-c listen_addresses='' -c unix_socket_directories='$work' -c fsync=off" start \
	>/dev/null || {
	cat "$work/server.log" >&2
	exit 1
}
PG_CONNINFO="host=$work user=postgres dbname=postgres" "$program" || {
	tail -n 20 "$work/server.log" >&2
	exit 1
}
