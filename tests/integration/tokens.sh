# shellcheck shell=bash disable=SC2034 # for those who source it
# SPDX-License-Identifier: Apache-2.0
# The token under a site, by TOKEN: softhsm (if unset), nss and so on. Sourced by lib.sh.
#
#   softhsm    SoftHSM 2
#   nss        NSS softokn, its database slot (by the site's init-args)
#   nss-fips   NSS softokn in FIPS mode: keys may not come in or go out in clear
#   opencryptoki  openCryptoki's software token, for opencryptoki_lockout.sh alone
#   forward    SoftHSM 2 behind p11forwardd: an HSM in a network that locks PINs (at the third wrong
#              one); $TMPDIR/NAME.faults holds what goes wrong (faults.h)
#   guarded    the same with private TRUSTED keys, so that masters leave it under such keys only
#
# The token of site NAME lives in $HERE/NAME/tokens, so a copy of the folder has a copy of the token.
# For each token there are the functions below; what they mean stands once, above the dispatch.
TOKEN=${TOKEN:-softhsm}
softhsm_module=/usr/lib/softhsm/libsofthsm2.so
softokn_module=/usr/lib/x86_64-linux-gnu/libsoftokn3.so
opencryptoki_module=/usr/lib/x86_64-linux-gnu/opencryptoki/libopencryptoki.so.0
forward_module=$CARDKMS_BIN/libp11forward.so

need_file() {
	[ -e "$1" ] && return
	echo "skipped: $1 is not installed"
	exit 77
}

case $TOKEN in
softhsm) token_module=$softhsm_module ;;
nss) token_module=$softokn_module ;;
*) token_module=$forward_module ;;
esac

# ---- SoftHSM ----

softhsm_conf() { # FOLDER: the token store there
	mkdir -p "$1/tokens"
	printf 'directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\n' \
		"$1" >"$1/softhsm.conf"
}

softhsm_needs() { need_file "$softhsm_module"; }
softhsm_site() { site_options=(--hsm "pkcs11:token=$1?module-path=$softhsm_module"); }
softhsm_pins() { printf 'so-pin=12345678\npin=87654321\n'; }
softhsm_env() { token_env=("SOFTHSM2_CONF=$HERE/$1/softhsm.conf"); }
# token.object has flags that SoftHSM sets at each login.
softhsm_files() { find "$1" -name '*.object' ! -name token.object "${@:2}"; }
softhsm_lose() { softhsm_files "$1" -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d ' ' -f 2- | xargs -d '\n' rm; }
softhsm_state() { softhsm_files "$1" | sort | xargs -r sha256sum; }

# ---- NSS softokn ----

nss_needs() { need_file "$softokn_module"; }
nss_conf() { mkdir -p "$1/tokens"; }
nss_args() { echo "configdir='sql:$HERE/$1/tokens' certPrefix='' keyPrefix='' secmod='secmod.db' flags="; }
nss_site() {
	site_options=(--hsm "pkcs11:token=NSS%20Certificate%20DB?module-path=$softokn_module"
		--init-args "$(nss_args "$1")")
}
nss_pins() { softhsm_pins; }
nss_env() { token_env=(NSS_IGNORE_SYSTEM_POLICY=1); }
nss_files() { # one line an object
	[ ! -e "$1/key4.db" ] || sqlite3 -readonly "$1/key4.db" 'SELECT id FROM nssPrivate'
	[ ! -e "$1/cert9.db" ] || sqlite3 -readonly "$1/cert9.db" 'SELECT id FROM nssPublic'
}
nss_lose() {
	sqlite3 "$1/key4.db" 'DELETE FROM nssPrivate WHERE rowid = (SELECT max(rowid) FROM nssPrivate)'
}
nss_state() {
	[ ! -e "$1/key4.db" ] || sqlite3 -readonly "$1/key4.db" .dump
	[ ! -e "$1/cert9.db" ] || sqlite3 -readonly "$1/cert9.db" .dump
}

# ---- NSS softokn in FIPS mode: another list of functions, which libp11forward.so asks for ----

