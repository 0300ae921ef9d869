# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Sites on throw-away tokens, and the words that tests of the program are written in.
#
#   . "$(dirname "$0")/lib.sh"
#   fixture_pair                          # once: builds two sites that know each other …
#   use pair                              # … and for each case: fresh copies of both
#   ok 'lists keys' a key list
#   refused 'a key that is not there' 1 "no key … 'X'" a key show X
#   check 'two keys' test "$(get .result 'length')" = 2
#   finish
#
# A site NAME lives in $HERE/NAME: site/ (the product's folder), tokens/ (on which token, TOKEN says:
# tokens.sh), secrets (the lines of --pin-fd) and officers (the value of --officers). `a …`, `b …` run cardkms on it, always
# with --json (TEXT=1: without). For one command: EXTRA=$'pin=wrong\n…' replaces or adds secrets,
# WITHOUT='pin officer.ben' leaves some out, OFFICERS=x,y approves ('' for nobody; if unset, the
# site's two where two are needed), NO_FD=1 gives no --pin-fd.
#
# What every run is checked for: with --json stdout is one object of the promised form; no secret
# that went in comes out; and after `refused` or `same`, the site is as it was (state_of).
set -uo pipefail
shopt -s lastpipe # `… | failed` counts in this shell

: "${CARDKMS_BIN:?run by ctest}" "${CARDKMS_SOURCE:?run by ctest}" "${TMPDIR:?run by ctest}"
for needed in jq sqlite3; do
	if ! command -v "$needed" >/dev/null; then
		echo "skipped: $needed is not installed"
		exit 77
	fi
done
. "$CARDKMS_SOURCE/tests/integration/tokens.sh"
token_needs
FIXTURES=$TMPDIR/fixtures # of this script, made once
HERE=$TMPDIR/case         # of this case
mkdir -p "$FIXTURES" "$HERE"
cd "$HERE" || exit 1
cases=0 failures=0
OUT=$TMPDIR/out ERR=$TMPDIR/err # of the last run
: >"$OUT"
: >"$ERR"
CODE=0                          # its exit status

# ---- results ----

passed() {
	cases=$((cases + 1))
	echo "ok      $*"
}

# Reads what to say about it from standard input.
failed() {
	cases=$((cases + 1))
	failures=$((failures + 1))
	echo "not ok  $*"
	cut -c1-1500 | sed 's/^/        | /'
}

last_run() {
	echo "exit $CODE"
	head -c 4000 "$OUT"
	head -c 4000 "$ERR"
}

finish() {
	# For the count of scripts/run-tests.
	[ -z "${TOKENS_RAN:-}" ] || echo "$TOKEN" >>"$TOKENS_RAN"
	echo "$((cases - failures)) passed, $failures failed"
	[ "$failures" -eq 0 ] && [ "$cases" -gt 0 ]
	exit
}

# A fixture that cannot be built makes the rest meaningless.
need() {
	"$@" && [ "$CODE" -eq 0 ] && return
	echo "cannot go on: $*" | failed "fixture"
	last_run
	finish
}

# ---- sites ----

# site_new NAME ORG ROLE OFFICER1 OFFICER2: the folder, the site, its two officers. No token yet.
# SITE_STORE: the URI of the database that holds the registry.
site_new() {
	local name=$1 org=$2 role=$3 one=$4 two=$5
	token_conf "$HERE/$name"
	token_site "$name"
	{
		token_pins
		printf 'officer.%s=correct horse\nofficer.%s=battery staple\n' "$one" "$two"
	} >"$HERE/$name/secrets"
	echo "$one,$two" >"$HERE/$name/officers"
	run_in "$name" cardkms --json site init "$HERE/$name/site" --name "$org" --role "$role" \
		"${site_options[@]}" ${SITE_STORE:+--store "$SITE_STORE"}
	[ "$CODE" -eq 0 ] || return
	OFFICERS='' on "$name" officer add "$one"
	[ "$CODE" -eq 0 ] || return
	OFFICERS='' on "$name" officer add "$two"
}

