#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2317 # functions called by name
# A token that locks its PIN by itself: openCryptoki's software token, at the third wrong one. (It has
# no elliptic curves, so it can be no site's HSM; what happens to its PIN is the same.)
#
# pkcsslotd has fixed places in /etc, /run and /var: here they are this test's own, as is its shared
# memory.
if [ -z "${OPENCRYPTOKI_APART:-}" ]; then
	for needed in pkcsslotd pkcsconf; do
		if ! command -v "/usr/sbin/$needed" >/dev/null; then
			echo "skipped: $needed is not installed (opencryptoki)"
			exit 77
		fi
	done
	if ! unshare -mi true 2>/dev/null; then
		echo 'skipped: no mount namespace of its own can be had (not root)'
		exit 77
	fi
	OPENCRYPTOKI_APART=1 exec unshare -mi --propagation private bash "$0"
fi
TOKEN=opencryptoki
. "$(dirname "$0")/lib.sh"
# Its parts are unloaded before their leaks could be told from ours.
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0

for place in /run /etc/opencryptoki /var/lib/opencryptoki; do
	mount -t tmpfs none "$place"
done
mkdir -p /run/lock/opencryptoki/swtok /run/opencryptoki /var/lib/opencryptoki/swtok/TOK_OBJ
printf 'version opencryptoki-3.1\nslot 3\n{\nstdll = libpkcs11_sw.so\n}\n' \
	>/etc/opencryptoki/opencryptoki.conf
/usr/sbin/pkcsslotd -f >"$TMPDIR/pkcsslotd" 2>&1 &
slotd=$!
trap 'kill $slotd; wait' EXIT
for ((n = 0; n < 200; n++)); do
	[ -e /run/pkcsslotd.socket ] && break
	sleep 0.05
done

# configure ARGUMENT…: pkcsconf, whose only way to give PINs is in arguments.
configure() {
	PKCSLIB=$opencryptoki_module /usr/sbin/pkcsconf -c 3 "$@" >"$TMPDIR/pkcsconf" 2>&1 ||
		{ cat "$TMPDIR/pkcsconf"; return 1; }
}
check 'token: made' configure -I -S 87654321 <<<'a'
check 'token: administrator PIN' configure -P -S 87654321 -n 12345678
check 'token: operator PIN' configure -u -S 12345678 -n 11111111
check 'token: operator PIN, by the operator' configure -p -U 11111111 -n 87654321

fixture_officers
quick_passphrases a
refused 'what this token lacks is said' 1 "cannot generate the pair … on token 'a': CKR_" a hsm setup
wrong() { EXTRA='pin=00000000' a "$@" hsm setup; }
refused 'the first wrong PIN' 1 'CKR_PIN_INCORRECT … the PIN is wrong (it was tried once) … few tries are left' wrong
refused 'the second' 1 'CKR_PIN_INCORRECT … one try is left before it locks … check the operator PIN' wrong
refused 'the last try is not made unasked' 1 "locks its operator PIN at one more wrong PIN … no terminal … --yes" wrong
refused 'nor with the right PIN' 1 'locks its operator PIN' a hsm setup
refused 'the third' 1 'the PIN is locked … administrator must set a new operator PIN' wrong --yes
refused 'locked, whatever the PIN' 1 'CKR_PIN_LOCKED … the PIN is locked' a --yes hsm setup
check 'token: a new operator PIN' configure -u -S 12345678 -n 22222222
check 'token: by the operator' configure -p -U 22222222 -n 33333333
EXTRA='pin=33333333' refused 'unlocked: it goes as far as at first' 1 'cannot generate the pair' a hsm setup
finish
