# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# A PostgreSQL of the test's own: data in a temporary folder, Unix socket only. pg_start sets PG to
# the folder of the socket; pg_end, which the test's EXIT trap calls, ends it whatever happens. pg_initdb: more words for
# initdb. pg_space: a process whose mounts the server sees, or "".

PG_BIN=
for folder in /usr/lib/postgresql/*/bin; do
	[ -x "$folder/initdb" ] && PG_BIN=$folder # the newest one comes last
done
if [ -z "$PG_BIN" ]; then
	echo "PostgreSQL is not installed" >&2
	[ -n "${CI:-}" ] && exit 1
	exit 77
fi
PG='' pg_space='' pg_initdb=()

as_postgres() {
	if [ "$pg_space" ]; then
		nsenter -t "$pg_space" -m --wd="$PG" runuser -u postgres -- "$@"
	elif [ "$(id -u)" -eq 0 ]; then
		(cd "$PG" && runuser -u postgres -- "$@")
	else
		"$@"
	fi
}

pg_start() {
	PG=$(mktemp -d /var/tmp/cardkms-pg-XXXXXX)
	if [ "$(id -u)" -eq 0 ]; then
		chown postgres: "$PG"
	fi
	as_postgres "$PG_BIN/initdb" -D "$PG/data" -U postgres -A trust -E UTF8 --locale=C --no-sync \
		"${pg_initdb[@]}" \
		>"$PG/initdb.log" 2>&1 || {
		cat "$PG/initdb.log" >&2
		return 1
	}
	pg_up
}

pg_up() {
	as_postgres "$PG_BIN/pg_ctl" -D "$PG/data" -l "$PG/server.log" -w -t 60 \
		-o "-c listen_addresses='' -c unix_socket_directories='$PG' -c fsync=off" start \
		>/dev/null || {
		cat "$PG/server.log" >&2
		return 1
	}
}

pg_down() {
	as_postgres "$PG_BIN/pg_ctl" -D "$PG/data" -m immediate -w stop >/dev/null
}

pg_sql() { # DATABASE SQL
	as_postgres "$PG_BIN/psql" -h "$PG" -U postgres -X -q -t -A -v ON_ERROR_STOP=1 -d "$1" -c "$2"
}

# pg_registry [WORD…]: sites made from now on have their registry in a new database `reg`, made with these words;
# `query` asks it.
pg_registry() {
	pg_sql postgres "CREATE DATABASE reg $*"
	# shellcheck disable=SC2034 # of lib.sh
	SITE_STORE="postgresql:///reg?host=$PG&user=postgres"
	query() { pg_sql reg "$1"; }
}

pg_end() {
	[ -n "$PG" ] || return 0
	if [ -e "$PG/data/postmaster.pid" ]; then
		pg_down || true
	fi
	rm -rf "$PG"
}