# quick_passphrases SITE: the same two passphrases, hashed at the least cost that Argon2id has. Proving
# both takes a quarter of a second otherwise; tests/integration/officers.sh proves the real ones.
quick_passphrases() {
	local one two
	[ -z "${SITE_STORE:-}" ] || return 0 # no file
	# shellcheck disable=SC2016 # dollar signs of the hashes
	local horse='$argon2id$v=19$m=8,t=1,p=1$UdtesQuYvujKjw/7Sg1rUA$OAWMz57bMGB2tVw6wiLxuKxPyAgSsd/HrZMAeKvGf04'
	# shellcheck disable=SC2016
	local staple='$argon2id$v=19$m=8,t=1,p=1$pxepbe8Gf1xr1fcUjMC4gQ$7b5miCsyOU6aDfG3mqBdjD/pBcBuwrgwzTcVnu9zxRE'
	IFS=, read -r one two <"$HERE/$1/officers"
	sqlite3 "$HERE/$1/site/cardkms.db" \
		"UPDATE officer SET passphrase_hash = '$horse' WHERE name = '$one'" \
		"UPDATE officer SET passphrase_hash = '$staple' WHERE name = '$two'"
}

# use NAME: the case's folder becomes a copy of the fixture NAME.
use() {
	local site
	cd / || exit 1
	rm -rf "$HERE"
	cp -a "$FIXTURES/$1" "$HERE"
	for site in "$HERE"/*/secrets; do
		token_conf "${site%/*}"
	done
	cd "$HERE" || exit 1
}

# keep NAME: what the case's folder holds now is the fixture NAME.
keep() {
	rm -rf "${FIXTURES:?}/$1"
	cp -a "$HERE" "$FIXTURES/$1"
}

empty_case() {
	cd / || exit 1
	rm -rf "$HERE"
	mkdir "$HERE"
	cd "$HERE" || exit 1
}

plan_maker() {
	cat <<-'END'
		[plan]
		name = principal-2026
		[keyset "OPMasterKey1"]
		customer = Example Bank
		algorithm = aes256
		diversification = kdf3
		key-version = 0x20
		export = partner
		cryptoperiod = 36 months
	END
}

pairs_three() {
	cat <<-'END'
		[component 1]
		custodians = A. Ortiz, B. Lindqvist
		[component 2]
		custodians = C. Haddad, D. Novak
		[component 3]
		custodians = E. Sato, F. Okafor
	END
}

# pairs_of N: a pairs file for N components on standard output.
pairs_of() {
	local i
	for ((i = 1; i <= $1; i++)); do
		printf '[component %d]\ncustodians = Left %d, Right %d\n' "$i" "$i" "$i"
	done
}

# fixture_officers: "officers": site a with two officers and no token.
fixture_officers() {
	empty_case
	need site_new a 'Card Maker' manufacturer ana ben
	keep officers
}

# fixture_site: "site": site a set up, with the three keys of OPMasterKey1.
fixture_site() {
	fixture_officers
	plan_maker >plan.ini
	need a hsm setup --plan plan.ini
	quick_passphrases a
	pairs_three >pairs.ini
	keep site
}

# fixture_pair: "pair": a as above and b, an issuer without keys, each enrolled at the other;
# pairs.ini, a.id, b.id.
fixture_pair() {
	fixture_site
	need site_new b 'Example Bank' issuer cleo dan
	need b hsm setup
	quick_passphrases b
	need a site identity export -o a.id
	need b partner add a.id --fingerprint "$(get .result.fingerprint)"
	need b site identity export -o b.id
	need a partner add b.id --fingerprint "$(get .result.fingerprint)"
	keep pair
}

# fixture_exchange: "exchange": the pair, and the transport key TK1 (aes256, 3 components) at both;
# sheets/ and components (lines for --pin-fd).
fixture_exchange() {
	fixture_pair
	mkdir sheets
	need a transport-key create TK1 --algorithm aes256 --components 3 \
		--partner 'Example Bank' --pairs pairs.ini --sheets sheets
	typed_from TK1 3 >components
	EXTRA=$(cat components) need b transport-key import TK1 --algorithm aes256 --components 3 \
		--partner 'Card Maker' --pairs pairs.ini --check-value "$(get .result.check_value)"
	keep exchange
}

# ---- component sheets ----

sheet_lines() { # FILE: the component as on the sheet, with line check digits, on one line
	sed -n 's/^[0-9]: *//p' "$1" | tr -s ' \n' ' '
}

