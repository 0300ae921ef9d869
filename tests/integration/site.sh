#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# site init, site.ini, the store's file; and that a dry run of every command changes nothing.
. "$(dirname "$0")/lib.sh"

uri="pkcs11:token=x?module-path=$softhsm_module"

# ---- site init ----

init() { # DIR NAME ROLE URI: `site init`, as JSON
	# shellcheck disable=SC2317 # called through refused and ok
	plain --json site init "$1" --name "$2" --role "$3" --hsm "$4"
}

no_site() { # NAME COMMAND…: refused, and DIR holds nothing afterwards
	local name=$1 code=$2 text=$3
	shift 3
	refused "$name" "$code" "$text" "$@"
	check "$name: nothing made" test ! -e new
}

empty_case
no_site 'init: a role that there is not' 1 "'manufacturer' or 'issuer' … 'bank'" \
	init new Org bank "$uri"
no_site 'init: a role in capitals' 1 "'manufacturer' or 'issuer' … 'Issuer'" \
	init new Org Issuer "$uri"
no_site 'init: no name' 1 'name' init new '' issuer "$uri"
long=$(printf 'name%02d=value ' {1..30})last
no_site 'init: a word that no line holds' 1 'init-args: a word is longer than' plain --json site init new --name Org \
	--role issuer --hsm "$uri" --init-args "$(printf 'x%.0s' {1..300})"
plain --json site init new --name Org --role issuer --hsm "$uri" --init-args "$long"
equal 'init: arguments that take several lines' 0 "$CODE"
check 'init: their lines are folded' test "$(grep -c '^  name' new/site.ini)" -ge 2
equal 'init: and are one again' "$long" "$(sed -n '/^init-args = /,/^$/p' new/site.ini |
	sed 's/^init-args = //; s/^  //; /^$/d' | paste -s -d ' ')"
ok 'init: and the site is read' plain --json -s new site status
rm -rf new
no_site 'init: a name with a comma' 1 "name" init new 'One, Two' issuer "$uri"
no_site 'init: a name with a newline' 1 "name" init new $'One\nTwo' issuer "$uri"
no_site 'init: a name that the INI reader would cut' 1 'site.ini cannot hold' \
	init new 'One ; Two' issuer "$uri"
no_site 'init: a name of 101 bytes' 1 "name" \
	init new "$(printf '%101s' '' | tr ' ' x)" issuer "$uri"
no_site 'init: a name that is no UTF-8' 1 "UTF-8" init new $'caf\xe9' issuer "$uri"
no_site 'init: no URI at all' 1 "does not start with pkcs11: … RFC 7512" \
	init new Org issuer "$softhsm_module"
no_site 'init: a URI without module' 1 'names no module … module-path' \
	init new Org issuer 'pkcs11:token=x'
no_site 'init: a relative module' 1 'not absolute' \
	init new Org issuer 'pkcs11:token=x?module-path=lib.so'
no_site 'init: a URI that names a key' 1 'names an object' \
	init new Org issuer "pkcs11:token=x;object=k?module-path=$softhsm_module"
no_site 'init: a URI with a PIN' 1 'holds no secret … --pin-fd' \
	init new Org issuer "$uri&pin-value=87654321"
check 'init: the PIN is not repeated' bash -c '! cat "$@" | grep -q 87654321' - "$OUT" "$ERR"
no_site 'init: a URI with a PIN source' 1 'holds no secret … --pin-fd' \
	init new Org issuer "$uri&pin-source=file:/etc/passwd"
no_site 'init: a URI with a bad escape' 1 'bad percent encoding' \
	init new Org issuer "pkcs11:token=%zz?module-path=$softhsm_module"
no_site 'init: into a folder whose parent is not there' 1 "cannot make the folder 'no/new'" \
	init no/new Org issuer "$uri"
: >file
refused 'init: into a file' 1 "file" init file Org issuer "$uri"
check 'init: the file is still empty' test ! -s file

ok 'init' init new 'Org & Söhne' issuer "$uri"
equal 'init: reports what it made' 'Org & Söhne issuer' "$(get '.result | .name + " " + .role')"
check 'init: folder only for its owner' test "$(stat -c %a new)" = 700
check 'init: files only for their owner' test \
	"$(stat -c %a new/site.ini new/cardkms.db | sort -u)" = 600
refused 'init: a site is there already' 1 "'new' holds a site already … nothing was changed" \
	init new Other issuer "$uri"
