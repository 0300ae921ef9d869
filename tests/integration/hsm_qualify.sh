#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2317 # functions called by name
# hsm qualify on every token that is here: the published attacks that succeed are printed, and are
# those of docs/hsm-support.md, whose tables are written from this (UPDATE=1, scripts/hsm-support).
. "$(dirname "$0")/lib.sh"

document=$CARDKMS_SOURCE/docs/hsm-support.md
tokens=(softhsm nss nss-fips guarded)

# qualify TOKEN: a site on it, its report in $TMPDIR/TOKEN.json.
qualify() {
	TOKEN=$1
	token_needs
	empty_case
	need site_new a 'Card Maker' manufacturer ana ben
	quick_passphrases a
	need a hsm setup
	a hsm qualify -o report
	check "$TOKEN: a report, whatever it finds" jq -e '.result.attacks | length > 20' "$OUT"
	get -c .result >"$TMPDIR/$TOKEN.json"
	check "$TOKEN: it is what the file says" cmp "$TMPDIR/$TOKEN.json" report.json
	check "$TOKEN: and as text" grep -q '^Result: ' report
	equal "$TOKEN: nothing of it stays" 4 "$(token_objects a)"
	sound "$TOKEN: sound" a
}

outcome() { # TOKEN ATTACK TARGET
	jq -r --arg a "$2" --arg t "$3" '.attacks[] | select(.attack == $a and .target == $t).outcome' \
		"$TMPDIR/$1.json"
}

# The cells of a table whose rows are named by a filter: NAME TOKEN VALUE lines, for `paste`.
column() { # TOKEN FILTER
	jq -r "$2" "$TMPDIR/$1.json"
}

# table TITLES ROW_FILTER CELL_FILTER: rows by the first token.
table() {
	local token files=()
	echo "| $1 | SoftHSM 2 | NSS softokn | NSS FIPS | private TRUSTED keys |"
	local bars=${1//[^|]/}
	echo "|---${bars//|/|---}|---|---|---|---|"
	column "${tokens[0]}" "$2" >"$TMPDIR/names"
	for token in "${tokens[@]}"; do
		column "$token" "$3" >"$TMPDIR/cells.$token"
		files+=("$TMPDIR/cells.$token")
	done
	paste -d '|' "$TMPDIR/names" "${files[@]}" | sed 's/^/| /; s/|/ | /g; s/  */ /g; s/^ //; s/$/ |/'
}

tables() {
	local short='sub("works"; "yes") | sub("absent"; "–")'
	echo '### Which tokens'
	echo
	echo '| | manufacturer | model | firmware | result |'
	echo '|---|---|---|---|---|'
	for TOKEN in "${tokens[@]}"; do
		jq -r --arg t "$TOKEN" '"| \($t) | \(.manufacturer) | \(.model) | \(.firmware) | \(.result) |"' \
			"$TMPDIR/$TOKEN.json"
	done
	echo
	echo '### Capabilities'
	echo
	table 'capability | what' '.mechanisms[] | "\(.capability) | \(.what)"' \
		".mechanisms[] | .answer | $short"
	echo
	echo '### Ways taken'
	echo
	table 'operation' '.operations[].operation' \
		'.operations[] | if .where == "in-hsm" then .strategy elif .where == "not possible" then "**not possible**" else "host: \(.strategy)" end'
	echo
	echo '### Attributes'
	echo
	table 'role' '.roles[].role' '.roles[].attributes'
	echo
	echo '### Attacks'
	echo
	table 'attack | on | what' '.attacks[] | "\(.attack) | \(.target) | \(.what)"' \
		'.attacks[] | if .outcome == "succeeds" then "**succeeds**" else .outcome end'
}

for TOKEN in "${tokens[@]}"; do
	qualify "$TOKEN"
done

# What must hold of them.
for attack in own-key wrap-decrypt wrap-then-decrypt reimport unwrap-encrypt weaker-key public-key; do
	equal "guarded: $attack" fails "$(outcome guarded "$attack" master-vault)"
done
equal 'guarded: a forged trust' fails "$(outcome guarded forge-trust master-vault)"
equal 'guarded: the guard taken off' fails "$(outcome guarded drop-guard master-vault)"
# These controls show that the attacks are attacks.
equal 'softhsm: an own key wraps an extractable master' succeeds "$(outcome softhsm own-key master-vault)"
equal 'softhsm: wrap and decrypt' succeeds "$(outcome softhsm wrap-decrypt master-vault)"
equal 'softhsm: reimport' succeeds "$(outcome softhsm reimport master-vault)"
for attack in own-key set-extractable copy-extractable read copy-insensitive; do
	equal "softhsm: production: $attack" fails "$(outcome softhsm $attack master-production)"
done
for attack in widen copy-widen; do
	equal "softhsm: transport key: $attack" fails "$(outcome softhsm $attack transport-wrap)"
done
equal 'nss: a copy becomes extractable' succeeds "$(outcome nss copy-extractable master-production)"
for TOKEN in "${tokens[@]}"; do
	printf 'attacks that succeed on %s: %s\n' "$TOKEN" \
		"$(jq -r '[.attacks[] | select(.outcome == "succeeds") | "\(.attack) (\(.target))"] | join(", ")' \
			"$TMPDIR/$TOKEN.json")"
done

# ---- the document ----

begin='<!-- written by scripts.hsm-support -->' # for sed
end='<!-- end of what scripts.hsm-support wrote -->'
tables >"$TMPDIR/tables"
if [ "${UPDATE:-}" ]; then
	{
		sed "/^$begin/q" "$document"
		cat "$TMPDIR/tables"
		sed -n "/^$end/,\$p" "$document"
	} >"$TMPDIR/document" && cat "$TMPDIR/document" >"$document"
fi
sed -n "/^$begin/,/^$end/p" "$document" | sed '1d;$d' >"$TMPDIR/written"
check 'docs/hsm-support.md is what these tokens do (else: scripts/hsm-support)' \
	diff "$TMPDIR/written" "$TMPDIR/tables"
TOKEN=guarded
finish