sheet_plain() { # FILE: the component without line check digits or blanks
	sed -n 's/^[0-9]: *//p' "$1" | sed 's/ *[0-9A-F][0-9A-F] *$//' | tr -d ' \n'
}

sheet_check() {
	sed -n 's/^check value *\([0-9A-F]*\).*/\1/p' "$1"
}

sheet_ceremony() {
	sed -n 's/^ceremony *\([0-9A-Z-]*\).*/\1/p' "$1"
}

# typed_from LABEL N [FOLDER]: what N custodians type, as lines for --pin-fd.
typed_from() {
	local i dir=${3:-sheets}
	for ((i = 1; i <= $2; i++)); do
		printf 'component.%d=%s\n' "$i" "$(sheet_lines "$dir/$1-$i.txt")"
		printf 'check-value.%d=%s\n' "$i" "$(sheet_check "$dir/$1-$i.txt")"
	done
}

# ---- running ----

# The lines of --pin-fd for this run: the site's, without those that EXTRA or WITHOUT names.
secret_lines() {
	local line skip=" ${WITHOUT:-} "
	while IFS= read -r line; do
		skip+="${line%%=*} "
	done <<<"${EXTRA:-}"
	while IFS= read -r line; do
		[[ $skip == *" ${line%%=*} "* ]] || printf '%s\n' "$line"
	done <"$1"
	[ -z "${EXTRA:-}" ] || printf '%s\n' "$EXTRA"
}

# in_site SITE COMMAND…: with that site's tokens. The command may be a function (of a sweep).
in_site() (
	token_for "$1"
	[ ${#token_env[@]} -eq 0 ] || export "${token_env[@]}"
	"${@:2}"
)

# run_in SITE COMMAND…: in_site; sets OUT, ERR, CODE. Its exit status is CODE.
run_in() {
	local site=$1
	shift
	CODE=0
	in_site "$site" "$@" >"$OUT" 2>"$ERR" 3<"$TMPDIR/lines" || CODE=$?
	return "$CODE"
}
: >"$TMPDIR/lines"

# Whether a command is one for two officers: proving a passphrase takes a quarter of a second.
for_two() {
	case " $* " in
	*' destroy '* | *' officer '* | *' export --'* | *' key export '* | *' import '* | *' rotate '* | *' --override '* | \
		*' export-listing '* | *' import-listing '* | *' reissue '* | *' --erase '* | \
		*' site-key restore '* | *' zone-key restore '* | *' backup restore '* | \
		*' --rebuild '* | *' replicate '* | *' --witness '* | *' hsm remove '*)
		return 0
		;;
	*) return 1 ;;
	esac
}

# on SITE WORD…: cardkms on that site.
on() {
	local site=$1 officers=() fd=() json=(--json)
	shift
	secret_lines "$HERE/$site/secrets" >"$TMPDIR/lines"
	local approve=${OFFICERS-}
	if [ -z "${OFFICERS+set}" ] && for_two "$@"; then
		approve=$(<"$HERE/$site/officers")
	fi
	[ -z "$approve" ] || officers=(--officers "$approve")
	[ "${NO_FD:-}" ] || fd=(--pin-fd 3)
	[ -z "${TEXT:-}" ] || json=()
	run_in "$site" cardkms -s "$HERE/$site/site" "${fd[@]}" "${json[@]}" "${officers[@]}" "$@"
	no_secret_shown || printf '\nSECRET SHOWN\n' >>"$ERR"
	return "$CODE"
}

a() { on a "$@"; }
b() { on b "$@"; }

# Without a site: cardkms as it is called.
plain() {
	: >"$TMPDIR/lines"
	CODE=0
	cardkms "$@" >"$OUT" 2>"$ERR" || CODE=$?
	return "$CODE"
}

# forged SITE KIND IN FILTER: $TMPDIR/forged, edited and signed by that site: what a dishonest one can send.
forged() {
	jq -S "$4" "$3" >"$TMPDIR/edited"
	in_site "$1" exchange_forge sign "$HERE/$1/site" "$2" "$TMPDIR/edited" \
		"$TMPDIR/forged" && ! cmp -s "$3" "$TMPDIR/forged"
}

