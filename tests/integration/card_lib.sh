# shellcheck shell=bash disable=SC2119,SC2120
# SPDX-License-Identifier: Apache-2.0
# A site with key sets for cards, and simulated cards. Sourced by card_*.sh.
#
#   fixture_cards                       # once: "cards", site a with the key sets below
#   use cards
#   sim --profile gp23-scp03            # a new card; $R is its reader; state in $CARD
#   sim_again --fault sw:5:6A80         # the same card, with faults
#   ok 'inject' a card inject --reader "$R" …
#   equal 'the card has them' "$(keys_on)" …
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

SIMS=$TMPDIR/sims # beside the case's folder: a card is no part of the site
CARD=$SIMS/card.json
mkdir -p "$SIMS"
SIM='' R=''
# What it was started with, for a sweep.
# shellcheck disable=SC2034
SIM_WORDS=()

# fixture_piv: fixture_cards, and for the PIV-style $SCRIPT: its keys, and a CAP file $SIMS/piv.cap whose
# application $APPLET of $FILE takes it.
# shellcheck disable=SC2034 # for those who source it
fixture_piv() {
	SCRIPT=$CARDKMS_SOURCE/share/cardkms/personalisation/piv-style.ini
	FILE=A0000003080000 APPLET=A000000308000010000100
	fixture_cards
	cat >piv.ini <<-'END'
		[plan]
		name = piv
		[keyset "PivMaster1"]
		customer = Example Bank
		algorithm = aes128
		diversification = kdf3
		key-version = 0x01
	END
	need a --yes hsm update --plan piv.ini
	"$CARDKMS_BIN/capmaker" "$SIMS/piv.cap" "$FILE" "$APPLET" 1 0 100
}

plan_cards() {
	cat <<-'END'
		[plan]
		name = cards
		[keyset "OPMasterKey1"]
		customer = Example Bank
		algorithm = tdea2
		diversification = visa2
		key-version = 0x20
		[keyset "OPMasterKey2"]
		customer = Example Bank
		algorithm = aes128
		diversification = kdf3
		key-version = 0x30
		[keyset "BankMaster1"]
		customer = Example Bank
		algorithm = tdea2
		diversification = emv
		key-version = 0x21
		[keyset "BankMaster2"]
		customer = Example Bank
		algorithm = aes128
		diversification = kdf3
		key-version = 0x30
		[keyset "WrongMaster2"]
		customer = Example Bank
		algorithm = aes128
		diversification = kdf3
		key-version = 0x30
		[keyset "OtherMaster2"]
		customer = Other Bank
		algorithm = aes128
		diversification = kdf3
		key-version = 0x30
	END
}

fixture_cards() {
	empty_case
	need site_new a 'Card Maker' manufacturer ana ben
	quick_passphrases a
	plan_cards >plan.ini
	need a --yes hsm setup --plan plan.ini
	keep cards
}

sim_stop() {
	[ "$SIM" ] || return 0
	kill "$SIM" 2>/dev/null
	wait "$SIM" 2>/dev/null
	SIM=''
}
trap sim_stop EXIT

# sim_again OPTION…: the card (or box of cards) as it is. Sets R; SIM_PORT: the port that it shall have.
sim_again() {
	local i port=''
	sim_stop
	SIM_WORDS=("$@")
	: >"$SIMS/listening"
	"$CARDKMS_BIN/cardsim" --state "$CARD" "$@" --listen "127.0.0.1:${SIM_PORT:-0}" >"$SIMS/listening" 2>"$SIMS/err" &
	SIM=$!
	for ((i = 0; i < 200; i++)); do
		read -r _ _ port <"$SIMS/listening" && [ "$port" ] && break
		sleep 0.02
	done
	if [ -z "$port" ]; then
		failed "cardsim starts" <"$SIMS/err"
		finish
	fi
	R=tcp:127.0.0.1:$port
}

# sim OPTION…: a new one.
sim() {
	sim_stop
	rm -rf "$CARD"
	sim_again "$@"
}

# The key versions and keys of a domain of a card, as the card has them. [FILE [AID]]
keys_on() {
	jq -r --arg aid "${2:-A000000151000000}" '[.entries[] | select(.aid == $aid) | .keys[]
		| "\(.kvn):\(.kid):\(.value)"] | join(" ")' "${1:-$CARD}"
}
versions_on() {
	jq -r --arg aid "${2:-A000000151000000}" '[.entries[] | select(.aid == $aid) | .keys[].kvn]
		| unique | join(" ")' "${1:-$CARD}"
}
# Tries that the card counts as failed.
failures_on() {
	jq -r '[.entries[].sets[].fails] | add // 0' "${1:-$CARD}"
}

query() { # SQL, on the registry
	sqlite3 -readonly "$HERE/a/site/cardkms.db" "$1" 2>&1
}
# "CARD-STATE DOMAIN-STATE KEYSET VERSION FAILURES" of the one card that there is.
registry() {
	query "SELECT c.state, d.state, coalesce(d.keyset, '-'), d.version, d.auth_failures
		FROM card c JOIN card_domain d ON d.card_id = c.id ORDER BY 1, 2, 3"
}
# How the last change stands: STEP, and its outcome if it has one.
change_is() {
	query "SELECT step, coalesce(outcome, 'open') FROM card_change ORDER BY started DESC, rowid DESC LIMIT 1"
}
events() {
	query "SELECT group_concat(event, ' ') FROM (SELECT event FROM card_event ORDER BY card_id, seq)"
}

inject2() { # WORD…: the usual new card under SCP03
	a card inject --reader "$R" --keyset OPMasterKey2 --customer 'Example Bank' "$@"
}
replace2() {
	a card replace --reader "$R" --keyset BankMaster2 "$@"
}
inject1() { # under SCP02
	a card inject --reader "$R" --profile gp211 --keyset OPMasterKey1 --customer 'Example Bank' "$@"
}
replace1() {
	a card replace --reader "$R" --keyset BankMaster1 "$@"
}
runs+=([inject1]=a [inject2]=a [replace1]=a [replace2]=a)

# failed_as NAME CODE "part of … the message" COMMAND…: as refused, but the registry may have changed.
failed_as() {
	local name=$1 code=$2 text=$3
	shift 3
	"$@"
	if [ "$CODE" -eq "$code" ] && has "$(said)" "$text" && [ -z "$(wrong_with_run a)" ]; then
		passed "$name"
	else
		{
			printf 'wanted: exit %s, %s\n' "$code" "$text"
			wrong_with_run a
			last_run
		} | failed "$name"
	fi
}