rm new/site.ini
ok 'init: what was only begun is begun again' init new Other issuer "$uri"
ok 'init: dry run' plain --json --dry-run site init dry --name Org --role issuer --hsm "$uri"
check 'init: the dry run made nothing' test ! -e dry
mkdir there
ok 'init: into an empty folder' init there Org issuer "$uri"
check 'init: of which others keep what they had' test "$(stat -c %a there)" = 755

# ---- site.ini ----

fixture_officers
use officers
mv a/site/site.ini .
before=$(state_of a)
refused 'init: the registry of a site without its site.ini' 1 \
	"'a/site' holds the registry of a site without its site.ini … nothing was changed" \
	init a/site Other issuer "$uri"
equal 'init: that registry is as it was' "$before" "$(state_of a)"
# ini LINE…: site.ini of site a, with these lines in place of [policy].
ini() {
	use officers
	sed -i '/^\[policy\]/,$d' a/site/site.ini
	printf '%s\n' "$@" >>a/site/site.ini
}

ini '[policy]' 'tdea2 = sometimes'
refused 'site.ini: a policy word' 1 "line … tdea2 must be 'allow' or 'ask' or 'forbid'" a site status
ini '[policy]' 'host-assisted = yes'
refused 'site.ini: host-assisted' 1 "host-assisted must be 'forbid' or 'allow'" a site status
ini '[policy]' 'two-officers = import, everything'
refused 'site.ini: two-officers' 1 "two-officers knows … not 'everything'" a site status
ini '[policy]' 'two-oficers = import'
refused 'site.ini: a setting misspelt' 1 "unknown setting 'two-oficers' in [policy] … known are" \
	a site status
ini '[polices]' 'tdea2 = ask'
refused 'site.ini: a section misspelt' 1 "unknown setting 'tdea2' in [polices]" a site status
ini '[policy]' 'tdea2 = ask' 'tdea2 = allow'
refused 'site.ini: a setting twice' 1 "tdea2" a site status
ini '[policy]' 'nonsense'
refused 'site.ini: a line that is none' 1 "site.ini, line" a site status
ini '[hsm]' 'uri = pkcs11:token=a?pin-value=87654321'
refused 'site.ini: [hsm] twice' 1 "[hsm]" a site status
use officers
sed -i 's/^uri = .*/&\&pin-value=4711/' a/site/site.ini
refused 'site.ini: a PIN in the URI' 1 'site.ini … holds no secret' a site status
sed -i '/^name =/d' a/site/site.ini
refused 'site.ini: no name' 1 '[site] name is missing' a site status
use officers
: >a/site/site.ini
refused 'site.ini: empty' 1 'is missing' a site status
head -c 100000 /dev/zero >a/site/site.ini
refused 'site.ini: binary' 1 'site.ini' a site status
rm a/site/site.ini
refused 'site.ini: gone' 1 "is no site: it has no site.ini … site init" a site status
ini '[policy]' 'two-officers ='
ok 'site.ini: an empty two-officers' a site status
OFFICERS='' refused 'site.ini: destroying needs two all the same' 1 'needs two officers' \
	a key destroy nothing

# ---- the module ----

use officers
sed -i 's/libsofthsm2.so/libsofthsm3.so/' a/site/site.ini
refused 'module: missing' 1 'cannot load … libsofthsm3.so … No such file … module-path' a hsm status
sed -i 's,module-path=.*,module-path=/etc/passwd,' a/site/site.ini
refused 'module: a text file' 1 'cannot load … /etc/passwd … module-path' a hsm status
libc=$(ldd "$(command -v cardkms)" | sed -n 's/.*libcrypto[^ ]* => \([^ ]*\).*/\1/p')
sed -i "s,module-path=.*,module-path=$libc," a/site/site.ini
refused 'module: a library of another kind' 1 "cannot load … $libc … module-path" a hsm status
ok 'module: not needed for the registry' a officer list
use officers
sed -i 's,tokendir = .*,tokendir = /nonexistent,' a/softhsm.conf
refused 'module: that does not start' 1 'cannot initialise … CKR_GENERAL_ERROR … configuration' \
	a hsm status

# ---- the store ----