# get FILTER…: of the last run's JSON, raw.
get() {
	jq -r "$@" <"$OUT"
}

# Nothing of what went in by --pin-fd may come out; of a component, no line of eight bytes.
no_secret_shown() {
	local name value shown squeezed
	shown=$(cat "$OUT" "$ERR")
	squeezed=${shown//[ :]/}
	squeezed=${squeezed^^}
	while IFS='=' read -r name value; do
		case $name in
		check-value.* | ceremony.* | token-label) continue ;;
		component.*)
			value=${value// /}
			value=${value^^}
			[ "${#value}" -ge 16 ] || continue
			[[ $squeezed != *"${value:0:16}"* ]] || return 1
			;;
		*)
			[ "${#value}" -ge 4 ] || continue
			[[ $shown != *"$value"* ]] || return 1
			;;
		esac
	done <"$TMPDIR/lines"
	return 0
}

# Standard output of a --json run: one line, one object, with the promised members.
json_sound() {
	[ "$(wc -l <"$OUT")" -eq 1 ] && jq -e --argjson code "$CODE" '
		.cardkms == 1 and (.command | type) == "string" and has("result")
		and .ok == ($code == 0) and has("error")
		and if .ok then .error == null else
			(.error.code | type) == "string" and (.error.message | length) > 0
			and (.error | has("native") and has("hint"))
			and ([.error.native, .error.hint | type] - ["string", "null"]) == []
		end' <"$OUT" >/dev/null
}

# What was said: stderr, and the error of JSON.
said() {
	cat "$ERR"
	[ ! -s "$OUT" ] || jq -r '.error | select(.) | .native // "", .message, .hint // ""' "$OUT" \
		2>/dev/null
}

