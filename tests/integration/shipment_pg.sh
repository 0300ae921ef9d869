#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2119,SC2154,SC2317
# The way of a shipment where both registries are PostgreSQL databases.
. "$(dirname "$0")/shipment_lib.sh"
. "$(dirname "$0")/pg_lib.sh"
trap 'sim_stop; pg_end' EXIT
trap 'exit 130' INT TERM
pg_start || exit 1

fixture_shipment
for site in a b; do
	pg_sql postgres "CREATE DATABASE $site"
	need on "$site" store migrate "postgresql:///$site?host=$PG&user=postgres"
	rm "$HERE/$site/site/cardkms.db"* # nothing may be read there any more
done
query() { pg_sql a "$1"; }
bank() { pg_sql b "$1"; }

ship
receive_both
cards_arrive
take_over 2
reconciled 'one is missing' 3 '3 1 0 0'
pg_sql b "UPDATE card_change SET old_version = 49 WHERE card_id = '$first'"
reconciled 'other keys than announced' 3 '3 1 1 0'
pg_sql b "UPDATE card_change SET old_version = 48 WHERE card_id = '$first'"
ok 'the third' b card replace --reader "$R" --keyset BankMaster2 --count 3
reconciled 'all is well' 0 '3 0 0 0'
pg_sql b "DELETE FROM shipment_card WHERE card_id = '$first'"
reconciled 'one that was not announced' 3 '2 0 0 1'
sound 'sound at the end' b
finish
