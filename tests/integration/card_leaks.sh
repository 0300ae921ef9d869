#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Whole take-overs, held still at every message to the card, while memory, output, trace and store are
# searched for every master, initial, old, new and session key (tests/support/leaks). In two ways:
#
#   network   SoftHSM in another process (p11forwardd): what is found in the program is the program's
#   inside    SoftHSM in the program's own memory, as sites use it: what is found more is SoftHSM's
#
# Allowed is, in locked memory only, what has to be in this process: session keys, initial keys that came
# in clear, and what CMAC of a master begins with where the token has no CMAC that derives. Controls leave
# a key in each form and place, and keep what the program wipes.
. "$(dirname "$0")/card_lib.sh"
if [ "$(id -u)" -ne 0 ]; then
	echo "skipped: only root reads the memory of a process that is not dumpable"
	exit 77
fi
# A preloaded library comes before the sanitizer's runtime.
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0
daemon='' initial='' needles=$TMPDIR/needles
: >"$TMPDIR/known"
trap 'sim_stop; inside' EXIT

# ---- HSM and search ----

network() {
	local i
	inside
	sed -i "s|module-path=.*|module-path=$CARDKMS_BIN/libp11forward.so|" a/site/site.ini
	: >"$TMPDIR/daemon"
	SOFTHSM2_CONF=$HERE/a/softhsm.conf p11forwardd -l "$TMPDIR/hsm" "$softhsm_module" \
		>"$TMPDIR/daemon" 2>&1 &
	daemon=$!
	for ((i = 0; i < 200; i++)); do
		! grep -q ready "$TMPDIR/daemon" || return 0
		sleep 0.05
	done
	failed 'p11forwardd starts' <"$TMPDIR/daemon"
	finish
}

inside() {
	[ -z "$daemon" ] || kill "$daemon"
	daemon=''
	rm -f "$TMPDIR/hsm"
}

# watch REPORT PROGRAM ARG…: under leakwatch; OUT, ERR and CODE as ever.
watch() {
	local report=$1
	shift
	CODE=0
	leakwatch --needles "$needles" --card "${R#tcp:}" --out "$OUT" --err "$ERR" \
		--report "$report" --path a/site --path trace --path a/tokens -- "$@" 3<"$TMPDIR/lines" || CODE=$?
}

# watch_card REPORT WORD…: cardkms card … with the card behind leakwatch, its trace kept. What is in
# PLANT goes into its environment; EXTRA, which holds secrets of this test, does not.
PLANT=()
watch_card() {
	local report=$1
	shift
	secret_lines a/secrets >"$TMPDIR/lines"
	rm -f trace
	watch "$report" env -u EXTRA "SOFTHSM2_CONF=$HERE/a/softhsm.conf" "KILLP11_SOCKET=$TMPDIR/hsm" \
		"${PLANT[@]}" cardkms -s a/site --pin-fd 3 --json card "$@" --reader @READER@ --trace trace
}

# found REPORT WHO: "STOPS PLACE FORM KEY", each once.
found() {
	awk -v who="$2" '$1 == "found" && $3 == who { print $4, $5, $6 }' "$1" | sort | uniq -c |
		sed 's/^ *//'
}

nothing() { # WHAT REPORT WHO [EXCEPT]: nothing was found but what matches EXCEPT
	local lines
	lines=$(found "$2" "$3" | grep -vE "${4:-^$}")
	if [ -z "$lines" ]; then
		passed "$1"
	else
		failed "$1" <<<"$lines"
	fi
}

something() { # WHAT REPORT WHO PATTERN
	if found "$2" "$3" | grep -qE "$4"; then
		passed "$1"
	else
		{
			found "$2" "$3"
			last_run
		} | failed "$1"
	fi
}

# ---- what is known ----

# The keys of the card, as needles NAME.enc, NAME.mac, NAME.dek.
keys_as() { # NAME
	jq -r --arg name "$1" '.entries[0].keys[] |
		"\($name).\({"1": "enc", "2": "mac", "3": "dek"}[.kid | tostring]) \(.value)"' "$CARD"
}

