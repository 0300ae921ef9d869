#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# app show: a CAP file as people and programs see it, and a bad one, which nothing is shown of.
. "$(dirname "$0")/lib.sh"

cap=$CARDKMS_SOURCE/tests/fuzz/corpus/cap/good

ok 'app show' plain app show "$cap"
check 'app show: its applet' grep -qx 'A0000000010101' "$OUT"
ok 'app show --json' plain --json app show "$cap"
equal 'app show --json: package, load bytes, what it imports' 'A00000000101 2.1 116 A0000000620101' \
	"$(jq -r '.result | "\(.package) \(.version) \(.load_bytes) \(.imports[0].aid)"' "$OUT")"
parts=
for name in Header Directory Import Applet Class Method StaticField ConstantPool RefLocation; do
	parts+=" $name"
done
equal 'app show --json: components in the order of loading' "${parts# } Descriptor" \
	"$(jq -r '[.result.components[].component] | join(" ")' "$OUT")"
head -c 300 "$cap" >bad.cap
plain app show bad.cap
equal 'app show: truncated: status' 1 "$CODE"
check 'app show: truncated: nothing is shown' test ! -s "$OUT"
check 'app show: truncated: says why' grep -q 'bad.cap: cannot read the CAP file' "$ERR"
finish
