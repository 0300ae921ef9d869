#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2317 # functions called by name
# Rehearsals: every kind of ceremony file on throw-away sites; test components, which a real ceremony
# refuses, as a rehearsal refuses real ones; nothing left, nothing touched.
. "$(dirname "$0")/screen_lib.sh"
[ "$TOKEN" = softhsm ] || exit 77

rehearse() { # FILE WORD…
	CODE=0
	{
		printf '%s=rehearsal-only\n' pin pin.line1 officer.ana officer.ben
		echo so-pin=rehearsal-only-so
	} >"$TMPDIR/lines"
	cardkms --json --yes --pin-fd 3 ceremony rehearse "$@" >"$OUT" 2>"$ERR" 3<"$TMPDIR/lines" || CODE=$?
	return "$CODE"
}
file() { # KIND, the rest from standard input: neither of today nor for this room
	printf '[ceremony]\nkind = %s\ntitle = The day\ndate = 2031-01-31\n[people]\nofficers = ana, ben\n' "$1"
	cat
}
key() { printf '[key]\nlabel = %s\nalgorithm = aes256\n' "$1"; }
import_test() { # at the real site b
	EXTRA=$(typed_from TK1 3 test) b transport-key import TK1 --algorithm aes256 --components 3 \
		--partner 'Card Maker' --pairs pairs.ini --check-value 123456
}
runs[import_test]=b
# A memory disk of this test's own.
XDG_RUNTIME_DIR=$(mktemp -d -p /dev/shm cardkms-test-XXXXXX 2>/dev/null) || {
	echo 'skipped: there is no /dev/shm'
	exit 77
}
export XDG_RUNTIME_DIR
trap 'screen_over; rm -rf "$XDG_RUNTIME_DIR"' EXIT
folders() { ls "$XDG_RUNTIME_DIR"; }

fixture_typing
use typing
mkdir test
site_before=$(all_of a | sha256sum)

# ---- every kind ----

plan_maker | sed 's/^\[keyset.*/[keyset "Other1"]/; s/0x20/0x21/' >plan2.ini
printf '[files]\nplan = plan.ini\n' | file hsm-setup >hsm-setup.ini
printf '[files]\nplan = plan2.ini\n' | file hsm-update >hsm-update.ini
{ key SK; pairs_three; } | file site-key-create >site-key-create.ini
{ key TK1; echo 'partner = Example Bank'; pairs_three; } | file transport-key-create >transport-key-create.ini
printf '[key]\nlabel = TK1\n[files]\nrequest = no-such\npackage = p\n' | file export >export.ini
printf '[key]\nlabel = TK1\n[files]\npackage = no-such\nreceipt = r\n' | file import >import-keys.ini
printf '[files]\nbackup = b\n' | file backup >backup.ini
printf '[files]\nbackup = no-such\n' | file restore >restore.ini
printf '[key]\nhsm = line1\n' | file replicate >replicate.ini
printf '[key]\nlabel = TK1\n' | file destroy >destroy.ini
kinds=(hsm-setup hsm-update site-key-create transport-key-create export import-keys backup restore replicate destroy)
if [ "${SWEEP:-sample}" = sample ]; then
	mapfile -t kinds < <(shuf -n 4 -e "${kinds[@]}")
fi
for kind in "${kinds[@]}"; do
	rm -f test/*
	ok "$kind" rehearse "$kind.ini" --sheets test
done
check 'no file that a ceremony would have written' bash -c '! ls p r b 2>/dev/null'
rm -f test/*
ok 'sheets: into an empty folder' rehearse transport-key-create.ini --sheets test
for i in 1 2 3; do
	part=$(sheet_plain test/TK1-$i.txt)
	mark=$({
		printf 'cardkms rehearsal'
		xxd -r -p <<<"${part:0:48}"
	} | sha256sum | cut -c1-16)
	equal "sheet $i: a test component" "${mark^^}" "${part:48}"
done
refused 'a real ceremony refuses them' 1 'component 1 is refused: it is one of a rehearsal' import_test
equal 'the real site is as it was' "$site_before" "$(all_of a | sha256sum)"
equal 'no folder is left' '' "$(folders)"

# ---- refusals ----

key TK1 | sed '$a partner = Card Maker\ncheck-value = 123456' | { cat; pairs_three; } |
	file transport-key-import >typed.ini
rehearse typed.ini
equal 'to be typed: where from?' 2 "$CODE"
check 'to be typed: says so' has "$(said)" '--test-sheets DIR'
rehearse destroy.ini --module /nowhere.so
equal 'no such module' 1 "$CODE"
check 'no such module: says so' has "$(said)" 'cannot make ready for the rehearsal … /nowhere.so'
equal 'no folder is left after a failure' '' "$(folders)"

finish