# has TEXT PATTERN: its parts (between " … ") occur in that order.
has() {
	local text=$1 rest=$2 part
	while [ "$rest" ]; do
		part=${rest%%' … '*}
		[[ $text == *"$part"* ]] || return 1
		text=${text#*"$part"}
		[[ $rest == *' … '* ]] || break
		rest=${rest#*' … '}
	done
	return 0
}

# What is wrong with the last run whatever it was; empty if nothing.
wrong_with_run() {
	local text=${TEXT:-}
	if grep -q 'SECRET SHOWN' "$ERR"; then
		echo 'a secret was shown'
	fi
	if grep -q 'AddressSanitizer\|runtime error:\|LeakSanitizer' "$ERR"; then
		echo 'a sanitizer reported'
	fi
	[ "$text" ] || [ -z "${runs[${1:-none}]:-}" ] || json_sound || echo 'stdout is no sound JSON object'
}

# ---- states ----

# state_of SITE: all that a refused command must leave as it was. Not in it: what is meant to grow
# (audit log, journal, counters of failures, minutes of failed ceremonies, rows of what was undone).
state_of() {
	local db=$HERE/$1/site/cardkms.db
	if [ -e "$db" ]; then
		sqlite3 -readonly "$db" 2>&1 <<-'END'
			.mode list
			SELECT 'meta', * FROM site_meta ORDER BY 2;
			SELECT 'officer', name, role, passphrase_hash, state FROM officer ORDER BY 2;
			SELECT 'partner', * FROM partner ORDER BY 2, 3;
			SELECT 'unfinished', id, kind FROM operation WHERE state = 'intent' ORDER BY 2;
			SELECT 'done', id, kind FROM operation WHERE state = 'done' ORDER BY 2;
			SELECT 'ceremony', * FROM ceremony WHERE state NOT IN ('failed', 'interrupted') ORDER BY 2;
			SELECT 'custodian', custodian.* FROM custodian JOIN ceremony ON ceremony.id = ceremony_id
				WHERE state NOT IN ('failed', 'interrupted') ORDER BY 2, 3, 4;
			SELECT 'custody', * FROM custody ORDER BY 2, 3, 4;
			SELECT 'leaver', * FROM leaver ORDER BY 2;
			SELECT 'quorum', * FROM quorum ORDER BY 2;
			SELECT 'member', * FROM quorum_member ORDER BY 2, 3;
			SELECT 'officer key', * FROM officer_key ORDER BY 2;
			SELECT 'keyset', * FROM keyset WHERE state != 'void' ORDER BY 2;
			SELECT 'key', * FROM key_object WHERE state != 'void' ORDER BY 2;
			SELECT 'exchange', * FROM exchange_doc ORDER BY 2;
			SELECT 'card', * FROM card ORDER BY 2;
			SELECT 'domain', * FROM card_domain ORDER BY 2, 3;
			SELECT 'change', * FROM card_change ORDER BY 2;
			SELECT 'shipment', * FROM shipment ORDER BY 2;
			SELECT 'shipped', * FROM shipment_card ORDER BY 2, 3;
		END
	fi
	token_of "$1"
}

# Configuration and objects.
token_of() {
	[ ! -e "$HERE/$1/site/site.ini" ] || sha256sum <"$HERE/$1/site/site.ini"
	token_state "$1"
}

# log_of SITE: the audit log's entries.
log_of() {
	[ ! -e "$HERE/$1/site/cardkms.db" ] ||
		sqlite3 -readonly "$HERE/$1/site/cardkms.db" 'SELECT * FROM audit_entry ORDER BY seq' 2>&1
}

# all_of SITE: everything, for dry runs.
all_of() {
	[ ! -e "$HERE/$1/site/cardkms.db" ] || sqlite3 -readonly "$HERE/$1/site/cardkms.db" .dump 2>&1
	token_of "$1"
}

# files_here: the case's other files, which a refused command must not have touched or added.
files_here() {
	(cd "$HERE" && find . -path './*/site' -prune -o -path './*/tokens' -prune -o -type f -print0 |
		sort -z | xargs -0 sha256sum)
}

snap() { # SITE
	state_of "$1" >"$TMPDIR/state.before"
	log_of "$1" >"$TMPDIR/log.before"
	files_here >"$TMPDIR/files.before"
}

# What changed since snap, on standard output; the log may only have grown.
changed_since() { # SITE
	state_of "$1" >"$TMPDIR/state.after"
	log_of "$1" >"$TMPDIR/log.after"
	files_here >"$TMPDIR/files.after"
	diff "$TMPDIR/state.before" "$TMPDIR/state.after"
	diff "$TMPDIR/files.before" "$TMPDIR/files.after"
	head -n "$(wc -l <"$TMPDIR/log.before")" "$TMPDIR/log.after" | cmp "$TMPDIR/log.before" - 2>&1
	grep '^unfinished' "$TMPDIR/state.after"
	return 0
}

# snap SITE; …; same_state NAME SITE
same_state() {
	local what
	what=$(changed_since "$2")
	if [ "$what" ]; then
		failed "$1" <<<"$what"
	else
		passed "$1"
	fi
}

# ---- cases ----

# Which site a command runs on; a script that wraps `a …` in a function of its own adds it.
declare -A runs=([a]=a [b]=b)

# check NAME TEST…: any command that succeeds if all is well.
check() {
	local name=$1
	shift
	if "$@" >"$TMPDIR/check" 2>&1; then
		passed "$name"
	else
		{
			printf '%q ' "$@"
			echo
			head -c 4000 "$TMPDIR/check"
			last_run
		} | failed "$name"
	fi
}

# equal NAME WANT GOT
equal() {
	if [ "$2" = "$3" ]; then
		passed "$1"
	else
		{
			printf 'wanted: %s\ngot:    %s\n' "$2" "$3"
			last_run
		} | failed "$1"
	fi
}

# ok NAME COMMAND…: exits with 0.
ok() {
	local name=$1 wrong
	shift
	shadow "$@"
	"$@"
	wrong=$(wrong_with_run "$1")
	if [ "$CODE" -eq 0 ] && [ -z "$wrong" ]; then
		passed "$name"
	else
		{
			printf '%q ' "$@"
			printf '\n%s\n' "$wrong"
			last_run
		} | failed "$name"
	fi
}

# refused NAME CODE "part of … the message … or hint" COMMAND…: and the site is as it was.
refused() {
	local name=$1 code=$2 text=$3 wrong='' shown site
	shift 3
	site=${runs[$1]:-}
	shadow "$@"
	[ -z "$site" ] || snap "$site"
	"$@"
	shown=$(said)
	[ "$CODE" -eq "$code" ] || wrong+="exit status is not $code"$'\n'
	has "$shown" "$text" || wrong+="was not said: $text"$'\n'
	wrong+=$(wrong_with_run "$1")
	[ -z "$site" ] || wrong+=$(changed_since "$site")
	if [ -z "$wrong" ]; then
		passed "$name"
	else
		{
			printf '%q ' "$@"
			printf '\n%s\n' "$wrong"
			last_run
		} | failed "$name"
	fi
}

# dry NAME SITE WORD…: the command with --dry-run succeeds and leaves every byte as it was.
dry() {
	local name=$1 site=$2 wrong
	shift 2
	all_of "$site" >"$TMPDIR/all.before"
	files_here >"$TMPDIR/files.before"
	on "$site" --dry-run "$@"
	wrong=$(wrong_with_run "$site")
	all_of "$site" >"$TMPDIR/all.after"
	files_here >"$TMPDIR/files.after"
	wrong+=$(diff "$TMPDIR/all.before" "$TMPDIR/all.after"
		diff "$TMPDIR/files.before" "$TMPDIR/files.after")
	if [ "$CODE" -eq 0 ] && [ -z "$wrong" ]; then
		passed "$name"
	else
		{
			printf '%s --dry-run ' "$site"
			printf '%q ' "$@"
			printf '\n%s\n' "$wrong"
			last_run
		} | failed "$name"
	fi
}

# The log verifies, and the store and the token agree.
sound() { # NAME SITE
	local name=$1 site=$2
	on "$site" audit verify
	if [ "$CODE" -ne 0 ]; then
		last_run | failed "$name: audit verify"
		return
	fi
	on "$site" hsm check
	if [ "$CODE" -ne 0 ]; then
		last_run | failed "$name: hsm check"
	else
		passed "$name"
	fi
}

# ---- components, seen from outside ----

# xor_hex A B: of equal length.
xor_hex() {
	local i out='' piece
	for ((i = 0; i < ${#1}; i += 8)); do
		printf -v piece '%08X' $((16#${1:i:8} ^ 16#${2:i:8}))
		out+=$piece
	done
	echo "$out"
}

# combined LABEL N [FOLDER]: the key that N sheets make (TDEA parity left as it comes out).
combined() {
	local i key
	key=$(sheet_plain "${3:-sheets}/$1-1.txt")
	for ((i = 2; i <= $2; i++)); do
		key=$(xor_hex "$key" "$(sheet_plain "${3:-sheets}/$1-$i.txt")")
	done
	echo "$key"
}

# check_value_of ALGORITHM KEY: by OpenSSL's command, which knows nothing of ours.
check_value_of() {
	local block='\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1' cipher=aes-${1#aes}-ecb
	case $1 in
	tdea2) cipher=des-ede-ecb ;;
	tdea3) cipher=des-ede3-ecb ;;
	esac
	[[ $1 != tdea? ]] || block='\0\0\0\0\0\0\0\0'
	# shellcheck disable=SC2059 # the block is the format
	printf "$block" | openssl enc -"$cipher" -K "$2" -nopad | od -An -v -tx1 -N3 |
		tr -d ' \n' | tr a-f A-F
}

# leaked HEX FILE…: the names of files that hold the first eight bytes of it: as bytes, as digits of
# either case, or as digits in groups.
leaked() {
	local part=${1:0:16} file
	shift
	# All at once first: hardly ever is there one to be named.
	holds "$part" "$@" || return 0
	for file; do
		[ ! -f "$file" ] || ! holds "$part" "$file" || echo "$file"
	done
}

holds() { # DIGITS FILE…
	cat "${@:2}" 2>/dev/null | tr -d ' :\n' | grep -c -a -i "$1" >/dev/null && return
	cat "${@:2}" 2>/dev/null | od -An -v -tx1 | tr -d ' \n' | grep -c -i "$1" >/dev/null
}

# A sweep goes over the cases of a test: tests/crash/commands.sh.
shadow() { :; }
[ -z "${SHADOW:-}" ] || . "$CARDKMS_SOURCE/tests/crash/shadow_lib.sh"