# Whether LABEL HEX lines are the keys that the registry has check values of.
# shellcheck disable=SC2317,SC2016 # called by check; a variable of jq
check_values_fit() { # FILE
	local label hex block cipher got
	a key list
	while read -r label hex; do
		block='\0\0\0\0\0\0\0\0' cipher=des-ede
		[[ $label == *1 ]] || block='\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1' cipher=aes-128-ecb
		got=$(printf '%b' "$block" | openssl enc "-$cipher" -K "$hex" -nopad | od -An -tx1 -N 3 |
			tr -d ' \n')
		[ -n "$got" ] && [ "${got^^}" = "$(get --arg name "${label#master.}" \
			'.result[] | select(.label == $name) | .check_value')" ] || return 1
	done <"$1"
}

masters() {
	use cards
	SOFTHSM2_CONF=$HERE/a/softhsm.conf leakreveal "$softhsm_module" a 87654321 >"$TMPDIR/masters"
	grep ^master "$TMPDIR/masters" >"$TMPDIR/keys"
	check 'the masters are known to this test' test "$(wc -l <"$TMPDIR/keys")" -eq 18
	check '… by the check values of the registry' check_values_fit "$TMPDIR/keys"
}

# learn KIND PROFILE OLD NEW: a card with initial keys that are nobody else's is taken over once, to
# know its keys. They become needles, and `initial` what a vendor would give.
learn() {
	local role
	use cards
	cardsim --show-profile "$2" >"$TMPDIR/$1.ini"
	for role in enc mac dek; do
		sed -i "s/^$role = .*/$role = $(openssl rand -hex 16)/" "$TMPDIR/$1.ini"
	done
	sim --profile "$TMPDIR/$1.ini"
	cp "$CARD" "$TMPDIR/$1.json"
	keys_as initial >"$TMPDIR/known"
	initial=$(sed 's/initial.dek/initial.kek/; s/ /=/' "$TMPDIR/known")
	EXTRA=$initial need a card inject --reader "$R" --keyset "$3" --customer 'Example Bank'
	keys_as old >>"$TMPDIR/known"
	need a card replace --reader "$R" --keyset "$4"
	keys_as new >>"$TMPDIR/known"
}

# The same card and site, as before they met.
again() { # KIND
	use cards
	cat "$TMPDIR/masters" "$TMPDIR/known" >"$needles"
	sim_stop
	cp "$TMPDIR/$1.json" "$CARD"
	sim_again
}

# ---- take-overs ----

locked='secure (raw|hex) initial\.|secure raw (session|cmac)\.'

# takeover WHERE KIND OLD NEW: inject, then replace.
takeover() {
	local where=$1 kind=$2 what report
	again "$kind"
	"$where"
	for what in inject replace; do
		report=$TMPDIR/$where.$kind.$what
		if [ "$what" = inject ]; then
			EXTRA=$initial watch_card "$report" inject --keyset "$3" --customer 'Example Bank'
		else
			watch_card "$report" replace --keyset "$4"
		fi
		ok_code 0 "$where, $kind, $what: done, with $(grep -c '^stop' "$report") stops"
		check "$where, $kind, $what: a stop at each of $(get .result.commands) commands" \
			test "$(grep -c '^stop [0-9]* command' "$report")" -eq "$(get .result.commands)"
		nothing "$where, $kind, $what: no key in output, trace, store and token files" "$report" files
		something "$where, $kind, $what: session keys are in locked memory" "$report" program \
			'secure raw session\.'
		if [ "$where" = network ]; then
			nothing "$where, $kind, $what: no key elsewhere in the program" "$report" program \
				"$locked"
		else
			echo "what SoftHSM leaves inside, $kind, $what (stops place form key):"
			found "$report" program | grep -vE "$locked" | sed 's/^/    /' || echo '    nothing'
		fi
	done
}

ok_code() { # CODE WHAT
	if [ "$CODE" -eq "$1" ]; then
		passed "$2"
	else
		last_run | failed "$2"
	fi
}

# ---- controls ----

plant() { # PLACE FORM: for the next program
	PLANT=("LD_PRELOAD=$CARDKMS_BIN/libleakplant.so" "PLANT_KEY=$TMPDIR/planted" "PLANT_PLACE=$1"
		"PLANT_FORM=$2")
}

# What the program wipes stays: in a take-over under SCP02 that is new keys, which SoftHSM cannot wrap.
unwiped() {
	again legacy
	network
	EXTRA=$initial watch_card "$TMPDIR/report" inject --keyset OPMasterKey1 --customer 'Example Bank'
	plant unwiped raw
	watch_card "$TMPDIR/report" replace --keyset BankMaster1
	PLANT=()
	ok_code 0 'control: a program that does not wipe takes a card over'
	something '… and new keys are found in its memory' "$TMPDIR/report" program '(heap|anon) raw new\.'
	something '… and session keys' "$TMPDIR/report" program '(heap|anon) raw session\.old'
}

# A program that is quick to run: it connects, sends a command, and ends.
talk() { # REPORT
	cat >talker.sh <<-'END'
		reader=${1#tcp:}
		exec 3<>"/dev/tcp/${reader%:*}/${reader#*:}"
		printf '\0\1\1\0\5\0\244\4\0\0' >&3
		read -r -N 2 -t 10 <&3
	END
	watch "$1" env "${PLANT[@]}" bash talker.sh @READER@
}

planted() {
	local report=$TMPDIR/report place form seen
	use cards
	sim --profile gp23-scp03
	openssl rand -hex 32 >"$TMPDIR/planted"
	echo "planted $(<"$TMPDIR/planted")" >"$needles"
	for place in heap freed stack data anon; do
		plant "$place" raw
		talk "$report"
		something "control: found in $place" "$report" program 'raw planted'
	done
	for place in stdout stderr trace a/site/left; do
		plant "$place" raw
		talk "$report"
		something "control: found in $place" "$report" files 'raw planted'
	done
	rm -f a/site/left trace
	for form in raw words hex HEX grouped utf16 utf32 cells; do
		plant anon "$form"
		talk "$report"
		case $form in HEX | grouped) seen=hex ;; *) seen=$form ;; esac
		something "control: found as $form" "$report" program "$seen planted"
	done
	plant heap grouped
	watch_card "$report" info
	something 'control: found in cardkms' "$report" program 'hex planted'
	PLANT=()
	watch_card "$report" info
	nothing 'control: not found where it is not' "$report" program
}

fixture_cards
masters
planted
while read -r kind profile old new; do
	learn "$kind" "$profile" "$old" "$new"
	takeover network "$kind" "$old" "$new"
	takeover inside "$kind" "$old" "$new"
done <<'END'
modern gp23-scp03 OPMasterKey2 BankMaster2
legacy gp211-scp02 OPMasterKey1 BankMaster1
END
unwiped
finish