use officers
rm a/site/cardkms.db
refused 'store: gone' 1 "cardkms.db" a site status
check 'store: not made anew' test ! -e a/site/cardkms.db
use officers
printf 'not a database at all, but long enough to be looked at' >a/site/cardkms.db
refused 'store: another file' 1 'cardkms.db' a site status
use officers
: >a/site/cardkms.db
refused 'store: empty' 1 "cardkms.db' is empty … backup" a site status
use officers
sqlite3 a/site/cardkms.db "INSERT INTO schema_migration SELECT number + 1, name, size, sha256, applied
	FROM schema_migration ORDER BY number DESC LIMIT 1"
refused 'store: of a newer program' 1 'has schema … knows up to … newer cardkms' a site status
use officers
damage_said=
for page in 2 3 9; do
	use officers
	printf '%64s' 'garbage' |
		dd of=a/site/cardkms.db bs=1 seek=$((page * 4096)) conv=notrunc status=none
	for command in 'site status' 'officer list' 'audit verify' 'audit list'; do
		# An answer, or an error with a code and words; never a crash.
		# shellcheck disable=SC2086
		a $command
		check "store: page $page damaged: $command" json_sound
		[ "$CODE" -eq 0 ] || damage_said+=" $page"
	done
done
check 'store: damage is noticed' test "$damage_said"
use officers
sqlite3 a/site/cardkms.db "UPDATE officer SET folded = name || char(1), added = 'then'"
refused 'store: a damaged row' 1 "is damaged: table officer, row 'ana' … backup" a officer list

# ---- the folder ----

refused 'folder: that is not there' 1 "is no site … site init" plain --json -s nowhere key list
use officers
CARDKMS_SITE="$HERE/a/site" ok 'folder: by the environment' plain --json officer list
CARDKMS_SITE='' refused 'folder: named nowhere' 2 'which site? … -s DIR' plain --json officer list

# ---- nothing is changed by a dry run ----

fixture_exchange
use exchange
sed 's/OPMasterKey1/OPMasterKey2/' plan.ini >plan2.ini
EXTRA='officer.eve=some passphrase' dry 'dry run: officer add' a officer add eve
EXTRA='officer.eve=some passphrase' need a officer add eve
dry 'dry run: officer disable' a officer disable eve
dry 'dry run: hsm update' a hsm update --plan plan2.ini
fingerprint=$(sqlite3 b/site/cardkms.db 'SELECT fingerprint FROM partner')
sqlite3 b/site/cardkms.db 'DELETE FROM partner'
dry 'dry run: partner add' b partner add a.id --fingerprint "$fingerprint"
need b partner add a.id --fingerprint "$fingerprint"
dry 'dry run: partner revoke' b partner revoke 'Card Maker'
for verb in suspend retire destroy; do
	dry "dry run: key $verb" a key $verb OPMasterKeyENC1
done
dry 'dry run: key compromise' a key compromise OPMasterKeyENC1 --reason why
need a key suspend OPMasterKeyMAC1
dry 'dry run: key resume' a key resume OPMasterKeyMAC1
need a key resume OPMasterKeyMAC1
mkdir sheets2
dry 'dry run: transport-key create' a transport-key create TK2 --algorithm aes128 --components 2 \
	--partner 'Example Bank' --pairs <(pairs_of 2) --sheets sheets2
dry 'dry run: transport-key create of another kind' a transport-key create TK2 --algorithm tdea3 \
	--components 2 --partner 'Example Bank' --pairs <(pairs_of 2) --sheets sheets2
EXTRA=$(cat components) dry 'dry run: transport-key import' b transport-key import TK2 \
	--algorithm aes256 --components 3 --partner 'Card Maker' --pairs pairs.ini --check-value ABCDEF
dry 'dry run: exchange request' b exchange request --from 'Card Maker' --keyset OPMasterKey1 -o req
need b exchange request --from 'Card Maker' --keyset OPMasterKey1 -o req
dry 'dry run: exchange export' a exchange export --request req --transport-key TK1 -o pkg
need a exchange export --request req --transport-key TK1 -o pkg
dry 'dry run: exchange import' b exchange import pkg --transport-key TK1 --receipt rcpt
need b exchange import pkg --transport-key TK1 --receipt rcpt
dry 'dry run: exchange receipt' a exchange receipt rcpt
dry 'dry run: doctor' a doctor
use officers
plan_maker >plan.ini
dry 'dry run: hsm setup' a hsm setup --plan plan.ini
check 'dry run: hsm setup made no token' test -z "$(ls a/tokens)"
finish