nss_fips_needs() { nss_needs; }
nss_fips_conf() { nss_conf "$@"; }
nss_fips_site() {
	site_options=(
		--hsm "pkcs11:token=NSS%20FIPS%20140-2%20Certificate%20DB?module-path=$forward_module"
		--init-args "$(nss_args "$1")")
}
# Seven characters at least, of three kinds; a capital at the beginning and a digit at the end do not
# count.
nss_fips_pins() { printf 'so-pin=12345678\npin=op3rator-Pin\n'; }
nss_fips_env() {
	token_env=(NSS_IGNORE_SYSTEM_POLICY=1 KILLP11_ENTRY=FC_GetFunctionList
		"KILLP11_MODULE=$softokn_module" FORGE_PIN=op3rator-Pin)
}
nss_fips_files() { nss_files "$@"; }
nss_fips_lose() { nss_lose "$@"; }
nss_fips_state() { nss_state "$@"; }

# ---- SoftHSM behind a socket ----

declare -A forward_pid=()
forward_needs() { softhsm_needs; }

# The server stays while the site's folder comes and goes: it has its place by name only.
forward_conf() {
	local name=${1##*/} tries trusted=()
	[ "$TOKEN" != guarded ] || trusted=(-t)
	softhsm_conf "$1"
	mkdir -p "$1/tokens/hsm"
	[ -z "${forward_pid[$name]:-}" ] || return 0
	: >"$TMPDIR/$name.faults"
	: >"$TMPDIR/$name.served"
	SOFTHSM2_CONF=$1/softhsm.conf "$CARDKMS_BIN/p11forwardd" -s "$1/tokens/hsm" -p 3 "${trusted[@]}" \
		-f "$TMPDIR/$name.faults" -l "$TMPDIR/$name.sock" "$softhsm_module" \
		>"$TMPDIR/$name.served" 2>&1 &
	forward_pid[$name]=$!
	for ((tries = 0; tries < 500; tries++)); do
		grep -q ready "$TMPDIR/$name.served" && return
		sleep 0.01
	done
	cat "$TMPDIR/$name.served"
	exit 1
}
forward_site() { site_options=(--hsm "pkcs11:token=$1?module-path=$forward_module"); }
forward_pins() { softhsm_pins; }
forward_env() { token_env=("KILLP11_SOCKET=$TMPDIR/$1.sock"); }
forward_files() { softhsm_files "$@"; }
forward_lose() { softhsm_lose "$@"; }
forward_state() { softhsm_state "$@"; }

for what in needs conf site pins env files lose state; do
	eval "guarded_$what() { forward_$what \"\$@\"; }"
done

# ---- openCryptoki, where opencryptoki_lockout.sh has set it up ----

opencryptoki_needs() { need_file "$opencryptoki_module"; }
opencryptoki_conf() { mkdir -p "$1/tokens"; }
opencryptoki_site() { site_options=(--hsm "pkcs11:token=$1?module-path=$opencryptoki_module"); }
opencryptoki_pins() { softhsm_pins; }
opencryptoki_env() { token_env=("PKCSLIB=$opencryptoki_module"); }
opencryptoki_files() { find /var/lib/opencryptoki/swtok/TOK_OBJ -type f; }
opencryptoki_state() { opencryptoki_files | sort; }

# ---- whichever it is ----

# Skips the test if the token is not installed.
token_needs() { "${TOKEN//-/_}_needs"; }
# token_conf FOLDER: makes the place of a token there; once more after the folder was copied.
token_conf() { "${TOKEN//-/_}_conf" "$1"; }
# token_site NAME: sets site_options, the options of site init.
token_site() { "${TOKEN//-/_}_site" "$1"; }
# The lines of --pin-fd for a token's PINs.
token_pins() { "${TOKEN//-/_}_pins"; }
# token_for NAME: sets token_env, words for env.
token_for() { "${TOKEN//-/_}_env" "$1"; }
# The number of objects on a site's tokens.
token_objects() { "${TOKEN//-/_}_files" "$HERE/$1/tokens" | grep -c .; }
# The object that was made last is gone from a site's token.
token_lose() { "${TOKEN//-/_}_lose" "$HERE/$1/tokens"; }
# What of a site's tokens a refused command must not change.
token_state() { "${TOKEN//-/_}_state" "$HERE/$1/tokens"; }

# token_inside xor | wrap ALGORITHM | unwrap ALGORITHM | put-key-scp02: whether the token combines
# components, wraps or unwraps by ECB and CBC under a key of that algorithm, or wraps keys for a card
# under SCP02, without the host's help.
token_inside() {
	# NSS unwraps no TDEA key under AES.
	[[ $TOKEN == nss* && "$*" != unwrap\ aes* ]]
}
