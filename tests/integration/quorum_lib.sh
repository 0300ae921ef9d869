# shellcheck shell=bash disable=SC2034 # for those who source it
# SPDX-License-Identifier: Apache-2.0
# Sites whose HSM a quorum opens. Sourced by quorum*.sh, after lib.sh.
sql() { sqlite3 "$HERE/a/site/cardkms.db" "$1"; }
pins() { sql 'SELECT kind, state, number, sealed FROM sealed_pin ORDER BY kind, state'; }
numbers() { sql "SELECT kind || ' ' || state || ' ' || number FROM sealed_pin ORDER BY kind, state" | paste -sd ' '; }

# Who is there: only these officers' lines are given, and no PIN.
only() { # NAME… -- COMMAND…
	local name here=' '
	while [ "$1" != -- ]; do
		here+="$1 "
		shift
	done
	shift
	local without='pin so-pin'
	for name in ana ben cem dia eva; do
		[[ $here == *" $name "* ]] || without+=" officer.$name"
	done
	WITHOUT=$without "$@"
}
# As `a`, with members instead of approvers.
members_are() { # A,B,C WORD…
	local list=$1
	shift
	OFFICERS=$list on a "$@"
}
runs[only]=a runs[members_are]=a

# untried NAME: in the last run nobody logged in, and what is sealed is as before.
untried() {
	equal "$1: no login" 0 "$(grep -c C_Login "$TMPDIR/calls.log")"
	equal "$1: what is sealed stays" "$before" "$(pins)"
}
watch() {
	before=$(pins)
	: >"$TMPDIR/calls.log"
	export KILLP11_LOG=$TMPDIR/calls.log
}
all='officer.ana=correct horse
officer.ben=battery staple
officer.cem=staple correct
officer.dia=horse battery
officer.eva=correct staple'

# "five": five officers who hold nothing yet. "set": any three of them open the HSM.
fixture_site
export OFFICERS=ana,ben
EXTRA=$all need a officer add cem
EXTRA=$all need a officer add dia
EXTRA=$all need a officer add eva --role operator
EXTRA=$all$'\nofficer.aud=only reading' need a officer add aud --role auditor
unset OFFICERS
tail -n 3 <<<"$all" >>a/secrets
# All hashed at the least cost (lib.sh); what opens their shares is not.
quick_passphrases a
sql "UPDATE officer SET passphrase_hash = (SELECT passphrase_hash FROM officer WHERE name = 'ana')
	WHERE name IN ('cem', 'dia', 'eva')"
sed -i '/^officer\.\(cem\|dia\|eva\)=/s/=.*/=correct horse/' a/secrets
keep five

# fixture_quorum: "set": any three of them open the HSM.
fixture_quorum() {
	use five
	need members_are ana,ben,cem,dia,eva quorum set --threshold 3
	keep set
}

